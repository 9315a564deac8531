//! The example `group_session`, run by the test: over good and bad networks all that it asserts must hold, and show.

#![cfg(feature = "rust-crypto")]

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

#[path = "../examples/group_session/main.rs"]
#[allow(dead_code, reason = "its main function")]
mod group_session;

fn run(arguments: &[&str]) -> (Result<(), (u8, String)>, String) {
    let mut out = String::new();
    let result = group_session::run(arguments.iter().map(OsString::from), &mut out);
    (result, out)
}

fn capture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs it, and returns the log and the capture.
fn play(seed: u64, loss: u64) -> (String, Vec<u8>) {
    let path = capture(&format!("group_session_{seed}_{loss}.pcap"));
    let (seed, loss) = (format!("--seed={seed}"), format!("--loss={loss}"));
    let (result, out) = run(&[&seed, &loss, "--out", path.to_str().unwrap()]);
    assert_eq!(result, Ok(()), "{seed} {loss}\n{out}");
    (out, fs::read(path).unwrap())
}

/// The number of records, each of which must start with an IPv6 header that says its length.
fn packets(capture: &[u8]) -> usize {
    let word = |octets: &[u8], at: usize| u32::from_be_bytes(octets[at..at + 4].try_into().unwrap());
    let (header, mut records) = capture.split_at(24);
    assert_eq!((word(header, 0), word(header, 20)), (0xa1b2_c3d4, 101));
    let (mut packets, mut previous) = (0, (0, 0));
    while !records.is_empty() {
        let (record, rest) = records.split_at(16);
        let (packet, rest) = rest.split_at(word(record, 8) as usize);
        assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])) + 40, packet.len());
        assert_eq!(packet[0] >> 4, 6);
        let time = (word(record, 0), word(record, 4));
        assert!(time >= previous, "time runs forward");
        (records, previous) = (rest, time);
        packets += 1;
    }
    packets
}

#[test]
fn all_holds_on_good_and_bad_networks() {
    for loss in [0, 10, 25, 40] {
        for seed in 1..=6 {
            let (log, capture) = play(seed, loss);
            let at = format!("seed {seed}, loss {loss}\n{log}");
            for name in ["B", "C", "D", "E"] {
                assert!(log.contains(&format!("\n{name} heard 451 of 451 words that were for it.\n")), "{at}");
            }
            for event in [
                "A lets F in",
                "says \"word 1\" under keys",
                "to B C D E F\n",
                "A expels F",
                "F is expelled: decided",
                "F knows that it is expelled",
                "A holds back \"word ",
                "for B C D E, as the last ones are 20 s old\n",
                "A does not let F in: not admitted",
                "A lets G in",
                "to B C D E G\n",
                ", and 0 of 4",
                "G, with the keys it got, opens 0 of 3",
            ] {
                assert!(log.contains(event), "no {event:?}: {at}");
            }
            assert_eq!(log.contains("-- lost"), loss > 0, "{at}");
            assert!(loss < 10 || log.contains(", time 2"), "nothing is sent again: {at}");
            assert!(log.contains("-- arrives twice"), "{at}");
            let count = packets(&capture);
            assert!(count > 3_000, "{at}");
            assert!(log.contains(&format!("\n{count} packets, one for each link")), "{at}");
        }
    }
}

/// Neither the words nor a control message, which would hold keys, are in it.
#[test]
fn the_capture_holds_no_plaintext() {
    let (_, capture) = play(1, 20);
    let finds = |text: &[u8]| capture.windows(text.len()).any(|window| window == text);
    assert!(!finds(b"word ") && !finds(b"XM\x01"));
}

#[test]
fn a_seed_decides_the_run() {
    // A loss of its own: tests run side by side.
    let first = play(7, 31);
    assert!(first == play(7, 31));
    assert!(first.1 != play(8, 31).1);
}

#[test]
fn wrong_arguments_are_named() {
    for (arguments, message) in [
        (&["--seed", "x"][..], "--seed needs a number, 0 or more, not 'x'"),
        (&["--seed=-1"], "--seed needs a number, 0 or more, not '-1'"),
        (&["--seed"], "--seed needs a number, 0 or more"),
        (&["--loss", "41"], "--loss needs a percentage, 0 to 40, not '41'"),
        (&["--loss=many"], "--loss needs a percentage, 0 to 40, not 'many'"),
        (&["--out="], "--out needs the name of a file"),
        (&["--help=1"], "--help takes no value, or is no option"),
        (&["--colour"], "unknown argument '--colour'"),
        (&["file"], "unknown argument 'file'"),
    ] {
        let said = format!("error: {message}\nFor the options, use --help.\n");
        assert_eq!(run(arguments), (Err((2, said)), String::new()), "{arguments:?}");
    }
    let (result, out) = run(&["--loss", "3", "--help"]);
    assert!(result.is_ok() && ["--seed", "--loss", "--out"].iter().all(|name| out.contains(name)));
}

#[test]
fn an_unwritable_file_is_named() {
    let (status, error) = run(&["--out", "no/such/directory/x.pcap"]).0.unwrap_err();
    assert!(status == 1 && error.starts_with("error: cannot write no/such/directory/x.pcap: "), "{error}");
}
