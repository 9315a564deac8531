//! A chunk of jobs, and which of them go side by side.

use super::key::{SimdCipherKey, SimdIntegrityKey};
use super::level::Lanes;
use super::order::CHUNK;
use crate::crypto::{EspJob, RustCryptoCipherKey, RustCryptoIntegrityKey};

pub(super) type Job<'j> = EspJob<'j, SimdCipherKey, SimdIntegrityKey>;
type One<'j> = EspJob<'j, RustCryptoCipherKey, RustCryptoIntegrityKey>;

/// A set of the jobs of a chunk, by index.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Jobs(u64);

impl Jobs {
    pub(super) const fn has(self, index: usize) -> bool {
        self.0 & (1 << (index % CHUNK)) != 0
    }

    pub(super) const fn insert(&mut self, index: usize) {
        self.0 |= 1 << (index % CHUNK);
    }

    pub(super) const fn remove(&mut self, index: usize) {
        self.0 &= !(1 << (index % CHUNK));
    }

    pub(super) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// The first `len` jobs.
    pub(super) const fn first(len: usize) -> Self {
        Self(if len < CHUNK { (1 << len) - 1 } else { u64::MAX })
    }

    /// These but for the last few, which would not fill enough lanes of a group.
    pub(super) fn worthwhile(mut self, lanes: Lanes) -> Self {
        let mut left = self.0.count_ones() as usize % lanes.count();
        if left < lanes.least() {
            while left > 0 {
                self.0 &= !(1_u64 << 63 >> self.0.leading_zeros());
                left = left.saturating_sub(1);
            }
        }
        self
    }
}

/// Has `which` of `chunk` done by `many`, a provider of one packet at a time.
pub(super) fn apart(chunk: &mut [Job<'_>], which: Jobs, many: impl FnOnce(&mut [One<'_>])) {
    if which.0 == 0 {
        return;
    }
    let mut results = [Ok(()); CHUNK];
    {
        let mut ones: heapless::Vec<One<'_>, CHUNK> = chunk
            .iter_mut()
            .enumerate()
            .filter(|(index, _)| which.has(*index))
            .map(|(_, job)| {
                let (cipher, integrity) = (job.cipher().one(), job.integrity().one());
                job.with_keys(cipher, integrity)
            })
            .collect();
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
