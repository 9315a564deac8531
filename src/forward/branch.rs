//! Which destinations share a copy (RFC 5058 §2, §8.2).

use core::net::IpAddr;

use super::serve::Arrived;
use super::{Route, RouteLookup, Tunnel};
use crate::wire::{DestinationSet, Dscp, DscpMerge, DscpSet, MAX_DESTINATIONS};

/// The destinations behind one next hop whose DSCPs merge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch<H> {
    /// Whether the next hop is the far end of a tunnel: that to the first destination, and to all others.
    pub(super) by_tunnel: bool,
    /// The next hop, or that of the tunnel's outer header.
    pub(super) route: Route<H>,
    pub(super) destinations: DestinationSet,
    dscps: DscpSet,
}

/// Where one destination goes, but for the next hop.
pub(super) struct Way {
    mtu: usize,
    destination: u8,
    xcast_capable: bool,
    by_tunnel: bool,
}

/// Room for the way to each destination. With a small next hop it is 1.1 kB on a 32-bit host, 2.1 kB on a 64-bit one.
pub(super) struct Hops<H> {
    /// By themselves, as the search for equal ones goes over all of them.
    next_hops: heapless::Vec<H, MAX_DESTINATIONS>,
    ways: heapless::Vec<Way, MAX_DESTINATIONS>,
}

impl<H> Hops<H> {
    pub(super) const fn new() -> Self {
        Self { next_hops: heapless::Vec::new(), ways: heapless::Vec::new() }
    }
}

/// The ways to all destinations, looked up once. Branches are made of them one at a time, so that the stack holds one: a branch
/// is several times as large as a way.
pub(super) struct Branches<'h, H> {
    /// Lent: inside, the compiler would fill all of it with zeros for every packet.
    hops: &'h mut Hops<H>,
    /// Which of them no branch has, by their places.
    waiting: DestinationSet,
}

impl<'h, H: Copy + PartialEq> Branches<'h, H> {
    /// `hops` is empty.
    pub(super) const fn new(hops: &'h mut Hops<H>) -> Self {
        Self { hops, waiting: DestinationSet::EMPTY }
    }

    /// Looks up `destinations`, and returns those without a route. `tunnel` names the tunnel that is the next hop to an address,
    /// if there is one.
    pub(super) fn look_up<A, R>(
        &mut self,
        arrived: &A,
        destinations: DestinationSet,
        routes: &R,
        tunnel: impl Fn(IpAddr) -> Option<Tunnel>,
    ) -> DestinationSet
    where
        A: Arrived,
        R: RouteLookup<NextHop = H> + ?Sized,
    {
        let mut no_route = DestinationSet::EMPTY;
        for index in destinations.iter() {
            let address = arrived.destination(index);
            let tunnel = address.and_then(&tunnel);
            let next = tunnel.map_or(address, |tunnel| Some(tunnel.remote()));
            match (next.and_then(|next| routes.route(next)), u8::try_from(index)) {
                (Some(Route { next_hop, xcast_capable, mtu }), Ok(destination)) => {
                    // There is room for as many as there are destinations.
                    let _ = self.hops.next_hops.push(next_hop);
                    let way = Way { mtu, destination, xcast_capable, by_tunnel: tunnel.is_some() };
                    let _ = self.hops.ways.push(way);
                }
                _ => no_route.insert(index),
            }
        }
        self.waiting = DestinationSet::first_n(self.hops.ways.len());
        no_route
    }

    /// The next branch, in the order of each one's first destination.
    ///
    /// With D=1 a destination joins the first branch of its next hop where its DSCP merges with that of every member, or begins
    /// a new one (project-defined: RFC 5058 §8.2 leaves the rule open). So a branch can be made whole before the next is begun:
    /// whether it takes a destination depends on its own members only.
    pub(super) fn next<A, M>(
        &mut self,
        arrived: &A,
        tunnel: impl Fn(IpAddr) -> Option<Tunnel>,
        rule: &M,
    ) -> Option<Branch<H>>
    where
        A: Arrived,
        M: DscpMerge + ?Sized,
    {
        // Looked up again rather than kept: it is several times as large as all else.
        let tunnel_to = |index: usize| arrived.destination(index).and_then(&tunnel);
        let place = self.waiting.first()?;
        self.waiting.remove(place);
        let (&next_hop, first) = (self.hops.next_hops.get(place)?, self.hops.ways.get(place)?);
        let (by_tunnel, index) = (first.by_tunnel, usize::from(first.destination));
        let route = Route { next_hop, xcast_capable: first.xcast_capable, mtu: first.mtu };
        let dscps = arrived.dscp(index).into_iter().collect();
        let mut branch = Branch { by_tunnel, route, destinations: DestinationSet::single(index), dscps };
        let equal = equal(&self.hops.next_hops, next_hop, self.waiting);
        let mut left = DestinationSet::EMPTY;
        for place in equal.iter() {
            let Some(way) = self.hops.ways.get(place) else { continue };
            let other = usize::from(way.destination);
            let dscp = arrived.dscp(other);
            let goes_along = way.by_tunnel == by_tunnel
                && branch.takes(dscp, rule)
                && (!by_tunnel || tunnel_to(index) == tunnel_to(other));
            if goes_along {
                branch.add(other, way, dscp);
            } else {
                left.insert(place);
            }
        }
        self.waiting = self.waiting.difference(equal).union(left);
        Some(branch)
    }
}

/// So many are compared without a branch, for the compiler to do it at once.
const ROW: usize = 16;

/// Which of `next_hops` are equal to `wanted`, of those at the places `waiting`.
fn equal<H: PartialEq + Copy>(next_hops: &[H], wanted: H, waiting: DestinationSet) -> DestinationSet {
    let Some(first) = waiting.first() else { return DestinationSet::EMPTY };
    let mut found = DestinationSet::EMPTY;
    // All in front of it are served.
    let mut at = first;
    let (rows, rest) = next_hops.get(at..).unwrap_or(&[]).as_chunks::<ROW>();
    for row in rows {
        if row.iter().fold(false, |any, next_hop| any | (*next_hop == wanted)) {
            found = found.union(equal_in(row, at, wanted));
        }
        at = at.wrapping_add(ROW);
    }
    found.union(equal_in(rest, at, wanted)).intersection(waiting)
}

/// Which of `next_hops`, at most a row, the first of which has the place `at`, are equal to `wanted`.
fn equal_in<H: PartialEq + Copy>(next_hops: &[H], at: usize, wanted: H) -> DestinationSet {
    let bits = next_hops.iter().rev().fold(0_u16, |bits, next_hop| bits >> 1 | u16::from(*next_hop == wanted) << 15);
    DestinationSet::from_row(bits, at)
}

impl<H> Branch<H> {
    fn takes<M: DscpMerge + ?Sized>(&self, dscp: Option<Dscp>, rule: &M) -> bool {
        dscp.is_none_or(|dscp| self.dscps.takes(rule, dscp))
    }

    fn add(&mut self, index: usize, way: &Way, dscp: Option<Dscp>) {
        self.destinations.insert(index);
        if let Some(dscp) = dscp {
            self.dscps.insert(dscp);
        }
        self.route.mtu = self.route.mtu.min(way.mtu);
        self.route.xcast_capable &= way.xcast_capable;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For every number of next hops, of which few or many are equal, and every first one that waits.
    #[test]
    fn equal_ones_are_those_compared_one_by_one() {
        for different in [1, 2, 3, 16, 17, 127] {
            let all: std::vec::Vec<usize> = (0..MAX_DESTINATIONS).map(|place| place * 5 % different).collect();
            for len in 0..=all.len() {
                let next_hops = &all[..len];
                for served in 0..len {
                    let waiting = DestinationSet::first_n(len).difference(DestinationSet::first_n(served));
                    let expected = (served..len).filter(|&place| all[place] == all[0]).collect();
                    assert_eq!(equal(next_hops, all[0], waiting), expected, "{served} of {len}");
                }
            }
        }
        assert_eq!(equal::<usize>(&[], 0, DestinationSet::EMPTY), DestinationSet::EMPTY);
    }
}
