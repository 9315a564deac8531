//! The security association database, as packets see it that go out (RFC 4301 §4.4.2).

use core::net::IpAddr;

use crate::crypto::CryptoProvider;
use crate::ipsec::association::config::{Mode, SaId, SecurityProtocol};
use crate::ipsec::association::sad::SadError;
use crate::ipsec::policy::{Direction, ModeKind, PolicyId, Selectors};
use crate::ipsec::sending::outbound::OutboundSa;

/// What an outbound association is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "matched by hosts that bring their own store")]
pub struct OutboundKey {
    /// What policy knows the protection by.
    pub policy: PolicyId,
    /// AH or ESP.
    pub protocol: SecurityProtocol,
    /// The mode that policy asks for.
    pub mode: ModeKind,
    /// Source address of the packet as it is now: in tunnel mode of the inner one.
    pub source: IpAddr,
    /// Destination address of the packet as it is now.
    pub destination: IpAddr,
    /// What policy judged the packet by, before any protection.
    pub packet: Selectors,
}

impl OutboundKey {
    /// Whether `sa` is one that it asks for.
    #[must_use]
    pub fn fits<P: CryptoProvider>(&self, sa: &OutboundSa<P>) -> bool {
        let sa = sa.sa();
        let mode_fits = match (sa.mode(), self.mode) {
            (Mode::Transport, ModeKind::Transport) => sa.is_for(self.destination, self.source),
            // The addresses of the association are those of the outer header.
            (Mode::Tunnel(outer), ModeKind::Tunnel) => {
                sa.is_for(outer.destination.around(self.destination), outer.source.around(self.source))
            }
            _ => false,
        };
        mode_fits
            && sa.policy() == Some(self.policy)
            && sa.protocol() == self.protocol
            && sa.selectors().admits(Direction::Outbound, &self.packet)
    }
}

/// Chooses the association of a packet that goes out.
///
/// # Security
///
/// Asked for every packet that policy protects, for each of its protections, and for one that is under AH around ESP once more. What
/// it returns seals the packet: an association of another policy shows it to whoever holds that one's key. The same key has to get
/// the same answer until the packet is sealed; it is not sealed under another one.
pub trait OutboundSad<P: CryptoProvider> {
    /// The association for `key`, if there is one.
    fn select(&mut self, key: &OutboundKey) -> Option<&mut OutboundSa<P>>;

    /// The association that [`select`](Self::select) returned before, by its identifier: packets under several are
    /// sealed together only where they can be found again ([`Outbound::process_batch`](crate::ipsec::Outbound::process_batch)).
    fn find(&self, id: &SaId) -> Option<&OutboundSa<P>> {
        let _ = id;
        None
    }

    /// The same, to count on. `None` if [`find`](Self::find) finds none.
    fn find_mut(&mut self, id: &SaId) -> Option<&mut OutboundSa<P>> {
        let _ = id;
        None
    }
}

impl<P: CryptoProvider, S: OutboundSad<P> + ?Sized> OutboundSad<P> for &mut S {
    fn select(&mut self, key: &OutboundKey) -> Option<&mut OutboundSa<P>> {
        (**self).select(key)
    }

    fn find(&self, id: &SaId) -> Option<&OutboundSa<P>> {
        (**self).find(id)
    }

    fn find_mut(&mut self, id: &SaId) -> Option<&mut OutboundSa<P>> {
        (**self).find_mut(id)
    }
}

/// A database of up to `N` outbound associations. Of several that fit the one inserted last is chosen, so that a new one takes
/// over at once; the old one stays until it is removed.
///
/// An association stays where it was put, and is dropped there: none of its key's octets are left behind when it goes.
pub struct FixedOutboundSad<P: CryptoProvider, const N: usize> {
    /// With its place in the order of insertion.
    slots: [Option<(u64, OutboundSa<P>)>; N],
    inserted: u64,
}

impl<P: CryptoProvider, const N: usize> FixedOutboundSad<P, N> {
    /// An empty database.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: [const { None }; N], inserted: 0 }
    }

    /// Adds an association.
    ///
    /// # Errors
    ///
    /// The association is handed back, with why it was not taken:
    ///
    /// - [`SadError::Duplicate`], also where there is no room.
    /// - [`SadError::Full`].
    #[allow(clippy::result_large_err, reason = "an association that does not fit is not lost")]
    pub fn insert(&mut self, sa: OutboundSa<P>) -> Result<(), (SadError, OutboundSa<P>)> {
        if self.slot(&sa.sa().id()).is_some() {
            return Err((SadError::Duplicate, sa));
        }
        let Some(free) = self.slots.iter_mut().find(|slot| slot.is_none()) else { return Err((SadError::Full, sa)) };
        self.inserted = self.inserted.saturating_add(1);
        *free = Some((self.inserted, sa));
        Ok(())
    }

    /// Drops an association, and with it its key. Returns whether it was there.
    pub fn remove(&mut self, id: &SaId) -> bool {
        self.slot(id).is_some_and(|slot| {
            *slot = None;
            true
        })
    }

    fn slot(&mut self, id: &SaId) -> Option<&mut Option<(u64, OutboundSa<P>)>> {
        self.slots.iter_mut().find(|slot| slot.as_ref().is_some_and(|(_, sa)| sa.sa().id() == *id))
    }

    /// The associations, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &OutboundSa<P>> {
        self.slots.iter().flatten().map(|(_, sa)| sa)
    }

    /// The associations, in no particular order, to reserve numbers or to learn an MTU.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut OutboundSa<P>> {
        self.slots.iter_mut().flatten().map(|(_, sa)| sa)
    }
}

impl<P: CryptoProvider, const N: usize> Default for FixedOutboundSad<P, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: CryptoProvider, const N: usize> core::fmt::Debug for FixedOutboundSad<P, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter().map(OutboundSa::sa)).finish()
    }
}

impl<P: CryptoProvider, const N: usize> OutboundSad<P> for FixedOutboundSad<P, N> {
    fn select(&mut self, key: &OutboundKey) -> Option<&mut OutboundSa<P>> {
        self.slots
            .iter_mut()
            .flatten()
            .filter(|(_, sa)| key.fits(sa))
            .max_by_key(|(inserted, _)| *inserted)
            .map(|(_, sa)| sa)
    }
    fn find(&self, id: &SaId) -> Option<&OutboundSa<P>> {
        self.iter().find(|sa| sa.sa().id() == *id)
    }

    fn find_mut(&mut self, id: &SaId) -> Option<&mut OutboundSa<P>> {
        self.iter_mut().find(|sa| sa.sa().id() == *id)
    }
}
