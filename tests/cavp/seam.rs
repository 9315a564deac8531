//! One published vector at a time, asked of `RustCrypto` through the seam, for the tests of CAVP, Wycheproof and the RFCs.
#![allow(dead_code, reason = "each test uses some of it")]

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use xcast_sec::crypto::{
    AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm, RustCrypto, RustCryptoAeadKey,
};

/// Octets of the nonce that salt and initialization vector make (RFC 4106 §4, RFC 7634 §2).
pub(crate) const NONCE_LEN: usize = 12;

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let (octets, rest) = digits.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "an odd number of digits: {digits}");
    let octet = |pair: &[u8; 2]| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok();
    octets.iter().map(|pair| octet(pair).unwrap_or_else(|| panic!("no hexadecimal digits: {digits}"))).collect()
}

// --- Integrity ---

/// The key of the one length the seam takes that is the same to HMAC as `key`, if there is one.
///
/// RFC 2104 §2: a key longer than the hash's block is hashed, and what is shorter gets zeros up to the block. So zeros may be
/// put behind a key that is too short, and the hash of a long one is as long as IPsec's keys are. Keys between the two have no
/// other form.
pub(crate) fn equivalent_key(algorithm: IntegrityAlgorithm, key: &[u8]) -> Option<Vec<u8>> {
    let (block_len, hash) = match algorithm {
        IntegrityAlgorithm::HmacMd5_96 => (64, Md5::digest(key).to_vec()),
        IntegrityAlgorithm::HmacSha1_96 => (64, Sha1::digest(key).to_vec()),
        IntegrityAlgorithm::HmacSha2_256_128 => (64, Sha256::digest(key).to_vec()),
        IntegrityAlgorithm::HmacSha2_384_192 => (128, Sha384::digest(key).to_vec()),
        IntegrityAlgorithm::HmacSha2_512_256 => (128, Sha512::digest(key).to_vec()),
        other => panic!("{other:?}: its hash is not known here"),
    };
    let mut key = if key.len() > block_len { hash } else { key.to_vec() };
    if key.len() > algorithm.key_len() {
        return None;
    }
    key.resize(algorithm.key_len(), 0);
    Some(key)
}

fn icv(what: &str, algorithm: IntegrityAlgorithm, key: &[u8], data: &[u8]) -> Icv {
    let key = RustCrypto.integrity_key(algorithm, key).unwrap_or_else(|error| panic!("{what}: key: {error}"));
    RustCrypto.icv(&key, [data]).unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn verify(algorithm: IntegrityAlgorithm, key: &[u8], data: &[u8], received: &[u8]) -> Result<(), CryptoError> {
    RustCrypto.verify_icv(&RustCrypto.integrity_key(algorithm, key).unwrap(), [data], received)
}

/// `computed` with its first octets replaced by those of `mac`, as many as both have.
fn overwritten(computed: &Icv, mac: &[u8]) -> Vec<u8> {
    let mut received = computed.as_octets().to_vec();
    let len = mac.len().min(received.len());
    received[..len].copy_from_slice(&mac[..len]);
    received
}

/// `mac` may be longer or shorter than the ICV: the octets that both have are compared.
pub(crate) fn check_icv(what: &str, algorithm: IntegrityAlgorithm, key: &[u8], data: &[u8], mac: &[u8]) {
    assert!(mac.len() >= 10, "{what}: a MAC of {} octets tells little", mac.len());
    let computed = icv(what, algorithm, key, data);
    let received = overwritten(&computed, mac);
    assert_eq!(computed.as_octets(), received, "{what}");
    assert_eq!(verify(algorithm, key, data, &received), Ok(()), "{what}");
}

/// Checks that a wrong `mac` is refused as it is and, because its length alone may be why, as so many octets as an ICV has.
/// False if only its length can tell: what is wrong with it is behind the octets of the ICV.
pub(crate) fn refuse_icv(what: &str, algorithm: IntegrityAlgorithm, key: &[u8], data: &[u8], mac: &[u8]) -> bool {
    let computed = icv(what, algorithm, key, data);
    let received = overwritten(&computed, mac);
    assert_eq!(verify(algorithm, key, data, mac), Err(CryptoError::Mismatch), "{what}");
    if received == computed.as_octets() {
        return false;
    }
    assert_eq!(verify(algorithm, key, data, &received), Err(CryptoError::Mismatch), "{what}, cut or filled up");
    true
}

// --- Ciphers ---

pub(crate) fn encrypt(what: &str, algorithm: CipherAlgorithm, key: &[u8], iv: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let key = RustCrypto.cipher_key(algorithm, key).unwrap_or_else(|error| panic!("{what}: key: {error}"));
    let mut data = plaintext.to_vec();
    RustCrypto.encrypt(&key, iv, &mut data).unwrap_or_else(|error| panic!("{what}: encrypt: {error}"));
    data
}

pub(crate) fn decrypt(what: &str, algorithm: CipherAlgorithm, key: &[u8], iv: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let key = RustCrypto.cipher_key(algorithm, key).unwrap_or_else(|error| panic!("{what}: key: {error}"));
    let mut data = ciphertext.to_vec();
    RustCrypto.decrypt(&key, iv, &mut data).unwrap_or_else(|error| panic!("{what}: decrypt: {error}"));
    data
}

/// Both directions.
pub(crate) fn check_cipher(
    what: &str,
    algorithm: CipherAlgorithm,
    key: &[u8],
    iv: &[u8],
    plaintext: &[u8],
    ciphertext: &[u8],
) {
    assert_eq!(encrypt(what, algorithm, key, iv, plaintext), ciphertext, "{what}: encrypt");
    assert_eq!(decrypt(what, algorithm, key, iv, ciphertext), plaintext, "{what}: decrypt");
}

// --- Combined modes ---

/// A vector of a combined mode whose nonce and tag have the lengths that IPsec has.
pub(crate) struct Sealed<'v> {
    pub(crate) algorithm: AeadAlgorithm,
    pub(crate) key: &'v [u8],
    pub(crate) nonce: [u8; NONCE_LEN],
    pub(crate) aad: &'v [u8],
    pub(crate) ciphertext: &'v [u8],
    pub(crate) tag: [u8; 16],
}

impl Sealed<'_> {
    /// The first four octets of the nonce are the salt, which is handed over with the key; the others come with the packet.
    fn key_and_iv(&self, what: &str) -> (RustCryptoAeadKey, [u8; 8]) {
        let (salt, iv) = self.nonce.split_at(4);
        let key = RustCrypto.aead_key(self.algorithm, &[self.key, salt].concat());
        (key.unwrap_or_else(|error| panic!("{what}: key: {error}")), iv.try_into().unwrap())
    }

    /// Both directions.
    pub(crate) fn check(&self, what: &str, plaintext: &[u8]) {
        let (key, iv) = self.key_and_iv(what);
        let mut data = plaintext.to_vec();
        let tag = RustCrypto.aead_seal(&key, &iv, self.aad, &mut data);
        assert_eq!(tag, Ok(self.tag), "{what}: tag");
        assert_eq!(data, self.ciphertext, "{what}: seal");
        let opened = RustCrypto.aead_open(&key, &iv, self.aad, &mut data, &self.tag);
        assert_eq!(opened, Ok(()), "{what}: open");
        assert_eq!(data, plaintext, "{what}: open");
    }

    /// Not opened, and the data left as it is.
    pub(crate) fn refuse(&self, what: &str) {
        let (key, iv) = self.key_and_iv(what);
        let mut data = self.ciphertext.to_vec();
        let opened = RustCrypto.aead_open(&key, &iv, self.aad, &mut data, &self.tag);
        assert_eq!(opened, Err(CryptoError::Mismatch), "{what}");
        assert_eq!(data, self.ciphertext, "{what}: refused, yet changed");
    }
}

/// GCM's ciphertext as one of AES-CTR.
///
/// With a nonce of 12 octets GCM encrypts with the counter blocks that RFC 3686 §4 has, but keeps the first, whose counter is
/// one, for the tag (SP 800-38D §7.1). So AES-CTR gives it for the plaintext with a block of anything in front.
pub(crate) fn check_gcm_as_ctr(what: &str, key: &[u8], nonce: [u8; NONCE_LEN], plaintext: &[u8], ciphertext: &[u8]) {
    let (nonce, iv) = nonce.split_at(4);
    let key = [key, nonce].concat();
    let data = encrypt(what, CipherAlgorithm::AesCtr, &key, iv, &[&[0; 16], plaintext].concat());
    assert_eq!(data[16..], *ciphertext, "{what}: encrypt");
    let data = decrypt(what, CipherAlgorithm::AesCtr, &key, iv, &[&[0; 16], ciphertext].concat());
    assert_eq!(data[16..], *plaintext, "{what}: decrypt");
}
