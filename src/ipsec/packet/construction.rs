//! Which stackings of IP, Xcast, AH and ESP are valid (draft §3.2, §3.3). What is not built is not accepted either.

use crate::ipsec::association::config::{RoutingCoverage, SecurityProtocol};
use crate::wire::{
    BitmapPlace, CodePoints, ExtensionHeader, Family, ParseError, ParseErrorKind, XcastPacket, protocol,
};

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
    /// Address preservation between packets of two families (RFC 5374 §4.1.2).
    PreservationFamilies,
    /// An outer address that is not the inner one under address preservation, or no inner one (RFC 5374 §3.1).
    NotPreserved,
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
            Self::PreservationFamilies => "address preservation between two IP versions",
            Self::NotPreserved => "outer address that is not the inner one",
        })
    }
}

impl core::error::Error for Refusal {}

/// Why headers are not protected, or not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// They cannot be read.
    Parse(ParseError),
    /// They can, but not in this order.
    Refused(Refusal),
}

impl From<ParseError> for Unfit {
    fn from(error: ParseError) -> Self {
        match error.kind() {
            // What the parser refuses because of its place is a refusal here too.
            ParseErrorKind::RoutingBehindAh => Self::Refused(Refusal::RoutingBehindAh),
            _ => Self::Parse(error),
        }
    }
}

impl From<Refusal> for Unfit {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The packet, of `family`, as an Xcast packet, or `None` if it is none. Checksums are the IP stack's and the router's business.
/// `announced` is what the IP header says that follows it: most that are no Xcast packets need no further look.
#[inline]
pub(crate) fn as_xcast_behind<'a>(
    family: Family,
    announced: u8,
    packet: &'a [u8],
    code_points: Option<&CodePoints>,
) -> Result<Option<XcastPacket<'a>>, Unfit> {
    match code_points {
        Some(code_points) if may_be_xcast(family, announced, code_points) => parse_xcast(packet, code_points),
        _ => Ok(None),
    }
}

/// Whether what follows the IP header is an Xcast header, or one that an Xcast header can stand behind.
fn may_be_xcast(family: Family, announced: u8, code_points: &CodePoints) -> bool {
    match family {
        Family::V4 => announced == protocol::AH || announced == code_points.fields().xcast4_protocol,
        Family::V6 => {
            matches!(announced, protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING | protocol::AH)
        }
    }
}

fn parse_xcast<'a>(packet: &'a [u8], code_points: &CodePoints) -> Result<Option<XcastPacket<'a>>, Unfit> {
    match XcastPacket::parse_structure(packet, code_points) {
        Ok(xcast) => Ok(Some(xcast)),
        Err(error) if error.kind() == ParseErrorKind::NotXcast => Ok(None),
        Err(error) => Err(error.into()),
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

/// Whether nothing is said of what may stand in front of what `next_header` announces behind an IPv4 header: most are of such
/// a protocol.
#[inline(always)]
pub(crate) fn is_of_no_rule(next_header: u8, code_points: Option<&CodePoints>) -> bool {
    let is_xcast = code_points.is_some_and(|points| points.fields().xcast4_protocol == next_header);
    !is_xcast && !matches!(next_header, protocol::AH | protocol::ESP)
}

/// Whether transport-mode `outer` may stand in front of what starts at `at` in `octets`, announced by `next_header`: no
/// fragment, no Xcast header that routers need to see, no other protection but ESP inside AH. IPv6 extension headers are
/// looked through, or they would hide all three.
#[inline(always)]
pub(crate) fn check_behind(
    outer: SecurityProtocol,
    family: Family,
    next_header: u8,
    octets: &[u8],
    at: usize,
    code_points: Option<&CodePoints>,
) -> Result<(), Unfit> {
    if family == Family::V4 && is_of_no_rule(next_header, code_points) {
        return Ok(());
    }
    check_headers_behind(outer, family, next_header, octets, at, code_points)
}

#[inline(never)]
fn check_headers_behind(
    outer: SecurityProtocol,
    family: Family,
    next_header: u8,
    octets: &[u8],
    at: usize,
    code_points: Option<&CodePoints>,
) -> Result<(), Unfit> {
    let fields = code_points.map(CodePoints::fields);
    let (mut kind, mut at) = (next_header, at);
    // Every round goes at least 8 octets on.
    loop {
        match (family, kind) {
            (_, protocol::ESP) if outer == SecurityProtocol::Ah => return Ok(()),
            (_, protocol::AH | protocol::ESP) => return Err(Refusal::NestedProtection.into()),
            // AH stands in front of the Xcast4 header.
            (Family::V4, _)
                if outer == SecurityProtocol::Esp && fields.is_some_and(|own| own.xcast4_protocol == kind) =>
            {
                return Err(Refusal::XcastInsideEsp.into());
            }
            (Family::V6, protocol::FRAGMENT) => return Err(ParseError::new(ParseErrorKind::Fragment, at).into()),
            (Family::V6, protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING) => {
                let header = ExtensionHeader::read(octets, kind, at)?;
                if fields.is_some_and(|own| header.routing_type() == Some(own.xcast6_routing_type)) {
                    return Err(match outer {
                        SecurityProtocol::Ah => Refusal::RoutingBehindAh.into(),
                        SecurityProtocol::Esp => Refusal::XcastInsideEsp.into(),
                    });
                }
                (kind, at) = (header.next_header(), header.end());
            }
            _ => return Ok(()),
        }
    }
}
