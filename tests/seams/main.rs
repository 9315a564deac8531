//! What the seams promise of `&mut` and `&`: a host's implementation behind a reference does what it does by itself.
//!
//! The implementations here write down how they are called, and none of their methods does what the trait's own body would do:
//! a forwarding implementation that leaves one out is noticed by what it answers, and by what it calls instead.

mod crypto;
mod forward;
mod group;
mod ipsec;
mod signing;
mod written;

use std::cell::RefCell;

use xcast_sec::ipsec::Spi;

/// How an implementation was called, in order.
#[derive(Default)]
struct Calls(RefCell<Vec<String>>);

impl Calls {
    fn note(&self, call: impl Into<String>) {
        self.0.borrow_mut().push(call.into());
    }

    fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// `Debug`, for what is compared.
fn shown(value: &dyn std::fmt::Debug) -> String {
    format!("{value:?}")
}

fn address(last: u8) -> std::net::IpAddr {
    [192, 0, 2, last].into()
}

fn spi(value: u32) -> Spi {
    Spi::new(value).unwrap()
}

/// Gives 4, always.
struct Rng;

impl rand_core::TryRng for Rng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(4)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(4)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        octets.fill(4);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Rng {}
