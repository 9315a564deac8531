//! Files of both formats and all link types, whole, cut off and wrong.

use xcast_sec::wire::Family;

use super::make::{Order, Xcast, block, classic, enhanced, interface, ipv4, len, raw, section, simple};
use super::{Ran, run};

/// What stands in a line behind number and time.
fn behind_time(line: &str) -> String {
    line.split_once(" IPv").map(|(_, rest)| format!("IPv{rest}")).unwrap_or_else(|| panic!("{line}"))
}

/// What one packet is told as.
fn told(packet: &[u8]) -> String {
    behind_time(run(&["-"], &raw(&[packet])).packets()[0])
}

/// A link type, and what stands in front of the packet on it.
fn framings(family: Family) -> Vec<(u32, Vec<u8>)> {
    let v4 = family == Family::V4;
    let ethertype = if v4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    let addresses = [0x02; 12];
    let ethernet = |tags: &[u8]| [&addresses[..], tags, &ethertype].concat();
    let cooked = [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0][..], &ethertype].concat();
    let cooked2 = [&ethertype[..], &[0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0]].concat();
    let mut framings = vec![
        (101, vec![]),
        (12, vec![]),
        (14, vec![]),
        (if v4 { 228 } else { 229 }, vec![]),
        (1, ethernet(&[])),
        (1, ethernet(&[0x81, 0x00, 0x00, 0x07])),
        (1, ethernet(&[0x88, 0xa8, 0x20, 0x07, 0x81, 0x00, 0x00, 0x08])),
        (1, ethernet(&[0x81, 0x00, 0, 1, 0x81, 0x00, 0, 2, 0x91, 0x00, 0, 3])),
        // The frame check sequence counts as announced by the file, and lies behind the packet.
        (0x5400_0001, ethernet(&[])),
        (113, cooked.clone()),
        (113, [&cooked[..14], &[0x81, 0x00, 0, 9], &ethertype[..]].concat()),
        (276, cooked2),
    ];
    for number in if v4 { vec![2_u32] } else { vec![10, 24, 28, 30] } {
        framings.push((0, number.to_be_bytes().to_vec()));
        framings.push((0, number.to_le_bytes().to_vec()));
        framings.push((108, number.to_be_bytes().to_vec()));
    }
    framings
}

#[test]
fn every_link_type_in_every_kind_of_file() {
    for family in [Family::V4, Family::V6] {
        let packet = Xcast { dscps: true, ports: true, ..Xcast::plain(family) }.octets();
        let expected = told(&packet);
        assert!(expected.contains("(3 of 3)") && expected.contains("checksum ok"), "{expected}");
        for (link_type, front) in framings(family) {
            // Padding of the link behind the packet is not part of it.
            let frame = [&front[..], &packet, &[0x55; 4]].concat();
            for order in Order::BOTH {
                for nano in [false, true] {
                    let ran = run(&["-"], &classic(order, nano, link_type, &[frame.clone(), frame.clone()]));
                    let at = format!("link type {link_type:#x}, {order:?}, {nano}");
                    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{at}");
                    assert_eq!(ran.packets().len(), 2, "{at}");
                    assert!(ran.packets().iter().all(|line| behind_time(line) == expected), "{at}: {ran:?}");
                    let second =
                        if nano { "#2 2007-11-01 00:00:01.000001007 " } else { "#2 2007-11-01 00:00:01.000001 " };
                    assert!(ran.packets()[1].starts_with(second), "{at}: {ran:?}");
                }
                let link_type = (link_type & 0xffff) as u16;
                let blocks = [section(order), interface(order, link_type, 0, &[]), enhanced(order, 0, 5, &frame)];
                let ran = run(&["-"], &blocks.concat());
                assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{link_type}, {order:?}");
                assert_eq!(ran.packets(), [format!("#1 1970-01-01 00:00:00.000005 {expected}")]);
            }
        }
    }
}

#[test]
fn what_is_not_ip_is_counted_and_shown_on_demand() {
    let addresses = [0x02; 12];
    let frames = [
        [&addresses[..], &[0x08, 0x06, 0, 1]].concat(),
        [&addresses[..], &[0x88, 0xcc, 2, 7]].concat(),
        [&addresses[..], &[0x00, 0x26, 0x42, 0x42, 0x03]].concat(),
        // Tags and nothing behind them; a frame too short for its addresses.
        [&addresses[..], &[0x81, 0x00, 0, 1]].concat(),
        addresses[..9].to_vec(),
    ];
    let ran = run(&["-", "--all"], &classic(Order::Big, false, 1, &frames));
    let lines: Vec<_> = ran.packets().iter().map(|line| line.splitn(4, ' ').nth(3).unwrap()).collect();
    assert_eq!(
        lines,
        [
            "not IP: ARP",
            "not IP: EtherType 0x88cc",
            "not IP: IEEE 802.3 with LLC",
            "Ethernet frame | MALFORMED: a frame of 16 octets ends within its first 18",
            "Ethernet frame | MALFORMED: a frame of 9 octets ends within its first 14",
        ]
    );
    assert!(ran.out.contains("0000  02 02 02 02 02 02 02 02  02\n"), "{}", ran.out);
    assert_eq!(ran.summary(), "5 packets: 0 Xcast, 0 other IP, 5 not IP\n2 malformed: 2 link header\n");
    assert_eq!(run(&["-"], &classic(Order::Big, false, 1, &frames)).packets().len(), 2);

    let ran = run(&["-", "--all"], &classic(Order::Little, false, 0, &[vec![7, 0, 0, 0, 1, 2]]));
    assert!(ran.packets()[0].ends_with(" not IP: address family 7"), "{ran:?}");
    // What the link announces and what the packet says.
    let packet = Xcast::plain(Family::V4).octets();
    let frame = [&addresses[..], &[0x86, 0xdd], &packet[..]].concat();
    for capture in [classic(Order::Big, false, 1, &[frame]), classic(Order::Big, false, 229, &[packet])] {
        let ran = run(&["-"], &capture);
        let what = "MALFORMED: the link announces IPv6, the packet says version 4 (octet 0)";
        assert!(ran.packets()[0].ends_with(what), "{ran:?}");
    }
}

/// Two sections in both orders, several interfaces with clocks of their own, and blocks that are passed over.
fn pcapng() -> (Vec<Vec<u8>>, Vec<&'static str>) {
    let packet = Xcast::plain(Family::V6).octets();
    let cooked = [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, 0x86, 0xdd][..], &packet].concat();
    let (big, little) = (Order::Big, Order::Little);
    let blocks = vec![
        section(big),
        interface(big, 101, 0, &[(2, b"eth0"), (9, &[9])]),
        interface(big, 113, 0, &[(9, &[0x8a]), (14, &3600_u64.to_be_bytes())]),
        block(big, 0x0000_0bad, b"a block of a kind to come"),
        enhanced(big, 0, 1_193_875_200_000_000_007, &packet),
        enhanced(big, 1, (1_193_875_200 << 10) | 512, &cooked),
        block(big, 4, &[0; 4]),
        simple(big, &packet),
        section(little),
        interface(little, 101, 0, &[(1, b"a comment"), (9, &[3])]),
        interface(little, 228, 0, &[(14, &(-1_i64).to_le_bytes())]),
        enhanced(little, 1, 0, &Xcast::plain(Family::V4).octets()),
        enhanced(little, 0, 1001, &packet),
        simple(little, &packet),
    ];
    let times = vec![
        "#1 2007-11-01 00:00:00.000000007 IPv6 ",
        "#2 2007-11-01 01:00:00.500000 IPv6 ",
        "#3 (no time) IPv6 ",
        "#4 1969-12-31 23:59:59.000000 IPv4 ",
        "#5 1970-01-01 00:00:01.001000 IPv6 ",
        "#6 (no time) IPv6 ",
    ];
    (blocks, times)
}

#[test]
fn pcapng_with_sections_interfaces_and_clocks() {
    let (blocks, times) = pcapng();
    let ran = run(&["-"], &blocks.concat());
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(ran.packets().len(), times.len());
    for (line, time) in ran.packets().iter().zip(times) {
        assert!(line.starts_with(time), "{line}");
        assert!(line.ends_with(
            "(3 of 3) | hop 64, CS0 | ----, bitmap in header, checksum ok | UDP 4000 > 5000, 5 octets, checksum ok"
        ));
    }
}

/// A capture that kept `kept` octets of a packet: in the classic format, and in Simple Packet Blocks, of whose packets
/// the interface's snap length says how much there is.
fn snapped(packet: &[u8], kept: usize) -> [Vec<u8>; 2] {
    let order = Order::Little;
    let mut classic = raw(&[&packet[..kept]]);
    classic[24 + 12..24 + 16].copy_from_slice(&len(packet).to_be_bytes());
    let body = [&order.u32(len(packet)), &packet[..kept]].concat();
    let snap_length = len(&packet[..kept]);
    let blocks = [section(order), interface(order, 101, snap_length, &[]), block(order, 3, &body)];
    [classic, blocks.concat()]
}

#[test]
fn what_the_capture_did_not_keep_is_no_fault_of_the_packet() {
    for family in [Family::V4, Family::V6] {
        let packet = Xcast::plain(family).octets();
        let whole = told(&packet);
        // The line up to what is behind the Xcast header.
        let headers = whole.rsplit_once(" | ").unwrap().0;
        let headers_len = packet.len() - 13;
        for kept in 1..packet.len() {
            for capture in snapped(&packet, kept) {
                let ran = run(&["--strict", "--all", "-v", "-"], &capture);
                let at = format!("{family:?}, {kept} kept: {}", ran.out);
                assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{at}");
                let line = ran.packets()[0];
                assert!(!line.contains("MALFORMED") && !line.contains("WRONG"), "{at}");
                assert_eq!(line.contains(&format!(" {headers}")), kept >= headers_len, "{at}");
                let of = if kept >= 6 { format!(" of {}", packet.len()) } else { String::new() };
                let end = format!("| cut short: the capture kept {kept}{of} octets");
                assert!(line.ends_with(&end) || (kept < 6 && line.contains("| cut short")), "{at}");
                let xcast = ran.summary().starts_with("1 packet: 1 Xcast, 0 other IP");
                assert!(xcast || kept < 43, "{at}");
                assert!(ran.summary().ends_with(", 0 not IP\n0 malformed\n1 cut short by the capture\n"), "{at}");
            }
        }
        // A checksum is wrong whatever follows the header.
        let mut damaged = packet.clone();
        damaged[headers_len - 1] ^= 1;
        let ran = run(&["-"], &snapped(&damaged, headers_len)[0]);
        assert!(ran.packets()[0].contains("MALFORMED: wrong Xcast CHECKSUM"), "{}", ran.out);
        let ran = run(&["-"], &snapped(&damaged, headers_len - 1)[0]);
        assert!(!ran.packets()[0].contains("MALFORMED"), "{}", ran.out);
    }
    // Of a tunnel, as far as it goes; of AH and ESP what shows.
    let packet = ipv4(7, 8, 4, &Xcast::plain(Family::V4).octets());
    let ran = run(&["-"], &snapped(&packet, packet.len() - 1)[0]);
    let end = "| tunnel | IPv4 192.0.2.1 > +192.0.2.2 +192.0.2.3 +192.0.2.4 (3 of 3) | hop 64, CS0 | ----, bitmap in header, \
               checksum ok | UDP 4000 > 5000, 5 octets in all, not all of them here | cut short: the capture kept 80 of 81 octets";
    assert!(ran.packets()[0].ends_with(end), "{}", ran.out);
    let ah = [17, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let packet = ipv4(1, 2, 51, &[&ah[..], &[0, 1, 0, 2, 0, 9, 0, 0, 5]].concat());
    let ran = run(&["-", "--all"], &snapped(&packet, packet.len() - 1)[0]);
    let end = "| AH 0x00000100 seq 9 | UDP 1 > 2, 1 octet in all, not all of them here | cut short: the capture kept 52 of 53 octets";
    assert!(ran.packets()[0].ends_with(end), "{}", ran.out);
    let packet = ipv4(1, 2, 50, &[0, 0, 1, 0, 0, 0, 0, 9, 1, 2, 3, 4]);
    let ran = run(&["-", "--all"], &snapped(&packet, packet.len() - 1)[0]);
    let end = "| ESP 0x00000100 seq 9 | 3 octets of it kept | cut short: the capture kept 31 of 32 octets";
    assert!(ran.packets()[0].ends_with(end), "{}", ran.out);
    // What is missing may be padding of the link alone.
    let packet = Xcast::plain(Family::V6).octets();
    let padded = [&packet[..], &[0; 9]].concat();
    let ran = run(&["-"], &snapped(&padded, packet.len())[0]);
    assert!(ran.packets()[0].ends_with(&told(&packet)), "{}", ran.out);
    // A frame that was cut within its link header.
    let mut capture = classic(Order::Big, false, 1, &[[2; 9]]);
    capture[24 + 15] = 80;
    let ran = run(&["-", "--all"], &capture);
    assert!(ran.packets()[0].ends_with(" cut short: the capture kept 9 octets of the Ethernet frame"), "{}", ran.out);
}

fn failed(ran: &Ran, what: &str, at: &str) {
    assert_eq!((ran.status, ran.err.as_str()), (1, format!("error: the standard input: {what}\n").as_str()), "{at}");
}

#[test]
fn a_classic_file_cut_off_at_every_octet() {
    let packets = [Xcast::plain(Family::V4).octets(), Xcast::plain(Family::V6).octets()];
    for order in Order::BOTH {
        let capture = classic(order, false, 101, &packets);
        let mut starts = vec![24];
        for packet in &packets {
            starts.push(starts.last().unwrap() + 16 + packet.len());
        }
        for cut in 0..capture.len() {
            let ran = run(&["-"], &capture[..cut]);
            let whole = starts.iter().filter(|&&start| start <= cut).count();
            let at = format!("{order:?}, cut at {cut}");
            if whole == 0 {
                assert_eq!(ran.out, "", "{at}");
            } else {
                assert_eq!(ran.packets().len(), whole - 1, "{at}");
                assert!(ran.summary().starts_with(&format!("{} packet", whole - 1)), "{at}");
            }
            let what = match (cut, whole) {
                (0, _) => "it is empty".into(),
                (1..4, _) => {
                    format!("it ends after octet {cut}, within the first four octets, which tell a capture's format")
                }
                (_, 0) => format!("it ends after octet {cut}, within the file header of 24 octets"),
                (_, whole) if starts[whole - 1] == cut => {
                    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{at}");
                    continue;
                }
                (_, whole) if cut < starts[whole - 1] + 16 => {
                    let start = starts[whole - 1];
                    format!(
                        "it ends after octet {cut}, within the header of packet {whole}, which starts at octet {start}"
                    )
                }
                (_, whole) => {
                    let (len, start) = (packets[whole - 1].len(), starts[whole - 1] + 16);
                    format!("it ends after octet {cut}, within packet {whole}, {len} octets from octet {start} on")
                }
            };
            failed(&ran, &what, &at);
        }
    }
}

#[test]
fn a_pcapng_file_cut_off_at_every_octet() {
    let (blocks, _) = pcapng();
    let capture = blocks.concat();
    let mut starts = vec![0];
    for block in &blocks {
        starts.push(starts.last().unwrap() + block.len());
    }
    // Enhanced and Simple Packet Blocks.
    let is_packet = [4, 5, 7, 11, 12, 13];
    for cut in 1..capture.len() {
        let ran = run(&["-"], &capture[..cut]);
        let at = format!("cut at {cut}");
        let whole = starts.iter().filter(|&&start| start <= cut).count() - 1;
        let packets = is_packet.iter().filter(|&&index| index < whole).count();
        if whole > 0 {
            assert_eq!(ran.packets().len(), packets, "{at}");
        }
        let start = starts[whole];
        if start == cut {
            assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{at}");
            continue;
        }
        assert_eq!(ran.status, 1, "{at}");
        let front = format!("error: the standard input: it ends after octet {cut}, within the ");
        assert!(ran.err.starts_with(&front), "{at}: {}", ran.err);
        let named = ran.err.contains(&format!("that starts at octet {start}\n"));
        assert!(named || (cut < 4 && ran.err.ends_with("which tell a capture's format\n")), "{at}: {}", ran.err);
    }
}

/// What cannot be in a file, the octet that is changed for it, and the octet that the error names.
#[test]
fn what_cannot_be_in_a_file_is_named_with_its_octet() {
    let packet = Xcast::plain(Family::V4).octets();
    let good = raw(&[packet.clone(), packet.clone()]);
    let second = 24 + 16 + packet.len();
    let changed = |at: usize, octets: &[u8]| {
        let mut capture = good.clone();
        capture[at..at + octets.len()].copy_from_slice(octets);
        capture
    };
    for (capture, packets, what) in [
        (b"#!/bin/sh\nexit".to_vec(), 0, "octet 0: 23 21 2f 62 starts neither a pcap nor a pcapng file"),
        (
            vec![0x1f, 0x8b, 8, 0],
            0,
            "octet 0: 1f 8b 08 00 starts neither a pcap nor a pcapng file; it is compressed by gzip, unpack it first",
        ),
        (changed(4, &[0, 3]), 0, "octet 4: version 3 of the format; only 2 is known"),
        (changed(16, &[0xff; 4]), 0, "octet 16: a snap length of 4294967295 octets is absurd"),
        (
            changed(second + 8, &[0, 4, 0, 1]),
            1,
            &format!("octet {}: packet 2 has 262145 octets; no IP packet has more than 262144", second + 8),
        ),
        (
            changed(second + 8, &[0x7f, 0xff, 0xff, 0xff]),
            1,
            &format!("octet {}: packet 2 has 2147483647 octets; no IP packet has more than 262144", second + 8),
        ),
    ] {
        let ran = run(&["-"], &capture);
        failed(&ran, what, what);
        assert_eq!(ran.packets().len(), packets, "{what}");
    }
    // A link type that is not known: the packets are counted, and the file is not read as if all were well.
    let ran = run(&["-", "--all"], &changed(20, &[0, 0, 0, 105]));
    let known = "0 null, 1 Ethernet, 12, 14 and 101 raw IP, 108 loop, 113 and 276 Linux cooked, 228 IPv4, 229 IPv6";
    failed(&ran, &format!("octet 40: the file has link type 105, which is unknown here (known: {known})"), "link type");
    assert_eq!(ran.summary(), "2 packets: 0 Xcast, 0 other IP, 2 not IP\n0 malformed\n");
}

#[test]
fn what_cannot_be_in_a_pcapng_file_is_named_with_its_octet_or_interface() {
    for order in Order::BOTH {
        let packet = Xcast::plain(Family::V4).octets();
        let start = [section(order), interface(order, 101, 0, &[]), enhanced(order, 0, 0, &packet)].concat();
        let at = start.len();
        let with_len = |mut block: Vec<u8>, len: u32| {
            block[4..8].copy_from_slice(&order.u32(len));
            block
        };
        let mut other_end = simple(order, &packet);
        let last = other_end.len() - 4;
        other_end[last..].copy_from_slice(&order.u32(12));
        let mut no_magic = section(order);
        no_magic[8] = 0;
        let mut too_long = enhanced(order, 0, 0, &packet);
        too_long[20..24].copy_from_slice(&order.u32(500));
        let mut newer = section(order);
        newer[12..14].copy_from_slice(&order.u16(2));
        let (whole, end) = (simple(order, &packet).len(), at + simple(order, &packet).len() - 4);
        let option_at = at + 8 + 8;
        for (tail, what) in [
            (
                with_len(simple(order, &packet), 11),
                format!("octet {}: block length 11: not a multiple of 4 from 16 on", at + 4),
            ),
            (
                with_len(simple(order, &packet), 12),
                format!("octet {}: block length 12: not a multiple of 4 from 16 on", at + 4),
            ),
            (
                with_len(simple(order, &packet), 82),
                format!("octet {}: block length 82: not a multiple of 4 from 16 on", at + 4),
            ),
            (
                with_len(block(order, 9, &[]), 0),
                format!("octet {}: block length 0: not a multiple of 4 from 12 on", at + 4),
            ),
            (
                with_len(simple(order, &packet), 0xffff_fffc),
                format!("octet {}: block length 4294967292; no block of a packet has more than 524288", at + 4),
            ),
            (other_end, format!("octet {end}: block length 12 behind the block, {whole} in front of it")),
            (no_magic, format!("octet {}: no byte-order magic in the Section Header", at + 8)),
            (newer, format!("octet {}: version 2 of the format; only 1 is known", at + 12)),
            (
                with_len(section(order), 24),
                format!("octet {}: block length 24: not a multiple of 4 from 28 on", at + 4),
            ),
            (
                too_long,
                format!(
                    "octet {}: a packet of 500 octets in a block of {}",
                    at + 20,
                    enhanced(order, 0, 0, &packet).len()
                ),
            ),
            (
                enhanced(order, 1, 0, &packet),
                format!("octet {}: a packet of interface 1, but the section describes 1 so far", at + 8),
            ),
            (
                [section(order), simple(order, &packet)].concat(),
                format!("octet {}: a packet of interface 0, but the section describes 0 so far", at + 28),
            ),
            (
                interface(order, 101, u32::MAX, &[]),
                format!("octet {}: interface 1: a snap length of 4294967295 octets is absurd", at + 12),
            ),
            (
                interface(order, 101, 0, &[(9, &[20])]),
                format!("octet {}: interface 1: time resolution 0x14 is absurd", option_at + 4),
            ),
            (
                block(order, 1, &[&order.u16(101)[..], &[0; 6], &order.u16(2), &order.u16(9), &[1, 2, 3, 4]].concat()),
                format!("octet {option_at}: interface 1: option 2 of 9 octets runs past its block"),
            ),
        ] {
            let ran = run(&["-"], &[&start[..], &tail].concat());
            failed(&ran, &what, &what);
            assert_eq!(ran.packets().len(), 1, "{what}");
        }
        // An unknown link type concerns its interface alone.
        let strange = enhanced(order, 1, 0, &[0; 9]);
        let tail = [interface(order, 105, 0, &[]), strange.clone(), enhanced(order, 0, 0, &packet), strange].concat();
        let ran = run(&["-"], &[&start[..], &tail].concat());
        assert_eq!((ran.status, ran.packets().len()), (1, 2));
        let octet = at + interface(order, 105, 0, &[]).len() + 28;
        let what =
            format!("error: the standard input: octet {octet}: interface 1 has link type 105, which is unknown here");
        assert!(ran.err.starts_with(&what), "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "told once");
    }
}

/// Dates around leap days and centuries, against a calendar counted day by day.
#[test]
fn dates_are_those_of_the_calendar() {
    let leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let packet = Xcast::plain(Family::V4).octets();
    let (mut year, mut month, mut day) = (1970, 1, 1);
    let order = Order::Big;
    let mut capture = [section(order), interface(order, 101, 0, &[(9, &[0])])].concat();
    let mut expected = Vec::new();
    for days in 0..50_000_u64 {
        if (day == 1 || day >= 28) && days % 3 == 0 {
            capture.extend(enhanced(order, 0, days * 86_400 + 86_399, &packet));
            expected.push(format!("{year:04}-{month:02}-{day:02} 23:59:59.000000 "));
        }
        day += 1;
        let last = match month {
            2 => 28 + u32::from(leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if day > last {
            (month, day) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
    let ran = run(&["-"], &capture);
    assert_eq!(ran.packets().len(), expected.len());
    for (line, date) in ran.packets().iter().zip(expected) {
        assert_eq!(line.split_once(' ').unwrap().1[..date.len()], date);
    }
}
