//! Arbitrary octets through the router: it never panics, never sends more copies than there are destinations, and never
//! sends what it would itself take for malformed. Shared by the fuzz target and the test that replays its corpus.

use std::net::IpAddr;

use xcast_sec::forward::{CopyKind, Egress, PacketCopy, Route, RouteLookup, Router, RouterPolicy, Tunnel};
use xcast_sec::time::Instant;
use xcast_sec::wire::{ChecksumPolicy, CodePoints, DestinationSet, IpHeader, XcastPacket};

/// Routes made of the last octet of an address, so that every packet meets all there is.
struct Octets {
    choice: u8,
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
}

/// Looks at every copy.
struct Inspector<'p> {
    arrived: &'p [u8],
    code_points: CodePoints,
    checksum: ChecksumPolicy,
    served: DestinationSet,
    copies: usize,
}

impl Egress<u8> for Inspector<'_> {
    type Error = ();

    fn transmit(&mut self, _: u8, copy: &PacketCopy<'_>) -> Result<(), ()> {
        let mut whole = vec![0xa5; copy.len()];
        assert_eq!(copy.emit(&mut whole), Ok(copy.len()));
        let mut header = vec![0x5a; copy.header_len()];
        assert_eq!(copy.emit_header(&mut header), Ok(copy.header_len()));
        assert_eq!([&header, copy.payload()].concat(), whole, "both ways of writing give the same octets");
        assert!(copy.header_len() == 0 || copy.emit(&mut vec![0; copy.len() - 1]).is_err());

        let (ip, payload) = IpHeader::split(&whole).expect("an IP packet");
        assert_eq!(ip.packet_len(), whole.len());
        if let IpHeader::V4(header) = ip {
            assert!(header.checksum_ok());
        }
        let inner = match copy.kind() {
            CopyKind::Tunnelled => payload,
            _ => &whole,
        };
        if copy.kind() == CopyKind::Unicast {
            assert_eq!(copy.destinations().len(), 1);
            let read = XcastPacket::parse(inner, &self.code_points, ChecksumPolicy::Ignore);
            assert!(read.is_err(), "nothing of Xcast is left");
        } else {
            let read = XcastPacket::parse(inner, &self.code_points, self.checksum).expect("an Xcast packet");
            assert_eq!(read.bits(), copy.destinations());
            let (before, _) = IpHeader::split(self.arrived).expect("it was read before");
            assert_eq!(read.ip().hop_limit(), before.hop_limit() - 1);
        }
        assert!(!copy.destinations().is_empty());
        assert!(self.served.intersection(copy.destinations()).is_empty(), "nobody is served twice");
        self.served = self.served.union(copy.destinations());
        self.copies += 1;
        Ok(())
    }
}

/// Checks a packet; the first octet chooses policy and routes. A finding panics.
pub(crate) fn check(data: &[u8]) {
    let Some((&choice, packet)) = data.split_first() else { return };
    let code_points = CodePoints::rfc4727_experiment();
    let mut policy = RouterPolicy::default();
    policy.checksum = if choice & 2 == 0 { ChecksumPolicy::Verify } else { ChecksumPolicy::Ignore };
    policy.x2u = choice & 4 == 0;
    policy.premature_x2u = choice & 8 == 0;
    policy.allow_echo = choice & 16 != 0;
    let mut egress =
        Inspector { arrived: packet, code_points, checksum: policy.checksum, served: DestinationSet::EMPTY, copies: 0 };
    let mut router = Router::new(code_points, policy);
    match router.forward(Instant::START, None, packet, &Octets { choice }, &mut egress) {
        Ok(outcome) => {
            let read = XcastPacket::parse(packet, &code_points, ChecksumPolicy::Ignore).expect("it was read before");
            assert_eq!((outcome.copies, outcome.sent), (egress.copies, egress.served));
            assert!(outcome.copies <= read.bits().len());
            assert!(egress.served.is_subset(read.bits()));
            assert!(outcome.local_destinations.intersection(egress.served).is_empty());
        }
        Err(error) => {
            assert_eq!(egress.copies, 0);
            let _ = format!("{error} {error:?}");
        }
    }
}
