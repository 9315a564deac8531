//! Many packets received at once.

use core::net::IpAddr;

use super::{Incoming, ReceiveError, Receiver};
use crate::crypto::CryptoProvider;
use crate::ipsec::{
    AuditSink, CHUNK, InboundSad, PacketBuf, PolicyLookup, ReplayStore, SenderFilter, Tried, in_chunks,
};
use crate::time::Instant;

impl<S, R, Q, F, A> Receiver<S, R, Q, F, A> {
    /// Receives each of `packets` as [`receive`](Self::receive) does, in order, with the same results, windows, counters and audit
    /// events: what algorithms take of several packets is handed to `crypto` in one piece. `done` is called once for each packet,
    /// in order, with its place in the batch.
    ///
    /// For the rest [`Inbound::process_batch`](crate::ipsec::Inbound::process_batch) holds, its warnings too.
    pub fn receive_batch<'r, 'b: 'r, P, I, D>(
        &mut self,
        crypto: &mut P,
        now: Instant,
        is_local: impl Fn(IpAddr) -> bool,
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
        D: FnMut(usize, Result<Incoming<'_>, ReceiveError>),
    {
        in_chunks(packets, |first, packets| {
            let mut looked = [Ok(()); CHUNK];
            for (packet, looked) in packets.iter().zip(&mut looked) {
                *looked = self.look(packet.as_octets(), &is_local);
            }
            let mut tried = Tried::nothing_of_a_chunk();
            let code_points = *self.code_points();
            let wanted = |index: usize| looked.get(index).is_some_and(Result::is_ok);
            self.inbound.try_all(crypto, Some(&code_points), now, packets, &mut tried, wanted);
            for (((index, packet), looked), tried) in (first..).zip(packets).zip(looked).zip(&mut tried) {
                done(index, self.receive_looked(crypto, now, 0, looked, Some(tried), &is_local, packet));
            }
        });
    }
}
