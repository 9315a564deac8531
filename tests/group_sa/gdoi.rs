//! What is written, and that it is read back as it was.

use proptest::prelude::*;

use crate::kit::{again, any_sender, any_terms, assert_same, association, encode, full_terms, groups, spi, suites};
use xcast_sec::crypto::{AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm};
use xcast_sec::group::gdoi::{Download, Gap, GdoiEmitError, GdoiErrorKind, MAX_ASSOCIATIONS, emit, encoded_len};
use xcast_sec::group::{GroupSa, Rollover, SaTerms, Suite};
use xcast_sec::ipsec::{RoutingCoverage, SenderId};

fn esp() -> Suite {
    let integrity = IntegrityAlgorithm::HmacSha2_256_128;
    Suite::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key_len: 16, integrity }
}

/// Laid out by hand from the figures of RFC 6407.
#[test]
fn a_plain_association_has_these_octets() {
    let sa = GroupSa::new(SaTerms::new(spi(0x1234), groups()[0], esp()), &[0xe0; 16], &[0xa0; 32]).unwrap();
    #[rustfmt::skip]
    let expected = [
        // SA payload (§5.2): next is KD, 79 octets, GDOI, no situation; the first of what is in it is a GAP.
        &[17, 0, 0, 79, 0, 0, 0, 2, 0, 0, 0, 0, 0, 22, 0, 0][..],
        // GAP (§5.4): next is an SA TEK, 12 octets; ATD 0, DTD 0.
        &[16, 0, 0, 12, 0x80, 1, 0, 0, 0x80, 2, 0, 0],
        // SA TEK (§5.5): no next, 51 octets, ESP; protocol 0, no source.
        &[0, 0, 0, 51, 1, 0, 0, 0, 0, 0],
        // Destination: IPv4 address, port 0, 4 octets; ESP_AES; SPI.
        &[1, 0, 0, 4, 224, 0, 0, 254, 12, 0, 0, 0x12, 0x34],
        // Life type seconds, duration 28800; transport; HMAC-SHA2-256; 128 bits; symmetric.
        &[0x80, 1, 0, 1, 0, 2, 0, 4, 0, 0, 0x70, 0x80, 0x80, 4, 0, 2, 0x80, 5, 0, 5, 0x80, 6, 0, 128, 0x80, 15, 0, 3],
        // KD (§5.6): last, 73 octets, one packet.
        &[0, 0, 0, 73, 0, 1, 0, 0],
        // TEK (§5.6.1), 65 octets, SPI of 4 octets; encryption key, integrity key.
        &[1, 0, 0, 65, 4, 0, 0, 0x12, 0x34, 0, 1, 0, 16], &[0xe0; 16], &[0, 2, 0, 32], &[0xa0; 32],
    ].concat();
    assert_eq!(encode(&[sa], None), expected);
}

#[test]
fn an_association_that_says_everything_has_these_octets() {
    let integrity = IntegrityAlgorithm::HmacSha1_96;
    let suite = Suite::Ah { integrity, coverage: RoutingCoverage::Covered, pad_to_8: true };
    let sa = GroupSa::new(full_terms(0xffff_ffff, groups()[1], suite), &[], &[0xa0; 20]).unwrap();
    #[rustfmt::skip]
    let expected = [
        &[17, 0, 0, 155, 0, 0, 0, 2, 0, 0, 0, 0, 0, 22, 0, 0][..],
        // ATD 5, DTD 30, epoch 7.
        &[16, 0, 0, 20, 0x80, 1, 0, 5, 0x80, 2, 0, 30, 0, 128, 0, 4, 0, 0, 0, 7],
        &[0, 0, 0, 119, 2, 0],
        &[5, 0, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa],
        &[5, 0, 0, 16, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x14],
        // AH_SHA; SPI.
        &[3, 0xff, 0xff, 0xff, 0xff],
        // 3600 seconds, 100000 kilobytes, 2^32 packets.
        &[0x80, 1, 0, 1, 0, 2, 0, 4, 0, 0, 0x0e, 0x10],
        &[0x80, 1, 0, 2, 0, 2, 0, 4, 0, 1, 0x86, 0xa0],
        &[0x80, 1, 0xf0, 0, 0, 2, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0],
        // Tunnel; HMAC-SHA; 64-bit sequence numbers; source preserved; receiver only; covered; padded to 8.
        &[0x80, 4, 0, 1, 0x80, 5, 0, 2, 0x80, 11, 0, 1, 0x80, 14, 0, 2, 0x80, 15, 0, 2],
        &[0xfd, 1, 0, 2, 0xfd, 2, 0, 1],
        // Two key packets; the second is a sender's identifier of 12 bits.
        &[0, 0, 0, 56, 0, 2, 0, 0],
        &[1, 0, 0, 33, 4, 0xff, 0xff, 0xff, 0xff, 0, 2, 0, 20], &[0xa0; 20],
        &[4, 0, 0, 15, 0, 0x80, 1, 0, 12, 0, 2, 0, 2, 0x0a, 0xbc],
    ].concat();
    assert_eq!(encode(&[sa], SenderId::new(0xabc, 12)), expected);
}

#[test]
fn every_suite_comes_back_as_it_was() {
    for (suite, group) in suites().into_iter().flat_map(|suite| groups().map(|group| (suite, group))) {
        for terms in [SaTerms::new(spi(0x100), group, suite), full_terms(0xffff_ffff, group, suite)] {
            let sa = association(terms);
            let octets = encode(std::slice::from_ref(&sa), None);
            let download = Download::parse(&octets).unwrap_or_else(|error| panic!("{suite:?}: {error}"));
            assert!(download.is_canonical());
            assert_eq!((download.len(), download.sender()), (1, None));
            assert_eq!((download.epoch(), download.rollover()), (terms.epoch, terms.rollover));
            assert_same(&download.iter().next().unwrap(), &sa);
            assert_eq!(again(&download), octets);
        }
    }
}

/// AH around ESP for each of some senders, as many as there may be.
fn several(count: u32) -> Vec<GroupSa> {
    let all = suites();
    (0..count)
        .map(|index| {
            let suite = all[usize::try_from(index).unwrap() % all.len()];
            association(SaTerms { epoch: 9, ..SaTerms::new(spi(0x1000 + index), groups()[1], suite) })
        })
        .collect()
}

#[test]
fn as_many_as_there_may_be_keep_their_order_and_keys() {
    let most = u32::try_from(MAX_ASSOCIATIONS).unwrap();
    for count in [1, 2, most] {
        let sas = several(count);
        let sender = SenderId::new(0xff, 8);
        let octets = encode(&sas, sender);
        let download = Download::parse(&octets).unwrap();
        assert!(download.is_canonical());
        assert_eq!((download.len(), download.sender(), download.epoch()), (sas.len(), sender, 9));
        assert_eq!(download.iter().count(), sas.len());
        download.iter().zip(&sas).for_each(|(read, sa)| assert_same(&read, sa));
        assert_eq!(again(&download), octets);
    }
}

#[test]
fn more_associations_than_that_are_neither_written_nor_read() {
    let sas = several(u32::try_from(MAX_ASSOCIATIONS).unwrap() + 1);
    assert_eq!(emit(&sas, None, &mut [0; 40_000]), Err(GdoiEmitError::TooManyAssociations));
    // As read: the last of 64 payloads says that another one follows.
    let mut octets = encode(&sas[..MAX_ASSOCIATIONS], None);
    let kd = usize::from(u16::from_be_bytes([octets[2], octets[3]]));
    let mut last = 16 + 20;
    while octets[last] == 16 {
        last += usize::from(u16::from_be_bytes([octets[last + 2], octets[last + 3]]));
    }
    octets[last] = 16;
    let error = Download::parse(&octets).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (GdoiErrorKind::TooManyAssociations, kd));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let sas = several(2);
    let needed = encoded_len(&sas, None);
    for len in 0..needed {
        let mut buffer = vec![0x5a; len];
        assert_eq!(emit(&sas, None, &mut buffer), Err(GdoiEmitError::BufferTooSmall { needed }));
        assert!(buffer.iter().all(|&octet| octet == 0x5a));
    }
    // Every octet is written, and none behind.
    let [zeros, ones] = [0x00, 0xff].map(|fill| {
        let mut buffer = vec![fill; needed + 3];
        assert_eq!(emit(&sas, None, &mut buffer), Ok(needed));
        assert_eq!(buffer.split_off(needed), [fill; 3]);
        buffer
    });
    assert_eq!(zeros, ones);
}

#[test]
fn what_is_not_one_group_policy_is_not_written() {
    let plain = SaTerms::new(spi(0x1000), groups()[1], esp());
    let other = SaTerms { spi: spi(0x1001), ..plain };
    let mut buffer = [0; 1000];
    let mut refused = |terms: &[SaTerms], sender| {
        let sas: Vec<_> = terms.iter().map(|&terms| association(terms)).collect();
        emit(&sas, sender, &mut buffer).err()
    };
    assert_eq!(refused(&[plain, other], None), None);
    assert_eq!(refused(&[], None), Some(GdoiEmitError::NoAssociation));
    assert_eq!(refused(&[plain, other, plain], None), Some(GdoiEmitError::DuplicateSpi { index: 2 }));
    let epoch = SaTerms { epoch: 1, ..other };
    assert_eq!(refused(&[plain, epoch], None), Some(GdoiEmitError::Rollover { index: 1 }));
    for (activation_delay, deactivation_delay) in [(1, 0), (0, 1)] {
        let rollover = Rollover { activation_delay, deactivation_delay };
        let other = SaTerms { rollover, ..other };
        assert_eq!(refused(&[plain, other], None), Some(GdoiEmitError::Rollover { index: 1 }));
    }
    assert_eq!(refused(&[plain], Some(SenderId::ONLY)), Some(GdoiEmitError::SenderId));
}

#[test]
fn references_are_written_as_values_are() {
    let sas = several(3);
    let references: Vec<&GroupSa> = sas.iter().collect();
    let mut buffer = vec![0; encoded_len(&references, None)];
    emit(&references, None, &mut buffer).unwrap();
    assert_eq!(buffer, encode(&sas, None));
}

#[test]
fn sender_identifiers_come_back_at_every_size() {
    let suite = Suite::EspCombined { algorithm: AeadAlgorithm::ChaCha20Poly1305, key_len: 36 };
    let sas = [association(SaTerms::new(spi(0x1000), groups()[1], suite))];
    for (value, bits) in [(0, 8), (255, 8), (0, 12), (0xfff, 12), (0, 16), (0xffff, 16)] {
        let sender = SenderId::new(value, bits);
        assert_eq!(sender.map(|sender| (sender.value(), sender.bits())), Some((value, bits)));
        let octets = encode(&sas, sender);
        let download = Download::parse(&octets).unwrap();
        assert_eq!(download.sender(), sender);
        assert!(download.is_canonical());
    }
}

#[test]
fn a_member_can_ask_for_identifiers() {
    for gap in [
        Gap::default(),
        Gap { sender_id_request: Some(3), ..Gap::default() },
        Gap {
            activation_delay: Some(1),
            deactivation_delay: Some(u16::MAX),
            sender_id_request: Some(0),
            epoch: std::num::NonZeroU32::new(u32::MAX),
        },
    ] {
        let mut octets = vec![0x5a; gap.encoded_len()];
        assert_eq!(gap.emit(&mut octets), Ok(octets.len()));
        assert_eq!(Gap::parse(&octets), Ok(gap));
        for len in 0..octets.len() {
            assert!(Gap::parse(&octets[..len]).is_err());
            let needed = octets.len();
            assert_eq!(gap.emit(&mut vec![0; len]), Err(GdoiEmitError::BufferTooSmall { needed }));
        }
        octets.push(0);
        assert_eq!(Gap::parse(&octets).unwrap_err().kind(), GdoiErrorKind::TrailingOctets);
        octets.pop();
        octets[0] = 16;
        let error = Gap::parse(&octets).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (GdoiErrorKind::NextPayload(16), 0));
    }
}

proptest! {
    #[test]
    fn any_association_comes_back_as_it_was(terms in any_terms(), sender in any_sender()) {
        let sa = association(terms);
        let octets = encode(std::slice::from_ref(&sa), sender);
        let download = Download::parse(&octets).unwrap();
        prop_assert!(download.is_canonical());
        prop_assert_eq!(download.sender(), sender);
        assert_same(&download.iter().next().unwrap(), &sa);
        prop_assert_eq!(again(&download), octets);
    }

    #[test]
    fn two_associations_are_the_same_octets_only_if_they_are_the_same(one in any_terms(), other in any_terms()) {
        let octets = |terms| encode(&[association(terms)], None);
        prop_assert_eq!(octets(one) == octets(other), one == other);
    }
}
