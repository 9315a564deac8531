//! A chunk of jobs, and which of them go side by side.

use super::key::{SimdCipherKey, SimdIntegrityKey};
use super::level::Lanes;
use super::order::CHUNK;
use crate::crypto::{CryptoError, EspJob, RustCryptoCipherKey, RustCryptoIntegrityKey};

pub(super) type Job<'j> = EspJob<'j, SimdCipherKey, SimdIntegrityKey>;
type One<'j> = EspJob<'j, RustCryptoCipherKey, RustCryptoIntegrityKey>;

/// A set of the jobs of a chunk, by index.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Jobs(u64);

impl Jobs {
    pub(super) const fn has(self, index: usize) -> bool {
        self.0 & bit(index) != 0
    }

    pub(super) const fn insert(&mut self, index: usize) {
        self.0 |= bit(index);
    }

    pub(super) const fn remove(&mut self, index: usize) {
        self.0 &= !bit(index);
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// The first `len` jobs.
    pub(super) const fn first(len: usize) -> Self {
        match 1_u64.checked_shl(len as u32) {
            Some(end) => Self(end.wrapping_sub(1)),
            None => Self(u64::MAX),
        }
    }

    /// These but for the last few, which would not fill enough lanes of a group.
    pub(super) const fn worthwhile(mut self, lanes: Lanes) -> Self {
        let mut left = lanes.left(self.0.count_ones() as usize);
        if left < lanes.least() {
            while left > 0 {
                if let Some(last) = self.0.checked_ilog2() {
                    self.0 &= !bit(last as usize);
                }
                left = left.saturating_sub(1);
            }
        }
        self
    }
}

const fn bit(index: usize) -> u64 {
    1_u64.wrapping_shl(index as u32)
}

/// Has `which` of `chunk` done by `many`, a provider of one packet at a time.
pub(super) fn apart(chunk: &mut [Job<'_>], which: Jobs, many: impl FnOnce(&mut [One<'_>])) {
    if which.is_empty() {
        return;
    }
    let mut results = [Err(CryptoError::Provider); CHUNK];
    {
        let mut ones = heapless::Vec::<One<'_>, CHUNK>::new();
        for (_, job) in chunk.iter_mut().enumerate().filter(|(index, _)| which.has(*index)) {
            let (cipher, integrity) = (job.cipher().one(), job.integrity().one());
            // A chunk has no more.
            let _ = ones.push(job.with_keys(cipher, integrity));
        }
        many(&mut ones);
        for (one, result) in ones.iter().zip(&mut results) {
            *result = one.result();
        }
    }
    let chosen = chunk.iter_mut().enumerate().filter(|(index, _)| which.has(*index));
    for ((_, job), result) in chosen.zip(results) {
        job.finish(result);
    }
}
