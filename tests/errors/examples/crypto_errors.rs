use super::kind;
use crate::Kind;
use xcast_sec::crypto;

pub(super) fn all() -> Vec<Kind> {
    vec![
        #[cfg(feature = "ed25519")]
        kind!("crypto/ed25519.rs", crypto::PublicKeyError, [E::NotAPoint, E::Weak, E::Present, E::Full]),
        kind!(
            "crypto/error.rs",
            crypto::KeyError,
            [E::WrongLength { actual: 40001 }, E::UnsupportedAlgorithm, E::Provider]
        ),
        kind!("crypto/error.rs", crypto::CryptoError, [E::Mismatch, E::Length, E::Provider]),
        kind!("crypto/signature.rs", crypto::SignError, [E::Length, E::Signer]),
        kind!("crypto/signature.rs", crypto::VerifyError, [E::UnknownSigner, E::Invalid, E::Verifier]),
    ]
}
