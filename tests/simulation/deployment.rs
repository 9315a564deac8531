//! How a network is set up: policies, and how the sender begins.

use std::net::IpAddr;

use xcast_sec::forward::v2::{RouterPolicyV2, RouterV2};
use xcast_sec::forward::{HostTunnel, OwnAddress, ReversePath, Router, RouterPolicy, SemiPermeable, TunnelUse};
use xcast_sec::wire::CodePoints;
use xcast_sec::wire::xcast6_v2::CodePointsV2;

use crate::group::Group;
use crate::node::Engine;
use crate::routes::Plan;
use crate::topology::{NodeId, Topology};

/// What a sender does with the packet that it built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Sends it to its router as it is.
    ToRouter,
    /// Branches it itself.
    Originate,
    /// Puts it into an outer header.
    Through(HostTunnel),
}

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) plan: Plan,
    pub(crate) start: Start,
    pub(crate) tunnel_use: TunnelUse,
    pub(crate) semi_permeable: Initiative,
    pub(crate) initiated_hop_limit: u8,
    pub(crate) reverse_path: ReversePath,
    pub(crate) own_address: OwnAddress,
}

/// [`SemiPermeable`] without what differs from router to router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Initiative {
    Ignore,
    PassOn,
    Initiate,
}

impl Deployment {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            plan,
            start: Start::ToRouter,
            tunnel_use: TunnelUse::LastResort,
            semi_permeable: Initiative::PassOn,
            initiated_hop_limit: 200,
            reverse_path: ReversePath::Unchecked,
            own_address: OwnAddress::AsGroup,
        }
    }

    /// What runs in a node: Xcast in every host, and in those routers that know it.
    pub(crate) fn engine(&self, topology: &Topology, group: &Group, node: NodeId) -> Engine {
        let address = topology.address(group.style.family, node);
        let runs = topology.is_host(node) || self.plan.capable[node] || self.plan.special.contains(&node);
        match runs {
            false => Engine::None,
            true if group.style.v2 => {
                let mut policy = RouterPolicyV2::default();
                policy.reverse_path = self.reverse_path;
                Engine::V2(RouterV2::new(CodePointsV2::xcast_jp_deployment(), policy))
            }
            true => Engine::Xcast(Router::new(CodePoints::rfc4727_experiment(), self.policy(address))),
        }
    }

    fn policy(&self, address: IpAddr) -> RouterPolicy {
        let mut policy = RouterPolicy::default();
        policy.tunnels = self.tunnel_use;
        policy.reverse_path = self.reverse_path;
        policy.own_address = self.own_address;
        policy.semi_permeable = match (self.semi_permeable, address) {
            (Initiative::Ignore, _) => SemiPermeable::Ignore,
            (Initiative::Initiate, IpAddr::V6(source)) => {
                SemiPermeable::Initiate { source, hop_limit: self.initiated_hop_limit }
            }
            _ => SemiPermeable::PassOn,
        };
        policy
    }
}
