//! HMAC (RFC 2104) over bare compression functions: whole blocks go to the hash straight from the packet, and only the joints
//! between its parts are copied.

use core::slice::from_ref;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::hash::Hash;

const IPAD: u8 = 0x36;
const OPAD: u8 = 0x5c;

/// The hash's two states after the key, combined with `ipad` and with `opad`, went through it (RFC 2104 §4), so that a
/// packet starts from a copy of them and its key is not compressed again. They are wiped when dropped.
pub(in crate::crypto) struct KeyedHash<H: Hash<BLOCK>, const BLOCK: usize> {
    inner: H::State,
    outer: H::State,
}

impl<H: Hash<BLOCK>, const BLOCK: usize> KeyedHash<H, BLOCK> {
    /// The states after `key`; `None` if it is longer than a block, when it would have to be hashed first (RFC 2104 §2).
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        let mut block = [0; BLOCK];
        block.get_mut(..key.len())?.copy_from_slice(key);
        let mut keyed = Self { inner: H::INITIAL, outer: H::INITIAL };
        for octet in &mut block {
            *octet ^= IPAD;
        }
        H::compress(&mut keyed.inner, from_ref(&block));
        for octet in &mut block {
            *octet ^= IPAD ^ OPAD;
        }
        H::compress(&mut keyed.outer, from_ref(&block));
        block.zeroize();
        Some(keyed)
    }

    /// The inner hash after the key.
    pub(in crate::crypto) const fn inner(&self) -> &H::State {
        &self.inner
    }

    /// The outer hash after the key.
    pub(in crate::crypto) const fn outer(&self) -> &H::State {
        &self.outer
    }

    /// Writes the first octets of the MAC over `parts`, in order, as if they were one string: see [`Mac::write`].
    #[inline]
    pub(super) fn write_mac<'p>(&self, parts: impl IntoIterator<Item = &'p [u8]>, octets: &mut [u8]) {
        let mut inner = InnerHash::new(self);
        // Not a loop: where the parts come from several places, each place is asked by itself, once.
        parts.into_iter().for_each(|part| inner.update(part));
        inner.finish(self).write(octets);
    }

    /// Whether the MAC over `parts` begins with `octets`: see [`Mac::begins_with`].
    #[inline]
    pub(super) fn mac_begins_with<'p>(&self, parts: impl IntoIterator<Item = &'p [u8]>, octets: &[u8]) -> bool {
        let mut inner = InnerHash::new(self);
        parts.into_iter().for_each(|part| inner.update(part));
        inner.finish(self).begins_with(octets)
    }
}

impl<H: Hash<BLOCK>, const BLOCK: usize> Zeroize for KeyedHash<H, BLOCK> {
    fn zeroize(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl<H: Hash<BLOCK>, const BLOCK: usize> Drop for KeyedHash<H, BLOCK> {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl<H: Hash<BLOCK>, const BLOCK: usize> zeroize::ZeroizeOnDrop for KeyedHash<H, BLOCK> {}

/// The inner hash on its way over a packet.
pub(super) struct InnerHash<'p, H: Hash<BLOCK>, const BLOCK: usize> {
    state: H::State,
    /// Whole blocks that are to be hashed next. They wait for what comes behind them to be copied: a processor hashes them and
    /// copies at the same time, but if it hashed first, it would then have to wait for the copy.
    waiting: &'p [[u8; BLOCK]],
    /// Octets that do not fill a block yet, and zeros; with room for the padding.
    end: [[u8; BLOCK]; 2],
    filled: usize,
    /// Octets hashed, with those that wait or are in `end` and without the key's.
    len: u64,
}

impl<'p, H: Hash<BLOCK>, const BLOCK: usize> InnerHash<'p, H, BLOCK> {
    #[inline(always)]
    pub(super) fn new(key: &KeyedHash<H, BLOCK>) -> Self {
        Self { state: *key.inner(), waiting: &[], end: [[0; BLOCK]; 2], filled: 0, len: 0 }
    }

    /// Takes whole blocks, at a time when nothing waits.
    #[inline(always)]
    pub(super) fn blocks(&mut self, blocks: &[[u8; BLOCK]]) {
        H::compress(&mut self.state, blocks);
        self.len = self.len.wrapping_add(blocks.as_flattened().len() as u64);
    }

    #[inline(always)]
    pub(super) fn update(&mut self, part: &'p [u8]) {
        if part.is_empty() {
            return;
        }
        self.len = self.len.wrapping_add(part.len() as u64);
        let mut part = part;
        if self.filled > 0 {
            let room = BLOCK.saturating_sub(self.filled);
            let Some((joint, rest)) = part.split_at_checked(room) else { return self.keep(part) };
            self.keep(joint);
            self.hash_waiting();
            H::compress(&mut self.state, &self.end[..1]);
            (self.end, self.filled, part) = ([[0; BLOCK]; 2], 0, rest);
        } else {
            self.hash_waiting();
        }
        let (blocks, rest) = part.as_chunks();
        self.waiting = blocks;
        self.keep(rest);
    }

    #[inline(always)]
    fn hash_waiting(&mut self) {
        if !self.waiting.is_empty() {
            H::compress(&mut self.state, self.waiting);
        }
        self.waiting = &[];
    }

    /// Copies octets for which there is room in the block.
    #[inline(always)]
    fn keep(&mut self, octets: &[u8]) {
        let room = self.end.as_flattened_mut().get_mut(self.filled..);
        if let Some(room) = room.and_then(|room| room.get_mut(..octets.len())) {
            room.copy_from_slice(octets);
            self.filled = self.filled.wrapping_add(octets.len());
        }
    }

    /// The MAC. It stays where the hash was: whoever moves it waits for it to reach memory and come back.
    #[inline(always)]
    pub(super) fn finish<'m>(&'m mut self, key: &KeyedHash<H, BLOCK>) -> Mac<'m, H, BLOCK> {
        // As with what waits: all that is known by now is written before anything is hashed.
        let mut outer = [[0; BLOCK]];
        pad::<H, BLOCK>(&mut outer, H::DIGEST_LEN, H::DIGEST_LEN as u64);
        // The length has 8 octets in a block of 64, and 16 in one of 128.
        let blocks = if self.filled < const { BLOCK - BLOCK / 8 } { 1 } else { 2 };
        let blocks = self.end.get_mut(..blocks).unwrap_or_default();
        pad::<H, BLOCK>(blocks, self.filled, self.len);
        if !self.waiting.is_empty() {
            H::compress(&mut self.state, self.waiting);
        }
        H::compress(&mut self.state, blocks);
        H::write(&self.state, outer.as_flattened_mut().get_mut(..H::DIGEST_LEN).unwrap_or_default());
        self.state = *key.outer();
        H::compress(&mut self.state, &outer);
        Mac { state: &mut self.state }
    }
}

/// Writes the padding behind the last octets, `filled` of them in `end` and zeros behind: it says that `len` octets were hashed
/// behind the key.
#[inline(always)]
fn pad<H: Hash<BLOCK>, const BLOCK: usize>(end: &mut [[u8; BLOCK]], filled: usize, len: u64) {
    let end = end.as_flattened_mut();
    if let Some(end) = end.get_mut(filled) {
        *end = 0x80;
    }
    if let Some(length) = end.last_chunk_mut() {
        *length = H::length(len.wrapping_add(BLOCK as u64).wrapping_mul(8));
    }
}

/// A whole MAC, wiped when dropped: that of a forged packet is a secret until the packet is refused.
pub(super) struct Mac<'m, H: Hash<BLOCK>, const BLOCK: usize> {
    state: &'m mut H::State,
}

impl<H: Hash<BLOCK>, const BLOCK: usize> Mac<'_, H, BLOCK> {
    /// Writes the first octets of it, a whole number of words and no more than there are.
    #[inline(always)]
    pub(super) fn write(&self, octets: &mut [u8]) {
        H::write(self.state, octets);
    }

    /// Whether it begins with `octets`, a whole number of words. Takes the same time wherever they differ.
    #[inline(always)]
    pub(super) fn begins_with(&self, octets: &[u8]) -> bool {
        H::difference(self.state, octets).ct_eq(&0).into()
    }
}

impl<H: Hash<BLOCK>, const BLOCK: usize> Drop for Mac<'_, H, BLOCK> {
    #[inline(always)]
    fn drop(&mut self) {
        self.state.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use hmac::EagerHash;
    use proptest::prelude::*;

    use super::super::hash::{Md5, Sha1, Sha256, Sha384, Sha512};
    use super::super::prf;
    use super::*;

    /// The MAC of `parts` is that of the crate `hmac` over the same octets, and compares so, and every other does not.
    fn check<D: EagerHash, H: Hash<BLOCK>, const BLOCK: usize>(key: &[u8], parts: &[&[u8]], flip: usize) {
        let mut expected = [0; 64];
        let expected = &mut expected[..H::DIGEST_LEN];
        prf::mac::<D>(&prf::keyed::<D>(key).unwrap(), [&*parts.concat()], expected).unwrap();
        let keyed = KeyedHash::<H, BLOCK>::new(key).unwrap();
        let parts = || parts.iter().copied();
        let mut octets = [0xee; 64];
        let octets = &mut octets[..H::DIGEST_LEN];
        keyed.write_mac(parts(), octets);
        assert_eq!(octets, expected);
        // Whole words, from the shortest ICV on.
        for len in (8..=octets.len()).step_by(8) {
            assert!(keyed.mac_begins_with(parts(), &octets[..len]));
            let flip = flip % (8 * len);
            octets[flip / 8] ^= 1 << (flip % 8);
            assert!(!keyed.mac_begins_with(parts(), &octets[..len]), "bit {flip} of {len} octets");
            octets[flip / 8] ^= 1 << (flip % 8);
        }
    }

    proptest! {
        #[test]
        fn is_hmac_however_the_octets_are_parted(
            octets in prop::collection::vec(any::<u8>(), 0..=300),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            key in any::<[u8; 32]>(),
            key_len in 0..=64_usize,
            flip in any::<usize>(),
        ) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
            cuts.extend([0, octets.len()]);
            cuts.sort_unstable();
            let parts: Vec<_> = cuts.windows(2).map(|ends| &octets[ends[0]..ends[1]]).collect();
            let key = &[key, key].concat()[..key_len];
            check::<md5::Md5, Md5, 64>(key, &parts, flip);
            check::<sha1::Sha1, Sha1, 64>(key, &parts, flip);
            check::<sha2::Sha256, Sha256, 64>(key, &parts, flip);
            check::<sha2::Sha384, Sha384, 128>(key, &parts, flip);
            check::<sha2::Sha512, Sha512, 128>(key, &parts, flip);
        }
    }

    /// Every length around the ends of two blocks, in one part and in two.
    #[test]
    fn is_hmac_at_every_length() {
        let octets: [u8; 300] = core::array::from_fn(|i| i as u8 ^ 0x39);
        for len in 0..=octets.len() {
            for cut in [0, len / 3, len] {
                let parts = octets[..len].split_at(cut);
                let parts = [parts.0, parts.1];
                check::<md5::Md5, Md5, 64>(&[1; 16], &parts, len);
                check::<sha1::Sha1, Sha1, 64>(&[2; 20], &parts, len);
                check::<sha2::Sha256, Sha256, 64>(&[3; 32], &parts, len);
                check::<sha2::Sha384, Sha384, 128>(&[4; 48], &parts, len);
                check::<sha2::Sha512, Sha512, 128>(&[5; 64], &parts, len);
            }
        }
    }

    #[test]
    fn takes_no_key_longer_than_a_block() {
        assert!(KeyedHash::<Sha1, 64>::new(&[0; 64]).is_some() && KeyedHash::<Sha1, 64>::new(&[0; 65]).is_none());
        assert!(
            KeyedHash::<Sha512, 128>::new(&[0; 128]).is_some() && KeyedHash::<Sha512, 128>::new(&[0; 129]).is_none()
        );
    }

    // The memory of a dropped value cannot be read without `unsafe`, so what `Drop` runs is tested instead, and that there is
    // something to drop.
    #[test]
    fn states_are_wiped() {
        fn wiped<H: Hash<BLOCK, State: PartialEq + Default>, const BLOCK: usize>() {
            let mut keyed = KeyedHash::<H, BLOCK>::new(&[0xa5; 16]).unwrap();
            keyed.zeroize();
            assert!(keyed.inner == H::State::default() && keyed.outer == H::State::default());
            assert!(core::mem::needs_drop::<KeyedHash<H, BLOCK>>() && core::mem::needs_drop::<Mac<'_, H, BLOCK>>());
        }
        wiped::<Md5, 64>();
        wiped::<Sha1, 64>();
        wiped::<Sha256, 64>();
        wiped::<Sha384, 128>();
        wiped::<Sha512, 128>();
    }
}
