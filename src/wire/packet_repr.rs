//! An Xcast packet to be built: what is in it, and whether it may be built.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::dscp::DscpSet;
use super::ip::protocol;
use super::layout::{Layout, max_destinations};
use super::packet_emit::Envelope;
use super::{
    BitmapPlace, CodePoints, DestinationSet, Dscp, DscpMerge, EmitError, Family, StandardMerge, bitmap_option,
    headers_len, is_routable_unicast,
};

/// Who sends to whom, and the channel identifier, whose size depends on the family.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums, reason = "there are two")]
pub enum Destinations<'a> {
    /// Xcast4.
    V4 {
        /// The sender.
        source: Ipv4Addr,
        /// CHANNEL IDENTIFIER; zero for none.
        channel: [u8; 4],
        /// The list of destinations.
        addresses: &'a [Ipv4Addr],
    },
    /// Xcast6.
    V6 {
        /// The sender.
        source: Ipv6Addr,
        /// CHANNEL IDENTIFIER; zero for none.
        channel: [u8; 16],
        /// The list of destinations.
        addresses: &'a [Ipv6Addr],
    },
}

impl Destinations<'_> {
    const fn family(&self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }

    const fn source(&self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(*source),
            Self::V6 { source, .. } => IpAddr::V6(*source),
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::V4 { addresses, .. } => addresses.len(),
            Self::V6 { addresses, .. } => addresses.len(),
        }
    }

    fn address(&self, index: usize) -> Option<IpAddr> {
        match self {
            Self::V4 { addresses, .. } => addresses.get(index).map(|&address| address.into()),
            Self::V6 { addresses, .. } => addresses.get(index).map(|&address| address.into()),
        }
    }
}

/// An Xcast packet to be built: its IP header and all Xcast headers, for a payload that the caller writes behind them.
///
/// Identification is 0, DF 1, ECN 0, the flow label 0, and the DSCP 0 or, with a list, the one that serves every
/// destination whose bit is set (project-defined).
///
/// A transport checksum in the payload is for the destination of the IP header, All_Xcast_Routers
/// ([`CodePointFields`](crate::wire::CodePointFields)), and where ports are listed its destination port is 0: routers and
/// receivers adapt both (RFC 5058 §8.1, §10.1).
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct XcastRepr<'a> {
    /// Sender, channel and destinations.
    pub destinations: Destinations<'a>,
    /// The destinations to be served; [`DestinationSet::first_n`] for all.
    pub bits: DestinationSet,
    /// One DSCP per destination (D=1), or none.
    pub dscps: Option<&'a [Dscp]>,
    /// One port per destination (P=1, or the Ports option), or none.
    pub ports: Option<&'a [u16]>,
    /// A: the addresses of destinations that are not to be served are left out, as zeros (RFC 5058 §9.2.2): here, and by each
    /// router that the packet passes.
    pub anonymous: bool,
    /// X: routers must not turn the packet into a unicast one. Always set on the wire if AH or ESP follows.
    pub no_x2u: bool,
    /// Where the bitmap goes: [`BitmapPlace::Option`] if AH is to cover the Xcast header.
    pub bitmap: BitmapPlace,
    /// TTL or Hop Limit.
    pub hop_limit: u8,
    /// Protocol of the payload.
    pub next_protocol: u8,
}

impl XcastRepr<'_> {
    pub(super) fn layout(&self) -> Layout {
        let (dscps, ports) = (self.dscps.is_some(), self.ports.is_some());
        Layout::new(self.destinations.family(), self.destinations.len(), dscps, ports, self.bitmap)
    }

    /// Octets of the IPv4 bitmap option, or of the Hop-by-Hop header that holds it.
    pub(super) fn option_len(&self) -> usize {
        match (self.bitmap, self.destinations.family()) {
            (BitmapPlace::Header, _) => 0,
            (BitmapPlace::Option, Family::V4) => bitmap_option::v4_options_len(self.destinations.len()),
            (BitmapPlace::Option, Family::V6) => bitmap_option::v6_header_len(self.destinations.len()),
        }
    }

    /// Octets of all headers, from the IP header to the last Xcast header.
    #[must_use]
    pub fn header_len(&self) -> usize {
        let (dscps, ports) = (self.dscps.is_some(), self.ports.is_some());
        headers_len(self.destinations.family(), self.destinations.len(), dscps, ports, self.bitmap)
    }

    /// Octets of the packet with a payload of `payload_len` octets.
    #[must_use]
    pub fn encoded_len(&self, payload_len: usize) -> usize {
        self.header_len().saturating_add(payload_len)
    }

    /// The DSCP for the IP header. Every two of the destinations to be served must merge, as they must in a router's branch.
    fn dscp<M: DscpMerge + ?Sized>(&self, rule: &M) -> Result<Dscp, EmitError> {
        let Some(dscps) = self.dscps else { return Ok(Dscp::DEFAULT) };
        let present: DscpSet = self.bits.iter().filter_map(|index| dscps.get(index).copied()).collect();
        if !present.is_mergeable(rule) {
            return Err(EmitError::DscpsDoNotMerge);
        }
        Ok(present.merged(rule).unwrap_or_default())
    }

    /// Whether the packet may be built at all.
    ///
    /// # Errors
    ///
    /// - Every [`EmitError`] that does not speak of lengths in octets.
    pub fn check(&self) -> Result<(), EmitError> {
        self.check_but_dscps()?;
        self.dscp(&StandardMerge).map(|_| ())
    }

    fn check_but_dscps(&self) -> Result<(), EmitError> {
        let count = self.destinations.len();
        let max = max_destinations(self.destinations.family(), self.dscps.is_some(), self.ports.is_some(), self.bitmap);
        if count == 0 {
            return Err(EmitError::NoDestination);
        }
        if count > max {
            return Err(EmitError::TooManyDestinations { max });
        }
        if !self.bits.is_subset(DestinationSet::first_n(count)) {
            return Err(EmitError::BitBeyondCount);
        }
        if self.dscps.is_some_and(|list| list.len() != count) {
            return Err(EmitError::DscpCount);
        }
        if self.ports.is_some_and(|list| list.len() != count) {
            return Err(EmitError::PortCount);
        }
        self.check_addresses()?;
        if self.anonymous && self.bitmap == BitmapPlace::Option {
            return Err(EmitError::AnonymousWithSeparatedBitmap);
        }
        if self.destinations.family() == Family::V4 && self.next_protocol == protocol::AH {
            return Err(EmitError::AhBehindXcast4);
        }
        Ok(())
    }

    fn check_addresses(&self) -> Result<(), EmitError> {
        if !is_routable_unicast(self.destinations.source()) {
            return Err(EmitError::UnusableSource);
        }
        let port = |index: usize| self.ports.and_then(|ports| ports.get(index));
        for index in 0..self.destinations.len() {
            let Some(address) = self.destinations.address(index) else { break };
            let set = self.bits.contains(index);
            // An address that a router erased, or would.
            let erased = self.anonymous && !set && address.is_unspecified();
            if !erased && !is_routable_unicast(address) {
                return Err(EmitError::UnusableDestination { index });
            }
            let duplicate =
                |earlier: usize| self.destinations.address(earlier) == Some(address) && port(earlier) == port(index);
            if set && self.bits.iter().take_while(|&earlier| earlier < index).any(duplicate) {
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
        code_points: &CodePoints,
        payload_len: usize,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], EmitError> {
        self.emit_with(&StandardMerge, code_points, payload_len, buffer)
    }

    /// Writes all headers as [`emit`](Self::emit) does, with the DSCP of the IP header by another rule (RFC 5058 §8.2).
    ///
    /// # Errors
    ///
    /// - Those of [`emit`](Self::emit); `buffer` is unchanged.
    pub fn emit_with<'b, M: DscpMerge + ?Sized>(
        &self,
        rule: &M,
        code_points: &CodePoints,
        payload_len: usize,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], EmitError> {
        self.emit_any(rule, None, code_points, payload_len, buffer)
    }

    /// Writes all headers as [`emit`](Self::emit) does, but to the unicast address of a router instead of All_Xcast_Routers:
    /// what a network needs in which a few routers know Xcast, on an address of their own (RFC 5058 §11.5). The transport
    /// checksum has to be for that address, and AH and ESP have no place in such a packet, as those routers make it unicast.
    ///
    /// # Errors
    ///
    /// - Those of [`emit`](Self::emit), and [`EmitError::UnusableRouter`]; `buffer` is unchanged.
    pub fn emit_to<'b>(
        &self,
        router: IpAddr,
        code_points: &CodePoints,
        payload_len: usize,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], EmitError> {
        if Family::of(&router) != self.destinations.family() || !is_routable_unicast(router) {
            return Err(EmitError::UnusableRouter);
        }
        self.emit_any(&StandardMerge, Some(router), code_points, payload_len, buffer)
    }

    fn emit_any<'b, M: DscpMerge + ?Sized>(
        &self,
        rule: &M,
        router: Option<IpAddr>,
        code_points: &CodePoints,
        payload_len: usize,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], EmitError> {
        self.check_but_dscps()?;
        let envelope = Envelope { router, traffic_class: self.dscp(rule)?.ds_field(), payload_len };
        let len = self.encoded_len(payload_len);
        if len > self.destinations.family().max_packet_len() {
            return Err(EmitError::PacketTooLong { len });
        }
        let needed = EmitError::BufferTooSmall { needed: len };
        let packet = buffer.get_mut(..len).ok_or(needed)?;
        let (headers, payload) = packet.split_at_mut_checked(self.header_len()).ok_or(needed)?;
        match self.destinations {
            Destinations::V4 { source, channel, addresses } => {
                self.emit_v4(code_points, envelope, source, channel, addresses, headers)?;
            }
            Destinations::V6 { source, channel, addresses } => {
                self.emit_v6(code_points, envelope, source, channel, addresses, headers)?;
            }
        }
        Ok(payload)
    }
}
