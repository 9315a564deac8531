//! The sender's end.

use rand_core::TryCryptoRng;
use subtle::ConstantTimeEq;

use super::header::Header;
use super::payload::{self, Description, payload_type};
use super::phase1::{BLOCK, Phase1};
use super::reason::parse_rejection;
use super::retry::{Due, Expired, Retry, Timer};
use super::seal::{Frame, Opened, Stored, open};
use super::{EXCHANGE_TYPE, MessageError, NONCE_LEN, PayloadError, Reason, SendError};
use crate::crypto::{PrfOutput, PrfProvider};
use crate::time::Instant;

/// What a received message says of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pushed {
    /// The member accepts. The confirmation is due, see [`Pusher::poll`]; with it the member has the association.
    Accepted,
    /// The member rejects, and why.
    Rejected(Reason),
    /// The member's acceptance again: the confirmation is due again.
    Duplicate,
}

/// Pushes to one member, one push after the other.
///
/// `N` is the octets of the longest message: the description and at most 127 more.
pub struct Pusher<const N: usize> {
    retry: Retry,
    state: State,
    /// The message that is sent, and sent again.
    message: Stored<N>,
}

enum State {
    Idle,
    /// (1) is sent until (2) comes.
    Pushing {
        exchange: Exchange,
        timer: Timer,
    },
    /// (3) is sent whenever (2) comes, whose HASH it was.
    Confirming {
        exchange: Exchange,
        answer: PrfOutput,
        due: bool,
    },
}

#[derive(Clone, Copy)]
struct Exchange {
    message_id: u32,
    nonce: [u8; NONCE_LEN],
    /// The last block of (1).
    iv: [u8; BLOCK],
}

impl<const N: usize> core::fmt::Debug for Pusher<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pusher").field("message_id", &self.message_id()).finish_non_exhaustive()
    }
}

impl<const N: usize> Pusher<N> {
    /// Nothing is under way.
    #[must_use]
    pub const fn new(retry: Retry) -> Self {
        Self { retry, state: State::Idle, message: Stored::new() }
    }

    /// Begins a push and returns its message ID. (1) is then due, see [`poll`](Self::poll).
    ///
    /// # Errors
    ///
    /// - [`SendError::State`] while another is under way. [`abandon`](Self::abandon) it first.
    /// - [`SendError::TooLong`], [`SendError::MessageIdsExhausted`], [`SendError::Random`], [`SendError::Crypto`].
    pub fn push<P, G>(
        &mut self,
        now: Instant,
        phase1: &mut Phase1<P>,
        crypto: &mut P,
        rng: &mut G,
        description: &Description<'_>,
    ) -> Result<u32, SendError>
    where
        P: PrfProvider,
        G: TryCryptoRng + ?Sized,
    {
        if matches!(self.state, State::Pushing { .. }) {
            return Err(SendError::State);
        }
        self.state = State::Idle;
        let mut nonce = [0; NONCE_LEN];
        rng.try_fill_bytes(&mut nonce).map_err(|_| SendError::Random)?;
        let message_id = phase1.draw_message_id()?;
        let iv = phase1.first_iv(crypto, message_id)?;
        let frame = Frame { exchange_type: EXCHANGE_TYPE, message_id, iv, covered: &[&message_id.to_be_bytes()] };
        let (_, iv) = self.message.seal(phase1, crypto, &frame, payload_type::NONCE, |writer| {
            payload::emit(payload_type::SA, &[&nonce], writer)?;
            writer.put(description.as_octets())
        })?;
        let exchange = Exchange { message_id, nonce, iv };
        self.state = State::Pushing { exchange, timer: Timer::start(now, self.retry) };
        Ok(message_id)
    }

    /// What is due at `now`. To be called after every other call and at [`wake_at`](Self::wake_at), until it gives `None`.
    pub fn poll(&mut self, now: Instant) -> Option<Due<'_>> {
        match &mut self.state {
            State::Idle => None,
            State::Pushing { exchange, timer } => match timer.poll(now)? {
                Expired::Again => Some(Due::Transmit(self.message.as_octets())),
                Expired::Over => {
                    let message_id = exchange.message_id;
                    self.state = State::Idle;
                    Some(Due::GaveUp(message_id))
                }
            },
            State::Confirming { due, .. } => core::mem::take(due).then_some(Due::Transmit(self.message.as_octets())),
        }
    }

    /// When [`poll`](Self::poll) will next have something, if nothing comes before.
    #[must_use]
    pub const fn wake_at(&self) -> Option<Instant> {
        if let State::Pushing { timer, .. } = &self.state { Some(timer.at()) } else { None }
    }

    /// The message ID of the push that is under way, or that was accepted last.
    #[must_use]
    pub const fn message_id(&self) -> Option<u32> {
        match &self.state {
            State::Idle => None,
            State::Pushing { exchange, .. } | State::Confirming { exchange, .. } => Some(exchange.message_id),
        }
    }

    /// Ends what is under way. The member may have accepted and, unless confirmed, will give up.
    pub fn abandon(&mut self) {
        self.state = State::Idle;
    }

    /// Takes a message from the peer; it is decrypted in place.
    ///
    /// # Errors
    ///
    /// - [`MessageError`]: it is dropped, and nothing has changed.
    pub fn receive<P: PrfProvider>(
        &mut self,
        phase1: &Phase1<P>,
        crypto: &mut P,
        datagram: &mut [u8],
    ) -> Result<Pushed, MessageError> {
        let (header, encrypted) = Header::split(datagram)?;
        if header.cookies() != phase1.cookies() {
            return Err(MessageError::Cookies);
        }
        if header.exchange_type() != EXCHANGE_TYPE {
            return Err(MessageError::ExchangeType);
        }
        let (exchange, before) = match &self.state {
            State::Pushing { exchange, .. } => (*exchange, None),
            State::Confirming { exchange, answer, .. } => (*exchange, Some(answer)),
            State::Idle => return Err(MessageError::NotExpected),
        };
        if exchange.message_id != header.message_id() {
            return Err(MessageError::NotExpected);
        }
        let message_id = exchange.message_id.to_be_bytes();
        let frame = Frame {
            exchange_type: EXCHANGE_TYPE,
            message_id: exchange.message_id,
            iv: exchange.iv,
            covered: &[&message_id, &exchange.nonce],
        };
        let opened = open(phase1, crypto, &header, &frame, encrypted)?;
        if let Some(before) = before {
            return self.again(before.as_octets().ct_eq(opened.hash.as_octets()).into());
        }
        let Opened { hash, last, payloads } = opened;
        match parse_answer(payloads)? {
            (_, Some(reason)) => {
                self.state = State::Idle;
                Ok(Pushed::Rejected(reason))
            }
            (nonce, None) => {
                let frame = Frame { iv: last, covered: &[&[0], &message_id, &exchange.nonce, nonce], ..frame };
                let mut confirmation = Stored::<N>::new();
                confirmation.seal(phase1, crypto, &frame, payload_type::NONE, |_| Some(())).map_err(|error| {
                    // It is shorter than (1), which did fit.
                    if let SendError::Crypto(error) = error { error.into() } else { MessageError::Length }
                })?;
                self.message = confirmation;
                self.state = State::Confirming { exchange, answer: hash, due: true };
                Ok(Pushed::Accepted)
            }
        }
    }

    /// An authentic (2) after the first.
    fn again(&mut self, same: bool) -> Result<Pushed, MessageError> {
        match &mut self.state {
            State::Confirming { due, .. } if same => {
                *due = true;
                Ok(Pushed::Duplicate)
            }
            _ => Err(MessageError::NotExpected),
        }
    }
}

/// The nonce of (2), and the reason if it is a rejection.
fn parse_answer(mut payloads: payload::Payloads<'_>) -> Result<(&[u8], Option<Reason>), PayloadError> {
    let nonce = payloads.expect(payload_type::NONCE)?;
    if nonce.len() != NONCE_LEN {
        return Err(PayloadError::Value);
    }
    let reason = match payloads.next() {
        None => None,
        Some(notification) => {
            let notification = notification?;
            if notification.kind != payload_type::NOTIFICATION {
                return Err(PayloadError::Unexpected);
            }
            Some(parse_rejection(notification.body)?)
        }
    };
    if payloads.next().is_some() {
        return Err(PayloadError::Unexpected);
    }
    Ok((nonce, reason))
}
