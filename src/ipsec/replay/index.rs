//! Finds an entry of a list by a hash of its key, in steps that do not grow with the list.

/// Where chains end.
const NONE: u16 = u16::MAX;

/// An index of a list of up to `N` entries: for each of `2 * N` values of the hash, a chain of the entries that have it.
///
/// Chains, as they are the only way to find an entry that works as well in a full table, and in one of which much was taken out.
/// With hashes that do not depend on each other 1.25 links are followed on average to find an entry in a full table, whatever `N`
/// is. At worst, where all have one hash, as many as there are entries: as in a list without index. Eight octets an entry.
#[derive(Debug)]
pub(super) struct Index<const N: usize> {
    /// The first of each chain.
    heads: [[u16; 2]; N],
    links: heapless::Vec<Link, N>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    /// The lower half of the hash, so that hardly any key is compared but the one looked for.
    tag: u16,
    /// The next of the chain.
    next: u16,
}

impl<const N: usize> Index<N> {
    /// Of an empty list.
    pub(super) const fn new() -> Self {
        const { assert!(N < NONE as usize, "a table holds up to 65534 senders") }
        Self { heads: [[NONE; 2]; N], links: heapless::Vec::new() }
    }

    /// The chain for `hash`: by its upper bits, without a division.
    #[inline]
    const fn chain(hash: u32) -> usize {
        ((hash as u64).wrapping_mul(N as u64) >> 31) as usize
    }

    /// The place of the entry with this hash that `is_it` says it is.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let mut place = usize::from(*self.heads.as_flattened().get(Self::chain(hash))?);
        // Behind the last there is no link.
        while let Some(link) = self.links.get(place) {
            if link.tag == hash as u16 && is_it(place) {
                return Some(place);
            }
            place = usize::from(link.next);
        }
        None
    }

    /// An entry with this hash was put behind the last. Does nothing if that would be one too many.
    pub(super) fn push(&mut self, hash: u32) {
        let Some(head) = self.heads.as_flattened_mut().get_mut(Self::chain(hash)) else { return };
        let Ok(place) = u16::try_from(self.links.len()) else { return };
        if self.links.push(Link { tag: hash as u16, next: *head }).is_ok() {
            *head = place;
        }
    }

    /// Entries were taken out: begins anew with the hashes of those that are left, in order.
    pub(super) fn rebuild(&mut self, hashes: impl Iterator<Item = u32>) {
        self.heads = [[NONE; 2]; N];
        self.links.clear();
        hashes.for_each(|hash| self.push(hash));
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Against a list that is looked through, with so few hashes that chains are long and change places.
    fn check<const N: usize>(steps: &[(u8, u32, u8)]) {
        let mut index = Index::<N>::new();
        let mut list: Vec<(u32, u8)> = Vec::new();
        for &(step, hash, key) in steps {
            let there = list.iter().position(|&entry| entry == (hash, key));
            match step {
                0 if !list.is_empty() => {
                    let gone = usize::from(key) % list.len();
                    list.swap_remove(gone);
                    index.rebuild(list.iter().map(|&(hash, _)| hash));
                }
                1 => {
                    list.retain(|&(_, other)| other & 1 != key & 1);
                    index.rebuild(list.iter().map(|&(hash, _)| hash));
                }
                _ if there.is_none() && list.len() < N => {
                    list.push((hash, key));
                    index.push(hash);
                }
                _ => {}
            }
            for hash in steps.iter().map(|&(_, hash, _)| hash) {
                for key in 0..8 {
                    let expected = list.iter().position(|&entry| entry == (hash, key));
                    let found = index.find(hash, |place| list.get(place) == Some(&(hash, key)));
                    assert_eq!(found, expected, "{hash:#x} {key}");
                }
            }
        }
    }

    fn hashes() -> impl Strategy<Value = u32> {
        // Of one chain with one tag, of one with two, and of several.
        prop_oneof![Just(0), Just(1), Just(0x0001_0000), Just(u32::MAX), Just(0xffff_0000), Just(0x8000_0000)]
    }

    proptest! {
        #[test]
        fn finds_what_a_list_has(steps in proptest::collection::vec((0_u8..8, hashes(), 0_u8..8), 0..40)) {
            check::<1>(&steps);
            check::<2>(&steps);
            check::<5>(&steps);
            check::<16>(&steps);
        }
    }

    #[test]
    fn a_full_index_takes_no_more() {
        let mut index = Index::<2>::new();
        for hash in [7, 7, 7] {
            index.push(hash);
        }
        let found: Vec<_> = (0..4).map(|place| index.find(7, |other| other == place)).collect();
        assert_eq!(found, [Some(0), Some(1), None, None]);
        let mut none = Index::<0>::new();
        none.push(7);
        assert_eq!(none.find(7, |_| true), None);
    }

    /// The hash's upper bits reach every chain, for numbers of chains that are no power of two as well.
    #[test]
    fn every_chain_is_reached() {
        fn chains<const N: usize>() -> Vec<usize> {
            let mut all: Vec<_> = (0..=255_u32).map(|top| Index::<N>::chain(top << 24)).collect();
            all.dedup();
            all
        }
        assert!(chains::<1>().into_iter().eq(0..2));
        assert!(chains::<3>().into_iter().eq(0..6));
        assert!(chains::<16>().into_iter().eq(0..32));
        assert!(chains::<100>().into_iter().eq(0..200));
    }
}
