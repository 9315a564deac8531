//! Which destinations share a copy (RFC 5058 §2, §8.2).

use core::net::IpAddr;

use super::serve::Arrived;
use super::{Route, RouteLookup, Tunnel};
use crate::wire::{DestinationSet, Dscp, DscpMerge, DscpSet, MAX_DESTINATIONS};

/// Where a branch goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Via {
    /// To a neighbour.
    NextHop,
    /// To the far end of a tunnel, which is a neighbour as far as Xcast is concerned (RFC 5058 §11.1).
    Tunnel(Tunnel),
}

/// The destinations behind one next hop whose DSCPs merge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch<H> {
    pub(super) via: Via,
    /// The next hop, or that of the tunnel's outer header.
    pub(super) route: Route<H>,
    pub(super) destinations: DestinationSet,
    dscps: DscpSet,
}

/// At most one branch per destination, about 12 kB on the stack of a 64-bit host with a small next hop.
pub(super) type Branches<H> = heapless::Vec<Branch<H>, MAX_DESTINATIONS>;

/// Groups `destinations` by next hop, in the order of each group's first, and returns those without a route besides.
/// `tunnel` names the tunnel that is the next hop to an address, if there is one.
///
/// With D=1 a destination joins the first group of its next hop where its DSCP merges with that of every member, or begins
/// a new one (project-defined: RFC 5058 §8.2 leaves the rule open).
pub(super) fn branches<A, R, M>(
    arrived: &A,
    destinations: DestinationSet,
    routes: &R,
    tunnel: impl Fn(IpAddr) -> Option<Tunnel>,
    rule: &M,
) -> (Branches<R::NextHop>, DestinationSet)
where
    A: Arrived,
    R: RouteLookup + ?Sized,
    M: DscpMerge + ?Sized,
{
    let mut branches: Branches<R::NextHop> = heapless::Vec::new();
    let mut no_route = DestinationSet::EMPTY;
    let way = |address: IpAddr| match tunnel(address) {
        Some(tunnel) => routes.route(tunnel.remote()).map(|route| (Via::Tunnel(tunnel), route)),
        None => routes.route(address).map(|route| (Via::NextHop, route)),
    };
    for index in destinations.iter() {
        let Some((via, route)) = arrived.destination(index).and_then(way) else {
            no_route.insert(index);
            continue;
        };
        let dscp = arrived.dscp(index);
        match branches.iter_mut().find(|branch| branch.takes(via, &route, dscp, rule)) {
            Some(branch) => branch.add(index, &route, dscp),
            None => {
                let destinations = DestinationSet::single(index);
                // There is room for as many as there are destinations.
                let _ = branches.push(Branch { via, route, destinations, dscps: dscp.into_iter().collect() });
            }
        }
    }
    (branches, no_route)
}

impl<H: Copy + PartialEq> Branch<H> {
    fn takes<M: DscpMerge + ?Sized>(&self, via: Via, route: &Route<H>, dscp: Option<Dscp>, rule: &M) -> bool {
        self.via == via && self.route.next_hop == route.next_hop && dscp.is_none_or(|dscp| self.dscps.takes(rule, dscp))
    }

    fn add(&mut self, index: usize, route: &Route<H>, dscp: Option<Dscp>) {
        self.destinations.insert(index);
        if let Some(dscp) = dscp {
            self.dscps.insert(dscp);
        }
        self.route.mtu = self.route.mtu.min(route.mtu);
        self.route.xcast_capable &= route.xcast_capable;
    }
}
