//! A signed message, read where it lies.
//!
//! Its octets (project-defined), all integers big-endian:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      'X'      |      'c'      |      'S'      |      'g'      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Version = 1  |     Kind      |         Reserved = 0          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                                                               |
//! +                                                               +
//! |                                                               |
//! +                       Signer (16 octets)                      +
//! |                                                               |
//! +                                                               +
//! |                                                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                                                               |
//! +         Timestamp (microseconds since 1970, 8 octets)         +
//! |                                                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                                                               |
//! +                       Nonce (8 octets)                        +
//! |                                                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      Octets of the message    |    Octets of the signature    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Message …
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Signature …
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! What is signed, of which the first two are not sent:
//!
//! ```text
//! context (32 octets, ASCII, padded with 0) ‖ octets of the group's name (2) and the name ‖ header ‖ message
//! ```
//!
//! The context says what the signature is for, so that none passes for one of another kind; the name, that it is for this group
//! and not for another one of which signer and reader are members, too. Every part has a length that is fixed or stands in front
//! of it: no two different messages are the same octets.

use super::{SignedParseError, Timestamp};
use crate::crypto::{MAX_SIGNATURE_LEN, SignerId, Verifier, VerifyError};

/// Octets in front of the message.
pub const SIGNED_HEADER_LEN: usize = 44;
/// Octets of the longest message that is signed (project-defined): a list of 127 IPv6 members is half of it.
pub const MAX_SIGNED_MESSAGE_LEN: usize = 4096;
/// Octets of the longest name of a group.
pub const MAX_GROUP_NAME_LEN: usize = 255;

pub(super) const MAGIC: [u8; 4] = *b"XcSg";
pub(super) const VERSION: u8 = 1;

/// What a message is about: each kind is signed in a context of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageKind {
    /// A member asks to join, or says that it does (draft §2.1.1.1).
    Join,
    /// A member says that it leaves.
    Leave,
    /// The group controller invites somebody.
    Invite,
}

impl MessageKind {
    /// The octet that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Join => 1,
            Self::Leave => 2,
            Self::Invite => 3,
        }
    }

    const fn of_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Join),
            2 => Some(Self::Leave),
            3 => Some(Self::Invite),
            _ => None,
        }
    }

    const fn context(self) -> &'static [u8; 32] {
        match self {
            Self::Join => b"xcast-sec group join v1\0\0\0\0\0\0\0\0\0",
            Self::Leave => b"xcast-sec group leave v1\0\0\0\0\0\0\0\0",
            Self::Invite => b"xcast-sec group invite v1\0\0\0\0\0\0\0",
        }
    }
}

/// Hands the parts that are signed to `f`; `None` for a name that is too long.
pub(super) fn with_signed_parts<T>(
    kind: MessageKind,
    group: &[u8],
    header_and_message: &[u8],
    f: impl FnOnce(&[&[u8]]) -> T,
) -> Option<T> {
    if group.len() > MAX_GROUP_NAME_LEN {
        return None;
    }
    let len = u16::try_from(group.len()).ok()?.to_be_bytes();
    Some(f(&[kind.context(), &len, group, header_and_message]))
}

/// A signed message as it arrived. Until [`verify`](Self::verify) says so, all of it is a claim.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignedMessage<'m> {
    octets: &'m [u8],
    kind: MessageKind,
    signer: SignerId,
    timestamp: Timestamp,
    nonce: u64,
    signed: &'m [u8],
    signature: &'m [u8],
}

impl core::fmt::Debug for SignedMessage<'_> {
    /// The message itself is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SignedMessage")
            .field("kind", &self.kind)
            .field("signer", &self.signer)
            .field("timestamp", &self.timestamp)
            .field("nonce", &self.nonce)
            .field("message_len", &self.message().len())
            .finish_non_exhaustive()
    }
}

impl<'m> SignedMessage<'m> {
    /// Reads a message that is all of `octets`. There is one way to write a message: what differs in any octet is another one.
    ///
    /// # Errors
    ///
    /// - [`SignedParseError`], the first that applies in the order of the fields.
    pub fn parse(octets: &'m [u8]) -> Result<Self, SignedParseError> {
        let (header, behind) = octets.split_first_chunk::<SIGNED_HEADER_LEN>().ok_or(SignedParseError::Truncated)?;
        let (magic, rest) = header.split_first_chunk::<4>().ok_or(SignedParseError::Truncated)?;
        let ([version, kind, reserved @ ..], rest) =
            rest.split_first_chunk::<4>().ok_or(SignedParseError::Truncated)?;
        let (signer, rest) = rest.split_first_chunk().ok_or(SignedParseError::Truncated)?;
        let (timestamp, rest) = rest.split_first_chunk().ok_or(SignedParseError::Truncated)?;
        let (nonce, rest) = rest.split_first_chunk().ok_or(SignedParseError::Truncated)?;
        let (message_len, rest) = rest.split_first_chunk().ok_or(SignedParseError::Truncated)?;
        let signature_len = rest.first_chunk().ok_or(SignedParseError::Truncated)?;

        if *magic != MAGIC {
            return Err(SignedParseError::NoMagic);
        }
        if *version != VERSION {
            return Err(SignedParseError::UnsupportedVersion(*version));
        }
        let kind = MessageKind::of_code(*kind).ok_or(SignedParseError::UnknownKind(*kind))?;
        if *reserved != [0; 2] {
            return Err(SignedParseError::Reserved);
        }
        let message_len = usize::from(u16::from_be_bytes(*message_len));
        if message_len > MAX_SIGNED_MESSAGE_LEN {
            return Err(SignedParseError::MessageTooLong);
        }
        let signature_len = usize::from(u16::from_be_bytes(*signature_len));
        if signature_len == 0 || signature_len > MAX_SIGNATURE_LEN {
            return Err(SignedParseError::SignatureLength);
        }
        let signed_len = SIGNED_HEADER_LEN.saturating_add(message_len);
        let wrong =
            SignedParseError::Length { expected: signed_len.saturating_add(signature_len), actual: octets.len() };
        if behind.len() != message_len.saturating_add(signature_len) {
            return Err(wrong);
        }
        let (signed, signature) = octets.split_at_checked(signed_len).ok_or(wrong)?;
        Ok(Self {
            octets,
            kind,
            signer: SignerId::new(*signer),
            timestamp: Timestamp::from_unix_micros(u64::from_be_bytes(*timestamp)),
            nonce: u64::from_be_bytes(*nonce),
            signed,
            signature,
        })
    }

    /// Whether the signer said this to `group`: the signature alone, whenever it was made. It is what proves, to whoever asks
    /// later, who said what. Whoever is to *act* on a message gives it to [`RecentMessages`](super::RecentMessages) instead.
    ///
    /// # Errors
    ///
    /// - [`VerifyError`]; [`VerifyError::Invalid`] for a name of a group that nothing can be signed for.
    pub fn verify<V: Verifier + ?Sized>(&self, verifier: &mut V, group: &[u8]) -> Result<(), VerifyError> {
        with_signed_parts(self.kind, group, self.signed, |parts| verifier.verify(self.signer, parts, self.signature))
            .unwrap_or(Err(VerifyError::Invalid))
    }

    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Who signed.
    #[must_use]
    pub const fn signer(&self) -> SignerId {
        self.signer
    }

    /// When, by the signer's clock.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// What tells messages of one signer and one time apart.
    #[must_use]
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &'m [u8] {
        self.signed.get(SIGNED_HEADER_LEN..).unwrap_or(&[])
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &'m [u8] {
        self.signature
    }

    /// All of it, to be kept as proof.
    #[must_use]
    pub const fn as_octets(&self) -> &'m [u8] {
        self.octets
    }
}
