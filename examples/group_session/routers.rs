//! Three routers, and links that take time.
//!
//! ```text
//!                  R2 ---- B
//!                 /  \
//! A ---- R1 -----+    C
//!                 \
//!                  R3 ----+---- D, E, F, G     one wire, on which all four hear everything
//! ```

use std::convert::Infallible;
use std::time::Duration;

use xcast_sec::forward::{FnEgress, PacketCopy, Prefix, Route, RouteTable, Router, RouterPolicy};
use xcast_sec::time::Instant;

use super::draw::Draw;
use super::pcap::Capture;
use super::terms;

pub(crate) const MTU: usize = 1500;
/// The first one that is at R3, on the wire that all there share.
pub(crate) const ON_THE_WIRE: usize = 2;

/// Where a packet goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Router(usize),
    /// By its place in [`terms::NAMES`].
    Host(usize),
}

/// A packet that arrived at a host.
pub(crate) struct Arrival {
    pub(crate) host: usize,
    /// Which of the speaker's words it carries, as the simulation knows.
    pub(crate) word: usize,
    pub(crate) octets: Vec<u8>,
}

struct Crossing {
    arrives: Instant,
    to: Node,
    word: usize,
    octets: Vec<u8>,
}

/// The routers and what is between them.
pub(crate) struct Routers {
    routers: [(Router, RouteTable<Node, 8>); 3],
    crossings: Vec<Crossing>,
    draw: Draw,
    /// Copies that a router could not send, and packets it refused.
    pub(crate) dropped: usize,
}

impl Routers {
    pub(crate) fn new(draw: Draw) -> Self {
        let routers = std::array::from_fn(|at| {
            let mut routes = RouteTable::new();
            for host in 0..terms::NAMES.len() {
                let edge = if host < ON_THE_WIRE { 1 } else { 2 };
                let next_hop = if at == edge { Node::Host(host) } else { Node::Router(if at == 0 { edge } else { 0 }) };
                let route = Route { next_hop, xcast_capable: true, mtu: MTU };
                routes.insert_route(Prefix::host(terms::member(host)), route).expect("there is room for six");
            }
            (Router::new(terms::code_points(), RouterPolicy::default()), routes)
        });
        Self { routers, crossings: Vec::new(), draw, dropped: 0 }
    }

    /// A packet of the speaker's starts on its way.
    pub(crate) fn send(&mut self, now: Instant, word: usize, octets: &[u8], capture: &mut Capture) {
        self.cross(now, Node::Router(0), word, octets.to_vec(), capture);
    }

    fn cross(&mut self, now: Instant, to: Node, word: usize, octets: Vec<u8>, capture: &mut Capture) {
        capture.add(now.as_micros(), &octets);
        let arrives = now.after(Duration::from_millis(5 + self.draw.below(40)));
        self.crossings.push(Crossing { arrives, to, word, octets });
    }

    /// When the next packet arrives somewhere.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.crossings.iter().map(|crossing| crossing.arrives).min()
    }

    /// Forwards what has arrived at routers, and returns what has arrived at a host.
    pub(crate) fn arrival(&mut self, now: Instant, capture: &mut Capture) -> Option<Arrival> {
        while let Some(at) = self.crossings.iter().position(|crossing| crossing.arrives <= now) {
            let Crossing { to, word, octets, .. } = self.crossings.remove(at);
            let router = match to {
                Node::Host(host) => return Some(Arrival { host, word, octets }),
                Node::Router(router) => router,
            };
            let (router, routes) = &mut self.routers[router];
            let mut copies = Vec::new();
            let mut egress = FnEgress(|next_hop: Node, copy: &PacketCopy<'_>| {
                let mut octets = vec![0; copy.len()];
                copy.emit(&mut octets).expect("the buffer has the copy's length");
                copies.push((next_hop, octets));
                Ok::<(), Infallible>(())
            });
            let forwarded = router.forward(now, None, &octets, routes, &mut egress);
            self.dropped += usize::from(forwarded.is_err() || copies.is_empty());
            for (next_hop, copy) in copies {
                self.cross(now, next_hop, word, copy, capture);
            }
        }
        None
    }
}
