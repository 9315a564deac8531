//! Every length octet of an Xcast header, with every number of destinations and all flags that change the length.

use xcast_sec::wire::{BitmapPlace, ChecksumPolicy, CodePoints, ParseErrorKind, XcastHeader, XcastPacket, protocol};

fn rounded(len: usize, unit: usize) -> usize {
    len.div_ceil(unit) * unit
}

/// Octets of an Xcast4 header: `spec/WIRE.md` §3 added up.
fn xcast4_len(count: usize, dscps: bool, ports: bool, place: BitmapPlace) -> usize {
    let bitmap = if place == BitmapPlace::Header { 4 * count.div_ceil(32) } else { 0 };
    let dscps = if dscps { rounded(count, 4) } else { 0 };
    let ports = if ports { rounded(2 * count, 4) } else { 0 };
    12 + bitmap + 4 * count + dscps + ports
}

/// Octets of an Xcast6 Routing header: §4.
fn xcast6_len(count: usize, dscps: bool, place: BitmapPlace) -> usize {
    let bitmap = if place == BitmapPlace::Header { 8 * count.div_ceil(64) } else { 0 };
    let dscps = if dscps { rounded(count, 8) } else { 0 };
    24 + bitmap + 16 * count + dscps
}

/// What reading must say of a header that should have `len` octets and announces `announced`, in a buffer of `room`.
fn expected(count: usize, len: usize, announced: usize, room: usize) -> Result<usize, ParseErrorKind> {
    match count {
        0 => Err(ParseErrorKind::NoDestination),
        _ if len != announced => Err(ParseErrorKind::XcastLength),
        _ if len > room => Err(ParseErrorKind::Truncated),
        _ => Ok(len),
    }
}

#[test]
fn every_length_of_xcast4() {
    let mut sound = 0;
    let mut octets = [0; 1200];
    for count in 0..128 {
        for length in 0..=u8::MAX {
            for flags in 0..4_u8 {
                for place in [BitmapPlace::Header, BitmapPlace::Option] {
                    (octets[0], octets[1], octets[9]) = (0x10 | flags, count, length);
                    let count = usize::from(count);
                    let len = xcast4_len(count, flags & 2 != 0, flags & 1 != 0, place);
                    for room in [1200, len, len - 1, 12] {
                        let split = XcastHeader::split_v4(&octets[..room], place);
                        let read = split.map(|(header, rest)| {
                            assert_eq!(rest.len(), room - header.as_octets().len());
                            assert_eq!(header.destinations().count(), count);
                            assert!(header.port(count).is_none() && header.dscp(count).is_none());
                            sound += 1;
                            header.as_octets().len()
                        });
                        let expected = expected(count, len, usize::from(length) * 4, room);
                        assert_eq!(
                            read.map_err(|error| error.kind()),
                            expected,
                            "{count}, {length}, {flags}, {place:?}"
                        );
                    }
                }
            }
        }
    }
    assert!(sound > 1_000, "{sound}");
}

#[test]
fn every_length_of_xcast6() {
    let mut sound = 0;
    let mut octets = [0; 2300];
    for count in 0..128 {
        for length in 0..=u8::MAX {
            for dscps in [false, true] {
                for place in [BitmapPlace::Header, BitmapPlace::Option] {
                    octets[1] = length;
                    (octets[4], octets[5]) = (0x10 | u8::from(dscps) << 1, count);
                    let count = usize::from(count);
                    let len = xcast6_len(count, dscps, place);
                    for room in [2300, len, len - 1, 24] {
                        let split = XcastHeader::split_v6(&octets[..room], place);
                        let read = split.map(|(header, rest)| {
                            assert_eq!(rest.len(), room - header.as_octets().len());
                            assert_eq!(header.destinations().count(), count);
                            sound += 1;
                            header.as_octets().len()
                        });
                        let expected = expected(count, len, 8 * (usize::from(length) + 1), room);
                        assert_eq!(
                            read.map_err(|error| error.kind()),
                            expected,
                            "{count}, {length}, {dscps}, {place:?}"
                        );
                    }
                }
            }
        }
    }
    assert!(sound > 500, "{sound}");
}

/// The same in whole packets, which are read another way if they are plain: also every octet of VERSION and flags, and the bit in
/// front of the number.
#[test]
fn every_length_of_xcast6_in_a_packet() {
    let code_points = CodePoints::rfc4727_experiment();
    let mut octets = [0; 40 + 2300];
    (octets[0], octets[6], octets[40]) = (0x60, protocol::ROUTING, protocol::NO_NEXT_HEADER);
    octets[4..6].copy_from_slice(&2300_u16.to_be_bytes());
    octets[42] = code_points.fields().xcast6_routing_type;
    let mut sound = 0;
    let mut check = |flags: u8, count: u8, length: u8| {
        (octets[41], octets[44], octets[45]) = (length, flags, count);
        let announced = 8 * (usize::from(length) + 1);
        let count = usize::from(count & 0x7f);
        let len = xcast6_len(count, flags & 2 != 0, BitmapPlace::Header);
        let expected = match flags >> 4 {
            1 => expected(count, len, announced, 2300),
            _ => Err(ParseErrorKind::XcastVersion),
        };
        let read = XcastPacket::parse(&octets, &code_points, ChecksumPolicy::Ignore).map(|packet| {
            assert_eq!(packet.header().destination_count(), count);
            sound += 1;
            packet.header().as_octets().len()
        });
        assert_eq!(read.map_err(|error| error.kind()), expected, "{flags}, {count}, {length}");
    };
    for length in 0..=u8::MAX {
        for count in 0..=u8::MAX {
            check(0x10, count, length);
        }
        for flags in 0..=u8::MAX {
            check(flags, 3, length);
        }
    }
    assert!(sound > 250, "{sound}");
}
