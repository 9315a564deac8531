//! One copy of an XCAST6 2.0 packet, not yet written.

use core::net::IpAddr;

use super::behind;
use crate::forward::transport::Transport;
use crate::forward::{CopyKind, edit};
use crate::wire::xcast6_v2::{PacketV2, retain};
use crate::wire::{DestinationSet, EmitError, Family, ipv6, leave_tunnel, put, set_ecn, set_packet_len};

/// How a packet becomes unicast. The same for all its destinations, so it is worked out once per packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unicast {
    transport: Transport,
    /// Where the segment starts, in the arriving packet.
    transport_at: usize,
}

impl Unicast {
    /// `None` if the packet must not (its flag) or cannot (its transport) become unicast (WIRE.md §9 step 5).
    pub(super) fn new(packet: &PacketV2<'_>) -> Option<Self> {
        if packet.no_x2u() {
            return None;
        }
        let (transport, transport_at) =
            behind::transport(packet.as_octets(), packet.next_protocol(), packet.payload_at())?;
        Some(Self { transport, transport_at })
    }

    /// Where the octets that stay as they are start, in the arriving packet.
    const fn unchanged_at(&self) -> usize {
        self.transport_at.saturating_add(self.transport.rewritten_len())
    }
}

/// One copy of a packet, for one next hop. Nothing is written before it is asked for, and nothing is kept afterwards: the
/// headers go straight to the buffer of whoever sends it, and what stays the same is lent from the arriving packet.
///
/// An Xcast copy differs from the packet by the bitmap, which is that of its branch, the outer destination, which is the
/// first of that, the outer hop limit, which is one less, and, if the packet is anonymous, the other addresses, which are
/// zero. Outer source, ECN and ICMP offset stay as received (project-defined). A unicast copy is the inner packet as the sender would have sent it to one destination alone: without the Routing
/// header, with the outer hop limit less one, and marked by congestion where the outer header was (RFC 4301 §5.1.2.1).
#[derive(Clone, Copy, Debug)]
pub struct CopyV2<'a> {
    packet: &'a PacketV2<'a>,
    destinations: DestinationSet,
    /// Present in a unicast copy, which has one destination.
    unicast: Option<Unicast>,
}

impl<'a> CopyV2<'a> {
    pub(super) const fn xcast(packet: &'a PacketV2<'a>, destinations: DestinationSet) -> Self {
        Self { packet, destinations, unicast: None }
    }

    /// `destinations` is one.
    pub(super) const fn unicast(packet: &'a PacketV2<'a>, plan: Unicast, destinations: DestinationSet) -> Self {
        Self { packet, destinations, unicast: Some(plan) }
    }

    /// What it is: [`CopyKind::Xcast`] or [`CopyKind::Unicast`].
    #[must_use]
    pub const fn kind(&self) -> CopyKind {
        match self.unicast {
            None => CopyKind::Xcast,
            Some(_) => CopyKind::Unicast,
        }
    }

    /// The destinations it serves, as indices of the arriving packet's list.
    #[must_use]
    pub const fn destinations(&self) -> DestinationSet {
        self.destinations
    }

    /// Octets of the copy, from its (outer) IP header on.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "never shorter than an IP header")]
    pub fn len(&self) -> usize {
        self.header_len().saturating_add(self.payload().len())
    }

    /// Octets that [`emit_header`](Self::emit_header) writes.
    #[must_use]
    pub fn header_len(&self) -> usize {
        match self.unicast {
            None => self.packet.payload_at(),
            Some(plan) => ipv6::HEADER_LEN.saturating_add(plan.unchanged_at().saturating_sub(self.packet.payload_at())),
        }
    }

    /// What follows the headers: octets of the arriving packet, the same in every copy of this kind.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        let at = self.unicast.map_or(self.packet.payload_at(), |plan| plan.unchanged_at());
        self.packet.as_octets().get(at..).unwrap_or(&[])
    }

    /// Writes all that differs from the arriving packet, and returns its octets' number,
    /// [`header_len`](Self::header_len). [`payload`](Self::payload) is to follow on the wire.
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`]; `buffer` is unchanged.
    pub fn emit_header(&self, buffer: &mut [u8]) -> Result<usize, EmitError> {
        let len = self.header_len();
        let too_small = EmitError::BufferTooSmall { needed: len };
        let header = buffer.get_mut(..len).ok_or(too_small)?;
        match self.unicast {
            None => self.emit_xcast(header),
            Some(plan) => self.emit_unicast(plan, header),
        }
        .ok_or(too_small)?;
        Ok(len)
    }

    /// Writes the whole copy, and returns its octets' number, [`len`](Self::len).
    ///
    /// # Errors
    ///
    /// - [`EmitError::BufferTooSmall`]; `buffer` is unchanged.
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, EmitError> {
        let too_small = EmitError::BufferTooSmall { needed: self.len() };
        let copy = buffer.get_mut(..self.len()).ok_or(too_small)?;
        let (header, payload) = copy.split_at_mut_checked(self.header_len()).ok_or(too_small)?;
        self.emit_header(header)?;
        payload.copy_from_slice(self.payload());
        Ok(self.len())
    }

    fn hop_limit(&self) -> u8 {
        self.packet.outer().hop_limit().saturating_sub(1)
    }

    fn emit_xcast(&self, header: &mut [u8]) -> Option<()> {
        header.copy_from_slice(self.packet.as_octets().get(..header.len())?);
        retain(header, self.packet.destination_count(), self.packet.anonymous(), self.destinations);
        edit::set_hop_limit(header, Family::V6, self.hop_limit());
        Some(())
    }

    fn emit_unicast(&self, plan: Unicast, header: &mut [u8]) -> Option<()> {
        let packet = self.packet;
        let octets = packet.as_octets();
        let destination = IpAddr::V6(packet.destination(self.destinations.first()?)?);
        let inner_at = ipv6::HEADER_LEN;
        let (ip, rest) = header.split_at_mut_checked(ipv6::HEADER_LEN)?;
        put(ip, 0, octets.get(inner_at..inner_at.saturating_add(ipv6::HEADER_LEN))?)?;
        put(rest, 0, octets.get(packet.payload_at()..plan.unchanged_at())?)?;
        let segment = rest.get_mut(plan.transport_at.saturating_sub(packet.payload_at())..)?;
        let group = IpAddr::V6(packet.inner().destination());
        plan.transport.redirect(segment, group, destination, None);
        edit::set_next_header(ip, Family::V6, packet.next_protocol());
        edit::set_hop_limit(ip, Family::V6, self.hop_limit());
        edit::set_destination(ip, Family::V6, destination);
        set_packet_len(ip, Family::V6, self.len());
        let ecn = leave_tunnel(packet.inner().traffic_class(), packet.outer().traffic_class());
        set_ecn(ip, Family::V6, ecn);
        Some(())
    }
}
