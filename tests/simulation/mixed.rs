//! Some routers know Xcast, the others forward ordinary packets; neighbours know who does.

use xcast_sec::forward::{ReversePath, TunnelUse};

use crate::deployment::{Deployment, Start};
use crate::everywhere::{make_hosts_capable, topology};
use crate::group::{Group, Style};
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

/// With tunnels for what nothing else brings there, or as the Xcast routing table.
pub(crate) fn network(random: &mut Random, tunnel_use: TunnelUse, faults: Faults) -> (Network, Expect) {
    let style = Style::random(random);
    let ties = random.pick(&[Ties::None, Ties::None, Ties::PerDestination]);
    let topology = topology(random, ties);
    let group = Group::random(random, &topology, style, 30);
    let mut plan = mixed_plan(random, &topology);
    make_hosts_capable(random, &topology, &mut plan, &style);
    plan.tunnels = style.no_x2u || tunnel_use == TunnelUse::Routes;
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
        let (network, expect) = network(random, TunnelUse::LastResort, Faults { reordering: 300, ..Faults::NONE });
        (network, expect, 3)
    });
    assert!(!many() || totals.xcast > 0 && totals.unicast > 0 && totals.tunnelled > 0);
}

#[test]
fn on_bad_links_as_the_ledger_says() {
    let totals = play("mixed, bad links", 40, |random| {
        let (network, _) = network(random, TunnelUse::LastResort, Faults::BAD);
        (network, Expect::Ledger, 8)
    });
    assert!(!many() || totals.lost > 100 && totals.repeated > 100);
}
