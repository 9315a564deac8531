//! A packet, from its outer IP header inwards.

use std::net::IpAddr;

use xcast_sec::wire::xcast6_v2::{CodePointsV2, PacketV2, ParseErrorKindV2};
use xcast_sec::wire::{
    BitmapPlace, ChecksumPolicy, CodePoints, ExtensionHeader, Family, IpHeader, ParseError, ParseErrorKind,
    XcastPacket, protocol,
};

use super::anatomy::{Anatomy, PartKind, packet_len};
use super::fault::Fault;
use super::findings::{Class, Findings};
use super::names::{dscp_name, ecn_name, hex, octets as count_octets, protocol_name, with_port};
use super::notes;
use super::protection::{self, Inside, Opener, Verdict, spi_text};
use super::transport::{self, Around, ChecksumVerdict};
use super::x2u::Made;

/// Packets inside packets that are looked into.
const MAX_DEPTH: usize = 8;
/// Destinations shown in a packet's one line; the tree has all.
const SHOWN: usize = 8;

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
    /// How many packets it is inside.
    depth: usize,
}

impl Step {
    /// A fault of this packet, which may be inside another one.
    fn fault(self, fault: Fault) -> Fault {
        if self.depth > 0 { fault.inside() } else { fault }
    }
}

impl Describer {
    /// Describes packet `number` of the capture, of which `cut` octets were not kept.
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
        self.packet(octets, Step { number, cut, depth: 0 }, &mut findings);
        findings
    }

    fn packet(&mut self, octets: &[u8], step: Step, findings: &mut Findings) {
        if step.depth > MAX_DEPTH {
            findings.line.push(format!("more than {MAX_DEPTH} packets one inside the other: not looked into"));
            return;
        }
        if let Ok((ip, _)) = IpHeader::split(octets) {
            findings.sources.push(ip.source());
        }
        if self.announces_v2(octets) {
            match PacketV2::parse(octets, &self.code_points_v2) {
                Ok(packet) => return self.v2(&packet, findings),
                Err(error) if error.kind() == ParseErrorKindV2::NotXcast6V2 => {}
                Err(error) if step.cut && error.kind() == ParseErrorKindV2::Truncated => {
                    findings.class = Class::XcastV2;
                    return self.cut_short(octets, findings);
                }
                Err(error) => {
                    findings.class = Class::XcastV2;
                    findings.line.push(outline(octets, "XCAST6 2.0"));
                    findings.fail(step.fault(Fault::new_v2(error, octets, &self.code_points)));
                    return self.show(&Anatomy::of_v2(octets, &self.code_points), 0, "", findings);
                }
            }
        }
        match XcastPacket::parse(octets, &self.code_points, ChecksumPolicy::Verify) {
            Ok(packet) => self.xcast(&packet, None, step, findings),
            Err(error) if error.kind() == ParseErrorKind::NotXcast => self.other(octets, step, findings),
            Err(error) => self.unreadable(octets, error, step, findings),
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
        let anatomy = Anatomy::of(octets, &self.code_points);
        let meant = self.is_meant_as_xcast(octets, &anatomy);
        if meant {
            findings.class = Class::Xcast;
        }
        match error.kind() {
            ParseErrorKind::Truncated if step.cut => return self.cut_short(octets, findings),
            // A fragment of something else, such as AH, is nothing to complain of.
            ParseErrorKind::Fragment if !meant => return self.other(octets, step, findings),
            // All but the checksum is right, so that all can be shown.
            ParseErrorKind::XcastChecksum => {
                if let Ok(packet) = XcastPacket::parse(octets, &self.code_points, ChecksumPolicy::Ignore) {
                    let fault = step.fault(Fault::new(error, octets, &self.code_points));
                    return self.xcast(&packet, Some(fault), step, findings);
                }
            }
            _ => {}
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

    fn cut_short(&self, octets: &[u8], findings: &mut Findings) {
        let name = if findings.is_xcast() { "Xcast" } else { "" };
        let of = packet_len(octets).map_or_else(String::new, |len| format!(" of {len}"));
        findings.line.push(outline(octets, name));
        findings.line.push(format!("cut short: the capture kept {}{of} octets", octets.len()));
        findings.cut = true;
        self.show(&Anatomy::of(octets, &self.code_points), 0, "", findings);
    }

    fn xcast(&mut self, packet: &XcastPacket<'_>, fault: Option<Fault>, step: Step, findings: &mut Findings) {
        findings.class = Class::Xcast;
        findings.members = packet.header().destinations().collect();
        let header = packet.header();
        let targets = (0..header.destination_count()).filter_map(|index| {
            Some(Target {
                address: packet.destination(index)?,
                port: packet.port(index),
                dscp: packet.dscp(index).map(dscp_name),
                set: packet.bits().contains(index),
                anonymous: header.anonymous(),
            })
        });
        findings.line.push(format!("{} > {}", start(packet.ip()), list(targets)));
        findings.line.push(hop(packet.ip()));
        let flag = |set: bool, letter| if set { letter } else { '-' };
        let mut words = vec![
            [
                flag(header.anonymous(), 'A'),
                flag(header.no_x2u(), 'X'),
                flag(header.has_dscps(), 'D'),
                flag(packet.has_ports(), 'P'),
            ]
            .iter()
            .collect(),
        ];
        if header.channel().iter().any(|&octet| octet != 0) {
            let channel = hex(header.channel());
            words.push(format!("channel 0x{}", channel.trim_start_matches('0')));
        }
        words.push(match header.bitmap_place() {
            BitmapPlace::Header => "bitmap in header".into(),
            BitmapPlace::Option => "bitmap in option".into(),
        });
        if fault.is_none() {
            words.push("checksum ok".into());
        }
        findings.line.push(words.join(", "));
        if let Some(fault) = fault {
            findings.fail(fault);
        }

        let says = notes::router_says(packet, &self.code_points);
        let is_protected = packet.is_behind_ah() || matches!(packet.next_protocol(), protocol::AH | protocol::ESP);
        if is_protected && !header.no_x2u() {
            findings.notes.push("receivers refuse it: X=0 under AH or ESP, which X2U would break".into());
        }
        findings.notes.extend(says.notes);
        if !says.unicast.is_empty() {
            let to = says.unicast.iter().filter_map(|index| packet.destination(index)).collect();
            let (source, kind) = (packet.ip().source(), packet.next_protocol());
            self.made.remember(step.number, source, kind, packet.payload(), to);
        }
        if self.verbose {
            findings.tree.push(x2u_words(packet, says.unicast.len()));
        }
        self.contents(packet.as_octets(), &Anatomy::of(packet.as_octets(), &self.code_points), step, findings);
    }

    fn v2(&mut self, packet: &PacketV2<'_>, findings: &mut Findings) {
        findings.class = Class::XcastV2;
        findings.sources.push(packet.inner().source().into());
        findings.members = packet.destinations().map(Into::into).collect();
        let targets = packet.destinations().enumerate().map(|(index, address)| Target {
            address: address.into(),
            port: None,
            dscp: None,
            set: packet.bits().contains(index),
            anonymous: packet.anonymous(),
        });
        let (outer, inner) = (packet.outer(), packet.inner());
        findings.line.push(format!("XCAST6 2.0 {} > {}", inner.source(), list(targets)));
        // The outer DSCP and flow label are always those by which routers know the packet.
        let mut words = vec![format!("hop {}", outer.hop_limit())];
        if outer.traffic_class() & 3 != 0 {
            words.push(ecn_name(outer.traffic_class()).into());
        }
        if outer.source() != inner.source() {
            words.push(format!("outer source {}", outer.source()));
        }
        findings.line.push(words.join(", "));
        let flag = |set: bool, letter| if set { letter } else { '-' };
        findings.line.push([flag(packet.anonymous(), 'A'), flag(packet.no_x2u(), 'X')].iter().collect());
        let anatomy = Anatomy::of_v2(packet.as_octets(), &self.code_points);
        let echo = anatomy.parts.last().is_some_and(|part| {
            let segment = packet.as_octets().get(part.at..).unwrap_or(&[]);
            part.kind == PartKind::Transport(protocol::ICMPV6)
                && transport::is_echo_request(protocol::ICMPV6, segment, Family::V6)
        });
        findings.notes.extend(notes::router_says_v2(packet, echo));
        self.show(&anatomy, 0, "", findings);
        if let Some(part) = anatomy.protection().and_then(|place| anatomy.parts.get(place)) {
            let name = part.kind.name(&self.code_points);
            findings.line.push(format!("{name}: AH and ESP are not opened in XCAST6 2.0"));
            findings.protections.push(Verdict::NotTried);
            return;
        }
        let around = Around { source: inner.source().into(), destination: inner.destination().into(), fragment: false };
        self.segment(packet.as_octets(), &anatomy, around, None, findings);
    }

    /// A packet that is not Xcast: ordinary, a tunnel, or IPsec's.
    fn other(&mut self, octets: &[u8], step: Step, findings: &mut Findings) {
        let anatomy = Anatomy::of(octets, &self.code_points);
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
            let whole = octets.get(..ip.packet_len()).unwrap_or(octets);
            self.inside(whole.get(at..).unwrap_or(&[]), kind, step, findings);
            return;
        }
        self.contents(octets, &anatomy, step, findings);
    }

    /// A packet inside this one.
    fn inside(&mut self, octets: &[u8], how: &str, step: Step, findings: &mut Findings) {
        findings.members.clear();
        if self.verbose {
            findings.tree.push(format!("inside the {how}, octets counted anew:"));
        }
        self.packet(octets, Step { depth: step.depth + 1, ..step }, findings);
    }

    /// What follows the IP and Xcast headers: AH and ESP one after the other, as far as they can be opened, and what is in them.
    fn contents(&mut self, octets: &[u8], anatomy: &Anatomy, step: Step, findings: &mut Findings) {
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
            let (verdict, inside) = match &mut self.opener {
                Some(opener) if !anatomy.fragment => opener.open(&octets, icv_at, step.number, &self.code_points),
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
                    let Some(packet) = protection::without_ah(&octets, announced_at, part.at) else { return };
                    octets = packet;
                    anatomy = Anatomy::of(&octets, &self.code_points);
                }
                None => {
                    let end = packet_len(&octets).unwrap_or(octets.len());
                    let hidden = octets.get(part.at + 8..end).unwrap_or(&[]);
                    findings.line.push(format!("{} with IV, padding and ICV", count_octets(hidden.len())));
                    findings.payload = hidden.to_vec();
                    return;
                }
            }
        }
        let Ok((ip, _)) = IpHeader::split(&octets) else { return };
        let around = Around { source: ip.source(), destination: ip.destination(), fragment: anatomy.fragment };
        let made_for = (findings.class == Class::OtherIp).then_some(ip.destination());
        self.segment(&octets, &anatomy, around, made_for, findings);
    }

    /// The transport segment, or whatever stands in its place; with `made_for`, perhaps made by X2U for this destination.
    fn segment(
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
    fn show(&self, anatomy: &Anatomy, from: usize, heading: &str, findings: &mut Findings) {
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

/// A destination as shown.
struct Target {
    address: IpAddr,
    port: Option<u16>,
    dscp: Option<String>,
    set: bool,
    anonymous: bool,
}

/// The destinations: with '+' those still to be served, with '-' the others.
fn list(targets: impl Iterator<Item = Target>) -> String {
    let (mut words, mut set, mut count) = (Vec::new(), 0, 0);
    for target in targets {
        count += 1;
        set += usize::from(target.set);
        if count > SHOWN {
            continue;
        }
        let sign = if target.set { '+' } else { '-' };
        let name = if target.anonymous && target.address.is_unspecified() {
            "erased".into()
        } else {
            with_port(target.address, target.port)
        };
        let dscp = target.dscp.map_or_else(String::new, |dscp| format!("/{dscp}"));
        words.push(format!("{sign}{name}{dscp}"));
    }
    let more = if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() };
    format!("{}{more} ({set} of {count})", words.join(" "))
}

/// Family and source.
fn start(ip: &IpHeader<'_>) -> String {
    format!("{} {}", family_name(ip.family()), ip.source())
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// Hop limit, DSCP, and ECN where it says something.
fn hop(ip: &IpHeader<'_>) -> String {
    let ecn = match ecn_name(ip.traffic_class()) {
        "Not-ECT" => "",
        name => &format!(" {name}"),
    };
    format!("hop {}, {}{ecn}", ip.hop_limit(), dscp_name(ip.dscp()))
}

/// What can be said of a packet that cannot be read.
fn outline(octets: &[u8], name: &str) -> String {
    let space = if name.is_empty() { "" } else { " " };
    let start = match octets.first().map(|first| first >> 4) {
        Some(4) => octets.get(12..16).and_then(|at| <[u8; 4]>::try_from(at).ok()).map(|at| ("IPv4", IpAddr::from(at))),
        Some(6) => octets.get(8..24).and_then(|at| <[u8; 16]>::try_from(at).ok()).map(|at| ("IPv6", IpAddr::from(at))),
        _ => None,
    };
    match start {
        Some((family, source)) => format!("{family} {source}{space}{name}"),
        None => format!("{}{space}{name}", count_octets(octets.len())),
    }
}

/// What X2U would make of a packet, `unicast` of whose destinations a router could reach by it.
fn x2u_words(packet: &XcastPacket<'_>, unicast: usize) -> String {
    match (packet.header().no_x2u(), unicast) {
        (true, _) => "X2U: never, X=1".into(),
        (false, 0) => "X2U: not possible with what is inside, or for none to be served".into(),
        (false, 1) => "X2U: the next router may make it a unicast packet".into(),
        (false, more) => format!("X2U: where ways part, a unicast packet for each of {more}"),
    }
}
