//! What a key server does with a message.

use core::net::IpAddr;

use super::{KeyServer, KeyServerEvent};
use crate::group::membership::message::{Acknowledged, Body, Message, RejectReason};
use crate::group::membership::retry::Retry;
use crate::group::membership::{Epoch, Incarnation, ReceiveError};
use crate::time::Instant;

impl<const N: usize, const S: usize> KeyServer<N, S> {
    /// Takes what arrived from `from`, which the channel authenticated.
    ///
    /// # Errors
    ///
    /// - Every [`ReceiveError`] but [`ReceiveError::TooManyMembers`]. Nothing changed; [`ReceiveError::Stale`] is what loss and
    ///   repetition bring with them.
    pub fn receive(&mut self, now: Instant, from: IpAddr, octets: &[u8]) -> Result<(), ReceiveError> {
        let message = Message::parse(octets)?;
        self.take(now, from, &message)
    }

    /// Whether a message is for a key server and not for a controller.
    pub(in crate::group::membership) const fn is_for(message: &Message<'_>) -> bool {
        matches!(
            message.body,
            Body::Reject(_) | Body::Acknowledge(Acknowledged::Push | Acknowledged::Activate | Acknowledged::Delete)
        )
    }

    pub(in crate::group::membership) fn take(
        &mut self,
        now: Instant,
        from: IpAddr,
        message: &Message<'_>,
    ) -> Result<(), ReceiveError> {
        if message.header.group != self.config.group {
            return Err(ReceiveError::OtherGroup);
        }
        let (epoch, stay) = (message.header.epoch, message.header.incarnation);
        match message.body {
            Body::Acknowledge(Acknowledged::Delete) => self.deleted(from, stay),
            Body::Acknowledge(Acknowledged::Push) => self.answered(now, from, stay, epoch, None),
            Body::Acknowledge(Acknowledged::Activate) => self.informed(now, from, stay, epoch),
            Body::Reject(reason) => self.answered(now, from, stay, epoch, Some(reason)),
            _ => Err(ReceiveError::Unexpected),
        }
    }

    fn deleted(&mut self, from: IpAddr, stay: Incarnation) -> Result<(), ReceiveError> {
        let before = self.gone.len();
        // Each is taken out once, and the others put back in the same order.
        for _ in 0..before {
            if let Some(gone) = self.gone.pop_front().filter(|gone| gone.address != from || gone.incarnation != stay) {
                let _ = self.gone.push_back(gone);
            }
        }
        if self.gone.len() < before { Ok(()) } else { Err(ReceiveError::Stale) }
    }

    /// The member's index, if this is its present stay.
    fn present(&self, from: IpAddr, stay: Incarnation) -> Result<usize, ReceiveError> {
        let index = self.index(from).ok_or(ReceiveError::NotAuthorised)?;
        let present = self.members.get(index).and_then(Option::as_ref);
        if present.is_some_and(|member| member.entry.incarnation == stay) {
            Ok(index)
        } else {
            Err(ReceiveError::Stale)
        }
    }

    fn answered(
        &mut self,
        now: Instant,
        from: IpAddr,
        stay: Incarnation,
        epoch: Epoch,
        rejected: Option<RejectReason>,
    ) -> Result<(), ReceiveError> {
        let index = self.present(from, stay)?;
        let entry = self.members.get(index).and_then(Option::as_ref).map(|member| member.entry);
        let edge = self.epochs.find_mut(epoch).ok_or(ReceiveError::Stale)?;
        if !edge.value.given.contains(index) {
            return Err(ReceiveError::NotAuthorised);
        }
        if !edge.value.outstanding().contains(index) {
            return Err(ReceiveError::Stale);
        }
        match rejected {
            None => edge.value.acknowledged.insert(index),
            Some(reason) => {
                edge.value.rejected.insert(index);
                if let Some(entry) = entry {
                    self.events.push(KeyServerEvent::Rejected(epoch, entry, reason));
                }
            }
        }
        self.unsaved = true;
        self.activate_complete(now);
        self.rest(now, index);
        Ok(())
    }

    fn informed(&mut self, now: Instant, from: IpAddr, stay: Incarnation, epoch: Epoch) -> Result<(), ReceiveError> {
        let index = self.present(from, stay)?;
        let edge = self.epochs.find_mut(epoch).ok_or(ReceiveError::Stale)?;
        if !edge.value.acknowledged.contains(index) || edge.value.informed.contains(index) {
            return Err(ReceiveError::Stale);
        }
        edge.value.informed.insert(index);
        self.rest(now, index);
        Ok(())
    }

    /// Sends a member nothing more if there is nothing.
    fn rest(&mut self, now: Instant, index: usize) {
        let owed = self.owed(now, index, Epoch::NONE).is_some();
        if let Some(member) = self.members.get_mut(index).and_then(Option::as_mut)
            && !owed
        {
            member.retry = Retry::Idle;
        }
    }
}
