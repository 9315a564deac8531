//! IPv4 and IPv6 headers, options and extension headers.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::names::{dscp_name, ecn_name, hex, octets as count_octets, protocol_name};
use super::{Fields, Part, PartKind};
use xcast_sec::wire::{CodePoints, DestinationSet, Dscp, Family, Ipv4Header, ipv6, protocol};

/// What an IP header says of the packet's length, if that much of it is there.
pub(crate) fn packet_len(packet: &[u8]) -> Option<usize> {
    let u16_at = |at: usize| packet.get(at..).and_then(<[u8]>::first_chunk).map(|len| u16::from_be_bytes(*len).into());
    match packet.first()? >> 4 {
        4 => u16_at(2),
        6 => u16_at(4).map(|len: usize| len + ipv6::HEADER_LEN),
        _ => None,
    }
}

/// What an IPv4 header tells the walk.
pub(super) struct V4 {
    pub(super) next: u8,
    pub(super) end: usize,
    pub(super) fragment: bool,
    pub(super) first_fragment: bool,
    /// The separated bitmap, if there is one.
    pub(super) bitmap_option: Option<DestinationSet>,
}

pub(super) fn v4(packet: &[u8], code_points: &CodePoints, parts: &mut Vec<Part>) -> Option<V4> {
    let mut fields = Fields::new(packet, 0);
    let mut bitmap_option = None;
    let read = read_v4(packet, code_points, &mut fields, &mut bitmap_option);
    parts.push(Part { kind: PartKind::Ip(Family::V4), at: 0, fields: fields.into_vec() });
    let (next, flags_offset, end) = read?;
    Some(V4 {
        next,
        end,
        fragment: flags_offset & 0x3fff != 0,
        first_fragment: flags_offset & 0x1fff == 0,
        bitmap_option,
    })
}

fn read_v4(
    packet: &[u8],
    code_points: &CodePoints,
    fields: &mut Fields<'_>,
    bitmap_option: &mut Option<DestinationSet>,
) -> Option<(u8, u32, usize)> {
    let show_length = |octet: u8| format!("{}, header length {} octets", octet >> 4, (octet & 0x0f) * 4);
    let first = fields.octet("Version and IHL", show_length)?;
    fields.octet("Type of Service", class)?;
    fields.number(2, "Total Length", |len| len.to_string())?;
    fields.number(2, "Identification", |id| id.to_string())?;
    let flags_offset = fields.number(2, "Flags and Fragment Offset", |value| {
        let df = if value & 0x4000 != 0 { "DF" } else { "no DF" };
        let mf = if value & 0x2000 != 0 { ", more fragments" } else { "" };
        format!("{df}{mf}, offset {}", (value & 0x1fff) * 8)
    })?;
    fields.octet("Time to Live", |ttl| ttl.to_string())?;
    let next = fields.octet("Protocol", |number| number_and_name(number, code_points))?;
    let right = Ipv4Header::split(packet).map(|(header, _)| header.checksum_ok());
    fields.number(2, "Header Checksum", |sum| match right {
        Ok(true) => format!("{sum:#06x}, right"),
        Ok(false) => format!("{sum:#06x}, wrong"),
        Err(_) => format!("{sum:#06x}"),
    })?;
    for name in ["Source Address", "Destination Address"] {
        fields.number(4, name, |address| Ipv4Addr::from_bits(address).to_string())?;
    }
    let end = usize::from(first & 0x0f) * 4;
    while fields.at() < end {
        let kind = *packet.get(fields.at())?;
        if kind == 0 {
            fields.padding(end)?;
        } else if kind == 1 {
            fields.take(1, "option 1", |_| "No Operation".into())?;
        } else {
            let len = packet.get(fields.at() + 1).map_or(2, |&len| usize::from(len));
            let own = kind == code_points.fields().bitmap_option_v4;
            let name = if own { format!("option {kind}, separated bitmap") } else { format!("option {kind}") };
            // A length that cannot be ends the walk, with the option's two octets named.
            let fits = len >= 2 && fields.at() + len <= end;
            fields.take(if fits { len } else { 2 }, name, |octets| match octets.get(2..) {
                Some(data) if fits && own => {
                    *bitmap_option = Some(DestinationSet::from_bitmap(data));
                    bits(data)
                }
                Some(data) if fits => hex(data),
                _ => format!("length {len} does not fit"),
            })?;
            if !fits {
                return None;
            }
        }
    }
    Some((next, flags_offset, end.max(fields.at())))
}

/// An IPv6 header: what follows it, and where.
pub(super) fn v6(packet: &[u8], at: usize, code_points: &CodePoints, parts: &mut Vec<Part>) -> Option<(u8, usize)> {
    let mut fields = Fields::new(packet, at);
    let next = read_v6(code_points, &mut fields);
    let end = fields.at();
    parts.push(Part { kind: PartKind::Ip(Family::V6), at, fields: fields.into_vec() });
    next.map(|next| (next, end))
}

fn read_v6(code_points: &CodePoints, fields: &mut Fields<'_>) -> Option<u8> {
    fields.number(4, "Version, Traffic Class and Flow Label", |word| {
        format!("{}, {}, flow label {:#07x}", word >> 28, class((word >> 20) as u8), word & 0xf_ffff)
    })?;
    fields.number(2, "Payload Length", |len| len.to_string())?;
    let next = fields.octet("Next Header", |number| number_and_name(number, code_points))?;
    fields.octet("Hop Limit", |limit| limit.to_string())?;
    for name in ["Source Address", "Destination Address"] {
        fields.take(16, name, address_v6)?;
    }
    Some(next)
}

/// What a header of options tells the walk.
pub(super) struct Options {
    pub(super) behind: (u8, usize),
    /// The separated bitmap, if it is among them.
    pub(super) bitmap: Option<DestinationSet>,
}

/// A Hop-by-Hop or Destination Options header; with `ports` it stands directly behind an Xcast6 header of that many
/// destinations.
pub(super) fn options(
    packet: &[u8],
    kind: u8,
    at: usize,
    ports: Option<usize>,
    code_points: &CodePoints,
    parts: &mut Vec<Part>,
) -> Option<Options> {
    let hop_by_hop = kind == protocol::HOP_BY_HOP;
    let mut fields = Fields::new(packet, at);
    let mut bitmap = None;
    let behind = read_options(packet, at, hop_by_hop, ports, code_points, &mut fields, &mut bitmap);
    let kind = if hop_by_hop { PartKind::HopByHop } else { PartKind::DestinationOptions };
    parts.push(Part { kind, at, fields: fields.into_vec() });
    behind.map(|behind| Options { behind, bitmap })
}

fn read_options(
    packet: &[u8],
    at: usize,
    hop_by_hop: bool,
    ports: Option<usize>,
    code_points: &CodePoints,
    fields: &mut Fields<'_>,
    bitmap: &mut Option<DestinationSet>,
) -> Option<(u8, usize)> {
    let next = fields.octet("Next Header", |number| number_and_name(number, code_points))?;
    let units = fields.octet("Hdr Ext Len", units)?;
    let end = at + (usize::from(units) + 1) * 8;
    let own = code_points.fields();
    while fields.at() < end {
        let kind = match packet.get(fields.at()) {
            Some(&kind) => kind,
            None => {
                fields.take(1, "option", hex)?;
                return None;
            }
        };
        if kind == 0 {
            fields.take(1, "Pad1", |_| String::new())?;
            continue;
        }
        let len = usize::from(packet.get(fields.at() + 1).copied().unwrap_or(0)) + 2;
        let name = match kind {
            1 => "PadN".into(),
            kind if hop_by_hop && kind == own.bitmap_option_v6 => {
                format!("option {kind:#04x}, separated bitmap")
            }
            kind if hop_by_hop && kind == own.tunnel_option => format!("option {kind:#04x}, semi-permeable tunnel"),
            kind if !hop_by_hop && kind == own.ports_option => format!("option {kind:#04x}, ports"),
            kind => format!("option {kind:#04x}"),
        };
        let fits = fields.at() + len <= end;
        fields.take(if fits { len } else { 2 }, name, |octets| match octets.get(2..) {
            _ if !fits => format!("length {} runs past the header", len - 2),
            Some(data) if hop_by_hop && kind == own.bitmap_option_v6 => {
                *bitmap = Some(DestinationSet::from_bitmap(data));
                bits(data)
            }
            Some(data) if !hop_by_hop && kind == own.ports_option && ports.is_some() => {
                let list =
                    data.chunks(2).map(|port| port.iter().fold(0_u32, |sum, &octet| (sum << 8) | u32::from(octet)));
                list.map(|port| port.to_string()).collect::<Vec<_>>().join(" ")
            }
            Some([]) | None => "no data".into(),
            Some(data) => hex(data),
        })?;
        if !fits {
            return None;
        }
    }
    Some((next, end))
}

/// A Routing header that is not Xcast's.
pub(super) fn routing(
    packet: &[u8],
    at: usize,
    code_points: &CodePoints,
    parts: &mut Vec<Part>,
) -> Option<(u8, usize)> {
    let mut fields = Fields::new(packet, at);
    let read = (|| {
        let next = fields.octet("Next Header", |number| number_and_name(number, code_points))?;
        let hdr_ext_len = fields.octet("Hdr Ext Len", units)?;
        fields.octet("Routing Type", |kind| kind.to_string())?;
        fields.octet("Segments Left", |left| left.to_string())?;
        let len = (usize::from(hdr_ext_len) + 1) * 8;
        fields.take(len - 4, "type-specific data", |data| count_octets(data.len()))?;
        Some((next, at + len))
    })();
    parts.push(Part { kind: PartKind::Routing, at, fields: fields.into_vec() });
    read
}

/// A Fragment header: what follows it, and whether it is the first fragment.
pub(super) fn fragment(
    packet: &[u8],
    at: usize,
    code_points: &CodePoints,
    parts: &mut Vec<Part>,
) -> Option<((u8, usize), bool)> {
    let mut fields = Fields::new(packet, at);
    let read = (|| {
        let next = fields.octet("Next Header", |number| number_and_name(number, code_points))?;
        fields.octet("Reserved", |value| value.to_string())?;
        let offset = fields.number(2, "Fragment Offset", |value| {
            format!("{}{}", (value >> 3) * 8, if value & 1 != 0 { ", more fragments" } else { "" })
        })?;
        fields.number(4, "Identification", |id| format!("{id:#010x}"))?;
        Some(((next, at + 8), offset >> 3 == 0))
    })();
    parts.push(Part { kind: PartKind::Fragment, at, fields: fields.into_vec() });
    read
}

/// DSCP and ECN.
pub(super) fn class(octet: u8) -> String {
    format!("{}, {}", dscp_name(Dscp::from_ds_field(octet)), ecn_name(octet))
}

/// A length in 8-octet units, not counting the first.
pub(super) fn units(units: u8) -> String {
    format!("{units}, {} octets", (u32::from(units) + 1) * 8)
}

pub(super) fn number_and_name(number: u8, code_points: &CodePoints) -> String {
    let name = protocol_name(number, code_points);
    if name.starts_with("protocol") { number.to_string() } else { format!("{number}, {name}") }
}

pub(super) fn address_v6(octets: &[u8]) -> String {
    octets.first_chunk::<16>().map_or_else(String::new, |octets| Ipv6Addr::from(*octets).to_string())
}

/// A bitmap, first bit first, up to the last octet that has any set.
pub(super) fn bits(bitmap: &[u8]) -> String {
    let len = bitmap.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    let (shown, zeros) = bitmap.split_at(len);
    let mut words: Vec<_> = shown.iter().map(|octet| format!("{octet:08b}")).collect();
    if !zeros.is_empty() {
        words.push(format!("({} of zeros)", count_octets(zeros.len())));
    }
    words.join(" ")
}
