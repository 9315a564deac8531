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

/// At most one branch per destination, about 8 kB on the stack of a 64-bit host with a small next hop.
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
    let tunnel_to = |index: usize| arrived.destination(index).and_then(&tunnel);
    for index in destinations.iter() {
        let tunnel = tunnel_to(index);
        let next = tunnel.map_or_else(|| arrived.destination(index), |tunnel| Some(tunnel.remote()));
        let Some(route) = next.and_then(|next| routes.route(next)) else {
            no_route.insert(index);
            continue;
        };
        let dscp = arrived.dscp(index);
        let is_for = |branch: &&mut Branch<R::NextHop>| {
            // Looked up again rather than kept: it is several times as large as all else.
            branch.takes(&route, dscp, rule)
                && branch.by_tunnel == tunnel.is_some()
                && (tunnel.is_none() || branch.destinations.first().and_then(tunnel_to) == tunnel)
        };
        match branches.iter_mut().find(is_for) {
            Some(branch) => branch.add(index, &route, dscp),
            None => {
                let (by_tunnel, destinations) = (tunnel.is_some(), DestinationSet::single(index));
                // There is room for as many as there are destinations.
                let _ = branches.push(Branch { by_tunnel, route, destinations, dscps: dscp.into_iter().collect() });
            }
        }
    }
    (branches, no_route)
}

impl<H: Copy + PartialEq> Branch<H> {
    fn takes<M: DscpMerge + ?Sized>(&self, route: &Route<H>, dscp: Option<Dscp>, rule: &M) -> bool {
        self.route.next_hop == route.next_hop && dscp.is_none_or(|dscp| self.dscps.takes(rule, dscp))
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
