//! A hash to look for addresses by.

use core::net::IpAddr;

/// Digits of π behind the point: nothing that anybody chose.
const LOWER: u64 = 0x243f_6a88_85a3_08d3;
const UPPER: u64 = 0x1319_8a2e_0370_7344;
/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of an address and a number that goes with it, such as a port or an SPI. Its upper bits tell apart addresses and numbers
/// that are counted up, one, the other or both. Who chooses addresses can make them have one hash, if the seed is known.
#[inline]
pub(crate) const fn spread(seed: u64, address: IpAddr, number: u32) -> u32 {
    let (upper, lower) = match address {
        IpAddr::V4(address) => (0, address.to_bits() as u64),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            ((bits >> 64) as u64, bits as u64)
        }
    };
    // Both halves are multiplied with each other: what a change of one does can be undone by the other only by who knows the seed.
    let lower = lower ^ LOWER ^ seed;
    let upper = upper ^ UPPER ^ seed.rotate_left(32);
    let product = (lower as u128).wrapping_mul(upper as u128);
    let folded = (product >> 64) as u64 ^ product as u64;
    ((folded ^ number as u64).wrapping_mul(GOLDEN) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};
    use std::vec::Vec;

    use super::*;

    /// How many of 256 entries share a hash's upper 8 bits with an earlier one; 94 on average if hashes are random.
    fn shared(hashes: impl Iterator<Item = u32>) -> usize {
        let mut upper: Vec<u32> = hashes.map(|hash| hash >> 24).collect();
        let all = upper.len();
        upper.sort_unstable();
        upper.dedup();
        all - upper.len()
    }

    /// What deployments count up: hosts, subnets, ports or SPIs, and two of them together.
    #[test]
    fn counted_addresses_and_numbers_spread() {
        let v6 = |subnet: u16, host: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, subnet, 0, 0, 0, host));
        let v4 = |subnet: u8, host: u8| IpAddr::from(Ipv4Addr::new(10, 0, subnet, host));
        let all = 0..256_u16;
        for seed in [0, 1, 0xdead_beef_0bad_cafe, u64::MAX] {
            for base in [0, 0x1000, 0x1_0000, 0x1234_0000_u32] {
                let series: [Vec<u32>; 8] = [
                    all.clone().map(|i| spread(seed, v6(0, i), base)).collect(),
                    all.clone().map(|i| spread(seed, v6(i, 1), base)).collect(),
                    all.clone().map(|i| spread(seed, v6(i, 1), base + u32::from(i))).collect(),
                    all.clone().map(|i| spread(seed, v6(i, i), base + u32::from(i))).collect(),
                    all.clone().map(|i| spread(seed, v6(7, 1), base + u32::from(i))).collect(),
                    all.clone().map(|i| spread(seed, v4(0, i as u8), base)).collect(),
                    all.clone().map(|i| spread(seed, v4(i as u8, 1), base + u32::from(i))).collect(),
                    all.clone().map(|i| spread(seed, v4(1, 1), base + u32::from(i))).collect(),
                ];
                for (number, hashes) in series.into_iter().enumerate() {
                    let shared = shared(hashes.into_iter());
                    assert!(shared <= 130, "{seed:#x} {base:#x} series {number}: {shared} of 256 share a value");
                }
            }
        }
    }

    /// Addresses of one hash under one seed are of many under another.
    #[test]
    fn a_seed_takes_chosen_addresses_apart() {
        let addresses: Vec<IpAddr> = (0..1_u32 << 20)
            .map(|i| IpAddr::from(Ipv6Addr::from_bits(u128::from(i) << 64 | u128::from(i.wrapping_mul(0x9e37)))))
            .filter(|&address| spread(0, address, 7) >> 20 == 0x123)
            .take(256)
            .collect();
        assert!(addresses.len() > 128);
        assert!(shared(addresses.iter().map(|&address| spread(1, address, 7))) < addresses.len() * 6 / 10);
        assert!(shared(addresses.iter().map(|&address| spread(0x5eed << 40, address, 7))) < addresses.len() * 6 / 10);
    }
}
