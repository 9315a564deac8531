//! Whole packets through policy, associations, lifetimes, authorised senders, counters and audit (RFC 4301 §5).
#![cfg(feature = "rust-crypto")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::crypto::{AeadAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Action, Addresses, AnySender, Directionality, FixedOutboundSad, FixedSad, FixedSpd, Inbound, ModeKind, NoAudit,
    Outbound, OutboundSa, PacketBuf, PolicyEntry, PolicyId, Protection, Received, Required, RoutingCoverage, Sa,
    SaConfig, SelectorSet, SenderWindows, Sent, Spi, Usage,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{BitmapPlace, CodePoints, DestinationSet, Destinations, UdpRepr, XcastRepr, protocol};

const NOW: Instant = Instant::from_secs(1_000_000);
const POLICY: PolicyId = PolicyId::new(7);
const SOURCE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// An Xcast6 packet with a UDP datagram for two members.
fn xcast6(source_port: u16) -> Vec<u8> {
    let code_points = CodePoints::rfc4727_experiment();
    let members: [Ipv6Addr; 2] = ["2001:db8::b".parse().unwrap(), "2001:db8::c".parse().unwrap()];
    let header = XcastRepr {
        destinations: Destinations::V6 { source: SOURCE, channel: [0; 16], addresses: &members },
        bits: DestinationSet::first_n(2),
        dscps: None,
        ports: None,
        anonymous: false,
        no_x2u: true,
        bitmap: BitmapPlace::Header,
        hop_limit: 64,
        next_protocol: protocol::UDP,
    };
    let datagram = UdpRepr { source_port, destination_port: 4000, payload: b"all of you" };
    let mut packet = vec![0; header.encoded_len(datagram.encoded_len())];
    let payload = header.emit(&code_points, datagram.encoded_len(), &mut packet).unwrap();
    datagram.emit(SOURCE.into(), code_points.fields().routers_v6.into(), payload).unwrap();
    packet
}

struct Rng(u8);

impl rand_core::TryRng for Rng {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        self.0 = self.0.wrapping_add(1);
        octets.fill(self.0);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Rng {}

fn ah() -> Protection<'static> {
    Protection::Ah {
        integrity: IntegrityAlgorithm::HmacSha2_256_128,
        key: &[1; 32],
        coverage: RoutingCoverage::DataZeroed,
        pad_to_8: false,
    }
}

fn esp() -> Protection<'static> {
    Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[2; 20] }
}

fn sa(spi: u32, protection: Protection<'_>) -> Sa<RustCrypto> {
    let config = SaConfig {
        source: Some(SOURCE.into()),
        policy: Some(POLICY),
        ..SaConfig::new(Spi::new(spi).unwrap(), protection)
    };
    Sa::new(&config, &mut RustCrypto).unwrap()
}

/// The group's traffic is protected as `required`; everything else is left alone.
fn policy(required: Required) -> FixedSpd<4> {
    let group: IpAddr = CodePoints::rfc4727_experiment().fields().routers_v6.into();
    let mut spd = FixedSpd::new();
    let selectors = SelectorSet { remote: Addresses::one(group), ..SelectorSet::ANY };
    let action = Action::Protect { policy: POLICY, required };
    spd.push(PolicyEntry { directionality: Directionality::Symmetric, selectors, action }).unwrap();
    let action = Action::Bypass;
    spd.push(PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action }).unwrap();
    spd
}

#[test]
fn what_policy_protects_arrives_as_policy_asks() {
    let code_points = CodePoints::rfc4727_experiment();
    for required in [
        Required::Ah(ModeKind::Transport),
        Required::Esp(ModeKind::Transport),
        Required::AhAroundEsp { esp: ModeKind::Transport },
    ] {
        let mut outbound = Outbound::new(FixedOutboundSad::<RustCrypto, 2>::new(), policy(required), NoAudit);
        let mut inbound = Inbound::new(
            FixedSad::<RustCrypto, 2>::new(),
            SenderWindows::<4, 1>::new(64).unwrap(),
            policy(required),
            AnySender,
            NoAudit,
        );
        for (spi, protection) in [(0x1000, ah()), (0x2000, esp())] {
            outbound.sad.insert(OutboundSa::new(sa(spi, protection), NOW).unwrap()).unwrap();
            inbound.sad.insert(sa(spi, protection), Usage::new(NOW)).unwrap();
        }
        let plain = xcast6(5000);
        let mut storage = [0; 512];
        storage[100..100 + plain.len()].copy_from_slice(&plain);
        let mut packet = PacketBuf::new(&mut storage, 100..100 + plain.len()).unwrap();
        let sent = outbound.process(&mut RustCrypto, &mut Rng(0), Some(&code_points), NOW, &mut packet);
        assert_eq!(sent, Ok(Sent::Protected { soft_limit: None }), "{required:?}");
        assert_ne!(packet.as_octets(), plain);
        let received = inbound.process(&mut RustCrypto, Some(&code_points), NOW, &mut packet);
        let Ok(Received::Protected(layers)) = received else { panic!("{required:?}: {received:?}") };
        let expected = if matches!(required, Required::AhAroundEsp { .. }) { 2 } else { 1 };
        assert_eq!(layers.iter().count(), expected);
        assert_eq!(packet.as_octets(), plain);
        assert_eq!((inbound.counters().packets, inbound.counters().protected), (1, 1));
        assert_eq!((outbound.counters().packets, outbound.counters().protected), (1, 1));
    }
}

#[test]
fn an_ipv4_address_is_no_group() {
    let mut outbound =
        Outbound::new(FixedOutboundSad::<RustCrypto, 1>::new(), policy(Required::Esp(ModeKind::Transport)), NoAudit);
    let mut storage = [0; 20];
    let (source, destination) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
    xcast_sec::wire::Ipv4Repr { tos: 0, ttl: 1, protocol: 59, source, destination, options_len: 0, payload_len: 0 }
        .emit(&mut storage)
        .unwrap();
    let mut packet = PacketBuf::new(&mut storage, 0..20).unwrap();
    let sent = outbound.process(&mut RustCrypto, &mut Rng(0), None, NOW, &mut packet);
    assert_eq!(sent, Ok(Sent::Bypassed));
}
