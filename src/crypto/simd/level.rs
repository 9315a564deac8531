//! Which lanes the processor has.

#[cfg(target_arch = "x86_64")]
use fearless_simd::{Avx2, Avx512, Level};

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

#[cfg(target_arch = "x86_64")]
impl Lanes {
    pub(super) fn new(level: Level) -> Self {
        if let Some(avx512) = level.as_avx512() {
            Self::Sixteen(avx512)
        } else if let Some(avx2) = level.as_avx2() {
            Self::Eight(avx2)
        } else {
            Self::One
        }
    }

    /// Of so many jobs, those that are left when vectors have been filled.
    pub(super) const fn left(self, jobs: usize) -> usize {
        match self {
            Self::Sixteen(_) => jobs % 16,
            Self::Eight(_) => jobs % 8,
            Self::One => 0,
        }
    }

    /// Lanes of a hash that are worked on at the same time. In two vectors with AVX-512: one's results are waited for while the
    /// other's are computed. AVX2 has not the registers for that.
    pub(super) const fn most(self) -> usize {
        match self {
            Self::Sixteen(_) => 32,
            Self::Eight(_) => 8,
            Self::One => 1,
        }
    }

    /// From how many jobs on lanes are faster than one job at a time, most lanes being empty.
    pub(super) const fn least(self) -> usize {
        match self {
            Self::Sixteen(_) => 4,
            Self::Eight(_) => 3,
            Self::One => usize::MAX,
        }
    }
}
