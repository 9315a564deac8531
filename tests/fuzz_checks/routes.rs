//! Routes made of the last octet of an address, so that every packet meets all there is.

use std::net::IpAddr;

use xcast_sec::forward::{Counters, Outcome, Route, RouteLookup, Tunnel};

pub(crate) struct Octets {
    pub(crate) choice: u8,
}

fn last(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(address) => address.octets()[15],
    }
}

impl RouteLookup for Octets {
    type NextHop = u8;

    fn is_local(&self, address: IpAddr) -> bool {
        last(address) == self.choice
    }

    fn route(&self, destination: IpAddr) -> Option<Route<u8>> {
        let next_hop = last(destination) & 3;
        let mtu = if self.choice & 1 == 0 { 1500 } else { 128 };
        (last(destination) != 7).then_some(Route { next_hop, xcast_capable: next_hop != 1, mtu })
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        (last(destination) & 4 != 0).then_some(Tunnel::v4([192, 0, 2, 1].into(), [192, 0, 2, 2].into()))
    }

    fn is_tunnel(&self, _: IpAddr, remote: IpAddr) -> bool {
        last(remote) & 1 == 0
    }
}

/// Every packet and every destination of one is in exactly one counter.
pub(crate) fn check_counters(c: &Counters, outcome: Option<&Outcome>) {
    let ended = [
        c.not_xcast,
        c.unsupported,
        c.checksum,
        c.malformed,
        c.not_for_us,
        c.refused,
        c.unusable_tunnel,
        c.not_a_member,
        c.reverse_path,
        c.unusable_source,
        c.unusable_destination,
        c.echo_requests,
        c.nothing_to_do,
    ];
    assert_eq!(c.packets, 1);
    let ended: u64 = ended.iter().sum();
    assert!(ended <= 1 && (ended == 0) == (c.destinations > 0), "{c:?}");
    let ends = [
        c.local,
        c.duplicate,
        c.hop_limit,
        c.no_route,
        c.not_capable,
        c.too_big,
        c.over_copy_limit,
        c.egress_failed,
        c.forwarded,
        c.unicast,
        c.tunnelled,
        c.semi_permeable,
    ];
    assert_eq!(ends.iter().sum::<u64>(), c.destinations, "{c:?}");
    let copies = c.xcast_copies + c.unicast + c.tunnel_copies + c.semi_permeable_copies;
    assert_eq!(copies, outcome.map_or(0, |outcome| outcome.copies as u64));
}
