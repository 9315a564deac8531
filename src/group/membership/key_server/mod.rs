//! The key server: makes the group's associations and hands them out (draft §4.1.1, §4.2.2).

mod config;
mod epoch;
mod members;
mod output;
mod receive;
mod saved;
pub(super) use self::saved::{put_left, take_left};

use core::net::IpAddr;

pub use self::config::{KeyServerConfig, KeyServerEvent, TooManyMembers};
pub use self::epoch::EpochStatus;
use self::epoch::{KeyEpoch, KeyMember, Set};
use super::association::{KeySource, KeySourceError, Octets};
use super::event::Events;
use super::message::Entry;
use super::numbers::Numbers;
use super::policy::rekey::{KeyUse, OnChange};
use super::retry::{Jitter, Retry, earlier};
use super::rollover::{Edge, Rollover};
use super::{Boot, Epoch, Incarnation, MAX_MEMBERS, Version};
use crate::time::Instant;
use rand_core::TryCryptoRng;

/// How many of those that went are still to be told to delete what they have; the oldest is forgotten first (project-defined).
const GONE: usize = 8;
/// The longest association whose push is a message: its length has 16 bits.
const MAX_ASSOCIATION_LEN: usize = 0xffff - 16;

/// Something that went, and what it is to delete.
#[derive(Clone, Copy, Debug)]
struct Gone {
    address: IpAddr,
    incarnation: Incarnation,
    retry: Retry,
}

/// Makes the associations of up to `N` members, each of up to `S` octets, and sees to it that all have them before they are
/// used: push, acknowledge, reject, delete.
///
/// # When a member does not acknowledge
///
/// An epoch is activated as soon as all members acknowledged or rejected it, and in any case when the ATD is over: a member
/// alone cannot hold up the group (project-defined; RFC 5374 §4.2.1 knows the ATD only). Each member that did not acknowledge
/// by then is [reported](KeyServerEvent::Unacknowledged), and sent the epoch on, until the tries are used up and it is
/// [reported](KeyServerEvent::Unresponsive) again. Whether it is then expelled is the group controller's
/// [policy](super::Silence). One that never answers makes each rollover last as long as the ATD, until then.
///
/// # How many rollovers overlap
///
/// At most [`MAX_EPOCHS`](super::MAX_EPOCHS) epochs live at one time. What would need another waits until the oldest has ended;
/// under [`OnChange::Cut`] nothing is sent meanwhile. Members that come and go at will therefore cost no more than that many
/// epochs in one DTD.
///
/// # Use
///
/// Tell it the members with [`set_members`](Self::set_members), or use it in a [`Gcks`](super::Gcks), which does.
/// [`handle_timeout`](Self::handle_timeout) alone makes keys: call it whenever [`next_timeout`](Self::next_timeout) is not
/// later than now. Before each packet, send under [`sending`](Self::sending) or not at all.
#[derive(Debug)]
pub struct KeyServer<const N: usize, const S: usize> {
    config: KeyServerConfig,
    numbers: Numbers,
    version: Version,
    members: [Option<KeyMember>; N],
    epochs: Rollover<KeyEpoch<S>>,
    /// What another epoch is wanted for.
    wanted: OnChange,
    /// No other attempt at one before then.
    generate_at: Instant,
    failures: Retry,
    next_sender: u16,
    gone: heapless::Deque<Gone, GONE>,
    events: Events<KeyServerEvent>,
    jitter: Jitter,
    unsaved: bool,
}

impl<const N: usize, const S: usize> KeyServer<N, S> {
    /// A key server without members and keys. `seed` spreads retransmissions; it should differ from host to host.
    #[must_use]
    pub fn new(config: KeyServerConfig, boot: Boot, seed: u64) -> Self {
        Self {
            config,
            numbers: Numbers::new(boot),
            version: Version::NONE,
            members: [const { None }; N],
            epochs: Rollover::new(),
            wanted: OnChange::Keep,
            generate_at: Instant::START,
            failures: Retry::Idle,
            next_sender: 1,
            gone: heapless::Deque::new(),
            events: Events::new(),
            jitter: Jitter::new(seed),
            unsaved: false,
        }
    }

    /// What the group's owner decided.
    #[must_use]
    pub const fn config(&self) -> &KeyServerConfig {
        &self.config
    }

    /// The membership that the keys are for.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The epoch to send under at `now`; `None` if nothing may be sent.
    #[must_use]
    pub fn sending(&self, now: Instant) -> Option<Epoch> {
        // What made another epoch necessary may forbid this one.
        let allowed = self.wanted < OnChange::Cut;
        self.epochs.sending(now).filter(|_| allowed).map(|edge| edge.epoch)
    }

    /// The epochs that packets are taken under at `now`, oldest first.
    pub fn receiving(&self, now: Instant) -> impl Iterator<Item = Epoch> + '_ {
        self.epochs.iter().map(|edge| edge.epoch).filter(move |epoch| !self.epochs.is_over(*epoch, now))
    }

    /// An epoch's association, as [`KeySource`] made it. It holds keys.
    #[must_use]
    pub fn association(&self, epoch: Epoch) -> Option<&[u8]> {
        self.epochs.find(epoch).map(|edge| edge.value.association.as_octets())
    }

    /// How the handing out of an epoch stands.
    #[must_use]
    pub fn status(&self, epoch: Epoch) -> Option<EpochStatus> {
        let count = |set: Set| set.0.count_ones() as usize;
        self.epochs.find(epoch).map(|edge| EpochStatus {
            epoch,
            recipients: count(edge.value.recipients),
            outstanding: count(edge.value.outstanding()),
            rejected: count(edge.value.rejected),
            reserved: edge.value.reserved,
        })
    }

    /// The members that an epoch was sent to, as far as they still are members.
    pub fn holders(&self, epoch: Epoch) -> impl Iterator<Item = Entry> + '_ {
        let given = self.epochs.find(epoch).map_or(Set::EMPTY, |edge| edge.value.given);
        self.members
            .iter()
            .enumerate()
            .filter(move |(index, _)| given.contains(*index))
            .filter_map(|(_, member)| member.as_ref().map(|member| member.entry))
    }

    /// Records up to which sequence number the host's sender reserved under an epoch, to be [saved](Self::save) before the
    /// [`Reservation`](crate::ipsec::Reservation) is committed. Returns whether the epoch is there; numbers never go back.
    pub fn record_reserved(&mut self, epoch: Epoch, up_to: u64) -> bool {
        let Some(edge) = self.epochs.find_mut(epoch) else { return false };
        edge.value.reserved = edge.value.reserved.max(up_to);
        self.unsaved = true;
        true
    }

    /// Whether something changed that would be missed after a restart.
    #[must_use]
    pub const fn needs_save(&self) -> bool {
        self.unsaved
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<KeyServerEvent> {
        self.events.poll()
    }

    /// How many events were lost because too many waited.
    #[must_use]
    pub const fn events_lost(&self) -> u64 {
        self.events.lost()
    }

    /// Asks for new keys: [`OnChange::Cut`] if the present ones must not be used any more.
    pub fn rekey(&mut self, how: OnChange) {
        self.want(how);
    }

    /// Tells what was sent under an epoch so far, in octets and packets, as [`Usage`](crate::ipsec::Usage) counts them. Beyond
    /// the policy's limits there will be another epoch. Where [`OutboundSa`](crate::ipsec::OutboundSa) tells that a soft limit is
    /// passed, its sequence numbers among them, [`rekey`](Self::rekey) asks for one.
    pub fn used(&mut self, epoch: Epoch, octets: u64, packets: u64) {
        let limits = self.config.rekey.lifetime;
        let beyond =
            limits.octets.is_some_and(|limit| octets > limit) || limits.packets.is_some_and(|limit| packets > limit);
        if beyond && self.epochs.newest().is_some_and(|newest| newest.epoch == epoch) {
            self.want(OnChange::Rollover);
        }
    }

    fn want(&mut self, how: OnChange) {
        if how > self.wanted {
            self.wanted = how;
            self.unsaved = true;
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; a moment in the past means now, `None` that nothing is
    /// waited for.
    #[must_use]
    pub fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let members = self.members.iter().flatten().fold(None, |next, member| earlier(next, member.retry.deadline()));
        let gone = self.gone.iter().fold(None, |next, gone| earlier(next, gone.retry.deadline()));
        let next = earlier(members, gone);
        let next = earlier(next, self.epochs.next_change(now));
        let next = earlier(next, self.unannounced(now).map(|_| now));
        let next = earlier(next, if self.can_generate() { Some(self.generate_at.max(now)) } else { None });
        earlier(next, self.end_of_life(now))
    }

    /// Time has come to `now`. Ends epochs, announces those that are activated, makes new ones, and has what was not answered
    /// sent again.
    pub fn handle_timeout<K: KeySource + ?Sized, G: TryCryptoRng + ?Sized>(
        &mut self,
        now: Instant,
        source: &mut K,
        rng: &mut G,
    ) {
        while let Some(epoch) = self.epochs.take_ended(now) {
            self.events.push(KeyServerEvent::Ended(epoch));
            self.unsaved = true;
        }
        if self.end_of_life(now).is_some_and(|end| end <= now) {
            self.want(OnChange::Rollover);
        }
        self.announce(now);
        if self.can_generate() && self.generate_at <= now {
            self.generate(now, source, rng);
            // Without anybody to wait for it is activated at once.
            self.announce(now);
        }
        self.elapse(now);
    }

    /// When the present epoch has lived as long as it may, and there is no other one yet.
    fn end_of_life(&self, now: Instant) -> Option<Instant> {
        let limit = self.config.rekey.lifetime.time?;
        let newest = self.epochs.newest().filter(|_| self.wanted == OnChange::Keep)?;
        // An epoch without members is not replaced before somebody comes.
        self.members.iter().flatten().next()?;
        let left = limit.saturating_sub(newest.value.age(now));
        Some(now.after(left))
    }

    /// An epoch that is activated at `now` and was not announced.
    fn unannounced(&self, now: Instant) -> Option<Epoch> {
        self.epochs.iter().find(|edge| edge.activate_at <= now && !edge.value.announced).map(|edge| edge.epoch)
    }

    fn announce(&mut self, now: Instant) {
        while let Some(epoch) = self.unannounced(now) {
            let sending = self.sending(now) == Some(epoch);
            let Some(edge) = self.epochs.find_mut(epoch) else { return };
            edge.value.announced = true;
            edge.value.fresh = false;
            self.unsaved = true;
            let outstanding = edge.value.outstanding();
            for (_, member) in members_in(&mut self.members, outstanding) {
                self.events.push(KeyServerEvent::Unacknowledged(epoch, member.entry));
            }
            if !sending {
                continue;
            }
            self.events.push(KeyServerEvent::Activated(epoch));
            if self.config.key_use == KeyUse::Shared {
                for member in self.members.iter_mut().flatten().filter(|member| member.sender.is_some()) {
                    start(member);
                }
            }
        }
    }

    /// Whether another epoch is wanted, and can be.
    fn can_generate(&self) -> bool {
        self.wanted > OnChange::Keep && !self.epochs.is_full() && self.members.iter().flatten().next().is_some()
    }

    fn generate<K: KeySource + ?Sized, G: TryCryptoRng + ?Sized>(&mut self, now: Instant, source: &mut K, rng: &mut G) {
        let Some(number) = self.numbers.take() else {
            self.events.push(KeyServerEvent::Exhausted);
            self.generate_at = now.after(self.config.retry.max.max(core::time::Duration::from_secs(1)));
            return;
        };
        let epoch = Epoch::new(number);
        let mut association = Octets::EMPTY;
        let addresses = self.members.iter().flatten().map(|member| member.entry.address);
        let made = association.filled(|out| {
            let room = out.len().min(MAX_ASSOCIATION_LEN);
            let out = out.get_mut(..room).ok_or(KeySourceError::NoRoom)?;
            source
                .generate(epoch, addresses, rng, out)
                .and_then(|len| if len <= room { Ok(len) } else { Err(KeySourceError::NoRoom) })
        });
        if let Err(error) = made.and_then(|fits| fits.then_some(()).ok_or(KeySourceError::Other)) {
            self.events.push(KeyServerEvent::NoKeys(error));
            if !self.failures.is_due() {
                self.failures = Retry::START;
            }
            self.failures.sent(now, &self.config.retry, &mut self.jitter);
            self.generate_at = self.failures.deadline().unwrap_or(now);
            return;
        }
        let mut recipients = Set::EMPTY;
        for (index, _) in self.members.iter().enumerate().filter(|(_, member)| member.is_some()) {
            recipients.insert(index);
        }
        let delays = self.config.delays;
        let edge = Edge {
            epoch,
            activate_at: now.after(delays.activation()),
            ends_older_at: now.after(delays.deactivation()),
            cut: self.wanted == OnChange::Cut,
            value: KeyEpoch::new(association, now, recipients),
        };
        // There is room.
        let _ = self.epochs.insert(edge);
        self.failures = Retry::Idle;
        self.wanted = OnChange::Keep;
        self.unsaved = true;
        self.events.push(KeyServerEvent::Ready(epoch));
        self.members.iter_mut().flatten().for_each(start);
    }

    fn elapse(&mut self, now: Instant) {
        let policy = self.config.retry;
        for member in self.members.iter_mut().flatten() {
            if member.retry.elapse(now, &policy) {
                self.events.push(KeyServerEvent::Unresponsive(member.entry));
            }
        }
        for _ in 0..self.gone.len() {
            let Some(mut gone) = self.gone.pop_front() else { break };
            if !gone.retry.elapse(now, &policy) {
                // There is room.
                let _ = self.gone.push_back(gone);
            }
        }
    }
}

/// Has what a member is to get sent from the first on.
fn start(member: &mut KeyMember) {
    member.retry = Retry::START;
    member.cursor = Epoch::NONE;
}

fn members_in<const N: usize>(
    members: &mut [Option<KeyMember>; N],
    set: Set,
) -> impl Iterator<Item = (usize, &mut KeyMember)> {
    members
        .iter_mut()
        .enumerate()
        .filter(move |(index, _)| *index < MAX_MEMBERS && set.contains(*index))
        .filter_map(|(index, member)| member.as_mut().map(|member| (index, member)))
}
