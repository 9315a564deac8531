//! Which packets a router takes on, before it looks for routes.

use core::net::IpAddr;

use super::arrival::{Arrival, Way};
use super::serve::{first_unusable, reverse_path_ok};
use super::{ForwardError, OwnAddress, Refusal, ReversePath, RouteLookup, RouterPolicy, SemiPermeable};
use crate::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, Encapsulated, ExtensionHeader, Family, IpHeader, ParseError,
    ParseErrorKind, XcastPacket, is_routable_unicast, protocol,
};

/// Reads a packet that came from a link, inside a tunnel or not, and checks all that makes it an error.
pub(super) fn admit<'a, R: RouteLookup + ?Sized>(
    packet: &'a [u8],
    from: Option<R::NextHop>,
    code_points: &CodePoints,
    policy: &RouterPolicy,
    routes: &R,
) -> Result<Arrival<'a>, ForwardError> {
    let arrival = match XcastPacket::parse(packet, code_points, policy.checksum) {
        Ok(packet) => Arrival { packet, way: way(&packet, code_points, policy, routes)?, at: 0 },
        Err(error) if error.kind() == ParseErrorKind::NotXcast => {
            admit_tunnelled(packet, error, code_points, policy, routes)?
        }
        Err(error) => return Err(error.into()),
    };
    check_contents(&arrival.packet)?;
    let source = arrival.packet.ip().source();
    // Its own comes by `originate`.
    if routes.is_local(source) {
        return Err(ForwardError::UnusableSource);
    }
    let on_reverse_path = match (policy.reverse_path, arrival.way) {
        (ReversePath::Strict, Way::Tunnel { ends, .. }) => {
            routes.tunnel(source).is_some_and(|tunnel| tunnel.is_between(ends.local(), ends.remote()))
                && reverse_path_ok(ReversePath::Strict, ends.remote(), from, routes)
        }
        (policy, _) => reverse_path_ok(policy, source, from, routes),
    };
    if on_reverse_path { Ok(arrival) } else { Err(ForwardError::ReversePath) }
}

/// Reads a packet of the router's own.
pub(super) fn admit_own<'a>(packet: &'a [u8], code_points: &CodePoints) -> Result<Arrival<'a>, ForwardError> {
    let packet = XcastPacket::parse(packet, code_points, ChecksumPolicy::Verify)?;
    if !is_to_group(&packet, code_points) {
        return Err(ForwardError::NotForUs);
    }
    check_contents(&packet)?;
    Ok(Arrival { packet, way: Way::Own, at: 0 })
}

/// A packet to be relayed, and the tunnel that it came in.
pub(super) struct Relayed<'a> {
    pub(super) arrival: Arrival<'a>,
    /// The host's end of the tunnel.
    pub(super) local: IpAddr,
    pub(super) semi_permeable: bool,
}

/// Reads a packet that came in an outer header for a host, which is one of its destinations (RFC 5058 §11.4).
pub(super) fn admit_relayed<'a, R: RouteLookup + ?Sized>(
    packet: &'a [u8],
    code_points: &CodePoints,
    policy: &RouterPolicy,
    routes: &R,
) -> Result<Relayed<'a>, ForwardError> {
    let tunnel = Encapsulated::parse(packet, code_points)?.ok_or(ForwardError::NotForUs)?;
    let local = tunnel.outer().destination();
    if !routes.is_local(local) {
        return Err(ForwardError::NotForUs);
    }
    let packet = read_inner(&tunnel, code_points, policy)?;
    let arrival = Arrival::out_of(&tunnel, packet).ok_or(ForwardError::UnusableTunnel)?;
    check_contents(&arrival.packet)?;
    let is_local = |index| arrival.packet.destination(index).is_some_and(|address| routes.is_local(address));
    if !arrival.packet.bits().iter().any(is_local) {
        return Err(ForwardError::NotAMember);
    }
    Ok(Relayed { arrival, local, semi_permeable: tunnel.is_semi_permeable() })
}

/// How a packet that stands in no tunnel came.
fn way<R: RouteLookup + ?Sized>(
    packet: &XcastPacket<'_>,
    code_points: &CodePoints,
    policy: &RouterPolicy,
    routes: &R,
) -> Result<Way, ForwardError> {
    if is_to_group(packet, code_points) {
        Ok(Way::Link)
    } else if policy.own_address != OwnAddress::Refuse && routes.is_local(packet.ip().destination()) {
        Ok(Way::OwnAddress)
    } else {
        Err(ForwardError::NotForUs)
    }
}

fn is_to_group(packet: &XcastPacket<'_>, code_points: &CodePoints) -> bool {
    code_points.is_routers(packet.ip().destination())
}

/// A packet inside another one. `not_xcast` is what it is otherwise: what passes by in somebody else's tunnel, sound or not,
/// is none of the router's business.
fn admit_tunnelled<'a, R: RouteLookup + ?Sized>(
    packet: &'a [u8],
    not_xcast: ParseError,
    code_points: &CodePoints,
    policy: &RouterPolicy,
    routes: &R,
) -> Result<Arrival<'a>, ForwardError> {
    let (outer, _) = IpHeader::split(packet)?;
    let (local, remote) = (outer.destination(), outer.source());
    let tunnel = match Encapsulated::parse(packet, code_points) {
        Ok(tunnel) => tunnel.ok_or(not_xcast)?,
        Err(error) => return Err(if routes.is_local(local) { error.into() } else { not_xcast.into() }),
    };
    let semi_permeable = tunnel.is_semi_permeable();
    let concerns_us =
        if semi_permeable { policy.semi_permeable != SemiPermeable::Ignore } else { routes.is_local(local) };
    if !concerns_us {
        return Err(not_xcast.into());
    }
    let packet = read_inner(&tunnel, code_points, policy)?;
    let arrival = if !semi_permeable {
        routes.is_tunnel(local, remote).then(|| Arrival::out_of(&tunnel, packet)).flatten()
    } else if is_routable_unicast(remote) && is_routable_unicast(local) {
        Arrival::inside(&tunnel, code_points.fields().tunnel_option, packet)
    } else {
        None
    };
    arrival.ok_or(ForwardError::UnusableTunnel)
}

/// The Xcast packet in a tunnel: one to All_Xcast_Routers, as nobody else's address is reached through a tunnel.
fn read_inner<'a>(
    tunnel: &Encapsulated<'a>,
    code_points: &CodePoints,
    policy: &RouterPolicy,
) -> Result<XcastPacket<'a>, ForwardError> {
    let packet = XcastPacket::parse(tunnel.inner(), code_points, policy.checksum)
        .map_err(|error| error.shifted(tunnel.inner_at()))?;
    if is_to_group(&packet, code_points) { Ok(packet) } else { Err(ForwardError::NotForUs) }
}

/// Construction, source and destinations, wherever the packet came from.
fn check_contents(packet: &XcastPacket<'_>) -> Result<(), ForwardError> {
    check_construction(packet)?;
    if !is_routable_unicast(packet.ip().source()) {
        return Err(ForwardError::UnusableSource);
    }
    let header = packet.header();
    if let Some(index) = first_unusable(header.destinations(), header.anonymous(), packet.bits()) {
        let layout = packet.layout();
        let pointer = layout.xcast_at.saturating_add(layout.header.address_at(index));
        return Err(ForwardError::UnusableDestination { index, pointer });
    }
    Ok(())
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
    if let IpHeader::V4(header) = packet.ip()
        && header.has_source_route_left()
    {
        return Err(Refusal::SourceRoute);
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
