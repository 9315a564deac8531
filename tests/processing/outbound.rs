//! Which association seals a packet, and what keeps it from doing so (RFC 4301 §5.1, RFC 5374 §4.1.1).

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    Action, Addresses, Mode, ModeKind, NoAudit, Outbound, OutboundError, OutboundKey, OutboundSa, OutboundSad,
    OuterAddress, OuterHeader, PacketBuf, PolicyId, Required, SaConfig, SaId, SadError, SealError, SecurityProtocol,
    SelectorSet, Selectors, Usage,
};
use xcast_sec::wire::Family;

use crate::ends::{Receiver, Rng, Sender};
use crate::kit::*;

const TRANSPORT: Required = Required::Esp(ModeKind::Transport);

fn no_sa(protocol: SecurityProtocol) -> OutboundError {
    OutboundError::NoSa { policy: OWN, protocol }
}

/// The numbers used and the lifetimes used up of every association.
pub(crate) fn used(sender: &Sender) -> Vec<(u64, Usage)> {
    sender.outbound.sad.iter().map(|sa| (sa.counter().last(), *sa.usage())).collect()
}

/// RFC 4301 §5.1 step 3b, RFC 5374 §4.1.1: the error says what key management is to set up.
#[test]
fn no_association_names_what_is_missing() {
    for traffic in Traffic::ALL {
        for required in ALL_REQUIRED {
            let configs = configs_of(required, traffic.family());
            for missing in 0..configs.len() {
                let mut sender = Sender::new(protecting(traffic.sent(), required));
                for (index, config) in configs.iter().enumerate() {
                    if index != missing {
                        sender.add(config);
                    }
                }
                let departure = sender.send(&traffic.packet());
                assert_eq!(departure.error(), no_sa(layers_of(required)[missing].0), "{traffic:?}, {required:?}");
                assert_eq!(departure.counter, "out_no_states");
                assert!(used(&sender).iter().all(|used| *used == (0, Usage::new(NOW))), "the other one is not used up");
            }
        }
    }
    // Another policy, another name.
    let theirs = Action::Protect { policy: OTHER, required: TRANSPORT };
    let mut sender = Sender::new(spd(&[(SelectorSet::ANY, theirs)]));
    sender.add(&config(0x1000, esp()));
    let error = sender.send(&Traffic::Unicast4.packet()).error();
    assert_eq!(error, OutboundError::NoSa { policy: OTHER, protocol: SecurityProtocol::Esp });
}

/// Associations that are like those of `required` but for one thing each.
fn unfit(traffic: Traffic, config: &SaConfig<'static>) -> Vec<SaConfig<'static>> {
    let family = traffic.family();
    let policies: [Option<PolicyId>; 2] = [Some(OTHER), None];
    let mut unfit: Vec<_> = policies.iter().map(|&policy| SaConfig { policy, ..*config }).collect();
    let other_mode = if config.mode == Mode::Transport { tunnel(family) } else { Mode::Transport };
    unfit.push(SaConfig { mode: other_mode, ..*config });
    let is_ah = sa(config).protocol() == SecurityProtocol::Ah;
    unfit.push(SaConfig { protection: if is_ah { esp() } else { ah() }, ..*config });
    if config.mode == Mode::Transport {
        unfit.push(SaConfig { source: Some(host(family, 2)), ..*config });
        unfit.push(SaConfig { destination: Some(host(family, 2)), ..*config });
    }
    unfit.into_iter().zip(0x2000..).map(|(config, number)| SaConfig { spi: spi(number), ..config }).collect()
}

/// RFC 4301 §4.4.2: what seals a packet is of its policy, protocol and mode, and for its addresses; whatever else there is, and
/// however new.
#[test]
fn no_other_association_is_ever_chosen() {
    for traffic in Traffic::ALL {
        for required in ALL_REQUIRED {
            let configs = configs_of(required, traffic.family());
            for (index, config) in configs.iter().enumerate() {
                for unfit in unfit(traffic, config) {
                    let mut sender = Sender::new(protecting(traffic.sent(), required));
                    for (other, config) in configs.iter().enumerate() {
                        sender.add(if other == index { &unfit } else { config });
                    }
                    let error = sender.send(&traffic.packet()).error();
                    assert_eq!(error, no_sa(layers_of(required)[index].0), "{required:?}: {unfit:?}");

                    // AH for one layer may be just the AH for the other one.
                    if configs.len() == 2 && sa(&unfit).protocol() != sa(config).protocol() {
                        continue;
                    }
                    let mut sender = Sender::requiring(traffic, required);
                    let unfit = sender.add(&unfit);
                    let sealed = sender.send(&traffic.packet()).sealed_within_limits();
                    assert_eq!(sender.state(&unfit).counter().last(), 0);
                    assert!(Receiver::requiring(traffic, required).receive(&sealed).has_passed());
                }
            }
        }
    }
}

/// An association for the packet's own addresses is chosen like one for all.
#[test]
fn an_association_for_the_packets_addresses_is_chosen() {
    for traffic in Traffic::ALL {
        let named = SaConfig {
            source: Some(traffic.source()),
            destination: Some(traffic.destination()),
            ..config(0x1000, esp())
        };
        let mut sender = Sender::new(protecting(traffic.sent(), TRANSPORT));
        let own = sender.add(&named);
        let other = SaConfig { source: Some(host(traffic.family(), 2)), spi: spi(0x1001), ..named };
        let theirs = sender.add(&other);
        sender.send(&traffic.packet()).sealed();
        sender.send(&traffic.packet_of(host(traffic.family(), 2), PAYLOAD)).sealed();
        assert_eq!(sender.send(&traffic.packet_of(host(traffic.family(), 3), PAYLOAD)).counter, "out_no_states");
        assert_eq!([own, theirs].map(|id| sender.state(&id).counter().last()), [1, 1]);
    }
}

/// A host's own store that hands out the same association for everything.
struct Careless(OutboundSa<RustCrypto>);

impl OutboundSad<RustCrypto> for Careless {
    fn select(&mut self, _: &OutboundKey) -> Option<&mut OutboundSa<RustCrypto>> {
        Some(&mut self.0)
    }
}

/// RFC 4301 §4.4.2: whatever a store hands out, no packet goes out under an association for other addresses.
#[test]
fn a_careless_store_gets_no_packet_sealed_for_others() {
    let traffic = Traffic::Unicast6;
    for (required, mode) in
        [(TRANSPORT, Mode::Transport), (Required::Esp(ModeKind::Tunnel), Mode::Tunnel(OuterHeader::preserving(64)))]
    {
        let other = SaConfig { source: Some(host(Family::V6, 2)), mode, ..config(0x1000, esp()) };
        let store = Careless(sender_of(&other));
        let mut outbound = Outbound::new(store, protecting(traffic.sent(), required), NoAudit);
        let plain = traffic.packet();
        let mut storage = vec![0; 400];
        storage[200..200 + plain.len()].copy_from_slice(&plain);
        let mut packet = PacketBuf::new(&mut storage, 200..200 + plain.len()).unwrap();
        let result = outbound.process(&mut RustCrypto, &mut Rng(0), None, NOW, &mut packet);
        assert_eq!(result, Err(OutboundError::Seal(SealError::OtherAddresses)));
        assert_eq!((outbound.counters().packets, outbound.counters().out_no_states), (1, 1));
        assert_eq!(packet.as_octets(), plain);
    }
}

/// A store that has two associations for each protocol and hands them out in turn.
struct InTurn {
    all: Vec<OutboundSa<RustCrypto>>,
    asked: usize,
}

impl OutboundSad<RustCrypto> for InTurn {
    fn select(&mut self, key: &OutboundKey) -> Option<&mut OutboundSa<RustCrypto>> {
        self.asked += 1;
        self.all.iter_mut().filter(|sa| sa.sa().protocol() == key.protocol).nth(self.asked % 2)
    }
}

/// Whether an association is for a packet is looked at before anything is sealed. It is not sealed under another one then.
#[test]
fn a_store_that_changes_its_mind_gets_nothing_sealed_under_the_other() {
    let traffic = Traffic::Unicast6;
    let ours = SelectorSet { remote: Addresses::one(traffic.destination()), ..SelectorSet::ANY };
    let theirs = SelectorSet { remote: Addresses::one(host(Family::V6, 77)), ..SelectorSet::ANY };
    for required in ALL_REQUIRED {
        let configs = configs_of(required, traffic.family());
        let sa = |config: &SaConfig<'_>, number, selectors| {
            sender_of(&SaConfig { spi: spi(config.spi.value() + number), selectors, ..*config })
        };
        for first in 0..2 {
            let all = configs.iter().flat_map(|config| [sa(config, 0, ours), sa(config, 0x100, theirs)]).collect();
            let mut outbound =
                Outbound::new(InTurn { all, asked: first }, protecting(traffic.sent(), required), NoAudit);
            let plain = traffic.packet();
            let mut storage = vec![0; 400];
            storage[200..200 + plain.len()].copy_from_slice(&plain);
            let mut packet = PacketBuf::new(&mut storage, 200..200 + plain.len()).unwrap();
            let result = outbound.process(&mut RustCrypto, &mut Rng(0), None, NOW, &mut packet);
            let used = |sa: &OutboundSa<RustCrypto>| sa.counter().last() > 0;
            let wrong = outbound.sad.all.iter().any(|sa| used(sa) && *sa.sa().selectors() == theirs);
            assert!(!wrong, "{required:?}, {first}: {result:?}");
            // With one protection nothing is asked again.
            assert_eq!(result.is_ok(), configs.len() == 1 && first == 1, "{required:?}, {first}: {result:?}");
        }
    }
}

/// AH goes around what ESP in a tunnel made: it must be for the addresses of the tunnel.
#[test]
fn ah_around_a_tunnel_is_for_its_ends() {
    let required = Required::AhAroundEsp { esp: ModeKind::Tunnel };
    for traffic in Traffic::ALL {
        for family in [Family::V4, Family::V6] {
            let [ah, esp] = configs_of(required, traffic.family())[..] else { panic!() };
            let esp = SaConfig { mode: tunnel(family), ..esp };
            let ends = (Some(gateway(family, 1)), Some(gateway(family, 2)));
            let inner = (Some(traffic.source()), Some(traffic.destination()));
            for ((source, destination), fits) in [(ends, true), (inner, false), ((ends.1, ends.0), false)] {
                let mut sender = Sender::new(protecting(traffic.sent(), required));
                sender.add(&esp);
                sender.add(&SaConfig { source, destination, ..ah });
                let departure = sender.send(&traffic.packet());
                assert_eq!(departure.result.is_ok(), fits, "{departure:?}");
                assert!(fits || departure.error() == no_sa(SecurityProtocol::Ah));
            }
        }
    }
}

/// With address preservation the addresses of the packet are those of the tunnel (RFC 5374 §3.1), and so those of the
/// association: one that is for another sender is not for this packet. Senders with an association each (draft §3.3) are what
/// a gateway in front of them has.
#[test]
fn a_preserving_tunnel_for_another_sender_is_not_chosen() {
    let traffic = Traffic::Xcast6;
    let (one, two) = (host(Family::V6, 1), host(Family::V6, 2));
    let preserving = Mode::Tunnel(OuterHeader::preserving(64));
    let for_source = |number, source| SaConfig { mode: preserving, source: Some(source), ..config(number, esp()) };
    let mut sender = Sender::new(protecting(traffic.sent(), Required::Esp(ModeKind::Tunnel)));
    let ids = [sender.add(&for_source(0x1000, one)), sender.add(&for_source(0x1001, two))];
    for (source, id) in [(one, ids[0]), (two, ids[1])] {
        let departure = sender.send(&traffic.packet_of(source, PAYLOAD));
        assert!(departure.result.is_ok(), "{source}: {departure:?}");
        assert_eq!(sender.state(&id).counter().last(), 1);
    }
    let departure = sender.send(&traffic.packet_of(host(Family::V6, 3), PAYLOAD));
    assert_eq!(departure.error(), no_sa(SecurityProtocol::Esp));
}

/// Nor does it seal anything where it is the only one; the same for another destination.
#[test]
fn a_preserving_tunnel_for_other_addresses_seals_nothing() {
    let traffic = Traffic::Xcast6;
    for (source, destination) in [(Some(host(Family::V6, 2)), None), (None, Some(host(Family::V6, 2)))] {
        let outer = OuterHeader { source: OuterAddress::Preserved, ..OuterHeader::preserving(64) };
        let config = SaConfig { mode: Mode::Tunnel(outer), source, destination, ..config(0x1000, esp()) };
        let mut sender = Sender::new(protecting(traffic.sent(), Required::Esp(ModeKind::Tunnel)));
        sender.add(&config);
        assert_eq!(sender.send(&traffic.packet()).counter, "out_no_states");
    }
}

/// RFC 4301 §4.4.2.1, RFC 5374 §4.2: when keys are replaced the newest association takes over at once. The others stay until
/// they are taken out, and take over again if it is.
#[test]
fn the_newest_association_is_chosen() {
    for required in ALL_REQUIRED {
        let traffic = Traffic::Xcast6;
        let configs = configs_of(required, traffic.family());
        let of = |generation: u32| {
            let each = configs
                .iter()
                .map(move |config| SaConfig { spi: spi(config.spi.value() + generation * 0x100), ..*config });
            each.collect::<Vec<_>>()
        };
        let mut sender = Sender::new(protecting(traffic.sent(), required));
        let mut receiver = Receiver::new(protecting(traffic.received(), required));
        let chosen = |sender: &mut Sender, receiver: &mut Receiver| {
            let layers = receiver.receive(&sender.send(&traffic.packet()).sealed()).layers();
            let generations = layers.iter().map(|layer| (layer.sa.spi.value() - 0x1000) / 0x100).collect::<Vec<_>>();
            assert!(generations.iter().all(|generation| *generation == generations[0]), "{generations:?}");
            generations[0]
        };
        let mut ids = Vec::new();
        for generation in 0..3 {
            ids.push(
                of(generation)
                    .iter()
                    .map(|config| {
                        receiver.add(config);
                        sender.add(config)
                    })
                    .collect::<Vec<_>>(),
            );
            assert_eq!(chosen(&mut sender, &mut receiver), generation);
            assert_eq!(chosen(&mut sender, &mut receiver), generation);
        }
        let remove = |sender: &mut Sender, generation: usize| {
            assert!(ids[generation].iter().all(|id| sender.outbound.sad.remove(id)));
            assert!(ids[generation].iter().all(|id| !sender.outbound.sad.remove(id)), "it is gone");
        };
        remove(&mut sender, 0);
        assert_eq!(chosen(&mut sender, &mut receiver), 2, "the order is kept");
        remove(&mut sender, 2);
        assert_eq!(chosen(&mut sender, &mut receiver), 1);
        remove(&mut sender, 1);
        assert_eq!(sender.send(&traffic.packet()).error(), no_sa(layers_of(required).last().unwrap().0));
    }
}

/// The database holds each association once, and hands back what it does not take.
#[test]
fn the_database_takes_each_association_once() {
    let mut sad = xcast_sec::ipsec::FixedOutboundSad::<RustCrypto, 2>::new();
    let named = SaConfig { source: Some(host(Family::V6, 1)), ..config(0x1000, esp()) };
    assert!(sad.insert(sender_of(&config(0x1000, esp()))).is_ok());
    let refused = |refused: Result<(), (SadError, OutboundSa<RustCrypto>)>| {
        let (error, sa) = refused.unwrap_err();
        (error, sa.sa().spi())
    };
    assert_eq!(refused(sad.insert(sender_of(&config(0x1000, esp())))), (SadError::Duplicate, spi(0x1000)));
    assert!(sad.insert(sender_of(&named)).is_ok(), "for one sender it is another one");
    assert_eq!(refused(sad.insert(sender_of(&config(0x1001, esp())))), (SadError::Full, spi(0x1001)));
    assert_eq!(
        refused(sad.insert(sender_of(&named))),
        (SadError::Duplicate, spi(0x1000)),
        "also where there is no room"
    );
    let ids: Vec<SaId> = sad.iter().map(|sa| sa.sa().id()).collect();
    assert_eq!(ids, [sa(&config(0x1000, esp())).id(), sa(&named).id()], "none is lost");
    assert!(format!("{sad:?}").contains("Esp"));
}

/// `OutboundKey::fits`, for hosts with a store of their own.
#[test]
fn a_key_says_what_fits() {
    let traffic = Traffic::Unicast6;
    let key = OutboundKey {
        policy: OWN,
        protocol: SecurityProtocol::Esp,
        mode: ModeKind::Transport,
        source: traffic.source(),
        destination: traffic.destination(),
        packet: Selectors::of(&traffic.packet(), Some(&code_points())).unwrap(),
    };
    let own = config(0x1000, esp());
    assert!(key.fits(&sender_of(&own)));
    assert!(unfit(traffic, &own).iter().all(|config| !key.fits(&sender_of(config))));
    let in_tunnel = OutboundKey { mode: ModeKind::Tunnel, ..key };
    assert!(!in_tunnel.fits(&sender_of(&own)));
    assert!(in_tunnel.fits(&sender_of(&SaConfig { mode: tunnel(Family::V4), ..own })));
}
