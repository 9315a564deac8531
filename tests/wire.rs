//! The codecs as their users see them: what is built is read back, what is damaged is refused, and nothing panics.

mod common;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use common::{Packet, ask_everything, class_selector, destination, ones_complement_sum, source};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use xcast_sec::wire::{
    AhHeader, AhRepr, BitmapPlace, Checksum, ChecksumPolicy, CodePointFields, CodePoints, DestinationSet, Destinations,
    Dscp, EmitError, EspHeader, ExtensionHeader, Family, IpHeader, Ipv4Header, Ipv4Repr, Ipv6Header, Ipv6Repr,
    ParseErrorKind, UdpDatagram, UdpRepr, XcastPacket, XcastPacketMut, XcastRepr, ah, esp, ipv4, ipv6,
    max_destinations, protocol,
};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const PLACES: [BitmapPlace; 2] = [BitmapPlace::Header, BitmapPlace::Option];
const POLICIES: [ChecksumPolicy; 2] = [ChecksumPolicy::Verify, ChecksumPolicy::Ignore];

fn experiment() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

fn parse(octets: &[u8]) -> Result<XcastPacket<'_>, ParseErrorKind> {
    XcastPacket::parse(octets, &experiment(), ChecksumPolicy::Verify).map_err(|error| error.kind())
}

/// One packet of every combination of family, place of the bitmap and flags that may be built.
fn kinds(count: usize) -> Vec<Packet> {
    let mut kinds = Vec::new();
    for family in FAMILIES {
        for place in PLACES {
            for flags in 0..16 {
                let flag = |bit: u32| flags & bit != 0;
                let mut packet = Packet::plain(family, count).with_lists(flag(1), flag(2));
                (packet.no_x2u, packet.anonymous, packet.place) = (flag(4), flag(8), place);
                if !(packet.anonymous && place == BitmapPlace::Option) {
                    kinds.push(packet);
                }
            }
        }
    }
    kinds
}

/// The packet with an AH between its IP header and its Xcast4 header, the way a sender seals it.
fn behind_ah(octets: &[u8]) -> Vec<u8> {
    let header_len = usize::from(octets[0] & 15) * 4;
    let ah_len = ah::encoded_len(Family::V4, 12);
    let mut header = vec![0xee; ah_len];
    AhRepr { next_header: octets[9], spi: 256, sequence: 1, header_len: ah_len }.emit(&mut header).unwrap();
    let mut sealed = [&octets[..header_len], &header, &octets[header_len..]].concat();
    sealed[9] = protocol::AH;
    let len = sealed.len();
    refresh_ipv4(&mut sealed, Some(len));
    sealed
}

/// Total Length, if it is to change, and the header checksum.
fn refresh_ipv4(octets: &mut [u8], total_length: Option<usize>) {
    let header_len = usize::from(octets[0] & 15) * 4;
    if let Some(len) = total_length {
        octets[2..4].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
    }
    octets[10..12].fill(0);
    let checksum = !ones_complement_sum(&octets[..header_len]);
    octets[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Every packet of [`kinds`], and those in IPv4 that may stand behind AH, behind AH.
fn wire_kinds(count: usize) -> Vec<Vec<u8>> {
    let kinds = kinds(count);
    let behind = kinds.iter().filter(|kind| kind.family() == Family::V4).map(|kind| behind_ah(&kind.octets()));
    kinds.iter().map(Packet::octets).chain(behind).collect()
}

// --- Round trips ------------------------------------------------------------------------------------------------------

/// Builds `packet` and reads it back: every field, both checksums, and nothing of what stood in the buffer.
fn check_round_trip(packet: &Packet) {
    let len = packet.encoded_len();
    let mut octets = vec![0x00; len];
    let mut over_ones = vec![0xff; len + 5];
    assert_eq!(packet.emit(&experiment(), &mut octets), Ok(len));
    assert_eq!(packet.emit(&experiment(), &mut over_ones), Ok(len));
    assert_eq!((&over_ones[..len], &over_ones[len..]), (&octets[..], &[0xff; 5][..]));

    let read = parse(&octets).unwrap();
    let (header, ip, count) = (read.header(), read.ip(), packet.addresses.len());
    assert_eq!((header.version(), header.anonymous()), (1, packet.anonymous));
    let sealed = matches!(packet.next_protocol, protocol::AH | protocol::ESP);
    assert_eq!(header.no_x2u(), packet.no_x2u || sealed);
    assert_eq!((header.has_dscps(), read.has_ports()), (packet.dscps.is_some(), packet.ports.is_some()));
    assert_eq!(header.destination_count(), count);
    assert!(header.destinations().eq(packet.addresses.iter().copied()));
    assert_eq!(read.bits(), packet.bits);
    assert_eq!(header.bitmap_place(), packet.place);
    assert_eq!(header.bitmap(), (packet.place == BitmapPlace::Header).then_some(packet.bits));
    let channel_len = packet.family().address_len();
    assert_eq!(header.channel(), &packet.channel[..channel_len]);
    for index in 0..count {
        assert_eq!(read.dscp(index), packet.dscps.as_ref().map(|list| list[index]));
        assert_eq!(read.port(index), packet.ports.as_ref().map(|list| list[index]));
    }
    assert_eq!((read.next_protocol(), read.payload()), (packet.next_protocol, &packet.payload[..]));
    assert!(!read.is_behind_ah());
    assert_eq!((ip.source(), ip.hop_limit(), ip.packet_len()), (packet.source, packet.hop_limit, len));
    assert_eq!(ip.traffic_class(), packet.merged_dscp().ds_field(), "the DSCP, and no ECN");
    match packet.family() {
        Family::V4 => {
            assert_eq!(ip.destination(), IpAddr::V4(experiment().fields().routers_v4));
            assert_eq!(octets[4..8], [0, 0, 0x40, 0], "Identification 0, DF 1");
            assert_eq!(ones_complement_sum(&octets[..ip.header_len()]), 0xffff);
        }
        Family::V6 => {
            assert_eq!(ip.destination(), IpAddr::V6(experiment().fields().routers_v6));
            assert_eq!((octets[1] & 15, &octets[2..4]), (0, &[0, 0][..]), "flow label 0");
        }
    }
    assert_eq!(ones_complement_sum(header.as_octets()), 0xffff);
    ask_everything(&read);
    assert!(!format!("{read:?}").is_empty());

    // What a link layer pads is no part of the packet.
    let padded = parse(&over_ones).unwrap();
    assert_eq!((padded.as_octets(), padded.payload()), (&octets[..], &packet.payload[..]));
}

proptest! {
    #[test]
    fn any_packet_round_trips(packet in common::packet()) {
        check_round_trip(&packet);
    }

    #[test]
    fn ipv4_round_trips(
        (tos, ttl, protocol) in any::<(u8, u8, u8)>(), source in any::<u32>(), destination in any::<u32>(),
        options in vec(any::<[u8; 4]>(), 0..=10), payload_len in 0..200_usize,
    ) {
        let (source, destination) = (Ipv4Addr::from(source), Ipv4Addr::from(destination));
        let options = options.concat();
        let repr = Ipv4Repr { tos, ttl, protocol, source, destination, options_len: options.len(), payload_len };
        let mut octets = vec![0xa5; 20];
        octets.extend(&options);
        octets.resize(repr.encoded_len() + payload_len, 0xa5);
        repr.emit(&mut octets).unwrap();
        let (header, payload) = Ipv4Header::split(&octets).unwrap();
        prop_assert_eq!((header.tos(), header.ttl(), header.protocol()), (tos, ttl, protocol));
        prop_assert_eq!((header.source(), header.destination()), (source, destination));
        prop_assert_eq!((header.header_len(), header.total_length()), (20 + options.len(), octets.len()));
        prop_assert!(header.checksum_ok() && !header.is_fragment());
        prop_assert_eq!(ones_complement_sum(header.as_octets()), 0xffff);
        prop_assert_eq!((&header.as_octets()[20..], payload), (&options[..], &vec![0xa5; payload_len][..]));
        // Arbitrary options are walked to their end or to the first that is wrong, and no octet twice.
        let mut at = 20;
        for option in header.options() {
            let Ok(option) = option else { break };
            prop_assert_eq!(option.at, at);
            at += option.octets.len();
        }
    }

    #[test]
    fn ipv6_round_trips(
        (traffic_class, hop_limit, next_header) in any::<(u8, u8, u8)>(), source in any::<u128>(),
        destination in any::<u128>(), payload_len in 0..200_usize,
    ) {
        let (source, destination) = (Ipv6Addr::from(source), Ipv6Addr::from(destination));
        let repr = Ipv6Repr { traffic_class, hop_limit, next_header, source, destination, payload_len };
        let mut octets = vec![0xa5; 40 + payload_len];
        repr.emit(&mut octets).unwrap();
        let (header, payload) = Ipv6Header::split(&octets).unwrap();
        prop_assert_eq!((header.traffic_class(), header.hop_limit()), (traffic_class, hop_limit));
        prop_assert_eq!((header.next_header(), header.flow_label()), (next_header, 0));
        prop_assert_eq!((header.source(), header.destination()), (source, destination));
        prop_assert_eq!((header.payload_length(), payload), (payload_len, &vec![0xa5; payload_len][..]));
    }

    #[test]
    fn esp_round_trips(spi in any::<u32>(), sequence in any::<u32>(), payload in vec(any::<u8>(), 0..300),
        next_header in any::<u8>(), alignment in prop::sample::select(vec![1_usize, 4, 8, 16])) {
        let header = EspHeader { spi, sequence };
        let padding = esp::padding_len(payload.len(), alignment);
        let mut octets = [&[0xa5; 8], &payload[..], &vec![0xa5; padding + 2]].concat();
        header.emit(&mut octets).unwrap();
        esp::emit_trailer(&mut octets[8 + payload.len()..], next_header).unwrap();
        let (read, rest) = EspHeader::split(&octets).unwrap();
        prop_assert_eq!(read, header);
        prop_assert_eq!(rest.len() % alignment, 0);
        prop_assert_eq!(esp::split_trailer(rest), Some((&payload[..], next_header)));
    }

    #[test]
    fn udp_round_trips_and_every_changed_octet_is_seen(
        ports in any::<(u16, u16)>(), payload in vec(any::<u8>(), 0..60), family in common::family(),
        octet in any::<Index>(), flip in 1..=255_u8,
    ) {
        let (from, to) = (source(family), destination(family, 9));
        let repr = UdpRepr { source_port: ports.0, destination_port: ports.1, payload: &payload };
        let mut octets = vec![0xa5; repr.encoded_len() + 3];
        repr.emit(from, to, &mut octets).unwrap();
        prop_assert_eq!(octets.split_off(repr.encoded_len()), [0xa5; 3]);
        let read = UdpDatagram::parse(&octets).unwrap();
        prop_assert_eq!((read.source_port(), read.destination_port()), ports);
        prop_assert_eq!((read.payload(), read.len()), (&payload[..], octets.len()));
        prop_assert!(read.checksum_ok(from, to));
        prop_assert!(!read.checksum_ok(from, destination(family, 10)));
        prop_assert!(octets[6..8] != [0, 0], "0 would say that there is none (RFC 768)");
        let at = octet.index(octets.len());
        octets[at] ^= flip;
        if let Ok(read) = UdpDatagram::parse(&octets) {
            let none = family == Family::V4 && octets[6..8] == [0, 0];
            prop_assert_eq!(read.checksum_ok(from, to), none);
        }
    }

    #[test]
    fn destination_sets_are_sets(a in common::subset(127), b in common::subset(127), index in 0..130_usize) {
        let sets = |set: DestinationSet| set.iter().collect::<BTreeSet<_>>();
        let collect = |set: BTreeSet<usize>| set.into_iter().collect::<DestinationSet>();
        let (in_a, in_b) = (sets(a), sets(b));
        prop_assert_eq!(a.intersection(b), collect(&in_a & &in_b));
        prop_assert_eq!(a.union(b), collect(&in_a | &in_b));
        prop_assert_eq!(a.difference(b), collect(&in_a - &in_b));
        prop_assert_eq!(a.is_subset(b), in_a.is_subset(&in_b));
        prop_assert_eq!((a.len(), a.is_empty()), (in_a.len(), in_a.is_empty()));
        prop_assert_eq!((a.first(), a.contains(index)), (in_a.first().copied(), in_a.contains(&index)));
        let mut bitmap = [0xff; 16];
        a.write_bitmap(&mut bitmap);
        prop_assert_eq!(DestinationSet::from_bitmap(&bitmap), a);
        let (mut with, mut without) = (a, a);
        with.insert(index);
        without.remove(index);
        prop_assert_eq!(with, a.union(DestinationSet::single(index)));
        prop_assert_eq!(without, a.difference(DestinationSet::single(index)));
    }
}

/// Every number of destinations with every combination of flags.
#[test]
fn every_count_of_every_kind_round_trips() {
    for kind in kinds(1) {
        let max = max_destinations(kind.family(), kind.dscps.is_some(), kind.ports.is_some(), kind.place);
        for count in 1..=max {
            let mut packet = Packet::plain(kind.family(), count).with_lists(kind.dscps.is_some(), kind.ports.is_some());
            (packet.no_x2u, packet.anonymous, packet.place) = (kind.no_x2u, kind.anonymous, kind.place);
            // Every third one served already, so that the bits differ from the count.
            packet.bits = (0..count).filter(|index| index % 3 != 1).collect();
            check_round_trip(&packet);
        }
    }
}

#[test]
fn every_ah_length_round_trips() {
    for header_len in (12..=1028).step_by(4) {
        let repr = AhRepr { next_header: 17, spi: 0x1234_5678, sequence: 0x9abc_def0, header_len };
        let mut octets = vec![0xa5; header_len + 1];
        repr.emit(&mut octets).unwrap();
        let (read, rest) = AhHeader::split(&octets).unwrap();
        assert_eq!((read.next_header(), read.spi(), read.sequence()), (17, repr.spi, repr.sequence));
        assert_eq!((read.header_len(), rest), (header_len, &[0xa5][..]));
        assert_eq!(read.fixed_octets()[2..4], [0, 0], "RESERVED is sent as zero (RFC 4302 §2.3)");
        assert_eq!(read.icv_field(), vec![0; header_len - 12]);
        for short in 0..header_len {
            assert!(AhHeader::split(&octets[..short]).is_err());
            let mut small = vec![0xa5; short];
            assert_eq!(repr.emit(&mut small), Err(EmitError::BufferTooSmall { needed: header_len }));
            assert_eq!(small, vec![0xa5; short]);
        }
    }
    // What Payload Len cannot say.
    for header_len in [0, 4, 8, 11, 13, 14, 15, 26, 1029, 1032] {
        let mut octets = [0xa5; 1100];
        let repr = AhRepr { next_header: 17, spi: 256, sequence: 1, header_len };
        assert!(repr.emit(&mut octets).is_err(), "an AH of {header_len} octets");
        assert_eq!(octets, [0xa5; 1100]);
    }
    let mut octets = [0; 16];
    octets[1] = 0;
    assert_eq!(AhHeader::split(&octets).unwrap_err().kind(), ParseErrorKind::AhPayloadLen);
}

/// Xcast is recognised by the code points given, and by those only.
#[test]
fn other_code_points_are_another_protocol() {
    let fields = CodePointFields {
        xcast4_protocol: 254,
        xcast6_routing_type: 254,
        routers_v4: Ipv4Addr::new(224, 0, 0, 99),
        routers_v6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x99),
        ports_option: 0x5f,
        tunnel_option: 0x1f,
        bitmap_option_v4: 222,
        bitmap_option_v6: 0x3d,
    };
    let others = CodePoints::new(fields).unwrap();
    for packet in kinds(3) {
        let mut octets = vec![0; packet.encoded_len()];
        packet.emit(&others, &mut octets).unwrap();
        let read = XcastPacket::parse(&octets, &others, ChecksumPolicy::Verify).unwrap();
        assert_eq!((read.bits(), read.has_ports()), (packet.bits, packet.ports.is_some()));
        let destination = IpHeader::split(&octets).unwrap().0.destination();
        assert!([IpAddr::V4(fields.routers_v4), IpAddr::V6(fields.routers_v6)].contains(&destination));
        assert_eq!(parse(&octets).unwrap_err(), ParseErrorKind::NotXcast);
        let experiment = packet.octets();
        let error = XcastPacket::parse(&experiment, &others, ChecksumPolicy::Verify).unwrap_err();
        assert_eq!(error.kind(), ParseErrorKind::NotXcast);
    }
}

// --- Damage -----------------------------------------------------------------------------------------------------------

/// Cut anywhere, a packet is refused: its IP header announces more than is there.
#[test]
fn every_truncation_is_refused() {
    for count in [1, 33] {
        for octets in wire_kinds(count) {
            ask_everything(&parse(&octets).unwrap());
            for len in 0..octets.len() {
                for policy in POLICIES {
                    let cut = XcastPacket::parse(&octets[..len], &experiment(), policy);
                    assert_eq!(cut.unwrap_err().kind(), ParseErrorKind::Truncated, "{len} of {}", octets.len());
                    let mut cut = octets[..len].to_vec();
                    assert!(XcastPacketMut::parse(&mut cut, &experiment(), policy).is_err());
                }
            }
        }
    }
}

/// Cut with the IP header's length following, so that only the headers behind it can tell.
#[test]
fn every_truncation_inside_the_headers_is_refused() {
    for count in [1, 33] {
        for octets in wire_kinds(count) {
            let headers = octets.len() - parse(&octets).unwrap().payload().len();
            let is_v4 = octets[0] >> 4 == 4;
            let first = if is_v4 { usize::from(octets[0] & 15) * 4 } else { 40 };
            for len in first..octets.len() {
                let mut cut = octets[..len].to_vec();
                if is_v4 {
                    refresh_ipv4(&mut cut, Some(len));
                } else {
                    cut[4..6].copy_from_slice(&u16::try_from(len - 40).unwrap().to_be_bytes());
                }
                for policy in POLICIES {
                    let read = XcastPacket::parse(&cut, &experiment(), policy);
                    assert_eq!(read.is_ok(), len >= headers, "{len} of {headers} octets of headers");
                }
            }
        }
    }
}

/// One changed octet never panics. In a header under a checksum it is always seen: the sum changes by less than 65535.
#[test]
fn every_changed_octet() {
    for octets in wire_kinds(3) {
        let (ip_header, xcast) = {
            let read = parse(&octets).unwrap();
            let at = read.header().as_octets().as_ptr().addr() - octets.as_ptr().addr();
            (0..read.ip().header_len(), at..at + read.header().as_octets().len())
        };
        let is_v4 = octets[0] >> 4 == 4;
        let mut changed = octets.clone();
        for at in 0..octets.len() {
            for value in 0..=u8::MAX {
                changed[at] = value;
                if value == octets[at] {
                    continue;
                }
                let read = parse(&changed);
                let summed = xcast.contains(&at) || (is_v4 && ip_header.contains(&at));
                assert!(!summed || read.is_err(), "octet {at} as {value:#04x} is not seen");
                if let Ok(read) = read {
                    ask_everything(&read);
                }
                if let Ok(read) = XcastPacket::parse(&changed, &experiment(), ChecksumPolicy::Ignore) {
                    ask_everything(&read);
                }
            }
            changed[at] = octets[at];
        }
    }
}

/// Reads octets in every way there is.
fn read_as_anything(octets: &[u8]) {
    for policy in POLICIES {
        if let Ok(read) = XcastPacket::parse(octets, &experiment(), policy) {
            ask_everything(&read);
        }
        let mut copy = octets.to_vec();
        if let Ok(mut packet) = XcastPacketMut::parse(&mut copy, &experiment(), policy) {
            packet.retain(DestinationSet::from_iter([0, 2]));
            packet.set_no_x2u();
            ask_everything(&XcastPacket::parse(&copy, &experiment(), policy).unwrap());
        }
    }
    if let Ok((ip, rest)) = IpHeader::split(octets) {
        assert_eq!(ip.header_len() + rest.len(), ip.packet_len());
        if let IpHeader::V4(header) = ip {
            assert!(header.options().count() <= 40);
        }
    }
    for kind in [protocol::HOP_BY_HOP, protocol::DESTINATION_OPTIONS, protocol::ROUTING] {
        if let Ok(header) = ExtensionHeader::read(octets, kind, 1) {
            assert_eq!(header.end(), 1 + header.octets.len());
            assert!(header.options().filter_map(Result::ok).all(|option| option.at < header.end()));
        }
    }
    if let Ok((header, rest)) = AhHeader::split(octets) {
        assert_eq!(header.header_len() + rest.len(), octets.len());
    }
    if let Ok(datagram) = UdpDatagram::parse(octets) {
        assert!(datagram.len() <= octets.len());
        let _ = datagram.checksum_ok(source(Family::V4), source(Family::V6));
    }
    if let Some((payload, _)) = esp::split_trailer(octets) {
        assert!(payload.len() + 2 <= octets.len());
    }
    assert_eq!(EspHeader::split(octets).is_ok(), octets.len() >= esp::HEADER_LEN);
}

proptest! {
    #[test]
    fn arbitrary_octets(octets in vec(any::<u8>(), 0..300)) {
        read_as_anything(&octets);
    }

    /// Octets that get past the first checks: a right version and length.
    #[test]
    fn arbitrary_octets_behind_an_ip_header(rest in vec(any::<u8>(), 0..300), family in common::family(),
        next in prop::sample::select(vec![0, 43, 51, 60, 253])) {
        let mut octets = match (source(family), destination(family, 1)) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let payload_len = rest.len();
                let mut octets = vec![0; 20];
                let repr = Ipv4Repr { tos: 0, ttl: 9, protocol: next, source, destination, options_len: 0, payload_len };
                repr.emit(&mut octets).unwrap();
                octets
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let mut octets = vec![0; 40];
                let payload_len = rest.len();
                let repr =
                    Ipv6Repr { traffic_class: 0, hop_limit: 9, next_header: next, source, destination, payload_len };
                repr.emit(&mut octets).unwrap();
                octets
            }
            _ => unreachable!(),
        };
        octets.extend(&rest);
        read_as_anything(&octets);
    }

    /// A few octets of a sound packet changed.
    #[test]
    fn damaged_packets(packet in common::packet(), damage in vec((any::<Index>(), any::<u8>()), 1..6)) {
        let mut octets = packet.octets();
        for (at, value) in damage {
            let at = at.index(octets.len().min(200));
            octets[at] = value;
        }
        if octets[0] >> 4 == 4 && octets[0] & 15 >= 5 && octets.len() >= 60 {
            refresh_ipv4(&mut octets, None);
        }
        read_as_anything(&octets);
    }
}

// --- Editing ----------------------------------------------------------------------------------------------------------

proptest! {
    /// What a router edits is what would have been built: bits, erased addresses, and the checksums with them. Only the DSCP
    /// of the IP header stays as it was.
    #[test]
    fn retain_is_building_with_fewer_bits(packet in common::packet(), keep in common::subset(127)) {
        let mut edited = packet.octets();
        XcastPacketMut::parse(&mut edited, &experiment(), ChecksumPolicy::Verify).unwrap().retain(keep);

        let mut fewer = packet.clone();
        fewer.bits = packet.bits.intersection(keep);
        if packet.anonymous {
            for (index, address) in fewer.addresses.iter_mut().enumerate() {
                if !fewer.bits.contains(index) {
                    *address = match packet.family() {
                        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
                        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
                    };
                }
            }
        }
        let mut expected = fewer.octets();
        let ds_field = packet.merged_dscp().ds_field();
        match packet.family() {
            Family::V4 => {
                expected[1] = ds_field;
                refresh_ipv4(&mut expected, None);
            }
            Family::V6 => expected[..2].copy_from_slice(&[0x60 | ds_field >> 4, ds_field << 4]),
        }
        let read = parse(&edited).expect("it still parses, its checksums are right");
        prop_assert_eq!(read.bits(), fewer.bits);
        prop_assert_eq!(&edited, &expected);

        // Twice is once.
        XcastPacketMut::parse(&mut edited, &experiment(), ChecksumPolicy::Verify).unwrap().retain(keep);
        prop_assert_eq!(edited, expected);
    }

    #[test]
    fn setting_x_is_building_with_x(packet in common::packet()) {
        let mut edited = packet.octets();
        XcastPacketMut::parse(&mut edited, &experiment(), ChecksumPolicy::Verify).unwrap().set_no_x2u();
        prop_assert_eq!(edited, Packet { no_x2u: true, ..packet }.octets());
    }

    /// A router that does not verify CHECKSUM does not repair it either.
    #[test]
    fn a_wrong_checksum_stays_as_wrong(packet in common::packet(), keep in common::subset(127), error in 1..0xffff_u16) {
        let checksum_at = |octets: &[u8]| {
            let header = parse(octets).unwrap().header().as_octets().as_ptr().addr() - octets.as_ptr().addr();
            header + if packet.family() == Family::V4 { 2 } else { 6 }
        };
        let mut wrong = packet.octets();
        let at = checksum_at(&wrong);
        let right = u16::from_be_bytes([wrong[at], wrong[at + 1]]);
        // One's complement addition of the error.
        let (sum, carry) = right.overflowing_add(error);
        wrong[at..at + 2].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
        prop_assert_eq!(parse(&wrong).unwrap_err(), ParseErrorKind::XcastChecksum);
        for (policy, is_ok) in [(ChecksumPolicy::Verify, false), (ChecksumPolicy::Ignore, true)] {
            prop_assert_eq!(XcastPacketMut::parse(&mut wrong, &experiment(), policy).is_ok(), is_ok);
        }
        let mut packet = XcastPacketMut::parse(&mut wrong, &experiment(), ChecksumPolicy::Ignore).unwrap();
        packet.retain(keep);
        packet.set_no_x2u();
        prop_assert_eq!(parse(&wrong).unwrap_err(), ParseErrorKind::XcastChecksum);
    }
}

/// An address whose bit is clear is erased with A=1, whoever cleared the bit (RFC 5058 §9.2.2), even if `keep` names it.
#[test]
fn retain_erases_what_is_left_under_clear_bits() {
    for family in FAMILIES {
        let mut packet = Packet { anonymous: true, ..Packet::plain(family, 3) };
        packet.bits = DestinationSet::from_iter([0, 1]);
        let mut edited = packet.octets();
        let mut view = XcastPacketMut::parse(&mut edited, &experiment(), ChecksumPolicy::Verify).unwrap();
        view.retain(DestinationSet::from_iter([0, 2]));
        let read = parse(&edited).unwrap();
        assert_eq!(read.bits(), DestinationSet::single(0));
        let erased: Vec<bool> = read.header().destinations().map(|address| address.is_unspecified()).collect();
        assert_eq!(erased, [false, true, true]);
    }
}

// --- What is not built ------------------------------------------------------------------------------------------------

/// Nothing of the buffer changes, however large it is.
fn check_refused(packet: &Packet, expected: EmitError) {
    for len in [0, 64, 70_000] {
        let mut buffer = vec![0xa5; len];
        assert_eq!(packet.emit(&experiment(), &mut buffer), Err(expected), "{packet:?}");
        assert!(buffer.iter().all(|&octet| octet == 0xa5), "a refused packet was written: {expected}");
    }
    if !matches!(expected, EmitError::PacketTooLong { .. }) {
        assert_eq!(packet.with_repr(|repr| repr.check()), Err(expected));
    }
}

/// RFC 5058 §9.2.2 for IPv4. In IPv6 the header's length is the limit: 2048 octets.
#[test]
fn the_most_destinations() {
    for (family, dscps, place, max) in [
        (Family::V4, false, BitmapPlace::Header, 127),
        (Family::V4, true, BitmapPlace::Header, 127),
        (Family::V4, false, BitmapPlace::Option, 127),
        (Family::V4, true, BitmapPlace::Option, 127),
        (Family::V6, false, BitmapPlace::Header, 125),
        (Family::V6, true, BitmapPlace::Header, 118),
        (Family::V6, false, BitmapPlace::Option, 126),
        (Family::V6, true, BitmapPlace::Option, 119),
    ] {
        for ports in [false, true] {
            let full = Packet { place, ..Packet::plain(family, max).with_lists(dscps, ports) };
            check_round_trip(&full);
            for count in [max + 1, 128, 200] {
                let beyond = Packet { place, ..Packet::plain(family, count).with_lists(dscps, ports) };
                check_refused(&beyond, EmitError::TooManyDestinations { max });
            }
        }
    }
}

#[test]
fn unusable_destinations_are_refused_by_index() {
    let unusable_v4 =
        ["0.0.0.0", "127.0.0.1", "127.255.255.254", "169.254.1.1", "224.0.0.254", "239.1.1.1", "255.255.255.255"];
    let unusable_v6 = ["::", "::1", "fe80::1", "febf::1", "ff02::114", "ff0e::1"];
    for (family, unusable) in [(Family::V4, &unusable_v4[..]), (Family::V6, &unusable_v6[..])] {
        for address in unusable {
            let address: IpAddr = address.parse().unwrap();
            for index in 0..4 {
                for (set, anonymous) in [(true, false), (true, true), (false, false), (false, true)] {
                    let mut packet = Packet { anonymous, ..Packet::plain(family, 4) };
                    packet.addresses[index] = address;
                    if !set {
                        packet.bits.remove(index);
                    }
                    if anonymous && !set && address.is_unspecified() {
                        // What a router leaves of an address that is no longer its business.
                        check_round_trip(&packet);
                    } else {
                        check_refused(&packet, EmitError::UnusableDestination { index });
                    }
                }
            }
        }
    }
}

#[test]
fn duplicates_are_refused_by_index() {
    for family in FAMILIES {
        for (first, second) in [(0, 1), (0, 3), (1, 2), (2, 3)] {
            for ports in [false, true] {
                let mut packet = Packet::plain(family, 4).with_lists(false, ports);
                packet.addresses[second] = packet.addresses[first];
                if ports {
                    // The same address twice, on two ports.
                    check_round_trip(&packet);
                }
                if let Some(ports) = &mut packet.ports {
                    ports[second] = ports[first];
                }
                check_refused(&packet, EmitError::DuplicateDestination { index: second });
                for served in [first, second] {
                    let mut packet = packet.clone();
                    packet.bits.remove(served);
                    check_round_trip(&packet);
                }
            }
        }
    }
}

#[test]
fn everything_else_that_is_refused() {
    for family in FAMILIES {
        let good = Packet::plain(family, 3).with_lists(true, true);
        check_round_trip(&good);
        check_refused(&Packet::plain(family, 0), EmitError::NoDestination);
        check_refused(&Packet { bits: DestinationSet::single(3), ..good.clone() }, EmitError::BitBeyondCount);
        for count in [0, 2, 4] {
            let dscps = Some(vec![class_selector(0); count]);
            check_refused(&Packet { dscps, ..good.clone() }, EmitError::DscpCount);
            check_refused(&Packet { ports: Some(vec![9; count]), ..good.clone() }, EmitError::PortCount);
        }
        let option = BitmapPlace::Option;
        let hidden = Packet { anonymous: true, place: option, ..good.clone() };
        check_refused(&hidden, EmitError::AnonymousWithSeparatedBitmap);
        let ah = Packet { next_protocol: protocol::AH, ..good.clone() };
        match family {
            Family::V4 => check_refused(&ah, EmitError::AhBehindXcast4),
            Family::V6 => check_round_trip(&ah),
        }
        // AF11 and AF21; served already, either of them does not count.
        let dscps = Some([10, 18, 10].map(|value| Dscp::new(value).unwrap()).to_vec());
        let mixed = Packet { dscps, ..good.clone() };
        check_refused(&mixed, EmitError::DscpsDoNotMerge);
        check_round_trip(&Packet { bits: DestinationSet::from_iter([0, 2]), ..mixed });
        // EF serves anybody, but AF31 and CS1 are not for one packet: in no order.
        for values in [[46, 8, 26], [8, 46, 26], [8, 26, 46]] {
            let dscps = Some(values.map(|value| Dscp::new(value).unwrap()).to_vec());
            check_refused(&Packet { dscps, ..good.clone() }, EmitError::DscpsDoNotMerge);
        }
        let max = match family {
            Family::V4 => ipv4::MAX_PACKET_LEN,
            Family::V6 => ipv6::MAX_PACKET_LEN,
        };
        let room = max - (good.encoded_len() - good.payload.len());
        check_round_trip(&Packet { payload: vec![0x11; room], ..good.clone() });
        let long = Packet { payload: vec![0x11; room + 1], ..good.clone() };
        check_refused(&long, EmitError::PacketTooLong { len: max + 1 });
    }
}

#[test]
fn one_octet_too_few() {
    fn check(needed: usize, emit: impl Fn(&mut [u8]) -> Result<(), EmitError>) {
        for len in [0, 1, needed / 2, needed - 1] {
            let mut buffer = vec![0xa5; len];
            assert_eq!(emit(&mut buffer), Err(EmitError::BufferTooSmall { needed }));
            assert!(buffer.iter().all(|&octet| octet == 0xa5));
        }
        emit(&mut vec![0xa5; needed]).unwrap();
    }
    for packet in kinds(33) {
        check(packet.encoded_len(), |buffer| packet.emit(&experiment(), buffer).map(|_| ()));
    }
    let (from, to) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
    let v4 = Ipv4Repr { tos: 0, ttl: 1, protocol: 17, source: from, destination: to, options_len: 8, payload_len: 100 };
    check(28, |buffer| v4.emit(buffer));
    let (source, destination) = (from.to_ipv6_mapped(), to.to_ipv6_mapped());
    let v6 = Ipv6Repr { traffic_class: 0, hop_limit: 1, next_header: 17, source, destination, payload_len: 100 };
    check(40, |buffer| v6.emit(buffer));
    check(24, |buffer| AhRepr { next_header: 17, spi: 256, sequence: 1, header_len: 24 }.emit(buffer));
    check(8, |buffer| EspHeader { spi: 256, sequence: 1 }.emit(buffer));
    check(2, |buffer| esp::emit_trailer(buffer, 17));
    let udp = UdpRepr { source_port: 1, destination_port: 2, payload: &[3; 5] };
    check(13, |buffer| udp.emit(from.into(), to.into(), buffer));

    // And what the length fields cannot say.
    let mut buffer = vec![0xa5; 70_000];
    let too_long = Ipv4Repr { payload_len: 0xffff - 27, ..v4 }.emit(&mut buffer);
    assert_eq!(too_long, Err(EmitError::PacketTooLong { len: 0x1_0000 }));
    for options_len in [1, 2, 3, 41, 44, usize::MAX] {
        assert!(Ipv4Repr { options_len, ..v4 }.emit(&mut buffer).is_err());
    }
    let too_long = Ipv6Repr { payload_len: 0x1_0000, ..v6 }.emit(&mut buffer);
    assert_eq!(too_long, Err(EmitError::PacketTooLong { len: 40 + 0x1_0000 }));
    let payload = vec![0; 0xffff - 7];
    let too_long = UdpRepr { payload: &payload, ..udp }.emit(from.into(), to.into(), &mut buffer);
    assert_eq!(too_long, Err(EmitError::PacketTooLong { len: 0x1_0000 }));
    assert!(buffer.iter().all(|&octet| octet == 0xa5));
}

/// Every prefix of every single header.
#[test]
fn every_truncated_header_is_refused() {
    let octets: Vec<u8> = Packet { place: BitmapPlace::Option, ..Packet::plain(Family::V4, 3) }.octets();
    let header_len = Ipv4Header::split(&octets).unwrap().0.header_len();
    let v6 = Packet::plain(Family::V6, 3).octets();
    for len in 0..header_len {
        assert_eq!(Ipv4Header::split(&octets[..len]).unwrap_err().kind(), ParseErrorKind::Truncated);
    }
    for len in 0..40 {
        assert_eq!(Ipv6Header::split(&v6[..len]).unwrap_err().kind(), ParseErrorKind::Truncated);
    }
    for len in 0..8 {
        assert_eq!(EspHeader::split(&v6[..len]).unwrap_err().kind(), ParseErrorKind::Truncated);
        assert_eq!(UdpDatagram::parse(&v6[..len]).unwrap_err().kind(), ParseErrorKind::Truncated);
    }
    let mut udp = [0; 13];
    let repr = UdpRepr { source_port: 1, destination_port: 2, payload: &[3; 5] };
    repr.emit(source(Family::V4), source(Family::V4), &mut udp).unwrap();
    for len in 8..13 {
        assert_eq!(UdpDatagram::parse(&udp[..len]).unwrap_err().kind(), ParseErrorKind::UdpLength);
    }
}

/// A packet with its IPv4 header checksum and Xcast CHECKSUM put right after `change`, so that nothing but the change is
/// wrong with it.
fn changed_and_repaired(packet: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let code_points = CodePoints::rfc4727_experiment();
    let read = XcastPacket::parse(packet, &code_points, ChecksumPolicy::Verify).unwrap();
    let len = read.header().as_octets().len();
    let end = packet.len() - read.payload().len();
    let (family, has_ports_header) = (read.ip().family(), read.ip().family() == Family::V6 && read.has_ports());
    let ports_len = if has_ports_header { (read.header().destination_count() * 2 + 4).next_multiple_of(8) } else { 0 };
    let at = end - ports_len - len;
    let mut packet = packet.to_vec();
    change(&mut packet);
    let checksum_at = at + if family == Family::V4 { 2 } else { 6 };
    packet[checksum_at..checksum_at + 2].fill(0);
    let checksum = Checksum::new().add_octets(&packet[at..at + len]).finish();
    packet[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
    if family == Family::V4 {
        let ihl = usize::from(packet[0] & 0x0f) * 4;
        packet[10..12].fill(0);
        let checksum = Checksum::new().add_octets(&packet[..ihl]).finish();
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
    packet
}

/// Each rule of the structure on its own: what is wrong and where, with every checksum right.
#[test]
fn every_rule_of_the_structure_is_named() {
    let code_points = CodePoints::rfc4727_experiment();
    let v4 = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 3)];
    let v6 = [1, 2, 3].map(|host| Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, host));
    let build = |family, place, dscps: bool, ports: bool| {
        let destinations = match family {
            Family::V4 => Destinations::V4 { source: Ipv4Addr::new(192, 0, 2, 1), channel: [0; 4], addresses: &v4 },
            Family::V6 => {
                let source = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
                Destinations::V6 { source, channel: [0; 16], addresses: &v6 }
            }
        };
        let repr = XcastRepr {
            destinations,
            bits: DestinationSet::first_n(3),
            dscps: dscps.then_some(&[Dscp::EF; 3]),
            ports: ports.then_some(&[1, 2, 3]),
            anonymous: false,
            no_x2u: false,
            bitmap: place,
            hop_limit: 64,
            next_protocol: protocol::UDP,
        };
        let mut packet = vec![0; repr.encoded_len(8)];
        repr.emit(&code_points, 8, &mut packet).unwrap();
        packet
    };
    use BitmapPlace::{Header, Option as Separated};
    use ParseErrorKind as Kind;
    // IPv4: 20 of IP, 12 fixed, 4 of bitmap, 12 of addresses, 4 of DS octets (3 and padding), 8 of ports (6 and padding).
    let xcast4 = build(Family::V4, Header, true, true);
    // IPv4: option at 20 of 2 + 4 octets, End of Options List at 26 and 27.
    let separated4 = build(Family::V4, Separated, false, false);
    // IPv6: 40 of IP, 24 fixed, 8 of bitmap, 48 of addresses, 8 of DS octets; ports at 128: 2 + 2 + 6, PadN of 6.
    let xcast6 = build(Family::V6, Header, true, true);
    // IPv6: Hop-by-Hop at 40: 2 + 2 + 8 octets, PadN of 4 at 52.
    let separated6 = build(Family::V6, Separated, false, false);
    type Change = (usize, u8);
    let cases: [(&str, &[u8], Change, Kind, usize); 16] = [
        ("MF", &xcast4, (6, 0x20), Kind::Fragment, 6),
        ("fragment offset", &xcast4, (7, 0x01), Kind::Fragment, 6),
        ("no destination", &xcast4, (21, 0x03), Kind::NoDestination, 21),
        ("bit beyond the count", &xcast4, (32, 0x10), Kind::BitmapBeyondCount, 32),
        ("low bit of a DS octet", &xcast4, (50, 0x01), Kind::DsOctet, 50),
        ("DS padding", &xcast4, (51, 0x04), Kind::NonzeroPadding, 51),
        ("ports padding", &xcast4, (59, 0x01), Kind::NonzeroPadding, 59),
        ("behind End of Options List", &separated4, (27, 0x80), Kind::NonzeroPadding, 27),
        ("fourth octet", &xcast6, (43, 0x01), Kind::SegmentsLeft, 43),
        ("bit beyond the count", &xcast6, (71, 0x01), Kind::BitmapBeyondCount, 64),
        ("low bit of a DS octet", &xcast6, (122, 0x02), Kind::DsOctet, 122),
        ("DS padding", &xcast6, (127, 0x01), Kind::NonzeroPadding, 127),
        ("PadN beside the ports", &xcast6, (143, 0x01), Kind::NonzeroPadding, 138),
        ("length of the Ports option", &xcast6, (131, 0x04), Kind::PortCount, 131),
        ("PadN beside the bitmap", &separated6, (55, 0x01), Kind::NonzeroPadding, 52),
        ("bit beyond the count", &separated6, (51, 0x01), Kind::BitmapBeyondCount, 44),
    ];
    for (name, packet, (at, mask), kind, pointer) in cases {
        let changed = changed_and_repaired(packet, |packet| packet[at] ^= mask);
        let error = XcastPacket::parse(&changed, &code_points, ChecksumPolicy::Verify).unwrap_err();
        assert_eq!((error.kind(), error.pointer()), (kind, pointer), "{name}");
    }

    // Where both are wrong: a version to come may do otherwise with its options, so VERSION comes first; else what stands first.
    for (packet, option, version, other) in
        [(&separated4, (27, 0x80), (28, 0x20), (29, 0x03)), (&separated6, (55, 0x01), (60, 0x20), (59, 0x01))]
    {
        for (header, kind) in [(version, Kind::XcastVersion), (other, Kind::NonzeroPadding)] {
            let changed = changed_and_repaired(packet, |packet| {
                for (at, mask) in [option, header] {
                    packet[at] ^= mask;
                }
            });
            let error = XcastPacket::parse(&changed, &code_points, ChecksumPolicy::Verify).unwrap_err();
            assert_eq!(error.kind(), kind, "{header:?}");
        }
    }

    // A second Hop-by-Hop header, and one behind another header.
    let mut packet = separated6[..40].to_vec();
    packet.extend_from_slice(&[protocol::HOP_BY_HOP, 0, 1, 4, 0, 0, 0, 0]);
    packet.extend_from_slice(&separated6[40..]);
    for first in [protocol::HOP_BY_HOP, protocol::DESTINATION_OPTIONS] {
        packet[6] = first;
        let len = u16::try_from(packet.len() - 40).unwrap();
        packet[4..6].copy_from_slice(&len.to_be_bytes());
        let error = XcastPacket::parse(&packet, &code_points, ChecksumPolicy::Verify).unwrap_err();
        assert_eq!((error.kind(), error.pointer()), (Kind::HopByHopPlace, 40));
    }

    // Ports once more, in a Destination Options header behind that with the ports.
    let ports_header = xcast6[128..144].to_vec();
    let mut packet = xcast6[..144].to_vec();
    packet.extend_from_slice(&ports_header);
    packet.extend_from_slice(&xcast6[144..]);
    packet[128] = protocol::DESTINATION_OPTIONS;
    let len = u16::try_from(packet.len() - 40).unwrap();
    packet[4..6].copy_from_slice(&len.to_be_bytes());
    let error = XcastPacket::parse(&packet, &code_points, ChecksumPolicy::Verify).unwrap_err();
    assert_eq!((error.kind(), error.pointer()), (Kind::RepeatedOption, 146));
}

#[test]
fn a_receiver_finds_itself_by_address_and_bit() {
    let code_points = CodePoints::rfc4727_experiment();
    let addresses = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 1)];
    let repr = XcastRepr {
        destinations: Destinations::V4 { source: Ipv4Addr::new(192, 0, 2, 1), channel: [0; 4], addresses: &addresses },
        bits: DestinationSet::single(2),
        dscps: None,
        ports: None,
        anonymous: false,
        no_x2u: false,
        bitmap: BitmapPlace::Header,
        hop_limit: 64,
        next_protocol: protocol::UDP,
    };
    let mut packet = vec![0; repr.encoded_len(0)];
    repr.emit(&code_points, 0, &mut packet).unwrap();
    let read = XcastPacket::parse(&packet, &code_points, ChecksumPolicy::Verify).unwrap();
    assert_eq!(read.index_of(addresses[0].into()), Some(2));
    assert_eq!(read.index_of(addresses[1].into()), None, "its bit is clear");
    let from_loopback = XcastRepr {
        destinations: Destinations::V4 { source: Ipv4Addr::LOCALHOST, channel: [0; 4], addresses: &addresses },
        ..repr
    };
    assert_eq!(from_loopback.check(), Err(EmitError::UnusableSource));
}

/// RFC 5058 §11.5: to a router's own address, everything else as to all of them.
#[test]
fn a_packet_may_be_for_one_router() {
    let usable: [IpAddr; 2] = [[203, 0, 113, 1].into(), [0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1].into()];
    let groups: [IpAddr; 2] = [[224, 0, 0, 254].into(), [0xff02, 0, 0, 0, 0, 0, 0, 0xfe].into()];
    for (index, family) in FAMILIES.into_iter().enumerate() {
        let packet = Packet::plain(family, 3);
        let payload_len = packet.payload.len();
        let emit_to = |router: IpAddr| {
            let mut octets = vec![0xee; packet.encoded_len()];
            let result = packet.with_repr(|repr| {
                let payload = repr.emit_to(router, &experiment(), payload_len, &mut octets)?;
                payload.copy_from_slice(&packet.payload);
                Ok(())
            });
            result.map(|()| octets)
        };
        let octets = emit_to(usable[index]).unwrap();
        let (ip, behind) = IpHeader::split(&octets).unwrap();
        assert_eq!(ip.destination(), usable[index]);
        // Checksums are right; CHECKSUM stands in the third and fourth octet, or the seventh and eighth.
        let at = [20 + 2, 40 + 6][index];
        assert_eq!(parse(&octets).unwrap().header().checksum().to_be_bytes(), octets[at..at + 2]);
        assert_eq!(behind, IpHeader::split(&packet.octets()).unwrap().1);
        // Nothing but one address of a router's, of the family of the destinations.
        let unspecified: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        for router in [usable[1 - index], groups[index], groups[1 - index], unspecified[index]] {
            assert_eq!(emit_to(router), Err(EmitError::UnusableRouter), "{router}");
        }
    }
}
