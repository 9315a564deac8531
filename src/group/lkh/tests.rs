//! What only those who see the keys can tell: nothing that a leaver held opens anything.

use core::convert::Infallible;
use std::vec::Vec;

use rand_core::{TryCryptoRng, TryRng};

use super::message::{ENTRY_HEADER_LEN, Header, entry_data, entry_len};
use super::*;
use crate::crypto::{AEAD_TAG_LEN, AeadAlgorithm, CryptoProvider, RustCrypto};

/// Distinct octets, by a counter.
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

const SUITE: Suite = Suite { algorithm: AeadAlgorithm::AesGcm16, key_len: 20 };

fn leaf_key(number: u8) -> [u8; 20] {
    let mut key = [0xee; 20];
    key[0] = number;
    key
}

#[test]
fn headers_fill_their_length() {
    let header = Header { epoch: 0x0102_0304, depth: 5, entries: 6, payload_len: 0x0708 };
    assert_eq!(header.to_octets(), *b"XLK\x01\x01\x02\x03\x04\x05\x06\x07\x08");
    assert_eq!(Header::parse(&header.to_octets()), Some(header));
}

/// Every key that `member` holds, tried on every wrapped key and on the payload, with the associated data that each has. How
/// many opened.
fn opened_by(member: &Member, message: &[u8]) -> usize {
    let head: [u8; HEADER_LEN] = *message.first_chunk().unwrap();
    let header = Header::parse(&head).unwrap();
    let (entries, payload) = message[HEADER_LEN..].split_at(usize::from(header.entries) * entry_len(SUITE));
    let mut sealed: Vec<(Vec<u8>, &[u8])> = entries
        .chunks(entry_len(SUITE))
        .map(|entry| {
            let version = u32::from_be_bytes(*entry[1..].first_chunk().unwrap());
            (entry_data(&head, entry[0], version).to_vec(), &entry[ENTRY_HEADER_LEN..])
        })
        .collect();
    sealed.push((head.to_vec(), payload));
    let mut opened = 0;
    for key in member.path.iter().flatten() {
        let key = RustCrypto.aead_key(SUITE.algorithm, key.octets(SUITE)).unwrap();
        for (associated, sealed) in &sealed {
            let (data, tag) = sealed.split_last_chunk::<AEAD_TAG_LEN>().unwrap();
            let mut data = data.to_vec();
            opened += usize::from(RustCrypto.aead_open(&key, &header.iv(), associated, &mut data, tag).is_ok());
        }
    }
    opened
}

/// A tree with `members` members, after their first message.
fn tree<const LEAVES: usize>(members: u8) -> (Controller<LEAVES>, Vec<Member>, Counting) {
    let mut controller = Controller::new(SUITE);
    let mut rng = Counting(0);
    let mut all: Vec<_> = (0..members)
        .map(|number| {
            let seat = controller.join(&leaf_key(number)).unwrap();
            Member::new(SUITE, seat, &leaf_key(number)).unwrap()
        })
        .collect();
    let mut buffer = std::vec![0; 1 << 14];
    let len = controller.rekey(&mut RustCrypto, &mut rng, b"first", &mut buffer).unwrap();
    for member in &mut all {
        assert!(member.apply(&mut RustCrypto, &mut buffer[..len].to_vec()).is_ok());
    }
    (controller, all, rng)
}

fn leaver_opens_nothing<const LEAVES: usize>(members: u8, leaver: u8) {
    let (mut controller, mut all, mut rng) = tree::<LEAVES>(members);
    let mut left = all.remove(leaver.into());
    controller.leave(leaver).unwrap();
    let mut buffer = std::vec![0; 1 << 14];
    let len = controller.rekey(&mut RustCrypto, &mut rng, b"second", &mut buffer).unwrap();
    assert_eq!(opened_by(&left, &buffer[..len]), 0, "{members}, {leaver}");
    assert_eq!(left.apply(&mut RustCrypto, &mut buffer[..len].to_vec()).unwrap_err(), ApplyError::Excluded);
    for member in &mut all {
        // The test can fail: who stays opens at least one.
        assert!(opened_by(member, &buffer[..len]) > 0);
        let applied =
            member.apply(&mut RustCrypto, &mut buffer[..len].to_vec()).map(|applied| applied.payload.to_vec());
        assert_eq!(applied.unwrap(), b"second");
        // RFC 2627 §5.4: d + 1 keys, and they are the controller's.
        assert_eq!(member.path.iter().flatten().count(), usize::from(member.depth) + 1);
    }
}

/// For all sizes up to 128, a leaver at either end and in the middle.
#[test]
fn what_a_leaver_held_opens_nothing() {
    for members in 2..=128_u8 {
        for leaver in [0, members / 2, members - 1] {
            match members {
                2 => leaver_opens_nothing::<2>(members, leaver),
                3..=4 => leaver_opens_nothing::<4>(members, leaver),
                5..=8 => leaver_opens_nothing::<8>(members, leaver),
                9..=16 => leaver_opens_nothing::<16>(members, leaver),
                17..=32 => leaver_opens_nothing::<32>(members, leaver),
                33..=64 => leaver_opens_nothing::<64>(members, leaver),
                _ => leaver_opens_nothing::<128>(members, leaver),
            }
        }
    }
}

/// RFC 2627 §5.4.1: several who left together can do no more than each alone.
#[test]
fn leavers_together_open_nothing() {
    let (mut controller, mut all, mut rng) = tree::<16>(16);
    let gone: Vec<Member> = [10, 9, 3, 2].into_iter().map(|leaf| all.remove(leaf)).collect();
    for leaf in [2, 3, 9, 10] {
        controller.leave(leaf).unwrap();
    }
    let mut buffer = std::vec![0; 4096];
    let len = controller.rekey(&mut RustCrypto, &mut rng, b"second", &mut buffer).unwrap();
    for member in &gone {
        assert_eq!(opened_by(member, &buffer[..len]), 0);
    }
    for member in &mut all {
        assert!(member.apply(&mut RustCrypto, &mut buffer[..len].to_vec()).is_ok());
    }
}

/// And a newcomer cannot read what was before it.
#[test]
fn a_newcomer_opens_nothing_of_the_past() {
    let (mut controller, _, mut rng) = tree::<16>(9);
    let mut past = std::vec![0; 4096];
    let past_len = controller.rekey(&mut RustCrypto, &mut rng, b"past", &mut past).unwrap();
    let seat = controller.join(&leaf_key(200)).unwrap();
    let mut newcomer = Member::new(SUITE, seat, &leaf_key(200)).unwrap();
    let mut buffer = std::vec![0; 4096];
    let len = controller.rekey(&mut RustCrypto, &mut rng, b"now", &mut buffer).unwrap();
    assert_eq!(newcomer.apply(&mut RustCrypto, &mut buffer[..len]).unwrap().payload, b"now");
    assert_eq!(opened_by(&newcomer, &past[..past_len]), 0);
    assert_eq!(newcomer.apply(&mut RustCrypto, &mut past[..past_len]).unwrap_err(), ApplyError::Stale);
}
