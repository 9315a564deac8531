//! The anti-replay windows as their users see them: the numbers that RFC 4302 Appendix B and RFC 4303 Appendix A decide on,
//! at every edge they have, and any stream of packets against what was accepted of it, with nothing forgotten.
//!
//! Both appendices say the same; the sections are cited by their RFC 4303 names (A2.1 is B2.1 of RFC 4302, and so on).

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use xcast_sec::ipsec::{
    NewSender, ReplayError, ReplayStore, ReplayWindow, SaId, SecurityProtocol, SenderKey, SenderWindows, Spi,
    Unverified,
};

#[path = "models/window.rs"]
mod window_model;

use window_model::{Model, SUBSPACE};

/// A window of `size` numbers in `words` words, that refuses everything up to and with `after`.
fn window(words: usize, size: u32, after: u64) -> Box<ReplayWindow> {
    fn boxed<const WORDS: usize>(size: u32, after: u64) -> Box<ReplayWindow> {
        Box::new(ReplayWindow::<[u64; WORDS]>::starting_after(size, after).unwrap())
    }
    match words {
        1 => boxed::<1>(size, after),
        2 => boxed::<2>(size, after),
        3 => boxed::<3>(size, after),
        5 => boxed::<5>(size, after),
        16 => boxed::<16>(size, after),
        64 => boxed::<64>(size, after),
        65 => boxed::<65>(size, after),
        1024 => boxed::<1024>(size, after),
        _ => unreachable!("no window of {words} words in these tests"),
    }
}

/// The sizes of storage that [`window`] knows.
const STORAGE: [usize; 7] = [1, 2, 3, 5, 16, 64, 65];

/// The smallest storage for `size` numbers, and one that is larger than it need be.
fn storage_for(size: u32) -> [usize; 2] {
    let exact = STORAGE.into_iter().find(|&words| words * 64 >= size as usize).unwrap();
    [exact, 65]
}

/// The number that the window would accept for `received`, without accepting it.
fn peek(window: &mut ReplayWindow, received: u32, esn: bool) -> Option<u64> {
    number_of(window.check(received, esn))
}

/// A check refuses for no other reason than that the number is taken.
fn number_of(checked: Result<Unverified<'_>, ReplayError>) -> Option<u64> {
    match checked {
        Ok(unverified) => Some(unverified.number()),
        Err(error) => {
            assert_eq!(error, ReplayError::Replayed);
            None
        }
    }
}

/// Accepts `received`; whether the window did.
fn accept(window: &mut ReplayWindow, received: u32, esn: bool) -> bool {
    window.check(received, esn).is_ok_and(|unverified| unverified.commit() == Ok(()))
}

// --- the appendix ------------------------------------------------------------------------------------------------------

/// The sizes that the tables are gone through with.
const SIZES: [u32; 5] = [32, 64, 128, 1024, 4096];

/// Upper halves of T: the first subspaces, some amid, and the last ones.
const UPPER_HALVES: [u32; 9] = [0, 1, 2, 7, 0xffff, 1 << 31, (1 << 31) + 1, u32::MAX - 1, u32::MAX];

/// Where a number lies, and so what is left to be checked about it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// In the window: "pass replay check" decides.
    Window,
    /// Right of it: new for certain.
    Right,
}

use Verdict::{Right, Window};

/// The pseudo code of RFC 4303 §A2.3 (RFC 4302 §B2.3) as it stands. "Arithmetic is mod 2^32."
fn appendix_a2(tl: u32, th: u32, w: u32, seql: u32) -> (u32, Verdict) {
    let bl = tl.wrapping_sub(w).wrapping_add(1);
    if tl >= w - 1 {
        if seql >= bl {
            let seqh = th;
            if seql <= tl { (seqh, Window) } else { (seqh, Right) }
        } else {
            let seqh = th.wrapping_add(1);
            (seqh, Right)
        }
    } else if seql >= bl {
        let seqh = th.wrapping_sub(1);
        (seqh, Window)
    } else {
        let seqh = th;
        if seql <= tl { (seqh, Window) } else { (seqh, Right) }
    }
}

/// The receiver of RFC 4303 §A2: T, and the window as the string of bits that §A2.1 describes, shifted and all.
///
/// Where the pseudo code leaves something open, this and the crate agree on:
///
/// - Numbers below 1 count as seen. There is none (RFC 4303 §3.3.3: the first is 1), but a window at Th = 0 in case B has
///   bits for them, and there Seqh = Th - 1 wraps to 2^32 - 1. That bit being set, "pass replay check" fails; the crate finds
///   no number at all. So 2^32 - 1 and what else is not below Bl is refused until T gets to W - 1.
/// - Seqh = Th + 1 must not wrap to 0 at Th = 2^32 - 1: T would go back to the start, where nothing is remembered. The
///   sender must not cycle (RFC 4303 §3.3.3), so the crate refuses; the pseudo code would let it pass.
#[derive(Debug)]
struct Appendix {
    w: u32,
    th: u32,
    tl: u32,
    /// Of the bottom-most number first, whether it was seen.
    seen: VecDeque<bool>,
}

impl Appendix {
    /// With T at `t` and everything up to it seen.
    fn starting_after(w: u32, t: u64) -> Self {
        Self { w, th: (t >> 32) as u32, tl: t as u32, seen: (0..w).map(|_| true).collect() }
    }

    fn t(&self) -> u64 {
        u64::from(self.th) << 32 | u64::from(self.tl)
    }

    /// The full number of `seql` and its bit, if it is in the window.
    fn locate(&self, seql: u32) -> (u64, Option<usize>) {
        let (seqh, verdict) = appendix_a2(self.tl, self.th, self.w, seql);
        let bl = self.tl.wrapping_sub(self.w).wrapping_add(1);
        let bit = (verdict == Window).then(|| seql.wrapping_sub(bl) as usize);
        (u64::from(seqh) << 32 | u64::from(seql), bit)
    }

    /// The full number, if the packet goes on to the integrity check.
    fn check(&self, seql: u32) -> Option<u64> {
        let (number, bit) = self.locate(seql);
        let new = bit.map_or(number > self.t(), |bit| !self.seen[bit]);
        new.then_some(number)
    }

    /// "Set bit corresponding to Seql", with "shift bits" before it (§A2.1).
    fn accept(&mut self, seql: u32) {
        let (number, bit) = self.locate(seql);
        if let Some(bit) = bit {
            self.seen[bit] = true;
            return;
        }
        for _ in 0..(number - self.t()).min(u64::from(self.w)) {
            self.seen.pop_front();
            self.seen.push_back(false);
        }
        *self.seen.back_mut().unwrap() = true;
        (self.th, self.tl) = ((number >> 32) as u32, number as u32);
    }

    /// That the window decides as this does on every number in it and some on both sides, and has the same T.
    fn assert_like(&self, window: &mut ReplayWindow, context: &str) {
        assert_eq!(window.highest(), self.t(), "{context}: T");
        let first = self.tl.wrapping_sub(self.w).wrapping_sub(2);
        for seql in (0..self.w + 6).map(|step| first.wrapping_add(step)) {
            assert_eq!(peek(window, seql, true), self.check(seql), "{context}: then {seql:#x}");
        }
    }
}

/// A window and the appendix's, with T at `t` and all numbers before it in the window still to come.
fn only_t_seen(words: usize, w: u32, t: u64) -> (Box<ReplayWindow>, Appendix) {
    let before = t.saturating_sub(u64::from(w));
    let mut pair = (window(words, w, before), Appendix::starting_after(w, before));
    if t > 0 {
        assert!(accept(&mut pair.0, t as u32, true));
        pair.1.accept(t as u32);
    }
    pair
}

/// One line of the tables: with Tl and Seql, which subspace it is relative to Th, and where in relation to the window.
struct Line {
    cite: &'static str,
    tl: fn(u32) -> u32,
    /// Of the size and Tl.
    seql: fn(u32, u32) -> u32,
    subspace: i8,
    verdict: Verdict,
}

const fn line(
    cite: &'static str,
    tl: fn(u32) -> u32,
    seql: fn(u32, u32) -> u32,
    subspace: i8,
    verdict: Verdict,
) -> Line {
    Line { cite, tl, seql, subspace, verdict }
}

fn bottom(w: u32, tl: u32) -> u32 {
    tl.wrapping_sub(w).wrapping_add(1)
}

/// The window lies within one subspace: Tl >= W - 1.
const CASE_A: [Line; 33] = [
    line("A2.1 case A, Seql = Bl; A2.2: Seqh = Th", |_| 5_000_000, |w, tl| tl - w + 1, 0, Window),
    line("A2.1 case A, Seql = Bl + 1", |_| 5_000_000, |w, tl| tl - w + 2, 0, Window),
    line("A2.1 case A, Seql = Tl - 1", |_| 5_000_000, |_, tl| tl - 1, 0, Window),
    line("A2.1 case A, Seql = Tl", |_| 5_000_000, |_, tl| tl, 0, Window),
    line("A2.3 case A, Seql > Tl", |_| 5_000_000, |_, tl| tl + 1, 0, Right),
    line("A2.3 case A, Seql = Tl + W: nothing in the window stays", |_| 5_000_000, |w, tl| tl + w, 0, Right),
    line("A2.3 case A, Seql = 2^31", |_| 5_000_000, |_, _| 1 << 31, 0, Right),
    line("A2.3 case A, the last of the subspace", |_| 5_000_000, |_, _| u32::MAX, 0, Right),
    line("A2.2 case A, Seql < Bl: Seqh = Th + 1, its first", |_| 5_000_000, |_, _| 0, 1, Right),
    line("A2.2 case A, Seql < Bl, amid", |_| 5_000_000, |_, _| 1 << 20, 1, Right),
    line("A2.2 case A, Seql = Bl - 2", |_| 5_000_000, |w, tl| tl - w - 1, 1, Right),
    line("A2.2 case A, Seql = Bl - 1: Figure 1, the farthest", |_| 5_000_000, |w, tl| tl - w, 1, Right),
    line("A2: Tl = W - 1 is case A, Seql = Bl = 0", |w| w - 1, |_, _| 0, 0, Window),
    line("A2: Tl = W - 1, Seql = Bl + 1", |w| w - 1, |_, _| 1, 0, Window),
    line("A2: Tl = W - 1, Seql = Tl", |w| w - 1, |_, tl| tl, 0, Window),
    line("A2: Tl = W - 1, Seql = Tl + 1", |w| w - 1, |_, tl| tl + 1, 0, Right),
    line("A2: Tl = W - 1, Seql = Bl - 1: none is below Bl", |w| w - 1, |_, _| u32::MAX, 0, Right),
    line("A2: Tl = W, Seql = Bl = 1", |w| w, |_, _| 1, 0, Window),
    line("A2: Tl = W, Seql = Bl - 1 = 0", |w| w, |_, _| 0, 1, Right),
    line("A2: Tl = W, Seql = Tl + 1", |w| w, |_, tl| tl + 1, 0, Right),
    line("A2: Tl = W, Seql = 2^32 - 1", |w| w, |_, _| u32::MAX, 0, Right),
    line("A2: Tl = 2^31, Seql = Bl", |_| 1 << 31, |w, tl| tl - w + 1, 0, Window),
    line("A2: Tl = 2^31, Seql = Bl - 1", |_| 1 << 31, |w, tl| tl - w, 1, Right),
    line("A2: Tl = 2^32 - 2, Seql = Tl + 1", |_| u32::MAX - 1, |_, tl| tl + 1, 0, Right),
    line("A2: Tl = 2^32 - 2, Seql = 0", |_| u32::MAX - 1, |_, _| 0, 1, Right),
    line("A2: Tl = 2^32 - 1, Seql = Tl", |_| u32::MAX, |_, tl| tl, 0, Window),
    line("A2: Tl = 2^32 - 1, Seql = Tl - 1", |_| u32::MAX, |_, tl| tl - 1, 0, Window),
    line("A2: Tl = 2^32 - 1, Seql = Bl", |_| u32::MAX, |w, tl| tl - w + 1, 0, Window),
    line("A2: Tl = 2^32 - 1, Seql = Tl + 1 = 0", |_| u32::MAX, |_, _| 0, 1, Right),
    line("A2: Tl = 2^32 - 1, Seql = 1", |_| u32::MAX, |_, _| 1, 1, Right),
    line("A2: Tl = 2^32 - 1, Seql = W - 1: the next window is case A", |_| u32::MAX, |w, _| w - 1, 1, Right),
    line("A2: Tl = 2^32 - 1, Seql = W - 2: the next is case B", |_| u32::MAX, |w, _| w - 2, 1, Right),
    line("A2: Tl = 2^32 - 1, Seql = Bl - 1", |_| u32::MAX, |w, tl| tl - w, 1, Right),
];

/// The window spans two subspaces: Tl < W - 1.
const CASE_B: [Line; 28] = [
    line("A2.1 case B, Seql = Bl; A2.2: Seqh = Th - 1", |w| w / 2, bottom, -1, Window),
    line("A2.1 case B, Seql = Bl + 1", |w| w / 2, |w, tl| bottom(w, tl) + 1, -1, Window),
    line("A2.1 case B, the last of the subspace before", |w| w / 2, |_, _| u32::MAX, -1, Window),
    line("A2.1 case B, Seql <= Tl; A2.2: Seqh = Th, its first", |w| w / 2, |_, _| 0, 0, Window),
    line("A2.1 case B, Seql = 1", |w| w / 2, |_, _| 1, 0, Window),
    line("A2.1 case B, Seql = Tl - 1", |w| w / 2, |_, tl| tl - 1, 0, Window),
    line("A2.1 case B, Seql = Tl", |w| w / 2, |_, tl| tl, 0, Window),
    line("A2.3 case B, Seql > Tl", |w| w / 2, |_, tl| tl + 1, 0, Right),
    line("A2.3 case B, Seql = W - 2: still case B", |w| w / 2, |w, _| w - 2, 0, Right),
    line("A2.3 case B, Seql = W - 1: case A from then", |w| w / 2, |w, _| w - 1, 0, Right),
    line("A2.3 case B, Seql = Tl + W: nothing in the window stays", |w| w / 2, |w, tl| tl + w, 0, Right),
    line("A2.3 case B, Seql = 2^31", |w| w / 2, |_, _| 1 << 31, 0, Right),
    line("A2.2 case B, Seql = Bl - 1: Figure 2, the farthest", |w| w / 2, |w, tl| bottom(w, tl) - 1, 0, Right),
    line("A2: Tl = 0, Seql = Bl", |_| 0, bottom, -1, Window),
    line("A2: Tl = 0, Seql = Bl - 1", |_| 0, |w, tl| bottom(w, tl) - 1, 0, Right),
    line("A2: Tl = 0, Seql = 2^32 - 1", |_| 0, |_, _| u32::MAX, -1, Window),
    line("A2: Tl = 0, Seql = Tl", |_| 0, |_, _| 0, 0, Window),
    line("A2: Tl = 0, Seql = Tl + 1", |_| 0, |_, _| 1, 0, Right),
    line("A2: Tl = 1, Seql = 0", |_| 1, |_, _| 0, 0, Window),
    line("A2: Tl = 1, Seql = Bl", |_| 1, bottom, -1, Window),
    line("A2: Tl = 1, Seql = Bl - 1", |_| 1, |w, tl| bottom(w, tl) - 1, 0, Right),
    line("A2: Tl = W - 2 is case B, Seql = Bl = 2^32 - 1", |w| w - 2, |_, _| u32::MAX, -1, Window),
    line("A2: Tl = W - 2, Seql = Bl - 1", |w| w - 2, |_, _| u32::MAX - 1, 0, Right),
    line("A2: Tl = W - 2, Seql = Bl + 1 = 0", |w| w - 2, |_, _| 0, 0, Window),
    line("A2: Tl = W - 2, Seql = Tl", |w| w - 2, |_, tl| tl, 0, Window),
    line("A2: Tl = W - 2, Seql = Tl + 1", |w| w - 2, |_, tl| tl + 1, 0, Right),
    line("A2: Tl = W - 3, Seql = Bl = 2^32 - 2", |w| w - 3, |_, _| u32::MAX - 1, -1, Window),
    line("A2: Tl = W - 3, Seql = Bl - 1", |w| w - 3, |_, _| u32::MAX - 2, 0, Right),
];

/// Goes through a table, for all sizes and upper halves: what it says, what the pseudo code does and what the window does
/// must be the same, and so must be the state after.
fn go_through(table: &[Line]) {
    for w in SIZES {
        for th in UPPER_HALVES {
            for line in table {
                for words in storage_for(w) {
                    check_line(line, w, th, words);
                }
            }
        }
    }
}

fn check_line(line: &Line, w: u32, th: u32, words: usize) {
    let tl = (line.tl)(w);
    let seql = (line.seql)(w, tl);
    let context = format!("{}, W = {w} in {words} words, T = {th:#x} {tl:#x}, Seql = {seql:#x}", line.cite);
    let seqh = i64::from(th) + i64::from(line.subspace);
    assert_eq!(appendix_a2(tl, th, w, seql), (seqh as u32, line.verdict), "{context}: the pseudo code");

    let t = u64::from(th) << 32 | u64::from(tl);
    let number = u32::try_from(seqh).ok().map(|seqh| u64::from(seqh) << 32 | u64::from(seql)).filter(|&n| n != 0);

    // Of the numbers in the window only T was seen.
    let (mut window, mut appendix) = only_t_seen(words, w, t);
    let expected = number.filter(|&number| number != t);
    assert_eq!(peek(&mut window, seql, true), expected, "{context}");
    assert_eq!(appendix.check(seql), expected, "{context}: the appendix");
    appendix.assert_like(&mut window, &context);
    if expected.is_some() {
        assert!(accept(&mut window, seql, true), "{context}");
        appendix.accept(seql);
        assert_eq!(peek(&mut window, seql, true), None, "{context}: twice");
    }
    assert!(!accept(&mut window, seql, true), "{context}: a replay");
    appendix.assert_like(&mut window, &format!("{context}, accepted"));

    // Everything in the window was seen.
    let (mut window, mut appendix) = (self::window(words, w, t), Appendix::starting_after(w, t));
    let expected = number.filter(|_| line.verdict == Right);
    assert_eq!(peek(&mut window, seql, true), expected, "{context}: all seen");
    assert_eq!(appendix.check(seql), expected, "{context}: the appendix, all seen");
    if expected.is_some() {
        assert!(accept(&mut window, seql, true), "{context}: all seen");
        appendix.accept(seql);
    }
    appendix.assert_like(&mut window, &format!("{context}: all seen, accepted"));
}

/// RFC 4303 §A2.1–§A2.3, RFC 4302 §B2.1–§B2.3, case A.
#[test]
fn a_window_within_one_subspace() {
    go_through(&CASE_A);
}

/// RFC 4303 §A2.1–§A2.3, RFC 4302 §B2.1–§B2.3, case B.
#[test]
fn a_window_across_two_subspaces() {
    go_through(&CASE_B);
}

/// RFC 4303 §A2: every T around an edge, with every number as received around each of the edges that it has.
#[test]
fn every_number_received_near_every_edge() {
    const W: u32 = 32;
    let near = |edge: u32, reach: u32| (0..=2 * reach).map(move |step| edge.wrapping_sub(reach).wrapping_add(step));
    for th in [0, 1, 2, 0x8000_0000, u32::MAX - 1, u32::MAX] {
        for tl in near(0, 2 * W + 3).chain(near(1 << 31, 2)) {
            let t = u64::from(th) << 32 | u64::from(tl);
            let (mut window, appendix) = only_t_seen(1, W, t);
            let edges = [0, tl, tl.wrapping_sub(W), tl.wrapping_add(W), tl ^ 1 << 31, 1 << 31];
            for seql in edges.into_iter().flat_map(|edge| near(edge, W + 3)) {
                let context = || format!("T = {th:#x} {tl:#x}, Seql = {seql:#x}");
                assert_eq!(peek(&mut window, seql, true), appendix.check(seql), "{}", context());
            }
        }
    }
}

/// RFC 4303 §A2.2, Figures 1 and 2: the farthest ahead is 2^32 - W. One more reads as the bottom of the window. §3.4.3
/// speaks of gaps as large as 2^32 - 1, which holds only of numbers compared with T itself.
#[test]
fn the_reach_of_inference() {
    for w in SIZES {
        for t in [u64::from(w), 77 * SUBSPACE - 1, 77 * SUBSPACE, 77 * SUBSPACE + u64::from(w), u64::MAX - SUBSPACE] {
            let (mut window, _) = only_t_seen(65, w, t);
            let farthest = t + SUBSPACE - u64::from(w);
            assert_eq!(peek(&mut window, farthest as u32, true), Some(farthest), "W = {w}, T = {t:#x}");
            let bottom = t + 1 - u64::from(w);
            assert_eq!(peek(&mut window, (farthest + 1) as u32, true), Some(bottom), "W = {w}, T = {t:#x}");
        }
    }
}

/// RFC 4303 §3.3.3: the last number of all is 2^64 - 1, and the sender must not cycle. What lies in the window is still
/// accepted then, everything else refused.
#[test]
fn nothing_follows_the_last_number() {
    for w in SIZES {
        for t in [u64::MAX - 1, u64::MAX] {
            let (mut window, _) = only_t_seen(65, w, t);
            for seql in [0, 1, w - 2, w - 1, w, 1 << 31, (t as u32) - w] {
                assert_eq!(peek(&mut window, seql, true), None, "W = {w}, T = {t:#x}, Seql = {seql:#x}");
            }
            assert_eq!(peek(&mut window, t as u32 - w + 1, true), Some(t - u64::from(w) + 1));
            assert_eq!(peek(&mut window, u32::MAX, true), (t != u64::MAX).then_some(u64::MAX));
        }
    }
}

/// RFC 4303 §3.4.3, with 32-bit numbers: left of the window, in it, or right of it. No number has an upper half, and 0 is
/// none (RFC 6479 §3: "first == 0 or wrapped").
#[test]
fn without_extended_numbers() {
    #[derive(Debug, PartialEq)]
    enum Found {
        Refused,
        New,
    }
    use Found::{New, Refused};
    /// What is said of it, T, the number, and what comes of it if T alone was seen.
    type Plain = (&'static str, fn(u32) -> u32, fn(u32, u32) -> u32, Found);
    let table: [Plain; 31] = [
        ("§3.3.3: the first is 1", |_| 0, |_, _| 1, New),
        ("RFC 6479 §3: 0 is none", |_| 0, |_, _| 0, Refused),
        ("§3.4.3: right, by the size", |_| 0, |w, _| w, New),
        ("§3.4.3: right, by the size and 1", |_| 0, |w, _| w + 1, New),
        ("§3.4.3: right, the last", |_| 0, |_, _| u32::MAX, New),
        ("§3.4.3: a duplicate", |_| 1, |_, _| 1, Refused),
        ("RFC 6479 §3: 0 in the window", |_| 1, |_, _| 0, Refused),
        ("RFC 6479 §3: 0 at the left edge", |w| w - 1, |_, _| 0, Refused),
        ("§3.4.3: 1 in the window", |w| w - 1, |_, _| 1, New),
        ("§3.4.3: 1 at the left edge", |w| w, |_, _| 1, New),
        ("§3.4.3: 1 left of the window", |w| w + 1, |_, _| 1, Refused),
        ("RFC 6479 §3: 0 left of it", |w| w + 1, |_, _| 0, Refused),
        ("§3.4.3: left of the window", |_| 5_000_000, |w, t| t - w, Refused),
        ("§3.4.3: far left of it", |_| 5_000_000, |_, _| 1, Refused),
        ("§3.4.3: the left edge", |_| 5_000_000, |w, t| t - w + 1, New),
        ("§3.4.3: beside it", |_| 5_000_000, |w, t| t - w + 2, New),
        ("§3.4.3: in the window", |_| 5_000_000, |_, t| t - 1, New),
        ("§3.4.3: the right edge", |_| 5_000_000, |_, t| t, Refused),
        ("§3.4.3: right of it", |_| 5_000_000, |_, t| t + 1, New),
        ("§3.4.3: far right of it", |_| 5_000_000, |_, _| 1 << 31, New),
        ("§3.4.3: right, the last", |_| 5_000_000, |_, _| u32::MAX, New),
        ("RFC 6479 §3: 0", |_| 5_000_000, |_, _| 0, Refused),
        ("§3.4.3: T over 2^31, left", |_| 3 << 30, |_, _| 5, Refused),
        ("§3.4.3: T over 2^31, 2^31 left", |_| 3 << 30, |_, t| t - (1 << 31), Refused),
        ("§3.3.3: not cycled, 2^32 - 1 is the last", |_| u32::MAX - 1, |_, _| u32::MAX, New),
        ("§3.3.3: not cycled, 0 after 2^32 - 1", |_| u32::MAX, |_, _| 0, Refused),
        ("§3.3.3: not cycled, 1 after 2^32 - 1", |_| u32::MAX, |_, _| 1, Refused),
        ("§3.3.3: not cycled, W after 2^32 - 1", |_| u32::MAX, |w, _| w, Refused),
        ("§3.4.3: 2^32 - 1 twice", |_| u32::MAX, |_, t| t, Refused),
        ("§3.4.3: at 2^32 - 1, the left edge", |_| u32::MAX, |w, t| t - w + 1, New),
        ("§3.4.3: at 2^32 - 1, left of it", |_| u32::MAX, |w, t| t - w, Refused),
    ];
    for w in SIZES {
        for words in storage_for(w) {
            for (cite, t, number, expected) in &table {
                let t = t(w);
                let number = number(w, t);
                let context = format!("{cite}, W = {w} in {words} words, T = {t:#x}, number {number:#x}");
                let mut window = self::window(words, w, u64::from(t.saturating_sub(w)));
                assert_eq!(accept(&mut window, t, false), t != 0, "{context}");
                let new = (*expected == New).then_some(u64::from(number));
                assert_eq!(peek(&mut window, number, false), new, "{context}");
                assert_eq!(accept(&mut window, number, false), new.is_some(), "{context}");
                assert!(!accept(&mut window, number, false), "{context}: a replay");
                let highest = if new.is_some() { t.max(number) } else { t };
                assert_eq!(window.highest(), u64::from(highest), "{context}");
                // Nothing else in the window changed, and all that entered it is new.
                for other in highest.saturating_sub(w)..=highest.saturating_add(2) {
                    let in_window = highest.checked_sub(other).is_none_or(|age| age < w);
                    let seen = other == t || (new.is_some() && other == number) || other == 0;
                    let new = (in_window && !seen).then_some(u64::from(other));
                    assert_eq!(peek(&mut window, other, false), new, "{context}: then {other:#x}");
                }
            }
        }
    }
}

/// RFC 4303 §2.2.1: the low half of 2^32 is 0, which with extended numbers is a number as good as any.
#[test]
fn a_low_half_of_zero() {
    for (esn, next) in [(true, Some(SUBSPACE)), (false, None)] {
        let mut window = window(1, 64, SUBSPACE - 2);
        assert!(accept(&mut window, u32::MAX, esn));
        assert_eq!(peek(&mut window, 0, esn), next);
        assert_eq!(accept(&mut window, 0, esn), esn);
        assert!(!accept(&mut window, 0, esn));
    }
}

/// A window that is where only extended numbers get has all others on its left.
#[test]
fn a_window_that_only_extended_numbers_reach() {
    for t in [SUBSPACE + 63, SUBSPACE + 64, 2 * SUBSPACE, 3 * SUBSPACE + 1000, u64::MAX] {
        for mut window in [window(1, 64, t), only_t_seen(1, 64, t).0] {
            let low = t as u32;
            for number in [0, 1, low.wrapping_sub(64), low.wrapping_sub(1), low, low.wrapping_add(1), u32::MAX] {
                assert_eq!(peek(&mut window, number, false), None, "T = {t:#x}: {number:#x}");
            }
        }
    }
}

/// RFC 6479 §2: bits that the storage has beyond the window are no part of it.
#[test]
fn the_storage_does_not_widen_the_window() {
    for (words, w) in [(1, 32), (1, 33), (2, 64), (3, 128), (5, 64), (64, 64), (65, 4096)] {
        let t = 10_000;
        for esn in [false, true] {
            let (mut window, _) = only_t_seen(words, w, t);
            let (left, edge) = (t - u64::from(w), t - u64::from(w) + 1);
            assert_eq!(peek(&mut window, edge as u32, esn), Some(edge), "{words} words, W = {w}");
            assert_eq!(peek(&mut window, left as u32, esn), esn.then_some(left + SUBSPACE), "{words} words, W = {w}");
        }
    }
}

/// The largest window there is: every number once, whatever the order.
#[test]
fn the_largest_window() {
    let size = ReplayWindow::<[u64; 1024]>::MAX_SIZE;
    assert_eq!(size, 65536);
    let start = 3 * SUBSPACE - 40_000;
    let mut window = window(1024, size, start);
    let numbers = || (1..=u64::from(size)).rev().map(|step| start + step);
    for number in numbers() {
        assert_eq!(peek(&mut window, number as u32, true), Some(number));
        assert!(accept(&mut window, number as u32, true));
    }
    assert!(numbers().all(|number| peek(&mut window, number as u32, true).is_none()));
    assert_eq!(peek(&mut window, start as u32, true), Some(start + SUBSPACE), "left of it");
}

/// RFC 4303 §3.4.3: 32 is the least that must be supported; the most is what the storage holds.
#[test]
fn sizes_that_a_window_can_have() {
    fn sizes<const WORDS: usize>() {
        let most = ReplayWindow::<[u64; WORDS]>::MAX_SIZE;
        assert_eq!(most as usize, WORDS * 64);
        for size in [0, 1, 31, 32, 33, 63, 64, 65, most - 1, most, most + 1, u32::MAX] {
            let may = (32..=most).contains(&size);
            assert_eq!(ReplayWindow::<[u64; WORDS]>::new(size).is_some(), may, "{WORDS} words, {size}");
            assert_eq!(ReplayWindow::<[u64; WORDS]>::starting_after(size, u64::MAX).is_some(), may);
            assert_eq!(SenderWindows::<1, WORDS>::new(size).is_some(), may, "{WORDS} words, {size}");
        }
    }
    sizes::<1>();
    sizes::<2>();
    sizes::<3>();
    sizes::<64>();
    sizes::<1024>();
}

// --- any stream of packets ---------------------------------------------------------------------------------------------

/// The next number that a sender uses, as seen from the receiver's window.
#[derive(Clone, Debug)]
enum Step {
    /// This far ahead of the highest.
    Ahead(u64),
    /// As far ahead as the size, or the bits of the storage, are large, and this.
    AheadBySize(i64),
    AheadByStorage(i64),
    /// To about the farthest that can be inferred.
    AheadByReach(i64),
    /// As many subspaces ahead, and this: most of it does not show in the low half.
    AheadBySubspaces(u64, i64),
    /// To a number with about this low half, in the next subspace if need be.
    ToLowHalf(i64),
    /// Somewhere in the window, or not far left of it.
    Behind(Index),
    /// To about the left edge.
    BehindBySize(i64),
    /// One that was accepted.
    Again(Index),
    /// Any low half at all: what the receiver takes it for is what was sent.
    Received(u32),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..4_u64).prop_map(Step::Ahead),
        4 => (1..400_u64).prop_map(Step::Ahead),
        2 => (0..40_u32).prop_flat_map(|bits| (1_u64 << bits)..=(2_u64 << bits)).prop_map(Step::Ahead),
        2 => (-2..=2_i64).prop_map(Step::AheadBySize),
        2 => (-66..=66_i64).prop_map(Step::AheadByStorage),
        1 => (-3..=3_i64).prop_map(Step::AheadByReach),
        1 => (1..=256_u64, -70..=70_i64).prop_map(|(count, delta)| Step::AheadBySubspaces(count, delta)),
        1 => (-70..=70_i64).prop_map(Step::ToLowHalf),
        12 => any::<Index>().prop_map(Step::Behind),
        3 => (-3..=2_i64).prop_map(Step::BehindBySize),
        4 => any::<Index>().prop_map(Step::Again),
        1 => any::<u32>().prop_map(Step::Received),
    ]
}

impl Step {
    /// The number itself, unless there is no such number.
    fn number(&self, model: &Model, words: usize) -> Option<u64> {
        let (highest, size) = (i128::from(model.highest()), i128::from(model.size));
        let number = match *self {
            Self::Ahead(by) => highest + i128::from(by),
            Self::AheadBySize(delta) => highest + size + i128::from(delta),
            Self::AheadByStorage(delta) => highest + words as i128 * 64 + i128::from(delta),
            Self::AheadByReach(delta) => model.bottom() + i128::from(SUBSPACE) + i128::from(delta),
            Self::AheadBySubspaces(count, delta) => highest + i128::from(count * SUBSPACE) + i128::from(delta),
            Self::ToLowHalf(low) => (highest >> 32 << 32) + i128::from(SUBSPACE) + i128::from(low),
            Self::Behind(index) => highest - index.index(model.size as usize + 70) as i128,
            Self::BehindBySize(delta) => model.bottom() + i128::from(delta),
            Self::Again(index) if model.accepted.is_empty() => highest - index.index(8) as i128,
            Self::Again(index) => {
                // Of the latest, most of which are still in the window.
                let back = index.index(model.accepted.len().min(200));
                i128::from(*model.accepted.iter().nth_back(back)?)
            }
            Self::Received(received) => return model.expected(received),
        };
        u64::try_from(number).ok().filter(|&number| model.esn || number < SUBSPACE)
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Packet {
    /// It verifies.
    Good,
    /// It does not: the check was all there was.
    Forged,
}

fn packets() -> impl Strategy<Value = Packet> {
    prop_oneof![3 => Just(Packet::Good), 1 => Just(Packet::Forged)]
}

/// Hands `number`'s low half to `check`, and follows it up as a receiver does: with extended numbers the ICV verifies only
/// under the upper half that the sender used, which may be found by trying (RFC 4303 §A3.2).
fn receive<'a>(
    model: &mut Model,
    number: u64,
    packet: Packet,
    check: impl FnOnce(u32, bool) -> Result<Unverified<'a>, ReplayError>,
) -> Result<(), TestCaseError> {
    let received = number as u32;
    let expected = model.expected(received);
    if model.is_inferred(number) {
        // What it was sent with is what it must be taken for.
        prop_assert_eq!(expected, model.is_new(number).then_some(number));
    }
    let checked = check(received, model.esn);
    let Some(expected) = expected else {
        prop_assert_eq!(checked.err(), Some(ReplayError::Replayed), "{:#x}", number);
        return Ok(());
    };
    prop_assert!(checked.is_ok(), "{:#x} is refused", number);
    let mut unverified = checked.unwrap();
    prop_assert_eq!(unverified.number(), expected);
    if packet == Packet::Forged || number < expected {
        return Ok(());
    }
    while unverified.number() < number {
        unverified = unverified.in_next_subspace().unwrap();
    }
    prop_assert_eq!(unverified.number(), number);
    prop_assert_eq!(unverified.commit(), Ok(()));
    model.accept(number);
    Ok(())
}

/// A storage, a size, a start and whether numbers are extended.
fn shapes() -> impl Strategy<Value = (usize, u32, u64, bool)> {
    let sizes = select(&STORAGE[..]).prop_flat_map(|words| {
        let most = (words as u32 * 64).min(4096);
        let size = prop_oneof![
            Just(most),
            Just(most - 1),
            Just(32),
            32..=most,
            select((32..=most).filter(|size| [0, 1, 63].contains(&(size % 64))).collect::<Vec<_>>()),
        ];
        (Just(words), size)
    });
    (sizes, starts(), any::<bool>()).prop_map(|((words, size), start, esn)| {
        // A sender without extended numbers has none over 2^32.
        (words, size, if esn { start } else { start % SUBSPACE }, esn)
    })
}

fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => Just(0),
        3 => 1..5000_u64,
        3 => (1..9_u64, 0..10_000_u64).prop_map(|(high, low)| high * SUBSPACE - 5000 + low),
        2 => any::<u64>(),
        1 => (0..5000_u64).prop_map(|back| u64::MAX - back),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2500))]

    /// RFC 4303 §3.4.3 and Appendix A: each number is accepted once, unless it is too old; a check that is not committed
    /// leaves no trace.
    #[test]
    fn a_window_remembers_what_it_accepted(
        (words, size, start, esn) in shapes(),
        stream in vec((steps(), packets()), 1..150),
    ) {
        let mut window = window(words, size, start);
        let mut model = Model::new(size, esn, start);
        for (step, packet) in &stream {
            let Some(number) = step.number(&model, words) else { continue };
            receive(&mut model, number, *packet, |received, esn| window.check(received, esn))?;
            prop_assert_eq!(window.highest(), model.highest());
            for received in model.telling() {
                prop_assert_eq!(peek(&mut window, received, esn), model.expected(received), "then {:#x}", received);
            }
        }
        for received in model.all() {
            prop_assert_eq!(peek(&mut window, received, esn), model.expected(received), "at the end {:#x}", received);
        }
    }

    /// The same as above, for numbers that fill the window: most of it is seen, and so every bit that is cleared too much
    /// or too little shows.
    #[test]
    fn a_full_window_slides(
        (words, size, start, esn) in shapes(),
        jumps in vec((0..70_u64, any::<Index>()), 1..20),
    ) {
        let mut window = window(words, size, start);
        let mut model = Model::new(size, esn, start);
        for (ahead, run) in jumps {
            // A jump, and then a run of numbers with one in 17 left out.
            let run = run.index(size as usize + 3) as u64;
            for step in 1..=run {
                let by = if step == 1 { ahead + 1 } else { 1 + step % 17 / 16 };
                let Some(number) = model.highest().checked_add(by) else { break };
                if esn || number < SUBSPACE {
                    receive(&mut model, number, Packet::Good, |received, esn| window.check(received, esn))?;
                }
            }
            for received in model.all() {
                prop_assert_eq!(peek(&mut window, received, esn), model.expected(received), "then {:#x}", received);
            }
        }
    }
}

// --- every sequence of a few -------------------------------------------------------------------------------------------

/// Accepts every sequence of `length` of these numbers, each in a window of its own.
fn every_sequence(words: usize, size: u32, start: u64, esn: bool, numbers: &[u64], length: u32) {
    for sequence in 0..numbers.len().pow(length) {
        let mut window = window(words, size, start);
        let mut highest = start;
        let mut seen = [0; 8];
        let mut rest = sequence;
        for place in 0..length as usize {
            let number = numbers[rest % numbers.len()];
            rest /= numbers.len();
            let new = number > start && number + u64::from(size) > highest && !seen[..place].contains(&number);
            // All of them are near enough to be inferred, if they are not left of the window.
            let taken = peek(&mut window, number as u32, esn).filter(|&taken| taken == number || !esn);
            assert_eq!(taken, new.then_some(number), "W = {size}, after {:x?}: {number:#x}", &seen[..place]);
            if new {
                assert!(accept(&mut window, number as u32, esn));
                highest = highest.max(number);
                seen[place] = number;
            }
        }
        assert_eq!(window.highest(), highest);
    }
}

/// RFC 4303 §3.4.3, a window of 32 in 64 bits: every sequence of five numbers around its edges and those of the bits.
#[test]
fn every_sequence_of_five_in_the_smallest_window() {
    let numbers = [0, 1, 2, 3, 30, 31, 32, 33, 34, 35, 62, 63, 64, 65, 66, 95, 96, 97, 128];
    every_sequence(1, 32, 0, false, &numbers, 5);
}

/// The same around 2^32, half of them before and half after.
#[test]
fn every_sequence_of_five_around_a_subspace() {
    let base = 3 * SUBSPACE;
    let before = [65, 64, 63, 34, 33, 32, 31, 30, 2, 1].map(|back| base - back);
    let after = [0, 1, 30, 31, 32, 33].map(|ahead| base + ahead);
    every_sequence(1, 32, base - 66, true, &[&before[..], &after[..]].concat(), 5);
}

/// The same for other sizes, sequences of four, around the edges of the window, of its words and of its storage.
#[test]
fn every_sequence_of_four_in_other_windows() {
    for (words, size) in [(1, 33), (1, 63), (1, 64), (2, 64), (2, 65), (2, 127), (2, 128), (3, 129), (3, 192), (5, 150)]
    {
        let (w, bits) = (u64::from(size), words as u64 * 64);
        let edges =
            [1, 63, 64, w, w + 1, bits - 1, bits, bits + 1, bits + 63, bits + 64, 2 * bits, 2 * bits + 1, bits + w];
        let numbers: Vec<u64> =
            edges.into_iter().chain([2, w - 1, w + 2]).collect::<BTreeSet<_>>().into_iter().collect();
        every_sequence(words, size, 0, false, &numbers, 4);
        let base = 9 * SUBSPACE - bits;
        let numbers: Vec<u64> = numbers.into_iter().map(|number| base + number).collect();
        every_sequence(words, size, base, true, &numbers, 4);
    }
}

// --- larger upper halves -----------------------------------------------------------------------------------------------

/// RFC 4303 §A3.2: "sets the value of T to that of the received packet", and nothing of the old window is left.
#[test]
fn a_window_follows_to_a_later_subspace() {
    let t = 5 * SUBSPACE + 1000;
    for received in [1000 - 63, 999, 1001, 5000, 0, u32::MAX] {
        let (mut window, _) = only_t_seen(1, 64, t);
        let inferred = peek(&mut window, received, true).unwrap();

        let later = window.check(received, true).unwrap().in_next_subspace().unwrap().in_next_subspace().unwrap();
        assert_eq!(later.number(), inferred + 2 * SUBSPACE);
        drop(later);
        assert_eq!((window.highest(), peek(&mut window, received, true)), (t, Some(inferred)), "not committed");

        let later = window.check(received, true).unwrap().in_next_subspace().unwrap();
        assert_eq!(later.commit(), Ok(()));
        let number = inferred + SUBSPACE;
        assert_eq!(window.highest(), number);
        assert_eq!(peek(&mut window, received, true), None);
        assert!((1..64).all(|back| peek(&mut window, (number - back) as u32, true) == Some(number - back)));
        let left = number - 64;
        assert_eq!(peek(&mut window, left as u32, true), Some(left + SUBSPACE));
    }
}

/// RFC 4303 §3.3.3: there is no subspace after the last.
#[test]
fn there_is_no_subspace_after_the_last() {
    let last = u64::MAX - u64::MAX % SUBSPACE;
    let (mut window, _) = only_t_seen(1, 64, last + 1000);
    assert!(window.check(1001, true).unwrap().in_next_subspace().is_none());
    let (mut window, _) = only_t_seen(1, 64, last - SUBSPACE + 1000);
    let unverified = window.check(u32::MAX, true).unwrap().in_next_subspace().unwrap();
    assert_eq!(unverified.number(), u64::MAX);
    assert!(unverified.in_next_subspace().is_none());
    assert_eq!(window.highest(), last - SUBSPACE + 1000);
}

// --- senders -----------------------------------------------------------------------------------------------------------

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn sa(protocol: SecurityProtocol, spi: u32, destination: Option<&str>, source: Option<&str>) -> SaId {
    let spi = Spi::new(spi).unwrap();
    SaId { protocol, spi, destination: destination.map(address), source: source.map(address) }
}

/// Associations, any two of which differ as little as can be.
fn associations() -> [SaId; 7] {
    use SecurityProtocol::{Ah, Esp};
    [
        sa(Esp, 0x1000, None, None),
        sa(Ah, 0x1000, None, None),
        sa(Esp, 0x1001, None, None),
        sa(Esp, 0x1000, Some("232.1.2.3"), None),
        sa(Esp, 0x1000, Some("ff3e::8000:1"), None),
        sa(Esp, 0x1000, None, Some("192.0.2.1")),
        sa(Esp, 0x1000, None, Some("192.0.2.2")),
    ]
}

/// Senders, any two of which differ as little as can be.
fn senders() -> Vec<SenderKey> {
    let sources = ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "2001:db8::1"].map(address);
    let all_sources = sources.map(|source| SenderKey { sa: associations()[0], source });
    let all_associations = associations().map(|sa| SenderKey { sa, source: sources[0] });
    let others = [SenderKey { sa: associations()[3], source: sources[3] }];
    all_sources.into_iter().chain(all_associations.into_iter().skip(1)).chain(others).collect()
}

/// A store behind the trait, as `open` has it.
fn check_in(mut store: impl ReplayStore, sender: SenderKey, received: u32, esn: bool) -> Option<u64> {
    number_of(store.check(sender, received, esn))
}

fn accept_in(store: &mut impl ReplayStore, sender: SenderKey, received: u32, esn: bool) -> Result<(), ReplayError> {
    store.check(sender, received, esn).and_then(Unverified::commit)
}

/// How many senders there is room for in the tests of a table.
const ROOM: usize = 5;

/// What a table has to remember.
#[derive(Debug)]
struct Table {
    windows: SenderWindows<ROOM, 2>,
    size: u32,
    models: Vec<(SenderKey, Model)>,
}

impl Table {
    fn new(size: u32) -> Self {
        Self { windows: SenderWindows::new(size).unwrap(), size, models: Vec::new() }
    }

    /// Whether the association's numbers are extended.
    fn esn(sender: SenderKey) -> bool {
        sender.sa != associations()[2]
    }

    fn model(&self, sender: SenderKey) -> Option<&Model> {
        self.models.iter().find_map(|(key, model)| (*key == sender).then_some(model))
    }

    /// What a new sender starts with.
    fn fresh(&self, sender: SenderKey, start: u64) -> Model {
        Model::new(self.size, Self::esn(sender), start)
    }

    fn receive(&mut self, sender: SenderKey, step: &Step, packet: Packet) -> Result<(), TestCaseError> {
        let is_full = self.models.len() == ROOM;
        let known = self.models.iter_mut().find_map(|(key, model)| (*key == sender).then_some(model));
        if let Some(model) = known {
            let Some(number) = step.number(model, 2) else { return Ok(()) };
            return receive(model, number, packet, |received, esn| self.windows.check(sender, received, esn));
        }
        let mut model = self.fresh(sender, 0);
        let Some(number) = step.number(&model, 2) else { return Ok(()) };
        if is_full && packet == Packet::Good {
            let expected = model.expected(number as u32);
            let checked = self.windows.check(sender, number as u32, model.esn);
            match (checked, expected) {
                (Ok(unverified), Some(expected)) => {
                    prop_assert_eq!(unverified.number(), expected);
                    prop_assert_eq!(unverified.commit(), Err(ReplayError::TableFull));
                }
                (checked, expected) => {
                    prop_assert_eq!((checked.err(), expected), (Some(ReplayError::Replayed), None));
                }
            }
            return Ok(());
        }
        receive(&mut model, number, packet, |received, esn| self.windows.check(sender, received, esn))?;
        if !model.accepted.is_empty() {
            self.models.push((sender, model));
        }
        Ok(())
    }

    fn start_after(&mut self, sender: SenderKey, highest: u64) -> Result<(), TestCaseError> {
        let result = self.windows.start_after(sender, highest);
        let fresh = self.fresh(sender, highest);
        let is_full = self.models.len() == ROOM;
        match self.models.iter_mut().find(|(key, _)| *key == sender) {
            Some((_, model)) => {
                prop_assert_eq!(result, Ok(()));
                if model.highest() < highest {
                    *model = fresh;
                }
            }
            None if is_full => prop_assert_eq!(result, Err(ReplayError::TableFull)),
            None => {
                prop_assert_eq!(result, Ok(()));
                self.models.push((sender, fresh));
            }
        }
        Ok(())
    }

    fn forget(&mut self, sa: SaId) {
        self.windows.forget(&sa);
        self.models.retain(|(sender, _)| sender.sa != sa);
    }

    /// That every sender, known or not, is where it should be.
    fn assert_like(&mut self, received_of: impl Fn(&Model) -> Vec<u32>) -> Result<(), TestCaseError> {
        for sender in senders() {
            let fresh = self.fresh(sender, 0);
            let model = self.model(sender).unwrap_or(&fresh).clone();
            for received in received_of(&model) {
                let number = check_in(&mut self.windows, sender, received, model.esn);
                prop_assert_eq!(number, model.expected(received), "{:?}: {:#x}", sender, received);
            }
        }
        // Asking took no place.
        prop_assert_eq!(self.windows.len(), self.models.len());
        prop_assert_eq!(self.windows.is_empty(), self.models.is_empty());
        Ok(())
    }
}

/// What happens to a table.
#[derive(Clone, Debug)]
enum Event {
    Packet(SenderKey, Step, Packet),
    StartAfter(SenderKey, u64),
    /// [`Event::StartAfter`], relative to where the sender is.
    StartNear(SenderKey, i64),
    Forget(SaId),
}

fn events() -> impl Strategy<Value = Event> {
    // Some of them more often than others, so that they get anywhere.
    let sender = || prop_oneof![3 => select(senders()[..4].to_vec()), 2 => select(senders())];
    prop_oneof![
        40 => (sender(), steps(), packets()).prop_map(|(sender, step, packet)| Event::Packet(sender, step, packet)),
        1 => (sender(), starts()).prop_map(|(sender, highest)| Event::StartAfter(sender, highest)),
        2 => (sender(), -140..140_i64).prop_map(|(sender, delta)| Event::StartNear(sender, delta)),
        1 => select(associations().to_vec()).prop_map(Event::Forget),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Draft §3.1.2: each sender has a window of its own, which nothing that any other sender does can change; a packet that
    /// does not verify changes none.
    #[test]
    fn senders_do_not_influence_each_other(
        size in prop_oneof![Just(32_u32), Just(64), Just(128), 32..=128_u32],
        stream in vec(events(), 1..150),
    ) {
        let mut table = Table::new(size);
        for event in &stream {
            match *event {
                Event::Packet(sender, ref step, packet) => table.receive(sender, step, packet)?,
                Event::StartAfter(sender, highest) => table.start_after(sender, highest)?,
                Event::StartNear(sender, delta) => {
                    let near = table.model(sender).map_or(0, Model::highest);
                    table.start_after(sender, near.saturating_add_signed(delta))?;
                }
                Event::Forget(sa) => table.forget(sa),
            }
            table.assert_like(Model::telling)?;
        }
        table.assert_like(Model::all)?;
    }
}

/// A table of [`ROOM`] senders, each of whom sent 100 and 90.
fn full_table(senders: &[SenderKey]) -> SenderWindows<ROOM, 2> {
    let mut table = SenderWindows::new(64).unwrap();
    for &sender in &senders[..ROOM] {
        assert_eq!(accept_in(&mut table, sender, 100, true), Ok(()));
        assert_eq!(accept_in(&mut table, sender, 90, true), Ok(()));
    }
    assert_eq!(table.len(), ROOM);
    table
}

/// What [`full_table`] knows of a sender.
fn assert_as_before(table: &mut SenderWindows<ROOM, 2>, sender: SenderKey) {
    for received in 30..110 {
        let number = match received {
            90 | 100 => None,
            ..=36 => Some(SUBSPACE + u64::from(received)),
            _ => Some(u64::from(received)),
        };
        assert_eq!(check_in(&mut *table, sender, received, true), number, "{sender:?}: {received}");
    }
}

/// A table that is full says so only to a sender that proved itself, and gives up nobody's window for it.
#[test]
fn a_full_table_refuses_at_commit() {
    let senders = senders();
    let mut table = full_table(&senders);
    for &sender in &senders[ROOM..] {
        for received in [1, 100, 5000, u32::MAX] {
            let expected = if received == u32::MAX { None } else { Some(u64::from(received)) };
            assert_eq!(check_in(&mut table, sender, received, true), expected, "the check says nothing of the table");
            let refusal = if expected.is_some() { ReplayError::TableFull } else { ReplayError::Replayed };
            assert_eq!(accept_in(&mut table, sender, received, true), Err(refusal));
        }
        assert_eq!(accept_in(&mut table, sender, 0, true), Err(ReplayError::Replayed));
        assert_eq!(table.start_after(sender, 7), Err(ReplayError::TableFull));
        assert_eq!(table.len(), ROOM);
        senders[..ROOM].iter().for_each(|&known| assert_as_before(&mut table, known));
    }
    // Once there is room again, it gets it.
    table.forget(&senders[ROOM - 1].sa);
    assert_eq!(table.len(), ROOM - 1);
    assert_eq!(accept_in(&mut table, senders[ROOM], 1, true), Ok(()));
    assert_eq!(table.len(), ROOM);
}

/// Packets that do not verify take no place, however many sources they claim.
#[test]
fn forged_senders_take_no_place() {
    let senders = senders();
    let mut table = full_table(&senders);
    table.forget(&senders[ROOM - 1].sa);
    for forged in 0..2000_u32 {
        let sender = SenderKey { sa: senders[0].sa, source: IpAddr::V4((0xc633_6400 + forged).into()) };
        let number = u64::from(forged + 1);
        assert_eq!(check_in(&mut table, sender, forged + 1, true), Some(number));
        assert_eq!(table.len(), ROOM - 1);
    }
    senders[..ROOM - 1].iter().for_each(|&known| assert_as_before(&mut table, known));
    assert_eq!(accept_in(&mut table, senders[ROOM], 1, true), Ok(()), "there is room for one who proves itself");
}

/// Only the windows of the association that is given go.
#[test]
fn forgetting_drops_one_association() {
    for forgotten in associations() {
        let mut table = SenderWindows::<32, 1>::new(64).unwrap();
        for sender in senders() {
            assert_eq!(accept_in(&mut table, sender, 1000, false), Ok(()));
        }
        let all = table.len();
        assert_eq!(all, senders().len());
        table.forget(&forgotten);
        let gone = senders().iter().filter(|sender| sender.sa == forgotten).count();
        assert!(gone > 0);
        assert_eq!(table.len(), all - gone);
        for sender in senders() {
            let expected = (sender.sa == forgotten).then_some(1000);
            assert_eq!(check_in(&mut table, sender, 1000, false), expected, "{sender:?}, without {forgotten:?}");
            let expected = (sender.sa == forgotten).then_some(3);
            assert_eq!(check_in(&mut table, sender, 3, false), expected, "{sender:?}, without {forgotten:?}");
        }
    }
}

/// A sender that the key server knows to be under way starts there (RFC 6407 §5.4); one known already never goes back.
#[test]
fn a_sender_starts_after_a_number() {
    let start = 4 * SUBSPACE + 10;
    let [sender, other] = [0, 1].map(|index| senders()[index]);
    let mut table = SenderWindows::<2, 1>::new(64).unwrap();
    assert_eq!(accept_in(&mut table, other, 500, true), Ok(()));

    assert_eq!(table.start_after(sender, start), Ok(()));
    assert_eq!(table.len(), 2);
    for back in 0..64 {
        assert_eq!(check_in(&mut table, sender, (start - back) as u32, true), None, "{back} before its start");
    }
    assert_eq!(check_in(&mut table, sender, (start - 64) as u32, true), Some(start - 64 + SUBSPACE), "left of it");
    assert_eq!(check_in(&mut table, sender, 11, true), Some(start + 1));
    assert_eq!(accept_in(&mut table, sender, 20, true), Ok(()));

    // Back, or to where it is: nothing changes.
    for earlier in [0, 7, start, start + 5, start + 10] {
        assert_eq!(table.start_after(sender, earlier), Ok(()));
        assert_eq!(check_in(&mut table, sender, 20, true), None);
        assert_eq!(check_in(&mut table, sender, 10, true), None);
        assert_eq!(check_in(&mut table, sender, 19, true), Some(start + 9));
        assert_eq!(check_in(&mut table, sender, 11, true), Some(start + 1));
    }
    // On: all up to there is refused, though some of it never came.
    assert_eq!(table.start_after(sender, start + 11), Ok(()));
    assert!((10..=21).all(|received| check_in(&mut table, sender, received, true).is_none()));
    assert_eq!(check_in(&mut table, sender, 22, true), Some(start + 12));

    // The other was not concerned.
    assert_eq!(table.len(), 2);
    assert_eq!(check_in(&mut table, other, 500, true), None);
    assert_eq!(check_in(&mut table, other, 499, true), Some(499));
    assert_eq!(check_in(&mut table, other, 501, true), Some(501));
}

/// Draft §3.1.2: two senders of one association count for themselves, and their numbers collide all the time.
#[test]
fn two_senders_of_a_group_use_the_same_numbers() {
    let group = sa(SecurityProtocol::Esp, 0x2000, Some("232.1.2.3"), None);
    let [alice, bob] = ["192.0.2.1", "192.0.2.2"].map(|source| SenderKey { sa: group, source: address(source) });
    for esn in [false, true] {
        let mut table = SenderWindows::<2, 1>::new(32).unwrap();
        for number in [1, 2, 5, 3, 40, 9, 39] {
            for sender in [alice, bob] {
                assert_eq!(accept_in(&mut table, sender, number, esn), Ok(()), "{sender:?}: {number}");
            }
            for sender in [alice, bob] {
                let replay = accept_in(&mut table, sender, number, esn);
                assert_eq!(replay, Err(ReplayError::Replayed), "{sender:?}: {number}");
            }
        }
        // One runs ahead; the other is as before.
        assert_eq!(accept_in(&mut table, alice, 1_000_000, esn), Ok(()));
        assert_eq!(accept_in(&mut table, bob, 38, esn), Ok(()));
        assert_eq!(check_in(&mut table, alice, 38, esn), esn.then_some(SUBSPACE + 38));
        assert_eq!(table.len(), 2);
    }
}

/// RFC 4303 §A3.2 for a receiver that joins late: the first packet of a sender may be of any subspace, and takes a place
/// only once it verified.
#[test]
fn a_new_sender_in_a_later_subspace() {
    let [sender, other] = [0, 1].map(|index| senders()[index]);
    let mut table = SenderWindows::<1, 1>::new(64).unwrap();
    let later = table.check(sender, 700, true).unwrap().in_next_subspace().unwrap();
    assert_eq!(later.number(), SUBSPACE + 700);
    drop(later);
    assert!(table.is_empty());

    let later = table.check(sender, 700, true).unwrap().in_next_subspace().unwrap();
    assert_eq!(later.commit(), Ok(()));
    assert_eq!(table.len(), 1);
    assert_eq!(check_in(&mut table, sender, 700, true), None);
    assert_eq!(check_in(&mut table, sender, 699, true), Some(SUBSPACE + 699));
    assert_eq!(check_in(&mut table, sender, 700 - 64, true), Some(2 * SUBSPACE + 700 - 64));

    let later = table.check(other, 700, true).unwrap().in_next_subspace().unwrap();
    assert_eq!(later.commit(), Err(ReplayError::TableFull));
    assert_eq!(table.len(), 1);
}

/// A host's own store, with a window for one sender that is made when it proved itself.
#[derive(Debug, Default)]
struct OneSender(Option<(SenderKey, ReplayWindow<[u64; 2]>)>);

impl NewSender for OneSender {
    fn add(&mut self, sender: SenderKey) -> Option<&mut ReplayWindow> {
        if self.0.is_some() {
            return None;
        }
        let (_, window) = self.0.insert((sender, ReplayWindow::new(100)?));
        Some(window.as_dyn())
    }
}

impl ReplayStore for OneSender {
    fn check(&mut self, sender: SenderKey, received: u32, esn: bool) -> Result<Unverified<'_>, ReplayError> {
        if self.0.as_ref().is_some_and(|(key, _)| *key == sender) {
            let (_, window) = self.0.as_mut().unwrap();
            return window.as_dyn().check(received, esn);
        }
        Unverified::new_sender(self, sender, 100, received, esn)
    }
}

/// A new sender's numbers are inferred from a window of its size that has seen nothing: at Th = 0, in case B.
#[test]
fn the_first_number_of_a_new_sender() {
    let [sender, other] = [0, 1].map(|index| senders()[index]);
    let last = u32::MAX - 99;
    let table = [(0, true, false), (1, true, true), (100, true, true), (last, true, true), (last + 1, true, false)];
    let plain = [(0, false, false), (1, false, true), (last + 1, false, true), (u32::MAX, false, true)];
    for (received, esn, new) in table.into_iter().chain(plain).chain([(u32::MAX, true, false)]) {
        let (mut own, mut shipped) = (OneSender::default(), SenderWindows::<1, 2>::new(100).unwrap());
        let places = |own: &OneSender, shipped: &SenderWindows<1, 2>| (own.0.is_some(), shipped.len());
        let stores: [&mut dyn ReplayStore; 2] = [&mut own, &mut shipped];
        for store in stores {
            let number = new.then_some(u64::from(received));
            assert_eq!(number_of(store.check(sender, received, esn)), number, "{received:#x}");
        }
        assert_eq!(places(&own, &shipped), (false, 0), "{received:#x}: a place before it proved itself");
        let stores: [&mut dyn ReplayStore; 2] = [&mut own, &mut shipped];
        for mut store in stores {
            assert_eq!(accept_in(&mut store, sender, received, esn).is_ok(), new, "{received:#x}");
            if new {
                let replay = accept_in(&mut store, sender, received, esn);
                assert_eq!(replay, Err(ReplayError::Replayed), "{received:#x}");
                let other = accept_in(&mut store, other, received, esn);
                assert_eq!(other, Err(ReplayError::TableFull), "{received:#x}");
            }
        }
        assert_eq!(places(&own, &shipped), (new, usize::from(new)), "{received:#x}");
    }
}

/// Where a window is found by its place, numbers are taken as where it is looked up, and a sender without a window has no place.
/// A store without places is asked as if there were none.
#[test]
fn a_window_is_found_by_its_place() {
    let [sender, other] = [0, 1].map(|index| senders()[index]);
    let mut shipped = SenderWindows::<2, 2>::new(100).unwrap();
    assert_eq!(shipped.place(&sender), None);
    accept_in(&mut &mut shipped, other, 9, true).unwrap();
    accept_in(&mut &mut shipped, sender, 500, true).unwrap();
    assert_eq!((shipped.place(&other), shipped.place(&sender)), (Some(0), Some(1)));
    for received in [0, 1, 400, 401, 499, 500, 501, 1000, u32::MAX] {
        let looked_up = number_of(shipped.check(sender, received, true));
        assert_eq!(number_of(shipped.check_at(1, sender, received, true)), looked_up, "{received}");
    }
    shipped.check_at(1, sender, 600, true).unwrap().commit().unwrap();
    assert_eq!(number_of(shipped.check(sender, 600, true)), None, "the window that moved is the sender's");
    assert_eq!(number_of(shipped.check(other, 10, true)), Some(10));
    // There is no such place, and there is another's window: it is looked up.
    for place in [2, 0] {
        assert_eq!(number_of(shipped.check_at(place, sender, 600, true)), None);
        assert_eq!(number_of(shipped.check_at(place, sender, 601, true)), Some(601));
    }
    let mut own = OneSender::default();
    accept_in(&mut &mut own, sender, 5, false).unwrap();
    assert_eq!(own.place(&sender), None);
    assert_eq!(number_of(own.check_at(7, sender, 6, false)), Some(6));
    assert_eq!(number_of(own.check_at(7, sender, 5, false)), None);
}
