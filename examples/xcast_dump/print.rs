//! Output.

use std::io::{self, Write};

use super::args::Options;
use super::findings::Findings;
use super::summary::Summary;
use super::time::Time;

const ROW: usize = 16;

/// One packet: its line, and what belongs to it, set in.
pub(crate) fn packet(
    out: &mut dyn Write,
    number: u64,
    time: Option<Time>,
    findings: &Findings,
    options: &Options,
) -> io::Result<()> {
    let time = time.map_or_else(|| "(no time)".into(), |time| time.to_string());
    let made = findings.made_of.map_or_else(String::new, |origin| format!(" | made of #{origin} by X2U"));
    writeln!(out, "#{number} {time} {}{made}", findings.line.join(" | "))?;
    for line in findings.fault.iter().flat_map(|fault| &fault.lines) {
        writeln!(out, "    {line}")?;
    }
    for note in &findings.notes {
        writeln!(out, "    note: {note}")?;
    }
    for line in &findings.tree {
        writeln!(out, "    {line}")?;
    }
    if options.hex && !findings.payload.is_empty() {
        hex(out, &findings.payload)?;
    }
    Ok(())
}

/// Octets in rows, with the characters that they are in ASCII.
fn hex(out: &mut dyn Write, octets: &[u8]) -> io::Result<()> {
    for (row, octets) in octets.chunks(ROW).enumerate() {
        let mut digits = String::new();
        for (column, octet) in octets.iter().enumerate() {
            let space = if column == ROW / 2 { "  " } else { " " };
            digits += &format!("{space}{octet:02x}");
        }
        let characters: String = octets
            .iter()
            .map(|&octet| if octet.is_ascii_graphic() || octet == b' ' { char::from(octet) } else { '.' })
            .collect();
        writeln!(out, "      {:04x} {digits:<49}  |{characters}|", row * ROW)?;
    }
    Ok(())
}

pub(crate) fn summary(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    write!(out, "\n{summary}")
}
