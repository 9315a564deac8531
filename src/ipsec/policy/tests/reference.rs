//! The database against a plain reading of its rules. Where the database weighs each selector, this asks two questions of an
//! entry: is it certainly for the packet, and may it be?

use core::net::{Ipv4Addr, Ipv6Addr};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Direction, PolicyLookup, PortSelector};
use super::*;

/// How an address is looked at by an entry for a range.
fn in_range(range: &Addresses, address: IpAddr) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => (4, u128::from(u32::from(address))),
        IpAddr::V6(address) => (6, u128::from(address)),
    };
    match range {
        Addresses::Any => true,
        Addresses::Range(range) => {
            let ((family, first), (_, last), (of, at)) = (number(range.first()), number(range.last()), number(address));
            family == of && (first..=last).contains(&at)
        }
    }
}

/// The IPv4 address that an IPv6 one stands for, if it stands for one.
fn mapped(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V6(v6) => match v6.octets() {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).into()),
            _ => None,
        },
        IpAddr::V4(_) => None,
    }
}

fn is_group(address: IpAddr) -> bool {
    match mapped(address).unwrap_or(address) {
        IpAddr::V4(address) => address.octets()[0] & 0xf0 == 0xe0,
        IpAddr::V6(address) => address.octets()[0] == 0xff,
    }
}

/// A packet laid out by ends.
struct Ends {
    local: IpAddr,
    remote: IpAddr,
    protocol: Option<u8>,
    ports: Option<(u16, u16)>,
    type_and_code: Option<u16>,
    mobility: Option<u8>,
}

impl Ends {
    fn of(direction: Direction, packet: &Selectors) -> Self {
        let swap = direction == Direction::Inbound && !is_group(packet.destination);
        let ends = |a, b| if swap { (b, a) } else { (a, b) };
        let (local, remote) = ends(packet.source, packet.destination);
        let mut this = Self { local, remote, protocol: None, ports: None, type_and_code: None, mobility: None };
        match packet.next_layer {
            UpperLayer::Protocol(number) | UpperLayer::Hidden(number) => this.protocol = Some(number),
            UpperLayer::Ports { protocol, source, destination } => {
                this.protocol = Some(protocol);
                this.ports = Some(if swap { (destination, source) } else { (source, destination) });
            }
            UpperLayer::TypeAndCode { protocol, kind, code } => {
                this.protocol = Some(protocol);
                this.type_and_code = Some(u16::from(kind) * 256 + u16::from(code));
            }
            UpperLayer::MobilityHeader(kind) => {
                this.protocol = Some(135);
                this.mobility = Some(kind);
            }
            UpperLayer::Opaque => {}
        }
        this
    }
}

/// Whether `entry` is for the packet: certainly, or, with `perhaps`, as far as can be seen.
fn is_for(entry: &SelectorSet, packet: &Ends, perhaps: bool) -> bool {
    let address = |range: &Addresses, address: IpAddr| {
        in_range(range, address) || perhaps && mapped(address).is_some_and(|v4| in_range(range, v4))
    };
    let port = |selector: PortSelector, port: Option<u16>| match selector {
        PortSelector::Any => true,
        PortSelector::Opaque => port.is_none(),
        PortSelector::Range { first, last } => port.map_or(perhaps, |port| port >= first && port <= last),
    };
    let protocol = |wanted: u8| packet.protocol.map_or(perhaps, |protocol| protocol == wanted);
    let word = |(high, low): (u8, u8)| u16::from(high) * 256 + u16::from(low);
    let next_layer = match entry.next_layer {
        NextLayer::Any => true,
        NextLayer::Opaque => packet.protocol.is_none(),
        NextLayer::Protocol(number) => protocol(number),
        NextLayer::Ports { protocol: number, local, remote } => {
            let (source, destination) = packet.ports.unzip();
            // An opaque packet is not known to be of the protocol, so its ports are not known to be hidden.
            protocol(number) && port(local, source) && port(remote, destination)
        }
        NextLayer::TypeAndCode { protocol: number, first, last } => {
            protocol(number)
                && packet.type_and_code.map_or(perhaps, |value| value >= word(first) && value <= word(last))
        }
        NextLayer::MobilityHeader { first, last } => {
            protocol(135) && packet.mobility.map_or(perhaps, |kind| kind >= first && kind <= last)
        }
    };
    address(&entry.local, packet.local) && address(&entry.remote, packet.remote) && next_layer
}

fn plain(entries: &[PolicyEntry], direction: Direction, packet: &Selectors) -> Option<Action> {
    if is_group(packet.source) {
        return Some(Action::Discard);
    }
    let ends = Ends::of(direction, packet);
    let mut found = None;
    for entry in entries {
        let counts = match entry.directionality {
            Directionality::Symmetric => true,
            Directionality::SenderOnly => direction == Direction::Outbound,
            Directionality::ReceiverOnly => direction == Direction::Inbound,
        };
        if !counts {
            continue;
        }
        if is_for(&entry.selectors, &ends, false) {
            found = Some(entry.action);
            break;
        }
        if is_for(&entry.selectors, &ends, true) && entry.action != Action::Bypass {
            return Some(Action::Discard);
        }
    }
    let unsure = packet.source.is_ipv6() && matches!(packet.next_layer, UpperLayer::Hidden(_));
    if found.is_some() && unsure {
        let opaque = Selectors { next_layer: UpperLayer::Opaque, ..*packet };
        if plain(entries, direction, &opaque) != found {
            return Some(Action::Discard);
        }
    }
    found
}

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
