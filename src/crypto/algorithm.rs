//! The algorithms that a security association can name, with their lengths.

/// Octets of the initialization vector that a combined-mode algorithm carries in each packet (RFC 4106 §3.1, RFC 7634 §2).
pub const AEAD_IV_LEN: usize = 8;
/// Octets of a combined-mode algorithm's tag, which ESP carries as the ICV (RFC 4106 §6, RFC 7634 §2).
pub const AEAD_TAG_LEN: usize = 16;
/// Octets of the longest ICV any algorithm here produces (HMAC-SHA2-512-256).
pub const MAX_ICV_LEN: usize = 32;
/// Octets of the longest initialization vector any algorithm here carries (AES-CBC).
pub const MAX_IV_LEN: usize = 16;

/// Integrity algorithms for AH and ESP.
///
/// RFC 8221 §6 says MUST NOT of HMAC-MD5-96, see [`is_forbidden`](Self::is_forbidden). Choose HMAC-SHA2-256-128 where the
/// choice is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IntegrityAlgorithm {
    /// HMAC-MD5-96 (RFC 2403).
    HmacMd5_96,
    /// HMAC-SHA1-96 (RFC 2404).
    HmacSha1_96,
    /// HMAC-SHA2-256-128 (RFC 4868).
    HmacSha2_256_128,
    /// HMAC-SHA2-384-192 (RFC 4868).
    HmacSha2_384_192,
    /// HMAC-SHA2-512-256 (RFC 4868).
    HmacSha2_512_256,
}

impl IntegrityAlgorithm {
    /// Whether RFC 8221 §6 says that it MUST NOT be used: HMAC-MD5-96 alone of those here.
    ///
    /// MD5's collisions do not break HMAC, but its margin is gone and nobody reviews it any more. It is here because the
    /// draft's §3.2.1 names it and deployed peers may have nothing else; an association takes it only if it is exempted by
    /// name.
    #[must_use]
    pub const fn is_forbidden(self) -> bool {
        matches!(self, Self::HmacMd5_96)
    }

    /// Octets of the key, the only length taken (RFC 2403 §3, RFC 2404 §3, RFC 4868 §2.1.1).
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::HmacMd5_96 => 16,
            Self::HmacSha1_96 => 20,
            Self::HmacSha2_256_128 => 32,
            Self::HmacSha2_384_192 => 48,
            Self::HmacSha2_512_256 => 64,
        }
    }

    /// Octets of the ICV carried in the packet, after truncation.
    #[must_use]
    pub const fn icv_len(self) -> usize {
        match self {
            Self::HmacMd5_96 | Self::HmacSha1_96 => 12,
            Self::HmacSha2_256_128 => 16,
            Self::HmacSha2_384_192 => 24,
            Self::HmacSha2_512_256 => 32,
        }
    }
}

/// Encryption algorithms for ESP that give no integrity of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CipherAlgorithm {
    /// NULL encryption (RFC 2410): the payload is sent as it is.
    Null,
    /// AES-CBC with a key of 128, 192 or 256 bits (RFC 3602).
    AesCbc,
    /// AES in counter mode with a key of 128, 192 or 256 bits (RFC 3686).
    AesCtr,
}

impl CipherAlgorithm {
    /// Whether keying material of `len` octets fits.
    #[must_use]
    pub const fn accepts_key_len(self, len: usize) -> bool {
        match self {
            Self::Null => len == 0,
            Self::AesCbc => matches!(len, 16 | 24 | 32),
            // RFC 3686 §5.1: the last four octets are the nonce.
            Self::AesCtr => matches!(len, 20 | 28 | 36),
        }
    }

    /// Octets of the initialization vector carried in each packet.
    #[must_use]
    pub const fn iv_len(self) -> usize {
        match self {
            Self::Null => 0,
            Self::AesCbc => 16,
            Self::AesCtr => 8,
        }
    }

    /// The encrypted data is a multiple of this many octets.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::Null | Self::AesCtr => 1,
            Self::AesCbc => 16,
        }
    }
}

/// Combined-mode algorithms for ESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AeadAlgorithm {
    /// AES-GCM with a 16-octet ICV and a key of 128, 192 or 256 bits (RFC 4106).
    AesGcm16,
    /// ChaCha20-Poly1305 (RFC 7634).
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// Whether keying material of `len` octets, the 4-octet salt included, fits.
    #[must_use]
    pub const fn accepts_key_len(self, len: usize) -> bool {
        match self {
            Self::AesGcm16 => matches!(len, 20 | 28 | 36),
            Self::ChaCha20Poly1305 => len == 36,
        }
    }
}
