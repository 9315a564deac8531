//! Forwarding, headers alone: the payload is lent, and copying it is the C library's work.

use crate::Counter;
use crate::contests::Entry;
use crate::contests::forwarding::{TIMES, gathered, packet, packet_v4};

pub(crate) fn all(counter: &mut Counter) {
    for copies in [1, 10, 125] {
        let mut entry = gathered(packet(copies, 4000), copies);
        counter.count(&format!("forward an IPv6 packet, {copies} copies, scatter-gather"), TIMES, || entry.run());
    }
    // For the plot; not compared with anything.
    for copies in 1..=127 {
        let mut entry = gathered(packet_v4(copies, 1000), copies);
        counter.count(&format!("plot: {copies}"), TIMES, || entry.run());
    }
}
