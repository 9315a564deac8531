//! [`CryptoProvider`] that does several packets side by side, in the lanes of the processor's vectors.

mod key;
mod level;
mod prf;

#[cfg(target_arch = "x86_64")]
mod cbc;
#[cfg(target_arch = "x86_64")]
mod chaining;
#[cfg(target_arch = "x86_64")]
mod esp;
#[cfg(target_arch = "x86_64")]
mod hash;
#[cfg(target_arch = "x86_64")]
mod hmac;
#[cfg(target_arch = "x86_64")]
mod icv;
#[cfg(target_arch = "x86_64")]
mod jobs;
#[cfg(target_arch = "x86_64")]
mod macs;
#[cfg(target_arch = "x86_64")]
mod md5;
#[cfg(target_arch = "x86_64")]
mod message;
#[cfg(target_arch = "x86_64")]
mod order;
#[cfg(target_arch = "x86_64")]
mod schedule;
#[cfg(target_arch = "x86_64")]
mod sha1;
#[cfg(target_arch = "x86_64")]
mod sha256;
#[cfg(target_arch = "x86_64")]
mod width;
#[cfg(target_arch = "x86_64")]
mod wipe;
#[cfg(all(test, target_arch = "x86_64", target_os = "linux", feature = "simd-detect"))]
mod wiped;

pub use key::{SimdCipherKey, SimdIntegrityKey};

#[cfg(target_arch = "x86_64")]
use fearless_simd::Level;
use level::Lanes;

#[cfg(target_arch = "x86_64")]
use super::IcvJob;
use super::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, EspJob, Icv,
    IntegrityAlgorithm, KeyError, RustCrypto, RustCryptoAeadKey,
};

/// The [`CryptoProvider`] for many packets at a time: [`RustCrypto`]'s algorithms and octets, with AES-CBC of several packets in
/// lockstep and HMAC of several packets in lanes, each under a key of its own.
///
/// | processor | HMAC-MD5-96, HMAC-SHA1-96, HMAC-SHA2-256-128 | AES-CBC |
/// |---|---|---|
/// | x86-64 with AVX-512 and VAES ("Ice Lake" and later) | 16 lanes | 32 packets sealed in lockstep; four blocks at once opened |
/// | x86-64 with AVX2 | 8 lanes | as [`RustCrypto`] |
/// | any other | as [`RustCrypto`] | as [`RustCrypto`] |
///
/// Only the methods that take several jobs differ: [`esp_seal_many`](CryptoProvider::esp_seal_many),
/// [`esp_open_many`](CryptoProvider::esp_open_many) and [`icv_many`](CryptoProvider::icv_many). Jobs under another algorithm,
/// and those that are too few to fill lanes, are passed on to [`RustCrypto`], as is everything that comes alone.
///
/// Jobs may differ in key, algorithm and length. Those of one algorithm and about one length go together best, because a lane
/// that has ended waits for the longest beside it; up to 64 jobs of a call are put in such an order.
///
/// It is a [`PrfProvider`](super::PrfProvider) too, as [`RustCrypto`] is, so that a host needs no second provider for key
/// management.
///
/// It holds what it knows of the processor. Key handles work with any value of this type, but those made by a value that knows
/// of fewer lanes keep to them. They are larger than [`RustCrypto`]'s: round keys and chaining values are there twice.
///
/// # Security
///
/// As [`RustCrypto`], and:
///
/// - Round keys are expanded by the processor's AES instructions. No lane has a branch or table look-up that depends on a
///   secret; which jobs go together depends on algorithms and lengths alone.
/// - What of round keys, keyed chaining values and right ICVs lay on the stack while packets went side by side is wiped behind each
///   group of them, as far as the stack frame was foreseen to reach. What is in vector registers stays there until they are used
///   again.
/// - ICVs are compared as integers, in constant time, and a packet is decrypted only if its own verifies.
#[derive(Clone, Copy, Debug)]
pub struct SimdCrypto {
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "there are no lanes on other processors"))]
    lanes: Lanes,
}

impl SimdCrypto {
    /// With the lanes of the processor that this runs on.
    ///
    /// # Examples
    ///
    /// ```
    /// use xcast_sec::crypto::{CryptoProvider, IcvJob, IntegrityAlgorithm, SimdCrypto};
    ///
    /// let mut crypto = SimdCrypto::detect();
    /// let key = crypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, &[0x0b; 32])?;
    /// let packets = [&b"Hi There"[..]; 20];
    /// let mut jobs = packets.each_ref().map(|packet| IcvJob::compute(&key, core::iter::once(*packet)));
    /// crypto.icv_many(&mut jobs);
    /// for job in &jobs {
    ///     assert_eq!(job.result()?.map(|icv| icv.as_octets().len()), Some(16));
    /// }
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[cfg(feature = "simd-detect")]
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        return Self::with_level(Level::new());
        #[cfg(not(target_arch = "x86_64"))]
        return Self::without_lanes();
    }

    /// Without lanes, for where nobody knows what the processor has, and for any but x86-64 processors.
    #[must_use]
    pub const fn without_lanes() -> Self {
        Self { lanes: Lanes::One }
    }

    /// With the lanes that `level` gives, for where std is not there to find out. On x86-64 alone.
    ///
    /// `Level` is that of the crate `fearless_simd` 1, whose tokens are the proof that the processor has the instructions. It is
    /// the only type of another crate in this module's interface.
    #[cfg(target_arch = "x86_64")]
    #[must_use]
    pub fn with_level(level: Level) -> Self {
        Self { lanes: Lanes::new(level) }
    }
}

impl CryptoProvider for SimdCrypto {
    type IntegrityKey = SimdIntegrityKey;
    type CipherKey = SimdCipherKey;
    type AeadKey = RustCryptoAeadKey;

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self::IntegrityKey, KeyError> {
        SimdIntegrityKey::new(algorithm, key)
    }

    fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self::CipherKey, KeyError> {
        SimdCipherKey::new(
            #[cfg(target_arch = "x86_64")]
            self.lanes,
            algorithm,
            key,
        )
    }

    fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self::AeadKey, KeyError> {
        RustCrypto.aead_key(algorithm, key)
    }

    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        RustCrypto.icv(key.one(), parts)
    }

    fn verify_icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        RustCrypto.verify_icv(key.one(), parts, received)
    }

    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        RustCrypto.encrypt(key.one(), iv, data)
    }

    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        RustCrypto.decrypt(key.one(), iv, data)
    }

    fn aead_seal(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        RustCrypto.aead_seal(key, iv, aad, data)
    }

    fn aead_open(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        RustCrypto.aead_open(key, iv, aad, data, tag)
    }

    fn esp_seal(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        let (cipher, integrity) = (job.cipher().one(), job.integrity().one());
        RustCrypto.esp_seal(&mut job.with_keys(cipher, integrity))
    }

    fn esp_open(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        let (cipher, integrity) = (job.cipher().one(), job.integrity().one());
        RustCrypto.esp_open(&mut job.with_keys(cipher, integrity))
    }

    #[cfg(target_arch = "x86_64")]
    fn esp_seal_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        esp::seal(self.lanes, jobs);
    }

    #[cfg(target_arch = "x86_64")]
    fn esp_open_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        esp::open(self.lanes, jobs);
    }

    #[cfg(target_arch = "x86_64")]
    fn icv_many<'p, I>(&mut self, jobs: &mut [IcvJob<'_, Self::IntegrityKey, I>])
    where
        I: Iterator<Item = &'p [u8]> + Clone,
    {
        icv::icvs(self.lanes, jobs);
    }
}
