//! When keys are changed (draft §2.1.3, §2.2.6, §4.1.2).

use core::time::Duration;

use crate::ipsec::Limits;

/// What a change of the membership does to the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OnChange {
    /// Nothing. Who comes in gets the present keys, and can read what was captured of the past under them; who goes can read
    /// the future.
    Keep,
    /// There are new keys, and the old ones are used until all have the new ones, or the ATD is over (RFC 5374 §4.2.1). Who
    /// comes in reads nothing of the past; who goes can read on for that long.
    Rollover,
    /// There are new keys, and the old ones are not used any more, from the moment the change is known: nothing is sent until
    /// all have the new ones, or the ATD is over. Who goes reads nothing of what is sent afterwards. For who *leaves* by itself
    /// it lets a member silence the group: by coming and going.
    Cut,
}

/// When a key server makes new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "built from `STRICT` with the fields that differ")]
pub struct RekeyPolicy {
    /// When a member comes in.
    pub on_join: OnChange,
    /// When a member leaves.
    pub on_leave: OnChange,
    /// When a member is expelled, or is missing from a list that does not say why.
    pub on_expel: OnChange,
    /// What an epoch may use up. Time is measured here; octets and packets as far as
    /// [`KeyServer::used`](crate::group::membership::KeyServer::used) is told. The old keys are used until the new ones are
    /// activated.
    pub lifetime: Limits,
}

impl RekeyPolicy {
    /// Nobody reads what was sent before it came in or after it went, but that a member which leaves by itself can read on
    /// until the new keys are there. No limits.
    pub const STRICT: Self = Self {
        on_join: OnChange::Rollover,
        on_leave: OnChange::Rollover,
        on_expel: OnChange::Cut,
        lifetime: Limits::NONE,
    };
}

/// Who sends under the keys of a key server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyUse {
    /// Its own host alone: a single sender, or each sender its own key server (draft §4.2.2).
    Own,
    /// All members that send, each with a number of its own (RFC 6054): a central key server (draft §3.1.1).
    Shared,
}

/// The delays of a rollover (RFC 5374 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    activation: Duration,
    deactivation: Duration,
}

impl Delays {
    /// New keys are used after `activation` (ATD) at the latest, old ones taken until after `deactivation` (DTD), both counted
    /// from when the new ones are made.
    ///
    /// The ATD should be as long as it takes for a key to reach everybody, retransmissions included; the DTD longer by as much
    /// as a packet needs to arrive. `None` unless ATD < DTD and both are below 2^32 milliseconds.
    #[must_use]
    pub const fn new(activation: Duration, deactivation: Duration) -> Option<Self> {
        let longest = u32::MAX as u128;
        if activation.as_micros() < deactivation.as_micros() && deactivation.as_millis() <= longest {
            Some(Self { activation, deactivation })
        } else {
            None
        }
    }

    /// ATD.
    #[must_use]
    pub const fn activation(&self) -> Duration {
        self.activation
    }

    /// DTD.
    #[must_use]
    pub const fn deactivation(&self) -> Duration {
        self.deactivation
    }
}
