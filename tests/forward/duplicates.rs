//! Duplicates, unusable destinations, echo requests.

use std::net::IpAddr;

use crate::common::Packet;
use xcast_sec::forward::{CopyKind, ForwardError, Outcome, Route};
use xcast_sec::wire::{BitmapPlace, DestinationSet, Family, protocol};

use crate::kit::*;

#[test]
fn a_repeated_destination_is_served_once() {
    for family in FAMILIES {
        let mut packet = plain(family, 4);
        packet.no_x2u = true;
        let octets = with_address(&packet, 2, packet.addresses[0]);
        let result = forward(&octets, &Net::uniform(&packet, route(1)));
        assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0, 1, 3]))]);
        assert_eq!(result.counters.duplicate, 1);
        // A bit that is not set repeats nothing.
        packet.bits = set(&[1, 2, 3]);
        let result = forward(&with_address(&packet, 2, packet.addresses[0]), &Net::uniform(&packet, route(1)));
        assert_eq!((result.shape()[0].2, result.counters.duplicate), (set(&[1, 2, 3]), 0));
        // All the same.
        let mut all = packet.clone();
        all.bits = DestinationSet::first_n(4);
        let mut octets = all.octets();
        for index in 1..4 {
            let at = address_at(&all, &octets, index);
            let first = address_octets(all.addresses[0]);
            octets[at..at + first.len()].copy_from_slice(&first);
        }
        fix_checksums(&mut octets);
        let result = forward(&octets, &Net::uniform(&packet, route(1)));
        assert_eq!((result.shape()[0].2, result.counters.duplicate), (set(&[0]), 3));
    }
}

/// However many there are, the first is the one that stays.
#[test]
fn of_many_repetitions_the_first_stays() {
    for family in FAMILIES {
        let mut packet = plain(family, 100);
        packet.no_x2u = true;
        let mut octets = packet.octets();
        // Even ones are all the same, odd ones too.
        for index in 2..100 {
            let at = address_at(&packet, &octets, index);
            let same = address_octets(packet.addresses[index % 2]);
            octets[at..at + same.len()].copy_from_slice(&same);
        }
        fix_checksums(&mut octets);
        let result = forward(&octets, &Net::uniform(&packet, Route { mtu: 9000, ..route(1) }));
        assert_eq!((result.shape()[0].2, result.counters.duplicate), (set(&[0, 1]), 98));
    }
}

/// With ports, an address may have several: a duplicate is address and port.
#[test]
fn the_same_host_on_two_ports_is_two_destinations() {
    for family in FAMILIES {
        let mut packet = plain(family, 3);
        packet.ports = Some(vec![5000, 5001, 5000]);
        packet.addresses[1] = packet.addresses[0];
        let net = Net::uniform(&packet, legacy(1));
        let result = forward(&packet.octets(), &net);
        assert_eq!((result.counters.unicast, result.counters.duplicate), (3, 0));
        let result = forward(&with_address(&packet, 2, packet.addresses[0]), &net);
        assert_eq!(result.shape(), [0, 1].map(|index| (1, CopyKind::Unicast, set(&[index]))));
        assert_eq!(result.counters.duplicate, 1);
    }
}

#[test]
fn destinations_that_cannot_be_routed_to() {
    let v4 = ["224.0.0.1", "0.0.0.0", "127.0.0.1", "255.255.255.255", "169.254.1.1"];
    let v6 = ["ff02::1", "::", "::1", "fe80::1"];
    for (family, address_len, list) in [(Family::V4, 4, &v4[..]), (Family::V6, 16, &v6[..])] {
        for address in list {
            let address: IpAddr = address.parse().unwrap();
            for (anonymous, bits) in [(false, [0, 1, 2]), (false, [0, 1, 1]), (true, [0, 1, 2]), (true, [0, 1, 1])] {
                let mut packet = plain(family, 3);
                (packet.anonymous, packet.bits) = (anonymous, set(&bits));
                let octets = with_address(&packet, 2, address);
                let net = Net::uniform(&packet, route(1));
                let erased = anonymous && address.is_unspecified() && bits[2] != 2;
                if erased {
                    assert_eq!(forward(&octets, &net).shape(), [(1, CopyKind::Xcast, set(&[0, 1]))]);
                    continue;
                }
                let pointer = address_at(&packet, &octets, 2);
                assert_eq!(octets[pointer..pointer + address_len], address_octets(address));
                assert_eq!(refuse(&octets, &net), ForwardError::UnusableDestination { index: 2, pointer });
                assert!(net.asked.borrow().is_empty());
            }
        }
    }
}

/// RFC 5058 §14 and draft §2.2.7: neither forwarded nor delivered, wherever it hides.
#[test]
fn echo_requests_are_dropped_whole() {
    let check = |octets: &[u8], packet: &Packet, what: &str, dropped: bool| {
        let mut net = Net::uniform(packet, route(1));
        net.own = vec![packet.addresses[0]];
        let result = forward(octets, &net);
        if dropped {
            assert_eq!((result.outcome, result.counters.echo_requests), (Outcome::default(), 1), "{what}");
            let allowed = forward_with(octets, &net, policy(|policy| policy.allow_echo = true), &[]).unwrap();
            assert!(allowed.outcome.local && allowed.log.sent.len() == 1, "{what}");
        } else {
            assert!(result.outcome.local && result.log.sent.len() == 1, "{what}");
            assert_eq!(result.counters.echo_requests, 0, "{what}");
        }
    };
    for family in FAMILIES {
        let (number, request, reply) =
            if family == Family::V4 { (protocol::ICMP, 8, 0) } else { (protocol::ICMPV6, 128, 129) };
        for (kind, dropped) in [(request, true), (reply, false), (3, false)] {
            let mut packet = plain(family, 3);
            (packet.next_protocol, packet.payload) = (number, vec![kind, 0, 0, 0, 0, 1, 0, 1]);
            check(&packet.octets(), &packet, "direct", dropped);
            if family == Family::V4 {
                packet.place = BitmapPlace::Option;
                let mut octets = insert(packet.octets(), 28, &ah(253), 9, protocol::AH);
                fix_checksums(&mut octets);
                check(&octets, &packet, "behind AH", dropped);
                continue;
            }
            let segment = packet.payload.clone();
            let (ah, options) = (ah(0), [0, 0, 1, 4, 0, 0, 0, 0]);
            let atomic = [0, 0, 0, 0, 0, 0, 0, 1];
            // What a later fragment begins with is no ICMPv6 header.
            let later = [0, 0, 0, 8, 0, 0, 0, 1];
            let route = [0, 0, 77, 0, 0, 0, 0, 0];
            for hidden in [
                vec![(protocol::AH, &ah[..])],
                vec![(DST, &options)],
                vec![(protocol::AH, &ah), (DST, &options)],
                vec![(DST, &options), (protocol::AH, &ah), (DST, &options)],
                vec![(protocol::ROUTING, &route)],
                vec![(protocol::FRAGMENT, &atomic)],
                vec![(protocol::FRAGMENT, &later)],
            ] {
                let dropped = dropped && !hidden.contains(&(protocol::FRAGMENT, &later));
                let packet = plain(Family::V6, 3);
                let whole = packet.octets();
                let at = xcast_at(&whole);
                let routing = whole[at..whole.len() - packet.payload.len()].to_vec();
                let mut headers = vec![(protocol::ROUTING, routing)];
                headers.extend(hidden.iter().map(|(kind, octets)| (*kind, octets.to_vec())));
                let mut octets = chain(&whole[..40], headers, number, &segment);
                // The chain wrote a length in units of 8 over each header: AH counts otherwise, Fragment has none.
                let mut at = whole.len() - packet.payload.len();
                for (kind, header) in &hidden {
                    match *kind {
                        protocol::AH => octets[at + 1] = 4,
                        protocol::FRAGMENT => octets[at + 1] = 0,
                        _ => {}
                    }
                    at += header.len();
                }
                fix_checksums(&mut octets);
                check(&octets, &packet, &format!("{hidden:?}"), dropped);
            }
        }
        // The other family's ICMP, or a UDP datagram that begins like an echo request, is none.
        let foreign = if family == Family::V4 { protocol::ICMPV6 } else { protocol::ICMP };
        for number in [foreign, protocol::UDP] {
            for kind in [8, 128] {
                let mut packet = plain(family, 3);
                packet.payload[0] = kind;
                packet.next_protocol = number;
                check(&packet.octets(), &packet, "not ICMP", false);
            }
        }
    }
}
