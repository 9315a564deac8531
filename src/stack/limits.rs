//! How long a packet may become, and what stands in it beside headers.

use crate::crypto::CryptoProvider;
use crate::ipsec::{Mode, Sa, SecurityProtocol};
use crate::wire::{BitmapPlace, Family, destinations_that_fit};

/// What a list of members is split by: the longest packet the path takes, and the octets that stand behind the Xcast headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    mtu: usize,
    behind_len: usize,
}

impl Limits {
    /// For packets of at most `mtu` octets, IP header included, with a transport segment of `segment_len` octets in the clear.
    #[must_use]
    pub const fn new(mtu: usize, segment_len: usize) -> Self {
        Self { mtu, behind_len: segment_len }
    }

    /// The same, with what `sa` adds to packets of `family`, exactly. Where there are two associations, AH goes first: it is
    /// the outer one.
    ///
    /// ```
    /// # #[cfg(feature = "rust-crypto")] {
    /// use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
    /// use xcast_sec::ipsec::{Protection, Sa, SaConfig, Spi};
    /// use xcast_sec::stack::Limits;
    /// use xcast_sec::wire::{BitmapPlace, Family};
    ///
    /// let protection = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[1; 20] };
    /// let sa = Sa::new(&SaConfig::new(Spi::new(256).unwrap(), protection), &mut RustCrypto).unwrap();
    /// let limits = Limits::new(1500, 8 + 160).protected_by(&sa, Family::V6);
    /// assert_eq!(limits.destinations(Family::V6, false, false, BitmapPlace::Header), 76);
    /// # }
    /// ```
    #[must_use]
    pub fn protected_by<P: CryptoProvider + ?Sized>(self, sa: &Sa<P>, family: Family) -> Self {
        match (sa.mode(), sa.protocol()) {
            // A tunnel takes whole packets.
            (Mode::Tunnel(_), _) => Self { mtu: sa.largest_payload(family, 0, self.mtu).unwrap_or(0), ..self },
            // AH adds the same to every packet.
            (Mode::Transport, SecurityProtocol::Ah) => {
                Self { mtu: self.mtu.min(family.max_packet_len()).saturating_sub(sa.headroom(family)), ..self }
            }
            (Mode::Transport, SecurityProtocol::Esp) => {
                let overhead = sa.overhead(family, self.behind_len);
                Self { behind_len: self.behind_len.saturating_add(overhead), ..self }
            }
        }
    }

    /// The same, for packets of at most `mtu` octets if that is fewer.
    #[must_use]
    pub const fn within(self, mtu: usize) -> Self {
        Self { mtu: if mtu < self.mtu { mtu } else { self.mtu }, ..self }
    }

    /// Octets of the longest packet, without what AH or a tunnel puts around it.
    #[must_use]
    pub const fn mtu(&self) -> usize {
        self.mtu
    }

    /// Octets behind the Xcast headers: the segment, or ESP with the segment in it.
    #[must_use]
    pub const fn behind_len(&self) -> usize {
        self.behind_len
    }

    /// The most destinations of a packet within these limits; 0 if not even one fits.
    #[must_use]
    pub const fn destinations(&self, family: Family, dscps: bool, ports: bool, place: BitmapPlace) -> usize {
        destinations_that_fit(family, dscps, ports, place, self.mtu, self.behind_len)
    }
}
