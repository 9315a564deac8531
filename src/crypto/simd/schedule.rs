//! AES round keys, for the processor's AES instructions on four blocks at once.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "all depends on the size of the key alone"
)]

use core::arch::x86_64::{
    __m128i, _mm_aesenclast_si128, _mm_aesimc_si128, _mm_cvtsi128_si32, _mm_set1_epi32, _mm_setzero_si128,
};
use fearless_simd::{Avx512, SimdBase, SimdInto, kernel, u8x16};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Room for the 15 round keys of the longest key, 256 bits (FIPS 197 §5), in fours.
pub(super) const MAX_KEYS: usize = 16;

/// A key with its round keys in both directions, expanded without a table look-up. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(align(64))]
pub(super) struct Schedule {
    encrypt: [[u8; 16]; MAX_KEYS],
    decrypt: [[u8; 16]; MAX_KEYS],
    #[zeroize(skip)]
    size: KeySize,
}

/// How many round keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeySize {
    /// 128 bits: 11 round keys.
    Bits128,
    /// 192 bits: 13 round keys.
    Bits192,
    /// 256 bits: 15 round keys.
    Bits256,
}

impl Schedule {
    /// `None` unless `key` has 16, 24 or 32 octets.
    pub(super) fn new(avx512: Avx512, key: &[u8]) -> Option<Self> {
        let size = match key.len() {
            16 => KeySize::Bits128,
            24 => KeySize::Bits192,
            32 => KeySize::Bits256,
            _ => return None,
        };
        let mut schedule = Self { encrypt: [[0; 16]; MAX_KEYS], decrypt: [[0; 16]; MAX_KEYS], size };
        expand(avx512, key, &mut schedule);
        Some(schedule)
    }

    pub(super) const fn size(&self) -> KeySize {
        self.size
    }

    /// Round keys for encryption, in the order of use, four in a row; zeros behind the last.
    pub(super) fn encrypt_fours(&self) -> &[[u8; 64]; MAX_KEYS / 4] {
        // There is no other length.
        self.encrypt.as_flattened().as_chunks().0.try_into().unwrap_or(&[[0; 64]; MAX_KEYS / 4])
    }

    /// Round keys of the equivalent inverse cipher (FIPS 197 §5.3.5), in the order of use.
    pub(super) fn decrypt(&self) -> &[[u8; 16]; MAX_KEYS] {
        &self.decrypt
    }
}

impl KeySize {
    pub(super) const fn keys(self) -> usize {
        match self {
            Self::Bits128 => 11,
            Self::Bits192 => 13,
            Self::Bits256 => 15,
        }
    }
}

kernel!(
    /// FIPS 197 §5.2. `key` has as many octets as `schedule` is for.
    fn expand(avx512: Avx512, key: &[u8], schedule: &mut Schedule) {
        let keys = schedule.size.keys();
        let mut words = [[0_u8; 4]; 4 * MAX_KEYS];
        match schedule.size {
            KeySize::Bits128 => expand_words::<4>(avx512, key, keys, &mut words),
            KeySize::Bits192 => expand_words::<6>(avx512, key, keys, &mut words),
            KeySize::Bits256 => expand_words::<8>(avx512, key, keys, &mut words),
        }
        for (round_key, words) in schedule.encrypt.iter_mut().zip(words.as_flattened().as_chunks().0).take(keys) {
            *round_key = *words;
        }
        let reversed = schedule.encrypt.iter().take(keys).rev();
        for (at, (inverse, round_key)) in schedule.decrypt.iter_mut().zip(reversed).enumerate() {
            let ends = at == 0 || at + 1 == keys;
            let vector: __m128i = u8x16::load_array_ref(avx512, round_key).into();
            let mixed: u8x16<Avx512> = _mm_aesimc_si128(vector).simd_into(avx512);
            *inverse = if ends { *round_key } else { mixed.to_array() };
        }
        words.zeroize();
    }
);

/// The words of at least `keys` round keys, as many at a time as the key has: `NK`, which `key` has in it.
#[inline(always)]
fn expand_words<const NK: usize>(avx512: Avx512, key: &[u8], keys: usize, words: &mut [[u8; 4]; 4 * MAX_KEYS]) {
    let (runs, _) = words.as_chunks_mut::<NK>();
    let (Some((first, runs)), Some(key)) = (runs.split_first_mut(), key.as_chunks().0.first_chunk()) else { return };
    *first = *key;
    let mut before = *key;
    let mut constant = 1_u8;
    for run in runs.iter_mut().take((4 * keys).div_ceil(NK) - 1) {
        let mut last = before[NK - 1];
        for (at, (word, before)) in run.iter_mut().zip(&before).enumerate() {
            if at == 0 {
                last.rotate_left(1);
                last = substituted(avx512, last);
                last[0] ^= constant;
                // Doubled in the field of 256 elements; it never depends on the key.
                constant = (constant << 1) ^ (if constant & 0x80 == 0 { 0 } else { 0x1b });
            } else if NK > 6 && at == 4 {
                last = substituted(avx512, last);
            }
            last = (u32::from_ne_bytes(last) ^ u32::from_ne_bytes(*before)).to_ne_bytes();
            *word = last;
        }
        before = *run;
    }
    before.zeroize();
}

kernel!(
    /// SubWord: each octet through the S-box. The last round of AES does that; its ShiftRows changes nothing in a state of four
    /// equal columns, nor does a round key of zeros.
    #[inline(always)]
    fn substituted(avx512: Avx512, word: [u8; 4]) -> [u8; 4] {
        let columns = _mm_set1_epi32(i32::from_le_bytes(word));
        _mm_cvtsi128_si32(_mm_aesenclast_si128(columns, _mm_setzero_si128())).to_le_bytes()
    }
);

#[cfg(all(test, feature = "simd-detect"))]
mod tests {
    use super::*;

    /// FIPS 197, Appendix A: the last round key of each example.
    #[test]
    fn expansion() {
        let Some(avx512) = fearless_simd::Level::new().as_avx512() else {
            std::println!("skipped: no AVX-512");
            return;
        };
        let cases: [(&[u8], [u8; 16]); 3] = [
            (
                &[0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c],
                0xd014_f9a8_c9ee_2589_e13f_0cc8_b663_0ca6_u128.to_be_bytes(),
            ),
            (
                &[
                    0x8e, 0x73, 0xb0, 0xf7, 0xda, 0x0e, 0x64, 0x52, 0xc8, 0x10, 0xf3, 0x2b, 0x80, 0x90, 0x79, 0xe5,
                    0x62, 0xf8, 0xea, 0xd2, 0x52, 0x2c, 0x6b, 0x7b,
                ],
                0xe98b_a06f_448c_773c_8ecc_7204_0100_2202_u128.to_be_bytes(),
            ),
            (
                &[
                    0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
                    0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4,
                ],
                0xfe48_90d1_e618_8d0b_046d_f344_706c_631e_u128.to_be_bytes(),
            ),
        ];
        for (key, last) in cases {
            let schedule = Schedule::new(avx512, key).unwrap();
            assert_eq!(schedule.encrypt[schedule.size.keys() - 1], last);
            assert_eq!(schedule.decrypt[0], last);
        }
        assert!(Schedule::new(avx512, &[0; 20]).is_none());
    }

    #[test]
    fn round_keys_are_wiped() {
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<Schedule>();
    }
}
