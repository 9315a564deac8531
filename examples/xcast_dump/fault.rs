//! What is wrong with a packet that cannot be read, so that a person finds the place.

use xcast_sec::wire::xcast6_v2::{ParseErrorKindV2, ParseErrorV2};
use xcast_sec::wire::{CodePoints, ParseError, ParseErrorKind};

use super::anatomy::{Anatomy, Field, packet_len};

/// Octets in a row of a dump.
const ROW: usize = 16;
/// Octets of a field that are marked; of an address list more would only be in the way.
const MARKED: usize = 16;

/// What is wrong with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Without the place, which differs from packet to packet: what the summary counts by.
    pub(crate) kind: String,
    /// With it.
    pub(crate) what: String,
    /// Where, with the octets around it, and the rule that is broken.
    pub(crate) lines: Vec<String>,
}

impl Fault {
    /// Of a packet that the library's parser refuses.
    pub(crate) fn new(error: ParseError, packet: &[u8], code_points: &CodePoints) -> Self {
        let anatomy = Anatomy::of(packet, code_points);
        Self::at(&error.to_string(), error.pointer(), packet, &anatomy, rule(error.kind()), code_points)
    }

    /// Of an XCAST6 2.0 packet.
    pub(crate) fn new_v2(error: ParseErrorV2, packet: &[u8], code_points: &CodePoints) -> Self {
        let anatomy = Anatomy::of_v2(packet, code_points);
        Self::at(&error.to_string(), error.pointer(), packet, &anatomy, rule_v2(error.kind()), code_points)
    }

    /// Of AH or ESP that starts at `at` and cannot be read.
    pub(crate) fn of_protection(
        name: &str,
        error: ParseError,
        at: usize,
        packet: &[u8],
        code_points: &CodePoints,
    ) -> Self {
        let pointer = at + error.pointer();
        // The error counts from the header on.
        let what = error.to_string();
        let what = format!("{name} {} (octet {pointer})", what.split(" (octet ").next().unwrap_or(&what));
        let anatomy = Anatomy::of(packet, code_points);
        Self::at(&what, pointer, packet, &anatomy, rule(error.kind()), code_points)
    }

    /// Of a frame without a readable IP packet.
    pub(crate) fn of_frame(what: String, frame: &[u8]) -> Self {
        let mut lines = vec!["the frame from its first octet on:".into()];
        lines.extend(dump(frame, 0, 0));
        Self { kind: "link header".into(), what, lines }
    }

    fn at(
        what: &str,
        pointer: usize,
        packet: &[u8],
        anatomy: &Anatomy,
        rule: Option<&str>,
        code_points: &CodePoints,
    ) -> Self {
        let kind = what.split(" (octet ").next().unwrap_or(what).to_owned();
        let (mut place, mut marked) = (format!("the packet ends in front of octet {pointer}"), 1);
        if let Some((part, field)) = anatomy.field_at(pointer) {
            let is = if field.at == pointer { "is" } else { "lies in" };
            let header = part.kind.name(code_points);
            let Field { name, value, .. } = field;
            place = format!("octet {pointer} {is} {name} of the {header} that starts at octet {}: {value}", part.at);
            marked = field.len.saturating_sub(pointer - field.at).clamp(1, MARKED);
        } else if let Some(octet) = packet.get(pointer) {
            place = format!("octet {pointer} is {octet:#04x}");
        }
        let mut lines = vec![place];
        lines.extend(dump(packet, pointer, marked));
        match packet_len(packet) {
            Some(len) if pointer >= packet.len() && len > packet.len() => {
                lines.push(format!("the IP header announces {len} octets, there are {}", packet.len()));
            }
            _ => lines.extend(rule.map(Into::into)),
        }
        Self { kind, what: what.into(), lines }
    }

    /// The same, of a packet that is inside another one.
    pub(crate) fn inside(mut self) -> Self {
        self.lines.insert(0, "in the innermost packet shown, octets counted from its first:".into());
        self
    }
}

/// The rows of octets around `at`, with `marked` octets from there on marked.
fn dump(octets: &[u8], at: usize, marked: usize) -> Vec<String> {
    let first = (at / ROW).saturating_sub(1);
    // One row more where the marks run over the row's end.
    let last = (at + marked.saturating_sub(1)) / ROW;
    let mut lines = Vec::new();
    for row in first..=last {
        let start = row * ROW;
        let row_octets = octets.get(start..).map_or(&[][..], |rest| &rest[..rest.len().min(ROW)]);
        if row_octets.is_empty() && !(start..start + ROW).contains(&at) {
            continue;
        }
        let mut line = format!("  {start:04x}  ");
        let mut marks = " ".repeat(line.len());
        for column in 0..ROW {
            line += &row_octets.get(column).map_or_else(|| "   ".into(), |octet| format!("{octet:02x} "));
            let is_marked = (at..at + marked).contains(&(start + column));
            marks += if is_marked { "^^ " } else { "   " };
            if column == ROW / 2 - 1 {
                line.push(' ');
                marks.push(' ');
            }
        }
        lines.push(line.trim_end().into());
        if marks.contains('^') {
            lines.push(marks.trim_end().into());
        }
    }
    lines
}

/// The rule behind an error, where its name leaves that open.
fn rule(kind: ParseErrorKind) -> Option<&'static str> {
    use ParseErrorKind as K;
    Some(match kind {
        K::Truncated => "a length in front of this place announces more octets than there are",
        K::Ipv4HeaderChecksum => "damaged on the way, or changed by something that did not update the checksum",
        K::Fragment => "Xcast, AH and ESP stand on whole packets: no router forwards a fragment of one",
        K::HopByHopPlace => {
            "a Hop-by-Hop Options header directly follows the IPv6 header or is not there (RFC 8200 §4.1)"
        }
        K::XcastVersion => "VERSION is 1 (RFC 5058 §9.2.2, §9.3.2)",
        K::NoDestination => "a packet lists 1 to 127 destinations",
        K::XcastLength => "the length follows from NBR_OF_DEST, the flags D and P, and where the bitmap is",
        K::SegmentsLeft => "where other Routing headers have Segments Left, Xcast6 has 0 (RFC 5058 §9.3.2)",
        K::BitmapBeyondCount => "bits without a destination are 0",
        K::NonzeroPadding => "padding is zero, so that nothing can be hidden in it",
        K::DsOctet => "a DS octet holds a DSCP in its upper six bits and 0 in the lower two",
        K::RepeatedOption => "there is at most one bitmap option and one Ports option",
        K::BitmapOptionPlace => "the IPv4 bitmap option is the first, so that routers find it",
        K::BitmapOptionLength => "the option holds 4 octets per 32 destinations in IPv4, 8 per 64 in IPv6",
        K::PortCount => "the Ports option holds one port per destination",
        K::XcastChecksum => "damaged on the way, or changed by something that did not update the checksum",
        K::AhPayloadLen => "AH has at least its 12 fixed octets (RFC 4302 §2.2)",
        K::RoutingBehindAh => "routers look for the Xcast Routing header in front of AH: the construction is refused",
        _ => return None,
    })
}

fn rule_v2(kind: ParseErrorKindV2) -> Option<&'static str> {
    use ParseErrorKindV2 as K;
    Some(match kind {
        K::Truncated => "a length in front of this place announces more octets than there are",
        K::InnerHopLimit => "only the outer Hop Limit counts hops; the inner one is 1",
        K::HeaderLength => "HdrExtLen is 2 and 2 per destination",
        K::BitmapBeyondCount => "bits without a destination are 0; the first is the least significant of each octet",
        K::OuterDestination => "the outer header leads to the first destination whose bit is set",
        K::Reserved => "only the flags 0x80 and 0x40 have a meaning",
        _ => return None,
    })
}
