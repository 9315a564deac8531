//! Which packets a router takes on, before it looks for routes.

use super::{ForwardError, Refusal, RouteLookup, RouterPolicy};
use crate::wire::{
    BitmapPlace, CodePoints, DestinationSet, ExtensionHeader, Family, MAX_DESTINATIONS, XcastPacket,
    is_routable_unicast, protocol,
};
use core::net::IpAddr;

/// Reads the packet and checks all that makes it an error.
pub(super) fn admit<'a, R: RouteLookup + ?Sized>(
    packet: &'a [u8],
    code_points: &CodePoints,
    policy: &RouterPolicy,
    routes: &R,
) -> Result<XcastPacket<'a>, ForwardError> {
    let packet = XcastPacket::parse(packet, code_points, policy.checksum)?;
    let to = packet.ip().destination();
    let fields = code_points.fields();
    if to != IpAddr::V4(fields.routers_v4) && to != IpAddr::V6(fields.routers_v6) && !routes.is_local(to) {
        return Err(ForwardError::NotForUs);
    }
    check_construction(&packet)?;
    if !is_routable_unicast(packet.ip().source()) {
        return Err(ForwardError::UnusableSource);
    }
    check_destinations(&packet)?;
    Ok(packet)
}

fn check_construction(packet: &XcastPacket<'_>) -> Result<(), Refusal> {
    let header = packet.header();
    let (anonymous, separated) = (header.anonymous(), header.bitmap_place() == BitmapPlace::Option);
    if packet.is_behind_ah() && !separated {
        return Err(Refusal::BitmapUnderAh);
    }
    if packet.is_behind_ah() && anonymous {
        return Err(Refusal::AnonymousUnderAh);
    }
    if header.family() == Family::V4 && packet.next_protocol() == protocol::AH {
        return Err(Refusal::AhBehindXcast4);
    }
    if anonymous && separated {
        return Err(Refusal::AnonymousWithSeparatedBitmap);
    }
    if has_segments_left(packet) {
        return Err(Refusal::SegmentsLeft);
    }
    Ok(())
}

/// Whether a Routing header in front of the Xcast one still has segments to visit.
fn has_segments_left(packet: &XcastPacket<'_>) -> bool {
    let layout = packet.layout();
    let (mut kind, mut at) = (packet.ip().next_header(), layout.ip_header_len);
    while packet.header().family() == Family::V6 && at < layout.xcast_at {
        // It was walked before.
        let Ok(header) = ExtensionHeader::read(packet.as_octets(), kind, at) else { return true };
        if header.segments_left().is_some_and(|left| left != 0) {
            return true;
        }
        (kind, at) = (header.next_header(), header.end());
    }
    false
}

/// Every address must be one that packets are routed to, whether its bit is set or not: a bit may have been cleared on the
/// way here. Zero stands for an address erased.
fn check_destinations(packet: &XcastPacket<'_>) -> Result<(), ForwardError> {
    let (anonymous, bits) = (packet.header().anonymous(), packet.bits());
    for (index, address) in packet.header().destinations().enumerate() {
        let erased = anonymous && address.is_unspecified() && !bits.contains(index);
        if !erased && !is_routable_unicast(address) {
            let layout = packet.layout();
            let pointer = layout.xcast_at.saturating_add(layout.header.address_at(index));
            return Err(ForwardError::UnusableDestination { index, pointer });
        }
    }
    Ok(())
}

/// The destinations to be served that repeat an earlier one: address, and port if there are ports (project-defined).
/// Sorted rather than compared pair by pair, as a sender chooses how many there are.
pub(super) fn duplicates(packet: &XcastPacket<'_>) -> DestinationSet {
    let mut order: heapless::Vec<usize, MAX_DESTINATIONS> = heapless::Vec::new();
    for index in packet.bits().iter() {
        // There is room for all.
        let _ = order.push(index);
    }
    let target = |index: usize| (packet.destination(index), packet.port(index));
    order.sort_unstable_by_key(|&index| (target(index), index));
    let pairs = order.iter().zip(order.iter().skip(1));
    pairs.filter(|&(&earlier, &later)| target(earlier) == target(later)).map(|(_, &later)| later).collect()
}
