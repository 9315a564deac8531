//! Writes a crate's sources anew with all mutants of a list in them, each behind a switch that is read at run time.
//!
//! `mutants LIST ROOT COPY` reads the sources under ROOT and writes those that have mutants under COPY; on standard output goes, as
//! JSON, which octets of the new files are due to which mutants, and which mutants cannot be written so. Mutants are numbered from 1
//! in the list. `prepare_root` makes the crate root know the switch.

mod mutant;
mod sites;
mod text;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// A file that is as it should be is left with its date, for nothing to be built again.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// `const` functions can have mutants through an intrinsic of the compiler that gives constants another answer.
fn prepare_root(root: &str) -> String {
    let attributes = "#![feature(core_intrinsics, const_eval_select)]\n#![allow(internal_features)]\n";
    format!("{attributes}{root}\nmod mutant;\n").replace("#![forbid(unsafe_code)]", "")
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [list, root, copy] = &arguments[..] else { panic!("usage: mutants LIST ROOT COPY") };
    let (root, copy) = (Path::new(root), Path::new(copy));
    let files = mutant::read(&fs::read_to_string(list).expect("the list"));
    let mut due = serde_json::Map::new();
    let mut left_out = Vec::new();
    for (file, mut places) in files {
        let source = fs::read_to_string(root.join(&file)).expect("a source file");
        let sites = sites::Finder::find(&source, &mut places);
        let (text, ranges) = text::Writer::write(&source, &sites);
        write(&copy.join(&file), &text);
        let ranges: Vec<Value> =
            ranges.iter().map(|due| json!([due.range.start, due.range.end, due.mutants])).collect();
        due.insert(file, Value::Array(ranges));
        left_out.extend(places.into_values().flatten().map(|mutant| mutant.number));
    }
    let lib = fs::read_to_string(root.join("src/lib.rs")).expect("src/lib.rs");
    write(&copy.join("src/lib.rs"), &prepare_root(&lib));
    write(&copy.join("src/mutant.rs"), include_str!("switch.rs"));
    println!("{}", json!({ "due": due, "left_out": left_out }));
}
