//! Many packets that come in at once.

use super::audit::AuditSink;
use super::inbound::{Inbound, InboundError};
use super::received::Received;
use crate::crypto::CryptoProvider;
use crate::ipsec::association::lifetime::Limits;
use crate::ipsec::association::sa::Sa;
use crate::ipsec::association::sad::InboundSad;
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::open_batch::in_chunks;
use crate::ipsec::packet::tried::{AllTried, Trial, Tried};
use crate::ipsec::policy::{PolicyLookup, SenderFilter};
use crate::ipsec::replay::senders::ReplayStore;
use crate::time::Instant;
use crate::wire::CodePoints;

impl<S, R, Q, F, A> Inbound<S, R, Q, F, A> {
    /// Processes each of `packets` as [`process`](Self::process) does, in order, with the same results, windows, counters and
    /// audit events, and the same octets of what passes: what algorithms take of several packets is handed to `crypto` in one
    /// piece. `done` is called once for each packet, in order, with its place in the batch, and the packet if it passes.
    ///
    /// The outermost AH or ESP is what a batch gains by; combined modes, and ESP inside AH, are opened one packet at a time.
    ///
    /// # Security
    ///
    /// As [`open_batch`](crate::ipsec::open_batch): algorithms are also run on packets that then turn out to be replays of
    /// earlier ones in the batch, or beyond a lifetime that those used up, and ESP that is refused for that is decrypted.
    pub fn process_batch<'r, 'b: 'r, P, I, D>(
        &mut self,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        now: Instant,
        packets: I,
        mut done: D,
    ) where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
        Q: PolicyLookup,
        F: SenderFilter,
        A: AuditSink,
        I: IntoIterator<Item = &'r mut PacketBuf<'b>>,
        D: FnMut(usize, Result<(&mut PacketBuf<'_>, Received), InboundError>),
    {
        in_chunks(packets, |first, packets| {
            let mut tried = Tried::nothing_of_a_chunk();
            self.try_all(crypto, code_points, now, packets, &mut tried, |_| true);
            for ((index, packet), tried) in (first..).zip(packets).zip(&mut tried) {
                let result = self.process_tried(crypto, code_points, now, 0, Some(tried), packet);
                done(index, result.map(|received| (&mut **packet, received)));
            }
        });
    }

    /// Computes ahead what [`process_tried`](Self::process_tried) will need of the packets of a chunk, of those that are `wanted`. No state changes.
    #[allow(clippy::too_many_arguments, reason = "those of `process`, and what is found out")]
    pub(crate) fn try_all<P>(
        &mut self,
        crypto: &mut P,
        code_points: Option<&CodePoints>,
        now: Instant,
        packets: &mut [&mut PacketBuf<'_>],
        tried: &mut AllTried,
        wanted: impl Fn(usize) -> bool,
    ) where
        P: CryptoProvider,
        S: InboundSad<P>,
        R: ReplayStore,
    {
        let sad = &self.sad;
        let lives = |sa: &Sa<P>, octets: usize| {
            let hard = &sa.lifetimes().hard;
            *hard == Limits::NONE
                || sad.state(&sa.id()).is_none_or(|state| state.usage().check(hard, now, octets as u64).is_ok())
        };
        Trial { sad, replay: &mut self.replay, crypto, code_points }.all(packets, tried, wanted, lives);
    }
}
