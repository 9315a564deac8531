//! What a batch leaves on the stack, looked at.

use std::vec::Vec;

use fearless_simd::Level;

use super::*;
use crate::crypto::EspLengths;
use crate::crypto::left_behind::{Left, left_behind};

/// Packets of a batch: half a vector's worth of lanes, all of it, and two, each with the lockstep that goes with it.
const PACKETS: [usize; 3] = [8, 16, 32];

/// Octets no eight of which come twice, and none of which a packet has.
fn octets(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    core::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(len)
    .collect()
}

/// The levels that the processor has.
fn levels() -> Vec<(&'static str, SimdCrypto)> {
    let mut levels = std::vec![];
    match Level::new().as_avx2() {
        Some(avx2) => levels.push(("AVX2", SimdCrypto::with_level(Level::Avx2(avx2)))),
        None => std::println!("skipped: the processor has no AVX2"),
    }
    match Level::new().as_avx512() {
        Some(avx512) => levels.push(("AVX-512", SimdCrypto::with_level(Level::Avx512(avx512)))),
        None => std::println!("skipped: the processor has no AVX-512 with VAES"),
    }
    levels
}

/// What must not be left: of each packet's keys what lanes have of them, and the right MAC of a packet that is refused.
struct Secrets {
    /// Chaining values, as they lie in the handle and as they lie in vectors: one word of each lane beside the next lane's.
    chaining: Vec<Vec<u8>>,
    round_keys: Vec<Vec<u8>>,
    macs: Vec<Vec<u8>>,
}

impl Secrets {
    fn of(keys: &[(SimdCipherKey, SimdIntegrityKey)], macs: Vec<Vec<u8>>) -> Self {
        let octets: Vec<&[u8]> = keys.iter().map(|(_, key)| &key.chaining().unwrap().octets()[..]).collect();
        let mut chaining: Vec<Vec<u8>> = octets.iter().map(|octets| octets.to_vec()).collect();
        for word in (0..64).step_by(4) {
            chaining.push(octets.iter().flat_map(|octets| octets[word..word + 4].to_vec()).collect());
        }
        // MD5 and SHA-1 do not fill a block.
        chaining
            .iter_mut()
            .for_each(|octets| octets.truncate(octets.iter().rposition(|o| *o != 0).map_or(0, |at| at + 1)));
        let schedules = || keys.iter().filter_map(|(key, _)| key.schedule());
        let round_keys = schedules()
            .flat_map(|schedule| {
                schedule.encrypt_fours().as_flattened().chunks(16).chain(schedule.decrypt().iter().map(|key| &key[..]))
            })
            .filter(|key| key.iter().any(|octet| *octet != 0))
            .map(<[u8]>::to_vec)
            .collect();
        Self { chaining, round_keys, macs }
    }

    /// What of them is in `left`.
    fn found(&self, left: &Left) -> [usize; 3] {
        [&self.chaining, &self.round_keys, &self.macs]
            .map(|secrets| secrets.iter().filter(|secret| left.holds(secret)).count())
    }
}

type Keys = (SimdCipherKey, SimdIntegrityKey);

fn jobs<'j>(packets: &'j mut [Vec<u8>], keys: &'j [Keys], icv_len: usize) -> Vec<super::jobs::Job<'j>> {
    let each = packets.iter_mut().zip(keys);
    each.map(|(octets, (cipher, integrity))| {
        EspJob::new(cipher, integrity, octets, EspLengths { iv_len: 16, icv_len }, None).unwrap()
    })
    .collect()
}

/// What a batch leaves behind of each kind of secret: sealed, opened, opened where all is forged, and ICVs alone.
fn left_by(
    crypto: &mut SimdCrypto,
    integrity: IntegrityAlgorithm,
    [count, key_len, data_len]: [usize; 3],
) -> [[usize; 3]; 4] {
    let icv_len = integrity.icv_len();
    let key = |packet: u64| {
        let cipher = crypto.cipher_key(CipherAlgorithm::AesCbc, &octets(2 * packet + 1, key_len)).unwrap();
        (cipher, crypto.integrity_key(integrity, &octets(2 * packet + 2, integrity.key_len())).unwrap())
    };
    let keys: Vec<Keys> = (0..count as u64).map(key).collect();
    let plain = std::vec![7_u8; 8 + 16 + data_len + icv_len];
    let covered = &plain[..plain.len() - icv_len];
    let secrets = Secrets::of(&keys, std::vec![]);

    let mut packets = std::vec![plain.clone(); count];
    let mut batch = jobs(&mut packets, &keys, icv_len);
    let sealed = left_behind(|| crypto.esp_seal_many(&mut batch));
    assert!(batch.iter().all(|job| job.result().is_ok()));
    drop(batch);
    let mut batch = jobs(&mut packets, &keys, icv_len);
    let opened = left_behind(|| crypto.esp_open_many(&mut batch));
    assert!(batch.iter().all(|job| job.result().is_ok()));

    let macs = keys.iter().map(|(_, key)| crypto.icv(key, [covered]).unwrap().as_octets().to_vec()).collect();
    let secrets_of_forged = Secrets::of(&keys, macs);
    let mut packets = std::vec![plain.clone(); count];
    let mut batch = jobs(&mut packets, &keys, icv_len);
    let forged = left_behind(|| crypto.esp_open_many(&mut batch));
    assert!(batch.iter().all(|job| job.result() == Err(CryptoError::Mismatch)));
    let mut batch: Vec<_> =
        keys.iter().map(|(_, key)| IcvJob::verify(key, core::iter::once(covered), &plain[covered.len()..])).collect();
    let verified = left_behind(|| crypto.icv_many(&mut batch));
    assert!(batch.iter().all(|job| job.result().is_err()));
    [
        secrets.found(&sealed),
        secrets.found(&opened),
        secrets_of_forged.found(&forged),
        secrets_of_forged.found(&verified),
    ]
}

#[test]
fn a_batch_leaves_no_secret_behind() {
    use IntegrityAlgorithm::{HmacMd5_96, HmacSha1_96, HmacSha2_256_128};
    let mut left = std::vec![];
    for (level, mut crypto) in levels() {
        for integrity in [HmacMd5_96, HmacSha1_96, HmacSha2_256_128] {
            for lengths in PACKETS.into_iter().flat_map(|count| [[count, 16, 48], [count, 24, 160], [count, 32, 1408]])
            {
                let of = left_by(&mut crypto, integrity, lengths);
                if of != [[0; 3]; 4] {
                    left.push(std::format!("{level}, {integrity:?}, {lengths:?}: {of:?}"));
                }
            }
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}
