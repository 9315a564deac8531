//! The IPv4 header and its options (RFC 791 §3.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version|  IHL  |Type of Service|          Total Length         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Identification        |Flags|      Fragment Offset    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Time to Live |    Protocol   |         Header Checksum       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       Source Address                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Destination Address                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Options                    |    Padding    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::net::Ipv4Addr;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::octets::put;
use super::{Checksum, EmitError, ParseError, ParseErrorKind};

/// Octets of the header without options.
pub const MIN_HEADER_LEN: usize = 20;
/// Octets of the longest header, options included (IHL 15).
pub const MAX_HEADER_LEN: usize = 60;
/// The longest packet (Total Length is 16 bits).
pub const MAX_PACKET_LEN: usize = 0xffff;

pub(crate) const TOS_AT: usize = 1;
pub(crate) const TOTAL_LENGTH_AT: usize = 2;
pub(crate) const IDENTIFICATION_AT: usize = 4;
pub(crate) const FLAGS_AT: usize = 6;
pub(crate) const TTL_AT: usize = 8;
pub(crate) const PROTOCOL_AT: usize = 9;
pub(crate) const CHECKSUM_AT: usize = 10;
pub(crate) const DESTINATION_AT: usize = 16;

const DONT_FRAGMENT: u16 = 0x4000;

/// End of Options List.
pub(crate) const OPTION_EOL: u8 = 0;
/// No Operation.
pub(crate) const OPTION_NOP: u8 = 1;
/// Loose Source and Record Route.
pub(crate) const OPTION_LSRR: u8 = 131;
/// Strict Source and Record Route.
pub(crate) const OPTION_SSRR: u8 = 137;

/// The options that RFC 4302 §A1 lists as immutable: included in AH's ICV as they stand. All others are zeroed.
#[must_use]
pub(crate) const fn is_immutable_option(kind: u8) -> bool {
    // EOL, NOP, Security, Extended Security, Commercial Security, Router Alert, Sender Directed Multi-Destination Delivery.
    matches!(kind, OPTION_EOL | OPTION_NOP | 130 | 133 | 134 | 148 | 149)
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Debug)]
#[repr(C)]
struct Fixed {
    version_ihl: u8,
    tos: u8,
    total_length: U16,
    identification: U16,
    flags_offset: U16,
    ttl: u8,
    protocol: u8,
    checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
}

/// A header whose lengths are checked. Its checksum is not: see [`checksum_ok`](Self::checksum_ok).
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Header<'a> {
    octets: &'a [u8],
    fixed: &'a Fixed,
}

impl<'a> Ipv4Header<'a> {
    /// Splits a packet in header and payload; octets beyond Total Length are left out.
    ///
    /// # Errors
    ///
    /// - [`ParseErrorKind::Truncated`], [`ParseErrorKind::IpVersion`], [`ParseErrorKind::Ipv4HeaderLength`],
    ///   [`ParseErrorKind::Ipv4TotalLength`].
    pub fn split(packet: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let truncated = ParseError::new(ParseErrorKind::Truncated, packet.len());
        let (fixed, _) = Fixed::ref_from_prefix(packet).map_err(|_| truncated)?;
        if fixed.version_ihl >> 4 != 4 {
            return Err(ParseError::new(ParseErrorKind::IpVersion, 0));
        }
        let header_len = usize::from(fixed.version_ihl & 0x0f).saturating_mul(4);
        if header_len < MIN_HEADER_LEN {
            return Err(ParseError::new(ParseErrorKind::Ipv4HeaderLength, 0));
        }
        let total_length = usize::from(fixed.total_length.get());
        if total_length < header_len {
            return Err(ParseError::new(ParseErrorKind::Ipv4TotalLength, TOTAL_LENGTH_AT));
        }
        let (octets, payload) =
            packet.get(..total_length).and_then(|packet| packet.split_at_checked(header_len)).ok_or(truncated)?;
        Ok((Self { octets, fixed }, payload))
    }

    /// Octets of the header, options included.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.octets.len()
    }

    /// The header's octets.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Octets of the whole packet.
    #[must_use]
    pub fn total_length(&self) -> usize {
        usize::from(self.fixed.total_length.get())
    }

    /// The TOS octet: DSCP and ECN.
    #[must_use]
    pub const fn tos(&self) -> u8 {
        self.fixed.tos
    }

    /// Whether the packet is a fragment: More Fragments set or an offset.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.fixed.flags_offset.get() & 0x3fff != 0
    }

    /// Where in the original packet's payload a fragment belongs, in 8 octets.
    #[must_use]
    pub fn fragment_offset(&self) -> u16 {
        self.fixed.flags_offset.get() & 0x1fff
    }

    /// Whether Don't Fragment is set.
    #[must_use]
    pub fn dont_fragment(&self) -> bool {
        self.fixed.flags_offset.get() & DONT_FRAGMENT != 0
    }

    /// Time to Live.
    #[must_use]
    pub const fn ttl(&self) -> u8 {
        self.fixed.ttl
    }

    /// Protocol of what follows the header.
    #[must_use]
    pub const fn protocol(&self) -> u8 {
        self.fixed.protocol
    }

    /// Source address.
    #[must_use]
    pub fn source(&self) -> Ipv4Addr {
        self.fixed.source.into()
    }

    /// Destination address.
    #[must_use]
    pub fn destination(&self) -> Ipv4Addr {
        self.fixed.destination.into()
    }

    /// Whether the header checksum is right.
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        // Most headers have no options, and for a length that is known the sum needs no loop.
        let fixed = Checksum::new().add_octets(self.fixed.as_bytes());
        let options = self.option_octets();
        let sum = if options.is_empty() { fixed } else { fixed.add_octets(options) };
        sum.folded() == 0xffff
    }

    fn option_octets(&self) -> &'a [u8] {
        self.octets.get(MIN_HEADER_LEN..).unwrap_or(&[])
    }

    /// Walks the options, up to and with End of Options List.
    pub fn options(&self) -> Ipv4Options<'a> {
        Ipv4Options { rest: self.option_octets(), at: MIN_HEADER_LEN }
    }

    /// Whether there is a source route that still leads elsewhere: its pointer is not beyond its end (RFC 791 §3.1).
    pub(crate) fn has_source_route_left(&self) -> bool {
        let mut options = self.options().map_while(Result::ok);
        options.any(|option| {
            // Type, length, pointer, counted from the type as 1.
            matches!(option.kind, OPTION_LSRR | OPTION_SSRR)
                && option.octets.get(2).is_none_or(|&pointer| usize::from(pointer) <= option.octets.len())
        })
    }
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ipv4Option<'a> {
    /// Option type: copied flag, class and number.
    pub kind: u8,
    /// Where it starts, in octets from the start of the IP header.
    pub at: usize,
    /// All its octets, type and length included; for End of Options List, everything from it to the end of the header.
    pub octets: &'a [u8],
}

impl<'a> Ipv4Option<'a> {
    /// What follows the type and length octets.
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        self.octets.get(2..).unwrap_or(&[])
    }
}

/// Iterator over options; ends after the first error.
#[derive(Clone, Debug)]
pub struct Ipv4Options<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Ipv4Options<'a> {
    type Item = Result<Ipv4Option<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, behind) = self.rest.split_first()?;
        let at = self.at;
        let len = match kind {
            OPTION_EOL => self.rest.len(),
            OPTION_NOP => 1,
            // A length below 2 cannot be walked over.
            _ => behind.first().map_or(0, |&len| usize::from(len)),
        };
        let split = if len == 0 || (kind > OPTION_NOP && len < 2) { None } else { self.rest.split_at_checked(len) };
        let Some((octets, rest)) = split else {
            self.rest = &[];
            return Some(Err(ParseError::new(ParseErrorKind::OptionLength, at)));
        };
        self.rest = rest;
        self.at = at.saturating_add(len);
        Some(Ok(Ipv4Option { kind, at, octets }))
    }
}

/// What a builder decides of an IPv4 header. Identification is 0, DF 1 (project-defined; RFC 6864 §4.1 allows it, as the
/// packet is never fragmented).
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Ipv4Repr {
    /// DSCP and ECN.
    pub tos: u8,
    /// Time to Live.
    pub ttl: u8,
    /// Protocol of what follows.
    pub protocol: u8,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Octets of options that follow the fixed part, a multiple of 4.
    pub options_len: usize,
    /// Octets behind the header.
    pub payload_len: usize,
}

impl Ipv4Repr {
    /// Octets of the header.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        MIN_HEADER_LEN.saturating_add(self.options_len)
    }

    /// Writes the fixed part, with the checksum of it and the options already standing in `buffer` behind it.
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`], [`EmitError::PacketTooLong`].
    pub fn emit(&self, buffer: &mut [u8]) -> Result<(), EmitError> {
        let header_len = self.encoded_len();
        let len = header_len.saturating_add(self.payload_len);
        let total_length = u16::try_from(len).map_err(|_| EmitError::PacketTooLong { len })?;
        let ihl = u8::try_from(header_len >> 2).unwrap_or(u8::MAX);
        if header_len > MAX_HEADER_LEN || header_len & 3 != 0 {
            return Err(EmitError::PacketTooLong { len: header_len });
        }
        let needed = EmitError::BufferTooSmall { needed: header_len };
        let header = buffer.get_mut(..header_len).ok_or(needed)?;
        let fixed = Fixed {
            version_ihl: 0x40 | ihl,
            tos: self.tos,
            total_length: total_length.into(),
            identification: 0.into(),
            flags_offset: DONT_FRAGMENT.into(),
            ttl: self.ttl,
            protocol: self.protocol,
            checksum: 0.into(),
            source: self.source.octets(),
            destination: self.destination.octets(),
        };
        put(header, 0, fixed.as_bytes()).ok_or(needed)?;
        refresh_checksum(header);
        Ok(())
    }
}

/// Lets routers fragment the packet that `header` is of. The header checksum is left to the caller.
pub(crate) fn allow_fragments(header: &mut [u8], identification: u16) {
    put(header, IDENTIFICATION_AT, &identification.to_be_bytes());
    put(header, FLAGS_AT, &[0, 0]);
}

/// Computes the header checksum anew over `header`, which is exactly one header.
pub(crate) fn refresh_checksum(header: &mut [u8]) {
    put(header, CHECKSUM_AT, &[0, 0]);
    let checksum = Checksum::new().add_octets(header).finish();
    put(header, CHECKSUM_AT, &checksum.to_be_bytes());
}
