//! What every packet goes through between being read and being sent, whatever its format (WIRE.md §9 steps 1, 2 and 8).

use core::net::IpAddr;

use super::counters::add;
use super::{Counters, Outcome, ReversePath, RouteLookup};
use crate::wire::{DestinationSet, Dscp, MAX_DESTINATIONS, is_routable_unicast};

/// A packet to be served, in any format.
pub(super) trait Arrived {
    /// The destinations still to be served.
    fn bits(&self) -> DestinationSet;
    /// The address of one.
    fn destination(&self, index: usize) -> Option<IpAddr>;
    /// Its port, if there are ports.
    fn port(&self, index: usize) -> Option<u16>;
    /// Its DSCP, if there are DSCPs.
    fn dscp(&self, index: usize) -> Option<Dscp>;
    /// Whether it holds an ICMP echo request of somebody else's.
    fn is_echo_request(&self) -> bool;
    /// The hop limit that is left when it goes on; 0 if it does not.
    fn hop_limit_left(&self) -> u8;
}

/// The destinations that copies are for. The others are counted; `outcome` says which of them are the router itself.
pub(super) fn remote<A: Arrived, R: RouteLookup + ?Sized>(
    arrived: &A,
    allow_echo: bool,
    routes: &R,
    counters: &mut Counters,
    outcome: &mut Outcome,
) -> DestinationSet {
    if !allow_echo && arrived.is_echo_request() {
        add(&mut counters.echo_requests, 1);
        return DestinationSet::EMPTY;
    }
    let bits = arrived.bits();
    if bits.is_empty() {
        add(&mut counters.nothing_to_do, 1);
        return DestinationSet::EMPTY;
    }
    add(&mut counters.destinations, bits.len());
    let duplicates = duplicates(arrived);
    add(&mut counters.duplicate, duplicates.len());
    let distinct = bits.difference(duplicates);

    let is_local = |&index: &usize| arrived.destination(index).is_some_and(|address| routes.is_local(address));
    outcome.local_destinations = distinct.iter().filter(is_local).collect();
    outcome.local = !outcome.local_destinations.is_empty();
    add(&mut counters.local, outcome.local_destinations.len());
    let remote = distinct.difference(outcome.local_destinations);
    if arrived.hop_limit_left() == 0 {
        add(&mut counters.hop_limit, remote.len());
        return DestinationSet::EMPTY;
    }
    remote
}

/// The destinations to be served that repeat an earlier one: address, and port if there are ports (WIRE.md §5).
/// Sorted rather than compared pair by pair, as a sender chooses how many there are.
fn duplicates<A: Arrived>(arrived: &A) -> DestinationSet {
    let mut order: heapless::Vec<usize, MAX_DESTINATIONS> = heapless::Vec::new();
    for index in arrived.bits().iter() {
        // There is room for all.
        let _ = order.push(index);
    }
    let target = |index: usize| (arrived.destination(index), arrived.port(index));
    order.sort_unstable_by_key(|&index| (target(index), index));
    let pairs = order.iter().zip(order.iter().skip(1));
    pairs.filter(|&(&earlier, &later)| target(earlier) == target(later)).map(|(_, &later)| later).collect()
}

/// The first of `addresses` that packets are not routed to, whether its bit is set or not: a bit may have been cleared on the
/// way here. Zero stands for an address erased.
pub(super) fn first_unusable(
    mut addresses: impl Iterator<Item = IpAddr>,
    anonymous: bool,
    bits: DestinationSet,
) -> Option<usize> {
    let mut index = 0_usize;
    addresses.position(|address| {
        let erased = anonymous && address.is_unspecified() && !bits.contains(index);
        index = index.saturating_add(1);
        !erased && !is_routable_unicast(address)
    })
}

/// Whether the way back to `source` is as policy asks, for a packet that came from the neighbour `from`.
pub(super) fn reverse_path_ok<R: RouteLookup + ?Sized>(
    policy: ReversePath,
    source: IpAddr,
    from: Option<R::NextHop>,
    routes: &R,
) -> bool {
    match policy {
        ReversePath::Unchecked => true,
        ReversePath::Loose => routes.route(source).is_some(),
        ReversePath::Strict => from.is_some_and(|from| routes.is_reverse_path(source, from)),
    }
}
