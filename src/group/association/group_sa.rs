//! An association of a group with its keys.

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::suite::Suite;
use super::terms::{SaTerms, TermsError};
use crate::crypto::SecretKey;
use crate::ipsec::{Protection, SaConfig};

/// A security association as it is handed out to the members of a group: what is agreed, and the keys.
///
/// This is what every way of distribution carries. [`as_config`](Self::as_config) makes an [`Sa`](crate::ipsec::Sa) of
/// it. The keys lie in it in place and are wiped when it is dropped; it has neither `Clone` nor `PartialEq`, and its
/// `Debug` shows no octet of them.
///
/// ```
/// use xcast_sec::crypto::AeadAlgorithm;
/// use xcast_sec::group::{GroupSa, SaTerms, Suite};
/// use xcast_sec::ipsec::Spi;
///
/// let suite = Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 20 };
/// let terms = SaTerms::new(Spi::new(0x1234).ok_or("reserved")?, "ff02::114".parse()?, suite);
/// let sa = GroupSa::new(terms, &[0x11; 20], &[])?;
/// assert_eq!(sa.as_config().destination, Some(terms.destination));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GroupSa {
    terms: SaTerms,
    encryption_key: SecretKey,
    integrity_key: SecretKey,
}

impl GroupSa {
    /// Of keys that there are. Each has the length that the suite states, none where the suite has no such key. They
    /// are copied; the caller's are the caller's to wipe.
    ///
    /// # Errors
    ///
    /// - [`GroupSaError::Terms`], see [`SaTerms::check`].
    /// - [`GroupSaError::EncryptionKey`], [`GroupSaError::IntegrityKey`]: another length.
    pub fn new(terms: SaTerms, encryption_key: &[u8], integrity_key: &[u8]) -> Result<Self, GroupSaError> {
        terms.check()?;
        if encryption_key.len() != terms.suite.encryption_key_len() {
            return Err(GroupSaError::EncryptionKey { actual: encryption_key.len() });
        }
        if integrity_key.len() != terms.suite.integrity_key_len() {
            return Err(GroupSaError::IntegrityKey { actual: integrity_key.len() });
        }
        let encryption_key =
            SecretKey::new(encryption_key).map_err(|_| GroupSaError::EncryptionKey { actual: encryption_key.len() })?;
        let integrity_key =
            SecretKey::new(integrity_key).map_err(|_| GroupSaError::IntegrityKey { actual: integrity_key.len() })?;
        Ok(Self { terms, encryption_key, integrity_key })
    }

    /// With fresh keys, for whoever hands them out.
    ///
    /// # Security
    ///
    /// Every octet comes from `rng`. RFC 6407 §3.5 wants a key of its own for each association with a counter mode: a
    /// key made here is used for no other.
    ///
    /// # Errors
    ///
    /// - [`GroupSaError::Terms`], see [`SaTerms::check`].
    /// - [`GroupSaError::Random`]: the generator failed.
    pub fn generate<G: TryCryptoRng + ?Sized>(terms: SaTerms, rng: &mut G) -> Result<Self, GroupSaError> {
        terms.check()?;
        let mut encryption_key = Zeroizing::new([0; SecretKey::CAPACITY]);
        let mut integrity_key = Zeroizing::new([0; SecretKey::CAPACITY]);
        let mut fill = |key: &mut [u8]| rng.try_fill_bytes(key).map_err(|_| GroupSaError::Random);
        let encryption_key = encryption_key.get_mut(..terms.suite.encryption_key_len()).ok_or(TermsError::KeyLength)?;
        let integrity_key = integrity_key.get_mut(..terms.suite.integrity_key_len()).ok_or(TermsError::KeyLength)?;
        fill(encryption_key)?;
        fill(integrity_key)?;
        Self::new(terms, encryption_key, integrity_key)
    }

    /// What is agreed, but for the keys.
    #[must_use]
    pub const fn terms(&self) -> &SaTerms {
        &self.terms
    }

    /// Keying material for encryption, nonce or salt included; no octet where nothing is encrypted.
    #[must_use]
    pub const fn encryption_key(&self) -> &SecretKey {
        &self.encryption_key
    }

    /// The integrity key; no octet in combined mode.
    #[must_use]
    pub const fn integrity_key(&self) -> &SecretKey {
        &self.integrity_key
    }

    /// The association to be made, for [`Sa::new`](crate::ipsec::Sa::new).
    ///
    /// What is a member's own affair has its usual value, and can be given another: policy, selectors, TFC padding, hop
    /// limit, DF and DSCP of a tunnel, and the exemption that HMAC-MD5-96 needs, which no message from elsewhere can
    /// give.
    #[must_use]
    pub fn as_config(&self) -> SaConfig<'_> {
        let terms = self.terms;
        let (encryption_key, integrity_key) = (self.encryption_key.as_octets(), self.integrity_key.as_octets());
        let protection = match terms.suite {
            Suite::Ah { integrity, coverage, pad_to_8 } => {
                Protection::Ah { integrity, key: integrity_key, coverage, pad_to_8 }
            }
            Suite::Esp { cipher, integrity, .. } => {
                Protection::Esp { cipher, cipher_key: encryption_key, integrity: Some((integrity, integrity_key)) }
            }
            Suite::EspCombined { algorithm, .. } => Protection::EspCombined { algorithm, key: encryption_key },
        };
        SaConfig {
            source: terms.source,
            destination: Some(terms.destination),
            mode: terms.to_mode(),
            esn: terms.esn,
            lifetimes: terms.lifetime.to_lifetimes(),
            ..SaConfig::new(terms.spi, protection)
        }
    }
}

impl core::fmt::Debug for GroupSa {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("GroupSa").field("terms", &self.terms).finish_non_exhaustive()
    }
}

/// Why an association of a group was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupSaError {
    /// Its terms are not sound.
    Terms(TermsError),
    /// The encryption key has another length than the suite states.
    EncryptionKey {
        /// The length given, in octets.
        actual: usize,
    },
    /// The integrity key has another length than the suite states.
    IntegrityKey {
        /// The length given, in octets.
        actual: usize,
    },
    /// The generator failed.
    Random,
}

impl From<TermsError> for GroupSaError {
    fn from(error: TermsError) -> Self {
        Self::Terms(error)
    }
}

impl core::fmt::Display for GroupSaError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Terms(error) => error.fmt(f),
            Self::EncryptionKey { actual } => write!(f, "an encryption key of {actual} octets does not fit the suite"),
            Self::IntegrityKey { actual } => write!(f, "an integrity key of {actual} octets does not fit the suite"),
            Self::Random => f.write_str("the random number generator failed"),
        }
    }
}

impl core::error::Error for GroupSaError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Terms(error) => Some(error),
            _ => None,
        }
    }
}
