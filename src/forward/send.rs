//! Which form the copies of a branch take, and what becomes of them.

use super::branch::Branch;
use super::counters::add;
use super::x2u::Unicast;
use super::{CopyKind, Counters, Egress, PacketCopy, Route, RouteLookup, RouterPolicy, Tunnel};
use crate::wire::{DestinationSet, MAX_DESTINATIONS, XcastPacket};

/// The sending of one packet's copies.
pub(super) struct Sending<'a, R: ?Sized, E: ?Sized> {
    packet: &'a XcastPacket<'a>,
    /// How it becomes unicast, if it can.
    unicast: Option<Unicast>,
    policy: &'a RouterPolicy,
    routes: &'a R,
    egress: &'a mut E,
    counters: &'a mut Counters,
    /// Copies handed to the egress.
    tried: usize,
    copies: usize,
    sent: DestinationSet,
}

impl<'a, R, E> Sending<'a, R, E>
where
    R: RouteLookup + ?Sized,
    E: Egress<R::NextHop> + ?Sized,
{
    pub(super) fn new(
        packet: &'a XcastPacket<'a>,
        policy: &'a RouterPolicy,
        routes: &'a R,
        egress: &'a mut E,
        counters: &'a mut Counters,
    ) -> Self {
        let unicast = Unicast::new(packet);
        Self { packet, unicast, policy, routes, egress, counters, tried: 0, copies: 0, sent: DestinationSet::EMPTY }
    }

    /// How many copies were sent, and which destinations they serve.
    pub(super) const fn done(self) -> (usize, DestinationSet) {
        (self.copies, self.sent)
    }

    /// Serves the destinations of one branch.
    pub(super) fn branch(&mut self, branch: &Branch<R::NextHop>) {
        let Branch { route, destinations, .. } = branch;
        let x2u = self.policy.x2u && destinations.len() == 1;
        let premature = self.policy.premature_x2u && !route.xcast_capable;
        match self.unicast {
            Some(plan) if x2u || premature => self.unicasts(route, &plan, *destinations),
            _ if route.xcast_capable => self.one(route, &PacketCopy::xcast(self.packet, *destinations)),
            _ => self.tunnels(route, *destinations),
        }
    }

    /// One unicast packet per destination. They are all of one length.
    fn unicasts(&mut self, route: &Route<R::NextHop>, plan: &Unicast, destinations: DestinationSet) {
        let packet = self.packet;
        let copies = destinations.iter().map(|index| PacketCopy::unicast(packet, plan, index));
        let too_big = copies.clone().next().is_some_and(|copy| !self.fits(route, &copy, destinations));
        if too_big {
            return;
        }
        for copy in copies {
            self.transmit(route, &copy);
        }
    }

    /// One copy per tunnel that leads to some of the destinations, in the order of each one's first.
    fn tunnels(&mut self, route: &Route<R::NextHop>, destinations: DestinationSet) {
        let mut groups: heapless::Vec<(Tunnel, DestinationSet), MAX_DESTINATIONS> = heapless::Vec::new();
        for index in destinations.iter() {
            let Some(tunnel) = self.packet.destination(index).and_then(|address| self.routes.tunnel(address)) else {
                add(&mut self.counters.not_capable, 1);
                continue;
            };
            match groups.iter_mut().find(|(present, _)| *present == tunnel) {
                Some((_, members)) => members.insert(index),
                // There is room for as many as there are destinations.
                None => drop(groups.push((tunnel, DestinationSet::single(index)))),
            }
        }
        for (tunnel, members) in groups {
            self.one(route, &PacketCopy::tunnelled(self.packet, members, tunnel));
        }
    }

    fn one(&mut self, route: &Route<R::NextHop>, copy: &PacketCopy<'_>) {
        if self.fits(route, copy, copy.destinations()) {
            self.transmit(route, copy);
        }
    }

    /// Whether `copy` fits the MTU; if not, `destinations` are counted and reported.
    fn fits(&mut self, route: &Route<R::NextHop>, copy: &PacketCopy<'_>, destinations: DestinationSet) -> bool {
        let max_len = copy.max_len(route.mtu);
        let fits = copy.len() <= max_len;
        if !fits {
            add(&mut self.counters.too_big, destinations.len());
            self.egress.too_big(route.next_hop, max_len.saturating_sub(copy.overhead()), destinations);
        }
        fits
    }

    fn transmit(&mut self, route: &Route<R::NextHop>, copy: &PacketCopy<'_>) {
        let served = copy.destinations();
        if self.policy.max_copies.is_some_and(|max| self.tried >= max) {
            add(&mut self.counters.over_copy_limit, served.len());
            return;
        }
        self.tried = self.tried.saturating_add(1);
        if self.egress.transmit(route.next_hop, copy).is_err() {
            add(&mut self.counters.egress_failed, served.len());
            return;
        }
        self.copies = self.copies.saturating_add(1);
        self.sent = self.sent.union(served);
        match copy.kind() {
            CopyKind::Xcast => {
                add(&mut self.counters.forwarded, served.len());
                add(&mut self.counters.xcast_copies, 1);
            }
            CopyKind::Unicast => add(&mut self.counters.unicast, served.len()),
            CopyKind::Tunnelled => {
                add(&mut self.counters.tunnelled, served.len());
                add(&mut self.counters.tunnel_copies, 1);
            }
        }
    }
}
