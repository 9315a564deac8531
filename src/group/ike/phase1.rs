//! What came out of phase 1.

use rand_core::TryCryptoRng;

use super::{Cookies, SendError};
use crate::crypto::{CipherAlgorithm, CryptoError, KeyError, MAX_PRF_LEN, PrfAlgorithm, PrfProvider};

/// Octets of an AES block.
pub(super) const BLOCK: usize = 16;
/// Set in the message IDs of exchanges that the responder of phase 1 begins (project-defined).
const OF_RESPONDER: u32 = 1 << 31;
/// The first message ID is below this, so that as many follow at least.
const FIRST_BELOW: u32 = 1 << 30;

/// Octets of the longest AES key.
const MAX_KEY: usize = 32;

/// Which end of phase 1 we were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "a phase 1 has two ends")]
pub enum Role {
    /// We began it.
    Initiator,
    /// The peer began it.
    Responder,
}

/// What the host's phase 1 (RFC 2409 §5) hands over.
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "RFC 2409 says what comes out of phase 1")]
pub struct Phase1Config<'a> {
    /// Which end we were.
    pub role: Role,
    /// Its cookies.
    pub cookies: Cookies,
    /// Its hash, the HMAC of which is the prf.
    pub prf: PrfAlgorithm,
    /// SKEYID_a: [`PrfAlgorithm::output_len`] octets. Secret.
    pub skeyid_a: &'a [u8],
    /// SKEYID_e: [`PrfAlgorithm::output_len`] octets. Secret.
    pub skeyid_e: &'a [u8],
    /// Octets of the AES key that was agreed on: 16, 24 or 32.
    pub key_len: usize,
    /// The last block of cipher text of phase 1's last message (RFC 2409 Appendix B).
    pub last_block: [u8; BLOCK],
}

impl core::fmt::Debug for Phase1Config<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Phase1Config")
            .field("role", &self.role)
            .field("cookies", &self.cookies)
            .field("prf", &self.prf)
            .finish_non_exhaustive()
    }
}

/// A phase 1 with one peer, keyed: what messages are sealed and opened with.
///
/// # Security
///
/// One for each phase 1, as long as the phase 1 lasts: a second one would draw the message IDs of the first again. A phase 1 that
/// is to survive a restart of the host does not.
pub struct Phase1<P: PrfProvider> {
    cookies: Cookies,
    role: Role,
    prf: PrfAlgorithm,
    authentication: P::PrfKey,
    encryption: P::CipherKey,
    last_block: [u8; BLOCK],
    next_id: Option<u32>,
}

impl<P: PrfProvider> core::fmt::Debug for Phase1<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Phase1").field("cookies", &self.cookies).field("role", &self.role).finish_non_exhaustive()
    }
}

impl<P: PrfProvider> Phase1<P> {
    /// Takes the keys and draws the first message ID.
    ///
    /// # Errors
    ///
    /// - [`KeyError::WrongLength`] if SKEYID_a, SKEYID_e or the AES key has another length than it can have.
    /// - [`KeyError::UnsupportedAlgorithm`], [`KeyError::Provider`]; the latter also if the generator fails.
    pub fn new<G>(config: &Phase1Config<'_>, crypto: &mut P, rng: &mut G) -> Result<Self, KeyError>
    where
        G: TryCryptoRng + ?Sized,
    {
        for key in [config.skeyid_a, config.skeyid_e] {
            if key.len() != config.prf.output_len() {
                return Err(KeyError::WrongLength { actual: key.len() });
            }
        }
        if !CipherAlgorithm::AesCbc.accepts_key_len(config.key_len) {
            return Err(KeyError::WrongLength { actual: config.key_len });
        }
        let start = rng.try_next_u32().map_err(|_| KeyError::Provider)? % FIRST_BELOW;
        let bit = if config.role == Role::Responder { OF_RESPONDER } else { 0 };
        Ok(Self {
            cookies: config.cookies,
            role: config.role,
            prf: config.prf,
            authentication: crypto.prf_key(config.prf, config.skeyid_a)?,
            encryption: encryption_key(config, crypto)?,
            last_block: config.last_block,
            // 0 is for phase 1 (RFC 2408 §3.1).
            next_id: Some(start.max(1) | bit),
        })
    }

    /// The cookies.
    #[must_use]
    pub const fn cookies(&self) -> Cookies {
        self.cookies
    }

    /// A message ID for an exchange that we begin, drawn once.
    ///
    /// # Errors
    ///
    /// - [`SendError::MessageIdsExhausted`] after 2³⁰ at least.
    pub fn draw_message_id(&mut self) -> Result<u32, SendError> {
        let id = self.next_id.ok_or(SendError::MessageIdsExhausted)?;
        self.next_id = id.checked_add(1).filter(|next| next & OF_RESPONDER == id & OF_RESPONDER);
        Ok(id)
    }

    /// Whether the peer may begin an exchange with this message ID.
    pub(super) const fn is_peers(&self, message_id: u32) -> bool {
        let of_responder = message_id & OF_RESPONDER != 0;
        message_id & !OF_RESPONDER != 0 && of_responder == matches!(self.role, Role::Initiator)
    }

    pub(super) const fn prf(&self) -> PrfAlgorithm {
        self.prf
    }

    pub(super) const fn authentication(&self) -> &P::PrfKey {
        &self.authentication
    }

    pub(super) const fn encryption(&self) -> &P::CipherKey {
        &self.encryption
    }

    /// The initialization vector of an exchange's first message (RFC 2409 Appendix B).
    pub(super) fn first_iv(&self, crypto: &mut P, message_id: u32) -> Result<[u8; BLOCK], CryptoError> {
        let hash = crypto.hash(self.prf, [&self.last_block[..], &message_id.to_be_bytes()])?;
        hash.as_octets().first_chunk().copied().ok_or(CryptoError::Provider)
    }
}

/// The first octets of SKEYID_e, or of what the prf makes of it if it is too short (RFC 2409 Appendix B).
fn encryption_key<P: PrfProvider>(config: &Phase1Config<'_>, crypto: &mut P) -> Result<P::CipherKey, KeyError> {
    if let Some(key) = config.skeyid_e.get(..config.key_len) {
        return crypto.cipher_key(CipherAlgorithm::AesCbc, key);
    }
    let failed = |_| KeyError::Provider;
    let key = crypto.prf_key(config.prf, config.skeyid_e)?;
    let first = crypto.prf(&key, [&[0_u8][..]]).map_err(failed)?;
    let second = crypto.prf(&key, [first.as_octets()]).map_err(failed)?;
    // Twice the shortest output, 40 octets, is enough for every AES key.
    let mut material = zeroize::Zeroizing::new([0; 2 * MAX_PRF_LEN]);
    for (to, from) in material.iter_mut().zip(first.as_octets().iter().chain(second.as_octets())) {
        *to = *from;
    }
    let key = material.get(..config.key_len.min(MAX_KEY)).ok_or(KeyError::Provider)?;
    crypto.cipher_key(CipherAlgorithm::AesCbc, key)
}

#[cfg(all(test, feature = "rust-crypto"))]
mod tests {
    use super::*;
    use crate::crypto::RustCrypto;

    struct Ones;

    impl rand_core::TryRng for Ones {
        type Error = core::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(u32::MAX)
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(u64::MAX)
        }

        fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
            octets.fill(0xff);
            Ok(())
        }
    }

    impl TryCryptoRng for Ones {}

    /// No message ID comes twice, none is that of phase 1, and each is of its own end only.
    #[test]
    fn message_ids_end() {
        for (role, other, last) in
            [(Role::Initiator, Role::Responder, 0x7fff_ffff), (Role::Responder, Role::Initiator, 0xffff_ffff)]
        {
            let new = |role| {
                let cookies = Cookies { initiator: [1; 8], responder: [2; 8] };
                let keys = [3; 20];
                let (skeyid_a, skeyid_e, prf) = (&keys[..], &keys[..], PrfAlgorithm::HmacSha1);
                let config =
                    Phase1Config { role, cookies, prf, skeyid_a, skeyid_e, key_len: 16, last_block: [4; BLOCK] };
                Phase1::new(&config, &mut RustCrypto, &mut Ones).unwrap()
            };
            let (mut ours, theirs) = (new(role), new(other));
            let first = ours.draw_message_id().unwrap();
            assert_eq!(first & !OF_RESPONDER, FIRST_BELOW - 1);
            assert_eq!(ours.draw_message_id(), Ok(first + 1));
            assert!(theirs.is_peers(first) && !ours.is_peers(first));
            ours.next_id = Some(last);
            assert_eq!(ours.draw_message_id(), Ok(last));
            assert_eq!(ours.draw_message_id(), Err(SendError::MessageIdsExhausted));
            assert_eq!(ours.draw_message_id(), Err(SendError::MessageIdsExhausted));
            assert!(!ours.is_peers(0) && !theirs.is_peers(0) && !ours.is_peers(OF_RESPONDER));
        }
    }
}
