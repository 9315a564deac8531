//! The headers of a packet, field by field, as far as they can be read: for the tree of `--verbose`, and to tell the
//! name of the field in which something is wrong.
//!
//! The library's parsers say whether a packet is sound. This walk goes on where they stop, and believes nothing: every
//! read is checked, and lengths that do not fit end it.

mod fields;
mod ip;
mod upper;
mod xcast;

use xcast_sec::wire::{CodePoints, Family, protocol};

pub(crate) use fields::{Field, Fields};
pub(crate) use ip::packet_len;

/// A header.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    /// Where it starts, in octets from the start of the packet.
    pub(crate) at: usize,
    pub(crate) fields: Vec<Field>,
}

/// Which header it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartKind {
    Ip(Family),
    HopByHop,
    DestinationOptions,
    /// Other than Xcast's.
    Routing,
    Fragment,
    Xcast(Family),
    /// The Routing header of XCAST6 2.0.
    XcastV2,
    Ah {
        spi: u32,
        sequence: u32,
    },
    Esp {
        spi: u32,
        sequence: u32,
    },
    /// UDP, TCP and so on, by their number.
    Transport(u8),
}

impl PartKind {
    pub(crate) fn name(self, code_points: &CodePoints) -> String {
        let name = match self {
            Self::Ip(Family::V4) => "IPv4 header",
            Self::Ip(Family::V6) => "IPv6 header",
            Self::HopByHop => "Hop-by-Hop Options header",
            Self::DestinationOptions => "Destination Options header",
            Self::Routing => "Routing header",
            Self::Fragment => "Fragment header",
            Self::Xcast(Family::V4) => "Xcast4 header",
            Self::Xcast(Family::V6) => "Xcast6 Routing header",
            Self::XcastV2 => "XCAST6 2.0 Routing header",
            Self::Ah { .. } => "Authentication Header",
            Self::Esp { .. } => "ESP header",
            Self::Transport(number) => {
                let name = super::names::protocol_name(number, code_points);
                return format!("{name} header");
            }
        };
        name.into()
    }
}

/// A packet taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Anatomy {
    pub(crate) parts: Vec<Part>,
    /// The protocol of what no part was made of, and where it starts: a payload, or an IP packet inside.
    pub(crate) rest: Option<(u8, usize)>,
    /// Whether it is a fragment.
    pub(crate) fragment: bool,
}

impl Anatomy {
    /// Takes the packet apart, up to an IP packet inside it.
    pub(crate) fn of(packet: &[u8], code_points: &CodePoints) -> Self {
        let octets = packet.get(..packet_len(packet).unwrap_or(usize::MAX)).unwrap_or(packet);
        let mut anatomy = Self::default();
        match octets.first().map(|first| first >> 4) {
            Some(4) => anatomy.walk_v4(octets, code_points),
            Some(6) => anatomy.walk_v6(octets, code_points),
            _ => None,
        };
        anatomy
    }

    /// Takes an XCAST6 2.0 packet apart, both IPv6 headers included.
    pub(crate) fn of_v2(packet: &[u8], code_points: &CodePoints) -> Self {
        let octets = packet.get(..packet_len(packet).unwrap_or(usize::MAX)).unwrap_or(packet);
        let mut anatomy = Self::default();
        anatomy.walk_v2(octets, code_points);
        anatomy
    }

    fn walk_v4(&mut self, octets: &[u8], code_points: &CodePoints) -> Option<()> {
        let ip = ip::v4(octets, code_points, &mut self.parts)?;
        self.fragment = ip.fragment;
        if ip.fragment && !ip.first_fragment {
            self.rest = Some((ip.next, ip.end));
            return None;
        }
        let (mut next, mut at) = (ip.next, ip.end);
        let mut may_be_xcast = true;
        loop {
            let behind = match next {
                protocol::AH => upper::ah(octets, at, code_points, &mut self.parts),
                own if own == code_points.fields().xcast4_protocol && may_be_xcast => {
                    may_be_xcast = false;
                    xcast::v4(octets, at, ip.bitmap_option, code_points, &mut self.parts)
                }
                _ => return self.end(octets, Family::V4, next, at),
            };
            (next, at) = behind?;
        }
    }

    fn walk_v6(&mut self, octets: &[u8], code_points: &CodePoints) -> Option<()> {
        let (mut next, mut at) = ip::v6(octets, 0, code_points, &mut self.parts)?;
        let mut bitmap_option = None;
        let mut ports = None;
        // Every round goes on by 8 octets at least.
        loop {
            (next, at) = match next {
                protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS => {
                    let options = ip::options(octets, next, at, ports, code_points, &mut self.parts)?;
                    bitmap_option = bitmap_option.or(options.bitmap);
                    ports = None;
                    options.behind
                }
                protocol::ROUTING if octets.get(at + 2) == Some(&code_points.fields().xcast6_routing_type) => {
                    let (behind, count) = xcast::v6(octets, at, bitmap_option, code_points, &mut self.parts)?;
                    ports = Some(count);
                    behind
                }
                protocol::ROUTING => ip::routing(octets, at, code_points, &mut self.parts)?,
                protocol::FRAGMENT => {
                    self.fragment = true;
                    let (behind, first) = ip::fragment(octets, at, code_points, &mut self.parts)?;
                    if !first {
                        self.rest = Some(behind);
                        return None;
                    }
                    behind
                }
                protocol::AH => upper::ah(octets, at, code_points, &mut self.parts)?,
                _ => return self.end(octets, Family::V6, next, at),
            };
        }
    }

    fn walk_v2(&mut self, octets: &[u8], code_points: &CodePoints) -> Option<()> {
        let (_, inner_at) = ip::v6(octets, 0, code_points, &mut self.parts)?;
        let (_, routing_at) = ip::v6(octets, inner_at, code_points, &mut self.parts)?;
        let (mut next, mut at) = xcast::v2(octets, routing_at, code_points, &mut self.parts)?;
        loop {
            (next, at) = match next {
                protocol::DESTINATION_OPTIONS => {
                    ip::options(octets, next, at, None, code_points, &mut self.parts)?.behind
                }
                protocol::AH => upper::ah(octets, at, code_points, &mut self.parts)?,
                _ => return self.end(octets, Family::V6, next, at),
            };
        }
    }

    /// ESP, or the transport header.
    fn end(&mut self, octets: &[u8], family: Family, next: u8, at: usize) -> Option<()> {
        self.rest = upper::last(octets, family, next, at, &mut self.parts);
        None
    }

    /// The part and field in which octet `at` lies, the header last walked first.
    pub(crate) fn field_at(&self, at: usize) -> Option<(&Part, &Field)> {
        self.parts.iter().rev().find_map(|part| {
            let field = part.fields.iter().find(|field| field.at <= at && at < field.at + field.len)?;
            Some((part, field))
        })
    }

    /// Where the octet is that announces the part at `place`, which is not the first.
    pub(crate) fn announced_at(&self, place: usize) -> usize {
        let before = place.checked_sub(1).and_then(|before| self.parts.get(before));
        before.map_or(0, |part| match part.kind {
            PartKind::Ip(Family::V4) => part.at + 9,
            PartKind::Ip(Family::V6) => part.at + 6,
            PartKind::Xcast(Family::V4) => part.at + 8,
            // All others start with it.
            _ => part.at,
        })
    }

    /// The outermost AH or ESP: its place among the parts.
    pub(crate) fn protection(&self) -> Option<usize> {
        self.parts.iter().position(|part| matches!(part.kind, PartKind::Ah { .. } | PartKind::Esp { .. }))
    }
}
