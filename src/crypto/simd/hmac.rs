//! HMAC (RFC 2104) over the messages of several lanes at once, each with a key of its own.

use core::array::from_fn;

use fearless_simd::{Select, SimdBase, SimdFrom, SimdMask};

use super::chaining::HashName;
use super::hash::{LaneHash, Md5, Sha1, Sha256};
use super::message::Lane;
use super::width::{BLOCK_LEN, Width};
use crate::crypto::{CryptoProvider, RustCrypto};

/// Stands in for the blocks of lanes that have none.
const NO_BLOCK: &[u8; BLOCK_LEN] = &[0; BLOCK_LEN];

/// The first 16 octets of each lane's MAC, the first octet lowest. The keys are `hash`'s, and `macs` is as long as `lanes`.
///
/// Fewer lanes than `least` are not worth a vector and are taken one by one.
pub(super) fn macs<'l, 'p: 'l, W: Width<N>, const N: usize>(
    simd: W,
    hash: HashName,
    lanes: &mut [Option<Lane<'l, 'p>>],
    macs: &mut [u128],
    least: usize,
) {
    for (lanes, macs) in lanes.chunks_mut(N).zip(macs.chunks_mut(N)) {
        if lanes.len() < least {
            one_by_one(lanes, macs);
            continue;
        }
        simd.vectorize(
            #[inline(always)]
            || match hash {
                HashName::Md5 => side_by_side::<W, Md5, N, 4>(simd, lanes, macs),
                HashName::Sha1 => side_by_side::<W, Sha1, N, 5>(simd, lanes, macs),
                HashName::Sha256 => side_by_side::<W, Sha256, N, 8>(simd, lanes, macs),
            },
        );
    }
}

pub(super) fn one_by_one(lanes: &mut [Option<Lane<'_, '_>>], macs: &mut [u128]) {
    for (lane, mac) in lanes.iter_mut().zip(macs) {
        let Some(lane) = lane.take() else { continue };
        let key = lane.key.one();
        // The shipped provider has no reason to fail here.
        if let Ok(icv) = RustCrypto.icv(key, lane.into_parts()) {
            *mac = super::macs::integer(icv.as_octets());
        }
    }
}

#[inline(always)]
fn side_by_side<W: Width<N>, H: LaneHash<WORDS>, const N: usize, const WORDS: usize>(
    simd: W,
    lanes: &mut [Option<Lane<'_, '_>>],
    macs: &mut [u128],
) {
    let mut keys = [NO_BLOCK; N];
    let (mut shortest, mut longest) = (usize::MAX, 0);
    for (key, lane) in keys.iter_mut().zip(lanes.iter().flatten()) {
        if let Some(chaining) = lane.key.chaining() {
            *key = chaining.octets();
        }
        shortest = shortest.min(lane.blocks());
        longest = longest.max(lane.blocks());
    }
    // Both chaining values come in one block, the inner one first.
    let keys = simd.transpose(&keys, false);
    let mut state: [W::u32s; WORDS] = from_fn(|word| keys[word]);

    let mut buffers = [[0; BLOCK_LEN]; N];
    for at in 0..longest {
        let mut rows = [NO_BLOCK; N];
        let mut alive = 0_u64;
        for (lane, ((row, buffer), bit)) in
            lanes.iter_mut().flatten().zip(rows.iter_mut().zip(&mut buffers).zip(0_u32..))
        {
            if let Some(block) = lane.next(buffer, H::BE) {
                *row = block;
                alive |= 1 << bit;
            }
        }
        let next = H::compress(simd, state, simd.transpose(&rows, H::BE));
        state = if at < shortest {
            next
        } else {
            // What has ended stays as it is.
            let alive = <W::u32s as SimdBase<W>>::Mask::from_bitmask(simd, alive);
            from_fn(|word| alive.select(next[word], state[word]))
        };
    }

    // The outer hash is over one block: the inner one, padded.
    let word = |value| W::u32s::simd_from(simd, value);
    let marker = if H::BE { 0x8000_0000 } else { 0x80 };
    let bits = (BLOCK_LEN as u32 + WORDS as u32 * 4) * 8;
    let block: [W::u32s; 16] = from_fn(|at| match at {
        at if at < WORDS => state[at],
        at if at == WORDS => word(marker),
        15 if H::BE => word(bits),
        14 if !H::BE => word(bits),
        _ => word(0),
    });
    let state = H::compress(simd, from_fn(|word| keys[WORDS + word]), block);

    let words: [[u32; N]; 4] = from_fn(|word| state[word].to_array());
    for (lane, mac) in macs.iter_mut().enumerate() {
        *mac = words.iter().rev().fold(0, |mac, word| {
            let word = word[lane];
            (mac << 32) | u128::from(if H::BE { word.swap_bytes() } else { word })
        });
    }
}
