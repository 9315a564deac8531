//! What lies on the part of the stack that is not in use any more. For tests.

use std::collections::HashSet;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

/// Octets that are looked at: more than anything here takes.
const LEN: usize = 96 * 1024;

/// The octets, each eight that follow one another.
pub(super) struct Left(HashSet<[u8; 8]>);

impl Left {
    /// Whether eight octets of `secret`, from any of its words on, are among them.
    pub(super) fn holds(&self, secret: &[u8]) -> bool {
        secret.windows(8).step_by(4).any(|part| <[u8; 8]>::try_from(part).is_ok_and(|part| self.0.contains(&part)))
    }
}

/// Does `work`, and then gives the octets of the stack that it had and left.
///
/// The kernel reads them: safe code has no way to them, which is why nothing but wiping clears them.
#[inline(never)]
pub(super) fn left_behind(work: impl FnOnce()) -> Left {
    fill();
    read_behind(work)
}

#[inline(never)]
fn read_behind(work: impl FnOnce()) -> Left {
    let memory = File::open("/proc/self/mem").unwrap();
    let mut left = std::vec![0; LEN];
    run(work);
    let here = 0_u8;
    // Frames grow downwards, and this one is in use.
    let end = (&raw const here).addr();
    memory.read_exact_at(&mut left, (end - LEN) as u64).unwrap();
    Left(left.windows(8).filter_map(|octets| octets.try_into().ok()).collect())
}

/// What was there before does not count, nor what is left of it within frames that are in use.
#[inline(never)]
fn fill() {
    black_box([0x5c_u8; LEN]);
}

#[inline(never)]
fn run(work: impl FnOnce()) {
    work();
}

#[test]
fn what_is_left_is_found() {
    /// More than what then reads the memory takes.
    #[inline(never)]
    fn leaves(octet: u8) {
        black_box(core::array::from_fn::<u8, 4096, _>(|at| (at as u8 % 32) ^ octet));
    }
    let secret: [u8; 32] = core::array::from_fn(|at| at as u8 ^ 0xa5);
    assert!(left_behind(|| leaves(0xa5)).holds(&secret));
    assert!(!left_behind(|| leaves(0x5a)).holds(&secret));
    let wiped = left_behind(|| {
        leaves(0xa5);
        zeroize::zeroize_stack::<16384>();
    });
    assert!(!wiped.holds(&secret));
}
