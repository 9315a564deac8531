#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
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
pub mod guide;
pub mod ipsec;
pub mod stack;
pub mod time;
pub mod wire;

// The paved path: what a host names first. All else is in the modules alone.
#[cfg(feature = "rust-crypto")]
#[doc(no_inline)]
pub use crypto::RustCrypto;
#[doc(no_inline)]
pub use forward::Router;
#[doc(no_inline)]
pub use ipsec::{Inbound, Outbound, PacketBuf, SaConfig};
#[doc(no_inline)]
pub use stack::{Receiver, Sender, Session};
#[doc(no_inline)]
pub use time::Instant;
#[doc(no_inline)]
pub use wire::{CodePoints, XcastPacket};
