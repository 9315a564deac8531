//! How deep the stack gets: what is free of it is painted, and afterwards the paint that is left is counted.

/// What no operation is likely to leave as the deepest word it writes.
const PAINT: u32 = 0x5AC3_96A5;
/// Octets below the stack pointer that are left alone: the frame of the function that paints.
const MARGIN: usize = 64;

unsafe extern "C" {
    /// Of the linker script: the lowest address of the stack.
    static __stack_limit: u32;
}

fn limit() -> *mut u32 {
    (&raw const __stack_limit).cast_mut()
}

fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads one register.
    unsafe { core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// A stack that was painted from its limit to the stack pointer.
#[derive(Debug)]
pub struct Painted {
    /// The stack pointer then.
    from: usize,
}

impl Painted {
    /// Paints what is free.
    #[inline(never)]
    pub fn new() -> Self {
        let from = stack_pointer();
        let mut word = limit();
        while (word as usize) + MARGIN < from {
            // SAFETY: the word is RAM, as it is above the limit, aligned, and belongs to nobody: it is further below the
            // stack pointer than the frame of this function reaches, and no interrupt is enabled.
            unsafe { word.write_volatile(PAINT) };
            word = word.wrapping_add(1);
        }
        Self { from }
    }

    /// Octets of stack written since, below where it stood. What an operation reserves and never writes at its very deepest does
    /// not show.
    #[inline(never)]
    pub fn used(&self) -> usize {
        let mut word = limit();
        while (word as usize) + MARGIN < self.from {
            // SAFETY: the word is RAM and aligned, as above; reading it changes nothing.
            if unsafe { word.read_volatile() } != PAINT {
                break;
            }
            word = word.wrapping_add(1);
        }
        self.from - word as usize
    }
}

impl Default for Painted {
    fn default() -> Self {
        Self::new()
    }
}

/// Calls `f` with a frame of its own, so that what it needs is not part of the caller's.
#[inline(never)]
pub fn call<T>(f: impl FnOnce() -> T) -> T {
    f()
}
