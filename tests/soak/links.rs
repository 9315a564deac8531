//! Links, which lose, repeat and delay packets, and the buffers that packets lie in. All memory is taken at the beginning.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use xcast_sec::ipsec::PacketBuf;

use crate::parcel::Parcel;
use crate::random::Random;

pub(crate) const BUFFER: usize = 2048;
/// Room in front of each packet.
pub(crate) const HEADROOM: usize = 128;
const SLOTS: usize = 4096;

pub(crate) struct Slot {
    octets: [u8; BUFFER],
    start: usize,
    end: usize,
    pub(crate) parcel: Option<Parcel>,
}

impl Slot {
    pub(crate) const fn empty() -> Self {
        Self { octets: [0xee; BUFFER], start: HEADROOM, end: HEADROOM, parcel: None }
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets[self.start..self.end]
    }

    pub(crate) fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.octets[self.start..self.end]
    }

    /// All there is room for, from the start of the packet.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.octets[self.start..]
    }

    pub(crate) fn resize(&mut self, len: usize) {
        self.end = self.start + len;
    }

    pub(crate) fn fill(&mut self, octets: &[u8], parcel: Option<Parcel>) {
        (self.start, self.end, self.parcel) = (HEADROOM, HEADROOM + octets.len(), parcel);
        self.octets_mut().copy_from_slice(octets);
    }

    /// Lends the packet to be sealed or opened in place.
    pub(crate) fn with_packet<T>(&mut self, f: impl FnOnce(&mut PacketBuf<'_>) -> T) -> T {
        let mut packet = PacketBuf::new(&mut self.octets, self.start..self.end).unwrap();
        let result = f(&mut packet);
        let range = packet.range();
        (self.start, self.end) = (range.start, range.end);
        result
    }
}

/// A packet that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    at: u64,
    order: u64,
    pub(crate) slot: usize,
    pub(crate) from: u8,
    pub(crate) to: u8,
}

/// What links did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Packets that nodes put on a link.
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    pub(crate) delayed: u64,
    /// What was not Xcast and had no way to go.
    pub(crate) unroutable: u64,
    /// Packets that nobody sent: replays, strays, garbage.
    pub(crate) injected: u64,
}

pub(crate) struct Links {
    pub(crate) slots: Vec<Slot>,
    free: Vec<usize>,
    queue: BinaryHeap<Reverse<Arrival>>,
    order: u64,
    pub(crate) tick: u64,
    pub(crate) random: Random,
    pub(crate) tally: Tally,
    pub(crate) most_in_flight: usize,
}

impl Links {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Slot::empty()).collect(),
            free: (0..SLOTS).rev().collect(),
            queue: BinaryHeap::with_capacity(SLOTS),
            order: 0,
            tick: 0,
            random,
            tally: Tally::default(),
            most_in_flight: 0,
        }
    }

    pub(crate) fn take(&mut self) -> usize {
        let slot = self.free.pop().expect("as many packets are on their way as there may be");
        self.most_in_flight = self.most_in_flight.max(SLOTS - self.free.len());
        slot
    }

    pub(crate) fn give_back(&mut self, slot: usize) {
        self.free.push(slot);
    }

    pub(crate) fn copy_of(&mut self, slot: usize) -> usize {
        let copy = self.take();
        let [from, to] = self.slots.get_disjoint_mut([slot, copy]).unwrap();
        to.fill(from.octets(), from.parcel);
        copy
    }

    /// A node puts a packet on a link.
    pub(crate) fn cross(&mut self, slot: usize, from: u8, to: u8) {
        self.tally.sent += 1;
        if self.random.chance(5) {
            self.tally.lost += 1;
            return self.give_back(slot);
        }
        if self.random.chance(10) {
            self.tally.repeated += 1;
            let copy = self.copy_of(slot);
            self.arrive_late(copy, from, to);
        }
        self.arrive_late(slot, from, to);
    }

    /// Somebody who is no node of the network does.
    pub(crate) fn inject(&mut self, slot: usize, from: u8, to: u8) {
        self.tally.injected += 1;
        self.arrive(slot, from, to, 0);
    }

    fn arrive_late(&mut self, slot: usize, from: u8, to: u8) {
        // Mostly in order; some overtaken by a few, and some by more than any window holds.
        let late = match self.random.below(1000) {
            0..=3 => self.random.below(6000),
            4..=59 => self.random.below(200),
            _ => 0,
        };
        self.tally.delayed += u64::from(late > 0);
        self.arrive(slot, from, to, late as u64);
    }

    fn arrive(&mut self, slot: usize, from: u8, to: u8, late: u64) {
        self.order += 1;
        self.queue.push(Reverse(Arrival { at: self.tick + late, order: self.order, slot, from, to }));
    }

    /// The next packet that arrives by now.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        let due = self.queue.peek().is_some_and(|next| next.0.at <= self.tick);
        if due { self.queue.pop().map(|next| next.0) } else { None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.free.len() == SLOTS
    }
}
