//! One copy of an RFC 5058 packet that is unicast or in an outer header, not yet written.

use super::arrival::Arrival;
use super::x2u::Unicast;
use super::{CopyKind, edit};
use crate::wire::{DestinationSet, Dscp, DscpMerge, DscpSet, EmitError, Family, Outer, TunnelEnds, XcastPacket};

/// Explicit Congestion Notification: the lower bits of the traffic class (RFC 3168 §5).
const ECN: u8 = 0x03;

/// A unicast or encapsulated copy of an RFC 5058 packet: what differs from the packet that arrived, as [`PacketCopy`](super::PacketCopy) says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rewritten<'a> {
    packet: &'a XcastPacket<'a>,
    destinations: DestinationSet,
    /// Of the copy's own IP header, not of an outer one.
    hop_limit: u8,
    traffic_class: u8,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant, reason = "lives on the stack, one at a time")]
enum Form {
    Unicast {
        plan: Unicast,
        index: usize,
    },
    /// In an outer header put on here.
    Encapsulated(Outer),
    /// In the outer header that it came in.
    PassedOn(Outer),
}

impl<'a> Rewritten<'a> {
    /// What all copies of `arrival` have in common, with the DSCP that serves `destinations`.
    fn new<M: DscpMerge + ?Sized>(
        arrival: &'a Arrival<'a>,
        destinations: DestinationSet,
        rule: &M,
        form: Form,
    ) -> Self {
        let packet = &arrival.packet;
        let received = arrival.traffic_class();
        let traffic_class = with_dscp(received, merged(packet, destinations, rule));
        Self { packet, destinations, hop_limit: arrival.inner_hop_limit_left(), traffic_class, form }
    }

    pub(super) fn unicast<M: DscpMerge + ?Sized>(
        arrival: &'a Arrival<'a>,
        plan: Unicast,
        index: usize,
        rule: &M,
    ) -> Self {
        Self::new(arrival, DestinationSet::single(index), rule, Form::Unicast { plan, index })
    }

    /// In an outer header, which gets the copy's DSCP and ECN.
    pub(super) fn encapsulated<M: DscpMerge + ?Sized>(
        arrival: &'a Arrival<'a>,
        destinations: DestinationSet,
        rule: &M,
        outer: Outer,
    ) -> Self {
        let mut copy = Self::new(arrival, destinations, rule, Form::Encapsulated(outer));
        copy.form = Form::Encapsulated(Outer { traffic_class: copy.traffic_class, ..outer });
        copy
    }

    /// In the semi-permeable tunnel that the packet came in, of which this branch goes on. The outer header leads to where it
    /// led, if that is on this branch, else to the first of its destinations; it alone counts the hop and shows congestion.
    pub(super) fn passed_on<M: DscpMerge + ?Sized>(
        arrival: &'a Arrival<'a>,
        destinations: DestinationSet,
        rule: &M,
        arrived: Outer,
    ) -> Option<Self> {
        let packet = &arrival.packet;
        let mut addresses = destinations.iter().filter_map(|index| packet.destination(index));
        let first = addresses.next()?;
        let led_to = arrived.ends.destination();
        let to = if addresses.any(|address| address == led_to) { led_to } else { first };
        let dscp = merged(packet, destinations, rule);
        let outer = Outer {
            ends: TunnelEnds::new(arrived.ends.source(), to)?,
            hop_limit: arrived.hop_limit.saturating_sub(1),
            traffic_class: with_dscp(arrived.traffic_class, dscp),
            tunnel_option: arrived.tunnel_option,
        };
        let inner = packet.ip();
        let traffic_class = with_dscp(inner.traffic_class(), dscp);
        let form = Form::PassedOn(outer);
        Some(Self { packet, destinations, hop_limit: inner.hop_limit(), traffic_class, form })
    }

    /// As destination `index` expects it, with the hop limit that it arrived with.
    pub(super) fn local(packet: &'a XcastPacket<'a>, index: usize) -> Option<Self> {
        let form = Form::Unicast { plan: Unicast::local(packet)?, index };
        packet.destination(index)?;
        let traffic_class = with_dscp(packet.ip().traffic_class(), packet.dscp(index));
        let destinations = DestinationSet::single(index);
        Some(Self { packet, destinations, hop_limit: packet.ip().hop_limit(), traffic_class, form })
    }

    pub(super) const fn kind(&self) -> CopyKind {
        match self.form {
            Form::Unicast { .. } => CopyKind::Unicast,
            Form::Encapsulated(Outer { tunnel_option: None, .. }) => CopyKind::Tunnelled,
            Form::Encapsulated(_) | Form::PassedOn(_) => CopyKind::SemiPermeable,
        }
    }

    pub(super) const fn destinations(&self) -> DestinationSet {
        self.destinations
    }

    pub(super) const fn header_len(&self) -> usize {
        match &self.form {
            Form::Unicast { plan, .. } => plan.header_len(),
            Form::Encapsulated(outer) | Form::PassedOn(outer) => {
                outer.header_len().saturating_add(self.packet.changed_len())
            }
        }
    }

    pub(super) const fn payload(&self) -> &'a [u8] {
        let at = match &self.form {
            Form::Encapsulated(_) | Form::PassedOn(_) => self.packet.changed_len(),
            Form::Unicast { plan, .. } => plan.payload_at(),
        };
        match self.packet.as_octets().split_at_checked(at) {
            Some((_, payload)) => payload,
            None => &[],
        }
    }

    /// Writes the headers to `header`, which has their length.
    pub(super) fn emit_header(&self, header: &mut [u8]) -> Result<(), EmitError> {
        let too_small = EmitError::BufferTooSmall { needed: self.header_len() };
        match self.form {
            Form::Unicast { plan, index } => {
                plan.emit(self.packet, index, header).ok_or(too_small)?;
                self.finish_ip(header);
                Ok(())
            }
            Form::Encapsulated(outer) | Form::PassedOn(outer) => {
                let (front, inner) = header.split_at_mut_checked(outer.header_len()).ok_or(too_small)?;
                outer.emit(self.packet.header().family(), self.packet.as_octets().len(), front)?;
                self.emit_xcast(inner).ok_or(too_small)
            }
        }
    }

    /// The family of the copy's outermost header.
    pub(super) fn family(&self) -> Family {
        match &self.form {
            Form::Encapsulated(outer) | Form::PassedOn(outer) => outer.ends.family(),
            Form::Unicast { .. } => self.packet.header().family(),
        }
    }

    /// Octets of outer headers that the packet did not arrive with.
    pub(super) const fn overhead(&self) -> usize {
        match &self.form {
            Form::Encapsulated(outer) => outer.header_len(),
            Form::Unicast { .. } | Form::PassedOn(_) => 0,
        }
    }

    fn emit_xcast(&self, header: &mut [u8]) -> Option<()> {
        header.copy_from_slice(self.packet.as_octets().get(..header.len())?);
        self.packet.retain(header, self.destinations);
        self.finish_ip(header);
        Some(())
    }

    fn finish_ip(&self, header: &mut [u8]) {
        edit::finish_ip(header, self.packet.header().family(), self.traffic_class, self.hop_limit);
    }
}

/// The DSCP that serves `destinations`, if there is a list. The branch was made of those that merge.
#[inline]
pub(super) fn merged<M: DscpMerge + ?Sized>(
    packet: &XcastPacket<'_>,
    destinations: DestinationSet,
    rule: &M,
) -> Option<Dscp> {
    if !packet.header().has_dscps() {
        return None;
    }
    destinations.iter().filter_map(|index| packet.dscp(index)).collect::<DscpSet>().merged(rule)
}

pub(super) fn with_dscp(traffic_class: u8, dscp: Option<Dscp>) -> u8 {
    dscp.map_or(traffic_class, |dscp| dscp.ds_field() | (traffic_class & ECN))
}
