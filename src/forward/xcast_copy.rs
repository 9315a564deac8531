//! An Xcast copy in no outer header, not yet written: what most copies are.

use super::arrival::Arrival;
use super::edit;
use super::rewritten::{merged, with_dscp};
use crate::wire::{ChecksumUpdate, DestinationSet, DscpMerge, Family, XcastPacket, ipv4, put};

/// Octets up to the end of all that changes in an IP header of either family: the IPv4 header checksum is the last.
const FRONT_LEN: usize = 12;

/// What the Xcast copies of one packet have in common, worked out once.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    packet: &'a XcastPacket<'a>,
    /// As they arrived, up to the last octet that a copy changes.
    headers: &'a [u8],
    /// What follows them.
    payload: &'a [u8],
    /// Where the bitmap is.
    bitmap_at: usize,
    bitmap_len: usize,
    /// CHECKSUM as of a bitmap of zeros, and where it is, unless the bitmap is separated.
    checksum: Option<(usize, ChecksumUpdate)>,
    anonymous: bool,
    hop_limit: u8,
    traffic_class: u8,
    /// The start of a copy's IP header, if it does not depend on the destinations; `traffic_class` is in it.
    front: Option<[u8; FRONT_LEN]>,
}

impl<'a> Common<'a> {
    pub(super) fn new(arrival: &'a Arrival<'a>) -> Self {
        let packet = &arrival.packet;
        let (layout, octets) = (packet.layout(), packet.as_octets());
        let (headers, payload) = octets.split_at_checked(packet.changed_len()).unwrap_or((octets, &[]));
        let (bitmap_at, bitmap_end) = layout.bitmap();
        let (hop_limit, traffic_class) = (arrival.inner_hop_limit_left(), arrival.traffic_class());
        let family = packet.header().family();
        // A bitmap among the IPv4 options changes the header checksum.
        let front = if family == Family::V4 && layout.bitmap_option.is_some() {
            None
        } else {
            front(headers, family, traffic_class, hop_limit)
        };
        Self {
            packet,
            headers,
            payload,
            bitmap_at,
            bitmap_len: bitmap_end.saturating_sub(bitmap_at),
            checksum: layout.checksum_without_bitmap(octets),
            anonymous: packet.header().anonymous(),
            hop_limit,
            traffic_class,
            front,
        }
    }
}

/// The start of the IP header of all copies with this traffic class.
fn front(headers: &[u8], family: Family, traffic_class: u8, hop_limit: u8) -> Option<[u8; FRONT_LEN]> {
    let mut header = [0; ipv4::MAX_HEADER_LEN];
    for (to, from) in header.iter_mut().zip(headers) {
        *to = *from;
    }
    edit::finish_ip(&mut header, family, traffic_class, hop_limit);
    header.first_chunk().copied()
}

/// An Xcast copy: what differs from the packet that arrived, as [`PacketCopy`](super::PacketCopy) says.
#[derive(Clone, Copy)]
pub(super) struct XcastCopy<'a> {
    common: &'a Common<'a>,
    destinations: DestinationSet,
    traffic_class: u8,
}

impl<'a> XcastCopy<'a> {
    /// With the DSCP that serves `destinations`.
    #[inline]
    pub(super) fn new<M: DscpMerge + ?Sized>(common: &'a Common<'a>, destinations: DestinationSet, rule: &M) -> Self {
        let traffic_class = with_dscp(common.traffic_class, merged(common.packet, destinations, rule));
        Self { common, destinations, traffic_class }
    }

    pub(super) const fn destinations(&self) -> DestinationSet {
        self.destinations
    }

    pub(super) fn family(&self) -> Family {
        self.common.packet.header().family()
    }

    pub(super) const fn header_len(&self) -> usize {
        self.common.headers.len()
    }

    pub(super) const fn payload(&self) -> &'a [u8] {
        self.common.payload
    }

    /// Writes the headers to `header`, which has their length; `None` if it is shorter.
    pub(super) fn emit_header(&self, header: &mut [u8]) -> Option<()> {
        let common = self.common;
        put(header, 0, common.headers)?;
        if common.anonymous {
            common.packet.retain(header, self.destinations);
        } else {
            let kept = common.packet.bits().intersection(self.destinations);
            kept.write_bitmap(header.get_mut(common.bitmap_at..)?.get_mut(..common.bitmap_len)?);
            if let Some((at, update)) = common.checksum {
                put(header, at, &kept.add_to(update).finish().to_be_bytes())?;
            }
        }
        match &common.front {
            Some(front) if self.traffic_class == common.traffic_class => put(header, 0, front)?,
            _ => edit::finish_ip(header, self.family(), self.traffic_class, common.hop_limit),
        }
        Some(())
    }
}
