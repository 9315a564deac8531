//! A library with no std, no allocator and a panic handler of its own, linked without libc by `./run`.
//!
//! The `unsafe` attribute that exporting a symbol takes lives here alone; the crate under proof forbids it.
#![no_std]

mod entry_points;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod levels;

/// Called by `start.S`. The process exits with what this returns: 0 if every entry point did what it should.
#[unsafe(no_mangle)]
pub extern "C" fn xcast_sec_proof() -> i32 {
    #[cfg(feature = "pulls-alloc")]
    core::hint::black_box(pulls_alloc::allocate(core::hint::black_box(1)));
    #[cfg(feature = "pulls-std")]
    core::hint::black_box(pulls_std::argument_count());

    i32::from(!entry_points::all())
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
