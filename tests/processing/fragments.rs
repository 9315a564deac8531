//! Fragments: with AH or ESP on them they are refused (RFC 4302 §3.4.1, RFC 4303 §3.4.1), others are what policy says
//! (RFC 4301 §7).

use xcast_sec::ipsec::{
    Action, InboundError, ModeKind, NextLayer, OpenError, OutboundError, PortSelector, Received, Required, SealError,
    SelectorSet, Sent,
};
use xcast_sec::wire::{ParseErrorKind, protocol};

use crate::ends::{Receiver, Sender};
use crate::kit::*;

/// A fragment of `packet` with this Fragment Offset: the first has 16 octets of data, unless it is the only one, and any
/// other those behind. In IPv6 the Fragment header stands behind the Routing header, if there is one (RFC 8200 §4.5).
pub(crate) fn fragment(packet: &[u8], offset: u16, more: bool) -> Vec<u8> {
    let is_v4 = packet[0] >> 4 == 4;
    let at = match packet[6] {
        _ if is_v4 => usize::from(packet[0] & 15) * 4,
        protocol::ROUTING => 48 + usize::from(packet[41]) * 8,
        _ => 40,
    };
    let data = match (offset, more) {
        (0, true) => packet.get(at..at + 16).unwrap_or(&packet[at..]),
        (0, false) => &packet[at..],
        _ => packet.get(at + 16..).unwrap_or(&[]),
    };
    let mut fragment = packet[..at].to_vec();
    if is_v4 {
        fragment[6..8].copy_from_slice(&(offset | u16::from(more) << 13).to_be_bytes());
    } else {
        let announced_at = if at == 40 { 6 } else { 40 };
        fragment.extend_from_slice(&[packet[announced_at], 0]);
        fragment.extend_from_slice(&(offset << 3 | u16::from(more)).to_be_bytes());
        fragment.extend_from_slice(&[1, 2, 3, 4]);
        fragment[announced_at] = protocol::FRAGMENT;
    }
    fragment.extend_from_slice(data);
    set_len(&mut fragment);
    fragment
}

/// Says in the IP header how long the packet is.
pub(crate) fn set_len(packet: &mut [u8]) {
    let len = packet.len() as u16;
    if packet[0] >> 4 == 4 {
        packet[2..4].copy_from_slice(&len.to_be_bytes());
        set_header_checksum(packet);
    } else {
        packet[4..6].copy_from_slice(&(len - 40).to_be_bytes());
    }
}

/// First, in the middle, last; in IPv6 also the only one (an atomic fragment, which reassembly is to take out, RFC 8200 §4.5).
pub(crate) fn places(traffic: Traffic) -> Vec<(u16, bool)> {
    let mut places = vec![(0, true), (1, true), (2, true), (31, false), (32, false), (0x1fff, false)];
    if traffic.family() == xcast_sec::wire::Family::V6 {
        places.push((0, false));
    }
    places
}

fn is_fragment_error(error: InboundError) -> bool {
    matches!(error, InboundError::Open(OpenError::Parse(error)) if error.kind() == ParseErrorKind::Fragment)
}

/// RFC 4302 §3.4.1, RFC 4303 §3.4.1: "the receiver MUST discard the packet", whatever policy says of it.
#[test]
fn protection_on_a_fragment_is_refused() {
    for traffic in [Traffic::Unicast4, Traffic::Unicast6, Traffic::Xcast6] {
        for required in ALL_REQUIRED {
            let configs = configs_of(required, traffic.family());
            let sealed = configs.iter().rev().fold(traffic.packet(), |packet, config| seal(&sa(config), 1, &packet));
            for policy in [
                protecting(traffic.received(), required),
                spd(&[(SelectorSet::ANY, Action::Bypass)]),
                spd(&[(SelectorSet::ANY, Action::Discard)]),
                spd(&[]),
            ] {
                let mut receiver = Receiver::new(policy);
                let ids: Vec<_> = configs.iter().map(|config| receiver.add(config)).collect();
                for (offset, more) in places(traffic) {
                    let arrival = receiver.receive(&fragment(&sealed, offset, more));
                    assert!(is_fragment_error(arrival.error()), "{traffic:?}, {required:?}, {offset}: {arrival:?}");
                    assert_eq!(arrival.counter, "in_fragment");
                }
                assert!(ids.iter().all(|id| receiver.usage(id).packets() == 0));
                assert!(receiver.inbound.replay.is_empty());
                // Of the packet as a whole nothing has been used up.
                receiver.inbound.policy = protecting(traffic.received(), required);
                assert!(receiver.receive(&sealed).has_passed());
            }
        }
    }
}

/// ESP in a fragment is refused even where no association is for it: it says so itself.
#[test]
fn protection_on_a_fragment_is_refused_without_an_association() {
    for next in [protocol::AH, protocol::ESP] {
        for traffic in [Traffic::Unicast4, Traffic::Unicast6] {
            let mut receiver = Receiver::new(spd(&[(SelectorSet::ANY, Action::Bypass)]));
            let packet = traffic.plain(traffic.source(), next, &[7; 40]);
            for (offset, more) in places(traffic) {
                assert!(is_fragment_error(receiver.receive(&fragment(&packet, offset, more)).error()));
            }
        }
    }
}

/// RFC 4303 §3.3.4: transport mode is for whole packets. A fragment that comes out of it is no packet that was sealed by the
/// rules, though authentic.
#[test]
fn a_fragment_in_transport_mode_is_refused() {
    let traffic = Traffic::Unicast6;
    let mut receiver = Receiver::new(protecting(traffic.received(), Required::Esp(ModeKind::Transport)));
    receiver.add(&config(0x1000, esp_null()));
    let mut data = vec![protocol::UDP, 0, 0, 1, 1, 2, 3, 4];
    data.extend_from_slice(&[0x13, 0x88, 0x0f, 0xa0, 0, 8, 0, 0]);
    data.extend_from_slice(&[1, 2, 2, protocol::FRAGMENT]);
    let arrival = receiver.receive(&esp_by_hand(traffic, 0x1000, 1, &data));
    assert!(is_fragment_error(arrival.error()), "{arrival:?}");
    assert_eq!(arrival.event.unwrap().spi, Some(0x1000));
}

/// UDP with `ports` that policy protects, or not; protocol 6 with the same octets.
fn datagram(traffic: Traffic, next: u8, port: u16) -> Vec<u8> {
    let mut payload = [port.to_be_bytes(), port.to_be_bytes()].concat();
    payload.extend_from_slice(&[0, 40, 0, 0]);
    payload.resize(40, 0x55);
    traffic.plain(traffic.source(), next, &payload)
}

fn udp(local: PortSelector, remote: PortSelector) -> SelectorSet {
    SelectorSet { next_layer: NextLayer::Ports { protocol: protocol::UDP, local, remote }, ..SelectorSet::ANY }
}

/// Port 4000 at the receiver's end is protected, all else may pass.
fn port_protected() -> [(SelectorSet, Action); 2] {
    let required = Required::Esp(ModeKind::Transport);
    [(udp(PortSelector::one(4000), PortSelector::Any), protect(required)), (SelectorSet::ANY, Action::Bypass)]
}

/// RFC 4301 §7.4 and the rules of `FixedSpd`: a fragment that hides its ports does not slip through a later, laxer entry.
#[test]
fn hidden_ports_do_not_slip_through() {
    let unprotected = Err(InboundError::Unprotected { policy: OWN });
    let discarded = Err(InboundError::Discarded);
    for (traffic, tcp_hidden) in
        [(Traffic::Unicast4, Ok(Received::Bypassed)), (Traffic::Unicast6, Err(InboundError::Discarded))]
    {
        let mut receiver = Receiver::new(spd(&port_protected()));
        let (protected, other) = (datagram(traffic, protocol::UDP, 4000), datagram(traffic, protocol::UDP, 4001));
        let tcp = datagram(traffic, protocol::TCP, 4000);
        let mut tiny = traffic.plain(traffic.source(), protocol::UDP, &[0x0f, 0xa0, 0x0f]);
        for (packet, expected) in [
            (protected.clone(), unprotected),
            (other.clone(), Ok(Received::Bypassed)),
            (fragment(&protected, 0, true), unprotected),
            (fragment(&other, 0, true), Ok(Received::Bypassed)),
            (fragment(&protected, 2, true), discarded),
            (fragment(&protected, 2, false), discarded),
            (fragment(&other, 2, false), discarded),
            (fragment(&tcp, 0, true), Ok(Received::Bypassed)),
            // In IPv6 a later fragment may say what it likes of its protocol (RFC 8200 §4.5).
            (fragment(&tcp, 2, false), tcp_hidden),
            // A first fragment too short for its ports.
            (fragment(&tiny, 0, true), discarded),
            (tiny.clone(), discarded),
        ] {
            let arrival = receiver.receive(&packet);
            assert_eq!(arrival.result, expected, "{traffic:?}: {packet:02x?}");
            if expected.is_ok() {
                assert_eq!(arrival.packet, packet);
            }
        }
        assert_eq!(receiver.inbound.counters().in_fragment, 0, "not AH or ESP");

        // RFC 4301 §4.4.1: OPAQUE says what is to become of them.
        let opaque = (udp(PortSelector::Opaque, PortSelector::Opaque), Action::Bypass);
        let unseen = (SelectorSet { next_layer: NextLayer::Opaque, ..SelectorSet::ANY }, Action::Bypass);
        receiver.inbound.policy = spd(&[&[opaque, unseen][..], &port_protected()].concat());
        assert_eq!(receiver.receive(&fragment(&protected, 2, false)).result, Ok(Received::Bypassed), "{traffic:?}");
        assert_eq!(receiver.receive(&fragment(&protected, 0, true)).result, unprotected);
        tiny.pop();
        assert_eq!(receiver.receive(&fragment(&tiny, 0, true)).result, Ok(Received::Bypassed));
    }
}

/// RFC 5058 §9.2 leaves no Xcast4 header in a later fragment: there is nothing to judge it by.
#[test]
fn a_fragment_of_an_xcast4_packet_is_refused() {
    let traffic = Traffic::Xcast4;
    let mut receiver = Receiver::new(spd(&[(SelectorSet::ANY, Action::Bypass)]));
    let mut sender = Sender::new(spd(&[(SelectorSet::ANY, Action::Bypass)]));
    for (offset, more) in places(traffic) {
        let packet = fragment(&traffic.packet(), offset, more);
        let arrival = receiver.receive(&packet);
        let InboundError::Unreadable(error) = arrival.error() else { panic!("{arrival:?}") };
        assert_eq!(error.kind(), ParseErrorKind::Fragment);
        assert_eq!(arrival.event.unwrap().destination, Some(traffic.destination()));
        let OutboundError::Unreadable(error) = sender.send(&packet).error() else { panic!() };
        assert_eq!(error.kind(), ParseErrorKind::Fragment);
    }
}

/// RFC 4302 §3.3.4, RFC 4303 §3.3.4: transport mode is applied to whole packets only. What policy bypasses may be a fragment,
/// and hidden ports stay in as they stay out.
#[test]
fn fragments_are_not_sealed_in_transport_mode() {
    for traffic in [Traffic::Unicast4, Traffic::Unicast6, Traffic::Xcast6] {
        for required in ALL_REQUIRED
            .into_iter()
            .filter(|required| layers_of(*required).iter().all(|layer| layer.1 == ModeKind::Transport))
        {
            let mut sender = Sender::requiring(traffic, required);
            for (offset, more) in places(traffic) {
                let departure = sender.send(&fragment(&traffic.packet(), offset, more));
                let OutboundError::Seal(SealError::Parse(error)) = departure.error() else { panic!("{departure:?}") };
                assert_eq!((error.kind(), departure.counter), (ParseErrorKind::Fragment, "out_fragment"));
                assert_eq!(departure.event.unwrap().sa.map(|sa| sa.spi), Some(spi(0x1000)));
            }
            let counters = sender.outbound.sad.iter().map(|sa| sa.counter().last());
            assert!(counters.into_iter().all(|last| last == 0), "no number is used up");
        }
    }
    let traffic = Traffic::Unicast4;
    let protected = datagram(traffic, protocol::UDP, 4000);
    let mut sender = Sender::new(spd(&port_protected()));
    assert_eq!(sender.send(&fragment(&protected, 2, false)).error(), OutboundError::Discarded);
    assert_eq!(sender.send(&fragment(&protected, 0, true)).counter, "out_no_states");
    let other = datagram(traffic, protocol::UDP, 4001);
    assert_eq!(sender.send(&fragment(&other, 0, true)).result, Ok(Sent::Bypassed));
}
