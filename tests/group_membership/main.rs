//! Membership and the distribution of keys, over a network that loses, repeats and reorders.
#![cfg(feature = "rust-crypto")]

mod keys;
mod kit;
mod messages;
mod own_keys;
mod policies;
mod pushes;
mod restarts;
mod rollovers;
mod slice;
mod storms;
mod transitions;
mod world;
