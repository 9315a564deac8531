//! Calls each operation once in [`measured`], between whose beginning and end callgrind counts; says which, in this order.
//!
//! Nothing here asks the processor what it can do: what does, cryptography, is left out by a provider that does nothing.

#[path = "../../../benches/contests/mod.rs"]
mod contests;

#[path = "../../../tests/common/blank.rs"]
mod blank;
mod codecs;
mod forwarding;
mod packets;
mod windows;

/// What callgrind counts: one call. `./run` names it.
#[inline(never)]
fn measured(operation: &mut dyn FnMut()) {
    operation();
}

/// Takes the operations and has them counted.
struct Counter;

impl Counter {
    /// `operation` does `times` of what `name` says, and is called twice: the first time is for what is done once in a program.
    fn count(&mut self, name: &str, times: usize, mut operation: impl FnMut()) {
        operation();
        println!("{times}\t{name}");
        measured(&mut operation);
    }
}

fn main() {
    let counter = &mut Counter;
    counter.count("nothing", 1, || {});
    codecs::all(counter);
    windows::all(counter);
    packets::all(counter);
    forwarding::all(counter);
}
