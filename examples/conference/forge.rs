//! What somebody on a link can do to a packet without any key. Every checksum is made right again, as only IPsec is to
//! stand in the way.

use std::error::Error;
use std::net::IpAddr;

use xcast_sec::wire::{
    AhHeader, ChecksumPolicy, ChecksumUpdate, CodePoints, DestinationSet, XcastPacket, XcastPacketMut, protocol,
};

use super::session::ICV_LEN;

/// Where UDP has its checksum.
const UDP_CHECKSUM_AT: usize = 6;
/// Where IPv4 has its checksum.
const IPV4_CHECKSUM_AT: usize = 10;

/// Flips one bit near the end: of what is said, or of its ciphertext.
pub(crate) fn flip_bit(packet: &mut [u8], code_points: &CodePoints) -> Result<(), Box<dyn Error>> {
    match datagram_at(packet, code_points)? {
        Some(datagram_at) => {
            // A 16-bit word of the datagram.
            let at = datagram_at + 16;
            let old = [packet[at], packet[at + 1]];
            packet[at] ^= 0x01;
            let new = [packet[at], packet[at + 1]];
            update_checksum(packet, datagram_at + UDP_CHECKSUM_AT, &old, &new);
        }
        None => {
            let at = packet.len() - ICV_LEN - 1;
            packet[at] ^= 0x01;
        }
    }
    Ok(())
}

/// Claims that somebody else sent the packet.
pub(crate) fn replace_source(
    packet: &mut [u8],
    source: IpAddr,
    code_points: &CodePoints,
) -> Result<(), Box<dyn Error>> {
    let new = octets(source);
    // RFC 791 §3.1, RFC 8200 §3.
    let source_at = if source.is_ipv4() { 12 } else { 8 };
    let datagram_at = datagram_at(packet, code_points)?;
    let old = packet[source_at..source_at + new.len()].to_vec();
    packet[source_at..source_at + new.len()].copy_from_slice(&new);
    if source.is_ipv4() {
        update_checksum(packet, IPV4_CHECKSUM_AT, &old, &new);
    }
    if let Some(datagram_at) = datagram_at {
        // The pseudo-header holds the source address.
        update_checksum(packet, datagram_at + UDP_CHECKSUM_AT, &old, &new);
    }
    Ok(())
}

/// Clears the bit of one destination, as a router does that serves it by another copy.
pub(crate) fn clear_bit(packet: &mut [u8], index: usize, code_points: &CodePoints) -> Result<(), Box<dyn Error>> {
    let bits = XcastPacket::parse(packet, code_points, ChecksumPolicy::Verify)?.bits();
    let keep = bits.difference(DestinationSet::single(index));
    XcastPacketMut::parse(packet, code_points, ChecksumPolicy::Verify)?.retain(keep);
    Ok(())
}

/// Puts another address in the list of destinations.
pub(crate) fn replace_destination(
    packet: &mut [u8],
    index: usize,
    address: IpAddr,
    code_points: &CodePoints,
) -> Result<(), Box<dyn Error>> {
    let xcast = XcastPacket::parse(packet, code_points, ChecksumPolicy::Verify)?;
    let header = xcast.header();
    // The list is the last thing in the header here, and nothing stands between the header and the payload.
    let header_end = packet.len() - xcast.payload().len();
    let checksum_at = header_end - header.as_octets().len() + if address.is_ipv4() { 2 } else { 6 };
    let new = octets(address);
    let address_at = header_end - (header.destination_count() - index) * new.len();
    let old = packet[address_at..address_at + new.len()].to_vec();
    packet[address_at..address_at + new.len()].copy_from_slice(&new);
    update_checksum(packet, checksum_at, &old, &new);
    Ok(())
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// Where the UDP datagram starts in an Xcast packet, unless ESP hides it.
fn datagram_at(packet: &[u8], code_points: &CodePoints) -> Result<Option<usize>, Box<dyn Error>> {
    let xcast = XcastPacket::parse(packet, code_points, ChecksumPolicy::Verify)?;
    let (mut next_protocol, mut rest) = (xcast.next_protocol(), xcast.payload());
    if next_protocol == protocol::AH {
        let (ah, behind) = AhHeader::split(rest)?;
        (next_protocol, rest) = (ah.next_header(), behind);
    }
    Ok((next_protocol == protocol::UDP).then(|| packet.len() - rest.len()))
}

fn update_checksum(packet: &mut [u8], at: usize, old: &[u8], new: &[u8]) {
    let checksum = u16::from_be_bytes([packet[at], packet[at + 1]]);
    let checksum = ChecksumUpdate::new(checksum).replace(old, new).finish();
    packet[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}
