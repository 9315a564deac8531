//! Every error of the crate says something of its own, and names the error that it wraps.
//!
//! `examples` has a value of every variant. That none is missing is seen from `src/`, read as rustfmt leaves it.

mod examples;
mod parsing;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// The values of one type of errors. The file is named from `src/`.
struct Kind {
    file: &'static str,
    name: &'static str,
    values: Vec<Box<dyn Error>>,
}

/// The variants of an enum, each with what is in its parentheses, if it has any.
fn variants(file: &str, name: &str) -> Option<BTreeMap<String, Option<String>>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file)).unwrap();
    let (_, body) = text.split_once(&format!("\npub enum {name} {{\n"))?;
    let (body, _) = body.split_once("\n}").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    Some(
        lines
            .filter(|line| line.starts_with(char::is_uppercase))
            .map(|line| match line.trim_end_matches([',', '{', ' ']).split_once('(') {
                Some((variant, wrapped)) => (variant.to_owned(), Some(wrapped.trim_end_matches(')').to_owned())),
                None => (line.trim_end_matches([',', '{', ' ']).to_owned(), None),
            })
            .collect(),
    )
}

/// Files below a folder, with what they hold.
fn read_all(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(read_all(&path));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path, text));
        }
    }
    files
}

/// What `Debug` begins with: the name of the variant.
fn variant_of(error: &dyn Error) -> String {
    let text = format!("{error:?}");
    text.chars().take_while(|character| character.is_alphanumeric()).collect()
}

#[test]
fn no_error_is_missing() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut written = BTreeSet::new();
    for (path, text) in read_all(&src) {
        let file = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        if file == "crypto/ed25519.rs" && !cfg!(feature = "ed25519") {
            continue;
        }
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("impl core::error::Error for ") {
                written.insert((file.clone(), rest.split(' ').next().unwrap().to_owned()));
            }
        }
    }
    let listed = examples::all().into_iter().map(|kind| (kind.file.to_owned(), kind.name.to_owned())).collect();
    assert_eq!(written, listed);
}

#[test]
fn no_variant_is_missing() {
    for Kind { file, name, values } in examples::all() {
        let have: BTreeSet<String> = values.iter().map(|error| variant_of(&**error)).collect();
        match variants(file, name) {
            Some(written) => assert_eq!(have, written.into_keys().collect(), "{file}: {name}"),
            None => assert_eq!(have, BTreeSet::from([name.to_owned()]), "{file}"),
        }
    }
}

#[test]
fn every_variant_has_a_text_of_its_own() {
    for Kind { file, name, values } in examples::all() {
        let mut texts = BTreeSet::new();
        for error in values {
            let text = error.to_string();
            let debug = format!("{error:?}");
            assert!(!text.is_empty(), "{file}: {debug}");
            assert_eq!(text.trim(), text, "{file}: {debug}");
            // As others put it behind "error: ".
            assert!(!text.ends_with('.'), "{file}: {text}");
            let noise = ["{", "}", "\"", "::", "Some(", "None", name];
            assert!(!noise.iter().any(|noise| text.contains(noise)), "{file}: {text}");
            let variant = variant_of(&*error);
            let words = variant.chars().filter(|character| character.is_uppercase()).count();
            assert!(words == 1 || !text.contains(&variant), "{file}: {text}");
            assert!(texts.insert(text.clone()), "{file}: two variants of {name} say \"{text}\"");
        }
    }
}

/// Numbers that an error carries are there to be read: those of the examples have five digits. What hosts call their policies is
/// left out.
#[test]
fn texts_tell_the_numbers() {
    let mut told = 0;
    for Kind { file, values, .. } in examples::all() {
        for error in values {
            let (text, debug) = (error.to_string(), format!("{error:?}"));
            for number in debug.split(|character: char| !character.is_ascii_digit()).filter(|word| word.len() == 5) {
                // SPIs are told in hexadecimal.
                let spi = format!("{:#010x}", number.parse::<u32>().unwrap());
                assert!(text.contains(number) || text.contains(&spi), "{file}: {debug} says \"{text}\"");
                told += 1;
            }
        }
    }
    assert!(told > 30, "{told}");
}

#[test]
fn what_is_wrapped_is_the_source() {
    let kinds = examples::all();
    let names: BTreeSet<&str> = kinds.iter().map(|kind| kind.name).collect();
    let mut wrapping = 0;
    for Kind { file, name, values } in &kinds {
        let Some(written) = variants(file, name) else { continue };
        for error in values {
            let variant = variant_of(&**error);
            match written[&variant].as_deref() {
                Some(wrapped) if names.contains(wrapped) => {
                    let source = error.source().unwrap_or_else(|| panic!("{file}: {error:?} has no source"));
                    assert_eq!(format!("{error:?}"), format!("{variant}({source:?})"));
                    assert!(error.to_string().contains(&source.to_string()), "{file}: {error}");
                    wrapping += 1;
                }
                _ => assert!(error.source().is_none(), "{file}: {error:?}"),
            }
        }
    }
    assert!(wrapping > 30, "{wrapping}");
}
