//! Compiles the shim around ipsec-mb, and cuts the replay window out of boringtun's source; each if its feature asks for it.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_IPSEC_MB").is_some() {
        println!("cargo::rerun-if-changed=src/ipsec_mb.c");
        cc::Build::new().file("src/ipsec_mb.c").opt_level(3).warnings_into_errors(true).compile("xs_ipsec_mb");
        println!("cargo::rustc-link-lib=IPSec_MB");
    }
    if env::var_os("CARGO_FEATURE_BORINGTUN").is_some() {
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says")).join("boringtun_replay.rs");
        fs::write(out, replay_window(&boringtun_source())).expect("the folder is cargo's");
    }
}

/// boringtun's `src/noise/session.rs`. The crate is named in the manifest for no platform at all: cargo fetches it, of the version
/// in the lock file, and compiles nothing of it.
fn boringtun_source() -> String {
    let cargo = env::var_os("CARGO").expect("cargo says");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says")).join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    // `"name":"boringtun"` comes before the `"manifest_path"` of the same package.
    let (_, package) = metadata.split_once(r#""name":"boringtun""#).expect("a dependency");
    let (_, path) = package.split_once(r#""manifest_path":""#).expect("a package has one");
    let (path, _) = path.split_once('"').expect("a string ends");
    let path = PathBuf::from(path).with_file_name("src").join("noise").join("session.rs");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The constants, the type and its methods, open to the benchmark; the errors it names are stood in for.
fn replay_window(source: &str) -> String {
    let between = |begin: &str, end: &str| {
        let at = source.find(begin).unwrap_or_else(|| panic!("boringtun has no {begin:?} any more"));
        let len = source[at..].find(end).unwrap_or_else(|| panic!("boringtun has no {end:?} any more"));
        &source[at..at + len]
    };
    let constants = between("const WORD_SIZE", "#[derive");
    let window = between("#[derive(Debug, Clone, Default)]\nstruct ReceivingKeyCounterValidator", "impl Session")
        .replace("struct ReceivingKeyCounterValidator", "pub struct ReceivingKeyCounterValidator")
        .replace("    fn ", "    pub fn ");
    let errors = "#[derive(Debug)]\npub enum WireGuardError { InvalidCounter, DuplicateCounter }\n";
    format!("{constants}\n{errors}\n{window}")
}
