//! Arbitrary octets as messages of `group::lkh`, as they came and sealed by who has the keys: nothing panics, a member changes by a
//! whole message or not at all. Shared by the fuzz target and the test that replays its corpus.
//!
//! The first octet chooses: 0 a message as it came. Else what follows are entries (a child, a version and an octet of the new
//! key) that a holder of the member's own key sealed.

use xcast_sec::crypto::{AeadAlgorithm, CryptoProvider, RustCrypto};
use xcast_sec::group::lkh::{HEADER_LEN, Member, Seat, Suite};

const KEY: [u8; 20] = [4; 20];

fn member() -> Member {
    let suite = Suite::new(AeadAlgorithm::AesGcm16, 20).expect("20 octets");
    Member::new(suite, Seat { leaf: 1, version: 0, depth: 2 }, &KEY).expect("there is such a seat")
}

/// Checks one input. A finding panics.
pub(crate) fn check(input: &[u8]) {
    let Some((&choice, octets)) = input.split_first() else { return };
    let mut message = if choice == 0 { octets.to_vec() } else { sealed(octets) };
    let before = message.clone();
    let mut member = member();
    match member.apply(&mut RustCrypto, &mut message).map(|applied| (applied.epoch, applied.payload.len())) {
        Ok((epoch, len)) => {
            assert!(choice != 0 || before.len() >= HEADER_LEN + 41 + 41 + 16, "taken without keys");
            assert_eq!((member.epoch(), before[4..8] == epoch.to_be_bytes()), (epoch, true));
            assert!(len < before.len());
            assert!(member.apply(&mut RustCrypto, &mut before.clone()).is_err(), "taken twice");
        }
        Err(_) => assert_eq!(member.epoch(), 0),
    }
}

/// A message of epoch 1. All keys in it are the member's own, so that every entry for its path opens that names the right version.
fn sealed(octets: &[u8]) -> Vec<u8> {
    let entries = octets.chunks_exact(3).take(200);
    let head = [&b"XLK\x01\0\0\0\x01\x02"[..], &[entries.len() as u8], &[0, 3]].concat();
    let key = RustCrypto.aead_key(AeadAlgorithm::AesGcm16, &KEY).expect("it fits");
    let iv = 1_u64.to_be_bytes();
    let mut message = head.clone();
    for entry in entries {
        let fields = [entry[0], 0, 0, 0, entry[1]];
        let mut wrapped = KEY;
        wrapped[0] = if entry[2] == 0 { KEY[0] } else { entry[2] };
        let tag = RustCrypto.aead_seal(&key, &iv, &[&head[..], &fields].concat(), &mut wrapped).expect("it is short");
        message.extend([&fields[..], &wrapped, &tag].concat());
    }
    let mut payload = *b"new";
    let tag = RustCrypto.aead_seal(&key, &iv, &head, &mut payload).expect("it is short");
    message.extend([&payload[..], &tag].concat());
    message
}
