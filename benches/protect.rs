//! What protection costs beside its own cryptography: each operation next to the primitives it cannot do without, in one
//! run. Only the ratios mean something.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use xcast_sec::crypto::{CipherAlgorithm, CryptoProvider, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Freshness, PacketBuf, Protection, RoutingCoverage, Sa, SaConfig, SenderWindows, Spi, open, seal_with, verify_ah,
};
use xcast_sec::wire::{Ipv4Repr, UdpRepr, protocol};

const SIZES: [usize; 4] = [64, 256, 1024, 1400];
const HEADROOM: usize = 64;
const IV: [u8; 16] = [7; 16];

fn sa(protection: Protection<'_>) -> Sa<RustCrypto> {
    let config = SaConfig::new(Spi::new(0x1000).expect("not reserved"), protection);
    Sa::new(&config, &mut RustCrypto).expect("keys fit")
}

fn esp() -> Sa<RustCrypto> {
    sa(Protection::Esp {
        cipher: CipherAlgorithm::AesCbc,
        cipher_key: &[1; 16],
        integrity: Some((IntegrityAlgorithm::HmacSha1_96, &[2; 20])),
    })
}

fn ah() -> Sa<RustCrypto> {
    sa(Protection::Ah {
        integrity: IntegrityAlgorithm::HmacSha1_96,
        key: &[2; 20],
        coverage: RoutingCoverage::Covered,
        pad_to_8: false,
    })
}

/// A unicast IPv4 packet with `size` octets of UDP, in a buffer with room around it.
fn packet(size: usize) -> (Vec<u8>, usize) {
    let body = vec![0xab; size - 8];
    let udp = UdpRepr { source_port: 1, destination_port: 2, payload: &body };
    let (source, destination) = ([192, 0, 2, 1].into(), [10, 0, 0, 1].into());
    let ip =
        Ipv4Repr { tos: 0, ttl: 64, protocol: protocol::UDP, source, destination, options_len: 0, payload_len: size };
    let mut buffer = vec![0; HEADROOM + 20 + size + 64];
    ip.emit(&mut buffer[HEADROOM..]).expect("fits");
    udp.emit(source.into(), destination.into(), &mut buffer[HEADROOM + 20..]).expect("fits");
    (buffer, 20 + size)
}

fn sealed(sa: &Sa<RustCrypto>, size: usize) -> Vec<u8> {
    let (mut buffer, len) = packet(size);
    let mut packet = PacketBuf::new(&mut buffer, HEADROOM..HEADROOM + len).expect("in range");
    seal_with(sa, Freshness { sequence: 1, iv: &IV[..sa.iv_len()] }, &mut RustCrypto, None, &mut packet)
        .expect("seals");
    packet.as_octets().to_vec()
}

fn bench_esp(c: &mut Criterion) {
    let sa = esp();
    let cipher = RustCrypto.cipher_key(CipherAlgorithm::AesCbc, &[1; 16]).expect("fits");
    let integrity = RustCrypto.integrity_key(IntegrityAlgorithm::HmacSha1_96, &[2; 20]).expect("fits");
    for size in SIZES {
        let mut group = c.benchmark_group(format!("esp/{size}"));
        let (buffer, len) = packet(size);
        group.bench_function(BenchmarkId::new("seal", "xcast-sec"), |b| {
            b.iter_batched_ref(
                || buffer.clone(),
                |buffer| {
                    let mut packet = PacketBuf::new(buffer, HEADROOM..HEADROOM + len).expect("in range");
                    let freshness = Freshness { sequence: 1, iv: &IV };
                    seal_with(&sa, freshness, &mut RustCrypto, None, black_box(&mut packet)).expect("seals");
                },
                BatchSize::SmallInput,
            );
        });
        let protected = sealed(&sa, size);
        let data_len = protected.len() - 20 - 8 - 16 - 12;
        group.bench_function(BenchmarkId::new("seal", "primitives alone"), |b| {
            b.iter_batched_ref(
                || protected.clone(),
                |packet| {
                    RustCrypto.encrypt(&cipher, &IV, black_box(&mut packet[44..44 + data_len])).expect("encrypts");
                    black_box(RustCrypto.icv(&integrity, [&packet[20..44 + data_len]]).expect("computes"));
                },
                BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("open", "xcast-sec"), |b| {
            b.iter_batched_ref(
                || (protected.clone(), SenderWindows::<16, 2>::new(128).expect("a size")),
                |(buffer, windows)| {
                    let len = buffer.len();
                    let mut packet = PacketBuf::new(buffer, 0..len).expect("in range");
                    open(&sa, windows, &mut RustCrypto, None, black_box(&mut packet)).expect("opens");
                },
                BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("open", "primitives alone"), |b| {
            b.iter_batched_ref(
                || protected.clone(),
                |packet| {
                    let icv_at = packet.len() - 12;
                    RustCrypto.verify_icv(&integrity, [&packet[20..icv_at]], &packet[icv_at..]).expect("verifies");
                    RustCrypto.decrypt(&cipher, &IV, black_box(&mut packet[44..44 + data_len])).expect("decrypts");
                },
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

fn bench_ah(c: &mut Criterion) {
    let sa = ah();
    let integrity = RustCrypto.integrity_key(IntegrityAlgorithm::HmacSha1_96, &[2; 20]).expect("fits");
    for size in SIZES {
        let mut group = c.benchmark_group(format!("ah/{size}"));
        let protected = sealed(&sa, size);
        group.bench_function(BenchmarkId::new("verify", "xcast-sec"), |b| {
            b.iter_batched_ref(
                || SenderWindows::<16, 2>::new(128).expect("a size"),
                |windows| verify_ah(&sa, windows, &mut RustCrypto, None, black_box(&protected)).expect("verifies"),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("verify", "HMAC alone"), |b| {
            b.iter(|| black_box(RustCrypto.icv(&integrity, [black_box(&protected[..])]).expect("computes")));
        });
        group.finish();
    }
}

criterion_group!(benches, bench_esp, bench_ah);
criterion_main!(benches);
