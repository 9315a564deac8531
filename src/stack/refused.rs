//! Why a packet was not delivered, and how often that happened.

use crate::ipsec::InboundError;
use crate::wire::{ParseError, ParseErrorKind};

/// Why a packet was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveError {
    /// It cannot be read; a wrong Xcast CHECKSUM or IPv4 header checksum is among that.
    Unreadable(ParseError),
    /// Neither addressed to this host, nor is this host among its destinations.
    NotForThisHost,
    /// This host is among its destinations, but another branch is to serve it: its bit is clear.
    NotServed,
    /// A fragment. Unicast packets are to be reassembled first; of Xcast packets there are none.
    Fragment,
    /// A sender that no packet can be routed from (multicast, unspecified, loopback, limited broadcast, link-local).
    UnusableSource,
    /// A=1 with a separated bitmap, which would not be built either.
    AnonymousWithSeparatedBitmap,
    /// Another Routing header with segments left, or behind the Xcast one (RFC 8200 §4.4; project-defined), or an IPv4 source
    /// route that is not used up.
    RoutingHeader {
        /// Where it starts, or the IPv4 options do, in octets from the start of the packet.
        pointer: usize,
    },
    /// An IPv6 option that must not be passed over by those who do not know it (RFC 8200 §4.2).
    UnrecognisedOption {
        /// Where it starts, in octets from the start of the packet.
        pointer: usize,
    },
    /// Policy or IPsec says no. With [`InboundError::OutOfStep`], see [`Receiver::resynchronize`].
    ///
    /// [`Receiver::resynchronize`]: super::Receiver::resynchronize
    Ipsec(InboundError),
    /// What was opened is protected itself, and for this host: the packet buffer holds a packet of its own now, to be handed in
    /// again (RFC 4301 §5.2).
    StillProtected,
    /// An ICMP or ICMPv6 echo request to many, which all would answer (RFC 5058 §14, draft §2.2.7).
    EchoRequest,
    /// The transport segment is shorter or longer than its header says.
    TransportLength {
        /// Its protocol.
        protocol: u8,
    },
    /// The transport checksum is wrong.
    TransportChecksum {
        /// Its protocol.
        protocol: u8,
    },
    /// A destination port in the transport header beside a list of ports, where it must be 0 (RFC 5058 §8.1): it cannot be told
    /// which one is meant.
    PortBesideList {
        /// The port in the transport header.
        port: u16,
    },
    /// Destination port 0 and no list of ports: the list was taken out on the way, or there never was one.
    NoPort,
}

impl From<ParseError> for ReceiveError {
    fn from(error: ParseError) -> Self {
        if error.kind() == ParseErrorKind::Fragment { Self::Fragment } else { Self::Unreadable(error) }
    }
}

impl core::fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::NotForThisHost => f.write_str("not for this host"),
            Self::NotServed => f.write_str("for this host, but on another branch"),
            Self::Fragment => f.write_str("fragment"),
            Self::UnusableSource => f.write_str("the source cannot be routed from"),
            Self::AnonymousWithSeparatedBitmap => f.write_str("anonymity with a separated bitmap"),
            Self::RoutingHeader { pointer } => write!(f, "Routing header that leads elsewhere (octet {pointer})"),
            Self::UnrecognisedOption { pointer } => {
                write!(f, "IPv6 option that must not be passed over (octet {pointer})")
            }
            Self::Ipsec(error) => error.fmt(f),
            Self::StillProtected => f.write_str("protected inside, to be processed again"),
            Self::EchoRequest => f.write_str("echo request to many"),
            Self::TransportLength { protocol } => write!(f, "wrong length in a segment of protocol {protocol}"),
            Self::TransportChecksum { protocol } => write!(f, "wrong checksum in a segment of protocol {protocol}"),
            Self::NoPort => f.write_str("destination port 0 without a list of ports"),
            Self::PortBesideList { port } => write!(f, "destination port {port} beside a list of ports"),
        }
    }
}

impl core::error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Unreadable(error) => Some(error),
            Self::Ipsec(error) => Some(error),
            _ => None,
        }
    }
}

/// What a receiver did since it was made. Every counter stops at `u64::MAX`. Each packet is counted in `packets`, and in
/// exactly one of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverCounters {
    /// All of them.
    pub packets: u64,
    /// Delivered.
    pub delivered: u64,
    /// Dummies (RFC 4303 §2.6): authentic, and nobody's.
    pub dummies: u64,
    /// Not readable.
    pub unreadable: u64,
    /// For other hosts.
    pub not_for_this_host: u64,
    /// For this host, on another branch.
    pub not_served: u64,
    /// Fragments.
    pub fragments: u64,
    /// From a source that cannot be routed from.
    pub unusable_source: u64,
    /// Constructions that are refused: anonymity with a separated bitmap, Routing headers, IPv6 options.
    pub refused: u64,
    /// Refused by policy or IPsec; [`Inbound::counters`](crate::ipsec::Inbound::counters) tells more.
    pub ipsec: u64,
    /// Protected inside, to be handed in again.
    pub still_protected: u64,
    /// Echo requests to many.
    pub echo_requests: u64,
    /// Segments of a wrong length.
    pub transport_length: u64,
    /// Segments with a wrong checksum.
    pub transport_checksum: u64,
    /// Segments with a destination port beside a list of ports.
    pub port_beside_list: u64,
    /// Segments with destination port 0 and no list of ports.
    pub no_port: u64,
}

impl ReceiverCounters {
    pub(super) const fn count_packet(&mut self) {
        add(&mut self.packets);
    }

    pub(super) const fn count_delivered(&mut self) {
        add(&mut self.delivered);
    }

    pub(super) const fn count_dummy(&mut self) {
        add(&mut self.dummies);
    }

    pub(super) const fn count_error(&mut self, error: &ReceiveError) {
        add(match error {
            ReceiveError::Unreadable(_) => &mut self.unreadable,
            ReceiveError::NotForThisHost => &mut self.not_for_this_host,
            ReceiveError::NotServed => &mut self.not_served,
            ReceiveError::Fragment => &mut self.fragments,
            ReceiveError::UnusableSource => &mut self.unusable_source,
            ReceiveError::AnonymousWithSeparatedBitmap
            | ReceiveError::RoutingHeader { .. }
            | ReceiveError::UnrecognisedOption { .. } => &mut self.refused,
            ReceiveError::Ipsec(_) => &mut self.ipsec,
            ReceiveError::StillProtected => &mut self.still_protected,
            ReceiveError::EchoRequest => &mut self.echo_requests,
            ReceiveError::TransportLength { .. } => &mut self.transport_length,
            ReceiveError::TransportChecksum { .. } => &mut self.transport_checksum,
            ReceiveError::PortBesideList { .. } => &mut self.port_beside_list,
            ReceiveError::NoPort => &mut self.no_port,
        });
    }
}

const fn add(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
