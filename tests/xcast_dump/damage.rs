//! Files at random and files damaged at random: nothing panics, and all that is said of them is text.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use xcast_sec::wire::{BitmapPlace, DestinationSet, Family};

use super::make::{Order, Xcast, classic, enhanced, interface, ipv4, ipv6, raw, section, simple};
use super::{Scratch, conference_files, file, run};

/// The capture of the conference, and its keys.
static CONFERENCE: LazyLock<(Vec<u8>, String)> = LazyLock::new(conference_files);

/// Packets of many kinds.
fn packets() -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for family in [Family::V4, Family::V6] {
        for bitmap in [BitmapPlace::Header, BitmapPlace::Option] {
            let (dscps, ports) = (true, true);
            packets.push(Xcast { bitmap, ..Xcast::plain(family) }.octets());
            packets
                .push(Xcast { bitmap, dscps, ports, bits: DestinationSet::single(2), ..Xcast::plain(family) }.octets());
        }
    }
    let inner = packets[0].clone();
    packets.push(ipv6(7, 8, 0, &[&[4, 0, 0x1e, 0, 1, 2, 0, 0], &inner[..]].concat()));
    packets.push(ipv4(7, 8, 4, &inner));
    packets
}

/// Good files of both formats.
fn files() -> Vec<Vec<u8>> {
    let packets = packets();
    let ethernet: Vec<_> = packets.iter().map(|packet| [&[2; 12][..], &[0x08, 0x00], packet].concat()).collect();
    let mut files = vec![raw(&packets), classic(Order::Little, true, 1, &ethernet), CONFERENCE.0.clone()];
    for order in Order::BOTH {
        let mut blocks = vec![section(order), interface(order, 101, 0, &[(9, &[9]), (14, &[0; 8])])];
        blocks.extend(packets.iter().map(|packet| enhanced(order, 0, 1 << 40, packet)));
        blocks.extend(packets.iter().map(|packet| simple(order, packet)));
        files.push(blocks.concat());
    }
    files
}

/// The keys, in a file while the test runs.
fn keys(test: &str) -> Scratch {
    file(&format!("{test}.keys"), CONFERENCE.1.as_bytes())
}

/// Dumps it in every way, and holds what is printed to what must always be so.
fn dump(keys: &Scratch, capture: &[u8]) {
    for options in [&["--all"][..], &["-vx", "--all", "--keys", keys.name()], &["--strict"]] {
        let ran = run(&[options, &["-"]].concat(), capture);
        assert!(matches!(ran.status, 0 | 1 | 3));
        assert_eq!(ran.status == 1, !ran.err.is_empty());
        assert!(ran.err.is_empty() || ran.err.starts_with("error: the standard input: "));
        // One line for each packet, and each is counted.
        if !ran.out.is_empty() && options.contains(&"--all") {
            let counted = ran.summary().split(' ').next().unwrap().parse::<usize>().unwrap();
            assert_eq!(ran.packets().len(), counted);
        }
        // Nothing that a terminal would act upon.
        assert!(ran.out.chars().all(|character| character == '\n' || !character.is_control()));
        assert!(ran.err.chars().all(|character| character == '\n' || !character.is_control()));
        assert_eq!(run(&[options, &["-"]].concat(), capture), ran, "the same each time");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_octets_are_no_capture_and_do_no_harm(octets in vec(any::<u8>(), 0..200)) {
        let keys = keys("random_octets_are_no_capture_and_do_no_harm");
        dump(&keys, &octets);
    }

    #[test]
    fn random_octets_behind_a_header_do_no_harm(octets in vec(any::<u8>(), 0..200), order in any::<bool>(), link in 0_u16..300) {
        let keys = keys("random_octets_behind_a_header_do_no_harm");
        let order = if order { Order::Big } else { Order::Little };
        let mut capture = classic(order, false, link.into(), &[[]; 0]);
        capture.extend(&octets);
        dump(&keys, &capture);
        dump(&keys, &[&section(order)[..], &interface(order, link, 0, &[]), &octets].concat());
    }

    #[test]
    fn random_packets_do_no_harm(
        packets in vec(vec(any::<u8>(), 0..120), 1..4),
        version in prop_oneof![Just(0x45_u8), Just(0x60), Just(0x4f), any::<u8>()],
        link in prop_oneof![Just(101_u32), Just(1), Just(113), Just(276), Just(0), Just(108)],
    ) {
        let keys = keys("random_packets_do_no_harm");
        let packets: Vec<_> = packets.into_iter().map(|mut packet| {
            packet.insert(0, version);
            packet
        }).collect();
        dump(&keys, &classic(Order::Big, false, link, &packets));
    }

    #[test]
    fn random_damage_does_no_harm(
        which in 0_usize..5,
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        cut_at_all in any::<bool>(),
    ) {
        let keys = keys("random_damage_does_no_harm");
        let mut capture = files().swap_remove(which);
        for (at, value) in flips {
            let at = at.index(capture.len());
            capture[at] = value;
        }
        if cut_at_all {
            capture.truncate(cut.index(capture.len()));
        }
        dump(&keys, &capture);
    }

    /// Damage inside packets alone, so that each is reached.
    #[test]
    fn damaged_packets_do_no_harm(
        which in any::<prop::sample::Index>(),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let keys = keys("damaged_packets_do_no_harm");
        let packets = packets();
        let mut packet = packets[which.index(packets.len())].clone();
        for (at, value) in flips {
            let at = at.index(packet.len());
            packet[at] = value;
        }
        let short = packet[..cut.index(packet.len())].to_vec();
        dump(&keys, &raw(&[packet, short]));
    }
}

/// Every octet of every header, with its extreme values.
#[test]
fn every_octet_of_every_packet_damaged_does_no_harm() {
    let keys = keys("every_octet");
    for packet in packets() {
        let mut damaged = Vec::new();
        for at in 0..packet.len() {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut packet = packet.clone();
                packet[at] = value;
                damaged.push(packet);
            }
        }
        dump(&keys, &raw(&damaged));
    }
}
