//! What a member does with a message.

use core::net::IpAddr;

use super::{Member, MemberEvent, MemberState, Reply};
use crate::group::membership::association::KeySink;
use crate::group::membership::message::{
    Acknowledged, Body, Change, ChangeKind, Changes, ExpelReason, Header, Message, RefuseReason, RejectReason, Roles,
};
use crate::group::membership::retry::Retry;
use crate::group::membership::{Epoch, Incarnation, ReceiveError, Version};
use crate::time::Instant;

impl<const N: usize, const K: usize, const S: usize> Member<N, K, S> {
    /// Takes what arrived from `from`, which the channel authenticated: the controller, or a key server listened to. An
    /// association goes to `sink`.
    ///
    /// # Errors
    ///
    /// - Every [`ReceiveError`]. Nothing changed; [`ReceiveError::Stale`] is what loss and repetition bring with them. Whoever
    ///   takes this for a member that it is not any more may be told so all the same.
    pub fn receive<I: KeySink + ?Sized>(
        &mut self,
        now: Instant,
        from: IpAddr,
        octets: &[u8],
        sink: &mut I,
    ) -> Result<(), ReceiveError> {
        let Message { header, body } = Message::parse(octets)?;
        if header.group != self.config.group {
            return Err(ReceiveError::OtherGroup);
        }
        let from_server = matches!(body, Body::Push(_) | Body::Activate | Body::Delete);
        let authorised = if from_server { self.server(from).is_some() } else { from == self.config.controller };
        if !authorised {
            return Err(ReceiveError::NotAuthorised);
        }
        match body {
            Body::Invite => self.invited(header.incarnation),
            Body::Accept { roles } => self.accepted(header.incarnation, roles),
            Body::Refuse(reason) => self.refused(header.incarnation, reason, sink),
            Body::Expelled(reason) => self.expelled(header.incarnation, reason, sink),
            Body::Acknowledge(Acknowledged::Leave) => {
                let awaited = self.state == MemberState::Leaving && header.incarnation == self.incarnation;
                if !awaited {
                    return Err(ReceiveError::Stale);
                }
                self.go(MemberState::Out, sink);
                self.events.push(MemberEvent::Left);
                Ok(())
            }
            Body::Update { base, changes } => self.update(&header, base, changes),
            Body::Answer { members } => self.answered(&header, members),
            Body::Push(push) if self.is_present(header.incarnation) => {
                self.end_epochs(now, sink);
                self.push(now, from, header.epoch, header.incarnation, &push, sink)
            }
            Body::Push(_) => {
                self.answer(from, header.epoch, header.incarnation, Reply::Reject(RejectReason::NotAMember));
                Err(ReceiveError::Stale)
            }
            Body::Activate if self.is_present(header.incarnation) => {
                self.activate(now, from, header.epoch, header.incarnation)
            }
            Body::Activate => Err(ReceiveError::Stale),
            Body::Delete => {
                let present = self.is_present(header.incarnation);
                if present {
                    self.delete(from, header.epoch, sink);
                }
                // What belonged to another stay is not there any more.
                self.answer(from, header.epoch, header.incarnation, Reply::Acknowledge(Acknowledged::Delete));
                if present { Ok(()) } else { Err(ReceiveError::Stale) }
            }
            _ => Err(ReceiveError::Unexpected),
        }
    }

    /// Whether a stay is the present one, or may already be as far as the controller is concerned.
    fn is_present(&self, stay: Incarnation) -> bool {
        matches!(self.state, MemberState::In | MemberState::Joining) && stay == self.incarnation
    }

    fn tell_controller(&mut self, stay: Incarnation, reply: Reply) {
        self.answer(self.config.controller, Epoch::NONE, stay, reply);
    }

    fn invited(&mut self, invitation: Incarnation) -> Result<(), ReceiveError> {
        if self.declined == Some(invitation) {
            self.tell_controller(invitation, Reply::Refuse(RefuseReason::Declined));
            return Err(ReceiveError::Stale);
        }
        if self.state != MemberState::Out || self.invitation >= Some(invitation) || self.declined > Some(invitation) {
            return Err(ReceiveError::Stale);
        }
        self.invitation = Some(invitation);
        self.events.push(MemberEvent::Invited);
        Ok(())
    }

    fn accepted(&mut self, stay: Incarnation, roles: Roles) -> Result<(), ReceiveError> {
        if !self.is_present(stay) {
            // To the controller, a stay that is not, or not any more.
            self.tell_controller(stay, Reply::Refuse(RefuseReason::NotAMember));
            return Err(ReceiveError::Stale);
        }
        if self.state == MemberState::Joining {
            self.state = MemberState::In;
            self.roles = roles;
            self.retry = Retry::Idle;
            self.unsaved = true;
            self.events.push(MemberEvent::Accepted(roles));
        }
        self.tell_controller(stay, Reply::Acknowledge(Acknowledged::Accept));
        Ok(())
    }

    fn refused<I: KeySink + ?Sized>(
        &mut self,
        stay: Incarnation,
        reason: RefuseReason,
        sink: &mut I,
    ) -> Result<(), ReceiveError> {
        if !self.is_present(stay) {
            return Err(ReceiveError::Stale);
        }
        if self.state == MemberState::Joining {
            self.go(MemberState::Out, sink);
            self.events.push(MemberEvent::Refused(reason));
        } else if reason == RefuseReason::NotAMember {
            // What told it that it was expelled was lost.
            self.go(MemberState::Out, sink);
            self.events.push(MemberEvent::Expelled(ExpelReason::Unspecified));
        } else if self.query != Retry::Idle {
            self.query = Retry::Idle;
            self.events.push(MemberEvent::QueryRefused(reason));
        } else {
            return Err(ReceiveError::Stale);
        }
        Ok(())
    }

    fn expelled<I: KeySink + ?Sized>(
        &mut self,
        stay: Incarnation,
        reason: ExpelReason,
        sink: &mut I,
    ) -> Result<(), ReceiveError> {
        self.tell_controller(stay, Reply::Acknowledge(Acknowledged::Expelled));
        if stay != self.incarnation || self.state == MemberState::Out {
            return Err(ReceiveError::Stale);
        }
        self.go(MemberState::Out, sink);
        self.events.push(MemberEvent::Expelled(reason));
        Ok(())
    }

    fn update(&mut self, header: &Header, base: Version, changes: Changes<'_>) -> Result<(), ReceiveError> {
        if !self.is_present(header.incarnation) {
            self.tell_controller(header.incarnation, Reply::Refuse(RefuseReason::NotAMember));
            return Err(ReceiveError::Stale);
        }
        let news = header.version > self.version;
        let fits = base == Version::NONE || base == self.version;
        if news && fits {
            if base == Version::NONE {
                self.replace(changes)?
            } else {
                self.apply(changes)?
            }
            self.version = header.version;
            self.unsaved = true;
            self.events.push(MemberEvent::Membership(header.version));
        }
        // Says what it has, whatever it was sent.
        self.tell_controller(header.incarnation, Reply::Acknowledge(Acknowledged::Update));
        if news && fits { Ok(()) } else { Err(ReceiveError::Stale) }
    }

    fn replace(&mut self, members: Changes<'_>) -> Result<(), ReceiveError> {
        if members.len() > N {
            return Err(ReceiveError::TooManyMembers);
        }
        self.members.clear();
        members.iter().try_for_each(|change| self.members.push(change.entry)).map_err(|_| ReceiveError::TooManyMembers)
    }

    fn apply(&mut self, changes: Changes<'_>) -> Result<(), ReceiveError> {
        // On a copy, so that what does not fit changes nothing.
        let mut members = self.members.clone();
        for Change { kind, entry } in changes.iter() {
            members.retain(|own| own.address != entry.address);
            if kind == ChangeKind::Joined {
                members.push(entry).map_err(|_| ReceiveError::TooManyMembers)?;
            }
        }
        self.members = members;
        Ok(())
    }

    fn answered(&mut self, header: &Header, members: Changes<'_>) -> Result<(), ReceiveError> {
        if !self.is_present(header.incarnation) || self.query == Retry::Idle {
            return Err(ReceiveError::Stale);
        }
        if header.version >= self.version {
            self.replace(members)?;
            self.version = header.version;
            self.unsaved = true;
        }
        self.query = Retry::Idle;
        self.events.push(MemberEvent::Membership(self.version));
        Ok(())
    }
}
