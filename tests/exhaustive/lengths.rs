//! Every length octet of headers that all packets can have, in buffers of every length it could be compared with.

use xcast_sec::wire::{AhHeader, ExtensionHeader, Ipv4Header, Ipv6Header, ParseErrorKind, UdpDatagram, protocol};

#[test]
fn every_ihl_and_total_length() {
    let mut sound = 0;
    for len in 0..=70_usize {
        let mut packet: Vec<u8> = (0..70).collect();
        for first in 0..=u8::MAX {
            for total in 0..=75_usize {
                packet[0] = first;
                packet[2..4].copy_from_slice(&u16::try_from(total).unwrap().to_be_bytes());
                let header_len = usize::from(first & 15) * 4;
                let expected = match (len, first >> 4, header_len, total) {
                    (..20, ..) => Err(ParseErrorKind::Truncated),
                    (_, version, ..) if version != 4 => Err(ParseErrorKind::IpVersion),
                    (_, _, ..20, _) => Err(ParseErrorKind::Ipv4HeaderLength),
                    (_, _, header_len, total) if total < header_len => Err(ParseErrorKind::Ipv4TotalLength),
                    (len, _, _, total) if total > len => Err(ParseErrorKind::Truncated),
                    (_, _, header_len, total) => Ok((header_len, total - header_len)),
                };
                let split = Ipv4Header::split(&packet[..len]);
                if let Ok((header, payload)) = split {
                    sound += 1;
                    assert_eq!(header.as_octets(), &packet[..header_len]);
                    assert_eq!(payload, &packet[header_len..total]);
                    assert_eq!(header.total_length(), total);
                }
                let read = split.map(|(header, payload)| (header.header_len(), payload.len()));
                assert_eq!(read.map_err(|error| error.kind()), expected, "{first:#x}, {total} in {len}");
            }
        }
    }
    assert!(sound > 6_000, "{sound}");
}

#[test]
fn every_payload_length_of_ipv6() {
    let mut packet = vec![0; 40 + 300];
    for payload in 0..=u16::MAX {
        packet[0] = 0x60;
        packet[4..6].copy_from_slice(&payload.to_be_bytes());
        for len in [0, 39, 40, 41, 255, 296, 297, 340] {
            let fits = len >= 40 && usize::from(payload) <= len - 40;
            let split = Ipv6Header::split(&packet[..len]);
            let read = split.map(|(_, behind)| behind.len()).map_err(|error| error.kind());
            let expected = if fits { Ok(usize::from(payload)) } else { Err(ParseErrorKind::Truncated) };
            assert_eq!(read, expected, "{payload} in {len}");
        }
    }
}

#[test]
fn every_hdr_ext_len() {
    let packet: Vec<u8> = (0..2200).map(|at| at as u8).collect();
    for at in [0, 40] {
        for units in 0..=u8::MAX {
            let mut packet = packet.clone();
            packet[at + 1] = units;
            let end = at + 8 * (usize::from(units) + 1);
            for len in (0..at + 20).chain(end.saturating_sub(9)..=end + 9) {
                let read = ExtensionHeader::read(&packet[..len], protocol::HOP_BY_HOP, at);
                let expected = if end <= len { Ok(&packet[at..end]) } else { Err(ParseErrorKind::Truncated) };
                assert_eq!(
                    read.map(|header| header.octets).map_err(|error| error.kind()),
                    expected,
                    "{units} in {len}"
                );
                assert!(read.is_err() || read.unwrap().end() == end);
            }
        }
    }
}

#[test]
fn every_ah_payload_len() {
    for payload_len in 0..=u8::MAX {
        let mut octets: Vec<u8> = (0..1100).map(|at| at as u8).collect();
        octets[1] = payload_len;
        let header_len = 4 * (usize::from(payload_len) + 2);
        for len in (0..=24).chain(header_len - 5..=header_len + 5) {
            let expected = match (len, header_len) {
                (..12, _) => Err(ParseErrorKind::Truncated),
                (_, ..12) => Err(ParseErrorKind::AhPayloadLen),
                (len, header_len) if header_len > len => Err(ParseErrorKind::Truncated),
                _ => Ok((&octets[12..header_len], &octets[header_len..len])),
            };
            let read = AhHeader::split(&octets[..len]).map(|(header, rest)| (header.icv_field(), rest));
            assert_eq!(read.map_err(|error| error.kind()), expected, "{payload_len} in {len}");
        }
    }
}

#[test]
fn every_udp_length() {
    for len in (0..=12).chain([100, 65_535, 65_600]) {
        let mut octets = vec![0xda; len];
        for length in 0..=u16::MAX {
            if let Some(place) = octets.get_mut(4..6) {
                place.copy_from_slice(&length.to_be_bytes());
            }
            let expected = match (len, usize::from(length)) {
                (..8, _) => Err(ParseErrorKind::Truncated),
                (_, ..8) => Err(ParseErrorKind::UdpLength),
                (len, length) if length > len => Err(ParseErrorKind::UdpLength),
                (_, length) => Ok(length - 8),
            };
            let read = UdpDatagram::parse(&octets).map(|datagram| datagram.payload().len());
            assert_eq!(read.map_err(|error| error.kind()), expected, "{length} in {len}");
        }
    }
}

/// Every kind of option with every length, at the beginning of options and behind others.
#[test]
fn every_option_length() {
    for filler in [0, 1, 3, 30] {
        for kind in 0..=u8::MAX {
            for length in 0..=u8::MAX {
                // IPv4: an IHL of 15 leaves 40 octets. Kind 1 is a NOP, 0 the end.
                let mut packet = [1; 60];
                packet[0] = 0x4f;
                packet[2..4].copy_from_slice(&60_u16.to_be_bytes());
                (packet[20 + filler], packet[21 + filler]) = (kind, length);
                let room = 40 - filler;
                let expected = match kind {
                    0 => Some(room),
                    1 => Some(1),
                    _ => Some(usize::from(length)).filter(|len| (2..=room).contains(len)),
                };
                let header = Ipv4Header::split(&packet).unwrap().0;
                let option = header.options().nth(filler).unwrap();
                assert_eq!(
                    option.ok().map(|option| option.octets.len()),
                    expected,
                    "{kind} of {length} behind {filler}"
                );
                let mut end = 20;
                for option in header.options().map_while(Result::ok) {
                    assert_eq!((option.at, option.octets), (end, &packet[end..end + option.octets.len()]));
                    assert!(option.data().len() <= option.octets.len());
                    end += option.octets.len();
                }
                assert!(end <= 60);

                // IPv6: kind 0 is a Pad1, every other one has a length without its own two octets.
                let mut octets = [0; 48];
                octets[1] = 5;
                (octets[2 + filler], octets[3 + filler]) = (kind, length);
                let room = 46 - filler;
                let expected = match kind {
                    0 => Some(1),
                    _ => Some(usize::from(length) + 2).filter(|len| *len <= room),
                };
                let header = ExtensionHeader::read(&octets, protocol::HOP_BY_HOP, 0).unwrap();
                let option = header.options().nth(filler).unwrap();
                assert_eq!(
                    option.ok().map(|option| option.octets.len()),
                    expected,
                    "{kind} of {length} behind {filler}"
                );
                let mut end = 2;
                for option in header.options().map_while(Result::ok) {
                    assert_eq!((option.at, option.octets), (end, &octets[end..end + option.octets.len()]));
                    end += option.octets.len();
                }
                assert!(end <= 48);
            }
        }
    }
}
