//! Which stackings of IP, Xcast, AH and ESP are valid (draft §3.2, §3.3). What is not built is not accepted either.

use super::sa::RoutingCoverage;
use crate::wire::{BitmapPlace, CodePoints, Family, ParseError, ParseErrorKind, XcastPacket, protocol};

/// A construction that is refused, sealing or opening: the rule it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// `[IP][AH][Xcast4 with bitmap]`: a router could not change the bitmap (draft §3.2.1).
    BitmapUnderAh,
    /// IPv4 AH with A=1: no anonymity under AH (draft §3.2.1).
    AnonymousUnderAh,
    /// A=1 with a separated bitmap: the Xcast header could not stay unchanged.
    AnonymousWithSeparatedBitmap,
    /// `[IP][Xcast4][AH]`: the destinations must precede IPsec (draft §3.2.1).
    AhBehindXcast4,
    /// `[IP][ESP[Xcast4]]` or `[IP][ESP[Routing]]`: routers could not read the destinations (draft §3.3.1).
    XcastInsideEsp,
    /// `[IP][AH][Routing]`: routers need the Routing header first.
    RoutingBehindAh,
    /// A bitmap in the Routing header, under an association that covers the whole header.
    CoverageNeedsSeparatedBitmap,
    /// A separated bitmap, under an association that zeroes fields of the Routing header.
    CoverageNeedsBitmapInHeader,
    /// X=0 under transport-mode AH or ESP: X2U would break the ICV or the encrypted transport checksum.
    X2uAllowed,
    /// An IPv4 source route under AH: its destination changes on the way.
    SourceRoute,
    /// A Routing header under AH that changes on the way, or is of type 0 (RFC 5095 §3).
    RoutingHeader,
    /// AH or ESP inside transport-mode protection, other than ESP inside AH.
    NestedProtection,
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::BitmapUnderAh => "AH over an Xcast4 header that holds its bitmap",
            Self::AnonymousUnderAh => "anonymity under IPv4 AH",
            Self::AnonymousWithSeparatedBitmap => "anonymity with a separated bitmap",
            Self::AhBehindXcast4 => "AH behind the Xcast4 header",
            Self::XcastInsideEsp => "Xcast header inside ESP",
            Self::RoutingBehindAh => "Xcast Routing header behind AH",
            Self::CoverageNeedsSeparatedBitmap => "bitmap in a Routing header that AH covers whole",
            Self::CoverageNeedsBitmapInHeader => "separated bitmap under a coverage that zeroes fields",
            Self::X2uAllowed => "X=0 under transport-mode protection",
            Self::SourceRoute => "IPv4 source route under AH",
            Self::RoutingHeader => "Routing header that changes on the way, or of type 0, under AH",
            Self::NestedProtection => "nested transport-mode protection",
        })
    }
}

impl core::error::Error for Refusal {}

/// The packet as an Xcast packet, or `None` if it is none. Checksums are the IP stack's and the router's business.
pub(crate) fn as_xcast<'a>(
    packet: &'a [u8],
    code_points: Option<&CodePoints>,
) -> Result<Option<XcastPacket<'a>>, ParseError> {
    let Some(code_points) = code_points else { return Ok(None) };
    match XcastPacket::parse_structure(packet, code_points) {
        Ok(xcast) => Ok(Some(xcast)),
        Err(error) if error.kind() == ParseErrorKind::NotXcast => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether transport-mode AH may cover `xcast`; AH may be in it already or not.
pub(crate) fn check_ah(xcast: &XcastPacket<'_>, coverage: RoutingCoverage) -> Result<(), Refusal> {
    let header = xcast.header();
    let place = header.bitmap_place();
    match (header.family(), coverage, place) {
        (Family::V4, _, BitmapPlace::Header) => return Err(Refusal::BitmapUnderAh),
        (Family::V4, _, BitmapPlace::Option) if header.anonymous() => return Err(Refusal::AnonymousUnderAh),
        (Family::V6, RoutingCoverage::Covered, BitmapPlace::Header) => {
            return Err(Refusal::CoverageNeedsSeparatedBitmap);
        }
        (Family::V6, RoutingCoverage::DataZeroed | RoutingCoverage::FieldsZeroed, BitmapPlace::Option) => {
            return Err(Refusal::CoverageNeedsBitmapInHeader);
        }
        _ => {}
    }
    check_any(xcast)
}

/// What holds for every Xcast packet, protected or not.
pub(crate) fn check_any(xcast: &XcastPacket<'_>) -> Result<(), Refusal> {
    let header = xcast.header();
    if header.anonymous() && header.bitmap_place() == BitmapPlace::Option {
        return Err(Refusal::AnonymousWithSeparatedBitmap);
    }
    if header.family() == Family::V4 && xcast.next_protocol() == protocol::AH {
        return Err(Refusal::AhBehindXcast4);
    }
    Ok(())
}

/// Whether `octets`, announced by `next_header` behind transport-mode ESP, would put an Xcast header or another protection
/// there.
pub(crate) fn check_inside_esp(
    family: Family,
    next_header: u8,
    octets: &[u8],
    code_points: Option<&CodePoints>,
) -> Result<(), Refusal> {
    if matches!(next_header, protocol::AH | protocol::ESP) {
        return Err(Refusal::NestedProtection);
    }
    let Some(fields) = code_points.map(CodePoints::fields) else { return Ok(()) };
    let is_xcast = match family {
        Family::V4 => next_header == fields.xcast4_protocol,
        Family::V6 => next_header == protocol::ROUTING && octets.get(2) == Some(&fields.xcast6_routing_type),
    };
    if is_xcast { Err(Refusal::XcastInsideEsp) } else { Ok(()) }
}
