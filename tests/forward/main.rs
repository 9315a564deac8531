//! What a router does with a packet, across modules: branching, X2U, tunnels, and all that is dropped instead.

#[path = "../common/mod.rs"]
mod common;

mod arrivals;
mod branching;
mod duplicates;
mod hosts;
mod kit;
mod limits;
mod local_delivery;
mod properties;
mod refusals;
mod rules;
mod tunnels;
mod x2u;
