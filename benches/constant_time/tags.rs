//! ICVs and tags: whether the time tells where a wrong one differs.

use std::convert::Infallible;
use std::hint::black_box;

use xcast_sec::crypto::{
    AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm, KeyError, RustCrypto,
};

use crate::welch::{INPUT, timed};
use crate::{Examination, first_or_last, one_or_many};

pub(crate) const INTEGRITY: [IntegrityAlgorithm; 5] = [
    IntegrityAlgorithm::HmacMd5_96,
    IntegrityAlgorithm::HmacSha1_96,
    IntegrityAlgorithm::HmacSha2_256_128,
    IntegrityAlgorithm::HmacSha2_384_192,
    IntegrityAlgorithm::HmacSha2_512_256,
];

/// A provider whose ICV costs nothing, so that the library's comparison is all there is to measure.
struct Told([u8; 32]);

impl CryptoProvider for Told {
    type IntegrityKey = usize;
    type CipherKey = Infallible;
    type AeadKey = Infallible;

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, _: &[u8]) -> Result<usize, KeyError> {
        Ok(algorithm.icv_len())
    }

    fn cipher_key(&mut self, _: CipherAlgorithm, _: &[u8]) -> Result<Infallible, KeyError> {
        Err(KeyError::UnsupportedAlgorithm)
    }

    fn aead_key(&mut self, _: AeadAlgorithm, _: &[u8]) -> Result<Infallible, KeyError> {
        Err(KeyError::UnsupportedAlgorithm)
    }

    fn icv<'p, I: IntoIterator<Item = &'p [u8]>>(&mut self, key: &usize, _: I) -> Result<Icv, CryptoError> {
        Icv::truncated(&self.0, *key).ok_or(CryptoError::Provider)
    }

    fn encrypt(&mut self, key: &Infallible, _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        match *key {}
    }

    fn decrypt(&mut self, key: &Infallible, _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        match *key {}
    }

    fn aead_seal(&mut self, key: &Infallible, _: &[u8; 8], _: &[u8], _: &mut [u8]) -> Result<[u8; 16], CryptoError> {
        match *key {}
    }

    fn aead_open(
        &mut self,
        key: &Infallible,
        _: &[u8; 8],
        _: &[u8],
        _: &mut [u8],
        _: &[u8; 16],
    ) -> Result<(), CryptoError> {
        match *key {}
    }
}

/// What nobody should write: it stops at the first octet that differs.
#[inline(never)]
fn early_exit(one: &[u8], other: &[u8]) -> bool {
    for (one, other) in one.iter().zip(other) {
        if one != other {
            return false;
        }
    }
    one.len() == other.len()
}

/// `octets`, with what an input says changed.
fn changed<const N: usize>(octets: &[u8], input: &[u8; INPUT]) -> [u8; N] {
    std::array::from_fn(|at| octets[at] ^ input[at])
}

/// What a sample is of, where the operation is short.
const TIMES: usize = 16;

const TAG: [u8; 32] = [0xa7; 32];
const MESSAGE: [u8; 40] = [0x5e; 40];

pub(crate) fn examine(examination: &mut Examination) {
    for len in [12, 16, 32] {
        let name = format!("control: a comparison that exits early, {len} octets: first or last");
        examination.leaks(&name, &first_or_last(len), |input| {
            let received: [u8; 32] = changed(&TAG, input);
            timed(|| (0..TIMES).all(|_| !early_exit(black_box(&TAG[..len]), black_box(&received[..len]))))
        });
    }
    let key = RustCrypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, &[3; 32]).expect("fits");
    examination.leaks("control: the same behind an HMAC-SHA2-256-128: first or last", &first_or_last(16), |input| {
        let computed = RustCrypto.icv(&key, [&MESSAGE[..]]).expect("computes");
        let received: [u8; 16] = changed(computed.as_octets(), input);
        timed(|| {
            let computed = RustCrypto.icv(&key, [black_box(&MESSAGE[..])]).expect("computes");
            early_exit(computed.as_octets(), black_box(&received))
        })
    });

    for len in [12, 16, 24, 32] {
        let mut compare = |input: &[u8; INPUT]| {
            let mut told = Told(TAG);
            let received: [u8; 32] = changed(&TAG, input);
            timed(|| {
                (0..TIMES).all(|_| told.verify_icv(black_box(&len), [&[][..]], black_box(&received[..len])).is_err())
            })
        };
        let name = |classes| format!("the comparison of verify_icv alone, {len} octets: {classes}");
        examination.same(&name("first or last"), &first_or_last(len), &mut compare);
        examination.same(&name("one or many"), &one_or_many(len), &mut compare);
    }
    for algorithm in INTEGRITY {
        let key = vec![3; algorithm.key_len()];
        let (key, len) = (RustCrypto.integrity_key(algorithm, &key).expect("fits"), algorithm.icv_len());
        let tag = RustCrypto.icv(&key, [&MESSAGE[..]]).expect("computes");
        let mut verify = |input: &[u8; INPUT]| {
            let mut received = [0; 32];
            received[..len].copy_from_slice(tag.as_octets());
            let received: [u8; 32] = changed(&received, input);
            timed(|| RustCrypto.verify_icv(black_box(&key), [&MESSAGE[..]], black_box(&received[..len])))
        };
        let name = |classes| format!("verify_icv, {algorithm:?}: {classes}");
        examination.same(&name("first or last"), &first_or_last(len), &mut verify);
        examination.same(&name("one or many"), &one_or_many(len), &mut verify);
    }
    for (algorithm, key_len) in [(AeadAlgorithm::AesGcm16, 20), (AeadAlgorithm::ChaCha20Poly1305, 36)] {
        let key = RustCrypto.aead_key(algorithm, &vec![3; key_len]).expect("fits");
        let mut sealed = MESSAGE;
        let tag = RustCrypto.aead_seal(&key, &[1; 8], &[2; 8], &mut sealed).expect("seals");
        let mut open = |input: &[u8; INPUT]| {
            let (mut data, received): (_, [u8; 16]) = (sealed, changed(&tag, input));
            timed(|| RustCrypto.aead_open(black_box(&key), &[1; 8], &[2; 8], &mut data, black_box(&received)))
        };
        let name = |classes| format!("aead_open, {algorithm:?}: {classes}");
        examination.same(&name("first or last"), &first_or_last(16), &mut open);
        examination.same(&name("one or many"), &one_or_many(16), &mut open);
    }
}
