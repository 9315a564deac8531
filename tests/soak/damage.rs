//! What is done to octets on the way. Offsets are those of the RFCs, found here and not by the library.

use std::net::IpAddr;

/// Where things stand in a packet.
pub(crate) struct Offsets {
    pub(crate) is_v4: bool,
    ip_len: usize,
    pub(crate) xcast_at: usize,
    /// AH, or else ESP, if there is either.
    pub(crate) protection_at: usize,
    pub(crate) is_ah: bool,
}

impl Offsets {
    /// Of an Xcast packet; of any other the protection directly behind the IP header.
    pub(crate) fn of(octets: &[u8]) -> Self {
        if octets[0] >> 4 == 4 { Self::of_v4(octets) } else { Self::of_v6(octets) }
    }

    fn of_v4(octets: &[u8]) -> Self {
        let ip_len = usize::from(octets[0] & 15) * 4;
        let all = |xcast_at, protection_at, is_ah| Self { is_v4: true, ip_len, xcast_at, protection_at, is_ah };
        match octets[9] {
            51 => all(ip_len + (usize::from(octets[ip_len + 1]) + 2) * 4, ip_len, true),
            50 => all(ip_len, ip_len, false),
            _ => all(ip_len, ip_len + usize::from(octets[ip_len + 9]) * 4, false),
        }
    }

    fn of_v6(octets: &[u8]) -> Self {
        let (mut next, mut at, mut xcast_at) = (octets[6], 40, 40);
        while matches!(next, 0 | 43 | 60) {
            if next == 43 {
                xcast_at = at;
            }
            (next, at) = (octets[at], at + (usize::from(octets[at + 1]) + 1) * 8);
        }
        Self { is_v4: false, ip_len: 40, xcast_at, protection_at: at, is_ah: next == 51 }
    }

    pub(crate) fn spi_at(&self) -> usize {
        self.protection_at + if self.is_ah { 4 } else { 0 }
    }

    pub(crate) fn sequence_at(&self) -> usize {
        self.spi_at() + 4
    }

    /// The first octet behind the sequence number: of the ICV of AH, or of what ESP covers.
    pub(crate) fn covered_at(&self) -> usize {
        self.sequence_at() + 4
    }

    pub(crate) fn version_at(&self) -> usize {
        self.xcast_at + if self.is_v4 { 0 } else { 4 }
    }

    pub(crate) fn checksum_at(&self) -> usize {
        self.xcast_at + if self.is_v4 { 2 } else { 6 }
    }

    /// Of the address at a place of the list; `apart` says where the bitmap is. Lists are shorter than 32.
    pub(crate) fn address_at(&self, place: usize, apart: bool) -> usize {
        let (fixed, size, bitmap) = if self.is_v4 { (12, 4, 4) } else { (24, 16, 8) };
        self.xcast_at + fixed + if apart { 0 } else { bitmap } + size * place
    }

    fn xcast_len(&self, octets: &[u8]) -> usize {
        if self.is_v4 {
            usize::from(octets[self.xcast_at + 9]) * 4
        } else {
            (usize::from(octets[self.xcast_at + 1]) + 1) * 8
        }
    }
}

/// The Internet checksum of `octets` (RFC 1071), those at `field` taken for 0.
fn checksum(octets: &[u8], field: usize) -> [u8; 2] {
    let words = octets.chunks(2).enumerate().filter(|(index, _)| index * 2 != field);
    let mut sum: u32 =
        words.map(|(_, pair)| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// Puts the IPv4 header checksum right.
pub(crate) fn fix_ip(octets: &mut [u8]) {
    if octets[0] >> 4 == 4 {
        let len = usize::from(octets[0] & 15) * 4;
        let fixed = checksum(&octets[..len], 10);
        octets[10..12].copy_from_slice(&fixed);
    }
}

/// Puts the Xcast CHECKSUM right.
pub(crate) fn fix_xcast(octets: &mut [u8]) {
    let offsets = Offsets::of(octets);
    let (at, field) = (offsets.xcast_at, offsets.checksum_at());
    let fixed = checksum(&octets[at..at + offsets.xcast_len(octets)], field - at);
    octets[field..field + 2].copy_from_slice(&fixed);
}

fn set_address(octets: &mut [u8], (at_v4, at_v6): (usize, usize), address: IpAddr) {
    match address {
        IpAddr::V4(address) => octets[at_v4..at_v4 + 4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => octets[at_v6..at_v6 + 16].copy_from_slice(&address.octets()),
    }
    fix_ip(octets);
}

pub(crate) fn set_source(octets: &mut [u8], address: IpAddr) {
    set_address(octets, (12, 8), address);
}

pub(crate) fn set_destination(octets: &mut [u8], address: IpAddr) {
    set_address(octets, (16, 24), address);
}

/// Makes a first fragment of the packet at `octets[..len]`, and returns its length: in IPv6 that takes a header more.
pub(crate) fn fragment(octets: &mut [u8], len: usize) -> usize {
    if octets[0] >> 4 == 4 {
        // MF.
        octets[6] = 0x20;
        fix_ip(octets);
        return len;
    }
    // Behind the Routing header, if there is one (RFC 8200 §4.5).
    let (mut kind_at, mut at) = (6, 40);
    while matches!(octets[kind_at], 0 | 43) {
        (kind_at, at) = (at, at + (usize::from(octets[at + 1]) + 1) * 8);
    }
    octets.copy_within(at..len, at + 8);
    let header = [octets[kind_at], 0, 0, 1, 0, 0, 0, 7];
    octets[at..at + 8].copy_from_slice(&header);
    octets[kind_at] = 44;
    let payload_len = (len + 8 - 40) as u16;
    octets[4..6].copy_from_slice(&payload_len.to_be_bytes());
    if at > 40 {
        // It covers the Next Header.
        fix_xcast(octets);
    }
    len + 8
}

/// Swaps the octets of two addresses for one: that at `from`, at `to` as well.
pub(crate) fn repeat_address(octets: &mut [u8], from: usize, to: usize, apart: bool) {
    let offsets = Offsets::of(octets);
    let size = if offsets.is_v4 { 4 } else { 16 };
    let start = offsets.address_at(from, apart);
    octets.copy_within(start..start + size, offsets.address_at(to, apart));
    fix_xcast(octets);
}

/// An IPv4 header whose checksum is wrong.
pub(crate) fn break_ip_checksum(octets: &mut [u8]) {
    octets[10] ^= 0x10;
}

/// Too short for what its IP header announces; the length that is left.
pub(crate) fn cut(octets: &[u8]) -> usize {
    Offsets::of(octets).ip_len + 4
}
