//! The security association database, as inbound packets see it (RFC 4301 §4.1, §4.4.2).

use core::net::IpAddr;

use crate::crypto::CryptoProvider;
use crate::ipsec::Spi;
use crate::ipsec::association::config::{SaId, SecurityProtocol};
use crate::ipsec::association::lifetime::{Lifetimes, LimitKind, Limits, Usage};
use crate::ipsec::association::sa::Sa;
use crate::time::Instant;

/// Finds the association of an inbound packet.
///
/// # Security
///
/// Asked once for every AH or ESP header of every packet, in a batch up to twice, with values an attacker chose. The longest match decides:
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

/// What a receiver counts of an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboundState {
    usage: Usage,
    /// Packets in a row that did not verify (RFC 4303 §A3.1).
    failures: u32,
}

impl InboundState {
    /// Of an association of which `usage` is used up: [`Usage::new`] if it is fresh.
    #[must_use]
    pub const fn new(usage: Usage) -> Self {
        Self { usage, failures: 0 }
    }

    /// What is used up.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Packets in a row that did not verify.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// A packet verified.
    pub(crate) const fn succeeded(&mut self, octets: u64) {
        self.usage.add(octets);
        self.failures = 0;
    }

    /// A packet did not verify.
    pub(crate) const fn failed(&mut self) {
        // Wraps, so that reports go on.
        self.failures = self.failures.wrapping_add(1);
    }
}

/// A database that also holds what is counted of each association.
///
/// # Security
///
/// Asked for every packet that names a known association. One that loses what it counted lets an association live on beyond
/// its hard lifetime.
pub trait InboundSad<P: CryptoProvider + ?Sized>: SadLookup<P> {
    /// What was counted of an association; `None` if nothing is, and its lifetimes do not count.
    fn state(&self, sa: &SaId) -> Option<&InboundState>;

    /// The same, to count on.
    fn state_mut(&mut self, sa: &SaId) -> Option<&mut InboundState>;
}

impl<P: CryptoProvider + ?Sized, S: InboundSad<P> + ?Sized> InboundSad<P> for &mut S {
    fn state(&self, sa: &SaId) -> Option<&InboundState> {
        (**self).state(sa)
    }

    fn state_mut(&mut self, sa: &SaId) -> Option<&mut InboundState> {
        (**self).state_mut(sa)
    }
}

/// Why a database did not take an association. Nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SadError {
    /// There is no room.
    Full,
    /// There is one with the same protocol, SPI, destination and source (RFC 4301 §4.1): which of the two a packet is under,
    /// nobody could say.
    Duplicate,
}

impl core::fmt::Display for SadError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "association database full",
            Self::Duplicate => "association with a protocol, SPI, destination and source that are in the database",
        })
    }
}

impl core::error::Error for SadError {}

/// A database of up to `N` associations, with what is counted of them.
///
/// An association stays where it was put, and is dropped there: none of its key's octets are left behind when it goes.
pub struct FixedSad<P: CryptoProvider, const N: usize> {
    /// The SPI of the association in each slot, 0 where there is none: nothing else of an association is looked at in search of
    /// another.
    spis: [u32; N],
    slots: [Option<(Sa<P>, InboundState)>; N],
}

impl<P: CryptoProvider, const N: usize> FixedSad<P, N> {
    /// An empty database.
    #[must_use]
    pub const fn new() -> Self {
        Self { spis: [0; N], slots: [const { None }; N] }
    }

    /// Adds an association of which `usage` is used up: [`Usage::new`] if it is fresh.
    ///
    /// # Errors
    ///
    /// The association is handed back, with why it was not taken:
    ///
    /// - [`SadError::Duplicate`], also where there is no room.
    /// - [`SadError::Full`].
    #[allow(clippy::result_large_err, reason = "an association that does not fit is not lost")]
    pub fn insert(&mut self, sa: Sa<P>, usage: Usage) -> Result<(), (SadError, Sa<P>)> {
        if self.state(&sa.id()).is_some() {
            return Err((SadError::Duplicate, sa));
        }
        let free = self.spis.iter_mut().zip(&mut self.slots).find(|(_, slot)| slot.is_none());
        let Some((spi, slot)) = free else { return Err((SadError::Full, sa)) };
        *spi = sa.spi().value();
        *slot = Some((sa, InboundState::new(usage)));
        Ok(())
    }

    /// Drops an association, and with it its key. Returns whether it was there.
    ///
    /// Its senders' windows are [forgotten](crate::ipsec::SenderWindows::forget) afterwards, never before.
    pub fn remove(&mut self, id: &SaId) -> bool {
        let place = self.with_spi(id.spi).find(|(_, (sa, _))| sa.id() == *id).map(|(place, _)| place);
        let Some(place) = place else { return false };
        if let (Some(spi), Some(slot)) = (self.spis.get_mut(place), self.slots.get_mut(place)) {
            *spi = 0;
            *slot = None;
        }
        true
    }

    /// The associations with this SPI, and where they are.
    fn with_spi(&self, spi: Spi) -> impl Iterator<Item = (usize, &(Sa<P>, InboundState))> {
        let places = self.spis.iter().enumerate().filter(move |&(_, other)| *other == spi.value());
        places.filter_map(|(place, _)| Some((place, self.slots.get(place)?.as_ref()?)))
    }

    /// The associations, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Sa<P>, &InboundState)> {
        self.slots.iter().flatten().map(|(sa, state)| (sa, state))
    }

    /// The associations that have ended, or passed a soft limit at `now`, with the limit: those to be taken out, and those to
    /// be replaced (RFC 4301 §4.4.2.1).
    pub fn beyond<'s>(
        &'s self,
        limits: impl Fn(&Lifetimes) -> &Limits + 's,
        now: Instant,
    ) -> impl Iterator<Item = (&'s Sa<P>, LimitKind)> {
        self.slots
            .iter()
            .flatten()
            .filter_map(move |(sa, state)| Some((sa, state.usage.beyond(limits(sa.lifetimes()), now)?)))
    }
}

impl<P: CryptoProvider, const N: usize> Default for FixedSad<P, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: CryptoProvider, const N: usize> core::fmt::Debug for FixedSad<P, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter().map(|(sa, _)| sa)).finish()
    }
}

impl<P: CryptoProvider, const N: usize> SadLookup<P> for FixedSad<P, N> {
    fn lookup(&self, protocol: SecurityProtocol, spi: Spi, destination: IpAddr, source: IpAddr) -> Option<&Sa<P>> {
        self.with_spi(spi)
            .map(|(_, (sa, _))| sa)
            .filter(|sa| sa.protocol() == protocol && sa.is_for(destination, source))
            // Destination weighs more than source.
            .max_by_key(|sa| (sa.destination().is_some(), sa.source().is_some()))
    }
}

impl<P: CryptoProvider, const N: usize> InboundSad<P> for FixedSad<P, N> {
    fn state(&self, sa: &SaId) -> Option<&InboundState> {
        self.with_spi(sa.spi).find(|(_, (own, _))| own.id() == *sa).map(|(_, (_, state))| state)
    }

    fn state_mut(&mut self, sa: &SaId) -> Option<&mut InboundState> {
        let (place, _) = self.with_spi(sa.spi).find(|(_, (own, _))| own.id() == *sa)?;
        self.slots.get_mut(place)?.as_mut().map(|(_, state)| state)
    }
}
