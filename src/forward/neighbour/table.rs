//! The neighbours of a router or sending host.

use core::net::IpAddr;

use rand_core::TryCryptoRng;

use super::counters::count;
use super::entry::Entry;
use super::ping::Returned;
use super::{Capability, PingConfig, PingConfigError, PingCounters, Probe};
use crate::time::Instant;
use crate::wire::{CodePoints, Family, is_routable_unicast};

/// Why a neighbour was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NeighbourError {
    /// There is no room.
    Full,
    /// It is there already, in this family.
    Present,
    /// Nothing can be routed back to the own address: it is multicast, unspecified, loopback, limited broadcast or link-local.
    UnusableAddress,
}

impl core::fmt::Display for NeighbourError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "table full",
            Self::Present => "neighbour already present",
            Self::UnusableAddress => "own address cannot be routed to",
        })
    }
}

impl core::error::Error for NeighbourError {}

/// What an arriving packet was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Received<H> {
    /// No ping of ours: for the host to go on with.
    NotOurs,
    /// Like a ping of ours, but it answers none that is outstanding. It proves nothing, and is of no use to anybody else.
    Stray,
    /// An answer.
    Answer {
        /// Whose.
        neighbour: H,
        /// In which family.
        family: Family,
        /// What is known of the neighbour now.
        capability: Capability,
    },
}

/// Up to `N` neighbours and whether each of them understands Xcast, found out by pings.
///
/// `H` names a neighbour, as [`NextHop`](crate::forward::RouteLookup::NextHop) does. One that is to be asked in both families
/// is added, and counts, twice: it may understand Xcast6 but not Xcast4. See [the module](super) for how a host drives it.
///
/// It is not `Clone`: an answer would count in both.
#[derive(Debug)]
pub struct Neighbours<H, const N: usize> {
    code_points: CodePoints,
    config: PingConfig,
    entries: heapless::Vec<Entry<H>, N>,
    counters: PingCounters,
}

impl<H: Copy + PartialEq, const N: usize> Neighbours<H, N> {
    /// An empty table.
    ///
    /// # Errors
    ///
    /// - Those of [`PingConfig::check`].
    pub fn new(code_points: CodePoints, config: PingConfig) -> Result<Self, PingConfigError> {
        config.check()?;
        Ok(Self { code_points, config, entries: heapless::Vec::new(), counters: PingCounters::default() })
    }

    /// How it asks.
    #[must_use]
    pub const fn config(&self) -> &PingConfig {
        &self.config
    }

    /// What it did so far.
    #[must_use]
    pub const fn counters(&self) -> &PingCounters {
        &self.counters
    }

    /// Adds a neighbour, of which nothing is known. It is asked from `own`, an address of the host that the neighbour has a
    /// direct route to; the family is that of `own`.
    ///
    /// # Errors
    ///
    /// - [`NeighbourError::UnusableAddress`], [`NeighbourError::Present`], [`NeighbourError::Full`], checked in this order.
    pub fn insert(&mut self, now: Instant, neighbour: H, own: IpAddr) -> Result<(), NeighbourError> {
        if !is_routable_unicast(own) {
            return Err(NeighbourError::UnusableAddress);
        }
        if self.entry(neighbour, Family::of(&own)).is_some() {
            return Err(NeighbourError::Present);
        }
        self.entries.push(Entry::new(now, neighbour, own, &self.config)).map_err(|_| NeighbourError::Full)
    }

    /// Takes a neighbour out, with what was known of it. An answer still to come is a stray one.
    ///
    /// A host that sees a neighbour's link go down takes it out and adds it again when the link is back: what comes back may
    /// be another.
    pub fn remove(&mut self, neighbour: H, family: Family) -> Option<Capability> {
        let index = self.entries.iter().position(|entry| entry.is(neighbour, family))?;
        let entry = self.entries.swap_remove(index);
        if entry.is_outstanding() {
            count(&mut self.counters.abandoned);
        }
        Some(entry.capability)
    }

    /// What is known of a neighbour; `None` if it is not in the table.
    ///
    /// Time alone does not change it: who asks long after [`next_timeout`](Self::next_timeout) without a
    /// [`poll`](Self::poll) in between hears what was known then.
    #[must_use]
    pub fn capability(&self, neighbour: H, family: Family) -> Option<Capability> {
        self.entry(neighbour, family).map(|entry| entry.capability)
    }

    /// All neighbours, each with the own address it is asked from, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (H, IpAddr, Capability)> + '_ {
        self.entries.iter().map(|entry| (entry.neighbour, entry.own, entry.capability))
    }

    /// Gives up pings whose time is over, and returns the next one to be sent, if one is due. To be called until it returns
    /// `None`; that takes no more calls than there are neighbours and one, however far the clock moved on.
    ///
    /// `rng` is asked for 18 octets per ping and 2 per new neighbour.
    ///
    /// # Errors
    ///
    /// - The random number generator's own. No ping was made; it stays due.
    ///
    /// # Security
    ///
    /// Whoever predicts `rng` can answer in a neighbour's place from anywhere.
    pub fn poll<G: TryCryptoRng + ?Sized>(&mut self, now: Instant, rng: &mut G) -> Result<Option<Probe<H>>, G::Error> {
        self.expire(now);
        for entry in &mut self.entries {
            if let Some(ping) = entry.ask(now, &self.config, rng)? {
                count(&mut self.counters.sent);
                return Ok(Some(Probe { neighbour: entry.neighbour, ping, code_points: self.code_points }));
            }
        }
        Ok(None)
    }

    /// When [`poll`](Self::poll) has something to do next; `None` if never.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.entries.iter().filter_map(Entry::timeout).min()
    }

    /// Looks whether `packet`, which starts at its IP header and arrived at `now` from a link, is a ping come back, as an Xcast
    /// or, after X2U, a unicast packet. Every packet may be offered; those worth it are Xcast packets, and UDP packets whose
    /// source is their destination.
    ///
    /// `from` is the neighbour that the packet came from, where the host can tell. A ping that another one returned then does
    /// not count, and stays outstanding. Without it, a ping come back proves only that somebody who saw it returned it. With it
    /// that is so as well wherever link-layer addresses can be forged.
    ///
    /// An answer counts once, and only if it arrives within the timeout, whether [`poll`](Self::poll) noticed its end or not. A
    /// later one is stray: by then it was counted as lost, and the next ping has another token.
    pub fn receive(&mut self, now: Instant, packet: &[u8], from: Option<H>) -> Received<H> {
        let Some(returned) = Returned::parse(packet, &self.code_points).filter(|returned| self.sends(returned)) else {
            return Received::NotOurs;
        };
        self.expire(now);
        // Every token is compared, and with those of other addresses: how long it takes says nothing about any of them.
        let mut found = None;
        for entry in &mut self.entries {
            if entry.expects(&returned.token) && entry.own == returned.own {
                found = Some(entry);
            }
        }
        let Some(entry) = found.filter(|_| returned.forwarded_once) else {
            count(&mut self.counters.stray);
            return Received::Stray;
        };
        if from.is_some_and(|from| from != entry.neighbour) {
            count(&mut self.counters.misdirected);
            return Received::Stray;
        }
        let before = entry.capability;
        entry.answered(now, &self.config);
        count(&mut self.counters.answered);
        if before != entry.capability {
            count(&mut self.counters.became_capable);
        }
        let family = Family::of(&entry.own);
        Received::Answer { neighbour: entry.neighbour, family, capability: entry.capability }
    }

    /// Whether we may have sent what returned: from an own address, with our ports.
    fn sends(&self, returned: &Returned) -> bool {
        (returned.source_port, returned.destination_port) == (self.config.source_port, self.config.destination_port)
            && self.entries.iter().any(|entry| entry.own == returned.own)
    }

    fn expire(&mut self, now: Instant) {
        for entry in &mut self.entries {
            let before = entry.capability;
            if entry.expire(now, &self.config) {
                count(&mut self.counters.timed_out);
            }
            if before != entry.capability {
                count(&mut self.counters.became_not_capable);
            }
        }
    }

    fn entry(&self, neighbour: H, family: Family) -> Option<&Entry<H>> {
        self.entries.iter().find(|entry| entry.is(neighbour, family))
    }
}
