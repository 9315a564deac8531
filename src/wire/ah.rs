//! The Authentication Header (RFC 4302 §2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | Next Header   |  Payload Len  |          RESERVED             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 Security Parameters Index (SPI)               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Sequence Number Field                      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                Integrity Check Value-ICV (variable)           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::octets::{put, round_up};
use super::{EmitError, Family, ParseError, ParseErrorKind};

/// Octets in front of the ICV.
pub const FIXED_LEN: usize = 12;
/// Where the SPI stands, with the sequence number behind it.
pub(crate) const SPI_AT: usize = 4;

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Debug)]
#[repr(C)]
struct Fixed {
    next_header: u8,
    payload_len: u8,
    reserved: U16,
    spi: U32,
    sequence: U32,
}

const _: () = assert!(size_of::<Fixed>() == FIXED_LEN);

/// Octets of an AH with an ICV of `icv_len` octets, padded to 4 octets in IPv4 and to 8 in IPv6 (RFC 4302 §3.3.3.2.1).
///
/// ```
/// use xcast_sec::wire::{Family, ah};
///
/// // A 96-bit ICV: 24 octets, both ways.
/// assert_eq!((ah::encoded_len(Family::V4, 12), ah::encoded_len(Family::V6, 12)), (24, 24));
/// assert_eq!((ah::encoded_len(Family::V4, 16), ah::encoded_len(Family::V6, 16)), (28, 32));
/// ```
#[must_use]
pub const fn encoded_len(family: Family, icv_len: usize) -> usize {
    let unit = match family {
        Family::V4 => 4,
        Family::V6 => 8,
    };
    round_up(FIXED_LEN.saturating_add(icv_len), unit)
}

/// An AH whose length is checked.
#[derive(Clone, Copy)]
pub struct AhHeader<'a> {
    octets: &'a [u8],
    fixed: &'a Fixed,
}

impl core::fmt::Debug for AhHeader<'_> {
    /// The ICV is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AhHeader").field("fixed", &self.fixed).field("len", &self.octets.len()).finish_non_exhaustive()
    }
}

impl<'a> AhHeader<'a> {
    /// Splits an AH from what follows it.
    ///
    /// # Errors
    ///
    /// - [`ParseErrorKind::Truncated`].
    /// - [`ParseErrorKind::AhPayloadLen`]: no room for the fixed fields.
    pub fn split(octets: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let truncated = ParseError::new(ParseErrorKind::Truncated, octets.len());
        let (fixed, _) = Fixed::ref_from_prefix(octets).map_err(|_| truncated)?;
        // Payload Len counts 4-octet words, minus 2 (RFC 4302 §2.2).
        let len = usize::from(fixed.payload_len).saturating_add(2).saturating_mul(4);
        if len < FIXED_LEN {
            return Err(ParseError::new(ParseErrorKind::AhPayloadLen, 1));
        }
        let (octets, rest) = octets.split_at_checked(len).ok_or(truncated)?;
        Ok((Self { octets, fixed }, rest))
    }

    /// Octets of the header, ICV and its padding included.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.octets.len()
    }

    /// Next Header.
    #[must_use]
    pub const fn next_header(&self) -> u8 {
        self.fixed.next_header
    }

    /// Security Parameters Index.
    #[must_use]
    pub fn spi(&self) -> u32 {
        self.fixed.spi.get()
    }

    /// The low 32 bits of the sequence number.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.fixed.sequence.get()
    }

    /// What is in front of the ICV.
    #[must_use]
    pub fn fixed_octets(&self) -> &'a [u8] {
        self.octets.get(..FIXED_LEN).unwrap_or(&[])
    }

    /// The ICV and its padding.
    #[must_use]
    pub fn icv_field(&self) -> &'a [u8] {
        self.octets.get(FIXED_LEN..).unwrap_or(&[])
    }
}

/// An AH to be written.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct AhRepr {
    /// Next Header.
    pub next_header: u8,
    /// Security Parameters Index.
    pub spi: u32,
    /// The low 32 bits of the sequence number.
    pub sequence: u32,
    /// Octets of the whole header, a multiple of 4 from 12 to 1028.
    pub header_len: usize,
}

impl AhRepr {
    /// Writes the header with an ICV and padding of zero, as it stands while its ICV is computed.
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`]; also for a `header_len` that Payload Len cannot say.
    pub fn emit(&self, buffer: &mut [u8]) -> Result<(), EmitError> {
        let error = EmitError::BufferTooSmall { needed: self.header_len };
        let payload_len =
            (self.header_len >> 2).checked_sub(2).and_then(|words| u8::try_from(words).ok()).ok_or(error)?;
        if self.header_len < FIXED_LEN || self.header_len & 3 != 0 {
            return Err(error);
        }
        let header = buffer.get_mut(..self.header_len).ok_or(error)?;
        let fixed = Fixed {
            next_header: self.next_header,
            payload_len,
            reserved: 0.into(),
            spi: self.spi.into(),
            sequence: self.sequence.into(),
        };
        header.fill(0);
        put(header, 0, fixed.as_bytes()).ok_or(error)
    }
}
