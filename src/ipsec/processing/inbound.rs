//! Packets that come in (RFC 4301 §5.2).

use super::audit::{AuditEvent, AuditReason, AuditSink};
use super::counters::InboundCounters;
use super::judge::{Found, Judge};
use super::received::{Layers, Received};
use super::verdict::{is_for, verdict};
use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::SaId;
use crate::ipsec::association::sad::{FixedSad, InboundSad};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::OpenError;
use crate::ipsec::packet::open::{Content, Opened, Pending, open_through};
use crate::ipsec::packet::tried::Tried;
use crate::ipsec::policy::{
    Action, Direction, PolicyId, PolicyLookup, SelectorSet, Selectors, SenderFilter, UpperLayer,
};
use crate::ipsec::replay::senders::{ReplayStore, SenderWindows};
use crate::time::Instant;
use crate::wire::{CodePoints, ParseError, ParseErrorKind, protocol};

/// Why a packet that came in was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InboundError {
    /// It was not opened.
    Open(OpenError),
    /// It was not opened, because its ICV did not verify; and that is the packet with which enough in a row have failed under
    /// an association with extended sequence numbers for it to be out of step (RFC 4303 §A3.1). Hand it, as it arrived, to
    /// [`Inbound::resynchronize`], in the background and not too often: anybody can provoke this error. It is unchanged but where
    /// AH stood around an ESP out of step, which is off then; and in a batch in which packets before it moved the window into
    /// another upper half, where it may be decrypted.
    OutOfStep,
    /// What policy would judge it by cannot be read.
    Unreadable(ParseError),
    /// No entry of the policy is for it (RFC 4301 §5.2 step 3b).
    NoPolicy,
    /// Policy says DISCARD.
    Discarded,
    /// It came in the clear, and policy says PROTECT.
    Unprotected {
        /// What the protection is known by.
        policy: PolicyId,
    },
    /// It was authentic, but under an association or with a protection that is not for such packets (RFC 4301 §5.2 step 5):
    /// made for another [policy](crate::ipsec::SaConfig::policy) or none, or less than policy asks for.
    WrongProtection,
}

impl core::fmt::Display for InboundError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::OutOfStep => {
                f.write_str("integrity check value does not verify, as so often that numbers may be out of step")
            }
            Self::Unreadable(error) => error.fmt(f),
            Self::NoPolicy => f.write_str("no policy"),
            Self::Discarded => f.write_str("discarded by policy"),
            Self::Unprotected { .. } => f.write_str("not protected, as policy asks"),
            Self::WrongProtection => f.write_str("protected otherwise than policy asks"),
        }
    }
}

impl core::error::Error for InboundError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Open(error) => Some(error),
            Self::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

/// Processes packets that come in: opens them and holds them to the policy, so that nothing gets in in the clear, or under
/// another association, where policy says PROTECT (RFC 4301 §5.2).
///
/// The databases are the host's: by value, or as `&mut`.
///
/// ```
/// use xcast_sec::crypto::RustCrypto;
/// use xcast_sec::ipsec::{AnySender, FixedSad, FixedSpd, Inbound, InboundError, NoAudit, SenderWindows};
/// use xcast_sec::ipsec::{Action, Directionality, PacketBuf, PolicyEntry, SelectorSet};
/// use xcast_sec::time::Instant;
/// # use xcast_sec::wire::Ipv4Repr;
/// # let mut packet = [0; 20];
/// # Ipv4Repr { tos: 0, ttl: 1, protocol: 17, source: [192, 0, 2, 1].into(), destination: [192, 0, 2, 2].into(),
/// #     options_len: 0, payload_len: 0 }.emit(&mut packet)?;
///
/// let mut inbound = Inbound::new(
///     FixedSad::<RustCrypto, 8>::new(),
///     SenderWindows::<16, 2>::new(128).ok_or("window size")?,
///     FixedSpd::<8>::new(),
///     AnySender,
///     NoAudit,
/// );
/// // With no policy nothing gets in.
/// let now = Instant::START;
/// let mut packet = PacketBuf::new(&mut packet, 0..20).ok_or("buffer")?;
/// let result = inbound.process(&mut RustCrypto, None, now, &mut packet);
/// assert_eq!(result, Err(InboundError::NoPolicy));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Inbound<S, R, Q, F, A> {
    /// The associations.
    pub sad: S,
    /// The windows of all senders.
    pub replay: R,
    /// The policy.
    pub policy: Q,
    /// Who may send.
    pub senders: F,
    /// Who is told of discarded packets.
    pub audit: A,
    counters: InboundCounters,
    resync_after: u32,
}

/// How many packets in a row must fail before an association is taken to be out of step, unless the host says otherwise
/// (RFC 4303 §A3.1 leaves it open).
const RESYNC_AFTER: u32 = 64;

impl<S, R, Q, F, A> Inbound<S, R, Q, F, A> {
    /// With these databases, and all counters 0.
    #[must_use]
    pub const fn new(sad: S, replay: R, policy: Q, senders: F, audit: A) -> Self {
        Self { sad, replay, policy, senders, audit, counters: InboundCounters::ZERO, resync_after: RESYNC_AFTER }
    }

    /// Sets how many packets of an association in a row must fail for it to be reported as out of step, and how many more
    /// until it is again; 64 otherwise, and never with 0.
    pub const fn set_resync_after(&mut self, failures: u32) {
        self.resync_after = failures;
    }

    /// What became of all packets so far.
    #[must_use]
    pub const fn counters(&self) -> &InboundCounters {
        &self.counters
    }

    /// Processes a packet that is addressed to this host, or that this host is among the destinations of; in place.
    ///
    /// AH and ESP are opened, one inside the other if there are both, until the packet shows what policy judges it by. In
    /// tunnel mode that is the inner packet, which is not opened further: where it is protected itself and for this host, it
    /// is a packet of its own, to be processed again (RFC 4301 §5.2). Of an Xcast packet with a list of ports, policy must
    /// say the same of every port it can still be delivered to, and the same as of one to All_Xcast_Routers: `code_points` must
    /// be those that the host reads Xcast packets with.
    ///
    /// # Errors
    ///
    /// - [`InboundError`]. The packet must be dropped; octets of it may have changed, those after
    ///   [`InboundError::OutOfStep`] excepted. No window has moved and no sender was added, but that of AH where there was no
    ///   room for the sender of the ESP in it.
    pub fn process<P>(
        &mut self,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        now: Instant,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Received, InboundError>
    where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
        Q: PolicyLookup,
        F: SenderFilter,
        A: AuditSink,
    {
        self.process_tried(crypto, code_points, now, 0, None, packet)
    }

    /// Processes a packet as [`process`](Self::process) does, and tries the next `tries` upper halves of its extended sequence
    /// numbers, as [`resynchronize`](crate::ipsec::resynchronize) does, with the same warnings.
    ///
    /// # Errors
    ///
    /// - Those of [`process`](Self::process).
    pub fn resynchronize<P>(
        &mut self,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        now: Instant,
        tries: u32,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Received, InboundError>
    where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
        Q: PolicyLookup,
        F: SenderFilter,
        A: AuditSink,
    {
        self.process_tried(crypto, code_points, now, tries, None, packet)
    }

    /// Processes a packet of which something may have been computed before.
    pub(crate) fn process_tried<P>(
        &mut self,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        now: Instant,
        tries: u32,
        tried: Option<&mut Tried>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Received, InboundError>
    where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
        Q: PolicyLookup,
        F: SenderFilter,
        A: AuditSink,
    {
        self.counters.count_packet();
        let mut step = Step { crypto, code_points, now, tries, tried, found: None, opened: heapless::Vec::new() };
        let result = self
            .open_all(&mut step, packet)
            .and_then(|layers| self.judge(layers, &step, packet))
            .and_then(|received| self.settle(&mut step).map(|()| received));
        match &result {
            Ok(Received::Bypassed) => self.counters.count_bypassed(),
            Ok(Received::Protected(_)) => self.counters.count_protected(),
            Ok(Received::Dummy(_)) => self.counters.count_dummy(),
            Err(error) => {
                self.counters.count_error(error);
                let reason = AuditReason::Inbound(*error);
                let mut event = AuditEvent::of(reason, now, packet.as_octets(), code_points);
                if let Some(found) = step.found {
                    event.name_sa(&found.arrived, found.sa, found.policy);
                }
                self.audit.record(&event);
            }
        }
        result
    }

    /// Opens one protection after the other.
    fn open_all<P>(&mut self, step: &mut Step<'_, P>, packet: &mut PacketBuf<'_>) -> Result<Layers, InboundError>
    where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
        F: SenderFilter,
    {
        let mut layers = Layers::default();
        while layers.may_go_on() {
            match self.open_one(step, packet) {
                Ok(opened) => {
                    layers.push(opened);
                    if opened.content == Content::Dummy {
                        break;
                    }
                }
                Err(InboundError::Open(OpenError::NotProtected)) => break,
                // A fragment of something else than AH or ESP is policy's business.
                Err(InboundError::Open(OpenError::Parse(error)))
                    if error.kind() == ParseErrorKind::Fragment && !shows_protection(packet, step.code_points) =>
                {
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(layers)
    }

    /// Opens one protection, and counts that beside its association.
    fn open_one<P>(&mut self, step: &mut Step<'_, P>, packet: &mut PacketBuf<'_>) -> Result<Opened, InboundError>
    where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
        F: SenderFilter,
    {
        let mut gate = Judge { sad: &self.sad, senders: &self.senders, now: step.now, found: None };
        let Step { crypto, code_points, tries, tried, .. } = step;
        let mut untried = Tried::nothing();
        let tried = tried.take().unwrap_or(&mut untried);
        let (sad, replay) = (&self.sad, &mut self.replay);
        let result = open_through(&mut gate, sad, replay, *crypto, *code_points, *tries, None, tried, packet)
            .map(|done| (done.opened(), done.pending()));
        let found = gate.found;
        // What follows the last protection says nothing against the association of that.
        if !matches!(result, Err(OpenError::NotProtected)) {
            step.found = found;
        }
        let Some(found) = found else { return result.map(|(opened, _)| opened).map_err(InboundError::Open) };
        match result {
            Err(OpenError::Icv) => {
                let Some(state) = self.sad.state_mut(&found.sa) else { return Err(InboundError::Open(OpenError::Icv)) };
                state.failed();
                let is_due = state.failures().checked_rem(self.resync_after) == Some(0);
                let out_of_step = found.esn && *tries == 0 && is_due;
                Err(if out_of_step { InboundError::OutOfStep } else { InboundError::Open(OpenError::Icv) })
            }
            Err(error) => Err(InboundError::Open(error)),
            Ok((opened, pending)) => {
                // Never more than two: `Layers` sees to that.
                let _ = step.opened.push((found, pending));
                Ok(opened)
            }
        }
    }

    /// A packet passes: windows move, and its octets count.
    fn settle<P>(&mut self, step: &mut Step<'_, P>) -> Result<(), InboundError>
    where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
    {
        for (found, pending) in &step.opened {
            step.found = Some(*found);
            pending.commit(&mut self.replay).map_err(|error| InboundError::Open(error.into()))?;
            if let Some(state) = self.sad.state_mut(&found.sa) {
                state.succeeded(found.octets);
            }
        }
        Ok(())
    }

    /// Holds a packet to the policy, and to what its associations are for.
    fn judge<P>(&self, layers: Layers, step: &Step<'_, P>, packet: &PacketBuf<'_>) -> Result<Received, InboundError>
    where
        Q: PolicyLookup,
    {
        if layers.iter().any(|layer| layer.content == Content::Dummy) {
            // There is nothing to look policy up by, but the protection that its associations were made for.
            let had = layers.protection().ok_or(InboundError::WrongProtection)?;
            let is_whole = self.policy.required(had.0) == Some(had.1);
            return if is_whole { Ok(Received::Dummy(layers)) } else { Err(InboundError::WrongProtection) };
        }
        let (_, action) = verdict(&self.policy, Direction::Inbound, packet.as_octets(), step.code_points)
            .map_err(InboundError::Unreadable)?;
        let of_their_associations = step.opened.iter().all(|(found, _)| {
            found.selectors == SelectorSet::ANY
                || is_for(&found.selectors, Direction::Inbound, packet.as_octets(), step.code_points)
        });
        if !of_their_associations {
            return Err(InboundError::WrongProtection);
        }
        match action.ok_or(InboundError::NoPolicy)? {
            Action::Discard => Err(InboundError::Discarded),
            Action::Bypass if layers.outer.is_none() => Ok(Received::Bypassed),
            Action::Bypass => Err(InboundError::WrongProtection),
            Action::Protect { policy, .. } if layers.outer.is_none() => Err(InboundError::Unprotected { policy }),
            Action::Protect { policy, required } => match layers.protection() {
                Some(had) if had == (policy, required) => Ok(Received::Protected(layers)),
                _ => Err(InboundError::WrongProtection),
            },
        }
    }
}

impl<P, Q, F, A, const N: usize, const SENDERS: usize, const WORDS: usize>
    Inbound<FixedSad<P, N>, SenderWindows<SENDERS, WORDS>, Q, F, A>
where
    P: CryptoProvider,
{
    /// Drops an association and its key, and then its senders' windows, which would take up room for ever. Returns whether it
    /// was there.
    pub fn remove_sa(&mut self, sa: &SaId) -> bool {
        let was_there = self.sad.remove(sa);
        self.replay.forget(sa);
        was_there
    }
}

/// Whether the next layer of a fragment is AH or ESP.
fn shows_protection(packet: &PacketBuf<'_>, code_points: Option<&CodePoints>) -> bool {
    let next_layer = Selectors::of(packet.as_octets(), code_points).map(|selectors| selectors.next_layer);
    matches!(next_layer, Ok(UpperLayer::Protocol(kind) | UpperLayer::Hidden(kind)) if matches!(kind, protocol::AH | protocol::ESP))
}

/// What all layers of a packet are opened with, and what was found out.
struct Step<'a, P> {
    crypto: &'a mut P,
    code_points: Option<&'a CodePoints>,
    now: Instant,
    tries: u32,
    /// What was computed of the outermost protection before, in a batch.
    tried: Option<&'a mut Tried>,
    /// The last association found.
    found: Option<Found>,
    /// The protections taken off, outermost first, whose windows have not moved.
    opened: heapless::Vec<(Found, Pending), 2>,
}
