//! The group controller: who belongs to the group (draft §2.1.1.1).

mod output;
mod peers;
mod receive;
mod saved;

use core::net::IpAddr;

use self::peers::{Peer, Peers, Standing};
use super::event::Events;
use super::message::entry::is_usable;
use super::message::{Change, ChangeKind, Entry, ExpelReason, RefuseReason, Roles};
use super::numbers::Numbers;
use super::policy::admission::{QueryPolicy, Silence};
use super::policy::anonymity::{Anonymity, Contradiction, GroupSetup};
use super::retry::{Jitter, Retry, RetryPolicy, earlier};
use super::{Boot, GroupId, Incarnation, MAX_MEMBERS, Version};
use crate::time::Instant;

/// How many changes are kept, to tell senders those alone instead of the whole list (project-defined).
const JOURNAL: usize = 16;
/// How many answers wait to be sent; those beyond are dropped, as who asked will ask again (project-defined).
const REPLIES: usize = 8;

/// What the group's owner decides about the membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built from `new` with the fields that differ")]
pub struct ControllerConfig {
    /// Which group.
    pub group: GroupId,
    /// The most members; never more than [`MAX_MEMBERS`] nor than the controller has room for.
    pub max_members: usize,
    /// Who may ask who belongs to the group.
    pub query: QueryPolicy,
    /// From whom members are to be hidden.
    pub anonymity: Anonymity,
    /// How the group sends.
    pub setup: GroupSetup,
    /// What becomes of members that do not answer.
    pub silence: Silence,
    /// How often messages are sent again.
    pub retry: RetryPolicy,
}

impl ControllerConfig {
    /// Senders may ask, nobody is hidden, those that do not answer are reported.
    #[must_use]
    pub const fn new(group: GroupId, setup: GroupSetup) -> Self {
        Self {
            group,
            max_members: MAX_MEMBERS,
            query: QueryPolicy::Senders,
            anonymity: Anonymity::NONE,
            setup,
            silence: Silence::Report,
            retry: RetryPolicy::DEFAULT,
        }
    }
}

/// What a controller tells its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControllerEvent {
    /// A member came in.
    Joined(Entry),
    /// A member left, came back under a new incarnation, or says that it never was one.
    Left(Entry),
    /// A member was expelled.
    Expelled(Entry, ExpelReason),
    /// Somebody was not let in.
    Refused(IpAddr, RefuseReason),
    /// Somebody who was invited does not want to come.
    Declined(IpAddr, RefuseReason),
    /// Somebody who was invited did not answer.
    InviteExpired(IpAddr),
    /// A member did not answer, as often as it was asked.
    Unresponsive(Entry),
}

/// Why somebody cannot be invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InviteError {
    /// It is a member.
    AlreadyAMember,
    /// The group is full, or too many invitations are open.
    Full,
    /// No member can have such an address.
    Address,
    /// No numbers are left: the host must start again.
    Exhausted,
}

impl core::fmt::Display for InviteError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::AlreadyAMember => "already a member",
            Self::Full => "no room for another member",
            Self::Address => "no address of a member",
            Self::Exhausted => "no numbers left in this start of the host",
        })
    }
}

impl core::error::Error for InviteError {}

/// A message that is sent once; who waits for it asks again if it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Refuse(RefuseReason),
    Answer,
    Left,
}

/// Decides who belongs to a group and tells its senders: up to `N` members, invitations and expelled ones that are still to be
/// told, together.
///
/// ```text
///                 join, admitted
///            +---------------------------+
///            |                           v    leave       (nothing is
///  (unknown) +--> Invited --- join --> Member ----------->  kept)
///            ^      | declined,          |                    ^
///            +------+ no answer          +--> Expelled -------+
///                                      expel     acknowledged, or given up
/// ```
///
/// A member is one from the moment its request is granted. It confirms; if it does not, [`Silence`] says what becomes of it.
/// Nothing depends on what an expelled member does.
///
/// Call [`receive`](Self::receive) with what arrives, then [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event) until both have nothing; call [`handle_timeout`](Self::handle_timeout) at
/// [`next_timeout`](Self::next_timeout). If it is to survive restarts, [`save`](Self::save) it before anything is transmitted
/// while [`needs_save`](Self::needs_save).
#[derive(Debug)]
pub struct Controller<const N: usize> {
    config: ControllerConfig,
    numbers: Numbers,
    version: Version,
    peers: Peers<N>,
    /// The last changes, and the version that each led to.
    journal: heapless::Vec<(Version, Change), JOURNAL>,
    /// The version that the oldest of them started from.
    journal_base: Version,
    replies: heapless::Deque<(IpAddr, Incarnation, Reply), REPLIES>,
    events: Events<ControllerEvent>,
    jitter: Jitter,
    unsaved: bool,
}

impl<const N: usize> Controller<N> {
    /// A controller of a group without members. `seed` spreads retransmissions; it should differ from host to host.
    ///
    /// # Errors
    ///
    /// - The first [`Contradiction`] between the settings.
    pub fn new(config: ControllerConfig, boot: Boot, seed: u64) -> Result<Self, Contradiction> {
        config.anonymity.check(&config.setup, config.query)?;
        Ok(Self {
            config,
            numbers: Numbers::new(boot),
            version: Version::NONE,
            peers: Peers::new(),
            journal: heapless::Vec::new(),
            journal_base: Version::NONE,
            replies: heapless::Deque::new(),
            events: Events::new(),
            jitter: Jitter::new(seed),
            unsaved: false,
        })
    }

    /// What the group's owner decided.
    #[must_use]
    pub const fn config(&self) -> &ControllerConfig {
        &self.config
    }

    /// The membership's version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The members, in no particular order.
    pub fn members(&self) -> impl Iterator<Item = Entry> + Clone {
        self.peers.iter().filter_map(Peer::entry)
    }

    /// The member with an address.
    #[must_use]
    pub fn member(&self, address: IpAddr) -> Option<Entry> {
        self.peers.find(address).and_then(Peer::entry)
    }

    /// Whether something changed that would be missed after a restart.
    #[must_use]
    pub const fn needs_save(&self) -> bool {
        self.unsaved
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<ControllerEvent> {
        self.events.poll()
    }

    /// How many events were lost because too many waited.
    #[must_use]
    pub const fn events_lost(&self) -> u64 {
        self.events.lost()
    }

    /// Invites somebody: if it asks to join, it is let in without being judged again (draft §2.1.1.1). An invitation that is
    /// open is sent anew.
    ///
    /// # Errors
    ///
    /// - Every [`InviteError`].
    pub fn invite(&mut self, address: IpAddr) -> Result<(), InviteError> {
        if !is_usable(address) {
            return Err(InviteError::Address);
        }
        match self.peers.find(address).map(|peer| &peer.standing) {
            Some(Standing::Member { .. }) => return Err(InviteError::AlreadyAMember),
            None if !self.peers.has_room() => return Err(InviteError::Full),
            _ => {}
        }
        if self.is_full() {
            return Err(InviteError::Full);
        }
        let number = self.numbers.take().ok_or(InviteError::Exhausted)?;
        self.peers.set(Peer::new(address, Incarnation::new(number), Standing::Invited));
        Ok(())
    }

    /// Takes an invitation back, as far as it was not answered. Returns whether there was one.
    pub fn withdraw(&mut self, address: IpAddr) -> bool {
        let invited = self.peers.find(address).is_some_and(|peer| matches!(peer.standing, Standing::Invited));
        invited && self.peers.remove(address).is_some()
    }

    /// Expels a member. It is told, but nothing depends on that. Returns whether it was one.
    pub fn expel(&mut self, address: IpAddr, reason: ExpelReason) -> bool {
        let Some(entry) = self.member(address) else { return false };
        let expelled = self.leave(entry, ChangeKind::Expelled);
        if expelled {
            self.peers.set(Peer::new(address, entry.incarnation, Standing::Expelled(reason)));
            self.events.push(ControllerEvent::Expelled(entry, reason));
        }
        expelled
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` while nothing is waited for.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.peers.iter().fold(None, |next, peer| earlier(next, peer.retry.deadline()))
    }

    /// Time has come to `now`: what was not answered is to be sent again, or given up.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((address, entry)) = self.peers.elapse(now, &self.config.retry) {
            match entry {
                Some(entry) => self.unresponsive(entry),
                None => {
                    if let Some(Standing::Invited) = self.peers.remove(address).map(|peer| peer.standing) {
                        self.events.push(ControllerEvent::InviteExpired(address));
                    }
                }
            }
        }
    }

    /// A member did not answer.
    fn unresponsive(&mut self, entry: Entry) {
        self.events.push(ControllerEvent::Unresponsive(entry));
        if self.config.silence == Silence::Expel {
            self.expel(entry.address, ExpelReason::Unresponsive);
        }
    }

    /// A member says that it is none.
    pub(super) fn disown(&mut self, entry: Entry) {
        if self.member(entry.address) == Some(entry) && self.leave(entry, ChangeKind::Left) {
            self.events.push(ControllerEvent::Left(entry));
        }
    }

    fn is_full(&self) -> bool {
        self.members().count() >= self.config.max_members.min(MAX_MEMBERS)
    }

    /// The next version, led to by `change`. Without numbers nothing changes any more.
    fn record(&mut self, change: Change) -> Option<()> {
        let version = Version::new(self.numbers.take()?);
        if self.journal.is_full() {
            let (oldest, _) = self.journal.remove(0);
            self.journal_base = oldest;
        }
        // There is room.
        let _ = self.journal.push((version, change));
        self.version = version;
        self.unsaved = true;
        for peer in self.peers.iter_mut() {
            if peer.is_behind(version) {
                peer.retry = Retry::START;
            }
        }
        Some(())
    }

    /// Takes a member out. Returns whether it is.
    fn leave(&mut self, entry: Entry, kind: ChangeKind) -> bool {
        let Some(peer) = self.peers.remove(entry.address) else { return false };
        if self.record(Change { kind, entry }).is_none() {
            self.peers.set(peer);
            return false;
        }
        true
    }

    /// Lets a member in that is none. Returns whether it is one.
    fn enter(&mut self, address: IpAddr, incarnation: Incarnation, roles: Roles) -> bool {
        let entry = Entry { address, roles, incarnation };
        // As it does not stand in the list yet, it is not told of its own coming in before it has confirmed.
        if self.record(Change::joined(entry)).is_none() {
            return false;
        }
        let standing = Standing::Member { roles, confirmed: false, told: Version::NONE };
        self.peers.set(Peer::new(address, incarnation, standing));
        self.events.push(ControllerEvent::Joined(entry));
        true
    }

    /// The changes since `version`, oldest first, each with the version it led to; `None` if they are not kept any more.
    pub(super) fn since(&self, version: Version) -> Option<impl Iterator<Item = (Version, Change)> + Clone + '_> {
        let kept = version >= self.journal_base && version <= self.version;
        kept.then(|| self.journal.iter().filter(move |(led_to, _)| *led_to > version).copied())
    }

    fn reply(&mut self, to: IpAddr, incarnation: Incarnation, reply: Reply) {
        let reply = (to, incarnation, reply);
        if !self.replies.iter().any(|waiting| *waiting == reply) {
            // Without room it is dropped: who waits for it asks again.
            let _ = self.replies.push_back(reply);
        }
    }
}
