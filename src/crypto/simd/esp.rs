//! ESP on several packets at once (RFC 4303 §3.3.2, §3.4.4).

use fearless_simd::{Avx512, Simd};

use super::cbc;
use super::jobs::{Job, Jobs, apart};
use super::level::Lanes;
use super::macs::{Macs, WIDEST};
use super::message::{Lane, blocks};
use super::order::{CHUNK, Group, Order};
use crate::crypto::{CryptoError, CryptoProvider, EspParts, RustCrypto};

/// As [`CryptoProvider::esp_seal_many`].
pub(super) fn seal(lanes: Lanes, jobs: &mut [Job<'_>]) {
    for chunk in jobs.chunks_mut(CHUNK) {
        let mut together = together(lanes, chunk);
        apart(chunk, Jobs::first(chunk.len()).without(together), |ones| RustCrypto.esp_seal_many(ones));
        encrypt(lanes, chunk, &mut together);
        for group in by_hash(chunk, together).groups(lanes.most()) {
            let macs = macs(lanes, chunk, group);
            for (index, mac) in group.indices().zip(macs.iter()) {
                let Some(job) = chunk.get_mut(index) else { continue };
                for (to, from) in job.parts().icv.iter_mut().zip(mac.octets()) {
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
        for group in by_hash(chunk, together).groups(lanes.most()) {
            let macs = macs(lanes, chunk, group);
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

/// The jobs whose ICVs are worth computing in lanes. The others include all whose ICV has not the length it must have.
fn together(lanes: Lanes, chunk: &[Job<'_>]) -> Jobs {
    let mut together = Jobs::default();
    if let Lanes::One = lanes {
        return together;
    }
    for (index, job) in chunk.iter().enumerate() {
        if job.integrity().chaining().is_some_and(|key| key.hash().icv_len() == job.icv().len()) {
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
    for group in order.groups(cbc::WIDEST) {
        let places = group.places();
        let mut side = [const { None }; cbc::WIDEST];
        for (index, (job, place)) in chunk.iter_mut().zip(places).enumerate() {
            let Some(slot) = side.get_mut(usize::from(place)) else { continue };
            let Some(schedule) = job.cipher().schedule() else { continue };
            let EspParts { iv, data, .. } = job.parts();
            let Some(iv) = iv.first_chunk() else { continue };
            *slot = Some(cbc::Lane { schedule, iv, blocks: data.as_chunks_mut().0 });
            encrypted.insert(index);
        }
        cbc::encrypt(avx512, side.get_mut(..group.len()).unwrap_or_default());
    }
    encrypted
}

/// `which`, those with one hash next to each other.
fn by_hash(chunk: &[Job<'_>], which: Jobs) -> Order {
    Order::new(chunk.iter().enumerate().filter(|(index, _)| which.has(*index)).filter_map(|(index, job)| {
        let hash = job.integrity().chaining()?.hash();
        let len = job.pieces().map(<[u8]>::len).into_iter().fold(0, usize::saturating_add);
        Some((index, hash as u32, blocks(len)))
    }))
}

/// The MACs of a group, over what its packets hold now.
fn macs(lanes: Lanes, chunk: &[Job<'_>], group: Group<'_>) -> Macs {
    let jobs = group.indices().filter_map(|index| chunk.get(index));
    let mut side: heapless::Vec<Lane<'_, '_>, WIDEST> =
        jobs.map(|job| Lane::of_two(job.integrity(), job.pieces())).collect();
    Macs::new(lanes, &mut side)
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
