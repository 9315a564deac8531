//! What an association can be made to do beyond protecting a packet: outer headers, TFC padding, dummies, forbidden
//! algorithms, several senders, and finding the extended sequence number again.
#![cfg(feature = "rust-crypto")]

mod common;
#[path = "common/keys.rs"]
mod keys;

use keys::takes_keys_as_rust_crypto;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use common::{Packet, destination, ones_complement_sum, source};
use xcast_sec::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm,
    RustCrypto,
};
use xcast_sec::ipsec::{
    Content, Freshness, Mode, OpenError, Opened, OutboundSa, OuterAddress, OuterDf, OuterDscp, OuterHeader, PacketBuf,
    PolicyId, Protection, Refusal, ReplayError, RoutingCoverage, Sa, SaConfig, SaError, SealError, SecurityProtocol,
    SenderId, SenderKey, SenderWindows, Spi, Tfc, Usage, open, resynchronize, seal_dummy_with, seal_with,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, Dscp, Family, IpHeader, protocol};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const KEY: [u8; 64] = [0x5a; 64];
/// How many octets a sealing buffer has on each side of the packet.
const ROOM: usize = 1000;
const DF: u8 = 0x40;
const CE: u8 = 0b11;

// ---------------------------------------------------------------------------------------------------------------------
// Packets, by hand.

/// An IP header without options (RFC 791 §3.1, RFC 8200 §3). Identification and flags are IPv4's alone.
#[derive(Clone, Copy)]
struct Header {
    source: IpAddr,
    destination: IpAddr,
    traffic_class: u8,
    hop_limit: u8,
    next_header: u8,
    identification: u16,
    flags: u8,
}

impl Header {
    /// From one host to another one, UDP.
    fn between_hosts(family: Family) -> Self {
        Self {
            source: source(family),
            destination: destination(family, 7),
            traffic_class: 0,
            hop_limit: 64,
            next_header: protocol::UDP,
            identification: 0,
            flags: DF,
        }
    }

    fn len(&self) -> usize {
        Family::of(&self.source).min_header_len()
    }

    /// The header in front of `payload_len` octets.
    fn octets(&self, payload_len: usize) -> Vec<u8> {
        let Self { traffic_class, hop_limit, next_header, identification, flags, .. } = *self;
        let mut octets = Vec::new();
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                octets.extend_from_slice(&[0x45, traffic_class]);
                octets.extend_from_slice(&u16::try_from(20 + payload_len).unwrap().to_be_bytes());
                octets.extend_from_slice(&identification.to_be_bytes());
                octets.extend_from_slice(&[flags, 0, hop_limit, next_header, 0, 0]);
                octets.extend_from_slice(&source.octets());
                octets.extend_from_slice(&destination.octets());
                fix_checksum(&mut octets);
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                octets.extend_from_slice(&[0x60 | traffic_class >> 4, traffic_class << 4, 0, 0]);
                octets.extend_from_slice(&u16::try_from(payload_len).unwrap().to_be_bytes());
                octets.extend_from_slice(&[next_header, hop_limit]);
                octets.extend_from_slice(&source.octets());
                octets.extend_from_slice(&destination.octets());
            }
            _ => panic!("two families"),
        }
        octets
    }

    fn around(&self, payload: &[u8]) -> Vec<u8> {
        [&self.octets(payload.len())[..], payload].concat()
    }
}

/// Writes the checksum of an IPv4 header; IPv6 has none.
fn fix_checksum(packet: &mut [u8]) {
    if packet[0] >> 4 == 4 {
        let header_len = usize::from(packet[0] & 0xf) * 4;
        packet[10..12].fill(0);
        let checksum = !ones_complement_sum(&packet[..header_len]);
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Whether an IPv4 header's checksum is right; IPv6 has none.
fn checksum_ok(packet: &[u8]) -> bool {
    packet[0] >> 4 != 4 || ones_complement_sum(&packet[..usize::from(packet[0] & 0xf) * 4]) == 0xffff
}

/// Octets of the source and the destination address.
fn address_fields(family: Family) -> [std::ops::Range<usize>; 2] {
    match family {
        Family::V4 => [12..16, 16..20],
        Family::V6 => [8..24, 24..40],
    }
}

fn set_traffic_class(packet: &mut [u8], traffic_class: u8) {
    match packet[0] >> 4 {
        4 => packet[1] = traffic_class,
        _ => {
            packet[0] = 0x60 | traffic_class >> 4;
            packet[1] = (packet[1] & 0x0f) | traffic_class << 4;
        }
    }
    fix_checksum(packet);
}

/// A UDP datagram of `payload_len` octets, each unlike the next, behind its header.
fn udp(payload_len: usize) -> Vec<u8> {
    let len = u16::try_from(8 + payload_len).unwrap().to_be_bytes();
    let mut octets = vec![0x0f, 0xa0, 0x13, 0x88, len[0], len[1], 0, 0];
    octets.extend((0..payload_len).map(|index| index as u8 ^ 0xc3));
    octets
}

/// A packet between hosts that holds a datagram.
fn datagram(family: Family, payload_len: usize) -> Vec<u8> {
    Header::between_hosts(family).around(&udp(payload_len))
}

/// A Destination Options header of 8 octets: PadN.
fn destination_options(next_header: u8) -> [u8; 8] {
    [next_header, 0, 1, 4, 0, 0, 0, 0]
}

fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

/// An Xcast packet to three destinations that holds a datagram.
fn xcast(family: Family, place: BitmapPlace, payload_len: usize) -> Packet {
    Packet { place, no_x2u: true, payload: udp(payload_len), ..Packet::plain(family, 3) }
}

fn group(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(232, 1, 2, 3).into(),
        Family::V6 => Ipv6Addr::new(0xff3e, 0, 0, 0, 0, 0, 0x8000, 1).into(),
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Associations.

const INTEGRITY: [IntegrityAlgorithm; 5] = [
    IntegrityAlgorithm::HmacMd5_96,
    IntegrityAlgorithm::HmacSha1_96,
    IntegrityAlgorithm::HmacSha2_256_128,
    IntegrityAlgorithm::HmacSha2_384_192,
    IntegrityAlgorithm::HmacSha2_512_256,
];
const SHA2: IntegrityAlgorithm = IntegrityAlgorithm::HmacSha2_256_128;

fn ah(integrity: IntegrityAlgorithm) -> Protection<'static> {
    let key = &KEY[..integrity.key_len()];
    Protection::Ah { integrity, key, coverage: RoutingCoverage::Covered, pad_to_8: false }
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

fn combined(algorithm: AeadAlgorithm, key_len: usize) -> Protection<'static> {
    Protection::EspCombined { algorithm, key: &KEY[..key_len] }
}

/// ESP with each algorithm that there is.
fn esps() -> Vec<Protection<'static>> {
    use CipherAlgorithm::{AesCbc, AesCtr, Null};
    let separate = [Null, AesCbc, AesCtr].into_iter().flat_map(|cipher| INTEGRITY.map(|own| esp(cipher, own)));
    let mut all: Vec<_> = separate.collect();
    all.extend([20, 28, 36].map(|key_len| combined(AeadAlgorithm::AesGcm16, key_len)));
    all.push(combined(AeadAlgorithm::ChaCha20Poly1305, 36));
    all
}

/// AH and ESP with each algorithm that there is.
fn protections() -> Vec<Protection<'static>> {
    INTEGRITY.map(ah).into_iter().chain(esps()).collect()
}

/// AH, and ESP once with each cipher.
fn representatives() -> [Protection<'static>; 6] {
    use CipherAlgorithm::{AesCbc, AesCtr, Null};
    [
        ah(SHA2),
        esp(Null, SHA2),
        esp(AesCbc, SHA2),
        esp(AesCtr, SHA2),
        combined(AeadAlgorithm::AesGcm16, 20),
        combined(AeadAlgorithm::ChaCha20Poly1305, 36),
    ]
}

fn is_ah(protection: &Protection<'_>) -> bool {
    matches!(protection, Protection::Ah { .. })
}

/// Octets of vector, the multiple that is encrypted, and octets of ICV: RFC 2410, 3602, 3686, 4106, 7634; 2403, 2404, 4868.
fn esp_sizes(protection: &Protection<'_>) -> (usize, usize, usize) {
    use IntegrityAlgorithm::{HmacMd5_96, HmacSha1_96, HmacSha2_256_128, HmacSha2_384_192};
    match protection {
        Protection::Esp { cipher, integrity, .. } => {
            let (iv, multiple) = match cipher {
                CipherAlgorithm::AesCbc => (16, 16),
                CipherAlgorithm::AesCtr => (8, 4),
                _ => (0, 4),
            };
            let icv = match integrity.unwrap().0 {
                HmacMd5_96 | HmacSha1_96 => 12,
                HmacSha2_256_128 => 16,
                HmacSha2_384_192 => 24,
                _ => 32,
            };
            (iv, multiple, icv)
        }
        _ => (8, 4, 16),
    }
}

/// Octets of ESP that holds `len` octets of payload and TFC padding (RFC 4303 §2).
fn esp_len(protection: &Protection<'_>, len: usize) -> usize {
    let (iv, multiple, icv) = esp_sizes(protection);
    8 + iv + (len + 2).next_multiple_of(multiple) + icv
}

fn config(protection: Protection<'_>) -> SaConfig<'_> {
    let rfc8221_exemption = Some(IntegrityAlgorithm::HmacMd5_96);
    SaConfig { rfc8221_exemption, ..SaConfig::new(Spi::new(0x1000).unwrap(), protection) }
}

fn tunnel(outer: OuterHeader, protection: Protection<'_>) -> SaConfig<'_> {
    SaConfig { mode: Mode::Tunnel(outer), ..config(protection) }
}

fn sa(config: &SaConfig<'_>) -> Sa<RustCrypto> {
    Sa::new(config, &mut RustCrypto).unwrap()
}

/// The ends of a tunnel.
fn ends(family: Family) -> [IpAddr; 2] {
    match family {
        Family::V4 => [Ipv4Addr::new(203, 0, 113, 1).into(), Ipv4Addr::new(203, 0, 113, 2).into()],
        Family::V6 => {
            [1, 2].map(|host| Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, host)).map(IpAddr::from) //
        }
    }
}

fn between(family: Family) -> OuterHeader {
    let [near, far] = ends(family);
    OuterHeader::between(near, far, 9)
}

// ---------------------------------------------------------------------------------------------------------------------
// Sealing and opening.

/// Hands `packet`, in a buffer whose other octets are 0xa5, to `seal`. A refused packet is unchanged.
fn in_buffer<T>(
    packet: &[u8],
    seal: impl FnOnce(&mut PacketBuf<'_>) -> Result<T, SealError>,
) -> Result<(T, Vec<u8>), SealError> {
    let range = ROOM..ROOM + packet.len();
    let mut storage = vec![0xa5; packet.len() + 2 * ROOM];
    storage[range.clone()].copy_from_slice(packet);
    let mut buffer = PacketBuf::new(&mut storage, range.clone()).unwrap();
    match seal(&mut buffer) {
        Ok(value) => Ok((value, buffer.as_octets().to_vec())),
        Err(error) => {
            assert_eq!((buffer.as_octets(), buffer.range()), (packet, range), "refused, and changed: {error}");
            Err(error)
        }
    }
}

/// The vector that sealing with a number uses here: another one for each.
fn iv(sequence: u64) -> [u8; 16] {
    let mut iv = [0x77; 16];
    iv[..8].copy_from_slice(&sequence.to_be_bytes());
    iv
}

fn seal<P: CryptoProvider>(sa: &Sa<P>, sequence: u64, crypto: &mut P, packet: &[u8]) -> Result<Vec<u8>, SealError> {
    let freshness = Freshness { sequence, iv: &iv(sequence)[..sa.iv_len()] };
    in_buffer(packet, |buffer| seal_with(sa, freshness, crypto, Some(&code_points()), buffer))
        .map(|((), sealed)| sealed)
}

fn seal_dummy(sa: &Sa<RustCrypto>, sequence: u64, packet: &[u8]) -> Result<Vec<u8>, SealError> {
    let freshness = Freshness { sequence, iv: &iv(sequence)[..sa.iv_len()] };
    in_buffer(packet, |buffer| seal_dummy_with(sa, freshness, &mut RustCrypto, Some(&code_points()), buffer))
        .map(|((), sealed)| sealed)
}

fn windows() -> SenderWindows {
    SenderWindows::new(64).unwrap()
}

fn open_in(sa: &Sa<RustCrypto>, table: &mut SenderWindows, packet: &[u8]) -> Result<(Opened, Vec<u8>), OpenError> {
    let mut storage = packet.to_vec();
    let mut buffer = PacketBuf::new(&mut storage, 0..packet.len()).unwrap();
    let opened = open(sa, table, &mut RustCrypto, Some(&code_points()), &mut buffer)?;
    Ok((opened, buffer.as_octets().to_vec()))
}

/// What comes out of a packet that must open.
fn open_fresh(sa: &Sa<RustCrypto>, packet: &[u8]) -> Vec<u8> {
    let (opened, octets) = open_in(sa, &mut windows(), packet).unwrap();
    assert_eq!(opened.content, Content::Packet);
    octets
}

/// Gives 1, 2, 3, … over and over.
struct Counting(u8);

impl rand_core::TryRng for Counting {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut octets = [0; 4];
        self.try_fill_bytes(&mut octets).map(|()| u32::from_be_bytes(octets))
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut octets = [0; 8];
        self.try_fill_bytes(&mut octets).map(|()| u64::from_be_bytes(octets))
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        for octet in octets {
            self.0 = self.0.wrapping_add(1);
            *octet = self.0;
        }
        Ok(())
    }
}
impl rand_core::TryCryptoRng for Counting {}

/// RFC 4301 §5.2 step 4: policy is asked about what came out, by what the association is and was made for.
#[test]
fn opening_tells_what_opened_it() {
    for protection in protections() {
        for family in FAMILIES {
            for (esn, mode, policy) in [
                (false, Mode::Transport, None),
                (true, Mode::Tunnel(between(family)), Some(PolicyId::new(7))),
                (true, Mode::Transport, Some(PolicyId::new(u32::MAX))),
                (false, Mode::Tunnel(OuterHeader::preserving(1)), Some(PolicyId::new(0))),
            ] {
                let own = sa(&SaConfig { esn, mode, policy, ..config(protection) });
                let sealed = seal(&own, 900, &mut RustCrypto, &datagram(family, 30)).unwrap();
                let (opened, _) = open_in(&own, &mut windows(), &sealed).unwrap();
                assert_eq!((opened.sa, opened.policy, opened.mode), (own.id(), policy, mode));
                assert_eq!((opened.sequence, opened.source), (900, address_of(&sealed)));
            }
        }
    }
}

/// What a link layer padded behind the packet is not protected: not in a tunnel either, and it does not count for TFC.
#[test]
fn octets_behind_the_packet_are_not_sealed() {
    for protection in protections() {
        for mode in [Mode::Transport, Mode::Tunnel(between(Family::V6))] {
            for tfc in [Tfc::None, Tfc::AtLeast(90), multiple_of(70)] {
                if is_ah(&protection) && tfc != Tfc::None {
                    continue;
                }
                let sa = sa(&SaConfig { mode, tfc, ..config(protection) });
                for family in FAMILIES {
                    let packet = datagram(family, 30);
                    let with_trailer = [&packet[..], &[0xdd; 23]].concat();
                    let sealed = seal(&sa, 1, &mut RustCrypto, &packet).unwrap();
                    assert_eq!(seal(&sa, 1, &mut RustCrypto, &with_trailer).unwrap(), sealed);
                    let arrived = [&sealed[..], &[0xdd; 23]].concat();
                    assert_eq!(open_fresh(&sa, &arrived), packet);
                }
            }
        }
    }
}

/// RFC 4302 §2.5, RFC 4303 §2.2: 32 bits, all of them, and without ESN no more.
#[test]
fn the_last_number_of_32_bits_is_one() {
    for protection in protections() {
        let sa = sa(&config(protection));
        let last = seal(&sa, u64::from(u32::MAX), &mut RustCrypto, &datagram(Family::V4, 30)).unwrap();
        let (opened, octets) = open_in(&sa, &mut windows(), &last).unwrap();
        assert_eq!((opened.sequence, octets), (u64::from(u32::MAX), datagram(Family::V4, 30)));
        let beyond = seal(&sa, 1 << 32, &mut RustCrypto, &datagram(Family::V4, 30));
        assert_eq!(beyond, Err(SealError::Exhausted));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The outer header's addresses.

/// Every way to keep addresses: of the source, of the destination.
const KEPT: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

/// A tunnel whose outer addresses are those of the inner header where kept, and else its ends'.
fn keeping((source, destination): (bool, bool), family: Family) -> OuterHeader {
    let [near, far] = ends(family).map(OuterAddress::Fixed);
    OuterHeader {
        source: if source { OuterAddress::Preserved } else { near },
        destination: if destination { OuterAddress::Preserved } else { far },
        hop_limit: 9,
        df: OuterDf::Set,
        dscp: OuterDscp::Copy,
    }
}

/// RFC 5374 §3.1: source, destination, both or neither of the outer addresses are the inner ones. All else of the outer
/// header is as without it (RFC 4301 §5.1.2).
#[test]
fn preserved_addresses_are_the_inner_ones() {
    for family in FAMILIES {
        let to_group = Header { destination: group(family), ..Header::between_hosts(family) };
        let routers = match family {
            Family::V4 => code_points().fields().routers_v4.into(),
            Family::V6 => code_points().fields().routers_v6.into(),
        };
        let inner_packets = [
            (to_group.destination, to_group.around(&udp(30))),
            (routers, xcast(family, BitmapPlace::Header, 30).octets()),
            (routers, xcast(family, BitmapPlace::Option, 30).octets()),
        ];
        for protection in protections() {
            for kept in KEPT {
                let sa = sa(&tunnel(keeping(kept, family), protection));
                let [near, far] = ends(family);
                for (inner_destination, inner) in &inner_packets {
                    let sealed = seal(&sa, 1, &mut RustCrypto, inner).unwrap();
                    let outer = Header {
                        source: if kept.0 { source(family) } else { near },
                        destination: if kept.1 { *inner_destination } else { far },
                        traffic_class: 0,
                        hop_limit: 9,
                        next_header: if is_ah(&protection) { protocol::AH } else { protocol::ESP },
                        identification: 0,
                        flags: DF,
                    };
                    assert_eq!(sealed[..outer.len()], outer.octets(sealed.len() - outer.len()));
                    let (opened, octets) = open_in(&sa, &mut windows(), &sealed).unwrap();
                    assert_eq!(octets, *inner, "{family:?} {kept:?} {protection:?}");
                    assert_eq!((opened.source, opened.sequence, opened.mode), (outer.source, 1, *sa.mode()));
                }
            }
        }
        let preserving = OuterHeader { hop_limit: 9, ..OuterHeader::preserving(9) };
        assert_eq!(preserving, keeping((true, true), family));
    }
}

/// RFC 5374 §3.1 with RFC 4301 §5.2: ESP does not cover the outer header, so that opening compares. Under AH nothing can
/// change there. The window moves for neither.
#[test]
fn a_changed_outer_address_is_refused_where_it_is_preserved() {
    for family in FAMILIES {
        for protection in representatives() {
            for kept in KEPT {
                let sa = sa(&tunnel(keeping(kept, family), protection));
                let inner = datagram(family, 30);
                let sealed = |number| seal(&sa, number, &mut RustCrypto, &inner).unwrap();
                for (preserved, field) in [kept.0, kept.1].into_iter().zip(address_fields(family)) {
                    for at in field {
                        let mut table = windows();
                        assert!(open_in(&sa, &mut table, &sealed(5)).is_ok());
                        // With a number that would move the window, and take this sender or another one with it.
                        let mut changed = sealed(1000);
                        changed[at] ^= 0x10;
                        fix_checksum(&mut changed);
                        let result = open_in(&sa, &mut table, &changed);
                        let expected = match (preserved, is_ah(&protection)) {
                            // The tunnel's own.
                            (false, _) => OpenError::NoSa { spi: sa.spi() },
                            (true, true) => OpenError::Icv,
                            (true, false) => OpenError::Refused(Refusal::NotPreserved),
                        };
                        assert_eq!(result, Err(expected), "octet {at}");
                        assert_eq!(table.len(), 1, "no place in the table");
                        assert!(open_in(&sa, &mut table, &sealed(6)).is_ok(), "the window did not move");
                        let again = Err(OpenError::Replay(ReplayError::Replayed));
                        assert_eq!(open_in(&sa, &mut table, &sealed(5)), again);
                    }
                }
            }
        }
    }
}

/// RFC 5374 §3.1, §4.1.2: only where both headers are of one version. Sealing refuses another inner packet, and opening
/// what somebody else sealed.
#[test]
fn preservation_stays_within_one_family() {
    for family in FAMILIES {
        let other = if family == Family::V4 { Family::V6 } else { Family::V4 };
        for protection in representatives() {
            let inner = datagram(other, 30);
            for kept in [(true, false), (false, true)] {
                let sa = sa(&tunnel(keeping(kept, family), protection));
                let refused = SealError::Refused(Refusal::PreservationFamilies);
                assert_eq!(seal(&sa, 1, &mut RustCrypto, &inner), Err(refused));
                let both_fixed = between_fixed(family, protection);
                let sealed = seal(&both_fixed, 1, &mut RustCrypto, &inner).unwrap();
                let mut table = windows();
                assert_eq!(open_in(&sa, &mut table, &sealed), Err(OpenError::Refused(Refusal::NotPreserved)));
                assert!(table.is_empty());
            }
            // With both preserved the outer header is of whatever family the inner one is.
            let sa = sa(&tunnel(OuterHeader::preserving(9), protection));
            for family in FAMILIES {
                let sealed = seal(&sa, 1, &mut RustCrypto, &datagram(family, 30)).unwrap();
                assert_eq!(open_fresh(&sa, &sealed), datagram(family, 30));
                let sealed = seal(&between_fixed(family, protection), 1, &mut RustCrypto, &inner).unwrap();
                let refused = Err(OpenError::Refused(Refusal::NotPreserved));
                assert_eq!(open_in(&sa, &mut windows(), &sealed), refused);
            }
        }
    }
}

/// A tunnel of the same keys with two fixed addresses.
fn between_fixed(family: Family, protection: Protection<'_>) -> Sa<RustCrypto> {
    sa(&tunnel(between(family), protection))
}

/// RFC 4301 §4.4.2.1 and RFC 5374 §4.1.2: an association that no packet would ever be found to be for is not made.
#[test]
fn contradicting_addresses_are_refused() {
    let ([near4, far4], [near6, far6]) = (ends(Family::V4), ends(Family::V6));
    let fixed = OuterAddress::Fixed;
    let preserved = OuterAddress::Preserved;
    let families = Some(SaError::TunnelFamilies);
    let selectors = Some(SaError::TunnelSelectors);
    for protection in representatives() {
        let refused = |outer: (OuterAddress, OuterAddress), source, destination| {
            let outer = OuterHeader { source: outer.0, destination: outer.1, ..between(Family::V4) };
            let config = SaConfig { source, destination, ..tunnel(outer, protection) };
            Sa::new(&config, &mut RustCrypto).err()
        };
        assert_eq!(refused((fixed(near4), fixed(far6)), None, None), families);
        assert_eq!(refused((fixed(near6), fixed(far4)), None, None), families);
        assert_eq!(refused((fixed(near6), fixed(far6)), None, None), None);
        // A fixed address is the only one that a packet can have.
        for (source, destination, expected) in [
            (Some(near4), Some(far4), None),
            (Some(near4), None, None),
            (None, Some(far4), None),
            (Some(far4), None, selectors),
            (None, Some(near4), selectors),
            (Some(near4), Some(near4), selectors),
            (Some(far4), Some(far4), selectors),
            (Some(near6), None, selectors),
        ] {
            assert_eq!(refused((fixed(near4), fixed(far4)), source, destination), expected);
        }
        // A preserved one is any of the fixed one's family.
        for (outer, source, destination, expected) in [
            ((preserved, fixed(far4)), Some(near4), None, None),
            ((preserved, fixed(far4)), Some(near4), Some(far4), None),
            ((preserved, fixed(far4)), Some(near6), None, selectors),
            ((preserved, fixed(far4)), None, Some(near4), selectors),
            ((fixed(near6), preserved), None, Some(group(Family::V6)), None),
            ((fixed(near6), preserved), None, Some(group(Family::V4)), selectors),
            ((fixed(near6), preserved), Some(far6), None, selectors),
            ((preserved, preserved), Some(near4), Some(group(Family::V4)), None),
            ((preserved, preserved), None, Some(group(Family::V6)), None),
        ] {
            assert_eq!(refused(outer, source, destination), expected, "{outer:?} {source:?} {destination:?}");
        }
    }
}

/// A source of one family and a destination of the other: no packet has both, whatever the mode.
#[test]
fn an_association_between_two_families_is_refused() {
    let (source, destination) = (Some(source(Family::V4)), Some(group(Family::V6)));
    for config in [config(ah(SHA2)), tunnel(OuterHeader::preserving(9), ah(SHA2))] {
        let config = SaConfig { source, destination, ..config };
        assert!(Sa::new(&config, &mut RustCrypto).is_err(), "{:?}", config.mode);
    }
}

/// RFC 4301 §4.1: the outer addresses are what an association is chosen by, on both sides, also where they are preserved.
#[test]
fn preserved_addresses_are_those_of_the_association() {
    for family in FAMILIES {
        for protection in representatives() {
            let (own_source, own_destination) = (Some(source(family)), Some(destination(family, 7)));
            let base = tunnel(OuterHeader::preserving(9), protection);
            let own = sa(&SaConfig { source: own_source, destination: own_destination, ..base });
            let sealed = seal(&own, 1, &mut RustCrypto, &datagram(family, 30)).unwrap();
            assert_eq!(open_fresh(&own, &sealed), datagram(family, 30));
            let stranger = Some(destination(family, 8));
            for other in
                [SaConfig { source: stranger, ..base }, SaConfig { destination: stranger, source: own_source, ..base }]
            {
                let other = sa(&other);
                let refused = Err(SealError::OtherAddresses);
                assert_eq!(seal(&other, 1, &mut RustCrypto, &datagram(family, 30)), refused);
                let no_sa = Err(OpenError::NoSa { spi: other.spi() });
                assert_eq!(open_in(&other, &mut windows(), &sealed), no_sa);
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The rest of the outer header.

/// RFC 4301 §8.1: set, clear, copy. A clear one needs an Identification of its own (RFC 6864 §4.3): the sequence number's
/// low half, project-defined.
#[test]
fn dont_fragment_is_set_cleared_or_copied() {
    for protection in protections() {
        for esn in [false, true] {
            for (df, inner_df, inner_family, is_set) in [
                (OuterDf::Set, DF, Family::V4, true),
                (OuterDf::Set, 0, Family::V4, true),
                (OuterDf::Set, DF, Family::V6, true),
                (OuterDf::Clear, DF, Family::V4, false),
                (OuterDf::Clear, 0, Family::V4, false),
                (OuterDf::Clear, DF, Family::V6, false),
                (OuterDf::Copy, DF, Family::V4, true),
                (OuterDf::Copy, 0, Family::V4, false),
                (OuterDf::Copy, DF, Family::V6, true),
            ] {
                let outer = OuterHeader { df, ..between(Family::V4) };
                let sa = sa(&SaConfig { esn, ..tunnel(outer, protection) });
                let inner = Header { flags: inner_df, ..Header::between_hosts(inner_family) }.around(&udp(30));
                let numbers: &[u64] = if esn { &[1, 0xffff, 0x1_2345, 0x1_0000_8001] } else { &[1, 0x1_2345] };
                for &number in numbers {
                    let sealed = seal(&sa, number, &mut RustCrypto, &inner).unwrap();
                    let [source, destination] = ends(Family::V4);
                    let expected = Header {
                        source,
                        destination,
                        traffic_class: 0,
                        hop_limit: 9,
                        next_header: if is_ah(&protection) { protocol::AH } else { protocol::ESP },
                        identification: if is_set { 0 } else { (number & 0xffff) as u16 },
                        flags: if is_set { DF } else { 0 },
                    };
                    assert_eq!(sealed[..20], expected.octets(sealed.len() - 20), "{df:?} {inner_df} {inner_family:?}");
                    if number < 1 << 32 {
                        assert_eq!(open_fresh(&sa, &sealed), inner, "the inner flags stay as they are");
                    }
                }
            }
        }
        // The reserved flag is not copied.
        let inner = Header { flags: 0x80, ..Header::between_hosts(Family::V4) }.around(&udp(30));
        let copying = OuterHeader { df: OuterDf::Copy, ..between(Family::V4) };
        let sealed = seal(&sa(&tunnel(copying, protection)), 7, &mut RustCrypto, &inner).unwrap();
        assert_eq!(sealed[4..8], [0, 7, 0, 0]);
    }
}

/// RFC 4301 §8.1: DF "applies to SAs where both inner and outer headers are IPv4". An IPv6 outer header has neither the flag nor
/// the Identification, and is the same whatever is asked for.
#[test]
fn dont_fragment_does_not_touch_ipv6() {
    for protection in protections() {
        for inner_family in FAMILIES {
            let inner = Header { flags: 0, ..Header::between_hosts(inner_family) }.around(&udp(30));
            for df in [OuterDf::Set, OuterDf::Copy, OuterDf::Clear] {
                for mut outer in [between(Family::V6), OuterHeader::preserving(9)] {
                    if outer.source == OuterAddress::Preserved && inner_family == Family::V4 {
                        continue;
                    }
                    let plain = seal(&sa(&tunnel(outer, protection)), 7, &mut RustCrypto, &inner).unwrap();
                    outer.df = df;
                    let sealed = seal(&sa(&tunnel(outer, protection)), 7, &mut RustCrypto, &inner).unwrap();
                    assert_eq!(sealed[7], 9, "Hop Limit, {df:?}");
                    assert_eq!(sealed, plain, "{df:?}");
                    if !is_ah(&protection) {
                        let dummy = seal_dummy(
                            &sa(&tunnel(OuterHeader { df, ..between(Family::V6) }, protection)),
                            7,
                            &[0xff; 50],
                        )
                        .unwrap();
                        assert_eq!(dummy[7], 9, "Hop Limit of a dummy, {df:?}");
                    }
                }
            }
        }
    }
}

/// RFC 4302 §3.3.4, RFC 4303 §3.3.4: in tunnel mode the packet inside may be a fragment. Its flags other than DF, its offset
/// and its Identification do not show.
#[test]
fn a_tunnel_takes_fragments() {
    for protection in representatives() {
        let sa = sa(&tunnel(OuterHeader { df: OuterDf::Copy, ..between(Family::V4) }, protection));
        for (flags, offset) in [(0x20, 0), (0x20, 5), (0, 9)] {
            let mut inner =
                Header { flags, identification: 0xbeef, ..Header::between_hosts(Family::V4) }.around(&udp(40));
            inner[7] = offset;
            fix_checksum(&mut inner);
            let sealed = seal(&sa, 0x55, &mut RustCrypto, &inner).unwrap();
            assert_eq!(sealed[4..8], [0, 0x55, 0, 0]);
            assert_eq!(open_fresh(&sa, &sealed), inner);
        }
        let fragment = [&[protocol::UDP, 0, 0, 9, 0, 0, 0, 7][..], &[1; 20]].concat();
        let inner = Header { next_header: protocol::FRAGMENT, ..Header::between_hosts(Family::V6) }.around(&fragment);
        let sealed = seal(&sa, 1, &mut RustCrypto, &inner).unwrap();
        assert_eq!(open_fresh(&sa, &sealed), inner);
    }
}

/// RFC 4301 §5.1.2: the DS field is copied or mapped to one value; ECN is copied whatever becomes of the DSCP. Both only on
/// the way in: what becomes of the outer DSCP on the way does not reach the inner header (§5.1.2.2 note 9).
#[test]
fn dscp_is_copied_or_fixed_and_ecn_copied() {
    for protection in representatives() {
        for (outer_family, inner_family) in FAMILIES.into_iter().flat_map(|outer| FAMILIES.map(|inner| (outer, inner)))
        {
            for dscp in [OuterDscp::Copy, OuterDscp::Fixed(Dscp::DEFAULT), OuterDscp::Fixed(Dscp::new(0x2b).unwrap())] {
                let sa = sa(&tunnel(OuterHeader { dscp, ..between(outer_family) }, protection));
                for inner_dscp in [0, 1, 10, 46, 63] {
                    for ecn in 0..4 {
                        let traffic_class = inner_dscp << 2 | ecn;
                        let inner = Header { traffic_class, ..Header::between_hosts(inner_family) }.around(&udp(9));
                        let mut sealed = seal(&sa, 1, &mut RustCrypto, &inner).unwrap();
                        let expected = match dscp {
                            OuterDscp::Copy => traffic_class,
                            OuterDscp::Fixed(own) => own.value() << 2 | ecn,
                        };
                        let [source, destination] = ends(outer_family);
                        let next_header = if is_ah(&protection) { protocol::AH } else { protocol::ESP };
                        let outer = Header {
                            source,
                            destination,
                            traffic_class: expected,
                            hop_limit: 9,
                            next_header,
                            identification: 0,
                            flags: DF,
                        };
                        assert_eq!(sealed[..outer.len()], outer.octets(sealed.len() - outer.len()));
                        set_traffic_class(&mut sealed, (expected ^ 0xa8) & !3 | ecn);
                        assert_eq!(open_fresh(&sa, &sealed), inner);
                    }
                }
            }
        }
    }
}

/// RFC 4301 §5.1.2.1 note 6: a congestion mark of the outer header becomes the inner one's if that transport listens, and the
/// IPv4 checksum follows. No other octet changes.
#[test]
fn congestion_is_carried_in_to_those_who_listen() {
    for protection in protections() {
        for (outer_family, inner_family) in FAMILIES.into_iter().flat_map(|outer| FAMILIES.map(|inner| (outer, inner)))
        {
            let fixed = between(outer_family);
            let preserving = OuterHeader::preserving(9);
            for outer in [fixed, preserving] {
                if outer == preserving && outer_family != inner_family {
                    continue;
                }
                let sa = sa(&tunnel(outer, protection));
                for options in [false, true] {
                    for inner_ecn in 0..4 {
                        let traffic_class = 0xb8 | inner_ecn;
                        let mut inner = Header { traffic_class, ..Header::between_hosts(inner_family) }.around(&udp(9));
                        if options && inner_family == Family::V4 {
                            // The checksum is over the options too: a record of the route, and an end.
                            inner.splice(20..20, [7, 7, 4, 1, 2, 3, 4, 0]);
                            inner[0] = 0x47;
                            inner[3] += 8;
                            fix_checksum(&mut inner);
                        } else if options {
                            inner.splice(40..40, destination_options(protocol::UDP));
                            inner[5] += 8;
                            inner[6] = protocol::DESTINATION_OPTIONS;
                            inner[1..4].copy_from_slice(&[(traffic_class << 4) | 0x0a, 0xbc, 0xde]);
                        }
                        let sealed = seal(&sa, 1, &mut RustCrypto, &inner).unwrap();
                        for outer_ecn in 0..4 {
                            let mut marked = sealed.clone();
                            set_traffic_class(&mut marked, 0xb8 | outer_ecn);
                            let mut expected = inner.clone();
                            if inner_ecn != 0 && outer_ecn == CE {
                                set_traffic_class(&mut expected, 0xb8 | CE);
                            }
                            let opened = open_fresh(&sa, &marked);
                            assert_eq!(opened, expected, "{inner_ecn:02b} in {outer_ecn:02b}, {protection:?}");
                            assert!(checksum_ok(&opened));
                        }
                    }
                }
            }
        }
    }
}

/// In transport mode there is one header alone: nothing is carried anywhere (RFC 4301 §5.1.2 is about tunnels).
#[test]
fn transport_mode_leaves_congestion_where_it_is() {
    for protection in representatives() {
        for family in FAMILIES {
            let sa = sa(&config(protection));
            let inner = Header { traffic_class: 1, ..Header::between_hosts(family) }.around(&udp(9));
            let mut sealed = seal(&sa, 1, &mut RustCrypto, &inner).unwrap();
            set_traffic_class(&mut sealed, 0x28 | CE);
            let mut expected = inner;
            set_traffic_class(&mut expected, 0x28 | CE);
            assert_eq!(open_fresh(&sa, &sealed), expected);
        }
    }
}

/// WIRE §8: X=0 is refused over transport-mode protection, which X2U would break. A tunnel's packet stays whole when the Xcast
/// headers in front of it go, so that there X is the sender's choice.
#[test]
fn a_tunnel_may_be_made_unicast_on_the_way() {
    for protection in esps() {
        for family in FAMILIES {
            // The octet that holds X: behind the IP header, and option or Hop-by-Hop header of a separated bitmap.
            for (place, flags_at) in match family {
                Family::V4 => [(BitmapPlace::Header, 20), (BitmapPlace::Option, 28)],
                Family::V6 => [(BitmapPlace::Header, 44), (BitmapPlace::Option, 60)],
            } {
                let empty = xcast(family, place, 0).octets();
                let (ends, _) = IpHeader::split(&empty).unwrap();
                let to_group = OuterHeader::between(ends.source(), ends.destination(), 9);
                for mode in [Mode::Transport, Mode::Tunnel(to_group)] {
                    let sa = sa(&SaConfig { mode, ..config(protection) });
                    let inner = datagram(family, 30);
                    let sealed = seal(&sa, 1, &mut RustCrypto, &inner).unwrap();
                    let payload = sealed[family.min_header_len()..].to_vec();
                    let around = Packet { next_protocol: protocol::ESP, payload, ..xcast(family, place, 0) };
                    let mut octets = around.octets();
                    assert!(open_in(&sa, &mut windows(), &octets).is_ok());
                    octets[flags_at] ^= 0x04;
                    let result = open_in(&sa, &mut windows(), &octets);
                    if mode == Mode::Transport {
                        assert_eq!(result, Err(OpenError::Refused(Refusal::X2uAllowed)));
                    } else {
                        assert_eq!(result.unwrap().1, inner);
                    }
                }
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Traffic flow confidentiality.

fn multiple_of(unit: u16) -> Tfc {
    Tfc::MultipleOf(NonZeroU16::new(unit).unwrap())
}

/// Octets that `len` octets are padded to.
fn padded(tfc: Tfc, len: usize) -> usize {
    match tfc {
        Tfc::None => len,
        Tfc::AtLeast(least) => len.max(usize::from(least)),
        Tfc::MultipleOf(unit) => len.div_ceil(usize::from(unit.get())) * usize::from(unit.get()),
    }
}

const TFCS: [Tfc; 6] = [
    Tfc::None,
    Tfc::AtLeast(0),
    Tfc::AtLeast(150),
    Tfc::MultipleOf(NonZeroU16::new(1).unwrap()),
    Tfc::MultipleOf(NonZeroU16::new(64).unwrap()),
    Tfc::MultipleOf(NonZeroU16::new(97).unwrap()),
];

/// A kind of packet to pad: for a payload's length the packet, the octets in front of ESP and how many of the rest are padded.
type Padded = fn(Family, usize) -> (Vec<u8>, usize);

fn transport_packets() -> Vec<(Family, Padded)> {
    fn plain(family: Family, len: usize) -> (Vec<u8>, usize) {
        (datagram(family, len), family.min_header_len())
    }
    fn behind_options(family: Family, len: usize) -> (Vec<u8>, usize) {
        let payload = [&destination_options(protocol::UDP)[..], &udp(len)].concat();
        let header = Header { next_header: protocol::DESTINATION_OPTIONS, ..Header::between_hosts(family) };
        (header.around(&payload), header.len())
    }
    fn behind_two_options(family: Family, len: usize) -> (Vec<u8>, usize) {
        let options = [destination_options(protocol::DESTINATION_OPTIONS), destination_options(protocol::UDP)].concat();
        let header = Header { next_header: protocol::DESTINATION_OPTIONS, ..Header::between_hosts(family) };
        (header.around(&[options, udp(len)].concat()), header.len())
    }
    // What stands in front of ESP is not padded: options, Xcast headers.
    fn with_hop_by_hop(family: Family, len: usize) -> (Vec<u8>, usize) {
        let payload = [&destination_options(protocol::UDP)[..], &udp(len)].concat();
        let header = Header { next_header: protocol::HOP_BY_HOP, ..Header::between_hosts(family) };
        (header.around(&payload), header.len() + 8)
    }
    fn with_ipv4_options(family: Family, len: usize) -> (Vec<u8>, usize) {
        let (mut packet, _) = plain(family, len);
        packet.splice(20..20, [1, 1, 1, 0]);
        packet[0] = 0x46;
        let total = u16::try_from(packet.len()).unwrap();
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        fix_checksum(&mut packet);
        (packet, 24)
    }
    fn xcast_bitmap_inside(family: Family, len: usize) -> (Vec<u8>, usize) {
        let packet = xcast(family, BitmapPlace::Header, len).octets();
        let headers = packet.len() - 8 - len;
        (packet, headers)
    }
    fn xcast_bitmap_outside(family: Family, len: usize) -> (Vec<u8>, usize) {
        let packet = xcast(family, BitmapPlace::Option, len).octets();
        let headers = packet.len() - 8 - len;
        (packet, headers)
    }
    vec![
        (Family::V4, plain as Padded),
        (Family::V6, plain),
        (Family::V4, with_ipv4_options),
        (Family::V6, behind_options),
        (Family::V6, behind_two_options),
        (Family::V6, with_hop_by_hop),
        (Family::V4, xcast_bitmap_inside),
        (Family::V6, xcast_bitmap_inside),
        (Family::V4, xcast_bitmap_outside),
        (Family::V6, xcast_bitmap_outside),
    ]
}

/// Seals packets of every payload length, whose sealed length must be that of their class and nothing else; a receiver that
/// knows nothing of the padding gets the packet exactly.
fn lengths_are_hidden(config: SaConfig<'_>, tfc: Tfc, family: Family, packets: Padded, outer_len: Option<usize>) {
    let sender = sa(&SaConfig { tfc, ..config });
    let receiver = sa(&config);
    let mut classes: HashMap<usize, HashSet<usize>> = HashMap::new();
    for len in (0..330).step_by(if tfc == Tfc::AtLeast(0) { 37 } else { 1 }) {
        let (packet, headers) = packets(family, len);
        let (in_front, payload) = match outer_len {
            Some(outer_len) => (outer_len, packet.len()),
            None => (headers, packet.len() - headers),
        };
        let sealed = seal(&sender, 1, &mut RustCrypto, &packet).unwrap();
        let class = padded(tfc, payload);
        assert_eq!(sealed.len(), in_front + esp_len(&config.protection, class), "{len} {tfc:?}");
        classes.entry(class).or_default().insert(sealed.len());
        assert_eq!(open_fresh(&receiver, &sealed), packet, "{len} {tfc:?} {:?}", config.protection);
    }
    assert!(classes.values().all(|lengths| lengths.len() == 1), "one sealed length for each class: {classes:?}");
}

/// RFC 4303 §2.7, transport mode: behind UDP, also where Destination Options stand between.
#[test]
fn tfc_hides_the_length_of_datagrams() {
    for protection in representatives().into_iter().filter(|protection| !is_ah(protection)) {
        for tfc in TFCS {
            for (family, packets) in transport_packets() {
                lengths_are_hidden(config(protection), tfc, family, packets, None);
            }
        }
    }
}

/// RFC 4303 §2.7, tunnel mode: behind every packet.
#[test]
fn tfc_hides_the_length_of_packets() {
    fn tcp(family: Family, len: usize) -> (Vec<u8>, usize) {
        let header = Header { next_header: protocol::TCP, ..Header::between_hosts(family) };
        (header.around(&vec![0xee; len]), header.len())
    }
    for protection in representatives().into_iter().filter(|protection| !is_ah(protection)) {
        for tfc in TFCS {
            for outer in FAMILIES {
                for (family, packets) in [(Family::V4, tcp as Padded), (Family::V6, tcp)] {
                    let config = tunnel(between(outer), protection);
                    lengths_are_hidden(config, tfc, family, packets, Some(outer.min_header_len()));
                }
            }
        }
    }
}

/// RFC 4303 §2.7 leaves the padding's value open. Zeros say nothing, and nothing of what lay in the buffer gets out.
#[test]
fn tfc_padding_is_zero() {
    let null = esp(CipherAlgorithm::Null, SHA2);
    for (config, headers, packet) in
        [(config(null), 20, datagram(Family::V4, 5)), (tunnel(between(Family::V6), null), 0, datagram(Family::V4, 5))]
    {
        let outer_len = if headers == 0 { 40 } else { 20 };
        let sealed = seal(&sa(&SaConfig { tfc: Tfc::AtLeast(201), ..config }), 1, &mut RustCrypto, &packet).unwrap();
        let data = &sealed[outer_len + 8..sealed.len() - 16];
        let payload = &packet[headers..];
        assert_eq!(data[..payload.len()], *payload);
        assert!(data[payload.len()..201].iter().all(|&octet| octet == 0), "{data:02x?}");
        assert_eq!(data[201..204], [1, 1, if headers == 0 { protocol::IPV4 } else { protocol::UDP }]);
    }
}

/// RFC 4303 §2.7: padding only behind what says itself how long it is. In transport mode that is UDP, and a datagram that
/// says something else than the packet would be cut.
#[test]
fn tfc_refuses_what_could_not_be_restored() {
    for protection in esps() {
        let next_headers = [
            (Family::V4, protocol::TCP),
            (Family::V4, protocol::ICMP),
            (Family::V4, protocol::IPV4),
            (Family::V4, protocol::UDP_LITE),
            (Family::V4, protocol::DESTINATION_OPTIONS),
            (Family::V4, 99),
            (Family::V6, protocol::TCP),
            (Family::V6, protocol::ICMPV6),
            (Family::V6, protocol::IPV6),
            (Family::V6, 99),
        ];
        for (family, next_header) in next_headers {
            let header = Header { next_header, ..Header::between_hosts(family) };
            // As a datagram would be, so that nothing but the protocol number tells.
            refused_with_tfc(protection, &header.around(&udp(5)));
            if family == Family::V6 {
                let header = Header { next_header: protocol::DESTINATION_OPTIONS, ..header };
                refused_with_tfc(
                    protection,
                    &header.around(&[&destination_options(next_header)[..], &udp(5)].concat()),
                );
            }
        }
        // In IPv4 there is no Destination Options header, whatever the octets look like.
        let header = Header { next_header: protocol::DESTINATION_OPTIONS, ..Header::between_hosts(Family::V4) };
        refused_with_tfc(protection, &header.around(&[&destination_options(protocol::UDP)[..], &udp(5)].concat()));
        for (family, packets) in transport_packets() {
            for wrong in [0, 7, 12, 14, 0x0d00, 0xffff] {
                let (mut packet, _) = packets(family, 5);
                let at = packet.len() - 13;
                packet[at + 4..at + 6].copy_from_slice(&u16::to_be_bytes(wrong));
                refused_with_tfc(protection, &packet);
            }
        }
        for family in FAMILIES {
            for len in 1..8 {
                refused_with_tfc(protection, &Header::between_hosts(family).around(&[0; 8][..len]));
            }
        }
    }
}

fn refused_with_tfc(protection: Protection<'_>, packet: &[u8]) {
    for tfc in [Tfc::AtLeast(60), multiple_of(100)] {
        let config = SaConfig { tfc, source: Some(address_of(packet)), ..config(protection) };
        assert_eq!(seal(&sa(&config), 1, &mut RustCrypto, packet), Err(SealError::TfcNeedsLength));
        let mut outbound = OutboundSa::new(sa(&config), Instant::START).unwrap();
        let result = in_buffer(packet, |buffer| {
            outbound.seal(Instant::START, &mut RustCrypto, &mut Counting(0), Some(&code_points()), buffer)
        });
        assert_eq!(result, Err(SealError::TfcNeedsLength));
        assert_eq!(outbound.counter().last(), 0, "no number is used up");
        assert_eq!(*outbound.usage(), Usage::new(Instant::START));
    }
}

/// A packet's source address.
fn address_of(packet: &[u8]) -> IpAddr {
    match packet[0] >> 4 {
        4 => IpAddr::from(<[u8; 4]>::try_from(&packet[12..16]).unwrap()),
        _ => IpAddr::from(<[u8; 16]>::try_from(&packet[8..24]).unwrap()),
    }
}

/// Where no octet of padding is due, nothing has to say how long it is, and comes back whole.
#[test]
fn tfc_lets_pass_what_needs_no_padding() {
    for protection in esps() {
        let sa = sa(&SaConfig { tfc: multiple_of(20), ..config(protection) });
        for family in FAMILIES {
            let tcp = Header { next_header: protocol::TCP, ..Header::between_hosts(family) }.around(&[0xee; 40]);
            assert_eq!(open_fresh(&sa, &seal(&sa, 1, &mut RustCrypto, &tcp).unwrap()), tcp);
        }
    }
}

/// AH has no padding that could be cut off: RFC 4302 knows none, RFC 4303 §2.7 is ESP's.
#[test]
fn tfc_is_for_esp() {
    for integrity in INTEGRITY {
        for mode in [Mode::Transport, Mode::Tunnel(between(Family::V4))] {
            for tfc in [Tfc::AtLeast(0), Tfc::AtLeast(100), multiple_of(1), multiple_of(64)] {
                let config = SaConfig { mode, tfc, ..config(ah(integrity)) };
                assert_eq!(Sa::new(&config, &mut RustCrypto).err(), Some(SaError::TfcNeedsEsp), "{tfc:?}");
            }
        }
    }
}

/// A public function does not panic, whatever length it is asked about (CONVENTIONS).
#[test]
fn tfc_does_not_overflow() {
    assert_eq!(Tfc::AtLeast(u16::MAX).padding_len(usize::MAX), 0);
    let _ = multiple_of(100).padding_len(usize::MAX);
    let _ = sa(&SaConfig { tfc: multiple_of(100), ..config(esps()[0]) }).overhead(Family::V4, usize::MAX);
}

// ---------------------------------------------------------------------------------------------------------------------
// Dummies.

/// Opens as a dummy, once; changed in any part, not even that.
fn arrives_as_dummy(sa: &Sa<RustCrypto>, sequence: u64, sealed: &[u8]) {
    let mut table = windows();
    let mut changed = sealed.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(open_in(sa, &mut table, &changed), Err(OpenError::Icv));
    assert!(table.is_empty());
    let (opened, octets) = open_in(sa, &mut table, sealed).unwrap();
    assert_eq!((opened.content, opened.sequence), (Content::Dummy, sequence));
    assert!(octets.is_empty(), "nothing is left to deliver");
    assert_eq!(table.len(), 1);
    assert_eq!(open_in(sa, &mut table, sealed), Err(OpenError::Replay(ReplayError::Replayed)));
}

/// RFC 4303 §2.6 in transport mode: behind the headers of a packet whose payload is any octets. What an observer sees is what
/// a packet of that size shows, and what is encrypted begins behind it.
#[test]
fn dummies_look_like_packets_in_transport_mode() {
    for protection in esps() {
        for (family, packets) in transport_packets() {
            for (len, tfc) in [(0, Tfc::None), (30, Tfc::None), (31, Tfc::AtLeast(150)), (200, multiple_of(64))] {
                let (packet, headers) = packets(family, len);
                let sa = sa(&SaConfig { tfc, ..config(protection) });
                let genuine = seal(&sa, 9, &mut RustCrypto, &packet).unwrap();
                let mut octets = packet.clone();
                // All but Destination Options, behind which sealing looks for a Routing header.
                let any = &mut octets[packet.len() - 8 - len..];
                any.iter_mut().enumerate().for_each(|(at, octet)| *octet = (at * 59) as u8 | 0x81);
                let dummy = seal_dummy(&sa, 9, &octets).unwrap();
                assert_eq!(dummy.len(), genuine.len());
                let visible = headers + 8 + sa.iv_len();
                assert_eq!(dummy[..visible], genuine[..visible]);
                arrives_as_dummy(&sa, 9, &dummy);
                assert_eq!(open_fresh(&sa, &genuine), packet);
            }
        }
        // Xcast with X=0 gets X=1 as a packet would.
        for family in FAMILIES {
            for place in [BitmapPlace::Header, BitmapPlace::Option] {
                let x2u = Packet { no_x2u: false, ..xcast(family, place, 30) };
                let sa = sa(&config(protection));
                let dummy = seal_dummy(&sa, 9, &x2u.octets()).unwrap();
                let genuine = seal(&sa, 9, &mut RustCrypto, &Packet { no_x2u: true, ..x2u }.octets()).unwrap();
                assert_eq!(dummy[..genuine.len() - 38 - 40], genuine[..genuine.len() - 38 - 40]);
                arrives_as_dummy(&sa, 9, &dummy);
            }
        }
    }
}

/// RFC 4303 §2.6 in tunnel mode: any octets, of any number.
#[test]
fn dummies_look_like_packets_in_tunnel_mode() {
    for protection in esps() {
        for outer in FAMILIES {
            for tfc in [Tfc::None, Tfc::AtLeast(150), multiple_of(64)] {
                for dscp in [OuterDscp::Copy, OuterDscp::Fixed(Dscp::EF)] {
                    let sa = sa(&SaConfig { tfc, ..tunnel(OuterHeader { dscp, ..between(outer) }, protection) });
                    for inner in FAMILIES {
                        for len in [0, 1, 30, 200] {
                            let packet = datagram(inner, len);
                            let genuine = seal(&sa, 9, &mut RustCrypto, &packet).unwrap();
                            let dummy = seal_dummy(&sa, 9, &vec![0xff; packet.len()]).unwrap();
                            assert_eq!(dummy.len(), genuine.len());
                            let visible = outer.min_header_len() + 8 + sa.iv_len();
                            assert_eq!(dummy[..visible], genuine[..visible]);
                            arrives_as_dummy(&sa, 9, &dummy);
                        }
                    }
                    // Also none at all, and a packet.
                    arrives_as_dummy(&sa, 9, &seal_dummy(&sa, 9, &[]).unwrap());
                    arrives_as_dummy(&sa, 9, &seal_dummy(&sa, 9, &datagram(Family::V4, 3)).unwrap());
                }
            }
        }
        // Without an inner header DF can be copied from none: it is set.
        for (df, flags) in
            [(OuterDf::Set, [0, 0, DF, 0]), (OuterDf::Clear, [0, 9, 0, 0]), (OuterDf::Copy, [0, 0, DF, 0])]
        {
            let sa = sa(&tunnel(OuterHeader { df, ..between(Family::V4) }, protection));
            assert_eq!(seal_dummy(&sa, 9, &[0; 50]).unwrap()[4..8], flags, "{df:?}");
        }
    }
}

/// RFC 4303 §2.6: dummies need no length of their own, so that TFC padding goes behind any.
#[test]
fn dummies_are_padded_whatever_they_hold() {
    for protection in esps() {
        for family in FAMILIES {
            let sa = sa(&SaConfig { tfc: Tfc::AtLeast(100), ..config(protection) });
            for next_header in [protocol::TCP, protocol::ICMP, protocol::ICMPV6, 99] {
                let packet = Header { next_header, ..Header::between_hosts(family) }.around(&[0xee; 33]);
                let dummy = seal_dummy(&sa, 2, &packet).unwrap();
                assert_eq!(dummy.len(), family.min_header_len() + esp_len(&protection, 100));
                arrives_as_dummy(&sa, 2, &dummy);
            }
        }
    }
}

/// Next Header 59 is what makes a dummy: inside NULL encryption it can be seen (RFC 4303 §2.6, RFC 2410).
#[test]
fn dummies_announce_that_nothing_follows() {
    let null = esp(CipherAlgorithm::Null, SHA2);
    for config in [config(null), tunnel(between(Family::V4), null)] {
        let dummy = seal_dummy(&sa(&config), 1, &datagram(Family::V4, 30)).unwrap();
        assert_eq!(dummy[dummy.len() - 17], 59);
    }
    // Also of a packet that says so itself (RFC 8200 §4.7): nobody gets it.
    for protection in esps() {
        for family in FAMILIES {
            let packet = Header { next_header: 59, ..Header::between_hosts(family) }.around(&[1, 2, 3]);
            let sa = sa(&config(protection));
            arrives_as_dummy(&sa, 1, &seal(&sa, 1, &mut RustCrypto, &packet).unwrap());
        }
    }
}

/// The least that ESP can encrypt: Pad Length and Next Header (RFC 4303 §2). Opening asks for whole blocks alone (WIRE §11),
/// which of a stream cipher are octets.
#[test]
fn the_shortest_esp_is_a_dummy() {
    let null = esp(CipherAlgorithm::Null, SHA2);
    let hosts = Header::between_hosts(Family::V4);
    let between_them = OuterHeader::between(hosts.source, hosts.destination, 9);
    for config in [config(null), tunnel(between_them, null)] {
        let sa = sa(&config);
        for (data, expected) in [
            (&[0, 59][..], Ok(Content::Dummy)),
            (&[59], Err(OpenError::EspLength)),
            (&[], Err(OpenError::EspLength)),
            (&[1, 59], Err(OpenError::Padding)),
        ] {
            let mut esp = [&[0, 0, 0x10, 0, 0, 0, 0, 1][..], data].concat();
            let key = RustCrypto.integrity_key(SHA2, &KEY[..32]).unwrap();
            let icv = RustCrypto.icv(&key, [&esp[..]]).unwrap();
            esp.extend_from_slice(icv.as_octets());
            let packet = Header { next_header: protocol::ESP, ..Header::between_hosts(Family::V4) }.around(&esp);
            let result = open_in(&sa, &mut windows(), &packet).map(|(opened, _)| opened.content);
            assert_eq!(result, expected, "{data:?}");
        }
    }
}

/// A sender's dummies take numbers and vectors as its packets do, and count as they do (RFC 4303 §2.6: all other fields must
/// be present; RFC 4301 §4.4.2.1).
#[test]
fn dummies_count_as_packets() {
    for protection in esps() {
        for config in [config(protection), tunnel(between(Family::V4), protection)] {
            let config = SaConfig { source: None, destination: None, ..config };
            let receiver = sa(&config);
            let mut outbound = OutboundSa::shared(sa(&config), SenderId::new(3, 8).unwrap(), Instant::START).unwrap();
            let (mut table, mut rng, mut octets) = (windows(), Counting(0), 0);
            for number in 1..=20 {
                let is_dummy = number % 3 == 0;
                let (sealed, packet) = in_buffer(&datagram(Family::V4, 30), |buffer| {
                    let seal = if is_dummy { OutboundSa::seal_dummy } else { OutboundSa::seal };
                    seal(&mut outbound, Instant::START, &mut RustCrypto, &mut rng, None, buffer)
                })
                .unwrap();
                assert_eq!((sealed.sequence, sealed.soft_limit), (number, None));
                let (opened, _) = open_in(&receiver, &mut table, &packet).unwrap();
                assert_eq!(opened.content, if is_dummy { Content::Dummy } else { Content::Packet });
                let (iv, _, icv) = esp_sizes(&protection);
                octets += (packet.len() - 20 - 8 - iv - icv) as u64;
            }
            assert_eq!((outbound.usage().packets(), outbound.usage().octets()), (20, octets));
        }
    }
}

#[test]
fn dummies_are_refused_where_there_are_none() {
    // RFC 4302 has no trailer that could say so.
    for integrity in INTEGRITY {
        for config in [config(ah(integrity)), tunnel(between(Family::V4), ah(integrity))] {
            let sa = sa(&config);
            for packet in [datagram(Family::V4, 30), datagram(Family::V6, 30), vec![0xff; 50], vec![]] {
                assert_eq!(seal_dummy(&sa, 1, &packet), Err(SealError::NotEsp));
            }
        }
    }
    for protection in esps() {
        // RFC 5374 §3.1: no addresses to preserve, not even where the octets happen to be a packet.
        for family in FAMILIES {
            for kept in KEPT.into_iter().filter(|kept| *kept != (false, false)) {
                let sa = sa(&tunnel(keeping(kept, family), protection));
                for packet in [datagram(family, 30), vec![0xff; 50], vec![]] {
                    assert_eq!(seal_dummy(&sa, 1, &packet), Err(SealError::NoInnerHeader));
                }
            }
        }
        // In transport mode a dummy is behind headers, of a packet that the association is for.
        let config = config(protection);
        for packet in [&[0xff; 50][..], &[], &[0x45; 19]] {
            assert!(matches!(seal_dummy(&sa(&config), 1, packet), Err(SealError::Parse(_))));
        }
        let other = sa(&SaConfig { destination: Some(destination(Family::V4, 8)), ..config });
        assert_eq!(seal_dummy(&other, 1, &datagram(Family::V4, 30)), Err(SealError::OtherAddresses));
        // The numbers are the same as a packet's.
        assert_eq!(seal_dummy(&sa(&config), 0, &datagram(Family::V4, 30)), Err(SealError::ZeroSequence));
        assert_eq!(seal_dummy(&sa(&config), 1 << 32, &datagram(Family::V4, 30)), Err(SealError::Exhausted));
        let long = Freshness { sequence: 1, iv: &[0; 17] };
        let result = in_buffer(&datagram(Family::V4, 30), |buffer| {
            seal_dummy_with(&sa(&config), long, &mut RustCrypto, None, buffer)
        });
        assert_eq!(result, Err(SealError::IvLength));
    }
}

/// What is not built is not accepted either (WIRE §11). `SaConfig::source` counts on preservation against somebody without
/// the key who sends a captured packet again from other addresses, each of which gets a window of its own.
#[test]
fn a_dummy_does_not_get_around_address_preservation() {
    for protection in esps() {
        for family in FAMILIES {
            // By another implementation, or by a sender of the group that does not keep to the agreement.
            let dummy = seal_dummy(&between_fixed(family, protection), 1, &[0xff; 50]).unwrap();
            let preserving = sa(&tunnel(OuterHeader::preserving(9), protection));
            let mut table = SenderWindows::<4, 1>::new(64).unwrap();
            for host in 0..5 {
                let mut replayed = dummy.clone();
                replayed[address_fields(family)[0].end - 1] = host;
                fix_checksum(&mut replayed);
                let mut buffer = PacketBuf::new(&mut replayed, 0..dummy.len()).unwrap();
                let _ = open(&preserving, &mut table, &mut RustCrypto, None, &mut buffer);
            }
            assert!(table.len() <= 1, "{} senders of one captured packet", table.len());
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Forbidden algorithms.

/// RFC 8221 §6: HMAC-MD5-96 MUST NOT be used. Only by name, and only that one.
#[test]
fn a_forbidden_algorithm_needs_its_own_exemption() {
    use CipherAlgorithm::{AesCbc, AesCtr, Null};
    const MD5: IntegrityAlgorithm = IntegrityAlgorithm::HmacMd5_96;
    let uses = |integrity| [ah(integrity), esp(Null, integrity), esp(AesCbc, integrity), esp(AesCtr, integrity)];
    for mode in [Mode::Transport, Mode::Tunnel(between(Family::V6))] {
        for protection in uses(MD5) {
            let with = |rfc8221_exemption| {
                let config = SaConfig { mode, rfc8221_exemption, ..config(protection) };
                Sa::new(&config, &mut RustCrypto)
            };
            assert_eq!(with(None).err(), Some(SaError::Forbidden(MD5)));
            let bare = SaConfig { mode, ..SaConfig::new(Spi::new(0x1000).unwrap(), protection) };
            assert_eq!(Sa::new(&bare, &mut RustCrypto).err(), Some(SaError::Forbidden(MD5)), "nothing exempts unasked");
            for other in INTEGRITY.into_iter().filter(|other| *other != MD5) {
                assert_eq!(with(Some(other)).err(), Some(SaError::Forbidden(MD5)), "{other:?} does not help");
            }
            let sa = with(Some(MD5)).unwrap();
            let sealed = seal(&sa, 1, &mut RustCrypto, &datagram(Family::V4, 30)).unwrap();
            assert_eq!(open_fresh(&sa, &sealed), datagram(Family::V4, 30));
        }
        // All others need none, and are made with any.
        for integrity in INTEGRITY.into_iter().filter(|integrity| *integrity != MD5) {
            assert!(!integrity.is_forbidden());
            for protection in uses(integrity) {
                for rfc8221_exemption in [None, Some(MD5), Some(integrity)] {
                    let config = SaConfig { mode, rfc8221_exemption, ..config(protection) };
                    assert!(Sa::new(&config, &mut RustCrypto).is_ok());
                }
            }
        }
    }
    assert!(MD5.is_forbidden());
    // RFC 8221 §6: AUTH_NONE only under a combined-mode algorithm; no exemption is for that.
    let none = Protection::Esp { cipher: AesCbc, cipher_key: &KEY[..16], integrity: None };
    for rfc8221_exemption in [None, Some(MD5), Some(SHA2)] {
        let config = SaConfig { rfc8221_exemption, ..config(none) };
        assert_eq!(Sa::new(&config, &mut RustCrypto).err(), Some(SaError::NoIntegrity));
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Several senders.

/// Whether the vectors are a counter, for which RFC 6054 §3 wants an identifier for each sender.
fn counts(protection: &Protection<'_>) -> bool {
    matches!(protection, Protection::EspCombined { .. } | Protection::Esp { cipher: CipherAlgorithm::AesCtr, .. })
}

fn as_sender(protection: Protection<'_>, number: u16) -> OutboundSa<RustCrypto> {
    let own = sa(&config(protection));
    if counts(&protection) {
        OutboundSa::shared(own, SenderId::new(number, 8).unwrap(), Instant::START).unwrap()
    } else {
        OutboundSa::new(own, Instant::START).unwrap()
    }
}

/// Draft §3.1.2: several senders under one association, each with numbers and a window of its own, where RFC 4303 §2.2 has no
/// anti-replay for them at all. Linux has one window for all, and drops the second sender's.
#[test]
fn senders_do_not_take_each_others_numbers() {
    for protection in protections() {
        for family in FAMILIES {
            let receiver = sa(&config(protection));
            let mut senders = [1, 2, 3].map(|number| as_sender(protection, number));
            let sources = [source(family), destination(family, 1), destination(family, 2)];
            let mut rng = Counting(0);
            let mut sent = Vec::new();
            for number in 1..=40_u64 {
                for (sender, source) in senders.iter_mut().zip(sources) {
                    let packet = Header { source, ..Header::between_hosts(family) }.around(&udp(number as usize));
                    let (sealed, octets) = in_buffer(&packet, |buffer| {
                        sender.seal(Instant::START, &mut RustCrypto, &mut rng, None, buffer)
                    })
                    .unwrap();
                    assert_eq!(sealed.sequence, number, "all count alike");
                    sent.push((source, number, packet, octets));
                }
            }
            // One after the other, all reversed, and in the order they were sent.
            let mut by_sender = sent.clone();
            by_sender.sort_by_key(|(source, number, ..)| (*source, *number));
            let reversed: Vec<_> = sent.iter().rev().cloned().collect();
            for order in [by_sender, reversed, sent] {
                let mut table = windows();
                for (source, number, packet, octets) in &order {
                    let (opened, plain) = open_in(&receiver, &mut table, octets).unwrap();
                    assert_eq!((opened.source, opened.sequence, &plain), (*source, *number, packet));
                }
                assert_eq!(table.len(), 3);
                for (.., octets) in &order {
                    assert_eq!(open_in(&receiver, &mut table, octets), Err(OpenError::Replay(ReplayError::Replayed)));
                }
            }
        }
    }
}

/// RFC 6054 §3: identifier in front, then what is the sender's own. No two packets under one key have the same vector, whoever
/// sent them, up to the last number that there is; there every sender stops (§5).
#[test]
fn shared_counters_never_repeat_a_vector() {
    for protection in protections().into_iter().filter(counts) {
        for (bits, last_id) in [(8, 0xff_u16), (12, 0xfff), (16, 0xffff)] {
            for esn in [false, true] {
                let config = SaConfig { esn, ..config(protection) };
                let last_number = if esn { u64::MAX >> bits } else { u64::from(u32::MAX) };
                let mut vectors = HashSet::new();
                let mut total = 0;
                for id in [0, 1, 2, 0x80, last_id - 1, last_id] {
                    let sender = SenderId::new(id, bits).unwrap();
                    let mut early = OutboundSa::shared(sa(&config), sender, Instant::START).unwrap();
                    let usage = Usage::new(Instant::START);
                    let mut late = OutboundSa::resume(sa(&config), last_number - 20, sender, usage).unwrap();
                    late.reserve(u64::MAX).commit();
                    assert_eq!((early.counter().remaining(), late.counter().remaining()), (last_number, 20));
                    assert_eq!((early.counter().reserved(), late.counter().reserved()), (last_number, 20));
                    let mut seal_next = |outbound: &mut OutboundSa<RustCrypto>| {
                        let (sealed, octets) = in_buffer(&datagram(Family::V4, 4), |buffer| {
                            outbound.seal(Instant::START, &mut RustCrypto, &mut Counting(0), None, buffer)
                        })?;
                        let vector = u64::from_be_bytes(octets[28..36].try_into().unwrap());
                        assert_eq!(vector, u64::from(id) << (64 - bits) | sealed.sequence);
                        assert_eq!(octets[24..28], (sealed.sequence as u32).to_be_bytes());
                        assert!(vectors.insert(vector), "{vector:#x} a second time");
                        total += 1;
                        Ok::<_, SealError>(sealed.sequence)
                    };
                    for number in 1..=100 {
                        assert_eq!(seal_next(&mut early), Ok(number));
                    }
                    for number in last_number - 19..=last_number {
                        assert_eq!(seal_next(&mut late), Ok(number));
                    }
                    for _ in 0..3 {
                        assert_eq!(seal_next(&mut late), Err(SealError::Exhausted));
                    }
                }
                assert_eq!((vectors.len(), total), (720, 720));
            }
        }
    }
}

/// RFC 6054 §3: 8, 12 and 16 bits, and no identifier that does not fit.
#[test]
fn sender_identifiers_fit_their_bits() {
    for bits in 0..=64 {
        let sizes = [8, 12, 16].contains(&bits);
        assert_eq!(SenderId::new(1, bits).is_some(), sizes, "{bits}");
        assert_eq!(SenderId::new(0, bits).is_some(), sizes, "{bits}");
    }
    for (value, bits, fits) in [(0xff, 8, true), (0x100, 8, false), (0xfff, 12, true), (0x1000, 12, false)] {
        assert_eq!(SenderId::new(value, bits).is_some(), fits);
    }
    assert!(SenderId::new(u16::MAX, 16).is_some());
}

/// An identifier limits numbers only where it is part of the vector (RFC 6054 §3): CBC's comes from the generator (RFC 3602
/// §3), AH and NULL have none.
#[test]
fn identifiers_cost_others_nothing() {
    for protection in protections().into_iter().filter(|protection| !counts(protection)) {
        let config = SaConfig { esn: true, ..config(protection) };
        let mut outbound = OutboundSa::shared(sa(&config), SenderId::new(0xffff, 16).unwrap(), Instant::START).unwrap();
        assert_eq!(outbound.counter().remaining(), u64::MAX);
        let (_, octets) = in_buffer(&datagram(Family::V4, 4), |buffer| {
            outbound.seal(Instant::START, &mut RustCrypto, &mut Counting(0x20), None, buffer)
        })
        .unwrap();
        if let Protection::Esp { cipher: CipherAlgorithm::AesCbc, .. } = protection {
            let expected: Vec<u8> = (0x21..=0x30).collect();
            assert_eq!(octets[28..44], expected);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Extended sequence numbers, lost and found.

/// Counts the ICVs that are verified.
struct Meter {
    verified: u64,
}

impl CryptoProvider for Meter {
    takes_keys_as_rust_crypto!();

    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        RustCrypto.icv(key, parts)
    }
    fn verify_icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        self.verified += 1;
        RustCrypto.verify_icv(key, parts, received)
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
        RustCrypto.aead_seal(key, iv, aad, data)
    }
    fn aead_open(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        self.verified += 1;
        RustCrypto.aead_open(key, iv, aad, data, tag)
    }
}

/// How many numbers share an upper half.
const T: u64 = 1 << 32;

/// A sender and a receiver with extended numbers.
struct Link {
    sa: Sa<Meter>,
    packet: Vec<u8>,
    table: SenderWindows,
    crypto: Meter,
}

impl Link {
    fn new(config: &SaConfig<'_>, packet: &[u8]) -> Self {
        let mut crypto = Meter { verified: 0 };
        let sa = Sa::new(config, &mut crypto).unwrap();
        Self { sa, packet: packet.to_vec(), table: windows(), crypto }
    }

    /// The receiver is where the sender was when it used `highest`.
    fn at(mut self, highest: u64) -> Self {
        let sealed = self.seal(1);
        let sender = SenderKey { sa: self.sa.id(), source: address_of(&sealed) };
        self.table.start_after(sender, highest).unwrap();
        self
    }

    fn seal(&mut self, sequence: u64) -> Vec<u8> {
        seal(&self.sa, sequence, &mut self.crypto, &self.packet).unwrap()
    }

    /// Opens what was sealed, with `tries` or not trying at all; a packet that does not verify is unchanged. Says also how many
    /// ICVs were verified.
    fn open(&mut self, tries: Option<u32>, sealed: &[u8]) -> (Result<u64, OpenError>, u64) {
        let before = self.crypto.verified;
        let mut storage = sealed.to_vec();
        let mut buffer = PacketBuf::new(&mut storage, 0..sealed.len()).unwrap();
        let (sad, table, crypto, code_points) = (&self.sa, &mut self.table, &mut self.crypto, Some(&code_points()));
        let result = match tries {
            None => open(sad, table, crypto, code_points, &mut buffer),
            Some(tries) => resynchronize(sad, table, crypto, code_points, tries, &mut buffer),
        };
        let result = match result {
            Ok(opened) => {
                assert_eq!((opened.content, buffer.as_octets()), (Content::Packet, &self.packet[..]));
                Ok(opened.sequence)
            }
            Err(error) => {
                assert_eq!((buffer.as_octets(), buffer.range()), (sealed, 0..sealed.len()), "unchanged after {error}");
                Err(error)
            }
        };
        (result, self.crypto.verified - before)
    }

    fn open_number(&mut self, tries: Option<u32>, sequence: u64) -> Result<u64, OpenError> {
        let sealed = self.seal(sequence);
        self.open(tries, &sealed).0
    }
}

/// Every protocol, mode and kind of algorithm, with extended numbers.
fn links() -> Vec<Link> {
    let mut links = Vec::new();
    for protection in protections() {
        for family in FAMILIES {
            let plain = datagram(family, 30);
            let xcast = xcast(family, BitmapPlace::Option, 30).octets();
            let transport = SaConfig { esn: true, ..config(protection) };
            links.push(Link::new(&transport, &plain));
            links.push(Link::new(&transport, &xcast));
            links.push(Link::new(&SaConfig { esn: true, ..tunnel(between(family), protection) }, &plain));
            let preserving = tunnel(OuterHeader::preserving(9), protection);
            links.push(Link::new(&SaConfig { esn: true, ..preserving }, &xcast));
        }
    }
    links
}

const REPLAYED: OpenError = OpenError::Replay(ReplayError::Replayed);

/// RFC 4303 §A3.2, RFC 4302 §B3.2: larger and larger upper halves, one after the other, no more than allowed. The first that
/// verifies is where the receiver then is.
#[test]
fn a_lost_upper_half_is_found_again() {
    for mut link in links() {
        let mut here = 5 * T + 1000;
        link = link.at(here);
        for (ahead, low) in [(1, 2000), (2, 500), (3, 60), (1, 59), (2, u64::from(u32::MAX)), (9, 5)] {
            // What the window supposes (RFC 4303 §A2.2): the first number with this low half that is not left of it.
            let left_edge = here - 63;
            let supposed = left_edge + (low.wrapping_sub(left_edge) & (T - 1));
            let there = supposed + ahead * T;
            let lost = link.seal(there);
            assert_eq!(link.open(None, &lost), (Err(OpenError::Icv), 1));
            for tries in 0..ahead {
                assert_eq!(
                    link.open(Some(tries as u32), &lost),
                    (Err(OpenError::Icv), tries + 1),
                    "{tries} are too few"
                );
            }
            assert_eq!(link.open_number(None, here + 1), Ok(here + 1), "the window did not move");
            assert_eq!(link.open_number(None, here + 1), Err(REPLAYED));
            assert_eq!(link.open(Some(100), &lost), (Ok(there), ahead + 1), "and no more than needed");
            assert_eq!(link.table.len(), 1);
            // Now ordinary opening goes on here, and what was before is over.
            assert_eq!(link.open(None, &lost), (Err(REPLAYED), 0));
            assert_eq!(link.open_number(None, there + 1), Ok(there + 1));
            assert_eq!(link.open_number(None, there - 62), Ok(there - 62), "the left edge");
            assert_eq!(
                link.open_number(None, there - 63),
                Err(OpenError::Icv),
                "left of it: taken for the next subspace's"
            );
            assert_eq!(link.open_number(None, here + 2), Err(OpenError::Icv));
            assert_eq!(link.open_number(Some(ahead as u32 + 5), here + 2), Err(OpenError::Icv));
            here = there + 1;
        }
    }
}

/// RFC 4303 §A3.2: the number of tries is limited "in case this is a packet from the past". It moves nothing back, however many.
#[test]
fn the_past_does_not_come_back() {
    for link in links() {
        let mut link = link.at(7 * T + 1000);
        let past = [5 * T + 500, 6 * T + 1001, 6 * T + 990, 7 * T + 900, 7 * T + 936, 1, T, 7 * T - 1];
        for number in past {
            let sealed = link.seal(number);
            let (result, verified) = link.open(Some(12), &sealed);
            // The low half may be one that the window has seen, which is not worth a try.
            let in_window = (937..=1000).contains(&(number % T));
            let expected = if in_window { (Err(REPLAYED), 0) } else { (Err(OpenError::Icv), 13) };
            assert_eq!((result, verified), expected, "{number:#x}");
        }
        assert_eq!(link.open_number(None, 7 * T + 1001), Ok(7 * T + 1001));
        assert_eq!(link.open_number(Some(9), 7 * T + 1001), Err(REPLAYED));
        // From there too.
        assert_eq!(link.open_number(Some(2), 9 * T + 5), Ok(9 * T + 5));
        for number in past {
            assert!(link.open_number(Some(12), number).is_err());
        }
        assert_eq!(link.open_number(None, 9 * T + 6), Ok(9 * T + 6));
    }
}

/// A forged packet costs the tries and nothing else: no state, no move, and no more than was allowed.
#[test]
fn a_forged_packet_costs_only_time() {
    for link in links() {
        let mut late = Link::new(&SaConfig { esn: true, ..config(ah(SHA2)) }, &link.packet);
        assert_eq!(late.open_number(Some(3), 5), Ok(5), "the harness opens what is genuine");
        let mut link = link;
        for (receiver, highest) in [("new", None), ("known", Some(5 * T + 1000))] {
            if let Some(highest) = highest {
                link = link.at(highest);
            }
            let known = usize::from(highest.is_some());
            let mut forged = link.seal(8 * T + 2000);
            *forged.last_mut().unwrap() ^= 0x80;
            for tries in [0, 1, 7, 40] {
                let expected = (Err(OpenError::Icv), u64::from(tries) + 1);
                assert_eq!(link.open(Some(tries), &forged), expected, "{receiver}");
                assert_eq!(link.table.len(), known, "no place for a stranger");
            }
            if let Some(highest) = highest {
                assert_eq!(link.open_number(None, highest + 1), Ok(highest + 1));
            }
        }
    }
}

/// At the last upper half there is no greater one to try.
#[test]
fn tries_end_with_the_numbers() {
    for link in links() {
        let mut link = link.at(u64::MAX - 2 * T - 5000);
        let mut forged = link.seal(u64::MAX - 1000);
        assert_eq!(link.open(Some(2), &forged), (Ok(u64::MAX - 1000), 3));
        forged[..].copy_from_slice(&link.seal(u64::MAX - 3 * T - 500));
        assert_eq!(link.open(Some(50), &forged), (Err(OpenError::Icv), 1));
        assert_eq!(link.open_number(None, u64::MAX), Ok(u64::MAX));
    }
}

/// RFC 5374 §4.2 and RFC 6407 §5.4 have the key server tell a late joiner where senders are. Without it, this finds them, each
/// for itself.
#[test]
fn a_late_joiner_finds_each_sender() {
    for mut link in links() {
        let first = link.seal(3 * T + 77);
        assert_eq!(link.open(None, &first), (Err(OpenError::Icv), 1));
        assert_eq!(link.open(Some(2), &first), (Err(OpenError::Icv), 3));
        assert!(link.table.is_empty());
        assert_eq!(link.open(Some(3), &first), (Ok(3 * T + 77), 4));
        assert_eq!(link.table.len(), 1);
        assert_eq!(link.open_number(None, 3 * T + 78), Ok(3 * T + 78));
        assert_eq!(link.open(Some(3), &first), (Err(REPLAYED), 0));
    }
    // Another sender's place is its own.
    for protection in protections() {
        let config = SaConfig { esn: true, ..config(protection) };
        let one = datagram(Family::V4, 30);
        let two = Header { source: destination(Family::V4, 9), ..Header::between_hosts(Family::V4) }.around(&udp(30));
        let mut link = Link::new(&config, &one);
        assert_eq!(link.open_number(Some(5), 4 * T + 10), Ok(4 * T + 10));
        link.packet = two;
        assert_eq!(link.open_number(None, 10), Ok(10));
        assert_eq!(link.open_number(None, 4 * T + 11), Err(OpenError::Icv));
        link.packet = one;
        assert_eq!(link.open_number(None, 4 * T + 11), Ok(4 * T + 11));
    }
}

/// RFC 5374 §4.2: what the key server tells of a sender moves its window forward, and never back over what was accepted.
#[test]
fn being_told_where_a_sender_is_moves_forward_only() {
    for link in links() {
        let mut link = link.at(5 * T + 1000);
        assert_eq!(link.open_number(None, 5 * T + 1001), Ok(5 * T + 1001));
        for known in [0, 3 * T, 5 * T + 1000, 5 * T + 1001] {
            link = link.at(known);
            assert_eq!(link.open_number(None, 5 * T + 1001), Err(REPLAYED), "{known:#x}");
        }
        link = link.at(9 * T);
        assert_eq!((link.open_number(None, 9 * T + 1), link.table.len()), (Ok(9 * T + 1), 1));
        assert_eq!(link.open_number(None, 9 * T), Err(REPLAYED));
    }
}

/// Without extended numbers there is no upper half to try.
#[test]
fn without_extended_numbers_nothing_is_tried() {
    for protection in protections() {
        for family in FAMILIES {
            let mut link = Link::new(&config(protection), &datagram(family, 30));
            let mut forged = link.seal(7);
            *forged.last_mut().unwrap() ^= 1;
            assert_eq!(link.open(Some(1000), &forged), (Err(OpenError::Icv), 1));
            assert_eq!(link.open_number(Some(1000), 7), Ok(7));
            assert_eq!(link.open_number(Some(1000), 7), Err(REPLAYED));
            // Nor can a peer with extended numbers be understood.
            let extended = Link::new(&SaConfig { esn: true, ..config(protection) }, &datagram(family, 30)).seal(T + 8);
            assert_eq!(link.open(Some(1000), &extended), (Err(OpenError::Icv), 1));
        }
    }
}

/// What is genuine but refused stops the search: the number was right.
#[test]
fn only_a_wrong_icv_is_tried_again() {
    for protection in esps() {
        let preserving = SaConfig { esn: true, ..tunnel(OuterHeader::preserving(9), protection) };
        let fixed = SaConfig { esn: true, ..tunnel(between(Family::V4), protection) };
        let mut sender = Link::new(&fixed, &datagram(Family::V4, 30));
        let sealed = sender.seal(2 * T + 5);
        let receiver = Link::new(&preserving, &datagram(Family::V4, 30));
        let (mut table, mut crypto) = (windows(), Meter { verified: 0 });
        let mut storage = sealed.clone();
        let mut buffer = PacketBuf::new(&mut storage, 0..sealed.len()).unwrap();
        let result = resynchronize(&receiver.sa, &mut table, &mut crypto, None, 9, &mut buffer);
        assert_eq!(result.map(|_| ()), Err(OpenError::Refused(Refusal::NotPreserved)));
        assert_eq!((crypto.verified, table.len()), (3, 0));
        assert_eq!(receiver.sa.protocol(), SecurityProtocol::Esp);
    }
}
