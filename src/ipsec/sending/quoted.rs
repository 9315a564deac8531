//! AH and ESP in the start of a packet that an ICMP message quotes (RFC 4301 §8.2.1).

use core::net::IpAddr;

use crate::ipsec::Spi;
use crate::ipsec::association::config::SecurityProtocol;
use crate::wire::icmp::skip_extension_headers;
use crate::wire::{CodePoints, Family, IpHeader, ah, ipv4, ipv6, protocol, set_packet_len, u8_at, u16_at, xcast4};

/// Octets of the SPI, and of the Sequence Number behind it.
const FIELD_LEN: usize = 4;

/// What a packet that an ICMP message quotes says of itself: enough to find the outbound association it went out under.
///
/// An ICMP message is not authenticated, and neither is what it quotes: all this is the claim of whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotedPacket {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Octets of the IP header, IPv4 options included.
    pub ip_header_len: usize,
    /// Octets of the whole packet, by its IP header.
    pub packet_len: usize,
    /// Whether routers may fragment the packet: IPv4 without Don't Fragment.
    pub fragmentable: bool,
    /// AH or ESP, whichever stands outside.
    pub protocol: SecurityProtocol,
    /// Security Parameters Index.
    pub spi: Spi,
    /// The low 32 bits of the sequence number; `None` under IPv4 AH if it is cut off.
    pub sequence: Option<u32>,
}

impl QuotedPacket {
    /// Reads the start of a packet, cut off anywhere; `None` if no AH or ESP can be seen in it, or an SPI that no association
    /// has.
    ///
    /// An IPv4 router may quote no more than the IP header and 8 octets behind it (RFC 792). That is enough for ESP, and for
    /// the SPI of AH; it is not enough for ESP behind an Xcast4 header. IPv6 routers must quote what 1280 octets hold
    /// (RFC 4443 §3.2), so a packet without sequence number is none; ESP and AH behind the longest Xcast6 Routing headers
    /// are out of reach all the same.
    ///
    /// A fragment is not read: IPsec seals whole packets, and what became of them later is the business of whoever fragmented
    /// them (RFC 4301 §6.1.1).
    #[must_use]
    pub fn read(octets: &[u8], code_points: Option<&CodePoints>) -> Option<Self> {
        let version_ihl = u8_at(octets, 0)?;
        let (family, ip_header_len) = match version_ihl >> 4 {
            4 => (Family::V4, usize::from(version_ihl & 0x0f).saturating_mul(4)),
            6 => (Family::V6, ipv6::HEADER_LEN),
            _ => return None,
        };
        // The header as one of a packet without payload, as it could not be split off otherwise.
        let mut header = [0; ipv4::MAX_HEADER_LEN];
        let header = header.get_mut(..ip_header_len)?;
        header.copy_from_slice(octets.get(..ip_header_len)?);
        set_packet_len(header, family, ip_header_len);
        let (ip, _) = IpHeader::split(header).ok()?;

        let (packet_len, fragmentable, (next_header, at)) = match &ip {
            IpHeader::V4(header) => {
                if header.is_fragment() {
                    return None;
                }
                let packet_len = usize::from(u16_at(octets, ipv4::TOTAL_LENGTH_AT)?);
                let is_xcast = code_points.is_some_and(|points| points.fields().xcast4_protocol == header.protocol());
                let behind =
                    if is_xcast { skip_xcast4(octets, ip_header_len)? } else { (header.protocol(), ip_header_len) };
                (packet_len, !header.dont_fragment(), behind)
            }
            IpHeader::V6(header) => {
                let payload_len = usize::from(u16_at(octets, ipv6::PAYLOAD_LENGTH_AT)?);
                let behind = skip_extension_headers(octets, header.next_header()).ok()?;
                (ipv6::HEADER_LEN.saturating_add(payload_len), false, behind)
            }
        };
        let (protocol, spi_at) = match next_header {
            protocol::AH => (SecurityProtocol::Ah, at.saturating_add(ah::SPI_AT)),
            protocol::ESP => (SecurityProtocol::Esp, at),
            _ => return None,
        };
        let spi = Spi::new(u32_at(octets, spi_at)?)?;
        let sequence = u32_at(octets, spi_at.saturating_add(FIELD_LEN));
        // Nobody is to get around the check of the number by leaving it out where the standards say that it must be there.
        if sequence.is_none() && (family, protocol) != (Family::V4, SecurityProtocol::Ah) {
            return None;
        }
        let (source, destination) = (ip.source(), ip.destination());
        Some(Self { source, destination, ip_header_len, packet_len, fragmentable, protocol, spi, sequence })
    }

    /// The IP version.
    #[must_use]
    pub const fn family(&self) -> Family {
        Family::of(&self.source)
    }
}

/// What stands behind the Xcast4 header at `at`, and where, by its PROT ID and LENGTH.
fn skip_xcast4(octets: &[u8], at: usize) -> Option<(u8, usize)> {
    let next_header = u8_at(octets, at.saturating_add(xcast4::PROT_ID_AT))?;
    let len = usize::from(u8_at(octets, at.saturating_add(xcast4::LENGTH_AT))?).saturating_mul(4);
    if len < xcast4::FIXED_LEN { None } else { Some((next_header, at.saturating_add(len))) }
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const SPI: Option<Spi> = Spi::new(0x0102_0304);

    fn code_points() -> CodePoints {
        CodePoints::rfc4727_experiment()
    }

    fn read(octets: &[u8]) -> Option<QuotedPacket> {
        QuotedPacket::read(octets, Some(&code_points()))
    }

    /// An IPv4 header with `options` that says that `protocol` follows and the packet has 1400 octets, DF set.
    fn v4(options: &[u8], protocol: u8) -> Vec<u8> {
        let mut header = std::vec![0x45, 0, 5, 0x78, 0, 0, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 10, 0, 0, 9];
        header[0] += u8::try_from(options.len() / 4).unwrap();
        header.extend(options);
        header
    }

    /// An IPv6 header that says that `next_header` follows and the packet has 1400 octets.
    fn v6(next_header: u8) -> Vec<u8> {
        let mut header = std::vec![0x60, 0, 0, 0, 5, 0x50, next_header, 64];
        header.extend([1; 16]);
        header.extend([2; 16]);
        header
    }

    const ESP: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
    const AH: [u8; 12] = [17, 4, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    const SEQUENCE: u32 = 0x0506_0708;
    const XCAST4: [u8; 16] = [0x14, 1, 0, 0, 0, 0, 0, 0, 50, 4, 0, 0, 0, 0, 0, 0];

    #[test]
    fn finds_esp_and_ah_wherever_the_packet_is_cut_off() {
        let v6_extensions =
            [60, 0, 0, 0, 0, 0, 0, 0, 43, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 0, 253, 0, 0, 0, 0, 0];
        let options = [148, 4, 0, 0, 1, 1, 1, 0];
        for (name, headers, protection, protocol, needed) in [
            ("IPv4 ESP", v4(&[], 50), &ESP[..], SecurityProtocol::Esp, 8),
            ("IPv4 AH", v4(&[], 51), &AH[..], SecurityProtocol::Ah, 8),
            ("options, ESP", v4(&options, 50), &ESP[..], SecurityProtocol::Esp, 8),
            ("options, AH", v4(&options, 51), &AH[..], SecurityProtocol::Ah, 8),
            ("Xcast4, ESP", [v4(&options, 253), XCAST4.to_vec()].concat(), &ESP[..], SecurityProtocol::Esp, 8),
            ("IPv6 ESP", v6(50), &ESP[..], SecurityProtocol::Esp, 8),
            ("IPv6 AH", v6(51), &AH[..], SecurityProtocol::Ah, 12),
            ("extensions, ESP", [v6(0), v6_extensions.to_vec()].concat(), &ESP[..], SecurityProtocol::Esp, 8),
        ] {
            let mut octets = [&headers[..], protection].concat();
            octets.extend([0xee; 5]);
            for len in 0..=octets.len() {
                let visible = len.saturating_sub(headers.len());
                let quoted = read(&octets[..len]);
                assert_eq!(quoted.is_some(), visible >= needed, "{name}, {len} octets");
                let Some(quoted) = quoted else { continue };
                assert_eq!((Some(quoted.spi), quoted.protocol, quoted.packet_len), (SPI, protocol, 1400), "{name}");
                let shown = visible >= protection.len();
                assert_eq!(quoted.sequence, shown.then_some(SEQUENCE), "{name}, {len} octets");
                let v4_addresses = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([10, 0, 0, 9]));
                let (addresses, header_len) = match quoted.family() {
                    Family::V4 => (v4_addresses, usize::from(headers[0] & 0x0f) * 4),
                    Family::V6 => ((IpAddr::from([1; 16]), IpAddr::from([2; 16])), 40),
                };
                assert_eq!(((quoted.source, quoted.destination), quoted.ip_header_len), (addresses, header_len));
                assert!(!quoted.fragmentable);
            }
        }
    }

    #[test]
    fn xcast4_needs_code_points_and_a_length_of_its_own_fields() {
        let packet = |xcast: &[u8]| [&v4(&[], 253)[..], xcast, &ESP].concat();
        assert!(read(&packet(&XCAST4)).is_some());
        assert_eq!(QuotedPacket::read(&packet(&XCAST4), None), None);
        for length in [0, 1, 2, 5, 255] {
            let mut xcast = XCAST4;
            xcast[9] = length;
            assert_eq!(read(&packet(&xcast)), None, "{length}");
        }
        let mut shortest = XCAST4;
        shortest[9] = 3;
        assert!(read(&packet(&shortest[..12])).is_some());
    }

    #[test]
    fn what_is_no_whole_protected_packet_is_not_read() {
        let good = [&v4(&[], 50)[..], &ESP].concat();
        let changed = |at: usize, value: u8| {
            let mut octets = good.clone();
            octets[at] = value;
            read(&octets)
        };
        assert!(changed(0, 0x45).is_some());
        for version_ihl in [0x44, 0x40, 0x55, 0x05] {
            assert_eq!(changed(0, version_ihl), None, "{version_ihl:#x}");
        }
        assert_eq!((changed(6, 0x60), changed(7, 1)), (None, None), "fragments");
        assert!(changed(6, 0).is_some_and(|quoted| quoted.fragmentable));
        for protocol in [0, 6, 17, 43, 44, 60] {
            assert_eq!(changed(9, protocol), None, "{protocol}");
        }
        // SPI 1 to 255 and 0.
        let mut reserved = good.clone();
        reserved[20..24].copy_from_slice(&[0, 0, 0, 255]);
        assert_eq!(read(&reserved), None);
        assert_eq!(changed(2, 0).map(|quoted| quoted.packet_len), Some(0x78), "as it says, though shorter than it is");

        let fragment = [&v6(44)[..], &[50, 0, 0, 0, 0, 0, 0, 0], &ESP].concat();
        assert_eq!(read(&fragment), None);
        assert_eq!(read(&[&v6(59)[..], &ESP].concat()), None);
    }
}
