//! The Encapsulating Security Payload's header and trailer (RFC 4303 §2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |               Security Parameters Index (SPI)                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                      Sequence Number                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         IV (optional), payload data (variable)                |
//! +               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |               |     Padding (0-255 octets)                    |
//! +-+-+-+-+-+-+-+-+               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                               |  Pad Length   | Next Header   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |               Integrity Check Value-ICV (variable)            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use zerocopy::byteorder::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::octets::put;
use super::{EmitError, ParseError, ParseErrorKind};

/// Octets of SPI and Sequence Number.
pub const HEADER_LEN: usize = 8;
/// Octets of Pad Length and Next Header.
pub const TRAILER_LEN: usize = 2;

/// The longest padding; a shorter one is its beginning (RFC 4303 §2.4).
static PADDING: [u8; 255] = {
    let mut numbers = [0; 255];
    let (mut rest, mut number) = (numbers.as_mut_slice(), 1_u8);
    while let Some((first, behind)) = rest.split_first_mut() {
        (*first, rest) = (number, behind);
        number = number.wrapping_add(1);
    }
    numbers
};

/// Octets of padding that are looked at as one number.
const BLOCK: usize = 16;
/// From octet `n` on, a block that ends with `n` octets of padding.
static BLOCK_OF_PADDING: [u8; 2 * BLOCK] = behind_a_block(false);
/// The same with all bits set in the padding.
static IS_PADDING: [u8; 2 * BLOCK] = behind_a_block(true);

const fn behind_a_block(filled: bool) -> [u8; 2 * BLOCK] {
    let mut octets = [0; 2 * BLOCK];
    let (_, mut rest) = octets.split_at_mut(BLOCK);
    let mut number = 1_u8;
    while let Some((first, behind)) = rest.split_first_mut() {
        *first = if filled { u8::MAX } else { number };
        (rest, number) = (behind, number.wrapping_add(1));
    }
    octets
}

/// SPI and Sequence Number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the header has these two fields")]
pub struct EspHeader {
    /// Security Parameters Index.
    pub spi: u32,
    /// The low 32 bits of the sequence number.
    pub sequence: u32,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Debug)]
#[repr(C)]
struct Fixed {
    spi: U32,
    sequence: U32,
}

impl EspHeader {
    /// Splits the header from what follows it.
    ///
    /// # Errors
    ///
    /// - [`ParseErrorKind::Truncated`].
    pub fn split(octets: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let (fixed, rest) =
            Fixed::ref_from_prefix(octets).map_err(|_| ParseError::new(ParseErrorKind::Truncated, octets.len()))?;
        Ok((Self { spi: fixed.spi.get(), sequence: fixed.sequence.get() }, rest))
    }

    /// Writes the header.
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`].
    pub fn emit(&self, buffer: &mut [u8]) -> Result<(), EmitError> {
        let fixed = Fixed { spi: self.spi.into(), sequence: self.sequence.into() };
        put(buffer, 0, fixed.as_bytes()).ok_or(EmitError::BufferTooSmall { needed: HEADER_LEN })
    }
}

/// The padding octets that follow `payload_len` octets of payload so that payload, padding and trailer are a multiple of
/// `alignment`, which is a power of two (RFC 4303 §2.4): the shortest that does.
#[must_use]
pub const fn padding_len(payload_len: usize, alignment: usize) -> usize {
    let used = payload_len.wrapping_add(TRAILER_LEN);
    alignment.wrapping_sub(used) & alignment.wrapping_sub(1)
}

/// Writes padding 1, 2, 3, … (RFC 4303 §2.4), Pad Length and Next Header over the whole of `trailer`.
///
/// # Errors
///
/// - [`EmitError::BufferTooSmall`]: fewer than 2 octets, or more than 257.
pub fn emit_trailer(trailer: &mut [u8], next_header: u8) -> Result<(), EmitError> {
    let error = EmitError::BufferTooSmall { needed: TRAILER_LEN };
    let (padding, end) = trailer.split_last_chunk_mut::<TRAILER_LEN>().ok_or(error)?;
    padding.copy_from_slice(PADDING.get(..padding.len()).ok_or(error)?);
    *end = [padding.len() as u8, next_header];
    Ok(())
}

/// Reads the trailer at the end of decrypted data and checks the padding octets: the payload's length and Next Header.
///
/// Which octet is wrong has no influence on the time taken: all that Pad Length says is padding is looked at. It is called only
/// once the ICV verified.
///
/// Returns `None` unless Pad Length fits and the padding is 1, 2, 3, … (RFC 4303 §2.4).
#[must_use]
#[inline]
pub fn split_trailer(data: &[u8]) -> Option<(&[u8], u8)> {
    let (front, &[pad_len, next_header]) = data.split_last_chunk::<TRAILER_LEN>()?;
    let payload_len = front.len().checked_sub(usize::from(pad_len))?;
    let (payload, padding) = front.split_at_checked(payload_len)?;
    // Most paddings are shorter than a block of AES, in data that has one: all of it at once.
    if let Some(block) = front.last_chunk::<BLOCK>()
        && let Some(expected) = BLOCK_OF_PADDING.get(padding.len()..).and_then(<[u8]>::first_chunk)
        && let Some(is_padding) = IS_PADDING.get(padding.len()..).and_then(<[u8]>::first_chunk)
    {
        let difference = u128::from_ne_bytes(*block) ^ u128::from_ne_bytes(*expected);
        let wrong = difference & u128::from_ne_bytes(*is_padding);
        return if wrong == 0 { Some((payload, next_header)) } else { None };
    }
    let (words, rest) = padding.as_chunks();
    let (expected_words, expected_rest) = PADDING.get(..padding.len())?.as_chunks();
    let words =
        words.iter().zip(expected_words).map(|(one, other)| u32::from_ne_bytes(*one) ^ u32::from_ne_bytes(*other));
    let rest = rest.iter().zip(expected_rest).map(|(one, other)| u32::from(one ^ other));
    let wrong = words.chain(rest).fold(0, |wrong, difference| wrong | difference);
    if wrong == 0 { Some((payload, next_header)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_shortest_and_aligns() {
        for alignment in [1, 4, 8, 16] {
            for payload in 0..70 {
                let padding = padding_len(payload, alignment);
                assert!(padding < alignment);
                assert_eq!((payload + padding + TRAILER_LEN) % alignment, 0);
            }
        }
    }

    #[test]
    fn every_padding_length_round_trips_and_every_wrong_octet_is_seen() {
        // In data shorter than a block, and in longer.
        for (len, pad) in [3, 20].into_iter().flat_map(|len| (0..=255).map(move |pad| (len, pad))) {
            let end = len + pad;
            let mut data = std::vec![0xee; end + 2];
            emit_trailer(&mut data[len..], 17).unwrap();
            assert_eq!(split_trailer(&data), Some((&[0xee; 20][..len], 17)));
            for index in len..end {
                data[index] ^= 0x40;
                assert_eq!(split_trailer(&data), None);
                // Two that differ by the same do not make up for each other.
                for other in index + 1..end.min(index + 20) {
                    data[other] ^= 0x40;
                    assert_eq!(split_trailer(&data), None);
                    data[other] ^= 0x40;
                }
                data[index] ^= 0x40;
            }
        }
        assert_eq!(split_trailer(&[1]), None);
        assert_eq!(split_trailer(&[9, 2, 17]), None, "more padding than there is");
        assert_eq!(emit_trailer(&mut [0; 258], 17), Err(EmitError::BufferTooSmall { needed: 2 }));
    }
}
