//! Which addresses an entry is for (RFC 4301 §4.4.1.1).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::entry::Match;

/// From one address to another, both included. Made by [`Addresses`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    /// Of the same family, and not behind `last`.
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// The lowest address.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The highest address.
    #[must_use]
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// Whether `address` lies in it. An address of the other family never does.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && self.first <= address && address <= self.last
    }
}

/// The local or remote addresses that an entry is for.
///
/// An IPv4 address mapped into IPv6 (`::ffff:a.b.c.d`) is an IPv6 address here: name IPv4 addresses as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "RFC 4301 §4.4.1.1 has these two")]
pub enum Addresses {
    /// Every address of either family.
    Any,
    /// Those of one range.
    Range(AddressRange),
}

impl Addresses {
    /// One address alone.
    #[must_use]
    pub const fn one(address: IpAddr) -> Self {
        Self::Range(AddressRange { first: address, last: address })
    }

    /// Those whose first `len` bits are those of `address`; its other bits do not count. `None` if `len` is beyond 32 or 128.
    #[must_use]
    pub fn prefix(address: IpAddr, len: u8) -> Option<Self> {
        let len = u32::from(len);
        let (first, last) = match address {
            IpAddr::V4(address) => {
                let host = u32::MAX.checked_shr(len).unwrap_or(0);
                let bits = address.to_bits();
                (IpAddr::V4(Ipv4Addr::from_bits(bits & !host)), IpAddr::V4(Ipv4Addr::from_bits(bits | host)))
            }
            IpAddr::V6(address) => {
                let host = u128::MAX.checked_shr(len).unwrap_or(0);
                let bits = address.to_bits();
                (IpAddr::V6(Ipv6Addr::from_bits(bits & !host)), IpAddr::V6(Ipv6Addr::from_bits(bits | host)))
            }
        };
        let max = if address.is_ipv4() { u32::BITS } else { u128::BITS };
        if len > max { None } else { Some(Self::Range(AddressRange { first, last })) }
    }

    /// Those from `first` to `last`, both included. `None` if they are of two families or in the wrong order.
    #[must_use]
    pub fn range(first: IpAddr, last: IpAddr) -> Option<Self> {
        if first.is_ipv4() != last.is_ipv4() || first > last {
            return None;
        }
        Some(Self::Range(AddressRange { first, last }))
    }

    pub(super) fn compare(&self, address: IpAddr) -> Match {
        match self {
            Self::Any => Match::Yes,
            Self::Range(range) if range.contains(address) => Match::Yes,
            // No packet should come from or go to an IPv4 address mapped into IPv6, but who receives one may take it for the
            // IPv4 address.
            Self::Range(range) if range.contains(address.to_canonical()) => Match::Unknown,
            Self::Range(_) => Match::No,
        }
    }

    /// Whether no packet can have both an address of `self` and one of `other`.
    pub(super) fn are_of_another_family_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Range(one), Self::Range(another)) => one.first.is_ipv4() != another.first.is_ipv4(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The two ends of `addresses`.
    fn ends(addresses: Option<Addresses>) -> Option<(IpAddr, IpAddr)> {
        match addresses? {
            Addresses::Range(range) => Some((range.first(), range.last())),
            Addresses::Any => None,
        }
    }

    #[test]
    fn a_prefix_ignores_the_bits_behind_it() {
        for (text, len, first, last) in [
            ("10.1.2.3", 0, "0.0.0.0", "255.255.255.255"),
            ("10.1.2.3", 15, "10.0.0.0", "10.1.255.255"),
            ("10.1.2.3", 31, "10.1.2.2", "10.1.2.3"),
            ("10.1.2.3", 32, "10.1.2.3", "10.1.2.3"),
            ("2001:db8::5", 0, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:db8::5", 33, "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:db8::5", 127, "2001:db8::4", "2001:db8::5"),
            ("2001:db8::5", 128, "2001:db8::5", "2001:db8::5"),
        ] {
            let expected = Some((address(first), address(last)));
            assert_eq!(ends(Addresses::prefix(address(text), len)), expected, "{text}/{len}");
        }
        assert_eq!(Addresses::prefix(address("10.1.2.3"), 33), None);
        assert_eq!(Addresses::prefix(address("10.1.2.3"), 128), None);
        assert_eq!(Addresses::prefix(address("::"), 129), None);
        assert_eq!(Addresses::prefix(address("::"), 255), None);
    }

    #[test]
    fn a_range_is_of_one_family_and_in_order() {
        assert_eq!(Addresses::range(address("10.0.0.2"), address("10.0.0.1")), None);
        assert_eq!(Addresses::range(address("::2"), address("::1")), None);
        assert_eq!(Addresses::range(address("10.0.0.1"), address("::2")), None);
        assert_eq!(Addresses::range(address("::1"), address("10.0.0.1")), None);
        let one = Addresses::range(address("10.0.0.1"), address("10.0.0.1"));
        assert_eq!(one, Some(Addresses::one(address("10.0.0.1"))));
    }

    /// RFC 4301 §4.4.1.1: "low and high values, inclusive".
    #[test]
    fn a_range_holds_its_ends_and_nothing_of_the_other_family() {
        let v4 = Addresses::range(address("10.0.0.2"), address("10.0.0.4")).unwrap();
        for (text, expected) in [
            ("10.0.0.1", Match::No),
            ("10.0.0.2", Match::Yes),
            ("10.0.0.3", Match::Yes),
            ("10.0.0.4", Match::Yes),
            ("10.0.0.5", Match::No),
            ("::a00:3", Match::No),
            ("a00:3::", Match::No),
        ] {
            assert_eq!(v4.compare(address(text)), expected, "{text}");
            assert_eq!(Addresses::Any.compare(address(text)), Match::Yes, "{text}");
        }
        let all_v6 = Addresses::prefix(address("::"), 0).unwrap();
        assert_eq!(all_v6.compare(address("10.0.0.3")), Match::No);
        assert_eq!(all_v6.compare(address("ffff::")), Match::Yes);
        let all_v4 = Addresses::prefix(address("0.0.0.0"), 0).unwrap();
        assert_eq!(all_v4.compare(address("::")), Match::No);
    }

    #[test]
    fn a_mapped_address_may_be_taken_for_the_ipv4_one() {
        let v4 = Addresses::prefix(address("10.0.0.0"), 24).unwrap();
        assert_eq!(v4.compare(address("::ffff:10.0.0.3")), Match::Unknown);
        assert_eq!(v4.compare(address("::ffff:10.0.1.3")), Match::No);
        // The deprecated IPv4-compatible form is nobody's IPv4 address.
        assert_eq!(v4.compare(address("::10.0.0.3")), Match::No);
        let mapped = Addresses::prefix(address("::ffff:0.0.0.0"), 96).unwrap();
        assert_eq!(mapped.compare(address("::ffff:10.0.0.3")), Match::Yes);
        assert_eq!(mapped.compare(address("10.0.0.3")), Match::No);
    }
}
