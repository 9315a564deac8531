//! What stands behind the Xcast headers: where the transport header is, and what X2U changes in it.

use core::net::IpAddr;

use crate::wire::{AhHeader, ChecksumUpdate, ExtensionHeader, Family, protocol, put, u8_at, u16_at};

const DESTINATION_PORT_AT: usize = 2;
const ICMP_ECHO_REQUEST: u8 = 8;
const ICMPV6_ECHO_REQUEST: u8 = 128;
/// Octets of a Fragment header (RFC 8200 §4.5).
const FRAGMENT_HEADER_LEN: usize = 8;

/// What follows the Xcast headers of a packet: a header of kind `number` at `at`.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a> {
    pub(super) family: Family,
    pub(super) octets: &'a [u8],
    pub(super) number: u8,
    pub(super) at: usize,
}

impl Behind<'_> {
    /// The transport and where its segment starts; `None` if X2U cannot be done: another protocol, a fragment, AH or ESP, or a
    /// segment too short for its checksum field. Destination Options are passed over.
    pub(super) fn transport(self) -> Option<(Transport, usize)> {
        let (number, at) = self.behind_options();
        let transport = Transport::new(self.family, number)?;
        let segment = self.octets.get(at..)?;
        (segment.len() >= transport.min_len()).then_some((transport, at))
    }

    /// What follows the Destination Options headers, as far as they can be read, and where.
    pub(super) fn behind_options(self) -> (u8, usize) {
        let Self { family, octets, mut number, mut at } = self;
        while family == Family::V6 && number == protocol::DESTINATION_OPTIONS {
            let Ok(header) = ExtensionHeader::read(octets, number, at) else { break };
            (number, at) = (header.next_header(), header.end());
        }
        (number, at)
    }

    /// Whether there is an ICMP or ICMPv6 echo request, which every destination would answer to the alleged sender (RFC 5058
    /// §14, draft §2.2.7). What could hide it from here and not from the destinations is looked through (project-defined).
    pub(super) fn is_echo_request(self) -> bool {
        let (wanted, kind) = match self.family {
            Family::V4 => (protocol::ICMP, ICMP_ECHO_REQUEST),
            Family::V6 => (protocol::ICMPV6, ICMPV6_ECHO_REQUEST),
        };
        self.find(wanted).is_some_and(|at| u8_at(self.octets, at) == Some(kind))
    }

    /// Whether there is an AH.
    pub(super) fn has_ah(self) -> bool {
        self.find(protocol::AH).is_some()
    }

    /// Where the first header of kind `wanted` starts, of those behind AH, Destination Options and Routing headers and a
    /// first fragment's Fragment header.
    fn find(self, wanted: u8) -> Option<usize> {
        let Self { family, octets, mut number, mut at } = self;
        // Every round goes at least 8 octets on.
        while number != wanted {
            (number, at) = match (family, number) {
                (_, protocol::AH) => {
                    let (ah, _) = octets.get(at..).and_then(|rest| AhHeader::split(rest).ok())?;
                    (ah.next_header(), at.saturating_add(ah.header_len()))
                }
                (Family::V6, protocol::DESTINATION_OPTIONS | protocol::ROUTING) => {
                    let header = ExtensionHeader::read(octets, number, at).ok()?;
                    (header.next_header(), header.end())
                }
                // Fragment Offset is in the upper 13 bits.
                (Family::V6, protocol::FRAGMENT) if u16_at(octets, at.saturating_add(2))? >> 3 == 0 => {
                    (u8_at(octets, at)?, at.saturating_add(FRAGMENT_HEADER_LEN))
                }
                _ => return None,
            };
        }
        Some(at)
    }
}

/// A transport protocol whose segments survive a change of destination address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    UdpLite,
    Tcp,
    /// No pseudo-header, no ports.
    Icmp,
    /// No ports.
    Icmpv6,
}

impl Transport {
    const fn new(family: Family, number: u8) -> Option<Self> {
        match (family, number) {
            (_, protocol::UDP) => Some(Self::Udp),
            (_, protocol::UDP_LITE) => Some(Self::UdpLite),
            (_, protocol::TCP) => Some(Self::Tcp),
            (Family::V4, protocol::ICMP) => Some(Self::Icmp),
            (Family::V6, protocol::ICMPV6) => Some(Self::Icmpv6),
            _ => None,
        }
    }

    /// Octets of the segment up to the end of all that X2U may change.
    pub(super) const fn rewritten_len(self) -> usize {
        match self {
            Self::Udp | Self::UdpLite => 8,
            Self::Tcp => 18,
            Self::Icmp => 0,
            Self::Icmpv6 => 4,
        }
    }

    /// Octets up to the end of the checksum field, which a segment must have.
    const fn min_len(self) -> usize {
        match self {
            Self::Icmp => 4,
            _ => self.rewritten_len(),
        }
    }

    const fn checksum_at(self) -> Option<usize> {
        match self {
            Self::Udp | Self::UdpLite => Some(6),
            Self::Tcp => Some(16),
            Self::Icmp => None,
            Self::Icmpv6 => Some(2),
        }
    }

    const fn has_ports(self) -> bool {
        matches!(self, Self::Udp | Self::UdpLite | Self::Tcp)
    }

    /// Makes the segment one to `new` and, if there is one, `port`. The checksum, whose pseudo-header holds the destination,
    /// follows by RFC 1624, so that an error on the way here stays visible.
    pub(super) fn redirect(self, segment: &mut [u8], old: IpAddr, new: IpAddr, port: Option<u16>) {
        let Some(checksum_at) = self.checksum_at() else { return };
        let Some(checksum) = u16_at(segment, checksum_at) else { return };
        let mut update = replace_address(ChecksumUpdate::new(checksum), old, new);
        if let Some(port) = port
            && self.has_ports()
            && let Some(old_port) = u16_at(segment, DESTINATION_PORT_AT)
        {
            update = update.replace_u16(old_port, port);
            put(segment, DESTINATION_PORT_AT, &port.to_be_bytes());
        }
        // A UDP checksum of 0 says that there is none (RFC 768; over IPv6, RFC 6935).
        if self == Self::Udp && checksum == 0 {
            return;
        }
        let checksum = match update.finish() {
            // A computed 0 is sent as all ones (RFC 768, RFC 3828 §3.1).
            0 if matches!(self, Self::Udp | Self::UdpLite) => 0xffff,
            checksum => checksum,
        };
        put(segment, checksum_at, &checksum.to_be_bytes());
    }
}

fn replace_address(update: ChecksumUpdate, old: IpAddr, new: IpAddr) -> ChecksumUpdate {
    match (old, new) {
        (IpAddr::V4(old), IpAddr::V4(new)) => update.replace(&old.octets(), &new.octets()),
        (IpAddr::V6(old), IpAddr::V6(new)) => update.replace(&old.octets(), &new.octets()),
        // The addresses of one packet are of one family.
        _ => update,
    }
}
