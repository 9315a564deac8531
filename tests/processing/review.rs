//! What a review found could be got around: each is tried again.

use xcast_sec::ipsec::{
    Action, Addresses, InboundError, Mode, ModeKind, OutboundError, OuterHeader, Required, SaConfig, SecurityProtocol,
    SelectorSet,
};
use xcast_sec::wire::{ChecksumPolicy, Family, XcastPacket};

use crate::ends::{Receiver, Sender};
use crate::kit::*;

/// Members take an Xcast packet whatever its IP destination says: a rule about the group is not got past by another address.
#[test]
fn another_destination_is_no_way_around_the_groups_rule() {
    let traffic = Traffic::Xcast6;
    let required = Required::Esp(ModeKind::Transport);
    let group = SelectorSet { remote: Addresses::one(traffic.destination()), ..SelectorSet::ANY };
    let policy = || spd(&[(group, protect(required)), (SelectorSet::ANY, Action::Bypass)]);
    let packet = traffic.packet();
    assert!(matches!(Receiver::new(policy()).receive(&packet).error(), InboundError::Unprotected { .. }));
    for destination in [host(Family::V6, 9), "ff02::1".parse().unwrap(), "ff0e::114".parse().unwrap()] {
        let mut moved = packet.clone();
        let std::net::IpAddr::V6(v6) = destination else { panic!("IPv6") };
        moved[24..40].copy_from_slice(&v6.octets());
        assert!(XcastPacket::parse(&moved, &code_points(), ChecksumPolicy::Verify).is_ok(), "a member would take it");
        let error = Receiver::new(policy()).receive(&moved).error();
        assert_eq!(error, InboundError::Discarded, "{destination}");
        // Nor does it go out.
        assert!(Sender::new(policy()).send(&moved).result.is_err());
    }
    // Under the key of a peer who is no member.
    let theirs = Action::Protect { policy: OTHER, required };
    let peer = SelectorSet { remote: Addresses::one(traffic.source()), ..SelectorSet::ANY };
    let mut receiver = Receiver::new(spd(&[(group, protect(required)), (peer, theirs)]));
    let pairwise = SaConfig { policy: Some(OTHER), ..config(0x1000, esp()) };
    receiver.add(&pairwise);
    let mut moved = packet.clone();
    let std::net::IpAddr::V6(me) = host(Family::V6, 9) else { panic!("IPv6") };
    moved[24..40].copy_from_slice(&me.octets());
    assert_eq!(receiver.receive(&seal(&sa(&pairwise), 1, &moved)).error(), InboundError::Discarded);
}

/// RFC 4301 §5.2 step 5: an association carries what it is for, though another one of the same policy could.
#[test]
fn a_peer_cannot_speak_as_another_of_the_same_policy() {
    let traffic = Traffic::Unicast4;
    let required = Required::Esp(ModeKind::Tunnel);
    let for_peer = |number: u32, peer: u8| {
        let gateway = gateway(Family::V4, peer);
        let mode = Mode::Tunnel(OuterHeader::between(gateway, traffic.destination(), 64));
        let only = Addresses::one(host(Family::V4, peer));
        // Local is the source of what goes out, and the destination of what comes in.
        SaConfig { mode, ..config(number, esp()) }.with_remote(only)
    };
    let mut receiver = Receiver::new(protecting(SelectorSet::ANY, required));
    let configs = [for_peer(0x1000, 1), for_peer(0x1001, 2)];
    configs.iter().for_each(|config| {
        receiver.add(config);
    });
    for (index, config) in configs.iter().enumerate() {
        for peer in [1, 2] {
            let packet = traffic.packet_of(host(Family::V4, peer), PAYLOAD);
            let arrival = receiver.receive(&seal(&sa(config), u64::from(peer), &packet));
            assert_eq!(arrival.has_passed(), index + 1 == usize::from(peer), "{arrival:?}");
        }
    }
}

/// The same on the way out: each peer's packets go to that peer, whichever association is newest.
#[test]
fn a_packet_goes_to_the_peer_it_is_for() {
    let traffic = Traffic::Unicast4;
    let required = Required::Esp(ModeKind::Tunnel);
    let mut sender = Sender::new(protecting(SelectorSet::ANY, required));
    let ids = [1, 2].map(|peer| {
        let outer = OuterHeader::between(traffic.source(), gateway(Family::V4, peer), 64);
        let config = SaConfig { mode: Mode::Tunnel(outer), ..config(0x1000 + u32::from(peer), esp()) };
        sender.add(&config.with_remote(Addresses::one(host(Family::V4, 20 + peer))))
    });
    for (peer, id) in [(1_u8, ids[0]), (2, ids[1])] {
        let mut packet = traffic.packet();
        let std::net::IpAddr::V4(to) = host(Family::V4, 20 + peer) else { panic!("IPv4") };
        packet[16..20].copy_from_slice(&to.octets());
        set_header_checksum(&mut packet);
        assert!(sender.send(&packet).result.is_ok());
        assert_eq!(sender.state(&id).counter().last(), 1);
    }
    let error = sender.send(&traffic.packet()).error();
    assert_eq!(error, OutboundError::NoSa { policy: OWN, protocol: SecurityProtocol::Esp }, "for neither");
}

/// A tunnel's packets come from its end: a captured one sent again from other addresses is nobody's.
#[test]
fn a_tunnel_takes_packets_from_its_end_alone() {
    for traffic in Traffic::ALL {
        let required = Required::Esp(ModeKind::Tunnel);
        let mut receiver = Receiver::requiring(traffic, required);
        let [config] = &configs_of(required, traffic.family())[..] else { panic!("one") };
        let sealed = seal(&sa(config), 1, &traffic.packet());
        assert!(receiver.receive(&sealed).has_passed());
        for number in 1..40 {
            let mut again = sealed.clone();
            let family = if again[0] >> 4 == 4 { Family::V4 } else { Family::V6 };
            set_source(&mut again, host(family, 100 + number));
            assert_eq!(receiver.receive(&again).counter, "in_no_states");
        }
        assert_eq!(receiver.inbound.replay.len(), 1);
    }
}

trait WithRemote {
    /// For packets with this at the other end.
    fn with_remote(self, remote: Addresses) -> Self;
}

impl WithRemote for SaConfig<'_> {
    fn with_remote(self, remote: Addresses) -> Self {
        Self { selectors: SelectorSet { remote, ..SelectorSet::ANY }, ..self }
    }
}
