//! ICVs of several messages at once, as AH needs them (RFC 4302 §3.3.3).

use core::array::from_fn;

use super::jobs::Jobs;
use super::key::SimdIntegrityKey;
use super::level::Lanes;
use super::macs::{Macs, Slots};
use super::message::{Lane, blocks};
use super::order::{CHUNK, Order};
use crate::crypto::{CryptoError, CryptoProvider, IcvJob, RustCrypto};

/// As [`CryptoProvider::icv_many`].
pub(super) fn icvs<'p, I>(lanes: Lanes, jobs: &mut [IcvJob<'_, SimdIntegrityKey, I>])
where
    I: Iterator<Item = &'p [u8]> + Clone,
{
    for chunk in jobs.chunks_mut(CHUNK) {
        let mut together = Jobs::default();
        for (index, job) in chunk.iter().enumerate() {
            let hash = job.key().chaining().map(|key| key.hash());
            // A received ICV of another length is refused by the others.
            if hash.is_some_and(|hash| job.received().is_none_or(|icv| icv.len() == hash.icv_len())) {
                together.insert(index);
            }
        }
        let together = together.worthwhile(lanes);
        let macs = macs(lanes, chunk, together);
        for (index, job) in chunk.iter_mut().enumerate() {
            let result = match (macs.of(index), job.received()) {
                (Some(mac), Some(received)) if mac.is(received) => Ok(None),
                (Some(_), Some(_)) => Err(CryptoError::Mismatch),
                (Some(mac), None) => {
                    let hash = job.key().chaining().map(|key| key.hash());
                    hash.and_then(|hash| mac.icv(hash)).map(Some).ok_or(CryptoError::Provider)
                }
                (None, Some(received)) => {
                    RustCrypto.verify_icv(job.key().one(), job.parts().clone(), received).map(|()| None)
                }
                (None, None) => RustCrypto.icv(job.key().one(), job.parts().clone()).map(Some),
            };
            job.finish(result);
        }
    }
}

fn macs<'p, I>(lanes: Lanes, chunk: &[IcvJob<'_, SimdIntegrityKey, I>], which: Jobs) -> Macs
where
    I: Iterator<Item = &'p [u8]> + Clone,
{
    let len =
        |job: &IcvJob<'_, SimdIntegrityKey, I>| job.parts().clone().map(<[u8]>::len).fold(0, usize::saturating_add);
    let order =
        Order::new(chunk.iter().enumerate().filter(|(index, _)| which.has(*index)).filter_map(|(index, job)| {
            let hash = job.key().chaining()?.hash();
            Some((index, hash as u32, blocks(len(job))))
        }));
    let mut parts: [Option<I>; CHUNK] = from_fn(|_| None);
    let mut slots: Slots<'_, '_> = from_fn(|_| None);
    for (index, (job, parts)) in chunk.iter().zip(&mut parts).enumerate() {
        if let Some(slot) = order.place(index).and_then(|place| slots.get_mut(place)) {
            let parts = parts.insert(job.parts().clone());
            *slot = Some(Lane::new(job.key(), &[], parts, len(job)));
        }
    }
    Macs::new(lanes, order, &mut slots)
}
