//! Wiping what work in lanes leaves on the stack.
//!
//! There are not registers enough for the keyed chaining values and MACs of all lanes, and where the compiler puts what it has no
//! register for, no value says. So the stack frame of that work is written over when it has returned, once for a group of packets.
//! It is a frame of its own: that work is never inlined, as it would be where the whole program is compiled for the processor's
//! features. `wiped` looks whether anything is left.

/// Octets to be written over for a frame that has so many when the compiler optimises. When it does not, frames are larger.
pub(super) const fn frame(optimised: usize) -> usize {
    if cfg!(debug_assertions) { 24 * 1024 } else { optimised }
}
