//! What `RustCrypto` does with a packet's two algorithms in one call, and with several packets in one, against the bodies that
//! every provider has: the octets and the results are the same.
#![cfg(feature = "rust-crypto")]

#[path = "common/algorithms.rs"]
mod algorithms;
#[path = "common/combined.rs"]
mod combined;
#[path = "common/keys.rs"]
mod keys;

use algorithms::{CIPHERS, INTEGRITY};
use combined::combined_modes_as_rust_crypto;
use keys::takes_keys_as_rust_crypto;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use xcast_sec::crypto::{
    CipherAlgorithm, CryptoError, CryptoProvider, EspJob, EspLengths, Icv, IntegrityAlgorithm, RustCrypto,
    RustCryptoCipherKey, RustCryptoIntegrityKey,
};

/// The same keys, one algorithm after the other: all that takes jobs is inherited.
struct InTurn;

impl CryptoProvider for InTurn {
    takes_keys_as_rust_crypto!();
    combined_modes_as_rust_crypto!();

    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        RustCrypto.icv(key, parts)
    }

    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        RustCrypto.encrypt(key, iv, data)
    }

    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        RustCrypto.decrypt(key, iv, data)
    }
}

/// The keys of one association.
struct Keys {
    cipher: RustCryptoCipherKey,
    integrity: RustCryptoIntegrityKey,
    iv_len: usize,
    block_len: usize,
    icv_len: usize,
}

impl Keys {
    fn new((cipher, key_len): (CipherAlgorithm, usize), integrity: IntegrityAlgorithm, seed: u8) -> Self {
        let octets: Vec<u8> = (seed..=255).chain(0..seed).collect();
        Self {
            cipher: RustCrypto.cipher_key(cipher, &octets[..key_len]).unwrap(),
            integrity: RustCrypto.integrity_key(integrity, &octets[..integrity.key_len()]).unwrap(),
            iv_len: cipher.iv_len(),
            block_len: cipher.block_len(),
            icv_len: integrity.icv_len(),
        }
    }
}

/// One packet from SPI to ICV.
#[derive(Clone, Debug)]
struct Packet {
    octets: Vec<u8>,
    iv_len: usize,
    icv_len: usize,
    high: Option<[u8; 4]>,
}

impl Packet {
    /// With `len` octets of data, whole blocks of it unless `odd`.
    fn new(keys: &Keys, len: usize, odd: bool, high: Option<[u8; 4]>, fill: u8) -> Self {
        let len = if odd { len } else { len.next_multiple_of(keys.block_len) };
        let octets = (0..8 + keys.iv_len + len + keys.icv_len).map(|i| (i * 7) as u8 ^ fill).collect();
        Self { octets, iv_len: keys.iv_len, icv_len: keys.icv_len, high }
    }

    fn job<'j>(&'j mut self, keys: &'j Keys) -> EspJob<'j, RustCryptoCipherKey, RustCryptoIntegrityKey> {
        EspJob::new(
            &keys.cipher,
            &keys.integrity,
            &mut self.octets,
            EspLengths { iv_len: self.iv_len, icv_len: self.icv_len },
            self.high,
        )
        .unwrap()
    }

    fn seal(&mut self, crypto: &mut impl Provider, keys: &Keys) -> Result<(), CryptoError> {
        crypto.esp_seal(&mut self.job(keys))
    }

    fn open(&mut self, crypto: &mut impl Provider, keys: &Keys) -> Result<(), CryptoError> {
        crypto.esp_open(&mut self.job(keys))
    }
}

trait Provider: CryptoProvider<CipherKey = RustCryptoCipherKey, IntegrityKey = RustCryptoIntegrityKey> {}

impl<P: CryptoProvider<CipherKey = RustCryptoCipherKey, IntegrityKey = RustCryptoIntegrityKey>> Provider for P {}

/// Seals and opens `packet` both ways; `flip` says which bit of it is wrong in between.
fn check_one(keys: &Keys, packet: &Packet, flip: usize) {
    let (mut ours, mut theirs) = (packet.clone(), packet.clone());
    let result = ours.seal(&mut RustCrypto, keys);
    assert_eq!(result, theirs.seal(&mut InTurn, keys));
    assert_eq!(ours.octets, theirs.octets);
    if result.is_err() {
        return;
    }
    let sealed = ours.octets.clone();
    let bit = flip % (8 * sealed.len());
    ours.octets[bit / 8] ^= 1 << (bit % 8);
    let forged = ours.octets.clone();
    assert_eq!(ours.open(&mut RustCrypto, keys), Err(CryptoError::Mismatch), "bit {bit}");
    assert_eq!(ours.octets, forged, "changed though it does not verify");
    assert_eq!(theirs.open(&mut InTurn, keys), Ok(()));
    ours.octets.clone_from(&sealed);
    assert_eq!(ours.open(&mut RustCrypto, keys), Ok(()));
    assert_eq!(ours.octets, theirs.octets);
    let icv_at = sealed.len() - keys.icv_len;
    assert_eq!(ours.octets[..icv_at], packet.octets[..icv_at]);
}

/// Every length up to five blocks of the longest hash, of every pair of algorithms.
#[test]
fn one_packet_at_every_length() {
    for cipher in CIPHERS {
        for integrity in INTEGRITY {
            let keys = Keys::new(cipher, integrity, 3);
            for len in 0..=5 * 128 {
                let high = if len % 3 == 0 { Some([0, 1, 2, 3]) } else { None };
                check_one(&keys, &Packet::new(&keys, len, true, high, 0x5a), len * 13);
            }
        }
    }
}

/// No room for the ICV, too much of it, an initialization vector of another length.
#[test]
fn lengths_that_do_not_fit() {
    for cipher in CIPHERS {
        for integrity in INTEGRITY {
            let keys = Keys::new(cipher, integrity, 3);
            for (iv_len, icv_len) in [(keys.iv_len, 0), (keys.iv_len, 8), (keys.iv_len, 36), (24, keys.icv_len)] {
                let octets = (0..8 + iv_len + 96 + icv_len).map(|i| i as u8).collect();
                let packet = Packet { octets, iv_len, icv_len, high: None };
                let (mut ours, mut theirs) = (packet.clone(), packet);
                assert_eq!(ours.seal(&mut RustCrypto, &keys), Err(CryptoError::Length));
                assert_eq!(theirs.seal(&mut InTurn, &keys), Err(CryptoError::Length));
                assert_eq!(ours.octets, theirs.octets);
                let result = ours.open(&mut RustCrypto, &keys);
                assert_eq!(result, theirs.open(&mut InTurn, &keys));
                assert_eq!(result, Err(CryptoError::Mismatch));
                assert_eq!(ours.octets, theirs.octets);
            }
        }
    }
}

/// Data that verifies, but that CBC cannot have made.
#[test]
fn opens_no_part_of_a_block() {
    let keys = Keys::new((CipherAlgorithm::AesCbc, 16), IntegrityAlgorithm::HmacSha1_96, 3);
    let mut packet = Packet::new(&keys, 33, true, None, 0);
    let (covered, icv) = packet.octets.split_at_mut(8 + 16 + 33);
    icv.copy_from_slice(RustCrypto.icv(&keys.integrity, [&*covered]).unwrap().as_octets());
    let before = packet.octets.clone();
    assert_eq!(packet.open(&mut RustCrypto, &keys), Err(CryptoError::Length));
    assert_eq!(packet.octets, before);
}

fn high() -> impl Strategy<Value = Option<[u8; 4]>> {
    prop::option::of(any::<[u8; 4]>())
}

proptest! {
    #[test]
    fn one_packet(
        cipher in select(&CIPHERS[..]),
        integrity in select(&INTEGRITY[..]),
        (len, odd, seed, fill) in (0..=1600_usize, prop::bool::weighted(0.1), any::<u8>(), any::<u8>()),
        high in high(),
        flip in any::<usize>(),
    ) {
        let keys = Keys::new(cipher, integrity, seed);
        check_one(&keys, &Packet::new(&keys, len, odd, high, fill), flip);
    }

    /// Packets of a few associations in any order, so that some share a key and some do not, in any number.
    #[test]
    fn several_packets(
        associations in prop::collection::vec((select(&CIPHERS[..]), select(&INTEGRITY[..])), 1..=4),
        packets in prop::collection::vec(
            (any::<Index>(), 0..=300_usize, prop::bool::weighted(0.05), high(), any::<u8>(), prop::bool::weighted(0.1)),
            0..=80,
        ),
    ) {
        let keys: Vec<_> =
            associations.iter().zip(0..).map(|(&(cipher, integrity), seed)| Keys::new(cipher, integrity, seed)).collect();
        let mut ours: Vec<_> = packets
            .iter()
            .map(|&(association, len, odd, high, fill, is_forged)| {
                let keys = association.get(&keys);
                (keys, Packet::new(keys, len, odd, high, fill), is_forged)
            })
            .collect();
        let mut theirs = ours.clone();

        let mut jobs: Vec<_> = ours.iter_mut().map(|(keys, packet, _)| packet.job(keys)).collect();
        RustCrypto.esp_seal_many(&mut jobs);
        let results: Vec<_> = jobs.iter().map(EspJob::result).collect();
        for (result, (keys, packet, _)) in results.iter().zip(&mut theirs) {
            prop_assert_eq!(*result, packet.seal(&mut InTurn, keys));
        }
        for ((_, ours, _), (_, theirs, _)) in ours.iter().zip(&theirs) {
            prop_assert_eq!(&ours.octets, &theirs.octets);
        }

        for packets in [&mut ours, &mut theirs] {
            for (_, packet, is_forged) in packets {
                packet.octets[5] ^= u8::from(*is_forged);
            }
        }
        let mut jobs: Vec<_> = ours.iter_mut().map(|(keys, packet, _)| packet.job(keys)).collect();
        RustCrypto.esp_open_many(&mut jobs);
        let results: Vec<_> = jobs.iter().map(EspJob::result).collect();
        for (result, (keys, packet, _)) in results.iter().zip(&mut theirs) {
            prop_assert_eq!(*result, packet.open(&mut InTurn, keys));
        }
        for ((_, ours, _), (_, theirs, _)) in ours.iter().zip(&theirs) {
            prop_assert_eq!(&ours.octets, &theirs.octets);
        }
    }
}
