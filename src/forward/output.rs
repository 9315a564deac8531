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
    /// Xcast copies sent in no tunnel, and those they serve: counted in the end, as no two copies serve the same.
    xcast_copies: usize,
    forwarded: DestinationSet,
    /// All other copies sent, and those they serve.
    others: usize,
    served_by_others: DestinationSet,
}

impl<'a, E: ?Sized> Output<'a, E> {
    pub(super) const fn new(
        now: Instant,
        max_copies: Option<usize>,
        egress: &'a mut E,
        counters: &'a mut Counters,
        reports: &'a mut Reports,
    ) -> Self {
        let (forwarded, served_by_others) = (DestinationSet::EMPTY, DestinationSet::EMPTY);
        let (tried, xcast_copies, others) = (0, 0, 0);
        Self { egress, counters, reports, now, max_copies, tried, xcast_copies, forwarded, others, served_by_others }
    }

    /// Counts what is left to be counted, and writes into `outcome` what was sent.
    pub(super) fn tell(self, outcome: &mut Outcome) {
        add(&mut self.counters.xcast_copies, self.xcast_copies);
        add(&mut self.counters.forwarded, self.forwarded.len());
        outcome.copies = self.xcast_copies.saturating_add(self.others);
        outcome.sent = self.forwarded.union(self.served_by_others);
    }

    /// Sends a copy, if it fits.
    #[inline]
    pub(super) fn send<H: Copy>(&mut self, route: &Route<H>, copy: &PacketCopy<'_>)
    where
        E: Egress<H>,
    {
        if self.fits(route, copy, copy.destinations()) {
            self.transmit(route.next_hop, copy);
        }
    }

    /// Whether `copy` fits the MTU; if not, `destinations` are counted and reported.
    #[inline(always)]
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
            self.report(route.next_hop, max_len.saturating_sub(copy.overhead()), destinations);
        }
        fits
    }

    /// Counts and reports `destinations`, for which a packet of at most `mtu` octets would have fitted.
    #[cold]
    fn report<H>(&mut self, next_hop: H, mtu: usize, destinations: DestinationSet)
    where
        E: Egress<H>,
    {
        add(&mut self.counters.too_big, destinations.len());
        if self.reports.take(self.now) {
            add(&mut self.counters.reports, 1);
            self.egress.too_big(next_hop, mtu, destinations);
        } else {
            add(&mut self.counters.reports_suppressed, 1);
        }
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
        let Counters { unicast, tunnelled, tunnel_copies, semi_permeable, semi_permeable_copies, .. } = self.counters;
        match copy.kind() {
            CopyKind::Xcast => {
                self.xcast_copies = self.xcast_copies.saturating_add(1);
                self.forwarded = self.forwarded.union(served);
                return;
            }
            CopyKind::Unicast => add(unicast, served.len()),
            CopyKind::Tunnelled => {
                add(tunnelled, served.len());
                add(tunnel_copies, 1);
            }
            CopyKind::SemiPermeable => {
                add(semi_permeable, served.len());
                add(semi_permeable_copies, 1);
            }
        }
        self.others = self.others.saturating_add(1);
        self.served_by_others = self.served_by_others.union(served);
    }
}
