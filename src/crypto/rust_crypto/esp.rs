//! Whole ESP packets: the two algorithms together.

use super::chain::{BLOCK_LEN, DATA_AT};
use super::{RustCryptoCipherKey, RustCryptoIntegrityKey, fused};
use crate::crypto::{CryptoError, EspJob, EspParts};

pub(super) type Job<'j> = EspJob<'j, RustCryptoCipherKey, RustCryptoIntegrityKey>;

/// Whether `aes` uses instructions of the processor, which it can run together with the hash. For other processors than these
/// there are none.
pub(super) fn overlaps() -> bool {
    cfg!(any(target_arch = "aarch64", target_arch = "x86", target_arch = "x86_64")) && aes::hardware_accelerated()
}

/// Whether the lengths of `job` are those of CBC. What is wrong with others is said by the cipher.
pub(super) fn fits_cbc(job: &Job<'_>) -> bool {
    job.data_at() == DATA_AT && job.data_len().is_multiple_of(BLOCK_LEN)
}

/// Encrypts and writes the ICV.
pub(super) fn seal(job: &mut Job<'_>) -> Result<(), CryptoError> {
    if overlaps() && fused::seal(job) {
        return Ok(());
    }
    let cipher = job.cipher();
    let EspParts { iv, data, .. } = job.parts();
    cipher.encrypt(iv, data)?;
    write_icv(job)
}

/// Writes the ICV over what is encrypted.
pub(super) fn write_icv(job: &mut Job<'_>) -> Result<(), CryptoError> {
    let integrity = job.integrity();
    let (protected, high, icv) = job.covered();
    integrity.write_icv([&*protected, high], icv)
}

/// Verifies the ICV, and only then decrypts.
pub(super) fn open(job: &mut Job<'_>) -> Result<(), CryptoError> {
    if overlaps()
        && let Some(result) = fused::open(job)
    {
        return result;
    }
    let (cipher, integrity) = (job.cipher(), job.integrity());
    let (protected, high, icv) = job.covered();
    integrity.verify([&*protected, high], icv)?;
    let EspParts { iv, data, .. } = job.parts();
    cipher.decrypt(iv, data)
}
