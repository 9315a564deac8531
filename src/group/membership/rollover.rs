//! Which epochs are sent under, and which are taken, at a given moment (RFC 5374 §4.2.1).
//!
//! ```text
//! push of epoch 2          ATD            DTD
//!       |-------------------|--------------|------------> time
//! sent  |<---- epoch 1 ---->|<--------- epoch 2 --------
//! taken |<------------ epoch 1 ----------->|
//! taken |<----------------- epoch 2 --------------------
//! ```
//!
//! The leading edge may be activated before the ATD is over, once all acknowledged it (project-defined). With a *cut* nothing
//! is sent under the trailing edge from the push on.
//!
//! Each epoch ends all older ones by its own DTD, whether or not it was ever sent under itself: several rollovers may overlap.

use crate::time::Instant;

use super::Epoch;
use super::retry::earlier;

/// The most epochs of a key server that live at one time (project-defined). RFC 5374 §4.2.1 asks for two; more let rollovers
/// overlap.
pub const MAX_EPOCHS: usize = 4;

/// An epoch, when it starts, and when it ends others.
#[derive(Debug)]
pub(super) struct Edge<T> {
    pub(super) epoch: Epoch,
    pub(super) activate_at: Instant,
    pub(super) ends_older_at: Instant,
    /// Nothing is sent under older ones.
    pub(super) cut: bool,
    pub(super) value: T,
}

/// The epochs of one key server. Each stays where it was put, and is dropped there: none of its key's octets are left behind.
#[derive(Debug)]
pub(super) struct Rollover<T> {
    edges: [Option<Edge<T>>; MAX_EPOCHS],
}

impl<T> Rollover<T> {
    pub(super) const fn new() -> Self {
        Self { edges: [const { None }; MAX_EPOCHS] }
    }

    fn held(&self) -> impl Iterator<Item = &Edge<T>> {
        self.edges.iter().flatten()
    }

    /// The epochs, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Edge<T>> {
        let rank = |edge: &Edge<T>| self.held().filter(|other| other.epoch < edge.epoch).count();
        (0..MAX_EPOCHS).filter_map(move |wanted| self.held().find(|edge| rank(edge) == wanted))
    }

    /// The epochs, in no particular order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Edge<T>> {
        self.edges.iter_mut().flatten()
    }

    pub(super) fn find(&self, epoch: Epoch) -> Option<&Edge<T>> {
        self.held().find(|edge| edge.epoch == epoch)
    }

    pub(super) fn find_mut(&mut self, epoch: Epoch) -> Option<&mut Edge<T>> {
        self.iter_mut().find(|edge| edge.epoch == epoch)
    }

    fn oldest(&self) -> Option<&Edge<T>> {
        self.held().min_by_key(|edge| edge.epoch)
    }

    pub(super) fn newest(&self) -> Option<&Edge<T>> {
        self.held().max_by_key(|edge| edge.epoch)
    }

    pub(super) fn is_full(&self) -> bool {
        self.edges.iter().all(Option::is_some)
    }

    /// Whether an epoch has ended at `now`, be it held or not.
    pub(super) fn is_over(&self, epoch: Epoch, now: Instant) -> bool {
        self.held().any(|edge| edge.epoch > epoch && edge.ends_older_at <= now)
    }

    /// Adds an epoch that is not held. If there is no room the oldest one goes, and is returned; if that is the new one, it is
    /// not added.
    pub(super) fn insert(&mut self, edge: Edge<T>) -> Option<Epoch> {
        let mut gone = None;
        if self.is_full() {
            let oldest = self.oldest().map(|oldest| oldest.epoch).filter(|oldest| *oldest < edge.epoch);
            let Some(oldest) = oldest else { return Some(edge.epoch) };
            gone = self.take(|_, epoch| epoch == oldest);
        }
        if let Some(free) = self.edges.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(edge);
        }
        gone
    }

    /// The epoch to be sent under at `now`.
    pub(super) fn sending(&self, now: Instant) -> Option<&Edge<T>> {
        let mut newer_cuts = false;
        for edge in self.iter().rev() {
            if edge.activate_at <= now {
                return (!newer_cuts).then_some(edge);
            }
            newer_cuts |= edge.cut;
        }
        None
    }

    /// Drops one epoch that `over` is true of, the oldest first; returns which.
    pub(super) fn take(&mut self, over: impl Fn(&Self, Epoch) -> bool) -> Option<Epoch> {
        let epoch = self.iter().map(|edge| edge.epoch).find(|epoch| over(self, *epoch))?;
        if let Some(slot) = self.edges.iter_mut().find(|slot| slot.as_ref().is_some_and(|edge| edge.epoch == epoch)) {
            *slot = None;
        }
        Some(epoch)
    }

    /// Drops one epoch that has ended at `now`; returns which.
    pub(super) fn take_ended(&mut self, now: Instant) -> Option<Epoch> {
        self.take(|held, epoch| held.is_over(epoch, now))
    }

    /// The next moment after `now` at which an epoch is activated or ends.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let oldest = self.oldest().map(|edge| edge.epoch);
        self.held().fold(None, |next, edge| {
            let activation = (edge.activate_at > now).then_some(edge.activate_at);
            let end = (Some(edge.epoch) != oldest).then_some(edge.ends_older_at);
            earlier(next, earlier(activation, end))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    fn edge(epoch: u64, activate: u64, end: u64, cut: bool) -> Edge<()> {
        let (activate_at, ends_older_at) = (at(activate), at(end));
        Edge { epoch: Epoch::new(epoch), activate_at, ends_older_at, cut, value: () }
    }

    fn held(rollover: &Rollover<()>) -> Vec<u64> {
        rollover.iter().map(|edge| edge.epoch.value()).collect()
    }

    fn sending(rollover: &Rollover<()>, now: u64) -> Option<u64> {
        rollover.sending(at(now)).map(|edge| edge.epoch.value())
    }

    #[test]
    fn the_trailing_edge_is_sent_under_until_the_atd_and_taken_until_the_dtd() {
        let mut rollover = Rollover::new();
        assert_eq!(sending(&rollover, 100), None);
        assert!(rollover.insert(edge(1, 5, 9, false)).is_none());
        assert_eq!((sending(&rollover, 4), sending(&rollover, 5)), (None, Some(1)));
        assert!(rollover.insert(edge(2, 15, 20, false)).is_none());
        assert_eq!((sending(&rollover, 14), sending(&rollover, 15)), (Some(1), Some(2)));
        assert_eq!((rollover.next_change(at(10)), rollover.next_change(at(15))), (Some(at(15)), Some(at(20))));
        assert!(!rollover.is_over(Epoch::new(1), at(19)) && rollover.is_over(Epoch::new(1), at(20)));
        assert!(rollover.take_ended(at(19)).is_none());
        assert_eq!(rollover.take_ended(at(20)), Some(Epoch::new(1)));
        assert!(rollover.take_ended(at(1000)).is_none() && rollover.next_change(at(20)).is_none());
        assert!(rollover.is_over(Epoch::new(1), at(20)), "a late push does not bring it back");
    }

    #[test]
    fn a_cut_silences_what_is_older() {
        let mut rollover = Rollover::new();
        rollover.insert(edge(1, 0, 0, false));
        rollover.insert(edge(2, 10, 20, false));
        rollover.insert(edge(3, 15, 25, true));
        assert_eq!((sending(&rollover, 9), sending(&rollover, 12), sending(&rollover, 15)), (None, None, Some(3)));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let mut rollover = Rollover::new();
        for epoch in [3, 1, 4, 2] {
            assert!(rollover.insert(edge(epoch, 10 * epoch, 10 * epoch + 5, false)).is_none());
        }
        assert_eq!(held(&rollover), [1, 2, 3, 4]);
        assert_eq!(rollover.insert(edge(5, 50, 55, false)), Some(Epoch::new(1)));
        assert_eq!(rollover.insert(edge(1, 10, 15, false)), Some(Epoch::new(1)), "too old to be added");
        assert_eq!(held(&rollover), [2, 3, 4, 5]);
        assert_eq!(sending(&rollover, 45), Some(4));
    }
}
