//! A whole Xcast packet: the IP header, what stands in front of the Xcast header, and the Xcast header itself.

use core::net::IpAddr;

use super::bitmap_option::BitmapOption;
use super::ip::protocol;
use super::layout::bitmap_len;
use super::octets::u16_at;
use super::packet_edit::PacketLayout;
use super::ports::PortsOption;
use super::{DestinationSet, Dscp, IpHeader, XcastHeader};

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
    pub(super) octets: &'a [u8],
    pub(super) ip: IpHeader<'a>,
    pub(super) header: XcastHeader<'a>,
    pub(super) bits: DestinationSet,
    /// What follows all Xcast headers.
    pub(super) payload: &'a [u8],
    pub(super) places: Places,
}

/// What [`PacketLayout`] cannot tell from the headers; kept small, as every packet that is read has it written. Offsets are
/// from the start of the IP header, and 0 stands for what there is not.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub(super) xcast_at: u32,
    /// Where the Next Header that announces the Xcast header stands.
    pub(super) announced_at: u32,
    /// Where the Hop-by-Hop header ends.
    pub(super) hop_by_hop_end: u16,
    /// Where the bitmap option starts.
    pub(super) bitmap_option_at: u16,
    /// Where the Ports option starts, from the end of the Routing header.
    pub(super) ports_option_at: u16,
    /// What follows all Xcast headers.
    pub(super) next_protocol: u8,
}

impl core::fmt::Debug for XcastPacket<'_> {
    /// What follows the Xcast headers, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("XcastPacket")
            .field("source", &self.ip.source())
            .field("destination", &self.ip.destination())
            .field("header", &self.header)
            .field("layout", &self.layout())
            .finish_non_exhaustive()
    }
}

impl<'a> XcastPacket<'a> {
    /// Where everything lies. Mostly one or two of it are asked for: inlined, the rest costs nothing.
    #[inline(always)]
    pub(crate) const fn layout(&self) -> PacketLayout {
        let header = self.header.layout();
        let places = &self.places;
        let xcast_at = places.xcast_at as usize;
        let behind = xcast_at.saturating_add(header.len);
        let ports_option = self.ports_option();
        let (ip_header_len, prot_id_at) = match &self.ip {
            IpHeader::V4(ip) => (ip.header_len(), super::xcast4::PROT_ID_AT),
            IpHeader::V6(_) => (super::ipv6::HEADER_LEN, 0),
        };
        PacketLayout {
            packet_len: self.octets.len(),
            ip_header_len,
            hop_by_hop: match places.hop_by_hop_end {
                0 => None,
                end => Some((super::ipv6::HEADER_LEN, end as usize)),
            },
            bitmap_option: match places.bitmap_option_at {
                0 => None,
                at => Some(BitmapOption { at: at as usize, len: bitmap_len(header.family, header.count) }),
            },
            ah_at: if self.is_behind_ah() { Some(ip_header_len) } else { None },
            xcast_at,
            header,
            ports_option,
            next_protocol_at: if ports_option.is_some() { behind } else { xcast_at.saturating_add(prot_id_at) },
            announced_at: places.announced_at as usize,
            payload_at: self.payload_at(),
        }
    }

    const fn payload_at(&self) -> usize {
        // It reaches to the end.
        self.octets.len().saturating_sub(self.payload.len())
    }

    /// Where the Xcast header ends, ports of IPv6 left out.
    pub(crate) const fn header_end(&self) -> usize {
        (self.places.xcast_at as usize).saturating_add(self.header.as_octets().len())
    }

    /// Octets up to the last that [`retain`](Self::retain) changes. With a separated bitmap the Xcast header is none of them.
    pub(crate) const fn changed_len(&self) -> usize {
        match (&self.ip, self.places.bitmap_option_at, self.places.hop_by_hop_end) {
            (_, 0, _) => self.header_end(),
            (IpHeader::V4(ip), ..) => ip.header_len(),
            (IpHeader::V6(_), _, end) => end as usize,
        }
    }

    /// Keeps in `headers`, a copy of at least [`changed_len`](Self::changed_len) of its octets, those destinations that are in
    /// `keep`. The IPv4 header checksum is left to the caller.
    pub(crate) fn retain(&self, headers: &mut [u8], keep: DestinationSet) {
        if self.header.changes_one_word()
            && let Some(header) = headers.get_mut(self.places.xcast_at as usize..)
            && let Some(front) = header.first_chunk_mut()
        {
            super::xcast6::retain_one_word(front, keep);
        } else {
            self.layout().retain(headers, self.header.anonymous(), keep);
        }
    }

    #[inline]
    const fn ports_option(&self) -> Option<PortsOption> {
        if self.places.ports_option_at == 0 {
            return None;
        }
        let header_at = self.header_end();
        let at = header_at.saturating_add(self.places.ports_option_at as usize);
        let end = at.saturating_add(2).saturating_add(self.header.destination_count().saturating_mul(2));
        Some(PortsOption { header_at, header_end: self.payload_at(), at, end })
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
        self.header.has_ports() || self.places.ports_option_at != 0
    }

    /// The port of destination `index`, if there are ports.
    #[inline]
    #[must_use]
    pub fn port(&self, index: usize) -> Option<u16> {
        if !self.has_ports() || index >= self.header.destination_count() {
            return None;
        }
        match self.ports_option() {
            None => self.header.port(index),
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
        match &self.ip {
            // No code point is that of AH.
            IpHeader::V4(header) => header.protocol() == protocol::AH,
            IpHeader::V6(_) => false,
        }
    }

    /// The protocol of what follows all Xcast headers.
    #[must_use]
    pub const fn next_protocol(&self) -> u8 {
        self.places.next_protocol
    }

    /// What follows all Xcast headers: AH, ESP or the transport segment.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}
