//! Runs of one kind, one for every seed, and what has to hold at the end of each.
//!
//! `XCAST_SIM_RUNS` multiplies the number of runs; `XCAST_SIM_SEED` runs one seed alone.

use std::collections::BTreeMap;
use std::env;

use xcast_sec::forward::RouteLookup;
use xcast_sec::wire::DestinationSet;

use crate::deployment::Start;
use crate::ledger::Totals;
use crate::network::Network;
use crate::random::Random;
use crate::topology::NodeId;

/// What may be expected of a run beyond what always holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Every member gets every packet exactly once, and no link carries more copies than it would carry unicast packets,
    /// nor any for a destination that is not behind it.
    Optimal,
    /// Every member gets every packet exactly once.
    EverybodyOnce,
    /// Those get it whose branch did not lose it, as often as links repeated it: what the ledger says.
    Ledger,
}

/// Plays a kind of run with `runs` seeds, and prints what it did.
pub(crate) fn play(name: &str, runs: u64, build: impl Fn(&mut Random) -> (Network, Expect, usize)) -> Totals {
    let mut totals = Totals::default();
    for seed in seeds(runs) {
        let _told = Told { name, seed };
        let mut random = Random::new(name.bytes().fold(seed, |hash, octet| hash.wrapping_mul(257) + u64::from(octet)));
        let (mut network, expect, packets) = build(&mut random);
        for _ in 0..packets {
            network.send();
        }
        network.run();
        finish(&mut network, expect);
        totals.add(&network.totals);
    }
    println!("{name}: {totals}");
    assert!(totals.crossings > totals.packets && totals.deliveries > totals.packets / 2, "{totals}");
    totals
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not '{text}'")))
}

fn seeds(runs: u64) -> Vec<u64> {
    match number("XCAST_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (1..=runs * number("XCAST_SIM_RUNS").unwrap_or(1)).collect(),
    }
}

/// Whether this is not the run of one seed alone, in which not everything happens.
pub(crate) fn many() -> bool {
    number("XCAST_SIM_SEED").is_none()
}

/// Tells the seed if the run fails.
struct Told<'n> {
    name: &'n str,
    seed: u64,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} failed; to see it again: XCAST_SIM_SEED={}", self.name, self.seed);
        }
    }
}

/// Reasons that are counters of the library.
const COUNTED: [&str; 5] = ["no_route", "hop_limit", "too_big", "not_capable", "egress_failed"];

/// Checks the books.
pub(crate) fn finish(network: &mut Network, expect: Expect) {
    let Network { group, ledger, tally, .. } = &*network;
    ledger.check(group.style.protected());

    // Nothing vanishes: every destination of every packet, and of those that links repeated, arrived or was lost or counted.
    let ended: u64 = ledger.ended.values().sum();
    assert_eq!(ledger.destinations() + ledger.repeated, ledger.arrived() + ledger.lost + ended, "{:?}", ledger.ended);
    let of = |name: &str| tally.get(name).copied().unwrap_or(0);
    for name in COUNTED {
        assert_eq!(of(name), ledger.ended.get(name).copied().unwrap_or(0), "{name}");
    }
    let sums = ["local", "forwarded", "unicast", "tunnelled", "semi_permeable"].map(of).iter().sum::<u64>();
    assert_eq!(of("destinations"), sums + COUNTED.map(of).iter().sum::<u64>());
    assert_eq!(network.refused, []);
    for name in ["unsupported", "checksum", "malformed", "not_for_us", "refused", "duplicate", "nothing_to_do"] {
        assert_eq!(of(name), 0, "{name}");
    }

    if expect != Expect::Ledger {
        for accounts in &ledger.accounts {
            for (member, account) in group.members.iter().zip(accounts) {
                assert_eq!(account.delivered, usize::from(member.node.is_some()), "{member:?}: {:?}", ledger.ended);
            }
        }
    }
    if expect == Expect::Optimal {
        let unicast = unicast_links(network);
        for (&(number, from, to), used) in &network.links {
            let packets = unicast.get(&(from, to)).copied().unwrap_or_default();
            assert!(used.copies <= packets.len(), "packet {number} from {from} to {to}: {used:?} of {packets:?}");
            // What leads nowhere may end earlier.
            let exist = packets.iter().filter(|&index| group.members[index].node.is_some()).collect::<DestinationSet>();
            let on_its_way = used.destinations.is_subset(packets) && exist.is_subset(used.destinations);
            assert!(on_its_way, "packet {number} from {from} to {to}: {used:?}, not {packets:?}");
        }
    }
    let unreachable = group.members.iter().filter(|member| member.node.is_none()).count() as u64;
    network.totals.unreachable = unreachable * network.totals.packets;
    network.totals.too_big = network.ledger.ended.get("too_big").copied().unwrap_or(0);
    network.totals.deliveries = network.ledger.delivered();
}

/// Whose unicast packets would cross which link, by the same routes.
fn unicast_links(network: &Network) -> BTreeMap<(NodeId, NodeId), DestinationSet> {
    let mut links: BTreeMap<_, DestinationSet> = BTreeMap::new();
    for (index, member) in network.group.members.iter().enumerate() {
        let (mut at, mut hops) = (network.group.sender, 0);
        while member.node != Some(at) {
            let next_hop = if at == network.group.sender && network.deployment.start == Start::ToRouter {
                Some(network.topology.router_of(at))
            } else {
                network.nodes[at].routes.route(member.address).map(|route| route.next_hop)
            };
            let Some(next_hop) = next_hop else { break };
            links.entry((at, next_hop)).or_default().insert(index);
            at = next_hop;
            hops += 1;
            assert!(hops < 300, "the routes to {} lead in a circle", member.address);
        }
    }
    links
}
