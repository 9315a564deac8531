//! `SimdCrypto` makes the octets that `RustCrypto` makes, and says of each job what `RustCrypto` says, whatever goes together.

#[path = "common/levels.rs"]
mod levels;

use levels::providers;
use proptest::prelude::*;
use xcast_sec::crypto::{
    AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, EspJob, EspLengths, IcvJob, IntegrityAlgorithm,
    KeyError, PrfAlgorithm, PrfProvider, RustCrypto, SimdCipherKey, SimdCrypto, SimdIntegrityKey,
};

/// One packet from SPI to ICV, and what it is under.
#[derive(Clone, Debug)]
struct Packet {
    cipher: (CipherAlgorithm, Vec<u8>),
    integrity: (IntegrityAlgorithm, Vec<u8>),
    octets: Vec<u8>,
    iv_len: usize,
    icv_len: usize,
    high: Option<[u8; 4]>,
}

type Outcome = (Vec<Vec<u8>>, Vec<Result<(), CryptoError>>);

/// What the provider makes of the packets in one call, and what it says.
fn outcome<P: CryptoProvider>(
    crypto: &mut P,
    packets: &[Packet],
    many: impl FnOnce(&mut P, &mut [EspJob<'_, P::CipherKey, P::IntegrityKey>]),
) -> Outcome {
    let keys: Vec<_> = packets
        .iter()
        .map(|packet| {
            let cipher = crypto.cipher_key(packet.cipher.0, &packet.cipher.1).unwrap();
            (cipher, crypto.integrity_key(packet.integrity.0, &packet.integrity.1).unwrap())
        })
        .collect();
    let mut octets: Vec<_> = packets.iter().map(|packet| packet.octets.clone()).collect();
    let mut jobs: Vec<_> = packets
        .iter()
        .zip(&keys)
        .zip(&mut octets)
        .map(|((packet, (cipher, integrity)), octets)| {
            EspJob::new(
                cipher,
                integrity,
                octets,
                EspLengths { iv_len: packet.iv_len, icv_len: packet.icv_len },
                packet.high,
            )
            .unwrap()
        })
        .collect();
    many(crypto, &mut jobs);
    let results = jobs.iter().map(EspJob::result).collect();
    (octets, results)
}

/// Seals and opens the packets with each provider; at the places in `corrupted` an octet changes in between.
fn assert_same(packets: &[Packet], corrupted: &[(usize, usize)]) {
    let sealed = outcome(&mut RustCrypto, packets, |crypto, jobs| crypto.esp_seal_many(jobs));
    let mut arrived: Vec<_> = packets.to_vec();
    for (packet, octets) in arrived.iter_mut().zip(&sealed.0) {
        packet.octets.clone_from(octets);
    }
    for &(packet, octet) in corrupted {
        if !arrived.is_empty() {
            let packet = packet % arrived.len();
            let octets = &mut arrived[packet].octets;
            let octet = octet % octets.len();
            octets[octet] ^= 0x10;
        }
    }
    let opened = outcome(&mut RustCrypto, &arrived, |crypto, jobs| crypto.esp_open_many(jobs));
    for (name, mut crypto) in providers() {
        let by_lanes = outcome(&mut crypto, packets, |crypto, jobs| crypto.esp_seal_many(jobs));
        assert!(by_lanes == sealed, "sealed otherwise with {name}");
        let by_lanes = outcome(&mut crypto, &arrived, |crypto, jobs| crypto.esp_open_many(jobs));
        assert!(by_lanes == opened, "opened otherwise with {name}: {:?}, not {:?}", by_lanes.1, opened.1);
    }
}

fn integrity() -> impl Strategy<Value = IntegrityAlgorithm> {
    prop_oneof![
        6 => Just(IntegrityAlgorithm::HmacSha1_96),
        3 => Just(IntegrityAlgorithm::HmacMd5_96),
        3 => Just(IntegrityAlgorithm::HmacSha2_256_128),
        1 => Just(IntegrityAlgorithm::HmacSha2_384_192),
    ]
}

fn cipher() -> impl Strategy<Value = (CipherAlgorithm, usize)> {
    prop_oneof![
        6 => Just((CipherAlgorithm::AesCbc, 16)),
        2 => Just((CipherAlgorithm::AesCbc, 24)),
        2 => Just((CipherAlgorithm::AesCbc, 32)),
        1 => Just((CipherAlgorithm::AesCtr, 20)),
        1 => Just((CipherAlgorithm::Null, 0)),
    ]
}

/// Octets that differ from packet to packet and from place to place.
fn octets(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(len)
    .collect()
}

prop_compose! {
    /// Nine in ten have lengths that their algorithms take.
    fn packet()(
        cipher in cipher(),
        integrity in integrity(),
        data_len in prop_oneof![0_usize..2000, 0_usize..200],
        misfit in 0..10_u8,
        high: Option<[u8; 4]>,
        seed: u64,
    ) -> Packet {
        let block = cipher.0.block_len();
        let data_len = if misfit == 1 { data_len } else { data_len / block * block };
        let iv_len = if misfit == 2 { 8 } else { cipher.0.iv_len() };
        let icv_len = if misfit == 3 { 13 } else { integrity.icv_len() };
        Packet {
            cipher: (cipher.0, octets(seed ^ 1, cipher.1)),
            integrity: (integrity, octets(seed ^ 2, integrity.key_len())),
            octets: octets(seed ^ 3, 8 + iv_len + data_len + icv_len),
            iv_len,
            icv_len,
            high,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn esp_is_the_same(
        packets in prop::collection::vec(packet(), 0..70),
        corrupted in prop::collection::vec((any::<usize>(), any::<usize>()), 0..8),
    ) {
        assert_same(&packets, &corrupted);
    }

    /// As a router's queue is: one association, one length.
    #[test]
    fn esp_of_one_kind_is_the_same(
        packet in packet(),
        count in 0_usize..140,
        corrupted in prop::collection::vec((any::<usize>(), any::<usize>()), 0..4),
    ) {
        assert_same(&vec![packet; count], &corrupted);
    }

    #[test]
    fn icvs_are_the_same(
        messages in prop::collection::vec(
            (integrity(), prop::collection::vec(prop_oneof![0_usize..40, 0_usize..600], 0..5), any::<u64>(), 0..6_u8),
            0..70,
        ),
    ) {
        let messages: Vec<Message> = messages
            .into_iter()
            .map(|(algorithm, parts, seed, received)| Message {
                algorithm,
                key: octets(seed, algorithm.key_len()),
                parts: parts.iter().zip(0..).map(|(len, at)| octets(seed ^ at, *len)).collect(),
                received,
            })
            .collect();
        let expected = icvs(&mut RustCrypto, &messages);
        for (name, mut crypto) in providers() {
            prop_assert_eq!(&icvs(&mut crypto, &messages), &expected, "with {}", name);
        }
    }
}

#[derive(Debug)]
struct Message {
    algorithm: IntegrityAlgorithm,
    key: Vec<u8>,
    parts: Vec<Vec<u8>>,
    /// What is received: 0 to 2, the ICV is to be computed; 3, the right one; 4, one with another last octet; 5, a longer one.
    received: u8,
}

fn icvs<P: CryptoProvider>(crypto: &mut P, messages: &[Message]) -> Vec<Result<Option<Vec<u8>>, CryptoError>> {
    let keyed: Vec<_> = messages
        .iter()
        .map(|message| {
            let key = crypto.integrity_key(message.algorithm, &message.key).unwrap();
            let mut icv = crypto.icv(&key, message.parts.iter().map(Vec::as_slice)).unwrap().as_octets().to_vec();
            match message.received {
                4 => *icv.last_mut().unwrap() ^= 1,
                5 => icv.push(0),
                _ => (),
            }
            (key, icv)
        })
        .collect();
    let mut jobs: Vec<_> = messages
        .iter()
        .zip(&keyed)
        .map(|(message, (key, received))| {
            let parts = message.parts.iter().map(Vec::as_slice);
            if message.received < 3 { IcvJob::compute(key, parts) } else { IcvJob::verify(key, parts, received) }
        })
        .collect();
    crypto.icv_many(&mut jobs);
    jobs.iter().map(|job| job.result().map(|icv| icv.map(|icv| icv.as_octets().to_vec()))).collect()
}

fn hex(digits: &str) -> Vec<u8> {
    let (octets, rest) = digits.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "an odd number of digits");
    octets.iter().map(|octet| u8::from_str_radix(std::str::from_utf8(octet).unwrap(), 16).unwrap()).collect()
}

/// RFC 2202 §2 and §3, the cases 1, 3 and 5, whose keys have the one length that IPsec takes; truncated to 96 bits.
#[test]
fn rfc2202_in_every_lane() {
    let (md5, sha1) = (IntegrityAlgorithm::HmacMd5_96, IntegrityAlgorithm::HmacSha1_96);
    let dd = [0xdd; 50];
    let cases: [(IntegrityAlgorithm, u8, &[u8], &str); 6] = [
        (md5, 0x0b, b"Hi There", "9294727a3638bb1c13f48ef8"),
        (sha1, 0x0b, b"Hi There", "b617318655057264e28bc0b6"),
        (md5, 0xaa, &dd, "56be34521d144c88dbb8c733"),
        (sha1, 0xaa, &dd, "125d7342b9ac11cd91a39af4"),
        (md5, 0x0c, b"Test With Truncation", "56461ef2342edc00f9bab995"),
        (sha1, 0x0c, b"Test With Truncation", "4c1a03424b55e07fe7f27be1"),
    ];
    for (name, mut crypto) in providers() {
        let keys = cases
            .map(|(algorithm, octet, ..)| crypto.integrity_key(algorithm, &vec![octet; algorithm.key_len()]).unwrap());
        let mut jobs: Vec<_> = (0..64)
            .map(|at| at % cases.len())
            .collect::<Vec<_>>()
            .into_iter()
            .map(|case| IcvJob::compute(&keys[case], std::iter::once(cases[case].2)))
            .collect();
        crypto.icv_many(&mut jobs);
        for (at, job) in jobs.iter().enumerate() {
            let expected = hex(cases[at % cases.len()].3);
            let icv = job.result().unwrap().unwrap();
            assert_eq!(icv.as_octets(), expected, "{name}, lane {at}");
        }
    }
}

/// RFC 3602 §4, the cases 1 to 4, each in every lane.
#[test]
fn rfc3602_in_every_lane() {
    let counting = |from: u8, len: u8| (from..from + len).collect::<Vec<_>>();
    let cases = [
        (
            hex("06a9214036b8a15b512e03d534120006"),
            hex("3dafba429d9eb430b422da802c9fac41"),
            b"Single block msg".to_vec(),
            hex("e353779c1079aeb82708942dbe77181a"),
        ),
        (
            hex("c286696d887c9aa0611bbb3e2025a45a"),
            hex("562e17996d093d28ddb3ba695a2e6f58"),
            counting(0, 32),
            hex("d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"),
        ),
        (
            hex("6c3ea0477630ce21a2ce334aa746c2cd"),
            hex("c782dc4c098c66cbd9cd27d825682c81"),
            b"This is a 48-byte message (exactly 3 AES blocks)".to_vec(),
            hex("d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c19216bad525c8579695d83ba2684"),
        ),
        (
            hex("56e47a38c5598974bc46903dba290349"),
            hex("8ce82eefbea0da3c44699ed7db51b7d9"),
            counting(0xa0, 64),
            hex("c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e\
                 35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da55"),
        ),
    ];
    let packets: Vec<_> = (0..64)
        .map(|at| {
            let (key, iv, plain, _) = &cases[at % cases.len()];
            Packet {
                cipher: (CipherAlgorithm::AesCbc, key.clone()),
                integrity: (IntegrityAlgorithm::HmacSha1_96, vec![at as u8; 20]),
                octets: [&[0; 8], &iv[..], plain, &[0; 12]].concat(),
                iv_len: 16,
                icv_len: 12,
                high: None,
            }
        })
        .collect();
    for (name, mut crypto) in providers() {
        let (octets, results) = outcome(&mut crypto, &packets, |crypto, jobs| crypto.esp_seal_many(jobs));
        for (at, (octets, result)) in octets.iter().zip(results).enumerate() {
            let expected = &cases[at % cases.len()].3;
            assert_eq!(result, Ok(()));
            assert_eq!(octets[24..octets.len() - 12], expected[..], "{name}, lane {at}");
        }
    }
}

/// A handle made where there are lanes works where there are none, and the other way round.
#[test]
fn handles_work_at_every_level() {
    let make = |crypto: &mut SimdCrypto| -> (SimdCipherKey, SimdIntegrityKey) {
        let cipher = crypto.cipher_key(CipherAlgorithm::AesCbc, &[7; 16]).unwrap();
        (cipher, crypto.integrity_key(IntegrityAlgorithm::HmacSha1_96, &[9; 20]).unwrap())
    };
    let mut seen = Vec::new();
    for (_, mut maker) in providers() {
        let (cipher, integrity) = make(&mut maker);
        for (_, mut user) in providers() {
            let mut octets = vec![vec![0x5a; 8 + 16 + 96 + 12]; 20];
            let mut jobs: Vec<_> = octets
                .iter_mut()
                .map(|octets| {
                    EspJob::new(&cipher, &integrity, octets, EspLengths { iv_len: 16, icv_len: 12 }, None).unwrap()
                })
                .collect();
            user.esp_seal_many(&mut jobs);
            seen.extend(octets);
        }
    }
    assert!(seen.iter().all(|octets| *octets == seen[0]));
    assert_ne!(seen[0][24..40], [0x5a; 16]);
}

/// Everything that is asked for one packet, and what comes of it.
fn one_at_a_time<P: CryptoProvider>(crypto: &mut P) -> Vec<(Result<(), CryptoError>, Vec<u8>)> {
    let mut made = Vec::new();
    let mut data = octets(1, 64);
    let integrity = crypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, &octets(2, 32)).unwrap();
    let icv = crypto.icv(&integrity, [&data[..]]).unwrap().as_octets().to_vec();
    made.push((crypto.verify_icv(&integrity, [&data[..]], &icv), icv.clone()));
    made.push((crypto.verify_icv(&integrity, [&data[1..]], &icv), icv));
    let cipher = crypto.cipher_key(CipherAlgorithm::AesCbc, &octets(3, 16)).unwrap();
    made.push((crypto.encrypt(&cipher, &[7; 16], &mut data), data.clone()));
    made.push((crypto.decrypt(&cipher, &[8; 16], &mut data), data.clone()));
    made.push((crypto.encrypt(&cipher, &[7; 16], &mut data[..63]), data.clone()));
    let aead = crypto.aead_key(AeadAlgorithm::AesGcm16, &octets(4, 20)).unwrap();
    let tag = crypto.aead_seal(&aead, &[9; 8], b"aad", &mut data).unwrap();
    made.push((crypto.aead_open(&aead, &[9; 8], b"add", &mut data, &tag), data.clone()));
    made.push((crypto.aead_open(&aead, &[9; 8], b"aad", &mut data, &tag), tag.to_vec()));
    let mut packet = octets(5, 8 + 16 + 64 + 16);
    let mut job =
        EspJob::new(&cipher, &integrity, &mut packet, EspLengths { iv_len: 16, icv_len: 16 }, Some([0, 0, 0, 1]))
            .unwrap();
    let sealed = crypto.esp_seal(&mut job);
    made.push((sealed, packet.clone()));
    packet[30] ^= 1;
    for _ in 0..2 {
        let mut job =
            EspJob::new(&cipher, &integrity, &mut packet, EspLengths { iv_len: 16, icv_len: 16 }, Some([0, 0, 0, 1]))
                .unwrap();
        let opened = crypto.esp_open(&mut job);
        made.push((opened, packet.clone()));
        packet[30] ^= 1;
    }
    made
}

#[test]
fn what_is_asked_for_one_packet_is_the_same() {
    let expected = one_at_a_time(&mut RustCrypto);
    let (length, mismatch) = (Err(CryptoError::Length), Err(CryptoError::Mismatch));
    let results: Vec<_> = expected.iter().map(|(result, _)| *result).collect();
    assert_eq!(results, [Ok(()), mismatch, Ok(()), Ok(()), length, mismatch, Ok(()), Ok(()), mismatch, Ok(())]);
    for (name, mut crypto) in providers() {
        assert_eq!(one_at_a_time(&mut crypto), expected, "with {name}");
    }
}

#[test]
fn key_management_is_the_same() {
    let parts = [&b"all"[..], b"", b" of you"];
    for algorithm in [PrfAlgorithm::HmacSha1, PrfAlgorithm::HmacSha2_256] {
        let key = RustCrypto.prf_key(algorithm, &octets(1, 80)).unwrap();
        let [prf, hash] = [RustCrypto.prf(&key, parts), RustCrypto.hash(algorithm, parts)].map(Result::unwrap);
        for (name, mut crypto) in providers() {
            let key = crypto.prf_key(algorithm, &octets(1, 80)).unwrap();
            assert_eq!(crypto.prf(&key, parts).unwrap().as_octets(), prf.as_octets(), "with {name}");
            assert_eq!(crypto.hash(algorithm, parts).unwrap().as_octets(), hash.as_octets(), "with {name}");
            assert_eq!(crypto.verify_prf(&key, parts, prf.as_octets()), Ok(()));
            assert_eq!(crypto.verify_prf(&key, parts, hash.as_octets()), Err(CryptoError::Mismatch));
            assert_eq!(crypto.prf_key(algorithm, &[]).err(), Some(KeyError::WrongLength { actual: 0 }));
        }
    }
}
