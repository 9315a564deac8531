//! AH, ESP and transport headers.

use super::super::names::{hex, octets as count_octets};
use super::ip::number_and_name;
use super::{Fields, Part, PartKind};
use xcast_sec::wire::{CodePoints, Family, ah as ah_header, protocol};

/// An AH: what follows it, and where.
pub(super) fn ah(packet: &[u8], at: usize, code_points: &CodePoints, parts: &mut Vec<Part>) -> Option<(u8, usize)> {
    let mut fields = Fields::new(packet, at);
    let read = (|| {
        let next = fields.octet("Next Header", |number| number_and_name(number, code_points))?;
        let words = fields.octet("Payload Len", |words| format!("{words}, {} octets", (u32::from(words) + 2) * 4))?;
        fields.number(2, "RESERVED", |value| value.to_string())?;
        let spi = fields.number(4, "SPI", |spi| format!("{spi:#010x}"))?;
        let sequence = fields.number(4, "Sequence Number", |number| number.to_string())?;
        // A length that leaves no room for what was read ends the walk.
        let icv_len = ((usize::from(words) + 2) * 4).checked_sub(ah_header::FIXED_LEN);
        let behind = icv_len.and_then(|len| fields.take(len, "ICV", hex)).map(|_| (next, fields.at()));
        Some((spi, sequence, behind))
    })();
    let (spi, sequence, behind) = read.unwrap_or((0, 0, None));
    parts.push(Part { kind: PartKind::Ah { spi, sequence }, at, fields: fields.into_vec() });
    behind
}

/// ESP or a transport header: what is left behind it, if anything is.
pub(super) fn last(packet: &[u8], family: Family, kind: u8, at: usize, parts: &mut Vec<Part>) -> Option<(u8, usize)> {
    let mut fields = Fields::new(packet, at);
    let part = match (family, kind) {
        (_, protocol::ESP) => {
            let numbers = (|| {
                let spi = fields.number(4, "SPI", |spi| format!("{spi:#010x}"))?;
                let sequence = fields.number(4, "Sequence Number", |number| number.to_string())?;
                Some((spi, sequence))
            })();
            let (spi, sequence) = numbers.unwrap_or((0, 0));
            PartKind::Esp { spi, sequence }
        }
        (_, protocol::UDP | protocol::UDP_LITE) => {
            let third = if kind == protocol::UDP { "Length" } else { "Checksum Coverage" };
            read_all(&mut fields, &[(2, "Source Port"), (2, "Destination Port"), (2, third), (2, "Checksum")]);
            PartKind::Transport(kind)
        }
        (_, protocol::TCP) => {
            read_all(
                &mut fields,
                &[
                    (2, "Source Port"),
                    (2, "Destination Port"),
                    (4, "Sequence Number"),
                    (4, "Acknowledgment Number"),
                    (2, "Data Offset and flags"),
                    (2, "Window"),
                    (2, "Checksum"),
                    (2, "Urgent Pointer"),
                ],
            );
            let len = packet.get(at + 12).map_or(0, |octet| usize::from(octet >> 4) * 4);
            if let Some(options) = (at + len).checked_sub(fields.at()).filter(|&options| options > 0) {
                fields.take(options, "options", |octets| count_octets(octets.len()));
            }
            PartKind::Transport(kind)
        }
        (Family::V4, protocol::ICMP) | (Family::V6, protocol::ICMPV6) => {
            read_all(&mut fields, &[(1, "Type"), (1, "Code"), (2, "Checksum"), (4, "rest of the header")]);
            PartKind::Transport(kind)
        }
        _ => return Some((kind, at)),
    };
    let end = fields.at();
    parts.push(Part { kind: part, at, fields: fields.into_vec() });
    (end < packet.len()).then_some((kind, end))
}

/// Fields whose value is their number.
fn read_all(fields: &mut Fields<'_>, wanted: &[(usize, &str)]) -> Option<()> {
    for &(len, name) in wanted {
        let hexadecimal = matches!(name, "Checksum" | "Data Offset and flags" | "rest of the header");
        let width = len * 2 + 2;
        let show = |value: u32| if hexadecimal { format!("{value:#0width$x}") } else { value.to_string() };
        fields.number(len, name, show)?;
    }
    Some(())
}
