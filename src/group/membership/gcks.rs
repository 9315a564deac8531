//! Group controller and key server in one (GCKS; draft §4.1.1, RFC 3740 §2.2).

use core::net::IpAddr;

use rand_core::TryCryptoRng;

use super::association::KeySource;
use super::controller::{Controller, ControllerEvent};
use super::key_server::{KeyServer, KeyServerEvent};
use super::message::{BufferTooSmall, ExpelReason, Message, RejectReason};
use super::policy::admission::{Admission, Silence};
use super::retry::earlier;
use super::{ReceiveError, Transmit};
use crate::time::Instant;

/// What a GCKS tells its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GcksEvent {
    /// About the membership.
    Controller(ControllerEvent),
    /// About keys.
    Keys(KeyServerEvent),
}

/// A controller and a key server that follows it: a single sender that is its own controller, or a central controller that
/// makes the keys of all senders (draft §2.1.1.1, §4.1.1).
///
/// Where each sender is its own key server (draft §4.2.2) there is a [`Controller`] alone, and each sender has a
/// [`Member`](super::Member) and a [`KeyServer`], which it tells the membership that the member learns.
///
/// Both share a group; a change of the membership reaches the keys within the call that brings it. Under [`Silence::Expel`]
/// a member that does not answer the key server, or rejects what it is sent, is expelled.
#[derive(Debug)]
pub struct Gcks<const N: usize, const S: usize> {
    controller: Controller<N>,
    keys: KeyServer<N, S>,
}

impl<const N: usize, const S: usize> Gcks<N, S> {
    /// Puts the two together; `keys` takes over the membership.
    ///
    /// # Errors
    ///
    /// - [`ReceiveError::OtherGroup`]: they are of different groups.
    pub fn new(controller: Controller<N>, keys: KeyServer<N, S>, now: Instant) -> Result<Self, ReceiveError> {
        if controller.config().group != keys.config().group {
            return Err(ReceiveError::OtherGroup);
        }
        let mut new = Self { controller, keys };
        // Saved apart, either may be the older one.
        if new.controller.version() != new.keys.version() {
            new.keys.adopt(now, new.controller.version(), new.controller.members());
        }
        Ok(new)
    }

    /// The controller.
    #[must_use]
    pub const fn controller(&self) -> &Controller<N> {
        &self.controller
    }

    /// The controller, to be saved.
    #[must_use]
    pub const fn controller_mut(&mut self) -> &mut Controller<N> {
        &mut self.controller
    }

    /// The key server.
    #[must_use]
    pub const fn keys(&self) -> &KeyServer<N, S> {
        &self.keys
    }

    /// The key server, to be saved, and told what is used up.
    #[must_use]
    pub const fn keys_mut(&mut self) -> &mut KeyServer<N, S> {
        &mut self.keys
    }

    /// Whether something changed that would be missed after a restart.
    #[must_use]
    pub const fn needs_save(&self) -> bool {
        self.controller.needs_save() || self.keys.needs_save()
    }

    /// Takes what arrived from `from`, which the channel authenticated.
    ///
    /// # Errors
    ///
    /// - As [`Controller::receive`] and [`KeyServer::receive`]. Nothing changed.
    pub fn receive<A: Admission + ?Sized>(
        &mut self,
        now: Instant,
        from: IpAddr,
        octets: &[u8],
        admission: &mut A,
    ) -> Result<(), ReceiveError> {
        let message = Message::parse(octets)?;
        if KeyServer::<N, S>::is_for(&message) {
            self.keys.take(now, from, &message)
        } else {
            let taken = self.controller.take(from, &message, admission);
            self.follow(now);
            taken
        }
    }

    /// Expels a member: see [`Controller::expel`].
    pub fn expel(&mut self, now: Instant, address: IpAddr, reason: ExpelReason) -> bool {
        let expelled = self.controller.expel(address, reason);
        self.follow(now);
        expelled
    }

    /// Writes the next message to be sent: see [`Controller::poll_transmit`] and [`KeyServer::poll_transmit`], of whose two
    /// lengths the larger always suffices.
    ///
    /// # Errors
    ///
    /// - [`BufferTooSmall`]: the message waits.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Result<Option<Transmit>, BufferTooSmall> {
        match self.controller.poll_transmit(now, out)? {
            Some(transmit) => Ok(Some(transmit)),
            None => self.keys.poll_transmit(now, out),
        }
    }

    /// The next thing to know. Under [`Silence::Expel`] this expels whoever the event says does not answer.
    pub fn poll_event(&mut self, now: Instant) -> Option<GcksEvent> {
        if let Some(event) = self.controller.poll_event() {
            return Some(GcksEvent::Controller(event));
        }
        let event = self.keys.poll_event()?;
        let silent = match event {
            KeyServerEvent::Unresponsive(entry) => Some((entry, ExpelReason::Unresponsive)),
            KeyServerEvent::Rejected(_, entry, RejectReason::NotAMember) => {
                // It says itself that it is none.
                self.controller.disown(entry);
                self.follow(now);
                None
            }
            KeyServerEvent::Rejected(_, entry, _) => Some((entry, ExpelReason::Rejected)),
            _ => None,
        };
        if let Some((entry, reason)) = silent
            && self.controller.config().silence == Silence::Expel
            && self.controller.member(entry.address) == Some(entry)
        {
            self.expel(now, entry.address, reason);
        }
        Some(GcksEvent::Keys(event))
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; a moment in the past means now.
    #[must_use]
    pub fn next_timeout(&self, now: Instant) -> Option<Instant> {
        earlier(self.controller.next_timeout(), self.keys.next_timeout(now))
    }

    /// Time has come to `now`: see [`Controller::handle_timeout`] and [`KeyServer::handle_timeout`].
    pub fn handle_timeout<K: KeySource + ?Sized, G: TryCryptoRng + ?Sized>(
        &mut self,
        now: Instant,
        source: &mut K,
        rng: &mut G,
    ) {
        self.controller.handle_timeout(now);
        self.follow(now);
        self.keys.handle_timeout(now, source, rng);
    }

    /// Tells the key server what changed.
    fn follow(&mut self, now: Instant) {
        let (newest, known) = (self.controller.version(), self.keys.version());
        if newest <= known {
            return;
        }
        match self.controller.since(known) {
            Some(changes) => changes.for_each(|(version, change)| self.keys.apply(now, version, change)),
            None => self.keys.adopt(now, newest, self.controller.members()),
        }
    }
}
