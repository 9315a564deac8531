//! Packets sealed together: laid out one after the other, computed at once.

use heapless::Vec;

use crate::crypto::{CryptoError, CryptoProvider, Icv, IcvJob};
use crate::ipsec::association::sa::{AhTransform, Sa, Transform, high_half};
use crate::ipsec::packet::buffer::PacketBuf;
use crate::ipsec::packet::error::SealError;
use crate::ipsec::packet::laid::{EspJobOf, LENGTH, Laid, Layer};

/// How many packets are worked on at once; longer batches are cut. What is known of each lies on the stack meanwhile.
pub(crate) const CHUNK: usize = if cfg!(target_pointer_width = "64") { 32 } else { 8 };

/// A packet of a chunk.
pub(crate) struct Row<'r, 'b, T> {
    pub(crate) packet: &'r mut PacketBuf<'b>,
    /// What is left to be computed, if something is.
    pub(crate) laid: Option<Laid>,
    /// How sealing it went; before all is computed, how it went so far.
    pub(crate) outcome: Result<(), SealError>,
    /// What else is known of it.
    pub(crate) tag: T,
}

pub(crate) type Rows<'r, 'b, T> = Vec<Row<'r, 'b, T>, CHUNK>;

impl<'r, 'b, T> Row<'r, 'b, T> {
    /// Of a packet that was laid out, or was refused. Combined modes are done at once: nothing is won by waiting.
    pub(crate) fn new<P: CryptoProvider>(
        packet: &'r mut PacketBuf<'b>,
        laid: Result<Laid, SealError>,
        sa: &Sa<P>,
        crypto: &mut P,
        tag: T,
    ) -> Self {
        let (laid, outcome) = match laid {
            Ok(laid) if sa.has_combined_mode() => (None, laid.compute(sa, crypto, packet.as_mut_octets())),
            Ok(laid) => (Some(laid), Ok(())),
            Err(error) => (None, Err(error)),
        };
        Self { packet, laid, outcome, tag }
    }
}

/// Computes everything that is left, under the associations that `sa_of` names.
pub(crate) fn compute_all<'s, P, T, F>(crypto: &mut P, rows: &mut [Row<'_, '_, T>], sa_of: F)
where
    P: CryptoProvider + 's,
    F: Fn(&T) -> Option<&'s Sa<P>>,
{
    if compute_esp(crypto, rows, &sa_of) {
        compute_ah(crypto, rows, &sa_of);
    }
}

/// All of ESP. Returns whether there is AH.
#[inline(never)]
fn compute_esp<'s, P, T, F>(crypto: &mut P, rows: &mut [Row<'_, '_, T>], sa_of: &F) -> bool
where
    P: CryptoProvider + 's,
    F: Fn(&T) -> Option<&'s Sa<P>>,
{
    let mut jobs = Vec::<EspJobOf<'_, P>, CHUNK>::new();
    let mut outcomes = Vec::<_, CHUNK>::new();
    let mut has_ah = false;
    for Row { packet, laid, outcome, tag } in rows {
        let Some(laid) = laid else { continue };
        if !matches!(laid.layer, Layer::Esp) {
            has_ah = true;
            continue;
        }
        // Unless there is a job, nothing is encrypted.
        *outcome = Err(LENGTH);
        let job = sa_of(tag).and_then(|sa| laid.esp_job(sa, packet.as_mut_octets()));
        // There is room for a whole chunk.
        if let Some(job) = job
            && jobs.push(job).is_ok()
        {
            let _ = outcomes.push(outcome);
        }
    }
    if !jobs.is_empty() {
        crypto.esp_seal_many(&mut jobs);
    }
    for (job, outcome) in jobs.iter().zip(&mut outcomes) {
        **outcome = job.result().map_err(SealError::Crypto);
    }
    has_ah
}

/// All of AH. Apart from ESP, as jobs of either kind take room on the stack.
#[inline(never)]
fn compute_ah<'s, P, T, F>(crypto: &mut P, rows: &mut [Row<'_, '_, T>], sa_of: &F)
where
    P: CryptoProvider + 's,
    F: Fn(&T) -> Option<&'s Sa<P>>,
{
    let icvs = icvs(crypto, rows, sa_of);
    for row in rows.iter_mut().filter(|row| row.laid.is_some_and(|laid| matches!(laid.layer, Layer::Ah { .. }))) {
        // Unless there is an ICV, the packet has none.
        row.outcome = Err(LENGTH);
    }
    for (place, icv) in &icvs {
        let Some(Row { packet, laid: Some(laid), outcome, .. }) = rows.get_mut(*place) else { continue };
        *outcome = icv
            .as_ref()
            .map_err(|error| SealError::Crypto(*error))
            .and_then(|icv| laid.put_icv(icv.as_ref().ok_or(LENGTH)?, packet.as_mut_octets()));
    }
}

/// The ICV of a packet, with the place of its row.
type PlacedIcv = (usize, Result<Option<Icv>, CryptoError>);

/// The ICVs of all rows that [`ah_of`] knows.
#[inline(never)]
fn icvs<'s, P, T, F>(crypto: &mut P, rows: &[Row<'_, '_, T>], sa_of: &F) -> Vec<PlacedIcv, CHUNK>
where
    P: CryptoProvider + 's,
    F: Fn(&T) -> Option<&'s Sa<P>>,
{
    let covered = gather(rows.iter().enumerate().filter_map(|(place, row)| {
        let (laid, sa, transform) = ah_of(row, sa_of)?;
        let high = high_half(sa, laid.sequence);
        Some((place, &transform.key, laid.coverage(transform, row.packet.as_octets())?, high))
    }));
    let jobs = covered.iter().map(|(_, key, coverage, high)| IcvJob::compute(*key, coverage.parts(high.as_ref())));
    let mut jobs = gather(jobs);
    crypto.icv_many(&mut jobs);
    gather(covered.iter().zip(&jobs).map(|((place, ..), job)| (*place, job.result().map(Option::<&Icv>::cloned))))
}

/// What `items` gives, of which there are no more than packets in a chunk.
pub(super) fn gather<T>(items: impl Iterator<Item = T>) -> Vec<T, CHUNK> {
    let mut gathered = Vec::new();
    for item in items {
        let _ = gathered.push(item);
    }
    gathered
}

type AhOf<'a, 's, P> = (&'a Laid, &'s Sa<P>, &'s AhTransform<P>);

/// The AH that is left to be computed in a row.
fn ah_of<'a, 's, P, T, F>(row: &'a Row<'_, '_, T>, sa_of: &F) -> Option<AhOf<'a, 's, P>>
where
    P: CryptoProvider + 's,
    F: Fn(&T) -> Option<&'s Sa<P>>,
{
    let laid = row.laid.as_ref().filter(|laid| matches!(laid.layer, Layer::Ah { .. }))?;
    let sa = sa_of(&row.tag)?;
    let Transform::Ah(transform) = &sa.transform else { return None };
    Some((laid, sa, transform))
}
