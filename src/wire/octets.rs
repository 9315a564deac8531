//! Reads and writes that cannot panic, for the rest of `wire`.

/// The `N` octets of `octets` from `at` on.
pub(crate) fn array_at<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..)?.first_chunk().copied()
}

/// The octet at `at`.
pub(crate) fn u8_at(octets: &[u8], at: usize) -> Option<u8> {
    octets.get(at).copied()
}

/// The big-endian 16-bit integer at `at`.
pub(crate) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    array_at(octets, at).map(u16::from_be_bytes)
}

/// Writes `value` at `at`, or nothing if it does not fit there.
pub(crate) fn put(octets: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    octets.get_mut(at..)?.get_mut(..value.len())?.copy_from_slice(value);
    Some(())
}

/// `len` rounded up to a multiple of `unit`, which is a power of two. Lengths here are bounded by a packet, far below overflow.
pub(crate) const fn round_up(len: usize, unit: usize) -> usize {
    len.wrapping_add(unit.wrapping_sub(1)) & !(unit.wrapping_sub(1))
}
