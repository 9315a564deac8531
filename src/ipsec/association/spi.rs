//! The Security Parameters Index.

/// A Security Parameters Index that may appear on the wire: 256 and more.
///
/// 0 is for local use and 1–255 are reserved by IANA (RFC 4302 §2.4, RFC 4303 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spi(u32);

impl Spi {
    /// The index `value`, or `None` for 0–255.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        if value > 255 { Some(Self(value)) } else { None }
    }

    /// The index as a number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl core::fmt::Display for Spi {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}
