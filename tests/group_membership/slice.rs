//! From the first join to an expulsion: what a group goes through.

use xcast_sec::group::membership::{
    ControllerEvent, ExpelReason, GcksEvent, KeyServerEvent, MemberEvent, MemberState, Roles,
};

use crate::kit::{address, controller};
use crate::world::World;

#[test]
fn join_push_acknowledge_send_expel_rekey() {
    let mut world = World::new(1, |_, _| {});
    assert!(world.send_packet().is_none(), "there are no keys yet");
    world.join(1, Roles::RECEIVER);
    world.join(2, Roles::RECEIVER);
    world.run(100);

    // Both are in and have the one epoch, which was activated when both had acknowledged.
    for index in [1, 2] {
        let node = world.node(index);
        assert_eq!(node.member.state(), MemberState::In);
        assert!(node.events.contains(&MemberEvent::Accepted(Roles::RECEIVER)));
        assert_eq!(node.sink.held.len(), 1);
    }
    let first = world.gcks.keys().sending(world.now).expect("activated");
    assert!(world.events.contains(&GcksEvent::Keys(KeyServerEvent::Activated(first))));
    world.send_packet().unwrap();
    assert!(world.nodes[&address(1)].opens(&world.sent[0]) && world.nodes[&address(2)].opens(&world.sent[0]));
    assert!(!world.nodes[&address(3)].opens(&world.sent[0]));

    // Nothing is sent from the expulsion on, until the other one has the new keys.
    let now = world.now;
    assert!(world.gcks.expel(now, address(2), ExpelReason::Decision));
    assert!(world.send_packet().is_none());
    world.settle();
    assert!(world.send_packet().is_none());
    world.run(100);
    let second = world.gcks.keys().sending(world.now).expect("activated");
    assert!(second > first);
    world.send_packet().unwrap();
    let (one, two) = (&world.nodes[&address(1)], &world.nodes[&address(2)]);
    assert!(one.opens(&world.sent[1]) && !two.could_open(&world.sent[1]));
    assert_eq!((two.member.state(), two.sink.held.len()), (MemberState::Out, 0));
    assert!(two.events.contains(&MemberEvent::Expelled(ExpelReason::Decision)));
    let expelled = |event: &GcksEvent| matches!(event, GcksEvent::Controller(ControllerEvent::Expelled(entry, _)) if entry.address == address(2));
    assert_eq!(world.events.iter().filter(|event| expelled(event)).count(), 1);

    // The old epoch ends at the DTD, everywhere.
    assert_eq!(world.nodes[&address(1)].sink.held.len(), 2);
    world.run(22_000);
    assert_eq!(world.nodes[&address(1)].sink.held.keys().collect::<Vec<_>>(), [&(controller(), second)]);
    assert_eq!(world.gcks.keys().receiving(world.now).collect::<Vec<_>>(), [second]);
    assert_eq!(world.gcks.next_timeout(world.now), None, "nothing is waited for");
}
