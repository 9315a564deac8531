//! Xcast to unicast.

use crate::common::{Packet, destination, ones_complement_sum, source};
use xcast_sec::forward::{CopyKind, ForwardError, Route};
use xcast_sec::wire::{BitmapPlace, Family, protocol};

use crate::kit::*;

/// Every transport, with and without ports, either place of the bitmap, odd and even lengths, next hops of both kinds:
/// the copy is the packet that the sender would have sent to the destination alone, its checksum computed in full.
#[test]
fn x2u_is_what_the_sender_would_have_sent_to_one() {
    let tails: [&[u8]; 3] = [&[0x11; 20], &[0xfe; 21], &[0; 44]];
    for family in FAMILIES {
        for number in transports(family) {
            for (ports, place) in [false, true]
                .into_iter()
                .zip([BitmapPlace::Header, BitmapPlace::Option])
                .chain([(true, BitmapPlace::Header), (false, BitmapPlace::Option)])
            {
                for (tail, next) in tails.into_iter().zip([route(1), legacy(1), route(1)]) {
                    let mut packet = Packet::plain(family, 3).with_lists(false, ports);
                    (packet.place, packet.next_protocol, packet.hop_limit) = (place, number, 2);
                    packet.payload = segment(number, source(family), group(family), 9, tail);
                    let result = forward(&packet.octets(), &Net::new(&packet, &[next, route(2), route(2)]));
                    assert_eq!(result.shape()[0], (1, CopyKind::Unicast, set(&[0])));
                    assert_eq!(result.shape()[1], (2, CopyKind::Xcast, set(&[1, 2])));
                    let port = if ports { 0x8001 } else { 9 };
                    let to = packet.addresses[0];
                    let expected = segment(number, source(family), to, port, tail);
                    let expected = unicast(family, number, to, 1, 0, &expected);
                    assert_eq!(result.log.sent[0].octets, expected, "{family:?} {number} ports {ports} {place:?}");
                }
            }
        }
    }
}

#[test]
fn premature_x2u_serves_each_destination_in_order() {
    for family in FAMILIES {
        let mut packet = plain(family, 4).with_lists(false, true);
        packet.bits = set(&[0, 1, 3]);
        let result = forward(&packet.octets(), &Net::uniform(&packet, legacy(1)));
        assert_eq!(result.shape(), [0, 1, 3].map(|index| (1, CopyKind::Unicast, set(&[index]))));
        for (sent, index) in result.log.sent.iter().zip([0, 1, 3]) {
            let to = packet.addresses[index];
            let port = packet.ports.as_ref().unwrap()[index];
            let expected = segment(protocol::UDP, source(family), to, port, b"....for you..");
            assert_eq!(sent.octets, unicast(family, protocol::UDP, to, 63, 0, &expected));
        }
    }
}

#[test]
fn policy_decides_on_x2u() {
    let packet = plain(Family::V6, 2);
    let octets = packet.octets();
    let xcast = |result: Forwarded| result.log.sent.iter().all(|sent| sent.kind == CopyKind::Xcast);
    let run = |routes: &[Route<u8>], x2u, premature| {
        let policy = policy(|policy| (policy.x2u, policy.premature_x2u) = (x2u, premature));
        forward_with(&octets, &Net::new(&packet, routes), policy, &[]).unwrap()
    };
    assert!(xcast(run(&[route(1), route(2)], false, true)), "X2U off");
    assert_eq!(run(&[legacy(1), legacy(2)], false, true).counters.unicast, 2, "premature X2U of groups of one");
    assert_eq!(run(&[legacy(1), legacy(2)], true, false).counters.unicast, 2, "X2U needs no capable next hop");
    assert_eq!(run(&[legacy(1), legacy(1)], true, false).counters.not_capable, 2, "premature X2U off");
    assert_eq!(run(&[legacy(1), legacy(2)], false, false).counters.not_capable, 2, "both off");
}

/// A result of 0 is sent as 0xffff in UDP and UDP-Lite, and as it is in TCP and ICMPv6.
#[test]
fn checksum_results_of_zero() {
    for family in FAMILIES {
        for number in transports(family) {
            let Some((at, _)) = checksum_field(number) else { continue };
            let mut packet = Packet::plain(family, 1);
            let to = packet.addresses[0];
            // A covered word that no checksum or port is in makes up what is missing.
            let free = if number == protocol::TCP || number == protocol::ICMPV6 { 4 } else { 0 };
            let mut wanted = segment(number, source(family), to, 9, &[0; 40]);
            wanted[free..free + 2].fill(0);
            wanted[at..at + 2].fill(0);
            let missing = !transport_sum(number, source(family), to, &wanted);
            wanted[free..free + 2].copy_from_slice(&missing.to_be_bytes());
            assert_eq!(transport_sum(number, source(family), to, &wanted), 0xffff, "right with a checksum of 0");
            let mut sent = wanted.clone();
            let checksum = !transport_sum(number, source(family), group(family), &sent);
            sent[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
            (packet.next_protocol, packet.payload) = (number, sent);
            let result = forward(&packet.octets(), &Net::uniform(&packet, route(1)));
            let ones = matches!(number, protocol::UDP | protocol::UDP_LITE);
            wanted[at..at + 2].fill(if ones { 0xff } else { 0 });
            assert_eq!(result.log.sent[0].octets, unicast(family, number, to, 63, 0, &wanted), "{family:?} {number}");
        }
    }
}

/// RFC 768 and RFC 6935: no checksum stays no checksum, and the port changes all the same. UDP-Lite knows no such thing.
#[test]
fn a_udp_checksum_of_zero_stays() {
    for family in FAMILIES {
        for number in [protocol::UDP, protocol::UDP_LITE] {
            let mut packet = Packet::plain(family, 1).with_lists(false, true);
            let to = packet.addresses[0];
            packet.next_protocol = number;
            packet.payload = segment(number, source(family), group(family), 9, &[0x42; 9]);
            packet.payload[6..8].fill(0);
            let error = transport_sum(number, source(family), group(family), &packet.payload);
            let result = forward(&packet.octets(), &Net::uniform(&packet, route(1)));
            let octets = &result.log.sent[0].octets;
            let sent = &octets[octets.len() - packet.payload.len()..];
            assert_eq!(sent[2..4], [0x80, 0x01]);
            assert_eq!(sent[6..8] == [0, 0], number == protocol::UDP);
            if number == protocol::UDP_LITE {
                assert_eq!(transport_sum(number, source(family), to, sent), error, "as wrong as it came");
            }
        }
    }
}

/// A checksum that was wrong before X2U is wrong after it.
#[test]
fn damage_stays_visible() {
    for family in FAMILIES {
        for number in transports(family) {
            let Some((at, _)) = checksum_field(number) else { continue };
            let mut packet = Packet::plain(family, 1).with_lists(false, true);
            packet.next_protocol = number;
            packet.payload = segment(number, source(family), group(family), 9, &[0x42; 30]);
            packet.payload[at] ^= 0x10;
            let octets = forward(&packet.octets(), &Net::uniform(&packet, route(1))).log.sent.remove(0).octets;
            let sent = &octets[octets.len() - packet.payload.len()..];
            assert_ne!(transport_sum(number, source(family), packet.addresses[0], sent), 0xffff);
        }
    }
}

/// What X2U cannot be done with stays Xcast, and ends at a next hop without Xcast.
#[test]
fn other_transports_and_short_segments_stay_xcast() {
    for family in FAMILIES {
        let foreign = if family == Family::V4 { protocol::ICMPV6 } else { protocol::ICMP };
        let long = vec![0; 40];
        let mut cases = vec![
            (protocol::ESP, &long[..]),
            (132, &long),
            (protocol::NO_NEXT_HEADER, &long),
            (foreign, &long),
            (protocol::UDP, &long[..7]),
            (protocol::UDP_LITE, &long[..7]),
            (protocol::TCP, &long[..17]),
            (protocol::UDP, &[]),
        ];
        let mut possible =
            vec![(protocol::UDP, &long[..8]), (protocol::UDP_LITE, &long[..8]), (protocol::TCP, &long[..18])];
        let fragment = [&[protocol::UDP, 0, 0, 0, 0, 0, 0, 1], &long[..]].concat();
        let ah_udp = [&ah(protocol::UDP)[..], &long[..]].concat();
        let unending = [&[protocol::UDP, 200, 1, 4, 0, 0, 0, 0], &long[..]].concat();
        if family == Family::V6 {
            cases.extend([(protocol::ICMPV6, &long[..3]), (protocol::FRAGMENT, &fragment), (protocol::AH, &ah_udp)]);
            cases.push((protocol::DESTINATION_OPTIONS, &unending));
            possible.push((protocol::ICMPV6, &long[..4]));
        } else {
            cases.push((protocol::ICMP, &long[..3]));
            possible.push((protocol::ICMP, &long[..4]));
        }
        for (number, payload) in cases {
            let mut packet = plain(family, 1);
            packet.payload = payload.to_vec();
            let number_at = if family == Family::V4 { 28 } else { 40 };
            let mut octets = packet.octets();
            octets[number_at] = number;
            if number == protocol::DESTINATION_OPTIONS {
                // It would run past the end: not even the parser takes it.
                assert!(matches!(refuse_any(&octets, &packet), ForwardError::Parse(_)));
                continue;
            }
            fix_checksums(&mut octets);
            let result = forward(&octets, &Net::uniform(&packet, route(1)));
            assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0]))], "{family:?} {number} {}", payload.len());
            let result = forward(&octets, &Net::uniform(&packet, legacy(1)));
            assert_eq!((result.shape(), result.counters.not_capable), (vec![], 1));
        }
        for (number, payload) in possible {
            let mut packet = plain(family, 1);
            (packet.next_protocol, packet.payload) = (number, payload.to_vec());
            let result = forward(&packet.octets(), &Net::uniform(&packet, route(1)));
            assert_eq!(result.shape(), [(1, CopyKind::Unicast, set(&[0]))], "{family:?} {number} {}", payload.len());
        }
    }
}

#[test]
fn x_forbids_x2u() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        packet.no_x2u = true;
        let result = forward(&packet.octets(), &Net::new(&packet, &[route(1), legacy(2)]));
        assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0]))]);
        assert_eq!(result.counters.not_capable, 1);
    }
}

/// A packet with AH stays as AH covers it, whatever X says.
#[test]
fn ah_forbids_x2u() {
    let mut packet = plain(Family::V4, 2);
    packet.place = BitmapPlace::Option;
    let mut octets = insert(packet.octets(), 28, &ah(253), 9, protocol::AH);
    fix_checksums(&mut octets);
    let result = forward(&octets, &Net::new(&packet, &[route(1), legacy(2)]));
    assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0]))]);
    assert_eq!(result.counters.not_capable, 1);
    assert_eq!(result.log.sent[0].octets[28..], octets[28..], "from the AH on nothing changes");

    let packet = plain(Family::V6, 2);
    let octets = packet.octets();
    let at = octets.len() - packet.payload.len();
    let mut octets = insert(octets, at, &ah(protocol::UDP), 40, protocol::AH);
    fix_checksums(&mut octets);
    let result = forward(&octets, &Net::new(&packet, &[route(1), legacy(2)]));
    assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0]))]);
    assert_eq!(result.counters.not_capable, 1);
}

/// IPv4 options other than the bitmap stay, moved up and padded anew.
#[test]
fn x2u_cuts_the_bitmap_option_out_of_ipv4_options() {
    let router_alert = [148, 4, 0, 0];
    let bitmap = [158, 6, 0x80, 0, 0, 0];
    for (options, kept) in [
        (vec![&bitmap[..], &[0, 0]], vec![]),
        (vec![&bitmap, &[1, 1]], vec![1, 1, 0, 0]),
        (vec![&bitmap, &router_alert, &[0, 0]], vec![148, 4, 0, 0]),
        (vec![&bitmap, &[1], &router_alert, &[0]], vec![1, 148, 4, 0, 0, 0, 0, 0]),
        (vec![&bitmap, &[1, 1], &router_alert], vec![1, 1, 148, 4, 0, 0, 0, 0]),
    ] {
        let mut packet = plain(Family::V4, 1);
        packet.place = BitmapPlace::Option;
        let mut octets = packet.octets();
        let options = options.concat();
        octets.splice(20..28, options.iter().copied());
        octets[0] = 0x45 + u8::try_from(options.len() / 4).unwrap();
        let mut octets = insert(octets, 0, &[], 9, 253);
        fix_checksums(&mut octets);
        let result = forward(&octets, &Net::uniform(&packet, route(1)));
        let to = packet.addresses[0];
        let payload = segment(protocol::UDP, source(Family::V4), to, 9, b"....for you..");
        let mut expected = unicast(Family::V4, protocol::UDP, to, 63, 0, &payload);
        expected[0] += u8::try_from(kept.len() / 4).unwrap();
        let mut expected = insert(expected, 20, &kept, 9, protocol::UDP);
        let header_len = 20 + kept.len();
        expected[10..12].fill(0);
        let checksum = !ones_complement_sum(&expected[..header_len]);
        expected[10..12].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(result.log.sent[0].octets, expected, "{options:?}");
    }
    // Without a bitmap option the options stay to the octet, padding and what lies behind End of Options included.
    let packet = plain(Family::V4, 1);
    let options = [7, 4, 4, 0, 0, 1, 2, 3];
    let mut octets = insert(packet.octets(), 20, &options, 9, 253);
    octets[0] = 0x47;
    fix_checksums(&mut octets);
    let copy = forward(&octets, &Net::uniform(&packet, route(1))).log.sent.remove(0).octets;
    assert_eq!((copy[0], copy[9], &copy[20..28]), (0x47, protocol::UDP, &options[..]));
    assert_eq!(ones_complement_sum(&copy[..28]), 0xffff);
}

const HBH: u8 = protocol::HOP_BY_HOP;
/// Every header that is not Xcast's stays, and the chain closes over those that are.
#[test]
fn x2u_repairs_the_ipv6_header_chain() {
    let to = destination(Family::V6, 0);
    let alert = [0x05, 2, 0, 0];
    let alert_only: &[u8] = &[&[0, 0][..], &alert, &[1, 0]].concat();
    // Padding of its own in front, which stays only where an option follows.
    let bitmap: &[u8] = &[0, 0, 0x3e, 8, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0];
    let bitmap_alert: &[u8] = &[&[0, 0, 0x3e, 8, 0x80, 0, 0, 0, 0, 0, 0, 0][..], &alert].concat();
    let alert_bitmap: &[u8] = &[&[0, 0][..], &alert, &[0x3e, 8, 0x80, 0, 0, 0, 0, 0, 0, 0]].concat();
    let pad_alert_bitmap_alert: &[u8] =
        &[&[0, 0, 0][..], &alert, &[0, 0x3e, 8, 0x80, 0, 0, 0, 0, 0, 0, 0], &alert, &[0, 0]].concat();
    let option = [0x1f, 5, 1, 2, 3, 4, 5];
    let option_only: &[u8] = &[&[0, 0][..], &option, &[1, 5, 0, 0, 0, 0, 0]].concat();
    let ports: &[u8] = &[0, 0, 0x5e, 2, 0x13, 0x88, 0, 0];
    let ports_option: &[u8] = &[&[0, 0, 0x5e, 2, 0x13, 0x88][..], &option, &[0, 0, 0]].concat();
    let option_ports: &[u8] = &[&[0, 0][..], &option, &[0, 0x5e, 2, 0x13, 0x88, 0, 0]].concat();
    let source_route: &[u8] = &[0, 0, 77, 0, 9, 9, 9, 9];

    type Headers<'a> = Vec<(u8, &'a [u8])>;
    let kept_alert: &[u8] = &[&[0, 0][..], &alert, &[1, 0]].concat();
    let kept_alerts: &[u8] = &[&[0, 0, 0][..], &alert, &[0], &alert, &[1, 2, 0, 0]].concat();
    let kept_option: &[u8] = &[&[0, 0][..], &option, &[1, 5, 0, 0, 0, 0, 0]].concat();
    let cases: Vec<(Headers<'_>, Headers<'_>, Headers<'_>, u16)> = vec![
        (vec![], vec![], vec![], 9),
        (vec![(HBH, alert_only)], vec![], vec![(HBH, alert_only)], 9),
        (vec![(HBH, bitmap)], vec![], vec![], 9),
        (vec![(HBH, bitmap_alert)], vec![], vec![(HBH, kept_alert)], 9),
        (vec![(HBH, alert_bitmap)], vec![], vec![(HBH, kept_alert)], 9),
        (vec![(HBH, pad_alert_bitmap_alert)], vec![], vec![(HBH, kept_alerts)], 9),
        (vec![(HBH, bitmap), (DST, option_only)], vec![], vec![(DST, option_only)], 9),
        (
            vec![(HBH, bitmap_alert), (DST, option_only), (protocol::ROUTING, source_route)],
            vec![],
            vec![(HBH, kept_alert), (DST, option_only), (protocol::ROUTING, source_route)],
            9,
        ),
        (vec![], vec![(DST, ports)], vec![], 5000),
        (vec![], vec![(DST, ports_option)], vec![(DST, kept_option)], 5000),
        (vec![], vec![(DST, option_ports)], vec![(DST, kept_option)], 5000),
        (vec![], vec![(DST, option_only)], vec![(DST, option_only)], 9),
        (vec![], vec![(DST, ports), (DST, option_only)], vec![(DST, option_only)], 5000),
        (
            vec![(HBH, bitmap), (DST, option_only)],
            vec![(DST, ports_option), (DST, option_only), (DST, option_only)],
            vec![(DST, option_only), (DST, kept_option), (DST, option_only), (DST, option_only)],
            5000,
        ),
    ];
    for (front, behind, kept, port) in cases {
        for number in [protocol::UDP, protocol::TCP, protocol::ICMPV6] {
            let separated = front.first().is_some_and(|(_, octets)| octets.contains(&0x3e));
            let tail = [0x66; 21];
            let sent = segment(number, source(Family::V6), group(Family::V6), 9, &tail);
            let octets = by_hand_v6(&front, separated, &behind, number, &sent);
            let packet = plain(Family::V6, 1);
            let result = forward(&octets, &Net::uniform(&packet, route(1)));
            let expected = segment(number, source(Family::V6), to, port, &tail);
            let headers = kept.iter().map(|(kind, octets)| (*kind, octets.to_vec())).collect();
            let ip = unicast(Family::V6, number, to, 63, 0, &[]);
            let expected = chain(&ip, headers, number, &expected);
            assert_eq!(result.log.sent[0].octets, expected, "{front:?} {behind:?}");
        }
    }
}
