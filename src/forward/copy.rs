//! One copy of a packet, of any format, for whoever sends it.

use super::rewritten::Rewritten;
use super::v2::CopyV2;
use super::xcast_copy::XcastCopy;
use crate::wire::{DestinationSet, EmitError, Family, XcastPacket, put};

/// What a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CopyKind {
    /// An Xcast packet with the bits of its branch.
    Xcast,
    /// A unicast packet to one destination (X2U).
    Unicast,
    /// An Xcast packet inside an outer IP header, for the far end of a configured tunnel (RFC 5058 §11.1).
    Tunnelled,
    /// An Xcast packet inside an outer IPv6 header, for one of its destinations, that routers look into on the way
    /// (RFC 5058 §11.3).
    SemiPermeable,
}

/// One copy of a packet, for one next hop. Nothing is written before it is asked for, and nothing is kept afterwards: the
/// headers go straight to the buffer of whoever sends it, and what stays the same is lent from the arriving packet.
///
/// A copy differs from the packet as RFC 5058 §9.2.2 and §9.3.2 say: the bitmap is that of its branch, with A=1 the other
/// addresses are zero, the hop limit is one less, and checksums follow. With D=1 the DSCP of the IP header is the one that
/// serves every destination of the copy (RFC 5058 §8.2); ECN stays, or becomes what it is at the end of a tunnel that the
/// packet came in (RFC 4301 §5.1.2.1). The IP destination of an Xcast copy stays: checksums and AH depend on it. Reserved bits
/// stay as received (project-defined).
///
/// In a semi-permeable tunnel that is passed on, the outer header counts the hop and the inner one does not (project-defined).
///
/// For copies of XCAST6 2.0 packets see [`v2`](super::v2).
#[derive(Clone, Copy)]
pub struct PacketCopy<'a>(Format<'a>);

impl core::fmt::Debug for PacketCopy<'_> {
    /// What follows the headers, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PacketCopy")
            .field("kind", &self.kind())
            .field("destinations", &self.destinations())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "lives on the stack, one at a time")]
enum Format<'a> {
    Xcast(XcastCopy<'a>),
    Rfc5058(Rewritten<'a>),
    V2(CopyV2<'a>),
}

impl<'a> From<XcastCopy<'a>> for PacketCopy<'a> {
    fn from(copy: XcastCopy<'a>) -> Self {
        Self(Format::Xcast(copy))
    }
}

impl<'a> From<Rewritten<'a>> for PacketCopy<'a> {
    fn from(copy: Rewritten<'a>) -> Self {
        Self(Format::Rfc5058(copy))
    }
}

impl<'a> From<CopyV2<'a>> for PacketCopy<'a> {
    fn from(copy: CopyV2<'a>) -> Self {
        Self(Format::V2(copy))
    }
}

impl<'a> PacketCopy<'a> {
    /// `packet` as its destination `index` would have got it in unicast: what a receiver hands to a stack that knows nothing
    /// of Xcast. Its own port is in the transport header, and the checksum there follows by delta, so that damage stays
    /// visible. X=1 plays no part: it is for routers. The hop limit stays what it was on arrival.
    ///
    /// Opened AH and ESP must be gone from the packet by then. `None` if the list is shorter, or where X2U cannot be done:
    /// AH, ESP, a fragment, another transport than UDP, UDP-Lite, TCP, ICMP and ICMPv6, or a segment too short for it.
    #[must_use]
    pub fn local(packet: &'a XcastPacket<'a>, index: usize) -> Option<Self> {
        Rewritten::local(packet, index).map(Self::from)
    }

    /// What it is.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> CopyKind {
        match &self.0 {
            Format::Xcast(_) => CopyKind::Xcast,
            Format::Rfc5058(copy) => copy.kind(),
            Format::V2(copy) => copy.kind(),
        }
    }

    /// The destinations it serves, as indices of the arriving packet's list.
    #[inline]
    #[must_use]
    pub const fn destinations(&self) -> DestinationSet {
        match &self.0 {
            Format::Xcast(copy) => copy.destinations(),
            Format::Rfc5058(copy) => copy.destinations(),
            Format::V2(copy) => copy.destinations(),
        }
    }

    /// Octets of the copy, from its (outer) IP header on.
    #[inline]
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "never shorter than an IP header")]
    pub fn len(&self) -> usize {
        self.header_len().saturating_add(self.payload().len())
    }

    /// Octets that [`emit_header`](Self::emit_header) writes.
    #[inline]
    #[must_use]
    pub fn header_len(&self) -> usize {
        match &self.0 {
            Format::Xcast(copy) => copy.header_len(),
            Format::Rfc5058(copy) => copy.header_len(),
            Format::V2(copy) => copy.header_len(),
        }
    }

    /// What follows the headers: octets of the arriving packet, the same in every copy of this kind.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        match &self.0 {
            Format::Xcast(copy) => copy.payload(),
            Format::Rfc5058(copy) => copy.payload(),
            Format::V2(copy) => copy.payload(),
        }
    }

    /// Writes all that differs from the arriving packet, and returns its octets' number,
    /// [`header_len`](Self::header_len). [`payload`](Self::payload) is to follow on the wire.
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`]; `buffer` is unchanged.
    #[inline]
    pub fn emit_header(&self, buffer: &mut [u8]) -> Result<usize, EmitError> {
        let len = self.header_len();
        let header = buffer.get_mut(..len).ok_or(EmitError::BufferTooSmall { needed: len })?;
        match &self.0 {
            Format::Xcast(copy) => copy.emit_header(header).ok_or(EmitError::BufferTooSmall { needed: len })?,
            Format::Rfc5058(copy) => copy.emit_header(header)?,
            Format::V2(copy) => copy.emit_header(header)?,
        }
        Ok(len)
    }

    /// Writes the whole copy, and returns its octets' number, [`len`](Self::len).
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`]; `buffer` is unchanged.
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, EmitError> {
        let too_small = EmitError::BufferTooSmall { needed: self.len() };
        let copy = buffer.get_mut(..self.len()).ok_or(too_small)?;
        let (header, behind) = copy.split_at_mut_checked(self.header_len()).ok_or(too_small)?;
        self.emit_header(header)?;
        put(behind, 0, self.payload()).ok_or(too_small)?;
        Ok(self.len())
    }

    /// The longest this copy may be for an MTU of `mtu`: its outermost header cannot announce more than so much.
    pub(super) fn max_len(&self, mtu: usize) -> usize {
        let family = match &self.0 {
            Format::Xcast(copy) => copy.family(),
            Format::Rfc5058(copy) => copy.family(),
            Format::V2(_) => Family::V6,
        };
        mtu.min(family.max_packet_len())
    }

    /// Octets of outer headers that the packet did not arrive with.
    pub(super) const fn overhead(&self) -> usize {
        match &self.0 {
            Format::Rfc5058(copy) => copy.overhead(),
            Format::Xcast(_) | Format::V2(_) => 0,
        }
    }
}
