//! Malformed packets: what is said of each, and the marks under the octets.

use xcast_sec::wire::xcast6_v2::{CodePointsV2, ReprV2};
use xcast_sec::wire::{BitmapPlace, CodePoints, DestinationSet, Family};

use super::make::{Xcast, fix_ipv4, ipv4, ipv6, raw, v6};
use super::run;

/// One way to damage a packet.
struct Case {
    packet: Vec<u8>,
    /// The end of the packet's line.
    what: &'static str,
    /// The line that names the field.
    place: &'static str,
    /// The octets that are marked: where they start in the packet, and how many.
    marked: (usize, usize),
}

/// A packet of `xcast`, changed.
fn changed(xcast: &Xcast, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = xcast.octets();
    change(&mut packet);
    packet
}

fn separated(family: Family) -> Xcast {
    Xcast { bitmap: BitmapPlace::Option, no_x2u: true, ..Xcast::plain(family) }
}

fn full(family: Family) -> Xcast {
    Xcast { dscps: true, ports: true, ..Xcast::plain(family) }
}

fn cases_v4() -> Vec<Case> {
    let plain = Xcast::plain(Family::V4);
    let set = |at: usize, value: u8| changed(&plain, |packet| packet[at] = value);
    let in_ip = |at: usize, value: u8| {
        changed(&plain, |packet| {
            packet[at] = value;
            fix_ipv4(packet);
        })
    };
    vec![
        Case {
            packet: set(0, 0x44),
            what: "IPv4 192.0.2.1 Xcast | MALFORMED: IPv4 header length below 20 octets (octet 0)",
            place: "octet 0 is Version and IHL of the IPv4 header that starts at octet 0: 4, header length 16 octets",
            marked: (0, 1),
        },
        Case {
            packet: set(3, 19),
            what: "MALFORMED: IPv4 Total Length below its header (octet 2)",
            place: "octet 2 is Total Length of the IPv4 header that starts at octet 0: 19",
            marked: (2, 2),
        },
        Case {
            packet: set(8, 63),
            what: "MALFORMED: wrong IPv4 header checksum (octet 10)",
            place: "octet 10 is Header Checksum of the IPv4 header that starts at octet 0: 0x96c4, wrong",
            marked: (10, 2),
        },
        Case {
            packet: in_ip(6, 0x20),
            what: "MALFORMED: fragment (octet 6)",
            place: "octet 6 is Flags and Fragment Offset of the IPv4 header that starts at octet 0: no DF, more fragments, offset 0",
            marked: (6, 2),
        },
        Case {
            packet: set(20, 0x20),
            what: "IPv4 192.0.2.1 Xcast | MALFORMED: unsupported Xcast VERSION (octet 20)",
            place: "octet 20 is VERSION and flags of the Xcast4 header that starts at octet 20: 2, A=0 X=0 D=0 P=0",
            marked: (20, 1),
        },
        Case {
            packet: set(21, 0x80),
            what: "MALFORMED: NBR_OF_DEST is 0 (octet 21)",
            place: "octet 21 is NBR_OF_DEST of the Xcast4 header that starts at octet 20: 0",
            marked: (21, 1),
        },
        Case {
            packet: set(21, 33),
            what: "MALFORMED: Xcast header length does not fit NBR_OF_DEST and flags (octet 29)",
            place: "octet 29 is LENGTH of the Xcast4 header that starts at octet 20: 7, 28 octets; 152 are needed",
            marked: (29, 1),
        },
        Case {
            packet: set(23, 0),
            what: "| MALFORMED: wrong Xcast CHECKSUM (octet 22) | UDP 4000 > 5000, 5 octets, checksum ok",
            place: "octet 22 is CHECKSUM of the Xcast4 header that starts at octet 20: 0xb800, wrong: 0xb8e9 would be right",
            marked: (22, 2),
        },
        Case {
            packet: set(35, 0x01),
            what: "MALFORMED: bit set beyond NBR_OF_DEST (octet 32)",
            place: "octet 32 is BITMAP of the Xcast4 header that starts at octet 20: 11100000 00000000 00000000 00000001",
            marked: (32, 4),
        },
        Case {
            packet: changed(&full(Family::V4), |packet| packet[49] |= 1),
            what: "MALFORMED: low bit set in a DS octet (octet 49)",
            place: "octet 49 is DS octet of destination 1 of the Xcast4 header that starts at octet 20: CS1, low bits not zero",
            marked: (49, 1),
        },
        Case {
            packet: changed(&full(Family::V4), |packet| packet[51] = 7),
            what: "MALFORMED: padding not zero (octet 51)",
            place: "octet 51 is padding of the Xcast4 header that starts at octet 20: 07, not zero",
            marked: (51, 1),
        },
        Case {
            packet: changed(&plain, |packet| packet.truncate(60)),
            what: "MALFORMED: ends too early (octet 60)",
            place: "the packet ends in front of octet 60",
            marked: (60, 1),
        },
        Case {
            packet: changed(&plain, |packet| packet.truncate(27)),
            what: "MALFORMED: ends too early (octet 27)",
            place: "octet 27 lies in CHANNEL IDENTIFIER of the Xcast4 header that starts at octet 20: missing, the packet ends here",
            marked: (27, 1),
        },
        // A bitmap option that is not there, twice there, of another length, or not the first.
        Case {
            packet: changed(&separated(Family::V4), |packet| {
                packet[20] = 159;
                fix_ipv4(packet);
            }),
            what: "MALFORMED: Xcast header length does not fit NBR_OF_DEST and flags (octet 37)",
            place: "octet 37 is LENGTH of the Xcast4 header that starts at octet 28: 6, 24 octets; 28 are needed",
            marked: (37, 1),
        },
        Case {
            packet: changed(&separated(Family::V4), |packet| {
                packet[20..28].copy_from_slice(&[1, 158, 6, 0xe0, 0, 0, 0, 0]);
                fix_ipv4(packet);
            }),
            what: "MALFORMED: bitmap option not directly after the fixed IPv4 header (octet 21)",
            place: "octet 21 is option 158, separated bitmap of the IPv4 header that starts at octet 0: 11100000 (3 octets of zeros)",
            marked: (21, 6),
        },
        Case {
            packet: changed(&separated(Family::V4), |packet| {
                packet[20..28].copy_from_slice(&[158, 4, 0xe0, 0, 158, 4, 0, 0]);
                fix_ipv4(packet);
            }),
            what: "MALFORMED: bitmap or Ports option repeated (octet 24)",
            place: "octet 24 is option 158, separated bitmap of the IPv4 header that starts at octet 0: (2 octets of zeros)",
            marked: (24, 4),
        },
        Case {
            packet: changed(&separated(Family::V4), |packet| {
                packet[21] = 5;
                fix_ipv4(packet);
            }),
            what: "MALFORMED: bitmap option does not fit NBR_OF_DEST (octet 21)",
            place: "octet 21 lies in option 158, separated bitmap of the IPv4 header that starts at octet 0: 11100000 (2 octets of zeros)",
            marked: (21, 4),
        },
        Case {
            packet: changed(&separated(Family::V4), |packet| {
                packet[21] = 9;
                fix_ipv4(packet);
            }),
            what: "MALFORMED: option runs past its header (octet 20)",
            place: "octet 20 is option 158, separated bitmap of the IPv4 header that starts at octet 0: length 9 does not fit",
            marked: (20, 2),
        },
    ]
}

fn cases_v6() -> Vec<Case> {
    let plain = Xcast::plain(Family::V6);
    let set = |at: usize, value: u8| changed(&plain, |packet| packet[at] = value);
    // Between the Routing header and UDP.
    let ports_at = 40 + 24 + 8 + 48 + 8;
    vec![
        Case {
            packet: set(41, 10),
            what: "IPv6 2001:db8::1 Xcast | MALFORMED: Xcast header length does not fit NBR_OF_DEST and flags (octet 41)",
            place: "octet 41 is HdrExtLen of the Xcast6 Routing header that starts at octet 40: 10, 88 octets; 80 are needed",
            marked: (41, 1),
        },
        Case {
            packet: set(43, 1),
            what: "MALFORMED: fourth octet of the Xcast Routing header not 0 (octet 43)",
            place: "octet 43 is Segments Left of the Xcast6 Routing header that starts at octet 40: 1",
            marked: (43, 1),
        },
        Case {
            packet: set(44, 0x00),
            what: "MALFORMED: unsupported Xcast VERSION (octet 44)",
            place: "octet 44 is VERSION and flags of the Xcast6 Routing header that starts at octet 40: 0, A=0 X=0 D=0",
            marked: (44, 1),
        },
        Case {
            packet: set(45, 0),
            what: "MALFORMED: NBR_OF_DEST is 0 (octet 45)",
            place: "octet 45 is NBR_OF_DEST of the Xcast6 Routing header that starts at octet 40: 0",
            marked: (45, 1),
        },
        Case {
            packet: set(119, 0),
            what: "| MALFORMED: wrong Xcast CHECKSUM (octet 46) | UDP 4000 > 5000, 5 octets, checksum ok",
            place: "octet 46 is CHECKSUM of the Xcast6 Routing header that starts at octet 40: 0x78bd, wrong: 0x78c1 would be right",
            marked: (46, 2),
        },
        Case {
            packet: set(64, 0xf0),
            what: "MALFORMED: bit set beyond NBR_OF_DEST (octet 64)",
            place: "octet 64 is BITMAP of the Xcast6 Routing header that starts at octet 40: 11110000 (7 octets of zeros)",
            marked: (64, 8),
        },
        Case {
            packet: changed(&full(Family::V6), |packet| {
                packet[ports_at + 3] = 4;
                packet[ports_at + 8..ports_at + 16].copy_from_slice(&[1, 6, 0, 0, 0, 0, 0, 0]);
            }),
            what: "MALFORMED: Ports option does not hold NBR_OF_DEST ports (octet 131)",
            place: "octet 131 lies in option 0x5e, ports of the Destination Options header that starts at octet 128: 5000 5001",
            marked: (131, 5),
        },
        Case {
            packet: changed(&full(Family::V6), |packet| packet[ports_at + 3] = 40),
            what: "MALFORMED: option runs past its header (octet 130)",
            place: "octet 130 is option 0x5e, ports of the Destination Options header that starts at octet 128: length 40 runs past the header",
            marked: (130, 2),
        },
        Case {
            packet: changed(&full(Family::V6), |packet| {
                packet[ports_at + 12] = 1;
            }),
            what: "MALFORMED: padding not zero (octet 138)",
            place: "octet 138 is PadN of the Destination Options header that starts at octet 128: 01000000",
            marked: (138, 6),
        },
        Case {
            packet: changed(&separated(Family::V6), |packet| packet[43] = 4),
            what: "MALFORMED: bitmap option does not fit NBR_OF_DEST (octet 43)",
            place: "octet 43 lies in option 0x3e, separated bitmap of the Hop-by-Hop Options header that starts at octet 40: 11100000 (3 octets of zeros)",
            marked: (43, 5),
        },
        Case {
            packet: ipv6(
                1,
                2,
                60,
                &[&[0, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0], &plain.octets()[40..]].concat(),
            ),
            what: "IPv6 2001:db8::1 Xcast | MALFORMED: Hop-by-Hop header not directly after the IPv6 header (octet 40)",
            place: "octet 40 is Next Header of the Destination Options header that starts at octet 40: 0, Hop-by-Hop",
            marked: (40, 1),
        },
        Case {
            packet: ipv6(
                1,
                2,
                51,
                &[&[43, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1][..], &[0; 12], &plain.octets()[40..]].concat(),
            ),
            what: "IPv6 2001:db8::1 Xcast | MALFORMED: Xcast Routing header behind AH (octet 64)",
            place: "octet 64 is Next Header of the Xcast6 Routing header that starts at octet 64: 17, UDP",
            marked: (64, 1),
        },
        Case {
            packet: plain.with_payload(&CodePoints::rfc4727_experiment(), 51, Some(&[17, 4, 0, 0, 0, 0, 1, 0, 0, 0])),
            what: "| -X--, bitmap in header, checksum ok | MALFORMED: AH ends too early (octet 130)",
            place: "octet 130 lies in Sequence Number of the Authentication Header that starts at octet 120: missing, the packet ends here",
            marked: (130, 2),
        },
        Case {
            packet: plain.with_payload(&CodePoints::rfc4727_experiment(), 50, Some(&[0, 0, 1])),
            what: "| -X--, bitmap in header, checksum ok | MALFORMED: ESP ends too early (octet 123)",
            place: "octet 123 lies in SPI of the ESP header that starts at octet 120: missing, the packet ends here",
            marked: (123, 1),
        },
        Case {
            packet: ipv6(1, 2, 51, &[43, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
            what: "IPv6 2001:db8::1 | MALFORMED: AH Payload Len too small (octet 41)",
            place: "octet 41 is Payload Len of the Authentication Header that starts at octet 40: 0, 8 octets",
            marked: (41, 1),
        },
    ]
}

fn v2(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let repr = ReprV2 {
        source: v6(1),
        outer_source: v6(1),
        addresses: &[v6(2), v6(3)],
        bits: DestinationSet::first_n(2),
        anonymous: false,
        no_x2u: false,
        icmp_offset: 0,
        traffic_class: 0,
        flow_label: 0,
        outer_ecn: 0,
        hop_limit: 64,
        next_protocol: 59,
    };
    let mut packet = vec![0; 136];
    repr.emit(&CodePointsV2::xcast_jp_deployment(), 0, &mut packet).unwrap();
    change(&mut packet);
    packet
}

fn cases_v2() -> Vec<Case> {
    let set = |at: usize, value: u8| v2(|packet| packet[at] = value);
    vec![
        Case {
            packet: set(39, 9),
            what: "IPv6 2001:db8::1 XCAST6 2.0 | MALFORMED: outer destination not the first remaining one (octet 24)",
            place: "octet 24 is Destination Address of the IPv6 header that starts at octet 0: 2001:db8::9",
            marked: (24, 16),
        },
        Case {
            packet: set(45, 9),
            what: "MALFORMED: inner packet does not fill the outer one (octet 44)",
            place: "octet 44 is Payload Length of the IPv6 header that starts at octet 40: 9",
            marked: (44, 2),
        },
        Case {
            packet: set(47, 2),
            what: "MALFORMED: inner Hop Limit not 1 (octet 47)",
            place: "octet 47 is Hop Limit of the IPv6 header that starts at octet 40: 2",
            marked: (47, 1),
        },
        Case {
            packet: set(81, 7),
            what: "MALFORMED: HdrExtLen does not fit the number of destinations (octet 81)",
            place: "octet 81 is HdrExtLen of the XCAST6 2.0 Routing header that starts at octet 80: 7, 64 octets",
            marked: (81, 1),
        },
        Case {
            packet: set(84, 127),
            what: "MALFORMED: more than 126 destinations (octet 84)",
            place: "octet 84 is number of destinations of the XCAST6 2.0 Routing header that starts at octet 80: 127",
            marked: (84, 1),
        },
        Case {
            packet: set(85, 0x20),
            what: "MALFORMED: reserved bit set (octet 85)",
            place: "octet 85 is flags of the XCAST6 2.0 Routing header that starts at octet 80: anonymous=0 no-X2U=0, and reserved bits",
            marked: (85, 1),
        },
        Case {
            packet: set(88, 0x07),
            what: "MALFORMED: bit set beyond the number of destinations (octet 88)",
            place: "octet 88 is bitmap of the XCAST6 2.0 Routing header that starts at octet 80: 11100000 (15 octets of zeros)",
            marked: (88, 16),
        },
    ]
}

fn cases() -> Vec<Case> {
    [cases_v4(), cases_v6(), cases_v2()].into_iter().flatten().collect()
}

/// The octets that are marked in a dump, with where each stands: read back from what was printed.
fn marked(lines: &[&str]) -> Vec<(usize, Option<u8>)> {
    let mut found = Vec::new();
    let is_row = |line: &str| line.len() >= 10 && u16::from_str_radix(line[6..10].trim(), 16).is_ok();
    for pair in lines.windows(2) {
        let [row, marks] = pair else { unreachable!() };
        if !is_row(row) || !marks.trim().chars().all(|mark| mark == '^' || mark == ' ') || marks.trim().is_empty() {
            continue;
        }
        let start = usize::from_str_radix(&row[6..10], 16).unwrap();
        for column in 0..16 {
            let at = 12 + column * 3 + usize::from(column >= 8);
            if marks.get(at..at + 2) == Some("^^") {
                found.push((start + column, row.get(at..at + 2).and_then(|octet| u8::from_str_radix(octet, 16).ok())));
            }
        }
    }
    found
}

#[test]
fn each_is_told_with_its_field_and_marked() {
    for Case { packet, what, place, marked: (at, len) } in cases() {
        let ran = run(&["-"], &raw(&[&packet]));
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{what}");
        assert!(ran.packets()[0].ends_with(what), "{what}\n{}", ran.out);
        let lines: Vec<_> = ran.out.lines().collect();
        assert_eq!(lines[1].trim_start(), place, "{}", ran.out);
        let expected: Vec<_> = (at..at + len).map(|at| (at, packet.get(at).copied())).collect();
        assert_eq!(marked(&lines), expected, "{}", ran.out);
        assert!(ran.summary().contains("\n1 malformed: 1 "), "{}", ran.out);
    }
}

/// All in one capture: each is told as it was alone, and those behind it are read.
#[test]
fn what_is_malformed_does_not_hide_what_follows() {
    let cases = cases();
    let good = Xcast::plain(Family::V6).octets();
    let packets: Vec<_> = cases.iter().flat_map(|case| [case.packet.clone(), good.clone()]).collect();
    let ran = run(&["-"], &raw(&packets));
    assert_eq!(ran.packets().len(), packets.len());
    for (case, lines) in cases.iter().zip(ran.packets().chunks(2)) {
        assert!(lines[0].ends_with(case.what), "{}", lines[0]);
        assert!(lines[1].ends_with("UDP 4000 > 5000, 5 octets, checksum ok"), "{}", lines[1]);
    }
    assert_eq!(run(&["-", "--only", "malformed"], &raw(&packets)).packets().len(), cases.len());
    assert!(
        ran.summary().contains(&format!("\n{} malformed: 3 Xcast header length does not fit", cases.len())),
        "{}",
        ran.summary()
    );
}

/// Octets are counted from the packet that is malformed, wherever it is.
#[test]
fn inside_a_tunnel_octets_are_counted_from_the_inner_packet() {
    let bad = changed(&Xcast::plain(Family::V6), |packet| packet[45] = 0);
    let ran = run(&["-"], &raw(&[ipv4(7, 8, 41, &bad)]));
    let line = "IPv4 192.0.2.7 > 192.0.2.8 | hop 64, CS0 | tunnel | IPv6 2001:db8::1 Xcast | MALFORMED: NBR_OF_DEST is 0 (octet 45)";
    assert!(ran.packets()[0].ends_with(line), "{}", ran.out);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines[1].trim_start(), "in the innermost packet shown, octets counted from its first:");
    assert_eq!(marked(&lines), [(45, Some(0))]);
}

/// A malformed ordinary packet is told of too; a fragment of one is nothing to complain of.
#[test]
fn ordinary_packets_can_be_malformed_too() {
    let mut fragment = ipv4(1, 2, 51, &[0; 8]);
    fragment[6] = 0x20;
    fix_ipv4(&mut fragment);
    let ran = run(&["-", "--all"], &raw(&[vec![0x17; 30], ipv4(1, 2, 17, &[0; 8])[..25].to_vec(), fragment]));
    assert!(ran.packets()[0].ends_with("30 octets | MALFORMED: unexpected IP version (octet 0)"), "{}", ran.out);
    assert!(ran.out.contains("    octet 0 is 0x17\n"));
    assert!(ran.packets()[1].ends_with("IPv4 192.0.2.1 | MALFORMED: ends too early (octet 25)"), "{}", ran.out);
    assert!(ran.out.contains("    the IP header announces 28 octets, there are 25\n"));
    assert!(ran.packets()[2].contains("IPv4 192.0.2.1 > 192.0.2.2 | hop 64, CS0 | AH 0x00000000 seq 0"), "{}", ran.out);
    assert!(ran.summary().contains("2 malformed: 1 ends too early, 1 unexpected IP version"));
}
