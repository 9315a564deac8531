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
    /// §4.1.1). If there is one, its [`SaConfig::policy`](crate::ipsec::SaConfig::policy), addresses or mode are not those asked for.
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

    /// Processes a packet, in place: ESP first, AH around it where policy asks for both. Without `code_points` nothing is taken
    /// for Xcast: see [`seal_with`](crate::ipsec::seal_with).
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
        let mut step = Step { crypto, rng, code_points, now, sa: None };
        let result = self.decide(&mut step, packet);
        let chosen = step.sa;
        self.count(&result, chosen, code_points, now, packet);
        result
    }

    /// Counts a packet with what became of it, and has it audited if it does not pass. `chosen` is its last association.
    pub(super) fn count(
        &mut self,
        result: &Result<Sent, OutboundError>,
        chosen: Option<Chosen>,
        code_points: Option<&CodePoints>,
        now: Instant,
        packet: &PacketBuf<'_>,
    ) where
        A: AuditSink,
    {
        self.counters.count_packet();
        match result {
            Ok(Sent::Bypassed) => self.counters.count_bypassed(),
            Ok(Sent::Protected { .. }) => self.counters.count_protected(),
            Err(error) => {
                self.counters.count_error(error);
                let mut event = AuditEvent::of(AuditReason::Outbound(*error), now, packet.as_octets(), code_points);
                if let Some(Chosen { sa, policy, last }) = chosen {
                    event.name_outbound_sa(sa, policy, last);
                }
                self.audit.record(&event);
            }
        }
    }

    fn decide<P, G>(&mut self, step: &mut Step<'_, P, G>, packet: &mut PacketBuf<'_>) -> Result<Sent, OutboundError>
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        S: OutboundSad<P>,
        Q: PolicyLookup,
    {
        let soft_limit = match self.judge(step.code_points, packet)? {
            Fate::Bypass => return Ok(Sent::Bypassed),
            Fate::Alone(key) => {
                let sa = select_for(&mut self.sad, &key, step.code_points, packet)?;
                seal(step, &key, sa, None, packet)?
            }
            Fate::InAh(esp) => self.seal_both(step, &esp, packet)?,
        };
        Ok(Sent::Protected { soft_limit })
    }

    /// What policy says of a packet.
    pub(super) fn judge(&self, code_points: Option<&CodePoints>, packet: &PacketBuf<'_>) -> Result<Fate, OutboundError>
    where
        Q: PolicyLookup,
    {
        let (selectors, action) = verdict(&self.policy, Direction::Outbound, packet.as_octets(), code_points)
            .map_err(OutboundError::Unreadable)?;
        let (policy, required) = match action.ok_or(OutboundError::NoPolicy)? {
            Action::Discard => return Err(OutboundError::Discarded),
            Action::Bypass => return Ok(Fate::Bypass),
            Action::Protect { policy, required } => (policy, required),
        };
        let key = |protocol, mode| OutboundKey {
            policy,
            protocol,
            mode,
            source: selectors.source,
            destination: selectors.destination,
            packet: selectors,
        };
        Ok(match required {
            Required::Ah(mode) => Fate::Alone(key(SecurityProtocol::Ah, mode)),
            Required::Esp(mode) => Fate::Alone(key(SecurityProtocol::Esp, mode)),
            Required::AhAroundEsp { esp } => Fate::InAh(key(SecurityProtocol::Esp, esp)),
        })
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
        let (inner, ends) = (inner.sa().id(), inner.ends_around(packet).map_err(OutboundError::Seal)?);
        let ah = OutboundKey {
            protocol: SecurityProtocol::Ah,
            mode: ModeKind::Transport,
            source: ends.source(),
            destination: ends.destination(),
            ..*esp
        };
        let outer = select_for(&mut self.sad, &ah, step.code_points, packet)?;
        step.sa = Some(Chosen::of(outer, &ah));
        let in_tunnel = esp.mode == ModeKind::Tunnel;
        let beneath =
            outer.prepare(in_tunnel, ends.family(), step.now, step.code_points, packet).map_err(OutboundError::Seal)?;
        let outer = outer.sa().id();
        let inner_limit = seal(step, esp, select_again(&mut self.sad, esp, inner)?, Some(beneath), packet)?;
        let outer_limit = seal(step, &ah, select_again(&mut self.sad, &ah, outer)?, None, packet)?;
        Ok(outer_limit.or(inner_limit))
    }
}

/// Seals under one association. `outer` is the protection that goes around it afterwards.
fn seal<P, G>(
    step: &mut Step<'_, P, G>,
    key: &OutboundKey,
    sa: &mut OutboundSa<P>,
    outer: Option<Beneath>,
    packet: &mut PacketBuf<'_>,
) -> Result<Option<(SaId, LimitKind)>, OutboundError>
where
    P: CryptoProvider,
    G: TryCryptoRng + ?Sized,
{
    let id = sa.sa().id();
    step.sa = Some(Chosen::of(sa, key));
    let sealed = sa
        .seal_beneath(outer, step.now, step.crypto, step.rng, step.code_points, packet)
        .map_err(OutboundError::Seal)?;
    Ok(sealed.soft_limit.map(|limit| (id, limit)))
}

fn select<'s, P, S>(sad: &'s mut S, key: &OutboundKey) -> Result<&'s mut OutboundSa<P>, OutboundError>
where
    P: CryptoProvider,
    S: OutboundSad<P>,
{
    sad.select(key).ok_or(OutboundError::NoSa { policy: key.policy, protocol: key.protocol })
}

/// The same, which must be the association `id`: nobody looked whether the packet fits another.
fn select_again<'s, P, S>(sad: &'s mut S, key: &OutboundKey, id: SaId) -> Result<&'s mut OutboundSa<P>, OutboundError>
where
    P: CryptoProvider,
    S: OutboundSad<P>,
{
    let none = OutboundError::NoSa { policy: key.policy, protocol: key.protocol };
    sad.select(key).filter(|sa| sa.sa().id() == id).ok_or(none)
}

/// The same for a packet that is not sealed yet: the association must be for everything that it may be taken for.
pub(super) fn select_for<'s, P, S>(
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
pub(super) struct Step<'a, P, G: ?Sized> {
    pub(super) crypto: &'a mut P,
    pub(super) rng: &'a mut G,
    pub(super) code_points: Option<&'a CodePoints>,
    pub(super) now: Instant,
    /// The last association chosen.
    pub(super) sa: Option<Chosen>,
}

/// An association chosen, its policy, and the last number it used.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub(super) sa: SaId,
    policy: PolicyId,
    last: u64,
}

impl Chosen {
    pub(super) const fn of<P: CryptoProvider>(sa: &OutboundSa<P>, key: &OutboundKey) -> Self {
        Self { sa: sa.sa().id(), policy: key.policy, last: sa.counter().last() }
    }
}

/// What policy says of a packet that passes.
#[allow(clippy::large_enum_variant, reason = "lives on the stack, once per packet")]
pub(super) enum Fate {
    Bypass,
    /// Sealed under one association.
    Alone(OutboundKey),
    /// Sealed under ESP, and AH around it.
    InAh(OutboundKey),
}
