//! Replayed packets are kept out (RFC 4302 §3.4.3, RFC 4303 §3.4.3).

mod index;
pub(crate) mod senders;
pub(crate) mod window;
