//! What the library asks of its host: time and randomness.

use std::fs::File;
use std::io::{self, Read};

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::time::Instant;

/// A clock that starts with the program and never runs backwards.
pub(crate) struct Clock(std::time::Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// The kernel's generator.
pub(crate) struct KernelRandom(File);

impl KernelRandom {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self(File::open("/dev/urandom")?))
    }
}

impl TryRng for KernelRandom {
    type Error = io::Error;

    fn try_next_u32(&mut self) -> io::Result<u32> {
        let mut octets = [0; 4];
        self.0.read_exact(&mut octets).map(|()| u32::from_ne_bytes(octets))
    }

    fn try_next_u64(&mut self) -> io::Result<u64> {
        let mut octets = [0; 8];
        self.0.read_exact(&mut octets).map(|()| u64::from_ne_bytes(octets))
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(octets)
    }
}

impl TryCryptoRng for KernelRandom {}
