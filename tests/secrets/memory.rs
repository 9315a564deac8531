//! What lies where a value was, after it was dropped.
#![allow(unsafe_code, reason = "the memory of a value that was dropped can be looked at in no other way")]

use std::hint::black_box;
use std::mem::{ManuallyDrop, MaybeUninit};

use crate::key;

/// The octets of the place of a value.
type Image = Vec<u8>;

fn image<T>(place: &MaybeUninit<T>) -> Image {
    let first = place.as_ptr().cast::<u8>();
    // SAFETY: the place was zeroed before anything was written to it, and is as long as is read. What is padding may have any value.
    (0..size_of::<T>()).map(|at| unsafe { first.add(at).read_volatile() }).collect()
}

/// Fills the part of the stack that is used next, so that what was never written can be told by having changed.
#[inline(never)]
fn fill_stack(with: u8) {
    let mut octets = [with; 128 * 1024];
    black_box(&mut octets);
}

/// The place of a value before and after `end`.
#[inline(never)]
fn images<T>(make: impl FnOnce() -> T, end: impl FnOnce(&mut ManuallyDrop<T>)) -> (Image, Image) {
    let mut place = Box::new(MaybeUninit::<ManuallyDrop<T>>::zeroed());
    place.write(ManuallyDrop::new(make()));
    let before = image(&place);
    // SAFETY: it was just written.
    end(unsafe { place.assume_init_mut() });
    (before, image(&place))
}

/// How many octets of what `make` makes depend on the key, and do not any more after `end`.
///
/// What else there is of the key is not the value's own: copies that moving it, or its parts, left on the stack, and that came from
/// there into places where the value has nothing, as in the unused end of an `enum`. Safe code can neither tell nor wipe them.
///
/// # Errors
///
/// - It is less than the `secret` octets that the value has, coincidences aside: one octet in 256 is the same with both keys.
fn wiped_by<T>(secret: usize, make: impl Fn(u8) -> T, end: impl Fn(&mut ManuallyDrop<T>)) -> Result<usize, String> {
    let of = |which, fill| {
        fill_stack(fill);
        images(|| make(which), &end)
    };
    let [first, again] = [0, 0xff].map(|fill| of(1, fill));
    let [second, once_more] = [0, 0xff].map(|fill| of(2, fill));
    let written = |at: usize| first.0[at] == again.0[at] && second.0[at] == once_more.0[at];
    let depends = |at: &usize| written(*at) && first.0[*at] != second.0[*at];
    let wiped = (0..first.0.len()).filter(depends).filter(|&at| first.1[at] == second.1[at]).count();
    if wiped < secret - secret / 16 {
        return Err(format!("{wiped} octets wiped of {secret}"));
    }
    Ok(wiped)
}

/// The `secret` octets of what `make` makes of key number 1 or 2 are gone once it was dropped.
#[track_caller]
pub(crate) fn wiped_when_dropped<T>(name: &str, secret: usize, make: impl Fn(u8) -> T) {
    // SAFETY: it is dropped once, and nobody uses it afterwards.
    let wiped = wiped_by(secret, make, |value| unsafe { ManuallyDrop::drop(value) });
    println!("{name}: {wiped:?}");
    assert!(wiped.is_ok(), "{name}: {wiped:?}");
}

/// The same, after `remove` has taken the key out of what held it.
#[track_caller]
pub(crate) fn wiped_when_removed<T>(name: &str, secret: usize, make: impl Fn(u8) -> T, remove: impl Fn(&mut T)) {
    let wiped = wiped_by(secret, make, |value| remove(value));
    assert!(wiped.is_ok(), "{name}: {wiped:?}");
}

#[test]
fn a_type_that_wipes_nothing_is_found_out() {
    struct Plain(#[allow(dead_code, reason = "its memory is looked at")] [u8; 32]);
    struct Half([u8; 32]);
    impl Drop for Half {
        fn drop(&mut self) {
            zeroize::Zeroize::zeroize(&mut self.0[..16]);
        }
    }
    // SAFETY: as above.
    let wiped = wiped_by(32, |which| Plain(key(which)), |value| unsafe { ManuallyDrop::drop(value) });
    assert_eq!(wiped, Err("0 octets wiped of 32".into()));
    // SAFETY: as above.
    let wiped = wiped_by(32, |which| Half(key(which)), |value| unsafe { ManuallyDrop::drop(value) });
    assert_eq!(wiped, Err("16 octets wiped of 32".into()));
    // `take` moves the key out and leaves its octets where they were.
    let taken = |value: &mut ManuallyDrop<Option<Plain>>| _ = value.take();
    assert_eq!(wiped_by(32, |which| Some(Plain(key(which))), taken), Err("0 octets wiped of 32".into()));
}

/// No octets of the key itself are left, of something that holds them beside what is no secret but depends on the key as well.
#[cfg(feature = "ed25519")]
pub(crate) fn holds_no_key_when_dropped<T>(name: &str, make: impl Fn(u8) -> T) {
    let holds = |image: &Image| image.windows(8).any(|octets| key::<64>(1).windows(8).any(|part| part == octets));
    // SAFETY: it is dropped once, and nobody uses it afterwards.
    let (before, after) = images(|| make(1), |value| unsafe { ManuallyDrop::drop(value) });
    assert!(holds(&before), "{name}: this looks at nothing");
    assert!(!holds(&after), "{name}: octets of the key are left");
}
