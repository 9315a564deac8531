//! AH and ESP as far as groups need them (RFC 4301–4303, RFC 5374, draft §3).
//!
//! | to | there is |
//! |---|---|
//! | process whole packets as RFC 4301 §5 has it: policy, associations, lifetimes, authorised senders, counters, audit | [`Inbound`], [`Outbound`] |
//! | seal and open under one association, with nothing around it | [`OutboundSa`], [`open()`], [`verify_ah`] |
//! | do so with many packets at once | [`Inbound::process_batch`], [`Outbound::process_batch`], [`OutboundSa::seal_batch`], [`open_batch`], [`seal_batch_with`] |
//! | agree on an association | [`SaConfig`], [`Sa`], [`FixedSad`], [`FixedOutboundSad`] |
//! | say what must be protected | [`PolicyEntry`], [`FixedSpd`] (RFC 4301 §4.4.1, RFC 5374 §4.1.1) |
//! | say who may send | [`SenderFilter`], [`FixedSenders`] (draft §2.1.1.2) |
//! | keep replayed packets out | [`SenderWindows`] |
//! | know what protection costs before paying | [`Sa::overhead`], [`Sa::largest_payload`], [`PathMtu`], [`OutboundSa::packet_too_big`] |
//!
//! All work in the caller's buffer ([`PacketBuf`]). An [`Sa`] holds what is agreed and never changes; what a sender counts
//! stands beside it in [`OutboundSa`], what a receiver counts in [`FixedSad`] and [`SenderWindows`].
//!
//! # What it costs
//!
//! Octets inserted in front of what is protected, and appended behind it; ESP pads to its alignment, so that a range is
//! given. In tunnel mode 20 (IPv4) or 40 (IPv6) octets of outer header come on top; an IPv4 AH padded to 8 octets
//! ([`Protection::Ah::pad_to_8`]) is as long as in IPv6. TFC padding is extra.
//!
//! | AH with | key | ICV | inserted, IPv4 | inserted, IPv6 | RFC 8221 §6 |
//! |---|---|---|---|---|---|
//! | HMAC-MD5-96 (RFC 2403) | 16 | 12 | 24 | 24 | MUST NOT: needs [`SaConfig::rfc8221_exemption`] |
//! | HMAC-SHA1-96 (RFC 2404) | 20 | 12 | 24 | 24 | MUST− |
//! | HMAC-SHA2-256-128 (RFC 4868) | 32 | 16 | 28 | 32 | MUST |
//! | HMAC-SHA2-384-192 (RFC 4868) | 48 | 24 | 36 | 40 | – |
//! | HMAC-SHA2-512-256 (RFC 4868) | 64 | 32 | 44 | 48 | SHOULD |
//!
//! | ESP with | key | inserted | appended, without the ICV | RFC 8221 §5 |
//! |---|---|---|---|---|
//! | NULL (RFC 2410), with one of the above | 0 | 8 | 2–5 | MUST |
//! | AES-CBC (RFC 3602), with one of the above | 16, 24, 32 | 24 | 2–17 | MUST (128, 256) |
//! | AES-CTR (RFC 3686), with one of the above | 20, 28, 36 | 16 | 2–5 | MAY |
//! | AES-GCM-16 (RFC 4106) | 20, 28, 36 | 16 | 2–5, ICV 16 | MUST (128, 256) |
//! | ChaCha20-Poly1305 (RFC 7634) | 36 | 16 | 2–5, ICV 16 | SHOULD |
//!
//! Keys are in octets, the nonce or salt of counter and combined modes included. ESP without integrity is refused.
//!
//! # What it protects, and what not
//!
//! | | AH, transport | ESP, transport | AH around ESP | AH, tunnel | ESP, tunnel |
//! |---|---|---|---|---|---|
//! | the payload cannot be changed | yes | yes | yes | yes | yes |
//! | the payload cannot be read (but with NULL) | no | yes | yes | no | yes |
//! | source and destination cannot be changed | yes | no | yes | yes | inner ones |
//! | the list of members cannot be changed | by [`RoutingCoverage`]; in Xcast4 yes | no | as AH | yes | yes |
//! | the list of members cannot be read | no: routers need it | no | no | no | yes, and routers do not read it either |
//! | the bitmap cannot be changed | no: routers must | no | no | yes | yes |
//! | the port a member is delivered to cannot be changed | by [`RoutingCoverage`]: which port is whose | no: a list of ports can be put in | as AH | yes | yes |
//! | a packet is not taken twice | yes | from a given source address | yes | yes | from a given outer source address |
//! | how long payloads are, and when there are any | shows | [`Tfc`] for UDP, dummies | as ESP | shows | [`Tfc`], dummies |
//!
//! All of that holds against those who do not have the key. Under a key that a group shares it is *group* authentication
//! (draft §2.2.3): some member made the packet. Which one, nothing here proves (*individual* authentication, draft §2.2.4),
//! as each member can make a packet in the name of every other:
//!
//! | association | against outsiders | against members |
//! |---|---|---|
//! | one for the group, any sender | only members send | nothing: a member can take any source address, and its numbers |
//! | one for the group, [`SenderFilter`] | only members send, and only under listed addresses | a member can take a listed address |
//! | one per sender, each with a key of its own, known to all receivers | the sender or a receiver made it | a receiver can send in the sender's name |
//! | one per sender and receiver | the sender made it, as far as the receiver did not | the same |
//!
//! # Many packets at once
//!
//! Each `…_batch` does what its namesake does with one packet after the other, in order: results, octets of packets that pass,
//! numbers, vectors, windows, lifetimes, counters and audit events are the same. What it adds is that the provider gets the
//! algorithms' work on up to 32 packets in one piece (8 where addresses are shorter than 64 bits), to do side by side if it can
//! ([`CryptoProvider::esp_seal_many`](crate::crypto::CryptoProvider::esp_seal_many)). Associations, keys, algorithms, lengths and
//! senders may be mixed. A longer batch is cut.
//!
//! What becomes of each packet is told to a function of the caller, which gets the packet only if it passed: there is nothing at hand
//! to be sent, or read, by mistake. One that did not is in its buffer still, when the batch is over, ESP of it perhaps decrypted (below).
//!
//! Use it where packets are there together anyway: what a device read in one go, what a sender has for several groups. It is not
//! worth waiting for company, and one packet by itself is done faster by the ordinary call. Nothing is won with combined modes,
//! nor by AH around ESP in what goes out; of that in what comes in, AH alone wins.
//!
//! | | lies on the stack for each packet, on 64-bit processors |
//! |---|---|
//! | sealing | 100 octets, through policy 180; while computing 70 for ESP, 560 for AH |
//! | opening | 150 octets; while computing 70 for ESP, 530 for AH |
//!
//! What differs: packets are opened on the supposition that those before them in the batch change nothing. One that is refused
//! when its turn comes, as a replay of an earlier one or because a lifetime ended, has cost computing, and ESP of it may stand
//! decrypted in its buffer. No window moves on a supposition, and nothing is handed out that the ordinary path would not.
//!
//! # Numbers that are used once
//!
//! [`OutboundSa`] gives out sequence numbers and initialization vectors and never repeats one: the counter does not wrap,
//! several senders under one key need a [`SenderId`] each (RFC 6054), and after a restart only numbers count that were
//! reserved and saved before ([`OutboundSa::reserve`]).

mod association;
mod packet;
mod policy;
mod processing;
mod replay;
mod sending;

pub use association::config::{Mode, Protection, RoutingCoverage, SaConfig, SaError, SaId, SecurityProtocol};
pub use association::lifetime::{Lifetimes, LimitKind, Limits, Usage};
pub use association::outer::{OuterAddress, OuterDf, OuterDscp, OuterHeader};
pub use association::sa::Sa;
pub use association::sad::{FixedSad, InboundSad, InboundState, SadError, SadLookup};
pub use association::spi::Spi;
pub use association::tfc::Tfc;
pub use packet::buffer::PacketBuf;
pub use packet::construction::Refusal;
pub use packet::error::{OpenError, SealError};
pub use packet::open::{Content, Opened, open, resynchronize, verify_ah};
pub use packet::open_batch::open_batch;
pub use packet::seal::{Freshness, seal_dummy_with, seal_with};
pub use packet::seal_batch::{ToSeal, seal_batch_with};
pub use policy::{
    Action, AddressRange, Addresses, AnySender, Direction, Directionality, FixedSenders, FixedSpd, ModeKind, NextLayer,
    PolicyEntry, PolicyId, PolicyLookup, PortSelector, Required, SelectorSet, Selectors, SenderFilter, SendersFull,
    SpdError, UpperLayer,
};
pub use processing::{
    AuditEvent, AuditReason, AuditSink, FixedOutboundSad, Inbound, InboundCounters, InboundError, Layers, NoAudit,
    Outbound, OutboundCounters, OutboundError, OutboundKey, OutboundSad, Received, RecentEvents, Sent,
};
pub use replay::senders::{ReplayStore, SenderKey, SenderWindows};
pub use replay::window::{NewSender, ReplayError, ReplayWindow, Unverified};
pub use sending::outbound::{OutboundSa, Sealed};
pub use sending::packet_too_big::Ignored;
pub use sending::path_mtu::PathMtu;
pub use sending::quoted::QuotedPacket;
pub use sending::sender_id::SenderId;
pub use sending::sequence::{Reservation, SequenceCounter, SequenceError};

pub(crate) use packet::batch::CHUNK;
pub(crate) use packet::open_batch::in_chunks;
pub(crate) use packet::tried::Tried;
pub(crate) use processing::verdict;
