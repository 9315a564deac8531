//! XCAST6 2.0 (WIRE.md §10): some routers know it, all hosts do.

use xcast_sec::forward::ReversePath;
use xcast_sec::wire::Family;

use crate::deployment::Deployment;
use crate::everywhere::{broad_topology, make_hosts_capable};
use crate::group::{DscpList, Group, Protection, Style};
use crate::mixed::mixed_plan;
use crate::network::{Faults, Network};
use crate::random::Random;
use crate::routes::Plan;
use crate::scenario::{Expect, many, play};
use crate::topology::Ties;

/// With at most so many members where not every router knows XCAST6 2.0.
fn network(random: &mut Random, faults: Faults, most: usize) -> (Network, Expect) {
    let style = Style {
        family: Family::V6,
        protection: Protection::None,
        ports: false,
        dscps: DscpList::None,
        separated: false,
        v2: true,
        anonymous: random.coin(),
        no_x2u: random.coin(),
    };
    let ties = random.pick(&[Ties::None, Ties::PerDestination]);
    let topology = broad_topology(random, ties);
    let mut group = Group::random(random, &topology, style, 0);
    let everywhere = random.coin();
    if !everywhere {
        group.members.truncate(most);
    }
    let mut plan = if everywhere { Plan::everywhere(&topology) } else { mixed_plan(random, &topology) };
    make_hosts_capable(random, &topology, &mut plan, &style);
    let mut deployment = Deployment::new(plan);
    // What a host relays does not come from where the sender is.
    if everywhere && ties == Ties::None {
        deployment.reverse_path = ReversePath::Strict;
    }
    let expect = if everywhere { Expect::Optimal } else { Expect::EverybodyOnce };
    (Network::new(random.clone(), topology, group, deployment, faults), expect)
}

/// One hop limit has to last from member to member, as relaying does not renew it: with a hundred of them it may not.
#[test]
fn every_member_exactly_once() {
    let totals = play("XCAST6 2.0", 48, |random| {
        let (network, expect) = network(random, Faults::NONE, 12);
        (network, expect, 2)
    });
    assert!(!many() || totals.xcast > 0 && totals.unicast > 0);
    // As among other hosts that relay.
    let rare = Faults { loss: 1, duplication: 1, ..Faults::BAD };
    play("XCAST6 2.0, bad links", 24, |random| (network(random, rare, 126).0, Expect::Ledger, 4));
}
