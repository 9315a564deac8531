//! Every bitmap for up to 16 destinations: written, read, cut down, and branched by a router.

use std::collections::BTreeMap;
use std::net::IpAddr;

use xcast_sec::forward::{CopyKind, FnEgress, PacketCopy, Route, RouteLookup, Router, RouterPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    ChecksumPolicy, CodePoints, DestinationSet, Family, ParseErrorKind, XcastPacket, XcastPacketMut,
};

use crate::common::{Packet, destination};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const COUNTS: std::ops::RangeInclusive<usize> = 1..=16;

fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

/// The destinations whose bits are set, the first one's being the lowest.
fn set(bits: u32) -> DestinationSet {
    (0..16).filter(|index| bits >> index & 1 != 0).collect()
}

fn packet(family: Family, count: usize, anonymous: bool) -> Packet {
    Packet { anonymous, ..Packet::plain(family, count) }
}

/// Where the bitmap lies in a packet, by the diagrams of `spec/WIRE.md`.
fn bitmap_at(family: Family) -> usize {
    match family {
        Family::V4 => 20 + 12,
        Family::V6 => 40 + 24,
    }
}

/// Of every length, also of those that no header has: what lies beyond counts as zero.
#[test]
fn of_every_length() {
    for len in 0..=16 {
        let full: Vec<usize> = (0..len * 8).collect();
        for listed in std::iter::once(full).chain((0..len * 8).map(|index| vec![index])) {
            let mut bitmap = vec![0_u8; len];
            listed.iter().for_each(|index| bitmap[index / 8] |= 0x80 >> (index % 8));
            let read = DestinationSet::from_bitmap(&bitmap);
            assert!(read.iter().eq(listed), "{bitmap:?}");
        }
    }
}

#[test]
fn written_and_read() {
    for family in FAMILIES {
        for count in COUNTS {
            let mut packet = packet(family, count, false);
            let mut buffer = vec![0; packet.encoded_len()];
            for bits in 0..1_u32 << count {
                packet.bits = set(bits);
                packet.emit(&code_points(), &mut buffer).unwrap();
                // Bit 0 of the bitmap is the first destination's: the highest of the first octet.
                let [first, second] = ((bits as u16).reverse_bits()).to_be_bytes();
                assert_eq!(buffer[bitmap_at(family)..][..4], [first, second, 0, 0]);
                let read = XcastPacket::parse(&buffer, &code_points(), ChecksumPolicy::Verify).unwrap();
                assert_eq!(read.bits(), set(bits));
                assert_eq!(read.bits().len(), bits.count_ones() as usize);
                assert!(read.bits().iter().eq((0..count).filter(|index| bits >> index & 1 != 0)));
            }
        }
    }
}

/// The first sixteen bits on the wire, whatever they are.
#[test]
fn bits_beyond_the_count_are_refused() {
    for family in FAMILIES {
        for count in COUNTS {
            let mut octets = packet(family, count, false).octets();
            for wire in 0..=u16::MAX {
                octets[bitmap_at(family)..][..2].copy_from_slice(&wire.to_be_bytes());
                let bits = u32::from(wire.reverse_bits());
                let read = XcastPacket::parse(&octets, &code_points(), ChecksumPolicy::Ignore);
                let expected = if bits >> count == 0 { Ok(set(bits)) } else { Err(ParseErrorKind::BitmapBeyondCount) };
                assert_eq!(read.map(|packet| packet.bits()).map_err(|error| error.kind()), expected, "{wire:#x}");
            }
        }
    }
}

/// Every subset of every bitmap of 6 destinations, and of all 16 every bitmap.
#[test]
fn cut_down() {
    for (family, anonymous) in FAMILIES.into_iter().flat_map(|family| [(family, false), (family, true)]) {
        let pairs = (0..1 << 6).flat_map(|bits| (0..1 << 6).map(move |keep| (6, bits, keep)));
        let whole = (0..1 << 16).map(|keep| (16, 0xffff, keep));
        for (count, bits, keep) in pairs.chain(whole) {
            let packet = Packet { bits: set(bits), ..packet(family, count, anonymous) };
            let mut octets = packet.octets();
            let before = octets.clone();
            let mut cut = XcastPacketMut::parse(&mut octets, &code_points(), ChecksumPolicy::Verify).unwrap();
            cut.retain(set(keep));
            let read = XcastPacket::parse(&octets, &code_points(), ChecksumPolicy::Verify).unwrap();
            assert_eq!(read.bits(), set(bits & keep));
            for index in 0..count {
                let kept = bits & keep & 1 << index != 0;
                let shown = read.destination(index).filter(|address| !address.is_unspecified());
                // Who is anonymous to others is so wherever the packet does not go to it.
                let expected = (kept || !anonymous).then(|| destination(family, index));
                assert_eq!(shown, expected, "{index} of {bits:#b} cut to {keep:#b}");
            }
            if bits & keep == bits {
                assert_eq!(octets, before, "nothing was cut");
            }
        }
    }
}

/// Sixteen destinations behind five next hops, in no regular order; the last of them has no Xcast.
struct Net;

fn next_hop(index: usize) -> u8 {
    [0, 1, 0, 2, 1, 1, 3, 0, 2, 2, 4, 3, 0, 1, 4, 2][index]
}

impl RouteLookup for Net {
    type NextHop = u8;

    fn is_local(&self, _: IpAddr) -> bool {
        false
    }

    fn route(&self, address: IpAddr) -> Option<Route<u8>> {
        let index = match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[15],
        };
        let next_hop = next_hop(index.into());
        Some(Route { next_hop, xcast_capable: next_hop != 4, mtu: 1500 })
    }
}

#[test]
fn branched() {
    for family in FAMILIES {
        for bits in 1..1_u32 << 16 {
            let octets = Packet { bits: set(bits), ..packet(family, 16, false) }.octets();
            let mut xcast: BTreeMap<u8, u32> = BTreeMap::new();
            let mut unicast = 0_u32;
            let mut order = Vec::new();
            let mut egress = FnEgress(|hop: u8, copy: &PacketCopy<'_>| {
                let of = copy.destinations().iter().fold(0_u32, |of, index| of | 1 << index);
                match copy.kind() {
                    CopyKind::Unicast => {
                        assert_eq!((of.count_ones(), unicast & of), (1, 0));
                        unicast |= of;
                    }
                    _ => {
                        assert_eq!(xcast.insert(hop, of), None, "two copies to one next hop");
                        order.push(of.trailing_zeros());
                    }
                }
                Ok::<(), core::convert::Infallible>(())
            });
            let mut router = Router::new(code_points(), RouterPolicy::default());
            let outcome = router.forward(Instant::START, None, &octets, &Net, &mut egress).unwrap();
            // Each destination once: those of a next hop together, or, where it is the only one or there is no Xcast, by itself.
            let mut expected: BTreeMap<u8, u32> = BTreeMap::new();
            for index in (0..16).filter(|index| bits >> index & 1 != 0) {
                *expected.entry(next_hop(index)).or_default() |= 1 << index;
            }
            let alone: u32 =
                expected.iter().filter(|(hop, of)| **hop == 4 || of.count_ones() == 1).map(|(_, of)| of).sum();
            expected.retain(|_, of| *of & alone == 0);
            assert_eq!((&xcast, unicast), (&expected, alone), "{bits:#b}");
            assert!(order.is_sorted(), "by the first destination of each");
            assert_eq!(outcome.copies, xcast.len() + unicast.count_ones() as usize);
        }
    }
}
