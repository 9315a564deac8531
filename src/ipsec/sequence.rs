//! The sender's sequence numbers (RFC 4302 §2.5, RFC 4303 §2.2).

/// The counter has given out its last number: the association must be replaced (RFC 4302 §3.3.2, RFC 4303 §3.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SequenceExhausted;

impl core::fmt::Display for SequenceExhausted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("sequence numbers exhausted, a new security association is needed")
    }
}

impl core::error::Error for SequenceExhausted {}

/// Gives out the sequence numbers of one sender under one association: 1, 2, 3, …, each once. It never wraps.
#[derive(Debug)]
pub struct SequenceCounter {
    last: u64,
    max: u64,
}

impl SequenceCounter {
    /// A counter whose first number is 1; with `esn` it counts to 2^64 − 1, else to 2^32 − 1.
    #[must_use]
    pub const fn new(esn: bool) -> Self {
        Self::resume(0, esn)
    }

    /// A counter that goes on after `last`. A restarting sender must pass a number no smaller than any it used: saved ahead
    /// of use, for example.
    #[must_use]
    pub const fn resume(last: u64, esn: bool) -> Self {
        Self { last, max: if esn { u64::MAX } else { u32::MAX as u64 } }
    }

    /// The number given out last; 0 before the first.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// How many numbers are left.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.max.saturating_sub(self.last)
    }

    /// The next number. It counts as used even if its packet is never sent.
    ///
    /// # Errors
    ///
    /// - [`SequenceExhausted`], for ever after.
    pub fn advance(&mut self) -> Result<u64, SequenceExhausted> {
        match self.last.checked_add(1) {
            Some(next) if next <= self.max => {
                self.last = next;
                Ok(next)
            }
            _ => Err(SequenceExhausted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_at_one_and_stops_at_the_end() {
        let mut counter = SequenceCounter::new(false);
        assert_eq!((counter.advance(), counter.advance()), (Ok(1), Ok(2)));
        for (esn, max) in [(false, u64::from(u32::MAX)), (true, u64::MAX)] {
            let mut counter = SequenceCounter::resume(max - 1, esn);
            assert_eq!(counter.remaining(), 1);
            assert_eq!(counter.advance(), Ok(max));
            assert_eq!(counter.advance(), Err(SequenceExhausted));
            assert_eq!(counter.advance(), Err(SequenceExhausted));
            assert_eq!((counter.last(), counter.remaining()), (max, 0));
        }
    }
}
