//! Edits of an IP header that is being written.

use core::net::IpAddr;

use crate::wire::{Family, ipv4, ipv6, put, set_traffic_class};

/// TTL or Hop Limit.
pub(super) fn set_hop_limit(header: &mut [u8], family: Family, hop_limit: u8) {
    let at = match family {
        Family::V4 => ipv4::TTL_AT,
        Family::V6 => ipv6::HOP_LIMIT_AT,
    };
    put(header, at, &[hop_limit]);
}

/// DSCP, hop limit and, last, the IPv4 header checksum. It is computed anew: parsing verified the one received.
pub(super) fn finish_ip(header: &mut [u8], family: Family, traffic_class: u8, hop_limit: u8) {
    set_traffic_class(header, family, traffic_class);
    set_hop_limit(header, family, hop_limit);
    if family == Family::V4 {
        // The header written says how long it is.
        let len = header.first().map_or(0, |octet| usize::from(octet & 0x0f).saturating_mul(4));
        if let Some(header) = header.get_mut(..len) {
            ipv4::refresh_checksum(header);
        }
    }
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
