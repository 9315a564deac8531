//! Which neighbours understand Xcast, found out by pings (RFC 5058 §11.2).
//!
//! RFC 5058 leaves the discovery of a neighbour's capability for further study and proposes an "Xcast ping": an Xcast packet
//! whose destination is its sender. A neighbour that understands it forwards it back; any other drops it. Everything beyond
//! that is project-defined: the packet's contents, the timers, and what answers and silence mean.
//!
//! [`Neighbours`] says whom to ask when ([`poll`](Neighbours::poll), [`next_timeout`](Neighbours::next_timeout)) and takes what
//! comes back ([`receive`](Neighbours::receive)). [`WithCapabilities`] puts what it knows in front of a host's routes, so that
//! a [`Router`](super::Router) sends no Xcast packet to a neighbour that would drop it.
//!
//! ```
//! use core::net::{IpAddr, Ipv4Addr};
//! use xcast_sec::forward::neighbour::{
//!     Capability, MAX_PING_LEN, Neighbours, PingConfig, Received, WithCapabilities,
//! };
//! use xcast_sec::forward::{FnEgress, PacketCopy, Prefix, Route, RouteTable, Router, RouterPolicy};
//! use xcast_sec::time::Instant;
//! use xcast_sec::wire::{CodePoints, Family};
//! # let own = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
//! # // The neighbour: a router that has one route, back to us.
//! # let mut its_routes = RouteTable::<u8, 1>::new();
//! # its_routes.insert_route(Prefix::host(own), Route { next_hop: 0, xcast_capable: true, mtu: 1500 })?;
//! # let mut it = Router::new(CodePoints::rfc4727_experiment(), RouterPolicy::default());
//! # let mut arrived = std::collections::VecDeque::new();
//! # let mut routes = RouteTable::<u8, 4>::new();
//! # routes.insert_address(own)?;
//! # let mut egress = FnEgress(|_: u8, _: &PacketCopy<'_>| Ok::<(), ()>(()));
//!
//! let mut rng = getrandom::SysRng;
//! let code_points = CodePoints::rfc4727_experiment();
//! let mut router = Router::new(code_points, RouterPolicy::default());
//! let mut neighbours = Neighbours::<u8, 8>::new(code_points, PingConfig::new(49_200, 49_201))?;
//! let mut now = Instant::START;
//! neighbours.insert(now, 1, own)?;
//!
//! while neighbours.capability(1, Family::V4) != Some(Capability::Capable) {
//!     // When a timer runs out:
//!     while let Some(probe) = neighbours.poll(now, &mut rng)? {
//!         let mut ping = [0; MAX_PING_LEN];
//!         let len = probe.emit(&mut ping)?;
//!         // Send `ping[..len]` to `probe.neighbour()`.
//! #       let mut back = FnEgress(|_: u8, copy: &PacketCopy<'_>| {
//! #           let mut octets = vec![0; copy.len()];
//! #           arrived.push_back((octets.len(), copy.emit(&mut octets).map(|_| octets)?));
//! #           Ok::<(), xcast_sec::wire::EmitError>(())
//! #       });
//! #       it.forward(now, None, &ping[..len], &its_routes, &mut back)?;
//!     }
//! #   while let Some((_, packet)) = arrived.pop_front() {
//! #   let from = 1;
//!     // When a packet arrives, before anything else looks at it:
//!     match neighbours.receive(now, &packet, Some(from)) {
//!         Received::NotOurs => {
//!             let routes = WithCapabilities::new(&routes, &neighbours);
//!             let _ = router.forward(now, Some(from), &packet, &routes, &mut egress);
//!         }
//!         _ => { /* It was a ping of ours: it goes no further. */ }
//!     }
//! #   }
//!     // Sleep until then, or until a packet arrives.
//!     now = neighbours.next_timeout().ok_or("there are neighbours")?;
//! }
//! # assert_eq!(neighbours.counters().answered, 2);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What it asks of the network
//!
//! - A ping goes to All_Xcast_Routers in the IP header but to one neighbour on the link ([`Probe::neighbour`]). Sent to a
//!   link-layer multicast address it would prove nothing about any neighbour in particular.
//! - It comes back with the own address as source and destination. Many hosts drop such packets as martians, and packet filters
//!   as a known attack: the host must offer packets to [`Neighbours::receive`] before that, and a filter in between must let
//!   these through.
//! - Its hop limit is 2, and 1 when it is back: it takes the neighbour alone, forwarding once, so the neighbour needs a direct
//!   route to the own address. One that came back with 2 was returned by the link, not forwarded: no answer.
//! - The neighbour must have a global address of ours to send it to: link-local ones are not routed (RFC 4291 §2.5.6).
//! - Hosts do not return pings, as they do not forward: only routers are worth asking.
//!
//! # Security
//!
//! A ping carries 128 random bits, new ones each time, so nobody can answer who did not see it: who is not on the link, or on a
//! path that leads a copy of it away, cannot make a neighbour look capable. Pings are not authenticated beyond that. Who sees
//! the link can answer in a neighbour's place, and who can suppress packets, or flood a neighbour until it drops them, can
//! make it look not capable. So can anybody with access to its routes.
//!
//! What that costs: a neighbour wrongly taken for capable drops the Xcast packets it gets, for as long as it is taken so. One
//! wrongly taken for not capable gets a unicast packet per destination (premature X2U), up to 127 for one; packets that must
//! not become unicast (X=1, AH, ESP) are tunnelled or, without a tunnel, dropped. Both are no more than the same attacker can do
//! to the packets themselves, but the second can be caused by congestion, and adds to it. Where that matters, a capability
//! that is known goes into the routes instead, and the neighbour not into the table.
//!
//! Nobody gains traffic by a ping: one packet is sent, one of at most its length comes back, to its sender.

mod config;
mod counters;
mod entry;
mod ping;
mod probe;
mod routes;
mod table;

pub use config::{MIN_PING_TIME, PingConfig, PingConfigError};
pub use counters::PingCounters;
pub use entry::Capability;
pub use ping::{MAX_PING_LEN, PING_HOP_LIMIT};
pub use probe::Probe;
pub use routes::{Assumption, WithCapabilities};
pub use table::{NeighbourError, Neighbours, Received};
