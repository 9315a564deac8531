//! From reset to [`program!`](crate::program), and what happens if something goes wrong.

use core::fmt::Write;
use core::panic::PanicInfo;

use super::semihosting::{Console, exit};

core::arch::global_asm!(include_str!("start.s"));

unsafe extern "Rust" {
    /// What [`program!`](crate::program) defines.
    safe fn program() -> bool;
}

/// Called by `start.s` once memory is as Rust expects it. Ends the emulation.
#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    #[cfg(target_abi = "eabihf")]
    enable_fpu();
    exit(program())
}

/// The compiler may use the registers of the floating-point unit for anything, so this comes first of all.
#[cfg(target_abi = "eabihf")]
fn enable_fpu() {
    /// Coprocessor Access Control Register (ARMv7-M B3.2.20).
    const CPACR: *mut u32 = 0xE000_ED88 as *mut u32;
    // SAFETY: the register is there on every Cortex-M4, readable and writable in privileged mode, which is what follows
    // reset; nothing else uses it. The barriers make the unit usable for the next instruction (ARMv7-M B1.4.7).
    unsafe {
        CPACR.write_volatile(CPACR.read_volatile() | 0b1111 << 20);
        core::arch::asm!("dsb", "isb", options(nostack, preserves_flags));
    }
}

/// Called by `start.s` for every exception.
#[unsafe(no_mangle)]
extern "C" fn fault_reached() -> ! {
    let _ = Console.write_str("FAIL fault\n");
    exit(false)
}

/// Says where, without formatting, which would be in every size measured.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = Console.write_str("FAIL panic");
    if let Some(at) = info.location() {
        let _ = Console.write_str(" in ");
        let _ = Console.write_str(at.file());
    }
    let _ = Console.write_str("\n");
    exit(false)
}
