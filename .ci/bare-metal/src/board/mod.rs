//! The machine, as far as the tests need it: start, output and exit by semihosting, a clock, and the stack.
//!
//! All of this firmware's `unsafe` is in this module and in what [`program!`](crate::program) expands to.

mod clock;
mod semihosting;
mod stack;
mod start;

pub use clock::{Clock, Moment};
pub use semihosting::{Console, exit};
pub use stack::{Painted, call};
