//! Every protection that policy can ask for, against every way in which a packet can arrive (RFC 4301 §5.2 steps 3 to 5).

use xcast_sec::ipsec::{
    Action, InboundError, ModeKind, PolicyId, Received, Required, SaConfig, SecurityProtocol, SelectorSet,
    SenderWindows,
};

use crate::ends::{Receiver, kinds};
use crate::kit::*;

/// Whose an association is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Of the policy that asks for protection.
    Own,
    /// Of another policy.
    Other,
    /// Made for no policy.
    Nobody,
}

const OWNERS: [Owner; 3] = [Owner::Own, Owner::Other, Owner::Nobody];

impl Owner {
    const fn policy(self) -> Option<PolicyId> {
        match self {
            Self::Own => Some(OWN),
            Self::Other => Some(OTHER),
            Self::Nobody => None,
        }
    }
}

type Layer = (SecurityProtocol, ModeKind, Owner);

fn config_of(&(protocol, kind, owner): &Layer, traffic: Traffic) -> SaConfig<'static> {
    let (number, protection) = match protocol {
        SecurityProtocol::Ah => (0x1000, ah()),
        SecurityProtocol::Esp => (0x2000, esp()),
    };
    let number = number + if kind == ModeKind::Tunnel { 0x100 } else { 0 } + owner as u32;
    SaConfig { policy: owner.policy(), mode: mode(kind, traffic.family()), ..config(number, protection) }
}

/// Every stack of up to two layers, and of three with AH around ESP, outermost first, that can be sealed: transport mode
/// holds nothing but ESP in AH.
fn arrivals() -> Vec<Vec<Layer>> {
    let mut single = Vec::new();
    for protocol in [SecurityProtocol::Ah, SecurityProtocol::Esp] {
        for kind in [ModeKind::Transport, ModeKind::Tunnel] {
            single.extend(OWNERS.map(|owner| (protocol, kind, owner)));
        }
    }
    let may_hold = |outer: &Layer, inner: &Layer| {
        outer.1 == ModeKind::Tunnel || (outer.0 == SecurityProtocol::Ah && inner.0 == SecurityProtocol::Esp)
    };
    let mut stacks = vec![vec![]];
    for outer in &single {
        stacks.push(vec![*outer]);
        for inner in single.iter().filter(|inner| may_hold(outer, inner)) {
            stacks.push(vec![*outer, *inner]);
            if outer.1 == ModeKind::Transport && inner.1 == ModeKind::Tunnel {
                stacks.push(vec![*outer, *inner, (SecurityProtocol::Esp, ModeKind::Transport, Owner::Own)]);
            }
        }
    }
    stacks
}

/// The layers that are one packet's: behind a tunnel another one starts.
fn taken(stack: &[Layer]) -> &[Layer] {
    let stops = |layer: &Layer| layer.0 == SecurityProtocol::Esp || layer.1 == ModeKind::Tunnel;
    let len = stack.iter().position(stops).map_or(stack.len(), |index| index + 1);
    &stack[..len]
}

fn receiver(traffic: Traffic, policy: xcast_sec::ipsec::FixedSpd<8>) -> Receiver {
    let mut receiver = Receiver::new(policy);
    for stack in arrivals().iter().filter(|stack| stack.len() == 1) {
        receiver.add(&config_of(&stack[0], traffic));
    }
    receiver
}

/// The packet with all layers, and the packet that is left when those are taken off that are one packet's.
fn arriving(traffic: Traffic, stack: &[Layer]) -> (Vec<u8>, Vec<u8>) {
    let mut packet = traffic.packet();
    let mut left = packet.clone();
    for (index, layer) in stack.iter().enumerate().rev() {
        packet = seal(&sa(&config_of(layer, traffic)), 1, &packet);
        if index >= taken(stack).len() {
            left.clone_from(&packet);
        }
    }
    (packet, left)
}

/// RFC 4301 §5.2: a packet passes with just the protection that policy asks for, each layer under an association made for
/// that policy, and with no other; in the clear it does not pass.
#[test]
fn only_the_protection_that_policy_asks_for_passes() {
    for traffic in Traffic::ALL {
        let mut passed = 0;
        let mut receiver = receiver(traffic, spd(&[]));
        for stack in arrivals() {
            let (packet, left) = arriving(traffic, &stack);
            let layers = taken(&stack);
            let had: Vec<_> = layers.iter().map(|&(protocol, kind, _)| (protocol, kind)).collect();
            for required in ALL_REQUIRED {
                receiver.inbound.policy = protecting(traffic.received(), required);
                receiver.inbound.replay = SenderWindows::new(64).unwrap();
                let arrival = receiver.receive(&packet);
                let context = format!("{traffic:?}: {required:?} asked for, {stack:?} arrived");
                // In a tunnel there may be a packet of the gateways, which is not the traffic that policy protects.
                let is_theirs = stack.get(layers.len()).is_some_and(|layer| layer.1 == ModeKind::Tunnel);
                if had == layers_of(required) && layers.iter().all(|layer| layer.2 == Owner::Own) && !is_theirs {
                    let Ok(Received::Protected(layers)) = arrival.result else { panic!("{context}: {arrival:?}") };
                    assert_eq!(kinds(&layers), had, "{context}");
                    assert_eq!(arrival.packet, left, "{context}");
                    passed += 1;
                    continue;
                }
                let expected = match layers {
                    [] => InboundError::Unprotected { policy: OWN },
                    _ => InboundError::WrongProtection,
                };
                assert_eq!(arrival.result, Err(expected), "{context}");
                assert_eq!(arrival.counter, "in_tmpl_mismatch", "{context}");
                let event = arrival.event.unwrap();
                let last = layers.last().map(|layer| sa(&config_of(layer, traffic)).id());
                assert_eq!(event.sa, last, "{context}");
                assert_eq!(event.protocol, last.map(|sa| sa.protocol), "{context}");
                assert_eq!(event.spi, last.map(|sa| sa.spi.value()), "{context}");
                assert_eq!(event.policy, layers.last().and_then(|layer| layer.2.policy()), "{context}");
            }
        }
        // One stack for each of the six. What comes out of a tunnel may have any transport-mode layer of its own: in both
        // tunnels AH or ESP of any owner, in the tunnel under AH the one tried here.
        assert_eq!(passed, 6 + 2 * 2 * OWNERS.len() + 1, "{traffic:?}");
    }
}

/// RFC 4301 §5.2 step 5: where policy says BYPASS, a packet that arrives with protection is not what its association is for;
/// where it says DISCARD or nothing (step 3b), no protection helps.
#[test]
fn protection_does_not_help_where_policy_asks_for_none() {
    for traffic in Traffic::ALL {
        for action in [Some(Action::Bypass), Some(Action::Discard), None] {
            let entries: Vec<_> = action.iter().map(|&action| (SelectorSet::ANY, action)).collect();
            let mut receiver = receiver(traffic, spd(&entries));
            for stack in arrivals() {
                receiver.inbound.replay = SenderWindows::new(64).unwrap();
                let (packet, _) = arriving(traffic, &stack);
                let arrival = receiver.receive(&packet);
                let expected = match (action, &stack[..]) {
                    (Some(Action::Bypass), []) => Ok(Received::Bypassed),
                    (Some(Action::Bypass), _) => Err(InboundError::WrongProtection),
                    (Some(_), _) => Err(InboundError::Discarded),
                    (None, _) => Err(InboundError::NoPolicy),
                };
                assert_eq!(arrival.result, expected, "{traffic:?}, {action:?}: {stack:?}");
                if stack.is_empty() {
                    assert_eq!(arrival.packet, packet);
                }
            }
        }
    }
}

/// RFC 4301 §5.2 step 3b: with protection of their own, packets that policy protects otherwise do not get in for it. The
/// entry of another policy is for other traffic.
#[test]
fn an_association_vouches_for_no_traffic_but_its_own() {
    let (own, other) = (Traffic::Unicast6, Traffic::Xcast6);
    let required = Required::Esp(ModeKind::Transport);
    let theirs = Action::Protect { policy: OTHER, required };
    let mut receiver = Receiver::new(spd(&[(own.received(), protect(required)), (other.received(), theirs)]));
    let esp_own = config(0x1000, esp());
    let esp_other = SaConfig { policy: Some(OTHER), ..config(0x1001, esp()) };
    receiver.add(&esp_own);
    receiver.add(&esp_other);
    for (traffic, config, passes) in
        [(own, &esp_own, true), (own, &esp_other, false), (other, &esp_own, false), (other, &esp_other, true)]
    {
        let arrival = receiver.receive(&seal(&sa(config), 1 + u64::from(passes), &traffic.packet()));
        assert_eq!(arrival.has_passed(), passes, "{arrival:?}");
        if !passes {
            assert_eq!(arrival.error(), InboundError::WrongProtection);
        }
    }
}

/// What is refused for its policy leaves no trace, though it was authentic: an ESP packet taken out of its AH by somebody without
/// the key must not take the number of the whole one, nor a place in the table of senders.
#[test]
fn a_packet_with_the_wrong_protection_leaves_no_trace() {
    let traffic = Traffic::Unicast4;
    let mut receiver = Receiver::requiring(traffic, Required::Ah(ModeKind::Transport));
    let id = receiver.add(&config(0x2000, esp()));
    let packet = seal(&sa(&config(0x2000, esp())), 1, &traffic.packet());
    for _ in 0..2 {
        assert_eq!(receiver.receive(&packet).error(), InboundError::WrongProtection);
    }
    assert_eq!(receiver.usage(&id).packets(), 0);
    assert!(receiver.inbound.replay.is_empty());
}

/// The ESP of a packet, stripped of its AH and given other source addresses, arrives before the packet itself.
#[test]
fn esp_stripped_of_its_ah_silences_nobody() {
    for traffic in [Traffic::Unicast4, Traffic::Unicast6] {
        let required = Required::AhAroundEsp { esp: ModeKind::Transport };
        let mut receiver = Receiver::new(protecting(traffic.received(), required));
        let configs = configs_of(required, traffic.family());
        configs.iter().for_each(|config| {
            receiver.add(config);
        });
        let [ah, esp] = &configs[..] else { panic!("two") };
        let inner = seal(&sa(esp), 1000, &traffic.packet());
        let whole = seal(&sa(ah), 1000, &inner);
        for number in 1..40 {
            let mut stripped = inner.clone();
            set_source(&mut stripped, host(traffic.family(), number));
            assert_eq!(receiver.receive(&stripped).error(), InboundError::WrongProtection);
        }
        assert!(receiver.inbound.replay.is_empty());
        assert!(receiver.receive(&whole).has_passed());
        assert_eq!(receiver.receive(&whole).counter, "in_state_seq_error");
    }
}
