//! Addresses of hosts, out of the ranges reserved for documentation (RFC 5737, RFC 3849).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::wire::Family;

/// The address of A.
pub(crate) fn sender(family: Family) -> IpAddr {
    host(family, 1)
}

/// The address of the member with this place in the list of destinations.
pub(crate) fn member(family: Family, index: usize) -> IpAddr {
    // An Xcast header counts at most 127 destinations.
    host(family, u8::try_from(index + 2).unwrap_or(u8::MAX))
}

fn host(family: Family, number: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, number).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(),
    }
}
