//! A message to be signed and written.

use super::message::{
    MAGIC, MAX_GROUP_NAME_LEN, MAX_SIGNED_MESSAGE_LEN, MessageKind, SIGNED_HEADER_LEN, VERSION, with_signed_parts,
};
use super::{SignedEmitError, Timestamp};
use crate::crypto::{MAX_SIGNATURE_LEN, Signer};

/// A message to be signed.
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "what version 1 of the format has")]
pub struct SignedRepr<'a> {
    /// What it is about.
    pub kind: MessageKind,
    /// What both sides call the group: up to [`MAX_GROUP_NAME_LEN`] octets, which are signed and not sent. No other group may
    /// ever have the name.
    pub group: &'a [u8],
    /// The signer's time of day.
    pub timestamp: Timestamp,
    /// Unlike that of every other message of this signer with the same timestamp: a counter, or random.
    ///
    /// Readers order messages by timestamp and nonce; a counter keeps those of a coarse clock in order.
    pub nonce: u64,
    /// The message, up to [`MAX_SIGNED_MESSAGE_LEN`] octets.
    pub message: &'a [u8],
}

impl core::fmt::Debug for SignedRepr<'_> {
    /// The message itself is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SignedRepr")
            .field("kind", &self.kind)
            .field("timestamp", &self.timestamp)
            .field("nonce", &self.nonce)
            .field("message_len", &self.message.len())
            .finish_non_exhaustive()
    }
}

impl SignedRepr<'_> {
    /// Octets that the signed message has if `signer` signs it.
    #[must_use]
    pub fn encoded_len<S: Signer + ?Sized>(&self, signer: &S) -> usize {
        SIGNED_HEADER_LEN.saturating_add(self.message.len()).saturating_add(signer.signature_len())
    }

    /// Signs the message, writes it to the start of `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// - [`SignedEmitError`]. Unless it is [`SignedEmitError::Sign`], `buffer` is unchanged.
    pub fn emit<S: Signer + ?Sized>(&self, signer: &mut S, buffer: &mut [u8]) -> Result<usize, SignedEmitError> {
        if self.group.len() > MAX_GROUP_NAME_LEN {
            return Err(SignedEmitError::GroupNameTooLong);
        }
        let message_len = match u16::try_from(self.message.len()) {
            Ok(len) if self.message.len() <= MAX_SIGNED_MESSAGE_LEN => len,
            _ => return Err(SignedEmitError::MessageTooLong),
        };
        let signature_len = match u16::try_from(signer.signature_len()) {
            Ok(len) if (1..=MAX_SIGNATURE_LEN).contains(&usize::from(len)) => len,
            _ => return Err(SignedEmitError::SignatureLength),
        };
        let needed = self.encoded_len(signer);
        let too_small = SignedEmitError::BufferTooSmall { needed };
        let place = buffer.get_mut(..needed).ok_or(too_small)?;
        let signed_len = SIGNED_HEADER_LEN.saturating_add(self.message.len());
        let (signed, signature) = place.split_at_mut_checked(signed_len).ok_or(too_small)?;

        let signer_id = signer.id();
        let fields: [&[u8]; 7] = [
            &MAGIC,
            &[VERSION, self.kind.code(), 0, 0],
            signer_id.as_octets(),
            &self.timestamp.as_unix_micros().to_be_bytes(),
            &self.nonce.to_be_bytes(),
            &message_len.to_be_bytes(),
            &signature_len.to_be_bytes(),
        ];
        let octets = fields.into_iter().chain([self.message]).flatten();
        for (to, from) in signed.iter_mut().zip(octets) {
            *to = *from;
        }
        with_signed_parts(self.kind, self.group, signed, |parts| signer.sign(parts, signature))
            .ok_or(SignedEmitError::GroupNameTooLong)?
            .map_err(SignedEmitError::Sign)?;
        Ok(needed)
    }
}
