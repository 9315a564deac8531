//! One XCAST6 2.0 packet in, its copies out.

use super::send::{Sending, branches};
use super::{EgressV2, ForwardErrorV2, RouterPolicyV2, behind};
use crate::forward::counters::add;
use crate::forward::{Counters, Outcome, RouteLookup};
use crate::wire::xcast6_v2::{CodePointsV2, MAX_DESTINATIONS, PacketV2, ParseErrorKindV2, address_at};
use crate::wire::{DestinationSet, is_routable_unicast};

/// A router or host of XCAST6 2.0: code points, policy and counters. It remembers nothing else from packet to packet.
///
/// Of the [`Counters`], those that no XCAST6 2.0 packet can cause stay at 0: `unsupported`, `checksum`, `not_for_us`,
/// `refused`, `not_capable`, `tunnelled` and `tunnel_copies`.
#[derive(Clone, Debug)]
pub struct RouterV2 {
    code_points: CodePointsV2,
    policy: RouterPolicyV2,
    /// What it did so far.
    pub counters: Counters,
}

impl RouterV2 {
    /// A router with all counters at 0.
    #[must_use]
    pub fn new(code_points: CodePointsV2, policy: RouterPolicyV2) -> Self {
        Self { code_points, policy, counters: Counters::default() }
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

    /// Forwards `packet`, which starts at its outer IPv6 header and came by, whomever that header leads to: a router looks
    /// into what it would otherwise only pass on, and a host into what is for it (WIRE.md §9, §10).
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
    /// - [`ForwardErrorV2::Parse`], [`ForwardErrorV2::UnusableSource`], [`ForwardErrorV2::UnusableDestination`], checked in
    ///   this order. Nothing was sent.
    ///
    /// Everything else that goes wrong concerns some destinations only: it is counted, and the others are served.
    pub fn forward<R, E>(&mut self, packet: &[u8], routes: &R, egress: &mut E) -> Result<Outcome, ForwardErrorV2>
    where
        R: RouteLookup + ?Sized,
        E: EgressV2<R::NextHop> + ?Sized,
    {
        add(&mut self.counters.packets, 1);
        match admit(packet, &self.code_points) {
            Ok(packet) => Ok(self.forward_admitted(&packet, routes, egress)),
            Err(error) => {
                self.count_error(error);
                Err(error)
            }
        }
    }

    fn forward_admitted<R, E>(&mut self, packet: &PacketV2<'_>, routes: &R, egress: &mut E) -> Outcome
    where
        R: RouteLookup + ?Sized,
        E: EgressV2<R::NextHop> + ?Sized,
    {
        let counters = &mut self.counters;
        let mut outcome = Outcome::default();
        let echo = || behind::is_echo_request(packet.as_octets(), packet.next_protocol(), packet.payload_at());
        if !self.policy.allow_echo && echo() {
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

        let is_local =
            |&index: &usize| packet.destination(index).is_some_and(|address| routes.is_local(address.into()));
        outcome.local_destinations = distinct.iter().filter(is_local).collect();
        outcome.local = !outcome.local_destinations.is_empty();
        add(&mut counters.local, outcome.local_destinations.len());
        let remote = distinct.difference(outcome.local_destinations);
        if packet.outer().hop_limit() <= 1 {
            add(&mut counters.hop_limit, remote.len());
            return outcome;
        }

        let (branches, no_route) = branches(packet, remote, routes);
        add(&mut counters.no_route, no_route.len());
        let mut sending = Sending::new(packet, &self.policy, egress, counters);
        for branch in &branches {
            sending.branch(branch);
        }
        (outcome.copies, outcome.sent) = sending.done();
        outcome
    }

    fn count_error(&mut self, error: ForwardErrorV2) {
        let counters = &mut self.counters;
        let counter = match error {
            ForwardErrorV2::UnusableSource => &mut counters.unusable_source,
            ForwardErrorV2::UnusableDestination { .. } => &mut counters.unusable_destination,
            ForwardErrorV2::Parse(error) => match error.kind() {
                ParseErrorKindV2::NotXcast6V2 => &mut counters.not_xcast,
                _ => &mut counters.malformed,
            },
        };
        add(counter, 1);
    }
}

/// Reads the packet and checks all that makes it an error.
fn admit<'a>(packet: &'a [u8], code_points: &CodePointsV2) -> Result<PacketV2<'a>, ForwardErrorV2> {
    let packet = PacketV2::parse(packet, code_points)?;
    let sources = [packet.inner().source(), packet.outer().source()];
    if !sources.iter().all(|&source| is_routable_unicast(source.into())) {
        return Err(ForwardErrorV2::UnusableSource);
    }
    // Whether its bit is set or not: a bit may have been cleared on the way here. Zero stands for an address erased.
    for (index, address) in packet.destinations().enumerate() {
        let erased = packet.anonymous() && address.is_unspecified() && !packet.bits().contains(index);
        if !erased && !is_routable_unicast(address.into()) {
            return Err(ForwardErrorV2::UnusableDestination { index, pointer: address_at(index) });
        }
    }
    Ok(packet)
}

/// The destinations to be served that repeat an earlier one (WIRE.md §5). Sorted rather than compared pair by pair, as a
/// sender chooses how many there are.
fn duplicates(packet: &PacketV2<'_>) -> DestinationSet {
    let mut order: heapless::Vec<usize, MAX_DESTINATIONS> = heapless::Vec::new();
    for index in packet.bits().iter() {
        // There is room for all.
        let _ = order.push(index);
    }
    order.sort_unstable_by_key(|&index| (packet.destination(index), index));
    let pairs = order.iter().zip(order.iter().skip(1));
    let repeats = |&(&earlier, &later): &(&usize, &usize)| packet.destination(earlier) == packet.destination(later);
    pairs.filter(repeats).map(|(_, &later)| later).collect()
}
