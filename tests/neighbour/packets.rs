//! Which packets are answers, and which are not: damaged, forged, looped back, misdirected, cut short.

use proptest::prelude::*;
use std::net::IpAddr;
use std::ops::Range;

use xcast_sec::forward::neighbour::{Capability, Probe, Received};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    ChecksumPolicy, DestinationSet, Dscp, Family, IpHeader, Ipv4Repr, Ipv6Repr, UdpRepr, XcastPacket, protocol,
};

use crate::common::{Packet, ones_complement_sum};
use crate::kit::{DESTINATION_PORT, FAMILIES, Host, Peer, Rng, SOURCE_PORT, code_points, octets, own, secs};

/// A host with a ping outstanding to neighbour 0, the ping, and what a neighbour makes of it. The same each time.
fn asked(family: Family, x2u: bool) -> (Host<4>, Vec<u8>, Vec<u8>) {
    let mut host = Host::new(30);
    host.join(Peer::router(x2u), family);
    let (_, ping) = host.next_ping();
    let back = host.peers[0].answer(&ping).unwrap();
    (host, ping, back)
}

fn forms() -> impl Iterator<Item = (Family, bool)> {
    FAMILIES.into_iter().flat_map(|family| [(family, true), (family, false)])
}

fn is_answer(received: Received<u8>) -> bool {
    matches!(received, Received::Answer { neighbour: 0, .. })
}

/// What a ping carries behind its UDP header.
fn payload(ping: &[u8]) -> &[u8] {
    &ping[ping.len() - 24..]
}

/// A unicast UDP packet, built without the code under test.
fn unicast(source: IpAddr, destination: IpAddr, ports: (u16, u16), hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    let udp = UdpRepr { source_port: ports.0, destination_port: ports.1, payload };
    let (payload_len, header_len) = (udp.encoded_len(), Family::of(&source).min_header_len());
    let mut packet = vec![0; header_len + payload_len];
    udp.emit(source, destination, &mut packet[header_len..]).unwrap();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let protocol = protocol::UDP;
            Ipv4Repr { tos: 0, ttl: hop_limit, protocol, source, destination, options_len: 0, payload_len }
                .emit(&mut packet)
                .unwrap();
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let next_header = protocol::UDP;
            Ipv6Repr { traffic_class: 0, hop_limit, next_header, source, destination, payload_len }
                .emit(&mut packet)
                .unwrap();
        }
        _ => unreachable!("one family"),
    }
    packet
}

const PORTS: (u16, u16) = (SOURCE_PORT, DESTINATION_PORT);

/// The bits of an answer that mean nothing to anybody: no checksum covers them, and routers may change them. In IPv6 these are
/// Traffic Class and Flow Label; in IPv4 the header checksum covers even those that are none of our business.
fn irrelevant(family: Family) -> Range<usize> {
    match family {
        Family::V4 => 0..0,
        Family::V6 => 4..32,
    }
}

#[test]
fn no_damaged_answer_counts() {
    for (family, x2u) in forms() {
        let (_, _, back) = asked(family, x2u);
        for bit in 0..back.len() * 8 {
            let (mut host, ..) = asked(family, x2u);
            let mut damaged = back.clone();
            damaged[bit / 8] ^= 0x80 >> (bit % 8);
            let counted = is_answer(host.receive(&damaged, 0));
            assert_eq!(counted, irrelevant(family).contains(&bit), "bit {bit} of {family:?}, X2U {x2u}");
            assert_eq!(is_answer(host.receive(&back, 0)), !counted, "it counts once, and damage does not use it up");
        }
    }
}

#[test]
fn no_truncated_answer_counts_and_padding_of_the_link_is_none() {
    for (family, x2u) in forms() {
        let (mut host, ping, back) = asked(family, x2u);
        for len in 0..back.len() {
            assert_eq!(host.receive(&back[..len], 0), Received::NotOurs);
        }
        for len in 0..ping.len() {
            assert_eq!(host.receive(&ping[..len], 0), Received::NotOurs);
        }
        assert!(is_answer(host.receive(&[&back[..], &[0xee; 9]].concat(), 0)));
        assert_eq!(host.table.counters().stray, 0);
    }
}

/// A hub, a loop or the host's own multicast loopback: the neighbour never saw it.
#[test]
fn a_ping_the_link_returned_is_no_answer() {
    for (family, x2u) in forms() {
        let (mut host, ping, back) = asked(family, x2u);
        assert_eq!(host.receive(&ping, 0), Received::Stray);
        assert!(is_answer(host.receive(&back, 0)), "the real one still counts");
    }
}

#[test]
fn only_one_hop_limit_counts() {
    for family in FAMILIES {
        for hop_limit in 0..=255 {
            let (mut host, ping, _) = asked(family, true);
            let packet = unicast(own(family), own(family), PORTS, hop_limit, payload(&ping));
            let expected = if hop_limit == 1 {
                Received::Answer { neighbour: 0, family, capability: Capability::Unknown }
            } else {
                Received::Stray
            };
            assert_eq!(host.receive(&packet, 0), expected);
        }
    }
}

/// Right in everything but the token: checksums too.
#[test]
fn forged_tokens_are_stray() {
    for family in FAMILIES {
        let (mut host, ping, back) = asked(family, true);
        let forge =
            |host: &mut Host<4>, payload: &[u8]| host.receive(&unicast(own(family), own(family), PORTS, 1, payload), 0);
        for bit in 0..128 {
            let mut forged = payload(&ping).to_vec();
            forged[8 + bit / 8] ^= 0x80 >> (bit % 8);
            assert_eq!(forge(&mut host, &forged), Received::Stray, "token bit {bit}");
        }
        for byte in [0x00, 0xff] {
            assert_eq!(forge(&mut host, &[&payload(&ping)[..8], &[byte; 16]].concat()), Received::Stray);
        }
        assert_eq!(host.table.counters().stray, 130);
        // Another magic, version or reserved octet is another protocol.
        for bit in 0..64 {
            let mut other = payload(&ping).to_vec();
            other[bit / 8] ^= 0x80 >> (bit % 8);
            assert_eq!(forge(&mut host, &other), Received::NotOurs, "magic bit {bit}");
        }
        for len in [0, 7, 8, 23] {
            assert_eq!(forge(&mut host, &payload(&ping)[..len]), Received::NotOurs);
        }
        assert_eq!(forge(&mut host, &[payload(&ping), &[0]].concat()), Received::NotOurs, "an octet more");
        assert!(is_answer(host.receive(&back, 0)));
    }
}

#[test]
fn other_ports_and_addresses_are_not_ours() {
    for family in FAMILIES {
        let (mut host, ping, back) = asked(family, true);
        let other = crate::common::destination(family, 9);
        let me = own(family);
        let payload = payload(&ping);
        for (source, destination, ports) in [
            (me, me, (DESTINATION_PORT, SOURCE_PORT)),
            (me, me, (SOURCE_PORT, SOURCE_PORT)),
            (me, me, (DESTINATION_PORT, DESTINATION_PORT)),
            (other, me, PORTS),
            (me, other, PORTS),
            (other, other, PORTS),
        ] {
            assert_eq!(host.receive(&unicast(source, destination, ports, 1, payload), 0), Received::NotOurs);
        }
        // The right token, but of a ping sent from another of our addresses.
        host.table.insert(host.now, 3, other).unwrap();
        assert_eq!(host.receive(&unicast(other, other, PORTS, 1, payload), 0), Received::Stray);
        assert!(is_answer(host.receive(&back, 0)));
    }
}

/// A router's own pings to us are for our router to forward.
#[test]
fn pings_of_others_are_not_ours() {
    for family in FAMILIES {
        let (mut host, ping, _) = asked(family, false);
        let sender = crate::common::destination(family, 9);
        let mut theirs = Packet::plain(family, 1);
        (theirs.source, theirs.addresses, theirs.hop_limit) = (sender, vec![sender], 1);
        let udp = &ping[ping.len() - 32..];
        theirs.payload = udp.to_vec();
        assert_eq!(host.receive(&theirs.octets(), 0), Received::NotOurs);
    }
}

#[test]
fn a_ping_that_came_back_from_another_neighbour_does_not_count() {
    for (family, x2u) in forms() {
        let (mut host, _, back) = asked(family, x2u);
        host.join(Peer::Legacy, family);
        assert_eq!(host.receive(&back, 1), Received::Stray);
        assert_eq!((host.table.counters().misdirected, host.table.counters().stray), (1, 0));
        assert!(is_answer(host.receive(&back, 0)), "its own neighbour may still return it");
        // A host that cannot tell takes it from anybody.
        let (mut host, _, back) = asked(family, x2u);
        assert!(is_answer(host.table.receive(host.now, &back, None)));
    }
}

/// Over IPv4 a UDP checksum of 0 is none, and would leave the token unprotected. We send one, and X2U keeps it.
#[test]
fn an_answer_without_udp_checksum_is_none() {
    let (mut host, _, mut back) = asked(Family::V4, true);
    back[26..28].fill(0);
    assert_eq!(host.receive(&back, 0), Received::NotOurs);
}

#[test]
fn a_fragment_is_no_answer() {
    let (mut host, _, back) = asked(Family::V4, true);
    // More Fragments, and an offset of 8 octets.
    for flags in [0x2000_u16, 0x0001] {
        let mut fragment = back.clone();
        fragment[6..8].copy_from_slice(&flags.to_be_bytes());
        fragment[10..12].fill(0);
        let checksum = !ones_complement_sum(&fragment[..20]);
        fragment[10..12].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(host.receive(&fragment, 0), Received::NotOurs);
    }
    assert!(is_answer(host.receive(&back, 0)));
}

/// An Xcast packet with our token and checksums that are right, but not as a ping is built: nobody made it of ours.
#[test]
fn xcast_packets_of_another_make_are_none() {
    for family in FAMILIES {
        let (_, ping, _) = asked(family, false);
        let mut good = Packet::plain(family, 1);
        (good.source, good.addresses, good.hop_limit) = (own(family), vec![own(family)], 1);
        good.payload = ping[ping.len() - 32..].to_vec();
        assert!(is_answer(asked(family, false).0.receive(&good.octets(), 0)), "but for these it is one");

        let change = |edit: &dyn Fn(&mut Packet)| {
            let mut packet = good.clone();
            edit(&mut packet);
            packet.octets()
        };
        let other = crate::common::destination(family, 9);
        for (what, packet) in [
            ("X", change(&|packet| packet.no_x2u = true)),
            ("A", change(&|packet| packet.anonymous = true)),
            ("DSCPs", change(&|packet| packet.dscps = Some(vec![Dscp::DEFAULT]))),
            ("ports", change(&|packet| packet.ports = Some(vec![DESTINATION_PORT]))),
            ("no bit", change(&|packet| packet.bits = DestinationSet::EMPTY)),
            ("separated bitmap", change(&|packet| packet.place = xcast_sec::wire::BitmapPlace::Option)),
            ("another destination", change(&|packet| packet.addresses = vec![other])),
            ("two destinations", change(&|packet| packet.addresses.push(other))),
            ("not UDP", change(&|packet| packet.next_protocol = protocol::UDP_LITE)),
            ("a source that is not ours", change(&|packet| packet.source = other)),
        ] {
            let (mut host, ..) = asked(family, false);
            assert_eq!(host.receive(&packet, 0), Received::NotOurs, "{what}, {family:?}");
        }
    }
}

/// The same behind an AH: we send none, and nobody adds one on the way.
#[test]
fn an_answer_behind_ah_is_none() {
    let (mut host, _, back) = asked(Family::V4, false);
    // Next Header, Payload Len of 24 octets, SPI 256, sequence number 1, an ICV.
    let fields = [253, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    let ah = [&fields[..], &[0xcc; 12]].concat();
    let (source, destination) = ([192, 0, 2, 1].into(), code_points().fields().routers_v4);
    let payload_len = ah.len() + back.len() - 20;
    let mut packet = vec![0; 20];
    Ipv4Repr { tos: 0, ttl: 1, protocol: protocol::AH, source, destination, options_len: 0, payload_len }
        .emit(&mut packet)
        .unwrap();
    packet.extend([&ah, &back[20..]].concat());
    let read = XcastPacket::parse(&packet, &code_points(), ChecksumPolicy::Verify).expect("an Xcast packet");
    assert!(read.is_behind_ah() && read.payload() == &back[40..]);
    assert_eq!(host.receive(&packet, 0), Received::NotOurs);
    assert!(is_answer(host.receive(&back, 0)));
}

/// In front of an address that never asks, everything is the host's.
#[test]
fn without_neighbours_nothing_is_ours() {
    for (family, x2u) in forms() {
        let (_, ping, back) = asked(family, x2u);
        let mut table = crate::kit::table::<4>();
        for packet in [ping, back] {
            assert_eq!(table.receive(Instant::START, &packet, None), Received::NotOurs);
        }
        assert_eq!(*table.counters(), Default::default());
    }
}

/// Octets behind each other with nothing of the table's state in them are the same for equal tokens only.
#[test]
fn tokens_are_fresh_for_each_ping() {
    let mut host = Host::<4>::new(31);
    for family in [Family::V4, Family::V6, Family::V4, Family::V6] {
        host.join(Peer::Legacy, family);
    }
    let mut tokens = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let (_, ping) = host.next_ping();
        assert!(tokens.insert(ping[ping.len() - 16..].to_vec()));
    }
}

#[test]
fn a_probe_shows_its_sender_and_not_its_token() {
    let mut table = crate::kit::table::<1>();
    let start = Instant::START;
    table.insert(start, 5, own(Family::V6)).unwrap();
    let mut rng = Rng::new(32);
    assert!(table.poll(start, &mut rng).unwrap().is_none());
    let probe: Probe<u8> = table.poll(start.after(secs(1)), &mut rng).unwrap().unwrap();
    assert_eq!((probe.neighbour(), probe.own_address()), (5, own(Family::V6)));
    let ping = octets(&probe);
    assert_eq!(IpHeader::split(&ping).unwrap().0.source(), own(Family::V6));
    for shown in [format!("{probe:?}"), format!("{table:?}")] {
        assert!(shown.contains("Token(..)"), "{shown}");
        let token = &ping[ping.len() - 16..];
        assert!(!shown.contains(&format!("{token:?}")[1..10]), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_octets_are_no_answer(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        for family in FAMILIES {
            let (mut host, ..) = asked(family, true);
            prop_assert_eq!(host.receive(&octets, 0), Received::NotOurs);
        }
    }

    /// Whatever octets of an answer are overwritten: it counts only if the token and both addresses are still there.
    #[test]
    fn rewritten_answers(
        form in 0..4_usize,
        at in 0..120_usize,
        new in proptest::collection::vec(any::<u8>(), 1..24),
        len in 0..160_usize,
    ) {
        let (family, x2u) = forms().nth(form).unwrap();
        let (mut host, _, back) = asked(family, x2u);
        let mut packet = back.clone();
        for (to, from) in packet.iter_mut().skip(at).zip(&new) {
            *to = *from;
        }
        packet.resize(len.max(40), 0);
        if is_answer(host.receive(&packet, 0)) {
            let same = |bit: usize| (packet[bit / 8] ^ back[bit / 8]) & (0x80 >> (bit % 8)) == 0;
            let relevant = (0..back.len() * 8).filter(|bit| !irrelevant(family).contains(bit));
            for bit in relevant {
                // One's complement sums do not see every change of several bits; those over the token they guard alone.
                prop_assert!(same(bit) || bit < (back.len() - 16) * 8);
            }
        }
    }
}
