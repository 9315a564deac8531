//! Numbers that are never given out twice, not even across restarts.

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The number as it is carried in messages.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// As it is carried in messages.
            #[must_use]
            pub const fn value(self) -> u64 {
                self.0
            }
        }
    };
}

number! {
    /// Which group: chosen by whoever sets it up, the same at all that belong to it.
    GroupId
}
number! {
    /// A state of the membership. A higher one is newer; 0 is before the first.
    Version
}
number! {
    /// A generation of keys of one key server. A higher one is newer; 0 is before the first.
    Epoch
}
number! {
    /// One stay of a member in the group, from a join to its end. A higher one is newer; 0 is none.
    ///
    /// It lets a message that was on its way while a member left and came back do no harm.
    Incarnation
}

impl Version {
    /// Before the first.
    pub const NONE: Self = Self(0);
}

impl Epoch {
    /// Before the first.
    pub const NONE: Self = Self(0);
    /// Stands for all there are.
    pub(crate) const ALL: Self = Self(u64::MAX);
}

impl Incarnation {
    /// None.
    pub const NONE: Self = Self(0);
}

/// How often the host has started: a number that the host keeps in permanent storage, and raises and writes back *before* it
/// makes or restores a machine of this module.
///
/// # Security
///
/// It is the upper half of every [`Version`], [`Epoch`] and [`Incarnation`] that is given out (project-defined), so that none
/// is given out twice even if what was saved is old or lost. A host that starts twice with one number may number two different
/// keys alike, and members then hold one of them for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boot(u32);

impl Boot {
    /// The `count`th start.
    #[must_use]
    pub const fn new(count: u32) -> Self {
        Self(count)
    }

    /// How many starts there were, this one included.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0
    }
}

/// Gives out rising numbers: the start in the upper half, a count in the lower one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    last: u64,
}

impl Numbers {
    pub(crate) const fn new(boot: Boot) -> Self {
        Self { last: (boot.0 as u64) << 32 }
    }

    /// The next one; `None` once 2^32 − 1 were given out since the start.
    pub(crate) fn take(&mut self) -> Option<u64> {
        let next = self.last.checked_add(1)?;
        if next >> 32 != self.last >> 32 {
            return None;
        }
        self.last = next;
        Some(next)
    }

    /// Whether a number is from before all that are still to be given out.
    pub(crate) const fn is_past(&self, number: u64) -> bool {
        number <= self.last
    }

    pub(crate) const fn boot(&self) -> u32 {
        // The upper half, which fits.
        (self.last >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_start_gives_higher_numbers() {
        let mut first = Numbers::new(Boot::new(1));
        let mut second = Numbers::new(Boot::new(2));
        assert_eq!(first.take(), Some(0x1_0000_0001));
        assert_eq!(first.take(), Some(0x1_0000_0002));
        assert!(second.take() > first.take());
        assert_eq!(second.boot(), 2);
    }

    #[test]
    fn numbers_end_rather_than_reach_into_the_next_start() {
        let mut numbers = Numbers { last: 0x1_ffff_fffe };
        assert_eq!((numbers.take(), numbers.take(), numbers.take()), (Some(0x1_ffff_ffff), None, None));
        let mut numbers = Numbers { last: u64::MAX };
        assert_eq!(numbers.take(), None);
    }
}
