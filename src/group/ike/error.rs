//! Why a message is not sent, or not taken.

use crate::crypto::CryptoError;

/// What is wrong with a chain of payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadError {
    /// A payload is shorter than its headers, longer than what is there, or something is left behind the last.
    Length,
    /// A reserved octet is not zero.
    Reserved,
    /// Another payload than the exchange has there, or none.
    Unexpected,
    /// A field of a nonce, notification or delete payload has a value that this exchange does not use.
    Value,
}

impl core::fmt::Display for PayloadError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the length of a payload is wrong",
            Self::Reserved => "a reserved octet is not zero",
            Self::Unexpected => "not the payload that the exchange has there",
            Self::Value => "a field of a payload has a value that is not used here",
        })
    }
}

impl core::error::Error for PayloadError {}

/// Why a received message is not taken. Whatever it is, nothing changed but the datagram's octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageError {
    /// It is shorter than a header, does not have the length that it states, or is not a whole number of blocks.
    Length,
    /// Not ISAKMP 1.0.
    Version,
    /// Other flags than encryption alone.
    Flags,
    /// The cookies are those of another phase 1, or their order is the other one.
    Cookies,
    /// Not an exchange of this module.
    ExchangeType,
    /// Its message ID is none of the peer's: zero, or one of our own, reflected.
    MessageId,
    /// The peer used a higher message ID already: a replay, or very late.
    Stale,
    /// Nothing is under way that it could belong to.
    NotExpected,
    /// It does not decrypt to something that the HASH payload authenticates. What exactly is wrong is not told.
    Authentication,
    /// It is authentic, but what the peer put into it is not what the exchange has.
    Payload(PayloadError),
    /// The crypto provider failed.
    Crypto(CryptoError),
}

impl core::fmt::Display for MessageError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length => f.write_str("the message has a wrong length"),
            Self::Version => f.write_str("not ISAKMP 1.0"),
            Self::Flags => f.write_str("flags other than encryption alone"),
            Self::Cookies => f.write_str("cookies of another phase 1"),
            Self::ExchangeType => f.write_str("another exchange type"),
            Self::MessageId => f.write_str("a message ID that is not the peer's"),
            Self::Stale => f.write_str("a message ID below the highest seen"),
            Self::NotExpected => f.write_str("no exchange is under way that it belongs to"),
            Self::Authentication => f.write_str("the message is not authentic"),
            Self::Payload(error) => error.fmt(f),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MessageError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Payload(error) => Some(error),
            Self::Crypto(error) => Some(error),
            _ => None,
        }
    }
}

impl From<PayloadError> for MessageError {
    fn from(error: PayloadError) -> Self {
        Self::Payload(error)
    }
}

impl From<CryptoError> for MessageError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Mismatch => Self::Authentication,
            error => Self::Crypto(error),
        }
    }
}

/// Why a message could not be made. Nothing is sent; a message ID may have been used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// An exchange is under way, or there is no offer to answer.
    State,
    /// The message does not fit into its buffer, or into the lengths that ISAKMP has.
    TooLong,
    /// No SPI to delete, or more than 65535.
    Spis,
    /// All message IDs of this phase 1 are used: it must be replaced.
    MessageIdsExhausted,
    /// The host's generator failed.
    Random,
    /// The crypto provider failed.
    Crypto(CryptoError),
}

impl core::fmt::Display for SendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::State => f.write_str("not the moment for it"),
            Self::TooLong => f.write_str("the message does not fit"),
            Self::Spis => f.write_str("no SPI, or too many"),
            Self::MessageIdsExhausted => f.write_str("the phase 1 has no message ID left"),
            Self::Random => f.write_str("the random number generator failed"),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SendError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        if let Self::Crypto(error) = self { Some(error) } else { None }
    }
}

impl From<CryptoError> for SendError {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}
