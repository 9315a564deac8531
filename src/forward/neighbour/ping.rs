//! The packet that is sent, and what comes back of it.
//!
//! What follows the UDP header (project-defined):
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      'X'      |      'c'      |      'P'      |      'g'      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Version = 1  |                 Reserved = 0                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                                                               |
//! +                                                               +
//! |                                                               |
//! +                       Token (16 octets)                       +
//! |                                                               |
//! +                                                               +
//! |                                                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::net::IpAddr;

use subtle::ConstantTimeEq;

use crate::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, DestinationSet, Destinations, EmitError, IpHeader, UdpDatagram, UdpRepr,
    XcastPacket, XcastRepr, protocol, u16_at, udp,
};

/// Octets of the longest ping, an IPv6 one. One of IPv4 has 72.
pub const MAX_PING_LEN: usize = 120;

/// Enough for the neighbour to forward it once, back to where it came from (RFC 5058 §11.2), and for nobody behind it.
pub const PING_HOP_LIMIT: u8 = 2;

/// What is left of [`PING_HOP_LIMIT`] when it comes back. A ping that the link itself returned still has all.
const RETURNED_HOP_LIMIT: u8 = 1;

const MAGIC: [u8; 8] = [b'X', b'c', b'P', b'g', 1, 0, 0, 0];
const TOKEN_LEN: usize = 16;
const PAYLOAD_LEN: usize = 24;

/// Where UDP's checksum stands.
const UDP_CHECKSUM_AT: usize = 6;

/// What only those who saw a ping know. No key: it is sent in the clear, once.
#[derive(Clone, Copy)]
pub(super) struct Token([u8; TOKEN_LEN]);

impl core::fmt::Debug for Token {
    /// While it is outstanding it is worth something to a forger.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// A fresh one.
    pub(super) fn random<G: rand_core::TryCryptoRng + ?Sized>(rng: &mut G) -> Result<Self, G::Error> {
        let mut octets = [0; TOKEN_LEN];
        rng.try_fill_bytes(&mut octets)?;
        Ok(Self(octets))
    }

    /// Compares in constant time: else a forger could find it octet by octet.
    pub(super) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// A ping to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ping {
    pub(super) own: IpAddr,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) token: Token,
}

impl Ping {
    /// Writes the packet to the start of `buffer` and returns its length.
    pub(super) fn emit(&self, code_points: &CodePoints, buffer: &mut [u8]) -> Result<usize, EmitError> {
        let fields = code_points.fields();
        match self.own {
            IpAddr::V4(own) => {
                let destinations = Destinations::V4 { source: own, channel: [0; 4], addresses: &[own] };
                self.emit_to(destinations, fields.routers_v4.into(), code_points, buffer)
            }
            IpAddr::V6(own) => {
                let destinations = Destinations::V6 { source: own, channel: [0; 16], addresses: &[own] };
                self.emit_to(destinations, fields.routers_v6.into(), code_points, buffer)
            }
        }
    }

    fn emit_to(
        &self,
        destinations: Destinations<'_>,
        routers: IpAddr,
        code_points: &CodePoints,
        buffer: &mut [u8],
    ) -> Result<usize, EmitError> {
        let repr = XcastRepr {
            destinations,
            bits: DestinationSet::single(0),
            dscps: None,
            ports: None,
            anonymous: false,
            // X2U is what most neighbours will do to it.
            no_x2u: false,
            bitmap: BitmapPlace::Header,
            hop_limit: PING_HOP_LIMIT,
            next_protocol: protocol::UDP,
        };
        let mut payload = [0; PAYLOAD_LEN];
        for (to, from) in payload.iter_mut().zip(MAGIC.iter().chain(&self.token.0)) {
            *to = *from;
        }
        let (source_port, destination_port) = (self.source_port, self.destination_port);
        let udp = UdpRepr { source_port, destination_port, payload: &payload };
        let segment = repr.emit(code_points, udp.encoded_len(), buffer)?;
        udp.emit(self.own, routers, segment)?;
        Ok(repr.encoded_len(udp.encoded_len()))
    }
}

/// A packet that has the form of a ping come back: to whom it belongs is for the table to find out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Returned {
    /// Its source and destination, which are the same.
    pub(super) own: IpAddr,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) token: Token,
    /// Whether its hop limit is that of a packet forwarded once.
    pub(super) forwarded_once: bool,
}

impl Returned {
    /// Reads both forms that a ping can come back in: the unicast packet that X2U makes of it (RFC 5058 §2), and the Xcast
    /// packet of a router that does no X2U. `None` for every other packet and for a damaged one.
    ///
    /// What a packet of ours cannot have become is not looked at further: extension headers, AH, lists, a UDP checksum of 0.
    pub(super) fn parse(packet: &[u8], code_points: &CodePoints) -> Option<Self> {
        let (ip, behind) = IpHeader::split(packet).ok()?;
        let own = ip.source();
        let segment = if ip.destination() == own {
            Self::unicast(&ip, behind)?
        } else if code_points.is_routers(ip.destination()) {
            Self::xcast(packet, own, code_points)?
        } else {
            return None;
        };
        let datagram = UdpDatagram::parse(segment).ok()?;
        // We send one, so none is none of ours: over IPv4 a 0 would go unchecked.
        let has_checksum = u16_at(segment, UDP_CHECKSUM_AT) != Some(0);
        if segment.len() != udp::HEADER_LEN.saturating_add(PAYLOAD_LEN)
            || !has_checksum
            || !datagram.checksum_ok(own, ip.destination())
        {
            return None;
        }
        Some(Self {
            own,
            source_port: datagram.source_port(),
            destination_port: datagram.destination_port(),
            token: Token(*datagram.payload().strip_prefix(&MAGIC)?.first_chunk()?),
            forwarded_once: ip.hop_limit() == RETURNED_HOP_LIMIT,
        })
    }

    /// The segment of a unicast UDP packet.
    fn unicast<'a>(ip: &IpHeader<'a>, behind: &'a [u8]) -> Option<&'a [u8]> {
        let (next, sound) = match ip {
            IpHeader::V4(header) => (header.protocol(), header.checksum_ok() && !header.is_fragment()),
            IpHeader::V6(header) => (header.next_header(), true),
        };
        (sound && next == protocol::UDP).then_some(behind)
    }

    /// The segment of an Xcast packet whose one destination is `own`, made as [`Ping::emit`] makes it.
    fn xcast<'a>(packet: &'a [u8], own: IpAddr, code_points: &CodePoints) -> Option<&'a [u8]> {
        let packet = XcastPacket::parse(packet, code_points, ChecksumPolicy::Verify).ok()?;
        let header = packet.header();
        let plain = !(header.anonymous() || header.no_x2u() || header.has_dscps() || packet.has_ports());
        let to_us = header.destination_count() == 1 && packet.index_of(own).is_some();
        let as_built = header.bitmap_place() == BitmapPlace::Header && !packet.is_behind_ah();
        (plain && to_us && as_built && packet.next_protocol() == protocol::UDP).then(|| packet.payload())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    const ADDRESSES: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

    fn ping(own: &str) -> Ping {
        Ping { own: own.parse().unwrap(), source_port: 0x1234, destination_port: 0x5678, token: Token([0xa7; 16]) }
    }

    fn octets(ping: &Ping) -> Vec<u8> {
        let mut buffer = [0xff; MAX_PING_LEN];
        let len = ping.emit(&CodePoints::rfc4727_experiment(), &mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    /// Whole pings, octet by octet; the checksums were computed by other means.
    #[test]
    fn octets_of_a_ping() {
        let payload = |udp_checksum: [u8; 2]| {
            [&[0x12, 0x34, 0x56, 0x78, 0, 32], &udp_checksum[..], b"XcPg\x01\0\0\0", &[0xa7; 16]].concat()
        };
        let v4: &[&[u8]] = &[
            &[0x45, 0, 0, 72, 0, 0, 0x40, 0, 2, 253, 0xd4, 0xb9, 192, 0, 2, 1, 224, 0, 0, 254],
            &[0x10, 1, 0x9c, 0xf7, 0, 0, 0, 0, 17, 5, 0, 0, 0x80, 0, 0, 0, 192, 0, 2, 1],
            &payload([0x0c, 0xfa]),
        ];
        assert_eq!(octets(&ping(ADDRESSES[0])), v4.concat());
        let own = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let v6: &[&[u8]] = &[
            &[0x60, 0, 0, 0, 0, 80, 43, 2],
            &own,
            &[0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x14],
            &[17, 5, 253, 0, 0x10, 1, 0x34, 0x3e],
            &[0; 16],
            &[0x80, 0, 0, 0, 0, 0, 0, 0],
            &own,
            &payload([0x82, 0x29]),
        ];
        assert_eq!(octets(&ping(ADDRESSES[1])), v6.concat());
    }

    #[test]
    fn lengths() {
        assert_eq!(ADDRESSES.map(|own| octets(&ping(own)).len()), [72, MAX_PING_LEN]);
        for own in ADDRESSES {
            let ping = ping(own);
            let needed = octets(&ping).len();
            for len in 0..needed {
                let mut buffer = vec![0xab; len];
                let error = ping.emit(&CodePoints::rfc4727_experiment(), &mut buffer);
                assert_eq!(error, Err(EmitError::BufferTooSmall { needed }));
                assert_eq!(buffer, vec![0xab; len]);
            }
        }
    }

    #[test]
    fn a_ping_as_sent_is_read_but_was_not_forwarded() {
        for own in ADDRESSES {
            let sent = ping(own);
            let returned = Returned::parse(&octets(&sent), &CodePoints::rfc4727_experiment()).unwrap();
            assert_eq!((returned.own, returned.source_port, returned.destination_port), (sent.own, 0x1234, 0x5678));
            assert!(returned.token.matches(&sent.token) && !returned.forwarded_once);
        }
    }

    #[test]
    fn truncations_are_refused() {
        for own in ADDRESSES {
            let octets = octets(&ping(own));
            for len in 0..octets.len() {
                assert!(Returned::parse(&octets[..len], &CodePoints::rfc4727_experiment()).is_none(), "{len}");
            }
        }
    }

    #[test]
    fn tokens_differ_in_any_bit_and_are_not_shown() {
        let token = Token([0; 16]);
        for bit in 0..128 {
            let mut other = [0; 16];
            other[bit / 8] = 0x80 >> (bit % 8);
            assert!(!token.matches(&Token(other)));
        }
        assert!(token.matches(&Token([0; 16])));
        assert_eq!(std::format!("{:?}", ping(ADDRESSES[0]).token), "Token(..)");
    }
}
