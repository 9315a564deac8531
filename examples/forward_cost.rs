//! What forwarding costs, by the number of destinations: the program that `examples/picture/forward_cost.py` counts the
//! instructions of. It prints the numbers of destinations and of next hops in the order in which it forwards.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use xcast_sec::forward::{FnEgress, PacketCopy, Route, RouteLookup, Router, RouterPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, DestinationSet, Destinations, EmitError, XcastRepr, protocol};

/// Octets behind the headers.
const PAYLOAD: usize = 1400;
const MAX_DESTINATIONS: u8 = 127;

/// The last octet of an address says which of `next_hops` leads to it.
struct Routes {
    next_hops: u8,
}

impl RouteLookup for Routes {
    type NextHop = u8;

    fn is_local(&self, _: IpAddr) -> bool {
        false
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        let IpAddr::V4(address) = destination else { return None };
        Some(Route { next_hop: address.octets()[3] % self.next_hops, xcast_capable: true, mtu: 9000 })
    }
}

fn packet(destinations: u8, code_points: &CodePoints) -> Result<Vec<u8>, EmitError> {
    let addresses: Vec<Ipv4Addr> = (0..destinations).map(|last| [10, 0, 0, last].into()).collect();
    let repr = XcastRepr {
        destinations: Destinations::V4 { source: [10, 1, 0, 1].into(), channel: [0; 4], addresses: &addresses },
        bits: DestinationSet::first_n(addresses.len()),
        dscps: None,
        ports: None,
        anonymous: false,
        no_x2u: true,
        bitmap: BitmapPlace::Header,
        hop_limit: 64,
        next_protocol: protocol::UDP,
    };
    let mut packet = vec![0; repr.encoded_len(PAYLOAD)];
    repr.emit(code_points, PAYLOAD, &mut packet)?;
    Ok(packet)
}

/// What is counted: one packet in, the headers of its copies out.
#[inline(never)]
fn measured(router: &mut Router, packet: &[u8], routes: &Routes, headers: &mut [u8]) -> usize {
    let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| copy.emit_header(headers).map(|len| _ = black_box(len)));
    let outcome = router.forward(Instant::START, None, packet, routes, &mut egress);
    outcome.map_or(0, |outcome| outcome.copies)
}

fn main() -> Result<(), EmitError> {
    let code_points = CodePoints::rfc4727_experiment();
    let mut headers = vec![0; 2048];
    // The first packet of a program finds nothing where it is afterwards.
    for (round, next_hops) in [10, 10, MAX_DESTINATIONS].into_iter().enumerate() {
        let mut router = Router::new(code_points, RouterPolicy::default());
        for destinations in 1..=MAX_DESTINATIONS {
            let packet = packet(destinations, &code_points)?;
            let copies = measured(&mut router, black_box(&packet), &Routes { next_hops }, &mut headers);
            assert_eq!(copies, usize::from(destinations.min(next_hops)), "copies");
            println!("{round} {destinations} {next_hops}");
        }
    }
    Ok(())
}
