//! What `Debug` shows of packets, and of what stands around them: enough to tell them apart, and nothing of what they carry.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv6Addr};

use xcast_sec::crypto::{EspJob, EspLengths, EspParts, IcvJob};
use xcast_sec::forward::{FnEgress, PacketCopy};
use xcast_sec::group::source_auth::Verdict;
use xcast_sec::group::{ike, sip};
use xcast_sec::ipsec::PacketBuf;
use xcast_sec::stack::{
    Datagram, FnLink, HeaderTemplate, Limits, MAX_HEADERS_LEN, Member, Origin, Session, SessionConfig,
};
use xcast_sec::wire::{
    AhHeader, BitmapPlace, Checksum, ChecksumPolicy, CodePoints, DestinationSet, Destinations, Encapsulated, Ipv4Repr,
    Ipv6Repr, PacketTooBig, UdpDatagram, UdpRepr, XcastPacket, XcastPacketMut, XcastRepr, protocol,
};

/// What must not be seen.
const SECRET: [u8; 32] = *b"\xc3\xd4 not to be seen, wherever \xe5\xf6!!";

/// Shows just `expected`, and no two octets of the secret in whatever form.
#[track_caller]
fn shows(what: &dyn Debug, expected: &str) {
    assert_eq!(format!("{what:?}"), expected);
    for text in [format!("{what:#?}"), format!("{what:x?}"), format!("{what:#X?}")] {
        let dense: String = text.to_lowercase().chars().filter(|character| !character.is_whitespace()).collect();
        for form in ["195,212", "c3,d4", "c3d4", "0xc3,0xd4", "nottobeseen", "110,111"] {
            assert!(!dense.contains(form), "{text}");
        }
    }
}

fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

fn members() -> [Ipv6Addr; 3] {
    [2, 3, 4].map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))
}

/// A datagram with the secret for three members.
fn packet() -> Vec<u8> {
    let members = members();
    let source = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let header = XcastRepr {
        destinations: Destinations::V6 { source, channel: [0; 16], addresses: &members },
        bits: DestinationSet::first_n(3),
        dscps: None,
        ports: None,
        anonymous: false,
        no_x2u: false,
        bitmap: BitmapPlace::Header,
        hop_limit: 64,
        next_protocol: protocol::UDP,
    };
    let datagram = UdpRepr { source_port: 4000, destination_port: 4001, payload: &SECRET };
    let mut buffer = vec![0; header.encoded_len(datagram.encoded_len())];
    let behind = header.emit(&code_points(), datagram.encoded_len(), &mut buffer).unwrap();
    datagram.emit(source.into(), code_points().fields().routers_v6.into(), behind).unwrap();
    buffer
}

#[test]
fn transport() {
    let packet = packet();
    let parsed = XcastPacket::parse(&packet, &code_points(), ChecksumPolicy::Verify).unwrap();
    let datagram = UdpDatagram::parse(parsed.payload()).unwrap();
    shows(&datagram, "UdpDatagram { source_port: 4000, destination_port: 4001, len: 40, .. }");
    let repr = UdpRepr { source_port: 1, destination_port: 2, payload: &SECRET };
    shows(&repr, "UdpRepr { source_port: 1, destination_port: 2, payload_len: 32 }");
    let text = format!("{:?}", Datagram { source_port: 7, destination_port: 8, payload: &SECRET });
    shows(&Datagram { source_port: 7, destination_port: 8, payload: &SECRET }, &text);
    assert!(text.contains('7') && text.contains('8'), "{text}");
}

/// The inner packet of a tunnel, a packet to be edited, and what a router quotes.
#[test]
fn packets_in_other_forms() {
    let mut octets = packet();
    let outer = Ipv6Repr {
        traffic_class: 0,
        hop_limit: 9,
        next_header: protocol::IPV6,
        source: members()[0],
        destination: members()[1],
        payload_len: octets.len(),
    };
    let mut tunnelled = vec![0; 40];
    outer.emit(&mut tunnelled).unwrap();
    tunnelled.extend_from_slice(&octets);
    let inside = Encapsulated::parse(&tunnelled, &code_points()).unwrap().unwrap();
    assert_eq!(inside.inner(), octets);
    let shown = format!("{inside:?}");
    shows(&inside, &shown);
    assert!(
        shown.ends_with(&format!("inner_at: 40, inner_len: {}, semi_permeable: false }}", octets.len())),
        "{shown}"
    );

    // RFC 1191 §4; the checksum is over the message alone.
    let mut message = [&[3, 4, 0, 0, 0, 0, 2, 200][..], &SECRET].concat();
    let sum = Checksum::new().add_octets(&message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let header = Ipv4Repr {
        tos: 0,
        ttl: 9,
        protocol: 1,
        source: [192, 0, 2, 1].into(),
        destination: [192, 0, 2, 2].into(),
        options_len: 0,
        payload_len: message.len(),
    };
    let mut report = vec![0; header.encoded_len()];
    header.emit(&mut report).unwrap();
    report.extend_from_slice(&message);
    let report = PacketTooBig::parse(&report).unwrap();
    assert_eq!(report.quoted(), SECRET);
    shows(&report, "PacketTooBig { destination: 192.0.2.2, mtu: Some(712), quoted_len: 32 }");

    let edited = XcastPacketMut::parse(&mut octets, &code_points(), ChecksumPolicy::Verify).unwrap();
    let shown = format!("{edited:?}");
    shows(&edited, &shown);
    assert!(shown.starts_with("XcastPacketMut { len: "), "{shown}");
}

/// A payload of IKE may be a Key Download.
#[test]
fn payloads_of_ike() {
    let chain = [&[0, 0, 0, 36][..], &SECRET].concat();
    let mut payloads = ike::Payloads::new(ike::payload_type::KEY_DOWNLOAD, &chain);
    shows(&payloads, "Payloads { next: 17, rest_len: 36 }");
    let payload = payloads.next().unwrap().unwrap();
    assert_eq!(payload.body, SECRET);
    shows(&payload, "Payload { kind: 17, body_len: 32 }");
}

#[test]
fn packets() {
    let mut packet = packet();
    let parsed = XcastPacket::parse(&packet, &code_points(), ChecksumPolicy::Verify).unwrap();
    let copy = PacketCopy::local(&parsed, 1).unwrap();
    shows(&copy, "PacketCopy { kind: Unicast, destinations: {1}, len: 80, .. }");
    let len = packet.len();
    shows(
        &PacketBuf::new(&mut packet, 4..len).unwrap(),
        &format!("PacketBuf {{ storage_len: {len}, range: 4..{len} }}"),
    );
    let mut ah = [SECRET[0]; 24];
    ah[..12].copy_from_slice(&[17, 4, 0, 0, 0, 0, 3, 0, 0, 0, 0, 9]);
    ah[12..].copy_from_slice(&SECRET[..12]);
    let text = format!("{:?}", AhHeader::split(&ah).unwrap().0);
    shows(&AhHeader::split(&ah).unwrap().0, &text);
    assert!(text.starts_with("AhHeader { fixed: ") && text.ends_with("len: 24, .. }"), "{text}");
}

/// Members may not be told who the others are.
#[test]
fn prepared_headers() {
    let origin = Origin::without_channel(IpAddr::from(members()[0]));
    let mut session = Session::<3>::new(SessionConfig::new(origin)).unwrap();
    session.add(Member::new(members()[1].into())).unwrap();
    let packets = session.packets(&Limits::new(1280, 40)).unwrap();
    for packet in packets {
        let template = HeaderTemplate::<MAX_HEADERS_LEN>::new(&packet, &code_points(), protocol::UDP).unwrap();
        let text =
            format!("HeaderTemplate {{ members: 1, header_len: {}, next_protocol: 17, .. }}", template.header_len());
        shows(&template, &text);
    }
}

#[test]
fn jobs() {
    let mut octets = [0; 64];
    octets[24..56].copy_from_slice(&SECRET);
    let mut job =
        EspJob::new(&(), &(), &mut octets, EspLengths { iv_len: 16, icv_len: 8 }, Some([0, 0, 0, 1])).unwrap();
    shows(&job, "EspJob { protected_len: 56, data_at: 24, result: Err(Provider), .. }");
    let parts: EspParts<'_> = job.parts();
    shows(&parts, "EspParts { header_len: 24, iv_len: 16, data_len: 32, high_len: 4, icv_len: 8 }");
    // Octets that hold neither header, vector nor ICV are no job.
    assert!(EspJob::new(&(), &(), &mut [0; 31], EspLengths { iv_len: 16, icv_len: 8 }, None).is_none());
    assert!(EspJob::new(&(), &(), &mut [0; 32], EspLengths { iv_len: 16, icv_len: 8 }, None).is_some());
    assert!(EspJob::new(&(), &(), &mut [0; 32], EspLengths { iv_len: usize::MAX, icv_len: 8 }, None).is_none());
    shows(&IcvJob::verify(&(), SECRET, &SECRET[..16]), "IcvJob { verifies: true, .. }");
}

#[test]
fn key_management() {
    shows(&Verdict::Authentic(&SECRET), "Authentic { len: 32, .. }");
    shows(&Verdict::NotYet, "NotYet");
    shows(&sip::Offer { group: b"g", epoch: 3, sa: &SECRET, kd: &SECRET }, "Offer { group: [103], epoch: 3, .. }");
    shows(&ike::Acceptor::new(ike::Retry::default()), "Acceptor { highest: None, pending: None, .. }");
    shows(&ike::Pusher::<256>::new(ike::Retry::default()), "Pusher { message_id: None, .. }");
}

#[test]
fn closures() {
    let captured = SECRET;
    let link = FnLink(move |packet: &[u8]| if packet == captured { Ok(()) } else { Err(captured) });
    shows(&link, "FnLink");
    let egress = FnEgress(move |_: u8, copy: &PacketCopy<'_>| if copy.len() > 32 { Ok(()) } else { Err(captured) });
    shows(&egress, "FnEgress");
}
