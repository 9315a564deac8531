//! A hash to look for addresses by.

use core::net::IpAddr;

/// A hash of an address and a number that goes with it, such as a port. What it makes of numbers in a row lies far apart in the
/// upper bits. It is no secret: who chooses addresses can make them have one hash.
#[inline]
pub(crate) const fn spread(address: IpAddr, number: u32) -> u32 {
    let address = match address {
        IpAddr::V4(address) => address.to_bits() as u64,
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            // Unlike prefixes, which differ little, do not undo unlike interface identifiers.
            (bits as u64) ^ ((bits >> 64) as u64).rotate_left(32)
        }
    };
    // 2^64 divided by the golden ratio, and 2^32 by the plastic one: what each makes of numbers in a row is spread evenly over the
    // upper bits, and the two together keep steps in one apart from steps in the other.
    let of_address = (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
    of_address.wrapping_add(number.wrapping_mul(0xc13f_a9a9))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    /// Shared out over as many places as there are, no place gets many: neither of numbers nor of addresses in a row.
    #[test]
    fn what_is_in_a_row_lies_apart() {
        for count in [16, 32, 64, 256] {
            let first = Ipv4Addr::new(192, 0, 2, 0).to_bits();
            let of_numbers = |at: u32| spread(Ipv4Addr::from_bits(first).into(), 0x1000 + at);
            let of_addresses = |at: u32| spread(Ipv4Addr::from_bits(first + at).into(), 0x1000);
            for hash in [&of_numbers as &dyn Fn(u32) -> u32, &of_addresses] {
                let mut places = [0; 256];
                for at in 0..count {
                    places[((u64::from(hash(at)) * u64::from(count)) >> 32) as usize] += 1;
                }
                assert!(places.iter().all(|&there| there <= 3), "{count}: {places:?}");
            }
        }
    }
}
