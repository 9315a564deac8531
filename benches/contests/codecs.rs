//! Reading packets from the IP header to UDP: every length and version checked, every Next Header looked at, no checksum unless said.
//! What comes out are views with all that was found, in the caller's memory.
//!
//! The anchors check less: none of them looks into the Xcast part, and smoltcp reads what it is asked for. The targets for
//! codecs are in instructions (`.ci/instructions`); here their time stands beside.

use std::hint::black_box;

use etherparse::{SlicedPacket, TransportSlice};
use smoltcp::wire::{
    IpProtocol, IpSecAuthHeaderPacket, Ipv4Packet, Ipv6ExtHeader, Ipv6Packet, Ipv6RoutingHeader,
    UdpPacket as SmoltcpUdp,
};
use xcast_sec::wire::{AhHeader, ChecksumPolicy, CodePoints, Ipv4Header, UdpDatagram, XcastPacket, protocol};

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

pub(crate) fn ours_xcast6<'a>(
    octets: &'a [u8],
    code_points: &CodePoints,
    checksum: ChecksumPolicy,
) -> Option<(XcastPacket<'a>, UdpDatagram<'a>)> {
    let packet = XcastPacket::parse(octets, code_points, checksum).ok()?;
    if packet.next_protocol() != protocol::UDP {
        return None;
    }
    Some((packet, UdpDatagram::parse(packet.payload()).ok()?))
}

type SmoltcpXcast6<'a> = (Ipv6Packet<&'a [u8]>, Ipv6ExtHeader<&'a [u8]>, SmoltcpUdp<&'a [u8]>);

pub(crate) fn smoltcp_xcast6(octets: &[u8]) -> Option<SmoltcpXcast6<'_>> {
    let packet = Ipv6Packet::new_checked(octets).ok()?;
    if packet.next_header() != IpProtocol::Ipv6Route {
        return None;
    }
    let extension = Ipv6ExtHeader::new_checked(packet.payload()).ok()?;
    Ipv6RoutingHeader::new_checked(extension.payload()).ok()?;
    if extension.next_header() != IpProtocol::Udp {
        return None;
    }
    let at = 8 + usize::from(extension.header_len()) * 8;
    let udp = SmoltcpUdp::new_checked(packet.payload().get(at..)?).ok()?;
    Some((packet, extension, udp))
}

pub(crate) fn etherparse(octets: &[u8]) -> Option<SlicedPacket<'_>> {
    let packet = SlicedPacket::from_ip(octets).ok()?;
    matches!(packet.transport, Some(TransportSlice::Udp(_))).then_some(packet)
}

pub(crate) fn ours_ipv4_ah(octets: &[u8]) -> Option<(Ipv4Header<'_>, AhHeader<'_>, UdpDatagram<'_>)> {
    let (ip, rest) = Ipv4Header::split(octets).ok()?;
    if ip.protocol() != protocol::AH {
        return None;
    }
    let (ah, rest) = AhHeader::split(rest).ok()?;
    if ah.next_header() != protocol::UDP {
        return None;
    }
    Some((ip, ah, UdpDatagram::parse(rest).ok()?))
}

type SmoltcpAh<'a> = (Ipv4Packet<&'a [u8]>, IpSecAuthHeaderPacket<&'a [u8]>, SmoltcpUdp<&'a [u8]>);

pub(crate) fn smoltcp_ipv4_ah(octets: &[u8]) -> Option<SmoltcpAh<'_>> {
    let packet = Ipv4Packet::new_checked(octets).ok()?;
    if packet.next_header() != IpProtocol::IpSecAh {
        return None;
    }
    let ah = IpSecAuthHeaderPacket::new_checked(packet.payload()).ok()?;
    if ah.next_header() != IpProtocol::Udp {
        return None;
    }
    let at = 8 + usize::from(ah.payload_len()) * 4;
    let udp = SmoltcpUdp::new_checked(packet.payload().get(at..)?).ok()?;
    Some((packet, ah, udp))
}

/// All of them find the same datagram.
fn agree(ours: Option<UdpDatagram<'_>>, smoltcp: Option<SmoltcpUdp<&[u8]>>, etherparse: Option<SlicedPacket<'_>>) {
    let (Some(ours), Some(smoltcp), Some(etherparse)) = (ours, smoltcp, etherparse) else {
        panic!("not all can read the packet");
    };
    let Some(TransportSlice::Udp(udp)) = etherparse.transport else { panic!("no UDP") };
    assert_eq!((ours.destination_port(), ours.payload()), (udp.destination_port(), udp.payload()));
    assert_eq!((ours.destination_port(), ours.payload()), (smoltcp.dst_port(), smoltcp.payload()));
}

/// `read` again and again. A macro, as a closure cannot say that what it returns borrows from what it is given.
macro_rules! reading {
    ($octets:expr, $read:expr) => {{
        let octets = $octets.clone();
        move || {
            for _ in 0..OPERATIONS {
                assert!(black_box($read(black_box(&octets[..]))).is_some());
            }
        }
    }};
}

pub(crate) fn all(course: &mut dyn Course) {
    let code_points = CodePoints::rfc4727_experiment();
    let packet = xcast6();
    let ours = ours_xcast6(&packet, &code_points, ChecksumPolicy::Verify);
    agree(ours.map(|ours| ours.1), smoltcp_xcast6(&packet).map(|views| views.2), etherparse(&packet));
    let mut ours = reading!(packet, |octets| ours_xcast6(octets, &code_points, ChecksumPolicy::Ignore));
    let (mut smoltcp, mut slices) = (reading!(packet, smoltcp_xcast6), reading!(packet, etherparse));
    let row = |anchor| Row::new("read IPv6, Xcast6, UDP", "10 members", anchor, OPERATIONS);
    course.contest(row("smoltcp"), &mut ours, &mut smoltcp);
    course.contest(row("etherparse"), &mut ours, &mut slices);
    let mut ours = reading!(packet, |octets| ours_xcast6(octets, &code_points, ChecksumPolicy::Verify));
    let row = Row::new("the same, CHECKSUM verified", "10 members", "etherparse", OPERATIONS);
    course.contest(row, &mut ours, &mut slices);

    let packet = ipv4_ah();
    let ours = ours_ipv4_ah(&packet).map(|views| views.2);
    agree(ours, smoltcp_ipv4_ah(&packet).map(|views| views.2), etherparse(&packet));
    let mut ours = reading!(packet, ours_ipv4_ah);
    let row = |anchor| Row::new("read IPv4, AH, UDP", "108", anchor, OPERATIONS);
    course.contest(row("smoltcp"), &mut ours, &mut reading!(packet, smoltcp_ipv4_ah));
    course.contest(row("etherparse"), &mut ours, &mut reading!(packet, etherparse));
}
