//! Which next layer protocols an entry is for, and what of their headers (RFC 4301 §4.4.1.1, §4.4.1.3).

use super::entry::Match;
use super::selectors::UpperLayer;
use crate::wire::protocol;

/// The local or remote ports that an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "RFC 4301 §4.4.1.1 has these three")]
pub enum PortSelector {
    /// Every port, seen or not.
    Any,
    /// Ports that are not to be seen: of a non-initial fragment, of a header that ends too early, of a protocol that has
    /// none (RFC 4301 §4.4.1, "OPAQUE and ANY").
    Opaque,
    /// Ports that are seen, in a range. Even from 0 to 65535 it is no [`Any`](Self::Any).
    Range {
        /// The lowest.
        first: u16,
        /// The highest.
        last: u16,
    },
}

impl PortSelector {
    /// One port alone.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self::Range { first: port, last: port }
    }

    fn is_empty_range(&self) -> bool {
        matches!(self, Self::Range { first, last } if first > last)
    }

    /// `None` is a port that is not to be seen.
    fn compare(&self, port: Option<u16>) -> Match {
        match (self, port) {
            (Self::Any, _) | (Self::Opaque, None) => Match::Yes,
            (Self::Opaque, Some(_)) => Match::No,
            (Self::Range { .. }, None) => Match::Unknown,
            (Self::Range { first, last }, Some(port)) => Match::of((*first..=*last).contains(&port)),
        }
    }
}

/// The next layer protocols that an entry is for, and what of their headers.
///
/// The next layer is what follows IP options, IPv6 extension headers and Xcast headers. AH and ESP are next layers too
/// (RFC 4301 §4.4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "RFC 4301 §4.4.1.1 has these")]
pub enum NextLayer {
    /// Every one, seen or not.
    Any,
    /// One that is not to be seen (IPv6 only): that of a non-initial fragment which begins with an extension header.
    Opaque,
    /// One protocol, whatever its header says. 0 is not "any": see [`SpdError::ExtensionHeader`](super::SpdError).
    Protocol(u8),
    /// One protocol, of these ports.
    Ports {
        /// TCP (6), UDP (17), DCCP (33), SCTP (132) or UDP-Lite (136). Of others no port is ever seen.
        protocol: u8,
        /// The port at the local end.
        local: PortSelector,
        /// The port at the remote end.
        remote: PortSelector,
    },
    /// Messages from one type and code to another, both included, where `type * 256 + code` is what counts. To send what
    /// shall not be received (RFC 4301 §4.4.1.3 C and D), or the reverse, give the entry a
    /// [`Directionality`](super::Directionality).
    TypeAndCode {
        /// ICMP (1) or ICMPv6 (58). Of others no type is ever seen.
        protocol: u8,
        /// The lowest type and code.
        first: (u8, u8),
        /// The highest type and code.
        last: (u8, u8),
    },
    /// Mobility Headers (135) whose MH Type is in a range (RFC 6275 §6.1.1).
    MobilityHeader {
        /// The lowest.
        first: u8,
        /// The highest.
        last: u8,
    },
}

/// The IPv6 Mobility Header (RFC 6275 §6.1.1).
pub(super) const MOBILITY: u8 = 135;

/// Whether the next layer is looked for behind such a header in IPv6: what RFC 4301 §4.4.1.1 lists to be skipped.
pub(super) const fn is_skipped(number: u8) -> bool {
    use protocol::{DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ROUTING};
    matches!(number, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS)
}

impl NextLayer {
    /// The protocol it is for, if that is one.
    pub(super) const fn protocol(&self) -> Option<u8> {
        match self {
            Self::Any | Self::Opaque => None,
            Self::Protocol(protocol) | Self::Ports { protocol, .. } | Self::TypeAndCode { protocol, .. } => {
                Some(*protocol)
            }
            Self::MobilityHeader { .. } => Some(MOBILITY),
        }
    }

    /// Whether nothing lies in one of its ranges.
    pub(super) fn has_empty_range(&self) -> bool {
        match self {
            Self::Any | Self::Opaque | Self::Protocol(_) => false,
            Self::Ports { local, remote, .. } => local.is_empty_range() || remote.is_empty_range(),
            Self::TypeAndCode { first, last, .. } => first > last,
            Self::MobilityHeader { first, last } => first > last,
        }
    }

    /// Compares with a packet whose source is the local end.
    pub(super) fn compare(&self, packet: UpperLayer) -> Match {
        let named = match (self, packet.protocol()) {
            (Self::Any, _) => return Match::Yes,
            (Self::Opaque, seen) => return Match::of(seen.is_none()),
            (_, None) => return Match::Unknown,
            (_, Some(seen)) => self.protocol() == Some(seen),
        };
        if !named {
            return Match::No;
        }
        match (*self, packet) {
            (Self::Ports { local, remote, .. }, UpperLayer::Ports { source, destination, .. }) => {
                local.compare(Some(source)).min(remote.compare(Some(destination)))
            }
            (Self::Ports { local, remote, .. }, _) => local.compare(None).min(remote.compare(None)),
            // RFC 4301 §4.4.1.1: (T-start*256) + C-start <= (t*256) + c <= (T-end*256) + C-end. Pairs compare the same way.
            (Self::TypeAndCode { first, last, .. }, UpperLayer::TypeAndCode { kind, code, .. }) => {
                Match::of((first..=last).contains(&(kind, code)))
            }
            (Self::MobilityHeader { first, last }, UpperLayer::MobilityHeader(kind)) => {
                Match::of((first..=last).contains(&kind))
            }
            (Self::TypeAndCode { .. } | Self::MobilityHeader { .. }, _) => Match::Unknown,
            (Self::Any | Self::Opaque | Self::Protocol(_), _) => Match::Yes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UDP: UpperLayer = UpperLayer::Ports { protocol: 17, source: 100, destination: 200 };

    fn udp(local: PortSelector, remote: PortSelector) -> NextLayer {
        NextLayer::Ports { protocol: 17, local, remote }
    }

    #[test]
    fn ports() {
        use PortSelector::{Any, Opaque};
        let range = |first, last| PortSelector::Range { first, last };
        for (local, remote, seen, hidden) in [
            (Any, Any, Match::Yes, Match::Yes),
            (Opaque, Opaque, Match::No, Match::Yes),
            (Opaque, Any, Match::No, Match::Yes),
            (Any, Opaque, Match::No, Match::Yes),
            (range(100, 100), Any, Match::Yes, Match::Unknown),
            (range(0, 100), range(200, 65535), Match::Yes, Match::Unknown),
            (range(0, 65535), range(0, 65535), Match::Yes, Match::Unknown),
            (range(101, 200), Any, Match::No, Match::Unknown),
            (range(0, 99), Any, Match::No, Match::Unknown),
            (Any, range(0, 199), Match::No, Match::Unknown),
            (Any, range(201, 300), Match::No, Match::Unknown),
            // The ends are not exchanged.
            (PortSelector::one(200), PortSelector::one(100), Match::No, Match::Unknown),
            (Opaque, range(200, 200), Match::No, Match::Unknown),
        ] {
            assert_eq!(udp(local, remote).compare(UDP), seen, "{local:?} {remote:?}");
            assert_eq!(udp(local, remote).compare(UpperLayer::Hidden(17)), hidden, "{local:?} {remote:?}, hidden");
            let tcp = UpperLayer::Ports { protocol: 6, source: 100, destination: 200 };
            assert_eq!(udp(local, remote).compare(tcp), Match::No);
            assert_eq!(udp(local, remote).compare(UpperLayer::Hidden(6)), Match::No);
            assert_eq!(udp(local, remote).compare(UpperLayer::Opaque), Match::Unknown);
        }
    }

    /// RFC 4301 §4.4.1.3 A: the ports of AH are OPAQUE.
    #[test]
    fn the_ports_of_a_protocol_without_ports_are_opaque() {
        let ah = |local, remote| NextLayer::Ports { protocol: 51, local, remote };
        assert_eq!(ah(PortSelector::Opaque, PortSelector::Opaque).compare(UpperLayer::Protocol(51)), Match::Yes);
        assert_eq!(ah(PortSelector::Any, PortSelector::one(5)).compare(UpperLayer::Protocol(51)), Match::Unknown);
        assert_eq!(NextLayer::Protocol(51).compare(UpperLayer::Protocol(51)), Match::Yes);
        assert_eq!(NextLayer::Protocol(51).compare(UpperLayer::Protocol(50)), Match::No);
    }

    #[test]
    fn protocols_and_what_is_not_seen() {
        for packet in [UDP, UpperLayer::Hidden(17), UpperLayer::Opaque, UpperLayer::Protocol(0)] {
            assert_eq!(NextLayer::Any.compare(packet), Match::Yes, "{packet:?}");
        }
        assert_eq!(NextLayer::Opaque.compare(UpperLayer::Opaque), Match::Yes);
        assert_eq!(NextLayer::Opaque.compare(UpperLayer::Hidden(17)), Match::No, "its protocol is seen");
        assert_eq!(NextLayer::Opaque.compare(UDP), Match::No);
        assert_eq!(NextLayer::Protocol(17).compare(UDP), Match::Yes);
        assert_eq!(NextLayer::Protocol(17).compare(UpperLayer::Hidden(17)), Match::Yes);
        assert_eq!(NextLayer::Protocol(17).compare(UpperLayer::Opaque), Match::Unknown);
        assert_eq!(NextLayer::Protocol(0).compare(UDP), Match::No, "0 is not any");
    }

    /// RFC 4301 §4.4.1.1: types and codes are compared together.
    #[test]
    fn types_and_codes() {
        let entry = NextLayer::TypeAndCode { protocol: 1, first: (3, 5), last: (5, 2) };
        let packet = |kind, code| UpperLayer::TypeAndCode { protocol: 1, kind, code };
        for (kind, code, expected) in [
            (3, 4, Match::No),
            (3, 5, Match::Yes),
            (3, 255, Match::Yes),
            (4, 0, Match::Yes),
            (4, 255, Match::Yes),
            (5, 2, Match::Yes),
            (5, 3, Match::No),
            (2, 5, Match::No),
            (6, 0, Match::No),
        ] {
            assert_eq!(entry.compare(packet(kind, code)), expected, "type {kind} code {code}");
        }
        assert_eq!(entry.compare(UpperLayer::Hidden(1)), Match::Unknown);
        assert_eq!(entry.compare(UpperLayer::Opaque), Match::Unknown);
        let v6 = UpperLayer::TypeAndCode { protocol: 58, kind: 4, code: 0 };
        assert_eq!(entry.compare(v6), Match::No);
        assert_eq!(NextLayer::Protocol(58).compare(v6), Match::Yes);
    }

    #[test]
    fn mobility_headers() {
        let entry = NextLayer::MobilityHeader { first: 3, last: 4 };
        for (kind, expected) in [(2, Match::No), (3, Match::Yes), (4, Match::Yes), (5, Match::No)] {
            assert_eq!(entry.compare(UpperLayer::MobilityHeader(kind)), expected, "MH Type {kind}");
        }
        assert_eq!(entry.compare(UpperLayer::Hidden(135)), Match::Unknown);
        assert_eq!(entry.compare(UDP), Match::No);
        assert_eq!(NextLayer::Protocol(135).compare(UpperLayer::MobilityHeader(9)), Match::Yes);
    }
}
