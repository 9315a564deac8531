//! Edits of an IP header that is being written.

use core::net::IpAddr;

use crate::wire::{Family, ipv4, ipv6, put};

/// TTL or Hop Limit.
pub(super) fn set_hop_limit(header: &mut [u8], family: Family, hop_limit: u8) {
    let at = match family {
        Family::V4 => ipv4::TTL_AT,
        Family::V6 => ipv6::HOP_LIMIT_AT,
    };
    put(header, at, &[hop_limit]);
}

/// The destination address; one of the other family is not written.
pub(super) fn set_destination(header: &mut [u8], family: Family, destination: IpAddr) {
    match (family, destination) {
        (Family::V4, IpAddr::V4(address)) => put(header, ipv4::DESTINATION_AT, &address.octets()),
        (Family::V6, IpAddr::V6(address)) => put(header, ipv6::DESTINATION_AT, &address.octets()),
        _ => None,
    };
}

/// Protocol or Next Header of the IP header itself.
pub(super) fn set_next_header(header: &mut [u8], family: Family, protocol: u8) {
    let at = match family {
        Family::V4 => ipv4::PROTOCOL_AT,
        Family::V6 => ipv6::NEXT_HEADER_AT,
    };
    put(header, at, &[protocol]);
}
