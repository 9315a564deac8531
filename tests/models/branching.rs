//! A router in the plainest form, written from RFC 5058 §2, §8.2, §9 and §11 alone. Its user includes `dscps.rs` and
//! `xcast_packet.rs` beside it, as `dscps_model` and `xcast_model`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::dscps_model::merge;
use super::xcast_model::{Packet, ip};

/// The way to a destination.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Own,
    NoRoute,
    /// There is no route but a tunnel, to this far end.
    OnlyTunnel(IpAddr),
    Route {
        hop: u8,
        capable: bool,
        mtu: usize,
        /// The far end of a tunnel to it.
        tunnel: Option<IpAddr>,
    },
}

/// The router's end of all tunnels to `remote`.
pub(crate) fn near_end(remote: IpAddr) -> IpAddr {
    if remote.is_ipv4() { [203, 0, 113, 1].into() } else { Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1).into() }
}

pub(crate) struct Policy {
    pub(crate) x2u: bool,
    pub(crate) premature_x2u: bool,
    pub(crate) allow_echo: bool,
    pub(crate) max_copies: Option<usize>,
    /// Tunnels are routes (RFC 5058 §11.1).
    pub(crate) by_tunnels: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Xcast,
    Unicast,
    Tunnelled,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Copy {
    pub(crate) hop: u8,
    pub(crate) kind: Kind,
    pub(crate) destinations: Vec<usize>,
    pub(crate) octets: Vec<u8>,
}

/// What becomes of a packet.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Forwarded {
    pub(crate) echo: bool,
    pub(crate) local: Vec<usize>,
    pub(crate) duplicate: usize,
    pub(crate) hop_limit: usize,
    pub(crate) no_route: usize,
    pub(crate) not_capable: usize,
    pub(crate) over_limit: usize,
    /// Next hop, the MTU for the packet as it came, and whom it was for.
    pub(crate) too_big: Vec<(u8, usize, Vec<usize>)>,
    pub(crate) copies: Vec<Copy>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    Construction,
    /// This destination cannot be routed to.
    Destination(usize),
}

/// RFC 5058 §2 ("What a router does"), §9 and §11, step by step.
pub(crate) fn forward(packet: &Packet, policy: &Policy, fate: impl Fn(IpAddr) -> Fate) -> Result<Forwarded, Refused> {
    let ah_behind = !packet.v6 && packet.next == 51;
    // No AH goes around a bitmap that a router changes, and a separated bitmap has no place for A=1.
    let ah_around_bitmap = packet.ah && !packet.separated;
    if ah_behind || ah_around_bitmap || packet.anonymous && packet.separated {
        return Err(Refused::Construction);
    }
    let unusable = |&index: &usize| {
        let address = packet.addresses[index];
        let erased = packet.anonymous && !packet.bits[index] && address.is_unspecified();
        !erased && (address.is_multicast() || address.is_unspecified() || address.is_loopback())
    };
    if let Some(index) = (0..packet.addresses.len()).find(unusable) {
        return Err(Refused::Destination(index));
    }
    let mut result = Forwarded::default();
    if !policy.allow_echo && packet.is_echo_request() {
        result.echo = true;
        return Ok(result);
    }
    // Who is still to be served, each of them once.
    let mut wanted: Vec<usize> = Vec::new();
    for index in (0..packet.bits.len()).filter(|&index| packet.bits[index]) {
        let port = |index: usize| packet.ports.as_ref().map(|ports| ports[index]);
        let same = |&other: &usize| packet.addresses[other] == packet.addresses[index] && port(other) == port(index);
        if wanted.iter().any(same) { result.duplicate += 1 } else { wanted.push(index) }
    }
    let (local, remote): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|&index| matches!(fate(packet.addresses[index]), Fate::Own));
    result.local = local;
    if packet.hop_limit <= 1 {
        result.hop_limit = remote.len();
        return Ok(result);
    }
    let mut groups: Vec<Vec<(usize, Way)>> = Vec::new();
    for index in remote {
        let Some(way) = way(policy.by_tunnels, &fate, packet.addresses[index]) else {
            result.no_route += 1;
            continue;
        };
        let merges = |&(other, _): &(usize, Way)| {
            packet.dscps.as_ref().is_none_or(|dscps| merge(dscps[other], dscps[index]).is_some())
        };
        let along = |group: &[(usize, Way)]| (group[0].1.hop, group[0].1.by) == (way.hop, way.by);
        match groups.iter_mut().find(|group| along(group) && group.iter().all(merges)) {
            Some(group) => group.push((index, way)),
            None => groups.push(vec![(index, way)]),
        }
    }
    let mut way_out = WayOut { left: policy.max_copies, result };
    for group in groups {
        serve(packet, policy, &fate, &group, &mut way_out);
    }
    Ok(way_out.result)
}

/// Where a destination's copy goes next.
#[derive(Clone, Copy)]
struct Way {
    /// The tunnel that is its next hop.
    by: Option<IpAddr>,
    hop: u8,
    capable: bool,
    mtu: usize,
    /// The tunnel that is its last resort.
    resort: Option<IpAddr>,
}

fn way(by_tunnels: bool, fate: &impl Fn(IpAddr) -> Fate, address: IpAddr) -> Option<Way> {
    let own = fate(address);
    let (Fate::OnlyTunnel(far) | Fate::Route { tunnel: Some(far), .. }) = own else { return direct(own) };
    if by_tunnels { direct(fate(far)).map(|way| Way { by: Some(far), resort: None, ..way }) } else { direct(own) }
}

fn direct(fate: Fate) -> Option<Way> {
    match fate {
        Fate::Route { hop, capable, mtu, tunnel } => Some(Way { by: None, hop, capable, mtu, resort: tunnel }),
        Fate::Own | Fate::NoRoute | Fate::OnlyTunnel(_) => None,
    }
}

struct WayOut {
    /// How many copies may still go out.
    left: Option<usize>,
    result: Forwarded,
}

impl WayOut {
    /// `copies` of one length go to `hop`, unless they are too long; `outer` octets of each are not the packet's own.
    fn send(&mut self, hop: u8, mtu: usize, outer: usize, copies: Vec<Copy>) {
        if copies[0].octets.len() > mtu {
            let all = copies.into_iter().flat_map(|copy| copy.destinations).collect();
            self.result.too_big.push((hop, mtu.saturating_sub(outer), all));
            return;
        }
        for copy in copies {
            if self.left == Some(0) {
                self.result.over_limit += copy.destinations.len();
                continue;
            }
            self.left = self.left.map(|left| left - 1);
            self.result.copies.push(copy);
        }
    }

    /// One copy for `members`, to the far end of a tunnel.
    fn tunnel(&mut self, onward: &Packet, hop: u8, mtu: usize, far: IpAddr, members: Vec<usize>) {
        let inner = branch(onward, &members);
        let protocol = if onward.v6 { 41 } else { 4 };
        let octets = ip((near_end(far), far), inner.traffic_class, 0, 64, protocol, &[], &inner.octets());
        let outer = if far.is_ipv4() { 20 } else { 40 };
        self.send(hop, mtu, outer, vec![Copy { hop, kind: Kind::Tunnelled, destinations: members, octets }]);
    }
}

fn serve(packet: &Packet, policy: &Policy, fate: &impl Fn(IpAddr) -> Fate, group: &[(usize, Way)], out: &mut WayOut) {
    let ways = || group.iter().map(|(_, way)| way);
    let group: Vec<usize> = group.iter().map(|(index, _)| *index).collect();
    // What is known of one next hop in two ways is the worse of both.
    let Way { hop, by, .. } = *ways().next().expect("no group is empty");
    let capable = ways().all(|way| way.capable);
    let mtu = ways().map(|way| way.mtu).min().expect("no group is empty");
    let mut onward = packet.clone();
    onward.hop_limit -= 1;
    let unicast = |&index: &usize, hop: u8| Copy {
        hop,
        kind: Kind::Unicast,
        destinations: vec![index],
        octets: onward.unicast(index),
    };
    let alone = packet.may_be_unicast() && policy.x2u && group.len() == 1;
    let premature = packet.may_be_unicast() && policy.premature_x2u && !capable;
    match by {
        // RFC 5058 §11.1, "Optimization": not through the tunnel.
        Some(_) if alone => match direct(fate(packet.addresses[group[0]])) {
            Some(Way { hop, mtu, .. }) => out.send(hop, mtu, 0, vec![unicast(&group[0], hop)]),
            None => out.result.no_route += 1,
        },
        Some(far) => out.tunnel(&onward, hop, mtu, far, group),
        None if alone || premature => {
            out.send(hop, mtu, 0, group.iter().map(|index| unicast(index, hop)).collect());
        }
        None if capable => {
            let octets = branch(&onward, &group).octets();
            out.send(hop, mtu, 0, vec![Copy { hop, kind: Kind::Xcast, destinations: group, octets }]);
        }
        None => {
            let mut left: Vec<_> = group.into_iter().zip(ways().map(|way| way.resort)).collect();
            while let Some(&(_, tunnel)) = left.first() {
                let (members, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|one| one.1 == tunnel);
                left = others;
                let members: Vec<usize> = members.into_iter().map(|one| one.0).collect();
                match tunnel {
                    Some(far) => out.tunnel(&onward, hop, mtu, far, members),
                    None => out.result.not_capable += members.len(),
                }
            }
        }
    }
}

/// The packet for `group` alone.
fn branch(packet: &Packet, group: &[usize]) -> Packet {
    let mut copy = packet.clone();
    copy.bits = (0..packet.bits.len()).map(|index| group.contains(&index)).collect();
    if packet.anonymous {
        for (address, _) in copy.addresses.iter_mut().zip(&copy.bits).filter(|(_, bit)| !**bit) {
            *address = if packet.v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        }
    }
    if let Some(dscps) = &packet.dscps {
        let merged = group.iter().map(|&index| dscps[index]).reduce(|a, b| merge(a, b).expect("they merge"));
        copy.traffic_class = merged.expect("no group is empty") << 2 | packet.traffic_class & 3;
    }
    copy
}
