//! Sealing many packets, under any associations.

use crate::crypto::CryptoProvider;
use crate::ipsec::association::sa::Sa;
use crate::ipsec::packet::batch::{Row, Rows, compute_all};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::plan::Contents;
use crate::ipsec::packet::seal::{Freshness, lay_out};
use crate::wire::CodePoints;

/// A packet to be sealed in a batch, and under what.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs, reason = "built field by field by callers")]
pub struct ToSeal<'r, 'b, P: CryptoProvider> {
    /// The association.
    pub sa: &'r Sa<P>,
    /// Number and vector.
    pub freshness: Freshness<'r>,
    /// The packet.
    pub packet: &'r mut PacketBuf<'b>,
}

/// Seals each of `packets` as [`seal_with`](crate::ipsec::seal_with) does, with the same octets and results: what algorithms
/// take of several packets is handed to `crypto` in one piece. `done` is called once for each packet, in order, with its place
/// in the batch, and the packet if it is sealed: what `done` gets can be sent, and nothing else is to be. A packet that is
/// refused is in its buffer still, in the clear.
///
/// ```
/// # #[cfg(feature = "rust-crypto")] {
/// use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
/// use xcast_sec::ipsec::{Freshness, PacketBuf, Protection, Sa, SaConfig, Spi, ToSeal, seal_batch_with};
/// # use xcast_sec::wire::Ipv4Repr;
///
/// // Two senders, each with an association of its own.
/// let sa = |spi, key| {
///     let integrity = Some((IntegrityAlgorithm::HmacSha2_256_128, &[key; 32][..]));
///     let protection = Protection::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key: &[key; 16], integrity };
///     Sa::new(&SaConfig::new(Spi::new(spi).unwrap(), protection), &mut RustCrypto).unwrap()
/// };
/// let sas = [sa(0x1000, 1), sa(0x2000, 2)];
///
/// let mut buffers = [[0; 256]; 8];
/// # for buffer in &mut buffers {
/// #     Ipv4Repr { tos: 0, ttl: 9, protocol: 17, source: [192, 0, 2, 1].into(), destination: [192, 0, 2, 2].into(),
/// #         options_len: 0, payload_len: 20 }.emit(&mut buffer[64..]).unwrap();
/// # }
/// let mut packets = buffers.each_mut().map(|buffer| PacketBuf::new(buffer, 64..104).unwrap());
/// let batch = packets.iter_mut().enumerate().map(|(index, packet)| {
///     let sequence = 1 + index as u64 / 2;
///     ToSeal { sa: &sas[index % 2], freshness: Freshness { sequence, iv: &[7; 16] }, packet } // An IV to be random.
/// });
/// let mut sealed = 0;
/// seal_batch_with(&mut RustCrypto, None, batch, |index, packet| {
///     let Ok(packet) = packet else { return };
///     assert!(packet.len() > 40); // To the device.
///     sealed = index + 1;
/// });
/// assert_eq!(sealed, 8);
/// # }
/// ```
///
/// # Security
///
/// As [`seal_with`](crate::ipsec::seal_with): numbers and vectors are the caller's, each to be used once.
pub fn seal_batch_with<'r, 'b: 'r, P, I, D>(crypto: &mut P, code_points: Option<&CodePoints>, packets: I, mut done: D)
where
    P: CryptoProvider + 'r,
    I: IntoIterator<Item = ToSeal<'r, 'b, P>>,
    D: FnMut(usize, Result<&mut PacketBuf<'_>, SealError>),
{
    let mut rows = Rows::<&'r Sa<P>>::new();
    let mut first = 0;
    for ToSeal { sa, freshness, packet } in packets {
        if rows.is_full() {
            first = finish(crypto, &mut rows, first, &mut done);
        }
        let laid = lay_out(sa, Contents::Packet, freshness, code_points, packet);
        let _ = rows.push(Row::new(packet, laid, sa, crypto, sa));
    }
    finish(crypto, &mut rows, first, &mut done);
}

/// Computes what is left of a chunk, and hands it out. Returns the place of the next packet.
fn finish<'r, P, D>(crypto: &mut P, rows: &mut Rows<'r, '_, &'r Sa<P>>, first: usize, done: &mut D) -> usize
where
    P: CryptoProvider + 'r,
    D: FnMut(usize, Result<&mut PacketBuf<'_>, SealError>),
{
    compute_all(crypto, rows, |sa| Some(*sa));
    let mut index = first;
    for row in rows.iter_mut() {
        done(index, row.outcome.map(|()| &mut *row.packet));
        index = index.saturating_add(1);
    }
    rows.clear();
    index
}
