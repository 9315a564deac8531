//! The command line.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use xcast_sec::wire::CodePoints;
use xcast_sec::wire::xcast6_v2::CodePointsV2;

use super::code_points;

pub(crate) const HELP: &str = "\
Prints the Explicit Multicast packets (RFC 5058) of a capture, and says what is wrong with those that cannot be read.

Usage: cargo run --example xcast_dump -- [OPTIONS] FILE

FILE is a pcap or pcapng file, or '-' for the standard input. Link types: raw IP, Ethernet (with VLAN tags),
Linux cooked (both versions), BSD null and loop.

Options:
      --keys FILE            Verify AH and open ESP with these keys (format: below)
  -v, --verbose              Print every field of every header too
  -x, --hex                  Print the octets of the payload too, decrypted if it was opened
      --all                  Print packets that are not Xcast too
      --only WHAT            Print only: malformed, protected (has AH or ESP), unverified (and not all of it verified)
      --src ADDRESS          Print only packets from this source, of any of its IP headers
      --dst-member ADDRESS   Print only packets that list this destination
      --count N              Stop after N packets were printed
      --strict               Exit with 3 if any packet is malformed
      --code-points LIST     NAME=VALUE,... where they differ from the experiment of RFC 4727 (names: below)
  -h, --help                 Print this help

A packet's line: number, time, source > destinations (+ to be served, - not any more, each with its port and DSCP),
hop limit and DSCP, flags A X D P, where the bitmap is, checksum, and what follows, from the outside in. 'note:' tells
what routers or receivers refuse or drop although it can be read. Sequence numbers are not held against a window, as a
capture holds a packet once for each link: 'as #N' says that it was packet N before, by its number and its ICV.

Exit status: 0, also with malformed packets; 1 if FILE or the keys cannot be read; 2 on a wrong argument; 3 as told
at --strict.
";

/// Which packets to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Only {
    Malformed,
    Protected,
    Unverified,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `None` for the standard input.
    pub(crate) file: Option<PathBuf>,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) verbose: bool,
    pub(crate) hex: bool,
    pub(crate) all: bool,
    pub(crate) only: Option<Only>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) member: Option<IpAddr>,
    pub(crate) count: Option<u64>,
    pub(crate) strict: bool,
    pub(crate) code_points: CodePoints,
    pub(crate) code_points_v2: CodePointsV2,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            file: None,
            keys: None,
            verbose: false,
            hex: false,
            all: false,
            only: None,
            source: None,
            member: None,
            count: None,
            strict: false,
            // No code points were ever assigned to Xcast; --code-points says which others are in use.
            code_points: CodePoints::rfc4727_experiment(),
            code_points_v2: CodePointsV2::xcast_jp_deployment(),
        }
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Dump(Box<Options>),
}

/// Reads the arguments, the program's name not among them. The error is a sentence for the user.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut file = None;
    let mut arguments = arguments.into_iter().flat_map(split_short);
    let mut only_files = false;
    while let Some(argument) = arguments.next() {
        let is_option = argument.to_string_lossy().starts_with('-') && argument != "-" && !only_files;
        if !is_option {
            if file.replace(argument).is_some() {
                return Err("one FILE at a time".into());
            }
            continue;
        }
        let (name, attached) = split_attached(argument);
        let mut value = |wanted: &str| {
            let value = attached.clone().or_else(|| arguments.next()).filter(|value| !value.is_empty());
            value.ok_or_else(|| format!("{name} needs {wanted}"))
        };
        match name.as_str() {
            "--keys" => options.keys = Some(value("the name of a file")?.into()),
            "--only" => options.only = Some(choose(&name, value(ONLY)?, ONLY, only)?),
            "--src" => options.source = Some(choose(&name, value(ADDRESS)?, ADDRESS, |text| text.parse().ok())?),
            "--dst-member" => {
                options.member = Some(choose(&name, value(ADDRESS)?, ADDRESS, |text| text.parse().ok())?);
            }
            "--count" => options.count = Some(choose(&name, value(COUNT)?, COUNT, count)?),
            "--code-points" => {
                let list = value("a list of NAME=VALUE")?;
                (options.code_points, options.code_points_v2) =
                    code_points::parse(&list.to_string_lossy(), options.code_points, options.code_points_v2)
                        .map_err(|what| format!("--code-points: {what}"))?;
            }
            _ if attached.is_some() => return Err(format!("{name} takes no value, or is no option")),
            "-h" | "--help" => return Ok(Command::Help),
            "-v" | "--verbose" => options.verbose = true,
            "-x" | "--hex" => options.hex = true,
            "--all" => options.all = true,
            "--strict" => options.strict = true,
            "--" => only_files = true,
            _ => return Err(format!("unknown argument '{name}'")),
        }
    }
    match file {
        None => return Err("the name of a capture is missing, or '-' for the standard input".into()),
        Some(name) => options.file = (name != "-").then(|| name.into()),
    }
    Ok(Command::Dump(Box::new(options)))
}

/// Takes `-vx` apart.
fn split_short(argument: OsString) -> Vec<OsString> {
    match argument.to_str().and_then(|text| text.strip_prefix('-')) {
        Some(letters) if letters.len() > 1 && letters.bytes().all(|letter| b"vxh".contains(&letter)) => {
            letters.chars().map(|letter| format!("-{letter}").into()).collect()
        }
        _ => vec![argument],
    }
}

/// Splits `--name=value`.
fn split_attached(argument: OsString) -> (String, Option<OsString>) {
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((name, value)) if name.starts_with("--") => (name.into(), Some(value.into())),
        _ => (argument.to_string_lossy().into_owned(), None),
    }
}

const ONLY: &str = "malformed, protected or unverified";
const ADDRESS: &str = "an IPv4 or IPv6 address";
const COUNT: &str = "a number, 1 or more";

/// Understands a value by `read`, or says what was wanted.
fn choose<T>(name: &str, value: OsString, wanted: &str, read: fn(&str) -> Option<T>) -> Result<T, String> {
    let text = value.to_string_lossy();
    read(&text).ok_or_else(|| format!("{name} needs {wanted}, not '{text}'"))
}

fn only(text: &str) -> Option<Only> {
    match text {
        "malformed" => Some(Only::Malformed),
        "protected" => Some(Only::Protected),
        "unverified" => Some(Only::Unverified),
        _ => None,
    }
}

fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|&count| count > 0)
}
