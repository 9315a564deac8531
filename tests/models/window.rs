//! A replay window in the plainest form: all that was ever accepted, and RFC 4303 §3.4.3 and §A2 (RFC 4302 §3.4.3 and §B2) asked of it.

use std::collections::BTreeSet;

/// How many numbers share an upper half.
pub(crate) const SUBSPACE: u64 = 1 << 32;

/// What a receiver has to remember, nothing of it forgotten.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) size: u32,
    pub(crate) esn: bool,
    /// Everything up to this counts as seen.
    pub(crate) start: u64,
    pub(crate) accepted: BTreeSet<u64>,
}

impl Model {
    pub(crate) fn new(size: u32, esn: bool, start: u64) -> Self {
        Self { size, esn, start, accepted: BTreeSet::new() }
    }

    pub(crate) fn highest(&self) -> u64 {
        self.accepted.last().map_or(self.start, |&last| last.max(self.start))
    }

    /// The bottom of the window, which may be below zero.
    pub(crate) fn bottom(&self) -> i128 {
        i128::from(self.highest()) - i128::from(self.size) + 1
    }

    /// Whether `number` is neither seen nor too old.
    pub(crate) fn is_new(&self, number: u64) -> bool {
        number > self.start && i128::from(number) >= self.bottom() && !self.accepted.contains(&number)
    }

    /// Whether the receiver takes the low half of `number` for `number`.
    pub(crate) fn is_inferred(&self, number: u64) -> bool {
        let number = i128::from(number);
        if self.esn {
            (self.bottom()..self.bottom() + i128::from(SUBSPACE)).contains(&number)
        } else {
            number < i128::from(SUBSPACE)
        }
    }

    /// The number that the receiver must take `received` for, if there is such a number and it is new.
    pub(crate) fn expected(&self, received: u32) -> Option<u64> {
        let near = self.highest() >> 32;
        let upper_halves = [near.checked_sub(1), Some(near), Some(near + 1)];
        let numbers = upper_halves.into_iter().flatten().filter(|&high| high < SUBSPACE).map(|high| high << 32);
        let mut numbers = numbers.map(|high| high | u64::from(received));
        let number = if self.esn {
            // A number below zero that lies in the window goes first, and is not there.
            let below_zero = i128::from(received) - i128::from(SUBSPACE);
            if below_zero >= self.bottom() {
                return None;
            }
            numbers.find(|&number| self.is_inferred(number))
        } else {
            Some(u64::from(received))
        };
        number.filter(|&number| self.is_new(number))
    }

    pub(crate) fn accept(&mut self, number: u64) {
        assert!(self.accepted.insert(number));
    }

    /// Numbers at which a window that is not like this would show it.
    pub(crate) fn telling(&self) -> Vec<u32> {
        let (t, w) = (self.highest() as u32, self.size);
        let edges = [t, t.wrapping_sub(w), t.wrapping_sub(64), t.wrapping_sub(w.next_multiple_of(64)), 0];
        let edges = edges.into_iter().chain(self.accepted.iter().rev().take(3).map(|&number| number as u32));
        edges.flat_map(|edge| [edge.wrapping_sub(1), edge, edge.wrapping_add(1)]).collect()
    }

    /// All numbers of the window, and some on both sides of it.
    pub(crate) fn all(&self) -> Vec<u32> {
        let first = (self.highest() as u32).wrapping_sub(self.size).wrapping_sub(2);
        (0..self.size + 5).map(|step| first.wrapping_add(step)).chain(self.telling()).collect()
    }
}
