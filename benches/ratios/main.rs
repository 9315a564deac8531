//! Prints how long each operation takes beside its anchor: a table of ratios, of rounds that alternate between the two in one
//! run. Times are not compared with anything from elsewhere.
//!
//! `cargo bench --bench ratios -- [--quick] [--nanoseconds] [WORD]`: `--quick` takes a tenth of the time, `WORD` leaves rows
//! without it out.

#[path = "../contests/mod.rs"]
mod contests;

use contests::rounds::Interleaved;
use contests::table;

fn main() {
    let (mut quick, mut nanoseconds, mut filter) = (false, false, None);
    for argument in std::env::args().skip(1) {
        match &*argument {
            "--quick" => quick = true,
            "--nanoseconds" => nanoseconds = true,
            // What cargo says to every benchmark.
            "--bench" => {}
            _ => filter = Some(argument),
        }
    }
    let mut course = Interleaved::new(quick, filter);
    contests::all(&mut course);
    println!("Time of ours as a part of the time of what it is measured against:\n");
    println!("{}", table::markdown(&course.outcomes));
    println!("{}", table::summary(&course.outcomes));
    if nanoseconds {
        println!("\nNanoseconds, least (median):\n{}", table::nanoseconds(&course.outcomes));
    }
}
