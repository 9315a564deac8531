//! Some routers know Xcast, the others forward ordinary packets; neighbours know who does.

use xcast_sec::forward::{ReversePath, TunnelUse};

use crate::deployment::{Deployment, Start};
use crate::everywhere::{make_hosts_capable, topology};
use crate::group::{Group, Sender, Style};
use crate::network::{Faults, Network};
use crate::random::Random;
use crate::routes::Plan;
use crate::scenario::{Expect, many, play};
use crate::topology::{Ties, Topology};

/// Everybody knows Xcast but for some routers.
pub(crate) fn mixed_plan(random: &mut Random, topology: &Topology) -> Plan {
    let mut plan = Plan { prefixes: random.coin(), ..Plan::everywhere(topology) };
    let without = random.between(100, 800);
    for router in topology.routers() {
        plan.capable[router] = !random.chance(without);
    }
    plan
}

/// A host next to a router without Xcast has to branch, or tunnel, itself.
pub(crate) fn start(random: &mut Random, topology: &Topology, plan: &Plan, group: &Group) -> Start {
    let capable = plan.capable[topology.router_of(group.sender)];
    if capable && random.coin() { Start::ToRouter } else { Start::Originate }
}

/// So many links in a thousand are about as wide as the group's packets are long, with or without an outer header.
fn narrow(random: &mut Random, topology: &Topology, group: &Group, plan: &mut Plan, permille: usize) {
    let len = Sender::new(group, random.clone()).build(group).len();
    plan.narrow(random, topology, permille, len - 10);
}

/// With tunnels for what nothing else brings there, or as the Xcast routing table.
pub(crate) fn network(
    random: &mut Random,
    tunnel_use: TunnelUse,
    faults: Faults,
    narrow_links: usize,
) -> (Network, Expect) {
    let style = Style::random(random);
    let is_narrow = narrow_links > 0;
    let ties = if is_narrow { Ties::None } else { random.pick(&[Ties::None, Ties::None, Ties::PerDestination]) };
    let topology = topology(random, ties);
    let group = Group::random(random, &topology, style, if is_narrow { 0 } else { 30 });
    let mut plan = mixed_plan(random, &topology);
    make_hosts_capable(random, &topology, &mut plan, &style);
    plan.tunnels = style.no_x2u || tunnel_use == TunnelUse::Routes;
    narrow(random, &topology, &group, &mut plan, narrow_links);
    let start = start(random, &topology, &plan, &group);
    let mut deployment = Deployment { start, tunnel_use, ..Deployment::new(plan) };
    if ties == Ties::None && random.coin() {
        deployment.reverse_path = ReversePath::Strict;
    }
    // Where a way to a tunnel's end is not part of the way to what lies behind it, unicast packets go other ways.
    let expect = if ties == Ties::None { Expect::Optimal } else { Expect::EverybodyOnce };
    (Network::new(random.clone(), topology, group, deployment, faults), expect)
}

/// RFC 5058 §11.2, WIRE.md §9 step 6: premature X2U, or with X=1 a tunnel as the last resort.
#[test]
fn every_member_exactly_once() {
    let totals = play("mixed", 80, |random| {
        let (network, expect) = network(random, TunnelUse::LastResort, Faults { reordering: 300, ..Faults::NONE }, 0);
        (network, expect, 3)
    });
    assert!(!many() || totals.xcast > 0 && totals.unicast > 0 && totals.tunnelled > 0);
}

#[test]
fn on_bad_links_as_the_ledger_says() {
    let totals = play("mixed, bad links", 40, |random| {
        let (network, _) = network(random, TunnelUse::LastResort, Faults::BAD, 0);
        (network, Expect::Ledger, 8)
    });
    assert!(!many() || totals.lost > 100 && totals.repeated > 100);
}

/// WIRE.md §9 step 7: the outer header of a tunnel counts.
#[test]
fn narrow_links_get_nothing_too_long() {
    for tunnel_use in [TunnelUse::LastResort, TunnelUse::Routes] {
        let totals = play("mixed, narrow links", 40, |random| {
            let (network, _) = network(random, tunnel_use, Faults::NONE, 200);
            (network, Expect::Ledger, 3)
        });
        assert!(!many() || totals.too_big > 0);
    }
}
