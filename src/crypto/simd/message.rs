//! The messages of lanes, block by block.

use super::key::SimdIntegrityKey;
use super::width::{BLOCK_LEN, Words};

/// Octets at the end of the last block that hold the message's length in bits (RFC 1321 §3.2, FIPS 180-4 §5.1.1).
pub(super) const LENGTH_LEN: usize = 8;

/// The message of one lane: what an ICV covers.
pub(super) struct Lane<'l, 'p> {
    pub(super) key: &'l SimdIntegrityKey,
    /// What is left of the part that is being read.
    part: &'p [u8],
    /// The next part, and those after it.
    next: &'p [u8],
    rest: Option<&'l mut dyn Iterator<Item = &'p [u8]>>,
    /// The last octets of a message in one piece, if it has as many.
    end: Option<&'p [u8; BLOCK_LEN]>,
    /// Octets of the whole message.
    len: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Message,
    /// The padding began in the block before, which had no room for the length.
    Length,
    Done,
}

impl<'l, 'p> Lane<'l, 'p> {
    /// The message is in two pieces.
    pub(super) fn of_two(key: &'l SimdIntegrityKey, [part, next]: [&'p [u8]; 2]) -> Self {
        let end = if next.is_empty() { part.last_chunk() } else { None };
        Self { key, part, next, rest: None, end, len: part.len().saturating_add(next.len()), stage: Stage::Message }
    }

    /// The message is in any number of pieces, together `len` octets.
    pub(super) fn of_many(key: &'l SimdIntegrityKey, rest: &'l mut dyn Iterator<Item = &'p [u8]>, len: usize) -> Self {
        Self { key, part: &[], next: &[], rest: Some(rest), end: None, len, stage: Stage::Message }
    }

    /// The pieces, for a provider that works on one message at a time.
    pub(super) fn parts(&mut self) -> impl Iterator<Item = &'p [u8]> {
        [self.part, self.next].into_iter().chain(self.rest.iter_mut().flatten())
    }

    /// Blocks of the message with its padding.
    pub(super) fn blocks(&self) -> usize {
        blocks(self.len)
    }

    /// How many blocks come that are in one piece.
    pub(super) const fn whole(&self) -> usize {
        self.part.len() / BLOCK_LEN
    }

    /// The next `count` blocks, which are in one piece.
    #[inline(always)]
    pub(super) fn take(&mut self, count: usize) -> &'p [[u8; BLOCK_LEN]] {
        let (blocks, _) = self.part.as_chunks();
        let now = blocks.get(..count).unwrap_or(blocks);
        self.part = self.part.get(now.as_flattened().len()..).unwrap_or(&[]);
        now
    }

    /// The next block, in place where the message has it in one piece and otherwise in `buffer`; `None` after the last.
    #[inline(always)]
    pub(super) fn next<'b, W: Words>(
        &mut self,
        words: W,
        buffer: &'b mut [u8; BLOCK_LEN],
        be: bool,
    ) -> Option<&'b [u8; BLOCK_LEN]>
    where
        'p: 'b,
    {
        if let Some((block, rest)) = self.part.split_first_chunk() {
            self.part = rest;
            return Some(block);
        }
        if let (Stage::Message, Some(end)) = (self.stage, self.end) {
            let room = self.part.len() < BLOCK_LEN - LENGTH_LEN;
            let length = if room { self.length(be) } else { [0; LENGTH_LEN] };
            self.stage = if room { Stage::Done } else { Stage::Length };
            *buffer = words.last_block(end, self.part.len(), length);
            return Some(buffer);
        }
        *buffer = [0; BLOCK_LEN];
        match self.stage {
            Stage::Message => {
                let mut free = &mut buffer[..];
                loop {
                    let (now, later) = self.part.split_at_checked(free.len()).unwrap_or((self.part, &[]));
                    free = copied(free, now);
                    self.part = later;
                    if free.is_empty() {
                        return Some(buffer);
                    }
                    if self.next.is_empty() {
                        match self.rest.as_mut().and_then(Iterator::next) {
                            Some(part) => self.part = part,
                            None => break,
                        }
                    } else {
                        self.part = core::mem::take(&mut self.next);
                    }
                }
                let room = free.len() > LENGTH_LEN;
                if let Some(first) = free.first_mut() {
                    *first = 0x80;
                }
                self.stage = Stage::Length;
                if room {
                    self.finish(buffer, be);
                }
            }
            Stage::Length => self.finish(buffer, be),
            Stage::Done => return None,
        }
        Some(buffer)
    }

    #[inline(always)]
    fn finish(&mut self, buffer: &mut [u8; BLOCK_LEN], be: bool) {
        if let Some(length) = buffer.last_chunk_mut() {
            *length = self.length(be);
        }
        self.stage = Stage::Done;
    }

    #[inline(always)]
    const fn length(&self, be: bool) -> [u8; LENGTH_LEN] {
        // HMAC hashes a block of key in front of the message (RFC 2104 §2).
        let bits = (self.len as u64).wrapping_add(BLOCK_LEN as u64).wrapping_mul(8);
        if be { bits.to_be_bytes() } else { bits.to_le_bytes() }
    }
}

/// Blocks of a message of `len` octets with its padding.
pub(super) fn blocks(len: usize) -> usize {
    // The padding is one octet at least.
    (len / BLOCK_LEN).saturating_add(if len % BLOCK_LEN < BLOCK_LEN - LENGTH_LEN { 1 } else { 2 })
}

/// Copies `from` to the start of `to`, which is not shorter, and is what is left of `to`; `from` has at most 64 octets.
///
/// Written out, because a copy of a length that is not known in advance would be a function call for each lane.
#[inline(always)]
pub(super) fn copied<'t>(mut to: &'t mut [u8], mut from: &[u8]) -> &'t mut [u8] {
    macro_rules! pieces {
        ($($len:literal)*) => {$(
            if let Some((piece, rest)) = from.split_first_chunk::<$len>() {
                let Some((place, left)) = to.split_first_chunk_mut() else { return &mut [] };
                *place = *piece;
                (to, from) = (left, rest);
            }
        )*};
    }
    pieces!(32 32 16 8 4 2 1);
    debug_assert!(from.is_empty(), "more than fits");
    to
}
