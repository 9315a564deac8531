//! Reading with an offset for errors, and writing that first only counts.

use super::error::{GdoiError, GdoiErrorKind};

/// What is left of the octets, and where it begins in the whole.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    octets: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { octets, offset: 0 }
    }

    /// Where the next octet lies.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// What is left.
    pub(super) const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// An error about the next octet.
    pub(super) const fn error(&self, kind: GdoiErrorKind) -> GdoiError {
        GdoiError::new(kind, self.offset)
    }

    /// The next `len` octets, as a reader of their own.
    pub(super) fn split(&mut self, len: usize) -> Result<Self, GdoiError> {
        let (octets, rest) = self.octets.split_at_checked(len).ok_or(self.error(GdoiErrorKind::Truncated))?;
        let taken = Self { octets, offset: self.offset };
        *self = Self { octets: rest, offset: self.offset.saturating_add(len) };
        Ok(taken)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], GdoiError> {
        Ok(self.split(len)?.octets)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GdoiError> {
        let short = self.error(GdoiErrorKind::Truncated);
        self.take(N)?.try_into().map_err(|_| short)
    }

    pub(super) fn u8(&mut self) -> Result<u8, GdoiError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, GdoiError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, GdoiError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// `value`, or an error about the octet where it should begin.
    pub(super) fn expect<T: PartialEq>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, GdoiError>,
        value: &T,
        kind: GdoiErrorKind,
    ) -> Result<(), GdoiError> {
        let wrong = self.error(kind);
        if read(self)? == *value { Ok(()) } else { Err(wrong) }
    }

    /// A field of `T` that MUST be zero.
    pub(super) fn reserved<T: PartialEq + Default>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, GdoiError>,
    ) -> Result<(), GdoiError> {
        self.expect(read, &T::default(), GdoiErrorKind::Reserved)
    }

    /// What a 16-bit length at the next octet announces, as a reader of its own. The length counts `before` octets in
    /// front of it, and itself.
    pub(super) fn counted(&mut self, before: usize) -> Result<Self, GdoiError> {
        let wrong = self.error(GdoiErrorKind::Length);
        let len = usize::from(self.u16()?).checked_sub(before.saturating_add(2)).ok_or(wrong)?;
        self.split(len).map_err(|_| wrong)
    }
}

/// Where octets go.
enum Target<'b> {
    /// Into a buffer, as far as it reaches.
    Buffer(&'b mut [u8]),
    /// Nowhere: they are compared with these.
    Like(&'b [u8]),
}

/// Writes octets, and counts those that do not fit as well: without a buffer it counts alone.
pub(super) struct Writer<'b> {
    target: Target<'b>,
    len: usize,
    equal: bool,
}

impl<'b> Writer<'b> {
    pub(super) const fn new(buffer: &'b mut [u8]) -> Self {
        Self { target: Target::Buffer(buffer), len: 0, equal: true }
    }

    /// Compares what is written with `octets`.
    pub(super) const fn comparing(octets: &'b [u8]) -> Self {
        Self { target: Target::Like(octets), len: 0, equal: true }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Whether exactly the octets were written that there were to compare with.
    pub(super) const fn is_equal(&self) -> bool {
        match self.target {
            Target::Buffer(_) => false,
            Target::Like(octets) => self.equal && self.len == octets.len(),
        }
    }

    fn put_at(&mut self, at: usize, octets: &[u8]) {
        match &mut self.target {
            Target::Buffer(buffer) => {
                if let Some(place) = buffer.get_mut(at..).and_then(|rest| rest.get_mut(..octets.len())) {
                    place.copy_from_slice(octets);
                }
            }
            Target::Like(whole) => {
                let there = whole.get(at..).and_then(|rest| rest.get(..octets.len()));
                self.equal = self.equal && there == Some(octets);
            }
        }
    }

    pub(super) fn put(&mut self, octets: &[u8]) {
        self.put_at(self.len, octets);
        self.len = self.len.saturating_add(octets.len());
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

    /// Octets behind a 16-bit length that counts them, `before` octets in front of it, and itself.
    pub(super) fn counted(&mut self, before: usize, body: impl FnOnce(&mut Self)) {
        let at = self.len;
        // The place is left out for now: nothing is compared or written twice.
        self.len = self.len.saturating_add(2);
        body(self);
        let len = self.len.saturating_sub(at).saturating_add(before);
        // What is written here is bounded by the number of associations, far below.
        self.put_at(at, &u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    }
}
