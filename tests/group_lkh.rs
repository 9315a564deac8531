//! `group::lkh`: trees of every size, random comings and goings, disturbed messages, and the sizes that the documentation states.
#![cfg(feature = "rust-crypto")]

use std::convert::Infallible;

use proptest::prelude::*;
use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
use xcast_sec::group::lkh::*;

struct Counting(u64);

impl TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        self.0 += 1;
        for (octet, from) in octets.iter_mut().zip(self.0.to_be_bytes().into_iter().cycle()) {
            *octet = from;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

fn suite() -> Suite {
    Suite::new(AeadAlgorithm::AesGcm16, 20).unwrap()
}

fn key(number: u32) -> [u8; 20] {
    let mut key = [0x77; 20];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key
}

fn rekey<const LEAVES: usize>(controller: &mut Controller<LEAVES>, rng: &mut Counting, payload: &[u8]) -> Vec<u8> {
    let expected = controller.message_len(payload.len());
    let mut message = vec![0xff; expected];
    let len = controller.rekey(&mut RustCrypto, rng, payload, &mut message).unwrap();
    assert_eq!(len, expected);
    message
}

fn apply(member: &mut Member, message: &[u8]) -> Result<Vec<u8>, ApplyError> {
    let mut message = message.to_vec();
    let applied = member.apply(&mut RustCrypto, &mut message)?;
    // It holds keys.
    let shown = format!("Applied {{ epoch: {}, len: {}, .. }}", applied.epoch, applied.payload.len());
    assert_eq!(format!("{applied:?}"), shown);
    Ok(applied.payload.to_vec())
}

fn full<const LEAVES: usize>(members: u32) -> (Controller<LEAVES>, Vec<Member>, Counting) {
    let mut controller = Controller::<LEAVES>::new(suite());
    let mut rng = Counting(0);
    let mut all: Vec<_> = (0..members)
        .map(|number| Member::new(suite(), controller.join(&key(number)).unwrap(), &key(number)).unwrap())
        .collect();
    let message = rekey(&mut controller, &mut rng, b"first");
    assert!(all.iter_mut().all(|member| apply(member, &message).is_ok()));
    (controller, all, rng)
}

#[test]
fn suites_and_seats() {
    assert_eq!(Suite::new(AeadAlgorithm::AesGcm16, 16), None);
    assert_eq!(Suite::new(AeadAlgorithm::ChaCha20Poly1305, 36).map(Suite::key_len), Some(36));
    let mut controller = Controller::<2>::new(suite());
    assert_eq!(controller.join(&[0; 19]), Err(ControllerError::KeyLength));
    assert_eq!(controller.rekey(&mut RustCrypto, &mut Counting(0), b"", &mut [0; 99]), Err(ControllerError::Empty));
    assert_eq!(controller.join(&key(0)), Ok(Seat { leaf: 0, version: 0, depth: 1 }));
    assert_eq!(controller.join(&key(1)), Ok(Seat { leaf: 1, version: 0, depth: 1 }));
    assert_eq!(controller.join(&key(2)), Err(ControllerError::Full));
    assert_eq!(controller.leave(2), Err(ControllerError::NoMember));
    assert_eq!((controller.leave(0), controller.leave(0)), (Ok(()), Err(ControllerError::NoMember)));
    let seat = Seat { leaf: 4, version: 0, depth: 2 };
    assert_eq!(Member::new(suite(), seat, &key(0)).unwrap_err(), ControllerError::NoMember);
    for depth in [0, 8, 255] {
        let seat = Seat { leaf: 0, version: 0, depth };
        assert_eq!(Member::new(suite(), seat, &key(0)).unwrap_err(), ControllerError::NoMember);
    }
    let seat = Seat { leaf: 0, version: 0, depth: 2 };
    assert_eq!(Member::new(suite(), seat, &[0; 21]).unwrap_err(), ControllerError::KeyLength);
}

/// RFC 2627 §5.4.1, Table 1: of 16, at most kd − 1 = 7 keys are sent when one leaves; of 8, 5.
#[test]
fn as_many_keys_as_the_rfc_counts() {
    let (mut sixteen, ..) = full::<16>(16);
    sixteen.leave(10).unwrap();
    assert_eq!(sixteen.message_len(0), HEADER_LEN + 7 * 41 + 16);
    let (mut eight, ..) = full::<8>(8);
    eight.leave(0).unwrap();
    assert_eq!(eight.message_len(0), HEADER_LEN + 5 * 41 + 16);
}

#[test]
fn a_message_is_taken_once_whole_and_in_order() {
    let (mut controller, mut all, mut rng) = full::<8>(6);
    // The root alone changes: it is wrapped under its right child, 3, and its left, 2, which has member 3 below.
    let second = rekey(&mut controller, &mut rng, b"second");
    assert_eq!((second[HEADER_LEN], second[HEADER_LEN + 41]), (3, 2));
    let member = &mut all[3];
    for bit in 0..second.len() * 8 {
        let mut flipped = second.clone();
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        if (HEADER_LEN..HEADER_LEN + 41).contains(&(bit / 8)) {
            // The entry for the other half is not this member's to judge, unless it now stands for the own half.
            let mut fresh = full::<8>(6).1.remove(3);
            let expected =
                if bit == HEADER_LEN * 8 + 7 { Err(ApplyError::Authentication) } else { Ok(b"second".to_vec()) };
            assert_eq!(apply(&mut fresh, &flipped), expected, "bit {bit}");
        } else {
            assert!(apply(member, &flipped).is_err(), "bit {bit}");
        }
    }
    for len in 0..second.len() {
        assert_eq!(apply(member, &second[..len]), Err(ApplyError::Length));
    }
    let mut other = second.clone();
    other[8] = 4;
    assert_eq!(apply(member, &other), Err(ApplyError::Header));
    other[..4].copy_from_slice(b"XLK\x02");
    assert_eq!(apply(member, &other), Err(ApplyError::Header));
    // The own half's entry twice.
    let mut doubled = second.clone();
    let (first, next) = doubled[HEADER_LEN..].split_at_mut(41);
    first.copy_from_slice(&next[..41]);
    assert_eq!(apply(member, &doubled), Err(ApplyError::Malformed));
    assert_eq!(member.epoch(), 1);
    assert_eq!(apply(member, &second), Ok(b"second".to_vec()));
    assert_eq!(apply(member, &second), Err(ApplyError::Stale));

    // Member 3 misses that 2 left: the next about the other half alone is of no use to it.
    controller.leave(2).unwrap();
    let missed = rekey(&mut controller, &mut rng, b"missed");
    controller.leave(5).unwrap();
    let third = rekey(&mut controller, &mut rng, b"third");
    assert_eq!(apply(member, &third), Err(ApplyError::Missed));
    assert_eq!(member.epoch(), 2);
    // With the missed one it goes on; overtaken ones are refused.
    assert_eq!(apply(member, &missed), Ok(b"missed".to_vec()));
    assert_eq!(apply(member, &third), Ok(b"third".to_vec()));
    assert_eq!(apply(member, &missed), Err(ApplyError::Stale));
    // One that changes its whole path reaches it in any case.
    let mut late = full::<8>(6).1.remove(3);
    controller.join(&key(99)).unwrap();
    assert_eq!(apply(&mut late, &rekey(&mut controller, &mut rng, b"fourth")), Ok(b"fourth".to_vec()));
}

#[test]
fn failures_leave_nothing_half_done() {
    let (mut controller, mut all, mut rng) = full::<8>(4);
    controller.leave(0).unwrap();
    let needed = controller.message_len(5);
    for len in 0..needed {
        let result = controller.rekey(&mut RustCrypto, &mut rng, b"after", &mut vec![0; len]);
        assert_eq!(result, Err(ControllerError::TooLong));
    }
    let huge = vec![0; 65536];
    let result = controller.rekey(&mut RustCrypto, &mut rng, &huge, &mut vec![0; 1 << 18]);
    assert_eq!(result, Err(ControllerError::TooLong));
    assert_eq!((controller.epoch(), controller.is_pending()), (1, true));

    struct Broken(u8);
    impl TryRng for Broken {
        type Error = std::fmt::Error;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Err(std::fmt::Error)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Err(std::fmt::Error)
        }
        fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
            self.0 = self.0.checked_sub(1).ok_or(std::fmt::Error)?;
            octets.fill(self.0);
            Ok(())
        }
    }
    impl TryCryptoRng for Broken {}
    let result = controller.rekey(&mut RustCrypto, &mut Broken(1), b"after", &mut vec![0; needed]);
    assert_eq!((result, controller.is_pending()), (Err(ControllerError::Random), true));
    // Another epoch, as the nonces of the first may be used.
    let message = rekey(&mut controller, &mut rng, b"after");
    assert_eq!((controller.epoch(), controller.is_pending()), (3, false));
    assert_eq!(apply(&mut all[0], &message), Err(ApplyError::Excluded));
    assert!(all[1..].iter_mut().all(|member| apply(member, &message) == Ok(b"after".to_vec())));
}

proptest! {
    /// Whoever is in gets what is new, whoever is not does not, after any sequence of joins, leaves and messages.
    #[test]
    fn comings_and_goings(steps in proptest::collection::vec((0_u8..3, 0_u8..32), 1..60)) {
        let mut controller = Controller::<32>::new(suite());
        let (mut rng, mut next) = (Counting(0), 0);
        let mut inside: Vec<(u8, bool, Member)> = Vec::new();
        let mut outside: Vec<Member> = Vec::new();
        for (what, leaf) in steps {
            match what {
                0 => {
                    next += 1;
                    match controller.join(&key(next)) {
                        Ok(seat) => {
                            prop_assert!(inside.iter().all(|(leaf, ..)| *leaf != seat.leaf));
                            inside.push((seat.leaf, false, Member::new(suite(), seat, &key(next)).unwrap()));
                        }
                        Err(error) => prop_assert_eq!((error, inside.len()), (ControllerError::Full, 32)),
                    }
                }
                1 => match inside.iter().position(|(own, ..)| *own == leaf) {
                    Some(at) => {
                        controller.leave(leaf).unwrap();
                        // Who had no message yet has no key but its own, and its leaf may go to another unnoticed.
                        let (_, heard, member) = inside.remove(at);
                        outside.extend(heard.then_some(member));
                    }
                    None => prop_assert_eq!(controller.leave(leaf), Err(ControllerError::NoMember)),
                },
                _ if inside.is_empty() => {}
                _ => {
                    let payload = controller.epoch().to_be_bytes();
                    let message = rekey(&mut controller, &mut rng, &payload);
                    for (_, heard, member) in &mut inside {
                        *heard = true;
                        prop_assert_eq!(apply(member, &message), Ok(payload.to_vec()));
                    }
                    for member in &mut outside {
                        let error = apply(member, &message).unwrap_err();
                        prop_assert!(matches!(error, ApplyError::Excluded | ApplyError::Missed), "{}", error);
                    }
                }
            }
            prop_assert_eq!(controller.len(), inside.len());
        }
    }
}

/// Octets of the longest message when one of `members` leaves, in the smallest tree that holds them.
fn leave_len(members: u32, payload: usize) -> usize {
    fn longest<const LEAVES: usize>(members: u32, payload: usize) -> usize {
        (0..members as u8)
            .map(|leaver| {
                let mut controller = Controller::<LEAVES>::new(suite());
                for number in 0..members {
                    controller.join(&key(number)).unwrap();
                }
                controller.rekey(&mut RustCrypto, &mut Counting(0), b"", &mut vec![0; 1 << 14]).unwrap();
                controller.leave(leaver).unwrap();
                controller.message_len(payload)
            })
            .max()
            .unwrap()
    }
    match members {
        2 => longest::<2>(members, payload),
        3..=4 => longest::<4>(members, payload),
        5..=8 => longest::<8>(members, payload),
        9..=16 => longest::<16>(members, payload),
        17..=32 => longest::<32>(members, payload),
        33..=64 => longest::<64>(members, payload),
        _ => longest::<128>(members, payload),
    }
}

/// Octets of one push: sealed as the payload of a message is, and by all three messages of `group::ike`.
fn push_len(payload: usize) -> (usize, usize) {
    use xcast_sec::group::ike;
    // HASH and nonce of 32 octets, each behind 4; padded to 16.
    let message = |rest: usize| ike::HEADER_LEN + (4 + 32 + rest).next_multiple_of(16);
    let whole = message(4 + ike::NONCE_LEN + payload) + message(4 + ike::NONCE_LEN) + message(0);
    (HEADER_LEN + payload + 16, whole)
}

/// The table of the documentation, and its conclusions.
#[test]
fn the_sizes_of_the_documentation() {
    const PAYLOAD: usize = 200;
    let (sealed, ike) = push_len(PAYLOAD);
    let rows: Vec<[usize; 4]> = (2..=127_u32)
        .map(|members| {
            let remaining = members as usize - 1;
            [members as usize, remaining * sealed, remaining * ike, leave_len(members, PAYLOAD)]
        })
        .collect();
    let text = include_str!("../src/group/lkh/sizes.md");
    let stated: Vec<[usize; 4]> = text
        .lines()
        .filter_map(|line| {
            let cells: Vec<usize> = line.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
            cells.try_into().ok()
        })
        .collect();
    let shown = [2, 3, 4, 5, 8, 10, 16, 32, 64, 127];
    let expected: Vec<_> = rows.iter().copied().filter(|row| shown.contains(&row[0])).collect();
    assert_eq!(stated, expected);
    // One message is never longer than a push to each, from three on.
    assert!(rows.iter().all(|[members, sealed, ike, lkh]| *members == 2 || (lkh < sealed && lkh < ike)));
    for words in ["For ten members", "unicast pushes"] {
        assert!(text.contains(words), "{words}");
    }
}
