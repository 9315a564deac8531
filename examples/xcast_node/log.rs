//! What the node tells, on its standard error: addresses, lengths, reasons. Never keys, never what packets carry.

use std::fmt::{Debug, Display};

use xcast_sec::time::Instant;

/// Lines at once, and lines per second, of what others can cause.
const BURST: u32 = 50;
const MICROS_PER_LINE: u64 = 100_000;

/// Writes lines, and not too many of those that anybody who sends packets can cause.
pub(crate) struct Log {
    left: u32,
    since: Instant,
    suppressed: u64,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { left: BURST, since: Instant::START, suppressed: 0 }
    }

    /// A line that packets cause.
    pub(crate) fn packet(&mut self, now: Instant, line: impl Display) {
        let earned = u32::try_from(now.since(self.since).as_micros() / u128::from(MICROS_PER_LINE)).unwrap_or(BURST);
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(BURST);
            self.since = now;
        }
        if self.left == 0 {
            self.suppressed += 1;
            return;
        }
        self.left -= 1;
        if self.suppressed > 0 {
            say(format_args!("({} lines left out)", self.suppressed));
            self.suppressed = 0;
        }
        say(line);
    }
}

/// A line that the node itself causes.
pub(crate) fn say(line: impl Display) {
    // Where nobody listens any more, forwarding goes on.
    _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n"));
}

/// The counters of a structure that are not 0, by their names: those of the library are structures of numbers.
pub(crate) fn counters(name: &str, counters: &impl Debug) {
    let shown = format!("{counters:#?}");
    let fields = shown.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(": "));
    let set: Vec<String> = fields.filter(|(_, n)| *n != "0").map(|(field, n)| format!("{field}={n}")).collect();
    say(format_args!("counters of {name}: {}", if set.is_empty() { "all 0".into() } else { set.join(" ") }));
}
