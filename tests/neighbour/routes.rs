//! What a router does with packets when pings told it about its neighbours.

use std::cell::RefCell;
use std::net::IpAddr;

use xcast_sec::forward::neighbour::{Assumption, Capability, WithCapabilities};
use xcast_sec::forward::{
    CopyKind, FnEgress, PacketCopy, Prefix, Route, RouteLookup, RouteTable, Router, RouterPolicy, Tunnel,
};
use xcast_sec::wire::Family;

use crate::common::{Packet, destination};
use crate::kit::{FAMILIES, Host, Peer, code_points, secs};

/// Routes of everything to neighbour `next_hop`.
fn routes(next_hop: u8, xcast_capable: bool) -> RouteTable<u8, 4> {
    let mut routes = RouteTable::new();
    for all in ["0.0.0.0", "::"] {
        let prefix = Prefix::new(all.parse().unwrap(), 0).unwrap();
        routes.insert_route(prefix, Route { next_hop, xcast_capable, mtu: 1500 }).unwrap();
    }
    routes
}

/// What kind of copies a packet leaves in.
fn copies<R: RouteLookup<NextHop = u8>>(packet: &Packet, routes: &R) -> Vec<CopyKind> {
    let sent = RefCell::new(Vec::new());
    let mut router = Router::new(code_points(), RouterPolicy::default());
    let mut egress = FnEgress(|_, copy: &PacketCopy<'_>| {
        sent.borrow_mut().push(copy.kind());
        Ok::<(), ()>(())
    });
    assert!(router.forward(xcast_sec::time::Instant::START, None, &packet.octets(), routes, &mut egress).is_ok());
    sent.into_inner()
}

#[test]
fn capability_decides_between_xcast_and_premature_x2u() {
    for family in FAMILIES {
        // Whatever the route says: the table knows better.
        for claimed in [false, true] {
            let routes = routes(0, claimed);
            let packet = Packet::plain(family, 3);
            let mut host = Host::<4>::new(40);
            host.join(Peer::router(true), family);
            let now = |host: &Host<4>| copies(&packet, &WithCapabilities::new(&routes, &host.table));

            assert_eq!(host.capability(0), Some(Capability::Unknown));
            assert_eq!(now(&host), [CopyKind::Unicast; 3]);
            host.run(secs(5));
            assert_eq!(host.capability(0), Some(Capability::Capable));
            assert_eq!(now(&host), [CopyKind::Xcast]);
            host.peers[0] = Peer::Legacy;
            host.run(secs(20));
            assert_eq!(host.capability(0), Some(Capability::NotCapable));
            assert_eq!(now(&host), [CopyKind::Unicast; 3]);
        }
    }
}

/// Every assumption, for neighbours unknown and unlisted, against every claim of the route.
#[test]
fn assumptions() {
    let mut host = Host::<4>::new(41);
    host.join(Peer::Legacy, Family::V4);
    let ask = |routes: WithCapabilities<'_, &RouteTable<u8, 4>, 4>| {
        routes.route(destination(Family::V4, 1)).unwrap().xcast_capable
    };
    for claimed in [false, true] {
        let (unknown, unlisted) = (routes(0, claimed), routes(9, claimed));
        let new = |routes| WithCapabilities::new(routes, &host.table);
        assert!(!ask(new(&unknown)), "by default an unknown neighbour is not capable");
        assert_eq!(ask(new(&unlisted)), claimed, "by default an unlisted one is what the route says");
        for (assumption, expected) in
            [(Assumption::NotCapable, false), (Assumption::Capable, true), (Assumption::AsRouted, claimed)]
        {
            assert_eq!(ask(new(&unknown).with_unknown(assumption)), expected);
            assert_eq!(ask(new(&unlisted).with_unlisted(assumption)), expected);
            assert!(!ask(new(&unknown).with_unlisted(assumption)), "each has its own");
            assert_eq!(ask(new(&unlisted).with_unknown(assumption)), claimed);
        }
    }
    // What is known needs no assumption.
    host.run(secs(20));
    for claimed in [false, true] {
        let routes = routes(0, claimed);
        assert!(!ask(WithCapabilities::new(&routes, &host.table).with_unknown(Assumption::Capable)));
    }
}

#[test]
fn families_are_told_apart() {
    let mut host = Host::<4>::new(42);
    host.join(Peer::router(true), Family::V4);
    host.run(secs(5));
    let routes = routes(0, false);
    let known = WithCapabilities::new(&routes, &host.table);
    assert_eq!(copies(&Packet::plain(Family::V4, 2), &known), [CopyKind::Xcast]);
    assert_eq!(copies(&Packet::plain(Family::V6, 2), &known), [CopyKind::Unicast; 2]);
}

/// What has to stay Xcast is tunnelled past a neighbour that is not capable; tunnels and own addresses are the routes' own.
#[test]
fn all_else_is_the_routes_own() {
    let local: IpAddr = destination(Family::V4, 0);
    let tunnel = Tunnel::v4([192, 0, 2, 1].into(), [192, 0, 2, 99].into());
    let mut inner = routes(0, true);
    inner.insert_address(local).unwrap();
    inner.insert_tunnel(Prefix::new("198.51.100.0".parse().unwrap(), 24).unwrap(), tunnel).unwrap();
    let mut host = Host::<4>::new(43);
    host.join(Peer::Legacy, Family::V4);
    host.run(secs(20));
    let known = WithCapabilities::new(&inner, &host.table);
    assert!(known.is_local(local) && !known.is_local(destination(Family::V4, 1)));
    assert_eq!(known.tunnel(local), Some(tunnel));
    assert_eq!(known.tunnel(destination(Family::V6, 1)), None);
    let route = known.route(destination(Family::V4, 1)).unwrap();
    assert_eq!(route, Route { next_hop: 0, xcast_capable: false, mtu: 1500 });
    let nowhere = RouteTable::<u8, 4>::new();
    assert_eq!(WithCapabilities::new(&nowhere, &host.table).route(local), None);
    let mut packet = Packet::plain(Family::V4, 3);
    packet.no_x2u = true;
    assert_eq!(copies(&packet, &known), [CopyKind::Tunnelled]);
}
