//! Local delivery and the hop limit.

use crate::common::{destination, source};
use xcast_sec::forward::{ForwardError, Outcome};
use xcast_sec::wire::{DestinationSet, Family, protocol};

use crate::kit::*;

#[test]
fn own_addresses_are_delivered_and_leave_the_bitmap() {
    for family in FAMILIES {
        let mut packet = plain(family, 3);
        packet.no_x2u = true;
        for (hop_limit, copies) in [(0, 0), (1, 0), (2, 1), (255, 1)] {
            packet.hop_limit = hop_limit;
            let mut net = Net::uniform(&packet, route(1));
            net.own = vec![packet.addresses[1]];
            let result = forward(&packet.octets(), &net);
            assert!(result.outcome.local);
            assert_eq!(result.outcome.local_destinations, set(&[1]));
            assert_eq!(result.log.sent.len(), copies);
            assert_eq!(result.counters.hop_limit, if copies == 0 { 2 } else { 0 });
            for sent in &result.log.sent {
                let copy = parse(&sent.octets);
                assert_eq!((copy.bits(), copy.ip().hop_limit()), (set(&[0, 2]), hop_limit - 1));
            }
        }
    }
}

#[test]
fn hop_limit_stops_unicast_and_tunnelled_copies_too() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        packet.hop_limit = 1;
        let mut net = Net::uniform(&packet, legacy(1));
        net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel(1))).collect();
        let result = forward(&packet.octets(), &net);
        assert_eq!((result.shape(), result.counters.hop_limit), (vec![], 2));
    }
}

#[test]
fn nothing_to_do() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        packet.bits = DestinationSet::EMPTY;
        let mut net = Net::uniform(&packet, route(1));
        net.own = packet.addresses.clone();
        let result = forward(&packet.octets(), &net);
        assert_eq!((result.outcome, result.counters.nothing_to_do), (Outcome::default(), 1));
    }
}

/// RFC 5058 §11.5: a router on a special unicast address.
#[test]
fn takes_packets_to_its_own_address_and_no_others() {
    for family in FAMILIES {
        let packet = plain(family, 2);
        let mut octets = packet.octets();
        let server = destination(family, 200);
        let at = if family == Family::V4 { 16 } else { 24 };
        let server_octets = address_octets(server);
        octets[at..at + server_octets.len()].copy_from_slice(&server_octets);
        let start = octets.len() - packet.payload.len();
        octets[start..].copy_from_slice(&segment(protocol::UDP, source(family), server, 9, b"....for you.."));
        fix_checksums(&mut octets);
        let mut net = Net::new(&packet, &[route(1), legacy(2)]);
        assert_eq!(refuse(&octets, &net), ForwardError::NotForUs);
        net.own = vec![server];
        let result = forward(&octets, &net);
        assert!(!result.outcome.local);
        for (sent, to) in result.log.sent.iter().zip(&packet.addresses) {
            let expected = segment(protocol::UDP, source(family), *to, 9, b"....for you..");
            assert_eq!(sent.octets, unicast(family, protocol::UDP, *to, 63, 0, &expected));
        }
    }
}
