//! What is read from packets.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::super::{Direction, PolicyLookup, PortSelector};
use super::*;
use crate::wire::{
    BitmapPlace, CodePoints, DestinationSet, Destinations, Family, IpHeader, Ipv4Repr, Ipv6Repr, ParseErrorKind,
    XcastRepr,
};
use UpperLayer::{Hidden, MobilityHeader, Opaque, Protocol};

const POINTS: CodePoints = CodePoints::rfc4727_experiment();
const V4: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 7)];
const V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)];
/// Ports 0x0102 and 0x0304, type 1 and code 2, MH Type 3.
const SEGMENT: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// An IPv4 packet with `options`; `flags` are those and the fragment offset.
fn v4(protocol: u8, options: &[u8], flags: u16, payload: &[u8]) -> Vec<u8> {
    let repr = Ipv4Repr {
        tos: 0,
        ttl: 64,
        protocol,
        source: V4[0],
        destination: V4[1],
        options_len: options.len(),
        payload_len: payload.len(),
    };
    let mut octets = vec![0; 20];
    octets.extend_from_slice(options);
    repr.emit(&mut octets).unwrap();
    octets[6..8].copy_from_slice(&flags.to_be_bytes());
    octets.extend_from_slice(payload);
    octets
}

/// An IPv6 packet whose payload is put together of `parts`.
fn v6(next_header: u8, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let repr = Ipv6Repr {
        traffic_class: 0,
        hop_limit: 64,
        next_header,
        source: V6[0],
        destination: V6[1],
        payload_len: payload.len(),
    };
    let mut octets = vec![0; 40];
    repr.emit(&mut octets).unwrap();
    octets.extend_from_slice(&payload);
    octets
}

/// An extension header of `units + 1` times 8 octets, not zero where it can be something else.
fn extension(next_header: u8, units: u8) -> Vec<u8> {
    let mut octets = vec![0x55; (usize::from(units) + 1) * 8];
    octets[..2].copy_from_slice(&[next_header, units]);
    octets
}

fn fragment(next_header: u8, offset: u16, more: bool) -> [u8; 8] {
    let [high, low] = (offset << 3 | u16::from(more)).to_be_bytes();
    // The reserved octet is no length.
    [next_header, 0xff, high, low, 1, 2, 3, 4]
}

/// An AH with a 96-bit ICV.
fn ah(next_header: u8) -> [u8; 24] {
    let mut octets = [0x66; 24];
    octets[..4].copy_from_slice(&[next_header, 4, 0, 0]);
    octets
}

fn xcast(family: Family, ports: bool, next_protocol: u8, payload: &[u8]) -> Vec<u8> {
    let destinations = match family {
        Family::V4 => Destinations::V4 { source: V4[0], channel: [9; 4], addresses: &V4[1..] },
        Family::V6 => Destinations::V6 { source: V6[0], channel: [9; 16], addresses: &V6[1..] },
    };
    let repr = XcastRepr {
        destinations,
        bits: DestinationSet::first_n(1),
        dscps: None,
        ports: if ports { Some(&[0x7777]) } else { None },
        anonymous: false,
        no_x2u: true,
        bitmap: BitmapPlace::Header,
        hop_limit: 64,
        next_protocol,
    };
    let mut octets = vec![0; repr.encoded_len(payload.len())];
    repr.emit(&POINTS, payload.len(), &mut octets).unwrap().copy_from_slice(payload);
    octets
}

fn next_layer(packet: &[u8], code_points: Option<&CodePoints>) -> Result<UpperLayer, ParseErrorKind> {
    Selectors::of(packet, code_points).map(|selectors| selectors.next_layer).map_err(|error| error.kind())
}

/// What `SEGMENT` is as a segment of `protocol`.
fn whole(protocol: u8) -> UpperLayer {
    match protocol {
        6 | 17 | 33 | 132 | 136 => UpperLayer::Ports { protocol, source: 0x0102, destination: 0x0304 },
        1 | 58 => UpperLayer::TypeAndCode { protocol, kind: 1, code: 2 },
        135 => MobilityHeader(3),
        other => Protocol(other),
    }
}

/// How many octets of a segment must be there.
fn needed(protocol: u8) -> usize {
    match whole(protocol) {
        UpperLayer::Ports { .. } => 4,
        UpperLayer::TypeAndCode { .. } => 2,
        MobilityHeader(_) => 3,
        _ => 0,
    }
}

const PROTOCOLS: [u8; 13] = [1, 4, 6, 17, 33, 41, 50, 58, 59, 99, 132, 135, 136];

#[test]
fn segments_whole_and_cut_short() {
    for protocol in PROTOCOLS {
        for len in 0..=SEGMENT.len() {
            let expected = if len < needed(protocol) { Hidden(protocol) } else { whole(protocol) };
            let mut packet = v4(protocol, &[], 0, &SEGMENT[..len]);
            assert_eq!(next_layer(&packet, None), Ok(expected), "IPv4 {protocol}, {len} octets");
            // What lies behind the packet is no part of it.
            packet.extend_from_slice(&SEGMENT[len..]);
            assert_eq!(next_layer(&packet, Some(&POINTS)), Ok(expected), "IPv4 {protocol}, {len} octets and more");
            let mut packet = v6(protocol, &[&SEGMENT[..len]]);
            assert_eq!(next_layer(&packet, None), Ok(expected), "IPv6 {protocol}, {len} octets");
            packet.extend_from_slice(&SEGMENT[len..]);
            assert_eq!(next_layer(&packet, Some(&POINTS)), Ok(expected), "IPv6 {protocol}, {len} octets and more");
        }
    }
}

#[test]
fn ipv4() {
    let [source, destination] = V4.map(IpAddr::V4);
    let seen = Selectors { source, destination, next_layer: whole(17) };
    assert_eq!(Selectors::of(&v4(17, &[], 0, &SEGMENT), None), Ok(seen));
    assert_eq!(Selectors::of(&v4(17, &[148, 4, 0, 0, 1, 1, 1, 0], 0, &SEGMENT), None), Ok(seen), "options");
    for (flags, expected) in [
        (0x0000, whole(17)),
        (0x4000, whole(17)),
        (0x8000, whole(17)),
        (0x2000, whole(17)), // the first fragment
        (0x2001, Hidden(17)),
        (0x0001, Hidden(17)),
        (0x1fff, Hidden(17)),
        (0x1000, Hidden(17)),
        (0xe002, Hidden(17)),
    ] {
        assert_eq!(next_layer(&v4(17, &[], flags, &SEGMENT), Some(&POINTS)), Ok(expected), "{flags:#06x}");
    }
    assert_eq!(next_layer(&v4(99, &[], 1, &SEGMENT), None), Ok(Hidden(99)));
    // What is an extension header in IPv6 is none here.
    for protocol in [0, 43, 44, 60] {
        let octets = extension(17, 0);
        assert_eq!(next_layer(&v4(protocol, &[], 0, &octets), Some(&POINTS)), Ok(Protocol(protocol)));
    }
}

/// RFC 4301 §4.4.1.1: headers 0, 43, 44 and 60 are skipped, 50 and 51 are not.
#[test]
fn ipv6_extension_headers() {
    let [source, destination] = V6.map(IpAddr::V6);
    let packet = v6(0, &[&extension(43, 1), &extension(60, 0), &extension(17, 2), &SEGMENT]);
    assert_eq!(Selectors::of(&packet, None), Ok(Selectors { source, destination, next_layer: whole(17) }));
    for (packet, expected) in [
        (v6(60, &[&extension(60, 0), &extension(6, 0), &SEGMENT]), whole(6)),
        (v6(43, &[&extension(58, 3), &SEGMENT]), whole(58)),
        (v6(0, &[&extension(135, 0), &SEGMENT]), whole(135)),
        (v6(0, &[&extension(135, 0), &SEGMENT[..2]]), Hidden(135)),
        (v6(60, &[&extension(50, 0), &SEGMENT]), Protocol(50)),
        (v6(60, &[&extension(59, 0), &SEGMENT]), Protocol(59)),
        // No extension header that this library knows.
        (v6(139, &[&extension(17, 0), &SEGMENT]), Protocol(139)),
        // The first fragment, and the only one.
        (v6(44, &[&fragment(17, 0, true), &SEGMENT]), whole(17)),
        (v6(44, &[&fragment(17, 0, false), &SEGMENT]), whole(17)),
        (v6(44, &[&fragment(17, 0, true), &SEGMENT[..3]]), Hidden(17)),
        (v6(44, &[&fragment(60, 0, true), &extension(17, 0), &SEGMENT]), whole(17)),
        (v6(43, &[&extension(44, 0), &fragment(60, 0, true), &extension(1, 0), &SEGMENT]), whole(1)),
        // Others.
        (v6(44, &[&fragment(17, 1, true), &SEGMENT]), Hidden(17)),
        (v6(44, &[&fragment(17, 0x1fff, false), &SEGMENT]), Hidden(17)),
        (v6(0, &[&extension(44, 0), &fragment(50, 0x1000, false), &SEGMENT]), Hidden(50)),
        (v6(44, &[&fragment(0, 1, false), &SEGMENT]), Opaque),
        (v6(44, &[&fragment(43, 1, false), &SEGMENT]), Opaque),
        (v6(44, &[&fragment(44, 1, false), &SEGMENT]), Opaque),
        (v6(44, &[&fragment(60, 1, false), &SEGMENT]), Opaque),
        (v6(44, &[&fragment(44, 0, true), &fragment(17, 1, false), &SEGMENT]), Hidden(17)),
    ] {
        assert_eq!(next_layer(&packet, None), Ok(expected), "{packet:02x?}");
        assert_eq!(next_layer(&packet, Some(&POINTS)), Ok(expected), "{packet:02x?}");
    }
}

#[test]
fn xcast_packets() {
    for family in [Family::V4, Family::V6] {
        for ports in [false, true] {
            for protocol in PROTOCOLS {
                let packet = xcast(family, ports, protocol, &SEGMENT);
                let expected = Selectors {
                    source: if family == Family::V4 { V4[0].into() } else { V6[0].into() },
                    destination: address(if family == Family::V4 { "224.0.0.254" } else { "ff02::114" }),
                    // The port of the list is the receiver's business.
                    next_layer: whole(protocol),
                };
                assert_eq!(Selectors::of(&packet, Some(&POINTS)), Ok(expected), "{family:?} {protocol}");
            }
        }
        let mut short = xcast(family, false, 17, &SEGMENT[..3]);
        short.push(4);
        assert_eq!(next_layer(&short, Some(&POINTS)), Ok(Hidden(17)), "{family:?}");
    }
    let packet = xcast(Family::V4, false, 17, &SEGMENT);
    assert_eq!(next_layer(&packet, None), Ok(Protocol(253)), "it is not known to be Xcast");
    // Protocol 253 is Xcast in IPv4 alone.
    assert_eq!(next_layer(&v6(253, &[&packet[20..]]), Some(&POINTS)), Ok(Protocol(253)));
}

/// RFC 4301 §4.4.1.1: "IPsec treats AH and ESP as Next Layer Protocols".
#[test]
fn what_ah_covers_is_not_looked_at() {
    let xcast4 = xcast(Family::V4, false, 17, &SEGMENT);
    let xcast6 = xcast(Family::V6, false, 51, &[&ah(17)[..], &SEGMENT[..]].concat());
    let v6_ah = v6(60, &[&extension(51, 0), &ah(17), &SEGMENT]);
    for packet in [
        v4(51, &[], 0, &[&ah(17)[..], &SEGMENT[..]].concat()),
        v4(51, &[], 0, &[&ah(253)[..], &xcast4[20..]].concat()),
        // Not even whether it is whole.
        v4(51, &[], 0, &[17]),
        v6_ah,
        xcast6,
    ] {
        assert_eq!(next_layer(&packet, Some(&POINTS)), Ok(Protocol(51)), "{packet:02x?}");
        // So an entry that lets the inside pass does not let it pass in here.
        let next_layer = NextLayer::Ports { protocol: 17, local: PortSelector::Any, remote: PortSelector::one(0x0304) };
        let spd = spd([entry(Directionality::Symmetric, "any", "any", next_layer, Action::Bypass)]);
        let selectors = Selectors::of(&packet, Some(&POINTS)).unwrap();
        assert_eq!(spd.lookup(Direction::Outbound, &selectors), None);
        let inside = Selectors { next_layer: whole(17), ..selectors };
        assert_eq!(spd.lookup(Direction::Outbound, &inside), Some(Action::Bypass));
    }
}

#[test]
fn malformed() {
    use ParseErrorKind as K;
    let mut xcast_fragment = xcast(Family::V4, false, 17, &SEGMENT);
    xcast_fragment[6] = 0x20;
    let mut later_fragment = xcast_fragment.clone();
    later_fragment[6..8].copy_from_slice(&[0, 1]);
    let mut xcast_version = xcast(Family::V4, false, 17, &SEGMENT);
    xcast_version[20] = 0xf4;
    let mut v4_short = v4(17, &[], 0, &SEGMENT);
    v4_short.truncate(27);
    let mut v6_short = v6(17, &[&SEGMENT]);
    v6_short.truncate(47);
    for (packet, expected) in [
        (vec![], K::Truncated),
        (vec![0x45; 19], K::Truncated),
        (vec![0x60; 39], K::Truncated),
        (vec![0x50; 60], K::IpVersion),
        (v4_short, K::Truncated),
        (v6_short, K::Truncated),
        (xcast_fragment.clone(), K::Fragment),
        (later_fragment, K::Fragment),
        (xcast_version, K::XcastVersion),
        (v4(253, &[], 0, &SEGMENT), K::XcastVersion),
        (v4(253, &[], 0, &[0x14, 1, 0, 0]), K::Truncated),
        (v6(60, &[&extension(0, 0), &extension(17, 0), &SEGMENT]), K::HopByHopPlace),
        (v6(44, &[&fragment(0, 0, true), &extension(17, 0), &SEGMENT]), K::HopByHopPlace),
        (v6(0, &[]), K::Truncated),
        (v6(60, &[&[17]]), K::Truncated),
        (v6(43, &[&extension(17, 4)[..39]]), K::Truncated),
        // A first fragment that ends in its headers (RFC 7112).
        (v6(44, &[&fragment(60, 0, true), &extension(17, 1)[..8]]), K::Truncated),
        (v6(44, &[&fragment(17, 1, true)[..7]]), K::Truncated),
        (v6(44, &[]), K::Truncated),
    ] {
        assert_eq!(next_layer(&packet, Some(&POINTS)), Err(expected), "{packet:02x?}");
    }
    assert_eq!(next_layer(&xcast_fragment, None), Ok(Protocol(253)), "it is not known to be Xcast");
    let at = |packet: &[u8]| Selectors::of(packet, None).unwrap_err().pointer();
    assert_eq!(at(&v6(60, &[&extension(0, 0), &extension(17, 0)])), 40, "the octet that announces it");
    assert_eq!(at(&v6(44, &[])), 40);
}

/// One header of an IPv6 chain, before it is known what follows.
#[derive(Clone, Copy, Debug)]
enum Link {
    Extension { kind: u8, units: u8 },
    FirstFragment { more: bool },
}

fn link() -> impl Strategy<Value = Link> {
    prop_oneof![
        3 => (prop::sample::select(vec![43_u8, 60]), 0..4_u8).prop_map(|(kind, units)| Link::Extension { kind, units }),
        1 => any::<bool>().prop_map(|more| Link::FirstFragment { more }),
    ]
}

proptest! {
    #[test]
    fn any_ipv6_chain_is_walked(
        hop_by_hop in prop::option::of(0..3_u8),
        links in prop::collection::vec(link(), 0..6),
        protocol in prop::sample::select(PROTOCOLS.to_vec()),
        len in 0..=SEGMENT.len(),
    ) {
        let mut links = links;
        if let Some(units) = hop_by_hop {
            links.insert(0, Link::Extension { kind: 0, units });
        }
        let kind = |link: &Link| match link { Link::Extension { kind, .. } => *kind, Link::FirstFragment { .. } => 44 };
        let next = |index: usize| links.get(index).map_or(protocol, kind);
        let mut parts: Vec<Vec<u8>> = links.iter().enumerate().map(|(index, link)| match *link {
            Link::Extension { units, .. } => extension(next(index + 1), units),
            Link::FirstFragment { more } => fragment(next(index + 1), 0, more).to_vec(),
        }).collect();
        parts.push(SEGMENT[..len].to_vec());
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let expected = if len < needed(protocol) { Hidden(protocol) } else { whole(protocol) };
        prop_assert_eq!(next_layer(&v6(next(0), &parts), Some(&POINTS)), Ok(expected));
    }

    #[test]
    fn arbitrary_octets_do_no_harm(
        octets in prop::collection::vec(any::<u8>(), 0..200),
        version in prop::sample::select(vec![0x45_u8, 0x46, 0x4f, 0x60, 0x00]),
        next in prop_oneof![prop::sample::select(vec![0_u8, 43, 44, 60, 253, 17, 51]), any::<u8>()],
        behind in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        // As they are, and with enough that is right to get further.
        let mut patched = octets.clone();
        let len = patched.len();
        if version >> 4 == 4 && len >= 20 {
            patched[0] = version;
            patched[2..4].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
            patched[9] = next;
        } else if version >> 4 == 6 && len >= 40 {
            patched[0] = version;
            patched[4..6].copy_from_slice(&u16::try_from(len - 40).unwrap().to_be_bytes());
            patched[6] = next;
        }
        for packet in [octets, patched] {
            for points in [None, Some(&POINTS)] {
                let Ok(seen) = Selectors::of(&packet, points) else { continue };
                let (ip, _) = IpHeader::split(&packet).unwrap();
                prop_assert_eq!((seen.source, seen.destination), (ip.source(), ip.destination()));
                let padded: Vec<u8> = packet.iter().chain(&behind).copied().collect();
                prop_assert_eq!(Selectors::of(&padded, points), Ok(seen));
                prop_assert_eq!(Selectors::of(&packet[..ip.packet_len()], points), Ok(seen));
            }
        }
    }
}
