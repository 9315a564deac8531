//! What became of a sender's packets.

use super::NothingFits;
use crate::ipsec::{LimitKind, OutboundError, SaId};
use crate::wire::{EmitError, ParseError};

/// Why nothing was sent at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Not even one destination fits in a packet.
    NothingFits(NothingFits),
    /// The scratch buffer does not take a packet to one destination.
    ScratchTooSmall {
        /// Octets it needs to have at least.
        needed: usize,
    },
    /// Headers or segment cannot be written.
    Build(EmitError),
    /// What was written cannot be read, so that policy cannot be asked about it: the segment is not what its protocol says.
    Unreadable(ParseError),
}

impl core::fmt::Display for SendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NothingFits(error) => error.fmt(f),
            Self::ScratchTooSmall { needed } => write!(f, "scratch buffer too small, {needed} octets needed"),
            Self::Build(error) => error.fmt(f),
            Self::Unreadable(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SendError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::NothingFits(error) => Some(error),
            Self::Build(error) => Some(error),
            Self::Unreadable(error) => Some(error),
            Self::ScratchTooSmall { .. } => None,
        }
    }
}

/// Why one packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// Headers or segment cannot be written.
    Build(EmitError),
    /// Headers prepared for another protocol than the segment's.
    OtherProtocol,
    /// The scratch buffer does not take the packet and what protection inserts.
    ScratchTooSmall {
        /// Octets it needs to have.
        needed: usize,
    },
    /// Policy or IPsec says no.
    Protect(OutboundError),
    /// Protected, and for the unicast address of a router, which could not make it unicast (RFC 5058 §11.5).
    ProtectedToRouter,
    /// Longer than the path takes, once sealed: headers prepared for a shorter segment or a greater MTU.
    TooLong {
        /// Octets it has.
        len: usize,
        /// Octets it may have.
        mtu: usize,
    },
    /// The link failed.
    Link,
}

impl core::fmt::Display for PacketError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Build(error) => error.fmt(f),
            Self::OtherProtocol => f.write_str("headers prepared for another protocol"),
            Self::ScratchTooSmall { needed } => write!(f, "scratch buffer too small, {needed} octets needed"),
            Self::Protect(error) => error.fmt(f),
            Self::ProtectedToRouter => f.write_str("protected, and for a router that would have to make it unicast"),
            Self::TooLong { len, mtu } => write!(f, "the packet has {len} octets, the path takes {mtu}"),
            Self::Link => f.write_str("the link failed"),
        }
    }
}

impl core::error::Error for PacketError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Build(error) => Some(error),
            Self::Protect(error) => Some(error),
            _ => None,
        }
    }
}

/// What became of one segment.
#[must_use = "packets of the segment may have failed"]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendReport {
    /// Packets sent.
    pub sent: usize,
    /// Packets left out, as they serve nobody.
    pub idle: usize,
    /// Packets that failed.
    pub failed: usize,
    /// Members served by the packets sent.
    pub members_sent: usize,
    /// Members that the packets that failed would have served.
    pub members_failed: usize,
    /// Why the first packet failed that did.
    pub first_error: Option<PacketError>,
    /// An association that has passed a soft limit and should be replaced.
    pub soft_limit: Option<(SaId, LimitKind)>,
}

/// What a sender did since it was made. Every counter stops at `u64::MAX`.
///
/// Each segment is counted in `segments`, and in `refused` if nothing was sent of it at all. Each packet is counted in
/// `packets`, and in exactly one of the counters of packets behind it; each member that a packet serves in `members_sent` or
/// `members_failed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SenderCounters {
    /// Segments to be sent.
    pub segments: u64,
    /// Segments that ended in a [`SendError`].
    pub refused: u64,
    /// Packets that were to be sent.
    pub packets: u64,
    /// Packets sent.
    pub sent: u64,
    /// Packets left out, as they serve nobody.
    pub idle: u64,
    /// Packets whose headers or segment could not be written, or do not go together.
    pub not_built: u64,
    /// Packets for which the scratch buffer was too small.
    pub no_scratch: u64,
    /// Packets that policy or IPsec refused; [`Outbound::counters`](crate::ipsec::Outbound::counters) tells more.
    pub not_protected: u64,
    /// Packets longer than the path takes.
    pub too_long: u64,
    /// Packets on which the link failed.
    pub link_failed: u64,
    /// Members served by packets sent.
    pub members_sent: u64,
    /// Members not served, as their packet failed.
    pub members_failed: u64,
}

fn add(counter: &mut u64, count: usize) {
    *counter = counter.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
}

/// Counts packets twice: of one segment, and of all.
pub(super) struct Tally<'c> {
    pub(super) report: SendReport,
    counters: &'c mut SenderCounters,
}

impl<'c> Tally<'c> {
    pub(super) fn new(counters: &'c mut SenderCounters) -> Self {
        Self { report: SendReport::default(), counters }
    }

    pub(super) fn idle(&mut self) {
        add(&mut self.counters.packets, 1);
        add(&mut self.counters.idle, 1);
        self.report.idle = self.report.idle.saturating_add(1);
    }

    pub(super) fn sent(&mut self, members: usize) {
        add(&mut self.counters.packets, 1);
        add(&mut self.counters.sent, 1);
        add(&mut self.counters.members_sent, members);
        self.report.sent = self.report.sent.saturating_add(1);
        self.report.members_sent = self.report.members_sent.saturating_add(members);
    }

    pub(super) fn failed(&mut self, members: usize, error: PacketError) {
        add(&mut self.counters.packets, 1);
        let counter = match error {
            PacketError::Build(_) | PacketError::OtherProtocol => &mut self.counters.not_built,
            PacketError::ScratchTooSmall { .. } => &mut self.counters.no_scratch,
            PacketError::Protect(_) | PacketError::ProtectedToRouter => &mut self.counters.not_protected,
            PacketError::TooLong { .. } => &mut self.counters.too_long,
            PacketError::Link => &mut self.counters.link_failed,
        };
        add(counter, 1);
        add(&mut self.counters.members_failed, members);
        self.report.failed = self.report.failed.saturating_add(1);
        self.report.members_failed = self.report.members_failed.saturating_add(members);
        self.report.first_error = self.report.first_error.or(Some(error));
    }
}

impl SenderCounters {
    pub(super) fn count_segment(&mut self, refused: bool) {
        add(&mut self.segments, 1);
        add(&mut self.refused, usize::from(refused));
    }
}
