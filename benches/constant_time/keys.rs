//! Keys: whether the time tells one key from another.

use std::hint::black_box;

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, CryptoProvider, RustCrypto};

use crate::tags::INTEGRITY;
use crate::welch::timed;
use crate::{Examination, zero_or_random};

const DATA: [u8; 64] = [0x35; 64];

pub(crate) fn examine(examination: &mut Examination) {
    for algorithm in INTEGRITY {
        let len = algorithm.key_len();
        examination.same(&format!("key set-up, {algorithm:?}: zeros or random"), &zero_or_random, |input| {
            timed(|| RustCrypto.integrity_key(algorithm, black_box(&input[..len])).is_ok())
        });
        examination.same(&format!("icv, {algorithm:?}: key of zeros or random"), &zero_or_random, |input| {
            let key = RustCrypto.integrity_key(algorithm, &input[..len]).expect("fits");
            timed(|| RustCrypto.icv(black_box(&key), [&DATA[..]]))
        });
    }
    for (algorithm, len) in [
        (CipherAlgorithm::AesCbc, 16),
        (CipherAlgorithm::AesCbc, 24),
        (CipherAlgorithm::AesCbc, 32),
        (CipherAlgorithm::AesCtr, 20),
    ] {
        let iv = &[9; 16][..algorithm.iv_len()];
        let name = format!("{algorithm:?} with {len} octets");
        examination.same(&format!("key set-up, {name}: zeros or random"), &zero_or_random, |input| {
            timed(|| RustCrypto.cipher_key(algorithm, black_box(&input[..len])).is_ok())
        });
        examination.same(&format!("encrypt, {name}: key of zeros or random"), &zero_or_random, |input| {
            let (key, mut data) = (RustCrypto.cipher_key(algorithm, &input[..len]).expect("fits"), DATA);
            timed(|| RustCrypto.encrypt(black_box(&key), iv, &mut data))
        });
        examination.same(&format!("decrypt, {name}: key of zeros or random"), &zero_or_random, |input| {
            let (key, mut data) = (RustCrypto.cipher_key(algorithm, &input[..len]).expect("fits"), DATA);
            timed(|| RustCrypto.decrypt(black_box(&key), iv, &mut data))
        });
    }
    for (algorithm, len) in
        [(AeadAlgorithm::AesGcm16, 20), (AeadAlgorithm::AesGcm16, 36), (AeadAlgorithm::ChaCha20Poly1305, 36)]
    {
        let name = format!("{algorithm:?} with {len} octets");
        examination.same(&format!("key set-up, {name}: zeros or random"), &zero_or_random, |input| {
            timed(|| RustCrypto.aead_key(algorithm, black_box(&input[..len])).is_ok())
        });
        examination.same(&format!("aead_seal, {name}: key of zeros or random"), &zero_or_random, |input| {
            let (key, mut data) = (RustCrypto.aead_key(algorithm, &input[..len]).expect("fits"), DATA);
            timed(|| RustCrypto.aead_seal(black_box(&key), &[1; 8], &[2; 8], &mut data))
        });
    }
}
