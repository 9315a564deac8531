//! Routers and hosts: what the library does in them, and what every router does with ordinary packets.

use std::net::IpAddr;

use xcast_sec::forward::v2::{ForwardErrorV2, RouterV2};
use xcast_sec::forward::{CopyKind, Counters, Egress, ForwardError, HostTunnel, Outcome, PacketCopy, Router};
use xcast_sec::time::Instant;
use xcast_sec::wire::xcast6_v2::ParseErrorKindV2;
use xcast_sec::wire::{DestinationSet, ParseErrorKind};

use crate::group::set_checksum;
use crate::reader::{Seen, read};
use crate::routes::Routes;
use crate::topology::NodeId;

/// What of the library runs in a node.
#[allow(clippy::large_enum_variant, reason = "there are a hundred of them")]
pub(crate) enum Engine {
    /// Nothing: a router that forwards ordinary packets.
    None,
    Xcast(Router),
    V2(RouterV2),
}

pub(crate) struct Node {
    pub(crate) routes: Routes,
    pub(crate) engine: Engine,
}

/// Which entry of the library a packet goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Forward(NodeId),
    Originate,
    Through(HostTunnel),
    Relay,
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refused {
    /// It is an ordinary one.
    NotXcast,
    Error(ForwardError),
    V2(ForwardErrorV2),
}

/// A copy that was sent.
pub(crate) struct Sent {
    pub(crate) next_hop: NodeId,
    pub(crate) kind: CopyKind,
    pub(crate) destinations: DestinationSet,
    pub(crate) octets: Vec<u8>,
    pub(crate) seen: Seen,
}

/// Takes all copies, and fails for one neighbour if it is told to.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) sent: Vec<Sent>,
    pub(crate) failing: Option<NodeId>,
    pub(crate) failed: DestinationSet,
}

impl Egress<NodeId> for Log {
    type Error = ();

    fn transmit(&mut self, next_hop: NodeId, copy: &PacketCopy<'_>) -> Result<(), ()> {
        let (kind, destinations) = (copy.kind(), copy.destinations());
        if self.failing == Some(next_hop) {
            self.failed = self.failed.union(destinations);
            return Err(());
        }
        let mut octets = vec![0xa5; copy.len()];
        assert_eq!(copy.emit(&mut octets), Ok(copy.len()));
        let mut header = vec![0x5a; copy.header_len()];
        assert_eq!(copy.emit_header(&mut header), Ok(copy.header_len()));
        assert_eq!([&header[..], copy.payload()].concat(), octets);
        let seen = read(&octets);
        self.sent.push(Sent { next_hop, kind, destinations, octets, seen });
        Ok(())
    }
}

impl Node {
    /// Hands a packet to the library, and says what it counted for it.
    pub(crate) fn call(
        &mut self,
        how: How,
        now: Instant,
        packet: &[u8],
        log: &mut Log,
    ) -> (Result<Outcome, Refused>, Counters) {
        let routes = &self.routes;
        match &mut self.engine {
            Engine::None => (Err(Refused::NotXcast), Counters::default()),
            Engine::Xcast(router) => {
                let result = match how {
                    How::Forward(from) => router.forward(now, Some(from), packet, routes, log),
                    How::Originate => router.originate(now, packet, routes, log),
                    How::Through(tunnel) => router.originate_through(now, tunnel, packet, routes, log),
                    How::Relay => router.relay(now, packet, routes, log),
                };
                let result = result.map_err(|error| match error {
                    ForwardError::Parse(error) if error.kind() == ParseErrorKind::NotXcast => Refused::NotXcast,
                    error => Refused::Error(error),
                });
                (result, std::mem::take(&mut router.counters))
            }
            Engine::V2(router) => {
                let from = if let How::Forward(from) = how { Some(from) } else { None };
                let result = router.forward(now, from, packet, routes, log).map_err(|error| match error {
                    ForwardErrorV2::Parse(error) if error.kind() == ParseErrorKindV2::NotXcast6V2 => Refused::NotXcast,
                    error => Refused::V2(error),
                });
                (result, std::mem::take(&mut router.counters))
            }
        }
    }
}

/// An ordinary packet with one hop less, and its destination; `None` where it ends.
pub(crate) fn one_hop_on(packet: &[u8]) -> Option<(Vec<u8>, IpAddr)> {
    let seen = read(packet);
    let left = seen.outermost_hop_limit().checked_sub(1).filter(|&left| left > 0)?;
    let mut copy = packet.to_vec();
    if packet[0] >> 4 == 4 {
        copy[8] = left;
        set_checksum(&mut copy, 0..usize::from(packet[0] & 15) * 4, 10);
    } else {
        copy[7] = left;
    }
    Some((copy, seen.outermost_destination()))
}
