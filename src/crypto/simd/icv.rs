//! ICVs of several messages at once, as AH needs them (RFC 4302 §3.3.3).

use super::chaining::Chaining;
use super::jobs::Jobs;
use super::key::SimdIntegrityKey;
use super::level::Lanes;
use super::macs::{Macs, WIDEST};
use super::message::{Lane, blocks};
use super::order::{CHUNK, Order};
use crate::crypto::{CryptoError, CryptoProvider, IcvJob, RustCrypto};

/// As [`CryptoProvider::icv_many`].
pub(super) fn icvs<'p, I>(lanes: Lanes, jobs: &mut [IcvJob<'_, SimdIntegrityKey, I>])
where
    I: Iterator<Item = &'p [u8]> + Clone,
{
    for chunk in jobs.chunks_mut(CHUNK) {
        let together = together(lanes, chunk);
        let alone = Jobs::first(chunk.len()).without(together);
        for (_, job) in chunk.iter_mut().enumerate().filter(|(index, _)| alone.has(*index)) {
            let (key, parts) = (job.key().one(), job.parts().clone());
            let result = match job.received() {
                Some(received) => RustCrypto.verify_icv(key, parts, received).map(|()| None),
                None => RustCrypto.icv(key, parts).map(Some),
            };
            job.finish(result);
        }
        side_by_side(lanes, chunk, together);
    }
}

fn together<I>(lanes: Lanes, chunk: &[IcvJob<'_, SimdIntegrityKey, I>]) -> Jobs {
    let mut together = Jobs::default();
    for (index, job) in chunk.iter().enumerate() {
        let hash = job.key().chaining().map(Chaining::hash);
        // A received ICV of another length is refused by the provider of one at a time.
        if hash.is_some_and(|hash| job.received().is_none_or(|icv| icv.len() == hash.icv_len())) {
            together.insert(index);
        }
    }
    together.worthwhile(lanes)
}

fn side_by_side<'p, I>(lanes: Lanes, chunk: &mut [IcvJob<'_, SimdIntegrityKey, I>], which: Jobs)
where
    I: Iterator<Item = &'p [u8]> + Clone,
{
    let mut order = Order::default();
    for (index, job) in chunk.iter().enumerate() {
        if let Some(chaining) = job.key().chaining() {
            order.push(index, chaining.hash() as u32, blocks(len(job.parts())));
        }
    }
    order.sort(Jobs::first(CHUNK).without(which));
    for group in order.groups(lanes.most()) {
        let mut macs = Macs::none();
        {
            let jobs = || group.indices().filter_map(|index| chunk.get(index));
            // Filled in place: they are too large to be moved for nothing.
            let mut parts = heapless::Vec::<I, WIDEST>::new();
            for job in jobs() {
                // No group is larger than the widest.
                let _ = parts.push(job.parts().clone());
            }
            let mut side = heapless::Vec::<Lane<'_, '_>, WIDEST>::new();
            for (job, parts) in jobs().zip(&mut parts) {
                let len = len(parts);
                let _ = side.push(Lane::of_many(job.key(), parts, len));
            }
            // One that is missing would give its place to the next: rather none.
            if side.len() != group.len() {
                side.clear();
            }
            macs.compute(lanes, &mut side);
        }
        for (index, mac) in group.indices().zip(macs.iter()) {
            let Some(job) = chunk.get_mut(index) else { continue };
            let result = match job.received() {
                Some(received) if mac.is(received) => Ok(None),
                Some(_) => Err(CryptoError::Mismatch),
                None => {
                    let hash = job.key().chaining().map(Chaining::hash);
                    hash.and_then(|hash| mac.icv(hash)).map(Some).ok_or(CryptoError::Provider)
                }
            };
            job.finish(result);
        }
    }
}

/// Octets in all the parts.
fn len<'p>(parts: &(impl Iterator<Item = &'p [u8]> + Clone)) -> usize {
    parts.clone().map(<[u8]>::len).fold(0, usize::saturating_add)
}
