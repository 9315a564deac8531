//! Hosts pass packets on to one another: semi-permeable tunnels (RFC 5058 §11.3), and no network support at all (§11.4).

use xcast_sec::forward::HostTunnel;
use xcast_sec::wire::Family;

use crate::deployment::{Deployment, Initiative, Start};
use crate::everywhere::broad_topology;
use crate::group::{Group, Style};
use crate::mixed::{mixed_plan, start};
use crate::network::{Faults, Network};
use crate::random::Random;
use crate::routes::Plan;
use crate::scenario::{Expect, many, play};
use crate::topology::{Ties, Topology};

/// Without protection a host relays what a link repeated as often as it comes: from member to member that multiplies.
const RARE: Faults = Faults { loss: 1, duplication: 1, ..Faults::BAD };

/// A group all of whose members exist: a packet does not get past one that does not.
fn members(random: &mut Random, style: Style) -> (Topology, Group) {
    let ties = random.pick(&[Ties::None, Ties::PerDestination]);
    let topology = broad_topology(random, ties);
    let group = Group::random(random, &topology, style, 0);
    (topology, group)
}

fn host_tunnel(random: &mut Random, family: Family) -> HostTunnel {
    match family {
        Family::V4 => HostTunnel::Plain,
        Family::V6 => random.pick(&[HostTunnel::Plain, HostTunnel::SemiPermeable]),
    }
}

/// No router knows Xcast.
fn hosts_only(random: &mut Random, faults: Faults) -> Network {
    let style = Style::random(random);
    let (topology, group) = members(random, style);
    let mut plan = Plan { prefixes: random.coin(), ..Plan::everywhere(&topology) };
    topology.routers().for_each(|router| plan.capable[router] = false);
    let start = Start::Through(host_tunnel(random, style.family));
    let deployment = Deployment { start, ..Deployment::new(plan) };
    Network::new(random.clone(), topology, group, deployment, faults)
}

/// Some routers do, and branch the semi-permeable tunnels that come by. They leave the ordinary ones alone.
fn passed_on(random: &mut Random, faults: Faults) -> Network {
    let style = Style::random(random);
    let (topology, group) = members(random, style);
    let plan = mixed_plan(random, &topology);
    let start = Start::Through(host_tunnel(random, style.family));
    let semi_permeable = random.pick(&[Initiative::PassOn, Initiative::PassOn, Initiative::Ignore]);
    let deployment = Deployment { start, semi_permeable, ..Deployment::new(plan) };
    Network::new(random.clone(), topology, group, deployment, faults)
}

/// Some routers do, and make semi-permeable tunnels where the next one does not and X2U may not be.
fn initiated(random: &mut Random, faults: Faults) -> Network {
    let style = Style { family: Family::V6, no_x2u: random.chance(500), ..Style::random(random) }.allowed();
    let (topology, group) = members(random, style);
    let plan = mixed_plan(random, &topology);
    let start = start(random, &topology, &plan, &group);
    let deployment = Deployment { start, semi_permeable: Initiative::Initiate, ..Deployment::new(plan) };
    Network::new(random.clone(), topology, group, deployment, faults)
}

#[test]
fn without_any_router() {
    let totals = play("hosts only", 24, |random| (hosts_only(random, Faults::NONE), Expect::EverybodyOnce, 2));
    assert!(!many() || totals.tunnelled > 0 && totals.semi_permeable > 0 && totals.xcast == 0);
    play("hosts only, bad links", 16, |random| (hosts_only(random, RARE), Expect::Ledger, 4));
}

#[test]
fn routers_branch_the_tunnels_of_hosts() {
    let totals = play("semi-permeable", 48, |random| (passed_on(random, Faults::NONE), Expect::EverybodyOnce, 2));
    assert!(!many() || totals.tunnelled > 0 && totals.semi_permeable > 0 && totals.unicast > 0);
    play("semi-permeable, bad links", 24, |random| (passed_on(random, RARE), Expect::Ledger, 4));
}

#[test]
fn routers_make_tunnels() {
    let totals = play("initiated", 48, |random| (initiated(random, Faults::NONE), Expect::EverybodyOnce, 2));
    assert!(!many() || totals.semi_permeable > 0 && totals.xcast > 0 && totals.unicast > 0);
    play("initiated, bad links", 24, |random| (initiated(random, RARE), Expect::Ledger, 4));
}
