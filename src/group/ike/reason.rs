//! Why a member rejects.

use super::payload::{self, payload_type};
use super::{DOI, PayloadError};
use crate::group::cursor::{Reader, Writer};

/// The Notify Message Type of a rejection (RFC 2408 §3.14.1), an error type: 1 to 16383.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reason(u16);

impl Reason {
    /// SITUATION-NOT-SUPPORTED: not a member of the group, or no wish to be.
    pub const SITUATION_NOT_SUPPORTED: Self = Self(3);
    /// INVALID-SPI: the SPI is in use by another association that it cannot stand beside.
    pub const INVALID_SPI: Self = Self(11);
    /// ATTRIBUTES-NOT-SUPPORTED: an attribute is not understood.
    pub const ATTRIBUTES_NOT_SUPPORTED: Self = Self(13);
    /// NO-PROPOSAL-CHOSEN: algorithms, mode or lifetimes are against the member's policy.
    pub const NO_PROPOSAL_CHOSEN: Self = Self(14);
    /// PAYLOAD-MALFORMED: the SA or KD payload cannot be read.
    pub const PAYLOAD_MALFORMED: Self = Self(16);
    /// INVALID-KEY-INFORMATION: the keys do not fit the policy.
    pub const INVALID_KEY_INFORMATION: Self = Self(17);
    /// INVALID-ID-INFORMATION: the peer may not push for this group.
    pub const INVALID_ID_INFORMATION: Self = Self(18);

    /// `None` if `value` is not an error type.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        if matches!(value, 1..=16383) { Some(Self(value)) } else { None }
    }

    /// The value that is sent.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }
}

/// Writes the notification of a rejection behind the nonce of (2).
pub(super) fn emit_rejection(reason: Reason, writer: &mut Writer<'_>) -> Option<()> {
    // RFC 2408 §3.14: DOI, Protocol-ID 0 as for what is not about one association, no SPI.
    let parts: &[&[u8]] = &[&DOI.to_be_bytes(), &[0, 0], &reason.value().to_be_bytes()];
    payload::emit(payload_type::NONE, parts, writer)
}

/// Reads the notification.
pub(super) fn parse_rejection(body: &[u8]) -> Result<Reason, PayloadError> {
    let mut reader = Reader::new(body);
    let doi = reader.u32().ok_or(PayloadError::Length)?;
    let [_, spi_len] = reader.array().ok_or(PayloadError::Length)?;
    let kind = reader.u16().ok_or(PayloadError::Length)?;
    // An SPI and additional data may follow (RFC 2408 §3.14); they say nothing to us.
    reader.take(usize::from(spi_len)).ok_or(PayloadError::Length)?;
    if doi != DOI {
        return Err(PayloadError::Value);
    }
    Reason::new(kind).ok_or(PayloadError::Value)
}
