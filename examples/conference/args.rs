//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use xcast_sec::wire::Family;

use super::run::{Protection, Run};
use super::topology::Shape;

pub(crate) const HELP: &str = "\
Plays a conference over Explicit Multicast (RFC 5058), with and without AH and ESP.

Usage: cargo run --example conference -- [OPTIONS]

Options:
      --out FILE         Capture to write, every packet of every link, for Wireshark [default: conference.pcap]
      --keys FILE        Write the keys of all runs, for the example xcast_dump (they are public test keys)
      --topology SHAPE   figure1, star, chain or tree [default: figure1]
      --members N        Number of receivers, as many as an Xcast header can list [default: 3]
      --family FAMILY    4, 6 or both [default: both]
      --protection KIND  none, ah, esp, ah+esp or all [default: all]
  -q, --quiet            Print only what arrived, what was refused, and the comparison
  -v, --verbose          Print the octets of every packet too
  -h, --help             Print this help

Exit status: 0 if everything went as it must, 1 if not or if a FILE cannot be written, 2 on a wrong argument.
";

/// How much to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Quiet,
    Normal,
    Verbose,
}

/// What to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) out: PathBuf,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) shape: Shape,
    pub(crate) members: usize,
    pub(crate) families: Vec<Family>,
    pub(crate) protections: Vec<Protection>,
    pub(crate) detail: Detail,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            out: "conference.pcap".into(),
            keys: None,
            shape: Shape::Figure1,
            members: 3,
            families: vec![Family::V4, Family::V6],
            protections: Protection::ALL.to_vec(),
            detail: Detail::Normal,
        }
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
    let mut detail = None;
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (name, attached) = split_attached(argument);
        let mut value = |wanted: &str| {
            let value = attached.clone().or_else(|| arguments.next()).filter(|value| !value.is_empty());
            value.ok_or_else(|| format!("{name} needs {wanted}"))
        };
        match name.as_str() {
            "--out" => options.out = value("the name of a file")?.into(),
            "--keys" => options.keys = Some(value("the name of a file")?.into()),
            "--topology" => options.shape = choose(&name, value(SHAPES)?, SHAPES, shape)?,
            "--members" => options.members = choose(&name, value(MEMBERS)?, MEMBERS, count)?,
            "--family" => options.families = choose(&name, value(FAMILIES)?, FAMILIES, families)?,
            "--protection" => options.protections = choose(&name, value(PROTECTIONS)?, PROTECTIONS, protections)?,
            _ if attached.is_some() => return Err(format!("{name} takes no value, or is no option")),
            "-h" | "--help" => return Ok(Command::Help),
            "-q" | "--quiet" => set_detail(&mut detail, Detail::Quiet)?,
            "-v" | "--verbose" => set_detail(&mut detail, Detail::Verbose)?,
            _ => return Err(format!("unknown argument '{name}'")),
        }
    }
    options.detail = detail.unwrap_or(Detail::Normal);
    check_members(&options)?;
    Ok(Command::Play(options))
}

/// Splits `--name=value`.
fn split_attached(argument: OsString) -> (String, Option<OsString>) {
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((name, value)) if name.starts_with("--") => (name.into(), Some(value.into())),
        _ => (argument.to_string_lossy().into_owned(), None),
    }
}

const SHAPES: &str = "figure1, star, chain or tree";
const MEMBERS: &str = "a number, 1 or more";
const FAMILIES: &str = "4, 6 or both";
const PROTECTIONS: &str = "none, ah, esp, ah+esp or all";

/// Understands a value by `read`, or says what was wanted.
fn choose<T>(name: &str, value: OsString, wanted: &str, read: fn(&str) -> Option<T>) -> Result<T, String> {
    let text = value.to_string_lossy();
    read(&text).ok_or_else(|| format!("{name} needs {wanted}, not '{text}'"))
}

fn shape(text: &str) -> Option<Shape> {
    Shape::ALL.into_iter().find(|shape| shape.name() == text)
}

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|&count| count > 0)
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
        "ah" => Some(vec![Protection::Ah]),
        "esp" => Some(vec![Protection::Esp]),
        "ah+esp" => Some(vec![Protection::AhEsp]),
        "all" => Some(Protection::ALL.to_vec()),
        _ => None,
    }
}

fn set_detail(detail: &mut Option<Detail>, new: Detail) -> Result<(), String> {
    match detail.replace(new) {
        Some(old) if old != new => Err("--quiet and --verbose exclude each other".into()),
        _ => Ok(()),
    }
}

/// The library knows how many destinations each kind of packet can list.
fn check_members(options: &Options) -> Result<(), String> {
    match options.runs().min_by_key(|run| run.max_members()) {
        Some(run) if options.members > run.max_members() => Err(format!(
            "--members {} is too many: a packet of the run \"{run}\" lists at most {}",
            options.members,
            run.max_members()
        )),
        _ => Ok(()),
    }
}
