//! A packet in a few words.

use std::fmt;
use std::net::IpAddr;

use xcast_sec::wire::{
    AhHeader, BitmapPlace, ChecksumPolicy, CodePoints, Family, IpHeader, ParseError, XcastPacket, protocol,
};

/// The headers of a packet, from the outside in, and whom it is still for.
pub(crate) struct Description {
    headers: Vec<&'static str>,
    pub(crate) destinations: Vec<IpAddr>,
}

impl Description {
    /// Reads as far as is possible without a key.
    pub(crate) fn of(packet: &[u8], code_points: &CodePoints) -> Result<Self, ParseError> {
        let (ip, behind_ip) = IpHeader::split(packet)?;
        let mut headers = vec![match ip.family() {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }];
        let Ok(xcast) = XcastPacket::parse(packet, code_points, ChecksumPolicy::Verify) else {
            push_payload(&mut headers, ip.next_header(), behind_ip)?;
            return Ok(Self { headers, destinations: vec![ip.destination()] });
        };
        match (ip.family(), xcast.header().bitmap_place()) {
            (_, BitmapPlace::Header) => {}
            (Family::V4, BitmapPlace::Option) => headers.push("(bitmap option)"),
            (Family::V6, BitmapPlace::Option) => headers.push("Hop-by-Hop(bitmap)"),
        }
        if xcast.is_behind_ah() {
            headers.push("AH");
        }
        headers.push(match ip.family() {
            Family::V4 => "Xcast4",
            Family::V6 => "Routing(Xcast6)",
        });
        push_payload(&mut headers, xcast.next_protocol(), xcast.payload())?;
        let destinations = xcast.bits().iter().filter_map(|index| xcast.destination(index)).collect();
        Ok(Self { headers, destinations })
    }
}

/// Names what follows the IP and Xcast headers. ESP is the last that can be seen.
fn push_payload(headers: &mut Vec<&'static str>, next_protocol: u8, payload: &[u8]) -> Result<(), ParseError> {
    match next_protocol {
        protocol::UDP => headers.push("UDP"),
        protocol::ESP => headers.push("ESP"),
        protocol::AH => {
            headers.push("AH");
            let (ah, behind) = AhHeader::split(payload)?;
            push_payload(headers, ah.next_header(), behind)?;
        }
        _ => headers.push("?"),
    }
    Ok(())
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headers.join(" "))
    }
}
