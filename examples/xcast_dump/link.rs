//! From the link's frame to the IP packet in it.

use xcast_sec::wire::Family;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// An IP packet, of the family that the link header announces if it does.
    Ip { announced: Option<Family>, octets: &'a [u8] },
    /// Something else: what announces it.
    NotIp(Announced),
    /// The frame ends within its link header of (at least) this many octets.
    TooShort { link: &'static str, needed: usize },
}

/// What a link header announces that is no IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    EtherType(u16),
    /// An address family of BSD.
    AddressFamily(u32),
    /// IEEE 802.3: a length where the EtherType would stand, and LLC behind it.
    Llc,
}

/// The link types that are understood (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkType {
    Null,
    Ethernet,
    Raw,
    Loop,
    LinuxCooked,
    LinuxCooked2,
    Ipv4,
    Ipv6,
}

pub(crate) const KNOWN: &str =
    "0 null, 1 Ethernet, 12, 14 and 101 raw IP, 108 loop, 113 and 276 Linux cooked, 228 IPv4, 229 IPv6";

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// IEEE 802.1Q, 802.1ad, and what stood for the latter before.
const ETHERTYPES_TAG: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// Below, the field is a length (IEEE 802.3 §3.2.6).
const LEAST_ETHERTYPE: u16 = 0x0600;

impl LinkType {
    pub(crate) fn new(number: u16) -> Option<Self> {
        Some(match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            // DLT_RAW has another number on each system; files should hold 101, and do not always.
            12 | 14 | 101 => Self::Raw,
            108 => Self::Loop,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCooked2,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            _ => return None,
        })
    }

    /// Looks for the IP packet in a frame.
    pub(crate) fn frame(self, octets: &[u8]) -> Frame<'_> {
        match self {
            Self::Raw => Frame::Ip { announced: None, octets },
            Self::Ipv4 => Frame::Ip { announced: Some(Family::V4), octets },
            Self::Ipv6 => Frame::Ip { announced: Some(Family::V6), octets },
            Self::Ethernet => by_ethertype(octets, 12, 14, "Ethernet"),
            Self::LinuxCooked => by_ethertype(octets, 14, 16, "Linux cooked"),
            Self::LinuxCooked2 => by_ethertype(octets, 0, 20, "Linux cooked v2"),
            Self::Null | Self::Loop => self.by_address_family(octets),
        }
    }

    fn by_address_family(self, octets: &[u8]) -> Frame<'_> {
        let Some((&head, rest)) = octets.split_first_chunk::<4>() else {
            return Frame::TooShort { link: if self == Self::Null { "null" } else { "loop" }, needed: 4 };
        };
        // The writing machine's order for type 0, network order for 108; no family has a number of more than two
        // octets.
        let family = match (self, u32::from_be_bytes(head)) {
            (Self::Null, number) if number > 0xffff => u32::from_le_bytes(head),
            (_, number) => number,
        };
        let announced = match family {
            2 => Family::V4,
            // Linux; NetBSD and OpenBSD; FreeBSD; Darwin.
            10 | 24 | 28 | 30 => Family::V6,
            _ => return Frame::NotIp(Announced::AddressFamily(family)),
        };
        Frame::Ip { announced: Some(announced), octets: rest }
    }
}

/// What follows a link header of `len` octets with its EtherType at `at`, and any VLAN tags behind it.
fn by_ethertype<'a>(octets: &'a [u8], at: usize, len: usize, link: &'static str) -> Frame<'a> {
    let u16_at = |at: usize| octets.get(at..).and_then(<[u8]>::first_chunk).map(|octets| u16::from_be_bytes(*octets));
    let (mut kind, mut start) = (u16_at(at), len);
    loop {
        let (Some(ethertype), Some(rest)) = (kind, octets.get(start..)) else {
            return Frame::TooShort { link, needed: start };
        };
        let announced = match ethertype {
            ETHERTYPE_IPV4 => Family::V4,
            ETHERTYPE_IPV6 => Family::V6,
            tag if ETHERTYPES_TAG.contains(&tag) => {
                // Each tag: two octets about the VLAN, then the EtherType of what follows.
                (kind, start) = (u16_at(start + 2), start + 4);
                continue;
            }
            length if length < LEAST_ETHERTYPE => return Frame::NotIp(Announced::Llc),
            other => return Frame::NotIp(Announced::EtherType(other)),
        };
        return Frame::Ip { announced: Some(announced), octets: rest };
    }
}
