//! When there are new keys, who gets them, and what becomes of those that do not take them.

use std::time::Duration;

use xcast_sec::group::membership::message::{Acknowledged, Body, Message};
use xcast_sec::group::membership::{
    Boot, Delays, Entry, Epoch, ExpelReason, GcksEvent, Incarnation, KeyServer, KeyServerConfig, KeyServerEvent,
    KeySourceError, KeyUse, MAX_EPOCHS, OnChange, ReceiveError, RejectReason, RekeyPolicy, Roles, Silence, Version,
};
use xcast_sec::ipsec::Limits;
use xcast_sec::time::Instant;

use crate::kit::{ASSOCIATION, Draw, GROUP, Source, address, controller, message};
use crate::world::{World, delays};

type Keys = KeyServer<4, ASSOCIATION>;

/// A key server by itself, at a moment.
struct Alone {
    keys: Keys,
    source: Source,
    draw: Draw,
    now: Instant,
    version: u64,
}

impl Alone {
    fn new(change: impl FnOnce(&mut KeyServerConfig)) -> Self {
        let mut config = KeyServerConfig::new(GROUP, delays(1_000, 2_000));
        change(&mut config);
        let keys = KeyServer::new(config, Boot::new(1), 1);
        Self { keys, source: Source::default(), draw: Draw(1), now: Instant::from_secs(9), version: 0 }
    }

    fn members(&mut self, indices: &[usize]) {
        self.version += 1;
        self.list(&indices.iter().map(|index| (*index, 1, Roles::BOTH)).collect::<Vec<_>>());
    }

    fn list(&mut self, members: &[(usize, u64, Roles)]) {
        self.version += 1;
        let entries =
            members.iter().map(|(index, stay, roles)| Entry::new(address(*index), *roles, Incarnation::new(*stay)));
        self.keys.set_members(self.now, Version::new(self.version), entries).unwrap();
    }

    fn time(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        while let Some(next) = self.keys.next_timeout(self.now).filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.keys.handle_timeout(self.now, &mut self.source, &mut self.draw);
        }
        self.now = end;
    }

    /// To whom what is sent: the type, and the epoch.
    fn sent(&mut self) -> Vec<(usize, u8, Epoch)> {
        self.time(0);
        let mut out = [0; 128];
        let mut all = Vec::new();
        while let Some(transmit) = self.keys.poll_transmit(self.now, &mut out).unwrap() {
            let header = Message::parse(&out[..transmit.len]).unwrap().header;
            let to = (1..=9).find(|index| address(*index) == transmit.to).unwrap();
            all.push((to, out[3], header.epoch));
        }
        all
    }

    fn acknowledge(&mut self, from: usize, epoch: Epoch) -> Result<(), ReceiveError> {
        let octets = message(0, epoch.value(), 1, Body::Acknowledge(Acknowledged::Push));
        self.keys.receive(self.now, address(from), &octets)
    }

    fn events(&mut self) -> Vec<KeyServerEvent> {
        std::iter::from_fn(|| self.keys.poll_event()).collect()
    }

    fn sending(&self) -> Option<Epoch> {
        self.keys.sending(self.now)
    }

    fn newest(&self) -> Epoch {
        *self.source.made.last().unwrap()
    }
}

const PUSH: u8 = 5;
const DELETE: u8 = 9;

#[test]
fn keys_are_used_once_all_acknowledged_them() {
    let mut alone = Alone::new(|_| {});
    assert_eq!((alone.keys.next_timeout(alone.now), alone.sent()), (None, vec![]));
    alone.members(&[1, 2]);
    let pushes = alone.sent();
    let epoch = alone.newest();
    assert_eq!(pushes, [(1, PUSH, epoch), (2, PUSH, epoch)]);
    assert_eq!(alone.source.asked_for, [[address(1), address(2)]]);
    assert_eq!((alone.sending(), alone.sent()), (None, vec![]));
    let holders: Vec<_> = alone.keys.holders(epoch).map(|entry| entry.address).collect();
    assert_eq!(holders, [address(1), address(2)]);

    assert_eq!(alone.acknowledge(3, epoch), Err(ReceiveError::NotAuthorised));
    assert_eq!(alone.acknowledge(1, Epoch::new(epoch.value() + 1)), Err(ReceiveError::Stale));
    let other_stay = message(0, epoch.value(), 2, Body::Acknowledge(Acknowledged::Push));
    assert_eq!(alone.keys.receive(alone.now, address(1), &other_stay), Err(ReceiveError::Stale));
    assert_eq!(alone.acknowledge(1, epoch), Ok(()));
    assert_eq!(alone.acknowledge(1, epoch), Err(ReceiveError::Stale));
    let status = alone.keys.status(epoch).unwrap();
    assert_eq!((status.recipients, status.outstanding, status.rejected), (2, 1, 0));
    assert_eq!(alone.sending(), None);
    alone.time(600);
    assert!(alone.sent().contains(&(2, PUSH, epoch)) && !alone.sent().contains(&(1, PUSH, epoch)));
    assert_eq!(alone.acknowledge(2, epoch), Ok(()));
    assert_eq!(alone.sending(), Some(epoch));
    alone.time(10_000);
    assert_eq!(
        (alone.events(), alone.sent()),
        (vec![KeyServerEvent::Ready(epoch), KeyServerEvent::Activated(epoch)], vec![])
    );
    assert_eq!(alone.keys.next_timeout(alone.now), None);
}

#[test]
fn a_member_that_is_silent_does_not_hold_up_the_group() {
    let mut alone = Alone::new(|_| {});
    alone.members(&[1, 2]);
    alone.sent();
    let epoch = alone.newest();
    alone.acknowledge(1, epoch).unwrap();
    alone.time(999);
    assert_eq!(alone.sending(), None);
    alone.time(1);
    assert_eq!(alone.sending(), Some(epoch));
    let silent = Entry::new(address(2), Roles::BOTH, Incarnation::new(1));
    let reported = KeyServerEvent::Unacknowledged(epoch, silent);
    assert_eq!(alone.events(), [KeyServerEvent::Ready(epoch), reported, KeyServerEvent::Activated(epoch)]);
    // It is sent the keys on, and then given up.
    let mut pushes = 1;
    for _ in 0..300 {
        alone.time(100);
        pushes += alone.sent().len();
    }
    assert_eq!((pushes, alone.events()), (6, vec![KeyServerEvent::Unresponsive(silent)]));
    assert!(alone.keys.retry(address(2)) && !alone.keys.retry(address(3)));
    assert_eq!(alone.sent(), [(2, PUSH, epoch)]);
    assert_eq!((alone.acknowledge(2, epoch), alone.keys.next_timeout(alone.now)), (Ok(()), None));
}

#[test]
fn who_rejects_is_reported_and_not_waited_for() {
    let mut alone = Alone::new(|_| {});
    alone.members(&[1, 2]);
    alone.sent();
    let epoch = alone.newest();
    alone.acknowledge(1, epoch).unwrap();
    let reject = message(0, epoch.value(), 1, Body::Reject(RejectReason::BelowFloor));
    assert_eq!(alone.keys.receive(alone.now, address(2), &reject), Ok(()));
    assert_eq!(alone.keys.receive(alone.now, address(2), &reject), Err(ReceiveError::Stale));
    assert_eq!((alone.sending(), alone.keys.status(epoch).unwrap().rejected), (Some(epoch), 1));
    let entry = Entry::new(address(2), Roles::BOTH, Incarnation::new(1));
    assert!(alone.events().contains(&KeyServerEvent::Rejected(epoch, entry, RejectReason::BelowFloor)));
    alone.time(60_000);
    assert_eq!(alone.sent(), []);
    // It may think again.
    assert!(alone.keys.retry(address(2)));
    assert_eq!((alone.sent(), alone.acknowledge(2, epoch)), (vec![(2, PUSH, epoch)], Ok(())));
    assert_eq!(alone.keys.status(epoch).unwrap().rejected, 0);
    // What it was not sent it cannot answer.
    alone.members(&[1, 2, 3]);
    let early = message(0, epoch.value(), 1, Body::Acknowledge(Acknowledged::Push));
    assert_eq!(alone.keys.receive(alone.now, address(3), &early), Err(ReceiveError::NotAuthorised));
}

/// Two members with keys, which are used; then something changes. What is sent under at once, and is there another epoch?
fn after(policy: OnChange, change: impl FnOnce(&mut World)) -> (Option<bool>, bool) {
    let mut world = World::new(5, |_, keys| {
        keys.rekey = RekeyPolicy { on_join: policy, on_leave: policy, on_expel: policy, lifetime: Limits::NONE };
    });
    world.join(1, Roles::RECEIVER);
    world.join(2, Roles::RECEIVER);
    world.run(30_000);
    let old = world.gcks.keys().sending(world.now).unwrap();
    let made = world.source.made.len();
    change(&mut world);
    let at_once = world.gcks.keys().sending(world.now);
    world.run(30_000);
    assert!(world.gcks.keys().sending(world.now).is_some());
    (at_once.map(|epoch| epoch == old), world.source.made.len() > made)
}

#[test]
fn each_change_does_to_the_keys_what_policy_says() {
    let join = |world: &mut World| {
        world.join(3, Roles::RECEIVER);
        world.run(1);
    };
    let leave = |world: &mut World| {
        world.leave(2);
        world.run(1);
    };
    let expel = |world: &mut World| {
        let now = world.now;
        assert!(world.gcks.expel(now, address(2), ExpelReason::Decision));
    };
    for (policy, expected) in
        [(OnChange::Keep, (Some(true), false)), (OnChange::Rollover, (Some(true), true)), (OnChange::Cut, (None, true))]
    {
        assert_eq!(after(policy, join), expected, "join, {policy:?}");
        assert_eq!(after(policy, leave), expected, "leave, {policy:?}");
        assert_eq!(after(policy, expel), expected, "expel, {policy:?}");
    }
}

#[test]
fn who_comes_in_reads_the_past_if_policy_keeps_the_keys_and_not_otherwise() {
    for (on_join, reads) in [(OnChange::Keep, true), (OnChange::Rollover, false), (OnChange::Cut, false)] {
        let mut world = World::new(5, |_, keys| keys.rekey.on_join = on_join);
        world.join(1, Roles::RECEIVER);
        world.run(100);
        world.send_packet().unwrap();
        world.join(2, Roles::RECEIVER);
        world.run(100);
        world.send_packet().unwrap();
        let new = &world.nodes[&address(2)];
        assert_eq!((new.could_open(&world.sent[0]), new.opens(&world.sent[1])), (reads, true), "{on_join:?}");
        assert!(world.nodes[&address(1)].opens(&world.sent[1]));
    }
}

#[test]
fn keys_are_renewed_by_time_octets_and_packets() {
    let time = Some(Duration::from_secs(60));
    let limits = Limits { time, octets: Some(1_000), packets: Some(10) };
    let mut alone = Alone::new(|config| config.rekey.lifetime = limits);
    alone.members(&[1]);
    alone.sent();
    let first = alone.newest();
    alone.acknowledge(1, first).unwrap();
    alone.keys.used(first, 1_000, 10);
    alone.time(59_999);
    assert_eq!((alone.source.made.len(), alone.sending()), (1, Some(first)));
    alone.time(1);
    let second = alone.newest();
    assert_eq!((alone.source.made.len(), alone.sending(), alone.sent()), (2, Some(first), vec![(1, PUSH, second)]));
    // The limits of an epoch that is being replaced are no reason for another.
    alone.keys.used(first, 5_000, 5_000);
    alone.time(0);
    assert_eq!(alone.source.made.len(), 2);
    alone.acknowledge(1, second).unwrap();
    assert_eq!(alone.sending(), Some(second));
    alone.keys.used(second, 1_001, 1);
    alone.time(0);
    assert_eq!((alone.source.made.len(), alone.sending()), (3, Some(second)));
    alone.sent();
    alone.acknowledge(1, alone.newest()).unwrap();
    alone.keys.used(alone.newest(), 1, 11);
    alone.time(0);
    assert_eq!(alone.source.made.len(), 4);
    // Nobody is there for whom to renew them.
    alone.members(&[]);
    alone.time(600_000);
    assert_eq!(alone.source.made.len(), 4);
}

#[test]
fn no_more_epochs_live_than_there_is_room_for_and_no_change_is_forgotten() {
    let mut alone = Alone::new(|_| {});
    alone.members(&[1, 2]);
    for round in 1..=8 {
        alone.sent();
        for member in [1, 2] {
            alone.acknowledge(member, alone.newest()).ok();
        }
        alone.keys.rekey(OnChange::Rollover);
        alone.time(10);
        assert_eq!(alone.source.made.len(), MAX_EPOCHS.min(round + 1));
    }
    assert_eq!(alone.sending(), Some(alone.newest()));
    assert_eq!(alone.keys.receiving(alone.now).count(), MAX_EPOCHS);
    // All that live are known to the one that goes: nothing is sent before the oldest has ended and there is another one.
    alone.members(&[1]);
    assert!(alone.sent().iter().all(|(_, kind, _)| *kind == DELETE));
    assert_eq!((alone.sending(), alone.source.made.len()), (None, MAX_EPOCHS));
    alone.time(2_000);
    assert_eq!((alone.sent().last(), alone.sending()), (Some(&(1, PUSH, alone.newest())), None));
    assert_eq!(alone.source.made.len(), MAX_EPOCHS + 1);
    alone.acknowledge(1, alone.newest()).unwrap();
    assert_eq!(alone.sending(), Some(alone.newest()));
}

#[test]
fn who_goes_is_told_to_delete_what_it_has() {
    let mut alone = Alone::new(|_| {});
    alone.members(&[1, 2]);
    alone.sent();
    alone.members(&[1]);
    let all = Epoch::new(u64::MAX);
    assert!(alone.sent().contains(&(2, DELETE, all)));
    let deleted = |stay| message(0, all.value(), stay, Body::Acknowledge(Acknowledged::Delete));
    assert_eq!(alone.keys.receive(alone.now, address(2), &deleted(2)), Err(ReceiveError::Stale));
    assert_eq!(alone.keys.receive(alone.now, address(2), &deleted(1)), Ok(()));
    assert_eq!(alone.keys.receive(alone.now, address(2), &deleted(1)), Err(ReceiveError::Stale));
    alone.acknowledge(1, alone.newest()).unwrap();
    alone.time(60_000);
    assert!(alone.sent().iter().all(|(to, ..)| *to != 2));
    // Who was given nothing has nothing to delete, and gave nothing away.
    let made = alone.source.made.len();
    alone.members(&[1, 3]);
    alone.members(&[1]);
    assert!(alone.sent().iter().all(|(to, kind, _)| *to == 1 && *kind == PUSH));
    assert!(alone.source.made.len() <= made + 1);
}

#[test]
fn no_keys_are_made_without_randomness_and_it_is_tried_again() {
    let mut alone = Alone::new(|_| {});
    alone.source.failures = 3;
    alone.members(&[1]);
    assert_eq!(alone.sent(), []);
    alone.time(10_000);
    assert_eq!(alone.source.made.len(), 1);
    let events = alone.events();
    assert_eq!(events[..3], [KeyServerEvent::NoKeys(KeySourceError::Random); 3]);
    assert_eq!(events[3], KeyServerEvent::Ready(alone.newest()));
    // An association that does not fit.
    let mut small = KeyServer::<4, { ASSOCIATION - 1 }>::new(*alone.keys.config(), Boot::new(1), 1);
    let entry = Entry::new(address(1), Roles::RECEIVER, Incarnation::new(1));
    small.set_members(alone.now, Version::new(1), [entry].into_iter()).unwrap();
    small.handle_timeout(alone.now, &mut Source::default(), &mut Draw(1));
    assert_eq!(small.poll_event(), Some(KeyServerEvent::NoKeys(KeySourceError::NoRoom)));
}

#[test]
fn lists_of_members_are_taken_by_version() {
    let mut alone = Alone::new(|_| {});
    let entry = |index, stay| Entry::new(address(index), Roles::BOTH, Incarnation::new(stay));
    let five = (1..=5).map(|index| entry(index, 1));
    assert!(alone.keys.set_members(alone.now, Version::new(1), five).is_err());
    assert_eq!((alone.keys.version(), alone.keys.members().count()), (Version::NONE, 0));
    alone.list(&[(1, 1, Roles::BOTH), (2, 1, Roles::BOTH)]);
    alone.sent();
    alone.acknowledge(1, alone.newest()).unwrap();
    alone.acknowledge(2, alone.newest()).unwrap();
    alone.keys.set_members(alone.now, alone.keys.version(), [].into_iter()).unwrap();
    assert_eq!(alone.keys.members().count(), 2, "that version is known");
    // One that came back is not the same: it has lost its keys, and somebody else may have found them.
    let made = alone.source.made.len();
    alone.list(&[(1, 2, Roles::BOTH), (2, 1, Roles::BOTH)]);
    let sent = alone.sent();
    assert_eq!(alone.source.made.len(), made + 1);
    assert!(sent.contains(&(1, PUSH, alone.newest())) && sent.contains(&(1, DELETE, Epoch::new(u64::MAX))));
}

/// The numbers that senders make their nonces of are never given out twice.
#[test]
fn no_two_senders_have_one_number() {
    let mut alone = Alone::new(|config| config.key_use = KeyUse::Shared);
    let mut seen = std::collections::BTreeSet::new();
    for stay in 1..=70_000 {
        alone.list(&[(1, stay, Roles::SENDER), (2, 1, Roles::RECEIVER)]);
        if stay % 10_000 == 1 || stay > 65_530 {
            alone.time(3_000);
        }
        let mut out = [0; 128];
        while let Some(transmit) = alone.keys.poll_transmit(alone.now, &mut out).unwrap() {
            if let Body::Push(push) = Message::parse(&out[..transmit.len]).unwrap().body {
                let of = (transmit.to == address(1)).then_some(stay);
                assert!(of.is_some() || push.sender.is_none(), "a receiver gets no number");
                if let Some(number) = push.sender {
                    seen.insert((number, of));
                }
            }
        }
    }
    let numbers: std::collections::BTreeSet<_> = seen.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers.len(), seen.len());
    assert!(!numbers.contains(&0) && numbers.contains(&65_534));
    let refused = |event: &KeyServerEvent| matches!(event, KeyServerEvent::NoSenderNumber(_));
    assert!(alone.events().iter().any(refused));
}

#[test]
fn the_gcks_expels_who_does_not_take_the_keys_if_policy_says_so() {
    for (silence, stays) in [(Silence::Report, true), (Silence::Expel, false)] {
        let mut world = World::new(5, |config, _| config.silence = silence);
        world.join(1, Roles::RECEIVER);
        world.run(100);
        world.node(2).sink.reject = Some(RejectReason::UnsupportedAlgorithm);
        world.join(2, Roles::RECEIVER);
        world.run(100);
        assert_eq!(world.members().contains(&address(2)), stays);
        let rejected = |event: &GcksEvent| {
            matches!(event, GcksEvent::Keys(KeyServerEvent::Rejected(_, entry, RejectReason::UnsupportedAlgorithm))
                if entry.address == address(2))
        };
        assert!(world.events.iter().any(rejected));
        assert!(world.gcks.keys().sending(world.now).is_some());
        assert!(world.node(2).sink.seen.is_empty());
    }
}

#[test]
fn delays_that_contradict_each_other_are_refused() {
    let (second, long) = (Duration::from_secs(1), Duration::from_millis(u64::from(u32::MAX)));
    assert!(Delays::new(second, second).is_none() && Delays::new(second, Duration::ZERO).is_none());
    assert!(Delays::new(second, long + Duration::from_millis(1)).is_none());
    let longest = Delays::new(second, long).unwrap();
    assert_eq!((longest.activation(), longest.deactivation()), (second, long));
    assert_eq!(controller(), address(0xc0));
}
