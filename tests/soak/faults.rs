//! What goes wrong with packets, and what must come of it.

use std::time::Duration;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::wire::{BitmapPlace, ChecksumPolicy, DestinationSet, Family, XcastPacketMut};

use crate::damage::{self, Offsets};
use crate::links::Slot;
use crate::parcel::{Flaw, Parcel, Refusal};
use crate::soak::Soak;
use crate::world::{Lane, SENDERS, Shield, code_points, time};

/// What is done to a packet between its sender and R1, or by its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    // What R1 refuses.
    Cut,
    IpVersion,
    XcastVersion,
    XcastChecksum,
    IpChecksum,
    Fragment,
    OtherGroup,
    MulticastSource,
    MulticastMember,
    NobodyLeft,
    OtherNeighbour,
    UnroutedSource,
    // What R1 makes the best of.
    RepeatedMember,
    // What hosts refuse.
    LastOctet,
    Covered,
    Sequence,
    UnknownSpi,
    ReservedSpi,
    Segment(Flaw),
    InTheClear,
    Dummy,
    // What goes wrong at the sender.
    Split,
    LinkFails,
    NoScratch,
    NothingFits,
    Nobody,
}

/// So many in a thousand; the others have none.
const FAULTS: [(usize, Fault); 30] = [
    (8, Fault::Cut),
    (6, Fault::IpVersion),
    (8, Fault::XcastVersion),
    (10, Fault::XcastChecksum),
    (6, Fault::IpChecksum),
    (10, Fault::Fragment),
    (8, Fault::OtherGroup),
    (8, Fault::MulticastSource),
    (8, Fault::MulticastMember),
    (8, Fault::NobodyLeft),
    (8, Fault::OtherNeighbour),
    (8, Fault::UnroutedSource),
    (10, Fault::RepeatedMember),
    (25, Fault::LastOctet),
    (25, Fault::Covered),
    (15, Fault::Sequence),
    (10, Fault::UnknownSpi),
    (8, Fault::ReservedSpi),
    (10, Fault::Segment(Flaw::UdpChecksum)),
    (10, Fault::Segment(Flaw::NoPort)),
    (10, Fault::Segment(Flaw::PortBesideList)),
    (10, Fault::Segment(Flaw::Echo)),
    (40, Fault::InTheClear),
    (15, Fault::Dummy),
    (20, Fault::Split),
    (8, Fault::LinkFails),
    (4, Fault::NoScratch),
    (4, Fault::NothingFits),
    (8, Fault::Nobody),
    (30, Fault::None),
];

impl Soak {
    /// One that there can be in a lane.
    pub(crate) fn fault(&mut self, lane: Lane) -> Fault {
        let mut left = self.random.below(1000);
        let mut fault = Fault::None;
        for (weight, each) in FAULTS {
            if left < weight {
                fault = each;
                break;
            }
            left -= weight;
        }
        let (protected, shield) = (lane.is_protected(), lane.shield());
        // Only where there is something to damage.
        let applies = match fault {
            Fault::None | Fault::LinkFails | Fault::NoScratch | Fault::NothingFits | Fault::Nobody => true,
            Fault::InTheClear => shield != Shield::Clear,
            _ if matches!(shield, Shield::Discarded | Shield::NoPolicy) => false,
            _ if shield == Shield::Short && self.network.books.short_is_over => false,
            Fault::LastOctet | Fault::Covered | Fault::Sequence | Fault::UnknownSpi => protected,
            Fault::Segment(Flaw::UdpChecksum | Flaw::NoPort) => true,
            Fault::OtherNeighbour | Fault::UnroutedSource if shield == Shield::Tunnel => false,
            Fault::ReservedSpi | Fault::Segment(Flaw::PortBesideList) => protected,
            Fault::Dummy => {
                matches!(shield, Shield::Cbc | Shield::GcmEsn | Shield::Ctr | Shield::AhEsp)
                    && (shield != Shield::GcmEsn || self.reserved[lane.0] > 0)
            }
            Fault::RepeatedMember => !lane.layers()[0] && shield != Shield::Tunnel,
            Fault::IpChecksum => lane.family() == Family::V4 && shield != Shield::Tunnel,
            _ => shield != Shield::Tunnel,
        };
        if applies { fault } else { Fault::None }
    }

    /// Makes a dummy of a packet in the clear (RFC 4303 §2.6).
    fn seal_dummy(&mut self, slot: usize, parcel: &mut Parcel) {
        let lane = parcel.lane;
        let (code_points, now) = (code_points(), time(self.network.links.tick));
        let id = lane.association(1, parcel.generation, Duration::ZERO).unwrap().id();
        let Self { senders, network, random, .. } = self;
        let mut all = senders[lane.0 % 2].outbound.sad.iter_mut();
        let sa = all.find(|sa| sa.sa().id() == id).unwrap();
        let place: &mut Slot = &mut network.links.slots[slot];
        let sealed = place
            .with_packet(|packet| sa.seal_dummy(now, &mut RustCrypto, random, Some(&code_points), packet))
            .unwrap();
        self.sequence[lane.0][1] += 1;
        self.reserved[lane.0] = self.reserved[lane.0].saturating_sub(1);
        self.dummies += 1;
        assert_eq!(sealed.sequence, self.sequence[lane.0][1]);
        parcel.sequence = self.sequence[lane.0];
        parcel.layers = [false, true];
        parcel.flaw = Flaw::Dummy;
        parcel.x2u = false;
        parcel.len = place.octets().len();
    }

    /// Does to a packet what its fault says, and sends it to R1.
    pub(crate) fn damage(&mut self, fault: Fault, slot: usize, mut parcel: Parcel) {
        let mut from = SENDERS;
        if fault == Fault::Dummy {
            self.seal_dummy(slot, &mut parcel);
        }
        let place = &mut self.network.links.slots[slot];
        let len = place.octets().len();
        let offsets = Offsets::of(place.octets());
        let apart = parcel.lane.place() == BitmapPlace::Option;
        let octets = place.octets_mut();
        let multicast = match parcel.lane.family() {
            Family::V4 => [224, 0, 0, 77].into(),
            Family::V6 => [0xff05, 0, 0, 0, 0, 0, 0, 77].into(),
        };
        match fault {
            Fault::Cut => {
                place.resize(damage::cut(place.octets()));
                parcel.refusal = Some(Refusal::Malformed);
            }
            Fault::IpVersion => {
                octets[0] = 0x50 | octets[0] & 15;
                parcel.refusal = Some(Refusal::Malformed);
            }
            Fault::XcastVersion => {
                octets[offsets.version_at()] ^= 0x20;
                damage::fix_xcast(octets);
                parcel.refusal = Some(Refusal::Version);
            }
            Fault::XcastChecksum => {
                octets[offsets.checksum_at()] ^= 0x40;
                parcel.refusal = Some(Refusal::Checksum);
            }
            Fault::IpChecksum => {
                damage::break_ip_checksum(octets);
                parcel.refusal = Some(Refusal::Checksum);
            }
            Fault::Fragment => {
                let longer = damage::fragment(place.room(), len);
                place.resize(longer);
                // In IPv6 it stands where routers need not look.
                match parcel.lane.family() {
                    Family::V4 => parcel.refusal = Some(Refusal::Malformed),
                    Family::V6 => (parcel.flaw, parcel.len, parcel.x2u) = (Flaw::Fragment, longer, false),
                }
            }
            Fault::OtherGroup => {
                damage::set_destination(octets, multicast);
                parcel.refusal = Some(Refusal::NotForUs);
            }
            Fault::MulticastSource => {
                damage::set_source(octets, multicast);
                parcel.refusal = Some(Refusal::Source);
            }
            Fault::MulticastMember => {
                let at = offsets.address_at(self.random.below(parcel.listed), apart);
                octets[at] = if parcel.lane.family() == Family::V4 { 224 } else { 0xff };
                damage::fix_xcast(octets);
                parcel.refusal = Some(Refusal::Destination);
            }
            Fault::NobodyLeft => {
                XcastPacketMut::parse(octets, &code_points(), ChecksumPolicy::Verify)
                    .unwrap()
                    .retain(DestinationSet::EMPTY);
                parcel.refusal = Some(Refusal::NothingToDo);
            }
            Fault::OtherNeighbour => {
                from = 2;
                parcel.refusal = Some(Refusal::ReversePath);
            }
            Fault::UnroutedSource => {
                let nowhere = match parcel.lane.family() {
                    Family::V4 => [10, 9, 9, 9].into(),
                    Family::V6 => [0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1].into(),
                };
                damage::set_source(octets, nowhere);
                parcel.refusal = Some(Refusal::ReversePath);
            }
            Fault::RepeatedMember => {
                let mut served = (0..parcel.listed).filter(|&place| parcel.members >> parcel.list[place] & 1 != 0);
                if let (Some(one), Some(other)) = (served.next(), served.next()) {
                    damage::repeat_address(octets, one, other, apart);
                    parcel.repeated = 1 << parcel.list[other];
                    parcel.list[other] = parcel.list[one];
                }
            }
            Fault::LastOctet => {
                octets[len - 1] ^= 1;
                parcel.flaw = Flaw::Icv;
            }
            Fault::Covered => {
                octets[offsets.covered_at()] ^= 0x80;
                parcel.flaw = Flaw::Icv;
            }
            Fault::Sequence => {
                let at = offsets.sequence_at();
                let number = u32::from_be_bytes(octets[at..at + 4].try_into().unwrap());
                octets[at..at + 4].copy_from_slice(&number.wrapping_add(100_000).to_be_bytes());
                let layer = usize::from(!offsets.is_ah);
                assert_eq!(number, parcel.sequence[layer] as u32, "{parcel:?}");
                parcel.sequence[layer] += 100_000;
                parcel.flaw = Flaw::Icv;
            }
            Fault::UnknownSpi | Fault::ReservedSpi => {
                let spi: u32 = if fault == Fault::ReservedSpi { 77 } else { 0xdead_0000 };
                octets[offsets.spi_at()..][..4].copy_from_slice(&spi.to_be_bytes());
                parcel.flaw = Flaw::Spi;
            }
            _ => {}
        }
        place.parcel = Some(parcel);
        self.network.links.cross(slot, from, 0);
    }
}
