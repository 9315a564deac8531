//! The member's end.

use rand_core::TryCryptoRng;
use subtle::ConstantTimeEq;

use super::header::Header;
use super::payload::{self, Description, Payloads, payload_type};
use super::phase1::{BLOCK, Phase1};
use super::reason::emit_rejection;
use super::retry::{Due, Expired, Retry, Timer};
use super::seal::{Frame, Opened, Stored, bare_len, open};
use super::spis::DeletedSpis;
use super::{EXCHANGE_TYPE, INFORMATIONAL, MessageError, NONCE_LEN, PayloadError, Reason, SendError};
use crate::crypto::{PrfOutput, PrfProvider};
use crate::time::Instant;

/// Octets of the longest (2): header, HASH of 32, nonce, notification, padded.
const ANSWER_LEN: usize = 124;

/// What a peer offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer<'a> {
    /// The exchange it is of.
    pub message_id: u32,
    /// What is to be looked at, and kept until it is confirmed.
    pub description: Description<'a>,
}

/// What a received message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received<'a> {
    /// A new offer. It wants an [`answer`](Acceptor::answer). An offer that was accepted before and has not been confirmed
    /// is over. It may still be a replay: nothing is to be done with it yet but to keep it.
    Offer(Offer<'a>),
    /// The accepted offer with this message ID is from a live peer: its association is to be used now.
    Confirmed(u32),
    /// The peer no longer uses these associations. Only those that came from this peer are to go.
    Deleted(DeletedSpis<'a>),
    /// A message that came before. If an answer is due again, [`Acceptor::poll`] gives it.
    Duplicate,
}

/// What the host says to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a member can but accept or reject (draft §4.1.3)")]
pub enum Answer {
    /// It will be used once it is confirmed.
    Accept,
    /// It is not wanted.
    Reject(Reason),
}

/// Takes the pushes of one peer, and its deletions.
///
/// One for each phase 1, as long as the phase 1 lasts: it knows which message IDs the peer has used.
pub struct Acceptor {
    retry: Retry,
    /// The highest message ID that an authentic message of the peer had.
    highest: Option<u32>,
    pending: Option<Pending>,
    answer: Stored<ANSWER_LEN>,
}

struct Pending {
    message_id: u32,
    /// The HASH of (1).
    offer: PrfOutput,
    nonce: [u8; NONCE_LEN],
    /// The last block of (1), then of (2).
    iv: [u8; BLOCK],
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    /// The host has not answered yet.
    Offered,
    Rejected {
        due: bool,
    },
    Accepted {
        nonce: [u8; NONCE_LEN],
        timer: Timer,
        again: bool,
    },
    Confirmed {
        nonce: [u8; NONCE_LEN],
    },
}

impl core::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let pending = self.pending.as_ref().map(|pending| pending.message_id);
        f.debug_struct("Acceptor").field("highest", &self.highest).field("pending", &pending).finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Nothing is under way.
    #[must_use]
    pub const fn new(retry: Retry) -> Self {
        Self { retry, highest: None, pending: None, answer: Stored::new() }
    }

    /// Takes a message from the peer; it is decrypted in place.
    ///
    /// # Errors
    ///
    /// - [`MessageError`]: it is dropped, and nothing has changed.
    pub fn receive<'a, P: PrfProvider>(
        &mut self,
        phase1: &Phase1<P>,
        crypto: &mut P,
        datagram: &'a mut [u8],
    ) -> Result<Received<'a>, MessageError> {
        let (header, encrypted) = Header::split(datagram)?;
        if header.cookies() != phase1.cookies() {
            return Err(MessageError::Cookies);
        }
        let id = header.message_id();
        // Both ends have the same keys: without this our own messages would verify here.
        if !phase1.is_peers(id) {
            return Err(MessageError::MessageId);
        }
        let pending = self.pending.as_mut().filter(|pending| pending.message_id == id);
        match (header.exchange_type(), pending) {
            (EXCHANGE_TYPE, Some(pending)) if encrypted.len() == bare_len(phase1) => {
                pending.confirm(phase1, crypto, &header, encrypted)
            }
            (EXCHANGE_TYPE, Some(pending)) => pending.again(phase1, crypto, &header, encrypted),
            (EXCHANGE_TYPE, None) => self.offer(phase1, crypto, &header, encrypted),
            (INFORMATIONAL, _) => self.delete(phase1, crypto, &header, encrypted),
            _ => Err(MessageError::ExchangeType),
        }
    }

    /// The first message of an exchange that the peer begins.
    fn first<'a, P: PrfProvider>(
        &self,
        phase1: &Phase1<P>,
        crypto: &mut P,
        header: &Header,
        encrypted: &'a mut [u8],
    ) -> Result<Opened<'a>, MessageError> {
        if self.highest.is_some_and(|highest| header.message_id() <= highest) {
            return Err(MessageError::Stale);
        }
        open_first(phase1, crypto, header, encrypted)
    }

    fn offer<'a, P: PrfProvider>(
        &mut self,
        phase1: &Phase1<P>,
        crypto: &mut P,
        header: &Header,
        encrypted: &'a mut [u8],
    ) -> Result<Received<'a>, MessageError> {
        let message_id = header.message_id();
        let Opened { hash, last, mut payloads } = self.first(phase1, crypto, header, encrypted)?;
        let nonce = payloads.expect(payload_type::NONCE)?;
        let nonce = nonce.try_into().map_err(|_| PayloadError::Value)?;
        let description = parse_description(payloads)?;
        self.highest = Some(message_id);
        self.pending = Some(Pending { message_id, offer: hash, nonce, iv: last, stage: Stage::Offered });
        Ok(Received::Offer(Offer { message_id, description }))
    }

    fn delete<'a, P: PrfProvider>(
        &mut self,
        phase1: &Phase1<P>,
        crypto: &mut P,
        header: &Header,
        encrypted: &'a mut [u8],
    ) -> Result<Received<'a>, MessageError> {
        let opened = self.first(phase1, crypto, header, encrypted)?;
        let spis = DeletedSpis::parse(opened.payloads)?;
        self.highest = Some(header.message_id());
        Ok(Received::Deleted(spis))
    }

    /// Answers the offer. (2) is then due, see [`poll`](Self::poll).
    ///
    /// # Errors
    ///
    /// - [`SendError::State`] if no offer with `message_id` waits for an answer.
    /// - [`SendError::Random`], [`SendError::Crypto`]: it still waits.
    pub fn answer<P, G>(
        &mut self,
        now: Instant,
        phase1: &Phase1<P>,
        crypto: &mut P,
        rng: &mut G,
        message_id: u32,
        answer: Answer,
    ) -> Result<(), SendError>
    where
        P: PrfProvider,
        G: TryCryptoRng + ?Sized,
    {
        let pending = self.pending.as_mut().filter(|pending| pending.message_id == message_id);
        let pending = pending.ok_or(SendError::State)?;
        if !matches!(pending.stage, Stage::Offered) {
            return Err(SendError::State);
        }
        let mut nonce = [0; NONCE_LEN];
        rng.try_fill_bytes(&mut nonce).map_err(|_| SendError::Random)?;
        let covered: &[&[u8]] = &[&message_id.to_be_bytes(), &pending.nonce];
        let frame = Frame { exchange_type: EXCHANGE_TYPE, message_id, iv: pending.iv, covered };
        let (_, iv) = self.answer.seal(phase1, crypto, &frame, payload_type::NONCE, |writer| match answer {
            Answer::Accept => payload::emit(payload_type::NONE, &[&nonce], writer),
            Answer::Reject(reason) => {
                payload::emit(payload_type::NOTIFICATION, &[&nonce], writer)?;
                emit_rejection(reason, writer)
            }
        })?;
        pending.iv = iv;
        pending.stage = match answer {
            Answer::Accept => Stage::Accepted { nonce, timer: Timer::start(now, self.retry), again: false },
            Answer::Reject(_) => Stage::Rejected { due: true },
        };
        Ok(())
    }

    /// What is due at `now`. To be called after every other call and at [`wake_at`](Self::wake_at), until it gives `None`.
    pub fn poll(&mut self, now: Instant) -> Option<Due<'_>> {
        let pending = self.pending.as_mut()?;
        let due = match &mut pending.stage {
            Stage::Offered | Stage::Confirmed { .. } => false,
            Stage::Rejected { due } => core::mem::take(due),
            Stage::Accepted { timer, again, .. } => match timer.poll(now) {
                None => core::mem::take(again),
                Some(Expired::Again) => {
                    *again = false;
                    true
                }
                Some(Expired::Over) => {
                    let message_id = pending.message_id;
                    self.pending = None;
                    return Some(Due::GaveUp(message_id));
                }
            },
        };
        due.then_some(Due::Transmit(self.answer.as_octets()))
    }

    /// When [`poll`](Self::poll) will next have something, if nothing comes before.
    #[must_use]
    pub const fn wake_at(&self) -> Option<Instant> {
        match &self.pending {
            Some(Pending { stage: Stage::Accepted { timer, .. }, .. }) => Some(timer.at()),
            _ => None,
        }
    }
}

impl Pending {
    /// (3), or a copy of it.
    fn confirm<'a, P: PrfProvider>(
        &mut self,
        phase1: &Phase1<P>,
        crypto: &mut P,
        header: &Header,
        encrypted: &'a mut [u8],
    ) -> Result<Received<'a>, MessageError> {
        let (nonce, received) = match self.stage {
            Stage::Accepted { nonce, .. } => (nonce, Received::Confirmed(self.message_id)),
            Stage::Confirmed { nonce } => (nonce, Received::Duplicate),
            _ => return Err(MessageError::NotExpected),
        };
        let covered: &[&[u8]] = &[&[0], &self.message_id.to_be_bytes(), &self.nonce, &nonce];
        let frame = Frame { exchange_type: EXCHANGE_TYPE, message_id: self.message_id, iv: self.iv, covered };
        let mut opened = open(phase1, crypto, header, &frame, encrypted)?;
        if opened.payloads.next().is_some() {
            return Err(PayloadError::Unexpected.into());
        }
        self.stage = Stage::Confirmed { nonce };
        Ok(received)
    }

    /// (1) once more.
    fn again<'a, P: PrfProvider>(
        &mut self,
        phase1: &Phase1<P>,
        crypto: &mut P,
        header: &Header,
        encrypted: &'a mut [u8],
    ) -> Result<Received<'a>, MessageError> {
        let opened = open_first(phase1, crypto, header, encrypted)?;
        // Another offer under the same message ID would have the same initialization vector.
        if !bool::from(opened.hash.as_octets().ct_eq(self.offer.as_octets())) {
            return Err(MessageError::Stale);
        }
        match &mut self.stage {
            Stage::Rejected { due } => *due = true,
            Stage::Accepted { again, .. } => *again = true,
            // The host is still thinking, or the peer has the answer.
            Stage::Offered | Stage::Confirmed { .. } => {}
        }
        Ok(Received::Duplicate)
    }
}

fn open_first<'a, P: PrfProvider>(
    phase1: &Phase1<P>,
    crypto: &mut P,
    header: &Header,
    encrypted: &'a mut [u8],
) -> Result<Opened<'a>, MessageError> {
    let iv = phase1.first_iv(crypto, header.message_id())?;
    let covered: &[&[u8]] = &[&header.message_id().to_be_bytes()];
    let frame = Frame { exchange_type: header.exchange_type(), message_id: header.message_id(), iv, covered };
    open(phase1, crypto, header, &frame, encrypted)
}

/// What is behind the nonce of (1).
fn parse_description(mut payloads: Payloads<'_>) -> Result<Description<'_>, PayloadError> {
    let octets = payloads.rest();
    let sa = payloads.next().ok_or(PayloadError::Unexpected)??;
    if sa.kind != payload_type::SA {
        return Err(PayloadError::Unexpected);
    }
    Description::parse(octets)
}
