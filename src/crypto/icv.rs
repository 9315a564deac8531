//! The Integrity Check Value, as AH and ESP carry it.

use zerocopy::IntoBytes;

use super::MAX_ICV_LEN;

const MAX_ICV_WORDS: usize = MAX_ICV_LEN / size_of::<u64>();

/// An Integrity Check Value as it is carried: already truncated to its algorithm's length.
///
/// It has no `PartialEq`: an ICV is compared by [`verify_icv`](super::CryptoProvider::verify_icv), in constant time. Its `Debug` shows the
/// length alone.
#[derive(Clone)]
pub struct Icv {
    // As words it is wiped in a quarter of an octet-wise walk's time, once per packet.
    words: [u64; MAX_ICV_WORDS],
    len: usize,
}

impl Icv {
    /// The first `len` octets of `full`, or `None` if it holds fewer or `len` exceeds [`MAX_ICV_LEN`].
    #[must_use]
    pub fn truncated(full: &[u8], len: usize) -> Option<Self> {
        let mut icv = Self::zeroed(len)?;
        icv.as_mut_octets().copy_from_slice(full.get(..len)?);
        Some(icv)
    }

    /// `len` zeros to be written over, or `None` if `len` exceeds [`MAX_ICV_LEN`].
    pub(crate) fn zeroed(len: usize) -> Option<Self> {
        if len <= MAX_ICV_LEN { Some(Self { words: [0; MAX_ICV_WORDS], len }) } else { None }
    }

    /// The octets to be carried in the packet.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        self.words.as_bytes().get(..self.len).unwrap_or(&[])
    }

    pub(crate) fn as_mut_octets(&mut self) -> &mut [u8] {
        self.words.as_mut_bytes().get_mut(..self.len).unwrap_or(&mut [])
    }
}

impl Drop for Icv {
    /// The right ICV of a forged packet is a secret until the packet is refused.
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.words);
    }
}

impl core::fmt::Debug for Icv {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Icv").field("len", &self.len).finish_non_exhaustive()
    }
}
