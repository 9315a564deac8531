//! Forwarding, headers alone: the payload is lent, and copying it is the C library's work.

use crate::Counter;
use crate::contests::Entry;
use crate::contests::forwarding::{TIMES, gathered, gathered_for, packet, packet_v4};

pub(crate) fn all(counter: &mut Counter) {
    for copies in [1, 10, 125] {
        let mut entry = gathered(packet(copies, 4000), copies);
        counter.count(&format!("forward an IPv6 packet, {copies} copies, scatter-gather"), TIMES, || entry.run());
    }
    // For the plot; not compared with anything.
    for (next_hops, title) in [(127, "one next hop for each"), (4, "4 next hops")] {
        for destinations in 1..=127 {
            let copies = destinations.min(next_hops);
            let mut entry = gathered_for(packet_v4(destinations, 1000), copies, next_hops as u16, copies);
            counter.count(&format!("plot: {title}: {destinations}"), TIMES, || entry.run());
        }
    }
}
