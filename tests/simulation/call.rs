//! What has to hold of every packet that a node took, and of the copies that it made of it: judged by what was read from
//! the octets, and by the simulation's own knowledge of the ways.

use std::collections::BTreeMap;

use xcast_sec::forward::{CopyKind, Counters, DEFAULT_TUNNEL_HOP_LIMIT, HostTunnel, Outcome, RouteLookup, TunnelUse};
use xcast_sec::wire::DestinationSet;

use crate::deployment::Deployment;
use crate::dscps;
use crate::group::Group;
use crate::node::{How, Log, Node, Sent};
use crate::reader::{OuterKind, Seen};
use crate::topology::{NodeId, Topology};

/// Numbers by name, as in [`Counters`].
pub(crate) type Tally = BTreeMap<String, u64>;

/// Reads the counters out of their `Debug` output, so that none is forgotten; those of 0 are left out.
pub(crate) fn tally(counters: &Counters) -> Tally {
    let text = format!("{counters:?}");
    let fields = text.trim_start_matches("Counters {").trim_end_matches('}').split(',');
    let numbers = fields.map(|field| {
        let (name, number) = field.split_once(':').unwrap();
        (name.trim().to_owned(), number.trim().parse().unwrap())
    });
    numbers.filter(|(_, number)| *number != 0).collect()
}

/// The destinations that a packet is still to be brought to, as indices of the group's list.
pub(crate) fn destinations(seen: &Seen, group: &Group) -> DestinationSet {
    match &seen.list {
        Some(list) => list.bits,
        None => {
            let port = u16::from_be_bytes([seen.payload[2], seen.payload[3]]);
            let index = group.index_of(seen.destination, port);
            DestinationSet::single(index.unwrap_or_else(|| panic!("to {}, port {port}", seen.destination)))
        }
    }
}

/// One packet through one node.
pub(crate) struct Call<'a> {
    pub(crate) at: NodeId,
    pub(crate) how: How,
    pub(crate) topology: &'a Topology,
    pub(crate) group: &'a Group,
    pub(crate) deployment: &'a Deployment,
    pub(crate) node: &'a Node,
    pub(crate) parent: &'a Seen,
    pub(crate) outcome: &'a Outcome,
    pub(crate) log: &'a Log,
    pub(crate) counters: &'a Counters,
}

impl Call<'_> {
    /// Checks it, and returns the destinations that ended here, for which reason: names of counters.
    pub(crate) fn check(&self) -> Vec<(usize, &'static str)> {
        let arrived = destinations(self.parent, self.group);
        let own = self.node.routes.own();
        let local: DestinationSet =
            arrived.iter().filter(|&index| own.contains(&self.group.members[index].address)).collect();
        assert_eq!(self.outcome.local_destinations, local);
        assert_eq!(self.outcome.local, !local.is_empty());

        let mut served = DestinationSet::EMPTY;
        for sent in &self.log.sent {
            let set = destinations(&sent.seen, self.group);
            assert_eq!(set, sent.destinations, "what a copy says of itself");
            assert!(!set.is_empty() && set.is_subset(arrived.difference(local)), "{set:?} of {arrived:?}");
            assert!(served.intersection(set).is_empty(), "served twice: {set:?}");
            served = served.union(set);
            self.check_hops(sent);
            self.check_way(sent);
            self.check_service(sent);
        }
        assert_eq!((self.outcome.copies, self.outcome.sent), (self.log.sent.len(), served));
        assert!(self.outcome.copies <= arrived.len());
        self.check_sharing();

        let left = arrived.difference(local).difference(served);
        let dropped: Vec<_> = left.iter().map(|index| (index, self.why(index))).collect();
        self.check_counters(arrived, local, &dropped);
        dropped
    }

    // --- Hops ---------------------------------------------------------------------------------------------------------

    /// The hop limit that a copy's own IP header is to have.
    fn hop_limit(&self) -> u8 {
        let inner = self.parent.hop_limit;
        match (self.how, self.parent.outer) {
            (How::Originate | How::Through(_), _) => inner,
            (_, Some(outer)) if outer.kind == OuterKind::V2 => outer.hop_limit.saturating_sub(1),
            (How::Forward(_), Some(outer)) if outer.kind == OuterKind::SemiPermeable => {
                inner.min(outer.hop_limit.saturating_sub(1))
            }
            _ => inner.saturating_sub(1),
        }
    }

    fn check_hops(&self, sent: &Sent) {
        let (seen, hop_limit) = (&sent.seen, self.hop_limit());
        let outer = seen.outer.map(|outer| (outer.kind, outer.hop_limit));
        let expected = match (self.how, self.parent.outer, sent.kind) {
            (_, _, CopyKind::Unicast) => (hop_limit, None),
            (_, Some(outer), CopyKind::Xcast) if outer.kind == OuterKind::V2 => {
                (self.parent.hop_limit, Some((OuterKind::V2, hop_limit)))
            }
            (_, _, CopyKind::Xcast) => (hop_limit, None),
            (How::Through(_) | How::Relay, _, CopyKind::Tunnelled) => (hop_limit, Some((OuterKind::Tunnel, hop_limit))),
            (How::Through(_) | How::Relay, _, CopyKind::SemiPermeable) => {
                (hop_limit, Some((OuterKind::SemiPermeable, hop_limit)))
            }
            (_, _, CopyKind::Tunnelled) => (hop_limit, Some((OuterKind::Tunnel, DEFAULT_TUNNEL_HOP_LIMIT))),
            (_, Some(outer), CopyKind::SemiPermeable) if outer.kind == OuterKind::SemiPermeable => {
                (self.parent.hop_limit, Some((OuterKind::SemiPermeable, outer.hop_limit - 1)))
            }
            (_, _, CopyKind::SemiPermeable) => {
                (hop_limit, Some((OuterKind::SemiPermeable, self.deployment.initiated_hop_limit)))
            }
            (_, _, kind) => panic!("{kind:?}"),
        };
        assert_eq!((seen.hop_limit, outer), expected, "{:?} at {}", self.how, self.at);
        assert!(seen.outermost_hop_limit() > 0);
    }

    // --- Ways ---------------------------------------------------------------------------------------------------------

    /// Whether the node branches, rather than sending one copy to a first member.
    fn branches(&self) -> bool {
        matches!(self.how, How::Forward(_) | How::Originate)
    }

    fn next_hop(&self, index: usize) -> Option<NodeId> {
        self.group.members[index].node.and_then(|to| self.topology.next_hop(self.at, to))
    }

    /// Every copy goes where its destinations are, by the shortest way, or to the far end of the tunnel that leads there.
    fn check_way(&self, sent: &Sent) {
        let toward = sent.seen.outer.map(|outer| (outer, self.topology.node(outer.destination).expect("a node")));
        let by_tunnel = self.branches() && sent.kind == CopyKind::Tunnelled;
        if let Some((outer, to)) = toward.filter(|_| self.deployment.tunnel_use == TunnelUse::Routes || !by_tunnel) {
            assert_eq!(self.topology.next_hop(self.at, to), Some(sent.next_hop), "{outer:?}");
        }
        for index in sent.destinations.iter() {
            let address = self.group.members[index].address;
            if by_tunnel {
                let tunnel = self.node.routes.tunnel(address).map(|tunnel| (tunnel.local(), tunnel.remote()));
                assert_eq!(tunnel, toward.map(|(outer, _)| (outer.source, outer.destination)));
            }
            if self.branches() && !(by_tunnel && self.deployment.tunnel_use == TunnelUse::Routes) {
                let next_hop = self.next_hop(index);
                assert!(next_hop.is_none_or(|next_hop| next_hop == sent.next_hop), "{address} by {}", sent.next_hop);
            }
        }
        // A tunnel through members leads to one that it is for.
        if let Some((outer, _)) = toward.filter(|_| !by_tunnel) {
            assert!(!self.group.indices_at(outer.destination).intersection(sent.destinations).is_empty());
        }
    }

    /// Nobody gets more copies than are needed: one for each neighbour or tunnel, but where DSCPs do not merge or the neighbour
    /// does not know Xcast. And what is for one destination alone is unicast, where it may.
    fn check_sharing(&self) {
        // What a member relays, and what a semi-permeable tunnel of such a member's holds, would be unicast in somebody else's
        // name.
        let relayed = self
            .parent
            .outer
            .is_some_and(|outer| outer.kind == OuterKind::SemiPermeable && outer.source != self.parent.source);
        let relayed = matches!(self.how, How::Relay) || relayed && !self.group.style.v2;
        let may_be_unicast = !self.group.style.no_x2u && !relayed;
        let special = self.branches() && self.node.routes.own().contains(&self.parent.destination);
        let mut shared = BTreeMap::new();
        for sent in &self.log.sent {
            let alone = sent.destinations.len() == 1;
            match sent.kind {
                CopyKind::Unicast => {
                    assert!(may_be_unicast, "X=1, or relayed");
                    if self.deployment.plan.capable[sent.next_hop] && !special {
                        *shared.entry((sent.next_hop, None)).or_insert(0) += 1;
                    }
                }
                _ => {
                    let must_be_unicast = special || alone && may_be_unicast;
                    assert!(!must_be_unicast, "{:?} to {:?}", sent.kind, sent.destinations);
                    let far_end = sent.seen.outer.filter(|outer| outer.kind == OuterKind::Tunnel);
                    *shared.entry((sent.next_hop, far_end.map(|outer| outer.destination))).or_insert(0) += 1;
                }
            }
        }
        // Around a tunnel a destination goes alone beside others.
        if self.group.dscps.is_none() && self.deployment.tunnel_use != TunnelUse::Routes {
            assert!(shared.values().all(|&copies| copies == 1), "{shared:?} at {}", self.at);
        }
    }

    /// RFC 5058 §8.2: destinations of one copy have DSCPs that merge, and the IP header has the one that serves them.
    fn check_service(&self, sent: &Sent) {
        let Some(list) = &self.group.dscps else { return };
        let set: Vec<u8> = sent.destinations.iter().map(|index| list[index]).collect();
        let merge = dscps::merge(&set);
        assert!(merge || !self.branches(), "{set:?}");
        if merge {
            let dscp = dscps::serving(&set);
            assert_eq!(sent.seen.traffic_class, dscp << 2);
            assert!(sent.seen.outer.is_none_or(|outer| outer.traffic_class == dscp << 2));
        }
    }

    // --- Ends ---------------------------------------------------------------------------------------------------------

    /// Why a destination got no copy.
    fn why(&self, index: usize) -> &'static str {
        let address = self.group.members[index].address;
        if self.hop_limit() == 0 {
            return "hop_limit";
        }
        if self.log.failed.contains(index) {
            return "egress_failed";
        }
        let Some(route) = self.node.routes.route(address) else { return "no_route" };
        let len = self.parent.header_len + self.parent.payload.len();
        // An outer header is 48 octets at most.
        if len + 48 > self.deployment.plan.mtu(self.at, route.next_hop) { "too_big" } else { "not_capable" }
    }

    fn check_counters(&self, arrived: DestinationSet, local: DestinationSet, dropped: &[(usize, &str)]) {
        let mut expected = Tally::new();
        let mut add = |name: &str, count: usize| *expected.entry(name.to_owned()).or_insert(0) += count as u64;
        add("packets", 1);
        add("destinations", arrived.len());
        add("local", local.len());
        for &(_, why) in dropped {
            add(why, 1);
        }
        for sent in &self.log.sent {
            let count = sent.destinations.len();
            match sent.kind {
                CopyKind::Xcast => {
                    add("forwarded", count);
                    add("xcast_copies", 1);
                }
                CopyKind::Unicast => add("unicast", count),
                CopyKind::Tunnelled => {
                    add("tunnelled", count);
                    add("tunnel_copies", 1);
                }
                CopyKind::SemiPermeable => {
                    add("semi_permeable", count);
                    add("semi_permeable_copies", 1);
                }
                kind => panic!("{kind:?}"),
            }
        }
        expected.retain(|_, count| *count != 0);
        let mut counted = tally(self.counters);
        let reports = ["reports", "reports_suppressed"].map(|name| counted.remove(name).unwrap_or(0));
        assert_eq!(counted, expected, "counters at {}", self.at);
        assert_eq!(reports != [0, 0], expected.contains_key("too_big"));
        // By its own kind of outer header a host reaches the next one.
        if let How::Through(tunnel) = self.how {
            let kind = if tunnel == HostTunnel::Plain { CopyKind::Tunnelled } else { CopyKind::SemiPermeable };
            assert!(self.log.sent.iter().all(|sent| sent.kind == kind || sent.kind == CopyKind::Unicast));
        }
    }
}
