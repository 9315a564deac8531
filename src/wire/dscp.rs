//! Differentiated services code points and the merge rule of DSCP lists (RFC 2474, RFC 5058 §8.2).

/// A differentiated services code point, 0..=63 (RFC 2474 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Dscp(u8);

impl Dscp {
    /// The default per-hop behaviour, which is class selector 0.
    pub const DEFAULT: Self = Self(0);
    /// Expedited forwarding (RFC 3246).
    pub const EF: Self = Self(46);

    /// The code point `value`, or `None` if it exceeds 63.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value < 64 { Some(Self(value)) } else { None }
    }

    /// The code point as a number, 0..=63.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }

    /// The code point in an IPv4 TOS or IPv6 traffic class octet.
    #[must_use]
    pub const fn from_ds_field(octet: u8) -> Self {
        Self(octet >> 2)
    }

    /// The DS field: the code point in the upper six bits, zero in the lower two.
    #[must_use]
    pub const fn ds_field(self) -> u8 {
        self.0 << 2
    }

    /// The one code point that serves a packet for both, or `None` if the two do not merge and the packet must split.
    ///
    /// Equal code points merge; class selectors (the default is one) to the higher; code points of one AF class to the
    /// lower drop precedence; AF and the default to the AF; EF and anything to EF; nothing else merges
    /// (project-defined: RFC 5058 §8.2 leaves the rule open).
    #[must_use]
    pub const fn merge(self, other: Self) -> Option<Self> {
        use Behaviour::{Af, Cs, Ef};
        let (higher, lower) = if self.0 >= other.0 { (self, other) } else { (other, self) };
        if higher.0 == lower.0 {
            return Some(higher);
        }
        match (self.behaviour(), other.behaviour()) {
            (Ef, _) | (_, Ef) => Some(Self::EF),
            (Cs, Cs) => Some(higher),
            // The lower drop precedence is the lower number within a class.
            (Af(a), Af(b)) if a == b => Some(lower),
            // The other is not AF, and the default is the lowest of all.
            (Af(_), Cs) | (Cs, Af(_)) if lower.0 == Self::DEFAULT.0 => Some(higher),
            _ => None,
        }
    }

    const fn behaviour(self) -> Behaviour {
        let (class, low) = (self.0 >> 3, self.0 & 0b111);
        match (class, low) {
            _ if self.0 == Self::EF.0 => Behaviour::Ef,
            (_, 0) => Behaviour::Cs,
            (1..=4, 0b010 | 0b100 | 0b110) => Behaviour::Af(class),
            _ => Behaviour::Unassigned,
        }
    }
}

#[derive(Clone, Copy)]
enum Behaviour {
    /// Class selector (RFC 2474 §4.2.2).
    Cs,
    /// Assured forwarding, by class (RFC 2597 §6).
    Af(u8),
    Ef,
    Unassigned,
}

/// Which DSCP serves one packet for destinations with different ones (RFC 5058 §8.2, which leaves the rule open).
///
/// # Security
///
/// Asked by routers for each destination of a packet with a DSCP list, up to 63 times each, about code points that the
/// sender chose. Destinations whose code points do not merge get copies of their own: a rule that merges little lets a
/// sender cause more copies, one that merges too much gives a destination better service than its own DSCP does.
pub trait DscpMerge {
    /// The one code point that serves both, or `None` if neither is the more stringent and the packet must split.
    ///
    /// It has to be symmetric, and equal code points have to merge to themselves.
    fn merge(&self, a: Dscp, b: Dscp) -> Option<Dscp>;
}

impl<T: DscpMerge + ?Sized> DscpMerge for &T {
    fn merge(&self, a: Dscp, b: Dscp) -> Option<Dscp> {
        (**self).merge(a, b)
    }
}

/// The rule of [`Dscp::merge`], which is what routers follow unless they are told another (project-defined).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "there is nothing in it")]
pub struct StandardMerge;

impl DscpMerge for StandardMerge {
    fn merge(&self, a: Dscp, b: Dscp) -> Option<Dscp> {
        a.merge(b)
    }
}

/// Only equal code points merge: for networks in which code points mean something of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "there is nothing in it")]
pub struct EqualMerge;

impl DscpMerge for EqualMerge {
    fn merge(&self, a: Dscp, b: Dscp) -> Option<Dscp> {
        if a == b { Some(a) } else { None }
    }
}

/// A set of code points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DscpSet(u64);

impl DscpSet {
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) fn insert(&mut self, dscp: Dscp) {
        // A code point is at most 63.
        self.0 |= 1_u64.checked_shl(u32::from(dscp.value())).unwrap_or(0);
    }

    fn iter(self) -> impl Iterator<Item = Dscp> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let value = u8::try_from(left.trailing_zeros()).ok()?;
            // Takes the lowest one away.
            left &= left.wrapping_sub(1);
            Dscp::new(value)
        })
    }

    /// Whether `dscp` merges with every member.
    pub(crate) fn takes<M: DscpMerge + ?Sized>(self, rule: &M, dscp: Dscp) -> bool {
        self.iter().all(|member| rule.merge(member, dscp).is_some())
    }

    /// Whether all members merge, two by two.
    pub(crate) fn is_mergeable<M: DscpMerge + ?Sized>(self, rule: &M) -> bool {
        self.iter().all(|dscp| self.takes(rule, dscp))
    }

    /// What serves all members, which merge two by two; `None` if there are none. Where the rule does not merge what it made
    /// of some with another, that other one is left out of it.
    pub(crate) fn merged<M: DscpMerge + ?Sized>(self, rule: &M) -> Option<Dscp> {
        self.iter().reduce(|so_far, dscp| rule.merge(so_far, dscp).unwrap_or(so_far))
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

    fn merge(a: u8, b: u8) -> Option<u8> {
        Dscp::new(a).unwrap().merge(Dscp::new(b).unwrap()).map(Dscp::value)
    }

    #[test]
    fn each_clause_of_the_rule() {
        assert_eq!(merge(8, 40), Some(40), "class selectors: the higher");
        assert_eq!(merge(0, 8), Some(8), "the default is CS0");
        assert_eq!(merge(10, 14), Some(10), "AF11 and AF13: the lower drop precedence");
        assert_eq!(merge(10, 18), None, "AF11 and AF21");
        assert_eq!(merge(26, 0), Some(26), "AF31 and the default");
        assert_eq!(merge(26, 8), None, "AF31 and CS1");
        assert_eq!(merge(1, 46), Some(46), "EF over all");
        assert_eq!(merge(1, 1), Some(1));
        assert_eq!(merge(1, 0), None, "unassigned merges with itself and EF only");
        assert_eq!(merge(44, 40), None);
    }

    #[test]
    fn merging_is_symmetric_and_idempotent() {
        for a in 0..64 {
            assert_eq!(merge(a, a), Some(a));
            for b in 0..64 {
                assert_eq!(merge(a, b), merge(b, a));
            }
        }
    }

    fn set(values: &[u8]) -> DscpSet {
        values.iter().filter_map(|&value| Dscp::new(value)).collect()
    }

    #[test]
    fn a_set_merges_when_every_two_do() {
        let merged = |values: &[u8]| set(values).merged(&StandardMerge).map(Dscp::value);
        assert_eq!((merged(&[]), merged(&[63]), merged(&[0, 8, 40])), (None, Some(63), Some(40)));
        assert_eq!(merged(&[14, 12, 10, 0]), Some(10), "AF1x and the default");
        assert!(set(&[0, 10, 12, 46]).is_mergeable(&StandardMerge));
        assert!(!set(&[8, 10, 46]).is_mergeable(&StandardMerge), "CS1 and AF11");
        assert!(set(&[]).is_mergeable(&EqualMerge) && set(&[10, 10]).is_mergeable(&EqualMerge));
        assert!(!set(&[0, 8]).is_mergeable(&EqualMerge));
        assert!(set(&[8]).takes(&StandardMerge, Dscp::DEFAULT) && !set(&[8]).takes(&&EqualMerge, Dscp::DEFAULT));
    }

    /// What every two of which merge merges as a whole, in any order: the rule that ships needs no way out.
    #[test]
    fn three_that_merge_by_twos_merge_as_one() {
        for [a, b, c] in (0..64_u8).flat_map(|a| (0..64).flat_map(move |b| (0..64).map(move |c| [a, b, c]))) {
            if let (Some(ab), Some(_), Some(bc)) = (merge(a, b), merge(a, c), merge(b, c)) {
                assert!(merge(ab, c).is_some() && merge(ab, c) == merge(a, bc), "{a} {b} {c}");
            }
        }
    }
}
