//! HMAC (RFC 2104) over the messages of several lanes at once, each with a key of its own.

use fearless_simd::{Select, SimdBase, SimdFrom, SimdMask};

use super::chaining::HashName;
use super::hash::{LaneHash, Md5, Sha1, Sha256};
use super::macs::integer;
use super::message::Lane;
use super::width::{BLOCK_LEN, Width};
use crate::crypto::{CryptoProvider, RustCrypto};

/// Stands in for the blocks of lanes that have none.
const NO_BLOCK: &[u8; BLOCK_LEN] = &[0; BLOCK_LEN];

/// The first 16 octets of each lane's MAC, the first octet lowest. The keys are `hash`'s, and there are as many `macs` as
/// `lanes`, at most twice `N`.
pub(super) fn macs<W: Width<N>, const N: usize>(
    simd: W,
    hash: HashName,
    lanes: &mut [Lane<'_, '_>],
    macs: &mut [u128],
) {
    simd.vectorize(
        #[inline(always)]
        || match (hash, lanes.len() <= N) {
            (HashName::Md5, true) => side_by_side::<W, Md5, N, 4, 1>(simd, lanes, macs),
            (HashName::Sha1, true) => side_by_side::<W, Sha1, N, 5, 1>(simd, lanes, macs),
            (HashName::Sha256, true) => side_by_side::<W, Sha256, N, 8, 1>(simd, lanes, macs),
            (HashName::Md5, false) => side_by_side::<W, Md5, N, 4, 2>(simd, lanes, macs),
            (HashName::Sha1, false) => side_by_side::<W, Sha1, N, 5, 2>(simd, lanes, macs),
            (HashName::Sha256, false) => side_by_side::<W, Sha256, N, 8, 2>(simd, lanes, macs),
        },
    );
}

/// The same, one after the other.
pub(super) fn one_by_one(lanes: &mut [Lane<'_, '_>], macs: &mut [u128]) {
    for (lane, mac) in lanes.iter_mut().zip(macs) {
        let key = lane.key.one();
        // The shipped provider has no reason to fail here.
        if let Ok(icv) = RustCrypto.icv(key, lane.parts()) {
            *mac = integer(icv.as_octets());
        }
    }
}

#[inline(always)]
fn side_by_side<W: Width<N>, H: LaneHash<WORDS>, const N: usize, const WORDS: usize, const M: usize>(
    simd: W,
    lanes: &mut [Lane<'_, '_>],
    macs: &mut [u128],
) {
    let zero = W::u32s::simd_from(simd, 0);
    let mut rows = [[NO_BLOCK; N]; M];
    let (mut shortest, mut longest) = (usize::MAX, 0);
    for (row, lane) in rows.as_flattened_mut().iter_mut().zip(&*lanes) {
        if let Some(chaining) = lane.key.chaining() {
            *row = chaining.octets();
        }
        shortest = shortest.min(lane.blocks());
        longest = longest.max(lane.blocks());
    }
    // Both chaining values come in one block, the inner one first.
    let mut state = [[zero; WORDS]; M];
    let mut outer = [[zero; WORDS]; M];
    for ((state, outer), rows) in state.iter_mut().zip(&mut outer).zip(&rows) {
        let words = simd.transpose(rows, false);
        let mut words = words.iter();
        for (to, from) in state.iter_mut().chain(outer).zip(&mut words) {
            *to = *from;
        }
    }

    let mut buffers = [[[0; BLOCK_LEN]; N]; M];
    for at in 0..longest {
        let mut alive = 0_u64;
        let mut rows = [[NO_BLOCK; N]; M];
        let places = rows.as_flattened_mut().iter_mut().zip(buffers.as_flattened_mut()).zip(0_u32..);
        for (lane, ((row, buffer), bit)) in lanes.iter_mut().zip(places) {
            if let Some(block) = lane.next(buffer, H::BE) {
                *row = block;
                alive |= 1 << bit;
            }
        }
        let mut blocks = [[zero; 16]; M];
        for (block, rows) in blocks.iter_mut().zip(&rows) {
            *block = simd.transpose(rows, H::BE);
        }
        let next = H::compress(simd, state, blocks);
        if at < shortest {
            state = next;
        } else {
            // What has ended stays as it is.
            for (state, next) in state.iter_mut().zip(&next) {
                let alive_here = <W::u32s as SimdBase<W>>::Mask::from_bitmask(simd, alive);
                for (state, next) in state.iter_mut().zip(next) {
                    *state = alive_here.select(*next, *state);
                }
                alive >>= N;
            }
        }
    }

    // The outer hash is over one block: the inner one, padded.
    let mut blocks = [[zero; 16]; M];
    for (block, state) in blocks.iter_mut().zip(&state) {
        for (to, from) in block.iter_mut().zip(state) {
            *to = *from;
        }
        block[WORDS] = W::u32s::simd_from(simd, if H::BE { 0x8000_0000 } else { 0x80 });
        block[if H::BE { 15 } else { 14 }] = W::u32s::simd_from(simd, (BLOCK_LEN as u32 + WORDS as u32 * 4) * 8);
    }
    let state = H::compress(simd, outer, blocks);

    for (state, macs) in state.iter().zip(macs.chunks_mut(N)) {
        let words = [state[0].to_array(), state[1].to_array(), state[2].to_array(), state[3].to_array()];
        for (lane, mac) in macs.iter_mut().enumerate() {
            *mac = 0;
            for word in words.iter().rev() {
                let word = if H::BE { word[lane].swap_bytes() } else { word[lane] };
                *mac = (*mac << 32) | u128::from(word);
            }
        }
    }
}
