//! A key server that survives restarts.

use core::time::Duration;

use super::epoch::{KeyEpoch, KeyMember, Set};
use super::{KeyServer, KeyServerConfig, start};
use crate::crypto::CryptoProvider;
use crate::group::membership::message::Change;
use crate::group::membership::octets::{Reader, Writer};
use crate::group::membership::policy::rekey::OnChange;
use crate::group::membership::retry::Retry;
use crate::group::membership::rollover::Edge;
use crate::group::membership::saved::{Kind, SaveError, Saved, SavedError, take_association, take_epoch, take_member};
use crate::group::membership::{Boot, Epoch, MAX_MEMBERS, Version};
use crate::time::Instant;

const fn how_code(how: OnChange) -> u8 {
    match how {
        OnChange::Keep => 0,
        OnChange::Rollover => 1,
        OnChange::Cut => 2,
    }
}

const fn how_from(code: u8) -> Option<OnChange> {
    match code {
        0 => Some(OnChange::Keep),
        1 => Some(OnChange::Rollover),
        2 => Some(OnChange::Cut),
        _ => None,
    }
}

pub(in crate::group::membership) fn put_left(writer: &mut Writer<'_>, end: Instant, now: Instant) {
    writer.u64(u64::try_from(end.since(now).as_micros()).unwrap_or(u64::MAX));
}

pub(in crate::group::membership) fn take_left(reader: &mut Reader<'_>, now: Instant) -> Option<Instant> {
    reader.u64().map(|micros| now.after(Duration::from_micros(micros)))
}

impl<const N: usize, const S: usize> KeyServer<N, S> {
    /// Writes members and epochs, keys included, at the start of `out`;
    /// [`SAVED_OVERHEAD`](crate::group::membership::SAVED_OVERHEAD) octets, 13, 30 for each member, and for each of
    /// [`MAX_EPOCHS`](crate::group::membership::MAX_EPOCHS) epochs 92 and `S` always suffice.
    ///
    /// # Errors
    ///
    /// - Every [`SaveError`]. It then still [needs to be saved](Self::needs_save).
    pub fn save<P: CryptoProvider>(
        &mut self,
        now: Instant,
        saved: Saved<'_, P>,
        out: &mut [u8],
    ) -> Result<usize, SaveError> {
        let len = saved.write(Kind::KeyServer, self.config.group, &self.numbers, out, |writer| {
            writer.u64(self.version.value());
            writer.u16(self.next_sender);
            writer.u8(how_code(self.wanted));
            // At most 127.
            writer.u8(u8::try_from(self.members().count()).unwrap_or(u8::MAX));
            for (index, member) in self.members.iter().enumerate() {
                if let Some(member) = member {
                    writer.u8(u8::try_from(index).unwrap_or(u8::MAX));
                    writer.u16(member.sender.unwrap_or(0));
                    Change::joined(member.entry).emit(writer);
                }
            }
            // At most 4.
            writer.u8(u8::try_from(self.epochs.iter().count()).unwrap_or(u8::MAX));
            for edge in self.epochs.iter() {
                put_edge(writer, edge, now);
            }
        })?;
        self.unsaved = false;
        Ok(len)
    }

    /// A key server as it was saved, at `now` by a clock that may have restarted.
    ///
    /// It sends on under the epoch it sent under, with sequence numbers after those [reserved](Self::record_reserved). If
    /// another one was about to be activated, it sends nothing before that is, as nobody knows how long the host was down, and
    /// how long others took the old one. Every member is taken to hold what it was to get.
    ///
    /// # Errors
    ///
    /// - Every [`SavedError`].
    pub fn restore<P: CryptoProvider>(
        config: KeyServerConfig,
        boot: Boot,
        seed: u64,
        now: Instant,
        saved: Saved<'_, P>,
        octets: &[u8],
    ) -> Result<Self, SavedError> {
        let mut state = saved.read(Kind::KeyServer, config.group, boot, octets)?;
        let mut server = Self::new(config, boot, seed);
        server.read_members(&mut state)?;
        let epochs = state.u8().ok_or(SavedError::Content)?;
        for _ in 0..epochs {
            let edge = take_edge(&mut state, now)?;
            let in_order = server.epochs.newest().is_none_or(|newest| newest.epoch < edge.epoch);
            if !in_order || server.epochs.is_full() || !server.numbers.is_past(edge.epoch.value()) {
                return Err(SavedError::Content);
            }
            server.epochs.insert(edge);
        }
        // What was about to be activated may have been, elsewhere.
        if let Some(newest) = server.epochs.newest().map(|edge| edge.epoch)
            && let Some(newest) = server.epochs.find_mut(newest)
            && newest.activate_at > now
        {
            newest.cut = true;
        }
        if state.rest().is_empty() { Ok(server) } else { Err(SavedError::Content) }
    }

    fn read_members(&mut self, state: &mut Reader<'_>) -> Result<(), SavedError> {
        self.version = Version::new(state.u64().ok_or(SavedError::Content)?);
        self.next_sender = state.u16().ok_or(SavedError::Content)?;
        self.wanted = state.u8().and_then(how_from).ok_or(SavedError::Content)?;
        let count = state.u8().ok_or(SavedError::Content)?;
        for _ in 0..count {
            let index = usize::from(state.u8().ok_or(SavedError::Content)?);
            let sender = Some(state.u16().ok_or(SavedError::Content)?).filter(|number| *number > 0);
            let entry = take_member(state)?;
            if self.index(entry.address).is_some() || sender.is_some_and(|number| !self.was_given_out(number)) {
                return Err(SavedError::Content);
            }
            let slot = self.members.get_mut(index).filter(|_| index < MAX_MEMBERS).ok_or(SavedError::NoRoom)?;
            if slot.is_some() {
                return Err(SavedError::Content);
            }
            let mut member = KeyMember { entry, sender, retry: Retry::Idle, cursor: Epoch::NONE };
            start(&mut member);
            *slot = Some(member);
        }
        Ok(())
    }
}

impl<const N: usize, const S: usize> KeyServer<N, S> {
    /// Whether a sender's number was given out, and is nobody's so far.
    fn was_given_out(&self, number: u16) -> bool {
        number < self.next_sender && self.members.iter().flatten().all(|member| member.sender != Some(number))
    }
}

fn put_edge<const S: usize>(writer: &mut Writer<'_>, edge: &Edge<KeyEpoch<S>>, now: Instant) {
    let value = &edge.value;
    writer.u64(edge.epoch.value());
    put_left(writer, edge.activate_at, now);
    put_left(writer, edge.ends_older_at, now);
    writer.u64(u64::try_from(value.age(now).as_micros()).unwrap_or(u64::MAX));
    writer.flag(edge.cut);
    writer.flag(value.announced);
    writer.u128(value.recipients.0);
    writer.u128(value.acknowledged.0);
    writer.u128(value.rejected.0);
    writer.u64(value.reserved);
    let association = value.association.as_octets();
    // At most 65519.
    writer.u16(u16::try_from(association.len()).unwrap_or(u16::MAX));
    writer.put(association);
}

fn take_edge<const S: usize>(state: &mut Reader<'_>, now: Instant) -> Result<Edge<KeyEpoch<S>>, SavedError> {
    let content = SavedError::Content;
    let epoch = take_epoch(state)?;
    let activate_at = take_left(state, now).ok_or(content)?;
    let ends_older_at = take_left(state, now).ok_or(content)?;
    let age = Duration::from_micros(state.u64().ok_or(content)?);
    let cut = state.flag().ok_or(content)?;
    let announced = state.flag().ok_or(content)?;
    let mut set = || state.u128().map(Set).ok_or(content);
    let (recipients, acknowledged, rejected) = (set()?, set()?, set()?);
    let reserved = state.u64().ok_or(content)?;
    let association = take_association(state)?;
    let fresh = KeyEpoch::new(association, now, recipients);
    let value = KeyEpoch { age, fresh: false, given: recipients, acknowledged, rejected, announced, reserved, ..fresh };
    Ok(Edge { epoch, activate_at, ends_older_at, cut, value })
}
