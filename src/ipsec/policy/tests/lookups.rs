//! Lookups in a database whose answers are written down by hand.

use std::vec::Vec;

use super::super::{PolicyLookup, PortSelector, SpdError};
use super::*;
use crate::ipsec::policy::Direction::{self, Inbound, Outbound};
use Directionality::{ReceiverOnly, SenderOnly, Symmetric};
use UpperLayer::{Hidden, Opaque};

const HERE: &str = "192.0.2.1";
const THERE: &str = "198.51.100.7";
const GROUP: &str = "224.0.0.254";

const fn udp_ports(local: PortSelector, remote: PortSelector) -> NextLayer {
    NextLayer::Ports { protocol: 17, local, remote }
}

/// What is said of a packet from `source` to `destination`.
fn ask<const N: usize>(
    spd: &FixedSpd<N>,
    direction: Direction,
    source: &str,
    destination: &str,
    next_layer: UpperLayer,
) -> Option<Action> {
    spd.lookup(direction, &packet(source, destination, next_layer))
}

#[test]
fn the_first_entry_that_matches_decides() {
    let any = |action| PolicyEntry { directionality: Symmetric, selectors: SelectorSet::ANY, action };
    let mut spd = FixedSpd::<4>::new();
    let asked = packet(HERE, THERE, udp(1, 2));
    assert_eq!(spd.lookup(Outbound, &asked), None, "nothing says that it may pass");
    spd.push(any(Action::Bypass)).unwrap();
    spd.push(any(Action::Discard)).unwrap();
    assert_eq!(spd.lookup(Outbound, &asked), Some(Action::Bypass));
    spd.insert(0, any(protect(1))).unwrap();
    assert_eq!(spd.lookup(Outbound, &asked), Some(protect(1)));
    spd.insert(1, any(protect(2))).unwrap();
    assert_eq!(spd.insert(0, any(protect(3))), Err(SpdError::Full(any(protect(3)))));
    assert_eq!(spd.push(any(protect(3))), Err(SpdError::Full(any(protect(3)))));
    let order: Vec<Action> = spd.iter().map(|entry| entry.action).collect();
    assert_eq!(order, [protect(1), protect(2), Action::Bypass, Action::Discard]);
    assert_eq!(spd.remove(4), None);
    assert_eq!(spd.remove(0), Some(any(protect(1))));
    assert_eq!(spd.lookup(Outbound, &asked), Some(protect(2)), "the order stays");
    assert_eq!(spd.len(), 3);
    let refused = spd.insert(4, any(protect(3)));
    assert_eq!(refused, Err(SpdError::NoSuchPlace(any(protect(3)))));
    assert_eq!(refused.unwrap_err().entry(), &any(protect(3)));
    spd.insert(3, any(protect(3))).unwrap();
    spd.clear();
    assert!(spd.is_empty());
    assert_eq!(spd.lookup(Outbound, &asked), None);
}

/// A dummy packet is judged by the name of its policy alone, which must then stand for one protection.
#[test]
fn a_name_stands_for_one_protection() {
    let named = |action| entry(Symmetric, "any", "any", NextLayer::Any, action);
    let esp = Required::Esp(ModeKind::Transport);
    let other = Action::Protect { policy: PolicyId::new(1), required: Required::Ah(ModeKind::Tunnel) };
    let alone = spd([named(Action::Bypass), named(protect(1)), named(protect(2))]);
    assert_eq!([1, 2, 3].map(|policy| alone.required(PolicyId::new(policy))), [Some(esp), Some(esp), None]);
    let twice = spd([named(protect(1)), named(protect(1))]);
    assert_eq!(twice.required(PolicyId::new(1)), Some(esp));
    let two_meanings = spd([named(protect(1)), named(other)]);
    assert_eq!(two_meanings.required(PolicyId::new(1)), None);
}

#[test]
fn a_range_may_be_of_one() {
    let one = NextLayer::MobilityHeader { first: 5, last: 5 };
    let spd = spd([entry(Symmetric, "any", "any", one, Action::Bypass)]);
    let found = [4, 5, 6]
        .map(|kind| spd.lookup(Outbound, &packet("2001:db8::1", "2001:db8::2", UpperLayer::MobilityHeader(kind))));
    assert_eq!(found, [None, Some(Action::Bypass), None]);
}

#[test]
fn entries_that_no_packet_matches_are_refused() {
    let mut spd = FixedSpd::<1>::new();
    let backwards = PortSelector::Range { first: 2, last: 1 };
    for next_layer in [
        udp_ports(backwards, PortSelector::Any),
        udp_ports(PortSelector::Any, backwards),
        // How IKE writes OPAQUE (RFC 4301 §4.4.1.2).
        udp_ports(PortSelector::Range { first: 65535, last: 0 }, PortSelector::Any),
        NextLayer::TypeAndCode { protocol: 1, first: (3, 1), last: (3, 0) },
        NextLayer::TypeAndCode { protocol: 1, first: (4, 0), last: (3, 255) },
        NextLayer::MobilityHeader { first: 2, last: 1 },
    ] {
        let entry = entry(Symmetric, "any", "any", next_layer, protect(1));
        assert_eq!(spd.push(entry), Err(SpdError::EmptyRange(entry)));
        assert_eq!(spd.insert(0, entry), Err(SpdError::EmptyRange(entry)));
    }
    // How IKE writes "any protocol", and what is never the next layer in IPv6.
    for protocol in [0, 43, 44, 60] {
        for next_layer in [
            NextLayer::Protocol(protocol),
            NextLayer::Ports { protocol, local: PortSelector::Any, remote: PortSelector::Any },
        ] {
            let entry = entry(Symmetric, "any", "any", next_layer, protect(1));
            assert_eq!(spd.push(entry), Err(SpdError::ExtensionHeader(entry)));
        }
    }
    for (local, remote) in [(HERE, "2001:db8::1"), ("2001:db8::/32", "0.0.0.0/0")] {
        let entry = entry(Symmetric, local, remote, NextLayer::Any, protect(1));
        assert_eq!(spd.push(entry), Err(SpdError::Families(entry)));
    }
    spd.push(entry(
        Symmetric,
        HERE,
        THERE,
        NextLayer::TypeAndCode { protocol: 1, first: (3, 1), last: (3, 1) },
        protect(1),
    ))
    .unwrap();
}

/// RFC 4301 §4.4.1: local and remote are exchanged, addresses and ports alike.
#[test]
fn a_received_unicast_packet_is_seen_from_the_other_end() {
    let next_layer = udp_ports(PortSelector::one(500), PortSelector::one(600));
    let spd = spd([entry(Symmetric, HERE, THERE, next_layer, protect(1))]);
    for (direction, source, destination, ports, expected) in [
        (Outbound, HERE, THERE, udp(500, 600), Some(protect(1))),
        (Outbound, HERE, THERE, udp(600, 500), None),
        (Outbound, THERE, HERE, udp(600, 500), None),
        (Inbound, THERE, HERE, udp(600, 500), Some(protect(1))),
        (Inbound, THERE, HERE, udp(500, 600), None),
        (Inbound, HERE, THERE, udp(500, 600), None),
        (Inbound, HERE, THERE, udp(600, 500), None),
    ] {
        assert_eq!(ask(&spd, direction, source, destination, ports), expected, "{direction:?} {source} {ports:?}");
    }
}

/// RFC 5374 §4.1.1: "do not have their Local and Remote addresses and ports in an SPD entry swapped".
#[test]
fn a_received_multicast_packet_is_seen_as_it_was_sent() {
    let next_layer = udp_ports(PortSelector::one(500), PortSelector::one(600));
    for (senders, group) in [("198.51.100.0/24", GROUP), ("2001:db8::/32", "ff02::114")] {
        let spd = spd([entry(Symmetric, senders, group, next_layer, protect(1))]);
        let sender = if group == GROUP { THERE } else { "2001:db8::7" };
        for direction in [Outbound, Inbound] {
            assert_eq!(ask(&spd, direction, sender, group, udp(500, 600)), Some(protect(1)), "{direction:?}");
            assert_eq!(ask(&spd, direction, sender, group, udp(600, 500)), None, "{direction:?}, other ports");
            assert_eq!(ask(&spd, direction, "203.0.113.1", group, udp(500, 600)), None, "{direction:?}, no sender");
        }
    }
}

/// A group's entry, turned around, would be one for packets from the group.
#[test]
fn a_packet_from_a_group_is_discarded() {
    for (senders, group, forged) in
        [("10.0.0.0/8", GROUP, GROUP), ("10.0.0.0/8", GROUP, "::ffff:224.0.0.254"), ("any", "ff02::114", "ff02::114")]
    {
        let spd = spd([
            entry(Symmetric, senders, group, NextLayer::Any, Action::Bypass),
            entry(Symmetric, "any", "any", NextLayer::Any, Action::Bypass),
        ]);
        for direction in [Outbound, Inbound] {
            assert_eq!(ask(&spd, direction, forged, "10.0.0.5", udp(1, 2)), Some(Action::Discard), "{direction:?}");
            assert_eq!(ask(&spd, direction, forged, group, udp(1, 2)), Some(Action::Discard), "{direction:?}");
        }
    }
}

/// What an Xcast packet may have become on the way (X2U) needs an entry of its own.
#[test]
fn a_groups_entry_says_nothing_of_unicast_copies() {
    let group_only = spd([entry(Symmetric, "198.51.100.0/24", GROUP, NextLayer::Any, protect(1))]);
    assert_eq!(ask(&group_only, Inbound, THERE, GROUP, udp(1, 2)), Some(protect(1)));
    assert_eq!(ask(&group_only, Inbound, THERE, HERE, udp(1, 2)), None);
    let unicast_only = spd([entry(Symmetric, HERE, "198.51.100.0/24", NextLayer::Any, protect(2))]);
    assert_eq!(ask(&unicast_only, Inbound, THERE, HERE, udp(1, 2)), Some(protect(2)));
    assert_eq!(ask(&unicast_only, Inbound, THERE, GROUP, udp(1, 2)), None);
}

/// RFC 5374 §4.1.1: "sender only" entries are GSPD-O's, "receiver only" ones GSPD-I's.
#[test]
fn directionality() {
    for (directionality, outbound, inbound) in [
        (Symmetric, Some(protect(1)), Some(protect(1))),
        (SenderOnly, Some(protect(1)), None),
        (ReceiverOnly, None, Some(protect(1))),
    ] {
        let spd = spd([entry(directionality, "any", "any", NextLayer::Any, protect(1))]);
        for destination in [HERE, GROUP, "ff02::114"] {
            assert_eq!(ask(&spd, Outbound, THERE, destination, udp(1, 2)), outbound, "{directionality:?}");
            assert_eq!(ask(&spd, Inbound, THERE, destination, udp(1, 2)), inbound, "{directionality:?}");
        }
    }
}

/// RFC 4301 §4.4.1.3 C: what may be sent need not be received.
#[test]
fn an_entry_that_does_not_count_for_a_direction_does_not_discard_there_either() {
    let telnet = NextLayer::Ports { protocol: 6, local: PortSelector::Any, remote: PortSelector::one(23) };
    let spd = spd([
        entry(SenderOnly, "any", "any", telnet, Action::Discard),
        entry(Symmetric, "any", "any", NextLayer::Any, Action::Bypass),
    ]);
    assert_eq!(ask(&spd, Outbound, HERE, THERE, Hidden(6)), Some(Action::Discard));
    assert_eq!(ask(&spd, Inbound, THERE, HERE, Hidden(6)), Some(Action::Bypass));
}

/// RFC 4301 §4.4.1.1, §7: a fragment without ports matches no port range, and must not slip past it.
#[test]
fn what_is_hidden_does_not_slip_to_a_laxer_entry() {
    let selecting = [
        (udp_ports(PortSelector::Any, PortSelector::one(23)), Hidden(17)),
        (udp_ports(PortSelector::one(23), PortSelector::Opaque), Hidden(17)),
        (udp_ports(PortSelector::Any, PortSelector::Range { first: 0, last: 65535 }), Hidden(17)),
        (NextLayer::TypeAndCode { protocol: 1, first: (8, 0), last: (8, 255) }, Hidden(1)),
        (NextLayer::MobilityHeader { first: 5, last: 6 }, Hidden(135)),
        (NextLayer::Protocol(17), Opaque),
        (udp_ports(PortSelector::Any, PortSelector::Any), Opaque),
        // Of a protocol whose ports this library does not know.
        (
            NextLayer::Ports { protocol: 47, local: PortSelector::Any, remote: PortSelector::one(23) },
            UpperLayer::Protocol(47),
        ),
    ];
    for (next_layer, hidden) in selecting {
        for (action, expected) in
            [(protect(1), Action::Discard), (Action::Discard, Action::Discard), (Action::Bypass, protect(9))]
        {
            let spd = spd([
                entry(Symmetric, "any", THERE, next_layer, action),
                entry(Symmetric, "any", "any", NextLayer::Any, protect(9)),
            ]);
            let asked = ask(&spd, Outbound, HERE, THERE, hidden);
            assert_eq!(asked, Some(expected), "{next_layer:?} {action:?}, {hidden:?}");
            let asked = ask(&spd, Inbound, THERE, HERE, hidden);
            assert_eq!(asked, Some(expected), "{next_layer:?} {action:?}, {hidden:?}, inbound");
            // An entry that something seen contradicts has no say.
            assert_eq!(ask(&spd, Outbound, HERE, "198.51.100.8", hidden), Some(protect(9)), "other address");
            assert_eq!(ask(&spd, Outbound, HERE, THERE, Hidden(99)), Some(protect(9)), "other protocol");
        }
        let bypass_last = spd([
            entry(Symmetric, "any", THERE, next_layer, protect(1)),
            entry(Symmetric, "any", "any", NextLayer::Any, Action::Bypass),
        ]);
        assert_eq!(ask(&bypass_last, Inbound, THERE, HERE, hidden), Some(Action::Discard), "{next_layer:?}");
        let only_bypass = spd([entry(Symmetric, "any", THERE, next_layer, Action::Bypass)]);
        assert_eq!(ask(&only_bypass, Inbound, THERE, HERE, hidden), None, "{next_layer:?}");
    }
}

/// RFC 4301 §7.1, §7.2: the two ways to have fragments without ports.
#[test]
fn any_and_opaque_match_what_is_hidden() {
    let fragments = spd([
        entry(Symmetric, "any", "any", udp_ports(PortSelector::Opaque, PortSelector::Opaque), protect(2)),
        entry(Symmetric, "any", "any", udp_ports(PortSelector::Any, PortSelector::one(23)), protect(1)),
        entry(Symmetric, "any", "any", NextLayer::Opaque, protect(3)),
        entry(Symmetric, "any", "any", NextLayer::Protocol(6), protect(4)),
    ]);
    assert_eq!(ask(&fragments, Outbound, HERE, THERE, udp(1, 23)), Some(protect(1)));
    assert_eq!(ask(&fragments, Outbound, HERE, THERE, Hidden(17)), Some(protect(2)));
    assert_eq!(ask(&fragments, Outbound, HERE, THERE, Hidden(6)), Some(protect(4)));
    // The first two entries are for UDP, which an opaque packet may be.
    assert_eq!(ask(&fragments, Outbound, "::1", "::2", Opaque), Some(Action::Discard));
    let opaque_first = spd([
        entry(Symmetric, "any", "any", NextLayer::Opaque, protect(3)),
        entry(Symmetric, "any", "any", NextLayer::Protocol(6), protect(4)),
    ]);
    assert_eq!(ask(&opaque_first, Outbound, "::1", "::2", Opaque), Some(protect(3)));
    let all = spd([entry(Symmetric, "any", "any", udp_ports(PortSelector::Any, PortSelector::Any), protect(1))]);
    assert_eq!(ask(&all, Outbound, HERE, THERE, Hidden(17)), Some(protect(1)));
    assert_eq!(ask(&all, Outbound, "::1", "::2", Hidden(17)), Some(Action::Discard), "it may be of another protocol");
}

/// RFC 8200 §4.5: what a later fragment says of its protocol is not what the packet is put together by.
#[test]
fn an_ipv6_fragment_does_not_pass_on_its_word() {
    let bypass_udp = entry(Symmetric, "any", "any", NextLayer::Protocol(17), Action::Bypass);
    let bypass_any = entry(Symmetric, "any", "any", NextLayer::Any, Action::Bypass);
    let bypass_opaque = entry(Symmetric, "any", "any", NextLayer::Opaque, Action::Bypass);
    let protect_tcp = entry(Symmetric, "any", "any", NextLayer::Protocol(6), protect(1));
    let protect_udp = entry(Symmetric, "any", "any", NextLayer::Protocol(17), protect(2));
    let v6 =
        |spd: &dyn PolicyLookup, next_layer| spd.lookup(Inbound, &packet("2001:db8::1", "2001:db8::2", next_layer));
    let v4 = |spd: &dyn PolicyLookup, next_layer| spd.lookup(Inbound, &packet(THERE, HERE, next_layer));
    for second in [bypass_any, bypass_udp] {
        let spd = spd([protect_tcp, second]);
        assert_eq!(v6(&spd, udp(1, 2)), Some(Action::Bypass));
        assert_eq!(v6(&spd, Hidden(17)), Some(Action::Discard), "it may be TCP");
        // An IPv4 packet is put together by its protocol as well (RFC 791 §3.2).
        assert_eq!(v4(&spd, Hidden(17)), Some(Action::Bypass));
    }
    assert_eq!(v6(&spd([bypass_udp]), Hidden(17)), Some(Action::Discard), "it may be what may not pass");
    assert_eq!(v6(&spd([bypass_any]), Hidden(17)), Some(Action::Bypass));
    assert_eq!(v6(&spd([bypass_udp, bypass_opaque]), Hidden(17)), Some(Action::Bypass), "asked for");
    assert_eq!(
        v6(&spd([protect_tcp, protect_udp]), Hidden(17)),
        Some(Action::Discard),
        "it may be TCP, of another policy"
    );
    let protect_any = entry(Symmetric, "any", "any", NextLayer::Any, protect(2));
    assert_eq!(v6(&spd([protect_any]), Hidden(17)), Some(protect(2)));
    assert_eq!(v6(&spd([protect_tcp, protect_any]), Hidden(17)), Some(Action::Discard));
}

#[test]
fn a_mapped_address_is_not_a_way_around_ipv4_entries() {
    let mapped_group = "::ffff:224.0.0.254";
    for (action, unsure) in
        [(protect(1), Action::Discard), (Action::Discard, Action::Discard), (Action::Bypass, Action::Bypass)]
    {
        let spd = spd([
            entry(Symmetric, "any", "198.51.100.0/24", NextLayer::Any, action),
            entry(Symmetric, "any", GROUP, NextLayer::Any, action),
            entry(Symmetric, "any", "any", NextLayer::Any, Action::Bypass),
        ]);
        assert_eq!(ask(&spd, Inbound, "::ffff:198.51.100.7", "2001:db8::1", udp(1, 2)), Some(unsure));
        assert_eq!(ask(&spd, Outbound, "2001:db8::1", "::ffff:198.51.100.7", udp(1, 2)), Some(unsure));
        assert_eq!(ask(&spd, Inbound, "2001:db8::1", mapped_group, udp(1, 2)), Some(unsure));
        assert_eq!(ask(&spd, Inbound, "::ffff:203.0.113.1", "2001:db8::1", udp(1, 2)), Some(Action::Bypass));
    }
    let only_bypass = spd([entry(Symmetric, "any", "198.51.100.0/24", NextLayer::Any, Action::Bypass)]);
    assert_eq!(ask(&only_bypass, Inbound, "::ffff:198.51.100.7", "2001:db8::1", udp(1, 2)), None);
}

#[test]
fn references_answer_as_what_they_refer_to() {
    let mut spd = spd([entry(SenderOnly, "any", "any", NextLayer::Any, protect(1))]);
    let asked = packet(HERE, THERE, udp(1, 2));
    let by_ref: &dyn PolicyLookup = &spd;
    assert_eq!(PolicyLookup::lookup(&by_ref, Outbound, &asked), Some(protect(1)));
    assert_eq!(PolicyLookup::lookup(&by_ref, Inbound, &asked), None);
    let by_mut: &mut dyn PolicyLookup = &mut spd;
    assert_eq!(PolicyLookup::lookup(&by_mut, Outbound, &asked), Some(protect(1)));
    assert_eq!(PolicyLookup::lookup(&by_mut, Inbound, &asked), None);
}
