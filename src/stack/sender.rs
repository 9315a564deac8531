//! Sends one transport segment to all members of a session: builds, protects, hands out.

use rand_core::TryCryptoRng;

use super::packets::capacity;
use super::protection::{self, Plan};
use super::report::Tally;
use super::{
    Ends, HeaderTemplate, Limits, Link, PacketError, Recipients, Segment, SendError, SendReport, SenderCounters,
    Session, SessionPacket,
};
use crate::crypto::CryptoProvider;
use crate::ipsec::{AuditSink, Direction, Outbound, OutboundSad, PacketBuf, PolicyLookup, Sent, verdict};
use crate::time::Instant;
use crate::wire::{CodePoints, DestinationSet};

/// What a sender works with, lent for one call.
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct Means<'a, P, G: ?Sized> {
    /// Who has the keys.
    pub crypto: &'a mut P,
    /// For initialization vectors.
    pub rng: &'a mut G,
    /// The time.
    pub now: Instant,
    /// Octets of the longest packet that the link takes. Packets are made no longer than what is known of the path either
    /// ([`PathMtu`](crate::ipsec::PathMtu)).
    pub mtu: usize,
    /// Where packets are built and sealed, one after the other. `mtu` octets are always enough. What was in them before is
    /// lost; afterwards they hold parts of the segment, unencrypted too.
    pub scratch: &'a mut [u8],
}

impl<P, G: ?Sized> core::fmt::Debug for Means<'_, P, G> {
    /// The scratch buffer, which may hold secrets, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Means")
            .field("now", &self.now)
            .field("mtu", &self.mtu)
            .field("scratch_len", &self.scratch.len())
            .finish_non_exhaustive()
    }
}

/// The sending end of a host: code points, policy and associations ([`Outbound`]), and counters.
///
/// ```
/// # #[cfg(feature = "rust-crypto")] {
/// use core::convert::Infallible;
/// use core::net::IpAddr;
/// use xcast_sec::crypto::{AeadAlgorithm, RustCrypto};
/// use xcast_sec::ipsec::{
///     Action, Directionality, FixedOutboundSad, FixedSpd, ModeKind, NoAudit, Outbound, OutboundSa, PolicyEntry, PolicyId,
///     Protection, Required, Sa, SaConfig, SelectorSet, Spi,
/// };
/// use xcast_sec::stack::{Datagram, FnLink, Means, Member, Origin, Sender, Session, SessionConfig};
/// use xcast_sec::time::Instant;
/// use xcast_sec::wire::CodePoints;
///
/// let mut rng = getrandom::SysRng;
/// // Whom to send to.
/// let source: IpAddr = "2001:db8::a".parse().unwrap();
/// let mut session = Session::<8>::new(SessionConfig::new(Origin::without_channel(source))).unwrap();
/// for member in ["2001:db8::b", "2001:db8::c", "2001:db8::d"] {
///     session.add(Member::new(member.parse().unwrap())).unwrap();
/// }
///
/// // How it is protected.
/// let policy = PolicyId::new(1);
/// let action = Action::Protect { policy, required: Required::Esp(ModeKind::Transport) };
/// let mut spd = FixedSpd::<1>::new();
/// spd.push(PolicyEntry { directionality: Directionality::SenderOnly, selectors: SelectorSet::ANY, action }).unwrap();
/// let protection = Protection::EspCombined { algorithm: AeadAlgorithm::AesGcm16, key: &[1; 20] };
/// let config = SaConfig { policy: Some(policy), source: Some(source), ..SaConfig::new(Spi::new(256).unwrap(), protection) };
/// let sa = Sa::new(&config, &mut RustCrypto).unwrap();
/// let mut sad = FixedOutboundSad::<RustCrypto, 1>::new();
/// sad.insert(OutboundSa::new(sa, Instant::START).unwrap()).unwrap();
/// let mut sender = Sender::new(Outbound::new(sad, spd, NoAudit), CodePoints::rfc4727_experiment());
///
/// // Send.
/// let datagram = Datagram { source_port: 4000, destination_port: 4000, payload: b"hello, all of you" };
/// let means = Means { crypto: &mut RustCrypto, rng: &mut rng, now: Instant::START, mtu: 1500, scratch: &mut [0; 1500] };
/// let mut sent = 0;
/// let mut link = FnLink(|packet: &[u8]| {
///     sent += packet.len(); // To the device.
///     Ok::<(), Infallible>(())
/// });
/// let report = sender.send(&session, &datagram, means, &mut link).unwrap();
/// assert_eq!((report.sent, report.members_sent, report.failed), (1, 3, 0));
/// # }
/// ```
#[derive(Debug)]
pub struct Sender<S, Q, A> {
    /// Policy, associations and audit log.
    pub outbound: Outbound<S, Q, A>,
    code_points: CodePoints,
    counters: SenderCounters,
}

impl<S, Q, A> Sender<S, Q, A> {
    /// With all counters 0.
    #[must_use]
    pub fn new(outbound: Outbound<S, Q, A>, code_points: CodePoints) -> Self {
        Self { outbound, code_points, counters: SenderCounters::default() }
    }

    /// The code points it goes by.
    #[must_use]
    pub const fn code_points(&self) -> &CodePoints {
        &self.code_points
    }

    /// What it did so far.
    #[must_use]
    pub const fn counters(&self) -> &SenderCounters {
        &self.counters
    }

    /// Sends a segment to every member of `session` that is enabled, in as many packets as it takes.
    ///
    /// The list is split for the octets that a packet has once it is sealed, so that none is longer than `means.mtu` and what
    /// is known of the path. A packet that serves nobody is left out. A packet that fails does not keep the next from being
    /// sent: the report counts it, and `link` is told.
    ///
    /// # Errors
    ///
    /// - [`SendError`]. Nothing was sent.
    pub fn send<P, G, T, L, const N: usize>(
        &mut self,
        session: &Session<N>,
        segment: &T,
        means: Means<'_, P, G>,
        link: &mut L,
    ) -> Result<SendReport, SendError>
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        T: Segment + ?Sized,
        L: Link + ?Sized,
        S: OutboundSad<P>,
        Q: PolicyLookup,
        A: AuditSink,
    {
        let result = self.plan(session, segment, means.now, means.mtu, means.scratch).and_then(|plan| {
            let packets = session.packets(plan.limits()).map_err(SendError::NothingFits)?;
            Ok((plan, packets))
        });
        self.counters.count_segment(result.is_err());
        let (plan, packets) = result?;
        let ends = self.ends(session, session.has_ports());
        let mut run = Run::new(self, segment, ends, plan.headroom(), means);
        for packet in packets {
            let recipients = Recipients { ids: packet.ids(), bits: packet.bits() };
            let emit = |code_points: &CodePoints, payload_len, buffer: &mut [u8]| {
                let written = packet.emit(code_points, segment.protocol(), payload_len, buffer);
                written.map(|_| ()).map_err(PacketError::Build)
            };
            run.packet(packet.header_len(), recipients, emit, link);
        }
        Ok(run.tally.report)
    }

    /// Sends a segment behind headers prepared before: those of the packets that `plan` made of `session`. `plan` and `templates`
    /// are to be made anew whenever members come or go ([`Session::revision`]), policy or associations change, or the segment
    /// becomes longer.
    ///
    /// A template of another protocol than the segment's fails as [`PacketError::OtherProtocol`]. A packet that turns out longer than
    /// `means.mtu` does not go out.
    pub fn send_prepared<'t, P, G, T, L, const N: usize, const H: usize>(
        &mut self,
        plan: &Plan,
        session: &Session<N>,
        templates: impl IntoIterator<Item = &'t HeaderTemplate<H>>,
        segment: &T,
        means: Means<'_, P, G>,
        link: &mut L,
    ) -> SendReport
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        T: Segment + ?Sized,
        L: Link + ?Sized,
        S: OutboundSad<P>,
        Q: PolicyLookup,
        A: AuditSink,
    {
        self.counters.count_segment(false);
        let ends = self.ends(session, false);
        let mut run = Run::new(self, segment, ends, plan.headroom(), means);
        for template in templates {
            run.ends.ports_listed = template.has_ports();
            let bits = template.bits(session);
            let recipients = Recipients { ids: template.ids(), bits };
            let emit = |_: &CodePoints, payload_len, buffer: &mut [u8]| {
                if template.next_protocol() != segment.protocol() {
                    return Err(PacketError::OtherProtocol);
                }
                template.emit(bits, payload_len, buffer).map(|_| ()).map_err(PacketError::Build)
            };
            run.packet(template.header_len(), recipients, emit, link);
        }
        run.tally.report
    }

    /// What the packets of `session` must leave room for when `segment` goes out in them: as policy says how it is protected,
    /// and by the associations there are now. Of the segment its length and what policy judges it by count.
    ///
    /// # Errors
    ///
    /// - [`SendError`]; [`SendError::NothingFits`] if not even a packet in the clear would fit.
    pub fn plan<P, T, const N: usize>(
        &mut self,
        session: &Session<N>,
        segment: &T,
        now: Instant,
        mtu: usize,
        scratch: &mut [u8],
    ) -> Result<Plan, SendError>
    where
        P: CryptoProvider,
        T: Segment + ?Sized,
        S: OutboundSad<P>,
        Q: PolicyLookup,
    {
        let limits = Limits::new(mtu, segment.len());
        let Some(probe) = SessionPacket::to_first(session) else { return Ok(Plan::in_the_clear(limits)) };
        // Too long in the clear, it is too long in any case.
        capacity(session, &limits).map_err(SendError::NothingFits)?;
        let needed = probe.header_len().saturating_add(segment.len());
        let packet = scratch.get_mut(..needed).ok_or(SendError::ScratchTooSmall { needed })?;
        // Served, whether it is at the moment or not: policy is asked what it says of all ports of a list.
        let payload = probe
            .with_repr(DestinationSet::first_n(1), segment.protocol(), |repr| {
                probe.emit_repr(repr, &self.code_points, segment.len(), packet)
            })
            .map_err(SendError::Build)?;
        segment.write(&self.ends(session, session.has_ports()), payload).map_err(SendError::Build)?;
        let (selectors, action) = verdict(&self.outbound.policy, Direction::Outbound, packet, Some(&self.code_points))
            .map_err(SendError::Unreadable)?;
        Ok(protection::plan(&mut self.outbound, &selectors, action, limits, now))
    }

    fn ends<const N: usize>(&self, session: &Session<N>, ports_listed: bool) -> Ends {
        let destination = session.config().router.unwrap_or(self.code_points.routers(session.family()));
        let to_router = session.config().router.is_some();
        Ends { source: session.config().origin.source(), destination, ports_listed, to_router }
    }
}

/// The packets of one segment.
struct Run<'a, 'm, S, Q, A, P, G: ?Sized, T: ?Sized> {
    outbound: &'a mut Outbound<S, Q, A>,
    code_points: &'a CodePoints,
    tally: Tally<'a>,
    segment: &'a T,
    ends: Ends,
    headroom: usize,
    means: Means<'m, P, G>,
}

impl<'a, 'm, S, Q, A, P, G, T> Run<'a, 'm, S, Q, A, P, G, T>
where
    P: CryptoProvider,
    G: TryCryptoRng + ?Sized,
    T: Segment + ?Sized,
    S: OutboundSad<P>,
    Q: PolicyLookup,
    A: AuditSink,
{
    fn new(
        sender: &'a mut Sender<S, Q, A>,
        segment: &'a T,
        ends: Ends,
        headroom: usize,
        means: Means<'m, P, G>,
    ) -> Self {
        let Sender { outbound, code_points, counters } = sender;
        Self { outbound, code_points, tally: Tally::new(counters), segment, ends, headroom, means }
    }

    /// Builds, protects and hands out one packet, unless it serves nobody.
    fn packet<L: Link + ?Sized>(
        &mut self,
        header_len: usize,
        recipients: Recipients<'_>,
        emit: impl FnOnce(&CodePoints, usize, &mut [u8]) -> Result<(), PacketError>,
        link: &mut L,
    ) {
        let members = recipients.bits().len();
        if members == 0 {
            return self.tally.idle();
        }
        let result = match self.seal(header_len, emit) {
            Ok(packet) => link.transmit(packet.as_octets(), &recipients).map_err(|_| PacketError::Link),
            Err(error) => {
                link.not_sent(&recipients, error);
                Err(error)
            }
        };
        match result {
            Ok(()) => self.tally.sent(members),
            Err(error) => self.tally.failed(members, error),
        }
    }

    fn seal(
        &mut self,
        header_len: usize,
        emit: impl FnOnce(&CodePoints, usize, &mut [u8]) -> Result<(), PacketError>,
    ) -> Result<PacketBuf<'_>, PacketError> {
        let Means { crypto, rng, now, mtu, scratch } = &mut self.means;
        let segment_len = self.segment.len();
        let segment_at = self.headroom.saturating_add(header_len);
        let end = segment_at.saturating_add(segment_len);
        let too_small = PacketError::ScratchTooSmall { needed: end };
        let place = scratch.get_mut(self.headroom..end).ok_or(too_small)?;
        emit(self.code_points, segment_len, place)?;
        let payload = place.get_mut(header_len..).ok_or(too_small)?;
        self.segment.write(&self.ends, payload).map_err(PacketError::Build)?;
        let mut packet = PacketBuf::new(scratch, self.headroom..end).ok_or(too_small)?;
        let sent = self
            .outbound
            .process(*crypto, *rng, Some(self.code_points), *now, &mut packet)
            .map_err(PacketError::Protect)?;
        if let Sent::Protected { soft_limit } = sent {
            if let Some(limit) = soft_limit {
                self.tally.report.soft_limit = Some(limit);
            }
            if self.ends.to_router {
                return Err(PacketError::ProtectedToRouter);
            }
        }
        let len = packet.len();
        if len > *mtu { Err(PacketError::TooLong { len, mtu: *mtu }) } else { Ok(packet) }
    }
}
