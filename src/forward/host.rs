//! What a host does that sends without an Xcast router next to it, or passes on what it got (RFC 5058 §11.3, §11.4).

use core::net::IpAddr;

use super::admit::{Relayed, admit_own, admit_relayed};
use super::arrival::Arrival;
use super::counters::add;
use super::rewritten::Rewritten;
use super::serve::{Arrived, remote};
use super::x2u::Unicast;
use super::{Egress, ForwardError, Outcome, PacketCopy, RouteLookup, Router};
use crate::time::Instant;
use crate::wire::{DscpMerge, Outer, TunnelEnds};

/// The outer header by which hosts reach each other where no router knows Xcast (RFC 5058 §11.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "RFC 5058 §11.4 has these two")]
pub enum HostTunnel {
    /// An ordinary tunnel, IPv4 or IPv6: routers on the way do not look inside.
    Plain,
    /// A semi-permeable one (RFC 5058 §11.3), which routers with Xcast branch where there are any. IPv6 only.
    SemiPermeable,
}

/// What goes around a packet from host to host.
struct Outside {
    source: IpAddr,
    /// What makes it semi-permeable.
    option: Option<u8>,
    /// Whether a packet to one destination goes without.
    may_be_unicast: bool,
}

impl<M: DscpMerge> Router<M> {
    /// Sends a packet that the host itself built, as its own first router: branched as [`forward`](Self::forward) does, with the
    /// hop limit that it has. Whether it holds an echo request, and where it came from, is not asked.
    ///
    /// A host with one Xcast router next to it does as well to send the packet there as it is.
    ///
    /// # Errors
    ///
    /// - [`ForwardError::Parse`], [`ForwardError::NotForUs`], [`ForwardError::Refused`], [`ForwardError::UnusableSource`],
    ///   [`ForwardError::UnusableDestination`]. Nothing was sent.
    pub fn originate<R, E>(
        &mut self,
        now: Instant,
        packet: &[u8],
        routes: &R,
        egress: &mut E,
    ) -> Result<Outcome, ForwardError>
    where
        R: RouteLookup + ?Sized,
        E: Egress<R::NextHop> + ?Sized,
    {
        let admitted = admit_own(packet, &self.code_points);
        let arrival = self.count(admitted)?;
        Ok(self.serve(now, &arrival, routes, egress))
    }

    /// Sends a packet that the host itself built to the first of its destinations that there is a route to, in an outer header
    /// that leads there; the hosts pass it on to one another ([`relay`](Self::relay)). A packet with one destination goes there
    /// in unicast, if it may.
    ///
    /// All members must be able to relay. Each gets to know the others, with A=1 those that come after it, and that they get
    /// the packet depends on every one before them (RFC 5058 §11.4 lists the disadvantages).
    ///
    /// # Errors
    ///
    /// - As [`originate`](Self::originate). [`ForwardError::UnusableTunnel`]: a semi-permeable tunnel in IPv4.
    pub fn originate_through<R, E>(
        &mut self,
        now: Instant,
        tunnel: HostTunnel,
        packet: &[u8],
        routes: &R,
        egress: &mut E,
    ) -> Result<Outcome, ForwardError>
    where
        R: RouteLookup + ?Sized,
        E: Egress<R::NextHop> + ?Sized,
    {
        let admitted = admit_own(packet, &self.code_points).and_then(|arrival| {
            let is_v4 = arrival.packet.ip().source().is_ipv4();
            if is_v4 && tunnel == HostTunnel::SemiPermeable { Err(ForwardError::UnusableTunnel) } else { Ok(arrival) }
        });
        let arrival = self.count(admitted)?;
        let option = (tunnel == HostTunnel::SemiPermeable).then_some(self.code_points.fields().tunnel_option);
        let source = arrival.packet.ip().source();
        let outside = Outside { source, option, may_be_unicast: self.policy.x2u };
        Ok(self.through_one(now, &arrival, outside, routes, egress))
    }

    /// Passes on what came to this host in an outer header, plain or semi-permeable, and lists other members besides: to the
    /// first of the remaining destinations that there is a route to, in the same kind of outer header (RFC 5058 §11.4). The
    /// host's own destinations are taken off, and are in the outcome.
    ///
    /// # Security
    ///
    /// Whoever can reach the host can have it send one packet for each one it gets, to an address of their choosing, as long as
    /// they list the host among the destinations. Call this after the inner packet was opened and found authentic, and not
    /// at all where other members are not to be served. `packet` is what arrived, octet for octet: opening works in place, so
    /// keep a copy. What was opened and is relayed goes on in the clear. That a packet is authentic says nothing of its list
    /// under ESP alone, nor under AH where it does not cover the addresses
    /// (see the tables of the module `ipsec`). Without a replay window in between, what links repeat is repeated by
    /// every member that relays it, and multiplies.
    ///
    /// # Errors
    ///
    /// - [`ForwardError::Parse`], [`ForwardError::NotForUs`], [`ForwardError::UnusableTunnel`], [`ForwardError::Refused`],
    ///   [`ForwardError::UnusableSource`], [`ForwardError::UnusableDestination`], [`ForwardError::NotAMember`], checked in this
    ///   order. Nothing was sent.
    pub fn relay<R, E>(
        &mut self,
        now: Instant,
        packet: &[u8],
        routes: &R,
        egress: &mut E,
    ) -> Result<Outcome, ForwardError>
    where
        R: RouteLookup + ?Sized,
        E: Egress<R::NextHop> + ?Sized,
    {
        let admitted = admit_relayed(packet, &self.code_points, &self.policy, routes);
        let Relayed { arrival, local, semi_permeable } = self.count(admitted)?;
        let option = semi_permeable.then_some(self.code_points.fields().tunnel_option);
        // In unicast it would be from its sender, whose address networks do not let this host use (RFC 2827).
        let outside = Outside { source: local, option, may_be_unicast: false };
        Ok(self.through_one(now, &arrival, outside, routes, egress))
    }

    /// One copy for all, to the first that there is a route to.
    fn through_one<R, E>(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        outside: Outside,
        routes: &R,
        egress: &mut E,
    ) -> Outcome
    where
        R: RouteLookup + ?Sized,
        E: Egress<R::NextHop> + ?Sized,
    {
        let mut outcome = Outcome { packet_at: arrival.at, ..Outcome::default() };
        let Outside { source, option, may_be_unicast } = outside;
        let allow_echo = self.policy.allow_echo;
        let remote = remote(arrival, allow_echo, routes, &mut self.counters, &mut outcome);
        let way = |index| {
            let address = arrival.destination(index)?;
            Some((index, TunnelEnds::new(source, address)?, routes.route(address)?))
        };
        let Some((first, ends, route)) = remote.iter().find_map(way) else {
            add(&mut self.counters.no_route, remote.len());
            return outcome;
        };
        // Whoever comes before it is not reached from here, but may be by those who come next.
        let hop_limit = arrival.inner_hop_limit_left();
        let (mut out, rule) = self.output(now, egress);
        let unicast = if may_be_unicast && remote.len() == 1 { Unicast::new(&arrival.packet) } else { None };
        let copy: PacketCopy<'_> = match unicast {
            Some(plan) => Rewritten::unicast(arrival, plan, first, rule).into(),
            None => {
                let outer = Outer { ends, hop_limit, traffic_class: 0, tunnel_option: option };
                Rewritten::encapsulated(arrival, remote, rule, outer).into()
            }
        };
        out.send(&route, &copy);
        out.tell(&mut outcome);
        outcome
    }
}
