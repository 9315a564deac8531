//! AH and ESP as far as groups need them (RFC 4301–4303, draft §3).
//!
//! [`OutboundSa`] seals and [`open()`] opens, both in the caller's buffer ([`PacketBuf`]). An [`Sa`] holds what is agreed and
//! never changes; the sender's counter and the receivers' windows ([`ReplayStore`]) are kept beside it.

mod buffer;
mod construction;
mod coverage;
mod error;
mod open;
mod outbound;
mod placement;
mod replay;
mod sa;
mod sa_config;
mod sad;
mod seal;
mod senders;
mod sequence;
mod spi;

pub use buffer::PacketBuf;
pub use construction::Refusal;
pub use error::{OpenError, SealError};
pub use open::{Content, Opened, open, verify_ah};
pub use outbound::{OutboundSa, SenderId};
pub use replay::{NewSender, ReplayError, ReplayWindow, Unverified};
pub use sa::Sa;
pub use sa_config::{Mode, Protection, RoutingCoverage, SaConfig, SaError, SaId, SecurityProtocol, TunnelEndpoints};
pub use sad::{FixedSad, SadLookup};
pub use seal::{Freshness, seal_with};
pub use senders::{ReplayStore, SenderKey, SenderWindows};
pub use sequence::{SequenceCounter, SequenceExhausted};
pub use spi::Spi;
