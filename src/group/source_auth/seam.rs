//! The seam: what proves of each packet who sent it.

use super::{PacketId, PacketOrigin};
use crate::crypto::SignError;
use crate::time::Instant;

/// Why a packet got no trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// The place for the trailer is not [`SourceAuthenticator::trailer_len`] octets.
    Length,
    /// The association's name has more than [`MAX_ASSOCIATION_NAME_LEN`](super::MAX_ASSOCIATION_NAME_LEN) octets.
    NameTooLong,
    /// The packet is not sent from the address that the authenticator can prove.
    OtherSource,
    /// The authenticator has nothing to go on with, for example no further key of a chain.
    Exhausted,
    /// It was not signed.
    Sign(SignError),
}

impl core::fmt::Display for AuthenticateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length => f.write_str("the place for the trailer has another length than the trailer"),
            Self::NameTooLong => f.write_str("name of the association too long"),
            Self::OtherSource => f.write_str("packet of a source address that cannot be proved"),
            Self::Exhausted => f.write_str("nothing left to authenticate packets with"),
            Self::Sign(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AuthenticateError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        if let Self::Sign(error) = self { Some(error) } else { None }
    }
}

/// Why a packet is not believed to be its sender's. It is to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceError {
    /// The payload is shorter than a trailer.
    NoTrailer,
    /// Nothing is known by which this sender could be recognised.
    UnknownSource,
    /// Somebody else made it, who has the group's key; or it is another packet than it was made for.
    Forged,
    /// By the time it arrived, others may have been able to make it (RFC 4082 §3.5).
    TooLate,
    /// As many packets wait as there is room for.
    Full,
    /// The verifier failed for a reason of its own.
    Verifier,
}

impl core::fmt::Display for SourceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoTrailer => "payload without a trailer that says whose it is",
            Self::UnknownSource => "source that cannot be recognised",
            Self::Forged => "not sent by the member it says",
            Self::TooLate => "arrived when others could have made it",
            Self::Full => "no room for a further packet that waits",
            Self::Verifier => "the verifier failed",
        })
    }
}

impl core::error::Error for SourceError {}

/// What is known of a packet's sender.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a packet is to be delivered, or kept, or else an error")]
pub enum Verdict<'p> {
    /// Its sender made it. This is the payload without the trailer.
    Authentic(&'p [u8]),
    /// It cannot be said yet. Whoever keeps the packet hands it in again when [`SourceVerifier::next_ready`] names it; nothing
    /// of it is to be believed until then, and it may as well be dropped.
    NotYet,
}

impl core::fmt::Debug for Verdict<'_> {
    /// The payload is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Authentic(payload) => {
                f.debug_struct("Authentic").field("len", &payload.len()).finish_non_exhaustive()
            }
            Self::NotYet => f.write_str("NotYet"),
        }
    }
}

/// Makes what proves of a packet who sent it.
///
/// # Security
///
/// Asked once for each packet, before it is sealed. It must cover `origin`, all of it, and all of `payload`, in a way that lets
/// no two of them be taken for one another ([`PacketOrigin::with_octets`] does), and whatever keys it uses must not be known to
/// receivers, or not before they are too late. What it leaves out, any member can change or use again.
pub trait SourceAuthenticator {
    /// Octets of each trailer, always the same.
    fn trailer_len(&self) -> usize;

    /// Writes the trailer of a packet that is sent at `now`. `trailer` has [`trailer_len`](Self::trailer_len) octets, and all of
    /// them are written.
    ///
    /// # Errors
    ///
    /// - [`AuthenticateError`]. The packet is not to be sent.
    fn authenticate(
        &mut self,
        now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &[u8],
        trailer: &mut [u8],
    ) -> Result<(), AuthenticateError>;
}

impl<A: SourceAuthenticator + ?Sized> SourceAuthenticator for &mut A {
    fn trailer_len(&self) -> usize {
        (**self).trailer_len()
    }

    fn authenticate(
        &mut self,
        now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &[u8],
        trailer: &mut [u8],
    ) -> Result<(), AuthenticateError> {
        (**self).authenticate(now, origin, payload, trailer)
    }
}

/// Finds out whether a packet was sent by the member it says.
///
/// # Security
///
/// Asked for every packet that opened, so only a member can make it work; a lying one can, as hard as it likes. State is
/// bounded, and what one sender's packets take up must not keep out another's more than the implementation says. Calling a
/// packet authentic that is not makes a member speak for another.
pub trait SourceVerifier {
    /// Looks at a packet that was opened: `payload` is all that the transport header carries, the trailer at its end. `now` is
    /// when the packet arrived; for a packet that is handed in again, when that is.
    ///
    /// # Errors
    ///
    /// - [`SourceError`].
    fn verify<'p>(
        &mut self,
        now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &'p [u8],
    ) -> Result<Verdict<'p>, SourceError>;

    /// A packet that was [`Verdict::NotYet`] and would now be decided on, each once; `None` if there is no further one. Nothing
    /// ever is with an implementation that always knows at once, as this does.
    fn next_ready(&mut self) -> Option<PacketId> {
        None
    }
}

impl<V: SourceVerifier + ?Sized> SourceVerifier for &mut V {
    fn verify<'p>(
        &mut self,
        now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &'p [u8],
    ) -> Result<Verdict<'p>, SourceError> {
        (**self).verify(now, origin, payload)
    }

    fn next_ready(&mut self) -> Option<PacketId> {
        (**self).next_ready()
    }
}
