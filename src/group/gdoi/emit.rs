//! Writing: from associations to payloads.

use core::borrow::Borrow;
use core::num::NonZeroU32;

use super::MAX_ASSOCIATIONS;
use super::error::GdoiEmitError;
use super::gap::Gap;
use super::kd::put_kd;
use super::numbers::{DOI, payload};
use super::octets::Writer;
use super::payload::put_payload;
use super::sat::put_sat;
use crate::group::GroupSa;
use crate::ipsec::SenderId;

/// Octets that [`emit`] writes.
#[must_use]
pub fn encoded_len<S: Borrow<GroupSa>>(associations: &[S], sender: Option<SenderId>) -> usize {
    let mut count = Writer::new(&mut []);
    write(&mut count, associations.iter().map(Borrow::borrow), sender);
    count.len()
}

/// Writes associations with their keys at the start of `buffer`, in the canonical form, and returns how many octets
/// that are.
///
/// `sender` is the identifier of the member that the octets are for (RFC 6407 §5.6.4). A member that sends under a
/// [counter mode](crate::group::Suite::counts_its_vectors) needs one; it MUST NOT be in what goes to several members
/// (RFC 6407 §5.6.4.4).
///
/// # Security
///
/// The octets hold the keys in the clear. They go out under encryption and authentication, and the buffer is the
/// caller's to wipe.
///
/// # Errors
///
/// - [`GdoiEmitError::NoAssociation`], [`GdoiEmitError::TooManyAssociations`]: not 1 to [`MAX_ASSOCIATIONS`].
/// - [`GdoiEmitError::DuplicateSpi`]: give each association an SPI of its own, AH and ESP too.
/// - [`GdoiEmitError::Rollover`]: epoch and rollover are one for all.
/// - [`GdoiEmitError::SenderId`]
/// - [`GdoiEmitError::BufferTooSmall`]
pub fn emit<S: Borrow<GroupSa>>(
    associations: &[S],
    sender: Option<SenderId>,
    buffer: &mut [u8],
) -> Result<usize, GdoiEmitError> {
    if associations.len() > MAX_ASSOCIATIONS {
        return Err(GdoiEmitError::TooManyAssociations);
    }
    let terms = || associations.iter().map(|association| association.borrow().terms());
    let first = terms().next().ok_or(GdoiEmitError::NoAssociation)?;
    for (index, own) in terms().enumerate() {
        if (own.epoch, own.rollover) != (first.epoch, first.rollover) {
            return Err(GdoiEmitError::Rollover { index });
        }
        if terms().take(index).any(|earlier| earlier.spi == own.spi) {
            return Err(GdoiEmitError::DuplicateSpi { index });
        }
    }
    if sender == Some(SenderId::ONLY) {
        return Err(GdoiEmitError::SenderId);
    }
    let needed = encoded_len(associations, sender);
    let buffer = buffer.get_mut(..needed).ok_or(GdoiEmitError::BufferTooSmall { needed })?;
    write(&mut Writer::new(buffer), associations.iter().map(Borrow::borrow), sender);
    Ok(needed)
}

/// The SA payload with GAP and SA TEK payloads in it, and the KD payload.
pub(super) fn write<S: Borrow<GroupSa>>(
    writer: &mut Writer<'_>,
    associations: impl Iterator<Item = S> + Clone,
    sender: Option<SenderId>,
) {
    put_payload(writer, payload::KD, |writer| {
        writer.u32(DOI);
        writer.u32(0);
        writer.u16(payload::GAP.into());
        writer.u16(0);
        let group = associations.clone().next().map(|first| *first.borrow().terms());
        let gap = Gap {
            activation_delay: group.map(|terms| terms.rollover.activation_delay),
            deactivation_delay: group.map(|terms| terms.rollover.deactivation_delay),
            sender_id_request: None,
            epoch: group.and_then(|terms| NonZeroU32::new(terms.epoch)),
        };
        gap.write(writer, if group.is_some() { payload::SAT } else { payload::NONE });
        let mut rest = associations.clone().peekable();
        while let Some(association) = rest.next() {
            let next = if rest.peek().is_some() { payload::SAT } else { payload::NONE };
            put_sat(writer, association.borrow().terms(), next);
        }
    });
    put_kd(writer, associations, sender);
}
