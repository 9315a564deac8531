//! One packet in, its copies out.

use super::admit::admit;
use super::arrival::{Arrival, Way};
use super::branch::{Branches, Hops};
use super::counters::{add, add_all};
use super::output::Output;
use super::reports::Reports;
use super::send::Sending;
use super::serve::remote;
use super::xcast_copy::Common;
use super::{Counters, Egress, ForwardError, RouteLookup, RouterPolicy, TunnelUse};
use crate::time::Instant;
use crate::wire::{CodePoints, DestinationSet, DscpMerge, ParseErrorKind, StandardMerge};

/// What became of a packet that was not an error. What is in none of its sets was dropped, and counted.
#[must_use = "it says whether the packet is for the router itself, too"]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether the packet is to be delivered to the router's own stack, as it arrived.
    pub local: bool,
    /// The destinations that are the router itself.
    pub local_destinations: DestinationSet,
    /// Where the Xcast packet starts in what arrived, in octets: 0 unless it came in a tunnel.
    pub packet_at: usize,
    /// Copies sent.
    pub copies: usize,
    /// The destinations they serve.
    pub sent: DestinationSet,
}

/// A router: code points, policy, the rule by which DSCPs merge, and counters. From packet to packet it remembers nothing
/// else than how many reports it still may make.
#[derive(Clone, Debug)]
pub struct Router<M = StandardMerge> {
    pub(super) code_points: CodePoints,
    pub(super) policy: RouterPolicy,
    pub(super) rule: M,
    reports: Reports,
    /// What it did so far.
    pub counters: Counters,
}

impl Router {
    /// A router that merges DSCPs by the standard rule, with all counters at 0.
    #[must_use]
    pub fn new(code_points: CodePoints, policy: RouterPolicy) -> Self {
        Self::with_merge(code_points, policy, StandardMerge)
    }
}

impl<M: DscpMerge> Router<M> {
    /// A router that merges DSCPs by a rule of the host's (RFC 5058 §8.2), with all counters at 0.
    #[must_use]
    pub fn with_merge(code_points: CodePoints, policy: RouterPolicy, rule: M) -> Self {
        Self { code_points, policy, rule, reports: Reports::new(policy.reports), counters: Counters::default() }
    }

    /// The code points it goes by.
    #[must_use]
    pub const fn code_points(&self) -> &CodePoints {
        &self.code_points
    }

    /// The policy it goes by.
    #[must_use]
    pub const fn policy(&self) -> &RouterPolicy {
        &self.policy
    }

    /// Forwards `packet`, which starts at its (outer) IP header and came from the neighbour `from`, if that is known (RFC 5058
    /// §2, §9). What is not for Xcast routers is an error and the host's own business.
    ///
    /// Every destination whose bit is set is looked up; those with the same next hop share a copy, in the order of each
    /// group's first destination. A group of one becomes a unicast packet if X=0, and so does every destination behind a
    /// next hop without Xcast (RFC 5058 §11.2) where policy, X, AH and the transport allow it; otherwise those are reached
    /// through a tunnel (RFC 5058 §11.1, §11.3) or not at all. Nothing is ever fragmented, and no ICMP message sent.
    ///
    /// Of a packet that came out of a configured tunnel the outer header is gone, its congestion marks aside. A semi-permeable
    /// tunnel is passed on by every branch, whatever its next hop, but for a group of one with X=0, whose unicast packet has the
    /// lower of both hop limits less one; options beside the one that names the tunnel are not passed on.
    ///
    /// A hop limit of 0 or 1 stops forwarding, not delivery to the router itself (RFC 8200 §3).
    ///
    /// # Errors
    ///
    /// - [`ForwardError::Parse`], [`ForwardError::NotForUs`], [`ForwardError::UnusableTunnel`], [`ForwardError::Refused`],
    ///   [`ForwardError::UnusableSource`], [`ForwardError::UnusableDestination`], [`ForwardError::ReversePath`], checked in
    ///   this order. Nothing was sent.
    ///
    /// Everything else that goes wrong concerns some destinations only: it is counted, and the others are served.
    pub fn forward<R, E>(
        &mut self,
        now: Instant,
        from: Option<R::NextHop>,
        packet: &[u8],
        routes: &R,
        egress: &mut E,
    ) -> Result<Outcome, ForwardError>
    where
        R: RouteLookup + ?Sized,
        E: Egress<R::NextHop> + ?Sized,
    {
        let admitted = admit(packet, from, &self.code_points, &self.policy, routes);
        let arrival = self.count(admitted)?;
        Ok(self.serve(now, &arrival, routes, egress))
    }

    /// Serves all destinations of an admitted packet by their routes.
    pub(super) fn serve<R, E>(&mut self, now: Instant, arrival: &Arrival<'_>, routes: &R, egress: &mut E) -> Outcome
    where
        R: RouteLookup + ?Sized,
        E: Egress<R::NextHop> + ?Sized,
    {
        let Self { policy, rule, reports, counters, .. } = self;
        let mut outcome = Outcome { packet_at: arrival.at, ..Outcome::default() };
        let remote = remote(arrival, policy.allow_echo, routes, counters, &mut outcome);
        let by_tunnels = policy.tunnels == TunnelUse::Routes
            && match arrival.way {
                Way::SemiPermeable(_) | Way::OwnAddress => false,
                Way::Own | Way::Link | Way::Tunnel { .. } => true,
            };
        let tunnel = |address| if by_tunnels { routes.tunnel(address) } else { None };
        let mut hops = Hops::new();
        let mut branches = Branches::new(&mut hops);
        let no_route = branches.look_up(arrival, remote, routes, tunnel);
        add_all(&mut counters.no_route, no_route);
        let out = Output::new(now, policy.max_copies, egress, counters, reports);
        let tunnel_option = self.code_points.fields().tunnel_option;
        let common = Common::new(arrival);
        let mut sending = Sending::new(arrival, &common, policy, rule, tunnel_option, routes, out);
        while let Some(branch) = branches.next(arrival, tunnel, rule) {
            sending.branch(&branch);
        }
        sending.out.tell(&mut outcome);
        outcome
    }

    /// The way out for a packet's copies, and all that is counted there.
    pub(super) fn output<'a, E: ?Sized>(&'a mut self, now: Instant, egress: &'a mut E) -> (Output<'a, E>, &'a M) {
        let max_copies = self.policy.max_copies;
        (Output::new(now, max_copies, egress, &mut self.counters, &mut self.reports), &self.rule)
    }

    /// Counts a packet, and an error if it is one.
    pub(super) fn count<T>(&mut self, admitted: Result<T, ForwardError>) -> Result<T, ForwardError> {
        let counters = &mut self.counters;
        add(&mut counters.packets, 1);
        let error = match admitted {
            Ok(admitted) => return Ok(admitted),
            Err(error) => error,
        };
        let counter = match error {
            ForwardError::NotForUs => &mut counters.not_for_us,
            ForwardError::Refused(_) => &mut counters.refused,
            ForwardError::UnusableTunnel => &mut counters.unusable_tunnel,
            ForwardError::NotAMember => &mut counters.not_a_member,
            ForwardError::ReversePath => &mut counters.reverse_path,
            ForwardError::UnusableSource => &mut counters.unusable_source,
            ForwardError::UnusableDestination { .. } => &mut counters.unusable_destination,
            ForwardError::Parse(error) => match error.kind() {
                ParseErrorKind::NotXcast => &mut counters.not_xcast,
                ParseErrorKind::XcastVersion => &mut counters.unsupported,
                ParseErrorKind::XcastChecksum | ParseErrorKind::Ipv4HeaderChecksum => &mut counters.checksum,
                ParseErrorKind::RoutingBehindAh => &mut counters.refused,
                _ => &mut counters.malformed,
            },
        };
        add(counter, 1);
        Err(error)
    }
}
