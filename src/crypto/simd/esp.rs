//! ESP on several packets at once (RFC 4303 §3.3.2, §3.4.4).

use fearless_simd::{Avx512, Simd};

use super::cbc;
use super::chaining::Chaining;
use super::jobs::{Job, Jobs, apart};
use super::level::Lanes;
use super::macs::{Macs, WIDEST};
use super::message::{Lane, blocks};
use super::order::{CHUNK, Group, Order};
use crate::crypto::{CryptoError, CryptoProvider, EspParts, RustCrypto};

/// As [`CryptoProvider::esp_seal_many`].
pub(super) fn seal(lanes: Lanes, jobs: &mut [Job<'_>]) {
    for chunk in jobs.chunks_mut(CHUNK) {
        let mut plan = Plan::new(lanes, chunk, true);
        apart(chunk, Jobs::first(chunk.len()).without(plan.together), |ones| RustCrypto.esp_seal_many(ones));
        encrypt(lanes, chunk, &plan.by_cipher, &mut plan.together);
        for group in plan.by_hash.groups(lanes.most()) {
            let mut macs = Macs::none();
            compute(&mut macs, lanes, chunk, group);
            for (index, mac) in group.indices().zip(macs.iter()) {
                if let Some(job) = chunk.get_mut(index)
                    && plan.together.has(index)
                {
                    mac.write(job.icv_mut());
                    job.finish(Ok(()));
                }
            }
        }
    }
}

/// As [`CryptoProvider::esp_open_many`].
pub(super) fn open(lanes: Lanes, jobs: &mut [Job<'_>]) {
    for chunk in jobs.chunks_mut(CHUNK) {
        let plan = Plan::new(lanes, chunk, false);
        apart(chunk, Jobs::first(chunk.len()).without(plan.together), |ones| RustCrypto.esp_open_many(ones));
        for group in plan.by_hash.groups(lanes.most()) {
            let mut macs = Macs::none();
            compute(&mut macs, lanes, chunk, group);
            let mut verified = Jobs::default();
            for (index, mac) in group.indices().zip(macs.iter()) {
                let Some(job) = chunk.get_mut(index) else { continue };
                if mac.is(job.icv()) {
                    verified.insert(index);
                } else {
                    job.finish(Err(CryptoError::Mismatch));
                }
            }
            decrypt(lanes, chunk, verified);
        }
    }
}

/// What goes with what.
struct Plan {
    /// The jobs whose ICVs are worth computing in lanes. The others include all whose ICV has not the length it must have.
    together: Jobs,
    /// Those, by hash.
    by_hash: Order,
    /// Those of them that can be encrypted in lockstep, by the size of their keys.
    by_cipher: Order,
}

impl Plan {
    fn new(lanes: Lanes, chunk: &mut [Job<'_>], encrypts: bool) -> Self {
        let mut plan = Self { together: Jobs::default(), by_hash: Order::default(), by_cipher: Order::default() };
        if let Lanes::One = lanes {
            return plan;
        }
        let lockstep = encrypts && matches!(lanes, Lanes::Sixteen(_));
        for (index, job) in chunk.iter_mut().enumerate() {
            let Some(hash) = job.integrity().chaining().map(Chaining::hash) else { continue };
            if hash.icv_len() != job.icv().len() {
                continue;
            }
            plan.together.insert(index);
            let [protected, high] = job.pieces();
            plan.by_hash.push(index, hash as u32, blocks(protected.len().saturating_add(high.len())));
            if lockstep && let Some(schedule) = job.cipher().schedule() {
                let EspParts { iv, data, .. } = job.parts();
                let (blocks, rest) = data.as_chunks::<16>();
                if iv.len() == 16 && rest.is_empty() {
                    plan.by_cipher.push(index, schedule.size() as u32, blocks.len());
                }
            }
        }
        let not_worthwhile = plan.together.without(plan.together.worthwhile(lanes));
        plan.together = plan.together.without(not_worthwhile);
        plan.by_hash.sort(not_worthwhile);
        plan.by_cipher.sort(not_worthwhile);
        plan
    }
}

/// Encrypts the data of the jobs in `together`. Those that cannot be are told so and are in it no longer.
fn encrypt(lanes: Lanes, chunk: &mut [Job<'_>], by_cipher: &Order, together: &mut Jobs) {
    let mut left = *together;
    if let Lanes::Sixteen(avx512) = lanes {
        for group in by_cipher.groups(cbc::WIDEST) {
            encrypt_lockstep(avx512, chunk, group, &mut left);
        }
    }
    if left.is_empty() {
        return;
    }
    for (index, job) in chunk.iter_mut().enumerate().filter(|(index, _)| left.has(*index)) {
        let key = job.cipher().one();
        let EspParts { iv, data, .. } = job.parts();
        if let Err(error) = RustCrypto.encrypt(key, iv, data) {
            job.finish(Err(error));
            together.remove(index);
        }
    }
}

/// Encrypts a group that is under AES-CBC and has whole blocks, and then takes it out of `left`.
fn encrypt_lockstep(avx512: Avx512, chunk: &mut [Job<'_>], group: Group<'_>, left: &mut Jobs) {
    let mut side = [const { None }; cbc::WIDEST];
    let mut encrypted = Jobs::default();
    for (index, (job, place)) in chunk.iter_mut().zip(group.places()).enumerate() {
        let Some(slot) = side.get_mut(usize::from(place)) else { continue };
        let Some(schedule) = job.cipher().schedule() else { continue };
        let EspParts { iv, data, .. } = job.parts();
        let Some(iv) = iv.first_chunk() else { continue };
        *slot = Some(cbc::Lane { schedule, iv, blocks: data.as_chunks_mut().0 });
        encrypted.insert(index);
    }
    if side.get_mut(..group.len()).is_some_and(|side| cbc::encrypt(avx512, side)) {
        *left = left.without(encrypted);
    }
}

/// Computes the MACs of a group, over what its packets hold now.
fn compute(macs: &mut Macs, lanes: Lanes, chunk: &[Job<'_>], group: Group<'_>) {
    let jobs = group.indices().filter_map(|index| chunk.get(index));
    // Filled in place: it is too large to be moved for nothing.
    let mut side = heapless::Vec::<Lane<'_, '_>, WIDEST>::new();
    for job in jobs {
        // No group is larger than the widest.
        let _ = side.push(Lane::of_two(job.integrity(), job.pieces()));
    }
    // One that is missing would give its place to the next: rather none.
    if side.len() != group.len() {
        side.clear();
    }
    macs.compute(lanes, &mut side);
}

/// Decrypts those that were verified.
fn decrypt(lanes: Lanes, chunk: &mut [Job<'_>], verified: Jobs) {
    match lanes {
        Lanes::Sixteen(avx512) => avx512.vectorize(
            #[inline(always)]
            || {
                decrypt_each(
                    chunk,
                    verified,
                    #[inline(always)]
                    |job| decrypt_wide(avx512, job),
                )
            },
        ),
        Lanes::Eight(_) | Lanes::One => decrypt_each(chunk, verified, decrypt_one),
    }
}

#[inline(always)]
fn decrypt_each(chunk: &mut [Job<'_>], verified: Jobs, each: impl Fn(&mut Job<'_>) -> Result<(), CryptoError>) {
    for (_, job) in chunk.iter_mut().enumerate().filter(|(index, _)| verified.has(*index)) {
        let result = each(job);
        job.finish(result);
    }
}

#[inline(always)]
fn decrypt_wide(avx512: Avx512, job: &mut Job<'_>) -> Result<(), CryptoError> {
    if let Some(schedule) = job.cipher().schedule() {
        let EspParts { iv, data, .. } = job.parts();
        if let (Ok(iv), (blocks, [])) = (iv.try_into(), data.as_chunks_mut()) {
            cbc::decrypt(avx512, schedule, iv, blocks);
            return Ok(());
        }
    }
    decrypt_one(job)
}

fn decrypt_one(job: &mut Job<'_>) -> Result<(), CryptoError> {
    let key = job.cipher().one();
    let EspParts { iv, data, .. } = job.parts();
    RustCrypto.decrypt(key, iv, data)
}
