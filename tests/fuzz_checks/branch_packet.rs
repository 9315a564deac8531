//! Any Xcast packet through a router with any routes, beside a model that was written from the text: the same copies, octet by octet, to the same next
//! hops in the same order, the same reports, and the same counts. Shared by the fuzz target and the test that replays its
//! corpus. Its user includes `input.rs`, `models/xcast_packet.rs`, `models/dscps.rs` and `models/branching.rs` beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use xcast_sec::forward::{
    CopyKind, Counters, Egress, ForwardError, PacketCopy, ReportLimit, Route, RouteLookup, Router, RouterPolicy,
    Tunnel, TunnelUse,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, Destinations, Dscp, Family, XcastPacket, XcastRepr,
    max_destinations,
};

use super::branching_model::{Copy, Fate, Forwarded, Kind, Policy, Refused, forward, near_end};
use super::input::Input;
use super::xcast_model::{Packet, group, source};

/// A destination, another one for each number but the last two, which nobody can be.
fn address(v6: bool, number: u8) -> IpAddr {
    match (v6, number) {
        (true, 255) => Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, 1).into(),
        (true, 254) => Ipv6Addr::UNSPECIFIED.into(),
        (true, _) => Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, number.into()).into(),
        (false, 255) => Ipv4Addr::new(224, 0, 0, 9).into(),
        (false, 254) => Ipv4Addr::UNSPECIFIED.into(),
        (false, _) => Ipv4Addr::new(198, 51, 100, number).into(),
    }
}

fn packet(input: &mut Input<'_>) -> Packet {
    let [flags, more] = [input.octet(), input.octet()];
    let flag = |bit: u8| flags & bit != 0;
    let v6 = flag(1);
    let (dscps, ports, separated) = (flag(2), flag(4), flag(8));
    let place = if separated { BitmapPlace::Option } else { BitmapPlace::Header };
    let family = if v6 { Family::V6 } else { Family::V4 };
    let most = max_destinations(family, dscps, ports, place);
    // Few, mostly.
    let count = match input.octet() {
        count @ 0..=199 => 1 + usize::from(count) % 8,
        count => 1 + (usize::from(count) * 5 + input.below(5)) % most,
    };
    let numbers: Vec<u8> = (0..count).map(|index| input.octet().wrapping_add(index as u8)).collect();
    let bits = match more & 3 {
        0 => vec![true; count],
        _ => (0..count).map(|index| index == 0 && more & 2 != 0 || input.octet() & 3 != 0).collect(),
    };
    let palette = [0, 8, 16, 10, 12, 14, 26, 30, 46, 1, 48, 63];
    let next = [17, 17, 6, 136, 1, 58, 50, 51, 132, 59, input.octet()][input.below(11)];
    Packet {
        v6,
        hop_limit: if more & 4 == 0 { 64 } else { input.octet() & 3 },
        traffic_class: input.octet(),
        label: input.number(2) as u16,
        channel: [input.octet(); 16],
        addresses: numbers.iter().map(|&number| address(v6, number)).collect(),
        bits,
        dscps: dscps.then(|| (0..count).map(|_| palette[input.below(palette.len())]).collect()),
        // Few, so that some are equal.
        ports: ports.then(|| (0..count).map(|_| 0x7ffe + u16::from(input.octet() & 3)).collect()),
        anonymous: flag(16),
        no_x2u: flag(32),
        separated,
        ah: flag(64) && !v6,
        alert: flag(128) && !(v6 && separated),
        options: more & 8 != 0 && v6,
        reserved: more & 16 != 0,
        // Those are read as headers in front of the payload.
        next: if matches!((v6, next), (true, 0 | 43 | 44 | 60)) { 17 } else { next },
        payload: input.take(usize::from(more >> 5) * 8).to_vec(),
    }
}

struct Net {
    v6: bool,
    fates: Vec<Fate>,
}

impl Net {
    fn new(v6: bool, len: usize, input: &mut Input<'_>) -> Self {
        let fate = |_| {
            let [choice, more] = [input.octet(), input.octet()];
            let far = || match choice >> 5 {
                0..=3 => None,
                4 | 5 => Some([203, 0, 113, choice >> 5].into()),
                far => Some(Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, far.into()).into()),
            };
            match choice & 7 {
                0 => far().map_or(Fate::NoRoute, Fate::OnlyTunnel),
                1 => Fate::Own,
                _ => Fate::Route {
                    hop: choice >> 3 & 3,
                    capable: choice & 6 != 2,
                    // Around the packet's own length, or enough for all.
                    mtu: if more & 1 == 0 { 9999 } else { (len + 64).saturating_sub(usize::from(more >> 1)) },
                    tunnel: far(),
                },
            }
        };
        Self { v6, fates: (0..8).map(fate).collect() }
    }

    fn fate(&self, address: IpAddr) -> Fate {
        let number = match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[15],
        };
        if address == source(self.v6) || address == group(self.v6) {
            return Fate::NoRoute;
        }
        self.fates[usize::from(number) % self.fates.len()]
    }
}

impl RouteLookup for Net {
    type NextHop = u8;

    fn is_local(&self, address: IpAddr) -> bool {
        matches!(self.fate(address), Fate::Own)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        match self.fate(destination) {
            Fate::Route { hop, capable, mtu, .. } => Some(Route { next_hop: hop, xcast_capable: capable, mtu }),
            Fate::Own | Fate::NoRoute | Fate::OnlyTunnel(_) => None,
        }
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        match self.fate(destination) {
            Fate::OnlyTunnel(far) | Fate::Route { tunnel: Some(far), .. } => Tunnel::new(near_end(far), far),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Log {
    copies: Vec<Copy>,
    too_big: Vec<(u8, usize, Vec<usize>)>,
}

impl Egress<u8> for Log {
    type Error = ();

    fn transmit(&mut self, hop: u8, copy: &PacketCopy<'_>) -> Result<(), ()> {
        let mut octets = vec![0xa5; copy.len()];
        assert_eq!(copy.emit(&mut octets), Ok(copy.len()));
        let kind = match copy.kind() {
            CopyKind::Xcast => Kind::Xcast,
            CopyKind::Unicast => Kind::Unicast,
            CopyKind::Tunnelled => Kind::Tunnelled,
            other => panic!("{other:?} was not asked for"),
        };
        self.copies.push(Copy { hop, kind, destinations: copy.destinations().iter().collect(), octets });
        Ok(())
    }

    fn too_big(&mut self, hop: u8, mtu: usize, destinations: DestinationSet) {
        self.too_big.push((hop, mtu, destinations.iter().collect()));
    }
}

/// Checks a packet with its routes. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.octet();
    let packet = packet(&mut input);
    let octets = packet.octets();
    let net = Net::new(packet.v6, octets.len(), &mut input);
    built(&packet, &octets);

    let model = Policy {
        x2u: choice & 1 == 0,
        premature_x2u: choice & 2 == 0,
        allow_echo: choice & 4 != 0,
        max_copies: (choice & 8 != 0).then_some(usize::from(choice >> 6)),
        by_tunnels: choice & 16 != 0,
    };
    let mut policy = RouterPolicy::default();
    policy.x2u = model.x2u;
    policy.premature_x2u = model.premature_x2u;
    policy.allow_echo = model.allow_echo;
    policy.max_copies = model.max_copies;
    policy.tunnels = if model.by_tunnels { TunnelUse::Routes } else { TunnelUse::LastResort };
    policy.reports = ReportLimit { burst: 1, interval: Duration::ZERO };
    let expected = forward(&packet, &model, |address| net.fate(address));

    let mut router = Router::new(CodePoints::rfc4727_experiment(), policy);
    let mut log = Log::default();
    let result = router.forward(Instant::START, None, &octets, &net, &mut log);
    match (result, expected) {
        (Ok(outcome), Ok(expected)) => {
            let counted = counts(&router.counters);
            let local = outcome.local_destinations.iter().collect();
            let Log { copies, too_big } = log;
            let seen = Forwarded { local, copies, too_big, ..counted };
            assert_eq!(seen, expected, "{packet:?} {:?}", net.fates);
            let served: DestinationSet = expected.copies.iter().flat_map(|copy| copy.destinations.clone()).collect();
            assert_eq!((outcome.sent, outcome.copies), (served, expected.copies.len()));
            assert_eq!(outcome.packet_at, 0);
        }
        (Err(ForwardError::Refused(_)), Err(Refused::Construction)) => {}
        (Err(ForwardError::UnusableDestination { index, pointer }), Err(Refused::Destination(expected))) => {
            assert_eq!(index, expected);
            let address = super::xcast_model::octets_of(packet.addresses[index]);
            assert!(octets[pointer..].starts_with(&address), "the pointer is at the address");
        }
        (result, expected) => panic!("{result:?}, expected {expected:?}: {packet:?} {:?}", net.fates),
    }
}

fn counts(counters: &Counters) -> Forwarded {
    let number = |counter: u64| usize::try_from(counter).expect("few");
    Forwarded {
        echo: counters.echo_requests > 0,
        duplicate: number(counters.duplicate),
        hop_limit: number(counters.hop_limit),
        no_route: number(counters.no_route),
        not_capable: number(counters.not_capable),
        over_limit: number(counters.over_copy_limit),
        ..Forwarded::default()
    }
}

/// The model's octets are what the crate reads, and, where it builds such a packet, what it builds.
fn built(packet: &Packet, octets: &[u8]) {
    let code_points = CodePoints::rfc4727_experiment();
    let read = XcastPacket::parse(octets, &code_points, ChecksumPolicy::Verify).expect("it is sound");
    assert!(read.header().destinations().eq(packet.addresses.iter().copied()));
    assert!((0..packet.bits.len()).all(|index| read.bits().contains(index) == packet.bits[index]));
    assert_eq!(
        (read.next_protocol(), read.has_ports()),
        (if packet.options { 60 } else { packet.next }, packet.ports.is_some())
    );
    let count = packet.addresses.len();
    let dscps: Option<Vec<Dscp>> =
        packet.dscps.as_ref().map(|list| list.iter().filter_map(|&dscp| Dscp::new(dscp)).collect());
    assert!((0..count).all(|index| read.dscp(index) == dscps.as_ref().map(|list| list[index])));
    assert!((0..count).all(|index| read.port(index) == packet.ports.as_ref().map(|ports| ports[index])));
    if packet.ah || packet.alert || packet.options || packet.reserved {
        return;
    }
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for address in &packet.addresses {
        match address {
            IpAddr::V4(address) => v4.push(*address),
            IpAddr::V6(address) => v6.push(*address),
        }
    }
    let channel = packet.channel;
    let destinations = match source(packet.v6) {
        IpAddr::V4(source) => {
            Destinations::V4 { source, channel: [channel[0], channel[1], channel[2], channel[3]], addresses: &v4 }
        }
        IpAddr::V6(source) => Destinations::V6 { source, channel, addresses: &v6 },
    };
    let repr = XcastRepr {
        destinations,
        bits: packet.bits.iter().enumerate().filter(|(_, bit)| **bit).map(|(index, _)| index).collect(),
        dscps: dscps.as_deref(),
        ports: packet.ports.as_deref(),
        anonymous: packet.anonymous,
        no_x2u: packet.no_x2u,
        bitmap: if packet.separated { BitmapPlace::Option } else { BitmapPlace::Header },
        hop_limit: packet.hop_limit,
        next_protocol: packet.next,
    };
    let mut buffer = vec![0x5a; repr.encoded_len(packet.payload.len())];
    let Ok(payload) = repr.emit(&code_points, packet.payload.len(), &mut buffer) else { return };
    payload.copy_from_slice(&packet.payload);
    // What a builder does not choose: label 0, ECN 0, the DSCP of those to be served, X in front of AH and ESP; A goes for the first
    // packet, too (RFC 5058 §9.2.2).
    let mut same = packet.clone();
    (same.label, same.traffic_class) = (0, read_class(&buffer));
    same.no_x2u |= matches!(packet.next, 50 | 51);
    if packet.anonymous {
        for (address, _) in same.addresses.iter_mut().zip(&packet.bits).filter(|(_, bit)| !**bit) {
            *address = self::address(packet.v6, 254);
        }
    }
    assert_eq!(buffer, same.octets());
}

fn read_class(packet: &[u8]) -> u8 {
    if packet[0] >> 4 == 4 { packet[1] } else { packet[0] << 4 | packet[1] >> 4 }
}
