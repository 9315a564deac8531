//! Reads a capture and prints its Xcast packets as a person would want them; says of a malformed one what is wrong and
//! where; given keys, verifies and decrypts.
//!
//! ```sh
//! cargo run --example conference -- --keys conference.keys
//! cargo run --example xcast_dump -- --keys conference.keys conference.pcap
//! ```
//!
//! Where to look for what:
//!
//! - `describe`: reading packets with the library, from the outside in, tunnels included
//! - `dump`: from the capture to what is printed
//! - `protection`: verifying AH and opening ESP, and what is said of sequence numbers
//! - `fault`: making use of where an error points to
//! - `notes`: asking the library's router what it thinks of a packet
//! - `keys`: the format of the keys file, also in `--help`
//!
//! The rest is files (`capture`, `link`), the fields of headers for those who want to see them all (`anatomy`,
//! `transport`), and output. Every octet of every file is taken for an attacker's: nothing panics, and no length is
//! believed before it is checked.
//!
//! Sequence numbers are not held against a replay window. A capture holds a packet once for each link it crossed, and
//! started at some time: a window would call the second sight of a packet a replay, and refuse what was late. Each
//! packet is verified by itself, and that its number was seen before is told beside the verdict: `as #N` where it is
//! the same packet by its ICV, in capitals where it is another, which no sender may make.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use xcast_sec::crypto::IntegrityAlgorithm;

// What is `pub(crate)` in this file is for `tests/xcast_dump.rs`, which dumps captures too.

mod anatomy;
pub(crate) mod args;
pub(crate) mod capture;
mod code_points;
mod describe;
mod dump;
mod fault;
mod findings;
pub(crate) mod keys;
mod link;
mod names;
mod notes;
mod print;
mod protection;
mod summary;
mod time;
mod transport;
mod wiped;
mod x2u;

use args::Command;
use dump::{Dump, Ended};
use keys::{Keys, Purpose};
use protection::Opener;

const FAILED: u8 = 1;
const WRONG_ARGUMENT: u8 = 2;
const MALFORMED: u8 = 3;

fn main() -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    ExitCode::from(run(std::env::args_os().skip(1), &mut io::stdin().lock(), &mut out, &mut io::stderr()))
}

/// Does what the arguments say and returns the exit status.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    stdin: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    // There is nobody to tell that telling failed.
    let mut complain = |message: String| _ = writeln!(err, "error: {message}");
    let options = match args::parse(arguments) {
        Ok(Command::Dump(options)) => options,
        Ok(Command::Help) => {
            let printed =
                write!(out, "{}\n{}\n{}", args::HELP, code_points::HELP, keys::HELP).and_then(|()| out.flush());
            return if is_written(printed, &mut complain) { 0 } else { FAILED };
        }
        Err(message) => {
            complain(format!("{message}\nFor the options, use --help."));
            return WRONG_ARGUMENT;
        }
    };
    let opener = match options.keys.as_ref().map(|path| read_keys(path)).transpose() {
        Ok(keys) => keys.map(Opener::new),
        Err(message) => {
            complain(message);
            return FAILED;
        }
    };
    let name = options.file.as_ref().map_or_else(|| "the standard input".into(), |path| path.display().to_string());
    let dump = Dump::new(&options, opener);
    let (ended, written) = match &options.file {
        None => dump.all(BufReader::new(stdin), out),
        Some(path) => match File::open(path) {
            Ok(file) => dump.all(BufReader::new(file), out),
            Err(error) => {
                complain(format!("cannot read {name}: {error}"));
                return FAILED;
            }
        },
    };
    if !is_written(written, &mut complain) {
        return FAILED;
    }
    for problem in &ended.problems {
        complain(format!("{name}: {problem}"));
    }
    match ended {
        Ended { problems, .. } if !problems.is_empty() => FAILED,
        Ended { summary, .. } if options.strict && summary.malformed > 0 => MALFORMED,
        _ => 0,
    }
}

/// Whether output went well. Where somebody has read enough, nothing is to be said.
fn is_written(written: io::Result<()>, complain: &mut impl FnMut(String)) -> bool {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format!("cannot write: {error}"));
            false
        }
        _ => true,
    }
}

fn read_keys(path: &Path) -> Result<Keys, String> {
    // What RFC 8221 forbids may well be in a capture of what is deployed.
    let purpose = Purpose { exemption: Some(IntegrityAlgorithm::HmacMd5_96), ..Purpose::default() };
    keys::from_file(path, |text| keys::parse(text, purpose))
}
