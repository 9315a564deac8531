//! A group's associations in a body of SIP (draft §4.2.3).
//!
//! Where SIP (RFC 3261) sets up the session, whoever invites the members hands each of them the group's association in the
//! INVITE, and its successors in re-INVITEs; the member's answer comes in the response. This is not a SIP stack: here are the
//! bodies and their header lines, the host's stack does the rest.
//!
//! | to | there is |
//! |---|---|
//! | make and open bodies | [`Channel`], one for each key shared with a member |
//! | say what they belong to | [`Dialogue`] |
//! | write and read their header lines | [`PartHeaders`] |
//! | write them in base64 | [`base64`] |
//!
//! # The body
//!
//! Media type `application/vnd.xcast-sec.group-sa` and disposition `xcast-group-sa` are project-defined and registered nowhere;
//! so is the rest:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      'X'      |      'G'      |      'S'      |  Version = 1  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Kind      |                 Reserved = 0                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |M|                                                             |
//! +-+                     Counter (63 bits)                       +
//! |                                                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ~                           Encrypted                           ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                        Tag (16 octets)                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! | kind | M | encrypted |
//! |---|---|---|
//! | 1, offer | 0 | epoch (4), then group, SA and KD, each behind its length (2) |
//! | 2, answer | 1 | the offer's counter (8), its epoch (4), 0 or a [`Reason`] (2), zeros (2) |
//!
//! The nonce is the key's salt and the eight octets of M and counter. The associated data are the body's header, the CSeq
//! number (4), whether there is a To tag (1), and Call-ID, From URI, From tag, To URI and To tag, each behind its length (2).
//!
//! # Security
//!
//! - Only host and member have the key; proxies, and other members, see neither contents nor can they change them. How host and
//!   member come to share it is not told here: from an earlier contact, or from a key agreement that authenticated both.
//! - A body opens in its own transaction only: moved to another INVITE, to a re-INVITE or to another dialogue it is refused, and
//!   so is one whose From, To, Call-ID or CSeq was changed on the way. It does not pass back-to-back user agents that change
//!   these. The Request-URI, Via, Contact and SDP are not covered.
//! - Counters only go up, over all dialogues of a key. Who has the same message twice is not a replay but a retransmission: the
//!   host's transaction layer (RFC 3261 §17) sees to it that it is not handed in twice. Of two bodies that overtake each other the
//!   later to arrive is refused.
//! - The status code of a response is not protected; the [`Answer`] is.
//! - The length of a body tells the length of what is in it.
//!
#![doc = include_str!("example.md")]

pub mod base64;
mod channel;
mod content;
mod dialogue;
mod headers;

pub use channel::{Channel, Counters, HEADER_LEN, OpenError, SealError, Side};
pub use content::{Answer, Offer, Reason};
pub use dialogue::{Dialogue, MAX_DIALOGUE_LEN};
pub use headers::{DISPOSITION, Encoding, HeaderError, MEDIA_TYPE, PartHeaders};
