//! boringtun's replay window of 1024 numbers, without the lock around it.

use std::hint::black_box;

use crate::contests::replay::{NUMBERS, Order, SIZES};
use crate::contests::{Course, Row};

#[allow(clippy::all, dead_code, reason = "boringtun's own")]
mod source {
    include!(concat!(env!("OUT_DIR"), "/boringtun_replay.rs"));
}

/// The window takes run after run.
fn window(order: Order) -> impl FnMut() {
    let mut window = source::ReceivingKeyCounterValidator::default();
    let (offsets, mut base) = (order.offsets(), 1_u64);
    move || {
        for &offset in &offsets {
            let number = black_box(base + u64::from(offset));
            assert!(window.will_accept(number).is_ok());
            assert!(window.mark_did_receive(number).is_ok());
        }
        base += NUMBERS as u64;
    }
}

pub(crate) fn all(course: &mut dyn Course) {
    for (order, target) in [(Order::InOrder, 1.15), (Order::Shuffled, 0.6)] {
        for (size, ours) in SIZES {
            let row = Row::new(order.name(), format!("{size} numbers"), "boringtun, 1024", NUMBERS).at_most(target);
            course.contest(row, &mut *ours(order), &mut window(order));
        }
    }
}
