//! When something is sent again.

use core::time::Duration;

use crate::time::Instant;

/// How often a message is sent before it is given up, and how long after one another (project-defined).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built from `DEFAULT` with the fields that differ")]
pub struct RetryPolicy {
    /// How long after the first time it is sent again; doubled after each time. A quarter more or less, at random.
    pub initial: Duration,
    /// No longer than this, the quarter aside.
    pub max: Duration,
    /// How often it is sent at most.
    pub tries: u8,
}

impl RetryPolicy {
    /// Six times: after 0.25, 0.5, 1, 2 and 4 seconds again; given up another 8 later.
    pub const DEFAULT: Self = Self { initial: Duration::from_millis(250), max: Duration::from_secs(8), tries: 6 };

    /// How long to wait once it was sent `tries` times.
    fn delay(&self, tries: u8, jitter: &mut Jitter) -> Duration {
        let doubled =
            self.initial.saturating_mul(1_u32.checked_shl(u32::from(tries.saturating_sub(1))).unwrap_or(u32::MAX));
        // At least one, so that time goes on.
        let micros = u64::try_from(doubled.min(self.max).as_micros()).unwrap_or(u64::MAX).max(1);
        let quarter = micros >> 2;
        let drawn = jitter.next().checked_rem(quarter.saturating_mul(2)).unwrap_or(0);
        Duration::from_micros(micros.saturating_sub(quarter).saturating_add(drawn).max(1))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Spreads retransmissions. Nothing secret hangs on it (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Where the sending of something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Nothing is to be sent.
    Idle,
    /// It is to be sent now, and was `tries` times.
    Due { tries: u8 },
    /// It was sent `tries` times, and is due again then.
    Waiting { tries: u8, until: Instant },
}

impl Retry {
    /// To be sent for the first time.
    pub(super) const START: Self = Self::Due { tries: 0 };

    pub(super) const fn is_due(&self) -> bool {
        matches!(self, Self::Due { .. })
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Waiting { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// It was sent at `now`.
    pub(super) fn sent(&mut self, now: Instant, policy: &RetryPolicy, jitter: &mut Jitter) {
        if let Self::Due { tries } = *self {
            let tries = tries.saturating_add(1);
            *self = Self::Waiting { tries, until: now.after(policy.delay(tries, jitter)) };
        }
    }

    /// Time has come to `now`. Returns whether it is given up.
    pub(super) fn elapse(&mut self, now: Instant, policy: &RetryPolicy) -> bool {
        let Self::Waiting { tries, until } = *self else { return false };
        if now < until {
            return false;
        }
        let given_up = tries >= policy.tries;
        *self = if given_up { Self::Idle } else { Self::Due { tries } };
        given_up
    }
}

/// The earlier of two moments, of which there may be none.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_within_a_quarter_and_ends() {
        let policy = RetryPolicy { initial: Duration::from_secs(1), max: Duration::from_secs(4), tries: 5 };
        let mut jitter = Jitter::new(7);
        let (mut retry, mut now) = (Retry::START, Instant::START);
        let mut drawn = std::collections::BTreeSet::new();
        for expected in [1, 2, 4, 4, 4] {
            assert!(retry.is_due());
            retry.sent(now, &policy, &mut jitter);
            let until = retry.deadline().unwrap();
            let waited = until.since(now).as_micros() as u64;
            let expected = expected * 1_000_000;
            assert!((expected * 3 / 4..=expected * 5 / 4).contains(&waited), "{waited} for {expected}");
            drawn.insert(waited * 1000 / expected);
            let before = Instant::from_micros(until.as_micros() - 1);
            assert!(!retry.elapse(before, &policy) && !retry.is_due());
            now = until;
            assert_eq!(retry.elapse(now, &policy), expected == 4_000_000 && retry == Retry::Idle);
        }
        assert_eq!(retry, Retry::Idle);
        assert!(drawn.len() > 3, "it is spread: {drawn:?}");
    }

    #[test]
    fn extremes_do_not_overflow() {
        let policy = RetryPolicy { initial: Duration::MAX, max: Duration::MAX, tries: u8::MAX };
        let mut jitter = Jitter::new(u64::MAX);
        for tries in [0, 1, 31, 32, 33, 255] {
            assert!(policy.delay(tries, &mut jitter) > Duration::ZERO);
            let none = RetryPolicy { initial: Duration::ZERO, ..policy };
            assert_eq!(none.delay(tries, &mut jitter), Duration::from_micros(1));
        }
    }
}
