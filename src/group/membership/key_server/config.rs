//! What a key server is told, and what it tells.

use crate::group::membership::association::KeySourceError;
use crate::group::membership::message::{Entry, RejectReason};
use crate::group::membership::policy::rekey::{Delays, KeyUse, RekeyPolicy};
use crate::group::membership::retry::RetryPolicy;
use crate::group::membership::{Epoch, GroupId};

/// What the group's owner decides about keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built from `new` with the fields that differ")]
pub struct KeyServerConfig {
    /// Which group.
    pub group: GroupId,
    /// When there are new keys.
    pub rekey: RekeyPolicy,
    /// ATD and DTD.
    pub delays: Delays,
    /// Who sends under the keys.
    pub key_use: KeyUse,
    /// How often messages are sent again. All tries together should take no longer than the ATD.
    pub retry: RetryPolicy,
}

impl KeyServerConfig {
    /// [`RekeyPolicy::STRICT`], for a key server that is its own only sender.
    #[must_use]
    pub const fn new(group: GroupId, delays: Delays) -> Self {
        Self { group, rekey: RekeyPolicy::STRICT, delays, key_use: KeyUse::Own, retry: RetryPolicy::DEFAULT }
    }
}

/// What a key server tells its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyServerEvent {
    /// There is a new epoch, not yet activated: a host that receives under it installs it.
    Ready(Epoch),
    /// From now on this epoch is sent under. Its host [asks](super::KeyServer::sending) all the same before each packet.
    Activated(Epoch),
    /// Nothing is taken under this epoch any more.
    Ended(Epoch),
    /// An epoch is activated, as the ATD is over, although this member did not say that it has it: it misses what is sent until
    /// it does.
    Unacknowledged(Epoch, Entry),
    /// A member did not answer as often as it was sent something.
    Unresponsive(Entry),
    /// A member does not take an epoch; it is not waited for.
    Rejected(Epoch, Entry, RejectReason),
    /// No epoch could be made. It is tried again.
    NoKeys(KeySourceError),
    /// A member cannot send: no number is left for another sender (RFC 6054). A new key server starts anew.
    NoSenderNumber(Entry),
    /// No numbers are left: nothing is rekeyed before the host starts again.
    Exhausted,
}

/// Why a list of members was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TooManyMembers;

impl core::fmt::Display for TooManyMembers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("more members than there is room for")
    }
}

impl core::error::Error for TooManyMembers {}
