//! Where the parts of a whole Xcast packet lie, and the few edits that keep it sound.

use super::bitmap_option::BitmapOption;
use super::layout::Layout;
use super::ports::PortsOption;
use super::{ChecksumPolicy, CodePoints, DestinationSet, Family, ParseError, XcastPacket};

/// Where the parts of an Xcast packet lie; offsets are from the start of the IP header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketLayout {
    pub(crate) packet_len: usize,
    pub(crate) ip_header_len: usize,
    pub(crate) hop_by_hop: Option<(usize, usize)>,
    pub(crate) bitmap_option: Option<BitmapOption>,
    /// An AH in front of the Xcast4 header.
    pub(crate) ah_at: Option<usize>,
    pub(crate) xcast_at: usize,
    pub(crate) header: Layout,
    pub(crate) ports_option: Option<PortsOption>,
    /// Where Next Header of the last Xcast header stands: PROT ID, or that of the Routing or Ports header.
    pub(crate) next_protocol_at: usize,
    /// Where the Next Header that announces the Xcast header stands.
    pub(crate) announced_at: usize,
    /// What follows all Xcast headers.
    pub(crate) payload_at: usize,
}

impl PacketLayout {
    /// Keeps of the destinations those in `keep`, wherever the bitmap is. `headers` starts at the IP header and reaches at
    /// least to the end of the Xcast header. The IPv4 header checksum is left to the caller.
    pub(crate) fn retain(&self, headers: &mut [u8], anonymous: bool, keep: DestinationSet) {
        if let Some(option) = self.bitmap_option {
            if let Some(bitmap) = headers.get_mut(option.bitmap_at()..option.end()) {
                DestinationSet::from_bitmap(bitmap).intersection(keep).write_bitmap(bitmap);
            }
        } else if let Some(header) = headers.get_mut(self.xcast_at..) {
            self.header.retain(header, anonymous, keep);
        }
    }

    /// Sets the X bit; CHECKSUM follows.
    pub(crate) fn set_no_x2u(&self, headers: &mut [u8]) {
        if let Some(header) = headers.get_mut(self.xcast_at..) {
            self.header.set_no_x2u(header);
        }
    }
}

/// An Xcast packet that may be edited in the few ways that keep it sound.
#[derive(Debug)]
pub struct XcastPacketMut<'a> {
    octets: &'a mut [u8],
    layout: PacketLayout,
    anonymous: bool,
}

impl<'a> XcastPacketMut<'a> {
    /// Reads a packet, as [`XcastPacket::parse`] does, to edit it.
    ///
    /// # Errors
    ///
    /// Those of [`XcastPacket::parse`].
    pub fn parse(packet: &'a mut [u8], code_points: &CodePoints, checksum: ChecksumPolicy) -> Result<Self, ParseError> {
        let parsed = XcastPacket::parse(packet, code_points, checksum)?;
        let (layout, anonymous) = (*parsed.layout(), parsed.header().anonymous());
        Ok(Self { octets: packet, layout, anonymous })
    }

    /// Keeps of the destinations still to be served those in `keep`: bitmap, anonymised addresses (A=1) and CHECKSUM change
    /// together. The IPv4 header checksum follows a separated bitmap.
    pub fn retain(&mut self, keep: DestinationSet) {
        self.layout.retain(self.octets, self.anonymous, keep);
        if self.layout.header.family == Family::V4
            && let Some(header) = self.octets.get_mut(..self.layout.ip_header_len)
        {
            super::ipv4::refresh_checksum(header);
        }
    }

    /// Sets the X bit; CHECKSUM follows.
    pub fn set_no_x2u(&mut self) {
        self.layout.set_no_x2u(self.octets);
    }
}
