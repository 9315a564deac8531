//! What the protection that policy asks for will cost, before a list of members is split.

use super::Limits;
use crate::crypto::CryptoProvider;
use crate::ipsec::{
    Action, Mode, ModeKind, Outbound, OutboundKey, OutboundSa, OutboundSad, PolicyId, Required, SecurityProtocol,
    Selectors,
};
use crate::time::Instant;
use crate::wire::Family;

/// What the packets of a session must leave room for: see [`Sender::plan`](super::Sender::plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    limits: Limits,
    headroom: usize,
}

impl Plan {
    pub(super) const fn in_the_clear(limits: Limits) -> Self {
        Self { limits, headroom: 0 }
    }

    /// What the list of members is to be split by.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Octets that protection inserts in each packet.
    #[must_use]
    pub const fn headroom(&self) -> usize {
        self.headroom
    }
}

/// Room for packets with these `selectors`: for the associations which [`Outbound::process`] will choose for them. Where it
/// will choose none, and refuse the packets, they need none.
pub(super) fn plan<P, S, Q, A>(
    outbound: &mut Outbound<S, Q, A>,
    selectors: &Selectors,
    action: Option<Action>,
    limits: Limits,
    now: Instant,
) -> Plan
where
    P: CryptoProvider,
    S: OutboundSad<P>,
{
    let mut plan = Plan::in_the_clear(limits);
    let Some(Action::Protect { policy, required }) = action else { return plan };
    let inner = Family::of(&selectors.source);
    match required {
        Required::Ah(mode) => {
            let key = key(policy, SecurityProtocol::Ah, mode, selectors);
            if let Some(sa) = outbound.sad.select(&key) {
                plan.add(sa, inner, now);
            }
        }
        Required::Esp(mode) => {
            let key = key(policy, SecurityProtocol::Esp, mode, selectors);
            if let Some(sa) = outbound.sad.select(&key) {
                plan.add(sa, inner, now);
            }
        }
        Required::AhAroundEsp { esp } => {
            let esp = key(policy, SecurityProtocol::Esp, esp, selectors);
            let Some(sa) = outbound.sad.select(&esp) else { return plan };
            let mut ah = OutboundKey { protocol: SecurityProtocol::Ah, mode: ModeKind::Transport, ..esp };
            // AH goes around the packet that ESP makes, between its ends.
            if let Mode::Tunnel(outer) = sa.sa().mode() {
                ah.source = outer.source.around(esp.source);
                ah.destination = outer.destination.around(esp.destination);
            }
            if let Some(sa) = outbound.sad.select(&ah) {
                plan.add(sa, Family::of(&ah.source), now);
            }
            if let Some(sa) = outbound.sad.select(&esp) {
                plan.add(sa, inner, now);
            }
        }
    }
    plan
}

fn key(policy: PolicyId, protocol: SecurityProtocol, mode: ModeKind, selectors: &Selectors) -> OutboundKey {
    let Selectors { source, destination, .. } = *selectors;
    OutboundKey { policy, protocol, mode, source, destination, packet: *selectors }
}

impl Plan {
    /// Adds the next association, from the outermost inwards.
    fn add<P: CryptoProvider>(&mut self, sa: &OutboundSa<P>, family: Family, now: Instant) {
        if let Some(mtu) = sa.path_mtu().get(now) {
            self.limits = self.limits.within(mtu);
        }
        self.limits = self.limits.protected_by(sa.sa(), family);
        self.headroom = self.headroom.saturating_add(sa.sa().headroom(family));
    }
}
