//! Traffic flow confidentiality: padding that hides how long a payload is (RFC 4303 §2.7).

use core::num::NonZeroU16;

/// How far ESP pads what it protects, before its own padding.
///
/// The receiver cuts the padding off by the length that the payload states itself: in tunnel mode the inner IP header's, in
/// transport mode UDP's. In transport mode nothing but UDP can be padded, therefore: a packet of something else is refused if
/// the rule would pad it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a new rule must be decided on wherever one is matched")]
pub enum Tfc {
    /// Not at all.
    #[default]
    None,
    /// To at least so many octets; a longer payload stays as it is.
    AtLeast(u16),
    /// To a multiple of so many octets.
    MultipleOf(NonZeroU16),
}

impl Tfc {
    /// Octets of padding behind `payload_len` octets.
    #[must_use]
    pub const fn padding_len(self, payload_len: usize) -> usize {
        match self {
            Self::None => 0,
            Self::AtLeast(len) => (len as usize).saturating_sub(payload_len),
            Self::MultipleOf(unit) => match payload_len.checked_next_multiple_of(unit.get() as usize) {
                Some(len) => len.saturating_sub(payload_len),
                None => 0,
            },
        }
    }

    /// Octets of the longest payload that is padded to no more than `len`.
    #[must_use]
    pub const fn largest_payload(self, len: usize) -> Option<usize> {
        match self {
            Self::None => Some(len),
            Self::AtLeast(least) => {
                if len >= least as usize {
                    Some(len)
                } else {
                    None
                }
            }
            Self::MultipleOf(unit) => match len.checked_rem(unit.get() as usize) {
                Some(rest) => len.checked_sub(rest),
                None => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_as_it_says() {
        let multiple = Tfc::MultipleOf(NonZeroU16::new(100).unwrap());
        for (tfc, payload, padding) in [
            (Tfc::None, 5, 0),
            (Tfc::AtLeast(100), 0, 100),
            (Tfc::AtLeast(100), 99, 1),
            (Tfc::AtLeast(100), 100, 0),
            (Tfc::AtLeast(100), 101, 0),
            (multiple, 0, 0),
            (multiple, 1, 99),
            (multiple, 100, 0),
            (multiple, 101, 99),
        ] {
            assert_eq!(tfc.padding_len(payload), padding, "{tfc:?} {payload}");
        }
    }

    #[test]
    fn the_largest_payload_fits_and_one_more_does_not() {
        for tfc in [Tfc::None, Tfc::AtLeast(40), Tfc::MultipleOf(NonZeroU16::new(32).unwrap())] {
            for len in 0..200 {
                let fits = |payload: usize| payload + tfc.padding_len(payload) <= len;
                assert_eq!(tfc.largest_payload(len), (0..=len).rev().find(|&payload| fits(payload)), "{tfc:?} {len}");
            }
        }
    }
}
