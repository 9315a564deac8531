//! Many packets that are to go out at once.

use rand_core::TryCryptoRng;

use super::audit::AuditSink;
use super::outbound::{Chosen, Fate, Outbound, OutboundError, Sent, Step, select_for};
use super::outbound_sad::{OutboundKey, OutboundSad};
use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::SaId;
use crate::ipsec::packet::batch::{Row, Rows, compute_all};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::laid::{LENGTH, Laid};
use crate::ipsec::packet::plan::Contents;
use crate::ipsec::policy::PolicyLookup;
use crate::ipsec::sending::outbound::{OutboundSa, Owed};
use crate::time::Instant;
use crate::wire::CodePoints;

/// What is known of a packet in a batch before it is computed.
#[derive(Clone, Copy)]
enum Course {
    /// How it ended.
    Ended(Result<Sent, OutboundError>),
    /// It was laid out with this number, and is to be counted.
    Begun(u64, Owed),
}

/// How far a packet of a batch gets.
enum Begun {
    Ended(Result<Sent, OutboundError>),
    LaidOut(Laid, Owed),
    /// It must wait for those before it.
    Premature,
    /// It goes its own way, after those before it.
    Alone,
}

/// What a row is tagged with.
struct Tag {
    course: Course,
    chosen: Option<Chosen>,
}

impl<S, Q, A> Outbound<S, Q, A> {
    /// Processes each of `packets` as [`process`](Self::process) does, in order, with the same octets, results, numbers, vectors,
    /// counters and audit events: what algorithms take of several packets is handed to `crypto` in one piece. `done` is called
    /// once for each packet, in order, with its place in the batch, and the packet if it passes: what `done` gets can be sent, and
    /// nothing else is to be. A packet that is refused is in its buffer still, in the clear.
    ///
    /// A batch gains where policy asks for one protection, other than a combined mode, and where the database
    /// [finds](OutboundSad::find) associations again; other packets are sealed one at a time.
    #[allow(clippy::too_many_arguments, reason = "those of `process`, and what becomes of each")]
    pub fn process_batch<'r, 'b: 'r, P, G, I, D>(
        &mut self,
        crypto: &mut P,
        rng: &mut G,
        code_points: Option<&CodePoints>,
        now: Instant,
        packets: I,
        mut done: D,
    ) where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        S: OutboundSad<P>,
        Q: PolicyLookup,
        A: AuditSink,
        I: IntoIterator<Item = &'r mut PacketBuf<'b>>,
        D: FnMut(usize, Result<(&mut PacketBuf<'_>, Sent), OutboundError>),
    {
        let mut step = Step { crypto, rng, code_points, now, sa: None };
        let mut rows = Rows::<Tag>::new();
        let mut first = 0_usize;
        for packet in packets {
            if rows.is_full() {
                first = self.finish(&mut step, &mut rows, first, &mut done);
            }
            let mut begun = self.begin(&mut step, packet);
            if matches!(begun, Begun::Premature) {
                first = self.finish(&mut step, &mut rows, first, &mut done);
                begun = self.begin(&mut step, packet);
            }
            match begun {
                Begun::Ended(result) => {
                    let tag = Tag { course: Course::Ended(result), chosen: step.sa };
                    let _ = rows.push(Row { packet, laid: None, outcome: Ok(()), tag });
                }
                Begun::LaidOut(laid, owed) => {
                    let tag = Tag { course: Course::Begun(laid.sequence(), owed), chosen: step.sa };
                    let row = self.row(step.crypto, laid, tag, packet);
                    let _ = rows.push(row);
                }
                Begun::Premature | Begun::Alone => {
                    first = self.finish(&mut step, &mut rows, first, &mut done);
                    let result = self.process(step.crypto, step.rng, code_points, now, packet);
                    done(first, result.map(|sent| (packet, sent)));
                    first = first.saturating_add(1);
                }
            }
        }
        self.finish(&mut step, &mut rows, first, &mut done);
    }

    /// Does for a packet what can be done without computing.
    fn begin<P, G>(&mut self, step: &mut Step<'_, P, G>, packet: &mut PacketBuf<'_>) -> Begun
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        S: OutboundSad<P>,
        Q: PolicyLookup,
    {
        step.sa = None;
        let key = match self.judge(step.code_points, packet) {
            Ok(Fate::Bypass) => return Begun::Ended(Ok(Sent::Bypassed)),
            Ok(Fate::Alone(key)) => key,
            Ok(Fate::InAh(_)) => return Begun::Alone,
            Err(error) => return Begun::Ended(Err(error)),
        };
        self.begin_under(&key, step, packet).unwrap_or_else(|error| Begun::Ended(Err(error)))
    }

    fn begin_under<P, G>(
        &mut self,
        key: &OutboundKey,
        step: &mut Step<'_, P, G>,
        packet: &mut PacketBuf<'_>,
    ) -> Result<Begun, OutboundError>
    where
        P: CryptoProvider,
        G: TryCryptoRng + ?Sized,
        S: OutboundSad<P>,
    {
        let id = select_for(&mut self.sad, key, step.code_points, packet)?.sa().id();
        if self.sad.find(&id).is_none() {
            return Ok(Begun::Alone);
        }
        let Some(sa) = self.sad.find_mut(&id) else { return Ok(Begun::Alone) };
        step.sa = Some(Chosen::of(sa, key));
        match sa.begin(Contents::Packet, None, step.now, step.rng, step.code_points, packet) {
            Ok((laid, owed)) => Ok(Begun::LaidOut(laid, owed)),
            Err(error) if sa.is_premature(&error) => Ok(Begun::Premature),
            Err(error) => Err(OutboundError::Seal(error)),
        }
    }

    /// The row of a packet that was laid out.
    fn row<'r, 'b, P>(&self, crypto: &mut P, laid: Laid, tag: Tag, packet: &'r mut PacketBuf<'b>) -> Row<'r, 'b, Tag>
    where
        P: CryptoProvider,
        S: OutboundSad<P>,
    {
        match sa_of(&self.sad, &tag) {
            Some(sa) => Row::new(packet, Ok(laid), sa, crypto, tag),
            None => Row { packet, laid: Some(laid), outcome: Ok(()), tag },
        }
    }

    /// Computes what is left of a chunk, counts it, and hands it out. Returns the place of the next packet.
    fn finish<P, G, D>(
        &mut self,
        step: &mut Step<'_, P, G>,
        rows: &mut Rows<'_, '_, Tag>,
        first: usize,
        done: &mut D,
    ) -> usize
    where
        P: CryptoProvider,
        G: ?Sized,
        S: OutboundSad<P>,
        A: AuditSink,
        D: FnMut(usize, Result<(&mut PacketBuf<'_>, Sent), OutboundError>),
    {
        compute_all(step.crypto, rows, |tag: &Tag| sa_of(&self.sad, tag));
        let mut index = first;
        for Row { packet, outcome, tag, .. } in rows.iter_mut() {
            let result = match &tag.course {
                Course::Ended(result) => *result,
                Course::Begun(sequence, owed) => {
                    let id = tag.chosen.map(|chosen| chosen.sa);
                    self.settle(*sequence, *owed, id, step.now, *outcome)
                }
            };
            self.count(&result, tag.chosen, step.code_points, step.now, packet);
            done(index, result.map(|sent| (&mut **packet, sent)));
            index = index.saturating_add(1);
        }
        rows.clear();
        index
    }

    fn settle<P>(
        &mut self,
        sequence: u64,
        owed: Owed,
        id: Option<SaId>,
        now: Instant,
        outcome: Result<(), SealError>,
    ) -> Result<Sent, OutboundError>
    where
        P: CryptoProvider,
        S: OutboundSad<P>,
    {
        let sa = id.and_then(|id| Some((id, self.sad.find_mut(&id)?)));
        // It was there a moment ago.
        let Some((id, sa)) = sa else { return Err(OutboundError::Seal(LENGTH)) };
        let sealed = sa.settle(sequence, owed, now, outcome).map_err(OutboundError::Seal)?;
        Ok(Sent::Protected { soft_limit: sealed.soft_limit.map(|limit| (id, limit)) })
    }
}

/// The association that a packet was laid out under.
fn sa_of<'s, P, S>(sad: &'s S, tag: &Tag) -> Option<&'s crate::ipsec::Sa<P>>
where
    P: CryptoProvider,
    S: OutboundSad<P>,
{
    sad.find(&tag.chosen?.sa).map(OutboundSa::sa)
}
