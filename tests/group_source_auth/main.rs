//! Who sent a packet (draft §2.2.4), end to end: built, authenticated, sealed, opened, verified.
#![cfg(feature = "rust-crypto")]

mod kit;
mod origin;
mod tesla;

#[cfg(feature = "ed25519")]
mod signed;
