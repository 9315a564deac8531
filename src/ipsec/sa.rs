//! Security associations, keyed.

use core::net::IpAddr;

use super::Spi;
use super::sa_config::{Mode, Protection, RoutingCoverage, SaConfig, SaError, SaId, SecurityProtocol};
use crate::crypto::{AEAD_IV_LEN, AEAD_TAG_LEN, CipherAlgorithm, CryptoProvider};
use crate::wire::{Family, TunnelEnds, ah, esp};

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
            TunnelEnds::new(tunnel.source, tunnel.destination).ok_or(SaError::TunnelFamilies)?;
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
            Mode::Tunnel(tunnel) => {
                let outer = Family::of(&tunnel.source);
                (outer.min_header_len(), outer)
            }
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
