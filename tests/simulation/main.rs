//! A network in which the library forwards: seeded, random, and judged by what it does not know itself.
//!
//! [`network`] carries packets over links between [`node`]s, which the library runs in. [`reader`] reads what is on the links
//! octet by octet; [`link`] says what has to hold of each packet there, [`call`] of what a node makes of one, [`scenario`] of a
//! whole run by its [`ledger`]. The other modules are kinds of networks.
#![cfg(feature = "rust-crypto")]

#[path = "../common/mod.rs"]
mod common;

mod call;
mod deployment;
mod dscps;
mod everywhere;
mod group;
mod hosts;
mod inspector;
mod ledger;
mod link;
mod mixed;
mod network;
mod node;
mod octets;
mod overlay;
mod random;
mod reader;
mod reverse_path;
mod routes;
mod scenario;
mod session;
mod special;
mod topology;
mod v2;
