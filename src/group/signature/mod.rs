//! Joins, leaves and invitations that nobody can deny later (draft §2.1.5).
//!
//! "The basis for such a non-repudiation service is the use of digital signatures with timestamps on join/leave/invite
//! operations." [`SignedRepr`] writes such a message, signed by a [`Signer`](crate::crypto::Signer); [`RecentMessages`] reads
//! one: first the signature, then the timestamp against the reader's own clock, then whether it was seen before. Nothing is
//! remembered, and no place in a table is taken, on the word of a message whose signature does not verify.
//!
//! Who wants proof later keeps the octets of the message, the group's name, and whose key it was:
//! [`SignedMessage::verify`] says again, to anybody, what the signer said; without a clock, and as often as it is asked.
//! Whether the key was the signer's at that time is for the deployment's certificates to prove, and the timestamp is what the
//! signer claimed, within the bounds in which the reader took it.
//!
//! The message inside is the membership protocol's; here it is octets. `Ed25519Signer` and `Ed25519Verifier` ship, behind
//! the feature `ed25519`.
#![cfg_attr(
    feature = "ed25519",
    doc = r#"
```
use xcast_sec::crypto::{Ed25519Signer, Ed25519Verifier, SignerId};
use xcast_sec::group::signature::{AcceptError, ClockLimits, MessageKind, RecentMessages, SignedRepr, Timestamp};

let id = SignerId::new(*b"member number 12");
let mut member = Ed25519Signer::new(id, &[0x17; 32]); // 32 octets from a good generator, saved.
let mut known = Ed25519Verifier::<16>::new();
known.insert(id, &member.public_key())?;

// The member, at 12:00:00 by its clock:
let message = SignedRepr {
    kind: MessageKind::Join,
    group: b"conference 7",
    timestamp: Timestamp::from_unix_secs(1_700_000_000),
    nonce: 1,
    message: b"2001:db8::b",
};
let mut buffer = [0; 256];
let len = message.emit(&mut member, &mut buffer)?;

// The group controller, whose clock is 20 s ahead:
let mut recent = RecentMessages::<16, 8>::new(ClockLimits::DEFAULT);
let now = Timestamp::from_unix_secs(1_700_000_020);
let join = recent.accept(&mut known, b"conference 7", now, &buffer[..len])?;
assert_eq!((join.kind(), join.signer(), join.message()), (MessageKind::Join, id, &b"2001:db8::b"[..]));

let again = recent.accept(&mut known, b"conference 7", now, &buffer[..len]);
assert_eq!(again.err(), Some(AcceptError::Replayed));
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
)]

mod error;
mod message;
mod recent;
mod repr;
mod timestamp;

pub use error::{AcceptError, SignedEmitError, SignedParseError};
pub use message::{MAX_GROUP_NAME_LEN, MAX_SIGNED_MESSAGE_LEN, MessageKind, SIGNED_HEADER_LEN, SignedMessage};
pub use recent::{ClockLimits, RecentMessages};
pub use repr::SignedRepr;
pub use timestamp::Timestamp;
