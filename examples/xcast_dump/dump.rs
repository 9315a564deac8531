//! The packets of a capture, one after the other.

use std::io::{self, Read, Write};

use super::args::{Only, Options};
use super::capture::{Capture, CaptureError, Record};
use super::describe::Describer;
use super::fault::Fault;
use super::findings::{Class, Findings};
use super::link::{Announced, Frame, KNOWN, LinkType};
use super::names::octets;
use super::print;
use super::protection::Opener;
use super::summary::Summary;
use super::x2u::Made;

/// Problems that are told one by one.
const MAX_PROBLEMS: usize = 16;

/// What came of a capture.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) summary: Summary,
    /// Why not all of it could be read.
    pub(crate) problems: Vec<String>,
}

/// A capture being printed.
pub(crate) struct Dump<'o> {
    options: &'o Options,
    describer: Describer,
    ended: Ended,
    printed: u64,
}

impl<'o> Dump<'o> {
    pub(crate) fn new(options: &'o Options, opener: Option<Opener>) -> Self {
        let Options { code_points, code_points_v2, verbose, .. } = *options;
        let describer = Describer { code_points, code_points_v2, opener, made: Made::default(), verbose };
        Self { options, describer, ended: Ended::default(), printed: 0 }
    }

    /// Prints what can be read of a capture, and the summary. The result of writing stands apart from that of reading.
    pub(crate) fn all(mut self, reader: impl Read, out: &mut dyn Write) -> (Ended, io::Result<()>) {
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
            Frame::Ip { announced, octets } => self.describer.describe(number, octets, announced, cut),
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
                let len = octets(record.octets.len());
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
            problems.push(format!("octet {}: {what} (known: {})", record.at, KNOWN));
        }
    }

    fn is_wanted(&self, findings: &Findings) -> bool {
        let Options { all, only, source, member, .. } = *self.options;
        let by_kind = match only {
            None => all || findings.is_xcast() || findings.fault.is_some(),
            Some(Only::Malformed) => findings.fault.is_some(),
            Some(Only::Protected) => !findings.protections.is_empty() && (all || findings.is_xcast()),
            Some(Only::Unverified) => {
                !findings.protections.is_empty() && !findings.is_verified() && (all || findings.is_xcast())
            }
        };
        by_kind
            && source.is_none_or(|source| findings.sources.contains(&source))
            && member.is_none_or(|member| findings.members.contains(&member))
    }
}
