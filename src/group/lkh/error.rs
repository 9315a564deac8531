//! Why a tree is not changed, or a message not taken.

use crate::crypto::{CryptoError, KeyError};

/// Why the controller did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControllerError {
    /// All leaves are taken.
    Full,
    /// The leaf's key has another length than the suite's.
    KeyLength,
    /// No member is on that leaf.
    NoMember,
    /// There is nobody to send to.
    Empty,
    /// The message does not fit into the buffer, or the payload exceeds 65535 octets.
    TooLong,
    /// All epochs are used: a new tree is needed.
    EpochsExhausted,
    /// The host's generator failed.
    Random,
    /// The crypto provider did not take a key.
    Key(KeyError),
    /// The crypto provider failed.
    Crypto(CryptoError),
}

impl core::fmt::Display for ControllerError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full => f.write_str("the tree has no free leaf"),
            Self::KeyLength => f.write_str("the leaf's key has a wrong length"),
            Self::NoMember => f.write_str("no member on that leaf"),
            Self::Empty => f.write_str("the tree has no member"),
            Self::TooLong => f.write_str("the message does not fit"),
            Self::EpochsExhausted => f.write_str("the tree has no epoch left"),
            Self::Random => f.write_str("the random number generator failed"),
            Self::Key(error) => error.fmt(f),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ControllerError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            Self::Crypto(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a member does not take a message. Its keys are as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError {
    /// It does not have the length that its header states.
    Length,
    /// Not such a message, another version of it, or of a tree of another size.
    Header,
    /// Its epoch is not higher than that of the last: a replay, or overtaken.
    Stale,
    /// It is about keys that came with a message which was not received. The controller has to tell the member anew.
    Missed,
    /// Nothing in it is for this member, which was removed, or has missed the same.
    Excluded,
    /// An entry is doubled or stands where none can be.
    Malformed,
    /// A key or the payload is damaged or forged. Also if the member was removed before its first message, and its leaf given to
    /// another.
    Authentication,
    /// The crypto provider did not take a key.
    Key(KeyError),
    /// The crypto provider failed.
    Crypto(CryptoError),
}

impl core::fmt::Display for ApplyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length => f.write_str("the message has a wrong length"),
            Self::Header => f.write_str("not a message of this kind, version and tree"),
            Self::Stale => f.write_str("the message's epoch has passed"),
            Self::Missed => f.write_str("a message before was missed"),
            Self::Excluded => f.write_str("nothing in the message is for this member"),
            Self::Malformed => f.write_str("an entry is doubled or out of place"),
            Self::Authentication => f.write_str("the message is not authentic"),
            Self::Key(error) => error.fmt(f),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ApplyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            Self::Crypto(error) => Some(error),
            _ => None,
        }
    }
}

impl From<CryptoError> for ApplyError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Mismatch => Self::Authentication,
            error => Self::Crypto(error),
        }
    }
}
