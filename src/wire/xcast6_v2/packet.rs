//! Reading an XCAST6 2.0 packet.

use core::net::Ipv6Addr;

use zerocopy::FromBytes;

use super::super::octets::{array_at, u8_at, u16_at};
use super::super::{DestinationSet, Ipv6Header, ipv6, protocol};
use super::{
    BITMAP_AT, COUNT_AT, CodePointsV2, FLAG_ANONYMOUS, FLAG_NO_X2U, FLAGS_AT, Fixed, HDR_EXT_LEN_AT, INNER_AT,
    INNER_HOP_LIMIT, MARK_MASK, MAX_DESTINATIONS, ParseErrorKindV2, ParseErrorV2, RESERVED_AT, ROUTING_AT,
    ROUTING_TYPE_AT, SEGMENTS_LEFT_AT, address_at, hdr_ext_len, header_len, read_bitmap,
};

const OUTER_DESTINATION_AT: usize = ipv6::DESTINATION_AT;
const INNER_PAYLOAD_LENGTH_AT: usize = INNER_AT + ipv6::PAYLOAD_LENGTH_AT;
const INNER_NEXT_HEADER_AT: usize = INNER_AT + ipv6::NEXT_HEADER_AT;
const INNER_HOP_LIMIT_AT: usize = INNER_AT + ipv6::HOP_LIMIT_AT;
const INNER_DESTINATION_AT: usize = INNER_AT + ipv6::DESTINATION_AT;

/// An XCAST6 2.0 packet, from its outer header on, with everything checked that parsing can check.
///
/// The values of the addresses are not checked: that binds builders and routers, not readers (WIRE.md §11).
#[derive(Clone, Copy)]
pub struct PacketV2<'a> {
    octets: &'a [u8],
    outer: Ipv6Header<'a>,
    inner: Ipv6Header<'a>,
    fixed: &'a Fixed,
    bits: DestinationSet,
}

impl core::fmt::Debug for PacketV2<'_> {
    /// What follows the Routing header, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PacketV2")
            .field("outer", &self.outer)
            .field("inner", &self.inner)
            .field("fixed", &self.fixed)
            .field("bits", &self.bits)
            .finish_non_exhaustive()
    }
}

impl<'a> PacketV2<'a> {
    /// Reads a packet that starts at its outer IPv6 header. Octets beyond the length this announces are left out.
    ///
    /// First it is found out whether it is an XCAST6 2.0 packet at all, by the mark, the Next Headers, the group and the
    /// Routing Type, then whether it is a sound one: every field that WIRE.md §10 gives a value must have it, the outer
    /// destination too (project-defined: no checksum would show that it was damaged). The Routing header is looked for directly behind the inner IPv6 header
    /// and nowhere else (WIRE.md §10). A bitmap without a bit set is sound, and then any outer destination is (WIRE.md §11).
    ///
    /// # Errors
    ///
    /// - [`ParseErrorKindV2::NotXcast6V2`]: some other packet.
    /// - Every other [`ParseErrorKindV2`]: malformed.
    pub fn parse(packet: &'a [u8], code_points: &CodePointsV2) -> Result<Self, ParseErrorV2> {
        use ParseErrorKindV2 as K;
        let (outer, octets) = split_outer(packet)?;
        check_is_v2(octets, &outer, code_points)?;
        let truncated = ParseErrorV2::new(K::Truncated, octets.len());
        let inner_len = octets.len().saturating_sub(INNER_AT);
        let announced = u16_at(octets, INNER_PAYLOAD_LENGTH_AT).map(usize::from).ok_or(truncated)?;
        if announced.saturating_add(ipv6::HEADER_LEN) != inner_len {
            return Err(ParseErrorV2::new(K::InnerLength, INNER_PAYLOAD_LENGTH_AT));
        }
        let (inner, _) = octets.get(INNER_AT..).and_then(|inner| Ipv6Header::split(inner).ok()).ok_or(truncated)?;
        if inner.hop_limit() != INNER_HOP_LIMIT {
            return Err(ParseErrorV2::new(K::InnerHopLimit, INNER_HOP_LIMIT_AT));
        }
        let routing = octets.get(ROUTING_AT..).unwrap_or(&[]);
        let (fixed, _) = Fixed::ref_from_prefix(routing).map_err(|_| truncated)?;
        check_fixed(fixed)?;
        if octets.len() < header_len(usize::from(fixed.count)) {
            return Err(truncated);
        }
        let packet = Self { octets, outer, inner, fixed, bits: read_bitmap(fixed.bitmap) };
        packet.check_bits()?;
        Ok(packet)
    }

    fn check_bits(&self) -> Result<(), ParseErrorV2> {
        let beyond = self.bits.difference(DestinationSet::first_n(self.destination_count()));
        if let Some(index) = beyond.first() {
            return Err(ParseErrorV2::new(ParseErrorKindV2::BitmapBeyondCount, BITMAP_AT.saturating_add(index >> 3)));
        }
        match self.bits.first().and_then(|index| self.destination(index)) {
            Some(first) if first != self.outer.destination() => {
                Err(ParseErrorV2::new(ParseErrorKindV2::OuterDestination, OUTER_DESTINATION_AT))
            }
            _ => Ok(()),
        }
    }

    /// The packet's octets.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The outer header: hop limit and ECN of the way here.
    #[must_use]
    pub const fn outer(&self) -> &Ipv6Header<'a> {
        &self.outer
    }

    /// The inner header: from the sender to the group.
    #[must_use]
    pub const fn inner(&self) -> &Ipv6Header<'a> {
        &self.inner
    }

    /// Anonymous: routers overwrite the addresses of destinations served elsewhere.
    #[must_use]
    pub const fn anonymous(&self) -> bool {
        self.fixed.flags & FLAG_ANONYMOUS != 0
    }

    /// Routers must not turn the packet into a unicast one.
    #[must_use]
    pub const fn no_x2u(&self) -> bool {
        self.fixed.flags & FLAG_NO_X2U != 0
    }

    /// ICMP offset, as received. What it was for is not published; it stays what it is (project-defined).
    #[must_use]
    pub const fn icmp_offset(&self) -> u8 {
        self.fixed.icmp_offset
    }

    /// The number of destinations, 1..=126.
    #[must_use]
    pub fn destination_count(&self) -> usize {
        usize::from(self.fixed.count)
    }

    /// The destinations still to be served.
    #[must_use]
    pub const fn bits(&self) -> DestinationSet {
        self.bits
    }

    /// The address of destination `index`, or `None` beyond the last.
    #[must_use]
    pub fn destination(&self, index: usize) -> Option<Ipv6Addr> {
        if index >= self.destination_count() {
            return None;
        }
        array_at::<16>(self.octets, address_at(index)).map(Ipv6Addr::from)
    }

    /// All addresses, in order.
    pub fn destinations(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        (0..self.destination_count()).map_while(|index| self.destination(index))
    }

    /// The index of the first destination still to be served that is `address`: what a receiver looks for with its own.
    #[must_use]
    pub fn index_of(&self, address: Ipv6Addr) -> Option<usize> {
        self.bits.iter().find(|&index| self.destination(index) == Some(address))
    }

    /// The protocol of what follows the Routing header.
    #[must_use]
    pub const fn next_protocol(&self) -> u8 {
        self.fixed.next_header
    }

    /// What follows the Routing header: Destination Options, AH, ESP or the transport segment, whose checksum is computed
    /// for the group.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.octets.get(self.payload_at()..).unwrap_or(&[])
    }

    /// Where that starts.
    pub(crate) fn payload_at(&self) -> usize {
        header_len(self.destination_count())
    }
}

/// The outer header, and the octets of the packet it announces.
fn split_outer(packet: &[u8]) -> Result<(Ipv6Header<'_>, &[u8]), ParseErrorV2> {
    let kind = match packet.first().map(|octet| octet >> 4) {
        Some(6) | None => ParseErrorKindV2::Truncated,
        Some(4) => ParseErrorKindV2::NotXcast6V2,
        Some(_) => ParseErrorKindV2::IpVersion,
    };
    if kind != ParseErrorKindV2::Truncated {
        return Err(ParseErrorV2::new(kind, 0));
    }
    let truncated = ParseErrorV2::new(ParseErrorKindV2::Truncated, packet.len());
    let (outer, payload) = Ipv6Header::split(packet).map_err(|_| truncated)?;
    let octets = packet.get(..ipv6::HEADER_LEN.saturating_add(payload.len())).ok_or(truncated)?;
    Ok((outer, octets))
}

/// Whether the packet is one of XCAST6 2.0, sound or not (WIRE.md §10).
fn check_is_v2(octets: &[u8], outer: &Ipv6Header<'_>, code_points: &CodePointsV2) -> Result<(), ParseErrorV2> {
    let fields = code_points.fields();
    let not_v2 = |at: usize| ParseErrorV2::new(ParseErrorKindV2::NotXcast6V2, at);
    let truncated = ParseErrorV2::new(ParseErrorKindV2::Truncated, octets.len());
    let mut first = octets.iter().zip(MARK_MASK).zip(fields.mark);
    if let Some(at) = first.position(|((octet, mask), mark)| octet & mask != mark) {
        return Err(not_v2(at));
    }
    if outer.next_header() != protocol::IPV6 {
        return Err(not_v2(ipv6::NEXT_HEADER_AT));
    }
    if u8_at(octets, INNER_AT).ok_or(truncated)? >> 4 != 6 {
        return Err(ParseErrorV2::new(ParseErrorKindV2::IpVersion, INNER_AT));
    }
    let group = array_at::<16>(octets, INNER_DESTINATION_AT).ok_or(truncated)?;
    if Ipv6Addr::from(group) != fields.group {
        return Err(not_v2(INNER_DESTINATION_AT));
    }
    if u8_at(octets, INNER_NEXT_HEADER_AT) != Some(protocol::ROUTING) {
        return Err(not_v2(INNER_NEXT_HEADER_AT));
    }
    if u8_at(octets, ROUTING_TYPE_AT).ok_or(truncated)? != fields.routing_type {
        return Err(not_v2(ROUTING_TYPE_AT));
    }
    Ok(())
}

/// The fields of the Routing header that say what else there is, or nothing at all.
fn check_fixed(fixed: &Fixed) -> Result<(), ParseErrorV2> {
    use ParseErrorKindV2 as K;
    let (kind, at) = if fixed.segments_left != 0 {
        (K::SegmentsLeft, SEGMENTS_LEFT_AT)
    } else if fixed.count == 0 {
        (K::NoDestination, COUNT_AT)
    } else if usize::from(fixed.count) > MAX_DESTINATIONS {
        (K::TooManyDestinations, COUNT_AT)
    } else if fixed.hdr_ext_len != hdr_ext_len(usize::from(fixed.count)) {
        (K::HeaderLength, HDR_EXT_LEN_AT)
    } else if fixed.flags & !(FLAG_ANONYMOUS | FLAG_NO_X2U) != 0 {
        (K::Reserved, FLAGS_AT)
    } else if fixed.reserved != 0 {
        (K::Reserved, RESERVED_AT)
    } else {
        return Ok(());
    };
    Err(ParseErrorV2::new(kind, at))
}
