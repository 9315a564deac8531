//! RustCrypto's crates as whoever has a packet to protect uses them: keyed once per association, one primitive after the other.

use aes::Aes128;
use aes::cipher::array::Array;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::packets::{ESP_HEADER_LEN, ICV_LEN};

/// The keys of one association.
pub(crate) struct Raw {
    aes: Aes128,
    hmac: Hmac<Sha1>,
}

impl Raw {
    pub(crate) fn new(cipher_key: &[u8; 16], integrity_key: &[u8; 20]) -> Self {
        let hmac = <Hmac<Sha1> as KeyInit>::new_from_slice(integrity_key).expect("any length fits");
        Self { aes: Aes128::new(cipher_key.into()), hmac }
    }

    fn encrypt(&self, iv: &[u8], data: &mut [u8]) {
        let mut mode = cbc::Encryptor::inner_iv_slice_init(&self.aes, iv).expect("a block");
        mode.encrypt_blocks(Array::slice_as_chunks_mut(data).0);
    }

    fn decrypt(&self, iv: &[u8], data: &mut [u8]) {
        let mut mode = cbc::Decryptor::inner_iv_slice_init(&self.aes, iv).expect("a block");
        mode.decrypt_blocks(Array::slice_as_chunks_mut(data).0);
    }

    /// The first octets of the MAC over `octets` into `icv`.
    pub(crate) fn icv(&self, octets: &[u8], icv: &mut [u8]) {
        let mut mac = self.hmac.clone();
        mac.update(octets);
        icv.copy_from_slice(&mac.finalize().into_bytes()[..ICV_LEN]);
    }

    /// Whether the MAC over `octets` begins with `icv`.
    pub(crate) fn verify(&self, octets: &[u8], icv: &[u8]) -> bool {
        let mut mac = self.hmac.clone();
        mac.update(octets);
        mac.verify_truncated_left(icv).is_ok()
    }

    /// On the octets from SPI to ICV.
    pub(crate) fn seal(&self, esp: &mut [u8]) {
        let (covered, icv) = esp.split_at_mut(esp.len() - ICV_LEN);
        let (header, data) = covered.split_at_mut(ESP_HEADER_LEN);
        self.encrypt(&header[8..], data);
        self.icv(covered, icv);
    }

    /// On the octets from SPI to ICV.
    pub(crate) fn open(&self, esp: &mut [u8]) -> bool {
        let (covered, icv) = esp.split_at_mut(esp.len() - ICV_LEN);
        if !self.verify(covered, icv) {
            return false;
        }
        let (header, data) = covered.split_at_mut(ESP_HEADER_LEN);
        self.decrypt(&header[8..], data);
        true
    }
}
