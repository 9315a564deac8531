//! One XCAST6 2.0 packet in, its copies out.

use core::net::IpAddr;

use super::copy::{CopyV2, Unicast, behind};
use super::{ForwardErrorV2, RouterPolicyV2};
use crate::forward::branch::{Branch, Branches, Hops};
use crate::forward::counters::{add, add_all};
use crate::forward::output::Output;
use crate::forward::reports::Reports;
use crate::forward::serve::{Arrived, first_unusable, remote, reverse_path_ok};
use crate::forward::{Counters, Egress, Outcome, RouteLookup};
use crate::time::Instant;
use crate::wire::xcast6_v2::{CodePointsV2, PacketV2, ParseErrorKindV2, address_at};
use crate::wire::{DestinationSet, Dscp, StandardMerge, is_routable_unicast};

/// A router or host of XCAST6 2.0: code points, policy and counters. From packet to packet it remembers
/// nothing else than how many reports it still may make.
///
/// Of the [`Counters`], those that no XCAST6 2.0 packet can cause stay at 0: `unsupported`, `checksum`, `not_for_us`,
/// `refused`, `unusable_tunnel`, `not_a_member`, `not_capable`, and those of tunnels.
#[derive(Clone, Debug)]
pub struct RouterV2 {
    code_points: CodePointsV2,
    policy: RouterPolicyV2,
    reports: Reports,
    /// What it did so far.
    pub counters: Counters,
}

impl RouterV2 {
    /// A router with all counters at 0.
    #[must_use]
    pub fn new(code_points: CodePointsV2, policy: RouterPolicyV2) -> Self {
        Self { code_points, policy, reports: Reports::new(policy.reports), counters: Counters::default() }
    }

    /// The code points it goes by.
    #[must_use]
    pub const fn code_points(&self) -> &CodePointsV2 {
        &self.code_points
    }

    /// The policy it goes by.
    #[must_use]
    pub const fn policy(&self) -> &RouterPolicyV2 {
        &self.policy
    }

    /// Forwards `packet`, which starts at its outer IPv6 header and came by, from the neighbour `from` if that is known, whomever
    /// that header leads to: a router looks into what it would otherwise only pass on, and a host into what is for it (WIRE.md
    /// §9, §10).
    ///
    /// Every destination whose bit is set is looked up; those with the same next hop share a copy, in the order of each
    /// group's first destination, whose outer destination is that first one. A group of one becomes a unicast packet where
    /// policy, flag and transport allow it. The router's own addresses are delivered and leave the bitmap. Of what
    /// `routes` has to say, tunnels and capabilities are not needed. Nothing is ever fragmented, and no ICMP message sent.
    ///
    /// An outer hop limit of 0 or 1 stops forwarding, not delivery to the router itself (RFC 8200 §3).
    ///
    /// # Errors
    ///
    /// - [`ForwardErrorV2::Parse`], [`ForwardErrorV2::UnusableSource`], [`ForwardErrorV2::UnusableDestination`],
    ///   [`ForwardErrorV2::ReversePath`], checked in this order. Nothing was sent.
    ///
    /// Everything else that goes wrong concerns some destinations only: it is counted, and the others are served.
    pub fn forward<R, E>(
        &mut self,
        now: Instant,
        from: Option<R::NextHop>,
        packet: &[u8],
        routes: &R,
        egress: &mut E,
    ) -> Result<Outcome, ForwardErrorV2>
    where
        R: RouteLookup + ?Sized,
        E: Egress<R::NextHop> + ?Sized,
    {
        let Self { code_points, policy, reports, counters } = self;
        add(&mut counters.packets, 1);
        let packet = admit(packet, from, code_points, policy, routes).inspect_err(|error| count(counters, *error))?;
        let mut outcome = Outcome::default();
        let remote = remote(&packet, policy.allow_echo, routes, counters, &mut outcome);
        let mut hops = Hops::new();
        let mut branches = Branches::new(&mut hops);
        let no_route = branches.look_up(&packet, remote, routes, |_| None);
        add_all(&mut counters.no_route, no_route);
        let unicast = if policy.x2u { Unicast::new(&packet) } else { None };
        let mut out = Output::new(now, policy.max_copies, egress, counters, reports);
        while let Some(branch) = branches.next(&packet, |_| None, &StandardMerge) {
            send(&packet, unicast, &branch, &mut out);
        }
        out.tell(&mut outcome);
        Ok(outcome)
    }
}

/// Sends the one copy of a branch: unicast if it has one destination and that may be (WIRE.md §9 step 5), Xcast else.
fn send<H: Copy, E: Egress<H> + ?Sized>(
    packet: &PacketV2<'_>,
    unicast: Option<Unicast>,
    branch: &Branch<H>,
    out: &mut Output<'_, E>,
) {
    let destinations = branch.destinations;
    let copy = match unicast {
        Some(plan) if destinations.len() == 1 => CopyV2::unicast(packet, plan, destinations),
        _ => CopyV2::xcast(packet, destinations),
    };
    out.send(&branch.route, &copy.into());
}

fn count(counters: &mut Counters, error: ForwardErrorV2) {
    let counter = match error {
        ForwardErrorV2::UnusableSource => &mut counters.unusable_source,
        ForwardErrorV2::UnusableDestination { .. } => &mut counters.unusable_destination,
        ForwardErrorV2::ReversePath => &mut counters.reverse_path,
        ForwardErrorV2::Parse(error) => match error.kind() {
            ParseErrorKindV2::NotXcast6V2 => &mut counters.not_xcast,
            _ => &mut counters.malformed,
        },
    };
    add(counter, 1);
}

/// Reads the packet and checks all that makes it an error.
fn admit<'a, R: RouteLookup + ?Sized>(
    packet: &'a [u8],
    from: Option<R::NextHop>,
    code_points: &CodePointsV2,
    policy: &RouterPolicyV2,
    routes: &R,
) -> Result<PacketV2<'a>, ForwardErrorV2> {
    let packet = PacketV2::parse(packet, code_points)?;
    let sources = [packet.inner().source(), packet.outer().source()];
    if !sources.iter().all(|&source| is_routable_unicast(source.into())) {
        return Err(ForwardErrorV2::UnusableSource);
    }
    let addresses = packet.destinations().map(IpAddr::V6);
    if let Some(index) = first_unusable(addresses, packet.anonymous(), packet.bits()) {
        return Err(ForwardErrorV2::UnusableDestination { index, pointer: address_at(index) });
    }
    if reverse_path_ok(policy.reverse_path, packet.inner().source().into(), from, routes) {
        Ok(packet)
    } else {
        Err(ForwardErrorV2::ReversePath)
    }
}

impl Arrived for PacketV2<'_> {
    fn bits(&self) -> DestinationSet {
        PacketV2::bits(self)
    }

    fn destination(&self, index: usize) -> Option<IpAddr> {
        PacketV2::destination(self, index).map(IpAddr::V6)
    }

    fn has_ports(&self) -> bool {
        false
    }

    fn port(&self, _: usize) -> Option<u16> {
        None
    }

    fn dscp(&self, _: usize) -> Option<Dscp> {
        None
    }

    fn is_echo_request(&self) -> bool {
        behind(self).is_echo_request()
    }

    fn hop_limit_left(&self) -> u8 {
        self.outer().hop_limit().saturating_sub(1)
    }
}
