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
//! # A group of one sender and one receiver
//!
//! ```
//! use core::{net::IpAddr, time::Duration};
//! use rand_core::TryCryptoRng;
//! use xcast_sec::group::membership::{
//!     Boot, Controller, ControllerConfig, Delays, Epoch, FixedAdmission, Gcks, GroupId, GroupSetup, KeyServer,
//!     KeyServerConfig, KeySink, KeySource, KeySourceError, Member, MemberConfig, Offer, RejectReason, Roles,
//! };
//! use xcast_sec::time::Instant;
//! use xcast_sec::wire::{BitmapPlace, Family};
//!
//! /// Makes associations: here an SPI and a key, as receivers expect them.
//! struct Source;
//!
//! impl KeySource for Source {
//!     fn generate<G: TryCryptoRng + ?Sized>(
//!         &mut self, _: Epoch, _: impl Iterator<Item = IpAddr> + Clone, rng: &mut G, out: &mut [u8],
//!     ) -> Result<usize, KeySourceError> {
//!         let association = out.get_mut(..24).ok_or(KeySourceError::NoRoom)?;
//!         rng.try_fill_bytes(association).map_err(|_| KeySourceError::Random)?;
//!         Ok(24)
//!     }
//! }
//!
//! /// Installs them: a host reads them, judges them, and puts them into its `FixedSad`.
//! struct Sink(Vec<Epoch>);
//!
//! impl KeySink for Sink {
//!     fn install(&mut self, offer: Offer<'_>) -> Result<(), RejectReason> {
//!         if offer.association.len() != 24 {
//!             return Err(RejectReason::Malformed);
//!         }
//!         self.0.push(offer.epoch);
//!         Ok(())
//!     }
//!
//!     fn remove(&mut self, _server: IpAddr, epoch: Epoch) {
//!         self.0.retain(|held| *held != epoch);
//!     }
//! }
//!
//! let group = GroupId::new(1);
//! let [sender, receiver]: [IpAddr; 2] = ["2001:db8::a".parse()?, "2001:db8::b".parse()?];
//! let mut now = Instant::from_secs(1);
//! let boot = Boot::new(1); // From permanent storage, where it was raised first.
//! let setup = GroupSetup { family: Family::V6, ah: None, bitmap: BitmapPlace::Header, tunnel: false };
//! let delays = Delays::new(Duration::from_secs(20), Duration::from_secs(22)).ok_or("ATD not below DTD")?;
//! let controller = Controller::<16>::new(ControllerConfig::new(group, setup), boot, 7)?;
//! let keys = KeyServer::<16, 24>::new(KeyServerConfig::new(group, delays), boot, 7);
//! let mut gcks = Gcks::new(controller, keys, now)?;
//! let mut admission = FixedAdmission::<16>::new();
//! assert!(admission.allow(receiver, Roles::RECEIVER));
//!
//! let mut member = Member::<16, 1, 24>::new(MemberConfig::new(group, sender), boot, 8);
//! let mut sink = Sink(Vec::new());
//! member.allow_server(sender)?;
//! member.join(Roles::RECEIVER)?;
//!
//! // Both event loops in one: what one end transmits arrives at the other.
//! let mut buffer = [0; 4096];
//! while gcks.keys().sending(now).is_none() {
//!     while let Some(sent) = member.poll_transmit(now, &mut buffer)? {
//!         gcks.receive(now, receiver, &buffer[..sent.len], &mut admission)?;
//!     }
//!     if gcks.next_timeout(now).is_some_and(|at| at <= now) {
//!         gcks.handle_timeout(now, &mut Source, &mut getrandom::SysRng);
//!     }
//!     while let Some(sent) = gcks.poll_transmit(now, &mut buffer)? {
//!         member.receive(now, sender, &buffer[..sent.len], &mut sink)?;
//!     }
//!     now = now.after(Duration::from_millis(1));
//! }
//! // The receiver has what the sender now seals packets under.
//! assert_eq!(gcks.keys().sending(now), sink.0.first().copied());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
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
