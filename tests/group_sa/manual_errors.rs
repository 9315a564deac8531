//! Mistakes in texts: what is said of them, with line and column.

use proptest::prelude::*;

use crate::kit::{any_terms, association};
use crate::manual::text_of;
use xcast_sec::group::TermsError;
use xcast_sec::group::manual::{Config, ManualError, ManualErrorKind};

const GROUP: &str = "group ff02::114\n";
const KEY16: &str = "000102030405060708090a0b0c0d0e0f";
const KEY20: &str = "000102030405060708090a0b0c0d0e0f10111213";
const KEY32: &str = "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f";

fn error(text: &str) -> ManualError {
    let mut config = Config::new(text);
    let error = config.find_map(Result::err).unwrap_or_else(|| panic!("no mistake was found in\n{text}"));
    assert!(config.next().is_none(), "something followed the error");
    error
}

#[track_caller]
fn says(text: &str, expected: &str) {
    assert_eq!(error(text).to_string(), expected, "{text}");
}

#[test]
fn statements() {
    says("", "line 1, column 1: the text ends without a group");
    says("# nothing\n\n", "line 3, column 1: the text ends without a group");
    says("member 2001:db8::b", "line 1, column 1: the group comes first");
    says("  group ff02::114", "line 1, column 3: begins with a blank, and there is no statement to continue");
    says("grupo ff02::114", "line 1, column 1: expected group, member, sender or association");
    says("Group ff02::114", "line 1, column 1: expected group, member, sender or association");
    says("\u{feff}group ff02::114", "line 1, column 1: expected group, member, sender or association");
    says("group", "line 1, column 6: the statement ends where the multicast address of the group is expected");
    says(
        "group # ff02::114\nmember 2001:db8::b",
        "line 1, column 6: the statement ends where the multicast address of the group is expected",
    );
    says("group ff02::114\n\ngroup ff02::114", "line 3, column 1: a second group");
    says("group 2001:db8::b", "line 1, column 7: expected the multicast address of the group");
    says("group ff02::114/128", "line 1, column 7: expected the multicast address of the group");
    says(&format!("{GROUP}association"), "line 2, column 12: the statement ends where esp or ah is expected");
    says(&format!("{GROUP}association tcp spi 256"), "line 2, column 13: expected esp or ah");
}

#[test]
fn keys_of_statements() {
    says("group ff02::114 era 1", "line 1, column 17: expected epoch, activation-delay or deactivation-delay");
    says("group ff02::114 epoch 1\n epoch 1", "line 2, column 2: epoch stands here a second time");
    says(
        "group ff02::114 epoch",
        "line 1, column 22: the statement ends where a number from 0 to 4294967295 is expected",
    );
    says("group ff02::114 epoch 4294967296", "line 1, column 23: expected a number from 0 to 4294967295");
    for wrong in ["-1", "+1", "1.0", "0x10", "१", "1_0", "99999999999999999999999"] {
        let text = format!("group ff02::114 epoch {wrong}");
        says(&text, "line 1, column 23: expected a number from 0 to 4294967295");
    }
    says("group ff02::114 activation-delay 65536", "line 1, column 34: expected a number of seconds from 0 to 65535");
    // Columns are characters, whatever their octets are.
    says(
        "group ff02::114 epoch 1 ĝĝĝ🙂 2",
        "line 1, column 25: expected epoch, activation-delay or deactivation-delay",
    );
    says("group ff02::114 epoch ĝĝ🙂 epoch 2", "line 1, column 27: epoch stands here a second time");
    says("group ff02::114\u{a0}epoch 1", "line 1, column 7: expected the multicast address of the group");
}

#[test]
fn members_and_senders() {
    let one = |line: &str, expected: &str| says(&format!("{GROUP}{line}"), expected);
    let unicast = "expected a unicast address that can be routed";
    for wrong in ["ff02::1", "::1", "::", "fe80::1", "b", "2001:db8::b%eth0", "[2001:db8::b]"] {
        one(&format!("member {wrong}"), &format!("line 2, column 8: {unicast}"));
        one(&format!("sender {wrong}"), &format!("line 2, column 8: {unicast}"));
    }
    one("member 192.0.2.1", "line 2, column 8: an address of another family than the group's");
    one("sender 192.0.2.1", "line 2, column 8: an address of another family than the group's");
    for wrong in ["0", "65536", "http"] {
        one(&format!("member 2001:db8::b dscp 1\n port {wrong}"), "line 3, column 7: expected a port from 1 to 65535");
    }
    for wrong in ["64", "cs8", "af10", "af14", "af51", "af01", "EF", "cs", "best-effort"] {
        one(
            &format!("member 2001:db8::b dscp {wrong}"),
            "line 2, column 25: expected a DSCP: ef, cs0 to cs7, af11 to af43, or a number from 0 to 63",
        );
    }
    one("member 2001:db8::b address x", "line 2, column 20: expected port or dscp");
    one("sender 2001:db8::b port 5", "line 2, column 20: expected id");
    for wrong in ["3", "3/", "/8", "3/9", "256/8", "4096/12", "65536/16", "3/8/1", "-3/8"] {
        one(
            &format!("sender 2001:db8::b id {wrong}"),
            "line 2, column 23: expected an identifier and its size in bits, which is 8, 12 or 16, such as 3/8",
        );
    }
}

#[test]
fn what_there_is_already() {
    let b = "member 2001:db8::b\n";
    says(&format!("{GROUP}{b}\n# \nmember 2001:DB8:0::b"), "line 5, column 1: the same as in line 2");
    says(
        &format!("{GROUP}member 2001:db8::b port 5\nmember 2001:db8::b port 5 dscp ef"),
        "line 3, column 1: the same as in line 2",
    );
    says(
        &format!("{GROUP}{b}member 2001:db8::c port 5"),
        "line 3, column 1: either all members have a port or none, unlike the one in line 2",
    );
    says(
        &format!("{GROUP}member 2001:db8::c port 5\n{b}"),
        "line 3, column 1: either all members have a port or none, unlike the one in line 2",
    );
    let a = "sender 2001:db8::a id 7/8\n";
    says(&format!("{GROUP}{a}sender 2001:db8::a"), "line 3, column 1: the same as in line 2");
    says(&format!("{GROUP}{a}sender 2001:db8::b id 7/8"), "line 3, column 23: the identifier of the sender in line 2");
    says(
        &format!("{GROUP}{a}sender 2001:db8::b\nsender 2001:db8::c\n  id 8/12"),
        "line 5, column 6: an identifier of another size than in line 2",
    );
    let ah = |spi: &str| format!("association ah spi {spi} integrity hmac-sha1-96 integrity-key {KEY20}\n");
    says(&format!("{GROUP}{}{a}{}", ah("4096"), ah("0x1000")), "line 4, column 1: the same as in line 2");
    let esp = format!("association esp cipher null spi 4096 integrity hmac-sha1-96 integrity-key {KEY20}");
    says(&format!("{GROUP}{}{esp}", ah("4096")), "line 3, column 1: the same as in line 2");
}

#[test]
fn associations() {
    let one = |line: &str, expected: &str| says(&format!("{GROUP}association {line}"), expected);
    let spi = "an SPI from 256 to 4294967295, decimal or after 0x hexadecimal";
    let sha1 = format!("integrity hmac-sha1-96 integrity-key {KEY20}");
    one(&format!("ah {sha1}"), "line 2, column 1: spi is missing");
    for wrong in ["0", "255", "0xff", "4294967296", "0x100000000", "0x", "x", "1000h", "0x+100", "-1"] {
        one(&format!("ah spi {wrong} {sha1}"), &format!("line 2, column 20: expected {spi}"));
    }
    one("ah spi 256", "line 2, column 1: integrity is missing");
    one("esp spi 256", "line 2, column 1: cipher is missing");
    one("esp spi 256 cipher aes-cbc", "line 2, column 1: integrity is missing");
    one("ah spi 256 integrity hmac-sha1-96", "line 2, column 1: integrity-key is missing");
    one(&format!("esp spi 256 cipher aes-cbc {sha1}"), "line 2, column 1: cipher-key is missing");
    one(
        &format!("ah spi 256 {sha1} life 5"),
        "line 2, column 102: expected spi, source, mode, preserve, cipher, cipher-key, integrity, integrity-key, \
         coverage, pad-to-8, esn, direction, lifetime-seconds, lifetime-kilobytes, lifetime-packets or \
         sequence-numbers",
    );
    one(
        "esp spi 256 cipher des",
        "line 2, column 32: expected null, aes-cbc, aes-ctr, aes-gcm-16 or chacha20-poly1305",
    );
    one(
        "ah spi 256 integrity hmac-sha2-256",
        "line 2, column 34: expected hmac-md5-96, hmac-sha1-96, hmac-sha2-256-128, hmac-sha2-384-192 or \
         hmac-sha2-512-256",
    );
    let ah = format!("ah spi 256 {sha1}\n");
    for (pair, expected) in [
        ("source ff02::1", "column 9: expected a unicast address that can be routed"),
        ("source any", "column 9: expected a unicast address that can be routed"),
        ("source 192.0.2.1", "column 9: an address of another family than the group's"),
        ("mode tunel", "column 7: expected transport or tunnel"),
        ("mode tunnel preserve all", "column 23: expected neither, source, destination or both"),
        ("preserve both", "column 2: preserve does not go with transport mode"),
        ("mode transport preserve both", "column 17: preserve does not go with transport mode"),
        ("esn 1", "column 6: expected yes or no"),
        ("direction both", "column 12: expected symmetric, sender-only or receiver-only"),
        ("coverage all", "column 11: expected data-zeroed, fields-zeroed or covered"),
        ("pad-to-8 8", "column 11: expected yes or no"),
        ("sequence-numbers saved", "column 2: sequence-numbers does not go with AH"),
        ("cipher null", "column 2: cipher does not go with AH"),
        ("cipher-key 00", "column 2: cipher-key does not go with AH"),
        ("lifetime-seconds 0", "column 19: expected a number of seconds from 1 to 4294967295"),
        ("lifetime-kilobytes 4294967296", "column 21: expected a number of kilobytes from 1 to 4294967295"),
        ("lifetime-packets 0", "column 19: expected a number of packets from 1 to 18446744073709551615"),
    ] {
        one(&format!("{ah} {pair}"), &format!("line 3, {expected}"));
    }
    let esp = format!("esp spi 256 cipher null {sha1}\n");
    one(&format!("{esp} coverage covered"), "line 3, column 2: coverage does not go with ESP");
    one(&format!("{esp} pad-to-8 no"), "line 3, column 2: pad-to-8 does not go with ESP");
    one(&format!("{esp} cipher-key 00"), "line 3, column 2: cipher-key does not go with a cipher that has no key");
    one(&format!("{esp} sequence-numbers lost"), "line 3, column 19: expected saved");
    let gcm = format!("esp spi 256 cipher aes-gcm-16 cipher-key {KEY20} sequence-numbers saved\n");
    one(
        &format!("{gcm} integrity hmac-sha1-96"),
        "line 3, column 2: integrity does not go with a cipher that has integrity of its own",
    );
    one(
        &format!("{gcm} integrity-key 00"),
        "line 3, column 2: integrity-key does not go with a cipher that has integrity of its own",
    );
    for (pairs, terms) in [
        ("direction sender-only", TermsError::Direction),
        ("mode tunnel preserve neither", TermsError::TunnelSource),
        ("mode tunnel preserve destination", TermsError::TunnelSource),
    ] {
        let error = error(&format!("{GROUP}association {ah} {pairs}"));
        assert_eq!(error.kind(), ManualErrorKind::Terms(terms));
        assert_eq!((error.line(), error.column()), (2, 1));
    }
}

/// RFC 8221 §3: counter modes MUST NOT have keys set by hand.
#[test]
fn counter_modes_need_a_promise() {
    let sha1 = format!("integrity hmac-sha1-96 integrity-key {KEY20}");
    for (pairs, column) in [
        (format!("cipher aes-ctr cipher-key {KEY20} {sha1}"), 32),
        (format!("cipher aes-gcm-16 cipher-key {KEY20}"), 32),
        (format!("cipher chacha20-poly1305 cipher-key {KEY32}00000000"), 32),
    ] {
        let text = format!("{GROUP}association esp spi 256 {pairs}");
        let found = error(&text);
        assert_eq!((found.kind(), found.line(), found.column()), (ManualErrorKind::CounterMode, 2, column));
        let promised = format!("{text} sequence-numbers saved");
        assert!(Config::new(&promised).all(|item| item.is_ok()));
    }
}

#[test]
fn hexadecimal_keys() {
    let start = format!("{GROUP}association esp spi 256 cipher aes-cbc integrity hmac-sha1-96 integrity-key {KEY20}\n");
    let key = |key: &str, expected: &str| says(&format!("{start} cipher-key {key}"), &format!("line 3, {expected}"));
    key("0123456789abcdef0123456789abcdeg", "column 44: expected a hexadecimal digit");
    key("0x0123456789abcdef0123456789abcdef", "column 14: expected a hexadecimal digit");
    key("ĝ123", "column 13: expected a hexadecimal digit");
    key("01２3", "column 15: expected a hexadecimal digit");
    key("0123456789abcdef0123456789abcde", "column 44: expected two hexadecimal digits for each octet");
    key("0", "column 14: expected two hexadecimal digits for each octet");
    key("00", "column 13: expected a key of 16 or 24 or 32 octets, not of 1");
    key(KEY20, "column 13: expected a key of 16 or 24 or 32 octets, not of 20");
    key(&KEY32.repeat(3), "column 13: expected a key of 16 or 24 or 32 octets, not of 96");
    let integrity = |name: &str, key: &str, expected: &str| {
        let text = format!("{GROUP}association ah spi 256 integrity {name}\n integrity-key {key}");
        says(&text, &format!("line 3, column 16: expected a key of {expected}"));
    };
    integrity("hmac-md5-96", KEY20, "16 octets, not of 20");
    integrity("hmac-sha1-96", KEY16, "20 octets, not of 16");
    integrity("hmac-sha2-256-128", KEY20, "32 octets, not of 20");
    integrity("hmac-sha2-384-192", KEY32, "48 octets, not of 32");
    integrity("hmac-sha2-512-256", KEY32, "64 octets, not of 32");
    for (cipher, expected) in [
        ("aes-ctr", "20 or 28 or 36 octets, not of 16"),
        ("aes-gcm-16", "20 or 28 or 36 octets, not of 16"),
        ("chacha20-poly1305", "36 octets, not of 16"),
    ] {
        let integrity =
            if cipher == "aes-ctr" { format!(" integrity hmac-sha1-96 integrity-key {KEY20}") } else { String::new() };
        let text = format!("{GROUP}association esp spi 256 cipher {cipher}{integrity}\n cipher-key {KEY16}");
        says(&text, &format!("line 3, column 13: expected a key of {expected}"));
    }
}

#[test]
fn what_was_read_before_a_mistake_is_still_yielded() {
    let text = format!("{GROUP}member 2001:db8::b\nsender 2001:db8::b\nmember 2001:db8::b");
    let read: Vec<_> = Config::new(&text).map(|item| item.is_ok()).collect();
    assert_eq!(read, [true, true, true, false]);
}

/// What every text must do: end, and place its error inside the text.
fn judge(text: &str) {
    let mut items = 0;
    for item in Config::new(text) {
        items += 1;
        assert!(items <= text.len() + 1, "it does not end");
        let _ = format!("{item:?}");
        if let Err(error) = item {
            let line = text.split('\n').nth(usize::try_from(error.line()).unwrap() - 1).expect("a line of the text");
            assert!(usize::try_from(error.column()).unwrap() <= line.chars().count() + 1, "{error}\n{text}");
        }
    }
}

/// What makes a text look like one.
const WORDS: &str = "(group|member|association|esp|spi|ff02::114|\n| |#|[0-9a-f:/]{1,9}|.)";

proptest! {
    #[test]
    fn any_text_does_no_harm(text in ".*") {
        judge(&text);
    }

    #[test]
    fn any_words_do_no_harm(words in prop::collection::vec(WORDS, 0..40)) {
        judge(&words.join(" "));
        judge(&words.join("\n"));
    }

    #[test]
    fn a_text_cut_short_or_damaged_does_no_harm(
        terms in any_terms(),
        at in any::<prop::sample::Index>(),
        other in any::<char>(),
    ) {
        let text = text_of(&association(terms));
        let at = at.index(text.len());
        judge(&text[..at]);
        judge(&format!("{}{other}{}", &text[..at], &text[at + 1..]));
        judge(&format!("{}{other}{}", &text[..at], &text[at..]));
    }
}
