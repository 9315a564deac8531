//! The Xcast headers.

use std::net::Ipv4Addr;

use super::super::names::{dscp_name, hex};
use super::ip::{address_v6, bits, number_and_name, units};
use super::{Fields, Part, PartKind};
use xcast_sec::wire::{Checksum, CodePoints, DestinationSet, Dscp, Family, bitmap_len};

const FLAG_ANONYMOUS: u8 = 0x08;
const FLAG_NO_X2U: u8 = 0x04;
const FLAG_DSCP: u8 = 0x02;
/// In Xcast4.
const FLAG_PORTS: u8 = 0x01;

/// An Xcast4 header: what follows it, and where.
pub(super) fn v4(
    packet: &[u8],
    at: usize,
    separated: Option<DestinationSet>,
    code_points: &CodePoints,
    parts: &mut Vec<Part>,
) -> Option<(u8, usize)> {
    let mut fields = Fields::new(packet, at);
    let read = (|| {
        let flags = fields.octet("VERSION and flags", |octet| version_and_flags(octet, true))?;
        let count = fields.octet("NBR_OF_DEST", count)?;
        // LENGTH, in 4-octet words, says how far the checksum reaches.
        let len = usize::from(packet.get(at + 9).copied().unwrap_or(0)) * 4;
        fields.number(2, "CHECKSUM", |sum| checksum(packet, at, len, 2, sum))?;
        fields.number(4, "CHANNEL IDENTIFIER", |channel| {
            if channel == 0 { "0, none".into() } else { format!("{channel:#010x}") }
        })?;
        let next = fields.octet("PROT ID", |number| number_and_name(number, code_points))?;
        let count = usize::from(count & 0x7f);
        let needed = needed(Family::V4, count, flags, separated.is_some());
        fields.octet("LENGTH", |words| length(words.into(), usize::from(words) * 4, needed))?;
        fields.number(2, "RESV", |value| value.to_string())?;
        lists(&mut fields, Family::V4, count, flags, separated)?;
        Some((next, fields.at()))
    })();
    parts.push(Part { kind: PartKind::Xcast(Family::V4), at, fields: fields.into_vec() });
    read
}

/// An Xcast6 Routing header: what follows it, where, and how many destinations it counts.
pub(super) fn v6(
    packet: &[u8],
    at: usize,
    separated: Option<DestinationSet>,
    code_points: &CodePoints,
    parts: &mut Vec<Part>,
) -> Option<((u8, usize), usize)> {
    let mut fields = Fields::new(packet, at);
    let read = (|| {
        let next = fields.octet("Next Header", |number| number_and_name(number, code_points))?;
        let show_length = |units: u8| {
            // VERSION and flags, and NBR_OF_DEST, say which length it has to be.
            let (flags, count) = (packet.get(at + 4).copied(), packet.get(at + 5).map(|count| count & 0x7f));
            let needed = count.map(|count| needed(Family::V6, count.into(), flags.unwrap_or(0), separated.is_some()));
            let len = (usize::from(units) + 1) * 8;
            length(units.into(), len, needed.unwrap_or(len))
        };
        let hdr_ext_len = fields.octet("HdrExtLen", show_length)?;
        fields.octet("Routing Type", |kind| format!("{kind}, Xcast6"))?;
        fields.octet("Segments Left", |left| left.to_string())?;
        let flags = fields.octet("VERSION and flags", |octet| version_and_flags(octet, false))?;
        let count = fields.octet("NBR_OF_DEST", count)?;
        let len = (usize::from(hdr_ext_len) + 1) * 8;
        fields.number(2, "CHECKSUM", |sum| checksum(packet, at, len, 6, sum))?;
        fields.take(16, "CHANNEL IDENTIFIER", |channel| {
            if channel.iter().all(|&octet| octet == 0) { "0, none".into() } else { hex(channel) }
        })?;
        let count = usize::from(count & 0x7f);
        lists(&mut fields, Family::V6, count, flags, separated)?;
        Some(((next, fields.at()), count))
    })();
    parts.push(Part { kind: PartKind::Xcast(Family::V6), at, fields: fields.into_vec() });
    read
}

/// Bitmap, addresses, DS octets and ports, with their padding.
fn lists(
    fields: &mut Fields<'_>,
    family: Family,
    count: usize,
    flags: u8,
    separated: Option<DestinationSet>,
) -> Option<()> {
    let unit = family.address_len().min(8);
    let set = match separated {
        Some(set) => set,
        None => DestinationSet::from_bitmap(fields.take(bitmap_len(family, count), "BITMAP", bits)?),
    };
    addresses(fields, family, count, set, flags & FLAG_ANONYMOUS != 0)?;
    if flags & FLAG_DSCP != 0 {
        for index in 0..count {
            fields.octet(format!("DS octet of destination {index}"), |octet| {
                let low = if octet & 3 == 0 { "" } else { ", low bits not zero" };
                format!("{}{low}", dscp_name(Dscp::from_ds_field(octet)))
            })?;
        }
        fields.padding(fields.at() + count.next_multiple_of(unit) - count)?;
    }
    if family == Family::V4 && flags & FLAG_PORTS != 0 {
        for index in 0..count {
            fields.number(2, format!("port of destination {index}"), |port| port.to_string())?;
        }
        fields.padding(fields.at() + (count * 2).next_multiple_of(unit) - count * 2)?;
    }
    Some(())
}

/// The addresses, each with its bit.
fn addresses(
    fields: &mut Fields<'_>,
    family: Family,
    count: usize,
    set: DestinationSet,
    anonymous: bool,
) -> Option<()> {
    for index in 0..count {
        let bit = u8::from(set.contains(index));
        fields.take(family.address_len(), format!("address of destination {index}"), |octets| {
            let erased = anonymous && bit == 0 && octets.iter().all(|&octet| octet == 0);
            format!("{}, bit {bit}{}", address(octets), if erased { ", erased" } else { "" })
        })?;
    }
    Some(())
}

/// Octets of a header with these lists.
fn needed(family: Family, count: usize, flags: u8, separated: bool) -> usize {
    let (fixed, unit) = match family {
        Family::V4 => (12, 4),
        Family::V6 => (24, 8),
    };
    let bitmap = if separated { 0 } else { bitmap_len(family, count) };
    let dscps = if flags & FLAG_DSCP != 0 { count.next_multiple_of(unit) } else { 0 };
    let has_ports = family == Family::V4 && flags & FLAG_PORTS != 0;
    let ports = if has_ports { (count * 2).next_multiple_of(unit) } else { 0 };
    fixed + bitmap + count * family.address_len() + dscps + ports
}

/// A length as carried, in octets, and what it would have to be.
fn length(carried: u32, len: usize, needed: usize) -> String {
    let wrong = if len == needed { String::new() } else { format!("; {needed} are needed") };
    format!("{carried}, {len} octets{wrong}")
}

/// The Routing header of XCAST6 2.0.
pub(super) fn v2(packet: &[u8], at: usize, code_points: &CodePoints, parts: &mut Vec<Part>) -> Option<(u8, usize)> {
    let mut fields = Fields::new(packet, at);
    let read = (|| {
        let next = fields.octet("Next Header", |number| number_and_name(number, code_points))?;
        fields.octet("HdrExtLen", units)?;
        fields.octet("Routing Type", |kind| format!("{kind}, XCAST6 2.0"))?;
        fields.octet("Segments Left", |left| left.to_string())?;
        let count = fields.octet("number of destinations", |count| count.to_string())?;
        let flags = fields.octet("flags", |flags| {
            let bit = |mask| u8::from(flags & mask != 0);
            let other = if flags & 0x3f == 0 { "" } else { ", and reserved bits" };
            format!("anonymous={} no-X2U={}{other}", bit(0x80), bit(0x40))
        })?;
        fields.octet("ICMP offset", |offset| offset.to_string())?;
        fields.octet("reserved", |value| value.to_string())?;
        // Least significant bit first on the wire; shown as RFC 5058's, first destination first.
        let in_order = |bitmap: &[u8]| bitmap.iter().map(|octet| octet.reverse_bits()).collect::<Vec<_>>();
        let bitmap = fields.take(16, "bitmap", |bitmap| bits(&in_order(bitmap)))?;
        let set = DestinationSet::from_bitmap(&in_order(bitmap));
        addresses(&mut fields, Family::V6, count.into(), set, flags & 0x80 != 0)?;
        Some((next, fields.at()))
    })();
    parts.push(Part { kind: PartKind::XcastV2, at, fields: fields.into_vec() });
    read
}

fn version_and_flags(octet: u8, has_ports_flag: bool) -> String {
    let bit = |mask: u8| u8::from(octet & mask != 0);
    let ports = if has_ports_flag { format!(" P={}", bit(FLAG_PORTS)) } else { String::new() };
    let (a, x, d) = (bit(FLAG_ANONYMOUS), bit(FLAG_NO_X2U), bit(FLAG_DSCP));
    format!("{}, A={a} X={x} D={d}{ports}", octet >> 4)
}

fn count(octet: u8) -> String {
    (octet & 0x7f).to_string()
}

fn checksum(packet: &[u8], at: usize, len: usize, offset: usize, carried: u32) -> String {
    let header = packet.get(at..).and_then(|rest| rest.get(..len)).filter(|header| header.len() >= offset + 2);
    let Some(header) = header else { return format!("{carried:#06x}") };
    if Checksum::new().add_octets(header).folded() == 0xffff {
        return format!("{carried:#06x}, right");
    }
    let mut header = header.to_vec();
    if let Some(field) = header.get_mut(offset..offset + 2) {
        field.fill(0);
    }
    format!("{carried:#06x}, wrong: {:#06x} would be right", Checksum::new().add_octets(&header).finish())
}

fn address(octets: &[u8]) -> String {
    match <[u8; 4]>::try_from(octets) {
        Ok(octets) => Ipv4Addr::from(octets).to_string(),
        Err(_) => address_v6(octets),
    }
}
