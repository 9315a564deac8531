//! Which DSCPs may share a packet (RFC 5058 §8.2), case by case.

/// The merge rule for code points: equal ones; EF and anything; class selectors, the higher; one AF class, the lower drop precedence; AF
/// and the default.
pub(crate) fn merge(a: u8, b: u8) -> Option<u8> {
    let is_af = |dscp: u8| [10, 12, 14, 18, 20, 22, 26, 28, 30, 34, 36, 38].contains(&dscp);
    let (low, high) = (a.min(b), a.max(b));
    match () {
        () if low == high => Some(low),
        () if low == 46 || high == 46 => Some(46),
        () if low % 8 == 0 && high % 8 == 0 => Some(high),
        () if is_af(low) && is_af(high) && low / 8 == high / 8 => Some(low),
        () if low == 0 && is_af(high) => Some(high),
        () => None,
    }
}
