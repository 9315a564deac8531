//! The IPv6 header, its extension headers and their options (RFC 8200 §3, §4).
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version| Traffic Class |           Flow Label                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Payload Length        |  Next Header  |   Hop Limit   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 Source Address (16 octets)                    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |               Destination Address (16 octets)                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::net::Ipv6Addr;

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::ip::protocol;
use super::octets::{put, u8_at};
use super::{EmitError, ParseError, ParseErrorKind};

/// Octets of the header.
pub const HEADER_LEN: usize = 40;
/// The longest packet that Payload Length can give (jumbograms are not supported).
pub const MAX_PACKET_LEN: usize = HEADER_LEN + 0xffff;

pub(crate) const PAYLOAD_LENGTH_AT: usize = 4;
/// Holds the ECN field in its bits 5 and 4.
pub(crate) const ECN_AT: usize = 1;
pub(crate) const NEXT_HEADER_AT: usize = 6;
pub(crate) const HOP_LIMIT_AT: usize = 7;
pub(crate) const DESTINATION_AT: usize = 24;

pub(crate) const OPTION_PAD1: u8 = 0;
pub(crate) const OPTION_PADN: u8 = 1;

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Debug)]
#[repr(C)]
struct Fixed {
    version_class_flow: U32,
    payload_length: U16,
    next_header: u8,
    hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

/// A header whose lengths are checked.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6Header<'a> {
    fixed: &'a Fixed,
}

impl<'a> Ipv6Header<'a> {
    /// Splits a packet in header and payload (extension headers included); octets beyond Payload Length are left out.
    ///
    /// # Errors
    ///
    /// - [`ParseErrorKind::Truncated`], [`ParseErrorKind::IpVersion`].
    pub fn split(packet: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let truncated = ParseError::new(ParseErrorKind::Truncated, packet.len());
        let (fixed, rest) = Fixed::ref_from_prefix(packet).map_err(|_| truncated)?;
        if fixed.version_class_flow.as_bytes().first().is_none_or(|octet| octet >> 4 != 6) {
            return Err(ParseError::new(ParseErrorKind::IpVersion, 0));
        }
        let payload = rest.get(..usize::from(fixed.payload_length.get())).ok_or(truncated)?;
        Ok((Self { fixed }, payload))
    }

    /// Traffic Class: DSCP and ECN.
    #[must_use]
    pub fn traffic_class(&self) -> u8 {
        (self.fixed.version_class_flow.get() >> 20) as u8
    }

    /// Flow Label, 20 bits.
    #[must_use]
    pub fn flow_label(&self) -> u32 {
        self.fixed.version_class_flow.get() & 0x000f_ffff
    }

    /// Octets behind the header, extension headers included.
    #[must_use]
    pub fn payload_length(&self) -> usize {
        usize::from(self.fixed.payload_length.get())
    }

    /// Next Header.
    #[must_use]
    pub const fn next_header(&self) -> u8 {
        self.fixed.next_header
    }

    /// Hop Limit.
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        self.fixed.hop_limit
    }

    /// Source address.
    #[must_use]
    pub fn source(&self) -> Ipv6Addr {
        self.fixed.source.into()
    }

    /// Destination address.
    #[must_use]
    pub fn destination(&self) -> Ipv6Addr {
        self.fixed.destination.into()
    }
}

/// One extension header of the kinds that share the Hop-by-Hop header's shape: Next Header, Hdr Ext Len in 8-octet units
/// not counting the first 8, data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtensionHeader<'a> {
    /// What kind it is: 0 (Hop-by-Hop), 43 (Routing) or 60 (Destination Options).
    pub kind: u8,
    /// Where it starts, in octets from the start of the packet.
    pub at: usize,
    /// All its octets.
    pub octets: &'a [u8],
}

impl<'a> ExtensionHeader<'a> {
    /// Reads the header of kind `kind` at `at` in `packet`.
    ///
    /// # Errors
    ///
    /// - [`ParseErrorKind::Truncated`].
    pub fn read(packet: &'a [u8], kind: u8, at: usize) -> Result<Self, ParseError> {
        let truncated = ParseError::new(ParseErrorKind::Truncated, packet.len());
        let units = usize::from(u8_at(packet, at.saturating_add(1)).ok_or(truncated)?);
        let len = units.saturating_add(1).saturating_mul(8);
        let octets = packet.get(at..).and_then(|rest| rest.get(..len)).ok_or(truncated)?;
        Ok(Self { kind, at, octets })
    }

    /// Next Header.
    #[must_use]
    pub fn next_header(&self) -> u8 {
        self.octets.first().copied().unwrap_or(protocol::NO_NEXT_HEADER)
    }

    /// Where what follows it starts, in octets from the start of the packet.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.at.saturating_add(self.octets.len())
    }

    /// Routing Type, if it is a Routing header.
    #[must_use]
    pub fn routing_type(&self) -> Option<u8> {
        if self.kind == protocol::ROUTING { u8_at(self.octets, 2) } else { None }
    }

    /// Segments Left, if it is a Routing header.
    #[must_use]
    pub fn segments_left(&self) -> Option<u8> {
        if self.kind == protocol::ROUTING { u8_at(self.octets, 3) } else { None }
    }

    /// Walks the options of a Hop-by-Hop or Destination Options header.
    pub fn options(&self) -> Ipv6Options<'a> {
        Ipv6Options { rest: self.octets.get(2..).unwrap_or(&[]), at: self.at.saturating_add(2) }
    }
}

/// One option (RFC 8200 §4.2), Pad1 and PadN included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ipv6Option<'a> {
    /// Option Type.
    pub kind: u8,
    /// Where it starts, in octets from the start of the packet.
    pub at: usize,
    /// All its octets: type, length (absent in Pad1) and data.
    pub octets: &'a [u8],
}

impl<'a> Ipv6Option<'a> {
    /// Option Data.
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        self.octets.get(2..).unwrap_or(&[])
    }

    /// Whether the data may change en route (RFC 8200 §4.2, third-highest bit).
    #[must_use]
    pub const fn is_mutable(&self) -> bool {
        self.kind & 0x20 != 0
    }

    /// Whether it is Pad1 or PadN.
    #[must_use]
    pub const fn is_padding(&self) -> bool {
        self.kind <= OPTION_PADN
    }
}

/// Iterator over options; ends after the first error.
#[derive(Clone, Debug)]
pub struct Ipv6Options<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Ipv6Options<'a> {
    type Item = Result<Ipv6Option<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, behind) = self.rest.split_first()?;
        let at = self.at;
        let split = if kind == OPTION_PAD1 {
            self.rest.split_at_checked(1)
        } else {
            behind.first().and_then(|&len| self.rest.split_at_checked(usize::from(len).saturating_add(2)))
        };
        let Some((octets, rest)) = split else {
            self.rest = &[];
            return Some(Err(ParseError::new(ParseErrorKind::OptionLength, at)));
        };
        self.rest = rest;
        self.at = at.saturating_add(octets.len());
        Some(Ok(Ipv6Option { kind, at, octets }))
    }
}

/// Hdr Ext Len of an extension header of `len` octets: 8-octet units, not counting the first.
pub(crate) fn hdr_ext_len(len: usize) -> u8 {
    u8::try_from((len >> 3).saturating_sub(1)).unwrap_or(u8::MAX)
}

/// Fills `octets` with one Pad1 or PadN option (RFC 8200 §4.2); at most 257 octets.
pub(crate) fn write_padding(octets: &mut [u8]) {
    octets.fill(0);
    if let Some(data_len) = octets.len().checked_sub(2) {
        put(octets, 0, &[OPTION_PADN, u8::try_from(data_len).unwrap_or(u8::MAX)]);
    }
}

/// What a builder decides of an IPv6 header. The flow label is 0 (project-defined).
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Ipv6Repr {
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Hop Limit.
    pub hop_limit: u8,
    /// Next Header.
    pub next_header: u8,
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// Octets behind the header, extension headers included.
    pub payload_len: usize,
}

impl Ipv6Repr {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`], [`EmitError::PacketTooLong`].
    pub fn emit(&self, buffer: &mut [u8]) -> Result<(), EmitError> {
        let len = HEADER_LEN.saturating_add(self.payload_len);
        let payload_length = u16::try_from(self.payload_len).map_err(|_| EmitError::PacketTooLong { len })?;
        let fixed = Fixed {
            version_class_flow: ((6 << 28) | (u32::from(self.traffic_class) << 20)).into(),
            payload_length: payload_length.into(),
            next_header: self.next_header,
            hop_limit: self.hop_limit,
            source: self.source.octets(),
            destination: self.destination.octets(),
        };
        put(buffer, 0, fixed.as_bytes()).ok_or(EmitError::BufferTooSmall { needed: HEADER_LEN })
    }
}
