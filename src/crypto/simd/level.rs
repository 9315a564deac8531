//! Which lanes the processor has.

use fearless_simd::Level;
#[cfg(target_arch = "x86_64")]
use fearless_simd::{Avx2, Avx512};

/// The lanes that there is code for. Levels in between have none: each would be compiled for its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lanes {
    /// AVX-512 and VAES: 16 lanes of a hash, 16 or 32 of AES-CBC.
    #[cfg(target_arch = "x86_64")]
    Sixteen(Avx512),
    /// AVX2: 8 lanes of a hash.
    #[cfg(target_arch = "x86_64")]
    Eight(Avx2),
    /// None.
    One,
}

impl Lanes {
    pub(super) fn new(level: Level) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = level.as_avx512() {
            return Self::Sixteen(avx512);
        } else if let Some(avx2) = level.as_avx2() {
            return Self::Eight(avx2);
        }
        let _ = level;
        Self::One
    }

    /// Lanes of a hash.
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn count(self) -> usize {
        match self {
            Self::Sixteen(_) => 16,
            Self::Eight(_) => 8,
            Self::One => 1,
        }
    }

    /// Lanes of a hash that are worked on at the same time, in two vectors: one's results are waited for while the other's are
    /// computed.
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn most(self) -> usize {
        2 * self.count()
    }

    /// From how many jobs on lanes are faster than one job at a time, most lanes being empty.
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn least(self) -> usize {
        match self {
            Self::Sixteen(_) => 4,
            Self::Eight(_) => 3,
            Self::One => usize::MAX,
        }
    }
}
