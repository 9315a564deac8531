//! What goes wrong with signed messages.

use core::time::Duration;

use crate::crypto::{SignError, VerifyError};

/// Why a signed message was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedEmitError {
    /// The group's name has more than [`MAX_GROUP_NAME_LEN`](super::MAX_GROUP_NAME_LEN) octets.
    GroupNameTooLong,
    /// The message has more than [`MAX_SIGNED_MESSAGE_LEN`](super::MAX_SIGNED_MESSAGE_LEN) octets.
    MessageTooLong,
    /// The signer's signatures have no octets, or more than [`MAX_SIGNATURE_LEN`](crate::crypto::MAX_SIGNATURE_LEN).
    SignatureLength,
    /// The buffer is too small.
    BufferTooSmall {
        /// Octets that are needed.
        needed: usize,
    },
    /// It was not signed. The buffer's contents are not to be used.
    Sign(SignError),
}

impl core::fmt::Display for SignedEmitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::GroupNameTooLong => f.write_str("name of the group too long"),
            Self::MessageTooLong => f.write_str("message too long to be signed"),
            Self::SignatureLength => f.write_str("signer with signatures of no usable length"),
            Self::BufferTooSmall { needed } => write!(f, "buffer too small, {needed} octets needed"),
            Self::Sign(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SignedEmitError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        if let Self::Sign(error) = self { Some(error) } else { None }
    }
}

/// Why octets are no signed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedParseError {
    /// Shorter than the header.
    Truncated,
    /// It does not start as one does.
    NoMagic,
    /// A version that is not known.
    UnsupportedVersion(u8),
    /// A kind of message that is not known.
    UnknownKind(u8),
    /// A reserved octet is not 0.
    Reserved,
    /// The message is said to have more than [`MAX_SIGNED_MESSAGE_LEN`](super::MAX_SIGNED_MESSAGE_LEN) octets.
    MessageTooLong,
    /// The signature is said to have no octets, or more than [`MAX_SIGNATURE_LEN`](crate::crypto::MAX_SIGNATURE_LEN).
    SignatureLength,
    /// There are more or fewer octets than header, message and signature have.
    Length {
        /// Octets that they have.
        expected: usize,
        /// Octets that there are.
        actual: usize,
    },
}

impl core::fmt::Display for SignedParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated => f.write_str("shorter than the header of a signed message"),
            Self::NoMagic => f.write_str("not a signed message"),
            Self::UnsupportedVersion(version) => write!(f, "signed message of unknown version {version}"),
            Self::UnknownKind(kind) => write!(f, "signed message of unknown kind {kind}"),
            Self::Reserved => f.write_str("reserved octet of a signed message not zero"),
            Self::MessageTooLong => f.write_str("signed message too long"),
            Self::SignatureLength => f.write_str("signature of no usable length"),
            Self::Length { expected, actual } => write!(f, "signed message of {actual} octets that needs {expected}"),
        }
    }
}

impl core::error::Error for SignedParseError {}

/// Why a signed message was not accepted. Nothing was remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcceptError {
    /// It is none.
    Parse(SignedParseError),
    /// It is not signed by who it says, for this group.
    Signature(VerifyError),
    /// It was signed too long ago, or the clocks differ.
    TooOld {
        /// How long ago, by the reader's clock.
        age: Duration,
    },
    /// It was signed too far in the future: the clocks differ.
    TooFarAhead {
        /// How far, by the reader's clock.
        ahead: Duration,
    },
    /// It was accepted before.
    Replayed,
    /// It is not later than what had to be forgotten, and so may have been accepted before.
    MayBeReplayed,
    /// As many signers as there is room for sent messages that are recent.
    TooManySigners,
}

impl core::fmt::Display for AcceptError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::Signature(error) => error.fmt(f),
            Self::TooOld { age } => write!(f, "signed {} s ago, which is too long", age.as_secs()),
            Self::TooFarAhead { ahead } => write!(f, "signed {} s in the future", ahead.as_secs()),
            Self::Replayed => f.write_str("signed message accepted before"),
            Self::MayBeReplayed => f.write_str("signed message that may have been accepted before"),
            Self::TooManySigners => f.write_str("no room to remember a further signer"),
        }
    }
}

impl core::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Signature(error) => Some(error),
            _ => None,
        }
    }
}
