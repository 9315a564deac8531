//! Reading packets, and checksums, beside others.

use std::hint::black_box;

use pnet_packet::Packet;
use pnet_packet::ip::IpNextHeaderProtocols as Pnet;
use pnet_packet::ipv6::{Ipv6Packet, RoutingPacket};
use pnet_packet::udp::UdpPacket;
use smoltcp::wire::checksum;
use xcast_sec::wire::{Checksum, ChecksumPolicy, ChecksumUpdate, CodePoints};

use crate::Counter;
use crate::contests::codecs::{
    etherparse, ipv4_ah, ours_ipv4_ah, ours_xcast6, smoltcp_ipv4_ah, smoltcp_xcast6, xcast6,
};

/// pnet has no AH.
fn pnet_xcast6(octets: &[u8]) -> Option<u16> {
    let packet = Ipv6Packet::new(octets)?;
    if packet.get_next_header() != Pnet::Ipv6Route {
        return None;
    }
    let routing = RoutingPacket::new(packet.payload())?;
    if routing.get_next_header() != Pnet::Udp {
        return None;
    }
    let at = 8 + usize::from(routing.get_hdr_ext_len()) * 8;
    Some(UdpPacket::new(packet.payload().get(at..)?)?.get_destination())
}

/// Counts one call of `$read` on `$octets`.
macro_rules! reading {
    ($counter:expr, $name:expr, $octets:expr, $read:expr) => {
        $counter.count($name, 1, || assert!(black_box($read(black_box(&$octets[..]))).is_some()))
    };
}

pub(crate) fn all(counter: &mut Counter) {
    let code_points = CodePoints::rfc4727_experiment();
    let code_points = black_box(&code_points);
    let packet = xcast6();
    let plain = |octets| ours_xcast6(octets, code_points, ChecksumPolicy::Ignore);
    reading!(counter, "read IPv6, Xcast6 with 10 members, UDP", packet, plain);
    let verified = |octets| ours_xcast6(octets, code_points, ChecksumPolicy::Verify);
    reading!(counter, "read IPv6, Xcast6 with 10 members, UDP, CHECKSUM verified", packet, verified);
    reading!(counter, "read IPv6, Xcast6 with 10 members, UDP: smoltcp", packet, smoltcp_xcast6);
    reading!(counter, "read IPv6, Xcast6 with 10 members, UDP: pnet", packet, pnet_xcast6);
    reading!(counter, "read IPv6, Xcast6 with 10 members, UDP: etherparse", packet, etherparse);
    let packet = ipv4_ah();
    reading!(counter, "read IPv4, AH, UDP", packet, ours_ipv4_ah);
    reading!(counter, "read IPv4, AH, UDP: smoltcp", packet, smoltcp_ipv4_ah);
    reading!(counter, "read IPv4, AH, UDP: etherparse", packet, etherparse);

    for size in [20, 192, 600] {
        let octets: Vec<u8> = (0..size).map(|at| (at * 37 + 11) as u8).collect();
        counter.count(&format!("checksum of {size} octets"), 1, || {
            black_box(Checksum::new().add_octets(black_box(&octets)).finish());
        });
        counter.count(&format!("checksum of {size} octets: smoltcp"), 1, || {
            black_box(!checksum::data(black_box(&octets)));
        });
    }
    let (old, new) = ([0xff_u8, 0xc0, 0, 0, 0, 0, 0, 0], [0x04_u8, 0x80, 0, 0, 0, 0, 0, 0]);
    counter.count("checksum after a changed bitmap", 1, || {
        black_box(ChecksumUpdate::new(black_box(0x1234)).replace(black_box(&old), black_box(&new)).finish());
    });
}
