//! Writing the headers of an Xcast packet that has been found fit to be built.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zerocopy::IntoBytes;

use super::ip::protocol;
use super::layout::{FLAG_ANONYMOUS, FLAG_DSCP, FLAG_NO_X2U, FLAG_PORTS, Layout, VERSION};
use super::octets::put;
use super::{
    BitmapPlace, Checksum, CodePoints, EmitError, Ipv4Repr, Ipv6Repr, XcastRepr, bitmap_option, ports, xcast4, xcast6,
};

/// What the IP header says that is not in an [`XcastRepr`].
#[derive(Clone, Copy)]
pub(super) struct Envelope {
    /// Where it goes instead of All_Xcast_Routers, of the packet's family.
    pub(super) router: Option<IpAddr>,
    pub(super) traffic_class: u8,
    /// Octets behind all headers.
    pub(super) payload_len: usize,
}

impl XcastRepr<'_> {
    /// Whether the packet holds the address of a destination.
    const fn shows(&self, index: usize) -> bool {
        !self.anonymous || self.bits.contains(index)
    }

    /// VERSION and flags without P.
    fn version_flags(&self) -> u8 {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        // X2U would break the ICV or the encrypted transport checksum.
        let no_x2u = self.no_x2u || matches!(self.next_protocol, protocol::AH | protocol::ESP);
        (VERSION << 4)
            | flag(self.anonymous, FLAG_ANONYMOUS)
            | flag(no_x2u, FLAG_NO_X2U)
            | flag(self.dscps.is_some(), FLAG_DSCP)
    }

    pub(super) fn emit_v4(
        &self,
        code_points: &CodePoints,
        envelope: Envelope,
        source: Ipv4Addr,
        channel: [u8; 4],
        addresses: &[Ipv4Addr],
        headers: &mut [u8],
    ) -> Result<(), EmitError> {
        let layout = self.layout();
        let needed = EmitError::BufferTooSmall { needed: headers.len() };
        let ip = Ipv4Repr {
            tos: envelope.traffic_class,
            ttl: self.hop_limit,
            protocol: code_points.fields().xcast4_protocol,
            source,
            destination: if let Some(IpAddr::V4(router)) = envelope.router {
                router
            } else {
                code_points.fields().routers_v4
            },
            options_len: self.option_len(),
            payload_len: layout.len.saturating_add(envelope.payload_len),
        };
        if self.bitmap == BitmapPlace::Option
            && let Some(options) = headers.get_mut(super::ipv4::MIN_HEADER_LEN..ip.encoded_len())
        {
            bitmap_option::emit_v4(options, code_points, addresses.len(), self.bits);
        }
        ip.emit(headers)?;
        let header = headers.get_mut(ip.encoded_len()..).ok_or(needed)?;
        let fixed = xcast4::Fixed {
            version_flags: self.version_flags() | if self.ports.is_some() { FLAG_PORTS } else { 0 },
            reserved_count: u8::try_from(addresses.len()).unwrap_or(0),
            checksum: 0.into(),
            channel,
            prot_id: self.next_protocol,
            length: u8::try_from(layout.len >> 2).unwrap_or(0),
            resv: 0.into(),
        };
        header.fill(0);
        put(header, 0, fixed.as_bytes()).ok_or(needed)?;
        for (index, address) in addresses.iter().enumerate().filter(|(index, _)| self.shows(*index)) {
            put(header, layout.address_at(index), &address.octets()).ok_or(needed)?;
        }
        if let (Some(at), Some(list)) = (layout.ports_at, self.ports) {
            for (index, port) in list.iter().enumerate() {
                put(header, at.saturating_add(index.saturating_mul(2)), &port.to_be_bytes()).ok_or(needed)?;
            }
        }
        self.emit_bitmap_and_dscps(header, &layout);
        Ok(())
    }

    pub(super) fn emit_v6(
        &self,
        code_points: &CodePoints,
        envelope: Envelope,
        source: Ipv6Addr,
        channel: [u8; 16],
        addresses: &[Ipv6Addr],
        headers: &mut [u8],
    ) -> Result<(), EmitError> {
        let layout = self.layout();
        let needed = EmitError::BufferTooSmall { needed: headers.len() };
        let extensions_len = headers.len().saturating_sub(super::ipv6::HEADER_LEN);
        let separated = self.bitmap == BitmapPlace::Option;
        let ip = Ipv6Repr {
            traffic_class: envelope.traffic_class,
            hop_limit: self.hop_limit,
            next_header: if separated { protocol::HOP_BY_HOP } else { protocol::ROUTING },
            source,
            destination: if let Some(IpAddr::V6(router)) = envelope.router {
                router
            } else {
                code_points.fields().routers_v6
            },
            payload_len: extensions_len.saturating_add(envelope.payload_len),
        };
        ip.emit(headers)?;
        let rest = headers.get_mut(super::ipv6::HEADER_LEN..).ok_or(needed)?;
        let (hop_by_hop, rest) = rest.split_at_mut_checked(self.option_len()).ok_or(needed)?;
        if separated {
            bitmap_option::emit_v6(hop_by_hop, code_points, protocol::ROUTING, addresses.len(), self.bits);
        }
        let (header, ports_header) = rest.split_at_mut_checked(layout.len).ok_or(needed)?;
        let fixed = xcast6::Fixed {
            next_header: if self.ports.is_some() { protocol::DESTINATION_OPTIONS } else { self.next_protocol },
            hdr_ext_len: super::ipv6::hdr_ext_len(layout.len),
            routing_type: code_points.fields().xcast6_routing_type,
            segments_left: 0,
            version_flags: self.version_flags(),
            reserved_count: u8::try_from(addresses.len()).unwrap_or(0),
            checksum: 0.into(),
            channel,
        };
        header.fill(0);
        put(header, 0, fixed.as_bytes()).ok_or(needed)?;
        for (index, address) in addresses.iter().enumerate().filter(|(index, _)| self.shows(*index)) {
            put(header, layout.address_at(index), &address.octets()).ok_or(needed)?;
        }
        self.emit_bitmap_and_dscps(header, &layout);
        if let Some(list) = self.ports {
            ports::emit(ports_header, code_points, self.next_protocol, list);
        }
        Ok(())
    }

    /// Writes what both families have at places `layout` knows, and CHECKSUM last.
    fn emit_bitmap_and_dscps(&self, header: &mut [u8], layout: &Layout) {
        if let Some(bitmap) = header.get_mut(layout.bitmap_at..layout.addresses_at) {
            self.bits.write_bitmap(bitmap);
        }
        if let (Some(at), Some(dscps)) = (layout.ds_at, self.dscps) {
            for (index, dscp) in dscps.iter().enumerate() {
                put(header, at.saturating_add(index), &[dscp.ds_field()]);
            }
        }
        let checksum = Checksum::new().add_octets(header).finish();
        put(header, Layout::checksum_at(layout.family), &checksum.to_be_bytes());
    }
}
