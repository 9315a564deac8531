//! The seam to whoever signs, and to whoever knows whose keys verify (draft §2.1.5, §2.2.4).

use core::net::IpAddr;

/// Octets of the longest signature that anything in this crate carries. ML-DSA-87, the longest in common use, has 4627.
pub const MAX_SIGNATURE_LEN: usize = 8192;

/// Who signs, as verifiers know them: 16 octets that the deployment chooses (project-defined).
///
/// It is a name and no key: whoever keeps the keys says which one is whose. In a group that knows its members by address,
/// [`of_address`](Self::of_address) makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignerId([u8; Self::LEN]);

impl SignerId {
    /// Octets of it.
    pub const LEN: usize = 16;

    /// These octets.
    #[must_use]
    pub const fn new(octets: [u8; Self::LEN]) -> Self {
        Self(octets)
    }

    /// The one who is known by an address: an IPv6 address as it is, an IPv4 one mapped into IPv6 (RFC 4291 §2.5.5.2). The
    /// mapped address itself is therefore the same signer.
    #[must_use]
    pub const fn of_address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().octets()),
            IpAddr::V6(address) => Self(address.octets()),
        }
    }

    /// Its octets.
    #[must_use]
    pub const fn as_octets(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// Why there is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The place for the signature is not [`Signer::signature_len`] octets.
    Length,
    /// The signer failed for a reason of its own, for example a hardware module that does not answer.
    Signer,
}

impl core::fmt::Display for SignError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the place for the signature has another length than the signature",
            Self::Signer => "the signer failed",
        })
    }
}

impl core::error::Error for SignError {}

/// Why a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// No key is known of this signer.
    UnknownSigner,
    /// It is not this signer's signature over this message.
    Invalid,
    /// The verifier failed for a reason of its own.
    Verifier,
}

impl core::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::UnknownSigner => "no key is known of the signer",
            Self::Invalid => "signature does not verify",
            Self::Verifier => "the verifier failed",
        })
    }
}

impl core::error::Error for VerifyError {}

/// Signs with a key that nobody else has.
///
/// # Security
///
/// Asked once for every message to be signed: joins, leaves, invitations, or packets of low-rate control traffic. What it signs
/// its owner cannot deny later, and can be held against it. Callers put in front of every message what kind of message it is;
/// the key must sign nothing else, or another protocol's message could pass for one of these. A signer whose scheme needs
/// randomness and gets bad one may give its key away with two signatures.
///
/// `Ed25519Signer` ships, behind the feature `ed25519`.
pub trait Signer {
    /// By which name verifiers know the key.
    fn id(&self) -> SignerId;

    /// Octets of each of its signatures: 1 to [`MAX_SIGNATURE_LEN`], always the same.
    fn signature_len(&self) -> usize;

    /// Signs `parts`, in order, as if they were one string. `signature` has [`signature_len`](Self::signature_len) octets, and
    /// all of them are written.
    ///
    /// # Errors
    ///
    /// - [`SignError::Length`], [`SignError::Signer`]. What is in `signature` then is not to be used.
    fn sign(&mut self, parts: &[&[u8]], signature: &mut [u8]) -> Result<(), SignError>;
}

impl<S: Signer + ?Sized> Signer for &mut S {
    fn id(&self) -> SignerId {
        (**self).id()
    }

    fn signature_len(&self) -> usize {
        (**self).signature_len()
    }

    fn sign(&mut self, parts: &[&[u8]], signature: &mut [u8]) -> Result<(), SignError> {
        (**self).sign(parts, signature)
    }
}

/// Knows whose keys are whose, and verifies.
///
/// # Security
///
/// Asked for every message that claims to be signed, whoever sent it, and before anything else about it is believed: it works
/// for attackers, at the price of one verification for each message. A verifier that takes a wrong signature, or ties a key to
/// the wrong signer, makes anybody speak for that signer. One that takes a signature in a second form (a scalar not reduced, a
/// point of small order) lets a third party change what was signed into something that also verifies: no proof of who said what.
///
/// `Ed25519Verifier` ships, behind the feature `ed25519`.
pub trait Verifier {
    /// Octets of a signature of `signer`; `None` if no key is known of it.
    fn signature_len(&self, signer: SignerId) -> Option<usize>;

    /// Verifies that `signature` is `signer`'s over `parts`, in order, as if they were one string.
    ///
    /// # Errors
    ///
    /// - [`VerifyError`]. A signature of another length is [`VerifyError::Invalid`].
    fn verify(&mut self, signer: SignerId, parts: &[&[u8]], signature: &[u8]) -> Result<(), VerifyError>;
}

impl<V: Verifier + ?Sized> Verifier for &mut V {
    fn signature_len(&self, signer: SignerId) -> Option<usize> {
        (**self).signature_len(signer)
    }

    fn verify(&mut self, signer: SignerId, parts: &[&[u8]], signature: &[u8]) -> Result<(), VerifyError> {
        (**self).verify(signer, parts, signature)
    }
}
