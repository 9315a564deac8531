//! Why a packet was not forwarded at all.

use crate::wire::ParseError;

/// A construction that routers refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// `[IP][AH][Xcast4 with bitmap]`: the router could not change the bitmap (draft §3.2.1).
    BitmapUnderAh,
    /// IPv4 AH with A=1: no anonymity under AH (draft §3.2.1).
    AnonymousUnderAh,
    /// `[IP][Xcast4][AH]`: the destinations must precede IPsec (draft §3.2.1).
    AhBehindXcast4,
    /// A=1 with a separated bitmap: the Xcast header could not stay unchanged (project-defined).
    AnonymousWithSeparatedBitmap,
    /// Another Routing header with Segments Left in front of the Xcast one: the packet is not where that header leads it
    /// (RFC 8200 §4.4; project-defined).
    SegmentsLeft,
    /// IPv4 options with a source route that is not used up: unicast copies would follow it (RFC 7126 §4.3, §4.4;
    /// project-defined).
    SourceRoute,
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::BitmapUnderAh => "AH in front of an Xcast4 header that holds its bitmap",
            Self::AnonymousUnderAh => "anonymity under IPv4 AH",
            Self::AhBehindXcast4 => "AH behind the Xcast4 header",
            Self::AnonymousWithSeparatedBitmap => "anonymity with a separated bitmap",
            Self::SourceRoute => "IPv4 source route that is not used up",
            Self::SegmentsLeft => "Routing header with segments left in front of the Xcast header",
        })
    }
}

impl core::error::Error for Refusal {}

/// Why a packet was not forwarded: nothing was sent, and nothing but counters changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForwardError {
    /// It cannot be read as an Xcast packet.
    Parse(ParseError),
    /// Its construction is refused.
    Refused(Refusal),
    /// Its IP destination is neither All_Xcast_Routers nor an address of the router that takes Xcast packets; of a packet of
    /// the router's own or out of a tunnel, not All_Xcast_Routers.
    NotForUs,
    /// It came in an outer header that belongs to no tunnel of the router's, or, in a semi-permeable tunnel, has an address
    /// that cannot be routed.
    UnusableTunnel,
    /// It was to be relayed by a host that it does not list among the destinations still to be served (RFC 5058 §11.4).
    NotAMember,
    /// It did not come from where its sender is ([`ReversePath`](super::ReversePath)).
    ReversePath,
    /// Its source is the router itself, or none that a packet is routed from: multicast, unspecified, loopback, limited broadcast or link-local
    /// (RFC 1812 §5.3.7, RFC 4291 §2.5).
    UnusableSource,
    /// One of its destinations cannot be routed to: multicast, unspecified, loopback, limited broadcast or link-local. A
    /// zero address is allowed where A=1 and its bit is 0 (project-defined).
    UnusableDestination {
        /// Its index, from 0.
        index: usize,
        /// Where it stands, in octets from the start of the packet.
        pointer: usize,
    },
}

impl From<ParseError> for ForwardError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<Refusal> for ForwardError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl core::fmt::Display for ForwardError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::NotForUs => f.write_str("addressed neither to All_Xcast_Routers nor to this router"),
            Self::UnusableTunnel => f.write_str("came out of no tunnel of this router's"),
            Self::NotAMember => f.write_str("this host is not among its destinations"),
            Self::ReversePath => f.write_str("did not come from where its sender is"),
            Self::UnusableSource => f.write_str("its source cannot be routed from"),
            Self::UnusableDestination { index, pointer } => {
                write!(f, "destination {index} cannot be routed to (octet {pointer})")
            }
        }
    }
}

impl core::error::Error for ForwardError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}
