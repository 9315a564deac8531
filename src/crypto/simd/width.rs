//! The two widths that lanes come in, and how a block of each lane's message gets into vectors.

#![allow(clippy::indexing_slicing, reason = "the indices are constants, below lengths that are in types")]

use core::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm256_castsi128_si256, _mm256_inserti128_si256, _mm256_setr_epi64x,
    _mm256_shuffle_epi8, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm512_add_epi8, _mm512_castsi128_si512, _mm512_inserti64x2, _mm512_mask_blend_epi8, _mm512_mask_set1_epi64,
    _mm512_maskz_permutexvar_epi8, _mm512_set_epi64, _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_ternarylogic_epi32,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use fearless_simd::{Avx2, Avx512, Simd, SimdBase, SimdInto, kernel, u8x16, u8x32, u8x64, u32x8, u32x16};

use super::message::{LENGTH_LEN, copied};

/// Octets of a block of every hash here.
pub(super) const BLOCK_LEN: usize = 64;

/// Vectors of words, and what is one instruction on some of them.
pub(super) trait Words: Simd {
    /// Each bit as in most of the three.
    fn majority(self, x: Self::u32s, y: Self::u32s, z: Self::u32s) -> Self::u32s;

    /// The last `rest` octets of `end`, fewer than all, with a bit behind them, and `length` at the end of the block.
    fn last_block(self, end: &[u8; BLOCK_LEN], rest: usize, length: [u8; LENGTH_LEN]) -> [u8; BLOCK_LEN];
}

impl Words for Avx512 {
    #[inline(always)]
    fn majority(self, x: u32x16<Self>, y: u32x16<Self>, z: u32x16<Self>) -> u32x16<Self> {
        majority512(self, x.into(), y.into(), z.into()).simd_into(self)
    }

    #[inline(always)]
    fn last_block(self, end: &[u8; BLOCK_LEN], rest: usize, length: [u8; LENGTH_LEN]) -> [u8; BLOCK_LEN] {
        let block: u8x64<Self> =
            last_block512(self, u8x64::load_array_ref(self, end).into(), rest, i64::from_le_bytes(length))
                .simd_into(self);
        block.to_array()
    }
}

impl Words for Avx2 {
    #[inline(always)]
    fn majority(self, x: u32x8<Self>, y: u32x8<Self>, z: u32x8<Self>) -> u32x8<Self> {
        (x & y) | (z & (x | y))
    }

    #[inline(always)]
    fn last_block(self, end: &[u8; BLOCK_LEN], rest: usize, length: [u8; LENGTH_LEN]) -> [u8; BLOCK_LEN] {
        let mut block = [0; BLOCK_LEN];
        if let Some(first) = copied(&mut block, end.get(BLOCK_LEN.saturating_sub(rest)..).unwrap_or(&[])).first_mut() {
            *first = 0x80;
        }
        if length != [0; LENGTH_LEN]
            && let Some(last) = block.last_chunk_mut()
        {
            *last = length;
        }
        block
    }
}

kernel!(
    /// The compiler makes two instructions of the expression.
    #[inline(always)]
    fn majority512(avx512: Avx512, x: __m512i, y: __m512i, z: __m512i) -> __m512i {
        // The bits of the number are the results for 111, 110, 101, ... as bits of the three.
        _mm512_ternarylogic_epi32::<0xe8>(x, y, z)
    }
);

/// The number of each octet.
const COUNTED: [u8; BLOCK_LEN] = {
    let mut counted = [0; BLOCK_LEN];
    let mut at = 0;
    while at < BLOCK_LEN {
        counted[at] = at as u8;
        at += 1;
    }
    counted
};

kernel!(
    /// Its one store is the one that the transposition loads from: several small ones would be waited for.
    #[inline(always)]
    fn last_block512(avx512: Avx512, end: __m512i, rest: usize, length: i64) -> __m512i {
        let bit = 1_u64.wrapping_shl(rest as u32);
        // The numbers of the octets turn: of 64, the first comes behind the last.
        let turn = _mm512_set1_epi8(0_u8.wrapping_sub(rest as u8) as i8);
        let from = _mm512_add_epi8(u8x64::load_array_ref(avx512, &COUNTED).into(), turn);
        let octets = _mm512_maskz_permutexvar_epi8(bit.wrapping_sub(1), from, end);
        let padded = _mm512_mask_blend_epi8(bit, octets, _mm512_set1_epi8(0x80_u8 as i8));
        _mm512_mask_set1_epi64(padded, if length == 0 { 0 } else { 0x80 }, length)
    }
);

/// A level whose widest vector holds one word of each of `N` lanes.
///
/// Two levels are: everything generic is compiled for these alone.
pub(super) trait Width<const N: usize>: Words + Simd<u32s: SimdBase<Self, Array = [u32; N]>> {
    /// Vector `i` holds word `i` of each row, the rows being blocks of little-endian words (`be` = false) or big-endian ones.
    fn transpose(self, rows: &[&[u8; BLOCK_LEN]; N], be: bool) -> [Self::u32s; 16];

    /// The four words of each lane, in little-endian order or, with `be`, in big-endian order.
    fn first_words(self, words: [Self::u32s; 4], be: bool) -> [[u8; 16]; N];
}

// Whatever touches vectors is inlined into the function that has the processor's features enabled: a function or closure of its
// own would not have them, and every vector would go through memory. So there are loops here and in the files beside this
// one, and no closures.

impl Width<16> for Avx512 {
    #[inline(always)]
    fn transpose(self, rows: &[&[u8; BLOCK_LEN]; 16], be: bool) -> [u32x16<Self>; 16] {
        let mut words = [0.simd_into(self); 16];
        for (at, words) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let a = join512(self, piece(rows[0], at), piece(rows[4], at), piece(rows[8], at), piece(rows[12], at));
            let b = join512(self, piece(rows[1], at), piece(rows[5], at), piece(rows[9], at), piece(rows[13], at));
            let c = join512(self, piece(rows[2], at), piece(rows[6], at), piece(rows[10], at), piece(rows[14], at));
            let d = join512(self, piece(rows[3], at), piece(rows[7], at), piece(rows[11], at), piece(rows[15], at));
            for (word, quad) in words.iter_mut().zip(quads512(self, a, b, c, d)) {
                *word = if be { swap512(self, quad) } else { quad }.simd_into(self);
            }
        }
        words
    }

    #[inline(always)]
    fn first_words(self, [a, b, c, d]: [u32x16<Self>; 4], be: bool) -> [[u8; 16]; 16] {
        let quads = quads512(self, a.into(), b.into(), c.into(), d.into());
        let mut first = [[[0; 16]; 4]; 4];
        for (at, quad) in quads.into_iter().enumerate() {
            let octets: u8x64<Self> = if be { swap512(self, quad) } else { quad }.simd_into(self);
            // The first, and then every fourth lane's.
            for (first, octets) in first.iter_mut().zip(octets.to_array().as_chunks().0) {
                first[at] = *octets;
            }
        }
        flat(first)
    }
}

impl Width<8> for Avx2 {
    #[inline(always)]
    fn transpose(self, rows: &[&[u8; BLOCK_LEN]; 8], be: bool) -> [u32x8<Self>; 16] {
        let mut words = [0.simd_into(self); 16];
        for (at, words) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let a = join256(self, piece(rows[0], at), piece(rows[4], at));
            let b = join256(self, piece(rows[1], at), piece(rows[5], at));
            let c = join256(self, piece(rows[2], at), piece(rows[6], at));
            let d = join256(self, piece(rows[3], at), piece(rows[7], at));
            for (word, quad) in words.iter_mut().zip(quads256(self, a, b, c, d)) {
                *word = if be { swap256(self, quad) } else { quad }.simd_into(self);
            }
        }
        words
    }

    #[inline(always)]
    fn first_words(self, [a, b, c, d]: [u32x8<Self>; 4], be: bool) -> [[u8; 16]; 8] {
        let quads = quads256(self, a.into(), b.into(), c.into(), d.into());
        let mut first = [[[0; 16]; 4]; 2];
        for (at, quad) in quads.into_iter().enumerate() {
            let octets: u8x32<Self> = if be { swap256(self, quad) } else { quad }.simd_into(self);
            for (first, octets) in first.iter_mut().zip(octets.to_array().as_chunks().0) {
                first[at] = *octets;
            }
        }
        flat(first)
    }
}

/// All in one row.
#[inline(always)]
fn flat<const N: usize, const G: usize>(groups: [[[u8; 16]; 4]; G]) -> [[u8; 16]; N] {
    let mut row = [[0; 16]; N];
    for (to, from) in row.iter_mut().zip(groups.as_flattened()) {
        *to = *from;
    }
    row
}

/// The piece at `at`, one of four.
#[inline(always)]
fn piece(row: &[u8; BLOCK_LEN], at: usize) -> &[u8; 16] {
    &row.as_chunks().0[at]
}

kernel!(
    /// The pieces, side by side.
    #[inline(always)]
    fn join512(avx512: Avx512, a: &[u8; 16], b: &[u8; 16], c: &[u8; 16], d: &[u8; 16]) -> __m512i {
        let [a, b, c, d]: [__m128i; 4] = [
            u8x16::load_array_ref(avx512, a).into(),
            u8x16::load_array_ref(avx512, b).into(),
            u8x16::load_array_ref(avx512, c).into(),
            u8x16::load_array_ref(avx512, d).into(),
        ];
        let low = _mm512_inserti64x2::<1>(_mm512_castsi128_si512(a), b);
        _mm512_inserti64x2::<3>(_mm512_inserti64x2::<2>(low, c), d)
    }
);

kernel!(
    /// Transposes the squares of four words by four that stand side by side in the four vectors.
    #[inline(always)]
    fn quads512(avx512: Avx512, a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> [__m512i; 4] {
        let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        [
            _mm512_unpacklo_epi64(ab, cd),
            _mm512_unpackhi_epi64(ab, cd),
            _mm512_unpacklo_epi64(ab_high, cd_high),
            _mm512_unpackhi_epi64(ab_high, cd_high),
        ]
    }
);

/// For a shuffle within 16 octets: each word the other way round.
const SWAP_LOW: i64 = 0x0405_0607_0001_0203;
const SWAP_HIGH: i64 = 0x0c0d_0e0f_0809_0a0b;

kernel!(
    /// The octets of each word in the other order.
    #[inline(always)]
    fn swap512(avx512: Avx512, words: __m512i) -> __m512i {
        let (low, high) = (SWAP_LOW, SWAP_HIGH);
        _mm512_shuffle_epi8(words, _mm512_set_epi64(high, low, high, low, high, low, high, low))
    }
);

kernel!(
    /// The pieces, side by side.
    #[inline(always)]
    fn join256(avx2: Avx2, a: &[u8; 16], b: &[u8; 16]) -> __m256i {
        let [a, b]: [__m128i; 2] = [u8x16::load_array_ref(avx2, a).into(), u8x16::load_array_ref(avx2, b).into()];
        _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a), b)
    }
);

kernel!(
    /// Transposes the squares of four words by four that stand side by side in the four vectors.
    #[inline(always)]
    fn quads256(avx2: Avx2, a: __m256i, b: __m256i, c: __m256i, d: __m256i) -> [__m256i; 4] {
        let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
        let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
        [
            _mm256_unpacklo_epi64(ab, cd),
            _mm256_unpackhi_epi64(ab, cd),
            _mm256_unpacklo_epi64(ab_high, cd_high),
            _mm256_unpackhi_epi64(ab_high, cd_high),
        ]
    }
);

kernel!(
    /// The octets of each word in the other order.
    #[inline(always)]
    fn swap256(avx2: Avx2, words: __m256i) -> __m256i {
        _mm256_shuffle_epi8(words, _mm256_setr_epi64x(SWAP_LOW, SWAP_HIGH, SWAP_LOW, SWAP_HIGH))
    }
);
