//! From one key of a group to the next without losing a packet (RFC 5374 §4.2.1).

use core::time::Duration;

use crate::time::Instant;

/// How a group goes over to new associations (RFC 5374 §4.2.1, RFC 6407 §5.4.1). The delays are independent of each
/// other; packets are not lost if the second is the longer one, by as much as a packet may be under way.
///
/// ```text
///   rekey received        ATD                       DTD
///        |-----------------|-------------------------|----------> time
/// old    | sends, receives | receives                | gone
/// new    | receives        | sends, receives
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "RFC 5374 §4.2.1 has these two")]
pub struct Rollover {
    /// Activation Time Delay, in seconds: how long after the new associations were received their senders begin to use
    /// them.
    pub activation_delay: u16,
    /// Deactivation Time Delay, in seconds: how long after that receipt the associations replaced are dropped.
    pub deactivation_delay: u16,
}

impl Rollover {
    /// At once: associations are used as soon as they are received, and those replaced are dropped.
    pub const AT_ONCE: Self = Self { activation_delay: 0, deactivation_delay: 0 };

    /// When a sender begins to use associations `received` then. They open packets from their receipt on.
    #[must_use]
    pub fn activation(self, received: Instant) -> Instant {
        received.after(Duration::from_secs(self.activation_delay.into()))
    }

    /// When the associations are dropped that those `received` then replace.
    #[must_use]
    pub fn deactivation(self, received: Instant) -> Instant {
        received.after(Duration::from_secs(self.deactivation_delay.into()))
    }
}
