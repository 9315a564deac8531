//! What is agreed for an association of a group, but for its keys.

use core::net::IpAddr;
use core::num::{NonZeroU32, NonZeroU64};
use core::time::Duration;

use super::rollover::Rollover;
use super::suite::Suite;
use crate::ipsec::{Directionality, Lifetimes, Limits, Mode, OuterAddress, OuterHeader, SaId, Spi};
use crate::wire::Family;

/// Hop limit of the outer header where the member does not choose another (project-defined).
const OUTER_HOP_LIMIT: u8 = 64;
/// Octets of a kilobyte (project-defined): as in the example of RFC 2407 §4.5.2, where 100000 of them are 100 MB. Of
/// the two readings it is the one by which no association outlives what was meant.
const KILOBYTE: u64 = 1_000;
/// Seconds an association lasts if nothing is said (RFC 2407 §4.5).
const DEFAULT_SECONDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(28_799);

/// Which addresses of the inner header a tunnel keeps in the outer one (RFC 5374 §3.1, RFC 6407 §5.5.1.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "RFC 6407 §5.5.1.1.1 has these four")]
pub enum Preservation {
    /// Neither: the outer addresses are those of the association.
    Neither,
    /// The source.
    Source,
    /// The destination.
    Destination,
    /// Both. What RFC 6407 takes an association for that does not say.
    Both,
}

impl Preservation {
    const fn keeps_source(self) -> bool {
        matches!(self, Self::Source | Self::Both)
    }

    const fn keeps_destination(self) -> bool {
        matches!(self, Self::Destination | Self::Both)
    }
}

/// Transport or tunnel mode, as a group agrees on it.
///
/// Hop limit, DF and DSCP of a tunnel's outer header are each sender's own affair and not agreed (RFC 4301 §4.4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum GroupMode {
    /// Transport mode.
    Transport,
    /// Tunnel mode.
    Tunnel(Preservation),
}

/// How long an association lasts: the hard limits of every member (RFC 4301 §4.4.2.1), in the units of RFC 2407 §4.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct GroupLifetime {
    /// Seconds. There is no unlimited time: where none is said, RFC 2407 §4.5 supposes eight hours.
    pub seconds: NonZeroU32,
    /// Kilobytes, which are 1000 octets here (project-defined).
    pub kilobytes: Option<NonZeroU32>,
    /// Packets (project-defined: RFC 2407 has no such limit).
    pub packets: Option<NonZeroU64>,
}

impl GroupLifetime {
    /// So many seconds, with no other limit.
    #[must_use]
    pub const fn seconds(seconds: NonZeroU32) -> Self {
        Self { seconds, kilobytes: None, packets: None }
    }

    /// The limits of an association: hard as stated, soft at seven eighths of that, rounded down (project-defined).
    #[must_use]
    pub fn to_lifetimes(self) -> Lifetimes {
        let octets = self.kilobytes.map(|kilobytes| u64::from(kilobytes.get()).saturating_mul(KILOBYTE));
        let packets = self.packets.map(NonZeroU64::get);
        let seconds = u64::from(self.seconds.get());
        let soft = |hard: u64| hard.saturating_sub(hard.div_ceil(8));
        Lifetimes {
            soft: Limits {
                time: Some(Duration::from_secs(soft(seconds))),
                octets: octets.map(soft),
                packets: packets.map(soft),
            },
            hard: Limits { time: Some(Duration::from_secs(seconds)), octets, packets },
        }
    }
}

impl Default for GroupLifetime {
    /// Eight hours (RFC 2407 §4.5).
    fn default() -> Self {
        Self::seconds(DEFAULT_SECONDS)
    }
}

/// What is agreed for an association of a group, but for its keys. Nothing in it is secret.
///
/// [`new`](Self::new) gives every field but three its usual value; the others are named where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built from `new` with the fields that differ")]
pub struct SaTerms {
    /// Security Parameters Index.
    pub spi: Spi,
    /// The one sender it is for, or any member. In tunnel mode without preservation the outer source address.
    pub source: Option<IpAddr>,
    /// The group: All_Xcast_Routers. In tunnel mode without preservation the outer destination address.
    pub destination: IpAddr,
    /// Transport or tunnel mode.
    pub mode: GroupMode,
    /// Extended, 64-bit sequence numbers.
    pub esn: bool,
    /// Whether the member who is told this sends, receives, or does both under it (RFC 6407 §5.5.1.1.2).
    pub direction: Directionality,
    /// Protocol and algorithms.
    pub suite: Suite,
    /// How long it lasts.
    pub lifetime: GroupLifetime,
    /// Which of the group's successive keys this is, counted from 0 (the time epochs of RFC 5374 §4.2.1).
    pub epoch: u32,
    /// How the group goes over to it from the epoch before.
    pub rollover: Rollover,
}

impl SaTerms {
    /// For any sender, in transport mode, with 32-bit sequence numbers, both to send and to receive, for eight hours;
    /// epoch 0, used at once.
    #[must_use]
    pub fn new(spi: Spi, destination: IpAddr, suite: Suite) -> Self {
        Self {
            spi,
            source: None,
            destination,
            mode: GroupMode::Transport,
            esn: false,
            direction: Directionality::Symmetric,
            suite,
            lifetime: GroupLifetime::default(),
            epoch: 0,
            rollover: Rollover::AT_ONCE,
        }
    }

    /// What identifies the association.
    #[must_use]
    pub const fn id(&self) -> SaId {
        SaId {
            protocol: self.suite.protocol(),
            spi: self.spi,
            destination: Some(self.destination),
            source: self.source,
        }
    }

    /// Whether an association can be made of these.
    ///
    /// # Errors
    ///
    /// - [`TermsError::KeyLength`]: the suite states a length that its algorithm does not take.
    /// - [`TermsError::Source`], [`TermsError::Destination`], [`TermsError::Families`]: addresses.
    /// - [`TermsError::Direction`]: RFC 6407 §5.5.1.1.2 wants what several senders use to be symmetric.
    /// - [`TermsError::TunnelSource`]: nothing says what the outer source is.
    pub fn check(&self) -> Result<(), TermsError> {
        if !self.suite.has_fitting_lengths() {
            return Err(TermsError::KeyLength);
        }
        if self.source.is_some_and(|source| source.is_multicast() || source.is_unspecified()) {
            return Err(TermsError::Source);
        }
        if self.destination.is_unspecified() {
            return Err(TermsError::Destination);
        }
        if self.source.is_some_and(|source| Family::of(&source) != Family::of(&self.destination)) {
            return Err(TermsError::Families);
        }
        if self.source.is_none() && self.direction != Directionality::Symmetric {
            return Err(TermsError::Direction);
        }
        match self.mode {
            GroupMode::Tunnel(preservation) if !preservation.keeps_source() && self.source.is_none() => {
                Err(TermsError::TunnelSource)
            }
            _ => Ok(()),
        }
    }

    /// The mode of the association, with an outer header of hop limit 64, DF set and the inner DSCP (project-defined).
    pub(crate) fn to_mode(self) -> Mode {
        let GroupMode::Tunnel(preservation) = self.mode else { return Mode::Transport };
        let mut outer = OuterHeader::preserving(OUTER_HOP_LIMIT);
        if let Some(source) = self.source
            && !preservation.keeps_source()
        {
            outer.source = OuterAddress::Fixed(source);
        }
        if !preservation.keeps_destination() {
            outer.destination = OuterAddress::Fixed(self.destination);
        }
        Mode::Tunnel(outer)
    }
}

/// Why no association can be made of some terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TermsError {
    /// A key length that the algorithm does not take.
    KeyLength,
    /// The source is multicast or unspecified: no packet comes from there.
    Source,
    /// The destination is unspecified.
    Destination,
    /// Source and destination are not of one family.
    Families,
    /// For any sender, and yet only to send or only to receive.
    Direction,
    /// A tunnel that does not keep the source, for any sender: its outer source is not known.
    TunnelSource,
}

impl core::fmt::Display for TermsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::KeyLength => "the algorithm does not take keys of this length",
            Self::Source => "the source is multicast or unspecified",
            Self::Destination => "the destination is unspecified",
            Self::Families => "source and destination of different families",
            Self::Direction => "an association for any sender is to be symmetric",
            Self::TunnelSource => "a tunnel that does not keep the source needs one",
        })
    }
}

impl core::error::Error for TermsError {}
