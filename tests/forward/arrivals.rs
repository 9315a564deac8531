//! Packets that come out of configured tunnels, in semi-permeable ones, or to an address of the router (RFC 5058 §11.1, §11.3,
//! §11.5).

use std::net::IpAddr;

use xcast_sec::forward::{
    CopyKind, ForwardError, OwnAddress, Refusal, ReversePath, Route, RouteLookup, Router, RouterPolicy, SemiPermeable,
    Tunnel, TunnelUse,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, Encapsulated, Family, IpHeader, ParseErrorKind, XcastPacket, protocol,
};

use crate::common::{Packet, source};
use crate::kit::*;

const OWN_V4: &str = "203.0.113.1";
const OWN_V6: &str = "2001:db8:f::1";
const PEER_V4: &str = "203.0.113.9";
const PEER_V6: &str = "2001:db8:f::9";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Peer and router, of a family of outer headers.
fn ends(outer: Family) -> (IpAddr, IpAddr) {
    match outer {
        Family::V4 => (address(PEER_V4), address(OWN_V4)),
        Family::V6 => (address(PEER_V6), address(OWN_V6)),
    }
}

/// A router with own addresses, a peer in both families, and a route for each destination.
fn net(packet: &Packet, routes: &[Route<u8>]) -> Net {
    let mut net = Net::new(packet, routes);
    net.own = vec![address(OWN_V4), address(OWN_V6)];
    net.peers = FAMILIES.iter().map(|&family| (ends(family).1, ends(family).0)).collect();
    net
}

fn semi_permeable(to: IpAddr, hop_limit: u8, class: u8, inner: &[u8]) -> Vec<u8> {
    outside((source(Family::V6), to), hop_limit, class, &SEMI_PERMEABLE, inner)
}

/// Outer destination, outer hop limit, outer traffic class and inner packet of a copy.
fn unwrap(copy: &[u8]) -> (IpAddr, u8, u8, &[u8]) {
    let tunnel = Encapsulated::parse(copy, &code_points()).unwrap().unwrap();
    assert!(tunnel.is_semi_permeable());
    assert_eq!(copy[40..48], SEMI_PERMEABLE);
    let outer = tunnel.outer();
    (outer.destination(), outer.hop_limit(), outer.traffic_class(), tunnel.inner())
}

fn hop_limit(packet: &[u8]) -> u8 {
    IpHeader::split(packet).unwrap().0.hop_limit()
}

// --- Configured tunnels -----------------------------------------------------------------------------------------------

/// What comes out of a tunnel is treated as if it had come from a link, whatever network the tunnel crossed.
#[test]
fn a_tunnel_ends_and_nothing_of_it_stays() {
    for (family, outer) in [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(f, o)| (FAMILIES[f], FAMILIES[o])) {
        let packet = plain(family, 4);
        let net = net(&packet, &[route(1), route(2), route(1), legacy(3)]);
        let inner = packet.octets();
        let native = forward(&inner, &net);
        for class in [0, 1, 2, 3, 0xb8] {
            let octets = outside(ends(outer), 1, class, &[], &inner);
            let result = forward(&octets, &net);
            assert_eq!(result.log.sent, native.log.sent, "{family:?} in {outer:?}");
            assert_eq!((native.outcome.packet_at, result.outcome.packet_at), (0, octets.len() - inner.len()));
        }
        // Congestion on the way through the tunnel shows, where the transport listens to it.
        let mut marked = inner.clone();
        set_traffic_class(&mut marked, 0b10);
        let expected = {
            let mut octets = inner.clone();
            set_traffic_class(&mut octets, 0b11);
            forward(&octets, &net).log.sent
        };
        assert_eq!(forward(&outside(ends(outer), 9, 0b11, &[], &marked), &net).log.sent, expected);
        let unmarked = forward(&marked, &net).log.sent;
        assert_eq!(forward(&outside(ends(outer), 9, 0b01, &[], &marked), &net).log.sent, unmarked);
        // The router is a destination itself.
        let mut net = net;
        net.own.push(packet.addresses[1]);
        let octets = outside(ends(outer), 9, 0, &[], &inner);
        let result = forward(&octets, &net);
        assert!(result.outcome.local && result.outcome.local_destinations == set(&[1]));
        assert_eq!(octets[result.outcome.packet_at..], inner);
    }
}

/// The inner hop limit counts, and the outer one has done its work.
#[test]
fn the_inner_hop_limit_counts() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        for (limit, copies) in [(0, 0), (1, 0), (2, 2), (255, 2)] {
            packet.hop_limit = limit;
            let net = net(&packet, &[route(1), route(2)]);
            for outer in [0, 1, 255] {
                let result = forward(&outside(ends(Family::V6), outer, 0, &[], &packet.octets()), &net);
                assert_eq!(result.outcome.copies, copies);
                assert!(result.log.sent.iter().all(|sent| hop_limit(&sent.octets) == limit - 1));
            }
        }
    }
}

#[test]
fn only_configured_tunnels_are_taken() {
    for family in FAMILIES {
        let packet = plain(family, 2);
        let inner = packet.octets();
        let net = net(&packet, &[route(1), route(2)]);
        let (peer, own) = ends(family);
        let stranger = packet.addresses[0];
        assert_eq!(refuse(&outside((stranger, own), 9, 0, &[], &inner), &net), ForwardError::UnusableTunnel);
        // Somebody else's tunnel, sound or not.
        for octets in [
            outside((peer, stranger), 9, 0, &[], &inner),
            outside((peer, stranger), 9, 0, &[], &inner[..3]),
            outside((peer, stranger), 9, 0, &[], &[&[inner[0] ^ 0x70], &inner[1..]].concat()),
        ] {
            let error = refuse(&octets, &net);
            assert!(matches!(error, ForwardError::Parse(e) if e.kind() == ParseErrorKind::NotXcast), "{error}");
        }
        // A tunnel of the router's with something else inside is the host's business, too.
        let ordinary = unicast(family, protocol::UDP, stranger, 9, 0, &packet.payload);
        let error = refuse(&outside((peer, own), 9, 0, &[], &ordinary), &net);
        assert!(matches!(error, ForwardError::Parse(e) if e.kind() == ParseErrorKind::NotXcast));
        // Nothing but All_Xcast_Routers is reached through a tunnel: here, the router's own address.
        let octets = outside((peer, own), 9, 0, &[], &to_own(&packet));
        assert_eq!(refuse(&octets, &net), ForwardError::NotForUs);
    }
}

/// A host that says nothing of tunnels: no route leads into one, and nothing comes out of one.
struct WithoutTunnels(Net);

impl RouteLookup for WithoutTunnels {
    type NextHop = u8;

    fn is_local(&self, address: IpAddr) -> bool {
        self.0.is_local(address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        self.0.route(destination)
    }
}

#[test]
fn no_tunnel_is_configured_unless_the_host_says_so() {
    for family in FAMILIES {
        let packet = plain(family, 2);
        let routes = WithoutTunnels(net(&packet, &[route(1), legacy(2)]));
        let mut router = Router::new(code_points(), RouterPolicy::default());
        let tunnelled = outside(ends(family), 9, 0, &[], &packet.octets());
        let refused = router.forward(Instant::START, None, &tunnelled, &routes, &mut Log::default());
        assert_eq!(refused.unwrap_err(), ForwardError::UnusableTunnel);
        let mut log = Log::default();
        assert!(router.forward(Instant::START, None, &packet.octets(), &routes, &mut log).is_ok());
        assert!(!log.sent.is_empty() && log.sent.iter().all(|sent| sent.kind != CopyKind::Tunnelled));
    }
}

/// An error inside is an error at the place where it is.
#[test]
fn errors_inside_point_into_the_whole_packet() {
    for family in FAMILIES {
        let packet = plain(family, 2);
        let net = net(&packet, &[route(1), route(2)]);
        let mut inner = packet.octets();
        let at = xcast_at(&inner);
        inner[at + if family == Family::V4 { 1 } else { 5 }] = 0;
        let native = refuse(&inner, &net);
        let octets = outside(ends(family), 9, 0, &[], &inner);
        let shift = octets.len() - inner.len();
        match (native, refuse(&octets, &net)) {
            (ForwardError::Parse(native), ForwardError::Parse(error)) => {
                assert_eq!(native.kind(), ParseErrorKind::NoDestination);
                assert_eq!((error.kind(), error.pointer()), (native.kind(), native.pointer() + shift));
            }
            errors => panic!("{errors:?}"),
        }
        if family == Family::V4 {
            let mut octets = outside(ends(family), 9, 0, &[], &packet.octets());
            octets[11] ^= 1;
            let error = refuse(&octets, &net);
            assert!(matches!(error, ForwardError::Parse(e) if e.kind() == ParseErrorKind::Ipv4HeaderChecksum));
        }
    }
}

// --- Tunnels as the Xcast routing table -------------------------------------------------------------------------------

fn routes_policy() -> RouterPolicy {
    policy(|policy| policy.tunnels = TunnelUse::Routes)
}

/// RFC 5058 Figures 8 to 10, at X1, X3 and X7, in both families.
#[test]
fn the_tunnels_of_figure_8() {
    for family in FAMILIES {
        let x = |n: u8| -> IpAddr {
            match family {
                Family::V4 => [203, 0, 113, n].into(),
                Family::V6 => address(&format!("2001:db8:f::{n}")),
            }
        };
        // B, C and D.
        let mut packet = plain(family, 3);
        packet.hop_limit = 20;
        let tunnel = |from, to| Tunnel::new(x(from), x(to)).unwrap();
        let at = |own: u8, peers: &[u8], tunnels: &[(usize, Tunnel)], octets: &[u8]| {
            let mut net = Net::uniform(&packet, legacy(own));
            net.own = vec![x(own)];
            net.peers = peers.iter().map(|&peer| (x(own), x(peer))).collect();
            net.tunnels = tunnels.iter().map(|&(index, tunnel)| (packet.addresses[index], tunnel)).collect();
            // Routes to the far ends of the tunnels, which are not of the ones to the destinations.
            for peer in [1, 3, 7] {
                net.routes.insert(x(peer), Route { mtu: 9000, ..legacy(100 + peer) });
            }
            forward_with(octets, &net, routes_policy(), &[]).unwrap().log.sent
        };
        // X1, from A: one packet to X3 for all.
        let x3 = tunnel(1, 3);
        let sent = at(1, &[3], &[(0, x3), (1, x3), (2, x3)], &packet.octets());
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].next_hop, sent[0].kind), (103, CopyKind::Tunnelled));
        let on_the_link = Encapsulated::parse(&sent[0].octets, &code_points()).unwrap().unwrap();
        assert_eq!((on_the_link.outer().source(), on_the_link.outer().destination()), (x(1), x(3)));
        let inner = parse(on_the_link.inner());
        assert_eq!((inner.ip().source(), inner.ip().destination()), (source(family), group(family)));
        assert_eq!((inner.bits(), inner.ip().hop_limit()), (set(&[0, 1, 2]), 19));
        // X3: B has no Xcast next hop and gets unicast; C and D go on to X7.
        let x7 = tunnel(3, 7);
        let sent = at(3, &[1, 7], &[(1, x7), (2, x7)], &sent[0].octets);
        let shape: Vec<_> = sent.iter().map(|sent| (sent.next_hop, sent.kind, sent.destinations)).collect();
        assert_eq!(shape, [(3, CopyKind::Unicast, set(&[0])), (107, CopyKind::Tunnelled, set(&[1, 2]))]);
        let to_b = IpHeader::split(&sent[0].octets).unwrap().0;
        assert_eq!((to_b.destination(), to_b.hop_limit()), (packet.addresses[0], 18));
        // X7: two unicast packets.
        let sent = at(7, &[3], &[], &sent[1].octets);
        let shape: Vec<_> = sent.iter().map(|sent| (sent.next_hop, sent.kind, sent.destinations)).collect();
        assert_eq!(shape, [(7, CopyKind::Unicast, set(&[1])), (7, CopyKind::Unicast, set(&[2]))]);
        assert_eq!(hop_limit(&sent[0].octets), 17);
    }
}

/// "If there is only one destination for a particular Xcast next hop, send the packet as a standard unicast packet."
#[test]
fn one_destination_alone_goes_around_the_tunnel() {
    for family in FAMILIES {
        let mut packet = plain(family, 3);
        let far = ends(Family::V4).0;
        let way = Tunnel::new(address(OWN_V4), far).unwrap();
        let mut net = net(&packet, &[route(1), route(2), route(3)]);
        net.tunnels.insert(packet.addresses[1], way);
        net.routes.insert(far, route(9));
        let shape =
            |packet: &Packet, net: &Net, policy| forward_with(&packet.octets(), net, policy, &[]).unwrap().shape();
        assert_eq!(shape(&packet, &net, routes_policy())[1], (2, CopyKind::Unicast, set(&[1])), "by its own route");
        let no_x2u = policy(|policy| (policy.tunnels, policy.x2u) = (TunnelUse::Routes, false));
        assert_eq!(shape(&packet, &net, no_x2u)[1], (9, CopyKind::Tunnelled, set(&[1])));
        packet.no_x2u = true;
        assert_eq!(shape(&packet, &net, routes_policy())[1], (9, CopyKind::Tunnelled, set(&[1])));
        assert_eq!(shape(&packet, &net, RouterPolicy::default())[1], (2, CopyKind::Xcast, set(&[1])), "a last resort");
        // No way to the far end, and none around.
        net.routes.remove(&far);
        let result = forward_with(&packet.octets(), &net, routes_policy(), &[]).unwrap();
        assert_eq!((result.counters.no_route, result.outcome.copies), (1, 2));
        packet.no_x2u = false;
        net.routes.insert(far, route(9));
        net.routes.remove(&packet.addresses[1]);
        let result = forward_with(&packet.octets(), &net, routes_policy(), &[]).unwrap();
        assert_eq!((result.counters.no_route, result.outcome.copies), (1, 2), "unicast, and no route for it");
    }
}

/// Two tunnels behind one next hop are two branches, and the MTU is that of the way to the far end.
#[test]
fn tunnels_are_next_hops() {
    let packet = plain(Family::V6, 4);
    let len = packet.octets().len();
    let tunnels = ["203.0.113.9", "203.0.113.10"].map(|far| Tunnel::new(address(OWN_V4), address(far)).unwrap());
    let mut net = net(&packet, &[route(1); 4]);
    for (index, tunnel) in [(0, 0), (1, 1), (2, 0), (3, 1)] {
        net.tunnels.insert(packet.addresses[index], tunnels[tunnel]);
    }
    net.routes.insert(tunnels[0].remote(), Route { mtu: len + 20, ..route(9) });
    net.routes.insert(tunnels[1].remote(), Route { mtu: len + 19, ..route(9) });
    let result = forward_with(&packet.octets(), &net, routes_policy(), &[]).unwrap();
    assert_eq!(result.shape(), [(9, CopyKind::Tunnelled, set(&[0, 2]))]);
    assert_eq!(result.log.too_big, [(9, len - 1, set(&[1, 3]))]);
}

// --- Semi-permeable tunnels -------------------------------------------------------------------------------------------

/// RFC 5058 §11.3: branched on the way, by next hops with and without Xcast alike.
#[test]
fn a_semi_permeable_tunnel_branches_on_the_way() {
    let mut packet = plain(Family::V6, 5);
    (packet.no_x2u, packet.hop_limit) = (true, 33);
    let inner = packet.octets();
    let net = net(&packet, &[route(1), legacy(2), route(1), legacy(2), legacy(3)]);
    for led_to in 0..5 {
        let octets = semi_permeable(packet.addresses[led_to], 7, 0xb9, &inner);
        let result = forward(&octets, &net);
        let kind = CopyKind::SemiPermeable;
        assert_eq!(result.shape(), [(1, kind, set(&[0, 2])), (2, kind, set(&[1, 3])), (3, kind, set(&[4]))]);
        assert_eq!((result.counters.semi_permeable, result.counters.semi_permeable_copies), (5, 3));
        assert_eq!(result.outcome.packet_at, 48);
        for (sent, first) in result.log.sent.iter().zip([0, 1, 4]) {
            let (to, limit, class, copy) = unwrap(&sent.octets);
            let stays = sent.destinations.contains(led_to);
            assert_eq!(to, packet.addresses[if stays { led_to } else { first }]);
            assert_eq!((limit, class), (6, 0xb9), "the outer header counts the hop and keeps its marks");
            let copy = parse(copy);
            assert_eq!((copy.bits(), copy.ip().hop_limit()), (sent.destinations, 33));
            assert_eq!(copy.ip().source(), source(Family::V6));
        }
    }
}

#[test]
fn one_destination_leaves_the_semi_permeable_tunnel_in_unicast() {
    let mut packet = plain(Family::V6, 2);
    for (inner_limit, outer_limit, left) in [(64, 7, 6), (3, 64, 2), (64, 2, 1), (9, 1, 0), (9, 0, 0)] {
        packet.hop_limit = inner_limit;
        let net = net(&packet, &[route(1), legacy(2)]);
        let result = forward(&semi_permeable(packet.addresses[0], outer_limit, 3, &packet.octets()), &net);
        if left == 0 {
            assert_eq!((result.counters.hop_limit, result.outcome.copies), (2, 0));
            continue;
        }
        let kind = CopyKind::Unicast;
        assert_eq!(result.shape(), [(1, kind, set(&[0])), (2, kind, set(&[1]))]);
        for sent in &result.log.sent {
            let to = packet.addresses[sent.destinations.first().unwrap()];
            let ip = IpHeader::split(&sent.octets).unwrap().0;
            assert_eq!((ip.destination(), ip.hop_limit(), ip.traffic_class()), (to, left, 0), "not ECN capable");
        }
    }
    // What has no hop left inside stays inside.
    for limit in [0, 1] {
        packet.hop_limit = limit;
        let net = net(&packet, &[route(1), legacy(2)]);
        let result = forward(&semi_permeable(packet.addresses[0], 9, 0, &packet.octets()), &net);
        let kind = CopyKind::SemiPermeable;
        assert_eq!(result.shape(), [(1, kind, set(&[0])), (2, kind, set(&[1]))]);
        assert!(result.log.sent.iter().all(|sent| (unwrap(&sent.octets).1, unwrap(&sent.octets).3[7]) == (8, limit)));
    }
    packet.hop_limit = 64;
    let mut inner = packet.octets();
    set_traffic_class(&mut inner, 0x29);
    let net = net(&packet, &[route(1), legacy(2)]);
    let result = forward(&semi_permeable(packet.addresses[0], 9, 3, &inner), &net);
    assert!(result.log.sent.iter().all(|sent| sent.octets[..2] == [0x62, 0xb0]), "congestion experienced");
}

#[test]
fn both_headers_get_the_dscp_of_the_branch() {
    let mut packet = plain(Family::V6, 4).with_lists(true, false);
    packet.no_x2u = true;
    let octets = with_dscps(&packet, &[8, 16, 46, 10]);
    let net = net(&packet, &[route(1), route(1), route(2), route(3)]);
    let result = forward(&semi_permeable(packet.addresses[0], 9, 0b01, &octets), &net);
    for (sent, dscp) in result.log.sent.iter().zip([16, 46, 10]) {
        let (_, _, class, inner) = unwrap(&sent.octets);
        assert_eq!((class, parse(inner).ip().traffic_class()), (dscp << 2 | 1, dscp << 2));
    }
}

/// A host that the tunnel leads to, or a router on the way that is a member, gets it, and the rest goes on.
#[test]
fn a_member_on_the_way_is_served() {
    let mut packet = plain(Family::V6, 3);
    packet.no_x2u = true;
    let mut net = net(&packet, &[route(1); 3]);
    net.own.push(packet.addresses[0]);
    let octets = semi_permeable(packet.addresses[0], 9, 0, &packet.octets());
    let result = forward(&octets, &net);
    assert!(result.outcome.local);
    assert_eq!(octets[result.outcome.packet_at..], packet.octets());
    assert_eq!(result.shape(), [(1, CopyKind::SemiPermeable, set(&[1, 2]))]);
    assert_eq!(unwrap(&result.log.sent[0].octets).0, packet.addresses[1]);
}

#[test]
fn semi_permeable_tunnels_can_be_left_alone() {
    let packet = plain(Family::V6, 3);
    let mut net = net(&packet, &[route(1); 3]);
    let octets = semi_permeable(packet.addresses[0], 9, 0, &packet.octets());
    let ignore = || policy(|policy| policy.semi_permeable = SemiPermeable::Ignore);
    for own in [None, Some(packet.addresses[0])] {
        net.own.extend(own);
        let error = forward_with(&octets, &net, ignore(), &[]).map(|_| ()).unwrap_err();
        assert!(matches!(error, ForwardError::Parse(e) if e.kind() == ParseErrorKind::NotXcast));
    }
}

#[test]
fn what_is_wrong_in_a_semi_permeable_tunnel() {
    let packet = plain(Family::V6, 3);
    let net = net(&packet, &[route(1); 3]);
    let inner = packet.octets();
    for ends in [("fe80::1", "2001:db8::2"), ("::1", "2001:db8::2"), ("2001:db8::2", "ff0e::1"), ("::", "2001:db8::1")]
    {
        let octets = outside((address(ends.0), address(ends.1)), 9, 0, &SEMI_PERMEABLE, &inner);
        assert_eq!(refuse(&octets, &net), ForwardError::UnusableTunnel, "{ends:?}");
    }
    // Contents are judged as anywhere else.
    let unusable = with_address(&packet, 1, address("ff02::1"));
    let at = address_at(&packet, &unusable, 1);
    let error = refuse(&semi_permeable(packet.addresses[0], 9, 0, &unusable), &net);
    assert_eq!(error, ForwardError::UnusableDestination { index: 1, pointer: at });
    let mut separated = plain(Family::V6, 3);
    separated.place = BitmapPlace::Option;
    let mut octets = separated.octets();
    let at = xcast_at(&octets);
    octets[at + 4] |= 0x08;
    fix_checksums(&mut octets);
    let error = refuse(&semi_permeable(packet.addresses[0], 9, 0, &octets), &net);
    assert_eq!(error, ForwardError::Refused(Refusal::AnonymousWithSeparatedBitmap));
}

/// A router that makes semi-permeable tunnels, for what can cross a next hop without Xcast in no other way.
#[test]
fn a_router_makes_semi_permeable_tunnels() {
    let own = "2001:db8:f::1".parse().unwrap();
    let policy = || policy(|policy| policy.semi_permeable = SemiPermeable::Initiate { source: own, hop_limit: 40 });
    let mut packet = plain(Family::V6, 5);
    (packet.no_x2u, packet.hop_limit) = (true, 33);
    let mut octets = packet.octets();
    set_traffic_class(&mut octets, 0xb9);
    let len = octets.len();
    let mut net = net(&packet, &[legacy(2), route(1), legacy(2), legacy(2), Route { mtu: len + 47, ..legacy(3) }]);
    net.tunnels.insert(packet.addresses[2], tunnel(7));
    let result = forward_with(&octets, &net, policy(), &[]).unwrap();
    let shape = [
        (2, CopyKind::Tunnelled, set(&[2])),
        (2, CopyKind::SemiPermeable, set(&[0, 3])),
        (1, CopyKind::Xcast, set(&[1])),
    ];
    assert_eq!(result.shape(), shape);
    assert_eq!(result.log.too_big, [(3, len - 1, set(&[4]))]);
    let copy = &result.log.sent[1].octets;
    assert_eq!(copy.len(), len + 48);
    let (to, limit, class, inner) = unwrap(copy);
    assert_eq!((to, limit, class), (packet.addresses[0], 40, 0xb9));
    assert_eq!(IpHeader::split(copy).unwrap().0.source(), IpAddr::V6(own));
    let inner = parse(inner);
    assert_eq!((inner.bits(), inner.ip().hop_limit(), inner.ip().traffic_class()), (set(&[0, 3]), 32, 0xb9));
    // Unicast comes first, and IPv4 has none.
    packet.no_x2u = false;
    assert!(forward_with(&packet.octets(), &net, policy(), &[]).unwrap().counters.semi_permeable == 0);
    let mut packet = plain(Family::V4, 2);
    packet.no_x2u = true;
    let result = forward_with(&packet.octets(), &Net::uniform(&packet, legacy(1)), policy(), &[]).unwrap();
    assert_eq!(result.counters.not_capable, 2);
}

// --- A special unicast address ----------------------------------------------------------------------------------------

/// `packet` to the router's own address instead of All_Xcast_Routers, its UDP checksum right for that.
fn to_own(packet: &Packet) -> Vec<u8> {
    let own = ends(packet.family()).1;
    let mut packet = packet.clone();
    packet.payload = segment(protocol::UDP, source(packet.family()), own, 9, b"....for you..");
    let mut octets = packet.octets();
    let at = if packet.family() == Family::V4 { 16 } else { 24 };
    let own = address_octets(own);
    octets[at..at + own.len()].copy_from_slice(&own);
    fix_checksums(&mut octets);
    octets
}

/// RFC 5058 §11.5: the one router with Xcast "explodes" what is sent to its address.
#[test]
fn a_special_address_explodes_packets() {
    for family in FAMILIES {
        let packet = plain(family, 3);
        let net = net(&packet, &[route(1), route(1), legacy(2)]);
        let octets = to_own(&packet);
        for premature in [false, true] {
            let policy = policy(|policy| {
                (policy.own_address, policy.premature_x2u) = (OwnAddress::MakeUnicast, premature);
            });
            let result = forward_with(&octets, &net, policy, &[]).unwrap();
            let kind = CopyKind::Unicast;
            assert_eq!(result.shape(), [(1, kind, set(&[0])), (1, kind, set(&[1])), (2, kind, set(&[2]))]);
            for (sent, &to) in result.log.sent.iter().zip(&packet.addresses) {
                let (ip, segment) = IpHeader::split(&sent.octets).unwrap();
                assert_eq!(ip.destination(), to);
                assert_eq!(transport_sum(protocol::UDP, source(family), to, segment), 0xffff);
            }
        }
        let mut packet = packet;
        packet.no_x2u = true;
        let policy = policy(|policy| policy.own_address = OwnAddress::MakeUnicast);
        let result = forward_with(&to_own(&packet), &net, policy, &[]).unwrap();
        assert_eq!(result.counters.not_capable, 3, "it cannot be unicast, and a next hop would send it back");
        let result = forward_with(&packet.octets(), &net, policy, &[]).unwrap();
        assert_eq!(result.counters.forwarded, 2, "to All_Xcast_Routers, as ever");
    }
}

#[test]
fn packets_to_an_own_address_are_as_policy_says() {
    for family in FAMILIES {
        let packet = plain(family, 3);
        let net = net(&packet, &[route(1), route(1), route(2)]);
        let octets = to_own(&packet);
        let result = forward(&octets, &net);
        assert_eq!(result.shape(), [(1, CopyKind::Xcast, set(&[0, 1])), (2, CopyKind::Unicast, set(&[2]))]);
        assert_eq!(IpHeader::split(&result.log.sent[0].octets).unwrap().0.destination(), ends(family).1);
        let refuse = policy(|policy| policy.own_address = OwnAddress::Refuse);
        let error = forward_with(&octets, &net, refuse, &[]).map(|_| ()).unwrap_err();
        assert_eq!(error, ForwardError::NotForUs);
        assert!(forward_with(&packet.octets(), &net, refuse, &[]).is_ok());
    }
}

// --- The way back -----------------------------------------------------------------------------------------------------

#[test]
fn the_way_back_is_checked_as_policy_asks() {
    for family in FAMILIES {
        let packet = plain(family, 2);
        let octets = packet.octets();
        let mut net = net(&packet, &[route(1), route(2)]);
        let check = |net: &Net, reverse_path, from, octets: &[u8]| {
            let mut router = Router::new(code_points(), policy(|policy| policy.reverse_path = reverse_path));
            let result = router.forward(Instant::START, from, octets, net, &mut Log::default());
            check_counters(&router.counters, &result);
            assert_eq!(router.counters.reverse_path, u64::from(result == Err(ForwardError::ReversePath)));
            result.is_ok()
        };
        use ReversePath::{Loose, Strict, Unchecked};
        let results =
            |net: &Net, from, octets: &[u8]| [Unchecked, Loose, Strict].map(|mode| check(net, mode, from, octets));
        assert_eq!(results(&net, Some(7), &octets), [true, false, false], "no route back");
        net.routes.insert(source(family), route(7));
        assert_eq!(results(&net, Some(7), &octets), [true, true, true]);
        assert_eq!(results(&net, Some(8), &octets), [true, true, false]);
        assert_eq!(results(&net, None, &octets), [true, true, false]);
        // Out of a tunnel: the one that leads back.
        let octets = outside(ends(family), 9, 0, &[], &octets);
        assert_eq!(results(&net, Some(7), &octets), [true, true, false]);
        let (peer, own) = ends(family);
        net.tunnels.insert(source(family), Tunnel::new(own, peer).unwrap().with_hop_limit(3));
        assert_eq!(results(&net, Some(7), &octets), [true, true, false], "no way to the far end");
        net.routes.insert(peer, route(9));
        assert_eq!(results(&net, Some(9), &octets), [true, true, true]);
        assert_eq!(results(&net, Some(7), &octets), [true, true, false], "the outer header came from elsewhere");
        assert_eq!(results(&net, None, &octets), [true, true, false]);
        net.tunnels.insert(source(family), Tunnel::new(own, packet.addresses[0]).unwrap());
        assert_eq!(results(&net, Some(9), &octets), [true, true, false]);
    }
    // In a semi-permeable tunnel: the sender's route.
    let packet = plain(Family::V6, 2);
    let mut net = net(&packet, &[route(1), route(2)]);
    net.routes.insert(source(Family::V6), route(7));
    let octets = semi_permeable(packet.addresses[0], 9, 0, &packet.octets());
    for (from, passes) in [(7, true), (8, false)] {
        let mut router = Router::new(code_points(), policy(|policy| policy.reverse_path = ReversePath::Strict));
        let result = router.forward(Instant::START, Some(from), &octets, &net, &mut Log::default());
        assert_eq!(result.is_ok(), passes);
    }
}

/// Nothing of an Xcast packet is hidden by a tunnel from what the router refuses anyway.
#[test]
fn echo_requests_do_not_hide_in_tunnels() {
    for family in FAMILIES {
        let mut packet = Packet::plain(family, 3);
        let (number, kind) = if family == Family::V4 { (protocol::ICMP, 8) } else { (protocol::ICMPV6, 128) };
        packet.next_protocol = number;
        packet.payload = vec![kind, 0, 0, 0, 0, 0, 0, 0];
        let net = net(&packet, &[route(1); 3]);
        let mut tunnels = vec![outside(ends(family), 9, 0, &[], &packet.octets())];
        if family == Family::V6 {
            tunnels.push(semi_permeable(packet.addresses[0], 9, 0, &packet.octets()));
        }
        for octets in tunnels {
            let result = forward(&octets, &net);
            assert_eq!((result.counters.echo_requests, result.outcome.copies), (1, 0));
        }
    }
}

/// AH inside a semi-permeable tunnel is left as it is: outside the bitmap option, no octet behind the hop limit changes.
#[test]
fn ah_passes_in_a_semi_permeable_tunnel() {
    let mut packet = plain(Family::V6, 4);
    (packet.no_x2u, packet.place) = (true, BitmapPlace::Option);
    packet.next_protocol = protocol::AH;
    packet.payload = [ah(protocol::UDP), packet.payload].concat();
    let net = net(&packet, &[route(1), legacy(2), route(1), legacy(2)]);
    let inner = packet.octets();
    let result = forward(&semi_permeable(packet.addresses[0], 9, 0, &inner), &net);
    assert_eq!(result.outcome.copies, 2);
    for sent in &result.log.sent {
        let (_, _, _, copy) = unwrap(&sent.octets);
        let read = XcastPacket::parse(copy, &code_points(), ChecksumPolicy::Verify).unwrap();
        assert_eq!(read.bits(), sent.destinations);
        // The Hop-by-Hop header with the bitmap is 16 octets.
        assert_eq!((&copy[..40], &copy[56..]), (&inner[..40], &inner[56..]));
    }
}

// --- What strangers try -----------------------------------------------------------------------------------------------

/// By default a router takes nothing that can be sent to it from anywhere.
#[test]
fn strangers_reach_no_router_by_default() {
    for family in FAMILIES {
        let packet = plain(family, 3);
        let net = net(&packet, &[route(1); 3]);
        let default = |octets: &[u8]| forward_with(octets, &net, RouterPolicy::default(), &[]).map(|_| ());
        assert_eq!(default(&to_own(&packet)), Err(ForwardError::NotForUs));
        assert!(default(&packet.octets()).is_ok());
        if family == Family::V6 {
            let result = default(&semi_permeable(packet.addresses[0], 9, 0, &packet.octets()));
            assert!(matches!(result, Err(ForwardError::Parse(e)) if e.kind() == ParseErrorKind::NotXcast));
        }
    }
}

/// The outer source passed the filters of the networks on the way; nobody looked at the inner one.
#[test]
fn a_tunnel_is_not_left_in_somebody_elses_name() {
    let packet = plain(Family::V6, 3);
    let net = net(&packet, &[route(1), legacy(2), route(3)]);
    let attacker = address("2001:db8:bad::1");
    let octets = outside((attacker, packet.addresses[0]), 9, 0, &SEMI_PERMEABLE, &packet.octets());
    let result = forward(&octets, &net);
    let kinds: Vec<_> = result.log.sent.iter().map(|sent| sent.kind).collect();
    assert_eq!(kinds, [CopyKind::SemiPermeable; 3]);
    for sent in &result.log.sent {
        assert_eq!(IpHeader::split(&sent.octets).unwrap().0.source(), attacker);
    }
}

/// A far end takes what is for All_Xcast_Routers alone: what is for an own address is dropped here, and counted.
#[test]
fn packets_to_an_own_address_go_through_no_tunnel() {
    for family in FAMILIES {
        let mut packet = plain(family, 2);
        packet.no_x2u = true;
        let mut net = net(&packet, &[legacy(1), legacy(1)]);
        net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel(1))).collect();
        for tunnels in [TunnelUse::LastResort, TunnelUse::Routes] {
            let policy = policy(|policy| policy.tunnels = tunnels);
            let result = forward_with(&to_own(&packet), &net, policy, &[]).unwrap();
            assert_eq!((result.counters.not_capable, result.outcome.copies), (2, 0));
        }
    }
}

#[test]
fn packets_that_claim_to_be_the_routers_own_are_refused() {
    for family in FAMILIES {
        let packet = plain(family, 2);
        let mut net = net(&packet, &[route(1); 2]);
        net.own.push(source(family));
        assert_eq!(refuse(&packet.octets(), &net), ForwardError::UnusableSource);
    }
}

/// Unicast copies would follow a source route, whoever wrote it.
#[test]
fn ipv4_source_routes_are_refused() {
    let packet = plain(Family::V4, 2);
    let net = net(&packet, &[route(1), route(2)]);
    for kind in [131, 137] {
        for (pointer, refused) in [(4, true), (7, true), (8, false), (255, false)] {
            let options = [kind, 7, pointer, 203, 0, 113, 66, 0];
            let mut octets = packet.octets();
            octets.splice(20..20, options);
            octets[0] = 0x47;
            let len = u16::try_from(octets.len()).unwrap();
            octets[2..4].copy_from_slice(&len.to_be_bytes());
            fix_checksums(&mut octets);
            let result = forward_with(&octets, &net, RouterPolicy::default(), &[]).map(|_| ());
            assert_eq!(result, if refused { Err(ForwardError::Refused(Refusal::SourceRoute)) } else { Ok(()) });
        }
    }
}
