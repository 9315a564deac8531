//! Security policy (RFC 4301 §4.4.1, with the group extensions of RFC 5374 §4.1.1): which packets are protected and how,
//! which pass as they are, and which do not pass.
//!
//! [`Selectors::of`] reads from a packet what it is judged by; [`FixedSpd`] holds the ordered entries that it is judged by.
//! [`SenderFilter`] says who is believed once an ICV verified.

mod action;
mod addresses;
mod entry;
mod next_layer;
mod selectors;
mod senders;
mod spd;
#[cfg(test)]
mod tests;

pub use action::{Action, ModeKind, PolicyId, Required};
pub use addresses::{AddressRange, Addresses};
pub use entry::{Direction, Directionality, PolicyEntry, SelectorSet};
pub use next_layer::{NextLayer, PortSelector};
pub use selectors::{Selectors, UpperLayer};
pub use senders::{AnySender, FixedSenders, SenderFilter, SendersFull};
pub use spd::{FixedSpd, PolicyLookup, SpdError};
