//! What protection costs in octets (RFC 4301 §8), told before and measured after.
#![cfg(feature = "rust-crypto")]

#[path = "common/algorithms.rs"]
mod algorithms;
#[path = "common/blank.rs"]
mod blank;
mod common;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use algorithms::INTEGRITY;
use blank::Blank;
use common::{Packet, destination, source};
use proptest::prelude::*;
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, CryptoProvider, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Freshness, Mode, OuterHeader, PacketBuf, Protection, RoutingCoverage, Sa, SaConfig, SealError, SecurityProtocol,
    Spi, Tfc, seal_dummy_with, seal_with,
};
use xcast_sec::wire::{BitmapPlace, CodePoints, Family, Ipv4Repr, Ipv6Repr, protocol};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const KEY: [u8; 64] = [0x5a; 64];
/// Octets in front of the packet in the big buffer.
const ROOM: usize = 300;

// ---------------------------------------------------------------------------------------------------------------------
// Associations.

fn ah(integrity: IntegrityAlgorithm, pad_to_8: bool) -> Protection<'static> {
    let key = &KEY[..integrity.key_len()];
    Protection::Ah { integrity, key, coverage: RoutingCoverage::Covered, pad_to_8 }
}

fn esp(cipher: CipherAlgorithm, integrity: IntegrityAlgorithm) -> Protection<'static> {
    let key_len = match cipher {
        CipherAlgorithm::AesCbc => 16,
        CipherAlgorithm::AesCtr => 20,
        _ => 0,
    };
    let integrity = Some((integrity, &KEY[..integrity.key_len()]));
    Protection::Esp { cipher, cipher_key: &KEY[..key_len], integrity }
}

fn ahs() -> Vec<Protection<'static>> {
    INTEGRITY.into_iter().flat_map(|integrity| [false, true].map(|pad| ah(integrity, pad))).collect()
}

fn esps() -> Vec<Protection<'static>> {
    use CipherAlgorithm::{AesCbc, AesCtr, Null};
    let separate = [Null, AesCbc, AesCtr].into_iter().flat_map(|cipher| INTEGRITY.map(|own| esp(cipher, own)));
    let mut all: Vec<_> = separate.collect();
    all.push(Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &KEY[..20] });
    all.push(Protection::EspCombined { algorithm: AeadAlgorithm::ChaCha20Poly1305, key: &KEY[..36] });
    all
}

const TFCS: [Tfc; 5] = [
    Tfc::None,
    // Whole blocks, with the trailer.
    Tfc::AtLeast(302),
    Tfc::AtLeast(1281),
    Tfc::MultipleOf(NonZeroU16::new(64).unwrap()),
    Tfc::MultipleOf(NonZeroU16::new(333).unwrap()),
];

fn tunnel(family: Family) -> Mode {
    let (near, far): (IpAddr, IpAddr) = match family {
        Family::V4 => (Ipv4Addr::new(203, 0, 113, 1).into(), Ipv4Addr::new(203, 0, 113, 2).into()),
        Family::V6 => (
            Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 2).into(),
        ),
    };
    Mode::Tunnel(OuterHeader::between(near, far, 64))
}

fn modes() -> [Mode; 4] {
    [Mode::Transport, tunnel(Family::V4), tunnel(Family::V6), Mode::Tunnel(OuterHeader::preserving(64))]
}

fn config(protection: Protection<'_>, mode: Mode, tfc: Tfc) -> SaConfig<'_> {
    let rfc8221_exemption = Some(IntegrityAlgorithm::HmacMd5_96);
    SaConfig { mode, tfc, rfc8221_exemption, ..SaConfig::new(Spi::new(0x1000).unwrap(), protection) }
}

/// Every algorithm, protocol, mode and padding.
fn configs() -> Vec<SaConfig<'static>> {
    let mut all = Vec::new();
    for mode in modes() {
        all.extend(ahs().into_iter().map(|protection| config(protection, mode, Tfc::None)));
        for tfc in TFCS {
            all.extend(esps().into_iter().map(|protection| config(protection, mode, tfc)));
        }
    }
    all
}

fn is_ah(config: &SaConfig<'_>) -> bool {
    matches!(config.protection, Protection::Ah { .. })
}

/// The family of the outer header, around a packet of `inner`.
fn outer_family(mode: &Mode, inner: Family) -> Family {
    match mode {
        mode if *mode == tunnel(Family::V4) => Family::V4,
        mode if *mode == tunnel(Family::V6) => Family::V6,
        _ => inner,
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Packets.

/// Headers to put payloads of any length behind.
#[derive(Clone)]
struct Headers {
    family: Family,
    octets: Vec<u8>,
    /// Octets of them in front of transport-mode ESP, and of AH in IPv6.
    before_esp: usize,
    /// Whether what follows is said to be UDP.
    is_udp: bool,
}

impl Headers {
    fn plain(family: Family, next_header: u8) -> Self {
        let mut octets = vec![0; family.min_header_len()];
        match (source(family), destination(family, 7)) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Ipv4Repr { tos: 0, ttl: 64, protocol: next_header, source, destination, options_len: 0, payload_len: 0 }
                    .emit(&mut octets)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                Ipv6Repr { traffic_class: 0, hop_limit: 64, next_header, source, destination, payload_len: 0 }
                    .emit(&mut octets)
            }
            _ => unreachable!(),
        }
        .unwrap();
        Self { family, before_esp: octets.len(), octets, is_udp: next_header == protocol::UDP }
    }

    /// With IPv4 options, or with a Hop-by-Hop Options and a Routing header.
    fn extended(family: Family) -> Self {
        let mut headers = Self::plain(family, protocol::UDP);
        match family {
            Family::V4 => {
                headers.octets[0] = 0x47;
                headers.octets.extend([1, 1, 1, 1, 1, 1, 1, 0]);
            }
            Family::V6 => {
                headers.octets[6] = protocol::HOP_BY_HOP;
                headers.octets.extend([protocol::ROUTING, 0, 1, 4, 0, 0, 0, 0]);
                headers.octets.extend([protocol::UDP, 0, 4, 0, 0, 0, 0, 0]);
            }
        }
        headers.before_esp = headers.octets.len();
        headers
    }

    fn xcast(family: Family, place: BitmapPlace, count: usize, lists: bool) -> Self {
        let packet = Packet { place, no_x2u: true, payload: vec![], ..Packet::plain(family, count) };
        let octets = packet.with_lists(lists, lists).octets();
        Self { family, before_esp: octets.len(), octets, is_udp: true }
    }

    /// The length of the packet with `payload_len` octets behind the headers.
    fn packet_len(&self, payload_len: usize) -> usize {
        self.octets.len() + payload_len
    }

    /// Writes them, and UDP's where there is room for it, in front of `payload_len` octets of whatever `octets` holds.
    fn write(&self, payload_len: usize, octets: &mut [u8]) {
        octets[..self.octets.len()].copy_from_slice(&self.octets);
        let (at, len) = match self.family {
            Family::V4 => (2, self.packet_len(payload_len)),
            Family::V6 => (4, self.packet_len(payload_len) - 40),
        };
        octets[at..at + 2].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        if self.is_udp && payload_len >= 8 {
            let len = u16::try_from(payload_len).unwrap().to_be_bytes();
            octets[self.octets.len()..][..8].copy_from_slice(&[0x0f, 0xa0, 0x13, 0x88, len[0], len[1], 0, 0]);
        }
    }
}

/// Headers that an association of `config` can protect what stands behind.
fn headers(config: &SaConfig<'_>) -> Vec<Headers> {
    let mut all = Vec::new();
    for family in FAMILIES {
        all.push(Headers::plain(family, protocol::UDP));
        all.push(Headers::xcast(family, BitmapPlace::Option, 3, false));
        if config.mode == Mode::Transport {
            all.push(Headers::extended(family));
            all.push(Headers::xcast(family, BitmapPlace::Option, 40, true));
            if !is_ah(config) {
                // WIRE §8: AH would need to have it change.
                all.push(Headers::xcast(family, BitmapPlace::Header, 9, true));
            }
        }
    }
    all
}

// ---------------------------------------------------------------------------------------------------------------------
// Sealing.

/// What sealing did to a packet's length.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Growth {
    inserted: usize,
    appended: usize,
}

impl Growth {
    const fn sum(self) -> usize {
        self.inserted + self.appended
    }
}

/// Seals the packet at `range` of `storage`: octets that it grew by at its front, and at its end. A dummy, where TFC padding
/// goes behind something that does not say its length.
fn seal_at<P: CryptoProvider>(
    sa: &Sa<P>,
    crypto: &mut P,
    is_dummy: bool,
    storage: &mut [u8],
    range: std::ops::Range<usize>,
) -> Result<Growth, SealError> {
    let mut buffer = PacketBuf::new(storage, range.clone()).unwrap();
    let freshness = Freshness { sequence: 1, iv: &[7; 16][..sa.iv_len()] };
    let code_points = CodePoints::rfc4727_experiment();
    let seal = if is_dummy { seal_dummy_with } else { seal_with };
    seal(sa, freshness, crypto, Some(&code_points), &mut buffer)?;
    let sealed = buffer.range();
    Ok(Growth { inserted: range.start - sealed.start, appended: sealed.end - range.end })
}

/// Seals the packet of these headers and that many octets of payload, in a buffer with room enough.
fn measure<P: CryptoProvider>(
    sa: &Sa<P>,
    crypto: &mut P,
    headers: &Headers,
    payload_len: usize,
    storage: &mut [u8],
) -> Result<Growth, SealError> {
    headers.write(payload_len, &mut storage[ROOM..]);
    let is_dummy = payload_len < 8 && *sa.mode() == Mode::Transport && sa.protocol() == SecurityProtocol::Esp;
    seal_at(sa, crypto, is_dummy, storage, ROOM..ROOM + headers.packet_len(payload_len))
}

/// What [`Sa::overhead`] counts as payload.
fn protected_len(mode: &Mode, headers: &Headers, payload_len: usize) -> usize {
    match mode {
        Mode::Transport => headers.packet_len(payload_len) - headers.before_esp,
        Mode::Tunnel(_) => headers.packet_len(payload_len),
    }
}

fn storage() -> Vec<u8> {
    vec![0; ROOM + 70_000]
}

/// Every algorithm, AH and ESP, transport and tunnel, IPv4 and IPv6, plain and Xcast, padded and not, with 0 to 2000 octets
/// behind the headers: told and measured, at the front and at the end.
#[test]
fn overhead_is_what_sealing_adds() {
    let mut storage = storage();
    for config in configs() {
        let sa = Sa::new(&config, &mut Blank).unwrap();
        for headers in headers(&config) {
            for payload_len in 0..=2000 {
                let protected = protected_len(&config.mode, &headers, payload_len);
                let told = sa.overhead(headers.family, protected);
                let measured = measure(&sa, &mut Blank, &headers, payload_len, &mut storage).unwrap();
                assert_eq!(measured.sum(), told, "{payload_len} {config:?}");
                assert_eq!(measured.inserted, sa.headroom(headers.family), "{payload_len} {config:?}");
            }
        }
    }
}

/// In tunnel mode a dummy can be any octets: also fewer than a packet has.
#[test]
fn overhead_is_what_sealing_adds_to_dummies() {
    let mut storage = storage();
    for config in configs() {
        if is_ah(&config) || config.mode == Mode::Transport || config.mode == Mode::Tunnel(OuterHeader::preserving(64))
        {
            continue;
        }
        let sa = Sa::new(&config, &mut Blank).unwrap();
        for len in (0..100).chain(270..400).chain([1280, 1281, 1282, 2000]) {
            let measured = seal_at(&sa, &mut Blank, true, &mut storage, ROOM..ROOM + len).unwrap();
            for family in FAMILIES {
                assert_eq!(measured.sum(), sa.overhead(family, len), "the family inside plays no part");
            }
        }
    }
}

proptest! {
    /// The same with a provider that computes, and packets of any shape.
    #[test]
    fn overhead_is_what_sealing_adds_with_keys(
        index in any::<prop::sample::Index>(),
        packet in common::packet(),
        payload_len in 0..2000_usize,
    ) {
        let all = configs();
        let config = all[index.index(all.len())];
        let sa = Sa::new(&config, &mut RustCrypto).unwrap();
        let place = if is_ah(&config) { BitmapPlace::Option } else { packet.place };
        let anonymous = packet.anonymous && place == BitmapPlace::Header;
        let packet = Packet { place, anonymous, next_protocol: protocol::UDP, payload: vec![], ..packet };
        let octets = packet.octets();
        let headers = Headers { family: packet.family(), before_esp: octets.len(), octets, is_udp: true };
        let told = sa.overhead(headers.family, protected_len(&config.mode, &headers, payload_len));
        let measured = measure(&sa, &mut RustCrypto, &headers, payload_len, &mut storage()).unwrap();
        prop_assert_eq!(measured.sum(), told);
        prop_assert_eq!(measured.inserted, sa.headroom(headers.family));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The largest payload.

/// For every MTU from 68 (RFC 791 §3.1) to 9000, and for those in which nothing fits, the payload told fits, and one octet
/// more does not.
#[test]
fn the_largest_payload_is_the_boundary() {
    for config in configs() {
        let sa = Sa::new(&config, &mut Blank).unwrap();
        for family in FAMILIES {
            let lengths: Vec<_> = (0..=9001).map(|payload| payload + sa.overhead(family, payload)).collect();
            assert!(lengths.is_sorted(), "a payload of fewer octets always fits as well: {config:?}");
            let headers_lens: &[usize] = match config.mode {
                Mode::Transport => &[20, 24, 40, 41, 1000],
                Mode::Tunnel(_) => &[0],
            };
            for &headers_len in headers_lens {
                for mtu in 0..=9000 {
                    let fits = |payload: usize| headers_len + lengths[payload] <= mtu;
                    match sa.largest_payload(family, headers_len, mtu) {
                        Some(payload) => {
                            assert!(fits(payload) && !fits(payload + 1), "{mtu} {headers_len}: {payload} {config:?}");
                        }
                        None => assert!(!fits(0), "{mtu} {headers_len}: {config:?}"),
                    }
                }
            }
        }
    }
}

/// The same measured: the packet of that payload is not longer than the MTU, and that of one octet more is.
#[test]
fn packets_of_the_largest_payload_fit() {
    let mut storage = storage();
    for config in configs() {
        let sa = Sa::new(&config, &mut Blank).unwrap();
        for headers in headers(&config) {
            let (family, headers_len) = match config.mode {
                Mode::Transport => (headers.family, headers.before_esp),
                Mode::Tunnel(_) => (headers.family, 0),
            };
            for mtu in (68..9000).step_by(449).chain([576, 1280, 1492, 1500, 9000]) {
                let Some(largest) = sa.largest_payload(family, headers_len, mtu) else { continue };
                for (protected, fits) in [(largest, true), (largest + 1, false)] {
                    // In tunnel mode what is protected begins with the headers.
                    let inside = headers.octets.len() - headers_len;
                    let Some(payload_len) = protected.checked_sub(inside) else { continue };
                    let growth = measure(&sa, &mut Blank, &headers, payload_len, &mut storage).unwrap();
                    let sealed_len = headers.packet_len(payload_len) + growth.sum();
                    assert_eq!(sealed_len <= mtu, fits, "{protected} in {mtu}: {config:?}");
                }
            }
        }
    }
}

/// Up to what an IP header can say (RFC 791 §3.1, RFC 8200 §3); beyond it sealing refuses.
#[test]
fn the_longest_packets_seal() {
    let mut storage = storage();
    for config in configs() {
        let sa = Sa::new(&config, &mut Blank).unwrap();
        for headers in headers(&config) {
            let family = outer_family(&config.mode, headers.family);
            let longest = match family {
                Family::V4 => 65_535,
                Family::V6 => 65_575,
            };
            let headers_len = if config.mode == Mode::Transport { headers.before_esp } else { 0 };
            let Some(largest) = sa.largest_payload(headers.family, headers_len, longest) else { panic!("{config:?}") };
            let payload_len = largest - (headers.octets.len() - headers_len);
            let growth = measure(&sa, &mut Blank, &headers, payload_len, &mut storage).unwrap();
            assert!(headers.packet_len(payload_len) + growth.sum() <= longest);
            let inner_longest = if headers.family == Family::V4 { 65_535 } else { 65_575 };
            if headers.packet_len(payload_len + 1) > inner_longest {
                continue;
            }
            let len = headers.packet_len(payload_len + 1) + sa.overhead(headers.family, largest + 1);
            let result = measure(&sa, &mut Blank, &headers, payload_len + 1, &mut storage);
            assert_eq!(result, Err(SealError::PacketTooLong { len }), "{config:?}");
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// AH around ESP.

/// "Ask AH first: what it gives, with `headers_len` added, is the MTU to ask ESP with" ([`Sa::largest_payload`]). Both modes of
/// both, so that a packet has up to two outer headers (RFC 4301 §4.3, draft §3.3).
#[test]
fn ah_around_esp_adds_up() {
    let mut storage = storage();
    for ah in ahs() {
        for esp in esps() {
            for (ah_mode, esp_mode) in modes().into_iter().flat_map(|ah| modes().map(|esp| (ah, esp))) {
                let ah = Sa::new(&config(ah, ah_mode, Tfc::None), &mut Blank).unwrap();
                let esp_config = config(esp, esp_mode, Tfc::None);
                let esp = Sa::new(&esp_config, &mut Blank).unwrap();
                for inside in FAMILIES {
                    for headers in
                        [Headers::plain(inside, protocol::UDP), Headers::xcast(inside, BitmapPlace::Option, 3, false)]
                    {
                        let between = outer_family(&esp_mode, inside);
                        // In front of AH stand the packet's headers, ESP's outer one, or none.
                        let ah_headers_len = match (ah_mode, esp_mode) {
                            (Mode::Tunnel(_), _) => 0,
                            (Mode::Transport, Mode::Tunnel(_)) => between.min_header_len(),
                            (Mode::Transport, Mode::Transport) => headers.before_esp,
                        };
                        let esp_headers_len = if esp_mode == Mode::Transport { headers.before_esp } else { 0 };
                        for mtu in [68, 200, 576, 1279, 1280, 1500, 2001] {
                            let Some(left) = ah.largest_payload(between, ah_headers_len, mtu) else { continue };
                            let mtu_for_esp = left + ah_headers_len;
                            let Some(largest) = esp.largest_payload(inside, esp_headers_len, mtu_for_esp) else {
                                continue;
                            };
                            for (protected, fits) in [(largest, true), (largest + 1, false)] {
                                let Some(payload_len) = protected.checked_sub(headers.octets.len() - esp_headers_len)
                                else {
                                    continue;
                                };
                                let first = measure(&esp, &mut Blank, &headers, payload_len, &mut storage).unwrap();
                                let len = headers.packet_len(payload_len);
                                let range = ROOM - first.inserted..ROOM + len + first.appended;
                                let second = seal_at(&ah, &mut Blank, false, &mut storage, range).unwrap();
                                let told = esp.overhead(inside, protected) + ah.overhead(between, left);
                                assert_eq!(first.sum() + second.sum(), told);
                                let sealed_len = len + first.sum() + second.sum();
                                assert_eq!(sealed_len <= mtu, fits, "{mtu} {ah_mode:?} {esp_config:?}");
                            }
                        }
                    }
                }
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Room in the buffer.

/// A buffer with exactly the room told is enough, with one octet less on either side it is not; without headroom the same sum
/// behind the packet is. `tailroom` is what some payload needs and none exceeds, TFC padding aside.
#[test]
fn the_room_told_is_enough_and_needed() {
    for config in configs() {
        let sa = Sa::new(&config, &mut Blank).unwrap();
        for headers in headers(&config) {
            let inserted = sa.headroom(headers.family);
            let mut most = 0;
            for payload_len in (8..60).chain([274, 293, 294, 295, 302, 303, 1273, 1300]) {
                let len = headers.packet_len(payload_len);
                let protected = protected_len(&config.mode, &headers, payload_len);
                let appended = sa.overhead(headers.family, protected) - inserted;
                let tfc_len = config.tfc.padding_len(protected);
                assert!(appended - tfc_len <= sa.tailroom());
                most = most.max(appended - tfc_len);
                let seal = |headroom: usize, tailroom: usize| {
                    let mut storage = vec![0; headroom + len + tailroom];
                    headers.write(payload_len, &mut storage[headroom..]);
                    let mut buffer = PacketBuf::new(&mut storage, headroom..headroom + len).unwrap();
                    let freshness = Freshness { sequence: 1, iv: &[7; 16][..sa.iv_len()] };
                    let code_points = CodePoints::rfc4727_experiment();
                    seal_with(&sa, freshness, &mut Blank, Some(&code_points), &mut buffer).map(|()| buffer.len())
                };
                let sealed_len = Ok(len + inserted + appended);
                let no_room = Err(SealError::NoRoom { inserted, appended });
                assert_eq!(seal(inserted, appended), sealed_len);
                assert_eq!(seal(inserted, sa.tailroom() + tfc_len), sealed_len);
                assert_eq!(seal(0, inserted + appended), sealed_len);
                assert_eq!(seal(inserted - 1, inserted + appended), sealed_len);
                assert_eq!(seal(inserted - 1, appended), no_room);
                assert_eq!(seal(0, inserted + appended - 1), no_room);
                if appended > 0 {
                    assert_eq!(seal(inserted, appended - 1), no_room);
                }
            }
            let always_padded = match config.tfc {
                Tfc::None => false,
                // The block's padding is then the same for all that are padded.
                Tfc::AtLeast(_) | Tfc::MultipleOf(_) => true,
            };
            assert!(always_padded || most == sa.tailroom(), "{most} {config:?}");
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The table.

/// Octets that sealing adds, as in the documentation: in front, by mode and outer IP version; behind, at least and at most.
/// AH: 12 octets and the ICV, to a multiple of 4 in IPv4 and 8 in IPv6 (RFC 4302 §3.3.3.2.1), of 8 in both with `pad_to_8`. ESP:
/// 8 octets and the vector; behind, padding, 2 octets and the ICV (RFC 4303 §2).
const TABLE: &str = "\
| Protection                             | Transport, IPv4 | Transport, IPv6 | Tunnel in IPv4 | Tunnel in IPv6 | Appended |
|----------------------------------------|----------------:|----------------:|---------------:|---------------:|---------:|
| AH HMAC-MD5-96                         |              24 |              24 |             44 |             64 |        0 |
| AH HMAC-SHA1-96                        |              24 |              24 |             44 |             64 |        0 |
| AH HMAC-SHA2-256-128                   |              28 |              32 |             48 |             72 |        0 |
| AH HMAC-SHA2-384-192                   |              36 |              40 |             56 |             80 |        0 |
| AH HMAC-SHA2-512-256                   |              44 |              48 |             64 |             88 |        0 |
| AH HMAC-MD5-96, `pad_to_8`             |              24 |              24 |             44 |             64 |        0 |
| AH HMAC-SHA1-96, `pad_to_8`            |              24 |              24 |             44 |             64 |        0 |
| AH HMAC-SHA2-256-128, `pad_to_8`       |              32 |              32 |             52 |             72 |        0 |
| AH HMAC-SHA2-384-192, `pad_to_8`       |              40 |              40 |             60 |             80 |        0 |
| AH HMAC-SHA2-512-256, `pad_to_8`       |              48 |              48 |             68 |             88 |        0 |
| ESP NULL, HMAC-MD5-96                  |               8 |               8 |             28 |             48 | 14 to 17 |
| ESP NULL, HMAC-SHA1-96                 |               8 |               8 |             28 |             48 | 14 to 17 |
| ESP NULL, HMAC-SHA2-256-128            |               8 |               8 |             28 |             48 | 18 to 21 |
| ESP NULL, HMAC-SHA2-384-192            |               8 |               8 |             28 |             48 | 26 to 29 |
| ESP NULL, HMAC-SHA2-512-256            |               8 |               8 |             28 |             48 | 34 to 37 |
| ESP AES-CBC, HMAC-MD5-96               |              24 |              24 |             44 |             64 | 14 to 29 |
| ESP AES-CBC, HMAC-SHA1-96              |              24 |              24 |             44 |             64 | 14 to 29 |
| ESP AES-CBC, HMAC-SHA2-256-128         |              24 |              24 |             44 |             64 | 18 to 33 |
| ESP AES-CBC, HMAC-SHA2-384-192         |              24 |              24 |             44 |             64 | 26 to 41 |
| ESP AES-CBC, HMAC-SHA2-512-256         |              24 |              24 |             44 |             64 | 34 to 49 |
| ESP AES-CTR, HMAC-MD5-96               |              16 |              16 |             36 |             56 | 14 to 17 |
| ESP AES-CTR, HMAC-SHA1-96              |              16 |              16 |             36 |             56 | 14 to 17 |
| ESP AES-CTR, HMAC-SHA2-256-128         |              16 |              16 |             36 |             56 | 18 to 21 |
| ESP AES-CTR, HMAC-SHA2-384-192         |              16 |              16 |             36 |             56 | 26 to 29 |
| ESP AES-CTR, HMAC-SHA2-512-256         |              16 |              16 |             36 |             56 | 34 to 37 |
| ESP AES-GCM-16                         |              16 |              16 |             36 |             56 | 18 to 21 |
| ESP ChaCha20-Poly1305                  |              16 |              16 |             36 |             56 | 18 to 21 |
";

/// The algorithms by their names.
fn named() -> Vec<(String, Protection<'static>)> {
    use CipherAlgorithm::{AesCbc, AesCtr, Null};
    let names = ["HMAC-MD5-96", "HMAC-SHA1-96", "HMAC-SHA2-256-128", "HMAC-SHA2-384-192", "HMAC-SHA2-512-256"];
    let mut all = Vec::new();
    for pad_to_8 in [false, true] {
        for (name, integrity) in names.into_iter().zip(INTEGRITY) {
            all.push((format!("AH {name}{}", if pad_to_8 { ", `pad_to_8`" } else { "" }), ah(integrity, pad_to_8)));
        }
    }
    for (cipher_name, cipher) in [("NULL", Null), ("AES-CBC", AesCbc), ("AES-CTR", AesCtr)] {
        for (name, integrity) in names.into_iter().zip(INTEGRITY) {
            all.push((format!("ESP {cipher_name}, {name}"), esp(cipher, integrity)));
        }
    }
    let [.., gcm, chacha] = &esps()[..] else { unreachable!() };
    all.push(("ESP AES-GCM-16".into(), *gcm));
    all.push(("ESP ChaCha20-Poly1305".into(), *chacha));
    all
}

#[test]
fn the_table_is_right() {
    let mut table: String = TABLE.lines().take(2).flat_map(|line| [line, "\n"]).collect();
    let mut storage = storage();
    for (name, protection) in named() {
        let mut inserted = Vec::new();
        let mut appended = Vec::new();
        for (mode, families) in [
            (Mode::Transport, &FAMILIES[..1]),
            (Mode::Transport, &FAMILIES[1..]),
            (tunnel(Family::V4), &FAMILIES),
            (tunnel(Family::V6), &FAMILIES),
        ] {
            let sa = Sa::new(&config(protection, mode, Tfc::None), &mut RustCrypto).unwrap();
            let mut in_front = Vec::new();
            for &family in families {
                for payload_len in 0..64 {
                    let headers = Headers::plain(family, protocol::UDP);
                    let growth = measure(&sa, &mut RustCrypto, &headers, payload_len, &mut storage).unwrap();
                    in_front.push(growth.inserted);
                    appended.push(growth.appended);
                }
            }
            in_front.dedup();
            assert_eq!(in_front.len(), 1, "whatever is protected: {name}");
            inserted.push(in_front[0]);
        }
        let (least, most) = (appended.iter().min().unwrap(), appended.iter().max().unwrap());
        let appended = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let [a, b, c, d] = inserted[..] else { unreachable!() };
        writeln!(table, "| {name:38} | {a:15} | {b:15} | {c:14} | {d:14} | {appended:>8} |").unwrap();
    }
    println!("{table}");
    assert_eq!(table, TABLE);
}
