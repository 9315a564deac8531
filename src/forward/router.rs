//! One packet in, its copies out.

use super::admit::{admit, duplicates};
use super::branch::branches;
use super::counters::add;
use super::send::Sending;
use super::transport::is_echo_request;
use super::{Counters, Egress, ForwardError, RouteLookup, RouterPolicy};
use crate::wire::{CodePoints, DestinationSet, ParseErrorKind, XcastPacket};

/// What became of a packet that was not an error. What is in none of its sets was dropped, and counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether the packet is to be delivered to the router's own stack, as it arrived.
    pub local: bool,
    /// The destinations that are the router itself.
    pub local_destinations: DestinationSet,
    /// Copies sent.
    pub copies: usize,
    /// The destinations they serve.
    pub sent: DestinationSet,
}

/// A router: code points, policy and counters. It remembers nothing else from packet to packet.
#[derive(Clone, Debug)]
pub struct Router {
    code_points: CodePoints,
    policy: RouterPolicy,
    /// What it did so far.
    pub counters: Counters,
}

impl Router {
    /// A router with all counters at 0.
    #[must_use]
    pub fn new(code_points: CodePoints, policy: RouterPolicy) -> Self {
        Self { code_points, policy, counters: Counters::default() }
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

    /// Forwards `packet`, which starts at its IP header and arrived from a link or out of a tunnel (RFC 5058 §2, §9).
    ///
    /// Every destination whose bit is set is looked up; those with the same next hop share a copy, in the order of each
    /// group's first destination. A group of one becomes a unicast packet if X=0, and so does every destination behind a
    /// next hop without Xcast (RFC 5058 §11.2) where policy, X, AH and the transport allow it; otherwise those are reached
    /// through a tunnel (RFC 5058 §11.1) or not at all. Nothing is ever fragmented, and no ICMP message sent.
    ///
    /// A hop limit of 0 or 1 stops forwarding, not delivery to the router itself (RFC 8200 §3).
    ///
    /// # Errors
    ///
    /// - [`ForwardError::Parse`], [`ForwardError::NotForUs`], [`ForwardError::Refused`],
    ///   [`ForwardError::UnusableSource`], [`ForwardError::UnusableDestination`], checked in this order. Nothing was sent.
    ///
    /// Everything else that goes wrong concerns some destinations only: it is counted, and the others are served.
    pub fn forward<R, E>(&mut self, packet: &[u8], routes: &R, egress: &mut E) -> Result<Outcome, ForwardError>
    where
        R: RouteLookup + ?Sized,
        E: Egress<R::NextHop> + ?Sized,
    {
        add(&mut self.counters.packets, 1);
        match admit(packet, &self.code_points, &self.policy, routes) {
            Ok(packet) => Ok(self.forward_admitted(&packet, routes, egress)),
            Err(error) => {
                self.count_error(error);
                Err(error)
            }
        }
    }

    fn forward_admitted<R, E>(&mut self, packet: &XcastPacket<'_>, routes: &R, egress: &mut E) -> Outcome
    where
        R: RouteLookup + ?Sized,
        E: Egress<R::NextHop> + ?Sized,
    {
        let counters = &mut self.counters;
        let mut outcome = Outcome::default();
        if !self.policy.allow_echo && is_echo_request(packet) {
            add(&mut counters.echo_requests, 1);
            return outcome;
        }
        if packet.bits().is_empty() {
            add(&mut counters.nothing_to_do, 1);
            return outcome;
        }
        add(&mut counters.destinations, packet.bits().len());
        let duplicates = duplicates(packet);
        add(&mut counters.duplicate, duplicates.len());
        let distinct = packet.bits().difference(duplicates);

        let is_local = |&index: &usize| packet.destination(index).is_some_and(|address| routes.is_local(address));
        outcome.local_destinations = distinct.iter().filter(is_local).collect();
        outcome.local = !outcome.local_destinations.is_empty();
        add(&mut counters.local, outcome.local_destinations.len());
        let remote = distinct.difference(outcome.local_destinations);
        if packet.ip().hop_limit() <= 1 {
            add(&mut counters.hop_limit, remote.len());
            return outcome;
        }

        let (branches, no_route) = branches(packet, remote, routes);
        add(&mut counters.no_route, no_route.len());
        let mut sending = Sending::new(packet, &self.policy, routes, egress, counters);
        for branch in &branches {
            sending.branch(branch);
        }
        (outcome.copies, outcome.sent) = sending.done();
        outcome
    }

    fn count_error(&mut self, error: ForwardError) {
        let counters = &mut self.counters;
        let counter = match error {
            ForwardError::NotForUs => &mut counters.not_for_us,
            ForwardError::Refused(_) => &mut counters.refused,
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
    }
}
