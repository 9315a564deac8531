//! For providers that do with RustCrypto's keys something of their own.

/// The part of an `impl CryptoProvider` that takes keys: as [`RustCrypto`](xcast_sec::crypto::RustCrypto) does.
macro_rules! takes_keys_as_rust_crypto {
    () => {
        type IntegrityKey = xcast_sec::crypto::RustCryptoIntegrityKey;
        type CipherKey = xcast_sec::crypto::RustCryptoCipherKey;
        type AeadKey = xcast_sec::crypto::RustCryptoAeadKey;

        fn integrity_key(
            &mut self,
            algorithm: xcast_sec::crypto::IntegrityAlgorithm,
            key: &[u8],
        ) -> Result<Self::IntegrityKey, xcast_sec::crypto::KeyError> {
            xcast_sec::crypto::RustCrypto.integrity_key(algorithm, key)
        }

        fn cipher_key(
            &mut self,
            algorithm: xcast_sec::crypto::CipherAlgorithm,
            key: &[u8],
        ) -> Result<Self::CipherKey, xcast_sec::crypto::KeyError> {
            xcast_sec::crypto::RustCrypto.cipher_key(algorithm, key)
        }

        fn aead_key(
            &mut self,
            algorithm: xcast_sec::crypto::AeadAlgorithm,
            key: &[u8],
        ) -> Result<Self::AeadKey, xcast_sec::crypto::KeyError> {
            xcast_sec::crypto::RustCrypto.aead_key(algorithm, key)
        }
    };
}

pub(crate) use takes_keys_as_rust_crypto;
