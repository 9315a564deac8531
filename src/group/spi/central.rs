//! SPIs that a server gives out.

use core::net::IpAddr;

use rand_core::TryCryptoRng;

use super::values::{Uses, Why, first_free, random_index};
use super::{SpiAllocator, SpiError, SpiUse};
use crate::ipsec::Spi;

/// Gives out SPIs for all senders from one place (draft §3.1.1, "some designated server"): a random one that is neither given
/// out nor reported by any member to be in use. It knows up to `N` uses.
///
/// Two members may report one SPI, as each chose it for a unicast association of its own, and a member reports what was given to
/// it: a value is free again when it was released *and* the last report was withdrawn.
///
/// Members go on choosing SPIs for their unicast associations. One that chooses after its last report may hit on a value that
/// the server gives out meanwhile; before it uses a value it therefore reports it, or looks whether a group's association has
/// it already. A member that also looks up by destination (RFC 4301 §4.1) tells its unicast associations from the group's anyhow.
///
/// It is not `Clone`: two copies would give out one value twice.
///
/// # Security
///
/// A member that lies keeps values from being given out, no more, and at most `per_member` of the `N` places. It cannot have a
/// value given out twice: what it withdraws is only its own report.
#[derive(Debug)]
pub struct CentralSpis<const N: usize = 256> {
    uses: Uses<N>,
    per_member: usize,
}

impl<const N: usize> CentralSpis<N> {
    /// Nothing is in use yet. A member may report up to `per_member` SPIs.
    #[must_use]
    pub const fn new(per_member: usize) -> Self {
        Self { uses: Uses::new(), per_member }
    }

    /// Takes back all that a member reported, once it has left. What was given to it stays given, until it is released.
    pub fn forget_reports(&mut self, member: IpAddr) {
        self.uses.forget_reports(member);
    }

    /// All that was given out and not released, in no order.
    pub fn given(&self) -> impl Iterator<Item = SpiUse> {
        self.uses.given()
    }

    /// Whether the value is given out or reported.
    #[must_use]
    pub fn is_in_use(&self, spi: Spi) -> bool {
        self.uses.iter().any(|known| known.spi == spi)
    }
}

impl<const N: usize> SpiAllocator for CentralSpis<N> {
    /// Any value is as likely as another, but for those directly behind one that is in use.
    fn allocate<G: TryCryptoRng + ?Sized>(&mut self, sender: IpAddr, rng: &mut G) -> Result<Spi, SpiError> {
        if self.uses.is_full() {
            return Err(SpiError::Full);
        }
        let spi = first_free(random_index(rng)?, N, |spi| self.is_in_use(spi)).ok_or(SpiError::Exhausted)?;
        self.uses.add(SpiUse { source: sender, spi }, Why::Given)?;
        Ok(spi)
    }

    fn report(&mut self, reported: SpiUse) -> Result<(), SpiError> {
        if !self.uses.is_reported(reported) && self.uses.reports_of(reported.source) >= self.per_member {
            return Err(SpiError::TooManyReports);
        }
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
