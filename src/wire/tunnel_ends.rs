//! The outer IP header of a packet inside another one, for IPsec's tunnel mode and Xcast tunnels alike.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{EmitError, Family, Ipv4Repr, Ipv6Repr};

/// Source and destination of an outer header, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TunnelEnds {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl TunnelEnds {
    /// `None` if one is IPv4 and the other IPv6.
    pub(crate) const fn new(source: IpAddr, destination: IpAddr) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::V4(source, destination)),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::V6(source, destination)),
            _ => None,
        }
    }

    pub(crate) const fn source(&self) -> IpAddr {
        match *self {
            Self::V4(source, _) => IpAddr::V4(source),
            Self::V6(source, _) => IpAddr::V6(source),
        }
    }

    pub(crate) const fn destination(&self) -> IpAddr {
        match *self {
            Self::V4(_, destination) => IpAddr::V4(destination),
            Self::V6(_, destination) => IpAddr::V6(destination),
        }
    }

    pub(crate) const fn family(&self) -> Family {
        match self {
            Self::V4(..) => Family::V4,
            Self::V6(..) => Family::V6,
        }
    }

    /// Writes the outer header in front of `payload_len` octets that start with a header of kind `next_header`.
    /// Identification 0, DF 1, flow label 0 (project-defined); `traffic_class`, DSCP and ECN, is that of the inner header.
    pub(crate) fn emit(
        &self,
        next_header: u8,
        traffic_class: u8,
        hop_limit: u8,
        payload_len: usize,
        outer: &mut [u8],
    ) -> Result<(), EmitError> {
        match *self {
            Self::V4(source, destination) => Ipv4Repr {
                tos: traffic_class,
                ttl: hop_limit,
                protocol: next_header,
                source,
                destination,
                options_len: 0,
                payload_len,
            }
            .emit(outer),
            Self::V6(source, destination) => {
                Ipv6Repr { traffic_class, hop_limit, next_header, source, destination, payload_len }.emit(outer)
            }
        }
    }
}
