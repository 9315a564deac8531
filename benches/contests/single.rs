//! One packet at a time, whole calls: parsing, placing of headers, replay window and all.

use std::hint::black_box;

use xcast_sec::crypto::RustCrypto;
use xcast_sec::ipsec::{Freshness, PacketBuf, Sa, SenderWindows, open, seal_with, verify_ah};

use super::packets::{self, BURST, ESP_HEADER_LEN, HEADROOM, ICV_LEN, IP_LEN, Pool, SIZES};
use super::raw::Raw;
use super::{Course, Entry, Prepared, Row};

const ANCHOR: &str = "RustCrypto's primitives";

pub(crate) fn all(course: &mut dyn Course) {
    for size in SIZES {
        esp_seal(course, size);
    }
    for size in SIZES {
        esp_open(course, size);
    }
    for size in SIZES {
        ah_seal(course, size);
    }
    for size in SIZES {
        ah_verify(course, size);
    }
}

/// Octets of UDP such that ESP encrypts `size`: Pad Length and Next Header come on top.
pub(crate) const fn udp_len(size: usize) -> usize {
    size - 2
}

fn raw() -> Raw {
    Raw::new(&packets::cipher_key(0), &packets::integrity_key(0))
}

/// Packets as they are when sealed.
fn sealed(sa: &Sa<RustCrypto>, udp_len: usize) -> Vec<Vec<u8>> {
    (0..BURST).map(|number| packets::sealed(&mut RustCrypto, sa, number, udp_len)).collect()
}

/// `sealed` with what ESP protects opened: everything is in its place, but not encrypted.
pub(crate) fn not_encrypted(sealed: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut packets = sealed.to_vec();
    for packet in &mut packets {
        assert!(raw().open(&mut packet[IP_LEN..]));
    }
    packets
}

/// Packets of ESP with `size` octets of data under the association 0.
pub(crate) fn esp_sealed(size: usize) -> Vec<Vec<u8>> {
    sealed(&packets::esp(&mut RustCrypto, 0), udp_len(size))
}

/// Ours, sealing what [`packets::plain`] makes; `inserted` octets come in behind the IP header.
fn sealing(sa: Sa<RustCrypto>, udp_len: usize, inserted: usize, expected: &[Vec<u8>]) -> Box<dyn Entry> {
    let pool = Pool::new((0..BURST).map(|number| packets::plain(number, udp_len)).collect());
    let ivs: Vec<_> = (0..BURST).map(packets::iv).collect();
    let mut entry = Prepared::new(pool, Pool::reset, move |pool: &mut Pool| {
        for (number, buffer) in pool.buffers.iter_mut().enumerate() {
            let mut packet = packets::as_packet(buffer, udp_len);
            let freshness = Freshness { sequence: number as u64 + 1, iv: &ivs[number][..sa.iv_len()] };
            seal_with(&sa, freshness, &mut RustCrypto, None, black_box(&mut packet)).expect("seals");
        }
    });
    // The IP header moves up by as much.
    for (buffer, sealed) in entry.once().buffers.iter().zip(expected) {
        assert_eq!(&buffer[HEADROOM - inserted..][..sealed.len()], sealed);
    }
    Box::new(entry)
}

/// Ours, sealing [`esp_sealed`].
pub(crate) fn esp_sealing(size: usize) -> Box<dyn Entry> {
    sealing(packets::esp(&mut RustCrypto, 0), udp_len(size), ESP_HEADER_LEN, &esp_sealed(size))
}

/// Ours, opening [`esp_sealed`].
pub(crate) fn esp_opening(size: usize) -> Box<dyn Entry> {
    let sa = packets::esp(&mut RustCrypto, 0);
    let fresh = || SenderWindows::<16, 2>::new(128).expect("a size");
    let mut entry = Prepared::new(
        (Pool::new(esp_sealed(size)), fresh()),
        move |(pool, windows)| {
            pool.reset();
            *windows = fresh();
        },
        move |(pool, windows)| {
            for buffer in &mut pool.buffers {
                let len = buffer.len();
                let mut packet = PacketBuf::new(buffer, 0..len).expect("in range");
                open(&sa, windows, &mut RustCrypto, None, black_box(&mut packet)).expect("opens");
            }
        },
    );
    entry.once();
    Box::new(entry)
}

fn esp_seal(course: &mut dyn Course, size: usize) {
    let row = Row::new("ESP seal", size, ANCHOR, BURST).at_most(if size < 256 { 1.0 } else { 0.8 });
    if !course.wants(&row) {
        return;
    }
    let (raw, expected) = (raw(), esp_sealed(size));
    let mut anchor = Prepared::new(Pool::new(not_encrypted(&expected)), Pool::reset, |pool: &mut Pool| {
        for packet in &mut pool.buffers {
            raw.seal(black_box(&mut packet[IP_LEN..]));
        }
    });
    assert_eq!(anchor.once().buffers, expected);
    course.contest(row, &mut *esp_sealing(size), &mut anchor);
}

fn esp_open(course: &mut dyn Course, size: usize) {
    let row = Row::new("ESP open", size, ANCHOR, BURST).at_most(1.0);
    if !course.wants(&row) {
        return;
    }
    let raw = raw();
    let mut anchor = Prepared::new(Pool::new(esp_sealed(size)), Pool::reset, |pool: &mut Pool| {
        for packet in &mut pool.buffers {
            assert!(raw.open(black_box(&mut packet[IP_LEN..])));
        }
    });
    course.contest(row, &mut *esp_opening(size), &mut anchor);
}

/// Of an AH packet as it is covered: the fields that routers change, and the ICV, are zero.
fn as_covered(packet: &mut [u8]) {
    for at in [1, 6, 7, 8, 10, 11] {
        packet[at] = 0;
    }
    packet[AH_ICV_AT..][..ICV_LEN].fill(0);
}

const AH_ICV_AT: usize = IP_LEN + 12;
const AH_LEN: usize = 24;

fn ah_seal(course: &mut dyn Course, size: usize) {
    let row = Row::new("AH seal", size, "RustCrypto's HMAC", BURST).at_most(1.03);
    if !course.wants(&row) {
        return;
    }
    let expected = sealed(&packets::ah(&mut RustCrypto, 0), size);
    let mut ours = sealing(packets::ah(&mut RustCrypto, 0), size, AH_LEN, &expected);
    let raw = raw();
    let (mut covered, mut icv) = (expected.clone(), [0; ICV_LEN]);
    for (packet, sealed) in covered.iter_mut().zip(&expected) {
        as_covered(packet);
        raw.icv(packet, &mut icv);
        assert_eq!(icv, sealed[AH_ICV_AT..][..ICV_LEN]);
    }
    let mut anchor = move || {
        for packet in &covered {
            raw.icv(black_box(packet), black_box(&mut icv));
        }
    };
    course.contest(row, &mut *ours, &mut anchor);
}

fn ah_verify(course: &mut dyn Course, size: usize) {
    let row = Row::new("AH verify", size, "RustCrypto's HMAC", BURST).at_most(1.03);
    if !course.wants(&row) {
        return;
    }
    let sa = packets::ah(&mut RustCrypto, 0);
    let sealed = sealed(&sa, size);
    let raw = raw();
    let covered: Vec<_> = sealed
        .iter()
        .map(|packet| {
            let icv: [u8; ICV_LEN] = packet[AH_ICV_AT..][..ICV_LEN].try_into().expect("as long");
            let mut packet = packet.clone();
            as_covered(&mut packet);
            (packet, icv)
        })
        .collect();
    let fresh = || SenderWindows::<16, 2>::new(128).expect("a size");
    let mut ours = Prepared::new(
        fresh(),
        |windows| *windows = fresh(),
        |windows| {
            for packet in &sealed {
                verify_ah(&sa, windows, &mut RustCrypto, None, black_box(packet)).expect("verifies");
            }
        },
    );
    let mut anchor = || {
        for (packet, icv) in &covered {
            assert!(raw.verify(black_box(packet), black_box(icv)));
        }
    };
    course.contest(row, &mut ours, &mut anchor);
}
