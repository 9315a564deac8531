//! Output and exit through the debugger's protocol ("Semihosting for AArch32 and AArch64", Arm, release 2.0).

use core::fmt;

const SYS_WRITE0: usize = 0x04;
const SYS_EXIT_EXTENDED: usize = 0x20;
const ADP_STOPPED_APPLICATION_EXIT: usize = 0x20026;

/// Hands `operation` and the address of its argument to the emulator.
///
/// # Safety
///
/// `argument` must point to what `operation` reads, which must live until this returns.
unsafe fn call(operation: usize, argument: *const ()) {
    // SAFETY: the emulator is run with semihosting, so the breakpoint is a call: it reads r0 and r1 and what r1 points to,
    // by the caller's word valid, and changes r0 alone.
    unsafe {
        core::arch::asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack, preserves_flags));
    }
}

/// Ends the emulation with status 0 or 1.
pub fn exit(good: bool) -> ! {
    let block = [ADP_STOPPED_APPLICATION_EXIT, usize::from(!good)];
    loop {
        // SAFETY: the operation reads two words, which are there.
        unsafe { call(SYS_EXIT_EXTENDED, block.as_ptr().cast()) };
    }
}

/// The emulator's standard output.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut line = [0; 64];
        // One octet is left for the 0 at the end.
        for part in text.as_bytes().chunks(line.len() - 1) {
            line[..part.len()].copy_from_slice(part);
            line[part.len()] = 0;
            // SAFETY: the operation reads up to the first 0, and there is one.
            unsafe { call(SYS_WRITE0, line.as_ptr().cast()) };
        }
        Ok(())
    }
}
