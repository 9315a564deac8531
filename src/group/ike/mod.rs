//! Pushing a group's associations by a phase 2 exchange of IKE (draft §4.2.4).
//!
//! Each sender has an IKE phase 1 (RFC 2409) with each other member, and pushes the one association that it made to each of
//! them. Phase 1 is the host's; it hands over what came out of it ([`Phase1`]). The exchange is project-defined, after the
//! example of quick mode (RFC 2409 §5.5) and of GDOI (RFC 6407 §3.2), whose payloads it carries:
//!
//! ```text
//!      sender: Pusher                            member: Acceptor
//!      --------------                            ----------------
//! (1)  HDR*, HASH(1), Ni, SA, KD       -->
//! (2)                                  <--       HDR*, HASH(2), Nr [, N]
//! (3)  HDR*, HASH(3)                   -->
//!
//! HASH(1) = prf(SKEYID_a, M-ID | Ni | SA | KD)
//! HASH(2) = prf(SKEYID_a, M-ID | Ni_b | Nr [ | N])
//! HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)
//! ```
//!
//! `*`: encrypted under a key from SKEYID_e. With N, which says why ([`Reason`]), the member rejects, and the exchange ends
//! without (3). Deletion is an informational exchange (RFC 2409 §5.7), unanswered, its message ID drawn as for a push:
//!
//! ```text
//!      HDR*, HASH(1), D                -->       HASH(1) = prf(SKEYID_a, M-ID | D)
//! ```
//!
//! | what | choice |
//! |---|---|
//! | exchange type | 240, of RFC 2408 §3.1's range for private use ([`EXCHANGE_TYPE`]); informational 5 |
//! | payloads | SA and KD as in RFC 6407 §5, numbers 1 and 17, carried unread ([`Description`]); D and N with the DOI of GDOI, 2 |
//! | nonces | 32 octets (RFC 2409 §5 has 8 to 256) |
//! | encryption | AES-CBC, the key by RFC 2409 Appendix B; padded with zeros to the block, none if there is no need |
//! | initialization vectors | RFC 2409 Appendix B: hash(last phase 1 block \| M-ID), then the last block of the message before |
//! | message IDs | bit 31 is 1 if the sender of (1) was responder of phase 1; the rest starts at random and counts up |
//!
//! # What comes when
//!
//! Nothing is taken before the HASH of its message verified, and no association before (3): only that proves that the offer is
//! not a replay (RFC 6407 §3.2). The host keeps what an [`Offer`] described until [`Received::Confirmed`], drops it on
//! [`Due::GaveUp`] or when another offer comes. Messages may be lost, doubled and reordered: (1) and (2) are sent again by time
//! ([`Retry`]), and whoever gets a message again answers with the same octets again. If every copy of (3) is lost the pusher
//! believes in an acceptance that the acceptor gave up; the remedy is the next push.
//!
//! Nothing is sent or read here: [`Pusher::poll`] and [`Acceptor::poll`] give the UDP payloads to send, to port 500 of the peer,
//! and the host hands in those it received.
//!
//! # Security
//!
//! - Both ends have the same keys. Bit 31 of the message ID tells whose exchange it is, so that a message sent back to its
//!   sender is refused.
//! - Message IDs of one direction only go up. So no initialization vector comes twice, and a replay of an older message is
//!   refused before it is decrypted. A host that has other phase 2 exchanges under the same phase 1 takes their message IDs from
//!   [`Phase1::draw_message_id`], too.
//! - HASH and encryption are RFC 2409's: authenticated, then encrypted. Whatever is wrong inside, the error is one and the
//!   same, and the HASH is computed in any case.
//! - There is no perfect forward secrecy: who breaks the phase 1 reads the keys that were pushed under it.
//! - A peer is who the phase 1 authenticated. Whether it may push for the group is for the host to decide, before it accepts.
//! - SKEYID_e and SKEYID_a are of no other use to the host than for exchanges of this phase 1.
//!
//! # Not here
//!
//! Phase 1 itself. NAT traversal (RFC 3947): no NAT-D or NAT-OA payloads, no non-ESP marker on port 4500; a host that has
//! them handles them around this. Ciphers other than AES-CBC, prfs other than HMAC-SHA1 and HMAC-SHA2-256. Fragmentation: what
//! does not fit the path goes in IP fragments, as all of IKEv1 does.

mod acceptor;
mod error;
mod header;
mod payload;
mod phase1;
mod pusher;
mod reason;
mod retry;
mod seal;
mod spis;

pub use acceptor::{Acceptor, Answer, Offer, Received};
pub use error::{MessageError, PayloadError, SendError};
pub use header::{Cookies, HEADER_LEN, Header};
pub use payload::{Description, PAYLOAD_HEADER_LEN, Payload, Payloads, payload_type};
pub use phase1::{Phase1, Phase1Config, Role};
pub use pusher::{Pushed, Pusher};
pub use reason::Reason;
pub use retry::{Due, Retry};
pub use spis::{DeletedSpis, Protocol, emit_delete};

/// The exchange type of a push (RFC 2408 §3.1 leaves 240 to 255 to private use; project-defined).
pub const EXCHANGE_TYPE: u8 = 240;
/// The exchange type of a deletion (RFC 2408 §3.1).
pub const INFORMATIONAL: u8 = 5;
/// Octets of a nonce (project-defined, within RFC 2409 §5's 8 to 256).
pub const NONCE_LEN: usize = 32;
/// The UDP port of ISAKMP (RFC 2408 §2.5.1).
pub const PORT: u16 = 500;

/// GDOI's domain of interpretation (RFC 6407 §5.2).
const DOI: u32 = 2;
