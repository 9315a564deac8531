//! The walk over IPv6 extension headers to the Xcast Routing header, and over what follows it.

use super::ip::protocol;
use super::ports::PortsOption;
use super::{AhHeader, CodePoints, ExtensionHeader, ParseError, ParseErrorKind};

/// That no Destination Options header directly behind the one with the ports has a Ports option as well. One that cannot be
/// read is no part of Xcast.
pub(super) fn check_ports_not_repeated(
    octets: &[u8],
    ports: &PortsOption,
    code_points: &CodePoints,
) -> Result<(), ParseError> {
    let (mut kind, mut at) = (octets.get(ports.header_at).copied(), ports.header_end);
    while kind == Some(protocol::DESTINATION_OPTIONS) {
        let Ok(header) = ExtensionHeader::read(octets, protocol::DESTINATION_OPTIONS, at) else { break };
        let mut options = header.options().map_while(Result::ok);
        if let Some(option) = options.find(|option| option.kind == code_points.fields().ports_option) {
            return Err(ParseError::new(ParseErrorKind::RepeatedOption, option.at));
        }
        (kind, at) = (Some(header.next_header()), header.end());
    }
    Ok(())
}

pub(super) struct FoundRouting<'a> {
    pub(super) hop_by_hop: Option<ExtensionHeader<'a>>,
    pub(super) announced_at: usize,
    pub(super) at: usize,
}

/// Walks an IPv6 packet to the Xcast Routing header.
pub(super) fn find_routing_v6<'a>(
    octets: &'a [u8],
    first: u8,
    code_points: &CodePoints,
) -> Result<FoundRouting<'a>, ParseError> {
    let xcast = code_points.fields().xcast6_routing_type;
    let (mut kind, mut announced_at, mut at) = (first, super::ipv6::NEXT_HEADER_AT, super::ipv6::HEADER_LEN);
    let mut hop_by_hop = None;
    let mut behind_ah = false;
    loop {
        let next = match kind {
            protocol::HOP_BY_HOP if at != super::ipv6::HEADER_LEN => {
                return Err(ParseError::new(ParseErrorKind::HopByHopPlace, announced_at));
            }
            protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS => ExtensionHeader::read(octets, kind, at)?,
            protocol::ROUTING => {
                let routing_type = octets.get(at.saturating_add(2));
                if routing_type == Some(&xcast) {
                    return if behind_ah {
                        Err(ParseError::new(ParseErrorKind::RoutingBehindAh, at))
                    } else {
                        Ok(FoundRouting { hop_by_hop, announced_at, at })
                    };
                }
                ExtensionHeader::read(octets, kind, at)?
            }
            protocol::AH => {
                let (ah, _) = AhHeader::split(octets.get(at..).unwrap_or(&[])).map_err(|error| error.shifted(at))?;
                behind_ah = true;
                kind = ah.next_header();
                announced_at = at;
                at = at.saturating_add(ah.header_len());
                continue;
            }
            _ => return Err(ParseError::new(ParseErrorKind::NotXcast, announced_at)),
        };
        if kind == protocol::HOP_BY_HOP {
            hop_by_hop = Some(next);
        }
        announced_at = at;
        kind = next.next_header();
        at = next.end();
    }
}
