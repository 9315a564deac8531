//! Keying material in memory.

use zeroize::Zeroize;

use super::KeyError;

/// Keying material of at most [`CAPACITY`](Self::CAPACITY) octets, held in place.
///
/// For whoever has to keep the octets of a key and not only a provider's handle of it: a key server that will wrap a key
/// for a new member, a member that waits for an activation time. Where a handle is enough, keep the handle.
///
/// It is wiped when dropped. It has neither `Clone` nor `PartialEq`, and its `Debug` shows the length alone. Wiping
/// reaches the value where it was dropped: a move may leave a copy behind in the stack frame it came from, as with any
/// value held in place.
///
/// ```
/// use xcast_sec::crypto::SecretKey;
///
/// let key = SecretKey::new(&[0x0b; 20])?;
/// assert_eq!(key.as_octets().len(), 20);
/// assert_eq!(format!("{key:?}"), "SecretKey { len: 20, .. }");
/// # Ok::<(), xcast_sec::crypto::KeyError>(())
/// ```
pub struct SecretKey {
    octets: [u8; Self::CAPACITY],
    len: usize,
}

impl SecretKey {
    /// Octets of the longest key: HMAC-SHA2-512-256's (RFC 4868 §2.6).
    pub const CAPACITY: usize = 64;

    /// Copies `octets`. The copy the caller holds is the caller's to wipe.
    ///
    /// # Errors
    ///
    /// - [`KeyError::WrongLength`] if there are more than [`CAPACITY`](Self::CAPACITY) octets.
    pub fn new(octets: &[u8]) -> Result<Self, KeyError> {
        let mut key = Self { octets: [0; Self::CAPACITY], len: octets.len() };
        key.octets
            .get_mut(..octets.len())
            .ok_or(KeyError::WrongLength { actual: octets.len() })?
            .copy_from_slice(octets);
        Ok(key)
    }

    /// The key itself, to be handed to a [`CryptoProvider`](super::CryptoProvider) and to nothing that logs or stores it.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }

    fn wipe(&mut self) {
        self.octets.zeroize();
        self.len.zeroize();
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl core::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SecretKey").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The memory of a dropped value cannot be read without `unsafe`, so what `Drop` runs is tested instead, and that
    // there is something to drop.
    #[test]
    fn wipe_leaves_no_octet() {
        let mut key = SecretKey::new(&[0xa5; SecretKey::CAPACITY]).unwrap();
        key.wipe();
        assert_eq!(key.octets, [0; SecretKey::CAPACITY]);
        assert!(key.as_octets().is_empty());
        assert!(core::mem::needs_drop::<SecretKey>());
    }
}
