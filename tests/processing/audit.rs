//! What an audit log is told (RFC 4301 §5.1.1, §5.2, §9; RFC 4302 §3.3.2, §3.4, §4; RFC 4303 §4).

use xcast_sec::ipsec::{
    Action, AnySender, AuditEvent, FixedSenders, InboundError, Lifetimes, LimitKind, Limits, ModeKind, OpenError,
    OutboundError, ReplayError, Required, SaConfig, SealError, SecurityProtocol, SelectorSet, Selectors, UpperLayer,
    Usage,
};
use xcast_sec::wire::{Family, protocol};

use crate::ends::{Receiver, Sender};
use crate::fragments::{fragment, places};
use crate::kit::*;

const FLOW: u32 = 0xa_bcde;

/// A packet like that of `traffic`, in IPv6 with a flow label.
pub(crate) fn labelled(traffic: Traffic) -> Vec<u8> {
    let mut packet = traffic.packet();
    label(&mut packet);
    packet
}

fn label(packet: &mut [u8]) {
    if packet[0] >> 4 == 6 {
        set_flow_label(packet, FLOW);
    }
}

/// What RFC 4302 and RFC 4303 list for each of their events: SPI, time, source, destination, sequence number and in IPv6 the
/// flow label; and what RFC 4301 adds: protocol and selectors. `ends` has looked at the time already.
#[track_caller]
fn assert_tells(event: AuditEvent, traffic: Traffic, protocol: SecurityProtocol, spi: u32, sequence: u64) {
    assert_eq!(event.time, NOW, "date/time");
    assert_eq!(event.protocol, Some(protocol), "IPsec protocol: {event:?}");
    assert_eq!(event.spi, Some(spi), "SPI: {event:?}");
    assert_eq!(event.sequence, Some(sequence), "Sequence Number: {event:?}");
    assert_tells_ends(event, traffic);
}

#[track_caller]
fn assert_tells_ends(event: AuditEvent, traffic: Traffic) {
    assert_eq!(event.source, Some(traffic.source()), "Source Address");
    assert_eq!(event.destination, Some(traffic.destination()), "Destination Address");
    assert_eq!(event.flow_label, (traffic.family() == Family::V6).then_some(FLOW), "Flow ID");
}

fn selectors(traffic: Traffic, next_layer: UpperLayer) -> Option<Selectors> {
    Some(Selectors { source: traffic.source(), destination: traffic.destination(), next_layer })
}

const UDP: UpperLayer = UpperLayer::Ports { protocol: protocol::UDP, source: PORTS.0, destination: PORTS.1 };

const fn number_of(protocol: SecurityProtocol) -> u8 {
    if matches!(protocol, SecurityProtocol::Ah) { protocol::AH } else { protocol::ESP }
}

/// AH and ESP in transport mode.
fn both() -> [(SecurityProtocol, Required, SaConfig<'static>); 2] {
    let transport = ModeKind::Transport;
    [
        (SecurityProtocol::Ah, Required::Ah(transport), config(0x1234_5678, ah())),
        (SecurityProtocol::Esp, Required::Esp(transport), config(0x1234_5678, esp())),
    ]
}

/// RFC 4301 §5.2 step 3a, RFC 4302 §3.4.2, RFC 4303 §3.4.2: no association.
#[test]
fn no_association() {
    for traffic in Traffic::ALL {
        for (protocol, required, config) in both() {
            let packet = seal(&sa(&config), 77, &labelled(traffic));
            let arrival = Receiver::new(protecting(traffic.received(), required)).receive(&packet);
            assert_eq!(arrival.error(), InboundError::Open(OpenError::NoSa { spi: spi(0x1234_5678) }));
            let event = arrival.event.unwrap();
            assert_tells(event, traffic, protocol, 0x1234_5678, 77);
            let next_layer = UpperLayer::Protocol(number_of(protocol));
            assert_eq!(event.selectors, selectors(traffic, next_layer), "{traffic:?}");
            assert_eq!((event.sa, event.policy), (None, None));
        }
    }
}

/// The same for an SPI that no association can have (RFC 4302 §2.4, RFC 4303 §2.1).
#[track_caller]
fn reserved_spi(traffic: Traffic, offset_of_spi: fn(SecurityProtocol) -> usize) {
    for (protocol, required, config) in both() {
        let mut packet = seal(&sa(&config), 77, &labelled(traffic));
        let at = packet.windows(4).position(|octets| octets == [0x12, 0x34, 0x56, 0x78]).unwrap();
        packet[at..at + 4].copy_from_slice(&[0, 0, 0, 9]);
        assert!(at >= offset_of_spi(protocol));
        let arrival = Receiver::new(protecting(traffic.received(), required)).receive(&packet);
        assert_eq!(arrival.error(), InboundError::Open(OpenError::ReservedSpi { spi: 9 }));
        assert_tells(arrival.event.unwrap(), traffic, protocol, 9, 77);
    }
}

#[test]
fn reserved_spi_behind_the_ip_header() {
    reserved_spi(Traffic::Unicast4, |protocol| if protocol == SecurityProtocol::Ah { 24 } else { 20 });
    reserved_spi(Traffic::Unicast6, |protocol| if protocol == SecurityProtocol::Ah { 44 } else { 40 });
}

#[test]
fn reserved_spi_behind_xcast_headers() {
    reserved_spi(Traffic::Xcast4, |protocol| if protocol == SecurityProtocol::Ah { 28 } else { 40 });
    reserved_spi(Traffic::Xcast6, |_| 48);
}

/// RFC 4302 §3.4.1, RFC 4303 §3.4.1: a fragment. Only the first shows SPI and number.
#[track_caller]
fn fragments_tell(traffic: Traffic) {
    for (protocol, required, config) in both() {
        let sealed = seal(&sa(&config), 77, &labelled(traffic));
        for (offset, more) in places(traffic) {
            let arrival =
                Receiver::new(protecting(traffic.received(), required)).receive(&fragment(&sealed, offset, more));
            assert_eq!(arrival.counter, "in_fragment");
            let event = arrival.event.unwrap();
            if offset == 0 {
                assert_tells(event, traffic, protocol, 0x1234_5678, 77);
                continue;
            }
            assert_tells_ends(event, traffic);
            assert_eq!((event.spi, event.sequence), (None, None), "what is there is not the header");
            assert_eq!(event.selectors, selectors(traffic, UpperLayer::Hidden(number_of(protocol))));
        }
    }
}

#[test]
fn fragments_behind_the_ip_header() {
    fragments_tell(Traffic::Unicast4);
    fragments_tell(Traffic::Unicast6);
}

#[test]
fn fragments_behind_a_routing_header() {
    fragments_tell(Traffic::Xcast6);
}

/// RFC 4302 §3.4.3, §3.4.4, RFC 4303 §3.4.3, §3.4.4: a replay, an ICV that does not verify; and whatever else is found of a
/// packet whose association is known.
#[test]
fn what_is_wrong_under_an_association() {
    for traffic in Traffic::ALL {
        for (protocol, required, config) in both() {
            let lifetimes = Lifetimes { soft: Limits::NONE, hard: Limits { packets: Some(1), ..Limits::NONE } };
            let mut senders = FixedSenders::<1>::new();
            senders.allow(OWN, traffic.source()).unwrap();
            let mut receiver = Receiver::<_, 4>::of(protecting(traffic.received(), required), senders);
            let id = receiver.add(&config);
            let packet = |sequence| seal(&sa(&config), sequence, &labelled(traffic));
            assert!(receiver.receive(&packet(77)).has_passed());
            let tell = |receiver: &mut Receiver<_, 4>, packet: &[u8], error, sequence| {
                let arrival = receiver.receive(packet);
                assert_eq!(arrival.error(), InboundError::Open(error));
                let event = arrival.event.unwrap();
                assert_tells(event, traffic, protocol, 0x1234_5678, sequence);
                assert_eq!((event.sa, event.policy), (Some(id), Some(OWN)), "{error:?}");
            };
            tell(&mut receiver, &packet(77), OpenError::Replay(ReplayError::Replayed), 77);
            tell(&mut receiver, &packet(77 - 64), OpenError::Replay(ReplayError::Replayed), 77 - 64);
            tell(&mut receiver, &forged(&packet(99)), OpenError::Icv, 99);
            receiver.inbound.senders.disallow(OWN, traffic.source());
            tell(&mut receiver, &packet(100), OpenError::SenderNotAuthorised, 100);
            assert!(receiver.inbound.sad.remove(&id));
            let limited = SaConfig { lifetimes, ..config };
            receiver.inbound.sad.insert(sa(&limited), Usage::resume(NOW, std::time::Duration::ZERO, 0, 1)).unwrap();
            tell(&mut receiver, &packet(101), OpenError::Expired(LimitKind::Packets), 101);
        }
    }
}

/// RFC 4303 §A2: of an extended number the packet carries the lower half, and so says the log, unless it was authentic.
#[test]
fn extended_numbers_are_told_as_carried() {
    let traffic = Traffic::Unicast6;
    let config = SaConfig { esn: true, ..config(0x1000, esp()) };
    let mut receiver = Receiver::new(protecting(traffic.received(), Required::Esp(ModeKind::Transport)));
    receiver.add(&config);
    receiver.inbound.set_resync_after(1);
    let arrival = receiver.receive(&seal(&sa(&config), (5 << 32) + 3, &labelled(traffic)));
    assert_eq!(arrival.error(), InboundError::OutOfStep);
    assert_tells(arrival.event.unwrap(), traffic, SecurityProtocol::Esp, 0x1000, 3);
}

/// Of a packet with two layers the one is told of that is the reason.
#[test]
fn the_layer_that_failed_is_told_of() {
    for traffic in Traffic::ALL {
        let required = Required::AhAroundEsp { esp: ModeKind::Transport };
        let configs = configs_of(required, traffic.family());
        let mut receiver = Receiver::requiring(traffic, required);
        let sealed = |ah, esp: &[u8]| seal(&sa(&configs[0]), ah, esp);
        let inner = |sequence| seal(&sa(&configs[1]), sequence, &labelled(traffic));
        let arrival = receiver.receive(&forged(&sealed(1, &inner(50))));
        assert_eq!(arrival.error(), InboundError::Open(OpenError::Icv));
        assert_tells(arrival.event.unwrap(), traffic, SecurityProtocol::Ah, 0x1000, 1);
        let arrival = receiver.receive(&sealed(1, &forged(&inner(50))));
        assert_eq!(arrival.error(), InboundError::Open(OpenError::Icv));
        assert_tells(arrival.event.unwrap(), traffic, SecurityProtocol::Esp, 0x1001, 50);
        assert!(receiver.receive(&sealed(2, &inner(50))).has_passed());
        let arrival = receiver.receive(&sealed(3, &inner(50)));
        assert_eq!(arrival.error(), InboundError::Open(OpenError::Replay(ReplayError::Replayed)));
        assert_tells(arrival.event.unwrap(), traffic, SecurityProtocol::Esp, 0x1001, 50);
    }
}

/// RFC 4303 §3.4.2: the ESP in AH for which there is no association has an SPI and a number of its own.
#[test]
fn esp_without_an_association_in_ah_is_told_of() {
    let traffic = Traffic::Unicast6;
    let required = Required::AhAroundEsp { esp: ModeKind::Transport };
    let configs = configs_of(required, traffic.family());
    let mut receiver = Receiver::new(protecting(traffic.received(), required));
    receiver.add(&configs[0]);
    let inner = seal(&sa(&configs[1]), 50, &labelled(traffic));
    let arrival = receiver.receive(&seal(&sa(&configs[0]), 1, &inner));
    assert_eq!(arrival.error(), InboundError::Open(OpenError::NoSa { spi: spi(0x1001) }));
    let event = arrival.event.unwrap();
    assert_tells(event, traffic, SecurityProtocol::Esp, 0x1001, 50);
    assert_eq!((event.sa, event.policy), (None, None));
}

/// The same for ESP in AH with an SPI that there cannot be, and for ESP that is too short for its association.
#[test]
fn esp_that_is_none_in_ah_is_told_of() {
    let traffic = Traffic::Unicast6;
    let required = Required::AhAroundEsp { esp: ModeKind::Transport };
    let mut receiver = Receiver::requiring(traffic, required);
    let ah = sa(&configs_of(required, traffic.family())[0]);
    for (spi, data, error) in
        [(9_u32, &[0; 40][..], OpenError::ReservedSpi { spi: 9 }), (0x1001, &[0; 12], OpenError::EspLength)]
    {
        let payload = [&spi.to_be_bytes(), &50_u32.to_be_bytes(), data].concat();
        let mut inner = traffic.plain(traffic.source(), protocol::ESP, &payload);
        label(&mut inner);
        let arrival = receiver.receive(&seal(&ah, u64::from(spi), &inner));
        assert_eq!(arrival.error(), InboundError::Open(error));
        assert_tells(arrival.event.unwrap(), traffic, SecurityProtocol::Esp, spi, 50);
    }
    // Behind AH alone there is no ESP to tell of.
    let arrival = receiver.receive(&seal(&ah, 0x2000, &labelled(traffic)));
    assert_eq!(arrival.error(), InboundError::WrongProtection);
    assert_tells(arrival.event.unwrap(), traffic, SecurityProtocol::Ah, 0x1000, 0x2000);
}

/// Of two layers the one is told of whose sender finds no room in the table.
#[test]
fn the_layer_without_room_is_told_of() {
    let traffic = Traffic::Unicast6;
    let required = Required::AhAroundEsp { esp: ModeKind::Transport };
    let configs = configs_of(required, traffic.family());
    let from = |number: u8| {
        let mut plain = traffic.packet_of(host(traffic.family(), number), PAYLOAD);
        label(&mut plain);
        configs.iter().rev().fold(plain, |packet, config| seal(&sa(config), 7, &packet))
    };
    let mut receiver = Receiver::<_, 2>::of(protecting(traffic.received(), required), AnySender);
    configs.iter().for_each(|config| {
        receiver.add(config);
    });
    assert!(receiver.receive(&from(2)).has_passed());
    let arrival = receiver.receive(&from(1));
    assert_eq!(arrival.error(), InboundError::Open(OpenError::Replay(ReplayError::TableFull)));
    assert_tells(arrival.event.unwrap(), traffic, SecurityProtocol::Ah, 0x1000, 7);
}

/// `Inbound::process`: the window of AH has moved where there was no room for the sender of the ESP in it.
#[test]
fn room_for_ah_alone_is_not_enough() {
    let traffic = Traffic::Unicast6;
    let required = Required::AhAroundEsp { esp: ModeKind::Transport };
    let configs = configs_of(required, traffic.family());
    let from = |number: u8| {
        let plain = traffic.packet_of(host(traffic.family(), number), PAYLOAD);
        configs.iter().rev().fold(plain, |packet, config| seal(&sa(config), 7, &packet))
    };
    let mut receiver = Receiver::<_, 3>::of(protecting(traffic.received(), required), AnySender);
    configs.iter().for_each(|config| {
        receiver.add(config);
    });
    assert!(receiver.receive(&from(2)).has_passed());
    assert_eq!(receiver.receive(&from(1)).counter, "in_sender_table_full");
    assert_eq!(receiver.receive(&from(1)).counter, "in_state_seq_error", "of AH, which had room");
    assert!(receiver.receive(&from(2)).error() == InboundError::Open(OpenError::Replay(ReplayError::Replayed)));
}

/// RFC 4301 §5.2 step 3b: nothing in the policy, DISCARD, or PROTECT and no protection: with the selectors, and with what a
/// packet that is not for this host's associations shows of IPsec.
#[test]
fn what_policy_does_not_let_in() {
    for traffic in Traffic::ALL {
        for (policy, error) in [
            (spd(&[]), InboundError::NoPolicy),
            (spd(&[(SelectorSet::ANY, Action::Discard)]), InboundError::Discarded),
            (
                protecting(traffic.received(), Required::Ah(ModeKind::Transport)),
                InboundError::Unprotected { policy: OWN },
            ),
        ] {
            let arrival = Receiver::new(policy).receive(&labelled(traffic));
            assert_eq!(arrival.error(), error);
            let event = arrival.event.unwrap();
            assert_tells_ends(event, traffic);
            assert_eq!(event.selectors, selectors(traffic, UDP), "{traffic:?}");
            assert_eq!((event.protocol, event.spi, event.sequence, event.sa), (None, None, None, None));
        }
    }
}

/// RFC 4301 §5.2 step 5: not what the association is for: SPI, protocol, source, destination, selectors, and which
/// association and policy it was.
#[test]
fn the_wrong_protection() {
    for traffic in Traffic::ALL {
        for (protocol, required, config) in both() {
            for kind in [ModeKind::Transport, ModeKind::Tunnel] {
                let config = SaConfig { policy: Some(OTHER), mode: mode(kind, traffic.family()), ..config };
                let mut receiver = Receiver::new(protecting(traffic.received(), required));
                let id = receiver.add(&config);
                let arrival = receiver.receive(&seal(&sa(&config), 77, &labelled(traffic)));
                assert_eq!(arrival.error(), InboundError::WrongProtection);
                let event = arrival.event.unwrap();
                assert_tells(event, traffic, protocol, 0x1234_5678, 77);
                assert_eq!(event.selectors, selectors(traffic, UDP));
                assert_eq!((event.sa, event.policy), (Some(id), Some(OTHER)));
            }
        }
    }
}

/// RFC 4301 §5.1.1: the reason, the time and the selectors of a packet that must not go out.
#[test]
fn what_does_not_go_out() {
    for traffic in Traffic::ALL {
        let required = Required::Esp(ModeKind::Transport);
        let no_sa = OutboundError::NoSa { policy: OWN, protocol: SecurityProtocol::Esp };
        for (policy, error) in [
            (spd(&[]), OutboundError::NoPolicy),
            (spd(&[(SelectorSet::ANY, Action::Discard)]), OutboundError::Discarded),
            (protecting(traffic.sent(), required), no_sa),
        ] {
            let departure = Sender::new(policy).send(&labelled(traffic));
            assert_eq!(departure.error(), error);
            let event = departure.event.unwrap();
            assert_tells_ends(event, traffic);
            assert_eq!(event.selectors, selectors(traffic, UDP), "{traffic:?}");
            assert_eq!((event.protocol, event.spi, event.sequence, event.sa), (None, None, None, None));
        }
    }
}

/// RFC 4301 §4.4.2.1, RFC 4302 §3.3.2, RFC 4303 §3.3.3: an attempt to send what would make the number overflow.
#[test]
fn sequence_overflow() {
    for traffic in Traffic::ALL {
        for (protocol, required, config) in both() {
            let config = SaConfig { esn: false, ..config };
            let mut sender = Sender::new(protecting(traffic.sent(), required));
            let id = sender.add_sa(sender_after(&config, u64::from(u32::MAX) - 1));
            sender.send(&labelled(traffic)).sealed();
            for _ in 0..2 {
                let departure = sender.send(&labelled(traffic));
                assert_eq!(departure.error(), OutboundError::Seal(SealError::Exhausted));
                let event = departure.event.unwrap();
                assert_tells(event, traffic, protocol, 0x1234_5678, u64::from(u32::MAX));
                assert_eq!((event.sa, event.policy), (Some(id), Some(OWN)));
                assert_eq!(event.selectors, selectors(traffic, UDP));
            }
        }
    }
}

/// The association that would not do, of two.
#[test]
fn sequence_overflow_of_either_layer() {
    let traffic = Traffic::Xcast6;
    let required = Required::AhAroundEsp { esp: ModeKind::Tunnel };
    for exhausted in [0, 1] {
        let configs = configs_of(required, traffic.family());
        let mut sender = Sender::new(protecting(traffic.sent(), required));
        for (index, config) in configs.iter().enumerate() {
            sender.add_sa(sender_after(config, if index == exhausted { u64::from(u32::MAX) } else { 5 }));
        }
        let departure = sender.send(&labelled(traffic));
        assert_eq!(departure.error(), OutboundError::Seal(SealError::Exhausted));
        let protocol = [SecurityProtocol::Ah, SecurityProtocol::Esp][exhausted];
        let event = departure.event.unwrap();
        assert_tells(event, traffic, protocol, 0x1000 + exhausted as u32, u64::from(u32::MAX));
    }
}
