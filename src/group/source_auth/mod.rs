//! Which member sent a packet (draft §2.2.4).
//!
//! AH and ESP authenticate with a key that every receiver has, or it could not verify. What that proves:
//!
//! | | a member that keeps to the rules, or an outsider | a member that lies |
//! |---|---|---|
//! | one association for all senders | cannot have sent it unless it has the key; under AH the source address is the one written by who sealed it, under ESP it is not covered | can send as any member, existing or not |
//! | an association per sender ([`SaConfig::source`]) | as above, and under ESP, too, a packet opens only with the source address that the association is for | can send as any sender whose association it receives: it has that key |
//! | either one, and what this module adds | as above | can send as itself alone |
//!
//! So an association per sender tells senders apart as long as no member lies: it keeps replay windows, sequence numbers, SPIs
//! and lifetimes of each its own, it keeps outsiders from moving a packet to another sender, it makes it possible to take one
//! sender out. It does not prove to one member, and less to a third party, that another one sent: "this does not guarantee
//! individual authentication". Nor does a packet signed per sender prove *when* it was sent, that it was sent to *this*
//! receiver, or that it is the only one.
//!
//! [`SourceAuthenticator`] and [`SourceVerifier`] are the seam where proof is added to each packet: a trailer behind the
//! application's payload, made before the packet is sealed and looked at after it was opened. [`SignedSource`] and
//! [`SignedSourceVerifier`] ship: a signature, with any [`Signer`]. The draft says of signatures that "in most multicast
//! applications, such a mechanism would not stand", and at the rate of media it does not: it is for control traffic, a few
//! packets a second. For more there is TESLA, below.
//!
//! # Where it goes
//!
//! ```text
//! [IP][Xcast …][ESP[UDP][payload][trailer]]      or with AH, or both
//! ```
//!
//! The trailer is a part of what UDP carries, protected and encrypted like the rest; routers, X2U and receivers' IPsec know
//! nothing of it. Both ends agree that a stream has it: nothing in a packet tells.
//!
//! A sender asks for the next packet's [`PacketOrigin::sealing`], writes payload and trailer, builds the packet and seals it. The
//! number must be the one that was signed: where several threads seal, both are done under one lock. A receiver opens, takes
//! [`PacketOrigin::opened`], and hands both to the verifier before it believes a word.
//!
//! A lying member can still do harm: its packet in another's name opens, moves that sender's replay window, and only then fails
//! here; the real packet with that number is then refused as seen. Packets are lost by it, and none is forged. A host that sees
//! [`SourceError::Forged`] knows that a member lies, though not which one.
//!
//! # TESLA (RFC 4082)
//!
//! TESLA authenticates with MACs under keys that the sender discloses later: cheap enough for every packet, at the price of a
//! delay, of clocks that roughly agree, and of no proof to third parties. How it fills the seam:
//!
//! - Bootstrap (RFC 4082 §3.3): interval length, disclosure delay d, the bound on the clocks' difference and the commitment to
//!   the key chain come signed, like any membership message, and are handed to the implementation when it is made.
//! - [`SourceAuthenticator::authenticate`] (§3.4): `now` gives the interval i; the trailer is i, the MAC under K'ᵢ over
//!   [`PacketOrigin`] and payload, and the disclosed key Kᵢ₋d.
//! - [`SourceVerifier::verify`], first time (§3.5): `now` is when the packet *arrived*. Unless the sender cannot have reached
//!   interval i + d yet, the key may be known to everybody: [`SourceError::TooLate`]. The disclosed key is checked against the
//!   last one known, by following the chain, which takes a bound. What is kept is the packet's [`PacketId`], i, and the MAC:
//!   a fixed number of them, else [`SourceError::Full`]. The answer is [`Verdict::NotYet`].
//! - [`SourceVerifier::next_ready`] names the packets whose key has become known; the host, which kept their octets as long as
//!   it cared to, hands them in again. `verify` finds the packet among those kept, uses the key, and says
//!   [`Verdict::Authentic`] or [`SourceError::Forged`]. The safety test is not repeated: it was passed on arrival.
//!
//! [`SaConfig::source`]: crate::ipsec::SaConfig::source
//! [`Signer`]: crate::crypto::Signer
#![cfg_attr(
    all(feature = "ed25519", feature = "rust-crypto"),
    doc = r#"
# Examples

```
use core::net::IpAddr;
use xcast_sec::crypto::{Ed25519Signer, Ed25519Verifier, SignerId};
use xcast_sec::group::source_auth::{
    PacketId, PacketOrigin, SignedSource, SignedSourceVerifier, SourceAuthenticator, SourceError, SourceVerifier, Verdict,
};
use xcast_sec::ipsec::{SecurityProtocol, Spi};
use xcast_sec::time::Instant;

let own: IpAddr = "2001:db8::a".parse()?;
let key = Ed25519Signer::new(SignerId::of_address(own), &[0x17; 32]); // 32 octets from a good generator, saved.
let mut known = Ed25519Verifier::<16>::new();
known.insert(SignerId::of_address(own), &key.public_key())?;
let (mut sender, mut receiver) = (SignedSource::new(key), SignedSourceVerifier::new(known));

// In earnest from `PacketOrigin::sealing` and `PacketOrigin::opened`.
let packet = PacketId {
    protocol: SecurityProtocol::Esp,
    spi: Spi::new(0x1234).ok_or("reserved")?,
    source: own,
    sequence: 7,
};
let origin = PacketOrigin { association: b"conference 7, key 3", packet };

let mut payload = *b"mute everybody...................................................................";
let (message, trailer) = payload.split_at_mut(14);
let (trailer, _) = trailer.split_at_mut(sender.trailer_len());
sender.authenticate(Instant::START, &origin, message, trailer)?;
let payload = &payload[..14 + 64];

assert_eq!(receiver.verify(Instant::START, &origin, payload)?, Verdict::Authentic(b"mute everybody"));
let replayed = PacketOrigin { packet: PacketId { sequence: 8, ..packet }, ..origin };
assert_eq!(receiver.verify(Instant::START, &replayed, payload), Err(SourceError::Forged));
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
)]

mod origin;
mod seam;
mod signed;

pub use origin::{MAX_ASSOCIATION_NAME_LEN, PacketId, PacketOrigin};
pub use seam::{AuthenticateError, SourceAuthenticator, SourceError, SourceVerifier, Verdict};
pub use signed::{SignedSource, SignedSourceVerifier};
