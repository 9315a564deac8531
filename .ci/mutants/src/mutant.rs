//! The mutants, as `cargo mutants --list --json` names them.

use std::collections::HashMap;

use serde_json::Value;

/// Line from 1, column from 1, as cargo-mutants counts.
pub type Place = (usize, usize);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Genre {
    FnValue,
    Binary,
    Unary,
    Arm,
    Guard,
    Field,
}

#[derive(Debug)]
pub struct Mutant {
    pub number: u32,
    pub replacement: String,
}

/// The mutants of one file that stand at one place.
pub type Places = HashMap<(Genre, Place), Vec<Mutant>>;

/// Reads a list of `{number, file, genre, replacement, line, column}`.
pub fn read(list: &str) -> HashMap<String, Places> {
    let list: Value = serde_json::from_str(list).expect("the list is JSON");
    let mut files = HashMap::<String, Places>::new();
    for entry in list.as_array().expect("the list is one") {
        let text = |key: &str| entry[key].as_str().unwrap_or_else(|| panic!("no {key}: {entry}")).to_owned();
        let number = |key: &str| entry[key].as_u64().unwrap_or_else(|| panic!("no {key}: {entry}")) as usize;
        let genre = match text("genre").as_str() {
            "FnValue" => Genre::FnValue,
            "BinaryOperator" => Genre::Binary,
            "UnaryOperator" => Genre::Unary,
            "MatchArm" => Genre::Arm,
            "MatchArmGuard" => Genre::Guard,
            "StructField" => Genre::Field,
            other => panic!("cargo-mutants has a new kind of mutant, {other}"),
        };
        let place = (genre, (number("line"), number("column")));
        let mutant = Mutant { number: number("number") as u32, replacement: text("replacement") };
        files.entry(text("file")).or_default().entry(place).or_default().push(mutant);
    }
    files
}
