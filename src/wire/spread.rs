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
    let mixed = address ^ (number as u64).rotate_left(32);
    // 2^64 divided by the golden ratio.
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}
