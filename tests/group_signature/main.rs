//! Signed joins, leaves and invitations (draft §2.1.5).

mod format;
mod kit;
mod recent;

#[cfg(feature = "ed25519")]
mod ed25519;
