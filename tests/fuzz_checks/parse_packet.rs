//! Arbitrary octets through the readers of packets: none may panic or overflow, and what one reader says of a packet must
//! agree with what another says of it. Shared by the fuzz target and the test that replays its corpus.

use xcast_sec::ipsec::QuotedPacket;
use xcast_sec::wire::{
    AhHeader, ChecksumPolicy, CodePoints, DestinationSet, EspHeader, IpHeader, PacketTooBig, UdpDatagram, XcastPacket,
    XcastPacketMut,
};

/// Checks `data`; a finding panics.
pub(crate) fn check(data: &[u8]) {
    let code_points = CodePoints::rfc4727_experiment();
    xcast(data, &code_points);
    retain(data, &code_points);
    headers(data);
    reports(data, &code_points);
}

/// A report that a packet was too big, and what such a report quotes.
fn reports(data: &[u8], code_points: &CodePoints) {
    if let Ok(message) = PacketTooBig::parse(data) {
        assert!(message.quoted().len() < data.len());
        let _ = (message.mtu(), QuotedPacket::read(message.quoted(), Some(code_points)));
    }
    if let Some(quoted) = QuotedPacket::read(data, Some(code_points)) {
        assert!(quoted.ip_header_len <= data.len());
    }
}

/// Everything a packet that parses can be asked.
fn xcast(data: &[u8], code_points: &CodePoints) {
    let verified = XcastPacket::parse(data, code_points, ChecksumPolicy::Verify);
    match XcastPacket::parse(data, code_points, ChecksumPolicy::Ignore) {
        Ok(packet) => {
            assert!(packet.as_octets().len() <= data.len());
            for index in packet.bits().iter() {
                assert!(packet.destination(index).is_some(), "a bit is set for a destination that there is not");
            }
            for index in 0..=usize::from(u8::MAX) {
                let _ = (packet.destination(index), packet.port(index), packet.dscp(index));
            }
            let _ = (packet.has_ports(), packet.is_behind_ah(), packet.next_protocol(), packet.payload());
            let _ = format!("{packet:?}");
        }
        Err(error) => {
            assert!(verified.is_err(), "to verify the checksum let a packet pass that is refused without");
            let _ = format!("{error} {error:?}");
        }
    }
}

/// A packet whose checksum was right is a packet whose checksum is right after a router has edited it.
fn retain(data: &[u8], code_points: &CodePoints) {
    let mut octets = data.to_vec();
    let Ok(before) = XcastPacket::parse(data, code_points, ChecksumPolicy::Verify) else { return };
    let Ok(mut packet) = XcastPacketMut::parse(&mut octets, code_points, ChecksumPolicy::Verify) else {
        panic!("the mutable view refuses what the other takes");
    };
    let Some(first) = before.bits().first() else { return };
    packet.retain(DestinationSet::single(first));
    packet.set_no_x2u();
    let Ok(after) = XcastPacket::parse(&octets, code_points, ChecksumPolicy::Verify) else {
        panic!("an edited packet does not parse");
    };
    assert_eq!(after.bits(), DestinationSet::single(first));
    assert_eq!(after.destination(first), before.destination(first));
    assert_eq!(after.payload(), before.payload());
}

/// The header readers on their own, at the start of the data.
fn headers(data: &[u8]) {
    if let Ok((ip, rest)) = IpHeader::split(data) {
        assert!(ip.header_len() <= data.len() && rest.len() <= data.len());
        let _ = (ip.packet_len(), ip.source(), ip.destination(), ip.hop_limit(), ip.dscp(), ip.next_header());
    }
    if let Ok((ah, rest)) = AhHeader::split(data) {
        assert_eq!(ah.header_len() + rest.len(), data.len());
        let _ = (ah.next_header(), ah.spi(), ah.sequence(), ah.fixed_octets(), ah.icv_field());
    }
    let _ = EspHeader::split(data);
    if let Ok(udp) = UdpDatagram::parse(data) {
        let _ = (udp.source_port(), udp.destination_port(), udp.payload());
    }
}
