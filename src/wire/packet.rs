//! A whole Xcast packet: the IP header, what stands in front of the Xcast header, and the Xcast header itself.

use core::net::IpAddr;

use super::bitmap_option::BitmapOption;
use super::ip::protocol;
use super::layout::Layout;
use super::octets::u16_at;
use super::packet_edit::PacketLayout;
use super::ports::PortsOption;
use super::{
    AhHeader, BitmapPlace, CodePoints, DestinationSet, Dscp, ExtensionHeader, IpHeader, Ipv4Header, Ipv6Header,
    ParseError, ParseErrorKind, XcastHeader,
};

/// Whether the Xcast CHECKSUM is verified (RFC 5058 §9.2.2 leaves it to the router).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum ChecksumPolicy {
    /// A wrong CHECKSUM makes the packet unreadable.
    #[default]
    Verify,
    /// CHECKSUM is not looked at. The IPv4 header checksum still is.
    Ignore,
}

/// A packet that holds an Xcast header where routers look for it, with everything checked that parsing can check.
///
/// The values of the addresses are not checked: that binds builders and routers, not readers.
#[derive(Clone, Copy)]
pub struct XcastPacket<'a> {
    octets: &'a [u8],
    ip: IpHeader<'a>,
    header: XcastHeader<'a>,
    bits: DestinationSet,
    layout: PacketLayout,
}

impl core::fmt::Debug for XcastPacket<'_> {
    /// What follows the Xcast headers, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("XcastPacket")
            .field("source", &self.ip.source())
            .field("destination", &self.ip.destination())
            .field("header", &self.header)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
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
    pub fn parse(packet: &'a [u8], code_points: &CodePoints, checksum: ChecksumPolicy) -> Result<Self, ParseError> {
        let (ip, _) = IpHeader::split(packet)?;
        if let IpHeader::V4(header) = &ip
            && announces_xcast(header, code_points)
            && !header.checksum_ok()
        {
            return Err(ParseError::new(ParseErrorKind::Ipv4HeaderChecksum, super::ipv4::CHECKSUM_AT));
        }
        let parsed = Self::parse_structure(packet, code_points)?;
        if checksum == ChecksumPolicy::Verify && !parsed.header.checksum_ok() {
            let at = parsed.layout.xcast_at.saturating_add(Layout::checksum_at(ip.family()));
            return Err(ParseError::new(ParseErrorKind::XcastChecksum, at));
        }
        Ok(parsed)
    }

    /// [`parse`](Self::parse) without a look at any checksum, for IPsec, which does not depend on them.
    pub(crate) fn parse_structure(packet: &'a [u8], code_points: &CodePoints) -> Result<Self, ParseError> {
        let (ip, _) = IpHeader::split(packet)?;
        let octets = packet.get(..ip.packet_len()).unwrap_or(packet);
        match ip {
            IpHeader::V4(header) => Self::parse_v4(octets, header, code_points),
            IpHeader::V6(header) => Self::parse_v6(octets, header, code_points),
        }
    }

    fn parse_v4(octets: &'a [u8], ip: Ipv4Header<'a>, code_points: &CodePoints) -> Result<Self, ParseError> {
        let xcast = code_points.fields().xcast4_protocol;
        let not_xcast = ParseError::new(ParseErrorKind::NotXcast, super::ipv4::PROTOCOL_AT);
        if !announces_xcast(&ip, code_points) {
            return Err(not_xcast);
        }
        if ip.is_fragment() {
            return Err(ParseError::new(ParseErrorKind::Fragment, super::ipv4::FLAGS_AT));
        }
        let ip_header_len = ip.header_len();
        let behind_ip = octets.get(ip_header_len..).unwrap_or(&[]);
        let (ah_at, announced_at, xcast_at) = if ip.protocol() == protocol::AH {
            let (ah, _) = AhHeader::split(behind_ip).map_err(|error| error.shifted(ip_header_len))?;
            if ah.next_header() != xcast {
                return Err(ParseError::new(ParseErrorKind::NotXcast, ip_header_len));
            }
            (Some(ip_header_len), ip_header_len, ip_header_len.saturating_add(ah.header_len()))
        } else {
            (None, super::ipv4::PROTOCOL_AT, ip_header_len)
        };
        let bitmap_option = BitmapOption::find_v4(&ip, code_points);
        // A version to come may do otherwise with its options: VERSION is judged before them.
        let place = if let Ok(None) = bitmap_option { BitmapPlace::Header } else { BitmapPlace::Option };
        let split = XcastHeader::split_v4(octets.get(xcast_at..).unwrap_or(&[]), place);
        if let Err(error) = split
            && error.kind() == ParseErrorKind::XcastVersion
        {
            return Err(error.shifted(xcast_at));
        }
        let bitmap_option = bitmap_option?;
        let (header, _) = split.map_err(|error| error.shifted(xcast_at))?;
        let bits = read_bits(octets, &header, bitmap_option)?;
        let layout = PacketLayout {
            packet_len: octets.len(),
            ip_header_len,
            hop_by_hop: None,
            bitmap_option,
            ah_at,
            xcast_at,
            header: *header.layout(),
            ports_option: None,
            next_protocol_at: xcast_at.saturating_add(super::xcast4::PROT_ID_AT),
            announced_at,
            payload_at: xcast_at.saturating_add(header.layout().len),
        };
        Ok(Self { octets, ip: IpHeader::V4(ip), header, bits, layout })
    }

    fn parse_v6(octets: &'a [u8], ip: Ipv6Header<'a>, code_points: &CodePoints) -> Result<Self, ParseError> {
        let found = find_routing_v6(octets, ip.next_header(), code_points)?;
        let FoundRouting { hop_by_hop, announced_at, at: xcast_at } = found;
        let bitmap_option = match &hop_by_hop {
            Some(header) => BitmapOption::find_v6(header, code_points),
            None => Ok(None),
        };
        let place = if let Ok(None) = bitmap_option { BitmapPlace::Header } else { BitmapPlace::Option };
        let split = XcastHeader::split_v6(octets.get(xcast_at..).unwrap_or(&[]), place);
        if let Err(error) = split
            && error.kind() == ParseErrorKind::XcastVersion
        {
            return Err(error.shifted(xcast_at));
        }
        let bitmap_option = bitmap_option?;
        let (header, _) = split.map_err(|error| error.shifted(xcast_at))?;
        let bits = read_bits(octets, &header, bitmap_option)?;
        let behind = xcast_at.saturating_add(header.layout().len);
        let ports_option = if header.next_protocol() == protocol::DESTINATION_OPTIONS {
            let options = ExtensionHeader::read(octets, protocol::DESTINATION_OPTIONS, behind)?;
            PortsOption::find(&options, code_points, header.destination_count())?
        } else {
            None
        };
        if let Some(ports) = ports_option {
            check_ports_not_repeated(octets, &ports, code_points)?;
        }
        let (next_protocol_at, payload_at) = match ports_option {
            Some(ports) => (ports.header_at, ports.header_end),
            None => (xcast_at, behind),
        };
        let layout = PacketLayout {
            packet_len: octets.len(),
            ip_header_len: super::ipv6::HEADER_LEN,
            hop_by_hop: hop_by_hop.map(|header| (header.at, header.end())),
            bitmap_option,
            ah_at: None,
            xcast_at,
            header: *header.layout(),
            ports_option,
            next_protocol_at,
            announced_at,
            payload_at,
        };
        Ok(Self { octets, ip: IpHeader::V6(ip), header, bits, layout })
    }

    pub(crate) const fn layout(&self) -> &PacketLayout {
        &self.layout
    }

    /// The packet's octets.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The IP header.
    #[must_use]
    pub const fn ip(&self) -> &IpHeader<'a> {
        &self.ip
    }

    /// The Xcast header.
    #[must_use]
    pub const fn header(&self) -> &XcastHeader<'a> {
        &self.header
    }

    /// The destinations still to be served on this branch, wherever the bitmap is.
    #[must_use]
    pub const fn bits(&self) -> DestinationSet {
        self.bits
    }

    /// Whether there is a port per destination.
    #[must_use]
    pub const fn has_ports(&self) -> bool {
        self.header.has_ports() || self.layout.ports_option.is_some()
    }

    /// The port of destination `index`, if there are ports.
    #[must_use]
    pub fn port(&self, index: usize) -> Option<u16> {
        match self.layout.ports_option {
            None => self.header.port(index),
            Some(_) if index >= self.header.destination_count() => None,
            Some(option) => u16_at(self.octets, option.port_at(index)),
        }
    }

    /// The address of destination `index`.
    #[must_use]
    pub fn destination(&self, index: usize) -> Option<IpAddr> {
        self.header.destination(index)
    }

    /// The index of the first destination still to be served that is `address`: what a receiver looks for with its own.
    #[must_use]
    pub fn index_of(&self, address: IpAddr) -> Option<usize> {
        self.bits.iter().find(|&index| self.destination(index) == Some(address))
    }

    /// The DSCP of destination `index`, if there is a list.
    #[must_use]
    pub fn dscp(&self, index: usize) -> Option<Dscp> {
        self.header.dscp(index)
    }

    /// Whether an AH stands in front of the Xcast4 header.
    #[must_use]
    pub const fn is_behind_ah(&self) -> bool {
        self.layout.ah_at.is_some()
    }

    /// The protocol of what follows all Xcast headers.
    #[must_use]
    pub fn next_protocol(&self) -> u8 {
        self.octets.get(self.layout.next_protocol_at).copied().unwrap_or(protocol::NO_NEXT_HEADER)
    }

    /// What follows all Xcast headers: AH, ESP or the transport segment.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.octets.get(self.layout.payload_at..).unwrap_or(&[])
    }
}

/// That no Destination Options header directly behind the one with the ports has a Ports option as well. One that cannot be
/// read is no part of Xcast.
fn check_ports_not_repeated(octets: &[u8], ports: &PortsOption, code_points: &CodePoints) -> Result<(), ParseError> {
    let (mut kind, mut at) = (octets.get(ports.header_at).copied(), ports.header_end);
    while kind == Some(protocol::DESTINATION_OPTIONS) {
        let Ok(header) = ExtensionHeader::read(octets, protocol::DESTINATION_OPTIONS, at) else { break };
        let mut options = header.options().map_while(Result::ok);
        if let Some(option) = options.find(|option| option.kind == code_points.fields().ports_option) {
            return Err(ParseError::new(ParseErrorKind::RepeatedOption, option.at));
        }
        (kind, at) = (Some(header.next_header()), header.end());
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

struct FoundRouting<'a> {
    hop_by_hop: Option<ExtensionHeader<'a>>,
    announced_at: usize,
    at: usize,
}

/// Walks an IPv6 packet to the Xcast Routing header.
fn find_routing_v6<'a>(octets: &'a [u8], first: u8, code_points: &CodePoints) -> Result<FoundRouting<'a>, ParseError> {
    let xcast = code_points.fields().xcast6_routing_type;
    let (mut kind, mut announced_at, mut at) = (first, super::ipv6::NEXT_HEADER_AT, super::ipv6::HEADER_LEN);
    let mut hop_by_hop = None;
    let mut behind_ah = false;
    loop {
        let next = match kind {
            protocol::HOP_BY_HOP if at != super::ipv6::HEADER_LEN => {
                return Err(ParseError::new(ParseErrorKind::HopByHopPlace, announced_at));
            }
            protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS => ExtensionHeader::read(octets, kind, at)?,
            protocol::ROUTING => {
                let routing_type = octets.get(at.saturating_add(2));
                if routing_type == Some(&xcast) {
                    return if behind_ah {
                        Err(ParseError::new(ParseErrorKind::RoutingBehindAh, at))
                    } else {
                        Ok(FoundRouting { hop_by_hop, announced_at, at })
                    };
                }
                ExtensionHeader::read(octets, kind, at)?
            }
            protocol::AH => {
                let (ah, _) = AhHeader::split(octets.get(at..).unwrap_or(&[])).map_err(|error| error.shifted(at))?;
                behind_ah = true;
                kind = ah.next_header();
                announced_at = at;
                at = at.saturating_add(ah.header_len());
                continue;
            }
            _ => return Err(ParseError::new(ParseErrorKind::NotXcast, announced_at)),
        };
        if kind == protocol::HOP_BY_HOP {
            hop_by_hop = Some(next);
        }
        announced_at = at;
        kind = next.next_header();
        at = next.end();
    }
}
