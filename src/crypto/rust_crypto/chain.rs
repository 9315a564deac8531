//! One link of CBC after the other (NIST SP 800-38A §6.2), for those who run something else beside it from within the cipher's
//! own loop. `aes` prepares its round keys anew in each call, so there is one call for all of it. Where nothing runs beside it,
//! the crate `cbc` does the whole.

use aes::cipher::array::{Array, ArraySize};
use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherDecBackend, BlockCipherEncBackend, ParBlocksSizeUser};

/// Octets of a block, and of the initialization vector (RFC 3602 §2.3, §3).
pub(super) const BLOCK_LEN: usize = 16;

/// Octets in front of the data: SPI, Sequence Number, initialization vector.
pub(super) const DATA_AT: usize = 8 + BLOCK_LEN;

/// A block of data.
pub(super) type Row = [u8; BLOCK_LEN];

/// Up to so many blocks the cipher's parallel call pays; for more it holds a second form of the round keys, and the processors
/// that have it run single blocks side by side by themselves.
pub(super) const MAX_PARALLEL: usize = 8;

/// The ciphertext that the next block is combined with, as an integer: combined octet by octet it would take thrice as long.
#[derive(Clone, Copy)]
pub(super) struct Chain(u128);

impl Chain {
    #[inline(always)]
    pub(super) const fn new(row: &Row) -> Self {
        Self(u128::from_ne_bytes(*row))
    }

    /// `row` combined with what is in front of it.
    #[inline(always)]
    pub(super) const fn combine(self, row: &Row) -> Row {
        (self.0 ^ u128::from_ne_bytes(*row)).to_ne_bytes()
    }

    /// Encrypts one block.
    #[inline(always)]
    pub(super) fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(&mut self, backend: &B, row: &mut Row) {
        let mut block = Array(self.combine(row));
        backend.encrypt_block_inplace(&mut block);
        *row = block.0;
        *self = Self::new(row);
    }

    /// Encrypts whole blocks of `octets`, one after the other; what does not fill a block is left.
    #[inline(always)]
    pub(super) fn encrypt_all<B: BlockCipherEncBackend<BlockSize = U16>>(&mut self, backend: &B, octets: &mut [u8]) {
        for row in octets.as_chunks_mut().0 {
            self.encrypt(backend, row);
        }
    }
}

/// Decrypts whole blocks of `octets`; what does not fill a block is left. No block waits for another. From the last to the first:
/// what a block is combined with is then still there, and what is behind the payload is known first.
#[inline(always)]
pub(super) fn decrypt_all<B, N>(backend: &B, iv: &Row, octets: &mut [u8])
where
    B: BlockCipherDecBackend<BlockSize = U16> + ParBlocksSizeUser<ParBlocksSize = N>,
    N: ArraySize,
{
    let mut rows = octets.as_chunks_mut().0;
    while let Some(first) = rows.len().checked_sub(N::USIZE) {
        let Some((before, set)) = rows.split_at_mut_checked(first) else { return };
        let mut blocks = Array::<Array<u8, U16>, N>::default();
        for (block, row) in blocks.iter_mut().zip(&*set) {
            block.0 = *row;
        }
        backend.decrypt_par_blocks_inplace(&mut blocks);
        if let Some((block, others)) = blocks.split_first_mut() {
            block.0 = Chain::new(before.last().unwrap_or(iv)).combine(&block.0);
            for (block, previous) in others.iter_mut().zip(&*set) {
                block.0 = Chain::new(previous).combine(&block.0);
            }
        }
        for (row, block) in set.iter_mut().zip(&blocks) {
            *row = block.0;
        }
        rows = before;
    }
    while let Some((row, before)) = rows.split_last_mut() {
        let mut block = Array(*row);
        backend.decrypt_block_inplace(&mut block);
        *row = Chain::new(before.last().unwrap_or(iv)).combine(&block.0);
        rows = before;
    }
}
