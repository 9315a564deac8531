//! Numbers of RFC 6407, RFC 2407 and the IANA registry "Magic Numbers for ISAKMP Protocol", and those this crate chose
//! from ranges for private use.

use crate::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
use crate::group::{Preservation, Suite};
use crate::ipsec::{Directionality, RoutingCoverage};

/// Next Payload types (RFC 6407 §5).
pub(super) mod payload {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const SAT: u8 = 16;
    pub(crate) const KD: u8 = 17;
    pub(crate) const GAP: u8 = 22;
}

/// The DOI of GDOI (RFC 6407 §2.1).
pub(super) const DOI: u32 = 2;

/// Protocol-ID (RFC 6407 §5.5).
pub(super) mod protocol_id {
    pub(crate) const ESP: u8 = 1;
    pub(crate) const AH: u8 = 2;
}

/// IPsec Identification Types (RFC 2407 §4.6.2.1).
pub(super) mod id_type {
    /// No identity: any sender.
    pub(crate) const NONE: u8 = 0;
    pub(crate) const IPV4_ADDR: u8 = 1;
    pub(crate) const IPV6_ADDR: u8 = 5;
}

/// IPsec Security Association Attributes (RFC 2407 §4.5, RFC 4304, RFC 6407 §5.5.1.1).
pub(super) mod sa_attribute {
    pub(crate) const LIFE_TYPE: u16 = 1;
    pub(crate) const LIFE_DURATION: u16 = 2;
    pub(crate) const GROUP_DESCRIPTION: u16 = 3;
    pub(crate) const ENCAPSULATION_MODE: u16 = 4;
    pub(crate) const AUTHENTICATION_ALGORITHM: u16 = 5;
    pub(crate) const KEY_LENGTH: u16 = 6;
    pub(crate) const EXTENDED_SEQUENCE_NUMBER: u16 = 11;
    pub(crate) const ADDRESS_PRESERVATION: u16 = 14;
    pub(crate) const SA_DIRECTION: u16 = 15;
    /// Project-defined, from the range for private use: what AH covers of an Xcast6 Routing header. Without it
    /// [`RoutingCoverage::DataZeroed`](crate::ipsec::RoutingCoverage::DataZeroed), the draft's rule.
    pub(crate) const ROUTING_COVERAGE: u16 = 32001;
    /// Project-defined, from the range for private use: the AH is padded to 8 octets in IPv4 too.
    pub(crate) const AH_PADDING: u16 = 32002;
}

/// SA Life Types (RFC 2407 §4.5).
pub(super) mod life_type {
    pub(crate) const SECONDS: u16 = 1;
    pub(crate) const KILOBYTES: u16 = 2;
    /// Project-defined, from the range for private use.
    pub(crate) const PACKETS: u16 = 61440;
}

/// Encapsulation Modes (RFC 2407 §4.5).
pub(super) mod encapsulation {
    pub(crate) const TUNNEL: u16 = 1;
    pub(crate) const TRANSPORT: u16 = 2;
}

/// The one defined value of the attribute for extended sequence numbers (RFC 4304).
pub(super) const SEQUENCE_NUMBERS_64: u16 = 1;
/// The one value of the attribute for AH padding (project-defined).
pub(super) const PADDED_TO_8: u16 = 1;

/// Group Associated Policy attributes (RFC 6407 §5.4).
pub(super) mod gap_attribute {
    pub(crate) const ACTIVATION_TIME_DELAY: u16 = 1;
    pub(crate) const DEACTIVATION_TIME_DELAY: u16 = 2;
    pub(crate) const SENDER_ID_REQUEST: u16 = 3;
    /// Project-defined, from the range for private use: which of the group's successive keys this is. Without it the
    /// first.
    pub(crate) const EPOCH: u16 = 128;
}

/// Key Download types (RFC 6407 §5.6).
pub(super) mod key_type {
    pub(crate) const TEK: u8 = 1;
    pub(crate) const SID: u8 = 4;
}

/// Attributes of TEK key packets (RFC 6407 §5.6.1).
pub(super) mod tek_attribute {
    pub(crate) const ALGORITHM_KEY: u16 = 1;
    pub(crate) const INTEGRITY_KEY: u16 = 2;
}

/// Attributes of SID key packets (RFC 6407 §5.6.4).
pub(super) mod sid_attribute {
    pub(crate) const NUMBER_OF_SID_BITS: u16 = 1;
    pub(crate) const SID_VALUE: u16 = 2;
}

/// ESP Transform Identifiers (RFC 2407 §4.4.4, RFC 3602, RFC 3686, RFC 4106).
mod esp_transform {
    pub(super) const NULL: u8 = 11;
    pub(super) const AES_CBC: u8 = 12;
    pub(super) const AES_CTR: u8 = 13;
    pub(super) const AES_GCM_16: u8 = 20;
    /// Project-defined, from the range for private use: RFC 7634 has no number in this registry, which is that of
    /// IKEv1.
    pub(super) const CHACHA20_POLY1305: u8 = 249;
}

/// Octets of nonce or salt behind the key proper, which Key Length does not count (RFC 3686 §5.4, RFC 4106 §8.4).
const SALT_LEN: usize = 4;

/// An ESP transform: what it encrypts with.
#[derive(Clone, Copy)]
pub(super) enum EspTransform {
    /// With an integrity algorithm beside it.
    Cipher(CipherAlgorithm),
    Combined(AeadAlgorithm),
}

impl EspTransform {
    pub(super) const fn of(number: u8) -> Option<Self> {
        Some(match number {
            esp_transform::NULL => Self::Cipher(CipherAlgorithm::Null),
            esp_transform::AES_CBC => Self::Cipher(CipherAlgorithm::AesCbc),
            esp_transform::AES_CTR => Self::Cipher(CipherAlgorithm::AesCtr),
            esp_transform::AES_GCM_16 => Self::Combined(AeadAlgorithm::AesGcm16),
            esp_transform::CHACHA20_POLY1305 => Self::Combined(AeadAlgorithm::ChaCha20Poly1305),
            _ => return None,
        })
    }

    /// Octets of nonce or salt, and of the key where its length is fixed: Key Length MUST NOT be sent then (RFC 2407
    /// §4.5).
    const fn lengths(self) -> (usize, Option<usize>) {
        match self {
            Self::Cipher(CipherAlgorithm::Null) => (0, Some(0)),
            Self::Cipher(CipherAlgorithm::AesCbc) => (0, None),
            Self::Cipher(CipherAlgorithm::AesCtr) | Self::Combined(AeadAlgorithm::AesGcm16) => (SALT_LEN, None),
            Self::Combined(AeadAlgorithm::ChaCha20Poly1305) => (SALT_LEN, Some(32)),
        }
    }

    /// Whether Key Length has to be sent; if not, it must not.
    pub(super) const fn has_key_length(self) -> bool {
        self.lengths().1.is_none()
    }

    /// Octets of keying material, of a Key Length in bits where there is one.
    pub(super) fn keying_material(self, key_length: Option<u16>) -> Option<usize> {
        let (salt, fixed) = self.lengths();
        let key = match (fixed, key_length) {
            (Some(key), None) => key,
            (None, Some(bits @ (128 | 192 | 256))) => usize::from(bits >> 3),
            _ => return None,
        };
        key.checked_add(salt)
    }
}

/// The Transform ID of a suite, and its Key Length in bits where it has one.
pub(super) const fn transform_of(suite: Suite) -> (u8, Option<u16>) {
    let (transform, material, number) = match suite {
        // RFC 2407 §4.4.3, and the registry for SHA-2: the AH transforms have the numbers of the hash functions.
        Suite::Ah { integrity, .. } => return (ah_transform_of(integrity), None),
        Suite::Esp { cipher, cipher_key_len, .. } => (
            EspTransform::Cipher(cipher),
            cipher_key_len,
            match cipher {
                CipherAlgorithm::Null => esp_transform::NULL,
                CipherAlgorithm::AesCbc => esp_transform::AES_CBC,
                CipherAlgorithm::AesCtr => esp_transform::AES_CTR,
            },
        ),
        Suite::EspCombined { algorithm, key_len } => (
            EspTransform::Combined(algorithm),
            key_len,
            match algorithm {
                AeadAlgorithm::AesGcm16 => esp_transform::AES_GCM_16,
                AeadAlgorithm::ChaCha20Poly1305 => esp_transform::CHACHA20_POLY1305,
            },
        ),
    };
    if !transform.has_key_length() {
        return (number, None);
    }
    // A sound suite has at most 36 octets.
    let bits = (material.saturating_sub(transform.lengths().0) as u16) << 3;
    (number, Some(bits))
}

/// AH Transform Identifiers (RFC 2407 §4.4.3; for SHA-2 the registry alone).
const fn ah_transform_of(integrity: IntegrityAlgorithm) -> u8 {
    match integrity {
        IntegrityAlgorithm::HmacMd5_96 => 2,
        IntegrityAlgorithm::HmacSha1_96 => 3,
        IntegrityAlgorithm::HmacSha2_256_128 => 5,
        IntegrityAlgorithm::HmacSha2_384_192 => 6,
        IntegrityAlgorithm::HmacSha2_512_256 => 7,
    }
}

/// The integrity algorithms with a number in the registries.
const INTEGRITY_ALGORITHMS: [IntegrityAlgorithm; 5] = [
    IntegrityAlgorithm::HmacMd5_96,
    IntegrityAlgorithm::HmacSha1_96,
    IntegrityAlgorithm::HmacSha2_256_128,
    IntegrityAlgorithm::HmacSha2_384_192,
    IntegrityAlgorithm::HmacSha2_512_256,
];

/// The integrity algorithm of an AH transform.
pub(super) fn ah_transform(number: u8) -> Option<IntegrityAlgorithm> {
    INTEGRITY_ALGORITHMS.into_iter().find(|&algorithm| ah_transform_of(algorithm) == number)
}

/// Authentication Algorithms (RFC 2407 §4.5, RFC 4868 §4).
pub(super) const fn authentication_of(integrity: IntegrityAlgorithm) -> u16 {
    match integrity {
        IntegrityAlgorithm::HmacMd5_96 => 1,
        IntegrityAlgorithm::HmacSha1_96 => 2,
        IntegrityAlgorithm::HmacSha2_256_128 => 5,
        IntegrityAlgorithm::HmacSha2_384_192 => 6,
        IntegrityAlgorithm::HmacSha2_512_256 => 7,
    }
}

/// The integrity algorithm of an Authentication Algorithm number.
pub(super) fn authentication(number: u16) -> Option<IntegrityAlgorithm> {
    INTEGRITY_ALGORITHMS.into_iter().find(|&algorithm| authentication_of(algorithm) == number)
}

/// Address Preservation Types (RFC 6407 §5.5.1.1.1).
pub(super) const fn preservation_of(preservation: Preservation) -> u16 {
    match preservation {
        Preservation::Neither => 1,
        Preservation::Source => 2,
        Preservation::Destination => 3,
        Preservation::Both => 4,
    }
}

pub(super) const fn preservation(number: u16) -> Option<Preservation> {
    Some(match number {
        1 => Preservation::Neither,
        2 => Preservation::Source,
        3 => Preservation::Destination,
        4 => Preservation::Both,
        _ => return None,
    })
}

/// SA Directions (RFC 6407 §5.5.1.1.2).
pub(super) const fn direction_of(direction: Directionality) -> u16 {
    match direction {
        Directionality::SenderOnly => 1,
        Directionality::ReceiverOnly => 2,
        Directionality::Symmetric => 3,
    }
}

pub(super) const fn direction(number: u16) -> Option<Directionality> {
    Some(match number {
        1 => Directionality::SenderOnly,
        2 => Directionality::ReceiverOnly,
        3 => Directionality::Symmetric,
        _ => return None,
    })
}

/// Values of the attribute for Routing coverage (project-defined); the draft's rule goes without saying.
pub(super) const fn coverage_of(coverage: RoutingCoverage) -> Option<u16> {
    match coverage {
        RoutingCoverage::DataZeroed => None,
        RoutingCoverage::FieldsZeroed => Some(1),
        RoutingCoverage::Covered => Some(2),
    }
}

pub(super) const fn coverage(number: u16) -> Option<RoutingCoverage> {
    Some(match number {
        1 => RoutingCoverage::FieldsZeroed,
        2 => RoutingCoverage::Covered,
        _ => return None,
    })
}
