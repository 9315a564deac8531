//! Where a sender's packets go.

use super::{MemberId, PacketError};
use crate::wire::DestinationSet;

/// Whom a packet is for.
#[derive(Clone, Copy, Debug)]
pub struct Recipients<'a> {
    pub(super) ids: &'a [MemberId],
    pub(super) bits: DestinationSet,
}

impl<'a> Recipients<'a> {
    /// The members it serves.
    pub fn served(&self) -> impl Iterator<Item = MemberId> + use<'a> {
        let (ids, bits) = (self.ids, self.bits);
        bits.iter().filter_map(move |index| ids.get(index).copied())
    }

    /// All it lists, served or not, in the order of the list of destinations.
    #[must_use]
    pub const fn listed(&self) -> &'a [MemberId] {
        self.ids
    }

    /// Its bitmap.
    #[must_use]
    pub const fn bits(&self) -> DestinationSet {
        self.bits
    }
}

/// Takes the packets of a sender.
///
/// # Security
///
/// Called once per packet of a session, with what may go out as it is. A packet that it loses without returning an error is
/// counted as sent.
pub trait Link {
    /// Why a packet could not be sent. The sender counts it and goes on with the next packet.
    type Error;

    /// Sends `packet`, which starts at its IP header.
    ///
    /// # Errors
    ///
    /// - Its own: no buffer, link down, …
    fn transmit(&mut self, packet: &[u8], recipients: &Recipients<'_>) -> Result<(), Self::Error>;

    /// Told that a packet was not sent, and why. Not told of its own errors.
    fn not_sent(&mut self, recipients: &Recipients<'_>, error: PacketError) {
        let _ = (recipients, error);
    }
}

impl<T: Link + ?Sized> Link for &mut T {
    type Error = T::Error;

    fn transmit(&mut self, packet: &[u8], recipients: &Recipients<'_>) -> Result<(), T::Error> {
        (**self).transmit(packet, recipients)
    }

    fn not_sent(&mut self, recipients: &Recipients<'_>, error: PacketError) {
        (**self).not_sent(recipients, error);
    }
}

/// A closure as a [`Link`]; what was not sent shows in the [`SendReport`](super::SendReport).
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "a wrapper")]
pub struct FnLink<F>(pub F);

impl<F> core::fmt::Debug for FnLink<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FnLink")
    }
}

impl<E, F: FnMut(&[u8]) -> Result<(), E>> Link for FnLink<F> {
    type Error = E;

    fn transmit(&mut self, packet: &[u8], _: &Recipients<'_>) -> Result<(), E> {
        (self.0)(packet)
    }
}
