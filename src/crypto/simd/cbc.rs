//! AES-CBC (RFC 3602): encryption of several packets in lockstep, each under a key of its own, and decryption of several blocks
//! of a packet at once. Four blocks are in a vector.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "indices are of lanes and rounds, whose numbers are in types; sums are within lengths of slices"
)]

use core::arch::x86_64::{
    __m128i, __m512i, _mm512_aesdec_epi128, _mm512_aesdeclast_epi128, _mm512_aesenc_epi128, _mm512_aesenclast_epi128,
    _mm512_alignr_epi64, _mm512_broadcast_i64x2, _mm512_castsi128_si512, _mm512_castsi512_si128,
    _mm512_extracti64x2_epi64, _mm512_inserti64x2, _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_xor_si512,
};
use core::array::from_fn;
use core::hint::black_box;
use fearless_simd::{Avx512, Simd, SimdBase, SimdInto, kernel, u8x16, u8x64};
use zeroize::Zeroize;

use super::schedule::{KeySize, MAX_KEYS, Schedule};

/// One packet to be encrypted.
pub(super) struct Lane<'l> {
    pub(super) schedule: &'l Schedule,
    pub(super) iv: &'l [u8; 16],
    pub(super) blocks: &'l mut [[u8; 16]],
}

/// Packets of the widest lockstep.
pub(super) const WIDEST: usize = 32;

/// Stands in for the blocks of lanes that have none.
const NO_BLOCK: &[u8; 16] = &[0; 16];
/// Stands in for the round keys of lanes that there is no packet for.
const NO_KEYS: &[[u8; 64]; MAX_KEYS / 4] = &[[0; 64]; MAX_KEYS / 4];

/// Encrypts each lane. All keys are of one size, and there are at most [`WIDEST`] lanes. Returns whether it was done.
pub(super) fn encrypt(avx512: Avx512, lanes: &mut [Option<Lane<'_>>]) -> bool {
    let Some(size) = lanes.iter().flatten().map(|lane| lane.schedule.size()).next() else { return false };
    avx512.vectorize(
        #[inline(always)]
        || match lanes.len() > WIDEST / 2 {
            true => lockstep::<8>(avx512, size.keys(), lanes),
            false => lockstep::<4>(avx512, size.keys(), lanes),
        },
    )
}

/// Four times `G` packets, `count` round keys each.
#[inline(always)]
fn lockstep<const G: usize>(avx512: Avx512, count: usize, lanes: &mut [Option<Lane<'_>>]) -> bool {
    let (mut shortest, mut longest) = (usize::MAX, 0);
    for lane in lanes.iter().flatten() {
        shortest = shortest.min(lane.blocks.len());
        longest = longest.max(lane.blocks.len());
    }
    let common = shortest / 4 * 4;
    let mut schedules = [[NO_KEYS; 4]; G];
    let mut ivs = [[NO_BLOCK; 4]; G];
    // What all lanes have goes four blocks at a time, each lane's in one load and one store.
    let mut fours: [[&mut [[u8; 64]]; 4]; G] = from_fn(|_| Default::default());
    let mut rest: [[&mut [[u8; 16]]; 4]; G] = from_fn(|_| Default::default());
    let keyed = schedules.as_flattened_mut().iter_mut().zip(ivs.as_flattened_mut());
    let cut = fours.as_flattened_mut().iter_mut().zip(rest.as_flattened_mut());
    for (((schedule, iv), (fours, rest)), lane) in keyed.zip(cut).zip(lanes.iter_mut().flatten()) {
        *schedule = lane.schedule.encrypt_fours();
        *iv = lane.iv;
        let (first, second) = lane.blocks.split_at_mut_checked(common).unwrap_or_default();
        *fours = first.as_flattened_mut().as_chunks_mut().0;
        *rest = second;
    }

    // The round keys of four packets side by side: copied once for the whole lockstep, four of each packet at a time.
    let mut keys = [[nothing(avx512); G]; MAX_KEYS];
    let mut state = [nothing(avx512); G];
    for (at, keys) in keys.as_chunks_mut().0.iter_mut().enumerate().take(count.div_ceil(4)) {
        let [a, b, c, d]: &mut [[__m512i; G]; 4] = keys;
        for ((((a, b), c), d), schedules) in a.iter_mut().zip(b).zip(c).zip(d).zip(&schedules) {
            [*a, *b, *c, *d] = turned(avx512, four_of_each(avx512, *schedules, at));
        }
    }
    for (state, iv) in state.iter_mut().zip(ivs) {
        *state = gather(avx512, iv);
    }
    // Whether 10, 12 or 14 rounds is not known when this is compiled, so that they are not written out: written out, one
    // vector's would come after the other's, and the processor would have to look far ahead to overlap them.
    let [first, others @ .., last] = keys.get(..count).unwrap_or_default() else { return false };
    // Where the keys lie is news to the compiler for each block: it would keep some of them in vectors that it has no room for, and
    // their copies on the stack would not be wiped.
    let used = || black_box((first, others, last));

    for at in 0..common / 4 {
        // The first block of each lane, then the second, the third and the fourth.
        let mut steps = [[nothing(avx512); G]; 4];
        let [a, b, c, d] = &mut steps;
        for ((((a, b), c), d), fours) in a.iter_mut().zip(b).zip(c).zip(d).zip(&fours) {
            [*a, *b, *c, *d] = turned(avx512, loaded(avx512, fours, at));
        }
        for data in &mut steps {
            state = chained(avx512, used(), state, *data);
            *data = state;
        }
        let [a, b, c, d] = steps;
        for ((((a, b), c), d), fours) in a.into_iter().zip(b).zip(c).zip(d).zip(&mut fours) {
            store(avx512, fours, at, [a, b, c, d]);
        }
    }
    for at in 0..longest.saturating_sub(common) {
        let mut data = [nothing(avx512); G];
        for (data, [a, b, c, d]) in data.iter_mut().zip(&rest) {
            // A lane that has ended goes on with zeros, and nobody looks.
            let [a, b, c, d] = [a.get(at), b.get(at), c.get(at), d.get(at)];
            let (a, b) = (a.unwrap_or(NO_BLOCK), b.unwrap_or(NO_BLOCK));
            *data = gather(avx512, [a, b, c.unwrap_or(NO_BLOCK), d.unwrap_or(NO_BLOCK)]);
        }
        state = chained(avx512, used(), state, data);
        for (state, rest) in state.into_iter().zip(&mut rest) {
            for (block, rest) in split(avx512, state).into_iter().zip(rest) {
                if let Some(to) = rest.get_mut(at) {
                    *to = block;
                }
            }
        }
    }
    for key in keys.iter_mut().take(count).flatten() {
        key.zeroize();
    }
    true
}

/// The next block of each lane encrypted, the one before being in `state`.
#[inline(always)]
fn chained<const G: usize>(
    avx512: Avx512,
    (first, others, last): (&[__m512i; G], &[[__m512i; G]], &[__m512i; G]),
    mut state: [__m512i; G],
    data: [__m512i; G],
) -> [__m512i; G] {
    for ((state, data), key) in state.iter_mut().zip(data).zip(first) {
        *state = xor(avx512, *state, xor(avx512, data, *key));
    }
    for keys in others {
        for (state, key) in state.iter_mut().zip(keys) {
            *state = round_enc(avx512, *state, *key);
        }
    }
    for (state, key) in state.iter_mut().zip(last) {
        *state = last_enc(avx512, *state, *key);
    }
    state
}

/// The four blocks at `at` of each lane, or zeros where there are none.
#[inline(always)]
fn loaded(avx512: Avx512, [a, b, c, d]: &[&mut [[u8; 64]]; 4], at: usize) -> [__m512i; 4] {
    [four(avx512, a, at), four(avx512, b, at), four(avx512, c, at), four(avx512, d, at)]
}

/// Stores the four blocks at `at` of each lane, if it has them.
#[inline(always)]
fn store(avx512: Avx512, fours: &mut [&mut [[u8; 64]]; 4], at: usize, blocks: [__m512i; 4]) {
    for (four, fours) in turned(avx512, blocks).into_iter().zip(fours) {
        if let Some(to) = fours.get_mut(at) {
            let four: u8x64<Avx512> = four.simd_into(avx512);
            *to = four.to_array();
        }
    }
}

/// The four round keys at `at` of each schedule.
#[inline(always)]
fn four_of_each(avx512: Avx512, [a, b, c, d]: [&[[u8; 64]; MAX_KEYS / 4]; 4], at: usize) -> [__m512i; 4] {
    [four(avx512, a, at), four(avx512, b, at), four(avx512, c, at), four(avx512, d, at)]
}

/// The 64 octets at `at`, or zeros if there are none.
#[inline(always)]
fn four(avx512: Avx512, fours: &[[u8; 64]], at: usize) -> __m512i {
    u8x64::load_array_ref(avx512, fours.get(at).unwrap_or(&[0; 64])).into()
}

kernel!(
    /// Four blocks of each of four lanes as four lanes' first, second, third and fourth blocks; or the other way round.
    #[inline(always)]
    fn turned(avx512: Avx512, blocks: [__m512i; 4]) -> [__m512i; 4] {
        let [a, b, c, d] = blocks;
        let (ab, cd) = (_mm512_shuffle_i64x2::<0x44>(a, b), _mm512_shuffle_i64x2::<0x44>(c, d));
        let (ab_high, cd_high) = (_mm512_shuffle_i64x2::<0xee>(a, b), _mm512_shuffle_i64x2::<0xee>(c, d));
        [
            _mm512_shuffle_i64x2::<0x88>(ab, cd),
            _mm512_shuffle_i64x2::<0xdd>(ab, cd),
            _mm512_shuffle_i64x2::<0x88>(ab_high, cd_high),
            _mm512_shuffle_i64x2::<0xdd>(ab_high, cd_high),
        ]
    }
);

/// Decrypts `blocks` in place.
#[inline(always)]
pub(super) fn decrypt(avx512: Avx512, schedule: &Schedule, iv: &[u8; 16], blocks: &mut [[u8; 16]]) {
    match schedule.size() {
        KeySize::Bits128 => unchain::<11>(avx512, schedule, iv, blocks),
        KeySize::Bits192 => unchain::<13>(avx512, schedule, iv, blocks),
        KeySize::Bits256 => unchain::<15>(avx512, schedule, iv, blocks),
    }
}

#[inline(always)]
fn unchain<const K: usize>(avx512: Avx512, schedule: &Schedule, iv: &[u8; 16], blocks: &mut [[u8; 16]]) {
    let mut keys = [nothing(avx512); K];
    for (key, octets) in keys.iter_mut().zip(schedule.decrypt()) {
        *key = broadcast(avx512, load(avx512, octets));
    }
    // Its last block is the one in front of the blocks to come.
    let mut before = broadcast(avx512, load(avx512, iv));
    let (sixteens, rest) = blocks.as_chunks_mut::<16>();
    for blocks in sixteens {
        let (fours, _) = blocks.as_chunks_mut::<4>();
        let mut received = [before; 4];
        for (received, [a, b, c, d]) in received.iter_mut().zip(&*fours) {
            *received = gather(avx512, [a, b, c, d]);
        }
        let plain = inverse(avx512, &keys, received);
        for ((four, plain), received) in fours.iter_mut().zip(plain).zip(received) {
            *four = split(avx512, xor(avx512, plain, shifted(avx512, before, received)));
            before = received;
        }
    }
    let (fours, rest) = rest.as_chunks_mut::<4>();
    for four in fours {
        let [a, b, c, d] = &*four;
        let received = gather(avx512, [a, b, c, d]);
        let [plain] = inverse(avx512, &keys, [received]);
        *four = split(avx512, xor(avx512, plain, shifted(avx512, before, received)));
        before = received;
    }
    if let Some(a) = rest.first() {
        let (b, c) = (rest.get(1).unwrap_or(NO_BLOCK), rest.get(2).unwrap_or(NO_BLOCK));
        let received = gather(avx512, [a, b, c, NO_BLOCK]);
        let [plain] = inverse(avx512, &keys, [received]);
        let plain = split(avx512, xor(avx512, plain, shifted(avx512, before, received)));
        for (to, from) in rest.iter_mut().zip(plain) {
            *to = from;
        }
    }
    for key in &mut keys {
        key.zeroize();
    }
}

/// The inverse cipher (FIPS 197 §5.3.5) without its chaining.
#[inline(always)]
fn inverse<const G: usize, const K: usize>(
    avx512: Avx512,
    keys: &[__m512i; K],
    mut state: [__m512i; G],
) -> [__m512i; G] {
    for state in &mut state {
        *state = xor(avx512, *state, keys[0]);
    }
    for key in &keys[1..K - 1] {
        for state in &mut state {
            *state = round_dec(avx512, *state, *key);
        }
    }
    for state in &mut state {
        *state = last_dec(avx512, *state, keys[K - 1]);
    }
    state
}

#[inline(always)]
fn load(avx512: Avx512, block: &[u8; 16]) -> __m128i {
    u8x16::load_array_ref(avx512, block).into()
}

#[inline(always)]
fn gather(avx512: Avx512, [a, b, c, d]: [&[u8; 16]; 4]) -> __m512i {
    join(avx512, load(avx512, a), load(avx512, b), load(avx512, c), load(avx512, d))
}

kernel!(
    #[inline(always)]
    fn nothing(avx512: Avx512) -> __m512i {
        _mm512_setzero_si512()
    }
);

kernel!(
    #[inline(always)]
    fn join(avx512: Avx512, a: __m128i, b: __m128i, c: __m128i, d: __m128i) -> __m512i {
        let low = _mm512_inserti64x2::<1>(_mm512_castsi128_si512(a), b);
        _mm512_inserti64x2::<3>(_mm512_inserti64x2::<2>(low, c), d)
    }
);

kernel!(
    #[inline(always)]
    fn split(avx512: Avx512, blocks: __m512i) -> [[u8; 16]; 4] {
        let a: u8x16<Avx512> = _mm512_castsi512_si128(blocks).simd_into(avx512);
        let b: u8x16<Avx512> = _mm512_extracti64x2_epi64::<1>(blocks).simd_into(avx512);
        let c: u8x16<Avx512> = _mm512_extracti64x2_epi64::<2>(blocks).simd_into(avx512);
        let d: u8x16<Avx512> = _mm512_extracti64x2_epi64::<3>(blocks).simd_into(avx512);
        [a.to_array(), b.to_array(), c.to_array(), d.to_array()]
    }
);

kernel!(
    #[inline(always)]
    fn broadcast(avx512: Avx512, block: __m128i) -> __m512i {
        _mm512_broadcast_i64x2(block)
    }
);

kernel!(
    /// Each block's predecessor: the last one of `before`, and the first three of `blocks`.
    #[inline(always)]
    fn shifted(avx512: Avx512, before: __m512i, blocks: __m512i) -> __m512i {
        _mm512_alignr_epi64::<6>(blocks, before)
    }
);

kernel!(
    #[inline(always)]
    fn xor(avx512: Avx512, a: __m512i, b: __m512i) -> __m512i {
        _mm512_xor_si512(a, b)
    }
);

kernel!(
    #[inline(always)]
    fn round_enc(avx512: Avx512, state: __m512i, key: __m512i) -> __m512i {
        _mm512_aesenc_epi128(state, key)
    }
);

kernel!(
    #[inline(always)]
    fn last_enc(avx512: Avx512, state: __m512i, key: __m512i) -> __m512i {
        _mm512_aesenclast_epi128(state, key)
    }
);

kernel!(
    #[inline(always)]
    fn round_dec(avx512: Avx512, state: __m512i, key: __m512i) -> __m512i {
        _mm512_aesdec_epi128(state, key)
    }
);

kernel!(
    #[inline(always)]
    fn last_dec(avx512: Avx512, state: __m512i, key: __m512i) -> __m512i {
        _mm512_aesdeclast_epi128(state, key)
    }
);
