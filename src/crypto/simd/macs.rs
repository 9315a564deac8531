//! The MACs of a chunk of jobs.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::chaining::{Chaining, HashName};
use super::hmac;
use super::level::Lanes;
use super::message::Lane;
use crate::crypto::Icv;

/// Lanes of the largest group.
pub(super) const WIDEST: usize = 32;

/// Computed MACs of a group, as many octets of each as its ICV has. Wiped when dropped: the right ICV of a forged packet is a
/// secret until the packet is refused.
pub(super) struct Macs {
    macs: [u128; WIDEST],
    len: usize,
    /// What was not computed is no MAC of zeros.
    computed: bool,
}

impl Macs {
    /// None, and room for those of a group. They are computed where they lie, once: what is moved leaves a copy.
    pub(super) const fn none() -> Self {
        Self { macs: [0; WIDEST], len: 0, computed: false }
    }

    /// Computes those of `side`, whose keys are all of one hash.
    pub(super) fn compute(&mut self, lanes: Lanes, side: &mut [Lane<'_, '_>]) {
        let Some(hash) = side.first().and_then(|lane| lane.key.chaining()).map(Chaining::hash) else { return };
        let Some(done) = self.macs.get_mut(..side.len()) else { return };
        self.len = done.len();
        self.computed = match lanes {
            _ if side.len() < lanes.least() => hmac::one_by_one(side, done),
            Lanes::Sixteen(avx512) => hmac::macs(avx512, hash, side, done),
            Lanes::Eight(avx2) => hmac::macs(avx2, hash, side, done),
            Lanes::One => hmac::one_by_one(side, done),
        };
        for mac in done {
            *mac &= mask(hash);
        }
    }

    /// The MACs, in the order of the lanes: of all, or of none if there was one that could not be computed.
    pub(super) fn iter(&self) -> impl Iterator<Item = Mac<'_>> {
        self.macs.iter().take(if self.computed { self.len } else { 0 }).map(Mac)
    }
}

impl Drop for Macs {
    fn drop(&mut self) {
        for mac in self.macs.iter_mut().take(self.len) {
            mac.zeroize();
        }
    }
}

/// One MAC, its first octet lowest, nothing but zeros behind its ICV.
#[derive(Clone, Copy)]
pub(super) struct Mac<'m>(&'m u128);

impl Mac<'_> {
    /// Writes the ICV to `icv`, which has its length.
    pub(super) fn write(self, icv: &mut [u8]) {
        let octets = self.0.to_le_bytes();
        if let (Ok(icv), Some(octets)) = (<&mut [u8; 12]>::try_from(&mut *icv), octets.first_chunk()) {
            *icv = *octets;
            return;
        }
        for (to, from) in icv.iter_mut().zip(octets) {
            *to = from;
        }
    }

    /// The ICV by itself, of `hash`.
    pub(super) fn icv(self, hash: HashName) -> Option<Icv> {
        Icv::truncated(&self.0.to_le_bytes(), hash.icv_len())
    }

    /// Whether `received`, which has the length of the ICV, is the ICV. Compared as integers, in constant time.
    pub(super) fn is(self, received: &[u8]) -> bool {
        let difference = self.0 ^ integer(received);
        // Its two halves, one upon the other: 64 bits are what there is a comparison for.
        ((difference as u64) | ((difference >> 64) as u64)).ct_eq(&0).into()
    }
}

/// What is left of a MAC in an ICV.
const fn mask(hash: HashName) -> u128 {
    match hash.icv_len() {
        12 => (1 << 96) - 1,
        _ => u128::MAX,
    }
}

/// Up to 16 octets as an integer, the first lowest.
pub(super) fn integer(octets: &[u8]) -> u128 {
    if let Some((low, high)) = octets.split_first_chunk::<8>()
        && let Ok(high) = <[u8; 4]>::try_from(high)
    {
        return u128::from(u64::from_le_bytes(*low)) | (u128::from(u32::from_le_bytes(high)) << 64);
    }
    if let Ok(whole) = <[u8; 16]>::try_from(octets) {
        return u128::from_le_bytes(whole);
    }
    let mut whole = [0; 16];
    for (to, from) in whole.iter_mut().zip(octets) {
        *to = *from;
    }
    u128::from_le_bytes(whole)
}
