//! The example without its `main`.

use std::io::{self, Write};
use std::process::ExitCode;

pub(crate) mod args;
pub(crate) mod device_link;
mod ethernet;
pub(crate) mod host;
pub(crate) mod network;
pub(crate) mod port;
#[path = "../../conference/random.rs"]
mod random;
pub(crate) mod router;
pub(crate) mod run;
pub(crate) mod session;
pub(crate) mod xcast_device;

use args::Command;

pub(crate) fn main() -> ExitCode {
    let options = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Play(options)) => options,
        Ok(Command::Help) => {
            print(args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("error: {message}\nFor the options, use --help.");
            return ExitCode::from(2);
        }
    };
    let mut sound = true;
    for run in options.runs() {
        match run::play(run) {
            Ok(outcome) => {
                print(&outcome.to_string());
                sound &= outcome.is_sound();
            }
            Err(error) => {
                eprintln!("error: {run}: {error}");
                sound = false;
            }
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Unlike `print!`, does not panic where the output is piped to somebody who has read enough.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
