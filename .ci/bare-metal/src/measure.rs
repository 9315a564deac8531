//! What one operation takes.

use crate::board::{Clock, Painted, call};

/// What one operation took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Instructions executed, to within some tens.
    pub instructions: u64,
    /// Octets of stack at its deepest, those of the call itself among them.
    pub stack: usize,
}

/// Does `f`, and returns what it took.
pub fn measure<T>(clock: &Clock, f: impl FnOnce() -> T) -> (T, Cost) {
    let painted = Painted::new();
    let begin = clock.now();
    let result = call(f);
    let instructions = clock.instructions_since(begin);
    let stack = painted.used();
    (result, Cost { instructions, stack })
}
