//! The security association database, as inbound packets see it (RFC 4301 §4.1, §4.4.2).

use core::net::IpAddr;

use super::Spi;
use super::sa::Sa;
use super::sa_config::{SaId, SecurityProtocol};
use crate::crypto::CryptoProvider;

/// Finds the association of an inbound packet.
///
/// # Security
///
/// Asked once for every AH or ESP header of every packet, with values an attacker chose. The longest match decides:
/// (SPI, destination, source), then (SPI, destination), then (SPI) (RFC 4301 §4.1). Returning the association of another
/// sender lets that one's keys vouch for this one.
pub trait SadLookup<P: CryptoProvider + ?Sized> {
    /// The association for `protocol` and `spi` in a packet from `source` to `destination`, if there is one.
    fn lookup(&self, protocol: SecurityProtocol, spi: Spi, destination: IpAddr, source: IpAddr) -> Option<&Sa<P>>;
}

impl<P: CryptoProvider + ?Sized, S: SadLookup<P> + ?Sized> SadLookup<P> for &S {
    fn lookup(&self, protocol: SecurityProtocol, spi: Spi, destination: IpAddr, source: IpAddr) -> Option<&Sa<P>> {
        (**self).lookup(protocol, spi, destination, source)
    }
}

impl<P: CryptoProvider + ?Sized, S: SadLookup<P> + ?Sized> SadLookup<P> for &mut S {
    fn lookup(&self, protocol: SecurityProtocol, spi: Spi, destination: IpAddr, source: IpAddr) -> Option<&Sa<P>> {
        (**self).lookup(protocol, spi, destination, source)
    }
}

/// One association alone.
impl<P: CryptoProvider + ?Sized> SadLookup<P> for Sa<P> {
    fn lookup(&self, protocol: SecurityProtocol, spi: Spi, destination: IpAddr, source: IpAddr) -> Option<&Sa<P>> {
        let found = self.protocol() == protocol && self.spi() == spi && self.is_for(destination, source);
        if found { Some(self) } else { None }
    }
}

/// A database of up to `N` associations.
pub struct FixedSad<P: CryptoProvider + ?Sized, const N: usize> {
    associations: heapless::Vec<Sa<P>, N>,
}

impl<P: CryptoProvider + ?Sized, const N: usize> FixedSad<P, N> {
    /// An empty database.
    #[must_use]
    pub const fn new() -> Self {
        Self { associations: heapless::Vec::new() }
    }

    /// Adds an association.
    ///
    /// # Errors
    ///
    /// Hands the association back if the database is full, or holds one with the same protocol, SPI, destination and source.
    #[allow(clippy::result_large_err, reason = "an association that does not fit is not lost")]
    pub fn insert(&mut self, sa: Sa<P>) -> Result<(), Sa<P>> {
        if self.position(&sa.id()).is_some() {
            return Err(sa);
        }
        self.associations.push(sa)
    }

    /// Takes an association out.
    pub fn remove(&mut self, id: &SaId) -> Option<Sa<P>> {
        self.position(id).map(|index| self.associations.swap_remove(index))
    }

    fn position(&self, id: &SaId) -> Option<usize> {
        self.associations.iter().position(|sa| sa.id() == *id)
    }

    /// The associations, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Sa<P>> {
        self.associations.iter()
    }
}

impl<P: CryptoProvider + ?Sized, const N: usize> Default for FixedSad<P, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: CryptoProvider + ?Sized, const N: usize> core::fmt::Debug for FixedSad<P, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.associations.iter()).finish()
    }
}

impl<P: CryptoProvider + ?Sized, const N: usize> SadLookup<P> for FixedSad<P, N> {
    fn lookup(&self, protocol: SecurityProtocol, spi: Spi, destination: IpAddr, source: IpAddr) -> Option<&Sa<P>> {
        self.associations
            .iter()
            .filter(|sa| sa.protocol() == protocol && sa.spi() == spi && sa.is_for(destination, source))
            // Destination weighs more than source.
            .max_by_key(|sa| (sa.destination().is_some(), sa.source().is_some()))
    }
}
