//! Which DSCPs merge, by WIRE.md §9 step 3 and nothing of the library.

fn is_class_selector(dscp: u8) -> bool {
    dscp & 7 == 0
}

/// RFC 2597 §6.
fn is_assured(dscp: u8) -> bool {
    matches!(dscp, 10 | 12 | 14 | 18 | 20 | 22 | 26 | 28 | 30 | 34 | 36 | 38)
}

/// Whether all merge, two by two.
pub(crate) fn merge(set: &[u8]) -> bool {
    let pair = |a: u8, b: u8| {
        a == b
            || a == 46
            || b == 46
            || (is_class_selector(a) && is_class_selector(b))
            || (is_assured(a) && is_assured(b) && a >> 3 == b >> 3)
            || (is_assured(a) && b == 0)
            || (is_assured(b) && a == 0)
    };
    set.iter().all(|&a| set.iter().all(|&b| pair(a, b)))
}

/// The one that serves all of those, which merge: EF, else the lowest drop precedence of assured forwarding, else the highest.
pub(crate) fn serving(set: &[u8]) -> u8 {
    if set.contains(&46) {
        return 46;
    }
    let assured = set.iter().copied().filter(|&dscp| is_assured(dscp)).min();
    assured.or(set.iter().copied().max()).unwrap_or(0)
}
