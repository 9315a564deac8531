//! Arbitrary octets through inbound and outbound processing, under a policy that the first octets choose: nothing panics,
//! nothing gets in otherwise than policy says, every packet is counted once, and what goes out comes in again. Shared by the
//! fuzz target and the test that replays its corpus.

use xcast_sec::ipsec::{
    Action, Addresses, AnySender, Directionality, FixedOutboundSad, FixedSad, FixedSpd, Inbound, InboundCounters,
    InboundError, ModeKind, NextLayer, Outbound, OutboundCounters, OutboundSa, PacketBuf, PolicyEntry, PolicyId,
    PortSelector, Received, RecentEvents, Required, RoutingCoverage, Sa, SelectorSet, Selectors, SenderId,
    SenderWindows, Sent, UpperLayer, Usage,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{CodePoints, IpHeader};

use super::associations::Kind;
use super::gullible::{Gullible, Zeros};

const NOW: Instant = Instant::from_secs(5);
const POLICY: PolicyId = PolicyId::new(1);
const ROOM: usize = 300;

type In = Inbound<FixedSad<Gullible, 4>, SenderWindows<4, 1>, FixedSpd<4>, AnySender, RecentEvents<4>>;
type Out = Outbound<FixedOutboundSad<Gullible, 4>, FixedSpd<4>, RecentEvents<4>>;

/// What the input chooses.
struct Choice {
    first: Option<Action>,
    last: Option<Action>,
    selects_ports: bool,
    kind: Kind,
}

impl Choice {
    fn new(policy: u8, associations: u8) -> Self {
        let required = match policy >> 2 & 7 {
            0 => Required::Ah(ModeKind::Transport),
            1 => Required::Ah(ModeKind::Tunnel),
            2 | 3 => Required::Esp(ModeKind::Transport),
            4 | 5 => Required::Esp(ModeKind::Tunnel),
            6 => Required::AhAroundEsp { esp: ModeKind::Transport },
            _ => Required::AhAroundEsp { esp: ModeKind::Tunnel },
        };
        let protect = Action::Protect { policy: POLICY, required };
        Self {
            first: [Some(protect), Some(protect), Some(Action::Bypass), Some(Action::Discard)][usize::from(policy & 3)],
            last: [None, Some(protect), Some(Action::Bypass), Some(Action::Discard)][usize::from(policy >> 5 & 3)],
            selects_ports: policy & 0x80 != 0,
            kind: Kind {
                esn: associations & 1 != 0,
                coverage: [RoutingCoverage::Covered, RoutingCoverage::DataZeroed, RoutingCoverage::FieldsZeroed]
                    [usize::from(associations >> 1 & 3) % 3],
                combined: associations & 8 != 0,
                preserving: associations & 16 != 0,
            },
        }
    }

    fn policy(&self) -> FixedSpd<4> {
        let mut spd = FixedSpd::new();
        let ports = PortSelector::Range { first: 1000, last: 40_000 };
        let next_layer = if self.selects_ports {
            NextLayer::Ports { protocol: 17, local: PortSelector::Any, remote: ports }
        } else {
            NextLayer::Any
        };
        let selectors = SelectorSet { local: Addresses::Any, remote: Addresses::Any, next_layer };
        for (action, selectors) in [(self.first, selectors), (self.last, SelectorSet::ANY)] {
            if let Some(action) = action {
                let directionality = Directionality::Symmetric;
                spd.push(PolicyEntry { directionality, selectors, action }).expect("room for two");
            }
        }
        spd
    }

    fn associations(&self) -> [Sa<Gullible>; 4] {
        self.kind.associations(POLICY, &mut Gullible, |_| ())
    }

    fn inbound(&self) -> In {
        let mut sad = FixedSad::new();
        for sa in self.associations() {
            assert!(sad.insert(sa, Usage::new(NOW)).is_ok());
        }
        let windows = SenderWindows::new(64).expect("a size");
        Inbound::new(sad, windows, self.policy(), AnySender, RecentEvents::new())
    }

    fn outbound(&self) -> Out {
        let mut sad = FixedOutboundSad::new();
        for sa in self.associations() {
            let sender = SenderId::new(1, 8).expect("fits");
            let sa = OutboundSa::shared(sa, sender, NOW).expect("has an identifier");
            assert!(sad.insert(sa).is_ok());
        }
        Outbound::new(sad, self.policy(), RecentEvents::new())
    }
}

/// Checks a packet; the first two octets choose policy and associations. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let &[policy, associations, ref packet @ ..] = data else { return };
    let choice = Choice::new(policy, associations);
    let code_points = CodePoints::rfc4727_experiment();
    received(packet, &choice, &code_points);
    sent(packet, &choice, &code_points);
}

fn received(packet: &[u8], choice: &Choice, code_points: &CodePoints) {
    let mut inbound = choice.inbound();
    let mut storage = packet.to_vec();
    let mut buffer = PacketBuf::new(&mut storage, 0..packet.len()).expect("in range");
    let result = inbound.process(&mut Gullible, Some(code_points), NOW, &mut buffer);
    let passes = |action: Option<Action>| matches!(action, Some(Action::Bypass));
    let protects = |action: Option<Action>| matches!(action, Some(Action::Protect { .. }));
    match &result {
        Ok(Received::Bypassed) => {
            assert!(passes(choice.first) || passes(choice.last));
            assert_eq!(buffer.as_octets(), packet);
        }
        Ok(Received::Protected(layers)) => {
            assert!(protects(choice.first) || protects(choice.last));
            assert!((1..=2).contains(&layers.iter().count()) && buffer.len() < packet.len());
        }
        Ok(Received::Dummy(_)) => assert!(buffer.is_empty()),
        Err(error) => {
            let event = inbound.audit.pop().expect("one event");
            let _ = format!("{event} {error:?}");
        }
    }
    assert!(inbound.audit.pop().is_none());
    assert_eq!(inbound.counters().packets, 1);
    assert_eq!(sum_inbound(inbound.counters()), 1, "{result:?}");
}

fn sent(packet: &[u8], choice: &Choice, code_points: &CodePoints) {
    let mut outbound = choice.outbound();
    let mut storage = vec![0; packet.len() + 2 * ROOM];
    storage[ROOM..ROOM + packet.len()].copy_from_slice(packet);
    let mut buffer = PacketBuf::new(&mut storage, ROOM..ROOM + packet.len()).expect("in range");
    let result = outbound.process(&mut Gullible, &mut Zeros, Some(code_points), NOW, &mut buffer);
    assert_eq!(outbound.counters().packets, 1);
    assert_eq!(sum_outbound(outbound.counters()), 1, "{result:?}");
    match result {
        Err(_) => assert_eq!(buffer.as_octets(), packet, "{result:?}"),
        Ok(Sent::Bypassed) => assert_eq!(buffer.as_octets(), packet),
        Ok(Sent::Protected { soft_limit }) => {
            assert_eq!(soft_limit, None);
            if !is_protected(packet, code_points) {
                returns(packet, &mut buffer, choice, code_points);
            }
        }
    }
}

/// What was sealed because policy says so opens under the same policy, unless its direction decides.
fn returns(packet: &[u8], sealed: &mut PacketBuf<'_>, choice: &Choice, code_points: &CodePoints) {
    let before = sealed.as_octets().to_vec();
    let mut inbound = choice.inbound();
    let result = inbound.process(&mut Gullible, Some(code_points), NOW, sealed);
    let by_direction = choice.selects_ports || IpHeader::split(packet).is_ok_and(|(ip, _)| is_multicast(ip.source()));
    match result {
        Ok(Received::Protected(_)) => assert!(sealed.len() <= packet.len() && sealed.len() < before.len()),
        // Next Header 59 behind the headers.
        Ok(Received::Dummy(_)) => {}
        Err(InboundError::WrongProtection | InboundError::Discarded | InboundError::NoPolicy) if by_direction => {}
        other => panic!("{other:?} {before:02x?}"),
    }
}

/// Whether somebody else sealed it before, under an association that is not known here.
fn is_protected(packet: &[u8], code_points: &CodePoints) -> bool {
    let next_layer = Selectors::of(packet, Some(code_points)).expect("policy read it").next_layer;
    matches!(next_layer, UpperLayer::Protocol(50 | 51) | UpperLayer::Hidden(50 | 51))
}

fn is_multicast(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V6(v6) => v6.is_multicast() || v6.to_ipv4_mapped().is_some_and(|v4| v4.is_multicast()),
        std::net::IpAddr::V4(v4) => v4.is_multicast(),
    }
}

fn sum_inbound(counters: &InboundCounters) -> u64 {
    sum(&format!("{counters:?}")) - counters.packets
}

fn sum_outbound(counters: &OutboundCounters) -> u64 {
    sum(&format!("{counters:?}")) - counters.packets
}

/// Of all numbers in a `Debug` output: a counter that is added later is not forgotten.
fn sum(debug: &str) -> u64 {
    debug.split([' ', ',', '}']).filter_map(|word| word.parse::<u64>().ok()).sum()
}
