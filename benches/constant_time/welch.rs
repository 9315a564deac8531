//! Whether two classes of inputs take the same time: Welch's t-test on samples interleaved at random, in the manner of
//! "Dude, is my code constant time?" (Reparaz, Balasch, Verbauwhede, 2017).

use std::hint::black_box;
use std::time::Instant;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn fill(&mut self, octets: &mut [u8]) {
        octets.fill_with(|| self.number() as u8);
    }
}

/// Mean and variance, as samples come.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, sample: f64) {
        self.count += 1.0;
        let delta = sample - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (sample - self.mean);
    }

    /// Of the mean.
    fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

/// One test, of the samples up to a limit.
#[derive(Clone, Copy, Default)]
struct Test {
    limit: u64,
    classes: [Moments; 2],
}

/// Fewer samples of a class than this say nothing.
const MIN_COUNT: f64 = 1000.0;

impl Test {
    fn t(&self) -> f64 {
        let [a, b] = &self.classes;
        if a.count < MIN_COUNT || b.count < MIN_COUNT {
            return 0.0;
        }
        let deviation = (a.variance() + b.variance()).sqrt();
        if deviation == 0.0 {
            if a.mean == b.mean { 0.0 } else { f64::INFINITY }
        } else {
            (a.mean - b.mean) / deviation
        }
    }
}

/// Octets of an input.
pub(crate) const INPUT: usize = 64;
/// Inputs made at once, before any of them is measured, so that making one leaves no trace in its measurement.
const BATCH: usize = 4000;
/// Limits above which samples do not count: what interrupts and other processes did.
const LIMITS: usize = 50;

/// Nanoseconds that `f` takes.
pub(crate) fn timed<T>(f: impl FnOnce() -> T) -> u64 {
    let start = Instant::now();
    black_box(f());
    start.elapsed().as_nanos() as u64
}

/// The greatest |t| over all limits, of about `samples` samples. `fill` makes an input of a class out of zeros, `measure` says
/// how long it took.
pub(crate) fn greatest_t(
    samples: usize,
    random: &mut Random,
    fill: &dyn Fn(usize, &mut Random, &mut [u8; INPUT]),
    measure: &mut dyn FnMut(&[u8; INPUT]) -> u64,
) -> f64 {
    let mut inputs = vec![(0_usize, [0_u8; INPUT]); BATCH];
    let mut times = vec![0_u64; BATCH];
    let mut tests: Vec<Test> = Vec::new();
    // The first batch warms up, the second one says where limits are.
    for batch in 0..samples.div_ceil(BATCH) + 2 {
        for (class, input) in &mut inputs {
            (*class, *input) = ((random.number() >> 40) as usize & 1, [0; INPUT]);
            fill(*class, random, input);
        }
        for ((_, input), time) in inputs.iter().zip(&mut times) {
            *time = measure(black_box(input));
        }
        match batch {
            0 => continue,
            1 => {
                tests = limits(&times);
                continue;
            }
            _ => {}
        }
        for ((class, _), time) in inputs.iter().zip(&times) {
            for test in tests.iter_mut().filter(|test| *time <= test.limit) {
                test.classes[*class].add(*time as f64);
            }
        }
    }
    tests.iter().map(|test| test.t().abs()).fold(0.0, f64::max)
}

/// Denser towards the fast end, where the least noise is; the last one takes everything.
fn limits(times: &[u64]) -> Vec<Test> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let limit = |number: usize| {
        let share = 1.0 - 0.5_f64.powf(8.0 * (number + 1) as f64 / LIMITS as f64);
        sorted[(share * (sorted.len() - 1) as f64) as usize]
    };
    let mut limits: Vec<u64> = (0..LIMITS).map(limit).collect();
    limits.dedup();
    limits.push(u64::MAX);
    limits.into_iter().map(|limit| Test { limit, ..Test::default() }).collect()
}
