//! XCAST6 2.0 as it was deployed (xcast.jp, FreeBSD and Linux, 2007–2009): a format of its own, kept so that those hosts
//! can be talked to (WIRE.md §10). Whoever wants it says so, by a [`CodePointsV2`] and the types of this module.
//!
//! Every packet is its own semi-permeable tunnel: an outer IPv6 header leads to the first destination that is left, across
//! routers that know nothing of Xcast, and its first four octets tell those that do to look inside. The Routing header has
//! no version, checksum, channel, DSCPs or ports.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  outer IPv6: 65 C5 80 00 but for ECN, Next Header 41,         |
//! |  to the first remaining destination                (40)       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  inner IPv6: to ff0e::114, Hop Limit 1, Next Header 43 (40)   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Next Header  | HdrExtLen=2+2N| Routing Type  |       0       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |       N       |A|X|  0 0 0 0 0|  ICMP offset  |       0       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Bitmap, 16 octets: bit i is bit (i mod 8), counted from the  |
//! |  least significant, of octet (i div 8)                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                  Addresses, 16 x N octets                     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! A = 0x80: anonymous. X = 0x40: do not turn into unicast. There being no version and no checksum, every octet whose value
//! is given is required to have it (project-defined): the six other flag bits are none that a deployed sender could set.
//!
//! ```
//! use core::net::Ipv6Addr;
//! use xcast_sec::wire::{DestinationSet, protocol};
//! use xcast_sec::wire::xcast6_v2::{CodePointsV2, PacketV2, ReprV2};
//!
//! let host = |n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n);
//! let code_points = CodePointsV2::xcast_jp_deployment();
//! let repr = ReprV2 {
//!     source: host(1),
//!     outer_source: host(1),
//!     addresses: &[host(2), host(3)],
//!     bits: DestinationSet::first_n(2),
//!     anonymous: false,
//!     no_x2u: false,
//!     icmp_offset: 0,
//!     traffic_class: 0,
//!     flow_label: 0,
//!     outer_ecn: 0,
//!     hop_limit: 64,
//!     next_protocol: protocol::NO_NEXT_HEADER,
//! };
//! let mut buffer = [0; 136];
//! repr.emit(&code_points, 0, &mut buffer)?;
//! let packet = PacketV2::parse(&buffer, &code_points)?;
//! assert_eq!(packet.outer().destination(), host(2));
//! assert!(packet.destinations().eq([host(2), host(3)]));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod code_points;
mod edit;
mod error;
mod packet;
mod repr;

pub use code_points::{CodePointErrorV2, CodePointFieldsV2, CodePointsV2};
pub use edit::PacketV2Mut;
pub use error::{ParseErrorKindV2, ParseErrorV2};
pub use packet::PacketV2;
pub use repr::ReprV2;

pub(crate) use edit::retain;
pub(crate) use repr::set_flow_label;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{DestinationSet, ipv6};

/// The most destinations that HdrExtLen, 2 + 2N in one octet, leaves room for (WIRE.md §10).
pub const MAX_DESTINATIONS: usize = 126;

/// Octets of the two IPv6 headers and of the Routing header for `count` destinations: 104 + 16 · `count`.
#[must_use]
pub const fn header_len(count: usize) -> usize {
    address_at(count)
}

/// The two ECN bits of the outer header are not looked at (WIRE.md §10).
const MARK_MASK: [u8; 4] = [0xff, 0xcf, 0xff, 0xff];

/// 0x80: anonymous.
const FLAG_ANONYMOUS: u8 = 0x80;
/// 0x40: do not turn into unicast.
const FLAG_NO_X2U: u8 = 0x40;

/// The one value of the inner Hop Limit (WIRE.md §10): the outer one counts the hops.
const INNER_HOP_LIMIT: u8 = 1;

// Where things stand, in octets from the start of the packet. Everything up to the addresses is of fixed size.
const INNER_AT: usize = ipv6::HEADER_LEN;
const ROUTING_AT: usize = 2 * ipv6::HEADER_LEN;
const HDR_EXT_LEN_AT: usize = ROUTING_AT + 1;
const ROUTING_TYPE_AT: usize = ROUTING_AT + 2;
const SEGMENTS_LEFT_AT: usize = ROUTING_AT + 3;
const COUNT_AT: usize = ROUTING_AT + 4;
const FLAGS_AT: usize = ROUTING_AT + 5;
const RESERVED_AT: usize = ROUTING_AT + 7;
const BITMAP_AT: usize = ROUTING_AT + 8;
const ADDRESSES_AT: usize = BITMAP_AT + 16;

/// Where address `index` stands.
pub(crate) const fn address_at(index: usize) -> usize {
    ADDRESSES_AT.saturating_add(index.saturating_mul(16))
}

/// HdrExtLen for `count` destinations, at most [`MAX_DESTINATIONS`].
fn hdr_ext_len(count: usize) -> u8 {
    u8::try_from(count.saturating_mul(2).saturating_add(2)).unwrap_or(u8::MAX)
}

/// The fixed part of the Routing header.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Debug)]
#[repr(C)]
struct Fixed {
    next_header: u8,
    hdr_ext_len: u8,
    routing_type: u8,
    segments_left: u8,
    count: u8,
    flags: u8,
    icmp_offset: u8,
    reserved: u8,
    bitmap: [u8; 16],
}

const _: () = assert!(ROUTING_AT + size_of::<Fixed>() == ADDRESSES_AT);

/// Reads a bitmap, least significant bit of each octet first (WIRE.md §10; RFC 5058's is the other way round, §2).
fn read_bitmap(bitmap: [u8; 16]) -> DestinationSet {
    DestinationSet::from_bitmap(&bitmap.map(u8::reverse_bits))
}

/// The bitmap of a set.
fn bitmap_of(set: DestinationSet) -> [u8; 16] {
    let mut bitmap = [0; 16];
    set.write_bitmap(&mut bitmap);
    bitmap.map(u8::reverse_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bit_is_the_least_significant() {
        let set = DestinationSet::from_iter([0, 9, 125]);
        let bitmap = [0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20];
        assert_eq!(bitmap_of(set), bitmap);
        assert_eq!(read_bitmap(bitmap), set);
        for index in 0..super::super::MAX_DESTINATIONS {
            let bitmap = bitmap_of(DestinationSet::single(index));
            assert_eq!(u128::from_le_bytes(bitmap), 1 << index);
        }
    }

    #[test]
    fn the_longest_header_is_the_last_that_fits() {
        assert_eq!(hdr_ext_len(3), 8);
        assert_eq!(hdr_ext_len(MAX_DESTINATIONS), 254);
        assert_eq!(header_len(MAX_DESTINATIONS), 80 + (254 + 1) * 8);
        assert_eq!(2 + 2 * (MAX_DESTINATIONS + 1), 256, "one more is more than an octet says");
    }
}
