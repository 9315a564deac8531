//! A router's end of an Ethernet link: it is found by ARP and Neighbor Discovery. Its neighbour is configured.

use std::net::IpAddr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv6Packet,
    Icmpv6Repr, IpProtocol, Ipv6Packet, Ipv6Repr, NdiscNeighborFlags, NdiscRepr,
};

use super::port::ETHERNET_HEADER_LEN;

/// The hardware addresses at the two ends of the link (locally administered).
pub(crate) const ROUTER: EthernetAddress = EthernetAddress([0x02, 0, 0, 0, 0, 0x01]);
pub(crate) const HOST: EthernetAddress = EthernetAddress([0x02, 0, 0, 0, 0, 0x02]);

/// What a frame that arrived is to the router.
pub(crate) enum Frame {
    Packet(Vec<u8>),
    /// A question, with the frame that answers it.
    Answer(Vec<u8>),
    /// Nothing for this router.
    Other,
}

/// Reads a frame that arrived at the router whose address on the link is `own`.
pub(crate) fn read(frame: &[u8], own: IpAddr) -> Frame {
    let Ok(ethernet) = EthernetFrame::new_checked(frame) else { return Frame::Other };
    if ethernet.dst_addr() != ROUTER && !ethernet.dst_addr().is_multicast() && !ethernet.dst_addr().is_broadcast() {
        return Frame::Other;
    }
    let answer = match (ethernet.ethertype(), own) {
        (EthernetProtocol::Arp, IpAddr::V4(own)) => answer_arp(ethernet.payload(), own),
        (EthernetProtocol::Ipv6, IpAddr::V6(own)) => answer_solicitation(ethernet.payload(), own),
        _ => None,
    };
    match (answer, ethernet.ethertype()) {
        (Some(answer), _) => Frame::Answer(answer),
        (None, EthernetProtocol::Ipv4 | EthernetProtocol::Ipv6) => Frame::Packet(ethernet.payload().to_vec()),
        (None, _) => Frame::Other,
    }
}

/// A frame for the neighbour around `packet`.
pub(crate) fn around(packet: &[u8]) -> Vec<u8> {
    let is_v6 = packet.first().is_some_and(|octet| octet >> 4 == 6);
    frame(if is_v6 { EthernetProtocol::Ipv6 } else { EthernetProtocol::Ipv4 }, packet.len(), |payload| {
        payload.copy_from_slice(packet);
    })
}

fn frame(ethertype: EthernetProtocol, len: usize, write: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut octets = vec![0; ETHERNET_HEADER_LEN + len];
    let mut ethernet = EthernetFrame::new_unchecked(&mut octets[..]);
    EthernetRepr { src_addr: ROUTER, dst_addr: HOST, ethertype }.emit(&mut ethernet);
    write(ethernet.payload_mut());
    octets
}

fn answer_arp(payload: &[u8], own: std::net::Ipv4Addr) -> Option<Vec<u8>> {
    let question = ArpRepr::parse(&ArpPacket::new_checked(payload).ok()?).ok()?;
    let ArpRepr::EthernetIpv4 { operation, source_hardware_addr, source_protocol_addr, target_protocol_addr, .. } =
        question
    else {
        return None;
    };
    if operation != ArpOperation::Request || target_protocol_addr != own {
        return None;
    }
    let answer = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Reply,
        source_hardware_addr: ROUTER,
        source_protocol_addr: own,
        target_hardware_addr: source_hardware_addr,
        target_protocol_addr: source_protocol_addr,
    };
    Some(frame(EthernetProtocol::Arp, answer.buffer_len(), |payload| {
        answer.emit(&mut ArpPacket::new_unchecked(payload));
    }))
}

fn answer_solicitation(payload: &[u8], own: std::net::Ipv6Addr) -> Option<Vec<u8>> {
    let checksums = ChecksumCapabilities::default();
    let packet = Ipv6Packet::new_checked(payload).ok()?;
    if packet.next_header() != IpProtocol::Icmpv6 {
        return None;
    }
    let (source, destination) = (packet.src_addr(), packet.dst_addr());
    let icmp = Icmpv6Packet::new_checked(packet.payload()).ok()?;
    let Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, .. }) =
        Icmpv6Repr::parse(&source, &destination, &icmp, &checksums).ok()?
    else {
        return None;
    };
    if target_addr != own {
        return None;
    }
    let answer = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
        flags: NdiscNeighborFlags::ROUTER | NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE,
        target_addr: own,
        lladdr: Some(ROUTER.into()),
    });
    let ip = Ipv6Repr {
        src_addr: own,
        dst_addr: source,
        next_header: IpProtocol::Icmpv6,
        payload_len: answer.buffer_len(),
        hop_limit: 255,
    };
    Some(frame(EthernetProtocol::Ipv6, ip.buffer_len() + answer.buffer_len(), |payload| {
        let mut packet = Ipv6Packet::new_unchecked(payload);
        ip.emit(&mut packet);
        answer.emit(&own, &source, &mut Icmpv6Packet::new_unchecked(packet.payload_mut()), &checksums);
    }))
}
