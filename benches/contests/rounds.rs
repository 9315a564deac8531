//! Measuring in short rounds that alternate between the two.
//!
//! A shared core is now fast, now slow, for milliseconds or minutes. Rounds of some microseconds meet the same mood; who goes
//! first changes with each, and the least and the middle of many say what one run cannot.

use std::time::{Duration, Instant};

use super::{Course, Entry, Row};

/// How often each entry runs in a round, after one run that is not timed: its caches and branch predictors were the other's.
const RUNS: usize = 4;

/// What a contest came to, in nanoseconds per operation.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) row: Row,
    pub(crate) ours: Times,
    pub(crate) anchor: Times,
}

/// Of all rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) least: f64,
    pub(crate) median: f64,
}

/// Whether a target is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    /// By the least or by the median, not by both.
    Edge,
    Missed,
}

impl Outcome {
    pub(crate) fn least(&self) -> f64 {
        self.ours.least / self.anchor.least
    }

    pub(crate) fn median(&self) -> f64 {
        self.ours.median / self.anchor.median
    }

    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let target = self.row.target?;
        Some(match (self.least() <= target, self.median() <= target) {
            (true, true) => Verdict::Met,
            (false, false) => Verdict::Missed,
            _ => Verdict::Edge,
        })
    }
}

impl Times {
    fn of(mut rounds: Vec<Duration>, operations: usize) -> Self {
        rounds.sort_unstable();
        let each = |round: Duration| round.as_secs_f64() * 1e9 / operations as f64;
        Self { least: each(rounds[0]), median: each(rounds[rounds.len() / 2]) }
    }
}

/// The course that makes the table.
#[derive(Debug)]
pub(crate) struct Interleaved {
    /// How long a contest lasts, but for the least number of rounds.
    budget: Duration,
    least_rounds: usize,
    filter: Option<String>,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Interleaved {
    pub(crate) fn new(quick: bool, filter: Option<String>) -> Self {
        let budget = Duration::from_millis(if quick { 25 } else { 250 });
        Self { budget, least_rounds: 51, filter, outcomes: Vec::new() }
    }
}

impl Course for Interleaved {
    fn wants(&self, row: &Row) -> bool {
        self.filter.as_ref().is_none_or(|filter| row.operation.contains(filter) || row.anchor.contains(filter))
    }

    fn contest(&mut self, row: Row, ours: &mut dyn Entry, anchor: &mut dyn Entry) {
        if !self.wants(&row) {
            return;
        }
        let (mut of_ours, mut of_anchor) = (Vec::new(), Vec::new());
        let begin = Instant::now();
        let mut ours_first = true;
        while of_ours.len() < self.least_rounds || begin.elapsed() < self.budget {
            if ours_first {
                of_ours.push(round(ours));
                of_anchor.push(round(anchor));
            } else {
                of_anchor.push(round(anchor));
                of_ours.push(round(ours));
            }
            ours_first = !ours_first;
        }
        let operations = RUNS * row.operations;
        let (ours, anchor) = (Times::of(of_ours, operations), Times::of(of_anchor, operations));
        self.outcomes.push(Outcome { row, ours, anchor });
    }
}

/// The time of [`RUNS`] runs.
fn round(entry: &mut dyn Entry) -> Duration {
    entry.prepare();
    entry.run();
    let mut total = Duration::ZERO;
    for _ in 0..RUNS {
        entry.prepare();
        let begin = Instant::now();
        entry.run();
        total += begin.elapsed();
    }
    total
}
