//! A line for each event.

use std::fmt::Write;

use xcast_sec::time::Instant;

/// The log of a run.
#[derive(Debug, Default)]
pub(crate) struct Log {
    text: String,
}

impl Log {
    /// Adds a line, with the simulated time in seconds.
    pub(crate) fn add(&mut self, now: Instant, line: &str) {
        let millis = now.as_micros() / 1_000;
        let _ = writeln!(self.text, "{:>4}.{:03}  {line}", millis / 1_000, millis % 1_000);
    }

    pub(crate) fn as_text(&self) -> &str {
        &self.text
    }
}
