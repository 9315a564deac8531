//! AES-CBC (RFC 3602): encryption of several packets in lockstep, each under a key of its own, and decryption of several blocks
//! of a packet at once. Four blocks are in a vector.

use core::arch::x86_64::{
    __m128i, __m512i, _mm512_aesdec_epi128, _mm512_aesdeclast_epi128, _mm512_aesenc_epi128, _mm512_aesenclast_epi128,
    _mm512_alignr_epi64, _mm512_broadcast_i64x2, _mm512_castsi128_si512, _mm512_castsi512_si128,
    _mm512_extracti64x2_epi64, _mm512_inserti64x2, _mm512_setzero_si512, _mm512_xor_si512,
};
use core::array::from_fn;
use fearless_simd::{Avx512, Simd, SimdBase, SimdInto, kernel, u8x16};
use zeroize::Zeroize;

use super::schedule::{KeySize, MAX_KEYS, Schedule};

/// One packet to be encrypted.
pub(super) struct Lane<'l> {
    pub(super) schedule: &'l Schedule,
    pub(super) iv: [u8; 16],
    pub(super) blocks: &'l mut [[u8; 16]],
}

/// Stands in for the blocks of lanes that have none.
const NO_BLOCK: &[u8; 16] = &[0; 16];

/// Packets of the widest lockstep.
const WIDEST: usize = 32;

/// Encrypts each lane. All keys have the size `size`.
pub(super) fn encrypt(avx512: Avx512, size: KeySize, lanes: &mut [Option<Lane<'_>>]) {
    for lanes in lanes.chunks_mut(WIDEST) {
        avx512.vectorize(
            #[inline(always)]
            || match (lanes.len() > WIDEST / 2, size) {
                (true, KeySize::Bits128) => lockstep::<8, 11>(avx512, lanes),
                (true, KeySize::Bits192) => lockstep::<8, 13>(avx512, lanes),
                (true, KeySize::Bits256) => lockstep::<8, 15>(avx512, lanes),
                (false, KeySize::Bits128) => lockstep::<4, 11>(avx512, lanes),
                (false, KeySize::Bits192) => lockstep::<4, 13>(avx512, lanes),
                (false, KeySize::Bits256) => lockstep::<4, 15>(avx512, lanes),
            },
        );
    }
}

/// Stands in for the round keys of lanes that there is no packet for.
const NO_KEYS: &[[u8; 16]; MAX_KEYS] = &[[0; 16]; MAX_KEYS];

/// Four times `G` packets, `K` round keys each.
#[inline(always)]
fn lockstep<const G: usize, const K: usize>(avx512: Avx512, lanes: &mut [Option<Lane<'_>>]) {
    let mut longest = 0;
    let mut schedules = [[NO_KEYS; 4]; G];
    let mut ivs = [[&[0; 16]; 4]; G];
    let mut data: [[&mut [[u8; 16]]; 4]; G] = from_fn(|_| Default::default());
    let places = schedules.as_flattened_mut().iter_mut().zip(ivs.as_flattened_mut()).zip(data.as_flattened_mut());
    for (((schedule, iv), data), lane) in places.zip(lanes.iter_mut().flatten()) {
        longest = longest.max(lane.blocks.len());
        *schedule = lane.schedule.encrypt();
        *iv = &lane.iv;
        *data = lane.blocks;
    }
    // The round keys of four packets side by side: copied once for the whole lockstep.
    let mut keys = [[nothing(avx512); G]; K];
    let mut state = [nothing(avx512); G];
    for (group, ([a, b, c, d], [e, f, g, h])) in schedules.iter().zip(&ivs).enumerate() {
        for (round, keys) in keys.iter_mut().enumerate() {
            keys[group] = gather(avx512, [&a[round], &b[round], &c[round], &d[round]]);
        }
        state[group] = gather(avx512, [e, f, g, h]);
    }

    for at in 0..longest {
        for (group, state) in state.iter_mut().enumerate() {
            // A lane that has ended goes on with zeros, and nobody looks.
            let [a, b, c, d] = &data[group];
            let blocks = [
                a.get(at).unwrap_or(NO_BLOCK),
                b.get(at).unwrap_or(NO_BLOCK),
                c.get(at).unwrap_or(NO_BLOCK),
                d.get(at).unwrap_or(NO_BLOCK),
            ];
            let whitened = xor(avx512, gather(avx512, blocks), keys[0][group]);
            *state = xor(avx512, *state, whitened);
        }
        for round in 1..K - 1 {
            for (state, key) in state.iter_mut().zip(&keys[round]) {
                *state = round_enc(avx512, *state, *key);
            }
        }
        for ((state, key), data) in state.iter_mut().zip(&keys[K - 1]).zip(&mut data) {
            *state = last_enc(avx512, *state, *key);
            for (block, blocks) in split(avx512, *state).into_iter().zip(data) {
                if let Some(to) = blocks.get_mut(at) {
                    *to = block;
                }
            }
        }
    }
    keys.iter_mut().flatten().for_each(Zeroize::zeroize);
}

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
