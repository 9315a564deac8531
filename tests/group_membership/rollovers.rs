//! No packet is lost in a rollover, and none is opened under another epoch (RFC 5374 §4.2.1), while key messages are lost,
//! repeated and reordered.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::group::membership::{Epoch, GcksEvent, KeyServerEvent, KeyUse, OnChange, RetryPolicy, Roles};
use xcast_sec::ipsec::{OutboundSa, SenderId, Usage};
use xcast_sec::time::Instant;

use crate::kit::{address, controller, opens, sa, seal};
use crate::world::{Weather, World, delays};

const MEMBERS: usize = 5;
/// Milliseconds that a packet is on its way at most. With as many for a key message less than DTD − ATD.
const LATENCY: u64 = 400;

struct Flying {
    arrives: Instant,
    from: IpAddr,
    epoch: Epoch,
    octets: Vec<u8>,
    text: Vec<u8>,
}

#[derive(Default)]
struct Outcome {
    opened: usize,
    excused: usize,
    epochs: BTreeSet<Epoch>,
}

/// A packet arrives at everybody but its sender.
fn arrive(world: &World, packet: &Flying, excused: &BTreeSet<(Epoch, IpAddr)>, outcome: &mut Outcome) {
    outcome.epochs.insert(packet.epoch);
    for (to, node) in world.nodes.iter().take(MEMBERS).filter(|(to, _)| **to != packet.from) {
        let mut opened = false;
        for ((_, epoch), association) in &node.sink.held {
            let fits = opens(association, &packet.octets, &packet.text);
            assert!(!fits || *epoch == packet.epoch, "{to} opens a packet of {:?} under {epoch:?}", packet.epoch);
            opened |= fits;
        }
        if opened {
            outcome.opened += 1;
        } else {
            assert!(excused.contains(&(packet.epoch, *to)), "{to} misses a packet of {:?}", packet.epoch);
            outcome.excused += 1;
        }
    }
}

/// Those whom the key server went on without.
fn unacknowledged(world: &World) -> BTreeSet<(Epoch, IpAddr)> {
    let of = |event: &GcksEvent| match event {
        GcksEvent::Keys(KeyServerEvent::Unacknowledged(epoch, entry)) => Some((*epoch, entry.address)),
        _ => None,
    };
    world.events.iter().filter_map(of).collect()
}

fn run(seed: u64, key_use: KeyUse, activation: u64, loss: u64) -> Outcome {
    let mut world = World::new(seed, |_, keys| {
        keys.key_use = key_use;
        keys.delays = delays(activation, activation + 1_000);
        let initial = Duration::from_millis(100);
        keys.retry = RetryPolicy { initial, max: Duration::from_millis(500), tries: 60 };
    });
    for index in 1..=MEMBERS {
        world.join(index, if index <= 2 { Roles::BOTH } else { Roles::RECEIVER });
        world.run(300);
    }
    world.run(activation + 2_000);
    world.events.clear();
    world.weather = Weather { loss, duplication: 30, delay: LATENCY };
    let (mut flying, mut outcome) = (Vec::<Flying>::new(), Outcome::default());
    let mut senders = BTreeMap::<(IpAddr, Epoch), OutboundSa<RustCrypto>>::new();
    let mut vectors = BTreeSet::new();
    for tick in 0..600 {
        if world.draw.percent(2) {
            let how = if world.draw.percent(80) { OnChange::Rollover } else { OnChange::Cut };
            world.gcks.keys_mut().rekey(how);
            world.settle();
        }
        let now = world.now;
        let arrives = now.after(Duration::from_millis(1 + world.draw.below(LATENCY)));
        if let Some(packet) = world.send_packet() {
            let (epoch, octets, text) = (packet.epoch, packet.octets.clone(), packet.text.clone());
            flying.push(Flying { arrives, from: controller(), epoch, octets, text });
        }
        if key_use == KeyUse::Shared {
            for from in [address(1), address(2)] {
                let member = &world.nodes[&from].member;
                let Some(sending) = member.sending(controller(), now) else { continue };
                let association = member.offer(controller(), sending.epoch).unwrap().association.to_vec();
                let sender = senders.entry((from, sending.epoch)).or_insert_with(|| {
                    let number = SenderId::new(sending.sender, 16).unwrap();
                    let mut sender = OutboundSa::resume(sa(&association, None), 0, number, Usage::new(now)).unwrap();
                    sender.reserve(10_000).commit();
                    sender
                });
                let text = format!("from {from} {tick}").into_bytes();
                let (_, octets) = seal(sender, from, now, &text);
                // Behind the IPv6 and the ESP header: the vector. No two senders share one under a key.
                assert!(vectors.insert((sending.epoch, octets[48..56].to_vec())));
                flying.push(Flying { arrives, from, epoch: sending.epoch, octets, text });
            }
        }
        world.run(20);
        let excused = unacknowledged(&world);
        let now = world.now;
        while let Some(at) = flying.iter().position(|packet| packet.arrives <= now) {
            arrive(&world, &flying.swap_remove(at), &excused, &mut outcome);
        }
        let held = world.nodes.values().map(|node| node.sink.held.len()).max();
        assert!(held <= Some(4));
    }
    outcome
}

/// With an ATD in which every key arrives nobody misses anything.
#[test]
fn no_packet_is_lost_and_none_opens_under_another_epoch() {
    for key_use in [KeyUse::Own, KeyUse::Shared] {
        let (mut opened, mut epochs) = (0, 0);
        for seed in 0..25 {
            let outcome = run(seed, key_use, 8_000, 30);
            assert_eq!(outcome.excused, 0);
            opened += outcome.opened;
            epochs += outcome.epochs.len();
        }
        println!("{key_use:?}: {opened} opened, {epochs} epochs");
        assert!(opened > 25_000 && epochs > 100, "{opened} opened, {epochs} epochs");
    }
}

/// With an ATD that is too short only those miss something that the key server reported.
#[test]
fn who_misses_something_was_reported() {
    let (mut opened, mut excused) = (0, 0);
    for seed in 0..25 {
        let outcome = run(seed, KeyUse::Own, 300, 60);
        opened += outcome.opened;
        excused += outcome.excused;
    }
    println!("{opened} opened, {excused} missed");
    assert!(opened > 10_000 && excused > 100, "{opened} opened, {excused} missed");
}
