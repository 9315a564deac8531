//! Keys are gone from memory once what holds them was dropped, and show nowhere while it is there.
//!
//! Every type that holds a key is made twice, of two keys, so that what depends on the key can be told from the rest, be it the key's
//! octets or what was computed of them.
#![cfg(feature = "rust-crypto")]

#[path = "../common/algorithms.rs"]
mod algorithms;
mod holders;
#[cfg(feature = "simd-detect")]
mod lanes;
#[cfg(feature = "simd-detect")]
#[path = "../common/levels.rs"]
mod levels;
mod listed;
mod memory;
mod messages;
mod shows;

/// Octets for keys, no two of which follow one another anywhere else. Two keys have no octet in common at any place.
fn key<const N: usize>(which: u8) -> [u8; N] {
    std::array::from_fn(|at| (0x95_u8.wrapping_add((at as u8).wrapping_mul(0x4d))) ^ which.wrapping_mul(0x6b))
}

/// Keys for what takes its keys from a generator.
struct KeyRng(u8, usize);

impl rand_core::TryRng for KeyRng {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut octets = [0; 4];
        self.try_fill_bytes(&mut octets)?;
        Ok(u32::from_be_bytes(octets))
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut octets = [0; 8];
        self.try_fill_bytes(&mut octets)?;
        Ok(u64::from_be_bytes(octets))
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        for octet in octets {
            *octet = key::<256>(self.0)[self.1 % 256];
            self.1 += 1;
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for KeyRng {}
