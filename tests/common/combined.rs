//! For providers that have nothing of their own in combined modes.

/// The part of an `impl CryptoProvider` that seals and opens in combined modes: as [`RustCrypto`](xcast_sec::crypto::RustCrypto) does.
macro_rules! combined_modes_as_rust_crypto {
    () => {
        fn aead_seal(
            &mut self,
            key: &Self::AeadKey,
            iv: &[u8; xcast_sec::crypto::AEAD_IV_LEN],
            aad: &[u8],
            data: &mut [u8],
        ) -> Result<[u8; xcast_sec::crypto::AEAD_TAG_LEN], xcast_sec::crypto::CryptoError> {
            xcast_sec::crypto::RustCrypto.aead_seal(key, iv, aad, data)
        }

        fn aead_open(
            &mut self,
            key: &Self::AeadKey,
            iv: &[u8; xcast_sec::crypto::AEAD_IV_LEN],
            aad: &[u8],
            data: &mut [u8],
            tag: &[u8; xcast_sec::crypto::AEAD_TAG_LEN],
        ) -> Result<(), xcast_sec::crypto::CryptoError> {
            xcast_sec::crypto::RustCrypto.aead_open(key, iv, aad, data, tag)
        }
    };
}

pub(crate) use combined_modes_as_rust_crypto;
