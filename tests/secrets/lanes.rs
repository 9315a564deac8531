//! The keys of `SimdCrypto`, which are there twice: for one packet at a time and for several.

use xcast_sec::crypto::{
    CipherAlgorithm, CryptoProvider, IntegrityAlgorithm, SimdCipherKey, SimdCrypto, SimdIntegrityKey,
};

use crate::holders::{CIPHERS, INTEGRITY, TWO_STATES, round_keys};
use crate::key;
use crate::levels::providers;
use crate::memory::wiped_when_dropped;
use crate::shows::hides;

fn cipher_key(mut crypto: SimdCrypto, (algorithm, len): (CipherAlgorithm, usize), which: u8) -> SimdCipherKey {
    crypto.cipher_key(algorithm, &key::<64>(which)[..len]).unwrap()
}

fn integrity_key(mut crypto: SimdCrypto, algorithm: IntegrityAlgorithm, which: u8) -> SimdIntegrityKey {
    crypto.integrity_key(algorithm, &key::<64>(which)[..algorithm.key_len()]).unwrap()
}

#[test]
fn key_handles() {
    for (level, crypto) in providers() {
        for algorithm in CIPHERS {
            let one = round_keys(if algorithm.0 == CipherAlgorithm::AesCtr { algorithm.1 - 4 } else { algorithm.1 });
            // Both directions, for lanes.
            let lanes = if level == "AVX-512" && algorithm.0 == CipherAlgorithm::AesCbc { 2 * one } else { 0 };
            let make = |which| cipher_key(crypto, algorithm, which);
            wiped_when_dropped(&format!("{level}: {algorithm:?}"), one + lanes, make);
            hides(&make(1));
        }
        for (algorithm, one) in INTEGRITY.into_iter().zip(TWO_STATES) {
            let has_lanes = cfg!(target_arch = "x86_64") && one <= 64;
            let make = |which| integrity_key(crypto, algorithm, which);
            wiped_when_dropped(&format!("{level}: {algorithm:?}"), if has_lanes { 2 * one } else { one }, make);
            hides(&make(1));
        }
    }
}
