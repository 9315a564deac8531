//! Xcast to unicast (RFC 5058 §2, §9.2.2, §11.2): the packet as its last destination expects it, with nothing of Xcast left.

use super::arrival::behind;
use super::edit;
use super::transport::Transport;
use crate::wire::{
    ExtensionHeader, IpHeader, Ipv4Header, XcastPacket, ipv4, ipv6, protocol, put, round_up, set_packet_len,
};

/// What becomes of a packet's headers when it turns into unicast ones. The same for all its destinations, so it is worked
/// out once per packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unicast {
    transport: Transport,
    /// Where the segment starts, in the arriving packet.
    transport_at: usize,
    family: FamilyHeaders,
    /// Octets in front of the transport header, in the unicast packet.
    network_len: usize,
}

#[derive(Clone, Copy, Debug)]
enum FamilyHeaders {
    V4 {
        /// Which options stay, as a range of the arriving packet, and what they are padded to.
        options: (usize, usize),
        options_len: usize,
    },
    V6 {
        hop_by_hop: Option<Trimmed>,
        ports: Option<Trimmed>,
    },
}

/// A header of options from which one option is cut out; ranges are of the arriving packet.
#[derive(Clone, Copy, Debug)]
struct Trimmed {
    at: usize,
    /// The options in front of the one cut out, and those behind it up to the trailing padding.
    before: (usize, usize),
    behind: (usize, usize),
    /// Octets of the new header; 0 if nothing but padding was left and there is none.
    len: usize,
}

impl Trimmed {
    /// `header` without the option from `cut_at` to `cut_end`, or with all its options if there is none to cut.
    fn new(header: &ExtensionHeader<'_>, cut: Option<(usize, usize)>) -> Self {
        let first = header.at.saturating_add(2);
        let Some((cut_at, cut_end)) = cut else {
            let whole = (first, header.end());
            return Self { at: header.at, before: whole, behind: (whole.1, whole.1), len: header.octets.len() };
        };
        let others = header.options().map_while(Result::ok).filter(|option| option.at != cut_at);
        let end = others.filter(|option| !option.is_padding()).last();
        let Some(end) = end.map(|option| option.at.saturating_add(option.octets.len())) else {
            return Self { at: header.at, before: (first, first), behind: (first, first), len: 0 };
        };
        let before = (first, cut_at.min(end));
        let behind = (cut_end, cut_end.max(end));
        let len = round_up(2_usize.saturating_add(range_len(before)).saturating_add(range_len(behind)), 8);
        Self { at: header.at, before, behind, len }
    }

    /// Writes the header; its Next Header is copied.
    fn emit(&self, octets: &[u8], writer: &mut Writer<'_>) -> Option<()> {
        let start = writer.at;
        writer.push(octets.get(self.at..self.at.saturating_add(1))?)?;
        writer.push(&[ipv6::hdr_ext_len(self.len)])?;
        writer.push(octets.get(self.before.0..self.before.1)?)?;
        writer.push(octets.get(self.behind.0..self.behind.1)?)?;
        let end = start.saturating_add(self.len);
        ipv6::write_padding(writer.buffer.get_mut(writer.at..end)?);
        writer.at = end;
        Some(())
    }
}

const fn range_len(range: (usize, usize)) -> usize {
    range.1.saturating_sub(range.0)
}

struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn push(&mut self, octets: &[u8]) -> Option<()> {
        put(self.buffer, self.at, octets)?;
        self.at = self.at.saturating_add(octets.len());
        Some(())
    }
}

impl Unicast {
    /// How the packet becomes unicast; `None` if it must not (X=1, AH) or cannot (its transport).
    pub(super) fn new(packet: &XcastPacket<'_>) -> Option<Self> {
        if packet.header().no_x2u() { None } else { Self::local(packet) }
    }

    /// The same where it has arrived and X no longer plays a part.
    pub(super) fn local(packet: &XcastPacket<'_>) -> Option<Self> {
        if packet.is_behind_ah() {
            return None;
        }
        let (transport, transport_at) = behind(packet).transport()?;
        let layout = packet.layout();
        let (family, network_len) = match packet.ip() {
            IpHeader::V4(header) => {
                let options = Self::kept_options(packet, header);
                let options_len = round_up(range_len(options), 4);
                (FamilyHeaders::V4 { options, options_len }, ipv4::MIN_HEADER_LEN.saturating_add(options_len))
            }
            IpHeader::V6(_) => {
                let octets = packet.as_octets();
                let hop_by_hop = layout
                    .hop_by_hop
                    .and_then(|(at, _)| ExtensionHeader::read(octets, protocol::HOP_BY_HOP, at).ok())
                    .map(|header| Trimmed::new(&header, layout.bitmap_option.map(|option| (option.at, option.end()))));
                let ports = layout.ports_option.and_then(|option| {
                    let header = ExtensionHeader::read(octets, protocol::DESTINATION_OPTIONS, option.header_at).ok()?;
                    Some(Trimmed::new(&header, Some((option.at, option.end))))
                });
                let middle = range_len(Self::middle(packet));
                let behind = transport_at.saturating_sub(layout.payload_at);
                let len = [hop_by_hop, ports]
                    .iter()
                    .flatten()
                    .fold(ipv6::HEADER_LEN, |len, trimmed| len.saturating_add(trimmed.len));
                (FamilyHeaders::V6 { hop_by_hop, ports }, len.saturating_add(middle).saturating_add(behind))
            }
        };
        Some(Self { transport, transport_at, family, network_len })
    }

    /// The IPv4 options that stay. Without a bitmap option they all do, to the octet.
    fn kept_options(packet: &XcastPacket<'_>, header: &Ipv4Header<'_>) -> (usize, usize) {
        let Some(bitmap) = packet.layout().bitmap_option else {
            return (ipv4::MIN_HEADER_LEN, header.header_len());
        };
        // The bitmap option itself, if no other follows.
        let last = header.options().map_while(Result::ok).take_while(|option| option.kind != ipv4::OPTION_EOL).last();
        let end = last.map_or(bitmap.end(), |option| option.at.saturating_add(option.octets.len()));
        (bitmap.end(), end)
    }

    /// The IPv6 headers between the Hop-by-Hop and the Routing header.
    fn middle(packet: &XcastPacket<'_>) -> (usize, usize) {
        let layout = packet.layout();
        (layout.hop_by_hop.map_or(layout.ip_header_len, |(_, end)| end), layout.xcast_at)
    }

    /// Octets that differ from the arriving packet: all in front of the transport header, and its first.
    pub(super) const fn header_len(&self) -> usize {
        self.network_len.saturating_add(self.transport.rewritten_len())
    }

    /// Where the octets that stay as they are start, in the arriving packet.
    pub(super) const fn payload_at(&self) -> usize {
        self.transport_at.saturating_add(self.transport.rewritten_len())
    }

    /// Writes the headers of the packet to destination `index`, but for its traffic class, hop limit and IPv4 checksum.
    /// `None` if `buffer` is too small.
    pub(super) fn emit(&self, packet: &XcastPacket<'_>, index: usize, buffer: &mut [u8]) -> Option<()> {
        let octets = packet.as_octets();
        let family = packet.header().family();
        let mut writer = Writer { buffer, at: 0 };
        match self.family {
            FamilyHeaders::V4 { options, options_len } => {
                writer.push(octets.get(..ipv4::MIN_HEADER_LEN)?)?;
                writer.push(octets.get(options.0..options.1)?)?;
                writer.buffer.get_mut(writer.at..self.network_len)?.fill(ipv4::OPTION_EOL);
                writer.at = self.network_len;
                let words = ipv4::MIN_HEADER_LEN.saturating_add(options_len) >> 2;
                put(writer.buffer, 0, &[0x40 | u8::try_from(words).ok()?])?;
                edit::set_next_header(writer.buffer, family, packet.next_protocol());
            }
            FamilyHeaders::V6 { hop_by_hop, ports } => Self::emit_v6(packet, hop_by_hop, ports, &mut writer)?,
        }
        let segment_at = self.network_len;
        // For IPv6, also the Destination Options headers that stay in front of the transport header.
        writer.push(octets.get(packet.layout().payload_at..self.payload_at())?)?;
        let destination = packet.destination(index)?;
        let segment = writer.buffer.get_mut(segment_at..)?;
        self.transport.redirect(segment, packet.ip().destination(), destination, packet.port(index));
        edit::set_destination(writer.buffer, family, destination);
        let unchanged = octets.len().saturating_sub(self.payload_at());
        set_packet_len(writer.buffer, family, self.header_len().saturating_add(unchanged));
        Some(())
    }

    /// The IPv6 header and the extension headers up to where the Xcast headers ended, the chain of Next Headers closed
    /// again over what is left out.
    fn emit_v6(
        packet: &XcastPacket<'_>,
        hop_by_hop: Option<Trimmed>,
        ports: Option<Trimmed>,
        writer: &mut Writer<'_>,
    ) -> Option<()> {
        let octets = packet.as_octets();
        let layout = packet.layout();
        writer.push(octets.get(..ipv6::HEADER_LEN)?)?;
        // Where the Next Header of the last header written stands.
        let mut chain_at = ipv6::NEXT_HEADER_AT;
        if let Some(header) = hop_by_hop {
            if header.len == 0 {
                put(writer.buffer, chain_at, octets.get(header.at..header.at.saturating_add(1))?)?;
            } else {
                chain_at = writer.at;
                header.emit(octets, writer)?;
            }
        }
        let middle = Self::middle(packet);
        if range_len(middle) > 0 {
            chain_at = writer.at.saturating_add(layout.announced_at.saturating_sub(middle.0));
            writer.push(octets.get(middle.0..middle.1)?)?;
        }
        match ports.filter(|header| header.len > 0) {
            Some(header) => {
                put(writer.buffer, chain_at, &[protocol::DESTINATION_OPTIONS])?;
                header.emit(octets, writer)
            }
            None => put(writer.buffer, chain_at, &[packet.next_protocol()]),
        }
    }
}
