//! Anonymity, and what cannot be had together with it (draft §2.1.2, §2.2.5).

use super::admission::QueryPolicy;
use crate::ipsec::RoutingCoverage;
use crate::wire::{BitmapPlace, Family};

/// From whom members are to be hidden.
///
/// Senders always know the receivers, receivers the senders, and routers the destinations beyond them (draft §2.2.5). How many
/// destinations there are always shows (draft §3.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "draft §2.1.2 names these two")]
pub struct Anonymity {
    /// From other receivers: routers take out the addresses of all other destinations (A=1).
    pub among_members: bool,
    /// From those who do not belong to the group but see its packets.
    pub towards_outsiders: bool,
}

impl Anonymity {
    /// From nobody.
    pub const NONE: Self = Self { among_members: false, towards_outsiders: false };
}

/// How a group sends, as far as it matters to anonymity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "built field by field: a new one must be decided on by every caller")]
pub struct GroupSetup {
    /// Xcast4 or Xcast6.
    pub family: Family,
    /// Whether packets have AH, and what it covers of an Xcast6 Routing header.
    pub ah: Option<RoutingCoverage>,
    /// Where the bitmap is.
    pub bitmap: BitmapPlace,
    /// Whether whole Xcast packets are encrypted inside a tunnel, their addresses with them.
    pub tunnel: bool,
}

/// Two settings that exclude one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Contradiction {
    /// Anonymity among members, and AH over Xcast4: AH covers the addresses that are to be taken out (draft §3.2.1).
    AhOnXcast4,
    /// Anonymity among members, and AH that covers the whole Routing header (draft §3.2.2).
    AhCoversAddresses,
    /// Anonymity among members, and a separated bitmap: the header around the addresses then must not change (project-defined,
    /// as routers refuse it).
    SeparatedBitmap,
    /// Anonymity among members, and a tunnel: no router sees the addresses that it should take out.
    AddressesInTunnel,
    /// Anonymity among members, and members that may ask who belongs to the group.
    QueryByMembers,
    /// Anonymity towards outsiders without a tunnel: the addresses are on the path for all to see (draft §2.1.2).
    AddressesOnThePath,
}

impl core::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::AhOnXcast4 => "anonymity among members with AH over Xcast4",
            Self::AhCoversAddresses => "anonymity among members with AH over the whole Routing header",
            Self::SeparatedBitmap => "anonymity among members with a separated bitmap",
            Self::AddressesInTunnel => "anonymity among members through a tunnel, which keeps the addresses",
            Self::QueryByMembers => "anonymity among members that may ask who the members are",
            Self::AddressesOnThePath => "anonymity towards outsiders without a tunnel",
        })
    }
}

impl core::error::Error for Contradiction {}

impl Anonymity {
    /// Whether the group can have it.
    ///
    /// # Errors
    ///
    /// - The first [`Contradiction`] there is.
    pub fn check(&self, setup: &GroupSetup, query: QueryPolicy) -> Result<(), Contradiction> {
        if self.among_members {
            match (setup.family, setup.ah) {
                (Family::V4, Some(_)) => return Err(Contradiction::AhOnXcast4),
                (Family::V6, Some(RoutingCoverage::Covered)) => return Err(Contradiction::AhCoversAddresses),
                _ => {}
            }
            if setup.bitmap == BitmapPlace::Option {
                return Err(Contradiction::SeparatedBitmap);
            }
            if setup.tunnel {
                return Err(Contradiction::AddressesInTunnel);
            }
            if query == QueryPolicy::Members {
                return Err(Contradiction::QueryByMembers);
            }
        }
        if self.towards_outsiders && !setup.tunnel {
            return Err(Contradiction::AddressesOnThePath);
        }
        Ok(())
    }
}
