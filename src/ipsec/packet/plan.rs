//! Everything that is decided, measured and refused before the first octet of a packet is changed to seal it.

use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::{Mode, SecurityProtocol};
use crate::ipsec::association::outer::{OuterDf, OuterHeader};
use crate::ipsec::association::sa::{AhTransform, EspTransform, Sa, Transform};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::construction::{Refusal, as_xcast_behind, check_ah, check_any, check_behind};
use crate::ipsec::packet::coverage::Coverable;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::placement::{Place, behind_ip_header, behind_routing};
use crate::wire::{CodePoints, Family, IpHeader, TunnelEnds, UdpDatagram, protocol};

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// A packet.
    Packet,
    /// Octets that nobody is to get (RFC 4303 §2.6): in transport mode behind a packet's headers, in tunnel mode alone.
    Dummy,
}

/// How one packet is going to be sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Octets of the packet as it is, by its IP header; what lies behind is cut off.
    pub(crate) len: usize,
    /// Where AH or ESP goes: in tunnel mode, behind the header that goes around the packet.
    pub(crate) place: Place,
    /// What AH or ESP says of what follows it.
    pub(crate) next_header: u8,
    /// Where the Xcast header starts that gets X=1, in transport mode of a packet that has one.
    pub(crate) xcast_at: Option<usize>,
    /// What AH needs to read the headers in front of it.
    pub(crate) coverable: Option<Coverable>,
    /// In tunnel mode, the header that goes around the packet.
    pub(crate) outside: Option<Outside>,
    /// Octets inserted: AH or ESP header, and in tunnel mode the outer IP header in front of it.
    pub(crate) inserted: usize,
    /// Octets of TFC padding behind the payload.
    pub(crate) tfc_len: usize,
    /// Octets appended in all: TFC padding, ESP trailer, ICV.
    pub(crate) appended: usize,
    /// Octets the algorithm is applied to (RFC 4301 §4.4.2.1).
    pub(crate) processed: u64,
    /// Whether routers may fragment the packet once it is sealed (RFC 4301 §8.2.1, case 2).
    pub(crate) fragmentable: bool,
    /// Whether the packet is [plain](Self::plain).
    pub(super) is_plain: bool,
}

/// The header that goes around a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside {
    pub(crate) ends: TunnelEnds,
    pub(crate) traffic_class: u8,
    pub(crate) hop_limit: u8,
    /// Whether an IPv4 one lets routers fragment.
    pub(crate) fragmentable: bool,
}

impl Plan {
    /// Plans to seal `packet`, which is not changed.
    #[inline]
    pub(crate) fn new<P: CryptoProvider>(
        sa: &Sa<P>,
        contents: Contents,
        code_points: Option<&CodePoints>,
        packet: &PacketBuf<'_>,
    ) -> Result<Self, SealError> {
        match Self::plain(sa, contents, code_points, packet) {
            Some(plan) => Ok(plan),
            None => Self::any(sa, contents, code_points, packet),
        }
    }

    /// The plan for a packet of any kind.
    #[inline(never)]
    pub(super) fn any<P: CryptoProvider>(
        sa: &Sa<P>,
        contents: Contents,
        code_points: Option<&CodePoints>,
        packet: &PacketBuf<'_>,
    ) -> Result<Self, SealError> {
        if contents == Contents::Dummy && sa.protocol() == SecurityProtocol::Ah {
            return Err(SealError::NotEsp);
        }
        // Each of them returns a plan that is ready, so that none is moved.
        match sa.mode() {
            Mode::Tunnel(outer) => Self::tunnel(sa, outer, contents, packet),
            Mode::Transport => {
                let (ip, _) = IpHeader::split(packet.as_octets())?;
                if !sa.is_for(ip.destination(), ip.source()) {
                    return Err(SealError::OtherAddresses);
                }
                match &sa.transform {
                    Transform::Ah(transform) => Self::ah_transport(transform, code_points, &ip, packet),
                    Transform::Esp(transform) => Self::esp_transport(transform, contents, code_points, &ip, packet),
                }
            }
        }
    }

    /// Octets of the packet once it is sealed.
    pub(crate) const fn sealed_len(&self) -> usize {
        self.len.saturating_add(self.inserted).saturating_add(self.appended)
    }

    /// The family of the packet once it is sealed.
    pub(crate) const fn family(&self) -> Family {
        self.place.family
    }

    /// Whether IP header and buffer take the sealed packet.
    fn check_lengths(&self, packet: &PacketBuf<'_>) -> Result<(), SealError> {
        let len = self.sealed_len();
        if len > self.family().max_packet_len() {
            return Err(SealError::PacketTooLong { len });
        }
        // What lies behind the packet is room as well.
        if !packet.fits(self.len, self.inserted, self.appended) {
            return Err(self.no_room());
        }
        Ok(())
    }

    pub(crate) const fn no_room(&self) -> SealError {
        SealError::NoRoom { inserted: self.inserted, appended: self.appended }
    }

    #[inline]
    fn ah_transport<P: CryptoProvider>(
        transform: &AhTransform<P>,
        code_points: Option<&CodePoints>,
        ip: &IpHeader<'_>,
        packet: &PacketBuf<'_>,
    ) -> Result<Self, SealError> {
        let octets = whole(ip, packet);
        let found = as_xcast_behind(ip.family(), ip.next_header(), octets, code_points);
        let xcast = found.as_ref().map_err(|unfit| *unfit)?.as_ref();
        if let Some(xcast) = xcast {
            check_ah(xcast, transform.coverage)?;
        }
        let place = match ip.family() {
            Family::V4 => behind_ip_header(ip)?,
            Family::V6 => behind_routing(ip, octets, xcast)?,
        };
        check_behind(SecurityProtocol::Ah, place.family, place.next_header, octets, place.at, code_points)?;
        let coverable = Coverable::read(octets, &place, transform.coverage, code_points)?;
        if coverable.has_routing_type_0 {
            return Err(Refusal::RoutingHeader.into());
        }
        let inserted = transform.header_len(place.family);
        let xcast_at = xcast.map(|xcast| xcast.layout().xcast_at);
        let plan = Self::ah(octets.len(), place, place.next_header, coverable, inserted);
        plan.check_lengths(packet)?;
        Ok(Self { xcast_at, fragmentable: is_fragmentable(ip), ..plan })
    }

    #[inline]
    fn esp_transport<P: CryptoProvider>(
        transform: &EspTransform<P>,
        contents: Contents,
        code_points: Option<&CodePoints>,
        ip: &IpHeader<'_>,
        packet: &PacketBuf<'_>,
    ) -> Result<Self, SealError> {
        let octets = whole(ip, packet);
        let found = as_xcast_behind(ip.family(), ip.next_header(), octets, code_points);
        let xcast = found.as_ref().map_err(|unfit| *unfit)?.as_ref();
        if let Some(xcast) = xcast {
            check_any(xcast)?;
            if xcast.is_behind_ah() {
                return Err(Refusal::NestedProtection.into());
            }
        }
        let place = behind_routing(ip, octets, xcast)?;
        let payload_len = octets.len().saturating_sub(place.at);
        let next_header = match contents {
            Contents::Dummy => protocol::NO_NEXT_HEADER,
            Contents::Packet => {
                check_behind(SecurityProtocol::Esp, place.family, place.next_header, octets, place.at, code_points)?;
                let pads = transform.tfc.padding_len(payload_len) > 0;
                if pads && udp_end(place.family, octets, place.next_header, place.at) != Some(octets.len()) {
                    return Err(SealError::TfcNeedsLength);
                }
                place.next_header
            }
        };
        let xcast_at = xcast.map(|xcast| xcast.layout().xcast_at);
        let plan = Self::esp(transform, octets.len(), place, next_header, 0, payload_len);
        plan.check_lengths(packet)?;
        Ok(Self { xcast_at, fragmentable: is_fragmentable(ip), ..plan })
    }

    #[inline]
    fn tunnel<P: CryptoProvider>(
        sa: &Sa<P>,
        outer: &OuterHeader,
        contents: Contents,
        packet: &PacketBuf<'_>,
    ) -> Result<Self, SealError> {
        let octets = packet.as_octets();
        let (outside, next_header, len) = match contents {
            Contents::Packet => {
                let (inner, _) = IpHeader::split(octets)?;
                (Outside::around(outer, &inner)?, inner.family().protocol(), inner.packet_len())
            }
            Contents::Dummy => (Outside::around_dummy(outer)?, protocol::NO_NEXT_HEADER, octets.len()),
        };
        let family = outside.ends.family();
        if !sa.is_for(outside.ends.destination(), outside.ends.source()) {
            return Err(SealError::OtherAddresses);
        }
        let outer_len = family.min_header_len();
        let place = Place::behind_plain_ip(family, outer_len.saturating_add(len));
        let plan = match &sa.transform {
            Transform::Ah(transform) => {
                let coverable = Coverable::without_extensions(transform.coverage);
                let inserted = outer_len.saturating_add(transform.header_len(family));
                Self::ah(len, place, next_header, coverable, inserted)
            }
            Transform::Esp(transform) => Self::esp(transform, len, place, next_header, outer_len, len),
        };
        plan.check_lengths(packet)?;
        let fragmentable = outside.fragmentable && family == Family::V4;
        Ok(Self { outside: Some(outside), fragmentable, ..plan })
    }

    #[inline(always)]
    pub(super) const fn ah(len: usize, place: Place, next_header: u8, coverable: Coverable, inserted: usize) -> Self {
        Self {
            len,
            place,
            next_header,
            xcast_at: None,
            coverable: Some(coverable),
            outside: None,
            inserted,
            tfc_len: 0,
            appended: 0,
            // AH is applied to the packet as a whole.
            processed: len.saturating_add(inserted) as u64,
            fragmentable: false,
            is_plain: false,
        }
    }

    #[inline(always)]
    pub(super) fn esp<P: CryptoProvider>(
        transform: &EspTransform<P>,
        len: usize,
        place: Place,
        next_header: u8,
        outer_len: usize,
        payload_len: usize,
    ) -> Self {
        let appended = transform.appended_len(payload_len);
        Self {
            len,
            place,
            next_header,
            xcast_at: None,
            coverable: None,
            outside: None,
            inserted: outer_len.saturating_add(transform.header_len()),
            tfc_len: transform.tfc.padding_len(payload_len),
            appended,
            processed: payload_len.saturating_add(appended).saturating_sub(transform.icv_len) as u64,
            fragmentable: false,
            is_plain: false,
        }
    }
}

/// The packet, without what lies behind it.
fn whole<'p>(ip: &IpHeader<'_>, packet: &'p PacketBuf<'_>) -> &'p [u8] {
    let octets = packet.as_octets();
    octets.get(..ip.packet_len()).unwrap_or(octets)
}

/// Whether routers may fragment the packet (RFC 4301 §8.2.1, case 2).
fn is_fragmentable(ip: &IpHeader<'_>) -> bool {
    matches!(ip, IpHeader::V4(header) if !header.dont_fragment())
}

impl Outside {
    fn around(outer: &OuterHeader, inner: &IpHeader<'_>) -> Result<Self, Refusal> {
        let fragmentable = match (outer.df, inner) {
            (OuterDf::Clear, _) => true,
            (OuterDf::Copy, IpHeader::V4(inner)) => !inner.dont_fragment(),
            (OuterDf::Copy, IpHeader::V6(_)) | (OuterDf::Set, _) => false,
        };
        Ok(Self {
            ends: outer.ends(inner)?,
            traffic_class: outer.traffic_class(inner.traffic_class()),
            hop_limit: outer.hop_limit,
            fragmentable,
        })
    }

    /// Around octets that are no packet: there is nothing to preserve addresses of.
    fn around_dummy(outer: &OuterHeader) -> Result<Self, SealError> {
        Ok(Self {
            ends: outer.fixed_ends().ok_or(SealError::NoInnerHeader)?,
            traffic_class: outer.traffic_class(0),
            hop_limit: outer.hop_limit,
            fragmentable: outer.df == OuterDf::Clear,
        })
    }
}

/// Where the UDP datagram ends that starts at `at`, in IPv6 behind Destination Options headers: what follows is padding.
#[inline(always)]
pub(crate) fn udp_end(family: Family, octets: &[u8], next_header: u8, at: usize) -> Option<usize> {
    let (kind, at) = match (family, next_header) {
        (Family::V6, protocol::DESTINATION_OPTIONS) => behind_options(octets, at)?,
        _ => (next_header, at),
    };
    if kind != protocol::UDP {
        return None;
    }
    UdpDatagram::parse(octets.get(at..)?).ok().map(|datagram| at.saturating_add(datagram.len()))
}

/// What stands behind the Destination Options headers from `at` on, and where.
#[inline(never)]
fn behind_options(octets: &[u8], at: usize) -> Option<(u8, usize)> {
    let (mut kind, mut at) = (protocol::DESTINATION_OPTIONS, at);
    while kind == protocol::DESTINATION_OPTIONS {
        let header = crate::wire::ExtensionHeader::read(octets, kind, at).ok()?;
        (kind, at) = (header.next_header(), header.end());
    }
    Some((kind, at))
}
