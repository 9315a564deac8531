//! A sender, a receiver or a router of Explicit Multicast on a Linux host: the library with real sockets around it.
//!
//! ```sh
//! cargo build --example xcast_node
//! xcast_node router.conf
//! ```
//!
//! `--help` prints what a configuration file can say. Three that go together, on one link each:
//!
//! ```text
//! role sender                       role router                       role receiver
//! interface eth0                    interface eth0                    interface eth0
//! listen 127.0.0.1:7000             interface eth1                    tun xcast0
//! source 192.0.2.1                  neighbour 198.51.100.7 capable    require esp from=192.0.2.1
//! router 192.0.2.254                                                  keys keys
//! ports 4000 5000
//! member 198.51.100.7               # keys: esp 0x0e000001 transport src=192.0.2.1 dst=224.0.0.254 cipher=…
//! protect esp
//! keys keys
//! state numbers
//! ```
//!
//! What the sender is given at 127.0.0.1:7000 then comes to UDP port 5000 of 198.51.100.7. `.ci/netns/run` builds a
//! network of namespaces around such nodes, with more of everything.
//!
//! Where to look for what:
//!
//! - `router`, `receiver`, `sender`: what each role does with the library
//! - `network`: the kernel's routes as a `RouteLookup`, and the ways out; `link`: Ethernet frames; `netlink`: questions
//!   to the kernel; `sys`: system calls, the only file with `unsafe` in it
//! - `state`: sequence numbers that survive restarts
//! - `config`: the configuration file; `keys` and `code_points` are those of the example `xcast_dump`
//!
//! How it stands beside the kernel, which goes on doing all that it did before:
//!
//! - Packets come from packet sockets, which see them before the kernel's own forwarding and whatever it thinks of
//!   them: it delivers to no UDP socket what has routing type 253 and goes to a group, and drops pings come back as
//!   martians.
//! - An Xcast copy goes to the link-layer address of one neighbour, which the kernel resolves. Unicast copies and
//!   tunnels go through raw sockets, routed by the kernel.
//! - Routes and own addresses are the kernel's, asked for each packet. A router therefore has no state of its own but
//!   what pings found out: killed and started again, it goes on where it was, once those it asks have answered anew.
//! - What a receiver opens it writes to a TUN device as ordinary unicast packets. What routers made unicast (X2U) goes
//!   straight to the kernel: `require` rules over what comes in Xcast packets, a packet filter over everything else.
//! - The kernel forwards a semi-permeable tunnel as the plain IPv6 packet that it is, and so a second time, unless it
//!   is told not to. On a router that is to branch them: `ip -6 rule add ipproto ipv6 blackhole` (tunnels that end
//!   there are not concerned).
//! - It answers packets in packets with an error message, as it has no tunnel of its own: routers and receivers keep
//!   raw sockets open, unread, so that it does not. On an interface with VLANs, packet sockets see the frames of all of
//!   them: there the VLAN's interfaces are to be named, and not the one below.
//!
//! It needs CAP_NET_RAW for its sockets and CAP_NET_ADMIN for TUN devices and neighbours. SIGTERM or SIGINT end it,
//! SIGUSR1 has it tell its counters. Exit status: 0 if a signal ended it, 1 if something failed, 2 on a wrong argument,
//! 3 on a configuration that cannot be used.

use std::process::ExitCode;

// What is `pub(crate)` in this file is for `tests/xcast_node.rs`, which reads configurations and state files too.

#[cfg(target_os = "linux")]
#[path = "../xcast_dump/code_points.rs"]
mod code_points;
#[cfg(target_os = "linux")]
pub(crate) mod config;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
#[path = "../xcast_dump/keys.rs"]
#[allow(dead_code, reason = "how often to try extended sequence numbers is for xcast_dump to know")]
mod keys;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod log;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod node;
#[cfg(target_os = "linux")]
mod receiver;
#[cfg(target_os = "linux")]
mod router;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod sender;
#[cfg(target_os = "linux")]
pub(crate) mod state;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(target_os = "linux")]
#[path = "../xcast_dump/wiped.rs"]
mod wiped;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    run::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("error: xcast_node needs the packet sockets, netlink and TUN devices of Linux");
    ExitCode::FAILURE
}
