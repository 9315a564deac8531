//! One packet in, N copies out: whole, and as headers with the payload lent.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::forward::{FnEgress, PacketCopy, Route, RouteLookup, Router, RouterPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, DestinationSet, Destinations, UdpRepr, XcastRepr, protocol};

use super::{Course, Entry, Row};

/// Octets of the packet, if nothing else is said.
const PACKET: usize = 1640;
/// Buffers in a ring, as a device has them: of 1640 octets each they take 6.7 MB.
const RING: usize = 4096;
/// Octets of the longest headers: those for 125 destinations in IPv6.
const MAX_HEADERS: usize = 2200;
/// Times in a run.
pub(crate) const TIMES: usize = 8;

/// Destinations are spread over so many next hops, by the last octets of their addresses.
struct Spread(u16);

impl RouteLookup for Spread {
    type NextHop = u16;

    fn is_local(&self, _: IpAddr) -> bool {
        false
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u16>> {
        let next_hop = match destination {
            IpAddr::V4(address) => u16::from(address.octets()[3]),
            IpAddr::V6(address) => address.segments()[7],
        };
        let next_hop = next_hop % self.0;
        Some(Route { next_hop, xcast_capable: true, mtu: 65_535 })
    }
}

/// A next hop for every destination.
const EVERY: u16 = u16::MAX;

/// `len` octets of IPv6, Xcast6 and UDP for `destinations`, with X=1: every copy stays Xcast.
pub(crate) fn packet(destinations: usize, len: usize) -> Vec<u8> {
    let source: Ipv6Addr = "2001:db8::a".parse().expect("an address");
    let addresses: Vec<_> =
        (0..destinations).map(|at| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, at as u16)).collect();
    built(Destinations::V6 { source, channel: [0; 16], addresses: &addresses }, destinations, true, len)
}

/// `len` octets of IPv4, Xcast4 and UDP for `destinations`, with X=0: a copy for one of them becomes unicast.
pub(crate) fn packet_v4(destinations: usize, len: usize) -> Vec<u8> {
    let source = Ipv4Addr::new(192, 0, 2, 1);
    let addresses: Vec<_> = (0..destinations).map(|at| Ipv4Addr::new(198, 18, 0, at as u8)).collect();
    built(Destinations::V4 { source, channel: [0; 4], addresses: &addresses }, destinations, false, len)
}

fn built(list: Destinations<'_>, destinations: usize, no_x2u: bool, len: usize) -> Vec<u8> {
    let code_points = CodePoints::rfc4727_experiment();
    let fields = code_points.fields();
    let (source, routers): (IpAddr, IpAddr) = match list {
        Destinations::V4 { source, .. } => (source.into(), fields.routers_v4.into()),
        Destinations::V6 { source, .. } => (source.into(), fields.routers_v6.into()),
    };
    let header = XcastRepr {
        destinations: list,
        bits: DestinationSet::first_n(destinations),
        dscps: None,
        ports: None,
        anonymous: false,
        no_x2u,
        bitmap: BitmapPlace::Header,
        hop_limit: 64,
        next_protocol: protocol::UDP,
    };
    let body = vec![0xab; len - header.encoded_len(8)];
    let datagram = UdpRepr { source_port: 1, destination_port: 2, payload: &body };
    let mut octets = vec![0; len];
    let payload = header.emit(&code_points, datagram.encoded_len(), &mut octets).expect("fits");
    datagram.emit(source, routers, payload).expect("fits");
    octets
}

fn router() -> Router {
    Router::new(CodePoints::rfc4727_experiment(), RouterPolicy::default())
}

/// Buffers that copies go to, one after the other and then from the beginning.
struct Ring {
    buffers: Vec<Vec<u8>>,
    next: usize,
}

impl Ring {
    fn new(buffers: usize, len: usize) -> Self {
        Self { buffers: vec![vec![0; len]; buffers], next: 0 }
    }

    fn next(&mut self) -> &mut [u8] {
        let at = self.next;
        self.next = if at + 1 == self.buffers.len() { 0 } else { at + 1 };
        &mut self.buffers[at]
    }
}

/// Copies of `packet`, each into a buffer of its own out of so many.
fn whole(packet: Vec<u8>, copies: usize, buffers: usize) -> impl Entry {
    let (mut router, mut ring) = (router(), Ring::new(buffers, packet.len()));
    move || {
        for _ in 0..TIMES {
            let mut egress = FnEgress(|_: u16, copy: &PacketCopy<'_>| copy.emit(ring.next()).map(drop));
            let outcome = router.forward(Instant::START, None, black_box(&packet), &Spread(EVERY), &mut egress);
            assert_eq!(outcome.expect("forwards").copies, copies);
        }
        black_box(&mut ring.buffers);
    }
}

/// The memory copies alone.
fn copied(packet: Vec<u8>, copies: usize, buffers: usize) -> impl Entry {
    let mut ring = Ring::new(buffers, packet.len());
    move || {
        for _ in 0..TIMES {
            let packet = black_box(&packet);
            for _ in 0..copies {
                black_box(ring.next()).copy_from_slice(packet);
            }
        }
    }
}

/// Headers of copies of `packet`, each into a buffer of its own; where the payload lies is noted.
pub(crate) fn gathered(packet: Vec<u8>, copies: usize) -> impl Entry {
    gathered_for(packet, copies, EVERY, copies)
}

/// The same with destinations spread over `next_hops`, and so many buffers for headers.
pub(crate) fn gathered_for(packet: Vec<u8>, copies: usize, next_hops: u16, buffers: usize) -> impl Entry {
    let (mut router, mut ring) = (router(), Ring::new(buffers, MAX_HEADERS));
    let mut payloads = Vec::with_capacity(copies);
    move || {
        for _ in 0..TIMES {
            payloads.clear();
            let mut egress = FnEgress(|_: u16, copy: &PacketCopy<'_>| {
                payloads.push(copy.payload().as_ptr_range());
                copy.emit_header(ring.next()).map(drop)
            });
            let outcome = router.forward(Instant::START, None, black_box(&packet), &Spread(next_hops), &mut egress);
            assert_eq!(outcome.expect("forwards").copies, copies);
            black_box(&payloads);
        }
        black_box(&mut ring.buffers);
    }
}

pub(crate) fn all(course: &mut dyn Course) {
    let row = |operation: &str, copies, ring| {
        let size = format!("{copies} copies{}", if ring == copies { "" } else { ", ring" });
        Row::new(operation, size, "memory copies", TIMES)
    };
    // Into the same buffers again and again, which stay in the first cache, and round a ring of buffers that do not.
    let sizes = [1, 2, 10, 50].map(|copies| (copies, copies)).into_iter().chain([(10, RING), (50, RING)]);
    for (copies, ring) in sizes.clone() {
        let row = row("forward, whole copies", copies, ring).at_most(1.05);
        let packet = packet(copies, PACKET);
        if course.wants(&row) {
            course.contest(row, &mut whole(packet.clone(), copies, ring), &mut copied(packet, copies, ring));
        }
    }
    for (copies, ring) in sizes {
        let row = row("forward, scatter-gather", copies, ring).at_most(0.22);
        let packet = packet(copies, PACKET);
        if course.wants(&row) {
            let mut ours = gathered_for(packet.clone(), copies, EVERY, ring);
            course.contest(row, &mut ours, &mut copied(packet, copies, ring));
        }
    }
    let row = Row::new("forward, scatter-gather", "10 copies, 8000", "1640 octets", TIMES).at_most(1.05);
    course.contest(row, &mut gathered(packet(10, 8000), 10), &mut gathered(packet(10, PACKET), 10));
}
