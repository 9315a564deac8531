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

/// Where one destination goes.
pub(super) struct Hop<H> {
    destination: u8,
    by_tunnel: bool,
    /// Whether a branch has it.
    served: bool,
    route: Route<H>,
}

/// Room for the way to each destination. With a small next hop it is 1.5 kB on a 32-bit host, 3 kB on a 64-bit one.
pub(super) type Hops<H> = heapless::Vec<Hop<H>, MAX_DESTINATIONS>;

/// The ways to all destinations, looked up once. Branches are made of them one at a time, so that the stack holds one: a branch
/// is several times as large as a way.
pub(super) struct Branches<'h, H> {
    /// Lent: inside, the compiler would fill all of it with zeros for every packet.
    hops: &'h mut Hops<H>,
    /// How many at the beginning are served.
    served: usize,
}

impl<'h, H: Copy + PartialEq> Branches<'h, H> {
    /// `hops` is empty.
    pub(super) const fn new(hops: &'h mut Hops<H>) -> Self {
        Self { hops, served: 0 }
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
                (Some(route), Ok(destination)) => {
                    let hop = Hop { destination, by_tunnel: tunnel.is_some(), served: false, route };
                    // There is room for as many as there are destinations.
                    let _ = self.hops.push(hop);
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
        // Looked up again rather than kept: it is several times as large as all else.
        let tunnel_to = |index: usize| arrived.destination(index).and_then(&tunnel);
        let left = self.hops.get_mut(self.served..)?;
        let skipped = left.iter().position(|hop| !hop.served)?;
        let (first, waiting) = left.get_mut(skipped..)?.split_first_mut()?;
        self.served = self.served.saturating_add(skipped).saturating_add(1);
        let (by_tunnel, route, index) = (first.by_tunnel, first.route, usize::from(first.destination));
        let dscps = arrived.dscp(index).into_iter().collect();
        let mut branch = Branch { by_tunnel, route, destinations: DestinationSet::single(index), dscps };
        // The next hop first: where there are many branches, it is what differs.
        let is_for =
            |hop: &&mut Hop<H>| hop.route.next_hop == route.next_hop && !hop.served && hop.by_tunnel == by_tunnel;
        for hop in waiting.iter_mut().filter(is_for) {
            let other = usize::from(hop.destination);
            let dscp = arrived.dscp(other);
            if branch.takes(dscp, rule) && (!by_tunnel || tunnel_to(index) == tunnel_to(other)) {
                hop.served = true;
                branch.add(other, &hop.route, dscp);
            }
        }
        Some(branch)
    }
}

impl<H> Branch<H> {
    fn takes<M: DscpMerge + ?Sized>(&self, dscp: Option<Dscp>, rule: &M) -> bool {
        dscp.is_none_or(|dscp| self.dscps.takes(rule, dscp))
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
