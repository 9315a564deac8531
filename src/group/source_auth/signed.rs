//! A signature on each packet.

use super::{AuthenticateError, PacketOrigin, SourceAuthenticator, SourceError, SourceVerifier, Verdict};
use crate::crypto::{Signer, SignerId, Verifier, VerifyError};
use crate::time::Instant;

/// What the signature is for, as [`group::signature`](crate::group::signature) has it for its messages: no signature of the one
/// passes for one of the other.
const CONTEXT: &[u8; 32] = b"xcast-sec packet source v1\0\0\0\0\0\0";

/// Hands what is signed to `f` (project-defined): context, origin, payload. `None` for a name that is too long.
fn with_parts<T>(origin: &PacketOrigin<'_>, payload: &[u8], f: impl FnOnce(&[&[u8]]) -> T) -> Option<T> {
    origin.with_octets(|[name_len, name, fixed]| f(&[CONTEXT, name_len, name, fixed, payload]))
}

/// Signs each packet: the trailer is the signature, 64 octets with Ed25519.
///
/// The signer's [`id`](Signer::id) is [`SignerId::of_address`] of the address that packets are sent from.
///
/// # Security
///
/// A signature also proves to third parties who sent what: members who do not want that want TESLA. Signing costs far more than
/// sealing does, so do not sign for everybody who asks, nor at the rate of media.
#[derive(Clone, Copy, Debug)]
pub struct SignedSource<S> {
    signer: S,
}

impl<S: Signer> SignedSource<S> {
    /// Signs with `signer`, which may be a `&mut`.
    #[must_use]
    pub const fn new(signer: S) -> Self {
        Self { signer }
    }
}

impl<S: Signer> SourceAuthenticator for SignedSource<S> {
    fn trailer_len(&self) -> usize {
        self.signer.signature_len()
    }

    /// `now` does not matter.
    ///
    /// [`AuthenticateError::OtherSource`] is said of an address that the signer is not known by.
    fn authenticate(
        &mut self,
        _now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &[u8],
        trailer: &mut [u8],
    ) -> Result<(), AuthenticateError> {
        if trailer.len() != self.trailer_len() {
            return Err(AuthenticateError::Length);
        }
        if self.signer.id() != SignerId::of_address(origin.packet.source) {
            return Err(AuthenticateError::OtherSource);
        }
        with_parts(origin, payload, |parts| self.signer.sign(parts, trailer))
            .ok_or(AuthenticateError::NameTooLong)?
            .map_err(AuthenticateError::Sign)
    }
}

/// Verifies the signature on each packet, by the key of [`SignerId::of_address`] of its source address. It keeps nothing, and
/// always knows at once.
///
/// # Security
///
/// Costs one verification for each packet that opened: a member can keep it busy. What is authentic was sent by the holder of
/// the key, as this packet of this association.
#[derive(Clone, Copy, Debug)]
pub struct SignedSourceVerifier<V> {
    verifier: V,
}

impl<V: Verifier> SignedSourceVerifier<V> {
    /// Verifies with `verifier`, which may be a `&mut`.
    #[must_use]
    pub const fn new(verifier: V) -> Self {
        Self { verifier }
    }

    /// The verifier, to be told of other keys.
    #[must_use]
    pub const fn verifier_mut(&mut self) -> &mut V {
        &mut self.verifier
    }
}

impl<V: Verifier> SourceVerifier for SignedSourceVerifier<V> {
    /// `now` does not matter.
    fn verify<'p>(
        &mut self,
        _now: Instant,
        origin: &PacketOrigin<'_>,
        payload: &'p [u8],
    ) -> Result<Verdict<'p>, SourceError> {
        let signer = SignerId::of_address(origin.packet.source);
        let trailer_len = self.verifier.signature_len(signer).ok_or(SourceError::UnknownSource)?;
        let message_len = payload.len().checked_sub(trailer_len).ok_or(SourceError::NoTrailer)?;
        let (message, trailer) = payload.split_at_checked(message_len).ok_or(SourceError::NoTrailer)?;
        with_parts(origin, message, |parts| self.verifier.verify(signer, parts, trailer))
            // Nothing can have been signed for such a name.
            .unwrap_or(Err(VerifyError::Invalid))
            .map_err(|error| match error {
                VerifyError::Invalid => SourceError::Forged,
                VerifyError::UnknownSigner => SourceError::UnknownSource,
                VerifyError::Verifier => SourceError::Verifier,
            })?;
        Ok(Verdict::Authentic(message))
    }
}
