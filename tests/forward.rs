//! What a router does with a packet, across modules: branching, X2U, tunnels, and all that is dropped instead.

mod common;

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use common::{Packet, destination, ones_complement_sum, source};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use xcast_sec::forward::{
    CopyKind, Counters, Egress, FnEgress, ForwardError, Outcome, PacketCopy, Refusal, Route, RouteLookup, Router,
    RouterPolicy, Tunnel,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, Dscp, EmitError, ExtensionHeader, Family, IpHeader,
    Ipv4Repr, Ipv6Repr, ParseErrorKind, XcastPacket, bitmap_len, protocol,
};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

fn set(indices: &[usize]) -> DestinationSet {
    indices.iter().copied().collect()
}

// --- A network around the router ----------------------------------------------------------------------------------------

/// Routes by host, and what was asked for.
#[derive(Default)]
struct Net {
    own: Vec<IpAddr>,
    routes: HashMap<IpAddr, Route<u8>>,
    tunnels: HashMap<IpAddr, Tunnel>,
    asked: RefCell<Vec<IpAddr>>,
}

impl RouteLookup for Net {
    type NextHop = u8;

    fn is_local(&self, address: IpAddr) -> bool {
        self.own.contains(&address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        self.asked.borrow_mut().push(destination);
        self.routes.get(&destination).copied()
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        self.tunnels.get(&destination).copied()
    }
}

fn route(next_hop: u8) -> Route<u8> {
    Route { next_hop, xcast_capable: true, mtu: 1500 }
}

fn legacy(next_hop: u8) -> Route<u8> {
    Route { xcast_capable: false, ..route(next_hop) }
}

impl Net {
    /// A route for each destination of `packet`, in order; none for those beyond.
    fn new(packet: &Packet, routes: &[Route<u8>]) -> Self {
        let routes = packet.addresses.iter().copied().zip(routes.iter().copied()).collect();
        Self { routes, ..Self::default() }
    }

    /// One route for all of them.
    fn uniform(packet: &Packet, route: Route<u8>) -> Self {
        Self::new(packet, &vec![route; packet.addresses.len()])
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
    /// Next hop, kind and destinations of each copy.
    fn shape(&self) -> Vec<(u8, CopyKind, DestinationSet)> {
        self.log.sent.iter().map(|sent| (sent.next_hop, sent.kind, sent.destinations)).collect()
    }
}

fn forward_with(octets: &[u8], net: &Net, policy: RouterPolicy, failing: &[u8]) -> Result<Forwarded, ForwardError> {
    let mut log = Log { failing: failing.to_vec(), ..Log::default() };
    let mut router = Router::new(code_points(), policy);
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
    forward_with(octets, net, RouterPolicy::default(), &[]).unwrap()
}

fn refuse(octets: &[u8], net: &Net) -> ForwardError {
    forward_with(octets, net, RouterPolicy::default(), &[]).map(|result| result.shape()).unwrap_err()
}

fn policy(change: impl FnOnce(&mut RouterPolicy)) -> RouterPolicy {
    let mut policy = RouterPolicy::default();
    change(&mut policy);
    policy
}

/// Every packet and every destination is counted exactly once.
fn check_counters(c: &Counters, result: &Result<Outcome, ForwardError>) {
    let errors = c.not_xcast
        + c.unsupported
        + c.checksum
        + c.malformed
        + c.not_for_us
        + c.refused
        + c.unusable_tunnel
        + c.not_a_member
        + c.reverse_path
        + c.unusable_source
        + c.unusable_destination;
    assert_eq!(errors, if result.is_err() { c.packets } else { 0 }, "{c:?}");
    let ends = c.local
        + c.duplicate
        + c.hop_limit
        + c.no_route
        + c.not_capable
        + c.too_big
        + c.over_copy_limit
        + c.egress_failed
        + c.forwarded
        + c.unicast
        + c.tunnelled
        + c.semi_permeable;
    assert_eq!(c.destinations, ends, "{c:?}");
    if errors + c.echo_requests + c.nothing_to_do > 0 {
        assert_eq!(c.destinations, 0, "{c:?}");
    } else {
        assert!(c.destinations > 0, "{c:?}");
    }
    if let Ok(outcome) = result {
        assert_eq!(outcome.copies as u64, c.xcast_copies + c.tunnel_copies + c.semi_permeable_copies + c.unicast);
        assert_eq!(outcome.sent.len() as u64, c.forwarded + c.tunnelled + c.semi_permeable + c.unicast);
        assert_eq!(outcome.local_destinations.len() as u64, c.local);
        assert_eq!(outcome.local, c.local > 0);
    }
}

// --- Packets ----------------------------------------------------------------------------------------------------------

fn group(family: Family) -> IpAddr {
    match family {
        Family::V4 => code_points().fields().routers_v4.into(),
        Family::V6 => code_points().fields().routers_v6.into(),
    }
}

fn address_octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
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

/// The sum over pseudo-header and segment, from the start: 0xffff if the checksum in the segment is right. A pseudo-header
/// is laid out as RFC 8200 §8.1 has it: in RFC 768's the same words stand in another order.
fn transport_sum(number: u8, from: IpAddr, to: IpAddr, segment: &[u8]) -> u16 {
    let mut covered = [address_octets(from), address_octets(to)].concat();
    covered.extend(u32::try_from(segment.len()).unwrap().to_be_bytes());
    covered.extend([0, 0, 0, number]);
    // UDP-Lite says how much it covers; 0 is all (RFC 3828 §3.1).
    let coverage = match (number, segment) {
        (protocol::UDP_LITE, [_, _, _, _, high, low, ..]) => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let coverage = if coverage == 0 { segment.len() } else { coverage };
    covered.extend(&segment[..coverage.min(segment.len())]);
    ones_complement_sum(&covered)
}

/// A segment with destination port `port` and a right checksum for `to`. `tail` fills what follows the ports.
fn segment(number: u8, from: IpAddr, to: IpAddr, port: u16, tail: &[u8]) -> Vec<u8> {
    let mut segment = match number {
        protocol::ICMP => return [&[0, 0, 0xab, 0xcd, 1, 2, 3, 4], tail].concat(),
        protocol::ICMPV6 => [&[129, 0, 0, 0, 1, 2, 3, 4], tail].concat(),
        _ => [&[0x12, 0x34, 0, 0], tail].concat(),
    };
    let (at, min_len) = checksum_field(number).unwrap();
    segment.resize(segment.len().max(min_len), 0);
    if number != protocol::ICMPV6 {
        segment[2..4].copy_from_slice(&port.to_be_bytes());
    }
    if number == protocol::UDP {
        let len = u16::try_from(segment.len()).unwrap();
        segment[4..6].copy_from_slice(&len.to_be_bytes());
    } else if number == protocol::UDP_LITE {
        segment[4..6].copy_from_slice(&8_u16.to_be_bytes());
    }
    segment[at..at + 2].fill(0);
    let mut checksum = !transport_sum(number, from, to, &segment);
    if checksum == 0 && matches!(number, protocol::UDP | protocol::UDP_LITE) {
        checksum = 0xffff;
    }
    segment[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    segment
}

fn unicast(family: Family, number: u8, to: IpAddr, hop_limit: u8, traffic_class: u8, segment: &[u8]) -> Vec<u8> {
    let mut packet;
    match (source(family), to) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet = vec![0; 20];
            let (ttl, payload_len) = (hop_limit, segment.len());
            Ipv4Repr { tos: traffic_class, ttl, protocol: number, source, destination, options_len: 0, payload_len }
                .emit(&mut packet)
                .unwrap();
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet = vec![0; 40];
            let payload_len = segment.len();
            Ipv6Repr { traffic_class, hop_limit, next_header: number, source, destination, payload_len }
                .emit(&mut packet)
                .unwrap();
        }
        _ => unreachable!(),
    }
    packet.extend(segment);
    packet
}

fn transports(family: Family) -> Vec<u8> {
    let own = if family == Family::V4 { protocol::ICMP } else { protocol::ICMPV6 };
    vec![protocol::UDP, protocol::UDP_LITE, protocol::TCP, own]
}

/// Where the Xcast header stands.
fn xcast_at(packet: &[u8]) -> usize {
    let xcast = XcastPacket::parse(packet, &code_points(), ChecksumPolicy::Ignore).unwrap();
    xcast.header().as_octets().as_ptr() as usize - packet.as_ptr() as usize
}

/// Makes CHECKSUM and the IPv4 header checksum right again after an edit.
fn fix_checksums(packet: &mut [u8]) {
    if packet[0] >> 4 == 4 {
        let len = usize::from(packet[0] & 15) * 4;
        packet[10..12].fill(0);
        let checksum = !ones_complement_sum(&packet[..len]);
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
    let at = xcast_at(packet);
    let xcast = XcastPacket::parse(packet, &code_points(), ChecksumPolicy::Ignore).unwrap();
    let len = xcast.header().as_octets().len();
    let checksum_at = if packet[0] >> 4 == 4 { at + 2 } else { at + 6 };
    packet[checksum_at..checksum_at + 2].fill(0);
    let checksum = !ones_complement_sum(&packet[at..at + len]);
    packet[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// Where address `index` stands.
fn address_at(packet: &Packet, octets: &[u8], index: usize) -> usize {
    let (fixed, size) = if packet.family() == Family::V4 { (12, 4) } else { (24, 16) };
    let bitmap = match packet.place {
        BitmapPlace::Header => bitmap_len(packet.family(), packet.addresses.len()),
        BitmapPlace::Option => 0,
    };
    xcast_at(octets) + fixed + bitmap + size * index
}

/// The packet with address `index` overwritten, which no builder would do.
fn with_address(packet: &Packet, index: usize, address: IpAddr) -> Vec<u8> {
    let mut octets = packet.octets();
    let at = address_at(packet, &octets, index);
    let address = address_octets(address);
    octets[at..at + address.len()].copy_from_slice(&address);
    fix_checksums(&mut octets);
    octets
}

/// The packet with its DSCPs overwritten by some that need not merge.
fn with_dscps(packet: &Packet, dscps: &[u8]) -> Vec<u8> {
    let mut octets = packet.octets();
    let at = address_at(packet, &octets, packet.addresses.len());
    for (octet, dscp) in octets[at..].iter_mut().zip(dscps).take(packet.addresses.len()) {
        *octet = dscp << 2;
    }
    fix_checksums(&mut octets);
    octets
}

/// An AH of 24 octets that nobody verifies.
fn ah(next_header: u8) -> Vec<u8> {
    let mut ah = vec![0x77; 24];
    ah[..4].copy_from_slice(&[next_header, 4, 0, 0]);
    ah
}

/// `octets` with `inserted` at `at`, announced as `number` by the octet at `announced_at`; lengths follow.
fn insert(mut octets: Vec<u8>, at: usize, inserted: &[u8], announced_at: usize, number: u8) -> Vec<u8> {
    octets[announced_at] = number;
    octets.splice(at..at, inserted.iter().copied());
    if octets[0] >> 4 == 4 {
        let len = u16::try_from(octets.len()).unwrap();
        octets[2..4].copy_from_slice(&len.to_be_bytes());
    } else {
        let len = u16::try_from(octets.len() - 40).unwrap();
        octets[4..6].copy_from_slice(&len.to_be_bytes());
    }
    octets
}

fn plain(family: Family, count: usize) -> Packet {
    let mut packet = Packet::plain(family, count);
    packet.payload = segment(protocol::UDP, source(family), group(family), 9, b"....for you..");
    packet
}

fn parse(octets: &[u8]) -> XcastPacket<'_> {
    XcastPacket::parse(octets, &code_points(), ChecksumPolicy::Verify).unwrap()
}

// --- Branching --------------------------------------------------------------------------------------------------------

#[test]
fn branches_in_the_order_of_their_first_destination() {
    for family in FAMILIES {
        for place in [BitmapPlace::Header, BitmapPlace::Option] {
            let mut packet = plain(family, 6).with_lists(false, true);
            (packet.place, packet.no_x2u, packet.bits) = (place, true, set(&[0, 1, 2, 4, 5]));
            let net = Net::new(&packet, &[7, 3, 7, 9, 5, 3].map(route));
            let result = forward(&packet.octets(), &net);
            let branches = [(7, set(&[0, 2])), (3, set(&[1, 5])), (5, set(&[4]))];
            assert_eq!(result.shape(), branches.map(|(hop, bits)| (hop, CopyKind::Xcast, bits)));
            assert!(!result.outcome.local);
            for (sent, (_, bits)) in result.log.sent.iter().zip(branches) {
                let mut expected = packet.clone();
                (expected.bits, expected.hop_limit) = (bits, 63);
                assert_eq!(sent.octets, expected.octets(), "as a sender would have built it");
            }
            // Each destination to be served is asked for once, the others never.
            let asked = net.asked.borrow().clone();
            assert_eq!(asked, [0, 1, 2, 4, 5].map(|index| packet.addresses[index]));
        }
    }
}

/// RFC 5058 §9.2.2: with A=1 no node sees an address that is not of its branch.
#[test]
fn anonymity_erases_the_addresses_of_other_branches() {
    for family in FAMILIES {
        let mut packet = plain(family, 5);
        (packet.anonymous, packet.no_x2u) = (true, true);
        let result = forward(&packet.octets(), &Net::new(&packet, &[1, 2, 1, 2, 2].map(route)));
        assert_eq!(result.log.sent.len(), 2);
        for sent in &result.log.sent {
            let copy = parse(&sent.octets);
            for index in 0..5 {
                let shown = copy.destination(index).unwrap();
                assert_eq!(!shown.is_unspecified(), sent.destinations.contains(index));
                assert_eq!(sent.destinations.contains(index), shown == packet.addresses[index]);
            }
            // The next router takes it as it is.
            let again = forward(&sent.octets, &Net::uniform(&packet, route(4)));
            assert_eq!(again.shape(), [(4, CopyKind::Xcast, sent.destinations)]);
        }
    }
}

#[test]
fn a_destination_without_route_is_counted_and_the_rest_is_served() {
    for family in FAMILIES {
        let packet = plain(family, 4);
        let result = forward(&packet.octets(), &Net::new(&packet, &[1, 1].map(route)));
        assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0, 1]))]);
        assert_eq!(result.counters.no_route, 2);
    }
}

#[test]
fn routes_that_disagree_about_their_next_hop_mean_the_worse() {
    let packet = plain(Family::V4, 3);
    let len = packet.octets().len();
    let short = Route { mtu: len - 1, ..route(1) };
    for routes in [[route(1), short, route(1)], [short, route(1), route(1)]] {
        let result = forward(&packet.octets(), &Net::new(&packet, &routes));
        assert_eq!(result.log.too_big, [(1, len - 1, set(&[0, 1, 2]))]);
    }
    for routes in [[route(1), legacy(1), route(1)], [legacy(1), route(1), route(1)]] {
        let result = forward(&packet.octets(), &Net::new(&packet, &routes));
        assert_eq!(result.counters.unicast, 3);
    }
}

/// RFC 5058 §8.2; the rule itself is tested with `Dscp`.
#[test]
fn dscps_that_do_not_merge_split_a_branch_first_fit() {
    for family in FAMILIES {
        let mut packet = plain(family, 6).with_lists(true, false);
        packet.no_x2u = true;
        // AF11, CS1, default, AF12, EF, an unassigned one. The default merges with both first groups and joins the first;
        // EF too; CS1 merges with the default and EF but not with AF11, so it cannot be with them.
        let mut octets = with_dscps(&packet, &[10, 8, 0, 12, 46, 1]);
        set_traffic_class(&mut octets, 0b1111_1101);
        let result = forward(&octets, &Net::uniform(&packet, route(1)));
        let groups = [(set(&[0, 2, 3, 4]), 46_u8), (set(&[1]), 8), (set(&[5]), 1)];
        assert_eq!(result.shape(), groups.map(|(bits, _)| (1, CopyKind::Xcast, bits)));
        for (sent, (_, dscp)) in result.log.sent.iter().zip(groups) {
            let copy = parse(&sent.octets);
            assert_eq!(copy.ip().traffic_class(), dscp << 2 | 1, "ECN stays");
            assert_eq!(
                (0..6).map(|index| copy.dscp(index).unwrap().value()).collect::<Vec<_>>(),
                [10, 8, 0, 12, 46, 1]
            );
        }
    }
}

fn set_traffic_class(octets: &mut [u8], class: u8) {
    if octets[0] >> 4 == 4 {
        octets[1] = class;
        fix_checksums(octets);
    } else {
        octets[0] = 0x60 | class >> 4;
        octets[1] = class << 4 | octets[1] & 15;
    }
}

#[test]
fn each_unicast_copy_has_the_dscp_of_its_destination() {
    for family in FAMILIES {
        let packet = plain(family, 3).with_lists(true, false);
        let mut octets = with_dscps(&packet, &[46, 10, 10]);
        set_traffic_class(&mut octets, 0b1011_1010);
        let result = forward(&octets, &Net::uniform(&packet, legacy(1)));
        let classes = result.log.sent.iter().map(|sent| IpHeader::split(&sent.octets).unwrap().0.traffic_class());
        assert_eq!(classes.collect::<Vec<_>>(), [46 << 2 | 2, 10 << 2 | 2, 10 << 2 | 2]);
        // Without a list DSCP and ECN stay.
        let packet = plain(family, 2);
        let mut octets = packet.octets();
        set_traffic_class(&mut octets, 0b0101_0111);
        let result = forward(&octets, &Net::uniform(&packet, legacy(1)));
        assert!(result.log.sent.iter().all(|s| IpHeader::split(&s.octets).unwrap().0.traffic_class() == 0b0101_0111));
    }
}

#[test]
fn reserved_bits_and_the_flow_label_stay() {
    let mut packet = plain(Family::V4, 3);
    packet.no_x2u = true;
    let mut octets = packet.octets();
    octets[21] |= 0x80;
    octets[30..32].copy_from_slice(&[0xbe, 0xef]);
    octets[4..6].copy_from_slice(&[0x12, 0x34]);
    fix_checksums(&mut octets);
    let copy = &forward(&octets, &Net::new(&packet, &[1, 2].map(route))).log.sent[0].octets;
    assert_eq!((copy[21], &copy[30..32], &copy[4..6]), (0x83, &[0xbe, 0xef][..], &[0x12, 0x34][..]));
    assert_eq!(parse(copy).bits(), set(&[0]));

    let mut packet = plain(Family::V6, 3);
    packet.no_x2u = true;
    let mut octets = packet.octets();
    octets[44] |= 0x01;
    octets[45] |= 0x80;
    octets[1..4].copy_from_slice(&[0x0f, 0x12, 0x34]);
    fix_checksums(&mut octets);
    let copy = &forward(&octets, &Net::new(&packet, &[1, 2].map(route))).log.sent[0].octets;
    assert_eq!((copy[44], copy[45], &copy[1..4]), (0x15, 0x83, &[0x0f, 0x12, 0x34][..]));
    assert_eq!(parse(copy).bits(), set(&[0]));
}

/// What all copies have in common is lent from the packet, not copied.
#[test]
fn payloads_are_slices_of_the_packet() {
    for family in FAMILIES {
        for place in [BitmapPlace::Header, BitmapPlace::Option] {
            let mut packet = plain(family, 4);
            packet.place = place;
            packet.payload = segment(protocol::UDP, source(family), group(family), 9, &[0x55; 304]);
            let octets = packet.octets();
            let mut net = Net::new(&packet, &[route(1), route(1), legacy(2), legacy(2)]);
            net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel(1))).collect();
            let mut payloads = 0;
            let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| {
                let payload = copy.payload();
                assert!(octets.as_ptr_range().contains(&payload.as_ptr()));
                assert!(payload.len() >= 300 && std::ptr::eq(payload, &octets[octets.len() - payload.len()..]));
                payloads += 1;
                Ok::<(), ()>(())
            });
            let mut router = Router::new(code_points(), RouterPolicy::default());
            router.forward(Instant::START, None, &octets, &net, &mut egress).unwrap();
            assert_eq!(payloads, 3);
        }
    }
}

// --- X2U --------------------------------------------------------------------------------------------------------------

/// Every transport, with and without ports, either place of the bitmap, odd and even lengths, next hops of both kinds:
/// the copy is the packet that the sender would have sent to the destination alone, its checksum computed in full.
#[test]
fn x2u_is_what_the_sender_would_have_sent_to_one() {
    let tails: [&[u8]; 3] = [&[0x11; 20], &[0xfe; 21], &[0; 44]];
    for family in FAMILIES {
        for number in transports(family) {
            for (ports, place) in [false, true]
                .into_iter()
                .zip([BitmapPlace::Header, BitmapPlace::Option])
                .chain([(true, BitmapPlace::Header), (false, BitmapPlace::Option)])
            {
                for (tail, next) in tails.into_iter().zip([route(1), legacy(1), route(1)]) {
                    let mut packet = Packet::plain(family, 3).with_lists(false, ports);
                    (packet.place, packet.next_protocol, packet.hop_limit) = (place, number, 2);
                    packet.payload = segment(number, source(family), group(family), 9, tail);
                    let result = forward(&packet.octets(), &Net::new(&packet, &[next, route(2), route(2)]));
                    assert_eq!(result.shape()[0], (1, CopyKind::Unicast, set(&[0])));
                    assert_eq!(result.shape()[1], (2, CopyKind::Xcast, set(&[1, 2])));
                    let port = if ports { 0x8001 } else { 9 };
                    let to = packet.addresses[0];
                    let expected = segment(number, source(family), to, port, tail);
                    let expected = unicast(family, number, to, 1, 0, &expected);
                    assert_eq!(result.log.sent[0].octets, expected, "{family:?} {number} ports {ports} {place:?}");
                }
            }
        }
    }
}

#[test]
fn premature_x2u_serves_each_destination_in_order() {
    for family in FAMILIES {
        let mut packet = plain(family, 4).with_lists(false, true);
        packet.bits = set(&[0, 1, 3]);
        let result = forward(&packet.octets(), &Net::uniform(&packet, legacy(1)));
        assert_eq!(result.shape(), [0, 1, 3].map(|index| (1, CopyKind::Unicast, set(&[index]))));
        for (sent, index) in result.log.sent.iter().zip([0, 1, 3]) {
            let to = packet.addresses[index];
            let port = packet.ports.as_ref().unwrap()[index];
            let expected = segment(protocol::UDP, source(family), to, port, b"....for you..");
            assert_eq!(sent.octets, unicast(family, protocol::UDP, to, 63, 0, &expected));
        }
    }
}

#[test]
fn policy_decides_on_x2u() {
    let packet = plain(Family::V6, 2);
    let octets = packet.octets();
    let xcast = |result: Forwarded| result.log.sent.iter().all(|sent| sent.kind == CopyKind::Xcast);
    let run = |routes: &[Route<u8>], x2u, premature| {
        let policy = policy(|policy| (policy.x2u, policy.premature_x2u) = (x2u, premature));
        forward_with(&octets, &Net::new(&packet, routes), policy, &[]).unwrap()
    };
    assert!(xcast(run(&[route(1), route(2)], false, true)), "X2U off");
    assert_eq!(run(&[legacy(1), legacy(2)], false, true).counters.unicast, 2, "premature X2U of groups of one");
    assert_eq!(run(&[legacy(1), legacy(2)], true, false).counters.unicast, 2, "X2U needs no capable next hop");
    assert_eq!(run(&[legacy(1), legacy(1)], true, false).counters.not_capable, 2, "premature X2U off");
    assert_eq!(run(&[legacy(1), legacy(2)], false, false).counters.not_capable, 2, "both off");
}

/// A result of 0 is sent as 0xffff in UDP and UDP-Lite, and as it is in TCP and ICMPv6.
#[test]
fn checksum_results_of_zero() {
    for family in FAMILIES {
        for number in transports(family) {
            let Some((at, _)) = checksum_field(number) else { continue };
            let mut packet = Packet::plain(family, 1);
            let to = packet.addresses[0];
            // A covered word that no checksum or port is in makes up what is missing.
            let free = if number == protocol::TCP || number == protocol::ICMPV6 { 4 } else { 0 };
            let mut wanted = segment(number, source(family), to, 9, &[0; 40]);
            wanted[free..free + 2].fill(0);
            wanted[at..at + 2].fill(0);
            let missing = !transport_sum(number, source(family), to, &wanted);
            wanted[free..free + 2].copy_from_slice(&missing.to_be_bytes());
            assert_eq!(transport_sum(number, source(family), to, &wanted), 0xffff, "right with a checksum of 0");
            let mut sent = wanted.clone();
            let checksum = !transport_sum(number, source(family), group(family), &sent);
            sent[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
            (packet.next_protocol, packet.payload) = (number, sent);
            let result = forward(&packet.octets(), &Net::uniform(&packet, route(1)));
            let ones = matches!(number, protocol::UDP | protocol::UDP_LITE);
            wanted[at..at + 2].fill(if ones { 0xff } else { 0 });
            assert_eq!(result.log.sent[0].octets, unicast(family, number, to, 63, 0, &wanted), "{family:?} {number}");
        }
    }
}

/// RFC 768 and RFC 6935: no checksum stays no checksum, and the port changes all the same. UDP-Lite knows no such thing.
#[test]
fn a_udp_checksum_of_zero_stays() {
    for family in FAMILIES {
        for number in [protocol::UDP, protocol::UDP_LITE] {
            let mut packet = Packet::plain(family, 1).with_lists(false, true);
            let to = packet.addresses[0];
            packet.next_protocol = number;
            packet.payload = segment(number, source(family), group(family), 9, &[0x42; 9]);
            packet.payload[6..8].fill(0);
            let error = transport_sum(number, source(family), group(family), &packet.payload);
            let result = forward(&packet.octets(), &Net::uniform(&packet, route(1)));
            let octets = &result.log.sent[0].octets;
            let sent = &octets[octets.len() - packet.payload.len()..];
            assert_eq!(sent[2..4], [0x80, 0x01]);
            assert_eq!(sent[6..8] == [0, 0], number == protocol::UDP);
            if number == protocol::UDP_LITE {
                assert_eq!(transport_sum(number, source(family), to, sent), error, "as wrong as it came");
            }
        }
    }
}

/// A checksum that was wrong before X2U is wrong after it.
#[test]
fn damage_stays_visible() {
    for family in FAMILIES {
        for number in transports(family) {
            let Some((at, _)) = checksum_field(number) else { continue };
            let mut packet = Packet::plain(family, 1).with_lists(false, true);
            packet.next_protocol = number;
            packet.payload = segment(number, source(family), group(family), 9, &[0x42; 30]);
            packet.payload[at] ^= 0x10;
            let octets = forward(&packet.octets(), &Net::uniform(&packet, route(1))).log.sent.remove(0).octets;
            let sent = &octets[octets.len() - packet.payload.len()..];
            assert_ne!(transport_sum(number, source(family), packet.addresses[0], sent), 0xffff);
        }
    }
}

/// What X2U cannot be done with stays Xcast, and ends at a next hop without Xcast.
#[test]
fn other_transports_and_short_segments_stay_xcast() {
    for family in FAMILIES {
        let foreign = if family == Family::V4 { protocol::ICMPV6 } else { protocol::ICMP };
        let long = vec![0; 40];
        let mut cases = vec![
            (protocol::ESP, &long[..]),
            (132, &long),
            (protocol::NO_NEXT_HEADER, &long),
            (foreign, &long),
            (protocol::UDP, &long[..7]),
            (protocol::UDP_LITE, &long[..7]),
            (protocol::TCP, &long[..17]),
            (protocol::UDP, &[]),
        ];
        let mut possible =
            vec![(protocol::UDP, &long[..8]), (protocol::UDP_LITE, &long[..8]), (protocol::TCP, &long[..18])];
        let fragment = [&[protocol::UDP, 0, 0, 0, 0, 0, 0, 1], &long[..]].concat();
        let ah_udp = [&ah(protocol::UDP)[..], &long[..]].concat();
        let unending = [&[protocol::UDP, 200, 1, 4, 0, 0, 0, 0], &long[..]].concat();
        if family == Family::V6 {
            cases.extend([(protocol::ICMPV6, &long[..3]), (protocol::FRAGMENT, &fragment), (protocol::AH, &ah_udp)]);
            cases.push((protocol::DESTINATION_OPTIONS, &unending));
            possible.push((protocol::ICMPV6, &long[..4]));
        } else {
            cases.push((protocol::ICMP, &long[..3]));
            possible.push((protocol::ICMP, &long[..4]));
        }
        for (number, payload) in cases {
            let mut packet = plain(family, 1);
            packet.payload = payload.to_vec();
            let number_at = if family == Family::V4 { 28 } else { 40 };
            let mut octets = packet.octets();
            octets[number_at] = number;
            if number == protocol::DESTINATION_OPTIONS {
                // It would run past the end: not even the parser takes it.
                assert!(matches!(refuse_any(&octets, &packet), ForwardError::Parse(_)));
                continue;
            }
            fix_checksums(&mut octets);
            let result = forward(&octets, &Net::uniform(&packet, route(1)));
            assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0]))], "{family:?} {number} {}", payload.len());
            let result = forward(&octets, &Net::uniform(&packet, legacy(1)));
            assert_eq!((result.shape(), result.counters.not_capable), (vec![], 1));
        }
        for (number, payload) in possible {
            let mut packet = plain(family, 1);
            (packet.next_protocol, packet.payload) = (number, payload.to_vec());
            let result = forward(&packet.octets(), &Net::uniform(&packet, route(1)));
            assert_eq!(result.shape(), [(1, CopyKind::Unicast, set(&[0]))], "{family:?} {number} {}", payload.len());
        }
    }
}

fn refuse_any(octets: &[u8], packet: &Packet) -> ForwardError {
    refuse(octets, &Net::uniform(packet, route(1)))
}

#[test]
fn x_forbids_x2u() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        packet.no_x2u = true;
        let result = forward(&packet.octets(), &Net::new(&packet, &[route(1), legacy(2)]));
        assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0]))]);
        assert_eq!(result.counters.not_capable, 1);
    }
}

/// A packet with AH stays as AH covers it, whatever X says.
#[test]
fn ah_forbids_x2u() {
    let mut packet = plain(Family::V4, 2);
    packet.place = BitmapPlace::Option;
    let mut octets = insert(packet.octets(), 28, &ah(253), 9, protocol::AH);
    fix_checksums(&mut octets);
    let result = forward(&octets, &Net::new(&packet, &[route(1), legacy(2)]));
    assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0]))]);
    assert_eq!(result.counters.not_capable, 1);
    assert_eq!(result.log.sent[0].octets[28..], octets[28..], "from the AH on nothing changes");

    let packet = plain(Family::V6, 2);
    let octets = packet.octets();
    let at = octets.len() - packet.payload.len();
    let mut octets = insert(octets, at, &ah(protocol::UDP), 40, protocol::AH);
    fix_checksums(&mut octets);
    let result = forward(&octets, &Net::new(&packet, &[route(1), legacy(2)]));
    assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0]))]);
    assert_eq!(result.counters.not_capable, 1);
}

/// IPv4 options other than the bitmap stay, moved up and padded anew.
#[test]
fn x2u_cuts_the_bitmap_option_out_of_ipv4_options() {
    let router_alert = [148, 4, 0, 0];
    let bitmap = [158, 6, 0x80, 0, 0, 0];
    for (options, kept) in [
        (vec![&bitmap[..], &[0, 0]], vec![]),
        (vec![&bitmap, &[1, 1]], vec![1, 1, 0, 0]),
        (vec![&bitmap, &router_alert, &[0, 0]], vec![148, 4, 0, 0]),
        (vec![&bitmap, &[1], &router_alert, &[0]], vec![1, 148, 4, 0, 0, 0, 0, 0]),
        (vec![&bitmap, &[1, 1], &router_alert], vec![1, 1, 148, 4, 0, 0, 0, 0]),
    ] {
        let mut packet = plain(Family::V4, 1);
        packet.place = BitmapPlace::Option;
        let mut octets = packet.octets();
        let options = options.concat();
        octets.splice(20..28, options.iter().copied());
        octets[0] = 0x45 + u8::try_from(options.len() / 4).unwrap();
        let mut octets = insert(octets, 0, &[], 9, 253);
        fix_checksums(&mut octets);
        let result = forward(&octets, &Net::uniform(&packet, route(1)));
        let to = packet.addresses[0];
        let payload = segment(protocol::UDP, source(Family::V4), to, 9, b"....for you..");
        let mut expected = unicast(Family::V4, protocol::UDP, to, 63, 0, &payload);
        expected[0] += u8::try_from(kept.len() / 4).unwrap();
        let mut expected = insert(expected, 20, &kept, 9, protocol::UDP);
        let header_len = 20 + kept.len();
        expected[10..12].fill(0);
        let checksum = !ones_complement_sum(&expected[..header_len]);
        expected[10..12].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(result.log.sent[0].octets, expected, "{options:?}");
    }
    // Without a bitmap option the options stay to the octet, padding and what lies behind End of Options included.
    let packet = plain(Family::V4, 1);
    let options = [7, 4, 4, 0, 0, 1, 2, 3];
    let mut octets = insert(packet.octets(), 20, &options, 9, 253);
    octets[0] = 0x47;
    fix_checksums(&mut octets);
    let copy = forward(&octets, &Net::uniform(&packet, route(1))).log.sent.remove(0).octets;
    assert_eq!((copy[0], copy[9], &copy[20..28]), (0x47, protocol::UDP, &options[..]));
    assert_eq!(ones_complement_sum(&copy[..28]), 0xffff);
}

/// One IPv6 packet put together by hand: extension headers in front of the Routing header, the Routing header for one
/// destination, what follows it.
fn by_hand_v6(front: &[(u8, &[u8])], separated: bool, behind: &[(u8, &[u8])], number: u8, segment: &[u8]) -> Vec<u8> {
    let mut packet = plain(Family::V6, 1);
    let whole = {
        packet.place = if separated { BitmapPlace::Option } else { BitmapPlace::Header };
        packet.octets()
    };
    let at = xcast_at(&whole);
    let routing = &whole[at..whole.len() - packet.payload.len()];
    let mut headers: Vec<(u8, Vec<u8>)> = front.iter().map(|(kind, octets)| (*kind, octets.to_vec())).collect();
    headers.push((protocol::ROUTING, routing.to_vec()));
    headers.extend(behind.iter().map(|(kind, octets)| (*kind, octets.to_vec())));
    let mut octets = chain(&whole[..40], headers, number, segment);
    fix_checksums(&mut octets);
    octets
}

/// IPv6 header, extension headers and a segment, Next Headers and Payload Length filled in.
fn chain(ip: &[u8], mut headers: Vec<(u8, Vec<u8>)>, number: u8, segment: &[u8]) -> Vec<u8> {
    let mut octets = ip.to_vec();
    octets[6] = headers.first().map_or(number, |(kind, _)| *kind);
    let kinds: Vec<u8> = headers.iter().skip(1).map(|(kind, _)| *kind).chain([number]).collect();
    for ((_, header), next) in headers.iter_mut().zip(kinds) {
        assert_eq!(header.len() % 8, 0);
        header[0] = next;
        header[1] = u8::try_from(header.len() / 8 - 1).unwrap();
        octets.extend(&*header);
    }
    octets.extend(segment);
    let len = u16::try_from(octets.len() - 40).unwrap();
    octets[4..6].copy_from_slice(&len.to_be_bytes());
    octets
}

const HBH: u8 = protocol::HOP_BY_HOP;
const DST: u8 = protocol::DESTINATION_OPTIONS;

/// Every header that is not Xcast's stays, and the chain closes over those that are.
#[test]
fn x2u_repairs_the_ipv6_header_chain() {
    let to = destination(Family::V6, 0);
    let alert = [0x05, 2, 0, 0];
    let alert_only: &[u8] = &[&[0, 0][..], &alert, &[1, 0]].concat();
    // Padding of its own in front, which stays only where an option follows.
    let bitmap: &[u8] = &[0, 0, 0x3e, 8, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0];
    let bitmap_alert: &[u8] = &[&[0, 0, 0x3e, 8, 0x80, 0, 0, 0, 0, 0, 0, 0][..], &alert].concat();
    let alert_bitmap: &[u8] = &[&[0, 0][..], &alert, &[0x3e, 8, 0x80, 0, 0, 0, 0, 0, 0, 0]].concat();
    let pad_alert_bitmap_alert: &[u8] =
        &[&[0, 0, 0][..], &alert, &[0, 0x3e, 8, 0x80, 0, 0, 0, 0, 0, 0, 0], &alert, &[0, 0]].concat();
    let option = [0x1f, 5, 1, 2, 3, 4, 5];
    let option_only: &[u8] = &[&[0, 0][..], &option, &[1, 5, 0, 0, 0, 0, 0]].concat();
    let ports: &[u8] = &[0, 0, 0x5e, 2, 0x13, 0x88, 0, 0];
    let ports_option: &[u8] = &[&[0, 0, 0x5e, 2, 0x13, 0x88][..], &option, &[0, 0, 0]].concat();
    let option_ports: &[u8] = &[&[0, 0][..], &option, &[0, 0x5e, 2, 0x13, 0x88, 0, 0]].concat();
    let source_route: &[u8] = &[0, 0, 77, 0, 9, 9, 9, 9];

    type Headers<'a> = Vec<(u8, &'a [u8])>;
    let kept_alert: &[u8] = &[&[0, 0][..], &alert, &[1, 0]].concat();
    let kept_alerts: &[u8] = &[&[0, 0, 0][..], &alert, &[0], &alert, &[1, 2, 0, 0]].concat();
    let kept_option: &[u8] = &[&[0, 0][..], &option, &[1, 5, 0, 0, 0, 0, 0]].concat();
    let cases: Vec<(Headers<'_>, Headers<'_>, Headers<'_>, u16)> = vec![
        (vec![], vec![], vec![], 9),
        (vec![(HBH, alert_only)], vec![], vec![(HBH, alert_only)], 9),
        (vec![(HBH, bitmap)], vec![], vec![], 9),
        (vec![(HBH, bitmap_alert)], vec![], vec![(HBH, kept_alert)], 9),
        (vec![(HBH, alert_bitmap)], vec![], vec![(HBH, kept_alert)], 9),
        (vec![(HBH, pad_alert_bitmap_alert)], vec![], vec![(HBH, kept_alerts)], 9),
        (vec![(HBH, bitmap), (DST, option_only)], vec![], vec![(DST, option_only)], 9),
        (
            vec![(HBH, bitmap_alert), (DST, option_only), (protocol::ROUTING, source_route)],
            vec![],
            vec![(HBH, kept_alert), (DST, option_only), (protocol::ROUTING, source_route)],
            9,
        ),
        (vec![], vec![(DST, ports)], vec![], 5000),
        (vec![], vec![(DST, ports_option)], vec![(DST, kept_option)], 5000),
        (vec![], vec![(DST, option_ports)], vec![(DST, kept_option)], 5000),
        (vec![], vec![(DST, option_only)], vec![(DST, option_only)], 9),
        (vec![], vec![(DST, ports), (DST, option_only)], vec![(DST, option_only)], 5000),
        (
            vec![(HBH, bitmap), (DST, option_only)],
            vec![(DST, ports_option), (DST, option_only), (DST, option_only)],
            vec![(DST, option_only), (DST, kept_option), (DST, option_only), (DST, option_only)],
            5000,
        ),
    ];
    for (front, behind, kept, port) in cases {
        for number in [protocol::UDP, protocol::TCP, protocol::ICMPV6] {
            let separated = front.first().is_some_and(|(_, octets)| octets.contains(&0x3e));
            let tail = [0x66; 21];
            let sent = segment(number, source(Family::V6), group(Family::V6), 9, &tail);
            let octets = by_hand_v6(&front, separated, &behind, number, &sent);
            let packet = plain(Family::V6, 1);
            let result = forward(&octets, &Net::uniform(&packet, route(1)));
            let expected = segment(number, source(Family::V6), to, port, &tail);
            let headers = kept.iter().map(|(kind, octets)| (*kind, octets.to_vec())).collect();
            let ip = unicast(Family::V6, number, to, 63, 0, &[]);
            let expected = chain(&ip, headers, number, &expected);
            assert_eq!(result.log.sent[0].octets, expected, "{front:?} {behind:?}");
        }
    }
}

// --- Local delivery and hop limit -------------------------------------------------------------------------------------

#[test]
fn own_addresses_are_delivered_and_leave_the_bitmap() {
    for family in FAMILIES {
        let mut packet = plain(family, 3);
        packet.no_x2u = true;
        for (hop_limit, copies) in [(0, 0), (1, 0), (2, 1), (255, 1)] {
            packet.hop_limit = hop_limit;
            let mut net = Net::uniform(&packet, route(1));
            net.own = vec![packet.addresses[1]];
            let result = forward(&packet.octets(), &net);
            assert!(result.outcome.local);
            assert_eq!(result.outcome.local_destinations, set(&[1]));
            assert_eq!(result.log.sent.len(), copies);
            assert_eq!(result.counters.hop_limit, if copies == 0 { 2 } else { 0 });
            for sent in &result.log.sent {
                let copy = parse(&sent.octets);
                assert_eq!((copy.bits(), copy.ip().hop_limit()), (set(&[0, 2]), hop_limit - 1));
            }
        }
    }
}

#[test]
fn hop_limit_stops_unicast_and_tunnelled_copies_too() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        packet.hop_limit = 1;
        let mut net = Net::uniform(&packet, legacy(1));
        net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel(1))).collect();
        let result = forward(&packet.octets(), &net);
        assert_eq!((result.shape(), result.counters.hop_limit), (vec![], 2));
    }
}

#[test]
fn nothing_to_do() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        packet.bits = DestinationSet::EMPTY;
        let mut net = Net::uniform(&packet, route(1));
        net.own = packet.addresses.clone();
        let result = forward(&packet.octets(), &net);
        assert_eq!((result.outcome, result.counters.nothing_to_do), (Outcome::default(), 1));
    }
}

/// RFC 5058 §11.5: a router on a special unicast address.
#[test]
fn takes_packets_to_its_own_address_and_no_others() {
    for family in FAMILIES {
        let packet = plain(family, 2);
        let mut octets = packet.octets();
        let server = destination(family, 200);
        let at = if family == Family::V4 { 16 } else { 24 };
        let server_octets = address_octets(server);
        octets[at..at + server_octets.len()].copy_from_slice(&server_octets);
        let start = octets.len() - packet.payload.len();
        octets[start..].copy_from_slice(&segment(protocol::UDP, source(family), server, 9, b"....for you.."));
        fix_checksums(&mut octets);
        let mut net = Net::new(&packet, &[route(1), legacy(2)]);
        assert_eq!(refuse(&octets, &net), ForwardError::NotForUs);
        net.own = vec![server];
        let result = forward(&octets, &net);
        assert!(!result.outcome.local);
        for (sent, to) in result.log.sent.iter().zip(&packet.addresses) {
            let expected = segment(protocol::UDP, source(family), *to, 9, b"....for you..");
            assert_eq!(sent.octets, unicast(family, protocol::UDP, *to, 63, 0, &expected));
        }
    }
}

// --- Duplicates, unusable destinations, echo --------------------------------------------------------------------------

#[test]
fn a_repeated_destination_is_served_once() {
    for family in FAMILIES {
        let mut packet = plain(family, 4);
        packet.no_x2u = true;
        let octets = with_address(&packet, 2, packet.addresses[0]);
        let result = forward(&octets, &Net::uniform(&packet, route(1)));
        assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0, 1, 3]))]);
        assert_eq!(result.counters.duplicate, 1);
        // A bit that is not set repeats nothing.
        packet.bits = set(&[1, 2, 3]);
        let result = forward(&with_address(&packet, 2, packet.addresses[0]), &Net::uniform(&packet, route(1)));
        assert_eq!((result.shape()[0].2, result.counters.duplicate), (set(&[1, 2, 3]), 0));
        // All the same.
        let mut all = packet.clone();
        all.bits = DestinationSet::first_n(4);
        let mut octets = all.octets();
        for index in 1..4 {
            let at = address_at(&all, &octets, index);
            let first = address_octets(all.addresses[0]);
            octets[at..at + first.len()].copy_from_slice(&first);
        }
        fix_checksums(&mut octets);
        let result = forward(&octets, &Net::uniform(&packet, route(1)));
        assert_eq!((result.shape()[0].2, result.counters.duplicate), (set(&[0]), 3));
    }
}

/// However many there are, the first is the one that stays.
#[test]
fn of_many_repetitions_the_first_stays() {
    for family in FAMILIES {
        let mut packet = plain(family, 100);
        packet.no_x2u = true;
        let mut octets = packet.octets();
        // Even ones are all the same, odd ones too.
        for index in 2..100 {
            let at = address_at(&packet, &octets, index);
            let same = address_octets(packet.addresses[index % 2]);
            octets[at..at + same.len()].copy_from_slice(&same);
        }
        fix_checksums(&mut octets);
        let result = forward(&octets, &Net::uniform(&packet, Route { mtu: 9000, ..route(1) }));
        assert_eq!((result.shape()[0].2, result.counters.duplicate), (set(&[0, 1]), 98));
    }
}

/// With ports, an address may have several: a duplicate is address and port.
#[test]
fn the_same_host_on_two_ports_is_two_destinations() {
    for family in FAMILIES {
        let mut packet = plain(family, 3);
        packet.ports = Some(vec![5000, 5001, 5000]);
        packet.addresses[1] = packet.addresses[0];
        let net = Net::uniform(&packet, legacy(1));
        let result = forward(&packet.octets(), &net);
        assert_eq!((result.counters.unicast, result.counters.duplicate), (3, 0));
        let result = forward(&with_address(&packet, 2, packet.addresses[0]), &net);
        assert_eq!(result.shape(), [0, 1].map(|index| (1, CopyKind::Unicast, set(&[index]))));
        assert_eq!(result.counters.duplicate, 1);
    }
}

#[test]
fn destinations_that_cannot_be_routed_to() {
    let v4 = ["224.0.0.1", "0.0.0.0", "127.0.0.1", "255.255.255.255", "169.254.1.1"];
    let v6 = ["ff02::1", "::", "::1", "fe80::1"];
    for (family, address_len, list) in [(Family::V4, 4, &v4[..]), (Family::V6, 16, &v6[..])] {
        for address in list {
            let address: IpAddr = address.parse().unwrap();
            for (anonymous, bits) in [(false, [0, 1, 2]), (false, [0, 1, 1]), (true, [0, 1, 2]), (true, [0, 1, 1])] {
                let mut packet = plain(family, 3);
                (packet.anonymous, packet.bits) = (anonymous, set(&bits));
                let octets = with_address(&packet, 2, address);
                let net = Net::uniform(&packet, route(1));
                let erased = anonymous && address.is_unspecified() && bits[2] != 2;
                if erased {
                    assert_eq!(forward(&octets, &net).shape(), [(1, CopyKind::Xcast, set(&[0, 1]))]);
                    continue;
                }
                let pointer = address_at(&packet, &octets, 2);
                assert_eq!(octets[pointer..pointer + address_len], address_octets(address));
                assert_eq!(refuse(&octets, &net), ForwardError::UnusableDestination { index: 2, pointer });
                assert!(net.asked.borrow().is_empty());
            }
        }
    }
}

/// RFC 5058 §14 and draft §2.2.7: neither forwarded nor delivered, wherever it hides.
#[test]
fn echo_requests_are_dropped_whole() {
    let check = |octets: &[u8], packet: &Packet, what: &str, dropped: bool| {
        let mut net = Net::uniform(packet, route(1));
        net.own = vec![packet.addresses[0]];
        let result = forward(octets, &net);
        if dropped {
            assert_eq!((result.outcome, result.counters.echo_requests), (Outcome::default(), 1), "{what}");
            let allowed = forward_with(octets, &net, policy(|policy| policy.allow_echo = true), &[]).unwrap();
            assert!(allowed.outcome.local && allowed.log.sent.len() == 1, "{what}");
        } else {
            assert!(result.outcome.local && result.log.sent.len() == 1, "{what}");
            assert_eq!(result.counters.echo_requests, 0, "{what}");
        }
    };
    for family in FAMILIES {
        let (number, request, reply) =
            if family == Family::V4 { (protocol::ICMP, 8, 0) } else { (protocol::ICMPV6, 128, 129) };
        for (kind, dropped) in [(request, true), (reply, false), (3, false)] {
            let mut packet = plain(family, 3);
            (packet.next_protocol, packet.payload) = (number, vec![kind, 0, 0, 0, 0, 1, 0, 1]);
            check(&packet.octets(), &packet, "direct", dropped);
            if family == Family::V4 {
                packet.place = BitmapPlace::Option;
                let mut octets = insert(packet.octets(), 28, &ah(253), 9, protocol::AH);
                fix_checksums(&mut octets);
                check(&octets, &packet, "behind AH", dropped);
                continue;
            }
            let segment = packet.payload.clone();
            let (ah, options) = (ah(0), [0, 0, 1, 4, 0, 0, 0, 0]);
            let atomic = [0, 0, 0, 0, 0, 0, 0, 1];
            // What a later fragment begins with is no ICMPv6 header.
            let later = [0, 0, 0, 8, 0, 0, 0, 1];
            let route = [0, 0, 77, 0, 0, 0, 0, 0];
            for hidden in [
                vec![(protocol::AH, &ah[..])],
                vec![(DST, &options)],
                vec![(protocol::AH, &ah), (DST, &options)],
                vec![(DST, &options), (protocol::AH, &ah), (DST, &options)],
                vec![(protocol::ROUTING, &route)],
                vec![(protocol::FRAGMENT, &atomic)],
                vec![(protocol::FRAGMENT, &later)],
            ] {
                let dropped = dropped && !hidden.contains(&(protocol::FRAGMENT, &later));
                let packet = plain(Family::V6, 3);
                let whole = packet.octets();
                let at = xcast_at(&whole);
                let routing = whole[at..whole.len() - packet.payload.len()].to_vec();
                let mut headers = vec![(protocol::ROUTING, routing)];
                headers.extend(hidden.iter().map(|(kind, octets)| (*kind, octets.to_vec())));
                let mut octets = chain(&whole[..40], headers, number, &segment);
                // The chain wrote a length in units of 8 over each header: AH counts otherwise, Fragment has none.
                let mut at = whole.len() - packet.payload.len();
                for (kind, header) in &hidden {
                    match *kind {
                        protocol::AH => octets[at + 1] = 4,
                        protocol::FRAGMENT => octets[at + 1] = 0,
                        _ => {}
                    }
                    at += header.len();
                }
                fix_checksums(&mut octets);
                check(&octets, &packet, &format!("{hidden:?}"), dropped);
            }
        }
        // The other family's ICMP, or a UDP datagram that begins like an echo request, is none.
        let foreign = if family == Family::V4 { protocol::ICMPV6 } else { protocol::ICMP };
        for number in [foreign, protocol::UDP] {
            for kind in [8, 128] {
                let mut packet = plain(family, 3);
                packet.payload[0] = kind;
                packet.next_protocol = number;
                check(&packet.octets(), &packet, "not ICMP", false);
            }
        }
    }
}

// --- Refusals and what does not parse ---------------------------------------------------------------------------------

#[test]
fn sources_that_packets_are_not_routed_from() {
    let v4 = ["224.0.0.1", "0.0.0.0", "127.0.0.1", "255.255.255.255", "169.254.1.1"];
    let v6 = ["ff02::1", "::", "::1", "fe80::1", "::ffff:127.0.0.1"];
    for (family, sources) in FAMILIES.into_iter().zip([v4, v6]) {
        for source in sources {
            let packet = plain(family, 2);
            let mut octets = packet.octets();
            match source.parse().unwrap() {
                IpAddr::V4(source) => octets[12..16].copy_from_slice(&source.octets()),
                IpAddr::V6(source) => octets[8..24].copy_from_slice(&source.octets()),
            }
            fix_checksums(&mut octets);
            assert_eq!(refuse_any(&octets, &packet), ForwardError::UnusableSource, "{source}");
        }
    }
}

/// A Routing header in front of the Xcast one that has not led the packet to its end.
#[test]
fn segments_left_in_front_of_the_xcast_header() {
    let packet = plain(Family::V6, 2);
    let whole = packet.octets();
    let payload_at = whole.len() - packet.payload.len();
    for (left, refused) in [(0, false), (1, true), (255, true)] {
        let foreign = vec![0, 0, 4, left, 0, 0, 0, 0];
        let headers = vec![(protocol::ROUTING, foreign), (protocol::ROUTING, whole[40..payload_at].to_vec())];
        let mut octets = chain(&whole[..40], headers, protocol::UDP, &packet.payload);
        fix_checksums(&mut octets);
        if refused {
            assert_eq!(refuse_any(&octets, &packet), ForwardError::Refused(Refusal::SegmentsLeft));
        } else {
            assert_eq!(forward(&octets, &Net::uniform(&packet, route(1))).outcome.copies, 1);
        }
    }
}

#[test]
fn refused_constructions() {
    let mut packet = plain(Family::V4, 2);
    let net = Net::uniform(&packet, route(1));

    let mut octets = insert(packet.octets(), 20, &ah(253), 9, protocol::AH);
    fix_checksums(&mut octets);
    assert_eq!(refuse(&octets, &net), ForwardError::Refused(Refusal::BitmapUnderAh));

    let mut octets = packet.octets();
    octets[28] = protocol::AH;
    fix_checksums(&mut octets);
    assert_eq!(refuse(&octets, &net), ForwardError::Refused(Refusal::AhBehindXcast4));

    packet.place = BitmapPlace::Option;
    let mut octets = insert(packet.octets(), 28, &ah(253), 9, protocol::AH);
    octets[28 + 24] |= 0x08;
    fix_checksums(&mut octets);
    assert_eq!(refuse(&octets, &net), ForwardError::Refused(Refusal::AnonymousUnderAh));

    for (family, flags_at) in [(Family::V4, 28), (Family::V6, 40 + 16 + 4)] {
        let mut packet = plain(family, 2);
        packet.place = BitmapPlace::Option;
        let mut octets = packet.octets();
        octets[flags_at] |= 0x08;
        fix_checksums(&mut octets);
        let refusal = refuse(&octets, &Net::uniform(&packet, route(1)));
        assert_eq!(refusal, ForwardError::Refused(Refusal::AnonymousWithSeparatedBitmap));
    }

    // An address that cannot be routed to does not hide the refusal, nor does a foreign destination the parse error.
    let mut packet = plain(Family::V6, 2);
    packet.payload = [vec![0; 8], packet.payload].concat();
    let octets = packet.octets();
    let mut octets = insert(octets, 40, &ah(protocol::ROUTING), 6, protocol::AH);
    octets[24..40].copy_from_slice(&Ipv6Addr::LOCALHOST.octets());
    let error = refuse(&octets, &net);
    assert!(matches!(error, ForwardError::Parse(error) if error.kind() == ParseErrorKind::RoutingBehindAh));
}

#[test]
fn errors_are_counted_by_class() {
    for family in FAMILIES {
        let packet = plain(family, 2);
        let good = packet.octets();
        let at = xcast_at(&good);
        let flags_at = if family == Family::V4 { at } else { at + 4 };
        let edit = |edit: &dyn Fn(&mut Vec<u8>)| {
            let mut octets = good.clone();
            edit(&mut octets);
            octets
        };
        let mut router = Router::new(code_points(), RouterPolicy::default());
        let net = Net::uniform(&packet, route(1));
        let mut refuse =
            |octets: Vec<u8>| router.forward(Instant::START, None, &octets, &net, &mut Log::default()).unwrap_err();
        refuse(edit(&|o| o.truncate(o.len() - 1)));
        refuse(edit(&|o| o[flags_at + 1] = 0));
        refuse(edit(&|o| o[flags_at] = 0x20));
        refuse(edit(&|o| o[flags_at + 3] ^= 1));
        refuse(unicast(family, protocol::UDP, packet.addresses[0], 9, 0, &packet.payload));
        refuse(vec![]);
        if family == Family::V4 {
            refuse(edit(&|o| o[10] ^= 1));
        }
        if family == Family::V6 {
            refuse(insert(good.clone(), 40, &ah(protocol::ROUTING), 6, protocol::AH));
        }
        let c = router.counters;
        let v4 = u64::from(family == Family::V4);
        assert_eq!(c.refused, 1 - v4, "Routing header behind AH");
        assert_eq!((c.packets, c.malformed, c.unsupported, c.checksum, c.not_xcast), (7, 3, 1, 1 + v4, 1));
        // By policy a wrong CHECKSUM is let through, and stays wrong.
        let octets = edit(&|o| o[flags_at + 3] ^= 1);
        let result =
            forward_with(&octets, &net, policy(|policy| policy.checksum = ChecksumPolicy::Ignore), &[]).unwrap();
        let copy = &result.log.sent[0].octets;
        assert!(XcastPacket::parse(copy, &code_points(), ChecksumPolicy::Verify).is_err());
    }
}

#[test]
fn counters_add_up_over_packets_and_saturate() {
    let mut router = Router::new(code_points(), RouterPolicy::default());
    let packet = plain(Family::V4, 2);
    let net = Net::new(&packet, &[route(1)]);
    for _ in 0..3 {
        router.forward(Instant::START, None, &packet.octets(), &net, &mut Log::default()).unwrap();
    }
    let c = router.counters;
    assert_eq!((c.packets, c.destinations, c.unicast, c.no_route), (3, 6, 3, 3));
    router.counters.packets = u64::MAX;
    router.counters.destinations = u64::MAX - 1;
    router.forward(Instant::START, None, &packet.octets(), &net, &mut Log::default()).unwrap();
    assert_eq!((router.counters.packets, router.counters.destinations), (u64::MAX, u64::MAX));
}

// --- MTU, egress errors, limit of copies ------------------------------------------------------------------------------

#[test]
fn a_copy_beyond_the_mtu_is_dropped_and_reported() {
    for family in FAMILIES {
        let packet = plain(family, 4);
        let octets = packet.octets();
        let unicast_len = packet.payload.len() + if family == Family::V4 { 20 } else { 40 };
        for (short, xcast_served, unicast_served) in [(0, true, true), (1, false, false)] {
            let net = Net::new(
                &packet,
                &[
                    Route { mtu: octets.len() - short, ..route(1) },
                    Route { mtu: octets.len() - short, ..route(1) },
                    Route { mtu: unicast_len - short, ..legacy(2) },
                    Route { mtu: unicast_len - short, ..legacy(2) },
                ],
            );
            let result = forward(&octets, &net);
            assert_eq!(result.counters.forwarded, if xcast_served { 2 } else { 0 });
            assert_eq!(result.counters.unicast, if unicast_served { 2 } else { 0 });
            let reports = [(1, octets.len() - 1, set(&[0, 1])), (2, unicast_len - 1, set(&[2, 3]))];
            assert_eq!(result.log.too_big, if short == 0 { &[] } else { &reports[..] });
            assert_eq!(result.counters.too_big, 4 * short as u64);
        }
    }
}

#[test]
fn a_failing_egress_stops_only_its_own_copies() {
    for family in FAMILIES {
        let packet = plain(family, 5);
        let net = Net::new(&packet, &[route(1), route(1), route(2), legacy(3), legacy(3)]);
        let result = forward_with(&packet.octets(), &net, RouterPolicy::default(), &[1]).unwrap();
        assert_eq!((result.counters.egress_failed, result.counters.unicast), (2, 3));
        let result = forward_with(&packet.octets(), &net, RouterPolicy::default(), &[3]).unwrap();
        assert_eq!((result.counters.egress_failed, result.counters.forwarded, result.counters.unicast), (2, 2, 1));
    }
}

#[test]
fn copies_are_capped() {
    let packet = plain(Family::V6, 6);
    let net = Net::new(&packet, &[route(1), route(1), legacy(2), legacy(2), legacy(2), route(3)]);
    for (max, copies, dropped) in [(0, 0, 6), (1, 1, 4), (3, 3, 2), (5, 5, 0), (6, 5, 0)] {
        let policy = policy(|policy| policy.max_copies = Some(max));
        let result = forward_with(&packet.octets(), &net, policy, &[]).unwrap();
        assert_eq!((result.outcome.copies, result.counters.over_copy_limit), (copies, dropped));
        // What the egress loses was work all the same.
        let result = forward_with(&packet.octets(), &net, policy, &[1, 2, 3]).unwrap();
        assert_eq!(result.counters.over_copy_limit, dropped);
    }
}

// --- Tunnels ----------------------------------------------------------------------------------------------------------

fn tunnel(remote: u8) -> Tunnel {
    Tunnel::v4(Ipv4Addr::new(203, 0, 113, 254), Ipv4Addr::new(203, 0, 113, remote))
}

/// RFC 5058 §11.1 and Figure 10.
#[test]
fn tunnels_reach_across_a_next_hop_without_xcast() {
    let v6_end = |host| Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, host);
    for family in FAMILIES {
        for (tunnel, other) in
            [(tunnel(1), tunnel(2)), (Tunnel::v6(v6_end(0), v6_end(1)).with_hop_limit(7), tunnel(1).with_hop_limit(3))]
        {
            let mut packet = plain(family, 5).with_lists(true, false);
            (packet.no_x2u, packet.anonymous) = (true, true);
            let mut octets = packet.octets();
            let ecn = parse(&octets).ip().traffic_class() | 2;
            set_traffic_class(&mut octets, ecn);
            let mut net = Net::uniform(&packet, legacy(1));
            net.tunnels = [(0, tunnel), (1, other), (2, tunnel), (4, other)]
                .map(|(index, tunnel)| (packet.addresses[index], tunnel))
                .into();
            let result = forward(&octets, &net);
            let groups = [(tunnel, set(&[0, 2])), (other, set(&[1, 4]))];
            assert_eq!(result.shape(), groups.map(|(_, bits)| (1, CopyKind::Tunnelled, bits)));
            assert_eq!((result.counters.not_capable, result.counters.tunnel_copies), (1, 2));
            for (sent, (tunnel, bits)) in result.log.sent.iter().zip(groups) {
                let (outer, inner) = IpHeader::split(&sent.octets).unwrap();
                assert_eq!((outer.source(), outer.destination()), (tunnel.local(), tunnel.remote()));
                assert_eq!(outer.packet_len(), sent.octets.len());
                assert_eq!(outer.hop_limit(), tunnel.hop_limit());
                assert_eq!(outer.next_header(), if family == Family::V4 { 4 } else { 41 });
                match outer {
                    IpHeader::V4(header) => {
                        assert!(header.checksum_ok());
                        assert_eq!(sent.octets[4..8], [0, 0, 0x40, 0]);
                    }
                    IpHeader::V6(header) => assert_eq!(header.flow_label(), 0),
                }
                let copy = parse(inner);
                // CS2 and CS4 are the highest of the members' class selectors.
                let dscp = if bits == set(&[0, 2]) { 16 } else { 32 };
                assert_eq!(copy.ip().traffic_class(), dscp << 2 | 2);
                assert_eq!(outer.traffic_class(), copy.ip().traffic_class());
                // Inside is what a capable next hop would have got.
                let alone: Vec<u8> = (0..5).map(|index| if bits.contains(index) { 1 } else { 2 }).collect();
                let direct = forward(&octets, &Net::new(&packet, &alone.into_iter().map(route).collect::<Vec<_>>()));
                let direct = direct.log.sent.iter().find(|sent| sent.next_hop == 1).unwrap();
                assert_eq!(inner, direct.octets);
                assert_eq!(copy.ip().hop_limit(), 63);
            }
        }
    }
}

/// Tunnels are for what X2U cannot do.
#[test]
fn x2u_goes_before_tunnels() {
    let packet = plain(Family::V4, 3);
    let mut net = Net::new(&packet, &[legacy(1), legacy(1), legacy(2)]);
    net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel(1))).collect();
    assert_eq!(forward(&packet.octets(), &net).counters.unicast, 3);
    let off = policy(|policy| policy.premature_x2u = false);
    let result = forward_with(&packet.octets(), &net, off, &[]).unwrap();
    assert_eq!(result.shape(), [(1, CopyKind::Tunnelled, set(&[0, 1])), (2, CopyKind::Unicast, set(&[2]))]);
    // A capable next hop needs none.
    let mut xcast = packet.clone();
    xcast.no_x2u = true;
    net.routes = xcast.addresses.iter().map(|a| (*a, route(1))).collect();
    assert_eq!(forward(&xcast.octets(), &net).counters.forwarded, 3);
}

#[test]
fn the_outer_header_counts_for_the_mtu() {
    for (family, tunnel, outer) in
        [(Family::V4, tunnel(1), 20), (Family::V6, Tunnel::v6(Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED), 40)]
    {
        let mut packet = plain(family, 2);
        packet.no_x2u = true;
        let len = packet.octets().len() + outer;
        for (mtu, served) in [(len, true), (len - 1, false)] {
            let mut net = Net::uniform(&packet, Route { mtu, ..legacy(1) });
            net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel)).collect();
            let result = forward(&packet.octets(), &net);
            assert_eq!(
                result.log.sent.iter().map(|sent| sent.octets.len()).sum::<usize>(),
                if served { len } else { 0 }
            );
            let report = (1, len - 1 - outer, set(&[0, 1]));
            assert_eq!(result.log.too_big, if served { vec![] } else { vec![report] });
        }
    }
    // However large the MTU, an outer header cannot announce more than it has bits for.
    let mut packet = plain(Family::V4, 2);
    (packet.no_x2u, packet.payload) = (true, vec![0; 65_535 - 44]);
    let mut net = Net::uniform(&packet, Route { mtu: usize::MAX, ..legacy(1) });
    net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel(1))).collect();
    let octets = packet.octets();
    assert_eq!(octets.len(), 65_535);
    assert_eq!(forward(&octets, &net).log.too_big, [(1, 65_515, set(&[0, 1]))]);
}

// --- Properties -------------------------------------------------------------------------------------------------------

/// What a router may be told of a destination.
#[derive(Clone, Debug)]
enum Fate {
    Own,
    NoRoute,
    Route(u8, bool),
    Tunnel(u8, u8),
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        1 => Just(Fate::Own),
        1 => Just(Fate::NoRoute),
        6 => (0..6_u8).prop_map(|hop| Fate::Route(hop, true)),
        3 => (6..9_u8).prop_map(|hop| Fate::Route(hop, false)),
        2 => (6..9_u8, 0..3_u8).prop_map(|(hop, tunnel)| Fate::Tunnel(hop, tunnel)),
    ];
    vec(fate, 127)
}

fn net(packet: &Packet, fates: &[Fate]) -> Net {
    let mut net = Net::default();
    for (address, fate) in packet.addresses.iter().zip(fates) {
        match *fate {
            Fate::Own => net.own.push(*address),
            Fate::NoRoute => {}
            Fate::Route(hop, xcast_capable) => {
                net.routes.insert(*address, Route { next_hop: hop, xcast_capable, mtu: usize::MAX });
            }
            Fate::Tunnel(hop, remote) => {
                net.routes.insert(*address, Route { next_hop: hop, xcast_capable: false, mtu: usize::MAX });
                net.tunnels.insert(*address, tunnel(remote));
            }
        }
    }
    net
}

/// A packet of any kind, with a real transport segment in half of the cases.
fn any_packet() -> impl Strategy<Value = Packet> {
    let segment_of = (any::<bool>(), 0..4_usize, any::<u16>(), vec(any::<u8>(), 18..60));
    (common::packet(), segment_of).prop_map(|(mut packet, (real, which, port, tail))| {
        if real {
            let family = packet.family();
            packet.next_protocol = transports(family)[which];
            packet.payload = segment(packet.next_protocol, packet.source, group(family), port, &tail);
        }
        packet
    })
}

fn any_policy() -> impl Strategy<Value = RouterPolicy> {
    any::<(bool, bool)>().prop_map(|(x2u, premature)| {
        policy(|policy| (policy.x2u, policy.premature_x2u, policy.allow_echo) = (x2u, premature, true))
    })
}

/// Whether X2U of this packet is possible, as the sender knows it.
fn x2u_possible(packet: &Packet) -> bool {
    let long_enough = match packet.next_protocol {
        protocol::ICMP => packet.family() == Family::V4 && packet.payload.len() >= 4,
        protocol::ICMPV6 => packet.family() == Family::V6 && packet.payload.len() >= 4,
        number => checksum_field(number).is_some_and(|(_, min_len)| packet.payload.len() >= min_len),
    };
    !packet.no_x2u && long_enough
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_reachable_destination_exactly_once(
        packet in any_packet(),
        fates in fates(),
        policy in any_policy(),
        dscps in vec(select(vec![0_u8, 8, 10, 12, 18, 46, 1]), 127),
    ) {
        let octets = if packet.dscps.is_some() { with_dscps(&packet, &dscps) } else { packet.octets() };
        let net = net(&packet, &fates);
        let arrived = parse(&octets);
        let result = forward_with(&octets, &net, policy, &[]).unwrap();
        prop_assert!(result.log.sent.len() <= packet.bits.len());

        let own: DestinationSet = packet.bits.iter().filter(|&i| matches!(fates[i], Fate::Own)).collect();
        prop_assert_eq!(result.outcome.local_destinations, own);
        let x2u = x2u_possible(&packet);
        let reachable: DestinationSet = packet.bits.iter().filter(|&i| packet.hop_limit > 1 && match fates[i] {
            Fate::Own | Fate::NoRoute => false,
            Fate::Route(_, capable) => capable || (x2u && policy.premature_x2u),
            Fate::Tunnel(..) => true,
        }).collect();
        if policy.premature_x2u || !policy.x2u || !x2u {
            prop_assert_eq!(result.outcome.sent, reachable);
        } else {
            // X2U of groups of one reaches further.
            prop_assert!(reachable.is_subset(result.outcome.sent));
        }

        for sent in &result.log.sent {
            for index in sent.destinations.iter() {
                prop_assert_eq!(net.routes[&packet.addresses[index]].next_hop, sent.next_hop);
            }
            check_copy(&packet, &arrived, sent)?;
        }
    }

    #[test]
    fn no_octets_make_it_panic(octets in vec(any::<u8>(), 0..200), start in select(vec![0x45_u8, 0x46, 0x60])) {
        let mut octets = octets;
        if let Some(first) = octets.first_mut() {
            *first = start;
        }
        let net = Everything;
        let mut router = Router::new(code_points(), policy(|policy| policy.checksum = ChecksumPolicy::Ignore));
        let _ = router.forward(Instant::START, None, &octets, &net, &mut Log::default());
    }

    /// Good packets with octets changed, checksums repaired where that is possible, so that the changes get far.
    #[test]
    fn no_damage_makes_it_panic(
        packet in any_packet(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut octets = packet.octets();
        for (index, value) in changes {
            let len = octets.len();
            // The headers, mostly.
            let at = index.index(len.min(120));
            octets[at] = value;
        }
        if let Some(cut) = cut {
            let len = cut.index(octets.len());
            octets.truncate(len);
        }
        if octets.len() >= 60 && octets[0] >> 4 == 4 {
            let len = usize::from(octets[0] & 15) * 4;
            if len >= 20 && len <= octets.len() {
                octets[10..12].fill(0);
                let checksum = !ones_complement_sum(&octets[..len]);
                octets[10..12].copy_from_slice(&checksum.to_be_bytes());
            }
        }
        let mut router = Router::new(code_points(), policy(|policy| policy.checksum = ChecksumPolicy::Ignore));
        let result = router.forward(Instant::START, None, &octets, &Everything, &mut Log::default());
        check_counters(&router.counters, &result);
    }
}

/// A route to everywhere, over all kinds of next hop.
struct Everything;

impl RouteLookup for Everything {
    type NextHop = u8;

    fn is_local(&self, address: IpAddr) -> bool {
        address_octets(address).last() == Some(&3)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        let last = *address_octets(destination).last().unwrap();
        Some(Route { next_hop: last % 8, xcast_capable: last.is_multiple_of(2), mtu: 1500 })
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        address_octets(destination).last()?.is_multiple_of(3).then_some(tunnel(1))
    }
}

fn check_copy(packet: &Packet, arrived: &XcastPacket<'_>, sent: &Sent) -> Result<(), TestCaseError> {
    let octets = match sent.kind {
        CopyKind::Tunnelled => {
            let (outer, inner) = IpHeader::split(&sent.octets).unwrap();
            prop_assert_eq!(outer.next_header(), packet.family().protocol());
            prop_assert_eq!(outer.packet_len(), sent.octets.len());
            inner
        }
        _ => &sent.octets,
    };
    let (ip, mut rest) = IpHeader::split(octets).unwrap();
    prop_assert_eq!(ip.packet_len(), octets.len());
    prop_assert_eq!(ip.hop_limit(), packet.hop_limit - 1);
    prop_assert_eq!(ip.source(), packet.source);
    if let IpHeader::V4(header) = &ip {
        prop_assert!(header.checksum_ok());
    }
    let dscp = sent.destinations.iter().filter_map(|index| arrived.dscp(index)).reduce(|a, b| a.merge(b).unwrap());
    prop_assert_eq!(ip.dscp(), dscp.unwrap_or(Dscp::DEFAULT));
    if sent.kind == CopyKind::Unicast {
        let index = sent.destinations.first().unwrap();
        prop_assert_eq!(sent.destinations.len(), 1);
        prop_assert_eq!(ip.destination(), packet.addresses[index]);
        let mut number = ip.next_header();
        while packet.family() == Family::V6 && number == protocol::DESTINATION_OPTIONS {
            let header = ExtensionHeader::read(octets, number, octets.len() - rest.len()).unwrap();
            number = header.next_header();
            rest = &octets[header.end()..];
        }
        prop_assert_eq!(number, packet.next_protocol);
        prop_assert_eq!(rest.len(), packet.payload.len());
        if let Some((at, min_len)) = checksum_field(number) {
            // As right or wrong as it came.
            let before = transport_sum(number, packet.source, group(packet.family()), &packet.payload);
            let after = transport_sum(number, packet.source, packet.addresses[index], rest);
            if packet.payload[at..at + 2] != [0, 0] {
                prop_assert_eq!(before == 0xffff, after == 0xffff);
            }
            prop_assert_eq!(&rest[min_len..], &packet.payload[min_len..]);
            let port = packet.ports.as_ref().filter(|_| number != protocol::ICMPV6).map(|ports| ports[index]);
            if let Some(port) = port {
                prop_assert_eq!(&rest[2..4], port.to_be_bytes());
            }
        } else {
            prop_assert_eq!(rest, &packet.payload[..]);
        }
        return Ok(());
    }
    let copy = XcastPacket::parse(octets, &code_points(), ChecksumPolicy::Verify)
        .map_err(|error| TestCaseError::fail(format!("{error}")))?;
    prop_assert_eq!(copy.bits(), sent.destinations);
    prop_assert_eq!(copy.payload(), &packet.payload[..]);
    prop_assert_eq!(ip.destination(), group(packet.family()));
    for index in 0..packet.addresses.len() {
        let hidden = packet.anonymous && !sent.destinations.contains(index);
        let shown = copy.destination(index).unwrap();
        prop_assert_eq!(shown.is_unspecified(), hidden);
        prop_assert_eq!(shown == packet.addresses[index], !hidden);
        prop_assert_eq!(copy.port(index), arrived.port(index));
        prop_assert_eq!(copy.dscp(index), arrived.dscp(index));
    }
    Ok(())
}
