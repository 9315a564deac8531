//! One router with Xcast, or a few of them, on a special unicast address (RFC 5058 §11.5).

use xcast_sec::forward::{OwnAddress, ReversePath};

use crate::deployment::{Deployment, Start};
use crate::everywhere::topology;
use crate::group::{Group, Protection, Style};
use crate::network::{Faults, Network};
use crate::random::Random;
use crate::routes::{Plan, special_address};
use crate::scenario::{Expect, many, play};
use crate::topology::Ties;

fn network(random: &mut Random, faults: Faults, no_x2u: bool) -> Network {
    let style = Style { protection: Protection::None, no_x2u, ..Style::random(random) }.allowed();
    let topology = topology(random, Ties::None);
    let mut group = Group::random(random, &topology, style, 30);
    group.to = special_address(style.family);
    let mut plan = Plan { prefixes: random.coin(), ..Plan::everywhere(&topology) };
    plan.capable.fill(false);
    plan.special = (0..random.between(1, 3)).map(|_| random.below(topology.routers().len())).collect();
    let mut deployment = Deployment { own_address: OwnAddress::MakeUnicast, ..Deployment::new(plan) };
    assert_eq!(deployment.start, Start::ToRouter);
    if random.coin() {
        deployment.reverse_path = ReversePath::Strict;
    }
    Network::new(random.clone(), topology, group, deployment, faults)
}

#[test]
fn every_member_exactly_once() {
    let totals = play("special address", 32, |random| (network(random, Faults::NONE, false), Expect::EverybodyOnce, 2));
    assert!(!many() || totals.xcast == 0 && totals.unicast > 0);
    play("special address, bad links", 16, |random| (network(random, Faults::BAD, false), Expect::Ledger, 4));
}

/// What must not become unicast goes nowhere: it is counted, not sent.
#[test]
fn without_x2u_it_ends_there() {
    let mut random = Random::new(115);
    let mut network = network(&mut random, Faults::NONE, true);
    network.send();
    network.run();
    let exist = network.group.members.iter().filter(|member| member.node.is_some()).count() as u64;
    assert_eq!((network.ledger.delivered(), network.totals.unicast), (0, 0));
    assert!(exist > 0 && network.ledger.ended["not_capable"] >= exist);
    assert_eq!(network.ledger.ended.values().sum::<u64>(), network.ledger.destinations());
}
