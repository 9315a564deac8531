//! The hashes under HMAC, by their compression functions alone.

use zeroize::Zeroize;

/// A hash on blocks of `BLOCK` octets (RFC 1321 §3, FIPS 180-4 §5, §6): a chaining value that a compression function takes
/// through one block after the other.
pub(in crate::crypto) trait Hash<const BLOCK: usize> {
    /// The chaining value.
    type State: Copy + Zeroize;
    /// Before the first block.
    const INITIAL: Self::State;
    /// Octets of the digest: the first of the last chaining value.
    const DIGEST_LEN: usize;

    /// Takes `state` through `blocks`.
    fn compress(state: &mut Self::State, blocks: &[[u8; BLOCK]]);
    /// The octets of a length in bits, as they end the last block. SHA-512's 8 octets in front of them stay 0.
    fn length(bits: u64) -> [u8; 8];
    /// Writes as many whole words of `state` as `octets` has room for.
    fn write(state: &Self::State, octets: &mut [u8]);
    /// 0 only if `octets`, a whole number of words, are the first of `state`. Its time depends on their number alone.
    fn difference(state: &Self::State, octets: &[u8]) -> u64;
}

macro_rules! hash {
    (
        $name:ident, [$word:ty; $words:literal], blocks of $block:literal, digest of $digest:literal,
        $compress:path, $to:ident, $from:ident, $initial:expr
    ) => {
        pub(in crate::crypto) enum $name {}

        impl Hash<$block> for $name {
            type State = [$word; $words];
            const INITIAL: Self::State = $initial;
            const DIGEST_LEN: usize = $digest;

            #[inline(always)]
            fn compress(state: &mut Self::State, blocks: &[[u8; $block]]) {
                $compress(state, blocks);
            }

            #[inline(always)]
            fn length(bits: u64) -> [u8; 8] {
                bits.$to()
            }

            #[inline(always)]
            fn write(state: &Self::State, octets: &mut [u8]) {
                for (octets, word) in octets.as_chunks_mut().0.iter_mut().zip(state) {
                    *octets = word.$to();
                }
            }

            #[inline(always)]
            fn difference(state: &Self::State, octets: &[u8]) -> u64 {
                let words = octets.as_chunks().0.iter().zip(state);
                u64::from(words.fold(0, |difference, (octets, word)| difference | (<$word>::$from(*octets) ^ word)))
            }
        }
    };
}

hash!(
    Md5,
    [u32; 4],
    blocks of 64,
    digest of 16,
    md5::block_api::compress,
    to_le_bytes,
    from_le_bytes,
    // RFC 1321 §3.3.
    [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]
);

hash!(
    Sha1,
    [u32; 5],
    blocks of 64,
    digest of 20,
    sha1::block_api::compress,
    to_be_bytes,
    from_be_bytes,
    // FIPS 180-4 §5.3.1.
    [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
);

hash!(
    Sha256,
    [u32; 8],
    blocks of 64,
    digest of 32,
    sha2::block_api::compress256,
    to_be_bytes,
    from_be_bytes,
    // FIPS 180-4 §5.3.3.
    [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19
    ]
);

hash!(
    Sha384,
    [u64; 8],
    blocks of 128,
    digest of 48,
    sha2::block_api::compress512,
    to_be_bytes,
    from_be_bytes,
    // FIPS 180-4 §5.3.4.
    [
        0xcbbb_9d5d_c105_9ed8,
        0x629a_292a_367c_d507,
        0x9159_015a_3070_dd17,
        0x152f_ecd8_f70e_5939,
        0x6733_2667_ffc0_0b31,
        0x8eb4_4a87_6858_1511,
        0xdb0c_2e0d_64f9_8fa7,
        0x47b5_481d_befa_4fa4
    ]
);

hash!(
    Sha512,
    [u64; 8],
    blocks of 128,
    digest of 64,
    sha2::block_api::compress512,
    to_be_bytes,
    from_be_bytes,
    // FIPS 180-4 §5.3.5.
    [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179
    ]
);
