//! The ICMP messages by which a router says that a packet was too long for the link it was to take.
//!
//! In IPv4, Destination Unreachable, "fragmentation needed and DF set" (RFC 792, RFC 1191 §4; Length is RFC 4884's):
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Type = 3    |   Code = 4    |           Checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  unused = 0   |    Length     |         Next-Hop MTU          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      Internet Header + 64 bits of Original Datagram Data      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! In IPv6, Packet Too Big (RFC 4443 §3.2):
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Type = 2    |     Code      |          Checksum             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                             MTU                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    As much of invoking packet                 |
//! +               as possible without the ICMPv6 packet           +
//! |               exceeding the minimum IPv6 MTU                  |
//! ```

use core::net::IpAddr;

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::ip::protocol;
use super::{Checksum, ExtensionHeader, Family, IpHeader, ParseError, ParseErrorKind, ipv4, ipv6};

/// Octets in front of the packet quoted.
pub const HEADER_LEN: usize = 8;

/// IPv4's type and code.
const FRAGMENTATION_NEEDED: (u8, u8) = (3, 4);
/// IPv6's type. The code is the sender's 0, which a receiver ignores (RFC 4443 §3.2).
const PACKET_TOO_BIG: u8 = 2;

/// The MTUs that paths tend to have (RFC 1191 §7, table 7-1).
const PLATEAUS: [usize; 11] = [65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68];

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Debug)]
#[repr(C)]
struct FixedV4 {
    kind: u8,
    code: u8,
    checksum: U16,
    unused: u8,
    length: u8,
    mtu: U16,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Debug)]
#[repr(C)]
struct FixedV6 {
    kind: u8,
    code: u8,
    checksum: U16,
    mtu: U32,
}

const _: () = assert!(size_of::<FixedV4>() == HEADER_LEN && size_of::<FixedV6>() == HEADER_LEN);

/// Why a packet is not read as one that says that another was too big.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IcmpError {
    /// The headers cannot be read.
    Parse(ParseError),
    /// Another message, or no ICMP message at all.
    NotPacketTooBig,
    /// The ICMP checksum is wrong.
    Checksum,
}

impl From<ParseError> for IcmpError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl core::fmt::Display for IcmpError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::NotPacketTooBig => f.write_str("not an ICMP message about a packet that is too big"),
            Self::Checksum => f.write_str("wrong ICMP checksum"),
        }
    }
}

impl core::error::Error for IcmpError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            _ => None,
        }
    }
}

/// A router's message that a packet was too big, its checksums checked.
///
/// Nothing authenticates it: whoever can send a packet to its receiver may have made it all up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PacketTooBig<'a> {
    destination: IpAddr,
    mtu: Option<usize>,
    quoted: &'a [u8],
}

impl core::fmt::Debug for PacketTooBig<'_> {
    /// What is quoted may be anybody's packet, and is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PacketTooBig")
            .field("destination", &self.destination)
            .field("mtu", &self.mtu)
            .field("quoted_len", &self.quoted.len())
            .finish()
    }
}

impl<'a> PacketTooBig<'a> {
    /// Reads the IP packet that carries the message.
    ///
    /// The whole packet is needed because ICMPv6's checksum covers the addresses (RFC 4443 §2.3). IPv6 extension headers in
    /// front of the message are skipped.
    ///
    /// # Errors
    ///
    /// - [`IcmpError::NotPacketTooBig`]: something else; the ICMP checksum was not looked at.
    /// - [`IcmpError::Checksum`].
    /// - [`IcmpError::Parse`]: [`ParseErrorKind::Truncated`], [`ParseErrorKind::IpVersion`],
    ///   [`ParseErrorKind::Ipv4HeaderLength`], [`ParseErrorKind::Ipv4TotalLength`], [`ParseErrorKind::Ipv4HeaderChecksum`],
    ///   [`ParseErrorKind::Fragment`], [`ParseErrorKind::HopByHopPlace`].
    pub fn parse(packet: &'a [u8]) -> Result<Self, IcmpError> {
        let (ip, _) = IpHeader::split(packet)?;
        let octets = packet.get(..ip.packet_len()).unwrap_or(packet);
        let (next_header, at) = match &ip {
            IpHeader::V4(header) => {
                // No pseudo-header: only this tells that source and destination are right.
                if !header.checksum_ok() {
                    return Err(ParseError::new(ParseErrorKind::Ipv4HeaderChecksum, ipv4::CHECKSUM_AT).into());
                }
                if header.is_fragment() {
                    return Err(ParseError::new(ParseErrorKind::Fragment, ipv4::FLAGS_AT).into());
                }
                (header.protocol(), header.header_len())
            }
            IpHeader::V6(header) => skip_extension_headers(octets, header.next_header())?,
        };
        let icmp = match ip.family() {
            Family::V4 => protocol::ICMP,
            Family::V6 => protocol::ICMPV6,
        };
        if next_header != icmp {
            return Err(IcmpError::NotPacketTooBig);
        }
        let message = octets.get(at..).unwrap_or(&[]);
        let truncated = ParseError::new(ParseErrorKind::Truncated, octets.len());
        let (start, (mtu, quoted)) = match ip.family() {
            Family::V4 => (Checksum::new(), Self::read_v4(message, truncated)?),
            Family::V6 => (pseudo_header(&ip, message.len()), Self::read_v6(message, truncated)?),
        };
        if start.add_octets(message).folded() != 0xffff {
            return Err(IcmpError::Checksum);
        }
        Ok(Self { destination: ip.destination(), mtu, quoted })
    }

    fn read_v4(message: &'a [u8], truncated: ParseError) -> Result<(Option<usize>, &'a [u8]), IcmpError> {
        let (fixed, quoted) = FixedV4::ref_from_prefix(message).map_err(|_| truncated)?;
        if (fixed.kind, fixed.code) != FRAGMENTATION_NEEDED {
            return Err(IcmpError::NotPacketTooBig);
        }
        // Extensions follow so many 4-octet words if the router appended any (RFC 4884 §4.1).
        let quoted = match usize::from(fixed.length).saturating_mul(4) {
            0 => quoted,
            len => quoted.get(..len).unwrap_or(quoted),
        };
        let mtu = Some(usize::from(fixed.mtu.get())).filter(|&mtu| mtu != 0);
        Ok((mtu, quoted))
    }

    fn read_v6(message: &'a [u8], truncated: ParseError) -> Result<(Option<usize>, &'a [u8]), IcmpError> {
        let (fixed, quoted) = FixedV6::ref_from_prefix(message).map_err(|_| truncated)?;
        if fixed.kind != PACKET_TOO_BIG {
            return Err(IcmpError::NotPacketTooBig);
        }
        let mtu = usize::try_from(fixed.mtu.get()).unwrap_or(usize::MAX);
        Ok((Some(mtu), quoted))
    }

    /// Whether the message is ICMP or ICMPv6: the packet that was too big is of the same family.
    #[must_use]
    pub const fn family(&self) -> Family {
        Family::of(&self.destination)
    }

    /// Where the message is sent to: the source of the packet that was too big (RFC 792, RFC 4443 §3.2).
    #[must_use]
    pub const fn destination(&self) -> IpAddr {
        self.destination
    }

    /// Octets of the longest packet that the link takes, or `None` if the router does not say: one older than RFC 1191, which
    /// sends 0. [`plateau_below`] then gives a guess.
    #[must_use]
    pub const fn mtu(&self) -> Option<usize> {
        self.mtu
    }

    /// The packet that was too big, as far as the message has it: in IPv4 often no more than its IP header and 8 octets.
    #[must_use]
    pub const fn quoted(&self) -> &'a [u8] {
        self.quoted
    }
}

/// The longest packet that a path probably takes which did not take one of `len` octets (RFC 1191 §5 and §7), or `None` if
/// there is no shorter one that every path takes.
///
/// ```
/// use xcast_sec::wire::icmp::plateau_below;
///
/// assert_eq!((plateau_below(1500), plateau_below(1492), plateau_below(68)), (Some(1492), Some(1006), None));
/// ```
#[must_use]
pub fn plateau_below(len: usize) -> Option<usize> {
    PLATEAUS.into_iter().find(|&plateau| plateau < len)
}

/// Skips the IPv6 extension headers of a packet that a host looks at before it looks for AH, ESP or what follows them: what
/// stands behind them, and where. The packet may be cut off anywhere behind them.
pub(crate) fn skip_extension_headers(packet: &[u8], next_header: u8) -> Result<(u8, usize), ParseError> {
    let (mut kind, mut at, mut announced_at) = (next_header, ipv6::HEADER_LEN, ipv6::NEXT_HEADER_AT);
    loop {
        match kind {
            protocol::HOP_BY_HOP if at != ipv6::HEADER_LEN => {
                return Err(ParseError::new(ParseErrorKind::HopByHopPlace, announced_at));
            }
            protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING => {
                let header = ExtensionHeader::read(packet, kind, at)?;
                (kind, at, announced_at) = (header.next_header(), header.end(), at);
            }
            protocol::FRAGMENT => return Err(ParseError::new(ParseErrorKind::Fragment, at)),
            _ => return Ok((kind, at)),
        }
    }
}

/// RFC 8200 §8.1.
fn pseudo_header(ip: &IpHeader<'_>, len: usize) -> Checksum {
    let sum = [ip.source(), ip.destination()].iter().fold(Checksum::new(), |sum, address| match address {
        IpAddr::V4(address) => sum.add_octets(&address.octets()),
        IpAddr::V6(address) => sum.add_octets(&address.octets()),
    });
    // Payload Length is 16 bits; the pseudo-header's 32-bit field adds only zeros.
    sum.add_u16(u16::try_from(len).unwrap_or(0)).add_u16(u16::from(protocol::ICMPV6))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::wire::{Ipv4Repr, Ipv6Repr};

    /// `message` in an IPv4 packet, its checksums right.
    fn v4(mut message: Vec<u8>) -> Vec<u8> {
        message[2..4].fill(0);
        let checksum = Checksum::new().add_octets(&message).finish();
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        let mut packet = std::vec![0; 20];
        let (source, destination) = ([10, 0, 0, 1].into(), [192, 0, 2, 1].into());
        let repr = Ipv4Repr {
            tos: 0,
            ttl: 60,
            protocol: protocol::ICMP,
            source,
            destination,
            options_len: 0,
            payload_len: message.len(),
        };
        repr.emit(&mut packet).unwrap();
        packet.extend(message);
        packet
    }

    /// `message` in an IPv6 packet behind `extensions`, its checksum right.
    fn v6(next_header: u8, extensions: &[u8], mut message: Vec<u8>) -> Vec<u8> {
        let (source, destination) = ([1; 16], [2; 16]);
        message[2..4].fill(0);
        let sum = Checksum::new().add_octets(&source).add_octets(&destination);
        let sum = sum.add_octets(&u32::try_from(message.len()).unwrap().to_be_bytes()).add_u16(58);
        let checksum = sum.add_octets(&message).finish();
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        let mut packet = std::vec![0; 40];
        let repr = Ipv6Repr {
            traffic_class: 0,
            hop_limit: 60,
            next_header,
            source: source.into(),
            destination: destination.into(),
            payload_len: extensions.len() + message.len(),
        };
        repr.emit(&mut packet).unwrap();
        packet.extend(extensions);
        packet.extend(message);
        packet
    }

    fn error(kind: ParseErrorKind, pointer: usize) -> Result<PacketTooBig<'static>, IcmpError> {
        Err(IcmpError::Parse(ParseError::new(kind, pointer)))
    }

    #[test]
    fn reads_the_ipv4_message() {
        let packet = v4([&[3, 4, 0, 0, 0, 0, 0x05, 0x14][..], &[0xaa; 28]].concat());
        let message = PacketTooBig::parse(&packet).unwrap();
        assert_eq!((message.family(), message.mtu()), (Family::V4, Some(1300)));
        assert_eq!((message.destination(), message.quoted()), (IpAddr::from([192, 0, 2, 1]), &[0xaa; 28][..]));
        let old = v4(std::vec![3, 4, 0, 0, 0, 0, 0, 0, 0xaa]);
        assert_eq!(PacketTooBig::parse(&old).map(|message| message.mtu()), Ok(None));
        // Link-layer padding is no part of it.
        let padded = [&packet[..], &[0; 9]].concat();
        assert_eq!(PacketTooBig::parse(&padded), PacketTooBig::parse(&packet));
    }

    /// RFC 4884 §4.1: Length counts 4-octet words; behind them stand extensions.
    #[test]
    fn what_is_quoted_ends_where_extensions_start() {
        let quoted: Vec<u8> = (0..160).collect();
        for (length, len) in [(0, 160), (1, 4), (32, 128), (40, 160), (41, 160)] {
            let packet = v4([&[3, 4, 0, 0, 0, length, 0x05, 0x14][..], &quoted].concat());
            assert_eq!(PacketTooBig::parse(&packet).unwrap().quoted(), &quoted[..len], "{length}");
        }
    }

    #[test]
    fn reads_the_ipv6_message_whatever_its_code() {
        for code in [0, 1, 255] {
            let packet = v6(58, &[], [&[2, code, 0, 0, 0, 1, 0, 2][..], &[0xaa; 50]].concat());
            let message = PacketTooBig::parse(&packet).unwrap();
            assert_eq!((message.family(), message.mtu()), (Family::V6, Some(0x1_0002)));
            assert_eq!((message.destination(), message.quoted()), (IpAddr::from([2; 16]), &[0xaa; 50][..]));
        }
        let zero = v6(58, &[], std::vec![2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(PacketTooBig::parse(&zero).map(|message| message.mtu()), Ok(Some(0)), "only IPv4 has such routers");
        let extensions = [60, 0, 1, 4, 0, 0, 0, 0, 58, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let packet = v6(0, &extensions, std::vec![2, 0, 0, 0, 0, 0, 5, 0, 0xbb]);
        assert_eq!(PacketTooBig::parse(&packet).map(|message| message.quoted()), Ok(&[0xbb][..]));
    }

    #[test]
    fn says_what_is_wrong() {
        use ParseErrorKind as K;
        let good = v4([&[3, 4, 0, 0, 0, 0, 0x05, 0x14][..], &[0xaa; 28]].concat());
        assert_eq!(PacketTooBig::parse(&[]), error(K::Truncated, 0));
        assert_eq!(PacketTooBig::parse(&good[..55]), error(K::Truncated, 55));
        let mut wrong = good.clone();
        wrong[8] ^= 1;
        assert_eq!(PacketTooBig::parse(&wrong), error(K::Ipv4HeaderChecksum, 10));
        for flags in [0x20, 0x01] {
            let mut fragment = good.clone();
            fragment[6] = flags;
            ipv4::refresh_checksum(&mut fragment[..20]);
            assert_eq!(PacketTooBig::parse(&fragment), error(K::Fragment, 6));
        }
        let mut short = good.clone();
        short[3] = 27;
        ipv4::refresh_checksum(&mut short[..20]);
        assert_eq!(PacketTooBig::parse(&short), error(K::Truncated, 27));
        let mut wrong = good;
        *wrong.last_mut().unwrap() ^= 1;
        assert_eq!(PacketTooBig::parse(&wrong), Err(IcmpError::Checksum));

        let message = || std::vec![2, 0, 0, 0, 0, 0, 5, 0, 0xbb];
        let mut wrong = v6(58, &[], message());
        wrong[8] ^= 1;
        assert_eq!(PacketTooBig::parse(&wrong), Err(IcmpError::Checksum), "the source address is covered");
        let fragment = v6(44, &[58, 0, 0, 0, 0, 0, 0, 0], message());
        assert_eq!(PacketTooBig::parse(&fragment), error(K::Fragment, 40));
        let second = v6(60, &[0, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0], message());
        assert_eq!(PacketTooBig::parse(&second), error(K::HopByHopPlace, 40));
        let long = v6(43, &[58, 9, 1, 4, 0, 0, 0, 0], message());
        assert_eq!(PacketTooBig::parse(&long), error(K::Truncated, 57));
    }

    #[test]
    fn other_messages_are_none() {
        let none = Err(IcmpError::NotPacketTooBig);
        for (kind, code) in [(3, 3), (3, 5), (8, 4), (2, 0), (11, 4)] {
            assert_eq!(PacketTooBig::parse(&v4(std::vec![kind, code, 0, 0, 0, 0, 5, 0])), none, "{kind}.{code}");
        }
        for kind in [1, 3, 4, 128] {
            assert_eq!(PacketTooBig::parse(&v6(58, &[], std::vec![kind, 0, 0, 0, 0, 0, 5, 0])), none, "{kind}");
        }
        // Each family's message in the other's packet, and no ICMP at all.
        for next_header in [protocol::ICMP, protocol::UDP, protocol::AH, protocol::ESP] {
            assert_eq!(PacketTooBig::parse(&v6(next_header, &[], std::vec![2, 0, 0, 0, 0, 0, 5, 0])), none);
        }
        for protocol in [protocol::ICMPV6, protocol::UDP] {
            let mut packet = v4(std::vec![3, 4, 0, 0, 0, 0, 5, 0]);
            packet[9] = protocol;
            ipv4::refresh_checksum(&mut packet[..20]);
            assert_eq!(PacketTooBig::parse(&packet), none);
        }
    }

    #[test]
    fn plateaus() {
        // RFC 1191 table 7-1, downwards.
        let table: Vec<usize> =
            core::iter::successors(Some(65_536), |&len| plateau_below(len)).skip(1).take(20).collect();
        assert_eq!(table, [65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68]);
        assert_eq!((plateau_below(usize::MAX), plateau_below(69), plateau_below(0)), (Some(65_535), Some(68), None));
    }
}
