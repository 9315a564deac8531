//! What keeps the right association from sealing a packet, and how a host learns that it soon will (RFC 4301 §4.4.2.1, §8.2).

use std::time::Duration;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    Lifetimes, LimitKind, Limits, Mode, ModeKind, OutboundError, OutboundSa, OuterDf, PathMtu, Required, SaConfig,
    SealError, SenderId, Sent, Usage,
};
use xcast_sec::wire::Family;

use crate::ends::{Departure, Sender};
use crate::kit::*;
use crate::outbound::used;

/// What can be wrong with an association that is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Time,
    Packets,
    Exhausted,
    NotReserved,
}

const TROUBLES: [Trouble; 4] = [Trouble::Time, Trouble::Packets, Trouble::Exhausted, Trouble::NotReserved];

impl Trouble {
    fn sender(self, config: &SaConfig<'_>) -> OutboundSa<RustCrypto> {
        let limited = |hard| SaConfig { lifetimes: Lifetimes { soft: Limits::NONE, hard }, ..*config };
        match self {
            Self::Time => sender_of(&limited(Limits { time: Some(Duration::ZERO), ..Limits::NONE })),
            Self::Packets => sender_of(&limited(Limits { packets: Some(0), ..Limits::NONE })),
            Self::Exhausted => sender_after(config, u32::MAX.into()),
            Self::NotReserved => {
                OutboundSa::resume(sa(config), 5, SenderId::new(1, 8).unwrap(), Usage::new(NOW)).unwrap()
            }
        }
    }

    fn error(self) -> (SealError, &'static str) {
        match self {
            Self::Time => (SealError::Expired(LimitKind::Time), "out_state_expired"),
            Self::Packets => (SealError::Expired(LimitKind::Packets), "out_state_expired"),
            Self::Exhausted => (SealError::Exhausted, "out_state_seq_error"),
            Self::NotReserved => (SealError::NotReserved, "out_state_seq_error"),
        }
    }
}

/// RFC 4301 §4.4.2.1, RFC 4303 §3.3.3: an association that has ended, whose numbers are used up or not reserved. That the
/// packet is then unchanged, `ends` sees to; where AH is the reason, ESP has not used anything up either.
#[test]
fn an_association_that_cannot_go_on_leaves_the_packet_as_it_is() {
    for traffic in Traffic::ALL {
        for required in ALL_REQUIRED {
            let configs = configs_of(required, traffic.family());
            for troubled in 0..configs.len() {
                for trouble in TROUBLES {
                    let mut sender = Sender::new(protecting(traffic.sent(), required));
                    let mut ids = Vec::new();
                    for (index, config) in configs.iter().enumerate() {
                        let sa = if index == troubled { trouble.sender(config) } else { sender_of(config) };
                        ids.push(sender.add_sa(sa));
                    }
                    let before = used(&sender);
                    let departure = sender.send(&traffic.packet());
                    let (error, counter) = trouble.error();
                    let context = format!("{traffic:?}, {required:?}: {trouble:?} of {troubled}");
                    assert_eq!(departure.error(), OutboundError::Seal(error), "{context}");
                    assert_eq!(departure.counter, counter, "{context}");
                    let event = departure.event.unwrap();
                    assert_eq!((event.sa, event.policy), (Some(ids[troubled]), Some(OWN)), "{context}");
                    assert_eq!(used(&sender), before, "{context}");
                    if trouble == Trouble::NotReserved {
                        sender.state(&ids[troubled]).reserve(1).commit();
                        sender.send(&traffic.packet()).sealed();
                        assert_eq!(sender.send(&traffic.packet()).counter, counter);
                    }
                }
            }
        }
    }
}

/// RFC 4301 §4.4.2.1: octets may be used up, and no more.
#[test]
fn octets_may_be_used_up() {
    for traffic in Traffic::ALL {
        for required in ALL_REQUIRED {
            let configs = configs_of(required, traffic.family());
            let mut unlimited = Sender::requiring(traffic, required);
            unlimited.send(&traffic.packet()).sealed();
            let octets: Vec<_> = used(&unlimited).iter().map(|(_, usage)| usage.octets()).collect();
            for (limited, octets) in octets.into_iter().enumerate() {
                // Of AH around ESP see below.
                if configs.len() == 2 && limited == 0 {
                    continue;
                }
                for (limit, passes) in [(octets, true), (octets - 1, false)] {
                    let mut sender = Sender::new(protecting(traffic.sent(), required));
                    let hard = Limits { octets: Some(limit), ..Limits::NONE };
                    for (index, config) in configs.iter().enumerate() {
                        let lifetimes = Lifetimes { soft: Limits::NONE, hard };
                        sender.add(&if index == limited { SaConfig { lifetimes, ..*config } } else { *config });
                    }
                    let departure = sender.send(&traffic.packet());
                    assert_eq!(departure.result.is_ok(), passes, "{traffic:?}, {required:?}: {departure:?}");
                    if !passes {
                        let expected = OutboundError::Seal(SealError::Expired(LimitKind::Octets));
                        assert_eq!(departure.error(), expected);
                        assert!(used(&sender).iter().all(|used| *used == (0, Usage::new(NOW))));
                    }
                }
            }
        }
    }
}

/// "What AH would refuse is found out before ESP changes the packet." All of AH's octets can be known before: they are those of
/// the sealed packet.
#[test]
fn octets_of_ah_around_esp_are_found_used_up_before_esp_is_done() {
    for traffic in Traffic::ALL {
        for esp in [ModeKind::Transport, ModeKind::Tunnel] {
            let required = Required::AhAroundEsp { esp };
            let mut unlimited = Sender::requiring(traffic, required);
            let len = unlimited.send(&traffic.packet()).sealed().len() as u64;
            for (limit, passes) in [(len, true), (len - 1, false)] {
                let mut sender = Sender::new(protecting(traffic.sent(), required));
                let hard = Limits { octets: Some(limit), ..Limits::NONE };
                let [ah, esp] = configs_of(required, traffic.family())[..] else { panic!() };
                sender.add(&SaConfig { lifetimes: Lifetimes { soft: Limits::NONE, hard }, ..ah });
                sender.add(&esp);
                let departure = sender.send(&traffic.packet());
                assert_eq!(departure.result.is_ok(), passes, "{departure:?}");
                assert!(passes || used(&sender).iter().all(|used| *used == (0, Usage::new(NOW))));
            }
        }
    }
}

/// A packet whose payload makes it `len` octets long.
fn packet_of_len(traffic: Traffic, len: usize) -> Vec<u8> {
    let headers = traffic.packet().len() - PAYLOAD.len();
    traffic.packet_of(traffic.source(), &vec![0x33; len - headers])
}

/// RFC 4301 §8.2.1: what would be too long for the path, once sealed, is not sealed; and the error says how long it would be.
/// AH around ESP has two associations, each of which may know of an MTU: AH's counts for the whole, ESP's for what it makes.
#[test]
fn the_path_takes_what_is_no_longer_than_its_mtu() {
    for traffic in [Traffic::Unicast4, Traffic::Xcast4, Traffic::Unicast6, Traffic::Xcast6] {
        let mtu = PathMtu::least(traffic.family());
        for required in ALL_REQUIRED {
            let configs = configs_of(required, traffic.family());
            for knowing in 0..configs.len() {
                let mut sender = Sender::requiring(traffic, required);
                let id = sa(&configs[knowing]).id();
                assert!(sender.state(&id).path_mtu_mut().learn(mtu, traffic.family(), NOW));
                let (mut longest_sealed, mut refused) = (0, 0);
                for len in mtu - 160..mtu {
                    let packet = packet_of_len(traffic, len);
                    // What the one that knows the MTU makes of it.
                    let inner = configs[knowing..].iter().rev();
                    let sealed = inner.fold(packet.clone(), |packet, config| seal(&sa(config), 1, &packet)).len();
                    let before = used(&sender);
                    let departure = sender.send(&packet);
                    let context = format!("{traffic:?}, {required:?}, {len}");
                    if sealed <= mtu {
                        departure.sealed_within_limits();
                        longest_sealed = longest_sealed.max(sealed);
                    } else {
                        let error = SealError::TooBig { len: sealed, mtu };
                        assert_eq!(departure.error(), OutboundError::Seal(error), "{context}");
                        assert_eq!(departure.counter, "out_too_big");
                        assert_eq!(used(&sender), before, "{context}");
                        refused += 1;
                    }
                }
                assert!(longest_sealed > mtu - 4 && refused > 0, "the edge was tried: {longest_sealed}");
                // After a while the path is tried again (RFC 4301 §8.2.2).
                let later = NOW.after(PathMtu::LIFETIME);
                sender.send_at(later, &packet_of_len(traffic, mtu)).sealed();
            }
        }
    }
}

/// RFC 4301 §8.2.1: where routers may fragment the sealed packet, its length stops nothing. That is for the outermost header to
/// say: in transport mode the packet's own, around a tunnel the one that the association makes.
#[test]
fn routers_may_fragment_what_says_so() {
    let traffic = Traffic::Unicast4;
    let mtu = PathMtu::least(Family::V4);
    for required in ALL_REQUIRED {
        let is_tunnel = layers_of(required).iter().any(|layer| layer.1 == ModeKind::Tunnel);
        for clear in [false, true] {
            for df in [OuterDf::Set, OuterDf::Clear, OuterDf::Copy] {
                for knowing in 0..layers_of(required).len() {
                    let mut sender = Sender::new(protecting(traffic.sent(), required));
                    let mut ids = Vec::new();
                    for mut config in configs_of(required, Family::V4) {
                        if let Mode::Tunnel(outer) = &mut config.mode {
                            outer.df = df;
                        }
                        ids.push(sender.add(&config));
                    }
                    assert!(sender.state(&ids[knowing]).path_mtu_mut().learn(mtu, Family::V4, NOW));
                    let mut packet = packet_of_len(traffic, mtu);
                    if clear {
                        packet[6] &= !0x40;
                        set_header_checksum(&mut packet);
                    }
                    let may = match df {
                        OuterDf::Clear if is_tunnel => true,
                        OuterDf::Set if is_tunnel => false,
                        _ => clear,
                    };
                    let departure = sender.send(&packet);
                    let context = format!("{required:?}, {df:?}, {clear}, {knowing}");
                    if may {
                        let sealed = departure.sealed_within_limits();
                        assert_eq!(sealed[6] & 0x40, 0, "{context}");
                        assert!(sealed.len() > mtu);
                    } else {
                        assert_eq!(departure.counter, "out_too_big", "{context}: {departure:?}");
                    }
                }
            }
        }
    }
}

/// RFC 791 §3.1: Total Length takes 65535 octets. AH around ESP, to the octet.
#[test]
fn no_packet_becomes_longer_than_its_header_can_say() {
    let traffic = Traffic::Unicast4;
    for required in ALL_REQUIRED {
        let configs = configs_of(required, traffic.family());
        let sealed_len = |len: usize| {
            configs.iter().rev().fold(len, |len, config| {
                let sa = sa(config);
                let payload = if sa.mode() == &Mode::Transport { len - 20 } else { len };
                len + sa.overhead(Family::V4, payload)
            })
        };
        let mut sender = Sender::requiring(traffic, required);
        let (mut passed, mut refused) = (0, 0);
        for len in 65_400..=65_535 {
            let packet = packet_of_len(traffic, len);
            let departure = sender.send(&packet);
            if sealed_len(len) <= 65_535 {
                passed = departure.sealed_within_limits().len();
                assert_eq!(passed, sealed_len(len));
            } else {
                let OutboundError::Seal(SealError::PacketTooLong { len }) = departure.error() else { panic!() };
                assert!(len > 65_535);
                assert_eq!(departure.counter, "out_too_big");
                refused += 1;
            }
        }
        assert!(passed > 65_531 && refused > 0, "{required:?}: {passed}");
    }
}

/// RFC 4301 §4.4.2.1: a soft limit is told with the association that has passed it, with every packet from then on.
#[test]
fn soft_limits_are_told_with_their_association() {
    let traffic = Traffic::Xcast6;
    for required in ALL_REQUIRED {
        let configs = configs_of(required, traffic.family());
        for limited in 0..configs.len() {
            let id = sa(&configs[limited]).id();
            let told = |departure: Departure| match departure.result {
                Ok(Sent::Protected { soft_limit }) => soft_limit,
                other => panic!("{other:?}"),
            };
            let with = |soft| {
                let mut sender = Sender::new(protecting(traffic.sent(), required));
                for (index, config) in configs.iter().enumerate() {
                    let lifetimes = Lifetimes { soft, hard: Limits::NONE };
                    sender.add(&if index == limited { SaConfig { lifetimes, ..*config } } else { *config });
                }
                sender
            };
            let mut sender = with(Limits { packets: Some(2), ..Limits::NONE });
            let soft: Vec<_> = (0..4).map(|_| told(sender.send(&traffic.packet()))).collect();
            let passed = Some((id, LimitKind::Packets));
            assert_eq!(soft, [None, None, passed, passed], "{required:?}");
            let mut sender = with(Limits { octets: Some(1), ..Limits::NONE });
            assert_eq!(told(sender.send(&traffic.packet())), Some((id, LimitKind::Octets)));
            let mut sender = with(Limits { time: Some(Duration::from_secs(9)), ..Limits::NONE });
            assert_eq!(told(sender.send(&traffic.packet())), None);
            let later = NOW.after(Duration::from_secs(9));
            assert_eq!(told(sender.send_at(later, &traffic.packet())), Some((id, LimitKind::Time)));
            // Numbers that come to an end.
            let mut sender = Sender::new(protecting(traffic.sent(), required));
            for (index, config) in configs.iter().enumerate() {
                sender.add_sa(sender_after(config, if index == limited { u64::from(u32::MAX) - 5 } else { 5 }));
            }
            assert_eq!(told(sender.send(&traffic.packet())), Some((id, LimitKind::SequenceNumbers)));
        }
    }
    // Where both have passed one, it is one of them.
    let required = Required::AhAroundEsp { esp: ModeKind::Transport };
    let mut sender = Sender::new(protecting(traffic.sent(), required));
    let soft = Limits { packets: Some(0), ..Limits::NONE };
    let lifetimes = Lifetimes { soft, hard: Limits::NONE };
    let configs = configs_of(required, traffic.family());
    let ids: Vec<_> = configs.iter().map(|config| sender.add(&SaConfig { lifetimes, ..*config })).collect();
    let Ok(Sent::Protected { soft_limit: Some((id, LimitKind::Packets)) }) = sender.send(&traffic.packet()).result
    else {
        panic!()
    };
    assert!(ids.contains(&id));
}
