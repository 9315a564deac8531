//! Which jobs go side by side: those with the same algorithm, and among them those of about the same length, because a lane that
//! has ended waits for the longest of its group.

/// Jobs that are put in order at once.
pub(super) const CHUNK: usize = 64;

/// An order of jobs by class, then by size.
#[derive(Debug)]
pub(super) struct Order {
    /// Class in the upper two bits, then 24 bits of size, then 6 of the job's index: one comparison does it all.
    entries: heapless::Vec<u32, CHUNK>,
    /// By index of the job, its place in the order.
    places: [u8; CHUNK],
}

const SIZE_BITS: u32 = 24;
const INDEX_BITS: u32 = 6;

impl Order {
    /// The order of jobs, each given as its index, its class, which is below 4, and its size. A size too large to be told from
    /// another that is, is put beside it: the order decides about speed alone.
    pub(super) fn new(jobs: impl Iterator<Item = (usize, u32, usize)>) -> Self {
        let largest = (1_u32 << SIZE_BITS) - 1;
        let mut entries: heapless::Vec<u32, CHUNK> = jobs
            .map(|(index, class, size)| {
                let size = u32::try_from(size).map_or(largest, |size| size.min(largest));
                (class << (SIZE_BITS + INDEX_BITS)) | (size << INDEX_BITS) | (index % CHUNK) as u32
            })
            .take(CHUNK)
            .collect();
        // Most often all are of one size.
        if !entries.is_sorted() {
            entries.sort_unstable();
        }
        let mut places = [u8::MAX; CHUNK];
        for (entry, place) in entries.iter().zip(0..) {
            if let Some(of) = places.get_mut(index(*entry)) {
                *of = place;
            }
        }
        Self { entries, places }
    }

    /// The place of the job at `index`, if it is in the order.
    pub(super) fn place(&self, index: usize) -> Option<usize> {
        self.places.get(index).map(|place| usize::from(*place)).filter(|place| *place < self.entries.len())
    }

    /// How many jobs are in the order.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of jobs of each class in the order; they are next to each other.
    pub(super) fn classes(&self) -> impl Iterator<Item = usize> {
        let class = |entry: &u32| entry >> (SIZE_BITS + INDEX_BITS);
        self.entries.chunk_by(move |a, b| class(a) == class(b)).map(<[u32]>::len)
    }
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
        let order = Order::new([(0, 1, 5), (2, 0, 9), (3, 1, usize::MAX), (63, 1, 1), (5, 0, 2)].into_iter());
        assert_eq!([5, 2, 63, 0, 3].map(|index| order.place(index)), [0, 1, 2, 3, 4].map(Some));
        assert_eq!([1, 4, 64, 1000].map(|index| order.place(index)), [None; 4]);
        assert_eq!(order.classes().collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn no_job() {
        let order = Order::new(core::iter::empty());
        assert_eq!(order.classes().count(), 0);
        assert_eq!(order.place(0), None);
    }
}
