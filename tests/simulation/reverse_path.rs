//! Packets that somebody else sends in the sender's name (RFC 5058 §14, RFC 3704 §2). That nothing legitimate is dropped,
//! the other kinds of networks show: many of them check the reverse path.

use std::net::IpAddr;

use xcast_sec::forward::{ForwardError, HostTunnel, ReversePath, TunnelUse};
use xcast_sec::wire::{Family, Ipv4Repr, Ipv6Repr};

use crate::deployment::{Deployment, Start};
use crate::everywhere::topology;
use crate::group::{Group, Protection, Style};
use crate::network::{Faults, Network};
use crate::node::Refused;
use crate::random::Random;
use crate::routes::Plan;
use crate::topology::{NodeId, Ties};

fn network(random: &mut Random, reverse_path: ReversePath, tunnels: bool) -> Network {
    let style = Style { protection: Protection::None, ..Style::random(random) };
    let topology = topology(random, Ties::None);
    let group = Group::random(random, &topology, style, 0);
    let mut plan = Plan { tunnels, ..Plan::everywhere(&topology) };
    if tunnels {
        topology.routers().for_each(|router| plan.capable[router] = router % 4 == 0);
    }
    let tunnel_use = TunnelUse::Routes;
    let deployment = Deployment { reverse_path, tunnel_use, ..Deployment::new(plan) };
    Network::new(random.clone(), topology, group, deployment, Faults::NONE)
}

/// Neither the sender nor a member.
fn attacker(network: &Network) -> NodeId {
    let is_member = |host| network.group.members.iter().any(|member| member.node == Some(host));
    network.topology.hosts().find(|&host| host != network.group.sender && !is_member(host)).unwrap()
}

#[test]
fn a_packet_in_another_s_name_ends_at_the_first_router() {
    for seed in 0..12 {
        for (policy, passes) in
            [(ReversePath::Strict, false), (ReversePath::Loose, true), (ReversePath::Unchecked, true)]
        {
            let mut network = network(&mut Random::new(seed), policy, false);
            let from = attacker(&network);
            let router = network.topology.router_of(from);
            let (number, octets) = network.build();
            network.cross(number, from, router, octets);
            network.run();
            network.ledger.check(false);
            if passes {
                assert_eq!((network.refused.len(), network.ledger.delivered()), (0, network.ledger.destinations()));
            } else {
                assert_eq!(network.refused, [(router, Refused::Error(ForwardError::ReversePath))]);
                assert_eq!((network.ledger.delivered(), network.totals.crossings), (0, 1));
                assert_eq!(network.tally["reverse_path"], 1);
            }
        }
    }
}

/// In an outer header of the attacker's own it is out of no tunnel; in one that names a peer, but not the one on the way
/// from the sender, it did not come from there.
#[test]
fn nor_does_a_tunnel_help() {
    let mut seen = [0; 2];
    for seed in 0..12 {
        let mut network = network(&mut Random::new(seed), ReversePath::Strict, true);
        let (family, from) = (network.group.style.family, attacker(&network));
        for router in network.topology.routers().filter(|router| router % 4 == 0).take(6) {
            let peers = network.nodes[router].routes.peers();
            let on_the_way = network.nodes[router].routes.tunnel_to(network.group.source);
            let wrong = peers.into_iter().find(|peer| Some(*peer) != on_the_way);
            let own = network.topology.address(family, from);
            for (kind, outer_source, error) in
                [(0, Some(own), ForwardError::UnusableTunnel), (1, wrong, ForwardError::ReversePath)]
            {
                let Some(outer_source) = outer_source else { continue };
                let (number, inner) = network.build();
                let octets = encapsulate(outer_source, network.topology.address(family, router), &inner);
                network.cross(number, from, network.topology.router_of(from), octets);
                network.run();
                assert_eq!(network.refused.pop(), Some((router, Refused::Error(error))));
                seen[kind] += 1;
            }
        }
        assert_eq!((network.refused.len(), network.ledger.delivered()), (0, 0));
    }
    assert!(seen[0] > 20 && seen[1] > 20, "{seen:?}");
}

fn encapsulate(source: IpAddr, destination: IpAddr, inner: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 40];
    let payload_len = inner.len();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            octets.truncate(20);
            let repr = Ipv4Repr { tos: 0, ttl: 99, protocol: 4, source, destination, options_len: 0, payload_len };
            repr.emit(&mut octets).unwrap();
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let repr = Ipv6Repr { traffic_class: 0, hop_limit: 99, next_header: 41, source, destination, payload_len };
            repr.emit(&mut octets).unwrap();
        }
        _ => unreachable!("one family"),
    }
    octets.extend_from_slice(inner);
    octets
}

/// What a member relays comes from that member, not from where the sender is: strict routers do not let it by. Those who
/// want both have to choose (RFC 5058 §11.4 leaves it open).
#[test]
fn what_hosts_relay_is_not_on_the_reverse_path() {
    let mut relayed = 0;
    for seed in 0..12 {
        let random = &mut Random::new(seed);
        let style = Style { family: Family::V6, protection: Protection::None, no_x2u: true, ..Style::random(random) };
        let topology = topology(random, Ties::None);
        let group = Group::random(random, &topology, style, 0);
        let mut plan = Plan::everywhere(&topology);
        // The sender's branches all are one: it knows of no router.
        topology.routers().for_each(|router| plan.capable[router] = router % 3 == 0);
        let start = Start::Through(HostTunnel::SemiPermeable);
        let deployment = Deployment { reverse_path: ReversePath::Strict, start, ..Deployment::new(plan) };
        let mut network = Network::new(random.clone(), topology, group, deployment, Faults::NONE);
        network.send();
        network.run();
        network.ledger.check(false);
        for &(router, refused) in &network.refused {
            assert!(!network.topology.is_host(router));
            assert_eq!(refused, Refused::Error(ForwardError::ReversePath));
        }
        relayed += network.refused.len();
    }
    assert!(relayed > 0);
}
