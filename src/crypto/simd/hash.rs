//! What HMAC in lanes asks of a hash.

use fearless_simd::Simd;

use super::{md5, sha1, sha256};

/// A hash with blocks of 64 octets, words of 32 bits and a chaining value of `WORDS` words (RFC 2104 §2).
pub(super) trait LaneHash<const WORDS: usize> {
    /// Whether its words are big-endian.
    const BE: bool;

    /// The chaining values after one more block of each lane.
    fn compress<S: Simd>(simd: S, state: [S::u32s; WORDS], block: [S::u32s; 16]) -> [S::u32s; WORDS];
}

#[derive(Debug)]
pub(super) struct Md5;

impl LaneHash<4> for Md5 {
    const BE: bool = false;

    #[inline(always)]
    fn compress<S: Simd>(simd: S, state: [S::u32s; 4], block: [S::u32s; 16]) -> [S::u32s; 4] {
        md5::compress(simd, state, block)
    }
}

#[derive(Debug)]
pub(super) struct Sha1;

impl LaneHash<5> for Sha1 {
    const BE: bool = true;

    #[inline(always)]
    fn compress<S: Simd>(simd: S, state: [S::u32s; 5], block: [S::u32s; 16]) -> [S::u32s; 5] {
        sha1::compress(simd, state, block)
    }
}

#[derive(Debug)]
pub(super) struct Sha256;

impl LaneHash<8> for Sha256 {
    const BE: bool = true;

    #[inline(always)]
    fn compress<S: Simd>(simd: S, state: [S::u32s; 8], block: [S::u32s; 16]) -> [S::u32s; 8] {
        sha256::compress(simd, state, block)
    }
}

/// Each word turned to the left; `bits` is at least 1 and at most 31.
#[inline(always)]
pub(super) fn rotated<S: Simd>(words: S::u32s, bits: u32) -> S::u32s {
    (words << bits) | (words >> (32 - bits))
}
