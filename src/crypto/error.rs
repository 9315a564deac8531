//! What a provider can answer instead of a key or a result.

/// Why a key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The keying material does not have the one length, in octets, that the algorithm takes (or, for a cipher with
    /// several key sizes, any of them).
    WrongLength {
        /// The length given, in octets.
        actual: usize,
    },
    /// The provider does not have the algorithm.
    UnsupportedAlgorithm,
    /// The provider failed for a reason of its own, for example no free slot in a hardware module.
    Provider,
}

impl core::fmt::Display for KeyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::WrongLength { actual } => {
                write!(f, "keying material of {actual} octets does not fit the algorithm")
            }
            Self::UnsupportedAlgorithm => f.write_str("algorithm not offered by the crypto provider"),
            Self::Provider => f.write_str("the crypto provider could not take the key"),
        }
    }
}

impl core::error::Error for KeyError {}

/// Why a cryptographic operation did not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoError {
    /// The ICV or tag does not verify.
    Mismatch,
    /// An initialization vector, data or tag has a length the algorithm cannot take.
    Length,
    /// The provider failed for a reason of its own, for example a hardware module that does not answer.
    Provider,
}

impl core::fmt::Display for CryptoError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Mismatch => "integrity check value does not verify",
            Self::Length => "length that the algorithm cannot take",
            Self::Provider => "the crypto provider failed",
        })
    }
}

impl core::error::Error for CryptoError {}
