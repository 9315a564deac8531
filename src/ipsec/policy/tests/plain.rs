//! A plain reading of the database's rules. Where the database weighs each selector, this asks two questions of an entry: is it
//! certainly for the packet, and may it be? The fuzz target `policies` includes this file, too: its names are the parent's.

use core::net::{IpAddr, Ipv4Addr};

use super::{
    Action, Addresses, Direction, Directionality, NextLayer, PolicyEntry, PortSelector, SelectorSet, Selectors,
    UpperLayer,
};

/// How an address is looked at by an entry for a range.
fn in_range(range: &Addresses, address: IpAddr) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => (4, u128::from(u32::from(address))),
        IpAddr::V6(address) => (6, u128::from(address)),
    };
    match range {
        Addresses::Any => true,
        Addresses::Range(range) => {
            let ((family, first), (_, last), (of, at)) = (number(range.first()), number(range.last()), number(address));
            family == of && (first..=last).contains(&at)
        }
    }
}

/// The IPv4 address that an IPv6 one stands for, if it stands for one.
fn mapped(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V6(v6) => match v6.octets() {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).into()),
            _ => None,
        },
        IpAddr::V4(_) => None,
    }
}

fn is_group(address: IpAddr) -> bool {
    match mapped(address).unwrap_or(address) {
        IpAddr::V4(address) => address.octets()[0] & 0xf0 == 0xe0,
        IpAddr::V6(address) => address.octets()[0] == 0xff,
    }
}

/// A packet laid out by ends.
pub(crate) struct Ends {
    local: IpAddr,
    remote: IpAddr,
    protocol: Option<u8>,
    ports: Option<(u16, u16)>,
    type_and_code: Option<u16>,
    mobility: Option<u8>,
}

impl Ends {
    pub(crate) fn of(direction: Direction, packet: &Selectors) -> Self {
        let swap = direction == Direction::Inbound && !is_group(packet.destination);
        let ends = |a, b| if swap { (b, a) } else { (a, b) };
        let (local, remote) = ends(packet.source, packet.destination);
        let mut this = Self { local, remote, protocol: None, ports: None, type_and_code: None, mobility: None };
        match packet.next_layer {
            UpperLayer::Protocol(number) | UpperLayer::Hidden(number) => this.protocol = Some(number),
            UpperLayer::Ports { protocol, source, destination } => {
                this.protocol = Some(protocol);
                this.ports = Some(if swap { (destination, source) } else { (source, destination) });
            }
            UpperLayer::TypeAndCode { protocol, kind, code } => {
                this.protocol = Some(protocol);
                this.type_and_code = Some(u16::from(kind) * 256 + u16::from(code));
            }
            UpperLayer::MobilityHeader(kind) => {
                this.protocol = Some(135);
                this.mobility = Some(kind);
            }
            UpperLayer::Opaque => {}
        }
        this
    }
}

/// Whether `entry` is for the packet: certainly, or, with `perhaps`, as far as can be seen.
pub(crate) fn is_for(entry: &SelectorSet, packet: &Ends, perhaps: bool) -> bool {
    let address = |range: &Addresses, address: IpAddr| {
        in_range(range, address) || perhaps && mapped(address).is_some_and(|v4| in_range(range, v4))
    };
    let port = |selector: PortSelector, port: Option<u16>| match selector {
        PortSelector::Any => true,
        PortSelector::Opaque => port.is_none(),
        PortSelector::Range { first, last } => port.map_or(perhaps, |port| port >= first && port <= last),
    };
    let protocol = |wanted: u8| packet.protocol.map_or(perhaps, |protocol| protocol == wanted);
    let word = |(high, low): (u8, u8)| u16::from(high) * 256 + u16::from(low);
    let next_layer = match entry.next_layer {
        NextLayer::Any => true,
        NextLayer::Opaque => packet.protocol.is_none(),
        NextLayer::Protocol(number) => protocol(number),
        NextLayer::Ports { protocol: number, local, remote } => {
            let (source, destination) = packet.ports.unzip();
            // An opaque packet is not known to be of the protocol, so its ports are not known to be hidden.
            protocol(number) && port(local, source) && port(remote, destination)
        }
        NextLayer::TypeAndCode { protocol: number, first, last } => {
            protocol(number)
                && packet.type_and_code.map_or(perhaps, |value| value >= word(first) && value <= word(last))
        }
        NextLayer::MobilityHeader { first, last } => {
            protocol(135) && packet.mobility.map_or(perhaps, |kind| kind >= first && kind <= last)
        }
    };
    address(&entry.local, packet.local) && address(&entry.remote, packet.remote) && next_layer
}

/// What is done with a packet under `entries`.
pub(crate) fn plain(entries: &[PolicyEntry], direction: Direction, packet: &Selectors) -> Option<Action> {
    if is_group(packet.source) {
        return Some(Action::Discard);
    }
    let ends = Ends::of(direction, packet);
    let mut found = None;
    for entry in entries {
        let counts = match entry.directionality {
            Directionality::Symmetric => true,
            Directionality::SenderOnly => direction == Direction::Outbound,
            Directionality::ReceiverOnly => direction == Direction::Inbound,
        };
        if !counts {
            continue;
        }
        if is_for(&entry.selectors, &ends, false) {
            found = Some(entry.action);
            break;
        }
        if is_for(&entry.selectors, &ends, true) && entry.action != Action::Bypass {
            return Some(Action::Discard);
        }
    }
    let unsure = packet.source.is_ipv6() && matches!(packet.next_layer, UpperLayer::Hidden(_));
    if found.is_some() && unsure {
        let opaque = Selectors { next_layer: UpperLayer::Opaque, ..*packet };
        if plain(entries, direction, &opaque) != found {
            return Some(Action::Discard);
        }
    }
    found
}
