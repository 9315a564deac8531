//! The Internet checksum, and what it takes after a change.

use std::hint::black_box;

use smoltcp::wire::checksum;
use xcast_sec::wire::{Checksum, ChecksumUpdate};

use super::{Course, Row};

const OPERATIONS: usize = 512;

pub(crate) fn all(course: &mut dyn Course) {
    for size in [20, 192, 600] {
        let octets: Vec<u8> = (0..size).map(|at| (at * 37 + 11) as u8).collect();
        assert_eq!(Checksum::new().add_octets(&octets).finish(), !checksum::data(&octets));
        let row = Row::new("checksum", size, "smoltcp", OPERATIONS).at_most(0.85);
        let mut ours = || {
            for _ in 0..OPERATIONS {
                black_box(Checksum::new().add_octets(black_box(&octets)).finish());
            }
        };
        let mut anchor = || {
            for _ in 0..OPERATIONS {
                black_box(!checksum::data(black_box(&octets)));
            }
        };
        course.contest(row, &mut ours, &mut anchor);
    }
    changed_bitmap(course);
}

/// A router changes 16 octets of bitmap in a header of 192.
fn changed_bitmap(course: &mut dyn Course) {
    let mut octets: Vec<u8> = (0..192).map(|at| (at * 37 + 11) as u8).collect();
    let before = Checksum::new().add_octets(&octets).finish();
    let old: [u8; 16] = octets[16..32].try_into().expect("as long");
    let new = [0x55; 16];
    octets[16..32].copy_from_slice(&new);
    let after = Checksum::new().add_octets(&octets).finish();
    assert_eq!(ChecksumUpdate::new(before).replace(&old, &new).finish(), after);
    let row = Row::new("checksum after a changed bitmap", 192, "smoltcp, anew", OPERATIONS);
    let mut ours = || {
        for _ in 0..OPERATIONS {
            black_box(ChecksumUpdate::new(black_box(before)).replace(black_box(&old), black_box(&new)).finish());
        }
    };
    let mut anchor = || {
        for _ in 0..OPERATIONS {
            black_box(!checksum::data(black_box(&octets)));
        }
    };
    course.contest(row, &mut ours, &mut anchor);
}
