//! Routers, hosts, links, and the shortest paths between them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xcast_sec::wire::Family;

use crate::random::Random;

/// A router or a host: routers come first.
pub(crate) type NodeId = usize;

/// Which of several equally short ways is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ties {
    /// There are none: the way there is the way back, and the way to a node is part of every way that leads over it.
    None,
    /// Any, another one for every destination: the way there need not be the way back.
    PerDestination,
}

pub(crate) struct Topology {
    routers: usize,
    /// The router of each host.
    attached: Vec<NodeId>,
    /// Cost of the links of each router to others.
    links: Vec<BTreeMap<NodeId, u64>>,
    ties: Ties,
    /// By destination and router: cost of the way.
    distance: Vec<Vec<u64>>,
    nodes: HashMap<IpAddr, NodeId>,
    addresses: [Vec<IpAddr>; 2],
}

impl Topology {
    /// A tree with some links besides, and `hosts` hosts at random routers. Every node is reachable. Routers hang on one of
    /// the `reach` before them: the fewer, the deeper the tree.
    pub(crate) fn random(random: &mut Random, routers: usize, hosts: usize, ties: Ties, reach: usize) -> Self {
        let mut pairs = Vec::new();
        for router in 1..routers {
            pairs.push((router, router - 1 - random.below(router.min(reach))));
        }
        for _ in 0..random.below(routers) {
            pairs.push((random.below(routers), random.below(routers)));
        }
        let attached = (0..hosts).map(|_| random.below(routers)).collect();
        let mut cost = || {
            let steps = random.between(1, 3) as u64;
            match ties {
                Ties::None => steps << 32 | random.number() >> 32,
                Ties::PerDestination => 1,
            }
        };
        let links: Vec<_> = pairs.into_iter().map(|(a, b)| (a, b, cost())).collect();
        Self::new(routers, attached, &links, ties)
    }

    pub(crate) fn new(routers: usize, attached: Vec<NodeId>, pairs: &[(NodeId, NodeId, u64)], ties: Ties) -> Self {
        let mut links = vec![BTreeMap::new(); routers];
        for &(a, b, cost) in pairs {
            if a != b && !links[a].contains_key(&b) {
                links[a].insert(b, cost);
                links[b].insert(a, cost);
            }
        }
        let distance = (0..routers).map(|to| distances(&links, to)).collect();
        let mut topology =
            Self { routers, attached, links, ties, distance, nodes: HashMap::new(), addresses: Default::default() };
        for (place, family) in [Family::V4, Family::V6].into_iter().enumerate() {
            let mut on_subnet = vec![0_u8; routers];
            for node in 0..topology.len() {
                let router = topology.router_of(node);
                on_subnet[router] += 1;
                let address = subnet_address(family, router, on_subnet[router]);
                topology.addresses[place].push(address);
                topology.nodes.insert(address, node);
            }
        }
        topology
    }

    pub(crate) fn len(&self) -> usize {
        self.routers + self.attached.len()
    }

    pub(crate) fn routers(&self) -> std::ops::Range<NodeId> {
        0..self.routers
    }

    pub(crate) fn hosts(&self) -> std::ops::Range<NodeId> {
        self.routers..self.len()
    }

    pub(crate) fn is_host(&self, node: NodeId) -> bool {
        node >= self.routers
    }

    /// A router itself, or the one that a host is attached to.
    pub(crate) fn router_of(&self, node: NodeId) -> NodeId {
        if self.is_host(node) { self.attached[node - self.routers] } else { node }
    }

    pub(crate) fn degree(&self, router: NodeId) -> usize {
        self.links[router].len()
    }

    /// Links between routers, in both directions.
    pub(crate) fn links(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        self.links.iter().enumerate().flat_map(|(from, links)| links.keys().map(move |&to| (from, to)))
    }

    pub(crate) fn address(&self, family: Family, node: NodeId) -> IpAddr {
        self.addresses[usize::from(family == Family::V6)][node]
    }

    pub(crate) fn node(&self, address: IpAddr) -> Option<NodeId> {
        self.nodes.get(&address).copied()
    }

    pub(crate) fn distance(&self, from: NodeId, to: NodeId) -> u64 {
        self.distance[self.router_of(to)][self.router_of(from)]
    }

    /// The neighbour on the way; `None` on arrival.
    pub(crate) fn next_hop(&self, from: NodeId, to: NodeId) -> Option<NodeId> {
        let goal = self.router_of(to);
        if from == to {
            None
        } else if from == goal {
            Some(to)
        } else if self.is_host(from) {
            Some(self.router_of(from))
        } else {
            let distance = &self.distance[goal];
            let shortest: Vec<_> =
                self.links[from].iter().filter(|(next, cost)| distance[**next] + **cost == distance[from]).collect();
            let choice = match self.ties {
                Ties::None => 0,
                Ties::PerDestination => from.wrapping_mul(31).wrapping_add(goal.wrapping_mul(17)) % shortest.len(),
            };
            Some(*shortest[choice].0)
        }
    }

    /// All nodes from `from` to `to`, both included.
    pub(crate) fn path(&self, from: NodeId, to: NodeId) -> Vec<NodeId> {
        let mut path = vec![from];
        while let Some(next) = self.next_hop(path[path.len() - 1], to) {
            path.push(next);
        }
        path
    }
}

/// Dijkstra's algorithm.
fn distances(links: &[BTreeMap<NodeId, u64>], to: NodeId) -> Vec<u64> {
    let mut distance = vec![u64::MAX; links.len()];
    let mut queue = BinaryHeap::from([Reverse((0, to))]);
    while let Some(Reverse((so_far, node))) = queue.pop() {
        if so_far >= distance[node] {
            continue;
        }
        distance[node] = so_far;
        queue.extend(links[node].iter().map(|(&next, cost)| Reverse((so_far + cost, next))));
    }
    distance
}

/// An address on the subnet of a router; 0 is the subnet itself.
pub(crate) fn subnet_address(family: Family, router: usize, number: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 1, u8::try_from(router).unwrap(), number).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 1, u16::try_from(router).unwrap(), 0, 0, 0, number.into()).into(),
    }
}
