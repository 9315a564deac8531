//! Any policy database and any packets, beside a plain reading of the rules: what is done with each packet, what is admitted for
//! certain, which entries are refused, and what a policy requires. Shared by the fuzz target and the test that replays its
//! corpus. Its user includes `input.rs` beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::ipsec::{
    Action, Addresses, Direction, Directionality, FixedSpd, ModeKind, NextLayer, PolicyEntry, PolicyId, PolicyLookup,
    PortSelector, Required, SelectorSet, Selectors, SpdError, UpperLayer,
};

use super::input::Input;

#[path = "../../src/ipsec/policy/tests/plain.rs"]
mod plain;

const ROOM: usize = 6;

/// Few values, next to each other, so that entries and packets meet and miss by one; and any, now and then.
fn address(input: &mut Input<'_>) -> IpAddr {
    let [kind, last] = [input.octet(), input.octet()];
    match kind & 7 {
        0 | 1 => Ipv4Addr::new(10, 0, 0, last & 3).into(),
        2 => Ipv4Addr::new(224, 0, 0, last & 3).into(),
        3 | 4 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, (last & 3).into()).into(),
        5 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, (last & 3).into()).into(),
        6 if kind & 8 == 0 => Ipv4Addr::new(10, 0, 0, last & 3).to_ipv6_mapped().into(),
        6 => Ipv4Addr::new(224, 0, 0, last & 3).to_ipv6_mapped().into(),
        _ if kind & 8 == 0 => Ipv4Addr::from(input.number(4) as u32).into(),
        _ => Ipv6Addr::from(u128::from(input.number(8)) << 64 | u128::from(input.number(8))).into(),
    }
}

/// Addresses as they may be made; what may not be is checked against what was asked for.
fn addresses(input: &mut Input<'_>) -> Addresses {
    let kind = input.octet();
    match kind & 3 {
        0 => Addresses::Any,
        1 => Addresses::one(address(input)),
        2 => {
            let (first, last) = (address(input), address(input));
            let made = Addresses::range(first, last);
            assert_eq!(made.is_some(), first.is_ipv4() == last.is_ipv4() && first <= last);
            made.unwrap_or(Addresses::Any)
        }
        _ => {
            let (address, len) = (address(input), input.octet() % 140);
            let made = Addresses::prefix(address, len);
            assert_eq!(made.is_some(), u32::from(len) <= if address.is_ipv4() { 32 } else { 128 });
            made.unwrap_or(Addresses::Any)
        }
    }
}

const PROTOCOLS: [u8; 14] = [1, 6, 17, 50, 51, 58, 99, 132, 135, 136, 0, 43, 44, 60];

fn port(input: &mut Input<'_>) -> PortSelector {
    let kind = input.octet();
    match kind & 3 {
        0 => PortSelector::Any,
        1 => PortSelector::Opaque,
        2 => PortSelector::one((kind >> 2 & 3).into()),
        _ => PortSelector::Range { first: (kind >> 2 & 7).into(), last: (kind >> 5).into() },
    }
}

fn next_layer(input: &mut Input<'_>) -> NextLayer {
    let kind = input.octet();
    let protocol = PROTOCOLS[input.below(PROTOCOLS.len())];
    let pair = |octet: u8| (octet >> 2 & 3, octet & 3);
    match kind % 6 {
        0 => NextLayer::Any,
        1 => NextLayer::Opaque,
        2 => NextLayer::Protocol(protocol),
        3 => NextLayer::Ports { protocol, local: port(input), remote: port(input) },
        4 => NextLayer::TypeAndCode { protocol, first: pair(input.octet()), last: pair(input.octet()) },
        _ => NextLayer::MobilityHeader { first: input.octet() & 3, last: input.octet() & 3 },
    }
}

fn entry(input: &mut Input<'_>) -> PolicyEntry {
    let choice = input.octet();
    let mode = if choice & 1 == 0 { ModeKind::Transport } else { ModeKind::Tunnel };
    let required = match choice >> 1 & 3 {
        0 => Required::Ah(mode),
        1 | 2 => Required::Esp(mode),
        _ => Required::AhAroundEsp { esp: mode },
    };
    let action = match choice >> 3 & 3 {
        0 => Action::Discard,
        1 => Action::Bypass,
        _ => Action::Protect { policy: PolicyId::new((choice >> 5 & 1).into()), required },
    };
    let directionality = match choice >> 6 {
        0 => Directionality::SenderOnly,
        1 => Directionality::ReceiverOnly,
        _ => Directionality::Symmetric,
    };
    let selectors = SelectorSet { local: addresses(input), remote: addresses(input), next_layer: next_layer(input) };
    PolicyEntry { directionality, selectors, action }
}

fn packet(input: &mut Input<'_>) -> Selectors {
    let (destination, source) = (address(input), address(input));
    // A packet is of one family.
    let source = match (destination, source) {
        (IpAddr::V4(_), IpAddr::V6(source)) => {
            let [.., a, b, c, d] = source.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        (IpAddr::V6(_), IpAddr::V4(source)) => source.to_ipv6_compatible().into(),
        _ => source,
    };
    let kind = input.octet();
    let protocol = PROTOCOLS[input.below(10)];
    let values = input.octet();
    let next_layer = match kind & 7 {
        0..=2 => UpperLayer::Ports { protocol, source: (values & 7).into(), destination: (values >> 3 & 7).into() },
        3 => UpperLayer::TypeAndCode { protocol, kind: values >> 2 & 3, code: values & 3 },
        4 => UpperLayer::MobilityHeader(values & 3),
        5 => UpperLayer::Hidden(protocol),
        6 => UpperLayer::Protocol(protocol),
        _ => UpperLayer::Opaque,
    };
    Selectors { source, destination, next_layer }
}

/// What RFC 4301 §4.4.1.1 says cannot be meant.
fn refusal(entry: &PolicyEntry) -> Option<fn(PolicyEntry) -> SpdError> {
    let empty = |port: PortSelector| matches!(port, PortSelector::Range { first, last } if first > last);
    let (range, protocol) = match entry.selectors.next_layer {
        NextLayer::Any | NextLayer::Opaque => (false, None),
        NextLayer::Protocol(protocol) => (false, Some(protocol)),
        NextLayer::Ports { protocol, local, remote } => (empty(local) || empty(remote), Some(protocol)),
        NextLayer::TypeAndCode { protocol, first, last } => (first > last, Some(protocol)),
        NextLayer::MobilityHeader { first, last } => (first > last, None),
    };
    let family = |addresses: Addresses| match addresses {
        Addresses::Any => None,
        Addresses::Range(range) => Some(range.first().is_ipv4()),
    };
    let families = family(entry.selectors.local).zip(family(entry.selectors.remote));
    if range {
        Some(SpdError::EmptyRange)
    } else if families.is_some_and(|(local, remote)| local != remote) {
        Some(SpdError::Families)
    } else if protocol.is_some_and(|protocol| [0, 43, 44, 60].contains(&protocol)) {
        Some(SpdError::ExtensionHeader)
    } else {
        None
    }
}

/// Checks what the octets do to a database and ask of it. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mut spd = FixedSpd::<ROOM>::new();
    let mut entries: Vec<PolicyEntry> = Vec::new();
    while !input.is_empty() {
        match input.octet() {
            choice @ 0..=99 => {
                let place = usize::from(choice) % (ROOM + 1);
                let entry = entry(&mut input);
                let expected = if let Some(refusal) = refusal(&entry) {
                    Err(refusal(entry))
                } else if place > entries.len() {
                    Err(SpdError::NoSuchPlace(entry))
                } else if entries.len() == ROOM {
                    Err(SpdError::Full(entry))
                } else {
                    entries.insert(place, entry);
                    Ok(())
                };
                let result = spd.insert(place, entry);
                assert_eq!(result, expected);
                if let Err(error) = result {
                    assert!(error.entry() == &entry && !error.to_string().is_empty());
                }
            }
            choice @ 100..=109 => {
                let place = usize::from(choice) % ROOM;
                let expected = (place < entries.len()).then(|| entries.remove(place));
                assert_eq!(spd.remove(place), expected);
            }
            110 => {
                spd.clear();
                entries.clear();
            }
            _ => judge(&spd, &entries, &packet(&mut input)),
        }
        assert!(spd.iter().eq(&entries));
        assert_eq!((spd.len(), spd.is_empty()), (entries.len(), entries.is_empty()));
        requirements(&spd, &entries);
    }
}

fn judge(spd: &FixedSpd<ROOM>, entries: &[PolicyEntry], packet: &Selectors) {
    for direction in [Direction::Outbound, Direction::Inbound] {
        let found = spd.lookup(direction, packet);
        assert_eq!(found, plain::plain(entries, direction, packet), "{direction:?} {packet:?} {entries:?}");
        let ends = plain::Ends::of(direction, packet);
        for entry in entries {
            let admits = plain::is_for(&entry.selectors, &ends, false);
            assert_eq!(entry.selectors.admits(direction, packet), admits, "{direction:?} {packet:?} {entry:?}");
        }
    }
}

/// What all entries of a policy agree on.
fn requirements(spd: &FixedSpd<ROOM>, entries: &[PolicyEntry]) {
    for policy in [PolicyId::new(0), PolicyId::new(1), PolicyId::new(2)] {
        let mut all: Vec<Required> = Vec::new();
        for entry in entries {
            if let Action::Protect { policy: own, required } = entry.action
                && own == policy
                && !all.contains(&required)
            {
                all.push(required);
            }
        }
        let expected = if let [required] = all[..] { Some(required) } else { None };
        assert_eq!(spd.required(policy), expected);
    }
}
