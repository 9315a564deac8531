//! XCAST6 2.0 as it was deployed (WIRE.md §10): the format to the octet, what its routers and hosts do with a packet, and its
//! conversion to and from RFC 5058.

mod common;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

use common::{Packet, ones_complement_sum};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use xcast_sec::forward::v2::{
    ConvertError, Field, ForwardErrorV2, MayLose, RouterPolicyV2, RouterV2, from_rfc5058, to_rfc5058,
};
use xcast_sec::forward::{
    CopyKind, Counters, Egress, FnEgress, Outcome, PacketCopy, Route, RouteLookup, Router, RouterPolicy, Tunnel,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::xcast6_v2::{
    self, CodePointFieldsV2, CodePointsV2, PacketV2, PacketV2Mut, ParseErrorKindV2 as Kind, ReprV2,
};
use xcast_sec::wire::{
    AhRepr, BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, EmitError, Family, Ipv6Header, Ipv6Repr,
    XcastPacket, is_routable_unicast, protocol,
};

fn code_points() -> CodePointsV2 {
    CodePointsV2::xcast_jp_deployment()
}

fn experiment() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

const GROUP: Ipv6Addr = Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, 0x114);
const ALL_XCAST_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x114);
const SOURCE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

fn host(index: usize) -> Ipv6Addr {
    match common::destination(Family::V6, index) {
        IpAddr::V6(address) => address,
        IpAddr::V4(_) => unreachable!(),
    }
}

fn set(indices: &[usize]) -> DestinationSet {
    indices.iter().copied().collect()
}

// --- Packets, laid out by hand ----------------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq)]
struct V2 {
    source: Ipv6Addr,
    outer_source: Ipv6Addr,
    addresses: Vec<Ipv6Addr>,
    bits: DestinationSet,
    anonymous: bool,
    no_x2u: bool,
    icmp_offset: u8,
    traffic_class: u8,
    flow_label: u32,
    outer_ecn: u8,
    hop_limit: u8,
    next_protocol: u8,
    payload: Vec<u8>,
}

impl V2 {
    /// To `count` destinations, all of them left, with a UDP datagram.
    fn plain(count: usize) -> Self {
        Self {
            source: SOURCE,
            outer_source: SOURCE,
            addresses: (0..count).map(host).collect(),
            bits: DestinationSet::first_n(count),
            anonymous: false,
            no_x2u: false,
            icmp_offset: 0,
            traffic_class: 0,
            flow_label: 0,
            outer_ecn: 0,
            hop_limit: 64,
            next_protocol: protocol::UDP,
            payload: segment(protocol::UDP, GROUP, b"for all of you"),
        }
    }

    fn outer_destination(&self) -> Ipv6Addr {
        self.addresses[self.bits.first().unwrap()]
    }

    /// WIRE.md §10, field after field.
    fn octets(&self) -> Vec<u8> {
        let routing_len = 24 + 16 * self.addresses.len();
        let mut octets = vec![0x65, 0xc5 | self.outer_ecn << 4, 0x80, 0x00];
        octets.extend(u16::try_from(40 + routing_len + self.payload.len()).unwrap().to_be_bytes());
        octets.extend([41, self.hop_limit]);
        octets.extend(self.outer_source.octets());
        octets.extend(self.outer_destination().octets());

        octets.extend((6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label).to_be_bytes());
        octets.extend(u16::try_from(routing_len + self.payload.len()).unwrap().to_be_bytes());
        octets.extend([43, 1]);
        octets.extend(self.source.octets());
        octets.extend([0xff, 0x0e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x14]);

        let count = u8::try_from(self.addresses.len()).unwrap();
        let flags = u8::from(self.anonymous) << 7 | u8::from(self.no_x2u) << 6;
        octets.extend([self.next_protocol, 2 + 2 * count, 253, 0, count, flags, self.icmp_offset, 0]);
        let mut bitmap = 0_u128;
        for index in self.bits.iter() {
            bitmap |= 1 << index;
        }
        octets.extend(bitmap.to_le_bytes());
        for address in &self.addresses {
            octets.extend(address.octets());
        }
        octets.extend(&self.payload);
        octets
    }

    /// The packet as a router leaves it for `keep`.
    fn branched(&self, keep: &[usize]) -> Self {
        let mut copy = Self { bits: set(keep), hop_limit: self.hop_limit.saturating_sub(1), ..self.clone() };
        if self.anonymous {
            for index in (0..copy.addresses.len()).filter(|index| !keep.contains(index)) {
                copy.addresses[index] = Ipv6Addr::UNSPECIFIED;
            }
        }
        copy
    }

    fn with_repr<T>(&self, f: impl FnOnce(&ReprV2<'_>) -> T) -> T {
        f(&ReprV2 {
            source: self.source,
            outer_source: self.outer_source,
            addresses: &self.addresses,
            bits: self.bits,
            anonymous: self.anonymous,
            no_x2u: self.no_x2u,
            icmp_offset: self.icmp_offset,
            traffic_class: self.traffic_class,
            flow_label: self.flow_label,
            outer_ecn: self.outer_ecn,
            hop_limit: self.hop_limit,
            next_protocol: self.next_protocol,
        })
    }

    /// Writes it by way of the library; `None` instead of octets if the buffer was changed although there was an error.
    fn emit(&self, fill: u8) -> Result<Option<Vec<u8>>, EmitError> {
        self.with_repr(|repr| {
            let mut buffer = vec![fill; repr.encoded_len(self.payload.len()) + 5];
            let untouched = buffer.clone();
            match repr.emit(&code_points(), self.payload.len(), &mut buffer) {
                Ok(payload) => payload.copy_from_slice(&self.payload),
                Err(error) => return if buffer == untouched { Err(error) } else { Ok(None) },
            }
            assert_eq!(buffer.split_off(buffer.len() - 5), [fill; 5], "nothing beyond");
            Ok(Some(buffer))
        })
    }

    /// What a view says of a packet.
    fn read(packet: &PacketV2<'_>) -> Self {
        Self {
            source: packet.inner().source(),
            outer_source: packet.outer().source(),
            addresses: packet.destinations().collect(),
            bits: packet.bits(),
            anonymous: packet.anonymous(),
            no_x2u: packet.no_x2u(),
            icmp_offset: packet.icmp_offset(),
            traffic_class: packet.inner().traffic_class(),
            flow_label: packet.inner().flow_label(),
            outer_ecn: packet.outer().traffic_class() & 3,
            hop_limit: packet.outer().hop_limit(),
            next_protocol: packet.next_protocol(),
            payload: packet.payload().to_vec(),
        }
    }
}

fn parse(octets: &[u8]) -> Result<PacketV2<'_>, (Kind, usize)> {
    PacketV2::parse(octets, &code_points()).map_err(|error| (error.kind(), error.pointer()))
}

/// Where the checksum of a transport header stands, and how long a segment at least is.
fn checksum_field(number: u8) -> Option<(usize, usize)> {
    match number {
        protocol::UDP | protocol::UDP_LITE => Some((6, 8)),
        protocol::TCP => Some((16, 18)),
        protocol::ICMPV6 => Some((2, 4)),
        _ => None,
    }
}

/// The sum over pseudo-header (RFC 8200 §8.1) and segment: 0xffff if the checksum in the segment is right.
fn transport_sum(number: u8, from: Ipv6Addr, to: Ipv6Addr, segment: &[u8]) -> u16 {
    let mut covered = [from.octets(), to.octets()].concat();
    covered.extend(u32::try_from(segment.len()).unwrap().to_be_bytes());
    covered.extend([0, 0, 0, number]);
    covered.extend(segment);
    ones_complement_sum(&covered)
}

/// A segment from [`SOURCE`] with a right checksum for `to`. UDP-Lite covers all of it; ICMPv6 is an echo reply.
fn segment(number: u8, to: Ipv6Addr, tail: &[u8]) -> Vec<u8> {
    segment_from(number, SOURCE, to, tail)
}

fn segment_from(number: u8, from: Ipv6Addr, to: Ipv6Addr, tail: &[u8]) -> Vec<u8> {
    let (at, min_len) = checksum_field(number).unwrap();
    let mut segment = vec![0; min_len];
    segment.extend(tail);
    match number {
        protocol::ICMPV6 => segment[0] = 129,
        _ => segment[..4].copy_from_slice(&[0x12, 0x34, 0, 9]),
    }
    if number == protocol::UDP {
        let len = u16::try_from(segment.len()).unwrap();
        segment[4..6].copy_from_slice(&len.to_be_bytes());
    }
    let mut checksum = !transport_sum(number, from, to, &segment);
    if checksum == 0 && matches!(number, protocol::UDP | protocol::UDP_LITE) {
        checksum = 0xffff;
    }
    segment[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    segment
}

const TRANSPORTS: [u8; 4] = [protocol::UDP, protocol::UDP_LITE, protocol::TCP, protocol::ICMPV6];

fn unicast(traffic_class: u8, flow_label: u32, hop_limit: u8, number: u8, to: Ipv6Addr, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 40];
    let (source, destination, payload_len) = (SOURCE, to, payload.len());
    Ipv6Repr { traffic_class, hop_limit, next_header: number, source, destination, payload_len }
        .emit(&mut octets)
        .unwrap();
    let [_, high, middle, low] = flow_label.to_be_bytes();
    octets[1] |= high;
    octets[2..4].copy_from_slice(&[middle, low]);
    octets.extend(payload);
    octets
}

/// An extension header of options in front of `behind`, which is of kind `next`.
fn options(next: u8, options: &[u8], behind: &[u8]) -> Vec<u8> {
    assert_eq!((options.len() + 2) % 8, 0);
    let units = u8::try_from((options.len() + 2) / 8 - 1).unwrap();
    [&[next, units], options, behind].concat()
}

fn ah(next_header: u8, behind: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x77; 24];
    AhRepr { next_header, spi: 256, sequence: 1, header_len: 24 }.emit(&mut octets).unwrap();
    [&octets, behind].concat()
}

// --- The format -------------------------------------------------------------------------------------------------------

/// The example of WIRE.md §10, in a whole packet of which every octet is written down.
#[test]
fn the_example_of_the_wire_decisions() {
    let mut packet = V2::plain(3);
    (packet.no_x2u, packet.payload) = (true, vec![0x11, 0x22, 0x33, 0x44, 0x00, 0x08, 0xff, 0xff]);
    let octets = packet.emit(0xaa).unwrap().unwrap();
    let hex = "65c58000 0078 29 40 20010db8000000000000000000000001 20010db8000100020003000400050600
               60000000 0050 2b 01 20010db8000000000000000000000001 ff0e0000000000000000000000000114
               11 08 fd 00 03 40 00 00 07 000000000000000000000000000000
               20010db8000100020003000400050600 20010db8000100020003000400050601 20010db8000100020003000400050602
               11223344 0008 ffff";
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let expected: Vec<u8> = digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect();
    assert_eq!(octets, expected);
    assert_eq!(V2::read(&parse(&octets).unwrap()), packet);
}

/// Least significant bit of each octet first, over 128 bits however few destinations there are (WIRE.md §10).
#[test]
fn every_bit_is_where_it_should_be() {
    for count in [1, 8, 9, 64, 65, 126] {
        for index in 0..count {
            let mut packet = V2::plain(count);
            packet.bits = set(&[index]);
            let octets = packet.emit(0xff).unwrap().unwrap();
            let mut bitmap = [0; 16];
            bitmap[index / 8] = 1 << (index % 8);
            assert_eq!(octets[88..104], bitmap, "{index} of {count}");
            assert_eq!(octets, packet.octets());
            let read = parse(&octets).unwrap();
            assert_eq!((read.bits(), read.outer().destination()), (set(&[index]), packet.addresses[index]));
            assert_eq!(read.index_of(packet.addresses[index]), Some(index));
            assert_eq!(read.index_of(packet.addresses[(index + 1) % count]), (count == 1).then_some(0));
        }
    }
}

/// Nothing that the deployment chose is built in.
#[test]
fn code_points_are_those_that_were_chosen() {
    let fields = *code_points().fields();
    let other = CodePointFieldsV2 {
        mark: [0x6a, 0x8b, 0x12, 0x34],
        routing_type: 77,
        group: Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 7),
    };
    // Of the traffic class only ECN is not the mark's.
    let packet = V2 { outer_ecn: 0xfe, ..V2::plain(2) };
    let emit = |fields: CodePointFieldsV2| {
        let mut buffer = vec![0; packet.octets().len()];
        let code_points = CodePointsV2::new(fields).unwrap();
        packet
            .with_repr(|repr| repr.emit(&code_points, packet.payload.len(), &mut buffer).map(|payload| payload.len()))
            .unwrap();
        buffer
    };
    let octets = emit(other);
    assert_eq!(
        (&octets[..4], octets[82], &octets[64..80]),
        (&[0x6a, 0xab, 0x12, 0x34][..], 77, &other.group.octets()[..])
    );
    assert!(PacketV2::parse(&octets, &CodePointsV2::new(other).unwrap()).is_ok());
    for (differing, pointer) in [
        (CodePointFieldsV2 { mark: other.mark, ..fields }, 0),
        (CodePointFieldsV2 { group: other.group, ..fields }, 64),
        (CodePointFieldsV2 { routing_type: 77, ..fields }, 82),
    ] {
        assert_eq!(parse(&emit(differing)).unwrap_err(), (Kind::NotXcast6V2, pointer));
    }
}

fn check_round_trip(packet: &V2) {
    let octets = packet.octets();
    assert_eq!(packet.emit(0x00), Ok(Some(octets.clone())));
    assert_eq!(packet.emit(0xff), Ok(Some(octets.clone())));
    packet.with_repr(|repr| {
        assert_eq!(repr.header_len(), 104 + 16 * packet.addresses.len());
        assert_eq!(repr.encoded_len(packet.payload.len()), octets.len());
    });
    // What a link layer pads is no part of the packet.
    let padded = [&octets[..], &[0xee; 9]].concat();
    let read = parse(&padded).unwrap();
    assert_eq!(read.as_octets(), octets);
    assert_eq!(V2::read(&read), *packet);
    assert_eq!(read.destination_count(), packet.addresses.len());
    for (index, address) in packet.addresses.iter().enumerate() {
        assert_eq!(read.destination(index), Some(*address));
    }
    assert_eq!(read.destination(packet.addresses.len()), None);
}

fn subset(count: usize) -> impl Strategy<Value = DestinationSet> {
    common::subset(count).prop_filter("some are left", |set| !set.is_empty())
}

fn usable() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from).prop_filter("usable", |address| is_routable_unicast((*address).into()))
}

/// A packet of any kind that may be built, with a real segment in half of the cases.
fn any_packet() -> impl Strategy<Value = V2> {
    prop_oneof![4 => 1..=6_usize, 2 => 1..=126_usize, 1 => select(vec![8, 9, 64, 65, 125, 126])]
        .prop_flat_map(|count| {
            let lists = (vec(usable(), count), subset(count), usable(), usable());
            let header = any::<(bool, bool, u8, u8, u8, u8, u8)>();
            (lists, header, 0..1_u32 << 20, vec(any::<u8>(), 0..40), any::<bool>(), select(TRANSPORTS.to_vec()))
        })
        .prop_map(|((addresses, bits, source, outer_source), header, flow_label, tail, real, transport)| {
            let (anonymous, no_x2u, icmp_offset, traffic_class, ecn, hop_limit, number) = header;
            let (next_protocol, payload) =
                if real { (transport, segment_from(transport, source, GROUP, &tail)) } else { (number, tail) };
            let sealed = matches!(next_protocol, protocol::AH | protocol::ESP);
            // As it leaves its sender.
            let shown =
                |(index, address)| if anonymous && !bits.contains(index) { Ipv6Addr::UNSPECIFIED } else { address };
            V2 {
                source,
                outer_source,
                addresses: addresses.into_iter().enumerate().map(shown).collect(),
                bits,
                anonymous,
                no_x2u: no_x2u || sealed,
                icmp_offset,
                traffic_class,
                flow_label,
                outer_ecn: ecn & 3,
                hop_limit,
                next_protocol,
                payload,
            }
        })
}

proptest! {
    #[test]
    fn any_packet_round_trips(packet in any_packet()) {
        check_round_trip(&packet);
    }
}

#[test]
fn the_smallest_and_the_largest_list_round_trip() {
    check_round_trip(&V2::plain(1));
    check_round_trip(&V2::plain(126));
    let octets = V2::plain(126).octets();
    assert_eq!((octets[81], octets[84]), (254, 126));
}

/// WIRE.md §8: X2U would break them.
#[test]
fn ah_and_esp_are_never_built_without_the_flag() {
    for (number, flags) in [(protocol::AH, 0x40), (protocol::ESP, 0x40), (protocol::UDP, 0)] {
        let mut packet = V2::plain(2);
        packet.next_protocol = number;
        assert_eq!(packet.emit(0xff).unwrap().unwrap()[85], flags);
    }
}

#[test]
fn only_what_fits_is_written_of_class_and_label() {
    let mut packet = V2::plain(1);
    (packet.traffic_class, packet.flow_label, packet.outer_ecn) = (0xff, 0xfff_ffff, 0xff);
    let octets = packet.emit(0x00).unwrap().unwrap();
    assert_eq!((&octets[..4], &octets[40..44]), (&[0x65, 0xf5, 0x80, 0][..], &[0x6f, 0xff, 0xff, 0xff][..]));
}

#[test]
fn the_builder_refuses_what_cannot_be_sent() {
    let refused = |change: &dyn Fn(&mut V2)| {
        let mut packet = V2::plain(3);
        change(&mut packet);
        let error = packet.emit(0xab).unwrap_err();
        if !matches!(error, EmitError::PacketTooLong { .. }) {
            assert_eq!(packet.with_repr(|repr| repr.check()), Err(error));
        }
        error
    };
    let unspecified = Ipv6Addr::UNSPECIFIED;
    assert_eq!(refused(&|p| (p.addresses, p.bits) = (vec![], DestinationSet::EMPTY)), EmitError::NoDestination);
    assert_eq!(refused(&|p| p.bits = DestinationSet::EMPTY), EmitError::NoDestination);
    assert_eq!(refused(&|p| p.addresses = (0..127).map(host).collect()), EmitError::TooManyDestinations { max: 126 });
    assert_eq!(refused(&|p| p.bits = set(&[0, 3])), EmitError::BitBeyondCount);
    for address in ["ff02::1", "::", "::1", "fe80::1", "::ffff:127.0.0.1"] {
        let address: Ipv6Addr = address.parse().unwrap();
        assert_eq!(refused(&|p| p.source = address), EmitError::UnusableSource);
        assert_eq!(refused(&|p| p.outer_source = address), EmitError::UnusableSource);
        for bits in [&[0, 1, 2][..], &[0, 1]] {
            let refused = refused(&|p| (p.addresses[2], p.bits) = (address, set(bits)));
            assert_eq!(refused, EmitError::UnusableDestination { index: 2 });
        }
    }
    assert_eq!(
        refused(&|p| (p.addresses[2], p.anonymous) = (unspecified, true)),
        EmitError::UnusableDestination { index: 2 }
    );
    assert_eq!(refused(&|p| p.addresses[2] = p.addresses[0]), EmitError::DuplicateDestination { index: 2 });
    assert_eq!(refused(&|p| p.payload = vec![0; 65_536 - 40 - 24 - 48]), EmitError::PacketTooLong { len: 40 + 65_536 });
    let mut longest = V2::plain(3);
    longest.payload = vec![7; 65_535 - 40 - 24 - 48];
    check_round_trip(&longest);
    // An erased address, and one that repeats another without its bit, are sound.
    let mut erased = V2::plain(3);
    (erased.addresses[2], erased.anonymous, erased.bits) = (unspecified, true, set(&[0, 1]));
    check_round_trip(&erased);
    // A builder erases it, too.
    let mut not_yet = V2 { addresses: V2::plain(3).addresses, ..erased.clone() };
    assert_eq!(not_yet.emit(0xff), Ok(Some(erased.octets())));
    not_yet.anonymous = false;
    check_round_trip(&not_yet);
    let mut repeated = V2::plain(3);
    (repeated.addresses[2], repeated.bits) = (repeated.addresses[0], set(&[0, 1]));
    check_round_trip(&repeated);
}

#[test]
fn a_buffer_too_small_is_left_alone() {
    let packet = V2::plain(2);
    let needed = packet.octets().len();
    for len in 0..needed {
        let mut buffer = vec![0xab; len];
        let result = packet.with_repr(|repr| {
            repr.emit(&code_points(), packet.payload.len(), &mut buffer).map(|payload| payload.len())
        });
        assert_eq!(result, Err(EmitError::BufferTooSmall { needed }));
        assert_eq!(buffer, vec![0xab; len]);
    }
}

// --- What is refused --------------------------------------------------------------------------------------------------

/// The octets missing, the octets missing with the outer length saying so, and with both lengths saying so.
#[test]
fn every_truncation_is_seen() {
    for count in [1, 3, 126] {
        let whole = V2::plain(count).octets();
        let header_len = 104 + 16 * count;
        for len in 0..whole.len() {
            assert_eq!(parse(&whole[..len]).unwrap_err(), (Kind::Truncated, len));
            if len < 40 {
                continue;
            }
            let mut cut = whole[..len].to_vec();
            cut[4..6].copy_from_slice(&u16::try_from(len - 40).unwrap().to_be_bytes());
            // Up to the Routing Type it could be anything.
            let expected = if len < 83 { (Kind::Truncated, len) } else { (Kind::InnerLength, 44) };
            assert_eq!(parse(&cut).unwrap_err(), expected, "{len}");
            if len < 80 {
                continue;
            }
            cut[44..46].copy_from_slice(&u16::try_from(len - 80).unwrap().to_be_bytes());
            match parse(&cut) {
                Ok(packet) => {
                    assert!(len >= header_len);
                    assert_eq!(packet.payload(), &whole[header_len..len]);
                }
                Err(error) => {
                    assert!(len < header_len, "{len}");
                    assert_eq!(error, (Kind::Truncated, len));
                }
            }
        }
    }
}

/// What must be said of [`V2::plain`]`(3)`, without payload, when the octet at `at` has become `value`.
fn verdict(octets: &[u8], at: usize) -> Option<(Kind, usize)> {
    let value = octets[at];
    let bits = u128::from_le_bytes(octets[88..104].try_into().unwrap());
    Some(match at {
        0 if value >> 4 == 4 => (Kind::NotXcast6V2, 0),
        0 if value >> 4 != 6 => (Kind::IpVersion, 0),
        1 if value & 0xcf == 0xc5 => return None,
        0..=3 => (Kind::NotXcast6V2, at),
        4..=5 => {
            let len = 40 + usize::from(u16::from_be_bytes([octets[4], octets[5]]));
            match len {
                _ if len > octets.len() => (Kind::Truncated, octets.len()),
                0..83 => (Kind::Truncated, len),
                _ => (Kind::InnerLength, 44),
            }
        }
        6 => (Kind::NotXcast6V2, 6),
        24..=39 => (Kind::OuterDestination, 24),
        40 if value >> 4 != 6 => (Kind::IpVersion, 40),
        44..=45 => (Kind::InnerLength, 44),
        46 => (Kind::NotXcast6V2, 46),
        47 => (Kind::InnerHopLimit, 47),
        64..=79 => (Kind::NotXcast6V2, 64),
        81 => (Kind::HeaderLength, 81),
        82 => (Kind::NotXcast6V2, 82),
        83 => (Kind::SegmentsLeft, 83),
        84 if value == 0 => (Kind::NoDestination, 84),
        84 if value > 126 => (Kind::TooManyDestinations, 84),
        84 => (Kind::HeaderLength, 81),
        85 if value & 0x3f != 0 => (Kind::Reserved, 85),
        87 => (Kind::Reserved, 87),
        88 if bits >> 3 != 0 => (Kind::BitmapBeyondCount, 88),
        // Another one is first, or none at all.
        88 if bits & 1 == 0 && bits != 0 => (Kind::OuterDestination, 24),
        89..=103 => (Kind::BitmapBeyondCount, at),
        104..=119 => (Kind::OuterDestination, 24),
        _ => return None,
    })
}

/// Every octet of the headers, every value: what §10 fixes is held to, all else is free, and what is read can be written
/// again.
#[test]
fn every_header_octet_counts() {
    let mut packet = V2::plain(3);
    packet.payload = vec![];
    let octets = packet.octets();
    for at in 0..octets.len() {
        for value in 0..=u8::MAX {
            let mut changed = octets.clone();
            changed[at] = value;
            let expected = if changed == octets { None } else { verdict(&changed, at) };
            match parse(&changed) {
                Ok(read) => {
                    assert_eq!(expected, None, "octet {at}, {value:#x}");
                    check_written_again(&read);
                }
                Err(error) => assert_eq!(Some(error), expected, "octet {at}, {value:#x}"),
            }
        }
    }
    let mut octets = V2::plain(126).octets();
    octets[103] |= 0x40;
    assert_eq!(parse(&octets).unwrap_err(), (Kind::BitmapBeyondCount, 103), "bit 126");
    octets[103] ^= 0xc0;
    assert_eq!(parse(&octets).unwrap_err(), (Kind::BitmapBeyondCount, 103), "bit 127");
}

/// What was accepted is written again to the same octets, unless a rule that binds builders alone forbids it.
fn check_written_again(read: &PacketV2<'_>) {
    let mut packet = V2::read(read);
    let unusable = |address: &Ipv6Addr| !is_routable_unicast((*address).into());
    match packet.emit(0x5a) {
        Ok(Some(octets)) => {
            let mut expected = read.as_octets().to_vec();
            if matches!(packet.next_protocol, protocol::AH | protocol::ESP) {
                expected[85] |= 0x40;
            }
            for index in (0..packet.addresses.len()).filter(|&index| packet.anonymous && !packet.bits.contains(index)) {
                expected[104 + 16 * index..][..16].fill(0);
            }
            assert_eq!(octets, expected);
        }
        Ok(None) => panic!("an error, and something written"),
        Err(EmitError::NoDestination) => assert!(packet.bits.is_empty()),
        Err(EmitError::UnusableSource) => assert!(unusable(&packet.source) || unusable(&packet.outer_source)),
        Err(EmitError::UnusableDestination { index }) => assert!(unusable(&packet.addresses[index])),
        Err(EmitError::DuplicateDestination { index }) => {
            let address = packet.addresses.remove(index);
            assert!(packet.addresses.contains(&address));
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_bitmap_without_a_bit_is_sound() {
    for destination in [host(0), host(77), Ipv6Addr::LOCALHOST] {
        let mut octets = V2::plain(3).octets();
        octets[88] = 0;
        octets[24..40].copy_from_slice(&destination.octets());
        let read = parse(&octets).unwrap();
        assert!(read.bits().is_empty());
        assert_eq!(read.index_of(host(0)), None);
    }
}

#[test]
fn debug_shows_no_payload() {
    let mut octets = V2 { payload: vec![0xd3; 12], no_x2u: true, ..V2::plain(2) }.octets();
    let read = parse(&octets).unwrap();
    let mut shown = format!("{read:?}");
    let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| {
        shown.push_str(&format!("{copy:?}"));
        Ok::<(), ()>(())
    });
    let net = Net::uniform(&V2::plain(2));
    assert!(
        RouterV2::new(code_points(), RouterPolicyV2::default())
            .forward(Instant::START, None, &octets, &net, &mut egress)
            .is_ok()
    );
    shown.push_str(&format!("{:?}", PacketV2Mut::parse(&mut octets, &code_points()).unwrap()));
    assert!(shown.contains("PacketV2 {") && shown.contains("PacketCopy {") && shown.contains("PacketV2Mut {"));
    assert!(!shown.contains("211, 211"), "{shown}");
}

#[test]
fn errors_say_what_and_where() {
    let mut octets = V2::plain(2).octets();
    octets[87] = 1;
    let error = PacketV2::parse(&octets, &code_points()).unwrap_err();
    assert_eq!(error.to_string(), "reserved bit set (octet 87)");
    assert_eq!(ForwardErrorV2::from(error).to_string(), "reserved bit set (octet 87)");
    assert_eq!(parse(&[]).unwrap_err(), (Kind::Truncated, 0));
    // An RFC 5058 packet, in a tunnel or not, is none of this format, and the other way round.
    let rfc5058 = Packet::plain(Family::V6, 3).octets();
    assert_eq!(parse(&rfc5058).unwrap_err().0, Kind::NotXcast6V2);
    let v2 = V2::plain(3).octets();
    assert!(XcastPacket::parse(&v2, &experiment(), ChecksumPolicy::Verify).is_err());
}

// --- The edit ---------------------------------------------------------------------------------------------------------

proptest! {
    #[test]
    fn retaining_changes_bits_addresses_and_outer_destination_together(
        packet in any_packet(), keep in common::subset(127), padding in 0..9_usize,
    ) {
        let mut octets = packet.octets();
        let len = octets.len();
        octets.resize(len + padding, 0xee);
        PacketV2Mut::parse(&mut octets, &code_points()).unwrap().retain(keep);
        prop_assert_eq!(octets.split_off(len), vec![0xee; padding]);
        let kept: Vec<usize> = packet.bits.intersection(keep).iter().collect();
        if kept.is_empty() {
            let read = parse(&octets).unwrap();
            prop_assert!(read.bits().is_empty());
            prop_assert_eq!(read.outer().destination(), packet.outer_destination());
            prop_assert!(!packet.anonymous || read.destinations().all(|address| address.is_unspecified()));
        } else {
            let expected = V2 { hop_limit: packet.hop_limit, ..packet.branched(&kept) };
            prop_assert_eq!(octets, expected.octets());
        }
    }
}

#[test]
fn what_is_not_sound_cannot_be_edited() {
    let mut octets = V2::plain(2).octets();
    octets[47] = 2;
    let error = PacketV2Mut::parse(&mut octets, &code_points()).unwrap_err();
    assert_eq!(error.kind(), Kind::InnerHopLimit);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_octets_make_anything_panic(
        octets in vec(any::<u8>(), 0..300), marked in any::<bool>(), routing in any::<bool>(),
    ) {
        let mut octets = octets;
        // So far that parsing gets somewhere.
        let start = V2::plain(1).octets();
        for (at, octet) in octets.iter_mut().enumerate() {
            if marked && (at < 4 || at == 6 || at == 46 || (64..80).contains(&at) || routing && (82..84).contains(&at)) {
                *octet = start[at];
            }
        }
        let len = u16::try_from(octets.len()).unwrap();
        for (at, headers) in [(4, 40), (44, 80)] {
            if marked && len >= headers {
                octets[at..at + 2].copy_from_slice(&(len - headers).to_be_bytes());
            }
        }
        check_anything(&octets);
    }

    /// Good packets with octets changed and the end cut off.
    #[test]
    fn no_damage_makes_anything_panic(
        packet in any_packet(), changes in vec((any::<Index>(), any::<u8>()), 1..4), cut in any::<Option<Index>>(),
    ) {
        let mut octets = packet.octets();
        for (index, value) in changes {
            let at = index.index(octets.len());
            octets[at] = value;
        }
        if let Some(cut) = cut {
            let len = cut.index(octets.len() - 80) + 80;
            octets.truncate(len);
            octets[4..6].copy_from_slice(&u16::try_from(len - 40).unwrap().to_be_bytes());
            octets[44..46].copy_from_slice(&u16::try_from(len - 80).unwrap().to_be_bytes());
        }
        check_anything(&octets);
    }
}

/// Reads, writes again, edits, forwards and converts; what does not parse does nothing.
fn check_anything(octets: &[u8]) {
    let mut router = RouterV2::new(code_points(), RouterPolicyV2::default());
    let mut log = Log::default();
    let result = router.forward(Instant::START, None, octets, &Everything, &mut log);
    check_counters(&router.counters, &result);
    let Ok(read) = parse(octets) else {
        assert!(result.is_err() && log.sent.is_empty());
        let mut copy = octets.to_vec();
        assert!(PacketV2Mut::parse(&mut copy, &code_points()).is_err());
        return;
    };
    check_written_again(&read);
    assert!(log.sent.len() <= read.bits().len());
    for sent in &log.sent {
        assert!(sent.destinations.is_subset(read.bits()));
        if sent.kind == CopyKind::Xcast {
            assert_eq!(parse(&sent.octets).unwrap().bits(), sent.destinations);
        }
    }
    let mut edited = octets.to_vec();
    PacketV2Mut::parse(&mut edited, &code_points()).unwrap().retain(set(&[1, 5, 80]));
    assert_eq!(parse(&edited).unwrap().bits(), read.bits().intersection(set(&[1, 5, 80])));
    let mut buffer = vec![0; octets.len() + 100];
    if let Ok(len) = to_rfc5058(&read, &experiment(), &mut buffer) {
        assert!(XcastPacket::parse(&buffer[..len], &experiment(), ChecksumPolicy::Verify).is_ok());
    }
}

// --- A network around the router --------------------------------------------------------------------------------------

/// Routes by host. Tunnels are not asked for, and capabilities play no part.
#[derive(Default)]
struct Net {
    own: Vec<Ipv6Addr>,
    routes: HashMap<Ipv6Addr, Route<u8>>,
}

impl RouteLookup for Net {
    type NextHop = u8;

    fn is_local(&self, address: IpAddr) -> bool {
        self.own.iter().any(|own| IpAddr::V6(*own) == address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        self.routes.iter().find(|(address, _)| IpAddr::V6(**address) == destination).map(|(_, route)| *route)
    }

    fn tunnel(&self, _: IpAddr) -> Option<Tunnel> {
        panic!("every packet is its own tunnel")
    }
}

/// A route to a next hop that, for even numbers, knows nothing of Xcast: it makes no difference.
fn route(next_hop: u8) -> Route<u8> {
    Route { next_hop, xcast_capable: !next_hop.is_multiple_of(2), mtu: 1500 }
}

impl Net {
    /// A route for each destination of `packet`, in order; none for those beyond.
    fn new(packet: &V2, next_hops: &[u8]) -> Self {
        let routes = packet.addresses.iter().copied().zip(next_hops.iter().map(|&hop| route(hop))).collect();
        Self { routes, own: vec![] }
    }

    fn uniform(packet: &V2) -> Self {
        Self::new(packet, &vec![1; packet.addresses.len()])
    }
}

/// Routes to everywhere, some next hops too narrow.
struct Everything;

impl RouteLookup for Everything {
    type NextHop = u8;

    fn is_local(&self, address: IpAddr) -> bool {
        matches!(address, IpAddr::V6(address) if address.octets()[15] == 3)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        let IpAddr::V6(destination) = destination else { return None };
        let last = destination.octets()[15];
        let mtu = if last & 0x10 == 0 { 1500 } else { 160 };
        Some(Route { next_hop: last % 8, xcast_capable: last.is_multiple_of(2), mtu })
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Sent {
    next_hop: u8,
    kind: CopyKind,
    destinations: DestinationSet,
    octets: Vec<u8>,
}

/// Writes every copy down, in every way it can be written.
#[derive(Default)]
struct Log {
    sent: Vec<Sent>,
    too_big: Vec<(u8, usize, DestinationSet)>,
    failing: Vec<u8>,
}

impl Egress<u8> for Log {
    type Error = ();

    fn transmit(&mut self, next_hop: u8, copy: &PacketCopy<'_>) -> Result<(), ()> {
        let mut octets = vec![0; copy.len()];
        assert_eq!(copy.emit(&mut octets), Ok(copy.len()));
        // Every octet is written, and none beyond.
        let mut longer = vec![0xff; copy.len() + 7];
        assert_eq!(copy.emit(&mut longer), Ok(copy.len()));
        assert_eq!(longer, [&octets[..], &[0xff; 7]].concat());
        // In two parts.
        let mut header = vec![0xff; copy.header_len()];
        assert_eq!(copy.emit_header(&mut header), Ok(copy.header_len()));
        assert_eq!([&header[..], copy.payload()].concat(), octets);
        for short in [0, copy.header_len() - 1] {
            let mut buffer = vec![0xab; short];
            assert_eq!(copy.emit_header(&mut buffer), Err(EmitError::BufferTooSmall { needed: copy.header_len() }));
            assert_eq!(buffer, vec![0xab; short]);
        }
        let mut buffer = vec![0xab; copy.len() - 1];
        assert_eq!(copy.emit(&mut buffer), Err(EmitError::BufferTooSmall { needed: copy.len() }));
        assert_eq!(buffer, vec![0xab; copy.len() - 1]);
        if self.failing.contains(&next_hop) {
            return Err(());
        }
        self.sent.push(Sent { next_hop, kind: copy.kind(), destinations: copy.destinations(), octets });
        Ok(())
    }

    fn too_big(&mut self, next_hop: u8, mtu: usize, destinations: DestinationSet) {
        self.too_big.push((next_hop, mtu, destinations));
    }
}

struct Forwarded {
    outcome: Outcome,
    log: Log,
    counters: Counters,
}

impl Forwarded {
    fn shape(&self) -> Vec<(u8, CopyKind, DestinationSet)> {
        self.log.sent.iter().map(|sent| (sent.next_hop, sent.kind, sent.destinations)).collect()
    }
}

fn forward_with(octets: &[u8], net: &Net, policy: RouterPolicyV2, failing: &[u8]) -> Result<Forwarded, ForwardErrorV2> {
    let mut log = Log { failing: failing.to_vec(), ..Log::default() };
    let mut router = RouterV2::new(code_points(), policy);
    let result = router.forward(Instant::START, None, octets, &net, &mut &mut log);
    check_counters(&router.counters, &result);
    result.map(|outcome| {
        assert_eq!(outcome.copies, log.sent.len());
        let sent = log.sent.iter().fold(DestinationSet::EMPTY, |sent, copy| {
            assert!(sent.intersection(copy.destinations).is_empty(), "served twice");
            sent.union(copy.destinations)
        });
        assert_eq!(outcome.sent, sent);
        Forwarded { outcome, log, counters: router.counters }
    })
}

fn forward(octets: &[u8], net: &Net) -> Forwarded {
    forward_with(octets, net, RouterPolicyV2::default(), &[]).unwrap()
}

fn refuse(octets: &[u8], net: &Net) -> ForwardErrorV2 {
    forward_with(octets, net, RouterPolicyV2::default(), &[]).map(|result| result.shape()).unwrap_err()
}

fn policy(change: impl FnOnce(&mut RouterPolicyV2)) -> RouterPolicyV2 {
    let mut policy = RouterPolicyV2::default();
    change(&mut policy);
    policy
}

/// Every packet and every destination is counted exactly once, and never as what cannot be.
fn check_counters(c: &Counters, result: &Result<Outcome, ForwardErrorV2>) {
    let errors = c.not_xcast + c.malformed + c.unusable_source + c.unusable_destination;
    assert_eq!(errors, u64::from(result.is_err()), "{c:?}");
    assert_eq!(c.packets, 1);
    let ends = c.local
        + c.duplicate
        + c.hop_limit
        + c.no_route
        + c.too_big
        + c.over_copy_limit
        + c.egress_failed
        + c.forwarded
        + c.unicast;
    assert_eq!(c.destinations, ends, "{c:?}");
    assert_eq!(c.destinations == 0, errors + c.echo_requests + c.nothing_to_do > 0, "{c:?}");
    let never = c.unsupported + c.checksum + c.not_for_us + c.refused + c.not_capable + c.tunnelled + c.tunnel_copies;
    assert_eq!(never, 0, "{c:?}");
    if let Ok(outcome) = result {
        assert_eq!(outcome.copies as u64, c.xcast_copies + c.unicast);
        assert_eq!(outcome.sent.len() as u64, c.forwarded + c.unicast);
        assert_eq!(outcome.local_destinations.len() as u64, c.local);
        assert_eq!(outcome.local, c.local > 0);
    }
}

// --- Forwarding -------------------------------------------------------------------------------------------------------

/// One copy per next hop, in the order of each group's first destination, as a sender would have built it; and each led to
/// the first of its own (WIRE.md §9, §10).
#[test]
fn branches_in_the_order_of_their_first_destination() {
    let mut packet = V2::plain(6);
    (packet.no_x2u, packet.bits) = (true, set(&[0, 1, 2, 4, 5]));
    (packet.icmp_offset, packet.outer_ecn, packet.traffic_class, packet.flow_label) = (0x33, 2, 0xb9, 0x1_2345);
    packet.outer_source = host(99);
    let result = forward(&packet.octets(), &Net::new(&packet, &[7, 4, 7, 9, 5, 4]));
    let branches = [(7, &[0, 2][..]), (4, &[1, 5]), (5, &[4])];
    assert_eq!(result.shape(), branches.map(|(hop, bits)| (hop, CopyKind::Xcast, set(bits))));
    for (sent, (_, bits)) in result.log.sent.iter().zip(branches) {
        assert_eq!(sent.octets, packet.branched(bits).octets());
    }
    assert_eq!((result.outcome.local, result.counters.xcast_copies, result.counters.forwarded), (false, 3, 5));
}

#[test]
fn anonymity_erases_the_addresses_of_other_branches() {
    let mut packet = V2::plain(5);
    (packet.anonymous, packet.no_x2u) = (true, true);
    let result = forward(&packet.octets(), &Net::new(&packet, &[1, 2, 1, 2, 2]));
    for (sent, bits) in result.log.sent.iter().zip([&[0, 2][..], &[1, 3, 4]]) {
        let expected = packet.branched(bits);
        assert_eq!(sent.octets, expected.octets());
        // The next router takes it as it is.
        let again = forward(&sent.octets, &Net::uniform(&packet));
        assert_eq!(again.log.sent[0].octets, expected.branched(bits).octets());
    }
    assert_eq!(result.log.sent.len(), 2);
}

/// The unicast packet is the one that the sender would have sent to one destination alone (WIRE.md §9 step 5).
#[test]
fn x2u_is_what_the_sender_would_have_sent_to_one() {
    let pad = [1, 4, 0, 0, 0, 0];
    for number in TRANSPORTS {
        for tail in [&[0x11; 20][..], &[0xfe; 21], &[]] {
            for dest_options in [0, 1, 2] {
                let mut packet = V2::plain(3);
                packet.payload = segment(number, GROUP, tail);
                packet.next_protocol = number;
                let mut expected = segment(number, host(1), tail);
                for _ in 0..dest_options {
                    packet.payload = options(packet.next_protocol, &pad, &packet.payload);
                    expected = options(packet.next_protocol, &pad, &expected);
                    packet.next_protocol = protocol::DESTINATION_OPTIONS;
                }
                (packet.hop_limit, packet.traffic_class, packet.flow_label) = (2, 0x68, 0xf_edcb);
                let result = forward(&packet.octets(), &Net::new(&packet, &[1, 2, 1]));
                assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0, 2])), (2, CopyKind::Unicast, set(&[1]))]);
                let expected = unicast(0x68, 0xf_edcb, 1, packet.next_protocol, host(1), &expected);
                assert_eq!(result.log.sent[1].octets, expected, "{number}, {dest_options}");
                assert_eq!((result.counters.unicast, result.counters.forwarded), (1, 2));
            }
        }
    }
}

/// Congestion that the outer header met is told to those who listen (RFC 4301 §5.1.2.1).
#[test]
fn congestion_leaves_the_tunnel() {
    for (inner, outer, expected) in [(0, 3, 0), (1, 3, 3), (2, 3, 3), (3, 0, 3), (1, 2, 1), (2, 1, 2), (1, 0, 1)] {
        let mut packet = V2::plain(1);
        (packet.traffic_class, packet.outer_ecn) = (0xb8 | inner, outer);
        let result = forward(&packet.octets(), &Net::uniform(&packet));
        let (ip, _) = Ipv6Header::split(&result.log.sent[0].octets).unwrap();
        assert_eq!(ip.traffic_class(), 0xb8 | expected);
    }
}

/// A result of 0 is sent as 0xffff in UDP and UDP-Lite, no checksum stays none, and damage stays visible.
#[test]
fn checksums_follow_by_delta() {
    for number in TRANSPORTS {
        let (at, _) = checksum_field(number).unwrap();
        let mut wanted = segment(number, host(0), &[0; 8]);
        // A word that makes the checksum come out as 0.
        let end = wanted.len() - 2;
        wanted[at..at + 2].fill(0);
        let missing = !transport_sum(number, SOURCE, host(0), &wanted);
        wanted[end..].copy_from_slice(&missing.to_be_bytes());
        let mut sent = wanted.clone();
        let checksum = !transport_sum(number, SOURCE, GROUP, &sent);
        sent[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
        let mut packet = V2::plain(1);
        (packet.next_protocol, packet.payload) = (number, sent);
        let result = forward(&packet.octets(), &Net::uniform(&packet));
        let ones = matches!(number, protocol::UDP | protocol::UDP_LITE);
        wanted[at..at + 2].fill(if ones { 0xff } else { 0 });
        assert_eq!(result.log.sent[0].octets[40..], wanted);

        packet.payload[at] ^= 0x10;
        let result = forward(&packet.octets(), &Net::uniform(&packet));
        assert_ne!(transport_sum(number, SOURCE, host(0), &result.log.sent[0].octets[40..]), 0xffff);
    }
    let mut packet = V2::plain(1);
    packet.payload[6..8].fill(0);
    let result = forward(&packet.octets(), &Net::uniform(&packet));
    assert_eq!(result.log.sent[0].octets[40..], packet.payload);
}

#[test]
fn flag_policy_and_transport_forbid_x2u() {
    let one = |packet: &V2, policy: RouterPolicyV2| {
        forward_with(&packet.octets(), &Net::uniform(packet), policy, &[]).unwrap().log.sent.remove(0)
    };
    let packet = V2::plain(1);
    assert_eq!(one(&packet, RouterPolicyV2::default()).kind, CopyKind::Unicast);
    let flagged = V2 { no_x2u: true, ..packet.clone() };
    assert_eq!(one(&flagged, RouterPolicyV2::default()).octets, flagged.branched(&[0]).octets());
    assert_eq!(one(&packet, policy(|policy| policy.x2u = false)).octets, packet.branched(&[0]).octets());

    let long = vec![0; 40];
    let fragment = [&[protocol::UDP, 0, 0, 0, 0, 0, 0, 1], &long[..]].concat();
    let routing = [&[protocol::UDP, 0, 0, 0, 0, 0, 0, 0], &long[..]].concat();
    for (number, payload, possible) in [
        (protocol::ESP, &long[..], false),
        (protocol::AH, &ah(protocol::UDP, &long), false),
        (132, &long, false),
        (protocol::ICMP, &long, false),
        (protocol::NO_NEXT_HEADER, &[], false),
        (protocol::FRAGMENT, &fragment, false),
        (protocol::ROUTING, &routing, false),
        (protocol::DESTINATION_OPTIONS, &[protocol::UDP, 200, 1, 4, 0, 0, 0, 0], false),
        (protocol::UDP, &long[..7], false),
        (protocol::UDP, &long[..8], true),
        (protocol::UDP_LITE, &long[..7], false),
        (protocol::UDP_LITE, &long[..8], true),
        (protocol::TCP, &long[..17], false),
        (protocol::TCP, &long[..18], true),
        (protocol::ICMPV6, &long[..3], false),
        (protocol::ICMPV6, &long[..4], true),
    ] {
        let packet = V2 { next_protocol: number, payload: payload.to_vec(), ..V2::plain(1) };
        let sent = one(&packet, RouterPolicyV2::default());
        assert_eq!(sent.kind == CopyKind::Unicast, possible, "{number}, {} octets", payload.len());
        if !possible {
            assert_eq!(sent.octets, packet.branched(&[0]).octets());
        }
    }
}

/// A receiving host that the outer header leads to takes its own copy and sends the packet on to the rest (RFC 5058 §11.4).
#[test]
fn own_addresses_are_delivered_and_leave_the_bitmap() {
    for anonymous in [false, true] {
        let mut packet = V2::plain(4);
        (packet.anonymous, packet.no_x2u) = (anonymous, true);
        for (own, rest, first) in [(0, [1, 2, 3], 1), (2, [0, 1, 3], 0)] {
            for (hop_limit, copies) in [(0, 0), (1, 0), (2, 1), (255, 1)] {
                packet.hop_limit = hop_limit;
                let mut net = Net::uniform(&packet);
                net.own = vec![host(own)];
                let result = forward(&packet.octets(), &net);
                assert_eq!(result.outcome.local_destinations, set(&[own]));
                assert_eq!((result.log.sent.len(), result.counters.hop_limit), (copies, 3 * (1 - copies as u64)));
                for sent in &result.log.sent {
                    assert_eq!(sent.octets, packet.branched(&rest).octets());
                    assert_eq!(parse(&sent.octets).unwrap().outer().destination(), host(first));
                }
            }
        }
    }
    // The last one gets nothing on.
    let packet = V2::plain(1);
    let mut net = Net::uniform(&packet);
    net.own = vec![host(0)];
    let result = forward(&packet.octets(), &net);
    assert_eq!((result.outcome.local, result.log.sent.len()), (true, 0));
}

#[test]
fn hop_limit_stops_unicast_copies_too() {
    let mut packet = V2::plain(2);
    for (hop_limit, unicast) in [(0, 0), (1, 0), (2, 2)] {
        packet.hop_limit = hop_limit;
        let result = forward(&packet.octets(), &Net::new(&packet, &[1, 2]));
        assert_eq!((result.counters.unicast, result.counters.hop_limit), (unicast, 2 - unicast));
    }
}

#[test]
fn what_has_nowhere_to_go_is_counted() {
    let packet = V2::plain(4);
    let result = forward(&packet.octets(), &Net::new(&packet, &[1, 1]));
    assert_eq!((result.shape(), result.counters.no_route), (vec![(1, CopyKind::Xcast, set(&[0, 1]))], 2));
    let mut octets = packet.octets();
    octets[88] = 0;
    let mut net = Net::uniform(&packet);
    net.own = packet.addresses.clone();
    let result = forward(&octets, &net);
    assert_eq!((result.outcome, result.counters.nothing_to_do), (Outcome::default(), 1));
}

/// WIRE.md §5: delivered once, the later bit cleared.
#[test]
fn a_repeated_destination_is_served_once() {
    let mut packet = V2::plain(6);
    packet.no_x2u = true;
    for index in [2, 3, 5] {
        packet.addresses[index] = host(index % 2);
    }
    let result = forward(&packet.octets(), &Net::new(&packet, &[1, 1, 1, 1, 1, 1]));
    assert_eq!((result.shape()[0].2, result.counters.duplicate), (set(&[0, 1, 4]), 3));
    // A bit that is not set repeats nothing.
    packet.bits = set(&[2, 3, 4]);
    let result = forward(&packet.octets(), &Net::new(&packet, &[1, 1, 1, 1, 1, 1]));
    assert_eq!((result.shape()[0].2, result.counters.duplicate), (set(&[2, 3, 4]), 0));
    // Of very many, the first stays.
    let mut packet = V2::plain(126);
    packet.no_x2u = true;
    for index in 2..126 {
        packet.addresses[index] = host(index % 2);
    }
    let mut net = Net::new(&packet, &[1, 1]);
    net.routes.values_mut().for_each(|route| route.mtu = 9000);
    let result = forward(&packet.octets(), &net);
    assert_eq!((result.shape()[0].2, result.counters.duplicate), (set(&[0, 1]), 124));
}

/// WIRE.md §5, whether the bit is set or not.
#[test]
fn addresses_that_packets_are_not_routed_to_or_from() {
    for address in ["ff02::1", "::", "::1", "fe80::1"] {
        let address: Ipv6Addr = address.parse().unwrap();
        for anonymous in [false, true] {
            for bits in [&[0, 1, 2][..], &[0, 1]] {
                let mut packet = V2::plain(3);
                (packet.anonymous, packet.bits, packet.addresses[2]) = (anonymous, set(bits), address);
                if anonymous && address.is_unspecified() && bits.len() == 2 {
                    let result = forward(&packet.octets(), &Net::uniform(&packet));
                    assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0, 1]))]);
                    continue;
                }
                let error = refuse(&packet.octets(), &Net::uniform(&packet));
                assert_eq!(error, ForwardErrorV2::UnusableDestination { index: 2, pointer: 104 + 32 });
                assert_eq!(packet.octets()[136..152], address.octets());
            }
        }
        for change in [|p: &mut V2, a| p.source = a, |p: &mut V2, a| p.outer_source = a] {
            let mut packet = V2::plain(3);
            change(&mut packet, address);
            let mut net = Net::uniform(&packet);
            net.own = vec![host(0)];
            assert_eq!(refuse(&packet.octets(), &net), ForwardErrorV2::UnusableSource);
        }
    }
}

/// RFC 5058 §14 and draft §2.2.7: neither forwarded nor delivered, wherever it hides.
#[test]
fn echo_requests_are_dropped_whole() {
    let request = [128, 0, 0, 0, 1, 2, 3, 4];
    let reply = [129, 0, 0, 0, 1, 2, 3, 4];
    let icmp = protocol::ICMPV6;
    let fragment = |offset: [u8; 2], echo: &[u8]| [&[icmp, 0, offset[0], offset[1], 0, 0, 0, 1], echo].concat();
    let pad = [1, 4, 0, 0, 0, 0];
    for echo in [request, reply] {
        let nested = options(protocol::AH, &pad, &ah(protocol::FRAGMENT, &fragment([0, 1], &echo)));
        for (number, payload, seen) in [
            (icmp, echo.to_vec(), true),
            (icmp, echo[..1].to_vec(), true),
            (icmp, vec![], false),
            (protocol::DESTINATION_OPTIONS, options(icmp, &pad, &echo), true),
            (protocol::ROUTING, options(icmp, &[4, 0, 0, 0, 0, 0], &echo), true),
            (protocol::AH, ah(icmp, &echo), true),
            (protocol::FRAGMENT, fragment([0, 1], &echo), true),
            (protocol::FRAGMENT, fragment([0, 8], &echo), false),
            (protocol::DESTINATION_OPTIONS, nested, true),
            (protocol::UDP, echo.to_vec(), false),
            (protocol::ESP, echo.to_vec(), false),
        ] {
            let packet = V2 { next_protocol: number, payload, ..V2::plain(2) };
            let mut net = Net::uniform(&packet);
            net.own = vec![host(0)];
            let result = forward(&packet.octets(), &net);
            let dropped = seen && echo == request;
            assert_eq!(result.counters.echo_requests, u64::from(dropped), "{number} {:?}", packet.payload);
            assert_eq!(result.outcome == Outcome::default(), dropped);
            assert_eq!(result.log.sent.is_empty(), dropped);
            let allowed = policy(|policy| policy.allow_echo = true);
            assert!(forward_with(&packet.octets(), &net, allowed, &[]).unwrap().outcome.local);
        }
    }
}

#[test]
fn a_copy_beyond_the_mtu_is_dropped_and_reported() {
    let packet = V2::plain(3);
    let (len, unicast_len) = (packet.octets().len(), 40 + packet.payload.len());
    for short in [0, 1] {
        let mut net = Net::new(&packet, &[1, 2, 1]);
        // Where routes to one next hop disagree, the smaller MTU holds.
        for (index, mtu) in [(0, len - short), (1, unicast_len - short), (2, len)] {
            net.routes.get_mut(&host(index)).unwrap().mtu = mtu;
        }
        let result = forward(&packet.octets(), &net);
        let reports = [(1, len - 1, set(&[0, 2])), (2, unicast_len - 1, set(&[1]))];
        assert_eq!(result.log.too_big, if short == 0 { &[] } else { &reports[..] });
        assert_eq!((result.counters.too_big, result.log.sent.len()), if short == 0 { (0, 2) } else { (3, 0) });
        let (from, to) = if short == 0 { (len - 1, len) } else { (len, len) };
        net.routes.get_mut(&host(0)).unwrap().mtu = to;
        net.routes.get_mut(&host(2)).unwrap().mtu = from;
        assert_eq!(forward(&packet.octets(), &net).counters.forwarded, if short == 0 { 0 } else { 2 });
    }
    // A next hop that takes anything makes no packet longer than it may be: lengths do not change.
    let mut longest = V2::plain(2);
    longest.payload = vec![7; 65_535 - 40 - 24 - 32];
    let mut net = Net::uniform(&longest);
    net.routes.values_mut().for_each(|route| route.mtu = usize::MAX);
    assert_eq!(forward(&longest.octets(), &net).log.sent[0].octets.len(), 65_575);
}

#[test]
fn copies_are_capped_and_a_failing_egress_stops_only_its_own() {
    let packet = V2::plain(6);
    let net = Net::new(&packet, &[1, 1, 2, 3, 3, 3]);
    for (max, copies, dropped) in [(0, 0, 6), (1, 1, 4), (2, 2, 3), (3, 3, 0), (4, 3, 0)] {
        let policy = policy(|policy| policy.max_copies = Some(max));
        let result = forward_with(&packet.octets(), &net, policy, &[]).unwrap();
        assert_eq!((result.outcome.copies, result.counters.over_copy_limit), (copies, dropped));
        // What the egress loses was work all the same.
        let result = forward_with(&packet.octets(), &net, policy, &[1, 2, 3]).unwrap();
        assert_eq!((result.counters.over_copy_limit, result.counters.egress_failed), (dropped, 6 - dropped));
    }
    let result = forward_with(&packet.octets(), &net, RouterPolicyV2::default(), &[1]).unwrap();
    assert_eq!((result.counters.egress_failed, result.outcome.sent), (2, set(&[2, 3, 4, 5])));
}

#[test]
fn errors_are_counted_by_class() {
    let packet = V2::plain(3);
    let net = Net::uniform(&packet);
    let mut router = RouterV2::new(code_points(), RouterPolicyV2::default());
    assert_eq!((router.code_points(), router.policy()), (&code_points(), &RouterPolicyV2::default()));
    let mut offer = |at: usize, value: u8| {
        let mut octets = packet.octets();
        octets[at] = value;
        let mut copies = 0;
        let mut egress = FnEgress(|_: u8, _: &PacketCopy<'_>| {
            copies += 1;
            Ok::<(), ()>(())
        });
        let result = router.forward(Instant::START, None, &octets, &net, &mut egress);
        assert!(result.is_err() == (copies == 0));
        router.counters
    };
    assert_eq!(offer(7, 9).forwarded, 3);
    assert_eq!(offer(0, 0x45).not_xcast, 1);
    assert_eq!(offer(6, 17).not_xcast, 2);
    assert_eq!(offer(47, 64).malformed, 1);
    assert_eq!(offer(87, 1).malformed, 2);
    assert_eq!(offer(48, 0xff).unusable_source, 1);
    assert_eq!(offer(8, 0xff).unusable_source, 2);
    let last = offer(120, 0xff);
    assert_eq!((last.unusable_destination, last.packets, last.destinations), (1, 8, 3));
}

/// What all copies have in common is lent from the packet, not copied.
#[test]
fn payloads_are_slices_of_the_packet() {
    let packet = V2 { payload: segment(protocol::UDP, GROUP, &[0x55; 300]), ..V2::plain(3) };
    let octets = packet.octets();
    let net = Net::new(&packet, &[1, 1, 2]);
    let mut payloads = vec![];
    let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| {
        let payload = copy.payload();
        assert!(std::ptr::eq(payload, &octets[octets.len() - payload.len()..]));
        payloads.push(payload.len());
        Ok::<(), ()>(())
    });
    assert!(
        RouterV2::new(code_points(), RouterPolicyV2::default())
            .forward(Instant::START, None, &octets, &net, &mut egress)
            .is_ok()
    );
    assert_eq!(payloads, [308, 300]);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Own,
    NoRoute,
    Route(u8),
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![1 => Just(Fate::Own), 1 => Just(Fate::NoRoute), 6 => (0..6_u8).prop_map(Fate::Route)];
    vec(fate, 126)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_reachable_destination_exactly_once(packet in any_packet(), fates in fates(), x2u in any::<bool>()) {
        let mut net = Net::default();
        for (address, fate) in packet.addresses.iter().zip(&fates) {
            match *fate {
                Fate::Own => net.own.push(*address),
                Fate::NoRoute => {}
                Fate::Route(hop) => drop(net.routes.insert(*address, Route { mtu: usize::MAX, ..route(hop) })),
            }
        }
        let policy = policy(|policy| (policy.x2u, policy.allow_echo) = (x2u, true));
        let result = forward_with(&packet.octets(), &net, policy, &[]).unwrap();
        let of = |wanted: &dyn Fn(Fate) -> bool| -> DestinationSet {
            packet.bits.iter().filter(|&index| wanted(fates[index])).collect()
        };
        prop_assert_eq!(result.outcome.local_destinations, of(&|fate| fate == Fate::Own));
        let reachable = if packet.hop_limit > 1 { of(&|fate| matches!(fate, Fate::Route(_))) } else { set(&[]) };
        prop_assert_eq!(result.outcome.sent, reachable);
        prop_assert!(result.log.sent.len() <= packet.bits.len());
        for sent in &result.log.sent {
            let indices: Vec<usize> = sent.destinations.iter().collect();
            prop_assert!(sent.destinations.is_subset(packet.bits));
            for index in &indices {
                prop_assert_eq!(fates[*index], Fate::Route(sent.next_hop));
            }
            if sent.kind == CopyKind::Xcast {
                prop_assert_eq!(&sent.octets, &packet.branched(&indices).octets());
                prop_assert!(parse(&sent.octets).is_ok());
                continue;
            }
            prop_assert!(x2u && !packet.no_x2u && indices.len() == 1);
            let (ip, rest) = Ipv6Header::split(&sent.octets).unwrap();
            prop_assert_eq!((ip.source(), ip.destination()), (packet.source, packet.addresses[indices[0]]));
            prop_assert_eq!((ip.hop_limit(), ip.next_header()), (packet.hop_limit - 1, packet.next_protocol));
            prop_assert_eq!((ip.flow_label(), ip.traffic_class() >> 2), (packet.flow_label, packet.traffic_class >> 2));
            prop_assert_eq!(rest.len(), packet.payload.len());
            if let Some((at, min_len)) = checksum_field(packet.next_protocol) {
                let number = packet.next_protocol;
                let before = transport_sum(number, packet.source, GROUP, &packet.payload);
                let after = transport_sum(number, packet.source, ip.destination(), rest);
                let none = number == protocol::UDP && packet.payload[at..at + 2] == [0, 0];
                let coverage = number == protocol::UDP_LITE;
                prop_assert!(none || coverage || (before == 0xffff) == (after == 0xffff));
                prop_assert_eq!(&rest[min_len..], &packet.payload[min_len..]);
            }
        }
    }
}

// --- Over several routers ---------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    /// Forwards by the outer destination and looks no further.
    Legacy,
    Router,
    /// Takes its own and sends on the rest.
    Host,
}

/// A tree of nodes: node `n` hangs at `parents[n - 1]`. Node 0 sends, and is no destination.
struct Tree {
    parents: Vec<usize>,
    roles: Vec<Role>,
}

impl Tree {
    fn ancestors(&self, node: usize) -> Vec<usize> {
        let mut path = vec![node];
        while let Some(&last) = path.last().filter(|last| **last > 0) {
            path.push(self.parents[last - 1]);
        }
        path
    }

    /// The neighbour of `from` on the way to `to`.
    fn next_hop(&self, from: usize, to: usize) -> usize {
        let up = self.ancestors(to);
        match up.iter().position(|&node| node == from) {
            Some(at) => up[at - 1],
            None => self.parents[from - 1],
        }
    }
}

/// What one node of a tree knows.
struct Place<'a> {
    tree: &'a Tree,
    node: usize,
}

fn node_of(address: Ipv6Addr) -> Option<usize> {
    (0..256).find(|&index| host(index) == address)
}

impl RouteLookup for Place<'_> {
    type NextHop = usize;

    fn is_local(&self, address: IpAddr) -> bool {
        address == IpAddr::V6(host(self.node))
    }

    fn route(&self, destination: IpAddr) -> Option<Route<usize>> {
        let IpAddr::V6(destination) = destination else { return None };
        let next_hop = self.tree.next_hop(self.node, node_of(destination)?);
        Some(Route { next_hop, xcast_capable: self.tree.roles[next_hop] == Role::Router, mtu: 1500 })
    }
}

/// Sends `packet` from node 0 until nothing moves any more, and returns how often each node's stack got it. Checks on every
/// link what anonymity promises, and at every stack that it is a packet with a right checksum.
fn run(tree: &Tree, packet: &V2, policy: RouterPolicyV2) -> BTreeMap<usize, usize> {
    let mut delivered = BTreeMap::new();
    let first = tree.next_hop(0, node_of(packet.outer_destination()).unwrap());
    let mut moving = VecDeque::from([(first, packet.octets())]);
    let mut steps = 0;
    while let Some((node, octets)) = moving.pop_front() {
        steps += 1;
        assert!(steps < 100_000, "it goes round and round");
        let (ip, rest) = Ipv6Header::split(&octets).unwrap();
        let for_node = ip.destination() == host(node);
        let Ok(v2) = parse(&octets) else {
            // A unicast packet.
            if for_node {
                assert_eq!(transport_sum(ip.next_header(), SOURCE, host(node), rest), 0xffff);
                *delivered.entry(node).or_default() += 1;
            } else if ip.hop_limit() > 1 {
                let mut octets = octets.clone();
                octets[7] -= 1;
                moving.push_back((tree.next_hop(node, node_of(ip.destination()).unwrap()), octets));
            }
            continue;
        };
        assert_eq!(v2.payload(), packet.payload);
        for (index, shown) in v2.destinations().enumerate() {
            let hidden = packet.anonymous && !v2.bits().contains(index);
            // What the sender itself lets out still has all that it lists.
            assert!(v2.bits() == packet.bits || hidden == shown.is_unspecified());
        }
        match tree.roles[node] {
            Role::Host if !for_node => panic!("hosts are leaves"),
            Role::Legacy if ip.hop_limit() <= 1 => {}
            Role::Legacy => {
                let mut octets = octets.clone();
                octets[7] -= 1;
                moving.push_back((tree.next_hop(node, node_of(ip.destination()).unwrap()), octets));
            }
            Role::Host | Role::Router => {
                let mut router = RouterV2::new(code_points(), policy);
                let mut egress = FnEgress(|next_hop: usize, copy: &PacketCopy<'_>| {
                    let mut octets = vec![0; copy.len()];
                    copy.emit(&mut octets).unwrap();
                    moving.push_back((next_hop, octets));
                    Ok::<(), EmitError>(())
                });
                let outcome =
                    router.forward(Instant::START, None, &octets, &Place { tree, node }, &mut egress).unwrap();
                if outcome.local {
                    assert_eq!(transport_sum(packet.next_protocol, SOURCE, GROUP, v2.payload()), 0xffff);
                    *delivered.entry(node).or_default() += 1;
                }
            }
        }
    }
    delivered
}

fn once(nodes: &[usize]) -> BTreeMap<usize, usize> {
    nodes.iter().map(|&node| (node, 1)).collect()
}

/// Sender – legacy – router, and at the router two hosts, and a legacy router with two more. In every deployment of Xcast
/// in between, down to none but the hosts (RFC 5058 §11.4), everyone gets it once.
#[test]
fn every_deployment_delivers_once() {
    use Role::{Host, Legacy, Router};
    let parents = vec![0, 1, 2, 2, 2, 5, 5];
    let hosts = [3, 4, 6, 7];
    for roles in
        [[Legacy, Router, Legacy], [Legacy, Legacy, Legacy], [Router, Router, Router], [Router, Legacy, Router]]
    {
        let [a, b, c] = roles;
        let tree = Tree { parents: parents.clone(), roles: vec![Host, a, b, Host, Host, c, Host, Host] };
        for order in [[3, 4, 6, 7], [6, 3, 7, 4], [7, 6, 4, 3]] {
            for (no_x2u, anonymous) in [(false, false), (true, false), (true, true), (false, true)] {
                let mut packet = V2::plain(4);
                packet.addresses = order.map(host).to_vec();
                (packet.no_x2u, packet.anonymous) = (no_x2u, anonymous);
                assert_eq!(run(&tree, &packet, RouterPolicyV2::default()), once(&hosts), "{roles:?} {order:?}");
                packet.bits = set(&[1, 3]);
                let left = once(&[order[1], order[3]]);
                assert_eq!(run(&tree, &packet, RouterPolicyV2::default()), left);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_tree_delivers_once(
        parents in vec(any::<Index>(), 2..40), routers in vec(any::<bool>(), 40), picked in any::<u64>(),
        (no_x2u, anonymous) in any::<(bool, bool)>(), transport in select(TRANSPORTS.to_vec()),
    ) {
        let parents: Vec<usize> = parents.iter().enumerate().map(|(node, parent)| parent.index(node + 1)).collect();
        let nodes = parents.len() + 1;
        let is_leaf = |node: &usize| !parents.contains(node);
        let roles = (0..nodes).map(|node| match is_leaf(&node) {
            true => Role::Host,
            false if routers[node] => Role::Router,
            false => Role::Legacy,
        }).collect();
        let leaves: Vec<usize> = (1..nodes).filter(is_leaf).collect();
        let wanted: Vec<usize> = leaves.iter().copied().filter(|node| picked >> node & 1 != 0).collect();
        prop_assume!(!wanted.is_empty());
        let packet = V2 {
            addresses: leaves.iter().map(|&node| host(node)).collect(),
            bits: leaves.iter().enumerate().filter(|(_, node)| wanted.contains(node)).map(|(index, _)| index).collect(),
            // There and back again for every host, in the worst case.
            hop_limit: 255,
            next_protocol: transport,
            payload: segment(transport, GROUP, b"across the tree"),
            no_x2u,
            anonymous,
            ..V2::plain(0)
        };
        let tree = Tree { parents, roles };
        // From host to host, each time up to the root and down again at worst.
        let depth = (0..nodes).map(|node| tree.ancestors(node).len()).max().unwrap();
        let longest = 2 * depth * wanted.len();
        let delivered = run(&tree, &packet, RouterPolicyV2::default());
        if longest < 255 {
            prop_assert_eq!(delivered, once(&wanted));
        } else {
            prop_assert!(delivered.iter().all(|(node, times)| *times == 1 && wanted.contains(node)));
        }
    }
}

// --- Conversion -------------------------------------------------------------------------------------------------------

/// An RFC 5058 packet with the list of `packet`.
fn rfc5058(packet: &V2) -> Packet {
    let payload = match checksum_field(packet.next_protocol) {
        Some((_, min_len)) => {
            segment_from(packet.next_protocol, packet.source, ALL_XCAST_ROUTERS, &packet.payload[min_len..])
        }
        None => packet.payload.clone(),
    };
    Packet {
        source: packet.source.into(),
        channel: [0; 16],
        addresses: packet.addresses.iter().map(|&address| address.into()).collect(),
        bits: packet.bits,
        anonymous: packet.anonymous,
        no_x2u: packet.no_x2u,
        hop_limit: packet.hop_limit,
        next_protocol: packet.next_protocol,
        payload,
        ..Packet::plain(Family::V6, packet.addresses.len())
    }
}

fn parse_rfc5058(octets: &[u8]) -> XcastPacket<'_> {
    XcastPacket::parse(octets, &experiment(), ChecksumPolicy::Verify).unwrap()
}

/// Converts octets; with an error the buffer must not have changed.
fn convert(f: impl Fn(&mut [u8]) -> Result<usize, ConvertError>) -> Result<Vec<u8>, ConvertError> {
    let mut results = [0x00, 0xff].map(|fill| {
        let mut buffer = vec![fill; 66_000];
        match f(&mut buffer) {
            Ok(len) => {
                assert!(buffer.split_off(len).iter().all(|&octet| octet == fill), "nothing beyond");
                let mut shorter = vec![0xab; len - 1];
                let needed = ConvertError::Emit(EmitError::BufferTooSmall { needed: len });
                assert_eq!(f(&mut shorter), Err(needed));
                assert_eq!(shorter, vec![0xab; len - 1]);
                Ok(buffer)
            }
            Err(error) => {
                assert!(buffer.iter().all(|&octet| octet == fill), "an error, and something written");
                Err(error)
            }
        }
    });
    assert_eq!(results[0], results[1], "every octet is written");
    std::mem::replace(&mut results[0], Ok(vec![]))
}

fn to_5058(octets: &[u8]) -> Result<Vec<u8>, ConvertError> {
    let packet = parse(octets).unwrap();
    convert(|buffer| to_rfc5058(&packet, &experiment(), buffer))
}

fn to_v2(octets: &[u8], may_lose: MayLose) -> Result<Vec<u8>, ConvertError> {
    let packet = parse_rfc5058(octets);
    convert(|buffer| from_rfc5058(&packet, &code_points(), may_lose, buffer))
}

/// Octet for octet what a sender of the other side would have built, for every transport.
#[test]
fn conversion_is_what_the_other_side_would_have_sent() {
    for number in TRANSPORTS {
        for (anonymous, no_x2u) in [(false, false), (true, false), (false, true)] {
            for count in [1, 3, 64, 65, 125] {
                let mut packet = V2::plain(count);
                (packet.anonymous, packet.no_x2u, packet.next_protocol) = (anonymous, no_x2u, number);
                packet.payload = segment(number, GROUP, b"to be converted");
                packet.bits = DestinationSet::first_n(count).difference(set(&[1]));
                if anonymous && count > 1 {
                    // A sender leaves it out.
                    packet.addresses[1] = Ipv6Addr::UNSPECIFIED;
                }
                packet.hop_limit = 17;
                let other = rfc5058(&packet).octets();
                assert_eq!(to_5058(&packet.octets()), Ok(other.clone()), "{number}");
                assert_eq!(to_v2(&other, MayLose::NOTHING), Ok(packet.octets()), "{number}");
            }
        }
    }
}

/// What only one side has: made, or lost.
#[test]
fn fields_of_one_side_only() {
    // Outer source and ICMP offset are lost; class and label are kept; congestion leaves the tunnel.
    let mut packet = V2::plain(3);
    (packet.outer_source, packet.icmp_offset) = (host(99), 0x77);
    (packet.traffic_class, packet.flow_label, packet.outer_ecn) = (0xb9, 0xa_5c3e, 3);
    let octets = to_5058(&packet.octets()).unwrap();
    let converted = parse_rfc5058(&octets);
    assert_eq!(converted.ip().traffic_class(), 0xbb);
    assert_eq!(octets[..4], [0x6b, 0xba, 0x5c, 0x3e]);
    assert_eq!(converted.header().channel(), [0; 16]);
    assert!(!converted.has_ports() && !converted.header().has_dscps());
    let mut back = packet.clone();
    (back.outer_source, back.icmp_offset) = (SOURCE, 0);
    // Entering, the outer header gets the ECN of the inner one.
    (back.traffic_class, back.outer_ecn) = (0xbb, 3);
    assert_eq!(to_v2(&octets, MayLose::NOTHING), Ok(back.octets()));
    packet.outer_ecn = 0;
    let octets = to_5058(&packet.octets()).unwrap();
    let back = to_v2(&octets, MayLose::NOTHING).unwrap();
    assert_eq!((back[1], &back[40..44]), (0xc5 | 1 << 4, &[0x6b, 0x9a, 0x5c, 0x3e][..]));
    // A packet to a router's own address has its checksum for that (RFC 5058 §11.5).
    let mut octets = rfc5058(&V2::plain(3)).octets();
    octets[24..40].copy_from_slice(&host(200).octets());
    let at = octets.len() - V2::plain(3).payload.len();
    octets.truncate(at);
    octets.extend(segment(protocol::UDP, host(200), b"for all of you"));
    assert_eq!(to_v2(&octets, MayLose::NOTHING), Ok(V2::plain(3).octets()));
    // Reserved bits are lost.
    let mut octets = rfc5058(&V2::plain(3)).octets();
    octets[44] |= 0x01;
    fix_checksum(&mut octets);
    assert_eq!(to_v2(&octets, MayLose::NOTHING), Ok(V2::plain(3).octets()));
}

/// CHECKSUM of the Routing header that stands directly behind the IPv6 header.
fn fix_checksum(octets: &mut [u8]) {
    let len = usize::from(octets[41]) * 8 + 8;
    octets[46..48].fill(0);
    let checksum = !ones_complement_sum(&octets[40..40 + len]);
    octets[46..48].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn nothing_is_lost_that_may_not_be() {
    let plain = V2::plain(3);
    let may = |change: fn(&mut MayLose)| {
        let mut may_lose = MayLose::NOTHING;
        change(&mut may_lose);
        may_lose
    };
    assert_eq!(MayLose::default(), MayLose::NOTHING);
    let all = may(|may| (may.channel, may.dscps, may.ports) = (true, true, true));
    let cases = [
        (Packet { channel: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], ..rfc5058(&plain) }, Field::Channel),
        (rfc5058(&plain).with_lists(true, false), Field::Dscps),
        (rfc5058(&plain).with_lists(false, true), Field::Ports),
    ];
    for (packet, field) in cases {
        let octets = packet.octets();
        assert_eq!(to_v2(&octets, MayLose::NOTHING), Err(ConvertError::WouldLose(field)));
        let (but_this, this) = match field {
            Field::Channel => (may(|m| (m.dscps, m.ports) = (true, true)), may(|m| m.channel = true)),
            Field::Dscps => (may(|m| (m.channel, m.ports) = (true, true)), may(|m| m.dscps = true)),
            _ => (may(|m| (m.channel, m.dscps) = (true, true)), may(|m| m.ports = true)),
        };
        assert_eq!(to_v2(&octets, but_this), Err(ConvertError::WouldLose(field)));
        let expected = V2 { traffic_class: packet.merged_dscp().ds_field(), ..plain.clone() };
        assert_eq!(to_v2(&octets, this), Ok(expected.octets()));
        assert_eq!(to_v2(&octets, all), Ok(expected.octets()));
    }
}

/// ESP passes, in tunnel mode the whole inner packet too, and a dummy; AH does not, wherever it is.
#[test]
fn what_is_sealed() {
    let pad = [1, 4, 0, 0, 0, 0];
    let sealed = vec![0x5e; 33];
    let udp = segment(protocol::UDP, GROUP, b"!");
    let behind_options = options(protocol::ESP, &pad, &sealed);
    for (number, payload) in [
        (protocol::ESP, sealed.clone()),
        (protocol::DESTINATION_OPTIONS, behind_options),
        (protocol::IPV6, sealed.clone()),
        (protocol::IPV4, sealed.clone()),
        (protocol::NO_NEXT_HEADER, vec![]),
    ] {
        let packet = V2 { next_protocol: number, payload, no_x2u: true, ..V2::plain(3) };
        let octets = to_5058(&packet.octets()).unwrap();
        assert_eq!(parse_rfc5058(&octets).payload(), packet.payload, "unchanged");
        assert_eq!(octets, rfc5058(&packet).octets());
        assert_eq!(to_v2(&octets, MayLose::NOTHING), Ok(packet.octets()));
    }
    // ESP without the flag gets it: X2U would break it (WIRE.md §8).
    let unflagged = V2 { next_protocol: protocol::ESP, payload: sealed.clone(), ..V2::plain(3) };
    assert!(parse_rfc5058(&to_5058(&unflagged.octets()).unwrap()).header().no_x2u());
    let fragment = [&[protocol::AH, 0, 0, 1, 0, 0, 0, 1], &ah(protocol::UDP, &udp)[..]].concat();
    for (number, payload) in [
        (protocol::AH, ah(protocol::UDP, &udp)),
        (protocol::AH, ah(protocol::ESP, &sealed)),
        (protocol::DESTINATION_OPTIONS, options(protocol::AH, &pad, &ah(protocol::UDP, &udp))),
        (protocol::FRAGMENT, fragment),
    ] {
        let packet = V2 { next_protocol: number, payload, ..V2::plain(3) };
        assert_eq!(to_5058(&packet.octets()), Err(ConvertError::Ah), "{number}");
        let packet = Packet { next_protocol: number, payload: packet.payload, ..rfc5058(&V2::plain(3)) };
        assert_eq!(to_v2(&packet.octets(), MayLose::NOTHING), Err(ConvertError::Ah), "{number}");
    }
    // Out of order too: ESP in front of AH hides it, and passes.
    let hidden = V2 { next_protocol: protocol::ESP, payload: ah(protocol::UDP, &udp), ..V2::plain(3) };
    assert!(to_5058(&hidden.octets()).is_ok());
}

#[test]
fn a_checksum_that_cannot_follow_is_refused() {
    let long = vec![0; 40];
    let fragment = [&[protocol::UDP, 0, 0, 8, 0, 0, 0, 1], &long[..]].concat();
    for (number, payload) in [
        (132, &long[..]),
        (protocol::ICMP, &long),
        (protocol::FRAGMENT, &fragment),
        (protocol::UDP, &long[..7]),
        (protocol::TCP, &long[..17]),
        (protocol::ICMPV6, &long[..3]),
    ] {
        let packet = V2 { next_protocol: number, payload: payload.to_vec(), ..V2::plain(3) };
        assert_eq!(to_5058(&packet.octets()), Err(ConvertError::Transport), "{number}");
        let packet = Packet { next_protocol: number, payload: payload.to_vec(), ..rfc5058(&V2::plain(3)) };
        assert_eq!(to_v2(&packet.octets(), MayLose::NOTHING), Err(ConvertError::Transport), "{number}");
    }
}

#[test]
fn headers_that_the_other_side_lacks_are_refused() {
    let experiment = experiment();
    let udp = segment(protocol::UDP, GROUP, b"!");
    let ports = experiment.fields().ports_option;
    // Destination Options that RFC 5058 would read as ports, rightly or not; others pass.
    for (list, passes) in [
        ([ports, 4, 0, 1, 0, 2], false),
        ([ports, 0, 1, 2, 0, 0], false),
        ([0x27, 4, 1, 2, 3, 4], true),
        ([0x27, 9, 1, 2, 3, 4], false),
        ([1, 4, 0, 0, 0, 0], true),
    ] {
        let payload = options(protocol::UDP, &list, &udp);
        let packet = V2 { next_protocol: protocol::DESTINATION_OPTIONS, payload, ..V2::plain(2) };
        match to_5058(&packet.octets()) {
            Ok(octets) => {
                assert!(passes && !parse_rfc5058(&octets).has_ports());
                assert_eq!(to_v2(&octets, MayLose::NOTHING), Ok(packet.octets()));
            }
            Err(error) => assert!(!passes && error == ConvertError::ForeignPorts, "{error}"),
        }
    }
    // A separated bitmap, or anything else in front of the Routing header.
    let separated = Packet { place: BitmapPlace::Option, ..rfc5058(&V2::plain(2)) }.octets();
    assert_eq!(to_v2(&separated, MayLose::NOTHING), Err(ConvertError::HeadersInFront));
    let mut in_front = rfc5058(&V2::plain(2)).octets();
    in_front.splice(40..40, [protocol::ROUTING, 0, 1, 4, 0, 0, 0, 0]);
    in_front[6] = protocol::DESTINATION_OPTIONS;
    in_front[5] += 8;
    assert_eq!(to_v2(&in_front, MayLose::NOTHING), Err(ConvertError::HeadersInFront));
    // Other options beside the ports: N = 1 leaves room for one of two octets.
    let mut may_lose = MayLose::NOTHING;
    may_lose.ports = true;
    for (beside, lost) in [([1, 0], false), ([0x27, 0], true)] {
        let mut octets = rfc5058(&V2::plain(1)).with_lists(false, true).octets();
        let at = 40 + 24 + 8 + 16;
        assert_eq!(octets[at + 2..at + 8], [ports, 2, 0x80, 1, 1, 0]);
        octets[at + 6..at + 8].copy_from_slice(&beside);
        let expected = if lost { Err(ConvertError::OtherOptions) } else { Ok(V2::plain(1).octets()) };
        assert_eq!(to_v2(&octets, may_lose), expected);
    }
}

#[test]
fn what_the_other_format_cannot_hold_is_refused() {
    let many = V2::plain(126).octets();
    assert_eq!(to_5058(&many), Err(ConvertError::Emit(EmitError::TooManyDestinations { max: 125 })));
    assert!(to_5058(&V2::plain(125).octets()).is_ok());
    let most = rfc5058(&V2::plain(125)).octets();
    assert!(to_v2(&most, MayLose::NOTHING).is_ok());
    let nobody = Packet { bits: DestinationSet::EMPTY, ..rfc5058(&V2::plain(3)) }.octets();
    assert_eq!(to_v2(&nobody, MayLose::NOTHING), Err(ConvertError::Emit(EmitError::NoDestination)));
    // 32 octets more for up to 64 destinations, 24 for more.
    for (count, more) in [(64, 32), (65, 24)] {
        let mut packet = rfc5058(&V2::plain(count));
        let room = 65_575 - more - packet.encoded_len() + packet.payload.len();
        for (len, fits) in [(room, true), (room + 1, false)] {
            (packet.next_protocol, packet.payload) = (protocol::ESP, vec![1; len]);
            let too_long = ConvertError::Emit(EmitError::PacketTooLong { len: 65_576 });
            match to_v2(&packet.octets(), MayLose::NOTHING) {
                Ok(octets) => assert!(fits && octets.len() == 65_575),
                Err(error) => assert!(!fits && error == too_long, "{error}"),
            }
        }
    }
    let unusable = V2 { addresses: vec![host(0), Ipv6Addr::LOCALHOST], ..V2::plain(2) }.octets();
    let index = EmitError::UnusableDestination { index: 1 };
    assert_eq!(to_5058(&unusable), Err(ConvertError::Emit(index)));
    let v4 = Packet::plain(Family::V4, 3).octets();
    assert_eq!(to_v2(&v4, MayLose::NOTHING), Err(ConvertError::Ipv4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// There and back: what both sides have is the same, and so is everything but for what conversion says it loses.
    #[test]
    fn there_and_back_again(packet in any_packet()) {
        match to_5058(&packet.octets()) {
            Ok(octets) => {
                let there = parse_rfc5058(&octets);
                let list: Vec<IpAddr> = packet.addresses.iter().map(|&address| address.into()).collect();
                prop_assert!(there.header().destinations().eq(list));
                prop_assert_eq!((there.bits(), there.header().anonymous()), (packet.bits, packet.anonymous));
                prop_assert_eq!((there.header().no_x2u(), there.ip().hop_limit()), (packet.no_x2u, packet.hop_limit));
                let back = to_v2(&octets, MayLose::NOTHING).unwrap();
                let back = V2::read(&parse(&back).unwrap());
                let (traffic_class, outer_ecn) = (back.traffic_class, back.outer_ecn);
                prop_assert_eq!(traffic_class >> 2, packet.traffic_class >> 2);
                prop_assert_eq!(traffic_class & 3, outer_ecn);
                let payload = same_payload(&packet, &back);
                let expected =
                    V2 { outer_source: packet.source, icmp_offset: 0, traffic_class, outer_ecn, payload, ..packet };
                prop_assert_eq!(back, expected);
            }
            Err(ConvertError::Emit(EmitError::TooManyDestinations { max: 125 })) => {
                prop_assert_eq!(packet.addresses.len(), 126);
            }
            Err(ConvertError::Ah) => prop_assert!([51, 60, 43, 44].contains(&packet.next_protocol)),
            Err(ConvertError::ForeignPorts) => prop_assert_eq!(packet.next_protocol, 60),
            Err(ConvertError::Transport) => {
                let number = packet.next_protocol;
                let long_enough = checksum_field(number).is_some_and(|(_, min_len)| packet.payload.len() >= min_len);
                prop_assert!(!long_enough && ![4, 41, 50, 59].contains(&number));
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn back_and_there_again(packet in common::packet()) {
        let all = {
            let mut all = MayLose::NOTHING;
            (all.channel, all.dscps, all.ports) = (true, true, true);
            all
        };
        match to_v2(&packet.octets(), all) {
            Ok(octets) => {
                prop_assert_eq!((packet.family(), packet.place), (Family::V6, BitmapPlace::Header));
                let back = to_5058(&octets).unwrap();
                let back = parse_rfc5058(&back);
                prop_assert!(back.header().destinations().eq(packet.addresses_on_the_wire()));
                let sealed = packet.next_protocol == protocol::ESP;
                prop_assert_eq!((back.bits(), back.header().anonymous()), (packet.bits, packet.anonymous));
                prop_assert_eq!(back.header().no_x2u(), packet.no_x2u || sealed);
                prop_assert_eq!((back.ip().source(), back.ip().hop_limit()), (packet.source, packet.hop_limit));
                prop_assert_eq!(back.next_protocol(), packet.next_protocol);
                let min_len = checksum_field(packet.next_protocol).map_or(0, |(_, min_len)| min_len);
                prop_assert_eq!(&back.payload()[min_len..], &packet.payload[min_len..]);
                prop_assert_eq!(back.payload().len(), packet.payload.len());
            }
            Err(ConvertError::Ipv4) => prop_assert_eq!(packet.family(), Family::V4),
            Err(ConvertError::HeadersInFront) => prop_assert_eq!(packet.place, BitmapPlace::Option),
            Err(ConvertError::Emit(EmitError::NoDestination)) => prop_assert!(packet.bits.is_empty()),
            Err(ConvertError::Ah | ConvertError::Transport) => {
                let long_enough =
                    checksum_field(packet.next_protocol).is_some_and(|(_, min_len)| packet.payload.len() >= min_len);
                prop_assert!(!long_enough && ![4, 41, 50, 59].contains(&packet.next_protocol));
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}

/// The payload that `back` must have: the one of `packet`, but for a TCP or ICMPv6 checksum of 0xffff, which no sender
/// computes and RFC 1624 returns as 0.
fn same_payload(packet: &V2, back: &V2) -> Vec<u8> {
    let mut payload = packet.payload.clone();
    if let (Some((at, _)), protocol::TCP | protocol::ICMPV6) =
        (checksum_field(packet.next_protocol), packet.next_protocol)
        && payload.get(at..at + 2) == Some(&[0xff; 2])
    {
        payload[at..at + 2].copy_from_slice(&back.payload[at..at + 2]);
    }
    // UDP-Lite has no "none" (RFC 3828 §3.1): 0 becomes what it stands for.
    if packet.next_protocol == protocol::UDP_LITE && payload.get(6..8) == Some(&[0; 2]) {
        payload[6..8].copy_from_slice(&back.payload[6..8]);
    }
    payload
}

/// A border router: what comes from one side goes on to the other, and ends as the same unicast packets.
#[test]
fn a_border_router_serves_both_sides() {
    let packet = V2::plain(3);
    let net = Net::new(&packet, &[1, 2, 3]);
    let octets = to_5058(&packet.octets()).unwrap();
    let mut sent = vec![];
    struct Collect<'a>(&'a mut Vec<Vec<u8>>);
    impl Egress<u8> for Collect<'_> {
        type Error = ();

        fn transmit(&mut self, _: u8, copy: &PacketCopy<'_>) -> Result<(), ()> {
            let mut octets = vec![0; copy.len()];
            copy.emit(&mut octets).unwrap();
            self.0.push(octets);
            Ok(())
        }
    }
    assert!(
        Router::new(experiment(), RouterPolicy::default())
            .forward(Instant::START, None, &octets, &net, &mut Collect(&mut sent))
            .is_ok()
    );
    let direct: Vec<Vec<u8>> = forward(&packet.octets(), &net).log.sent.into_iter().map(|sent| sent.octets).collect();
    assert_eq!(sent, direct);
    let back = to_v2(&octets, MayLose::NOTHING).unwrap();
    let back: Vec<Vec<u8>> = forward(&back, &net).log.sent.into_iter().map(|sent| sent.octets).collect();
    assert_eq!(back, direct);
    for (index, sent) in direct.iter().enumerate() {
        assert_eq!(transport_sum(protocol::UDP, SOURCE, host(index), &sent[40..]), 0xffff);
    }
}

#[test]
fn lengths_are_stated() {
    assert_eq!(xcast6_v2::MAX_DESTINATIONS, 126);
    assert_eq!(xcast6_v2::header_len(3), V2::plain(3).octets().len() - V2::plain(3).payload.len());
}
