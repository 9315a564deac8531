//! A packet's number checked and committed, in order and out of order, for windows of all sizes.

use std::hint::black_box;

use xcast_sec::ipsec::{ReplayWindow, Unverified};

use super::{Course, Entry, Row};

/// Numbers in one run: more than a predictor of branches remembers, as their order is the same in the next.
pub(crate) const NUMBERS: usize = 1 << 16;

/// The order in which the numbers of one run come, each once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    InOrder,
    /// Shuffled within 32, so that the smallest window still takes all.
    Shuffled,
}

impl Order {
    pub(crate) const ALL: [Self; 2] = [Self::InOrder, Self::Shuffled];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::InOrder => "replay check and commit, in order",
            Self::Shuffled => "replay check and commit, out of order",
        }
    }

    /// Offsets from the first number of a run.
    pub(crate) fn offsets(self) -> Vec<u32> {
        let mut offsets: Vec<u32> = (0..NUMBERS as u32).collect();
        if let Self::Shuffled = self {
            let mut state = 0x2545_f491_u32;
            for block in offsets.chunks_mut(32) {
                for at in (1..block.len()).rev() {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    block.swap(at, (state >> 16) as usize % (at + 1));
                }
            }
        }
        offsets
    }
}

/// A window of `64 * WORDS` numbers that takes run after run.
pub(crate) fn window<const WORDS: usize>(order: Order) -> Box<dyn Entry> {
    let mut window = ReplayWindow::<[u64; WORDS]>::new(ReplayWindow::<[u64; WORDS]>::MAX_SIZE).expect("a size");
    let (offsets, mut base) = (order.offsets(), 1_u32);
    Box::new(move || {
        let window = window.as_dyn();
        for offset in &offsets {
            let number = black_box(base + offset);
            assert!(window.check(number, false).and_then(Unverified::commit).is_ok());
        }
        base += NUMBERS as u32;
    })
}

/// The sizes of windows that are measured, with what makes one.
#[allow(clippy::type_complexity, reason = "a table")]
pub(crate) const SIZES: [(usize, fn(Order) -> Box<dyn Entry>); 4] =
    [(64, window::<1>), (256, window::<4>), (1024, window::<16>), (4096, window::<64>)];

pub(crate) fn all(course: &mut dyn Course) {
    for order in Order::ALL {
        for (size, window_of_size) in &SIZES[1..] {
            // The same for all sizes, but for what measuring is worth.
            let row = Row::new(order.name(), format!("{size} numbers"), "a window of 64", NUMBERS).at_most(1.05);
            course.contest(row, &mut *window_of_size(order), &mut *window::<1>(order));
        }
    }
}
