//! A group under way: five members join over a control network that loses, repeats and reorders, hear a speaker over Xcast,
//! see one of them expelled and their keys renewed, and get a late sixth.
//!
//! Where to look for what:
//!
//! - `terms`: what the group agrees on before anybody has a key
//! - `speaker`: group controller, key server and sender in one host
//! - `host`: a member, which takes keys and opens packets
//! - `play`: the network, time, and what happens when
//! - `verdict`: what must hold in the end
//!
//! Nothing here is secret but the keys, which neither the log nor the capture holds: control messages, which carry them, go over
//! a channel that a real host protects (draft §4.2.2) and are logged by name only.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;

// What is `pub(crate)` in this file is for `tests/group_session.rs`, which runs the session too.

mod args;
mod control;
mod draw;
mod host;
mod log;
#[path = "../conference/pcap.rs"]
mod pcap;
mod play;
mod routers;
mod speaker;
mod terms;
mod verdict;

use args::{Command, Options};

fn main() -> ExitCode {
    let mut out = String::new();
    let (status, errors) = match run(std::env::args_os().skip(1), &mut out) {
        Ok(()) => (0, String::new()),
        Err(error) => error,
    };
    // Unlike `print!`, does not panic where the output is piped to somebody who has read enough.
    let _ = io::stdout().write_all(out.as_bytes());
    let _ = io::stderr().write_all(errors.as_bytes());
    ExitCode::from(status)
}

/// Runs the session; the log goes to `out`. The error is an exit status and what is to be said.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>, out: &mut String) -> Result<(), (u8, String)> {
    match args::parse(arguments) {
        Ok(Command::Help) => {
            out.push_str(args::HELP);
            Ok(())
        }
        Ok(Command::Play(options)) => session(&options, out).map_err(|error| (1, error)),
        Err(message) => Err((2, format!("error: {message}\nFor the options, use --help.\n"))),
    }
}

fn session(options: &Options, out: &mut String) -> Result<(), String> {
    let cannot_write = |error: io::Error| format!("error: cannot write {}: {error}\n", options.out.display());
    // Before anything else, so that a wrong path is found out at once.
    let mut file = File::create(&options.out).map_err(cannot_write)?;
    let play = play::play(options.seed, options.loss);
    file.write_all(play.capture.as_octets()).map_err(cannot_write)?;
    out.push_str(play.log.as_text());
    let (summary, faults) = verdict::judge(&play);
    out.push_str(&summary);
    let (packets, path) = (play.capture.packets(), options.out.display());
    *out += &format!("{packets} packets, one for each link they crossed, are in {path}.\n");
    if faults.is_empty() { Ok(()) } else { Err(faults.iter().map(|fault| format!("error: {fault}\n")).collect()) }
}
