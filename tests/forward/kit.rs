//! A network around a router, and packets for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::common::{Packet, ones_complement_sum, source};
use xcast_sec::forward::{
    CopyKind, Counters, Egress, ForwardError, Outcome, OwnAddress, PacketCopy, Route, RouteLookup, Router,
    RouterPolicy, SemiPermeable, Tunnel,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, EmitError, Family, Ipv4Repr, Ipv6Repr, XcastPacket,
    bitmap_len, protocol,
};

pub(crate) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

pub(crate) fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

pub(crate) fn set(indices: &[usize]) -> DestinationSet {
    indices.iter().copied().collect()
}

// --- A network around the router ----------------------------------------------------------------------------------------

/// Routes by host, and what was asked for.
#[derive(Default)]
pub(crate) struct Net {
    pub(crate) own: Vec<IpAddr>,
    pub(crate) routes: HashMap<IpAddr, Route<u8>>,
    pub(crate) tunnels: HashMap<IpAddr, Tunnel>,
    /// Own and other ends of the tunnels that packets come out of.
    pub(crate) peers: Vec<(IpAddr, IpAddr)>,
    pub(crate) asked: RefCell<Vec<IpAddr>>,
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

    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        self.peers.contains(&(local, remote))
    }
}

pub(crate) fn route(next_hop: u8) -> Route<u8> {
    Route { next_hop, xcast_capable: true, mtu: 1500 }
}

pub(crate) fn legacy(next_hop: u8) -> Route<u8> {
    Route { xcast_capable: false, ..route(next_hop) }
}

impl Net {
    /// A route for each destination of `packet`, in order; none for those beyond.
    pub(crate) fn new(packet: &Packet, routes: &[Route<u8>]) -> Self {
        let routes = packet.addresses.iter().copied().zip(routes.iter().copied()).collect();
        Self { routes, ..Self::default() }
    }

    /// One route for all of them.
    pub(crate) fn uniform(packet: &Packet, route: Route<u8>) -> Self {
        Self::new(packet, &vec![route; packet.addresses.len()])
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) next_hop: u8,
    pub(crate) kind: CopyKind,
    pub(crate) destinations: DestinationSet,
    pub(crate) octets: Vec<u8>,
}

/// Writes every copy down, in every way it can be written.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) sent: Vec<Sent>,
    pub(crate) too_big: Vec<(u8, usize, DestinationSet)>,
    pub(crate) failing: Vec<u8>,
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

/// `inner` in an outer header with `next_header` and, in IPv6, the extension headers `front`.
pub(crate) fn outside(ends: (IpAddr, IpAddr), hop_limit: u8, class: u8, front: &[u8], inner: &[u8]) -> Vec<u8> {
    let protocol = if inner[0] >> 4 == 4 { protocol::IPV4 } else { protocol::IPV6 };
    let payload_len = front.len() + inner.len();
    let mut packet;
    match ends {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet = vec![0; 20];
            Ipv4Repr { tos: class, ttl: hop_limit, protocol, source, destination, options_len: 0, payload_len }
                .emit(&mut packet)
                .unwrap();
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet = vec![0; 40];
            let next_header = if front.is_empty() { protocol } else { protocol::HOP_BY_HOP };
            Ipv6Repr { traffic_class: class, hop_limit, next_header, source, destination, payload_len }
                .emit(&mut packet)
                .unwrap();
        }
        _ => unreachable!(),
    }
    [&packet[..], front, inner].concat()
}

/// The Hop-by-Hop header of a semi-permeable tunnel (WIRE.md §9, §1).
pub(crate) const SEMI_PERMEABLE: [u8; 8] = [protocol::IPV6, 0, 0x1e, 0, 1, 2, 0, 0];

pub(crate) struct Forwarded {
    pub(crate) outcome: Outcome,
    pub(crate) log: Log,
    pub(crate) counters: Counters,
}

impl Forwarded {
    /// Next hop, kind and destinations of each copy.
    pub(crate) fn shape(&self) -> Vec<(u8, CopyKind, DestinationSet)> {
        self.log.sent.iter().map(|sent| (sent.next_hop, sent.kind, sent.destinations)).collect()
    }
}

pub(crate) fn forward_with(
    octets: &[u8],
    net: &Net,
    policy: RouterPolicy,
    failing: &[u8],
) -> Result<Forwarded, ForwardError> {
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

pub(crate) fn forward(octets: &[u8], net: &Net) -> Forwarded {
    forward_with(octets, net, policy(|_| ()), &[]).unwrap()
}

pub(crate) fn refuse(octets: &[u8], net: &Net) -> ForwardError {
    forward_with(octets, net, policy(|_| ()), &[]).map(|result| result.shape()).unwrap_err()
}

/// The default, but that every kind of packet is taken.
pub(crate) fn policy(change: impl FnOnce(&mut RouterPolicy)) -> RouterPolicy {
    let mut policy = RouterPolicy::default();
    policy.semi_permeable = SemiPermeable::PassOn;
    policy.own_address = OwnAddress::AsGroup;
    change(&mut policy);
    policy
}

/// Every packet and every destination is counted exactly once.
pub(crate) fn check_counters(c: &Counters, result: &Result<Outcome, ForwardError>) {
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

pub(crate) fn group(family: Family) -> IpAddr {
    match family {
        Family::V4 => code_points().fields().routers_v4.into(),
        Family::V6 => code_points().fields().routers_v6.into(),
    }
}

pub(crate) fn address_octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Where the checksum of a transport header stands, and how long a segment at least is.
pub(crate) fn checksum_field(number: u8) -> Option<(usize, usize)> {
    match number {
        protocol::UDP | protocol::UDP_LITE => Some((6, 8)),
        protocol::TCP => Some((16, 18)),
        protocol::ICMPV6 => Some((2, 4)),
        _ => None,
    }
}

/// The sum over pseudo-header and segment, from the start: 0xffff if the checksum in the segment is right. A pseudo-header
/// is laid out as RFC 8200 §8.1 has it: in RFC 768's the same words stand in another order.
pub(crate) fn transport_sum(number: u8, from: IpAddr, to: IpAddr, segment: &[u8]) -> u16 {
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
pub(crate) fn segment(number: u8, from: IpAddr, to: IpAddr, port: u16, tail: &[u8]) -> Vec<u8> {
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

pub(crate) fn unicast(
    family: Family,
    number: u8,
    to: IpAddr,
    hop_limit: u8,
    traffic_class: u8,
    segment: &[u8],
) -> Vec<u8> {
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

pub(crate) fn transports(family: Family) -> Vec<u8> {
    let own = if family == Family::V4 { protocol::ICMP } else { protocol::ICMPV6 };
    vec![protocol::UDP, protocol::UDP_LITE, protocol::TCP, own]
}

/// Where the Xcast header stands.
pub(crate) fn xcast_at(packet: &[u8]) -> usize {
    let xcast = XcastPacket::parse(packet, &code_points(), ChecksumPolicy::Ignore).unwrap();
    xcast.header().as_octets().as_ptr() as usize - packet.as_ptr() as usize
}

/// Makes CHECKSUM and the IPv4 header checksum right again after an edit.
pub(crate) fn fix_checksums(packet: &mut [u8]) {
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
pub(crate) fn address_at(packet: &Packet, octets: &[u8], index: usize) -> usize {
    let (fixed, size) = if packet.family() == Family::V4 { (12, 4) } else { (24, 16) };
    let bitmap = match packet.place {
        BitmapPlace::Header => bitmap_len(packet.family(), packet.addresses.len()),
        BitmapPlace::Option => 0,
    };
    xcast_at(octets) + fixed + bitmap + size * index
}

/// The packet with address `index` overwritten, which no builder would do.
pub(crate) fn with_address(packet: &Packet, index: usize, address: IpAddr) -> Vec<u8> {
    let mut octets = packet.octets();
    let at = address_at(packet, &octets, index);
    let address = address_octets(address);
    octets[at..at + address.len()].copy_from_slice(&address);
    fix_checksums(&mut octets);
    octets
}

/// The packet with its DSCPs overwritten by some that need not merge.
pub(crate) fn with_dscps(packet: &Packet, dscps: &[u8]) -> Vec<u8> {
    let mut octets = packet.octets();
    let at = address_at(packet, &octets, packet.addresses.len());
    for (octet, dscp) in octets[at..].iter_mut().zip(dscps).take(packet.addresses.len()) {
        *octet = dscp << 2;
    }
    fix_checksums(&mut octets);
    octets
}

/// An AH of 24 octets that nobody verifies.
pub(crate) fn ah(next_header: u8) -> Vec<u8> {
    let mut ah = vec![0x77; 24];
    ah[..4].copy_from_slice(&[next_header, 4, 0, 0]);
    ah
}

/// `octets` with `inserted` at `at`, announced as `number` by the octet at `announced_at`; lengths follow.
pub(crate) fn insert(mut octets: Vec<u8>, at: usize, inserted: &[u8], announced_at: usize, number: u8) -> Vec<u8> {
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

pub(crate) fn plain(family: Family, count: usize) -> Packet {
    let mut packet = Packet::plain(family, count);
    packet.payload = segment(protocol::UDP, source(family), group(family), 9, b"....for you..");
    packet
}

pub(crate) fn parse(octets: &[u8]) -> XcastPacket<'_> {
    XcastPacket::parse(octets, &code_points(), ChecksumPolicy::Verify).unwrap()
}

pub(crate) const DST: u8 = protocol::DESTINATION_OPTIONS;

/// One IPv6 packet put together by hand: extension headers in front of the Routing header, the Routing header for one
/// destination, what follows it.
pub(crate) fn by_hand_v6(
    front: &[(u8, &[u8])],
    separated: bool,
    behind: &[(u8, &[u8])],
    number: u8,
    segment: &[u8],
) -> Vec<u8> {
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
pub(crate) fn chain(ip: &[u8], mut headers: Vec<(u8, Vec<u8>)>, number: u8, segment: &[u8]) -> Vec<u8> {
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

pub(crate) fn tunnel(remote: u8) -> Tunnel {
    Tunnel::v4(Ipv4Addr::new(203, 0, 113, 254), Ipv4Addr::new(203, 0, 113, remote))
}

pub(crate) fn refuse_any(octets: &[u8], packet: &Packet) -> ForwardError {
    refuse(octets, &Net::uniform(packet, route(1)))
}

pub(crate) fn set_traffic_class(octets: &mut [u8], class: u8) {
    if octets[0] >> 4 == 4 {
        octets[1] = class;
        fix_checksums(octets);
    } else {
        octets[0] = 0x60 | class >> 4;
        octets[1] = class << 4 | octets[1] & 15;
    }
}
