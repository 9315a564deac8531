//! SPIs out of the host bits of an address: no conflict inside one prefix.

use core::net::IpAddr;

use super::values::{COUNT, nth};
use super::{SpiError, SpiRule};
use crate::ipsec::Spi;

/// The most host bits that an SPI has room for: 2^32 − 256 values hold 2^31 hosts, once each, and not 2^32.
pub const MAX_HOST_BITS: u8 = 31;

/// Why there is no rule for a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrefixRuleError {
    /// The length exceeds that of an address.
    PrefixTooLong {
        /// The length given, in bits.
        len: u8,
        /// The longest there is: 32 or 128.
        max: u8,
    },
    /// More hosts than SPIs: [`HashRule`](super::HashRule) is for such a prefix.
    TooManyHostBits {
        /// The address bits behind the prefix.
        host_bits: u8,
    },
    /// The prefix has bits set behind its length.
    HostBitsSet,
}

impl core::fmt::Display for PrefixRuleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::PrefixTooLong { len, max } => write!(f, "prefix length {len} exceeds {max}"),
            Self::TooManyHostBits { host_bits } => {
                write!(f, "{host_bits} host bits do not fit into an SPI, {MAX_HOST_BITS} do")
            }
            Self::HostBitsSet => f.write_str("bits set behind the prefix length"),
        }
    }
}

impl core::error::Error for PrefixRuleError {}

/// SPIs for senders whose addresses all have one prefix (project-defined, after draft §3.1.1: "based on unique information such
/// as its IP address"):
///
/// ```text
/// SPI = 256 + generation · 2^h + host bits        h = address length − prefix length
/// ```
///
/// Host bits and generation can be read back from the value, so no two senders of the prefix have one in common, nor has one
/// sender in two generations. That leaves each sender
///
/// ```text
/// floor((2^32 − 256) / 2^h) generations
/// ```
///
/// | host bits | prefix, IPv4 | prefix, IPv6 | generations |
/// |---|---|---|---|
/// | 0 | /32 | /128 | 4294967040 |
/// | 8 | /24 | /120 | 16777215 |
/// | 16 | /16 | /112 | 65535 |
/// | 24 | /8 | /104 | 255 |
/// | 30 | /2 | /98 | 3 |
/// | 31 | /1 | /97 | 1 |
/// | 32 and more | /0 | /96 and shorter | none: [`PrefixRuleError::TooManyHostBits`] |
///
/// With one generation no association can follow another without a pause. IPv6 links have 64 host bits: there it is
/// [`HashRule`](super::HashRule), unless the addresses are handed out from a longer prefix.
///
/// # Security
///
/// The rule keeps honest senders apart. Nothing stops a member from using an SPI that is another's by the rule; who receives
/// can check [`owner`](Self::owner) against the source of the association before installing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixRule {
    prefix: IpAddr,
    host_bits: u8,
}

/// An address as a number, and how many bits it has.
fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

impl PrefixRule {
    /// The rule for senders in `prefix`/`len`.
    ///
    /// # Errors
    ///
    /// - [`PrefixRuleError::PrefixTooLong`], [`PrefixRuleError::TooManyHostBits`], [`PrefixRuleError::HostBitsSet`], checked in
    ///   this order.
    pub fn new(prefix: IpAddr, len: u8) -> Result<Self, PrefixRuleError> {
        let (bits, width) = number(prefix);
        let host_bits = width.checked_sub(len).ok_or(PrefixRuleError::PrefixTooLong { len, max: width })?;
        if host_bits > MAX_HOST_BITS {
            return Err(PrefixRuleError::TooManyHostBits { host_bits });
        }
        let rule = Self { prefix, host_bits };
        if bits & u128::from(rule.host_mask()) != 0 {
            return Err(PrefixRuleError::HostBitsSet);
        }
        Ok(rule)
    }

    /// How many associations a sender can have that follow one another: at least 1.
    #[must_use]
    pub const fn generations(&self) -> u32 {
        // 2^32 − 256 is less than 2^32.
        COUNT.wrapping_shr(self.host_bits as u32) as u32
    }

    /// Whose SPI it is, and of which generation; `None` if the rule has no use for the value. It may be the address of a host
    /// that does not exist.
    #[must_use]
    pub fn owner(&self, spi: Spi) -> Option<(IpAddr, u32)> {
        let index = spi.value().checked_sub(super::values::LEAST)?;
        let generation = index.wrapping_shr(self.host_bits.into());
        let host = index & self.host_mask();
        let address = match self.prefix {
            IpAddr::V4(prefix) => IpAddr::V4((prefix.to_bits() | host).into()),
            IpAddr::V6(prefix) => IpAddr::V6((prefix.to_bits() | u128::from(host)).into()),
        };
        (generation < self.generations()).then_some((address, generation))
    }

    /// Ones for the host bits.
    const fn host_mask(&self) -> u32 {
        // At most 31 bits are shifted out, see `new`.
        !(u32::MAX << (self.host_bits & 31))
    }
}

impl SpiRule for PrefixRule {
    /// `number` is the generation.
    fn candidate(&mut self, sender: IpAddr, number: u32) -> Result<Spi, SpiError> {
        let (bits, width) = self::number(sender);
        let (prefix, prefix_width) = self::number(self.prefix);
        if width != prefix_width || (bits ^ prefix) & !u128::from(self.host_mask()) != 0 {
            return Err(SpiError::OutsidePrefix);
        }
        if number >= self.generations() {
            return Err(SpiError::Exhausted);
        }
        let host = (bits & u128::from(self.host_mask())) as u64;
        // Below COUNT, as the generation is below COUNT / 2^h.
        nth(u64::from(number).wrapping_shl(self.host_bits.into()) | host).ok_or(SpiError::Exhausted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(prefix: &str, len: u8) -> Result<PrefixRule, PrefixRuleError> {
        PrefixRule::new(prefix.parse().unwrap(), len)
    }

    /// The table of the documentation, for both families.
    #[test]
    fn generations_of_every_number_of_host_bits() {
        for (host_bits, generations) in [(0, 4_294_967_040), (8, 16_777_215), (16, 65_535), (24, 255), (30, 3), (31, 1)]
        {
            assert_eq!(rule("0.0.0.0", 32 - host_bits).unwrap().generations(), generations);
            assert_eq!(rule("::", 128 - host_bits).unwrap().generations(), generations);
        }
        for host_bits in 0..=MAX_HOST_BITS {
            let generations = u64::from(rule("::", 128 - host_bits).unwrap().generations());
            let hosts = 1_u64 << host_bits;
            // As many as fit, and not one more.
            assert!(generations * hosts <= COUNT && (generations + 1) * hosts > COUNT, "{host_bits}");
        }
    }

    #[test]
    fn prefixes_refused() {
        assert_eq!(rule("10.0.0.0", 33), Err(PrefixRuleError::PrefixTooLong { len: 33, max: 32 }));
        assert_eq!(rule("2001:db8::", 129), Err(PrefixRuleError::PrefixTooLong { len: 129, max: 128 }));
        assert_eq!(rule("0.0.0.0", 0), Err(PrefixRuleError::TooManyHostBits { host_bits: 32 }));
        assert_eq!(rule("2001:db8::", 64), Err(PrefixRuleError::TooManyHostBits { host_bits: 64 }));
        assert_eq!(rule("2001:db8::", 96), Err(PrefixRuleError::TooManyHostBits { host_bits: 32 }));
        assert_eq!(rule("10.0.0.1", 24), Err(PrefixRuleError::HostBitsSet));
        assert!(rule("10.0.0.1", 32).is_ok() && rule("128.0.0.0", 1).is_ok() && rule("2001:db8::", 97).is_ok());
    }

    #[test]
    fn the_edges_of_the_largest_prefix() {
        let mut rule = rule("128.0.0.0", 1).unwrap();
        let spi = |rule: &mut PrefixRule, address: &str, number| {
            rule.candidate(address.parse().unwrap(), number).map(Spi::value)
        };
        assert_eq!(spi(&mut rule, "128.0.0.0", 0), Ok(256));
        assert_eq!(spi(&mut rule, "255.255.255.255", 0), Ok(256 + 0x7fff_ffff));
        assert_eq!(spi(&mut rule, "128.0.0.0", 1), Err(SpiError::Exhausted));
        assert_eq!(spi(&mut rule, "127.255.255.255", 0), Err(SpiError::OutsidePrefix));
        assert_eq!(spi(&mut rule, "::8000:0", 0), Err(SpiError::OutsidePrefix));
        assert_eq!(spi(&mut rule, "::ffff:128.0.0.0", 0), Err(SpiError::OutsidePrefix));
        // Values that no sender has in any generation.
        assert_eq!(rule.owner(Spi::new(u32::MAX).unwrap()), None);
    }
}
