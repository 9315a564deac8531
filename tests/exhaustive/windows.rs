//! Replay windows: every order of arrivals, for some length, of the numbers around all that a window can decide on.
//!
//! A window has 32 numbers at least, so what is small is the set of numbers: those at its edges, and those that move it by less than,
//! as much as, and more than its size.

use std::collections::BTreeSet;

use xcast_sec::ipsec::ReplayWindow;

/// Everything that was ever accepted, and RFC 4303 §A2 word by word.
#[derive(Clone)]
struct Model {
    size: u64,
    highest: u64,
    accepted: BTreeSet<u64>,
}

impl Model {
    /// The lowest number with this low half that is not left of the window: §A2.2, looked for rather than computed. While the
    /// window still reaches below 0 it may be a negative one, which no packet has.
    fn number(&self, received: u32, esn: bool) -> Option<u64> {
        if !esn {
            return Some(received.into());
        }
        let (highest, size) = (i128::from(self.highest), i128::from(self.size));
        let upper = highest >> 32;
        let mut candidates = (upper - 1..=upper + 1).map(|upper| (upper << 32) + i128::from(received));
        u64::try_from(candidates.find(|number| number + size > highest).unwrap()).ok()
    }

    fn accept(&mut self, received: u32, esn: bool) -> Option<u64> {
        let number = self.number(received, esn)?;
        let left = number + self.size <= self.highest;
        if number == 0 || left || !self.accepted.insert(number) {
            return None;
        }
        self.highest = self.highest.max(number);
        Some(number)
    }
}

/// Goes through every sequence of up to `depth` of `numbers`, the window and its model side by side.
fn every_order<const WORDS: usize>(size: u32, after: u64, numbers: &[u32], depth: u32, esn: bool) -> usize {
    let mut sequences = 0;
    let mut order = vec![0; depth as usize];
    loop {
        let mut window = ReplayWindow::<[u64; WORDS]>::starting_after(size, after).unwrap();
        // What is at and left of where it starts counts as seen.
        let seen = (after + 1).saturating_sub(u64::from(size) + 1)..=after;
        let mut model = Model { size: size.into(), highest: after, accepted: seen.collect() };
        for &index in &order {
            let received = numbers[index];
            let expected = model.accept(received, esn);
            let checked = window.as_dyn().check(received, esn).ok();
            let accepted = checked.map(|unverified| (unverified.number(), unverified.commit()));
            assert_eq!(accepted, expected.map(|number| (number, Ok(()))), "{received} of {order:?}, size {size}");
            assert_eq!(window.highest(), model.highest);
        }
        sequences += 1;
        // The next one, as a number with a digit for each place.
        let Some(place) = order.iter().rposition(|&index| index + 1 < numbers.len()) else { return sequences };
        order[place] += 1;
        order[place + 1..].fill(0);
    }
}

/// Sizes that fill the words of the window, that leave some of it unused, and the least.
#[test]
fn every_order_of_arrivals() {
    let numbers = [1, 2, 31, 32, 33, 34, 64, 65, 97, 129];
    let mut sequences = every_order::<1>(32, 0, &numbers, 5, false);
    sequences += every_order::<1>(33, 0, &numbers, 5, false);
    sequences += every_order::<1>(64, 0, &numbers, 5, false);
    sequences += every_order::<2>(65, 0, &numbers, 5, false);
    assert_eq!(sequences, 400_000);
    assert_eq!(every_order::<2>(128, 0, &[0, 1, 64, 128, 129, 192, 193, u32::MAX], 5, false), 32_768);
}

/// The same where the upper half of the number changes, in both directions, and where it cannot be below 0.
#[test]
fn every_order_of_arrivals_across_a_subspace() {
    let numbers = [0, 1, 15, 31, 32, 33, u32::MAX - 32, u32::MAX - 16, u32::MAX - 1, u32::MAX];
    for after in [0, (1 << 32) - 20, (1 << 32) - 1, 1 << 32, (1 << 32) + 20, (7 << 32) + 40] {
        assert_eq!(every_order::<1>(32, after, &numbers, 4, true), 10_000);
        assert_eq!(every_order::<2>(64, after, &numbers, 4, true), 10_000);
    }
}

/// The upper half that is inferred, for every place of the window's edge near the border of two subspaces, and every received
/// number near all that it could be compared with.
#[test]
fn every_inference_near_a_border() {
    let size = 40;
    for upper in [0_u64, 1, 2, 0x1234, (1 << 31) - 1] {
        for edge in -90_i64..=90 {
            let Some(highest) = (upper << 32).checked_add_signed(edge) else { continue };
            let mut window = ReplayWindow::<[u64; 1]>::starting_after(size, highest).unwrap();
            let model = Model { size: size.into(), highest, accepted: BTreeSet::new() };
            for distance in -200_i64..=200 {
                for around in [0, highest as u32, (highest as u32).wrapping_sub(size), 1 << 31] {
                    let received = (i64::from(around) + distance) as u32;
                    let expected = model.number(received, true).filter(|number| *number > highest);
                    let inferred = window.as_dyn().check(received, true).ok().map(|unverified| unverified.number());
                    assert_eq!(inferred, expected, "highest {highest:#x}, received {received:#x}");
                }
            }
        }
    }
}
