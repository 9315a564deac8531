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
    /// Whether it is in a branch.
    served: bool,
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
    /// All in front of this place are served.
    at: usize,
}

impl<'h, H: Copy + PartialEq> Branches<'h, H> {
    /// `hops` is empty.
    pub(super) const fn new(hops: &'h mut Hops<H>) -> Self {
        Self { hops, at: 0 }
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
                    let way = Way { mtu, destination, xcast_capable, by_tunnel: tunnel.is_some(), served: false };
                    let _ = self.hops.ways.push(way);
                }
                _ => no_route.insert(index),
            }
        }
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
        let (next_hop, first) = self.first()?;
        // Looked up again rather than kept: it is several times as large as all else.
        let tunnel_to = |index: u8| arrived.destination(usize::from(index)).and_then(&tunnel);
        let (index, by_tunnel) = (first.destination, first.by_tunnel);
        let by = if by_tunnel { tunnel_to(index) } else { None };
        let mut branch = Branch::new(next_hop, first, arrived.dscp(usize::from(index)));
        let Hops { next_hops, ways } = &mut *self.hops;
        for_each_equal(next_hops.get(self.at..).unwrap_or(&[]), next_hop, |place| {
            let Some(way) = ways.get_mut(self.at.saturating_add(place)) else { return };
            let dscp = arrived.dscp(usize::from(way.destination));
            let goes_along = !way.served
                && way.by_tunnel == by_tunnel
                && branch.takes(dscp, rule)
                && (!by_tunnel || tunnel_to(way.destination) == by);
            if goes_along {
                way.served = true;
                branch.add(way, dscp);
            }
        });
        Some(branch)
    }

    /// The first way that is in no branch, which is now to be in one.
    fn first(&mut self) -> Option<(H, &Way)> {
        loop {
            let (next_hop, way) = (self.hops.next_hops.get(self.at)?, self.hops.ways.get(self.at)?);
            self.at = self.at.saturating_add(1);
            if !way.served {
                return Some((*next_hop, way));
            }
        }
    }
}

/// So many are compared without a jump, for the compiler to do it at once.
const ROW: usize = 16;

/// Calls `found` with the place of every one of `next_hops` that is `wanted`, in their order.
#[inline]
fn for_each_equal<H: PartialEq + Copy>(next_hops: &[H], wanted: H, mut found: impl FnMut(usize)) {
    let mut at = 0_usize;
    for row in next_hops.chunks(ROW) {
        let mut rest = row;
        if let Some(whole) = row.first_chunk::<ROW>()
            && !whole.iter().fold(false, |any, next_hop| any | (*next_hop == wanted))
        {
            rest = &[];
        }
        let mut place = at;
        while let Some(next) = rest.iter().position(|next_hop| *next_hop == wanted) {
            found(place.saturating_add(next));
            let behind = next.saturating_add(1);
            (rest, place) = (rest.get(behind..).unwrap_or(&[]), place.saturating_add(behind));
        }
        at = at.saturating_add(ROW);
    }
}

impl<H> Branch<H> {
    /// Of one destination alone.
    fn new(next_hop: H, way: &Way, dscp: Option<Dscp>) -> Self {
        let &Way { mtu, destination, xcast_capable, by_tunnel, .. } = way;
        let destinations = DestinationSet::single(usize::from(destination));
        Self {
            by_tunnel,
            route: Route { next_hop, xcast_capable, mtu },
            destinations,
            dscps: dscp.into_iter().collect(),
        }
    }

    fn takes<M: DscpMerge + ?Sized>(&self, dscp: Option<Dscp>, rule: &M) -> bool {
        dscp.is_none_or(|dscp| self.dscps.takes(rule, dscp))
    }

    fn add(&mut self, way: &Way, dscp: Option<Dscp>) {
        self.destinations.insert(usize::from(way.destination));
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

    /// For every number of next hops, of which few or many are equal.
    #[test]
    fn equal_ones_are_those_compared_one_by_one() {
        for different in [1, 2, 3, 16, 17, 127] {
            let all: std::vec::Vec<usize> = (0..MAX_DESTINATIONS).map(|place| place * 5 % different).collect();
            for len in 0..=all.len() {
                for wanted in [all[0], all[len / 2], usize::MAX] {
                    let mut found = std::vec::Vec::new();
                    for_each_equal(&all[..len], wanted, |place| found.push(place));
                    assert!((0..len).filter(|&place| all[place] == wanted).eq(found), "{wanted} of {len}");
                }
            }
        }
    }
}
