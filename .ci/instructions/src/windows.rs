//! Replay windows, and the look-up of senders.

use crate::Counter;
use crate::contests::Entry;
use crate::contests::lookup::{LOOKUPS, map, ours};
use crate::contests::replay::{NUMBERS, Order, SIZES};

pub(crate) fn all(counter: &mut Counter) {
    for order in Order::ALL {
        for (size, window) in SIZES {
            let mut window = window(order);
            counter.count(&format!("{}, window of {size}", order.name()), NUMBERS, || window.run());
        }
    }
    let mut table = [(16, ours_boxed::<16>()), (64, ours_boxed::<64>()), (256, ours_boxed::<256>())];
    for (senders, entry) in &mut table {
        counter.count(&format!("sender look-up, {senders} senders"), LOOKUPS, || entry.run());
    }
    let mut map = map::<256, 512>();
    counter.count("sender look-up, 256 senders: FnvIndexMap", LOOKUPS, || map.run());
}

fn ours_boxed<const SENDERS: usize>() -> Box<dyn Entry> {
    Box::new(ours::<SENDERS>())
}
