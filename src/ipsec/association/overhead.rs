//! What protection costs in octets, exactly, before a packet is sealed (RFC 4301 §8).

use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::Mode;
use crate::ipsec::association::sa::{Sa, Transform};
use crate::wire::{Family, esp};

impl<P: CryptoProvider + ?Sized> Sa<P> {
    /// Octets that sealing a packet of `family` inserts: the headroom that spares moving the payload.
    #[must_use]
    pub fn headroom(&self, family: Family) -> usize {
        let (outer_len, family) = match self.mode() {
            Mode::Transport => (0, family),
            Mode::Tunnel(outer) => {
                let family = outer.family(family);
                (family.min_header_len(), family)
            }
        };
        outer_len.saturating_add(match &self.transform {
            Transform::Ah(ah) => ah.header_len(family),
            Transform::Esp(esp) => esp.header_len(),
        })
    }

    /// Octets that sealing a packet appends at most, TFC padding aside: the tailroom that is enough for every packet.
    #[must_use]
    pub fn tailroom(&self) -> usize {
        match &self.transform {
            Transform::Ah(_) => 0,
            Transform::Esp(esp) => {
                esp.alignment().saturating_sub(1).saturating_add(esp::TRAILER_LEN).saturating_add(esp.icv_len)
            }
        }
    }

    /// Octets that sealing adds to a packet of `family` in which it protects `payload_len` octets: in tunnel mode the whole
    /// packet, in transport mode what stands behind the IP header, the Xcast headers and other IPv6 headers that AH or ESP
    /// goes behind.
    #[must_use]
    pub fn overhead(&self, family: Family, payload_len: usize) -> usize {
        self.headroom(family).saturating_add(match &self.transform {
            Transform::Ah(_) => 0,
            Transform::Esp(esp) => esp.appended_len(payload_len),
        })
    }

    /// Octets of the longest payload that, protected, fits in a packet of `mtu` octets, or `None` if not even an empty one
    /// does.
    ///
    /// `headers_len` counts what stands in front of the payload; it is 0 in tunnel mode, where the payload is the whole
    /// packet, of `family`. A payload of fewer octets always fits as well. Where AH goes around ESP, ask AH first: what it
    /// gives, with `headers_len` added, is the MTU to ask ESP with.
    ///
    /// ```
    /// # use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
    /// # use xcast_sec::ipsec::{Protection, Sa, SaConfig, Spi};
    /// use xcast_sec::wire::Family;
    /// # let protection = Protection::Esp {
    /// #     cipher: CipherAlgorithm::AesCbc,
    /// #     cipher_key: &[1; 16],
    /// #     integrity: Some((IntegrityAlgorithm::HmacSha2_256_128, &[2; 32])),
    /// # };
    /// # let sa = Sa::new(&SaConfig::new(Spi::new(256).unwrap(), protection), &mut RustCrypto)?;
    /// // ESP with AES-CBC and HMAC-SHA2-256-128 behind 40 octets of IPv6 header: SPI, number and vector take 24, the ICV 16,
    /// // and of the 1420 left 1408 are whole blocks, two octets of them the trailer's.
    /// assert_eq!(sa.largest_payload(Family::V6, 40, 1500), Some(1406));
    /// assert_eq!(sa.overhead(Family::V6, 1406), 24 + 2 + 16);
    /// # Ok::<(), xcast_sec::ipsec::SaError>(())
    /// ```
    #[must_use]
    pub fn largest_payload(&self, family: Family, headers_len: usize, mtu: usize) -> Option<usize> {
        let left = mtu.checked_sub(headers_len)?.checked_sub(self.headroom(family))?;
        match &self.transform {
            Transform::Ah(_) => Some(left),
            Transform::Esp(esp) => esp.largest_payload(left),
        }
    }
}
