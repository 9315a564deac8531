//! AH and ESP as far as groups need them (RFC 4301–4303, draft §3).
//!
//! [`OutboundSa`] seals and [`open()`] opens, both in the caller's buffer ([`PacketBuf`]). An [`Sa`] holds what is agreed and
//! never changes; the sender's counter and the receivers' windows ([`ReplayStore`]) are kept beside it.

mod arrived;
mod buffer;
mod construction;
mod coverage;
mod error;
mod lifetime;
mod open;
mod open_ah;
mod open_esp;
mod outbound;
mod outer;
mod overhead;
mod path_mtu;
mod placement;
mod plan;
mod policy;
mod replay;
mod sa;
mod sa_config;
mod sad;
mod seal;
mod senders;
mod sequence;
mod spi;
mod tfc;

pub use buffer::PacketBuf;
pub use construction::Refusal;
pub use error::{OpenError, SealError};
pub use lifetime::{Lifetimes, LimitKind, Limits, Usage};
pub use open::{Content, Opened, open, resynchronize, verify_ah};
pub use outbound::{OutboundSa, Sealed, SenderId};
pub use outer::{OuterAddress, OuterDf, OuterDscp, OuterHeader};
pub use path_mtu::PathMtu;
pub use policy::PolicyId;
pub use replay::{NewSender, ReplayError, ReplayWindow, Unverified};
pub use sa::Sa;
pub use sa_config::{Mode, Protection, RoutingCoverage, SaConfig, SaError, SaId, SecurityProtocol};
pub use sad::{FixedSad, SadLookup};
pub use seal::{Freshness, seal_dummy_with, seal_with};
pub use senders::{ReplayStore, SenderKey, SenderWindows};
pub use sequence::{Reservation, SequenceCounter, SequenceError};
pub use spi::Spi;
pub use tfc::Tfc;
