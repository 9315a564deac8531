//! Tunnels are the Xcast routing table (RFC 5058 §11.1).

use xcast_sec::forward::TunnelUse;
use xcast_sec::wire::Family;

use crate::deployment::Deployment;
use crate::group::{DscpList, Group, Member, PORT, Protection, Style};
use crate::mixed::network;
use crate::network::{Faults, Network};
use crate::random::Random;
use crate::routes::Plan;
use crate::scenario::{Expect, finish, many, play};
use crate::topology::{NodeId, Ties, Topology};

#[test]
fn every_member_exactly_once() {
    let totals = play("overlay", 80, |random| {
        let (network, expect) = network(random, TunnelUse::Routes, Faults { reordering: 300, ..Faults::NONE }, 0);
        (network, expect, 3)
    });
    assert!(!many() || totals.xcast > 0 && totals.unicast > 0 && totals.tunnelled > 0);
}

#[test]
fn on_bad_links_as_the_ledger_says() {
    let totals = play("overlay, bad links", 40, |random| {
        let (network, _) = network(random, TunnelUse::Routes, Faults::BAD, 0);
        (network, Expect::Ledger, 8)
    });
    assert!(!many() || totals.lost > 100 && totals.repeated > 100);
}

const X1: NodeId = 0;
const R2: NodeId = 1;
const X3: NodeId = 2;
const R4: NodeId = 3;
const R5: NodeId = 4;
const R6: NodeId = 5;
const X7: NodeId = 6;
const R8: NodeId = 7;
const R9: NodeId = 8;
const A: NodeId = 9;
const B: NodeId = 10;
const C: NodeId = 11;
const D: NodeId = 12;

/// What stands on a link: the ends of the outer header, if there is one, and whom the packet is for.
type OnLink = (NodeId, NodeId, Option<(NodeId, NodeId)>, Vec<NodeId>);

/// RFC 5058 Figure 8.
fn figure_8(style: Style) -> Network {
    let pairs = [(X1, R2), (R2, X3), (X3, R4), (X3, R5), (R5, R6), (R6, X7), (X7, R8), (X7, R9)];
    let links = pairs.map(|(a, b)| (a, b, 1));
    let topology = Topology::new(9, vec![X1, R4, R8, R9], &links, Ties::None);
    let member = |node| Member { node: Some(node), address: topology.address(style.family, node), port: PORT };
    let mut random = Random::new(8);
    let group = Group::new(&mut random, &topology, style, A, [B, C, D].map(member).to_vec());
    let mut plan = Plan { tunnels: true, ..Plan::everywhere(&topology) };
    for router in [R2, R4, R5, R6, R8, R9] {
        plan.capable[router] = false;
    }
    for host in [B, C, D] {
        plan.capable[host] = style.no_x2u;
    }
    let deployment = Deployment { tunnel_use: TunnelUse::Routes, ..Deployment::new(plan) };
    let mut network = Network::new(random, topology, group, deployment, Faults::NONE);
    network.trace = Some(Vec::new());
    network
}

/// Every packet of one transmission, in the order of the links.
fn on_the_links(network: &mut Network) -> Vec<OnLink> {
    network.send();
    network.run();
    finish(network, Expect::Optimal);
    let topology = &network.topology;
    let mut links: Vec<OnLink> = network
        .trace
        .take()
        .unwrap()
        .into_iter()
        .map(|(from, to, seen)| {
            let outer = seen
                .outer
                .map(|outer| (topology.node(outer.source).unwrap(), topology.node(outer.destination).unwrap()));
            let whom = match &seen.list {
                Some(list) => list.bits.iter().map(|index| [B, C, D][index]).collect(),
                None => vec![topology.node(seen.destination).unwrap()],
            };
            (from, to, outer, whom)
        })
        .collect();
    links.sort();
    links
}

/// RFC 5058 Figures 8 to 10, and the text that follows them.
#[test]
fn figures_8_to_10() {
    for family in [Family::V4, Family::V6] {
        let style = Style {
            family,
            protection: Protection::None,
            anonymous: false,
            no_x2u: false,
            ports: false,
            dscps: DscpList::None,
            separated: false,
            v2: false,
        };
        let all = vec![B, C, D];
        let mut expected: Vec<OnLink> = vec![
            (A, X1, None, all.clone()),
            // Figure 10.
            (X1, R2, Some((X1, X3)), all.clone()),
            (R2, X3, Some((X1, X3)), all),
            (X3, R4, None, vec![B]),
            (R4, B, None, vec![B]),
            (X3, R5, Some((X3, X7)), vec![C, D]),
            (R5, R6, Some((X3, X7)), vec![C, D]),
            (R6, X7, Some((X3, X7)), vec![C, D]),
            (X7, R8, None, vec![C]),
            (R8, C, None, vec![C]),
            (X7, R9, None, vec![D]),
            (R9, D, None, vec![D]),
        ];
        expected.sort();
        let mut network = figure_8(style);
        assert_eq!(on_the_links(&mut network), expected);
        let lists = network.links.values().map(|used| used.copies).collect::<Vec<_>>();
        assert_eq!(lists, [1; 12]);

        // With X=1 the last router tunnels to the host, which has to know Xcast.
        for link in &mut expected {
            match *link {
                (X3, R4, ..) | (R4, B, ..) => link.2 = Some((X3, B)),
                (X7, R8, ..) | (R8, C, ..) => link.2 = Some((X7, C)),
                (X7, R9, ..) | (R9, D, ..) => link.2 = Some((X7, D)),
                _ => {}
            }
        }
        assert_eq!(on_the_links(&mut figure_8(Style { no_x2u: true, ..style })), expected);
        assert_eq!(on_the_links(&mut figure_8(Style { protection: Protection::Esp, ..style }.allowed())), expected);
    }
}
