//! Between XCAST6 2.0 and RFC 5058, at a border router. What becomes of which field stands in the documentation of `v2`.

use core::net::{IpAddr, Ipv6Addr};

use crate::forward::arrival;
use crate::forward::transport::{Behind, Transport};
use crate::wire::xcast6_v2::{CodePointsV2, MAX_DESTINATIONS, PacketV2, ReprV2, set_flow_label};
use crate::wire::{
    BitmapPlace, CodePoints, Destinations, EmitError, ExtensionHeader, Family, IpHeader, XcastPacket, XcastRepr, ipv6,
    leave_tunnel, protocol, put, set_traffic_class,
};

/// What of an RFC 5058 packet XCAST6 2.0 has no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// CHANNEL IDENTIFIER, other than 0.
    Channel,
    /// The list of DSCPs.
    Dscps,
    /// The list of ports.
    Ports,
}

/// What of an RFC 5058 packet may be lost on the way to XCAST6 2.0. Start from [`MayLose::NOTHING`] or
/// [`MayLose::default`], which is the same, and change fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MayLose {
    /// CHANNEL IDENTIFIER: receivers that tell sessions apart by it cannot.
    pub channel: bool,
    /// DSCPs: every copy keeps the one of the IP header.
    pub dscps: bool,
    /// Ports: every receiver gets the packet at the port that is in the segment, which beside a list is 0 (RFC 5058 §8.1).
    pub ports: bool,
}

impl MayLose {
    /// A packet that would lose something is refused.
    pub const NOTHING: Self = Self { channel: false, dscps: false, ports: false };
}

/// Why a packet was not converted. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConvertError {
    /// It is of IPv4, which XCAST6 2.0 does not have.
    Ipv4,
    /// There is an AH in it: its ICV would no longer fit (RFC 4302 §3.3.3).
    Ah,
    /// Extension headers stand in front of the Routing header, where XCAST6 2.0 has none: a separated bitmap among them.
    HeadersInFront,
    /// It would lose something that it may not.
    WouldLose(Field),
    /// The header with the Ports option holds other options, which would be lost with it.
    OtherOptions,
    /// The Destination Options header of an XCAST6 2.0 packet would be read as ports, or could not be read, by RFC 5058.
    ForeignPorts,
    /// The checksum of its transport is computed for an address that changes, and cannot be changed: a protocol that is not
    /// known, a fragment, or a segment too short for its checksum field.
    Transport,
    /// The other format cannot hold it: too many destinations, one that cannot be routed to, a packet too long, …
    Emit(EmitError),
}

impl From<EmitError> for ConvertError {
    fn from(error: EmitError) -> Self {
        Self::Emit(error)
    }
}

impl core::fmt::Display for ConvertError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ah => "AH would no longer verify",
            Self::HeadersInFront => "extension headers in front of the Routing header",
            Self::WouldLose(Field::Channel) => "the channel identifier would be lost",
            Self::WouldLose(Field::Dscps) => "the DSCPs would be lost",
            Self::WouldLose(Field::Ports) => "the ports would be lost",
            Self::OtherOptions => "options beside the ports would be lost",
            Self::ForeignPorts => "its Destination Options would be read as ports",
            Self::Transport => "the transport checksum cannot be changed",
            Self::Emit(error) => return error.fmt(f),
        })
    }
}

impl core::error::Error for ConvertError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Emit(error) => Some(error),
            _ => None,
        }
    }
}

type Addresses = heapless::Vec<Ipv6Addr, MAX_DESTINATIONS>;

fn collect(list: impl Iterator<Item = Ipv6Addr>) -> Result<Addresses, EmitError> {
    let mut addresses = Addresses::new();
    for address in list {
        addresses.push(address).map_err(|_| EmitError::TooManyDestinations { max: MAX_DESTINATIONS })?;
    }
    Ok(addresses)
}

/// Writes `packet` as an RFC 5058 one to `buffer`, and returns its length. What becomes of which field:
/// [table](super#at-the-border).
///
/// ESP passes unchanged. In transport mode the checksum inside stays the one for the group of the side it came from, and
/// the receiver has to repair it, as behind a NAT (RFC 3948 §3.1.2).
///
/// # Errors
///
/// - [`ConvertError::Ah`], [`ConvertError::ForeignPorts`], [`ConvertError::Transport`], [`ConvertError::Emit`]; `buffer` is
///   unchanged.
pub fn to_rfc5058(packet: &PacketV2<'_>, code_points: &CodePoints, buffer: &mut [u8]) -> Result<usize, ConvertError> {
    let segment = Segment::find(super::copy::behind(packet))?;
    check_options(packet, code_points)?;
    let addresses = collect(packet.destinations())?;
    let repr = XcastRepr {
        destinations: Destinations::V6 { source: packet.inner().source(), channel: [0; 16], addresses: &addresses },
        bits: packet.bits(),
        dscps: None,
        ports: None,
        anonymous: packet.anonymous(),
        no_x2u: packet.no_x2u(),
        bitmap: BitmapPlace::Header,
        hop_limit: packet.outer().hop_limit(),
        next_protocol: packet.next_protocol(),
    };
    let payload = packet.payload();
    let needed = repr.encoded_len(payload.len());
    let behind = repr.emit(code_points, payload.len(), buffer)?;
    put(behind, 0, payload).ok_or(EmitError::BufferTooSmall { needed })?;
    segment.redirect(behind, packet.inner().destination(), code_points.fields().routers_v6);
    let inner_class = packet.inner().traffic_class();
    let ecn = leave_tunnel(inner_class, packet.outer().traffic_class());
    set_traffic_class(buffer, Family::V6, (inner_class & !0b11) | ecn);
    set_flow_label(buffer, packet.inner().flow_label());
    Ok(needed)
}

/// Writes `packet`, an RFC 5058 one, as XCAST6 2.0 to `buffer`, and returns its length. What becomes of which field:
/// [table](super#at-the-border).
///
/// For ESP see [`to_rfc5058`]. There is no CHECKSUM any more to show damage that parsing was told to ignore.
///
/// # Errors
///
/// - Every [`ConvertError`] but [`ConvertError::ForeignPorts`]; `buffer` is unchanged.
pub fn from_rfc5058(
    packet: &XcastPacket<'_>,
    code_points: &CodePointsV2,
    may_lose: MayLose,
    buffer: &mut [u8],
) -> Result<usize, ConvertError> {
    let IpHeader::V6(ip) = packet.ip() else { return Err(ConvertError::Ipv4) };
    if packet.layout().xcast_at != ipv6::HEADER_LEN {
        return Err(ConvertError::HeadersInFront);
    }
    let segment = Segment::find(arrival::behind(packet))?;
    check_losses(packet, may_lose)?;
    let v6 = |address| if let IpAddr::V6(address) = address { Some(address) } else { None };
    let addresses = collect(packet.header().destinations().filter_map(v6))?;
    let repr = ReprV2 {
        source: ip.source(),
        outer_source: ip.source(),
        addresses: &addresses,
        bits: packet.bits(),
        anonymous: packet.header().anonymous(),
        no_x2u: packet.header().no_x2u(),
        icmp_offset: 0,
        traffic_class: ip.traffic_class(),
        flow_label: ip.flow_label(),
        outer_ecn: ip.traffic_class(),
        hop_limit: ip.hop_limit(),
        next_protocol: packet.next_protocol(),
    };
    let payload = packet.payload();
    let needed = repr.encoded_len(payload.len());
    let behind = repr.emit(code_points, payload.len(), buffer)?;
    put(behind, 0, payload).ok_or(EmitError::BufferTooSmall { needed })?;
    segment.redirect(behind, ip.destination(), code_points.fields().group);
    Ok(needed)
}

/// Where the transport checksum is that has to follow the group, counted from the end of the Routing header (and of the
/// ports).
struct Segment(Option<(Transport, usize)>);

impl Segment {
    fn find(behind: Behind<'_>) -> Result<Self, ConvertError> {
        if behind.has_ah() {
            return Err(ConvertError::Ah);
        }
        // No checksum of theirs has the address in it, or none that can be reached.
        if let (protocol::ESP | protocol::IPV4 | protocol::IPV6 | protocol::NO_NEXT_HEADER, _) = behind.behind_options()
        {
            return Ok(Self(None));
        }
        let (transport, segment_at) = behind.transport().ok_or(ConvertError::Transport)?;
        Ok(Self(Some((transport, segment_at.saturating_sub(behind.at)))))
    }

    fn redirect(&self, behind: &mut [u8], old: Ipv6Addr, new: Ipv6Addr) {
        if let Self(Some((transport, at))) = self
            && let Some(segment) = behind.get_mut(*at..)
        {
            transport.redirect(segment, old.into(), new.into(), None);
        }
    }
}

/// XCAST6 2.0 has no ports, so what RFC 5058 would read as such means something else (WIRE.md §4).
fn check_options(packet: &PacketV2<'_>, code_points: &CodePoints) -> Result<(), ConvertError> {
    if packet.next_protocol() != protocol::DESTINATION_OPTIONS {
        return Ok(());
    }
    let header = ExtensionHeader::read(packet.as_octets(), packet.next_protocol(), packet.payload_at())
        .map_err(|_| ConvertError::ForeignPorts)?;
    let is_foreign = |kind: u8| kind == code_points.fields().ports_option;
    if header.options().all(|option| option.is_ok_and(|option| !is_foreign(option.kind))) {
        Ok(())
    } else {
        Err(ConvertError::ForeignPorts)
    }
}

fn check_losses(packet: &XcastPacket<'_>, may_lose: MayLose) -> Result<(), ConvertError> {
    let header = packet.header();
    if !may_lose.channel && header.channel().iter().any(|&octet| octet != 0) {
        return Err(ConvertError::WouldLose(Field::Channel));
    }
    if !may_lose.dscps && header.has_dscps() {
        return Err(ConvertError::WouldLose(Field::Dscps));
    }
    let Some(ports) = packet.layout().ports_option else { return Ok(()) };
    if !may_lose.ports {
        return Err(ConvertError::WouldLose(Field::Ports));
    }
    let header = ExtensionHeader::read(packet.as_octets(), protocol::DESTINATION_OPTIONS, ports.header_at)
        .map_err(|_| ConvertError::OtherOptions)?;
    let mut options = header.options().map_while(Result::ok);
    if options.all(|option| option.is_padding() || option.at == ports.at) {
        Ok(())
    } else {
        Err(ConvertError::OtherOptions)
    }
}
