//! An Xcast packet as a list of fields, and its octets in the plainest form, written from RFC 5058 §9 alone: all of it is built from
//! the fields each time, checksums too. Nothing is updated in place, and nothing of the crate is used.

#![allow(dead_code, reason = "each of its users needs some of it")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An Xcast packet, field by field.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) v6: bool,
    pub(crate) hop_limit: u8,
    pub(crate) traffic_class: u8,
    /// Identification, or the flow label.
    pub(crate) label: u16,
    pub(crate) channel: [u8; 16],
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) bits: Vec<bool>,
    /// DSCPs, 0 to 63.
    pub(crate) dscps: Option<Vec<u8>>,
    pub(crate) ports: Option<Vec<u16>>,
    pub(crate) anonymous: bool,
    pub(crate) no_x2u: bool,
    /// The bitmap stands in an IP option.
    pub(crate) separated: bool,
    /// An AH between IPv4 and Xcast4 header.
    pub(crate) ah: bool,
    /// A Router Alert option (RFC 2113, RFC 2711).
    pub(crate) alert: bool,
    /// A Destination Options header with nothing but padding, in front of the payload (IPv6).
    pub(crate) options: bool,
    /// Fills the reserved bits.
    pub(crate) reserved: bool,
    pub(crate) next: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn source(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 1).into() } else { Ipv4Addr::new(192, 0, 2, 9).into() }
}

pub(crate) fn group(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x114).into() } else { Ipv4Addr::new(224, 0, 0, 254).into() }
}

pub(crate) fn octets_of(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The sum of RFC 1071, below 0xffff; both zeros are 0.
pub(crate) fn sum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| u32::from(pair[0]) * 256 + u32::from(pair.get(1).copied().unwrap_or(0)));
    u16::try_from(words.fold(0, |sum, word| (sum + word) % 0xffff)).expect("a remainder")
}

/// What must stand in the checksum field: the complement of a sum that is 0 only if there is nothing.
fn checksum(octets: &[u8]) -> [u8; 2] {
    let sum = sum(octets);
    (if sum == 0 { 0 } else { !sum }).to_be_bytes()
}

fn padded(mut octets: Vec<u8>, unit: usize) -> Vec<u8> {
    octets.resize(octets.len().next_multiple_of(unit), 0);
    octets
}

/// An extension header of `options`, padded with Pad1 or PadN (RFC 8200 §4.2).
fn options_header(next: u8, options: &[u8]) -> Vec<u8> {
    let len = (2 + options.len()).next_multiple_of(8);
    let mut header = [&[next, u8::try_from(len / 8 - 1).expect("short")], options].concat();
    match len - header.len() {
        0 => {}
        1 => header.push(0),
        missing => {
            header.extend([1, u8::try_from(missing - 2).expect("below 8")]);
            header.resize(len, 0);
        }
    }
    header
}

impl Packet {
    fn bitmap(&self) -> Vec<u8> {
        let unit = if self.v6 { 8 } else { 4 };
        let mut bitmap = vec![0; self.bits.len().div_ceil(8).next_multiple_of(unit)];
        for (index, _) in self.bits.iter().enumerate().filter(|(_, bit)| **bit) {
            bitmap[index / 8] |= 0x80 >> (index % 8);
        }
        bitmap
    }

    /// Bitmap, addresses and lists, as they stand in the Xcast header.
    fn lists(&self) -> Vec<u8> {
        let unit = if self.v6 { 8 } else { 4 };
        let mut octets = if self.separated { Vec::new() } else { self.bitmap() };
        octets.extend(self.addresses.iter().flat_map(|address| octets_of(*address)));
        if let Some(dscps) = &self.dscps {
            octets.extend(padded(dscps.iter().map(|dscp| dscp << 2).collect(), unit));
        }
        if let Some(ports) = self.ports.as_ref().filter(|_| !self.v6) {
            octets.extend(padded(ports.iter().flat_map(|port| port.to_be_bytes()).collect(), unit));
        }
        octets
    }

    fn flags(&self) -> [u8; 2] {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let ports = if self.v6 { self.reserved } else { self.ports.is_some() };
        let flags = flag(self.anonymous, 8) | flag(self.no_x2u, 4) | flag(self.dscps.is_some(), 2) | flag(ports, 1);
        let count = u8::try_from(self.addresses.len()).expect("at most 127");
        [0x10 | flags, flag(self.reserved, 0x80) | count]
    }

    fn xcast4(&self) -> Vec<u8> {
        let lists = self.lists();
        let words = u8::try_from((12 + lists.len()) / 4).expect("it fits");
        let reserved = if self.reserved { [0xbe, 0xef] } else { [0; 2] };
        let mut header =
            [&self.flags(), &[0; 2][..], &self.channel[..4], &[self.next, words], &reserved, &lists].concat();
        let checksum = checksum(&header);
        header[2..4].copy_from_slice(&checksum);
        header
    }

    /// The Routing header and what belongs to it.
    fn xcast6(&self) -> Vec<u8> {
        let mut behind = (self.next, Vec::new());
        if self.options {
            behind = (60, options_header(behind.0, &[1, 4, 0, 0, 0, 0]));
        }
        if let Some(ports) = &self.ports {
            let len = u8::try_from(2 * ports.len()).expect("it fits");
            let option = [0x5e, len].into_iter().chain(ports.iter().flat_map(|port| port.to_be_bytes()));
            behind = (60, [options_header(behind.0, &option.collect::<Vec<_>>()), behind.1].concat());
        }
        let lists = self.lists();
        let units = u8::try_from((24 + lists.len()) / 8 - 1).expect("it fits");
        let mut header = [&[behind.0, units, 253, 0], &self.flags()[..], &[0; 2], &self.channel, &lists].concat();
        let checksum = checksum(&header);
        header[6..8].copy_from_slice(&checksum);
        [header, behind.1].concat()
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        if self.v6 {
            let xcast = self.xcast6();
            let front = if self.separated {
                let bitmap = self.bitmap();
                options_header(43, &[&[0x3e, u8::try_from(bitmap.len()).expect("16")][..], &bitmap].concat())
            } else if self.alert {
                options_header(43, &[5, 2, 0, 0])
            } else {
                Vec::new()
            };
            let first = if front.is_empty() { 43 } else { 0 };
            return self.in_ip(group(true), first, &[], &[&front, &xcast[..], &self.payload].concat());
        }
        let mut options = Vec::new();
        if self.separated {
            let bitmap = self.bitmap();
            options = [&[158, u8::try_from(2 + bitmap.len()).expect("18")][..], &bitmap].concat();
        }
        if self.alert {
            // Not behind the end of the list.
            options.extend([148, 4, 0, 0]);
        }
        let options = padded(options, 4);
        let ah: &[u8] =
            if self.ah { &[253, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] } else { &[] };
        let first = if self.ah { 51 } else { 253 };
        self.in_ip(group(false), first, &options, &[ah, &self.xcast4(), &self.payload].concat())
    }

    fn in_ip(&self, to: IpAddr, next: u8, options: &[u8], behind: &[u8]) -> Vec<u8> {
        ip((source(self.v6), to), self.traffic_class, self.label, self.hop_limit, next, options, behind)
    }

    /// As its destination `index` alone expects it (RFC 5058 §2 "X2U").
    pub(crate) fn unicast(&self, index: usize) -> Vec<u8> {
        let to = self.addresses[index];
        let port = self.ports.as_ref().map(|ports| ports[index]);
        let segment = redirected(self.next, &self.payload, group(self.v6), to, port);
        let mut packet = self.clone();
        if let Some(dscps) = &self.dscps {
            packet.traffic_class = dscps[index] << 2 | self.traffic_class & 3;
        }
        let options: &[u8] = if self.alert && !self.v6 { &[148, 4, 0, 0] } else { &[] };
        let mut behind = (self.next, segment);
        if self.options && self.v6 {
            behind = (60, [options_header(behind.0, &[1, 4, 0, 0, 0, 0]), behind.1].concat());
        }
        if self.alert && self.v6 {
            behind = (0, [options_header(behind.0, &[5, 2, 0, 0]), behind.1].concat());
        }
        packet.in_ip(to, behind.0, options, &behind.1)
    }

    /// Whether X2U is possible (RFC 5058 §9.2.2, §10.2): with X=0, for a transport whose checksum can be mended.
    pub(crate) fn may_be_unicast(&self) -> bool {
        let least = match (self.next, self.v6) {
            (17 | 136, _) => 8,
            (6, _) => 18,
            (1, false) | (58, true) => 4,
            _ => usize::MAX,
        };
        !self.no_x2u && !self.ah && self.payload.len() >= least
    }

    /// Whether an echo request is in it, which AH and extension headers do not hide (RFC 5058 §14).
    pub(crate) fn is_echo_request(&self) -> bool {
        let (mut next, mut rest) = (self.next, &self.payload[..]);
        loop {
            let len = match (next, self.v6, rest) {
                (1, false, [8, ..]) | (58, true, [128, ..]) => return true,
                (51, _, [_, words, ..]) if *words > 0 => (usize::from(*words) + 2) * 4,
                (43 | 60, true, [_, units, ..]) => (usize::from(*units) + 1) * 8,
                (44, true, [_, _, 0, 0..8, ..]) => 8,
                _ => return false,
            };
            let Some(behind) = rest.get(len..) else { return false };
            (next, rest) = (rest[0], behind);
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "the fields of a header")]
pub(crate) fn ip(
    ends: (IpAddr, IpAddr),
    class: u8,
    label: u16,
    hops: u8,
    next: u8,
    options: &[u8],
    behind: &[u8],
) -> Vec<u8> {
    let (source, destination) = (octets_of(ends.0), octets_of(ends.1));
    let [high, low] = label.to_be_bytes();
    if ends.0.is_ipv6() {
        let [len_high, len_low] = u16::try_from(behind.len()).expect("it fits").to_be_bytes();
        let start = [0x60 | class >> 4, class << 4, high, low, len_high, len_low, next, hops];
        return [&start, &source[..], &destination, behind].concat();
    }
    let header_len = 20 + options.len();
    let [len_high, len_low] = u16::try_from(header_len + behind.len()).expect("it fits").to_be_bytes();
    let ihl = u8::try_from(header_len / 4).expect("at most 15");
    let start = [0x40 | ihl, class, len_high, len_low, high, low, 0x40, 0, hops, next, 0, 0];
    let mut header = [&start, &source[..], &destination, options].concat();
    let checksum = checksum(&header);
    header[10..12].copy_from_slice(&checksum);
    [&header, behind].concat()
}

/// A segment to somebody else, its checksum as right or wrong as it was (RFC 5058 §10.1).
fn redirected(number: u8, segment: &[u8], old: IpAddr, new: IpAddr, port: Option<u16>) -> Vec<u8> {
    let mut segment = segment.to_vec();
    let checksum_at = match number {
        17 | 136 => 6,
        6 => 16,
        58 => 2,
        _ => return segment,
    };
    let before = [octets_of(old), segment[2..4].to_vec()].concat();
    if let Some(port) = port.filter(|_| number != 58) {
        segment[2..4].copy_from_slice(&port.to_be_bytes());
    }
    // ICMPv6 has its checksum where the others have the port: it is no part of what changes here.
    let after =
        [octets_of(new), if number == 58 { before[before.len() - 2..].to_vec() } else { segment[2..4].to_vec() }]
            .concat();
    let stood = u16::from_be_bytes([segment[checksum_at], segment[checksum_at + 1]]);
    if number == 17 && stood == 0 {
        return segment;
    }
    let covered = (u32::from(!stood) + u32::from(sum(&after)) + 0xffff - u32::from(sum(&before))) % 0xffff;
    let udp = matches!(number, 17 | 136);
    let checksum = match u16::try_from(covered).expect("a remainder") {
        0 => {
            if udp {
                0xffff
            } else {
                0
            }
        }
        covered => !covered,
    };
    segment[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
    segment
}
