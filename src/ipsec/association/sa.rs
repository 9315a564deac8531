//! Security associations, keyed.

use core::net::IpAddr;

use crate::crypto::{AEAD_IV_LEN, AEAD_TAG_LEN, CipherAlgorithm, CryptoProvider, IntegrityAlgorithm};
use crate::ipsec::Spi;
use crate::ipsec::association::config::{Mode, Protection, RoutingCoverage, SaConfig, SaError, SaId, SecurityProtocol};
use crate::ipsec::association::lifetime::Lifetimes;
use crate::ipsec::association::outer::{OuterAddress, OuterHeader};
use crate::ipsec::association::tfc::Tfc;
use crate::ipsec::policy::{PolicyId, SelectorSet};
use crate::wire::{Family, ah, esp};

/// A security association: what is agreed, with keys as handles of the crypto provider. It does not change; counters and
/// windows are kept beside it.
pub struct Sa<P: CryptoProvider + ?Sized> {
    /// In one piece: it is looked windows up by.
    id: SaId,
    mode: Mode,
    esn: bool,
    policy: Option<PolicyId>,
    selectors: SelectorSet,
    lifetimes: Lifetimes,
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
    pub(crate) tfc: Tfc,
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
        // An IV has 16 octets at most.
        esp::HEADER_LEN.wrapping_add(self.iv_len)
    }

    /// Octets of padding, Pad Length, Next Header and ICV behind `padded_len` octets, TFC padding included.
    fn trailer_len(&self, padded_len: usize) -> usize {
        esp::padding_len(padded_len, self.alignment()).saturating_add(esp::TRAILER_LEN).saturating_add(self.icv_len)
    }

    /// Octets of TFC padding, padding, Pad Length, Next Header and ICV behind `payload_len` octets.
    #[inline(always)]
    pub(crate) fn appended_len(&self, payload_len: usize) -> usize {
        let tfc_len = self.tfc.padding_len(payload_len);
        tfc_len.saturating_add(self.trailer_len(payload_len.saturating_add(tfc_len)))
    }

    /// Octets of the longest payload that needs no more than `len` together with what stands behind it.
    pub(crate) fn largest_payload(&self, len: usize) -> Option<usize> {
        let encrypted = len.checked_sub(self.icv_len)?;
        let aligned = encrypted.checked_sub(encrypted.checked_rem(self.alignment())?)?;
        self.tfc.largest_payload(aligned.checked_sub(esp::TRAILER_LEN)?)
    }
}

impl<P: CryptoProvider + ?Sized> Sa<P> {
    /// Makes an association, handing its keys to `crypto`.
    ///
    /// # Errors
    ///
    /// - [`SaError::Key`]: a key does not fit its algorithm, or the provider does not have it.
    /// - [`SaError::NoIntegrity`], [`SaError::Forbidden`], [`SaError::TfcNeedsEsp`], [`SaError::Families`],
    ///   [`SaError::TunnelFamilies`], [`SaError::TunnelSelectors`].
    pub fn new(config: &SaConfig<'_>, crypto: &mut P) -> Result<Self, SaError> {
        if let (Some(source), Some(destination)) = (config.source, config.destination)
            && Family::of(&source) != Family::of(&destination)
        {
            return Err(SaError::Families);
        }
        if let Mode::Tunnel(outer) = &config.mode {
            let family = outer.fixed_family().map_err(|()| SaError::TunnelFamilies)?;
            let differs = |own: Option<IpAddr>, outer: OuterAddress| match (own, outer) {
                (Some(own), OuterAddress::Fixed(outer)) => own != outer,
                (Some(own), OuterAddress::Preserved) => family.is_some_and(|family| family != Family::of(&own)),
                (None, _) => false,
            };
            if differs(config.source, outer.source) || differs(config.destination, outer.destination) {
                return Err(SaError::TunnelSelectors);
            }
        }
        let allow = |algorithm: IntegrityAlgorithm| {
            let forbidden = algorithm.is_forbidden() && config.rfc8221_exemption != Some(algorithm);
            if forbidden { Err(SaError::Forbidden(algorithm)) } else { Ok(algorithm) }
        };
        let transform = match config.protection {
            Protection::Ah { .. } if config.tfc != Tfc::None => return Err(SaError::TfcNeedsEsp),
            Protection::Ah { integrity, key, coverage, pad_to_8 } => Transform::Ah(AhTransform {
                key: crypto.integrity_key(allow(integrity)?, key)?,
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
                        integrity: crypto.integrity_key(allow(integrity)?, integrity_key)?,
                    },
                    iv_len: cipher.iv_len(),
                    block_len: cipher.block_len(),
                    icv_len: integrity.icv_len(),
                    tfc: config.tfc,
                })
            }
            Protection::EspCombined { algorithm, key } => Transform::Esp(EspTransform {
                keys: EspKeys::Combined(crypto.aead_key(algorithm, key)?),
                iv_len: AEAD_IV_LEN,
                block_len: 1,
                icv_len: AEAD_TAG_LEN,
                tfc: config.tfc,
            }),
        };
        let SaConfig { spi, mode, esn, policy, selectors, lifetimes, .. } = *config;
        // The outer addresses that are fixed are its own.
        let fixed = |own: Option<IpAddr>, outer: fn(&OuterHeader) -> OuterAddress| match &mode {
            Mode::Tunnel(header) => match outer(header) {
                OuterAddress::Fixed(address) => Some(address),
                OuterAddress::Preserved => own,
            },
            Mode::Transport => own,
        };
        let source = fixed(config.source, |outer| outer.source);
        let destination = fixed(config.destination, |outer| outer.destination);
        let protocol = match transform {
            Transform::Ah(_) => SecurityProtocol::Ah,
            Transform::Esp(_) => SecurityProtocol::Esp,
        };
        let id = SaId { protocol, spi, destination, source };
        Ok(Self { id, mode, esn, policy, selectors, lifetimes, transform })
    }

    /// What identifies it.
    #[must_use]
    pub const fn id(&self) -> SaId {
        self.id
    }

    /// Security Parameters Index.
    #[must_use]
    pub const fn spi(&self) -> Spi {
        self.id.spi
    }

    /// AH or ESP.
    #[must_use]
    pub const fn protocol(&self) -> SecurityProtocol {
        self.id.protocol
    }

    /// The one sender it is for, if any is named.
    #[must_use]
    pub const fn source(&self) -> Option<IpAddr> {
        self.id.source
    }

    /// The destination address it is for, if any is named.
    #[must_use]
    pub const fn destination(&self) -> Option<IpAddr> {
        self.id.destination
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

    /// The protection it was made for, as policy knows it.
    #[must_use]
    pub const fn policy(&self) -> Option<PolicyId> {
        self.policy
    }

    /// What it may carry.
    #[must_use]
    pub const fn selectors(&self) -> &SelectorSet {
        &self.selectors
    }

    /// When it is to be replaced, and when it ends.
    #[must_use]
    pub const fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// Octets of initialization vector in each packet; 0 in AH and NULL encryption.
    #[must_use]
    pub const fn iv_len(&self) -> usize {
        match &self.transform {
            Transform::Ah(_) => 0,
            Transform::Esp(esp) => esp.iv_len,
        }
    }

    /// Whether it has a combined-mode algorithm.
    pub(crate) const fn has_combined_mode(&self) -> bool {
        matches!(&self.transform, Transform::Esp(EspTransform { keys: EspKeys::Combined(_), .. }))
    }

    /// Whether the association is for packets between these addresses.
    #[must_use]
    pub fn is_for(&self, destination: IpAddr, source: IpAddr) -> bool {
        self.id.destination.is_none_or(|own| own == destination) && self.id.source.is_none_or(|own| own == source)
    }
}

impl<P: CryptoProvider + ?Sized> core::fmt::Debug for Sa<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sa")
            .field("spi", &self.id.spi)
            .field("protocol", &self.id.protocol)
            .field("source", &self.id.source)
            .field("destination", &self.id.destination)
            .field("mode", &self.mode)
            .field("esn", &self.esn)
            .field("policy", &self.policy)
            .field("lifetimes", &self.lifetimes)
            .finish_non_exhaustive()
    }
}

/// The upper half of the sequence number, where the ICV covers it.
pub(crate) fn high_half<P: CryptoProvider>(sa: &Sa<P>, sequence: u64) -> Option<[u8; 4]> {
    if sa.esn() { Some(((sequence >> 32) as u32).to_be_bytes()) } else { None }
}
