//! Who may send (draft §2.1.1.2), and what somebody without the key can do under an association for any sender.

use std::net::IpAddr;

use xcast_sec::ipsec::{
    FixedSenders, InboundError, InboundSad, ModeKind, OpenError, PolicyId, ReplayError, Required, SaConfig,
    SenderFilter, SenderKey, SenderWindows,
};
use xcast_sec::wire::Family;

use crate::ends::Receiver;
use crate::kit::*;

const TRANSPORT: Required = Required::Esp(ModeKind::Transport);
const NOT_AUTHORISED: InboundError = InboundError::Open(OpenError::SenderNotAuthorised);
const REPLAYED: InboundError = InboundError::Open(OpenError::Replay(ReplayError::Replayed));
const TABLE_FULL: InboundError = InboundError::Open(OpenError::Replay(ReplayError::TableFull));

/// Only hosts 1 and 2 may send under [`OWN`].
fn listed(family: Family) -> FixedSenders<4> {
    let mut senders = FixedSenders::new();
    senders.allow(OWN, host(family, 1)).unwrap();
    senders.allow(OWN, host(family, 2)).unwrap();
    senders
}

/// A group whose association is for any sender.
fn group<const SENDERS: usize>(
    traffic: Traffic,
    required: Required,
    senders: FixedSenders<4>,
) -> Receiver<FixedSenders<4>, SENDERS> {
    let mut receiver = Receiver::of(protecting(traffic.received(), required), senders);
    for config in configs_of(required, traffic.family()) {
        receiver.add(&config);
    }
    receiver
}

/// Sealed by host `number`, who holds the key.
fn from(traffic: Traffic, required: Required, number: u8, sequence: u64) -> Vec<u8> {
    let plain = traffic.packet_of(host(traffic.family(), number), PAYLOAD);
    let configs = configs_of(required, traffic.family());
    configs.iter().rev().fold(plain, |packet, config| seal(&sa(config), sequence, &packet))
}

/// Draft §2.1.1.2: receivers filter by themselves. Whoever holds the key and is not listed is refused, moves no window and
/// takes no place.
#[test]
fn only_listed_senders_are_believed() {
    for traffic in Traffic::ALL {
        for required in [Required::Ah(ModeKind::Transport), TRANSPORT] {
            let mut receiver = group::<2>(traffic, required, listed(traffic.family()));
            for number in [3, 4, 5, 6] {
                let arrival = receiver.receive(&from(traffic, required, number, 1000));
                assert_eq!(arrival.error(), NOT_AUTHORISED, "{traffic:?}, {required:?}");
                assert_eq!(arrival.counter, "in_sender_not_authorised");
                let event = arrival.event.unwrap();
                assert_eq!(event.source, Some(host(traffic.family(), number)));
                assert_eq!((event.policy, event.sequence), (Some(OWN), Some(1000)));
            }
            assert!(receiver.inbound.replay.is_empty());
            assert!(receiver.receive(&from(traffic, required, 1, 7)).has_passed());
            assert!(receiver.receive(&from(traffic, required, 2, 7)).has_passed());
            assert_eq!(receiver.inbound.replay.len(), 2);
            // Once allowed, a sender starts with whatever it sends: nothing of it had been remembered.
            receiver.inbound.replay = SenderWindows::new(64).unwrap();
            receiver.inbound.senders.allow(OWN, host(traffic.family(), 3)).unwrap();
            assert!(receiver.receive(&from(traffic, required, 3, 1000)).has_passed());
            assert!(receiver.receive(&from(traffic, required, 3, 999)).has_passed());
        }
    }
}

/// The window of a sender who is no longer allowed stays where it is.
#[test]
fn a_window_does_not_move_for_a_sender_who_may_not_send() {
    let traffic = Traffic::Xcast6;
    let mut receiver = group::<2>(traffic, TRANSPORT, listed(Family::V6));
    assert!(receiver.receive(&from(traffic, TRANSPORT, 1, 10)).has_passed());
    assert!(receiver.inbound.senders.disallow(OWN, host(Family::V6, 1)));
    assert_eq!(receiver.receive(&from(traffic, TRANSPORT, 1, 500)).error(), NOT_AUTHORISED);
    assert_eq!(receiver.receive(&from(traffic, TRANSPORT, 1, 10)).error(), REPLAYED, "its number is seen first");
    receiver.inbound.senders.allow(OWN, host(Family::V6, 1)).unwrap();
    assert!(receiver.receive(&from(traffic, TRANSPORT, 1, 9)).has_passed(), "9 is still in the window");
}

/// Asked only once the ICV verified: a forged packet says nothing of who is listed.
#[test]
fn a_forged_packet_does_not_learn_who_may_send() {
    for traffic in Traffic::ALL {
        for required in [Required::Ah(ModeKind::Transport), TRANSPORT] {
            let mut receiver = group::<2>(traffic, required, listed(traffic.family()));
            for number in 1..=4 {
                let arrival = receiver.receive(&forged(&from(traffic, required, number, 1)));
                assert_eq!(arrival.error(), InboundError::Open(OpenError::Icv), "{traffic:?}, {required:?}, {number}");
            }
            assert!(receiver.inbound.replay.is_empty());
        }
    }
}

/// A listed sender is listed for one policy; an association for none has no senders.
#[test]
fn senders_are_listed_for_a_policy() {
    let traffic = Traffic::Unicast6;
    for (policy, passes) in [(Some(OWN), true), (Some(OTHER), false), (None, false)] {
        let mut receiver = Receiver::<_, 2>::of(protecting(traffic.received(), TRANSPORT), listed(Family::V6));
        let config = SaConfig { policy, ..config(0x1000, esp()) };
        receiver.add(&config);
        let arrival = receiver.receive(&seal(&sa(&config), 1, &traffic.packet()));
        assert_eq!(arrival.has_passed(), passes, "{policy:?}: {arrival:?}");
        assert!(passes || arrival.error() == NOT_AUTHORISED);
    }
}

/// With an association go its senders' windows, or their places would be lost; others' stay.
#[test]
fn a_removed_association_takes_its_windows_along() {
    let traffic = Traffic::Unicast6;
    let mut receiver = Receiver::<_, 2>::of(protecting(traffic.received(), TRANSPORT), listed(Family::V6));
    let [first, second] = [0x1000, 0x2000].map(|number| SaConfig { policy: Some(OWN), ..config(number, esp()) });
    let [id, other] = [&first, &second].map(|config| receiver.add(config));
    let packet = |config: &SaConfig<'_>| seal(&sa(config), 5, &traffic.packet());
    assert!(receiver.receive(&packet(&first)).has_passed() && receiver.receive(&packet(&second)).has_passed());
    assert!(receiver.inbound.remove_sa(&id));
    assert!(!receiver.inbound.remove_sa(&id), "it is gone");
    assert_eq!(receiver.inbound.replay.len(), 1);
    assert!(receiver.inbound.sad.state(&id).is_none() && receiver.inbound.sad.state(&other).is_some());
    assert_eq!(receiver.receive(&packet(&second)).error(), REPLAYED);
    // Set up anew, it starts anew.
    receiver.add(&first);
    assert!(receiver.receive(&packet(&first)).has_passed());
}

/// What `SaConfig::source` warns of: ESP does not cover the source address. A captured packet, sent again from addresses that
/// are not listed, is refused every time, and takes no place in the table.
#[test]
fn a_captured_packet_from_other_addresses_is_refused_every_time() {
    for traffic in [Traffic::Xcast4, Traffic::Xcast6, Traffic::Unicast4, Traffic::Unicast6] {
        let mut receiver = group::<4>(traffic, TRANSPORT, listed(traffic.family()));
        let captured = from(traffic, TRANSPORT, 1, 5);
        assert!(receiver.receive(&captured).has_passed());
        for number in 3..=200 {
            let mut again = captured.clone();
            set_source(&mut again, host(traffic.family(), number));
            assert_eq!(receiver.receive(&again).error(), NOT_AUTHORISED, "{traffic:?}");
        }
        assert_eq!(receiver.inbound.replay.len(), 1);
        assert_eq!(receiver.inbound.counters().in_sender_not_authorised, 198);
        assert_eq!(receiver.receive(&captured).error(), REPLAYED);
        assert!(receiver.receive(&from(traffic, TRANSPORT, 2, 5)).has_passed(), "there is still room");
    }
}

/// The same attack where nobody is listed: it works until the table is full, which is why senders are to be listed. Who has a
/// window keeps it.
#[test]
fn without_a_list_the_captured_packet_fills_the_table() {
    let traffic = Traffic::Xcast6;
    let mut receiver = Receiver::requiring(traffic, TRANSPORT);
    let captured = from(traffic, TRANSPORT, 1, 5);
    assert!(receiver.receive(&captured).has_passed());
    for number in 3..=20 {
        let mut again = captured.clone();
        set_source(&mut again, host(Family::V6, number));
        let arrival = receiver.receive(&again);
        if number < 10 {
            assert!(arrival.has_passed(), "{number}: {arrival:?}");
        } else {
            assert_eq!(arrival.error(), TABLE_FULL, "{number}");
            assert_eq!(arrival.counter, "in_sender_table_full");
        }
    }
    assert_eq!(receiver.inbound.replay.len(), 8);
    assert!(receiver.receive(&from(traffic, TRANSPORT, 1, 6)).has_passed());
}

/// What `SaConfig::source` says helps: an association for the one sender, preserved addresses, AH around ESP.
#[test]
fn three_more_ways_to_keep_a_captured_packet_out() {
    let traffic = Traffic::Unicast6;
    let esp_tunnel = Required::Esp(ModeKind::Tunnel);
    let preserving = xcast_sec::ipsec::Mode::Tunnel(xcast_sec::ipsec::OuterHeader::preserving(64));
    let named = SaConfig { source: Some(traffic.source()), ..config(0x1000, esp()) };
    let preserved = SaConfig { mode: preserving, ..config(0x1000, esp()) };
    let both = Required::AhAroundEsp { esp: ModeKind::Transport };
    for (required, configs, counter) in [
        (TRANSPORT, vec![named], "in_no_states"),
        (esp_tunnel, vec![preserved], "in_state_mode_error"),
        (both, configs_of(both, Family::V6), "in_state_proto_error"),
    ] {
        let mut receiver = Receiver::new(protecting(traffic.received(), required));
        configs.iter().for_each(|config| {
            receiver.add(config);
        });
        let captured = configs.iter().rev().fold(traffic.packet(), |packet, config| seal(&sa(config), 1, &packet));
        let mut again = captured.clone();
        set_source(&mut again, host(Family::V6, 2));
        assert_eq!(receiver.receive(&again).counter, counter);
        assert!(receiver.inbound.replay.is_empty());
        assert!(receiver.receive(&captured).has_passed());
    }
}

/// Draft §3.1.2: a new sender for whom there is no room is refused and counted; the others do not notice.
#[test]
fn a_full_table_refuses_new_senders_and_no_others() {
    for traffic in Traffic::ALL {
        for required in [Required::Ah(ModeKind::Transport), TRANSPORT] {
            let mut senders = listed(traffic.family());
            senders.allow(OWN, host(traffic.family(), 3)).unwrap();
            let mut receiver = group::<2>(traffic, required, senders);
            assert!(receiver.receive(&from(traffic, required, 1, 1)).has_passed());
            assert!(receiver.receive(&from(traffic, required, 2, 1)).has_passed());
            for sequence in 1..=3 {
                let arrival = receiver.receive(&from(traffic, required, 3, sequence));
                assert_eq!((arrival.error(), arrival.counter), (TABLE_FULL, "in_sender_table_full"));
                assert_eq!(arrival.event.unwrap().sequence, Some(sequence));
            }
            assert!(receiver.receive(&from(traffic, required, 1, 2)).has_passed());
            assert!(receiver.receive(&from(traffic, required, 2, 2)).has_passed());
            assert_eq!(receiver.receive(&from(traffic, required, 1, 2)).error(), REPLAYED);
            // When the association is taken out there is room again.
            let id = receiver.inbound.sad.iter().next().unwrap().0.id();
            receiver.inbound.replay.forget(&id);
            assert!(receiver.receive(&from(traffic, required, 3, 4)).has_passed());
        }
    }
}

/// Notes whom it was asked about.
#[derive(Default)]
struct Asked(std::cell::RefCell<Vec<(Option<PolicyId>, SenderKey)>>);

impl SenderFilter for Asked {
    fn is_authorised(&self, policy: Option<PolicyId>, sender: &SenderKey) -> bool {
        self.0.borrow_mut().push((policy, *sender));
        true
    }
}

/// Asked once for every layer that verified, of its own policy and association and of the source address as it arrived; for
/// nothing else.
#[test]
fn senders_are_asked_about_once_for_each_layer() {
    let traffic = Traffic::Unicast6;
    let required = Required::AhAroundEsp { esp: ModeKind::Tunnel };
    let mut receiver = Receiver::<_, 8>::of(protecting(traffic.received(), required), Asked::default());
    let ids: Vec<_> = configs_of(required, Family::V6).iter().map(|config| receiver.add(config)).collect();
    let packet = from(traffic, required, 1, 1);
    assert!(!receiver.receive(&forged(&packet)).has_passed());
    assert!(!receiver.receive(&traffic.packet()).has_passed());
    assert!(receiver.inbound.senders.0.borrow().is_empty());
    assert!(receiver.receive(&packet).has_passed());
    let source: IpAddr = gateway(Family::V6, 1);
    let expected: Vec<_> = ids.iter().map(|&sa| (Some(OWN), SenderKey { sa, source })).collect();
    assert_eq!(*receiver.inbound.senders.0.borrow(), expected);
    assert!(!receiver.receive(&packet).has_passed());
    assert_eq!(receiver.inbound.senders.0.borrow().len(), 2, "not of a replay");
}
