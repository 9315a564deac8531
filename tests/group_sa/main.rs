//! Associations of a group: what is agreed, as octets of GDOI (RFC 6407), and as a text (draft §4.2.1).

#[path = "../common/algorithms.rs"]
mod algorithms;
#[cfg(feature = "rust-crypto")]
#[path = "../common/mod.rs"]
mod common;

mod gdoi;
mod gdoi_damage;
mod gdoi_errors;
mod gdoi_others;
mod kit;
mod manual;
mod manual_errors;
mod secrets;
mod terms;
#[cfg(feature = "rust-crypto")]
mod works;
