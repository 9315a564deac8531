//! Updates of a checksum (RFC 1624) against computing it anew (RFC 1071).

use xcast_sec::wire::{Checksum, ChecksumUpdate};

/// Words at which carries behave differently, and some amid.
const WORDS: [u16; 16] =
    [0, 1, 2, 0x00ff, 0x0100, 0x5555, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xa5c3, 0xaaaa, 0xff00, 0xfffd, 0xfffe, 0xffff];

/// The checksum of two words, as RFC 1071 says it and no other way.
fn plain(one: u16, other: u16) -> u16 {
    let sum = u32::from(one) + u32::from(other);
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from(folded).unwrap()
}

/// A word of data that stays, beside one that changes.
fn check(stays: u16, old: u16, new: u16) {
    let before = plain(stays, old);
    let after = plain(stays, new);
    // Data that is all zero has checksum 0xffff, the other form of zero. Equation 3 gives 0x0000, which verifies as well
    // (RFC 1624 §3): a header is never all zero.
    let expected = if (stays, new) == (0, 0) { 0x0000 } else { after };
    let updated = ChecksumUpdate::new(before).replace_u16(old, new).finish();
    assert_eq!(updated, expected, "{stays:#x} stays, {old:#x} becomes {new:#x}");
    let octets = ChecksumUpdate::new(before).replace(&old.to_be_bytes(), &new.to_be_bytes()).finish();
    assert_eq!(octets, expected, "{stays:#x} stays, {old:#x} becomes {new:#x}");
}

/// For each old word every value that the checksum can have occurs, as every word occurs beside it.
#[test]
fn every_checksum() {
    for stays in 0..=u16::MAX {
        for old in WORDS {
            WORDS.iter().for_each(|&new| check(stays, old, new));
        }
    }
}

#[test]
fn every_old_and_every_new_word() {
    for word in 0..=u16::MAX {
        for stays in WORDS {
            for other in WORDS {
                check(stays, word, other);
                check(stays, other, word);
            }
        }
    }
}

/// A checksum that was wrong is as wrong afterwards, by the same difference: nothing is healed.
#[test]
fn every_wrong_checksum_stays_wrong() {
    let (stays, old, new) = (0x4500, 0x4011, 0x3f11);
    for carried in 0..=u16::MAX {
        let updated = ChecksumUpdate::new(carried).replace_u16(old, new).finish();
        let sum = |word, checksum| Checksum::new().add_u16(stays).add_u16(word).add_u16(checksum).folded();
        assert_eq!(sum(new, updated), sum(old, carried), "{carried:#x}");
    }
}
