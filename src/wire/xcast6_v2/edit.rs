//! The one edit that keeps an XCAST6 2.0 packet sound.

use super::super::octets::{array_at, put};
use super::super::{DestinationSet, ipv6};
use super::{ADDRESSES_AT, BITMAP_AT, CodePointsV2, PacketV2, ParseErrorV2, address_at, bitmap_of, read_bitmap};

/// Keeps of the destinations of a packet those in `keep`: clears the other bits, leads the outer header to the first that
/// is left (WIRE.md §10) and, with `anonymous`, overwrites the address of every destination whose bit is then clear by zero.
/// If none is left, the outer destination stays. `headers` starts at the outer header and reaches at least to the end of
/// the `count` addresses.
pub(crate) fn retain(headers: &mut [u8], count: usize, anonymous: bool, keep: DestinationSet) {
    let Some(bitmap) = array_at::<16>(headers, BITMAP_AT) else { return };
    let kept = read_bitmap(bitmap).intersection(keep);
    put(headers, BITMAP_AT, &bitmap_of(kept));
    if let Some(first) = kept.first().and_then(|index| array_at::<16>(headers, address_at(index))) {
        put(headers, ipv6::DESTINATION_AT, &first);
    }
    if anonymous {
        for index in DestinationSet::first_n(count).difference(kept).iter() {
            put(headers, address_at(index), &[0; 16]);
        }
    }
}

/// An XCAST6 2.0 packet that may be edited in the one way that keeps it sound.
pub struct PacketV2Mut<'a> {
    octets: &'a mut [u8],
    count: usize,
    anonymous: bool,
}

impl core::fmt::Debug for PacketV2Mut<'_> {
    /// The octets, some of which may be secret, are not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PacketV2Mut")
            .field("count", &self.count)
            .field("anonymous", &self.anonymous)
            .finish_non_exhaustive()
    }
}

impl<'a> PacketV2Mut<'a> {
    /// Reads a packet, as [`PacketV2::parse`] does, to edit it.
    ///
    /// # Errors
    ///
    /// Those of [`PacketV2::parse`].
    pub fn parse(packet: &'a mut [u8], code_points: &CodePointsV2) -> Result<Self, ParseErrorV2> {
        let parsed = PacketV2::parse(packet, code_points)?;
        let (count, anonymous) = (parsed.destination_count(), parsed.anonymous());
        Ok(Self { octets: packet, count, anonymous })
    }

    /// Keeps of the destinations still to be served those in `keep`: bitmap, outer destination and anonymised addresses
    /// change together. If none is left, the outer destination stays, and the packet is not worth sending.
    pub fn retain(&mut self, keep: DestinationSet) {
        retain(self.octets, self.count, self.anonymous, keep);
    }
}

const _: () = assert!(BITMAP_AT + 16 == ADDRESSES_AT);
