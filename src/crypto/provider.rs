//! The trait that whoever holds the keys implements.

use super::constant_time::same_octets;
use super::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, EspJob, EspParts, Icv, IcvJob,
    IntegrityAlgorithm, KeyError,
};

/// Makes key handles and computes with them.
///
/// # Security
///
/// Called for every packet sealed or opened, with data an attacker may have chosen. An implementation must compare ICVs
/// and tags in constant time, must not branch or index memory on key octets or plaintext, and must not log any of them.
/// A provider that accepts a wrong ICV makes every guarantee of this crate void.
///
/// The methods that take jobs have bodies that fall back on the others. A provider that can do better, on one packet or on
/// several at once, has its own; the octets are the same either way.
pub trait CryptoProvider {
    /// A keyed integrity algorithm.
    type IntegrityKey;
    /// A keyed cipher that gives confidentiality alone.
    type CipherKey;
    /// A keyed combined-mode algorithm.
    type AeadKey;

    /// Takes an integrity key.
    ///
    /// # Errors
    ///
    /// - [`KeyError::WrongLength`] unless `key` has [`IntegrityAlgorithm::key_len`] octets.
    /// - [`KeyError::UnsupportedAlgorithm`], [`KeyError::Provider`].
    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self::IntegrityKey, KeyError>;

    /// Takes a cipher key: for AES-CTR the key followed by the 4-octet nonce (RFC 3686 §5.1); for NULL no octet.
    ///
    /// # Errors
    ///
    /// - [`KeyError::WrongLength`] unless [`CipherAlgorithm::accepts_key_len`] holds.
    /// - [`KeyError::UnsupportedAlgorithm`], [`KeyError::Provider`].
    fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self::CipherKey, KeyError>;

    /// Takes a combined-mode key: the key followed by the 4-octet salt (RFC 4106 §8.1, RFC 7634 §2).
    ///
    /// # Errors
    ///
    /// - [`KeyError::WrongLength`] unless [`AeadAlgorithm::accepts_key_len`] holds.
    /// - [`KeyError::UnsupportedAlgorithm`], [`KeyError::Provider`].
    fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self::AeadKey, KeyError>;

    /// Computes the ICV over `parts`, in order, as if they were one string.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Provider`].
    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>;

    /// Computes the ICV over `parts` and compares it with `received` in constant time.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Mismatch`] if they differ in any octet or in length.
    /// - [`CryptoError::Provider`].
    fn verify_icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        let computed = self.icv(key, parts)?;
        if same_octets(computed.as_octets(), received) { Ok(()) } else { Err(CryptoError::Mismatch) }
    }

    /// Encrypts `data` in place. `iv` has [`CipherAlgorithm::iv_len`] octets.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Length`] if `data` is not a whole number of blocks or `iv` has another length; `data` is unchanged.
    /// - [`CryptoError::Provider`].
    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError>;

    /// Decrypts `data` in place. `iv` has [`CipherAlgorithm::iv_len`] octets.
    ///
    /// # Errors
    ///
    /// As [`encrypt`](Self::encrypt).
    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError>;

    /// Encrypts `data` in place and returns the tag over it and `aad`.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Length`] if `data` exceeds what the algorithm takes under one nonce.
    /// - [`CryptoError::Provider`].
    fn aead_seal(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError>;

    /// Verifies `tag` over `data` and `aad`, then decrypts `data` in place.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Mismatch`] if the tag does not verify; `data` is then unchanged, no plaintext is released.
    /// - [`CryptoError::Length`], [`CryptoError::Provider`].
    fn aead_open(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError>;

    /// Encrypts the data of one packet and writes its ICV (RFC 4303 §3.3.2).
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Length`]: as [`encrypt`](Self::encrypt), or the ICV does not have as many octets as there is room for.
    /// - [`CryptoError::Provider`]. The packet must not be sent.
    fn esp_seal(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        let (cipher, integrity) = (job.cipher(), job.integrity());
        let EspParts { header, iv, data, high, icv } = job.parts();
        self.encrypt(cipher, iv, data)?;
        let computed = self.icv(integrity, [header, &*data, high])?;
        let computed = computed.as_octets();
        if computed.len() != icv.len() {
            return Err(CryptoError::Length);
        }
        icv.copy_from_slice(computed);
        Ok(())
    }

    /// Verifies the ICV of one packet, in constant time, and only then decrypts its data (RFC 4303 §3.4.4).
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Mismatch`]: the ICV does not verify. No octet has changed.
    /// - [`CryptoError::Length`]: the ICV verifies, but the data cannot have been encrypted: as [`decrypt`](Self::decrypt).
    /// - [`CryptoError::Provider`].
    fn esp_open(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        let (cipher, integrity) = (job.cipher(), job.integrity());
        let EspParts { header, iv, data, high, icv } = job.parts();
        self.verify_icv(integrity, [header, &*data, high], icv)?;
        self.decrypt(cipher, iv, data)
    }

    /// Seals independent packets, each as [`esp_seal`](Self::esp_seal) does, and says in each job how it went.
    fn esp_seal_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        for job in jobs {
            let result = self.esp_seal(job);
            job.finish(result);
        }
    }

    /// Opens independent packets, each as [`esp_open`](Self::esp_open) does, and says in each job how it went.
    fn esp_open_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        for job in jobs {
            let result = self.esp_open(job);
            job.finish(result);
        }
    }

    /// Computes independent ICVs, each as [`icv`](Self::icv) does, or verifies them as [`verify_icv`](Self::verify_icv) does,
    /// and says in each job how it went.
    fn icv_many<'p, I>(&mut self, jobs: &mut [IcvJob<'_, Self::IntegrityKey, I>])
    where
        I: Iterator<Item = &'p [u8]> + Clone,
    {
        for job in jobs {
            let parts = job.parts().clone();
            let result = match job.received() {
                None => self.icv(job.key(), parts).map(Some),
                Some(received) => self.verify_icv(job.key(), parts, received).map(|()| None),
            };
            job.finish(result);
        }
    }
}

impl<P: CryptoProvider> CryptoProvider for &mut P {
    type IntegrityKey = P::IntegrityKey;
    type CipherKey = P::CipherKey;
    type AeadKey = P::AeadKey;

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self::IntegrityKey, KeyError> {
        (**self).integrity_key(algorithm, key)
    }

    fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self::CipherKey, KeyError> {
        (**self).cipher_key(algorithm, key)
    }

    fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self::AeadKey, KeyError> {
        (**self).aead_key(algorithm, key)
    }

    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        (**self).icv(key, parts)
    }

    fn verify_icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        (**self).verify_icv(key, parts, received)
    }

    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        (**self).encrypt(key, iv, data)
    }

    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        (**self).decrypt(key, iv, data)
    }

    fn aead_seal(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        (**self).aead_seal(key, iv, aad, data)
    }

    fn aead_open(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        (**self).aead_open(key, iv, aad, data, tag)
    }

    fn esp_seal(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        (**self).esp_seal(job)
    }

    fn esp_open(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        (**self).esp_open(job)
    }

    fn esp_seal_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        (**self).esp_seal_many(jobs);
    }

    fn esp_open_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        (**self).esp_open_many(jobs);
    }

    fn icv_many<'p, I>(&mut self, jobs: &mut [IcvJob<'_, Self::IntegrityKey, I>])
    where
        I: Iterator<Item = &'p [u8]> + Clone,
    {
        (**self).icv_many(jobs);
    }
}
