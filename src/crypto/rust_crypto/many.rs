//! Several ESP packets in one call.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser};
use heapless::Vec;

use super::chain::DATA_AT;
use super::cipher::Keyed;
use super::esp::{self, Job};
use super::lockstep::{self, Lane};

/// Packets encrypted side by side.
const LANES: usize = 8;

/// Packets among which those of one key are looked for.
const WINDOW: usize = 32;

/// So few packets are sealed one by one: where CBC overlaps with the hash, that is faster.
fn min_lanes() -> usize {
    if esp::overlaps() { 3 } else { 2 }
}

/// Seals each of `jobs`, those that share a key for CBC side by side.
pub(super) fn seal(jobs: &mut [Job<'_>]) {
    for jobs in jobs.chunks_mut(WINDOW) {
        let mut taken = [false; WINDOW];
        loop {
            let mut waiting = jobs.iter_mut().zip(&mut taken).filter(|(_, taken)| !**taken);
            let Some((first, taken)) = waiting.next() else { break };
            *taken = true;
            let (cipher, fits) = (first.cipher(), esp::fits_cbc(first));
            let mut group = Vec::<_, LANES>::new();
            let _ = group.push(first);
            let alike = waiting.filter(|(job, _)| core::ptr::eq(job.cipher(), cipher) && esp::fits_cbc(job));
            for (job, taken) in alike.take(if fits { LANES.saturating_sub(1) } else { 0 }) {
                *taken = true;
                let _ = group.push(job);
            }
            match cipher.keyed() {
                _ if group.len() < min_lanes() => one_by_one(&mut group),
                Keyed::Cbc128(aes) => side_by_side(aes, &mut group),
                Keyed::Cbc192(aes) => side_by_side(aes, &mut group),
                Keyed::Cbc256(aes) => side_by_side(aes, &mut group),
                Keyed::Null | Keyed::Ctr128(..) | Keyed::Ctr192(..) | Keyed::Ctr256(..) => one_by_one(&mut group),
            }
        }
    }
}

fn one_by_one(group: &mut [&mut Job<'_>]) {
    for job in group {
        let result = esp::seal(job);
        job.finish(result);
    }
}

fn side_by_side<C>(aes: &C, group: &mut [&mut Job<'_>])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    if !encrypt(aes, group) {
        return one_by_one(group);
    }
    for job in group {
        let result = esp::write_icv(job);
        job.finish(result);
    }
}

/// Encrypts the data of all of `group`, or of none if one does not have the lengths of CBC: nobody writes an ICV over what is
/// not encrypted.
fn encrypt<C>(aes: &C, group: &mut [&mut Job<'_>]) -> bool
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let jobs = group.len();
    let mut lanes = Vec::<_, LANES>::new();
    for lane in group.iter_mut().filter_map(|job| lane(job)) {
        // One too many is missed below.
        let _ = lanes.push(lane);
    }
    let all = lanes.len() == jobs;
    if all {
        lockstep::encrypt(aes, &mut lanes);
    }
    all
}

/// The data of `job`, which is [fit](esp::fits_cbc) for CBC.
fn lane<'l>(job: &'l mut Job<'_>) -> Option<Lane<'l>> {
    let (header, data) = job.protected().split_first_chunk_mut::<DATA_AT>()?;
    Some(Lane::new(header.last_chunk()?, data))
}
