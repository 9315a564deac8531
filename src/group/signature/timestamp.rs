//! The time of day.

use core::time::Duration;

/// A time of day: microseconds since 1970-01-01 00:00:00 UTC, leap seconds not counted.
///
/// Unlike an [`Instant`](crate::time::Instant) it means the same at every host, as far as their clocks agree, and it may step
/// back when a clock is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    micros: u64,
}

impl Timestamp {
    /// `micros` microseconds after 1970 began.
    #[must_use]
    pub const fn from_unix_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// `secs` seconds after 1970 began; the last time there is if that is beyond it.
    #[must_use]
    pub const fn from_unix_secs(secs: u64) -> Self {
        Self { micros: secs.saturating_mul(1_000_000) }
    }

    /// Microseconds since 1970 began.
    #[must_use]
    pub const fn as_unix_micros(self) -> u64 {
        self.micros
    }

    /// How long before this `earlier` was; nothing if it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros))
    }

    /// The time `duration` later; the last one there is if that is beyond it.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self { micros: self.micros.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)) }
    }
}
