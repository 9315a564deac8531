//! How much memory the process has.

/// What a process may grow by that allocates nothing: pages of its stack and of the program that it had not touched before.
pub(crate) const MAY_GROW: u64 = 256 << 10;

/// Octets of the process in memory; `None` where no `/proc` says so.
pub(crate) fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}
