//! The senders: they choose whom to send what, and the books know what must become of it.

use std::time::Duration;

use rand_core::TryCryptoRng;
use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{FixedOutboundSad, FixedSpd, NoAudit, Outbound, OutboundCounters, OutboundSa, SenderId, Usage};
use xcast_sec::stack::{
    Ends, FnSegment, Link, Means, Member, MemberId, Origin, PacketError, Recipients, Sender, Session, SessionConfig,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, EmitError, Family, UdpRepr, protocol};

use crate::books::Books;
use crate::links::Links;
use crate::parcel::{Flaw, Members, payload_octet};
use crate::random::Random;
use crate::world::{ESN_START, Lane, MEMBERS, MTU, START, Shield, bypass_all, code_points, member, port, spd};

pub(crate) type TestSender = Sender<FixedOutboundSad<RustCrypto, 24>, FixedSpd<64>, NoAudit>;

/// Sends what no policy asked for.
pub(crate) const FORGER: usize = 2;

/// How many numbers are reserved at a time.
pub(crate) const RESERVED: u64 = 500;

pub(crate) fn senders(short_life: Duration) -> Vec<TestSender> {
    let of_family = |family| {
        let mut sad = FixedOutboundSad::new();
        for lane in Lane::all().filter(|lane| lane.family() == family) {
            for layer in [0, 1] {
                if let Some(sa) = outbound(lane, layer, 0, START, short_life) {
                    sad.insert(sa).unwrap();
                }
            }
        }
        Sender::new(Outbound::new(sad, spd(), NoAudit), code_points())
    };
    let forger = Sender::new(Outbound::new(FixedOutboundSad::new(), bypass_all(), NoAudit), code_points());
    vec![of_family(Family::V4), of_family(Family::V6), forger]
}

pub(crate) fn outbound(
    lane: Lane,
    layer: usize,
    generation: u32,
    now: Instant,
    short_life: Duration,
) -> Option<OutboundSa<RustCrypto>> {
    let sa = lane.association(layer, generation, short_life)?;
    Some(if lane.shield() == Shield::GcmEsn {
        OutboundSa::resume(sa, ESN_START, SenderId::ONLY, Usage::new(now)).unwrap()
    } else {
        OutboundSa::new(sa, now).unwrap()
    })
}

/// A session, and what the books know of it.
pub(crate) struct Kit {
    session: Session<MEMBERS>,
    ids: [MemberId; MEMBERS],
    /// Who stands where in the list.
    order: [u8; MEMBERS],
    pub(crate) hop_limit: u8,
    pub(crate) ports: bool,
    pub(crate) anonymous: bool,
    pub(crate) no_x2u: bool,
}

pub(crate) const KITS: usize = 6;
pub(crate) const PLAIN: usize = 0;
pub(crate) const WITH_PORTS: usize = 1;

/// The sessions of a lane: of every hop limit that ends somewhere, with ports, anonymous.
pub(crate) fn kits(lane: Lane, random: &mut Random) -> [Kit; KITS] {
    [0, 1, 2, 3, 4, 5].map(|kit| {
        let origin = match lane.source() {
            std::net::IpAddr::V4(source) => Origin::V4 { source, channel: [7; 4] },
            std::net::IpAddr::V6(source) => Origin::V6 { source, channel: [7; 16] },
        };
        let mut config = SessionConfig::new(origin);
        config.bitmap = lane.place();
        config.hop_limit = [64, 64, 1, 2, 3, 64][kit];
        config.anonymous = kit == 5 && lane.place() == BitmapPlace::Header && !lane.layers()[0];
        config.no_x2u = kit == 4;
        let ports = matches!(kit, WITH_PORTS | 4);
        let mut order: [u8; MEMBERS] = std::array::from_fn(|index| index as u8);
        random.shuffle(&mut order);
        let mut session = Session::new(config).unwrap();
        let ids = order.map(|index| {
            let index = usize::from(index);
            let port = ports.then(|| port(index));
            session.add(Member { port, ..Member::new(member(lane.family(), index)) }).unwrap()
        });
        let SessionConfig { hop_limit, anonymous, no_x2u, .. } = config;
        Kit { session, ids, order, hop_limit, ports, anonymous, no_x2u }
    })
}

/// What a segment is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub(crate) number: u64,
    pub(crate) payload_len: usize,
    pub(crate) flaw: Flaw,
}

impl Content {
    fn protocol(self, family: Family) -> u8 {
        match (self.flaw, family) {
            (Flaw::Echo, Family::V4) => protocol::ICMP,
            (Flaw::Echo, Family::V6) => protocol::ICMPV6,
            _ => protocol::UDP,
        }
    }

    fn write(self, ends: &Ends, buffer: &mut [u8]) -> Result<(), EmitError> {
        let mut payload = [0; 1024];
        let payload = &mut payload[..self.payload_len];
        payload.iter_mut().enumerate().for_each(|(index, octet)| *octet = payload_octet(self.number, index));
        let destination_port = match self.flaw {
            Flaw::NoPort => 0,
            Flaw::PortBesideList => 4000,
            _ if ends.ports_listed => 0,
            _ => 4000,
        };
        UdpRepr { source_port: 5000, destination_port, payload }.emit(ends.source, ends.destination, buffer)?;
        match self.flaw {
            Flaw::UdpChecksum => buffer[8] ^= 1,
            // An echo request, where a UDP header would be.
            Flaw::Echo => buffer[..2].copy_from_slice(&[if ends.source.is_ipv4() { 8 } else { 128 }, 0]),
            _ => {}
        }
        Ok(())
    }
}

/// A packet that a sender handed to its link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staged {
    pub(crate) slot: usize,
    pub(crate) list: [u8; MEMBERS],
    pub(crate) listed: usize,
    pub(crate) members: Members,
}

/// Takes a sender's packets.
struct Outlet<'a> {
    links: &'a mut Links,
    kit: (&'a [MemberId; MEMBERS], &'a [u8; MEMBERS]),
    fails: bool,
    staged: [Option<Staged>; MEMBERS],
    count: usize,
    /// Whom packets were for that did not go out.
    not_sent: Members,
    errors: u64,
}

impl Outlet<'_> {
    fn who(&self, id: MemberId) -> usize {
        let place = self.kit.0.iter().position(|own| *own == id).unwrap();
        usize::from(self.kit.1[place])
    }

    fn served(&self, recipients: &Recipients<'_>) -> Members {
        recipients.served().fold(0, |members, id| members | 1 << self.who(id))
    }
}

impl Link for Outlet<'_> {
    type Error = ();

    fn transmit(&mut self, packet: &[u8], recipients: &Recipients<'_>) -> Result<(), ()> {
        let members = self.served(recipients);
        if self.fails {
            self.not_sent |= members;
            self.errors += 1;
            return Err(());
        }
        let slot = self.links.take();
        self.links.slots[slot].fill(packet, None);
        let mut staged = Staged { slot, list: [0; MEMBERS], listed: recipients.listed().len(), members };
        for (place, id) in staged.list.iter_mut().zip(recipients.listed()) {
            *place = self.who(*id) as u8;
        }
        self.staged[self.count] = Some(staged);
        self.count += 1;
        Ok(())
    }

    fn not_sent(&mut self, recipients: &Recipients<'_>, error: PacketError) {
        assert!(matches!(error, PacketError::Protect(_)), "{error:?}");
        self.not_sent |= self.served(recipients);
        self.errors += 1;
    }
}

/// How a segment is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) lane: Lane,
    /// Who sends it: the lane's sender, or the forger.
    pub(crate) sender: usize,
    pub(crate) members: Members,
    pub(crate) content: Content,
    /// Several packets, each with a part of the list.
    pub(crate) split: bool,
    pub(crate) link_fails: bool,
    pub(crate) no_scratch: bool,
    pub(crate) nothing_fits: bool,
}

/// What outbound processing must do with each packet: the counter, and whether it goes out.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) count: fn(&mut OutboundCounters) -> &mut u64,
    pub(crate) passes: bool,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) staged: [Option<Staged>; MEMBERS],
    /// Packets, sent or not.
    pub(crate) packets: u64,
}

/// Sends a segment; what counters must say of it goes into the books.
pub(crate) fn send<G: TryCryptoRng>(
    order: &Order,
    kit: &mut Kit,
    sender: &mut TestSender,
    books: &mut Books,
    links: &mut Links,
    (now, rng): (Instant, &mut G),
    end: End,
) -> Outcome {
    for (place, id) in kit.ids.into_iter().enumerate() {
        kit.session.set_enabled(id, order.members >> kit.order[place] & 1 != 0);
    }
    let content = order.content;
    let segment = FnSegment {
        protocol: content.protocol(order.lane.family()),
        len: 8 + content.payload_len,
        write: |ends: &Ends, buffer: &mut [u8]| content.write(ends, buffer),
    };
    let v4 = order.lane.family() == Family::V4;
    let mtu = match () {
        () if order.nothing_fits => 50,
        // One member fits, and not all.
        () if order.split => match order.lane.shield() {
            _ if !v4 => 250,
            Shield::Clear => 90,
            Shield::Ah | Shield::Short => 110,
            Shield::AhEsp => 140,
            _ => 125,
        },
        () => MTU,
    };
    let mut scratch = [0; MTU];
    let scratch_len = if order.no_scratch { 20 } else { MTU };
    let scratch = &mut scratch[..scratch_len];
    let mut outlet = Outlet {
        links,
        kit: (&kit.ids, &kit.order),
        fails: order.link_fails,
        staged: [None; MEMBERS],
        count: 0,
        not_sent: 0,
        errors: 0,
    };
    let means = Means { crypto: &mut RustCrypto, rng, now, mtu, scratch };
    let result = sender.send(&kit.session, &segment, means, &mut outlet);
    let Outlet { staged, count: sent, not_sent, errors, .. } = outlet;

    // What must have happened.
    let (counters, ipsec) = (&mut books.senders[order.sender], &mut books.outbound[order.sender]);
    counters.segments += 1;
    let served = u64::from(order.members.count_ones());
    let packets = sent as u64 + errors;
    if order.no_scratch || order.nothing_fits {
        counters.refused += 1;
        assert!(result.is_err() && packets == 0);
    } else if served == 0 {
        counters.packets += 1;
        counters.idle += 1;
        assert!(packets == 0);
    } else {
        let all = staged.iter().flatten().fold(not_sent, |all, staged| {
            assert_eq!(all & staged.members, 0, "served twice");
            all | staged.members
        });
        assert_eq!(all, order.members, "everybody is served once");
        assert!(if order.split { packets > 1 } else { packets == 1 }, "{order:?}: {packets} packets, {result:?}");
        counters.packets += packets;
        ipsec.packets += packets;
        *(end.count)(ipsec) += packets;
        if end.passes && !order.link_fails {
            counters.sent += packets;
            counters.members_sent += served;
        } else {
            *(if end.passes { &mut counters.link_failed } else { &mut counters.not_protected }) += packets;
            counters.members_failed += served;
        }
    }
    assert_eq!(sender.counters(), &*counters, "{order:?}");
    assert_eq!(sender.outbound.counters(), &*ipsec, "{order:?}");
    Outcome { staged, packets }
}
