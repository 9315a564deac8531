//! What was computed of packets in a batch before their turn came: a guess, held to what the windows say when it does.

use heapless::Vec;

use crate::crypto::{CryptoError, CryptoProvider, EspJob, EspLengths, IcvJob};
use crate::ipsec::association::config::SecurityProtocol;
use crate::ipsec::association::sa::{EspKeys, Sa, Transform, high_half};
use crate::ipsec::association::sad::SadLookup;
use crate::ipsec::packet::arrived::Arrived;
use crate::ipsec::packet::batch::{CHUNK, gather};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::laid::EspJobOf;
use crate::ipsec::replay::senders::ReplayStore;
use crate::wire::CodePoints;

/// What a packet's headers say, and what computing found under the sequence number that it was taken to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    pub(crate) arrived: Arrived,
    sequence: u64,
    /// `None` if nothing was computed.
    result: Option<Result<(), CryptoError>>,
}

impl Tried {
    /// What the provider would say of the packet under `sequence`, as far as that is known. ESP that verified is decrypted.
    pub(super) fn under(&self, sequence: u64) -> Option<Result<(), CryptoError>> {
        match self.result {
            result if self.sequence == sequence => result,
            // An ICV is right under one number. The packet cannot be tried again: it is decrypted.
            Some(Ok(())) if self.arrived.protocol == SecurityProtocol::Esp => Some(Err(CryptoError::Mismatch)),
            _ => None,
        }
    }
}

/// What is known of the packets of a chunk.
pub(crate) type AllTried = [Option<Tried>; CHUNK];

/// What is needed to try packets. No state changes.
pub(crate) struct Trial<'a, S: ?Sized, R: ?Sized, P> {
    pub(crate) sad: &'a S,
    pub(crate) replay: &'a mut R,
    pub(crate) crypto: &'a mut P,
    pub(crate) code_points: Option<&'a CodePoints>,
}

impl<S, R, P> Trial<'_, S, R, P>
where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
{
    /// Tries the packets of a chunk, of those that are `wanted`. Those are left out that `admits` says will be refused, and
    /// those under combined modes, of which one at a time is as good.
    pub(crate) fn all(
        &mut self,
        packets: &mut [&mut PacketBuf<'_>],
        tried: &mut AllTried,
        wanted: impl Fn(usize) -> bool,
        admits: impl Fn(&Sa<P>, usize) -> bool,
    ) {
        if self.esp(packets, tried, wanted, admits) {
            self.ah(packets, tried);
        }
    }

    /// Reads all, and opens ESP. Returns whether there is AH.
    #[inline(never)]
    fn esp(
        &mut self,
        packets: &mut [&mut PacketBuf<'_>],
        tried: &mut AllTried,
        wanted: impl Fn(usize) -> bool,
        admits: impl Fn(&Sa<P>, usize) -> bool,
    ) -> bool {
        let mut jobs = Vec::<EspJobOf<'_, P>, CHUNK>::new();
        let mut results = Vec::<_, CHUNK>::new();
        let mut has_ah = false;
        for ((index, packet), tried) in packets.iter_mut().enumerate().zip(tried) {
            if !wanted(index) {
                continue;
            }
            let Ok(arrived) = Arrived::read(packet.as_octets(), self.code_points) else { continue };
            let Ok(sa) = arrived.find_sa(self.sad) else { continue };
            let Ok(octets) = arrived.processed_len(sa) else { continue };
            if !admits(sa, octets) {
                continue;
            }
            let Ok(unverified) = arrived.check_sequence(sa, self.replay) else { continue };
            let sequence = unverified.number();
            let tried = tried.insert(Tried { arrived, sequence, result: None });
            let Transform::Esp(transform) = &sa.transform else {
                has_ah = true;
                continue;
            };
            let EspKeys::Separate { cipher, integrity, .. } = &transform.keys else { continue };
            let place = &arrived.place;
            let Some(esp) = packet.as_mut_octets().get_mut(place.at..place.packet_len) else { continue };
            let job = EspJob::new(
                cipher,
                integrity,
                esp,
                EspLengths { iv_len: transform.iv_len, icv_len: transform.icv_len },
                high_half(sa, sequence),
            );
            if let Some(job) = job
                && jobs.push(job).is_ok()
            {
                let _ = results.push(&mut tried.result);
            }
        }
        if !jobs.is_empty() {
            self.crypto.esp_open_many(&mut jobs);
        }
        for (job, result) in jobs.iter().zip(&mut results) {
            **result = Some(job.result());
        }
        has_ah
    }

    /// Verifies AH. Apart from ESP, as jobs of either kind take room on the stack.
    #[inline(never)]
    fn ah(&mut self, packets: &[&mut PacketBuf<'_>], tried: &mut AllTried) {
        let covered = packets.iter().zip(tried).filter_map(|(packet, tried)| {
            let Tried { arrived, sequence, result } = tried.as_mut()?;
            let sa = arrived.find_sa(self.sad).ok()?;
            let Transform::Ah(transform) = &sa.transform else { return None };
            let octets = packet.as_octets().get(..arrived.place.packet_len)?;
            let (coverage, header) = arrived.covered_by_ah(transform, self.code_points, octets).ok()?;
            let received = header.icv_field().get(..transform.icv_len).unwrap_or(&[]);
            Some((coverage, &transform.key, high_half(sa, *sequence), received, result))
        });
        let mut covered = gather(covered);
        let jobs = covered
            .iter()
            .map(|(coverage, key, high, received, _)| IcvJob::verify(*key, coverage.parts(high.as_ref()), received));
        let mut jobs = gather(jobs);
        self.crypto.icv_many(&mut jobs);
        let results = gather(jobs.iter().map(|job| job.result().map(|_| ())));
        drop(jobs);
        for ((.., slot), result) in covered.iter_mut().zip(&results) {
            **slot = Some(*result);
        }
    }
}
