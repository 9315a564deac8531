//! Time as an argument: the library reads no clock.

use core::time::Duration;

/// A moment by the host's clock, in microseconds since a start of the host's choosing.
///
/// The clock must not run backwards, restarts of the host aside; it need not tell the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    micros: u64,
}

impl Instant {
    /// The clock's start. All that a host without a clock has; nothing then ends by time.
    pub const START: Self = Self { micros: 0 };

    /// `micros` microseconds after the start.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// `millis` milliseconds after the start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { micros: millis.saturating_mul(1_000) }
    }

    /// `secs` seconds after the start.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self { micros: secs.saturating_mul(1_000_000) }
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.micros
    }

    /// How long ago `earlier` was; nothing if it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros))
    }

    /// The moment `duration` later; the last one there is if that is beyond it.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self { micros: self.micros.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturates_at_both_ends() {
        let last = Instant::from_micros(u64::MAX);
        assert_eq!(Instant::from_secs(u64::MAX), last);
        assert_eq!(Instant::from_millis(u64::MAX), last);
        assert_eq!(Instant::from_millis(2_500).as_micros(), 2_500_000);
        assert_eq!(last.after(Duration::from_secs(1)), last);
        assert_eq!(Instant::START.after(Duration::MAX), last);
        assert_eq!(Instant::from_secs(1).since(Instant::from_secs(3)), Duration::ZERO);
        assert_eq!(Instant::from_secs(3).since(Instant::from_secs(1)), Duration::from_secs(2));
        assert_eq!(Instant::from_secs(3).after(Duration::from_millis(5)), Instant::from_micros(3_005_000));
    }
}
