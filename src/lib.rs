#![doc = include_str!("../README.md")]
#![no_std]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::exhaustive_enums,
        clippy::exhaustive_structs
    )
)]

#[cfg(test)]
extern crate std;

pub mod crypto;
pub mod forward;
pub mod group;
pub mod ipsec;
pub mod time;
pub mod wire;
