//! What is done with a packet (RFC 4301 §4.4.1, "Processing Choices").

/// Names the protection that entries ask for and that associations are made for: the link between the two (RFC 4301 §4.4.2).
///
/// Several entries may share one, as the selector sets of one entry do in RFC 4301 §4.4.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(u32);

impl PolicyId {
    /// The name `value`. The host gives the numbers out; they are on no wire.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// Transport or tunnel mode (RFC 4301 §4.1), without the tunnel's outer header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum ModeKind {
    /// What follows the IP header and the Xcast headers is protected.
    Transport,
    /// A whole packet is, inside another one.
    Tunnel,
}

/// Which protection a packet must have, outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "a new protection must be decided on wherever one is matched")]
pub enum Required {
    /// AH alone.
    Ah(ModeKind),
    /// ESP alone.
    Esp(ModeKind),
    /// Transport-mode AH around ESP.
    AhAroundEsp {
        /// The mode of the ESP inside.
        esp: ModeKind,
    },
}

/// What is done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "RFC 4301 §4.4.1 has these three")]
pub enum Action {
    /// It does not pass.
    Discard,
    /// It passes without protection.
    Bypass,
    /// It is sealed before it is sent. Received, it passes only if it arrived with this protection, under an association
    /// made for this policy.
    Protect {
        /// What the protection is known by.
        policy: PolicyId,
        /// Which it is.
        required: Required,
    },
}
