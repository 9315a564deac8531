//! What the programs of this firmware have in common.
#![no_std]

pub mod alone;
pub mod board;
pub mod measure;
pub mod provider;
pub mod random;
pub mod scenario;

/// Makes `$run`, a `fn() -> bool`, the program: the emulator's exit status is 0 if it returns `true`.
#[macro_export]
macro_rules! program {
    ($run:path) => {
        // The name is declared once, in `board::start`, with this type.
        #[unsafe(no_mangle)]
        fn program() -> bool {
            $run()
        }
    };
}
