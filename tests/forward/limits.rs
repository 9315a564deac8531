//! MTU, errors of the egress, the limit of copies.

use xcast_sec::forward::{Route, RouterPolicy};
use xcast_sec::wire::Family;

use crate::kit::*;

#[test]
fn a_copy_beyond_the_mtu_is_dropped_and_reported() {
    for family in FAMILIES {
        let packet = plain(family, 4);
        let octets = packet.octets();
        let unicast_len = packet.payload.len() + if family == Family::V4 { 20 } else { 40 };
        for (short, xcast_served, unicast_served) in [(0, true, true), (1, false, false)] {
            let net = Net::new(
                &packet,
                &[
                    Route { mtu: octets.len() - short, ..route(1) },
                    Route { mtu: octets.len() - short, ..route(1) },
                    Route { mtu: unicast_len - short, ..legacy(2) },
                    Route { mtu: unicast_len - short, ..legacy(2) },
                ],
            );
            let result = forward(&octets, &net);
            assert_eq!(result.counters.forwarded, if xcast_served { 2 } else { 0 });
            assert_eq!(result.counters.unicast, if unicast_served { 2 } else { 0 });
            let reports = [(1, octets.len() - 1, set(&[0, 1])), (2, unicast_len - 1, set(&[2, 3]))];
            assert_eq!(result.log.too_big, if short == 0 { &[] } else { &reports[..] });
            assert_eq!(result.counters.too_big, 4 * short as u64);
        }
    }
}

#[test]
fn a_failing_egress_stops_only_its_own_copies() {
    for family in FAMILIES {
        let packet = plain(family, 5);
        let net = Net::new(&packet, &[route(1), route(1), route(2), legacy(3), legacy(3)]);
        let result = forward_with(&packet.octets(), &net, RouterPolicy::default(), &[1]).unwrap();
        assert_eq!((result.counters.egress_failed, result.counters.unicast), (2, 3));
        let result = forward_with(&packet.octets(), &net, RouterPolicy::default(), &[3]).unwrap();
        assert_eq!((result.counters.egress_failed, result.counters.forwarded, result.counters.unicast), (2, 2, 1));
    }
}

#[test]
fn copies_are_capped() {
    let packet = plain(Family::V6, 6);
    let net = Net::new(&packet, &[route(1), route(1), legacy(2), legacy(2), legacy(2), route(3)]);
    for (max, copies, dropped) in [(0, 0, 6), (1, 1, 4), (3, 3, 2), (5, 5, 0), (6, 5, 0)] {
        let policy = policy(|policy| policy.max_copies = Some(max));
        let result = forward_with(&packet.octets(), &net, policy, &[]).unwrap();
        assert_eq!((result.outcome.copies, result.counters.over_copy_limit), (copies, dropped));
        // What the egress loses was work all the same.
        let result = forward_with(&packet.octets(), &net, policy, &[1, 2, 3]).unwrap();
        assert_eq!(result.counters.over_copy_limit, dropped);
    }
}
