//! Who is let in, who may ask, and what silence means.

use core::net::IpAddr;

use crate::group::membership::{RefuseReason, Roles};

/// What becomes of a request to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Decision {
    /// It is let in, with these roles.
    Admit(Roles),
    /// It is not.
    Refuse(RefuseReason),
    /// It gets no answer yet, and will ask again.
    Later,
}

/// Decides who is let in (draft §2.1.1.1).
///
/// # Security
///
/// Asked for every request to join of somebody who was not invited, with the address that the channel authenticated. Whoever
/// is admitted gets the group's keys. A member that was expelled may ask again, and a copy of an old request may arrive:
/// keeping those out is this trait's to do.
pub trait Admission {
    /// Whether `applicant` may come in, which wants to do `wanted`.
    fn admit(&mut self, applicant: IpAddr, wanted: Roles) -> Decision;
}

impl<T: Admission + ?Sized> Admission for &mut T {
    fn admit(&mut self, applicant: IpAddr, wanted: Roles) -> Decision {
        (**self).admit(applicant, wanted)
    }
}

/// Nobody comes in uninvited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "there is nothing to it")]
pub struct InvitedOnly;

impl Admission for InvitedOnly {
    fn admit(&mut self, _: IpAddr, _: Roles) -> Decision {
        Decision::Refuse(RefuseReason::NotAdmitted)
    }
}

/// A list of up to `N` addresses that may come in, each with the roles it may have at most.
#[derive(Clone, Debug, Default)]
pub struct FixedAdmission<const N: usize> {
    allowed: heapless::Vec<(IpAddr, Roles), N>,
}

impl<const N: usize> FixedAdmission<N> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { allowed: heapless::Vec::new() }
    }

    /// Lets `address` in from now on, with these roles at most. Returns whether there was room.
    #[must_use = "without room it is not allowed"]
    pub fn allow(&mut self, address: IpAddr, roles: Roles) -> bool {
        self.disallow(address);
        self.allowed.push((address, roles)).is_ok()
    }

    /// Lets `address` in no longer. Returns whether it was.
    pub fn disallow(&mut self, address: IpAddr) -> bool {
        self.allowed.iter().position(|(own, _)| *own == address).map(|at| self.allowed.swap_remove(at)).is_some()
    }
}

impl<const N: usize> Admission for FixedAdmission<N> {
    /// Somebody who wants a role that is not allowed is refused, not let in with less.
    fn admit(&mut self, applicant: IpAddr, wanted: Roles) -> Decision {
        let within = |roles: &Roles| wanted.bits() & !roles.bits() == 0;
        match self.allowed.iter().find(|(own, _)| *own == applicant) {
            Some((_, roles)) if within(roles) => Decision::Admit(wanted),
            Some(_) => Decision::Refuse(RefuseReason::NotPermitted),
            None => Decision::Refuse(RefuseReason::NotAdmitted),
        }
    }
}

/// Who may ask who belongs to the group (draft §2.1.6). Nobody who does not belong to it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueryPolicy {
    /// Nobody.
    Nobody,
    /// Those that send: they are told anyway.
    Senders,
    /// Every member.
    Members,
}

/// What becomes of a member that does not answer, or does not take the group's association (project-defined).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Silence {
    /// It stays; an event tells.
    Report,
    /// It is expelled, and an event tells.
    Expel,
}
