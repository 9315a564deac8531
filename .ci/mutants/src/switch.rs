//! Which mutant is on: the one that `XCAST_MUTANT` names. Put into the copy of the crate that holds them all.
//!
//! With `XCAST_MUTANT_REACHED` instead, none is on, and the number of each that is come to is written to the file of that name.

extern crate std;

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::io::Write;

const FILE: &str = "XCAST_MUTANT_REACHED";
const NONE: u32 = 0;
const RECORDING: u32 = u32::MAX - 1;
const NOT_READ: u32 = u32::MAX;

static ON: AtomicU32 = AtomicU32::new(NOT_READ);
static REACHED: [AtomicBool; 8192] = [const { AtomicBool::new(false) }; 8192];

/// None is on where the compiler computes a constant.
#[inline(always)]
pub(crate) const fn on(mutant: u32) -> bool {
    core::intrinsics::const_eval_select((mutant,), in_a_constant, at_run_time)
}

const fn in_a_constant(_: u32) -> bool {
    false
}

#[inline(always)]
fn at_run_time(mutant: u32) -> bool {
    let on = ON.load(Ordering::Relaxed);
    if on >= RECORDING { slowly(mutant) } else { on == mutant }
}

#[cold]
#[inline(never)]
fn slowly(mutant: u32) -> bool {
    if ON.load(Ordering::Relaxed) == NOT_READ {
        let on = match (std::env::var_os(FILE), std::env::var("XCAST_MUTANT")) {
            (Some(_), _) => RECORDING,
            (None, Ok(number)) => number.parse().expect("XCAST_MUTANT is no number"),
            (None, Err(_)) => NONE,
        };
        ON.store(on, Ordering::Relaxed);
        return at_run_time(mutant);
    }
    let reached = &REACHED[mutant as usize];
    if !reached.load(Ordering::Relaxed) && !reached.swap(true, Ordering::Relaxed) {
        let file = std::env::var_os(FILE).expect(FILE);
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).expect(FILE);
        file.write_all(std::format!("{mutant}\n").as_bytes()).expect(FILE);
    }
    false
}
