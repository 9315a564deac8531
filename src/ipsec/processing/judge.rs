//! What a host's databases have to say while a packet is opened.

use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::SaId;
use crate::ipsec::association::sa::Sa;
use crate::ipsec::association::sad::InboundSad;
use crate::ipsec::packet::arrived::Arrived;
use crate::ipsec::packet::error::OpenError;
use crate::ipsec::packet::open::{Gate, Moves};
use crate::ipsec::policy::{PolicyId, SelectorSet, SenderFilter};
use crate::time::Instant;

/// An association, and the packet it was found for.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) arrived: Arrived,
    pub(super) sa: SaId,
    pub(super) policy: Option<PolicyId>,
    pub(super) esn: bool,
    pub(super) octets: u64,
    pub(super) selectors: SelectorSet,
}

/// Looks at lifetimes before a packet is opened, and at its sender before it is accepted.
pub(super) struct Judge<'a, S, F> {
    pub(super) sad: &'a S,
    pub(super) senders: &'a F,
    pub(super) now: Instant,
    pub(super) found: Option<Found>,
}

impl<P: CryptoProvider, S: InboundSad<P>, F: SenderFilter> Gate<P> for Judge<'_, S, F> {
    fn admit(&mut self, arrived: &Arrived, sa: &Sa<P>, octets: u64) -> Result<(), OpenError> {
        self.found = Some(Found {
            arrived: *arrived,
            sa: sa.id(),
            policy: sa.policy(),
            esn: sa.esn(),
            octets,
            selectors: *sa.selectors(),
        });
        match self.sad.state(&sa.id()) {
            Some(state) => state.usage().check(&sa.lifetimes().hard, self.now, octets).map_err(OpenError::Expired),
            None => Ok(()),
        }
    }

    fn accept(&mut self, arrived: &Arrived, sa: &Sa<P>) -> Result<Moves, OpenError> {
        if self.senders.is_authorised(sa.policy(), &arrived.sender(sa)) {
            // Not before policy found the packet protected as it asks.
            Ok(Moves::Later)
        } else {
            Err(OpenError::SenderNotAuthorised)
        }
    }
}
