//! Codecs: octets in, octets out, with no key, no policy and no clock.
//!
//! Reading checks everything once (`split`, `parse`), so that accessors cannot fail; building (`emit`) refuses what a reader
//! would. Nothing is copied to be read. Addresses are those of [`core::net`].

pub mod ah;
mod bitmap_option;
mod capacity;
mod checksum;
mod code_points;
mod destination;
mod dscp;
mod ecn;
mod encapsulated;
mod error;
pub mod esp;
pub mod icmp;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
mod layout;
mod octets;
mod packet;
mod packet_edit;
mod packet_emit;
mod packet_read;
mod packet_repr;
mod packet_walk;
mod plain_v4;
mod ports;
mod spread;
mod tunnel_ends;
pub mod udp;
mod xcast;
pub(crate) mod xcast4;
mod xcast6;
pub mod xcast6_v2;

pub use ah::{AhHeader, AhRepr};
pub use capacity::{destinations_that_fit, headers_len, largest_behind};
pub use checksum::{Checksum, ChecksumUpdate};
pub use code_points::{CodePointError, CodePointFields, CodePoints};
pub use destination::{DestinationSet, MAX_DESTINATIONS};
pub use dscp::{Dscp, DscpMerge, EqualMerge, StandardMerge};
pub use encapsulated::Encapsulated;
pub use error::{EmitError, ParseError, ParseErrorKind};
pub use esp::EspHeader;
pub use icmp::{IcmpError, PacketTooBig};
pub use ip::{Family, IpHeader, is_routable_unicast, protocol};
pub use ipv4::{Ipv4Header, Ipv4Option, Ipv4Options, Ipv4Repr};
pub use ipv6::{ExtensionHeader, Ipv6Header, Ipv6Option, Ipv6Options, Ipv6Repr};
pub use layout::{BitmapPlace, bitmap_len, max_destinations};
pub use packet::{ChecksumPolicy, XcastPacket};
pub use packet_edit::XcastPacketMut;
pub use packet_repr::{Destinations, XcastRepr};
pub use udp::{UdpDatagram, UdpRepr};
pub use xcast::XcastHeader;

pub(crate) use dscp::DscpSet;
pub(crate) use ecn::{leave_tunnel, set_ecn};
pub(crate) use encapsulated::Outer;
pub(crate) use ip::{set_packet_len, set_traffic_class};
pub(crate) use layout::Layout;
pub(crate) use octets::{put, round_up, u8_at, u16_at};
pub(crate) use packet_edit::PacketLayout;
pub(crate) use plain_v4::PlainV4;
pub(crate) use spread::spread;
pub(crate) use tunnel_ends::TunnelEnds;
