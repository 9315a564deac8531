//! The table of ratios, with the anchors that `../ratios` has and those for which Rust does not suffice.
//!
//! `ratios [--quick] [--nanoseconds] [WORD]`, as there; `./run` builds it with what there is.

#[path = "../../contests/mod.rs"]
mod contests;

#[cfg(feature = "boringtun")]
mod boringtun;
#[cfg(feature = "openssl")]
mod evp;
#[cfg(feature = "ipsec-mb")]
mod ipsec_mb;

use contests::rounds::Interleaved;
use contests::table;

fn main() {
    let (mut quick, mut nanoseconds, mut filter) = (false, false, None);
    for argument in std::env::args().skip(1) {
        match &*argument {
            "--quick" => quick = true,
            "--nanoseconds" => nanoseconds = true,
            _ => filter = Some(argument),
        }
    }
    let mut course = Interleaved::new(quick, filter);
    contests::single::all(&mut course);
    #[cfg(feature = "openssl")]
    evp::all(&mut course);
    contests::batch::all(&mut course);
    #[cfg(feature = "ipsec-mb")]
    ipsec_mb::all(&mut course);
    contests::codecs::all(&mut course);
    contests::checksums::all(&mut course);
    contests::replay::all(&mut course);
    #[cfg(feature = "boringtun")]
    boringtun::all(&mut course);
    contests::lookup::all(&mut course);
    contests::forwarding::all(&mut course);
    println!("{}", table::markdown(&course.outcomes));
    println!("{}", table::summary(&course.outcomes));
    if nanoseconds {
        println!("\nNanoseconds, least (median):\n{}", table::nanoseconds(&course.outcomes));
    }
}
