//! SHA-1's compression (FIPS 180-4 §6.1.2) of one block of each lane.

#![allow(clippy::arithmetic_side_effects, reason = "the words of a vector wrap around, as the hash asks")]

use fearless_simd::Simd;

use super::hash::{rotated, sums, unknown};
use super::width::Words;

/// The five words of each lane's chaining value after one more block; `M` vectors' worth of lanes.
#[inline(always)]
pub(super) fn compress<S: Words, const M: usize>(
    simd: S,
    before: [[S::u32s; 5]; M],
    mut blocks: [[S::u32s; 16]; M],
) -> [[S::u32s; 5]; M] {
    let mut after = before;
    // The names turn with each round instead of the values, and are back after five. From the 17th round on, a word of the
    // schedule takes the place of the one sixteen before it.
    macro_rules! rounds {
        ($f:ident, $k:literal: $($($t:literal)*;)*) => {{
            let k = unknown(simd, $k);
            $(for (state, w) in after.iter_mut().zip(&mut blocks) {
                let [mut a, mut b, mut c, mut d, mut e] = *state;
                $(
                    if $t >= 16 {
                        let word = w[($t + 13) % 16] ^ w[($t + 8) % 16] ^ w[($t + 2) % 16] ^ w[$t % 16];
                        w[$t % 16] = rotated::<S>(word, 1);
                    }
                    // What the round before decides comes last.
                    let next = rotated::<S>(a, 5) + ($f(simd, b, c, d) + (e + (k + w[$t % 16])));
                    (e, d, c, b, a) = (d, c, rotated::<S>(b, 30), a, next);
                )*
                *state = [a, b, c, d, e];
            })*
        }};
    }
    rounds!(choose, 0x5a82_7999:
        0 1 2 3 4;
        5 6 7 8 9;
        10 11 12 13 14;
        15 16 17 18 19;
    );
    rounds!(parity, 0x6ed9_eba1:
        20 21 22 23 24;
        25 26 27 28 29;
        30 31 32 33 34;
        35 36 37 38 39;
    );
    rounds!(majority, 0x8f1b_bcdc:
        40 41 42 43 44;
        45 46 47 48 49;
        50 51 52 53 54;
        55 56 57 58 59;
    );
    rounds!(parity, 0xca62_c1d6:
        60 61 62 63 64;
        65 66 67 68 69;
        70 71 72 73 74;
        75 76 77 78 79;
    );
    sums::<S, 5, M>(after, before)
}

#[inline(always)]
fn choose<S: Simd>(_: S, x: S::u32s, y: S::u32s, z: S::u32s) -> S::u32s {
    (x & y) | (!x & z)
}

#[inline(always)]
fn parity<S: Simd>(_: S, x: S::u32s, y: S::u32s, z: S::u32s) -> S::u32s {
    x ^ y ^ z
}

#[inline(always)]
fn majority<S: Words>(simd: S, x: S::u32s, y: S::u32s, z: S::u32s) -> S::u32s {
    simd.majority(x, y, z)
}
