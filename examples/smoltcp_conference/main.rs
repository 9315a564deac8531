//! Xcast under an unmodified smoltcp: one host speaks to three, AH and ESP protect it, our routers copy it, and ordinary UDP
//! sockets of smoltcp hear it.
//!
//! ```text
//!              ┌──── B
//! A ──── R1 ───┤          ┌──── C
//!              └──── R2 ──┤
//!                         └──── D  (Ethernet; all other links carry bare IP packets)
//! ```
//!
//! Where to look for what:
//!
//! - `play/xcast_device.rs`: the wrapper around a receiver's device: opens Xcast packets, hands on unicast ones
//! - `play/device_link.rs`: the way from `stack::Sender` to a device
//! - `play/session.rs`: members, associations and policy of both ends
//! - `play/router.rs`: forwarding, of Xcast and of ordinary packets
//!
//! The rest is what a simulation needs: links in memory (`port`), hosts (`host`), the answers of a router on Ethernet
//! (`ethernet`), all of it together (`network`), what is played (`run`), and the command line (`args`).

/// What is played. `tests/smoltcp.rs` plays it too.
///
/// smoltcp is a development dependency on these architectures alone.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) mod play;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn main() -> std::process::ExitCode {
    play::main()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn main() {
    eprintln!("This example is for x86-64 and AArch64.");
}
