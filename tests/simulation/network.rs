//! The network: packets cross links, which lose, repeat and reorder them, from node to node.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use xcast_sec::forward::{CopyKind, Outcome, PacketCopy, RouteLookup};
use xcast_sec::time::Instant;
use xcast_sec::wire::{ChecksumPolicy, CodePoints, DestinationSet, Family, XcastPacket};

use crate::call::{Call, Tally, destinations, tally};
use crate::deployment::{Deployment, Start};
use crate::group::{Group, Sender};
use crate::ledger::{Ledger, Totals};
use crate::link::{self, Original};
use crate::node::{How, Log, Node, Refused, one_hop_on};
use crate::random::Random;
use crate::reader::{OuterKind, Seen, read};
use crate::routes::all_routes;
use crate::session::{Opened, Receivers};
use crate::topology::{NodeId, Topology};

/// What links do, so many times in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) loss: usize,
    pub(crate) duplication: usize,
    pub(crate) reordering: usize,
    /// What the library is told: that a copy could not be sent.
    pub(crate) egress: usize,
}

impl Faults {
    pub(crate) const NONE: Self = Self { loss: 0, duplication: 0, reordering: 0, egress: 0 };
    pub(crate) const BAD: Self = Self { loss: 15, duplication: 15, reordering: 300, egress: 10 };
}

/// A packet on a link. The order is that of arrival.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crossing {
    at: u64,
    /// Of two at once the one that was sent first.
    sequence: u64,
    from: NodeId,
    to: NodeId,
    number: usize,
    octets: Vec<u8>,
}

/// How often a packet of the sender's crossed a link, for whom.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Use {
    pub(crate) copies: usize,
    pub(crate) destinations: DestinationSet,
}

pub(crate) struct Network {
    pub(crate) topology: Topology,
    pub(crate) group: Group,
    pub(crate) deployment: Deployment,
    faults: Faults,
    random: Random,
    pub(crate) nodes: Vec<Node>,
    receivers: Receivers,
    sender: Sender,
    originals: Vec<Original>,
    queue: BinaryHeap<Reverse<Crossing>>,
    now: u64,
    sequence: u64,
    pub(crate) ledger: Ledger,
    pub(crate) links: BTreeMap<(usize, NodeId, NodeId), Use>,
    /// Packets that the library refused, where and why.
    pub(crate) refused: Vec<(NodeId, Refused)>,
    /// All counters of all nodes.
    pub(crate) tally: Tally,
    pub(crate) totals: Totals,
    /// Every packet on every link, if it was asked for.
    pub(crate) trace: Option<Vec<(NodeId, NodeId, Seen)>>,
}

impl Network {
    pub(crate) fn new(
        mut random: Random,
        topology: Topology,
        group: Group,
        deployment: Deployment,
        faults: Faults,
    ) -> Self {
        let routes = all_routes(&topology, &deployment.plan, &group);
        let nodes = routes.into_iter().enumerate();
        let nodes = nodes.map(|(at, routes)| Node { routes, engine: deployment.engine(&topology, &group, at) });
        Self {
            nodes: nodes.collect(),
            receivers: Receivers::new(&group),
            sender: Sender::new(&group, Random::new(random.number())),
            originals: Vec::new(),
            queue: BinaryHeap::new(),
            now: 0,
            sequence: 0,
            ledger: Ledger::default(),
            links: BTreeMap::new(),
            refused: Vec::new(),
            tally: Tally::new(),
            totals: Totals::default(),
            trace: None,
            topology,
            group,
            deployment,
            faults,
            random,
        }
    }

    /// The sender's next packet, as it builds it.
    pub(crate) fn build(&mut self) -> (usize, Vec<u8>) {
        let octets = self.sender.build(&self.group);
        let number = self.originals.len();
        let seen = read(&octets);
        let original = Original { payload: seen.payload, speech: self.group.speech(number) };
        self.originals.push(original);
        self.ledger.open(self.group.members.len());
        self.totals.packets += 1;
        (number, octets)
    }

    /// Builds a packet and sends it on its way.
    pub(crate) fn send(&mut self) {
        let (number, octets) = self.build();
        let (sender, router) = (self.group.sender, self.topology.router_of(self.group.sender));
        match self.deployment.start {
            Start::ToRouter => self.cross(number, sender, router, octets),
            Start::Originate => drop(self.through_library(number, sender, How::Originate, &octets)),
            Start::Through(tunnel) => drop(self.through_library(number, sender, How::Through(tunnel), &octets)),
        }
        self.now += 700;
    }

    /// Until nothing is on the way any more.
    pub(crate) fn run(&mut self) {
        while let Some(Reverse(crossing)) = self.queue.pop() {
            self.now = self.now.max(crossing.at);
            if self.topology.is_host(crossing.to) {
                self.arrive_at_host(&crossing);
            } else {
                self.arrive_at_router(&crossing);
            }
        }
    }

    /// Puts a packet on a link.
    pub(crate) fn cross(&mut self, number: usize, from: NodeId, to: NodeId, octets: Vec<u8>) {
        let seen = read(&octets);
        let set = link::check(&self.topology, &self.group, &self.originals[number], &octets, &seen);
        assert!(octets.len() <= self.deployment.plan.mtu(from, to), "longer than the MTU");
        let link = self.links.entry((number, from, to)).or_default();
        link.copies += 1;
        link.destinations = link.destinations.union(set);
        self.totals.crossings += 1;
        if let Some(trace) = &mut self.trace {
            trace.push((from, to, seen));
        }

        let Faults { loss, duplication, reordering, .. } = self.faults;
        if self.random.chance(loss) {
            self.totals.lost += 1;
            self.ledger.lose(number, set);
            return;
        }
        let copies = if self.random.chance(duplication) { 2 } else { 1 };
        if copies == 2 {
            self.totals.repeated += 1;
            self.ledger.repeat(number, set);
        }
        for _ in 0..copies {
            let late = if self.random.chance(reordering) { self.random.below(5000) as u64 } else { 0 };
            self.sequence += 1;
            let (at, sequence) = (self.now + 100 + late, self.sequence);
            self.queue.push(Reverse(Crossing { at, sequence, from, to, number, octets: octets.clone() }));
        }
    }

    // --- Routers ------------------------------------------------------------------------------------------------------

    fn arrive_at_router(&mut self, crossing: &Crossing) {
        let &Crossing { from, to: at, number, ref octets, .. } = crossing;
        if self.through_library(number, at, How::Forward(from), octets).is_none() {
            self.forward_plainly(number, at, octets);
        }
    }

    /// Hands a packet to the library and checks what it does with it; `None` if that is none of its business.
    fn through_library(&mut self, number: usize, at: NodeId, how: How, octets: &[u8]) -> Option<Outcome> {
        let mut log = Log::default();
        let parent = read(octets);
        if self.random.chance(self.faults.egress) {
            let members = destinations(&parent, &self.group);
            let node = members.first().and_then(|index| self.group.members[index].node);
            log.failing = node.and_then(|node| self.topology.next_hop(at, node));
        }
        let now = Instant::from_micros(self.now);
        let (result, counters) = self.nodes[at].call(how, now, octets, &mut log);
        for (name, count) in tally(&counters) {
            *self.tally.entry(name).or_insert(0) += count;
        }
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(Refused::NotXcast) => return None,
            Err(refused) => {
                assert!(log.sent.is_empty());
                self.ledger.drop_all(number, destinations(&parent, &self.group), "refused");
                self.refused.push((at, refused));
                return Some(Outcome::default());
            }
        };
        let Self { topology, group, deployment, nodes, .. } = &*self;
        let (node, parent, outcome) = (&nodes[at], &parent, &outcome);
        let (log, counters) = (&log, &counters);
        let call = Call { at, how, topology, group, deployment, node, parent, outcome, log, counters };
        for (index, why) in call.check() {
            self.ledger.drop_one(number, index, why);
        }
        for sent in &log.sent {
            self.totals.count(sent.kind);
            self.cross(number, at, sent.next_hop, sent.octets.clone());
        }
        Some(*outcome)
    }

    /// Forwarding as it always was.
    fn forward_plainly(&mut self, number: usize, at: NodeId, octets: &[u8]) {
        let seen = read(octets);
        let to = seen.outermost_destination();
        assert_ne!(to, all_routers(self.group.style.family), "Xcast to router {at}, which does not know it");
        let route = self.nodes[at].routes.route(to);
        let sent = one_hop_on(octets).zip(route).filter(|((copy, _), route)| copy.len() <= route.mtu);
        match sent {
            Some(((copy, _), route)) => self.cross(number, at, route.next_hop, copy),
            None => self.ledger.drop_all(number, destinations(&seen, &self.group), "plain"),
        }
    }

    // --- Hosts --------------------------------------------------------------------------------------------------------

    fn arrive_at_host(&mut self, crossing: &Crossing) {
        let &Crossing { to: at, number, ref octets, .. } = crossing;
        let address = self.topology.address(self.group.style.family, at);
        let seen = read(octets);
        let (set, own) = (destinations(&seen, &self.group), self.group.indices_at(address));
        let (own, others) = (set.intersection(own), set.difference(own));
        assert!(!own.is_empty(), "host {at} got what is for others: {set:?}");
        assert!(seen.outer.is_none_or(|outer| outer.destination == address));
        self.ledger.arrive(number, own);
        if seen.list.is_none() {
            assert_eq!(others, DestinationSet::EMPTY);
            self.ledger.deliver(number, own);
            return;
        }
        let delivered = self.deliver_xcast(number, at, own, octets, &seen);
        if others.is_empty() {
            self.check_alone(number, at, octets, &seen);
        } else if delivered {
            assert!(seen.outer.is_some(), "a neighbour left to a host what is for others");
            let how = self.relaying(at);
            let outcome = self.through_library(number, at, how, octets).expect("Xcast");
            assert_eq!(outcome.local_destinations, own);
        } else {
            // What it had before it does not relay again.
            self.ledger.drop_all(number, others, "replayed");
        }
    }

    /// In XCAST6 2.0 a host does what a router does.
    fn relaying(&self, host: NodeId) -> How {
        if self.group.style.v2 { How::Forward(self.topology.router_of(host)) } else { How::Relay }
    }

    /// A host to which nothing is left to relay is told so.
    fn check_alone(&mut self, number: usize, at: NodeId, octets: &[u8], seen: &Seen) {
        if seen.outer.is_some() {
            let outcome = self.through_library(number, at, self.relaying(at), octets).expect("Xcast");
            assert_eq!(outcome.copies, 0);
        }
    }

    /// Whether it was new, as far as the protection can tell.
    fn deliver_xcast(&mut self, number: usize, at: NodeId, own: DestinationSet, octets: &[u8], seen: &Seen) -> bool {
        let speech = &self.originals[number].speech;
        if seen.kind() == Some(OuterKind::V2) {
            assert_eq!(&seen.payload[8..], speech);
            self.ledger.deliver(number, own);
            return true;
        }
        let inner = &octets[octets.len() - inner_len(octets, seen)..];
        let code_points = CodePoints::rfc4727_experiment();
        let opened = if self.group.style.protected() {
            match self.receivers.open(at, inner) {
                Opened::Authentic(packet) => packet,
                Opened::Replayed => return false,
            }
        } else {
            inner.to_vec()
        };
        let packet = XcastPacket::parse(&opened, &code_points, ChecksumPolicy::Verify).unwrap();
        for index in own.iter() {
            let local = PacketCopy::local(&packet, index).expect("a datagram");
            assert_eq!((local.kind(), local.destinations()), (CopyKind::Unicast, DestinationSet::single(index)));
            let mut datagram = vec![0; local.len()];
            assert_eq!(local.emit(&mut datagram), Ok(local.len()));
            let read = read(&datagram);
            assert_eq!(destinations(&read, &self.group), DestinationSet::single(index));
            assert_eq!((read.source, &read.payload[8..]), (self.group.source, &speech[..]));
        }
        self.ledger.deliver(number, own);
        true
    }
}

fn inner_len(octets: &[u8], seen: &Seen) -> usize {
    match seen.kind() {
        None => octets.len(),
        Some(OuterKind::SemiPermeable) => octets.len() - 48,
        Some(_) if octets[0] >> 4 == 4 => octets.len() - 20,
        Some(_) => octets.len() - 40,
    }
}

fn all_routers(family: Family) -> std::net::IpAddr {
    let fields = *CodePoints::rfc4727_experiment().fields();
    match family {
        Family::V4 => fields.routers_v4.into(),
        Family::V6 => fields.routers_v6.into(),
    }
}
