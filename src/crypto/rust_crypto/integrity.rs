//! HMAC (RFC 2104), keyed once per security association.

use super::hash::{Md5, Sha1, Sha256, Sha384, Sha512};
use super::keyed_hash::KeyedHash;
use crate::crypto::{CryptoError, Icv, IntegrityAlgorithm, KeyError};

/// An integrity key taken by [`RustCrypto`](super::RustCrypto). Its `Debug` shows the algorithm alone.
pub struct RustCryptoIntegrityKey(Keyed);

pub(in crate::crypto) enum Keyed {
    Md5(KeyedHash<Md5, 64>),
    Sha1(KeyedHash<Sha1, 64>),
    Sha256(KeyedHash<Sha256, 64>),
    Sha384(KeyedHash<Sha384, 128>),
    Sha512(KeyedHash<Sha512, 128>),
}

/// One expression for whichever hash it is.
macro_rules! with {
    ($keyed:expr, $key:ident => $body:expr) => {
        match $keyed {
            Keyed::Md5($key) => $body,
            Keyed::Sha1($key) => $body,
            Keyed::Sha256($key) => $body,
            Keyed::Sha384($key) => $body,
            Keyed::Sha512($key) => $body,
        }
    };
}

impl RustCryptoIntegrityKey {
    pub(super) fn new(algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self, KeyError> {
        // RFC 2403 §3, RFC 2404 §3, RFC 4868 §2.1.1: no key of another length MUST be supported. HMAC would take any.
        if key.len() != algorithm.key_len() {
            return Err(KeyError::WrongLength { actual: key.len() });
        }
        match algorithm {
            IntegrityAlgorithm::HmacMd5_96 => KeyedHash::new(key).map(Keyed::Md5),
            IntegrityAlgorithm::HmacSha1_96 => KeyedHash::new(key).map(Keyed::Sha1),
            IntegrityAlgorithm::HmacSha2_256_128 => KeyedHash::new(key).map(Keyed::Sha256),
            IntegrityAlgorithm::HmacSha2_384_192 => KeyedHash::new(key).map(Keyed::Sha384),
            IntegrityAlgorithm::HmacSha2_512_256 => KeyedHash::new(key).map(Keyed::Sha512),
        }
        .map(Self)
        .ok_or(KeyError::WrongLength { actual: key.len() })
    }

    /// The hash and its states after the key.
    pub(in crate::crypto) const fn keyed(&self) -> &Keyed {
        &self.0
    }

    pub(super) const fn algorithm(&self) -> IntegrityAlgorithm {
        match self.0 {
            Keyed::Md5(_) => IntegrityAlgorithm::HmacMd5_96,
            Keyed::Sha1(_) => IntegrityAlgorithm::HmacSha1_96,
            Keyed::Sha256(_) => IntegrityAlgorithm::HmacSha2_256_128,
            Keyed::Sha384(_) => IntegrityAlgorithm::HmacSha2_384_192,
            Keyed::Sha512(_) => IntegrityAlgorithm::HmacSha2_512_256,
        }
    }

    // RFC 2403 §2, RFC 2404 §2, RFC 4868 §2.3: the ICV is the first octets of the MAC, a whole number of its words.

    pub(super) fn icv<'p>(&self, parts: impl IntoIterator<Item = &'p [u8]>) -> Result<Icv, CryptoError> {
        let mut icv = Icv::zeroed(self.algorithm().icv_len()).ok_or(CryptoError::Provider)?;
        with!(&self.0, key => key.write_mac(parts, icv.as_mut_octets()));
        Ok(icv)
    }

    /// Computes the ICV over `parts` and writes it to `icv`, which has room for it and no more.
    pub(super) fn write_icv<'p>(
        &self,
        parts: impl IntoIterator<Item = &'p [u8]>,
        icv: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.check_len(icv, CryptoError::Length)?;
        with!(&self.0, key => key.write_mac(parts, icv));
        Ok(())
    }

    /// Whether `received` is the ICV over `parts`, in constant time.
    pub(super) fn verify<'p>(
        &self,
        parts: impl IntoIterator<Item = &'p [u8]>,
        received: &[u8],
    ) -> Result<(), CryptoError> {
        self.check_len(received, CryptoError::Mismatch)?;
        let is_right = with!(&self.0, key => key.mac_begins_with(parts, received));
        if is_right { Ok(()) } else { Err(CryptoError::Mismatch) }
    }

    pub(super) const fn check_len(&self, icv: &[u8], error: CryptoError) -> Result<(), CryptoError> {
        if icv.len() == self.algorithm().icv_len() { Ok(()) } else { Err(error) }
    }
}

impl core::fmt::Debug for RustCryptoIntegrityKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("RustCryptoIntegrityKey").field(&self.algorithm()).finish()
    }
}

#[cfg(test)]
mod tests {
    use hmac::EagerHash;

    use super::super::hash::Hash;
    use super::super::prf;
    use super::*;

    // The seam takes one key length for each algorithm. RFC 2202 and RFC 4231 have cases with other lengths, which RFC
    // 2403 §3, RFC 2404 §3 and RFC 4868 §2.1.1 forbid in IPsec; they reach the same HMAC here, below the seam, and not
    // truncated. Those longer than a block, which no algorithm has, reach the prf's alone.

    /// Key and data, each an octet string repeated.
    type Case = ((&'static [u8], usize), (&'static [u8], usize));

    const COUNTING: &[u8] =
        b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19";
    const LARGER_KEY: &[u8] = b"Test Using Larger Than Block-Size Key - Hash Key First";
    const LARGER_KEY_AND_DATA: &[u8] = b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data";
    const LARGER_KEY_AND_DATA_SHA2: &[u8] = b"This is a test using a larger than block-size key and a larger than \
        block-size data. The key needs to be hashed before being used by the HMAC algorithm.";

    /// RFC 2202 §2 and §3, whose keys differ in length (`len`: 16 octets for MD5, 20 for SHA-1).
    const fn rfc2202(len: usize) -> [Case; 7] {
        [
            ((b"\x0b", len), (b"Hi There", 1)),
            ((b"Jefe", 1), (b"what do ya want for nothing?", 1)),
            ((b"\xaa", len), (b"\xdd", 50)),
            ((COUNTING, 1), (b"\xcd", 50)),
            ((b"\x0c", len), (b"Test With Truncation", 1)),
            ((b"\xaa", 80), (LARGER_KEY, 1)),
            ((b"\xaa", 80), (LARGER_KEY_AND_DATA, 1)),
        ]
    }

    /// RFC 4231 §4.2 to §4.8.
    const RFC4231: [Case; 7] = [
        ((b"\x0b", 20), (b"Hi There", 1)),
        ((b"Jefe", 1), (b"what do ya want for nothing?", 1)),
        ((b"\xaa", 20), (b"\xdd", 50)),
        ((COUNTING, 1), (b"\xcd", 50)),
        // The RFC gives the first 128 bits of this MAC.
        ((b"\x0c", 20), (b"Test With Truncation", 1)),
        ((b"\xaa", 131), (LARGER_KEY, 1)),
        ((b"\xaa", 131), (LARGER_KEY_AND_DATA_SHA2, 1)),
    ];

    const MD5: [&str; 7] = [
        "9294727a3638bb1c13f48ef8158bfc9d",
        "750c783e6ab0b503eaa86e310a5db738",
        "56be34521d144c88dbb8c733f0e8b3f6",
        "697eaf0aca3a3aea3a75164746ffaa79",
        "56461ef2342edc00f9bab995690efd4c",
        "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
        "6f630fad67cda0ee1fb1f562db3aa53e",
    ];
    const SHA1: [&str; 7] = [
        "b617318655057264e28bc0b6fb378c8ef146be00",
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
        "4c9007f4026250c6bc8414f9bf50c86c2d7235da",
        "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04",
        "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
    ];
    const SHA256: [&str; 7] = [
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        "a3b6167473100ee06e0c796c2955552b",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ];
    const SHA384: [&str; 7] = [
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
        "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
        "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
        "3abf34c3503b2a23a46efc619baef897",
        "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
        "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
    ];
    const SHA512: [&str; 7] = [
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
         daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
         9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39\
         bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
        "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db\
         a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
        "415fad6271580a531d4179bc891d87a6",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
         6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944\
         b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
    ];

    fn check<D: EagerHash, H: Hash<BLOCK>, const BLOCK: usize>(cases: &[Case; 7], macs: &[&str; 7]) {
        let mut fitting = 0;
        for (&((key, key_times), (data, data_times)), expected) in cases.iter().zip(macs) {
            let mut whole_key = [0; 131];
            let key = {
                let len = key.len() * key_times;
                for (to, from) in whole_key[..len].iter_mut().zip(key.iter().cycle()) {
                    *to = *from;
                }
                &whole_key[..len]
            };
            let data = core::iter::repeat_n(data, data_times);
            let (digits, rest) = expected.as_bytes().as_chunks::<2>();
            assert!(rest.is_empty() && digits.len() >= 16 && digits.len() <= H::DIGEST_LEN);
            let expected = digits.iter().map(|digits| core::str::from_utf8(digits).unwrap());
            let expected = expected.map(|digits| u8::from_str_radix(digits, 16).unwrap());
            let mut mac = [0; 64];
            prf::mac::<D>(&prf::keyed::<D>(key).unwrap(), data.clone(), &mut mac[..H::DIGEST_LEN]).unwrap();
            assert!(mac.into_iter().zip(expected.clone()).all(|(octet, expected)| octet == expected));
            if let Some(state) = KeyedHash::<H, BLOCK>::new(key) {
                let mut mac = [0; 64];
                state.write_mac(data, &mut mac[..H::DIGEST_LEN]);
                assert!(mac.into_iter().zip(expected).all(|(octet, expected)| octet == expected));
                fitting += 1;
            }
        }
        assert_eq!(fitting, 5);
    }

    #[test]
    fn rfc2202_every_case() {
        check::<md5::Md5, Md5, 64>(&rfc2202(16), &MD5);
        check::<sha1::Sha1, Sha1, 64>(&rfc2202(20), &SHA1);
    }

    #[test]
    fn rfc4231_every_case() {
        check::<sha2::Sha256, Sha256, 64>(&RFC4231, &SHA256);
        check::<sha2::Sha384, Sha384, 128>(&RFC4231, &SHA384);
        check::<sha2::Sha512, Sha512, 128>(&RFC4231, &SHA512);
    }
}
