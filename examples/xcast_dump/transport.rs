//! What a transport segment says, in a few words, and whether its checksum is right.

use std::net::IpAddr;

use xcast_sec::wire::{Checksum, Family, protocol};

use super::names::octets as count_octets;

/// A segment in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) text: String,
    pub(crate) checksum: ChecksumVerdict,
    /// Where its payload starts, and where it ends.
    pub(crate) payload: (usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChecksumVerdict {
    Right,
    Wrong,
    /// UDP says that there is none.
    None,
    /// It cannot be told: the segment is not whole, or says so little of itself.
    Unknown,
}

impl ChecksumVerdict {
    fn of(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Right => ", checksum ok",
            Self::Wrong => ", checksum WRONG",
            Self::None => ", no checksum",
            Self::Unknown => "",
        }
    }
}

/// The packet that a segment is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Only a part of the segment is here.
    pub(crate) partial: bool,
}

/// Describes the segment of `number`; `None` if it is of no protocol known here.
pub(crate) fn describe(number: u8, segment: &[u8], around: Around) -> Option<Segment> {
    let family = Family::of(&around.source);
    let segment = match (family, number) {
        (_, protocol::UDP) => udp(segment, around),
        (_, protocol::UDP_LITE) => udp_lite(segment, around),
        (_, protocol::TCP) => tcp(segment, around),
        (Family::V4, protocol::ICMP) => icmp("ICMP", segment, None, icmp_name, around),
        (Family::V6, protocol::ICMPV6) => icmp("ICMPv6", segment, Some(protocol::ICMPV6), icmpv6_name, around),
        _ => return None,
    };
    Some(segment)
}

/// Whether an ICMP or ICMPv6 segment is an echo request.
pub(crate) fn is_echo_request(number: u8, segment: &[u8], family: Family) -> bool {
    matches!(
        (family, number, segment.first()),
        (Family::V4, protocol::ICMP, Some(8)) | (Family::V6, protocol::ICMPV6, Some(128))
    )
}

fn too_short(name: &str, segment: &[u8]) -> Segment {
    let text = format!("{name}, only {} of it", count_octets(segment.len()));
    Segment { text, checksum: ChecksumVerdict::Unknown, payload: (segment.len(), segment.len()) }
}

fn udp(segment: &[u8], around: Around) -> Segment {
    let Some([from, to, length, checksum]) = words(segment) else { return too_short("UDP", segment) };
    let ports = format!("UDP {from} > {to}");
    let len = usize::from(length);
    let unknown = |text| Segment { text, checksum: ChecksumVerdict::Unknown, payload: (8, segment.len()) };
    if around.partial {
        return unknown(format!("{ports}, {} in all, not all of them here", count_octets(len.saturating_sub(8))));
    }
    let Some(datagram) = segment.get(..len).filter(|_| len >= 8) else {
        return unknown(format!("{ports}, Length {len} does not fit the {} there are", count_octets(segment.len())));
    };
    let verdict = match checksum {
        0 if around.source.is_ipv4() => ChecksumVerdict::None,
        _ => ChecksumVerdict::of(sum(around, protocol::UDP, len, datagram) == 0xffff),
    };
    let more = match segment.len() - len {
        0 => String::new(),
        more => format!(", {} behind it", count_octets(more)),
    };
    let text = format!("{ports}, {}{}{more}", count_octets(len - 8), verdict.words());
    Segment { text, checksum: verdict, payload: (8, len) }
}

/// RFC 3828: what UDP calls Length says how much the checksum covers, 0 meaning all.
fn udp_lite(segment: &[u8], around: Around) -> Segment {
    let Some([from, to, coverage, _]) = words(segment) else { return too_short("UDP-Lite", segment) };
    let ports = format!("UDP-Lite {from} > {to}, {}", count_octets(segment.len() - 8));
    let len = if coverage == 0 { segment.len() } else { usize::from(coverage) };
    let payload = (8, segment.len());
    let covered = segment.get(..len).filter(|_| len >= 8 && !around.partial);
    let Some(covered) = covered else {
        let text = format!("{ports}, coverage {coverage} does not fit");
        return Segment { text, checksum: ChecksumVerdict::Unknown, payload };
    };
    let right = sum(around, protocol::UDP_LITE, segment.len(), covered) == 0xffff;
    let verdict = ChecksumVerdict::of(right);
    let text = format!("{ports}, {} covered{}", count_octets(len), verdict.words());
    Segment { text, checksum: verdict, payload }
}

fn tcp(segment: &[u8], around: Around) -> Segment {
    let (Some([from, to, ..]), Some(&[offset, flags])) =
        (words::<4>(segment), segment.get(12..).and_then(<[u8]>::first_chunk))
    else {
        return too_short("TCP", segment);
    };
    let header_len = usize::from(offset >> 4) * 4;
    if segment.len() < 20 || !(20..=segment.len()).contains(&header_len) {
        return too_short("TCP", segment);
    }
    let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
    let set: Vec<_> =
        names.iter().enumerate().filter(|(bit, _)| flags >> bit & 1 != 0).map(|(_, name)| *name).collect();
    let verdict = whole(around, protocol::TCP, segment);
    let set = if set.is_empty() { String::new() } else { format!(" {}", set.join(" ")) };
    let text = format!("TCP {from} > {to}{set}, {}{}", count_octets(segment.len() - header_len), verdict.words());
    Segment { text, checksum: verdict, payload: (header_len, segment.len()) }
}

fn icmp(
    name: &str,
    segment: &[u8],
    pseudo: Option<u8>,
    meaning: fn(u8) -> Option<&'static str>,
    around: Around,
) -> Segment {
    let Some(&[kind, code, ..]) = segment.first_chunk::<4>() else { return too_short(name, segment) };
    let verdict = match pseudo {
        Some(number) => whole(around, number, segment),
        None if around.partial => ChecksumVerdict::Unknown,
        // RFC 792 has no pseudo-header.
        None => ChecksumVerdict::of(Checksum::new().add_octets(segment).folded() == 0xffff),
    };
    let meaning = meaning(kind).map_or_else(|| format!("type {kind} code {code}"), Into::into);
    let start = segment.len().min(8);
    let text = format!("{name} {meaning}, {}{}", count_octets(segment.len() - start), verdict.words());
    Segment { text, checksum: verdict, payload: (start, segment.len()) }
}

fn icmp_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "echo reply",
        3 => "destination unreachable",
        8 => "echo request",
        11 => "time exceeded",
        12 => "parameter problem",
        _ => return None,
    })
}

fn icmpv6_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "destination unreachable",
        2 => "packet too big",
        3 => "time exceeded",
        4 => "parameter problem",
        128 => "echo request",
        129 => "echo reply",
        133 => "router solicitation",
        134 => "router advertisement",
        135 => "neighbour solicitation",
        136 => "neighbour advertisement",
        143 => "multicast listener report",
        _ => return None,
    })
}

/// The checksum over all of a segment and the pseudo-header.
fn whole(around: Around, number: u8, segment: &[u8]) -> ChecksumVerdict {
    if around.partial {
        return ChecksumVerdict::Unknown;
    }
    ChecksumVerdict::of(sum(around, number, segment.len(), segment) == 0xffff)
}

/// The sum over the pseudo-header of a segment of `len` octets (RFC 768, RFC 8200 §8.1) and what is `covered` of it.
fn sum(around: Around, number: u8, len: usize, covered: &[u8]) -> u16 {
    let addresses = [around.source, around.destination];
    let sum = addresses.iter().fold(Checksum::new(), |sum, address| match address {
        IpAddr::V4(address) => sum.add_octets(&address.octets()),
        IpAddr::V6(address) => sum.add_octets(&address.octets()),
    });
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    sum.add_octets(&len.to_be_bytes()).add_u16(number.into()).add_octets(covered).folded()
}

/// The first `N` 16-bit words.
fn words<const N: usize>(octets: &[u8]) -> Option<[u16; N]> {
    let mut words = [0; N];
    for (index, word) in words.iter_mut().enumerate() {
        *word = u16::from_be_bytes(*octets.get(index * 2..)?.first_chunk()?);
    }
    Some(words)
}
