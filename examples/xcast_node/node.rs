//! What drives a node: files that can be read, timers, signals.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use xcast_sec::time::Instant;

use super::host::Clock;
use super::sys::{self, SIGNAL_LEN, Signal};

/// How often a node looks after its neighbours and interfaces.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// Packets that are taken from one file before the others have their turn.
pub(crate) const AT_ONCE: usize = 64;

/// A sender, receiver or router.
pub(crate) trait Node {
    /// The files that it reads.
    fn files(&self) -> Vec<RawFd>;

    /// The file of this index can be read. An error ends the node.
    fn ready(&mut self, now: Instant, index: usize) -> io::Result<()>;

    /// Called every [`TICK`], and at the start. An error ends the node.
    fn tick(&mut self, now: Instant) -> io::Result<()>;

    /// How long until [`timer`](Self::timer) has something to do; at most [`TICK`].
    fn timeout(&self, now: Instant) -> Duration {
        _ = now;
        TICK
    }

    /// Called after each wait.
    fn timer(&mut self, now: Instant) {
        _ = now;
    }

    /// Tells its counters.
    fn tell(&self);
}

/// Runs a node until a signal ends it.
pub(crate) fn run(node: &mut dyn Node, clock: &Clock, mut signals: File) -> io::Result<()> {
    let mut files = node.files();
    files.push(signals.as_raw_fd());
    let mut next_tick = clock.now();
    loop {
        let now = clock.now();
        if now >= next_tick {
            node.tick(now)?;
            next_tick = now.after(TICK);
        }
        let ready = sys::wait(&files, node.timeout(now).min(next_tick.since(now)))?;
        let now = clock.now();
        for (index, _) in ready.iter().enumerate().filter(|(_, ready)| **ready) {
            if index + 1 < files.len() {
                node.ready(now, index)?;
                continue;
            }
            let mut octets = [0; SIGNAL_LEN];
            signals.read_exact(&mut octets)?;
            node.tell();
            if sys::signal(&octets) == Some(Signal::End) {
                return Ok(());
            }
        }
        node.timer(now);
    }
}
