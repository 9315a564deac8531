//! Why an XCAST6 2.0 packet was not forwarded at all.

use crate::wire::xcast6_v2::ParseErrorV2;

/// Why a packet was not forwarded: nothing was sent, and nothing but counters changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForwardErrorV2 {
    /// It cannot be read as an XCAST6 2.0 packet.
    Parse(ParseErrorV2),
    /// The source of one of its two headers is none that a packet is routed from: multicast, unspecified, loopback or
    /// link-local (RFC 4291 §2.5).
    UnusableSource,
    /// One of its destinations cannot be routed to: multicast, unspecified, loopback or link-local (WIRE.md §5). A zero
    /// address is allowed in an anonymous packet where its bit is 0.
    UnusableDestination {
        /// Its index, from 0.
        index: usize,
        /// Where it stands, in octets from the start of the packet.
        pointer: usize,
    },
    /// It did not come from where its sender is ([`ReversePath`](crate::forward::ReversePath)).
    ReversePath,
}

impl From<ParseErrorV2> for ForwardErrorV2 {
    fn from(error: ParseErrorV2) -> Self {
        Self::Parse(error)
    }
}

impl core::fmt::Display for ForwardErrorV2 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::UnusableSource => f.write_str("its source cannot be routed from"),
            Self::UnusableDestination { index, pointer } => {
                write!(f, "destination {index} cannot be routed to (octet {pointer})")
            }
            Self::ReversePath => f.write_str("did not come from where its sender is"),
        }
    }
}

impl core::error::Error for ForwardErrorV2 {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            _ => None,
        }
    }
}
