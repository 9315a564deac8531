//! Where the fields of an Xcast header lie: one computation for both families, for reading, building and rewriting.

use super::octets::{put, round_up, u8_at, u16_at};
use super::{ChecksumUpdate, DestinationSet, Family, MAX_DESTINATIONS, xcast4, xcast6};

/// Where the bitmap of an Xcast packet is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum BitmapPlace {
    /// In the Xcast header (RFC 5058 §9.2.2, §9.3.2).
    Header,
    /// In an IPv4 option or an IPv6 Hop-by-Hop option, so that AH can cover the whole Xcast header (draft §3.2.1, §3.2.2).
    Option,
}

/// Flag bits, the same in both families, relative to the octet that holds VERSION.
pub(crate) const FLAG_ANONYMOUS: u8 = 0x08;
pub(crate) const FLAG_NO_X2U: u8 = 0x04;
pub(crate) const FLAG_DSCP: u8 = 0x02;
/// Xcast4 only.
pub(crate) const FLAG_PORTS: u8 = 0x01;

/// VERSION, in the upper four bits.
pub(crate) const VERSION: u8 = 1;

/// The fields of one Xcast header; offsets are from its first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) family: Family,
    /// NBR_OF_DEST.
    pub(crate) count: usize,
    pub(crate) place: BitmapPlace,
    /// The bitmap; empty when it is separated.
    pub(crate) bitmap_at: usize,
    pub(crate) addresses_at: usize,
    /// DS octets, when D=1.
    pub(crate) ds_at: Option<usize>,
    /// Ports, when P=1 (Xcast4).
    pub(crate) ports_at: Option<usize>,
    /// Octets of the header, padding included.
    pub(crate) len: usize,
}

impl Layout {
    #[inline]
    pub(crate) const fn new(family: Family, count: usize, dscps: bool, ports: bool, place: BitmapPlace) -> Self {
        let pad = pad_unit(family);
        let bitmap_at = match family {
            Family::V4 => xcast4::FIXED_LEN,
            Family::V6 => xcast6::FIXED_LEN,
        };
        let bitmap_len = match place {
            BitmapPlace::Header => bitmap_len(family, count),
            BitmapPlace::Option => 0,
        };
        let addresses_at = bitmap_at.saturating_add(bitmap_len);
        let mut len = addresses_at.saturating_add(count.saturating_mul(family.address_len()));
        let mut ds_at = None;
        if dscps {
            ds_at = Some(len);
            len = len.saturating_add(round_up(count, pad));
        }
        let mut ports_at = None;
        if ports && matches!(family, Family::V4) {
            ports_at = Some(len);
            len = len.saturating_add(round_up(count.saturating_mul(2), pad));
        }
        Self { family, count, place, bitmap_at, addresses_at, ds_at, ports_at, len }
    }

    /// Where VERSION and the flags stand.
    pub(crate) const fn flags_at(family: Family) -> usize {
        match family {
            Family::V4 => xcast4::FLAGS_AT,
            Family::V6 => xcast6::FLAGS_AT,
        }
    }

    /// Where NBR_OF_DEST stands.
    pub(crate) const fn count_at(family: Family) -> usize {
        Self::flags_at(family).saturating_add(1)
    }

    /// Where CHECKSUM stands.
    pub(crate) const fn checksum_at(family: Family) -> usize {
        Self::flags_at(family).saturating_add(2)
    }

    /// Where address `index` stands.
    pub(crate) const fn address_at(&self, index: usize) -> usize {
        self.addresses_at.saturating_add(index.saturating_mul(self.family.address_len()))
    }

    /// Keeps of the destinations in `header` those in `keep`: clears the other bits and, with `anonymous`, overwrites the
    /// address of every destination whose bit is then clear by zero; CHECKSUM follows by RFC 1624. A separated bitmap is not
    /// here, and nothing changes then.
    pub(crate) fn retain(&self, header: &mut [u8], anonymous: bool, keep: DestinationSet) {
        if self.place == BitmapPlace::Option {
            return;
        }
        let checksum_at = Self::checksum_at(self.family);
        let Some(checksum) = u16_at(header, checksum_at) else { return };
        let Some(bitmap) = header.get_mut(self.bitmap_at..self.addresses_at) else { return };
        let had = DestinationSet::from_bitmap(bitmap);
        let kept = had.intersection(keep);
        kept.write_bitmap(bitmap);
        let mut update = kept.add_to(had.take_from(ChecksumUpdate::new(checksum)));
        if anonymous {
            for index in DestinationSet::first_n(self.count).difference(kept).iter() {
                let at = self.address_at(index);
                if let Some(address) = header.get_mut(at..at.saturating_add(self.family.address_len())) {
                    update = update.replace(address, &[]);
                    address.fill(0);
                }
            }
        }
        put(header, checksum_at, &update.finish().to_be_bytes());
    }

    /// Sets the X bit, if it is not set; CHECKSUM follows.
    pub(crate) fn set_no_x2u(family: Family, header: &mut [u8]) {
        let (flags_at, checksum_at) = (Self::flags_at(family), Self::checksum_at(family));
        let (Some(flags), Some(checksum)) = (u8_at(header, flags_at), u16_at(header, checksum_at)) else { return };
        let with_x = flags | FLAG_NO_X2U;
        // VERSION stands at an even offset in both families.
        let checksum = ChecksumUpdate::new(checksum).replace(&[flags], &[with_x]).finish();
        put(header, flags_at, &[with_x]);
        put(header, checksum_at, &checksum.to_be_bytes());
    }
}

/// Octets that DS octets, ports and the header itself are padded to.
const fn pad_unit(family: Family) -> usize {
    match family {
        Family::V4 => 4,
        Family::V6 => 8,
    }
}

/// Octets of the bitmap for `count` destinations: whole 32-bit words in Xcast4, whole 64-bit words in Xcast6
/// (RFC 5058 §9.2.2, §9.3.2).
#[must_use]
pub const fn bitmap_len(family: Family, count: usize) -> usize {
    match family {
        Family::V4 => round_up(count, 32) >> 3,
        Family::V6 => round_up(count, 64) >> 3,
    }
}

/// The most destinations an Xcast header holds with these options: the smaller of what NBR_OF_DEST can count and what
/// fits the longest header.
///
/// ```
/// use xcast_sec::wire::{BitmapPlace, Family, max_destinations};
///
/// assert_eq!(max_destinations(Family::V4, true, true, BitmapPlace::Header), 127);
/// assert_eq!(max_destinations(Family::V6, false, true, BitmapPlace::Header), 125);
/// ```
#[must_use]
pub const fn max_destinations(family: Family, dscps: bool, ports: bool, place: BitmapPlace) -> usize {
    let max_len = match family {
        Family::V4 => xcast4::MAX_LEN,
        Family::V6 => xcast6::MAX_LEN,
    };
    let mut count = MAX_DESTINATIONS;
    while count > 0 && Layout::new(family, count, dscps, ports, place).len > max_len {
        count = count.saturating_sub(1);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of RFC 5058 and of the project's wire decisions.
    #[test]
    fn limits() {
        for place in [BitmapPlace::Header, BitmapPlace::Option] {
            for dscps in [false, true] {
                for ports in [false, true] {
                    assert_eq!(max_destinations(Family::V4, dscps, ports, place), 127);
                }
            }
        }
        for ports in [false, true] {
            assert_eq!(max_destinations(Family::V6, false, ports, BitmapPlace::Header), 125);
            assert_eq!(max_destinations(Family::V6, true, ports, BitmapPlace::Header), 118);
            assert_eq!(max_destinations(Family::V6, false, ports, BitmapPlace::Option), 126);
            assert_eq!(max_destinations(Family::V6, true, ports, BitmapPlace::Option), 119);
        }
    }

    #[test]
    fn bitmap_lengths() {
        assert_eq!([1, 32, 33, 64, 127].map(|n| bitmap_len(Family::V4, n)), [4, 4, 8, 8, 16]);
        assert_eq!([1, 32, 33, 64, 65, 127].map(|n| bitmap_len(Family::V6, n)), [8, 8, 8, 8, 16, 16]);
    }
}
