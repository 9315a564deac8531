//! Which destinations share a copy (RFC 5058 §2, §8.2).

use super::{Route, RouteLookup};
use crate::wire::{DestinationSet, Dscp, MAX_DESTINATIONS, XcastPacket};

/// The destinations behind one next hop whose DSCPs merge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch<H> {
    pub(super) route: Route<H>,
    pub(super) destinations: DestinationSet,
    /// The DSCPs of the members: bit `n` for code point `n`.
    dscps: u64,
}

/// At most one branch per destination, about 6 kB on the stack of a 64-bit host with a small next hop.
pub(super) type Branches<H> = heapless::Vec<Branch<H>, MAX_DESTINATIONS>;

/// Groups `destinations` by next hop, in the order of each group's first, and returns those without a route besides.
///
/// With D=1 a destination joins the first group of its next hop where its DSCP merges with that of every member, or begins
/// a new one (project-defined: RFC 5058 §8.2 leaves the rule open).
pub(super) fn branches<R: RouteLookup + ?Sized>(
    packet: &XcastPacket<'_>,
    destinations: DestinationSet,
    routes: &R,
) -> (Branches<R::NextHop>, DestinationSet) {
    let mut branches: Branches<R::NextHop> = heapless::Vec::new();
    let mut no_route = DestinationSet::EMPTY;
    for index in destinations.iter() {
        let Some(route) = packet.destination(index).and_then(|address| routes.route(address)) else {
            no_route.insert(index);
            continue;
        };
        let dscp = packet.dscp(index);
        match branches.iter_mut().find(|branch| branch.takes(&route, dscp)) {
            Some(branch) => branch.add(index, &route, dscp),
            None => {
                let destinations = DestinationSet::single(index);
                // There is room for as many as there are destinations.
                let _ = branches.push(Branch { route, destinations, dscps: dscp_bit(dscp) });
            }
        }
    }
    (branches, no_route)
}

impl<H: Copy + PartialEq> Branch<H> {
    fn takes(&self, route: &Route<H>, dscp: Option<Dscp>) -> bool {
        self.route.next_hop == route.next_hop && dscp.is_none_or(|dscp| self.merges(dscp))
    }

    fn merges(&self, dscp: Dscp) -> bool {
        let mut members = (0..64_u8).filter(|value| self.dscps & (1 << value) != 0).filter_map(Dscp::new);
        members.all(|member| member.merge(dscp).is_some())
    }

    fn add(&mut self, index: usize, route: &Route<H>, dscp: Option<Dscp>) {
        self.destinations.insert(index);
        self.dscps |= dscp_bit(dscp);
        self.route.mtu = self.route.mtu.min(route.mtu);
        self.route.xcast_capable &= route.xcast_capable;
    }
}

fn dscp_bit(dscp: Option<Dscp>) -> u64 {
    // A code point is at most 63.
    dscp.and_then(|dscp| 1_u64.checked_shl(u32::from(dscp.value()))).unwrap_or(0)
}
