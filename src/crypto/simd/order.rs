//! Which jobs go side by side: those with the same algorithm, and among them those of about the same length, because a lane that
//! has ended waits for the longest of its group.

/// Jobs that are put in order at once.
pub(super) const CHUNK: usize = 64;

/// An order of jobs by class, then by size.
#[derive(Debug)]
pub(super) struct Order {
    /// Class in the upper two bits, then 24 bits of size, then 6 of the job's index: one comparison does it all.
    entries: heapless::Vec<u32, CHUNK>,
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
        Self { entries }
    }

    /// The jobs in order, in groups of one class and at most `most` jobs.
    pub(super) fn groups(&self, most: usize) -> impl Iterator<Item = Group<'_>> {
        let class = |entry: &u32| entry >> (SIZE_BITS + INDEX_BITS);
        self.entries.chunk_by(move |a, b| class(a) == class(b)).flat_map(move |run| run.chunks(most)).map(Group)
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
        for (index, place) in self.indices().zip(0..) {
            if let Some(of) = places.get_mut(index) {
                *of = place;
            }
        }
        places
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
        let groups = |most| order.groups(most).map(|group| group.indices().collect()).collect::<Vec<Vec<_>>>();
        assert_eq!(groups(64), [&[5, 2][..], &[63, 0, 3]]);
        assert_eq!(groups(2), [&[5, 2][..], &[63, 0], &[3]]);
        let places = order.groups(64).last().unwrap().places();
        assert_eq!([63, 0, 3, 5].map(|index: usize| places[index]), [0, 1, 2, u8::MAX]);
    }

    #[test]
    fn no_job() {
        assert_eq!(Order::new(core::iter::empty()).groups(16).count(), 0);
    }
}
