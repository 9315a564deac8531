//! R1 and R2: Xcast by `forward::Router`, ordinary packets by their destination. They hold no key.

use std::net::IpAddr;

use smoltcp::phy::Medium;
use xcast_sec::forward::{
    FnEgress, ForwardError, PacketCopy, Prefix, Route, RouteLookup, RouteTable, RouteTableError, Router, RouterPolicy,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::{ChecksumUpdate, CodePoints, EmitError, IpHeader, ParseErrorKind};

use super::ethernet::{self, Frame};
use super::port::{MTU, Port};

/// Where IPv4 has TTL and header checksum, and IPv6 the hop limit.
const TTL_AT: usize = 8;
const CHECKSUM_AT: usize = 10;
const HOP_LIMIT_AT: usize = 7;

/// A router's end of a link, and its address there.
pub(crate) struct Interface {
    pub(crate) port: Port,
    pub(crate) address: IpAddr,
}

impl Interface {
    fn send(&self, packet: Vec<u8>) {
        self.port.put(match self.port.medium() {
            Medium::Ip => packet,
            Medium::Ethernet => ethernet::around(&packet),
        });
    }
}

/// A router. Its next hops are its interfaces: each link has one neighbour.
pub(crate) struct RouterNode {
    router: Router,
    routes: RouteTable<usize, 8>,
    interfaces: Vec<Interface>,
}

impl RouterNode {
    pub(crate) fn new(code_points: CodePoints, interfaces: Vec<Interface>) -> Result<Self, RouteTableError> {
        let mut routes = RouteTable::new();
        for interface in &interfaces {
            routes.insert_address(interface.address)?;
        }
        Ok(Self { router: Router::new(code_points, RouterPolicy::default()), routes, interfaces })
    }

    /// What is for `prefix` goes out by this interface.
    pub(crate) fn route(
        &mut self,
        prefix: Prefix,
        interface: usize,
        xcast_capable: bool,
    ) -> Result<(), RouteTableError> {
        self.routes.insert_route(prefix, Route { next_hop: interface, xcast_capable, mtu: MTU })
    }

    /// Forwards all that has arrived.
    pub(crate) fn poll(&mut self, now: Instant) {
        for from in 0..self.interfaces.len() {
            while let Some(frame) = self.interfaces[from].port.take() {
                let interface = &self.interfaces[from];
                let packet = match interface.port.medium() {
                    Medium::Ip => frame,
                    Medium::Ethernet => match ethernet::read(&frame, interface.address) {
                        Frame::Packet(packet) => packet,
                        Frame::Answer(answer) => {
                            interface.port.put(answer);
                            continue;
                        }
                        Frame::Other => continue,
                    },
                };
                self.forward(now, from, packet);
            }
        }
    }

    fn forward(&mut self, now: Instant, from: usize, packet: Vec<u8>) {
        let Self { router, routes, interfaces } = self;
        let mut egress = FnEgress(|interface: usize, copy: &PacketCopy<'_>| {
            let mut octets = vec![0; copy.len()];
            copy.emit(&mut octets)?;
            interfaces[interface].send(octets);
            Ok::<(), EmitError>(())
        });
        match router.forward(now, Some(from), &packet, routes, &mut egress) {
            Err(ForwardError::Parse(error)) if error.kind() == ParseErrorKind::NotXcast => {
                self.forward_ordinary(packet);
            }
            // Served, as far as it could be; or an error, which the router counted.
            _ => {}
        }
    }

    fn forward_ordinary(&self, mut packet: Vec<u8>) {
        let Ok((ip, _)) = IpHeader::split(&packet) else { return };
        let (destination, hop_limit) = (ip.destination(), ip.hop_limit());
        let Some(route) = self.routes.route(destination).filter(|_| hop_limit > 1) else { return };
        if destination.is_ipv4() {
            let old = [packet[TTL_AT], packet[TTL_AT + 1]];
            packet[TTL_AT] -= 1;
            let checksum = u16::from_be_bytes([packet[CHECKSUM_AT], packet[CHECKSUM_AT + 1]]);
            let update = ChecksumUpdate::new(checksum).replace(&old, &[packet[TTL_AT], packet[TTL_AT + 1]]);
            packet[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&update.finish().to_be_bytes());
        } else {
            packet[HOP_LIMIT_AT] -= 1;
        }
        self.interfaces[route.next_hop].send(packet);
    }
}
