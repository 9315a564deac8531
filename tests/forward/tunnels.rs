//! Configured tunnels as a last resort.

use std::net::Ipv6Addr;

use xcast_sec::forward::{CopyKind, Route, Tunnel};
use xcast_sec::wire::{Family, IpHeader};

use crate::kit::*;

/// RFC 5058 §11.1 and Figure 10.
#[test]
fn tunnels_reach_across_a_next_hop_without_xcast() {
    let v6_end = |host| Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, host);
    for family in FAMILIES {
        let limited = (Tunnel::v6(v6_end(0), v6_end(1)).with_hop_limit(7), tunnel(1).with_hop_limit(3));
        for ((tunnel, other), limits) in [((tunnel(1), tunnel(2)), [64, 64]), (limited, [7, 3])] {
            let mut packet = plain(family, 5).with_lists(true, false);
            (packet.no_x2u, packet.anonymous) = (true, true);
            let mut octets = packet.octets();
            let ecn = parse(&octets).ip().traffic_class() | 2;
            set_traffic_class(&mut octets, ecn);
            let mut net = Net::uniform(&packet, legacy(1));
            net.tunnels = [(0, tunnel), (1, other), (2, tunnel), (4, other)]
                .map(|(index, tunnel)| (packet.addresses[index], tunnel))
                .into();
            let result = forward(&octets, &net);
            let groups = [(tunnel, set(&[0, 2])), (other, set(&[1, 4]))];
            assert_eq!(result.shape(), groups.map(|(_, bits)| (1, CopyKind::Tunnelled, bits)));
            assert_eq!((result.counters.not_capable, result.counters.tunnel_copies), (1, 2));
            for ((sent, (tunnel, bits)), limit) in result.log.sent.iter().zip(groups).zip(limits) {
                let (outer, inner) = IpHeader::split(&sent.octets).unwrap();
                assert_eq!((outer.source(), outer.destination()), (tunnel.local(), tunnel.remote()));
                assert_eq!(outer.packet_len(), sent.octets.len());
                assert_eq!((outer.hop_limit(), tunnel.hop_limit()), (limit, limit));
                assert_eq!(outer.next_header(), if family == Family::V4 { 4 } else { 41 });
                match outer {
                    IpHeader::V4(header) => {
                        assert!(header.checksum_ok());
                        assert_eq!(sent.octets[4..8], [0, 0, 0x40, 0]);
                    }
                    IpHeader::V6(header) => assert_eq!(header.flow_label(), 0),
                }
                let copy = parse(inner);
                // CS2 and CS4 are the highest of the members' class selectors.
                let dscp = if bits == set(&[0, 2]) { 16 } else { 32 };
                assert_eq!(copy.ip().traffic_class(), dscp << 2 | 2);
                assert_eq!(outer.traffic_class(), copy.ip().traffic_class());
                // Inside is what a capable next hop would have got.
                let alone: Vec<u8> = (0..5).map(|index| if bits.contains(index) { 1 } else { 2 }).collect();
                let direct = forward(&octets, &Net::new(&packet, &alone.into_iter().map(route).collect::<Vec<_>>()));
                let direct = direct.log.sent.iter().find(|sent| sent.next_hop == 1).unwrap();
                assert_eq!(inner, direct.octets);
                assert_eq!(copy.ip().hop_limit(), 63);
            }
        }
    }
}

/// Tunnels are for what X2U cannot do.
#[test]
fn x2u_goes_before_tunnels() {
    let packet = plain(Family::V4, 3);
    let mut net = Net::new(&packet, &[legacy(1), legacy(1), legacy(2)]);
    net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel(1))).collect();
    assert_eq!(forward(&packet.octets(), &net).counters.unicast, 3);
    let off = policy(|policy| policy.premature_x2u = false);
    let result = forward_with(&packet.octets(), &net, off, &[]).unwrap();
    assert_eq!(result.shape(), [(1, CopyKind::Tunnelled, set(&[0, 1])), (2, CopyKind::Unicast, set(&[2]))]);
    // A capable next hop needs none.
    let mut xcast = packet.clone();
    xcast.no_x2u = true;
    net.routes = xcast.addresses.iter().map(|a| (*a, route(1))).collect();
    assert_eq!(forward(&xcast.octets(), &net).counters.forwarded, 3);
}

#[test]
fn the_outer_header_counts_for_the_mtu() {
    for (family, tunnel, outer) in
        [(Family::V4, tunnel(1), 20), (Family::V6, Tunnel::v6(Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED), 40)]
    {
        let mut packet = plain(family, 2);
        packet.no_x2u = true;
        let len = packet.octets().len() + outer;
        for (mtu, served) in [(len, true), (len - 1, false)] {
            let mut net = Net::uniform(&packet, Route { mtu, ..legacy(1) });
            net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel)).collect();
            let result = forward(&packet.octets(), &net);
            assert_eq!(
                result.log.sent.iter().map(|sent| sent.octets.len()).sum::<usize>(),
                if served { len } else { 0 }
            );
            let report = (1, len - 1 - outer, set(&[0, 1]));
            assert_eq!(result.log.too_big, if served { vec![] } else { vec![report] });
        }
    }
    // However large the MTU, an outer header cannot announce more than it has bits for.
    let mut packet = plain(Family::V4, 2);
    (packet.no_x2u, packet.payload) = (true, vec![0; 65_535 - 44]);
    let mut net = Net::uniform(&packet, Route { mtu: usize::MAX, ..legacy(1) });
    net.tunnels = packet.addresses.iter().map(|a| (*a, tunnel(1))).collect();
    let octets = packet.octets();
    assert_eq!(octets.len(), 65_535);
    assert_eq!(forward(&octets, &net).log.too_big, [(1, 65_515, set(&[0, 1]))]);
}
