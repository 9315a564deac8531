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
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub(crate) const FIXED_LEN: usize = 24;
/// HdrExtLen is one octet and counts 8-octet units beyond the first.
pub(crate) const MAX_LEN: usize = 8 + 255 * 8;
pub(crate) const HDR_EXT_LEN_AT: usize = 1;
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
