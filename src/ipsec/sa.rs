//! Security associations.

use core::net::IpAddr;

use super::Spi;
use crate::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoProvider, IntegrityAlgorithm, KeyError,
};
use crate::wire::{Family, ah, esp, ipv4, ipv6};

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

/// The outer addresses of tunnel mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct TunnelEndpoints {
    /// Outer source address.
    pub source: IpAddr,
    /// Outer destination address, of the same family.
    pub destination: IpAddr,
    /// Outer TTL or Hop Limit.
    pub hop_limit: u8,
}

impl TunnelEndpoints {
    /// Octets of the outer IP header, and its family.
    pub(crate) const fn outer_header(&self) -> (usize, Family) {
        match Family::of(&self.source) {
            Family::V4 => (ipv4::MIN_HEADER_LEN, Family::V4),
            Family::V6 => (ipv6::HEADER_LEN, Family::V6),
        }
    }
}

/// Transport or tunnel mode (RFC 4301 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum Mode {
    /// Protects what follows the IP header and the Xcast headers.
    Transport,
    /// Protects a whole packet, inside another one.
    Tunnel(TunnelEndpoints),
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
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct SaConfig<'k> {
    /// Security Parameters Index.
    pub spi: Spi,
    /// The one sender it is for, or any. In tunnel mode the outer source address.
    ///
    /// # Security
    ///
    /// ESP does not cover the IP header. Under an association for any sender, somebody without the key can send a captured
    /// ESP packet again from other source addresses: each meets a replay window of its own, accepts the packet once more, and
    /// takes a place in the table of senders until no new one finds any. Give each sender its own association, as draft §3.3
    /// suggests, or put AH around ESP, wherever that matters.
    pub source: Option<IpAddr>,
    /// The destination address it is for (All_Xcast_Routers for a group), or any. In tunnel mode the outer destination
    /// address.
    pub destination: Option<IpAddr>,
    /// Transport or tunnel mode.
    pub mode: Mode,
    /// Extended, 64-bit sequence numbers.
    pub esn: bool,
    /// Algorithms and keys.
    pub protection: Protection<'k>,
}

/// Why an association was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaError {
    /// A key was refused.
    Key(KeyError),
    /// ESP without integrity.
    NoIntegrity,
    /// The addresses of a tunnel are not of one family.
    TunnelFamilies,
    /// Source or destination of a tunnel-mode association are other than the tunnel's: no packet would ever be found to be
    /// for it.
    TunnelSelectors,
    /// Several senders may share the association's key, and its algorithm makes nonces of a counter: each needs a
    /// [`SenderId`](super::SenderId).
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
            Self::NoIntegrity => f.write_str("ESP without integrity is refused"),
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

/// A security association: what is agreed, with keys as handles of the crypto provider. It does not change; counters and
/// windows are kept beside it.
pub struct Sa<P: CryptoProvider + ?Sized> {
    spi: Spi,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    mode: Mode,
    esn: bool,
    pub(crate) transform: Transform<P>,
}

/// The keyed algorithms.
pub(crate) enum Transform<P: CryptoProvider + ?Sized> {
    Ah(AhTransform<P>),
    Esp(EspTransform<P>),
}

pub(crate) struct AhTransform<P: CryptoProvider + ?Sized> {
    pub(crate) key: P::IntegrityKey,
    pub(crate) icv_len: usize,
    pub(crate) coverage: RoutingCoverage,
    pub(crate) pad_to_8: bool,
}

impl<P: CryptoProvider + ?Sized> AhTransform<P> {
    /// Octets of the AH to be sent.
    pub(crate) fn header_len(&self, family: Family) -> usize {
        ah::encoded_len(if self.pad_to_8 { Family::V6 } else { family }, self.icv_len)
    }

    /// Whether a received AH may have `len` octets: padded to 8, or in IPv4 also to 4.
    pub(crate) fn accepts_header_len(&self, family: Family, len: usize) -> bool {
        len == ah::encoded_len(Family::V6, self.icv_len) || len == ah::encoded_len(family, self.icv_len)
    }
}

pub(crate) struct EspTransform<P: CryptoProvider + ?Sized> {
    pub(crate) keys: EspKeys<P>,
    /// Octets of IV in each packet.
    pub(crate) iv_len: usize,
    /// The encrypted data is a multiple of this.
    pub(crate) block_len: usize,
    pub(crate) icv_len: usize,
}

pub(crate) enum EspKeys<P: CryptoProvider + ?Sized> {
    Separate { cipher: P::CipherKey, algorithm: CipherAlgorithm, integrity: P::IntegrityKey },
    Combined(P::AeadKey),
}

impl<P: CryptoProvider + ?Sized> EspTransform<P> {
    /// Payload, padding and trailer are a multiple of this (RFC 4303 §2.4: of 4 in any case).
    pub(crate) fn alignment(&self) -> usize {
        self.block_len.max(4)
    }

    /// Octets of SPI, Sequence Number and IV.
    pub(crate) const fn header_len(&self) -> usize {
        esp::HEADER_LEN.saturating_add(self.iv_len)
    }

    /// Octets of padding, Pad Length, Next Header and ICV behind `payload_len` octets.
    pub(crate) fn trailer_len(&self, payload_len: usize) -> usize {
        esp::padding_len(payload_len, self.alignment()).saturating_add(esp::TRAILER_LEN).saturating_add(self.icv_len)
    }
}

impl<P: CryptoProvider + ?Sized> Sa<P> {
    /// Makes an association, handing its keys to `crypto`.
    ///
    /// # Errors
    ///
    /// - [`SaError::Key`]: a key does not fit its algorithm, or the provider does not have it.
    /// - [`SaError::NoIntegrity`], [`SaError::TunnelFamilies`], [`SaError::TunnelSelectors`].
    pub fn new(config: &SaConfig<'_>, crypto: &mut P) -> Result<Self, SaError> {
        if let Mode::Tunnel(tunnel) = &config.mode {
            if Family::of(&tunnel.source) != Family::of(&tunnel.destination) {
                return Err(SaError::TunnelFamilies);
            }
            let differs = |own: Option<IpAddr>, tunnel: IpAddr| own.is_some_and(|own| own != tunnel);
            if differs(config.source, tunnel.source) || differs(config.destination, tunnel.destination) {
                return Err(SaError::TunnelSelectors);
            }
        }
        let transform = match config.protection {
            Protection::Ah { integrity, key, coverage, pad_to_8 } => Transform::Ah(AhTransform {
                key: crypto.integrity_key(integrity, key)?,
                icv_len: integrity.icv_len(),
                coverage,
                pad_to_8,
            }),
            Protection::Esp { cipher, cipher_key, integrity } => {
                let (integrity, integrity_key) = integrity.ok_or(SaError::NoIntegrity)?;
                Transform::Esp(EspTransform {
                    keys: EspKeys::Separate {
                        cipher: crypto.cipher_key(cipher, cipher_key)?,
                        algorithm: cipher,
                        integrity: crypto.integrity_key(integrity, integrity_key)?,
                    },
                    iv_len: cipher.iv_len(),
                    block_len: cipher.block_len(),
                    icv_len: integrity.icv_len(),
                })
            }
            Protection::EspCombined { algorithm, key } => Transform::Esp(EspTransform {
                keys: EspKeys::Combined(crypto.aead_key(algorithm, key)?),
                iv_len: AEAD_IV_LEN,
                block_len: 1,
                icv_len: AEAD_TAG_LEN,
            }),
        };
        let SaConfig { spi, source, destination, mode, esn, .. } = *config;
        Ok(Self { spi, source, destination, mode, esn, transform })
    }

    /// What identifies it.
    #[must_use]
    pub const fn id(&self) -> SaId {
        SaId { protocol: self.protocol(), spi: self.spi, destination: self.destination, source: self.source }
    }

    /// Security Parameters Index.
    #[must_use]
    pub const fn spi(&self) -> Spi {
        self.spi
    }

    /// AH or ESP.
    #[must_use]
    pub const fn protocol(&self) -> SecurityProtocol {
        match self.transform {
            Transform::Ah(_) => SecurityProtocol::Ah,
            Transform::Esp(_) => SecurityProtocol::Esp,
        }
    }

    /// The one sender it is for, if any is named.
    #[must_use]
    pub const fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// The destination address it is for, if any is named.
    #[must_use]
    pub const fn destination(&self) -> Option<IpAddr> {
        self.destination
    }

    /// Transport or tunnel mode.
    #[must_use]
    pub const fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Whether it has extended sequence numbers.
    #[must_use]
    pub const fn esn(&self) -> bool {
        self.esn
    }

    /// Octets of initialization vector in each packet; 0 in AH and NULL encryption.
    #[must_use]
    pub const fn iv_len(&self) -> usize {
        match &self.transform {
            Transform::Ah(_) => 0,
            Transform::Esp(esp) => esp.iv_len,
        }
    }

    /// Octets that sealing a packet of `family` inserts: the headroom that spares moving the payload.
    #[must_use]
    pub fn headroom(&self, family: Family) -> usize {
        let (outer, family) = match &self.mode {
            Mode::Transport => (0, family),
            Mode::Tunnel(tunnel) => tunnel.outer_header(),
        };
        outer.saturating_add(match &self.transform {
            Transform::Ah(ah) => ah.header_len(family),
            Transform::Esp(esp) => esp.header_len(),
        })
    }

    /// Octets that sealing a packet appends at most: the tailroom that is enough for every packet.
    #[must_use]
    pub fn tailroom(&self) -> usize {
        match &self.transform {
            Transform::Ah(_) => 0,
            Transform::Esp(esp) => {
                esp.alignment().saturating_sub(1).saturating_add(esp::TRAILER_LEN).saturating_add(esp.icv_len)
            }
        }
    }

    /// Whether the association is for packets between these addresses.
    #[must_use]
    pub fn is_for(&self, destination: IpAddr, source: IpAddr) -> bool {
        self.destination.is_none_or(|own| own == destination) && self.source.is_none_or(|own| own == source)
    }
}

impl<P: CryptoProvider + ?Sized> core::fmt::Debug for Sa<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sa")
            .field("spi", &self.spi)
            .field("protocol", &self.protocol())
            .field("source", &self.source)
            .field("destination", &self.destination)
            .field("mode", &self.mode)
            .field("esn", &self.esn)
            .finish_non_exhaustive()
    }
}
