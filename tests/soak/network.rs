//! The network: the library's routers and receivers, each packet held against the books at once.

use std::time::Duration;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::forward::{CopyKind, Egress, ForwardError, PacketCopy, Route, Router};
use xcast_sec::ipsec::{
    FixedSad, FixedSenders, FixedSpd, Inbound, NoAudit, Sa, SaId, SecurityProtocol, SenderKey, SenderWindows, Spi,
    Usage,
};
use xcast_sec::stack::{Incoming, Receiver, ReceiverPolicy};
use xcast_sec::wire::{DestinationSet, Family};

use crate::books::{Books, Dues, WINDOW};
use crate::damage;
use crate::links::{BUFFER, Links, Slot};
use crate::parcel::{Flaw, Form, Members, Parcel, payload_octet};
use crate::world::{
    ESN_START, FIRST_HOST, H, HOSTS, Lane, ROUTERS, SENDERS, START, Shield, Table, authorised, code_points, member,
    port, route, router, router_address, spd, table, time,
};

/// Both families': `Cbc` (in two generations at times), `GcmEsn`, `Ah`, `AhEsp` twice, `Ctr`, `Tunnel`, `Short`.
const WINDOWS: usize = 18;

pub(crate) type TestReceiver =
    Receiver<FixedSad<RustCrypto, 24>, SenderWindows<WINDOWS, 1>, FixedSpd<64>, FixedSenders<32>, NoAudit>;

/// How many packets are kept at each host, and at R1, to be replayed.
const KEPT: usize = 64;

pub(crate) struct Network {
    pub(crate) books: Books,
    pub(crate) links: Links,
    pub(crate) routers: Vec<Router>,
    tables: Vec<Table>,
    pub(crate) receivers: Vec<TestReceiver>,
    kept: Vec<Slot>,
    /// A packet that a router has in its hands.
    scratch: Vec<u8>,
}

/// Takes up the place of a sender that there may be.
fn filler(number: u32) -> SenderKey {
    let spi = Spi::new(0x9000 + number).unwrap();
    let sa = SaId { protocol: SecurityProtocol::Esp, spi, destination: None, source: None };
    SenderKey { sa, source: router_address(Family::V4, 0) }
}

fn key(lane: Lane, sa: &Sa<RustCrypto>) -> SenderKey {
    SenderKey { sa: sa.id(), source: lane.source() }
}

fn receiver(short_life: Duration) -> TestReceiver {
    let (mut sad, mut windows) = (FixedSad::new(), SenderWindows::new(WINDOW as u32).unwrap());
    for (lane, layer) in Lane::all().flat_map(|lane| [0, 1].map(|layer| (lane, layer))) {
        let Some(sa) = lane.association(layer, 0, short_life) else { continue };
        let start = if lane.shield() == Shield::GcmEsn { ESN_START } else { 0 };
        if !matches!(lane.shield(), Shield::Stranger | Shield::Crowd) {
            windows.start_after(key(lane, &sa), start).unwrap();
        }
        sad.insert(sa, Usage::new(START)).unwrap();
    }
    for number in 0..2 {
        windows.start_after(filler(number), 0).unwrap();
    }
    assert_eq!(windows.len(), WINDOWS);
    let inbound = Inbound::new(sad, windows, spd(), authorised(), NoAudit);
    Receiver::new(inbound, code_points(), ReceiverPolicy::default())
}

/// Compares each copy with the one that is due, and puts it on its link.
struct Out<'a> {
    at: usize,
    links: &'a mut Links,
    parcel: &'a Parcel,
    dues: &'a Dues,
    failing: Option<u8>,
    next: usize,
    too_big: Members,
}

impl Out<'_> {
    fn members(&self, destinations: DestinationSet) -> Members {
        self.parcel.members_at(destinations.iter())
    }
}

impl Egress<u8> for Out<'_> {
    type Error = ();

    fn transmit(&mut self, next_hop: u8, copy: &PacketCopy<'_>) -> Result<(), ()> {
        let due = self.dues.list.get(self.next).copied().flatten().expect("a copy that nobody expects");
        self.next += 1;
        let members = self.members(copy.destinations());
        assert_eq!((due.next_hop, due.kind, due.members), (next_hop, copy.kind(), members), "{:?}", self.parcel);
        let is_v4 = self.parcel.lane.family() == Family::V4;
        let (form, len) = match copy.kind() {
            CopyKind::Unicast => (Form::Unicast, if is_v4 { 20 } else { 40 } + self.parcel.segment_len),
            CopyKind::Tunnelled => (Form::Tunnelled, if is_v4 { 40 } else { 20 } + self.parcel.len),
            _ => (Form::Xcast, self.parcel.len),
        };
        assert_eq!(copy.len(), len, "{:?}", self.parcel);
        if self.failing == Some(next_hop) {
            return Err(());
        }
        let hop_limit = self.parcel.hop_limit - 1;
        let parcel = Parcel { form, members, repeated: 0, hop_limit, ..*self.parcel };
        let slot = self.links.take();
        let place = &mut self.links.slots[slot];
        place.fill(&[], Some(parcel));
        copy.emit(place.room()).unwrap();
        place.resize(len);
        self.links.cross(slot, self.at as u8, next_hop);
        Ok(())
    }

    fn too_big(&mut self, _: u8, _: usize, destinations: DestinationSet) {
        self.too_big |= self.members(destinations);
    }
}

impl Network {
    pub(crate) fn new(links: Links, short_life: Duration) -> Self {
        Self {
            books: Books::new(),
            links,
            routers: (0..ROUTERS).map(router).collect(),
            tables: (0..ROUTERS).map(table).collect(),
            receivers: (0..HOSTS).map(|_| receiver(short_life)).collect(),
            kept: (0..(HOSTS + 1) * KEPT).map(|_| Slot::empty()).collect(),
            scratch: vec![0; BUFFER],
        }
    }

    /// Hands every packet that has arrived to its node.
    pub(crate) fn run(&mut self) {
        while let Some(arrival) = self.links.next() {
            if arrival.to < FIRST_HOST {
                self.arrive_at_router(usize::from(arrival.to), arrival.from, arrival.slot);
            } else {
                self.arrive_at_host(usize::from(arrival.to - FIRST_HOST), arrival.slot);
            }
            self.links.give_back(arrival.slot);
        }
    }

    fn arrive_at_router(&mut self, at: usize, from: u8, slot: usize) {
        if at == 0 {
            self.keep(HOSTS, slot);
        }
        let parcel = self.links.slots[slot].parcel.unwrap();
        let failing = self.failing(at, &parcel);
        let dues = self.books.at_router(at, &parcel, failing);
        let Self { links, routers, tables, books, scratch, .. } = self;
        let octets = &mut scratch[..links.slots[slot].octets().len()];
        octets.copy_from_slice(links.slots[slot].octets());
        let now = time(links.tick);
        let reports = at == 2;
        let mut out = Out { at, links, parcel: &parcel, dues: &dues, failing, next: 0, too_big: 0 };
        let result = routers[at].forward(now, Some(from), octets, &tables[at], &mut out);
        assert_eq!(out.next, dues.count, "copies that are missing: {parcel:?}, {result:?}");
        assert_eq!(out.too_big, if reports { dues.too_big } else { 0 });
        assert_eq!(routers[at].counters, books.routers[at], "R{}: {parcel:?}, {result:?}", at + 1);
        let is_plain = parcel.refusal.is_none() && matches!(parcel.form, Form::Unicast | Form::EspTunnel);
        if is_plain {
            assert!(matches!(result, Err(ForwardError::Parse(_))));
            self.forward_plainly(at, slot, &parcel);
        }
    }

    /// What a router does with what is not Xcast.
    fn forward_plainly(&mut self, at: usize, slot: usize, parcel: &Parcel) {
        let to = if parcel.form == Form::EspTunnel { H } else { parcel.members.trailing_zeros() as usize };
        let Some(Route { next_hop, .. }) = route(at, to) else {
            self.links.tally.unroutable += 1;
            return;
        };
        let copy = self.links.copy_of(slot);
        self.links.cross(copy, at as u8, next_hop);
    }

    /// The neighbour to whom nothing can be sent this time.
    fn failing(&mut self, at: usize, parcel: &Parcel) -> Option<u8> {
        if !self.links.random.chance(10) {
            return None;
        }
        let first = parcel.members.trailing_zeros() as usize;
        if first < HOSTS { route(at, first).map(|route| route.next_hop) } else { None }
    }

    fn arrive_at_host(&mut self, at: usize, slot: usize) {
        self.keep(at, slot);
        let parcel = self.links.slots[slot].parcel.unwrap();
        let is_delivered = self.books.at_host(at, &parcel);
        let now = time(self.links.tick);
        let (receiver, place) = (&mut self.receivers[at], &mut self.links.slots[slot]);
        let own = [member(Family::V4, at), member(Family::V6, at)];
        place.with_packet(|packet| {
            let is_own = |address| own.contains(&address);
            match receiver.receive(&mut RustCrypto, now, is_own, packet) {
                Ok(Incoming::Packet(delivery)) => {
                    assert!(is_delivered, "{parcel:?}");
                    assert_eq!(delivery.address(), member(parcel.lane.family(), at));
                    assert_eq!(delivery.source(), parcel.lane.source());
                    assert_eq!(delivery.protection().is_some(), parcel.lane.is_protected());
                    assert_eq!(delivery.port(), Some(if parcel.ports { port(at) } else { 4000 }));
                    assert_eq!(delivery.payload().len(), parcel.payload_len());
                    let mut octets = delivery.payload().iter().enumerate();
                    assert!(octets.all(|(index, octet)| *octet == payload_octet(parcel.number, index)), "{parcel:?}");
                }
                other => assert!(!is_delivered, "{parcel:?}, {other:?}"),
            }
        });
        assert_eq!(self.receivers[at].counters(), &self.books.receivers[at], "host {at}: {parcel:?}");
        assert_eq!(self.receivers[at].inbound.counters(), &self.books.inbound[at], "host {at}: {parcel:?}");
    }

    // --- Attackers ----------------------------------------------------------------------------------------------------

    /// Keeps a packet, now and then, to be sent again.
    fn keep(&mut self, at: usize, slot: usize) {
        if self.links.random.chance(80) {
            let place = at * KEPT + self.links.random.below(KEPT);
            let from = &self.links.slots[slot];
            self.kept[place].fill(from.octets(), from.parcel);
        }
    }

    /// Somebody sends once more what arrived before: as it was, or to another host, or damaged.
    pub(crate) fn attack(&mut self) {
        let random = &mut self.links.random;
        let (at, kept, kind) = (random.below(HOSTS + 1), random.below(KEPT), random.below(8));
        let kept = &self.kept[at * KEPT + kept];
        let Some(mut parcel) = kept.parcel else { return };
        if at == HOSTS {
            let slot = self.links.take();
            self.links.slots[slot].fill(kept.octets(), Some(parcel));
            let from = if parcel.refusal == Some(crate::parcel::Refusal::ReversePath) { 2 } else { SENDERS };
            return self.links.inject(slot, from, 0);
        }
        let slot = self.links.take();
        let (place, to) = (&mut self.links.slots[slot], self.links.random.below(HOSTS));
        place.fill(kept.octets(), Some(parcel));
        let to = match kind {
            0 => to,
            1 if !matches!(parcel.flaw, Flaw::Cut | Flaw::Fragment) => {
                parcel.flaw = Flaw::Cut;
                let len = damage::cut(place.octets());
                place.resize(len);
                at
            }
            2 if !matches!(parcel.flaw, Flaw::Cut | Flaw::Fragment) => {
                parcel.flaw = Flaw::Fragment;
                let len = place.octets().len();
                let len = damage::fragment(place.room(), len);
                place.resize(len);
                at
            }
            _ => at,
        };
        place.parcel = Some(parcel);
        self.links.inject(slot, 0, FIRST_HOST + to as u8);
    }

    // --- Rollover -----------------------------------------------------------------------------------------------------

    /// Receivers get the next generation of an association beside the one they have.
    pub(crate) fn start_generation(&mut self, lane: Lane, generation: u32) {
        self.books.start_generation(lane, generation);
        for receiver in &mut self.receivers {
            let sa = lane.association(1, generation, Duration::ZERO).unwrap();
            let inbound = &mut receiver.inbound;
            assert!(inbound.replay.forget_sender(&filler(lane.0 as u32 % 2)));
            inbound.replay.start_after(key(lane, &sa), 0).unwrap();
            inbound.sad.insert(sa, Usage::new(time(self.links.tick))).unwrap();
        }
    }

    /// And lose the old one.
    pub(crate) fn end_generation(&mut self, lane: Lane, generation: u32) {
        self.books.generations[lane.0 % 2].0 = generation + 1;
        for receiver in &mut self.receivers {
            let sa = lane.association(1, generation, Duration::ZERO).unwrap();
            assert!(receiver.inbound.remove_sa(&sa.id()));
            receiver.inbound.replay.start_after(filler(lane.0 as u32 % 2), 0).unwrap();
        }
    }
}
