//! Processing of whole packets (RFC 4301 §5): policy, associations, lifetimes, authorised senders, counters and audit in the
//! order that the RFC gives. [`Inbound`] opens, [`Outbound`] seals.

mod audit;
mod counters;
mod inbound;
mod inbound_batch;
mod judge;
mod outbound;
mod outbound_batch;
mod outbound_sad;
mod received;
mod verdict;

pub use audit::{AuditEvent, AuditReason, AuditSink, NoAudit, RecentEvents};
pub use counters::{InboundCounters, OutboundCounters};
pub use inbound::{Inbound, InboundError};
pub use outbound::{Outbound, OutboundError, Sent};
pub use outbound_sad::{FixedOutboundSad, OutboundKey, OutboundSad};
pub use received::{Layers, Received};

pub(crate) use verdict::verdict;
