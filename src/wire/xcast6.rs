//! The Xcast6 Routing header (RFC 5058 §9.3.2), with the octet positions this project settled on.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Next Header  |   HdrExtLen   | Routing Type  |       0       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |VERSION|A|X|D|R|R| NBR_OF_DEST |           CHECKSUM            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 CHANNEL IDENTIFIER (16 octets)                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   BITMAP, 8 x ceil(N/64) octets               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     Addresses, 16 x N octets                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        DS octets, N, zero-padded to 8 (only if D = 1)         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! Ports are in an option of a Destination Options header directly behind it.

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute_mut};

use super::{ChecksumUpdate, DestinationSet};

pub(crate) const FIXED_LEN: usize = 24;
/// HdrExtLen is one octet and counts 8-octet units beyond the first.
pub(crate) const MAX_LEN: usize = 8 + 255 * 8;
pub(crate) const HDR_EXT_LEN_AT: usize = 1;
/// Octets up to the end of a bitmap of 64 bits.
pub(crate) const ONE_WORD_LEN: usize = FIXED_LEN + 8;
pub(crate) const SEGMENTS_LEFT_AT: usize = 3;
pub(crate) const FLAGS_AT: usize = 4;

/// The fixed part.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Debug)]
#[repr(C)]
pub(crate) struct Fixed {
    pub(crate) next_header: u8,
    pub(crate) hdr_ext_len: u8,
    pub(crate) routing_type: u8,
    pub(crate) segments_left: u8,
    pub(crate) version_flags: u8,
    pub(crate) reserved_count: u8,
    pub(crate) checksum: U16,
    pub(crate) channel: [u8; 16],
}

const _: () = assert!(size_of::<Fixed>() == FIXED_LEN);

/// The fixed part and a bitmap of 64 bits.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct OneWord {
    pub(crate) fixed: Fixed,
    pub(crate) bitmap: [u8; 8],
}

/// Octets, by 8, of a header with such a bitmap and no DSCPs, for `count` destinations, of which there are at most 64.
pub(crate) const fn units_with_one_word(count: usize) -> usize {
    count.wrapping_mul(2).wrapping_add(ONE_WORD_LEN / 8)
}

/// Keeps of the destinations whose bits are in the one word of the bitmap those in `keep`; CHECKSUM follows by RFC 1624.
pub(crate) fn retain_one_word(header: &mut [u8; ONE_WORD_LEN], keep: DestinationSet) {
    let OneWord { fixed, bitmap } = transmute_mut!(header);
    // In the byte order of the machine, as bits and sums do not depend on it.
    let keep = keep.words().0.to_be();
    let old = u64::from_ne_bytes(*bitmap);
    *bitmap = (old & keep).to_ne_bytes();
    let checksum = ChecksumUpdate::new(fixed.checksum.get()).clear_bits(old & !keep);
    fixed.checksum = checksum.finish().into();
}
