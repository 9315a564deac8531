//! What a router does with an Xcast packet: branching, X2U and tunnels (RFC 5058 §2, §9, §11); and what a host does that
//! sends without a router, or relays without one.
//!
//! [`Router::forward`] reads one packet and hands every copy to an [`Egress`]. It needs no key and no memory beyond its stack
//! and its counters, and it never changes the packet: a [`PacketCopy`] writes the headers that differ and lends the rest.
//!
//! | a packet that | goes through |
//! |---|---|
//! | came from a link: to All_Xcast_Routers, to a special unicast address of the router (RFC 5058 §11.5), out of a configured tunnel (§11.1), in a semi-permeable one (§11.3) | [`Router::forward`] |
//! | the host itself built, and branches itself, as its own first router | [`Router::originate`] |
//! | the host itself built, where no router knows Xcast (RFC 5058 §11.4) | [`Router::originate_through`] |
//! | came to a host that is one of its destinations, and has to go on to the rest (RFC 5058 §11.4) | [`Router::relay`] |
//! | has arrived, and is to be handed to a stack that knows nothing of Xcast | [`PacketCopy::local`] |
//!
//! The choices RFC 5058 leaves open are project-defined and stated where they are made; those that an administrator has are
//! in [`RouterPolicy`].

mod admit;
mod arrival;
mod branch;
mod copy;
mod counters;
mod edit;
mod egress;
mod error;
mod host;
pub mod neighbour;
mod output;
mod policy;
mod reports;
mod rewritten;
mod route;
mod router;
mod send;
mod serve;
mod table;
mod transport;
mod tunnel;
pub mod v2;
mod x2u;
mod xcast_copy;

pub use copy::{CopyKind, PacketCopy};
pub use counters::Counters;
pub use egress::{Egress, FnEgress};
pub use error::{ForwardError, Refusal};
pub use host::HostTunnel;
pub use policy::{OwnAddress, ReversePath, RouterPolicy, SemiPermeable, TunnelUse};
pub use reports::ReportLimit;
pub use route::{Route, RouteLookup};
pub use router::{Outcome, Router};
pub use table::{Prefix, RouteTable, RouteTableError};
pub use tunnel::{DEFAULT_TUNNEL_HOP_LIMIT, Tunnel};
