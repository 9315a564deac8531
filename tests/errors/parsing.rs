//! What parsers say, found by changing each octet of good packets into every other.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use xcast_sec::wire::xcast6_v2::{CodePointsV2, PacketV2, ReprV2};
use xcast_sec::wire::{
    AhHeader, BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, Destinations, Dscp, Encapsulated, IpHeader,
    ParseError, UdpDatagram, XcastPacket, XcastRepr, protocol,
};

use super::variants;

/// The text of each kind, without the octet that it names last.
type Texts = BTreeMap<String, String>;

fn note(texts: &mut Texts, kind: String, text: &str) {
    let (text, octet) = text.rsplit_once(" (octet ").unwrap();
    assert!(octet.trim_end_matches(')').parse::<usize>().is_ok(), "{octet}");
    let before = texts.insert(kind, text.to_owned());
    assert!(before.is_none_or(|before| before == text), "one kind, two texts: {text}");
}

/// Every text is one kind's, and all kinds have been seen but those.
fn assert_all(texts: &Texts, file: &str, name: &str, but: &[&str]) {
    let mut different: Vec<&String> = texts.values().collect();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), texts.len(), "{texts:?}");
    assert!(texts.values().all(|text| !text.is_empty()));
    let missing: Vec<String> =
        variants(file, name).unwrap().into_keys().filter(|kind| !texts.contains_key(kind)).collect();
    assert_eq!(missing, but);
}

/// Calls `f` with the octets cut off at every length, and with each octet as each value.
fn damaged(good: &[u8], mut f: impl FnMut(&[u8])) {
    for len in 0..good.len() {
        f(&good[..len]);
    }
    let mut octets = good.to_vec();
    for at in 0..good.len() {
        for value in 0..=u8::MAX {
            octets[at] = value;
            f(&octets);
        }
        octets[at] = good[at];
    }
}

/// Packets of both families with all lists, with the bitmap in either place, under AH and without.
fn packets() -> Vec<Vec<u8>> {
    let v4 = [2, 3, 4].map(|last| Ipv4Addr::new(192, 0, 2, last));
    let v6 = [2, 3, 4].map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
    let dscps = [8, 16, 24].map(|value| Dscp::new(value).unwrap());
    let destinations = [
        Destinations::V4 { source: Ipv4Addr::new(192, 0, 2, 1), channel: [0; 4], addresses: &v4 },
        Destinations::V6 { source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), channel: [0; 16], addresses: &v6 },
    ];
    let mut packets = Vec::new();
    for destinations in destinations {
        for bitmap in [BitmapPlace::Header, BitmapPlace::Option] {
            for next_protocol in [protocol::UDP, protocol::AH, 43] {
                let header = XcastRepr {
                    destinations,
                    bits: DestinationSet::first_n(3),
                    dscps: Some(&dscps),
                    ports: Some(&[5, 6, 7]),
                    anonymous: false,
                    no_x2u: false,
                    bitmap,
                    hop_limit: 9,
                    next_protocol,
                };
                let mut octets = vec![0; header.encoded_len(32)];
                if header.emit(&CodePoints::rfc4727_experiment(), 32, &mut octets).is_ok() {
                    packets.push(octets);
                }
            }
        }
    }
    packets
}

/// Makes the checksum of an IPv4 header right.
fn set_right(packet: &mut [u8]) {
    let header_len = 4 * usize::from(packet[0] & 15);
    if let Some(header) = packet.get_mut(..header_len).filter(|header| header.len() >= 20) {
        header[10..12].fill(0);
        let sum = checksum(header);
        header[10..12].copy_from_slice(&sum);
    }
}

/// The internet checksum (RFC 1071) of whole words.
fn checksum(octets: &[u8]) -> [u8; 2] {
    let sum: u32 = octets.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let [.., high, low] = (!((sum & 0xffff) + (sum >> 16))).to_be_bytes();
    [high, low]
}

/// IPv4 packets whose bitmap option comes late, and IPv6 packets with their Routing header behind AH.
fn misplaced() -> Vec<Vec<u8>> {
    let mut made = Vec::new();
    for mut packet in packets() {
        if packet[0] >> 4 == 6 && packet[6] == 43 {
            let ah = [43, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 9];
            packet.splice(40..40, ah);
            packet[6] = protocol::AH;
            let len = u16::try_from(packet.len() - 40).unwrap().to_be_bytes();
            packet[4..6].copy_from_slice(&len);
        } else if packet[0] >> 4 == 4 && packet[0] > 0x45 {
            packet.splice(20..20, [1, 1, 1, 1]);
            packet[0] += 1;
            let len = u16::try_from(packet.len()).unwrap().to_be_bytes();
            packet[2..4].copy_from_slice(&len);
        } else {
            continue;
        }
        made.push(packet);
    }
    assert!(made.len() >= 3, "{}", made.len());
    made
}

/// An IPv6 packet in an IPv6 packet, with the option of a semi-permeable tunnel.
fn in_a_tunnel() -> Vec<u8> {
    let inner = [&[0x60, 0, 0, 0, 0, 0, 59, 9][..], &[1; 32]].concat();
    let option = CodePoints::rfc4727_experiment().fields().tunnel_option;
    [&[0x60, 0, 0, 0, 0, 48, 0, 9][..], &[2; 32], &[41, 0, option, 0, 1, 2, 0, 0], &inner].concat()
}

#[test]
fn every_kind_of_parse_error() {
    let mut texts = Texts::new();
    let mut see = |result: Option<ParseError>| {
        if let Some(error) = result {
            note(&mut texts, format!("{:?}", error.kind()), &error.to_string());
        }
    };
    for packet in packets().into_iter().chain(misplaced()) {
        damaged(&packet, |octets| {
            if octets.first().is_some_and(|octet| octet >> 4 == 4) {
                let mut right = octets.to_vec();
                set_right(&mut right);
                see(XcastPacket::parse(&right, &CodePoints::rfc4727_experiment(), ChecksumPolicy::Verify).err());
            }
            for checksum in [ChecksumPolicy::Verify, ChecksumPolicy::Ignore] {
                see(XcastPacket::parse(octets, &CodePoints::rfc4727_experiment(), checksum).err());
            }
            see(IpHeader::split(octets).err());
        });
    }
    damaged(&[0, 1, 0, 2, 0, 9, 0, 0, 0], |octets| see(UdpDatagram::parse(octets).err()));
    damaged(&[17, 4, 0, 0, 0, 0, 3, 0, 0, 0, 0, 9], |octets| see(AhHeader::split(octets).map(drop).err()));
    damaged(&in_a_tunnel(), |octets| {
        see(Encapsulated::parse(octets, &CodePoints::rfc4727_experiment()).err());
    });
    assert_all(&texts, "wire/error.rs", "ParseErrorKind", &[]);
}

#[test]
fn every_kind_of_parse_error_of_xcast6_v2() {
    let [source, first, second] = [1, 2, 3].map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
    let good = ReprV2 {
        source,
        outer_source: source,
        addresses: &[first, second],
        bits: DestinationSet::first_n(2),
        anonymous: false,
        no_x2u: false,
        icmp_offset: 0,
        traffic_class: 0,
        flow_label: 1,
        outer_ecn: 0,
        hop_limit: 9,
        next_protocol: protocol::UDP,
    };
    let code_points = CodePointsV2::xcast_jp_deployment();
    let mut octets = vec![0; 512];
    good.emit(&code_points, 8, &mut octets).unwrap();
    let len = 40 + usize::from(u16::from_be_bytes([octets[4], octets[5]]));
    let mut texts = Texts::new();
    damaged(&octets[..len], |octets| {
        if let Err(error) = PacketV2::parse(octets, &code_points) {
            note(&mut texts, format!("{:?}", error.kind()), &error.to_string());
        }
    });
    assert_all(&texts, "wire/xcast6_v2/error.rs", "ParseErrorKindV2", &[]);
}
