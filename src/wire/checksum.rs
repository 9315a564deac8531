//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

/// Octets from which on it pays to sum without carries; a power of two.
const LONG: usize = 32;

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
    /// The sum, carries brought round, of words read in the byte order of the machine: RFC 1071 §2 (B) lets the octets be
    /// swapped once, at the end. It is 0 only if every word was.
    sum: u64,
}

impl Checksum {
    /// The sum of nothing.
    pub const fn new() -> Self {
        Self { sum: 0 }
    }

    /// Adds `octets`.
    #[inline]
    pub fn add_octets(self, octets: &[u8]) -> Self {
        let (long, short) = octets.split_at(octets.len() & !(LONG - 1));
        let mut sum = if long.is_empty() { self } else { self.add_words(long.as_chunks().0) };
        // What is left is one word of each size or none.
        let mut rest = short;
        if let Some((words, behind)) = rest.split_first_chunk() {
            let words = u128::from_ne_bytes(*words);
            sum = sum.add_word(words as u64).add_word((words >> 64) as u64);
            rest = behind;
        }
        if let Some((word, behind)) = rest.split_first_chunk() {
            sum = sum.add_word(u64::from_ne_bytes(*word));
            rest = behind;
        }
        if let Some((word, behind)) = rest.split_first_chunk() {
            sum = sum.add_word(u64::from(u32::from_ne_bytes(*word)));
            rest = behind;
        }
        if let Some((word, behind)) = rest.split_first_chunk() {
            sum = sum.add_word(u64::from(u16::from_ne_bytes(*word)));
            rest = behind;
        }
        match rest.first() {
            Some(&last) => sum.add_word(u64::from(u16::from_ne_bytes([last, 0]))),
            None => sum,
        }
    }

    /// Adds many words by two sums that need no carry, which lets the compiler take several words at once: that of the words,
    /// which may wrap, and that of their upper halves, which would need 2^32 of them to. Together they tell the sum of the
    /// lower halves, which is as far from it.
    #[inline]
    pub(super) fn add_words(self, words: &[[u8; 8]]) -> Self {
        let (mut sum, mut upper) = (0_u64, 0_u64);
        for word in words {
            let word = u64::from_ne_bytes(*word);
            sum = sum.wrapping_add(word);
            upper = upper.wrapping_add(word >> 32);
        }
        let lower = sum.wrapping_sub(upper << 32);
        self.add_word(lower).add_word(upper)
    }

    /// Adds words that were read in the byte order of the machine, from an even offset.
    const fn add_word(self, word: u64) -> Self {
        let (sum, carry) = self.sum.overflowing_add(word);
        // After an overflow there is room for the carry.
        Self { sum: sum.wrapping_add(carry as u64) }
    }

    /// Adds one 16-bit word.
    pub const fn add_u16(self, word: u16) -> Self {
        self.add_word(word.to_be() as u64)
    }

    /// The sum folded to 16 bits. Over data that contains its own checksum it is `0xffff` if the checksum is right.
    #[must_use]
    pub const fn folded(self) -> u16 {
        // Both halves change places and are added: the upper half is then their sum with its carry.
        let sum = (self.sum.wrapping_add(self.sum.rotate_left(32)) >> 32) as u32;
        let sum = (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16;
        u16::from_be(sum)
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
    #[inline]
    pub fn replace(self, old: &[u8], new: &[u8]) -> Self {
        // One word, as a bitmap of Xcast6 for up to 64 destinations is.
        if let (Ok(old), Ok(new)) = (old.try_into(), new.try_into()) {
            let (old, new) = (u64::from_ne_bytes(old), u64::from_ne_bytes(new));
            return Self { sum: self.sum.add_word(!old).add_word(new) };
        }
        self.replace_any(old, new)
    }

    fn replace_any(self, old: &[u8], new: &[u8]) -> Self {
        // The complement of a one's complement sum is the sum of the complements.
        let removed = Checksum::new().add_octets(old).finish();
        Self { sum: self.sum.add_u16(removed).add_octets(new) }
    }

    /// Says that what was 16 zeros, or has been taken off, became `new`.
    #[inline]
    pub(super) const fn add_16_octets(self, new: [u8; 16]) -> Self {
        let words = u128::from_ne_bytes(new);
        Self { sum: self.sum.add_word(words as u64).add_word((words >> 64) as u64) }
    }

    /// Says that `old` became 16 zeros, or has been taken off.
    #[inline]
    pub(super) const fn take_16_octets(self, old: [u8; 16]) -> Self {
        let words = !u128::from_ne_bytes(old);
        Self { sum: self.sum.add_word(words as u64).add_word((words >> 64) as u64) }
    }

    /// Says that the bits `cleared`, read in the byte order of the machine, became 0. Where `m'` is `m` less those bits,
    /// `~m + m'` is their complement.
    pub(crate) const fn clear_bits(self, cleared: u64) -> Self {
        Self { sum: self.sum.add_word(!cleared) }
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

    /// Every length across the seams between the ways of adding, at odd and even addresses and in two strings, against words
    /// added one by one. All ones bring about every carry.
    #[test]
    fn every_length_is_the_sum_of_its_words() {
        let mixed: std::vec::Vec<u8> = (0..700_usize).map(|at| (at * at * 7 + (at >> 3)) as u8).collect();
        for octets in [&mixed[..], &[0xff; 700], &[0; 700]] {
            for len in 0..300 {
                for start in [0, 1, 2, 7, 33] {
                    let octets = &octets[start..start + len];
                    let words = octets.chunks(2).map(|word| u16::from_be_bytes([word[0], *word.get(1).unwrap_or(&0)]));
                    let one_by_one = words.clone().fold(0_u32, |sum, word| sum + u32::from(word));
                    let once = (one_by_one & 0xffff) + (one_by_one >> 16);
                    let expected = ((once & 0xffff) + (once >> 16)) as u16;
                    assert_eq!(Checksum::new().add_octets(octets).folded(), expected, "{len} octets");
                    assert_eq!(words.fold(Checksum::new(), Checksum::add_u16).folded(), expected, "{len} octets");
                    let (front, back) = octets.split_at((len / 3) & !1);
                    assert_eq!(Checksum::new().add_octets(front).add_octets(back).folded(), expected, "{len} octets");
                }
            }
        }
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

    /// Strings of every length beside that of one word, and of one word, against computing anew; also where a sum is zero.
    #[test]
    fn every_length_can_change() {
        let octets: [u8; 40] = core::array::from_fn(|at| (at * 37) as u8 ^ 0xa5);
        let (zeros, ones) = ([0; 40], [0xff; 40]);
        for old in [octets, zeros, ones] {
            for new in [octets.map(|octet| octet.rotate_left(3)), zeros, ones] {
                for (old_len, new_len) in (0..20).flat_map(|len| [(len, len), (len, len / 2), (8, len), (len, 8)]) {
                    let (old, new) = (&old[..old_len], &new[..new_len]);
                    let rest = Checksum::new().add_u16(0x4500);
                    let before = rest.add_octets(old).finish();
                    let expected = rest.add_octets(new).finish();
                    let after = ChecksumUpdate::new(before).replace(old, new).finish();
                    assert_eq!(after, expected, "{old:x?} {new:x?}");
                }
            }
        }
    }
}
