//! The key servers that a member listens to, and their epochs.

use core::net::IpAddr;
use core::time::Duration;

use super::{Member, MemberError, MemberEvent, Reply, SendingEpoch};
use crate::group::membership::association::{KeySink, Octets, Offer};
use crate::group::membership::message::{Acknowledged, Push, RejectReason};
use crate::group::membership::rollover::{Edge, Rollover};
use crate::group::membership::{Epoch, Incarnation, ReceiveError};
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Server<const S: usize> {
    pub(super) address: IpAddr,
    pub(super) epochs: Rollover<Held<S>>,
}

#[derive(Debug)]
pub(super) struct Held<const S: usize> {
    pub(super) association: Octets<S>,
    pub(super) sender: Option<u16>,
    /// The last sequence number that the host reserved.
    pub(super) reserved: u64,
}

impl<const N: usize, const K: usize, const S: usize> Member<N, K, S> {
    /// Listens to a key server: the controller, or a sender that makes its own keys. Nobody else's associations are taken.
    ///
    /// # Errors
    ///
    /// - [`MemberError::TooManyServers`].
    pub fn allow_server(&mut self, address: IpAddr) -> Result<(), MemberError> {
        if self.server(address).is_none() {
            let server = Server { address, epochs: Rollover::new() };
            let free = self.servers.iter_mut().find(|slot| slot.is_none()).ok_or(MemberError::TooManyServers)?;
            *free = Some(server);
            self.unsaved = true;
        }
        Ok(())
    }

    /// Listens to a key server no more, and drops its keys. Returns whether it did.
    pub fn disallow_server<I: KeySink + ?Sized>(&mut self, address: IpAddr, sink: &mut I) -> bool {
        if self.server(address).is_none() {
            return false;
        }
        self.delete(address, Epoch::ALL, sink);
        for slot in &mut self.servers {
            if slot.as_ref().is_some_and(|server| server.address == address) {
                *slot = None;
            }
        }
        self.unsaved = true;
        true
    }

    /// The epoch of a key server to send under at `now`, if this member may.
    #[must_use]
    pub fn sending(&self, server: IpAddr, now: Instant) -> Option<SendingEpoch> {
        let edge = self.server(server)?.epochs.sending(now)?;
        Some(SendingEpoch { epoch: edge.epoch, sender: edge.value.sender? })
    }

    /// The epochs of all key servers that packets are taken under at `now`.
    pub fn receiving(&self, now: Instant) -> impl Iterator<Item = (IpAddr, Epoch)> + '_ {
        self.servers.iter().flatten().flat_map(move |server| {
            let epochs = server.epochs.iter().map(|edge| edge.epoch);
            epochs.filter(move |epoch| !server.epochs.is_over(*epoch, now)).map(|epoch| (server.address, epoch))
        })
    }

    /// An association it holds, as it was handed to [`KeySink::install`]; after a restart the host installs it anew.
    #[must_use]
    pub fn offer(&self, server: IpAddr, epoch: Epoch) -> Option<Offer<'_>> {
        let held = &self.server(server)?.epochs.find(epoch)?.value;
        Some(Offer { server, epoch, sender: held.sender, association: held.association.as_octets() })
    }

    /// The last sequence number that was recorded as reserved under an epoch; `None` if it is not held.
    #[must_use]
    pub fn reserved(&self, server: IpAddr, epoch: Epoch) -> Option<u64> {
        Some(self.server(server)?.epochs.find(epoch)?.value.reserved)
    }

    /// Records up to which sequence number the host reserved under an epoch, to be [saved](Self::save) before the
    /// [`Reservation`](crate::ipsec::Reservation) is committed. Returns whether the epoch is there; numbers never go back.
    pub fn record_reserved(&mut self, server: IpAddr, epoch: Epoch, up_to: u64) -> bool {
        let Some(edge) = self.server_mut(server).and_then(|server| server.epochs.find_mut(epoch)) else { return false };
        edge.value.reserved = edge.value.reserved.max(up_to);
        self.unsaved = true;
        true
    }

    pub(super) fn server(&self, address: IpAddr) -> Option<&Server<S>> {
        self.servers.iter().flatten().find(|server| server.address == address)
    }

    pub(super) fn server_mut(&mut self, address: IpAddr) -> Option<&mut Server<S>> {
        self.servers.iter_mut().flatten().find(|server| server.address == address)
    }

    /// Takes a push that is for this stay.
    pub(super) fn push<I: KeySink + ?Sized>(
        &mut self,
        now: Instant,
        from: IpAddr,
        epoch: Epoch,
        stay: Incarnation,
        push: &Push<'_>,
        sink: &mut I,
    ) -> Result<(), ReceiveError> {
        let after = |millis: u32| now.after(Duration::from_millis(u64::from(millis)));
        let (activate_at, ends_older_at) = (after(push.activate_in), after(push.deactivate_in));
        let Some(server) = self.server_mut(from) else { return Err(ReceiveError::NotAuthorised) };
        let reply = if let Some(edge) = server.epochs.find_mut(epoch) {
            // Sent again, with what is left of the times: the copy that travelled fastest tells best.
            edge.activate_at = edge.activate_at.min(activate_at);
            edge.ends_older_at = edge.ends_older_at.min(ends_older_at);
            edge.cut |= push.cut;
            Reply::Acknowledge(Acknowledged::Push)
        } else if server.epochs.is_over(epoch, now) || Self::too_old(&server.epochs, epoch) {
            // Of no use any more, and not missed.
            Reply::Acknowledge(Acknowledged::Push)
        } else {
            self.install(from, Edge { epoch, activate_at, ends_older_at, cut: push.cut, value: () }, push, sink)
        };
        if matches!(reply, Reply::Acknowledge(_)) {
            self.unsaved = true;
        }
        self.answer(from, epoch, stay, reply);
        Ok(())
    }

    /// Whether there is room for newer ones alone.
    fn too_old(epochs: &Rollover<Held<S>>, epoch: Epoch) -> bool {
        epochs.is_full() && epochs.iter().all(|edge| edge.epoch > epoch)
    }

    fn install<I: KeySink + ?Sized>(&mut self, from: IpAddr, edge: Edge<()>, push: &Push<'_>, sink: &mut I) -> Reply {
        let Edge { epoch, activate_at, ends_older_at, cut, value: () } = edge;
        let offer = Offer { server: from, epoch, sender: push.sender, association: push.association };
        let held = Octets::new(push.association).ok_or(RejectReason::NoRoom);
        match held.and_then(|association| sink.install(offer).map(|()| association)) {
            Ok(association) => {
                let value = Held { association, sender: push.sender, reserved: 0 };
                let edge = Edge { epoch, activate_at, ends_older_at, cut, value };
                // The key server has ended the oldest if it has made so many newer ones.
                let oldest = self.server_mut(from).and_then(|server| server.epochs.insert(edge));
                self.events.push(MemberEvent::Installed(from, epoch));
                if let Some(oldest) = oldest {
                    self.removed(from, oldest, sink);
                }
                Reply::Acknowledge(Acknowledged::Push)
            }
            Err(reason) => {
                self.events.push(MemberEvent::Rejected(from, epoch, reason));
                Reply::Reject(reason)
            }
        }
    }

    /// All have an epoch: it may be sent under.
    pub(super) fn activate(
        &mut self,
        now: Instant,
        from: IpAddr,
        epoch: Epoch,
        stay: Incarnation,
    ) -> Result<(), ReceiveError> {
        let server = self.server_mut(from).ok_or(ReceiveError::NotAuthorised)?;
        let edge = server.epochs.find_mut(epoch).ok_or(ReceiveError::Stale)?;
        edge.activate_at = edge.activate_at.min(now);
        self.unsaved = true;
        self.answer(from, epoch, stay, Reply::Acknowledge(Acknowledged::Activate));
        Ok(())
    }

    /// Deletes an epoch and all older ones of a key server.
    pub(super) fn delete<I: KeySink + ?Sized>(&mut self, from: IpAddr, up_to: Epoch, sink: &mut I) {
        while let Some(epoch) = self.server_mut(from).and_then(|server| server.epochs.take(|_, epoch| epoch <= up_to)) {
            self.removed(from, epoch, sink);
        }
    }

    pub(super) fn end_epochs<I: KeySink + ?Sized>(&mut self, now: Instant, sink: &mut I) {
        let ended = |server: &mut Server<S>| server.epochs.take_ended(now).map(|epoch| (server.address, epoch));
        while let Some((server, epoch)) = self.servers.iter_mut().flatten().find_map(ended) {
            self.removed(server, epoch, sink);
        }
    }

    pub(super) fn drop_epochs<I: KeySink + ?Sized>(&mut self, sink: &mut I) {
        let any = |server: &mut Server<S>| server.epochs.take(|_, _| true).map(|epoch| (server.address, epoch));
        while let Some((server, epoch)) = self.servers.iter_mut().flatten().find_map(any) {
            self.removed(server, epoch, sink);
        }
    }

    fn removed<I: KeySink + ?Sized>(&mut self, server: IpAddr, epoch: Epoch, sink: &mut I) {
        sink.remove(server, epoch);
        self.events.push(MemberEvent::Removed(server, epoch));
        self.unsaved = true;
    }
}
