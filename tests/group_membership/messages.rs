//! The codec, and what damaged messages do: nothing.

use xcast_sec::group::membership::message::{Acknowledged, Body, BufferTooSmall, Message, Push};
use xcast_sec::group::membership::{
    Boot, Controller, ControllerConfig, Epoch, ExpelReason, GroupId, InvitedOnly, KeyServer, KeyServerConfig,
    MAX_LIST_MESSAGE_LEN, MESSAGE_HEADER_LEN, Member, MemberConfig, MessageError, PUSH_OVERHEAD, ReceiveError,
    RefuseReason, RejectReason, Roles,
};
use xcast_sec::time::Instant;

use crate::kit::{ASSOCIATION, GROUP, Sink, address, controller, message, setup};
use crate::world::{World, delays};

const PUSH: Push<'static> =
    Push { activate_in: 1, deactivate_in: 0x0203_0405, cut: true, sender: Some(0x0607), association: b"keys" };

/// One of each type without a list, with its length.
fn plain() -> Vec<(Body<'static>, usize)> {
    let mut all = vec![
        (Body::Join { roles: Roles::BOTH }, 44),
        (Body::Invite, 40),
        (Body::Accept { roles: Roles::SENDER }, 44),
        (Body::Refuse(RefuseReason::Full), 44),
        (Body::Push(PUSH), PUSH_OVERHEAD + 4),
        (Body::Push(Push { cut: false, sender: None, ..PUSH }), PUSH_OVERHEAD + 4),
        (Body::Activate, 40),
        (Body::Reject(RejectReason::SpiInUse), 44),
        (Body::Delete, 40),
        (Body::Leave, 40),
        (Body::Expelled(ExpelReason::Decision), 44),
        (Body::Query, 40),
    ];
    all.extend(
        [
            Acknowledged::Accept,
            Acknowledged::Push,
            Acknowledged::Activate,
            Acknowledged::Delete,
            Acknowledged::Leave,
            Acknowledged::Expelled,
            Acknowledged::Update,
        ]
        .map(|what| (Body::Acknowledge(what), 44)),
    );
    all
}

/// What a storm, calm, puts on the network: all types, lists among them.
fn traffic() -> Vec<Vec<u8>> {
    let mut world = World::new(3, |config, keys| {
        config.query = xcast_sec::group::membership::QueryPolicy::Members;
        keys.key_use = xcast_sec::group::membership::KeyUse::Shared;
    });
    world.join(1, Roles::BOTH);
    world.run(50);
    world.gcks.controller_mut().invite(address(2)).unwrap();
    world.gcks.controller_mut().invite(address(4)).unwrap();
    world.settle();
    world.run(50);
    world.join(2, Roles::BOTH);
    world.node(4).member.decline().unwrap();
    world.run(50);
    world.join(3, Roles::RECEIVER);
    world.run(50);
    world.node(3).member.query().unwrap();
    world.settle();
    world.run(50);
    world.node(1).sink.reject = Some(RejectReason::BelowFloor);
    world.leave(2);
    world.run(50);
    let now = world.now;
    world.gcks.expel(now, address(3), ExpelReason::Decision);
    world.run(50);
    let mut all: Vec<_> = world.history.into_iter().map(|(_, _, octets)| octets).collect();
    all.sort();
    all.dedup();
    let kinds: std::collections::BTreeSet<_> = all.iter().map(|octets| octets[3]).collect();
    assert_eq!(kinds.len(), 14, "of each type one: {kinds:?}");
    all
}

#[test]
fn every_message_comes_back_as_it_was() {
    for (body, len) in plain() {
        let octets = message(0x11, 0x22, 0x33, body);
        assert_eq!(octets.len(), len, "{body:?}");
        let read = Message::parse(&octets).unwrap();
        assert_eq!(format!("{:?}", read.body), format!("{body:?}"));
        if let (Body::Push(read), Body::Push(written)) = (read.body, body) {
            assert_eq!(read, written);
        }
        assert_eq!((read.header.version.value(), read.header.incarnation.value()), (0x11, 0x33));
        assert_eq!((read.header.group, read.header.epoch), (GROUP, Epoch::new(0x22)));
        assert!(octets.starts_with(b"XM\x01"));
    }
    for octets in traffic() {
        let read = Message::parse(&octets).unwrap();
        let mut out = vec![0; octets.len()];
        assert_eq!(read.emit(&mut out), Ok(octets.len()));
        assert_eq!(out, octets);
        for short in 0..octets.len() {
            let mut out = vec![0xaa; short];
            assert_eq!(read.emit(&mut out), Err(too_small(&read)), "{short}");
        }
    }
}

fn too_small(message: &Message<'_>) -> BufferTooSmall {
    let mut out = [0; 4096];
    let needed = message.emit(&mut out).unwrap();
    let error = message.emit(&mut out[..needed - 1]).unwrap_err();
    assert_eq!(error.needed, needed);
    error
}

/// The push in octets, as the format says.
#[test]
fn the_format_is_what_it_says() {
    let octets = message(0x1112_1314_1516_1718, 0x2122_2324_2526_2728, 0x3132_3334_3536_3738, Body::Push(PUSH));
    let mut expected = b"XM\x01\x05\0\x14\0\0group\0\0\x01".to_vec();
    for first in [0x11, 0x21, 0x31] {
        expected.extend((0..8).map(|more| first + more));
    }
    expected.extend([0, 0, 0, 1, 2, 3, 4, 5, 3, 0, 6, 7, 0, 4, 0, 0]);
    expected.extend(b"keys");
    assert_eq!(octets, expected);
}

/// Changes `octets` at places and says what must come of it.
#[test]
fn each_error_has_its_cause() {
    use MessageError as E;
    let change = |body: Body<'_>, at: usize, to: &[u8]| {
        let mut octets = message(5, 6, 7, body);
        octets[at..at + to.len()].copy_from_slice(to);
        Message::parse(&octets).map(|_| ()).unwrap_err()
    };
    let push = Body::Push(PUSH);
    assert_eq!(Message::parse(&[]).unwrap_err(), E::TooShort { actual: 0 });
    assert_eq!(change(Body::Leave, 0, b"Y"), E::Magic);
    assert_eq!(change(Body::Leave, 2, &[2]), E::UnsupportedVersion(2));
    for unknown in [0, 15, 255] {
        assert_eq!(change(Body::Leave, 3, &[unknown]), E::UnknownType(unknown));
    }
    assert_eq!(change(Body::Leave, 5, &[1]), E::Length { stated: 1, actual: 0 });
    assert_eq!(change(Body::Leave, 7, &[1]), E::Reserved);
    assert_eq!(change(Body::Leave, 39, &[0]), E::MissingNumber);
    assert_eq!(change(Body::Delete, 31, &[0]), E::MissingNumber);
    assert_eq!(change(Body::Leave, 3, &[1]), E::BodyLength { actual: 0 });
    assert_eq!(change(Body::Refuse(RefuseReason::Full), 3, &[10]), E::BodyLength { actual: 4 });
    assert_eq!(change(Body::Refuse(RefuseReason::Full), 43, &[1]), E::Reserved);
    for roles in [0, 4, 255] {
        assert_eq!(change(Body::Join { roles: Roles::BOTH }, 40, &[roles]), E::Roles);
    }
    for kind in [0, 1, 2, 4, 7, 8, 13, 14, 255] {
        assert_eq!(change(Body::Acknowledge(Acknowledged::Leave), 40, &[kind]), E::Acknowledged(kind));
    }
    assert_eq!(change(push, 48, &[4]), E::Flags);
    assert_eq!(change(push, 48, &[1]), E::Flags, "a number, and may not send");
    assert_eq!(change(push, 40, &[0xff]), E::Times);
    assert_eq!(change(push, 53, &[0]), E::NoAssociation);
    assert_eq!(change(push, 53, &[5]), E::BodyLength { actual: 20 });
    assert_eq!(change(push, 53, &[3]), E::BodyLength { actual: 20 });
    assert!(!format!("{:?}", Message::parse(&message(1, 1, 1, push)).unwrap()).contains("107"), "no key is shown");
}

/// Lists are read strictly.
#[test]
fn wrong_lists_are_refused() {
    let entry = |roles: u8, stay: u8, last: u8| {
        [&[roles | 4, 0, 0, 0, 0, 0, 0, 0, stay, 0x20, 1, 0xd, 0xb8], &[0; 11][..], &[last]].concat()
    };
    let list = |kind: u8, base: u8, version: u64, entries: &[Vec<u8>]| {
        let mut octets = message(version, 0, 9, Body::Leave);
        octets[3] = kind;
        if kind == 12 {
            octets.extend([0, 0, 0, 0, 0, 0, 0, base]);
        }
        octets.extend([u8::try_from(entries.len()).unwrap(), 0, 0, 0]);
        octets.extend(entries.concat());
        let len = u16::try_from(octets.len() - MESSAGE_HEADER_LEN).unwrap();
        octets[4..6].copy_from_slice(&len.to_be_bytes());
        Message::parse(&octets).map(|_| octets.len())
    };
    let wrong = |index| Err(MessageError::Entry { index });
    let two = [entry(1, 1, 1), entry(2, 1, 2)];
    assert_eq!(list(14, 0, 1, &two), Ok(44 + 50));
    assert_eq!(list(12, 0, 1, &two), Ok(52 + 50));
    assert_eq!(list(14, 0, 1, &[]), Ok(44));
    assert_eq!(list(12, 5, 5, &two), Err(MessageError::MissingNumber), "no version after its base");
    assert_eq!(list(14, 0, 1, &[entry(1, 1, 1), entry(2, 2, 1)]), wrong(1), "one member twice");
    assert_eq!(list(12, 1, 2, &[entry(0x11, 1, 1), entry(1, 2, 1)]), Ok(52 + 50), "it left and came back");
    assert_eq!(list(12, 1, 2, &[entry(1, 1, 1), entry(1, 1, 1)]), wrong(1));
    assert_eq!(list(14, 0, 1, &[entry(0x11, 1, 1)]), wrong(0), "who left is in no list of members");
    assert_eq!(list(12, 0, 1, &[entry(0x21, 1, 1)]), wrong(0));
    for flags in [0, 0x08, 0x31, 0x41, 0x81] {
        assert_eq!(list(12, 1, 2, &[entry(flags, 1, 1)]), wrong(0), "{flags:#x}");
    }
    assert_eq!(list(14, 0, 1, &[entry(1, 0, 1)]), wrong(0), "no incarnation");
    assert_eq!(list(14, 0, 1, &[[entry(1, 1, 1), vec![0]].concat()]), wrong(1), "an octet too many");
    assert_eq!(list(14, 0, 1, &[entry(1, 1, 1)[..24].to_vec()]), wrong(0), "an octet too few");
    let mut multicast = entry(1, 1, 1);
    multicast[9] = 0xff;
    assert_eq!(list(14, 0, 1, &[multicast]), wrong(0));
    assert_eq!(
        list(14, 0, 1, &[[vec![5, 0, 0, 0, 0, 0, 0, 0, 1], vec![0; 10], vec![0xff; 2], vec![9; 4]].concat()]),
        wrong(0)
    );
    let full: Vec<_> = (0..127).map(|last| entry(1, 1, last)).collect();
    assert_eq!(list(12, 0, 1, &full), Ok(MAX_LIST_MESSAGE_LEN));
    assert_eq!(list(12, 0, 1, &(0..128).map(|last| entry(1, 1, last)).collect::<Vec<_>>()), wrong(127));
}

/// All three machines take a message, or refuse it and stay as they were.
struct Machines {
    controller: Controller<4>,
    keys: KeyServer<4, ASSOCIATION>,
    member: Member<4, 1, ASSOCIATION>,
    sink: Sink,
}

impl Machines {
    fn new() -> Self {
        let boot = Boot::new(1);
        let keys = KeyServerConfig::new(GROUP, delays(1_000, 2_000));
        let mut member = Member::new(MemberConfig::new(GROUP, controller()), boot, 1);
        member.allow_server(controller()).unwrap();
        member.join(Roles::BOTH).unwrap();
        Self {
            controller: Controller::new(ControllerConfig::new(GROUP, setup()), boot, 1).unwrap(),
            keys: KeyServer::new(keys, boot, 1),
            member,
            sink: Sink::default(),
        }
    }

    fn receive(&mut self, octets: &[u8]) -> [Result<(), ReceiveError>; 3] {
        let now = Instant::from_secs(5);
        let before = self.shown();
        let results = [
            self.controller.receive(address(1), octets, &mut InvitedOnly),
            self.keys.receive(now, address(1), octets),
            self.member.receive(now, controller(), octets, &mut self.sink),
        ];
        let after = self.shown();
        for (index, result) in results.iter().enumerate() {
            // What is stale may be answered.
            if result.is_err_and(|error| error != ReceiveError::Stale) {
                assert_eq!(before[index], after[index], "{result:?}");
            }
        }
        results
    }

    fn shown(&self) -> [String; 3] {
        [format!("{:?}", self.controller), format!("{:?}", self.keys), format!("{:?} {:?}", self.member, self.sink)]
    }
}

#[test]
fn damaged_messages_change_nothing() {
    let mut machines = Machines::new();
    let (mut refused, mut taken) = (0, 0);
    for octets in traffic() {
        for len in 0..octets.len() {
            for result in machines.receive(&octets[..len]) {
                assert!(matches!(result, Err(ReceiveError::Message(_))), "{result:?} with {len} octets");
            }
        }
        let longer = [&octets[..], &[0]].concat();
        assert!(machines.receive(&longer).iter().all(|result| matches!(result, Err(ReceiveError::Message(_)))));
        for at in 0..octets.len() {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = octets.clone();
                damaged[at] ^= flip;
                for result in machines.receive(&damaged) {
                    if result.is_err() { refused += 1 } else { taken += 1 }
                }
            }
        }
    }
    println!("{refused} refused, {taken} taken");
    assert!(refused > 10_000 && taken < refused / 10);
}

#[test]
fn messages_of_other_groups_and_for_others_are_refused() {
    let mut machines = Machines::new();
    let mut octets = message(1, 1, 1, Body::Leave);
    assert_eq!(machines.receive(&octets)[1..], [Err(ReceiveError::Unexpected); 2]);
    octets[8] ^= 1;
    assert_eq!(machines.receive(&octets), [Err(ReceiveError::OtherGroup); 3]);
    let config = MemberConfig::new(GroupId::new(1), controller());
    let mut other = Member::<4, 1, ASSOCIATION>::new(config, Boot::new(1), 1);
    let push = message(1, 1, 1, Body::Push(PUSH));
    let mut sink = Sink::default();
    assert_eq!(other.receive(Instant::START, controller(), &push, &mut sink), Err(ReceiveError::OtherGroup));
    let Machines { member, sink, .. } = &mut machines;
    let stay = member.incarnation().value();
    for body in [Body::Push(PUSH), Body::Delete, Body::Activate, Body::Invite, Body::Expelled(ExpelReason::Decision)] {
        let octets = message(1, 1, stay, body);
        let from_a_member = member.receive(Instant::START, address(3), &octets, sink);
        assert_eq!(from_a_member, Err(ReceiveError::NotAuthorised), "{body:?}");
    }
}
