//! Xcast packets that can be read.

use xcast_sec::wire::xcast6_v2::PacketV2;
use xcast_sec::wire::{BitmapPlace, Family, XcastPacket, protocol};

use super::super::anatomy::{Anatomy, PartKind};
use super::super::fault::Fault;
use super::super::findings::{Class, Findings};
use super::super::names::{dscp_name, ecn_name, hex};
use super::super::notes;
use super::super::protection::Verdict;
use super::super::transport::{self, Around};
use super::words::{Target, hop, list, start};
use super::{Describer, Step};

impl Describer {
    pub(super) fn xcast(
        &mut self,
        packet: &XcastPacket<'_>,
        fault: Option<Fault>,
        step: Step,
        findings: &mut Findings,
    ) {
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
        if !says.unicast.is_empty() && !step.cut {
            let to = says.unicast.iter().filter_map(|index| packet.destination(index)).collect();
            let (source, kind) = (packet.ip().source(), packet.next_protocol());
            self.made.remember(step.number, source, kind, packet.payload(), to);
        }
        if self.verbose {
            findings.tree.push(x2u_words(packet, says.unicast.len()));
        }
        let real = step.real(packet.as_octets());
        self.contents(real, &Anatomy::of(real, &self.code_points), packet.ip(), step, findings);
    }

    pub(super) fn v2(&mut self, packet: &PacketV2<'_>, step: Step, findings: &mut Findings) {
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
        let real = step.real(packet.as_octets());
        let anatomy = Anatomy::of_v2(real, &self.code_points);
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
        let around =
            Around { source: inner.source().into(), destination: inner.destination().into(), partial: step.cut };
        self.segment(real, &anatomy, around, None, findings);
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
