//! The receiver: from a sender over a router to who is listed, and everything that is not delivered, by name.
#![cfg(feature = "rust-crypto")]

mod stack_kit;

use std::collections::BTreeMap;
use std::net::IpAddr;

use stack_kit::*;
use xcast_sec::crypto::RustCrypto;
use xcast_sec::forward::{FnEgress, PacketCopy, Prefix, Route, RouteTable, Router, RouterPolicy};
use xcast_sec::ipsec::{
    InboundError, Mode, OpenError, OutboundSa, OuterHeader, PacketBuf, ReplayError, SecurityProtocol,
};
use xcast_sec::stack::{
    Datagram, Delivery, Incoming, Limits, Listed, Member, Origin, ReceiveError, ReceiverCounters, ReceiverPolicy,
    Session, SessionConfig,
};
use xcast_sec::wire::{
    BitmapPlace, Checksum, ChecksumPolicy, Family, IpHeader, Ipv4Repr, Ipv6Repr, ParseErrorKind, UdpDatagram, UdpRepr,
    XcastPacket, max_destinations, protocol,
};

const HEADER: BitmapPlace = BitmapPlace::Header;

/// What a receiver handed up, apart from the packet it lay in.
#[derive(Clone, Debug, PartialEq)]
struct Got {
    source: (IpAddr, Option<u16>),
    own: Vec<(IpAddr, Option<u16>)>,
    channel: Option<Vec<u8>>,
    next_protocol: u8,
    payload: Vec<u8>,
    members: Option<Vec<Listed>>,
    layers: Vec<SecurityProtocol>,
    is_xcast: bool,
    hop_limit: u8,
    traffic_class: u8,
}

impl Got {
    fn of(delivery: &Delivery<'_>) -> Self {
        let destinations: Vec<Listed> = delivery.destinations().collect();
        assert!(destinations.iter().all(|own| own.served));
        assert_eq!((delivery.address(), delivery.port()), (destinations[0].address, destinations[0].port));
        check_unicast(delivery, &destinations);
        Self {
            source: (delivery.source(), delivery.source_port()),
            own: destinations.iter().map(|own| (own.address, own.port)).collect(),
            channel: delivery.channel().map(<[u8]>::to_vec),
            next_protocol: delivery.next_protocol(),
            payload: delivery.payload().to_vec(),
            members: delivery.members().map(Iterator::collect),
            layers: delivery.protection().iter().flat_map(|layers| layers.iter()).map(|sa| sa.sa.protocol).collect(),
            is_xcast: delivery.is_xcast(),
            hop_limit: delivery.hop_limit(),
            traffic_class: delivery.traffic_class(),
        }
    }
}

/// What is handed to an ordinary stack: nothing of Xcast, this host and its port as the destination, sound checksums, and the
/// same payload.
fn check_unicast(delivery: &Delivery<'_>, destinations: &[Listed]) {
    let copies: Vec<_> = delivery.unicast().collect();
    let number = delivery.next_protocol();
    let has_ports = [protocol::UDP, protocol::UDP_LITE, protocol::TCP].contains(&number);
    if !delivery.is_xcast() {
        assert!(copies.is_empty());
    } else if has_ports {
        assert_eq!(copies.len(), destinations.len());
    }
    for (copy, own) in copies.iter().zip(destinations) {
        let mut octets = vec![0; copy.len()];
        copy.emit(&mut octets).unwrap();
        let (ip, segment) = IpHeader::split(&octets).unwrap();
        assert_eq!((ip.source(), ip.destination()), (delivery.source(), own.address));
        assert_eq!((ip.hop_limit(), ip.packet_len()), (delivery.hop_limit(), octets.len()));
        if let (IpHeader::V4(header), true) = (ip, delivery.source().is_ipv4()) {
            assert!(header.checksum_ok());
        }
        if number == protocol::UDP && ip.next_header() == protocol::UDP {
            let datagram = UdpDatagram::parse(segment).unwrap();
            assert!(datagram.checksum_ok(ip.source(), ip.destination()));
            assert_eq!(
                (Some(datagram.source_port()), Some(datagram.destination_port())),
                (delivery.source_port(), own.port)
            );
            assert_eq!(datagram.payload(), delivery.payload());
        }
    }
}

fn counts(counters: &ReceiverCounters) -> BTreeMap<&'static str, u64> {
    macro_rules! counts {
        ($($name:ident)*) => { BTreeMap::from([$((stringify!($name), counters.$name)),*]) };
    }
    counts![delivered dummies unreadable not_for_this_host not_served fragments unusable_source refused ipsec
        still_protected echo_requests transport_length transport_checksum port_beside_list no_port]
}

/// The counter that a result must have moved.
fn counter_of(result: &Result<Option<Got>, ReceiveError>) -> &'static str {
    match result {
        Ok(Some(_)) => "delivered",
        Ok(None) => "dummies",
        Err(ReceiveError::Unreadable(_)) => "unreadable",
        Err(ReceiveError::NotForThisHost) => "not_for_this_host",
        Err(ReceiveError::NotServed) => "not_served",
        Err(ReceiveError::Fragment) => "fragments",
        Err(ReceiveError::UnusableSource) => "unusable_source",
        Err(
            ReceiveError::AnonymousWithSeparatedBitmap
            | ReceiveError::RoutingHeader { .. }
            | ReceiveError::UnrecognisedOption { .. },
        ) => "refused",
        Err(ReceiveError::Ipsec(_)) => "ipsec",
        Err(ReceiveError::StillProtected) => "still_protected",
        Err(ReceiveError::EchoRequest) => "echo_requests",
        Err(ReceiveError::TransportLength { .. }) => "transport_length",
        Err(ReceiveError::TransportChecksum { .. }) => "transport_checksum",
        Err(ReceiveError::PortBesideList { .. }) => "port_beside_list",
        Err(ReceiveError::NoPort) => "no_port",
        other => panic!("{other:?}"),
    }
}

/// Receives, and holds every call to what holds for all: one packet counted, one outcome, nothing changed by a look, and
/// nothing secret in Debug. `None` is a dummy.
fn receive(receiver: &mut TestReceiver, own: &[IpAddr], packet: &[u8]) -> Result<Option<Got>, ReceiveError> {
    let before = *receiver.counters();
    let mut storage = packet.to_vec();
    let len = storage.len();
    let mut buffer = PacketBuf::new(&mut storage, 0..len).unwrap();
    let looked = receiver.look(packet, |address| own.contains(&address));
    assert_eq!(*receiver.counters(), before);
    let is_local = |address| own.contains(&address);
    let result = match receiver.receive(&mut RustCrypto, NOW, is_local, &mut buffer) {
        Ok(Incoming::Packet(delivery)) => {
            let shown = format!("{delivery:?}");
            assert!(!shown.contains(&format!("{:?}", &delivery.payload()[..delivery.payload().len().min(4)])));
            Ok(Some(Got::of(&delivery)))
        }
        Ok(Incoming::Dummy(_)) => Ok(None),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            Err(error)
        }
    };
    if let Err(error) = looked {
        assert_eq!(result, Err(error));
        assert_eq!(buffer.as_octets(), packet, "a packet that is not for this host stays as it is");
    }
    let after = *receiver.counters();
    assert_eq!(after.packets, before.packets + 1);
    let moved: Vec<_> = counts(&after).into_iter().filter(|(name, count)| counts(&before)[name] != *count).collect();
    let expected = counter_of(&result);
    assert_eq!(moved, [(expected, counts(&before)[expected] + 1)]);
    result
}

fn open_receiver(family: Family) -> TestReceiver {
    receiver(Shield::Clear, family, HEADER, ReceiverPolicy::default())
}

fn sent(shield: Shield, place: BitmapPlace, session: &Session<MAX>, payload: &[u8]) -> Vec<Vec<u8>> {
    let mut tape = Tape::default();
    let segment = Datagram { source_port: 4000, destination_port: 5000, payload };
    let mut sender = sender(shield, session.family(), place);
    let report = with_means(9000, 9000, |means| sender.send(session, &segment, means, &mut tape)).unwrap();
    assert_eq!(report.failed, 0);
    tape.sent.into_iter().map(|(packet, _)| packet).collect()
}

/// A packet in the clear, with a segment of any kind.
fn clear(session: &Session<MAX>, next: u8, segment: &[u8]) -> Vec<u8> {
    let packet = session.packets(&Limits::new(9000, segment.len())).unwrap().next().unwrap();
    let mut octets = vec![0; packet.header_len() + segment.len()];
    packet.emit(&code_points(), next, segment.len(), &mut octets).unwrap().copy_from_slice(segment);
    octets
}

// --- Over a router ----------------------------------------------------------------------------------------------------

/// Two routers in a row, the second with one next hop per member: what arrives there.
fn through_routers(packet: &[u8], members: &[Member]) -> Vec<(usize, Vec<u8>)> {
    let mut table = RouteTable::<usize, 512>::new();
    for (index, member) in members.iter().enumerate() {
        let route = Route { next_hop: index, xcast_capable: true, mtu: 9000 };
        // A member listed with several ports has one route.
        let _ = table.insert_route(Prefix::host(member.address), route);
    }
    let family = Family::of(&members[0].address);
    let everywhere: IpAddr = if family == Family::V4 { [0; 4].into() } else { [0_u16; 8].into() };
    let mut first = RouteTable::<usize, 1>::new();
    let route = Route { next_hop: 0, xcast_capable: true, mtu: 9000 };
    first.insert_route(Prefix::new(everywhere, 0).unwrap(), route).unwrap();

    let forward = |packet: &[u8], out: &mut Vec<(usize, Vec<u8>)>, first_hop: bool| {
        let mut router = Router::new(code_points(), RouterPolicy::default());
        let mut egress = FnEgress(|next_hop: usize, copy: &PacketCopy<'_>| {
            let mut octets = vec![0; copy.len()];
            copy.emit(&mut octets)?;
            out.push((next_hop, octets));
            Ok::<(), xcast_sec::wire::EmitError>(())
        });
        if first_hop {
            router.forward(xcast_sec::time::Instant::START, None, packet, &first, &mut egress).map(|_| ())
        } else {
            router.forward(xcast_sec::time::Instant::START, None, packet, &table, &mut egress).map(|_| ())
        }
    };
    let (mut between, mut arrived) = (Vec::new(), Vec::new());
    forward(packet, &mut between, true).unwrap();
    for (_, copy) in between {
        // A group of one was made unicast, and goes on as any packet does.
        if forward(&copy, &mut arrived, false).is_err() {
            arrived.push((0, copy));
        }
    }
    arrived
}

/// From the sender over two routers to every member, under every protection, with and without ports, in lists of all kinds
/// of sizes.
#[test]
fn every_member_gets_it_at_its_port() {
    for family in FAMILIES {
        for place in PLACES {
            for shield in Shield::ALL.into_iter().filter(|shield| shield.takes(family, place)) {
                for ports in [false, true] {
                    for count in [1, 2, 5, 33] {
                        round_trip(family, place, shield, (false, ports), count);
                    }
                }
            }
            for lists in [(false, false), (true, false), (false, true), (true, true)] {
                let max = max_destinations(family, lists.0, lists.1, place);
                for count in [65, max, max + 1] {
                    round_trip(family, place, Shield::EspGcm, lists, count);
                }
            }
        }
    }
}

fn round_trip(family: Family, place: BitmapPlace, shield: Shield, lists: (bool, bool), count: usize) {
    let context = format!("{family:?} {place:?} {shield:?} {lists:?} {count}");
    let mut config = config(family);
    config.bitmap = place;
    let (session, _) = session_with(config, count, lists);
    let members: Vec<Member> = session.members().map(|(_, member)| *member).collect();
    let mut deliveries = 0;
    for packet in sent(shield, place, &session, b"to all of you") {
        let first =
            XcastPacket::parse(&packet, &code_points(), ChecksumPolicy::Verify).unwrap().destination(0).unwrap();
        let offset = members.iter().position(|member| member.address == first).unwrap();
        for (hop, copy) in through_routers(&packet, &members[offset..]) {
            let member = members[offset + hop];
            let mut receiver = receiver(shield, family, place, ReceiverPolicy::default());
            let got =
                receive(&mut receiver, &[member.address], &copy).unwrap_or_else(|error| panic!("{context}: {error}"));
            let got = got.expect("no dummy");
            deliveries += 1;
            // X2U: in the clear, a packet to one is unicast and has no channel.
            let unicast = shield == Shield::Clear;
            let channel = if family == Family::V4 { vec![1, 2, 3, 4] } else { vec![0xc; 16] };
            let layers = match shield {
                Shield::Clear => vec![],
                Shield::Ah => vec![SecurityProtocol::Ah],
                Shield::AhEsp | Shield::AhEspCbc => vec![SecurityProtocol::Ah, SecurityProtocol::Esp],
                _ => vec![SecurityProtocol::Esp],
            };
            let hops = if unicast && count == 1 { 1 } else { 2 };
            let traffic_class = member.dscp.map_or(0, |dscp| dscp.ds_field());
            let expected = Got {
                source: (source(family), Some(4000)),
                own: vec![(member.address, Some(member.port.unwrap_or(5000)))],
                channel: (!unicast).then_some(channel),
                next_protocol: protocol::UDP,
                payload: b"to all of you".to_vec(),
                members: None,
                layers,
                is_xcast: !unicast,
                hop_limit: 64 - hops,
                traffic_class,
            };
            assert_eq!(got, expected, "{context}");
            // Once only, where there are sequence numbers.
            let again = receive(&mut receiver, &[member.address], &copy);
            if shield == Shield::Clear {
                assert!(again.is_ok());
            } else {
                let replayed = InboundError::Open(OpenError::Replay(ReplayError::Replayed));
                assert_eq!(again, Err(ReceiveError::Ipsec(replayed)), "{context}");
            }
        }
    }
    assert_eq!(deliveries, count, "{context}");
}

// --- Who is who in the list -------------------------------------------------------------------------------------------

#[test]
fn several_own_destinations_are_all_reported() {
    for family in FAMILIES {
        let own = [address(family, 1), address(family, 3)];
        let mut session = Session::<MAX>::new(config(family)).unwrap();
        for (index, port) in [(1, 10), (2, 10), (1, 20), (3, 30), (1, 30)] {
            session.add(Member { port: Some(port), ..member(family, index) }).unwrap();
        }
        let packet = sent(Shield::EspGcm, HEADER, &session, b"x").remove(0);
        let mut receiver = receiver(Shield::EspGcm, family, HEADER, ReceiverPolicy::default());
        let got = receive(&mut receiver, &own, &packet).unwrap().unwrap();
        let expected = [(1, 10), (1, 20), (3, 30), (1, 30)];
        assert_eq!(got.own, expected.map(|(index, port)| (address(family, index), Some(port))));
    }
}

/// A builder refuses it, so by hand: the same address and port twice is delivered once.
#[test]
fn a_destination_repeated_is_delivered_once() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        let mut packet = sent(Shield::Clear, HEADER, &session, b"x").remove(0);
        let (at, len) = address_at(&packet, 0);
        let (from, _) = address_at(&packet, 1);
        packet.copy_within(from..from + len, at);
        refresh_checksums(&mut packet);
        let got = receive(&mut open_receiver(family), &[address(family, 1)], &packet).unwrap().unwrap();
        assert_eq!(got.own, [(address(family, 1), Some(5000))]);
        let mut shown = open_receiver(family);
        shown.policy.show_members = true;
        let got = receive(&mut shown, &[address(family, 1)], &packet).unwrap().unwrap();
        assert_eq!(got.members.unwrap().len(), 1, "and is not among the others");
    }
}

#[test]
fn the_others_show_only_if_policy_allows() {
    for family in FAMILIES {
        for (allowed, anonymous) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut config = config(family);
            config.anonymous = anonymous;
            let (mut session, ids) = session_with(config, 4, (true, true));
            session.disable(ids[3]);
            let packet = sent(Shield::EspGcm, HEADER, &session, b"x").remove(0);
            let mut policy = ReceiverPolicy::default();
            assert!(!policy.show_members, "not by default");
            policy.show_members = allowed;
            let mut receiver = receiver(Shield::EspGcm, family, HEADER, policy);
            let got = receive(&mut receiver, &[address(family, 1)], &packet).unwrap().unwrap();
            let Some(others) = got.members else {
                assert!(!allowed || anonymous);
                continue;
            };
            assert!(allowed && !anonymous);
            let others: Vec<_> =
                others.iter().map(|one| (one.address, one.port, one.dscp.unwrap().value(), one.served)).collect();
            let expected = [(0, 0, true), (2, 16, true), (3, 24, false)];
            let expected = expected.map(|(index, dscp, served)| {
                (address(family, index), Some(7001 + u16::try_from(index).unwrap()), dscp, served)
            });
            assert_eq!(others, expected);
        }
    }
}

#[test]
fn what_is_not_for_this_host_is_left_alone() {
    for family in FAMILIES {
        for shield in [Shield::Clear, Shield::EspGcm] {
            let (mut session, ids) = session_with(config(family), 3, (false, false));
            session.disable(ids[2]);
            let packet = sent(shield, HEADER, &session, b"x").remove(0);
            let mut receiver = receiver(shield, family, HEADER, ReceiverPolicy::default());
            let mut receive = |own: IpAddr| receive(&mut receiver, &[own], &packet);
            assert_eq!(receive(address(family, 7)), Err(ReceiveError::NotForThisHost));
            assert_eq!(receive(group(family)), Err(ReceiveError::NotForThisHost));
            assert_eq!(receive(address(family, 2)), Err(ReceiveError::NotServed));
            // Nothing of that was looked at by IPsec, and no window has moved.
            assert_eq!(receiver.inbound.counters().packets, 0);
            assert!(receive_one(&mut receiver, address(family, 1), &packet).is_ok());
        }
    }
}

fn receive_one(receiver: &mut TestReceiver, own: IpAddr, packet: &[u8]) -> Result<Option<Got>, ReceiveError> {
    receive(receiver, &[own], packet)
}

/// Addresses that nothing is routed to are nobody's, even if the host says that they are its own (RFC 5058 §14).
#[test]
fn link_local_addresses_do_not_count() {
    for (family, unusable) in [
        (Family::V4, "169.254.1.1"),
        (Family::V4, "127.0.0.1"),
        (Family::V4, "224.0.0.5"),
        (Family::V6, "fe80::1"),
        (Family::V6, "::1"),
        (Family::V6, "ff02::5"),
    ] {
        let unusable: IpAddr = unusable.parse().unwrap();
        let (session, _) = session_with(config(family), 3, (false, false));
        let mut packet = sent(Shield::Clear, HEADER, &session, b"x").remove(0);
        let (at, len) = address_at(&packet, 1);
        packet[at..at + len].copy_from_slice(&octets(unusable));
        refresh_checksums(&mut packet);
        assert_eq!(receive_one(&mut open_receiver(family), unusable, &packet), Err(ReceiveError::NotForThisHost));
        // As the source, it makes the packet unusable.
        let mut packet = sent(Shield::Clear, HEADER, &session, b"x").remove(0);
        let source_at = if family == Family::V4 { 12 } else { 8 };
        packet[source_at..source_at + len].copy_from_slice(&octets(unusable));
        refresh_checksums(&mut packet);
        let own = address(family, 1);
        assert_eq!(receive_one(&mut open_receiver(family), own, &packet), Err(ReceiveError::UnusableSource));
        // As the destination, it is neither the group nor this host.
        let mut packet = sent(Shield::Clear, HEADER, &session, b"x").remove(0);
        packet[source_at + len..source_at + 2 * len].copy_from_slice(&octets(unusable));
        refresh_checksums(&mut packet);
        let result = receive(&mut open_receiver(family), &[own, unusable], &packet);
        assert_eq!(result, Err(ReceiveError::NotForThisHost));
    }
}

// --- Ports ------------------------------------------------------------------------------------------------------------

fn udp(family: Family, to: IpAddr, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let repr = UdpRepr { source_port: 4000, destination_port, payload };
    let mut segment = vec![0; repr.encoded_len()];
    repr.emit(source(family), to, &mut segment).unwrap();
    segment
}

#[test]
fn a_port_beside_a_list_is_refused() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, true));
        let own = address(family, 1);
        for (port, expected) in [(0, Ok(Some(7002))), (9, Err(ReceiveError::PortBesideList { port: 9 }))] {
            let packet = clear(&session, protocol::UDP, &udp(family, group(family), port, b"x"));
            let got = receive_one(&mut open_receiver(family), own, &packet);
            assert_eq!(got.map(|got| got.unwrap().own[0].1), expected);
        }
    }
}

/// A list that is too short, too long or beside another one is malformed.
#[test]
fn wrong_lists_of_ports_are_malformed() {
    let own = address(Family::V6, 1);
    let (session, _) = session_with(config(Family::V6), 3, (false, true));
    let good = sent(Shield::Clear, HEADER, &session, b"x").remove(0);
    let option_at = 40 + 24 + 8 + 48 + 2;
    assert_eq!(good[option_at..option_at + 2], [0x5e, 6]);
    for (len, kind) in
        [(4, ParseErrorKind::PortCount), (8, ParseErrorKind::PortCount), (200, ParseErrorKind::OptionLength)]
    {
        let mut packet = good.clone();
        packet[option_at + 1] = len;
        // Where a shorter list leaves out the third port, there is padding.
        packet[option_at + 6..option_at + 8].fill(0);
        let error = receive_one(&mut open_receiver(Family::V6), own, &packet).unwrap_err();
        let ReceiveError::Unreadable(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), kind);
    }
    // Without the list that P announces, Xcast4 has the wrong length.
    let (session, _) = session_with(config(Family::V4), 3, (false, false));
    let mut packet = sent(Shield::Clear, HEADER, &session, b"x").remove(0);
    packet[20] |= 1;
    refresh_checksums(&mut packet);
    let error = receive_one(&mut open_receiver(Family::V4), address(Family::V4, 1), &packet).unwrap_err();
    let ReceiveError::Unreadable(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), ParseErrorKind::XcastLength);
}

// --- Transport segments -----------------------------------------------------------------------------------------------

/// The checksum of `segment` over a pseudo-header to the group; the field is at `at`.
fn seal_segment(family: Family, next: u8, covered: usize, at: usize, segment: &mut [u8]) {
    segment[at..at + 2].fill(0);
    let len = u16::try_from(segment.len()).unwrap();
    let sum = Checksum::new().add_octets(&octets(source(family))).add_octets(&octets(group(family)));
    let checksum = sum.add_u16(len).add_u16(next.into()).add_octets(&segment[..covered]).finish();
    segment[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Every octet of a segment is looked at, in every transport that has a checksum.
#[test]
fn segments_are_verified_to_the_octet() {
    for family in FAMILIES {
        for ports in [false, true] {
            let (session, _) = session_with(config(family), 3, (false, ports));
            let destination_port: u16 = if ports { 0 } else { 5000 };
            let own_port = if ports { 7002 } else { 5000 };
            let own = address(family, 1);
            let mut tcp = vec![0x55; 25];
            tcp[..4].copy_from_slice(&[4000_u16.to_be_bytes(), destination_port.to_be_bytes()].concat());
            tcp[12] = 0x50;
            seal_segment(family, protocol::TCP, 25, 16, &mut tcp);
            let mut lite = vec![0x55; 21];
            lite[..4].copy_from_slice(&tcp[..4]);
            lite[4..6].fill(0);
            seal_segment(family, protocol::UDP_LITE, 21, 6, &mut lite);
            let mut lite_head = lite.clone();
            lite_head[4..6].copy_from_slice(&[0, 8]);
            seal_segment(family, protocol::UDP_LITE, 8, 6, &mut lite_head);
            let udp = udp(family, group(family), destination_port, b"13 odd octets");
            for (next, segment, covered, header_len) in [
                (protocol::UDP, udp, 21, 8),
                (protocol::TCP, tcp, 25, 0),
                (protocol::UDP_LITE, lite, 21, 0),
                (protocol::UDP_LITE, lite_head, 8, 0),
            ] {
                let good = clear(&session, next, &segment);
                let mut receiver = open_receiver(family);
                let got = receive_one(&mut receiver, own, &good).unwrap().unwrap();
                assert_eq!((got.source.1, got.own[0].1, got.next_protocol), (Some(4000), Some(own_port), next));
                assert_eq!(got.payload, segment[header_len..]);
                for (index, bit) in (0..segment.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
                    let mut segment = segment.clone();
                    segment[index] ^= 1 << bit;
                    let result = receive_one(&mut receiver, own, &clear(&session, next, &segment));
                    if index >= covered {
                        assert!(result.is_ok(), "UDP-Lite covers no more");
                        continue;
                    }
                    let checksum = ReceiveError::TransportChecksum { protocol: next };
                    let length = ReceiveError::TransportLength { protocol: next };
                    let error = result.unwrap_err();
                    assert!(error == checksum || error == length, "{next} {index}: {error}");
                }
                for short in 0..covered.min(8) {
                    let result = receive_one(&mut receiver, own, &clear(&session, next, &segment[..short]));
                    assert_eq!(result, Err(ReceiveError::TransportLength { protocol: next }), "{next} {short}");
                }
            }
        }
    }
}

/// Over IPv4 a UDP checksum of 0 says that there is none (RFC 768); over IPv6 there must be one (RFC 8200 §8.1), and in
/// UDP-Lite in both (RFC 3828 §3.1).
#[test]
fn a_checksum_of_zero() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        let own = address(family, 1);
        for next in [protocol::UDP, protocol::UDP_LITE] {
            // The second time the sum is right with the 0 in it.
            for payload in [[1, 2], zero_sum(family, next)] {
                let mut segment = udp(family, group(family), 5000, &payload);
                segment[6..8].fill(0);
                let packet = clear(&session, next, &segment);
                let result = receive_one(&mut open_receiver(family), own, &packet);
                if family == Family::V4 && next == protocol::UDP {
                    assert_eq!(result.unwrap().unwrap().payload, payload);
                } else {
                    assert_eq!(result, Err(ReceiveError::TransportChecksum { protocol: next }));
                }
            }
        }
    }
}

/// Two octets of payload with which the checksum of the segment is 0.
fn zero_sum(family: Family, next: u8) -> [u8; 2] {
    let mut segment = udp(family, group(family), 5000, &[0, 0]);
    let len = segment.len();
    seal_segment(family, next, len, 6, &mut segment);
    [segment[6], segment[7]]
}

/// A TCP header that says it is shorter than one can be, or longer than the segment, whatever its checksum.
#[test]
fn tcp_tells_the_length_of_its_header() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        for words in 0..=15_u8 {
            let mut segment = vec![0x55; 33];
            segment[12] = words << 4;
            seal_segment(family, protocol::TCP, 33, 16, &mut segment);
            let packet = clear(&session, protocol::TCP, &segment);
            let result = receive_one(&mut open_receiver(family), address(family, 1), &packet);
            if (5..=8).contains(&words) {
                assert_eq!(result.unwrap().unwrap().payload, segment);
            } else {
                assert_eq!(result, Err(ReceiveError::TransportLength { protocol: protocol::TCP }), "{words}");
            }
        }
    }
}

/// RFC 5058 §8.3.
#[test]
fn channel_zero_is_none() {
    for family in FAMILIES {
        let config = SessionConfig::new(Origin::without_channel(source(family)));
        let (session, _) = session_with(config, 3, (false, false));
        let packet = sent(Shield::EspGcm, HEADER, &session, b"x").remove(0);
        let mut receiver = receiver(Shield::EspGcm, family, HEADER, ReceiverPolicy::default());
        let got = receive_one(&mut receiver, address(family, 1), &packet).unwrap().unwrap();
        assert_eq!((got.is_xcast, got.channel), (true, None));
    }
}

/// A checksum for the member's own address is one for another packet.
#[test]
fn the_checksum_is_for_the_group() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        let own = address(family, 1);
        let packet = clear(&session, protocol::UDP, &udp(family, own, 5000, b"x"));
        let wrong = ReceiveError::TransportChecksum { protocol: protocol::UDP };
        assert_eq!(receive_one(&mut open_receiver(family), own, &packet), Err(wrong));
    }
}

/// Octets behind the end that UDP tells are no payload.
#[test]
fn octets_behind_a_datagram_are_left_out() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        let mut segment = udp(family, group(family), 5000, b"x");
        segment.extend_from_slice(b"behind");
        let packet = clear(&session, protocol::UDP, &segment);
        let got = receive_one(&mut open_receiver(family), address(family, 1), &packet).unwrap().unwrap();
        assert_eq!(got.payload, b"x");
    }
}

#[test]
fn echo_requests_to_many_are_refused_unless_policy_allows() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        let own = address(family, 1);
        let (next, request, reply) = match family {
            Family::V4 => (protocol::ICMP, 8, 0),
            Family::V6 => (protocol::ICMPV6, 128, 129),
        };
        for (kind, refused) in [(request, true), (reply, false)] {
            let mut segment = vec![kind, 0, 0, 0, 1, 2, 3, 4];
            match family {
                Family::V4 => {
                    let checksum = Checksum::new().add_octets(&segment).finish();
                    segment[2..4].copy_from_slice(&checksum.to_be_bytes());
                }
                Family::V6 => seal_segment(family, next, 8, 2, &mut segment),
            }
            let packet = clear(&session, next, &segment);
            let mut receiver = open_receiver(family);
            let result = receive_one(&mut receiver, own, &packet);
            if refused {
                assert_eq!(result, Err(ReceiveError::EchoRequest));
                receiver.policy.allow_echo = true;
                let got = receive_one(&mut receiver, own, &packet).unwrap().unwrap();
                assert_eq!((got.payload, got.own[0].1), (segment.clone(), None));
                if family == Family::V6 {
                    // Behind Destination Options it is one all the same.
                    receiver.policy.allow_echo = false;
                    let hidden = [&[next, 0, 1, 4, 0, 0, 0, 0][..], &segment].concat();
                    let (with_ports, _) = session_with(config(family), 3, (false, true));
                    let packet = clear(&with_ports, protocol::DESTINATION_OPTIONS, &hidden);
                    assert_eq!(receive_one(&mut receiver, own, &packet), Err(ReceiveError::EchoRequest));
                }
            } else {
                assert_eq!(result.unwrap().unwrap().payload, segment);
            }
            segment[5] ^= 1;
            receiver.policy.allow_echo = true;
            let wrong = ReceiveError::TransportChecksum { protocol: next };
            assert_eq!(receive_one(&mut receiver, own, &clear(&session, next, &segment)), Err(wrong));
            let short = ReceiveError::TransportLength { protocol: next };
            assert_eq!(receive_one(&mut receiver, own, &clear(&session, next, &segment[..3])), Err(short));
        }
    }
}

// --- IPv6 headers in front of the segment -----------------------------------------------------------------------------

#[test]
fn extension_headers_are_walked_as_a_destination_must() {
    let family = Family::V6;
    let own = address(family, 1);
    let (session, _) = session_with(config(family), 3, (false, true));
    let segment = udp(family, group(family), 0, b"x");
    let behind = |header: &[u8]| {
        let packet = clear(&session, protocol::DESTINATION_OPTIONS, &[header, &segment[..]].concat());
        receive_one(&mut open_receiver(family), own, &packet)
    };
    let option = |kind: u8| [protocol::UDP, 0, kind, 4, 0, 0, 0, 0];
    let pointer = 40 + 24 + 8 + 48 + 16 + 2;
    // Act 00: may be passed over.
    assert_eq!(behind(&option(0x05)).unwrap().unwrap().own, [(own, Some(7002))]);
    for kind in [0x45, 0x85, 0xc5] {
        assert_eq!(behind(&option(kind)), Err(ReceiveError::UnrecognisedOption { pointer }), "{kind:#x}");
    }
    // A Routing header behind the Xcast one, whatever it says.
    for segments_left in [0, 1] {
        let chain =
            [&[protocol::ROUTING, 0, 1, 4, 0, 0, 0, 0][..], &[protocol::UDP, 0, 4, segments_left, 0, 0, 0, 0][..]];
        assert_eq!(behind(&chain.concat()), Err(ReceiveError::RoutingHeader { pointer: pointer + 6 }));
    }
    let fragment = [&[protocol::FRAGMENT, 0, 1, 4, 0, 0, 0, 0][..], &[protocol::UDP, 0, 0, 1, 0, 0, 0, 9][..]];
    assert_eq!(behind(&fragment.concat()), Err(ReceiveError::Fragment));
    let hop_by_hop = [&[protocol::HOP_BY_HOP, 0, 1, 4, 0, 0, 0, 0][..], &option(0x05)[..]];
    // These two IPsec cannot read either.
    let ReceiveError::Ipsec(InboundError::Open(OpenError::Parse(error))) = behind(&hop_by_hop.concat()).unwrap_err()
    else {
        panic!()
    };
    assert_eq!(error.kind(), ParseErrorKind::HopByHopPlace);
    let ReceiveError::Ipsec(InboundError::Open(OpenError::Parse(error))) =
        behind(&[protocol::UDP, 200, 1, 4, 0, 0, 0, 0]).unwrap_err()
    else {
        panic!()
    };
    assert_eq!(error.kind(), ParseErrorKind::Truncated);
}

/// A Routing header in front of the Xcast one leads elsewhere as long as it has segments left.
#[test]
fn routing_headers_in_front_must_be_used_up() {
    let family = Family::V6;
    let (session, _) = session_with(config(family), 3, (false, false));
    let packet = sent(Shield::Clear, HEADER, &session, b"x").remove(0);
    for (segments_left, expected) in [(0, Ok(())), (1, Err(ReceiveError::RoutingHeader { pointer: 40 }))] {
        let mut longer = packet[..40].to_vec();
        longer.extend_from_slice(&[protocol::ROUTING, 0, 4, segments_left, 0, 0, 0, 0]);
        longer.extend_from_slice(&packet[40..]);
        let len = u16::try_from(longer.len() - 40).unwrap();
        longer[4..6].copy_from_slice(&len.to_be_bytes());
        let result = receive_one(&mut open_receiver(family), address(family, 1), &longer);
        assert_eq!(result.map(|_| ()), expected);
    }
}

// --- Unicast packets --------------------------------------------------------------------------------------------------

fn unicast(family: Family, to: IpAddr, next: u8, payload: &[u8]) -> Vec<u8> {
    let payload_len = payload.len();
    let mut packet = vec![0; if family == Family::V4 { 20 } else { 40 }];
    match (source(family), to) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let repr = Ipv4Repr { tos: 0, ttl: 9, protocol: next, source, destination, options_len: 0, payload_len };
            repr.emit(&mut packet).unwrap();
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let repr = Ipv6Repr { traffic_class: 0, hop_limit: 9, next_header: next, source, destination, payload_len };
            repr.emit(&mut packet).unwrap();
        }
        _ => panic!("two families"),
    }
    packet.extend_from_slice(payload);
    packet
}

#[test]
fn unicast_packets_to_this_host_are_taken() {
    for family in FAMILIES {
        let own = address(family, 1);
        let segment = udp(family, own, 5000, b"unicast");
        let packet = unicast(family, own, protocol::UDP, &segment);
        let mut receiver = open_receiver(family);
        receiver.policy.show_members = true;
        let got = receive_one(&mut receiver, own, &packet).unwrap().unwrap();
        assert_eq!(
            (got.own, got.is_xcast, got.channel, got.members, got.hop_limit, got.payload),
            (vec![(own, Some(5000))], false, None, None, 9, b"unicast".to_vec())
        );
        assert_eq!(receive_one(&mut receiver, address(family, 2), &packet), Err(ReceiveError::NotForThisHost));
        // For the group, but not Xcast.
        let plain = unicast(family, group(family), protocol::UDP, &segment);
        assert_eq!(receive_one(&mut receiver, group(family), &plain), Err(ReceiveError::NotForThisHost));
        // An echo request to one is an ordinary one.
        if family == Family::V4 {
            let echo = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
            let got = receive_one(&mut receiver, own, &unicast(family, own, protocol::ICMP, &echo)).unwrap().unwrap();
            assert_eq!((got.payload, got.next_protocol), (echo.to_vec(), protocol::ICMP));
        }
        // With a checksum for somebody else.
        let wrong = unicast(family, own, protocol::UDP, &udp(family, group(family), 5000, b"unicast"));
        let error = ReceiveError::TransportChecksum { protocol: protocol::UDP };
        assert_eq!(receive_one(&mut receiver, own, &wrong), Err(error));
        // An IPv4 header checksum that is wrong, a fragment.
        if family == Family::V4 {
            let mut wrong = packet.clone();
            wrong[8] ^= 1;
            let ReceiveError::Unreadable(error) = receive_one(&mut receiver, own, &wrong).unwrap_err() else {
                panic!()
            };
            assert_eq!(error.kind(), ParseErrorKind::Ipv4HeaderChecksum);
            let mut fragment = packet.clone();
            fragment[6] = 0x20;
            refresh_ipv4(&mut fragment);
            assert_eq!(receive_one(&mut receiver, own, &fragment), Err(ReceiveError::Fragment));
        }
    }
}

// --- Protection -------------------------------------------------------------------------------------------------------

/// What a tunnel brings may be protected once more: then it is a packet of its own, to be handed in again.
#[test]
fn what_is_protected_inside_is_handed_in_again() {
    let family = Family::V6;
    let own = address(family, 1);
    let (session, _) = session_with(config(family), 3, (false, false));
    let inner = sent(Shield::EspGcm, HEADER, &session, b"inside").remove(0);
    // The receiver opens tunnels from the sender to itself, and expects nothing else of any packet.
    let mut receiver = receiver(Shield::EspGcm, family, HEADER, ReceiverPolicy::default());
    let policy = xcast_sec::ipsec::PolicyId::new(9);
    let protection = xcast_sec::ipsec::Protection::EspCombined {
        algorithm: xcast_sec::crypto::AeadAlgorithm::AesGcm16,
        key: &[0x77; 20],
    };
    let tunnel = xcast_sec::ipsec::SaConfig {
        policy: Some(policy),
        source: Some(source(family)),
        destination: Some(own),
        mode: Mode::Tunnel(OuterHeader::between(source(family), own, 64)),
        ..xcast_sec::ipsec::SaConfig::new(xcast_sec::ipsec::Spi::new(0x2000).unwrap(), protection)
    };
    let required = xcast_sec::ipsec::Required::Esp(xcast_sec::ipsec::ModeKind::Tunnel);
    let entry = xcast_sec::ipsec::PolicyEntry {
        directionality: xcast_sec::ipsec::Directionality::Symmetric,
        selectors: xcast_sec::ipsec::SelectorSet {
            next_layer: xcast_sec::ipsec::NextLayer::Protocol(protocol::ESP),
            ..xcast_sec::ipsec::SelectorSet::ANY
        },
        action: xcast_sec::ipsec::Action::Protect { policy, required },
    };
    receiver.inbound.policy.insert(0, entry).unwrap();
    let sa = || xcast_sec::ipsec::Sa::new(&tunnel, &mut RustCrypto).unwrap();
    receiver.inbound.sad.insert(sa(), xcast_sec::ipsec::Usage::new(NOW)).unwrap();

    let mut storage = vec![0; inner.len() + 200];
    storage[100..100 + inner.len()].copy_from_slice(&inner);
    let mut buffer = PacketBuf::new(&mut storage, 100..100 + inner.len()).unwrap();
    let mut outbound = OutboundSa::new(sa(), NOW).unwrap();
    outbound.seal(NOW, &mut RustCrypto, &mut Rng(3), Some(&code_points()), &mut buffer).unwrap();
    assert_eq!(IpHeader::split(buffer.as_octets()).unwrap().0.destination(), own);

    let is_own = |address| address == own;
    let result = receiver.receive(&mut RustCrypto, NOW, is_own, &mut buffer).map(|_| ());
    assert_eq!(result, Err(ReceiveError::StillProtected));
    assert_eq!(buffer.as_octets(), inner);
    let Incoming::Packet(delivery) = receiver.receive(&mut RustCrypto, NOW, is_own, &mut buffer).unwrap() else {
        panic!("a dummy")
    };
    assert_eq!(delivery.payload(), b"inside");
}

/// Authentic, and nobody's (RFC 4303 §2.6).
#[test]
fn dummies_are_counted_and_not_delivered() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        let packet = sent(Shield::Clear, HEADER, &session, b"anything").remove(0);
        let sa = Shield::EspGcm.associations(family, HEADER).remove(0);
        let mut storage = vec![0; packet.len() + 200];
        storage[100..100 + packet.len()].copy_from_slice(&packet);
        let mut buffer = PacketBuf::new(&mut storage, 100..100 + packet.len()).unwrap();
        let mut outbound = OutboundSa::new(sa, NOW).unwrap();
        outbound.seal_dummy(NOW, &mut RustCrypto, &mut Rng(3), Some(&code_points()), &mut buffer).unwrap();
        let mut receiver = receiver(Shield::EspGcm, family, HEADER, ReceiverPolicy::default());
        let dummy = buffer.as_octets().to_vec();
        assert_eq!(receive_one(&mut receiver, address(family, 1), &dummy), Ok(None));
    }
}

/// In the clear where policy asks for protection, and the other way round.
#[test]
fn policy_decides_what_protection_there_must_be() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        let own = address(family, 1);
        let clear = sent(Shield::Clear, HEADER, &session, b"x").remove(0);
        let sealed = sent(Shield::EspGcm, HEADER, &session, b"x").remove(0);
        let mut strict = receiver(Shield::EspGcm, family, HEADER, ReceiverPolicy::default());
        let result = receive_one(&mut strict, own, &clear);
        assert!(matches!(result, Err(ReceiveError::Ipsec(InboundError::Unprotected { .. }))), "{result:?}");
        let result = receive_one(&mut open_receiver(family), own, &sealed);
        assert!(matches!(result, Err(ReceiveError::Ipsec(InboundError::Open(OpenError::NoSa { .. })))), "{result:?}");
    }
}

// --- Tampering --------------------------------------------------------------------------------------------------------

/// Every bit of every octet: what is still delivered is the same, from the same, to the same, and only mutable fields of the IPv6
/// header were other ones.
#[test]
fn no_bit_can_be_flipped_unnoticed() {
    for family in FAMILIES {
        for place in PLACES {
            for shield in Shield::ALL.into_iter().filter(|shield| shield.takes(family, place)) {
                let mut config = config(family);
                config.bitmap = place;
                // Nothing but AH covers the ports of IPv6: see below.
                let (session, _) = session_with(config, 3, (false, family == Family::V4 || shield.has_ah()));
                let own = address(family, 1);
                let packet = sent(shield, place, &session, b"payload").remove(0);
                let mut policy = ReceiverPolicy::default();
                policy.show_members = true;
                let good = receive_one(&mut receiver(shield, family, place, policy), own, &packet).unwrap().unwrap();
                let mut flips_delivered = 0;
                for (index, bit) in (0..packet.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
                    let mut tampered = packet.clone();
                    tampered[index] ^= 1 << bit;
                    let mut receiver = receiver(shield, family, place, policy);
                    let context = format!("{family:?} {place:?} {shield:?}: octet {index}, bit {bit}");
                    match receive_one(&mut receiver, own, &tampered) {
                        Err(ReceiveError::Ipsec(_)) => {
                            // The right one is not taken for a replay afterwards.
                            assert!(receive_one(&mut receiver, own, &packet).is_ok(), "{context}");
                        }
                        Err(_) => {}
                        Ok(got) => {
                            flips_delivered += 1;
                            let got = got.unwrap();
                            let unchanged = Got { hop_limit: good.hop_limit, traffic_class: good.traffic_class, ..got };
                            assert_unchanged(&unchanged, &good, place, &context);
                            // The bitmap, and padding that nothing but AH covers.
                            let hop_by_hop = if shield.has_ah() { 44..52 } else { 44..56 };
                            let hop_by_hop_bitmap = place == BitmapPlace::Option && hop_by_hop.contains(&index);
                            let changes_on_the_way = index < 4 || index == 7 || hop_by_hop_bitmap;
                            assert!(family == Family::V6 && changes_on_the_way, "{context}");
                        }
                    }
                }
                // Traffic Class, Flow Label, Hop Limit.
                let expected = match (family, place) {
                    (Family::V4, _) => 0,
                    (Family::V6, BitmapPlace::Header) => 8 + 20 + 8,
                    (Family::V6, BitmapPlace::Option) if !shield.has_ah() => continue,
                    // The bits of the two other members as well; no CHECKSUM is over them.
                    (Family::V6, BitmapPlace::Option) => 8 + 20 + 8 + 2,
                };
                assert_eq!(flips_delivered, expected, "{family:?} {place:?} {shield:?}");
            }
        }
    }
}

/// The same, but for whether others are served where the bitmap has no checksum.
fn assert_unchanged(got: &Got, good: &Got, place: BitmapPlace, context: &str) {
    let mut got = got.clone();
    if place == BitmapPlace::Option {
        for (other, original) in got.members.iter_mut().flatten().zip(good.members.iter().flatten()) {
            other.served = original.served;
        }
    }
    assert_eq!(got, *good, "{context}");
}

/// In IPv6 the list of ports has no checksum and ESP does not cover it: under ESP alone somebody on the path can choose the
/// port, and AH is what keeps them from it.
#[test]
fn nothing_but_ah_covers_the_ports_of_ipv6() {
    let family = Family::V6;
    let own = address(family, 1);
    let (session, _) = session_with(config(family), 3, (false, true));
    for shield in Shield::ALL {
        let mut packet = sent(shield, HEADER, &session, b"payload").remove(0);
        let second_port = 40 + 24 + 8 + 48 + 4 + 2;
        assert_eq!(packet[second_port..second_port + 2], 7002_u16.to_be_bytes());
        packet[second_port..second_port + 2].copy_from_slice(&8002_u16.to_be_bytes());
        let mut receiver = receiver(shield, family, HEADER, ReceiverPolicy::default());
        let result = receive_one(&mut receiver, own, &packet);
        if shield.has_ah() {
            assert_eq!(result, Err(ReceiveError::Ipsec(InboundError::Open(OpenError::Icv))), "{shield:?}");
        } else {
            assert_eq!(result.unwrap().unwrap().own, [(own, Some(8002))], "{shield:?}");
        }
    }
}

/// Somebody who puts checksums right, as anybody can: AH covers all but what routers change.
#[test]
fn ah_covers_the_list_whatever_its_checksum() {
    for family in FAMILIES {
        for place in PLACES {
            for shield in [Shield::Ah, Shield::AhEsp, Shield::AhEspCbc] {
                if !shield.takes(family, place) {
                    continue;
                }
                let mut config = config(family);
                config.bitmap = place;
                let (session, _) = session_with(config, 3, (false, true));
                let own = address(family, 1);
                let packet = sent(shield, place, &session, b"payload").remove(0);
                let (first, len) = address_at(&packet, 0);
                let (xcast_at, bitmap_len) = xcast_at(&packet);
                let mut refused = 0;
                let end = first + 3 * len + if family == Family::V4 { 8 } else { 16 };
                for index in xcast_at..end {
                    let mut tampered = packet.clone();
                    tampered[index] ^= 0x11;
                    refresh_checksums(&mut tampered);
                    let mut receiver = receiver(shield, family, place, ReceiverPolicy::default());
                    let bitmap = first - bitmap_len..first;
                    match receive_one(&mut receiver, own, &tampered) {
                        Ok(_) => assert!(place == HEADER && bitmap.contains(&index) || is_checksum(index, &packet)),
                        Err(_) => refused += 1,
                    }
                    assert!(receive_one(&mut receiver, own, &packet).is_ok() || is_checksum(index, &packet));
                }
                assert!(refused >= end - xcast_at - bitmap_len - 2, "{family:?} {place:?} {shield:?} {refused}");
            }
        }
    }
}

/// Whether `index` is in the Xcast CHECKSUM, which was put right again.
fn is_checksum(index: usize, packet: &[u8]) -> bool {
    let (at, _) = xcast_at(packet);
    let at = at + if packet[0] >> 4 == 4 { 2 } else { 6 };
    (at..at + 2).contains(&index)
}

/// A=1 with a separated bitmap is not built, and not taken.
#[test]
fn anonymity_with_a_separated_bitmap_is_refused() {
    for family in FAMILIES {
        let mut config = config(family);
        config.bitmap = BitmapPlace::Option;
        let (session, _) = session_with(config, 3, (false, false));
        let mut packet = sent(Shield::Clear, BitmapPlace::Option, &session, b"x").remove(0);
        let (at, _) = xcast_at(&packet);
        packet[at + if family == Family::V4 { 0 } else { 4 }] |= 8;
        refresh_checksums(&mut packet);
        let result = receive_one(&mut open_receiver(family), address(family, 1), &packet);
        assert_eq!(result, Err(ReceiveError::AnonymousWithSeparatedBitmap));
    }
}

/// The Xcast CHECKSUM is verified by default; a host that leaves it to the routers says so.
#[test]
fn the_xcast_checksum_is_verified_unless_policy_says_otherwise() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        let mut packet = sent(Shield::EspGcm, HEADER, &session, b"x").remove(0);
        let (at, _) = xcast_at(&packet);
        packet[at + if family == Family::V4 { 3 } else { 7 }] ^= 1;
        let mut receiver = receiver(Shield::EspGcm, family, HEADER, ReceiverPolicy::default());
        let ReceiveError::Unreadable(error) = receive_one(&mut receiver, address(family, 1), &packet).unwrap_err()
        else {
            panic!()
        };
        assert_eq!(error.kind(), ParseErrorKind::XcastChecksum);
        receiver.policy.checksum = ChecksumPolicy::Ignore;
        assert!(receive_one(&mut receiver, address(family, 1), &packet).is_ok());
    }
}

/// Cut short anywhere, or of random octets: an error, and nothing else.
#[test]
fn cut_short_it_is_refused() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (true, true));
        let packet = sent(Shield::EspGcm, HEADER, &session, b"x").remove(0);
        let mut receiver = receiver(Shield::EspGcm, family, HEADER, ReceiverPolicy::default());
        for len in 0..packet.len() {
            assert!(receive_one(&mut receiver, address(family, 1), &packet[..len]).is_err(), "{len}");
        }
        assert!(receive_one(&mut receiver, address(family, 1), &packet).is_ok());
    }
}

// --- Places in a packet -----------------------------------------------------------------------------------------------

/// Where the Xcast header starts, and the octets of bitmap in it.
fn xcast_at(packet: &[u8]) -> (usize, usize) {
    let read = XcastPacket::parse(packet, &code_points(), ChecksumPolicy::Ignore).unwrap();
    let at = read.header().as_octets().as_ptr().addr() - packet.as_ptr().addr();
    let bitmap_len = match (read.header().family(), read.header().bitmap_place()) {
        (_, BitmapPlace::Option) => 0,
        (Family::V4, _) => 4,
        (Family::V6, _) => 8,
    };
    (at, bitmap_len)
}

/// Where an address of the list stands in `packet`, and its length.
fn address_at(packet: &[u8], index: usize) -> (usize, usize) {
    let (at, bitmap_len) = xcast_at(packet);
    let (fixed, len) = if packet[0] >> 4 == 4 { (12, 4) } else { (24, 16) };
    (at + fixed + bitmap_len + index * len, len)
}

fn refresh_ipv4(packet: &mut [u8]) {
    let header_len = usize::from(packet[0] & 15) * 4;
    packet[10..12].fill(0);
    let checksum = Checksum::new().add_octets(&packet[..header_len]).finish();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Puts the IPv4 header checksum and the Xcast CHECKSUM right, as anybody can, if there is still an Xcast header.
fn refresh_checksums(packet: &mut [u8]) {
    if packet[0] >> 4 == 4 {
        refresh_ipv4(packet);
    }
    let Ok(read) = XcastPacket::parse(packet, &code_points(), ChecksumPolicy::Ignore) else { return };
    let (at, len) =
        (read.header().as_octets().as_ptr().addr() - packet.as_ptr().addr(), read.header().as_octets().len());
    let field = at + if packet[0] >> 4 == 4 { 2 } else { 6 };
    packet[field..field + 2].fill(0);
    let checksum = Checksum::new().add_octets(&packet[at..at + len]).finish();
    packet[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// ESP covers neither a list of ports nor that there is one: without it the port in the transport header counts, and that is 0.
#[test]
fn a_list_of_ports_taken_out_is_noticed() {
    let family = Family::V6;
    let (session, _) = session_with(config(family), 2, (false, true));
    for shield in [Shield::Clear, Shield::EspGcm] {
        let mut packet = sent(shield, HEADER, &session, b"payload").remove(0);
        let at = 40 + 24 + 8 + 32;
        packet[40] = packet[at];
        // The Ports header has 8 octets.
        packet.drain(at..at + 8);
        let len = u16::try_from(packet.len() - 40).unwrap();
        packet[4..6].copy_from_slice(&len.to_be_bytes());
        refresh_checksums(&mut packet);
        let mut receiver = receiver(shield, family, HEADER, ReceiverPolicy::default());
        assert_eq!(receive_one(&mut receiver, address(family, 1), &packet), Err(ReceiveError::NoPort), "{shield:?}");
    }
}

/// An own address that another branch serves at another port is no other member.
#[test]
fn own_addresses_are_no_others() {
    let family = Family::V4;
    let own = address(family, 1);
    let mut session = Session::new(config(family)).unwrap();
    for port in [7001, 7002] {
        let id = session.add(Member { port: Some(port), ..Member::new(own) }).unwrap();
        session.set_enabled(id, port == 7001);
    }
    session.add(Member { port: Some(7003), ..member(family, 2) }).unwrap();
    let packet = sent(Shield::Clear, HEADER, &session, b"payload").remove(0);
    let mut policy = ReceiverPolicy::default();
    policy.show_members = true;
    let mut receiver = receiver(Shield::Clear, family, HEADER, policy);
    let got = receive_one(&mut receiver, own, &packet).unwrap().unwrap();
    let others: Vec<IpAddr> = got.members.unwrap().iter().map(|listed| listed.address).collect();
    assert_eq!((got.own, others), (vec![(own, Some(7001))], vec![address(family, 2)]));
}
