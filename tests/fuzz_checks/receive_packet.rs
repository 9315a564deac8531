//! Arbitrary octets through a receiver whose policy and addresses the first octets choose: nothing panics, every packet is
//! counted once, a look changes nothing, and what is handed up is for this host, lies in the packet and has a right checksum.
//! Shared by the fuzz target and the test that replays its corpus.

use std::collections::BTreeSet;
use std::net::IpAddr;

use xcast_sec::crypto::{AeadAlgorithm, IntegrityAlgorithm};
use xcast_sec::ipsec::{
    Action, AnySender, Directionality, FixedSad, FixedSpd, Inbound, ModeKind, NoAudit, PacketBuf, PolicyEntry,
    PolicyId, Protection, Required, RoutingCoverage, Sa, SaConfig, SelectorSet, SenderWindows, Spi, Usage,
};
use xcast_sec::stack::{Delivery, Incoming, Receiver, ReceiverCounters, ReceiverPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{Checksum, ChecksumPolicy, CodePoints, IpHeader, is_routable_unicast};

use super::gullible::Gullible;

const NOW: Instant = Instant::from_secs(5);
const POLICY: PolicyId = PolicyId::new(1);

type Host = Receiver<FixedSad<Gullible, 2>, SenderWindows<4, 1>, FixedSpd<1>, AnySender, NoAudit>;

fn host(choice: u8) -> Host {
    let transport = ModeKind::Transport;
    let protect = |required| Action::Protect { policy: POLICY, required };
    let action = match choice & 3 {
        0 => Action::Bypass,
        1 => protect(Required::Esp(transport)),
        2 => protect(Required::Ah(transport)),
        _ => protect(Required::AhAroundEsp { esp: transport }),
    };
    let mut spd = FixedSpd::new();
    let directionality = Directionality::Symmetric;
    spd.push(PolicyEntry { directionality, selectors: SelectorSet::ANY, action }).expect("room for one");
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    let coverage = RoutingCoverage::FieldsZeroed;
    let mut sad = FixedSad::new();
    for (spi, protection) in [
        (0x1000, Protection::Ah { integrity, key: &[], coverage, pad_to_8: false }),
        (0x2000, Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[] }),
    ] {
        let config =
            SaConfig { policy: Some(POLICY), ..SaConfig::new(Spi::new(spi).expect("not reserved"), protection) };
        let sa = Sa::new(&config, &mut Gullible).expect("any key fits");
        assert!(sad.insert(sa, Usage::new(NOW)).is_ok());
    }
    let windows = SenderWindows::new(64).expect("a size");
    let mut policy = ReceiverPolicy::default();
    policy.show_members = choice & 4 != 0;
    policy.allow_echo = choice & 8 != 0;
    policy.checksum = if choice & 16 != 0 { ChecksumPolicy::Ignore } else { ChecksumPolicy::Verify };
    let inbound = Inbound::new(sad, windows, spd, AnySender, NoAudit);
    Receiver::new(inbound, CodePoints::rfc4727_experiment(), policy)
}

/// Checks a packet; the first octet chooses the policy, the second which addresses are this host's: those whose last octet has
/// the same lowest two bits, or all. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let &[choice, local, ref packet @ ..] = data else { return };
    let is_local = |address: IpAddr| {
        let last = match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[15],
        };
        local & 0x80 != 0 || last & 3 == local & 3
    };
    let mut host = host(choice);
    let looked = host.look(packet, is_local);
    assert_eq!(*host.counters(), ReceiverCounters::default());
    let mut storage = packet.to_vec();
    let mut buffer = PacketBuf::new(&mut storage, 0..packet.len()).expect("in range");
    let policy = host.policy;
    let error = match host.receive(&mut Gullible, NOW, is_local, &mut buffer) {
        Ok(Incoming::Packet(delivery)) => {
            // In transport mode the destination address stays.
            let (ip, _) = IpHeader::split(packet).expect("it was read");
            check_delivery(&delivery, ip.destination(), policy, is_local);
            assert_eq!(delivery.protection().is_some(), choice & 3 != 0);
            None
        }
        Ok(Incoming::Dummy(_)) => None,
        Err(error) => {
            let _ = format!("{error} {error:?}");
            Some(error)
        }
    };
    if let Err(looked) = looked {
        assert_eq!(error, Some(looked));
        assert_eq!(buffer.as_octets(), packet);
    } else if choice & 3 == 0 && error.is_none() {
        assert_eq!(buffer.as_octets(), packet, "what came in the clear stays as it is");
    }
    assert_eq!(host.counters().packets, 1);
    assert_eq!(sum(&format!("{:?}", host.counters())), 2, "{:?}", host.counters());
}

fn check_delivery(delivery: &Delivery<'_>, to: IpAddr, policy: ReceiverPolicy, is_local: impl Fn(IpAddr) -> bool) {
    let _ = format!("{delivery:?}");
    assert!(is_routable_unicast(delivery.source()));
    let own: Vec<_> = delivery.destinations().collect();
    assert!(!own.is_empty());
    assert!(own.iter().all(|own| own.served && is_local(own.address) && is_routable_unicast(own.address)));
    let distinct: BTreeSet<_> = own.iter().map(|own| (own.address, own.port)).collect();
    assert_eq!(distinct.len(), own.len());
    assert_eq!((delivery.address(), delivery.port()), (own[0].address, own[0].port));
    if let Some(channel) = delivery.channel() {
        assert!(delivery.is_xcast() && [4, 16].contains(&channel.len()) && channel != vec![0; channel.len()]);
    }
    if let Some(members) = delivery.members() {
        assert!(policy.show_members && delivery.is_xcast());
        assert!(members.count() + own.len() <= 127);
    }
    assert!(delivery.segment().ends_with(delivery.payload()));
    let is_echo = match (delivery.source(), delivery.next_protocol()) {
        (IpAddr::V4(_), 1) => delivery.payload().first() == Some(&8),
        (IpAddr::V6(_), 58) => delivery.payload().first() == Some(&128),
        _ => false,
    };
    assert!(policy.allow_echo || !delivery.is_xcast() || !is_echo);
    if delivery.next_protocol() == 17 {
        check_udp(delivery, to);
    }
}

/// Its checksum is one between the addresses that the packet carries, computed the plain way.
fn check_udp(delivery: &Delivery<'_>, to: IpAddr) {
    let segment = delivery.segment();
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let len = u16::try_from(segment.len()).expect("a packet's length");
    let sum = Checksum::new().add_octets(&octets(delivery.source())).add_octets(&octets(to)).add_u16(len).add_u16(17);
    let is_zero = segment[6..8] == [0, 0];
    assert!(if is_zero { to.is_ipv4() } else { sum.add_octets(segment).folded() == 0xffff });
    assert_eq!(delivery.payload(), &segment[8..]);
}

/// Of all numbers in a `Debug` output: a counter that is added later is not forgotten.
fn sum(debug: &str) -> u64 {
    debug.split([' ', ',', '}']).filter_map(|word| word.parse::<u64>().ok()).sum()
}
