//! What is behind the IP and Xcast headers.

use std::net::IpAddr;

use xcast_sec::wire::{AhHeader, EspHeader, IpHeader, ParseError};

use super::super::anatomy::{Anatomy, Part, PartKind, packet_len};
use super::super::fault::Fault;
use super::super::findings::{Class, Findings};
use super::super::names::{octets as count_octets, protocol_name};
use super::super::protection::{self, Inside, Verdict, spi_text};
use super::super::transport::{self, Around, ChecksumVerdict};
use super::{Describer, MAX_DEPTH, Step};

impl Describer {
    /// What follows the IP and Xcast headers: AH and ESP one after the other, as far as they can be opened, and what is
    /// in them.
    pub(super) fn contents(
        &mut self,
        octets: &[u8],
        anatomy: &Anatomy,
        ip: &IpHeader<'_>,
        step: Step,
        findings: &mut Findings,
    ) {
        self.show(anatomy, 0, "", findings);
        let (mut octets, mut anatomy) = (octets.to_vec(), anatomy.clone());
        while let Some(place) = anatomy.protection() {
            let Some(part) = anatomy.parts.get(place) else { break };
            if findings.protections.len() > MAX_DEPTH {
                findings.line.push(format!("more than {MAX_DEPTH} times AH or ESP: not looked into"));
                return;
            }
            let (name, done, spi, sequence, icv_at) = match part.kind {
                PartKind::Ah { spi, sequence } => ("AH", "verified", spi, sequence, Some(part.at + 12)),
                PartKind::Esp { spi, sequence } => ("ESP", "opened", spi, sequence, None),
                _ => break,
            };
            if let Some(error) = unreadable(&octets, part)
                && !anatomy.fragment
                && !step.cut
            {
                let fault = Fault::of_protection(name, error, part.at, &octets, &self.code_points);
                return findings.fail(step.fault(fault));
            }
            let (verdict, inside) = match &mut self.opener {
                Some(opener) if !anatomy.fragment && !step.cut => {
                    opener.open(&octets, icv_at, step.number, &self.code_points)
                }
                _ => (Verdict::NotTried, None),
            };
            let number = match &verdict {
                Verdict::Verified { sequence, .. } => *sequence,
                _ => sequence.into(),
            };
            findings.line.push(format!("{name} {} seq {number}{}", spi_text(spi), verdict.words(done)));
            findings.protections.push(verdict);
            match inside {
                Some(Inside::Packet(packet)) => {
                    let at = part.at;
                    octets = packet;
                    anatomy = Anatomy::of(&octets, &self.code_points);
                    // What AH covers could be read before.
                    if name == "ESP" {
                        self.show(&anatomy, at, "inside ESP, octets counted without what was taken out:", findings);
                    }
                }
                Some(Inside::Tunnelled(packet)) => {
                    let how = format!("{name} tunnel");
                    findings.line.push(how.clone());
                    return self.inside(&packet, &how, step, findings);
                }
                Some(Inside::Dummy) => {
                    findings.line.push("dummy packet, nothing to deliver".into());
                    return;
                }
                None if name == "AH" => {
                    let announced_at = anatomy.announced_at(place);
                    match protection::without_ah(&octets, announced_at, part.at) {
                        Some(packet) => {
                            octets = packet;
                            anatomy = Anatomy::of(&octets, &self.code_points);
                        }
                        // Not all of the packet is there: what can be read behind AH was read.
                        None => _ = anatomy.parts.remove(place),
                    }
                }
                None => {
                    let end = packet_len(&octets).unwrap_or(octets.len()).min(octets.len());
                    let hidden = octets.get(part.at + 8..end).unwrap_or(&[]);
                    let what = if step.cut { "of it kept" } else { "with IV, padding and ICV" };
                    findings.line.push(format!("{} {what}", count_octets(hidden.len())));
                    findings.payload = hidden.to_vec();
                    return;
                }
            }
        }
        let partial = anatomy.fragment || step.cut;
        let around = Around { source: ip.source(), destination: ip.destination(), partial };
        let made_for = (findings.class == Class::OtherIp).then_some(ip.destination());
        self.segment(&octets, &anatomy, around, made_for, findings);
    }

    /// The transport segment, or whatever stands in its place; with `made_for`, perhaps made by X2U for this
    /// destination.
    pub(super) fn segment(
        &self,
        octets: &[u8],
        anatomy: &Anatomy,
        around: Around,
        made_for: Option<IpAddr>,
        findings: &mut Findings,
    ) {
        let whole = octets.get(..packet_len(octets).unwrap_or(octets.len())).unwrap_or(octets);
        let found = match (anatomy.parts.last(), anatomy.rest) {
            (Some(part), _) if matches!(part.kind, PartKind::Transport(_)) => {
                if let PartKind::Transport(number) = part.kind { Some((number, part.at)) } else { None }
            }
            (_, rest) => rest,
        };
        let Some((number, at)) = found else { return };
        let octets = whole.get(at..).unwrap_or(&[]);
        let described = if anatomy.rest == Some((number, at)) && anatomy.fragment {
            None
        } else {
            transport::describe(number, octets, around)
        };
        let Some(segment) = described else {
            let name = protocol_name(number, &self.code_points);
            let fragment = if anatomy.fragment { "fragment of " } else { "" };
            findings.line.push(format!("{fragment}{name}, {}", count_octets(octets.len())));
            findings.payload = octets.to_vec();
            return;
        };
        findings.wrong_transport_checksum |= segment.checksum == ChecksumVerdict::Wrong;
        findings.payload = octets.get(segment.payload.0..segment.payload.1).unwrap_or(&[]).to_vec();
        findings.line.push(segment.text);
        if let Some(destination) = made_for {
            findings.made_of = self.made.origin(around.source, destination, number, octets);
        }
    }

    /// Adds the headers from octet `from` on to the tree.
    pub(super) fn show(&self, anatomy: &Anatomy, from: usize, heading: &str, findings: &mut Findings) {
        if !self.verbose {
            return;
        }
        if !heading.is_empty() {
            findings.tree.push(heading.into());
        }
        for part in anatomy.parts.iter().filter(|part| part.at >= from) {
            findings.tree.push(part.kind.name(&self.code_points));
            for field in &part.fields {
                let colon = if field.value.is_empty() { "" } else { ": " };
                findings.tree.push(format!("  {:>4}  {}{colon}{}", field.at, field.name, field.value));
            }
        }
    }
}

/// Why an AH or ESP header cannot be read, counted from its first octet.
fn unreadable(octets: &[u8], part: &Part) -> Option<ParseError> {
    let whole = octets.get(..packet_len(octets).unwrap_or(octets.len())).unwrap_or(octets);
    let rest = whole.get(part.at..).unwrap_or(&[]);
    match part.kind {
        PartKind::Ah { .. } => AhHeader::split(rest).err(),
        PartKind::Esp { .. } => EspHeader::split(rest).err(),
        _ => None,
    }
}
