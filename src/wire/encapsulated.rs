//! A packet inside another one: configured tunnels (RFC 5058 §11.1) and semi-permeable ones (§11.3).
//!
//! ```text
//! configured:      [outer IP: protocol 4 or 41][inner IP]…
//! semi-permeable:  [outer IPv6][Hop-by-Hop: tunnel option, empty; Next Header 41][inner IPv6][Xcast6]…
//! ```

use super::bitmap_option::find_option;
use super::octets::put;
use super::{
    CodePoints, EmitError, ExtensionHeader, Family, IpHeader, Ipv4Header, ParseError, ParseErrorKind, TunnelEnds, ipv4,
    ipv6, protocol,
};

/// A packet that holds another one directly behind its outer headers.
///
/// In IPv6 the outer headers may include Hop-by-Hop and Destination Options, as RFC 2473 §4 has them in tunnels.
#[derive(Clone, Copy)]
pub struct Encapsulated<'a> {
    octets: &'a [u8],
    outer: IpHeader<'a>,
    inner_at: usize,
    semi_permeable: bool,
}

impl core::fmt::Debug for Encapsulated<'_> {
    /// The inner packet, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Encapsulated")
            .field("outer", &self.outer)
            .field("inner_at", &self.inner_at)
            .field("inner_len", &self.inner().len())
            .field("semi_permeable", &self.semi_permeable)
            .finish()
    }
}

impl<'a> Encapsulated<'a> {
    /// Reads a packet that starts at its outer IP header; `None` if there is no whole packet inside: fragments have to be
    /// put together first. The inner packet is only looked at as far as its version.
    ///
    /// # Errors
    ///
    /// - Those of [`IpHeader::split`]; [`ParseErrorKind::Truncated`], [`ParseErrorKind::HopByHopPlace`] in the headers of IPv6.
    /// - Where an inner packet is announced: [`ParseErrorKind::Ipv4HeaderChecksum`], [`ParseErrorKind::Truncated`],
    ///   [`ParseErrorKind::IpVersion`] (it is not of the version announced); in IPv6 [`ParseErrorKind::OptionLength`],
    ///   [`ParseErrorKind::RepeatedOption`], [`ParseErrorKind::NonzeroPadding`], [`ParseErrorKind::TunnelOption`],
    ///   [`ParseErrorKind::UnrecognisedOption`].
    pub fn parse(packet: &'a [u8], code_points: &CodePoints) -> Result<Option<Self>, ParseError> {
        let (outer, _) = IpHeader::split(packet)?;
        let octets = packet.get(..outer.packet_len()).unwrap_or(packet);
        let found = match outer {
            IpHeader::V4(header) => find_v4(&header)?,
            IpHeader::V6(header) => find_v6(octets, header.next_header(), code_points)?,
        };
        let Some(Found { family, inner_at, semi_permeable }) = found else { return Ok(None) };
        let version = match octets.get(inner_at).map(|octet| octet >> 4) {
            None => return Err(ParseError::new(ParseErrorKind::Truncated, octets.len())),
            Some(4) => Some(Family::V4),
            Some(6) => Some(Family::V6),
            Some(_) => None,
        };
        if version != Some(family) {
            return Err(ParseError::new(ParseErrorKind::IpVersion, inner_at));
        }
        Ok(Some(Self { octets, outer, inner_at, semi_permeable }))
    }

    /// The outer header.
    #[must_use]
    pub const fn outer(&self) -> &IpHeader<'a> {
        &self.outer
    }

    /// Where the inner packet starts, in octets from the start of the outer one.
    #[must_use]
    pub const fn inner_at(&self) -> usize {
        self.inner_at
    }

    /// The inner packet, from its IP header on, up to the end of the outer packet.
    #[must_use]
    pub fn inner(&self) -> &'a [u8] {
        self.octets.get(self.inner_at..).unwrap_or(&[])
    }

    /// Whether it is a semi-permeable tunnel: routers with Xcast look into it on the way (RFC 5058 §11.3).
    #[must_use]
    pub const fn is_semi_permeable(&self) -> bool {
        self.semi_permeable
    }
}

struct Found {
    family: Family,
    inner_at: usize,
    semi_permeable: bool,
}

const fn announced(protocol: u8) -> Option<Family> {
    match protocol {
        protocol::IPV4 => Some(Family::V4),
        protocol::IPV6 => Some(Family::V6),
        _ => None,
    }
}

fn find_v4(outer: &Ipv4Header<'_>) -> Result<Option<Found>, ParseError> {
    let Some(family) = announced(outer.protocol()) else { return Ok(None) };
    if outer.is_fragment() {
        return Ok(None);
    }
    if !outer.checksum_ok() {
        return Err(ParseError::new(ParseErrorKind::Ipv4HeaderChecksum, ipv4::CHECKSUM_AT));
    }
    Ok(Some(Found { family, inner_at: outer.header_len(), semi_permeable: false }))
}

fn find_v6(octets: &[u8], first: u8, code_points: &CodePoints) -> Result<Option<Found>, ParseError> {
    let (mut kind, mut announced_at, mut at) = (first, ipv6::NEXT_HEADER_AT, ipv6::HEADER_LEN);
    let (mut hop_by_hop, mut unrecognised) = (None, None);
    // Every round goes at least 8 octets on.
    while let protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS = kind {
        if kind == protocol::HOP_BY_HOP && at != ipv6::HEADER_LEN {
            return Err(ParseError::new(ParseErrorKind::HopByHopPlace, announced_at));
        }
        let header = ExtensionHeader::read(octets, kind, at)?;
        if kind == protocol::HOP_BY_HOP {
            hop_by_hop = Some(header);
        }
        let mut options = header.options().map_while(Result::ok);
        // The two highest bits say whether somebody who does not know it may pass it over (RFC 8200 §4.2).
        unrecognised = unrecognised.or(options.find(|option| option.kind >> 6 != 0).map(|option| option.at));
        announced_at = at;
        (kind, at) = (header.next_header(), header.end());
    }
    let Some(family) = announced(kind) else { return Ok(None) };
    if let Some(at) = unrecognised {
        return Err(ParseError::new(ParseErrorKind::UnrecognisedOption, at));
    }
    let option = match hop_by_hop {
        Some(header) => find_option(&header, code_points.fields().tunnel_option)?,
        None => None,
    };
    match (option, family) {
        (Some((_, 0)), Family::V6) | (None, _) => {
            Ok(Some(Found { family, inner_at: at, semi_permeable: option.is_some() }))
        }
        // The option says nothing but that it is there (project-defined), for tunnels of IPv6 in IPv6 (RFC 5058 §11.3).
        (Some((option_at, _)), _) => Err(ParseError::new(ParseErrorKind::TunnelOption, option_at)),
    }
}

/// Octets of the Hop-by-Hop header that holds the tunnel option and nothing else.
const TUNNEL_OPTION_LEN: usize = 8;

/// The outer headers of a packet to be put into a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outer {
    pub(crate) ends: TunnelEnds,
    pub(crate) hop_limit: u8,
    /// DSCP and ECN.
    pub(crate) traffic_class: u8,
    /// The option that makes an IPv6 tunnel semi-permeable.
    pub(crate) tunnel_option: Option<u8>,
}

impl Outer {
    /// Octets of the outer headers.
    pub(crate) const fn header_len(&self) -> usize {
        let ip = self.ends.family().min_header_len();
        if self.tunnel_option.is_some() { ip.saturating_add(TUNNEL_OPTION_LEN) } else { ip }
    }

    /// Writes the outer headers of an inner packet of `inner` family and `inner_len` octets.
    pub(crate) fn emit(&self, inner: Family, inner_len: usize, headers: &mut [u8]) -> Result<(), EmitError> {
        let Some(option) = self.tunnel_option else {
            return self.ends.emit(inner.protocol(), self.traffic_class, self.hop_limit, inner_len, headers);
        };
        let needed = EmitError::BufferTooSmall { needed: self.header_len() };
        let payload_len = inner_len.saturating_add(TUNNEL_OPTION_LEN);
        self.ends.emit(protocol::HOP_BY_HOP, self.traffic_class, self.hop_limit, payload_len, headers)?;
        let options = headers.get_mut(ipv6::HEADER_LEN..self.header_len()).ok_or(needed)?;
        put(options, 0, &[inner.protocol(), ipv6::hdr_ext_len(TUNNEL_OPTION_LEN), option, 0]).ok_or(needed)?;
        ipv6::write_padding(options.get_mut(4..).ok_or(needed)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    const INNER_V6: [u8; 40] = [0x60; 40];

    fn wrapped(outer: Outer, inner: &[u8]) -> Vec<u8> {
        let mut packet = vec![0xff; outer.header_len() + inner.len()];
        let family = if inner[0] >> 4 == 4 { Family::V4 } else { Family::V6 };
        outer.emit(family, inner.len(), &mut packet).unwrap();
        packet[outer.header_len()..].copy_from_slice(inner);
        packet
    }

    fn v6_outer(tunnel_option: Option<u8>) -> Outer {
        let (a, b) = ("2001:db8::a".parse().unwrap(), "2001:db8::b".parse().unwrap());
        Outer { ends: TunnelEnds::V6(a, b), hop_limit: 7, traffic_class: 0xb9, tunnel_option }
    }

    fn parse(packet: &[u8]) -> Result<Option<(usize, bool)>, ParseErrorKind> {
        Encapsulated::parse(packet, &CodePoints::rfc4727_experiment())
            .map(|found| found.map(|tunnel| (tunnel.inner_at(), tunnel.is_semi_permeable())))
            .map_err(ParseError::kind)
    }

    #[test]
    fn what_is_put_in_is_found() {
        let v4 = Outer {
            ends: TunnelEnds::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into()),
            hop_limit: 7,
            traffic_class: 0,
            tunnel_option: None,
        };
        for inner in [&INNER_V6[..], &[0x45; 20]] {
            assert_eq!(parse(&wrapped(v4, inner)), Ok(Some((20, false))));
            assert_eq!(parse(&wrapped(v6_outer(None), inner)), Ok(Some((40, false))));
        }
        let packet = wrapped(v6_outer(Some(0x1e)), &INNER_V6);
        assert_eq!(packet[40..48], [41, 0, 0x1e, 0, 1, 2, 0, 0]);
        assert_eq!(packet[4..8], [0, 48, 0, 7]);
        assert_eq!(packet[..2], [0x6b, 0x90]);
        assert_eq!(parse(&packet), Ok(Some((48, true))));
        let read = Encapsulated::parse(&packet, &CodePoints::rfc4727_experiment()).unwrap().unwrap();
        assert_eq!(read.inner(), INNER_V6);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let sound = wrapped(v6_outer(Some(0x1e)), &INNER_V6);
        let with = |at: usize, value: u8| {
            let mut packet = sound.clone();
            packet[at] = value;
            parse(&packet)
        };
        assert_eq!(with(42, 0x1d), Ok(Some((48, false))), "another option");
        assert_eq!(with(42, 0x5d), Err(ParseErrorKind::UnrecognisedOption), "one that must not be passed over");
        assert_eq!(with(40, protocol::UDP), Ok(None), "no packet inside");
        assert_eq!(with(40, protocol::IPV4), Err(ParseErrorKind::TunnelOption), "for IPv6 in IPv6 alone");
        assert_eq!(with(43, 4), Err(ParseErrorKind::TunnelOption), "with data");
        assert_eq!(with(46, 1), Err(ParseErrorKind::NonzeroPadding));
        assert_eq!(with(44, 0x1e), Err(ParseErrorKind::RepeatedOption));
        assert_eq!(with(43, 5), Err(ParseErrorKind::OptionLength));
        assert_eq!(with(40, protocol::HOP_BY_HOP), Err(ParseErrorKind::HopByHopPlace));
        assert_eq!(with(48, 0x45), Err(ParseErrorKind::IpVersion));
        assert_eq!(with(6, protocol::UDP), Ok(None));
        for len in 0..48 {
            let mut short = sound[..len].to_vec();
            if len >= 40 {
                short[5] = (len - 40) as u8;
            }
            assert_eq!(parse(&short), Err(ParseErrorKind::Truncated), "{len}");
        }
    }
}
