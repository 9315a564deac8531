//! Counters: nothing vanishes uncounted.

use crate::wire::DestinationSet;

/// What a router did, since it was made. Every counter stops at `u64::MAX`.
///
/// Every packet is counted in [`packets`](Self::packets) and, if it goes no further, in exactly one of the counters of
/// packets behind it. Of the packets that go further, every destination that was to be served is counted in
/// [`destinations`](Self::destinations) and in exactly one of the counters of destinations behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counters {
    /// Packets offered.
    pub packets: u64,
    /// Packets that are not Xcast.
    pub not_xcast: u64,
    /// Packets of an Xcast version to come.
    pub unsupported: u64,
    /// Packets with a wrong Xcast CHECKSUM or IPv4 header checksum.
    pub checksum: u64,
    /// Packets malformed in any other way.
    pub malformed: u64,
    /// Packets addressed to neither All_Xcast_Routers nor the router.
    pub not_for_us: u64,
    /// Packets of a construction that is refused.
    pub refused: u64,
    /// Packets that came out of what is no tunnel of the router's.
    pub unusable_tunnel: u64,
    /// Packets to be relayed that do not list the host.
    pub not_a_member: u64,
    /// Packets that did not come the way back to their sender.
    pub reverse_path: u64,
    /// Packets with a source that cannot be routed from.
    pub unusable_source: u64,
    /// Packets with a destination that cannot be routed to.
    pub unusable_destination: u64,
    /// Packets that hold an ICMP echo request.
    pub echo_requests: u64,
    /// Packets without a destination still to be served.
    pub nothing_to_do: u64,

    /// Destinations to be served, of the packets not counted so far.
    pub destinations: u64,
    /// Destinations that are the router itself.
    pub local: u64,
    /// Destinations that repeat an earlier one.
    pub duplicate: u64,
    /// Destinations dropped because the hop limit arrived as 0 or 1.
    pub hop_limit: u64,
    /// Destinations without a route.
    pub no_route: u64,
    /// Destinations behind a next hop without Xcast, with neither X2U nor a tunnel to reach them.
    pub not_capable: u64,
    /// Destinations of copies longer than the MTU.
    pub too_big: u64,
    /// Destinations of copies beyond the limit of copies per packet.
    pub over_copy_limit: u64,
    /// Destinations of copies that the egress failed to send.
    pub egress_failed: u64,
    /// Destinations forwarded in Xcast copies.
    pub forwarded: u64,
    /// Destinations sent unicast packets (X2U and premature X2U): as many packets as destinations.
    pub unicast: u64,
    /// Destinations forwarded in Xcast copies through configured tunnels.
    pub tunnelled: u64,
    /// Destinations forwarded in Xcast copies in semi-permeable tunnels.
    pub semi_permeable: u64,

    /// Xcast copies sent, those through tunnels not counted.
    pub xcast_copies: u64,
    /// Xcast copies sent through configured tunnels.
    pub tunnel_copies: u64,
    /// Xcast copies sent in semi-permeable tunnels.
    pub semi_permeable_copies: u64,
    /// Copies too long for their way of which the egress was told ([`Egress::too_big`](super::Egress::too_big)).
    pub reports: u64,
    /// Copies too long for their way of which it was not told, to keep to the limit.
    pub reports_suppressed: u64,
}

/// Adds to a counter.
pub(super) fn add(counter: &mut u64, count: usize) {
    *counter = counter.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
}

/// Adds the number of `destinations`, of which there mostly are none: to count bits takes long where no instruction does.
pub(super) fn add_all(counter: &mut u64, destinations: DestinationSet) {
    if !destinations.is_empty() {
        add(counter, destinations.len());
    }
}
