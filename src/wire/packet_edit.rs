//! Where the parts of a whole Xcast packet lie, and the few edits that keep it sound.

use super::bitmap_option::{self, BitmapOption};
use super::layout::{Layout, bitmap_len};
use super::octets::u16_at;
use super::ports::{self, PortsOption};
use super::{
    BitmapPlace, ChecksumPolicy, ChecksumUpdate, CodePoints, DestinationSet, Family, ParseError, XcastPacket, ipv4,
    ipv6, xcast4, xcast6,
};

/// Where the parts of an Xcast packet lie; offsets are from the start of the IP header.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Of the headers that `XcastRepr` writes, with nothing behind them.
    pub(crate) const fn built(family: Family, count: usize, dscps: bool, ports: bool, place: BitmapPlace) -> Self {
        let ip_len = family.min_header_len();
        let header = Layout::new(family, count, dscps, ports, place);
        let separated = matches!(place, BitmapPlace::Option);
        let bitmap_len = bitmap_len(family, count);
        match family {
            Family::V4 => {
                let options_len = if separated { bitmap_option::v4_options_len(count) } else { 0 };
                let xcast_at = ip_len.saturating_add(options_len);
                let payload_at = xcast_at.saturating_add(header.len);
                Self {
                    packet_len: payload_at,
                    ip_header_len: xcast_at,
                    hop_by_hop: None,
                    bitmap_option: if separated { Some(BitmapOption { at: ip_len, len: bitmap_len }) } else { None },
                    ah_at: None,
                    xcast_at,
                    header,
                    ports_option: None,
                    next_protocol_at: xcast_at.saturating_add(xcast4::PROT_ID_AT),
                    announced_at: ipv4::PROTOCOL_AT,
                    payload_at,
                }
            }
            Family::V6 => {
                let option_len = if separated { bitmap_option::v6_header_len(count) } else { 0 };
                let xcast_at = ip_len.saturating_add(option_len);
                let behind = xcast_at.saturating_add(header.len);
                let payload_at = if ports { behind.saturating_add(ports::header_len(count)) } else { behind };
                // Type and length of the header, then of the option.
                let first = behind.saturating_add(2);
                let end = first.saturating_add(2).saturating_add(count.saturating_mul(2));
                let option = PortsOption { header_at: behind, header_end: payload_at, at: first, end };
                Self {
                    packet_len: payload_at,
                    ip_header_len: ip_len,
                    hop_by_hop: if separated { Some((ip_len, xcast_at)) } else { None },
                    bitmap_option: if separated {
                        Some(BitmapOption { at: ip_len.saturating_add(2), len: bitmap_len })
                    } else {
                        None
                    },
                    ah_at: None,
                    xcast_at,
                    header,
                    ports_option: if ports { Some(option) } else { None },
                    next_protocol_at: if ports { behind } else { xcast_at },
                    announced_at: if separated { ip_len } else { ipv6::NEXT_HEADER_AT },
                    payload_at,
                }
            }
        }
    }

    /// Keeps of the destinations those in `keep`, wherever the bitmap is. `headers` starts at the IP header and reaches at
    /// least to the end of the Xcast header. The IPv4 header checksum is left to the caller.
    pub(crate) fn retain(&self, headers: &mut [u8], anonymous: bool, keep: DestinationSet) {
        if let Some(option) = self.bitmap_option {
            option.retain(headers, keep);
        } else if let Some(header) = headers.get_mut(self.xcast_at..) {
            self.header.retain(header, anonymous, keep);
        }
    }

    /// Where the bitmap starts and ends, wherever it is.
    pub(crate) const fn bitmap(&self) -> (usize, usize) {
        match self.bitmap_option {
            Some(option) => (option.bitmap_at(), option.end()),
            None => (
                self.xcast_at.saturating_add(self.header.bitmap_at),
                self.xcast_at.saturating_add(self.header.addresses_at),
            ),
        }
    }

    /// Where CHECKSUM stands and what it is to become, the bitmap taken off. `None` if it does not cover the bitmap.
    pub(crate) fn checksum_without_bitmap(&self, packet: &[u8]) -> Option<(usize, ChecksumUpdate)> {
        if self.bitmap_option.is_some() {
            return None;
        }
        let at = self.xcast_at.saturating_add(Layout::checksum_at(self.header.family));
        let (bitmap_at, bitmap_end) = self.bitmap();
        let had = DestinationSet::from_bitmap(packet.get(bitmap_at..bitmap_end)?);
        let update = had.take_from(ChecksumUpdate::new(u16_at(packet, at)?));
        Some((at, update))
    }

    /// Sets the X bit; CHECKSUM follows.
    fn set_no_x2u(&self, headers: &mut [u8]) {
        if let Some(header) = headers.get_mut(self.xcast_at..) {
            Layout::set_no_x2u(self.header.family, header);
        }
    }
}

/// An Xcast packet that may be edited in the few ways that keep it sound.
pub struct XcastPacketMut<'a> {
    octets: &'a mut [u8],
    layout: PacketLayout,
    anonymous: bool,
    one_word: bool,
}

impl core::fmt::Debug for XcastPacketMut<'_> {
    /// What follows the Xcast headers, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("XcastPacketMut")
            .field("len", &self.octets.len())
            .field("layout", &self.layout)
            .field("anonymous", &self.anonymous)
            .finish_non_exhaustive()
    }
}

impl<'a> XcastPacketMut<'a> {
    /// Reads a packet, as [`XcastPacket::parse`] does, to edit it.
    ///
    /// # Errors
    ///
    /// Those of [`XcastPacket::parse`].
    pub fn parse(packet: &'a mut [u8], code_points: &CodePoints, checksum: ChecksumPolicy) -> Result<Self, ParseError> {
        let parsed = XcastPacket::parse(packet, code_points, checksum)?;
        let (layout, anonymous) = (parsed.layout(), parsed.header().anonymous());
        let one_word = parsed.header().changes_one_word();
        Ok(Self { octets: packet, layout, anonymous, one_word })
    }

    /// Keeps of the destinations still to be served those in `keep`: bitmap, anonymised addresses (A=1) and CHECKSUM change
    /// together. The IPv4 header checksum follows a separated bitmap.
    #[inline]
    pub fn retain(&mut self, keep: DestinationSet) {
        if self.one_word
            && let Some(header) = self.octets.get_mut(self.layout.xcast_at..)
            && let Some(front) = header.first_chunk_mut()
        {
            xcast6::retain_one_word(front, keep);
        } else {
            self.retain_any(keep);
        }
    }

    #[inline(never)]
    fn retain_any(&mut self, keep: DestinationSet) {
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

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::wire::{Destinations, Dscp, XcastRepr, max_destinations, protocol};

    /// For every number of destinations and every option, against what is built and read.
    #[test]
    fn headers_lie_where_they_are_built() {
        let code_points = CodePoints::rfc4727_experiment();
        let v4: std::vec::Vec<Ipv4Addr> = (1..=127).map(|last| [192, 0, 2, last].into()).collect();
        let v6: std::vec::Vec<Ipv6Addr> = (1..=127).map(|last| [0x2001, 0xdb8, 0, 0, 0, 0, 0, last].into()).collect();
        let mut buffer = [0; 4096];
        for (family, place, lists) in [Family::V4, Family::V6]
            .into_iter()
            .flat_map(|family| [BitmapPlace::Header, BitmapPlace::Option].map(|place| (family, place)))
            .flat_map(|(family, place)| (0..4).map(move |lists| (family, place, lists)))
        {
            let (with_dscps, with_ports) = (lists & 1 != 0, lists & 2 != 0);
            for count in 1..=max_destinations(family, with_dscps, with_ports, place) {
                let repr = XcastRepr {
                    destinations: match family {
                        Family::V4 => {
                            Destinations::V4 { source: v4[0], channel: [0; 4], addresses: v4.get(..count).unwrap() }
                        }
                        Family::V6 => {
                            Destinations::V6 { source: v6[0], channel: [0; 16], addresses: v6.get(..count).unwrap() }
                        }
                    },
                    bits: DestinationSet::first_n(count),
                    dscps: with_dscps.then_some(&[Dscp::DEFAULT; 127][..count]),
                    ports: with_ports.then_some(&[5; 127][..count]),
                    anonymous: false,
                    no_x2u: false,
                    bitmap: place,
                    hop_limit: 1,
                    next_protocol: protocol::UDP,
                };
                repr.emit(&code_points, 0, &mut buffer).unwrap();
                let packet = XcastPacket::parse(&buffer, &code_points, ChecksumPolicy::Verify).unwrap();
                let built = PacketLayout::built(family, count, with_dscps, with_ports, place);
                assert_eq!(built, packet.layout());
                assert_eq!(built.payload_at, repr.header_len());
            }
        }
    }
}
