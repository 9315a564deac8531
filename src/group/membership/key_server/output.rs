//! What a key server sends.

use core::time::Duration;

use super::{KeyEpoch, KeyServer};
use crate::group::membership::message::{Body, BufferTooSmall, Header, Message, Push};
use crate::group::membership::policy::rekey::KeyUse;
use crate::group::membership::retry::Retry;
use crate::group::membership::rollover::Edge;
use crate::group::membership::{Epoch, Incarnation, Transmit};
use crate::time::Instant;

/// What a member is to be sent.
pub(super) enum Owed<'e, const S: usize> {
    Push(&'e Edge<KeyEpoch<S>>),
    Activate(Epoch),
}

/// Whole milliseconds, rounded up, until `end`.
fn millis_until(end: Instant, now: Instant) -> u32 {
    let left = end.since(now);
    let rounded = left.saturating_add(Duration::from_micros(999));
    u32::try_from(rounded.as_millis()).unwrap_or(u32::MAX)
}

impl<const N: usize, const S: usize> KeyServer<N, S> {
    /// Writes the next message to be sent at the start of `out`; [`PUSH_OVERHEAD`](crate::group::membership::PUSH_OVERHEAD) and
    /// `S` octets always suffice. `None` if there is none.
    ///
    /// # Errors
    ///
    /// - [`BufferTooSmall`]: the message waits.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Result<Option<Transmit>, BufferTooSmall> {
        let policy = self.config.retry;
        if let Some(at) = self.gone.iter().position(|gone| gone.retry.is_due())
            && let Some(&gone) = self.gone.iter().nth(at)
        {
            let header = self.header(Epoch::ALL, gone.incarnation);
            let len = Message { header, body: Body::Delete }.emit(out)?;
            if let Some(gone) = self.gone.iter_mut().nth(at) {
                gone.retry.sent(now, &policy, &mut self.jitter);
            }
            return Ok(Some(Transmit { to: gone.address, len }));
        }
        for index in 0..N {
            if let Some(transmit) = self.transmit_to(now, index, out)? {
                return Ok(Some(transmit));
            }
        }
        Ok(None)
    }

    const fn header(&self, epoch: Epoch, incarnation: Incarnation) -> Header {
        Header { group: self.config.group, version: self.version, epoch, incarnation }
    }

    /// The first thing that a member is to be sent, of epochs after `cursor`.
    pub(super) fn owed(&self, now: Instant, index: usize, cursor: Epoch) -> Option<Owed<'_, S>> {
        let sending = self.epochs.sending(now);
        // What is not sent under any more is not handed out any more.
        let since = sending.map_or(Epoch::NONE, |edge| edge.epoch);
        let push = self
            .epochs
            .iter()
            .filter(|edge| edge.epoch > cursor && edge.epoch >= since)
            .find(|edge| edge.value.outstanding().contains(index));
        if let Some(edge) = push {
            return Some(Owed::Push(edge));
        }
        let edge = sending.filter(|_| self.config.key_use == KeyUse::Shared && cursor < Epoch::ALL)?;
        let sends = self.members.get(index)?.as_ref()?.sender.is_some();
        let told = !edge.value.acknowledged.contains(index) || edge.value.informed.contains(index);
        (sends && !told).then_some(Owed::Activate(edge.epoch))
    }

    fn transmit_to(&mut self, now: Instant, index: usize, out: &mut [u8]) -> Result<Option<Transmit>, BufferTooSmall> {
        let Some(member) = self.members.get(index).and_then(Option::as_ref).filter(|member| member.retry.is_due())
        else {
            return Ok(None);
        };
        let (entry, sender) = (member.entry, member.sender);
        let sent = match self.owed(now, index, member.cursor) {
            Some(Owed::Push(edge)) => {
                let activate_in = millis_until(edge.activate_at, now);
                let push = Push {
                    activate_in,
                    deactivate_in: millis_until(edge.ends_older_at, now).max(activate_in),
                    cut: edge.cut,
                    sender,
                    association: edge.value.association.as_octets(),
                };
                let header = self.header(edge.epoch, entry.incarnation);
                Some((edge.epoch, edge.epoch, Message { header, body: Body::Push(push) }.emit(out)?))
            }
            Some(Owed::Activate(epoch)) => {
                let header = self.header(epoch, entry.incarnation);
                Some((epoch, Epoch::ALL, Message { header, body: Body::Activate }.emit(out)?))
            }
            None => None,
        };
        let policy = self.config.retry;
        let more = sent.is_some_and(|(_, cursor, _)| self.owed(now, index, cursor).is_some());
        let owed = sent.is_some() || self.owed(now, index, Epoch::NONE).is_some();
        let Some(member) = self.members.get_mut(index).and_then(Option::as_mut) else { return Ok(None) };
        if let Some((_, cursor, _)) = sent {
            member.cursor = cursor;
        }
        if !more {
            member.cursor = Epoch::NONE;
            member.retry.sent(now, &policy, &mut self.jitter);
            if !owed {
                member.retry = Retry::Idle;
            }
        }
        let Some((epoch, cursor, len)) = sent else { return Ok(None) };
        if cursor == epoch
            && let Some(edge) = self.epochs.find_mut(epoch)
        {
            edge.value.given.insert(index);
        }
        Ok(Some(Transmit { to: entry.address, len }))
    }
}
