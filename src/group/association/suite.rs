//! What protects the packets of an association: the protocol and its algorithms.

use crate::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
use crate::ipsec::{RoutingCoverage, SecurityProtocol};

/// AH or ESP with algorithms and the lengths of their keys, but not the keys themselves.
///
/// ESP without integrity cannot be said (RFC 8221 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// AH.
    Ah {
        /// Integrity algorithm.
        integrity: IntegrityAlgorithm,
        /// What it covers of an Xcast6 Routing header.
        coverage: RoutingCoverage,
        /// Pad the header to 8 octets in IPv4 as well.
        pad_to_8: bool,
    },
    /// ESP with an encryption and an integrity algorithm.
    Esp {
        /// Encryption algorithm.
        cipher: CipherAlgorithm,
        /// Octets of its keying material, the nonce of AES-CTR included: see
        /// [`CipherAlgorithm::accepts_key_len`].
        cipher_key_len: usize,
        /// Integrity algorithm.
        integrity: IntegrityAlgorithm,
    },
    /// ESP with a combined-mode algorithm.
    EspCombined {
        /// The algorithm.
        algorithm: AeadAlgorithm,
        /// Octets of its keying material, the salt included: see [`AeadAlgorithm::accepts_key_len`].
        key_len: usize,
    },
}

impl Suite {
    /// AH or ESP.
    #[must_use]
    pub const fn protocol(self) -> SecurityProtocol {
        match self {
            Self::Ah { .. } => SecurityProtocol::Ah,
            Self::Esp { .. } | Self::EspCombined { .. } => SecurityProtocol::Esp,
        }
    }

    /// Octets of keying material for encryption, nonce or salt included; 0 where nothing is encrypted.
    #[must_use]
    pub const fn encryption_key_len(self) -> usize {
        match self {
            Self::Ah { .. } => 0,
            Self::Esp { cipher_key_len, .. } => cipher_key_len,
            Self::EspCombined { key_len, .. } => key_len,
        }
    }

    /// Octets of the integrity key; 0 in combined mode.
    #[must_use]
    pub const fn integrity_key_len(self) -> usize {
        match self {
            Self::Ah { integrity, .. } | Self::Esp { integrity, .. } => integrity.key_len(),
            Self::EspCombined { .. } => 0,
        }
    }

    /// Whether its initialization vectors are a counter: senders who share the key then need a
    /// [`SenderId`](crate::ipsec::SenderId) each (RFC 6054), and keys set by hand MUST NOT be used (RFC 8221 §3).
    #[must_use]
    pub const fn counts_its_vectors(self) -> bool {
        match self {
            Self::Ah { .. } => false,
            Self::Esp { cipher, .. } => matches!(cipher, CipherAlgorithm::AesCtr),
            Self::EspCombined { .. } => true,
        }
    }

    /// Whether the algorithm takes keying material of the length stated.
    pub(crate) const fn has_fitting_lengths(self) -> bool {
        match self {
            Self::Ah { .. } => true,
            Self::Esp { cipher, cipher_key_len, .. } => cipher.accepts_key_len(cipher_key_len),
            Self::EspCombined { algorithm, key_len } => algorithm.accepts_key_len(key_len),
        }
    }
}
