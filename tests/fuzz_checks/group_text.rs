//! Arbitrary octets as a text that describes a group: it is read to its end or to an error that lies in it, and its
//! associations can be handed on. Shared by the fuzz target and the test that replays its corpus.

use xcast_sec::group::GroupSa;
use xcast_sec::group::gdoi::{Download, emit, encoded_len};
use xcast_sec::group::manual::{Config, Item, ManualError};

/// Checks `data`, if it is UTF-8; a finding panics.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let mut associations = Vec::new();
    let mut config = Config::new(text);
    // No item takes less than a word and its end.
    for (index, item) in config.by_ref().take(text.len() + 2).enumerate() {
        let _ = format!("{item:?}");
        match item {
            Ok(Item::Group(_)) => assert_eq!(index, 0, "the group comes first, and once"),
            Ok(Item::Association(association)) => associations.push(association),
            Ok(_) => assert!(index > 0),
            Err(error) => lies_in(&error, text),
        }
    }
    assert!(config.next().is_none(), "it does not end");
    if !associations.is_empty() {
        hand_on(&associations);
    }
}

fn lies_in(error: &ManualError, text: &str) {
    let _ = error.to_string();
    let line = text.split('\n').nth(error.line() as usize - 1).expect("a line of the text");
    assert!(error.column() >= 1 && error.column() as usize <= line.chars().count() + 1);
}

fn hand_on(associations: &[GroupSa]) {
    let mut octets = vec![0x5a; encoded_len(associations, None)];
    assert_eq!(emit(associations, None, &mut octets), Ok(octets.len()));
    let download = Download::parse(&octets).expect("what is written can be read");
    assert!(download.iter().zip(associations).all(|(one, other)| one.terms() == other.terms()));
}
