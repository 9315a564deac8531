//! Everything that is decided, measured and refused before the first octet of a packet is changed to seal it.

use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::{Mode, SecurityProtocol};
use crate::ipsec::association::outer::{OuterDf, OuterHeader};
use crate::ipsec::association::sa::{AhTransform, EspTransform, Sa, Transform};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::construction::{Refusal, as_xcast, check_ah, check_any, check_behind};
use crate::ipsec::packet::coverage::Coverable;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::placement::{Place, behind_routing, behind_whole};
use crate::wire::{CodePoints, Family, IpHeader, NoX2u, TunnelEnds, UdpDatagram, protocol};

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
    pub(crate) around: Around,
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
}

/// What the protection is put into, or around.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant, reason = "lives on the stack, once per packet")]
pub(crate) enum Around {
    /// Transport mode: behind these headers.
    Payload {
        place: Place,
        /// What AH or ESP says of what follows it.
        next_header: u8,
        /// Of an Xcast packet, which gets X=1.
        xcast: Option<NoX2u>,
        /// What AH needs to read its headers.
        coverable: Option<Coverable>,
    },
    /// Tunnel mode: around the whole packet.
    Packet(Outside),
}

/// The header that goes around a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside {
    pub(crate) ends: TunnelEnds,
    /// What AH or ESP says of what follows it.
    pub(crate) next_header: u8,
    pub(crate) traffic_class: u8,
    pub(crate) hop_limit: u8,
    /// Whether an IPv4 one lets routers fragment.
    pub(crate) fragmentable: bool,
}

impl Plan {
    /// Plans to seal `packet`, which is not changed.
    pub(crate) fn new<P: CryptoProvider>(
        sa: &Sa<P>,
        contents: Contents,
        code_points: Option<&CodePoints>,
        packet: &PacketBuf<'_>,
    ) -> Result<Self, SealError> {
        if contents == Contents::Dummy && sa.protocol() == SecurityProtocol::Ah {
            return Err(SealError::NotEsp);
        }
        let plan = match sa.mode() {
            Mode::Tunnel(outer) => Self::tunnel(sa, outer, contents, packet.as_octets())?,
            Mode::Transport => {
                let (ip, _) = IpHeader::split(packet.as_octets())?;
                if !sa.is_for(ip.destination(), ip.source()) {
                    return Err(SealError::OtherAddresses);
                }
                let octets = packet.as_octets().get(..ip.packet_len()).unwrap_or(packet.as_octets());
                match &sa.transform {
                    Transform::Ah(transform) => Self::ah_transport(transform, code_points, &ip, octets)?,
                    Transform::Esp(transform) => Self::esp_transport(transform, contents, code_points, &ip, octets)?,
                }
            }
        };
        plan.check_lengths(packet)?;
        Ok(plan)
    }

    /// Octets of the packet once it is sealed.
    pub(crate) const fn sealed_len(&self) -> usize {
        self.len.saturating_add(self.inserted).saturating_add(self.appended)
    }

    /// The family of the packet once it is sealed.
    pub(crate) const fn family(&self) -> Family {
        match &self.around {
            Around::Payload { place, .. } => place.family,
            Around::Packet(outside) => outside.ends.family(),
        }
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

    fn ah_transport<P: CryptoProvider>(
        transform: &AhTransform<P>,
        code_points: Option<&CodePoints>,
        ip: &IpHeader<'_>,
        octets: &[u8],
    ) -> Result<Self, SealError> {
        let xcast = as_xcast(octets, code_points)?;
        if let Some(xcast) = &xcast {
            check_ah(xcast, transform.coverage)?;
        }
        let place = match ip.family() {
            Family::V4 => behind_whole(ip)?,
            Family::V6 => behind_routing(ip, octets, xcast.as_ref())?,
        };
        check_behind(SecurityProtocol::Ah, place.family, place.next_header, octets, place.at, code_points)?;
        let coverable = Coverable::read(octets, &place, transform.coverage, code_points)?;
        if coverable.has_routing_type_0 {
            return Err(Refusal::RoutingHeader.into());
        }
        let inserted = transform.header_len(place.family);
        let xcast = xcast.map(|xcast| xcast.layout().no_x2u());
        let next_header = place.next_header;
        let around = Around::Payload { place, next_header, xcast, coverable: Some(coverable) };
        Ok(Self::around_ah(octets.len(), around, inserted, may_be_fragmented(ip)))
    }

    fn esp_transport<P: CryptoProvider>(
        transform: &EspTransform<P>,
        contents: Contents,
        code_points: Option<&CodePoints>,
        ip: &IpHeader<'_>,
        octets: &[u8],
    ) -> Result<Self, SealError> {
        let xcast = as_xcast(octets, code_points)?;
        if let Some(xcast) = &xcast {
            check_any(xcast)?;
            if xcast.is_behind_ah() {
                return Err(Refusal::NestedProtection.into());
            }
        }
        let place = behind_routing(ip, octets, xcast.as_ref())?;
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
        let xcast = xcast.map(|xcast| xcast.layout().no_x2u());
        let around = Around::Payload { place, next_header, xcast, coverable: None };
        Ok(Self::around_esp(transform, octets.len(), around, 0, payload_len, may_be_fragmented(ip)))
    }

    fn tunnel<P: CryptoProvider>(
        sa: &Sa<P>,
        outer: &OuterHeader,
        contents: Contents,
        octets: &[u8],
    ) -> Result<Self, SealError> {
        let (outside, len) = match contents {
            Contents::Packet => {
                let (inner, _) = IpHeader::split(octets)?;
                (Outside::around(outer, &inner)?, inner.packet_len())
            }
            Contents::Dummy => (Outside::around_dummy(outer)?, octets.len()),
        };
        let family = outside.ends.family();
        if !sa.is_for(outside.ends.destination(), outside.ends.source()) {
            return Err(SealError::OtherAddresses);
        }
        let fragmentable = outside.fragmentable && family == Family::V4;
        let around = Around::Packet(outside);
        let outer_len = family.min_header_len();
        Ok(match &sa.transform {
            Transform::Ah(transform) => {
                Self::around_ah(len, around, outer_len.saturating_add(transform.header_len(family)), fragmentable)
            }
            Transform::Esp(transform) => Self::around_esp(transform, len, around, outer_len, len, fragmentable),
        })
    }

    const fn around_ah(len: usize, around: Around, inserted: usize, fragmentable: bool) -> Self {
        // AH is applied to the packet as a whole.
        let processed = len.saturating_add(inserted) as u64;
        Self { len, around, inserted, tfc_len: 0, appended: 0, processed, fragmentable }
    }

    fn around_esp<P: CryptoProvider>(
        transform: &EspTransform<P>,
        len: usize,
        around: Around,
        outer_len: usize,
        payload_len: usize,
        fragmentable: bool,
    ) -> Self {
        let appended = transform.appended_len(payload_len);
        let encrypted = payload_len.saturating_add(appended).saturating_sub(transform.icv_len);
        Self {
            len,
            around,
            inserted: outer_len.saturating_add(transform.header_len()),
            tfc_len: transform.tfc.padding_len(payload_len),
            appended,
            processed: encrypted as u64,
            fragmentable,
        }
    }
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
            next_header: inner.family().protocol(),
            traffic_class: outer.traffic_class(inner.traffic_class()),
            hop_limit: outer.hop_limit,
            fragmentable,
        })
    }

    /// Around octets that are no packet: there is nothing to preserve addresses of.
    fn around_dummy(outer: &OuterHeader) -> Result<Self, SealError> {
        Ok(Self {
            ends: outer.fixed_ends().ok_or(SealError::NoInnerHeader)?,
            next_header: protocol::NO_NEXT_HEADER,
            traffic_class: outer.traffic_class(0),
            hop_limit: outer.hop_limit,
            fragmentable: outer.df == OuterDf::Clear,
        })
    }
}

/// Whether routers may fragment the packet of an IP header that stays in front.
fn may_be_fragmented(ip: &IpHeader<'_>) -> bool {
    match ip {
        IpHeader::V4(header) => !header.dont_fragment(),
        IpHeader::V6(_) => false,
    }
}

/// Where the UDP datagram ends that starts at `at`, in IPv6 behind Destination Options headers: what follows is padding.
pub(crate) fn udp_end(family: Family, octets: &[u8], next_header: u8, at: usize) -> Option<usize> {
    let (mut kind, mut at) = (next_header, at);
    while family == Family::V6 && kind == protocol::DESTINATION_OPTIONS {
        let header = crate::wire::ExtensionHeader::read(octets, kind, at).ok()?;
        (kind, at) = (header.next_header(), header.end());
    }
    if kind != protocol::UDP {
        return None;
    }
    UdpDatagram::parse(octets.get(at..)?).ok().map(|datagram| at.saturating_add(datagram.len()))
}
