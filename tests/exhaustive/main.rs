//! Domains that are small enough are gone through whole, against models that are written out plainly.

#[path = "../common/mod.rs"]
mod common;

mod bitmaps;
mod checksums;
mod lengths;
mod trailers;
mod windows;
mod xcast_lengths;
