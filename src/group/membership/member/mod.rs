//! A member of the group (draft §2.1.1.1).

mod output;
mod receive;
mod saved;
mod servers;

use core::net::IpAddr;

use self::servers::Server;
use super::association::KeySink;
use super::event::Events;
use super::message::{Entry, ExpelReason, RefuseReason, RejectReason, Roles};
use super::numbers::Numbers;
use super::retry::{Jitter, Retry, RetryPolicy, earlier};
use super::{Boot, Epoch, GroupId, Incarnation, Version};
use crate::time::Instant;

/// How many answers wait to be sent; those beyond are dropped, as who waits for them repeats itself (project-defined).
const REPLIES: usize = 16;

/// Which group, and who is in charge of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built from `new` with the fields that differ")]
pub struct MemberConfig {
    /// Which group.
    pub group: GroupId,
    /// Its controller.
    pub controller: IpAddr,
    /// How often messages are sent again.
    pub retry: RetryPolicy,
}

impl MemberConfig {
    /// With the default for retransmissions.
    #[must_use]
    pub const fn new(group: GroupId, controller: IpAddr) -> Self {
        Self { group, controller, retry: RetryPolicy::DEFAULT }
    }
}

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemberState {
    /// It does not belong to the group.
    Out,
    /// It asked to be let in.
    Joining,
    /// It belongs to the group.
    In,
    /// It told that it leaves, and uses no keys any more.
    Leaving,
}

/// What a member tells its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberEvent {
    /// It is invited: [`Member::join`] or [`Member::decline`] answers.
    Invited,
    /// It was let in, with these roles.
    Accepted(Roles),
    /// It was not.
    Refused(RefuseReason),
    /// It left, and the controller knows.
    Left,
    /// It was expelled, and has no keys any more.
    Expelled(ExpelReason),
    /// The controller did not answer: it does not belong to the group now. To a controller that got its request after all it
    /// will say so.
    GaveUp,
    /// It knows a newer membership.
    Membership(Version),
    /// Its query was not answered, and will not be.
    QueryRefused(RefuseReason),
    /// The controller did not answer its query.
    QueryGivenUp,
    /// A key server's epoch was taken.
    Installed(IpAddr, Epoch),
    /// It was not.
    Rejected(IpAddr, Epoch, RejectReason),
    /// Nothing is taken under it any more.
    Removed(IpAddr, Epoch),
}

/// Why a member cannot do what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemberError {
    /// It belongs to the group, or has asked to.
    AlreadyIn,
    /// It does not belong to the group.
    NotIn,
    /// It is not invited.
    NotInvited,
    /// Roles that no member can have.
    Roles,
    /// No numbers are left: the host must start again.
    Exhausted,
    /// It listens to as many key servers as it has room for.
    TooManyServers,
}

impl core::fmt::Display for MemberError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::AlreadyIn => "already in the group, or about to be",
            Self::NotIn => "not in the group",
            Self::NotInvited => "not invited",
            Self::Roles => "neither sender nor receiver",
            Self::Exhausted => "no numbers left in this start of the host",
            Self::TooManyServers => "no room for another key server",
        })
    }
}

impl core::error::Error for MemberError {}

/// Where a sender stands with a key server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SendingEpoch {
    /// The epoch to send under.
    pub epoch: Epoch,
    /// The number to send with (RFC 6054).
    pub sender: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Acknowledge(super::message::Acknowledged),
    Refuse(RefuseReason),
    Reject(RejectReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    to: IpAddr,
    epoch: Epoch,
    incarnation: Incarnation,
    reply: Reply,
}

/// A member of a group of up to `N`, that takes associations of up to `S` octets from up to `K` key servers.
///
/// ```text
///                  join                accepted
///         +-----> Joining -----------------------> In
///         |         |                              |  |
///        Out <------+ refused, expelled,           |  | leave
///         ^           no answer                    |  v
///         +----------------- expelled -------------+ Leaving
///         +-------------- acknowledged, or no answer ---+
/// ```
///
/// Call [`receive`](Self::receive) with what arrives, then [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event) until both have nothing; call [`handle_timeout`](Self::handle_timeout) at
/// [`next_timeout`](Self::next_timeout). If it is to survive restarts, [`save`](Self::save) it before anything is transmitted
/// while [`needs_save`](Self::needs_save).
#[derive(Debug)]
pub struct Member<const N: usize, const K: usize, const S: usize> {
    config: MemberConfig,
    numbers: Numbers,
    state: MemberState,
    incarnation: Incarnation,
    roles: Roles,
    /// Of what it last asked of the controller.
    retry: Retry,
    query: Retry,
    invitation: Option<Incarnation>,
    declined: Option<Incarnation>,
    version: Version,
    members: heapless::Vec<Entry, N>,
    /// Each stays where it was put, so that no key is left behind.
    servers: [Option<Server<S>>; K],
    answers: heapless::Deque<Answer, REPLIES>,
    events: Events<MemberEvent>,
    jitter: Jitter,
    unsaved: bool,
}

impl<const N: usize, const K: usize, const S: usize> Member<N, K, S> {
    /// Somebody who does not belong to the group yet. It listens to no key server. `seed` spreads retransmissions; it should
    /// differ from host to host.
    #[must_use]
    pub fn new(config: MemberConfig, boot: Boot, seed: u64) -> Self {
        Self {
            config,
            numbers: Numbers::new(boot),
            state: MemberState::Out,
            incarnation: Incarnation::NONE,
            roles: Roles::RECEIVER,
            retry: Retry::Idle,
            query: Retry::Idle,
            invitation: None,
            declined: None,
            version: Version::NONE,
            members: heapless::Vec::new(),
            servers: [const { None }; K],
            answers: heapless::Deque::new(),
            events: Events::new(),
            jitter: Jitter::new(seed),
            unsaved: false,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> MemberState {
        self.state
    }

    /// What it does in the group; what it asked for while it is joining.
    #[must_use]
    pub const fn roles(&self) -> Roles {
        self.roles
    }

    /// Its present stay, or the last one.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The membership it knows: if it sends, what the controller told last, else the answer to its last query.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The members it knows of, in no particular order.
    pub fn members(&self) -> impl Iterator<Item = Entry> + Clone + '_ {
        self.members.iter().copied()
    }

    /// Whether something changed that would be missed after a restart.
    #[must_use]
    pub const fn needs_save(&self) -> bool {
        self.unsaved
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<MemberEvent> {
        self.events.poll()
    }

    /// How many events were lost because too many waited.
    #[must_use]
    pub const fn events_lost(&self) -> u64 {
        self.events.lost()
    }

    /// Asks to be let in, and so answers an invitation.
    ///
    /// # Errors
    ///
    /// - [`MemberError::AlreadyIn`], [`MemberError::Roles`], [`MemberError::Exhausted`].
    pub fn join(&mut self, roles: Roles) -> Result<(), MemberError> {
        if matches!(self.state, MemberState::In | MemberState::Joining) {
            return Err(MemberError::AlreadyIn);
        }
        let roles = Roles::from_bits(roles.bits()).ok_or(MemberError::Roles)?;
        self.incarnation = Incarnation::new(self.numbers.take().ok_or(MemberError::Exhausted)?);
        self.state = MemberState::Joining;
        self.roles = roles;
        self.retry = Retry::START;
        self.invitation = None;
        self.unsaved = true;
        Ok(())
    }

    /// Declines an invitation.
    ///
    /// # Errors
    ///
    /// - [`MemberError::NotInvited`].
    pub fn decline(&mut self) -> Result<(), MemberError> {
        let invitation = self.invitation.take().ok_or(MemberError::NotInvited)?;
        self.declined = Some(invitation);
        self.answer(self.config.controller, Epoch::NONE, invitation, Reply::Refuse(RefuseReason::Declined));
        Ok(())
    }

    /// Leaves, and drops all keys at once.
    ///
    /// # Errors
    ///
    /// - [`MemberError::NotIn`].
    pub fn leave<I: KeySink + ?Sized>(&mut self, sink: &mut I) -> Result<(), MemberError> {
        if !matches!(self.state, MemberState::In | MemberState::Joining) {
            return Err(MemberError::NotIn);
        }
        self.go(MemberState::Leaving, sink);
        self.retry = Retry::START;
        Ok(())
    }

    /// Asks who belongs to the group (draft §2.1.6); [`MemberEvent::Membership`] tells that the answer is there.
    ///
    /// # Errors
    ///
    /// - [`MemberError::NotIn`].
    pub fn query(&mut self) -> Result<(), MemberError> {
        if self.state != MemberState::In {
            return Err(MemberError::NotIn);
        }
        self.query = Retry::START;
        Ok(())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` while nothing is waited for.
    #[must_use]
    pub fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let own = earlier(self.retry.deadline(), self.query.deadline());
        self.servers.iter().flatten().fold(own, |next, server| earlier(next, server.epochs.next_change(now)))
    }

    /// Time has come to `now`: epochs end, and what was not answered is to be sent again, or given up.
    pub fn handle_timeout<I: KeySink + ?Sized>(&mut self, now: Instant, sink: &mut I) {
        self.end_epochs(now, sink);
        if self.retry.elapse(now, &self.config.retry) {
            self.go(MemberState::Out, sink);
            self.events.push(MemberEvent::GaveUp);
        }
        if self.query.elapse(now, &self.config.retry) {
            self.events.push(MemberEvent::QueryGivenUp);
        }
    }

    /// Ends its stay, and drops what belonged to it.
    fn go<I: KeySink + ?Sized>(&mut self, state: MemberState, sink: &mut I) {
        self.state = state;
        self.retry = Retry::Idle;
        self.query = Retry::Idle;
        self.version = Version::NONE;
        self.members.clear();
        self.drop_epochs(sink);
        self.unsaved = true;
    }

    fn answer(&mut self, to: IpAddr, epoch: Epoch, incarnation: Incarnation, reply: Reply) {
        let answer = Answer { to, epoch, incarnation, reply };
        if !self.answers.iter().any(|waiting| *waiting == answer) {
            // Without room it is dropped: who waits for it repeats itself.
            let _ = self.answers.push_back(answer);
        }
    }
}
