//! Associations: what is agreed, what it costs, and the database of those that open packets (RFC 4301 §4.4.2).

pub(crate) mod config;
pub(crate) mod lifetime;
pub(crate) mod outer;
pub(crate) mod overhead;
pub(crate) mod sa;
pub(crate) mod sad;
pub(crate) mod spi;
pub(crate) mod tfc;
