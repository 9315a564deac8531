//! SPIs that a sender derives from its address.

use core::net::IpAddr;

use rand_core::TryCryptoRng;

use super::values::{Uses, Why};
use super::{SpiAllocator, SpiError, SpiUse};
use crate::ipsec::Spi;

/// Says which SPIs a sender may use, by its address alone: the same everywhere, so that receivers can recompute it.
///
/// # Security
///
/// Everybody knows the rule and everybody's address: nothing about an SPI is secret. A rule that has fewer values than it says
/// only ends in [`SpiError::Exhausted`] early; one that gives different answers at different members makes conflicts.
pub trait SpiRule {
    /// The SPI of `sender` with this number; numbers start at 0, and the smallest one that is free is used.
    ///
    /// # Errors
    ///
    /// - [`SpiError::Exhausted`]: neither this number nor a larger one has a value.
    /// - [`SpiError::OutsidePrefix`], [`SpiError::Provider`].
    fn candidate(&mut self, sender: IpAddr, number: u32) -> Result<Spi, SpiError>;
}

impl<R: SpiRule + ?Sized> SpiRule for &mut R {
    fn candidate(&mut self, sender: IpAddr, number: u32) -> Result<Spi, SpiError> {
        (**self).candidate(sender, number)
    }
}

/// Whether it is for the sender at `own` to move to its next SPI, of two that came by the same one and neither of which was
/// first: the one with the numerically larger address does. An IPv4 address is smaller than any of IPv6.
#[must_use]
pub fn moves(own: IpAddr, other: IpAddr) -> bool {
    own > other
}

/// Gives out SPIs that a [`SpiRule`] derives from the sender's address (draft §3.1.1), and knows up to `N` that are in use.
///
/// The first candidate that is not in use, by whomever, is given. While the association before it is still held, the next one
/// of the same sender therefore gets another value; released, the value comes round again.
///
/// # When two senders conflict
///
/// With [`PrefixRule`](super::PrefixRule) they cannot. With [`HashRule`](super::HashRule) two of many senders may have derived
/// the same value. Then (project-defined):
///
/// 1. Whoever notices it (a receiver that is given a second association of that SPI, another sender, a key server) refuses the
///    second association, and reports the first to its sender: [`report`](SpiAllocator::report).
/// 2. That sender releases its SPI and [allocates](SpiAllocator::allocate) again: the next candidate. The one who had it first
///    stays.
/// 3. If neither was first, or nobody can say, the one with the numerically larger address moves, see [`moves`]: both come to
///    the same decision, and never both or none of them move.
///
/// Each candidate is drawn anew, so a second conflict of the same two is as unlikely as the first was. Everything is a function
/// of the address and a small number: a receiver that is told the number, or tries all, recomputes the SPI and refuses what is
/// not its sender's.
#[derive(Debug)]
pub struct DerivedSpis<R, const N: usize = 16> {
    rule: R,
    uses: Uses<N>,
}

impl<R: SpiRule, const N: usize> DerivedSpis<R, N> {
    /// Nothing is in use yet.
    #[must_use]
    pub const fn new(rule: R) -> Self {
        Self { rule, uses: Uses::new() }
    }

    /// The rule.
    #[must_use]
    pub const fn rule_mut(&mut self) -> &mut R {
        &mut self.rule
    }

    /// All that is known to be in use, in no order.
    pub fn iter(&self) -> impl Iterator<Item = SpiUse> {
        self.uses.iter()
    }
}

impl<R: SpiRule, const N: usize> SpiAllocator for DerivedSpis<R, N> {
    /// `rng` is not asked.
    fn allocate<G: TryCryptoRng + ?Sized>(&mut self, sender: IpAddr, _rng: &mut G) -> Result<Spi, SpiError> {
        if self.uses.is_full() {
            return Err(SpiError::Full);
        }
        // Fewer than N are in use: of a rule without repetition one of N candidates is free. (A hash may repeat, once in 2^32.)
        for number in 0..=u32::try_from(N).unwrap_or(u32::MAX) {
            let spi = self.rule.candidate(sender, number)?;
            if !self.uses.iter().any(|known| known.spi == spi) {
                self.uses.add(SpiUse { source: sender, spi }, Why::Given)?;
                return Ok(spi);
            }
        }
        Err(SpiError::Exhausted)
    }

    fn report(&mut self, reported: SpiUse) -> Result<(), SpiError> {
        self.uses.add(reported, Why::Reported)
    }

    fn withdraw(&mut self, reported: SpiUse) -> bool {
        self.uses.remove(reported, Why::Reported)
    }

    fn release(&mut self, given: SpiUse) -> bool {
        self.uses.remove(given, Why::Given)
    }

    /// The SPI alone identifies.
    fn conflicts(&self, one: SpiUse, other: SpiUse) -> bool {
        one.spi == other.spi
    }
}
