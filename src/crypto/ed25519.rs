//! Ed25519 (RFC 8032 §5.1) through `ed25519-dalek`.

use ed25519_dalek::ed25519::signature::{MultipartSigner, MultipartVerifier};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};

use super::signature::{SignError, Signer, SignerId, Verifier, VerifyError};

/// Octets of an Ed25519 public key, and of a private one (RFC 8032 §5.1.5).
pub const ED25519_KEY_LEN: usize = 32;
/// Octets of an Ed25519 signature (RFC 8032 §5.1.6).
pub const ED25519_SIGNATURE_LEN: usize = 64;

/// The [`Signer`] that ships: pure Ed25519. Signatures are deterministic and take no random numbers.
///
/// The key is wiped when it is dropped; its `Debug` shows the public half alone.
///
/// ```
/// use xcast_sec::crypto::{Ed25519Signer, Ed25519Verifier, Signer, SignerId, Verifier};
///
/// let id = SignerId::new(*b"member number 12");
/// let mut signer = Ed25519Signer::new(id, &[0x17; 32]); // 32 octets from a good generator, saved.
/// let mut signature = [0; 64];
/// signer.sign(&[b"hello, ", b"all of you"], &mut signature)?;
///
/// let mut verifier = Ed25519Verifier::<4>::new();
/// verifier.insert(id, &signer.public_key())?;
/// verifier.verify(id, &[b"hello, all of you"], &signature)?;
/// assert!(verifier.verify(id, &[b"hello, all of us"], &signature).is_err());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Ed25519Signer {
    id: SignerId,
    key: SigningKey,
}

impl Ed25519Signer {
    /// The signer whose private key is `private_key`, 32 octets that nobody can guess. The copy the caller holds is the
    /// caller's to wipe.
    #[must_use]
    pub fn new(id: SignerId, private_key: &[u8; ED25519_KEY_LEN]) -> Self {
        Self { id, key: SigningKey::from_bytes(private_key) }
    }

    /// The key by which others verify.
    #[must_use]
    pub fn public_key(&self) -> [u8; ED25519_KEY_LEN] {
        self.key.verifying_key().to_bytes()
    }
}

impl core::fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ed25519Signer")
            .field("id", &self.id)
            .field("public_key", &self.public_key())
            .finish_non_exhaustive()
    }
}

impl Signer for Ed25519Signer {
    fn id(&self) -> SignerId {
        self.id
    }

    fn signature_len(&self) -> usize {
        ED25519_SIGNATURE_LEN
    }

    fn sign(&mut self, parts: &[&[u8]], signature: &mut [u8]) -> Result<(), SignError> {
        let place: &mut [u8; ED25519_SIGNATURE_LEN] = signature.try_into().map_err(|_| SignError::Length)?;
        let made = self.key.try_multipart_sign(parts).map_err(|_| SignError::Signer)?;
        *place = made.to_bytes();
        Ok(())
    }
}

/// Why a public key was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// The octets are no point of the curve, or not in the one form that RFC 8032 §5.1.3 gives it.
    NotAPoint,
    /// A point of small order: signatures that verify under it can be made by everybody.
    Weak,
    /// The signer has a key already.
    Present,
    /// No room for a further key.
    Full,
}

impl core::fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotAPoint => "public key is not the encoding of a point",
            Self::Weak => "public key of small order",
            Self::Present => "the signer has a key already",
            Self::Full => "no room for a further key",
        })
    }
}

impl core::error::Error for PublicKeyError {}

/// The [`Verifier`] that ships: the keys of up to `N` signers.
///
/// # Security
///
/// It accepts what RFC 8032 §5.1.7 accepts by its equation without cofactor, and refuses besides keys and signatures with points
/// of small order. Then nobody can turn a signature into another one of the same message, and not even the owner of a key can
/// make one that verifies for two messages.
#[derive(Clone, Debug, Default)]
pub struct Ed25519Verifier<const N: usize = 16> {
    keys: heapless::Vec<(SignerId, VerifyingKey), N>,
}

impl<const N: usize> Ed25519Verifier<N> {
    /// Nobody is known.
    #[must_use]
    pub const fn new() -> Self {
        Self { keys: heapless::Vec::new() }
    }

    /// Takes the key of a signer: the host vouches for it.
    ///
    /// # Errors
    ///
    /// - [`PublicKeyError`]. No key is replaced: [`remove`](Self::remove) it first.
    pub fn insert(&mut self, signer: SignerId, public_key: &[u8; ED25519_KEY_LEN]) -> Result<(), PublicKeyError> {
        if !is_reduced(public_key) {
            return Err(PublicKeyError::NotAPoint);
        }
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| PublicKeyError::NotAPoint)?;
        if key.is_weak() {
            return Err(PublicKeyError::Weak);
        }
        if self.key(signer).is_some() {
            return Err(PublicKeyError::Present);
        }
        self.keys.push((signer, key)).map_err(|_| PublicKeyError::Full)
    }

    /// Forgets a signer. Returns whether it had a key.
    pub fn remove(&mut self, signer: SignerId) -> bool {
        self.keys.iter().position(|(id, _)| *id == signer).map(|index| self.keys.swap_remove(index)).is_some()
    }

    /// The public key of a signer.
    #[must_use]
    pub fn public_key(&self, signer: SignerId) -> Option<[u8; ED25519_KEY_LEN]> {
        self.key(signer).map(VerifyingKey::to_bytes)
    }

    /// Who is known, in no order.
    pub fn iter(&self) -> impl Iterator<Item = SignerId> {
        self.keys.iter().map(|(id, _)| *id)
    }

    fn key(&self, signer: SignerId) -> Option<&VerifyingKey> {
        self.keys.iter().find(|(id, _)| *id == signer).map(|(_, key)| key)
    }
}

/// Whether the y coordinate is below 2^255 − 19 (RFC 8032 §5.1.3, step 1), which `ed25519-dalek` does not ask for.
fn is_reduced(public_key: &[u8; ED25519_KEY_LEN]) -> bool {
    let [first, middle @ .., last] = public_key;
    *first < 0xed || last & 0x7f != 0x7f || middle.iter().any(|octet| *octet != 0xff)
}

impl<const N: usize> Verifier for Ed25519Verifier<N> {
    fn signature_len(&self, signer: SignerId) -> Option<usize> {
        self.key(signer).map(|_| ED25519_SIGNATURE_LEN)
    }

    fn verify(&mut self, signer: SignerId, parts: &[&[u8]], signature: &[u8]) -> Result<(), VerifyError> {
        let key = self.key(signer).ok_or(VerifyError::UnknownSigner)?;
        verify_strict(key, parts, signature)
    }
}

/// What [`VerifyingKey::verify_strict`] does, which takes one part alone: its two checks of points of small order (the key's is
/// made when it is taken), and then RFC 8032 §5.1.7, which compares the octets of R and thereby wants them reduced.
fn verify_strict(key: &VerifyingKey, parts: &[&[u8]], signature: &[u8]) -> Result<(), VerifyError> {
    let signature = Signature::from_slice(signature).map_err(|_| VerifyError::Invalid)?;
    if let [whole] = parts {
        return key.verify_strict(whole, &signature).map_err(|_| VerifyError::Invalid);
    }
    // R is a point encoded as a key is, and `VerifyingKey` is what offers to look at its order.
    let r = VerifyingKey::from_bytes(signature.r_bytes()).map_err(|_| VerifyError::Invalid)?;
    if r.is_weak() || key.is_weak() {
        return Err(VerifyError::Invalid);
    }
    key.multipart_verify(parts, &signature).map_err(|_| VerifyError::Invalid)
}
