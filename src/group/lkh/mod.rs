//! A logical key hierarchy (RFC 2627 §5.4), an option where groups are large.
//!
//! One entity, the [`Controller`], has a binary tree of keys. Each [`Member`] sits on a leaf and has the keys from there to the
//! root. When somebody leaves, the keys it had are replaced, each wrapped under the keys of its node's children that stay, from
//! the bottom up; when somebody joins, the same, so that the newcomer cannot read what was before. All of it goes into one
//! message for all members. Under the new key of the root goes what the group needs, a new association for one.
//!
//! ```
//! use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
//! use xcast_sec::group::lkh::{ApplyError, Controller, Member, Suite};
//!
//! let mut rng = getrandom::SysRng;
//! let (mut crypto, mut buffer) = (RustCrypto, [0; 512]);
//! let suite = Suite::new(AeadAlgorithm::AesGcm16, 20).ok_or("suite")?;
//! let mut controller = Controller::<16>::new(suite);
//! let seats = [controller.join(&[1; 20])?, controller.join(&[2; 20])?, controller.join(&[3; 20])?];
//! let mut ours = Member::new(suite, seats[0], &[1; 20])?;
//! let mut theirs = Member::new(suite, seats[1], &[2; 20])?;
//!
//! let len = controller.rekey(&mut crypto, &mut rng, b"an association", &mut buffer)?;
//! assert_eq!(ours.apply(&mut crypto, &mut buffer[..len].to_vec())?.payload, b"an association");
//! assert_eq!(theirs.apply(&mut crypto, &mut buffer[..len].to_vec())?.payload, b"an association");
//!
//! controller.leave(seats[1].leaf)?;
//! let len = controller.rekey(&mut crypto, &mut rng, b"another", &mut buffer)?;
//! assert_eq!(theirs.apply(&mut crypto, &mut buffer[..len].to_vec()), Err(ApplyError::Excluded));
//! assert_eq!(ours.apply(&mut crypto, &mut buffer[..len])?.payload, b"another");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The message
//!
//! Project-defined:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      'X'      |      'L'      |      'K'      |  Version = 1  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                             Epoch                             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Depth     |    Entries    |        Payload Length         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ~ Entries: child (1), version of its key (4), wrapped key, tag (16)
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ~ Payload, encrypted, tag (16)                                  ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! An entry has the new key of the node above its child. The version of a key is the epoch of the message that brought it, of
//! a leaf's key that of the last message before the member joined. The nonce is the epoch in eight octets, behind the key's
//! salt: in one message each key encrypts once, as a node has one node above it, and the root none. Associated data are
//! the header, and of entries also child and version.
#![doc = include_str!("sizes.md")]
//!
//! # Security
//!
//! - Who left has none of the keys that the next message is wrapped under, nor has any number of them together (RFC 2627
//!   §5.4.1). Until that message they still read: [`Controller::is_pending`].
//! - **Members can deceive members.** Whoever has a node's key can make messages that all below that node take for the
//!   controller's. Where that matters, the message must be signed by the controller.
//! - A member that missed a message is told so ([`ApplyError::Missed`], and [`ApplyError::Excluded`] where it cannot tell) and needs
//!   the controller: it leaves and joins again, with a new key, told by unicast.
//! - Leaf keys are for one tree and one stay: under the same key and epoch another message would have the same nonce. So a
//!   tree must not be set back, by a restart from an old state for one.
//! - The message shows the shape of the tree: who watches sees how many joined or left, and where they sat.

mod controller;
mod error;
mod key;
mod member;
mod message;
#[cfg(all(test, feature = "rust-crypto"))]
mod tests;

pub use controller::Controller;
pub use error::{ApplyError, ControllerError};
pub use key::Suite;
pub use member::{Applied, Member, Seat};
pub use message::HEADER_LEN;
