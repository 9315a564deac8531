//! Senders that share a key, told apart in their nonces (RFC 6054).

/// A sender's number among those who share one counter-mode or combined-mode key, so that no two ever use the same nonce
/// (RFC 6054 §2): the leading bits of the initialization vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderId {
    value: u16,
    bits: u32,
}

impl SenderId {
    /// The only sender under its key: the whole vector is a counter.
    pub const ONLY: Self = Self { value: 0, bits: 0 };

    /// Sender `value` in a group whose identifiers have `bits` bits: 8, 12 or 16 (RFC 6054 §2). All senders of a group must
    /// use the same size. `None` for another size or a value that does not fit.
    #[must_use]
    pub const fn new(value: u16, bits: u32) -> Option<Self> {
        match bits {
            8 | 12 | 16 if (value as u32) >> bits == 0 => Some(Self { value, bits }),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.value
    }

    /// Bits of the vector that it takes: 8, 12 or 16, or 0 for the only sender.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bits
    }

    /// The vector for a sequence number, or `None` if the number reaches into the identifier's bits.
    pub(super) const fn vector(self, sequence: u64) -> Option<[u8; 8]> {
        let counter_bits = 64_u32.wrapping_sub(self.bits);
        if self.bits > 0 && sequence.wrapping_shr(counter_bits) != 0 {
            return None;
        }
        let id = if self.bits > 0 { (self.value as u64).wrapping_shl(counter_bits) } else { 0 };
        Some((id | sequence).to_be_bytes())
    }

    /// The last sequence number whose vector leaves the identifier's bits alone.
    pub(super) const fn last_number(self) -> u64 {
        u64::MAX.wrapping_shr(self.bits)
    }
}
