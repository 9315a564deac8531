//! Headers prepared once, for many packets.

use super::{MemberId, Session, SessionPacket};
use crate::wire::{
    CodePoints, DestinationSet, Dscp, DscpSet, EmitError, Family, MAX_DESTINATIONS, PacketLayout, StandardMerge, ipv4,
    set_packet_len, set_traffic_class, u8_at,
};

/// Octets of the longest headers of an Xcast packet: 126 destinations in IPv6 with a separated bitmap and ports.
pub const MAX_HEADERS_LEN: usize = 2360;

/// The headers of a [`SessionPacket`], written once; each packet then costs a copy, its bits and its lengths. What
/// [`emit`](Self::emit) writes is what [`SessionPacket::emit`] would, to the octet.
///
/// `L` is room for the headers: [`SessionPacket::header_len`] octets are needed, at most [`MAX_HEADERS_LEN`].
///
/// A template stays right while members are enabled and disabled, and serves nobody who was removed. New members are in
/// none: prepare all anew when [`Session::revision`] has changed.
///
/// ```
/// use core::net::IpAddr;
/// use xcast_sec::stack::{HeaderTemplate, Limits, Member, Origin, Session, SessionConfig};
/// use xcast_sec::wire::{CodePoints, protocol};
///
/// let source: IpAddr = "192.0.2.1".parse()?;
/// let mut session = Session::<3>::new(SessionConfig::new(Origin::without_channel(source)))?;
/// let first = session.add(Member::new("198.51.100.1".parse()?))?;
/// session.add(Member::new("198.51.100.2".parse()?))?;
///
/// let code_points = CodePoints::rfc4727_experiment();
/// let packet = session.packets(&Limits::new(1500, 100))?.next().ok_or("no members")?;
/// let template = HeaderTemplate::<64>::new(&packet, &code_points, protocol::UDP)?;
///
/// session.disable(first);
/// let mut buffer = [0; 256];
/// let payload = template.emit(template.bits(&session), 100, &mut buffer)?;
/// assert_eq!(payload.len(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HeaderTemplate<const L: usize> {
    /// With every bit set.
    octets: [u8; L],
    layout: PacketLayout,
    anonymous: bool,
    next_protocol: u8,
    ids: heapless::Vec<MemberId, MAX_DESTINATIONS>,
}

impl<const L: usize> core::fmt::Debug for HeaderTemplate<L> {
    /// Who is in the list, which members may not be told, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HeaderTemplate")
            .field("members", &self.ids.len())
            .field("header_len", &self.header_len())
            .field("next_protocol", &self.next_protocol)
            .finish_non_exhaustive()
    }
}

impl<const L: usize> HeaderTemplate<L> {
    /// Prepares the headers of `packet`, in front of payloads of `next_protocol`.
    ///
    /// # Errors
    ///
    /// - Those of [`SessionPacket::emit`]; [`EmitError::BufferTooSmall`] if `L` is.
    pub fn new(packet: &SessionPacket<'_>, code_points: &CodePoints, next_protocol: u8) -> Result<Self, EmitError> {
        let mut octets = [0; L];
        let all = DestinationSet::first_n(packet.len());
        packet.with_repr(all, next_protocol, |repr| packet.emit_repr(repr, code_points, 0, &mut octets).map(|_| ()))?;
        let config = packet.config();
        let (dscps, ports) = packet.lists();
        let layout = PacketLayout::built(config.origin.family(), packet.len(), dscps, ports, config.bitmap);
        let mut ids = heapless::Vec::new();
        // There is room for all.
        let _ = ids.extend_from_slice(packet.ids());
        Ok(Self { octets, layout, anonymous: config.anonymous, next_protocol, ids })
    }

    /// The members listed, served or not.
    #[must_use]
    pub fn ids(&self) -> &[MemberId] {
        &self.ids
    }

    /// Whether there is a port per destination.
    pub(super) const fn has_ports(&self) -> bool {
        self.layout.ports_option.is_some() || self.layout.header.ports_at.is_some()
    }

    /// Protocol of the payload.
    #[must_use]
    pub const fn next_protocol(&self) -> u8 {
        self.next_protocol
    }

    /// Octets of all headers.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.layout.payload_at
    }

    /// The bitmap as `session`, which the template was made of, has it at the moment: members that are enabled and still
    /// there. Another session's names mean other members.
    #[must_use]
    pub fn bits<const N: usize>(&self, session: &Session<N>) -> DestinationSet {
        let enabled = |(_, id): &(usize, &MemberId)| session.is_enabled(**id);
        self.ids.iter().enumerate().filter(enabled).map(|(index, _)| index).collect()
    }

    /// Writes the headers of a packet that serves `bits`, for `payload_len` octets, and returns the part of `buffer` that
    /// those go to.
    ///
    /// # Errors
    ///
    /// - [`EmitError::BitBeyondCount`], [`EmitError::PacketTooLong`], [`EmitError::BufferTooSmall`]; `buffer` is unchanged.
    pub fn emit<'b>(
        &self,
        bits: DestinationSet,
        payload_len: usize,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], EmitError> {
        let family = self.layout.header.family;
        if !bits.is_subset(DestinationSet::first_n(self.ids.len())) {
            return Err(EmitError::BitBeyondCount);
        }
        let len = self.header_len().saturating_add(payload_len);
        if len > family.max_packet_len() {
            return Err(EmitError::PacketTooLong { len });
        }
        let too_small = EmitError::BufferTooSmall { needed: len };
        let packet = buffer.get_mut(..len).ok_or(too_small)?;
        let (headers, payload) = packet.split_at_mut_checked(self.header_len()).ok_or(too_small)?;
        headers.copy_from_slice(self.octets.get(..headers.len()).ok_or(too_small)?);
        self.layout.retain(headers, self.anonymous, bits);
        set_packet_len(headers, family, len);
        if let Some(dscp) = self.dscp(bits) {
            set_traffic_class(headers, family, dscp.ds_field());
        }
        if family == Family::V4
            && let Some(header) = headers.get_mut(..self.layout.ip_header_len)
        {
            ipv4::refresh_checksum(header);
        }
        Ok(payload)
    }

    /// The DSCP for the IP header, if there is a list.
    fn dscp(&self, bits: DestinationSet) -> Option<Dscp> {
        let at = self.layout.xcast_at.saturating_add(self.layout.header.ds_at?);
        let listed = |index| u8_at(&self.octets, at.saturating_add(index)).map(Dscp::from_ds_field);
        Some(bits.iter().filter_map(listed).collect::<DscpSet>().merged(&StandardMerge).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::MAX_HEADERS_LEN;
    use crate::wire::{BitmapPlace, Family, headers_len, max_destinations};

    #[test]
    fn the_longest_headers_are_as_long_as_stated() {
        let mut longest = 0;
        for family in [Family::V4, Family::V6] {
            for place in [BitmapPlace::Header, BitmapPlace::Option] {
                for (dscps, ports) in [(false, false), (false, true), (true, false), (true, true)] {
                    let max = max_destinations(family, dscps, ports, place);
                    longest = longest.max(headers_len(family, max, dscps, ports, place));
                }
            }
        }
        assert_eq!(longest, MAX_HEADERS_LEN);
    }
}
