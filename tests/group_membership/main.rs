//! Membership and the distribution of keys, over a network that loses, repeats and reorders.
#![cfg(feature = "rust-crypto")]

mod kit;
mod rollovers;
mod slice;
mod storms;
mod world;
