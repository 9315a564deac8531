//! What a router does with an Xcast packet: branching, X2U and tunnels (RFC 5058 §2, §9, §11).
//!
//! [`Router::forward`] reads one packet and hands every copy to an [`Egress`]. It needs no key, no clock and no memory
//! beyond its stack, and it never changes the packet: a [`PacketCopy`] writes the headers that differ and lends the rest.
//!
//! The choices RFC 5058 leaves open are project-defined and stated where they are made.

mod admit;
mod branch;
mod copy;
mod counters;
mod edit;
mod egress;
mod error;
pub mod neighbour;
mod policy;
mod route;
mod router;
mod send;
mod table;
mod transport;
pub mod v2;
mod x2u;

pub use copy::{CopyKind, PacketCopy};
pub use counters::Counters;
pub use egress::{Egress, FnEgress};
pub use error::{ForwardError, Refusal};
pub use policy::RouterPolicy;
pub use route::{DEFAULT_TUNNEL_HOP_LIMIT, Route, RouteLookup, Tunnel};
pub use router::{Outcome, Router};
pub use table::{Prefix, RouteTable, RouteTableError};
