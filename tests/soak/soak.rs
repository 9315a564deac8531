//! One run: packet after packet, and associations that come and go.

use std::time::Duration;

use xcast_sec::ipsec::{OutboundCounters, SaId};

use crate::faults::Fault;
use crate::links::Links;
use crate::network::Network;
use crate::parcel::{Flaw, Form, Members, Parcel};
use crate::random::Random;
use crate::senders::{
    self, Content, End, FORGER, KITS, Kit, Order, PLAIN, RESERVED, Staged, TestSender, WITH_PORTS, kits, outbound, send,
};
use crate::world::{C, ESN_START, LANES, Lane, MEMBERS, Shield, TICK_MICROS, time};

pub(crate) struct Soak {
    pub(crate) network: Network,
    pub(crate) senders: Vec<TestSender>,
    kits: Vec<[Kit; KITS]>,
    pub(crate) random: Random,
    /// The last numbers used, per lane and layer.
    pub(crate) sequence: [[u64; 2]; LANES],
    /// How many the lane may still use of what is reserved.
    pub(crate) reserved: [u64; LANES],
    generation: [u32; 2],
    pub(crate) packets: u64,
    pub(crate) dummies: u64,
    pub(crate) rollovers: u64,
    short_life: u64,
}

/// From one rollover to the next, and how long both associations are there, in packets of the senders'.
const ROLLOVER: u64 = 5000;
const OVERLAP: u64 = 1000;

impl Soak {
    pub(crate) fn new(seed: u64, packets: u64) -> Self {
        let mut random = Random::new(seed);
        let links = Links::new(Random::new(random.number()));
        let kits = Lane::all().map(|lane| kits(lane, &mut random)).collect();
        let short_life = packets / 2;
        // Between two packets.
        let life = Duration::from_micros(short_life * TICK_MICROS - TICK_MICROS / 2);
        let sequence =
            std::array::from_fn(|lane| if Lane(lane).shield() == Shield::GcmEsn { [0, ESN_START] } else { [0, 0] });
        Self {
            network: Network::new(links, life),
            senders: senders::senders(life),
            kits,
            random,
            sequence,
            reserved: [0; LANES],
            generation: [0; 2],
            packets: 0,
            dummies: 0,
            rollovers: 0,
            short_life,
        }
    }

    /// Sends until there were `packets` in all.
    pub(crate) fn run_until(&mut self, packets: u64) {
        while self.packets < packets {
            self.network.links.tick += 1;
            self.keep_house();
            self.one();
            while self.random.chance(150) {
                self.network.attack();
            }
            self.network.run();
        }
    }

    /// Until nothing is under way.
    pub(crate) fn finish(&mut self) {
        while !self.network.links.is_empty() {
            self.network.links.tick += 1000;
            self.network.run();
        }
    }

    /// Associations come and go.
    fn keep_house(&mut self) {
        let tick = self.network.links.tick;
        self.network.books.short_is_over = tick >= self.short_life;
        for (family, at) in [(0, 0), (1, ROLLOVER / 2)] {
            let lane = Lane::all().find(|lane| lane.shield() == Shield::Cbc && lane.0 % 2 == family).unwrap();
            match (tick + at) % ROLLOVER {
                0 if tick > ROLLOVER => self.start_generation(lane),
                OVERLAP if tick > ROLLOVER + OVERLAP => self.end_generation(lane),
                _ => {}
            }
        }
    }

    fn start_generation(&mut self, lane: Lane) {
        let (family, now) = (lane.0 % 2, time(self.network.links.tick));
        self.generation[family] += 1;
        let generation = self.generation[family];
        self.network.start_generation(lane, generation);
        let sa = outbound(lane, 1, generation, now, Duration::ZERO).unwrap();
        self.senders[family].outbound.sad.insert(sa).unwrap();
        self.sequence[lane.0] = [0, 0];
        self.rollovers += 1;
    }

    fn end_generation(&mut self, lane: Lane) {
        let family = lane.0 % 2;
        let old = self.generation[family] - 1;
        self.network.end_generation(lane, old);
        let sa: SaId = lane.association(1, old, Duration::ZERO).unwrap().id();
        assert!(self.senders[family].outbound.sad.remove(&sa));
    }

    /// One segment, most often in one packet.
    fn one(&mut self) {
        let lane = Lane(self.random.below(LANES));
        let fault = self.fault(lane);
        let random = &mut self.random;
        let mut kit = if random.chance(300) { random.below(KITS) } else { random.below(2) };
        let mut members = (random.number() as Members) & ((1 << MEMBERS) - 1);
        if random.chance(100) {
            members = 1 << random.below(MEMBERS);
        }
        let mut payload_len = if random.chance(50) { random.between(500, 900) } else { random.between(8, 80) };
        let mut flaw = Flaw::None;
        match fault {
            Fault::Nobody => members = 0,
            Fault::Split => (members, payload_len) = ((1 << MEMBERS) - 1, 8),
            Fault::Segment(wrong) => {
                flaw = wrong;
                kit = if wrong == Flaw::PortBesideList { WITH_PORTS } else { PLAIN };
            }
            Fault::RepeatedMember => kit = PLAIN,
            _ => {}
        }
        if members == 0 && fault != Fault::Nobody {
            members = 1 << C;
        }
        self.packets += 1;
        let content = Content { number: self.packets, payload_len, flaw };
        let forged = matches!(fault, Fault::InTheClear | Fault::Dummy);
        let order = Order {
            lane,
            sender: if forged { FORGER } else { lane.0 % 2 },
            members,
            content,
            split: fault == Fault::Split,
            link_fails: fault == Fault::LinkFails,
            no_scratch: fault == Fault::NoScratch,
            nothing_fits: fault == Fault::NothingFits,
        };
        self.send(&order, kit, fault);
    }

    /// What outbound processing must do with the packets of a lane.
    fn outbound_end(&self, order: &Order) -> End {
        let lane = order.lane;
        let (count, passes): (fn(&mut OutboundCounters) -> &mut u64, bool) = match lane.shield() {
            _ if order.sender == FORGER => (|counters| &mut counters.bypassed, true),
            Shield::Clear => (|counters| &mut counters.bypassed, true),
            Shield::Discarded => (|counters| &mut counters.out_pol_block, false),
            Shield::NoPolicy => (|counters| &mut counters.out_no_pols, false),
            Shield::Short if self.network.books.short_is_over => (|counters| &mut counters.out_state_expired, false),
            Shield::GcmEsn if self.reserved[lane.0] == 0 => (|counters| &mut counters.out_state_seq_error, false),
            _ => (|counters| &mut counters.protected, true),
        };
        End { count, passes }
    }

    fn send(&mut self, order: &Order, kit: usize, fault: Fault) {
        let lane = order.lane;
        let is_gcm = lane.shield() == Shield::GcmEsn && order.sender != FORGER;
        if is_gcm && order.split && self.reserved[lane.0] < MEMBERS as u64 {
            self.reserve(lane);
        }
        let end = self.outbound_end(order);
        let now = time(self.network.links.tick);
        let Self { network, senders, kits, random, .. } = self;
        let kit = &mut kits[lane.0][kit];
        let result =
            send(order, kit, &mut senders[order.sender], &mut network.books, &mut network.links, (now, random), end);
        let protected = lane.is_protected() && order.sender != FORGER;
        let parcel = Parcel {
            number: order.content.number,
            lane,
            generation: if lane.shield() == Shield::Cbc { self.generation[lane.0 % 2] } else { 0 },
            layers: if protected { lane.layers() } else { [false, false] },
            sequence: [0, 0],
            form: if protected && lane.shield() == Shield::Tunnel { Form::EspTunnel } else { Form::Xcast },
            list: [0; MEMBERS],
            listed: 0,
            members: 0,
            repeated: 0,
            hop_limit: kit.hop_limit,
            x2u: !protected && !kit.no_x2u,
            ports: kit.ports,
            anonymous: kit.anonymous,
            segment_len: 8 + order.content.payload_len,
            len: 0,
            refusal: None,
            flaw: order.content.flaw,
        };
        let first = self.sequence[lane.0];
        if protected && end.passes {
            for (layer, sequence) in self.sequence[lane.0].iter_mut().enumerate() {
                *sequence += if lane.layers()[layer] { result.packets } else { 0 };
            }
            self.reserved[lane.0] = self.reserved[lane.0].saturating_sub(result.packets);
        } else if is_gcm && !end.passes {
            self.reserve(lane);
        }
        for (index, staged) in result.staged.into_iter().flatten().enumerate() {
            let Staged { slot, list, listed, members } = staged;
            let sequence = first.map(|number| number + index as u64 + 1);
            let len = self.network.links.slots[slot].octets().len();
            let parcel = Parcel { list, listed, members, sequence, len, ..parcel };
            self.damage(fault, slot, parcel);
        }
    }

    /// More numbers for a lane that asks for it.
    fn reserve(&mut self, lane: Lane) {
        let id = lane.association(1, 0, Duration::ZERO).unwrap().id();
        let mut all = self.senders[lane.0 % 2].outbound.sad.iter_mut();
        let sa = all.find(|sa| sa.sa().id() == id).unwrap();
        sa.reserve(RESERVED).commit();
        self.reserved[lane.0] = RESERVED;
    }
}
