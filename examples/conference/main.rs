//! RFC 5058 Figure 1, played with real octets: A speaks, routers copy the packet where ways part, and B, C and D hear
//! it; in IPv4 and IPv6, each without protection, with AH, with ESP, and with both.
//!
//! Where to look for what:
//!
//! - `sender`: building an Xcast packet and sealing it
//! - `router`: forwarding
//! - `receiver`: reading, opening and refusing
//! - `session`: security associations
//!
//! The rest is what a simulation needs: a network (`topology`, `network`), attackers (`forge`, `trials`), and output.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

// What is `pub(crate)` in this file is for `tests/conference.rs`, which plays the conference too.

mod addresses;
pub(crate) mod args;
mod describe;
mod forge;
pub(crate) mod keys;
mod network;
mod pcap;
pub(crate) mod play;
mod random;
pub(crate) mod receiver;
mod report;
mod router;
pub(crate) mod run;
mod sender;
mod session;
pub(crate) mod topology;
pub(crate) mod trials;

use args::{Command, Options};
use pcap::Capture;
use play::Outcome;
use topology::Topology;

/// When the first packet of the capture was sent, in seconds since 1970: the month of RFC 5058.
const EPOCH: u64 = 1_193_875_200;

fn main() -> ExitCode {
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
    match conference(&options) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            for fault in faults {
                eprintln!("error: {fault}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays all runs, writes the capture, prints the report, and returns what went otherwise than it must.
pub(crate) fn conference(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    // Before anything else, so that a wrong path is found out at once.
    let mut file = create(&options.out)?;
    let keys_file = options.keys.as_deref().map(create).transpose()?;

    let topology = Topology::new(options.shape, options.members);
    let outcomes = play_all(options, &topology)?;
    let capture = capture(&outcomes);
    file.write_all(capture.as_octets()).map_err(|error| cannot_write(&options.out, &error))?;
    if let (Some(mut file), Some(path)) = (keys_file, &options.keys) {
        file.write_all(keys::text(&outcomes).as_bytes()).map_err(|error| cannot_write(path, &error))?;
    }

    let mut report = String::new();
    report::introduction(&mut report, options, &topology)?;
    for outcome in &outcomes {
        report::run(&mut report, options.detail, &topology, outcome)?;
    }
    report::comparison(&mut report, &topology, &outcomes)?;
    let (packets, path) = (capture.packets(), options.out.display());
    report += &format!("\n{packets} packets, the attackers' not among them, are in {path}.\n");
    if let Some(keys) = &options.keys {
        report += &format!("The keys are in {}.\n", keys.display());
    }
    print(&report);

    let faults = |outcome: &Outcome| {
        let run = outcome.session.run;
        outcome.faults(&topology).into_iter().map(move |fault| format!("{run}: {fault}"))
    };
    Ok(outcomes.iter().flat_map(faults).collect())
}

fn create(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

/// Plays the runs, a second apart.
fn play_all(options: &Options, topology: &Topology) -> Result<Vec<Outcome>, Box<dyn Error>> {
    options.runs().zip(EPOCH..).map(|(run, second)| play::play(topology, run, second * 1_000_000)).collect()
}

/// Every packet of every link.
pub(crate) fn capture(outcomes: &[Outcome]) -> Capture {
    let mut capture = Capture::new();
    for crossing in outcomes.iter().flat_map(|outcome| &outcome.passage.crossings) {
        capture.add(crossing.micros, &crossing.packet);
    }
    capture
}

/// Unlike `print!`, does not panic where the output is piped to somebody who has read enough.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
