//! Packets that go out (RFC 4301 §5.1).

use rand_core::TryCryptoRng;

use super::audit::{AuditEvent, AuditReason, AuditSink};
use super::counters::OutboundCounters;
use super::outbound_sad::{OutboundKey, OutboundSad};
use super::verdict::{is_for, verdict};
use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::{SaId, SecurityProtocol};
use crate::ipsec::association::lifetime::LimitKind;
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::policy::{Action, Direction, ModeKind, PolicyId, PolicyLookup, Required, SelectorSet};
use crate::ipsec::sending::outbound::{Beneath, OutboundSa};
use crate::time::Instant;
use crate::wire::{CodePoints, ParseError};

/// Why a packet that was to go out was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutboundError {
    /// It was not sealed.
    Seal(SealError),
    /// What policy would judge it by cannot be read.
    Unreadable(ParseError),
    /// No entry of the policy is for it.
    NoPolicy,
    /// Policy says DISCARD.
    Discarded,
    /// Policy says PROTECT, and there is no association to do so: time for key management (RFC 4301 §5.1 step 3b, RFC 5374
    /// §4.1.1).
    NoSa {
        /// What the protection is known by.
        policy: PolicyId,
        /// What is missing.
        protocol: SecurityProtocol,
    },
}

impl core::fmt::Display for OutboundError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Seal(error) => error.fmt(f),
            Self::Unreadable(error) => error.fmt(f),
            Self::NoPolicy => f.write_str("no policy"),
            Self::Discarded => f.write_str("discarded by policy"),
            Self::NoSa { policy, protocol } => {
                write!(f, "no security association for {protocol:?} under policy {}", policy.value())
            }
        }
    }
}

impl core::error::Error for OutboundError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Seal(error) => Some(error),
            Self::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

/// A packet that may go out as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 4301 §5.1 has no other end of a packet that passes")]
pub enum Sent {
    /// In the clear.
    Bypassed,
    /// Sealed.
    Protected {
        /// An association that has passed a soft limit and should be replaced.
        soft_limit: Option<(SaId, LimitKind)>,
    },
}

/// Processes packets that are to go out: each is sealed, passes in the clear, or does not pass, as policy says (RFC 4301 §5.1).
///
/// The databases are the host's: by value, or as `&mut`.
#[derive(Debug)]
pub struct Outbound<S, Q, A> {
    /// The associations.
    pub sad: S,
    /// The policy.
    pub policy: Q,
    /// Who is told of discarded packets.
    pub audit: A,
    counters: OutboundCounters,
}

impl<S, Q, A> Outbound<S, Q, A> {
    /// With these databases, and all counters 0.
    #[must_use]
    pub const fn new(sad: S, policy: Q, audit: A) -> Self {
        Self { sad, policy, audit, counters: OutboundCounters::ZERO }
    }

    /// What became of all packets so far.
    #[must_use]
    pub const fn counters(&self) -> &OutboundCounters {
        &self.counters
    }

    /// Processes a packet, in place: ESP first, AH around it where policy asks for both.
    ///
    /// # Errors
    ///
    /// - [`OutboundError`]. The packet must not be sent. It is unchanged, except after [`SealError::Crypto`], and where AH
    ///   failed around ESP.
    pub fn process<P, G>(
        &mut self,
        crypto: &mut P,
        rng: &mut G,
        code_points: Option<&CodePoints>,
        now: Instant,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Sent, OutboundError>
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        S: OutboundSad<P>,
        Q: PolicyLookup,
        A: AuditSink,
    {
        self.counters.count_packet();
        let mut step = Step { crypto, rng, code_points, now, sa: None };
        let result = self.decide(&mut step, packet);
        match &result {
            Ok(Sent::Bypassed) => self.counters.count_bypassed(),
            Ok(Sent::Protected { .. }) => self.counters.count_protected(),
            Err(error) => {
                self.counters.count_error(error);
                let mut event = AuditEvent::of(AuditReason::Outbound(*error), now, packet.as_octets(), code_points);
                if let Some((sa, policy, last)) = step.sa {
                    event.name_outbound_sa(sa, policy, last);
                }
                self.audit.record(&event);
            }
        }
        result
    }

    fn decide<P, G>(&mut self, step: &mut Step<'_, P, G>, packet: &mut PacketBuf<'_>) -> Result<Sent, OutboundError>
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        S: OutboundSad<P>,
        Q: PolicyLookup,
    {
        let (selectors, action) = verdict(&self.policy, Direction::Outbound, packet.as_octets(), step.code_points)
            .map_err(OutboundError::Unreadable)?;
        match action.ok_or(OutboundError::NoPolicy)? {
            Action::Discard => Err(OutboundError::Discarded),
            Action::Bypass => Ok(Sent::Bypassed),
            Action::Protect { policy, required } => {
                let key = |protocol, mode| OutboundKey {
                    policy,
                    protocol,
                    mode,
                    source: selectors.source,
                    destination: selectors.destination,
                    packet: selectors,
                };
                let soft_limit = match required {
                    Required::Ah(mode) | Required::Esp(mode) => {
                        let is_ah = matches!(required, Required::Ah(_));
                        let key = key(if is_ah { SecurityProtocol::Ah } else { SecurityProtocol::Esp }, mode);
                        select_for(&mut self.sad, &key, step.code_points, packet)?;
                        self.seal(step, &key, None, packet)?
                    }
                    Required::AhAroundEsp { esp } => {
                        let esp = key(SecurityProtocol::Esp, esp);
                        self.seal_both(step, &esp, packet)?
                    }
                };
                Ok(Sent::Protected { soft_limit })
            }
        }
    }

    /// Seals under one association. `outer` is the protection that goes around it afterwards.
    fn seal<P, G>(
        &mut self,
        step: &mut Step<'_, P, G>,
        key: &OutboundKey,
        outer: Option<Beneath>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Option<(SaId, LimitKind)>, OutboundError>
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        S: OutboundSad<P>,
    {
        let sa = select(&mut self.sad, key)?;
        let id = sa.sa().id();
        step.sa = Some((id, key.policy, sa.counter().last()));
        let sealed = sa
            .seal_beneath(outer, step.now, step.crypto, step.rng, step.code_points, packet)
            .map_err(OutboundError::Seal)?;
        Ok(sealed.soft_limit.map(|limit| (id, limit)))
    }

    /// Seals with ESP, and AH around it. What AH would refuse is found out before ESP changes the packet.
    fn seal_both<P, G>(
        &mut self,
        step: &mut Step<'_, P, G>,
        esp: &OutboundKey,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Option<(SaId, LimitKind)>, OutboundError>
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        S: OutboundSad<P>,
    {
        let inner = select_for(&mut self.sad, esp, step.code_points, packet)?;
        let ends = inner.ends_around(packet).map_err(OutboundError::Seal)?;
        let ah = OutboundKey {
            protocol: SecurityProtocol::Ah,
            mode: ModeKind::Transport,
            source: ends.source(),
            destination: ends.destination(),
            ..*esp
        };
        let outer = select_for(&mut self.sad, &ah, step.code_points, packet)?;
        step.sa = Some((outer.sa().id(), ah.policy, outer.counter().last()));
        let in_tunnel = esp.mode == ModeKind::Tunnel;
        let beneath =
            outer.prepare(in_tunnel, ends.family(), step.now, step.code_points, packet).map_err(OutboundError::Seal)?;
        let inner_limit = self.seal(step, esp, Some(beneath), packet)?;
        let outer_limit = self.seal(step, &ah, None, packet)?;
        Ok(outer_limit.or(inner_limit))
    }
}

fn select<'s, P, S>(sad: &'s mut S, key: &OutboundKey) -> Result<&'s mut OutboundSa<P>, OutboundError>
where
    P: CryptoProvider,
    S: OutboundSad<P>,
{
    sad.select(key).ok_or(OutboundError::NoSa { policy: key.policy, protocol: key.protocol })
}

/// The same for a packet that is not sealed yet: the association must be for everything that it may be taken for.
fn select_for<'s, P, S>(
    sad: &'s mut S,
    key: &OutboundKey,
    code_points: Option<&CodePoints>,
    packet: &PacketBuf<'_>,
) -> Result<&'s mut OutboundSa<P>, OutboundError>
where
    P: CryptoProvider,
    S: OutboundSad<P>,
{
    let sa = select(sad, key)?;
    let selectors = sa.sa().selectors();
    if *selectors == SelectorSet::ANY || is_for(selectors, Direction::Outbound, packet.as_octets(), code_points) {
        Ok(sa)
    } else {
        Err(OutboundError::NoSa { policy: key.policy, protocol: key.protocol })
    }
}

/// What a packet is sealed with, and what was found out.
struct Step<'a, P, G: ?Sized> {
    crypto: &'a mut P,
    rng: &'a mut G,
    code_points: Option<&'a CodePoints>,
    now: Instant,
    /// The last association chosen, its policy, and the last number it used.
    sa: Option<(SaId, PolicyId, u64)>,
}
