//! What values may be.

use core::net::IpAddr;
use core::str::FromStr;

use super::error::{Expected, ManualError, ManualErrorKind};
use super::words::Word;
use crate::crypto::SecretKey;
use crate::ipsec::SenderId;
use crate::wire::{Dscp, is_routable_unicast};

pub(super) const YES_OR_NO: Expected = Expected::OneOf(&["yes", "no"]);

pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// A number in decimal digits alone: no sign, no blank.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|octet| octet.is_ascii_digit()) { text.parse().ok() } else { None }
}

pub(super) const SPI: Expected = Expected::Kind("an SPI from 256 to 4294967295, decimal or after 0x hexadecimal");

/// A number in decimal, or behind `0x` in hexadecimal.
pub(super) fn number_or_hex(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_hexdigit()) => u32::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => number(text),
    }
}

pub(super) fn unicast(text: &str) -> Option<IpAddr> {
    text.parse().ok().filter(|&address| is_routable_unicast(address))
}

pub(super) const DSCP: Expected = Expected::Kind("a DSCP: ef, cs0 to cs7, af11 to af43, or a number from 0 to 63");

/// A code point by number, or by name (RFC 2474 §4.2.2, RFC 2597 §6, RFC 3246).
pub(super) fn dscp(text: &str) -> Option<Dscp> {
    let value = match text.as_bytes() {
        b"ef" => return Some(Dscp::EF),
        [b'c', b's', class @ b'0'..=b'7'] => class.wrapping_sub(b'0') << 3,
        [b'a', b'f', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => {
            (class.wrapping_sub(b'0') << 3) | (drop.wrapping_sub(b'0') << 1)
        }
        _ => number(text)?,
    };
    Dscp::new(value)
}

pub(super) const SENDER_ID: Expected =
    Expected::Kind("an identifier and its size in bits, which is 8, 12 or 16, such as 3/8");

/// `value/bits`.
pub(super) fn sender_id(text: &str) -> Option<SenderId> {
    let (value, bits) = text.split_once('/')?;
    SenderId::new(number(value)?, number(bits)?)
}

/// The octets of a key, written to `place`: two hexadecimal digits each. Errors show where, and no digit.
pub(super) fn hex<'p>(word: &Word<'_>, place: &'p mut [u8; SecretKey::CAPACITY]) -> Result<HexKey<'p>, ManualError> {
    let mut high = None;
    let mut len = 0_usize;
    for (index, character) in word.text.chars().enumerate() {
        let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digit = digit.ok_or(word.error_at(index, ManualErrorKind::HexDigit))?;
        match high.take() {
            None => high = Some(digit << 4),
            Some(high) => {
                // Longer ones than any key are counted alone.
                if let Some(octet) = place.get_mut(len) {
                    *octet = high | digit;
                }
                len = len.saturating_add(1);
            }
        }
    }
    match high {
        Some(_) => Err(word.error_behind(ManualErrorKind::OddHexDigits)),
        None => Ok(HexKey { octets: place, len }),
    }
}

/// A key that was read, of a length that is yet to be judged.
pub(super) struct HexKey<'p> {
    octets: &'p [u8],
    len: usize,
}

impl<'p> HexKey<'p> {
    /// The key, if its length is one of those.
    pub(super) fn of_len(self, accepted: &'static [usize], word: &Word<'_>) -> Result<&'p [u8], ManualError> {
        let wrong = word.error(ManualErrorKind::KeyLength { accepted, actual: self.len });
        if accepted.contains(&self.len) { self.octets.get(..self.len).ok_or(wrong) } else { Err(wrong) }
    }
}
