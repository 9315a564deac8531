//! Who sends what to whom: lists of destinations, kinds of packets, and the octets that a sender makes of them.

use std::net::{IpAddr, Ipv6Addr};

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{FixedOutboundSad, FixedSpd, NoAudit, Outbound, OutboundSa, PacketBuf, RoutingCoverage, Sent};
use xcast_sec::time::Instant;
use xcast_sec::wire::xcast6_v2::{CodePointsV2, ReprV2};
use xcast_sec::wire::{BitmapPlace, CodePoints, DestinationSet, Dscp, Family, max_destinations, protocol};

use crate::common::{Packet, ones_complement_sum};
use crate::random::Random;
use crate::reader::{octets_of, udp_sum};
use crate::session;
use crate::topology::{NodeId, Topology, subnet_address};

/// High enough for a relay from each member to the next.
pub(crate) const HOP_LIMIT: u8 = 255;
/// Where a datagram goes if there is no list of ports.
pub(crate) const PORT: u16 = 5004;

/// What the packets of a run are protected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    None,
    /// In IPv4 always with a separated bitmap.
    Ah(RoutingCoverage),
    Esp,
    AhEsp(RoutingCoverage),
}

impl Protection {
    pub(crate) const ALL: [Self; 8] = [
        Self::None,
        Self::Ah(RoutingCoverage::Covered),
        Self::Ah(RoutingCoverage::DataZeroed),
        Self::Ah(RoutingCoverage::FieldsZeroed),
        Self::Esp,
        Self::AhEsp(RoutingCoverage::Covered),
        Self::AhEsp(RoutingCoverage::DataZeroed),
        Self::AhEsp(RoutingCoverage::FieldsZeroed),
    ];

    pub(crate) fn coverage(self) -> Option<RoutingCoverage> {
        match self {
            Self::Ah(coverage) | Self::AhEsp(coverage) => Some(coverage),
            Self::None | Self::Esp => None,
        }
    }

    /// Whether AH needs the bitmap apart from the list.
    fn separates(self, family: Family) -> bool {
        match family {
            Family::V4 => self.coverage().is_some(),
            Family::V6 => self.coverage() == Some(RoutingCoverage::Covered),
        }
    }
}

/// What is in the list of DSCPs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DscpList {
    None,
    Merging,
    Any,
}

/// What kind of packets a run is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) family: Family,
    pub(crate) protection: Protection,
    pub(crate) anonymous: bool,
    pub(crate) no_x2u: bool,
    pub(crate) ports: bool,
    pub(crate) dscps: DscpList,
    /// Of unprotected packets; AH decides by itself.
    pub(crate) separated: bool,
    /// XCAST6 2.0.
    pub(crate) v2: bool,
}

impl Style {
    /// Any that is allowed (WIRE.md §8).
    pub(crate) fn random(random: &mut Random) -> Self {
        let protection = if random.coin() { Protection::None } else { random.pick(&Protection::ALL) };
        Self {
            family: random.pick(&[Family::V4, Family::V6]),
            protection,
            anonymous: random.chance(400),
            no_x2u: protection != Protection::None || random.chance(300),
            ports: random.chance(300),
            dscps: random.pick(&[DscpList::None, DscpList::None, DscpList::Merging, DscpList::Any]),
            separated: random.chance(300),
            v2: false,
        }
        .allowed()
    }

    /// The nearest one that may be built.
    pub(crate) fn allowed(mut self) -> Self {
        if self.protection != Protection::None {
            self.no_x2u = true;
            self.separated = self.protection.separates(self.family);
        }
        self.anonymous &= !self.separated;
        self
    }

    pub(crate) fn protected(&self) -> bool {
        self.protection != Protection::None
    }

    fn place(&self) -> BitmapPlace {
        if self.separated { BitmapPlace::Option } else { BitmapPlace::Header }
    }

    fn max_members(&self) -> usize {
        if self.v2 {
            126
        } else {
            max_destinations(self.family, self.dscps != DscpList::None, self.ports, self.place())
        }
    }
}

/// One destination of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Member {
    /// `None`: nobody has the address.
    pub(crate) node: Option<NodeId>,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

/// A sender and its list.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) style: Style,
    pub(crate) sender: NodeId,
    pub(crate) source: IpAddr,
    /// The IP destination of its packets: All_Xcast_Routers, or a special address.
    pub(crate) to: IpAddr,
    pub(crate) members: Vec<Member>,
    pub(crate) dscps: Option<Vec<u8>>,
}

impl Group {
    /// A group of random hosts; now and then one that is listed for two ports, and so many in a thousand that do not exist.
    pub(crate) fn random(random: &mut Random, topology: &Topology, style: Style, missing: usize) -> Self {
        let family = style.family;
        let mut hosts: Vec<NodeId> = topology.hosts().collect();
        random.shuffle(&mut hosts);
        let sender = hosts.pop().unwrap();
        let most = style.max_members();
        let count = match random.below(8) {
            0 => 1,
            1 | 2 => most,
            3..=5 => random.between(2, 24),
            _ => random.between(1, most),
        };
        let mut members = Vec::new();
        // Copies that part because of their DSCPs and arrive at one host all the same are replays of each other to AH and ESP:
        // under protection, nobody is listed twice with DSCPs that do not merge.
        let repeats = style.ports && !(style.protected() && style.dscps == DscpList::Any);
        while members.len() < count {
            let again = repeats && !members.is_empty() && random.chance(100);
            let node = if again {
                members[random.below(members.len())]
            } else if random.chance(missing) {
                // Not on a subnet behind a default route, between which and its router the packet would go to and fro.
                let router = random.below(topology.routers().len());
                let router = if topology.degree(router) > 1 { router } else { 250 };
                let address = subnet_address(family, router, 255 - u8::try_from(members.len()).unwrap() / 2);
                Member { node: None, address, port: PORT }
            } else {
                let Some(host) = hosts.pop() else { break };
                Member { node: Some(host), address: topology.address(family, host), port: PORT }
            };
            let port = if style.ports { 10_000 + members.len() as u16 } else { PORT };
            if style.ports || !members.iter().any(|other: &Member| other.address == node.address) {
                members.push(Member { port, ..node });
            }
        }
        random.shuffle(&mut members);
        Self::new(random, topology, style, sender, members)
    }

    pub(crate) fn new(
        random: &mut Random,
        topology: &Topology,
        style: Style,
        sender: NodeId,
        members: Vec<Member>,
    ) -> Self {
        let palette: &[u8] = match style.dscps {
            DscpList::None => &[],
            DscpList::Merging => random.pick(&[&[0, 8, 24, 40][..], &[26, 28, 30, 0], &[46, 10]]),
            DscpList::Any => &[0, 8, 10, 12, 18, 46, 1],
        };
        let dscps = (!palette.is_empty()).then(|| members.iter().map(|_| random.pick(palette)).collect());
        let source = topology.address(style.family, sender);
        Self { style, sender, source, to: all_routers(&style), members, dscps }
    }

    /// The list index of a unicast packet to `address` and `port`.
    pub(crate) fn index_of(&self, address: IpAddr, port: u16) -> Option<usize> {
        let is_it = |member: &Member| member.address == address && member.port == port;
        self.members.iter().position(is_it)
    }

    /// All that are listed with the address.
    pub(crate) fn indices_at(&self, address: IpAddr) -> DestinationSet {
        let indices = self.members.iter().enumerate().filter(|(_, member)| member.address == address);
        indices.map(|(index, _)| index).collect()
    }

    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.members.iter().map(|member| member.address).collect()
    }

    /// What the datagram of packet `number` says.
    pub(crate) fn speech(&self, number: usize) -> Vec<u8> {
        let mut random = Random::new(number as u64 ^ self.members.len() as u64);
        let mut octets = (number as u64).to_be_bytes().to_vec();
        let len = random.below(80);
        octets.extend(random.octets(len));
        octets
    }

    /// The packet of this number as its sender builds it, not yet sealed.
    fn plain_packet(&self, number: usize) -> Vec<u8> {
        let datagram = udp(self.source, self.to, PORT, &self.speech(number));
        if self.style.v2 { self.v2_packet(&datagram) } else { self.xcast_packet(datagram) }
    }

    fn xcast_packet(&self, datagram: Vec<u8>) -> Vec<u8> {
        let Style { family, anonymous, no_x2u, ports, .. } = self.style;
        let count = self.members.len();
        let packet = Packet {
            source: self.source,
            channel: [7; 16],
            addresses: self.addresses(),
            bits: DestinationSet::first_n(count),
            // Builders refuse what does not merge; it is written in below.
            dscps: self.dscps.as_ref().map(|_| vec![Dscp::DEFAULT; count]),
            ports: ports.then(|| self.members.iter().map(|member| member.port).collect()),
            anonymous,
            no_x2u,
            place: self.style.place(),
            hop_limit: HOP_LIMIT,
            next_protocol: protocol::UDP,
            payload: datagram,
        };
        let mut octets = packet.octets();
        if let Some(dscps) = &self.dscps {
            set_dscps(&mut octets, &packet, dscps);
        }
        if self.to != all_routers(&self.style) {
            let at = if family == Family::V4 { 16 } else { 24 };
            let to = octets_of(self.to);
            octets[at..at + to.len()].copy_from_slice(&to);
            if family == Family::V4 {
                let header_len = usize::from(octets[0] & 15) * 4;
                set_checksum(&mut octets, 0..header_len, 10);
            }
        }
        octets
    }

    fn v2_packet(&self, datagram: &[u8]) -> Vec<u8> {
        let v6 = |address| if let IpAddr::V6(address) = address { address } else { unreachable!() };
        let addresses: Vec<Ipv6Addr> = self.members.iter().map(|member| v6(member.address)).collect();
        let repr = ReprV2 {
            source: v6(self.source),
            outer_source: v6(self.source),
            addresses: &addresses,
            bits: DestinationSet::first_n(addresses.len()),
            anonymous: self.style.anonymous,
            no_x2u: self.style.no_x2u,
            icmp_offset: 0,
            traffic_class: 0,
            flow_label: 0,
            outer_ecn: 0,
            hop_limit: HOP_LIMIT,
            next_protocol: protocol::UDP,
        };
        let mut octets = vec![0; repr.encoded_len(datagram.len())];
        repr.emit(&CodePointsV2::xcast_jp_deployment(), datagram.len(), &mut octets).unwrap().copy_from_slice(datagram);
        octets
    }
}

/// The sending end: its packets are numbered from 0.
pub(crate) struct Sender {
    outbound: Outbound<FixedOutboundSad<RustCrypto, 2>, FixedSpd<1>, NoAudit>,
    random: Random,
    next: usize,
}

impl Sender {
    pub(crate) fn new(group: &Group, random: Random) -> Self {
        let mut sad = FixedOutboundSad::new();
        for sa in session::associations(group) {
            sad.insert(OutboundSa::new(sa, Instant::START).unwrap()).unwrap();
        }
        Self { outbound: Outbound::new(sad, session::policy(group.style.protection), NoAudit), random, next: 0 }
    }

    /// The next packet, as it leaves the host.
    pub(crate) fn build(&mut self, group: &Group) -> Vec<u8> {
        const ROOM: usize = 128;
        let packet = group.plain_packet(self.next);
        self.next += 1;
        if !group.style.protected() {
            return packet;
        }
        let mut storage = vec![0; packet.len() + 2 * ROOM];
        storage[ROOM..ROOM + packet.len()].copy_from_slice(&packet);
        let mut buffer = PacketBuf::new(&mut storage, ROOM..ROOM + packet.len()).unwrap();
        let code_points = CodePoints::rfc4727_experiment();
        let sent =
            self.outbound.process(&mut RustCrypto, &mut self.random, Some(&code_points), Instant::START, &mut buffer);
        assert_eq!(sent, Ok(Sent::Protected { soft_limit: None }));
        buffer.as_octets().to_vec()
    }
}

fn all_routers(style: &Style) -> IpAddr {
    let fields = *CodePoints::rfc4727_experiment().fields();
    match style.family {
        Family::V6 if style.v2 => CodePointsV2::xcast_jp_deployment().fields().group.into(),
        Family::V4 => fields.routers_v4.into(),
        Family::V6 => fields.routers_v6.into(),
    }
}

/// A UDP datagram with a right checksum.
pub(crate) fn udp(source: IpAddr, destination: IpAddr, port: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap();
    let mut datagram = [PORT, port, len, 0].map(u16::to_be_bytes).concat();
    datagram.extend_from_slice(payload);
    let checksum = match !udp_sum(source, destination, &datagram) {
        0 => 0xffff,
        checksum => checksum,
    };
    datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
    datagram
}

/// Puts a checksum over `covered` right, which stands at `at` in it.
pub(crate) fn set_checksum(octets: &mut [u8], covered: std::ops::Range<usize>, at: usize) {
    let place = covered.start + at..covered.start + at + 2;
    octets[place.clone()].fill(0);
    let checksum = !ones_complement_sum(&octets[covered]);
    octets[place].copy_from_slice(&checksum.to_be_bytes());
}

fn set_dscps(octets: &mut [u8], packet: &Packet, dscps: &[u8]) {
    let headers = octets.len() - packet.payload.len();
    let count = dscps.len();
    // From the end of the headers backwards.
    let (list_at, start, checksum_at) = match packet.family() {
        Family::V4 => {
            let ports = if packet.ports.is_some() { (2 * count).next_multiple_of(4) } else { 0 };
            let at = headers - ports - count.next_multiple_of(4);
            (at, usize::from(octets[0] & 15) * 4, 2)
        }
        Family::V6 => {
            let ports = if packet.ports.is_some() { (4 + 2 * count).next_multiple_of(8) } else { 0 };
            let at = headers - ports - count.next_multiple_of(8);
            let start = if octets[6] == 0 { 40 + 8 * (usize::from(octets[41]) + 1) } else { 40 };
            (at, start, 6)
        }
    };
    for (octet, dscp) in octets[list_at..].iter_mut().zip(dscps) {
        *octet = dscp << 2;
    }
    let end = match packet.family() {
        Family::V4 => headers,
        Family::V6 => start + 8 * (usize::from(octets[start + 1]) + 1),
    };
    set_checksum(octets, start..end, checksum_at);
}
