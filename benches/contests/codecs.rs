//! Reading packets from the IP header to the UDP ports, every length and version checked, no checksum looked at unless said.
//!
//! The anchors check less: none of them looks into the Xcast part, and smoltcp reads what it is asked for. The targets for
//! codecs are in instructions (`.ci/instructions`); here their time stands beside.

use std::hint::black_box;

use etherparse::{SlicedPacket, TransportSlice};
use smoltcp::wire::{
    IpSecAuthHeaderPacket, Ipv4Packet, Ipv6ExtHeader, Ipv6Packet, Ipv6RoutingHeader, UdpPacket as SmoltcpUdp,
};
use xcast_sec::wire::{AhHeader, ChecksumPolicy, CodePoints, Ipv4Header, UdpDatagram, XcastPacket};

use super::forwarding;
use super::{Course, Row};

const OPERATIONS: usize = 256;

/// IPv6, Xcast6 with 10 destinations, UDP.
pub(crate) fn xcast6() -> Vec<u8> {
    forwarding::packet(10, 400)
}

/// IPv4, AH, UDP, 64 octets.
pub(crate) fn ipv4_ah() -> Vec<u8> {
    let mut octets = vec![0; 20 + 24 + 64];
    let len = octets.len() as u16;
    octets[..2].copy_from_slice(&[0x45, 0]);
    octets[2..4].copy_from_slice(&len.to_be_bytes());
    octets[8..10].copy_from_slice(&[64, 51]);
    octets[12..20].copy_from_slice(&[192, 0, 2, 1, 10, 0, 0, 1]);
    // Next Header UDP, an ICV of 12 octets, an SPI, a sequence number.
    octets[20..32].copy_from_slice(&[17, 4, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 7]);
    octets[32..44].fill(0xab);
    octets[44..52].copy_from_slice(&[0, 1, 0, 2, 0, 64, 0, 0]);
    octets
}

pub(crate) fn ours_xcast6(octets: &[u8], code_points: &CodePoints, checksum: ChecksumPolicy) -> Option<(u16, usize)> {
    let packet = XcastPacket::parse(octets, code_points, checksum).ok()?;
    let udp = UdpDatagram::parse(packet.payload()).ok()?;
    Some((udp.destination_port(), udp.payload().len()))
}

pub(crate) fn smoltcp_xcast6(octets: &[u8]) -> Option<(u16, usize)> {
    let packet = Ipv6Packet::new_checked(octets).ok()?;
    let extension = Ipv6ExtHeader::new_checked(packet.payload()).ok()?;
    Ipv6RoutingHeader::new_checked(extension.payload()).ok()?;
    let at = 8 + usize::from(extension.header_len()) * 8;
    let udp = SmoltcpUdp::new_checked(packet.payload().get(at..)?).ok()?;
    Some((udp.dst_port(), udp.payload().len()))
}

pub(crate) fn etherparse(octets: &[u8]) -> Option<(u16, usize)> {
    let packet = SlicedPacket::from_ip(octets).ok()?;
    let Some(TransportSlice::Udp(udp)) = packet.transport else { return None };
    Some((udp.destination_port(), udp.payload().len()))
}

pub(crate) fn ours_ipv4_ah(octets: &[u8]) -> Option<(u16, usize)> {
    let (_, rest) = Ipv4Header::split(octets).ok()?;
    let (_, rest) = AhHeader::split(rest).ok()?;
    let udp = UdpDatagram::parse(rest).ok()?;
    Some((udp.destination_port(), udp.payload().len()))
}

pub(crate) fn smoltcp_ipv4_ah(octets: &[u8]) -> Option<(u16, usize)> {
    let packet = Ipv4Packet::new_checked(octets).ok()?;
    let ah = IpSecAuthHeaderPacket::new_checked(packet.payload()).ok()?;
    let at = 8 + usize::from(ah.payload_len()) * 4;
    let udp = SmoltcpUdp::new_checked(packet.payload().get(at..)?).ok()?;
    Some((udp.dst_port(), udp.payload().len()))
}

/// `read` again and again.
fn reading<T>(octets: Vec<u8>, read: impl Fn(&[u8]) -> Option<T>) -> impl FnMut() {
    move || {
        for _ in 0..OPERATIONS {
            black_box(read(black_box(&octets)).expect("sound"));
        }
    }
}

pub(crate) fn all(course: &mut dyn Course) {
    let code_points = CodePoints::rfc4727_experiment();
    let octets = xcast6();
    assert_eq!(ours_xcast6(&octets, &code_points, ChecksumPolicy::Verify), etherparse(&octets));
    assert_eq!(smoltcp_xcast6(&octets), etherparse(&octets));
    let ours = |policy| {
        let octets = octets.clone();
        reading(octets, move |octets| ours_xcast6(octets, &code_points, policy))
    };
    let row = |anchor| Row::new("read IPv6, Xcast6, UDP", "10 members", anchor, OPERATIONS);
    let (mut smoltcp, mut slices) = (reading(octets.clone(), smoltcp_xcast6), reading(octets.clone(), etherparse));
    course.contest(row("smoltcp"), &mut ours(ChecksumPolicy::Ignore), &mut smoltcp);
    course.contest(row("etherparse"), &mut ours(ChecksumPolicy::Ignore), &mut slices);
    let row = Row::new("read …, CHECKSUM verified", "10 members", "etherparse", OPERATIONS);
    course.contest(row, &mut ours(ChecksumPolicy::Verify), &mut slices);

    let octets = ipv4_ah();
    assert_eq!(ours_ipv4_ah(&octets), etherparse(&octets));
    assert_eq!(smoltcp_ipv4_ah(&octets), etherparse(&octets));
    let row = |anchor| Row::new("read IPv4, AH, UDP", "108", anchor, OPERATIONS);
    let mut ours = reading(octets.clone(), ours_ipv4_ah);
    course.contest(row("smoltcp"), &mut ours, &mut reading(octets.clone(), smoltcp_ipv4_ah));
    course.contest(row("etherparse"), &mut ours, &mut reading(octets, etherparse));
}
