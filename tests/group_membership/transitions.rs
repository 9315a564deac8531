//! Each transition of controller and member.

use std::time::Duration;

use xcast_sec::group::membership::message::{Acknowledged, Body, Message};
use xcast_sec::group::membership::{
    Boot, ChangeKind, Controller, ControllerConfig, ControllerEvent, Decision, ExpelReason, FixedAdmission, GcksEvent,
    Incarnation, InviteError, InvitedOnly, MAX_MEMBERS, Member, MemberConfig, MemberError, MemberEvent, MemberState,
    QueryPolicy, ReceiveError, RefuseReason, Roles, Silence, Version,
};
use xcast_sec::time::Instant;

use crate::kit::{ASSOCIATION, GROUP, Sink, address, controller, message, setup};
use crate::world::{Weather, World};

type Small = Controller<4>;
type Alone = Member<4, 1, ASSOCIATION>;

const NOW: Instant = Instant::from_secs(50);
const BLOCKED: Weather = Weather { loss: 100, duplication: 0, delay: 1 };

fn small(change: impl FnOnce(&mut ControllerConfig)) -> Small {
    let mut config = ControllerConfig::new(GROUP, setup());
    change(&mut config);
    Controller::new(config, Boot::new(1), 1).unwrap()
}

fn everybody() -> FixedAdmission<8> {
    let mut admission = FixedAdmission::new();
    for index in 1..=8 {
        assert!(admission.allow(address(index), Roles::BOTH));
    }
    admission
}

fn take(controller: &mut Small, from: usize, octets: &[u8]) -> Result<(), ReceiveError> {
    controller.receive(address(from), octets, &mut everybody())
}

fn join(controller: &mut Small, from: usize, stay: u64, roles: Roles) -> Result<(), ReceiveError> {
    take(controller, from, &message(0, 0, stay, Body::Join { roles }))
}

fn acknowledge(
    controller: &mut Small,
    from: usize,
    stay: u64,
    what: Acknowledged,
    version: Version,
) -> Result<(), ReceiveError> {
    take(controller, from, &message(version.value(), 0, stay, Body::Acknowledge(what)))
}

/// What is sent: to whom, which stay, and what.
fn sent(controller: &mut Small, now: Instant) -> Vec<(usize, u64, String)> {
    let mut out = [0; 4096];
    let mut all = Vec::new();
    while let Some(transmit) = controller.poll_transmit(now, &mut out).unwrap() {
        let message = Message::parse(&out[..transmit.len]).unwrap();
        let to = (1..=200).find(|index| address(*index) == transmit.to).unwrap();
        let shown = match message.body {
            Body::Update { base, changes } => format!(
                "Update({}, {:?})",
                base != Version::NONE,
                changes.iter().map(|change| (change.kind, change.entry.incarnation.value())).collect::<Vec<_>>()
            ),
            Body::Answer { members } => format!("Answer({})", members.len()),
            body => format!("{body:?}"),
        };
        all.push((to, message.header.incarnation.value(), shown));
    }
    all
}

fn events(controller: &mut Small) -> Vec<ControllerEvent> {
    std::iter::from_fn(|| controller.poll_event()).collect()
}

const ACCEPT: &str = "Accept { roles: Roles { sender: false, receiver: true } }";

#[test]
fn a_join_is_accepted_until_it_is_confirmed() {
    let mut group = small(|_| {});
    assert_eq!(join(&mut group, 1, 10, Roles::RECEIVER), Ok(()));
    let entry = group.member(address(1)).unwrap();
    assert_eq!((entry.roles, entry.incarnation), (Roles::RECEIVER, Incarnation::new(10)));
    assert_eq!(events(&mut group), [ControllerEvent::Joined(entry)]);
    assert_eq!(sent(&mut group, NOW), [(1, 10, ACCEPT.into())]);
    assert_eq!(sent(&mut group, NOW), []);
    // The acceptance was lost: the member asks again, or time passes.
    assert_eq!(join(&mut group, 1, 10, Roles::RECEIVER), Ok(()));
    assert_eq!(sent(&mut group, NOW), [(1, 10, ACCEPT.into())]);
    let again = group.next_timeout().unwrap();
    group.handle_timeout(again);
    assert_eq!(sent(&mut group, again), [(1, 10, ACCEPT.into())]);
    let version = group.version();
    assert_eq!(acknowledge(&mut group, 1, 10, Acknowledged::Accept, version), Ok(()));
    assert_eq!((group.next_timeout(), group.version(), group.members().count()), (None, version, 1));
    assert_eq!(acknowledge(&mut group, 1, 10, Acknowledged::Accept, version), Err(ReceiveError::Stale));
    assert_eq!(join(&mut group, 1, 10, Roles::RECEIVER), Err(ReceiveError::Stale));
    assert_eq!(join(&mut group, 1, 9, Roles::RECEIVER), Err(ReceiveError::Stale));
    assert_eq!(acknowledge(&mut group, 1, 10, Acknowledged::Update, version), Err(ReceiveError::Unexpected));
    assert_eq!((sent(&mut group, again), events(&mut group)), (vec![], vec![]));
}

#[test]
fn admission_decides() {
    let mut group = small(|config| config.max_members = 2);
    let ask = |group: &mut Small, from, roles, admission: &mut FixedAdmission<8>| {
        group.receive(address(from), &message(0, 0, 1, Body::Join { roles }), admission)
    };
    let mut admission = FixedAdmission::new();
    assert!(admission.allow(address(1), Roles::RECEIVER));
    for (from, roles, reason) in
        [(2, Roles::RECEIVER, RefuseReason::NotAdmitted), (1, Roles::BOTH, RefuseReason::NotPermitted)]
    {
        assert_eq!(ask(&mut group, from, roles, &mut admission), Ok(()));
        assert_eq!(sent(&mut group, NOW), [(from, 1, format!("Refuse({reason:?})"))]);
        assert_eq!(events(&mut group), [ControllerEvent::Refused(address(from), reason)]);
    }
    let later = &mut Later;
    let asked = group.receive(address(1), &message(0, 0, 1, Body::Join { roles: Roles::BOTH }), later);
    assert_eq!((asked, sent(&mut group, NOW), group.version()), (Ok(()), vec![], Version::NONE));
    for from in [1, 2] {
        join(&mut group, from, 1, Roles::RECEIVER).unwrap();
    }
    sent(&mut group, NOW);
    join(&mut group, 3, 1, Roles::RECEIVER).unwrap();
    assert_eq!(sent(&mut group, NOW), [(3, 1, "Refuse(Full)".into())]);
    assert_eq!(group.members().count(), 2);
    let multicast = "ff02::1".parse().unwrap();
    let octets = message(0, 0, 1, Body::Join { roles: Roles::BOTH });
    assert_eq!(group.receive(multicast, &octets, &mut everybody()), Err(ReceiveError::NotAuthorised));
}

struct Later;

impl xcast_sec::group::membership::Admission for Later {
    fn admit(&mut self, _: std::net::IpAddr, _: Roles) -> Decision {
        Decision::Later
    }
}

#[test]
fn an_invitation_lets_in_without_asking() {
    let mut group = small(|config| config.max_members = 2);
    assert_eq!(group.invite("::".parse().unwrap()), Err(InviteError::Address));
    assert_eq!(group.invite(address(1)), Ok(()));
    let [(1, number, ref body)] = sent(&mut group, NOW)[..] else { panic!("an invitation") };
    assert_eq!((body.as_str(), group.members().count()), ("Invite", 0));
    let asks = message(0, 0, 77, Body::Join { roles: Roles::RECEIVER });
    assert_eq!(group.receive(address(1), &asks, &mut InvitedOnly), Ok(()));
    assert_eq!(sent(&mut group, NOW), [(1, 77, ACCEPT.into())]);
    assert_eq!(group.invite(address(1)), Err(InviteError::AlreadyAMember));

    // Declined; a refusal of another invitation is none.
    group.invite(address(2)).unwrap();
    let second = sent(&mut group, NOW)[0].1;
    assert!(second > number);
    let decline = |number| message(0, 0, number, Body::Refuse(RefuseReason::Declined));
    assert_eq!(take(&mut group, 2, &decline(number)), Err(ReceiveError::Stale));
    assert_eq!(take(&mut group, 3, &decline(second)), Err(ReceiveError::Stale));
    events(&mut group);
    assert_eq!(take(&mut group, 2, &decline(second)), Ok(()));
    assert_eq!(events(&mut group), [ControllerEvent::Declined(address(2), RefuseReason::Declined)]);

    // Taken back, and not answered.
    group.invite(address(2)).unwrap();
    assert!(group.withdraw(address(2)) && !group.withdraw(address(2)) && !group.withdraw(address(1)));
    acknowledge(&mut group, 1, 77, Acknowledged::Accept, Version::NONE).unwrap();
    group.invite(address(2)).unwrap();
    let mut times = 0;
    while let Some(at) = {
        times += sent(&mut group, NOW).len();
        group.next_timeout()
    } {
        group.handle_timeout(at);
    }
    assert_eq!((times, events(&mut group)), (6, vec![ControllerEvent::InviteExpired(address(2))]));
    let uninvited = group.receive(address(2), &asks, &mut InvitedOnly);
    assert_eq!((uninvited, sent(&mut group, NOW)), (Ok(()), vec![(2, 77, "Refuse(NotAdmitted)".into())]));
    group.invite(address(3)).unwrap();
    assert_eq!(join(&mut group, 2, 78, Roles::BOTH), Ok(()));
    assert_eq!(group.invite(address(4)), Err(InviteError::Full));
}

#[test]
fn who_leaves_is_acknowledged_as_often_as_it_says_so() {
    let mut group = small(|_| {});
    join(&mut group, 1, 10, Roles::RECEIVER).unwrap();
    let entry = group.member(address(1)).unwrap();
    sent(&mut group, NOW);
    events(&mut group);
    let leave = |stay| message(0, 0, stay, Body::Leave);
    assert_eq!(take(&mut group, 1, &leave(9)), Err(ReceiveError::Stale), "an earlier stay");
    for _ in 0..2 {
        assert_eq!(take(&mut group, 1, &leave(10)), Ok(()));
        assert_eq!(sent(&mut group, NOW), [(1, 10, "Acknowledge(Leave)".into())]);
        assert_eq!((group.members().count(), group.next_timeout()), (0, None));
    }
    assert_eq!(events(&mut group), [ControllerEvent::Left(entry)]);
    // Its later stay is not known yet: the one that is has ended as well.
    join(&mut group, 1, 11, Roles::RECEIVER).unwrap();
    assert_eq!(take(&mut group, 1, &leave(12)), Ok(()));
    assert_eq!(group.members().count(), 0);
}

#[test]
fn who_comes_back_is_somebody_else() {
    let mut group = small(|config| config.max_members = 1);
    join(&mut group, 1, 10, Roles::RECEIVER).unwrap();
    let former = group.member(address(1)).unwrap();
    join(&mut group, 1, 11, Roles::BOTH).unwrap();
    let present = group.member(address(1)).unwrap();
    assert_eq!((present.roles, present.incarnation), (Roles::BOTH, Incarnation::new(11)));
    let joined = ControllerEvent::Joined;
    assert_eq!(events(&mut group), [joined(former), ControllerEvent::Left(former), joined(present)]);
    // Refused, it does not stay either.
    let octets = message(0, 0, 12, Body::Join { roles: Roles::BOTH });
    assert_eq!(group.receive(address(1), &octets, &mut InvitedOnly), Ok(()));
    assert_eq!(group.members().count(), 0);
    // Not a member, it says: of this stay alone.
    join(&mut group, 1, 13, Roles::RECEIVER).unwrap();
    let not_me = |stay| message(0, 0, stay, Body::Refuse(RefuseReason::NotAMember));
    assert_eq!(take(&mut group, 1, &not_me(12)), Err(ReceiveError::Stale));
    assert_eq!(
        take(&mut group, 1, &message(0, 0, 13, Body::Refuse(RefuseReason::Declined))),
        Err(ReceiveError::Unexpected)
    );
    assert_eq!((take(&mut group, 1, &not_me(13)), group.members().count()), (Ok(()), 0));
}

#[test]
fn who_is_expelled_is_told_and_not_waited_for() {
    let mut group = small(|_| {});
    join(&mut group, 1, 10, Roles::RECEIVER).unwrap();
    let entry = group.member(address(1)).unwrap();
    assert!(group.expel(address(1), ExpelReason::Decision) && !group.expel(address(1), ExpelReason::Decision));
    assert_eq!(group.members().count(), 0);
    let told = [(1, 10, "Expelled(Decision)".to_string())];
    assert_eq!(sent(&mut group, NOW), told);
    // It still asks for the stay that is over: the acceptance and what followed crossed.
    assert_eq!((join(&mut group, 1, 10, Roles::RECEIVER), sent(&mut group, NOW)), (Ok(()), told.to_vec()));
    assert_eq!(acknowledge(&mut group, 1, 9, Acknowledged::Expelled, Version::NONE), Err(ReceiveError::Stale));
    assert_eq!(acknowledge(&mut group, 1, 10, Acknowledged::Expelled, Version::NONE), Ok(()));
    assert_eq!(group.next_timeout(), None);
    assert_eq!(events(&mut group)[1..], [ControllerEvent::Expelled(entry, ExpelReason::Decision)]);
    // Without an answer it is forgotten.
    join(&mut group, 1, 11, Roles::RECEIVER).unwrap();
    group.expel(address(1), ExpelReason::Decision);
    let mut times = 0;
    while let Some(at) = {
        times += sent(&mut group, NOW).len();
        group.next_timeout()
    } {
        group.handle_timeout(at);
    }
    assert_eq!(times, 6);
    // Those that were expelled make room.
    for from in 1..=4 {
        join(&mut group, from, 20, Roles::RECEIVER).unwrap();
    }
    assert!(group.expel(address(1), ExpelReason::Decision));
    assert_eq!((join(&mut group, 5, 1, Roles::RECEIVER), group.members().count()), (Ok(()), 4));
}

#[test]
fn senders_are_told_every_change_by_changes_or_as_a_list() {
    let mut group = small(|_| {});
    join(&mut group, 1, 10, Roles::SENDER).unwrap();
    sent(&mut group, NOW);
    acknowledge(&mut group, 1, 10, Acknowledged::Accept, Version::NONE).unwrap();
    let joined = |stay| (ChangeKind::Joined, stay);
    let list = |full: bool, changes: &[(ChangeKind, u64)]| vec![(1, 10, format!("Update({}, {changes:?})", !full))];
    assert_eq!(sent(&mut group, NOW), list(true, &[joined(10)]));
    let first = group.version();
    assert_eq!(acknowledge(&mut group, 1, 10, Acknowledged::Update, first), Ok(()));
    assert_eq!(group.next_timeout(), None);
    assert_eq!(acknowledge(&mut group, 1, 10, Acknowledged::Update, first), Err(ReceiveError::Stale));
    let later = Version::new(first.value() + 1);
    assert_eq!(acknowledge(&mut group, 1, 10, Acknowledged::Update, later), Err(ReceiveError::Unexpected));
    // What is new alone, as long as that is shorter.
    join(&mut group, 2, 20, Roles::RECEIVER).unwrap();
    assert_eq!(sent(&mut group, NOW)[..1], list(false, &[joined(20)]));
    take(&mut group, 2, &message(0, 0, 20, Body::Leave)).unwrap();
    join(&mut group, 3, 30, Roles::RECEIVER).unwrap();
    let update = sent(&mut group, NOW).into_iter().find(|(to, ..)| *to == 1).unwrap();
    assert_eq!(update, list(true, &[joined(10), joined(30)])[0], "three changes are longer than two members");
    // It lost what it had: all of it again.
    let now = group.version();
    assert_eq!(acknowledge(&mut group, 1, 10, Acknowledged::Update, now), Ok(()));
    assert_eq!(acknowledge(&mut group, 1, 10, Acknowledged::Update, Version::NONE), Ok(()));
    assert_eq!(sent(&mut group, NOW)[..1], list(true, &[joined(10), joined(30)]));
}

#[test]
fn a_query_is_answered_as_policy_has_it() {
    for (policy, receivers, senders) in [
        (QueryPolicy::Nobody, "Refuse(NotPermitted)", "Refuse(NotPermitted)"),
        (QueryPolicy::Senders, "Refuse(NotPermitted)", "Answer(2)"),
        (QueryPolicy::Members, "Answer(2)", "Answer(2)"),
    ] {
        let mut group = small(|config| config.query = policy);
        join(&mut group, 1, 10, Roles::RECEIVER).unwrap();
        join(&mut group, 2, 20, Roles::SENDER).unwrap();
        sent(&mut group, NOW);
        let query = |stay| message(0, 0, stay, Body::Query);
        for (from, stay, expected) in [(1, 10, receivers), (2, 20, senders), (3, 30, "Refuse(NotAMember)")] {
            assert_eq!(take(&mut group, from, &query(stay)), Ok(()));
            assert_eq!(sent(&mut group, NOW), [(from, stay, expected.into())], "{policy:?}");
        }
        assert_eq!(take(&mut group, 1, &query(11)), Err(ReceiveError::Stale));
    }
}

#[test]
fn silence_is_reported_or_ends_a_stay() {
    for (silence, stays) in [(Silence::Report, 1), (Silence::Expel, 0)] {
        let mut group = small(|config| config.silence = silence);
        join(&mut group, 1, 10, Roles::RECEIVER).unwrap();
        let entry = group.member(address(1)).unwrap();
        let mut now = NOW;
        while group.member(address(1)).is_some()
            && let Some(at) = {
                sent(&mut group, now);
                group.next_timeout()
            }
        {
            now = at;
            group.handle_timeout(at);
        }
        // 0.25 + 0.5 + 1 + 2 + 4 + 8 seconds, a quarter more or less.
        let took = now.since(NOW);
        assert!(took > Duration::from_secs(11) && took < Duration::from_secs(20), "{took:?}");
        assert_eq!(events(&mut group)[1], ControllerEvent::Unresponsive(entry));
        assert_eq!(group.members().count(), stays);
    }
}

/// More answers, events and changes than are kept do no harm.
#[test]
fn floods_are_bounded() {
    let mut group = small(|_| {});
    for stay in 1..=100 {
        for from in 5..=8 {
            join(&mut group, from, stay, Roles::RECEIVER).unwrap();
            take(&mut group, from, &message(0, 0, stay, Body::Leave)).unwrap();
            take(&mut group, from, &message(0, 0, stay, Body::Query)).unwrap();
        }
    }
    assert!(sent(&mut group, NOW).len() <= 8);
    assert_eq!(events(&mut group).len(), 32);
    assert_eq!(group.events_lost(), 800 - 32);
    assert_eq!(group.members().count(), 0);
    assert_eq!(MAX_MEMBERS, 127);
}

fn alone() -> (Alone, Sink) {
    (Member::new(MemberConfig::new(GROUP, controller()), Boot::new(1), 1), Sink::default())
}

#[test]
fn a_member_that_gets_no_answer_gives_up() {
    let mut world = World::new(1, |_, _| {});
    world.weather = BLOCKED;
    world.join(1, Roles::RECEIVER);
    world.run(30_000);
    assert_eq!(world.node(1).member.state(), MemberState::Out);
    assert_eq!(world.node(1).events, [MemberEvent::GaveUp]);
    // The controller let it in after all, and is told that it is gone.
    world.weather = crate::world::CALM;
    let late = world.history[0].clone();
    world.send(late.0, late.1, late.2);
    world.run(1_000);
    assert_eq!(world.members().len(), 0);
    let left = |event: &GcksEvent| matches!(event, GcksEvent::Controller(ControllerEvent::Left(_)));
    assert!(world.events.iter().any(left));
}

#[test]
fn a_member_that_leaves_drops_its_keys_at_once_and_gives_up_in_the_end() {
    let mut world = World::new(1, |_, _| {});
    world.join(1, Roles::RECEIVER);
    world.join(2, Roles::RECEIVER);
    world.run(100);
    assert_eq!(world.node(1).sink.held.len(), 1);
    world.weather = BLOCKED;
    world.leave(1);
    assert_eq!((world.node(1).sink.held.len(), world.node(1).member.state()), (0, MemberState::Leaving));
    world.run(30_000);
    assert_eq!(world.node(1).member.state(), MemberState::Out);
    assert_eq!(world.node(1).events.last(), Some(&MemberEvent::GaveUp));
    world.weather = crate::world::CALM;
    world.leave(2);
    world.run(100);
    assert_eq!(world.node(2).events.last(), Some(&MemberEvent::Left));
    // The one that could not be heard says so once it is sent keys.
    world.gcks.keys_mut().rekey(xcast_sec::group::membership::OnChange::Rollover);
    world.settle();
    world.run(100);
    assert_eq!(world.members().len(), 0);
}

#[test]
fn a_member_does_what_fits_where_it_stands() {
    let (mut member, mut sink) = alone();
    assert_eq!(member.leave(&mut sink), Err(MemberError::NotIn));
    assert_eq!(member.query(), Err(MemberError::NotIn));
    assert_eq!(member.decline(), Err(MemberError::NotInvited));
    assert_eq!(member.join(Roles { sender: false, receiver: false }), Err(MemberError::Roles));
    assert_eq!(member.join(Roles::RECEIVER), Ok(()));
    assert_eq!(member.join(Roles::RECEIVER), Err(MemberError::AlreadyIn));
    assert_eq!(member.query(), Err(MemberError::NotIn));
    assert_eq!((member.allow_server(address(1)), member.allow_server(address(1))), (Ok(()), Ok(())));
    assert_eq!(member.allow_server(address(2)), Err(MemberError::TooManyServers));
    assert!(member.disallow_server(address(1), &mut sink) && !member.disallow_server(address(1), &mut sink));
    // It can change its mind, and come back before the controller has heard of it.
    let stay = member.incarnation();
    assert_eq!(member.leave(&mut sink), Ok(()));
    assert_eq!(member.join(Roles::BOTH), Ok(()));
    assert!(member.incarnation() > stay && member.state() == MemberState::Joining);
}

#[test]
fn a_member_believes_its_controller_about_its_present_stay_alone() {
    let (mut member, mut sink) = alone();
    member.join(Roles::SENDER).unwrap();
    let stay = member.incarnation().value();
    let mut take = |member: &mut Alone, stay, version, body| {
        member.receive(NOW, controller(), &message(version, 0, stay, body), &mut sink)
    };
    let accept = Body::Accept { roles: Roles::BOTH };
    assert_eq!(take(&mut member, stay - 1, 1, accept), Err(ReceiveError::Stale));
    assert_eq!(take(&mut member, stay - 1, 1, Body::Refuse(RefuseReason::Full)), Err(ReceiveError::Stale));
    assert_eq!(take(&mut member, stay - 1, 1, Body::Expelled(ExpelReason::Decision)), Err(ReceiveError::Stale));
    assert_eq!(member.state(), MemberState::Joining);
    for _ in 0..2 {
        assert_eq!(take(&mut member, stay, 1, accept), Ok(()));
    }
    assert_eq!((member.state(), member.roles()), (MemberState::In, Roles::BOTH));
    assert_eq!(take(&mut member, stay, 1, Body::Acknowledge(Acknowledged::Leave)), Err(ReceiveError::Stale));
    assert_eq!(take(&mut member, stay, 1, Body::Invite), Err(ReceiveError::Stale));
    assert_eq!(take(&mut member, stay, 1, Body::Refuse(RefuseReason::NotPermitted)), Err(ReceiveError::Stale));
    member.query().unwrap();
    assert_eq!(take(&mut member, stay, 1, Body::Refuse(RefuseReason::NotPermitted)), Ok(()));
    assert_eq!(member.state(), MemberState::In);
    assert_eq!(take(&mut member, stay, 1, Body::Expelled(ExpelReason::Unresponsive)), Ok(()));
    assert_eq!((member.state(), take(&mut member, stay, 1, accept)), (MemberState::Out, Err(ReceiveError::Stale)));
    let told: Vec<_> = std::iter::from_fn(|| member.poll_event()).collect();
    let refused = MemberEvent::QueryRefused(RefuseReason::NotPermitted);
    assert_eq!(told, [MemberEvent::Accepted(Roles::BOTH), refused, MemberEvent::Expelled(ExpelReason::Unresponsive)]);
    // An invitation is told once; what was declined stays so.
    for (number, expected) in [(5, Ok(())), (5, Err(ReceiveError::Stale)), (4, Err(ReceiveError::Stale)), (6, Ok(()))] {
        assert_eq!(take(&mut member, number, 1, Body::Invite), expected);
    }
    member.decline().unwrap();
    assert_eq!(take(&mut member, 6, 1, Body::Invite), Err(ReceiveError::Stale));
    assert_eq!((take(&mut member, 7, 1, Body::Invite), member.join(Roles::RECEIVER)), (Ok(()), Ok(())));
}

#[test]
fn a_sender_follows_the_membership_whatever_is_lost() {
    let mut world = World::new(9, |config, _| config.query = QueryPolicy::Members);
    world.join(1, Roles::BOTH);
    world.run(100);
    world.weather = Weather { loss: 50, duplication: 50, delay: 900 };
    for index in 2..=6 {
        world.join(index, Roles::RECEIVER);
        world.run(600);
    }
    for index in 2..=3 {
        let now = world.now;
        world.gcks.expel(now, address(index), ExpelReason::Decision);
        world.settle();
        world.run(600);
    }
    world.weather = crate::world::CALM;
    world.run(30_000);
    let known = |world: &World, index: usize| {
        world.nodes[&address(index)]
            .member
            .members()
            .map(|entry| entry.address)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(known(&world, 1), world.members());
    assert_eq!(world.nodes[&address(1)].member.version(), world.gcks.controller().version());
    assert!(known(&world, 4).is_empty(), "who only receives is told nothing");
    world.node(4).member.query().unwrap();
    world.settle();
    world.run(100);
    assert_eq!(known(&world, 4), world.members());
    let updates = world.history.iter().filter(|(.., octets)| octets[3] == 12);
    let by_changes = updates.filter(|(.., octets)| octets[40..48] != [0; 8]).count();
    assert!(by_changes > 0, "some were told as changes");
}

#[test]
fn a_list_that_does_not_fit_changes_nothing() {
    let mut world = World::new(9, |_, _| {});
    for index in 1..=6 {
        world.join(index, if index == 1 { Roles::BOTH } else { Roles::RECEIVER });
    }
    world.run(100);
    let update = world.history.iter().filter(|(.., octets)| octets[3] == 12).map(|(.., octets)| octets.clone());
    let mut octets = update.max_by_key(Vec::len).unwrap();
    let (mut member, mut sink) = alone();
    member.join(Roles::BOTH).unwrap();
    octets[32..40].copy_from_slice(&member.incarnation().value().to_be_bytes());
    let count = octets[48];
    assert_eq!((count, &octets[40..48]), (6, &[0; 8][..]));
    assert_eq!(member.receive(NOW, controller(), &octets, &mut sink), Err(ReceiveError::TooManyMembers));
    assert_eq!((member.version(), member.members().count()), (Version::NONE, 0));
}

/// A sender that missed more changes than are kept is told the whole list, although the changes would be shorter.
#[test]
fn a_sender_that_is_far_behind_is_told_the_whole_list() {
    let mut group = Controller::<64>::new(ControllerConfig::new(GROUP, setup()), Boot::new(1), 1).unwrap();
    let take = |group: &mut Controller<64>, from: usize, body: Body<'_>| {
        let version = group.version().value();
        group.receive(address(from), &message(version, 0, 1, body), &mut Everybody).unwrap();
    };
    take(&mut group, 1, Body::Join { roles: Roles::SENDER });
    take(&mut group, 1, Body::Acknowledge(Acknowledged::Accept));
    for (joins, kept) in [(16, true), (17, false)] {
        take_update(&mut group);
        if joins == 17 {
            take(&mut group, 1, Body::Acknowledge(Acknowledged::Update));
        } else {
            for from in 2..22 {
                take(&mut group, from, Body::Join { roles: Roles::RECEIVER });
            }
            take(&mut group, 1, Body::Acknowledge(Acknowledged::Update));
        }
        for from in 0..joins {
            take(&mut group, 20 * joins + from, Body::Join { roles: Roles::RECEIVER });
        }
        let (by_changes, entries) = take_update(&mut group).unwrap();
        assert_eq!(by_changes, kept, "{joins} changes");
        assert_eq!(entries, if kept { joins } else { group.members().count() });
    }
}

struct Everybody;

impl xcast_sec::group::membership::Admission for Everybody {
    fn admit(&mut self, _: std::net::IpAddr, wanted: Roles) -> Decision {
        Decision::Admit(wanted)
    }
}

/// The last update that is sent: whether it is one by changes, and how many entries it has.
fn take_update(group: &mut Controller<64>) -> Option<(bool, usize)> {
    let mut out = [0; 4096];
    let mut last = None;
    while let Some(transmit) = group.poll_transmit(NOW, &mut out).unwrap() {
        if let Body::Update { base, changes } = Message::parse(&out[..transmit.len]).unwrap().body {
            last = Some((base != Version::NONE, changes.len()));
        }
    }
    last
}
