//! Numbers by their names.

use std::net::IpAddr;

use xcast_sec::wire::{CodePoints, Dscp, protocol};

/// A protocol number, with the name if it has one here.
pub(crate) fn protocol_name(number: u8, code_points: &CodePoints) -> String {
    let name = match number {
        protocol::HOP_BY_HOP => "Hop-by-Hop",
        protocol::ICMP => "ICMP",
        protocol::IPV4 => "IPv4",
        protocol::TCP => "TCP",
        protocol::UDP => "UDP",
        protocol::IPV6 => "IPv6",
        protocol::ROUTING => "Routing",
        protocol::FRAGMENT => "Fragment",
        protocol::ESP => "ESP",
        protocol::AH => "AH",
        protocol::ICMPV6 => "ICMPv6",
        protocol::NO_NEXT_HEADER => "no next header",
        protocol::DESTINATION_OPTIONS => "Destination Options",
        132 => "SCTP",
        protocol::UDP_LITE => "UDP-Lite",
        own if own == code_points.fields().xcast4_protocol => "Xcast4",
        other => return format!("protocol {other}"),
    };
    name.into()
}

/// A differentiated services code point as RFC 2474, RFC 2597 and RFC 3246 call it.
pub(crate) fn dscp_name(dscp: Dscp) -> String {
    let value = dscp.value();
    let (class, low) = (value >> 3, value & 0b111);
    match (class, low) {
        _ if dscp == Dscp::EF => "EF".into(),
        (_, 0) => format!("CS{class}"),
        (1..=4, 2 | 4 | 6) => format!("AF{class}{}", low / 2),
        _ => format!("DSCP {value}"),
    }
}

/// What the lower two bits of a traffic class say (RFC 3168 §5).
pub(crate) fn ecn_name(traffic_class: u8) -> &'static str {
    match traffic_class & 0b11 {
        0b00 => "Not-ECT",
        0b01 => "ECT(1)",
        0b10 => "ECT(0)",
        _ => "CE",
    }
}

/// An address with a port.
pub(crate) fn with_port(address: IpAddr, port: Option<u16>) -> String {
    match (address, port) {
        (address, None) => address.to_string(),
        (IpAddr::V4(address), Some(port)) => format!("{address}:{port}"),
        (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
    }
}

/// Octets in hexadecimal, without spaces.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// "1 octet", "2 octets".
pub(crate) fn octets(count: usize) -> String {
    if count == 1 { "1 octet".into() } else { format!("{count} octets") }
}
