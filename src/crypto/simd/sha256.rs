//! SHA-256's compression (FIPS 180-4 §6.2.2) of one block of each lane.

#![allow(clippy::arithmetic_side_effects, reason = "the words of a vector wrap around, as the hash asks")]

use fearless_simd::{Simd, SimdFrom};

use super::hash::{rotated, sums};
use super::width::Words;

/// The eight words of each lane's chaining value after one more block; `M` vectors' worth of lanes.
#[inline(always)]
pub(super) fn compress<S: Words, const M: usize>(
    simd: S,
    before: [[S::u32s; 8]; M],
    mut blocks: [[S::u32s; 16]; M],
) -> [[S::u32s; 8]; M] {
    let mut after = before;
    // The names turn with each round instead of the values, and are back after eight. From the 17th round on, a word of the
    // schedule takes the place of the one sixteen before it.
    macro_rules! rounds {
        ($($($t:literal $k:literal)*;)*) => {
            $(for (state, w) in after.iter_mut().zip(&mut blocks) {
                let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
                $(
                    if $t >= 16 {
                        w[$t % 16] = small_sigma1::<S>(w[($t + 14) % 16]) + w[($t + 9) % 16]
                            + small_sigma0::<S>(w[($t + 1) % 16]) + w[$t % 16];
                    }
                    let choice = (e & f) | (!e & g);
                    let majority = simd.majority(a, b, c);
                    let t1 = (h + (w[$t % 16] + S::u32s::simd_from(simd, $k))) + choice + sigma::<S>(e, [6, 11, 25]);
                    let t2 = sigma::<S>(a, [2, 13, 22]) + majority;
                    (h, g, f, e, d, c, b, a) = (g, f, e, d + t1, c, b, a, t1 + t2);
                )*
                *state = [a, b, c, d, e, f, g, h];
            })*
        };
    }
    rounds!(
        0 0x428a_2f98 1 0x7137_4491 2 0xb5c0_fbcf 3 0xe9b5_dba5 4 0x3956_c25b 5 0x59f1_11f1 6 0x923f_82a4 7 0xab1c_5ed5;
        8 0xd807_aa98 9 0x1283_5b01 10 0x2431_85be 11 0x550c_7dc3 12 0x72be_5d74 13 0x80de_b1fe 14 0x9bdc_06a7 15 0xc19b_f174;
        16 0xe49b_69c1 17 0xefbe_4786 18 0x0fc1_9dc6 19 0x240c_a1cc 20 0x2de9_2c6f 21 0x4a74_84aa 22 0x5cb0_a9dc 23 0x76f9_88da;
        24 0x983e_5152 25 0xa831_c66d 26 0xb003_27c8 27 0xbf59_7fc7 28 0xc6e0_0bf3 29 0xd5a7_9147 30 0x06ca_6351 31 0x1429_2967;
        32 0x27b7_0a85 33 0x2e1b_2138 34 0x4d2c_6dfc 35 0x5338_0d13 36 0x650a_7354 37 0x766a_0abb 38 0x81c2_c92e 39 0x9272_2c85;
        40 0xa2bf_e8a1 41 0xa81a_664b 42 0xc24b_8b70 43 0xc76c_51a3 44 0xd192_e819 45 0xd699_0624 46 0xf40e_3585 47 0x106a_a070;
        48 0x19a4_c116 49 0x1e37_6c08 50 0x2748_774c 51 0x34b0_bcb5 52 0x391c_0cb3 53 0x4ed8_aa4a 54 0x5b9c_ca4f 55 0x682e_6ff3;
        56 0x748f_82ee 57 0x78a5_636f 58 0x84c8_7814 59 0x8cc7_0208 60 0x90be_fffa 61 0xa450_6ceb 62 0xbef9_a3f7 63 0xc671_78f2;
    );
    sums::<S, 8, M>(after, before)
}

/// FIPS 180-4 turns to the right.
#[inline(always)]
fn right<S: Simd>(x: S::u32s, bits: u32) -> S::u32s {
    rotated::<S>(x, 32 - bits)
}

#[inline(always)]
fn sigma<S: Simd>(x: S::u32s, [i, j, k]: [u32; 3]) -> S::u32s {
    right::<S>(x, i) ^ right::<S>(x, j) ^ right::<S>(x, k)
}

#[inline(always)]
fn small_sigma0<S: Simd>(x: S::u32s) -> S::u32s {
    right::<S>(x, 7) ^ right::<S>(x, 18) ^ (x >> 3)
}

#[inline(always)]
fn small_sigma1<S: Simd>(x: S::u32s) -> S::u32s {
    right::<S>(x, 17) ^ right::<S>(x, 19) ^ (x >> 10)
}
