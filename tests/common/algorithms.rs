//! All algorithms that associations can name.
#![allow(dead_code, reason = "each test uses some of it")]

use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};

pub(crate) const INTEGRITY: [IntegrityAlgorithm; 5] = [
    IntegrityAlgorithm::HmacMd5_96,
    IntegrityAlgorithm::HmacSha1_96,
    IntegrityAlgorithm::HmacSha2_256_128,
    IntegrityAlgorithm::HmacSha2_384_192,
    IntegrityAlgorithm::HmacSha2_512_256,
];

/// Every cipher with every length of keying material it takes.
pub(crate) const CIPHERS: [(CipherAlgorithm, usize); 7] = [
    (CipherAlgorithm::Null, 0),
    (CipherAlgorithm::AesCbc, 16),
    (CipherAlgorithm::AesCbc, 24),
    (CipherAlgorithm::AesCbc, 32),
    (CipherAlgorithm::AesCtr, 20),
    (CipherAlgorithm::AesCtr, 28),
    (CipherAlgorithm::AesCtr, 36),
];

/// Every combined mode with every length of keying material it takes.
pub(crate) const COMBINED: [(AeadAlgorithm, usize); 4] = [
    (AeadAlgorithm::AesGcm16, 20),
    (AeadAlgorithm::AesGcm16, 28),
    (AeadAlgorithm::AesGcm16, 36),
    (AeadAlgorithm::ChaCha20Poly1305, 36),
];
