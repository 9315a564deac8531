//! Those a controller has to do with.

use core::net::IpAddr;

use crate::group::membership::message::{Entry, ExpelReason, Roles};
use crate::group::membership::retry::{Retry, RetryPolicy};
use crate::group::membership::{Incarnation, Version};
use crate::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Was invited; the incarnation is the invitation's number.
    Invited,
    /// Belongs to the group.
    Member {
        roles: Roles,
        /// It knows.
        confirmed: bool,
        /// The membership it last acknowledged, if it sends.
        told: Version,
    },
    /// Belongs to it no more, and is to be told.
    Expelled(ExpelReason),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    pub(super) incarnation: Incarnation,
    pub(super) standing: Standing,
    pub(super) retry: Retry,
}

impl Peer {
    /// Somebody that something is to be sent to.
    pub(super) const fn new(address: IpAddr, incarnation: Incarnation, standing: Standing) -> Self {
        Self { address, incarnation, standing, retry: Retry::START }
    }

    pub(super) fn entry(&self) -> Option<Entry> {
        match self.standing {
            Standing::Member { roles, .. } => {
                Some(Entry { address: self.address, roles, incarnation: self.incarnation })
            }
            _ => None,
        }
    }

    /// Whether it sends, and does not know of a membership.
    pub(super) fn is_behind(&self, version: Version) -> bool {
        matches!(self.standing, Standing::Member { roles, told, .. } if roles.sender && told < version)
    }
}

/// Up to `N` of them.
#[derive(Debug)]
pub(super) struct Peers<const N: usize> {
    list: heapless::Vec<Peer, N>,
}

impl<const N: usize> Peers<N> {
    pub(super) const fn new() -> Self {
        Self { list: heapless::Vec::new() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> + Clone {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.list.iter_mut()
    }

    pub(super) fn find(&self, address: IpAddr) -> Option<&Peer> {
        self.list.iter().find(|peer| peer.address == address)
    }

    pub(super) fn find_mut(&mut self, address: IpAddr) -> Option<&mut Peer> {
        self.list.iter_mut().find(|peer| peer.address == address)
    }

    pub(super) fn remove(&mut self, address: IpAddr) -> Option<Peer> {
        let at = self.list.iter().position(|peer| peer.address == address)?;
        (at < self.list.len()).then(|| self.list.swap_remove(at))
    }

    fn expelled(&self) -> Option<IpAddr> {
        self.list.iter().find(|peer| matches!(peer.standing, Standing::Expelled(_))).map(|peer| peer.address)
    }

    /// Whether another can be added. Those that were expelled make room.
    pub(super) fn has_room(&self) -> bool {
        !self.list.is_full() || self.expelled().is_some()
    }

    /// Adds somebody, in place of what stands under the same address.
    pub(super) fn set(&mut self, peer: Peer) {
        self.remove(peer.address);
        if self.list.is_full()
            && let Some(expelled) = self.expelled()
        {
            self.remove(expelled);
        }
        // Whoever adds has asked for room.
        let _ = self.list.push(peer);
    }

    /// Lets time pass for one of them after the other; stops at the first that is given up.
    pub(super) fn elapse(&mut self, now: Instant, policy: &RetryPolicy) -> Option<(IpAddr, Option<Entry>)> {
        let given_up = self.list.iter_mut().find_map(|peer| peer.retry.elapse(now, policy).then_some(&*peer))?;
        Some((given_up.address, given_up.entry()))
    }
}
