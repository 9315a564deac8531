//! Every public function of xcast-sec, so that the linker can be asked whether any of them can panic. `./run` asks.
//!
//! `entries.rs` is written by `../public-api/entries.py`. Here is what stands in it for type parameters: what the crate ships, where
//! it ships something, else something that answers whatever the compiler cannot foresee.
#![no_std]
#![cfg_attr(feature = "panics", allow(dead_code, unused_imports, reason = "that build names no entry point"))]

mod opaque;

use core::cmp::{Ord, PartialOrd};
use core::error::Error;
use core::fmt::{self, Debug, Display};
use core::hash::Hash;
use core::hint::black_box;
use core::iter::Once;
use core::net::IpAddr;

use xcast_sec::group::source_auth::{SignedSource, SignedSourceVerifier};
use xcast_sec::{crypto, forward, group, ipsec, stack, time, wire};

use opaque::{Hashes, Makes, Parts, Random, Signs, Takes};

/// The shipped provider of most; what `RustCrypto` does by itself is taken of it by name.
#[cfg(feature = "simd")]
type Crypto = crypto::SimdCrypto;
#[cfg(all(feature = "rust-crypto", not(feature = "simd")))]
type Crypto = crypto::RustCrypto;
#[cfg(not(feature = "rust-crypto"))]
type Crypto = opaque::Opaque;
#[cfg(feature = "rust-crypto")]
type Prf = crypto::RustCrypto;
#[cfg(not(feature = "rust-crypto"))]
type Prf = opaque::Opaque;
type CipherKey = <Crypto as crypto::CryptoProvider>::CipherKey;
type IntegrityKey = <Crypto as crypto::CryptoProvider>::IntegrityKey;
type OpeningSad = ipsec::FixedSad<Crypto, 4>;
type SealingSad = ipsec::FixedOutboundSad<Crypto, 4>;
type Windows = ipsec::SenderWindows<4, 4>;
type Spd = ipsec::FixedSpd<4>;
type Senders = ipsec::FixedSenders<4>;
type Audit = ipsec::RecentEvents<4>;
type Routes = forward::RouteTable<u8, 4>;
type Merge = wire::StandardMerge;
type Rule = group::spi::PrefixRule;
type Allocator = group::spi::CentralSpis<4>;
type Admits = group::membership::FixedAdmission<4>;
type Suites = group::membership::FixedDirectory<4>;
type FnSend = fn(u8, &forward::PacketCopy<'_>) -> Result<(), fmt::Error>;
type FnTransmit = fn(&[u8]) -> Result<(), fmt::Error>;
type FnWrite = fn(&stack::Ends, &mut [u8]) -> Result<(), wire::EmitError>;
type Sends = forward::FnEgress<FnSend>;
type Transmits = stack::FnLink<FnTransmit>;
type Segments = stack::FnSegment<FnWrite>;

/// Runs an iterator to its end.
fn drain<T>(iterator: impl Iterator<Item = T>) {
    for item in iterator {
        black_box(item);
    }
}

/// Lets the address of each function escape.
#[unsafe(no_mangle)]
pub extern "C" fn xcast_sec_entries() {
    include!(env!("XCAST_SEC_ENTRIES"));
    #[cfg(feature = "panics")]
    black_box(panics as fn(&[u8], usize) -> u8 as *const ());
}

/// What must be found.
#[cfg(feature = "panics")]
fn panics(octets: &[u8], index: usize) -> u8 {
    octets[index]
}

unsafe extern "C" {
    /// Is nowhere: a program that can come here does not link. Given all that is known of the panic, so that the place in the source
    /// where it would happen stays in the program, for `find.py` to read.
    safe fn xcast_sec_can_panic(info: *const ()) -> !;
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    xcast_sec_can_panic(core::ptr::from_ref(info).cast())
}
