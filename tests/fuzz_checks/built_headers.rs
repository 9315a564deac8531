//! Plain headers that are built, as etherparse reads them.

use etherparse::{IpAuthHeaderSlice, Ipv4Slice, Ipv6HeaderSlice, UdpSlice};
use xcast_sec::wire::{AhRepr, Ipv4Repr, Ipv6Repr, UdpRepr, protocol};

/// Checks headers with fields that the octets choose. A finding panics.
pub(crate) fn built(data: &[u8]) {
    let octet = |at: usize| data.get(at).copied().unwrap_or(0x5c);
    let words = [octet(1), octet(2), octet(3), octet(4)];
    let payload = data.get(5..).unwrap_or(&[]);
    let mut buffer = vec![0xa5; 20 + payload.len()];
    buffer[20..].copy_from_slice(payload);
    let (source, destination) = (words.into(), [octet(5), octet(6), octet(7), octet(8)].into());
    // No AH, which etherparse would look into.
    let number = if octet(9) == protocol::AH { 17 } else { octet(9) };
    let v4 = Ipv4Repr {
        tos: octet(0),
        ttl: octet(4),
        protocol: number,
        source,
        destination,
        options_len: 0,
        payload_len: payload.len(),
    };
    v4.emit(&mut buffer).expect("there is room");
    let theirs = Ipv4Slice::from_slice(&buffer).expect("etherparse reads it");
    let header = theirs.header();
    assert_eq!(header.to_header().calc_header_checksum(), header.header_checksum());
    assert_eq!((header.source_addr(), header.destination_addr()), (source, destination));
    assert_eq!((header.ttl(), header.protocol().0, header.dont_fragment()), (v4.ttl, v4.protocol, true));
    assert_eq!(header.dcp().value() << 2 | header.ecn().value(), v4.tos);
    assert_eq!(theirs.payload().payload, payload);

    let mut buffer = [&[0xa5; 40], payload].concat();
    let v6 = Ipv6Repr {
        traffic_class: octet(0),
        hop_limit: octet(4),
        next_header: octet(9),
        source: source.to_ipv6_mapped(),
        destination: destination.to_ipv6_compatible(),
        payload_len: payload.len(),
    };
    v6.emit(&mut buffer).expect("there is room");
    let theirs = Ipv6HeaderSlice::from_slice(&buffer).expect("etherparse reads it");
    assert_eq!((theirs.traffic_class(), theirs.flow_label().value()), (v6.traffic_class, 0));
    assert_eq!((theirs.hop_limit(), theirs.next_header().0), (v6.hop_limit, v6.next_header));
    assert_eq!((theirs.source_addr(), theirs.destination_addr()), (v6.source, v6.destination));
    assert_eq!(usize::from(theirs.payload_length()), payload.len());

    let repr = UdpRepr { source_port: u16::from(octet(1)) << 3, destination_port: 9, payload };
    let mut buffer = vec![0xa5; repr.encoded_len()];
    repr.emit(source.into(), destination.into(), &mut buffer).expect("there is room");
    let theirs = UdpSlice::from_slice(&buffer).expect("etherparse reads it");
    assert_eq!((theirs.source_port(), theirs.destination_port()), (repr.source_port, repr.destination_port));
    assert_eq!(theirs.payload(), payload);
    let right = theirs.to_header().calc_checksum_ipv4_raw(source.octets(), destination.octets(), payload);
    assert_eq!(Ok(theirs.checksum()), right);

    let repr = AhRepr {
        next_header: octet(1),
        spi: u32::from_be_bytes(words),
        sequence: u32::from(octet(6)),
        header_len: 12 + 4 * usize::from(octet(2)),
    };
    let mut buffer = vec![0xa5; repr.header_len];
    // Payload Len starts from 1, with no ICV.
    let result = repr.emit(&mut buffer);
    assert_eq!(result.is_ok(), repr.header_len <= 1028);
    if result.is_ok() {
        let theirs = IpAuthHeaderSlice::from_slice(&buffer).expect("etherparse reads it");
        assert_eq!((theirs.next_header().0, theirs.spi()), (repr.next_header, repr.spi));
        assert_eq!(theirs.sequence_number(), repr.sequence);
        assert!(theirs.raw_icv().iter().all(|&octet| octet == 0) && theirs.slice().len() == repr.header_len);
    }
}
