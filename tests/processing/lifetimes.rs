//! How long a receiver's association lasts (RFC 4301 §4.4.2.1).

use std::time::Duration;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    AnySender, FixedSenders, Inbound, InboundError, InboundSad, InboundState, Lifetimes, LimitKind, Limits, ModeKind,
    NoAudit, OpenError, PacketBuf, Protection, Received, Required, Sa, SaConfig, SaId, SadLookup, SecurityProtocol,
    SenderWindows, Spi, Usage,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::Family;

use crate::ends::{Receiver, Sender};
use crate::kit::*;

fn hard(hard: Limits) -> Lifetimes {
    Lifetimes { soft: Limits::NONE, hard }
}

fn soft(soft: Limits) -> Lifetimes {
    Lifetimes { soft, hard: Limits::NONE }
}

const EXPIRED_BY: fn(LimitKind) -> InboundError = |limit| InboundError::Open(OpenError::Expired(limit));

type Case = (Traffic, Required, Protection<'static>, fn(usize) -> usize);

/// Every association that stands alone, and what its algorithm is applied to in a packet sealed under it: with AH all of it,
/// with ESP what is encrypted.
fn cases() -> Vec<Case> {
    vec![
        (Traffic::Xcast4, Required::Ah(ModeKind::Transport), ah(), |sealed| sealed),
        (Traffic::Unicast6, Required::Ah(ModeKind::Tunnel), ah(), |sealed| sealed),
        // In front of it headers, SPI, number and vector; behind it the ICV.
        (Traffic::Unicast6, Required::Esp(ModeKind::Transport), esp(), |sealed| sealed - 40 - 16 - 16),
        (Traffic::Unicast4, Required::Esp(ModeKind::Transport), esp_cbc(), |sealed| sealed - 20 - 24 - 16),
        (Traffic::Unicast4, Required::Esp(ModeKind::Tunnel), esp(), |sealed| sealed - 20 - 16 - 16),
    ]
}

fn config_of(traffic: Traffic, required: Required, protection: Protection<'static>) -> SaConfig<'static> {
    SaConfig { mode: mode(layers_of(required)[0].1, traffic.family()), ..config(0x1000, protection) }
}

/// A receiver with this association, and packets for it.
fn receiver_of(traffic: Traffic, required: Required, config: &SaConfig<'_>) -> (Receiver, SaId, Vec<Vec<u8>>) {
    let mut receiver = Receiver::new(protecting(traffic.received(), required));
    let id = receiver.add(config);
    let packets = (1..=8).map(|number| seal(&sa(config), number, &traffic.packet())).collect();
    (receiver, id, packets)
}

/// The octets that count, worked out by hand, on both ends.
#[test]
fn octets_and_packets_are_counted() {
    for (traffic, required, protection, counted) in cases() {
        let config = config_of(traffic, required, protection);
        let (mut receiver, id, packets) = receiver_of(traffic, required, &config);
        let mut sender = Sender::new(protecting(traffic.sent(), required));
        let sender_id = sender.add(&config);
        let octets = counted(packets[0].len()) as u64;
        for (count, packet) in (1..).zip(&packets) {
            assert!(receiver.receive(packet).has_passed());
            assert_eq!(
                receiver.usage(&id),
                Usage::resume(NOW, Duration::ZERO, count * octets, count),
                "{traffic:?}, {required:?}"
            );
            assert_eq!(sender.send(&traffic.packet()).sealed().len(), packet.len());
            assert_eq!(*sender.state(&sender_id).usage(), receiver.usage(&id), "both ends count alike");
        }
    }
}

#[test]
fn octets_and_packets_may_be_used_up_and_no_more() {
    for (traffic, required, protection, counted) in cases() {
        let unlimited = config_of(traffic, required, protection);
        let octets = counted(seal(&sa(&unlimited), 1, &traffic.packet()).len()) as u64;
        for (limits, limit, passing) in [
            (Limits { packets: Some(0), ..Limits::NONE }, LimitKind::Packets, 0),
            (Limits { packets: Some(2), ..Limits::NONE }, LimitKind::Packets, 2),
            (Limits { octets: Some(octets - 1), ..Limits::NONE }, LimitKind::Octets, 0),
            (Limits { octets: Some(3 * octets - 1), ..Limits::NONE }, LimitKind::Octets, 2),
            (Limits { octets: Some(3 * octets), ..Limits::NONE }, LimitKind::Octets, 3),
        ] {
            let config = SaConfig { lifetimes: hard(limits), ..unlimited };
            let (mut receiver, id, packets) = receiver_of(traffic, required, &config);
            for packet in &packets[..passing] {
                assert!(receiver.receive(packet).has_passed(), "{required:?}, {limits:?}");
            }
            let used = receiver.usage(&id);
            for packet in &packets[passing..] {
                let arrival = receiver.receive(packet);
                assert_eq!(arrival.error(), EXPIRED_BY(limit), "{required:?}, {limits:?}");
                assert_eq!(arrival.counter, "in_state_expired");
                assert_eq!(&arrival.packet, packet, "nothing was opened");
                assert_eq!(arrival.event.unwrap().sa, Some(id));
            }
            assert_eq!(receiver.usage(&id), used, "what does not pass is not counted");
            // Nor did a window move: with more left the same packets pass.
            assert!(receiver.inbound.sad.remove(&id));
            receiver.inbound.sad.insert(sa(&unlimited), used).unwrap();
            assert!(packets[passing..].iter().all(|packet| receiver.receive(packet).has_passed()));
        }
    }
}

#[test]
fn time_ends_with_its_limit() {
    for (traffic, required, protection, _) in cases() {
        let limits = Limits { time: Some(Duration::from_secs(10)), ..Limits::NONE };
        let config = SaConfig { lifetimes: hard(limits), ..config_of(traffic, required, protection) };
        let (mut receiver, _, packets) = receiver_of(traffic, required, &config);
        let end = NOW.after(Duration::from_secs(10));
        let just_before = Instant::from_micros(end.as_micros() - 1);
        assert!(receiver.receive_at(just_before, &packets[0]).has_passed());
        assert_eq!(receiver.receive_at(end, &packets[1]).error(), EXPIRED_BY(LimitKind::Time));
        assert_eq!(receiver.receive_at(end.after(Duration::from_secs(9)), &packets[1]).counter, "in_state_expired");
        assert!(
            receiver.receive_at(Instant::START, &packets[1]).has_passed(),
            "a clock that ran backwards ends nothing"
        );
    }
}

/// RFC 4301 §4.4.2.1 counts what an association protected. What anybody can send uses nothing up, whether it is forged, an
/// old packet, or from somebody who may not send.
#[test]
fn forged_replayed_and_unauthorised_packets_consume_nothing() {
    for (traffic, required, protection, _) in cases() {
        let limits = Limits { packets: Some(2), ..Limits::NONE };
        let config = SaConfig { lifetimes: hard(limits), ..config_of(traffic, required, protection) };
        let mut senders = FixedSenders::<2>::new();
        let outer_source = ends(&seal(&sa(&config), 1, &traffic.packet())).0;
        senders.allow(OWN, outer_source).unwrap();
        let mut receiver = Receiver::<_, 8>::of(protecting(traffic.received(), required), senders);
        let id = receiver.add(&config);
        let packets: Vec<_> = (1..=3).map(|number| seal(&sa(&config), number, &traffic.packet())).collect();
        assert!(receiver.receive(&packets[0]).has_passed());
        let used = receiver.usage(&id);
        assert_eq!(used.packets(), 1);
        for _ in 0..5 {
            assert_eq!(receiver.receive(&forged(&packets[1])).error(), InboundError::Open(OpenError::Icv));
            assert_eq!(receiver.receive(&packets[0]).counter, "in_state_seq_error");
        }
        assert!(receiver.inbound.senders.disallow(OWN, outer_source));
        assert_eq!(receiver.receive(&packets[1]).error(), InboundError::Open(OpenError::SenderNotAuthorised));
        receiver.inbound.senders.allow(OWN, outer_source).unwrap();
        assert_eq!(receiver.usage(&id), used, "{traffic:?}, {required:?}");
        assert!(receiver.receive(&packets[1]).has_passed());
        assert_eq!(receiver.receive(&packets[2]).error(), EXPIRED_BY(LimitKind::Packets));
    }
}

/// RFC 4301 §4.4.2.1: beyond a soft limit the host is to set up another association; until then this one works.
#[test]
fn soft_limits_are_seen_and_stop_nothing() {
    for (traffic, required, protection, counted) in cases() {
        let unlimited = config_of(traffic, required, protection);
        let octets = counted(seal(&sa(&unlimited), 1, &traffic.packet()).len()) as u64;
        for (limits, limit) in [
            (Limits { packets: Some(2), ..Limits::NONE }, LimitKind::Packets),
            (Limits { octets: Some(2 * octets), ..Limits::NONE }, LimitKind::Octets),
        ] {
            let config = SaConfig { lifetimes: soft(limits), ..unlimited };
            let (mut receiver, id, packets) = receiver_of(traffic, required, &config);
            for (count, packet) in (1..).zip(&packets) {
                assert!(receiver.receive(packet).has_passed());
                let beyond: Vec<_> = receiver.inbound.sad.beyond(|limits| &limits.soft, NOW).collect();
                let beyond: Vec<_> = beyond.iter().map(|(sa, limit)| (sa.id(), *limit)).collect();
                assert_eq!(beyond, if count > 2 { vec![(id, limit)] } else { vec![] }, "{limits:?}, {count}");
                assert_eq!(receiver.inbound.sad.beyond(|limits| &limits.hard, NOW).count(), 0);
            }
        }
        let limits = Limits { time: Some(Duration::from_secs(5)), ..Limits::NONE };
        let config = SaConfig { lifetimes: soft(limits), ..unlimited };
        let (mut receiver, _, packets) = receiver_of(traffic, required, &config);
        let later = NOW.after(Duration::from_secs(5));
        assert!(receiver.receive_at(later, &packets[0]).has_passed());
        assert_eq!(receiver.inbound.sad.beyond(|limits| &limits.soft, NOW).count(), 0);
        let beyond = receiver.inbound.sad.beyond(|limits| &limits.soft, later).map(|(_, limit)| limit);
        assert_eq!(beyond.collect::<Vec<_>>(), [LimitKind::Time]);
    }
}

/// AH and the ESP in it are two associations, each with a lifetime of its own.
#[test]
fn each_layer_has_a_lifetime_of_its_own() {
    let (traffic, required) = (Traffic::Unicast6, Required::AhAroundEsp { esp: ModeKind::Transport });
    let once = hard(Limits { packets: Some(1), ..Limits::NONE });
    for limited in [None, Some(SecurityProtocol::Ah), Some(SecurityProtocol::Esp)] {
        let mut receiver = Receiver::new(protecting(traffic.received(), required));
        let mut configs = configs_of(required, Family::V6);
        let [ah, esp] = &mut configs[..] else { panic!() };
        match limited {
            Some(SecurityProtocol::Ah) => ah.lifetimes = once,
            Some(SecurityProtocol::Esp) => esp.lifetimes = once,
            None => {}
        }
        let [ah_id, esp_id] = [receiver.add(ah), receiver.add(esp)];
        let sealed = |number| {
            let inner = seal(&sa(esp), number, &traffic.packet());
            (seal(&sa(ah), number, &inner), inner)
        };
        let (packet, inner) = sealed(1);
        assert!(receiver.receive(&packet).has_passed());
        assert_eq!(receiver.usage(&ah_id), Usage::resume(NOW, Duration::ZERO, packet.len() as u64, 1));
        assert_eq!(receiver.usage(&esp_id), Usage::resume(NOW, Duration::ZERO, (inner.len() - 40 - 16 - 16) as u64, 1));
        let arrival = receiver.receive(&sealed(2).0);
        let counted = (receiver.usage(&ah_id).packets(), receiver.usage(&esp_id).packets());
        match limited {
            None => {
                assert!(arrival.has_passed());
                assert_eq!(counted, (2, 2));
            }
            Some(protocol) => {
                assert_eq!(arrival.error(), EXPIRED_BY(LimitKind::Packets));
                assert_eq!(arrival.event.unwrap().protocol, Some(protocol));
                // AH had verified before ESP was looked at, but counts only with a packet that passes.
                assert_eq!(counted, (1, 1));
            }
        }
    }
}

/// RFC 4301 §4.1: the longest match of SPI, destination and source is the association of a packet, and that one is counted.
#[test]
fn the_association_that_was_found_is_counted() {
    let (traffic, required) = (Traffic::Unicast6, Required::Esp(ModeKind::Transport));
    let any = config(0x1000, esp());
    let for_source = SaConfig { source: Some(traffic.source()), ..any };
    let for_destination = SaConfig { destination: Some(traffic.destination()), ..any };
    let for_both = SaConfig { destination: Some(traffic.destination()), ..for_source };
    let mut receiver = Receiver::new(protecting(traffic.received(), required));
    // Whichever was inserted first.
    let [source, any_id, both, destination] =
        [&for_source, &any, &for_both, &for_destination].map(|config| receiver.add(config));
    for (sequence, id) in (1..).zip([both, destination, source, any_id]) {
        let packet = seal(&sa(&any), sequence, &traffic.packet());
        assert_eq!(receiver.receive(&forged(&packet)).event.unwrap().sa, Some(id));
        assert_eq!((receiver.failures(&id), receiver.usage(&id).packets()), (1, 0));
        assert_eq!(receiver.receive(&packet).layers()[0].sa, id);
        assert_eq!((receiver.failures(&id), receiver.usage(&id).packets()), (0, 1));
        let counted: u64 = receiver.inbound.sad.iter().map(|(_, state)| state.usage().packets()).sum();
        assert_eq!(counted, 1, "and no other");
        assert!(receiver.inbound.sad.remove(&id));
    }
}

/// What was saved before a restart counts on (RFC 4301 §4.4.2.1).
#[test]
fn a_resumed_lifetime_goes_on() {
    let (traffic, required) = (Traffic::Unicast6, Required::Esp(ModeKind::Transport));
    let limits = Limits { packets: Some(100), ..Limits::NONE };
    let config = SaConfig { lifetimes: hard(limits), ..config(0x1000, esp()) };
    let mut receiver = Receiver::new(protecting(traffic.received(), required));
    receiver.inbound.sad.insert(sa(&config), Usage::resume(Instant::START, Duration::ZERO, 12345, 99)).unwrap();
    assert!(receiver.receive(&seal(&sa(&config), 1, &traffic.packet())).has_passed());
    assert_eq!(receiver.receive(&seal(&sa(&config), 2, &traffic.packet())).error(), EXPIRED_BY(LimitKind::Packets));
}

/// One association, of which the host counts nothing.
struct Uncounted(Sa<RustCrypto>);

impl SadLookup<RustCrypto> for Uncounted {
    fn lookup(
        &self,
        protocol: SecurityProtocol,
        spi: Spi,
        destination: std::net::IpAddr,
        source: std::net::IpAddr,
    ) -> Option<&Sa<RustCrypto>> {
        self.0.lookup(protocol, spi, destination, source)
    }
}

impl InboundSad<RustCrypto> for Uncounted {
    fn state(&self, _: &SaId) -> Option<&InboundState> {
        None
    }
    fn state_mut(&mut self, _: &SaId) -> Option<&mut InboundState> {
        None
    }
}

/// `InboundSad::state`: where nothing is counted, lifetimes do not count and nothing gets out of step; all else is as always.
#[test]
fn an_association_that_is_not_counted_has_no_end() {
    let (traffic, required) = (Traffic::Unicast6, Required::Esp(ModeKind::Transport));
    let lifetimes = hard(Limits { time: Some(Duration::ZERO), octets: Some(0), packets: Some(0) });
    let config = SaConfig { lifetimes, esn: true, ..config(0x1000, esp()) };
    let windows = SenderWindows::<4, 1>::new(64).unwrap();
    let policy = protecting(traffic.received(), required);
    let mut inbound = Inbound::new(Uncounted(sa(&config)), windows, policy, AnySender, NoAudit);
    inbound.set_resync_after(1);
    let packet = seal(&sa(&config), 1, &traffic.packet());
    for (mut packet, expected) in [
        (forged(&packet), Err(InboundError::Open(OpenError::Icv))),
        (packet.clone(), Ok(())),
        (packet, Err(InboundError::Open(OpenError::Replay(xcast_sec::ipsec::ReplayError::Replayed)))),
    ] {
        let len = packet.len();
        let mut buffer = PacketBuf::new(&mut packet, 0..len).unwrap();
        let result = inbound.process(&mut RustCrypto, Some(&code_points()), NOW, &mut buffer);
        assert_eq!(result.map(|received| assert!(matches!(received, Received::Protected(_)))), expected);
    }
}
