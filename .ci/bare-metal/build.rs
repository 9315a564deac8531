//! Chooses the board, and with it the memory map, by the target.

fn main() {
    let target = std::env::var("TARGET").expect("cargo sets it");
    let board = match target.as_str() {
        "thumbv7em-none-eabihf" => "mps2-an386",
        "thumbv6m-none-eabi" => "microbit",
        // Checked, not linked.
        _ => return,
    };
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rustc-link-arg-bins=-L{here}/link");
    println!("cargo::rustc-link-arg-bins=-T{board}.ld");
    println!("cargo::rerun-if-changed=link");
}
