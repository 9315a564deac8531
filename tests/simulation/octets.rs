//! Arbitrary octets, and good packets of all kinds with octets changed, through every entry of the library, under arbitrary
//! policies and routes: it never panics, never sends what is malformed, never sends more copies than there are destinations.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use xcast_sec::forward::v2::{RouterPolicyV2, RouterV2};
use xcast_sec::forward::{
    HostTunnel, OwnAddress, ReportLimit, ReversePath, Route, RouteLookup, Router, RouterPolicy, SemiPermeable, Tunnel,
    TunnelUse,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::xcast6_v2::{CodePointsV2, PacketV2, ReprV2};
use xcast_sec::wire::{ChecksumPolicy, DestinationSet, EmitError, Encapsulated, Family, XcastPacket, protocol};

use crate::common::{self, Packet};
use crate::group::{set_checksum, udp};
use crate::inspector::{Inspector, check_counters, code_points};
use crate::reader::octets_of;

// --- What a router is told --------------------------------------------------------------------------------------------

/// Answers that differ from address to address, and from seed to seed.
#[derive(Clone, Copy, Debug)]
struct Answers(u64);

impl Answers {
    fn of(self, address: IpAddr, question: u64) -> u64 {
        let start = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ question.wrapping_mul(0xff51_afd7_ed55_8ccd);
        let hash = octets_of(address)
            .iter()
            .fold(start, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3).rotate_left(23));
        hash.wrapping_mul(0x94d0_49bb_1331_11eb) >> 40
    }
}

impl RouteLookup for Answers {
    type NextHop = u64;

    fn is_local(&self, address: IpAddr) -> bool {
        self.of(address, 1).is_multiple_of(6)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u64>> {
        let next_hop = self.of(destination, 2) % 5;
        let mtu = [1500, 60, 9000, 200, usize::MAX][(next_hop + self.0) as usize % 5];
        (!self.of(destination, 3).is_multiple_of(8)).then_some(Route {
            next_hop,
            xcast_capable: next_hop % 3 != 1,
            mtu,
        })
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        match self.of(destination, 4) % 5 {
            0 => Some(Tunnel::v4([192, 0, 2, 1].into(), [192, 0, 2, 2].into())),
            1 => Tunnel::new("2001:db8::1".parse().ok()?, "2001:db8::2".parse().ok()?),
            2 => Some(Tunnel::v4([192, 0, 2, 1].into(), [192, 0, 2, 3].into()).with_hop_limit(1)),
            _ => None,
        }
    }

    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        !(self.of(local, 5) ^ self.of(remote, 6)).is_multiple_of(4)
    }
}

fn policies() -> impl Strategy<Value = RouterPolicy> {
    let initiate = SemiPermeable::Initiate { source: "2001:db8::1".parse().unwrap(), hop_limit: 9 };
    (
        any::<[bool; 4]>(),
        proptest::option::weighted(0.2, 0..4_usize),
        select(vec![TunnelUse::LastResort, TunnelUse::Routes]),
        select(vec![SemiPermeable::Ignore, SemiPermeable::PassOn, SemiPermeable::PassOn, initiate, initiate]),
        select(vec![OwnAddress::AsGroup, OwnAddress::MakeUnicast, OwnAddress::Refuse]),
        select(vec![ReversePath::Unchecked, ReversePath::Unchecked, ReversePath::Loose, ReversePath::Strict]),
    )
        .prop_map(|(flags, max_copies, tunnels, semi_permeable, own_address, reverse_path)| {
            let mut policy = RouterPolicy::default();
            [policy.x2u, policy.premature_x2u, policy.allow_echo] = [flags[0], flags[1], flags[2]];
            policy.checksum = if flags[3] { ChecksumPolicy::Verify } else { ChecksumPolicy::Ignore };
            policy.max_copies = max_copies;
            policy.tunnels = tunnels;
            policy.semi_permeable = semi_permeable;
            policy.own_address = own_address;
            policy.reverse_path = reverse_path;
            policy.reports = ReportLimit { burst: 2, ..ReportLimit::default() };
            policy
        })
}

// --- Packets ----------------------------------------------------------------------------------------------------------

/// What a packet stands in.
#[derive(Clone, Copy, Debug)]
enum Wrapping {
    None,
    V4,
    V6,
    SemiPermeable,
    /// The packet is an XCAST6 2.0 one.
    V2,
}

/// Checksums and lengths that damage is repaired in, so that it gets far.
fn repair(octets: &mut [u8]) {
    if octets.len() < 40 {
        return;
    }
    if octets[0] >> 4 == 4 {
        let (header_len, len) = (usize::from(octets[0] & 15) * 4, octets.len() as u16);
        octets[2..4].copy_from_slice(&len.to_be_bytes());
        if header_len >= 20 && header_len <= octets.len() {
            set_checksum(octets, 0..header_len, 10);
        }
    } else if octets[0] >> 4 == 6 {
        let len = (octets.len() - 40) as u16;
        octets[4..6].copy_from_slice(&len.to_be_bytes());
    }
}

fn wrap(wrapping: Wrapping, inner: &[u8]) -> Vec<u8> {
    let number = if inner.first().is_some_and(|octet| octet >> 4 == 4) { 4 } else { 41 };
    let v6 = |next: u8, middle: &[u8]| {
        let mut outer = vec![0x60, 0, 0, 0, 0, 0, next, 77];
        outer.extend("2001:db8::2".parse::<std::net::Ipv6Addr>().unwrap().octets());
        outer.extend("2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
        [&outer[..], middle, inner].concat()
    };
    let mut octets = match wrapping {
        Wrapping::None | Wrapping::V2 => return inner.to_vec(),
        Wrapping::V4 => {
            let outer = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 77, number, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1];
            [&outer[..], inner].concat()
        }
        Wrapping::V6 => v6(number, &[]),
        Wrapping::SemiPermeable => v6(0, &[number, 0, 0x1e, 0, 1, 2, 0, 0]),
    };
    repair(&mut octets);
    octets
}

fn v2_octets(packet: &Packet) -> Vec<u8> {
    let v6 = |address: &IpAddr| if let IpAddr::V6(address) = address { *address } else { unreachable!() };
    let addresses: Vec<_> = packet.addresses.iter().map(v6).collect();
    let repr = ReprV2 {
        source: v6(&packet.source),
        outer_source: v6(&packet.source),
        addresses: &addresses,
        bits: packet.bits,
        anonymous: packet.anonymous,
        no_x2u: packet.no_x2u,
        icmp_offset: 0,
        traffic_class: 0,
        flow_label: 0,
        outer_ecn: 1,
        hop_limit: packet.hop_limit,
        next_protocol: packet.next_protocol,
    };
    let mut octets = vec![0; repr.encoded_len(packet.payload.len())];
    match repr.emit(&CodePointsV2::xcast_jp_deployment(), packet.payload.len(), &mut octets) {
        Ok(payload) => payload.copy_from_slice(&packet.payload),
        // No bit is set: nothing for the outer header to lead to.
        Err(error) => assert_eq!(error, EmitError::NoDestination),
    }
    octets
}

fn wrappings() -> impl Strategy<Value = Wrapping> {
    select(vec![Wrapping::None, Wrapping::V4, Wrapping::V6, Wrapping::SemiPermeable, Wrapping::V2])
}

/// Good packets, half of them with a datagram in them.
fn sound() -> impl Strategy<Value = (Vec<u8>, Wrapping)> {
    (common::packet(), wrappings(), any::<bool>(), vec(any::<u8>(), 0..40)).prop_map(
        |(mut packet, wrapping, datagram, speech)| {
            if datagram {
                packet.next_protocol = protocol::UDP;
                packet.payload = udp(packet.source, packet.source, 9, &speech);
            }
            let is_v2 = matches!(wrapping, Wrapping::V2) && packet.family() == Family::V6;
            let octets = if is_v2 { v2_octets(&packet) } else { packet.octets() };
            (wrap(wrapping, &octets), wrapping)
        },
    )
}

type Changes = (Vec<(Index, u8)>, Option<Index>);

fn changes() -> impl Strategy<Value = Changes> {
    (vec((any::<Index>(), any::<u8>()), 0..5), proptest::option::weighted(0.2, any::<Index>()))
}

fn damaged((mut octets, wrapping): (Vec<u8>, Wrapping), (edits, cut): Changes) -> Vec<u8> {
    for (index, value) in edits {
        // The headers, mostly.
        let at = index.index(octets.len().min(140));
        octets[at] = value;
    }
    if let Some(cut) = cut {
        let len = cut.index(octets.len());
        octets.truncate(len);
    }
    let inner_at = match wrapping {
        Wrapping::None => 0,
        Wrapping::V4 => 20,
        Wrapping::V6 | Wrapping::V2 => 40,
        Wrapping::SemiPermeable => 48,
    };
    if let Some(inner) = octets.get_mut(inner_at..) {
        repair(inner);
    }
    repair(&mut octets);
    octets
}

// --- Through every entry -----------------------------------------------------------------------------------------------

/// The bits of the packet that arrived, in a tunnel or not.
fn bits(octets: &[u8]) -> DestinationSet {
    let read = |octets| XcastPacket::parse(octets, &code_points(), ChecksumPolicy::Ignore).map(|packet| packet.bits());
    read(octets).unwrap_or_else(|_| {
        let tunnel = Encapsulated::parse(octets, &code_points()).expect("it was read").expect("it was in a tunnel");
        read(tunnel.inner()).expect("it was read")
    })
}

/// Through every entry. Returns how many copies there were.
fn drive(octets: &[u8], policy: RouterPolicy, routes: Answers, from: Option<u64>, failing: usize) -> usize {
    let mut copies = 0;
    for entry in 0..5 {
        let mut router = Router::new(code_points(), policy);
        // What is the host's own is verified, whatever policy says of others'.
        let checksum = if matches!(entry, 1..=3) { ChecksumPolicy::Verify } else { policy.checksum };
        let mut inspector = Inspector::new(checksum, false, failing);
        let (now, out) = (Instant::START, &mut inspector);
        let result = match entry {
            0 => router.forward(now, from, octets, &routes, out),
            1 => router.originate(now, octets, &routes, out),
            2 => router.originate_through(now, HostTunnel::Plain, octets, &routes, out),
            3 => router.originate_through(now, HostTunnel::SemiPermeable, octets, &routes, out),
            _ => router.relay(now, octets, &routes, out),
        };
        check_counters(&router.counters, result.as_ref().ok(), &inspector);
        if let Ok(outcome) = result {
            let bits = bits(octets);
            assert!(outcome.copies <= bits.len() && outcome.sent.is_subset(bits));
            assert!(outcome.local_destinations.is_subset(bits.difference(outcome.sent)));
        }
        copies += inspector.copies;
    }
    copies + drive_v2(octets, policy, routes, from, failing)
}

fn drive_v2(octets: &[u8], policy: RouterPolicy, routes: Answers, from: Option<u64>, failing: usize) -> usize {
    let mut policy_v2 = RouterPolicyV2::default();
    (policy_v2.x2u, policy_v2.allow_echo) = (policy.x2u, policy.allow_echo);
    (policy_v2.max_copies, policy_v2.reverse_path) = (policy.max_copies, policy.reverse_path);
    let mut router = RouterV2::new(CodePointsV2::xcast_jp_deployment(), policy_v2);
    let mut inspector = Inspector::new(ChecksumPolicy::Verify, true, failing);
    let result = router.forward(Instant::START, from, octets, &routes, &mut inspector);
    check_counters(&router.counters, result.as_ref().ok(), &inspector);
    if let Ok(outcome) = result {
        let bits = PacketV2::parse(octets, &CodePointsV2::xcast_jp_deployment()).expect("it was read").bits();
        assert!(outcome.copies <= bits.len() && outcome.sent.is_subset(bits));
    }
    inspector.copies
}

fn neighbours() -> impl Strategy<Value = Option<u64>> {
    proptest::option::of(0..5_u64)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn arbitrary(
        octets in vec(any::<u8>(), 0..220),
        start in select(vec![&[0x45_u8][..], &[0x46], &[0x60], &[0x65, 0xc5, 0x80, 0]]),
        policy in policies(),
        seed in any::<u64>(),
        from in neighbours(),
    ) {
        let mut octets = octets;
        for (octet, value) in octets.iter_mut().zip(start) {
            *octet = *value;
        }
        drive(&octets, policy, Answers(seed), from, 0);
        repair(&mut octets);
        drive(&octets, policy, Answers(seed), from, 0);
    }

    #[test]
    fn damaged_packets(
        packet in sound(),
        changes in changes(),
        policy in policies(),
        seed in any::<u64>(),
        from in neighbours(),
        failing in 0..4_usize,
    ) {
        drive(&damaged(packet, changes), policy, Answers(seed), from, failing);
    }
}

/// The packets above get as far as to be sent, in every form: the tests are not idle.
#[test]
fn sound_packets_are_sent() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]));
    let mut sent = [0; 5];
    for round in 0..600 {
        let (octets, wrapping) = sound().new_tree(&mut runner).unwrap().current();
        let policy = policies().new_tree(&mut runner).unwrap().current();
        let copies = drive(&octets, policy, Answers(round), Some(round % 5), 0);
        sent[wrapping as usize] += usize::from(copies > 0);
    }
    println!("of 600 packets, sent on: {sent:?} (bare, in IPv4, in IPv6, semi-permeable, XCAST6 2.0)");
    assert!(sent.iter().all(|&count| count > 3), "{sent:?}");
}
