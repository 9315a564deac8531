//! The first octets of a packet as AH's ICV covers them, where all that changes on the way stands in a plain IPv4 header.

use crate::crypto::MAX_ICV_LEN;
use crate::wire::{ah, ipv4};

/// Octets that most hashes take at once: they take them from here without another copy.
const LEN: usize = 64;

/// Where the ICV is.
const ICV_AT: usize = ipv4::MIN_HEADER_LEN + ah::FIXED_LEN;

/// The octets that do not change on the way (RFC 4302 §3.3.3.1.1), for an ICV of each number of 4-octet words.
static IMMUTABLE: [[u8; LEN]; MAX_ICV_LEN / 4 + 1] = {
    let mut masks = [[0; LEN]; MAX_ICV_LEN / 4 + 1];
    let (mut rest, mut icv_len) = (masks.as_mut_slice(), 0);
    while let Some((mask, behind)) = rest.split_first_mut() {
        *mask = immutable(icv_len);
        (rest, icv_len) = (behind, icv_len + 4);
    }
    masks
};

/// Those of them in front of the destination.
pub(super) const IMMUTABLE_V4: u128 = match immutable(0).first_chunk() {
    Some(first) => u128::from_be_bytes(*first),
    None => 0,
};

const fn immutable(icv_len: usize) -> [u8; LEN] {
    let mut mask = [u8::MAX; LEN];
    clear(&mut mask, ipv4::TOS_AT, 1);
    clear(&mut mask, ipv4::FLAGS_AT, 2);
    clear(&mut mask, ipv4::TTL_AT, 1);
    clear(&mut mask, ipv4::CHECKSUM_AT, 2);
    clear(&mut mask, ICV_AT, icv_len);
    mask
}

const fn clear(mask: &mut [u8; LEN], at: usize, len: usize) {
    let (_, mut rest) = mask.split_at_mut(at);
    let mut left = len;
    while let Some((octet, behind)) = rest.split_first_mut() {
        if left == 0 {
            break;
        }
        *octet = 0;
        (rest, left) = (behind, left.wrapping_sub(1));
    }
}

/// Room for the front of a packet.
pub(crate) struct Front([u8; LEN]);

impl Front {
    pub(crate) const fn new() -> Self {
        Self([0; LEN])
    }

    /// What the AH at `ah_at` of `packet` covers, in order, or `None` unless the AH stands behind an IPv4 header without options,
    /// in a packet that is no shorter than the front. `high` is the upper half of an extended sequence number.
    ///
    /// It is the same as [`Coverage`](super::coverage::Coverage) gives, but what is written is neither moved nor written in pieces:
    /// the hash would have to wait for it.
    #[inline(always)]
    pub(crate) fn parts<'p>(
        &'p mut self,
        packet: &'p [u8],
        ip_header_len: usize,
        ah_at: usize,
        icv_len: usize,
        high: Option<&'p [u8; 4]>,
    ) -> Option<[&'p [u8]; 3]> {
        if ip_header_len != ipv4::MIN_HEADER_LEN || ah_at != ip_header_len || icv_len & 3 != 0 {
            return None;
        }
        let mask = IMMUTABLE.get(icv_len >> 2)?;
        let (front, behind) = packet.split_first_chunk::<LEN>()?;
        for ((to, from), mask) in self.0.iter_mut().zip(front).zip(mask) {
            *to = from & mask;
        }
        Some([&self.0, behind, high.map_or(&[], |high| high)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipsec::association::config::RoutingCoverage;
    use crate::ipsec::packet::coverage::{Coverable, Coverage};

    /// Every ICV length, with and without padding behind it, and every packet length around that of the front: as the slower
    /// way has it, which takes any packet.
    #[test]
    fn is_what_coverage_says() {
        let octets: [u8; 100] = core::array::from_fn(|i| if i == 0 { 0x45 } else { i as u8 ^ 0xa5 });
        for icv_len in [12, 16, 24, 32] {
            for ah_len in [12 + icv_len, 16 + icv_len] {
                for packet in ((20 + ah_len).max(60)..octets.len()).filter_map(|len| octets.get(..len)) {
                    let coverable = Coverable::without_extensions(RoutingCoverage::Covered);
                    let high = [1, 2, 3, 4];
                    let coverage = Coverage::new(packet, 20, 20, ah_len, icv_len, &coverable);
                    let mut front = Front::new();
                    let parts = front.parts(packet, 20, 20, icv_len, Some(&high));
                    assert_eq!(parts.is_some(), packet.len() >= LEN);
                    if let Some(parts) = parts {
                        assert!(coverage.parts(Some(&high)).flatten().eq(parts.into_iter().flatten()));
                    }
                }
            }
        }
    }

    #[test]
    fn is_of_plain_headers_alone() {
        let octets = [0x46; 100];
        assert!(Front::new().parts(&octets, 24, 24, 12, None).is_none(), "options");
        assert!(Front::new().parts(&octets, 20, 28, 12, None).is_none(), "something in front of the AH");
        assert!(
            Front::new().parts(&octets, 20, 20, 36, None).is_none()
                && Front::new().parts(&octets, 20, 20, 14, None).is_none()
        );
    }
}
