//! The values that an SPI can have, and which of them are in use.

use core::net::IpAddr;

use rand_core::TryCryptoRng;

use super::{SpiError, SpiUse};
use crate::ipsec::Spi;

/// The least SPI: what is below is reserved (RFC 4303 §2.1).
pub(super) const LEAST: u32 = 256;
/// How many SPIs there are: 2^32 − 256.
pub(super) const COUNT: u64 = (1 << 32) - LEAST as u64;

/// The SPI number `index` of [`COUNT`], counted round.
///
/// For an `index` drawn evenly from all of 64 bits no SPI is more likely than another by more than one part in 2^32.
pub(super) fn nth(index: u64) -> Option<Spi> {
    let index = u32::try_from(index.checked_rem(COUNT)?).ok()?;
    Spi::new(index.checked_add(LEAST)?)
}

/// A random place among all values.
pub(super) fn random_index<G: TryCryptoRng + ?Sized>(rng: &mut G) -> Result<u64, SpiError> {
    let mut octets = [0; 8];
    rng.try_fill_bytes(&mut octets).map_err(|_| SpiError::Random)?;
    Ok(u64::from_be_bytes(octets).checked_rem(COUNT).unwrap_or(0))
}

/// The first SPI at or after `index`, counted round, that `in_use` does not hold of: `index` itself unless that is in use.
/// After `most` that are in use it gives up, so a generator that always says the same ends, too.
pub(super) fn first_free(index: u64, most: usize, in_use: impl Fn(Spi) -> bool) -> Option<Spi> {
    (index..).take(most.saturating_add(1)).filter_map(nth).find(|spi| !in_use(*spi))
}

/// Why a use is held. One can be there for both reasons: a member's report covers what was given to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Given,
    Reported,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    held: SpiUse,
    given: bool,
    reported: bool,
}

/// Up to `N` uses, each given out, reported, or both.
#[derive(Debug, Default)]
pub(super) struct Uses<const N: usize> {
    uses: heapless::Vec<Held, N>,
}

impl<const N: usize> Uses<N> {
    pub(super) const fn new() -> Self {
        Self { uses: heapless::Vec::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.uses.is_full()
    }

    pub(super) fn add(&mut self, new: SpiUse, why: Why) -> Result<(), SpiError> {
        if let Some(known) = self.uses.iter_mut().find(|known| known.held == new) {
            known.given |= why == Why::Given;
            known.reported |= why == Why::Reported;
            return Ok(());
        }
        let held = Held { held: new, given: why == Why::Given, reported: why == Why::Reported };
        self.uses.push(held).map_err(|_| SpiError::Full)
    }

    /// Takes away one reason, and the use with the last one. Returns whether there was that reason.
    pub(super) fn remove(&mut self, old: SpiUse, why: Why) -> bool {
        let Some(index) = self.uses.iter().position(|known| known.held == old) else { return false };
        let Some(known) = self.uses.get_mut(index) else { return false };
        let reason = match why {
            Why::Given => &mut known.given,
            Why::Reported => &mut known.reported,
        };
        let had = core::mem::take(reason);
        if !known.given && !known.reported {
            self.uses.swap_remove(index);
        }
        had
    }

    /// Takes away every report of one member.
    pub(super) fn forget_reports(&mut self, member: IpAddr) {
        for known in &mut self.uses {
            known.reported &= known.held.source != member;
        }
        self.uses.retain(|known| known.given || known.reported);
    }

    /// How many SPIs a member reports.
    pub(super) fn reports_of(&self, member: IpAddr) -> usize {
        self.uses.iter().filter(|known| known.reported && known.held.source == member).count()
    }

    pub(super) fn is_reported(&self, wanted: SpiUse) -> bool {
        self.uses.iter().any(|known| known.reported && known.held == wanted)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = SpiUse> {
        self.uses.iter().map(|known| known.held)
    }

    pub(super) fn given(&self) -> impl Iterator<Item = SpiUse> {
        self.uses.iter().filter(|known| known.given).map(|known| known.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_run_from_256_to_the_last_and_round() {
        assert_eq!(nth(0).unwrap().value(), 256);
        assert_eq!(nth(COUNT - 1).unwrap().value(), u32::MAX);
        assert_eq!(nth(COUNT).unwrap().value(), 256);
        assert!(nth(u64::MAX).unwrap().value() >= 256);
    }

    #[test]
    fn the_first_free_one_is_found_round_the_end() {
        let taken = [u32::MAX - 1, u32::MAX, 256, 257];
        let in_use = |spi: Spi| taken.contains(&spi.value());
        assert_eq!(first_free(COUNT - 2, 4, in_use), Spi::new(258));
        assert_eq!(first_free(COUNT - 3, 4, in_use), Spi::new(u32::MAX - 2));
        assert_eq!(first_free(COUNT - 2, 3, in_use), None);
    }

    #[test]
    fn a_use_goes_with_its_last_reason() {
        let one = SpiUse { source: [192, 0, 2, 1].into(), spi: Spi::new(300).unwrap() };
        let mut uses = Uses::<1>::new();
        uses.add(one, Why::Given).unwrap();
        uses.add(one, Why::Reported).unwrap();
        assert_eq!(uses.add(SpiUse { spi: Spi::new(301).unwrap(), ..one }, Why::Given), Err(SpiError::Full));
        assert!(uses.remove(one, Why::Reported));
        assert!(!uses.remove(one, Why::Reported));
        assert_eq!(uses.iter().count(), 1);
        assert!(uses.remove(one, Why::Given) && !uses.remove(one, Why::Given));
        assert_eq!(uses.iter().count(), 0);
    }
}
