//! What hosts do without routers next to them: send by themselves, pass on, and hand over what has arrived (RFC 5058 §11.4).

use std::net::IpAddr;

use proptest::prelude::*;
use xcast_sec::forward::{
    CopyKind, Counters, ForwardError, HostTunnel, Outcome, PacketCopy, Route, Router, RouterPolicy,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, Encapsulated, Family, IpHeader, ParseErrorKind, protocol};

use crate::common::{self, Packet, source};
use crate::kit::*;

const NOW: Instant = Instant::START;

fn run(
    policy: RouterPolicy,
    call: impl FnOnce(&mut Router, &mut Log) -> Result<Outcome, ForwardError>,
) -> Result<Forwarded, ForwardError> {
    let (mut log, mut router) = (Log::default(), Router::new(code_points(), policy));
    let result = call(&mut router, &mut log);
    check_counters(&router.counters, &result);
    result.map(|outcome| Forwarded { outcome, log, counters: router.counters })
}

fn originate(octets: &[u8], net: &Net) -> Result<Forwarded, ForwardError> {
    run(RouterPolicy::default(), |router, log| router.originate(NOW, octets, net, log))
}

fn through(tunnel: HostTunnel, octets: &[u8], net: &Net) -> Result<Forwarded, ForwardError> {
    run(RouterPolicy::default(), |router, log| router.originate_through(NOW, tunnel, octets, net, log))
}

fn relay(octets: &[u8], net: &Net) -> Result<Forwarded, ForwardError> {
    run(RouterPolicy::default(), |router, log| router.relay(NOW, octets, net, log))
}

fn error(result: Result<Forwarded, ForwardError>) -> ForwardError {
    result.map(|forwarded| forwarded.shape()).unwrap_err()
}

/// The kinds of outer header that a family can be in, and the first octets between it and the inner packet.
fn tunnels(family: Family) -> Vec<(HostTunnel, &'static [u8])> {
    match family {
        Family::V4 => vec![(HostTunnel::Plain, &[])],
        Family::V6 => vec![(HostTunnel::Plain, &[]), (HostTunnel::SemiPermeable, &SEMI_PERMEABLE)],
    }
}

// --- Sending ----------------------------------------------------------------------------------------------------------

/// A host is its own first router: what a router would have made of the packet one hop further, with the hop not counted.
#[test]
fn a_host_branches_its_own_packets() {
    for family in FAMILIES {
        let packet = plain(family, 5);
        let mut net = Net::new(&packet, &[route(1), route(1), legacy(2), legacy(2), route(3)]);
        net.own = vec![packet.addresses[1]];
        let own = originate(&packet.octets(), &net).unwrap();
        let mut one_more = packet.clone();
        one_more.hop_limit += 1;
        let routed = forward(&one_more.octets(), &net);
        assert_eq!(own.log.sent, routed.log.sent);
        assert_eq!((own.outcome, own.counters), (routed.outcome, routed.counters));
        // Even 1 is enough to leave the host, and 0 is not.
        for (limit, copies) in [(0, 0), (1, 4)] {
            let packet = Packet { hop_limit: limit, ..packet.clone() };
            let result = originate(&packet.octets(), &net).unwrap();
            assert_eq!(result.outcome.copies, copies);
            assert!(result.log.sent.iter().all(|sent| IpHeader::split(&sent.octets).unwrap().0.hop_limit() == limit));
        }
    }
}

#[test]
fn a_host_may_ping_and_is_held_to_everything_else() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        let net = Net::uniform(&packet, route(1));
        let unusable = with_address(&packet, 1, group(family));
        assert!(matches!(error(originate(&unusable, &net)), ForwardError::UnusableDestination { index: 1, .. }));
        let (peer, own) = (packet.addresses[0], packet.addresses[1]);
        let tunnelled = outside((peer, own), 9, 0, &[], &packet.octets());
        let not_xcast = error(originate(&tunnelled, &net));
        assert!(matches!(not_xcast, ForwardError::Parse(error) if error.kind() == ParseErrorKind::NotXcast));
        let elsewhere = {
            let mut octets = packet.octets();
            let at = if family == Family::V4 { 16 } else { 24 };
            let other = address_octets(peer);
            octets[at..at + other.len()].copy_from_slice(&other);
            fix_checksums(&mut octets);
            octets
        };
        assert_eq!(error(originate(&elsewhere, &net)), ForwardError::NotForUs);
        assert_eq!(error(through(HostTunnel::Plain, &elsewhere, &net)), ForwardError::NotForUs);
        (packet.next_protocol, packet.payload) = match family {
            Family::V4 => (protocol::ICMP, vec![8, 0, 0, 0, 0, 0, 0, 0]),
            Family::V6 => (protocol::ICMPV6, vec![128, 0, 0, 0, 0, 0, 0, 0]),
        };
        assert_eq!(originate(&packet.octets(), &net).unwrap().outcome.sent, set(&[0, 1]));
        assert_eq!(through(HostTunnel::Plain, &packet.octets(), &net).unwrap().outcome.sent, set(&[0, 1]));
        let octets = outside((peer, packet.addresses[0]), 9, 0, &[], &packet.octets());
        let mut net = net;
        net.own = vec![packet.addresses[0]];
        assert_eq!(relay(&octets, &net).unwrap().counters.echo_requests, 1, "somebody else's");
    }
}

/// One packet to the first member there is a route to; all members, reachable from here or not, are in it.
#[test]
fn a_host_sends_through_members() {
    for family in FAMILIES {
        let mut packet = plain(family, 4);
        packet.hop_limit = 17;
        let mut octets = packet.octets();
        set_traffic_class(&mut octets, 0xb9);
        let mut net = Net::new(&packet, &[route(1), legacy(2), route(3), route(4)]);
        net.own = vec![packet.addresses[2]];
        net.routes.remove(&packet.addresses[0]);
        for (tunnel, front) in tunnels(family) {
            let result = through(tunnel, &octets, &net).unwrap();
            let kind = if front.is_empty() { CopyKind::Tunnelled } else { CopyKind::SemiPermeable };
            assert_eq!(result.shape(), [(2, kind, set(&[0, 1, 3]))]);
            assert!(result.outcome.local && result.outcome.local_destinations == set(&[2]));
            let mut expected = octets.clone();
            let bits = set(&[0, 1, 3]);
            xcast_sec::wire::XcastPacketMut::parse(&mut expected, &code_points(), Default::default())
                .unwrap()
                .retain(bits);
            let expected = outside((source(family), packet.addresses[1]), 17, 0xb9, front, &expected);
            assert_eq!(result.log.sent[0].octets, expected);
        }
    }
    let packet = plain(Family::V4, 2);
    let net = Net::uniform(&packet, route(1));
    assert_eq!(error(through(HostTunnel::SemiPermeable, &packet.octets(), &net)), ForwardError::UnusableTunnel);
}

#[test]
fn ends_of_sending_through_members() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        let no_route = through(HostTunnel::Plain, &packet.octets(), &Net::default()).unwrap();
        assert_eq!((no_route.counters.no_route, no_route.outcome.copies), (2, 0));
        let overhead = if family == Family::V4 { 20 } else { 40 };
        let len = packet.octets().len();
        let net = Net::uniform(&packet, Route { mtu: len + overhead - 1, ..route(1) });
        let too_big = through(HostTunnel::Plain, &packet.octets(), &net).unwrap();
        assert_eq!(too_big.log.too_big, [(1, len - 1, set(&[0, 1]))]);
        // The last one is reached in unicast, unless it must not be.
        packet.bits = set(&[1]);
        let net = Net::uniform(&packet, route(1));
        let octets = packet.octets();
        assert_eq!(through(HostTunnel::Plain, &octets, &net).unwrap().shape(), [(1, CopyKind::Unicast, set(&[1]))]);
        let no_x2u = run(policy(|policy| policy.x2u = false), |router, log| {
            router.originate_through(NOW, HostTunnel::Plain, &octets, &net, log)
        });
        assert_eq!(no_x2u.unwrap().shape(), [(1, CopyKind::Tunnelled, set(&[1]))]);
        packet.no_x2u = true;
        let result = through(HostTunnel::Plain, &packet.octets(), &net).unwrap();
        assert_eq!(result.shape(), [(1, CopyKind::Tunnelled, set(&[1]))]);
    }
}

// --- Passing on -------------------------------------------------------------------------------------------------------

/// The whole of RFC 5058 §11.4: the sender to B, B to C, C to D, each of them served once, by either kind of tunnel.
#[test]
fn members_pass_a_packet_on_to_one_another() {
    for family in FAMILIES {
        for (tunnel, front) in tunnels(family) {
            for no_x2u in [false, true] {
                let packet = Packet { no_x2u, hop_limit: 9, ..plain(family, 4) };
                let mut net = Net::uniform(&packet, legacy(1));
                let mut octets = through(tunnel, &packet.octets(), &net).unwrap().log.sent[0].octets.clone();
                for (member, left) in [(0, set(&[1, 2, 3])), (1, set(&[2, 3])), (2, set(&[3]))] {
                    net.own = vec![packet.addresses[member]];
                    let result = relay(&octets, &net).unwrap();
                    assert_eq!(result.outcome.local_destinations, set(&[member]));
                    assert_eq!(octets[result.outcome.packet_at..].len(), packet.octets().len());
                    let [sent] = &result.log.sent[..] else { panic!("{:?}", result.shape()) };
                    assert_eq!(sent.destinations, left);
                    let hop_limit = 8 - u8::try_from(member).unwrap();
                    // In a tunnel to the last: in unicast it would be in the sender's name.
                    let next = Encapsulated::parse(&sent.octets, &code_points()).unwrap().unwrap();
                    assert_eq!(next.is_semi_permeable(), !front.is_empty());
                    let ends = (next.outer().source(), next.outer().destination());
                    assert_eq!(ends, (packet.addresses[member], packet.addresses[member + 1]));
                    let inner = parse(next.inner());
                    assert_eq!((inner.bits(), inner.ip().hop_limit()), (left, hop_limit));
                    assert_eq!(inner.ip().source(), source(family), "the sender stays the sender");
                    assert_eq!(next.outer().hop_limit(), hop_limit, "no hop is gained");
                    octets.clone_from(&sent.octets);
                }
            }
        }
    }
}

#[test]
fn only_members_pass_on_and_only_what_was_sent_to_them() {
    for family in FAMILIES {
        let packet = plain(family, 3);
        let mut net = Net::uniform(&packet, route(1));
        net.own = vec![packet.addresses[1]];
        let wrapped = |to: usize, inner: &[u8]| outside((source(family), packet.addresses[to]), 9, 0, &[], inner);
        assert!(relay(&wrapped(1, &packet.octets()), &net).is_ok());
        assert_eq!(error(relay(&wrapped(0, &packet.octets()), &net)), ForwardError::NotForUs);
        assert_eq!(error(relay(&packet.octets(), &net)), ForwardError::NotForUs, "in no tunnel");
        let ordinary = unicast(family, protocol::UDP, packet.addresses[1], 9, 0, &packet.payload);
        assert_eq!(error(relay(&ordinary, &net)), ForwardError::NotForUs);
        let without = Packet { bits: set(&[0, 2]), ..packet.clone() };
        assert_eq!(error(relay(&wrapped(1, &without.octets()), &net)), ForwardError::NotAMember);
        let not_xcast = error(relay(&wrapped(1, &ordinary), &net));
        assert!(matches!(not_xcast, ForwardError::Parse(error) if error.kind() == ParseErrorKind::NotXcast));
        let last = Packet { bits: set(&[1]), ..packet.clone() };
        let result = relay(&wrapped(1, &last.octets()), &net).unwrap();
        assert_eq!((result.outcome.local, result.outcome.copies), (true, 0));
        for (limit, copies) in [(0, 0), (1, 0), (2, 1)] {
            let packet = Packet { hop_limit: limit, ..packet.clone() };
            let result = relay(&wrapped(1, &packet.octets()), &net).unwrap();
            assert_eq!((result.outcome.local, result.outcome.copies), (true, copies), "hop limit {limit}");
        }
    }
}

/// Marks of congestion on the way from one member to the next are not lost, where anybody listens.
#[test]
fn congestion_between_members_shows() {
    for family in FAMILIES {
        let packet = plain(family, 3);
        let mut net = Net::uniform(&packet, route(1));
        net.own = vec![packet.addresses[0]];
        for (inner, outer, expected) in [(0b10, 0b11, 0b11), (0b00, 0b11, 0b00), (0b10, 0b01, 0b10)] {
            let mut octets = packet.octets();
            set_traffic_class(&mut octets, inner);
            let result = relay(&outside((source(family), packet.addresses[0]), 9, outer, &[], &octets), &net).unwrap();
            let next = Encapsulated::parse(&result.log.sent[0].octets, &code_points()).unwrap().unwrap();
            assert_eq!(parse(next.inner()).ip().traffic_class(), expected);
            assert_eq!(next.outer().traffic_class(), expected);
        }
    }
}

// --- Handing over -----------------------------------------------------------------------------------------------------

/// What a receiver hands to an ordinary stack is what a router would have made of the packet, X or not, but for the hop.
#[test]
fn local_copies_are_what_x2u_makes() {
    for family in FAMILIES {
        for number in transports(family) {
            let mut packet = plain(family, 3).with_lists(true, true);
            packet.next_protocol = number;
            packet.payload = segment(number, source(family), group(family), 0, b"....for you..");
            let net = Net::uniform(&packet, legacy(1));
            let one_more = Packet { hop_limit: packet.hop_limit + 1, ..packet.clone() };
            let routed = forward(&one_more.octets(), &net);
            assert_eq!(routed.counters.unicast, 3, "{number}");
            for no_x2u in [false, true] {
                let octets = Packet { no_x2u, ..packet.clone() }.octets();
                let parsed = parse(&octets);
                for (index, sent) in routed.log.sent.iter().enumerate() {
                    let copy = PacketCopy::local(&parsed, index).unwrap();
                    let mut local = vec![0; copy.len()];
                    assert_eq!(copy.emit(&mut local), Ok(copy.len()));
                    assert_eq!((copy.kind(), copy.destinations()), (CopyKind::Unicast, set(&[index])));
                    assert_eq!(local, sent.octets, "{number}");
                }
                assert!(PacketCopy::local(&parsed, 3).is_none());
            }
        }
    }
}

#[test]
fn what_is_protected_or_unknown_is_not_handed_over() {
    for family in FAMILIES {
        for number in [protocol::ESP, protocol::AH, 132] {
            let mut packet = plain(family, 2);
            packet.next_protocol = number;
            packet.payload = if number == protocol::AH { ah(protocol::UDP) } else { vec![0; 40] };
            if family == Family::V4 && number == protocol::AH {
                // In front of the Xcast header, where it belongs.
                packet.next_protocol = protocol::UDP;
                packet.place = BitmapPlace::Option;
                let octets = packet.octets();
                let behind_ip = usize::from(octets[0] & 15) * 4;
                let mut octets = insert(octets, behind_ip, &ah(253), 9, protocol::AH);
                fix_checksums(&mut octets);
                assert!(PacketCopy::local(&parse(&octets), 0).is_none());
            } else {
                assert!(PacketCopy::local(&parse(&packet.octets()), 0).is_none(), "{number}");
            }
        }
    }
}

proptest! {
    /// Nothing that a stranger sends makes a host panic, or send more than one packet for one.
    #[test]
    fn one_packet_for_one(
        mut packet in common::packet(),
        kind in 0_usize..3,
        own in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        packet.payload.truncate(200);
        let family = packet.family();
        let mut net = Net::uniform(&packet, route(1));
        net.own = vec![*own.get(&packet.addresses)];
        let (ends, front): (_, &[u8]) = match (kind, family) {
            (0, Family::V6) => ((source(Family::V6), net.own[0]), &SEMI_PERMEABLE),
            (1, _) | (0, Family::V4) => ((source(family), net.own[0]), &[]),
            _ => ((source(Family::V6), "2001:db8::77".parse::<IpAddr>().unwrap()), &[]),
        };
        net.own.push(ends.1);
        let mut octets = outside(ends, 9, 0, front, &packet.octets());
        for (at, value) in damage {
            let at = at.index(octets.len());
            octets[at] ^= value;
        }
        let mut total = Counters::default();
        if let Ok(result) = relay(&octets, &net) {
            prop_assert!(result.outcome.copies <= 1);
            prop_assert!(result.outcome.local, "it lists the host");
            total = result.counters;
        }
        prop_assert!(total.packets <= 1);
    }
}
