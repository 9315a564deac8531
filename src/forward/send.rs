//! Which form the copies of a branch take (WIRE.md §9 steps 5 and 6).

use core::net::Ipv6Addr;

use super::arrival::{Arrival, Way};
use super::branch::Branch;
use super::counters::add;
use super::output::Output;
use super::rewritten::Rewritten;
use super::x2u::Unicast;
use super::xcast_copy::{Common, XcastCopy};
use super::{Egress, OwnAddress, PacketCopy, Route, RouteLookup, RouterPolicy, SemiPermeable, Tunnel};
use crate::wire::{DestinationSet, DscpMerge, Outer, TunnelEnds};

/// The sending of one packet's copies.
pub(super) struct Sending<'a, R: ?Sized, E: ?Sized, M> {
    pub(super) arrival: &'a Arrival<'a>,
    /// What its Xcast copies have in common.
    common: &'a Common<'a>,
    /// How it becomes unicast, if it can. What is used up inside a semi-permeable tunnel, or was put
    /// there by somebody else than its sender, stays there.
    unicast: Option<Unicast>,
    pub(super) policy: &'a RouterPolicy,
    pub(super) rule: &'a M,
    /// Of the semi-permeable tunnels that the router makes.
    tunnel_option: u8,
    pub(super) routes: &'a R,
    pub(super) out: Output<'a, E>,
}

impl<'a, R, E, M> Sending<'a, R, E, M>
where
    R: RouteLookup + ?Sized,
    E: Egress<R::NextHop> + ?Sized,
    M: DscpMerge,
{
    pub(super) fn new(
        arrival: &'a Arrival<'a>,
        common: &'a Common<'a>,
        policy: &'a RouterPolicy,
        rule: &'a M,
        tunnel_option: u8,
        routes: &'a R,
        out: Output<'a, E>,
    ) -> Self {
        let may_leave = arrival.inner_hop_limit_left() > 0 && arrival.is_from_its_sender();
        let unicast = if may_leave { Unicast::new(&arrival.packet) } else { None };
        Self { arrival, common, unicast, policy, rule, tunnel_option, routes, out }
    }

    /// Serves the destinations of one branch.
    pub(super) fn branch(&mut self, branch: &Branch<R::NextHop>) {
        let Branch { by_tunnel, route, destinations, .. } = branch;
        let alone = self.unicast.is_some() && self.policy.x2u && destinations.is_single();
        if *by_tunnel {
            match destinations.first().and_then(|index| self.tunnel_to(index)) {
                _ if alone => self.around_the_tunnel(*destinations),
                Some(tunnel) => self.tunnelled(route, *destinations, tunnel),
                // It was there a moment ago.
                None => add(&mut self.out.counters.no_route, destinations.len()),
            }
            return;
        }
        match (&self.arrival.way, self.unicast.as_ref()) {
            (Way::OwnAddress, plan) if self.policy.own_address == OwnAddress::MakeUnicast => match plan {
                Some(&plan) => self.unicasts(route, plan, *destinations),
                None => add(&mut self.out.counters.not_capable, destinations.len()),
            },
            (way, plan) => {
                // What is in a semi-permeable tunnel gets across a next hop without Xcast as it is.
                let crosses = route.xcast_capable || matches!(way, Way::SemiPermeable(_));
                let premature = self.policy.premature_x2u && !crosses;
                match plan {
                    Some(&plan) if alone || premature => self.unicasts(route, plan, *destinations),
                    _ if crosses => self.xcast(route, *destinations),
                    // The far end of a tunnel takes what is for All_Xcast_Routers and nothing else.
                    _ if matches!(way, Way::OwnAddress) => add(&mut self.out.counters.not_capable, destinations.len()),
                    _ => self.last_resort(route, *destinations),
                }
            }
        }
    }

    /// The tunnel that leads to destination `index`.
    fn tunnel_to(&self, index: usize) -> Option<Tunnel> {
        self.arrival.packet.destination(index).and_then(|address| self.routes.tunnel(address))
    }

    /// One Xcast copy, in the semi-permeable tunnel that the packet came in, if it did.
    fn xcast(&mut self, route: &Route<R::NextHop>, destinations: DestinationSet) {
        match self.arrival.way {
            Way::SemiPermeable(outer) => {
                // No branch is empty.
                if let Some(copy) = Rewritten::passed_on(self.arrival, destinations, self.rule, outer) {
                    self.out.send(route, &copy.into());
                }
            }
            _ => self.out.send(route, &XcastCopy::new(self.common, destinations, self.rule).into()),
        }
    }

    /// One unicast packet per destination. They are all of one length.
    fn unicasts(&mut self, route: &Route<R::NextHop>, plan: Unicast, destinations: DestinationSet) {
        let (arrival, rule) = (self.arrival, self.rule);
        let copies = destinations.iter().map(|index| PacketCopy::from(Rewritten::unicast(arrival, plan, index, rule)));
        let too_big = copies.clone().next().is_some_and(|copy| !self.out.fits(route, &copy, destinations));
        if too_big {
            return;
        }
        for copy in copies {
            self.out.transmit(route.next_hop, &copy);
        }
    }

    /// The one destination whose Xcast next hop is a tunnel's far end, by its ordinary route (RFC 5058 §11.1, "Optimization").
    fn around_the_tunnel(&mut self, destinations: DestinationSet) {
        let address = destinations.first().and_then(|index| self.arrival.packet.destination(index));
        match (address.and_then(|address| self.routes.route(address)), self.unicast) {
            (Some(route), Some(plan)) => self.unicasts(&route, plan, destinations),
            _ => add(&mut self.out.counters.no_route, destinations.len()),
        }
    }

    fn tunnelled(&mut self, route: &Route<R::NextHop>, destinations: DestinationSet, tunnel: Tunnel) {
        let copy = Rewritten::encapsulated(self.arrival, destinations, self.rule, tunnel.outer());
        self.out.send(route, &copy.into());
    }

    /// One copy per tunnel that leads to some of the destinations, in the order of each one's first; the others go into one
    /// semi-permeable tunnel, if policy has the router make such.
    fn last_resort(&mut self, route: &Route<R::NextHop>, destinations: DestinationSet) {
        let mut without = DestinationSet::EMPTY;
        let mut left = destinations;
        // As many rounds as there are tunnels, which the host's configuration bounds.
        while let Some(first) = left.first() {
            let tunnel = self.tunnel_to(first);
            let members = left.iter().filter(|&index| self.tunnel_to(index) == tunnel).collect();
            match tunnel {
                Some(tunnel) => self.tunnelled(route, members, tunnel),
                None => without = members,
            }
            left = left.difference(members.union(DestinationSet::single(first)));
        }
        match self.policy.semi_permeable {
            SemiPermeable::Initiate { source, hop_limit } => {
                self.through_members(route, without, source, hop_limit);
            }
            _ => add(&mut self.out.counters.not_capable, without.len()),
        }
    }

    /// A new semi-permeable tunnel to the first of `destinations`, in IPv6.
    fn through_members(
        &mut self,
        route: &Route<R::NextHop>,
        destinations: DestinationSet,
        source: Ipv6Addr,
        hop_limit: u8,
    ) {
        let first = destinations.first().and_then(|index| self.arrival.packet.destination(index));
        let Some(ends) = first.and_then(|first| TunnelEnds::new(source.into(), first)) else {
            add(&mut self.out.counters.not_capable, destinations.len());
            return;
        };
        let outer = Outer { ends, hop_limit, traffic_class: 0, tunnel_option: Some(self.tunnel_option) };
        let copy = Rewritten::encapsulated(self.arrival, destinations, self.rule, outer);
        self.out.send(route, &copy.into());
    }
}
