//! How long an association lasts (RFC 4301 §4.4.2.1), in time, octets and packets.

use core::time::Duration;

use crate::time::Instant;

/// What an association may use up. A limit that is `None` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Limits {
    /// Time since it was set up.
    pub time: Option<Duration>,
    /// Octets that its algorithm was applied to: of ESP what is encrypted, padding included; of AH the whole packet.
    pub octets: Option<u64>,
    /// Packets.
    pub packets: Option<u64>,
}

impl Limits {
    /// None at all.
    pub const NONE: Self = Self { time: None, octets: None, packets: None };
}

/// When an association is to be replaced, and when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "RFC 4301 §4.4.2.1 names these two")]
pub struct Lifetimes {
    /// Beyond these the host is told to set up another association.
    pub soft: Limits,
    /// Beyond these nothing is sealed or opened any more. A packet that would go beyond is not sealed or opened either.
    pub hard: Limits,
}

impl Lifetimes {
    /// No limit. Sequence numbers end all the same.
    pub const UNLIMITED: Self = Self { soft: Limits::NONE, hard: Limits::NONE };
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitKind {
    /// Time.
    Time,
    /// Octets.
    Octets,
    /// Packets.
    Packets,
    /// Sequence numbers: fewer than a sixteenth of them is left (project-defined).
    SequenceNumbers,
}

impl core::fmt::Display for LimitKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Time => "time",
            Self::Octets => "octets",
            Self::Packets => "packets",
            Self::SequenceNumbers => "sequence numbers",
        })
    }
}

/// What an association has used up so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    since: Instant,
    /// How old it was then.
    age: Duration,
    octets: u64,
    packets: u64,
}

impl Usage {
    /// Of an association that is set up at `now`.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { since: now, age: Duration::ZERO, octets: 0, packets: 0 }
    }

    /// Of an association that was set up `age` before `now`, when a host restarts: its clock may have, too. What was used up
    /// after it was last saved must be added, or the association lives longer than it may.
    #[must_use]
    pub const fn resume(now: Instant, age: Duration, octets: u64, packets: u64) -> Self {
        Self { since: now, age, octets, packets }
    }

    /// How long ago the association was set up.
    #[must_use]
    pub const fn age(&self, now: Instant) -> Duration {
        self.age.saturating_add(now.since(self.since))
    }

    /// Octets its algorithm was applied to.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Packets sealed or opened.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Whether another packet, of `octets` octets, stays within `hard`: else which limit it breaks.
    pub(crate) fn check(&self, hard: &Limits, now: Instant, octets: u64) -> Result<(), LimitKind> {
        let with_it =
            Self { octets: self.octets.saturating_add(octets), packets: self.packets.saturating_add(1), ..*self };
        with_it.beyond(hard, now).map_or(Ok(()), Err)
    }

    /// What is used up together with `share`.
    pub(crate) const fn and(&self, share: &Share) -> Self {
        Self {
            octets: self.octets.saturating_add(share.octets),
            packets: self.packets.saturating_add(share.packets),
            ..*self
        }
    }

    /// Octets that may still be used up.
    pub(crate) fn octets_left(&self, hard: &Limits) -> u64 {
        hard.octets.map_or(u64::MAX, |limit| limit.saturating_sub(self.octets))
    }

    /// Supposes that at least `packets` were sealed.
    pub(crate) fn at_least(self, packets: u64) -> Self {
        Self { packets: self.packets.max(packets), ..self }
    }

    /// Counts a packet.
    pub(crate) const fn add(&mut self, octets: u64) {
        self.octets = self.octets.saturating_add(octets);
        self.packets = self.packets.saturating_add(1);
    }

    /// The first limit that is exceeded. Time ends with its limit, octets and packets may use theirs up.
    pub(crate) fn beyond(&self, limits: &Limits, now: Instant) -> Option<LimitKind> {
        if limits.time.is_some_and(|limit| self.age(now) >= limit) {
            Some(LimitKind::Time)
        } else if limits.octets.is_some_and(|limit| self.octets > limit) {
            Some(LimitKind::Octets)
        } else if limits.packets.is_some_and(|limit| self.packets > limit) {
            Some(LimitKind::Packets)
        } else {
            None
        }
    }
}

/// What some packets use up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    octets: u64,
    packets: u64,
}

impl Share {
    pub(crate) const NOTHING: Self = Self { octets: 0, packets: 0 };

    /// Counts a packet.
    pub(crate) const fn add(&mut self, octets: u64) {
        self.octets = self.octets.saturating_add(octets);
        self.packets = self.packets.saturating_add(1);
    }

    /// Takes a packet out again.
    pub(crate) const fn take_back(&mut self, octets: u64) {
        self.octets = self.octets.saturating_sub(octets);
        self.packets = self.packets.saturating_sub(1);
    }

    pub(crate) const fn is_nothing(&self) -> bool {
        self.packets == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_reached_where_it_says() {
        let start = Instant::from_secs(100);
        let mut usage = Usage::new(start);
        let time = Limits { time: Some(Duration::from_secs(10)), ..Limits::NONE };
        assert_eq!(usage.check(&time, Instant::from_micros(109_999_999), 1), Ok(()));
        assert_eq!(usage.check(&time, Instant::from_secs(110), 1), Err(LimitKind::Time));
        assert_eq!(usage.check(&time, Instant::START, 1), Ok(()), "a clock that ran backwards ends nothing");

        let octets = Limits { octets: Some(100), ..Limits::NONE };
        usage.add(60);
        assert_eq!(usage.check(&octets, start, 40), Ok(()), "a limit may be used up");
        assert_eq!(usage.check(&octets, start, 41), Err(LimitKind::Octets));

        let packets = Limits { packets: Some(2), ..Limits::NONE };
        assert_eq!(usage.check(&packets, start, 0), Ok(()));
        usage.add(0);
        assert_eq!(usage.check(&packets, start, 0), Err(LimitKind::Packets));
        let later = Instant::from_secs(107);
        assert_eq!((usage.octets(), usage.packets(), usage.age(later)), (60, 2, Duration::from_secs(7)));

        let old = Usage::resume(Instant::START, Duration::from_secs(9), 0, 0);
        assert_eq!(old.check(&time, Instant::from_micros(999_999), 1), Ok(()), "older than the clock");
        assert_eq!(old.check(&time, Instant::from_secs(1), 1), Err(LimitKind::Time));
        assert_eq!((old.at_least(3).packets(), usage.at_least(1).packets()), (3, 2));

        let mut full = Usage::resume(start, Duration::MAX, u64::MAX, u64::MAX);
        full.add(5);
        assert_eq!(full, Usage::resume(start, Duration::MAX, u64::MAX, u64::MAX));
        assert_eq!(full.check(&Limits::NONE, start, 5), Ok(()));
    }
}
