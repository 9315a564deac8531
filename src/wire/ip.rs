//! What IPv4 and IPv6 headers have in common.

use core::net::{IpAddr, Ipv4Addr};

use super::octets::{put, u8_at};
use super::{Dscp, Ipv4Header, Ipv6Header, ParseError, ParseErrorKind};

/// Protocol numbers that this library knows (IANA "Assigned Internet Protocol Numbers").
pub mod protocol {
    /// IPv6 Hop-by-Hop Options header.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// An IPv4 packet inside.
    pub const IPV4: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// An IPv6 packet inside.
    pub const IPV6: u8 = 41;
    /// IPv6 Routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 Fragment header.
    pub const FRAGMENT: u8 = 44;
    /// Encapsulating Security Payload.
    pub const ESP: u8 = 50;
    /// Authentication Header.
    pub const AH: u8 = 51;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// No next header; in ESP, a dummy packet (RFC 4303 §2.6).
    pub const NO_NEXT_HEADER: u8 = 59;
    /// IPv6 Destination Options header.
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// UDP-Lite.
    pub const UDP_LITE: u8 = 136;

    pub(crate) const fn is_known(number: u8) -> bool {
        matches!(
            number,
            HOP_BY_HOP
                | ICMP
                | IPV4
                | TCP
                | UDP
                | IPV6
                | ROUTING
                | FRAGMENT
                | ESP
                | AH
                | ICMPV6
                | NO_NEXT_HEADER
                | DESTINATION_OPTIONS
                | UDP_LITE
        )
    }
}

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: &IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Octets of an address.
    #[must_use]
    pub const fn address_len(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    /// Octets of an IP header without IPv4 options or IPv6 extension headers.
    #[must_use]
    pub const fn min_header_len(self) -> usize {
        match self {
            Self::V4 => super::ipv4::MIN_HEADER_LEN,
            Self::V6 => super::ipv6::HEADER_LEN,
        }
    }

    /// Octets of the longest packet that the IP header can announce.
    #[must_use]
    pub const fn max_packet_len(self) -> usize {
        match self {
            Self::V4 => super::ipv4::MAX_PACKET_LEN,
            Self::V6 => super::ipv6::MAX_PACKET_LEN,
        }
    }

    /// The protocol number of a packet of this family inside another one.
    #[must_use]
    pub const fn protocol(self) -> u8 {
        match self {
            Self::V4 => protocol::IPV4,
            Self::V6 => protocol::IPV6,
        }
    }
}

/// The header of an IPv4 or IPv6 packet.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum IpHeader<'a> {
    /// IPv4.
    V4(Ipv4Header<'a>),
    /// IPv6.
    V6(Ipv6Header<'a>),
}

impl<'a> IpHeader<'a> {
    /// Splits a packet in its IP header and what follows, up to the length the header announces. Octets beyond that
    /// (link-layer padding) are left out.
    ///
    /// # Errors
    ///
    /// - Those of [`Ipv4Header::split`] and [`Ipv6Header::split`].
    /// - [`ParseErrorKind::IpVersion`]: neither 4 nor 6.
    pub fn split(packet: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        match packet.first().map(|octet| octet >> 4) {
            None => Err(ParseError::new(ParseErrorKind::Truncated, 0)),
            Some(4) => Ipv4Header::split(packet).map(|(header, payload)| (Self::V4(header), payload)),
            Some(6) => Ipv6Header::split(packet).map(|(header, payload)| (Self::V6(header), payload)),
            Some(_) => Err(ParseError::new(ParseErrorKind::IpVersion, 0)),
        }
    }

    /// The IP version.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::V4(_) => Family::V4,
            Self::V6(_) => Family::V6,
        }
    }

    /// Octets of the header: IPv4 options included, IPv6 extension headers not.
    #[must_use]
    pub fn header_len(&self) -> usize {
        match self {
            Self::V4(header) => header.header_len(),
            Self::V6(_) => super::ipv6::HEADER_LEN,
        }
    }

    /// Octets of the whole packet.
    #[must_use]
    pub fn packet_len(&self) -> usize {
        match self {
            Self::V4(header) => header.total_length(),
            Self::V6(header) => super::ipv6::HEADER_LEN.saturating_add(header.payload_length()),
        }
    }

    /// Source address.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        match self {
            Self::V4(header) => header.source().into(),
            Self::V6(header) => header.source().into(),
        }
    }

    /// Destination address.
    #[must_use]
    pub fn destination(&self) -> IpAddr {
        match self {
            Self::V4(header) => header.destination().into(),
            Self::V6(header) => header.destination().into(),
        }
    }

    /// TTL or Hop Limit.
    #[must_use]
    pub fn hop_limit(&self) -> u8 {
        match self {
            Self::V4(header) => header.ttl(),
            Self::V6(header) => header.hop_limit(),
        }
    }

    /// The octet that was TOS or Traffic Class: DSCP in the upper six bits, ECN in the lower two.
    #[must_use]
    pub fn traffic_class(&self) -> u8 {
        match self {
            Self::V4(header) => header.tos(),
            Self::V6(header) => header.traffic_class(),
        }
    }

    /// The differentiated services code point.
    #[must_use]
    pub fn dscp(&self) -> Dscp {
        Dscp::from_ds_field(self.traffic_class())
    }

    /// Protocol or Next Header: what follows the header.
    #[must_use]
    pub fn next_header(&self) -> u8 {
        match self {
            Self::V4(header) => header.protocol(),
            Self::V6(header) => header.next_header(),
        }
    }
}

/// Writes Total Length or Payload Length, for a packet of `packet_len` octets, which is at most
/// [`Family::max_packet_len`]. The IPv4 header checksum is left to the caller.
pub(crate) fn set_packet_len(header: &mut [u8], family: Family, packet_len: usize) {
    let (at, len) = match family {
        Family::V4 => (super::ipv4::TOTAL_LENGTH_AT, packet_len),
        Family::V6 => (super::ipv6::PAYLOAD_LENGTH_AT, packet_len.saturating_sub(super::ipv6::HEADER_LEN)),
    };
    put(header, at, &u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
}

/// Writes TOS or Traffic Class of a header of `family`. The IPv4 header checksum is left to the caller.
pub(crate) fn set_traffic_class(header: &mut [u8], family: Family, traffic_class: u8) {
    match family {
        Family::V4 => put(header, super::ipv4::TOS_AT, &[traffic_class]),
        // It lies across the first two octets, between Version and Flow Label.
        Family::V6 => u8_at(header, 1).and_then(|class_and_flow| {
            put(header, 0, &[0x60 | (traffic_class >> 4), (traffic_class << 4) | (class_and_flow & 0x0f)])
        }),
    };
}

/// Whether packets are routed to and from an address: not multicast, unspecified, loopback, IPv4 limited
/// broadcast or link-local; an IPv4 address mapped into IPv6 is judged as such (project-defined; RFC 5058 §14 asks for such
/// a check without listing the cases).
#[inline]
#[must_use]
pub fn is_routable_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_routable_v4(address),
        IpAddr::V6(a) => match a.to_ipv4_mapped() {
            Some(mapped) => is_routable_v4(mapped),
            None => !(a.is_multicast() || a.is_unspecified() || a.is_loopback() || a.is_unicast_link_local()),
        },
    }
}

#[inline]
const fn is_routable_v4(a: Ipv4Addr) -> bool {
    !(a.is_multicast() || a.is_unspecified() || a.is_loopback() || a.is_broadcast() || a.is_link_local())
}
