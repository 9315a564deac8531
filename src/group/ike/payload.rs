//! Payloads and their chain (RFC 2408 §3.2).

use super::PayloadError;
use crate::group::cursor::{Reader, Writer};

/// Types of payloads (RFC 2408 §3.1, RFC 6407 §5).
pub mod payload_type {
    /// None: the chain ends.
    pub const NONE: u8 = 0;
    /// Security Association (RFC 2408 §3.4, RFC 6407 §5.2).
    pub const SA: u8 = 1;
    /// Hash (RFC 2408 §3.11).
    pub const HASH: u8 = 8;
    /// Nonce (RFC 2408 §3.13).
    pub const NONCE: u8 = 10;
    /// Notification (RFC 2408 §3.14).
    pub const NOTIFICATION: u8 = 11;
    /// Delete (RFC 2408 §3.15).
    pub const DELETE: u8 = 12;
    /// Key Download (RFC 6407 §5.6).
    pub const KEY_DOWNLOAD: u8 = 17;
}

/// Octets of the header that every payload begins with.
pub const PAYLOAD_HEADER_LEN: usize = 4;

/// One payload. It may hold keys: its `Debug` shows how long it is, and it has no `PartialEq`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Payload<'a> {
    /// Its type, see [`payload_type`].
    pub kind: u8,
    /// What follows its generic header.
    pub body: &'a [u8],
}

impl core::fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Payload").field("kind", &self.kind).field("body_len", &self.body.len()).finish()
    }
}

/// Walks a chain of payloads.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Next Payload  | RESERVED = 0  |  Payload Length, header incl. |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// It ends behind the payload whose next payload is 0, or at the first error.
#[derive(Clone)]
pub struct Payloads<'a> {
    next: u8,
    reader: Reader<'a>,
}

impl core::fmt::Debug for Payloads<'_> {
    /// The payloads may hold keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Payloads").field("next", &self.next).field("rest_len", &self.rest().len()).finish()
    }
}

impl<'a> Payloads<'a> {
    /// The chain at the start of `octets`, whose first payload has the type `first`.
    #[must_use]
    pub const fn new(first: u8, octets: &'a [u8]) -> Self {
        Self { next: first, reader: Reader::new(octets) }
    }

    /// What is behind the payloads walked so far.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// The next payload, which must be of type `kind`.
    pub(super) fn expect(&mut self, kind: u8) -> Result<&'a [u8], PayloadError> {
        match self.next() {
            Some(Ok(payload)) if payload.kind == kind => Ok(payload.body),
            Some(Err(error)) => Err(error),
            _ => Err(PayloadError::Unexpected),
        }
    }

    fn one(&mut self) -> Result<Payload<'a>, PayloadError> {
        let kind = self.next;
        self.next = self.reader.u8().ok_or(PayloadError::Length)?;
        // RFC 2408 §5.3: what is reserved MUST be zero, or the payload is malformed.
        if self.reader.u8().ok_or(PayloadError::Length)? != 0 {
            return Err(PayloadError::Reserved);
        }
        let len = self.reader.u16().ok_or(PayloadError::Length)?;
        let len = usize::from(len).checked_sub(PAYLOAD_HEADER_LEN).ok_or(PayloadError::Length)?;
        Ok(Payload { kind, body: self.reader.take(len).ok_or(PayloadError::Length)? })
    }
}

impl<'a> Iterator for Payloads<'a> {
    type Item = Result<Payload<'a>, PayloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == payload_type::NONE {
            return None;
        }
        let one = self.one();
        if one.is_err() {
            self.next = payload_type::NONE;
        }
        Some(one)
    }
}

/// Writes one payload, of which `parts` are the body.
pub(super) fn emit(next: u8, parts: &[&[u8]], writer: &mut Writer<'_>) -> Option<()> {
    let len = parts.iter().fold(PAYLOAD_HEADER_LEN, |len, part| len.saturating_add(part.len()));
    writer.put(&[next, 0])?;
    writer.put_len(len)?;
    parts.iter().try_for_each(|part| writer.put(part))
}

/// What is pushed: an SA payload and behind it a KD payload, both whole, the last of their chain.
///
/// The contents of neither are looked at here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Description<'a> {
    octets: &'a [u8],
    sa: &'a [u8],
    kd: &'a [u8],
}

impl<'a> Description<'a> {
    /// Takes `octets`, which begin with the generic header of the SA payload.
    ///
    /// # Errors
    ///
    /// - [`PayloadError`] if they are anything but an SA payload and a KD payload.
    pub fn parse(octets: &'a [u8]) -> Result<Self, PayloadError> {
        let mut payloads = Payloads::new(payload_type::SA, octets);
        let sa = payloads.expect(payload_type::SA)?;
        let kd = payloads.expect(payload_type::KEY_DOWNLOAD)?;
        if payloads.next().is_some() {
            return Err(PayloadError::Unexpected);
        }
        if !payloads.rest().is_empty() {
            return Err(PayloadError::Length);
        }
        Ok(Self { octets, sa, kd })
    }

    /// Both payloads with their generic headers.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.octets
    }

    /// What follows the generic header of the SA payload: DOI, situation, policies (RFC 6407 §5.2).
    #[must_use]
    pub const fn sa(&self) -> &'a [u8] {
        self.sa
    }

    /// What follows the generic header of the KD payload: key packets (RFC 6407 §5.6). Secret.
    #[must_use]
    pub const fn kd(&self) -> &'a [u8] {
        self.kd
    }
}

impl core::fmt::Debug for Description<'_> {
    /// It holds keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Description").field("len", &self.octets.len()).finish_non_exhaustive()
    }
}
