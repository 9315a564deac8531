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
}
