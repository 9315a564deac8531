//! The example `xcast_dump`, run by the test as its main function runs it: captures of every kind, what is said of what
//! is in them, and what happens with what is damaged.

#![cfg(feature = "rust-crypto")]

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use xcast_sec::wire::{CodePoints, Family};

#[path = "../examples/conference/main.rs"]
#[allow(dead_code, reason = "its main function, and what only printing needs")]
mod conference;
#[path = "../examples/xcast_dump/main.rs"]
#[allow(dead_code, reason = "its main function")]
mod xcast_dump;

#[path = "xcast_dump/damage.rs"]
mod damage;
#[path = "xcast_dump/files.rs"]
mod files;
#[path = "xcast_dump/keys.rs"]
mod keys;
#[path = "xcast_dump/make.rs"]
mod make;
#[path = "xcast_dump/malformed.rs"]
mod malformed;
#[path = "xcast_dump/packets.rs"]
mod packets;

use make::{Xcast, ipv4, raw};

/// What a run printed, and its exit status.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    status: u8,
    out: String,
    err: String,
}

impl Ran {
    /// The lines of packets, without what belongs to them.
    fn packets(&self) -> Vec<&str> {
        self.out.lines().filter(|line| line.starts_with('#')).collect()
    }

    /// What stands behind the empty line at the end.
    fn summary(&self) -> &str {
        self.out.rsplit_once("\n\n").map_or(self.out.trim_start(), |(_, summary)| summary)
    }
}

/// Runs with arguments, and `input` as the standard input.
fn run(arguments: &[&str], input: &[u8]) -> Ran {
    let (mut input, mut out, mut err) = (input, Vec::new(), Vec::new());
    let status = xcast_dump::run(arguments.iter().map(OsString::from), &mut input, &mut out, &mut err);
    Ran { status, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// A file of this test process alone, which goes when this does.
struct Scratch(String);

impl Scratch {
    fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is in the target directory, where it is in nobody's way.
        let _ = fs::remove_file(&self.0);
    }
}

fn file(name: &str, contents: &[u8]) -> Scratch {
    // Tests run side by side.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let directory = env!("CARGO_TARGET_TMPDIR");
    let scratch = Scratch(format!("{directory}/xcast_dump-{process}-{count}-{name}"));
    fs::write(scratch.name(), contents).unwrap();
    scratch
}

/// The capture and the keys that the example `conference` writes.
fn conference_files() -> (Vec<u8>, String) {
    let topology = conference::topology::Topology::new(conference::topology::Shape::Figure1, 3);
    let runs = conference::args::Options::default();
    let played = runs.runs().map(|run| conference::play::play(&topology, run, 0).unwrap());
    let outcomes: Vec<_> = played.collect();
    (conference::capture(&outcomes).as_octets().to_vec(), conference::keys::text(&outcomes))
}

#[test]
fn the_conference_is_read_without_keys() {
    let (capture, _) = conference_files();
    let ran = run(&["-"], &capture);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let expected = "96 packets: 84 Xcast, 12 other IP (12 made of Xcast by X2U), 0 not IP\n\
                    72 protected: 72 not tried\n0 malformed\n";
    assert_eq!(ran.summary(), expected);
    assert_eq!(ran.packets().len(), 84);
    assert_eq!(
        ran.packets()[0],
        "#1 1970-01-01 00:00:00.000000 IPv4 192.0.2.1 > +192.0.2.2 +192.0.2.3 +192.0.2.4 (3 of 3) | hop 255, CS0 | \
         ----, bitmap in header, checksum ok | UDP 5004 > 5004, 160 octets, checksum ok"
    );
    let esp: Vec<_> = ran.packets().into_iter().filter(|line| line.contains("ESP 0x")).collect();
    assert_eq!(esp.len(), 48);
    assert!(esp.iter().all(|line| line.ends_with("octets with IV, padding and ICV")), "{esp:?}");
}

#[test]
fn the_conference_is_verified_and_decrypted_with_its_keys() {
    let (capture, keys) = conference_files();
    let keys = file("conference.keys", keys.as_bytes());
    let ran = run(&["--keys", keys.name(), "-x", "-"], &capture);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let expected = "96 packets: 84 Xcast, 12 other IP (12 made of Xcast by X2U), 0 not IP\n\
                    72 protected: 72 verified\n0 malformed\n";
    assert_eq!(ran.summary(), expected);
    // Of each family: 12 packets with each of AH, ESP and both, all but the first of each sight of what was seen
    // before.
    let count = |what: &str| ran.packets().iter().filter(|line| line.contains(what)).count();
    for (what, expected) in [
        ("AH 0x0a000001 seq 1 verified", 24),
        ("AH 0x0a000002 seq 1 verified", 24),
        ("ESP 0x0e000001 seq 1 opened", 24),
        ("ESP 0x0e000002 seq 1 opened", 24),
        ("AH 0x0a000002 seq 1 verified (as #", 22),
        ("ESP 0x0e000001 seq 1 opened (as #", 22),
        ("| UDP 5004 > 5004, 160 octets, checksum ok", 84),
        ("NO KEY", 0),
        ("WRONG", 0),
    ] {
        assert_eq!(count(what), expected, "{what}");
    }
    assert_eq!(ran.out.matches("|xcast-sec confer|").count(), 84);
    assert!(!ran.out.contains("SAME NUMBER"));
}

/// Without the line of one association, what it protects is said to have no key; with another key, its ICV is wrong. AH
/// without a key does not keep ESP in it from being opened.
#[test]
fn missing_and_wrong_keys_are_told_apart() {
    let (capture, keys) = conference_files();
    let without_ah: String =
        keys.lines().filter(|line| !line.starts_with("ah ")).map(|line| format!("{line}\n")).collect();
    let path = file("without-ah.keys", without_ah.as_bytes());
    let ran = run(&["--keys", path.name(), "-"], &capture);
    assert!(ran.summary().contains("72 protected: 48 without a key, 24 verified\n"), "{}", ran.summary());
    let both = ran
        .packets()
        .into_iter()
        .filter(|line| line.contains("AH 0x0a000002 seq 1 NO KEY | ESP 0x0e000002 seq 1 opened"));
    assert_eq!(both.count(), 24);

    for (protocol, column, expected) in [
        ("ah", "integrity=", "72 protected: 48 with a wrong ICV, 24 verified\n"),
        ("esp", "integrity=", "72 protected: 48 with a wrong ICV, 24 verified\n"),
    ] {
        let wrong: String = keys
            .lines()
            .map(|line| match line.split_once(column) {
                Some((front, key)) if line.starts_with(&format!("{protocol} ")) => {
                    // Another last digit of the key, in the middle of the line or at its end.
                    let (key, rest) = key.split_once(' ').unwrap_or((key, ""));
                    let last = if key.ends_with('0') { '1' } else { '0' };
                    format!("{front}{column}{}{last} {rest}\n", &key[..key.len() - 1])
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let path = file(&format!("wrong-{protocol}.keys"), wrong.as_bytes());
        let ran = run(&["--keys", path.name(), "-"], &capture);
        assert_eq!(ran.status, 0);
        assert!(ran.summary().contains(expected), "{protocol}: {}", ran.summary());
        assert!(ran.out.contains("seq 1 ICV WRONG"), "{protocol}");
    }
}

#[test]
fn filters_and_counts() {
    let (capture, keys) = conference_files();
    let keys = file("filters.keys", keys.as_bytes());
    let keys = keys.name();
    let printed = |arguments: &[&str]| {
        let ran = run(&[arguments, &["-"]].concat(), &capture);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{arguments:?}");
        ran.packets().len()
    };
    assert_eq!(printed(&[]), 84);
    assert_eq!(printed(&["--all"]), 96);
    assert_eq!(printed(&["--src", "192.0.2.1"]), 42);
    assert_eq!(printed(&["--src=2001:db8::1"]), 42);
    assert_eq!(printed(&["--src", "2001:db8::2"]), 0);
    assert_eq!(printed(&["--dst-member", "192.0.2.4"]), 42);
    // Of those that X2U made, two go to D.
    assert_eq!(printed(&["--dst-member", "192.0.2.4", "--all"]), 44);
    assert_eq!(printed(&["--only", "protected"]), 72);
    assert_eq!(printed(&["--only", "unverified"]), 72);
    assert_eq!(printed(&["--only", "unverified", "--keys", keys]), 0);
    assert_eq!(printed(&["--only", "malformed"]), 0);
    assert_eq!(printed(&["--count", "5"]), 5);
    let ran = run(&["--count", "5", "-"], &capture);
    // Between them stand two that X2U made.
    assert_eq!(ran.summary(), "7 packets: 5 Xcast, 2 other IP (2 made of Xcast by X2U), 0 not IP\n0 malformed\n");
}

#[test]
fn every_other_code_point_is_understood() {
    let mut fields = *CodePoints::rfc4727_experiment().fields();
    (fields.xcast4_protocol, fields.xcast6_routing_type) = (200, 201);
    fields.routers_v4 = [239, 1, 2, 3].into();
    fields.routers_v6 = "ff05::99".parse().unwrap();
    (fields.ports_option, fields.tunnel_option) = (0x41, 0x11);
    (fields.bitmap_option_v4, fields.bitmap_option_v6) = (150, 0x31);
    let points = CodePoints::new(fields).unwrap();
    let list = "xcast4-protocol=200,xcast6-routing-type=201,routers-v4=239.1.2.3,routers-v6=ff05::99,ports-option=0x41,\
                tunnel-option=0x11,bitmap-option-v4=150,bitmap-option-v6=0x31";
    let mut packets = Vec::new();
    for family in [Family::V4, Family::V6] {
        let separated = xcast_sec::wire::BitmapPlace::Option;
        for bitmap in [xcast_sec::wire::BitmapPlace::Header, separated] {
            let xcast = Xcast { bitmap, ports: true, ..Xcast::plain(family) };
            packets.push(xcast.with_payload(&points, 59, Some(&[])));
        }
    }
    let ran = run(&["--code-points", list, "-"], &raw(&packets));
    assert_eq!(ran.packets().len(), 4);
    assert!(
        ran.packets().iter().all(|line| line.contains(":5002 (3 of 3)") && line.contains("checksum ok")),
        "{ran:?}"
    );
    assert_eq!(ran.out.matches("bitmap in option").count(), 2);
    // By the numbers of the experiment they are something else.
    let ran = run(&["-"], &raw(&packets));
    assert_eq!(ran.summary(), "4 packets: 0 Xcast, 4 other IP, 0 not IP\n0 malformed\n");
}

#[test]
fn strict_is_about_malformed_packets_only() {
    let good = Xcast::plain(Family::V4).octets();
    let mut bad = good.clone();
    bad[21] = 0;
    let (good, bad) = (raw(&[good]), raw(&[bad]));
    assert_eq!(run(&["-"], &bad).status, 0);
    assert_eq!(run(&["-", "--strict"], &bad).status, 3);
    assert_eq!(run(&["-", "--strict", "--only", "protected"], &bad).status, 3, "printed or not");
    assert_eq!(run(&["-", "--strict"], &good).status, 0);
    // A file that cannot be read to its end weighs more.
    assert_eq!(run(&["-", "--strict"], &bad[..bad.len() - 1]).status, 1);
    assert_eq!(run(&["-", "--strict"], &[bad, vec![0]].concat()).status, 1);
}

#[test]
fn wrong_arguments_are_named() {
    for (arguments, message) in [
        (&[][..], "the name of a capture is missing, or '-' for the standard input"),
        (&["a", "b"], "one FILE at a time"),
        (&["-", "--count", "0"], "--count needs a number, 1 or more, not '0'"),
        (&["-", "--count"], "--count needs a number, 1 or more"),
        (&["-", "--count=x"], "--count needs a number, 1 or more, not 'x'"),
        (&["-", "--src", "here"], "--src needs an IPv4 or IPv6 address, not 'here'"),
        (&["-", "--dst-member", "1.2.3"], "--dst-member needs an IPv4 or IPv6 address, not '1.2.3'"),
        (&["-", "--only", "good"], "--only needs malformed, protected or unverified, not 'good'"),
        (&["-", "--keys"], "--keys needs the name of a file"),
        (&["-", "--keys="], "--keys needs the name of a file"),
        (&["-", "--all=1"], "--all takes no value, or is no option"),
        (&["-", "-vq"], "unknown argument '-vq'"),
        (&["-", "--colour"], "unknown argument '--colour'"),
        (&["-", "--code-points", "x"], "--code-points: 'x' is not NAME=VALUE"),
        (&["-", "--code-points", "x=1"], "--code-points: no code point is called 'x'"),
        (
            &["-", "--code-points", "ports-option=256"],
            "--code-points: ports-option needs a number up to 255, not '256'",
        ),
        (
            &["-", "--code-points", "ports-option=0xg"],
            "--code-points: ports-option needs a number up to 255, not '0xg'",
        ),
        (&["-", "--code-points", "ports-option=1"], "--code-points: Ports option must start with the bits 010"),
        (
            &["-", "--code-points", "routers-v4=ff02::1"],
            "--code-points: routers-v4 needs an IPv4 address, not 'ff02::1'",
        ),
        (&["-", "--code-points", "xcast4-protocol=17"], "--code-points: IPv4 protocol number already has a meaning"),
        (
            &["-", "--code-points", "v2-mark=0x45000000"],
            "--code-points: XCAST6 2.0: mark must be of IPv6, its ECN bits 0",
        ),
    ] {
        let ran = run(arguments, &[]);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert_eq!(ran.err, format!("error: {message}\nFor the options, use --help.\n"), "{arguments:?}");
    }
}

#[test]
fn help_tells_the_options_and_both_formats() {
    for arguments in [&["--help"][..], &["-h", "--nonsense"], &["-vh"]] {
        let ran = run(arguments, &[]);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        for word in
            ["--dst-member ADDRESS", "Exit status:", "bitmap-option-v6", "v2-group", "tunnel-preserving", "esn=N"]
        {
            assert!(ran.out.contains(word), "{word}");
        }
        assert!(ran.out.lines().all(|line| line.chars().count() <= 120));
    }
}

#[test]
fn files_are_read_and_missing_ones_named() {
    let packet = Xcast::plain(Family::V4).octets();
    let path = file("one.pcap", &raw(&[packet]));
    let ran = run(&[path.name()], &[]);
    assert_eq!((ran.status, ran.packets().len()), (0, 1));
    let ran = run(&["--", path.name()], &[]);
    assert_eq!((ran.status, ran.packets().len()), (0, 1));

    let ran = run(&["no/such/file"], &[]);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""));
    assert!(ran.err.starts_with("error: cannot read no/such/file: "), "{}", ran.err);
    let ran = run(&["--keys", "no/such/keys", "-"], &[]);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""));
    assert!(ran.err.starts_with("error: cannot read no/such/keys: "), "{}", ran.err);
}

/// Writes so many octets, and then fails.
struct Full {
    left: usize,
    kind: io::ErrorKind,
}

impl Write for Full {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let len = octets.len().min(self.left);
        self.left -= len;
        if len == 0 && !octets.is_empty() { Err(self.kind.into()) } else { Ok(len) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_ends_quietly_and_a_full_disk_does_not() {
    let capture = raw(&vec![Xcast::plain(Family::V4).octets(); 50]);
    for arguments in [&["-"][..], &["--help"]] {
        for left in [0, 1, 500] {
            for (kind, status, message) in [
                (io::ErrorKind::BrokenPipe, 0, ""),
                (io::ErrorKind::StorageFull, 1, "error: cannot write: no storage space\n"),
            ] {
                let (mut out, mut err) = (Full { left, kind }, Vec::new());
                let arguments = arguments.iter().map(OsString::from);
                let ended = xcast_dump::run(arguments, &mut &capture[..], &mut out, &mut err);
                assert_eq!((ended, String::from_utf8(err).unwrap().as_str()), (status, message));
            }
        }
    }
}

#[test]
fn ordinary_packets_are_shown_on_demand() {
    let udp = [0x0f, 0xa0, 0x13, 0x88, 0, 8, 0, 0];
    let capture = raw(&[ipv4(1, 2, 17, &udp), ipv4(1, 2, 132, &[0; 12])]);
    assert!(run(&["-"], &capture).packets().is_empty());
    let ran = run(&["-", "--all"], &capture);
    assert_eq!(
        ran.packets(),
        [
            "#1 2007-11-01 00:00:00.000000 IPv4 192.0.2.1 > 192.0.2.2 | hop 64, CS0 | UDP 4000 > 5000, 0 octets, no checksum",
            "#2 2007-11-01 00:00:01.000001 IPv4 192.0.2.1 > 192.0.2.2 | hop 64, CS0 | SCTP, 12 octets",
        ]
    );
}
