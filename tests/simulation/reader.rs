//! Reads packets octet by octet, by RFC 5058, WIRE.md §1 to §6 and nothing of the library: what the simulation trusts.
//! A packet that is not sound is a panic.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::wire::DestinationSet;

use crate::common::ones_complement_sum;

/// A packet as it stands on a link.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) outer: Option<Outer>,
    /// Of the innermost IP header.
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) traffic_class: u8,
    pub(crate) hop_limit: u8,
    pub(crate) list: Option<List>,
    /// Of what stands behind all headers that belong to IP and Xcast.
    pub(crate) protocol: u8,
    pub(crate) payload: Vec<u8>,
    /// Octets in front of it.
    pub(crate) header_len: usize,
}

/// An outer header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outer {
    pub(crate) kind: OuterKind,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) traffic_class: u8,
    pub(crate) hop_limit: u8,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum OuterKind {
    Tunnel,
    SemiPermeable,
    /// Of an XCAST6 2.0 packet.
    V2,
}

/// An Xcast header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct List {
    pub(crate) bits: DestinationSet,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ports: Option<Vec<u16>>,
    pub(crate) dscps: Option<Vec<u8>>,
    pub(crate) anonymous: bool,
    pub(crate) no_x2u: bool,
    pub(crate) separated: bool,
}

impl Seen {
    /// The hop limit that the next node counts down.
    pub(crate) fn outermost_hop_limit(&self) -> u8 {
        self.outer.map_or(self.hop_limit, |outer| outer.hop_limit)
    }

    /// Where ordinary routers send it.
    pub(crate) fn outermost_destination(&self) -> IpAddr {
        self.outer.map_or(self.destination, |outer| outer.destination)
    }

    pub(crate) fn kind(&self) -> Option<OuterKind> {
        self.outer.map(|outer| outer.kind)
    }
}

/// Reads a packet.
pub(crate) fn read(octets: &[u8]) -> Seen {
    let ip = Ip::read(octets);
    let is_v6 = octets[0] >> 4 == 6;
    let outer = |kind| Outer {
        kind,
        source: ip.source,
        destination: ip.destination,
        traffic_class: ip.traffic_class,
        hop_limit: ip.hop_limit,
    };
    if is_v6 && octets[..4] == [0x65, 0xc5 | octets[1] & 0x30, 0x80, 0] {
        assert_eq!((ip.protocol, ip.end), (41, 40));
        let inner = Ip::read(&octets[40..]);
        assert_eq!((inner.hop_limit, inner.protocol, inner.end), (1, 43, 40));
        let (list, protocol, at) = routing_v2(octets, 80);
        // WIRE.md §10: the first that is left.
        assert_eq!(Some(ip.destination), list.bits.first().map(|first| list.addresses[first]));
        let seen = Seen { outer: Some(outer(OuterKind::V2)), ..Seen::new(octets, &inner, Some(list), protocol, at) };
        return seen.checked();
    }
    if matches!(ip.protocol, 4 | 41) {
        assert!(ip.bitmap.is_none());
        let kind = if ip.tunnel_option { OuterKind::SemiPermeable } else { OuterKind::Tunnel };
        let inner = read(&octets[ip.end..]);
        assert!(inner.outer.is_none() && inner.list.is_some(), "tunnels hold Xcast packets");
        let header_len = ip.end + inner.header_len;
        return Seen { outer: Some(outer(kind)), header_len, ..inner };
    }
    assert!(!ip.tunnel_option, "nothing inside");
    let seen = match (is_v6, ip.protocol) {
        (false, 253) => {
            let (list, protocol, at) = xcast4(octets, ip.end, ip.bitmap.as_deref());
            Seen::new(octets, &ip, Some(list), protocol, at)
        }
        (false, 51) if ip.bitmap.is_some() => {
            let ah_len = (usize::from(octets[ip.end + 1]) + 2) * 4;
            assert_eq!(octets[ip.end], 253);
            let (list, protocol, at) = xcast4(octets, ip.end + ah_len, ip.bitmap.as_deref());
            Seen::new(octets, &ip, Some(list), protocol, at)
        }
        (true, 43) => {
            let (list, protocol, at) = xcast6(octets, ip.end, ip.bitmap.as_deref());
            Seen::new(octets, &ip, Some(list), protocol, at)
        }
        _ => {
            assert!(ip.bitmap.is_none(), "a bitmap without a list");
            assert_eq!(ip.end, if is_v6 { 40 } else { 20 }, "nothing is left of what X2U removes");
            Seen::new(octets, &ip, None, ip.protocol, ip.end)
        }
    };
    seen.checked()
}

impl Seen {
    fn new(octets: &[u8], ip: &Ip, list: Option<List>, protocol: u8, at: usize) -> Self {
        Self {
            outer: None,
            source: ip.source,
            destination: ip.destination,
            traffic_class: ip.traffic_class,
            hop_limit: ip.hop_limit,
            list,
            protocol,
            payload: octets[at..].to_vec(),
            header_len: at,
        }
    }

    /// What is not encrypted has a right checksum, for the destination that the IP header says.
    fn checked(self) -> Self {
        if self.protocol == 17 {
            assert_eq!(usize::from(u16_at(&self.payload, 4)), self.payload.len(), "length of UDP");
            assert_eq!(udp_sum(self.source, self.destination, &self.payload), 0xffff, "checksum of UDP");
        }
        self
    }
}

/// The sum over a datagram and its pseudo-header: 0xffff if its checksum is right.
pub(crate) fn udp_sum(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> u16 {
    let mut covered = [octets_of(source), octets_of(destination)].concat();
    covered.extend(u32::try_from(datagram.len()).unwrap().to_be_bytes());
    covered.extend([0, 0, 0, 17]);
    covered.extend(datagram);
    ones_complement_sum(&covered)
}

pub(crate) fn octets_of(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn u16_at(octets: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

fn v4_at(octets: &[u8], at: usize) -> IpAddr {
    Ipv4Addr::from(<[u8; 4]>::try_from(&octets[at..at + 4]).unwrap()).into()
}

fn v6_at(octets: &[u8], at: usize) -> IpAddr {
    Ipv6Addr::from(<[u8; 16]>::try_from(&octets[at..at + 16]).unwrap()).into()
}

// --- IP ---------------------------------------------------------------------------------------------------------------

struct Ip {
    source: IpAddr,
    destination: IpAddr,
    traffic_class: u8,
    hop_limit: u8,
    protocol: u8,
    /// Where the IP header, and the options that are part of Xcast, end.
    end: usize,
    bitmap: Option<Vec<u8>>,
    tunnel_option: bool,
}

impl Ip {
    fn read(octets: &[u8]) -> Self {
        match octets[0] >> 4 {
            4 => Self::read_v4(octets),
            6 => Self::read_v6(octets),
            version => panic!("version {version}"),
        }
    }

    fn read_v4(octets: &[u8]) -> Self {
        let end = usize::from(octets[0] & 15) * 4;
        assert!(end >= 20);
        assert_eq!(usize::from(u16_at(octets, 2)), octets.len());
        assert_eq!(u16_at(octets, 6), 0x4000, "DF, and no fragment");
        assert_eq!(ones_complement_sum(&octets[..end]), 0xffff, "header checksum");
        let bitmap = (end > 20).then(|| {
            let len = usize::from(octets[21]);
            assert_eq!(octets[20], 158);
            assert!(octets[20 + len..end].iter().all(|&octet| octet == 0) && end - 20 - len < 4);
            octets[22..20 + len].to_vec()
        });
        Self {
            source: v4_at(octets, 12),
            destination: v4_at(octets, 16),
            traffic_class: octets[1],
            hop_limit: octets[8],
            protocol: octets[9],
            end,
            bitmap,
            tunnel_option: false,
        }
    }

    fn read_v6(octets: &[u8]) -> Self {
        assert_eq!(usize::from(u16_at(octets, 4)), octets.len() - 40);
        let mut ip = Self {
            source: v6_at(octets, 8),
            destination: v6_at(octets, 24),
            traffic_class: octets[0] << 4 | octets[1] >> 4,
            hop_limit: octets[7],
            protocol: octets[6],
            end: 40,
            bitmap: None,
            tunnel_option: false,
        };
        if ip.protocol == 0 {
            let end = 40 + (usize::from(octets[41]) + 1) * 8;
            match octets[42] {
                0x1e => {
                    assert_eq!(octets[43], 0);
                    ip.tunnel_option = true;
                }
                0x3e => ip.bitmap = Some(octets[44..44 + usize::from(octets[43])].to_vec()),
                option => panic!("option {option:#x}"),
            }
            padding(octets, 44 + usize::from(octets[43]), end);
            (ip.protocol, ip.end) = (octets[40], end);
        }
        ip
    }
}

/// One PadN option of less than 8 octets, or nothing.
fn padding(octets: &[u8], at: usize, end: usize) {
    match octets[at..end] {
        [] | [0] => {}
        [1, len, ref zeros @ ..] => {
            assert_eq!(usize::from(len), zeros.len());
            assert!(zeros.iter().all(|&octet| octet == 0) && zeros.len() < 6);
        }
        ref other => panic!("{other:?}"),
    }
}

// --- Xcast ------------------------------------------------------------------------------------------------------------

/// A bitmap whose bit 0 is the most significant one (WIRE.md §2).
fn bits(bitmap: &[u8], count: usize) -> DestinationSet {
    let set = (0..bitmap.len() * 8).filter(|index| bitmap[index / 8] & 0x80 >> (index % 8) != 0);
    set.inspect(|&index| assert!(index < count, "bit {index} of {count}")).collect()
}

fn dscps(octets: &[u8], at: usize, count: usize) -> Vec<u8> {
    let list = &octets[at..at + count];
    assert!(list.iter().all(|octet| octet & 3 == 0));
    list.iter().map(|octet| octet >> 2).collect()
}

fn zeros(octets: &[u8], from: usize, to: usize) {
    assert!(octets[from..to].iter().all(|&octet| octet == 0), "padding");
}

/// WIRE.md §3: list, protocol behind, end.
fn xcast4(octets: &[u8], start: usize, separated: Option<&[u8]>) -> (List, u8, usize) {
    let header = &octets[start..];
    let (flags, count, len) = (header[0], usize::from(header[1] & 0x7f), usize::from(header[9]) * 4);
    assert!(flags >> 4 == 1 && count > 0, "version and count");
    assert_eq!(ones_complement_sum(&header[..len]), 0xffff, "CHECKSUM");
    let bitmap_len = count.div_ceil(32) * 4;
    let mut at = 12;
    let bitmap = separated.unwrap_or_else(|| {
        at += bitmap_len;
        &header[12..12 + bitmap_len]
    });
    assert_eq!(bitmap.len(), bitmap_len);
    let addresses = (0..count).map(|index| v4_at(header, at + 4 * index)).collect();
    at += 4 * count;
    let dscps = (flags & 2 != 0).then(|| {
        let list = dscps(header, at, count);
        zeros(header, at + count, at + count.next_multiple_of(4));
        at += count.next_multiple_of(4);
        list
    });
    let ports = (flags & 1 != 0).then(|| {
        let list = (0..count).map(|index| u16_at(header, at + 2 * index)).collect();
        zeros(header, at + 2 * count, at + (2 * count).next_multiple_of(4));
        at += (2 * count).next_multiple_of(4);
        list
    });
    assert_eq!(at, len, "LENGTH");
    let (anonymous, no_x2u) = (flags & 8 != 0, flags & 4 != 0);
    let separated = separated.is_some();
    (List { bits: bits(bitmap, count), addresses, ports, dscps, anonymous, no_x2u, separated }, header[8], start + at)
}

/// WIRE.md §4: list, protocol behind it and the ports, end.
fn xcast6(octets: &[u8], start: usize, separated: Option<&[u8]>) -> (List, u8, usize) {
    let header = &octets[start..];
    let (len, flags, count) = ((usize::from(header[1]) + 1) * 8, header[4], usize::from(header[5] & 0x7f));
    assert_eq!(header[2..4], [253, 0]);
    assert!(flags >> 4 == 1 && count > 0, "version and count");
    assert_eq!(ones_complement_sum(&header[..len]), 0xffff, "CHECKSUM");
    let bitmap_len = count.div_ceil(64) * 8;
    let mut at = 24;
    let bitmap = separated.unwrap_or_else(|| {
        at += bitmap_len;
        &header[24..24 + bitmap_len]
    });
    assert_eq!(bitmap.len(), bitmap_len);
    let addresses = (0..count).map(|index| v6_at(header, at + 16 * index)).collect();
    at += 16 * count;
    let dscps = (flags & 2 != 0).then(|| {
        let list = dscps(header, at, count);
        zeros(header, at + count, at + count.next_multiple_of(8));
        at += count.next_multiple_of(8);
        list
    });
    assert_eq!(at, len, "HdrExtLen");
    let mut protocol = header[0];
    let ports = (protocol == 60).then(|| {
        let options = &header[at..];
        let options_len = (usize::from(options[1]) + 1) * 8;
        assert_eq!((options[2], usize::from(options[3])), (0x5e, 2 * count));
        let list = (0..count).map(|index| u16_at(options, 4 + 2 * index)).collect();
        padding(options, 4 + 2 * count, options_len);
        protocol = options[0];
        at += options_len;
        list
    });
    let (anonymous, no_x2u) = (flags & 8 != 0, flags & 4 != 0);
    let separated = separated.is_some();
    (List { bits: bits(bitmap, count), addresses, ports, dscps, anonymous, no_x2u, separated }, protocol, start + at)
}

/// WIRE.md §10: list, protocol behind, end.
fn routing_v2(octets: &[u8], start: usize) -> (List, u8, usize) {
    let header = &octets[start..];
    let (count, flags) = (usize::from(header[4]), header[5]);
    assert_eq!(usize::from(header[1]), 2 + 2 * count);
    assert_eq!((header[2], header[3], header[7], flags & 0x3f), (253, 0, 0, 0));
    let bitmap: Vec<u8> = header[8..24].iter().map(|octet| octet.reverse_bits()).collect();
    let addresses = (0..count).map(|index| v6_at(header, 24 + 16 * index)).collect();
    let list = List {
        bits: bits(&bitmap, count),
        addresses,
        ports: None,
        dscps: None,
        anonymous: flags & 0x80 != 0,
        no_x2u: flags & 0x40 != 0,
        separated: false,
    };
    (list, header[0], start + 24 + 16 * count)
}
