//! One copy of a packet, not yet written.

use super::x2u::Unicast;
use super::{Tunnel, edit};
use crate::wire::{DestinationSet, EmitError, Family, XcastPacket, ipv4};

/// Explicit Congestion Notification: the lower bits of the traffic class (RFC 3168 §5).
const ECN: u8 = 0x03;

/// What a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CopyKind {
    /// An Xcast packet with the bits of its branch.
    Xcast,
    /// A unicast packet to one destination (X2U).
    Unicast,
    /// An Xcast packet inside an outer IP header.
    Tunnelled,
}

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Xcast,
    Unicast { plan: &'a Unicast, index: usize },
    Tunnelled(Tunnel),
}

/// One copy of a packet, for one next hop. Nothing is written before it is asked for, and nothing is kept afterwards: the
/// headers go straight to the buffer of whoever sends it, and what stays the same is lent from the arriving packet.
///
/// A copy differs from the packet as RFC 5058 §9.2.2 and §9.3.2 say: the bitmap is that of its branch, with A=1 the other
/// addresses are zero, the hop limit is one less, and checksums follow. With D=1 the DSCP of the IP header is the one that
/// serves every destination of the copy (RFC 5058 §8.2); ECN stays. The IP destination of an Xcast copy stays: checksums
/// and AH depend on it. Reserved bits stay as received (project-defined).
#[derive(Clone, Copy, Debug)]
pub struct PacketCopy<'a> {
    packet: &'a XcastPacket<'a>,
    destinations: DestinationSet,
    form: Form<'a>,
}

impl<'a> PacketCopy<'a> {
    pub(super) const fn xcast(packet: &'a XcastPacket<'a>, destinations: DestinationSet) -> Self {
        Self { packet, destinations, form: Form::Xcast }
    }

    pub(super) const fn unicast(packet: &'a XcastPacket<'a>, plan: &'a Unicast, index: usize) -> Self {
        Self { packet, destinations: DestinationSet::single(index), form: Form::Unicast { plan, index } }
    }

    pub(super) const fn tunnelled(packet: &'a XcastPacket<'a>, destinations: DestinationSet, tunnel: Tunnel) -> Self {
        Self { packet, destinations, form: Form::Tunnelled(tunnel) }
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> CopyKind {
        match self.form {
            Form::Xcast => CopyKind::Xcast,
            Form::Unicast { .. } => CopyKind::Unicast,
            Form::Tunnelled(_) => CopyKind::Tunnelled,
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
    pub const fn len(&self) -> usize {
        self.header_len().saturating_add(self.payload().len())
    }

    /// Octets that [`emit_header`](Self::emit_header) writes.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        match self.form {
            Form::Xcast => self.xcast_header_len(),
            Form::Unicast { plan, .. } => plan.header_len(),
            Form::Tunnelled(tunnel) => tunnel.header_len().saturating_add(self.xcast_header_len()),
        }
    }

    /// What follows the headers: octets of the arriving packet, the same in every copy of this kind.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        let at = match self.form {
            Form::Xcast | Form::Tunnelled(_) => self.xcast_header_len(),
            Form::Unicast { plan, .. } => plan.payload_at(),
        };
        match self.packet.as_octets().split_at_checked(at) {
            Some((_, payload)) => payload,
            None => &[],
        }
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
        match self.form {
            Form::Xcast => self.emit_xcast(header).ok_or(too_small)?,
            Form::Unicast { plan, index } => {
                plan.emit(self.packet, index, header).ok_or(too_small)?;
                self.finish_ip(header);
            }
            Form::Tunnelled(tunnel) => {
                let (outer, inner) = header.split_at_mut_checked(tunnel.header_len()).ok_or(too_small)?;
                let inner_len = self.packet.as_octets().len();
                tunnel.emit(self.packet.header().family(), self.traffic_class(), inner_len, outer)?;
                self.emit_xcast(inner).ok_or(too_small)?;
            }
        }
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

    /// The longest this copy may be for an MTU of `mtu`: its outermost header cannot announce more than so much.
    pub(super) fn max_len(&self, mtu: usize) -> usize {
        let family = match self.form {
            Form::Tunnelled(tunnel) => tunnel.family(),
            Form::Xcast | Form::Unicast { .. } => self.packet.header().family(),
        };
        mtu.min(family.max_packet_len())
    }

    /// Octets in front of the arriving packet's form: the outer header.
    pub(super) const fn overhead(&self) -> usize {
        match self.form {
            Form::Tunnelled(tunnel) => tunnel.header_len(),
            Form::Xcast | Form::Unicast { .. } => 0,
        }
    }

    /// Octets up to the last that an Xcast copy changes. With a separated bitmap the Xcast header is none of them.
    const fn xcast_header_len(&self) -> usize {
        let layout = self.packet.layout();
        match (layout.bitmap_option, layout.hop_by_hop) {
            (Some(_), None) => layout.ip_header_len,
            (Some(_), Some((_, end))) => end,
            (None, _) => layout.xcast_at.saturating_add(layout.header.len),
        }
    }

    fn emit_xcast(&self, header: &mut [u8]) -> Option<()> {
        header.copy_from_slice(self.packet.as_octets().get(..header.len())?);
        self.packet.layout().retain(header, self.packet.header().anonymous(), self.destinations);
        self.finish_ip(header);
        Some(())
    }

    /// DSCP, hop limit and, last, the IPv4 header checksum. It is computed anew: parsing verified the one received.
    fn finish_ip(&self, header: &mut [u8]) {
        let family = self.packet.header().family();
        edit::set_traffic_class(header, family, self.traffic_class());
        edit::set_hop_limit(header, family, self.packet.ip().hop_limit().saturating_sub(1));
        if family == Family::V4 {
            // The header written says how long it is.
            let len = header.first().map_or(0, |octet| usize::from(octet & 0x0f).saturating_mul(4));
            if let Some(header) = header.get_mut(..len) {
                ipv4::refresh_checksum(header);
            }
        }
    }

    fn traffic_class(&self) -> u8 {
        let received = self.packet.ip().traffic_class();
        let dscps = self.destinations.iter().filter_map(|index| self.packet.dscp(index));
        // The branch was made of those that merge.
        match dscps.reduce(|a, b| a.merge(b).unwrap_or(a)) {
            Some(dscp) => dscp.ds_field() | (received & ECN),
            None => received,
        }
    }
}
