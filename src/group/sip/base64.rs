//! Base64 as MIME has it (RFC 2045 §6.8), in lines of 76 characters.

use crate::group::cursor::Writer;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of a line (RFC 2045 §6.8: no more than 76): 57 octets.
const LINE: usize = 76;
const LINE_OCTETS: usize = 57;

/// Why octets are not base64, or do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Base64Error {
    /// A character outside of the alphabet that is neither CR, LF, space nor tab.
    Character {
        /// Where it is.
        offset: usize,
    },
    /// The number of characters, padding included, is not a multiple of four, something follows the padding, or bits that
    /// must be zero are not: one string of octets has one encoding, line breaks aside.
    Padding,
    /// The buffer is too short.
    TooLong,
}

impl core::fmt::Display for Base64Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Character { offset } => write!(f, "no character of base64 at {offset}"),
            Self::Padding => f.write_str("wrong padding of base64"),
            Self::TooLong => f.write_str("does not fit into the buffer"),
        }
    }
}

impl core::error::Error for Base64Error {}

/// Characters that [`encode`] writes for `len` octets: four for three, and CRLF between lines.
#[must_use]
pub const fn encoded_len(len: usize) -> usize {
    let characters = len.div_ceil(3).saturating_mul(4);
    characters.saturating_add(characters.saturating_sub(1).wrapping_div(LINE).saturating_mul(2))
}

/// Writes `octets` in base64 and returns the number of characters. No line break follows the last line.
///
/// # Errors
///
/// - [`Base64Error::TooLong`] if `buffer` has fewer than [`encoded_len`]. What is in it then means nothing.
pub fn encode(octets: &[u8], buffer: &mut [u8]) -> Result<usize, Base64Error> {
    let mut writer = Writer::new(buffer);
    for (number, line) in octets.chunks(LINE_OCTETS).enumerate() {
        if number > 0 {
            writer.put(b"\r\n").ok_or(Base64Error::TooLong)?;
        }
        for group in line.chunks(3) {
            writer.put(&quartet(group)).ok_or(Base64Error::TooLong)?;
        }
    }
    Ok(writer.len())
}

/// The four characters of one to three octets.
fn quartet(group: &[u8]) -> [u8; 4] {
    let at = |index: usize| group.get(index).copied().map_or(0, u32::from);
    let bits = at(0) << 16 | at(1) << 8 | at(2);
    let character = |shift: u32| ALPHABET.get((bits >> shift & 63) as usize).copied().unwrap_or(b'=');
    let pad = |index: usize, shift: u32| if group.len() > index { character(shift) } else { b'=' };
    [character(18), character(12), pad(1, 6), pad(2, 0)]
}

/// Decodes in place and returns the number of octets, which are then at the start of `text`. Line breaks and spaces are
/// skipped, wherever they are.
///
/// # Errors
///
/// - [`Base64Error::Character`], [`Base64Error::Padding`]. What is in `text` then means nothing.
pub fn decode(text: &mut [u8]) -> Result<usize, Base64Error> {
    let (mut len, mut bits, mut have, mut padding) = (0_usize, 0_u32, 0_u32, 0_u32);
    for offset in 0..text.len() {
        let character = text.get(offset).copied().unwrap_or(0);
        let value = match character {
            b'\r' | b'\n' | b' ' | b'\t' => continue,
            b'=' if have >= 2 => {
                padding = padding.saturating_add(1);
                0
            }
            _ if padding > 0 => return Err(Base64Error::Padding),
            b'=' => return Err(Base64Error::Padding),
            _ => value(character).ok_or(Base64Error::Character { offset })?,
        };
        bits = bits << 6 | value;
        have = have.saturating_add(1);
        if have == 4 {
            let [_, first, second, third] = bits.to_be_bytes();
            let octets = [first, second, third];
            let (kept, zero) = octets.split_at_checked(3_usize.saturating_sub(padding as usize)).unwrap_or((&[], &[1]));
            if zero.iter().any(|octet| *octet != 0) {
                return Err(Base64Error::Padding);
            }
            // Three octets take the place of four characters: what is written was read before.
            for octet in kept {
                *text.get_mut(len).ok_or(Base64Error::TooLong)? = *octet;
                len = len.saturating_add(1);
            }
            (bits, have) = (0, 0);
        }
    }
    if have == 0 { Ok(len) } else { Err(Base64Error::Padding) }
}

fn value(character: u8) -> Option<u32> {
    ALPHABET.iter().position(|one| *one == character).and_then(|value| u32::try_from(value).ok())
}
