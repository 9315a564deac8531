//! Path MTU discovery from end to end (RFC 4301 §8): a packet is sealed, a router refuses it and says why, the sender learns and
//! refuses what would not pass. And what spoofed messages do not do (RFC 4301 §6.1.1).
#![cfg(feature = "rust-crypto")]

use core::num::NonZeroU16;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Ignored, Mode, OutboundSa, OuterAddress, OuterDf, OuterHeader, PacketBuf, PathMtu, Protection, QuotedPacket,
    RoutingCoverage, Sa, SaConfig, SealError, SecurityProtocol, SenderId, Spi, Tfc, Usage,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    BitmapPlace, CodePoints, Family, IcmpError, Ipv4Repr, Ipv6Repr, PacketTooBig, UdpRepr, protocol,
};

mod common;

use common::{ones_complement_sum, source};

const NOW: Instant = Instant::from_secs(1000);
const SPI: u32 = 0x0123_4567;

fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

// ---------------------------------------------------------------------------------------------------------------------
// The sender.

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain(Family),
    /// With a Router Alert option in IPv4, with a Hop-by-Hop Options header in IPv6.
    Optioned(Family),
    /// To three destinations.
    Xcast(Family, BitmapPlace),
}

impl Kind {
    const fn family(self) -> Family {
        match self {
            Self::Plain(family) | Self::Optioned(family) | Self::Xcast(family, _) => family,
        }
    }

    fn destination(self) -> IpAddr {
        match self {
            Self::Plain(Family::V4) | Self::Optioned(Family::V4) => Ipv4Addr::new(10, 0, 0, 9).into(),
            Self::Plain(Family::V6) | Self::Optioned(Family::V6) => {
                Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 9).into()
            }
            Self::Xcast(Family::V4, _) => code_points().fields().routers_v4.into(),
            Self::Xcast(Family::V6, _) => code_points().fields().routers_v6.into(),
        }
    }

    /// Octets in front of the UDP datagram, by hand.
    const fn headers_len(self) -> usize {
        match self {
            Self::Plain(Family::V4) => 20,
            Self::Optioned(Family::V4) => 28,
            Self::Plain(Family::V6) => 40,
            Self::Optioned(Family::V6) => 48,
            Self::Xcast(Family::V4, BitmapPlace::Header) => 20 + (12 + 4 + 3 * 4),
            Self::Xcast(Family::V4, BitmapPlace::Option) => (20 + 8) + (12 + 3 * 4),
            Self::Xcast(Family::V6, BitmapPlace::Header) => 40 + (24 + 8 + 3 * 16),
            Self::Xcast(Family::V6, BitmapPlace::Option) => 40 + 16 + (24 + 3 * 16),
        }
    }

    /// A packet of `len` octets.
    fn build(self, len: usize) -> Vec<u8> {
        let payload_len = len - self.headers_len();
        let mut payload = vec![0; payload_len];
        let udp = UdpRepr { source_port: 4000, destination_port: 5000, payload: &vec![0x3c; payload_len - 8] };
        udp.emit(source(self.family()), self.destination(), &mut payload).unwrap();
        let packet = match (self, source(self.family()), self.destination()) {
            (Self::Xcast(family, place), ..) => {
                common::Packet { place, no_x2u: true, payload, ..common::Packet::plain(family, 3) }.octets()
            }
            (_, IpAddr::V4(source), IpAddr::V4(destination)) => {
                let options = if self == Self::Optioned(Family::V4) { &[148, 4, 0, 0, 1, 1, 1, 0][..] } else { &[] };
                let mut packet = [&[0; 20], options, &payload].concat();
                let options_len = options.len();
                let protocol = protocol::UDP;
                Ipv4Repr { tos: 0, ttl: 64, protocol, source, destination, options_len, payload_len }
                    .emit(&mut packet)
                    .unwrap();
                packet
            }
            (_, IpAddr::V6(source), IpAddr::V6(destination)) => {
                let options = if self == Self::Optioned(Family::V6) { &[17, 0, 1, 4, 0, 0, 0, 0][..] } else { &[] };
                let next_header = if options.is_empty() { protocol::UDP } else { protocol::HOP_BY_HOP };
                let mut packet = [&[0; 40], options, &payload].concat();
                let payload_len = options.len() + payload_len;
                Ipv6Repr { traffic_class: 0, hop_limit: 64, next_header, source, destination, payload_len }
                    .emit(&mut packet)
                    .unwrap();
                packet
            }
            _ => unreachable!("one family"),
        };
        assert_eq!(packet.len(), len);
        packet
    }
}

/// Packets and the association they are sealed under.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    kind: Kind,
    config: SaConfig<'static>,
    /// The family of the packet once it is sealed.
    sealed: Family,
    /// Octets in front of AH or ESP in it.
    protection_at: usize,
}

impl Case {
    fn outbound(&self) -> OutboundSa<RustCrypto> {
        let sa = Sa::new(&self.config, &mut RustCrypto).unwrap();
        OutboundSa::shared(sa, SenderId::new(1, 8).unwrap(), Instant::START).unwrap()
    }

    /// A sender that has sent one packet of 1400 octets, and that packet, sealed.
    fn after_one(&self) -> (OutboundSa<RustCrypto>, Vec<u8>) {
        let mut outbound = self.outbound();
        let sealed = seal(&mut outbound, NOW, &self.kind.build(1400)).unwrap();
        (outbound, sealed)
    }

    /// A sender that has used the numbers up to `last`.
    fn outbound_after(&self, last: u64) -> OutboundSa<RustCrypto> {
        let sender = SenderId::new(1, 8).unwrap();
        let sa = Sa::new(&self.config, &mut RustCrypto).unwrap();
        let mut outbound = OutboundSa::resume(sa, last, sender, Usage::new(Instant::START)).unwrap();
        outbound.reserve(100).commit();
        outbound
    }

    /// Where the number stands.
    fn sequence_at(&self) -> usize {
        self.protection_at + if self.protocol() == SecurityProtocol::Ah { 8 } else { 4 }
    }

    /// What counts as headers to [`OutboundSa::inner_mtu`].
    fn headers_len(&self) -> usize {
        if self.config.mode == Mode::Transport { self.protection_at } else { 0 }
    }

    fn protocol(&self) -> SecurityProtocol {
        match self.config.protection {
            Protection::Ah { .. } => SecurityProtocol::Ah,
            _ => SecurityProtocol::Esp,
        }
    }

    /// How many octets of a sealed packet show enough, by hand: the SPI at least, and all of 8 octets; the number where the
    /// standards have it quoted.
    fn needed(&self) -> usize {
        match (self.sealed, self.protocol()) {
            (Family::V4, _) | (Family::V6, SecurityProtocol::Esp) => self.protection_at + 8,
            (Family::V6, SecurityProtocol::Ah) => self.protection_at + 12,
        }
    }
}

fn spi(value: u32) -> Spi {
    Spi::new(value).unwrap()
}

const CBC: Protection<'static> = Protection::Esp {
    cipher: CipherAlgorithm::AesCbc,
    cipher_key: &[0x22; 16],
    integrity: Some((IntegrityAlgorithm::HmacSha1_96, &[0x33; 20])),
};
const GCM: Protection<'static> = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[0x44; 20] };

const fn ah(coverage: RoutingCoverage) -> Protection<'static> {
    Protection::Ah { integrity: IntegrityAlgorithm::HmacSha2_256_128, key: &[0x11; 32], coverage, pad_to_8: false }
}

const AH: Protection<'static> = ah(RoutingCoverage::DataZeroed);

const fn other(family: Family) -> Family {
    match family {
        Family::V4 => Family::V6,
        Family::V6 => Family::V4,
    }
}

fn tunnel_end(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(203, 0, 113, 2).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 2).into(),
    }
}

/// In transport mode the association names source and destination, else the tunnel does.
fn case(kind: Kind, name: &str, protection: Protection<'static>, outer: Option<Family>) -> Case {
    let config = SaConfig::new(spi(SPI), protection);
    let name = format!("{kind:?}, {name}, {}", outer.map_or("transport".into(), |family| format!("in {family:?}")));
    match outer {
        None => {
            let (source, destination) = (Some(source(kind.family())), Some(kind.destination()));
            // In IPv4 AH stands in front of the Xcast header, behind the options (draft §3.2.1).
            let protection_at = match (kind, protection) {
                (Kind::Xcast(Family::V4, _), Protection::Ah { .. }) => 28,
                _ => kind.headers_len(),
            };
            Case {
                name,
                kind,
                config: SaConfig { source, destination, ..config },
                sealed: kind.family(),
                protection_at,
            }
        }
        Some(outer) => {
            let mode = Mode::Tunnel(OuterHeader::between(source(outer), tunnel_end(outer), 64));
            let protection_at = outer.min_header_len();
            Case { name, kind, config: SaConfig { mode, ..config }, sealed: outer, protection_at }
        }
    }
}

fn cases() -> Vec<Case> {
    use BitmapPlace::{Header, Option as InOption};
    use Family::{V4, V6};
    let mut cases = Vec::new();
    for family in [V4, V6] {
        for (name, protection) in [("CBC", CBC), ("GCM", GCM), ("AH", AH)] {
            cases.push(case(Kind::Plain(family), name, protection, None));
            cases.push(case(Kind::Optioned(family), name, protection, None));
            cases.push(case(Kind::Plain(family), name, protection, Some(family)));
            cases.push(case(Kind::Plain(family), name, protection, Some(other(family))));
        }
        for (name, protection) in [("CBC", CBC), ("GCM", GCM)] {
            cases.push(case(Kind::Xcast(family, Header), name, protection, None));
            cases.push(case(Kind::Xcast(family, InOption), name, protection, None));
            cases.push(case(Kind::Xcast(family, Header), name, protection, Some(family)));
        }
        let mut preserving = case(Kind::Plain(family), "CBC, preserving", CBC, Some(family));
        preserving.config.mode = Mode::Tunnel(OuterHeader::preserving(64));
        preserving.config.destination = Some(Kind::Plain(family).destination());
        cases.push(preserving);
        let mut padded = case(Kind::Plain(family), "GCM, TFC", GCM, Some(family));
        padded.config.tfc = Tfc::MultipleOf(NonZeroU16::new(24).unwrap());
        cases.push(padded);
    }
    cases.push(case(Kind::Xcast(V4, InOption), "AH", AH, None));
    cases.push(case(Kind::Xcast(V6, Header), "AH", AH, None));
    cases.push(case(Kind::Xcast(V6, InOption), "AH", ah(RoutingCoverage::Covered), None));
    cases
}

/// Anything but random.
struct Counting(u64);

impl rand_core::TryRng for Counting {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0 += 1;
        Ok(self.0 as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 += 1;
        Ok(self.0)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        self.0 += 1;
        octets.fill(self.0 as u8);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counting {}

fn seal(outbound: &mut OutboundSa<RustCrypto>, now: Instant, packet: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut storage = vec![0; packet.len() + 2000];
    storage[150..150 + packet.len()].copy_from_slice(packet);
    let mut buffer = PacketBuf::new(&mut storage, 150..150 + packet.len()).unwrap();
    outbound.seal(now, &mut RustCrypto, &mut Counting(0), Some(&code_points()), &mut buffer)?;
    Ok(buffer.as_octets().to_vec())
}

// ---------------------------------------------------------------------------------------------------------------------
// The routers.

/// An address of a packet's header.
fn address(packet: &[u8], of_source: bool) -> IpAddr {
    let (v4_at, v6_at) = if of_source { (12, 8) } else { (16, 24) };
    match packet[0] >> 4 {
        4 => IpAddr::from(*packet[v4_at..].first_chunk::<4>().unwrap()),
        _ => IpAddr::from(*packet[v6_at..].first_chunk::<16>().unwrap()),
    }
}

fn refresh_ipv4_checksum(packet: &mut [u8]) {
    let header_len = usize::from(packet[0] & 0x0f) * 4;
    packet[10..12].fill(0);
    let checksum = !ones_complement_sum(&packet[..header_len]);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// The message to `to` that a packet which starts with `quoted` is too big for an MTU of `mtu`; the checksums are right.
fn message(to: IpAddr, mtu: u32, quoted: &[u8]) -> Vec<u8> {
    let kind_and_code = match to {
        IpAddr::V4(_) => [3, 4],
        IpAddr::V6(_) => [2, 0],
    };
    assert!(to.is_ipv6() || mtu <= 0xffff);
    checked(to, &[&kind_and_code, &[0, 0][..], &mtu.to_be_bytes(), quoted].concat())
}

/// A packet to `to` that carries the ICMP message `icmp`, with the checksums that belong in it.
fn checked(to: IpAddr, icmp: &[u8]) -> Vec<u8> {
    let mut icmp = icmp.to_vec();
    let fill_in = |icmp: &mut [u8], pseudo_header: &[u8]| {
        if icmp.len() >= 4 {
            icmp[2..4].fill(0);
            let checksum = !ones_complement_sum(&[pseudo_header, icmp].concat());
            icmp[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
    };
    match to {
        IpAddr::V4(to) => {
            fill_in(&mut icmp, &[]);
            let total = u16::try_from(20 + icmp.len()).unwrap().to_be_bytes();
            let mut ip = vec![0x45, 0, total[0], total[1], 0, 1, 0, 0, 61, 1, 0, 0, 172, 16, 0, 1];
            ip.extend(to.octets());
            refresh_ipv4_checksum(&mut ip);
            [ip, icmp].concat()
        }
        IpAddr::V6(to) => {
            let router = Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1);
            let len = u16::try_from(icmp.len()).unwrap().to_be_bytes();
            // RFC 8200 §8.1.
            fill_in(&mut icmp, &[&router.octets()[..], &to.octets(), &[0, 0], &len, &[0, 0, 0, 58]].concat());
            let start = [0x60, 0, 0, 0, len[0], len[1], 58, 61];
            [&start[..], &router.octets(), &to.octets(), &icmp].concat()
        }
    }
}

/// A router in front of a link with an MTU of `mtu` gets `packet`: the message it sends if that is too big, in which it quotes
/// no more than `quote` octets.
fn router(packet: &[u8], mtu: u32, quote: usize) -> Option<Vec<u8>> {
    let mut quoted = packet.to_vec();
    match quoted[0] >> 4 {
        4 => {
            quoted[8] -= 1;
            refresh_ipv4_checksum(&mut quoted);
        }
        _ => quoted[7] -= 1,
    }
    quoted.truncate(quote);
    (packet.len() > mtu as usize).then(|| message(address(packet, true), mtu, &quoted))
}

fn learn(outbound: &mut OutboundSa<RustCrypto>, message: &[u8]) -> Result<usize, Ignored> {
    let before = outbound.path_mtu().get(NOW);
    let message = PacketTooBig::parse(message).expect("a message");
    let result = outbound.packet_too_big(&message, Some(&code_points()), NOW);
    match result {
        Ok(mtu) => {
            assert!(before.is_none_or(|before| mtu < before), "only ever lowered");
            assert_eq!(outbound.path_mtu().get(NOW), Some(mtu));
        }
        Err(_) => assert_eq!(outbound.path_mtu().get(NOW), before, "an ignored message changes nothing"),
    }
    result
}

fn forget(outbound: &mut OutboundSa<RustCrypto>) {
    *outbound.path_mtu_mut() = PathMtu::UNKNOWN;
}

// ---------------------------------------------------------------------------------------------------------------------
// The whole round.

#[test]
fn what_would_not_pass_is_refused_and_all_else_is_sealed() {
    const LENS: core::ops::RangeInclusive<usize> = 1150..=1330;
    for case in cases() {
        // How long packets become, by an association that knows of no MTU.
        let mut unaware = case.outbound();
        let sealed_lens: Vec<usize> =
            LENS.map(|len| seal(&mut unaware, NOW, &case.kind.build(len)).unwrap().len()).collect();
        let sealed_len = |len: usize| sealed_lens[len - LENS.start()];
        // Every remainder by the block length.
        for mtu in 1300..=1316 {
            let best = LENS.rev().find(|&len| sealed_len(len) <= mtu).expect("some packet passes");
            assert!(best > LENS.start() + 20 && best + 5 < *LENS.end(), "{}: {best}", case.name);

            let (mut outbound, sealed) = case.after_one();
            let message = router(&sealed, mtu as u32, 548).expect("too big");
            assert_eq!(learn(&mut outbound, &message), Ok(mtu), "{}", case.name);
            let inner_mtu = outbound.inner_mtu(case.kind.family(), case.headers_len(), NOW);
            assert_eq!(inner_mtu, Some(best), "{}, MTU {mtu}", case.name);
            for len in best - 18..best + 6 {
                let result = seal(&mut outbound, NOW, &case.kind.build(len));
                if len <= best {
                    let sealed = result.unwrap_or_else(|error| panic!("{}, {len} octets: {error}", case.name));
                    assert_eq!(router(&sealed, mtu as u32, 548), None, "passes");
                } else {
                    assert_eq!(result, Err(SealError::TooBig { len: sealed_len(len), mtu }), "{}", case.name);
                }
            }
        }
    }
}

#[test]
fn a_message_need_not_quote_more_than_the_protection_and_its_number() {
    for case in cases() {
        let (mut outbound, sealed) = case.after_one();
        for quote in 0..=sealed.len() {
            forget(&mut outbound);
            let expected = if quote >= case.needed() { Ok(1300) } else { Err(Ignored::NotProtected) };
            let message = router(&sealed, 1300, quote).expect("too big");
            assert_eq!(learn(&mut outbound, &message), expected, "{}, {quote} octets quoted", case.name);
        }
        // What routers quote: IPv4 ones at least the header and 8 octets (RFC 792), or up to 576 octets in all (RFC 1812
        // §4.3.2.3); IPv6 ones up to 1280 octets (RFC 4443 §3.2).
        for (quote, enough) in
            [(8, false), (28, case.protection_at == 20 && case.sealed == Family::V4), (548, true), (1232, true)]
        {
            assert_eq!(quote >= case.needed(), enough, "{}, {quote} octets quoted", case.name);
        }
    }
}

#[test]
fn what_is_learned_ages() {
    for case in cases() {
        let (mut outbound, sealed) = case.after_one();
        let packet = case.kind.build(1350);
        assert_eq!(learn(&mut outbound, &router(&sealed, 1300, 548).unwrap()), Ok(1300));
        let end = NOW.after(PathMtu::LIFETIME);
        let just_before = Instant::from_micros(end.as_micros() - 1);
        assert!(matches!(seal(&mut outbound, just_before, &packet), Err(SealError::TooBig { mtu: 1300, .. })));
        // Sooner it is no news, and does not make it last.
        assert_eq!(learn(&mut outbound, &router(&sealed, 1300, 548).unwrap()), Err(Ignored::NoNews));
        let sealed = seal(&mut outbound, end, &packet).expect("tried again");
        let (family, headers_len) = (case.kind.family(), case.headers_len());
        assert!(outbound.inner_mtu(family, headers_len, end) > outbound.inner_mtu(family, headers_len, just_before));
        // The link is as it was.
        let message = router(&sealed, 1300, 548).unwrap();
        let message = PacketTooBig::parse(&message).unwrap();
        assert_eq!(outbound.packet_too_big(&message, Some(&code_points()), end), Ok(1300));
        assert!(matches!(seal(&mut outbound, end, &packet), Err(SealError::TooBig { mtu: 1300, .. })));
    }
}

/// RFC 4301 §8.2.1 case 2: what routers may fragment is sealed whatever the path takes.
#[test]
fn what_may_be_fragmented_is_not_refused() {
    let mut packet = Kind::Plain(Family::V4).build(1400);
    let mut clear = packet.clone();
    clear[6] = 0;
    refresh_ipv4_checksum(&mut clear);
    let esp = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[7; 20] };
    let outer = OuterHeader::between(source(Family::V4), tunnel_end(Family::V4), 64);
    let tunnel = |df| Mode::Tunnel(OuterHeader { df, ..outer });
    for (mode, with_df, without) in [
        (Mode::Transport, false, true),
        (tunnel(OuterDf::Set), false, false),
        (tunnel(OuterDf::Copy), false, true),
        (tunnel(OuterDf::Clear), true, true),
    ] {
        let sa = Sa::new(&SaConfig { mode, ..SaConfig::new(spi(SPI), esp) }, &mut RustCrypto).unwrap();
        let mut outbound = OutboundSa::shared(sa, SenderId::new(1, 8).unwrap(), NOW).unwrap();
        assert!(outbound.path_mtu_mut().learn(1000, Family::V4, NOW));
        for (packet, passes) in [(&mut packet, with_df), (&mut clear, without)] {
            let sealed = seal(&mut outbound, NOW, packet);
            assert_eq!(sealed.is_ok(), passes, "{mode:?}: {sealed:?}");
            assert!(passes || matches!(sealed, Err(SealError::TooBig { mtu: 1000, .. })));
        }
    }
}

#[test]
fn a_path_of_several_links_is_learned_link_by_link() {
    for case in cases() {
        let mut outbound = case.outbound();
        let mut len = 1700;
        let mut messages = 0;
        // Each router sees only what those in front of it let through.
        let delivered = 'sending: loop {
            let sealed = seal(&mut outbound, NOW, &case.kind.build(len)).unwrap();
            for mtu in [1600, 1500, 1400, 1450, 1320] {
                if let Some(message) = router(&sealed, mtu, 548) {
                    assert_eq!(learn(&mut outbound, &message), Ok(mtu as usize), "{}", case.name);
                    messages += 1;
                    len = outbound.inner_mtu(case.kind.family(), case.headers_len(), NOW).unwrap();
                    continue 'sending;
                }
            }
            break sealed.len();
        };
        assert!((1280..=1320).contains(&delivered), "{}: {delivered}", case.name);
        assert!((3..=4).contains(&messages), "{}: {messages}", case.name);
    }
}

/// Where AH goes around ESP a router sees AH alone.
#[test]
fn of_two_protections_the_outer_one_is_meant() {
    for family in [Family::V4, Family::V6] {
        let (mut esp, sealed) = case(Kind::Plain(family), "CBC", CBC, None).after_one();
        let mut ah = case(Kind::Plain(family), "AH", AH, None).outbound();
        let sealed = seal(&mut ah, NOW, &sealed).unwrap();
        let message = router(&sealed, 1300, 548).unwrap();
        assert_eq!(learn(&mut esp, &message), Err(Ignored::OtherAssociation));
        assert_eq!(learn(&mut ah, &message), Ok(1300));
        let headers_len = family.min_header_len();
        let mtu = ah.inner_mtu(family, headers_len, NOW).unwrap();
        let payload = esp.sa().largest_payload(family, headers_len, mtu).unwrap();
        for (len, passes) in [(headers_len + payload, true), (headers_len + payload + 1, false)] {
            let sealed = seal(&mut esp, NOW, &Kind::Plain(family).build(len)).unwrap();
            assert_eq!(seal(&mut ah, NOW, &sealed).is_ok(), passes, "{len}");
        }
    }
}

#[test]
fn without_an_mtu_known_the_ip_header_is_the_limit() {
    for case in cases() {
        let mut outbound = case.outbound();
        let inner_mtu = outbound.inner_mtu(case.kind.family(), case.headers_len(), NOW).unwrap();
        assert!(inner_mtu > 65_000, "{}", case.name);
        let sealed = seal(&mut outbound, NOW, &case.kind.build(inner_mtu)).unwrap();
        assert!(sealed.len() <= case.sealed.max_packet_len());
        // Longer ones can be sealed only if they can be at all.
        if inner_mtu < case.kind.family().max_packet_len() {
            let result = seal(&mut outbound, NOW, &case.kind.build(inner_mtu + 1));
            assert!(matches!(result, Err(SealError::PacketTooLong { .. })), "{}: {result:?}", case.name);
        }
    }
}

#[test]
fn there_may_be_no_packet_that_passes() {
    let mut case = case(Kind::Plain(Family::V6), "CBC", CBC, None);
    case.config.tfc = Tfc::AtLeast(1300);
    let (mut outbound, sealed) = case.after_one();
    assert_eq!(learn(&mut outbound, &router(&sealed, 1400, 1232).unwrap()), Ok(1400));
    assert!(outbound.inner_mtu(Family::V6, 40, NOW).is_some());
    assert_eq!(learn(&mut outbound, &router(&sealed, 1300, 1232).unwrap()), Ok(1300));
    assert_eq!(outbound.inner_mtu(Family::V6, 40, NOW), None);
    assert_eq!(outbound.inner_mtu(Family::V6, usize::MAX, NOW), None);
    assert!(matches!(seal(&mut outbound, NOW, &case.kind.build(60)), Err(SealError::TooBig { .. })));
}

#[test]
fn in_a_tunnel_headers_are_payload() {
    let (mut outbound, sealed) = case(Kind::Plain(Family::V4), "CBC", CBC, Some(Family::V6)).after_one();
    learn(&mut outbound, &router(&sealed, 1300, 1232).unwrap()).unwrap();
    let inner_mtu = outbound.inner_mtu(Family::V4, 0, NOW);
    // 40 of outer header, 8 + 16 of ESP in front, 12 of ICV; 1224 are 76 blocks, two octets of them the trailer's.
    assert_eq!(inner_mtu, Some(76 * 16 - 2));
    for headers_len in [1, 20, 48, usize::MAX] {
        assert_eq!(outbound.inner_mtu(Family::V4, headers_len, NOW), inner_mtu);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Messages that are not believed.

#[test]
fn only_an_mtu_below_the_packet_is_believed() {
    for case in cases() {
        let (mut outbound, sealed) = case.after_one();
        let len = sealed.len();
        let to = address(&sealed, true);
        for mtu in [len, len + 1, 0xffff] {
            let result = learn(&mut outbound, &message(to, u32::try_from(mtu).unwrap(), &sealed[..500]));
            assert_eq!(result, Err(Ignored::NotLarger { len, mtu }), "{}", case.name);
        }
        let mut believed = len - 1;
        assert_eq!(learn(&mut outbound, &message(to, believed as u32, &sealed[..500])), Ok(believed));
        for mtu in [len - 1, 1400, len - 1, 1399, 1500.min(len - 1), 1390] {
            let expected = if mtu < believed { Ok(mtu) } else { Err(Ignored::NoNews) };
            assert_eq!(learn(&mut outbound, &message(to, mtu as u32, &sealed[..500])), expected, "{}", case.name);
            believed = believed.min(mtu);
        }
        // Far too large for any packet.
        if case.sealed == Family::V6 {
            let result = learn(&mut outbound, &message(to, u32::MAX, &sealed[..500]));
            assert_eq!(result, Err(Ignored::NotLarger { len, mtu: u32::MAX as usize }));
        }
    }
}

/// RFC 4301 §6.1.1: no trivial MTU. RFC 8201 §4: a message with less than 1280 must be discarded.
#[test]
fn small_mtus_do_not_stop_traffic() {
    for case in cases() {
        let (mut outbound, sealed) = case.after_one();
        for mtu in [1, 2, 67, 68, 69, 575, 576, 577, 1279, 1280, 1281] {
            forget(&mut outbound);
            let expected = match (case.sealed, mtu) {
                (Family::V4, ..68) | (Family::V6, ..1280) => Err(Ignored::ImpossibleMtu { mtu }),
                (Family::V4, 68..576) => Ok(576),
                _ => Ok(mtu),
            };
            let result = learn(&mut outbound, &message(address(&sealed, true), mtu as u32, &sealed[..500]));
            assert_eq!(result, expected, "{}, MTU {mtu}", case.name);
        }
        if case.sealed == Family::V6 {
            forget(&mut outbound);
            let result = learn(&mut outbound, &message(address(&sealed, true), 0, &sealed[..500]));
            assert_eq!(result, Err(Ignored::ImpossibleMtu { mtu: 0 }), "no IPv6 router leaves the MTU out");
        }
    }
}

/// RFC 1191 §5.
#[test]
fn an_mtu_left_out_is_guessed() {
    let mut esp = case(Kind::Plain(Family::V4), "GCM", GCM, None).outbound();
    let to = source(Family::V4);
    let mut sealed = |len: usize| {
        // SPI, number, vector; trailer, ICV.
        let payload_len = len - 20 - 16 - 2 - 16;
        let sealed = seal(&mut esp, NOW, &Kind::Plain(Family::V4).build(20 + payload_len)).unwrap();
        assert_eq!(sealed.len(), len);
        message(to, 0, &sealed[..28])
    };
    let (m1504, m1512, m1516, m1500, m1008, m1004, m576, m100) =
        (sealed(1504), sealed(1512), sealed(1516), sealed(1500), sealed(1008), sealed(1004), sealed(576), sealed(100));
    // Nothing is known: the header may say too much, by its own length. 1492 is a plateau, and so are 1006 and 508.
    for (message, mtu) in [(&m1516, 1492), (&m1512, 1006), (&m1500, 1006), (&m1008, 576), (&m576, 576)] {
        forget(&mut esp);
        assert_eq!(learn(&mut esp, message), Ok(mtu));
    }
    // Lengths below what is known are right.
    for (known, message, mtu) in
        [(1513, &m1512, Ok(1492)), (1512, &m1512, Ok(1006)), (1505, &m1504, Ok(1492)), (1400, &m1008, Ok(1006))]
    {
        forget(&mut esp);
        assert!(esp.path_mtu_mut().learn(known, Family::V4, NOW));
        assert_eq!(learn(&mut esp, message), mtu, "{known}");
    }
    forget(&mut esp);
    assert!(esp.path_mtu_mut().learn(1006, Family::V4, NOW));
    assert_eq!(learn(&mut esp, &m1004), Ok(576));
    assert_eq!(learn(&mut esp, &m1004), Err(Ignored::NoNews));
    // 100 octets are guessed not to have passed 68.
    forget(&mut esp);
    assert_eq!(learn(&mut esp, &m100), Ok(576));
    // A header that says that the packet is shorter than any link's MTU: it was not too big for one.
    let mut short = seal(&mut esp, NOW, &Kind::Plain(Family::V4).build(100)).unwrap();
    for len in [0, 20, 68] {
        short[3] = len;
        let ignored = Ignored::NotLarger { len: len.into(), mtu: 68 };
        assert_eq!(learn(&mut esp, &message(to, 0, &short)), Err(ignored));
    }
}

#[test]
fn another_associations_packets_say_nothing() {
    for case in cases() {
        let (_, sealed) = case.after_one();
        let message = router(&sealed, 1300, 548).unwrap();
        let other_protection = match case.protocol() {
            SecurityProtocol::Ah => CBC,
            SecurityProtocol::Esp => AH,
        };
        let mut others = vec![
            SaConfig { spi: spi(SPI + 1), ..case.config },
            SaConfig { protection: other_protection, tfc: Tfc::None, ..case.config },
        ];
        let stranger = match case.sealed {
            Family::V4 => IpAddr::from([10, 9, 9, 9]),
            Family::V6 => IpAddr::from([0x29; 16]),
        };
        let unnamed = SaConfig { source: None, destination: None, ..case.config };
        if case.config.mode == Mode::Transport {
            let (near, far) = (Some(source(case.sealed)), Some(case.kind.destination()));
            for (source, destination) in [
                (Some(stranger), far),
                (Some(stranger), None),
                (near, Some(stranger)),
                (None, Some(stranger)),
                (far, near),
            ] {
                others.push(SaConfig { source, destination, ..unnamed });
            }
        } else {
            let (near, far) = (address(&sealed, true), address(&sealed, false));
            let between = |source, destination| OuterHeader::between(source, destination, 64);
            for (source, destination) in [(near, stranger), (stranger, far), (far, near)] {
                others.push(SaConfig { mode: Mode::Tunnel(between(source, destination)), ..unnamed });
            }
            // One address of the tunnel alone, or of the association.
            let outer = OuterHeader { destination: OuterAddress::Preserved, ..between(stranger, far) };
            others.push(SaConfig { mode: Mode::Tunnel(outer), ..unnamed });
            let outer = OuterHeader { source: OuterAddress::Preserved, ..between(near, stranger) };
            others.push(SaConfig { mode: Mode::Tunnel(outer), ..unnamed });
            let mode = Mode::Tunnel(OuterHeader::preserving(64));
            others.push(SaConfig { mode, destination: Some(stranger), ..unnamed });
            others.push(SaConfig { mode, source: Some(stranger), ..unnamed });
        }
        for config in others {
            let mut outbound = Case { config, ..case.clone() }.outbound_after(1);
            assert_eq!(learn(&mut outbound, &message), Err(Ignored::OtherAssociation), "{}: {config:?}", case.name);
        }
        // The same checks let through what is not named.
        let mut outbound = Case { config: unnamed, ..case.clone() }.outbound_after(1);
        assert_eq!(learn(&mut outbound, &message), Ok(1300), "{}", case.name);
    }
}

#[test]
fn only_numbers_that_were_used_are_believed() {
    for case in cases() {
        let (_, sealed) = case.after_one();
        let with_number = |sequence: u32| {
            let mut sealed = sealed.clone();
            let at = case.sequence_at();
            sealed[at..at + 4].copy_from_slice(&sequence.to_be_bytes());
            router(&sealed, 1300, 548).unwrap()
        };
        let esn = Case { config: SaConfig { esn: true, ..case.config }, ..case.clone() };
        let recent = 1 << 31;
        for (case, last, sequence, used) in [
            (&case, 0, 0, false),
            (&case, 0, 1, false),
            (&case, 1, 1, true),
            (&case, 7, 0, false),
            (&case, 7, 1, true),
            (&case, 7, 7, true),
            (&case, 7, 8, false),
            (&case, 7, u32::MAX, false),
            (&case, recent, 1, true),
            (&case, recent + 1, 1, false),
            (&case, u32::MAX.into(), u32::MAX, true),
            (&case, u32::MAX.into(), 5, false),
            (&esn, 1 << 32, 0, true),
            (&esn, 1 << 32, 1, false),
            (&esn, (3 << 32) + 5, 5, true),
            (&esn, (3 << 32) + 5, 6, false),
            (&esn, (3 << 32) + 5, u32::MAX, true),
        ] {
            let mut outbound = case.outbound_after(last);
            let expected = if used { Ok(1300) } else { Err(Ignored::NeverSent) };
            assert_eq!(learn(&mut outbound, &with_number(sequence)), expected, "{} {last} {sequence}", case.name);
        }
        // Without the number, which IPv4 routers may cut off AH: something must have been sent at least.
        if case.sealed == Family::V4 && case.protocol() == SecurityProtocol::Ah {
            let short = router(&sealed, 1300, case.protection_at + 8).unwrap();
            assert_eq!(learn(&mut case.outbound_after(0), &short), Err(Ignored::NeverSent));
            assert_eq!(learn(&mut case.outbound_after(1), &short), Ok(1300));
        }
    }
}

#[test]
fn the_message_must_be_for_the_sender_and_the_packet_not_to_be_fragmented() {
    for case in cases() {
        let (mut outbound, sealed) = case.after_one();
        for family in [Family::V4, Family::V6] {
            let result = learn(&mut outbound, &message(tunnel_end(family), 1300, &sealed[..500]));
            assert_eq!(result, Err(Ignored::Misdirected), "{}", case.name);
        }
        let to = address(&sealed, true);
        if case.sealed == Family::V4 {
            for (flags, ignored) in [
                (0x0000, Ignored::Fragmentable),
                (0x6000, Ignored::NotProtected),
                (0x2000, Ignored::NotProtected),
                (0x4001, Ignored::NotProtected),
                (0x1fff, Ignored::NotProtected),
            ] {
                let mut sealed = sealed.clone();
                sealed[6..8].copy_from_slice(&u16::to_be_bytes(flags));
                assert_eq!(learn(&mut outbound, &message(to, 1300, &sealed[..500])), Err(ignored), "{flags:#x}");
            }
        } else {
            // A Fragment header that the host put in, in front of the protection.
            let mut fragment = sealed[..500].to_vec();
            fragment.splice(40..40, [sealed[6], 0, 0, 0, 0, 0, 0, 9]);
            fragment[6] = protocol::FRAGMENT;
            assert_eq!(learn(&mut outbound, &message(to, 1300, &fragment)), Err(Ignored::NotProtected));
        }
    }
    // As it leaves a tunnel that lets routers fragment.
    let mut tunnel = case(Kind::Plain(Family::V4), "CBC", CBC, Some(Family::V4));
    let Mode::Tunnel(outer) = tunnel.config.mode else { unreachable!() };
    tunnel.config.mode = Mode::Tunnel(OuterHeader { df: OuterDf::Clear, ..outer });
    let (mut outbound, sealed) = tunnel.after_one();
    assert_eq!(learn(&mut outbound, &router(&sealed, 1300, 548).unwrap()), Err(Ignored::Fragmentable));
}

#[test]
fn a_host_may_believe_nothing() {
    let (mut outbound, sealed) = case(Kind::Plain(Family::V4), "CBC", CBC, None).after_one();
    outbound.path_mtu_mut().set_lifetime(Duration::ZERO);
    assert_eq!(learn(&mut outbound, &router(&sealed, 1300, 548).unwrap()), Err(Ignored::NoNews));
    assert!(seal(&mut outbound, NOW, &Kind::Plain(Family::V4).build(1400)).is_ok());
}

#[test]
fn xcast4_is_looked_through_with_code_points_only() {
    for (place, protection, needs_them) in
        [(BitmapPlace::Header, CBC, true), (BitmapPlace::Option, CBC, true), (BitmapPlace::Option, AH, false)]
    {
        let (mut outbound, sealed) = case(Kind::Xcast(Family::V4, place), "", protection, None).after_one();
        let message = router(&sealed, 1300, 548).unwrap();
        let message = PacketTooBig::parse(&message).unwrap();
        let expected = if needs_them { Err(Ignored::NotProtected) } else { Ok(1300) };
        assert_eq!(outbound.packet_too_big(&message, None, NOW), expected, "{place:?}");
    }
}

/// Behind the longest Xcast6 headers ESP is out of what IPv6 routers quote.
#[test]
fn long_xcast6_headers_hide_the_protection() {
    for (count, visible) in [(60, true), (71, true), (72, false), (80, false)] {
        let payload = vec![0x3c; 600];
        let packet = common::Packet { no_x2u: true, payload, ..common::Packet::plain(Family::V6, count) };
        let mut outbound = case(Kind::Xcast(Family::V6, BitmapPlace::Header), "CBC", CBC, None).outbound();
        let sealed = seal(&mut outbound, NOW, &packet.octets()).unwrap();
        let expected = if visible { Ok(1300) } else { Err(Ignored::NotProtected) };
        assert_eq!(learn(&mut outbound, &router(&sealed, 1300, 1232).unwrap()), expected, "{count} destinations");
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Octet by octet.

/// A message some of whose octets are wrong, its checksums not made right again.
#[test]
fn a_damaged_message_is_not_read() {
    for case in cases() {
        let (mut outbound, sealed) = case.after_one();
        let good = router(&sealed, 1300, 200).unwrap();
        for len in 0..good.len() {
            let result = PacketTooBig::parse(&good[..len]);
            assert!(matches!(result, Err(IcmpError::Parse(_))), "{}, {len} octets", case.name);
        }
        for at in 0..good.len() {
            for flip in [0x01, 0x40, 0x80, 0xff] {
                let mut damaged = good.clone();
                damaged[at] ^= flip;
                let parsed = PacketTooBig::parse(&damaged);
                // No checksum covers Traffic Class, Flow Label and Hop Limit.
                let uncovered = case.sealed == Family::V6 && (at == 0 && flip == 0x01 || matches!(at, 1..=3 | 7));
                assert_eq!(parsed.is_ok(), uncovered, "{}, octet {at}: {parsed:?}", case.name);
                if let Ok(message) = parsed {
                    forget(&mut outbound);
                    assert_eq!(outbound.packet_too_big(&message, Some(&code_points()), NOW), Ok(1300));
                }
            }
        }
    }
}

/// What is quoted has some octet wrong; the message's own checksums are right. Nothing is learned where one of the octets that
/// tell the association or the number is.
#[test]
fn nothing_is_learned_from_what_is_not_quoted_right() {
    for case in cases() {
        let (mut outbound, sealed) = case.after_one();
        let mut bystander =
            Case { config: SaConfig { spi: spi(SPI ^ 0xff00), ..case.config }, ..case.clone() }.outbound_after(1);
        let (protection_at, sequence_at) = (case.protection_at, case.sequence_at());
        let spi_at = sequence_at - 4;
        let (to, quote) = (address(&sealed, true), protection_at + 40);
        for at in 0..quote {
            for flip in [0x01, 0x40, 0x80, 0xff] {
                let mut quoted = sealed[..quote].to_vec();
                quoted[at] ^= flip;
                forget(&mut outbound);
                let message = message(to, 1300, &quoted);
                let result = learn(&mut outbound, &message);
                let spares = |quoted: &[u8]| {
                    let (protocol_at, addresses) = match case.sealed {
                        Family::V4 => (9, 12..20),
                        Family::V6 => (6, 8..40),
                    };
                    quoted[addresses.clone()] == sealed[addresses]
                        && quoted[protocol_at] == sealed[protocol_at]
                        && quoted[spi_at..sequence_at + 4] == sealed[spi_at..sequence_at + 4]
                };
                assert!(result.is_err() || spares(&quoted), "{}, octet {at}", case.name);
                // Behind the protection's own header nothing matters.
                if at >= sequence_at + 4 {
                    assert_eq!(result, Ok(1300), "{}, octet {at}", case.name);
                }
                let in_spi = (spi_at..sequence_at).contains(&at);
                if in_spi && (at, flip) != (spi_at + 2, 0xff) {
                    assert_eq!(result, Err(Ignored::OtherAssociation), "{}, octet {at}", case.name);
                }
                // The bystander's SPI is one octet away, and so is its packet.
                let result = learn(&mut bystander, &message);
                let is_its = (at, flip) == (spi_at + 2, 0xff);
                assert_eq!(result.is_ok(), is_its, "{}, octet {at}: {result:?}", case.name);
                forget(&mut bystander);
            }
        }
    }
}

#[test]
fn every_field_that_is_wrong_has_its_reason() {
    for kind in [Kind::Plain(Family::V4), Kind::Plain(Family::V6)] {
        let (source_at, destination_at, protocol_at) = match kind.family() {
            Family::V4 => (12, 16, 9),
            Family::V6 => (8, 24, 6),
        };
        for protection in [CBC, GCM, AH] {
            let case = case(kind, "", protection, None);
            let (mut outbound, sealed) = case.after_one();
            // AH read as ESP has some other SPI; ESP as AH has number 1 for one, which none may be.
            let (other_protocol, if_other) = match case.protocol() {
                SecurityProtocol::Ah => (protocol::ESP, Ignored::OtherAssociation),
                SecurityProtocol::Esp => (protocol::AH, Ignored::NotProtected),
            };
            let version = sealed[0] & 0x0f;
            for (at, value, ignored) in [
                (0, 0x50 | version, Ignored::NotProtected),
                (source_at, 11, Ignored::Misdirected),
                (destination_at + 1, 0x55, Ignored::OtherAssociation),
                (protocol_at, protocol::UDP, Ignored::NotProtected),
                (protocol_at, protocol::NO_NEXT_HEADER, Ignored::NotProtected),
                (protocol_at, other_protocol, if_other),
                (case.sequence_at(), 0x80, Ignored::NeverSent),
                (case.sequence_at() + 3, 0, Ignored::NeverSent),
                (case.sequence_at() + 3, 2, Ignored::NeverSent),
            ] {
                let mut quoted = sealed[..200].to_vec();
                assert_ne!(quoted[at], value);
                quoted[at] = value;
                let result = learn(&mut outbound, &message(source(kind.family()), 1300, &quoted));
                assert_eq!(result, Err(ignored), "{} octet {at}", case.name);
            }
            let spi_at = case.sequence_at() - 4;
            let mut quoted = sealed[..200].to_vec();
            quoted[spi_at..spi_at + 4].copy_from_slice(&[0, 0, 0, 255]);
            let result = learn(&mut outbound, &message(source(kind.family()), 1300, &quoted));
            assert_eq!(result, Err(Ignored::NotProtected));
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Whatever the octets.

/// Octets quoted: arbitrary ones, those of a sealed packet, cut off and changed here and there, and mixtures.
fn quoted(sealed: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let len = sealed.len();
    let edits = vec((0..200_usize, any::<u8>()), 0..4);
    let changed = (edits, prop_oneof![0..200_usize, 0..=len]).prop_map(move |(edits, cut)| {
        let mut quoted = sealed.clone();
        for (at, value) in edits {
            quoted[at] = value;
        }
        quoted.truncate(cut);
        quoted
    });
    let version = select(vec![0x45_u8, 0x46, 0x4f, 0x60]);
    let arbitrary = (version, vec(any::<u8>(), 0..120), select(vec![0_u8, 43, 44, 50, 51, 60, 253])).prop_map(
        |(version, mut octets, next_header)| {
            for (at, value) in [(0, version), (if version >> 4 == 4 { 9 } else { 6 }, next_header), (6, 0)] {
                if let Some(octet) = octets.get_mut(at)
                    && (at != 6 || version >> 4 == 4)
                {
                    *octet = value;
                }
            }
            octets
        },
    );
    prop_oneof![4 => changed, 2 => arbitrary, 1 => vec(any::<u8>(), 0..100)]
}

fn any_case() -> impl Strategy<Value = Case> {
    select(cases())
}

proptest! {
    #[test]
    fn nothing_panics_and_only_what_quotes_the_association_is_learned(
        (case, quoted) in any_case().prop_flat_map(|case| { let sealed = case.after_one().1; (Just(case), quoted(sealed)) }),
        mtu in prop_oneof![Just(0_u32), 0..2000_u32, 1280..1500_u32, any::<u16>().prop_map(u32::from)],
        known in proptest::option::of(1300..1500_usize),
        with_code_points in any::<bool>(),
    ) {
        let (mut outbound, sealed) = case.after_one();
        if let Some(known) = known {
            outbound.path_mtu_mut().learn(known, case.sealed, NOW);
        }
        let before = *outbound.path_mtu();
        let points = code_points();
        let points = with_code_points.then_some(&points);
        let _ = QuotedPacket::read(&quoted, points);
        let octets = message(address(&sealed, true), mtu, &quoted);
        let message = PacketTooBig::parse(&octets).expect("a message");
        let result = outbound.packet_too_big(&message, points, NOW);
        match result {
            Ok(mtu) => {
                prop_assert_eq!(outbound.path_mtu().get(NOW), Some(mtu));
                prop_assert!(mtu >= PathMtu::least(case.sealed));
                prop_assert!(before.get(NOW).is_none_or(|before| mtu < before));
                let addresses = if case.sealed == Family::V4 { 12..20 } else { 8..40 };
                prop_assert_eq!(&quoted[addresses.clone()], &sealed[addresses]);
                prop_assert!(quoted.windows(4).any(|octets| octets == SPI.to_be_bytes()));
            }
            Err(_) => prop_assert_eq!(*outbound.path_mtu(), before),
        }
        // Another association of the same host.
        let config = SaConfig { spi: spi(0x89ab_cdef), ..case.config };
        let mut bystander = Case { config, ..case }.outbound_after(1);
        if !quoted.windows(4).any(|octets| octets == 0x89ab_cdef_u32.to_be_bytes()) {
            prop_assert!(bystander.packet_too_big(&message, points, NOW).is_err());
            prop_assert_eq!(*bystander.path_mtu(), PathMtu::UNKNOWN);
        }
    }

    #[test]
    fn arbitrary_octets_are_a_message_or_not(
        family in common::family(),
        start in prop_oneof![3 => Just((true, 0)), 1 => any::<(bool, u8)>()],
        mut octets in vec(any::<u8>(), 0..60),
        extension in proptest::option::of(select(vec![protocol::DESTINATION_OPTIONS, protocol::ROUTING])),
    ) {
        let kind_and_code = match (family, start) {
            (Family::V4, (true, _)) => [3, 4],
            (Family::V6, (true, code)) => [2, code],
            (_, (false, kind)) => [kind, 0],
        };
        for (octet, value) in octets.iter_mut().zip(kind_and_code) {
            *octet = value;
        }
        let mut packet = checked(source(family), &octets);
        let mut at = family.min_header_len();
        if family == Family::V6 && let Some(extension) = extension {
            packet.splice(40..40, [58, 0, 1, 2, 3, 4, 5, 6]);
            (packet[5], packet[6], at) = (packet[5] + 8, extension, at + 8);
        }
        let is_message = octets.len() >= 8 && (start.0 || (family, kind_and_code[0]) == (Family::V6, 2));
        let parsed = PacketTooBig::parse(&packet);
        prop_assert_eq!(parsed.is_ok(), is_message, "{:?}", parsed);
        if let Ok(message) = parsed {
            prop_assert_eq!(message.family(), family);
            prop_assert_eq!(message.destination(), source(family));
            let quoted = &packet[at + 8..];
            let len = if family == Family::V4 && octets[5] > 0 { 4 * usize::from(octets[5]) } else { quoted.len() };
            prop_assert_eq!(message.quoted(), &quoted[..len.min(quoted.len())]);
            let _ = QuotedPacket::read(message.quoted(), Some(&code_points()));
        }
    }

    #[test]
    fn nothing_panics_on_octets_without_any_order(
        mut octets in vec(any::<u8>(), 0..160),
        start in select(vec![vec![], vec![0x45, 0, 0, 100], vec![0x60, 0, 0, 0, 0, 60, 58], vec![0x60, 0, 0, 0, 0, 60, 0]]),
    ) {
        for (octet, value) in octets.iter_mut().zip(start) {
            *octet = value;
        }
        if let Ok(message) = PacketTooBig::parse(&octets) {
            prop_assert!(message.quoted().len() <= octets.len() - 28);
        }
        let _ = QuotedPacket::read(&octets, Some(&code_points()));
    }
}
