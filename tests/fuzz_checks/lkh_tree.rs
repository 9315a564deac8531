//! A tree of `group::lkh` that members join and leave, and whose messages are lost, repeated, reordered and damaged on the way to each
//! of them, beside a model of who has which key: who had all messages has what the controller sent, who left has nothing more, whatever
//! it is handed, and a message is taken whole or not at all. Shared by the fuzz target and the test that replays its corpus. Its user
//! includes `input.rs`, `toy.rs`, `models/key_tree.rs` and `common/failed.rs` beside it.

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{AeadAlgorithm, CryptoError};
use xcast_sec::group::lkh::{Controller, ControllerError, HEADER_LEN, Member, Seat, Suite};

use super::failed::Failed;
use super::input::Input;
use super::key_tree_model::{Entry, Holder, Message, Tree};
use super::toy::Toy;

/// No input goes on for longer.
const STEPS: usize = 64;
const KEY_LEN: usize = 20;
/// Octets of an entry: child and version, key, tag.
const ENTRY_LEN: usize = 5 + KEY_LEN + 16;

/// No two keys are the same. It fails, once, when told to.
struct Counting {
    number: u64,
    fails_in: Option<usize>,
}

impl TryRng for Counting {
    type Error = Failed;

    fn try_next_u32(&mut self) -> Result<u32, Failed> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Failed> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Failed> {
        if let Some(left) = self.fails_in {
            self.fails_in = left.checked_sub(1);
            if left == 0 {
                return Err(Failed);
            }
        }
        self.number += 1;
        octets.fill(0xa5);
        octets.iter_mut().zip(self.number.to_be_bytes()).for_each(|(octet, number)| *octet = number);
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

/// Somebody who joined, and may have left.
struct Stay {
    member: Member,
    seat: Seat,
    model: Holder,
    /// The epoch in which it left.
    left: Option<u32>,
    /// Whether it has had all messages since it joined.
    complete: bool,
}

struct World<const LEAVES: usize> {
    controller: Controller<LEAVES>,
    tree: Tree,
    crypto: Toy,
    rng: Counting,
    stays: Vec<Stay>,
    sent: Vec<(Vec<u8>, Message)>,
}

/// Checks what the octets make happen. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    match input.octet() & 3 {
        0 => World::<2>::play(&mut input),
        1 => World::<4>::play(&mut input),
        2 => World::<8>::play(&mut input),
        _ => World::<16>::play(&mut input),
    }
}

fn suite() -> Suite {
    Suite::new(AeadAlgorithm::AesGcm16, KEY_LEN).expect("20 octets")
}

/// What goes out with a message.
fn payload(epoch: u32) -> Vec<u8> {
    vec![epoch as u8; 1 + epoch as usize % 5]
}

impl<const LEAVES: usize> World<LEAVES> {
    fn play(input: &mut Input<'_>) {
        let mut world = Self {
            controller: Controller::new(suite()),
            tree: Tree::new(LEAVES),
            crypto: Toy::default(),
            rng: Counting { number: 0, fails_in: None },
            stays: Vec::new(),
            sent: Vec::new(),
        };
        for _ in 0..STEPS {
            if input.is_empty() {
                break;
            }
            match input.octet() & 15 {
                0..=3 => world.join(),
                4..=6 => world.leave(input),
                7 => world.join_in_vain(),
                8 => world.fail(input),
                9 | 10 => world.deliver(input),
                11 | 12 => world.damage(input),
                _ => world.rekey(input),
            }
            let (controller, tree) = (&world.controller, &world.tree);
            assert_eq!((controller.len(), controller.is_empty()), (tree.len(), tree.len() == 0));
            assert_eq!((controller.epoch(), controller.is_pending()), (tree.epoch, tree.is_pending()));
        }
    }

    fn join(&mut self) {
        let mut key = [0xee; KEY_LEN];
        key[..2].copy_from_slice(&(self.stays.len() as u16).to_be_bytes());
        match (self.controller.join(&key), self.tree.join()) {
            (Ok(seat), Some((leaf, model))) => {
                let depth = LEAVES.trailing_zeros() as u8;
                assert_eq!(seat, Seat { leaf: leaf as u8, version: self.tree.epoch, depth });
                let member = Member::new(suite(), seat, &key).expect("there is such a seat");
                self.stays.push(Stay { member, seat, model, left: None, complete: true });
            }
            (Err(error), None) => assert_eq!(error, ControllerError::Full),
            (result, expected) => panic!("{result:?}, expected {expected:?}"),
        }
    }

    fn join_in_vain(&mut self) {
        assert_eq!(self.controller.join(&[0; KEY_LEN - 1]), Err(ControllerError::KeyLength));
    }

    /// Any leaf, mostly one that somebody is on.
    fn leave(&mut self, input: &mut Input<'_>) {
        let leaf = input.octet() % (LEAVES as u8 + 1);
        let left = self.controller.leave(leaf);
        assert_eq!(left, if self.tree.leave(leaf.into()) { Ok(()) } else { Err(ControllerError::NoMember) });
        for stay in self.stays.iter_mut().filter(|stay| stay.seat.leaf == leaf && stay.left.is_none()) {
            stay.left = Some(self.tree.epoch);
        }
    }

    /// The controller changes the keys. Members have it at once, but for those whose bit is set.
    fn rekey(&mut self, input: &mut Input<'_>) {
        let lost = input.octet();
        let payload = payload(self.tree.epoch + 1);
        let len = HEADER_LEN + self.tree.entries() * ENTRY_LEN + payload.len() + 16;
        assert_eq!(self.controller.message_len(payload.len()), len);
        let mut buffer = vec![0x5a; len];
        if self.tree.len() > 0 {
            let short = self.controller.rekey(&mut self.crypto, &mut self.rng, &payload, &mut buffer[1..]);
            assert_eq!(short, Err(ControllerError::TooLong));
        }
        match self.controller.rekey(&mut self.crypto, &mut self.rng, &payload, &mut buffer) {
            Ok(written) => assert_eq!(written, len),
            Err(error) => {
                assert!(error == ControllerError::Empty && self.tree.len() == 0);
                return;
            }
        }
        let message = self.tree.rekey();
        let entries = buffer[HEADER_LEN..].chunks_exact(ENTRY_LEN).take(message.entries.len());
        let read =
            entries.map(|entry| (usize::from(entry[0]), u32::from_be_bytes([entry[1], entry[2], entry[3], entry[4]])));
        assert!(read.eq(message.entries.iter().map(|entry| (entry.child, entry.version))));
        self.sent.push((buffer, message));
        let last = self.sent.len() - 1;
        for at in 0..self.stays.len() {
            if lost >> (at % 8) & 1 != 0 {
                self.stays[at].complete = false;
            } else {
                self.apply(at, last);
            }
        }
    }

    /// The generator, or the provider, fails in the midst of it: the epoch is used up, the changes are still to be made.
    fn fail(&mut self, input: &mut Input<'_>) {
        if self.tree.len() == 0 {
            return;
        }
        let payload = payload(self.tree.epoch + 1);
        let entries = self.tree.entries();
        let mut buffer = vec![0x5a; self.controller.message_len(payload.len())];
        let choice = input.octet();
        let after = usize::from(choice >> 1);
        let expected = if choice & 1 == 0 {
            self.rng.fails_in = Some(0);
            ControllerError::Random
        } else {
            self.crypto.fails_in = Some(after % (entries + 1));
            ControllerError::Crypto(CryptoError::Provider)
        };
        let failed = self.controller.rekey(&mut self.crypto, &mut self.rng, &payload, &mut buffer);
        assert_eq!(failed, Err(expected));
        if choice & 1 != 0 {
            assert!(buffer.iter().all(|octet| *octet == 0), "no key is left there");
        }
        self.tree.fail();
    }

    fn pick(&self, input: &mut Input<'_>) -> Option<(usize, usize)> {
        let [stay, sent] = [input.octet(), input.octet()];
        let stay = usize::from(stay).checked_rem(self.stays.len())?;
        let back = usize::from(sent).checked_rem(self.sent.len())?;
        Some((stay, self.sent.len() - 1 - back))
    }

    fn deliver(&mut self, input: &mut Input<'_>) {
        if let Some((stay, sent)) = self.pick(input) {
            self.apply(stay, sent);
        }
    }

    /// Hands a message to somebody, for the first time or again.
    fn apply(&mut self, at: usize, sent: usize) {
        let (octets, message) = &self.sent[sent];
        let stay = &mut self.stays[at];
        let may = message.epoch > stay.seat.version && stay.left.is_none_or(|left| message.epoch <= left);
        let must = may && stay.complete && message.epoch > stay.member.epoch();
        let expected = stay.model.apply(message);
        assert!(may || expected.is_err(), "the model keeps secrets");
        assert!(!must || expected.is_ok(), "the model keeps up");
        let mut octets = octets.clone();
        let applied = stay.member.apply(&mut self.crypto, &mut octets);
        let applied = applied.map(|applied| (applied.epoch, applied.payload.to_vec()));
        assert_eq!(applied, expected.map(|()| (message.epoch, payload(message.epoch))));
        assert_eq!(stay.member.epoch(), stay.model.epoch);
    }

    /// An octet changes, or the end is missing.
    fn damage(&mut self, input: &mut Input<'_>) {
        let Some((at, sent)) = self.pick(input) else { return };
        let [high, low, by] = [input.octet(), input.octet(), input.octet()];
        let (mut octets, mut message) = self.sent[sent].clone();
        let place = usize::from(u16::from_be_bytes([high, low])) % octets.len();
        if by == 0 {
            octets.truncate(place);
        } else {
            octets[place] ^= by;
        }
        let stay = &mut self.stays[at];
        let expected = if by == 0 || place < HEADER_LEN {
            None
        } else {
            match message.entries.get_mut((place - HEADER_LEN) / ENTRY_LEN) {
                Some(entry) => {
                    let start = place - (place - HEADER_LEN) % ENTRY_LEN;
                    let version = u32::from_be_bytes([
                        octets[start + 1],
                        octets[start + 2],
                        octets[start + 3],
                        octets[start + 4],
                    ]);
                    *entry = Entry { child: octets[start].into(), version, sealed: None };
                }
                None => message.root = None,
            }
            // What is wrong in an entry for others is for others to find.
            Some(stay.model.apply(&message))
        };
        let applied = stay.member.apply(&mut self.crypto, &mut octets).map(|applied| applied.payload.to_vec());
        match expected {
            Some(expected) => assert_eq!(applied, expected.map(|()| payload(message.epoch))),
            None => assert!(applied.is_err(), "damaged, and taken"),
        }
        assert_eq!(stay.member.epoch(), stay.model.epoch);
    }
}
