//! Reads a capture and prints its Xcast packets as a person would want them; says of a malformed one what is wrong and where;
//! given keys, verifies and decrypts.
//!
//! ```sh
//! cargo run --example conference -- --keys conference.keys
//! cargo run --example xcast_dump -- --keys conference.keys conference.pcap
//! ```
//!
//! Where to look for what:
//!
//! - `describe`: reading packets with the library, from the outside in, tunnels included
//! - `protection`: verifying AH and opening ESP, and what is said of sequence numbers
//! - `fault`: making use of where an error points to
//! - `notes`: asking the library's router what it thinks of a packet
//! - `keys`: the format of the keys file, also in `--help`
//!
//! The rest is files (`capture`, `link`), the fields of headers for those who want to see them all (`anatomy`, `transport`), and
//! output. Every octet of every file is taken for an attacker's: nothing panics, and no length is believed before it is checked.
//!
//! Sequence numbers are not held against a replay window. A capture holds a packet once for each link it crossed, and started
//! at some time: a window would call the second sight of a packet a replay, and refuse what was late. Each packet is verified by
//! itself, and that its number was seen before is told beside the verdict: `as #N` where it is the same packet by its ICV,
//! in capitals where it is another, which no sender may make.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::process::ExitCode;

// What is `pub(crate)` in this file is for `tests/xcast_dump.rs`, which dumps captures too.

mod anatomy;
pub(crate) mod args;
pub(crate) mod capture;
mod code_points;
mod describe;
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

use args::{Command, Options};
use capture::{Capture, CaptureError, Record};
use describe::Describer;
use fault::Fault;
use findings::{Class, Findings};
use keys::Keys;
use link::{Announced, Frame, LinkType};
use protection::Opener;
use summary::Summary;
use wiped::Wiped;

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

fn read_keys(path: &std::path::Path) -> Result<Keys, String> {
    let name = path.display();
    let mut octets = Wiped::with_capacity(MAX_KEYS_FILE + 1);
    let read = File::open(path).and_then(|file| file.take(MAX_KEYS_FILE as u64 + 1).read_to_end(&mut octets));
    read.map_err(|error| format!("cannot read {name}: {error}"))?;
    if octets.len() > MAX_KEYS_FILE {
        return Err(format!("cannot read {name}: longer than any keys file"));
    }
    let text = std::str::from_utf8(&octets)
        .map_err(|error| format!("cannot read {name}: no UTF-8 text from octet {} on", error.valid_up_to()))?;
    keys::parse(text).map_err(|error| format!("{name}: {error}"))
}

/// Octets that no keys file exceeds.
const MAX_KEYS_FILE: usize = 1 << 20;
/// Problems that are told one by one.
const MAX_PROBLEMS: usize = 16;

/// What came of a capture.
#[derive(Debug, Default)]
struct Ended {
    summary: Summary,
    /// Why not all of it could be read.
    problems: Vec<String>,
}

/// A capture being printed.
struct Dump<'o> {
    options: &'o Options,
    describer: Describer,
    ended: Ended,
    printed: u64,
}

impl<'o> Dump<'o> {
    fn new(options: &'o Options, opener: Option<Opener>) -> Self {
        let Options { code_points, code_points_v2, verbose, .. } = *options;
        let describer = Describer { code_points, code_points_v2, opener, made: x2u::Made::default(), verbose };
        Self { options, describer, ended: Ended::default(), printed: 0 }
    }

    /// Prints what can be read of a capture, and the summary. The result of writing stands apart from that of reading.
    fn all(mut self, reader: impl Read, out: &mut dyn Write) -> (Ended, io::Result<()>) {
        let written = match Capture::new(reader) {
            Ok(capture) => self.packets(capture, out).and_then(|()| {
                print::summary(out, &self.ended.summary)?;
                out.flush()
            }),
            Err(error) => {
                self.problem(&error);
                Ok(())
            }
        };
        (self.ended, written)
    }

    fn packets<R: Read>(&mut self, mut capture: Capture<R>, out: &mut dyn Write) -> io::Result<()> {
        while self.options.count.is_none_or(|count| self.printed < count) {
            match capture.next_record() {
                Ok(Some(record)) => self.packet(&record, out)?,
                Ok(None) => break,
                Err(error) => {
                    self.problem(&error);
                    break;
                }
            }
        }
        Ok(())
    }

    fn problem(&mut self, error: &CaptureError) {
        self.ended.problems.push(error.to_string());
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut dyn Write) -> io::Result<()> {
        let number = self.ended.summary.packets + 1;
        let findings = self.findings(number, record);
        self.ended.summary.count(&findings);
        if self.is_wanted(&findings) {
            self.printed += 1;
            print::packet(out, number, record.time, &findings, self.options)?;
        }
        Ok(())
    }

    fn findings(&mut self, number: u64, record: &Record<'_>) -> Findings {
        let not_ip = |what: String| Findings { class: Class::NotIp, line: vec![what], ..Findings::default() };
        let Some(link_type) = LinkType::new(record.link_type) else {
            self.unknown_link_type(record);
            return not_ip(format!("link type {}, unknown", record.link_type));
        };
        let cut = (record.octets.len() as u64) < u64::from(record.original_len);
        match link_type.frame(record.octets) {
            Frame::Ip { announced, octets, .. } => self.describer.describe(number, octets, announced, cut),
            Frame::NotIp(announced) => not_ip(match announced {
                Announced::EtherType(0x0806) => "not IP: ARP".into(),
                Announced::EtherType(number) => format!("not IP: EtherType {number:#06x}"),
                Announced::AddressFamily(number) => format!("not IP: address family {number}"),
                Announced::Llc => "not IP: IEEE 802.3 with LLC".into(),
            }),
            Frame::TooShort { link, .. } if cut => {
                let line = format!("cut short: the capture kept {} octets of the {link} frame", record.octets.len());
                Findings { cut: true, ..not_ip(line) }
            }
            Frame::TooShort { link, needed } => {
                let len = names::octets(record.octets.len());
                let mut findings = not_ip(format!("{link} frame"));
                findings
                    .fail(Fault::of_frame(format!("a frame of {len} ends within its first {needed}"), record.octets));
                findings
            }
        }
    }

    /// Tells once for each interface what cannot be read, with the place of the first packet.
    fn unknown_link_type(&mut self, record: &Record<'_>) {
        let of = match record.interface {
            Some(number) => format!("interface {number} has"),
            None => "the file has".into(),
        };
        let what = format!("{of} link type {}, which is unknown here", record.link_type);
        let problems = &mut self.ended.problems;
        if problems.len() < MAX_PROBLEMS && !problems.iter().any(|problem| problem.contains(&what)) {
            problems.push(format!("octet {}: {what} (known: {})", record.at, link::KNOWN));
        }
    }

    fn is_wanted(&self, findings: &Findings) -> bool {
        let Options { all, only, source, member, .. } = *self.options;
        let by_kind = match only {
            None => all || findings.is_xcast() || findings.fault.is_some(),
            Some(args::Only::Malformed) => findings.fault.is_some(),
            Some(args::Only::Protected) => !findings.protections.is_empty() && (all || findings.is_xcast()),
            Some(args::Only::Unverified) => {
                !findings.protections.is_empty() && !findings.is_verified() && (all || findings.is_xcast())
            }
        };
        by_kind
            && source.is_none_or(|source| findings.sources.contains(&source))
            && member.is_none_or(|member| findings.members.contains(&member))
    }
}
