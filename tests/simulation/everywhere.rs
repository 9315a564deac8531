//! Every router knows Xcast.

use xcast_sec::forward::ReversePath;

use crate::deployment::{Deployment, Start};
use crate::group::{Group, Style};
use crate::network::{Faults, Network};
use crate::random::Random;
use crate::routes::Plan;
use crate::scenario::{Expect, many, play};
use crate::topology::{Ties, Topology};

/// 50 to 120 routers, and enough hosts for the longest list.
pub(crate) fn topology(random: &mut Random, ties: Ties) -> Topology {
    let routers = random.between(50, 120);
    let hosts = random.between(135, 180);
    // Some networks are broad, some are deep.
    let reach = if random.coin() { routers } else { random.between(2, 8) };
    Topology::random(random, routers, hosts, ties, reach)
}

/// One that is not deep: from each member to the next, and all on one hop limit.
pub(crate) fn broad_topology(random: &mut Random, ties: Ties) -> Topology {
    let (routers, hosts) = (random.between(50, 120), random.between(135, 180));
    Topology::random(random, routers, hosts, ties, routers)
}

/// Whether hosts understand Xcast: they must where packets cannot become unicast.
pub(crate) fn make_hosts_capable(random: &mut Random, topology: &Topology, plan: &mut Plan, style: &Style) {
    let capable = style.no_x2u || random.coin();
    for host in topology.hosts() {
        plan.capable[host] = capable;
    }
}

/// So many links in a thousand are narrow.
fn network(random: &mut Random, faults: Faults, narrow: usize) -> (Network, Expect) {
    let style = Style::random(random);
    let ties = random.pick(&[Ties::None, Ties::PerDestination]);
    let topology = topology(random, ties);
    let group = Group::random(random, &topology, style, 30);
    let mut plan = Plan { prefixes: random.coin(), ..Plan::everywhere(&topology) };
    make_hosts_capable(random, &topology, &mut plan, &style);
    let least = random.between(60, 2000);
    plan.narrow(random, &topology, narrow, least);
    let mut deployment = Deployment::new(plan);
    // A host that routes everything to its router sends everything there anyway.
    deployment.start = random.pick(&[Start::ToRouter, Start::Originate]);
    if ties == Ties::None && random.coin() {
        deployment.reverse_path = ReversePath::Strict;
    }
    (Network::new(random.clone(), topology, group, deployment, faults), Expect::Optimal)
}

/// RFC 5058 §2: every member gets every packet exactly once, on the way of its unicast packets, which no link carries fewer
/// of. Nobody else gets any.
#[test]
fn every_member_exactly_once() {
    let totals = play("everywhere", 80, |random| {
        let (network, expect) = network(random, Faults { reordering: 300, ..Faults::NONE }, 0);
        (network, expect, 3)
    });
    assert!(!many() || totals.xcast > totals.unicast && totals.unreachable > 0);
}

/// With links that lose, repeat and reorder, and copies that cannot be sent: those get a packet whose branch did not lose
/// it. Unprotected it arrives as often as links repeated it, protected once.
#[test]
fn on_bad_links_as_the_ledger_says() {
    let totals = play("everywhere, bad links", 60, |random| {
        let (network, _) = network(random, Faults::BAD, 0);
        (network, Expect::Ledger, 12)
    });
    assert!(!many() || totals.lost > 100 && totals.repeated > 100);
}

/// WIRE.md §9 step 7: nothing longer than a link's MTU crosses it, and nothing else is missing.
#[test]
fn narrow_links_get_nothing_too_long() {
    let totals = play("everywhere, narrow links", 24, |random| {
        let (network, _) = network(random, Faults::NONE, 60);
        (network, Expect::Ledger, 2)
    });
    assert!(!many() || totals.too_big > 0);
}
