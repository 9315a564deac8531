//! The outer IP header of tunnel mode (RFC 4301 §5.1.2, §8.1; RFC 5374 §3.1).

use core::net::IpAddr;

use crate::ipsec::packet::construction::Refusal;
use crate::wire::{Dscp, Family, IpHeader, TunnelEnds};

/// An address of the outer header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 5374 §3.1 has these two")]
pub enum OuterAddress {
    /// Always this one.
    Fixed(IpAddr),
    /// The inner header's: address preservation (RFC 5374 §3.1; AP-L for the source, AP-R for the destination). Routers then
    /// deliver the packet as they would the inner one: to its group, and from where it came.
    ///
    /// Opening refuses a packet whose outer address is not the inner one.
    Preserved,
}

impl OuterAddress {
    /// The outer address around a packet with this one.
    pub(crate) const fn around(self, inner: IpAddr) -> IpAddr {
        match self {
            Self::Fixed(address) => address,
            Self::Preserved => inner,
        }
    }
}

impl From<IpAddr> for OuterAddress {
    fn from(address: IpAddr) -> Self {
        Self::Fixed(address)
    }
}

/// The outer header's Don't Fragment flag, where it is IPv4 (RFC 4301 §8.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 4301 §8.1 has these three")]
pub enum OuterDf {
    /// Set, with Identification 0.
    #[default]
    Set,
    /// Clear. Identification is then the low half of the sequence number as carried, unlike that of the 65535 packets of the
    /// association before (project-defined, after RFC 6864 §4.3; several associations between the same two ends do not know
    /// of each other's).
    Clear,
    /// As in the inner header; set if that is IPv6.
    Copy,
}

/// The outer header's DSCP (RFC 4301 §5.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 4301 §5.1.2 has these two")]
pub enum OuterDscp {
    /// The inner header's.
    #[default]
    Copy,
    /// Always this one, so that the DSCP tells an observer nothing.
    Fixed(Dscp),
}

/// How the outer header is made. ECN is always copied (RFC 4301 §5.1.2); flow label 0 (project-defined).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct OuterHeader {
    /// Source address.
    pub source: OuterAddress,
    /// Destination address.
    pub destination: OuterAddress,
    /// TTL or Hop Limit.
    pub hop_limit: u8,
    /// Don't Fragment.
    pub df: OuterDf,
    /// DSCP.
    pub dscp: OuterDscp,
}

impl OuterHeader {
    /// Between two addresses, of one family, which are those of the tunnel's ends.
    #[must_use]
    pub const fn between(source: IpAddr, destination: IpAddr, hop_limit: u8) -> Self {
        Self {
            source: OuterAddress::Fixed(source),
            destination: OuterAddress::Fixed(destination),
            hop_limit,
            df: OuterDf::Set,
            dscp: OuterDscp::Copy,
        }
    }

    /// With both addresses of the inner header (RFC 5374 §3.1).
    #[must_use]
    pub const fn preserving(hop_limit: u8) -> Self {
        Self {
            source: OuterAddress::Preserved,
            destination: OuterAddress::Preserved,
            hop_limit,
            df: OuterDf::Set,
            dscp: OuterDscp::Copy,
        }
    }

    /// The family of the fixed addresses: `Ok(None)` if there is none, `Err` if they are of two.
    pub(crate) fn fixed_family(&self) -> Result<Option<Family>, ()> {
        match (self.source, self.destination) {
            (OuterAddress::Fixed(source), OuterAddress::Fixed(destination)) => {
                TunnelEnds::new(source, destination).map(|ends| Some(ends.family())).ok_or(())
            }
            (OuterAddress::Fixed(address), OuterAddress::Preserved)
            | (OuterAddress::Preserved, OuterAddress::Fixed(address)) => Ok(Some(Family::of(&address))),
            (OuterAddress::Preserved, OuterAddress::Preserved) => Ok(None),
        }
    }

    /// The family of the header around a packet of `inner` family.
    pub(crate) fn family(&self, inner: Family) -> Family {
        self.fixed_family().ok().flatten().unwrap_or(inner)
    }

    /// Source and destination of the header around `inner`.
    pub(crate) fn ends(&self, inner: &IpHeader<'_>) -> Result<TunnelEnds, Refusal> {
        TunnelEnds::new(self.source.around(inner.source()), self.destination.around(inner.destination()))
            .ok_or(Refusal::PreservationFamilies)
    }

    /// Source and destination where both are fixed.
    pub(crate) const fn fixed_ends(&self) -> Option<TunnelEnds> {
        match (self.source, self.destination) {
            (OuterAddress::Fixed(source), OuterAddress::Fixed(destination)) => TunnelEnds::new(source, destination),
            _ => None,
        }
    }

    /// Whether the addresses of `outer` are those of `inner` where they are to be preserved.
    pub(crate) fn preserves(&self, outer_source: IpAddr, outer_destination: IpAddr, inner: &IpHeader<'_>) -> bool {
        let same = |rule: OuterAddress, outer: IpAddr, inner: IpAddr| rule != OuterAddress::Preserved || outer == inner;
        same(self.source, outer_source, inner.source())
            && same(self.destination, outer_destination, inner.destination())
    }

    /// DSCP and ECN of the header around a packet with `inner`'s.
    pub(crate) fn traffic_class(&self, inner: u8) -> u8 {
        match self.dscp {
            OuterDscp::Copy => inner,
            OuterDscp::Fixed(dscp) => dscp.ds_field() | (inner & 3),
        }
    }
}
