//! Membership and the distribution of keys by push (draft §2.1, §2.2.5–2.2.6, §4; RFC 3740, RFC 4046 for the roles).
//!
//! | role | machine |
//! |---|---|
//! | group controller: who belongs to the group | [`Controller`] |
//! | key server: makes associations, hands them out, renews them | [`KeyServer`] |
//! | both (GCKS) | [`Gcks`] |
//! | member: joins, leaves, takes associations; knows the membership if it sends | [`Member`] |
//!
//! | group | controller's host | each sender | each receiver |
//! |---|---|---|---|
//! | one sender that is the controller | [`Gcks`] | – | [`Member`] |
//! | central controller, one set of keys for several senders | [`Gcks`] with [`KeyUse::Shared`] | [`Member`] | [`Member`] |
//! | central controller, each sender its own key server | [`Controller`] | [`Member`] and [`KeyServer`] | [`Member`] |
//!
//! The machines do no input or output, read no clock and allocate nothing. Messages come and go as octets, over a channel of the
//! host's that authenticates each peer by its address and keeps what it carries secret: for example unicast ESP
//! (draft §4.2.2). It may lose, repeat and reorder messages.
//!
//! # Security
//!
//! - The channel vouches for who sent a message; a member may still be hostile. What it sends is read strictly, concerns itself
//!   alone, and changes nothing if it is wrong.
//! - Whoever is a member can give keys and packets away. Expelling it keeps it from what is sent under later epochs.
//! - Packets under an old epoch are taken until its DTD is over, and whoever holds its keys can make them until then, also
//!   after it was expelled.
//! - A sender that cannot be reached goes on as it did before it lost contact, and so does a member that receives.
//! - Which lifetimes keys have is up to [`RekeyPolicy`]; nothing is renewed without one but by changes of the membership.

mod association;
mod controller;
mod directory;
mod event;
mod gcks;
mod key_server;
mod member;
pub mod message;
mod numbers;
mod octets;
mod policy;
mod receive_error;
mod retry;
mod rollover;
mod saved;

use core::net::IpAddr;

pub use association::{KeySink, KeySource, KeySourceError, Offer};
pub use controller::{Controller, ControllerConfig, ControllerEvent, InviteError};
pub use directory::{Directory, FixedDirectory, Floor, NegotiationError, Suite, choose};
pub use gcks::{Gcks, GcksEvent};
pub use key_server::{EpochStatus, KeyServer, KeyServerConfig, KeyServerEvent, TooManyMembers};
pub use member::{Member, MemberConfig, MemberError, MemberEvent, MemberState};
pub use message::{
    BufferTooSmall, Change, ChangeKind, Entry, ExpelReason, MAX_LIST_MESSAGE_LEN, MAX_MEMBERS, MESSAGE_HEADER_LEN,
    MessageError, PUSH_OVERHEAD, RefuseReason, RejectReason, Roles,
};
pub use numbers::{Boot, Epoch, GroupId, Incarnation, Version};
pub use policy::admission::{Admission, Decision, FixedAdmission, InvitedOnly, QueryPolicy, Silence};
pub use policy::anonymity::{Anonymity, Contradiction, GroupSetup};
pub use policy::rekey::{Delays, KeyUse, OnChange, RekeyPolicy};
pub use receive_error::ReceiveError;
pub use retry::RetryPolicy;
pub use rollover::MAX_EPOCHS;
pub use saved::{SAVED_OVERHEAD, SaveError, Saved, SavedError};

/// A message that was written, and is to be sent over the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Transmit {
    /// To whom.
    pub to: IpAddr,
    /// Its octets.
    pub len: usize,
}
