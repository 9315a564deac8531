//! Refusals, and what does not parse.

use std::net::{IpAddr, Ipv6Addr};

use xcast_sec::forward::{ForwardError, Refusal, Router, RouterPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, ChecksumPolicy, Family, ParseErrorKind, XcastPacket, protocol};

use crate::kit::*;

#[test]
fn sources_that_packets_are_not_routed_from() {
    let v4 = ["224.0.0.1", "0.0.0.0", "127.0.0.1", "255.255.255.255", "169.254.1.1"];
    let v6 = ["ff02::1", "::", "::1", "fe80::1", "::ffff:127.0.0.1"];
    for (family, sources) in FAMILIES.into_iter().zip([v4, v6]) {
        for source in sources {
            let packet = plain(family, 2);
            let mut octets = packet.octets();
            match source.parse().unwrap() {
                IpAddr::V4(source) => octets[12..16].copy_from_slice(&source.octets()),
                IpAddr::V6(source) => octets[8..24].copy_from_slice(&source.octets()),
            }
            fix_checksums(&mut octets);
            assert_eq!(refuse_any(&octets, &packet), ForwardError::UnusableSource, "{source}");
        }
    }
}

/// A Routing header in front of the Xcast one that has not led the packet to its end.
#[test]
fn segments_left_in_front_of_the_xcast_header() {
    let packet = plain(Family::V6, 2);
    let whole = packet.octets();
    let payload_at = whole.len() - packet.payload.len();
    for (left, refused) in [(0, false), (1, true), (255, true)] {
        let foreign = vec![0, 0, 4, left, 0, 0, 0, 0];
        let headers = vec![(protocol::ROUTING, foreign), (protocol::ROUTING, whole[40..payload_at].to_vec())];
        let mut octets = chain(&whole[..40], headers, protocol::UDP, &packet.payload);
        fix_checksums(&mut octets);
        if refused {
            assert_eq!(refuse_any(&octets, &packet), ForwardError::Refused(Refusal::SegmentsLeft));
        } else {
            assert_eq!(forward(&octets, &Net::uniform(&packet, route(1))).outcome.copies, 1);
        }
    }
}

#[test]
fn refused_constructions() {
    let mut packet = plain(Family::V4, 2);
    let net = Net::uniform(&packet, route(1));

    let mut octets = insert(packet.octets(), 20, &ah(253), 9, protocol::AH);
    fix_checksums(&mut octets);
    assert_eq!(refuse(&octets, &net), ForwardError::Refused(Refusal::BitmapUnderAh));

    let mut octets = packet.octets();
    octets[28] = protocol::AH;
    fix_checksums(&mut octets);
    assert_eq!(refuse(&octets, &net), ForwardError::Refused(Refusal::AhBehindXcast4));

    packet.place = BitmapPlace::Option;
    let mut octets = insert(packet.octets(), 28, &ah(253), 9, protocol::AH);
    octets[28 + 24] |= 0x08;
    fix_checksums(&mut octets);
    assert_eq!(refuse(&octets, &net), ForwardError::Refused(Refusal::AnonymousUnderAh));

    for (family, flags_at) in [(Family::V4, 28), (Family::V6, 40 + 16 + 4)] {
        let mut packet = plain(family, 2);
        packet.place = BitmapPlace::Option;
        let mut octets = packet.octets();
        octets[flags_at] |= 0x08;
        fix_checksums(&mut octets);
        let refusal = refuse(&octets, &Net::uniform(&packet, route(1)));
        assert_eq!(refusal, ForwardError::Refused(Refusal::AnonymousWithSeparatedBitmap));
    }

    // An address that cannot be routed to does not hide the refusal, nor does a foreign destination the parse error.
    let mut packet = plain(Family::V6, 2);
    packet.payload = [vec![0; 8], packet.payload].concat();
    let octets = packet.octets();
    let mut octets = insert(octets, 40, &ah(protocol::ROUTING), 6, protocol::AH);
    octets[24..40].copy_from_slice(&Ipv6Addr::LOCALHOST.octets());
    let error = refuse(&octets, &net);
    assert!(matches!(error, ForwardError::Parse(error) if error.kind() == ParseErrorKind::RoutingBehindAh));
}

#[test]
fn errors_are_counted_by_class() {
    for family in FAMILIES {
        let packet = plain(family, 2);
        let good = packet.octets();
        let at = xcast_at(&good);
        let flags_at = if family == Family::V4 { at } else { at + 4 };
        let edit = |edit: &dyn Fn(&mut Vec<u8>)| {
            let mut octets = good.clone();
            edit(&mut octets);
            octets
        };
        let mut router = Router::new(code_points(), RouterPolicy::default());
        let net = Net::uniform(&packet, route(1));
        let mut refuse =
            |octets: Vec<u8>| router.forward(Instant::START, None, &octets, &net, &mut Log::default()).unwrap_err();
        refuse(edit(&|o| o.truncate(o.len() - 1)));
        refuse(edit(&|o| o[flags_at + 1] = 0));
        refuse(edit(&|o| o[flags_at] = 0x20));
        refuse(edit(&|o| o[flags_at + 3] ^= 1));
        refuse(unicast(family, protocol::UDP, packet.addresses[0], 9, 0, &packet.payload));
        refuse(vec![]);
        if family == Family::V4 {
            refuse(edit(&|o| o[10] ^= 1));
        }
        if family == Family::V6 {
            refuse(insert(good.clone(), 40, &ah(protocol::ROUTING), 6, protocol::AH));
        }
        let c = router.counters;
        let v4 = u64::from(family == Family::V4);
        assert_eq!(c.refused, 1 - v4, "Routing header behind AH");
        assert_eq!((c.packets, c.malformed, c.unsupported, c.checksum, c.not_xcast), (7, 3, 1, 1 + v4, 1));
        // By policy a wrong CHECKSUM is let through, and stays wrong.
        let octets = edit(&|o| o[flags_at + 3] ^= 1);
        let result =
            forward_with(&octets, &net, policy(|policy| policy.checksum = ChecksumPolicy::Ignore), &[]).unwrap();
        let copy = &result.log.sent[0].octets;
        assert!(XcastPacket::parse(copy, &code_points(), ChecksumPolicy::Verify).is_err());
    }
}

#[test]
fn counters_add_up_over_packets_and_saturate() {
    let mut router = Router::new(code_points(), RouterPolicy::default());
    let packet = plain(Family::V4, 2);
    let net = Net::new(&packet, &[route(1)]);
    for _ in 0..3 {
        assert!(router.forward(Instant::START, None, &packet.octets(), &net, &mut Log::default()).is_ok());
    }
    let c = router.counters;
    assert_eq!((c.packets, c.destinations, c.unicast, c.no_route), (3, 6, 3, 3));
    router.counters.packets = u64::MAX;
    router.counters.destinations = u64::MAX - 1;
    assert!(router.forward(Instant::START, None, &packet.octets(), &net, &mut Log::default()).is_ok());
    assert_eq!((router.counters.packets, router.counters.destinations), (u64::MAX, u64::MAX));
}
