//! What the parts of the policy database do together.

mod lookups;
mod packets;
mod plain;
mod reference;

use core::net::IpAddr;

use super::{
    Action, Addresses, Direction, Directionality, FixedSpd, ModeKind, NextLayer, PolicyEntry, PolicyId, PortSelector,
    Required, SelectorSet, Selectors, UpperLayer,
};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `any`, an address, a prefix (`10.0.0.0/8`) or a range (`10.0.0.1-10.0.0.9`).
fn addresses(text: &str) -> Addresses {
    if text == "any" {
        Addresses::Any
    } else if let Some((base, len)) = text.split_once('/') {
        Addresses::prefix(address(base), len.parse().unwrap()).unwrap()
    } else if let Some((first, last)) = text.split_once('-') {
        Addresses::range(address(first), address(last)).unwrap()
    } else {
        Addresses::one(address(text))
    }
}

const fn protect(policy: u32) -> Action {
    Action::Protect { policy: PolicyId::new(policy), required: Required::Esp(ModeKind::Transport) }
}

fn entry(
    directionality: Directionality,
    local: &str,
    remote: &str,
    next_layer: NextLayer,
    action: Action,
) -> PolicyEntry {
    let selectors = SelectorSet { local: addresses(local), remote: addresses(remote), next_layer };
    PolicyEntry { directionality, selectors, action }
}

fn spd<const N: usize>(entries: [PolicyEntry; N]) -> FixedSpd<N> {
    let mut spd = FixedSpd::new();
    for entry in entries {
        spd.push(entry).unwrap();
    }
    spd
}

fn packet(source: &str, destination: &str, next_layer: UpperLayer) -> Selectors {
    Selectors { source: address(source), destination: address(destination), next_layer }
}

const fn udp(source: u16, destination: u16) -> UpperLayer {
    UpperLayer::Ports { protocol: 17, source, destination }
}
