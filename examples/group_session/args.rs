//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// With more loss than that the tries of a message no longer suffice to be sure of it.
const MAX_LOSS: u64 = 40;

pub(crate) const HELP: &str = "\
Plays a group session over Explicit Multicast (RFC 5058): members join over a lossy network, a speaker talks to them
under keys that are pushed to them, one is expelled, keys are renewed, and one comes late.

Usage: cargo run --example group_session -- [OPTIONS]

Options:
      --seed N        What the network does, and the keys: the same seed gives the same run [default: 1]
      --loss PERCENT  Control messages that are lost, 0 to 40 [default: 25]
      --out FILE      Capture to write, every packet of the speaker on every link [default: group_session.pcap]
  -h, --help          Print this help

Exit status: 0 if everything went as it must, 1 if not or if FILE cannot be written, 2 on a wrong argument.
";

/// What to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) out: PathBuf,
    pub(crate) seed: u64,
    pub(crate) loss: u64,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Play(Options),
}

/// Reads the arguments, the program's name not among them. The error is a sentence for the user.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options { out: "group_session.pcap".into(), seed: 1, loss: 25 };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (name, attached) = split_attached(argument);
        let mut value = |wanted: &str| {
            let value = attached.clone().or_else(|| arguments.next()).filter(|value| !value.is_empty());
            value.ok_or_else(|| format!("{name} needs {wanted}"))
        };
        match name.as_str() {
            "--out" => options.out = value("the name of a file")?.into(),
            "--seed" => options.seed = number(&name, value(SEED)?, SEED, u64::MAX)?,
            "--loss" => options.loss = number(&name, value(LOSS)?, LOSS, MAX_LOSS)?,
            _ if attached.is_some() => return Err(format!("{name} takes no value, or is no option")),
            "-h" | "--help" => return Ok(Command::Help),
            _ => return Err(format!("unknown argument '{name}'")),
        }
    }
    Ok(Command::Play(options))
}

const SEED: &str = "a number, 0 or more";
const LOSS: &str = "a percentage, 0 to 40";

/// Splits `--name=value`.
fn split_attached(argument: OsString) -> (String, Option<OsString>) {
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((name, value)) if name.starts_with("--") => (name.into(), Some(value.into())),
        _ => (argument.to_string_lossy().into_owned(), None),
    }
}

fn number(name: &str, value: OsString, wanted: &str, most: u64) -> Result<u64, String> {
    let text = value.to_string_lossy();
    let number = text.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| format!("{name} needs {wanted}, not '{text}'"))
}
