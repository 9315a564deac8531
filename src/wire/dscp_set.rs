//! Several DSCPs that one packet is to serve (RFC 5058 §8.2).

use super::Dscp;

/// A set of DSCPs; there are 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct DscpSet(u64);

impl DscpSet {
    /// No DSCP.
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) const fn insert(&mut self, dscp: Dscp) {
        // A DSCP is below 64, so that the shift takes place.
        self.0 |= 1_u64.wrapping_shl(dscp.value() as u32);
    }

    fn iter(self) -> impl Iterator<Item = Dscp> {
        (0..64_u8).filter(move |value| self.0 >> value & 1 != 0).filter_map(Dscp::new)
    }

    /// Whether `dscp` merges with each of them: then a packet that serves them may serve a destination with it too.
    pub(crate) fn merges_with(self, dscp: Dscp) -> bool {
        self.iter().all(|present| present.merge(dscp).is_some())
    }

    /// The one that serves all, every two of which merge; the default if there is none.
    pub(crate) fn merged(self) -> Dscp {
        self.iter().reduce(|so_far, dscp| so_far.merge(dscp).unwrap_or(so_far)).unwrap_or_default()
    }
}

impl FromIterator<Dscp> for DscpSet {
    fn from_iter<I: IntoIterator<Item = Dscp>>(dscps: I) -> Self {
        let mut set = Self::EMPTY;
        for dscp in dscps {
            set.insert(dscp);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(values: &[u8]) -> DscpSet {
        values.iter().filter_map(|&value| Dscp::new(value)).collect()
    }

    #[test]
    fn one_more_must_merge_with_each() {
        let group = set(&[10, 0]);
        let merges = |value| group.merges_with(Dscp::new(value).unwrap());
        assert!(merges(10) && merges(14) && merges(0) && merges(46));
        assert!(!merges(8), "CS1 merges with CS0, not with AF11");
        assert!(!merges(63));
        assert!(DscpSet::EMPTY.merges_with(Dscp::new(63).unwrap()));
    }

    #[test]
    fn the_most_demanding_serves_all() {
        let merged = |values| set(values).merged().value();
        assert_eq!(
            [merged(&[]), merged(&[0, 40, 8]), merged(&[14, 10, 0]), merged(&[63, 46]), merged(&[63])],
            [0, 40, 10, 46, 63]
        );
    }
}
