//! What AH's ICV covers (RFC 4302 §3.3.3, Appendix A; draft §3.2), read as slices of the packet with runs of zeros in place
//! of mutable fields. Nothing is written to the packet.

use core::ops::Range;

use crate::crypto::MAX_ICV_LEN;
use crate::ipsec::association::config::RoutingCoverage;
use crate::ipsec::packet::construction::{Refusal, Unfit};
use crate::ipsec::packet::front::IMMUTABLE_V4;
use crate::ipsec::packet::placement::Place;
use crate::wire::{
    BitmapPlace, CodePoints, ExtensionHeader, Family, IpHeader, Ipv4Header, Ipv6Options, ParseError, XcastHeader, ah,
    ipv4, ipv6, protocol, put,
};

static ZEROS: [u8; 256] = [0; 256];

/// Octets of the longest IP header and the longest AH: 32 of ICV, padded to a multiple of 8.
const MAX_FRONT_LEN: usize = ipv4::MAX_HEADER_LEN + ah::encoded_len(Family::V6, MAX_ICV_LEN);

/// What is needed to read a packet as AH covers it: its IP header and AH with mutable fields zeroed, and how to find the
/// mutable fields of its IPv6 extension headers.
#[derive(Clone)]
pub(crate) struct Coverage<'a> {
    packet: &'a [u8],
    /// The IP header, then the AH. Without extension headers between them they are one slice: a hash takes one long string
    /// faster than several short ones.
    front: [u8; MAX_FRONT_LEN],
    ip_header_len: usize,
    ah_at: usize,
    ah_len: usize,
    routing: RoutingRule,
}

/// How a Routing header is covered.
#[derive(Clone, Copy, Debug)]
struct RoutingRule {
    xcast_type: Option<u8>,
    coverage: RoutingCoverage,
    /// Where the Xcast bitmap is.
    place: BitmapPlace,
    /// Where the Xcast Routing header is that was read last, mostly the only one, and its fields that count as zero.
    known: (u32, Fields),
}

/// Ascending ranges of a Routing header, which has 2048 octets at most, each from and to; empty ones are to be skipped.
type Fields = [(u16, u16); 3];

const NO_FIELD: (u16, u16) = (0, 0);

/// Headers that AH can cover: read once, so that walking them later cannot fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coverable {
    routing: RoutingRule,
    /// Whether one of them is a Routing header of type 0, which is accepted where its segments are used up, but not sent
    /// (RFC 5095 §3).
    pub(crate) has_routing_type_0: bool,
}

impl Coverable {
    /// Of a packet with a plain IP header and nothing between it and the AH.
    pub(crate) const fn without_extensions(coverage: RoutingCoverage) -> Self {
        let place = BitmapPlace::Header;
        let routing = RoutingRule { xcast_type: None, coverage, place, known: (0, [NO_FIELD; 3]) };
        Self { routing, has_routing_type_0: false }
    }

    /// Reads the headers of `packet` in front of `place`, whether AH stands there already or is to be put there.
    ///
    /// Refused are what cannot be covered because it changes on the way: IPv4 source routes, and Routing headers with
    /// segments left.
    pub(crate) fn read(
        packet: &[u8],
        place: &Place,
        coverage: RoutingCoverage,
        code_points: Option<&CodePoints>,
    ) -> Result<Self, Unfit> {
        let fields = code_points.map(CodePoints::fields);
        let xcast_type = fields.map(|fields| fields.xcast6_routing_type);
        let Self { mut routing, mut has_routing_type_0 } = Self::without_extensions(coverage);
        routing.xcast_type = xcast_type;
        // Most IPv4 headers have no options to be looked at.
        if place.family == Family::V4 && place.ip_header_len == ipv4::MIN_HEADER_LEN {
            return Ok(Self { routing, has_routing_type_0 });
        }
        match IpHeader::split(packet)?.0 {
            IpHeader::V4(header) => {
                for option in header.options() {
                    if matches!(option?.kind, ipv4::OPTION_LSRR | ipv4::OPTION_SSRR) {
                        return Err(Refusal::SourceRoute.into());
                    }
                }
            }
            IpHeader::V6(_) => {
                for header in Extensions::in_front_of(packet, place.at) {
                    let header = header?;
                    if header.kind == protocol::ROUTING {
                        if routing.is_xcast(&header) {
                            routing.known = (header.at as u32, routing.read(&header)?);
                        } else if header.segments_left() != Some(0) {
                            return Err(Refusal::RoutingHeader.into());
                        }
                        has_routing_type_0 |= header.routing_type() == Some(0);
                        continue;
                    }
                    for option in header.options() {
                        let is_bitmap = Some(option?.kind) == fields.map(|fields| fields.bitmap_option_v6);
                        if header.kind == protocol::HOP_BY_HOP && is_bitmap {
                            routing.place = BitmapPlace::Option;
                        }
                    }
                }
            }
        }
        Ok(Self { routing, has_routing_type_0 })
    }
}

impl<'a> Coverage<'a> {
    /// What the AH at `ah_at` covers of `packet`, whose headers were found `coverable`. The AH has `ah_len` octets in all.
    pub(crate) fn new(
        packet: &'a [u8],
        ip_header_len: usize,
        ah_at: usize,
        ah_len: usize,
        icv_len: usize,
        coverable: &Coverable,
    ) -> Self {
        let mut front = [0; MAX_FRONT_LEN];
        match packet.first_chunk() {
            Some(plain) if ip_header_len == ipv4::MIN_HEADER_LEN => normalise_plain_v4(plain, &mut front),
            _ => match IpHeader::split(packet) {
                Ok((IpHeader::V4(header), _)) => normalise_v4(&header, &mut front),
                _ => {
                    put(&mut front, 0, packet.get(..ipv6::HEADER_LEN).unwrap_or(&[]));
                    // Version stays; traffic class and flow label are zeroed, and so is the hop limit.
                    put(&mut front, 0, &[0x60, 0, 0, 0]);
                    put(&mut front, ipv6::HOP_LIMIT_AT, &[0]);
                }
            },
        }
        // The ICV counts as zero; what pads the AH behind it is covered.
        let header = packet.get(ah_at..).and_then(|rest| rest.get(..ah_len)).unwrap_or(&[]);
        if let (Some(fixed), Some(room)) = (
            header.first_chunk::<{ ah::FIXED_LEN }>(),
            front.get_mut(ip_header_len..).and_then(<[u8]>::first_chunk_mut),
        ) {
            *room = *fixed;
        }
        let padding_at = ah::FIXED_LEN.saturating_add(icv_len);
        if let Some(padding) = header.get(padding_at..).filter(|padding| !padding.is_empty()) {
            put(&mut front, ip_header_len.saturating_add(padding_at), padding);
        }
        Self { packet, front, ip_header_len, ah_at, ah_len, routing: coverable.routing }
    }

    /// What [`parts`](Self::parts) gives, where there is no extension header to be looked into.
    pub(crate) fn plain_parts<'s>(&'s self, high: Option<&'s [u8; 4]>) -> Option<[&'s [u8]; 3]> {
        if self.ip_header_len != self.ah_at {
            return None;
        }
        let behind = self.ah_at.saturating_add(self.ah_len);
        Some([self.front.get(..behind)?, self.packet.get(behind..)?, high.map_or(&[], |high| high)])
    }

    /// Everything the ICV is computed over, in order. `high` is the upper half of an extended sequence number, which follows
    /// the payload (RFC 4302 §3.3.3.2.2).
    pub(crate) fn parts<'s>(&'s self, high: Option<&'s [u8; 4]>) -> impl Iterator<Item = &'s [u8]> + Clone {
        let front = self.front.get(..self.ip_header_len.saturating_add(self.ah_len)).unwrap_or(&self.front);
        // Extension headers, if any, go between the IP header and the AH.
        let has_extensions = self.ip_header_len < self.ah_at;
        let first = if has_extensions { self.ip_header_len } else { front.len() };
        let (first, second) = front.split_at_checked(first).unwrap_or((front, &[]));
        let payload = self.packet.get(self.ah_at.saturating_add(self.ah_len)..).unwrap_or(&[]);
        let tail: [&[u8]; 3] = [second, payload, high.map_or(&[], |high| high)];
        let extensions = if has_extensions { Some(self.extension_parts()) } else { None };
        core::iter::once(first).chain(extensions.into_iter().flatten()).chain(tail).filter(|part| !part.is_empty())
    }

    /// The IPv6 extension headers in front of the AH. In IPv4 the AH follows the IP header, and there is nothing to walk.
    fn extension_parts(&self) -> ExtensionParts<'_> {
        let headers = Extensions::in_front_of(self.packet, self.ah_at);
        ExtensionParts {
            packet: self.packet,
            at: self.ip_header_len,
            end: self.ah_at,
            zeroed: MutableFields {
                headers,
                routing: &self.routing,
                options: None,
                fields: [NO_FIELD; 3],
                fields_of: 0,
                used: 3,
            },
            run: 0..0,
        }
    }
}

/// Copies an IPv4 header without options, mutable fields zeroed (RFC 4302 §3.3.3.1.1).
fn normalise_plain_v4(header: &[u8; ipv4::MIN_HEADER_LEN], normalised: &mut [u8; MAX_FRONT_LEN]) {
    let (Some(front), Some(destination)) = (header.first_chunk(), header.last_chunk::<4>()) else { return };
    let front = u128::from_be_bytes(*front) & IMMUTABLE_V4;
    put(normalised, 0, &front.to_be_bytes());
    put(normalised, ipv4::DESTINATION_AT, destination);
}

/// Copies an IPv4 header with mutable fields zeroed (RFC 4302 §3.3.3.1.1, §A1).
fn normalise_v4(header: &Ipv4Header<'_>, normalised: &mut [u8]) {
    put(normalised, 0, header.as_octets());
    put(normalised, ipv4::TOS_AT, &[0]);
    put(normalised, ipv4::FLAGS_AT, &[0, 0]);
    put(normalised, ipv4::TTL_AT, &[0]);
    put(normalised, ipv4::CHECKSUM_AT, &[0, 0]);
    for option in header.options().map_while(Result::ok) {
        if !ipv4::is_immutable_option(option.kind) {
            let end = option.at.saturating_add(option.octets.len());
            if let Some(octets) = normalised.get_mut(option.at..end) {
                octets.fill(0);
            }
        }
    }
}

/// Walks IPv6 extension headers of the shape of Hop-by-Hop, up to `end`.
#[derive(Clone)]
struct Extensions<'a> {
    packet: &'a [u8],
    kind: u8,
    at: usize,
    end: usize,
}

impl<'a> Extensions<'a> {
    /// The extension headers of an IPv6 packet up to `end`.
    fn in_front_of(packet: &'a [u8], end: usize) -> Self {
        let kind = packet.get(ipv6::NEXT_HEADER_AT).copied().unwrap_or(protocol::NO_NEXT_HEADER);
        Self { packet, kind, at: ipv6::HEADER_LEN, end }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<ExtensionHeader<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let header = ExtensionHeader::read(self.packet, self.kind, self.at);
        match &header {
            Ok(header) => {
                self.kind = header.next_header();
                self.at = header.end();
            }
            Err(_) => self.at = self.end,
        }
        Some(header)
    }
}

/// The mutable fields of IPv6 extension headers, as ascending ranges of the packet.
#[derive(Clone)]
struct MutableFields<'a> {
    headers: Extensions<'a>,
    routing: &'a RoutingRule,
    /// The options of the header being walked, if it has options.
    options: Option<Ipv6Options<'a>>,
    /// Fields of the Routing header being walked, where that starts, and how many of them are behind.
    fields: Fields,
    fields_of: usize,
    used: usize,
}

impl Iterator for MutableFields<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            while let Some(&(from, to)) = self.fields.get(self.used) {
                self.used = self.used.wrapping_add(1);
                if from < to {
                    let at = |offset| self.fields_of.saturating_add(usize::from(offset));
                    return Some(at(from)..at(to));
                }
            }
            if let Some(options) = &mut self.options {
                match options.next() {
                    Some(Ok(option)) if option.is_mutable() => {
                        let end = option.at.saturating_add(option.octets.len());
                        // Type and length are covered.
                        return Some(option.at.saturating_add(2)..end);
                    }
                    Some(_) => continue,
                    None => self.options = None,
                }
            }
            let header = self.headers.next()?.ok()?;
            if header.kind == protocol::ROUTING {
                (self.fields, self.fields_of, self.used) = (self.routing.fields(&header), header.at, 0);
            } else {
                self.options = Some(header.options());
            }
        }
    }
}

impl RoutingRule {
    fn is_xcast(&self, header: &ExtensionHeader<'_>) -> bool {
        self.xcast_type.is_some() && header.routing_type() == self.xcast_type
    }

    /// The fields of an Xcast Routing header that count as zero. They must be found; where nothing in the header is looked at, its
    /// contents do not matter.
    fn read(&self, header: &ExtensionHeader<'_>) -> Result<Fields, ParseError> {
        Ok(match self.coverage {
            RoutingCoverage::Covered => [NO_FIELD; 3],
            RoutingCoverage::DataZeroed => [(4, header.octets.len() as u16), NO_FIELD, NO_FIELD],
            RoutingCoverage::FieldsZeroed => {
                let split = XcastHeader::split_v6(header.octets, self.place);
                let (xcast, _) = split.map_err(|error| error.shifted(header.at))?;
                let layout = xcast.layout();
                let addresses = if xcast.anonymous() {
                    (layout.addresses_at as u16, layout.address_at(layout.count) as u16)
                } else {
                    NO_FIELD
                };
                [(6, 8), (layout.bitmap_at as u16, layout.addresses_at as u16), addresses]
            }
        })
    }

    /// The fields of `header` that count as zero.
    fn fields(&self, header: &ExtensionHeader<'_>) -> Fields {
        let (known_at, known) = self.known;
        match self.is_xcast(header) {
            true if header.at == known_at as usize => known,
            true => self.read(header).unwrap_or_default(),
            false => Fields::default(),
        }
    }
}

/// Slices of the packet between mutable fields, and zeros for those.
#[derive(Clone)]
struct ExtensionParts<'a> {
    packet: &'a [u8],
    at: usize,
    end: usize,
    zeroed: MutableFields<'a>,
    /// The zeroed field reached or ahead.
    run: Range<usize>,
}

impl<'a> Iterator for ExtensionParts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.at >= self.end {
            return None;
        }
        if self.at >= self.run.end {
            self.run = self.zeroed.next().unwrap_or(self.end..self.end);
        }
        if self.at < self.run.start {
            let part = self.packet.get(self.at..self.run.start).unwrap_or(&[]);
            self.at = self.run.start;
            return Some(part);
        }
        let left = self.run.end.saturating_sub(self.at).min(ZEROS.len());
        self.at = self.at.saturating_add(left);
        ZEROS.get(..left)
    }
}
