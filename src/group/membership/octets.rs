//! Writing, one thing behind the other, that first only counts; what is read is read by the group's own reader.

use zeroize::Zeroize;

pub(super) use crate::group::cursor::Reader;

/// Octets to be written; counts on beyond the end, so that the length needed is known.
pub(super) struct Writer<'a> {
    octets: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(octets: &'a mut [u8]) -> Self {
        Self { octets, len: 0 }
    }

    pub(super) fn put(&mut self, value: &[u8]) {
        self.patch(self.len, value);
        self.len = self.len.saturating_add(value.len());
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    pub(super) fn u128(&mut self, value: u128) {
        self.put(&value.to_be_bytes());
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Writes `value` at `at`, over what was written there.
    pub(super) fn patch(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.octets.get_mut(at..).and_then(|rest| rest.get_mut(..value.len())) {
            place.copy_from_slice(value);
        }
    }

    /// How many octets were written, or would have been.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// What was written.
    ///
    /// # Errors
    ///
    /// The length needed, if there was less room; what was written of it is wiped.
    pub(super) fn finish(self) -> Result<&'a mut [u8], usize> {
        if self.len > self.octets.len() {
            self.octets.zeroize();
            return Err(self.len);
        }
        let (written, _) = self.octets.split_at_mut_checked(self.len).ok_or(self.len)?;
        Ok(written)
    }
}
