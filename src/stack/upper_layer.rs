//! From the IP header to the transport segment, and whether that segment is sound.

use core::net::IpAddr;

use super::ReceiveError;
use crate::wire::{
    Checksum, ExtensionHeader, Family, IpHeader, ParseError, ParseErrorKind, UdpDatagram, XcastPacket, ipv4, ipv6,
    protocol, u8_at, u16_at, udp,
};

const TCP_MIN_LEN: usize = 20;
const TCP_OFFSET_AT: usize = 12;
const ICMP_MIN_LEN: usize = 4;
const UDP_LITE_COVERAGE_AT: usize = 4;
const UDP_CHECKSUM_AT: usize = 6;

/// Where the transport segment starts, and its protocol. `xcast` are the Xcast headers of the packet, if it has any.
///
/// IPv6 extension headers are walked as RFC 8200 §4 asks of a destination.
pub(super) fn find(
    octets: &[u8],
    ip: &IpHeader<'_>,
    xcast: Option<&XcastPacket<'_>>,
) -> Result<(u8, usize), ReceiveError> {
    let (number, at) = match ip {
        IpHeader::V4(header) => match xcast {
            Some(xcast) => (xcast.next_protocol(), xcast.layout().payload_at),
            None => (header.protocol(), header.header_len()),
        },
        IpHeader::V6(header) => behind_v6(octets, header.next_header(), xcast)?,
    };
    match number {
        protocol::AH | protocol::ESP => Err(ReceiveError::StillProtected),
        _ => Ok((number, at)),
    }
}

fn behind_v6(octets: &[u8], first: u8, xcast: Option<&XcastPacket<'_>>) -> Result<(u8, usize), ReceiveError> {
    let layout = xcast.map(XcastPacket::layout);
    let own_routing = layout.map(|layout| layout.xcast_at);
    let own_option = layout.and_then(|layout| layout.ports_option).map(|option| option.at);
    let (mut number, mut announced_at, mut at) = (first, ipv6::NEXT_HEADER_AT, ipv6::HEADER_LEN);
    // Every round goes at least 8 octets on.
    loop {
        let header = match number {
            protocol::HOP_BY_HOP if at != ipv6::HEADER_LEN => {
                return Err(ParseError::new(ParseErrorKind::HopByHopPlace, announced_at).into());
            }
            protocol::FRAGMENT => return Err(ReceiveError::Fragment),
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION_OPTIONS => {
                ExtensionHeader::read(octets, number, at)?
            }
            _ => return Ok((number, at)),
        };
        if number == protocol::ROUTING {
            // Xcast's own has no segments. Others are passed over when theirs are used up, but not behind Xcast's.
            let behind_own = own_routing.is_some_and(|own| at > own);
            if own_routing != Some(at) && (behind_own || header.segments_left() != Some(0)) {
                return Err(ReceiveError::RoutingHeader { pointer: at });
            }
        } else {
            for option in header.options() {
                let option = option?;
                // The two highest bits say whether somebody who does not know it may pass it over.
                if option.kind >> 6 != 0 && own_option != Some(option.at) {
                    return Err(ReceiveError::UnrecognisedOption { pointer: option.at });
                }
            }
        }
        (number, announced_at, at) = (header.next_header(), at, header.end());
    }
}

/// Whether a segment is an ICMP or ICMPv6 echo request.
pub(super) fn is_echo_request(family: Family, number: u8, segment: &[u8]) -> bool {
    let kind = match (family, number) {
        (Family::V4, protocol::ICMP) => 8,
        (Family::V6, protocol::ICMPV6) => 128,
        _ => return false,
    };
    segment.first() == Some(&kind)
}

/// Whether an IPv4 header is one of a fragment, or wrong.
pub(super) fn check_v4(ip: &IpHeader<'_>) -> Result<(), ReceiveError> {
    match ip {
        IpHeader::V4(header) if !header.checksum_ok() => {
            Err(ParseError::new(ParseErrorKind::Ipv4HeaderChecksum, ipv4::CHECKSUM_AT).into())
        }
        IpHeader::V4(header) if header.is_fragment() => Err(ReceiveError::Fragment),
        IpHeader::V4(header) if header.has_source_route_left() => {
            Err(ReceiveError::RoutingHeader { pointer: ipv4::MIN_HEADER_LEN })
        }
        _ => Ok(()),
    }
}

/// A segment that is sound as far as this library knows its protocol.
#[derive(Clone, Copy)]
pub(super) struct Checked<'p> {
    /// Without octets behind the end that its header tells.
    pub(super) segment: &'p [u8],
    pub(super) payload: &'p [u8],
    /// Source and destination port.
    pub(super) ports: Option<(u16, u16)>,
}

/// Checks lengths and checksum of a segment between the addresses that the packet carries. Of a protocol that is not known
/// here nothing is.
pub(super) fn check<'p>(
    number: u8,
    source: IpAddr,
    destination: IpAddr,
    segment: &'p [u8],
) -> Result<Checked<'p>, ReceiveError> {
    let length = ReceiveError::TransportLength { protocol: number };
    let checksum = ReceiveError::TransportChecksum { protocol: number };
    let ports = || u16_at(segment, 0).zip(u16_at(segment, 2));
    let sum =
        |covered: &[u8]| udp::pseudo_header(number, source, destination, segment.len()).add_octets(covered).folded();
    let verified = |covered: &[u8]| if sum(covered) == 0xffff { Ok(()) } else { Err(checksum) };
    let whole = Checked { segment, payload: segment, ports: None };
    match (Family::of(&source), number) {
        (_, protocol::UDP) => {
            let datagram = UdpDatagram::parse(segment).map_err(|_| length)?;
            if !datagram.checksum_ok(source, destination) {
                return Err(checksum);
            }
            let segment = segment.get(..datagram.len()).ok_or(length)?;
            let ports = Some((datagram.source_port(), datagram.destination_port()));
            Ok(Checked { segment, payload: datagram.payload(), ports })
        }
        (_, protocol::UDP_LITE) => {
            let coverage = match u16_at(segment, UDP_LITE_COVERAGE_AT).map(usize::from) {
                // RFC 3828 §3.1: 0 is all; less than the header, or more than there is, must be discarded.
                Some(0) => segment.len(),
                Some(coverage) => coverage,
                None => return Err(length),
            };
            let covered = segment.get(..coverage).filter(|covered| covered.len() >= udp::HEADER_LEN).ok_or(length)?;
            if u16_at(segment, UDP_CHECKSUM_AT) == Some(0) {
                return Err(checksum);
            }
            verified(covered)?;
            Ok(Checked { ports: ports(), ..whole })
        }
        (_, protocol::TCP) => {
            let offset = u8_at(segment, TCP_OFFSET_AT).map(|octet| usize::from(octet >> 4).saturating_mul(4));
            if !offset.is_some_and(|offset| offset >= TCP_MIN_LEN && offset <= segment.len()) {
                return Err(length);
            }
            verified(segment)?;
            Ok(Checked { ports: ports(), ..whole })
        }
        (Family::V4, protocol::ICMP) => {
            if segment.len() < ICMP_MIN_LEN {
                return Err(length);
            }
            // No pseudo-header (RFC 792).
            let sum = Checksum::new().add_octets(segment).folded();
            if sum == 0xffff { Ok(whole) } else { Err(checksum) }
        }
        (Family::V6, protocol::ICMPV6) => {
            if segment.len() < ICMP_MIN_LEN {
                return Err(length);
            }
            verified(segment)?;
            Ok(whole)
        }
        _ => Ok(whole),
    }
}
