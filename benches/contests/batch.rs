//! Bursts of packets, each under an association of its own, through the seam: what a provider makes of them.
//!
//! The octets are those from SPI to ICV, and the jobs are made anew for each burst, as the packets of one are not those of the
//! next.

use std::hint::black_box;

#[cfg(feature = "simd-detect")]
use xcast_sec::crypto::SimdCrypto;
use xcast_sec::crypto::{CipherAlgorithm, CryptoProvider, EspJob, EspLengths, IntegrityAlgorithm, RustCrypto};

use super::packets::{self, BURST, ESP_HEADER_LEN, ICV_LEN, IV_LEN, Pool, SIZES};
use super::raw::Raw;
use super::{Course, Entry, Prepared, Row, whole};

/// The keys of one association.
pub(crate) struct Keys<P: CryptoProvider> {
    pub(crate) cipher: P::CipherKey,
    pub(crate) integrity: P::IntegrityKey,
}

/// What a burst is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Burst {
    /// Packets of one size, each under its own keys.
    Of(usize),
    /// Packets of one size, all under one association: what a sender to one group has.
    OneKey(usize),
    /// Packets of all sizes.
    Mixed,
    /// Copies of one packet of this size, under one key, as a sender to many makes them.
    Copies(usize, usize),
}

impl Burst {
    /// All that are measured.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let sizes = SIZES.into_iter();
        sizes.clone().map(Self::Of).chain(sizes.map(Self::OneKey)).chain([Self::Mixed, Self::Copies(10, 1400)])
    }

    /// Packets from SPI to ICV, not encrypted yet, with the number of the keys of each.
    pub(crate) fn packets(self) -> Numbered {
        let count = if let Self::Copies(count, _) = self { count } else { BURST };
        let packet = |number: usize| {
            let (keys, size) = match self {
                Self::Of(size) => (number, size),
                Self::Mixed => (number, SIZES[number * 7 % SIZES.len()]),
                Self::OneKey(size) | Self::Copies(_, size) => (0, size),
            };
            let data_len = size.next_multiple_of(16);
            let mut octets: Vec<u8> = (0..ESP_HEADER_LEN + data_len).map(|at| (at * 11 + number) as u8).collect();
            octets[ESP_HEADER_LEN - IV_LEN..ESP_HEADER_LEN].copy_from_slice(&packets::iv(number));
            octets.resize(ESP_HEADER_LEN + data_len + ICV_LEN, 0);
            (keys, octets)
        };
        (0..count).map(packet).collect()
    }
}

impl std::fmt::Display for Burst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Of(size) => write!(f, "{size}"),
            Self::OneKey(size) => write!(f, "{size}, one key"),
            Self::Mixed => f.write_str("mixed"),
            Self::Copies(count, size) => write!(f, "{count} copies, {size}"),
        }
    }
}

/// The same packets after sealing, by RustCrypto's primitives.
pub(crate) fn sealed(burst: Burst) -> Numbered {
    let mut packets = burst.packets();
    for (keys, packet) in &mut packets {
        raw(*keys).seal(packet);
    }
    packets
}

fn raw(keys: usize) -> Raw {
    Raw::new(&packets::cipher_key(keys), &packets::integrity_key(keys))
}

fn keys<P: CryptoProvider>(crypto: &mut P, number: usize) -> Keys<P> {
    let cipher = crypto.cipher_key(CipherAlgorithm::AesCbc, &packets::cipher_key(number));
    let integrity = crypto.integrity_key(IntegrityAlgorithm::HmacSha1_96, &packets::integrity_key(number));
    let (Ok(cipher), Ok(integrity)) = (cipher, integrity) else { panic!("keys fit") };
    Keys { cipher, integrity }
}

/// Sealing or opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Seal,
    Open,
}

/// Packets, with the number of the keys of each.
pub(crate) type Numbered = Vec<(usize, Vec<u8>)>;

/// The packets that go in, and those that are to come out.
pub(crate) fn before_and_after(burst: Burst, direction: Direction) -> (Numbered, Numbered) {
    let (plain, sealed) = (burst.packets(), sealed(burst));
    match direction {
        Direction::Seal => (plain, sealed),
        Direction::Open => {
            // Opening leaves the ICV as it came.
            let opened = plain.into_iter().zip(&sealed).map(|((keys, mut octets), (_, sealed))| {
                let icv_at = octets.len() - ICV_LEN;
                octets[icv_at..].copy_from_slice(&sealed[icv_at..]);
                (keys, octets)
            });
            (sealed.clone(), opened.collect())
        }
    }
}

/// Burst by burst through the seam, by `crypto`.
pub(crate) fn through_the_seam<P: CryptoProvider + 'static>(
    mut crypto: P,
    burst: Burst,
    direction: Direction,
) -> Box<dyn Entry> {
    let (before, after) = before_and_after(burst, direction);
    let (numbers, octets): (Vec<usize>, Vec<_>) = before.into_iter().unzip();
    let keys: Vec<Keys<P>> = (0..BURST).map(|number| keys(&mut crypto, number)).collect();
    let mut entry = Prepared::new(Pool::new(octets), Pool::reset, move |pool: &mut Pool| {
        let mut jobs = heapless::Vec::<_, BURST>::new();
        for (octets, &number) in pool.buffers.iter_mut().zip(&numbers) {
            let Keys { cipher, integrity } = &keys[number];
            let job = EspJob::new(cipher, integrity, octets, EspLengths { iv_len: IV_LEN, icv_len: ICV_LEN }, None)
                .expect("long enough");
            assert!(jobs.push(job).is_ok(), "more packets than a burst has");
        }
        match direction {
            Direction::Seal => crypto.esp_seal_many(black_box(&mut jobs)),
            Direction::Open => crypto.esp_open_many(black_box(&mut jobs)),
        }
        assert!(jobs.iter().all(|job| job.result().is_ok()));
    });
    for (actual, (_, expected)) in entry.once().buffers.iter().zip(&after) {
        assert_eq!(actual, expected, "{direction:?} {burst}");
    }
    Box::new(entry)
}

/// The same burst, packet by packet, by RustCrypto's primitives.
pub(crate) fn one_by_one(burst: Burst, direction: Direction) -> Box<dyn Entry> {
    let (before, after) = before_and_after(burst, direction);
    let (numbers, octets): (Vec<usize>, Vec<_>) = before.into_iter().unzip();
    let keys: Vec<Raw> = (0..BURST).map(raw).collect();
    let mut entry = Prepared::new(Pool::new(octets), Pool::reset, move |pool: &mut Pool| {
        for (octets, &number) in pool.buffers.iter_mut().zip(&numbers) {
            match direction {
                Direction::Seal => keys[number].seal(black_box(octets)),
                Direction::Open => assert!(keys[number].open(black_box(octets))),
            }
        }
    });
    for (actual, (_, expected)) in entry.once().buffers.iter().zip(&after) {
        assert_eq!(actual, expected, "{direction:?} {burst}");
    }
    Box::new(entry)
}

/// The ICVs of a burst alone, by RustCrypto's primitives: what sealing takes at least, where the hash goes packet by packet.
pub(crate) fn icvs(burst: Burst) -> Box<dyn Entry> {
    let (numbers, octets): (Vec<usize>, Vec<_>) = sealed(burst).into_iter().unzip();
    let keys: Vec<Raw> = (0..BURST).map(raw).collect();
    let after = octets.clone();
    let mut entry = Prepared::new(Pool::new(octets), Pool::reset, move |pool: &mut Pool| {
        for (octets, &number) in pool.buffers.iter_mut().zip(&numbers) {
            let icv_at = octets.len() - ICV_LEN;
            let (covered, icv) = black_box(octets).split_at_mut(icv_at);
            keys[number].icv(covered, icv);
        }
    });
    assert_eq!(entry.once().buffers, after);
    Box::new(entry)
}

/// What takes bursts: a provider through the seam, or the batch API of `ipsec` around it.
pub(crate) struct Contestant {
    pub(crate) provider: &'static str,
    /// Whether it does whole packets.
    pub(crate) whole: bool,
    pub(crate) entry: fn(Burst, Direction) -> Box<dyn Entry>,
}

/// All that there are.
pub(crate) fn contestants() -> Vec<Contestant> {
    let mut all = vec![
        Contestant {
            provider: "RustCrypto",
            whole: false,
            entry: |burst, way| through_the_seam(RustCrypto, burst, way),
        },
        Contestant { provider: "RustCrypto", whole: true, entry: |burst, way| whole::entry(RustCrypto, burst, way) },
    ];
    all.extend(simd());
    all
}

#[cfg(feature = "simd-detect")]
fn simd() -> Vec<Contestant> {
    vec![
        Contestant {
            provider: "SimdCrypto",
            whole: false,
            entry: |burst, way| through_the_seam(SimdCrypto::detect(), burst, way),
        },
        Contestant {
            provider: "SimdCrypto",
            whole: true,
            entry: |burst, way| whole::entry(SimdCrypto::detect(), burst, way),
        },
    ]
}

#[cfg(not(feature = "simd-detect"))]
fn simd() -> Vec<Contestant> {
    Vec::new()
}

impl Contestant {
    /// The row of a burst against `anchor`.
    pub(crate) fn row(&self, burst: Burst, direction: Direction, anchor: &'static str) -> Row {
        let word = if direction == Direction::Seal { "seal" } else { "open" };
        let whole = if self.whole { ", whole packets" } else { "" };
        let operation = format!("batch {word}, `{}`{whole}", self.provider);
        Row::new(&operation, burst, anchor, burst.packets().len())
    }
}

pub(crate) fn all(course: &mut dyn Course) {
    for contestant in contestants() {
        for direction in [Direction::Seal, Direction::Open] {
            for burst in Burst::all() {
                let row = contestant.row(burst, direction, "RustCrypto's primitives");
                if course.wants(&row) {
                    course.contest(row, &mut *(contestant.entry)(burst, direction), &mut *one_by_one(burst, direction));
                }
            }
        }
    }
}
