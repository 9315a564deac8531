//! Which destinations share a copy, and what the copies say.

use crate::common::source;
use xcast_sec::forward::{CopyKind, FnEgress, PacketCopy, Route, Router, RouterPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, Family, IpHeader, protocol};

use crate::kit::*;

#[test]
fn branches_in_the_order_of_their_first_destination() {
    for family in FAMILIES {
        for place in [BitmapPlace::Header, BitmapPlace::Option] {
            let mut packet = plain(family, 6).with_lists(false, true);
            (packet.place, packet.no_x2u, packet.bits) = (place, true, set(&[0, 1, 2, 4, 5]));
            let net = Net::new(&packet, &[7, 3, 7, 9, 5, 3].map(route));
            let result = forward(&packet.octets(), &net);
            let branches = [(7, set(&[0, 2])), (3, set(&[1, 5])), (5, set(&[4]))];
            assert_eq!(result.shape(), branches.map(|(hop, bits)| (hop, CopyKind::Xcast, bits)));
            assert!(!result.outcome.local);
            for (sent, (_, bits)) in result.log.sent.iter().zip(branches) {
                let mut expected = packet.clone();
                (expected.bits, expected.hop_limit) = (bits, 63);
                assert_eq!(sent.octets, expected.octets(), "as a sender would have built it");
            }
            // Each destination to be served is asked for once, the others never.
            let asked = net.asked.borrow().clone();
            assert_eq!(asked, [0, 1, 2, 4, 5].map(|index| packet.addresses[index]));
        }
    }
}

/// RFC 5058 §9.2.2: with A=1 no node sees an address that is not of its branch.
#[test]
fn anonymity_erases_the_addresses_of_other_branches() {
    for family in FAMILIES {
        let mut packet = plain(family, 5);
        (packet.anonymous, packet.no_x2u) = (true, true);
        let result = forward(&packet.octets(), &Net::new(&packet, &[1, 2, 1, 2, 2].map(route)));
        assert_eq!(result.log.sent.len(), 2);
        for sent in &result.log.sent {
            let copy = parse(&sent.octets);
            for index in 0..5 {
                let shown = copy.destination(index).unwrap();
                assert_eq!(!shown.is_unspecified(), sent.destinations.contains(index));
                assert_eq!(sent.destinations.contains(index), shown == packet.addresses[index]);
            }
            // The next router takes it as it is.
            let again = forward(&sent.octets, &Net::uniform(&packet, route(4)));
            assert_eq!(again.shape(), [(4, CopyKind::Xcast, sent.destinations)]);
        }
    }
}

#[test]
fn a_destination_without_route_is_counted_and_the_rest_is_served() {
    for family in FAMILIES {
        let packet = plain(family, 4);
        let result = forward(&packet.octets(), &Net::new(&packet, &[1, 1].map(route)));
        assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0, 1]))]);
        assert_eq!(result.counters.no_route, 2);
    }
}

#[test]
fn routes_that_disagree_about_their_next_hop_mean_the_worse() {
    let packet = plain(Family::V4, 3);
    let len = packet.octets().len();
    let short = Route { mtu: len - 1, ..route(1) };
    for routes in [[route(1), short, route(1)], [short, route(1), route(1)]] {
        let result = forward(&packet.octets(), &Net::new(&packet, &routes));
        assert_eq!(result.log.too_big, [(1, len - 1, set(&[0, 1, 2]))]);
    }
    for routes in [[route(1), legacy(1), route(1)], [legacy(1), route(1), route(1)]] {
        let result = forward(&packet.octets(), &Net::new(&packet, &routes));
        assert_eq!(result.counters.unicast, 3);
    }
}

/// RFC 5058 §8.2; the rule itself is tested with `Dscp`.
#[test]
fn dscps_that_do_not_merge_split_a_branch_first_fit() {
    for family in FAMILIES {
        let mut packet = plain(family, 6).with_lists(true, false);
        packet.no_x2u = true;
        // AF11, CS1, default, AF12, EF, an unassigned one. The default merges with both first groups and joins the first;
        // EF too; CS1 merges with the default and EF but not with AF11, so it cannot be with them.
        let mut octets = with_dscps(&packet, &[10, 8, 0, 12, 46, 1]);
        set_traffic_class(&mut octets, 0b1111_1101);
        let result = forward(&octets, &Net::uniform(&packet, route(1)));
        let groups = [(set(&[0, 2, 3, 4]), 46_u8), (set(&[1]), 8), (set(&[5]), 1)];
        assert_eq!(result.shape(), groups.map(|(bits, _)| (1, CopyKind::Xcast, bits)));
        for (sent, (_, dscp)) in result.log.sent.iter().zip(groups) {
            let copy = parse(&sent.octets);
            assert_eq!(copy.ip().traffic_class(), dscp << 2 | 1, "ECN stays");
            assert_eq!(
                (0..6).map(|index| copy.dscp(index).unwrap().value()).collect::<Vec<_>>(),
                [10, 8, 0, 12, 46, 1]
            );
        }
    }
}

#[test]
fn each_unicast_copy_has_the_dscp_of_its_destination() {
    for family in FAMILIES {
        let packet = plain(family, 3).with_lists(true, false);
        let mut octets = with_dscps(&packet, &[46, 10, 10]);
        set_traffic_class(&mut octets, 0b1011_1010);
        let result = forward(&octets, &Net::uniform(&packet, legacy(1)));
        let classes = result.log.sent.iter().map(|sent| IpHeader::split(&sent.octets).unwrap().0.traffic_class());
        assert_eq!(classes.collect::<Vec<_>>(), [46 << 2 | 2, 10 << 2 | 2, 10 << 2 | 2]);
        // Without a list DSCP and ECN stay.
        let packet = plain(family, 2);
        let mut octets = packet.octets();
        set_traffic_class(&mut octets, 0b0101_0111);
        let result = forward(&octets, &Net::uniform(&packet, legacy(1)));
        assert!(result.log.sent.iter().all(|s| IpHeader::split(&s.octets).unwrap().0.traffic_class() == 0b0101_0111));
    }
}

#[test]
fn reserved_bits_and_the_flow_label_stay() {
    let mut packet = plain(Family::V4, 3);
    packet.no_x2u = true;
    let mut octets = packet.octets();
    octets[21] |= 0x80;
    octets[30..32].copy_from_slice(&[0xbe, 0xef]);
    octets[4..6].copy_from_slice(&[0x12, 0x34]);
    fix_checksums(&mut octets);
    let copy = &forward(&octets, &Net::new(&packet, &[1, 2].map(route))).log.sent[0].octets;
    assert_eq!((copy[21], &copy[30..32], &copy[4..6]), (0x83, &[0xbe, 0xef][..], &[0x12, 0x34][..]));
    assert_eq!(parse(copy).bits(), set(&[0]));

    let mut packet = plain(Family::V6, 3);
    packet.no_x2u = true;
    let mut octets = packet.octets();
    octets[44] |= 0x01;
    octets[45] |= 0x80;
    octets[1..4].copy_from_slice(&[0x0f, 0x12, 0x34]);
    fix_checksums(&mut octets);
    let copy = &forward(&octets, &Net::new(&packet, &[1, 2].map(route))).log.sent[0].octets;
    assert_eq!((copy[44], copy[45], &copy[1..4]), (0x15, 0x83, &[0x0f, 0x12, 0x34][..]));
    assert_eq!(parse(copy).bits(), set(&[0]));
}

/// What all copies have in common is lent from the packet, not copied.
#[test]
fn payloads_are_slices_of_the_packet() {
    for family in FAMILIES {
        for place in [BitmapPlace::Header, BitmapPlace::Option] {
            let mut packet = plain(family, 4);
            packet.place = place;
            packet.payload = segment(protocol::UDP, source(family), group(family), 9, &[0x55; 304]);
            let octets = packet.octets();
            let mut net = Net::new(&packet, &[route(1), route(1), legacy(2), legacy(2)]);
            net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel(1))).collect();
            let mut payloads = 0;
            let mut egress = FnEgress(|_: u8, copy: &PacketCopy<'_>| {
                let payload = copy.payload();
                assert!(octets.as_ptr_range().contains(&payload.as_ptr()));
                assert!(payload.len() >= 300 && std::ptr::eq(payload, &octets[octets.len() - payload.len()..]));
                payloads += 1;
                Ok::<(), ()>(())
            });
            let mut router = Router::new(code_points(), RouterPolicy::default());
            assert!(router.forward(Instant::START, None, &octets, &net, &mut egress).is_ok());
            assert_eq!(payloads, 3);
        }
    }
}
