//! Xcast under an unmodified smoltcp, by the hosts and the network of the example `smoltcp_conference`: what sockets get, and
//! what they do not.

#![cfg(all(feature = "rust-crypto", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::cell::Cell;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken};
use smoltcp::time::Instant;
use xcast_sec::stack::{Member, PacketError, ReceiveError};
use xcast_sec::wire::{ChecksumPolicy, Family, XcastPacket};

#[path = "../examples/smoltcp_conference/main.rs"]
#[allow(dead_code, reason = "its main function, and what only printing needs")]
mod example;

use example::play::args::{self, Command, Options};
use example::play::device_link::{Busy, DeviceLink};
use example::play::host::Heard;
use example::play::network::{ETHERNET, Network};
use example::play::port::{ETHERNET_HEADER_LEN, Port, link};
use example::play::run::{self, datagram, pattern, stream};
use example::play::session::{Agreement, MEMBERS, Protection, Run, SENDER_PORT, Session, member_port};
use example::play::xcast_device::XcastDevice;

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
const PROTECTED: [Protection; 2] = [Protection::Esp, Protection::AhEsp];

fn runs(protections: &[Protection]) -> impl Iterator<Item = Run> + '_ {
    FAMILIES.into_iter().flat_map(|family| protections.iter().map(move |&protection| Run { family, protection }))
}

fn protected(run: Run) -> Network<XcastDevice<Port>> {
    Network::with_xcast(Agreement::new(run)).unwrap()
}

fn plain(run: Run) -> Network<Port> {
    Network::without_xcast(Agreement::new(run)).unwrap()
}

fn heard<D: Device>(network: &Network<D>, payload: &[u8]) -> Heard {
    Heard { from: (network.a.address, SENDER_PORT), payload: payload.to_vec() }
}

/// A packet as a frame of the member's link.
fn frame(index: usize, packet: &[u8]) -> Vec<u8> {
    if index != ETHERNET {
        return packet.to_vec();
    }
    let ethertype = if packet[0] >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ethertype[..], packet].concat()
}

/// Puts a frame on the link to a member, and returns what its socket got and why nothing, if so.
fn inject(
    network: &mut Network<XcastDevice<Port>>,
    index: usize,
    frame: Vec<u8>,
) -> (Vec<Heard>, Option<ReceiveError>) {
    network.members[index].router_end.put(frame);
    network.run(2);
    let member = &mut network.members[index];
    (member.hear(), member.host.device.take_refusal())
}

#[test]
fn what_is_played_is_so() {
    let runs: Vec<Run> = Options::default().runs().collect();
    assert_eq!(runs.len(), 6);
    for run in runs {
        let outcome = run::play(run).unwrap();
        assert_eq!(outcome.faults, Vec::<String>::new(), "{run}");
        assert!(outcome.to_string().contains("D echoes 20000 octets of TCP"), "{run}");
    }
}

/// Speaks, and holds the sockets to exactly what was said, in order: at the member's own port, and at no other.
fn every_socket_gets_exactly_the_payloads<D: Device>(mut network: Network<D>, run: Run) {
    let payloads: Vec<Vec<u8>> = [0, 1, 17, 100, 1000, 1250].into_iter().map(pattern).collect();
    let mut others = Vec::new();
    for (index, member) in network.members.iter_mut().enumerate() {
        let ports = (0..MEMBERS).filter(|&other| other != index).map(member_port).chain([7099, SENDER_PORT]);
        others.push(ports.map(|port| member.host.udp_socket(port)).collect::<Vec<_>>());
    }
    for payload in &payloads {
        let report = network.speak(payload).unwrap();
        assert_eq!((report.sent, report.failed, report.members_sent), (1, 0, MEMBERS), "{run}");
    }
    network.run(5);
    let expected: Vec<Heard> = payloads.iter().map(|payload| heard(&network, payload)).collect();
    for (member, others) in network.members.iter_mut().zip(others) {
        assert_eq!(member.hear(), expected, "{run}");
        for other in others {
            assert_eq!(member.host.hear(other), [], "{run}");
        }
    }
    // What passed the links: one packet for all as far as the ways are the same, and no payload that can be read.
    assert_eq!(network.a.device.sent().len(), payloads.len(), "{run}");
    assert_eq!(network.xcast_packets(&network.backbone), payloads.len(), "{run}");
    let shows = |port: &Port| {
        let secret = &payloads[4];
        port.sent().iter().any(|frame| frame.windows(secret.len()).any(|octets| octets == secret))
    };
    let is_clear = run.protection == Protection::None;
    assert_eq!(shows(&network.a.device), is_clear, "{run}");
    for member in &network.members {
        assert_eq!(network.xcast_packets(&member.router_end), if is_clear { 0 } else { payloads.len() }, "{run}");
        assert_eq!(shows(&member.router_end), is_clear, "{run}");
    }
}

#[test]
fn every_socket_gets_exactly_the_payloads_over_the_wrapper() {
    for run in runs(&PROTECTED) {
        every_socket_gets_exactly_the_payloads(protected(run), run);
    }
    // X=0 in the clear: the wrapper is not needed, and does no harm.
    for run in runs(&[Protection::None]) {
        let mut network = protected(run);
        assert_eq!(network.speak(b"to whom it may concern").unwrap().failed, 0);
        network.run(5);
        let expected = [heard(&network, b"to whom it may concern")];
        assert!(network.members.iter_mut().all(|member| member.hear() == expected), "{run}");
    }
}

#[test]
fn what_routers_made_unicast_reaches_smoltcp_without_a_wrapper() {
    for run in runs(&[Protection::None]) {
        every_socket_gets_exactly_the_payloads(plain(run), run);
    }
    // Protected packets do not become unicast: without the wrapper nobody hears them.
    for run in runs(&PROTECTED) {
        let mut network = plain(run);
        assert_eq!(network.speak(b"to members only").unwrap().failed, 0);
        network.run(5);
        assert!(network.members.iter_mut().all(|member| member.hear().is_empty()), "{run}");
    }
}

#[test]
fn replies_go_back_by_ordinary_unicast() {
    for run in runs(&PROTECTED) {
        let mut network = protected(run);
        assert_eq!(network.speak(b"who is there?").unwrap().failed, 0);
        network.run(5);
        for index in 0..MEMBERS {
            network.reply(index, format!("member {index}").as_bytes()).unwrap();
        }
        network.run(20);
        let mut replies = network.replies();
        replies.sort_by_key(|reply| reply.from);
        let expected: Vec<Heard> = (0..MEMBERS)
            .map(|index| Heard {
                from: (network.members[index].host.address, member_port(index)),
                payload: format!("member {index}").into_bytes(),
            })
            .collect();
        assert_eq!(replies, expected, "{run}");
    }
}

#[test]
fn a_packet_changed_anywhere_is_not_heard_and_leaves_no_trace() {
    for run in runs(&PROTECTED) {
        for index in [0, ETHERNET] {
            let mut network = protected(run);
            assert_eq!(network.speak(b"what I say, nobody else does").unwrap().failed, 0);
            let [original] = &network.intercept(index)[..] else { panic!("{run}: one packet") };
            let packet_at = network.members[index].host_end.packet_at();
            let packet =
                XcastPacket::parse(&original[packet_at..], &network.agreement.code_points, ChecksumPolicy::Verify);
            let protected_at = original.len() - packet.unwrap().payload().len();
            // SPI, sequence number, IV, ciphertext and ICV, under AH in IPv6 that header as well.
            for at in protected_at..original.len() {
                for bit in [0x01, 0x80] {
                    let mut tampered = original.clone();
                    tampered[at] ^= bit;
                    let (heard, refusal) = inject(&mut network, index, tampered);
                    assert_eq!(heard, [], "{run}, octet {at}");
                    assert!(refusal.is_some(), "{run}, octet {at}: refused, and not merely lost");
                }
            }
            assert_eq!(network.members[index].host.device.receiver().counters().delivered, 0, "{run}");
            let expected = heard(&network, b"what I say, nobody else does");
            let (once, refusal) = inject(&mut network, index, original.clone());
            assert_eq!((once, refusal), (vec![expected], None), "{run}: the packet itself is as good as ever");
            for _ in 0..3 {
                let (twice, refusal) = inject(&mut network, index, original.clone());
                assert_eq!(twice, [], "{run}: replayed");
                assert!(matches!(refusal, Some(ReceiveError::Ipsec(_))), "{run}: {refusal:?}");
            }
        }
    }
}

#[test]
fn packets_for_others_are_not_handed_on() {
    for run in runs(&PROTECTED) {
        let mut network = protected(run);
        assert_eq!(network.speak(b"each at home").unwrap().failed, 0);
        let copies: Vec<Vec<u8>> = (0..2).map(|index| network.intercept(index).pop().unwrap()).collect();
        // B and C are both listed, but each copy serves one of them.
        let (heard, refusal) = inject(&mut network, 0, copies[1].clone());
        assert_eq!((heard, refusal), (vec![], Some(ReceiveError::NotServed)), "{run}");
        let (heard, refusal) = inject(&mut network, 0, copies[0].clone());
        assert_eq!((heard.len(), refusal), (1, None), "{run}");
    }
}

/// Where an ordinary packet for all hosts of a link goes.
fn everybody(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::BROADCAST.into(),
        Family::V6 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into(),
    }
}

#[test]
fn nobody_is_heard_in_the_clear_where_policy_says_protect() {
    for run in runs(&PROTECTED) {
        for index in [0, ETHERNET] {
            let mut network = protected(run);
            // The same without protection: what shows that smoltcp would take them.
            let mut control = plain(run);
            let own = (network.members[index].host.address, member_port(index));
            let everybody = (everybody(run.family), member_port(index));
            let stranger = (network.members[1].host.address, 555);
            for from in [(network.a.address, SENDER_PORT), stranger] {
                for to in [own, everybody] {
                    let forged = frame(index, &datagram(from, to, b"believe me").unwrap());
                    control.members[index].router_end.put(forged.clone());
                    control.run(2);
                    assert_eq!(control.members[index].hear().len(), 1, "{run}: {from:?} to {to:?}");
                    let (heard, refusal) = inject(&mut network, index, forged);
                    assert_eq!(heard, [], "{run}: {from:?} to {to:?}");
                    assert!(matches!(refusal, Some(ReceiveError::Ipsec(_))), "{run}: {refusal:?}");
                }
            }
            // The first fragment hides nothing, the others do: neither gets in.
            if run.family == Family::V4 {
                for fragment in [[0x20, 0x00], [0x00, 0x01]] {
                    let mut packet = datagram(stranger, own, b"in pieces").unwrap();
                    packet[6..8].copy_from_slice(&fragment);
                    packet[10..12].fill(0);
                    let sum = xcast_sec::wire::Checksum::new().add_octets(&packet[..20]).finish();
                    packet[10..12].copy_from_slice(&sum.to_be_bytes());
                    let (heard, refusal) = inject(&mut network, index, frame(index, &packet));
                    assert_eq!(heard, [], "{run}");
                    assert!(matches!(refusal, Some(ReceiveError::Ipsec(_))), "{run}: {fragment:?}: {refusal:?}");
                }
            }
            // Xcast in the clear, as A would send it in a session without protection.
            let mut clear = plain(Run { protection: Protection::None, ..run });
            assert_eq!(clear.speak(b"believe me").unwrap().failed, 0);
            let xcast = clear.a.device.sent().pop().unwrap();
            let (heard, refusal) = inject(&mut network, index, frame(index, &xcast));
            assert_eq!(heard, [], "{run}");
            assert!(matches!(refusal, Some(ReceiveError::Ipsec(_))), "{run}: {refusal:?}");
        }
    }
}

#[test]
fn ordinary_traffic_is_not_disturbed() {
    for run in runs(&PROTECTED) {
        let mut network = protected(run);
        for index in 0..MEMBERS {
            let (own, a) = (network.members[index].host.address, network.a.address);
            // The member first: smoltcp answers no ping while it has yet to find the router, as on Ethernet.
            network.members[index].host.ping(a, 2, b"to A").unwrap();
            network.run(30);
            assert_eq!(network.members[index].host.pongs(), [(a, 2, b"to A".to_vec())], "{run}");
            network.a.ping(own, 1, b"from A").unwrap();
            network.run(30);
            assert_eq!(network.a.pongs(), [(own, 1, b"from A".to_vec())], "{run}");

            assert_eq!(stream(&mut network, index, 100_000), pattern(100_000), "{run}");

            // Ports that policy lets pass, and what is for all hosts of a link.
            let socket = network.members[index].host.udp_socket(9000);
            for to in [own, everybody(run.family)] {
                let packet = datagram((a, SENDER_PORT), (to, 9000), b"in the open").unwrap();
                network.members[index].router_end.put(frame(index, &packet));
                network.run(2);
                let expected = heard(&network, b"in the open");
                assert_eq!(network.members[index].host.hear(socket), [expected], "{run}");
            }
            assert_eq!(network.members[index].host.device.take_refusal(), None, "{run}");
            assert_eq!(network.members[index].host.device.receiver().counters().ipsec, 0, "{run}");
        }
        // And Xcast goes on in between.
        assert_eq!(network.speak(b"still there").unwrap().failed, 0);
        network.run(5);
        let expected = [heard(&network, b"still there")];
        assert!(network.members.iter_mut().all(|member| member.hear() == expected), "{run}");
    }
}

#[test]
fn a_host_that_is_listed_twice_hears_it_at_both_ports() {
    for run in runs(&PROTECTED) {
        let mut network = protected(run);
        let address = network.members[ETHERNET].host.address;
        let mut session = Session::new(*network.session.config()).unwrap();
        for port in [7050, member_port(ETHERNET), 7051] {
            session.add(Member { port: Some(port), ..Member::new(address) }).unwrap();
        }
        network.session = session;
        let others = [7050, 7051].map(|port| network.members[ETHERNET].host.udp_socket(port));
        assert_eq!(network.speak(b"twice and again").unwrap().failed, 0);
        network.run(5);
        let expected = [heard(&network, b"twice and again")];
        assert_eq!(network.members[ETHERNET].hear(), expected, "{run}");
        for other in others {
            assert_eq!(network.members[ETHERNET].host.hear(other), expected, "{run}");
        }
        assert_eq!(network.xcast_packets(&network.members[ETHERNET].router_end), 1, "{run}: one packet for three");
    }
}

/// A device that has no room to send for a while.
struct Full(Port, Rc<Cell<bool>>);

impl Device for Full {
    type RxToken<'a> = <Port as Device>::RxToken<'a>;
    type TxToken<'a> = <Port as Device>::TxToken<'a>;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        self.0.receive(now)
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        if self.1.get() { None } else { self.0.transmit(now) }
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.0.capabilities()
    }
}

#[test]
fn a_device_without_room_to_answer_loses_nothing_that_arrived() {
    let run = Run { family: Family::V6, protection: Protection::Esp };
    let mut network = protected(run);
    assert_eq!(network.speak(b"patience").unwrap().failed, 0);
    let packet = network.intercept(0).pop().unwrap();
    let (ours, others) = link(Medium::Ip);
    let own = network.members[0].host.address;
    let is_full = Rc::new(Cell::new(true));
    let mut device = XcastDevice::new(Full(ours, Rc::clone(&is_full)), network.agreement.receiver().unwrap(), own);
    others.put(packet);
    for _ in 0..3 {
        assert!(device.receive(Instant::ZERO).is_none());
    }
    assert_eq!(device.receiver().counters().delivered, 1, "it was opened, once");
    is_full.set(false);
    let (token, _) = device.receive(Instant::ZERO).unwrap();
    assert!(token.consume(|octets| octets.ends_with(b"patience")));
    assert!(device.receive(Instant::ZERO).is_none());
}

#[test]
fn a_device_without_room_shows_in_the_report() {
    let run = Run { family: Family::V4, protection: Protection::Esp };
    let agreement = Agreement::new(run);
    let (mut sender, session) = (agreement.sender().unwrap(), agreement.session().unwrap());
    let mut device = Full(link(Medium::Ip).0, Rc::new(Cell::new(true)));
    let mut link = DeviceLink { device: &mut device, now: Instant::ZERO };
    let mut random = agreement.random;
    let means = xcast_sec::stack::Means {
        crypto: &mut xcast_sec::crypto::RustCrypto,
        rng: &mut random,
        now: xcast_sec::time::Instant::START,
        mtu: 1500,
        scratch: &mut [0; 1500],
    };
    let datagram = xcast_sec::stack::Datagram { source_port: 1, destination_port: 0, payload: b"lost" };
    let report = sender.send(&session, &datagram, means, &mut link).unwrap();
    assert_eq!((report.sent, report.members_failed), (0, MEMBERS));
    assert_eq!(report.first_error, Some(PacketError::Link));
    assert_eq!(format!("{Busy:?}"), "Busy");
}

#[test]
fn what_is_no_ip_packet_passes_on_ethernet() {
    let agreement = Agreement::new(Run { family: Family::V4, protection: Protection::Esp });
    let own = agreement.member_address(ETHERNET);
    let (ours, others) = link(Medium::Ethernet);
    let mut device = XcastDevice::new(ours, agreement.receiver().unwrap(), own);
    let arp = [&[0xff; 12][..], &[0x08, 0x06], &[7; 46]].concat();
    // An Ethernet header, and too little behind it to be an IP packet.
    let broken = [&[0xff; 12][..], &[0x08, 0x00], &[0; 46]].concat();
    others.put(broken);
    others.put(arp.clone());
    let (token, _) = device.receive(Instant::ZERO).unwrap();
    token.consume(|octets| assert_eq!(octets, arp));
    assert!(matches!(device.take_refusal(), Some(ReceiveError::Unreadable(_))));
    assert!(device.receive(Instant::ZERO).is_none());
    assert_eq!(device.capabilities().max_transmission_unit, 1500 + ETHERNET_HEADER_LEN);
}

#[test]
fn arguments() {
    let parse = |arguments: &[&str]| args::parse(arguments.iter().map(OsString::from));
    assert_eq!(parse(&[]), Ok(Command::Play(Options::default())));
    assert_eq!(parse(&["--help"]), Ok(Command::Help));
    let one = Options { families: vec![Family::V6], protections: vec![Protection::AhEsp] };
    assert_eq!(parse(&["--family", "6", "--protection=ah+esp"]), Ok(Command::Play(one)));
    for (arguments, part) in [
        (&["--family", "5"][..], "--family needs 4, 6 or both, not '5'"),
        (&["--protection"], "--protection needs none, esp, ah+esp or all"),
        (&["--help=yes"], "unknown argument '--help'"),
        (&["--loud"], "unknown argument '--loud'"),
    ] {
        assert_eq!(parse(arguments), Err(part.to_owned()));
    }
}
