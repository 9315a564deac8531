//! ESP on several packets at once (RFC 4303 §3.3.2, §3.4.4).

use core::array::from_fn;

use fearless_simd::{Avx512, Simd};

use super::cbc;
use super::jobs::{Job, Jobs, apart};
use super::level::Lanes;
use super::macs::{Macs, Slots};
use super::message::{Lane, blocks};
use super::order::{CHUNK, Order};
use crate::crypto::{CryptoError, CryptoProvider, EspParts, RustCrypto};

/// As [`CryptoProvider::esp_seal_many`].
pub(super) fn seal(lanes: Lanes, jobs: &mut [Job<'_>]) {
    for chunk in jobs.chunks_mut(CHUNK) {
        let mut together = together(lanes, chunk);
        apart(chunk, Jobs::first(chunk.len()).without(together), |ones| RustCrypto.esp_seal_many(ones));
        encrypt(lanes, chunk, &mut together);
        let macs = macs(lanes, chunk, together);
        for (index, job) in chunk.iter_mut().enumerate() {
            if let Some(mac) = macs.of(index) {
                let (_, icv) = job.covered();
                for (to, from) in icv.iter_mut().zip(mac.octets()) {
                    *to = from;
                }
                job.finish(Ok(()));
            }
        }
    }
}

/// As [`CryptoProvider::esp_open_many`].
pub(super) fn open(lanes: Lanes, jobs: &mut [Job<'_>]) {
    for chunk in jobs.chunks_mut(CHUNK) {
        let together = together(lanes, chunk);
        apart(chunk, Jobs::first(chunk.len()).without(together), |ones| RustCrypto.esp_open_many(ones));
        let macs = macs(lanes, chunk, together);
        let mut verified = Jobs::default();
        for (index, job) in chunk.iter_mut().enumerate() {
            let Some(mac) = macs.of(index) else { continue };
            let (_, icv) = job.covered();
            if mac.is(icv) {
                verified.insert(index);
            } else {
                job.finish(Err(CryptoError::Mismatch));
            }
        }
        match lanes {
            Lanes::Sixteen(avx512) => avx512.vectorize(
                #[inline(always)]
                || {
                    decrypt(
                        chunk,
                        verified,
                        #[inline(always)]
                        |job| decrypt_wide(avx512, job),
                    )
                },
            ),
            Lanes::Eight(_) | Lanes::One => decrypt(chunk, verified, decrypt_one),
        }
    }
}

/// The jobs whose ICVs are worth computing in lanes. The others include all whose ICV has not the length it must have.
fn together(lanes: Lanes, chunk: &mut [Job<'_>]) -> Jobs {
    let mut together = Jobs::default();
    if let Lanes::One = lanes {
        return together;
    }
    for (index, job) in chunk.iter_mut().enumerate() {
        let (_, icv) = job.covered();
        let len = icv.len();
        if job.integrity().chaining().is_some_and(|key| key.hash().icv_len() == len) {
            together.insert(index);
        }
    }
    together.worthwhile(lanes)
}

/// Encrypts the data of the jobs in `together`. Those that cannot be are told so and are in it no longer.
fn encrypt(lanes: Lanes, chunk: &mut [Job<'_>], together: &mut Jobs) {
    let encrypted = match lanes {
        Lanes::Sixteen(avx512) => encrypt_lockstep(avx512, chunk, *together),
        Lanes::Eight(_) | Lanes::One => Jobs::default(),
    };
    let left = together.without(encrypted);
    for (index, job) in chunk.iter_mut().enumerate().filter(|(index, _)| left.has(*index)) {
        let key = job.cipher().one();
        let EspParts { iv, data, .. } = job.parts();
        if let Err(error) = RustCrypto.encrypt(key, iv, data) {
            job.finish(Err(error));
            together.remove(index);
        }
    }
}

/// Encrypts those of `which` that are under AES-CBC and have whole blocks, and says which they are.
fn encrypt_lockstep(avx512: Avx512, chunk: &mut [Job<'_>], which: Jobs) -> Jobs {
    let mut encrypted = Jobs::default();
    let order =
        Order::new(chunk.iter_mut().enumerate().filter(|(index, _)| which.has(*index)).filter_map(|(index, job)| {
            let size = job.cipher().schedule()?.size();
            let EspParts { iv, data, .. } = job.parts();
            let (blocks, rest) = data.as_chunks::<16>();
            (iv.len() == 16 && rest.is_empty()).then_some((index, size as u32, blocks.len()))
        }));
    let mut slots: [Option<cbc::Lane<'_>>; CHUNK] = from_fn(|_| None);
    for (index, job) in chunk.iter_mut().enumerate() {
        let Some(slot) = order.place(index).and_then(|place| slots.get_mut(place)) else { continue };
        let Some(schedule) = job.cipher().schedule() else { continue };
        let EspParts { iv, data, .. } = job.parts();
        let Some(iv) = iv.first_chunk() else { continue };
        *slot = Some(cbc::Lane { schedule, iv: *iv, blocks: data.as_chunks_mut().0 });
        encrypted.insert(index);
    }
    let mut slots = &mut slots[..];
    for len in order.classes() {
        let Some((now, later)) = slots.split_at_mut_checked(len) else { break };
        slots = later;
        if let Some(size) = now.iter().flatten().map(|lane| lane.schedule.size()).next() {
            cbc::encrypt(avx512, size, now);
        }
    }
    encrypted
}

/// The MACs of the jobs in `which`, over what their packets hold now.
fn macs(lanes: Lanes, chunk: &mut [Job<'_>], which: Jobs) -> Macs {
    let order =
        Order::new(chunk.iter_mut().enumerate().filter(|(index, _)| which.has(*index)).filter_map(|(index, job)| {
            let hash = job.integrity().chaining()?.hash();
            Some((index, hash as u32, blocks(len(job.covered().0))))
        }));
    let mut rests: [_; CHUNK] = from_fn(|_| None.into_iter());
    let mut slots: Slots<'_, '_> = from_fn(|_| None);
    for (index, (job, rest)) in chunk.iter_mut().zip(&mut rests).enumerate() {
        if let Some(slot) = order.place(index).and_then(|place| slots.get_mut(place)) {
            let key = job.integrity();
            let (parts @ [first, high], _) = job.covered();
            *rest = Some(high).into_iter();
            *slot = Some(Lane::new(key, first, rest, len(parts)));
        }
    }
    Macs::new(lanes, order, &mut slots)
}

fn len(parts: [&[u8]; 2]) -> usize {
    parts.map(<[u8]>::len).into_iter().fold(0, usize::saturating_add)
}

#[inline(always)]
fn decrypt(chunk: &mut [Job<'_>], verified: Jobs, each: impl Fn(&mut Job<'_>) -> Result<(), CryptoError>) {
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
