//! How long an association lasts, what counts against it, and what survives a restart.
#![cfg(feature = "rust-crypto")]

mod common;
#[path = "common/failed.rs"]
mod failed;
#[path = "common/keys.rs"]
mod keys;

use failed::Failed;
use keys::takes_keys_as_rust_crypto;
use std::collections::HashSet;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use common::{destination, source};
use proptest::prelude::*;
use xcast_sec::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm,
    RustCrypto,
};
use xcast_sec::ipsec::{
    Lifetimes, LimitKind, Limits, Mode, OutboundSa, OuterHeader, PacketBuf, PathMtu, Protection, RoutingCoverage, Sa,
    SaConfig, SaError, SealError, Sealed, SenderId, SequenceCounter, SequenceError, Spi, Tfc, Usage,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{Family, Ipv4Repr, Ipv6Repr, UdpRepr, protocol};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const KEY: [u8; 64] = [0x5a; 64];
/// How many octets a sealing buffer has on each side of the packet.
const ROOM: usize = 600;
const LAST: u64 = u32::MAX as u64;

// ---------------------------------------------------------------------------------------------------------------------
// Packets and associations.

/// A packet between hosts that holds a datagram of `payload_len` octets behind the UDP header.
fn datagram(family: Family, payload_len: usize) -> Vec<u8> {
    let payload = vec![0xee; payload_len];
    let udp = UdpRepr { source_port: 4000, destination_port: 5000, payload: &payload };
    let header_len = family.min_header_len();
    let mut packet = vec![0; header_len + udp.encoded_len()];
    let (source, destination, payload_len) = (source(family), destination(family, 7), udp.encoded_len());
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let protocol = protocol::UDP;
            Ipv4Repr { tos: 0, ttl: 64, protocol, source, destination, options_len: 0, payload_len }.emit(&mut packet)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let next_header = protocol::UDP;
            Ipv6Repr { traffic_class: 0, hop_limit: 64, next_header, source, destination, payload_len }
                .emit(&mut packet)
        }
        _ => unreachable!(),
    }
    .unwrap();
    udp.emit(source, destination, &mut packet[header_len..]).unwrap();
    packet
}

fn ah(integrity: IntegrityAlgorithm) -> Protection<'static> {
    let key = &KEY[..integrity.key_len()];
    Protection::Ah { integrity, key, coverage: RoutingCoverage::Covered, pad_to_8: false }
}

fn esp(cipher: CipherAlgorithm, key_len: usize) -> Protection<'static> {
    let integrity = Some((IntegrityAlgorithm::HmacSha2_256_128, &KEY[..32]));
    Protection::Esp { cipher, cipher_key: &KEY[..key_len], integrity }
}

fn gcm() -> Protection<'static> {
    Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &KEY[..20] }
}

/// AH, and ESP with each cipher: with what it encrypts in multiples of, 0 for AH.
fn protections() -> [(Protection<'static>, usize); 7] {
    use CipherAlgorithm::{AesCbc, AesCtr, Null};
    [
        (ah(IntegrityAlgorithm::HmacSha2_256_128), 0),
        (ah(IntegrityAlgorithm::HmacSha2_512_256), 0),
        (esp(Null, 0), 4),
        (esp(AesCbc, 16), 16),
        (esp(AesCtr, 20), 4),
        (gcm(), 4),
        (Protection::EspCombined { algorithm: AeadAlgorithm::ChaCha20Poly1305, key: &KEY[..36] }, 4),
    ]
}

/// For one sender, so that no algorithm needs an identifier; in a tunnel of IPv6, which is its own.
fn config(protection: Protection<'_>, family: Family) -> SaConfig<'_> {
    SaConfig { source: Some(source(family)), ..SaConfig::new(Spi::new(0x1000).unwrap(), protection) }
}

fn tunnel() -> Mode {
    Mode::Tunnel(OuterHeader::between(source(Family::V6), destination(Family::V6, 9), 64))
}

fn limited<'k>(protection: Protection<'k>, soft: Limits, hard: Limits) -> SaConfig<'k> {
    SaConfig { lifetimes: Lifetimes { soft, hard }, ..config(protection, Family::V4) }
}

fn outbound(config: &SaConfig<'_>, now: Instant) -> OutboundSa<RustCrypto> {
    OutboundSa::new(Sa::new(config, &mut RustCrypto).unwrap(), now).unwrap()
}

/// A sender that has used the numbers up to `last`, and may use all the others.
fn outbound_after(config: &SaConfig<'_>, last: u64, sender: SenderId) -> OutboundSa<RustCrypto> {
    let sa = Sa::new(config, &mut RustCrypto).unwrap();
    let mut outbound = OutboundSa::resume(sa, last, sender, Usage::new(Instant::START)).unwrap();
    outbound.reserve(u64::MAX).commit();
    outbound
}

fn time(limit: Duration) -> Limits {
    Limits { time: Some(limit), ..Limits::NONE }
}

const fn octets(limit: u64) -> Limits {
    Limits { octets: Some(limit), ..Limits::NONE }
}

const fn packets(limit: u64) -> Limits {
    Limits { packets: Some(limit), ..Limits::NONE }
}

// ---------------------------------------------------------------------------------------------------------------------
// Sealing.

/// A generator that fails, or one that counts how often it was asked.
#[derive(Default)]
struct Generator {
    fails: bool,
    asked: u32,
}

impl rand_core::TryRng for Generator {
    type Error = Failed;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut octets = [0; 4];
        self.try_fill_bytes(&mut octets).map(|()| u32::from_be_bytes(octets))
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut octets = [0; 8];
        self.try_fill_bytes(&mut octets).map(|()| u64::from_be_bytes(octets))
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        self.asked += 1;
        octets.fill(self.asked as u8);
        if self.fails { Err(Failed) } else { Ok(()) }
    }
}
impl rand_core::TryCryptoRng for Generator {}

/// What an [`OutboundSa`] shows of its state.
fn state<P: CryptoProvider>(outbound: &OutboundSa<P>) -> (u64, u64, u64, Usage, PathMtu) {
    let counter = outbound.counter();
    (counter.last(), counter.reserved(), counter.remaining(), *outbound.usage(), *outbound.path_mtu())
}

/// Seals a packet, or a dummy made of it, with `room` octets on each side.
fn seal_in(
    outbound: &mut OutboundSa<RustCrypto>,
    now: Instant,
    rng: &mut Generator,
    (packet, is_dummy, room): (&[u8], bool, usize),
) -> Result<(Sealed, Vec<u8>), SealError> {
    let before = state(outbound);
    let range = room..room + packet.len();
    let mut storage = vec![0xa5; packet.len() + 2 * room];
    storage[range.clone()].copy_from_slice(packet);
    let mut buffer = PacketBuf::new(&mut storage, range.clone()).unwrap();
    let seal = if is_dummy { OutboundSa::seal_dummy } else { OutboundSa::seal };
    let result = seal(outbound, now, &mut RustCrypto, rng, None, &mut buffer);
    if let Err(error) = result {
        assert_eq!((buffer.as_octets(), buffer.range()), (packet, range), "refused, and changed: {error}");
        if error != SealError::Random {
            assert_eq!(state(outbound), before, "refused, and something is used up: {error}");
        }
    }
    result.map(|sealed| (sealed, buffer.as_octets().to_vec()))
}

fn seal(outbound: &mut OutboundSa<RustCrypto>, now: Instant, packet: &[u8]) -> Result<(Sealed, Vec<u8>), SealError> {
    let mut rng = Generator::default();
    let result = seal_in(outbound, now, &mut rng, (packet, false, ROOM));
    assert!(result.is_ok() || rng.asked == 0, "nothing random for a packet that is refused");
    result
}

/// The soft limit reported with a packet that must be sealed.
fn soft(outbound: &mut OutboundSa<RustCrypto>, now: Instant, packet: &[u8]) -> Option<LimitKind> {
    let (sealed, _) = seal(outbound, now, packet).unwrap();
    assert_eq!(outbound.soft_limit(now), sealed.soft_limit, "asked and told alike");
    sealed.soft_limit
}

// ---------------------------------------------------------------------------------------------------------------------
// Limits, each alone.

/// RFC 4301 §4.4.2.1: a time interval, from when it was set up. Its end is its limit; a clock that runs backwards ends nothing.
#[test]
fn time_ends_an_association() {
    let (start, limit) = (Instant::from_secs(1_000), Duration::from_secs(10));
    let packet = datagram(Family::V4, 20);
    let at = |micros: u64| Instant::from_micros(start.as_micros() + micros);
    for (protection, _) in protections() {
        let mut outbound = outbound(&limited(protection, Limits::NONE, time(limit)), start);
        for moment in [start, at(1), at(9_999_999), Instant::START, Instant::from_secs(999), at(9_999_999)] {
            assert!(seal(&mut outbound, moment, &packet).is_ok());
        }
        for moment in [at(10_000_000), at(10_000_001), Instant::from_micros(u64::MAX)] {
            assert_eq!(seal(&mut outbound, moment, &packet), Err(SealError::Expired(LimitKind::Time)));
        }
        assert!(seal(&mut outbound, at(9_999_999), &packet).is_ok());
        assert_eq!(outbound.usage().packets(), 7);

        let mut never = self::outbound(&limited(protection, Limits::NONE, time(Duration::ZERO)), start);
        assert_eq!(seal(&mut never, start, &packet), Err(SealError::Expired(LimitKind::Time)));
        let mut always = self::outbound(&limited(protection, Limits::NONE, Limits::NONE), start);
        assert!(seal(&mut always, Instant::from_micros(u64::MAX), &packet).is_ok());
    }
}

#[test]
fn packets_end_an_association() {
    let packet = datagram(Family::V4, 20);
    for (protection, _) in protections() {
        for limit in [0, 1, 2, 17] {
            let mut outbound = outbound(&limited(protection, Limits::NONE, packets(limit)), Instant::START);
            for number in 1..=limit {
                assert_eq!(seal(&mut outbound, Instant::START, &packet).unwrap().0.sequence, number);
            }
            for _ in 0..3 {
                let refused = Err(SealError::Expired(LimitKind::Packets));
                assert_eq!(seal(&mut outbound, Instant::START, &packet), refused);
            }
            assert_eq!((outbound.counter().last(), outbound.usage().packets()), (limit, limit));
        }
    }
}

/// Octets of AH in front of IPv4, or IPv6, and of ESP's vector.
fn header_sizes(protection: &Protection<'_>) -> (usize, usize) {
    match protection {
        // RFC 4302 §3.3.3.2.1: 12 octets and the ICV, to a multiple of 4 or 8.
        Protection::Ah { integrity: IntegrityAlgorithm::HmacSha2_512_256, .. } => (44, 48),
        Protection::Ah { .. } => (28, 32),
        _ => (0, 0),
    }
}

/// Octets that the algorithm is applied to (RFC 4301 §4.4.2.1 a): of AH the packet, of ESP what is encrypted. `len` is that of
/// the packet, `headers` of what stands in front of what ESP protects, `padded` what TFC pads that to.
fn processed(
    (protection, multiple): (&Protection<'_>, usize),
    family: Family,
    mode: &Mode,
    len: usize,
    padded: impl Fn(usize) -> usize,
) -> u64 {
    let (ah_v4, ah_v6) = header_sizes(protection);
    let is_tunnel = *mode != Mode::Transport;
    let octets = match (multiple, is_tunnel, family) {
        (0, false, Family::V4) => len + ah_v4,
        (0, false, Family::V6) => len + ah_v6,
        (0, true, _) => 40 + ah_v6 + len,
        (_, false, _) => (padded(len - family.min_header_len()) + 2).next_multiple_of(multiple),
        (_, true, _) => (padded(len) + 2).next_multiple_of(multiple),
    };
    octets as u64
}

/// RFC 4301 §4.4.2.1 a: of ESP what is encrypted, padding, TFC padding and trailer included, and neither headers, vector nor
/// ICV; of AH what is authenticated, which is the packet as it leaves.
#[test]
fn octets_are_those_the_algorithm_is_applied_to() {
    let unit = NonZeroU16::new(64).unwrap();
    for (protection, multiple) in protections() {
        for family in FAMILIES {
            for mode in [Mode::Transport, tunnel()] {
                for tfc in [Tfc::None, Tfc::AtLeast(100), Tfc::MultipleOf(unit)] {
                    let is_ah = multiple == 0;
                    if is_ah && tfc != Tfc::None {
                        continue;
                    }
                    let source = Some(source(if mode == Mode::Transport { family } else { Family::V6 }));
                    let mut outbound =
                        outbound(&SaConfig { mode, tfc, source, ..config(protection, family) }, Instant::START);
                    let mut expected = 0;
                    for (number, payload_len) in (0..200).chain([1000, 1471]).enumerate() {
                        let packet = datagram(family, payload_len);
                        let padded = |len: usize| match tfc {
                            Tfc::None => len,
                            Tfc::AtLeast(_) => len.max(100),
                            Tfc::MultipleOf(_) => len.next_multiple_of(64),
                        };
                        expected += processed((&protection, multiple), family, &mode, packet.len(), padded);
                        let is_dummy = !is_ah && number % 3 == 2;
                        let input = (&packet[..], is_dummy, ROOM);
                        seal_in(&mut outbound, Instant::START, &mut Generator::default(), input).unwrap();
                        let usage = outbound.usage();
                        let packets = number as u64 + 1;
                        assert_eq!(
                            (usage.octets(), usage.packets()),
                            (expected, packets),
                            "{protection:?} {payload_len}"
                        );
                    }
                }
            }
        }
    }
}

/// RFC 4301 §4.4.2.1: a byte count. It may be used up to the last octet; a packet that would go beyond is refused, a smaller one
/// may still fit.
#[test]
fn octets_end_an_association() {
    for (protection, multiple) in protections() {
        for payload_len in [0, 1, 13, 14, 15, 100, 1400] {
            let packet = datagram(Family::V4, payload_len);
            let per_packet = processed((&protection, multiple), Family::V4, &Mode::Transport, packet.len(), |len| len);
            let small = datagram(Family::V4, 0);
            let least = processed((&protection, multiple), Family::V4, &Mode::Transport, small.len(), |len| len);
            for (limit, fit) in [
                (5 * per_packet, 5),
                (5 * per_packet + 1, 5),
                (5 * per_packet - 1, 4),
                (6 * per_packet - 1, 5),
                (per_packet, 1),
                (per_packet - 1, 0),
                (0, 0),
            ] {
                let mut outbound = outbound(&limited(protection, Limits::NONE, octets(limit)), Instant::START);
                for _ in 0..fit {
                    assert!(seal(&mut outbound, Instant::START, &packet).is_ok(), "{limit} {per_packet}");
                }
                let refused = Err(SealError::Expired(LimitKind::Octets));
                assert_eq!(seal(&mut outbound, Instant::START, &packet), refused);
                assert_eq!(seal(&mut outbound, Instant::START, &packet), refused, "and again");
                let still_fits = fit * per_packet + least <= limit;
                assert_eq!(seal(&mut outbound, Instant::START, &small).is_ok(), still_fits);
                assert_eq!(outbound.counter().last(), fit + u64::from(still_fits));
            }
        }
        // The largest limit there is, and what cannot be counted any further.
        let config = limited(protection, Limits::NONE, octets(u64::MAX));
        let sa = Sa::new(&config, &mut RustCrypto).unwrap();
        let usage = Usage::resume(Instant::START, Duration::ZERO, u64::MAX - 1, u64::MAX - 1);
        let mut outbound = OutboundSa::resume(sa, 1, SenderId::new(1, 8).unwrap(), usage).unwrap();
        outbound.reserve(5).commit();
        assert!(seal(&mut outbound, Instant::START, &datagram(Family::V4, 0)).is_ok());
        assert_eq!((outbound.usage().octets(), outbound.usage().packets()), (u64::MAX, u64::MAX));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Limits together.

/// RFC 4301 §4.4.2.1: "a simultaneous use of both with the first lifetime to expire taking precedence".
#[test]
fn the_first_limit_to_be_reached_counts() {
    let packet = datagram(Family::V4, 20);
    let second = Instant::from_secs(1);
    for (protection, multiple) in protections() {
        let per_packet = processed((&protection, multiple), Family::V4, &Mode::Transport, packet.len(), |len| len);
        for (seconds, limit_octets, limit_packets, at, expected) in [
            (5, 100 * per_packet, 100, 5, LimitKind::Time),
            (9, 3 * per_packet, 100, 3, LimitKind::Octets),
            (9, 100 * per_packet, 3, 3, LimitKind::Packets),
            (4, 4 * per_packet, 4, 4, LimitKind::Time),
            (9, 4 * per_packet, 4, 4, LimitKind::Octets),
        ] {
            let hard = Limits {
                time: Some(Duration::from_secs(seconds)),
                octets: Some(limit_octets),
                packets: Some(limit_packets),
            };
            let mut outbound = outbound(&limited(protection, Limits::NONE, hard), Instant::START);
            for step in 0..at {
                let now = Instant::from_micros(step * second.as_micros());
                assert!(seal(&mut outbound, now, &packet).is_ok(), "{expected:?} after {step}");
            }
            let now = Instant::from_micros(at * second.as_micros());
            assert_eq!(seal(&mut outbound, now, &packet), Err(SealError::Expired(expected)));
        }
    }
}

/// One step of traffic: microseconds that pass before it, octets of its datagram.
type Step = (u64, usize);

fn limits() -> impl Strategy<Value = Limits> {
    use proptest::option::of;
    (of(0..3_000_u64), of(0..3_000_u64), of(0..30_u64)).prop_map(|(micros, octets, packets)| Limits {
        time: micros.map(Duration::from_micros),
        octets,
        packets,
    })
}

/// Which limit is passed, in the plainest form.
fn passed(limits: &Limits, age: u64, octets: u64, packets: u64) -> Option<LimitKind> {
    let time = limits.time.filter(|limit| u128::from(age) >= limit.as_micros()).map(|_| LimitKind::Time);
    let octets = limits.octets.filter(|limit| octets > *limit).map(|_| LimitKind::Octets);
    let packets = limits.packets.filter(|limit| packets > *limit).map(|_| LimitKind::Packets);
    time.or(octets).or(packets)
}

proptest! {
    /// Any limits, soft and hard, any traffic, from any moment and any use: what is sealed, refused and reported is what a
    /// plain count says (RFC 4301 §4.4.2.1).
    #[test]
    fn limits_are_what_they_say(
        choice in 0..7_usize,
        (soft, hard) in (limits(), limits()),
        (since, used_octets, used_packets) in (0..1_000_u64, 0..500_u64, 0..5_u64),
        steps in prop::collection::vec((0..300_u64, 0..80_usize), 1..40),
    ) {
        let (protection, multiple) = protections()[choice];
        let sa = Sa::new(&limited(protection, soft, hard), &mut RustCrypto).unwrap();
        let usage = Usage::resume(Instant::from_micros(since), Duration::ZERO, used_octets, used_packets);
        let mut outbound = OutboundSa::resume(sa, 0, SenderId::new(1, 8).unwrap(), usage).unwrap();
        outbound.reserve(1000).commit();
        let (mut now, mut octets, mut packets, mut number) = (since, used_octets, used_packets, 0);
        for (wait, payload_len) in steps as Vec<Step> {
            now += wait;
            let packet = datagram(Family::V4, payload_len);
            let more = processed((&protection, multiple), Family::V4, &Mode::Transport, packet.len(), |len| len);
            let result = seal(&mut outbound, Instant::from_micros(now), &packet).map(|(sealed, _)| sealed);
            match passed(&hard, now - since, octets + more, packets + 1) {
                Some(kind) => prop_assert_eq!(result, Err(SealError::Expired(kind))),
                None => {
                    (octets, packets, number) = (octets + more, packets + 1, number + 1);
                    let sealed = result.unwrap();
                    prop_assert_eq!(sealed.sequence, number);
                    prop_assert_eq!(sealed.soft_limit, passed(&soft, now - since, octets, packets));
                }
            }
            let told = outbound.soft_limit(Instant::from_micros(now));
            prop_assert_eq!(told, passed(&soft, now - since, octets, packets));
            prop_assert_eq!(*outbound.usage(), Usage::resume(Instant::from_micros(since), Duration::ZERO, octets, packets));
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Soft limits.

/// RFC 4301 §4.4.2.1 b: a soft lifetime warns and ends nothing. It is reported with the packet that passes it and with every
/// later one.
#[test]
fn soft_limits_are_reported_and_end_nothing() {
    let packet = datagram(Family::V4, 20);
    for (protection, multiple) in protections() {
        let per_packet = processed((&protection, multiple), Family::V4, &Mode::Transport, packet.len(), |len| len);
        let start = Instant::from_secs(50);
        for (limits, kind) in [
            (packets(3), LimitKind::Packets),
            (octets(3 * per_packet), LimitKind::Octets),
            (octets(4 * per_packet - 1), LimitKind::Octets),
            (time(Duration::from_secs(3)), LimitKind::Time),
        ] {
            let mut outbound = outbound(&limited(protection, limits, Limits::NONE), start);
            assert_eq!(outbound.soft_limit(start), None);
            for step in 0..20 {
                let now = start.after(Duration::from_secs(step));
                let expected = if step >= 3 { Some(kind) } else { None };
                assert_eq!(soft(&mut outbound, now, &packet), expected, "{limits:?} {step}");
            }
        }
        // Time is passed between packets too, and exactly at its limit.
        let outbound = self::outbound(&limited(protection, time(Duration::from_secs(3)), Limits::NONE), start);
        assert_eq!(outbound.soft_limit(Instant::from_micros(52_999_999)), None);
        assert_eq!(outbound.soft_limit(Instant::from_secs(53)), Some(LimitKind::Time));
        // A hard limit ends what a soft one only warned of.
        let mut outbound = self::outbound(&limited(protection, packets(1), packets(2)), start);
        assert_eq!(soft(&mut outbound, start, &packet), None);
        assert_eq!(soft(&mut outbound, start, &packet), Some(LimitKind::Packets));
        assert_eq!(seal(&mut outbound, start, &packet), Err(SealError::Expired(LimitKind::Packets)));
    }
}

/// RFC 4303 §3.3.3: another association "in anticipation of this value cycling": when fewer than a sixteenth of the numbers is
/// left (project-defined), of those that the identifier leaves. Limits that the host set come first.
#[test]
fn the_end_of_the_numbers_is_announced() {
    let packet = datagram(Family::V4, 20);
    let (only, one) = (SenderId::ONLY, SenderId::new(1, 16).unwrap());
    for (protection, _) in protections() {
        let counts = match protection {
            Protection::Esp { cipher, .. } => cipher == CipherAlgorithm::AesCtr,
            protection => matches!(protection, Protection::EspCombined { .. }),
        };
        for (esn, sender, last) in [
            (false, only, LAST),
            (false, one, LAST),
            (true, only, u64::MAX),
            (true, one, if counts { u64::MAX >> 16 } else { u64::MAX }),
        ] {
            let config = SaConfig { esn, ..config(protection, Family::V4) };
            let near = last - (last >> 4);
            let mut outbound = outbound_after(&config, near - 2, sender);
            assert_eq!(outbound.soft_limit(Instant::START), None);
            assert_eq!(soft(&mut outbound, Instant::START, &packet), None);
            assert_eq!(soft(&mut outbound, Instant::START, &packet), None, "exactly a sixteenth is left");
            for _ in 0..3 {
                assert_eq!(soft(&mut outbound, Instant::START, &packet), Some(LimitKind::SequenceNumbers));
            }
            let lifetimes = Lifetimes { soft: packets(1), hard: Limits::NONE };
            let mut outbound = outbound_after(&SaConfig { lifetimes, ..config }, last - 9, sender);
            assert_eq!(soft(&mut outbound, Instant::START, &packet), Some(LimitKind::Packets), "each number was one");
        }
    }
}

/// RFC 4302 §3.3.2, RFC 4303 §3.3.3: the sender MUST NOT send a packet if that made the number cycle.
#[test]
fn numbers_do_not_cycle() {
    let packet = datagram(Family::V4, 20);
    for (protection, _) in protections() {
        for (esn, last) in [(false, LAST), (true, u64::MAX)] {
            let config = SaConfig { esn, ..config(protection, Family::V4) };
            let mut outbound = outbound_after(&config, last - 2, SenderId::ONLY);
            for number in [last - 1, last] {
                let (sealed, _) = seal(&mut outbound, Instant::START, &packet).unwrap();
                assert_eq!((sealed.sequence, sealed.soft_limit), (number, Some(LimitKind::SequenceNumbers)));
            }
            for _ in 0..3 {
                assert_eq!(seal(&mut outbound, Instant::START, &packet), Err(SealError::Exhausted));
                // Nor can any more be reserved, or a restart help.
                let more = outbound.reserve(10);
                assert_eq!(more.up_to(), last);
                more.commit();
            }
            assert_eq!(outbound.usage().packets(), last, "each number saved may have been a packet");
            for saved in [last, u64::MAX] {
                let mut outbound = outbound_after(&config, saved, SenderId::ONLY);
                assert_eq!(seal(&mut outbound, Instant::START, &packet), Err(SealError::Exhausted));
                assert_eq!((outbound.counter().remaining(), outbound.counter().reserved()), (0, 0));
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// What is refused uses nothing up.

/// [`seal_in`] compares everything that an association shows before and after each refusal.
#[test]
fn a_refused_packet_uses_nothing_up() {
    let start = Instant::START;
    let fine = datagram(Family::V4, 20);
    let long = datagram(Family::V4, 65_507);
    let stranger = datagram(Family::V6, 20);
    for (protection, multiple) in protections() {
        let mut outbound = outbound(&config(protection, Family::V4), start);
        assert!(seal(&mut outbound, start, &fine).is_ok());
        let mut refused = |packet: &[u8]| seal(&mut outbound, start, packet).unwrap_err();
        assert!(matches!(refused(&[]), SealError::Parse(_)));
        assert!(matches!(refused(&fine[..30]), SealError::Parse(_)));
        assert!(matches!(refused(&long), SealError::PacketTooLong { .. }));
        assert_eq!(refused(&stranger), SealError::OtherAddresses);
        let mut rng = Generator::default();
        let result = seal_in(&mut outbound, start, &mut rng, (&fine, false, 3));
        assert!(matches!(result, Err(SealError::NoRoom { .. })));
        assert_eq!(rng.asked, 0);
        if multiple == 0 {
            let result = seal_in(&mut outbound, start, &mut rng, (&fine, true, ROOM));
            assert_eq!(result, Err(SealError::NotEsp));
        }
        assert_eq!(seal(&mut outbound, start, &fine).unwrap().0.sequence, 2);

        // A reservation that is used up, and one that is not committed.
        let sa = Sa::new(&config(protection, Family::V4), &mut RustCrypto).unwrap();
        let mut outbound = OutboundSa::resume(sa, 6, SenderId::ONLY, Usage::new(start)).unwrap();
        assert_eq!(seal(&mut outbound, start, &fine), Err(SealError::NotReserved));
        assert_eq!(outbound.reserve(1).up_to(), 7);
        assert_eq!(seal(&mut outbound, start, &fine), Err(SealError::NotReserved));
        outbound.reserve(1).commit();
        assert_eq!(seal(&mut outbound, start, &fine).unwrap().0.sequence, 7);
        assert_eq!(seal(&mut outbound, start, &fine), Err(SealError::NotReserved));
    }
}

/// RFC 4301 §8.2.1: longer than the path takes, exactly; believed for as long as it is (§8.2.2).
#[test]
fn a_packet_too_big_for_the_path_uses_nothing_up() {
    for (protection, _) in protections() {
        let mut outbound = outbound(&config(protection, Family::V4), Instant::START);
        let (_, sealed) = seal(&mut outbound, Instant::START, &datagram(Family::V4, 700)).unwrap();
        assert!(outbound.path_mtu_mut().learn(sealed.len(), Family::V4, Instant::START));
        assert!(seal(&mut outbound, Instant::START, &datagram(Family::V4, 700)).is_ok());
        assert!(outbound.path_mtu_mut().learn(sealed.len() - 1, Family::V4, Instant::START));
        let too_big = SealError::TooBig { len: sealed.len(), mtu: sealed.len() - 1 };
        assert_eq!(seal(&mut outbound, Instant::START, &datagram(Family::V4, 700)), Err(too_big));
        assert!(seal(&mut outbound, Instant::START, &datagram(Family::V4, 500)).is_ok());
        let forgotten = Instant::START.after(PathMtu::LIFETIME);
        assert!(seal(&mut outbound, forgotten, &datagram(Family::V4, 700)).is_ok());
    }
}

/// A number that was given out is skipped if no vector can be had: the packet might have been sent. It does not count as a
/// packet (`OutboundSa::seal`).
#[test]
fn without_randomness_a_number_is_skipped() {
    let packet = datagram(Family::V4, 20);
    for (protection, multiple) in protections() {
        let needs_random = multiple == 16;
        let mut outbound = outbound(&config(protection, Family::V4), Instant::START);
        let mut rng = Generator { fails: true, asked: 0 };
        let result = seal_in(&mut outbound, Instant::START, &mut rng, (&packet, false, ROOM));
        if !needs_random {
            // RFC 3686 §3.1, RFC 4106 §3.1, RFC 7634 §2: a counter does. RFC 2410 and AH have none.
            assert_eq!((result.map(|(sealed, _)| sealed.sequence), rng.asked), (Ok(1), 0));
            continue;
        }
        assert_eq!((result, rng.asked), (Err(SealError::Random), 1));
        assert_eq!((outbound.counter().last(), *outbound.usage()), (1, Usage::new(Instant::START)));
        assert_eq!(seal(&mut outbound, Instant::START, &packet).unwrap().0.sequence, 2);
    }
}

/// A provider that can be told to fail.
struct Failing(bool);

impl Failing {
    fn unless_told<T>(&self, result: Result<T, CryptoError>) -> Result<T, CryptoError> {
        if self.0 { Err(CryptoError::Provider) } else { result }
    }
}

impl CryptoProvider for Failing {
    takes_keys_as_rust_crypto!();

    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        let result = RustCrypto.icv(key, parts);
        self.unless_told(result)
    }
    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        RustCrypto.encrypt(key, iv, data)
    }
    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        RustCrypto.decrypt(key, iv, data)
    }
    fn aead_seal(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        let result = RustCrypto.aead_seal(key, iv, aad, data);
        self.unless_told(result)
    }
    fn aead_open(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        RustCrypto.aead_open(key, iv, aad, data, tag)
    }
}

/// The number and vector of a packet that the provider broke off are not used for the next one: half of it may have been seen.
#[test]
fn a_provider_that_fails_costs_a_number() {
    let packet = datagram(Family::V4, 20);
    for (protection, _) in protections() {
        let mut crypto = Failing(true);
        let sa = Sa::new(&config(protection, Family::V4), &mut crypto).unwrap();
        let mut outbound = OutboundSa::new(sa, Instant::START).unwrap();
        for (fails, expected) in [
            (true, Err(SealError::Crypto(CryptoError::Provider))),
            (false, Ok(2)),
            (true, Err(SealError::Crypto(CryptoError::Provider))),
            (false, Ok(4)),
        ] {
            crypto.0 = fails;
            let mut storage = vec![0; packet.len() + 2 * ROOM];
            storage[ROOM..ROOM + packet.len()].copy_from_slice(&packet);
            let mut buffer = PacketBuf::new(&mut storage, ROOM..ROOM + packet.len()).unwrap();
            let mut rng = Generator::default();
            let result = outbound.seal(Instant::START, &mut crypto, &mut rng, None, &mut buffer);
            assert_eq!(result.map(|sealed| sealed.sequence), expected);
        }
        assert_eq!((outbound.counter().last(), outbound.usage().packets()), (4, 2));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Restarts.

/// What happens to one of the senders of a group.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// It wants to seal so many packets.
    Seal(u8),
    /// It reserves so many numbers, saves and commits that.
    Reserve(u64),
    /// It reserves and lets go of it again, without saving.
    Abandon(u64),
    /// It reserves and saves, and does not commit.
    SaveOnly(u64),
    /// It stops at once, and starts again from what is saved.
    Restart,
    /// It reserves, and stops before that is saved.
    StopBeforeSaving(u64),
    /// It reserves and saves, and stops before it commits.
    StopAfterSaving(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..12_u8).prop_map(Event::Seal),
        4 => (0..20_u64).prop_map(Event::Reserve),
        1 => Just(Event::Reserve(u64::MAX >> 40)),
        1 => (0..20_u64).prop_map(Event::Abandon),
        1 => (0..20_u64).prop_map(Event::SaveOnly),
        3 => Just(Event::Restart),
        1 => (0..20_u64).prop_map(Event::StopBeforeSaving),
        1 => (0..20_u64).prop_map(Event::StopAfterSaving),
    ]
}

/// One sender of a group: what it keeps in memory, and what in storage.
struct Host<'k> {
    config: SaConfig<'k>,
    sender: SenderId,
    outbound: OutboundSa<RustCrypto>,
    saved: u64,
    highest: u64,
}

impl<'k> Host<'k> {
    fn start(config: SaConfig<'k>, sender: SenderId, saved: u64) -> Self {
        let sa = Sa::new(&config, &mut RustCrypto).unwrap();
        let outbound = OutboundSa::resume(sa, saved, sender, Usage::new(Instant::START)).unwrap();
        Self { config, sender, outbound, saved, highest: saved }
    }

    fn restart(&mut self) {
        let highest = self.highest;
        *self = Self { highest, ..Self::start(self.config, self.sender, self.saved) };
        assert_eq!(self.outbound.counter().reserved(), 0, "nothing before it is reserved again");
    }

    fn save(&mut self, count: u64) {
        let counter = self.outbound.counter();
        let usable = counter.last() + counter.reserved();
        self.saved = self.outbound.reserve(count).up_to();
        assert!(self.saved >= usable, "what is saved does not fall behind what may be used");
    }

    /// Seals a packet: its number and its vector.
    fn seal(&mut self, packet: &[u8]) -> Option<(u64, Vec<u8>)> {
        let (reserved, remaining) = (self.outbound.counter().reserved(), self.outbound.counter().remaining());
        match seal(&mut self.outbound, Instant::START, packet) {
            Ok((sealed, octets)) => {
                assert!(reserved > 0 && sealed.sequence > self.highest && sealed.sequence <= self.saved);
                self.highest = sealed.sequence;
                Some((sealed.sequence, octets[28..36].to_vec()))
            }
            Err(error) => {
                let expected = if remaining == 0 { SealError::Exhausted } else { SealError::NotReserved };
                assert_eq!((error, reserved), (expected, 0));
                None
            }
        }
    }

    fn happens(&mut self, event: Event, packet: &[u8], used: &mut impl FnMut(u64, Vec<u8>)) {
        match event {
            Event::Seal(count) => {
                for _ in 0..count {
                    if let Some((sequence, vector)) = self.seal(packet) {
                        used(sequence, vector);
                    }
                }
            }
            Event::Reserve(count) => {
                let before = self.outbound.counter().reserved();
                let left = self.outbound.counter().remaining();
                self.save(count);
                self.outbound.reserve(count).commit();
                assert_eq!(self.outbound.counter().reserved(), before.max(count).min(left));
            }
            Event::Abandon(count) => drop(self.outbound.reserve(count)),
            Event::SaveOnly(count) => self.save(count),
            Event::Restart => self.restart(),
            Event::StopBeforeSaving(count) => {
                drop(self.outbound.reserve(count));
                self.restart();
            }
            Event::StopAfterSaving(count) => {
                self.save(count);
                self.restart();
            }
        }
    }
}

proptest! {
    /// RFC 6054 §5 and RFC 4303 §3.3.3: over any number of restarts, at any moment, no sender uses a number twice, and no vector
    /// is used twice under the key that all of them share.
    #[test]
    fn no_restart_repeats_a_number_or_a_vector(
        cipher in 0..4_usize,
        esn in any::<bool>(),
        bits in prop::sample::select(vec![0_u32, 8, 12, 16]),
        start in 0..4_usize,
        events in prop::collection::vec((0..3_u16, event()), 1..60),
    ) {
        use CipherAlgorithm::{AesCbc, AesCtr};
        let (protection, counts) = [
            (gcm(), true),
            (esp(AesCtr, 20), true),
            (esp(AesCbc, 16), false),
            (ah(IntegrityAlgorithm::HmacSha1_96), false),
        ][cipher];
        let config = SaConfig {
            esn,
            // Identifiers are for a key of any sender; without them there is one.
            source: (bits == 0).then_some(source(Family::V4)),
            ..SaConfig::new(Spi::new(0x1000).unwrap(), protection)
        };
        let last = match (esn, counts) {
            (false, _) => LAST,
            (true, true) => u64::MAX >> bits,
            (true, false) => u64::MAX,
        };
        // From the beginning, across the upper half's first step, and up to the end.
        let saved = [0, LAST.min(last) - 25, last - 40, last - 3][start];
        let ids = if bits == 0 { 1 } else { 3 };
        let sender = |id| if bits == 0 { SenderId::ONLY } else { SenderId::new(id, bits).unwrap() };
        let mut hosts: Vec<_> = (0..ids).map(|id| Host::start(config, sender(id), saved)).collect();
        let packet = datagram(Family::V4, 4);
        let (mut numbers, mut vectors) = (HashSet::new(), HashSet::new());
        for (index, event) in events {
            let index = usize::from(index) % hosts.len();
            hosts[index].happens(event, &packet, &mut |sequence, vector| {
                assert!(numbers.insert((index, sequence)), "number {sequence:#x} a second time");
                assert!(!counts || vectors.insert(vector), "the vector of {sequence:#x} a second time");
                assert!(sequence > saved && sequence <= last);
            });
        }
    }
}

/// RFC 4301 §4.4.2.1: what was used up before a restart counts after it.
#[test]
fn a_restart_does_not_renew_an_association() {
    let packet = datagram(Family::V4, 20);
    for (protection, multiple) in protections() {
        let per_packet = processed((&protection, multiple), Family::V4, &Mode::Transport, packet.len(), |len| len);
        for (hard, kind) in [
            // Every number reserved counts: ten in each life.
            (packets(45), LimitKind::Packets),
            (octets(5 * per_packet), LimitKind::Octets),
            (time(Duration::from_secs(5)), LimitKind::Time),
        ] {
            let config = limited(protection, Limits::NONE, hard);
            let mut saved = (0, Usage::new(Instant::from_secs(100)));
            for life in 0..5 {
                let sa = Sa::new(&config, &mut RustCrypto).unwrap();
                let mut outbound = OutboundSa::resume(sa, saved.0, SenderId::ONLY, saved.1).unwrap();
                outbound.reserve(10).commit();
                let now = Instant::from_secs(100 + life);
                assert_eq!(seal(&mut outbound, now, &packet).unwrap().0.sequence, saved.0 + 1);
                let usage = outbound.usage();
                saved = (saved.0 + 10, Usage::resume(now, usage.age(now), usage.octets(), usage.packets()));
            }
            let sa = Sa::new(&config, &mut RustCrypto).unwrap();
            let mut outbound = OutboundSa::resume(sa, saved.0, SenderId::ONLY, saved.1).unwrap();
            outbound.reserve(10).commit();
            assert_eq!(seal(&mut outbound, Instant::from_secs(105), &packet), Err(SealError::Expired(kind)));
        }
    }
}

/// RFC 6054 §3 for a sender that goes on as for one that begins: under a key for any sender it needs an identifier.
#[test]
fn a_sender_that_goes_on_needs_its_identifier() {
    for (protection, _) in protections() {
        let counts = match protection {
            Protection::Esp { cipher, .. } => cipher == CipherAlgorithm::AesCtr,
            protection => matches!(protection, Protection::EspCombined { .. }),
        };
        let usage = Usage::new(Instant::START);
        let resume = |config: SaConfig<'_>, sender| {
            let sa = Sa::new(&config, &mut RustCrypto).unwrap();
            OutboundSa::resume(sa, 0, sender, usage).is_ok()
        };
        let own = config(protection, Family::V4);
        let any = SaConfig { source: None, ..own };
        assert!(resume(own, SenderId::ONLY) && resume(any, SenderId::new(0, 8).unwrap()));
        assert_eq!(resume(any, SenderId::ONLY), !counts);
        let begin = |config: SaConfig<'_>| {
            let sa = Sa::new(&config, &mut RustCrypto).unwrap();
            OutboundSa::new(sa, Instant::START).map(|outbound| outbound.counter().remaining())
        };
        assert_eq!(begin(own), Ok(LAST));
        assert_eq!(begin(any), if counts { Err(SaError::SenderIdNeeded) } else { Ok(LAST) });
    }
}

/// The counter alone, as a host with its own sealing would use it (RFC 4302 §3.3.2, RFC 4303 §3.3.3).
#[test]
fn a_counter_gives_out_each_number_once() {
    let mut counter = SequenceCounter::resume(LAST - 3, false);
    assert_eq!((counter.last(), counter.remaining(), counter.reserved()), (LAST - 3, 3, 0));
    assert_eq!(counter.advance(), Err(SequenceError::NotReserved));
    counter.reserve(2).commit();
    assert_eq!((counter.advance(), counter.advance()), (Ok(LAST - 2), Ok(LAST - 1)));
    assert_eq!(counter.advance(), Err(SequenceError::NotReserved));
    let rest = counter.reserve(100);
    assert_eq!(rest.up_to(), LAST);
    rest.commit();
    assert_eq!((counter.advance(), counter.advance()), (Ok(LAST), Err(SequenceError::Exhausted)));
    assert!(counter.is_near_end());
    // Reserved without being saved first, a smaller reservation takes nothing back.
    let mut counter = SequenceCounter::new(true);
    assert_eq!((counter.reserved(), counter.reserve(5).up_to()), (u64::MAX, u64::MAX));
    counter.reserve(0).commit();
    assert_eq!((counter.advance(), counter.remaining()), (Ok(1), u64::MAX - 1));
}
