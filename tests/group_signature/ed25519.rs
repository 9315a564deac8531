//! With the signatures that ship.

use xcast_sec::crypto::{Ed25519Signer, Ed25519Verifier, VerifyError};
use xcast_sec::group::signature::{
    AcceptError, ClockLimits, MessageKind, RecentMessages, SignedMessage, SignedRepr, Timestamp,
};

use crate::kit::{GROUP, NOON, emit, repr, who};

#[test]
fn a_join_is_accepted_once_and_proved_for_ever() {
    let mut member = Ed25519Signer::new(who(1), &[0x21; 32]);
    let mut known = Ed25519Verifier::<2>::new();
    known.insert(who(1), &member.public_key()).unwrap();
    let octets = emit(&repr(NOON, 1), &mut member);
    assert_eq!(octets.len(), 44 + 9 + 64);
    let mut recent = RecentMessages::<2, 2>::new(ClockLimits::DEFAULT);
    let join = recent.accept(&mut known, GROUP, NOON, &octets).unwrap();
    assert_eq!((join.kind(), join.signer(), join.message()), (MessageKind::Join, who(1), &b"let me in"[..]));
    assert_eq!(recent.accept(&mut known, GROUP, NOON, &octets), Err(AcceptError::Replayed));

    // Years later, before somebody who was not there.
    let proof = SignedMessage::parse(&octets).unwrap();
    assert_eq!(proof.verify(&mut known, GROUP), Ok(()));
    assert_eq!(proof.timestamp(), NOON);
}

/// Somebody else, who is a member as well, cannot say it in the first one's name; nor can a leave be made of a join.
#[test]
fn nobody_signs_for_another() {
    let mut member = Ed25519Signer::new(who(1), &[0x21; 32]);
    let mut impostor = Ed25519Signer::new(who(1), &[0x22; 32]);
    let mut known = Ed25519Verifier::<2>::new();
    known.insert(who(1), &member.public_key()).unwrap();
    known.insert(who(2), &impostor.public_key()).unwrap();
    let mut recent = RecentMessages::<2, 2>::new(ClockLimits::DEFAULT);
    let mut error = |octets: &[u8]| recent.accept(&mut known, GROUP, NOON, octets).err();
    let invalid = Some(AcceptError::Signature(VerifyError::Invalid));
    assert_eq!(error(&emit(&repr(NOON, 1), &mut impostor)), invalid);

    let good = emit(&repr(NOON, 1), &mut member);
    let changed = |at: usize, value: u8| {
        let mut octets = good.clone();
        octets[at] = value;
        octets
    };
    assert_eq!(error(&changed(5, MessageKind::Leave.code())), invalid);
    assert_eq!(error(&changed(24, 1)), invalid, "another time");
    assert_eq!(error(&changed(39, 2)), invalid, "another nonce");
    let mut other_signer = good.clone();
    other_signer[8..24].copy_from_slice(who(2).as_octets());
    assert_eq!(error(&other_signer), invalid);
    let later = SignedRepr { timestamp: Timestamp::from_unix_secs(1_700_000_001), ..repr(NOON, 1) };
    let mut moved = emit(&later, &mut member);
    let end = moved.len();
    moved[end - 64..].copy_from_slice(&good[good.len() - 64..]);
    assert_eq!(error(&moved), invalid, "the signature of another message");
    assert_eq!(error(&good), None);
}
