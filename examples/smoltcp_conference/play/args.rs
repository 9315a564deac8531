//! The command line.

use std::ffi::OsString;

use xcast_sec::wire::Family;

use super::session::{Protection, Run};

pub(crate) const HELP: &str = "\
Sends secured Explicit Multicast (RFC 5058) to hosts whose stack is an unmodified smoltcp.

Usage: cargo run --example smoltcp_conference -- [OPTIONS]

Options:
      --family FAMILY    4, 6 or both [default: both]
      --protection KIND  none, esp, ah+esp or all [default: all]
  -h, --help             Print this help

Exit status: 0 if everything went as it must, 1 if not, 2 on a wrong argument.
";

/// What to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) families: Vec<Family>,
    pub(crate) protections: Vec<Protection>,
}

impl Default for Options {
    fn default() -> Self {
        Self { families: vec![Family::V4, Family::V6], protections: Protection::ALL.to_vec() }
    }
}

impl Options {
    /// Every family with every protection asked for.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.families
            .iter()
            .flat_map(|&family| self.protections.iter().map(move |&protection| Run { family, protection }))
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Play(Options),
}

/// Reads the arguments, the program's name not among them. The error is a sentence for the user.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        let (name, attached) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let mut value = |wanted| attached.clone().or_else(|| arguments.next()).ok_or(format!("{name} needs {wanted}"));
        match name.as_str() {
            "--family" => options.families = choose(&name, &value(FAMILIES)?, FAMILIES, families)?,
            "--protection" => options.protections = choose(&name, &value(PROTECTIONS)?, PROTECTIONS, protections)?,
            "-h" | "--help" if attached.is_none() => return Ok(Command::Help),
            _ => return Err(format!("unknown argument '{name}'")),
        }
    }
    Ok(Command::Play(options))
}

const FAMILIES: &str = "4, 6 or both";
const PROTECTIONS: &str = "none, esp, ah+esp or all";

/// Understands a value by `read`, or says what was wanted.
fn choose<T>(name: &str, value: &str, wanted: &str, read: fn(&str) -> Option<T>) -> Result<T, String> {
    read(value).ok_or_else(|| format!("{name} needs {wanted}, not '{value}'"))
}

fn families(text: &str) -> Option<Vec<Family>> {
    match text {
        "4" => Some(vec![Family::V4]),
        "6" => Some(vec![Family::V6]),
        "both" => Some(vec![Family::V4, Family::V6]),
        _ => None,
    }
}

fn protections(text: &str) -> Option<Vec<Protection>> {
    match text {
        "none" => Some(vec![Protection::None]),
        "esp" => Some(vec![Protection::Esp]),
        "ah+esp" => Some(vec![Protection::AhEsp]),
        "all" => Some(Protection::ALL.to_vec()),
        _ => None,
    }
}
