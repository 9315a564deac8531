//! Opening many packets, under any associations.

use crate::crypto::CryptoProvider;
use crate::ipsec::association::sad::SadLookup;
use crate::ipsec::packet::batch::CHUNK;
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::OpenError;
use crate::ipsec::packet::open::{Open, Opened, open_through};
use crate::ipsec::packet::tried::{Trial, Tried};
use crate::ipsec::replay::senders::ReplayStore;
use crate::wire::CodePoints;

/// Opens each of `packets` as [`open()`](crate::ipsec::open()) does, in order, with the same results, windows and octets of what
/// is opened: what algorithms take of several packets is handed to `crypto` in one piece. `done` is called once for each packet,
/// in order, with its place in the batch, and the packet if it is open.
///
/// # Security
///
/// No window moves before a packet has verified. What differs from one packet at a time: algorithms are also run on packets
/// that then turn out to be replays of earlier ones in the batch, and ESP that is refused for its number may be decrypted.
pub fn open_batch<'r, 'b: 'r, P, S, R, I, D>(
    sad: &S,
    replay: &mut R,
    crypto: &mut P,
    code_points: Option<&CodePoints>,
    packets: I,
    mut done: D,
) where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
    I: IntoIterator<Item = &'r mut PacketBuf<'b>>,
    D: FnMut(usize, Result<(&mut PacketBuf<'_>, Opened), OpenError>),
{
    in_chunks(packets, |first, packets| {
        let mut tried = Tried::nothing_of_a_chunk();
        let sas = Trial { sad, replay, crypto, code_points }.all(packets, &mut tried, |_| true, |_, _| true);
        let mut index = first;
        for ((packet, tried), sa) in packets.iter_mut().zip(&mut tried).zip(&sas) {
            let result = open_through(&mut Open, sad, replay, crypto, code_points, 0, *sa, tried, packet);
            done(index, result.map(|done| (&mut **packet, done.opened())));
            index = index.saturating_add(1);
        }
    });
}

/// Cuts a batch into chunks, each with the place of its first packet.
pub(crate) fn in_chunks<'r, 'b: 'r>(
    packets: impl IntoIterator<Item = &'r mut PacketBuf<'b>>,
    mut each: impl FnMut(usize, &mut [&'r mut PacketBuf<'b>]),
) {
    let mut chunk = heapless::Vec::<_, CHUNK>::new();
    let mut first = 0_usize;
    for packet in packets {
        if chunk.is_full() {
            each(first, &mut chunk);
            first = first.saturating_add(CHUNK);
            chunk.clear();
        }
        let _ = chunk.push(packet);
    }
    if !chunk.is_empty() {
        each(first, &mut chunk);
    }
}
