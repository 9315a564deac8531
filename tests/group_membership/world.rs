//! A GCKS, its members, and a network between them that loses, repeats and reorders.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use xcast_sec::crypto::{CryptoProvider, IntegrityAlgorithm, RustCrypto};
use xcast_sec::group::membership::{
    Admission, Boot, Controller, ControllerConfig, Decision, Delays, Epoch, Gcks, GcksEvent, KeyServer,
    KeyServerConfig, Member, MemberConfig, MemberEvent, RefuseReason, Roles, Saved, Transmit,
};
use xcast_sec::ipsec::OutboundSa;
use xcast_sec::time::Instant;

use crate::kit::{ASSOCIATION, Draw, GROUP, Sink, Source, address, controller, outbound, seal, setup};

pub(crate) const PEERS: usize = 8;
pub(crate) type Server = Gcks<16, ASSOCIATION>;
pub(crate) type Peer = Member<16, 2, ASSOCIATION>;

/// Lets everybody in who is not barred.
#[derive(Debug, Default)]
pub(crate) struct Door {
    pub(crate) barred: BTreeSet<IpAddr>,
}

impl Admission for Door {
    fn admit(&mut self, applicant: IpAddr, wanted: Roles) -> Decision {
        if self.barred.contains(&applicant) {
            Decision::Refuse(RefuseReason::NotAdmitted)
        } else {
            Decision::Admit(wanted)
        }
    }
}

/// A network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Percent.
    pub(crate) loss: u64,
    pub(crate) duplication: u64,
    /// Milliseconds.
    pub(crate) delay: u64,
}

pub(crate) const CALM: Weather = Weather { loss: 0, duplication: 0, delay: 1 };

#[derive(Debug)]
struct Flight {
    arrives: Instant,
    from: IpAddr,
    to: IpAddr,
    octets: Vec<u8>,
}

pub(crate) struct Node {
    pub(crate) member: Peer,
    pub(crate) sink: Sink,
    pub(crate) events: Vec<MemberEvent>,
    boot: u32,
    saved: (u64, Vec<u8>),
}

/// A packet that was sent, under which epoch, and to whom.
pub(crate) struct Packet {
    pub(crate) at: Instant,
    pub(crate) epoch: Epoch,
    pub(crate) octets: Vec<u8>,
    pub(crate) text: Vec<u8>,
    pub(crate) members: BTreeSet<IpAddr>,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) draw: Draw,
    pub(crate) weather: Weather,
    pub(crate) gcks: Server,
    pub(crate) source: Source,
    pub(crate) door: Door,
    pub(crate) events: Vec<GcksEvent>,
    pub(crate) nodes: BTreeMap<IpAddr, Node>,
    pub(crate) sent: Vec<Packet>,
    senders: BTreeMap<Epoch, OutboundSa<RustCrypto>>,
    numbers_used: BTreeSet<(Vec<u8>, u64)>,
    flights: Vec<Flight>,
    /// Those whom nothing reaches.
    pub(crate) deaf: BTreeSet<IpAddr>,
    /// All messages there ever were.
    pub(crate) history: Vec<(IpAddr, IpAddr, Vec<u8>)>,
    config: (ControllerConfig, KeyServerConfig),
    boot: u32,
    saves: u64,
    pub(crate) saved: (Vec<u8>, Vec<u8>),
}

fn save_key() -> <RustCrypto as CryptoProvider>::IntegrityKey {
    RustCrypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, &[0x5a; 32]).unwrap()
}

pub(crate) fn delays(activation: u64, deactivation: u64) -> Delays {
    Delays::new(Duration::from_millis(activation), Duration::from_millis(deactivation)).unwrap()
}

impl World {
    pub(crate) fn new(seed: u64, change: impl FnOnce(&mut ControllerConfig, &mut KeyServerConfig)) -> Self {
        let mut config = ControllerConfig::new(GROUP, setup());
        let mut keys = KeyServerConfig::new(GROUP, delays(20_000, 22_000));
        change(&mut config, &mut keys);
        let boot = Boot::new(1);
        let now = Instant::from_secs(1_000);
        let controller = Controller::new(config, boot, seed).unwrap();
        let gcks = Gcks::new(controller, KeyServer::new(keys, boot, seed), now).unwrap();
        let mut world = Self {
            now,
            draw: Draw(seed),
            weather: CALM,
            gcks,
            source: Source::default(),
            door: Door::default(),
            events: Vec::new(),
            nodes: (1..=PEERS).map(|index| (address(index), Node::new(index))).collect(),
            sent: Vec::new(),
            senders: BTreeMap::new(),
            numbers_used: BTreeSet::new(),
            flights: Vec::new(),
            deaf: BTreeSet::new(),
            history: Vec::new(),
            config: (config, keys),
            boot: 1,
            saves: 0,
            saved: (Vec::new(), Vec::new()),
        };
        world.save(true);
        world.settle();
        world
    }

    pub(crate) fn node(&mut self, index: usize) -> &mut Node {
        self.nodes.get_mut(&address(index)).unwrap()
    }

    pub(crate) fn join(&mut self, index: usize, roles: Roles) {
        self.node(index).member.join(roles).unwrap();
        self.settle();
    }

    pub(crate) fn leave(&mut self, index: usize) {
        let node = self.node(index);
        node.member.leave(&mut node.sink).unwrap();
        self.settle();
    }

    /// Saves what needs it, as a host does before it transmits.
    fn save(&mut self, always: bool) {
        if self.gcks.needs_save() || always {
            self.saves += 1;
            let key = save_key();
            let mut out = vec![0; 4096];
            let saved = Saved { crypto: &mut RustCrypto, key: &key, number: self.saves };
            let len = self.gcks.controller_mut().save(saved, &mut out).unwrap();
            self.saved.0 = out[..len].to_vec();
            let saved = Saved { crypto: &mut RustCrypto, key: &key, number: self.saves };
            let len = self.gcks.keys_mut().save(self.now, saved, &mut out).unwrap();
            self.saved.1 = out[..len].to_vec();
            assert!(!self.gcks.needs_save());
        }
        for node in self.nodes.values_mut().filter(|node| node.member.needs_save()) {
            node.save(self.now);
        }
    }

    /// The host of the GCKS dies and starts again; what it had not saved is gone.
    pub(crate) fn restart(&mut self) {
        self.boot += 1;
        let (key, boot, seed) = (save_key(), Boot::new(self.boot), self.draw.next());
        let saved = Saved { crypto: &mut RustCrypto, key: &key, number: self.saves };
        let controller = Controller::restore(self.config.0, boot, seed, saved, &self.saved.0).unwrap();
        let saved = Saved { crypto: &mut RustCrypto, key: &key, number: self.saves };
        let keys = KeyServer::restore(self.config.1, boot, seed, self.now, saved, &self.saved.1).unwrap();
        self.gcks = Gcks::new(controller, keys, self.now).unwrap();
        self.senders.clear();
        self.settle();
    }

    /// The host of a member dies and starts again.
    pub(crate) fn restart_member(&mut self, index: usize) {
        let (now, seed) = (self.now, self.draw.next());
        let node = self.node(index);
        node.boot += 1;
        let (key, boot) = (save_key(), Boot::new(node.boot));
        let saved = Saved { crypto: &mut RustCrypto, key: &key, number: node.saved.0 };
        node.member = Member::restore(node.config(), boot, seed, now, saved, &node.saved.1).unwrap();
        node.sink.held.clear();
        let held: Vec<_> = node.member.receiving(now).collect();
        for (server, epoch) in held {
            let octets = node.member.offer(server, epoch).unwrap().association.to_vec();
            node.sink.held.insert((server, epoch), octets);
        }
        // What is over is not installed, but will be taken out.
        let (node_member, sink) = (&mut node.member, &mut node.sink);
        let mut quiet = Quiet(sink);
        node_member.handle_timeout(now, &mut quiet);
        self.settle();
    }

    /// Lets every machine do what it has to do now.
    pub(crate) fn settle(&mut self) {
        loop {
            while let Some(event) = self.gcks.poll_event(self.now) {
                self.events.push(event);
            }
            for node in self.nodes.values_mut() {
                node.events.extend(std::iter::from_fn(|| node.member.poll_event()));
            }
            if self.gcks.next_timeout(self.now).is_some_and(|at| at <= self.now) {
                self.gcks.handle_timeout(self.now, &mut self.source, &mut self.draw);
                continue;
            }
            self.save(false);
            let mut out = [0; 4096];
            let mut sent = Vec::new();
            while let Some(Transmit { to, len, .. }) = self.gcks.poll_transmit(self.now, &mut out).unwrap() {
                sent.push((controller(), to, out[..len].to_vec()));
            }
            for (from, node) in &mut self.nodes {
                while let Some(Transmit { to, len, .. }) = node.member.poll_transmit(self.now, &mut out[..44]).unwrap()
                {
                    sent.push((*from, to, out[..len].to_vec()));
                }
            }
            for (from, to, octets) in sent {
                self.history.push((from, to, octets.clone()));
                self.send(from, to, octets);
            }
            break;
        }
    }

    /// Puts a message on the network.
    pub(crate) fn send(&mut self, from: IpAddr, to: IpAddr, octets: Vec<u8>) {
        let copies = 1 + u64::from(self.draw.percent(self.weather.duplication));
        for _ in 0..copies {
            if !self.draw.percent(self.weather.loss) && !self.deaf.contains(&to) {
                let delay = 1 + self.draw.below(self.weather.delay.max(1));
                let arrives = self.now.after(Duration::from_millis(delay));
                self.flights.push(Flight { arrives, from, to, octets: octets.clone() });
            }
        }
    }

    /// The next moment at which something happens.
    fn next(&self) -> Option<Instant> {
        let flights = self.flights.iter().map(|flight| flight.arrives);
        let members = self.nodes.values().filter_map(|node| node.member.next_timeout(self.now));
        flights.chain(members).chain(self.gcks.next_timeout(self.now)).min()
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            let now = self.now;
            while let Some(at) = self.flights.iter().position(|flight| flight.arrives <= now) {
                let Flight { from, to, octets, .. } = self.flights.swap_remove(at);
                // What is late or repeated is refused; that is no fault.
                if to == controller() {
                    let _ = self.gcks.receive(now, from, &octets, &mut self.door);
                } else if let Some(node) = self.nodes.get_mut(&to) {
                    let _ = node.member.receive(now, from, &octets, &mut node.sink);
                }
            }
            for node in self.nodes.values_mut() {
                if node.member.next_timeout(now).is_some_and(|at| at <= now) {
                    node.member.handle_timeout(now, &mut node.sink);
                }
            }
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// The addresses of the members.
    pub(crate) fn members(&self) -> BTreeSet<IpAddr> {
        self.gcks.controller().members().map(|entry| entry.address).collect()
    }

    /// Sends a packet to the group under the present epoch; `None` if nothing may be sent.
    pub(crate) fn send_packet(&mut self) -> Option<&Packet> {
        let now = self.now;
        let epoch = self.gcks.keys().sending(now)?;
        let association = self.gcks.keys().association(epoch).unwrap().to_vec();
        let reserved = self.gcks.keys().status(epoch).unwrap().reserved;
        self.senders.entry(epoch).or_insert_with(|| outbound(&association, controller(), reserved, now));
        let sender = self.senders.get_mut(&epoch).unwrap();
        if sender.counter().reserved() == 0 {
            let up_to = sender.reserve(5).up_to();
            assert!(self.gcks.keys_mut().record_reserved(epoch, up_to));
            self.save(false);
            self.senders.get_mut(&epoch).unwrap().reserve(5).commit();
        }
        let text = format!("packet {}", self.sent.len()).into_bytes();
        let (sequence, octets) = seal(self.senders.get_mut(&epoch).unwrap(), controller(), now, &text);
        assert!(self.numbers_used.insert((association, sequence)), "{epoch:?} used {sequence} twice");
        self.sent.push(Packet { at: now, epoch, octets, text, members: self.members() });
        self.sent.last()
    }
}

/// Takes nothing out, as nothing was put in.
struct Quiet<'a>(&'a mut Sink);

impl xcast_sec::group::membership::KeySink for Quiet<'_> {
    fn install(
        &mut self,
        offer: xcast_sec::group::membership::Offer<'_>,
    ) -> Result<(), xcast_sec::group::membership::RejectReason> {
        self.0.install(offer)
    }

    fn remove(&mut self, server: IpAddr, epoch: Epoch) {
        self.0.held.remove(&(server, epoch));
    }
}

impl Node {
    fn new(index: usize) -> Self {
        let config = MemberConfig::new(GROUP, controller());
        let mut member = Member::new(config, Boot::new(1), u64::try_from(index).unwrap());
        member.allow_server(controller()).unwrap();
        let mut node = Self { member, sink: Sink::default(), events: Vec::new(), boot: 1, saved: (0, Vec::new()) };
        node.save(Instant::START);
        node
    }

    fn config(&self) -> MemberConfig {
        MemberConfig::new(GROUP, controller())
    }

    fn save(&mut self, now: Instant) {
        let key = save_key();
        let mut out = vec![0; 4096];
        let number = self.saved.0 + 1;
        let saved = Saved { crypto: &mut RustCrypto, key: &key, number };
        let len = self.member.save(now, saved, &mut out).unwrap();
        self.saved = (number, out[..len].to_vec());
    }

    /// Whether it opens a packet with what it has installed now.
    pub(crate) fn opens(&self, packet: &Packet) -> bool {
        self.sink.held.values().any(|association| crate::kit::opens(association, &packet.octets, &packet.text))
    }

    /// Whether it opens a packet with what it ever had.
    pub(crate) fn could_open(&self, packet: &Packet) -> bool {
        self.sink.seen.values().any(|association| crate::kit::opens(association, &packet.octets, &packet.text))
    }
}
