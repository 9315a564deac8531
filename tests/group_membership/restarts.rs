//! What is saved is restored, and nothing else is.

use xcast_sec::crypto::{CryptoProvider, IntegrityAlgorithm, RustCrypto, RustCryptoIntegrityKey};
use xcast_sec::group::membership::{
    Boot, Controller, ControllerConfig, Epoch, ExpelReason, Gcks, GroupId, KeyServer, KeyServerConfig, Member,
    MemberConfig, MemberState, OnChange, Roles, SAVED_OVERHEAD, SaveError, Saved, SavedError,
};
use xcast_sec::time::Instant;

use crate::kit::{ASSOCIATION, GROUP, Sink, address, controller, outbound, setup};
use crate::world::{Peer, World, delays};

fn key(octet: u8) -> RustCryptoIntegrityKey {
    RustCrypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, &[octet; 32]).unwrap()
}

fn saved<'a>(crypto: &'a mut RustCrypto, key: &'a RustCryptoIntegrityKey, number: u64) -> Saved<'a, RustCrypto> {
    Saved { crypto, key, number }
}

/// All three machines, in use.
struct States {
    now: Instant,
    controller: Vec<u8>,
    keys: Vec<u8>,
    member: Vec<u8>,
}

const NUMBER: u64 = 77;

type Save<'s> = dyn FnMut(Saved<'_, RustCrypto>, &mut [u8]) -> Result<usize, SaveError> + 's;

impl States {
    fn new() -> Self {
        let mut world = World::new(1, |_, _| {});
        world.join(1, Roles::BOTH);
        world.join(2, Roles::RECEIVER);
        world.run(100);
        world.gcks.keys_mut().rekey(OnChange::Rollover);
        world.settle();
        let (now, key) = (world.now, key(1));
        let mut out = vec![0; 4096];
        let mut write = |save: &mut Save<'_>| {
            let len = save(saved(&mut RustCrypto, &key, NUMBER), &mut out).unwrap();
            let written = out[..len].to_vec();
            // A buffer that is too short is told so, and nothing of the keys stays in it.
            for short in 0..len {
                let mut out = vec![0xaa; short];
                let error = save(saved(&mut RustCrypto, &key, NUMBER), &mut out).unwrap_err();
                assert!(matches!(error, SaveError::BufferTooSmall { needed } if needed > short), "{error:?}");
                assert!(out.iter().all(|octet| *octet == 0));
            }
            written
        };
        let controller = write(&mut |saved, out| world.gcks.controller_mut().save(saved, out));
        let keys = write(&mut |saved, out| world.gcks.keys_mut().save(now, saved, out));
        let node = world.nodes.get_mut(&address(1)).unwrap();
        let member = write(&mut |saved, out| node.member.save(now, saved, out));
        Self { now, controller, keys, member }
    }

    /// Whether each of the machines is restored, from the octets that each is given.
    fn restore(&self, boot: u32, group: GroupId, number: u64, mac: u8, octets: [&[u8]; 3]) -> [Option<SavedError>; 3] {
        let (boot, key) = (Boot::new(boot), key(mac));
        let config = ControllerConfig::new(group, setup());
        let keys = KeyServerConfig::new(group, delays(20_000, 22_000));
        let member = MemberConfig::new(group, controller());
        [
            Controller::<16>::restore(config, boot, 1, saved(&mut RustCrypto, &key, number), octets[0]).err(),
            KeyServer::<16, ASSOCIATION>::restore(
                keys,
                boot,
                1,
                self.now,
                saved(&mut RustCrypto, &key, number),
                octets[1],
            )
            .err(),
            Peer::restore(member, boot, 1, self.now, saved(&mut RustCrypto, &key, number), octets[2]).err(),
        ]
    }

    fn octets(&self) -> [&[u8]; 3] {
        [&self.controller, &self.keys, &self.member]
    }
}

#[test]
fn only_the_newest_state_of_the_same_machine_is_restored() {
    let states = States::new();
    let octets = states.octets();
    assert_eq!(states.restore(2, GROUP, NUMBER, 1, octets), [None; 3]);
    assert_eq!(states.restore(1, GROUP, NUMBER, 1, octets), [Some(SavedError::Boot); 3]);
    assert_eq!(states.restore(2, GROUP, NUMBER, 2, octets), [Some(SavedError::Mac); 3]);
    assert_eq!(states.restore(2, GroupId::new(1), NUMBER, 1, octets), [Some(SavedError::OtherGroup); 3]);
    let stale = Some(SavedError::Stale { number: NUMBER });
    assert_eq!(states.restore(2, GROUP, NUMBER + 1, 1, octets), [stale; 3]);
    let [controller, keys, member] = octets;
    assert_eq!(states.restore(2, GROUP, NUMBER, 1, [keys, member, controller]), [Some(SavedError::Format); 3]);
    for octets in octets {
        for len in 0..octets.len() {
            for error in states.restore(2, GROUP, NUMBER, 1, [&octets[..len]; 3]) {
                assert!(matches!(error, Some(SavedError::Format | SavedError::Mac)), "{error:?} with {len} octets");
            }
        }
        for at in 0..octets.len() {
            let mut damaged = octets.to_vec();
            damaged[at] ^= 0x10;
            for error in states.restore(2, GROUP, NUMBER, 1, [&damaged; 3]) {
                let version = matches!(error, Some(SavedError::UnsupportedVersion(_))) && at == 2;
                assert!(version || matches!(error, Some(SavedError::Format | SavedError::Mac)), "{error:?} at {at}");
            }
        }
    }
}

/// Octets in front of the state, and of its MAC.
const AROUND: (usize, usize) = (28, 16);

/// The same with other octets at places of the state, under a right MAC.
fn altered(octets: &[u8], changes: &[(usize, &[u8])]) -> Vec<u8> {
    let (front, mac) = AROUND;
    let mut octets = octets[..octets.len() - mac].to_vec();
    for (at, value) in changes {
        octets[front + at..][..value.len()].copy_from_slice(value);
    }
    let mac = RustCrypto.icv(&key(1), [&octets[..]]).unwrap();
    [&octets[..], mac.as_octets()].concat()
}

/// What contradicts itself is refused although its MAC is right: machines made of it would send what nobody can read, hold keys
/// of a stay that is over, or give a sender's number to two.
#[test]
fn a_state_that_contradicts_itself_is_not_restored() {
    let states = States::new();
    let [controller, keys, member] = states.octets();
    let zeros: &[u8] = &[0; 8];
    // A number of the start that restores it.
    let later: &[u8] = &[0, 0, 0, 2, 0, 0, 0, 1];
    let restore = |octets: [&[u8]; 3]| states.restore(2, GROUP, NUMBER, 1, octets);
    let same = [controller, keys, member].map(|octets| altered(octets, &[]));
    assert_eq!(restore(same.each_ref().map(|octets| &octets[..])), [None; 3]);

    // Version, count; then for each member whether it confirmed, and 25 octets of it.
    let left = [controller[28 + 10] | 0x10];
    for change in [(0, zeros), (0, later), (10, &left)] {
        let altered = altered(controller, &[change]);
        assert_eq!(restore([&altered, keys, member]), [Some(SavedError::Content), None, None], "{change:?}");
    }
    // Version, next sender's number, kind of rekey, count; for each member place, number, 25 octets; then count of epochs,
    // and the first.
    let left = [keys[28 + 15] | 0x10];
    let (one, nine): (&[u8], &[u8]) = (&[0, 1], &[0, 9]);
    let changes: [&[(usize, &[u8])]; 5] = [
        &[(15, &left)],
        &[(69, zeros)],
        &[(69, later)],
        &[(8, nine), (13, one), (41, one)],
        &[(8, one), (13, one), (41, &[0, 0])],
    ];
    for change in changes {
        let altered = altered(keys, change);
        assert_eq!(restore([controller, &altered, member]), [None, Some(SavedError::Content), None], "{change:?}");
    }
    let numbered = altered(keys, &[(8, nine), (13, one), (41, &[0, 2])]);
    assert_eq!(restore([controller, &numbered, member]), [None; 3]);
    // Where it stands, roles, stay, version, count; 25 octets for each member; count of servers, an address, count of epochs,
    // the first, its times, two flags, a number, what is reserved, the association's length.
    let left = [member[28 + 19] | 0x10];
    let first = member[28 + 19..][..25].to_vec();
    let (out, leaving): (&[u8], &[u8]) = (&[0], &[3]);
    for change in
        [(0, out), (0, leaving), (2, zeros), (2, later), (19, &left), (19 + 25, &first), (87, zeros), (123, &[0, 0])]
    {
        let altered = altered(member, &[change]);
        assert_eq!(restore([controller, keys, &altered]), [None, None, Some(SavedError::Content)], "{change:?}");
    }
}

#[test]
fn machines_with_less_room_are_not_overfilled() {
    let states = States::new();
    let (key, boot, now) = (key(1), Boot::new(2), states.now);
    let config = ControllerConfig::new(GROUP, setup());
    let small = Controller::<1>::restore(config, boot, 1, saved(&mut RustCrypto, &key, NUMBER), &states.controller);
    assert_eq!(small.err(), Some(SavedError::NoRoom));
    let config = KeyServerConfig::new(GROUP, delays(20_000, 22_000));
    let of = |state: &[u8]| {
        let few =
            KeyServer::<1, ASSOCIATION>::restore(config, boot, 1, now, saved(&mut RustCrypto, &key, NUMBER), state)
                .err();
        let short =
            KeyServer::<16, 23>::restore(config, boot, 1, now, saved(&mut RustCrypto, &key, NUMBER), state).err();
        [few, short]
    };
    assert_eq!(of(&states.keys), [Some(SavedError::NoRoom); 2]);
    let config = MemberConfig::new(GROUP, controller());
    let of = |state: &[u8]| {
        let few =
            Member::<1, 2, ASSOCIATION>::restore(config, boot, 1, now, saved(&mut RustCrypto, &key, NUMBER), state)
                .err();
        let none =
            Member::<16, 0, ASSOCIATION>::restore(config, boot, 1, now, saved(&mut RustCrypto, &key, NUMBER), state)
                .err();
        let short =
            Member::<16, 2, 23>::restore(config, boot, 1, now, saved(&mut RustCrypto, &key, NUMBER), state).err();
        [few, none, short]
    };
    assert_eq!(of(&states.member), [Some(SavedError::NoRoom); 3]);
}

/// As long as the documentation says at most.
#[test]
fn saved_states_have_the_lengths_that_are_documented() {
    let states = States::new();
    // The MAC here has 16 octets of the 32 there is room for.
    assert_eq!(states.controller.len(), SAVED_OVERHEAD - 16 + 9 + 2 * 26);
    let epochs = states.keys.len() - (SAVED_OVERHEAD - 16 + 13 + 2 * 28);
    assert_eq!(epochs % (92 + ASSOCIATION), 0, "{epochs}");
    let epochs = states.member.len() - (SAVED_OVERHEAD - 16 + 20 + 2 * 25 + 17);
    assert_eq!(epochs % (38 + ASSOCIATION), 0, "{epochs}");
}

#[test]
fn a_restored_controller_has_its_members_and_higher_numbers() {
    let mut world = World::new(1, |_, _| {});
    world.join(1, Roles::BOTH);
    world.join(2, Roles::RECEIVER);
    world.run(100);
    let (members, version) = (world.members(), world.gcks.controller().version());
    let sending = world.gcks.keys().sending(world.now).unwrap();
    world.restart();
    assert_eq!((world.members(), world.gcks.controller().version()), (members, version));
    assert_eq!(world.gcks.keys().sending(world.now), Some(sending), "it sends on");
    world.send_packet().unwrap();
    assert!(world.nodes[&address(2)].opens(&world.sent[0]));
    world.join(3, Roles::RECEIVER);
    world.run(100);
    assert!(world.gcks.controller().version() > version);
    let next = *world.source.made.last().unwrap();
    assert!(next > sending && next.value() >> 32 == 2, "{next:?}");
    let known: std::collections::BTreeSet<_> = world.node(1).member.members().map(|entry| entry.address).collect();
    assert_eq!(known, world.members());
}

/// What was about to be activated may have been, by the clocks of others.
#[test]
fn a_restored_key_server_does_not_send_under_what_may_be_over() {
    let mut world = World::new(1, |_, _| {});
    world.join(1, Roles::RECEIVER);
    world.run(100);
    let old = world.gcks.keys().sending(world.now).unwrap();
    world.weather.loss = 100;
    world.gcks.keys_mut().rekey(OnChange::Rollover);
    world.settle();
    assert_eq!(world.gcks.keys().sending(world.now), Some(old));
    world.restart();
    assert_eq!(world.gcks.keys().sending(world.now), None);
    // Who comes in now is not given what may have been sent under.
    world.weather.loss = 0;
    let pending = *world.source.made.last().unwrap();
    world.join(2, Roles::RECEIVER);
    world.run(2_000);
    assert!(world.gcks.keys().sending(world.now) > Some(pending));
    assert!(!world.node(2).sink.seen.contains_key(&(controller(), pending)));
}

#[test]
fn a_restored_sender_uses_no_number_twice() {
    let mut world = World::new(1, |_, _| {});
    world.join(1, Roles::RECEIVER);
    world.run(100);
    // `send_packet` reserves five at a time, and sees to it that none is used twice.
    for round in 0..20 {
        for _ in 0..round % 7 {
            world.send_packet().unwrap();
        }
        world.restart();
    }
    assert!(world.sent.iter().all(|packet| world.nodes[&address(1)].opens(packet)));
    assert!(!world.gcks.keys_mut().record_reserved(Epoch::new(1), 5));
}

#[test]
fn a_restored_member_goes_on_where_it_was() {
    let mut world = World::new(1, |_, keys| keys.key_use = xcast_sec::group::membership::KeyUse::Shared);
    world.join(1, Roles::BOTH);
    world.join(2, Roles::RECEIVER);
    world.run(100);
    let now = world.now;
    let sending = world.node(1).member.sending(controller(), now).unwrap();
    assert!(world.node(1).member.record_reserved(controller(), sending.epoch, 500));
    assert!(world.node(1).member.record_reserved(controller(), sending.epoch, 400), "it does not go back");
    assert!(!world.node(1).member.record_reserved(address(9), sending.epoch, 500));
    world.settle();
    let before = (world.node(1).member.incarnation(), world.node(1).member.version());
    world.restart_member(1);
    let member = &world.nodes[&address(1)].member;
    assert_eq!((member.state(), member.roles()), (MemberState::In, Roles::BOTH));
    assert_eq!((member.incarnation(), member.version()), before);
    assert_eq!(member.sending(controller(), now), Some(sending));
    assert_eq!(member.reserved(controller(), sending.epoch), Some(500));
    assert_eq!(member.members().count(), 2);
    let association = member.offer(controller(), sending.epoch).unwrap().association;
    let mut sender = outbound(association, address(1), 500, now);
    sender.reserve(1).commit();
    assert_eq!(crate::kit::seal(&mut sender, address(1), now, b"x").0, 501);
    // It leaves and comes back under a higher number than any before.
    let stay = world.node(1).member.incarnation();
    world.leave(1);
    world.run(100);
    world.join(1, Roles::BOTH);
    assert!(world.node(1).member.incarnation() > stay);
    // One that was joining or leaving asks on.
    world.restart_member(1);
    assert_eq!(world.node(1).member.state(), MemberState::Joining);
    world.run(1_000);
    assert_eq!(world.node(1).member.state(), MemberState::In);
    world.leave(1);
    world.restart_member(1);
    world.run(1_000);
    assert_eq!(world.node(1).member.state(), MemberState::Out);
    assert!(!world.members().contains(&address(1)));
    let mut sink = Sink::default();
    assert!(world.node(1).member.leave(&mut sink).is_err());
}

/// Controller and key server are saved one after the other: whichever is older, they agree once they are together again.
#[test]
fn states_that_were_saved_apart_come_together() {
    let expelled = |keys_too: bool| {
        let mut world = World::new(1, |_, _| {});
        world.join(1, Roles::RECEIVER);
        world.join(2, Roles::RECEIVER);
        world.run(100);
        let (now, key) = (world.now, key(1));
        let mut out = vec![0; 4096];
        let mut save = |world: &mut World, number, keys_too| {
            let len = world.gcks.controller_mut().save(saved(&mut RustCrypto, &key, number), &mut out).unwrap();
            let controller = out[..len].to_vec();
            let len = world.gcks.keys_mut().save(now, saved(&mut RustCrypto, &key, number), &mut out).unwrap();
            let keys = out[..len].to_vec();
            if keys_too { (controller, keys) } else { (keys, controller) }
        };
        let (kept, _) = save(&mut world, 1, keys_too);
        assert!(world.gcks.expel(now, address(2), ExpelReason::Decision));
        let (_, newer) = save(&mut world, 1, keys_too);
        let (controller_state, keys_state) = if keys_too { (kept, newer) } else { (newer, kept) };
        let boot = Boot::new(2);
        let config = ControllerConfig::new(GROUP, setup());
        let controller =
            Controller::<16>::restore(config, boot, 1, saved(&mut RustCrypto, &key, 1), &controller_state).unwrap();
        let config = KeyServerConfig::new(GROUP, delays(20_000, 22_000));
        let keys = KeyServer::restore(config, boot, 1, now, saved(&mut RustCrypto, &key, 1), &keys_state).unwrap();
        let gcks = Gcks::<16, ASSOCIATION>::new(controller, keys, now).unwrap();
        let members: Vec<_> = gcks.controller().members().collect();
        let mut of_keys: Vec<_> = gcks.keys().members().collect();
        of_keys.sort_by_key(|entry| entry.address);
        assert_eq!(members, of_keys);
        (members.len(), gcks.keys().sending(now).is_some())
    };
    // The controller is the older one: the member is back, and gets keys that are made for it.
    assert_eq!(expelled(true), (2, false));
    // The key server is: it learns of the expulsion, and what the member has is not used any more.
    assert_eq!(expelled(false), (1, false));
}

#[test]
fn a_restored_key_server_gives_no_sender_number_twice() {
    let mut world = World::new(1, |_, keys| {
        keys.key_use = xcast_sec::group::membership::KeyUse::Shared;
        keys.rekey.on_join = OnChange::Keep;
    });
    world.join(1, Roles::BOTH);
    world.run(100);
    world.restart();
    world.join(2, Roles::BOTH);
    world.run(100);
    let now = world.now;
    let of = |index: usize| world.nodes[&address(index)].member.sending(controller(), now).unwrap();
    assert_eq!(of(1).epoch, of(2).epoch, "under one key");
    assert_ne!(of(1).sender, of(2).sender);
}
