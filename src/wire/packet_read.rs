//! Reading an Xcast packet, in the order in which its headers stand.

use super::bitmap_option::BitmapOption;
use super::ip::protocol;
use super::layout::Layout;
use super::packet::{Places, XcastPacket};
use super::packet_walk::{FoundRouting, check_ports_not_repeated, find_routing_v6};
use super::ports::PortsOption;
use super::{
    AhHeader, BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, ExtensionHeader, IpHeader, Ipv4Header,
    Ipv6Header, ParseError, ParseErrorKind, XcastHeader,
};

/// Which checksums a reader looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sums {
    None,
    /// That of an IPv4 header that announces Xcast.
    Ipv4,
    /// The Xcast CHECKSUM too.
    All,
}

impl<'a> XcastPacket<'a> {
    /// Reads a packet that starts at its IP header. Octets beyond the length it announces are left out.
    ///
    /// In IPv4 an AH between the IP header and the Xcast4 header is skipped by its Payload Len; in IPv6 Hop-by-Hop,
    /// Destination Options and other Routing headers in front of the Xcast Routing header are. The checks run in the order
    /// IP header, VERSION, structure, CHECKSUM.
    ///
    /// # Errors
    ///
    /// - [`ParseErrorKind::NotXcast`]: a sound packet, but not an Xcast one.
    /// - [`ParseErrorKind::XcastVersion`]: a version to come.
    /// - [`ParseErrorKind::Ipv4HeaderChecksum`], [`ParseErrorKind::XcastChecksum`]: damaged on the way.
    /// - [`ParseErrorKind::RoutingBehindAh`]: a construction that is refused.
    /// - Every other [`ParseErrorKind`] but [`ParseErrorKind::UdpLength`]: malformed.
    #[inline]
    pub fn parse(packet: &'a [u8], code_points: &CodePoints, checksum: ChecksumPolicy) -> Result<Self, ParseError> {
        match checksum {
            ChecksumPolicy::Verify => Self::read_verified(packet, code_points),
            ChecksumPolicy::Ignore => Self::read(packet, code_points, Sums::Ipv4),
        }
    }

    /// [`parse`](Self::parse) without a look at any checksum, for IPsec, which does not depend on them.
    pub(crate) fn parse_structure(packet: &'a [u8], code_points: &CodePoints) -> Result<Self, ParseError> {
        Self::read(packet, code_points, Sums::None)
    }

    #[inline(never)]
    fn read(packet: &'a [u8], code_points: &CodePoints, sums: Sums) -> Result<Self, ParseError> {
        match Self::plain_v6(packet, code_points) {
            Some(plain) => Ok(plain),
            None => Self::read_any(packet, code_points, sums),
        }
    }

    #[inline(never)]
    fn read_verified(packet: &'a [u8], code_points: &CodePoints) -> Result<Self, ParseError> {
        match Self::plain_v6(packet, code_points) {
            Some(plain) if plain.header.checksum_ok() => Ok(plain),
            _ => Self::read_any(packet, code_points, Sums::All),
        }
    }

    /// Reads the form that most IPv6 packets have, and with few instructions: the Xcast header first, no lists, no options.
    /// `None` for all others, sound or not.
    #[inline(always)]
    fn plain_v6(packet: &'a [u8], code_points: &CodePoints) -> Option<Self> {
        const AT: usize = super::ipv6::HEADER_LEN;
        let (ip, behind) = Ipv6Header::split(packet).ok()?;
        let octets = packet.get(..AT.wrapping_add(behind.len()))?;
        let routing_type = code_points.fields().xcast6_routing_type;
        if ip.next_header() != protocol::ROUTING {
            return None;
        }
        let (header, bits, payload) = XcastHeader::plain_v6(behind, routing_type)?;
        let next_protocol = header.next_protocol();
        if next_protocol == protocol::DESTINATION_OPTIONS {
            return None;
        }
        let places = Places {
            xcast_at: AT as u32,
            announced_at: super::ipv6::NEXT_HEADER_AT as u32,
            hop_by_hop_end: 0,
            bitmap_option_at: 0,
            ports_option_at: 0,
            next_protocol,
        };
        Some(Self { octets, ip: IpHeader::V6(ip), header, bits, payload, places })
    }

    #[inline(never)]
    fn read_any(packet: &'a [u8], code_points: &CodePoints, sums: Sums) -> Result<Self, ParseError> {
        let (ip, behind) = IpHeader::split(packet)?;
        // What a link layer padded is left out.
        let octets = packet.get(..ip.header_len().saturating_add(behind.len())).unwrap_or(packet);
        match ip {
            IpHeader::V4(ip) => Self::read_v4(octets, ip, behind, code_points, sums),
            IpHeader::V6(ip) => Self::read_v6(octets, ip, code_points, sums),
        }
    }

    fn read_v4(
        octets: &'a [u8],
        ip: Ipv4Header<'a>,
        behind_ip: &'a [u8],
        code_points: &CodePoints,
        sums: Sums,
    ) -> Result<Self, ParseError> {
        let ip_header_len = ip.header_len();
        let xcast = code_points.fields().xcast4_protocol;
        let not_xcast = ParseError::new(ParseErrorKind::NotXcast, super::ipv4::PROTOCOL_AT);
        if !announces_xcast(&ip, code_points) {
            return Err(not_xcast);
        }
        if sums != Sums::None && !ip.checksum_ok() {
            return Err(ParseError::new(ParseErrorKind::Ipv4HeaderChecksum, super::ipv4::CHECKSUM_AT));
        }
        if ip.is_fragment() {
            return Err(ParseError::new(ParseErrorKind::Fragment, super::ipv4::FLAGS_AT));
        }
        let (announced_at, xcast_at) = if ip.protocol() == protocol::AH {
            let (ah, _) = AhHeader::split(behind_ip).map_err(|error| error.shifted(ip_header_len))?;
            if ah.next_header() != xcast {
                return Err(ParseError::new(ParseErrorKind::NotXcast, ip_header_len));
            }
            (ip_header_len, ip_header_len.saturating_add(ah.header_len()))
        } else {
            (super::ipv4::PROTOCOL_AT, ip_header_len)
        };
        let bitmap_option = BitmapOption::find_v4(&ip, code_points);
        let Found { header, bitmap_option, bits } = find(octets, xcast_at, bitmap_option, XcastHeader::split_v4)?;
        check_xcast_sum(&header, xcast_at, sums)?;
        let places = Places {
            xcast_at: xcast_at as u32,
            announced_at: announced_at as u32,
            hop_by_hop_end: 0,
            bitmap_option_at: bitmap_option.map_or(0, |option| option.at as u16),
            ports_option_at: 0,
            next_protocol: header.next_protocol(),
        };
        let payload = octets.get(xcast_at.saturating_add(header.as_octets().len())..).unwrap_or(&[]);
        Ok(Self { octets, ip: IpHeader::V4(ip), header, bits, payload, places })
    }

    fn read_v6(octets: &'a [u8], ip: Ipv6Header<'a>, code_points: &CodePoints, sums: Sums) -> Result<Self, ParseError> {
        let found = find_routing_v6(octets, ip.next_header(), code_points)?;
        let FoundRouting { hop_by_hop, announced_at, at: xcast_at } = found;
        let bitmap_option = match &hop_by_hop {
            Some(header) => BitmapOption::find_v6(header, code_points),
            None => Ok(None),
        };
        let Found { header, bitmap_option, bits } = find(octets, xcast_at, bitmap_option, XcastHeader::split_v6)?;
        let end = xcast_at.saturating_add(header.as_octets().len());
        let (mut ports_option, mut next_protocol) = (None, header.next_protocol());
        if next_protocol == protocol::DESTINATION_OPTIONS {
            let options = ExtensionHeader::read(octets, protocol::DESTINATION_OPTIONS, end)?;
            ports_option = PortsOption::find(&options, code_points, header.destination_count())?;
            if let Some(ports) = ports_option {
                check_ports_not_repeated(octets, &ports, code_points)?;
                next_protocol = options.next_header();
            }
        }
        check_xcast_sum(&header, xcast_at, sums)?;
        let places = Places {
            xcast_at: xcast_at as u32,
            announced_at: announced_at as u32,
            hop_by_hop_end: hop_by_hop.map_or(0, |header| header.end() as u16),
            bitmap_option_at: bitmap_option.map_or(0, |option| option.at as u16),
            ports_option_at: ports_option.map_or(0, |ports| ports.at.saturating_sub(end) as u16),
            next_protocol,
        };
        let payload = octets.get(ports_option.map_or(end, |ports| ports.header_end)..).unwrap_or(&[]);
        Ok(Self { octets, ip: IpHeader::V6(ip), header, bits, payload, places })
    }
}

/// An Xcast header, and where its bitmap is.
struct Found<'a> {
    header: XcastHeader<'a>,
    bitmap_option: Option<BitmapOption>,
    bits: DestinationSet,
}

/// Reads the Xcast header at `at` by `split`, of a packet in which the search for a bitmap option ended with `bitmap_option`.
#[inline(always)]
fn find<'a>(
    octets: &'a [u8],
    at: usize,
    bitmap_option: Result<Option<BitmapOption>, ParseError>,
    split: impl Fn(&'a [u8], BitmapPlace) -> Result<(XcastHeader<'a>, &'a [u8]), ParseError>,
) -> Result<Found<'a>, ParseError> {
    // A version to come may do otherwise with its options: VERSION is judged before them.
    let place = if let Ok(None) = bitmap_option { BitmapPlace::Header } else { BitmapPlace::Option };
    let split = split(octets.get(at..).unwrap_or(&[]), place);
    if let Err(error) = split
        && error.kind() == ParseErrorKind::XcastVersion
    {
        return Err(error.shifted(at));
    }
    let bitmap_option = bitmap_option?;
    let (header, _) = split.map_err(|error| error.shifted(at))?;
    let bits = read_bits(octets, &header, bitmap_option)?;
    Ok(Found { header, bitmap_option, bits })
}

fn check_xcast_sum(header: &XcastHeader<'_>, at: usize, sums: Sums) -> Result<(), ParseError> {
    if sums == Sums::All && !header.checksum_ok() {
        let at = at.saturating_add(Layout::checksum_at(header.family()));
        return Err(ParseError::new(ParseErrorKind::XcastChecksum, at));
    }
    Ok(())
}

/// Whether an IPv4 header announces Xcast4, or AH, behind which it may be.
fn announces_xcast(ip: &Ipv4Header<'_>, code_points: &CodePoints) -> bool {
    ip.protocol() == code_points.fields().xcast4_protocol || ip.protocol() == protocol::AH
}

/// The bits, from the header or from the option.
fn read_bits(
    octets: &[u8],
    header: &XcastHeader<'_>,
    option: Option<BitmapOption>,
) -> Result<DestinationSet, ParseError> {
    match option {
        Some(option) => option.check(octets, header.family(), header.destination_count()),
        None => Ok(header.bitmap().unwrap_or_default()),
    }
}
