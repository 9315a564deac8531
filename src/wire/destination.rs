//! A set of destinations of one Xcast header, and its form on the wire.

use super::ChecksumUpdate;

/// The most destinations that NBR_OF_DEST, a 7-bit field, can count (RFC 5058 §9.2.2).
pub const MAX_DESTINATIONS: usize = 127;

/// A set of destination indices, `0..127`.
///
/// Index 0 is the most significant bit, so that the set's octets are the bitmap's: bit 0 is the 0x80 bit of octet 0
/// (project-defined: RFC 5058 §9.2.2 does not give the order).
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct DestinationSet(u128);

impl DestinationSet {
    /// No destination.
    pub const EMPTY: Self = Self(0);

    /// The first `count` destinations; all 127 if `count` exceeds that.
    #[must_use]
    pub const fn first_n(count: usize) -> Self {
        if count == 0 {
            Self::EMPTY
        } else if count >= MAX_DESTINATIONS {
            Self(!1)
        } else {
            Self(!(u128::MAX >> count))
        }
    }

    /// The set of `index` alone; empty if `index` is 127 or more.
    #[must_use]
    pub const fn single(index: usize) -> Self {
        // By halves: processors have no instructions for all of it.
        let bit = 1 << 63 >> (index & 63);
        match index {
            0..64 => Self::from_words(bit, 0),
            64..MAX_DESTINATIONS => Self::from_words(0, bit),
            _ => Self::EMPTY,
        }
    }

    /// Reads a bitmap of at most 16 octets; what lies beyond counts as zero. Bit 127 is kept, to be seen by
    /// [`is_subset`](Self::is_subset).
    #[must_use]
    pub fn from_bitmap(bitmap: &[u8]) -> Self {
        match bitmap.split_first_chunk() {
            Some((upper, rest)) => Self::from_words(u64::from_be_bytes(*upper), left_aligned(rest)),
            None => Self::from_words(left_aligned(bitmap), 0),
        }
    }

    /// The set whose bitmap is `upper`, then `lower`.
    pub(super) const fn from_words(upper: u64, lower: u64) -> Self {
        Self((upper as u128) << 64 | lower as u128)
    }

    /// The first and the last 64 bits of the bitmap.
    pub(super) const fn words(self) -> (u64, u64) {
        ((self.0 >> 64) as u64, self.0 as u64)
    }

    /// Whether no bit at or beyond `count` is set, which is 1 to 127.
    pub(super) const fn is_below(self, count: u8) -> bool {
        self.0 << (count & 127) == 0
    }

    /// Writes the set over a bitmap; octets beyond the sixteenth become zero.
    #[inline]
    pub fn write_bitmap(self, bitmap: &mut [u8]) {
        let (upper, lower) = self.words();
        match bitmap.split_first_chunk_mut() {
            Some((first, rest)) => {
                *first = upper.to_be_bytes();
                write_left_aligned(lower, rest);
            }
            None => write_left_aligned(upper, bitmap),
        }
    }

    /// Adds the bitmap of the set, which starts at an even offset, to a checksum.
    #[inline]
    pub(crate) fn add_to(self, update: ChecksumUpdate) -> ChecksumUpdate {
        update.add_16_octets(self.0.to_be_bytes())
    }

    /// Takes the bitmap of the set, which starts at an even offset, off a checksum.
    #[inline]
    pub(super) fn take_from(self, update: ChecksumUpdate) -> ChecksumUpdate {
        update.take_16_octets(self.0.to_be_bytes())
    }

    /// Whether `index` is in the set.
    #[must_use]
    pub const fn contains(self, index: usize) -> bool {
        self.0 & Self::single(index).0 != 0
    }

    /// Adds `index`; 127 and more are ignored.
    pub const fn insert(&mut self, index: usize) {
        self.0 |= Self::single(index).0;
    }

    /// Removes `index`.
    pub const fn remove(&mut self, index: usize) {
        self.0 &= !Self::single(index).0;
    }

    /// How many destinations are in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether exactly one destination is in the set.
    pub(crate) const fn is_single(self) -> bool {
        self.0.is_power_of_two()
    }

    /// Whether no destination is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The lowest index in the set.
    #[must_use]
    pub const fn first(self) -> Option<usize> {
        if self.0 == 0 { None } else { Some(self.0.leading_zeros() as usize) }
    }

    /// Whether every destination of `self` is in `other`.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The destinations in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The destinations in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The destinations of `self` that are not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The indices in the set, ascending.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = usize> + Clone {
        // By halves: processors have no instructions for all of it.
        let (mut left, mut lower) = self.words();
        let mut base = 0_usize;
        core::iter::from_fn(move || {
            if left == 0 {
                (left, lower, base) = (lower, 0, 64);
                if left == 0 {
                    return None;
                }
            }
            let index = left.leading_zeros();
            left ^= (1 << 63) >> (index & 63);
            Some(base | index as usize)
        })
    }
}

/// The first 8 octets as an integer; what is missing counts as zero.
fn left_aligned(octets: &[u8]) -> u64 {
    if let Some(word) = octets.first_chunk() {
        return u64::from_be_bytes(*word);
    }
    let (upper, rest) = match octets.split_first_chunk() {
        Some((upper, rest)) => (u64::from(u32::from_be_bytes(*upper)) << 32, rest),
        None => (0, octets),
    };
    let mut shift = if rest.len() == octets.len() { 64_u32 } else { 32 };
    rest.iter().fold(upper, |value, &octet| {
        shift = shift.saturating_sub(8);
        value | u64::from(octet).wrapping_shl(shift)
    })
}

/// Writes the first octets of `word`, as many as there is room for; what lies beyond the eighth becomes zero.
#[inline]
fn write_left_aligned(word: u64, octets: &mut [u8]) {
    let word = word.to_be_bytes();
    // Bitmaps on the wire are whole words of 4 or 8 octets.
    if let Some((first, rest)) = octets.split_first_chunk_mut() {
        *first = word;
        rest.fill(0);
    } else if let (Some((first, rest)), [a, b, c, d, behind @ ..]) = (octets.split_first_chunk_mut(), &word) {
        *first = [*a, *b, *c, *d];
        copy_octets(rest, behind);
    } else {
        copy_octets(octets, &word);
    }
}

/// As many octets as both have.
fn copy_octets(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

impl FromIterator<usize> for DestinationSet {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut set = Self::EMPTY;
        for index in indices {
            set.insert(index);
        }
        set
    }
}

impl core::fmt::Debug for DestinationSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_zero_is_the_first_bit_on_the_wire() {
        let mut bitmap = [0; 8];
        DestinationSet::from_iter([0, 9, 63]).write_bitmap(&mut bitmap);
        assert_eq!(bitmap, [0x80, 0x40, 0, 0, 0, 0, 0, 0x01]);
        assert_eq!(DestinationSet::from_bitmap(&bitmap), DestinationSet::from_iter([0, 9, 63]));
    }

    /// Of every length, over what was there before; the reader agrees.
    #[test]
    fn bitmaps_of_any_length_are_written() {
        let set = DestinationSet(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
        for len in 0..=20 {
            let mut bitmap = [0xff; 20];
            set.write_bitmap(&mut bitmap[..len]);
            let expected = set.0.to_be_bytes().into_iter().chain([0; 4]).take(len).chain([0xff; 20]).take(20);
            assert!(bitmap.into_iter().eq(expected), "{len}");
            assert_eq!(
                DestinationSet::from_bitmap(&bitmap[..len]),
                DestinationSet(set.0 & !u128::MAX.checked_shr(8 * len as u32).unwrap_or(0))
            );
        }
    }

    #[test]
    fn first_n_holds_n() {
        for count in 0..=MAX_DESTINATIONS {
            let set = DestinationSet::first_n(count);
            assert_eq!(set.len(), count);
            assert!(set.iter().eq(0..count));
        }
        assert_eq!(DestinationSet::first_n(128), DestinationSet::first_n(127));
        assert!(DestinationSet::single(127).is_empty());
    }

    #[test]
    fn bit_127_is_seen_and_iterates() {
        let set = DestinationSet::from_bitmap(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!(!set.is_subset(DestinationSet::first_n(127)));
        assert!(set.iter().eq([127]));
    }
}
