//! What a member does with what its key servers send.

use std::time::Duration;

use xcast_sec::group::membership::message::{Body, Message, Push};
use xcast_sec::group::membership::{
    Boot, Epoch, ExpelReason, KeyUse, Member, MemberConfig, MemberEvent, OnChange, ReceiveError, RejectReason, Roles,
    Version,
};
use xcast_sec::time::Instant;

use crate::kit::{ASSOCIATION, GROUP, Sink, address, controller, message};
use crate::world::World;

struct Alone {
    member: Member<4, 2, ASSOCIATION>,
    sink: Sink,
    now: Instant,
}

impl Alone {
    fn new() -> Self {
        let mut member = Member::new(MemberConfig::new(GROUP, controller()), Boot::new(1), 1);
        member.allow_server(controller()).unwrap();
        member.allow_server(address(2)).unwrap();
        member.join(Roles::BOTH).unwrap();
        let mut alone = Self { member, sink: Sink::default(), now: Instant::from_secs(100) };
        alone.receive(controller(), 0, Body::Accept { roles: Roles::BOTH }).unwrap();
        alone.sent();
        alone
    }

    fn receive(&mut self, from: std::net::IpAddr, epoch: u64, body: Body<'_>) -> Result<(), ReceiveError> {
        let octets = message(1, epoch, self.member.incarnation().value(), body);
        self.member.receive(self.now, from, &octets, &mut self.sink)
    }

    fn push(&mut self, epoch: u64, activate_in: u32, deactivate_in: u32, cut: bool) -> Result<(), ReceiveError> {
        let association = [u8::try_from(epoch).unwrap(); ASSOCIATION];
        let push = Push { activate_in, deactivate_in, cut, sender: Some(9), association: &association };
        self.receive(controller(), epoch, Body::Push(push))
    }

    fn time(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
        self.member.handle_timeout(self.now, &mut self.sink);
    }

    fn sent(&mut self) -> Vec<String> {
        let mut out = [0; 44];
        let mut all = Vec::new();
        while let Some(transmit) = self.member.poll_transmit(self.now, &mut out).unwrap() {
            let Message { header, body } = Message::parse(&out[..transmit.len]).unwrap();
            all.push(format!("{body:?} {}", header.epoch.value()));
        }
        all
    }

    fn sending(&self) -> Option<u64> {
        self.member.sending(controller(), self.now).map(|sending| sending.epoch.value())
    }

    fn held(&self) -> Vec<u64> {
        self.sink.held.keys().map(|(_, epoch)| epoch.value()).collect()
    }
}

#[test]
fn a_push_is_taken_once_and_acknowledged_each_time() {
    let mut alone = Alone::new();
    assert_eq!(alone.push(1, 1_000, 5_000, false), Ok(()));
    assert_eq!((alone.held(), alone.sent()), (vec![1], vec!["Acknowledge(Push) 1".to_string()]));
    assert_eq!(alone.member.offer(controller(), Epoch::new(1)).unwrap().association, [1; ASSOCIATION]);
    assert_eq!(alone.member.offer(controller(), Epoch::new(1)).unwrap().sender, Some(9));
    // What is left of the ATD has become less on the way: the least counts.
    assert_eq!((alone.push(1, 200, 5_000, false), alone.push(1, 3_000, 5_000, false)), (Ok(()), Ok(())));
    assert_eq!(alone.sent().len(), 1, "one answer for both");
    alone.time(199);
    assert_eq!(alone.sending(), None);
    alone.time(1);
    assert_eq!(alone.sending(), Some(1));
    // All have it: at once.
    alone.push(2, 10_000, 20_000, false).unwrap();
    assert_eq!(alone.sending(), Some(1));
    assert_eq!(alone.receive(controller(), 3, Body::Activate), Err(ReceiveError::Stale));
    assert_eq!((alone.receive(controller(), 2, Body::Activate), alone.sending()), (Ok(()), Some(2)));
    assert_eq!(alone.sent(), ["Acknowledge(Push) 2", "Acknowledge(Activate) 2"]);
    // After a cut nothing is sent under what is older, also if only a repetition says so.
    alone.push(3, 10_000, 20_000, false).unwrap();
    assert_eq!(alone.sending(), Some(2));
    alone.push(3, 10_000, 20_000, true).unwrap();
    assert_eq!(alone.sending(), None);
}

#[test]
fn what_has_ended_does_not_come_back() {
    let mut alone = Alone::new();
    alone.push(1, 0, 1_000, false).unwrap();
    alone.push(2, 1_000, 2_000, false).unwrap();
    alone.push(2, 1_000, 1_500, false).unwrap();
    assert_eq!(alone.member.next_timeout(alone.now), Some(alone.now.after(Duration::from_millis(1_000))));
    alone.time(1_499);
    assert_eq!(alone.held(), [1, 2]);
    alone.time(1);
    assert_eq!(alone.held(), [2]);
    assert_eq!(alone.member.receiving(alone.now).collect::<Vec<_>>(), [(controller(), Epoch::new(2))]);
    alone.sent();
    assert_eq!((alone.push(1, 0, 1_000, false), alone.held()), (Ok(()), vec![2]));
    assert_eq!(alone.sent(), ["Acknowledge(Push) 1"], "it is not missed");
    // A push that arrives at the end is looked at with what has ended then taken out.
    alone.push(3, 0, 100, false).unwrap();
    alone.now = alone.now.after(Duration::from_millis(100));
    alone.push(4, 0, 9_000, false).unwrap();
    assert_eq!(alone.held(), [3, 4]);
    // As many as there is room for; the oldest goes.
    for epoch in 5..=9 {
        alone.push(epoch, 0, 9_000, false).unwrap();
    }
    assert_eq!(alone.held(), [6, 7, 8, 9]);
    assert_eq!((alone.push(5, 0, 9_000, false), alone.held()), (Ok(()), vec![6, 7, 8, 9]));
}

#[test]
fn key_servers_are_kept_apart() {
    let mut alone = Alone::new();
    let push = Push { activate_in: 0, deactivate_in: 0, cut: false, sender: None, association: &[7; ASSOCIATION] };
    alone.push(1, 0, 0, false).unwrap();
    assert_eq!(alone.receive(address(2), 5, Body::Push(push)), Ok(()));
    assert_eq!(alone.held(), [5, 1], "by address: one ends nothing of the other");
    assert_eq!(alone.member.sending(address(2), alone.now), None, "it may not send under this one's");
    assert_eq!(alone.receive(address(2), 9, Body::Delete), Ok(()));
    assert_eq!((alone.held(), alone.sent().last().map(String::as_str)), (vec![1], Some("Acknowledge(Delete) 9")));
    assert_eq!(alone.receive(address(3), 5, Body::Push(push)), Err(ReceiveError::NotAuthorised));
    assert!(alone.member.disallow_server(controller(), &mut alone.sink));
    assert_eq!(alone.held(), []);
    assert_eq!(alone.push(2, 0, 0, false), Err(ReceiveError::NotAuthorised));
}

#[test]
fn what_is_not_taken_is_rejected_with_the_reason() {
    let mut alone = Alone::new();
    alone.sink.reject = Some(RejectReason::SpiInUse);
    for _ in 0..2 {
        assert_eq!((alone.push(1, 0, 1, false), alone.held()), (Ok(()), vec![]));
        assert_eq!(alone.sent(), ["Reject(SpiInUse) 1"]);
    }
    alone.sink.reject = None;
    assert_eq!((alone.push(1, 0, 1, false), alone.held()), (Ok(()), vec![1]));
    let long = Push { activate_in: 0, deactivate_in: 0, cut: false, sender: None, association: &[7; ASSOCIATION + 1] };
    alone.receive(controller(), 2, Body::Push(long)).unwrap();
    assert_eq!(alone.sent(), ["Acknowledge(Push) 1", "Reject(NoRoom) 2"]);
    let events: Vec<_> = std::iter::from_fn(|| alone.member.poll_event()).collect();
    assert!(events.contains(&MemberEvent::Rejected(controller(), Epoch::new(2), RejectReason::NoRoom)));
    // Of another stay, or of none.
    let push = Push { association: &[7; 4], ..long };
    let stale = message(1, 3, alone.member.incarnation().value() - 1, Body::Push(push));
    let taken = alone.member.receive(alone.now, controller(), &stale, &mut alone.sink);
    assert_eq!((taken, alone.sent()), (Err(ReceiveError::Stale), vec!["Reject(NotAMember) 3".to_string()]));
    alone.member.leave(&mut alone.sink).unwrap();
    assert_eq!((alone.push(4, 0, 1, false), alone.held()), (Err(ReceiveError::Stale), vec![]));
}

#[test]
fn changes_from_another_base_are_not_applied() {
    let mut world = World::new(1, |_, _| {});
    world.join(1, Roles::SENDER);
    world.run(50);
    for index in 2..=4 {
        world.join(index, Roles::RECEIVER);
        world.run(50);
    }
    let of_one = world.history.iter().filter(|(_, to, octets)| *to == address(1) && octets[3] == 12);
    let updates: Vec<_> = of_one.map(|(.., octets)| octets.clone()).collect();
    assert_eq!(updates.len(), 4);
    let mut alone = Alone::new();
    let take = |alone: &mut Alone, octets: &[u8]| {
        let mut octets = octets.to_vec();
        octets[32..40].copy_from_slice(&alone.member.incarnation().value().to_be_bytes());
        let taken = alone.member.receive(alone.now, controller(), &octets, &mut alone.sink);
        assert_eq!(alone.sent().len(), 1, "it says what it has");
        (taken, alone.member.members().count())
    };
    assert_eq!(take(&mut alone, &updates[1]), (Err(ReceiveError::Stale), 0));
    assert_eq!(alone.member.version(), Version::NONE);
    assert_eq!(take(&mut alone, &updates[0]), (Ok(()), 1));
    assert_eq!(take(&mut alone, &updates[2]), (Err(ReceiveError::Stale), 1), "one is missing");
    assert_eq!(take(&mut alone, &updates[1]), (Ok(()), 2));
    assert_eq!(take(&mut alone, &updates[0]), (Err(ReceiveError::Stale), 2), "older");
    assert_eq!((take(&mut alone, &updates[2]), take(&mut alone, &updates[3])), ((Ok(()), 3), (Ok(()), 4)));
}

/// A sender that is not the key server goes silent as soon as it hears of an expulsion, until all have the new keys.
#[test]
fn other_senders_are_cut_too() {
    let mut world = World::new(1, |_, keys| keys.key_use = KeyUse::Shared);
    for index in 1..=3 {
        world.join(index, if index == 1 { Roles::BOTH } else { Roles::RECEIVER });
        world.run(100);
    }
    let sending = |world: &World| world.nodes[&address(1)].member.sending(controller(), world.now);
    assert!(sending(&world).is_some());
    // One of those that stay does not hear of it.
    let now = world.now;
    world.deaf.insert(address(2));
    world.gcks.expel(now, address(3), ExpelReason::Decision);
    world.settle();
    world.run(100);
    assert!(sending(&world).is_none());
    world.deaf.clear();
    world.run(2_000);
    let epoch = world.gcks.keys().sending(world.now).unwrap();
    assert_eq!(sending(&world).map(|sending| sending.epoch), Some(epoch), "long before the ATD");
}

/// What is not sent under any more is not handed out any more.
#[test]
fn superseded_keys_are_not_pushed() {
    let mut world = World::new(1, |_, _| {});
    world.join(1, Roles::RECEIVER);
    world.join(2, Roles::RECEIVER);
    world.run(100);
    world.deaf.insert(address(2));
    world.gcks.keys_mut().rekey(OnChange::Rollover);
    world.settle();
    world.gcks.keys_mut().rekey(OnChange::Rollover);
    world.settle();
    let [.., missed, newest] = world.source.made[..] else { panic!("two epochs") };
    world.run(20_500);
    assert_eq!(world.gcks.keys().sending(world.now), Some(newest));
    world.deaf.clear();
    world.history.clear();
    assert!(world.gcks.keys_mut().retry(address(2)));
    world.settle();
    world.run(100);
    let pushed = |epoch: Epoch| {
        world.history.iter().any(|(.., octets)| octets[3] == 5 && octets[24..32] == epoch.value().to_be_bytes())
    };
    assert_eq!((pushed(missed), pushed(newest)), (false, true));
}
