//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

/// The one's complement sum of octet strings, in 16-bit big-endian words.
///
/// Every string added counts as padded with a zero octet to an even length, so only the last may be odd where the
/// checksum is that of their concatenation.
///
/// ```
/// use xcast_sec::wire::Checksum;
///
/// // RFC 1071 §3.
/// let words = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
/// assert_eq!(Checksum::new().add_octets(&words).finish(), !0xddf2);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Checksum {
    sum: u64,
}

impl Checksum {
    /// The sum of nothing.
    pub const fn new() -> Self {
        Self { sum: 0 }
    }

    /// Adds `octets`.
    pub fn add_octets(self, octets: &[u8]) -> Self {
        let (words, rest) = octets.as_chunks::<4>();
        // 2^32 words would be needed to overflow 64 bits.
        let mut sum = words.iter().fold(self.sum, |sum, word| sum.wrapping_add(u64::from(u32::from_be_bytes(*word))));
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        sum = sum.wrapping_add(u64::from(u32::from_be_bytes(last)));
        // Kept below 2^33, so that no number of calls overflows.
        Self { sum: (sum & 0xffff_ffff).wrapping_add(sum >> 32) }
    }

    /// Adds one 16-bit word.
    pub fn add_u16(self, word: u16) -> Self {
        self.add_octets(&word.to_be_bytes())
    }

    /// The sum folded to 16 bits. Over data that contains its own checksum it is `0xffff` if the checksum is right.
    #[must_use]
    pub const fn folded(self) -> u16 {
        let mut sum = self.sum;
        while sum >> 16 != 0 {
            sum = (sum & 0xffff).wrapping_add(sum >> 16);
        }
        sum as u16
    }

    /// The checksum: the complement of the sum.
    #[must_use]
    pub const fn finish(self) -> u16 {
        !self.folded()
    }
}

/// Updates a checksum after some of the octets it covers changed, by RFC 1624 equation 3: `HC' = ~(~HC + ~m + m')`.
///
/// A checksum that was wrong before is just as wrong after.
///
/// ```
/// use xcast_sec::wire::{Checksum, ChecksumUpdate};
///
/// let before = Checksum::new().add_octets(&[1, 2, 3, 4]).finish();
/// let after = ChecksumUpdate::new(before).replace(&[3, 4], &[9, 9]).finish();
/// assert_eq!(after, Checksum::new().add_octets(&[1, 2, 9, 9]).finish());
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ChecksumUpdate {
    sum: Checksum,
}

impl ChecksumUpdate {
    /// Starts from the checksum carried.
    pub fn new(checksum: u16) -> Self {
        Self { sum: Checksum::new().add_u16(!checksum) }
    }

    /// Says that `old`, which starts at an even offset in the covered data, became `new`. The two may differ in length.
    pub fn replace(self, old: &[u8], new: &[u8]) -> Self {
        // The complement of a one's complement sum is the sum of the complements.
        let removed = Checksum::new().add_octets(old).finish();
        Self { sum: self.sum.add_u16(removed).add_octets(new) }
    }

    /// Says that a 16-bit word changed.
    pub fn replace_u16(self, old: u16, new: u16) -> Self {
        Self { sum: self.sum.add_u16(!old).add_u16(new) }
    }

    /// The updated checksum.
    #[must_use]
    pub const fn finish(self) -> u16 {
        self.sum.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_tail_counts_as_padded() {
        assert_eq!(Checksum::new().add_octets(&[1]).folded(), 0x0100);
        assert_eq!(Checksum::new().add_octets(&[1, 2, 3]).folded(), 0x0402);
        assert_eq!(Checksum::new().add_octets(&[1, 2, 3, 4, 5, 6, 7]).folded(), 0x0102 + 0x0304 + 0x0506 + 0x0700);
    }

    #[test]
    fn rfc1624_section_4_example() {
        // HC = 0xDD2F, m = 0x5555, m' = 0x3285: equation 3 gives 0x0000.
        assert_eq!(ChecksumUpdate::new(0xdd2f).replace_u16(0x5555, 0x3285).finish(), 0x0000);
        assert_eq!(ChecksumUpdate::new(0xdd2f).replace(&[0x55, 0x55], &[0x32, 0x85]).finish(), 0x0000);
    }

    /// Every value of a changed word, against computing anew.
    #[test]
    fn every_single_word_change() {
        let rest = [0x45, 0x00, 0x12, 0x34];
        for old in [0_u16, 1, 0x7fff, 0xfffe, 0xffff, 0xa5c3] {
            let before = Checksum::new().add_octets(&rest).add_u16(old).finish();
            for new in 0..=u16::MAX {
                let expected = Checksum::new().add_octets(&rest).add_u16(new).finish();
                assert_eq!(ChecksumUpdate::new(before).replace_u16(old, new).finish(), expected);
                let (old, new) = (old.to_be_bytes(), new.to_be_bytes());
                assert_eq!(ChecksumUpdate::new(before).replace(&old, &new).finish(), expected);
            }
        }
    }
}
