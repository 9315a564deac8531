//! Arbitrary octets through the reader, the editor and the router of XCAST6 2.0, and over the border to RFC 5058 and back.
//! Shared by the fuzz target and the test that replays its corpus. Its user includes `copies` and `routes` beside it.

use xcast_sec::forward::v2::{ConvertError, MayLose, RouterPolicyV2, RouterV2, from_rfc5058, to_rfc5058};
use xcast_sec::time::Instant;
use xcast_sec::wire::xcast6_v2::{CodePointsV2, PacketV2, PacketV2Mut};
use xcast_sec::wire::{ChecksumPolicy, CodePoints, DestinationSet, EmitError, XcastPacket};

use super::copies::{Format, Inspector};
use super::routes::{Octets, check_counters};

/// Checks a packet; the first octet chooses policy and routes. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let Some((&choice, packet)) = data.split_first() else { return };
    forward(choice, packet);
    edit(choice, packet);
    cross_the_border(packet);
    cross_back(choice, packet);
}

fn code_points() -> CodePointsV2 {
    CodePointsV2::xcast_jp_deployment()
}

fn forward(choice: u8, packet: &[u8]) {
    let mut policy = RouterPolicyV2::default();
    policy.x2u = choice & 2 == 0;
    policy.allow_echo = choice & 4 != 0;
    policy.max_copies = (choice & 8 != 0).then_some(3);
    let mut router = RouterV2::new(code_points(), policy);
    let read = PacketV2::parse(packet, &code_points()).ok();
    let outer_limit = read.map_or(0, |read| read.outer().hop_limit());
    let mut egress = Inspector::new(Format::V2, (1, outer_limit), false);
    let result = router.forward(Instant::START, None, packet, &Octets { choice }, &mut egress);
    check_counters(&router.counters, result.as_ref().ok());
    match result {
        Ok(outcome) => {
            let read = read.expect("it was read before");
            assert_eq!((outcome.copies, outcome.sent), (egress.copies, egress.served));
            assert!(outcome.copies <= read.bits().len());
            assert!(egress.served.union(outcome.local_destinations).is_subset(read.bits()));
        }
        Err(error) => {
            assert_eq!(egress.copies, 0);
            let _ = format!("{error} {error:?}");
        }
    }
}

fn edit(choice: u8, packet: &[u8]) {
    let Ok(read) = PacketV2::parse(packet, &code_points()) else { return };
    let (bits, count) = (read.bits(), read.destination_count());
    let keep: DestinationSet = (0..count).filter(|index| (usize::from(choice) + index) % 3 != 0).collect();
    let mut octets = packet.to_vec();
    PacketV2Mut::parse(&mut octets, &code_points()).expect("it was read before").retain(keep);
    let read = PacketV2::parse(&octets, &code_points()).expect("an edit leaves it sound");
    assert_eq!(read.bits(), bits.intersection(keep));
    assert!(
        !read.anonymous()
            || read.destinations().enumerate().all(|(i, a)| read.bits().contains(i) || a.is_unspecified())
    );
}

fn cross_the_border(packet: &[u8]) {
    let rfc5058 = CodePoints::rfc4727_experiment();
    let Ok(read) = PacketV2::parse(packet, &code_points()) else { return };
    let mut buffer = vec![0x5a; packet.len() + 64];
    match to_rfc5058(&read, &rfc5058, &mut buffer) {
        Ok(len) => {
            let there = XcastPacket::parse(&buffer[..len], &rfc5058, ChecksumPolicy::Verify).expect("a sound packet");
            assert_eq!(there.bits(), read.bits());
            let mut back = vec![0xa5; packet.len() + 64];
            let result = from_rfc5058(&there, &code_points(), MayLose::NOTHING, &mut back);
            if read.bits().is_empty() {
                // It would have no outer destination.
                assert_eq!(result, Err(ConvertError::Emit(EmitError::NoDestination)));
                return;
            }
            let len = result.expect("the way back");
            let back = PacketV2::parse(&back[..len], &code_points()).expect("a sound packet");
            let shown =
                |(index, address)| (index, (!read.anonymous() || read.bits().contains(index)).then_some(address));
            assert!(back.destinations().enumerate().map(shown).eq(read.destinations().enumerate().map(shown)));
            assert_eq!((back.bits(), back.next_protocol()), (read.bits(), read.next_protocol()));
        }
        Err(error) => {
            assert!(buffer.iter().all(|&octet| octet == 0x5a), "{error}: nothing was written");
        }
    }
}

fn cross_back(choice: u8, packet: &[u8]) {
    let Ok(read) = XcastPacket::parse(packet, &CodePoints::rfc4727_experiment(), ChecksumPolicy::Verify) else {
        return;
    };
    let mut may_lose = MayLose::NOTHING;
    (may_lose.channel, may_lose.dscps, may_lose.ports) = (choice & 1 != 0, choice & 2 != 0, choice & 4 != 0);
    let mut buffer = vec![0x5a; packet.len() + 128];
    match from_rfc5058(&read, &code_points(), may_lose, &mut buffer) {
        Ok(len) => {
            let there = PacketV2::parse(&buffer[..len], &code_points()).expect("a sound packet");
            assert_eq!(there.bits(), read.bits());
        }
        Err(_) => assert!(buffer.iter().all(|&octet| octet == 0x5a), "nothing was written"),
    }
}
