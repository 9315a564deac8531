//! What came in, and what was taken off it.

use crate::ipsec::association::config::{Mode, SecurityProtocol};
use crate::ipsec::packet::open::Opened;
use crate::ipsec::policy::{ModeKind, PolicyId, Required};

/// What was taken off a packet, outermost first: nothing, AH, ESP, or AH and then ESP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    pub(super) outer: Option<Opened>,
    inner: Option<Opened>,
}

impl Layers {
    /// What was taken off.
    pub fn iter(&self) -> impl Iterator<Item = &Opened> {
        self.outer.iter().chain(&self.inner)
    }

    /// The policy that they are all of; `None` if nothing was taken off.
    #[must_use]
    pub fn policy(&self) -> Option<PolicyId> {
        self.protection().map(|(policy, _)| policy)
    }

    /// Whether another one may follow: ESP behind transport-mode AH.
    pub(super) fn may_go_on(&self) -> bool {
        match self.outer {
            None => true,
            Some(outer) => {
                self.inner.is_none() && outer.sa.protocol == SecurityProtocol::Ah && outer.mode == Mode::Transport
            }
        }
    }

    pub(super) fn push(&mut self, opened: Opened) {
        let place = if self.outer.is_none() { &mut self.outer } else { &mut self.inner };
        *place = Some(opened);
    }

    /// Which protection they are, and of which policy all of them are.
    pub(super) fn protection(&self) -> Option<(PolicyId, Required)> {
        let outer = self.outer?;
        let mode = |opened: &Opened| match opened.mode {
            Mode::Transport => ModeKind::Transport,
            Mode::Tunnel(_) => ModeKind::Tunnel,
        };
        let required = match (outer.sa.protocol, &self.inner) {
            (SecurityProtocol::Esp, None) => Required::Esp(mode(&outer)),
            (SecurityProtocol::Ah, None) => Required::Ah(mode(&outer)),
            (SecurityProtocol::Ah, Some(inner)) if inner.sa.protocol == SecurityProtocol::Esp => {
                Required::AhAroundEsp { esp: mode(inner) }
            }
            _ => return None,
        };
        let policy = outer.policy?;
        self.iter().all(|layer| layer.policy == Some(policy)).then_some((policy, required))
    }
}

/// A packet that came in and passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 4301 §5.2 has no other end of a packet that passes")]
pub enum Received {
    /// It came in the clear, and may.
    Bypassed,
    /// It was opened, and had the protection that policy asks for.
    Protected(Layers),
    /// A dummy packet (RFC 4303 §2.6): it was authentic, and there is nothing to deliver.
    Dummy(Layers),
}
