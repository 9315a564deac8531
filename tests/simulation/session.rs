//! What sender and members of a group agreed on, and how a member opens what it got.

use std::collections::HashMap;

use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
use xcast_sec::ipsec::{
    Action, AnySender, Directionality, FixedSad, FixedSpd, Inbound, InboundError, ModeKind, NoAudit, OpenError,
    PacketBuf, PolicyEntry, PolicyId, Protection as Algorithms, Received, ReplayError, Required, RoutingCoverage, Sa,
    SaConfig, SelectorSet, SenderWindows, Spi, Usage,
};
use xcast_sec::time::Instant;
use xcast_sec::wire::CodePoints;

use crate::group::{Group, Protection};
use crate::topology::NodeId;

const INTEGRITY: IntegrityAlgorithm = IntegrityAlgorithm::HmacSha2_256_128;
const POLICY: PolicyId = PolicyId::new(1);
/// More than a run sends: nothing is too old because it was overtaken.
const WINDOW: u32 = 64;

/// Everything is protected by `protection`, or nothing is.
pub(crate) fn policy(protection: Protection) -> FixedSpd<1> {
    let protect = |required| Action::Protect { policy: POLICY, required };
    let action = match protection {
        Protection::None => Action::Bypass,
        Protection::Ah(_) => protect(Required::Ah(ModeKind::Transport)),
        Protection::Esp => protect(Required::Esp(ModeKind::Transport)),
        Protection::AhEsp(_) => protect(Required::AhAroundEsp { esp: ModeKind::Transport }),
    };
    let mut policy = FixedSpd::new();
    policy
        .push(PolicyEntry { directionality: Directionality::Symmetric, selectors: SelectorSet::ANY, action })
        .unwrap();
    policy
}

/// One for each layer.
pub(crate) fn associations(group: &Group) -> Vec<Sa<RustCrypto>> {
    let ah = |coverage| Algorithms::Ah { integrity: INTEGRITY, key: &[0xa1; 32], coverage, pad_to_8: false };
    let esp = Algorithms::Esp {
        cipher: CipherAlgorithm::AesCbc,
        cipher_key: &[0xcb; 16],
        integrity: Some((INTEGRITY, &[0xe5; 32])),
    };
    let has_esp = matches!(group.style.protection, Protection::Esp | Protection::AhEsp(_));
    let ah = group.style.protection.coverage().map(|coverage| (0x0a00_0001, ah(coverage_of(group, coverage))));
    let layers = ah.into_iter().chain(has_esp.then_some((0x0e00_0001, esp)));
    layers
        .map(|(spi, protection)| {
            let config = SaConfig::new(Spi::new(spi).unwrap(), protection);
            let config =
                SaConfig { source: Some(group.source), destination: Some(group.to), policy: Some(POLICY), ..config };
            Sa::new(&config, &mut RustCrypto).unwrap()
        })
        .collect()
}

/// IPv4 has no Routing header to differ in.
fn coverage_of(group: &Group, coverage: RoutingCoverage) -> RoutingCoverage {
    if group.source.is_ipv4() { RoutingCoverage::Covered } else { coverage }
}

type Receiver = Inbound<FixedSad<RustCrypto, 2>, SenderWindows<2, 1>, FixedSpd<1>, AnySender, NoAudit>;

/// The receiving ends of a group.
pub(crate) struct Receivers(HashMap<NodeId, Receiver>);

/// What a member made of a protected packet.
#[derive(Debug, PartialEq)]
pub(crate) enum Opened {
    /// All of the packet that is left, from its IP header on.
    Authentic(Vec<u8>),
    /// It had it before.
    Replayed,
}

impl Receivers {
    pub(crate) fn new(group: &Group) -> Self {
        let mut receivers = HashMap::new();
        for node in group.members.iter().filter_map(|member| member.node) {
            let mut sad = FixedSad::new();
            for sa in associations(group) {
                sad.insert(sa, Usage::new(Instant::START)).unwrap();
            }
            let windows = SenderWindows::new(WINDOW).unwrap();
            receivers.insert(node, Inbound::new(sad, windows, policy(group.style.protection), AnySender, NoAudit));
        }
        Self(receivers)
    }

    /// Opens an Xcast packet that arrived at `node`, which is a member; anything but success and replay is a panic.
    pub(crate) fn open(&mut self, node: NodeId, packet: &[u8]) -> Opened {
        let mut storage = packet.to_vec();
        let len = storage.len();
        let mut buffer = PacketBuf::new(&mut storage, 0..len).unwrap();
        let code_points = CodePoints::rfc4727_experiment();
        let receiver = self.0.get_mut(&node).expect("a member");
        match receiver.process(&mut RustCrypto, Some(&code_points), Instant::START, &mut buffer) {
            Ok(Received::Protected(_)) => Opened::Authentic(buffer.as_octets().to_vec()),
            Err(InboundError::Open(OpenError::Replay(ReplayError::Replayed))) => Opened::Replayed,
            other => panic!("member {node}: {other:?}"),
        }
    }
}
