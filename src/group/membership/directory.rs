//! Which algorithms all members have (draft §4.1.3).

use core::net::IpAddr;

use crate::crypto::{AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};

/// A set of algorithms that an association can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// AH.
    Ah(IntegrityAlgorithm),
    /// ESP with an encryption and an integrity algorithm.
    Esp {
        /// Encryption.
        cipher: CipherAlgorithm,
        /// Octets of its keying material, the nonce of AES-CTR included.
        key_len: usize,
        /// Integrity.
        integrity: IntegrityAlgorithm,
    },
    /// ESP with a combined-mode algorithm.
    EspCombined {
        /// The algorithm.
        algorithm: AeadAlgorithm,
        /// Octets of its keying material, the salt included.
        key_len: usize,
    },
}

impl Suite {
    /// Bits of the encryption key, nonce or salt aside; 0 if nothing is encrypted.
    #[must_use]
    pub const fn cipher_bits(&self) -> usize {
        let octets = match self {
            Self::Ah(_) | Self::Esp { cipher: CipherAlgorithm::Null, .. } => 0,
            Self::Esp { cipher: CipherAlgorithm::AesCbc, key_len, .. } => *key_len,
            // RFC 3686 §5.1, RFC 4106 §8.1, RFC 7634 §2: four octets are no key.
            Self::Esp { cipher: CipherAlgorithm::AesCtr, key_len, .. } | Self::EspCombined { key_len, .. } => {
                key_len.saturating_sub(4)
            }
        };
        octets.saturating_mul(8)
    }

    /// Bits of the Integrity Check Value.
    #[must_use]
    pub const fn icv_bits(&self) -> usize {
        let octets = match self {
            Self::Ah(integrity) | Self::Esp { integrity, .. } => integrity.icv_len(),
            Self::EspCombined { .. } => AEAD_TAG_LEN,
        };
        octets.saturating_mul(8)
    }

    const fn is_forbidden(&self) -> bool {
        match self {
            Self::Ah(integrity) | Self::Esp { integrity, .. } => integrity.is_forbidden(),
            Self::EspCombined { .. } => false,
        }
    }

    /// Whether its keys have lengths that its algorithms take.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        match self {
            Self::Ah(_) => true,
            Self::Esp { cipher, key_len, .. } => cipher.accepts_key_len(*key_len),
            Self::EspCombined { algorithm, key_len } => algorithm.accepts_key_len(*key_len),
        }
    }
}

/// What a group must at least have: nothing below is chosen, whatever members lack (project-defined).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built from `DEFAULT` with the fields that differ")]
pub struct Floor {
    /// Bits of the encryption key; 0 if encryption is not needed.
    pub cipher_bits: usize,
    /// Bits of the Integrity Check Value.
    pub icv_bits: usize,
    /// Whether algorithms that RFC 8221 §6 says MUST NOT of are taken.
    pub forbidden: bool,
}

impl Floor {
    /// AES-128 or better, ICVs of 128 bits or more, nothing that RFC 8221 forbids.
    pub const DEFAULT: Self = Self { cipher_bits: 128, icv_bits: 128, forbidden: false };

    /// Whether a suite is good enough. A member can ask that of what it is sent.
    #[must_use]
    pub const fn allows(&self, suite: &Suite) -> bool {
        suite.is_valid()
            && suite.cipher_bits() >= self.cipher_bits
            && suite.icv_bits() >= self.icv_bits
            && (self.forbidden || !suite.is_forbidden())
    }
}

impl Default for Floor {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What members are capable of, as a directory (DNS, LDAP) or the host's configuration says (draft §4.1.3).
///
/// # Security
///
/// Asked whenever a group's algorithms are chosen. A directory that lies can lower the choice to the floor, never below it.
pub trait Directory {
    /// Whether `member` has a suite; `None` if nothing is known of it.
    fn supports(&self, member: IpAddr, suite: &Suite) -> Option<bool>;
}

impl<T: Directory + ?Sized> Directory for &T {
    fn supports(&self, member: IpAddr, suite: &Suite) -> Option<bool> {
        (**self).supports(member, suite)
    }
}

/// Everybody has the same suites: where one configuration goes to all.
impl Directory for [Suite] {
    fn supports(&self, _: IpAddr, suite: &Suite) -> Option<bool> {
        Some(self.contains(suite))
    }
}

/// A directory of up to `N` pairs of a member and a suite.
#[derive(Clone, Debug, Default)]
pub struct FixedDirectory<const N: usize> {
    entries: heapless::Vec<(IpAddr, Suite), N>,
}

impl<const N: usize> FixedDirectory<N> {
    /// An empty directory.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: heapless::Vec::new() }
    }

    /// Records that a member has a suite. Returns whether there was room.
    #[must_use = "without room it is not recorded"]
    pub fn add(&mut self, member: IpAddr, suite: Suite) -> bool {
        self.entries.contains(&(member, suite)) || self.entries.push((member, suite)).is_ok()
    }

    /// Forgets a member.
    pub fn remove(&mut self, member: IpAddr) {
        self.entries.retain(|(own, _)| *own != member);
    }
}

impl<const N: usize> Directory for FixedDirectory<N> {
    fn supports(&self, member: IpAddr, suite: &Suite) -> Option<bool> {
        let mut of_it = self.entries.iter().filter(|(own, _)| *own == member).map(|(_, suite)| suite).peekable();
        of_it.peek()?;
        Some(of_it.any(|own| own == suite))
    }
}

/// Why there is no suite for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NegotiationError {
    /// Nothing is known of a member.
    Unknown(IpAddr),
    /// All have this one, but it is below the floor, and so is everything else that all have.
    BelowFloor(Suite),
    /// There is none that all have.
    NothingCommon,
}

impl core::fmt::Display for NegotiationError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unknown(member) => write!(f, "nothing is known of what {member} is capable of"),
            Self::BelowFloor(_) => f.write_str("what all members have is below the floor"),
            Self::NothingCommon => f.write_str("no algorithms that all members have"),
        }
    }
}

impl core::error::Error for NegotiationError {}

/// The first of `preference` that all `members` have and that is not below `floor`.
///
/// ```
/// use core::net::IpAddr;
/// use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
/// use xcast_sec::group::membership::{FixedDirectory, Floor, NegotiationError, Suite, choose};
///
/// let gcm = Suite::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key_len: 36 };
/// let (cipher, integrity) = (CipherAlgorithm::AesCbc, IntegrityAlgorithm::HmacSha2_256_128);
/// let cbc = Suite::Esp { cipher, key_len: 16, integrity };
/// let weak = Suite::Esp { cipher, key_len: 16, integrity: IntegrityAlgorithm::HmacSha1_96 };
/// let members: [IpAddr; 2] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
/// let mut directory = FixedDirectory::<8>::new();
/// for (member, suite) in [(0, gcm), (0, cbc), (0, weak), (1, cbc), (1, weak)] {
///     assert!(directory.add(members[member], suite));
/// }
/// let all = || members.iter().copied();
/// assert_eq!(choose(&[gcm, cbc], all(), &directory, &Floor::DEFAULT), Ok(cbc));
/// assert_eq!(choose(&[gcm, weak], all(), &directory, &Floor::DEFAULT), Err(NegotiationError::BelowFloor(weak)));
/// ```
///
/// # Errors
///
/// - Every [`NegotiationError`]. There is no silent downgrade: the host lowers the floor, or goes without the member.
pub fn choose<D: Directory + ?Sized>(
    preference: &[Suite],
    members: impl Iterator<Item = IpAddr> + Clone,
    directory: &D,
    floor: &Floor,
) -> Result<Suite, NegotiationError> {
    let mut below = None;
    for suite in preference {
        let mut common = true;
        for member in members.clone() {
            common &= directory.supports(member, suite).ok_or(NegotiationError::Unknown(member))?;
        }
        if common && floor.allows(suite) {
            return Ok(*suite);
        }
        if common && below.is_none() {
            below = Some(*suite);
        }
    }
    Err(below.map_or(NegotiationError::NothingCommon, NegotiationError::BelowFloor))
}
