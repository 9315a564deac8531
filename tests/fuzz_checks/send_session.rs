//! A session whose members come, go and are switched on and off, its sender and their receivers, beside a model of the membership:
//! packets hold who is in it and serve who is on, each exactly once, with as many to a packet as fit; who is served takes it once.
//! Shared by the fuzz target and the test that replays its corpus. Its user includes `gullible.rs`, `input.rs`, `session_ends.rs`,
//! `models/xcast_packet.rs`, `models/dscps.rs` and `models/session.rs` beside it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use xcast_sec::ipsec::{FixedOutboundSad, FixedSpd, NoAudit, Outbound, OutboundSa, PacketBuf};
use xcast_sec::stack::{
    HeaderTemplate, Incoming, MAX_HEADERS_LEN, Means, Member, MemberId, Origin, PacketError, Plan, ReceiveError,
    SendError, SendReport, Sender, Session, SessionConfig, SessionError,
};
use xcast_sec::wire::{BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, XcastPacket};

use super::gullible::{Gullible, Zeros};
use super::input::Input;
use super::session_ends::{
    NOW, PORTS, Receiving, Shield, Tape, address, datagram, in_the_clear, member, payload, shown,
};
use super::session_model::{Entry, Lists, Model};
use super::xcast_model::source;

/// No input goes on for longer.
const STEPS: usize = 48;
/// More than a packet takes.
const MEMBERS: usize = 150;

type Template = HeaderTemplate<MAX_HEADERS_LEN>;

/// Headers, and what was known when they were prepared.
struct Prepared {
    plan: Plan,
    templates: Vec<Template>,
    packets: Vec<Vec<Entry>>,
    lists: Lists,
}

struct World {
    v6: bool,
    config: SessionConfig,
    shield: Shield,
    session: Session<MEMBERS>,
    model: Model,
    sender: Sender<FixedOutboundSad<Gullible, 2>, FixedSpd<1>, NoAudit>,
    receivers: BTreeMap<IpAddr, Receiving>,
    prepared: Option<Prepared>,
    mtu: usize,
    /// A packet, and who has taken it.
    old: Option<(Vec<u8>, IpAddr)>,
    /// What the sender's counters must say: sent, idle, failed, segments, refused.
    counted: [u64; 5],
    members: (u64, u64),
}

/// Checks what the octets make happen. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let Some(mut world) = World::new(&mut input) else { return };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
    }
    world.count();
}

impl World {
    fn new(input: &mut Input<'_>) -> Option<Self> {
        let [flags, channel] = [input.octet(), input.octet()];
        let flag = |bit: u8| flags & bit != 0;
        let (v6, separated) = (flag(1), flag(2));
        let origin = match source(v6) {
            IpAddr::V4(source) => Origin::V4 { source, channel: [channel; 4] },
            IpAddr::V6(source) => Origin::V6 { source, channel: [channel; 16] },
        };
        let mut config = SessionConfig::new(origin);
        config.hop_limit = channel | 1;
        (config.anonymous, config.no_x2u) = (flag(4), flag(8));
        config.bitmap = if separated { BitmapPlace::Option } else { BitmapPlace::Header };
        // AH has no place around a bitmap that routers change in IPv4.
        let shield = Shield { ah: flag(16) && (v6 || separated), esp: flag(32) };
        let session = match Session::new(config) {
            Ok(session) => session,
            Err(error) => {
                assert!(error == SessionError::AnonymousWithSeparatedBitmap && config.anonymous && separated);
                return None;
            }
        };
        let mut sad = FixedOutboundSad::new();
        for sa in shield.associations(v6, separated) {
            sad.insert(OutboundSa::new(sa, NOW).expect("it has numbers")).expect("there is room");
        }
        Some(Self {
            v6,
            config,
            shield,
            session,
            model: Model::new(MEMBERS),
            sender: Sender::new(Outbound::new(sad, shield.spd(), NoAudit), CodePoints::rfc4727_experiment()),
            receivers: BTreeMap::new(),
            prepared: None,
            mtu: 1500,
            old: None,
            counted: [0; 5],
            members: (0, 0),
        })
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let before = self.session.revision();
        let mut changed = false;
        match input.octet() & 15 {
            0..=2 => changed = self.add(member(self.v6, input)),
            3 => {
                let [first, count] = [input.octet(), input.octet()];
                let one = member(self.v6, input);
                for number in 0..count {
                    let address = address(self.v6, first.wrapping_add(number));
                    changed |= self.add(Member { address, ..one });
                }
            }
            4 | 5 => changed = self.remove(input),
            6 => {
                // In somebody's place.
                changed = self.remove(input);
                changed |= self.add(member(self.v6, input));
            }
            7..=9 => {
                let on = input.octet() & 1 != 0;
                let Some(id) = self.pick(input) else { return };
                let known = self.model.get(id).map(|entry| entry.enabled = on).is_some();
                assert_eq!(self.session.set_enabled(id, on), known);
            }
            10 => self.mtu = 60 + usize::from(input.octet()) * 12,
            11 => self.prepare(input),
            12 => self.send_prepared(input),
            13 => self.again(),
            _ => self.send(input),
        }
        assert_eq!(self.session.revision() != before, changed, "it changes with the members");
        self.compare();
    }

    fn pick(&self, input: &mut Input<'_>) -> Option<MemberId> {
        let back = usize::from(input.octet()) % self.model.ever.len().max(1);
        self.model.ever.iter().rev().nth(back).copied()
    }

    fn add(&mut self, member: Member) -> bool {
        let expected = self.model.place_for(member, self.v6);
        match self.session.add(member) {
            Ok(id) => {
                assert!(!self.model.ever.contains(&id), "a name is given once");
                self.model.ever.push(id);
                let place = expected.expect("there is no such member");
                self.model.places[place] = Some(Entry { id, member, enabled: true });
                true
            }
            Err(error) => {
                assert_eq!(Some(error), expected.err());
                false
            }
        }
    }

    fn remove(&mut self, input: &mut Input<'_>) -> bool {
        let Some(id) = self.pick(input) else { return false };
        let removed = self.session.remove(id);
        assert_eq!(removed, self.model.remove(id));
        removed.is_some()
    }

    fn compare(&mut self) {
        let expected: Vec<Entry> = self.model.members().copied().collect();
        let entry =
            |(id, member): (MemberId, &Member)| Entry { id, member: *member, enabled: self.session.is_enabled(id) };
        assert!(self.session.members().map(entry).eq(expected.iter().copied()));
        assert_eq!((self.session.len(), self.session.is_empty()), (expected.len(), expected.is_empty()));
        let Lists { dscps, ports } = self.model.lists();
        assert_eq!((self.session.has_dscps(), self.session.has_ports()), (dscps, ports));
        let Some(&last) = self.model.ever.last() else { return };
        let known = self.model.get(last).copied();
        assert_eq!(self.session.member(last).copied(), known.map(|entry| entry.member));
        assert_eq!(self.session.is_enabled(last), known.is_some_and(|entry| entry.enabled));
        if let Some(Entry { id, member, .. }) = known {
            assert_eq!(self.session.find(member.address, member.port), Some(id));
        }
    }

    const fn separated(&self) -> bool {
        matches!(self.config.bitmap, BitmapPlace::Option)
    }

    /// Who shares packets, if `len` octets of payload go out now; `None` if nothing fits.
    fn split(&self, len: usize) -> Option<Vec<Vec<Entry>>> {
        let lists = self.model.lists();
        // Nobody is asked about packets of nobody.
        let shield = if self.model.members().next().is_some() { self.shield } else { Shield { ah: false, esp: false } };
        let capacity = lists.capacity(self.v6, self.separated(), shield.behind(8 + len), self.mtu);
        (capacity > 0).then(|| self.model.packets(capacity))
    }

    fn send(&mut self, input: &mut Input<'_>) {
        let (payload, fails_at) = (payload(input), input.below(8));
        let expected = self.split(payload.len());
        let mut scratch = vec![0xee; self.mtu];
        let mut tape = Tape { fails_at: Some(fails_at).filter(|at| *at > 0), asked: 0, sent: Vec::new() };
        let means = Means { crypto: &mut Gullible, rng: &mut Zeros, now: NOW, mtu: self.mtu, scratch: &mut scratch };
        let result = self.sender.send(&self.session, &datagram(&payload), means, &mut tape);
        self.counted[3] += 1;
        match (result, expected) {
            (Ok(report), Some(packets)) => {
                self.sent(&packets, self.model.lists(), &payload, report, tape, input);
            }
            (Err(SendError::NothingFits(error)), None) => {
                self.counted[4] += 1;
                assert!(error.needed > error.mtu);
            }
            (result, expected) => panic!("{result:?}, expected {expected:?}"),
        }
    }

    fn prepare(&mut self, input: &mut Input<'_>) {
        let payload = payload(input);
        let expected = self.split(payload.len());
        let mut scratch = vec![0xee; self.mtu];
        let plan =
            self.sender.plan::<Gullible, _, MEMBERS>(&self.session, &datagram(&payload), NOW, self.mtu, &mut scratch);
        let code_points = CodePoints::rfc4727_experiment();
        let templates = plan.ok().and_then(|plan| {
            let packets = self.session.packets(plan.limits()).ok()?;
            let template = |packet| Template::new(&packet, &code_points, 17).expect("there is room");
            Some((plan, packets.map(template).collect::<Vec<_>>()))
        });
        assert_eq!(templates.is_some(), expected.is_some());
        self.prepared = templates.zip(expected).map(|((plan, templates), packets)| {
            let ids = |packet: &Vec<Entry>| packet.iter().map(|entry| entry.id).collect::<Vec<_>>();
            assert!(templates.iter().map(|template| template.ids().to_vec()).eq(packets.iter().map(ids)));
            Prepared { plan, templates, packets, lists: self.model.lists() }
        });
    }

    fn send_prepared(&mut self, input: &mut Input<'_>) {
        let Some(prepared) = self.prepared.take() else { return };
        let (payload, fails_at) = (payload(input), input.below(8));
        let mut tape = Tape { fails_at: Some(fails_at).filter(|at| *at > 0), asked: 0, sent: Vec::new() };
        let mut scratch = vec![0xee; 4096];
        let means = Means { crypto: &mut Gullible, rng: &mut Zeros, now: NOW, mtu: self.mtu, scratch: &mut scratch };
        let Prepared { plan, templates, packets, lists } = &prepared;
        let segment = datagram(&payload);
        let report = self.sender.send_prepared(plan, &self.session, templates, &segment, means, &mut tape);
        self.counted[3] += 1;
        // Who is gone is not served, who is new is in none.
        let now = |entry: &Entry| {
            let enabled = self.model.members().any(|member| member.id == entry.id && member.enabled);
            Entry { enabled, ..*entry }
        };
        let packets: Vec<Vec<Entry>> = packets.iter().map(|packet| packet.iter().map(now).collect()).collect();
        self.sent(&packets, *lists, &payload, report, tape, input);
        self.prepared = Some(prepared);
    }

    /// What went out, and what was said of it, is what should have been.
    fn sent(
        &mut self,
        packets: &[Vec<Entry>],
        lists: Lists,
        payload: &[u8],
        report: SendReport,
        tape: Tape,
        input: &mut Input<'_>,
    ) {
        let mut expected = SendReport::default();
        let (mut asked, mut sent) = (0, tape.sent.into_iter());
        let behind = self.shield.behind(8 + payload.len());
        for packet in packets {
            let served = packet.iter().filter(|entry| entry.enabled).count();
            if served == 0 {
                expected.idle += 1;
                continue;
            }
            let headers_len = lists.headers_len(self.v6, self.separated(), packet.len()).expect("it fits");
            let len = headers_len + behind;
            asked += usize::from(len <= self.mtu);
            let error = if len > self.mtu {
                Some(PacketError::TooLong { len, mtu: self.mtu })
            } else {
                (tape.fails_at == Some(asked)).then_some(PacketError::Link)
            };
            if let Some(error) = error {
                expected.failed += 1;
                expected.members_failed += served;
                expected.first_error = expected.first_error.or(Some(error));
                continue;
            }
            expected.sent += 1;
            expected.members_sent += served;
            let (octets, ids, bits) = sent.next().expect("another packet");
            assert!(ids.iter().copied().eq(packet.iter().map(|entry| entry.id)), "listed are the members");
            assert!((0..127).all(|index| bits.contains(index) == packet.get(index).is_some_and(|entry| entry.enabled)));
            assert_eq!(octets.len(), len);
            self.read(&octets, packet, lists, payload);
            self.deliver(&octets, packet, payload, input);
        }
        assert_eq!((report, sent.next()), (expected, None));
        for (counted, more) in self.counted.iter_mut().zip([expected.sent, expected.idle, expected.failed]) {
            *counted += more as u64;
        }
        self.members.0 += expected.members_sent as u64;
        self.members.1 += expected.members_failed as u64;
    }

    /// In the clear all octets are what the model has; in any case it lists and serves whom it should.
    fn read(&self, octets: &[u8], packet: &[Entry], lists: Lists, payload: &[u8]) {
        if !self.shield.any() {
            assert_eq!(octets, in_the_clear(&self.config, packet, lists, payload).octets());
            return;
        }
        let read = XcastPacket::parse(octets, &CodePoints::rfc4727_experiment(), ChecksumPolicy::Verify);
        let read = read.expect("an Xcast packet");
        assert!(read.header().destinations().eq(packet.iter().map(|entry| shown(&self.config, entry))));
        let bits: DestinationSet = (0..packet.len()).filter(|&index| packet[index].enabled).collect();
        assert_eq!((read.bits(), read.header().no_x2u()), (bits, true));
    }

    /// To some of those who are in it, and to somebody who may be.
    fn deliver(&mut self, octets: &[u8], packet: &[Entry], payload: &[u8], input: &mut Input<'_>) {
        let [first, stranger] = [input.below(packet.len()), usize::from(input.octet() % 253)];
        let mut to: Vec<IpAddr> = packet.iter().cycle().skip(first).take(3).map(|entry| entry.member.address).collect();
        to.push(address(self.v6, stranger as u8));
        to.sort_unstable();
        to.dedup();
        for own in to {
            let listed: Vec<&Entry> = packet.iter().filter(|entry| entry.member.address == own).collect();
            let ports: Vec<_> =
                listed.iter().filter(|entry| entry.enabled).map(|entry| entry.member.port.unwrap_or(PORTS.1)).collect();
            if ports.is_empty() {
                let hidden = listed.is_empty() || self.config.anonymous;
                let expected = if hidden { ReceiveError::NotForThisHost } else { ReceiveError::NotServed };
                assert_eq!(self.receive(own, octets, payload), Err(expected));
                continue;
            }
            assert_eq!(self.receive(own, octets, payload), Ok(ports.clone()));
            let again = self.receive(own, octets, payload);
            if self.shield.any() {
                assert!(matches!(again, Err(ReceiveError::Ipsec(_))), "taken twice");
                self.old = Some((octets.to_vec(), own));
            } else {
                assert_eq!(again, Ok(ports));
            }
        }
    }

    /// Of what was taken long ago nothing is taken.
    fn again(&mut self) {
        let Some((octets, own)) = self.old.clone() else { return };
        assert!(matches!(self.receive(own, &octets, &[]), Err(ReceiveError::Ipsec(_))), "taken twice");
    }

    /// The ports that `own` gets it at.
    fn receive(&mut self, own: IpAddr, octets: &[u8], payload: &[u8]) -> Result<Vec<u16>, ReceiveError> {
        let (v6, separated, shield) = (self.v6, self.separated(), self.shield);
        let receiver = self.receivers.entry(own).or_insert_with(|| shield.receiver(v6, separated));
        let mut storage = octets.to_vec();
        let mut packet = PacketBuf::new(&mut storage, 0..octets.len()).expect("it is all of it");
        let incoming = receiver.receive(&mut Gullible, NOW, |address| address == own, &mut packet)?;
        let Incoming::Packet(delivery) = incoming else { panic!("a dummy") };
        assert_eq!(
            (delivery.payload(), delivery.source(), delivery.source_port()),
            (payload, source(v6), Some(PORTS.0))
        );
        assert_eq!((delivery.is_xcast(), delivery.protection().is_some()), (true, shield.any()));
        assert!(delivery.members().is_none() && delivery.destinations().all(|listed| listed.address == own));
        Ok(delivery.destinations().filter_map(|listed| listed.port).collect())
    }

    fn count(&self) {
        let counters = self.sender.counters();
        let failed = counters.too_long + counters.link_failed;
        assert_eq!([counters.sent, counters.idle, failed, counters.segments, counters.refused], self.counted);
        assert_eq!((counters.members_sent, counters.members_failed), self.members);
        assert_eq!(counters.packets, counters.sent + counters.idle + failed);
    }
}
