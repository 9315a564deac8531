//! Instructions executed, as SysTick tells them.
//!
//! The emulator is run with `-icount shift=0`: every instruction takes one nanosecond of virtual time, whatever it does and
//! however fast the host is. SysTick counts the processor's clock in that time, so that one tick is some tens of instructions.

/// SysTick (ARMv6-M B3.3, ARMv7-M B3.3).
const CONTROL: *mut u32 = 0xE000_E010 as *mut u32;
const RELOAD: *mut u32 = 0xE000_E014 as *mut u32;
const CURRENT: *mut u32 = 0xE000_E018 as *mut u32;
/// Enabled, of the processor's clock, without an interrupt.
const RUN: u32 = 0b101;
const MASK: u32 = 0x00FF_FFFF;

/// The processor's clock of the board, in kHz.
#[cfg(target_abi = "eabihf")]
const KILOHERTZ: u64 = 25_000;
#[cfg(not(target_abi = "eabihf"))]
const KILOHERTZ: u64 = 16_000;

/// A running clock.
#[derive(Debug)]
pub struct Clock(());

/// A reading of the clock.
#[derive(Clone, Copy, Debug)]
pub struct Moment(u32);

impl Clock {
    /// Starts it.
    pub fn start() -> Self {
        // SAFETY: the registers are there on both boards, nothing else uses them, and no interrupt is enabled.
        unsafe {
            RELOAD.write_volatile(MASK);
            CURRENT.write_volatile(0);
            CONTROL.write_volatile(RUN);
        }
        Self(())
    }

    /// Now.
    pub fn now(&self) -> Moment {
        // SAFETY: as in `start`; reading changes at most a flag that nobody asks for.
        Moment(unsafe { CURRENT.read_volatile() })
    }

    /// Instructions since `begin`, to within one tick. It may not be longer ago than the counter takes to wrap: 2^24 ticks.
    pub fn instructions_since(&self, begin: Moment) -> u64 {
        // It counts down.
        let ticks = begin.0.wrapping_sub(self.now().0) & MASK;
        u64::from(ticks) * 1_000_000 / KILOHERTZ
    }
}
