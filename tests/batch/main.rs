//! Many packets at once, against one after the other: results, octets, counters, audit events, windows, numbers, vectors and
//! lifetimes are the same, whatever is in the batch, however it is cut, and in whatever order a provider works.
#![cfg(feature = "rust-crypto")]

mod associations;
#[cfg(feature = "simd-detect")]
#[path = "../common/combined.rs"]
mod combined;
#[path = "../common/keys.rs"]
mod keys;
#[path = "../processing/kit.rs"]
#[allow(dead_code, reason = "the tests of one packet at a time use the rest")]
mod kit;
#[cfg(feature = "simd-detect")]
mod lanes;
#[cfg(feature = "simd-detect")]
#[path = "../common/levels.rs"]
mod levels;
mod opening;
mod providers;
mod receiving;
mod sealing;
mod under_one;
