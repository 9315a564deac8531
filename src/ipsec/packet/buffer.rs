//! A packet in a buffer with room around it.

use core::ops::Range;

/// A packet in the middle of a caller's buffer, with headroom in front of it and tailroom behind.
///
/// Sealing inserts headers in the packet and opening takes them out. With headroom for them only the few octets of the IP
/// and Xcast headers move; without it the payload does.
pub struct PacketBuf<'a> {
    storage: &'a mut [u8],
    range: Range<usize>,
}

impl core::fmt::Debug for PacketBuf<'_> {
    /// Where the packet lies; what it says, which may be secret, is not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PacketBuf").field("storage_len", &self.storage.len()).field("range", &self.range).finish()
    }
}

/// What there is where a range reaches beyond its buffer, which none does. In a function that is never inlined: the usual path
/// then has no choice to make between two slices.
#[cold]
#[inline(never)]
const fn nothing<'a>() -> &'a mut [u8] {
    &mut []
}

impl<'a> PacketBuf<'a> {
    /// The packet at `range` of `storage`, or `None` if `storage` does not reach that far.
    #[must_use]
    pub fn new(storage: &'a mut [u8], range: Range<usize>) -> Option<Self> {
        storage.get(range.clone())?;
        Some(Self { storage, range })
    }

    /// The packet's octets.
    #[must_use]
    #[inline]
    pub fn as_octets(&self) -> &[u8] {
        match self.storage.get(self.range.clone()) {
            Some(octets) => octets,
            None => nothing(),
        }
    }

    /// The packet's octets, to be changed.
    #[must_use]
    #[inline]
    pub fn as_mut_octets(&mut self) -> &mut [u8] {
        match self.storage.get_mut(self.range.clone()) {
            Some(octets) => octets,
            None => nothing(),
        }
    }

    /// Where in the buffer the packet lies.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Octets of the packet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether the packet has no octets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Octets free in front of the packet.
    #[must_use]
    pub const fn headroom(&self) -> usize {
        self.range.start
    }

    /// Octets free behind the packet.
    #[must_use]
    pub const fn tailroom(&self) -> usize {
        self.storage.len().saturating_sub(self.range.end)
    }

    /// Whether `inserted` octets inside and `appended` behind would fit, once the packet is cut off after `len`.
    pub(crate) const fn fits(&self, len: usize, inserted: usize, appended: usize) -> bool {
        let tailroom = self.storage.len().saturating_sub(self.range.start.saturating_add(len));
        let in_front = inserted <= self.headroom();
        let behind = if in_front { appended } else { appended.saturating_add(inserted) };
        behind <= tailroom
    }

    /// Inserts `count` octets of any value at `at`, moving what is in front if there is headroom, else what is behind.
    /// Without room nothing changes.
    pub(crate) fn insert(&mut self, at: usize, count: usize) -> Option<()> {
        if at > self.len() || !self.fits(self.len(), count, 0) {
            return None;
        }
        let Range { start, end } = self.range;
        let from = start.checked_add(at)?;
        if let Some(new_start) = start.checked_sub(count) {
            let moved = self.storage.get_mut(new_start..from)?;
            moved.copy_within(moved.len().min(count).., 0);
            self.range.start = new_start;
        } else {
            let new_end = end.checked_add(count)?;
            let moved = self.storage.get_mut(from..new_end)?;
            moved.copy_within(..moved.len().checked_sub(count)?, count);
            self.range.end = new_end;
        }
        Some(())
    }

    /// Inserts `inserted` octets of any value in front of the packet and appends `appended` behind its first `len`: what it
    /// is then, in which what was at its front is still behind what is inserted. Without room, in front as well, nothing changes.
    #[inline(always)]
    pub(crate) fn open_up(&mut self, len: usize, inserted: usize, appended: usize) -> Option<&mut [u8]> {
        let start = self.range.start.checked_sub(inserted)?;
        let end = self.range.start.checked_add(len)?.checked_add(appended)?;
        let octets = self.storage.get_mut(start..end)?;
        self.range = start..end;
        Some(octets)
    }

    /// Removes `count` octets at `at`, moving what is in front.
    pub(crate) fn remove(&mut self, at: usize, count: usize) -> Option<()> {
        let start = self.range.start;
        let new_start = start.checked_add(count)?;
        let end = new_start.checked_add(at)?;
        if end > self.range.end {
            return None;
        }
        let moved = self.storage.get_mut(start..end)?;
        moved.copy_within(..moved.len().checked_sub(count)?, count);
        self.range.start = new_start;
        Some(())
    }

    /// Cuts the first `count` octets off, if there are as many.
    #[inline]
    pub(crate) fn cut_front(&mut self, count: usize) {
        let start = self.range.start.saturating_add(count);
        if start <= self.range.end {
            self.range.start = start;
        }
    }

    /// Appends `count` octets of any value.
    pub(crate) fn extend(&mut self, count: usize) -> Option<()> {
        let end = self.range.end.checked_add(count)?;
        if end > self.storage.len() {
            return None;
        }
        self.range.end = end;
        Some(())
    }

    /// Cuts the packet off after `len` octets.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.range.end = self.range.end.min(self.range.start.saturating_add(len));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserts_with_headroom_and_without() {
        for headroom in 0..4 {
            let mut storage = [0; 12];
            storage[headroom..headroom + 5].copy_from_slice(b"abcde");
            let mut packet = PacketBuf::new(&mut storage, headroom..headroom + 5).unwrap();
            packet.insert(2, 3).unwrap();
            packet.as_mut_octets()[2..5].copy_from_slice(b"XYZ");
            assert_eq!(packet.as_octets(), b"abXYZcde");
            assert_eq!(packet.headroom(), if headroom == 3 { 0 } else { headroom });
            packet.remove(2, 3).unwrap();
            assert_eq!(packet.as_octets(), b"abcde");
        }
    }

    #[test]
    fn refuses_without_room_and_changes_nothing() {
        let mut storage = *b"_abcde_";
        let mut packet = PacketBuf::new(&mut storage, 1..6).unwrap();
        assert!(packet.fits(5, 1, 1) && !packet.fits(5, 1, 2) && !packet.fits(5, 2, 0));
        assert!(packet.fits(4, 1, 2) && packet.fits(4, 2, 0) && !packet.fits(4, 2, 1));
        assert_eq!(packet.insert(1, 2), None);
        assert_eq!(packet.insert(6, 1), None);
        assert_eq!(packet.remove(4, 2), None);
        assert_eq!(packet.extend(2), None);
        assert_eq!((packet.as_octets(), packet.range()), (&b"abcde"[..], 1..6));
        assert!(PacketBuf::new(&mut storage, 3..8).is_none());
    }
}
