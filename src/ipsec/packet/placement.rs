//! Where AH or ESP stands in a packet, or is to be put, and how taking it in or out changes the headers in front.

use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::construction::{Unfit, as_xcast_behind};
use crate::wire::{
    AhHeader, Checksum, ChecksumUpdate, CodePoints, ExtensionHeader, Family, IpHeader, Layout, ParseError,
    ParseErrorKind, PlainV4, XcastPacket, ipv4, ipv6, protocol, put, set_packet_len, u8_at, u16_at,
};

/// A place between the headers of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) family: Family,
    /// Octets of the IP header, options included.
    pub(crate) ip_header_len: usize,
    /// Octets of the whole packet, by its IP header.
    pub(crate) packet_len: usize,
    /// Where the place is.
    pub(crate) at: usize,
    /// Where the octet is that says what stands there.
    pub(crate) announced_at: usize,
    /// What stands there.
    pub(crate) next_header: u8,
    /// Where the Xcast header starts whose CHECKSUM covers `announced_at`, if one does.
    pub(crate) covering_checksum_at: Option<usize>,
}

impl Place {
    /// Directly behind the IP header.
    #[inline]
    pub(crate) fn behind_ip(ip: &IpHeader<'_>) -> Self {
        let (at, next_header) = (ip.header_len(), ip.next_header());
        Self { ip_header_len: at, at, next_header, ..Self::behind_plain_ip(ip.family(), ip.packet_len()) }
    }

    /// Directly behind an IP header without options that is not written yet, of a packet of `packet_len` octets.
    #[inline]
    pub(crate) const fn behind_plain_ip(family: Family, packet_len: usize) -> Self {
        let at = family.min_header_len();
        let announced_at = match family {
            Family::V4 => ipv4::PROTOCOL_AT,
            Family::V6 => ipv6::NEXT_HEADER_AT,
        };
        let next_header = protocol::NO_NEXT_HEADER;
        Self { family, ip_header_len: at, packet_len, at, announced_at, next_header, covering_checksum_at: None }
    }

    /// Whether it is directly behind an IPv4 header without options: no header of IPv6 is as short.
    #[inline]
    const fn is_behind_plain_v4(&self) -> bool {
        self.ip_header_len == ipv4::MIN_HEADER_LEN && self.at == ipv4::MIN_HEADER_LEN
    }

    /// Directly behind all Xcast headers.
    #[inline(always)]
    fn behind_xcast(xcast: &XcastPacket<'_>) -> Self {
        let layout = xcast.layout();
        let covered = layout.next_protocol_at >= layout.xcast_at
            && layout.next_protocol_at < layout.xcast_at.saturating_add(layout.header.len);
        let checksum_at = layout.xcast_at.saturating_add(Layout::checksum_at(layout.header.family));
        Self {
            family: layout.header.family,
            ip_header_len: layout.ip_header_len,
            packet_len: layout.packet_len,
            at: layout.payload_at,
            announced_at: layout.next_protocol_at,
            next_header: xcast.next_protocol(),
            covering_checksum_at: if covered { Some(checksum_at) } else { None },
        }
    }

    /// Behind an IPv6 extension header.
    pub(crate) fn behind(self, header: &ExtensionHeader<'_>) -> Self {
        Self { at: header.end(), announced_at: header.at, next_header: header.next_header(), ..self }
    }
}

/// Where an arrived packet's outermost AH or ESP is to be looked for: behind the IP header and IPv6 extension headers, or
/// behind the Xcast4 header.
///
/// A fragment is an error: IPsec works on whole packets (RFC 4302 §3.4.1, RFC 4303 §3.4.1).
pub(crate) fn find_protection(
    ip: &IpHeader<'_>,
    packet: &[u8],
    code_points: Option<&CodePoints>,
) -> Result<Place, Unfit> {
    let octets = packet.get(..ip.packet_len()).unwrap_or(packet);
    let mut place = Place::behind_ip(ip);
    match ip {
        IpHeader::V4(header) => {
            if header.is_fragment() {
                return Err(ParseError::new(ParseErrorKind::Fragment, ipv4::FLAGS_AT).into());
            }
            let is_xcast = code_points.is_some_and(|points| points.fields().xcast4_protocol == place.next_header);
            if is_xcast && let Some(xcast) = as_xcast_behind(Family::V4, place.next_header, packet, code_points)? {
                place = Place::behind_xcast(&xcast);
            }
        }
        IpHeader::V6(_) => {
            let xcast_type = code_points.map(|points| points.fields().xcast6_routing_type);
            loop {
                match place.next_header {
                    protocol::HOP_BY_HOP if place.at != ipv6::HEADER_LEN => {
                        return Err(ParseError::new(ParseErrorKind::HopByHopPlace, place.announced_at).into());
                    }
                    protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING => {
                        let header = ExtensionHeader::read(octets, place.next_header, place.at)?;
                        place = place.behind(&header);
                        let is_xcast = xcast_type.is_some() && header.routing_type() == xcast_type;
                        place.covering_checksum_at = if is_xcast {
                            Some(header.at.saturating_add(Layout::checksum_at(Family::V6)))
                        } else {
                            None
                        };
                    }
                    protocol::FRAGMENT => return Err(ParseError::new(ParseErrorKind::Fragment, place.at).into()),
                    _ => break,
                }
            }
        }
    }
    Ok(place)
}

/// Where transport-mode ESP goes in a packet to be sent, and, in IPv6, AH: behind the Xcast headers; else behind Hop-by-Hop
/// and Routing headers and what stands in front of the latter. A Destination Options header without a Routing header behind
/// it is for the final destination and is protected (RFC 8200 §4.1, RFC 4302 §3.1.1).
#[inline(always)]
pub(crate) fn behind_routing(
    ip: &IpHeader<'_>,
    packet: &[u8],
    xcast: Option<&XcastPacket<'_>>,
) -> Result<Place, ParseError> {
    match xcast {
        Some(xcast) => Ok(Place::behind_xcast(xcast)),
        None => behind_other_routing(ip, packet),
    }
}

#[inline(never)]
fn behind_other_routing(ip: &IpHeader<'_>, packet: &[u8]) -> Result<Place, ParseError> {
    let start = behind_ip_header(ip)?;
    let mut found = start;
    if start.family == Family::V6 {
        let octets = packet.get(..start.packet_len).unwrap_or(packet);
        let mut place = start;
        while matches!(place.next_header, protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING) {
            let header = ExtensionHeader::read(octets, place.next_header, place.at)?;
            place = place.behind(&header);
            if header.kind != protocol::DESTINATION_OPTIONS {
                found = place;
            }
        }
    }
    Ok(found)
}

/// Where IPv4 AH goes, and tunnel-mode AH or ESP of either family in the inner packet: directly behind the IP header. For a
/// packet to be sent, which must not be a fragment.
#[inline]
pub(crate) fn behind_ip_header(ip: &IpHeader<'_>) -> Result<Place, ParseError> {
    if let IpHeader::V4(header) = ip
        && header.is_fragment()
    {
        return Err(ParseError::new(ParseErrorKind::Fragment, ipv4::FLAGS_AT));
    }
    Ok(Place::behind_ip(ip))
}

/// Says in the headers in front of `place` that `next_header` now stands there and that the packet now has all its octets:
/// Next Header with the Xcast CHECKSUM over it, and the IP header's length and checksum.
#[inline(always)]
pub(crate) fn repair_headers(packet: &mut [u8], place: &Place, next_header: u8) {
    let len = packet.len();
    match packet.first_chunk_mut() {
        Some(header) if place.is_behind_plain_v4() => {
            let len = u16::try_from(len).unwrap_or(u16::MAX);
            PlainV4::from_octets(header).with(len, next_header).write(header);
        }
        // A copy: the place itself then need not be in memory.
        _ => repair_other_headers(packet, *place, next_header),
    }
}

/// Does it to all others.
#[inline(never)]
fn repair_other_headers(packet: &mut [u8], place: Place, next_header: u8) {
    let old = u8_at(packet, place.announced_at).unwrap_or(0);
    let len = packet.len();
    let ip_checksum = match place.family {
        Family::V4 => checksum_v4(packet, &place, len, next_header),
        Family::V6 => None,
    };
    put(packet, place.announced_at, &[next_header]);
    if let Some(at) = place.covering_checksum_at {
        // PROT ID and Next Header stand at even offsets of their headers.
        let checksum = u16_at(packet, at).unwrap_or(0);
        let checksum = ChecksumUpdate::new(checksum).replace(&[old], &[next_header]).finish();
        put(packet, at, &checksum.to_be_bytes());
    }
    set_packet_len(packet, place.family, len);
    if let Some(checksum) = ip_checksum {
        put(packet, ipv4::CHECKSUM_AT, &checksum.to_be_bytes());
    }
}

/// The IPv4 header checksum of `packet`, computed anew for when it will have `len` octets and say that `next_header` stands at
/// `place`. Nothing is written before: the processor would wait for the single octets to reach memory.
fn checksum_v4(packet: &[u8], place: &Place, len: usize, next_header: u8) -> Option<u16> {
    let sum = Checksum::new().add_octets(packet.get(..place.ip_header_len)?);
    let without_old = sum.add_u16(!u16_at(packet, ipv4::CHECKSUM_AT)?).add_u16(!u16_at(packet, ipv4::TOTAL_LENGTH_AT)?);
    let with_len = without_old.add_u16(u16::try_from(len).unwrap_or(u16::MAX));
    if place.announced_at != ipv4::PROTOCOL_AT {
        return Some(with_len.finish());
    }
    // The other half of its word.
    let [ttl, protocol] = u16_at(packet, ipv4::TTL_AT)?.to_be_bytes();
    let (old, new) = (u16::from_be_bytes([ttl, protocol]), u16::from_be_bytes([ttl, next_header]));
    Some(with_len.add_u16(!old).add_u16(new).finish())
}

/// Takes an opened AH or ESP header of `count` octets out at `place`; `next_header` then stands there.
#[inline]
pub(crate) fn take_out(packet: &mut PacketBuf<'_>, place: &Place, count: usize, next_header: u8) {
    if !place.is_behind_plain_v4() {
        packet.remove(place.at, count);
        repair_other_headers(packet.as_mut_octets(), *place, next_header);
        return;
    }
    // Not moved and then changed, but written once.
    let octets = packet.as_mut_octets();
    if let Some(header) = octets.first_chunk().map(PlainV4::from_octets)
        && let Some(rest) = octets.get_mut(count..)
    {
        let len = u16::try_from(rest.len()).unwrap_or(u16::MAX);
        if let Some(room) = rest.first_chunk_mut() {
            header.with(len, next_header).write(room);
        }
    }
    packet.cut_front(count);
}

/// The AH at `place`.
pub(crate) fn ah_at<'a>(packet: &'a [u8], place: &Place) -> Result<AhHeader<'a>, ParseError> {
    let (header, _) =
        AhHeader::split(packet.get(place.at..).unwrap_or(&[])).map_err(|error| error.shifted(place.at))?;
    Ok(header)
}
