//! Sound packets: how they are told, tunnels, XCAST6 2.0, what X2U makes, and what routers and receivers would refuse.

use std::convert::Infallible;
use std::net::IpAddr;

use xcast_sec::forward::{FnEgress, PacketCopy, Route, RouteLookup, Router, RouterPolicy};
use xcast_sec::wire::xcast6_v2::{CodePointsV2, ReprV2};
use xcast_sec::wire::{BitmapPlace, CodePoints, DestinationSet, Family, UdpRepr, protocol};

use super::make::{Xcast, fix_ipv4, fix_xcast, ipv4, ipv6, raw, v6};
use super::run;

/// The line of one packet behind number and time, and the notes.
fn told(packet: &[u8]) -> (String, Vec<String>) {
    let ran = run(&["-", "--all"], &raw(&[packet]));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let line = ran.packets()[0].splitn(4, ' ').nth(3).unwrap().to_owned();
    let notes = ran.out.lines().filter_map(|line| line.strip_prefix("    note: ")).map(Into::into).collect();
    (line, notes)
}

fn line(packet: &[u8]) -> String {
    told(packet).0
}

const UDP: &str = "UDP 4000 > 5000, 5 octets, checksum ok";

#[test]
fn every_field_stands_in_the_line() {
    let points = CodePoints::rfc4727_experiment();
    let full = |family| Xcast { dscps: true, ports: true, channel: 0x2a, ..Xcast::plain(family) };
    for (xcast, expected) in [
        (
            full(Family::V4),
            "IPv4 192.0.2.1 > +192.0.2.2:5000/EF +192.0.2.3:5001/CS1 +192.0.2.4:5002/CS1 (3 of 3) | hop 64, EF | --DP, channel 0x2a, bitmap in header, checksum ok",
        ),
        (
            full(Family::V6),
            "IPv6 2001:db8::1 > +[2001:db8::2]:5000/EF +[2001:db8::3]:5001/CS1 +[2001:db8::4]:5002/CS1 (3 of 3) | hop 64, EF | --DP, channel 0x2a, bitmap in header, checksum ok",
        ),
        (
            Xcast {
                bits: DestinationSet::single(1),
                no_x2u: true,
                bitmap: BitmapPlace::Option,
                ..Xcast::plain(Family::V4)
            },
            "IPv4 192.0.2.1 > -192.0.2.2 +192.0.2.3 -192.0.2.4 (1 of 3) | hop 64, CS0 | -X--, bitmap in option, checksum ok",
        ),
        (
            Xcast { count: 10, bits: DestinationSet::from_iter([0, 9]), anonymous: true, ..Xcast::plain(Family::V4) },
            "IPv4 192.0.2.1 > +192.0.2.2 -erased -erased -erased -erased -erased -erased -erased and 2 more (2 of 10) | hop 64, CS0 | A---, bitmap in header, checksum ok",
        ),
    ] {
        let (family, mut packet) = (xcast.family, xcast.octets());
        if xcast.anonymous {
            // As routers do with those that are served elsewhere.
            packet[40..72].fill(0);
            fix_xcast(&mut packet, family, 20);
        }
        assert_eq!(told(&packet), (format!("{expected} | {UDP}"), vec![]));
    }
    // ECN is told where it says something.
    let mut marked = Xcast::plain(Family::V6).octets();
    marked[1] |= 0x30;
    assert!(line(&marked).contains("| hop 64, CS0 CE |"));
    for (number, payload, expected) in [
        (
            protocol::TCP,
            &[0, 80, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0, 0, 0, 0, 0, 0, 7, 8][..],
            "TCP 80 > 4096 SYN ACK, 2 octets, checksum WRONG",
        ),
        (
            protocol::TCP,
            &[0, 80, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x40, 0x12, 0, 0, 0, 0, 0, 0],
            "TCP, only 20 octets of it",
        ),
        (protocol::UDP, &[0, 1, 0, 2, 0, 9, 0, 0], "UDP 1 > 2, Length 9 does not fit the 8 octets there are"),
        (protocol::UDP, &[0, 1, 0, 2, 0, 8, 0, 0, 1, 2], "UDP 1 > 2, 0 octets, no checksum, 2 octets behind it"),
        (protocol::UDP, &[0, 1, 0], "UDP, only 3 octets of it"),
        (
            protocol::UDP_LITE,
            &[0, 1, 0, 2, 0, 8, 0, 0, 1, 2],
            "UDP-Lite 1 > 2, 2 octets, 8 octets covered, checksum WRONG",
        ),
        (protocol::UDP_LITE, &[0, 1, 0, 2, 0, 7, 0, 0, 1, 2], "UDP-Lite 1 > 2, 2 octets, coverage 7 does not fit"),
        (protocol::ICMP, &[3, 4, 0xfc, 0xfb, 0, 0, 0, 0], "ICMP destination unreachable, 0 octets, checksum ok"),
        (protocol::ICMP, &[200, 4, 0, 0, 0, 0, 0, 0, 1], "ICMP type 200 code 4, 1 octet, checksum WRONG"),
        (132, &[0; 12], "SCTP, 12 octets"),
        (99, &[0], "protocol 99, 1 octet"),
    ] {
        let packet = Xcast::plain(Family::V4).with_payload(&points, number, Some(payload));
        assert!(line(&packet).ends_with(&format!("checksum ok | {expected}")), "{}", line(&packet));
    }
}

/// A transport checksum, right and wrong, of every protocol and family that has one: the library's router updates it,
/// so that what it sends is a second opinion.
#[test]
fn x2u_is_recognised_and_its_checksums_hold() {
    struct One;
    impl RouteLookup for One {
        type NextHop = IpAddr;
        fn is_local(&self, _: IpAddr) -> bool {
            false
        }
        fn route(&self, destination: IpAddr) -> Option<Route<IpAddr>> {
            Some(Route { next_hop: destination, xcast_capable: true, mtu: 9000 })
        }
    }
    let points = CodePoints::rfc4727_experiment();
    for family in [Family::V4, Family::V6] {
        for ports in [false, true] {
            let packet = Xcast { ports, ..Xcast::plain(family) }.octets();
            let mut packets = vec![packet.clone()];
            let mut egress = FnEgress(|_: IpAddr, copy: &PacketCopy<'_>| {
                let mut octets = vec![0; copy.len()];
                copy.emit(&mut octets).unwrap();
                packets.push(octets);
                Ok::<(), Infallible>(())
            });
            assert!(
                Router::new(points, RouterPolicy::default())
                    .forward(xcast_sec::time::Instant::START, None, &packet, &One, &mut egress)
                    .is_ok()
            );
            assert_eq!(packets.len(), 4);
            // The same to somebody who is not listed, and one that says something else.
            let mut other = packets[1].clone();
            let last = if family == Family::V4 { 19 } else { 39 };
            other[last] = 77;
            let mut changed = packets[2].clone();
            let first_said = changed.len() - b"hello".len();
            changed[first_said] ^= 1;
            packets.extend([other, changed]);
            let ran = run(&["--all", "-"], &raw(&packets));
            let made: Vec<_> =
                ran.packets().iter().map(|line| line.ends_with(", checksum ok | made of #1 by X2U")).collect();
            assert_eq!(made, [false, true, true, true, false, false], "{}", ran.out);
            assert_eq!(ran.out.matches("checksum WRONG").count(), 2, "{}", ran.out);
            assert!(ran.summary().contains("1 Xcast, 5 other IP (3 made of Xcast by X2U)"), "{}", ran.out);
        }
    }
}

#[test]
fn tunnels_are_looked_into() {
    let inner4 = Xcast::plain(Family::V4).octets();
    let inner6 = Xcast::plain(Family::V6).octets();
    let (told4, told6) = (line(&inner4), line(&inner6));
    let option = [4, 0, 0x1e, 0, 1, 2, 0, 0];
    let other_option = [4, 0, 0x05, 2, 0, 0, 1, 0];
    for (packet, expected) in [
        (ipv4(7, 8, 4, &inner4), format!("IPv4 192.0.2.7 > 192.0.2.8 | hop 64, CS0 | tunnel | {told4}")),
        (ipv4(7, 8, 41, &inner6), format!("IPv4 192.0.2.7 > 192.0.2.8 | hop 64, CS0 | tunnel | {told6}")),
        (ipv6(7, 8, 41, &inner6), format!("IPv6 2001:db8::7 > 2001:db8::8 | hop 64, CS0 | tunnel | {told6}")),
        (
            ipv6(7, 8, 0, &[&option, &inner4[..]].concat()),
            format!("IPv6 2001:db8::7 > 2001:db8::8 | hop 64, CS0 | semi-permeable tunnel | {told4}"),
        ),
        (
            ipv6(7, 8, 0, &[&other_option, &inner4[..]].concat()),
            format!("IPv6 2001:db8::7 > 2001:db8::8 | hop 64, CS0 | tunnel | {told4}"),
        ),
        (
            ipv6(5, 6, 4, &ipv4(7, 8, 41, &inner6)),
            format!(
                "IPv6 2001:db8::5 > 2001:db8::6 | hop 64, CS0 | tunnel | IPv4 192.0.2.7 > 192.0.2.8 | hop 64, CS0 | tunnel | {told6}"
            ),
        ),
    ] {
        assert_eq!(told(&packet), (expected, vec![]));
        let ran = run(&["-"], &raw(&[&packet]));
        assert_eq!(ran.summary(), "1 packet: 1 Xcast (1 of them in tunnels), 0 other IP, 0 not IP\n0 malformed\n");
        // By a source or a destination of any header.
        let source = if packet[0] >> 4 == 4 { "192.0.2.7" } else { "2001:db8::7" };
        let inner_source = if ran.out.contains("192.0.2.1 ") { "192.0.2.1" } else { "2001:db8::1" };
        if !ran.out.contains("2001:db8::5") {
            assert_eq!(run(&["--src", source, "-"], &raw(&[&packet])).packets().len(), 1);
        }
        assert_eq!(run(&["--src", inner_source, "-"], &raw(&[&packet])).packets().len(), 1);
        assert_eq!(run(&["--src", "192.0.2.99", "-"], &raw(&[packet])).packets().len(), 0);
    }
    // A tunnel with ordinary packets in it is ordinary.
    let ran = run(&["-"], &raw(&[ipv4(7, 8, 4, &ipv4(1, 2, 17, &[0; 8]))]));
    assert_eq!(ran.summary(), "1 packet: 0 Xcast, 1 other IP, 0 not IP\n0 malformed\n");
}

#[test]
fn tunnels_are_looked_into_so_far_and_no_further() {
    let mut packet = Xcast::plain(Family::V4).octets();
    for depth in 1..=12 {
        packet = ipv4(7, 8, 4, &packet);
        let line = line(&packet);
        assert_eq!(line.ends_with(UDP), depth <= 8, "{line}");
        assert_eq!(line.ends_with("| more than 8 packets one inside the other: not looked into"), depth > 8, "{line}");
    }
}

fn v2(next_protocol: u8, payload: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let repr = ReprV2 {
        source: v6(1),
        outer_source: v6(9),
        addresses: &[v6(2), v6(3), v6(4)],
        bits: DestinationSet::from_iter([1, 2]),
        anonymous: true,
        no_x2u: true,
        icmp_offset: 0,
        traffic_class: 0,
        flow_label: 0,
        outer_ecn: 0,
        hop_limit: 33,
        next_protocol,
    };
    let mut packet = vec![0; 152 + payload.len()];
    let buffer = repr.emit(&CodePointsV2::xcast_jp_deployment(), payload.len(), &mut packet).unwrap();
    buffer.copy_from_slice(payload);
    change(&mut packet);
    packet
}

#[test]
fn xcast6_2_0_is_told_as_such() {
    let mut datagram = vec![0; 13];
    let group: IpAddr = "ff0e::114".parse().unwrap();
    let udp = UdpRepr { source_port: 4000, destination_port: 5000, payload: b"hello" };
    udp.emit(v6(1).into(), group, &mut datagram).unwrap();
    let expected =
        "XCAST6 2.0 2001:db8::1 > -erased +2001:db8::3 +2001:db8::4 (2 of 3) | hop 33, outer source 2001:db8::9 | AX";
    let good = v2(protocol::UDP, &datagram, |_| {});
    assert_eq!(told(&good), (format!("{expected} | {UDP}"), vec![]));
    let ran = run(&["-", "--dst-member", "2001:db8::4", "--src", "2001:db8::9"], &raw(&[&good]));
    assert_eq!(ran.packets().len(), 1);
    assert_eq!(ran.summary(), "1 packet: 0 Xcast, 1 XCAST6 2.0, 0 other IP, 0 not IP\n0 malformed\n");
    // Not erased by a sender that does otherwise, and marked for congestion.
    let shown = v2(protocol::UDP, &datagram, |packet| {
        packet[1] |= 0x30;
        packet[104..120].copy_from_slice(&v6(2).octets());
    });
    assert!(line(&shown).contains("> -2001:db8::2 +2001:db8::3 +2001:db8::4 (2 of 3) | hop 33, CE, outer source"));
    // With other numbers it is what it looks like: a tunnel.
    let ran = run(&["-", "--all", "--code-points", "v2-routing-type=254,xcast6-routing-type=99"], &raw(&[good]));
    assert!(ran.packets()[0].contains("| tunnel | IPv6 2001:db8::1 > ff0e::114 |"), "{}", ran.out);
    let ran = run(
        &["-", "--code-points", "v2-mark=0x60000000"],
        &raw(&[v2(59, &[], |packet| packet[..4].copy_from_slice(&[0x60, 0, 0, 0]))]),
    );
    assert!(ran.packets()[0].contains("XCAST6 2.0"), "{}", ran.out);

    let notes = |packet: &[u8]| told(packet).1;
    let echo = "routers drop it: an echo request, which every destination would answer";
    assert_eq!(notes(&v2(58, &[128, 0, 0, 0, 0, 0, 0, 0], |_| {})), [echo]);
    let unusable = v2(59, &[], |packet| packet[104..120].copy_from_slice(&group_octets()));
    assert_eq!(notes(&unusable), ["routers drop it: destination 0, ff0e::114, cannot be routed to"]);
    let esp = v2(50, &[0, 0, 1, 0, 0, 0, 0, 1, 9, 9, 9, 9], |_| {});
    assert!(line(&esp).ends_with("| AX | ESP header: AH and ESP are not opened in XCAST6 2.0"), "{}", line(&esp));
}

fn group_octets() -> [u8; 16] {
    let mut octets = [0; 16];
    (octets[0], octets[1], octets[14], octets[15]) = (0xff, 0x0e, 0x01, 0x14);
    octets
}

/// What can be read and is refused or dropped all the same.
#[test]
fn notes_tell_what_routers_and_receivers_refuse() {
    let points = CodePoints::rfc4727_experiment();
    let plain = Xcast::plain(Family::V4);
    let changed4 = |xcast: &Xcast, change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = xcast.octets();
        change(&mut packet);
        fix_ipv4(&mut packet);
        if packet[9] == 253 {
            let at = usize::from(packet[0] & 15) * 4;
            fix_xcast(&mut packet, Family::V4, at);
        }
        packet
    };
    let changed6 = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = Xcast::plain(Family::V6).octets();
        change(&mut packet);
        fix_xcast(&mut packet, Family::V6, 40);
        packet
    };
    let separated = Xcast { bitmap: BitmapPlace::Option, no_x2u: true, ..plain.clone() };
    let ah = [&[17, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1][..], &[0; 12]].concat();
    let echo: &[u8] = &[8, 0, 0xf7, 0xff, 0, 0, 0, 0];
    // AH in front of an Xcast4 header that holds its bitmap.
    let behind_ah = {
        let xcast = Xcast { no_x2u: true, ..plain.clone() }.octets();
        ipv4(1, 2, 51, &[&[253], &ah[1..], &xcast[20..]].concat())
    };
    for (packet, expected) in [
        (plain.octets(), vec![]),
        (
            changed4(&plain, &|packet| packet[36..40].copy_from_slice(&[224, 0, 0, 5])),
            vec!["routers drop it: destination 0, 224.0.0.5, cannot be routed to"],
        ),
        (
            // Its bit is 0, but it is not erased: A=0.
            changed4(&Xcast { bits: DestinationSet::single(0), ..plain.clone() }, &|packet| packet[40..44].fill(0)),
            vec!["routers drop it: destination 1, 0.0.0.0, cannot be routed to"],
        ),
        (
            changed4(&plain, &|packet| packet[12..16].copy_from_slice(&[127, 0, 0, 1])),
            vec!["routers drop it: no packet can come from 127.0.0.1"],
        ),
        (
            changed4(&plain, &|packet| packet[44..48].copy_from_slice(&[192, 0, 2, 2])),
            vec!["destination 2, 192.0.2.2, is listed before with its bit set: routers serve it once"],
        ),
        (
            // Listed twice with other ports, it is two destinations.
            changed4(&Xcast { ports: true, ..plain.clone() }, &|packet| {
                packet[44..48].copy_from_slice(&[192, 0, 2, 2])
            }),
            vec![],
        ),
        (
            changed4(&Xcast { bits: DestinationSet::first_n(2), ..plain.clone() }, &|packet| {
                packet[44..48].copy_from_slice(&[192, 0, 2, 2]);
            }),
            vec![],
        ),
        (
            changed4(&plain, &|packet| packet[16..20].copy_from_slice(&[192, 0, 2, 9])),
            vec!["addressed to 192.0.2.9 and not to All_Xcast_Routers: only a router with that address takes it"],
        ),
        (changed4(&plain, &|packet| packet[8] = 1), vec!["hop limit 1: no router forwards it any further"]),
        (
            Xcast { bits: DestinationSet::EMPTY, ..plain.clone() }.octets(),
            vec!["no bit is set: routers have nothing to do"],
        ),
        (
            plain.with_payload(&points, 1, Some(echo)),
            vec!["routers drop it: an echo request, which every destination would answer"],
        ),
        (
            changed4(&separated, &|packet| packet[28] |= 0x08),
            vec!["routers refuse it: anonymity with a separated bitmap"],
        ),
        (
            changed4(&Xcast { no_x2u: true, ..plain.clone() }, &|packet| packet[28] = 51),
            vec!["routers refuse it: AH behind the Xcast4 header"],
        ),
        (
            changed4(&plain, &|packet| packet[28] = 50),
            vec!["receivers refuse it: X=0 under AH or ESP, which X2U would break"],
        ),
        (
            behind_ah,
            vec!["addressed to 192.0.2.2 and not to All_Xcast_Routers: only a router with that address takes it"],
        ),
        (
            changed6(&|packet| packet[72..88].copy_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
            vec!["routers drop it: destination 0, fe80::1, cannot be routed to"],
        ),
        (
            // Several at once.
            changed6(&|packet| {
                packet[7] = 0;
                packet[8..24].fill(0);
                packet.copy_within(72..88, 88);
            }),
            vec![
                "routers drop it: no packet can come from ::",
                "destination 1, 2001:db8::2, is listed before with its bit set: routers serve it once",
                "hop limit 0: no router forwards it any further",
            ],
        ),
    ] {
        let (line, notes) = told(&packet);
        assert_eq!(notes, expected, "{line}");
    }
    let refused = {
        let xcast = Xcast { no_x2u: true, ..plain }.octets();
        let mut packet = ipv4(1, 2, 51, &[&[253], &ah[1..], &xcast[20..]].concat());
        packet[16..20].copy_from_slice(&[224, 0, 0, 254]);
        fix_ipv4(&mut packet);
        packet
    };
    assert_eq!(told(&refused).1, ["routers refuse it: AH in front of an Xcast4 header that holds its bitmap"]);
}

#[test]
fn the_tree_shows_every_octet_of_the_headers() {
    for family in [Family::V4, Family::V6] {
        for bitmap in [BitmapPlace::Header, BitmapPlace::Option] {
            let xcast = Xcast { dscps: true, ports: true, bitmap, ..Xcast::plain(family) };
            let packet = xcast.octets();
            let ran = run(&["-v", "-"], &raw(&[&packet]));
            // Fields follow each other without a gap: each starts where the one before ended, or the next header does.
            let offsets: Vec<usize> = ran
                .out
                .lines()
                .filter_map(|line| line.strip_prefix("      ")?.trim_start().split_once("  ")?.0.parse().ok())
                .collect();
            assert!(offsets.is_sorted(), "{}", ran.out);
            assert_eq!(offsets.first(), Some(&0));
            assert_eq!(offsets.last(), Some(&(packet.len() - 5 - 2)), "the UDP checksum: {}", ran.out);
            for what in [
                "address of destination 2: ",
                "DS octet of destination 0: EF",
                "5002",
                "X2U: where ways part, a unicast packet for each of 3",
                "separated bitmap: 111",
            ] {
                let expected = what != "separated bitmap: 111" || bitmap == BitmapPlace::Option;
                assert_eq!(ran.out.contains(what), expected, "{what}: {}", ran.out);
            }
        }
    }
    let x = Xcast { no_x2u: true, ..Xcast::plain(Family::V4) };
    assert!(run(&["-v", "-"], &raw(&[x.octets()])).out.contains("X2U: never, X=1"));
    let ran = run(&["-x", "-"], &raw(&[x.octets()]));
    assert!(
        ran.out.contains("\n      0000  68 65 6c 6c 6f                                    |hello|\n"),
        "{}",
        ran.out
    );
}

/// All that is printed of a few packets, as a person sees it. If it is to change, read the file that the message names,
/// and put it in the place of the expected one.
#[test]
fn what_is_printed_is_as_it_was_looked_at() {
    let mut damaged = Xcast::plain(Family::V6).octets();
    damaged[45] = 4;
    let mut wrong_sum = Xcast { ports: true, ..Xcast::plain(Family::V4) }.octets();
    wrong_sum[36..40].copy_from_slice(&[224, 0, 0, 5]);
    let separated = Xcast { bitmap: BitmapPlace::Option, no_x2u: true, ..Xcast::plain(Family::V6) };
    let packets = [
        Xcast { dscps: true, ports: true, channel: 7, ..Xcast::plain(Family::V4) }.octets(),
        separated.octets(),
        damaged,
        wrong_sum,
        ipv6(7, 8, 0, &[&[4, 0, 0x1e, 0, 1, 2, 0, 0], &Xcast::plain(Family::V4).octets()[..]].concat()),
        v2(protocol::NO_NEXT_HEADER, &[], |_| {}),
    ];
    let printed = run(&["-"], &raw(&packets)).out + "\n" + &run(&["-vx", "-"], &raw(&packets)).out;
    if printed != include_str!("expected.txt") {
        let path = format!("{}/xcast_dump-printed.txt", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&path, &printed).unwrap();
        panic!("{path} is not tests/xcast_dump/expected.txt");
    }
}
