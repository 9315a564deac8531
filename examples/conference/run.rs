//! What one run of the conference is played with.

use std::fmt;

use xcast_sec::ipsec::RoutingCoverage;
use xcast_sec::wire::{BitmapPlace, Family, max_destinations};

/// What protects the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    None,
    Ah,
    Esp,
    /// AH around ESP.
    AhEsp,
}

impl Protection {
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::Ah, Self::Esp, Self::AhEsp];

    pub(crate) fn has_ah(self) -> bool {
        matches!(self, Self::Ah | Self::AhEsp)
    }

    pub(crate) fn has_esp(self) -> bool {
        matches!(self, Self::Esp | Self::AhEsp)
    }

    /// The SPI of a run's AH. The runs with AH differ in what it covers, so that each has an association of its own:
    /// who reads the capture of all runs can tell them apart.
    pub(crate) fn ah_spi(self) -> u32 {
        if self == Self::AhEsp { 0x0a00_0002 } else { 0x0a00_0001 }
    }

    /// The SPI of a run's ESP.
    pub(crate) fn esp_spi(self) -> u32 {
        if self == Self::AhEsp { 0x0e00_0002 } else { 0x0e00_0001 }
    }
}

/// One of the eight ways to play the conference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) family: Family,
    pub(crate) protection: Protection,
}

impl Run {
    /// What AH covers of the Xcast6 Routing header. Both ends must agree on it, as no packet tells. The two runs with
    /// AH show two of the library's three answers.
    pub(crate) fn coverage(self) -> RoutingCoverage {
        match self.protection {
            Protection::AhEsp => RoutingCoverage::Covered,
            _ => RoutingCoverage::FieldsZeroed,
        }
    }

    /// Routers change the bitmap, so AH must not cover it. IPv4 AH covers all that follows it, the Xcast4 header
    /// included: there the bitmap moves to an option. In IPv6 the coverage decides.
    pub(crate) fn bitmap_place(self) -> BitmapPlace {
        match (self.family, self.protection.has_ah(), self.coverage()) {
            (_, false, _) | (Family::V6, true, RoutingCoverage::DataZeroed | RoutingCoverage::FieldsZeroed) => {
                BitmapPlace::Header
            }
            (Family::V4, true, _) | (Family::V6, true, RoutingCoverage::Covered) => BitmapPlace::Option,
        }
    }

    /// The most members an Xcast header of this run can list.
    pub(crate) fn max_members(self) -> usize {
        max_destinations(self.family, false, false, self.bitmap_place())
    }

    /// The choices that a reader of the output cannot guess.
    pub(crate) fn explanation(self) -> &'static str {
        match (self.family, self.protection) {
            (_, Protection::None) => "X=0: where one destination is left, a router makes the packet unicast (X2U)",
            (_, Protection::Esp) => "X=1: the packet stays Xcast to its members; ESP hides the UDP datagram only",
            (Family::V4, _) => "X=1; bitmap in IPv4 option 158, so that AH covers the whole Xcast4 header",
            (Family::V6, Protection::AhEsp) => {
                "X=1; coverage \"separated bitmap\": bitmap in a Hop-by-Hop option, AH covers the whole Routing header"
            }
            (Family::V6, _) => {
                "X=1; coverage \"fields zeroed\": AH covers the Routing header but for CHECKSUM and BITMAP"
            }
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.family {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        };
        let protection = match self.protection {
            Protection::None => "unprotected",
            Protection::Ah => "AH",
            Protection::Esp => "ESP",
            Protection::AhEsp => "AH and ESP",
        };
        write!(f, "{family} {protection}")
    }
}
