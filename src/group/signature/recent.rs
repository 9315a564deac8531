//! Which messages were accepted lately, so that none is accepted twice.

use core::time::Duration;

use super::{AcceptError, SignedMessage, Timestamp};
use crate::crypto::{SignerId, Verifier};

/// How far a message's timestamp may be from the reader's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "time has two directions")]
pub struct ClockLimits {
    /// How long ago a message may have been signed: what the clocks differ by, and what the message takes on its way, tried
    /// again as often as its sender does.
    pub max_age: Duration,
    /// How far in the future it may have been signed: what the clocks differ by.
    pub max_ahead: Duration,
}

impl ClockLimits {
    /// Five minutes ago, one minute ahead (project-defined): for clocks that are set by NTP, or by hand and with care.
    pub const DEFAULT: Self = Self { max_age: Duration::from_secs(300), max_ahead: Duration::from_secs(60) };

    fn check(&self, signed: Timestamp, now: Timestamp) -> Result<(), AcceptError> {
        let (age, ahead) = (now.since(signed), signed.since(now));
        if age > self.max_age {
            return Err(AcceptError::TooOld { age });
        }
        if ahead > self.max_ahead {
            return Err(AcceptError::TooFarAhead { ahead });
        }
        Ok(())
    }
}

impl Default for ClockLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a message of one signer is known by. They are ordered: by timestamp, then by nonce.
type Mark = (Timestamp, u64);

/// What is remembered of one signer.
#[derive(Debug)]
struct Remembered<const RECENT: usize> {
    signer: SignerId,
    /// What is not later may have been accepted, and is refused.
    floor: Option<Mark>,
    /// What was accepted of what is later.
    recent: heapless::Vec<Mark, RECENT>,
}

impl<const RECENT: usize> Remembered<RECENT> {
    const fn new(signer: SignerId, floor: Option<Mark>) -> Self {
        Self { signer, floor, recent: heapless::Vec::new() }
    }

    fn latest(&self) -> Option<Mark> {
        self.recent.iter().copied().max().max(self.floor)
    }

    fn check(&self, mark: Mark) -> Result<(), AcceptError> {
        if self.recent.contains(&mark) {
            return Err(AcceptError::Replayed);
        }
        if self.floor.is_some_and(|floor| mark <= floor) {
            return Err(AcceptError::MayBeReplayed);
        }
        Ok(())
    }

    /// Remembers it. If there is no room, the earliest is forgotten, and all that is not later is refused from now on.
    fn add(&mut self, mark: Mark) {
        if self.recent.push(mark).is_ok() {
            return;
        }
        let mut earliest = mark;
        for known in &mut self.recent {
            if *known < earliest {
                core::mem::swap(known, &mut earliest);
            }
        }
        self.floor = self.floor.max(Some(earliest));
    }
}

/// Accepts each signed message once, and none that was signed too long ago or too far in the future.
///
/// It remembers of up to `SIGNERS` signers the `RECENT` latest messages each, by timestamp and nonce; a signer that has sent
/// more is held to an order: what is not later than the earliest one remembered is refused
/// ([`AcceptError::MayBeReplayed`]). With `RECENT` 0 every message must be later than the one before. So a signer who sends
/// too much, by mistake or to do harm, is the only one whose messages are refused for it.
///
/// When a further signer comes, the one is forgotten whose last message is the oldest, if that is too old to be accepted
/// anyway; if it is not, the further signer is refused ([`AcceptError::TooManySigners`]), and nothing is forgotten. As many signers as there
/// are keys are always enough. What was forgotten with a signer stays refused, too: from signers not remembered nothing is
/// accepted that is not later. No setting of the clock, forward or back, makes a message acceptable twice.
///
/// It is not `Clone`: each copy would accept a message.
///
/// # Restarts
///
/// A store that does not survive a restart starts with [`restarted`](Self::restarted), which refuses all that could have been
/// accepted before.
///
/// # Security
///
/// Costs one verification for each message that claims a known signer: hosts that fear a flood limit the rate first. What was
/// accepted is authentic, recent and new; whether the signer *may* do what it says is not looked at.
#[derive(Debug)]
pub struct RecentMessages<const SIGNERS: usize = 16, const RECENT: usize = 8> {
    limits: ClockLimits,
    /// Of signers that are not remembered, what is not later may have been accepted.
    floor: Option<Timestamp>,
    signers: heapless::Vec<Remembered<RECENT>, SIGNERS>,
}

impl<const SIGNERS: usize, const RECENT: usize> RecentMessages<SIGNERS, RECENT> {
    /// Nothing was ever accepted with these keys.
    #[must_use]
    pub const fn new(limits: ClockLimits) -> Self {
        Self { limits, floor: None, signers: heapless::Vec::new() }
    }

    /// It is `now`, and what was accepted before is not known any more. Refused is what was signed up to
    /// [`max_ahead`](ClockLimits::max_ahead) from now, as all of it may have been: for so long signers must try again.
    #[must_use]
    pub fn restarted(limits: ClockLimits, now: Timestamp) -> Self {
        Self { floor: Some(now.after(limits.max_ahead)), ..Self::new(limits) }
    }

    /// Reads a message, and accepts it if it was signed for `group` by who it says it was, not too long before `now` nor too far
    /// after it, and was not accepted before. In this order.
    ///
    /// # Errors
    ///
    /// - [`AcceptError`]. Nothing changed.
    pub fn accept<'m, V: Verifier + ?Sized>(
        &mut self,
        verifier: &mut V,
        group: &[u8],
        now: Timestamp,
        octets: &'m [u8],
    ) -> Result<SignedMessage<'m>, AcceptError> {
        let message = SignedMessage::parse(octets).map_err(AcceptError::Parse)?;
        message.verify(verifier, group).map_err(AcceptError::Signature)?;
        self.limits.check(message.timestamp(), now)?;
        self.remember(message.signer(), (message.timestamp(), message.nonce()), now)?;
        Ok(message)
    }

    /// Who is remembered, in no order.
    pub fn signers(&self) -> impl Iterator<Item = SignerId> {
        self.signers.iter().map(|known| known.signer)
    }

    fn remember(&mut self, signer: SignerId, mark: Mark, now: Timestamp) -> Result<(), AcceptError> {
        if let Some(known) = self.signers.iter_mut().find(|known| known.signer == signer) {
            known.check(mark)?;
            known.add(mark);
            return Ok(());
        }
        let (timestamp, _) = mark;
        if self.floor.is_some_and(|floor| timestamp <= floor) {
            return Err(AcceptError::MayBeReplayed);
        }
        if self.signers.is_full() {
            // Later than what is forgotten for it: this is not too old, and that is.
            self.forget_one(now)?;
        }
        let mut new = Remembered::new(signer, self.floor.map(|floor| (floor, u64::MAX)));
        new.add(mark);
        self.signers.push(new).map_err(|_| AcceptError::TooManySigners)
    }

    /// Forgets the signer whose last message is the oldest, if that is too old to be accepted at `now`.
    fn forget_one(&mut self, now: Timestamp) -> Result<(), AcceptError> {
        let latest = |known: &Remembered<RECENT>| known.latest().map(|(timestamp, _)| timestamp);
        let oldest = (0..self.signers.len()).zip(self.signers.iter().map(latest)).min_by_key(|(_, latest)| *latest);
        let Some((index, latest)) = oldest else { return Err(AcceptError::TooManySigners) };
        if latest.is_some_and(|latest| now.since(latest) <= self.limits.max_age) {
            return Err(AcceptError::TooManySigners);
        }
        self.signers.swap_remove(index);
        self.floor = self.floor.max(latest);
        Ok(())
    }
}
