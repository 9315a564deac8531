//! SPIs that each sender chooses for itself, and that only count together with its address.

use core::net::IpAddr;

use rand_core::TryCryptoRng;

use super::values::{Uses, Why, first_free, random_index};
use super::{SpiAllocator, SpiError, SpiUse};
use crate::ipsec::Spi;

/// Gives out SPIs of associations that are each for one sender (draft §3.1.1, last paragraph, and §4.2.2): a random one that the
/// sender does not have yet. Another sender may well have it: SPI and source address together identify. It knows up to `N` uses.
///
/// Nobody needs to be asked or told. In exchange every receiver must hold such associations with their
/// [source](crate::ipsec::SaConfig::source), and look them up by it (RFC 4301 §4.1).
///
/// At a sender all uses are its own. A host that keeps the associations of several senders [reports](SpiAllocator::report) what
/// it hears of the others, though it changes nothing for its own.
///
/// # Security
///
/// Under ESP the source address is not covered by the ICV: somebody on the path can write another sender's. The packet is then
/// looked up under that one's association, whose key does not verify it.
#[derive(Debug, Default)]
pub struct PerSenderSpis<const N: usize = 16> {
    uses: Uses<N>,
}

impl<const N: usize> PerSenderSpis<N> {
    /// Nothing is in use yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { uses: Uses::new() }
    }

    /// Whether `source` has this SPI.
    #[must_use]
    pub fn is_in_use(&self, wanted: SpiUse) -> bool {
        self.uses.iter().any(|known| known == wanted)
    }
}

impl<const N: usize> SpiAllocator for PerSenderSpis<N> {
    /// Any value is as likely as another, but for those directly behind one that the sender has.
    fn allocate<G: TryCryptoRng + ?Sized>(&mut self, sender: IpAddr, rng: &mut G) -> Result<Spi, SpiError> {
        if self.uses.is_full() {
            return Err(SpiError::Full);
        }
        let in_use = |spi| self.is_in_use(SpiUse { source: sender, spi });
        let spi = first_free(random_index(rng)?, N, in_use).ok_or(SpiError::Exhausted)?;
        self.uses.add(SpiUse { source: sender, spi }, Why::Given)?;
        Ok(spi)
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

    /// SPI and source together identify.
    fn conflicts(&self, one: SpiUse, other: SpiUse) -> bool {
        one == other
    }
}
