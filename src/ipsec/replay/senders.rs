//! The windows of all senders: one per association and source address (draft §3.1.2).

use core::net::IpAddr;

use crate::ipsec::association::config::SaId;
use crate::ipsec::replay::index::Index;
use crate::ipsec::replay::window::{NewSender, ReplayError, ReplayWindow, Unverified};
use crate::wire::spread;

/// Whose sequence numbers a window follows: an association and a source address (draft §3.1.2).
///
/// The packet's destination is no part of it: ESP does not cover it, and a replay to another address would look new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "made by hosts that bring their own store")]
pub struct SenderKey {
    /// The association.
    pub sa: SaId,
    /// Source address of the packet.
    pub source: IpAddr,
}

impl SenderKey {
    /// A number by which to look for it. Made of what tells senders apart in nearly every deployment: SPI and source address. Keys
    /// that differ in the rest alone have one hash.
    #[inline]
    const fn hash(&self, seed: u64) -> u32 {
        spread(seed, self.source, self.sa.spi.value())
    }
}

/// Holds the windows of all senders.
///
/// # Security
///
/// Asked for every packet that names a known association, before anything about it is verified; in a batch twice, the second
/// time [by its place](Self::check_at); by [`Inbound`](crate::ipsec::Inbound) once more for each protection before the window
/// moves. An implementation that makes state for a sender in [`check`](Self::check) can be filled by forged packets. One that
/// forgets a window lets that sender's packets be replayed; one that finds another's in [`check_at`](Self::check_at), too.
///
/// A store for one sender alone:
///
/// ```
/// use xcast_sec::ipsec::{NewSender, ReplayError, ReplayStore, ReplayWindow, SenderKey, Unverified};
///
/// #[derive(Debug, Default)]
/// struct OneSender(Option<(SenderKey, ReplayWindow<[u64; 1]>)>);
///
/// impl NewSender for OneSender {
///     fn add(&mut self, sender: SenderKey) -> Option<&mut ReplayWindow> {
///         if self.0.is_some() {
///             return None;
///         }
///         let (_, window) = self.0.insert((sender, ReplayWindow::new(64)?));
///         Some(window.as_dyn())
///     }
/// }
///
/// impl ReplayStore for OneSender {
///     fn check(&mut self, sender: SenderKey, received: u32, esn: bool) -> Result<Unverified<'_>, ReplayError> {
///         if self.0.as_ref().is_some_and(|(key, _)| *key == sender) {
///             let (_, window) = self.0.as_mut().ok_or(ReplayError::Replayed)?;
///             return window.as_dyn().check(received, esn);
///         }
///         Unverified::new_sender(self, sender, 64, received, esn)
///     }
/// }
/// ```
pub trait ReplayStore {
    /// Checks a number as received, without changing anything.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::Replayed`].
    fn check(&mut self, sender: SenderKey, received: u32, esn: bool) -> Result<Unverified<'_>, ReplayError>;

    /// Where the window of `sender` is, as a number that [`check_at`](Self::check_at) finds it by, so that a sender is looked up
    /// once where a packet's number is checked more than once. `None` if the sender has no window yet, and always from a store
    /// that leaves this out.
    fn place(&self, sender: &SenderKey) -> Option<usize> {
        let _ = sender;
        None
    }

    /// As [`check`](Self::check), of a sender whose window was at `place` when [`place`](Self::place) was asked. Windows may have
    /// been added since: a store that drops or moves one for that, or in between by its host, sees by `sender` whether it still
    /// is there.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::Replayed`].
    fn check_at(
        &mut self,
        place: usize,
        sender: SenderKey,
        received: u32,
        esn: bool,
    ) -> Result<Unverified<'_>, ReplayError> {
        let _ = place;
        self.check(sender, received, esn)
    }
}

impl<S: ReplayStore + ?Sized> ReplayStore for &mut S {
    fn check(&mut self, sender: SenderKey, received: u32, esn: bool) -> Result<Unverified<'_>, ReplayError> {
        (**self).check(sender, received, esn)
    }

    fn place(&self, sender: &SenderKey) -> Option<usize> {
        (**self).place(sender)
    }

    fn check_at(
        &mut self,
        place: usize,
        sender: SenderKey,
        received: u32,
        esn: bool,
    ) -> Result<Unverified<'_>, ReplayError> {
        (**self).check_at(place, sender, received, esn)
    }
}

/// Windows for up to `SENDERS` senders, each of up to `64 * WORDS` numbers.
///
/// A sender is a source address under one association ([`SenderKey`]): while keys change, each has two windows. It gets one
/// with the first packet of its that verifies, and keeps it until [`forget`](Self::forget) or
/// [`forget_sender`](Self::forget_sender); when the table is full a new one is refused. What that means under ESP for any
/// sender, see [`SaConfig::source`].
///
/// A sender is found by a hash of SPI and source address, in a time that does not grow with the number of senders. `SENDERS` is
/// 65534 at most.
///
/// # Security
///
/// A window belongs to a source whose packet verified. Under an association for any sender that can be any source for who holds the
/// key, and under ESP in transport mode for who captured one packet ([`SaConfig::source`]). Whoever knows the seed of the hash, and
/// without [`with_seed`](Self::with_seed) everybody does, can choose such sources that all have one hash: then finding one of them, also for a
/// packet that will not verify, takes a look at each. Who is found does not depend on it.
///
/// [`SaConfig::source`]: crate::ipsec::SaConfig::source
pub struct SenderWindows<const SENDERS: usize = 16, const WORDS: usize = 2> {
    size: u32,
    windows: heapless::Vec<(SenderKey, ReplayWindow<[u64; WORDS]>), SENDERS>,
    /// Where in `windows` a sender is.
    index: Index<SENDERS>,
    seed: u64,
}

impl<const SENDERS: usize, const WORDS: usize> core::fmt::Debug for SenderWindows<SENDERS, WORDS> {
    /// The seed of the hash, and what it leads to, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SenderWindows")
            .field("size", &self.size)
            .field("windows", &self.windows)
            .finish_non_exhaustive()
    }
}

impl<const SENDERS: usize, const WORDS: usize> SenderWindows<SENDERS, WORDS> {
    /// An empty table whose windows hold `size` numbers, or `None` unless that is between 32 and `64 * WORDS`.
    #[must_use]
    pub fn new(size: u32) -> Option<Self> {
        Self::with_seed(size, 0)
    }

    /// The same, with a random number that senders are hashed with, so that nobody can choose senders that have one hash.
    #[must_use]
    pub fn with_seed(size: u32, seed: u64) -> Option<Self> {
        ReplayWindow::<[u64; WORDS]>::new(size)?;
        Some(Self { size, windows: heapless::Vec::new(), index: Index::new(), seed })
    }

    /// Adds a sender known to be at `highest`, as told by the key server, or moves a known one's window there if that is
    /// further right. Behind 2<sup>32</sup> - 1 nothing follows under an association without extended sequence numbers.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::TableFull`].
    pub fn start_after(&mut self, sender: SenderKey, highest: u64) -> Result<(), ReplayError> {
        let started = ReplayWindow::starting_after(self.size, highest).ok_or(ReplayError::TableFull)?;
        let known = self.place_of(&sender);
        let Some((_, window)) = known.and_then(|place| self.windows.get_mut(place)) else {
            return self.push(sender, started);
        };
        if window.as_dyn().highest() < highest {
            *window = started;
        }
        Ok(())
    }

    /// Drops every window of an association that is no longer in use, and of no other. Never call it for one that is: its
    /// packets could be replayed.
    pub fn forget(&mut self, sa: &SaId) {
        self.windows.retain(|(key, _)| key.sa != *sa);
        self.rebuild_index();
    }

    /// Drops the window of one sender, for a host that chooses to make room in a full table. Returns whether it had one.
    ///
    /// # Security
    ///
    /// Everything that sender ever sent under the association can be replayed afterwards, once, as if it were new. Nothing is
    /// ever dropped by itself.
    ///
    /// Takes a time that grows with `SENDERS`, as [`forget`](Self::forget) does: not for every packet that meets a full table.
    pub fn forget_sender(&mut self, sender: &SenderKey) -> bool {
        let Some(place) = self.place_of(sender) else { return false };
        // The last takes its place, unless it is the last.
        let Some(last) = self.windows.pop() else { return false };
        if let Some(gone) = self.windows.get_mut(place) {
            *gone = last;
        }
        self.rebuild_index();
        true
    }

    /// The senders that have a window, with the highest number accepted of each.
    pub fn iter(&self) -> impl Iterator<Item = (&SenderKey, u64)> {
        self.windows.iter().map(|(key, window)| (key, window.highest()))
    }

    /// How many senders have a window.
    #[must_use]
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether no sender has a window.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }
}

impl<const SENDERS: usize, const WORDS: usize> SenderWindows<SENDERS, WORDS> {
    #[inline(always)]
    fn place_of(&self, sender: &SenderKey) -> Option<usize> {
        self.index.find(sender.hash(self.seed), |place| self.windows.get(place).is_some_and(|(key, _)| key == sender))
    }

    /// Adds a sender that is not there.
    fn push(&mut self, sender: SenderKey, window: ReplayWindow<[u64; WORDS]>) -> Result<(), ReplayError> {
        self.windows.push((sender, window)).map_err(|_| ReplayError::TableFull)?;
        self.index.push(sender.hash(self.seed));
        Ok(())
    }

    /// Windows were taken out.
    fn rebuild_index(&mut self) {
        let seed = self.seed;
        self.index.rebuild(self.windows.iter().map(|(key, _)| key.hash(seed)));
    }
}

impl<const SENDERS: usize, const WORDS: usize> NewSender for SenderWindows<SENDERS, WORDS> {
    fn add(&mut self, sender: SenderKey) -> Option<&mut ReplayWindow> {
        self.push(sender, ReplayWindow::new(self.size)?).ok()?;
        self.windows.last_mut().map(|(_, window)| window.as_dyn())
    }
}

impl<const SENDERS: usize, const WORDS: usize> ReplayStore for SenderWindows<SENDERS, WORDS> {
    #[inline(always)]
    fn check(&mut self, sender: SenderKey, received: u32, esn: bool) -> Result<Unverified<'_>, ReplayError> {
        match self.place_of(&sender) {
            Some(place) => {
                let (_, window) = self.windows.get_mut(place).ok_or(ReplayError::Replayed)?;
                window.as_dyn().check(received, esn)
            }
            None => {
                let size = self.size;
                Unverified::new_sender(self, sender, size, received, esn)
            }
        }
    }

    #[inline(always)]
    fn place(&self, sender: &SenderKey) -> Option<usize> {
        self.place_of(sender)
    }

    #[inline(always)]
    fn check_at(
        &mut self,
        place: usize,
        sender: SenderKey,
        received: u32,
        esn: bool,
    ) -> Result<Unverified<'_>, ReplayError> {
        // Another's, if windows were forgotten in between.
        if self.windows.get(place).is_none_or(|(key, _)| *key != sender) {
            return self.check(sender, received, esn);
        }
        let (_, window) = self.windows.get_mut(place).ok_or(ReplayError::Replayed)?;
        window.as_dyn().check(received, esn)
    }
}
