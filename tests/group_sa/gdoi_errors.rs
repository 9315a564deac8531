//! What cannot be read, for which reason, and at which octet.

use std::slice::from_ref;

use crate::gdoi_others::{GROUP, Message, basic, payload, sid, tek, variable};
use xcast_sec::group::TermsError;
use xcast_sec::group::gdoi::{Download, Gap, GdoiErrorKind as K};

#[track_caller]
fn refused(octets: &[u8], kind: K, offset: usize) {
    let error = Download::parse(octets).expect_err("it should not be read");
    assert_eq!((error.kind(), error.offset()), (kind, offset), "{error}");
    assert!(error.to_string().ends_with(&format!(" (octet {offset})")));
}

/// A message with the octet at `at` replaced.
#[track_caller]
fn altered(at: usize, value: u8, kind: K, offset: usize) {
    let mut octets = Message::new().octets();
    assert_ne!(octets[at], value);
    octets[at] = value;
    refused(&octets, kind, offset);
}

/// A message with an attribute more, which is the one in error.
#[track_caller]
fn with(message: Message, attribute: Vec<u8>, kind: K) {
    let at = message.attributes_at() + message.attributes.concat().len();
    refused(&message.with(attribute).octets(), kind, at);
}

fn ah() -> Message {
    Message {
        protocol: vec![2, 0],
        transform: 5,
        attributes: vec![basic(4, 2), basic(5, 5)],
        packets: vec![tek([0, 0, 0x10, 0], &[variable(2, &[0x22; 32])])],
        ..Message::new()
    }
}

/// The octets of [`Message::new`] are: SA 0, DOI 4, Situation 8, SA Attribute Next Payload 12, RESERVED2 14, SA TEK 16.
#[test]
fn headers() {
    refused(&[], K::Truncated, 0);
    refused(&[17, 0], K::Truncated, 2);
    altered(0, 16, K::NextPayload(16), 0);
    altered(0, 0, K::NextPayload(0), 0);
    altered(1, 1, K::Reserved, 1);
    altered(3, 3, K::Length, 2);
    altered(2, 255, K::Length, 2);
    altered(7, 1, K::Doi, 4);
    altered(11, 1, K::Situation, 8);
    altered(12, 1, K::Reserved, 12);
    // An SA KEK payload, none at all, and the payload that is there taken for another.
    altered(13, 15, K::NextPayload(15), 13);
    altered(13, 0, K::NextPayload(0), 13);
    altered(15, 1, K::Reserved, 14);
    altered(16, 15, K::NextPayload(15), 16);
    altered(17, 1, K::Reserved, 17);
    altered(19, 3, K::Length, 18);
    altered(18, 255, K::Length, 18);
    // Another SA TEK payload should follow, and does not.
    let message = Message::new();
    altered(16, 16, K::Truncated, message.kd_at());
    let kd = message.kd_at();
    altered(kd, 1, K::NextPayload(1), kd);
    altered(kd + 1, 1, K::Reserved, kd + 1);
    altered(kd + 3, 7, K::Truncated, kd + 6);
    altered(kd + 5, 2, K::KeyCount, kd + 4);
    altered(kd + 5, 0, K::KeyCount, kd + 4);
    altered(kd + 7, 1, K::Reserved, kd + 6);
    let mut longer = message.octets();
    longer.push(0);
    refused(&longer, K::TrailingOctets, longer.len() - 1);
    // Behind the last SA TEK payload, but still in the SA payload.
    let body = [&[0, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0, 0][..], &payload(0, &message.sat_body()), &[9]].concat();
    refused(&[payload(17, &body), message.octets()[kd..].to_vec()].concat(), K::TrailingOctets, kd);
}

#[test]
fn group_associated_policy() {
    let gap = |body: Vec<u8>| Message { gap: Some(body), ..Message::new() }.octets();
    refused(&gap(basic(4, 1)), K::Attribute(4), 20);
    refused(&gap(basic(128, 1)), K::AttributeFormat(128), 20);
    refused(&gap(variable(1, &[0, 1])), K::AttributeFormat(1), 20);
    refused(&gap([basic(1, 1), basic(1, 1)].concat()), K::DuplicateAttribute(1), 24);
    refused(&gap(variable(128, &[0, 0, 1])), K::AttributeValue(128), 20);
    // 0 is said by leaving it out.
    refused(&gap(variable(128, &[0; 4])), K::AttributeValue(128), 20);
    refused(&gap(vec![0, 128, 0, 5, 0, 0, 0, 1]), K::Length, 22);
    refused(&gap(vec![0x80, 1, 0]), K::Truncated, 22);
    // What a member asks for is nothing a key server says.
    refused(&gap(basic(3, 1)), K::Attribute(3), 20);
    // A GAP with none of the associations it is about.
    let mut octets = gap(vec![]);
    octets[16] = 0;
    refused(&octets, K::NextPayload(0), 16);
    let error = Gap::parse(&payload(0, &basic(77, 1))).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (K::Attribute(77), 4));
}

#[test]
fn identities() {
    let new = Message::new;
    altered(20, 3, K::ProtocolId(3), 20);
    altered(21, 17, K::Selector, 21);
    let source = |octets: &[u8]| Message { source: octets.to_vec(), ..new() }.octets();
    // It begins at octet 22.
    refused(&source(&[4, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]), K::IdType(4), 22);
    refused(&source(&[0, 0, 0, 4, 192, 0, 2, 1]), K::IdType(0), 22);
    refused(&source(&[1, 0, 1, 4, 192, 0, 2, 1]), K::Selector, 23);
    refused(&source(&[0, 1, 0, 0]), K::Selector, 23);
    refused(&source(&[1, 0, 0, 0]), K::IdLength, 25);
    refused(&source(&[1, 0, 0, 5, 192, 0, 2, 1, 0]), K::IdLength, 25);
    refused(&source(&[5, 0, 0, 4, 192, 0, 2, 1]), K::IdLength, 25);
    refused(&source(&[1, 0, 0, 3, 0, 0, 1]), K::AnySender, 26);
    let destination = |octets: &[u8]| Message { destination: octets.to_vec(), ..new() }.octets();
    refused(&destination(&[0, 0, 0, 0]), K::IdType(0), 26);
    refused(&destination(&[0, 0, 0, 3, 0, 0, 0]), K::IdType(0), 26);
    refused(&destination(&[1, 0, 9, 4, 224, 0, 0, 254]), K::Selector, 27);
    refused(&destination(&[1, 0, 0, 16, 224, 0, 0, 254]), K::IdLength, 29);
    refused(&destination(&[1, 0, 0, 4, 0, 0, 0, 0]), K::Terms(TermsError::Destination), 20);
    let families = Message { source: [&[5, 0, 0, 16][..], &[0x20; 16]].concat(), ..new() };
    refused(&families.octets(), K::Terms(TermsError::Families), 20);
    let multicast = Message { source: GROUP.to_vec(), ..new() };
    refused(&multicast.octets(), K::Terms(TermsError::Source), 20);
    refused(&new().with(basic(15, 2)).octets(), K::Terms(TermsError::Direction), 20);
    let tunnel = new().without(4).with(basic(4, 1)).with(basic(14, 1));
    refused(&tunnel.octets(), K::Terms(TermsError::TunnelSource), 20);
}

#[test]
fn transforms_and_spis() {
    let at = Message::new().attributes_at();
    for unknown in [0, 2, 3, 14, 18, 19, 21, 23, 248, 250] {
        refused(&Message { transform: unknown, ..Message::new() }.octets(), K::Transform(unknown), at - 5);
    }
    for unknown in [0, 1, 4, 8, 9, 11, 12] {
        refused(&Message { transform: unknown, ..ah() }.octets(), K::Transform(unknown), at - 5);
    }
    for reserved in [0, 1, 255] {
        refused(&Message { spi: [0, 0, 0, reserved], ..Message::new() }.octets(), K::Spi, at - 4);
    }
}

#[test]
fn attributes() {
    let new = Message::new;
    for kind in [0, 7, 8, 9, 10, 12, 13, 16, 32_000, 32_003, 0x7fff] {
        with(new(), basic(kind, 1), K::Attribute(kind));
        with(new(), variable(kind, &[1]), K::Attribute(kind));
    }
    for (kind, value) in [(4, 2), (5, 5), (6, 128)] {
        with(new(), basic(kind, value), K::DuplicateAttribute(kind));
        with(new().without(kind), variable(kind, &value.to_be_bytes()), K::AttributeFormat(kind));
        refused(&new().without(kind).octets(), K::MissingAttribute(kind), 20);
    }
    for (kind, value) in [(11, 1), (15, 3)] {
        with(new().with(basic(kind, value)), basic(kind, value), K::DuplicateAttribute(kind));
        with(new(), variable(kind, &value.to_be_bytes()), K::AttributeFormat(kind));
    }
    for (kind, values) in [
        (4, &[0, 3, 4, 61_440][..]),
        (5, &[0, 3, 4, 8, 9, 10]),
        (6, &[0, 16, 127, 160, 512]),
        (11, &[0, 2]),
        (14, &[0, 5]),
        (15, &[0, 4]),
    ] {
        for &value in values {
            with(new().without(kind), basic(kind, value), K::AttributeValue(kind));
        }
    }
    with(new(), basic(14, 4), K::AttributeConflict(14));
    // Cut off behind the type, in a value, and behind a length that promises more.
    let at = new().attributes_at() + 12;
    refused(&new().with(vec![0x80, 11, 0]).octets(), K::Truncated, at + 2);
    refused(&new().with(vec![0]).octets(), K::Truncated, at);
    refused(&new().with(vec![0x7d, 1, 0, 2, 0]).octets(), K::Length, at + 2);
}

#[test]
fn attributes_that_do_not_go_with_the_transform() {
    with(Message::new(), basic(32_001, 1), K::AttributeConflict(32_001));
    with(Message::new(), basic(32_002, 1), K::AttributeConflict(32_002));
    with(ah(), basic(6, 128), K::AttributeConflict(6));
    for value in [0, 3] {
        with(ah(), basic(32_001, value), K::AttributeValue(32_001));
    }
    for value in [0, 2] {
        with(ah(), basic(32_002, value), K::AttributeValue(32_002));
    }
    // AH_SHA2-256 with HMAC-SHA; AH without an algorithm.
    with(ah().without(5), basic(5, 2), K::AttributeConflict(5));
    refused(&ah().without(5).octets(), K::MissingAttribute(5), 20);
    // NULL and ChaCha20 have one key length, and do not say it. Combined modes have no integrity algorithm.
    for transform in [11, 249] {
        let message = Message { transform, ..Message::new() }.without(6);
        with(message, basic(6, 256), K::AttributeConflict(6));
    }
    for transform in [20, 249] {
        let message = Message { transform, ..Message::new() }.without(5);
        let message = if transform == 249 { message.without(6) } else { message };
        with(message, basic(5, 5), K::AttributeConflict(5));
    }
}

#[test]
fn lifetimes() {
    let new = Message::new;
    let at = new().attributes_at() + 12;
    with(new(), variable(2, &[0, 0, 0, 1]), K::AttributeConflict(2));
    refused(&new().with(basic(1, 1)).octets(), K::MissingAttribute(2), at + 4);
    refused(&new().with(basic(1, 1)).with(basic(11, 1)).octets(), K::MissingAttribute(2), at + 4);
    for life_type in [0, 3, 61_439, 61_441] {
        refused(&new().with(basic(1, life_type)).with(basic(2, 9)).octets(), K::AttributeValue(1), at);
    }
    refused(&new().with(variable(1, &[0, 1])).with(basic(2, 9)).octets(), K::AttributeFormat(1), at);
    for life_type in [1, 2, 61_440] {
        let bad: &[&[u8]] = &[&[], &[0], &[0; 4], &[0; 8], &[0, 0, 0, 0, 0, 0, 0, 0, 1]];
        for duration in bad {
            let message = new().with(basic(1, life_type)).with(variable(2, duration));
            refused(&message.octets(), K::AttributeValue(2), at + 4);
        }
        let twice = new().with(basic(1, life_type)).with(basic(2, 9)).with(basic(1, life_type)).with(basic(2, 9));
        refused(&twice.octets(), K::DuplicateAttribute(1), at + 8);
    }
    for life_type in [1, 2] {
        let message = new().with(basic(1, life_type)).with(variable(2, &[1, 0, 0, 0, 0]));
        refused(&message.octets(), K::AttributeValue(2), at + 4);
    }
}

#[test]
fn keys() {
    const SPI: [u8; 4] = [0, 0, 0x10, 0];
    let (encryption, integrity) = (variable(1, &[0x11; 16]), variable(2, &[0x22; 32]));
    let kd = Message::new().kd_at();
    // The first packet, and the attributes in it.
    let (packet, inside) = (kd + 8, kd + 8 + 9);
    let whole = tek(SPI, &[encryption.clone(), integrity.clone()]);
    let packets = |packets: &[Vec<u8>]| Message { packets: packets.to_vec(), ..Message::new() }.octets();
    let one = |attributes: &[Vec<u8>]| packets(&[tek(SPI, attributes)]);

    let missing = Message::new().attributes_at() - 4;
    refused(&packets(&[]), K::MissingKey, missing);
    refused(&packets(&[tek([0, 0, 0x10, 1], from_ref(&encryption))]), K::MissingKey, missing);
    refused(&packets(&[whole.clone(), whole.clone()]), K::UnexpectedKey, packet + whole.len());
    let other = tek([0, 0, 0x10, 1], &[encryption.clone(), integrity.clone()]);
    refused(&packets(&[other, whole.clone()]), K::UnexpectedKey, packet);

    for kind in [0, 2, 3, 5, 128] {
        let mut unknown = whole.clone();
        unknown[0] = kind;
        refused(&packets(&[unknown]), K::KeyType(kind), packet);
    }
    let mut reserved = whole.clone();
    reserved[1] = 1;
    refused(&packets(&[reserved]), K::Reserved, packet + 1);
    let mut spi_size = whole.clone();
    spi_size[4] = 16;
    refused(&packets(&[spi_size]), K::SpiSize, packet + 4);
    let mut long = whole.clone();
    long[3] += 1;
    refused(&packets(&[long]), K::Length, packet + 2);
    refused(&packets(&[payload(1, &[4, 0, 0, 0x10])]), K::Truncated, packet + 5);

    refused(&one(from_ref(&integrity)), K::MissingAttribute(1), packet);
    refused(&one(from_ref(&encryption)), K::MissingAttribute(2), packet);
    refused(&one(&[encryption.clone(), encryption.clone(), integrity.clone()]), K::DuplicateAttribute(1), inside + 20);
    // TEK_SOURCE_AUTH_KEY, for an algorithm that there is not.
    refused(&one(&[variable(3, &[0x33; 16])]), K::Attribute(3), inside);
    refused(&one(&[basic(1, 7)]), K::AttributeFormat(1), inside);
    for len in [0, 15, 17, 20, 24, 32, 65] {
        refused(&one(&[variable(1, &vec![0x11; len]), integrity.clone()]), K::KeyLength, inside);
    }
    for len in [0, 20, 31, 33, 64] {
        refused(&one(&[encryption.clone(), variable(2, &vec![0x22; len])]), K::KeyLength, inside + 20);
    }
    // AH has no encryption key, not even one of no octets.
    for len in [0, 16] {
        let packets = vec![tek(SPI, &[variable(1, &vec![0x11; len]), integrity.clone()])];
        let message = Message { packets, ..ah() };
        refused(&message.octets(), K::AttributeConflict(1), message.kd_at() + 8 + 9);
    }
}

#[test]
fn two_associations_with_one_spi() {
    let message = Message::new();
    let sat = message.sat_body();
    let head = [0, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0, 0];
    let first = payload(16, &sat);
    let sa = payload(17, &[&head[..], &first, &payload(0, &sat)].concat());
    let octets = [sa, message.octets()[message.kd_at()..].to_vec()].concat();
    refused(&octets, K::DuplicateSpi, message.attributes_at() - 4 + first.len());
}

#[test]
fn sender_identifiers() {
    let kd = Message::new().kd_at();
    let whole = Message::new().packets[0].clone();
    let packet = kd + 8 + whole.len();
    let with_sid = |sids: &[Vec<u8>]| {
        let packets = [&[whole.clone()][..], sids].concat();
        Message { packets, ..Message::new() }.octets()
    };
    let one = |attributes: &[Vec<u8>]| with_sid(&[sid(attributes)]);
    let (bits, value) = (basic(1, 8), variable(2, &[5]));
    assert!(Download::parse(&one(&[bits.clone(), value.clone()])).is_ok());

    refused(&one(from_ref(&value)), K::MissingAttribute(1), packet + 5);
    refused(&one(from_ref(&bits)), K::MissingAttribute(2), packet + 5);
    refused(&one(&[bits.clone(), bits.clone(), value.clone()]), K::DuplicateAttribute(1), packet + 9);
    // RFC 6407 allows several; a member that did not ask for them gets one (§3.5).
    refused(&one(&[bits.clone(), value.clone(), value.clone()]), K::DuplicateAttribute(2), packet + 14);
    let good = sid(&[bits.clone(), value.clone()]);
    refused(&with_sid(&[good.clone(), good.clone()]), K::SenderId, packet + good.len() + 5);
    refused(&one(&[variable(1, &[0, 8]), value.clone()]), K::AttributeFormat(1), packet + 5);
    refused(&one(&[bits.clone(), basic(2, 5)]), K::AttributeFormat(2), packet + 9);
    refused(&one(&[bits.clone(), basic(9, 5)]), K::Attribute(9), packet + 9);
    for len in [0, 2, 3] {
        refused(&one(&[bits.clone(), variable(2, &vec![0; len])]), K::AttributeValue(2), packet + 9);
    }
    for unknown in [0, 1, 7] {
        refused(&one(&[basic(1, unknown), value.clone()]), K::SenderId, packet + 9);
    }
    for unknown in [9, 11, 13, 15, 17, 32] {
        refused(&one(&[basic(1, unknown), variable(2, &[0, 5])]), K::SenderId, packet + 9);
    }
    // 0x1000 has 13 bits.
    refused(&one(&[basic(1, 12), variable(2, &[0x10, 0])]), K::SenderId, packet + 9);
    let mut with_spi = good;
    with_spi[4] = 4;
    refused(&with_sid(&[with_spi]), K::SpiSize, packet + 4);
}
