//! The network: carries packets over links, from node to node.

use std::collections::{HashMap, VecDeque};
use std::error::Error;

use xcast_sec::wire::CodePoints;

use super::router::Router;
use super::run::Run;
use super::topology::{NodeId, Topology};

/// Microseconds between one packet on a link and the next.
const CROSSING_TIME: u64 = 100;

/// A packet on a link.
#[derive(Clone, Debug)]
pub(crate) struct Crossing {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    /// Microseconds since the conference began.
    pub(crate) micros: u64,
    pub(crate) packet: Vec<u8>,
}

/// What became of one packet of A's.
#[derive(Default)]
pub(crate) struct Passage {
    /// Every packet on every link, in the order of time.
    pub(crate) crossings: Vec<Crossing>,
    /// Routers that did not pass a packet on, and why.
    pub(crate) dropped: Vec<(NodeId, String)>,
}

impl Passage {
    /// Octets on all links.
    pub(crate) fn octets(&self) -> usize {
        self.crossings.iter().map(|crossing| crossing.packet.len()).sum()
    }

    /// What a host got from its router.
    pub(crate) fn arrivals(&self, host: NodeId) -> impl Iterator<Item = &[u8]> + '_ {
        self.crossings.iter().filter(move |crossing| crossing.to == host).map(|crossing| &crossing.packet[..])
    }
}

/// A topology in which every router forwards.
pub(crate) struct Network<'t> {
    topology: &'t Topology,
    routers: HashMap<NodeId, Router>,
    clock: u64,
}

impl<'t> Network<'t> {
    /// A network whose first packet crosses its first link at `clock` microseconds.
    pub(crate) fn new(
        topology: &'t Topology,
        run: Run,
        code_points: CodePoints,
        clock: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let mut routers = HashMap::new();
        for at in topology.routers() {
            routers.insert(at, Router::new(topology, at, run.family, code_points)?);
        }
        Ok(Self { topology, routers, clock })
    }

    /// Carries a packet from A as far as it goes.
    pub(crate) fn carry(&mut self, packet: Vec<u8>) -> Passage {
        let mut passage = Passage::default();
        let mut on_the_way = VecDeque::from([(self.topology.sender(), self.topology.first_router(), packet)]);
        while let Some((from, to, packet)) = on_the_way.pop_front() {
            if let Some(router) = self.routers.get_mut(&to) {
                match router.forward(&packet) {
                    Ok(copies) => on_the_way.extend(copies.into_iter().map(|(next, copy)| (to, next, copy))),
                    Err(reason) => passage.dropped.push((to, reason.to_string())),
                }
            }
            passage.crossings.push(Crossing { from, to, micros: self.clock, packet });
            self.clock += CROSSING_TIME;
        }
        passage
    }
}
