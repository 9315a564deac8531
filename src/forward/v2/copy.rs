//! One copy of an XCAST6 2.0 packet, not yet written.

use core::net::IpAddr;

use crate::forward::transport::{Behind, Transport};
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
        let (transport, transport_at) = behind(packet).transport()?;
        Some(Self { transport, transport_at })
    }

    /// Where the octets that stay as they are start, in the arriving packet.
    const fn unchanged_at(&self) -> usize {
        self.transport_at.saturating_add(self.transport.rewritten_len())
    }
}

/// What stands behind the Routing header of `packet`.
pub(super) fn behind<'a>(packet: &PacketV2<'a>) -> Behind<'a> {
    Behind { family: Family::V6, octets: packet.as_octets(), number: packet.next_protocol(), at: packet.payload_at() }
}

/// One copy of a packet: what differs from the packet that arrived, as the documentation of `v2` says.
#[derive(Clone, Copy, Debug)]
pub(in crate::forward) struct CopyV2<'a> {
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

    pub(in crate::forward) const fn kind(&self) -> CopyKind {
        match self.unicast {
            None => CopyKind::Xcast,
            Some(_) => CopyKind::Unicast,
        }
    }

    pub(in crate::forward) const fn destinations(&self) -> DestinationSet {
        self.destinations
    }

    pub(in crate::forward) fn header_len(&self) -> usize {
        match self.unicast {
            None => self.packet.payload_at(),
            Some(plan) => ipv6::HEADER_LEN.saturating_add(plan.unchanged_at().saturating_sub(self.packet.payload_at())),
        }
    }

    pub(in crate::forward) fn payload(&self) -> &'a [u8] {
        let at = self.unicast.map_or(self.packet.payload_at(), |plan| plan.unchanged_at());
        self.packet.as_octets().get(at..).unwrap_or(&[])
    }

    /// Writes the headers to `header`, which has their length.
    pub(in crate::forward) fn emit_header(&self, header: &mut [u8]) -> Result<(), EmitError> {
        match self.unicast {
            None => self.emit_xcast(header),
            Some(plan) => self.emit_unicast(plan, header),
        }
        .ok_or(EmitError::BufferTooSmall { needed: self.header_len() })
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
        set_packet_len(ip, Family::V6, self.header_len().saturating_add(self.payload().len()));
        let ecn = leave_tunnel(packet.inner().traffic_class(), packet.outer().traffic_class());
        set_ecn(ip, Family::V6, ecn);
        Some(())
    }
}
