//! What a packet is known by.

use std::collections::HashSet;

use xcast_sec::group::source_auth::{MAX_ASSOCIATION_NAME_LEN, PacketId, PacketOrigin};
use xcast_sec::ipsec::{OutboundSa, SecurityProtocol, SenderId, SequenceError, Spi, Usage};
use xcast_sec::time::Instant;

use crate::kit::{NAME, Receiver, Sender, With, association, member};

fn octets(origin: &PacketOrigin<'_>) -> Option<Vec<u8>> {
    origin.with_octets(|parts| parts.concat())
}

fn packet() -> PacketId {
    PacketId {
        protocol: SecurityProtocol::Esp,
        spi: Spi::new(0x1234_5678).unwrap(),
        source: [192, 0, 2, 1].into(),
        sequence: 0x0102_0304_0506_0708,
    }
}

#[test]
fn octets_of_an_origin() {
    let origin = PacketOrigin { association: b"g7", packet: packet() };
    let v4 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];
    let expected = [&[0, 2][..], b"g7", &[50, 4], &v4, &[0x12, 0x34, 0x56, 0x78], &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
    assert_eq!(octets(&origin), Some(expected));
    let name = [b'n'; MAX_ASSOCIATION_NAME_LEN + 1];
    assert_eq!(octets(&PacketOrigin { association: &name, ..origin }), None);
    assert_eq!(octets(&PacketOrigin { association: &name[1..], ..origin }).map(|octets| octets.len()), Some(287));
}

/// Whatever differs, the octets do.
#[test]
fn each_part_counts() {
    let base = packet();
    let mut all = HashSet::new();
    let mut add = |association: &[u8], packet| {
        let octets = octets(&PacketOrigin { association, packet }).unwrap();
        assert!(all.insert(octets), "{packet:?}");
    };
    add(b"g7", base);
    add(b"g", base);
    add(b"", base);
    add(b"g7", PacketId { protocol: SecurityProtocol::Ah, ..base });
    add(b"g7", PacketId { spi: Spi::new(0x1234_5679).unwrap(), ..base });
    add(b"g7", PacketId { source: [192, 0, 2, 2].into(), ..base });
    add(b"g7", PacketId { source: "::ffff:192.0.2.1".parse().unwrap(), ..base });
    add(b"g7", PacketId { sequence: base.sequence ^ 1 << 63, ..base });
}

/// What the sender says before it seals is what the receiver finds.
#[test]
fn both_ends_say_the_same() {
    for with in [With::Esp, With::Ah] {
        for source in [None, Some(member(1).into())] {
            let mut sender = Sender::new(1, association(with, source));
            let mut receiver = Receiver::new(association(with, source));
            for sequence in 1..4 {
                let before = PacketOrigin::sealing(NAME, &sender.outbound, sender.address.into()).unwrap();
                let (opened, _) = receiver.open(&sender.seal(b"x")).unwrap();
                assert_eq!(PacketOrigin::opened(NAME, &opened), before);
                assert_eq!(before.packet.sequence, sequence);
            }
        }
    }
}

#[test]
fn without_a_next_number_there_is_no_origin() {
    let (now, source) = (Instant::START, member(1).into());
    let resumed = |saved| {
        let sa = association(With::Esp, None);
        OutboundSa::resume(sa, saved, SenderId::ONLY, Usage::new(now)).unwrap()
    };
    let error = |sa: &OutboundSa<_>| PacketOrigin::sealing(NAME, sa, source).unwrap_err();
    assert_eq!(error(&resumed(5)), SequenceError::NotReserved);
    assert_eq!(error(&resumed(u64::from(u32::MAX))), SequenceError::Exhausted);
}
