//! When a message is sent again.

use core::time::Duration;

use crate::time::Instant;

/// How long an answer is waited for (RFC 2408 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "two numbers are what there is to choose")]
pub struct Retry {
    /// From the first transmission to the second. Each further wait is twice as long as the one before.
    pub first: Duration,
    /// Transmissions, the first included; then one more wait, and it is given up. 0 is taken for 1.
    pub transmissions: u8,
}

impl Default for Retry {
    /// Five transmissions within 30 seconds, given up after 62 (project-defined).
    fn default() -> Self {
        Self { first: Duration::from_secs(2), transmissions: 5 }
    }
}

/// What the passing of time asks of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due<'a> {
    /// Send this to the peer, port 500 to port 500.
    Transmit(&'a [u8]),
    /// No answer came: the exchange with this message ID is over without result.
    GaveUp(u32),
}

/// Counts transmissions of one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    at: Instant,
    wait: Duration,
    left: u8,
}

pub(super) enum Expired {
    Again,
    Over,
}

impl Timer {
    /// A message that is due at once.
    pub(super) fn start(now: Instant, retry: Retry) -> Self {
        Self { at: now, wait: retry.first, left: retry.transmissions.max(1) }
    }

    pub(super) const fn at(&self) -> Instant {
        self.at
    }

    /// Whether it is time for the next transmission, or for none any more.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Expired> {
        if now < self.at {
            return None;
        }
        let Some(left) = self.left.checked_sub(1) else { return Some(Expired::Over) };
        self.left = left;
        self.at = now.after(self.wait);
        self.wait = self.wait.saturating_mul(2);
        Some(Expired::Again)
    }
}
