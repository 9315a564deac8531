//! Groups: which SPIs their associations have, who signed what, who sent a packet.

pub mod signature;
pub mod source_auth;
pub mod spi;
