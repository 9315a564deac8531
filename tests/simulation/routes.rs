//! Which routers know Xcast, and what each node knows about the ways to the others.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use xcast_sec::forward::{Prefix, Route, RouteLookup, RouteTable, Tunnel};
use xcast_sec::wire::Family;

use crate::group::Group;
use crate::random::Random;
use crate::topology::{NodeId, Topology, subnet_address};

/// What a link carries, unless a run makes it narrower: enough for the longest list in a tunnel.
pub(crate) const MTU: usize = 9000;

/// What is deployed where.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// By node: who understands Xcast.
    pub(crate) capable: Vec<bool>,
    /// Whether routers know subnets, by the library's table, or hosts.
    pub(crate) prefixes: bool,
    pub(crate) mtus: HashMap<(NodeId, NodeId), usize>,
    /// Whether tunnels are configured, from each node with Xcast to the next one on the way.
    pub(crate) tunnels: bool,
    /// Routers that have a special address besides (RFC 5058 §11.5).
    pub(crate) special: Vec<NodeId>,
}

impl Plan {
    /// Everybody knows Xcast.
    pub(crate) fn everywhere(topology: &Topology) -> Self {
        Self {
            capable: vec![true; topology.len()],
            prefixes: false,
            mtus: HashMap::new(),
            tunnels: false,
            special: Vec::new(),
        }
    }

    /// Makes so many links between routers in a thousand narrow, with MTUs up to 100 octets from `least` on.
    pub(crate) fn narrow(&mut self, random: &mut Random, topology: &Topology, permille: usize, least: usize) {
        for (from, to) in topology.links() {
            if random.chance(permille) {
                self.mtus.insert((from, to), least + random.below(100));
            }
        }
    }

    pub(crate) fn mtu(&self, from: NodeId, to: NodeId) -> usize {
        self.mtus.get(&(from, to)).copied().unwrap_or(MTU)
    }

    fn route(&self, at: NodeId, next_hop: NodeId) -> Route<NodeId> {
        Route { next_hop, xcast_capable: self.capable[next_hop], mtu: self.mtu(at, next_hop) }
    }

    /// Where the tunnel to `to` ends: at the next node with Xcast that is not a neighbour. A neighbour needs none.
    fn tunnel_end(&self, topology: &Topology, at: NodeId, to: NodeId) -> Option<NodeId> {
        let path = topology.path(at, to);
        let (place, end) = path.iter().enumerate().skip(1).find(|(_, node)| self.capable[**node])?;
        (place > 1).then_some(*end)
    }
}

/// The special address of RFC 5058 §11.5.
pub(crate) fn special_address(family: Family) -> IpAddr {
    subnet_address(family, 255, 1)
}

enum Table {
    Hosts(HashMap<IpAddr, Route<NodeId>>),
    Prefixes(Box<RouteTable<NodeId, 512>>),
}

/// The routes of one node.
pub(crate) struct Routes {
    own: Vec<IpAddr>,
    table: Table,
    tunnels: HashMap<IpAddr, Tunnel>,
    /// Own end and far end of the tunnels that lead here.
    incoming: HashSet<(IpAddr, IpAddr)>,
}

impl Routes {
    pub(crate) fn own(&self) -> &[IpAddr] {
        &self.own
    }

    /// The far ends of the tunnels that lead here.
    pub(crate) fn peers(&self) -> Vec<IpAddr> {
        let mut peers: Vec<_> = self.incoming.iter().map(|(_, remote)| *remote).collect();
        peers.sort();
        peers
    }

    /// The far end of the tunnel that leads there.
    pub(crate) fn tunnel_to(&self, destination: IpAddr) -> Option<IpAddr> {
        self.tunnel(destination).map(|tunnel| tunnel.remote())
    }
}

impl RouteLookup for Routes {
    type NextHop = NodeId;

    fn is_local(&self, address: IpAddr) -> bool {
        self.own.contains(&address)
    }

    fn route(&self, destination: IpAddr) -> Option<Route<NodeId>> {
        match &self.table {
            Table::Hosts(hosts) => hosts.get(&destination).copied(),
            Table::Prefixes(table) => table.route(destination),
        }
    }

    fn tunnel(&self, destination: IpAddr) -> Option<Tunnel> {
        self.tunnels.get(&destination).copied()
    }

    fn is_tunnel(&self, local: IpAddr, remote: IpAddr) -> bool {
        self.incoming.contains(&(local, remote))
    }
}

/// The routes of all nodes.
pub(crate) fn all_routes(topology: &Topology, plan: &Plan, group: &Group) -> Vec<Routes> {
    let family = group.style.family;
    let mut routes: Vec<Routes> = (0..topology.len())
        .map(|at| Routes {
            own: vec![topology.address(family, at)],
            table: table(topology, plan, family, at),
            tunnels: HashMap::new(),
            incoming: HashSet::new(),
        })
        .collect();
    if !plan.special.is_empty() {
        add_special(topology, plan, family, &mut routes);
    }
    if plan.tunnels {
        let ends: Vec<NodeId> = group.members.iter().filter_map(|member| member.node).chain([group.sender]).collect();
        // Hosts outside of the group are nobody's peers.
        let peers = topology.routers().chain(ends.iter().copied());
        for at in peers.filter(|&at| plan.capable[at]) {
            for &to in ends.iter().filter(|&&to| to != at) {
                let Some(end) = plan.tunnel_end(topology, at, to) else { continue };
                let (local, remote) = (topology.address(family, at), topology.address(family, end));
                routes[at].tunnels.insert(topology.address(family, to), Tunnel::new(local, remote).unwrap());
                routes[end].incoming.insert((remote, local));
            }
        }
    }
    routes
}

fn table(topology: &Topology, plan: &Plan, family: Family, at: NodeId) -> Table {
    if plan.prefixes {
        return Table::Prefixes(Box::new(subnets(topology, plan, family, at)));
    }
    let others = (0..topology.len()).filter_map(|to| {
        let next_hop = topology.next_hop(at, to)?;
        Some((topology.address(family, to), plan.route(at, next_hop)))
    });
    Table::Hosts(others.collect())
}

/// A default route where there is but one way, else one for each other subnet; and one for each host next to it.
fn subnets(topology: &Topology, plan: &Plan, family: Family, at: NodeId) -> RouteTable<NodeId, 512> {
    let mut table = RouteTable::new();
    let subnet_len = if family == Family::V4 { 24 } else { 64 };
    let mut add = |prefix: Prefix, next_hop| table.insert_route(prefix, plan.route(at, next_hop)).unwrap();
    let all = Prefix::new(if family == Family::V4 { [0; 4].into() } else { [0; 16].into() }, 0).unwrap();
    if topology.is_host(at) {
        add(all, topology.router_of(at));
        return table;
    }
    for to in topology.routers().filter(|&to| to != at) {
        let next_hop = topology.next_hop(at, to).unwrap();
        let subnet = Prefix::new(subnet_address(family, to, 0), subnet_len).unwrap();
        add(if topology.degree(at) == 1 { all } else { subnet }, next_hop);
    }
    for host in topology.hosts().filter(|&host| topology.router_of(host) == at) {
        add(Prefix::host(topology.address(family, host)), host);
    }
    table
}

/// Every node has a way to the nearest of them.
fn add_special(topology: &Topology, plan: &Plan, family: Family, routes: &mut [Routes]) {
    let address = special_address(family);
    for (at, routes) in routes.iter_mut().enumerate() {
        if plan.special.contains(&at) {
            routes.own.push(address);
            continue;
        }
        let nearest = plan.special.iter().min_by_key(|router| topology.distance(at, **router)).unwrap();
        let route = plan.route(at, topology.next_hop(at, *nearest).unwrap());
        match &mut routes.table {
            Table::Hosts(hosts) => drop(hosts.insert(address, route)),
            Table::Prefixes(table) => table.insert_route(Prefix::host(address), route).unwrap(),
        }
    }
}
