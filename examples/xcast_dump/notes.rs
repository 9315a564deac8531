//! What a sound packet meets all the same: what routers and receivers refuse, drop or change.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::IpAddr;

use xcast_sec::forward::{CopyKind, FnEgress, ForwardError, PacketCopy, Route, RouteLookup, Router, RouterPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::xcast6_v2::PacketV2;
use xcast_sec::wire::{ChecksumPolicy, CodePoints, DestinationSet, XcastPacket, is_routable_unicast};

use super::names::with_port;

/// More than any packet has.
const NO_MTU: usize = usize::MAX;

/// Routes on which every destination has a neighbour of its own.
struct Everywhere;

impl RouteLookup for Everywhere {
    type NextHop = IpAddr;

    fn is_local(&self, _address: IpAddr) -> bool {
        false
    }

    fn route(&self, destination: IpAddr) -> Option<Route<IpAddr>> {
        Some(Route { next_hop: destination, xcast_capable: true, mtu: NO_MTU })
    }
}

/// What a router with default policy says of a packet, a next hop for each of its destinations.
pub(crate) struct RouterSays {
    pub(crate) notes: Vec<String>,
    /// The destinations that it would reach by unicast packets (X2U).
    pub(crate) unicast: DestinationSet,
}

/// Asks the library's router. `checked` is whether CHECKSUM is right; if not, that is known already.
pub(crate) fn router_says(packet: &XcastPacket<'_>, code_points: &CodePoints) -> RouterSays {
    let mut policy = RouterPolicy::default();
    policy.checksum = ChecksumPolicy::Ignore;
    let mut router = Router::new(*code_points, policy);
    let mut unicast = DestinationSet::EMPTY;
    let mut egress = FnEgress(|_: IpAddr, copy: &PacketCopy<'_>| {
        if copy.kind() == CopyKind::Unicast {
            unicast = unicast.union(copy.destinations());
        }
        Ok::<(), Infallible>(())
    });
    let mut notes = Vec::new();
    match router.forward(Instant::START, None, packet.as_octets(), &Everywhere, &mut egress) {
        Ok(_) => {}
        Err(ForwardError::Refused(refusal)) => notes.push(format!("routers refuse it: {refusal}")),
        Err(ForwardError::NotForUs) => {
            let to = packet.ip().destination();
            notes.push(format!(
                "addressed to {to} and not to All_Xcast_Routers: only a router with that address takes it"
            ));
        }
        // The addresses are looked at below, all of them; and what cannot be parsed is not here.
        Err(_) => {}
    }
    if router.counters.echo_requests > 0 {
        notes.push("routers drop it: an echo request, which every destination would answer".into());
    }
    let source = packet.ip().source();
    let listed = (0..packet.header().destination_count()).filter_map(|index| {
        Some(Listed {
            index,
            address: packet.destination(index)?,
            port: packet.port(index),
            set: packet.bits().contains(index),
        })
    });
    common(&mut notes, &[source], listed, packet.header().anonymous(), packet.ip().hop_limit());
    RouterSays { notes, unicast }
}

/// The same for XCAST6 2.0.
pub(crate) fn router_says_v2(packet: &PacketV2<'_>, echo_request: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if echo_request {
        notes.push("routers drop it: an echo request, which every destination would answer".into());
    }
    let sources = [packet.inner().source().into(), packet.outer().source().into()];
    let listed = packet.destinations().enumerate().map(|(index, address)| Listed {
        index,
        address: address.into(),
        port: None,
        set: packet.bits().contains(index),
    });
    common(&mut notes, &sources, listed, packet.anonymous(), packet.outer().hop_limit());
    notes
}

/// A destination as listed.
struct Listed {
    index: usize,
    address: IpAddr,
    port: Option<u16>,
    set: bool,
}

fn common(
    notes: &mut Vec<String>,
    sources: &[IpAddr],
    listed: impl Iterator<Item = Listed>,
    anonymous: bool,
    hop_limit: u8,
) {
    let mut unusable: Vec<_> = sources.iter().filter(|&&source| !is_routable_unicast(source)).collect();
    unusable.dedup();
    for source in unusable {
        notes.push(format!("routers drop it: no packet can come from {source}"));
    }
    let (mut seen, mut any_set) = (HashSet::new(), false);
    for Listed { index, address, port, set } in listed {
        any_set |= set;
        let erased = anonymous && address.is_unspecified() && !set;
        if !erased && !is_routable_unicast(address) {
            notes.push(format!("routers drop it: destination {index}, {address}, cannot be routed to"));
        }
        if set && !seen.insert((address, port)) {
            let target = with_port(address, port);
            notes.push(format!(
                "destination {index}, {target}, is listed before with its bit set: routers serve it once"
            ));
        }
    }
    if !any_set {
        notes.push("no bit is set: routers have nothing to do".into());
    } else if hop_limit <= 1 {
        notes.push(format!("hop limit {hop_limit}: no router forwards it any further"));
    }
}
