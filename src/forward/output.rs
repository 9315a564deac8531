//! The way out: MTU, limits and counters of the copies of one packet (WIRE.md §9 step 7).

use super::counters::add;
use super::reports::Reports;
use super::{CopyKind, Counters, Egress, Outcome, PacketCopy, Route};
use crate::time::Instant;
use crate::wire::DestinationSet;

/// Where one packet's copies go, and what is counted of them.
pub(super) struct Output<'a, E: ?Sized> {
    pub(super) egress: &'a mut E,
    pub(super) counters: &'a mut Counters,
    pub(super) reports: &'a mut Reports,
    pub(super) now: Instant,
    /// The most copies handed to the egress.
    pub(super) max_copies: Option<usize>,
    /// Copies handed to it so far.
    tried: usize,
    copies: usize,
    sent: DestinationSet,
    /// Those of them that Xcast copies in no tunnel serve, to be counted at once: no two copies serve the same.
    forwarded: DestinationSet,
}

impl<'a, E: ?Sized> Output<'a, E> {
    pub(super) const fn new(
        now: Instant,
        max_copies: Option<usize>,
        egress: &'a mut E,
        counters: &'a mut Counters,
        reports: &'a mut Reports,
    ) -> Self {
        let (sent, forwarded) = (DestinationSet::EMPTY, DestinationSet::EMPTY);
        Self { egress, counters, reports, now, max_copies, tried: 0, copies: 0, sent, forwarded }
    }

    /// Counts what is left to be counted, and writes into `outcome` what was sent.
    pub(super) fn tell(self, outcome: &mut Outcome) {
        add(&mut self.counters.forwarded, self.forwarded.len());
        outcome.copies = self.copies;
        outcome.sent = self.sent;
    }

    /// Sends a copy, if it fits.
    pub(super) fn send<H: Copy>(&mut self, route: &Route<H>, copy: &PacketCopy<'_>)
    where
        E: Egress<H>,
    {
        if self.fits(route, copy, copy.destinations()) {
            self.transmit(route.next_hop, copy);
        }
    }

    /// Whether `copy` fits the MTU; if not, `destinations` are counted and reported.
    pub(super) fn fits<H: Copy>(
        &mut self,
        route: &Route<H>,
        copy: &PacketCopy<'_>,
        destinations: DestinationSet,
    ) -> bool
    where
        E: Egress<H>,
    {
        let max_len = copy.max_len(route.mtu);
        let fits = copy.len() <= max_len;
        if !fits {
            add(&mut self.counters.too_big, destinations.len());
            if self.reports.take(self.now) {
                add(&mut self.counters.reports, 1);
                self.egress.too_big(route.next_hop, max_len.saturating_sub(copy.overhead()), destinations);
            } else {
                add(&mut self.counters.reports_suppressed, 1);
            }
        }
        fits
    }

    /// Sends a copy that fits.
    pub(super) fn transmit<H>(&mut self, next_hop: H, copy: &PacketCopy<'_>)
    where
        E: Egress<H>,
    {
        let served = copy.destinations();
        if self.max_copies.is_some_and(|max| self.tried >= max) {
            add(&mut self.counters.over_copy_limit, served.len());
            return;
        }
        self.tried = self.tried.saturating_add(1);
        if self.egress.transmit(next_hop, copy).is_err() {
            add(&mut self.counters.egress_failed, served.len());
            return;
        }
        self.copies = self.copies.saturating_add(1);
        self.sent = self.sent.union(served);
        let Counters { xcast_copies, unicast, tunnelled, tunnel_copies, .. } = self.counters;
        match copy.kind() {
            CopyKind::Xcast => {
                self.forwarded = self.forwarded.union(served);
                add(xcast_copies, 1);
            }
            CopyKind::Unicast => add(unicast, served.len()),
            CopyKind::Tunnelled => {
                add(tunnelled, served.len());
                add(tunnel_copies, 1);
            }
            CopyKind::SemiPermeable => {
                add(&mut self.counters.semi_permeable, served.len());
                add(&mut self.counters.semi_permeable_copies, 1);
            }
        }
    }
}
