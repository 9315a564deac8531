//! Which form the copies of a branch take, and what becomes of them.

use super::copy::Unicast;
use super::{CopyV2, EgressV2, RouterPolicyV2};
use crate::forward::counters::add;
use crate::forward::{CopyKind, Counters, Route, RouteLookup};
use crate::wire::xcast6_v2::{MAX_DESTINATIONS, PacketV2};
use crate::wire::{DestinationSet, ipv6};

/// The destinations behind one next hop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch<H> {
    route: Route<H>,
    destinations: DestinationSet,
}

/// At most one branch per destination.
pub(super) type Branches<H> = heapless::Vec<Branch<H>, MAX_DESTINATIONS>;

/// Groups `destinations` by next hop, in the order of each group's first (WIRE.md §9 step 3), and returns those without a
/// route besides. Where routes with equal next hops disagree, the smaller MTU holds.
pub(super) fn branches<R: RouteLookup + ?Sized>(
    packet: &PacketV2<'_>,
    destinations: DestinationSet,
    routes: &R,
) -> (Branches<R::NextHop>, DestinationSet) {
    let mut branches: Branches<R::NextHop> = heapless::Vec::new();
    let mut no_route = DestinationSet::EMPTY;
    for index in destinations.iter() {
        let Some(route) = packet.destination(index).and_then(|address| routes.route(address.into())) else {
            no_route.insert(index);
            continue;
        };
        match branches.iter_mut().find(|branch| branch.route.next_hop == route.next_hop) {
            Some(branch) => {
                branch.destinations.insert(index);
                branch.route.mtu = branch.route.mtu.min(route.mtu);
            }
            // There is room for as many as there are destinations.
            None => drop(branches.push(Branch { route, destinations: DestinationSet::single(index) })),
        }
    }
    (branches, no_route)
}

/// The sending of one packet's copies.
pub(super) struct Sending<'a, E: ?Sized> {
    packet: &'a PacketV2<'a>,
    /// How it becomes unicast, if it may.
    unicast: Option<Unicast>,
    max_copies: Option<usize>,
    egress: &'a mut E,
    counters: &'a mut Counters,
    /// Copies handed to the egress.
    tried: usize,
    copies: usize,
    sent: DestinationSet,
}

impl<'a, E: ?Sized> Sending<'a, E> {
    pub(super) fn new(
        packet: &'a PacketV2<'a>,
        policy: &RouterPolicyV2,
        egress: &'a mut E,
        counters: &'a mut Counters,
    ) -> Self {
        let unicast = if policy.x2u { Unicast::new(packet) } else { None };
        let max_copies = policy.max_copies;
        Self { packet, unicast, max_copies, egress, counters, tried: 0, copies: 0, sent: DestinationSet::EMPTY }
    }

    /// How many copies were sent, and which destinations they serve.
    pub(super) const fn done(self) -> (usize, DestinationSet) {
        (self.copies, self.sent)
    }

    /// Sends the one copy of a branch: unicast if it has one destination and that may be (WIRE.md §9 step 5), Xcast else.
    pub(super) fn branch<H: Copy>(&mut self, branch: &Branch<H>)
    where
        E: EgressV2<H>,
    {
        let Branch { route, destinations } = branch;
        let copy = match self.unicast {
            Some(plan) if destinations.len() == 1 => CopyV2::unicast(self.packet, plan, *destinations),
            _ => CopyV2::xcast(self.packet, *destinations),
        };
        // Never fragmented (WIRE.md §9 step 7).
        let mtu = route.mtu.min(ipv6::MAX_PACKET_LEN);
        if copy.len() > mtu {
            add(&mut self.counters.too_big, destinations.len());
            self.egress.too_big(route.next_hop, mtu, *destinations);
        } else if self.max_copies.is_some_and(|max| self.tried >= max) {
            add(&mut self.counters.over_copy_limit, destinations.len());
        } else {
            self.transmit(route.next_hop, &copy);
        }
    }

    fn transmit<H>(&mut self, next_hop: H, copy: &CopyV2<'_>)
    where
        E: EgressV2<H>,
    {
        let served = copy.destinations();
        self.tried = self.tried.saturating_add(1);
        if self.egress.transmit(next_hop, copy).is_err() {
            add(&mut self.counters.egress_failed, served.len());
            return;
        }
        self.copies = self.copies.saturating_add(1);
        self.sent = self.sent.union(served);
        if copy.kind() == CopyKind::Unicast {
            add(&mut self.counters.unicast, served.len());
        } else {
            add(&mut self.counters.forwarded, served.len());
            add(&mut self.counters.xcast_copies, 1);
        }
    }
}
