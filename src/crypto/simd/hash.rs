//! What HMAC in lanes asks of a hash.

#![allow(clippy::arithmetic_side_effects, reason = "the words of a vector wrap around, as the hash asks")]

use fearless_simd::{Simd, SimdFrom};

use super::width::Words;
use super::{md5, sha1, sha256};

/// A hash with blocks of 64 octets, words of 32 bits and a chaining value of `WORDS` words (RFC 2104 §2).
pub(super) trait LaneHash<const WORDS: usize> {
    /// Whether its words are big-endian.
    const BE: bool;

    /// The chaining values after one more block of each lane. There are `M` vectors' worth of lanes: one vector's would leave
    /// the processor waiting for its results.
    fn compress<S: Words, const M: usize>(
        simd: S,
        state: [[S::u32s; WORDS]; M],
        block: [[S::u32s; 16]; M],
    ) -> [[S::u32s; WORDS]; M];
}

#[derive(Debug)]
pub(super) struct Md5;

impl LaneHash<4> for Md5 {
    const BE: bool = false;

    #[inline(always)]
    fn compress<S: Words, const M: usize>(
        simd: S,
        state: [[S::u32s; 4]; M],
        block: [[S::u32s; 16]; M],
    ) -> [[S::u32s; 4]; M] {
        md5::compress(simd, state, block)
    }
}

#[derive(Debug)]
pub(super) struct Sha1;

impl LaneHash<5> for Sha1 {
    const BE: bool = true;

    #[inline(always)]
    fn compress<S: Words, const M: usize>(
        simd: S,
        state: [[S::u32s; 5]; M],
        block: [[S::u32s; 16]; M],
    ) -> [[S::u32s; 5]; M] {
        sha1::compress(simd, state, block)
    }
}

#[derive(Debug)]
pub(super) struct Sha256;

impl LaneHash<8> for Sha256 {
    const BE: bool = true;

    #[inline(always)]
    fn compress<S: Words, const M: usize>(
        simd: S,
        state: [[S::u32s; 8]; M],
        block: [[S::u32s; 16]; M],
    ) -> [[S::u32s; 8]; M] {
        sha256::compress(simd, state, block)
    }
}

/// Each word turned to the left; `bits` is at least 1 and at most 31.
#[inline(always)]
pub(super) fn rotated<S: Simd>(words: S::u32s, bits: u32) -> S::u32s {
    (words << bits) | (words >> (32 - bits))
}

/// A constant in each lane, as one that the compiler does not know.
///
/// It would put a sum with a constant in another order, the constant last. What the rounds before decide, and so all that comes
/// after, would wait for one sum more.
#[inline(always)]
pub(super) fn unknown<S: Simd>(simd: S, constant: u32) -> S::u32s {
    S::u32s::simd_from(simd, core::hint::black_box(constant))
}

/// Adds the chaining values before a block to what its rounds made of them.
#[inline(always)]
pub(super) fn sums<S: Simd, const WORDS: usize, const M: usize>(
    mut after: [[S::u32s; WORDS]; M],
    before: [[S::u32s; WORDS]; M],
) -> [[S::u32s; WORDS]; M] {
    for (after, before) in after.as_flattened_mut().iter_mut().zip(before.as_flattened()) {
        *after += *before;
    }
    after
}
