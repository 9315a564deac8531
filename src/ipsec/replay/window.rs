//! The receiver's anti-replay window over the numbers of one sender (RFC 4302 §3.4.3, RFC 4303 §3.4.3).

use crate::ipsec::replay::senders::SenderKey;

/// Why a sequence number was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// The number was accepted before, lies left of the window, or is 0.
    Replayed,
    /// A new sender proved itself, but the table of senders is full. No other sender's window was given up for it.
    TableFull,
}

impl core::fmt::Display for ReplayError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Replayed => "sequence number already seen or too old",
            Self::TableFull => "no room for another sender's replay window",
        })
    }
}

impl core::error::Error for ReplayError {}

/// A sliding window over the sequence numbers of one sender.
///
/// `B` holds the bits: `[u64; WORDS]`, or `[u64]` behind a reference. The window's size in numbers is chosen at run time
/// within that, 32 at least (RFC 4303 §3.4.3).
#[derive(Debug)]
pub struct ReplayWindow<B: ?Sized = [u64]> {
    /// The highest number accepted; 0 before the first.
    highest: u64,
    size: u64,
    /// Number `n` has bit `n` modulo the bits there are; valid for the `size` numbers up to `highest`.
    bits: B,
}

impl<B: ?Sized> ReplayWindow<B> {
    /// The highest number accepted so far.
    #[must_use]
    pub const fn highest(&self) -> u64 {
        self.highest
    }
}

impl<const WORDS: usize> ReplayWindow<[u64; WORDS]> {
    /// The largest window that the bits allow.
    pub const MAX_SIZE: u32 = {
        assert!(WORDS >= 1 && WORDS <= 1024, "a window holds 64 to 65536 numbers");
        (WORDS as u32).saturating_mul(64)
    };

    /// A window of `size` numbers that has seen nothing, or `None` unless `size` is between 32 and
    /// [`MAX_SIZE`](Self::MAX_SIZE).
    #[must_use]
    pub const fn new(size: u32) -> Option<Self> {
        Self::starting_after(size, 0)
    }

    /// A window whose right edge is already at `highest`, everything at and left of which is refused. For a receiver that
    /// joins while the sender is under way (RFC 5374 §4.2, RFC 6407 §5.4).
    #[must_use]
    pub const fn starting_after(size: u32, highest: u64) -> Option<Self> {
        if size < 32 || size > Self::MAX_SIZE {
            return None;
        }
        Some(Self { highest, size: size as u64, bits: [u64::MAX; WORDS] })
    }

    /// The window with the number of its bits erased, which is what checks numbers.
    pub const fn as_dyn(&mut self) -> &mut ReplayWindow {
        self
    }
}

impl ReplayWindow<[u64]> {
    /// The number that a packet carrying the low half `received` must have, which is not left of the window; `None` if it would
    /// have to be.
    ///
    /// RFC 4303 §A2.2: of the numbers with that low half, the lowest that is not left of the window.
    #[inline]
    fn full_number(&self, received: u32, esn: bool) -> Option<u64> {
        if esn {
            return infer(self.highest, self.size, received);
        }
        let number = u64::from(received);
        // 2^32 and the largest window are far from overflow.
        if number.wrapping_add(self.size) > self.highest { Some(number) } else { None }
    }

    /// Checks a number as received against the window; with `esn` its upper half is inferred.
    ///
    /// The window does not move before [`Unverified::commit`], which is to be called only after the packet's ICV verified.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::Replayed`].
    #[inline]
    pub fn check(&mut self, received: u32, esn: bool) -> Result<Unverified<'_>, ReplayError> {
        match self.full_number(received, esn) {
            Some(number) if self.is_next(number) || !self.has_seen(number) => {
                Ok(Unverified { number, place: Place::Known(self) })
            }
            _ => Err(ReplayError::Replayed),
        }
    }

    /// Whether `number` is the one that follows the highest: nearly every packet's is. 0 follows none.
    #[inline]
    const fn is_next(&self, number: u64) -> bool {
        number != 0 && number.wrapping_sub(1) == self.highest
    }

    /// Whether `number`, which is not left of the window, was seen. The bit of 0 is set from the beginning until 0 lies left.
    ///
    /// Without a branch on where it lies: once packets are out of order, a processor cannot foresee that.
    #[inline]
    fn has_seen(&self, number: u64) -> bool {
        let word = self.bits.get(self.index_of(number >> 6)).copied().unwrap_or(u64::MAX);
        let bit_on_top = word << (!number & 63);
        // Negative unless it lies right, by less than 2^33; the bit is then another number's.
        let ahead = number.wrapping_sub(1).wrapping_sub(self.highest);
        (bit_on_top & ahead) >> 63 != 0
    }

    /// The word that stands for the 64 numbers from `64 * number_word` on.
    #[inline]
    fn index_of(&self, number_word: u64) -> usize {
        let words = self.bits.len();
        let mask = words.wrapping_sub(1);
        if words & mask == 0 {
            return number_word as usize & mask;
        }
        // Takes longer than all else here. Most windows do without.
        number_word.checked_rem(words as u64).unwrap_or(0) as usize
    }

    /// Marks `number` as seen; the window moves to it if it lies right of it.
    #[inline(always)]
    fn mark(&mut self, number: u64) {
        if self.is_next(number) {
            self.highest = number;
            self.set(number, 0);
        } else {
            self.mark_out_of_order(number);
        }
    }

    /// The same for one that does not follow the highest. Without a branch on where it lies, if not in a later word.
    #[inline(always)]
    fn mark_out_of_order(&mut self, number: u64) {
        if number > self.highest | 63 {
            self.clear_up_to_word_of(number);
            self.highest = number;
            self.set(number, bit_of(number).wrapping_sub(1));
            return;
        }
        let highest = self.highest.max(number);
        // The bits from the highest so far up to the new one, of which the lowest stays; none if it stays the highest.
        let from_highest = bit_of(highest).wrapping_sub(bit_of(self.highest));
        let passed = from_highest & from_highest.wrapping_sub(1);
        self.highest = highest;
        self.set(number, passed);
    }

    /// Sets the bit of `number`, and clears `passed` in its word.
    #[inline]
    fn set(&mut self, number: u64, passed: u64) {
        let index = self.index_of(number >> 6);
        if let Some(word) = self.bits.get_mut(index) {
            *word = (*word & !passed) | bit_of(number);
        }
    }

    /// Clears the bits right of the highest number, and the words behind it up to that of `number`, which is a later one.
    #[inline(never)]
    fn clear_up_to_word_of(&mut self, number: u64) {
        let (first_word, last_word) = (self.highest >> 6, number >> 6);
        if last_word.wrapping_sub(first_word) > self.bits.len() as u64 {
            self.bits.fill(0);
            return;
        }
        // Up to the highest.
        let mut kept = u64::MAX >> (!self.highest & 63);
        for number_word in first_word..last_word {
            let index = self.index_of(number_word);
            if let Some(word) = self.bits.get_mut(index) {
                *word &= kept;
            }
            kept = 0;
        }
    }
}

/// The bit that stands for `number` in its word.
#[inline]
const fn bit_of(number: u64) -> u64 {
    1 << (number & 63)
}

/// How many numbers share an upper half.
const SUBSPACE: u64 = 1 << 32;

/// RFC 4303 §A2.2. `None` where the number's upper half would be below zero, or above the greatest there is.
#[inline]
const fn infer(highest: u64, size: u64, received: u32) -> Option<u64> {
    // The left edge; below zero it reaches into the subspace before the first.
    let (bottom, below_zero) = highest.overflowing_sub(size.wrapping_sub(1));
    let ahead = received.wrapping_sub(bottom as u32) as u64;
    let (number, carried) = bottom.overflowing_add(ahead);
    if carried == below_zero { Some(number) } else { None }
}

/// A number that the window would accept, of a packet whose ICV is not verified yet.
///
/// It borrows the window, so that nothing else can touch it in between; dropping it leaves the window as it was.
#[must_use = "the window moves only on commit"]
#[derive(Debug)]
pub struct Unverified<'a> {
    number: u64,
    place: Place<'a>,
}

#[derive(Debug)]
enum Place<'a> {
    Known(&'a mut ReplayWindow),
    New(&'a mut dyn NewSender, SenderKey),
}

/// Makes room for a sender's window.
pub trait NewSender: core::fmt::Debug {
    /// Adds a fresh window for `sender`, who just proved to hold the key, or `None` if there is no room.
    fn add(&mut self, sender: SenderKey) -> Option<&mut ReplayWindow>;
}

impl<'a> Unverified<'a> {
    /// A number from a sender that has no window yet; `size` is that of the window it would get.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::Replayed`]: 0 is never accepted.
    pub fn new_sender(
        table: &'a mut dyn NewSender,
        sender: SenderKey,
        size: u32,
        received: u32,
        esn: bool,
    ) -> Result<Self, ReplayError> {
        let number = if esn { infer(0, u64::from(size), received) } else { Some(u64::from(received)) };
        match number {
            None | Some(0) => Err(ReplayError::Replayed),
            Some(number) => Ok(Self { number, place: Place::New(table, sender) }),
        }
    }

    /// The full number, 64 bits.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Supposes an upper half greater by one, for a receiver that lost more packets than a window can follow (RFC 4303
    /// §A3.2). `None` if there is no greater one.
    #[must_use]
    pub fn in_next_subspace(mut self) -> Option<Self> {
        self.next_subspace()?;
        Some(self)
    }

    /// The same, where it stands.
    pub(crate) fn next_subspace(&mut self) -> Option<()> {
        self.number = self.number.checked_add(SUBSPACE)?;
        Some(())
    }

    /// The ICV verified: the window moves.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::TableFull`]: the sender is new and there is no room for it.
    // Left to itself the compiler makes a call of it, which takes longer than what it does.
    #[inline(always)]
    pub fn commit(self) -> Result<(), ReplayError> {
        match self.place {
            Place::Known(window) => {
                window.mark(self.number);
                Ok(())
            }
            Place::New(table, sender) => commit_new(table, sender, self.number),
        }
    }
}

/// The first packet of a sender verified.
#[cold]
fn commit_new(table: &mut dyn NewSender, sender: SenderKey, number: u64) -> Result<(), ReplayError> {
    table.add(sender).ok_or(ReplayError::TableFull)?.mark(number);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// The specification in the plainest form: what was accepted, and nothing forgotten.
    struct Model {
        size: u64,
        seen: Vec<u64>,
    }

    impl Model {
        fn accepts(&mut self, number: u64) -> bool {
            let highest = self.seen.iter().max().copied().unwrap_or(0);
            let ok = number != 0 && !self.seen.contains(&number) && number + self.size > highest;
            if ok {
                self.seen.push(number);
            }
            ok
        }
    }

    fn accept(window: &mut ReplayWindow, number: u64) -> bool {
        window.check(number as u32, false).and_then(Unverified::commit).is_ok()
    }

    /// Every order of steps of a few sizes around word and window edges, against the model.
    #[test]
    fn agrees_with_the_model_at_every_edge() {
        for size in [32, 33, 63, 64, 65, 127, 128] {
            let edges = [1, 2, 31, 32, 33, 62, 63, 64, 65, 66, 127, 128, 129, 191, 192, 193, 255, 256, 257, 320, 1000];
            for &a in &edges {
                for &b in &edges {
                    for &c in &edges {
                        let mut storage = ReplayWindow::<[u64; 2]>::new(size).unwrap();
                        let window: &mut ReplayWindow = &mut storage;
                        let mut model = Model { size: u64::from(size), seen: Vec::new() };
                        for number in [a, b, c, a, b, c, a + 1, c - 1, c + 64, b] {
                            assert_eq!(accept(window, number), model.accepts(number), "{size}: {a} {b} {c}: {number}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn sizes_are_bounded() {
        assert!(ReplayWindow::<[u64; 1]>::new(31).is_none());
        assert!(ReplayWindow::<[u64; 1]>::new(64).is_some());
        assert!(ReplayWindow::<[u64; 1]>::new(65).is_none());
        assert!(ReplayWindow::<[u64; 64]>::new(4096).is_some());
    }

    #[test]
    fn an_uncommitted_check_leaves_no_trace() {
        let mut storage = ReplayWindow::<[u64; 1]>::new(64).unwrap();
        let window: &mut ReplayWindow = &mut storage;
        assert_eq!(window.check(1000, false).unwrap().number(), 1000);
        assert_eq!(window.highest(), 0);
        assert!(accept(window, 5));
    }

    #[test]
    fn a_started_window_refuses_what_lies_left_of_its_start() {
        let mut storage = ReplayWindow::<[u64; 2]>::starting_after(128, 500).unwrap();
        let window: &mut ReplayWindow = &mut storage;
        assert!((1..=500).all(|number| !accept(window, number)));
        assert!(accept(window, 502) && accept(window, 501) && !accept(window, 500) && !accept(window, 501));
    }

    /// RFC 4303 §A2.2, both cases, at each boundary.
    #[test]
    fn upper_half_is_inferred() {
        const T: u64 = 1 << 32;
        // Case A: the window lies within one subspace.
        assert_eq!(infer(5 * T + 1000, 64, 1000 - 63), Some(5 * T + 1000 - 63), "left edge");
        assert_eq!(infer(5 * T + 1000, 64, 1000 - 64), Some(6 * T + 1000 - 64), "left of it: the next subspace");
        assert_eq!(infer(5 * T + 1000, 64, u32::MAX), Some(6 * T - 1));
        assert_eq!(infer(5 * T + 63, 64, 0), Some(5 * T), "Tl = W - 1");
        // Case B: it spans two.
        assert_eq!(infer(5 * T + 62, 64, u32::MAX), Some(5 * T - 1), "Tl = W - 2: one number in the subspace before");
        assert_eq!(infer(5 * T + 62, 64, u32::MAX - 1), Some(6 * T - 2));
        assert_eq!(infer(5 * T, 64, 0), Some(5 * T));
        assert_eq!(infer(5 * T, 64, u32::MAX - 62), Some(5 * T - 63));
        assert_eq!(infer(5 * T, 64, u32::MAX - 63), Some(6 * T - 64));
        // Below the first subspace there is nothing, above the last neither.
        assert_eq!(infer(0, 64, u32::MAX), None);
        assert_eq!(infer(0, 64, u32::MAX - 62), None);
        assert_eq!(infer(0, 64, u32::MAX - 63), Some(T - 64));
        assert_eq!(infer(62, 64, u32::MAX), None);
        assert_eq!(infer(63, 64, u32::MAX), Some(T - 1));
        assert_eq!(infer(u64::MAX, 64, 5), None);
        assert_eq!(infer(u64::MAX, 64, u32::MAX), Some(u64::MAX));
    }
}
