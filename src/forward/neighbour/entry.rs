//! What is known of one neighbour, and when it is asked next.

use core::net::IpAddr;
use core::time::Duration;

use rand_core::TryCryptoRng;

use super::PingConfig;
use super::ping::{Ping, Token};
use crate::time::Instant;
use crate::wire::Family;

/// What is known of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there are three")]
pub enum Capability {
    /// Nothing yet.
    Unknown,
    /// It returned pings.
    Capable,
    /// It did not.
    NotCapable,
}

/// One neighbour, in one family.
#[derive(Debug)]
pub(super) struct Entry<H> {
    pub(super) neighbour: H,
    pub(super) own: IpAddr,
    pub(super) capability: Capability,
    /// Pings answered in a row.
    answers: u8,
    /// Pings unanswered in a row.
    losses: u8,
    /// The next wait of a neighbour that is not capable.
    backoff: Duration,
    next: Next,
}

#[derive(Debug)]
enum Next {
    /// The first ping, some time after this.
    First(Instant),
    /// A ping at this moment.
    AskAt(Instant),
    /// The answer to a ping.
    Answer(Outstanding),
}

#[derive(Debug)]
struct Outstanding {
    token: Token,
    sent: Instant,
    /// From then on it is too late.
    deadline: Instant,
    /// Where in its range the wait behind it lies. Drawn with the token, so that an answer needs no random numbers.
    jitter: u16,
}

impl Outstanding {
    /// At the clock's end no time passes any more, and nothing times out: else a ping would follow the other at one moment.
    fn ends(&self) -> bool {
        self.deadline > self.sent
    }
}

impl<H: Copy + PartialEq> Entry<H> {
    pub(super) const fn new(now: Instant, neighbour: H, own: IpAddr, config: &PingConfig) -> Self {
        let capability = Capability::Unknown;
        let (backoff, next) = (config.interval, Next::First(now));
        Self { neighbour, own, capability, answers: 0, losses: 0, backoff, next }
    }

    pub(super) fn is(&self, neighbour: H, family: Family) -> bool {
        self.neighbour == neighbour && Family::of(&self.own) == family
    }

    pub(super) const fn is_outstanding(&self) -> bool {
        matches!(self.next, Next::Answer(_))
    }

    /// Whether `token` is that of the ping outstanding.
    pub(super) fn expects(&self, token: &Token) -> bool {
        matches!(&self.next, Next::Answer(outstanding) if outstanding.token.matches(token))
    }

    /// When something is to be done, if ever.
    pub(super) fn timeout(&self) -> Option<Instant> {
        match &self.next {
            Next::First(at) | Next::AskAt(at) => Some(*at),
            Next::Answer(outstanding) => outstanding.ends().then_some(outstanding.deadline),
        }
    }

    /// The next ping, if it is due. If there are no random numbers nothing changes.
    pub(super) fn ask<G: TryCryptoRng + ?Sized>(
        &mut self,
        now: Instant,
        config: &PingConfig,
        rng: &mut G,
    ) -> Result<Option<Ping>, G::Error> {
        if let Next::First(added) = self.next {
            // Routers that start together should not all ask at once (as RFC 4861 §6.3.7 has it for solicitations).
            self.next = Next::AskAt(added.after(fraction(config.retry, random_u16(rng)?)));
        }
        let Next::AskAt(due) = self.next else { return Ok(None) };
        if now < due {
            return Ok(None);
        }
        let token = Token::random(rng)?;
        let jitter = random_u16(rng)?;
        self.next = Next::Answer(Outstanding { token, sent: now, deadline: now.after(config.timeout), jitter });
        let (source_port, destination_port) = (config.source_port, config.destination_port);
        Ok(Some(Ping { own: self.own, source_port, destination_port, token }))
    }

    /// Ends the ping outstanding if its time is over; whether it was. A clock far ahead ends it no more than once.
    pub(super) fn expire(&mut self, now: Instant, config: &PingConfig) -> bool {
        match &self.next {
            Next::Answer(outstanding) if outstanding.ends() && now >= outstanding.deadline => {
                let (deadline, jitter) = (outstanding.deadline, outstanding.jitter);
                self.losses = self.losses.saturating_add(1);
                self.answers = 0;
                self.conclude(deadline, jitter, config);
                true
            }
            _ => false,
        }
    }

    /// The ping outstanding was answered at `now`: there is none any more, so it counts once.
    pub(super) fn answered(&mut self, now: Instant, config: &PingConfig) {
        if let Next::Answer(outstanding) = &self.next {
            let jitter = outstanding.jitter;
            self.answers = self.answers.saturating_add(1);
            self.losses = 0;
            self.conclude(now, jitter, config);
        }
    }

    /// The verdict, and the wait that follows from it.
    fn conclude(&mut self, at: Instant, jitter: u16, config: &PingConfig) {
        if self.answers >= config.answers {
            self.capability = Capability::Capable;
            self.backoff = config.interval;
        } else if self.losses >= config.losses {
            self.capability = Capability::NotCapable;
        }
        let wait = match self.capability {
            Capability::Capable if self.losses == 0 => config.interval,
            Capability::NotCapable if self.answers == 0 => {
                let wait = self.backoff;
                self.backoff = wait.saturating_mul(2).min(config.max_interval);
                wait
            }
            _ => config.retry,
        };
        // Up to a quarter less, as RFC 5880 §6.8.7 has it, so that the pings of many routers do not fall into step.
        self.next = Next::AskAt(at.after(wait.saturating_sub(fraction(wait, jitter >> 2))));
    }
}

/// `part` of 65536 parts of `duration`.
fn fraction(duration: Duration, part: u16) -> Duration {
    duration.saturating_mul(part.into()).checked_div(1 << 16).unwrap_or_default()
}

fn random_u16<G: TryCryptoRng + ?Sized>(rng: &mut G) -> Result<u16, G::Error> {
    let mut octets = [0; 2];
    rng.try_fill_bytes(&mut octets)?;
    Ok(u16::from_be_bytes(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions() {
        let second = Duration::from_secs(1);
        assert_eq!(fraction(second, 0), Duration::ZERO);
        assert_eq!(fraction(second, 1 << 15), second / 2);
        assert!(fraction(second, u16::MAX) < second);
        assert!(fraction(Duration::MAX, u16::MAX) <= Duration::MAX / (1 << 16));
    }
}
