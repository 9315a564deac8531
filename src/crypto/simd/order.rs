//! Which jobs go side by side: those with the same algorithm, and among them those of about the same length, because a lane that
//! has ended waits for the longest of its group.

use super::jobs::Jobs;

/// Jobs that are put in order at once.
pub(super) const CHUNK: usize = 64;

/// An order of jobs by class, then by size.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Class in the upper two bits, then 24 bits of size, then 6 of the job's index: one comparison does it all.
    entries: heapless::Vec<u32, CHUNK>,
}

const SIZE_BITS: u32 = 24;
const INDEX_BITS: u32 = 6;

impl Order {
    /// Adds a job, given as its index, its class, which is below 4, and its size. A size too large to be told from another that
    /// is, is put beside it: the order decides about speed alone.
    pub(super) fn push(&mut self, index: usize, class: u32, size: usize) {
        let largest = (1_u32 << SIZE_BITS) - 1;
        let size = u32::try_from(size).map_or(largest, |size| size.min(largest));
        let entry = (class << (SIZE_BITS + INDEX_BITS)) | (size << INDEX_BITS) | (index % CHUNK) as u32;
        // There is room for each job of a chunk once.
        let _ = self.entries.push(entry);
    }

    /// Puts the jobs in order, but for those in `others`, which it leaves out.
    pub(super) fn sort(&mut self, others: Jobs) {
        if !others.is_empty() {
            let mut kept = 0_usize;
            for at in 0..self.entries.len() {
                if let Some(entry) = self.entries.get(at).copied().filter(|entry| !others.has(index(*entry)))
                    && let Some(place) = self.entries.get_mut(kept)
                {
                    *place = entry;
                    kept = kept.wrapping_add(1);
                }
            }
            self.entries.truncate(kept);
        }
        // Most often all are of one size.
        if !self.entries.is_sorted_by(|a, b| a <= b) {
            self.entries.sort_unstable();
        }
    }

    /// The jobs in order, in groups of one class and at most `most` jobs, which is 1 at least.
    pub(super) fn groups(&self, most: usize) -> impl Iterator<Item = Group<'_>> {
        let mut rest = self.entries.as_slice();
        core::iter::from_fn(move || {
            let first = class(*rest.first()?);
            let full = rest.get(..most).unwrap_or(rest);
            let len = match full.last() {
                // As they are in order, so is what lies between.
                Some(last) if class(*last) == first => full.len(),
                _ => full.iter().take_while(|entry| class(**entry) == first).count(),
            };
            let (group, others) = rest.split_at_checked(len)?;
            rest = others;
            Some(Group(group))
        })
    }
}

/// Some jobs that follow each other in an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<'o>(&'o [u32]);

impl<'o> Group<'o> {
    /// How many jobs.
    pub(super) const fn len(self) -> usize {
        self.0.len()
    }

    /// The indices of the jobs.
    pub(super) fn indices(self) -> impl Iterator<Item = usize> + 'o {
        self.0.iter().map(|entry| index(*entry))
    }

    /// By index of a job, its place in the group; or a place beyond its end.
    pub(super) fn places(self) -> [u8; CHUNK] {
        let mut places = [u8::MAX; CHUNK];
        for (index, place) in self.indices().zip(0..u8::MAX) {
            if let Some(of) = places.get_mut(index) {
                *of = place;
            }
        }
        places
    }
}

fn class(entry: u32) -> u32 {
    entry >> (SIZE_BITS + INDEX_BITS)
}

fn index(entry: u32) -> usize {
    (entry % (1 << INDEX_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn by_class_then_by_size() {
        let mut order = Order::default();
        for (index, class, size) in [(0, 1, 5), (2, 0, 9), (7, 0, 3), (3, 1, usize::MAX), (63, 1, 1), (5, 0, 2)] {
            order.push(index, class, size);
        }
        let mut others = Jobs::default();
        others.insert(7);
        order.sort(others);
        let groups = |most| order.groups(most).map(|group| group.indices().collect()).collect::<Vec<Vec<_>>>();
        assert_eq!(groups(64), [&[5, 2][..], &[63, 0, 3]]);
        assert_eq!(groups(2), [&[5, 2][..], &[63, 0], &[3]]);
        let places = order.groups(64).last().unwrap().places();
        assert_eq!([63, 0, 3, 5].map(|index: usize| places[index]), [0, 1, 2, u8::MAX]);
    }

    #[test]
    fn no_job() {
        assert_eq!(Order::default().groups(16).count(), 0);
    }
}
