//! Building an XCAST6 2.0 packet.

use core::net::Ipv6Addr;

use zerocopy::IntoBytes;

use super::super::octets::{put, u8_at};
use super::super::{DestinationSet, EmitError, Ipv6Repr, ipv6, is_routable_unicast, protocol};
use super::{
    CodePointsV2, FLAG_ANONYMOUS, FLAG_NO_X2U, Fixed, INNER_AT, INNER_HOP_LIMIT, MAX_DESTINATIONS, ROUTING_AT,
    address_at, bitmap_of, hdr_ext_len, header_len,
};

/// An XCAST6 2.0 packet to be built: both IPv6 headers and the Routing header, for a payload that the caller writes behind
/// them. The transport checksum in that payload is computed for the group, not for a destination.
///
/// The outer destination is the first of those to be served (WIRE.md §10). A sender sets [`icmp_offset`](Self::icmp_offset),
/// [`traffic_class`](Self::traffic_class), [`flow_label`](Self::flow_label) and [`outer_ecn`](Self::outer_ecn) to 0 (WIRE.md
/// §11); they are here so that any sound packet can be written again.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct ReprV2<'a> {
    /// Source of the inner header: the sender.
    pub source: Ipv6Addr,
    /// Source of the outer header: the sender too.
    pub outer_source: Ipv6Addr,
    /// The list of destinations.
    pub addresses: &'a [Ipv6Addr],
    /// The destinations to be served, of which there must be some; [`DestinationSet::first_n`] for all.
    pub bits: DestinationSet,
    /// The addresses of destinations that are not to be served are left out, as zeros: here, and by each router on the way.
    pub anonymous: bool,
    /// Routers must not turn the packet into a unicast one. Always set on the wire if AH or ESP follows (WIRE.md §8).
    pub no_x2u: bool,
    /// ICMP offset.
    pub icmp_offset: u8,
    /// DSCP and ECN of the inner header.
    pub traffic_class: u8,
    /// Flow label of the inner header; its lower 20 bits are used.
    pub flow_label: u32,
    /// ECN of the outer header; its lower 2 bits are used. The rest of its first four octets is the mark.
    pub outer_ecn: u8,
    /// Hop Limit of the outer header; that of the inner one is 1.
    pub hop_limit: u8,
    /// Protocol of the payload.
    pub next_protocol: u8,
}

impl ReprV2<'_> {
    /// Octets of all headers, from the outer IPv6 header to the last address.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        header_len(self.addresses.len())
    }

    /// Octets of the packet with a payload of `payload_len` octets.
    #[must_use]
    pub const fn encoded_len(&self, payload_len: usize) -> usize {
        self.header_len().saturating_add(payload_len)
    }

    /// Whether the packet may be built at all (WIRE.md §5, §10).
    ///
    /// # Errors
    ///
    /// - [`EmitError::NoDestination`]: none given, or none to be served, so that the outer header leads nowhere.
    /// - [`EmitError::TooManyDestinations`], [`EmitError::BitBeyondCount`], [`EmitError::UnusableSource`],
    ///   [`EmitError::UnusableDestination`], [`EmitError::DuplicateDestination`].
    pub fn check(&self) -> Result<(), EmitError> {
        let count = self.addresses.len();
        if count > MAX_DESTINATIONS {
            return Err(EmitError::TooManyDestinations { max: MAX_DESTINATIONS });
        }
        if !self.bits.is_subset(DestinationSet::first_n(count)) {
            return Err(EmitError::BitBeyondCount);
        }
        if self.bits.is_empty() {
            return Err(EmitError::NoDestination);
        }
        if !is_routable_unicast(self.source.into()) || !is_routable_unicast(self.outer_source.into()) {
            return Err(EmitError::UnusableSource);
        }
        for (index, address) in self.addresses.iter().enumerate() {
            let set = self.bits.contains(index);
            // An address that a router erased, or would.
            let erased = self.anonymous && !set && address.is_unspecified();
            if !erased && !is_routable_unicast((*address).into()) {
                return Err(EmitError::UnusableDestination { index });
            }
            let mut earlier = self.bits.iter().take_while(|&earlier| earlier < index);
            if set && earlier.any(|earlier| self.addresses.get(earlier) == Some(address)) {
                return Err(EmitError::DuplicateDestination { index });
            }
        }
        Ok(())
    }

    /// Writes all headers for a payload of `payload_len` octets, and returns the part of `buffer` that the payload goes to.
    ///
    /// # Errors
    ///
    /// - Those of [`check`](Self::check), [`EmitError::BufferTooSmall`], [`EmitError::PacketTooLong`]; `buffer` is unchanged.
    pub fn emit<'b>(
        &self,
        code_points: &CodePointsV2,
        payload_len: usize,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], EmitError> {
        self.check()?;
        let len = self.encoded_len(payload_len);
        if len > ipv6::MAX_PACKET_LEN {
            return Err(EmitError::PacketTooLong { len });
        }
        let needed = EmitError::BufferTooSmall { needed: len };
        let packet = buffer.get_mut(..len).ok_or(needed)?;
        let (headers, payload) = packet.split_at_mut_checked(self.header_len()).ok_or(needed)?;
        let (outer, rest) = headers.split_at_mut_checked(INNER_AT).ok_or(needed)?;
        let (inner, routing) = rest.split_at_mut_checked(ipv6::HEADER_LEN).ok_or(needed)?;
        self.emit_outer(code_points, len, outer)?;
        self.emit_inner(code_points, len, inner)?;
        self.emit_routing(code_points, routing).ok_or(needed)?;
        Ok(payload)
    }

    fn emit_outer(&self, code_points: &CodePointsV2, len: usize, outer: &mut [u8]) -> Result<(), EmitError> {
        let first = self.bits.first().and_then(|index| self.addresses.get(index));
        Ipv6Repr {
            // It is in the mark.
            traffic_class: 0,
            hop_limit: self.hop_limit,
            next_header: protocol::IPV6,
            source: self.outer_source,
            destination: *first.ok_or(EmitError::NoDestination)?,
            payload_len: len.saturating_sub(INNER_AT),
        }
        .emit(outer)?;
        let [first, second, third, fourth] = code_points.fields().mark;
        put(outer, 0, &[first, second | ((self.outer_ecn & 0b11) << 4), third, fourth]);
        Ok(())
    }

    fn emit_inner(&self, code_points: &CodePointsV2, len: usize, inner: &mut [u8]) -> Result<(), EmitError> {
        Ipv6Repr {
            traffic_class: self.traffic_class,
            hop_limit: INNER_HOP_LIMIT,
            next_header: protocol::ROUTING,
            source: self.source,
            destination: code_points.fields().group,
            payload_len: len.saturating_sub(ROUTING_AT),
        }
        .emit(inner)?;
        set_flow_label(inner, self.flow_label);
        Ok(())
    }

    fn emit_routing(&self, code_points: &CodePointsV2, routing: &mut [u8]) -> Option<()> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        // X2U would break the ICV or the encrypted transport checksum.
        let no_x2u = self.no_x2u || matches!(self.next_protocol, protocol::AH | protocol::ESP);
        let fixed = Fixed {
            next_header: self.next_protocol,
            hdr_ext_len: hdr_ext_len(self.addresses.len()),
            routing_type: code_points.fields().routing_type,
            segments_left: 0,
            count: u8::try_from(self.addresses.len()).ok()?,
            flags: flag(self.anonymous, FLAG_ANONYMOUS) | flag(no_x2u, FLAG_NO_X2U),
            icmp_offset: self.icmp_offset,
            reserved: 0,
            bitmap: bitmap_of(self.bits),
        };
        put(routing, 0, fixed.as_bytes())?;
        for (index, address) in self.addresses.iter().enumerate() {
            let shown = !self.anonymous || self.bits.contains(index);
            let octets = if shown { address.octets() } else { [0; 16] };
            put(routing, address_at(index).saturating_sub(ROUTING_AT), &octets)?;
        }
        Some(())
    }
}

/// Writes the flow label of an IPv6 header, its lower 20 bits.
pub(crate) fn set_flow_label(header: &mut [u8], flow_label: u32) {
    let [_, high, middle, low] = flow_label.to_be_bytes();
    let class = u8_at(header, 1).unwrap_or(0) & 0xf0;
    put(header, 1, &[class | (high & 0x0f), middle, low]);
}
