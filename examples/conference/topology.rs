//! Who is connected to whom, and the way from everywhere to every member.

use std::collections::VecDeque;

/// A node of the network, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(usize);

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A, B, C, D …: sends or receives, and does not forward.
    Host,
    Router,
}

/// The graphs to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// RFC 5058 Figure 1. Members beyond the third join B, C and D at R4, R8 and R9, in turn.
    Figure1,
    /// One router, to which everybody is connected.
    Star,
    /// A line of routers with a member at each.
    Chain,
    /// A binary tree of routers with a member at each leaf.
    Tree,
}

impl Shape {
    pub(crate) const ALL: [Self; 4] = [Self::Figure1, Self::Star, Self::Chain, Self::Tree];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Figure1 => "figure1",
            Self::Star => "star",
            Self::Chain => "chain",
            Self::Tree => "tree",
        }
    }
}

struct Node {
    name: String,
    role: Role,
    neighbours: Vec<NodeId>,
}

/// A graph with the sender A, routers and members, and its shortest paths.
pub(crate) struct Topology {
    nodes: Vec<Node>,
    sender: NodeId,
    members: Vec<NodeId>,
    /// Per member, the neighbour that each node sends to in order to reach it.
    next_hops: Vec<Vec<Option<NodeId>>>,
}

impl Topology {
    /// A graph of this shape with `members` members, of which there is at least one.
    pub(crate) fn new(shape: Shape, members: usize) -> Self {
        let mut topology = Self { nodes: Vec::new(), sender: NodeId(0), members: Vec::new(), next_hops: Vec::new() };
        topology.add("A".into(), Role::Host);
        match shape {
            Shape::Figure1 => topology.lay_out_figure1(members),
            Shape::Star => topology.lay_out_star(members),
            Shape::Chain => topology.lay_out_chain(members),
            Shape::Tree => topology.lay_out_tree(members),
        }
        topology.next_hops = topology.members.iter().map(|&member| topology.next_hops_to(member)).collect();
        topology
    }

    /// ```text
    ///                            R4 ---- B
    ///                           /
    /// A ---- R1 ---- R2 ---- R3                      R8 ---- C
    ///                           \                    /
    ///                            R5 ---- R6 ---- R7
    ///                                                \
    ///                                                R9 ---- D
    /// ```
    fn lay_out_figure1(&mut self, members: usize) {
        let [r1, r2, r3, r4, r5, r6, r7, r8, r9] = std::array::from_fn(|_| self.add_router());
        for (one, other) in [(r1, r2), (r2, r3), (r3, r4), (r3, r5), (r5, r6), (r6, r7), (r7, r8), (r7, r9)] {
            self.connect(one, other);
        }
        self.connect(self.sender, r1);
        for edge in [r4, r8, r9].into_iter().cycle().take(members) {
            self.add_member_at(edge);
        }
    }

    fn lay_out_star(&mut self, members: usize) {
        let hub = self.add_router();
        self.connect(self.sender, hub);
        for _ in 0..members {
            self.add_member_at(hub);
        }
    }

    fn lay_out_chain(&mut self, members: usize) {
        let mut last = self.sender;
        for _ in 0..members {
            let router = self.add_router();
            self.connect(last, router);
            self.add_member_at(router);
            last = router;
        }
    }

    fn lay_out_tree(&mut self, members: usize) {
        let root = self.add_router();
        self.connect(self.sender, root);
        let mut leaves = VecDeque::from([root]);
        // Growing the oldest leaf first keeps the tree balanced. Each step turns one leaf into two.
        while leaves.len() < members
            && let Some(parent) = leaves.pop_front()
        {
            for _ in 0..2 {
                let child = self.add_router();
                self.connect(parent, child);
                leaves.push_back(child);
            }
        }
        for leaf in leaves {
            self.add_member_at(leaf);
        }
    }

    fn add(&mut self, name: String, role: Role) -> NodeId {
        self.nodes.push(Node { name, role, neighbours: Vec::new() });
        NodeId(self.nodes.len() - 1)
    }

    fn add_router(&mut self) -> NodeId {
        let number = 1 + self.routers().count();
        self.add(format!("R{number}"), Role::Router)
    }

    fn add_member_at(&mut self, router: NodeId) {
        let index = self.members.len();
        let member = self.add(member_name(index), Role::Host);
        self.members.push(member);
        self.connect(router, member);
    }

    fn connect(&mut self, one: NodeId, other: NodeId) {
        self.nodes[one.0].neighbours.push(other);
        self.nodes[other.0].neighbours.push(one);
    }

    /// Breadth first, from the member outwards: the node from which another one is first reached is that one's next hop
    /// on the shortest path back. Hosts do not forward.
    fn next_hops_to(&self, member: NodeId) -> Vec<Option<NodeId>> {
        let mut next_hops = vec![None; self.nodes.len()];
        let mut reached = VecDeque::from([member]);
        while let Some(at) = reached.pop_front() {
            if at != member && self.role(at) != Role::Router {
                continue;
            }
            for &neighbour in &self.nodes[at.0].neighbours {
                if neighbour != member && next_hops[neighbour.0].is_none() {
                    next_hops[neighbour.0] = Some(at);
                    reached.push_back(neighbour);
                }
            }
        }
        next_hops
    }

    pub(crate) fn sender(&self) -> NodeId {
        self.sender
    }

    /// The router that A hands its packets to.
    pub(crate) fn first_router(&self) -> NodeId {
        self.nodes[self.sender.0].neighbours[0]
    }

    pub(crate) fn members(&self) -> &[NodeId] {
        &self.members
    }

    pub(crate) fn routers(&self) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.nodes.len()).map(NodeId).filter(|&node| self.role(node) == Role::Router)
    }

    fn role(&self, node: NodeId) -> Role {
        self.nodes[node.0].role
    }

    pub(crate) fn name(&self, node: NodeId) -> &str {
        &self.nodes[node.0].name
    }

    /// Where `at` sends what is for the member; `None` at the member itself.
    pub(crate) fn next_hop(&self, at: NodeId, member: usize) -> Option<NodeId> {
        self.next_hops[member][at.0]
    }

    /// How many links lie between A and a member.
    pub(crate) fn links_to(&self, member: usize) -> usize {
        std::iter::successors(self.next_hop(self.sender, member), |&at| self.next_hop(at, member)).count()
    }
}

/// B, C, D … Z, then M26, M27 …
fn member_name(index: usize) -> String {
    match (b'B'..=b'Z').nth(index) {
        Some(letter) => char::from(letter).into(),
        None => format!("M{}", index + 1),
    }
}
