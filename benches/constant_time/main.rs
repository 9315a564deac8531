//! Whether what is secret shows in the time that operations take.
//!
//! ```sh
//! cargo bench --bench constant_time
//! ```
//!
//! Two classes of inputs, interleaved at random, and Welch's t-test on their times: |t| of 4.5 and more is a difference, which
//! is measured again before it is called one. Each line is a question that an attacker would ask. `XCAST_TIMING_SAMPLES` says
//! how many samples each gets.
//!
//! What is measured is this machine, this compiler and its options. No difference found is no proof that there is none; that the
//! first lines, which leak on purpose, are found says how far the measurement sees. A run that does not find them ends with
//! an error, and so does one that finds anything else.

mod keys;
mod packets;
mod tags;
mod welch;

use welch::{INPUT, Random, greatest_t};

const THRESHOLD: f64 = 4.5;
/// How often a suspicion is measured again.
const TRIES: usize = 3;

/// Runs questions and keeps the answers.
pub(crate) struct Examination {
    samples: usize,
    random: Random,
    /// Differences found where there must be none.
    found: usize,
    /// Controls whose leak was not found.
    missed: usize,
}

impl Examination {
    /// Whether times differ between the two classes: in all of several tries.
    fn differs(
        &mut self,
        name: &str,
        fill: &dyn Fn(usize, &mut Random, &mut [u8; INPUT]),
        measure: &mut dyn FnMut(&[u8; INPUT]) -> u64,
    ) -> bool {
        let mut seen = Vec::new();
        let differs = loop {
            let t = greatest_t(self.samples, &mut self.random, fill, measure);
            seen.push(format!("{t:.1}"));
            if t < THRESHOLD {
                break false;
            }
            if seen.len() == TRIES {
                break true;
            }
        };
        print!("{name:<72} |t| {:<20}", seen.join(", "));
        differs
    }

    /// Something that must take the same time for both.
    pub(crate) fn same(
        &mut self,
        name: &str,
        fill: &dyn Fn(usize, &mut Random, &mut [u8; INPUT]),
        mut measure: impl FnMut(&[u8; INPUT]) -> u64,
    ) {
        let differs = self.differs(name, fill, &mut measure);
        println!("{}", if differs { "DIFFERS" } else { "no difference found" });
        self.found += usize::from(differs);
    }

    /// Something that leaks, as it should be.
    pub(crate) fn leaks(
        &mut self,
        name: &str,
        fill: &dyn Fn(usize, &mut Random, &mut [u8; INPUT]),
        mut measure: impl FnMut(&[u8; INPUT]) -> u64,
    ) {
        let differs = self.differs(name, fill, &mut measure);
        println!("{}", if differs { "leaks, as it is meant to" } else { "NOT FOUND" });
        self.missed += usize::from(!differs);
    }
}

/// One octet differs, the first or, in class 1, the last of `len`.
pub(crate) fn first_or_last(len: usize) -> impl Fn(usize, &mut Random, &mut [u8; INPUT]) {
    move |class, random, input| input[class * (len - 1)] = random.number() as u8 | 1
}

/// One octet differs, the first; or, in class 1, most of them.
pub(crate) fn one_or_many(len: usize) -> impl Fn(usize, &mut Random, &mut [u8; INPUT]) {
    move |class, random, input| {
        random.fill(&mut input[..len]);
        input[0] |= 1;
        input[1..].iter_mut().for_each(|octet| *octet *= class as u8);
    }
}

/// Zeros, or random octets.
pub(crate) fn zero_or_random(class: usize, random: &mut Random, input: &mut [u8; INPUT]) {
    random.fill(input);
    input.iter_mut().for_each(|octet| *octet *= class as u8);
}

fn main() {
    let samples = std::env::var("XCAST_TIMING_SAMPLES").map_or(200_000, |text| text.parse().expect("a number"));
    println!("{samples} samples each; a difference is |t| >= {THRESHOLD} in {TRIES} tries of {TRIES}");
    let mut examination = Examination { samples, random: Random(1), found: 0, missed: 0 };
    tags::examine(&mut examination);
    packets::examine(&mut examination);
    keys::examine(&mut examination);
    let Examination { found, missed, .. } = examination;
    println!("{found} difference(s) found, {missed} deliberate leak(s) missed");
    if missed > 0 {
        println!("This run says nothing: the machine is too busy, or there are too few samples.");
    }
    std::process::exit(i32::from(found + missed > 0));
}
