//! Soak: many mixed packets through senders, routers and receivers in one run. Every counter of every node is what independent
//! bookkeeping says it must be, after every packet; nothing is allocated, and the process does not grow.
//!
//! ```sh
//! XCAST_SOAK_PACKETS=1000000 cargo test --release --test soak -- --nocapture
//! ```
//!
//! `XCAST_SOAK_SEED` repeats the run that a failure names.
#![cfg(feature = "rust-crypto")]

mod at_hosts;
mod books;
mod damage;
mod faults;
mod links;
mod memory;
mod network;
mod parcel;
#[path = "../simulation/random.rs"]
#[allow(dead_code, reason = "this test uses some of it")]
mod random;
mod senders;
mod soak;
mod sums;
mod world;

use crate::soak::Soak;

fn number_of(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: not a number")))
}

#[test]
fn every_packet_is_counted_once_and_memory_is_flat() {
    let packets = number_of("XCAST_SOAK_PACKETS", 20_000).max(20_000);
    let seed = number_of("XCAST_SOAK_SEED", 1);
    println!("{packets} packets, XCAST_SOAK_SEED={seed}");
    let mut soak = Soak::new(seed, packets);
    soak.run_until(packets / 10);
    let warm = memory::resident();
    let allocations = allocation_counter::measure(|| {
        soak.run_until(packets);
        soak.finish();
    });
    let grown = memory::resident().zip(warm).map(|(now, warm)| now.saturating_sub(warm));
    sums::print(&soak);
    match (grown, warm) {
        (Some(grown), Some(warm)) => println!("resident: {warm} octets when warm, {grown} more at the end"),
        _ => println!("resident: not told by this system"),
    }
    println!("allocations when warm: {}, {} octets", allocations.count_total, allocations.bytes_total);
    sums::check(&soak);
    assert_eq!((allocations.count_total, allocations.bytes_total), (0, 0));
    assert!(grown.is_none_or(|grown| grown <= memory::MAY_GROW), "{grown:?} octets more than when warm");
}
