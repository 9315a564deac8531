//! Intel's multi-buffer library: the same packets, keys and bursts, keys expanded once per association.

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::ptr::NonNull;

use crate::contests::batch::{self, Burst, Direction};
use crate::contests::packets::{self, BURST, Pool, SIZES};
use crate::contests::{Course, Entry, Prepared, Row};

/// A packet from SPI to ICV: `struct packet`.
#[repr(C)]
struct Packet {
    keys: *const c_void,
    octets: *mut u8,
    len: usize,
}

unsafe extern "C" {
    fn xs_new() -> *mut c_void;
    fn xs_free(manager: *mut c_void);
    fn xs_arch(manager: *const c_void) -> c_int;
    fn xs_keys_new(manager: *mut c_void, cipher: *const u8, integrity: *const u8) -> *mut c_void;
    fn xs_keys_free(keys: *mut c_void);
    fn xs_burst(manager: *mut c_void, packets: *const Packet, count: u32, seal: c_int) -> c_int;
}

/// The library's state, with the keys of all associations.
struct Manager {
    state: NonNull<c_void>,
    keys: Vec<NonNull<c_void>>,
}

impl Manager {
    fn new() -> Self {
        // SAFETY: takes nothing.
        let state = NonNull::new(unsafe { xs_new() }).expect("ipsec-mb starts");
        let mut keys = Vec::new();
        for number in 0..BURST {
            let (cipher, integrity) = (packets::cipher_key(number), packets::integrity_key(number));
            // SAFETY: the keys are 16 and 20 octets, as the function reads them, and it keeps neither pointer.
            let expanded = unsafe { xs_keys_new(state.as_ptr(), cipher.as_ptr(), integrity.as_ptr()) };
            keys.push(NonNull::new(expanded).expect("memory"));
        }
        Self { state, keys }
    }

    fn process(&mut self, packets: &mut [Vec<u8>], numbers: &[usize], direction: Direction) {
        let mut descriptors = heapless::Vec::<Packet, BURST>::new();
        for (octets, &number) in packets.iter_mut().zip(numbers) {
            let keys = self.keys[number].as_ptr();
            let packet = Packet { keys, octets: octets.as_mut_ptr(), len: octets.len() };
            assert!(descriptors.push(packet).is_ok(), "more packets than a burst has");
        }
        let (count, seal) = (descriptors.len() as u32, c_int::from(direction == Direction::Seal));
        // SAFETY: each descriptor names the octets of a `Vec` of its own that is borrowed here, long enough for a header and an
        // ICV, and keys that live as long as `self`; when the call is over the library has no job left.
        let good = unsafe { xs_burst(self.state.as_ptr(), descriptors.as_ptr(), count, seal) };
        assert_eq!(good, count as c_int);
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        for keys in &self.keys {
            // SAFETY: made by `xs_keys_new`, and freed once.
            unsafe { xs_keys_free(keys.as_ptr()) };
        }
        // SAFETY: made by `xs_new`, and freed once.
        unsafe { xs_free(self.state.as_ptr()) };
    }
}

/// The library on `burst`. What comes out is what ours gives, octet for octet.
fn entry(burst: Burst, direction: Direction) -> Box<dyn Entry> {
    let (before, after) = batch::before_and_after(burst, direction);
    let (numbers, octets): (Vec<usize>, Vec<_>) = before.into_iter().unzip();
    let mut manager = Manager::new();
    let mut entry = Prepared::new(Pool::new(octets), Pool::reset, move |pool: &mut Pool| {
        manager.process(black_box(&mut pool.buffers), &numbers, direction);
    });
    for (actual, (_, expected)) in entry.once().buffers.iter().zip(&after) {
        assert_eq!(actual, expected, "{direction:?} {burst}");
    }
    Box::new(entry)
}

/// The throughput that ours must have as a part of the library's.
fn target(provider: &str, burst: Burst, direction: Direction) -> Option<f64> {
    match (provider, direction, burst) {
        ("SimdCrypto", Direction::Seal, Burst::Of(64 | 256) | Burst::OneKey(64 | 256)) => Some(1.5),
        ("SimdCrypto", Direction::Seal, Burst::Of(1024 | 1400) | Burst::OneKey(1024 | 1400)) => Some(1.1),
        ("SimdCrypto", Direction::Open, Burst::Of(_) | Burst::OneKey(_)) => Some(1.0),
        ("RustCrypto", Direction::Seal, Burst::Of(_) | Burst::OneKey(_)) => Some(0.35),
        _ => None,
    }
}

pub(crate) fn all(course: &mut dyn Course) {
    let manager = Manager::new();
    // SAFETY: takes the state of a manager that lives.
    let arch = unsafe { xs_arch(manager.state.as_ptr()) };
    eprintln!("ipsec-mb uses its IMB_ARCH {arch} (5: AVX-512, 4: AVX2)");
    // What no provider can be faster than that has the hash of RustCrypto, as `RustCrypto` has.
    for burst in SIZES.map(Burst::Of) {
        let row = Row::new("the ICVs of a batch alone, `sha1`", burst, "ipsec-mb's seal", BURST);
        if course.wants(&row) {
            course.contest(row, &mut *batch::icvs(burst), &mut *entry(burst, Direction::Seal));
        }
    }
    for contestant in batch::contestants() {
        for direction in [Direction::Seal, Direction::Open] {
            for burst in Burst::all() {
                let mut row = contestant.row(burst, direction, "ipsec-mb");
                if let Some(factor) = target(contestant.provider, burst, direction) {
                    row = row.throughput(factor);
                }
                if course.wants(&row) {
                    course.contest(row, &mut *(contestant.entry)(burst, direction), &mut *entry(burst, direction));
                }
            }
        }
    }
}
