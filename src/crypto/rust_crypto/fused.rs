//! CBC and the hash of HMAC over one packet at the same time.
//!
//! Each block of CBC waits for the one before it, and so does each block of the hash, while the processor could do several
//! such things at once. So they take turns, 64 octets each: the cipher is one turn ahead, and nothing in a turn waits for
//! anything else in it.

use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncBackend, BlockCipherEncClosure,
    BlockCipherEncrypt, BlockSizeUser,
};

use super::chain::{BLOCK_LEN, Chain, DATA_AT, Row, decrypt_all};
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
    aes.encrypt_with_backend(Seal { chain: Chain::new(iv), key, protected, high, icv });
}

struct Seal<'s, H: Hash<TURN>> {
    chain: Chain,
    key: &'s KeyedHash<H, TURN>,
    protected: &'s mut [u8],
    high: &'s [u8],
    icv: &'s mut [u8],
}

impl<H: Hash<TURN>> BlockSizeUser for Seal<'_, H> {
    type BlockSize = U16;
}

impl<H: Hash<TURN>> BlockCipherEncClosure for Seal<'_, H> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let Self { mut chain, key, protected: mut rest, high, icv } = self;
        let mut inner = InnerHash::new(key);
        let mut ahead = DATA_AT;
        if let Some(front) = rest.first_chunk_mut::<AHEAD>() {
            // A number of blocks that the compiler knows: the chain stays where the cipher has it.
            chain.encrypt_all(backend, front.get_mut(DATA_AT..).unwrap_or_default());
            ahead = AHEAD;
        }
        while let Some(turn) = rest.first_chunk_mut::<{ AHEAD + TURN }>() {
            let (hashed, encrypted) = turn.split_at_mut(AHEAD);
            chain.encrypt_all(backend, encrypted);
            inner.blocks(hashed.as_chunks().0);
            rest = rest.get_mut(TURN..).unwrap_or_default();
        }
        chain.encrypt_all(backend, rest.get_mut(ahead..).unwrap_or_default());
        inner.update(rest);
        inner.update(high);
        inner.finish(key).write(icv);
    }
}

/// Opens `job` if it can be done this way, and says how it went; otherwise leaves it as it is.
pub(super) fn open(job: &mut Job<'_>) -> Option<Result<(), CryptoError>> {
    match job.cipher().keyed() {
        cipher::Keyed::Cbc128(aes) => open_cbc(aes, job),
        cipher::Keyed::Cbc192(aes) => open_cbc(aes, job),
        cipher::Keyed::Cbc256(aes) => open_cbc(aes, job),
        cipher::Keyed::Null | cipher::Keyed::Ctr128(..) | cipher::Keyed::Ctr192(..) | cipher::Keyed::Ctr256(..) => None,
    }
}

fn open_cbc<C>(aes: &C, job: &mut Job<'_>) -> Option<Result<(), CryptoError>>
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    let (integrity, fits) = (job.integrity(), esp::fits_cbc(job));
    let (protected, high, icv) = job.covered();
    if !fits || integrity.check_len(icv, CryptoError::Mismatch).is_err() {
        return None;
    }
    Some(match integrity.keyed() {
        integrity::Keyed::Md5(key) => open_with(aes, key, protected, high, icv),
        integrity::Keyed::Sha1(key) => open_with(aes, key, protected, high, icv),
        integrity::Keyed::Sha256(key) => open_with(aes, key, protected, high, icv),
        integrity::Keyed::Sha384(_) | integrity::Keyed::Sha512(_) => return None,
    })
}

fn open_with<C, H>(
    aes: &C,
    key: &KeyedHash<H, TURN>,
    protected: &mut [u8],
    high: &[u8],
    icv: &[u8],
) -> Result<(), CryptoError>
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
    H: Hash<TURN>,
{
    let mut result = Err(CryptoError::Mismatch);
    aes.decrypt_with_backend(Open { key, protected, high, icv, result: &mut result });
    result
}

/// One after the other, but the cipher prepares its round keys while the hash is under way.
struct Open<'s, H: Hash<TURN>> {
    key: &'s KeyedHash<H, TURN>,
    protected: &'s mut [u8],
    high: &'s [u8],
    icv: &'s [u8],
    result: &'s mut Result<(), CryptoError>,
}

impl<H: Hash<TURN>> BlockSizeUser for Open<'_, H> {
    type BlockSize = U16;
}

impl<H: Hash<TURN>> BlockCipherDecClosure for Open<'_, H> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let Self { key, protected, high, icv, result } = self;
        let mut inner = InnerHash::new(key);
        inner.update(protected);
        inner.update(high);
        if !inner.finish(key).begins_with(icv) {
            return;
        }
        if let Some((header, data)) = protected.split_first_chunk_mut::<DATA_AT>()
            && let Some(iv) = header.last_chunk()
        {
            decrypt_all(backend, iv, data);
            *result = Ok(());
        }
    }
}
