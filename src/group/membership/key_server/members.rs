//! How a key server learns who is to have its keys.

use core::net::IpAddr;

use super::{Gone, KeyServer, KeyServerEvent, TooManyMembers, start};
use crate::group::membership::key_server::epoch::KeyMember;
use crate::group::membership::message::{Change, ChangeKind, Entry};
use crate::group::membership::policy::rekey::{KeyUse, OnChange};
use crate::group::membership::retry::Retry;
use crate::group::membership::{Epoch, MAX_MEMBERS, Version};
use crate::time::Instant;

impl<const N: usize, const S: usize> KeyServer<N, S> {
    /// Takes the membership `version`; older ones than the present are ignored. Who is missing counts as expelled, as the list
    /// does not say why; who stands there with another incarnation or other roles has gone and come back.
    ///
    /// # Errors
    ///
    /// - [`TooManyMembers`]: there are more than `N` or [`MAX_MEMBERS`]. Nothing changed.
    pub fn set_members(
        &mut self,
        now: Instant,
        version: Version,
        entries: impl Iterator<Item = Entry> + Clone,
    ) -> Result<(), TooManyMembers> {
        if entries.clone().count() > N.min(MAX_MEMBERS) {
            return Err(TooManyMembers);
        }
        if version > self.version {
            self.adopt(now, version, entries);
        }
        Ok(())
    }

    /// Takes the membership, whatever version is known. Those there is no room for get no keys.
    pub(in crate::group::membership) fn adopt(
        &mut self,
        now: Instant,
        version: Version,
        entries: impl Iterator<Item = Entry> + Clone,
    ) {
        for index in 0..N {
            let own = self.members.get(index).and_then(Option::as_ref).map(|member| member.entry);
            let stays = |own: Entry| entries.clone().any(|entry| entry == own);
            if own.is_some_and(|own| !stays(own)) {
                self.remove(now, index, ChangeKind::Expelled);
            }
        }
        for entry in entries {
            if self.index(entry.address).is_none() {
                self.add(now, entry);
            }
        }
        self.version = version;
        self.unsaved = true;
    }

    /// Takes the change that led to `version`.
    pub(in crate::group::membership) fn apply(&mut self, now: Instant, version: Version, change: Change) {
        let index = self.index(change.entry.address);
        match (change.kind, index) {
            (ChangeKind::Joined, None) => self.add(now, change.entry),
            (ChangeKind::Joined, Some(index)) => {
                self.remove(now, index, ChangeKind::Left);
                self.add(now, change.entry);
            }
            (kind, Some(index)) => self.remove(now, index, kind),
            (_, None) => {}
        }
        self.version = version;
        self.unsaved = true;
    }

    /// The members that the keys are for, in no particular order.
    pub fn members(&self) -> impl Iterator<Item = Entry> + Clone + '_ {
        self.members.iter().flatten().map(|member| member.entry)
    }

    /// Sends a member anew what it has not acknowledged, after it was given up, or after it rejected it. Returns whether it is
    /// one.
    pub fn retry(&mut self, address: IpAddr) -> bool {
        let Some(index) = self.index(address) else { return false };
        self.epochs.iter_mut().for_each(|edge| edge.value.rejected.remove(index));
        self.members.get_mut(index).and_then(Option::as_mut).map(start).is_some()
    }

    pub(super) fn index(&self, address: IpAddr) -> Option<usize> {
        self.members.iter().position(|member| member.as_ref().is_some_and(|member| member.entry.address == address))
    }

    /// Whether a member has, or may have, what is or will be sent under.
    fn holds_keys(&self, now: Instant, index: usize) -> bool {
        let since = self.epochs.sending(now).map_or(Epoch::NONE, |edge| edge.epoch);
        self.epochs.iter().any(|edge| edge.epoch >= since && edge.value.given.contains(index))
    }

    fn remove(&mut self, now: Instant, index: usize, kind: ChangeKind) {
        let rekey = self.config.rekey;
        let how = if kind == ChangeKind::Left { rekey.on_leave } else { rekey.on_expel };
        if self.holds_keys(now, index) {
            self.want(how);
        }
        let mut had_any = false;
        for edge in self.epochs.iter_mut() {
            had_any |= edge.value.given.contains(index);
            edge.value.forget(index);
        }
        let Some(member) = self.members.get_mut(index).and_then(Option::take) else { return };
        if had_any {
            if self.gone.is_full() {
                self.gone.pop_front();
            }
            let Entry { address, incarnation, .. } = member.entry;
            // There is room.
            let _ = self.gone.push_back(Gone { address, incarnation, retry: Retry::START });
        }
        self.activate_complete(now);
    }

    fn add(&mut self, now: Instant, entry: Entry) {
        let Some(index) = self.members.iter().take(MAX_MEMBERS).position(Option::is_none) else { return };
        let sender =
            if self.config.key_use == KeyUse::Shared && entry.roles.sender { self.number(entry) } else { None };
        if let Some(slot) = self.members.get_mut(index) {
            *slot = Some(KeyMember { entry, sender, retry: Retry::START, cursor: Epoch::NONE });
        }
        let sending = self.epochs.sending(now).map(|edge| edge.epoch);
        let rollover = self.config.rekey.on_join > OnChange::Keep;
        // The newest that nothing was sent under gives nothing of the past away.
        let unused = self.epochs.newest().filter(|edge| edge.value.fresh && edge.activate_at > now);
        let first = if rollover { unused.map(|edge| edge.epoch) } else { sending.or(unused.map(|edge| edge.epoch)) };
        match first {
            Some(first) => {
                for edge in self.epochs.iter_mut().filter(|edge| edge.epoch >= first) {
                    edge.value.recipients.insert(index);
                }
            }
            None => self.want(self.config.rekey.on_join.max(OnChange::Rollover)),
        }
    }

    /// Another sender's number. None is given out twice, so that no two senders ever make one nonce under one key.
    fn number(&mut self, entry: Entry) -> Option<u16> {
        let number = self.next_sender;
        match number.checked_add(1) {
            Some(next) => {
                self.next_sender = next;
                Some(number)
            }
            None => {
                self.events.push(KeyServerEvent::NoSenderNumber(entry));
                None
            }
        }
    }

    /// Activates the epochs that nobody has to answer for any more.
    pub(super) fn activate_complete(&mut self, now: Instant) {
        for edge in self.epochs.iter_mut().filter(|edge| edge.activate_at > now) {
            if edge.value.outstanding().is_empty() {
                edge.activate_at = now;
                self.unsaved = true;
            }
        }
    }
}
