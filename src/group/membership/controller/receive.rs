//! What a controller does with a message.

use core::net::IpAddr;

use super::{Controller, ControllerEvent, Reply, Standing};
use crate::group::membership::message::entry::is_usable;
use crate::group::membership::message::{Acknowledged, Body, ChangeKind, Message, RefuseReason, Roles};
use crate::group::membership::policy::admission::{Admission, Decision, QueryPolicy};
use crate::group::membership::retry::Retry;
use crate::group::membership::{Incarnation, ReceiveError, Version};

impl<const N: usize> Controller<N> {
    /// Takes what arrived from `from`, which the channel authenticated.
    ///
    /// # Errors
    ///
    /// - Every [`ReceiveError`] but [`ReceiveError::TooManyMembers`]. Nothing changed; [`ReceiveError::Stale`] is what loss and
    ///   repetition bring with them.
    pub fn receive<A: Admission + ?Sized>(
        &mut self,
        from: IpAddr,
        octets: &[u8],
        admission: &mut A,
    ) -> Result<(), ReceiveError> {
        let message = Message::parse(octets)?;
        self.take(from, &message, admission)
    }

    pub(in crate::group::membership) fn take<A: Admission + ?Sized>(
        &mut self,
        from: IpAddr,
        message: &Message<'_>,
        admission: &mut A,
    ) -> Result<(), ReceiveError> {
        if message.header.group != self.config.group {
            return Err(ReceiveError::OtherGroup);
        }
        let stay = message.header.incarnation;
        match message.body {
            Body::Join { roles } => self.join(from, stay, roles, admission),
            Body::Leave => self.left(from, stay),
            Body::Refuse(reason) => self.refused(from, stay, reason),
            Body::Acknowledge(what) => self.acknowledged(from, stay, what, message.header.version),
            Body::Query => self.query(from, stay),
            _ => Err(ReceiveError::Unexpected),
        }
    }

    fn join<A: Admission + ?Sized>(
        &mut self,
        from: IpAddr,
        stay: Incarnation,
        roles: Roles,
        admission: &mut A,
    ) -> Result<(), ReceiveError> {
        if !is_usable(from) {
            return Err(ReceiveError::NotAuthorised);
        }
        let mut invited = false;
        if let Some(peer) = self.peers.find_mut(from) {
            match peer.standing {
                Standing::Member { .. } if stay < peer.incarnation => return Err(ReceiveError::Stale),
                Standing::Member { confirmed, .. } if stay == peer.incarnation => {
                    // It asks again: what let it in was lost, or this is a copy.
                    if confirmed {
                        return Err(ReceiveError::Stale);
                    }
                    peer.retry = Retry::START;
                    return Ok(());
                }
                Standing::Member { .. } => {}
                Standing::Expelled(_) if stay <= peer.incarnation => {
                    peer.retry = Retry::START;
                    return Ok(());
                }
                Standing::Expelled(_) => {}
                Standing::Invited => invited = true,
            }
        }
        let decision = if invited { Decision::Admit(roles) } else { admission.admit(from, roles) };
        let roles = match decision {
            Decision::Admit(roles) if Roles::from_bits(roles.bits()).is_some() => roles,
            Decision::Later => return Ok(()),
            Decision::Refuse(reason) => return self.refuse(from, stay, reason),
            Decision::Admit(_) => return self.refuse(from, stay, RefuseReason::NotAdmitted),
        };
        // It came back: its former stay is over.
        if let Some(former) = self.member(from) {
            if !self.leave(former, ChangeKind::Left) {
                return self.refuse(from, stay, RefuseReason::Full);
            }
            self.events.push(ControllerEvent::Left(former));
        }
        let room = self.peers.find(from).is_some() || self.peers.has_room();
        if self.is_full() || !room || !self.enter(from, stay, roles) {
            return self.refuse(from, stay, RefuseReason::Full);
        }
        Ok(())
    }

    fn refuse(&mut self, to: IpAddr, stay: Incarnation, reason: RefuseReason) -> Result<(), ReceiveError> {
        // Whoever is refused is no member any more, if it came back to ask.
        if let Some(former) = self.member(to)
            && self.leave(former, ChangeKind::Left)
        {
            self.events.push(ControllerEvent::Left(former));
        }
        self.reply(to, stay, Reply::Refuse(reason));
        self.events.push(ControllerEvent::Refused(to, reason));
        Ok(())
    }

    fn left(&mut self, from: IpAddr, stay: Incarnation) -> Result<(), ReceiveError> {
        if let Some(entry) = self.member(from) {
            if stay < entry.incarnation {
                return Err(ReceiveError::Stale);
            }
            if self.leave(entry, ChangeKind::Left) {
                self.events.push(ControllerEvent::Left(entry));
            }
        }
        // Also to who left long ago: the acknowledgement was lost.
        self.reply(from, stay, Reply::Left);
        Ok(())
    }

    fn refused(&mut self, from: IpAddr, stay: Incarnation, reason: RefuseReason) -> Result<(), ReceiveError> {
        let peer = self.peers.find(from).filter(|peer| peer.incarnation == stay).ok_or(ReceiveError::Stale)?;
        match (peer.standing, peer.entry()) {
            (Standing::Invited, _) => {
                self.peers.remove(from);
                self.events.push(ControllerEvent::Declined(from, reason));
            }
            (_, Some(entry)) if reason == RefuseReason::NotAMember => {
                if self.leave(entry, ChangeKind::Left) {
                    self.events.push(ControllerEvent::Left(entry));
                }
            }
            _ => return Err(ReceiveError::Unexpected),
        }
        Ok(())
    }

    fn acknowledged(
        &mut self,
        from: IpAddr,
        stay: Incarnation,
        what: Acknowledged,
        has: Version,
    ) -> Result<(), ReceiveError> {
        let newest = self.version;
        let peer = self.peers.find_mut(from).filter(|peer| peer.incarnation == stay).ok_or(ReceiveError::Stale)?;
        match (&mut peer.standing, what) {
            (Standing::Member { confirmed: confirmed @ false, roles, told }, Acknowledged::Accept) => {
                *confirmed = true;
                peer.retry = if roles.sender && *told < newest { Retry::START } else { Retry::Idle };
                self.unsaved = true;
            }
            (Standing::Member { .. }, Acknowledged::Accept) => return Err(ReceiveError::Stale),
            (Standing::Member { roles, told, confirmed: true }, Acknowledged::Update) => {
                if !roles.sender || has > newest {
                    return Err(ReceiveError::Unexpected);
                }
                if has == *told {
                    return Err(ReceiveError::Stale);
                }
                // What it says it has, even if that is less than was thought: it may have restarted.
                *told = has;
                peer.retry = if has < newest { Retry::START } else { Retry::Idle };
            }
            (Standing::Expelled(_), Acknowledged::Expelled) => {
                self.peers.remove(from);
            }
            _ => return Err(ReceiveError::Unexpected),
        }
        Ok(())
    }

    fn query(&mut self, from: IpAddr, stay: Incarnation) -> Result<(), ReceiveError> {
        let Some(member) = self.member(from) else {
            self.reply(from, stay, Reply::Refuse(RefuseReason::NotAMember));
            return Ok(());
        };
        if member.incarnation != stay {
            return Err(ReceiveError::Stale);
        }
        let may = match self.config.query {
            QueryPolicy::Nobody => false,
            QueryPolicy::Senders => member.roles.sender,
            QueryPolicy::Members => true,
        };
        let reply = if may { Reply::Answer } else { Reply::Refuse(RefuseReason::NotPermitted) };
        self.reply(from, stay, reply);
        Ok(())
    }
}
