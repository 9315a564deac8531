//! Providers that are unlike the shipped one, in ways that a batch must not show.

use xcast_sec::crypto::{AEAD_IV_LEN, AEAD_TAG_LEN, CryptoError, CryptoProvider, EspJob, Icv, IcvJob, RustCrypto};

use crate::keys::takes_keys_as_rust_crypto;

/// Does jobs last to first, and fails on some packets: always on the same ones, whichever way they are handed in.
#[derive(Clone, Debug)]
pub(crate) struct Odd {
    /// Of so many packets one, by its ICV; none with 0.
    pub(crate) fails_of: u8,
    /// How many jobs came in company.
    pub(crate) together: usize,
}

impl Odd {
    pub(crate) const fn new(fails_of: u8) -> Self {
        Self { fails_of, together: 0 }
    }

    fn result<T>(&self, octet: Option<&u8>, value: T) -> Result<T, CryptoError> {
        let fails = octet.is_some_and(|octet| octet.checked_rem(self.fails_of) == Some(0));
        if fails { Err(CryptoError::Provider) } else { Ok(value) }
    }

    fn note(&mut self, jobs: usize) {
        if jobs > 1 {
            self.together += jobs;
        }
    }
}

impl CryptoProvider for Odd {
    takes_keys_as_rust_crypto!();

    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        let icv = RustCrypto.icv(key, parts)?;
        let first = icv.as_octets().first().copied();
        self.result(first.as_ref(), icv)
    }
    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        RustCrypto.encrypt(key, iv, data)?;
        self.result(iv.last(), ())
    }
    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        RustCrypto.decrypt(key, iv, data)?;
        self.result(iv.first(), ())
    }
    fn aead_seal(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        let tag = RustCrypto.aead_seal(key, iv, aad, data)?;
        self.result(tag.first(), tag)
    }
    fn aead_open(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        RustCrypto.aead_open(key, iv, aad, data, tag)?;
        self.result(tag.last(), ())
    }
    fn esp_seal_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        self.note(jobs.len());
        for job in jobs.iter_mut().rev() {
            let result = self.esp_seal(job);
            job.finish(result);
        }
    }
    fn esp_open_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        self.note(jobs.len());
        for job in jobs.iter_mut().rev() {
            let result = self.esp_open(job);
            job.finish(result);
        }
    }
    fn icv_many<'p, I>(&mut self, jobs: &mut [IcvJob<'_, Self::IntegrityKey, I>])
    where
        I: Iterator<Item = &'p [u8]> + Clone,
    {
        self.note(jobs.len());
        for job in jobs.iter_mut().rev() {
            let parts = job.parts().clone();
            let result = match job.received() {
                None => self.icv(job.key(), parts).map(Some),
                Some(received) => self.verify_icv(job.key(), parts, received).map(|()| None),
            };
            job.finish(result);
        }
    }
}

/// Counts on, and has nothing now and then.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rng {
    pub(crate) drawn: u64,
    /// Of so many draws one fails; none with 0.
    pub(crate) fails_of: u64,
}

impl rand_core::TryRng for Rng {
    type Error = std::fmt::Error;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(std::fmt::Error)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(std::fmt::Error)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        self.drawn += 1;
        if self.drawn.checked_rem(self.fails_of) == Some(0) {
            return Err(std::fmt::Error);
        }
        for (octet, value) in
            octets.iter_mut().zip(self.drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes().iter().cycle())
        {
            *octet = *value;
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Rng {}
