//! Random interleavings of joins, leaves, invitations, expulsions, restarts, losses, repetitions and hostile messages.
//!
//! What must hold at every moment: only members hold the keys that are sent under; nobody opens a packet that was sent while it
//! was no member, with all keys it ever saw; no epoch and no sequence number is used twice. And once the network is quiet: all
//! agree on the membership, and every member opens what is sent.

use std::collections::BTreeSet;

use xcast_sec::group::membership::{
    ExpelReason, MemberEvent, MemberState, OnChange, QueryPolicy, RetryPolicy, Roles, Silence,
};

use crate::kit::{address, controller};
use crate::world::{CALM, PEERS, Weather, World, delays};

/// Says what it wants under its own address.
const HOSTILE: usize = PEERS;

fn storm(seed: u64) -> World {
    let activation = 500 + seed * 7919 % 6_000;
    let mut world = World::new(seed, |config, keys| {
        keys.delays = delays(activation, activation + 1_000);
        config.query = QueryPolicy::Members;
        config.silence = Silence::Expel;
        config.max_members = 7;
        keys.rekey.on_leave = OnChange::Cut;
        keys.retry = RetryPolicy { tries: 5, ..RetryPolicy::DEFAULT };
    });
    world.weather = Weather { loss: world.draw.below(40), duplication: world.draw.below(40), delay: 400 };
    world
}

fn roles(draw: u64) -> Roles {
    [Roles::RECEIVER, Roles::SENDER, Roles::BOTH][usize::try_from(draw % 3).unwrap()]
}

/// Something happens.
fn step(world: &mut World) {
    let index = usize::try_from(world.draw.below(PEERS as u64)).unwrap() + 1;
    let now = world.now;
    match world.draw.below(16) {
        0..=3 if world.node(index).member.state() == MemberState::Out => {
            let roles = roles(world.draw.next());
            world.join(index, roles);
        }
        4 if world.node(index).member.state() == MemberState::In => world.leave(index),
        5 => {
            if world.gcks.expel(now, address(index), ExpelReason::Decision) && world.draw.percent(30) {
                // The host dies before it has saved that.
                world.restart();
            }
            world.settle();
        }
        6 => {
            let _ = world.gcks.controller_mut().invite(address(index));
            world.settle();
        }
        7 if world.draw.percent(40) => world.restart(),
        8 => world.restart_member(index),
        9 | 10 => hostile(world),
        11 => replay(world),
        12 => {
            world.gcks.keys_mut().rekey(OnChange::Rollover);
            world.settle();
        }
        _ => {
            world.send_packet();
        }
    }
    let millis = world.draw.below(700);
    world.run(millis);
    answer_invitations(world);
}

fn answer_invitations(world: &mut World) {
    for index in 1..=PEERS {
        let comes = world.draw.percent(60);
        let node = world.node(index);
        if node.events.contains(&MemberEvent::Invited) {
            node.events.clear();
            // Too late, if it joined by itself meanwhile.
            let _ = if comes { node.member.join(Roles::BOTH) } else { node.member.decline() };
        }
    }
    world.settle();
}

/// One member sends anything to anybody.
fn hostile(world: &mut World) {
    let to = match world.draw.below(4) {
        0 => address(usize::try_from(world.draw.below(PEERS as u64)).unwrap() + 1),
        _ => controller(),
    };
    let Some(at) = u64::try_from(world.history.len()).ok().filter(|len| *len > 0) else { return };
    let at = usize::try_from(world.draw.below(at)).unwrap();
    // Somebody else's message, or its own, as it was or changed.
    let mut octets = world.history[at].2.clone();
    for _ in 0..world.draw.below(4) {
        let at = usize::try_from(world.draw.below(octets.len() as u64)).unwrap();
        octets[at] = u8::try_from(world.draw.below(256)).unwrap();
    }
    world.send(address(HOSTILE), to, octets);
}

/// The network repeats something old.
fn replay(world: &mut World) {
    if !world.history.is_empty() {
        let at = usize::try_from(world.draw.below(world.history.len() as u64)).unwrap();
        let (from, to, octets) = world.history[at].clone();
        world.send(from, to, octets);
    }
}

/// What holds at every moment.
fn check_holders(world: &World) {
    if let Some(epoch) = world.gcks.keys().sending(world.now) {
        let members = world.members();
        for (address, node) in &world.nodes {
            let has = node.sink.seen.contains_key(&(controller(), epoch));
            assert!(!has || members.contains(address), "{address} has {epoch:?} and is no member");
        }
    }
}

/// What holds of every packet, whoever kept whatever keys.
fn check_packets(world: &World) {
    for packet in &world.sent {
        for (address, node) in &world.nodes {
            let may = packet.members.contains(address);
            assert!(may || !node.could_open(packet), "{address} opens {:?} of {:?}", packet.epoch, packet.at);
        }
    }
}

/// What holds once the network is quiet.
fn check_agreement(world: &mut World) {
    world.weather = CALM;
    world.run(60_000);
    // Every member hears from the key server, and asks the controller: whoever lost contact finds out.
    world.gcks.keys_mut().rekey(OnChange::Rollover);
    world.settle();
    for node in world.nodes.values_mut() {
        let _ = node.member.query();
    }
    world.settle();
    world.run(60_000);
    let mut members = world.members();
    members.remove(&address(HOSTILE));
    let of_their_own: BTreeSet<_> =
        (1..HOSTILE).map(address).filter(|address| world.nodes[address].member.state() == MemberState::In).collect();
    assert_eq!(members, of_their_own);
    let now = world.now;
    for address in &members {
        let entry = world.gcks.controller().member(*address).unwrap();
        let node = &world.nodes[address];
        assert_eq!(node.member.incarnation(), entry.incarnation);
        let known: BTreeSet<_> = node.member.members().map(|entry| entry.address).collect();
        assert_eq!(known, world.members(), "what {address} knows");
        if entry.roles.sender {
            assert_eq!(node.member.version(), world.gcks.controller().version());
        }
    }
    if members.is_empty() {
        return;
    }
    assert!(world.gcks.keys().sending(now).is_some());
    world.send_packet().unwrap();
    for address in &members {
        assert!(world.nodes[address].opens(world.sent.last().unwrap()), "{address} opens");
    }
}

#[test]
fn invariants_hold_in_every_storm() {
    let mut totals = (0, 0, 0);
    for seed in 0..600 {
        println!("seed {seed}");
        let mut world = storm(seed);
        for _ in 0..80 {
            step(&mut world);
            check_holders(&world);
        }
        totals.0 += world.sent.len();
        totals.1 += world.source.made.len();
        check_agreement(&mut world);
        check_packets(&world);
        totals.2 += world.members().len();
    }
    // The storms are none that keep everybody out.
    println!("{totals:?}");
    assert!(totals.0 > 8_000 && totals.1 > 5_000 && totals.2 > 1_500, "{totals:?}");
}
