//! An association as its octets, and the seams through which it is made and taken.

use core::net::IpAddr;

use rand_core::TryCryptoRng;
use zeroize::Zeroize;

use super::{Epoch, RejectReason};

/// Makes the associations of a key server: SPI, algorithms, keys (draft §3.1.1, §4.1.1).
///
/// # Security
///
/// Called once for each epoch, from [`KeyServer::handle_timeout`](super::KeyServer::handle_timeout). Each call must give a new
/// SPI and new keys, from `rng` alone: what members that left still know must not help with it. The algorithms must be ones
/// that all of `members` have and that are not below the host's floor: [`choose`](super::choose) finds them.
pub trait KeySource {
    /// Writes the association for `epoch`, which `members` will get, at the start of `out`. Returns its length.
    ///
    /// # Errors
    ///
    /// - [`KeySourceError`]: it is called again later; there is no new epoch until then.
    fn generate<G: TryCryptoRng + ?Sized>(
        &mut self,
        epoch: Epoch,
        members: impl Iterator<Item = IpAddr> + Clone,
        rng: &mut G,
        out: &mut [u8],
    ) -> Result<usize, KeySourceError>;
}

/// Why there is no association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeySourceError {
    /// The random number generator failed.
    Random,
    /// Not all members have algorithms that are good enough.
    Negotiation,
    /// It does not fit into the room there is for it.
    NoRoom,
    /// Anything else.
    Other,
}

impl core::fmt::Display for KeySourceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Random => "the random number generator failed",
            Self::Negotiation => "no algorithms that all members have and that are good enough",
            Self::NoRoom => "association too long",
            Self::Other => "no association could be made",
        })
    }
}

impl core::error::Error for KeySourceError {}

/// What a key server hands to a member.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Offer<'a> {
    /// Who made it.
    pub server: IpAddr,
    /// Which of its generations it is.
    pub epoch: Epoch,
    /// The number with which this member may send under it, if it may (RFC 6054): a
    /// [`SenderId`](crate::ipsec::SenderId) of 16 bits.
    pub sender: Option<u16>,
    /// The association, as [`KeySource`] made it. It holds keys.
    pub association: &'a [u8],
}

impl core::fmt::Debug for Offer<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Offer")
            .field("server", &self.server)
            .field("epoch", &self.epoch)
            .field("sender", &self.sender)
            .field("len", &self.association.len())
            .finish_non_exhaustive()
    }
}

/// Takes, or does not take, what a member is handed (draft §4.1.3).
///
/// # Security
///
/// Called once for each epoch of each key server that the member was told to listen to, with octets which that server chose.
/// Taking an association below one's own floor is the silent downgrade that the floor is there against.
pub trait KeySink {
    /// Reads the association and installs it for receiving: after `Ok`, packets under it must open, as the key server takes
    /// that for granted from then on.
    ///
    /// # Errors
    ///
    /// - The reason, which the key server is told. Nothing is installed.
    fn install(&mut self, offer: Offer<'_>) -> Result<(), RejectReason>;

    /// Takes out what was installed: nothing that comes under it counts any more.
    fn remove(&mut self, server: IpAddr, epoch: Epoch);
}

impl<T: KeySink + ?Sized> KeySink for &mut T {
    fn install(&mut self, offer: Offer<'_>) -> Result<(), RejectReason> {
        (**self).install(offer)
    }

    fn remove(&mut self, server: IpAddr, epoch: Epoch) {
        (**self).remove(server, epoch);
    }
}

/// Octets of an association, at most `S`: wiped when dropped, never shown.
pub(super) struct Octets<const S: usize> {
    octets: [u8; S],
    len: usize,
}

impl<const S: usize> Octets<S> {
    pub(super) const EMPTY: Self = Self { octets: [0; S], len: 0 };

    pub(super) fn new(octets: &[u8]) -> Option<Self> {
        let mut new = Self { octets: [0; S], len: octets.len() };
        new.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(new)
    }

    /// What `fill` writes; it returns the length.
    pub(super) fn filled<E>(&mut self, fill: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<bool, E> {
        self.len = fill(&mut self.octets)?;
        Ok(self.len > 0 && self.len <= S)
    }

    pub(super) fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }
}

impl<const S: usize> Drop for Octets<S> {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl<const S: usize> core::fmt::Debug for Octets<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Octets").field("len", &self.len).finish_non_exhaustive()
    }
}
