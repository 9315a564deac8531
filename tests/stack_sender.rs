//! The sender: what goes out, how long it is once it is sealed, and what is said of what does not go out.
#![cfg(feature = "rust-crypto")]

mod stack_kit;

use std::convert::Infallible;
use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;
use stack_kit::*;
use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::forward::{FnEgress, OwnAddress, PacketCopy, Prefix, Route, RouteTable, Router, RouterPolicy};
use xcast_sec::ipsec::{
    Action, Directionality, FixedOutboundSad, FixedSpd, LimitKind, Mode, ModeKind, NextLayer, OutboundError,
    OutboundSa, OuterHeader, PacketBuf, PolicyEntry, PolicyId, PortSelector, Protection, Required, RoutingCoverage, Sa,
    SaConfig, SealError, SecurityProtocol, SelectorSet, SenderId, Spi, Usage,
};
use xcast_sec::stack::{
    Datagram, FnLink, FnSegment, HeaderTemplate, Incoming, Limits, MAX_HEADERS_LEN, Member, MemberId, PacketError,
    ReceiverPolicy, SendError, SendReport, SenderCounters, Session,
};
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, Family, IpHeader, UdpDatagram, XcastPacket, max_destinations, protocol,
};

fn datagram(payload: &[u8]) -> Datagram<'_> {
    Datagram { source_port: 4000, destination_port: 5000, payload }
}

fn send(
    sender: &mut TestSender,
    session: &Session<MAX>,
    payload: &[u8],
    mtu: usize,
    tape: &mut Tape,
) -> Result<SendReport, SendError> {
    with_means(mtu, mtu, |means| sender.send(session, &datagram(payload), means, tape))
}

/// Every packet is counted once, every member of it once.
fn assert_adds_up(counters: &SenderCounters) {
    let SenderCounters { packets, sent, idle, not_built, no_scratch, not_protected, too_long, link_failed, .. } =
        *counters;
    assert_eq!(packets, sent + idle + not_built + no_scratch + not_protected + too_long + link_failed, "{counters:?}");
}

/// What members get out of `packets`: their address, port and payload.
fn received(
    shield: Shield,
    family: Family,
    place: BitmapPlace,
    packets: &[&[u8]],
    members: impl Iterator<Item = Member>,
) -> Vec<(Member, Vec<u8>)> {
    let mut got = Vec::new();
    for member in members {
        let mut receiver = receiver(shield, family, place, ReceiverPolicy::default());
        for packet in packets {
            let mut storage = packet.to_vec();
            let len = storage.len();
            let mut buffer = PacketBuf::new(&mut storage, 0..len).unwrap();
            let own = |address| address == member.address;
            if receiver.look(packet, own).is_err() {
                continue;
            }
            let Incoming::Packet(delivery) = receiver.receive(&mut RustCrypto, NOW, own, &mut buffer).unwrap() else {
                panic!("a dummy")
            };
            for destination in delivery.destinations().filter(|to| member.port.is_none() || to.port == member.port) {
                assert_eq!(destination.address, member.address);
                got.push((member, delivery.payload().to_vec()));
            }
        }
    }
    got
}

// --- What goes out ----------------------------------------------------------------------------------------------------

/// Under every protection, in both families, with the bitmap in both places: every member gets it once, and the packet is
/// as the session says.
#[test]
fn every_member_gets_it_once_under_every_protection() {
    for family in FAMILIES {
        for place in PLACES {
            for shield in Shield::ALL.into_iter().filter(|shield| shield.takes(family, place)) {
                for ports in [false, true] {
                    let mut config = config(family);
                    config.bitmap = place;
                    config.hop_limit = 9;
                    let (session, _) = session_with(config, 5, (true, ports));
                    let mut sender = sender(shield, family, place);
                    let mut tape = Tape::default();
                    let report = send(&mut sender, &session, b"hello", 1500, &mut tape).unwrap();
                    let context = format!("{family:?} {place:?} {shield:?} {ports}");
                    assert_eq!(
                        (report.sent, report.members_sent, report.failed, report.idle),
                        (1, 5, 0, 0),
                        "{context}"
                    );
                    assert_eq!(report.first_error, None);
                    let packet = XcastPacket::parse(tape.packets()[0], &code_points(), ChecksumPolicy::Verify).unwrap();
                    assert_eq!(packet.ip().hop_limit(), 9);
                    assert_eq!(packet.header().bitmap_place(), place);
                    assert_eq!(packet.has_ports(), ports);
                    // CS0 to CS4 merge to the highest.
                    assert_eq!(packet.ip().dscp().value(), 32);
                    let got =
                        received(shield, family, place, &tape.packets(), session.members().map(|(_, member)| *member));
                    let expected: Vec<_> = session.members().map(|(_, member)| (*member, b"hello".to_vec())).collect();
                    assert_eq!(got, expected, "{context}");
                    assert_adds_up(sender.counters());
                }
            }
        }
    }
}

/// RFC 5058 §8.1: beside a list of ports the destination port in the UDP header is 0, and its checksum is for that.
#[test]
fn beside_a_list_of_ports_the_destination_port_is_zero() {
    for family in FAMILIES {
        for (ports, expected) in [(false, 5000), (true, 0)] {
            let (session, _) = session_with(config(family), 2, (false, ports));
            let mut tape = Tape::default();
            assert_eq!(
                send(&mut sender(Shield::Clear, family, BitmapPlace::Header), &session, b"x", 1500, &mut tape)
                    .unwrap()
                    .failed,
                0
            );
            let packet = XcastPacket::parse(tape.packets()[0], &code_points(), ChecksumPolicy::Verify).unwrap();
            let datagram = UdpDatagram::parse(packet.payload()).unwrap();
            assert_eq!((datagram.source_port(), datagram.destination_port()), (4000, expected));
            assert!(datagram.checksum_ok(source(family), group(family)));
            assert_eq!(packet.port(1), ports.then_some(7002));
        }
    }
}

#[test]
fn disabled_members_are_not_served_and_idle_packets_not_sent() {
    for family in FAMILIES {
        for anonymous in [false, true] {
            let mut config = config(family);
            config.anonymous = anonymous;
            let most = max_destinations(family, false, false, BitmapPlace::Header);
            let (mut session, ids) = session_with(config, most + 2, (false, false));
            let mut sender = sender(Shield::EspGcm, family, BitmapPlace::Header);
            let mut tape = Tape::default();
            session.disable(ids[0]);
            session.disable(ids[most]);
            let report = send(&mut sender, &session, b"x", 9000, &mut tape).unwrap();
            assert_eq!((report.sent, report.members_sent, report.idle), (2, most, 0));
            assert_eq!(tape.sent[1].1, [ids[most + 1]]);
            let first = XcastPacket::parse(&tape.sent[0].0, &code_points(), ChecksumPolicy::Verify).unwrap();
            assert!(!first.bits().contains(0) && first.bits().contains(1));
            assert_eq!(first.destination(0).unwrap().is_unspecified(), anonymous, "they keep their place");
            assert_eq!(first.destination(1), Some(address(family, 1)));

            session.disable(ids[most + 1]);
            let report = send(&mut sender, &session, b"x", 9000, &mut tape).unwrap();
            assert_eq!((report.sent, report.members_sent, report.idle), (1, most - 1, 1));
            assert_eq!(tape.sent.len(), 3);
            session.enable(ids[most]);
            let report = send(&mut sender, &session, b"x", 9000, &mut tape).unwrap();
            assert_eq!((report.sent, report.idle, tape.sent[4].1.clone()), (2, 0, vec![ids[most]]));
            assert_adds_up(sender.counters());
            assert_eq!((sender.counters().segments, sender.counters().idle), (3, 1));
        }
    }
}

#[test]
fn a_session_without_members_sends_nothing() {
    let (session, _) = session_with(config(Family::V4), 0, (false, false));
    let mut sender = sender(Shield::Clear, Family::V4, BitmapPlace::Header);
    let report = send(&mut sender, &session, b"x", 1500, &mut Tape::default()).unwrap();
    assert_eq!(report, SendReport::default());
}

/// Any transport, written by a closure that is told whom its checksum is for.
#[test]
fn a_closure_writes_any_segment() {
    let (session, _) = session_with(config(Family::V6), 2, (false, true));
    let segment = FnSegment {
        protocol: 253,
        len: 5,
        write: |ends: &xcast_sec::stack::Ends, buffer: &mut [u8]| {
            assert_eq!((ends.source, ends.destination), (source(Family::V6), group(Family::V6)));
            assert!(ends.ports_listed);
            buffer.copy_from_slice(b"12345");
            Ok(())
        },
    };
    let mut tape = Tape::default();
    let mut sender = sender(Shield::EspCbc, Family::V6, BitmapPlace::Header);
    assert_eq!(with_means(1500, 1500, |means| sender.send(&session, &segment, means, &mut tape)).unwrap().failed, 0);
    let mut storage = tape.sent[0].0.clone();
    let len = storage.len();
    let mut buffer = PacketBuf::new(&mut storage, 0..len).unwrap();
    let mut receiver = receiver(Shield::EspCbc, Family::V6, BitmapPlace::Header, ReceiverPolicy::default());
    let own = |own| own == address(Family::V6, 1);
    let Incoming::Packet(delivery) = receiver.receive(&mut RustCrypto, NOW, own, &mut buffer).unwrap() else {
        panic!()
    };
    assert_eq!((delivery.next_protocol(), delivery.payload(), delivery.port()), (253, &b"12345"[..], Some(7002)));
    assert!(format!("{segment:?}").contains("len: 5"));
}

// --- How long it is ---------------------------------------------------------------------------------------------------

/// The limits that an association at a time makes, as a host would compute them by itself.
fn limits_of(shield: Shield, family: Family, place: BitmapPlace, mtu: usize, segment_len: usize) -> Limits {
    let associations = shield.associations(family, place);
    associations.iter().fold(Limits::new(mtu, segment_len), |limits, sa| limits.protected_by(sa, family))
}

/// Sends to as many members as fit, and one more: the first packet is as long as the MTU lets it be, none is longer.
#[test]
fn as_many_members_as_fit_and_one_more() {
    for family in FAMILIES {
        for place in PLACES {
            for shield in Shield::ALL.into_iter().filter(|shield| shield.takes(family, place)) {
                for (dscps, ports) in [(false, false), (true, true)] {
                    let limits = limits_of(shield, family, place, 1280, 168);
                    let fit = limits.destinations(family, dscps, ports, place);
                    let mut config = config(family);
                    config.bitmap = place;
                    let context = format!("{family:?} {place:?} {shield:?} {dscps} {fit}");
                    for (count, packets) in [(fit, 1), (fit + 1, 2)] {
                        let (session, _) = session_with(config, count, (dscps, ports));
                        let mut sender = sender(shield, family, place);
                        let plan = with_means(1280, 1280, |means| {
                            sender.plan(&session, &datagram(&[0; 160]), NOW, means.mtu, means.scratch)
                        });
                        assert_eq!(*plan.unwrap().limits(), limits, "{context}");
                        let mut tape = Tape::default();
                        let report = send(&mut sender, &session, &[7; 160], 1280, &mut tape).unwrap();
                        assert_eq!((report.sent, report.failed), (packets, 0), "{context}");
                        assert!(tape.sent.iter().all(|(packet, _)| packet.len() <= 1280), "{context}");
                    }
                    // A destination more in the first packet would not have fitted: what it needs, sealed, is too long.
                    if fit < max_destinations(family, dscps, ports, place) {
                        let (session, _) = session_with(config, fit + 1, (dscps, ports));
                        let mut tape = Tape::default();
                        let report = send(&mut sender(shield, family, place), &session, &[7; 160], 1500, &mut tape);
                        assert_eq!(report.unwrap().sent, 1, "{context}");
                        assert!(tape.sent[0].0.len() > 1280, "{context}: {}", tape.sent[0].0.len());
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A packet sealed for one MTU fits it, and a scratch buffer of as many octets is enough.
    #[test]
    fn what_is_sealed_for_an_mtu_fits_it(
        family in select(&FAMILIES[..]),
        place in select(&PLACES[..]),
        shield in select(&Shield::ALL[..]),
        lists in any::<(bool, bool)>(),
        count in 1..MAX,
        payload_len in 0..700_usize,
        mtu in 576..3000_usize,
    ) {
        let shield = if shield.takes(family, place) { shield } else { Shield::EspGcm };
        let mut config = config(family);
        config.bitmap = place;
        let (session, _) = session_with(config, count, lists);
        let mut sender = sender(shield, family, place);
        let mut tape = Tape::default();
        match send(&mut sender, &session, &vec![3; payload_len], mtu, &mut tape) {
            Ok(report) => {
                prop_assert_eq!((report.failed, report.first_error, report.members_sent), (0, None, count));
                let limits = limits_of(shield, family, place, mtu, 8 + payload_len);
                let fit = limits.destinations(family, lists.0, lists.1, place);
                prop_assert_eq!(report.sent, count.div_ceil(fit));
                for (packet, _) in &tape.sent {
                    prop_assert!(packet.len() <= mtu);
                    prop_assert_eq!(IpHeader::split(packet).unwrap().0.packet_len(), packet.len());
                }
            }
            Err(SendError::NothingFits(error)) => {
                prop_assert!(error.needed > error.mtu && error.mtu <= mtu);
                let limits = limits_of(shield, family, place, mtu, 8 + payload_len);
                prop_assert_eq!(limits.destinations(family, lists.0, lists.1, place), 0);
                prop_assert!(tape.sent.is_empty());
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
        assert_adds_up(sender.counters());
    }

    /// To the octet the same, whether headers were prepared or not.
    #[test]
    fn prepared_headers_send_the_same(
        family in select(&FAMILIES[..]),
        place in select(&PLACES[..]),
        shield in select(&Shield::ALL[..]),
        lists in any::<(bool, bool)>(),
        anonymous in any::<bool>(),
        count in 1..150_usize,
        disabled in proptest::collection::vec(any::<bool>(), 150),
    ) {
        let shield = if shield.takes(family, place) { shield } else { Shield::EspGcm };
        let mut config = config(family);
        config.bitmap = place;
        config.anonymous = anonymous && place == BitmapPlace::Header;
        let (mut session, ids) = session_with(config, count, lists);
        let (mut plain, mut prepared) = (sender(shield, family, place), sender(shield, family, place));
        let segment = datagram(&[5; 100]);
        let plan = prepared.plan(&session, &segment, NOW, 1280, &mut [0; 1280]).unwrap();
        let templates: Vec<HeaderTemplate<MAX_HEADERS_LEN>> = session
            .packets(plan.limits())
            .unwrap()
            .map(|packet| HeaderTemplate::new(&packet, &code_points(), protocol::UDP).unwrap())
            .collect();
        for (id, off) in ids.iter().zip(&disabled) {
            session.set_enabled(*id, !off);
        }
        let (mut one, mut other) = (Tape::default(), Tape::default());
        let first = with_means(1280, 1280, |means| plain.send(&session, &segment, means, &mut one)).unwrap();
        let second = with_means(1280, 1280, |means| {
            prepared.send_prepared(&plan, &session, &templates, &segment, means, &mut other)
        });
        prop_assert_eq!(first, second);
        prop_assert_eq!(one.sent, other.sent);
        prop_assert_eq!(plain.counters(), prepared.counters());
    }
}

/// A tunnel takes whole packets, of another family too; AH may stand around it. As many members as fit do, to the octet.
#[test]
fn a_tunnel_takes_as_many_as_fit() {
    let gateways: [[IpAddr; 2]; 2] = [
        [[203, 0, 113, 1].into(), [203, 0, 113, 2].into()],
        ["2001:db8:f::1".parse().unwrap(), "2001:db8:f::2".parse().unwrap()],
    ];
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    let coverage = RoutingCoverage::FieldsZeroed;
    let ah = Protection::Ah { integrity, key: &[1; 32], coverage, pad_to_8: false };
    let cbc = Protection::Esp {
        cipher: CipherAlgorithm::AesCbc,
        cipher_key: &[2; 16],
        integrity: Some((integrity, &[3; 32])),
    };
    let policy = PolicyId::new(3);
    for (family, ends) in FAMILIES.into_iter().flat_map(|family| gateways.map(|ends| (family, ends))) {
        let tunnel = Mode::Tunnel(OuterHeader::between(ends[0], ends[1], 64));
        let config_of = |spi: u32, protection, mode| SaConfig {
            policy: Some(policy),
            source: Some(ends[0]),
            destination: Some(ends[1]),
            mode,
            ..SaConfig::new(Spi::new(spi).unwrap(), protection)
        };
        for (required, configs) in [
            (Required::Esp(ModeKind::Tunnel), vec![config_of(0x300, cbc, tunnel)]),
            (Required::Ah(ModeKind::Tunnel), vec![config_of(0x301, ah, tunnel)]),
            (
                Required::AhAroundEsp { esp: ModeKind::Tunnel },
                vec![config_of(0x302, cbc, tunnel), config_of(0x303, ah, Mode::Transport)],
            ),
        ] {
            let sealed = |count: usize, mtu: usize| {
                let (session, _) = session_with(config(family), count, (false, false));
                let mut sender = sender(Shield::Clear, family, BitmapPlace::Header);
                let mut spd = FixedSpd::new();
                let action = Action::Protect { policy, required };
                let directionality = Directionality::Symmetric;
                spd.push(PolicyEntry { directionality, selectors: SelectorSet::ANY, action }).unwrap();
                sender.outbound.policy = spd;
                for config in &configs {
                    let sa = Sa::new(config, &mut RustCrypto).unwrap();
                    sender.outbound.sad.insert(OutboundSa::new(sa, NOW).unwrap()).unwrap();
                }
                let mut tape = Tape::default();
                let report = send(&mut sender, &session, &[7; 100], mtu, &mut tape).unwrap();
                assert_eq!((report.failed, report.first_error), (0, None));
                tape.sent.iter().map(|(packet, _)| packet.len()).collect::<Vec<_>>()
            };
            for mtu in 1280..1320 {
                let lens = sealed(90, mtu);
                assert!(lens.iter().all(|&len| len <= mtu), "{lens:?}");
                // The same list in one packet: as many as went in the first, and one more, which then is too long.
                let fit = (1..=90).take_while(|&count| sealed(count, mtu).len() == 1).count();
                if fit < 90 {
                    let one_more = sealed(fit + 1, 9000);
                    assert!(one_more.len() == 1 && one_more[0] > mtu, "{family:?} {ends:?} {required:?} {mtu} {fit}");
                }
            }
        }
    }
}

/// What the path is known to take counts as well as the link's MTU (RFC 4301 §8.2.1).
#[test]
fn the_list_is_split_for_the_path() {
    for shield in [Shield::EspGcm, Shield::Ah, Shield::AhEsp] {
        let (family, place) = (Family::V6, BitmapPlace::Header);
        let (session, _) = session_with(config(family), 80, (false, false));
        let mut sender = sender(shield, family, place);
        for sa in sender.outbound.sad.iter_mut() {
            sa.path_mtu_mut().learn(1280, family, NOW);
        }
        let mut tape = Tape::default();
        let report = send(&mut sender, &session, &[0; 100], 9000, &mut tape).unwrap();
        assert_eq!((report.sent, report.failed), (2, 0), "{shield:?}");
        assert!(tape.sent.iter().all(|(packet, _)| packet.len() <= 1280));
    }
}

// --- What does not go out ---------------------------------------------------------------------------------------------

#[test]
fn nothing_fits_with_the_numbers() {
    for family in FAMILIES {
        let (session, _) = session_with(config(family), 3, (false, false));
        let mut sender = sender(Shield::EspGcm, family, BitmapPlace::Header);
        let one = if family == Family::V4 { 20 + 12 + 4 + 4 } else { 40 + 24 + 8 + 16 };
        // In the clear it would fit; with 16 octets in front and 2 of trailer, padded, and 16 behind it does not.
        let sealed = one + 16 + (8 + 100_usize + 2).next_multiple_of(4) + 16;
        let mut tape = Tape::default();
        let error = send(&mut sender, &session, &[0; 100], sealed - 1, &mut tape).unwrap_err();
        let SendError::NothingFits(numbers) = error else { panic!("{error}") };
        assert_eq!((numbers.needed, numbers.mtu), (sealed, sealed - 1));
        // Not even in the clear.
        let error = send(&mut sender, &session, &[0; 100], one + 107, &mut tape).unwrap_err();
        let SendError::NothingFits(numbers) = error else { panic!("{error}") };
        assert_eq!((numbers.needed, numbers.mtu), (one + 108, one + 107));
        assert!(error.to_string().contains(&(one + 107).to_string()));
        assert!(tape.sent.is_empty() && tape.not_sent.is_empty());
        assert_eq!((sender.counters().segments, sender.counters().refused, sender.counters().packets), (2, 2, 0));
        assert_eq!(send(&mut sender, &session, &[0; 100], sealed, &mut tape).unwrap().sent, 3);
    }
}

/// An association near its end is named, and still serves.
#[test]
fn a_soft_limit_passed_is_told() {
    let (session, _) = session_with(config(Family::V6), 3, (false, false));
    let mut sender = sender(Shield::EspGcm, Family::V6, BitmapPlace::Header);
    let sa = Shield::EspGcm.associations(Family::V6, BitmapPlace::Header).remove(0);
    // All 32-bit numbers but the last few are used up.
    let id = sa.id();
    let mut near_end = OutboundSa::resume(sa, u64::from(u32::MAX) - 3, SenderId::ONLY, Usage::new(NOW)).unwrap();
    near_end.reserve(10).commit();
    sender.outbound.sad = FixedOutboundSad::new();
    sender.outbound.sad.insert(near_end).unwrap();
    let report = send(&mut sender, &session, b"x", 1500, &mut Tape::default()).unwrap();
    assert_eq!((report.sent, report.soft_limit), (1, Some((id, LimitKind::SequenceNumbers))));
    let mut fresh = stack_kit::sender(Shield::EspGcm, Family::V6, BitmapPlace::Header);
    assert_eq!(send(&mut fresh, &session, b"x", 1500, &mut Tape::default()).unwrap().soft_limit, None);
}

/// One packet that fails does not keep the others from going out, and is named with its members.
#[test]
fn what_fails_is_named_and_the_rest_goes_out() {
    let family = Family::V4;
    let (session, ids) = session_with(config(family), 130, (false, false));
    let counted = |sender: &TestSender| {
        assert_adds_up(sender.counters());
        *sender.counters()
    };

    // No association.
    let mut without = sender(Shield::EspGcm, family, BitmapPlace::Header);
    without.outbound.sad = Default::default();
    let mut tape = Tape::default();
    let report = send(&mut without, &session, b"x", 9000, &mut tape).unwrap();
    let SendReport { sent: 0, failed: 2, members_failed: 130, first_error: Some(error), .. } = report else {
        panic!("{report:?}")
    };
    let PacketError::Protect(OutboundError::NoSa { protocol: SecurityProtocol::Esp, .. }) = error else {
        panic!("{error}")
    };
    assert_eq!(tape.not_sent, [(ids[..127].to_vec(), error), (ids[127..].to_vec(), error)]);
    assert_eq!(counted(&without).not_protected, 2);

    // Policy has nothing to say.
    let mut without = sender(Shield::Clear, family, BitmapPlace::Header);
    without.outbound.policy = xcast_sec::ipsec::FixedSpd::new();
    let report = send(&mut without, &session, b"x", 9000, &mut Tape::default()).unwrap();
    assert_eq!(report.first_error, Some(PacketError::Protect(OutboundError::NoPolicy)));

    // The link takes one packet and no more.
    let mut sender = sender(Shield::EspGcm, family, BitmapPlace::Header);
    let mut tape = Tape { fails_after: Some(1), ..Tape::default() };
    let report = send(&mut sender, &session, b"x", 9000, &mut tape).unwrap();
    assert_eq!((report.sent, report.failed, report.members_sent, report.members_failed), (1, 1, 127, 3));
    assert_eq!((report.first_error, tape.not_sent.len()), (Some(PacketError::Link), 0));
    assert_eq!((counted(&sender).link_failed, sender.counters().members_failed), (1, 3));
}

/// AH over an Xcast4 header that holds its bitmap is refused (draft §3.2.1), by name.
#[test]
fn a_construction_that_is_refused_is_named() {
    let (session, _) = session_with(config(Family::V4), 2, (false, false));
    let mut sender = sender(Shield::Ah, Family::V4, BitmapPlace::Option);
    let report = send(&mut sender, &session, b"x", 1500, &mut Tape::default()).unwrap();
    let refused = SealError::Refused(xcast_sec::ipsec::Refusal::BitmapUnderAh);
    assert_eq!(report.first_error, Some(PacketError::Protect(OutboundError::Seal(refused))));
}

#[test]
fn a_scratch_buffer_too_small_is_named() {
    let (session, _) = session_with(config(Family::V6), 10, (false, false));
    let mut sender = sender(Shield::EspGcm, Family::V6, BitmapPlace::Header);
    let mut send = |scratch| {
        with_means(1500, scratch, |means| sender.send(&session, &datagram(&[0; 100]), means, &mut Tape::default()))
    };
    let one = 40 + 24 + 8 + 16 + 108;
    assert_eq!(send(one - 1).unwrap_err(), SendError::ScratchTooSmall { needed: one });
    let all = 16 + one + 9 * 16;
    assert_eq!(send(all - 1).unwrap().first_error, Some(PacketError::ScratchTooSmall { needed: all }));
    // The trailer does not fit.
    let report = send(all).unwrap();
    let Some(PacketError::Protect(OutboundError::Seal(SealError::NoRoom { .. }))) = report.first_error else {
        panic!("{report:?}")
    };
    assert_eq!(send(all + 20).unwrap().sent, 1);
}

/// Headers prepared for less: what turns out too long does not go out.
#[test]
fn what_is_too_long_once_sealed_does_not_go_out() {
    let (session, ids) = session_with(config(Family::V6), 5, (false, false));
    let mut sender = sender(Shield::EspGcm, Family::V6, BitmapPlace::Header);
    let short = datagram(b"short");
    let plan = sender.plan(&session, &short, NOW, 300, &mut [0; 300]).unwrap();
    let templates: Vec<HeaderTemplate<256>> = session
        .packets(plan.limits())
        .unwrap()
        .map(|packet| HeaderTemplate::new(&packet, &code_points(), protocol::UDP).unwrap())
        .collect();
    let mut tape = Tape::default();
    let payload = [0; 200];
    let long = datagram(&payload);
    let report =
        with_means(300, 600, |means| sender.send_prepared(&plan, &session, &templates, &long, means, &mut tape));
    let len = 40 + 24 + 8 + 80 + 16 + 212 + 16;
    assert_eq!(report.first_error, Some(PacketError::TooLong { len, mtu: 300 }));
    assert_eq!((tape.sent.len(), tape.not_sent.len()), (0, 1));
    assert_eq!(tape.not_sent[0].0, ids);
    assert_eq!(sender.counters().too_long, 1);
    // Another protocol than prepared for.
    let tcp = FnSegment { protocol: protocol::TCP, len: 20, write: |_: &_, _: &mut [u8]| Ok(()) };
    let report =
        with_means(300, 600, |means| sender.send_prepared(&plan, &session, &templates, &tcp, means, &mut tape));
    assert_eq!((report.first_error, report.failed), (Some(PacketError::OtherProtocol), 1));
    assert_adds_up(sender.counters());
}

/// Neither payloads nor what lies in the scratch buffer show.
#[test]
fn nothing_secret_in_debug() {
    let datagram = datagram(b"ZZZZ");
    assert!(!format!("{datagram:?}").contains("90, 90"));
    with_means(1500, 100, |means| assert!(!format!("{means:?}").contains("238, 238")));
    let shown = format!("{:?}", sender(Shield::EspGcm, Family::V6, BitmapPlace::Header));
    assert!(!shown.contains("229, 229") && !shown.contains("e5e5"), "{shown}");
}

/// A closure is link enough.
#[test]
fn a_closure_is_a_link() {
    let (session, ids): (_, Vec<MemberId>) = session_with(config(Family::V4), 3, (false, false));
    let mut lens = Vec::new();
    let mut link = FnLink(|packet: &[u8]| {
        lens.push(packet.len());
        Ok::<(), Infallible>(())
    });
    let mut sender = sender(Shield::Clear, Family::V4, BitmapPlace::Header);
    let report = with_means(1500, 1500, |means| sender.send(&session, &datagram(b"x"), means, &mut link)).unwrap();
    assert_eq!((report.members_sent, lens, ids.len()), (3, vec![20 + 12 + 4 + 12 + 9], 3));
}

/// RFC 5058 §11.5: packets for the one router that knows Xcast, at its own address, which makes each of them unicast.
#[test]
fn a_router_on_a_special_address_serves_all() {
    for family in FAMILIES {
        let router = address(family, 299);
        for ports in [false, true] {
            let mut config = config(family);
            config.router = Some(router);
            let (session, _) = session_with(config, 5, (false, ports));
            let mut tape = Tape::default();
            let mut sender = sender(Shield::Clear, family, BitmapPlace::Header);
            assert_eq!(send(&mut sender, &session, b"to all", 1500, &mut tape).unwrap().members_sent, 5);
            let [(packet, _)] = &tape.sent[..] else { panic!("{} packets", tape.sent.len()) };
            let (ip, _) = IpHeader::split(packet).unwrap();
            assert_eq!(ip.destination(), router);
            // Prepared headers are the same.
            let segment_len = 8 + 6;
            let listed = session.packets(&Limits::new(1500, segment_len)).unwrap().next().unwrap();
            let template = HeaderTemplate::<400>::new(&listed, &code_points(), protocol::UDP).unwrap();
            let mut buffer = [0x77; 400];
            template.emit(listed.bits(), segment_len, &mut buffer).unwrap();
            assert_eq!(buffer[..listed.header_len()], packet[..listed.header_len()]);

            let mut policy = RouterPolicy::default();
            policy.own_address = OwnAddress::MakeUnicast;
            let mut unicast = Vec::new();
            let mut egress = FnEgress(|index: usize, copy: &PacketCopy<'_>| {
                let mut octets = vec![0; copy.len()];
                copy.emit(&mut octets).map(|_| unicast.push((index, octets)))
            });
            let mut routes = RouteTable::<usize, 8>::new();
            routes.insert_address(router).unwrap();
            for index in 0..5 {
                let route = Route { next_hop: index, xcast_capable: true, mtu: 1500 };
                routes.insert_route(Prefix::host(address(family, index)), route).unwrap();
            }
            let mut server = Router::new(code_points(), policy);
            assert!(server.forward(NOW, None, packet, &routes, &mut egress).is_ok());
            assert_eq!(unicast.len(), 5);
            for (index, octets) in unicast {
                let (ip, segment) = IpHeader::split(&octets).unwrap();
                let datagram = UdpDatagram::parse(segment).unwrap();
                assert_eq!(ip.destination(), address(family, index));
                assert!(datagram.checksum_ok(ip.source(), ip.destination()));
                let port = if ports { 7001 + u16::try_from(index).unwrap() } else { 5000 };
                assert_eq!((datagram.destination_port(), datagram.payload()), (port, &b"to all"[..]));
            }
        }
    }
}

/// Policy may speak of ports, and a list has many: packets are planned by what it says of all of them.
#[test]
fn lists_of_ports_are_planned_by_what_policy_says_of_them() {
    for shield in [Shield::EspGcm, Shield::AhEsp] {
        let (session, _) = session_with(config(Family::V6), 250, (false, true));
        let mut sender = sender(shield, Family::V6, BitmapPlace::Header);
        let everything = shield.spd();
        let action = *everything.iter().map(|entry| &entry.action).next().unwrap();
        let remote = PortSelector::Range { first: 7001, last: 7400 };
        let next_layer = NextLayer::Ports { protocol: protocol::UDP, local: PortSelector::Any, remote };
        let selectors = SelectorSet { next_layer, ..SelectorSet::ANY };
        sender.outbound.policy = FixedSpd::new();
        let directionality = Directionality::Symmetric;
        sender.outbound.policy.push(PolicyEntry { directionality, selectors, action }).unwrap();
        let mut tape = Tape::default();
        let report = send(&mut sender, &session, b"to all", 1500, &mut tape).unwrap();
        assert_eq!((report.members_sent, report.failed), (250, 0), "{shield:?}");
        assert!(tape.packets().iter().all(|packet| packet.len() <= 1500));
    }
}

/// What is protected cannot become unicast, which is all that a router on a special address could do with it.
#[test]
fn nothing_protected_goes_to_a_router_on_a_special_address() {
    for family in FAMILIES {
        let mut config = config(family);
        config.router = Some(address(family, 299));
        let (session, _) = session_with(config, 3, (false, false));
        let shield = Shield::EspGcm;
        let mut sad = FixedOutboundSad::new();
        for sa in shield.associations_to(family, BitmapPlace::Header, address(family, 299)) {
            sad.insert(OutboundSa::new(sa, NOW).unwrap()).unwrap();
        }
        let mut sender = xcast_sec::stack::Sender::new(
            xcast_sec::ipsec::Outbound::new(sad, shield.spd(), xcast_sec::ipsec::NoAudit),
            code_points(),
        );
        let mut tape = Tape::default();
        let report = send(&mut sender, &session, b"to all", 1500, &mut tape).unwrap();
        assert_eq!((report.sent, report.first_error), (0, Some(PacketError::ProtectedToRouter)));
        assert!(tape.sent.is_empty());
        assert_adds_up(sender.counters());
    }
}
