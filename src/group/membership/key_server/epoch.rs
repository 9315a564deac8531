//! What a key server keeps of an epoch and of a member.

use core::time::Duration;

use crate::group::membership::association::Octets;
use crate::group::membership::message::Entry;
use crate::group::membership::retry::Retry;
use crate::group::membership::{Epoch, MAX_MEMBERS};
use crate::time::Instant;

/// A set of members by their index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set(pub(super) u128);

impl Set {
    pub(super) const EMPTY: Self = Self(0);

    const fn bit(index: usize) -> u128 {
        // No index is larger than the largest group.
        if index < MAX_MEMBERS { 1 << index } else { 0 }
    }

    pub(super) const fn contains(self, index: usize) -> bool {
        self.0 & Self::bit(index) != 0
    }

    pub(super) const fn insert(&mut self, index: usize) {
        self.0 |= Self::bit(index);
    }

    pub(super) const fn remove(&mut self, index: usize) {
        self.0 &= !Self::bit(index);
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[derive(Debug)]
pub(super) struct KeyEpoch<const S: usize> {
    pub(super) association: Octets<S>,
    pub(super) started: Instant,
    /// How old it was then.
    pub(super) age: Duration,
    /// It has not been sent under, as far as that can be known.
    pub(super) fresh: bool,
    /// Those that are to have it.
    pub(super) recipients: Set,
    /// Those that it was sent to.
    pub(super) given: Set,
    /// Those that said they have it.
    pub(super) acknowledged: Set,
    /// Those that do not want it.
    pub(super) rejected: Set,
    /// Those that said they know that all have it.
    pub(super) informed: Set,
    /// The host was told that it is activated.
    pub(super) announced: bool,
    /// The last sequence number that its sender reserved.
    pub(super) reserved: u64,
}

impl<const S: usize> KeyEpoch<S> {
    pub(super) fn new(association: Octets<S>, started: Instant, recipients: Set) -> Self {
        Self {
            association,
            started,
            age: Duration::ZERO,
            fresh: true,
            recipients,
            given: Set::EMPTY,
            acknowledged: Set::EMPTY,
            rejected: Set::EMPTY,
            informed: Set::EMPTY,
            announced: false,
            reserved: 0,
        }
    }

    /// Those that have not answered.
    pub(super) const fn outstanding(&self) -> Set {
        self.recipients.without(self.acknowledged).without(self.rejected)
    }

    pub(super) const fn forget(&mut self, index: usize) {
        self.recipients.remove(index);
        self.given.remove(index);
        self.acknowledged.remove(index);
        self.rejected.remove(index);
        self.informed.remove(index);
    }

    pub(super) const fn age(&self, now: Instant) -> Duration {
        self.age.saturating_add(now.since(self.started))
    }
}

#[derive(Debug)]
pub(super) struct KeyMember {
    pub(super) entry: Entry,
    /// Its number as a sender.
    pub(super) sender: Option<u16>,
    pub(super) retry: Retry,
    /// The epoch it was last sent, of those that are due.
    pub(super) cursor: Epoch,
}

/// What a key server can say of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EpochStatus {
    /// Which.
    pub epoch: Epoch,
    /// How many members are to have it.
    pub recipients: usize,
    /// How many of them have not answered.
    pub outstanding: usize,
    /// How many of them rejected it.
    pub rejected: usize,
    /// The last sequence number that was recorded as reserved under it.
    pub reserved: u64,
}
