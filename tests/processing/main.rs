//! Whole packets through policy, associations, lifetimes, authorised senders, counters and audit (RFC 4301 §5).
//!
//! [`ends`] holds every call to what holds for all of them: one packet counted, one outcome counted with it, and an audit
//! event for what does not pass and for nothing else.
#![cfg(feature = "rust-crypto")]

mod audit;
mod audit_log;
mod counters;
mod ends;
mod fragments;
mod kit;
mod lifetimes;
mod matrix;
mod naive;
mod nothing_in_the_clear;
mod outbound;
mod outbound_limits;
mod outbound_room;
mod port_lists;
mod resync;
mod review;
mod round_trip;
mod senders;
