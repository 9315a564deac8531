//! Counters of pings.

/// What became of pings, since the table was made. Every counter stops at `u64::MAX`.
///
/// Every ping sent is counted in [`sent`](Self::sent) and then in exactly one of [`answered`](Self::answered),
/// [`timed_out`](Self::timed_out) and [`abandoned`](Self::abandoned), but for those still outstanding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PingCounters {
    /// Pings handed out to be sent.
    pub sent: u64,
    /// Pings that came back in time.
    pub answered: u64,
    /// Pings that did not.
    pub timed_out: u64,
    /// Pings outstanding when their neighbour was removed.
    pub abandoned: u64,
    /// Packets that look like pings of ours come back, but answer none that is outstanding: late, repeated, looped back by the
    /// link, or forged. Many of them beside as many [`timed_out`](Self::timed_out): the timeout is too short.
    pub stray: u64,
    /// Pings of one neighbour that came back from another.
    pub misdirected: u64,
    /// Neighbours that became capable.
    pub became_capable: u64,
    /// Neighbours that became not capable.
    pub became_not_capable: u64,
}

/// Adds one to a counter.
pub(super) const fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
