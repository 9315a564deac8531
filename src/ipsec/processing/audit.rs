//! What happened to packets that did not pass, for whoever keeps a log (RFC 4301 §9, RFC 4302 §4, RFC 4303 §4).

use core::net::IpAddr;

use super::inbound::InboundError;
use super::outbound::OutboundError;
use crate::ipsec::association::config::{SaId, SecurityProtocol};
use crate::ipsec::packet::arrived::{Arrived, Claim};
use crate::ipsec::packet::placement::{Place, find_protection};
use crate::ipsec::policy::{Direction, PolicyId, Selectors};
use crate::time::Instant;
use crate::wire::{CodePoints, ExtensionHeader, IpHeader, protocol, u8_at, u16_at};

/// Why a packet did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a packet comes in or goes out")]
pub enum AuditReason {
    /// It came in.
    Inbound(InboundError),
    /// It was to go out.
    Outbound(OutboundError),
}

impl core::fmt::Display for AuditReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Inbound(error) => write!(f, "inbound: {error}"),
            Self::Outbound(error) => write!(f, "outbound: {error}"),
        }
    }
}

/// One packet that did not pass, with what the RFCs ask an audit log to tell of it.
///
/// A field is `None` where the packet does not show it. Nothing but the reason is more than the packet's own word, unless
/// the reason says that it was authentic. No key, ICV or payload is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// Why, and whether in or out.
    pub reason: AuditReason,
    /// When, by the host's clock.
    pub time: Instant,
    /// AH or ESP.
    pub protocol: Option<SecurityProtocol>,
    /// Security Parameters Index, reserved values included.
    pub spi: Option<u32>,
    /// The sequence number as carried, 32 bits; of a packet that was to go out the last one used, whole.
    pub sequence: Option<u64>,
    /// Source address.
    pub source: Option<IpAddr>,
    /// Destination address.
    pub destination: Option<IpAddr>,
    /// Flow label (IPv6).
    pub flow_label: Option<u32>,
    /// Everything policy judges the packet by, if it can be read.
    pub selectors: Option<Selectors>,
    /// The association that was found for it.
    pub sa: Option<SaId>,
    /// The protection that this association was made for.
    pub policy: Option<PolicyId>,
}

impl AuditEvent {
    /// What `packet` shows of itself.
    pub(super) fn of(reason: AuditReason, time: Instant, packet: &[u8], code_points: Option<&CodePoints>) -> Self {
        let ip = IpHeader::split(packet).ok().map(|(ip, _)| ip);
        let claim = claim(packet, code_points);
        Self {
            reason,
            time,
            protocol: claim.map(|claim| claim.protocol),
            spi: claim.map(|claim| claim.spi),
            sequence: claim.map(|claim| u64::from(claim.sequence)),
            source: ip.as_ref().map(IpHeader::source),
            destination: ip.as_ref().map(IpHeader::destination),
            flow_label: match ip {
                Some(IpHeader::V6(header)) => Some(header.flow_label()),
                _ => None,
            },
            selectors: Selectors::of(packet, code_points).ok(),
            sa: None,
            policy: None,
        }
    }

    /// Adds what is known of the association that was found for the packet.
    pub(super) const fn name_sa(&mut self, arrived: &Arrived, sa: SaId, policy: Option<PolicyId>) {
        self.protocol = Some(arrived.protocol);
        self.spi = Some(arrived.spi.value());
        self.sequence = Some(arrived.sequence as u64);
        self.sa = Some(sa);
        self.policy = policy;
    }

    /// Adds what is known of the association that was chosen for a packet to go out.
    pub(super) const fn name_outbound_sa(&mut self, sa: SaId, policy: PolicyId, last: u64) {
        self.protocol = Some(sa.protocol);
        self.spi = Some(sa.spi.value());
        self.sequence = Some(last);
        self.sa = Some(sa);
        self.policy = Some(policy);
    }

    /// Whether the packet came in or was to go out.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        match self.reason {
            AuditReason::Inbound(_) => Direction::Inbound,
            AuditReason::Outbound(_) => Direction::Outbound,
        }
    }
}

impl core::fmt::Display for AuditEvent {
    /// One line: when, why, and every field there is.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} us: {}", self.time.as_micros(), self.reason)?;
        if let Some(protocol) = self.protocol {
            write!(f, "; {}", if protocol == SecurityProtocol::Ah { "AH" } else { "ESP" })?;
        }
        if let Some(spi) = self.spi {
            write!(f, " SPI {spi:#010x}")?;
        }
        if let Some(sequence) = self.sequence {
            write!(f, " number {sequence}")?;
        }
        if let (Some(source), Some(destination)) = (self.source, self.destination) {
            write!(f, "; {source} to {destination}")?;
        }
        if let Some(flow_label) = self.flow_label {
            write!(f, " flow {flow_label:#07x}")?;
        }
        if let Some(selectors) = self.selectors {
            write!(f, "; {:?}", selectors.next_layer)?;
        }
        if let Some(policy) = self.policy {
            write!(f, "; policy {}", policy.value())?;
        }
        Ok(())
    }
}

/// What the AH or ESP header of a packet says, also of one that is not opened because its SPI is reserved or because it is a
/// fragment; of those the first shows it, if no Xcast4 header stands in front.
fn claim(packet: &[u8], code_points: Option<&CodePoints>) -> Option<Claim> {
    let (ip, _) = IpHeader::split(packet).ok()?;
    match find_protection(&ip, packet, code_points) {
        Ok(place) => Claim::at(packet, &place).ok(),
        Err(_) => Claim::glimpse(packet, &behind_fragment_header(packet)?),
    }
}

/// Where the first fragment of an IPv4 packet, or one of an IPv6 packet behind its Fragment header, shows what it holds.
fn behind_fragment_header(packet: &[u8]) -> Option<Place> {
    let (ip, _) = IpHeader::split(packet).ok()?;
    let mut place = Place::behind_ip(&ip);
    if let IpHeader::V4(header) = ip {
        return (header.fragment_offset() == 0).then_some(place);
    }
    loop {
        let kind = place.next_header;
        match kind {
            protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS | protocol::ROUTING => {
                place = place.behind(&ExtensionHeader::read(packet, kind, place.at).ok()?);
            }
            // Next Header, a reserved octet, and the offset above three bits of flags (RFC 8200 §4.5).
            protocol::FRAGMENT if u16_at(packet, place.at.checked_add(2)?)? >> 3 == 0 => {
                let next_header = u8_at(packet, place.at)?;
                place = Place { at: place.at.checked_add(8)?, announced_at: place.at, next_header, ..place };
            }
            _ => return Some(place),
        }
    }
}

/// Takes events in.
///
/// # Security
///
/// Called once for every packet that does not pass, most of which anybody can send as often as the link takes them. An
/// implementation that writes each one down can be flooded: it should look at the reason and keep a rate. The counters count
/// all of them in any case.
pub trait AuditSink {
    /// Takes an event.
    fn record(&mut self, event: &AuditEvent);
}

impl<T: AuditSink + ?Sized> AuditSink for &mut T {
    fn record(&mut self, event: &AuditEvent) {
        (**self).record(event);
    }
}

/// No audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "there is nothing to it")]
pub struct NoAudit;

impl AuditSink for NoAudit {
    fn record(&mut self, _event: &AuditEvent) {}
}

/// Keeps the first `N` events since the host last looked, and counts those that came after: a flood costs no more than that.
#[derive(Debug, Default)]
pub struct RecentEvents<const N: usize> {
    events: heapless::Deque<AuditEvent, N>,
    missed: u64,
}

impl<const N: usize> RecentEvents<N> {
    /// No event yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { events: heapless::Deque::new(), missed: 0 }
    }

    /// Takes the oldest event out.
    pub fn pop(&mut self) -> Option<AuditEvent> {
        self.events.pop_front()
    }

    /// The events kept, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &AuditEvent> {
        self.events.iter()
    }

    /// How many events found no room, and forgets them.
    pub const fn take_missed(&mut self) -> u64 {
        core::mem::replace(&mut self.missed, 0)
    }
}

impl<const N: usize> AuditSink for RecentEvents<N> {
    fn record(&mut self, event: &AuditEvent) {
        if self.events.push_back(*event).is_err() {
            self.missed = self.missed.saturating_add(1);
        }
    }
}
