//! One entry of the database (RFC 4301 §4.4.1.2, RFC 5374 §4.1.1).

use super::action::Action;
use super::addresses::Addresses;
use super::next_layer::NextLayer;
use super::selectors::Selectors;

/// Which way a packet crosses the IPsec boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum Direction {
    /// It is sent.
    Outbound,
    /// It was received.
    Inbound,
}

/// Which packets an entry counts for (RFC 5374 §4.1.1, "Directionality").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "RFC 5374 §4.1.1 has these three")]
pub enum Directionality {
    /// Those sent and those received.
    Symmetric,
    /// Those sent.
    SenderOnly,
    /// Those received.
    ReceiverOnly,
}

impl Directionality {
    pub(super) const fn covers(self, direction: Direction) -> bool {
        match self {
            Self::Symmetric => true,
            Self::SenderOnly => matches!(direction, Direction::Outbound),
            Self::ReceiverOnly => matches!(direction, Direction::Inbound),
        }
    }
}

/// Whether a packet is one that an entry is for. The less certain comes first, so that of several selectors the lowest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    No,
    /// What is seen of the packet fits, but it hides something that the entry selects by.
    Unknown,
    Yes,
}

impl Match {
    pub(super) const fn of(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// What a packet must have for an entry to be for it: all of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct SelectorSet {
    /// Addresses at this end: the source of a packet that is sent, the destination of one that was received. Of a received
    /// multicast packet still the source (RFC 5374 §4.1.1).
    pub local: Addresses,
    /// Addresses at the other end. Of a multicast packet the group.
    pub remote: Addresses,
    /// The next layer.
    pub next_layer: NextLayer,
}

impl SelectorSet {
    /// Every packet.
    pub const ANY: Self = Self { local: Addresses::Any, remote: Addresses::Any, next_layer: NextLayer::Any };

    /// Whether a packet is one of these for certain.
    #[must_use]
    pub fn admits(&self, direction: Direction, packet: &Selectors) -> bool {
        self.compare(&packet.local_to_remote(direction)) == Match::Yes
    }

    /// Compares with a packet whose source is the local end.
    pub(super) fn compare(&self, packet: &Selectors) -> Match {
        let addresses = self.local.compare(packet.source).min(self.remote.compare(packet.destination));
        addresses.min(self.next_layer.compare(packet.next_layer))
    }
}

/// One entry: what is done with which packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct PolicyEntry {
    /// Whether it counts for packets sent, received, or both.
    pub directionality: Directionality,
    /// The packets.
    pub selectors: SelectorSet,
    /// What is done with them.
    pub action: Action,
}
