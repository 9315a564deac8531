//! The database against a plain reading of its rules.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use proptest::sample::select;

use super::super::PolicyLookup;
use super::plain::plain;
use super::*;

// Few values each, next to each other, so that entries and packets meet and miss by one.

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        4 => (1..5_u8).prop_map(|last| Ipv4Addr::new(10, 0, 0, last).into()),
        2 => (1..3_u8).prop_map(|last| Ipv4Addr::new(224, 0, 0, last).into()),
        3 => (1..4_u16).prop_map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into()),
        1 => (1..3_u16).prop_map(|last| Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, last).into()),
        1 => (1..5_u8).prop_map(|last| Ipv4Addr::new(10, 0, 0, last).to_ipv6_mapped().into()),
        1 => (1..3_u8).prop_map(|last| Ipv4Addr::new(224, 0, 0, last).to_ipv6_mapped().into()),
    ]
}

fn any_addresses() -> impl Strategy<Value = Addresses> {
    prop_oneof![
        3 => Just(Addresses::Any),
        2 => any_address().prop_map(Addresses::one),
        3 => (any_address(), any_address()).prop_filter_map("in order", |(a, b)| Addresses::range(a.min(b), a.max(b))),
        1 => (any_address(), 0..=32_u8).prop_filter_map("not too long", |(a, len)| Addresses::prefix(a, len)),
        1 => (any_address(), 124..=128_u8).prop_filter_map("not too long", |(a, len)| Addresses::prefix(a, len)),
    ]
}

fn any_port() -> impl Strategy<Value = PortSelector> {
    prop_oneof![
        2 => Just(PortSelector::Any),
        1 => Just(PortSelector::Opaque),
        2 => (0..5_u16, 0..5_u16).prop_map(|(a, b)| PortSelector::Range { first: a.min(b), last: a.max(b) }),
    ]
}

const PORTS: [u8; 2] = [6, 17];
const ICMP: [u8; 2] = [1, 58];
const ALL: [u8; 7] = [1, 6, 17, 50, 58, 99, 135];

fn any_next_layer() -> impl Strategy<Value = NextLayer> {
    let pair = || (1..4_u8, prop_oneof![0..3_u8, Just(255)]);
    prop_oneof![
        2 => Just(NextLayer::Any),
        1 => Just(NextLayer::Opaque),
        2 => select(ALL.to_vec()).prop_map(NextLayer::Protocol),
        5 => (prop_oneof![4 => select(PORTS.to_vec()), 1 => select(ALL.to_vec())], any_port(), any_port())
            .prop_map(|(protocol, local, remote)| NextLayer::Ports { protocol, local, remote }),
        2 => (prop_oneof![4 => select(ICMP.to_vec()), 1 => select(ALL.to_vec())], pair(), pair())
            .prop_map(|(protocol, a, b)| NextLayer::TypeAndCode { protocol, first: a.min(b), last: a.max(b) }),
        1 => (0..4_u8, 0..4_u8).prop_map(|(a, b)| NextLayer::MobilityHeader { first: a.min(b), last: a.max(b) }),
    ]
}

fn any_entry() -> impl Strategy<Value = PolicyEntry> {
    use Directionality::{ReceiverOnly, SenderOnly, Symmetric};
    let action = prop_oneof![
        2 => (1..9_u32).prop_map(protect),
        1 => Just(Action::Discard),
        2 => Just(Action::Bypass),
    ];
    let directionality = select(vec![Symmetric, Symmetric, SenderOnly, ReceiverOnly]);
    (directionality, any_addresses(), any_addresses(), any_next_layer(), action)
        .prop_map(|(directionality, local, remote, next_layer, action)| PolicyEntry {
            directionality,
            selectors: SelectorSet { local, remote, next_layer },
            action,
        })
        .prop_filter("acceptable", |entry| FixedSpd::<1>::new().push(*entry).is_ok())
}

fn any_packet() -> impl Strategy<Value = Selectors> {
    let next_layer = prop_oneof![
        4 => (select(PORTS.to_vec()), 0..5_u16, 0..5_u16)
            .prop_map(|(protocol, source, destination)| UpperLayer::Ports { protocol, source, destination }),
        2 => (select(ICMP.to_vec()), 1..4_u8, prop_oneof![0..3_u8, Just(255)])
            .prop_map(|(protocol, kind, code)| UpperLayer::TypeAndCode { protocol, kind, code }),
        1 => (0..4_u8).prop_map(UpperLayer::MobilityHeader),
        3 => select(ALL.to_vec()).prop_map(UpperLayer::Hidden),
        1 => select(vec![50_u8, 99]).prop_map(UpperLayer::Protocol),
        1 => Just(UpperLayer::Opaque),
    ];
    (any_address(), any_address(), next_layer).prop_filter_map("one family", |(source, destination, next_layer)| {
        (source.is_ipv4() == destination.is_ipv4()).then_some(Selectors { source, destination, next_layer })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_database_reads_as_its_rules_do(
        entries in prop::collection::vec(any_entry(), 0..8),
        packets in prop::collection::vec(any_packet(), 16),
    ) {
        let mut spd = FixedSpd::<8>::new();
        for entry in &entries {
            spd.push(*entry).unwrap();
        }
        for packet in &packets {
            for direction in [Direction::Outbound, Direction::Inbound] {
                let expected = plain(&entries, direction, packet);
                prop_assert_eq!(spd.lookup(direction, packet), expected, "{:?} {:?}", direction, packet);
            }
        }
    }

    /// Whatever is hidden of a packet that may pass in the clear: had it been seen, it might have too.
    #[test]
    fn hiding_opens_nothing(
        entries in prop::collection::vec(any_entry(), 0..8),
        packet in any_packet(),
        inbound in any::<bool>(),
    ) {
        // An entry that asks for hidden ports or protocols says that hiding matters.
        let asks = |entry: &PolicyEntry| match entry.selectors.next_layer {
            NextLayer::Opaque => true,
            NextLayer::Ports { local, remote, .. } => local == PortSelector::Opaque || remote == PortSelector::Opaque,
            _ => false,
        };
        let mut spd = FixedSpd::<8>::new();
        for entry in entries.iter().filter(|entry| !asks(entry)) {
            spd.push(*entry).unwrap();
        }
        let direction = if inbound { Direction::Inbound } else { Direction::Outbound };
        let seen = spd.lookup(direction, &packet);
        let mut hidden: Vec<UpperLayer> = vec![UpperLayer::Opaque];
        hidden.extend(packet.next_layer.protocol().map(UpperLayer::Hidden));
        if packet.source.is_ipv6() {
            hidden.extend(ALL.map(UpperLayer::Hidden));
        }
        for next_layer in hidden {
            if spd.lookup(direction, &Selectors { next_layer, ..packet }) == Some(Action::Bypass) {
                prop_assert_eq!(seen, Some(Action::Bypass), "hidden as {:?}", next_layer);
            }
        }
    }
}
