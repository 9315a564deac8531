//! A sender's end of an association.

use rand_core::TryCryptoRng;

use super::buffer::PacketBuf;
use super::error::SealError;
use super::sa::{EspKeys, Sa, Transform};
use super::sa_config::SaError;
use super::seal::{Freshness, seal_with};
use super::sequence::SequenceCounter;
use crate::crypto::{CipherAlgorithm, CryptoProvider, MAX_IV_LEN};
use crate::wire::{CodePoints, put};

/// A sender's number among those who share one counter-mode or combined-mode key, so that no two ever use the same nonce
/// (RFC 6054 §2): the leading bits of the initialization vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderId {
    value: u16,
    bits: u32,
}

impl SenderId {
    /// The only sender under its key: the whole vector is a counter.
    pub const ONLY: Self = Self { value: 0, bits: 0 };

    /// Sender `value` in a group whose identifiers have `bits` bits: 8, 12 or 16 (RFC 6054 §2). All senders of a group must
    /// use the same size. `None` for another size or a value that does not fit.
    #[must_use]
    pub const fn new(value: u16, bits: u32) -> Option<Self> {
        match bits {
            8 | 12 | 16 if (value as u32) >> bits == 0 => Some(Self { value, bits }),
            _ => None,
        }
    }

    /// The vector for a sequence number, or `None` if the number reaches into the identifier's bits.
    const fn vector(self, sequence: u64) -> Option<[u8; 8]> {
        let counter_bits = 64_u32.wrapping_sub(self.bits);
        if self.bits > 0 && sequence >> counter_bits != 0 {
            return None;
        }
        let id = if self.bits > 0 { (self.value as u64) << counter_bits } else { 0 };
        Some((id | sequence).to_be_bytes())
    }
}

/// Whether the initialization vectors are a counter, which no two senders under one key may share.
fn counts_its_vectors<P: CryptoProvider>(sa: &Sa<P>) -> bool {
    match &sa.transform {
        Transform::Esp(esp) => match &esp.keys {
            EspKeys::Separate { algorithm, .. } => *algorithm == CipherAlgorithm::AesCtr,
            EspKeys::Combined(_) => true,
        },
        Transform::Ah(_) => false,
    }
}

/// An association and the sender's counter under it: seals packets, each with a sequence number and an initialization vector
/// of its own.
#[derive(Debug)]
pub struct OutboundSa<P: CryptoProvider> {
    sa: Sa<P>,
    counter: SequenceCounter,
    sender: SenderId,
}

impl<P: CryptoProvider> OutboundSa<P> {
    /// A sender that starts under a fresh association.
    ///
    /// # Errors
    ///
    /// - [`SaError::SenderIdNeeded`]: the association is for any sender, and its algorithm makes nonces of a counter: two
    ///   senders would use the same ones. [`resume`](Self::resume) takes a [`SenderId`].
    pub fn new(sa: Sa<P>) -> Result<Self, SaError> {
        if sa.source().is_none() && counts_its_vectors(&sa) {
            return Err(SaError::SenderIdNeeded);
        }
        Ok(Self::resume(sa, 0, SenderId::ONLY))
    }

    /// A sender that goes on after sequence number `last`, or that shares its key with others.
    ///
    /// # Security
    ///
    /// `last` must be no smaller than any number used under this association before, and `sender` unlike that of every other
    /// sender with this key: combined-mode and counter-mode nonces are made of both, and one used twice gives the key stream
    /// away.
    #[must_use]
    pub const fn resume(sa: Sa<P>, last: u64, sender: SenderId) -> Self {
        let counter = SequenceCounter::resume(last, sa.esn());
        Self { sa, counter, sender }
    }

    /// The association.
    #[must_use]
    pub const fn sa(&self) -> &Sa<P> {
        &self.sa
    }

    /// The counter, to be saved or to see how many numbers are left.
    #[must_use]
    pub const fn counter(&self) -> &SequenceCounter {
        &self.counter
    }

    /// Seals `packet` in place, as [`seal_with`] does, and returns the sequence number used.
    ///
    /// AES-CBC takes its vector from `rng`; counter-mode and combined-mode algorithms take theirs from the counter (RFC 3686
    /// §3.1, RFC 4106 §3.1).
    ///
    /// # Errors
    ///
    /// - [`SealError::Exhausted`]: the association must be replaced.
    /// - [`SealError::Random`]: no vector.
    /// - Those of [`seal_with`]. A number given out for a packet that was then not sealed is skipped, never used again.
    pub fn seal<G: TryCryptoRng + ?Sized>(
        &mut self,
        crypto: &mut P,
        rng: &mut G,
        code_points: Option<&CodePoints>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<u64, SealError> {
        let sequence = self.counter.advance()?;
        let mut iv = [0; MAX_IV_LEN];
        let iv = iv.get_mut(..self.sa.iv_len()).ok_or(SealError::IvLength)?;
        if counts_its_vectors(&self.sa) {
            put(iv, 0, &self.sender.vector(sequence).ok_or(SealError::Exhausted)?).ok_or(SealError::IvLength)?;
        } else if !iv.is_empty() {
            rng.try_fill_bytes(iv).map_err(|_| SealError::Random)?;
        }
        seal_with(&self.sa, Freshness { sequence, iv }, crypto, code_points, packet)?;
        Ok(sequence)
    }
}
