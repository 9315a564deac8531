//! Octets that are cut short, damaged or made up: an error, or associations that are written as they were read.

use proptest::prelude::*;

use crate::kit::{again, any_sender, any_terms, association, encode, full_terms, groups, spi, suites};
use xcast_sec::group::SaTerms;
use xcast_sec::group::gdoi::{Download, Gap};
use xcast_sec::ipsec::SenderId;

/// Group Description, the one attribute that is ignored (RFC 6407 §5.5.1): basic, with its format bit.
const IGNORED: [u8; 2] = [0x80, 3];
/// Attributes beside which something goes without saying that is always written: SA Life Types other than seconds,
/// which leave the time to RFC 2407 §4.5, and tunnel mode, which leaves the addresses to RFC 6407 §5.5.1.1.1.
const BRING_DEFAULTS: [&[u8]; 3] = [&[0x80, 1, 0, 2], &[0x80, 1, 0xf0, 0], &[0x80, 4, 0, 1]];

/// Messages with all that can be in one: every transform, everything said and nothing said.
fn messages() -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for (index, suite) in suites().into_iter().enumerate() {
        let group = groups()[index % 2];
        let terms = match index % 3 {
            0 => SaTerms::new(spi(0x0102_0304), group, suite),
            _ => full_terms(0x0102_0304, group, suite),
        };
        let second = SaTerms { spi: spi(0x0506_0708), ..terms };
        messages.push(encode(&[association(terms), association(second)], SenderId::new(0x0a, 8)));
    }
    messages
}

/// Whatever can be asked of what was read; it does not panic.
fn judge(octets: &[u8]) -> Option<bool> {
    match Download::parse(octets) {
        Ok(download) => {
            let written = again(&download);
            assert_eq!(download.is_canonical(), written == octets);
            let reread = Download::parse(&written).expect("what is written can be read");
            assert!(reread.is_canonical());
            assert_eq!(format!("{download:?}"), format!("{reread:?}"));
            Some(download.is_canonical())
        }
        Err(error) => {
            assert!(error.offset() <= octets.len(), "{error}");
            assert!(error.to_string().ends_with(&format!("(octet {})", error.offset())));
            None
        }
    }
}

#[test]
fn every_truncation_is_an_error() {
    for octets in messages() {
        assert_eq!(judge(&octets), Some(true));
        for len in 0..octets.len() {
            assert_eq!(judge(&octets[..len]), None, "{len} of {}", octets.len());
        }
        let mut longer = octets;
        longer.push(0);
        assert_eq!(judge(&longer), None);
    }
}

#[test]
fn every_damaged_octet_is_an_error_or_another_association_in_its_one_form() {
    let mut accepted = 0;
    let bits: Vec<u8> = (0..8).map(|bit| 1 << bit).collect();
    let values: Vec<u8> = (1..=u8::MAX).collect();
    for (index, octets) in messages().iter().enumerate() {
        // Every value in some messages, every bit in all.
        let flips = if index % 25 == 1 { &values } else { &bits };
        for at in 0..octets.len() {
            let mut damaged = octets.clone();
            for flip in flips {
                damaged[at] = octets[at] ^ flip;
                match judge(&damaged) {
                    None => {}
                    Some(true) => accepted += 1,
                    Some(false) => assert!(
                        damaged[at - 1..=at] == IGNORED || BRING_DEFAULTS.contains(&&damaged[at - 3..=at]),
                        "octet {at} of {octets:02x?}"
                    ),
                }
            }
        }
    }
    // Keys, delays, durations and addresses may be anything.
    assert!(accepted > 10_000, "{accepted}");
}

proptest! {
    #[test]
    fn octets_that_somebody_made_up_do_no_harm(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        judge(&octets);
        let _ = Gap::parse(&octets);
    }

    #[test]
    fn several_damaged_octets_do_no_harm(
        terms in any_terms(),
        sender in any_sender(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut octets = encode(&[association(terms)], sender);
        for (at, value) in damage {
            let at = at.index(octets.len());
            octets[at] = value;
        }
        judge(&octets);
    }
}
