//! Machines of `group::membership` that are saved, and restored from what was saved or from something near it: what was not
//! touched comes back and is saved the same again; what was touched is refused or makes machines that keep all their promises.
//! Shared by the fuzz target and the test that replays its corpus. Its user includes `gullible.rs`, `input.rs` and
//! `membership_message.rs` beside it.

use xcast_sec::crypto::{CryptoProvider, IntegrityAlgorithm};
use xcast_sec::group::membership::{
    Boot, Controller, Entry, Gcks, KeyServer, KeySink, Member, MemberConfig, Saved, SavedError,
};

use super::gullible::Gullible;
use super::input::Input;
use super::membership_message::{GROUP, Machines, OWN, configs};

/// Octets in front of the state.
const HEADER_LEN: usize = 28;
/// Where its length stands.
const LEN_AT: usize = 4;

/// Checks what the octets make happen, before the restart, in what is saved, and after it. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let (choice, steps) = (input.octet(), input.octet() & 7);
    let edits = input.octet();
    let Some(mut machines) = Machines::new(choice) else { return };
    let mut rest = input.rest();
    for _ in 0..steps {
        let Some(more) = machines.step(rest) else { break };
        rest = more;
    }
    let mut input = Input::new(rest);
    let whole = save(&mut machines, 1);
    let mut saved = whole.clone();
    for _ in 0..edits & 7 {
        edit(&mut saved[usize::from(edits >> 3) % 3], &mut input);
    }
    let Some(mut machines) = restore(choice, &mut machines, &saved, &whole) else { return };
    let mut rest = input.rest();
    machines.host(0xf0);
    machines.check();
    while let Some(more) = machines.step(rest) {
        rest = more;
    }
}

/// The octets of controller, key server and member.
fn save(machines: &mut Machines, number: u64) -> [Vec<u8>; 3] {
    let key = Gullible.integrity_key(IntegrityAlgorithm::HmacSha1_96, &[]).expect("any key fits");
    let mut buffers = [[0; 2048]; 3];
    let saved = |crypto| Saved { crypto, key: &key, number };
    let now = machines.now;
    let lens = [
        machines.gcks.controller_mut().save(saved(&mut Gullible), &mut buffers[0]),
        machines.gcks.keys_mut().save(now, saved(&mut Gullible), &mut buffers[1]),
        machines.member.save(now, saved(&mut Gullible), &mut buffers[2]),
    ];
    let mut buffers = buffers.iter();
    lens.map(|len| buffers.next().expect("three")[..len.expect("there is room")].to_vec())
}

/// Changes, takes out or puts in an octet of the state, and mends its length.
fn edit(saved: &mut Vec<u8>, input: &mut Input<'_>) {
    let [kind, at, by] = [input.octet(), input.octet(), input.octet()];
    // The MAC is taken whatever it is.
    let state = HEADER_LEN..saved.len() - 12;
    let at = HEADER_LEN + usize::from(at) % (state.len() + 1);
    match kind & 3 {
        0 | 1 if at < state.end => saved[at] ^= by,
        2 if at < state.end => drop(saved.remove(at)),
        3 => saved.insert(at, by),
        _ => {}
    }
    let len = u32::try_from(saved.len() - HEADER_LEN - 12).expect("short");
    saved[LEN_AT..LEN_AT + 4].copy_from_slice(&len.to_be_bytes());
}

fn restore(choice: u8, before: &mut Machines, saved: &[Vec<u8>; 3], whole: &[Vec<u8>; 3]) -> Option<Machines> {
    let first = restored(choice, before, saved, Boot::new(2), 1);
    let mut machines = match first {
        Ok(machines) => machines,
        Err(error) => {
            assert!(saved != whole && !error.to_string().is_empty(), "{error}");
            assert!(matches!(error, SavedError::Content | SavedError::NoRoom), "{error}");
            return None;
        }
    };
    // Made of what comes from one save, they are of one mind.
    let again = save(&mut machines, 1);
    let state = |saved: &[u8]| saved[HEADER_LEN..].to_vec();
    if saved == whole {
        assert_eq!(state(&again[0]), state(&whole[0]), "controller");
        assert_eq!(state(&again[2]), state(&whole[2]), "member");
    }
    // Once restored, nothing more changes: the key server did cut what was about to be activated.
    let mut third = restored(choice, &machines, &again, Boot::new(3), 1).expect("it was saved by restored machines");
    let last = save(&mut third, 1);
    for (one, other) in last.iter().zip(&again) {
        assert_eq!(state(one), state(other));
    }
    Some(machines)
}

fn restored(
    choice: u8,
    before: &Machines,
    saved: &[Vec<u8>; 3],
    boot: Boot,
    number: u64,
) -> Result<Machines, SavedError> {
    let key = Gullible.integrity_key(IntegrityAlgorithm::HmacSha1_96, &[]).expect("any key fits");
    let now = before.now;
    let (controller_config, keys_config) = configs(choice).expect("they were made before");
    let with = |crypto| Saved { crypto, key: &key, number };
    let mut crypto = [Gullible, Gullible, Gullible];
    let [first, second, third] = &mut crypto;
    let controller = Controller::restore(controller_config, boot, 1, with(first), &saved[0])?;
    let keys = KeyServer::restore(keys_config, boot, 1, now, with(second), &saved[1])?;
    let member = Member::restore(MemberConfig::new(GROUP, OWN), boot, 1, now, with(third), &saved[2])?;
    let gcks = Gcks::new(controller, keys, now).map_err(|_| SavedError::Content)?;
    // Two that name one membership, and mean two, are the host's to keep apart.
    let of_keys: Vec<Entry> = gcks.keys().members().collect();
    let agree = gcks.controller().members().all(|entry| of_keys.contains(&entry));
    if !agree || gcks.controller().members().count() != of_keys.len() {
        return Err(SavedError::Content);
    }
    let mut machines = Machines::of(gcks, member, now);
    // The host installs what is held.
    for (server, epoch) in machines.member.receiving(now).collect::<Vec<_>>() {
        let offer = machines.member.offer(server, epoch).expect("it is held");
        if machines.sink.install(offer).is_err() {
            machines.sink.0.push((server, epoch));
        }
    }
    Ok(machines)
}
