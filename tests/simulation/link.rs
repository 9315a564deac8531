//! What has to hold of every packet on every link, whoever sent it.

use xcast_sec::wire::xcast6_v2::{CodePointsV2, PacketV2};
use xcast_sec::wire::{ChecksumPolicy, CodePoints, DestinationSet, XcastPacket};

use crate::call::destinations;
use crate::group::Group;
use crate::reader::{OuterKind, Seen, octets_of};
use crate::topology::Topology;

/// What the sender sent: the same everywhere.
pub(crate) struct Original {
    /// Behind the Xcast headers.
    pub(crate) payload: Vec<u8>,
    /// What the datagram says.
    pub(crate) speech: Vec<u8>,
}

/// Checks a packet, and returns the destinations that it is for.
pub(crate) fn check(
    topology: &Topology,
    group: &Group,
    original: &Original,
    octets: &[u8],
    seen: &Seen,
) -> DestinationSet {
    let set = destinations(seen, group);
    assert!(!set.is_empty());
    assert_eq!(seen.source, group.source);
    assert_eq!(seen.traffic_class & 3, 0, "nobody marks congestion here");
    match &seen.list {
        None => {
            assert!(!group.style.no_x2u, "X=1");
            assert_eq!(seen.protocol, 17);
            assert_eq!(seen.payload[8..], original.speech);
        }
        Some(list) => {
            assert_eq!(seen.destination, group.to);
            assert!(seen.payload == original.payload, "the payload changed");
            let style = &group.style;
            let flags = (list.anonymous, list.no_x2u, list.separated);
            assert_eq!(flags, (style.anonymous, style.no_x2u, style.separated));
            assert_eq!(list.dscps, group.dscps);
            let ports = style.ports.then(|| group.members.iter().map(|member| member.port).collect());
            assert_eq!(list.ports, ports);
            assert_eq!(list.addresses.len(), group.members.len());
            for (index, (shown, member)) in list.addresses.iter().zip(&group.members).enumerate() {
                if style.anonymous && !set.contains(index) {
                    assert!(shown.is_unspecified(), "destination {index} shows");
                } else {
                    assert_eq!(*shown, member.address);
                }
            }
            check_with_the_library(octets, seen);
        }
    }
    if group.style.anonymous {
        check_anonymity(topology, group, octets, seen, set);
    }
    set
}

/// The library's parser takes it, and sees the same.
fn check_with_the_library(octets: &[u8], seen: &Seen) {
    let list = seen.list.as_ref().unwrap();
    if seen.kind() == Some(OuterKind::V2) {
        let packet = PacketV2::parse(octets, &CodePointsV2::xcast_jp_deployment()).unwrap();
        assert_eq!(packet.bits(), list.bits);
        return;
    }
    let inner_at = match seen.kind() {
        Some(OuterKind::SemiPermeable) => 48,
        Some(_) if octets[0] >> 4 == 4 => 20,
        Some(_) => 40,
        None => 0,
    };
    let packet = XcastPacket::parse(&octets[inner_at..], &CodePoints::rfc4727_experiment(), ChecksumPolicy::Verify);
    let packet = packet.unwrap();
    assert_eq!(packet.bits(), list.bits);
    assert!(packet.header().destinations().eq(list.addresses.iter().copied()));
    assert_eq!((packet.next_protocol(), packet.payload()), (seen.protocol, &seen.payload[..]));
}

/// RFC 5058 §7 (A): no address of a member that is not behind this link stands anywhere in the headers. A member that relays
/// names itself as the source of its outer header, which RFC 5058 §11.4 lists as a disadvantage.
fn check_anonymity(topology: &Topology, group: &Group, octets: &[u8], seen: &Seen, set: DestinationSet) {
    let mut headers = octets[..seen.header_len].to_vec();
    if let Some(outer) = seen.outer {
        let from = topology.node(outer.source).expect("a node");
        if topology.is_host(from) {
            let source = octets_of(outer.source);
            let at = if source.len() == 4 { 12 } else { 8 };
            assert_eq!(headers[at..at + source.len()], source);
            headers[at..at + source.len()].fill(0);
        }
    }
    let behind: Vec<_> = set.iter().map(|index| group.members[index].address).collect();
    let hidden = group.members.iter().map(|member| member.address).filter(|address| !behind.contains(address));
    for address in hidden {
        let address = octets_of(address);
        // Headers are made of words: across them there are accidents.
        let step = if address.len() == 4 { 4 } else { 8 };
        let shows = headers.windows(address.len()).step_by(step).any(|window| window == address);
        assert!(!shows, "{address:?} shows");
    }
}
