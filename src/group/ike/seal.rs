//! HASH and encryption of whole messages (RFC 2409 §5.5, Appendix B).

use zeroize::Zeroize;

use super::header::{HEADER_LEN, Header};
use super::payload::{PAYLOAD_HEADER_LEN, Payloads, payload_type};
use super::phase1::{BLOCK, Phase1};
use super::{MessageError, SendError};
use crate::crypto::{PrfOutput, PrfProvider};
use crate::group::cursor::Writer;

/// What identifies a message within its phase 1, and what it is chained to.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) exchange_type: u8,
    pub(super) message_id: u32,
    pub(super) iv: [u8; BLOCK],
    /// What the HASH covers before the payloads, M-ID included.
    pub(super) covered: &'a [&'a [u8]],
}

/// Octets of the encrypted part of a message with nothing behind its HASH payload: (3).
pub(super) fn bare_len<P: PrfProvider>(phase1: &Phase1<P>) -> usize {
    PAYLOAD_HEADER_LEN.saturating_add(phase1.prf().output_len()).next_multiple_of(BLOCK)
}

/// A message on its way, kept to be sent again: cipher text but for its header.
#[derive(Clone)]
pub(super) struct Stored<const N: usize> {
    octets: [u8; N],
    len: usize,
}

impl<const N: usize> Stored<N> {
    pub(super) const fn new() -> Self {
        Self { octets: [0; N], len: 0 }
    }

    pub(super) fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }

    /// Makes the message whose payloads behind the HASH, the first of type `first`, `write` writes. Returns its HASH and
    /// its last block. On an error there is no message.
    pub(super) fn seal<P: PrfProvider>(
        &mut self,
        phase1: &Phase1<P>,
        crypto: &mut P,
        frame: &Frame<'_>,
        first: u8,
        write: impl FnOnce(&mut Writer<'_>) -> Option<()>,
    ) -> Result<(PrfOutput, [u8; BLOCK]), SendError> {
        self.len = 0;
        let sealed = seal(&mut self.octets, phase1, crypto, frame, first, write);
        match sealed {
            Ok((len, hash, last)) => {
                self.len = len;
                Ok((hash, last))
            }
            Err(error) => {
                // It may hold keys in the clear.
                self.octets.zeroize();
                Err(error)
            }
        }
    }
}

/// Makes a message at the start of `buffer`. Returns its length, its HASH and its last block.
pub(super) fn seal<P: PrfProvider>(
    buffer: &mut [u8],
    phase1: &Phase1<P>,
    crypto: &mut P,
    frame: &Frame<'_>,
    first: u8,
    write: impl FnOnce(&mut Writer<'_>) -> Option<()>,
) -> Result<(usize, PrfOutput, [u8; BLOCK]), SendError> {
    let hash_at = HEADER_LEN.saturating_add(PAYLOAD_HEADER_LEN);
    let rest_at = hash_at.saturating_add(phase1.prf().output_len());
    let rest = buffer.get_mut(rest_at..).ok_or(SendError::TooLong)?;
    let mut writer = Writer::new(rest);
    write(&mut writer).ok_or(SendError::TooLong)?;
    let rest_len = writer.len();
    let written = rest.get(..rest_len).ok_or(SendError::TooLong)?;
    let covered = frame.covered.iter().copied().chain([written]);
    let hash = crypto.prf(phase1.authentication(), covered)?;

    let end = rest_at.saturating_add(rest_len);
    let encrypted_len = end.saturating_sub(HEADER_LEN).checked_next_multiple_of(BLOCK).ok_or(SendError::TooLong)?;
    let len = encrypted_len.saturating_add(HEADER_LEN);
    // RFC 2409 Appendix B: padded with zeros, and the Length includes them.
    buffer.get_mut(end..len).ok_or(SendError::TooLong)?.fill(0);
    let header = Header {
        cookies: phase1.cookies(),
        next_payload: payload_type::HASH,
        exchange_type: frame.exchange_type,
        message_id: frame.message_id,
    };
    let mut writer = Writer::new(buffer);
    header.emit(len, &mut writer).ok_or(SendError::TooLong)?;
    super::payload::emit(first, &[hash.as_octets()], &mut writer).ok_or(SendError::TooLong)?;
    let encrypted = buffer.get_mut(HEADER_LEN..len).ok_or(SendError::TooLong)?;
    crypto.encrypt(phase1.encryption(), &frame.iv, encrypted)?;
    let last = encrypted.get(encrypted.len().saturating_sub(BLOCK)..).and_then(<[u8]>::first_chunk);
    let last = last.copied().ok_or(SendError::TooLong)?;
    Ok((len, hash, last))
}

/// A message that verified.
pub(super) struct Opened<'a> {
    pub(super) hash: PrfOutput,
    /// Its last block of cipher text.
    pub(super) last: [u8; BLOCK],
    /// What is behind the HASH payload, and has been seen to be a chain of payloads.
    pub(super) payloads: Payloads<'a>,
}

/// Decrypts and verifies what is behind `header`.
pub(super) fn open<'a, P: PrfProvider>(
    phase1: &Phase1<P>,
    crypto: &mut P,
    header: &Header,
    frame: &Frame<'_>,
    encrypted: &'a mut [u8],
) -> Result<Opened<'a>, MessageError> {
    if !encrypted.len().is_multiple_of(BLOCK) {
        return Err(MessageError::Length);
    }
    let last = *encrypted.last_chunk().ok_or(MessageError::Length)?;
    crypto.decrypt(phase1.encryption(), &frame.iv, encrypted)?;
    let plain: &'a [u8] = encrypted;

    let hash_len = phase1.prf().output_len();
    let rest_at = PAYLOAD_HEADER_LEN.saturating_add(hash_len);
    let (first, rest) = plain.split_at_checked(rest_at).ok_or(MessageError::Length)?;
    // What comes next is not authenticated yet. If it makes no sense the HASH is computed all the same, over everything, so
    // that time tells no more than the error does.
    let chain = Payloads::new(header.next_payload, plain).next().and_then(Result::ok);
    let chain = chain.filter(|hash| hash.kind == payload_type::HASH && hash.body.len() == hash_len);
    let next = first.first().copied().unwrap_or(payload_type::NONE);
    let end = chain.and_then(|_| end_of_chain(next, rest));
    let written = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
    let received = first.get(PAYLOAD_HEADER_LEN..).unwrap_or(&[]);
    crypto.verify_prf(phase1.authentication(), frame.covered.iter().copied().chain([written]), received)?;
    if end.is_none() {
        return Err(MessageError::Authentication);
    }
    let hash = PrfOutput::new(received).ok_or(MessageError::Length)?;
    Ok(Opened { hash, last, payloads: Payloads::new(next, written) })
}

/// Where the padding begins: less than a block of zeros behind the last payload (RFC 2409 Appendix B).
fn end_of_chain(first: u8, octets: &[u8]) -> Option<usize> {
    let mut payloads = Payloads::new(first, octets);
    for payload in payloads.by_ref() {
        payload.ok()?;
    }
    let padding = payloads.rest();
    let sound = padding.len() < BLOCK && padding.iter().all(|octet| *octet == 0);
    if sound { octets.len().checked_sub(padding.len()) } else { None }
}
