//! Xcast packets with a list of ports (RFC 5058 §9.2.2, §9.3.2.2): policy judges them by the ports they are delivered to.

use xcast_sec::ipsec::{
    Action, Addresses, FixedSpd, InboundError, ModeKind, NextLayer, OutboundError, PortSelector, Received, Required,
    SaConfig, SelectorSet, Sent,
};
use xcast_sec::wire::{BitmapPlace, DestinationSet, Destinations, UdpRepr, XcastRepr, protocol};

use crate::ends::{Receiver, Sender};
use crate::kit::*;

const TRANSPORT: Required = Required::Esp(ModeKind::Transport);

/// To three members, those of `served` still ahead, each at its port; the UDP header names another one.
fn packet(traffic: Traffic, udp_port: u16, ports: [u16; 3], served: u8) -> Vec<u8> {
    let v4 = [1, 2, 3].map(|member| [10, 0, 0, member].into());
    let v6 = [1, 2, 3].map(|member| [0x2001, 0xdb8, 1, 0, 0, 0, 0, member].into());
    let (destinations, bitmap) = match traffic.source() {
        std::net::IpAddr::V4(source) => {
            (Destinations::V4 { source, channel: [1; 4], addresses: &v4 }, BitmapPlace::Option)
        }
        std::net::IpAddr::V6(source) => {
            (Destinations::V6 { source, channel: [1; 16], addresses: &v6 }, BitmapPlace::Header)
        }
    };
    let header = XcastRepr {
        destinations,
        bits: (0..3).filter(|index| served >> index & 1 == 1).collect::<DestinationSet>(),
        dscps: None,
        ports: Some(&ports),
        anonymous: false,
        no_x2u: true,
        bitmap,
        hop_limit: 64,
        next_protocol: protocol::UDP,
    };
    let udp = UdpRepr { source_port: 5000, destination_port: udp_port, payload: PAYLOAD };
    let mut packet = vec![0; header.encoded_len(udp.encoded_len())];
    let payload = header.emit(&code_points(), udp.encoded_len(), &mut packet).unwrap();
    udp.emit(traffic.source(), traffic.destination(), payload).unwrap();
    packet
}

/// Port 4000 is protected, all others may pass in the clear.
fn policy() -> FixedSpd<8> {
    let next_layer =
        NextLayer::Ports { protocol: protocol::UDP, local: PortSelector::Any, remote: PortSelector::one(4000) };
    let selectors = SelectorSet { next_layer, ..SelectorSet::ANY };
    spd(&[(selectors, protect(TRANSPORT)), (SelectorSet::ANY, Action::Bypass)])
}

#[test]
fn policy_must_say_the_same_of_every_port() {
    for traffic in [Traffic::Xcast4, Traffic::Xcast6] {
        let mut receiver = Receiver::new(policy());
        let mut sender = Sender::new(policy());
        let unprotected = Err(InboundError::Unprotected { policy: OWN });
        let no_sa = Err(OutboundError::NoSa { policy: OWN, protocol: xcast_sec::ipsec::SecurityProtocol::Esp });
        let discarded = (Err(InboundError::Discarded), Err(OutboundError::Discarded));
        let passes = (Ok(Received::Bypassed), Ok(Sent::Bypassed));
        for (udp_port, ports, served, (received, sent)) in [
            (9, [9, 9, 9], 0b111, passes),
            (4000, [9, 9, 9], 0b111, passes),
            (9, [4000, 4000, 4000], 0b111, (unprotected, no_sa)),
            (9, [9, 9, 4000], 0b111, discarded),
            (9, [4000, 9, 9], 0b111, discarded),
            (4000, [4000, 9, 9], 0b111, discarded),
            // Whom it does not go to any more does not count.
            (9, [9, 9, 4000], 0b011, passes),
            (9, [9, 9, 4000], 0b100, (unprotected, no_sa)),
            // Delivered to nobody, it is what its UDP header says.
            (9, [4000, 4000, 4000], 0, passes),
            (4000, [9, 9, 9], 0, (unprotected, no_sa)),
        ] {
            let packet = packet(traffic, udp_port, ports, served);
            let context = format!("{traffic:?}: {udp_port}, {ports:?}, {served:03b}");
            assert_eq!(receiver.receive(&packet).result, received, "{context}");
            assert_eq!(sender.send(&packet).result, sent, "{context}");
        }
    }
}

/// ESP does not cover the list. Somebody who changes it on the way does not get a packet past the rule for its port, nor one
/// that is sealed by another rule to a port of this one in the clear.
#[test]
fn a_list_that_was_changed_on_the_way_gets_nothing_past_policy() {
    for traffic in [Traffic::Xcast4, Traffic::Xcast6] {
        let mut sender = Sender::new(policy());
        let mut receiver = Receiver::new(policy());
        sender.add(&config(0x1000, esp()));
        receiver.add(&config(0x1000, esp()));
        let plain = packet(traffic, 9, [4000; 3], 0b111);
        let change = |sealed: &[u8], count| {
            let mut changed = sealed.to_vec();
            let at = changed.windows(6).position(|octets| octets == [0x0f, 0xa0].repeat(3)).unwrap();
            for index in 0..count {
                changed[at + 2 * index..][..2].copy_from_slice(&[0, 9]);
            }
            changed
        };
        let mut next = || sender.send(&plain).sealed();
        assert_eq!(receiver.receive(&change(&next(), 1)).error(), InboundError::Discarded);
        assert_eq!(receiver.receive(&change(&next(), 3)).error(), InboundError::WrongProtection);
        let arrival = receiver.receive(&next());
        assert!(arrival.has_passed(), "{arrival:?}");
        assert_eq!(arrival.packet, plain);
    }
}

/// RFC 4301 §5.2 step 5: an association carries what it is for. A peer whose association is for one port does not reach another
/// one of the same policy by a list, which decides where the packet is delivered.
#[test]
fn a_list_does_not_leave_what_the_association_is_for() {
    for traffic in [Traffic::Xcast4, Traffic::Xcast6] {
        let required = Required::Esp(ModeKind::Transport);
        let port = |port| {
            let remote = PortSelector::one(port);
            let next_layer = NextLayer::Ports { protocol: protocol::UDP, local: PortSelector::Any, remote };
            SelectorSet { next_layer, ..SelectorSet::ANY }
        };
        let everything = || spd(&[(SelectorSet::ANY, protect(required))]);
        let for_port = SaConfig { selectors: port(5000), ..config(0x1000, esp()) };
        let mut receiver = Receiver::new(everything());
        receiver.add(&for_port);
        for (sequence, udp_port, ports, served, passes) in [
            (1, 5000, [5000; 3], 0b111, true),
            (3, 5000, [4000; 3], 0b111, false),
            (4, 5000, [5000, 5000, 4000], 0b111, false),
            (5, 5000, [5000, 5000, 4000], 0b011, true),
        ] {
            let plain = packet(traffic, udp_port, ports, served);
            let arrival = receiver.receive(&seal(&sa(&for_port), sequence, &plain));
            assert_eq!(arrival.has_passed(), passes, "{traffic:?}, {udp_port}, {ports:?}: {arrival:?}");
            assert!(passes || arrival.error() == InboundError::WrongProtection);
            let mut sender = Sender::new(everything());
            sender.add(&for_port);
            assert_eq!(sender.send(&plain).result.is_ok(), passes, "{traffic:?}, {udp_port}, {ports:?}, sent");
        }
    }
}

/// The same of the destination: members take an Xcast packet whatever that says, and so it must be one that the association may
/// carry to the group.
#[test]
fn another_destination_does_not_leave_what_the_association_is_for() {
    let traffic = Traffic::Xcast6;
    let required = Required::Esp(ModeKind::Transport);
    let me = SelectorSet { local: Addresses::one(host(traffic.family(), 9)), ..SelectorSet::ANY };
    let mut receiver = Receiver::new(spd(&[(SelectorSet::ANY, protect(required))]));
    let between_us =
        SaConfig { selectors: SelectorSet { remote: Addresses::one(traffic.source()), ..me }, ..config(0x1000, esp()) };
    receiver.add(&between_us);
    let mut plain = packet(traffic, 9, [9; 3], 0b111);
    let std::net::IpAddr::V6(own) = host(traffic.family(), 9) else { panic!("IPv6") };
    plain[24..40].copy_from_slice(&own.octets());
    let arrival = receiver.receive(&seal(&sa(&between_us), 1, &plain));
    assert_eq!(arrival.result, Err(InboundError::WrongProtection));
}
