//! The Xcast4 header (RFC 5058 §9.2.2), with the octet positions this project settled on.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |VERSION|A|X|D|P|R| NBR_OF_DEST |           CHECKSUM            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                      CHANNEL IDENTIFIER                       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |    PROT ID    |    LENGTH     |             RESV              |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   BITMAP, 4 x ceil(N/32) octets               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                      Addresses, 4 x N octets                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        DS octets, N, zero-padded to 4 (only if D = 1)         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        Ports, 2 x N octets, zero-padded to 4 (only if P = 1)  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub(crate) const FIXED_LEN: usize = 12;
/// LENGTH is one octet and counts 4-octet words.
pub(crate) const MAX_LEN: usize = 255 * 4;
pub(crate) const FLAGS_AT: usize = 0;
pub(crate) const PROT_ID_AT: usize = 8;
pub(crate) const LENGTH_AT: usize = 9;

/// The fixed part.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Debug)]
#[repr(C)]
pub(crate) struct Fixed {
    pub(crate) version_flags: u8,
    pub(crate) reserved_count: u8,
    pub(crate) checksum: U16,
    pub(crate) channel: [u8; 4],
    pub(crate) prot_id: u8,
    pub(crate) length: u8,
    pub(crate) resv: U16,
}

const _: () = assert!(size_of::<Fixed>() == FIXED_LEN);
