//! What stands behind a Routing header.

use crate::forward::transport::Transport;
use crate::wire::{AhHeader, ExtensionHeader, protocol, u8_at, u16_at};

const ICMPV6_ECHO_REQUEST: u8 = 128;
/// Octets of a Fragment header (RFC 8200 §4.5).
const FRAGMENT_HEADER_LEN: usize = 8;

/// The transport of a packet that goes on at `at` with `number`, and where its segment starts; `None` if its destination
/// cannot be changed: a protocol that is not known, AH, ESP, a fragment, or a segment too short for its checksum field.
/// Destination Options are passed over.
pub(super) fn transport(octets: &[u8], number: u8, at: usize) -> Option<(Transport, usize)> {
    let (mut number, mut at) = (number, at);
    while number == protocol::DESTINATION_OPTIONS {
        let header = ExtensionHeader::read(octets, number, at).ok()?;
        (number, at) = (header.next_header(), header.end());
    }
    let transport = match number {
        protocol::UDP => Transport::Udp,
        protocol::UDP_LITE => Transport::UdpLite,
        protocol::TCP => Transport::Tcp,
        protocol::ICMPV6 => Transport::Icmpv6,
        _ => return None,
    };
    let segment = octets.get(at..)?;
    (segment.len() >= transport.rewritten_len()).then_some((transport, at))
}

/// Whether an ICMPv6 echo request goes on at `at`, which every destination would answer to the alleged sender (RFC 5058 §14,
/// draft §2.2.7). What could hide it from here and not from the destinations is looked through (project-defined).
pub(super) fn is_echo_request(octets: &[u8], number: u8, at: usize) -> bool {
    find(octets, number, at, protocol::ICMPV6).is_some_and(|at| u8_at(octets, at) == Some(ICMPV6_ECHO_REQUEST))
}

/// Whether there is an AH from `at` on.
pub(super) fn has_ah(octets: &[u8], number: u8, at: usize) -> bool {
    find(octets, number, at, protocol::AH).is_some()
}

/// Where the first header of kind `wanted` starts, of those that go on at `at` with `number`: behind AH, Destination Options
/// and Routing headers and a first fragment's Fragment header.
fn find(octets: &[u8], number: u8, at: usize, wanted: u8) -> Option<usize> {
    let (mut number, mut at) = (number, at);
    // Every round goes at least 8 octets on.
    while number != wanted {
        (number, at) = match number {
            protocol::AH => {
                let (ah, _) = octets.get(at..).and_then(|rest| AhHeader::split(rest).ok())?;
                (ah.next_header(), at.saturating_add(ah.header_len()))
            }
            protocol::DESTINATION_OPTIONS | protocol::ROUTING => {
                let header = ExtensionHeader::read(octets, number, at).ok()?;
                (header.next_header(), header.end())
            }
            // Fragment Offset is in the upper 13 bits.
            protocol::FRAGMENT if u16_at(octets, at.saturating_add(2))? >> 3 == 0 => {
                (u8_at(octets, at)?, at.saturating_add(FRAGMENT_HEADER_LEN))
            }
            _ => return None,
        };
    }
    Some(at)
}
