//! The configuration file: what it can say, and what it has to.
//!
//! One directive a line, `#` starts a comment, the first directive is the role. `--help` prints [`HELP`]. Errors name
//! line and column.

mod directives;
mod line;
mod roles;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use xcast_sec::forward::neighbour::PingConfig;
use xcast_sec::forward::{Prefix, RouterPolicy, Tunnel};
use xcast_sec::ipsec::{Addresses, Required};
use xcast_sec::stack::Session;
use xcast_sec::wire::{CodePoints, MAX_DESTINATIONS};

pub(crate) use directives::parse;
pub(crate) use line::ConfigError;

pub(crate) const HELP: &str = "\
Configuration file: one directive a line, '#' starts a comment. Directives that may be repeated are marked '*'.

  role ROLE                    sender, receiver or router; stands first
  interface NAME               an Ethernet interface; for receiver and router * (all of them are listened on)
  code-points LIST             NAME=VALUE,... where they differ from the experiment of RFC 4727 (names: below)

Sender: what comes to a UDP socket goes, datagram by datagram, to all members.
  listen ADDRESS:PORT          that socket; on a loopback address, unless everybody may send to the members
  source ADDRESS               the address that packets are sent from
  router ADDRESS               the Xcast router on the link, to which they are sent
  ports SOURCE DESTINATION     UDP ports of the packets
  member ADDRESS [port=N] [dscp=N]            * whom to send to; port= for all members or none
  hop-limit N                  [64]
  mtu N                        octets of the longest packet [the interface's]
  no-x2u                       routers must not make unicast packets
  anonymous                    members are not told of each other
  bitmap-option                the bitmap stands in an option, as IPv4 AH needs
  protect ah|esp|ah+esp        in transport mode; needs keys and state
  keys FILE                    associations (format: below)
  state FILE                   the sequence numbers that may have been used; an empty file for keys never used before

Receiver: what comes for this host is opened and handed to the kernel through a TUN device.
  tun NAME                     the device; made unless it is there. It must be up, and needs no address
  require WHAT [from=PREFIX]   * what packets of a source must be protected by: nothing, ah, esp or ah+esp; the first
                               line that fits counts, and what none fits is refused
  keys FILE
  window N                     sequence numbers that may arrive out of order, 32 to 128 [64]

Router: Xcast packets are forwarded by the kernel's routes. All other packets are the kernel's own business.
  neighbour ADDRESS capable            * a next hop that understands Xcast; one not named does not
  neighbour ADDRESS ask from=ADDRESS   * one that is asked by pings from this own address (RFC 5058 section 11.2)
  ping SOURCE DESTINATION [retry=MS]   UDP ports of pings, and the wait for the next one while a verdict is due [1000]
  tunnel PREFIX LOCAL REMOTE           * a tunnel to an Xcast peer that leads to PREFIX (section 11.1)
  tunnels last-resort|routes           what tunnels are for [last-resort]
  semi-permeable ignore|pass-on|initiate [source=ADDRESS] [hop-limit=N]
                               semi-permeable tunnels (section 11.3) [pass-on]; initiate needs source=

A FILE is looked for beside the configuration file, unless its name starts with '/'.
";

/// The most members of a sender's session.
pub(crate) const MAX_MEMBERS: usize = MAX_DESTINATIONS;

/// A configuration that holds together.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) code_points: CodePoints,
    pub(crate) role: Role,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one")]
pub(crate) enum Role {
    Sender(SenderConfig),
    Receiver(ReceiverConfig),
    Router(RouterConfig),
}

#[derive(Debug)]
pub(crate) struct SenderConfig {
    pub(crate) interface: String,
    pub(crate) listen: SocketAddr,
    pub(crate) router: IpAddr,
    /// UDP source and destination port.
    pub(crate) ports: (u16, u16),
    pub(crate) mtu: Option<usize>,
    pub(crate) session: Box<Session<MAX_MEMBERS>>,
    pub(crate) protection: Option<SenderProtection>,
}

#[derive(Debug)]
pub(crate) struct SenderProtection {
    pub(crate) required: Required,
    pub(crate) keys: PathBuf,
    pub(crate) state: PathBuf,
}

#[derive(Debug)]
pub(crate) struct ReceiverConfig {
    pub(crate) interfaces: Vec<String>,
    pub(crate) tun: String,
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) window: u32,
}

/// What packets of some sources must be protected by; `None` is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    pub(crate) from: Addresses,
    pub(crate) required: Option<Required>,
}

#[derive(Debug)]
pub(crate) struct RouterConfig {
    pub(crate) interfaces: Vec<String>,
    pub(crate) neighbours: Vec<NeighbourConfig>,
    pub(crate) ping: Option<PingConfig>,
    pub(crate) tunnels: Vec<(Prefix, Tunnel)>,
    pub(crate) policy: RouterPolicy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeighbourConfig {
    pub(crate) address: IpAddr,
    /// The own address that it is asked from whether it understands Xcast; `None` if it is known to.
    pub(crate) ask_from: Option<IpAddr>,
}
