//! How often material for error messages is offered.

use core::time::Duration;

use crate::time::Instant;

/// A token bucket: `burst` reports at once, and one more for every `interval` that passes.
///
/// The default is what RFC 4443 §2.4 (f) suggests for ICMPv6 error messages: 10 at once, 10 a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct ReportLimit {
    /// The most reports at once; with 0 there are none at all.
    pub burst: u32,
    /// The time after which one more is allowed; with 0 there is no limit.
    pub interval: Duration,
}

impl Default for ReportLimit {
    fn default() -> Self {
        Self { burst: 10, interval: Duration::from_millis(100) }
    }
}

/// What is left of a [`ReportLimit`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Reports {
    limit: ReportLimit,
    left: u32,
    /// When `left` was right, to the interval.
    since: Option<Instant>,
}

impl Reports {
    pub(super) const fn new(limit: ReportLimit) -> Self {
        Self { limit, left: limit.burst, since: None }
    }

    /// Whether one more report is allowed at `now`; it is then counted.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    fn refill(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let intervals = now.since(since).as_micros().checked_div(self.limit.interval.as_micros());
        // No limit, or so many that they fill any bucket.
        let Some(intervals) = intervals.and_then(|intervals| u32::try_from(intervals).ok()) else {
            (self.left, self.since) = (self.limit.burst, Some(now));
            return;
        };
        self.left = self.left.saturating_add(intervals).min(self.limit.burst);
        self.since = Some(since.after(self.limit.interval.saturating_mul(intervals)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(reports: &mut Reports, now: Instant, tries: usize) -> usize {
        (0..tries).filter(|_| reports.take(now)).count()
    }

    #[test]
    fn a_burst_and_then_a_rate() {
        let mut reports = Reports::new(ReportLimit::default());
        let start = Instant::from_secs(5);
        assert_eq!(count(&mut reports, start, 100), 10);
        assert_eq!(count(&mut reports, start.after(Duration::from_millis(99)), 100), 0);
        assert_eq!(count(&mut reports, start.after(Duration::from_millis(100)), 100), 1);
        assert_eq!(count(&mut reports, start.after(Duration::from_millis(350)), 100), 2, "50 ms are kept");
        assert_eq!(count(&mut reports, start.after(Duration::from_millis(400)), 100), 1);
        assert_eq!(count(&mut reports, start, 100), 0, "a clock that runs backwards gives nothing");
        assert_eq!(count(&mut reports, Instant::from_micros(u64::MAX), 100), 10, "never more than a burst");
    }

    #[test]
    fn over_a_long_time_the_rate_holds() {
        let mut reports = Reports::new(ReportLimit { burst: 3, interval: Duration::from_micros(700) });
        let total: usize = (0..7_000).map(|at| count(&mut reports, Instant::from_micros(at), 2)).sum();
        assert_eq!(total, 3 + 9);
    }

    #[test]
    fn none_and_no_limit() {
        let mut none = Reports::new(ReportLimit { burst: 0, interval: Duration::from_millis(1) });
        assert_eq!(count(&mut none, Instant::START, 10), 0);
        assert_eq!(count(&mut none, Instant::from_secs(10), 10), 0);
        let mut all = Reports::new(ReportLimit { burst: 1, interval: Duration::ZERO });
        assert_eq!(count(&mut all, Instant::START, 10), 10);
    }
}
