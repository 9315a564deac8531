//! Properties of any packet under any policy.

use std::net::IpAddr;

use crate::common::{self, Packet, ones_complement_sum};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use xcast_sec::forward::{CopyKind, Route, RouteLookup, Router, RouterPolicy, Tunnel};
use xcast_sec::time::Instant;
use xcast_sec::wire::{ChecksumPolicy, DestinationSet, Dscp, ExtensionHeader, Family, IpHeader, XcastPacket, protocol};

use crate::kit::*;

/// What a router may be told of a destination.
#[derive(Clone, Debug)]
enum Fate {
    Own,
    NoRoute,
    Route(u8, bool),
    Tunnel(u8, u8),
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        1 => Just(Fate::Own),
        1 => Just(Fate::NoRoute),
        6 => (0..6_u8).prop_map(|hop| Fate::Route(hop, true)),
        3 => (6..9_u8).prop_map(|hop| Fate::Route(hop, false)),
        2 => (6..9_u8, 0..3_u8).prop_map(|(hop, tunnel)| Fate::Tunnel(hop, tunnel)),
    ];
    vec(fate, 127)
}

fn net(packet: &Packet, fates: &[Fate]) -> Net {
    let mut net = Net::default();
    for (address, fate) in packet.addresses.iter().zip(fates) {
        match *fate {
            Fate::Own => net.own.push(*address),
            Fate::NoRoute => {}
            Fate::Route(hop, xcast_capable) => {
                net.routes.insert(*address, Route { next_hop: hop, xcast_capable, mtu: usize::MAX });
            }
            Fate::Tunnel(hop, remote) => {
                net.routes.insert(*address, Route { next_hop: hop, xcast_capable: false, mtu: usize::MAX });
                net.tunnels.insert(*address, tunnel(remote));
            }
        }
    }
    net
}

/// A packet of any kind, with a real transport segment in half of the cases.
fn any_packet() -> impl Strategy<Value = Packet> {
    let segment_of = (any::<bool>(), 0..4_usize, any::<u16>(), vec(any::<u8>(), 18..60));
    (common::packet(), segment_of).prop_map(|(mut packet, (real, which, port, tail))| {
        if real {
            let family = packet.family();
            packet.next_protocol = transports(family)[which];
            packet.payload = segment(packet.next_protocol, packet.source, group(family), port, &tail);
        }
        packet
    })
}

fn any_policy() -> impl Strategy<Value = RouterPolicy> {
    any::<(bool, bool)>().prop_map(|(x2u, premature)| {
        policy(|policy| (policy.x2u, policy.premature_x2u, policy.allow_echo) = (x2u, premature, true))
    })
}

/// Whether X2U of this packet is possible, as the sender knows it.
fn x2u_possible(packet: &Packet) -> bool {
    let long_enough = match packet.next_protocol {
        protocol::ICMP => packet.family() == Family::V4 && packet.payload.len() >= 4,
        protocol::ICMPV6 => packet.family() == Family::V6 && packet.payload.len() >= 4,
        number => checksum_field(number).is_some_and(|(_, min_len)| packet.payload.len() >= min_len),
    };
    !packet.no_x2u && long_enough
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_reachable_destination_exactly_once(
        packet in any_packet(),
        fates in fates(),
        policy in any_policy(),
        dscps in vec(select(vec![0_u8, 8, 10, 12, 18, 46, 1]), 127),
    ) {
        let octets = if packet.dscps.is_some() { with_dscps(&packet, &dscps) } else { packet.octets() };
        let net = net(&packet, &fates);
        let arrived = parse(&octets);
        let result = forward_with(&octets, &net, policy, &[]).unwrap();
        prop_assert!(result.log.sent.len() <= packet.bits.len());

        let own: DestinationSet = packet.bits.iter().filter(|&i| matches!(fates[i], Fate::Own)).collect();
        prop_assert_eq!(result.outcome.local_destinations, own);
        let x2u = x2u_possible(&packet);
        let reachable: DestinationSet = packet.bits.iter().filter(|&i| packet.hop_limit > 1 && match fates[i] {
            Fate::Own | Fate::NoRoute => false,
            Fate::Route(_, capable) => capable || (x2u && policy.premature_x2u),
            Fate::Tunnel(..) => true,
        }).collect();
        if policy.premature_x2u || !policy.x2u || !x2u {
            prop_assert_eq!(result.outcome.sent, reachable);
        } else {
            // X2U of groups of one reaches further.
            prop_assert!(reachable.is_subset(result.outcome.sent));
        }

        for sent in &result.log.sent {
            for index in sent.destinations.iter() {
                prop_assert_eq!(net.routes[&packet.addresses[index]].next_hop, sent.next_hop);
            }
            check_copy(&packet, &arrived, sent)?;
        }
    }

    #[test]
    fn no_octets_make_it_panic(octets in vec(any::<u8>(), 0..200), start in select(vec![0x45_u8, 0x46, 0x60])) {
        let mut octets = octets;
        if let Some(first) = octets.first_mut() {
            *first = start;
        }
        let net = Everything;
        let mut router = Router::new(code_points(), policy(|policy| policy.checksum = ChecksumPolicy::Ignore));
        let _ = router.forward(Instant::START, None, &octets, &net, &mut Log::default());
    }

    /// Good packets with octets changed, checksums repaired where that is possible, so that the changes get far.
    #[test]
    fn no_damage_makes_it_panic(
        packet in any_packet(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut octets = packet.octets();
        for (index, value) in changes {
            let len = octets.len();
            // The headers, mostly.
            let at = index.index(len.min(120));
            octets[at] = value;
        }
        if let Some(cut) = cut {
            let len = cut.index(octets.len());
            octets.truncate(len);
        }
        if octets.len() >= 60 && octets[0] >> 4 == 4 {
            let len = usize::from(octets[0] & 15) * 4;
            if len >= 20 && len <= octets.len() {
                octets[10..12].fill(0);
                let checksum = !ones_complement_sum(&octets[..len]);
                octets[10..12].copy_from_slice(&checksum.to_be_bytes());
            }
        }
        let mut router = Router::new(code_points(), policy(|policy| policy.checksum = ChecksumPolicy::Ignore));
        let result = router.forward(Instant::START, None, &octets, &Everything, &mut Log::default());
        check_counters(&router.counters, &result);
    }
}

/// A route to everywhere, over all kinds of next hop.
struct Everything;

impl RouteLookup for Everything {
    type NextHop = u8;

    fn is_local(&self, address: IpAddr) -> bool {
        address_octets(address).last() == Some(&3)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        let last = *address_octets(destination).last().unwrap();
        Some(Route { next_hop: last % 8, xcast_capable: last.is_multiple_of(2), mtu: 1500 })
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        address_octets(destination).last()?.is_multiple_of(3).then_some(tunnel(1))
    }
}

fn check_copy(packet: &Packet, arrived: &XcastPacket<'_>, sent: &Sent) -> Result<(), TestCaseError> {
    let octets = match sent.kind {
        CopyKind::Tunnelled => {
            let (outer, inner) = IpHeader::split(&sent.octets).unwrap();
            prop_assert_eq!(outer.next_header(), packet.family().protocol());
            prop_assert_eq!(outer.packet_len(), sent.octets.len());
            inner
        }
        _ => &sent.octets,
    };
    let (ip, mut rest) = IpHeader::split(octets).unwrap();
    prop_assert_eq!(ip.packet_len(), octets.len());
    prop_assert_eq!(ip.hop_limit(), packet.hop_limit - 1);
    prop_assert_eq!(ip.source(), packet.source);
    if let IpHeader::V4(header) = &ip {
        prop_assert!(header.checksum_ok());
    }
    let dscp = sent.destinations.iter().filter_map(|index| arrived.dscp(index)).reduce(|a, b| a.merge(b).unwrap());
    prop_assert_eq!(ip.dscp(), dscp.unwrap_or(Dscp::DEFAULT));
    if sent.kind == CopyKind::Unicast {
        let index = sent.destinations.first().unwrap();
        prop_assert_eq!(sent.destinations.len(), 1);
        prop_assert_eq!(ip.destination(), packet.addresses[index]);
        let mut number = ip.next_header();
        while packet.family() == Family::V6 && number == protocol::DESTINATION_OPTIONS {
            let header = ExtensionHeader::read(octets, number, octets.len() - rest.len()).unwrap();
            number = header.next_header();
            rest = &octets[header.end()..];
        }
        prop_assert_eq!(number, packet.next_protocol);
        prop_assert_eq!(rest.len(), packet.payload.len());
        if let Some((at, min_len)) = checksum_field(number) {
            // As right or wrong as it came.
            let before = transport_sum(number, packet.source, group(packet.family()), &packet.payload);
            let after = transport_sum(number, packet.source, packet.addresses[index], rest);
            if packet.payload[at..at + 2] != [0, 0] {
                prop_assert_eq!(before == 0xffff, after == 0xffff);
            }
            prop_assert_eq!(&rest[min_len..], &packet.payload[min_len..]);
            let port = packet.ports.as_ref().filter(|_| number != protocol::ICMPV6).map(|ports| ports[index]);
            if let Some(port) = port {
                prop_assert_eq!(&rest[2..4], port.to_be_bytes());
            }
        } else {
            prop_assert_eq!(rest, &packet.payload[..]);
        }
        return Ok(());
    }
    let copy = XcastPacket::parse(octets, &code_points(), ChecksumPolicy::Verify)
        .map_err(|error| TestCaseError::fail(format!("{error}")))?;
    prop_assert_eq!(copy.bits(), sent.destinations);
    prop_assert_eq!(copy.payload(), &packet.payload[..]);
    prop_assert_eq!(ip.destination(), group(packet.family()));
    for index in 0..packet.addresses.len() {
        let hidden = packet.anonymous && !sent.destinations.contains(index);
        let shown = copy.destination(index).unwrap();
        prop_assert_eq!(shown.is_unspecified(), hidden);
        prop_assert_eq!(shown == packet.addresses[index], !hidden);
        prop_assert_eq!(copy.port(index), arrived.port(index));
        prop_assert_eq!(copy.dscp(index), arrived.dscp(index));
    }
    Ok(())
}
