//! A signer and a verifier whose workings show: the signature holds who signed and a checksum of all that was signed.

use xcast_sec::crypto::{SignError, Signer, SignerId, Verifier, VerifyError};
use xcast_sec::group::signature::{MessageKind, SignedRepr, Timestamp};

pub(crate) const GROUP: &[u8] = b"conference 7";
/// Some day of 2023.
pub(crate) const NOON: Timestamp = Timestamp::from_unix_secs(1_700_000_000);

pub(crate) const fn who(number: u8) -> SignerId {
    SignerId::new([number; 16])
}

/// FNV-1a: enough to notice a change, and nobody forges here.
fn checksum(parts: &[&[u8]]) -> [u8; 8] {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for octet in parts.iter().copied().flatten() {
        state = (state ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3);
    }
    state.to_be_bytes()
}

/// Keeps what it signed last.
pub(crate) struct Recording {
    pub(crate) id: SignerId,
    pub(crate) len: usize,
    pub(crate) signed: Vec<u8>,
    pub(crate) fails: bool,
}

impl Recording {
    pub(crate) fn new(id: SignerId) -> Self {
        Self { id, len: 24, signed: Vec::new(), fails: false }
    }
}

impl Signer for Recording {
    fn id(&self) -> SignerId {
        self.id
    }

    fn signature_len(&self) -> usize {
        self.len
    }

    fn sign(&mut self, parts: &[&[u8]], signature: &mut [u8]) -> Result<(), SignError> {
        if self.fails {
            return Err(SignError::Signer);
        }
        self.signed = parts.concat();
        signature.fill(0x77);
        if let Some((first, rest)) = signature.split_first_chunk_mut::<16>() {
            *first = *self.id.as_octets();
            if let Some(rest) = rest.first_chunk_mut() {
                *rest = checksum(parts);
            }
        }
        Ok(())
    }
}

/// Knows everybody but `stranger`, and counts how often it was asked.
#[derive(Default)]
pub(crate) struct Knowing {
    pub(crate) stranger: Option<SignerId>,
    pub(crate) asked: usize,
}

impl Verifier for Knowing {
    fn signature_len(&self, signer: SignerId) -> Option<usize> {
        (self.stranger != Some(signer)).then_some(24)
    }

    fn verify(&mut self, signer: SignerId, parts: &[&[u8]], signature: &[u8]) -> Result<(), VerifyError> {
        self.asked += 1;
        if self.stranger == Some(signer) {
            return Err(VerifyError::UnknownSigner);
        }
        let right = [&signer.as_octets()[..], &checksum(parts)].concat();
        if right == signature { Ok(()) } else { Err(VerifyError::Invalid) }
    }
}

pub(crate) fn repr(timestamp: Timestamp, nonce: u64) -> SignedRepr<'static> {
    SignedRepr { kind: MessageKind::Join, group: GROUP, timestamp, nonce, message: b"let me in" }
}

/// A join signed by `signer`.
pub(crate) fn join(signer: SignerId, timestamp: Timestamp, nonce: u64) -> Vec<u8> {
    emit(&repr(timestamp, nonce), &mut Recording::new(signer))
}

pub(crate) fn emit(repr: &SignedRepr<'_>, signer: &mut impl Signer) -> Vec<u8> {
    let mut octets = vec![0xee; repr.encoded_len(signer)];
    assert_eq!(repr.emit(signer, &mut octets), Ok(octets.len()));
    octets
}
