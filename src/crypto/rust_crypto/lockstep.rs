//! CBC over several packets under one key, side by side: each block waits for the one before it in its own packet alone.

use aes::cipher::array::{Array, ArraySize};
use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, ParBlocksSizeUser};

use super::chain::{Chain, MAX_PARALLEL, Row};

/// One packet's data.
pub(super) struct Lane<'d> {
    chain: Chain,
    /// What is not encrypted yet.
    rows: core::slice::IterMut<'d, Row>,
}

impl<'d> Lane<'d> {
    /// Whole blocks of `data`, which are encrypted in place.
    pub(super) fn new(iv: &Row, data: &'d mut [u8]) -> Self {
        Self { chain: Chain::new(iv), rows: data.as_chunks_mut().0.iter_mut() }
    }

    fn has_ended(&self) -> bool {
        self.rows.len() == 0
    }
}

/// Encrypts all of `lanes`, which may differ in length.
pub(super) fn encrypt<C>(aes: &C, lanes: &mut [Lane<'_>])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    aes.encrypt_with_backend(Encrypt { lanes });
}

struct Encrypt<'e, 'd> {
    lanes: &'e mut [Lane<'d>],
}

impl BlockSizeUser for Encrypt<'_, '_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Encrypt<'_, '_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut lanes = without_ended(self.lanes);
        while let Some(steps) = lanes.iter().map(|lane| lane.rows.len()).min() {
            for _ in 0..steps {
                if B::ParBlocksSize::USIZE <= MAX_PARALLEL {
                    step_parallel(backend, lanes);
                } else {
                    step(backend, lanes);
                }
            }
            lanes = without_ended(lanes);
        }
    }
}

/// The lanes that have not ended, moved to the front.
#[inline(always)]
fn without_ended<'e, 'd>(lanes: &'e mut [Lane<'d>]) -> &'e mut [Lane<'d>] {
    let mut unsorted = lanes.iter_mut();
    while let Some(ended) = unsorted.find(|lane| lane.has_ended()) {
        let Some(other) = unsorted.rfind(|lane| !lane.has_ended()) else { break };
        core::mem::swap(ended, other);
    }
    let live = lanes.iter().position(Lane::has_ended).unwrap_or(lanes.len());
    lanes.get_mut(..live).unwrap_or_default()
}

/// Encrypts the next block of each lane. They do not wait for each other, and a processor that is fast at AES sees that.
#[inline(always)]
fn step<B: BlockCipherEncBackend<BlockSize = U16>>(backend: &B, lanes: &mut [Lane<'_>]) {
    for lane in lanes {
        if let Some(row) = lane.rows.next() {
            lane.chain.encrypt(backend, row);
        }
    }
}

/// The same, by the cipher's parallel call: in software it takes no longer than one block does.
#[inline(always)]
fn step_parallel<B, N>(backend: &B, lanes: &mut [Lane<'_>])
where
    B: BlockCipherEncBackend<BlockSize = U16> + ParBlocksSizeUser<ParBlocksSize = N>,
    N: ArraySize,
{
    for lanes in lanes.chunks_mut(N::USIZE) {
        if let [lane] = lanes {
            step(backend, core::slice::from_mut(lane));
            continue;
        }
        let mut blocks = Array::<Array<u8, U16>, N>::default();
        for (block, lane) in blocks.iter_mut().zip(&*lanes) {
            if let Some(row) = lane.rows.as_slice().first() {
                block.0 = lane.chain.combine(row);
            }
        }
        backend.encrypt_par_blocks_inplace(&mut blocks);
        for (block, lane) in blocks.iter().zip(lanes) {
            if let Some(row) = lane.rows.next() {
                *row = block.0;
                lane.chain = Chain::new(row);
            }
        }
    }
}
