//! Nodes R1 to R9: forward Xcast packets by the library, and ordinary ones as any router does.

use std::convert::Infallible;
use std::error::Error;
use std::net::IpAddr;

use xcast_sec::forward::{self, ForwardError, PacketCopy, Prefix, Route, RouteLookup, RouteTable, RouterPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{ChecksumUpdate, CodePoints, Family, IpHeader, MAX_DESTINATIONS, ParseErrorKind};

use super::addresses;
use super::topology::{NodeId, Topology};

/// What a link carries: enough for 127 IPv6 addresses and their protection.
const MTU: usize = 9000;

/// RFC 791 §3.1: Time to Live with Protocol, and the checksum that covers both.
const TTL_AND_PROTOCOL: std::ops::Range<usize> = 8..10;
const IPV4_CHECKSUM: std::ops::Range<usize> = 10..12;
/// RFC 8200 §3.
const HOP_LIMIT_AT: usize = 7;

/// Packets to be sent, each to a neighbour.
pub(crate) type Copies = Vec<(NodeId, Vec<u8>)>;

/// A router and its table.
pub(crate) struct Router {
    xcast: forward::Router,
    routes: RouteTable<NodeId, MAX_DESTINATIONS>,
}

impl Router {
    /// The router at this place of the topology, with a route to every member.
    pub(crate) fn new(
        topology: &Topology,
        at: NodeId,
        family: Family,
        code_points: CodePoints,
    ) -> Result<Self, Box<dyn Error>> {
        let mut routes = RouteTable::new();
        for index in 0..topology.members().len() {
            if let Some(next_hop) = topology.next_hop(at, index) {
                let prefix = Prefix::host(addresses::member(family, index));
                // Everybody here understands Xcast. For a neighbour that does not, the library makes unicast packets.
                routes.insert_route(prefix, Route { next_hop, xcast_capable: true, mtu: MTU })?;
            }
        }
        Ok(Self { xcast: forward::Router::new(code_points, RouterPolicy::default()), routes })
    }

    /// What is to be sent to which neighbour for a packet that arrived.
    pub(crate) fn forward(&mut self, packet: &[u8]) -> Result<Copies, Box<dyn Error>> {
        let mut copies = Vec::new();
        let mut egress = forward::FnEgress(|next_hop: NodeId, copy: &PacketCopy<'_>| {
            // A router with hardware would write to the transmit ring of the link here.
            let mut octets = vec![0; copy.len()];
            copy.emit(&mut octets).expect("the buffer has the copy's length");
            copies.push((next_hop, octets));
            Ok::<(), Infallible>(())
        });
        match self.xcast.forward(Instant::START, None, packet, &self.routes, &mut egress) {
            Ok(_) => Ok(copies),
            // What X2U made, further up.
            Err(ForwardError::Parse(error)) if error.kind() == ParseErrorKind::NotXcast => self.forward_unicast(packet),
            Err(error) => Err(error.into()),
        }
    }

    /// Forwarding as it always was: look up, count the hop, send. It is here because a router has it, not the library.
    fn forward_unicast(&self, packet: &[u8]) -> Result<Copies, Box<dyn Error>> {
        let (ip, _) = IpHeader::split(packet)?;
        let destination: IpAddr = ip.destination();
        let route = self.routes.route(destination).ok_or_else(|| format!("no route to {destination}"))?;
        let hop_limit = ip.hop_limit().checked_sub(1).filter(|&left| left > 0).ok_or("hop limit exceeded")?;
        let mut copy = packet.to_vec();
        match ip.family() {
            Family::V4 => {
                copy[TTL_AND_PROTOCOL.start] = hop_limit;
                let checksum = u16::from_be_bytes([packet[IPV4_CHECKSUM.start], packet[IPV4_CHECKSUM.start + 1]]);
                let update = ChecksumUpdate::new(checksum).replace(&packet[TTL_AND_PROTOCOL], &copy[TTL_AND_PROTOCOL]);
                copy[IPV4_CHECKSUM].copy_from_slice(&update.finish().to_be_bytes());
            }
            Family::V6 => copy[HOP_LIMIT_AT] = hop_limit,
        }
        Ok(vec![(route.next_hop, copy)])
    }
}
