//! CBC and the hash of HMAC over one packet at the same time.
//!
//! Each block of CBC waits for the one before it, and so does each block of the hash, while the processor could do several
//! such things at once. So they take turns, 64 octets each: the cipher is one turn ahead, and nothing in a turn waits for
//! anything else in it.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser};

use super::chain::{BLOCK_LEN, Chain, DATA_AT, Row};
use super::esp::{self, Job};
use super::hash::Hash;
use super::keyed_hash::{InnerHash, KeyedHash};
use super::{cipher, integrity};
use crate::crypto::CryptoError;

/// Octets that the hash takes in a turn.
const TURN: usize = 64;

/// Octets from the beginning of a turn's block of the hash to the end of what is encrypted before it: the fewest whole blocks
/// of the data that are enough.
const AHEAD: usize = DATA_AT + 3 * BLOCK_LEN;

/// Seals `job` if it can be done this way, and otherwise leaves it as it is.
pub(super) fn seal(job: &mut Job<'_>) -> bool {
    match job.cipher().keyed() {
        cipher::Keyed::Cbc128(aes) => seal_cbc(aes, job),
        cipher::Keyed::Cbc192(aes) => seal_cbc(aes, job),
        cipher::Keyed::Cbc256(aes) => seal_cbc(aes, job),
        cipher::Keyed::Null | cipher::Keyed::Ctr128(..) | cipher::Keyed::Ctr192(..) | cipher::Keyed::Ctr256(..) => {
            false
        }
    }
}

fn seal_cbc<C>(aes: &C, job: &mut Job<'_>) -> bool
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let (integrity, fits) = (job.integrity(), esp::fits_cbc(job));
    let (protected, high, icv) = job.covered();
    let Some(iv) = protected.first_chunk::<DATA_AT>().and_then(|header| header.last_chunk()).copied() else {
        return false;
    };
    // What is wrong with other lengths is said where one algorithm follows the other.
    if !fits || integrity.check_len(icv, CryptoError::Length).is_err() {
        return false;
    }
    match integrity.keyed() {
        integrity::Keyed::Md5(key) => seal_with(aes, key, &iv, protected, high, icv),
        integrity::Keyed::Sha1(key) => seal_with(aes, key, &iv, protected, high, icv),
        integrity::Keyed::Sha256(key) => seal_with(aes, key, &iv, protected, high, icv),
        // Their blocks have 128 octets.
        integrity::Keyed::Sha384(_) | integrity::Keyed::Sha512(_) => return false,
    }
    true
}

/// Encrypts what is behind the [`DATA_AT`] octets of header of `protected`, whole blocks, and writes the ICV over all of it
/// and `high`.
fn seal_with<C, H>(aes: &C, key: &KeyedHash<H, TURN>, iv: &Row, protected: &mut [u8], high: &[u8], icv: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    H: Hash<TURN>,
{
    let mut inner = InnerHash::new(key);
    aes.encrypt_with_backend(Seal { chain: Chain::new(iv), inner: &mut inner, protected, high });
    inner.finish(key).write(icv);
}

struct Seal<'s, H: Hash<TURN>> {
    chain: Chain,
    inner: &'s mut InnerHash<H, TURN>,
    protected: &'s mut [u8],
    high: &'s [u8],
}

impl<H: Hash<TURN>> BlockSizeUser for Seal<'_, H> {
    type BlockSize = U16;
}

impl<H: Hash<TURN>> BlockCipherEncClosure for Seal<'_, H> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let Self { mut chain, inner, protected: mut rest, high } = self;
        let first = rest.len().min(AHEAD);
        chain.encrypt_all(backend, rest.get_mut(DATA_AT..first).unwrap_or_default());
        while let Some(turn) = rest.first_chunk_mut::<{ AHEAD + TURN }>() {
            let (hashed, encrypted) = turn.split_at_mut(AHEAD);
            chain.encrypt_all(backend, encrypted);
            inner.blocks(hashed.as_chunks().0);
            rest = rest.get_mut(TURN..).unwrap_or_default();
        }
        chain.encrypt_all(backend, rest.get_mut(AHEAD..).unwrap_or_default());
        inner.update(rest);
        inner.update(high);
    }
}
