//! What a packet is judged by (RFC 4301 §4.4.1.1).

use core::net::IpAddr;

use super::entry::Direction;
use super::next_layer::{MOBILITY, is_skipped};
use crate::wire::{
    CodePoints, ExtensionHeader, IpHeader, Ipv4Header, ParseError, ParseErrorKind, XcastPacket, ipv4, ipv6, protocol,
    u8_at, u16_at,
};

/// Stream Control Transmission Protocol (RFC 9260).
const SCTP: u8 = 132;
/// Datagram Congestion Control Protocol (RFC 4340).
const DCCP: u8 = 33;
/// Octets of the IPv6 Fragment header (RFC 8200 §4.5).
const FRAGMENT_HEADER_LEN: usize = 8;

/// What a packet is judged by, taken from its headers.
///
/// # Security
///
/// It tells what a packet says, not what becomes of it:
///
/// - The destination is that of the IP header: of an Xcast packet All_Xcast_Routers, of one under way by a source route or
///   another Routing header the next stop.
/// - The ports are those of the transport header. A host that delivers an Xcast packet to the port its list gives
///   ([`XcastPacket::port`]) judges it by that one: it sets `destination` of [`UpperLayer::Ports`] itself.
/// - What AH covers or ESP holds, and a packet inside another one, has selectors of its own. Ask again once it is opened or
///   taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "made by hosts that know more of a packet than its headers say")]
pub struct Selectors {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// What follows all IP and Xcast headers.
    pub next_layer: UpperLayer,
}

/// What follows all IP and Xcast headers, as far as it can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "matched by implementations of PolicyLookup, which must decide on a new one"
)]
pub enum UpperLayer {
    /// A protocol of which this library knows no ports; AH and ESP as well.
    Protocol(u8),
    /// TCP, UDP, DCCP, SCTP or UDP-Lite.
    Ports {
        /// Which.
        protocol: u8,
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP or ICMPv6.
    TypeAndCode {
        /// Which.
        protocol: u8,
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// A Mobility Header of this MH Type.
    MobilityHeader(u8),
    /// A protocol whose header is not there to be seen, in a non-initial fragment, or not whole.
    Hidden(u8),
    /// Not even the protocol is there to be seen (IPv6).
    Opaque,
}

impl UpperLayer {
    /// What `octets` that start with a header of `protocol` show.
    fn read(protocol: u8, octets: &[u8]) -> Self {
        let seen = match protocol {
            protocol::TCP | protocol::UDP | protocol::UDP_LITE | SCTP | DCCP => u16_at(octets, 0)
                .zip(u16_at(octets, 2))
                .map(|(source, destination)| Self::Ports { protocol, source, destination }),
            protocol::ICMP | protocol::ICMPV6 => {
                u8_at(octets, 0).zip(u8_at(octets, 1)).map(|(kind, code)| Self::TypeAndCode { protocol, kind, code })
            }
            MOBILITY => u8_at(octets, 2).map(Self::MobilityHeader),
            _ => Some(Self::Protocol(protocol)),
        };
        seen.unwrap_or(Self::Hidden(protocol))
    }

    /// The protocol, if it is there to be seen.
    pub(super) const fn protocol(self) -> Option<u8> {
        match self {
            Self::Protocol(protocol)
            | Self::Ports { protocol, .. }
            | Self::TypeAndCode { protocol, .. }
            | Self::Hidden(protocol) => Some(protocol),
            Self::MobilityHeader(_) => Some(MOBILITY),
            Self::Opaque => None,
        }
    }
}

impl Selectors {
    /// Reads them from a packet that starts at its IP header. Octets beyond the length it announces are not looked at.
    ///
    /// In IPv6 Hop-by-Hop, Routing, Destination Options and Fragment headers are skipped (RFC 4301 §4.4.1.1), in IPv4 an
    /// Xcast4 header, if `code_points` says what one is. AH and ESP are not: they are the next layer.
    ///
    /// # Errors
    ///
    /// A packet with which one of these is wrong is to be discarded:
    ///
    /// - Those of [`IpHeader::split`] and [`ExtensionHeader::read`]; an IPv6 header chain that a first fragment does not hold
    ///   whole is [`ParseErrorKind::Truncated`] too.
    /// - [`ParseErrorKind::HopByHopPlace`].
    /// - Those of [`XcastPacket::parse`] for an Xcast4 packet, those of checksums excepted; for a fragment of one
    ///   [`ParseErrorKind::Fragment`].
    pub fn of(packet: &[u8], code_points: Option<&CodePoints>) -> Result<Self, ParseError> {
        let (ip, payload) = IpHeader::split(packet)?;
        let octets = packet.get(..ip.packet_len()).unwrap_or(packet);
        let next_layer = match &ip {
            IpHeader::V4(header) => behind_v4(octets, header, payload, code_points)?,
            IpHeader::V6(header) => behind_v6(octets, header.next_header())?,
        };
        Ok(Self { source: ip.source(), destination: ip.destination(), next_layer })
    }

    /// The same with the local end as source and the remote one as destination (RFC 4301 §4.4.1, RFC 5374 §4.1.1).
    pub(super) fn local_to_remote(&self, direction: Direction) -> Self {
        if direction == Direction::Outbound || is_multicast(self.destination) {
            return *self;
        }
        let next_layer = match self.next_layer {
            UpperLayer::Ports { protocol, source, destination } => {
                UpperLayer::Ports { protocol, source: destination, destination: source }
            }
            other => other,
        };
        Self { source: self.destination, destination: self.source, next_layer }
    }

    /// Whether it claims to come from a group.
    pub(super) fn has_multicast_source(&self) -> bool {
        is_multicast(self.source)
    }
}

/// An IPv4 address mapped into IPv6 is judged as the IPv4 one.
const fn is_multicast(address: IpAddr) -> bool {
    address.to_canonical().is_multicast()
}

fn behind_v4(
    octets: &[u8],
    header: &Ipv4Header<'_>,
    payload: &[u8],
    code_points: Option<&CodePoints>,
) -> Result<UpperLayer, ParseError> {
    let protocol = header.protocol();
    if let Some(code_points) = code_points
        && code_points.fields().xcast4_protocol == protocol
    {
        let xcast = XcastPacket::parse_structure(octets, code_points)?;
        return Ok(UpperLayer::read(xcast.next_protocol(), xcast.payload()));
    }
    let fragment_offset = u16_at(octets, ipv4::FLAGS_AT).unwrap_or(0) & 0x1fff;
    Ok(if fragment_offset == 0 { UpperLayer::read(protocol, payload) } else { UpperLayer::Hidden(protocol) })
}

fn behind_v6(octets: &[u8], first: u8) -> Result<UpperLayer, ParseError> {
    let (mut kind, mut announced_at, mut at) = (first, ipv6::NEXT_HEADER_AT, ipv6::HEADER_LEN);
    // Every round goes at least 8 octets on.
    loop {
        let (next, end) = match kind {
            protocol::HOP_BY_HOP if at != ipv6::HEADER_LEN => {
                return Err(ParseError::new(ParseErrorKind::HopByHopPlace, announced_at));
            }
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION_OPTIONS => {
                let header = ExtensionHeader::read(octets, kind, at)?;
                (header.next_header(), header.end())
            }
            protocol::FRAGMENT => {
                let header = octets.get(at..).and_then(<[u8]>::first_chunk::<FRAGMENT_HEADER_LEN>);
                let Some(&[next, _, high, low, ..]) = header else {
                    return Err(ParseError::new(ParseErrorKind::Truncated, octets.len()));
                };
                // Fragment Offset is the upper 13 bits.
                if u16::from_be_bytes([high, low]) & 0xfff8 != 0 {
                    return Ok(if is_skipped(next) { UpperLayer::Opaque } else { UpperLayer::Hidden(next) });
                }
                (next, at.saturating_add(FRAGMENT_HEADER_LEN))
            }
            _ => return Ok(UpperLayer::read(kind, octets.get(at..).unwrap_or(&[]))),
        };
        (kind, announced_at, at) = (next, at, end);
    }
}
