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

/// What is known of a packet. It stays where it is: what was written piece by piece is not to be moved.
#[derive(Debug)]
pub(crate) struct Tried {
    /// What its headers say, once they are read.
    pub(super) read: Option<Arrived>,
    pub(super) guess: Option<Guess>,
}

/// What computing found under the sequence number that a packet was taken to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guess {
    sequence: u64,
    /// Where the window of its sender is.
    pub(super) place: Option<usize>,
    /// `None` if nothing was computed.
    result: Option<Result<(), CryptoError>>,
}

impl Tried {
    /// Nothing yet. No constant: that would be copied whole, and is mostly room.
    #[inline(always)]
    pub(crate) fn nothing() -> Self {
        Self { read: None, guess: None }
    }

    /// The same of each packet of a chunk.
    #[inline(always)]
    pub(crate) fn nothing_of_a_chunk() -> AllTried {
        core::array::from_fn(|_| Self::nothing())
    }
}

impl Guess {
    /// What the provider would say of the packet, of `protocol`, under `sequence`, as far as that is known. ESP that verified is
    /// decrypted.
    pub(super) fn under(&self, protocol: SecurityProtocol, sequence: u64) -> Option<Result<(), CryptoError>> {
        match self.result {
            result if self.sequence == sequence => result,
            // An ICV is right under one number. The packet cannot be tried again: it is decrypted.
            Some(Ok(())) if protocol == SecurityProtocol::Esp => Some(Err(CryptoError::Mismatch)),
            _ => None,
        }
    }
}

/// What is known of the packets of a chunk.
pub(crate) type AllTried = [Tried; CHUNK];

/// The associations of the packets of a chunk, as far as they were looked for and found.
pub(crate) type Found<'a, P> = [Option<&'a Sa<P>>; CHUNK];

/// What is needed to try packets. No state changes.
pub(crate) struct Trial<'s, 'a, S: ?Sized, R: ?Sized, P> {
    pub(crate) sad: &'s S,
    pub(crate) replay: &'a mut R,
    pub(crate) crypto: &'a mut P,
    pub(crate) code_points: Option<&'a CodePoints>,
}

impl<'s, S, R, P> Trial<'s, '_, S, R, P>
where
    P: CryptoProvider,
    S: SadLookup<P> + ?Sized,
    R: ReplayStore + ?Sized,
{
    /// Tries the packets of a chunk, of those that are `wanted`. Those are left out that `admits` says will be refused, and
    /// those under combined modes, of which one at a time is as good. Returns the associations that were found.
    pub(crate) fn all(
        &mut self,
        packets: &mut [&mut PacketBuf<'_>],
        tried: &mut AllTried,
        wanted: impl Fn(usize) -> bool,
        admits: impl Fn(&Sa<P>, usize) -> bool,
    ) -> Found<'s, P> {
        let mut has_ah = false;
        let mut sas = [None; CHUNK];
        for (((index, packet), tried), sa) in packets.iter().enumerate().zip(tried.iter_mut()).zip(&mut sas) {
            if wanted(index) {
                *sa = self.read(packet, tried, &admits);
                has_ah |= sa.is_some_and(|sa| sa.protocol() == SecurityProtocol::Ah);
            }
        }
        self.esp(packets, tried, &sas);
        if has_ah {
            self.ah(packets, tried, &sas);
        }
        sas
    }

    /// Opens ESP.
    #[inline(never)]
    fn esp(&mut self, packets: &mut [&mut PacketBuf<'_>], tried: &mut AllTried, sas: &Found<'_, P>) {
        let mut jobs = Vec::<EspJobOf<'_, P>, CHUNK>::new();
        let mut results = Vec::<_, CHUNK>::new();
        for ((packet, tried), sa) in packets.iter_mut().zip(tried).zip(sas) {
            let Some(sa) = sa else { continue };
            let Tried { read: Some(arrived), guess: Some(Guess { sequence, result, .. }) } = tried else { continue };
            let Transform::Esp(transform) = &sa.transform else { continue };
            let EspKeys::Separate { cipher, integrity, .. } = &transform.keys else { continue };
            let place = &arrived.place;
            let Some(esp) = packet.as_mut_octets().get_mut(place.at..place.packet_len) else { continue };
            let lengths = EspLengths { iv_len: transform.iv_len, icv_len: transform.icv_len };
            let job = EspJob::new(cipher, integrity, esp, lengths, high_half(sa, *sequence));
            if let Some(job) = job
                && jobs.push(job).is_ok()
            {
                let _ = results.push(result);
            }
        }
        if !jobs.is_empty() {
            self.crypto.esp_open_many(&mut jobs);
        }
        for (job, result) in jobs.iter().zip(&mut results) {
            **result = Some(job.result());
        }
    }

    /// Reads a packet, and guesses its number, unless it will be refused. Returns its association.
    #[inline(always)]
    fn read(
        &mut self,
        packet: &PacketBuf<'_>,
        tried: &mut Tried,
        admits: impl Fn(&Sa<P>, usize) -> bool,
    ) -> Option<&'s Sa<P>> {
        let Tried { read, guess } = tried;
        let arrived = Arrived::read_into(read, packet.as_octets(), self.code_points).ok()?;
        let sa = arrived.find_sa(self.sad).ok()?;
        let octets = arrived.processed_len(sa).ok()?;
        if !admits(sa, octets) {
            return None;
        }
        let (sequence, place) = arrived.expected(sa, self.replay)?;
        *guess = Some(Guess { sequence, place, result: None });
        Some(sa)
    }

    /// Verifies AH. Apart from ESP, as jobs of either kind take room on the stack.
    #[inline(never)]
    fn ah(&mut self, packets: &[&mut PacketBuf<'_>], tried: &mut AllTried, sas: &Found<'_, P>) {
        let covered = packets.iter().zip(tried).zip(sas).filter_map(|((packet, tried), sa)| {
            let sa = (*sa)?;
            let Tried { read: Some(arrived), guess: Some(Guess { sequence, result, .. }) } = tried else { return None };
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
