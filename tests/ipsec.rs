//! AH and ESP across modules: what each ICV covers, bit by bit, and what is refused.
#![cfg(feature = "rust-crypto")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Content, FixedSad, Freshness, Mode, OpenError, Opened, OutboundSa, OuterHeader, PacketBuf, Protection, Refusal,
    ReplayError, RoutingCoverage, Sa, SaConfig, SaError, SadError, SealError, SecurityProtocol, SenderId,
    SenderWindows, Spi, Usage, open, seal_with, verify_ah,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, Destinations, Dscp, Family, Ipv4Repr, Ipv6Repr,
    ParseErrorKind, UdpRepr, XcastPacket, XcastRepr, protocol,
};

#[path = "common/algorithms.rs"]
mod algorithms;

use algorithms::{CIPHERS, COMBINED, INTEGRITY};

const SOURCE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const PAYLOAD: &[u8] = b"to each of you";

fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

fn source(family: Family) -> IpAddr {
    match family {
        Family::V4 => SOURCE_V4.into(),
        Family::V6 => SOURCE_V6.into(),
    }
}

fn group(family: Family) -> IpAddr {
    match family {
        Family::V4 => code_points().fields().routers_v4.into(),
        Family::V6 => code_points().fields().routers_v6.into(),
    }
}

#[derive(Clone, Copy)]
struct Xcast {
    family: Family,
    place: BitmapPlace,
    anonymous: bool,
    no_x2u: bool,
    dscps: bool,
    ports: bool,
}

impl Xcast {
    const fn new(family: Family, place: BitmapPlace) -> Self {
        Self { family, place, anonymous: false, no_x2u: true, dscps: false, ports: false }
    }

    /// Three destinations, a UDP datagram.
    fn build(self) -> Vec<u8> {
        let v4: Vec<Ipv4Addr> = (1..=3).map(|host| Ipv4Addr::new(10, 0, 0, host)).collect();
        let v6: Vec<Ipv6Addr> = (1..=3).map(|host| Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, host)).collect();
        let destinations = match self.family {
            Family::V4 => Destinations::V4 { source: SOURCE_V4, channel: [1, 2, 3, 4], addresses: &v4 },
            Family::V6 => Destinations::V6 { source: SOURCE_V6, channel: [7; 16], addresses: &v6 },
        };
        let repr = XcastRepr {
            destinations,
            bits: DestinationSet::first_n(3),
            dscps: self.dscps.then_some(&[Dscp::EF; 3]),
            ports: self.ports.then_some(&[5000, 5001, 5002]),
            anonymous: self.anonymous,
            no_x2u: self.no_x2u,
            bitmap: self.place,
            hop_limit: 64,
            next_protocol: protocol::UDP,
        };
        let udp = UdpRepr { source_port: 4000, destination_port: 5000, payload: PAYLOAD };
        let mut packet = vec![0; repr.encoded_len(udp.encoded_len())];
        let payload = repr.emit(&code_points(), udp.encoded_len(), &mut packet).unwrap();
        udp.emit(source(self.family), group(self.family), payload).unwrap();
        packet
    }
}

fn unicast(family: Family) -> (Vec<u8>, IpAddr) {
    let udp = UdpRepr { source_port: 4000, destination_port: 5000, payload: PAYLOAD };
    let payload_len = udp.encoded_len();
    let mut packet = vec![0; 200];
    let (destination, header_len): (IpAddr, usize) = match family {
        Family::V4 => {
            let destination = Ipv4Addr::new(10, 0, 0, 9);
            let repr = Ipv4Repr {
                tos: 0,
                ttl: 64,
                protocol: protocol::UDP,
                source: SOURCE_V4,
                destination,
                options_len: 0,
                payload_len,
            };
            repr.emit(&mut packet).unwrap();
            (destination.into(), 20)
        }
        Family::V6 => {
            let destination = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 9);
            let repr = Ipv6Repr {
                traffic_class: 0,
                hop_limit: 64,
                next_header: protocol::UDP,
                source: SOURCE_V6,
                destination,
                payload_len,
            };
            repr.emit(&mut packet).unwrap();
            (destination.into(), 40)
        }
    };
    udp.emit(source(family), destination, &mut packet[header_len..]).unwrap();
    packet.truncate(header_len + payload_len);
    (packet, destination)
}

fn spi(value: u32) -> Spi {
    Spi::new(value).unwrap()
}

const AH_KEY: [u8; 20] = [0x11; 20];

fn ah(coverage: RoutingCoverage) -> Protection<'static> {
    Protection::Ah { integrity: IntegrityAlgorithm::HmacSha1_96, key: &AH_KEY, coverage, pad_to_8: false }
}

fn esp() -> Protection<'static> {
    Protection::Esp {
        cipher: CipherAlgorithm::AesCbc,
        cipher_key: &[0x22; 16],
        integrity: Some((IntegrityAlgorithm::HmacSha1_96, &[0x33; 20])),
    }
}

/// The far end of a tunnel.
fn tunnel_end(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(203, 0, 113, 2).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 2).into(),
    }
}

/// A sender that has used the numbers up to `last`, and may use all the others.
fn outbound_after(sa: Sa<RustCrypto>, last: u64, sender: SenderId) -> OutboundSa<RustCrypto> {
    let mut outbound = OutboundSa::resume(sa, last, sender, Usage::new(Instant::START)).unwrap();
    outbound.reserve(u64::MAX).commit();
    outbound
}

fn sa_config(protection: Protection<'_>) -> SaConfig<'_> {
    SaConfig::new(spi(0x1000), protection)
}

fn sa(protection: Protection<'_>) -> Sa<RustCrypto> {
    Sa::new(&sa_config(protection), &mut RustCrypto).unwrap()
}

fn seal(sa: &Sa<RustCrypto>, sequence: u64, packet: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut storage = vec![0xa5; packet.len() + 200];
    storage[100..100 + packet.len()].copy_from_slice(packet);
    let mut buffer = PacketBuf::new(&mut storage, 100..100 + packet.len()).unwrap();
    let iv = [0x77; 16];
    let freshness = Freshness { sequence, iv: &iv[..sa.iv_len()] };
    match seal_with(sa, freshness, &mut RustCrypto, Some(&code_points()), &mut buffer) {
        Ok(()) => Ok(buffer.as_octets().to_vec()),
        Err(error) => {
            assert_eq!(buffer.as_octets(), packet, "a refused packet is unchanged");
            Err(error)
        }
    }
}

fn windows() -> SenderWindows {
    SenderWindows::new(64).unwrap()
}

fn open_with(sa: &Sa<RustCrypto>, windows: &mut SenderWindows, packet: &[u8]) -> Result<(Opened, Vec<u8>), OpenError> {
    let mut storage = packet.to_vec();
    let len = storage.len();
    let mut buffer = PacketBuf::new(&mut storage, 0..len).unwrap();
    let opened = open(sa, windows, &mut RustCrypto, Some(&code_points()), &mut buffer)?;
    Ok((opened, buffer.as_octets().to_vec()))
}

fn open_fresh(sa: &Sa<RustCrypto>, packet: &[u8]) -> Result<Vec<u8>, OpenError> {
    open_with(sa, &mut windows(), packet).map(|(_, packet)| packet)
}

// ---------------------------------------------------------------------------------------------------------------------
// Every single bit.

/// Bits, as octets and masks in them.
type Masks = Vec<(usize, u8)>;

/// Bits of `octets` that may change without the packet becoming invalid, as masks; worked out by hand from RFC 4302 §3.3.3
/// and the draft, not from the library.
struct Mutable {
    name: &'static str,
    packet: Vec<u8>,
    sa: Sa<RustCrypto>,
    /// Octet and mask of bits that leave the packet valid.
    valid: Masks,
    /// Octet and mask of bits that the ICV does not cover, but that make the packet unreadable or refused.
    uncovered_but_refused: Masks,
}

/// TOS, DF, TTL and header checksum are free; MF and the offset would make it a fragment; so would no others.
fn ipv4_mutable() -> (Masks, Masks) {
    let valid = vec![(1, 0xff), (6, 0xc0), (8, 0xff), (10, 0xff), (11, 0xff)];
    let refused = vec![(6, 0x3f), (7, 0xff)];
    (valid, refused)
}

/// Traffic class, flow label, hop limit.
fn ipv6_mutable() -> Masks {
    vec![(0, 0x0f), (1, 0xff), (2, 0xff), (3, 0xff), (7, 0xff)]
}

/// Puts an extension header, of 8 octets, directly behind the IPv6 header of `packet`, which then names a Routing header.
fn in_front(header: &[u8; 8], packet: &[u8]) -> Vec<u8> {
    let mut longer = [&packet[..40], header, &packet[40..]].concat();
    longer[5] += 8;
    longer[6] = protocol::ROUTING;
    longer
}

fn cases() -> Vec<Mutable> {
    use RoutingCoverage::{Covered, DataZeroed, FieldsZeroed};
    let mut cases = Vec::new();

    for family in [Family::V4, Family::V6] {
        let (packet, _) = unicast(family);
        let sa = sa(ah(Covered));
        let (valid, refused) = match family {
            Family::V4 => ipv4_mutable(),
            Family::V6 => (ipv6_mutable(), vec![]),
        };
        let packet = seal(&sa, 1, &packet).unwrap();
        cases.push(Mutable { name: "unicast", packet, sa, valid, uncovered_but_refused: refused });
    }

    // [IP + option 158][AH][Xcast4 without bitmap][T]: option at 20, type, length, 4 octets of bitmap, 2 of EOL. Of the
    // option everything is zeroed. Three bits may be set; the rest of the bitmap is beyond the count, and type and length
    // must be what they are for the packet to be an Xcast packet with a separated bitmap. EOL octets are covered.
    for (name, dscps, ports, inner_esp) in [
        ("Xcast4", false, false, false),
        ("Xcast4 with DSCPs and ports", true, true, false),
        ("Xcast4 around ESP", false, false, true),
    ] {
        let xcast = Xcast { dscps, ports, ..Xcast::new(Family::V4, BitmapPlace::Option) };
        let mut packet = xcast.build();
        if inner_esp {
            let esp = Sa::new(&SaConfig { spi: spi(0x2000), ..sa_config(esp()) }, &mut RustCrypto).unwrap();
            packet = seal(&esp, 1, &packet).unwrap();
        }
        let sa = sa(ah(Covered));
        let (mut valid, mut refused) = ipv4_mutable();
        valid.push((22, 0xe0));
        refused.extend([(20, 0xff), (21, 0xff), (22, 0x1f), (23, 0xff), (24, 0xff), (25, 0xff)]);
        let packet = seal(&sa, 1, &packet).unwrap();
        cases.push(Mutable { name, packet, sa, valid, uncovered_but_refused: refused });
    }

    // [IPv6][Routing at 40][AH][T]. NBR_OF_DEST 3: checksum at 46, channel 48..64, bitmap 64..72, addresses 72..120.
    for anonymous in [false, true] {
        for ports in [false, true] {
            let xcast = Xcast { anonymous, ports, ..Xcast::new(Family::V6, BitmapPlace::Header) };
            let free = |range: std::ops::Range<usize>| range.map(|at| (at, 0xff));

            let fields_sa = sa(ah(FieldsZeroed));
            let mut valid = ipv6_mutable();
            valid.extend(free(46..48));
            valid.push((64, 0xe0));
            let mut refused = vec![(64, 0x1f)];
            refused.extend(free(65..72));
            if anonymous {
                valid.extend(free(72..120));
            }
            let packet = seal(&fields_sa, 1, &xcast.build()).unwrap();
            cases.push(Mutable {
                name: "Xcast6, fields zeroed",
                packet,
                sa: fields_sa,
                valid,
                uncovered_but_refused: refused,
            });

            // All type-specific data is free, as far as it stays a header: VERSION, D and the count must fit HdrExtLen, and
            // X must stay set. A and the reserved bits (0x01 of octet 44, 0x80 of octet 45) are free.
            let data_sa = sa(ah(DataZeroed));
            let mut valid = ipv6_mutable();
            valid.extend([(44, 0x09), (45, 0x80)]);
            valid.extend(free(46..64));
            valid.push((64, 0xe0));
            valid.extend(free(72..120));
            let mut refused = vec![(44, 0xf6), (45, 0x7f), (64, 0x1f)];
            refused.extend(free(65..72));
            let packet = seal(&data_sa, 1, &xcast.build()).unwrap();
            cases.push(Mutable {
                name: "Xcast6, data zeroed",
                packet,
                sa: data_sa,
                valid,
                uncovered_but_refused: refused,
            });
        }
    }

    // [IPv6][Hop-by-Hop at 40: type, length, 8 octets of bitmap, PadN][Routing][AH][T]: the option's data is free.
    for dscps in [false, true] {
        let xcast = Xcast { dscps, ..Xcast::new(Family::V6, BitmapPlace::Option) };
        let sa = sa(ah(Covered));
        let mut valid = ipv6_mutable();
        valid.push((44, 0xe0));
        let mut refused = vec![(44, 0x1f)];
        refused.extend((45..52).map(|at| (at, 0xff)));
        let packet = seal(&sa, 1, &xcast.build()).unwrap();
        cases.push(Mutable { name: "Xcast6, covered", packet, sa, valid, uncovered_but_refused: refused });
    }

    // [IPv6][Routing of another type, no segments left][AH][T]: however little is covered of an Xcast header, all of this is.
    for coverage in [Covered, DataZeroed, FieldsZeroed] {
        let sa = sa(ah(coverage));
        let packet = in_front(&wrapper(protocol::ROUTING, protocol::UDP), &unicast(Family::V6).0);
        let packet = seal(&sa, 1, &packet).unwrap();
        let valid = ipv6_mutable();
        cases.push(Mutable { name: "another Routing header", packet, sa, valid, uncovered_but_refused: vec![] });
    }

    // [IPv6][options at 40][Routing at 48][AH][T]: where the bitmap is in its header, it is so whatever options stand in front:
    // a Router Alert (RFC 2711), which is covered; or, in a header for the destination, the number of the bitmap option.
    let bitmap_option = code_points().fields().bitmap_option_v6;
    for (header, free_data) in [
        ([protocol::ROUTING, 0, 5, 2, 0, 0, 1, 0], false),
        ([protocol::ROUTING, 0, bitmap_option, 4, 0, 0, 0, 0], bitmap_option & 0x20 != 0),
    ] {
        let xcast = Xcast::new(Family::V6, BitmapPlace::Header);
        let mut packet = in_front(&header, &xcast.build());
        packet[6] = if free_data { protocol::DESTINATION_OPTIONS } else { protocol::HOP_BY_HOP };
        let sa = sa(ah(FieldsZeroed));
        let mut valid = ipv6_mutable();
        valid.extend((54..56).map(|at| (at, 0xff)));
        valid.push((72, 0xe0));
        let mut refused = vec![(72, 0x1f)];
        refused.extend((73..80).map(|at| (at, 0xff)));
        if free_data {
            valid.extend((44..48).map(|at| (at, 0xff)));
        }
        let packet = seal(&sa, 1, &packet).unwrap();
        cases.push(Mutable { name: "Xcast6 behind options", packet, sa, valid, uncovered_but_refused: refused });
    }

    // Tunnel mode: of the outer header as above, of the inner packet nothing is free.
    for (outer, inner) in [(Family::V4, Family::V6), (Family::V6, Family::V4)] {
        let mode = Mode::Tunnel(OuterHeader::between(source(outer), tunnel_end(outer), 64));
        let sa = Sa::new(&SaConfig { mode, ..sa_config(ah(Covered)) }, &mut RustCrypto).unwrap();
        let (valid, refused) = match outer {
            Family::V4 => ipv4_mutable(),
            Family::V6 => (ipv6_mutable(), vec![]),
        };
        let packet = seal(&sa, 1, &Xcast::new(inner, BitmapPlace::Header).build()).unwrap();
        cases.push(Mutable { name: "tunnel", packet, sa, valid, uncovered_but_refused: refused });
    }
    cases
}

#[test]
fn every_bit_of_every_ah_construction() {
    for case in cases() {
        let Mutable { name, packet, sa, valid, uncovered_but_refused } = case;
        assert!(open_fresh(&sa, &packet).is_ok(), "{name}: as sealed");
        let mask = |masks: &[(usize, u8)], at: usize| masks.iter().filter(|m| m.0 == at).fold(0, |sum, m| sum | m.1);
        for at in 0..packet.len() {
            for bit in (0..8).map(|bit| 0x80_u8 >> bit) {
                let mut changed = packet.clone();
                changed[at] ^= bit;
                let before = changed.clone();
                let mut table = windows();
                let result = verify_ah(&sa, &mut table, &mut RustCrypto, Some(&code_points()), &changed);
                assert_eq!(changed, before, "verifying writes nothing");
                let place = format!("{name}, octet {at}, bit {bit:#04x}: {result:?}");
                if mask(&valid, at) & bit != 0 {
                    assert!(result.is_ok(), "{place}");
                    assert_eq!(table.len(), 1, "{place}");
                } else {
                    assert!(result.is_err(), "{place}");
                    assert!(table.is_empty(), "no state before authentication: {place}");
                }
                if mask(&uncovered_but_refused, at) & bit != 0 {
                    assert!(
                        matches!(result, Err(OpenError::Parse(_) | OpenError::Refused(_))),
                        "uncovered, so not an ICV failure: {place}"
                    );
                }
                assert_eq!(open_fresh(&sa, &changed).is_ok(), result.is_ok(), "{place}");
            }
        }
    }
}

#[test]
fn every_bit_of_esp_is_covered() {
    for family in [Family::V4, Family::V6] {
        let sa = sa(esp());
        let xcast = Xcast::new(family, BitmapPlace::Header).build();
        let packet = seal(&sa, 1, &xcast).unwrap();
        let esp_at = packet.len() - (8 + 16 + 32 + 12);
        assert_eq!(packet[esp_at..esp_at + 8], [0, 0, 0x10, 0, 0, 0, 0, 1], "SPI and sequence number");
        for at in esp_at..packet.len() {
            for bit in 0..8 {
                let mut changed = packet.clone();
                changed[at] ^= 1 << bit;
                let mut table = windows();
                assert!(open_with(&sa, &mut table, &changed).is_err());
                assert!(table.is_empty());
            }
        }
        for len in 0..packet.len() {
            assert!(open_fresh(&sa, &packet[..len]).is_err());
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Constructions.

#[test]
fn refused_constructions_are_named() {
    use RoutingCoverage::{Covered, DataZeroed, FieldsZeroed};
    let build = |family, place, anonymous| Xcast { anonymous, ..Xcast::new(family, place) }.build();
    let refusal = |protection, packet: &[u8]| match seal(&sa(protection), 1, packet) {
        Err(SealError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    let v4 = build(Family::V4, BitmapPlace::Header, false);
    assert_eq!(refusal(ah(Covered), &v4), Refusal::BitmapUnderAh);
    let v6 = build(Family::V6, BitmapPlace::Header, false);
    assert_eq!(refusal(ah(Covered), &v6), Refusal::CoverageNeedsSeparatedBitmap);
    let separated = build(Family::V6, BitmapPlace::Option, false);
    for coverage in [DataZeroed, FieldsZeroed] {
        assert_eq!(refusal(ah(coverage), &separated), Refusal::CoverageNeedsBitmapInHeader);
    }
    // A=1 with a separated bitmap: no builder makes it, so the flag is set afterwards.
    for (family, flags_at, expected) in
        [(Family::V4, 28, Refusal::AnonymousUnderAh), (Family::V6, 56 + 4, Refusal::AnonymousWithSeparatedBitmap)]
    {
        let mut packet = build(family, BitmapPlace::Option, false);
        packet[flags_at] |= 0x08;
        assert_eq!(refusal(ah(Covered), &packet), expected);
        assert_eq!(refusal(esp(), &packet), Refusal::AnonymousWithSeparatedBitmap);
    }
    // Protection over protection, other than AH over ESP.
    for coverage in [DataZeroed, FieldsZeroed] {
        let under_ah = seal(&sa(ah(coverage)), 1, &v6).unwrap();
        assert_eq!(refusal(ah(coverage), &under_ah), Refusal::NestedProtection);
        assert_eq!(refusal(esp(), &under_ah), Refusal::NestedProtection);
    }
    let under_ah = seal(&sa(ah(Covered)), 1, &build(Family::V4, BitmapPlace::Option, false)).unwrap();
    assert_eq!(refusal(esp(), &under_ah), Refusal::NestedProtection);
    assert_eq!(refusal(esp(), &seal(&sa(esp()), 1, &v4).unwrap()), Refusal::NestedProtection);
    // A Routing header behind AH is refused by its own name.
    let mut behind_ah = in_front(&[protocol::ROUTING, 4, 0, 0, 0, 0, 0x20, 0], &v6);
    behind_ah.splice(48..48, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    (behind_ah[5], behind_ah[6]) = (behind_ah[5] + 16, protocol::AH);
    for protection in [ah(FieldsZeroed), esp()] {
        assert_eq!(refusal(protection, &behind_ah), Refusal::RoutingBehindAh);
    }
}

/// Seals with Xcast unknown to the sender, which lets it build what we refuse; the receiver knows better.
fn seal_blindly(sa: &Sa<RustCrypto>, packet: &[u8]) -> Vec<u8> {
    let mut storage = vec![0; packet.len() + 200];
    storage[100..100 + packet.len()].copy_from_slice(packet);
    let mut buffer = PacketBuf::new(&mut storage, 100..100 + packet.len()).unwrap();
    let iv = [0x77; 16];
    let freshness = Freshness { sequence: 1, iv: &iv[..sa.iv_len()] };
    seal_with(sa, freshness, &mut RustCrypto, None, &mut buffer).unwrap();
    buffer.as_octets().to_vec()
}

#[test]
fn what_is_not_built_is_not_accepted() {
    use RoutingCoverage::Covered;
    let refused = |sa: &Sa<RustCrypto>, packet: &[u8]| {
        let mut table = windows();
        let result = open_with(sa, &mut table, packet);
        assert!(table.is_empty(), "the window does not move");
        match result {
            Err(OpenError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    };
    let (ah, esp) = (sa(ah(Covered)), sa(esp()));
    let v4 = Xcast::new(Family::V4, BitmapPlace::Header).build();
    assert_eq!(refused(&ah, &seal_blindly(&ah, &v4)), Refusal::BitmapUnderAh);
    assert_eq!(refused(&esp, &seal_blindly(&esp, &v4)), Refusal::XcastInsideEsp);
    let x2u = Xcast { no_x2u: false, ..Xcast::new(Family::V4, BitmapPlace::Option) }.build();
    assert_eq!(refused(&ah, &seal_blindly(&ah, &x2u)), Refusal::X2uAllowed);
    let x2u = Xcast { no_x2u: false, ..Xcast::new(Family::V6, BitmapPlace::Option) }.build();
    assert_eq!(refused(&ah, &seal_blindly(&ah, &x2u)), Refusal::X2uAllowed);
    assert_eq!(refused(&esp, &seal_blindly(&esp, &x2u)), Refusal::X2uAllowed);
    let v6 = Xcast::new(Family::V6, BitmapPlace::Header).build();
    assert_eq!(refused(&ah, &seal_blindly(&ah, &v6)), Refusal::CoverageNeedsSeparatedBitmap);
    // [IPv6][AH][Routing] and [IPv6][ESP[Routing]]: made from a packet whose Routing header stands behind a unicast one's.
    let mut behind = v6[..40].to_vec();
    behind[6] = protocol::UDP;
    behind.extend_from_slice(&v6[40..]);
    for (sa, expected) in [(&ah, Refusal::RoutingBehindAh), (&esp, Refusal::XcastInsideEsp)] {
        let mut storage = behind.clone();
        storage.resize(behind.len() + 200, 0);
        let mut buffer = PacketBuf::new(&mut storage, 0..behind.len()).unwrap();
        let iv = [0; 16];
        // Announced as UDP, so that the sender puts its header in front; then as what it is, and sealed as such.
        let freshness = Freshness { sequence: 1, iv: &iv[..sa.iv_len()] };
        seal_announcing(sa, freshness, &mut buffer, protocol::ROUTING);
        assert_eq!(refused(sa, buffer.as_octets()), expected);
    }
}

/// An extension header of 8 octets that hides what `next_header` announces behind it.
fn wrapper(kind: u8, next_header: u8) -> [u8; 8] {
    match kind {
        // Type 4, no segments left: another Routing header that is covered as it stands.
        protocol::ROUTING => [next_header, 0, 4, 0, 0, 0, 0, 0],
        _ => [next_header, 0, 1, 4, 0, 0, 0, 0],
    }
}

/// What routers must see, other protection, and fragments: each hidden behind an extension header or two.
fn hidden_things() -> Vec<(&'static str, u8, Vec<u8>)> {
    let routing = Xcast::new(Family::V6, BitmapPlace::Header).build()[40..].to_vec();
    let mut ah_header = vec![protocol::UDP, 4, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 1];
    ah_header.resize(24 + 8, 0);
    let fragment = vec![protocol::UDP, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
    let things = [
        ("Xcast", protocol::ROUTING, routing),
        ("AH", protocol::AH, ah_header),
        ("fragment", protocol::FRAGMENT, fragment),
    ];
    let mut hidden = Vec::new();
    for (name, kind, octets) in things {
        hidden.push((name, kind, octets.clone()));
        for outer in [protocol::DESTINATION_OPTIONS, protocol::HOP_BY_HOP, protocol::ROUTING] {
            let once = [&wrapper(outer, kind)[..], &octets].concat();
            let twice = [&wrapper(protocol::DESTINATION_OPTIONS, outer)[..], &once].concat();
            hidden.push((name, outer, once));
            hidden.push((name, protocol::DESTINATION_OPTIONS, twice));
        }
    }
    hidden
}

#[test]
fn extension_headers_hide_nothing() {
    let base = unicast(Family::V6).0[..40].to_vec();
    for (name, announced, octets) in hidden_things() {
        for protection in [ah(RoutingCoverage::Covered), esp()] {
            let sa = sa(protection);
            let mut packet = base.clone();
            packet.extend_from_slice(&octets);
            let payload_len = u16::try_from(octets.len()).unwrap();
            packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
            // Opening what another implementation sealed.
            packet[6] = 99;
            let mut storage = packet.clone();
            storage.resize(packet.len() + 200, 0);
            let mut buffer = PacketBuf::new(&mut storage, 0..packet.len()).unwrap();
            let iv = [0; 16];
            let freshness = Freshness { sequence: 1, iv: &iv[..sa.iv_len()] };
            seal_announcing(&sa, freshness, &mut buffer, announced);
            let mut table = windows();
            let result = open_with(&sa, &mut table, buffer.as_octets());
            assert!(table.is_empty());
            let is_ah = sa.protocol() == SecurityProtocol::Ah;
            match (name, result) {
                ("Xcast", Err(OpenError::Refused(Refusal::RoutingBehindAh))) if is_ah => {}
                ("Xcast", Err(OpenError::Refused(Refusal::XcastInsideEsp))) if !is_ah => {}
                ("AH", Err(OpenError::Refused(Refusal::NestedProtection))) => {}
                ("fragment", Err(OpenError::Parse(error))) => assert_eq!(error.kind(), ParseErrorKind::Fragment),
                (_, other) => panic!("{name} behind {announced}, AH {is_ah}: {other:?}"),
            }
            // Sealing it: an Xcast Routing header in front is what Xcast is, so that is no refusal.
            packet[6] = announced;
            if name != "Xcast" && announced != protocol::HOP_BY_HOP {
                assert!(seal(&sa, 1, &packet).is_err(), "{name} behind {announced}, AH {is_ah}");
            }
        }
    }
}

/// A second Xcast Routing header, and a fragment, behind the first.
#[test]
fn nothing_hides_behind_the_xcast_header() {
    for next_protocol in [protocol::ROUTING, protocol::FRAGMENT] {
        let addresses = [Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)];
        let repr = XcastRepr {
            destinations: Destinations::V6 { source: SOURCE_V6, channel: [0; 16], addresses: &addresses },
            bits: DestinationSet::first_n(1),
            dscps: None,
            ports: None,
            anonymous: false,
            no_x2u: true,
            bitmap: BitmapPlace::Header,
            hop_limit: 64,
            next_protocol,
        };
        let inner = match next_protocol {
            protocol::ROUTING => Xcast::new(Family::V6, BitmapPlace::Header).build()[40..].to_vec(),
            _ => vec![protocol::UDP, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4],
        };
        let mut packet = vec![0; repr.encoded_len(inner.len())];
        repr.emit(&code_points(), inner.len(), &mut packet).unwrap().copy_from_slice(&inner);
        for (protection, refusal) in
            [(ah(RoutingCoverage::FieldsZeroed), Refusal::RoutingBehindAh), (esp(), Refusal::XcastInsideEsp)]
        {
            match seal(&sa(protection), 1, &packet) {
                Err(SealError::Refused(named)) if next_protocol == protocol::ROUTING => assert_eq!(named, refusal),
                Err(SealError::Parse(error)) if next_protocol == protocol::FRAGMENT => {
                    assert_eq!(error.kind(), ParseErrorKind::Fragment);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Tunnel mode: what stands in front of ESP is not covered, and obeys the rules all the same.
#[test]
fn a_tunnel_does_not_excuse_its_outer_headers() {
    let ends = OuterHeader::between(SOURCE_V6.into(), tunnel_end(Family::V6), 64);
    let config = SaConfig { mode: Mode::Tunnel(ends), ..sa_config(esp()) };
    let sa = Sa::new(&config, &mut RustCrypto).unwrap();
    let sealed = seal(&sa, 1, &unicast(Family::V4).0).unwrap();
    let xcast = Xcast::new(Family::V6, BitmapPlace::Option).build();
    let routing_end = xcast.len() - 8 - PAYLOAD.len();
    for (anonymous, accepted) in [(false, true), (true, false)] {
        let mut packet = sealed[..40].to_vec();
        packet.extend_from_slice(&xcast[40..routing_end]);
        packet.extend_from_slice(&sealed[40..]);
        packet[6] = protocol::HOP_BY_HOP;
        packet[56] = protocol::ESP;
        packet[60] |= if anonymous { 0x08 } else { 0 };
        let payload_len = u16::try_from(packet.len() - 40).unwrap();
        packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
        let result = open_fresh(&sa, &packet);
        assert_eq!(result.is_ok(), accepted, "{result:?}");
        if anonymous {
            assert_eq!(result, Err(OpenError::Refused(Refusal::AnonymousWithSeparatedBitmap)));
        }
    }
}

/// Seals a packet and makes its AH or ESP announce `next_header`, with an ICV over that: the work of another implementation.
fn seal_announcing(sa: &Sa<RustCrypto>, freshness: Freshness<'_>, buffer: &mut PacketBuf<'_>, next_header: u8) {
    use xcast_sec::crypto::CryptoProvider;
    let mut crypto = RustCrypto;
    match sa.protocol() {
        SecurityProtocol::Ah => {
            seal_with(sa, freshness, &mut crypto, None, buffer).unwrap();
            let octets = buffer.as_mut_octets();
            octets[40] = next_header;
            let mut covered = octets.to_vec();
            covered[0..4].copy_from_slice(&[0x60, 0, 0, 0]);
            covered[7] = 0;
            covered[52..64].fill(0);
            let key = crypto.integrity_key(IntegrityAlgorithm::HmacSha1_96, &AH_KEY).unwrap();
            let icv = crypto.icv(&key, [&covered[..]]).unwrap();
            octets[52..64].copy_from_slice(icv.as_octets());
        }
        SecurityProtocol::Esp => {
            // ESP's Next Header is what the packet announced when it was sealed.
            buffer.as_mut_octets()[6] = 99;
            seal_with(sa, freshness, &mut crypto, None, buffer).unwrap();
            let octets = buffer.as_mut_octets();
            let len = octets.len();
            let iv: [u8; 16] = octets[48..64].try_into().unwrap();
            let cipher = crypto.cipher_key(CipherAlgorithm::AesCbc, &[0x22; 16]).unwrap();
            let data = &mut octets[64..len - 12];
            crypto.decrypt(&cipher, &iv, data).unwrap();
            *data.last_mut().unwrap() = next_header;
            crypto.encrypt(&cipher, &iv, data).unwrap();
            let key = crypto.integrity_key(IntegrityAlgorithm::HmacSha1_96, &[0x33; 20]).unwrap();
            let icv = crypto.icv(&key, [&octets[40..len - 12]]).unwrap();
            octets[len - 12..].copy_from_slice(icv.as_octets());
        }
    }
}

#[test]
fn sealing_sets_x_and_keeps_the_checksum_right() {
    for family in [Family::V4, Family::V6] {
        for place in [BitmapPlace::Header, BitmapPlace::Option] {
            let xcast = Xcast { no_x2u: false, ..Xcast::new(family, place) };
            let sealed = seal(&sa(esp()), 1, &xcast.build()).unwrap();
            let parsed = XcastPacket::parse(&sealed, &code_points(), ChecksumPolicy::Verify).unwrap();
            assert!(parsed.header().no_x2u());
            assert_eq!(parsed.next_protocol(), protocol::ESP);
            let opened = open_fresh(&sa(esp()), &sealed).unwrap();
            assert_eq!(opened, Xcast { no_x2u: true, ..xcast }.build());
        }
    }
}

#[test]
fn fragments_are_refused() {
    let (mut packet, _) = unicast(Family::V4);
    for protection in [ah(RoutingCoverage::Covered), esp()] {
        let sa = sa(protection);
        let mut sealed = seal(&sa, 1, &packet).unwrap();
        for flags in [0x20, 0x01] {
            sealed[6] = flags;
            assert!(matches!(open_fresh(&sa, &sealed), Err(OpenError::Parse(_))));
        }
        packet[6] = 0x20;
        assert!(matches!(seal(&sa, 1, &packet), Err(SealError::Parse(_))));
        packet[6] = 0x40;
    }
    let (packet, _) = unicast(Family::V6);
    let mut fragment = packet[..40].to_vec();
    fragment[5] += 8;
    fragment[6] = protocol::FRAGMENT;
    fragment.extend_from_slice(&[protocol::UDP, 0, 0, 1, 0, 0, 0, 0]);
    fragment.extend_from_slice(&packet[40..]);
    for protection in [ah(RoutingCoverage::Covered), esp()] {
        assert!(matches!(seal(&sa(protection), 1, &fragment), Err(SealError::Parse(_))));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Associations, senders, numbers.

#[test]
fn esp_without_integrity_and_wrong_keys_are_refused() {
    let none = Protection::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key: &[0; 16], integrity: None };
    assert_eq!(Sa::new(&sa_config(none), &mut RustCrypto).unwrap_err(), SaError::NoIntegrity);
    let short = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[0; 16] };
    assert!(matches!(Sa::new(&sa_config(short), &mut RustCrypto), Err(SaError::Key(_))));
}

/// Two senders under one association use the same numbers, and neither's packets count as the other's replays (draft §3.1.2).
#[test]
fn two_senders_may_use_the_same_number() {
    let sa = sa(ah(RoutingCoverage::Covered));
    let (first, _) = unicast(Family::V4);
    let mut second = first.clone();
    second[15] = 77;
    let mut table = windows();
    for packet in [&first, &second] {
        let sealed = seal(&sa, 1, packet).unwrap();
        assert_eq!(open_with(&sa, &mut table, &sealed).unwrap().0.sequence, 1);
        assert_eq!(open_with(&sa, &mut table, &sealed).unwrap_err(), OpenError::Replay(ReplayError::Replayed));
    }
    assert_eq!(table.len(), 2);
}

#[test]
fn a_full_table_refuses_a_new_sender_and_keeps_the_others() {
    let sa = sa(ah(RoutingCoverage::Covered));
    let (packet, _) = unicast(Family::V4);
    let mut table = SenderWindows::<2, 1>::new(64).unwrap();
    let mut try_sender = |last: u8, number: u64| {
        let mut packet = packet.clone();
        packet[15] = last;
        let mut storage = seal(&sa, number, &packet).unwrap();
        let len = storage.len();
        let mut buffer = PacketBuf::new(&mut storage, 0..len).unwrap();
        open(&sa, &mut table, &mut RustCrypto, None, &mut buffer).map(|_| ())
    };
    assert_eq!((try_sender(1, 5), try_sender(2, 5)), (Ok(()), Ok(())));
    assert_eq!(try_sender(3, 5), Err(OpenError::Replay(ReplayError::TableFull)));
    assert_eq!(try_sender(1, 5), Err(OpenError::Replay(ReplayError::Replayed)));
    assert_eq!(try_sender(1, 6), Ok(()));
}

/// RFC 4301 §4.1: (SPI, destination, source) before (SPI, destination) before (SPI).
#[test]
fn the_longest_match_decides() {
    let (packet, destination) = unicast(Family::V4);
    let sender: IpAddr = SOURCE_V4.into();
    let stranger: IpAddr = Ipv4Addr::new(192, 0, 2, 200).into();
    let key = |octet: u8| [octet; 20];
    let make = |octet: u8, destination, source| {
        let key = key(octet);
        let protection = Protection::Ah {
            integrity: IntegrityAlgorithm::HmacSha1_96,
            key: &key,
            coverage: RoutingCoverage::Covered,
            pad_to_8: false,
        };
        Sa::new(&SaConfig { destination, source, ..sa_config(protection) }, &mut RustCrypto).unwrap()
    };
    let all = [
        (1, None, None),
        (2, Some(destination), None),
        (3, Some(destination), Some(sender)),
        (4, Some(destination), Some(stranger)),
    ];
    for (best, present) in [(1, &all[..1]), (2, &all[..2]), (3, &all[..])] {
        let mut sad = FixedSad::<RustCrypto, 4>::new();
        for &(octet, destination, source) in present {
            sad.insert(make(octet, destination, source), Usage::new(Instant::START)).unwrap();
            let (error, again) = sad.insert(make(9, destination, source), Usage::new(Instant::START)).unwrap_err();
            assert_eq!((error, again.destination(), again.source()), (SadError::Duplicate, destination, source));
        }
        for octet in 1..=4 {
            let mut storage = seal(&make(octet, None, None), 1, &packet).unwrap();
            let len = storage.len();
            let mut buffer = PacketBuf::new(&mut storage, 0..len).unwrap();
            let result = open(&sad, &mut windows(), &mut RustCrypto, None, &mut buffer);
            assert_eq!(result.is_ok(), octet == best, "key {octet}");
        }
    }
}

/// Full, and there already, are told apart; what is there already is so where nothing else fits either.
#[test]
fn a_database_says_why_it_does_not_take_an_association() {
    let insert = |sad: &mut FixedSad<RustCrypto, 1>, number| {
        let config = SaConfig { spi: spi(number), ..sa_config(esp()) };
        let sa = Sa::new(&config, &mut RustCrypto).unwrap();
        sad.insert(sa, Usage::new(Instant::START)).map_err(|(error, sa)| (error, sa.spi()))
    };
    let mut sad = FixedSad::new();
    assert_eq!(insert(&mut sad, 0x1000), Ok(()));
    assert_eq!(insert(&mut sad, 0x1000), Err((SadError::Duplicate, spi(0x1000))));
    assert_eq!(insert(&mut sad, 0x1001), Err((SadError::Full, spi(0x1001))));
    assert_eq!(sad.iter().count(), 1);
    assert!(sad.remove(&Sa::new(&sa_config(esp()), &mut RustCrypto).unwrap().id()));
    assert_eq!(insert(&mut sad, 0x1001), Ok(()));
}

#[test]
fn a_per_sender_association_refuses_a_forged_source() {
    let config = SaConfig { source: Some(SOURCE_V4.into()), ..sa_config(esp()) };
    let sa = Sa::new(&config, &mut RustCrypto).unwrap();
    let mut sealed = seal(&sa, 1, &unicast(Family::V4).0).unwrap();
    sealed[15] ^= 1;
    assert_eq!(open_fresh(&sa, &sealed).unwrap_err(), OpenError::NoSa { spi: spi(0x1000) });
    let other = SaConfig { source: Some(Ipv4Addr::new(1, 1, 1, 1).into()), ..config };
    let other = Sa::new(&other, &mut RustCrypto).unwrap();
    assert_eq!(seal(&other, 1, &unicast(Family::V4).0), Err(SealError::OtherAddresses));
}

/// Two associations of one SPI, one for each sender: giving one up does not let the other's packets be replayed.
#[test]
fn forgetting_an_association_leaves_the_others() {
    let mut sad = FixedSad::<RustCrypto, 2>::new();
    let senders = [SOURCE_V4, Ipv4Addr::new(192, 0, 2, 2)];
    let mut table = windows();
    let mut sealed = Vec::new();
    for sender in senders {
        let config = SaConfig { source: Some(sender.into()), ..sa_config(esp()) };
        let sa = Sa::new(&config, &mut RustCrypto).unwrap();
        let mut packet = unicast(Family::V4).0;
        packet[12..16].copy_from_slice(&sender.octets());
        sealed.push(seal(&sa, 1, &packet).unwrap());
        sad.insert(sa, Usage::new(Instant::START)).unwrap();
    }
    let try_open = |sad: &FixedSad<RustCrypto, 2>, table: &mut SenderWindows, packet: &[u8]| {
        let mut storage = packet.to_vec();
        let len = storage.len();
        let mut buffer = PacketBuf::new(&mut storage, 0..len).unwrap();
        open(sad, table, &mut RustCrypto, None, &mut buffer).map(|_| ())
    };
    for packet in &sealed {
        assert_eq!(try_open(&sad, &mut table, packet), Ok(()));
    }
    let first = sad.iter().map(|(sa, _)| sa).find(|sa| sa.source() == Some(senders[0].into())).unwrap().id();
    table.forget(&first);
    assert!(sad.remove(&first) && !sad.remove(&first));
    assert_eq!(table.len(), 1);
    assert_eq!(try_open(&sad, &mut table, &sealed[0]), Err(OpenError::NoSa { spi: spi(0x1000) }));
    assert_eq!(try_open(&sad, &mut table, &sealed[1]), Err(OpenError::Replay(ReplayError::Replayed)));
}

/// What a link layer padded is no part of the packet, and room for what is inserted.
#[test]
fn trailing_octets_are_room() {
    let (packet, _) = unicast(Family::V4);
    for protection in [ah(RoutingCoverage::Covered), esp()] {
        let sa = sa(protection);
        let expected = seal(&sa, 1, &packet).unwrap();
        let mut storage = packet.clone();
        storage.resize(packet.len() + 46, 0xee);
        let len = storage.len();
        let mut buffer = PacketBuf::new(&mut storage, 0..len).unwrap();
        let freshness = Freshness { sequence: 1, iv: &[0x77; 16][..sa.iv_len()] };
        seal_with(&sa, freshness, &mut RustCrypto, None, &mut buffer).unwrap();
        assert_eq!(buffer.as_octets(), expected);
    }
}

/// An extension header that reaches into them runs past the packet's end. Found by fuzzing.
#[test]
fn trailing_octets_complete_no_header() {
    for protection in [ah(RoutingCoverage::Covered), esp()] {
        let (mut packet, _) = unicast(Family::V6);
        packet[6] = protocol::DESTINATION_OPTIONS;
        packet[40..48].copy_from_slice(&[protocol::UDP, 9, 1, 4, 0, 0, 0, 0]);
        packet.resize(packet.len() + 80, 0);
        match seal(&sa(protection), 1, &packet) {
            Err(SealError::Parse(error)) => assert_eq!(error.kind(), ParseErrorKind::Truncated),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn no_room_is_named_and_changes_nothing() {
    let (packet, _) = unicast(Family::V4);
    let sa = sa(esp());
    // 22 octets of UDP, 8 of padding, 2 of trailer; 24 in front, 12 behind.
    assert_eq!((sa.headroom(Family::V4), sa.tailroom()), (24, 29));
    for (headroom, tailroom, enough) in
        [(24, 22, true), (23, 22, false), (24, 21, false), (0, 46, true), (0, 45, false)]
    {
        let mut storage = vec![0; headroom + packet.len() + tailroom];
        storage[headroom..headroom + packet.len()].copy_from_slice(&packet);
        let mut buffer = PacketBuf::new(&mut storage, headroom..headroom + packet.len()).unwrap();
        let freshness = Freshness { sequence: 1, iv: &[0; 16] };
        let result = seal_with(&sa, freshness, &mut RustCrypto, None, &mut buffer);
        if enough {
            assert_eq!(result, Ok(()));
            assert_eq!(buffer.len(), packet.len() + 46);
        } else {
            assert_eq!(result, Err(SealError::NoRoom { inserted: 24, appended: 22 }));
            assert_eq!(buffer.as_octets(), packet);
        }
    }
}

#[test]
fn numbers_that_no_receiver_accepts_are_not_sealed() {
    let (packet, _) = unicast(Family::V4);
    let esn = Sa::new(&SaConfig { esn: true, ..sa_config(esp()) }, &mut RustCrypto).unwrap();
    assert_eq!(seal(&sa(esp()), 0, &packet), Err(SealError::ZeroSequence));
    assert_eq!(seal(&esn, 0, &packet), Err(SealError::ZeroSequence));
    assert_eq!(seal(&sa(esp()), 1 << 32, &packet), Err(SealError::Exhausted));
    assert!(seal(&esn, 1 << 32, &packet).is_ok());
}

#[test]
fn a_shared_counter_key_needs_a_sender_id() {
    let ctr = Protection::Esp {
        cipher: CipherAlgorithm::AesCtr,
        cipher_key: &[1; 20],
        integrity: Some((IntegrityAlgorithm::HmacSha1_96, &[2; 20])),
    };
    let gcm = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[9; 20] };
    for (protection, counts) in [(ctr, true), (gcm, true), (esp(), false), (ah(RoutingCoverage::Covered), false)] {
        assert_eq!(OutboundSa::new(sa(protection), Instant::START).err(), counts.then_some(SaError::SenderIdNeeded));
        let own = SaConfig { source: Some(SOURCE_V4.into()), ..sa_config(protection) };
        assert!(OutboundSa::new(Sa::new(&own, &mut RustCrypto).unwrap(), Instant::START).is_ok());
    }
    // A number that would reach into the identifier's bits would be another sender's nonce.
    let esn = || Sa::new(&SaConfig { esn: true, ..sa_config(gcm) }, &mut RustCrypto).unwrap();
    let (packet, _) = unicast(Family::V4);
    for (bits, value) in [(8, 0xff), (12, 0xabc), (16, 0x1234)] {
        let last = (1_u64 << (64 - bits)) - 2;
        let mut outbound = outbound_after(esn(), last, SenderId::new(value, bits).unwrap());
        for expected in [Ok(last + 1), Err(SealError::Exhausted)] {
            let mut storage = vec![0; 300];
            storage[100..100 + packet.len()].copy_from_slice(&packet);
            let mut buffer = PacketBuf::new(&mut storage, 100..100 + packet.len()).unwrap();
            assert_eq!(
                outbound
                    .seal(Instant::START, &mut RustCrypto, &mut Counting(0), None, &mut buffer)
                    .map(|sealed| sealed.sequence),
                expected
            );
            if expected.is_ok() {
                let iv = (u64::from(value) << (64 - bits)) | (last + 1);
                assert_eq!(buffer.as_octets()[28..36], iv.to_be_bytes());
            }
        }
    }
}

/// As Linux does unless told otherwise: AH padded to 8 octets in IPv4 too.
#[test]
fn ah_padding_is_an_option_when_sealing_and_either_when_opening() {
    let make = |pad_to_8| {
        let protection = Protection::Ah {
            integrity: IntegrityAlgorithm::HmacSha2_256_128,
            key: &[1; 32],
            coverage: RoutingCoverage::Covered,
            pad_to_8,
        };
        sa(protection)
    };
    let (packet, _) = unicast(Family::V4);
    for (pad_to_8, payload_len) in [(false, 5), (true, 6)] {
        let sealed = seal(&make(pad_to_8), 1, &packet).unwrap();
        assert_eq!(sealed[21], payload_len, "28 and 32 octets");
        for opener in [false, true] {
            assert_eq!(open_fresh(&make(opener), &sealed).unwrap(), packet);
        }
    }
}

/// RFC 5095 §3: none of type 0 is sent; one whose segments are used up is covered as it stands.
#[test]
fn routing_headers_of_type_0_are_not_sent() {
    let (packet, _) = unicast(Family::V6);
    let with_routing = |kind: u8, left: u8| {
        let mut octets = packet[..40].to_vec();
        octets[5] += 8;
        octets[6] = protocol::ROUTING;
        octets.extend_from_slice(&[protocol::UDP, 0, kind, left, 0, 0, 0, 0]);
        octets.extend_from_slice(&packet[40..]);
        octets
    };
    let sa = sa(ah(RoutingCoverage::Covered));
    let refused = Err(SealError::Refused(Refusal::RoutingHeader));
    for (kind, left, sent) in [(0, 0, false), (0, 1, false), (4, 1, false), (4, 0, true)] {
        let result = seal(&sa, 1, &with_routing(kind, left));
        assert_eq!(result.is_ok(), sent, "type {kind}, {left} left");
        assert!(sent || result == refused);
    }
    // Another implementation's, with type 4 turned into type 0 and the ICV over that.
    let mut sealed = seal(&sa, 1, &with_routing(4, 0)).unwrap();
    sealed[42] = 0;
    refresh_ah_v6(&mut sealed, 48);
    assert_eq!(open_fresh(&sa, &sealed).unwrap(), with_routing(0, 0));
    sealed[43] = 1;
    refresh_ah_v6(&mut sealed, 48);
    assert_eq!(open_fresh(&sa, &sealed), Err(OpenError::Refused(Refusal::RoutingHeader)));
}

/// Computes the ICV of an IPv6 AH at `ah_at` anew, nothing but base header fields being mutable.
fn refresh_ah_v6(packet: &mut [u8], ah_at: usize) {
    use xcast_sec::crypto::CryptoProvider;
    let icv_at = ah_at + 12;
    let mut covered = packet.to_vec();
    covered[0..4].copy_from_slice(&[0x60, 0, 0, 0]);
    covered[7] = 0;
    covered[icv_at..icv_at + 12].fill(0);
    let key = RustCrypto.integrity_key(IntegrityAlgorithm::HmacSha1_96, &AH_KEY).unwrap();
    let icv = RustCrypto.icv(&key, [&covered[..]]).unwrap();
    packet[icv_at..icv_at + 12].copy_from_slice(icv.as_octets());
}

/// Padding behind what a length announces is cut off: UDP's in transport mode, the inner packet's in tunnel mode.
#[test]
fn padding_behind_the_inner_length_is_cut_off() {
    for options in [false, true] {
        let (mut packet, _) = unicast(Family::V6);
        if options {
            packet.splice(40..40, [protocol::UDP, 0, 1, 4, 0, 0, 0, 0]);
            packet[6] = protocol::DESTINATION_OPTIONS;
            packet[5] += 8;
        }
        let mut padded = packet.clone();
        padded.extend_from_slice(&[0xee; 9]);
        padded[5] += 9;
        let sealed = seal(&sa(esp()), 1, &padded).unwrap();
        assert_eq!(open_fresh(&sa(esp()), &sealed).unwrap(), packet, "options: {options}");
    }
    // An AH tunnel's: the outer length counts octets that the inner one does not.
    let (packet, _) = unicast(Family::V4);
    let ends = OuterHeader::between(SOURCE_V6.into(), tunnel_end(Family::V6), 64);
    let config = SaConfig { mode: Mode::Tunnel(ends), ..sa_config(ah(RoutingCoverage::Covered)) };
    let sa = Sa::new(&config, &mut RustCrypto).unwrap();
    let mut sealed = seal(&sa, 1, &packet).unwrap();
    sealed.extend_from_slice(&[0; 5]);
    sealed[5] += 5;
    refresh_ah_v6(&mut sealed, 40);
    assert_eq!(open_fresh(&sa, &sealed).unwrap(), packet);
    for (source, destination) in [(Some(SOURCE_V4.into()), None), (None, Some(SOURCE_V4.into()))] {
        let other = SaConfig { source, destination, ..config };
        assert_eq!(Sa::new(&other, &mut RustCrypto).unwrap_err(), SaError::TunnelSelectors);
    }
}

/// RFC 8200 §4.1: a Hop-by-Hop Options header stands first or not at all.
#[test]
fn a_hop_by_hop_header_elsewhere_is_malformed() {
    for protection in [ah(RoutingCoverage::Covered), esp()] {
        let sa = sa(protection);
        let sealed = seal(&sa, 1, &unicast(Family::V6).0).unwrap();
        let mut packet = sealed[..40].to_vec();
        packet.extend_from_slice(&wrapper(protocol::DESTINATION_OPTIONS, protocol::HOP_BY_HOP));
        packet.extend_from_slice(&wrapper(protocol::HOP_BY_HOP, sealed[6]));
        packet.extend_from_slice(&sealed[40..]);
        packet[6] = protocol::DESTINATION_OPTIONS;
        packet[5] += 16;
        match open_fresh(&sa, &packet) {
            Err(OpenError::Parse(error)) => {
                assert_eq!((error.kind(), error.pointer()), (ParseErrorKind::HopByHopPlace, 40));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn verifying_ah_is_for_ah() {
    let sealed = seal(&sa(esp()), 1, &unicast(Family::V4).0).unwrap();
    let result = verify_ah(&sa(esp()), &mut windows(), &mut RustCrypto, None, &sealed);
    assert_eq!(result, Err(OpenError::NotProtected));
    let plain = unicast(Family::V4).0;
    assert_eq!(open_fresh(&sa(esp()), &plain), Err(OpenError::NotProtected));
}

struct Counting(u8);

impl rand_core::TryRng for Counting {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0 = self.0.wrapping_add(1);
        Ok(u32::from_be_bytes([self.0; 4]))
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_add(1);
        Ok(u64::from_be_bytes([self.0; 8]))
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        self.0 = self.0.wrapping_add(1);
        octets.fill(self.0);
        Ok(())
    }
}
impl rand_core::TryCryptoRng for Counting {}

#[test]
fn an_outbound_association_counts_and_stops() {
    let (packet, _) = unicast(Family::V6);
    let gcm = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[9; 20] };
    let mut outbound = outbound_after(sa(gcm), u64::from(u32::MAX) - 2, SenderId::new(0x5a, 8).unwrap());
    let mut seal_next = || {
        let mut storage = vec![0; 300];
        storage[100..100 + packet.len()].copy_from_slice(&packet);
        let mut buffer = PacketBuf::new(&mut storage, 100..100 + packet.len()).unwrap();
        let result = outbound
            .seal(Instant::START, &mut RustCrypto, &mut Counting(0), None, &mut buffer)
            .map(|sealed| sealed.sequence);
        (result, buffer.as_octets().to_vec())
    };
    let (result, sealed) = seal_next();
    assert_eq!(result, Ok(0xffff_fffe));
    // RFC 6054: the sender identifier leads the vector, the rest counts.
    assert_eq!(sealed[48..56], [0x5a, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]);
    assert!(open_fresh(&sa(gcm), &sealed).is_ok());
    assert_eq!(seal_next().0, Ok(0xffff_ffff));
    assert_eq!(seal_next().0, Err(SealError::Exhausted));
    assert_eq!(SenderId::new(256, 8), None);
    assert_eq!(SenderId::new(1, 9), None);
}

/// Crossing the 32-bit boundary with extended numbers, with loss and reordering around it.
#[test]
fn extended_numbers_cross_the_boundary() {
    let config = SaConfig { esn: true, ..sa_config(ah(RoutingCoverage::Covered)) };
    let sa = Sa::new(&config, &mut RustCrypto).unwrap();
    let (packet, _) = unicast(Family::V4);
    let mut table = windows();
    let boundary = 1_u64 << 32;
    let mut expect = |number: u64, accepted: bool| {
        let sealed = seal(&sa, number, &packet).unwrap();
        let result = open_with(&sa, &mut table, &sealed);
        assert_eq!(result.is_ok(), accepted, "{number:#x}: {result:?}");
    };
    // A receiver cannot jump over half a subspace unseen: it walks up.
    for number in [1, boundary / 2, boundary - 70, boundary - 2] {
        expect(number, true);
    }
    expect(boundary + 5, true);
    expect(boundary - 1, true);
    expect(boundary - 1, false);
    expect(boundary, true);
    expect(boundary - 70, false);
    expect(boundary + 5, false);
    expect(2 * boundary - 100, true);
}

fn any_protection() -> impl Strategy<Value = Protection<'static>> {
    static KEY: [u8; 64] = [0x5a; 64];
    let integrity = prop::sample::select(&INTEGRITY[..]);
    let cipher = prop::sample::select(&CIPHERS[..]);
    let aead = prop::sample::select(&COMBINED[..]);
    prop_oneof![
        (integrity.clone(), any::<bool>()).prop_map(|(integrity, pad_to_8)| Protection::Ah {
            integrity,
            key: &KEY[..integrity.key_len()],
            coverage: RoutingCoverage::Covered,
            pad_to_8,
        }),
        (cipher, integrity).prop_map(|((cipher, len), integrity)| Protection::Esp {
            cipher,
            cipher_key: &KEY[..len],
            integrity: Some((integrity, &KEY[..integrity.key_len()])),
        }),
        aead.prop_map(|(algorithm, len)| Protection::EspCombined { algorithm, key: &KEY[..len] }),
    ]
}

proptest! {
    /// Whatever is sealed opens to the same octets, in both modes, and a second time it is a replay.
    #[test]
    fn sealed_packets_open(
        protection in any_protection(),
        tunnel in any::<bool>(),
        esn in any::<bool>(),
        v4 in any::<bool>(),
        separated in any::<bool>(),
        sequence in 1..u64::from(u32::MAX) - 100,
    ) {
        let family = if v4 { Family::V4 } else { Family::V6 };
        let is_ah = matches!(protection, Protection::Ah { .. });
        let place = if separated || (is_ah && !tunnel) { BitmapPlace::Option } else { BitmapPlace::Header };
        let packet = Xcast::new(family, place).build();
        let ends = OuterHeader::between(SOURCE_V4.into(), tunnel_end(Family::V4), 9);
        let mode = if tunnel { Mode::Tunnel(ends) } else { Mode::Transport };
        let sa = Sa::new(&SaConfig { mode, esn, rfc8221_exemption: Some(IntegrityAlgorithm::HmacMd5_96), ..sa_config(protection) }, &mut RustCrypto).unwrap();
        let sealed = seal(&sa, sequence, &packet).unwrap();
        let added = sealed.len() - packet.len();
        let most = sa.headroom(family) + sa.tailroom();
        prop_assert!(added <= most && added + 16 > most, "{added} added, room for {most}");
        let mut table = windows();
        let (opened, octets) = open_with(&sa, &mut table, &sealed).unwrap();
        prop_assert_eq!(octets, packet);
        prop_assert_eq!((opened.sequence, opened.content), (sequence, Content::Packet));
        prop_assert_eq!(open_with(&sa, &mut table, &sealed).unwrap_err(), OpenError::Replay(ReplayError::Replayed));
    }

    /// Arbitrary octets, and a sealed packet with some octets overwritten, neither panic nor leave state.
    #[test]
    fn arbitrary_octets_leave_no_state(
        protection in any_protection(),
        v4 in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
        writes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let exempt = SaConfig { rfc8221_exemption: Some(IntegrityAlgorithm::HmacMd5_96), ..sa_config(protection) };
        let sa = Sa::new(&exempt, &mut RustCrypto).unwrap();
        let mut table = windows();
        prop_assert!(open_with(&sa, &mut table, &noise).is_err());
        let family = if v4 { Family::V4 } else { Family::V6 };
        let mut packet = seal(&sa, 1, &Xcast::new(family, BitmapPlace::Option).build()).unwrap();
        for (index, value) in writes {
            let at = index.index(packet.len());
            packet[at] = value;
        }
        let accepted = open_with(&sa, &mut table, &packet).is_ok();
        prop_assert_eq!(table.len(), usize::from(accepted));
    }
}
