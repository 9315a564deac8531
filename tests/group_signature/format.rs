//! The octets of a signed message, and what is signed.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use xcast_sec::crypto::{MAX_SIGNATURE_LEN, SignError, VerifyError};
use xcast_sec::group::signature::{
    MAX_GROUP_NAME_LEN, MAX_SIGNED_MESSAGE_LEN, MessageKind, SIGNED_HEADER_LEN, SignedEmitError, SignedMessage,
    SignedParseError, SignedRepr, Timestamp,
};

use crate::kit::{GROUP, Knowing, NOON, Recording, emit, join, repr, who};

const KINDS: [MessageKind; 3] = [MessageKind::Join, MessageKind::Leave, MessageKind::Invite];

/// A whole message, octet by octet, and what was signed.
#[test]
fn octets_of_a_message() {
    let mut signer = Recording::new(who(0xa1));
    let message = SignedRepr {
        kind: MessageKind::Invite,
        group: b"g7",
        timestamp: Timestamp::from_unix_micros(0x0102_0304_0506_0708),
        nonce: 0x1112_1314_1516_1718,
        message: b"come",
    };
    let octets = emit(&message, &mut signer);
    let parts: [&[u8]; 6] = [
        b"XcSg\x01\x03\0\0",
        &[0xa1; 16],
        &[1, 2, 3, 4, 5, 6, 7, 8],
        &[0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18],
        &[0, 4, 0, 24],
        b"come",
    ];
    let header_and_message = parts.concat();
    assert_eq!(octets[..SIGNED_HEADER_LEN + 4], header_and_message);
    assert_eq!(octets.len(), SIGNED_HEADER_LEN + 4 + 24);
    let context = b"xcast-sec group invite v1\0\0\0\0\0\0\0";
    assert_eq!(signer.signed, [&context[..], &[0, 2], b"g7", &header_and_message].concat());
}

/// Whatever else is the same: no kind is signed as another one is.
#[test]
fn contexts_differ_in_kind() {
    let mut contexts: Vec<_> = KINDS
        .map(|kind| {
            let mut signer = Recording::new(who(1));
            emit(&SignedRepr { kind, ..repr(NOON, 1) }, &mut signer);
            assert!(signer.signed.starts_with(b"xcast-sec group "));
            signer.signed[..32].to_vec()
        })
        .into();
    contexts.sort();
    contexts.dedup();
    assert_eq!(contexts.len(), KINDS.len());
    assert_eq!(KINDS.map(MessageKind::code), [1, 2, 3]);
}

#[test]
fn what_cannot_be_written() {
    let mut signer = Recording::new(who(1));
    let long = vec![0; MAX_SIGNED_MESSAGE_LEN + 1];
    let mut buffer = vec![0xab; 20_000];
    let mut try_emit = |repr: &SignedRepr<'_>, len: usize, fails: bool| {
        (signer.len, signer.fails) = (len, fails);
        repr.emit(&mut signer, &mut buffer)
    };
    let plain = repr(NOON, 1);
    assert_eq!(try_emit(&SignedRepr { message: &long, ..plain }, 24, false), Err(SignedEmitError::MessageTooLong));
    assert_eq!(
        try_emit(&SignedRepr { message: &[0; 70_000], ..plain }, 24, false),
        Err(SignedEmitError::MessageTooLong)
    );
    let longest = SignedRepr { message: &long[1..], ..plain };
    assert_eq!(try_emit(&longest, MAX_SIGNATURE_LEN, false), Ok(SIGNED_HEADER_LEN + 4096 + 8192));
    for len in [0, MAX_SIGNATURE_LEN + 1, 1 << 16, (1 << 16) + 64] {
        assert_eq!(try_emit(&plain, len, false), Err(SignedEmitError::SignatureLength), "{len}");
    }
    let group = [b'g'; MAX_GROUP_NAME_LEN + 1];
    assert_eq!(try_emit(&SignedRepr { group: &group, ..plain }, 24, false), Err(SignedEmitError::GroupNameTooLong));
    assert!(try_emit(&SignedRepr { group: &group[1..], ..plain }, 24, false).is_ok());
    assert_eq!(try_emit(&plain, 24, true), Err(SignedEmitError::Sign(SignError::Signer)));

    let mut signer = Recording::new(who(1));
    let needed = plain.encoded_len(&signer);
    for len in 0..needed {
        let mut buffer = vec![0xab; len];
        assert_eq!(plain.emit(&mut signer, &mut buffer), Err(SignedEmitError::BufferTooSmall { needed }));
        assert_eq!(buffer, vec![0xab; len]);
    }
    assert!(signer.signed.is_empty(), "nothing was signed for it");
}

#[test]
fn what_is_no_message() {
    let good = join(who(1), NOON, 1);
    let parse = |octets: &[u8]| SignedMessage::parse(octets).err();
    let with = |at: usize, value: &[u8]| {
        let mut octets = good.clone();
        octets[at..at + value.len()].copy_from_slice(value);
        parse(&octets)
    };
    let expected = good.len();
    assert_eq!(parse(&good), None);
    for len in 0..expected {
        let error = match len {
            0..SIGNED_HEADER_LEN => SignedParseError::Truncated,
            actual => SignedParseError::Length { expected, actual },
        };
        assert_eq!(parse(&good[..len]), Some(error));
    }
    let longer = [&good[..], &[0]].concat();
    assert_eq!(parse(&longer), Some(SignedParseError::Length { expected, actual: expected + 1 }));
    for at in 0..4 {
        assert_eq!(with(at, b"_"), Some(SignedParseError::NoMagic));
    }
    assert_eq!(with(4, &[0]), Some(SignedParseError::UnsupportedVersion(0)));
    assert_eq!(with(4, &[2]), Some(SignedParseError::UnsupportedVersion(2)));
    assert_eq!(with(5, &[0]), Some(SignedParseError::UnknownKind(0)));
    assert_eq!(with(5, &[4]), Some(SignedParseError::UnknownKind(4)));
    assert_eq!(with(6, &[1]), Some(SignedParseError::Reserved));
    assert_eq!(with(7, &[1]), Some(SignedParseError::Reserved));
    let actual = expected;
    assert_eq!(with(40, &[0, 8]), Some(SignedParseError::Length { expected: expected - 1, actual }));
    assert_eq!(with(40, &[0x10, 1]), Some(SignedParseError::MessageTooLong));
    assert_eq!(with(42, &[0, 0]), Some(SignedParseError::SignatureLength));
    assert_eq!(with(42, &[0x20, 1]), Some(SignedParseError::SignatureLength));
    assert_eq!(with(42, &[0x20, 0]), Some(SignedParseError::Length { expected: expected - 24 + 8192, actual }));
    assert_eq!(parse(b""), Some(SignedParseError::Truncated));
}

/// A message that is itself written like header and message is not also a message for a group with a longer name.
#[test]
fn a_header_in_the_message_does_not_move_the_name() {
    let mut signer = Recording::new(who(1));
    let inner = SignedRepr { message: b"other", ..repr(NOON, 2) };
    let octets = emit(&inner, &mut signer);
    let outer = SignedRepr { group: b"g", message: &octets[..SIGNED_HEADER_LEN + 5], ..repr(NOON, 1) };
    let outer_octets = emit(&outer, &mut signer);
    let signed = signer.signed.clone();
    let longer_name = [b"g", &outer_octets[..SIGNED_HEADER_LEN]].concat();
    emit(&SignedRepr { group: &longer_name, ..inner }, &mut signer);
    assert_eq!(signer.signed.len(), signed.len());
    assert_ne!(signer.signed, signed);
}

#[test]
fn the_message_is_not_shown() {
    let octets = join(who(1), NOON, 1);
    let shown = format!("{:?} {:?}", SignedMessage::parse(&octets).unwrap(), repr(NOON, 1));
    assert!(!shown.contains("let me in") && !shown.contains("108, 101, 116"), "{shown}");
}

proptest! {
    /// What is written is read, and verifies for its group alone.
    #[test]
    fn round_trip(
        kind in select(KINDS.to_vec()),
        (group, other) in (vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..20)),
        (time, nonce, signer) in any::<(u64, u64, u8)>(),
        message in vec(any::<u8>(), 0..100),
    ) {
        let timestamp = Timestamp::from_unix_micros(time);
        let repr = SignedRepr { kind, group: &group, timestamp, nonce, message: &message };
        let octets = emit(&repr, &mut Recording::new(who(signer)));
        let read = SignedMessage::parse(&octets).unwrap();
        prop_assert_eq!((read.kind(), read.signer(), read.timestamp(), read.nonce()), (kind, who(signer), timestamp, nonce));
        prop_assert_eq!((read.message(), read.as_octets()), (&message[..], &octets[..]));
        let mut verifier = Knowing::default();
        prop_assert_eq!(read.verify(&mut verifier, &group), Ok(()));
        let expected = if group == other { Ok(()) } else { Err(VerifyError::Invalid) };
        prop_assert_eq!(read.verify(&mut verifier, &other), expected);
    }

    /// Each octet counts: another message, or none.
    #[test]
    fn any_bit_counts(bit in any::<prop::sample::Index>()) {
        let mut octets = join(who(1), NOON, 1);
        let bit = bit.index(octets.len() * 8);
        octets[bit / 8] ^= 1 << (bit % 8);
        let refused = match SignedMessage::parse(&octets) {
            Ok(read) => read.verify(&mut Knowing::default(), GROUP) == Err(VerifyError::Invalid),
            Err(_) => true,
        };
        prop_assert!(refused);
    }
}
