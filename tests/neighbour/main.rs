//! Xcast pings (RFC 5058 §11.2) against real routers, a clock of the tests' own and whoever tampers with packets.

#[path = "../common/mod.rs"]
mod common;
mod kit;
mod model;
mod packets;
mod routes;
mod states;
mod timers;
