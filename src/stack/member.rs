//! Whom a session sends to, and who sends.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::{Dscp, Family};

/// A member of a session, as a sender lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Member {
    /// Its address.
    pub address: IpAddr,
    /// The port it listens on. Either all members of a session have one or none has (RFC 5058 §8.1).
    pub port: Option<u16>,
    /// The service it needs. Where others have one, none stands for the default (RFC 5058 §8.2).
    pub dscp: Option<Dscp>,
}

impl Member {
    /// At `address`, with neither port nor DSCP.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self { address, port: None, dscp: None }
    }
}

impl From<IpAddr> for Member {
    fn from(address: IpAddr) -> Self {
        Self::new(address)
    }
}

/// A member's name in its session, valid from [`Session::add`](super::Session::add) to
/// [`Session::remove`](super::Session::remove). A name outlives its member without ever becoming another's, as long as fewer
/// than 2³² members are added in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId {
    pub(super) place: u16,
    pub(super) serial: u32,
}

/// A member and the session's bit for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) id: MemberId,
    pub(super) member: Member,
    pub(super) enabled: bool,
}

/// Who sends, and on which channel: an identifier whose size depends on the family, all zero for none (RFC 5058 §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum Origin {
    /// Xcast4.
    V4 {
        /// The sender.
        source: Ipv4Addr,
        /// CHANNEL IDENTIFIER.
        channel: [u8; 4],
    },
    /// Xcast6.
    V6 {
        /// The sender.
        source: Ipv6Addr,
        /// CHANNEL IDENTIFIER.
        channel: [u8; 16],
    },
}

impl Origin {
    /// `source`, on no channel.
    #[must_use]
    pub const fn without_channel(source: IpAddr) -> Self {
        match source {
            IpAddr::V4(source) => Self::V4 { source, channel: [0; 4] },
            IpAddr::V6(source) => Self::V6 { source, channel: [0; 16] },
        }
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }

    /// The sender.
    #[must_use]
    pub const fn source(&self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(*source),
            Self::V6 { source, .. } => IpAddr::V6(*source),
        }
    }

    /// CHANNEL IDENTIFIER: 4 octets in Xcast4, 16 in Xcast6.
    #[must_use]
    pub const fn channel(&self) -> &[u8] {
        match self {
            Self::V4 { channel, .. } => channel,
            Self::V6 { channel, .. } => channel,
        }
    }
}
