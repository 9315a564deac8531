//! The example `conference`, played by the test: what it shows must be so, in every run and every topology.

#![cfg(feature = "rust-crypto")]

use std::collections::BTreeSet;
use std::ffi::OsString;

#[path = "../examples/conference/main.rs"]
#[allow(dead_code, reason = "its main function, and what only printing needs")]
mod conference;

use conference::args::{self, Command, Options};
use conference::play::{self, Outcome};
use conference::receiver::{Receiver, Refused};
use conference::run::{Protection, Run};
use conference::topology::{Shape, Topology};
use conference::trials::Fate;
use xcast_sec::ipsec::InboundError;
use xcast_sec::wire::{ChecksumPolicy, CodePoints, Family, IpHeader, XcastPacket};

fn parse(arguments: &[&str]) -> Result<Command, String> {
    args::parse(arguments.iter().map(OsString::from))
}

fn options(arguments: &[&str]) -> Options {
    match parse(arguments).unwrap() {
        Command::Play(options) => options,
        Command::Help => panic!("help was not asked for"),
    }
}

fn play_all(shape: Shape, members: usize) -> (Topology, Vec<Outcome>) {
    let topology = Topology::new(shape, members);
    let runs = Options::default();
    let outcomes = runs.runs().map(|run| play::play(&topology, run, 0).unwrap()).collect();
    (topology, outcomes)
}

#[test]
fn all_eight_runs_deliver_once_and_refuse_what_they_must() {
    for shape in Shape::ALL {
        for members in [1, 2, 3, 8] {
            let (topology, outcomes) = play_all(shape, members);
            assert_eq!(outcomes.len(), 8);
            for outcome in &outcomes {
                let at = format!("{}, {members} members, {}", shape.name(), outcome.session.run);
                assert_eq!(outcome.faults(&topology), Vec::<String>::new(), "{at}");
                assert_eq!(outcome.received.len(), members, "{at}");
                assert!(outcome.received.iter().all(|received| received.len() == 1), "{at}");
            }
        }
    }
}

#[test]
fn as_many_members_as_a_header_lists() {
    for family in [Family::V4, Family::V6] {
        for protection in Protection::ALL {
            let run = Run { family, protection };
            for shape in [Shape::Figure1, Shape::Star, Shape::Tree] {
                let topology = Topology::new(shape, run.max_members());
                let outcome = play::play(&topology, run, 0).unwrap();
                assert_eq!(outcome.faults(&topology), Vec::<String>::new(), "{run} {}", shape.name());
            }
        }
    }
    // The longest way there is.
    let run = Run { family: Family::V4, protection: Protection::None };
    let topology = Topology::new(Shape::Chain, run.max_members());
    let outcome = play::play(&topology, run, 0).unwrap();
    assert_eq!(outcome.faults(&topology), Vec::<String>::new());
}

#[test]
fn each_refusal_has_its_reason() {
    let (_, outcomes) = play_all(Shape::Figure1, 3);
    let icv = "refused: integrity check value does not verify";
    let replay = "refused: sequence number already seen or too old";
    let no_sa = "refused: no security association for SPI 0x0e000001";
    for outcome in outcomes {
        let fates: Vec<String> = outcome.trials.iter().map(|trial| trial.fate.to_string()).collect();
        let sender = outcome.session.sender;
        let accepted = format!("accepted, as sent by {sender}");
        let expected: [&str; 5] = match outcome.session.run.protection {
            Protection::None => {
                assert!(matches!(&outcome.trials[2].fate, Fate::Accepted(delivery) if delivery.source != sender));
                [&accepted, &accepted, &fates[2], &accepted, &accepted]
            }
            Protection::Ah | Protection::AhEsp => [replay, icv, icv, icv, &accepted],
            Protection::Esp => [replay, icv, no_sa, &accepted, &accepted],
        };
        assert_eq!(fates, expected, "{}", outcome.session.run);
    }
}

/// What is meant for another member, or lacks the protection agreed on, is refused for that reason.
#[test]
fn receivers_take_only_what_is_theirs_and_protected_as_agreed() {
    let (topology, outcomes) = play_all(Shape::Figure1, 3);
    let [b, .., d] = topology.members() else { panic!("three members") };
    for outcome in &outcomes {
        let at = outcome.session.run;
        let mut receiver = Receiver::new(&outcome.session, outcome.session.members[0]).unwrap();
        let of_d = outcome.passage.arrivals(*d).next().unwrap();
        assert_eq!(receiver.receive(of_d), Err(Refused::NotForThisMember), "{at}");
        // Several bits are set here, B's among them.
        let first = &outcome.passage.crossings[0].packet;
        assert!(receiver.receive(first).is_ok(), "{at}");

        let unprotected = outcomes
            .iter()
            .find(|other| other.session.run.family == at.family && other.session.run.protection == Protection::None);
        let naked = unprotected.unwrap().passage.arrivals(*b).next().unwrap();
        if at.protection != Protection::None {
            let refused = receiver.receive(naked);
            assert!(matches!(refused, Err(Refused::Ipsec(InboundError::Unprotected { .. }))), "{at}: {refused:?}");
        }
    }
}

/// The way RFC 5058 §2 tells it, hop by hop.
#[test]
fn figure_1_branches_as_the_rfc_says() {
    let (topology, outcomes) = play_all(Shape::Figure1, 3);
    let points = CodePoints::rfc4727_experiment();
    for outcome in &outcomes {
        let x2u = outcome.session.run.protection == Protection::None;
        let mut links = Vec::new();
        for crossing in &outcome.passage.crossings {
            let link = format!("{}-{}", topology.name(crossing.from), topology.name(crossing.to));
            let destinations = match XcastPacket::parse(&crossing.packet, &points, ChecksumPolicy::Verify) {
                Ok(xcast) => xcast.bits().len(),
                Err(_) => 0,
            };
            links.push((link, destinations));
        }
        let last = usize::from(!x2u);
        let expected = [
            ("A-R1", 3),
            ("R1-R2", 3),
            ("R2-R3", 3),
            ("R3-R4", last),
            ("R3-R5", 2),
            ("R4-B", last),
            ("R5-R6", 2),
            ("R6-R7", 2),
            ("R7-R8", last),
            ("R7-R9", last),
            ("R8-C", last),
            ("R9-D", last),
        ];
        assert_eq!(links, expected.map(|(link, count)| (link.to_owned(), count)), "{}", outcome.session.run);
        // 3 links to R3; B is 2 further on, C and D 5.
        assert_eq!(outcome.unicast.crossings, 5 + 8 + 8);
        assert!(outcome.passage.octets() < outcome.unicast.octets);
    }
}

#[test]
fn topologies_are_different_graphs() {
    let links = |shape| {
        let topology = Topology::new(shape, 5);
        (0..5).map(|member| topology.links_to(member)).collect::<Vec<_>>()
    };
    assert_eq!(links(Shape::Figure1), [5, 8, 8, 5, 8]);
    assert_eq!(links(Shape::Star), [2; 5]);
    assert_eq!(links(Shape::Chain), [2, 3, 4, 5, 6]);
    assert_eq!(links(Shape::Tree), [4, 4, 4, 5, 5]);
}

#[test]
fn the_capture_is_well_formed() {
    let (_, outcomes) = play_all(Shape::Figure1, 3);
    let capture = conference::capture(&outcomes);
    let (header, mut records) = capture.as_octets().split_at(24);
    let word = |octets: &[u8], at: usize| u32::from_be_bytes(octets[at..at + 4].try_into().unwrap());
    assert_eq!(word(header, 0), 0xa1b2_c3d4);
    assert_eq!(header[4..8], [0, 2, 0, 4]);
    assert_eq!(word(header, 20), 101);

    let (mut packets, mut previous) = (0, (0, 0));
    let mut crossings = outcomes.iter().flat_map(|outcome| &outcome.passage.crossings);
    while !records.is_empty() {
        let (record, rest) = records.split_at(16);
        let len = word(record, 8);
        assert_eq!(word(record, 12), len);
        assert!(len <= word(header, 16));
        let time = (word(record, 0), word(record, 4));
        assert!(time > previous || packets % 12 == 0, "time runs forward within a run");
        assert!(time.1 < 1_000_000);
        let (packet, rest) = rest.split_at(len as usize);
        assert_eq!(packet, crossings.next().unwrap().packet);
        assert_eq!(IpHeader::split(packet).unwrap().0.packet_len(), packet.len());
        (records, previous) = (rest, time);
        packets += 1;
    }
    assert!(crossings.next().is_none());
    assert_eq!((packets, capture.packets()), (96, 96));
}

#[test]
fn a_run_is_the_same_every_time_and_no_two_packets_are() {
    let topology = Topology::new(Shape::Star, 3);
    let run = Run { family: Family::V6, protection: Protection::AhEsp };
    let packets = || -> Vec<Vec<u8>> {
        let outcome = play::play(&topology, run, 0).unwrap();
        outcome.passage.crossings.into_iter().map(|crossing| crossing.packet).collect()
    };
    let first = packets();
    assert_eq!(first, packets());
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
}

#[test]
fn arguments_are_understood() {
    assert_eq!(options(&[]), Options::default());
    let all = options(&["--topology", "tree", "--members=9", "--family", "6", "--protection", "ah+esp", "--out", "x"]);
    assert_eq!((all.shape, all.members, all.out.to_str()), (Shape::Tree, 9, Some("x")));
    assert!(all.runs().eq([Run { family: Family::V6, protection: Protection::AhEsp }]));
    assert_eq!(options(&["-q"]).detail, args::Detail::Quiet);
    assert_eq!(options(&["--verbose"]).detail, args::Detail::Verbose);
    assert_eq!(parse(&["--out", "x", "--help", "--nonsense"]), Ok(Command::Help));
    assert_eq!(options(&["--keys=k", "-q"]).keys, Some("k".into()));
    assert_eq!(options(&["--members", "127", "--family", "4"]).members, 127);
    assert_eq!(options(&["--members", "126", "--family", "6", "--protection", "ah+esp"]).members, 126);
}

#[test]
fn wrong_arguments_are_named() {
    for (arguments, message) in [
        (&["--members", "0"][..], "--members needs a number, 1 or more, not '0'"),
        (&["--members", "-3"], "--members needs a number, 1 or more, not '-3'"),
        (&["--members"], "--members needs a number, 1 or more"),
        (&["--members="], "--members needs a number, 1 or more"),
        (&["--topology", "ring"], "--topology needs figure1, star, chain or tree, not 'ring'"),
        (&["--family", "5"], "--family needs 4, 6 or both, not '5'"),
        (&["--protection", "tls"], "--protection needs none, ah, esp, ah+esp or all, not 'tls'"),
        (&["--out"], "--out needs the name of a file"),
        (&["--keys="], "--keys needs the name of a file"),
        (&["--colour"], "unknown argument '--colour'"),
        (&["file"], "unknown argument 'file'"),
        (&["--quiet=1"], "--quiet takes no value, or is no option"),
        (&["--quiet", "--verbose"], "--quiet and --verbose exclude each other"),
        (
            &["--members", "126"],
            "--members 126 is too many: a packet of the run \"IPv6 unprotected\" lists at most 125",
        ),
        (
            &["--members", "128", "--family", "4", "--protection", "ah"],
            "--members 128 is too many: a packet of the run \"IPv4 AH\" lists at most 127",
        ),
    ] {
        assert_eq!(parse(arguments), Err(message.into()), "{arguments:?}");
    }
}

#[test]
fn an_unwritable_file_is_named() {
    let mut options = options(&[]);
    options.out = "no/such/directory/conference.pcap".into();
    let error = conference::conference(&options).unwrap_err().to_string();
    assert!(error.starts_with("cannot write no/such/directory/conference.pcap: "), "{error}");
    options.out = env!("CARGO_TARGET_TMPDIR").into();
    options.out.push("conference.pcap");
    options.keys = Some("no/such/directory/keys".into());
    let error = conference::conference(&options).unwrap_err().to_string();
    assert!(error.starts_with("cannot write no/such/directory/keys: "), "{error}");
}
