//! The sender's sequence numbers (RFC 4302 §2.5, RFC 4303 §2.2).

/// Why there is no next sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SequenceError {
    /// The counter has given out its last number: the association must be replaced (RFC 4302 §3.3.2, RFC 4303 §3.3.3).
    Exhausted,
    /// The counter survives restarts, and the numbers it may give out before the next one is saved are used up: see
    /// [`SequenceCounter::reserve`].
    NotReserved,
}

impl core::fmt::Display for SequenceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Exhausted => "sequence numbers exhausted, a new security association is needed",
            Self::NotReserved => "reserved sequence numbers used up, more must be reserved and saved",
        })
    }
}

impl core::error::Error for SequenceError {}

/// Gives out the sequence numbers of one sender under one association: 1, 2, 3, …, each once. It never wraps.
///
/// A counter that is to survive restarts of its host must not give out a number before the host has saved one that is not
/// smaller: the number is used once the packet has left. [`resume`](Self::resume) makes such a counter, also for the first
/// start, and [`reserve`](Self::reserve) lets it give out many numbers for one write to storage:
///
/// ```
/// use xcast_sec::ipsec::{SequenceCounter, SequenceError};
///
/// let mut saved = 0; // In the host's permanent storage.
/// let mut counter = SequenceCounter::resume(saved, false);
/// assert_eq!(counter.advance(), Err(SequenceError::NotReserved));
/// let reservation = counter.reserve(1000);
/// saved = reservation.up_to(); // Saved first,
/// reservation.commit(); // and then used.
/// assert_eq!(counter.advance(), Ok(1));
///
/// // After a restart nobody knows how many of them were used, so none is used again.
/// let mut counter = SequenceCounter::resume(saved, false);
/// let reservation = counter.reserve(1000);
/// saved = reservation.up_to();
/// reservation.commit();
/// assert_eq!((counter.advance(), saved), (Ok(1001), 2000));
/// ```
#[derive(Debug)]
pub struct SequenceCounter {
    last: u64,
    max: u64,
    /// No number beyond it is given out.
    reserved: u64,
}

impl SequenceCounter {
    /// A counter whose first number is 1; with `esn` it counts to 2^64 − 1, else to 2^32 − 1. It does not survive a restart:
    /// neither must its association's key.
    #[must_use]
    pub const fn new(esn: bool) -> Self {
        let max = Self::max(esn);
        Self { last: 0, max, reserved: max }
    }

    /// A counter that goes on after `saved`, which [`Reservation::up_to`] gave, or 0 for one that will survive restarts. It
    /// gives out nothing before numbers are reserved.
    #[must_use]
    pub const fn resume(saved: u64, esn: bool) -> Self {
        Self { last: saved, max: Self::max(esn), reserved: saved }
    }

    const fn max(esn: bool) -> u64 {
        if esn { u64::MAX } else { u32::MAX as u64 }
    }

    /// The same counter, but with no number beyond `max`.
    pub(crate) fn limited_to(self, max: u64) -> Self {
        Self { max: self.max.min(max), ..self }
    }

    /// The number given out last; 0 before the first.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// How many numbers are left, reserved or not.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.max.saturating_sub(self.last)
    }

    /// How many numbers may be given out before more must be reserved.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.reserved.min(self.max).saturating_sub(self.last)
    }

    /// Whether fewer than a sixteenth of all numbers is left (project-defined): time for another association.
    #[must_use]
    pub const fn is_near_end(&self) -> bool {
        self.was_near_end(self.last)
    }

    /// Whether it [was near its end](Self::is_near_end) when it had given out `number` last.
    pub(crate) const fn was_near_end(&self, number: u64) -> bool {
        self.max.saturating_sub(number) < self.max >> 4
    }

    /// Reserves the next `count` numbers, or all that are left; what is reserved already stays so. They may be given out once
    /// the reservation is committed.
    #[must_use = "nothing is reserved before it is committed"]
    pub fn reserve(&mut self, count: u64) -> Reservation<'_> {
        let up_to = self.last.saturating_add(count).min(self.max).max(self.reserved);
        Reservation { counter: self, up_to }
    }

    /// Whether there is a next number.
    pub(crate) fn check(&self) -> Result<u64, SequenceError> {
        let next = self.last.checked_add(1).filter(|&next| next <= self.max).ok_or(SequenceError::Exhausted)?;
        if next > self.reserved { Err(SequenceError::NotReserved) } else { Ok(next) }
    }

    /// The next number. It counts as used even if its packet is never sent.
    ///
    /// # Errors
    ///
    /// - [`SequenceError::Exhausted`], for ever after.
    /// - [`SequenceError::NotReserved`], until more numbers are reserved.
    pub fn advance(&mut self) -> Result<u64, SequenceError> {
        self.last = self.check()?;
        Ok(self.last)
    }
}

/// Numbers set aside, to be saved before they are used. Dropped, it changes nothing.
#[derive(Debug)]
#[must_use = "nothing is reserved before it is committed"]
pub struct Reservation<'a> {
    counter: &'a mut SequenceCounter,
    up_to: u64,
}

impl Reservation<'_> {
    /// The last number reserved: what the host saves, and hands to [`SequenceCounter::resume`] after a restart.
    #[must_use]
    pub const fn up_to(&self) -> u64 {
        self.up_to
    }

    /// It is saved: the numbers may be used.
    pub fn commit(self) {
        self.counter.reserved = self.up_to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter that has given out `last`.
    fn after(last: u64, esn: bool) -> SequenceCounter {
        SequenceCounter { last, ..SequenceCounter::new(esn) }
    }

    #[test]
    fn starts_at_one_and_stops_at_the_end() {
        let mut counter = SequenceCounter::new(false);
        assert_eq!((counter.advance(), counter.advance()), (Ok(1), Ok(2)));
        for (esn, max) in [(false, u64::from(u32::MAX)), (true, u64::MAX)] {
            let mut counter = after(max - 1, esn);
            assert_eq!((counter.remaining(), counter.reserved()), (1, 1));
            assert_eq!(counter.advance(), Ok(max));
            assert_eq!(counter.advance(), Err(SequenceError::Exhausted));
            assert_eq!(counter.advance(), Err(SequenceError::Exhausted));
            assert_eq!((counter.last(), counter.remaining()), (max, 0));
        }
    }

    #[test]
    fn warns_before_the_end() {
        for (esn, sixteenth) in [(false, 0x0fff_ffff), (true, 0x0fff_ffff_ffff_ffff)] {
            let max = SequenceCounter::max(esn);
            assert!(!after(max - sixteenth, esn).is_near_end());
            assert!(after(max - sixteenth + 1, esn).is_near_end());
            assert!(!SequenceCounter::new(esn).is_near_end());
        }
    }

    #[test]
    fn a_limit_ends_it_earlier() {
        let mut counter = after(9, true).limited_to(10);
        assert_eq!((counter.advance(), counter.advance()), (Ok(10), Err(SequenceError::Exhausted)));
        assert_eq!(SequenceCounter::new(false).limited_to(u64::MAX).remaining(), u64::from(u32::MAX));
    }

    /// Restarts at every possible moment: no number is ever given out twice.
    #[test]
    fn no_restart_repeats_a_number() {
        for restart_after in 0..25 {
            let (mut saved, mut highest, mut steps) = (0, 0, 0);
            for _life in 0..4 {
                let mut counter = SequenceCounter::resume(saved, true);
                assert_eq!(counter.advance(), Err(SequenceError::NotReserved));
                for _ in 0..restart_after {
                    if counter.reserved() == 0 {
                        let reservation = counter.reserve(4);
                        saved = reservation.up_to();
                        steps += 1;
                        if steps % 3 == 0 {
                            // Saved, and then the host died.
                            break;
                        }
                        reservation.commit();
                    }
                    let number = counter.advance().unwrap();
                    assert!(number > highest && number <= saved, "{number} after {highest}, saved {saved}");
                    highest = number;
                }
            }
        }
    }

    #[test]
    fn an_uncommitted_reservation_reserves_nothing() {
        let mut counter = SequenceCounter::resume(7, false);
        assert_eq!(counter.reserve(5).up_to(), 12);
        assert_eq!((counter.reserved(), counter.advance()), (0, Err(SequenceError::NotReserved)));
        counter.reserve(5).commit();
        assert_eq!(counter.reserve(2).up_to(), 12, "saving it must not fall behind what may be used");
        let everything = counter.reserve(u64::MAX);
        assert_eq!(everything.up_to(), u64::from(u32::MAX));
        everything.commit();
        assert_eq!((counter.advance(), counter.reserved()), (Ok(8), u64::from(u32::MAX) - 8));
    }
}
