//! What is agreed for a security association, before its keys are handed to a crypto provider.

use core::net::IpAddr;

use crate::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, KeyError};
use crate::ipsec::Spi;
use crate::ipsec::association::lifetime::Lifetimes;
use crate::ipsec::association::outer::OuterHeader;
use crate::ipsec::association::tfc::Tfc;
use crate::ipsec::policy::{PolicyId, SelectorSet};

/// AH or ESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "IPsec has these two")]
pub enum SecurityProtocol {
    /// Authentication Header (RFC 4302).
    Ah,
    /// Encapsulating Security Payload (RFC 4303).
    Esp,
}

/// What identifies an association (RFC 4301 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "named by hosts to take associations out")]
pub struct SaId {
    /// AH or ESP.
    pub protocol: SecurityProtocol,
    /// Security Parameters Index.
    pub spi: Spi,
    /// The destination address it is for, or any.
    pub destination: Option<IpAddr>,
    /// The one sender it is for, or any.
    pub source: Option<IpAddr>,
}

/// How much of an Xcast6 Routing header AH covers. Both ends must agree; nothing in a packet tells.
///
/// An IPv4 association does not use it: AH covers a whole Xcast4 header, which then must not hold the bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "a new coverage must be decided on wherever one is matched")]
pub enum RoutingCoverage {
    /// Its first four octets; all type-specific data counts as zero (draft §3.2.2). Addresses are then unprotected.
    DataZeroed,
    /// Everything but CHECKSUM, BITMAP and, if A=1, the addresses (project-defined).
    FieldsZeroed,
    /// The whole header; the bitmap is in a Hop-by-Hop option (draft §3.2.2, last paragraph).
    Covered,
}

/// Transport or tunnel mode (RFC 4301 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum Mode {
    /// Protects what follows the IP header and the Xcast headers.
    Transport,
    /// Protects a whole packet, inside another one with this header.
    Tunnel(OuterHeader),
}

/// Algorithms and keys of an association to be made.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Protection<'k> {
    /// AH.
    Ah {
        /// Integrity algorithm.
        integrity: IntegrityAlgorithm,
        /// Its key.
        key: &'k [u8],
        /// What it covers of an Xcast6 Routing header.
        coverage: RoutingCoverage,
        /// Pad the header to 8 octets in IPv4 as well, as Linux does unless its association has `align4`.
        pad_to_8: bool,
    },
    /// ESP with an encryption and an integrity algorithm.
    Esp {
        /// Encryption algorithm.
        cipher: CipherAlgorithm,
        /// Its keying material.
        cipher_key: &'k [u8],
        /// Integrity algorithm and key. Without one the association is refused: encryption alone can be attacked
        /// (RFC 8221 §4).
        integrity: Option<(IntegrityAlgorithm, &'k [u8])>,
    },
    /// ESP with a combined-mode algorithm.
    EspCombined {
        /// The algorithm.
        algorithm: AeadAlgorithm,
        /// Its keying material: key, then salt.
        key: &'k [u8],
    },
}

impl core::fmt::Debug for Protection<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Ah { integrity, coverage, pad_to_8, .. } => f
                .debug_struct("Ah")
                .field("integrity", integrity)
                .field("coverage", coverage)
                .field("pad_to_8", pad_to_8)
                .finish_non_exhaustive(),
            Self::Esp { cipher, integrity, .. } => f
                .debug_struct("Esp")
                .field("cipher", cipher)
                .field("integrity", &integrity.map(|(algorithm, _)| algorithm))
                .finish_non_exhaustive(),
            Self::EspCombined { algorithm, .. } => {
                f.debug_struct("EspCombined").field("algorithm", algorithm).finish_non_exhaustive()
            }
        }
    }
}

/// An association to be made.
///
/// [`new`](Self::new) gives every field but two its usual value; the others are named where they differ:
///
/// ```
/// use xcast_sec::crypto::IntegrityAlgorithm;
/// use xcast_sec::ipsec::{Protection, RoutingCoverage, SaConfig, Spi};
///
/// let protection = Protection::Ah {
///     integrity: IntegrityAlgorithm::HmacSha2_256_128,
///     key: &[0x22; 32],
///     coverage: RoutingCoverage::DataZeroed,
///     pad_to_8: false,
/// };
/// let spi = Spi::new(0x1234).ok_or("reserved")?;
/// let config = SaConfig { esn: true, ..SaConfig::new(spi, protection) };
/// # assert!(config.source.is_none());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "built from `new` with the fields that differ")]
pub struct SaConfig<'k> {
    /// Security Parameters Index.
    pub spi: Spi,
    /// The one sender it is for, or any. In tunnel mode the outer source address.
    ///
    /// # Security
    ///
    /// ESP does not cover the IP header. Under an association for any sender, somebody without the key can send a captured
    /// ESP packet again from other source addresses: each meets a replay window of its own, accepts the packet once more, and
    /// takes a place in the table of senders until no new one finds any; and where the address is that of another sender, its
    /// numbers up to that one are spent, and it is not heard. Give each sender its own association, as draft §3.3
    /// suggests, name the senders in a [`SenderFilter`](crate::ipsec::SenderFilter), use tunnel mode with
    /// [`OuterAddress::Preserved`](crate::ipsec::OuterAddress::Preserved), or put AH around ESP, wherever that matters.
    pub source: Option<IpAddr>,
    /// The destination address it is for (All_Xcast_Routers for a group), or any. In tunnel mode the outer destination
    /// address.
    pub destination: Option<IpAddr>,
    /// Transport or tunnel mode.
    pub mode: Mode,
    /// Extended, 64-bit sequence numbers.
    pub esn: bool,
    /// The protection that it was made for, by which policy knows it (RFC 4301 §4.4.2): that of
    /// [`Action::Protect`](crate::ipsec::Action::Protect). `None` for hosts without policy: an entry that protects neither
    /// chooses nor accepts an association without one.
    pub policy: Option<PolicyId>,
    /// What it may carry: a packet that is none of these is neither sealed nor accepted under it by
    /// [`Outbound`](crate::ipsec::Outbound) and [`Inbound`](crate::ipsec::Inbound) (RFC 4301 §4.4.2, §5.2 step 5). In tunnel
    /// mode the inner packet. Name the peer's addresses here where several peers share a policy: else each could speak as the
    /// others.
    pub selectors: SelectorSet,
    /// When it is to be replaced, and when it ends.
    pub lifetimes: Lifetimes,
    /// How far ESP hides the length of what it protects. Concerns sealing alone.
    pub tfc: Tfc,
    /// An algorithm that RFC 8221 says MUST NOT be used, and that this association uses all the same.
    ///
    /// [`IntegrityAlgorithm::is_forbidden`] says which and why. Naming one here is the only way to use it.
    pub rfc8221_exemption: Option<IntegrityAlgorithm>,
    /// Algorithms and keys.
    pub protection: Protection<'k>,
}

impl<'k> SaConfig<'k> {
    /// In transport mode, for any source and destination, with 32-bit sequence numbers, without policy, lifetimes and TFC
    /// padding, and with no algorithm that RFC 8221 forbids.
    #[must_use]
    pub const fn new(spi: Spi, protection: Protection<'k>) -> Self {
        Self {
            spi,
            source: None,
            destination: None,
            mode: Mode::Transport,
            esn: false,
            policy: None,
            selectors: SelectorSet::ANY,
            lifetimes: Lifetimes::UNLIMITED,
            tfc: Tfc::None,
            rfc8221_exemption: None,
            protection,
        }
    }
}

/// Why an association was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaError {
    /// A key was refused.
    Key(KeyError),
    /// ESP without integrity.
    NoIntegrity,
    /// RFC 8221 says that this algorithm MUST NOT be used, and [`SaConfig::rfc8221_exemption`] does not name it.
    Forbidden(IntegrityAlgorithm),
    /// TFC padding without ESP.
    TfcNeedsEsp,
    /// Source and destination are not of one family.
    Families,
    /// The addresses of a tunnel are not of one family.
    TunnelFamilies,
    /// Source or destination of a tunnel-mode association are other than the tunnel's: no packet would ever be found to be
    /// for it.
    TunnelSelectors,
    /// Several senders may share the association's key, and its algorithm makes nonces of a counter: each needs a
    /// [`SenderId`](crate::ipsec::SenderId).
    SenderIdNeeded,
}

impl From<KeyError> for SaError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl core::fmt::Display for SaError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::Forbidden(algorithm) => write!(f, "RFC 8221 forbids {algorithm:?}"),
            Self::TfcNeedsEsp => f.write_str("TFC padding without ESP"),
            Self::NoIntegrity => f.write_str("ESP without integrity is refused"),
            Self::Families => f.write_str("source and destination of different families"),
            Self::TunnelFamilies => f.write_str("tunnel addresses of different families"),
            Self::TunnelSelectors => f.write_str("association and tunnel have different addresses"),
            Self::SenderIdNeeded => f.write_str("senders that share a key need an identifier each"),
        }
    }
}

impl core::error::Error for SaError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            _ => None,
        }
    }
}
