//! HMAC (RFC 2104) over the messages of several lanes at once, each with a key of its own.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "indices and sums are of lanes and words, whose numbers are in types"
)]

use fearless_simd::{Select, Simd, SimdBase, SimdFrom, SimdMask};
use zeroize::zeroize_stack;

use super::chaining::HashName;
use super::hash::{LaneHash, Md5, Sha1, Sha256};
use super::macs::{WIDEST, integer};
use super::message::Lane;
use super::width::{BLOCK_LEN, Width};
use super::wipe::frame;
use crate::crypto::{CryptoProvider, RustCrypto};

/// Stands in for the blocks of lanes that have none.
const NO_BLOCK: &[u8; BLOCK_LEN] = &[0; BLOCK_LEN];

/// Blocks of messages, with their padding, that SHA-1 takes in one vector's lanes at a time.
const SHORT: usize = 3;

/// The first 16 octets of each lane's MAC, the first octet lowest. The keys are `hash`'s, and there are as many `macs` as
/// `lanes`, at most twice `N`. Returns whether all were computed.
pub(super) fn macs<W: Width<N>, const N: usize>(
    simd: W,
    hash: HashName,
    lanes: &mut [Lane<'_, '_>],
    macs: &mut [u128],
) -> bool {
    // Two vectors' lanes are for the wide level, which has the registers. Short messages under SHA-1 were measured to take less
    // in one vector's lanes after the other's; under the other hashes they take more.
    let short = matches!(hash, HashName::Sha1) && lanes.iter().all(|lane| lane.blocks() <= SHORT);
    let two = N > 8 && lanes.len() > N && !short;
    if !two && lanes.len() > N {
        return lanes.chunks_mut(N).zip(macs.chunks_mut(N)).all(|(lanes, macs)| self::macs(simd, hash, lanes, macs));
    }
    let begun = Begun::new(lanes);
    if N > 8 {
        // A frame for each, as large as it has to be.
        match (hash, two) {
            (HashName::Md5, false) => vectors::<W, Md5, N, 4, 1>(simd, lanes, &begun, macs),
            (HashName::Sha1, false) => vectors::<W, Sha1, N, 5, 1>(simd, lanes, &begun, macs),
            (HashName::Sha256, false) => vectors::<W, Sha256, N, 8, 1>(simd, lanes, &begun, macs),
            (HashName::Md5, true) => vectors::<W, Md5, N, 4, 2>(simd, lanes, &begun, macs),
            (HashName::Sha1, true) => vectors::<W, Sha1, N, 5, 2>(simd, lanes, &begun, macs),
            (HashName::Sha256, true) => vectors::<W, Sha256, N, 8, 2>(simd, lanes, &begun, macs),
        }
    } else {
        // One for all: in one of its own SHA-256 was measured to take 30 % more at this level.
        any_hash(simd, hash, lanes, &begun, macs);
        zeroize_stack::<{ frame(9728) }>();
    }
    true
}

/// The same, of any hash in one vector.
#[inline(never)]
fn any_hash<W: Width<N>, const N: usize>(
    simd: W,
    hash: HashName,
    lanes: &mut [Lane<'_, '_>],
    begun: &Begun<'_, '_>,
    macs: &mut [u128],
) {
    simd.vectorize(
        #[inline(always)]
        || match hash {
            HashName::Md5 => side_by_side::<W, Md5, N, 4, 1>(simd, lanes, begun, macs),
            HashName::Sha1 => side_by_side::<W, Sha1, N, 5, 1>(simd, lanes, begun, macs),
            HashName::Sha256 => side_by_side::<W, Sha256, N, 8, 1>(simd, lanes, begun, macs),
        },
    );
}

/// The same, of one hash in `M` vectors, with nothing left on the stack.
fn vectors<W: Width<N>, H: LaneHash<WORDS>, const N: usize, const WORDS: usize, const M: usize>(
    simd: W,
    lanes: &mut [Lane<'_, '_>],
    begun: &Begun<'_, '_>,
    macs: &mut [u128],
) {
    one_hash::<W, H, N, WORDS, M>(simd, lanes, begun, macs);
    match M {
        1 => zeroize_stack::<{ frame(4096) }>(),
        _ => zeroize_stack::<{ frame(11_776) }>(),
    }
}

#[inline(never)]
fn one_hash<W: Width<N>, H: LaneHash<WORDS>, const N: usize, const WORDS: usize, const M: usize>(
    simd: W,
    lanes: &mut [Lane<'_, '_>],
    begun: &Begun<'_, '_>,
    macs: &mut [u128],
) {
    simd.vectorize(
        #[inline(always)]
        || side_by_side::<W, H, N, WORDS, M>(simd, lanes, begun, macs),
    );
}

/// What is known of the lanes before the first block.
struct Begun<'l, 'p> {
    keys: [&'l [u8; BLOCK_LEN]; WIDEST],
    /// Most of each message: as many blocks as all of them have in one piece.
    messages: [&'p [[u8; BLOCK_LEN]]; WIDEST],
    common: usize,
    /// Blocks of the shortest message and of the longest, padding included.
    shortest: usize,
    longest: usize,
}

impl<'l, 'p> Begun<'l, 'p> {
    /// Not where vectors are: the compiler would gather and scatter what it takes from the lanes, which is slower by far.
    #[inline(never)]
    fn new(lanes: &mut [Lane<'l, 'p>]) -> Self {
        let mut begun = Self {
            keys: [NO_BLOCK; WIDEST],
            messages: [&[]; WIDEST],
            common: usize::MAX,
            shortest: usize::MAX,
            longest: 0,
        };
        for (key, lane) in begun.keys.iter_mut().zip(&*lanes) {
            if let Some(chaining) = lane.key.chaining() {
                *key = chaining.octets();
            }
            begun.common = begun.common.min(lane.whole());
            begun.shortest = begun.shortest.min(lane.blocks());
            begun.longest = begun.longest.max(lane.blocks());
        }
        for (message, lane) in begun.messages.iter_mut().zip(lanes) {
            *message = lane.take(begun.common);
        }
        begun
    }
}

/// The same, one after the other.
pub(super) fn one_by_one(lanes: &mut [Lane<'_, '_>], macs: &mut [u128]) -> bool {
    lanes.iter_mut().zip(macs).all(|(lane, mac)| {
        let icv = RustCrypto.icv(lane.key.one(), lane.parts());
        if let Ok(icv) = &icv {
            *mac = integer(icv.as_octets());
        }
        icv.is_ok()
    })
}

#[inline(always)]
fn side_by_side<W: Width<N>, H: LaneHash<WORDS>, const N: usize, const WORDS: usize, const M: usize>(
    simd: W,
    lanes: &mut [Lane<'_, '_>],
    &Begun { keys, messages, common, shortest, longest }: &Begun<'_, '_>,
    macs: &mut [u128],
) {
    let zero = W::u32s::simd_from(simd, 0);
    // Both chaining values come in one block, the inner one first.
    let mut state = [[zero; WORDS]; M];
    let mut outer = [[zero; WORDS]; M];
    for ((state, outer), rows) in state.iter_mut().zip(&mut outer).zip(keys.as_chunks().0) {
        let words = simd.transpose(rows, false);
        let mut words = words.iter();
        for (to, from) in state.iter_mut().chain(outer).zip(&mut words) {
            *to = *from;
        }
    }
    let mut buffers = [[[0; BLOCK_LEN]; N]; M];
    // The outer hash comes last, in the same loop: there is one copy of the long code of the compression, and it stays in the
    // processor's cache.
    for at in 0..=longest {
        let mut alive = u64::MAX;
        let mut blocks = [[zero; 16]; M];
        if at == longest {
            for (block, state) in blocks.iter_mut().zip(&state) {
                *block = padded::<W, H, WORDS>(simd, state);
            }
            state = outer;
        } else {
            let mut rows = [[NO_BLOCK; N]; M];
            let places = rows.as_flattened_mut().iter_mut();
            if at < common {
                for (row, message) in places.zip(messages) {
                    *row = message.get(at).unwrap_or(NO_BLOCK);
                }
            } else {
                let places = places.zip(buffers.as_flattened_mut()).zip(0..u64::BITS);
                for (lane, ((row, buffer), bit)) in lanes.iter_mut().zip(places) {
                    match lane.next(simd, buffer, H::BE) {
                        Some(block) => *row = block,
                        None => alive &= !1_u64.wrapping_shl(bit),
                    }
                }
            }
            for (block, rows) in blocks.iter_mut().zip(&rows) {
                *block = simd.transpose(rows, H::BE);
            }
        }
        let next = H::compress(simd, state, blocks);
        if at < shortest || at == longest {
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

    for (state, macs) in state.iter().zip(macs.chunks_mut(N)) {
        let first = simd.first_words([state[0], state[1], state[2], state[3]], H::BE);
        for (mac, octets) in macs.iter_mut().zip(first) {
            *mac = u128::from_le_bytes(octets);
        }
    }
}

/// The one block of the outer hash, behind the key: the inner hash, padded.
#[inline(always)]
fn padded<S: Simd, H: LaneHash<WORDS>, const WORDS: usize>(simd: S, inner: &[S::u32s; WORDS]) -> [S::u32s; 16] {
    let mut block = [S::u32s::simd_from(simd, 0); 16];
    for (to, from) in block.iter_mut().zip(inner) {
        *to = *from;
    }
    block[WORDS] = S::u32s::simd_from(simd, if H::BE { 0x8000_0000 } else { 0x80 });
    block[if H::BE { 15 } else { 14 }] = S::u32s::simd_from(simd, (BLOCK_LEN as u32 + WORDS as u32 * 4) * 8);
    block
}
