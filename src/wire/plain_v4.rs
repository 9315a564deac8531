//! An IPv4 header without options, which nearly every one is, as a few integers: it is read at once and written at once, and
//! nobody waits for single octets to reach memory.

use core::net::Ipv4Addr;

use super::Checksum;
use super::ipv4::MIN_HEADER_LEN;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlainV4 {
    /// Version, IHL, TOS, Total Length, Identification, Flags, Fragment Offset.
    upper: u64,
    /// TTL, Protocol, Header Checksum, source.
    lower: u64,
    destination: u32,
}

/// Version 4, and a header of five words.
const VERSION_IHL: u64 = 0x45;
const TOTAL_LENGTH: u64 = 0xffff << 32;
/// More Fragments, and the offset.
const FRAGMENT: u64 = 0x3fff;
const DONT_FRAGMENT: u64 = 0x4000;
const PROTOCOL: u64 = 0xff << 48;
const CHECKSUM: u64 = 0xffff << 32;

impl PlainV4 {
    /// The header of a whole packet, or `None` if it has options, or is none, or there are fewer octets than it says.
    #[inline(always)]
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let header = Self::from_octets(packet.first_chunk()?);
        let len = header.total_length();
        let is_plain = header.upper >> 56 == VERSION_IHL && len >= MIN_HEADER_LEN && len <= packet.len();
        if is_plain { Some(header) } else { None }
    }

    #[inline(always)]
    pub(crate) fn from_octets(octets: &[u8; MIN_HEADER_LEN]) -> Self {
        let ([upper, lower], destination) = octets.as_chunks() else {
            return Self { upper: 0, lower: 0, destination: 0 };
        };
        let destination = destination.first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets));
        Self { upper: u64::from_be_bytes(*upper), lower: u64::from_be_bytes(*lower), destination }
    }

    #[inline(always)]
    pub(crate) fn write(self, octets: &mut [u8; MIN_HEADER_LEN]) {
        if let Some((front, destination)) = octets.split_first_chunk_mut() {
            *front = self.front();
            if let Some(octets) = destination.first_chunk_mut() {
                *octets = self.destination.to_be_bytes();
            }
        }
    }

    /// What is in front of the destination.
    #[inline(always)]
    const fn front(self) -> [u8; 16] {
        ((self.upper as u128) << 64 | self.lower as u128).to_be_bytes()
    }

    /// The header with another length and protocol, and the checksum that it has then.
    #[inline(always)]
    pub(crate) fn with(self, total_length: u16, protocol: u8) -> Self {
        let upper = self.upper & !TOTAL_LENGTH | u64::from(total_length) << 32;
        let lower = self.lower & !(PROTOCOL | CHECKSUM) | u64::from(protocol) << 48;
        let new = Self { upper, lower, ..self };
        let checksum = Checksum::new().add_octets(&new.front()).add_octets(&new.destination.to_be_bytes()).finish();
        Self { lower: lower | u64::from(checksum) << 32, ..new }
    }

    /// Octets of the whole packet.
    pub(crate) const fn total_length(self) -> usize {
        (self.upper >> 32) as u16 as usize
    }

    pub(crate) const fn is_fragment(self) -> bool {
        self.upper & FRAGMENT != 0
    }

    pub(crate) const fn dont_fragment(self) -> bool {
        self.upper & DONT_FRAGMENT != 0
    }

    /// The TOS octet.
    pub(crate) const fn tos(self) -> u8 {
        (self.upper >> 48) as u8
    }

    pub(crate) const fn protocol(self) -> u8 {
        (self.lower >> 48) as u8
    }

    pub(crate) const fn source(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.lower as u32)
    }

    pub(crate) const fn destination(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Ipv4Header, Ipv4Repr};

    /// Every field, against the reader of all headers.
    #[test]
    fn says_what_the_header_says() {
        let mut packet: [u8; 40] = core::array::from_fn(|at| at as u8 ^ 0x5a);
        let (source, destination) = ([192, 0, 2, 1].into(), [233, 252, 0, 7].into());
        let repr = Ipv4Repr { tos: 0xb9, ttl: 7, protocol: 17, source, destination, options_len: 0, payload_len: 20 };
        repr.emit(&mut packet).unwrap();
        for flags in [0_u16, 0x4000, 0x2000, 0x8000, 1, 0x1fff] {
            packet[6..8].copy_from_slice(&flags.to_be_bytes());
            let (plain, (header, _)) = (PlainV4::read(&packet).unwrap(), Ipv4Header::split(&packet).unwrap());
            assert_eq!((plain.total_length(), plain.tos(), plain.protocol()), (40, 0xb9, 17));
            assert_eq!((plain.is_fragment(), plain.dont_fragment()), (header.is_fragment(), header.dont_fragment()));
            assert_eq!((plain.source(), plain.destination()), (source, destination));
            let mut written = [0; 20];
            plain.write(&mut written);
            assert_eq!(written, packet[..20]);
            let mut changed = packet;
            plain.with(31, 50).write(changed.first_chunk_mut().unwrap());
            let (header, payload) = Ipv4Header::split(&changed).unwrap();
            assert!(header.checksum_ok() && payload.len() == 11 && header.protocol() == 50);
            assert!((1..20).all(|at| matches!(at, 2 | 3 | 9..12) || changed[at] == packet[at]));
        }
    }

    #[test]
    fn is_of_whole_packets_without_options() {
        let mut packet = [0_u8; 24];
        packet[..4].copy_from_slice(&[0x45, 0, 0, 24]);
        assert!(PlainV4::read(&packet).is_some() && PlainV4::read(&packet[..23]).is_none());
        for (at, value) in [(0, 0x46), (0, 0x44), (0, 0x65), (3, 19), (3, 25), (2, 1)] {
            let mut other = packet;
            other[at] = value;
            assert_eq!(PlainV4::read(&other), None, "{at} {value}");
        }
        assert_eq!(PlainV4::read(&packet[..19]), None);
    }
}
