//! Texts that are right.

use std::fmt::Write;
use std::net::IpAddr;

use proptest::prelude::*;

use crate::kit::{any_terms, assert_same, association, full_terms, groups, sender_in, spi, suites};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
use xcast_sec::group::manual::{Config, Expected, Group, Item, ManualErrorKind, Member, Sender};
use xcast_sec::group::{GroupLifetime, GroupMode, GroupSa, Preservation, Rollover, SaTerms, Suite};
use xcast_sec::ipsec::{Directionality, RoutingCoverage, SenderId};
use xcast_sec::wire::Dscp;

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

fn integrity_name(integrity: IntegrityAlgorithm) -> &'static str {
    match integrity {
        IntegrityAlgorithm::HmacMd5_96 => "hmac-md5-96",
        IntegrityAlgorithm::HmacSha1_96 => "hmac-sha1-96",
        IntegrityAlgorithm::HmacSha2_256_128 => "hmac-sha2-256-128",
        IntegrityAlgorithm::HmacSha2_384_192 => "hmac-sha2-384-192",
        IntegrityAlgorithm::HmacSha2_512_256 => "hmac-sha2-512-256",
        other => panic!("no word for {other:?}"),
    }
}

/// A key and its value for everything that is said, the group's line included.
pub(crate) fn text_of(sa: &GroupSa) -> String {
    let terms = sa.terms();
    let rollover = terms.rollover;
    let mut text = format!(
        "group {} epoch {} activation-delay {} deactivation-delay {}\n",
        terms.destination, terms.epoch, rollover.activation_delay, rollover.deactivation_delay
    );
    let mut pairs: Vec<(&str, String)> = vec![("spi", terms.spi.value().to_string())];
    if let Some(source) = terms.source {
        pairs.push(("source", source.to_string()));
    }
    let preserve = |preservation| match preservation {
        Preservation::Neither => "neither",
        Preservation::Source => "source",
        Preservation::Destination => "destination",
        Preservation::Both => "both",
    };
    match terms.mode {
        GroupMode::Transport => pairs.push(("mode", "transport".into())),
        GroupMode::Tunnel(preservation) => {
            pairs.extend([("mode", "tunnel".into()), ("preserve", preserve(preservation).into())]);
        }
    }
    let yes_or_no = |yes: bool| if yes { "yes" } else { "no" }.to_string();
    pairs.push(("esn", yes_or_no(terms.esn)));
    let direction = match terms.direction {
        Directionality::Symmetric => "symmetric",
        Directionality::SenderOnly => "sender-only",
        Directionality::ReceiverOnly => "receiver-only",
    };
    pairs.push(("direction", direction.into()));
    let (protocol, cipher, integrity) = match terms.suite {
        Suite::Ah { integrity, coverage, pad_to_8 } => {
            let coverage = match coverage {
                RoutingCoverage::DataZeroed => "data-zeroed",
                RoutingCoverage::FieldsZeroed => "fields-zeroed",
                RoutingCoverage::Covered => "covered",
            };
            pairs.extend([("coverage", coverage.into()), ("pad-to-8", yes_or_no(pad_to_8))]);
            ("ah", None, Some(integrity))
        }
        Suite::Esp { cipher, integrity, .. } => {
            let name = match cipher {
                CipherAlgorithm::Null => "null",
                CipherAlgorithm::AesCbc => "aes-cbc",
                CipherAlgorithm::AesCtr => "aes-ctr",
                other => panic!("no word for {other:?}"),
            };
            ("esp", Some(name), Some(integrity))
        }
        Suite::EspCombined { algorithm, .. } => {
            let name = match algorithm {
                AeadAlgorithm::AesGcm16 => "aes-gcm-16",
                AeadAlgorithm::ChaCha20Poly1305 => "chacha20-poly1305",
                other => panic!("no word for {other:?}"),
            };
            ("esp", Some(name), None)
        }
        other => panic!("no words for {other:?}"),
    };
    if let Some(cipher) = cipher {
        pairs.push(("cipher", cipher.into()));
    }
    for (key, octets) in [("cipher-key", sa.encryption_key()), ("integrity-key", sa.integrity_key())] {
        if !octets.as_octets().is_empty() {
            pairs.push((key, hex(octets.as_octets())));
        }
    }
    if let Some(integrity) = integrity {
        pairs.push(("integrity", integrity_name(integrity).into()));
    }
    if terms.suite.counts_its_vectors() {
        pairs.push(("sequence-numbers", "saved".into()));
    }
    pairs.push(("lifetime-seconds", terms.lifetime.seconds.to_string()));
    pairs.extend(terms.lifetime.kilobytes.map(|kilobytes| ("lifetime-kilobytes", kilobytes.to_string())));
    pairs.extend(terms.lifetime.packets.map(|packets| ("lifetime-packets", packets.to_string())));
    write!(text, "association {protocol}").unwrap();
    // On lines of their own and on the same one, and in another order for each SPI.
    let rotation = usize::try_from(terms.spi.value()).unwrap() % pairs.len();
    pairs.rotate_left(rotation);
    for (index, (key, value)) in pairs.iter().enumerate() {
        let blank = if index % 3 == 0 { "\n\t" } else { "  " };
        write!(text, "{blank}{key} {value}").unwrap();
    }
    text
}

/// Every item, or a panic with the error.
pub(crate) fn items(text: &str) -> Vec<Item> {
    Config::new(text).map(|item| item.unwrap_or_else(|error| panic!("{error}\n{text}"))).collect()
}

fn only_association(text: &str) -> GroupSa {
    let mut items = items(text);
    match (items.pop(), items.pop(), items.len()) {
        (Some(Item::Association(association)), Some(Item::Group(_)), 0) => association,
        other => panic!("{other:?}\n{text}"),
    }
}

/// An address that a text can name as a source.
fn routable(terms: &SaTerms) -> bool {
    terms.source.is_none_or(xcast_sec::wire::is_routable_unicast)
}

#[test]
fn every_suite_comes_back_from_a_text() {
    for (suite, group) in suites().into_iter().flat_map(|suite| groups().map(|group| (suite, group))) {
        for terms in [SaTerms::new(spi(0x1000), group, suite), full_terms(0xffff_ffff, group, suite)] {
            let sa = association(terms);
            assert_same(&only_association(&text_of(&sa)), &sa);
        }
    }
}

proptest! {
    #[test]
    fn any_association_comes_back_from_a_text(terms in any_terms()) {
        prop_assume!(routable(&terms));
        let sa = association(terms);
        assert_same(&only_association(&text_of(&sa)), &sa);
    }
}

fn group_of(text: &str) -> Group {
    match items(text).first() {
        Some(Item::Group(group)) => *group,
        other => panic!("{other:?}"),
    }
}

fn members(text: &str) -> Vec<Member> {
    let member = |item| if let Item::Member(member) = item { Some(member) } else { None };
    items(text).into_iter().filter_map(member).collect()
}

fn senders(text: &str) -> Vec<Sender> {
    let sender = |item| if let Item::Sender(sender) = item { Some(sender) } else { None };
    items(text).into_iter().filter_map(sender).collect()
}

#[test]
fn a_group_alone() {
    let group = group_of("group ff02::114");
    assert_eq!((group.address, group.epoch, group.rollover), (groups()[1], 0, Rollover::AT_ONCE));
    let group = group_of("group 224.0.0.254 deactivation-delay 65535 epoch 4294967295 activation-delay 1");
    let rollover = Rollover { activation_delay: 1, deactivation_delay: 65_535 };
    assert_eq!((group.address, group.epoch, group.rollover), (groups()[0], u32::MAX, rollover));
}

#[test]
fn members_and_senders_in_their_order() {
    let text = "group ff02::114
sender 2001:db8::a id 4095/12
member 2001:db8::b port 4000 dscp ef
sender 2001:db8::c id 0/12
member 2001:db8::c port 1
member 2001:db8::b dscp 0 port 65535";
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let seen: Vec<_> = members(text).into_iter().map(|member| (member.address, member.port, member.dscp)).collect();
    let expected = [
        (address("2001:db8::b"), Some(4000), Some(Dscp::EF)),
        (address("2001:db8::c"), Some(1), None),
        (address("2001:db8::b"), Some(65_535), Some(Dscp::DEFAULT)),
    ];
    assert_eq!(seen, expected);
    let seen: Vec<_> = senders(text).into_iter().map(|sender| (sender.address, sender.id)).collect();
    let expected = [(address("2001:db8::a"), SenderId::new(4095, 12)), (address("2001:db8::c"), SenderId::new(0, 12))];
    assert_eq!(seen, expected);
    assert!(matches!(items(text)[1..3], [Item::Sender(_), Item::Member(_)]));
}

#[test]
fn code_points_have_names_and_numbers() {
    let dscp = |word: &str| {
        members(&format!("group 224.0.0.254\nmember 192.0.2.1 dscp {word}"))[0].dscp.map(Dscp::value).unwrap()
    };
    assert_eq!((dscp("ef"), dscp("46"), dscp("cs0"), dscp("0"), dscp("63")), (46, 46, 0, 0, 63));
    for class in 0..=7 {
        assert_eq!(dscp(&format!("cs{class}")), 8 * class);
    }
    // RFC 2597 §6: AF11 is 001010, AF43 100110.
    for (class, drop) in (1..=4).flat_map(|class| (1..=3).map(move |drop| (class, drop))) {
        assert_eq!(dscp(&format!("af{class}{drop}")), 8 * class + 2 * drop);
    }
    assert_eq!((dscp("af11"), dscp("af43")), (0b00_1010, 0b10_0110));
}

#[test]
fn what_is_left_out_has_its_default() {
    let key = hex(&[0x22; 20]);
    let sa = only_association(&format!(
        "group ff02::114 epoch 3 activation-delay 4\nassociation ah spi 256 integrity hmac-sha1-96 integrity-key {key}"
    ));
    let suite = Suite::Ah {
        integrity: IntegrityAlgorithm::HmacSha1_96,
        coverage: RoutingCoverage::DataZeroed,
        pad_to_8: false,
    };
    let rollover = Rollover { activation_delay: 4, deactivation_delay: 0 };
    assert_eq!(*sa.terms(), SaTerms { epoch: 3, rollover, ..SaTerms::new(spi(256), groups()[1], suite) });
    assert_eq!(sa.terms().lifetime, GroupLifetime::default());
    let sa = only_association(&format!(
        "group ff02::114\nassociation esp mode tunnel spi 0xFFffFFff cipher null integrity hmac-sha1-96 integrity-key {}",
        key.to_uppercase()
    ));
    assert_eq!((sa.terms().mode, sa.terms().spi), (GroupMode::Tunnel(Preservation::Both), spi(u32::MAX)));
    assert_eq!(sa.integrity_key().as_octets(), [0x22; 20]);
}

#[test]
fn blanks_comments_and_ends_of_lines() {
    let plain = "group ff02::114\nmember 2001:db8::b port 5\n";
    for text in [
        "group ff02::114\nmember 2001:db8::b port 5",
        "\n\n  # a comment that is all there is\ngroup\tff02::114 # ends here: member\n\n\nmember 2001:db8::b port 5 #",
        "group ff02::114\r\nmember 2001:db8::b\r\n\tport\r\n 5\r\n",
        "group\n ff02::114\n#\nmember\n  2001:db8::b\n# port 6, in the middle\n\n  port\n    5",
        "# ĝrupo 🙂 «\ngroup ff02::114 # 🙂\nmember 2001:db8::b port 5 # ĉu\u{a0}bone\u{2028}?",
        "group ff02::0114   \t \nmember 2001:DB8:0::B port 0005",
    ] {
        let (seen, expected) = (items(text), items(plain));
        assert_eq!(format!("{seen:?}"), format!("{expected:?}"), "{text}");
    }
    // A # inside a word is a part of it.
    let error = Config::new("group ff02::114#\n").find_map(Result::err).unwrap();
    assert!(matches!(error.kind(), ManualErrorKind::Unexpected { expected: Expected::Kind(_) }));
}

/// Whatever an error names as right in a place is right there: no word is listed that is not read.
#[test]
fn every_word_that_an_error_names_is_known() {
    let listed = |text: &str| match Config::new(text).find_map(Result::err).map(|error| error.kind()) {
        Some(
            ManualErrorKind::Unexpected { expected: Expected::OneOf(words) }
            | ManualErrorKind::Ends { expected: Expected::OneOf(words) },
        ) => words,
        other => panic!("{text}: {other:?}"),
    };
    let unknown_at = |text: &str, column: usize| {
        let error = Config::new(text).find_map(Result::err);
        error.is_some_and(|error| {
            matches!(error.kind(), ManualErrorKind::Unexpected { .. })
                && usize::try_from(error.column()).unwrap() == column
        })
    };
    let keywords = listed("groups");
    assert_eq!(keywords, ["group", "member", "sender", "association"]);
    for keyword in keywords {
        assert!(!unknown_at(keyword, 1), "{keyword}");
    }
    // Keys of each statement.
    let mut keys = 0;
    for start in ["group ff02::114 ", "member 2001:db8::b ", "sender 2001:db8::b ", "association esp "] {
        let head = if start.starts_with("group") { "" } else { "group ff02::114\n" };
        for key in listed(&format!("{head}{start}?")) {
            assert!(!unknown_at(&format!("{head}{start}{key} ?"), start.len() + 1), "{start}{key}");
            keys += 1;
        }
    }
    assert_eq!(keys, 3 + 2 + 1 + 16);
    // Values that are one of some words.
    let esp = "association esp spi 256 integrity hmac-sha1-96 integrity-key 0000000000000000000000000000000000000000 ";
    let ah = esp.replace(" esp ", " ah ");
    let mut words = 0;
    for (start, key) in [
        (format!("{esp}cipher null "), "mode"),
        (format!("{esp}cipher null mode tunnel "), "preserve"),
        (esp.to_string(), "cipher"),
        (format!("{esp}cipher null "), "esn"),
        (format!("{esp}cipher null source 2001:db8::a "), "direction"),
        (format!("{esp}cipher null "), "sequence-numbers"),
        (ah.clone(), "coverage"),
        (ah.clone(), "pad-to-8"),
        ("association ah spi 256 integrity-key 00 ".to_string(), "integrity"),
    ] {
        let head = "group ff02::114\n";
        for word in listed(&format!("{head}{start}{key} ?")) {
            let column = start.len() + key.len() + 2;
            assert!(!unknown_at(&format!("{head}{start}{key} {word}"), column), "{start}{key} {word}");
            words += 1;
        }
    }
    assert_eq!(words, 2 + 4 + 5 + 2 + 3 + 1 + 3 + 2 + 5);
}

#[test]
fn as_many_of_each_as_there_can_be() {
    let mut text = String::from("group 224.0.0.254\n");
    let host = |index: u32| std::net::Ipv4Addr::from(0xc612_0000 + index);
    for index in 0..127 {
        writeln!(text, "member {}\nsender {} id {index}/8", host(index), host(index)).unwrap();
    }
    let key = "00".repeat(20);
    for index in 0..64 {
        writeln!(text, "association ah spi {} integrity hmac-sha1-96 integrity-key {key}", 256 + index).unwrap();
    }
    assert_eq!(items(&text).len(), 1 + 127 + 127 + 64);
    for (line, max) in [
        ("member 192.0.2.1", 127),
        ("sender 192.0.2.1", 127),
        (&format!("association ah spi 999 integrity hmac-sha1-96 integrity-key {key}"), 64),
    ] {
        let error = Config::new(&format!("{text}{line}")).find_map(Result::err).unwrap();
        assert_eq!((error.kind(), error.line()), (ManualErrorKind::TooMany { max }, 320));
    }
}

#[test]
fn the_sender_of_the_kit_is_one_that_a_text_can_name() {
    assert!(groups().iter().all(|&group| xcast_sec::wire::is_routable_unicast(sender_in(group))));
}
