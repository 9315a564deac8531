//! HMAC and hashes, not truncated.

use hmac::block_api::HmacCore;
use hmac::digest::block_api::CoreProxy;
use hmac::digest::{Digest, FixedOutput, Output, Update};
use hmac::{EagerHash, Hmac, KeyInit};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::zeroize_stack;

use crate::crypto::{CryptoError, KeyError, PrfAlgorithm, PrfOutput, PrfProvider};

/// Octets of the stack that the hashes' crates leave their states on, and what they came from: with unoptimised code more.
const LEFT: usize = if cfg!(debug_assertions) { 8 * 1024 } else { 1024 };

/// The key of a prf, taken by [`RustCrypto`](super::RustCrypto). Its `Debug` shows the algorithm alone.
pub struct RustCryptoPrfKey(Keyed);

enum Keyed {
    Sha1(HmacCore<Sha1>),
    Sha256(HmacCore<Sha256>),
}

impl core::fmt::Debug for RustCryptoPrfKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("RustCryptoPrfKey").field(&self.algorithm()).finish()
    }
}

impl RustCryptoPrfKey {
    const fn algorithm(&self) -> PrfAlgorithm {
        match self.0 {
            Keyed::Sha1(_) => PrfAlgorithm::HmacSha1,
            Keyed::Sha256(_) => PrfAlgorithm::HmacSha2_256,
        }
    }
}

impl PrfProvider for super::RustCrypto {
    type PrfKey = RustCryptoPrfKey;

    fn prf_key(&mut self, algorithm: PrfAlgorithm, key: &[u8]) -> Result<Self::PrfKey, KeyError> {
        if key.is_empty() {
            return Err(KeyError::WrongLength { actual: 0 });
        }
        Ok(RustCryptoPrfKey(match algorithm {
            PrfAlgorithm::HmacSha1 => Keyed::Sha1(keyed::<Sha1>(key)?),
            PrfAlgorithm::HmacSha2_256 => Keyed::Sha256(keyed::<Sha256>(key)?),
        }))
    }

    fn prf<'p, I>(&mut self, key: &Self::PrfKey, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        let mut output = zeroed(key.algorithm())?;
        match &key.0 {
            Keyed::Sha1(key) => mac::<Sha1>(key, parts, output.as_mut_octets()),
            Keyed::Sha256(key) => mac::<Sha256>(key, parts, output.as_mut_octets()),
        }?;
        Ok(output)
    }

    fn hash<'p, I>(&mut self, algorithm: PrfAlgorithm, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        let mut output = zeroed(algorithm)?;
        match algorithm {
            PrfAlgorithm::HmacSha1 => digest::<Sha1>(parts, output.as_mut_octets()),
            PrfAlgorithm::HmacSha2_256 => digest::<Sha256>(parts, output.as_mut_octets()),
        }?;
        Ok(output)
    }
}

/// Room for an output.
fn zeroed(algorithm: PrfAlgorithm) -> Result<PrfOutput, CryptoError> {
    // No output here is longer than there is room for.
    PrfOutput::zeroed(algorithm.output_len()).ok_or(CryptoError::Provider)
}

/// The two states after `key`, of any length.
pub(super) fn keyed<D: EagerHash>(key: &[u8]) -> Result<HmacCore<D>, KeyError> {
    HmacCore::new_from_slice(key).map_err(|_| KeyError::WrongLength { actual: key.len() })
}

/// The whole MAC over `parts`, written where it is to stay: `output` has its length.
pub(super) fn mac<'p, D: EagerHash>(
    key: &HmacCore<D>,
    parts: impl IntoIterator<Item = &'p [u8]>,
    output: &mut [u8],
) -> Result<(), CryptoError> {
    let output = <&mut Output<Hmac<D>>>::try_from(output).map_err(|_| CryptoError::Length)?;
    write_mac::<D>(key, parts, output);
    zeroize_stack::<LEFT>();
    Ok(())
}

#[inline(never)]
fn write_mac<'p, D: EagerHash>(
    key: &HmacCore<D>,
    parts: impl IntoIterator<Item = &'p [u8]>,
    output: &mut Output<Hmac<D>>,
) {
    // `Hmac` is the two states and a block buffer, which is empty after the key: the handle does without, and each packet
    // gets a new one.
    let mut mac = Hmac::<D>::compose(key.clone(), Default::default());
    for part in parts {
        Update::update(&mut mac, part);
    }
    mac.finalize_into(output);
}

/// The hash over `parts`, written where it is to stay: `output` has its length.
fn digest<'p, D: Digest>(parts: impl IntoIterator<Item = &'p [u8]>, output: &mut [u8]) -> Result<(), CryptoError> {
    let output = <&mut Output<D>>::try_from(output).map_err(|_| CryptoError::Length)?;
    write_digest::<D>(parts, output);
    zeroize_stack::<LEFT>();
    Ok(())
}

#[inline(never)]
fn write_digest<'p, D: Digest>(parts: impl IntoIterator<Item = &'p [u8]>, output: &mut Output<D>) {
    let mut hash = <D as Digest>::new();
    for part in parts {
        Digest::update(&mut hash, part);
    }
    Digest::finalize_into(hash, output);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::RustCrypto;

    fn hex(octets: &[u8]) -> std::string::String {
        octets.iter().map(|octet| std::format!("{octet:02x}")).collect()
    }

    /// RFC 2202 §3 and RFC 4231 §4, cases 2 and 6, in one part and in several.
    #[test]
    fn prf_is_hmac_at_full_length() {
        let long = [0xaa; 131];
        let cases: [(PrfAlgorithm, &[u8], &[u8], &str); 4] = [
            (
                PrfAlgorithm::HmacSha1,
                b"Jefe",
                b"what do ya want for nothing?",
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            ),
            (
                PrfAlgorithm::HmacSha1,
                &long[..80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
            (
                PrfAlgorithm::HmacSha2_256,
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                PrfAlgorithm::HmacSha2_256,
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (algorithm, key, data, expected) in cases {
            let key = RustCrypto.prf_key(algorithm, key).unwrap();
            assert_eq!(hex(RustCrypto.prf(&key, [data]).unwrap().as_octets()), expected);
            let output = RustCrypto.prf(&key, data.chunks(5)).unwrap();
            assert_eq!(
                (hex(output.as_octets()).as_str(), output.as_octets().len()),
                (expected, algorithm.output_len())
            );
            assert_eq!(RustCrypto.verify_prf(&key, [data], output.as_octets()), Ok(()));
            let mut other = output.as_octets().to_vec();
            assert_eq!(RustCrypto.verify_prf(&key, [data], &other[1..]), Err(CryptoError::Mismatch));
            other[0] ^= 1;
            assert_eq!(RustCrypto.verify_prf(&key, [data], &other), Err(CryptoError::Mismatch));
        }
        assert!(RustCrypto.prf_key(PrfAlgorithm::HmacSha1, &[]).is_err());
    }

    /// FIPS 180-2, Appendices A.1 and B.1.
    #[test]
    fn hash_is_bare() {
        let cases = [
            (PrfAlgorithm::HmacSha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (PrfAlgorithm::HmacSha2_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ];
        for (algorithm, expected) in cases {
            let output = RustCrypto.hash(algorithm, [&b"a"[..], b"", b"bc"]).unwrap();
            assert_eq!(hex(output.as_octets()), expected);
            assert_eq!(output.as_octets().len(), algorithm.output_len());
        }
    }

    /// An output is nowhere but where it was asked for.
    #[cfg(target_os = "linux")]
    #[test]
    fn outputs_leave_no_copies() {
        use crate::crypto::left_behind::left_behind;
        fn check(name: &str, write: impl Fn(&mut [u8]) -> Result<(), CryptoError>, len: usize) {
            let mut output = std::vec![0; len];
            let left = left_behind(|| write(&mut output).unwrap());
            assert!(output.iter().any(|octet| *octet != 0) && !left.holds(&output), "{name}");
        }
        let data = [&b"all"[..], b" of you"];
        let (sha1, sha256) = (keyed::<Sha1>(b"Jefe").unwrap(), keyed::<Sha256>(b"Jefe").unwrap());
        check("HMAC-SHA1", |output| mac::<Sha1>(&sha1, data, output), 20);
        check("HMAC-SHA2-256", |output| mac::<Sha256>(&sha256, data, output), 32);
        check("SHA-1", |output| digest::<Sha1>(data, output), 20);
        check("SHA-256", |output| digest::<Sha256>(data, output), 32);
    }

    /// Compiles only if the underlying crates wipe the states when they are dropped.
    #[test]
    fn states_are_wiped() {
        fn wiped<D: EagerHash<Core: zeroize::ZeroizeOnDrop>>() {
            assert!(core::mem::needs_drop::<HmacCore<D>>());
        }
        wiped::<Sha1>();
        wiped::<Sha256>();
    }
}
