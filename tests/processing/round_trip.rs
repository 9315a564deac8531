//! What one end seals the other end opens, and it is the same packet.

use std::net::IpAddr;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    Action, Addresses, AnySender, Content, FixedOutboundSad, FixedSad, Inbound, Mode, ModeKind, NextLayer, NoAudit,
    Outbound, OuterAddress, OuterHeader, PacketBuf, PortSelector, Received, Required, SaConfig, SecurityProtocol,
    SelectorSet, SenderWindows, Sent, Usage,
};
use xcast_sec::wire::{Family, protocol};

use crate::ends::{Receiver, Rng, Sender};
use crate::kit::*;

const fn other_family(family: Family) -> Family {
    match family {
        Family::V4 => Family::V6,
        Family::V6 => Family::V4,
    }
}

/// Tunnels that a packet of `traffic` can go through, with the addresses that it then has: between gateways of its family and
/// of the other one, and with either or both of its own addresses preserved (RFC 5374 §3.1).
fn tunnels(traffic: Traffic) -> Vec<(OuterHeader, (IpAddr, IpAddr))> {
    let family = traffic.family();
    let [own, other] = [family, other_family(family)].map(|family| (gateway(family, 1), gateway(family, 2)));
    let inner = (traffic.source(), traffic.destination());
    let between = |(source, destination)| OuterHeader::between(source, destination, 64);
    let keeping_source = OuterHeader { source: OuterAddress::Preserved, ..between(own) };
    let keeping_destination = OuterHeader { destination: OuterAddress::Preserved, ..between(own) };
    vec![
        (between(own), own),
        (between(other), other),
        (OuterHeader::preserving(64), inner),
        (keeping_source, (inner.0, own.1)),
        (keeping_destination, (own.0, inner.1)),
    ]
}

/// RFC 4301 §5.1, §5.2; RFC 5374 §4.1.1: one entry for both directions of a group. Every protection, kind of packet and kind of
/// tunnel.
#[test]
fn what_is_sealed_opens_to_the_same_packet() {
    for traffic in Traffic::ALL {
        for required in ALL_REQUIRED {
            let is_tunnel = layers_of(required).iter().any(|layer| layer.1 == ModeKind::Tunnel);
            let inner = (traffic.source(), traffic.destination());
            let modes = if is_tunnel {
                tunnels(traffic).into_iter().map(|(outer, ends)| (Some(outer), ends)).collect()
            } else {
                vec![(None, inner)]
            };
            for (outer, expected_ends) in modes {
                let mut configs = configs_of(required, traffic.family());
                if let Some(outer) = outer {
                    configs.iter_mut().filter(|config| config.mode != Mode::Transport).for_each(|config| {
                        config.mode = Mode::Tunnel(outer);
                    });
                }
                // A single sender's, as draft §3.3 suggests.
                configs.iter_mut().for_each(|config| config.source = Some(expected_ends.0));
                let mut sender = Sender::new(protecting(traffic.sent(), required));
                let mut receiver = Receiver::new(protecting(traffic.received(), required));
                for config in &configs {
                    sender.add(config);
                    receiver.add(config);
                }
                let context = format!("{traffic:?}, {required:?}, {outer:?}");
                for number in 1..=3 {
                    let plain = traffic.packet_of(traffic.source(), &vec![0x5a; number * 7]);
                    let sealed = sender.send(&plain).sealed_within_limits();
                    assert_ne!(sealed, plain);
                    assert_eq!(ends(&sealed), expected_ends, "{context}");
                    let arrival = receiver.receive(&sealed);
                    assert!(arrival.has_passed(), "{context}: {arrival:?}");
                    assert_eq!(arrival.packet, plain, "{context}");
                    assert!(matches!(arrival.result, Ok(Received::Protected(layers)) if layers.policy() == Some(OWN)));
                    for (layer, config) in arrival.layers().iter().zip(&configs) {
                        assert_eq!(layer.sa, sa(config).id());
                        assert_eq!((layer.mode, layer.policy), (config.mode, Some(OWN)));
                        assert_eq!((layer.sequence, layer.content), (number as u64, Content::Packet));
                        assert_eq!(layer.source, expected_ends.0, "{context}");
                    }
                    assert_eq!(arrival.layers().len(), configs.len(), "outermost first, and all of them");
                }
                for config in &configs {
                    let id = sa(config).id();
                    assert_eq!(*sender.state(&id).usage(), receiver.usage(&id), "both ends count alike");
                }
                assert_eq!(sender.outbound.counters().protected, 3);
                assert_eq!(receiver.inbound.counters().protected, 3);
            }
        }
    }
}

/// Draft §3.2, §3.3: what is sealed in transport mode must not become a unicast packet on the way, and says so from then on. In
/// a tunnel it is not touched.
#[test]
fn x2u_is_forbidden_before_transport_mode() {
    for traffic in [Traffic::Xcast4, Traffic::Xcast6] {
        for required in ALL_REQUIRED {
            let [allowing, forbidding] = [false, true].map(|no_x2u| {
                let datagram = [0x13, 0x88, 0x0f, 0xa0, 0, 12, 0, 0, 1, 2, 3, 4];
                traffic.xcast(traffic.source(), &datagram, no_x2u)
            });
            let arrival = Receiver::requiring(traffic, required)
                .receive(&Sender::requiring(traffic, required).send(&allowing).sealed());
            assert!(arrival.has_passed(), "{traffic:?}, {required:?}: {arrival:?}");
            let in_tunnel = layers_of(required).iter().any(|layer| layer.1 == ModeKind::Tunnel);
            assert_eq!(arrival.packet, if in_tunnel { allowing } else { forbidding }, "{traffic:?}, {required:?}");
        }
    }
}

/// RFC 4301 §5.1: what policy bypasses goes out as it is, and so it comes in.
#[test]
fn what_is_bypassed_stays_as_it_is() {
    for traffic in Traffic::ALL {
        let policy = spd(&[(SelectorSet::ANY, Action::Bypass)]);
        let departure = Sender::new(policy.clone()).send(&traffic.packet());
        assert_eq!((departure.result, departure.counter), (Ok(Sent::Bypassed), "bypassed"));
        let arrival = Receiver::new(policy).receive(&departure.packet);
        assert_eq!(arrival.result, Ok(Received::Bypassed));
        assert_eq!(arrival.packet, traffic.packet());
    }
}

/// What a link layer pads is no part of a packet (RFC 4303 §2.7 calls for lengths that the packet itself states).
#[test]
fn octets_behind_the_packet_are_cut_off() {
    for traffic in Traffic::ALL {
        for required in ALL_REQUIRED {
            let (mut sender, mut receiver) =
                (Sender::requiring(traffic, required), Receiver::requiring(traffic, required));
            let plain = traffic.packet();
            let padded = [&plain[..], &[0xee; 9]].concat();
            let mut sealed = sender.send(&padded).sealed();
            sealed.extend_from_slice(&[0xdd; 11]);
            let arrival = receiver.receive(&sealed);
            assert!(arrival.has_passed(), "{traffic:?}, {required:?}: {arrival:?}");
            assert_eq!(arrival.packet, plain, "{traffic:?}, {required:?}");
        }
    }
}

/// RFC 4301 §4.4.1.1: the next layer is the one behind the Xcast headers, and for received packets it is the one that was
/// protected.
#[test]
fn policy_sees_the_ports_behind_xcast_headers() {
    for traffic in Traffic::ALL {
        let udp = |local, remote| NextLayer::Ports { protocol: protocol::UDP, local, remote };
        let [here, there] = [PORTS.0, PORTS.1].map(PortSelector::one);
        let sent = SelectorSet { next_layer: udp(here, there), ..traffic.sent() };
        let next_layer = if traffic.is_xcast() { udp(here, there) } else { udp(there, here) };
        let received = SelectorSet { next_layer, ..traffic.received() };
        let required = Required::AhAroundEsp { esp: ModeKind::Transport };
        let mut sender = Sender::requiring(traffic, required);
        sender.outbound.policy = spd(&[(sent, protect(required))]);
        let mut receiver = Receiver::requiring(traffic, required);
        receiver.inbound.policy = spd(&[(received, protect(required))]);
        let sealed = sender.send(&traffic.packet()).sealed();
        assert!(receiver.receive(&sealed).has_passed(), "{traffic:?}");
        let clear = receiver.receive(&traffic.packet());
        assert_eq!(clear.counter, "in_tmpl_mismatch", "{traffic:?}: {clear:?}");
        // The other way round nothing is known of them.
        sender.outbound.policy =
            spd(&[(SelectorSet { next_layer: udp(there, here), ..traffic.sent() }, protect(required))]);
        assert_eq!(sender.send(&traffic.packet()).counter, "out_no_pols", "{traffic:?}");
    }
}

/// Draft §3.1.2: a window for each sender. Two of them may use the same numbers under one association.
#[test]
fn senders_number_their_packets_each_for_themselves() {
    for traffic in Traffic::ALL {
        for required in ALL_REQUIRED {
            let mut receiver = Receiver::new(protecting(traffic.received(), required));
            let one = traffic.source();
            let two = host(traffic.family(), 2);
            // In a tunnel the outer source address tells them apart, and each has an association.
            let mut sealed = Vec::new();
            for (source, number) in [(one, 1), (two, 3)] {
                let mut sender = Sender::new(protecting(traffic.sent(), required));
                for mut config in configs_of(required, traffic.family()) {
                    if let Mode::Tunnel(outer) = &mut config.mode {
                        outer.source = gateway(traffic.family(), number).into();
                    }
                    sender.add(&config);
                    if number == 1 || config.mode != Mode::Transport {
                        receiver.add(&config);
                    }
                }
                sealed.push(sender.send(&traffic.packet_of(source, PAYLOAD)).sealed());
            }
            for packet in &sealed {
                assert!(receiver.receive(packet).layers().iter().all(|layer| layer.sequence == 1), "{required:?}");
            }
            // Each layer has a window of its own.
            assert_eq!(receiver.inbound.replay.len(), 2 * layers_of(required).len());
            for packet in &sealed {
                let arrival = receiver.receive(packet);
                assert_eq!(arrival.counter, "in_state_seq_error", "{required:?}: {arrival:?}");
            }
            assert_eq!(receiver.inbound.counters().in_state_seq_error, 2);
        }
    }
}

/// RFC 4301 §5.2: a packet in a tunnel that is protected itself is processed again, as a packet of its own.
#[test]
fn a_protected_packet_in_a_tunnel_is_another_packet() {
    let traffic = Traffic::Unicast6;
    let end_to_end = config(0x1000, esp());
    let tunnel = SaConfig { policy: Some(OTHER), mode: tunnel(Family::V4), ..config(0x2000, esp()) };
    let esp_inside = SelectorSet { next_layer: NextLayer::Protocol(protocol::ESP), ..SelectorSet::ANY };
    let tunnelled = Action::Protect { policy: OTHER, required: Required::Esp(ModeKind::Tunnel) };
    let mut receiver = Receiver::new(spd(&[
        (esp_inside, tunnelled),
        (traffic.received(), protect(Required::Esp(ModeKind::Transport))),
    ]));
    receiver.add(&end_to_end);
    receiver.add(&tunnel);
    let inner = seal(&sa(&end_to_end), 1, &traffic.packet());
    let first = receiver.receive(&seal(&sa(&tunnel), 1, &inner));
    assert!(first.has_passed(), "{first:?}");
    assert_eq!(first.packet, inner);
    let second = receiver.receive(&first.packet);
    assert!(second.has_passed(), "{second:?}");
    assert_eq!(second.packet, traffic.packet());
}

/// RFC 4301 §7.1: tunnel mode carries fragments, whose ports are nowhere to be seen.
#[test]
fn a_tunnel_carries_fragments() {
    for (traffic, required) in [
        (Traffic::Unicast4, Required::Esp(ModeKind::Tunnel)),
        (Traffic::Unicast4, Required::Ah(ModeKind::Tunnel)),
        (Traffic::Unicast4, Required::AhAroundEsp { esp: ModeKind::Tunnel }),
        (Traffic::Unicast6, Required::AhAroundEsp { esp: ModeKind::Tunnel }),
    ] {
        let (mut sender, mut receiver) = (Sender::requiring(traffic, required), Receiver::requiring(traffic, required));
        for (offset, more) in [(0, true), (5, true), (9, false)] {
            let fragment = crate::fragments::fragment(&traffic.packet(), offset, more);
            let arrival = receiver.receive(&sender.send(&fragment).sealed());
            assert!(arrival.has_passed(), "{traffic:?}, {required:?}: {arrival:?}");
            assert_eq!(arrival.packet, fragment);
        }
    }
}

/// RFC 5374 §A.2: receivers answer the sender of a group by unicast, under the same association.
#[test]
fn one_association_for_a_group_and_for_the_way_back() {
    let required = Required::Esp(ModeKind::Transport);
    let members = Addresses::prefix(address("2001:db8::"), 32).unwrap();
    let policy = spd(&[
        (Traffic::Xcast6.sent(), protect(required)),
        (SelectorSet { local: members, remote: members, ..SelectorSet::ANY }, protect(required)),
    ]);
    let (mut sender, mut receiver) = (Sender::new(policy.clone()), Receiver::new(policy));
    sender.add(&config(0x1000, esp()));
    receiver.add(&config(0x1000, esp()));
    for traffic in [Traffic::Xcast6, Traffic::Unicast6, Traffic::Xcast6] {
        let arrival = receiver.receive(&sender.send(&traffic.packet()).sealed());
        assert!(arrival.has_passed(), "{arrival:?}");
        assert_eq!(arrival.packet, traffic.packet());
    }
}

/// The databases may be the host's, lent out; and a host without Xcast has no code points.
#[test]
fn borrowed_databases_do_as_well() {
    let traffic = Traffic::Unicast6;
    let required = Required::AhAroundEsp { esp: ModeKind::Tunnel };
    let (sent, received) = (protecting(traffic.sent(), required), protecting(traffic.received(), required));
    let mut outbound_sad = FixedOutboundSad::<RustCrypto, 2>::default();
    let mut sad = FixedSad::<RustCrypto, 2>::default();
    for config in configs_of(required, Family::V6) {
        outbound_sad.insert(sender_of(&config)).unwrap();
        sad.insert(sa(&config), Usage::new(NOW)).unwrap();
    }
    let mut windows = SenderWindows::<4, 1>::new(64).unwrap();
    let plain = traffic.packet();
    let mut storage = vec![0; 512];
    storage[200..200 + plain.len()].copy_from_slice(&plain);
    let mut packet = PacketBuf::new(&mut storage, 200..200 + plain.len()).unwrap();
    let mut audit = NoAudit;
    let mut outbound = Outbound::new(&mut outbound_sad, &sent, &mut audit);
    let result = outbound.process(&mut RustCrypto, &mut Rng(0), None, NOW, &mut packet);
    assert_eq!(result, Ok(Sent::Protected { soft_limit: None }));
    let mut inbound = Inbound::new(&mut sad, &mut windows, &received, &AnySender, &mut audit);
    let result = inbound.process(&mut RustCrypto, None, NOW, &mut packet);
    assert!(matches!(result, Ok(Received::Protected(_))), "{result:?}");
    assert_eq!(packet.as_octets(), plain);
    assert!(outbound_sad.iter().all(|sa| sa.counter().last() == 1));
    assert!(sad.iter().all(|(_, state)| state.usage().packets() == 1));
    assert_eq!(windows.len(), 2);
    assert!(sad.iter().any(|(sa, _)| sa.protocol() == SecurityProtocol::Ah));
}
