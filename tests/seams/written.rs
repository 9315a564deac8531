//! The forwarding implementations as they are written: none leaves out a method, not even one with a body of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The names of the functions that stand directly in the braces which `head` opens.
fn functions<'t>(lines: &mut impl Iterator<Item = &'t str>) -> BTreeSet<String> {
    lines
        .take_while(|line| *line != "}")
        .filter_map(|line| line.strip_prefix("    fn "))
        .map(|line| line.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect())
        .collect()
}

/// Reads all of a folder: the functions of every public trait, and those of every implementation for references to all `T`.
fn read(
    folder: &Path,
    traits: &mut BTreeMap<String, BTreeSet<String>>,
    forwarded: &mut Vec<(String, BTreeSet<String>)>,
) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, traits, forwarded);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let name =
                |rest: &str| rest.chars().take_while(|character| character.is_alphanumeric()).collect::<String>();
            if let Some(rest) = line.strip_prefix("pub trait ") {
                traits.insert(name(rest), functions(&mut lines));
            } else if line.starts_with("impl<") && line.ends_with('{') {
                let Some((head, target)) = line.rsplit_once(" for &") else { continue };
                let of = head.rsplit_once("> ").map_or(head, |(_, of)| of);
                if matches!(target.trim_start_matches("mut "), "T {" | "S {" | "P {" | "A {" | "V {" | "R {") {
                    forwarded.push((name(of), functions(&mut lines)));
                }
            }
        }
    }
}

#[test]
fn references_forward_every_method() {
    let (mut traits, mut forwarded) = (BTreeMap::new(), Vec::new());
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut traits, &mut forwarded);
    for (name, functions) in &forwarded {
        assert_eq!(functions, &traits[name], "{name}");
    }
    // Those that are taken by value everywhere, or made by the crate alone, have none.
    let without: BTreeSet<&str> = traits
        .keys()
        .map(String::as_str)
        .filter(|name| !forwarded.iter().any(|(forwarded, _)| forwarded == name))
        .collect();
    assert_eq!(without, BTreeSet::from(["KeySource", "NewSender"]));
}
