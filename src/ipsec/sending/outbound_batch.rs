//! Many packets under one association.

use rand_core::TryCryptoRng;

use crate::crypto::CryptoProvider;
use crate::ipsec::packet::batch::{Row, Rows, compute_all};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::laid::LENGTH;
use crate::ipsec::packet::plan::Contents;
use crate::ipsec::sending::outbound::{OutboundSa, Owed, Sealed};
use crate::time::Instant;
use crate::wire::CodePoints;

impl<P: CryptoProvider> OutboundSa<P> {
    /// Seals each of `packets` as [`seal`](Self::seal) does, in order, with the same octets, numbers, vectors and results: what
    /// algorithms take of several packets is handed to `crypto` in one piece. `done` is called once for each packet, in order,
    /// with its place in the batch, and the packet if it is sealed: what `done` gets can be sent, and nothing else is to be. A
    /// packet that is refused is in its buffer still, in the clear.
    ///
    /// ```
    /// # #[cfg(feature = "rust-crypto")] {
    /// use xcast_sec::crypto::{CipherAlgorithm, IntegrityAlgorithm, RustCrypto};
    /// use xcast_sec::ipsec::{OutboundSa, PacketBuf, Protection, Sa, SaConfig, Spi};
    /// use xcast_sec::time::Instant;
    /// # use xcast_sec::wire::Ipv4Repr;
    ///
    /// let mut rng = getrandom::SysRng;
    /// let integrity = Some((IntegrityAlgorithm::HmacSha2_256_128, &[2; 32][..]));
    /// let protection = Protection::Esp { cipher: CipherAlgorithm::AesCbc, cipher_key: &[1; 16], integrity };
    /// let sa = Sa::new(&SaConfig::new(Spi::new(0x1000).unwrap(), protection), &mut RustCrypto).unwrap();
    /// let mut sa = OutboundSa::new(sa, Instant::START).unwrap();
    ///
    /// let mut buffers = [[0; 256]; 8];
    /// # for buffer in &mut buffers {
    /// #     Ipv4Repr { tos: 0, ttl: 9, protocol: 17, source: [192, 0, 2, 1].into(), destination: [192, 0, 2, 2].into(),
    /// #         options_len: 0, payload_len: 20 }.emit(&mut buffer[64..]).unwrap();
    /// # }
    /// let mut packets = buffers.each_mut().map(|buffer| PacketBuf::new(buffer, 64..104).unwrap());
    /// let mut last = 0;
    /// sa.seal_batch(Instant::START, &mut RustCrypto, &mut rng, None, &mut packets, |_, sealed| {
    ///     let Ok((packet, sealed)) = sealed else { return };
    ///     assert!(packet.len() > 40); // To the device.
    ///     last = sealed.sequence;
    /// });
    /// assert_eq!(last, 8);
    /// # }
    /// ```
    pub fn seal_batch<'r, 'b: 'r, G, I, D>(
        &mut self,
        now: Instant,
        crypto: &mut P,
        rng: &mut G,
        code_points: Option<&CodePoints>,
        packets: I,
        mut done: D,
    ) where
        G: TryCryptoRng + ?Sized,
        I: IntoIterator<Item = &'r mut PacketBuf<'b>>,
        D: FnMut(usize, Result<(&mut PacketBuf<'_>, Sealed), SealError>),
    {
        let mut rows = Rows::<Option<(u64, Owed)>>::new();
        let mut first = 0;
        for packet in packets {
            if rows.is_full() {
                first = self.finish(now, crypto, &mut rows, first, &mut done);
            }
            let mut laid = self.begin(Contents::Packet, None, now, rng, code_points, packet);
            if laid.as_ref().is_err_and(|error| self.is_premature(error)) {
                first = self.finish(now, crypto, &mut rows, first, &mut done);
                laid = self.begin(Contents::Packet, None, now, rng, code_points, packet);
            }
            let owed = laid.as_ref().ok().map(|(laid, owed)| (laid.sequence(), *owed));
            let _ = rows.push(Row::new(packet, laid.map(|(laid, _)| laid), self.sa(), crypto, owed));
        }
        self.finish(now, crypto, &mut rows, first, &mut done);
    }

    /// Computes what is left of a chunk, and hands it out. Returns the place of the next packet.
    fn finish<D>(
        &mut self,
        now: Instant,
        crypto: &mut P,
        rows: &mut Rows<'_, '_, Option<(u64, Owed)>>,
        first: usize,
        done: &mut D,
    ) -> usize
    where
        D: FnMut(usize, Result<(&mut PacketBuf<'_>, Sealed), SealError>),
    {
        compute_all(crypto, rows, |_| Some(self.sa()));
        let mut index = first;
        for Row { packet, outcome, tag, .. } in rows.iter_mut() {
            let result = match tag {
                Some((sequence, owed)) => self.settle(*sequence, *owed, now, *outcome),
                None => Err(outcome.err().unwrap_or(LENGTH)),
            };
            done(index, result.map(|sealed| (&mut **packet, sealed)));
            index = index.saturating_add(1);
        }
        rows.clear();
        index
    }
}
