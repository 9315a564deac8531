//! Bookkeeping: where every destination of every packet ended.

use std::collections::BTreeMap;
use std::fmt;

use xcast_sec::forward::CopyKind;
use xcast_sec::wire::DestinationSet;

/// Of one destination of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Packets under way for it, and those that arrived: 1 to begin with, one more for each that a link repeated, one less
    /// for each that ended.
    pub(crate) live: usize,
    pub(crate) arrived: usize,
    /// To the application.
    pub(crate) delivered: usize,
}

#[derive(Default)]
pub(crate) struct Ledger {
    /// By packet and destination.
    pub(crate) accounts: Vec<Vec<Account>>,
    /// Why destinations ended, all packets together.
    pub(crate) ended: BTreeMap<&'static str, u64>,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
}

impl Ledger {
    pub(crate) fn open(&mut self, members: usize) {
        self.accounts.push(vec![Account { live: 1, arrived: 0, delivered: 0 }; members]);
    }

    fn each(&mut self, number: usize, set: DestinationSet, change: impl Fn(&mut Account)) {
        for index in set.iter() {
            change(&mut self.accounts[number][index]);
        }
    }

    pub(crate) fn lose(&mut self, number: usize, set: DestinationSet) {
        self.lost += set.len() as u64;
        self.each(number, set, |account| account.live -= 1);
    }

    pub(crate) fn repeat(&mut self, number: usize, set: DestinationSet) {
        self.repeated += set.len() as u64;
        self.each(number, set, |account| account.live += 1);
    }

    pub(crate) fn drop_one(&mut self, number: usize, index: usize, why: &'static str) {
        self.drop_all(number, DestinationSet::single(index), why);
    }

    pub(crate) fn drop_all(&mut self, number: usize, set: DestinationSet, why: &'static str) {
        *self.ended.entry(why).or_insert(0) += set.len() as u64;
        self.each(number, set, |account| account.live -= 1);
    }

    pub(crate) fn arrive(&mut self, number: usize, set: DestinationSet) {
        self.each(number, set, |account| account.arrived += 1);
    }

    pub(crate) fn deliver(&mut self, number: usize, set: DestinationSet) {
        self.each(number, set, |account| account.delivered += 1);
    }

    /// What is left of everybody's packets arrived; and it was handed up as often, or, where replays are told apart, once.
    pub(crate) fn check(&self, protected: bool) {
        for (number, accounts) in self.accounts.iter().enumerate() {
            for (index, account) in accounts.iter().enumerate() {
                assert_eq!(account.arrived, account.live, "packet {number}, destination {index}");
                let delivered = if protected { account.live.min(1) } else { account.live };
                assert_eq!(account.delivered, delivered, "packet {number}, destination {index}");
            }
        }
    }

    pub(crate) fn destinations(&self) -> u64 {
        self.accounts.iter().map(|accounts| accounts.len() as u64).sum()
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.accounts.iter().flatten().map(|account| account.arrived as u64).sum()
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.accounts.iter().flatten().map(|account| account.delivered as u64).sum()
    }
}

/// What a test did, all runs together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) runs: u64,
    pub(crate) packets: u64,
    pub(crate) crossings: u64,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    pub(crate) deliveries: u64,
    pub(crate) unreachable: u64,
    pub(crate) too_big: u64,
    pub(crate) xcast: u64,
    pub(crate) unicast: u64,
    pub(crate) tunnelled: u64,
    pub(crate) semi_permeable: u64,
}

impl Totals {
    pub(crate) fn count(&mut self, kind: CopyKind) {
        match kind {
            CopyKind::Xcast => self.xcast += 1,
            CopyKind::Unicast => self.unicast += 1,
            CopyKind::Tunnelled => self.tunnelled += 1,
            CopyKind::SemiPermeable => self.semi_permeable += 1,
            kind => panic!("{kind:?}"),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.runs += 1;
        self.packets += other.packets;
        self.crossings += other.crossings;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.deliveries += other.deliveries;
        self.unreachable += other.unreachable;
        self.too_big += other.too_big;
        self.xcast += other.xcast;
        self.unicast += other.unicast;
        self.tunnelled += other.tunnelled;
        self.semi_permeable += other.semi_permeable;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} networks, {} packets, {} links crossed ({} lost, {} repeated), {} deliveries, {} unreachable, {} too big; copies: {} Xcast, \
             {} unicast, {} in tunnels, {} in semi-permeable ones",
            self.runs,
            self.packets,
            self.crossings,
            self.lost,
            self.repeated,
            self.deliveries,
            self.unreachable,
            self.too_big,
            self.xcast,
            self.unicast,
            self.tunnelled,
            self.semi_permeable
        )
    }
}
