//! Policy in the plainest form (RFC 4301 §4.4.1, §7; RFC 5374 §4.1.1; the rules of `FixedSpd`), to compare with. It reads
//! packets and entries by itself; of an Xcast packet the parser of `wire` says where its payload starts and which its ports
//! are.

use std::net::IpAddr;

use xcast_sec::ipsec::{Action, Addresses, Direction, Directionality, NextLayer, PolicyEntry, PortSelector};
use xcast_sec::wire::{ChecksumPolicy, Family, IpHeader, XcastPacket};

use crate::kit::{code_points, set_header_checksum};

/// What can be seen behind the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Not even the protocol.
    Nothing,
    /// The protocol, and not its header.
    Protocol(u8),
    /// A protocol that has nothing to select by.
    Plain(u8),
    Ports(u8, u16, u16),
    Type(u8, u8, u8),
    Mobility(u8),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    source: IpAddr,
    destination: IpAddr,
    pub(crate) seen: Seen,
}

fn behind(protocol: u8, octets: &[u8]) -> Seen {
    let word = |at: usize| Some(u16::from(*octets.get(at)?) << 8 | u16::from(*octets.get(at + 1)?));
    let seen = match protocol {
        6 | 17 | 33 | 132 | 136 => word(0).zip(word(2)).map(|(source, to)| Seen::Ports(protocol, source, to)),
        1 | 58 => word(0).map(|both| Seen::Type(protocol, (both >> 8) as u8, both as u8)),
        135 => octets.get(2).map(|kind| Seen::Mobility(*kind)),
        _ => Some(Seen::Plain(protocol)),
    };
    seen.unwrap_or(Seen::Protocol(protocol))
}

/// What a packet shows: once, or for an Xcast packet with a list of ports once for each port it can be delivered to. `None`
/// if it cannot be read.
pub(crate) fn views(packet: &[u8]) -> Option<Vec<View>> {
    let (ip, _) = IpHeader::split(packet).ok()?;
    let packet = &packet[..ip.packet_len()];
    let xcast = XcastPacket::parse(packet, &code_points(), ChecksumPolicy::Ignore);
    let seen = match ip.family() {
        Family::V4 if packet[9] == 253 => {
            // The parser looks at the checksum, policy does not. An error is a fragment, or not as RFC 5058 has it.
            let mut octets = packet.to_vec();
            set_header_checksum(&mut octets);
            let xcast = XcastPacket::parse(&octets, &code_points(), ChecksumPolicy::Ignore).ok()?;
            let seen = behind(xcast.next_protocol(), xcast.payload());
            return Some(listed(&ip, seen, Some(&xcast)));
        }
        Family::V4 if (u16::from(packet[6]) << 8 | u16::from(packet[7])) & 0x1fff != 0 => Seen::Protocol(packet[9]),
        Family::V4 => behind(packet[9], &packet[ip.header_len()..]),
        Family::V6 => {
            let (mut next, mut at, mut seen) = (packet[6], 40, None);
            while seen.is_none() && [0, 43, 44, 60].contains(&next) {
                let header = packet.get(at..at + 8)?;
                if next == 0 && at != 40 {
                    return None;
                }
                let is_later = next == 44 && (header[2] != 0 || header[3] >= 8);
                let len = if next == 44 { 8 } else { 8 + 8 * usize::from(header[1]) };
                packet.get(at..at + len)?;
                (next, at) = (header[0], at + len);
                if is_later {
                    let chained = [0, 43, 44, 60].contains(&next);
                    seen = Some(if chained { Seen::Nothing } else { Seen::Protocol(next) });
                }
            }
            seen.unwrap_or_else(|| behind(next, &packet[at..]))
        }
    };
    Some(listed(&ip, seen, xcast.ok().as_ref()))
}

fn listed(ip: &IpHeader<'_>, seen: Seen, xcast: Option<&XcastPacket<'_>>) -> Vec<View> {
    let points = code_points();
    let group: IpAddr = match ip.family() {
        Family::V4 => points.fields().routers_v4.into(),
        Family::V6 => points.fields().routers_v6.into(),
    };
    let mut views = listed_to(ip, ip.destination(), seen, xcast);
    // Members take an Xcast packet whatever its destination is.
    if xcast.is_some() {
        views.extend(listed_to(ip, group, seen, xcast));
    }
    views
}

fn listed_to(ip: &IpHeader<'_>, destination: IpAddr, seen: Seen, xcast: Option<&XcastPacket<'_>>) -> Vec<View> {
    let view = View { source: ip.source(), destination, seen };
    let ports: Vec<_> =
        xcast.map(|xcast| xcast.bits().iter().filter_map(|index| xcast.port(index)).collect()).unwrap_or_default();
    match seen {
        Seen::Ports(protocol, from, _) if !ports.is_empty() => {
            ports.into_iter().map(|port| View { seen: Seen::Ports(protocol, from, port), ..view }).collect()
        }
        _ => vec![view],
    }
}

/// `None` is "it may be".
type Maybe = Option<bool>;

fn all(parts: &[Maybe]) -> Maybe {
    if parts.contains(&Some(false)) { Some(false) } else { parts.iter().all(Option::is_some).then_some(true) }
}

fn address_fits(addresses: &Addresses, address: IpAddr) -> Maybe {
    let Addresses::Range(range) = addresses else { return Some(true) };
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => (4, u128::from(address.to_bits())),
        IpAddr::V6(address) => (6, address.to_bits()),
    };
    let inside = |address| {
        let (first, last, own) = (number(range.first()), number(range.last()), number(address));
        own.0 == first.0 && first.1 <= own.1 && own.1 <= last.1
    };
    match address {
        _ if inside(address) => Some(true),
        // Some host may take it for the IPv4 address.
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) if inside(v4.into()) => None,
            _ => Some(false),
        },
        IpAddr::V4(_) => Some(false),
    }
}

fn port_fits(selector: PortSelector, port: Option<u16>) -> Maybe {
    match (selector, port) {
        (PortSelector::Any, _) => Some(true),
        (PortSelector::Opaque, port) => Some(port.is_none()),
        (PortSelector::Range { first, last }, port) => port.map(|port| first <= port && port <= last),
    }
}

fn next_layer_fits(selector: NextLayer, seen: Seen) -> Maybe {
    let protocol = match seen {
        Seen::Nothing => None,
        Seen::Protocol(protocol) | Seen::Plain(protocol) | Seen::Ports(protocol, ..) | Seen::Type(protocol, ..) => {
            Some(protocol)
        }
        Seen::Mobility(_) => Some(135),
    };
    let is = |number: u8| protocol.map(|protocol| protocol == number);
    match selector {
        NextLayer::Any => Some(true),
        NextLayer::Opaque => Some(protocol.is_none()),
        NextLayer::Protocol(number) => is(number),
        NextLayer::Ports { protocol: number, local, remote } => {
            let (from, to) = if let Seen::Ports(_, from, to) = seen { (Some(from), Some(to)) } else { (None, None) };
            all(&[is(number), port_fits(local, from), port_fits(remote, to)])
                .or_else(|| (is(number) == Some(false)).then_some(false))
        }
        NextLayer::TypeAndCode { protocol: number, first, last } => {
            let range = |(kind, code): (u8, u8)| u32::from(kind) * 256 + u32::from(code);
            let fits = match seen {
                Seen::Type(_, kind, code) => {
                    Some(range(first) <= range((kind, code)) && range((kind, code)) <= range(last))
                }
                _ => None,
            };
            all(&[is(number), fits])
        }
        NextLayer::MobilityHeader { first, last } => {
            let fits = if let Seen::Mobility(kind) = seen { Some(first <= kind && kind <= last) } else { None };
            all(&[is(135), fits])
        }
    }
}

fn fits(entry: &PolicyEntry, direction: Direction, view: View) -> Maybe {
    let counts = match entry.directionality {
        Directionality::Symmetric => true,
        Directionality::SenderOnly => direction == Direction::Outbound,
        Directionality::ReceiverOnly => direction == Direction::Inbound,
    };
    // The local end is the one that sends, of packets to a group also for who receives them (RFC 5374 §4.1.1).
    let exchanged = direction == Direction::Inbound && !view.destination.to_canonical().is_multicast();
    let (local, remote) = if exchanged { (view.destination, view.source) } else { (view.source, view.destination) };
    let seen = match view.seen {
        Seen::Ports(protocol, from, to) if exchanged => Seen::Ports(protocol, to, from),
        seen => seen,
    };
    all(&[
        Some(counts),
        address_fits(&entry.selectors.local, local),
        address_fits(&entry.selectors.remote, remote),
        next_layer_fits(entry.selectors.next_layer, seen),
    ])
}

/// Whether an entry that bypasses is surely for the packet, and no entry in front of it that does anything else can be.
fn may_be_bypassed(entries: &[PolicyEntry], direction: Direction, view: View) -> bool {
    let bypass = |entry: &PolicyEntry| entry.action == Action::Bypass && fits(entry, direction, view) == Some(true);
    let other = |entry: &PolicyEntry| entry.action != Action::Bypass && fits(entry, direction, view) != Some(false);
    let first_bypass = entries.iter().position(bypass);
    let first_other = entries.iter().position(other).unwrap_or(usize::MAX);
    let from_group = view.source.to_canonical().is_multicast();
    !from_group && first_bypass.is_some_and(|bypass| bypass < first_other)
}

/// Whether a packet that shows all this may pass in the clear: for every port it can be delivered to, and whatever a later
/// IPv6 fragment's protocol really is.
pub(crate) fn may_pass_in_the_clear(entries: &[PolicyEntry], direction: Direction, views: &[View]) -> bool {
    views.iter().all(|&view| {
        let is_hearsay = view.source.is_ipv6() && matches!(view.seen, Seen::Protocol(_));
        may_be_bypassed(entries, direction, view)
            && (!is_hearsay || may_be_bypassed(entries, direction, View { seen: Seen::Nothing, ..view }))
    })
}

fn decide_one(entries: &[PolicyEntry], direction: Direction, view: View) -> Option<Action> {
    for entry in entries {
        match (fits(entry, direction, view), entry.action) {
            (Some(false), _) | (None, Action::Bypass) => {}
            (Some(true), Action::Bypass) => {
                let passes = may_pass_in_the_clear(entries, direction, &[view]);
                return Some(if passes { Action::Bypass } else { Action::Discard });
            }
            (Some(true), _) if view.source.to_canonical().is_multicast() => return Some(Action::Discard),
            // What an IPv6 fragment says of its protocol need not be so: policy must say the same of all it may be.
            (Some(true), action) if view.source.is_ipv6() && matches!(view.seen, Seen::Protocol(_)) => {
                let of_any = decide_one(entries, direction, View { seen: Seen::Nothing, ..view });
                return Some(if of_any == Some(action) { action } else { Action::Discard });
            }
            (Some(true), action) => return Some(action),
            (None, _) => return Some(Action::Discard),
        }
    }
    view.source.to_canonical().is_multicast().then_some(Action::Discard)
}

/// What is to be done with a packet that shows all this.
pub(crate) fn decide(entries: &[PolicyEntry], direction: Direction, views: &[View]) -> Option<Action> {
    let mut each = views.iter().map(|&view| decide_one(entries, direction, view));
    let first = each.next().unwrap();
    if each.all(|other| other == first) { first } else { Some(Action::Discard) }
}
