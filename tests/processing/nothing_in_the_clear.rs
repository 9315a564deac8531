//! Random policies and random packets: nothing gets in or out otherwise than policy says (RFC 4301 §5.1, §5.2), by a matcher
//! that knows nothing of the library's. That every packet is counted once, with one outcome, `ends` checks of each.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{
    Action, Addresses, Direction, Directionality, FixedSpd, Freshness, InboundError, ModeKind, NextLayer,
    OutboundError, PacketBuf, PolicyEntry, PolicyId, PortSelector, Received, SaConfig, SecurityProtocol, SelectorSet,
    Sent, seal_with,
};
use xcast_sec::wire::{BitmapPlace, DestinationSet, Destinations, Family, IpHeader, XcastRepr, protocol};

use crate::ends::{Receiver, Sender, in_counters, kinds, out_counters};
use crate::fragments::{fragment, set_len};
use crate::kit::*;
use crate::naive::{Seen, decide, may_pass_in_the_clear, views};

// --- Policies ---------------------------------------------------------------------------------------------------------

fn addresses() -> impl Strategy<Value = Addresses> {
    let prefix = |text, len| Addresses::prefix(address(text), len).unwrap();
    let mut all = vec![
        prefix("192.0.2.0", 24),
        prefix("0.0.0.0", 0),
        prefix("2001:db8::", 64),
        prefix("::", 0),
        prefix("::ffff:0:0", 96),
        Addresses::range(address("192.0.2.2"), address("192.0.2.200")).unwrap(),
    ];
    for traffic in Traffic::ALL {
        all.extend([Addresses::one(traffic.source()), Addresses::one(traffic.destination())]);
    }
    prop_oneof![2 => Just(Addresses::Any), 2 => select(all)]
}

fn port_selector() -> impl Strategy<Value = PortSelector> {
    select(vec![
        PortSelector::Any,
        PortSelector::Opaque,
        PortSelector::one(4000),
        PortSelector::one(5000),
        PortSelector::Range { first: 0, last: 65535 },
        PortSelector::Range { first: 4001, last: 5000 },
    ])
}

fn next_layer() -> impl Strategy<Value = NextLayer> {
    let ports = (select(vec![6, 17, 17, 51]), port_selector(), port_selector());
    let kind = (select(vec![1, 58]), select(vec![(0, 0), (3, 0)]), select(vec![(3, 4), (128, 0), (255, 255)]));
    prop_oneof![
        3 => Just(NextLayer::Any),
        1 => Just(NextLayer::Opaque),
        2 => select(vec![1, 6, 17, 50, 51, 58, 200, 253]).prop_map(NextLayer::Protocol),
        4 => ports.prop_map(|(protocol, local, remote)| NextLayer::Ports { protocol, local, remote }),
        1 => kind.prop_map(|(protocol, first, last)| NextLayer::TypeAndCode { protocol, first, last }),
        1 => Just(NextLayer::MobilityHeader { first: 1, last: 3 }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let protect = (select(vec![OWN, OWN, OTHER]), select(ALL_REQUIRED.to_vec()));
    prop_oneof![
        1 => Just(Action::Discard),
        3 => Just(Action::Bypass),
        4 => protect.prop_map(|(policy, required)| Action::Protect { policy, required }),
    ]
}

fn entries() -> impl Strategy<Value = Vec<PolicyEntry>> {
    use Directionality::{ReceiverOnly, SenderOnly, Symmetric};
    let directionality = select(vec![Symmetric, Symmetric, Symmetric, SenderOnly, ReceiverOnly]);
    let entry = (directionality, addresses(), addresses(), next_layer(), action());
    let entry = entry.prop_map(|(directionality, local, remote, next_layer, action)| PolicyEntry {
        directionality,
        selectors: SelectorSet { local, remote, next_layer },
        action,
    });
    let rest = proptest::option::weighted(0.8, action()).prop_map(|action| {
        let directionality = Directionality::Symmetric;
        action.map(|action| PolicyEntry { directionality, selectors: SelectorSet::ANY, action })
    });
    (vec(entry, 0..5), rest).prop_map(|(mut entries, rest)| {
        entries.extend(rest);
        entries
    })
}

/// The entries that mean something, in a database and as they are.
fn database(entries: &[PolicyEntry]) -> (FixedSpd<8>, Vec<PolicyEntry>) {
    let mut spd = FixedSpd::new();
    let kept = entries.iter().copied().filter(|&entry| spd.push(entry).is_ok()).collect();
    (spd, kept)
}

// --- Packets ----------------------------------------------------------------------------------------------------------

type Layer = (SecurityProtocol, ModeKind, Option<PolicyId>);

/// What is done to a packet on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    None,
    Flip(usize),
    CutOff(usize),
    /// Cut off, and the header says so.
    Shorten(usize),
    Fragment(u16, bool),
    Source(u8),
}

#[derive(Clone, Debug)]
struct Spec {
    traffic: Traffic,
    source: IpAddr,
    destination: Option<IpAddr>,
    next: u8,
    payload: Vec<u8>,
    /// In IPv6, in front of the payload.
    options: bool,
    /// Of an Xcast packet.
    ports: Option<[u16; 3]>,
    served: u8,
    fragment: Option<(u16, bool)>,
    /// Outermost first.
    layers: Vec<Layer>,
    /// Instead of them those that one of the entries asks for.
    of_entry: Option<usize>,
    harm: Harm,
}

impl Spec {
    /// With the layers that it is to have.
    fn under(mut self, entries: &[PolicyEntry]) -> Self {
        let protecting = entries.iter().filter_map(|entry| match entry.action {
            Action::Protect { policy, required } => Some((policy, required)),
            _ => None,
        });
        let protecting: Vec<_> = protecting.collect();
        if let Some((policy, required)) =
            self.of_entry.and_then(|index| protecting.get(index % protecting.len().max(1)))
        {
            let layers = layers_of(*required).into_iter().map(|(protocol, kind)| (protocol, kind, Some(*policy)));
            self.layers = layers.collect();
        }
        self
    }

    /// The packet without protection.
    fn plain(&self) -> Vec<u8> {
        let mut payload = self.payload.clone();
        let mut next = self.next;
        if self.options && self.traffic == Traffic::Unicast6 {
            payload.splice(0..0, [next, 0, 1, 4, 0, 0, 0, 0]);
            next = protocol::DESTINATION_OPTIONS;
        }
        let packet = if self.traffic.is_xcast() {
            self.xcast(&payload)
        } else {
            ip_packet(self.source, self.destination.unwrap_or(self.traffic.destination()), next, &payload)
        };
        match self.fragment {
            Some((offset, more)) => fragment(&packet, offset, more),
            None => packet,
        }
    }

    fn says_it_is_protected(&self) -> bool {
        [protocol::AH, protocol::ESP].contains(&self.next)
    }

    fn xcast(&self, payload: &[u8]) -> Vec<u8> {
        let v4 = [1, 2, 3].map(|member| [10, 0, 0, member].into());
        let v6 = [1, 2, 3].map(|member| [0x2001, 0xdb8, 1, 0, 0, 0, 0, member].into());
        let (destinations, bitmap) = match self.source {
            IpAddr::V4(source) => (Destinations::V4 { source, channel: [1; 4], addresses: &v4 }, BitmapPlace::Option),
            IpAddr::V6(source) => (Destinations::V6 { source, channel: [1; 16], addresses: &v6 }, BitmapPlace::Header),
        };
        let header = XcastRepr {
            destinations,
            bits: (0..3).filter(|index| self.served >> index & 1 == 1).collect::<DestinationSet>(),
            dscps: None,
            ports: self.ports.as_ref().map(|ports| &ports[..]),
            anonymous: false,
            no_x2u: true,
            bitmap,
            hop_limit: 64,
            next_protocol: self.next,
        };
        let mut packet = vec![0; header.encoded_len(payload.len())];
        header.emit(&code_points(), payload.len(), &mut packet).unwrap().copy_from_slice(payload);
        packet
    }

    /// With as many of its layers as can be sealed around each other, which are returned too, and the packet inside those
    /// that are one packet's.
    fn sealed(&self, sequence: u64) -> (Vec<u8>, Vec<Layer>, Vec<u8>) {
        let mut packets = vec![self.plain()];
        let mut layers = Vec::new();
        for layer in self.layers.iter().rev() {
            if let Some(sealed) = try_seal(&config_of(layer), sequence, packets.last().unwrap()) {
                packets.push(sealed);
                layers.insert(0, *layer);
            }
        }
        let taken = match layers[..] {
            [] => 0,
            [(SecurityProtocol::Ah, ModeKind::Transport, _), (SecurityProtocol::Esp, ..), ..] => 2,
            _ => 1,
        };
        let left = packets[layers.len() - taken].clone();
        layers.truncate(taken);
        (packets.pop().unwrap(), layers, left)
    }
}

fn try_seal(config: &SaConfig<'_>, sequence: u64, packet: &[u8]) -> Option<Vec<u8>> {
    let mut storage = vec![0; packet.len() + 300];
    storage[150..150 + packet.len()].copy_from_slice(packet);
    let mut buffer = PacketBuf::new(&mut storage, 150..150 + packet.len()).unwrap();
    let sa = sa(config);
    let freshness = Freshness { sequence, iv: &[0x77; 16][..sa.iv_len()] };
    seal_with(&sa, freshness, &mut RustCrypto, Some(&code_points()), &mut buffer).ok()?;
    Some(buffer.as_octets().to_vec())
}

/// An association for each kind of layer.
fn config_of(&(protocol, kind, policy): &Layer) -> SaConfig<'static> {
    let (number, protection) = if protocol == SecurityProtocol::Ah { (0x1000, ah()) } else { (0x2000, esp()) };
    let number = number + policy.map_or(0, PolicyId::value) + if kind == ModeKind::Tunnel { 0x100 } else { 0 };
    SaConfig { policy, mode: mode(kind, Family::V6), ..config(number, protection) }
}

fn all_layers() -> Vec<Layer> {
    let mut layers = Vec::new();
    for protocol in [SecurityProtocol::Ah, SecurityProtocol::Esp] {
        for kind in [ModeKind::Transport, ModeKind::Tunnel] {
            layers.extend([Some(OWN), Some(OTHER), None].map(|policy| (protocol, kind, policy)));
        }
    }
    layers
}

fn layers() -> impl Strategy<Value = Vec<Layer>> {
    let required = (select(ALL_REQUIRED.to_vec()), select(vec![OWN, OWN, OTHER]));
    let whole = required.prop_map(|(required, policy)| {
        layers_of(required).into_iter().map(|(protocol, kind)| (protocol, kind, Some(policy))).collect()
    });
    prop_oneof![3 => Just(vec![]), 1 => whole, 1 => vec(select(all_layers()), 1..3)]
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        12 => Just(Harm::None),
        2 => any::<usize>().prop_map(Harm::Flip),
        1 => (1..60_usize).prop_map(Harm::CutOff),
        1 => (1..60_usize).prop_map(Harm::Shorten),
        2 => (select(vec![0, 1, 2, 0x1fff]), any::<bool>()).prop_map(|(offset, more)| Harm::Fragment(offset, more)),
        1 => (1..5_u8).prop_map(Harm::Source),
    ]
}

fn spec() -> impl Strategy<Value = Spec> {
    let next = prop_oneof![6 => Just(17), 4 => select(vec![6, 1, 58, 135, 200, 50, 51])];
    let port = || select(vec![4000_u16, 4001, 5000, 9]);
    let payload = (port(), port(), select(vec![0_u8, 1, 3, 4, 8, 8, 24, 24, 40]));
    let payload = payload.prop_map(|(source, destination, len)| {
        let mut payload = [source.to_be_bytes(), destination.to_be_bytes()].concat();
        payload.extend_from_slice(&[0, len]);
        payload.resize(40, 0);
        payload.truncate(len.into());
        payload
    });
    let place = (select(vec![0_u16, 1, 2, 0x1fff]), any::<bool>());
    let fragment = prop_oneof![5 => Just(None), 1 => place.prop_map(Some)];
    let ports = proptest::option::weighted(0.4, [port(), port(), port()]);
    let odd = proptest::option::weighted(0.1, select(vec!["::ffff:192.0.2.1", "2001:db8::2", "ff0e::1"]));
    (
        (select(Traffic::ALL.to_vec()), 1..4_u8, odd.clone(), odd),
        (next, payload, any::<bool>(), ports, 0..8_u8),
        (fragment, layers(), proptest::option::of(any::<usize>()), harm()),
    )
        .prop_map(
            |((traffic, number, odd_source, odd_destination), inside, (fragment, layers, of_entry, harm))| {
                let (next, payload, options, ports, served) = inside;
                let is_odd = |odd: Option<&str>| odd.filter(|_| traffic == Traffic::Unicast6).map(address);
                // A group's packet cannot be built around what an Xcast4 header does not take.
                let next = if traffic.is_xcast() && next == protocol::AH { protocol::UDP } else { next };
                Spec {
                    traffic,
                    source: is_odd(odd_source).unwrap_or(host(traffic.family(), number)),
                    destination: is_odd(odd_destination),
                    next,
                    payload,
                    options,
                    ports,
                    served,
                    fragment,
                    layers,
                    of_entry,
                    harm,
                }
            },
        )
}

/// Somebody without the key touches a packet.
fn harmed(mut packet: Vec<u8>, harm: Harm) -> Vec<u8> {
    match harm {
        Harm::None => {}
        Harm::Flip(bit) => {
            let bit = bit % (packet.len() * 8);
            packet[bit / 8] ^= 1 << (bit % 8);
        }
        Harm::CutOff(count) => packet.truncate(packet.len().saturating_sub(count)),
        Harm::Shorten(count) => {
            packet.truncate(packet.len().saturating_sub(count).max(40));
            set_len(&mut packet);
        }
        Harm::Fragment(offset, more) => packet = fragment(&packet, offset, more),
        Harm::Source(number) => {
            let family = if packet[0] >> 4 == 4 { Family::V4 } else { Family::V6 };
            set_source(&mut packet, host(family, number));
        }
    }
    packet
}

/// What AH holds is opened too, if it says that it is ESP.
fn is_ah_alone(layers: &[Layer]) -> bool {
    matches!(layers, [(SecurityProtocol::Ah, ModeKind::Transport, _)])
}

/// That of the IPv4 header is made anew, and need not have been right.
fn but_checksum(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet[0] >> 4 == 4 {
        packet[10..12].fill(0);
    }
    packet
}

fn shows_ipsec(seen: Seen) -> bool {
    matches!(seen, Seen::Plain(50 | 51) | Seen::Protocol(50 | 51))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// RFC 4301 §5.2.
    #[test]
    fn nothing_gets_in_otherwise_than_policy_says(entries in entries(), specs in vec(spec(), 1..5)) {
        let (policy, entries) = database(&entries);
        let mut receiver = Receiver::new(policy);
        for layer in all_layers() {
            receiver.add(&config_of(&layer));
        }
        for (spec, sequence) in specs.iter().map(|spec| spec.clone().under(&entries)).zip(1..) {
            let (sealed, layers, left) = spec.sealed(sequence);
            let packet = harmed(sealed.clone(), spec.harm);
            let untouched = packet == sealed;
            let shown = views(&packet);
            let arrival = receiver.receive(&packet);
            match arrival.result {
                Ok(Received::Bypassed) => {
                    let shown = shown.as_ref().expect("what passes can be read");
                    prop_assert!(may_pass_in_the_clear(&entries, Direction::Inbound, shown), "{spec:?}");
                    prop_assert!(!shown.iter().any(|view| shows_ipsec(view.seen)), "{spec:?}");
                    prop_assert_eq!(&arrival.packet, &packet);
                }
                Ok(Received::Protected(had)) => {
                    let shown = views(&arrival.packet).expect("what passes can be read");
                    let action = decide(&entries, Direction::Inbound, &shown);
                    let Some(Action::Protect { policy, required }) = action else {
                        panic!("{action:?}: {spec:?}");
                    };
                    prop_assert_eq!(kinds(&had), layers_of(required));
                    prop_assert!(had.iter().all(|layer| layer.policy == Some(policy)));
                    if untouched {
                        prop_assert_eq!(&arrival.packet, &left);
                    }
                }
                Ok(other) => panic!("{other:?}: {spec:?}"),
                Err(_) => {}
            }
            // And what is as it should be does get in.
            let is_clear = shown.as_ref().is_some_and(|shown| !shown.iter().any(|view| shows_ipsec(view.seen)));
            let arrived = arrival.result.map(|received| received == Received::Bypassed);
            if is_clear {
                let expected = match decide(&entries, Direction::Inbound, &shown.unwrap()) {
                    None => Err(InboundError::NoPolicy),
                    Some(Action::Discard) => Err(InboundError::Discarded),
                    Some(Action::Bypass) => Ok(true),
                    Some(Action::Protect { policy, .. }) => Err(InboundError::Unprotected { policy }),
                };
                prop_assert_eq!(arrived, expected, "{:?}", spec);
            } else if untouched && !layers.is_empty() && !(is_ah_alone(&layers) && spec.says_it_is_protected()) {
                let expected = match views(&left).map(|shown| decide(&entries, Direction::Inbound, &shown)) {
                    None => continue,
                    Some(None) => Err(InboundError::NoPolicy),
                    Some(Some(Action::Discard)) => Err(InboundError::Discarded),
                    Some(Some(Action::Protect { policy, required })) => {
                        let had: Vec<_> = layers.iter().map(|&(protocol, kind, _)| (protocol, kind)).collect();
                        let passes = had == layers_of(required) && layers.iter().all(|layer| layer.2 == Some(policy));
                        if passes { Ok(false) } else { Err(InboundError::WrongProtection) }
                    }
                    Some(Some(Action::Bypass)) => Err(InboundError::WrongProtection),
                };
                prop_assert_eq!(arrived, expected, "{:?}", spec);
            }
        }
        let counters = receiver.inbound.counters();
        let outcomes: u64 = in_counters(counters).iter().map(|(_, count)| count).sum();
        prop_assert_eq!((counters.packets, outcomes), (specs.len() as u64, specs.len() as u64));
    }

    /// RFC 4301 §5.1.
    #[test]
    fn nothing_gets_out_otherwise_than_policy_says(
        entries in entries(),
        missing in any::<[bool; 8]>(),
        specs in vec(spec(), 1..5),
    ) {
        let (policy, entries) = database(&entries);
        let mut sender = Sender::new(policy);
        let known = all_layers().into_iter().filter(|layer| layer.2.is_some());
        let known: Vec<_> = known.zip(missing).filter(|(_, missing)| !missing).map(|(layer, _)| layer).collect();
        for layer in &known {
            sender.add(&config_of(layer));
        }
        for spec in &specs {
            let packet = harmed(spec.plain(), spec.harm);
            let departure = sender.send(&packet);
            let Some(shown) = views(&packet) else {
                prop_assert!(matches!(departure.error(), OutboundError::Unreadable(_)), "{departure:?}");
                continue;
            };
            let result = departure.result;
            match decide(&entries, Direction::Outbound, &shown) {
                None => prop_assert_eq!(result, Err(OutboundError::NoPolicy)),
                Some(Action::Discard) => prop_assert_eq!(result, Err(OutboundError::Discarded)),
                Some(Action::Bypass) => {
                    prop_assert!(may_pass_in_the_clear(&entries, Direction::Outbound, &shown), "{spec:?}");
                    prop_assert_eq!(result, Ok(Sent::Bypassed));
                }
                Some(Action::Protect { policy, required }) => {
                    let layers = layers_of(required).into_iter().map(|(protocol, kind)| (protocol, kind, Some(policy)));
                    let layers: Vec<_> = layers.collect();
                    match result {
                        Ok(Sent::Protected { .. }) => {
                            let everything = Action::Protect { policy, required };
                            let mut receiver = Receiver::new(spd(&[(SelectorSet::ANY, everything)]));
                            layers.iter().for_each(|layer| { receiver.add(&config_of(layer)); });
                            let arrival = receiver.receive(&departure.packet);
                            // What says that it is ESP in AH is opened too. What is longer than its UDP Length says comes
                            // out shorter, and what says that nothing follows is a dummy (RFC 4303 §2.6, §2.7).
                            let is_flipped = matches!(spec.harm, Harm::Flip(_));
                            if !spec.says_it_is_protected() {
                                let is_dummy = matches!(arrival.result, Ok(Received::Dummy(_)));
                                let passed = arrival.has_passed() || (is_flipped && is_dummy);
                                prop_assert!(passed, "{arrival:?} {spec:?}");
                            }
                            if arrival.has_passed() && !is_flipped {
                                let len = IpHeader::split(&packet).unwrap().0.packet_len();
                                prop_assert_eq!(but_checksum(&arrival.packet), but_checksum(&packet[..len]));
                            }
                        }
                        Err(OutboundError::NoSa { protocol, policy: named }) => {
                            prop_assert_eq!(named, policy);
                            prop_assert!(layers.iter().any(|layer| layer.0 == protocol && !known.contains(layer)));
                        }
                        Err(OutboundError::Seal(_)) => {}
                        other => panic!("{other:?}: {spec:?}"),
                    }
                    prop_assert_eq!(result.is_ok() && !layers.iter().all(|layer| known.contains(layer)), false);
                }
            }
        }
        let counters = sender.outbound.counters();
        let outcomes: u64 = out_counters(counters).iter().map(|(_, count)| count).sum();
        prop_assert_eq!((counters.packets, outcomes), (specs.len() as u64, specs.len() as u64));
    }
}
