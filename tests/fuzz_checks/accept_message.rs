//! Arbitrary octets as a signed message: nothing panics, there is one way to write each, and none is accepted twice. Shared by
//! the fuzz target and the test that replays its corpus.

use std::time::Duration;

use xcast_sec::crypto::{SignError, Signer, SignerId, Verifier, VerifyError};
use xcast_sec::group::signature::{
    AcceptError, ClockLimits, MAX_GROUP_NAME_LEN, MAX_SIGNED_MESSAGE_LEN, RecentMessages, SIGNED_HEADER_LEN,
    SignedMessage, SignedRepr, Timestamp,
};

/// Takes every signature: what is then accepted is up to the rest.
pub(crate) struct Gullible;

impl Verifier for Gullible {
    fn signature_len(&self, _: SignerId) -> Option<usize> {
        None
    }

    fn verify(&mut self, _: SignerId, parts: &[&[u8]], _: &[u8]) -> Result<(), VerifyError> {
        let signed: usize = parts.iter().map(|part| part.len()).sum();
        let most = 32 + 2 + MAX_GROUP_NAME_LEN + SIGNED_HEADER_LEN + MAX_SIGNED_MESSAGE_LEN;
        assert!(signed <= most, "{signed} octets to be hashed");
        Ok(())
    }
}

/// Signs as it was signed.
pub(crate) struct Parrot<'s>(pub(crate) SignerId, pub(crate) &'s [u8]);

impl Signer for Parrot<'_> {
    fn id(&self) -> SignerId {
        self.0
    }

    fn signature_len(&self) -> usize {
        self.1.len()
    }

    fn sign(&mut self, _: &[&[u8]], signature: &mut [u8]) -> Result<(), SignError> {
        signature.copy_from_slice(self.1);
        Ok(())
    }
}

/// Checks a message. A finding panics.
#[allow(dead_code, reason = "another check needs the signer alone")]
pub(crate) fn check(octets: &[u8]) {
    let mut recent = RecentMessages::<2, 2>::new(ClockLimits::DEFAULT);
    let parsed = match SignedMessage::parse(octets) {
        Ok(parsed) => parsed,
        Err(error) => {
            let accepted = recent.accept(&mut Gullible, b"group", Timestamp::from_unix_secs(0), octets);
            assert_eq!(accepted.err(), Some(AcceptError::Parse(error)));
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(parsed.as_octets(), octets);
    let repr = SignedRepr {
        kind: parsed.kind(),
        group: b"group",
        timestamp: parsed.timestamp(),
        nonce: parsed.nonce(),
        message: parsed.message(),
    };
    let mut signer = Parrot(parsed.signer(), parsed.signature());
    for filling in [0, 0xff] {
        let mut again = vec![filling; octets.len()];
        assert_eq!(repr.emit(&mut signer, &mut again), Ok(octets.len()));
        assert_eq!(again, octets);
    }

    let signed = parsed.timestamp();
    let late = signed.after(Duration::from_secs(301));
    if late.since(signed) > Duration::from_secs(300) {
        let error = recent.accept(&mut Gullible, b"group", late, octets).err();
        assert!(matches!(error, Some(AcceptError::TooOld { .. })));
    }
    assert_eq!(recent.accept(&mut Gullible, b"group", signed, octets), Ok(parsed));
    assert_eq!(recent.accept(&mut Gullible, b"group", signed, octets), Err(AcceptError::Replayed));
    assert_eq!(recent.signers().collect::<Vec<_>>(), [parsed.signer()]);
}
