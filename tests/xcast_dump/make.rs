//! Packets and captures for the tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::wire::{
    BitmapPlace, Checksum, CodePoints, DestinationSet, Destinations, Dscp, Family, Ipv4Repr, Ipv6Repr, UdpRepr,
    XcastRepr, protocol,
};

/// The order of octets of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Big,
    Little,
}

impl Order {
    pub(crate) const BOTH: [Self; 2] = [Self::Big, Self::Little];

    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

pub(crate) fn len(octets: &[u8]) -> u32 {
    octets.len().try_into().unwrap()
}

/// A classic capture whose packets are a second and a microsecond apart.
pub(crate) fn classic<P: AsRef<[u8]>>(order: Order, nano: bool, link_type: u32, packets: &[P]) -> Vec<u8> {
    let mut file = order.u32(if nano { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
    file.extend([order.u16(2), order.u16(4)].concat());
    file.extend([0; 8]);
    file.extend(order.u32(0x4_0000));
    file.extend(order.u32(link_type));
    for (index, packet) in (0_u32..).zip(packets) {
        let packet = packet.as_ref();
        let fraction = if nano { index * 1000 + 7 } else { index };
        for word in [1_193_875_200 + index, fraction, len(packet), len(packet)] {
            file.extend(order.u32(word));
        }
        file.extend(packet);
    }
    file
}

/// A raw IP capture.
pub(crate) fn raw<P: AsRef<[u8]>>(packets: &[P]) -> Vec<u8> {
    classic(Order::Big, false, 101, packets)
}

/// A block of pcapng; the body is padded.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let total = order.u32(len(&body) + 12);
    [&order.u32(kind)[..], &total, &body, &total].concat()
}

pub(crate) fn section(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend([order.u16(1), order.u16(0)].concat());
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// A description of an interface, with options, each a code and data.
pub(crate) fn interface(order: Order, link_type: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [order.u16(link_type), order.u16(0)].concat();
    body.extend(order.u32(snap_length));
    for (code, data) in options {
        body.extend(order.u16(*code));
        body.extend(order.u16(data.len().try_into().unwrap()));
        body.extend(*data);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    if !options.is_empty() {
        body.extend([0; 4]);
    }
    block(order, 1, &body)
}

pub(crate) fn enhanced(order: Order, interface: u32, ticks: u64, packet: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for word in [interface, (ticks >> 32) as u32, ticks as u32, len(packet), len(packet)] {
        body.extend(order.u32(word));
    }
    body.extend(packet);
    block(order, 6, &body)
}

pub(crate) fn simple(order: Order, packet: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.u32(len(packet)), packet].concat())
}

pub(crate) fn v4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, number)
}

pub(crate) fn v6(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number)
}

pub(crate) fn host(family: Family, number: u8) -> IpAddr {
    match family {
        Family::V4 => v4(number).into(),
        Family::V6 => v6(number.into()).into(),
    }
}

/// An Xcast packet to be made: from host 1 to hosts 2, 3, …, port 4000 to 5000, "hello".
#[derive(Clone, Debug)]
pub(crate) struct Xcast {
    pub(crate) family: Family,
    pub(crate) count: u8,
    pub(crate) bits: DestinationSet,
    pub(crate) dscps: bool,
    pub(crate) ports: bool,
    pub(crate) anonymous: bool,
    pub(crate) no_x2u: bool,
    pub(crate) bitmap: BitmapPlace,
    pub(crate) channel: u8,
}

impl Xcast {
    pub(crate) fn plain(family: Family) -> Self {
        Self {
            family,
            count: 3,
            bits: DestinationSet::first_n(3),
            dscps: false,
            ports: false,
            anonymous: false,
            no_x2u: false,
            bitmap: BitmapPlace::Header,
            channel: 0,
        }
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        self.with_payload(&CodePoints::rfc4727_experiment(), protocol::UDP, None)
    }

    /// With other numbers, or with something else than UDP inside.
    pub(crate) fn with_payload(&self, code_points: &CodePoints, next_protocol: u8, payload: Option<&[u8]>) -> Vec<u8> {
        let v4s: Vec<_> = (0..self.count).map(|index| v4(index + 2)).collect();
        let v6s: Vec<_> = (0..self.count).map(|index| v6(u16::from(index) + 2)).collect();
        let dscps: Vec<_> = (0..self.count).map(|index| Dscp::new(if index == 0 { 46 } else { 8 }).unwrap()).collect();
        let ports: Vec<_> = (0..self.count).map(|index| 5000 + u16::from(index)).collect();
        let source = host(self.family, 1);
        let group: IpAddr = match self.family {
            Family::V4 => code_points.fields().routers_v4.into(),
            Family::V6 => code_points.fields().routers_v6.into(),
        };
        let repr = XcastRepr {
            destinations: match self.family {
                Family::V4 => Destinations::V4 { source: v4(1), channel: [0, 0, 0, self.channel], addresses: &v4s },
                Family::V6 => {
                    let mut channel = [0; 16];
                    channel[15] = self.channel;
                    Destinations::V6 { source: v6(1), channel, addresses: &v6s }
                }
            },
            bits: self.bits,
            dscps: self.dscps.then_some(&dscps),
            ports: self.ports.then_some(&ports),
            anonymous: self.anonymous,
            no_x2u: self.no_x2u,
            bitmap: self.bitmap,
            hop_limit: 64,
            next_protocol,
        };
        let datagram = UdpRepr { source_port: 4000, destination_port: 5000, payload: b"hello" };
        let payload_len = payload.map_or(datagram.encoded_len(), <[u8]>::len);
        let mut packet = vec![0; repr.encoded_len(payload_len)];
        let buffer = repr.emit(code_points, payload_len, &mut packet).unwrap();
        match payload {
            Some(payload) => buffer.copy_from_slice(payload),
            None => datagram.emit(source, group, buffer).unwrap(),
        }
        packet
    }
}

/// An IPv4 packet around `payload`.
pub(crate) fn ipv4(from: u8, to: u8, number: u8, payload: &[u8]) -> Vec<u8> {
    let repr = Ipv4Repr {
        tos: 0,
        ttl: 64,
        protocol: number,
        source: v4(from),
        destination: v4(to),
        options_len: 0,
        payload_len: payload.len(),
    };
    let mut packet = vec![0; 20];
    repr.emit(&mut packet).unwrap();
    packet.extend(payload);
    packet
}

/// An IPv6 packet around `payload`.
pub(crate) fn ipv6(from: u16, to: u16, next_header: u8, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (v6(from), v6(to));
    let repr =
        Ipv6Repr { traffic_class: 0, hop_limit: 64, next_header, source, destination, payload_len: payload.len() };
    let mut packet = vec![0; 40];
    repr.emit(&mut packet).unwrap();
    packet.extend(payload);
    packet
}

/// Makes an IPv4 header checksum right again.
pub(crate) fn fix_ipv4(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let len = usize::from(packet[0] & 15) * 4;
    let sum = Checksum::new().add_octets(&packet[..len]).finish();
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Makes the CHECKSUM of an Xcast header at `at` right again.
pub(crate) fn fix_xcast(packet: &mut [u8], family: Family, at: usize) {
    let (checksum_at, len) = match family {
        Family::V4 => (at + 2, usize::from(packet[at + 9]) * 4),
        Family::V6 => (at + 6, (usize::from(packet[at + 1]) + 1) * 8),
    };
    packet[checksum_at..checksum_at + 2].fill(0);
    let sum = Checksum::new().add_octets(&packet[at..at + len]).finish();
    packet[checksum_at..checksum_at + 2].copy_from_slice(&sum.to_be_bytes());
}
