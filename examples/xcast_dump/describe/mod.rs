//! A packet, from its outer IP header inwards: here, what it is at all, and what is inside what.

mod contents;
mod words;
mod xcast;

use xcast_sec::wire::xcast6_v2::{CodePointsV2, PacketV2, ParseErrorKindV2};
use xcast_sec::wire::{
    ChecksumPolicy, CodePoints, ExtensionHeader, Family, IpHeader, ParseError, ParseErrorKind, XcastPacket, protocol,
};

use super::anatomy::{Anatomy, PartKind, packet_len};
use super::fault::Fault;
use super::findings::{Class, Findings};
use super::protection::Opener;
use super::x2u::Made;
use words::{hop, outline, start};

/// Packets inside packets that are looked into.
const MAX_DEPTH: usize = 8;

/// What packets are described with, and what is remembered from one to the next.
pub(crate) struct Describer {
    pub(crate) code_points: CodePoints,
    pub(crate) code_points_v2: CodePointsV2,
    /// None without keys.
    pub(crate) opener: Option<Opener>,
    pub(crate) made: Made,
    /// Whether the tree is wanted.
    pub(crate) verbose: bool,
}

/// One packet of the capture.
#[derive(Clone, Copy)]
struct Step {
    /// Of the capture.
    number: u64,
    /// The capture kept not all of it.
    cut: bool,
    /// Octets of the packet that are there; zeros stand for the others, so that the headers can be read.
    kept: usize,
    /// How many packets it is inside.
    depth: usize,
}

impl Step {
    /// A fault of this packet, which may be inside another one.
    fn fault(self, fault: Fault) -> Fault {
        if self.depth > 0 { fault.inside() } else { fault }
    }

    /// What is there of a packet.
    fn real(self, octets: &[u8]) -> &[u8] {
        octets.get(..self.kept).unwrap_or(octets)
    }

    /// Whether all headers of an Xcast packet are there.
    fn has_headers(self, packet: &XcastPacket<'_>) -> bool {
        packet.as_octets().len() - packet.payload().len() <= self.kept
    }
}

impl Describer {
    /// Describes packet `number` of the capture, which kept not all octets of its frame if it is `cut`.
    pub(crate) fn describe(&mut self, number: u64, octets: &[u8], announced: Option<Family>, cut: bool) -> Findings {
        let mut findings = Findings::default();
        let version = octets.first().map(|octet| octet >> 4);
        let expected = announced.map(|family| if family == Family::V4 { 4 } else { 6 });
        if let (Some(version), Some(expected)) = (version, expected)
            && version != expected
        {
            let what = format!("the link announces IPv{expected}, the packet says version {version} (octet 0)");
            findings.fail(Fault::of_frame(what, octets));
            return findings;
        }
        // What was not kept may have been padding of the link.
        let cut = cut && packet_len(octets).is_none_or(|len| len > octets.len());
        self.packet(octets, Step { number, cut, kept: octets.len(), depth: 0 }, &mut findings);
        findings
    }

    fn packet(&mut self, octets: &[u8], step: Step, findings: &mut Findings) {
        if step.depth > MAX_DEPTH {
            findings.line.push(format!("more than {MAX_DEPTH} packets one inside the other: not looked into"));
            return;
        }
        let mut padded = Vec::new();
        let step = Step { kept: octets.len(), ..step };
        let min_header_len = octets.first().map_or(0, |first| if first >> 4 == 4 { 20 } else { 40 });
        let len = packet_len(octets).unwrap_or(0);
        if step.cut && step.kept >= min_header_len && step.kept < len {
            padded.extend(octets);
            padded.resize(len, 0);
            self.whole_packet(&padded, step, findings);
            self.note_cut(octets, step, findings);
        } else {
            self.whole_packet(octets, step, findings);
        }
    }

    fn whole_packet(&mut self, octets: &[u8], step: Step, findings: &mut Findings) {
        if let Ok((ip, _)) = IpHeader::split(octets) {
            findings.sources.push(ip.source());
        }
        if self.announces_v2(octets) {
            match PacketV2::parse(octets, &self.code_points_v2) {
                Ok(packet) if octets.len() - packet.payload().len() <= step.kept => {
                    return self.v2(&packet, step, findings);
                }
                Err(error) if error.kind() == ParseErrorKindV2::NotXcast6V2 => {}
                Ok(_) | Err(_) if step.cut => {
                    findings.class = Class::XcastV2;
                    return self.cut_short(step.real(octets), step, findings);
                }
                Ok(packet) => return self.v2(&packet, step, findings),
                Err(error) => {
                    findings.class = Class::XcastV2;
                    findings.line.push(outline(octets, "XCAST6 2.0"));
                    findings.fail(step.fault(Fault::new_v2(error, octets, &self.code_points)));
                    return self.show(&Anatomy::of_v2(octets, &self.code_points), 0, "", findings);
                }
            }
        }
        match XcastPacket::parse(octets, &self.code_points, ChecksumPolicy::Verify) {
            Ok(packet) if step.has_headers(&packet) => self.xcast(&packet, None, step, findings),
            Err(error) if error.kind() == ParseErrorKind::NotXcast => self.other(octets, step, findings),
            Err(error) => self.unreadable(octets, error, step, findings),
            Ok(_) => {
                findings.class = Class::Xcast;
                self.cut_short(step.real(octets), step, findings);
            }
        }
    }

    /// Whether a packet starts as those of XCAST6 2.0 do, of which the ECN bits may differ.
    fn announces_v2(&self, octets: &[u8]) -> bool {
        let [a, b, c, d] = self.code_points_v2.fields().mark;
        matches!(octets, &[first, second, third, fourth, _, _, protocol::IPV6, ..]
            if (first, second & 0xcf, third, fourth) == (a, b, c, d))
    }

    /// What the library's parser refuses, and is no packet of another kind.
    fn unreadable(&mut self, octets: &[u8], error: ParseError, step: Step, findings: &mut Findings) {
        let anatomy = Anatomy::of(step.real(octets), &self.code_points);
        let meant = self.is_meant_as_xcast(octets, &anatomy);
        if meant {
            findings.class = Class::Xcast;
        }
        match error.kind() {
            // A fragment of something else, such as AH, is nothing to complain of.
            ParseErrorKind::Fragment if !meant => return self.other(octets, step, findings),
            // All but the checksum is right, so that all can be shown.
            ParseErrorKind::XcastChecksum => {
                if let Ok(packet) = XcastPacket::parse(octets, &self.code_points, ChecksumPolicy::Ignore)
                    && step.has_headers(&packet)
                {
                    let fault = step.fault(Fault::new(error, octets, &self.code_points));
                    return self.xcast(&packet, Some(fault), step, findings);
                }
            }
            _ => {}
        }
        // What is wrong may lie in octets that are not there.
        if step.cut {
            return self.cut_short(step.real(octets), step, findings);
        }
        findings.line.push(outline(octets, if meant { "Xcast" } else { "" }));
        findings.fail(step.fault(Fault::new(error, octets, &self.code_points)));
        self.show(&anatomy, 0, "", findings);
    }

    /// Whether somebody wanted it to be Xcast: the headers announce it, as far as they can be read, or the group does.
    fn is_meant_as_xcast(&self, octets: &[u8], anatomy: &Anatomy) -> bool {
        let fields = self.code_points.fields();
        let number = fields.xcast4_protocol;
        let announced = octets.first().is_some_and(|first| first >> 4 == 4) && octets.get(9) == Some(&number);
        let group = match octets.first().map(|first| first >> 4) {
            Some(4) => octets.get(16..20) == Some(&fields.routers_v4.octets()[..]),
            Some(6) => octets.get(24..40) == Some(&fields.routers_v6.octets()[..]),
            _ => false,
        };
        announced || group || anatomy.parts.iter().any(|part| matches!(part.kind, PartKind::Xcast(_)))
    }

    /// A packet of which not even the headers were kept.
    fn cut_short(&self, octets: &[u8], step: Step, findings: &mut Findings) {
        let name = match findings.class {
            Class::Xcast => "Xcast",
            Class::XcastV2 => "XCAST6 2.0",
            _ => "",
        };
        findings.line.push(outline(octets, name));
        self.note_cut(octets, step, findings);
        self.show(&Anatomy::of(octets, &self.code_points), 0, "", findings);
    }

    /// Says how much was kept, of the outermost packet.
    fn note_cut(&self, octets: &[u8], step: Step, findings: &mut Findings) {
        if step.depth == 0 && !findings.cut {
            findings.cut = true;
            let of = packet_len(octets).map_or_else(String::new, |len| format!(" of {len}"));
            findings.line.push(format!("cut short: the capture kept {}{of} octets", octets.len()));
        }
    }

    /// A packet that is not Xcast: ordinary, a tunnel, or IPsec's.
    fn other(&mut self, octets: &[u8], step: Step, findings: &mut Findings) {
        let real = step.real(octets);
        let anatomy = Anatomy::of(real, &self.code_points);
        let Ok((ip, _)) = IpHeader::split(octets) else { return };
        findings.line.push(format!("{} > {}", start(&ip), ip.destination()));
        findings.line.push(hop(&ip));
        if findings.members.is_empty() {
            findings.members.push(ip.destination());
        }
        if let Some((protocol::IPV4 | protocol::IPV6, at)) = anatomy.rest
            && anatomy.protection().is_none()
            && !anatomy.fragment
        {
            self.show(&anatomy, 0, "", findings);
            findings.tunnelled = true;
            let kind = if is_semi_permeable(octets, &self.code_points) { "semi-permeable tunnel" } else { "tunnel" };
            findings.line.push(kind.into());
            let whole = real.get(..ip.packet_len()).unwrap_or(real);
            self.inside(whole.get(at..).unwrap_or(&[]), kind, step, findings);
            return;
        }
        self.contents(real, &anatomy, &ip, step, findings);
    }

    /// A packet inside this one.
    fn inside(&mut self, octets: &[u8], how: &str, step: Step, findings: &mut Findings) {
        findings.members.clear();
        if self.verbose {
            findings.tree.push(format!("inside the {how}, octets counted anew:"));
        }
        self.packet(octets, Step { depth: step.depth + 1, ..step }, findings);
    }
}

/// Whether an IPv6 packet's Hop-by-Hop header holds the option of a semi-permeable tunnel (RFC 5058 §11.3).
fn is_semi_permeable(octets: &[u8], code_points: &CodePoints) -> bool {
    let Ok((ip @ IpHeader::V6(_), _)) = IpHeader::split(octets) else { return false };
    if ip.next_header() != protocol::HOP_BY_HOP {
        return false;
    }
    let header = ExtensionHeader::read(octets, protocol::HOP_BY_HOP, ip.header_len());
    let is_tunnel = |kind: u8| kind == code_points.fields().tunnel_option;
    header.is_ok_and(|header| header.options().flatten().any(|option| is_tunnel(option.kind)))
}
