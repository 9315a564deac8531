//! The crate's modules import one way only. This test reads `src/` and fails on any other import.
//!
//! It works on tokens, not on types: it resolves every path that starts with `crate`, `self` or `super` (in `use`
//! trees, nested groups and plain expressions alike) to the top-level module it reaches, and every path that starts
//! with the name of a dependency to that dependency. Comments, strings and characters are not looked at.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A top-level module, the other top-level modules it may reach, and the crates it may name.
struct Layer {
    name: &'static str,
    may_import: &'static [&'static str],
    crates: Crates,
}

/// The crates a module may name outside of its unit tests.
enum Crates {
    Any,
    Only(&'static [&'static str]),
    /// Any but the implementations of algorithms, which stand behind the crypto seam.
    NoAlgorithms,
}

const LAYERS: &[Layer] = &[
    Layer { name: "time", may_import: &[], crates: Crates::Only(&["core"]) },
    Layer { name: "wire", may_import: &[], crates: Crates::Only(&["core", "zerocopy", "heapless"]) },
    Layer { name: "crypto", may_import: &[], crates: Crates::Any },
    Layer { name: "ipsec", may_import: &["wire", "crypto", "time"], crates: Crates::NoAlgorithms },
    Layer { name: "group", may_import: &["wire", "crypto", "ipsec", "time"], crates: Crates::NoAlgorithms },
    Layer { name: "forward", may_import: &["wire", "time"], crates: Crates::NoAlgorithms },
    Layer {
        name: "stack",
        may_import: &["wire", "crypto", "ipsec", "group", "forward", "time"],
        crates: Crates::NoAlgorithms,
    },
    // Documentation alone: there is no code in it that could reach anything.
    Layer { name: "guide", may_import: &[], crates: Crates::Only(&[]) },
];

/// RustCrypto's crates of algorithms, as they are named in code.
const ALGORITHM_CRATES: &[&str] = &[
    "aead",
    "aes",
    "aes_gcm",
    "cbc",
    "chacha20",
    "chacha20poly1305",
    "cipher",
    "ctr",
    "digest",
    "ed25519_dalek",
    "ghash",
    "hmac",
    "md5",
    "poly1305",
    "sha1",
    "sha2",
];

#[test]
fn modules_import_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let externals = external_crates(&fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml is readable"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut Vec::new(), &mut files);
    files.sort();

    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (module, path) in &files {
        let source = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        seen.extend(module.first().cloned());
        let shown = path.strip_prefix(root).unwrap_or(path).display();
        found.extend(violations(module, &source, &externals).into_iter().map(|found| format!("{shown}:{found}")));
    }
    assert!(seen.contains("wire") && seen.contains("crypto"), "src/ was not found: only {seen:?} was read");
    assert!(found.is_empty(), "imports against the one-way rule:\n{}", found.join("\n"));
}

// ---------------------------------------------------------------------------------------------------------------------
// Files and dependencies
// ---------------------------------------------------------------------------------------------------------------------

/// Every Rust file below `folder`, with the path of the module it holds.
fn collect(folder: &Path, module: &mut Vec<String>, files: &mut Vec<(Vec<String>, std::path::PathBuf)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("folder entry is readable").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("file names are UTF-8").to_owned();
        if path.is_dir() {
            module.push(stem);
            collect(&path, module, files);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let mut own = module.clone();
            if !(stem == "mod" || module.is_empty() && stem == "lib") {
                own.push(stem);
            }
            files.push((own, path));
        }
    }
}

/// The names by which code can refer to other crates: the dependencies of `manifest`, those in [`ALGORITHM_CRATES`]
/// (some packages and their crates have different names), and the compiler's own.
fn external_crates(manifest: &str) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["core", "alloc", "std", "proc_macro"].map(str::to_owned).into();
    names.extend(ALGORITHM_CRATES.iter().map(|name| (*name).to_owned()));
    let mut in_table = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            in_table = header.ends_with("dependencies");
            if let Some((_, name)) = header.split_once("dependencies.") {
                names.insert(name.replace('-', "_"));
            }
        } else if in_table && let Some((name, _)) = line.split_once('=') {
            let name = name.trim().trim_matches('"');
            if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
                names.insert(name.replace('-', "_"));
            }
        }
    }
    names
}

// ---------------------------------------------------------------------------------------------------------------------
// Tokens
// ---------------------------------------------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// An identifier or keyword, without `r#`.
    Name(String),
    /// `::`
    Join,
    /// Any other character of punctuation.
    Mark(char),
    /// A literal or lifetime: of no interest but that something stands there.
    Other,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    line: usize,
}

impl Token {
    fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    fn name(&self) -> Option<&str> {
        if let Kind::Name(name) = &self.kind { Some(name) } else { None }
    }
}

/// Splits `source` into tokens, leaving out comments and what literals hold.
fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let at = |i: usize| text.get(i).copied().unwrap_or('\0');
    let word = |c: char| c == '_' || c.is_alphanumeric();
    let mut out = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < text.len() {
        let (start, c) = (i, at(i));
        let kind = if c.is_whitespace() {
            i += 1;
            None
        } else if c == '/' && at(i + 1) == '/' {
            while i < text.len() && at(i) != '\n' {
                i += 1;
            }
            None
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            while i < text.len() {
                if at(i) == '/' && at(i + 1) == '*' {
                    depth += 1;
                    i += 2;
                } else if at(i) == '*' && at(i + 1) == '/' {
                    depth -= 1;
                    i += 2;
                    if depth == 0 {
                        break;
                    }
                } else {
                    i += 1;
                }
            }
            None
        } else if c == '"' {
            i = end_of_string(&text, i);
            Some(Kind::Other)
        } else if c == '\'' {
            if at(i + 1) == '\\' {
                i += 3;
                while i < text.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            } else if at(i + 2) == '\'' {
                i += 3;
            } else {
                i += 1;
                while word(at(i)) {
                    i += 1;
                }
            }
            Some(Kind::Other)
        } else if word(c) {
            while word(at(i)) {
                i += 1;
            }
            let mut name: String = text[start..i].iter().collect();
            let hashes = (i..).take_while(|&j| at(j) == '#').count();
            if matches!(name.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                // A raw string ends at a quote followed by as many hashes as it began with.
                i += hashes + 1;
                while i < text.len() && !(at(i) == '"' && (1..=hashes).all(|k| at(i + k) == '#')) {
                    i += 1;
                }
                i += hashes + 1;
                Some(Kind::Other)
            } else if matches!(name.as_str(), "b" | "c") && matches!(at(i), '"' | '\'') {
                // The prefix says nothing; the literal follows as a token of its own.
                None
            } else {
                if name == "r" && hashes == 1 && word(at(i + 1)) {
                    i += 1;
                    let from = i;
                    while word(at(i)) {
                        i += 1;
                    }
                    name = text[from..i].iter().collect();
                }
                Some(if name.starts_with(|c: char| c.is_ascii_digit()) { Kind::Other } else { Kind::Name(name) })
            }
        } else if c == ':' && at(i + 1) == ':' {
            i += 2;
            Some(Kind::Join)
        } else {
            i += 1;
            Some(Kind::Mark(c))
        };
        out.extend(kind.map(|kind| Token { kind, line }));
        line += text.get(start..i.min(text.len())).unwrap_or(&[]).iter().filter(|&&c| c == '\n').count();
    }
    out
}

/// The index after the string literal that begins with the quote at `start`.
fn end_of_string(text: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while let Some(&c) = text.get(i) {
        i += match c {
            '\\' => 2,
            '"' => return i + 1,
            _ => 1,
        };
    }
    i
}

// ---------------------------------------------------------------------------------------------------------------------
// Paths
// ---------------------------------------------------------------------------------------------------------------------

/// A path as it is written, with `*` as the last segment of a glob. A leading `::` is an empty first segment.
#[derive(Debug)]
struct Written {
    segments: Vec<String>,
    line: usize,
}

/// Reads the `use` tree at `tokens[i]` into whole paths and returns the index after it.
fn use_tree(tokens: &[Token], mut i: usize, prefix: &[String], out: &mut Vec<Written>) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens.get(i).map_or(0, |token| token.line);
    if segments.is_empty() && tokens.get(i).is_some_and(|token| token.kind == Kind::Join) {
        segments.push(String::new());
        i += 1;
    }
    while let Some(token) = tokens.get(i) {
        match &token.kind {
            Kind::Name(name) if name == "as" => {
                i += 2;
                break;
            }
            // `a::{self}` is `a` itself.
            Kind::Name(name) if name == "self" && !segments.is_empty() => i += 1,
            Kind::Name(name) => {
                segments.push(name.clone());
                i += 1;
            }
            Kind::Join | Kind::Mark('$') => i += 1,
            Kind::Mark('*') => {
                segments.push("*".to_owned());
                i += 1;
            }
            Kind::Mark('{') => {
                i += 1;
                while tokens.get(i).is_some_and(|token| !token.is('}')) {
                    let before = i;
                    i = use_tree(tokens, i, &segments, out);
                    if tokens.get(i).is_some_and(|token| token.is(',')) || i == before {
                        i += 1;
                    }
                }
                return i + 1;
            }
            _ => break,
        }
    }
    if segments.len() > prefix.len() || !prefix.is_empty() {
        out.push(Written { segments, line });
    }
    i
}

/// Where a path leads.
#[derive(Debug, PartialEq)]
enum Reached {
    /// The root of this crate, or everything in it.
    Root,
    /// An item of this crate, by its absolute path.
    Inside(String),
    /// Another crate.
    Crate(String),
    /// A name in scope: whatever brought it there is looked at where it did.
    Local,
}

fn resolve(written: &Written, module: &[String], externals: &BTreeSet<String>) -> Reached {
    let mut absolute = module.to_vec();
    let mut segments = written.segments.iter().map(String::as_str).peekable();
    match segments.peek().copied() {
        Some("") => {
            segments.next();
            return segments.next().map_or(Reached::Local, |name| Reached::Crate(name.to_owned()));
        }
        Some("crate") => absolute.clear(),
        Some("self" | "super") => {}
        Some(name) if externals.contains(name) => return Reached::Crate(name.to_owned()),
        _ => return Reached::Local,
    }
    for segment in segments {
        match segment {
            "crate" | "self" => {}
            "super" => {
                absolute.pop();
            }
            other => absolute.push(other.to_owned()),
        }
    }
    match absolute.into_iter().next() {
        None => Reached::Root,
        Some(first) if first == "*" => Reached::Root,
        Some(first) => Reached::Inside(first),
    }
}

/// What `source`, the file of `file_module`, imports against the rule: each as `line: what`.
fn violations(file_module: &[String], source: &str, externals: &BTreeSet<String>) -> Vec<String> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    let mut module = file_module.to_vec();
    // For every brace open: whether it is a module's, and whether test code began with it.
    let mut braces: Vec<(bool, bool)> = Vec::new();
    let file_of_tests = file_module.iter().any(|name| name == "tests");
    // The next item stands under `#[cfg(test)]`.
    let mut item_of_tests = false;
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        let mut written = Vec::new();
        let line = token.line;
        let in_tests = file_of_tests || item_of_tests || braces.iter().any(|&(_, tests)| tests);
        match &token.kind {
            Kind::Mark('#') => {
                let end = end_of_attribute(&tokens, i);
                let names: Vec<&str> = tokens[i..end].iter().filter_map(Token::name).collect();
                item_of_tests |= names.first() == Some(&"cfg") && names.contains(&"test") && !names.contains(&"not");
                let sets_path = |pair: &[Token]| pair[0].name() == Some("path") && pair[1].is('=');
                if tokens[i..end].windows(2).any(sets_path) {
                    found.push(format!("{line}: a `path` attribute hides which module a file is"));
                }
                i += 1;
            }
            Kind::Mark('{') => {
                braces.push((false, item_of_tests));
                item_of_tests = false;
                i += 1;
            }
            Kind::Mark('}') => {
                if let Some((true, _)) = braces.pop() {
                    module.pop();
                }
                item_of_tests = false;
                i += 1;
            }
            Kind::Mark(';') => {
                item_of_tests = false;
                i += 1;
            }
            Kind::Name(name) if name == "mod" => {
                let skip = usize::from(tokens.get(i + 1).is_some_and(|token| token.is('$')));
                let named = tokens.get(i + 1 + skip).and_then(Token::name);
                match (named, tokens.get(i + 2 + skip)) {
                    (Some(named), Some(brace)) if brace.is('{') => {
                        module.push(named.to_owned());
                        braces.push((true, item_of_tests));
                        item_of_tests = false;
                        i += 3 + skip;
                    }
                    _ => i += 1,
                }
            }
            Kind::Name(name) if name == "include" && tokens.get(i + 1).is_some_and(|token| token.is('!')) => {
                found.push(format!("{line}: `include!` hides code from this test"));
                i += 1;
            }
            Kind::Name(name) if name == "extern" && tokens.get(i + 1).and_then(Token::name) == Some("crate") => {
                match tokens.get(i + 2).and_then(Token::name) {
                    Some("self") => found.push(format!("{line}: `extern crate self` gives the crate another name")),
                    Some(other) => written.push(Written { segments: vec![String::new(), other.to_owned()], line }),
                    None => {}
                }
                i += 3;
            }
            // `use<'a>` in a bound captures lifetimes and imports nothing.
            Kind::Name(name) if name == "use" && tokens.get(i + 1).is_some_and(|token| !token.is('<')) => {
                i = use_tree(&tokens, i + 1, &[], &mut written);
            }
            Kind::Name(_) | Kind::Join => {
                let path_before = i.checked_sub(1).and_then(|before| tokens.get(before)).map(|token| &token.kind);
                let mut segments = Vec::new();
                if token.kind == Kind::Join {
                    // `::name` names a crate unless it goes on from a path: `Type::<T>::name`, `<T>::name`.
                    let goes_on =
                        matches!(path_before, Some(Kind::Mark('>' | ')' | ']') | Kind::Name(_) | Kind::Other));
                    if !goes_on {
                        segments.push(String::new());
                    }
                    i += 1;
                }
                let after_dot = path_before == Some(&Kind::Mark('.'));
                while let Some(name) = tokens.get(i).and_then(Token::name) {
                    segments.push(name.to_owned());
                    i += 1;
                    let joined = tokens.get(i).is_some_and(|token| token.kind == Kind::Join)
                        && tokens.get(i + 1).is_some_and(|token| token.name().is_some());
                    if !joined {
                        break;
                    }
                    i += 1;
                }
                // A lone name (`self`, `pub(crate)`, a field called `core`) reaches nothing.
                if segments.len() > 1 && !after_dot && token.kind != Kind::Join
                    || segments.first().is_some_and(String::is_empty)
                {
                    written.push(Written { segments, line });
                }
            }
            _ => i += 1,
        }
        found.extend(written.iter().filter_map(|path| judge(path, &module, in_tests, externals)));
    }
    found
}

/// The index after the attribute that begins with the `#` at `start`.
fn end_of_attribute(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(start + 1) {
        match token.kind {
            Kind::Mark('[') => depth += 1,
            Kind::Mark(']') => depth -= 1,
            Kind::Mark('!') => {}
            _ if depth == 0 => return i,
            _ => {}
        }
        if depth == 0 && token.is(']') {
            return i + 1;
        }
    }
    tokens.len()
}

/// Why `path`, written in `module`, breaks the rule, if it does.
fn judge(path: &Written, module: &[String], in_tests: bool, externals: &BTreeSet<String>) -> Option<String> {
    // The root re-exports; it may reach everything. Its unit tests may too.
    let own = module.first().filter(|name| name.as_str() != "tests")?;
    let shown = format!("{}: `{}` in `{}`", path.line, path.segments.join("::"), module.join("::"));
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == own) else {
        return Some(format!("{shown}: module `{own}` has no place in the layers"));
    };
    match resolve(path, module, externals) {
        Reached::Local => None,
        Reached::Root => Some(format!("{shown} reaches the root of the crate, and through it everything")),
        Reached::Inside(first) if first == *own => None,
        Reached::Inside(first) if layer.may_import.contains(&first.as_str()) => None,
        Reached::Inside(first) if LAYERS.iter().any(|layer| layer.name == first) => {
            Some(format!("{shown}: `{own}` may not import `{first}`"))
        }
        Reached::Inside(first) => Some(format!("{shown}: `{first}` is to be reached through its module")),
        Reached::Crate(_) if in_tests => None,
        Reached::Crate(name) => {
            let allowed = match layer.crates {
                Crates::Any => true,
                Crates::Only(names) => names.contains(&name.as_str()),
                Crates::NoAlgorithms => !ALGORITHM_CRATES.contains(&name.as_str()),
            };
            (!allowed).then(|| format!("{shown}: `{own}` may not use the crate `{name}`"))
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The test of the test
// ---------------------------------------------------------------------------------------------------------------------

/// How many violations `source` holds as the file of `module`.
fn count(module: &str, source: &str) -> usize {
    let externals =
        external_crates("[dependencies]\nheapless = \"1\"\nsubtle = \"2\"\n[dev-dependencies]\nproptest = \"1\"\n");
    let module: Vec<String> = module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    violations(&module, source, &externals).len()
}

#[test]
fn catches_what_it_must() {
    for (module, source) in [
        ("wire::esp", "use crate::ipsec::Spi;"),
        ("wire::esp", "pub(crate) use crate::ipsec::Spi as S;"),
        ("wire", "use crate::{wire::ah, crypto::Icv};"),
        ("wire", "use crate::{wire::{ah, esp}, ipsec::{sad::{Sad}}};"),
        ("forward", "use {crate::wire::ah, crate::crypto};"),
        ("crypto", "use crate::time::Instant;"),
        ("time", "use crate::wire;"),
        ("wire::esp", "use super::super::ipsec::Spi;"),
        ("wire::esp", "use super::{super::{ipsec::Spi}};"),
        ("wire::esp", "use self::super::super::ipsec;"),
        ("wire::esp", "fn f() -> super::super::ipsec::Spi { todo!() }"),
        ("wire::esp", "mod inner { fn f(_: super::super::super::crypto::Icv) {} }"),
        ("wire::esp", "mod $name { use super::super::super::crypto::Icv; }"),
        ("wire::esp", "mod inner {} use super::super::crypto::Icv;"),
        ("wire::esp", "fn f() { let x: u32 = crate::crypto::MAX_ICV_LEN as u32; }"),
        ("wire::esp", "fn f() { crate :: crypto\n:: g() }"),
        ("wire::esp", "fn f(x: Vec<crate::crypto::Icv>) {}"),
        ("wire::esp", "type A = <crate::crypto::Icv as T>::B;"),
        ("wire::esp", "macro_rules! m { () => { $crate::crypto::f() } }"),
        ("wire::esp", "macro_rules! m { () => { use $crate::crypto::f; } }"),
        ("wire::esp", "use crate::r#crypto::Icv;"),
        ("wire", "use super::*;"),
        ("wire::esp", "use super::super::*;"),
        ("wire", "use crate as root;"),
        ("wire", "use super as root;"),
        ("wire", "use crate::{self as root};"),
        ("wire", "use crate::*;"),
        ("wire", "use crate::Sad;"),
        ("wire", "extern crate self as root;"),
        ("wire", "#[path = \"../ipsec/mod.rs\"] mod sneaked;"),
        ("wire", "include!(\"../ipsec/mod.rs\");"),
        ("ipsec", "use crate::group::Member;"),
        ("ipsec", "use crate::forward::Egress;"),
        ("group", "use crate::forward::Egress;"),
        ("group", "use crate::stack::Router;"),
        ("forward", "use crate::ipsec::Spi;"),
        ("forward", "use crate::crypto::Icv;"),
        ("util", "use crate::wire::ah;"),
        ("guide", "use crate::wire::ah;"),
        ("guide", "pub use core::net::IpAddr;"),
        ("wire", "use crate::guide;"),
        // Unit tests keep to the layers too.
        ("wire", "#[cfg(test)] mod tests { use crate::ipsec::Spi; }"),
        // Other crates.
        ("wire", "use subtle::ConstantTimeEq;"),
        ("wire", "fn f() { subtle::f() }"),
        ("wire", "fn f() { ::subtle::f() }"),
        ("wire", "use ::unheard_of::f;"),
        ("wire", "extern crate alloc;"),
        ("wire", "use std::vec::Vec;"),
        ("wire", "#[cfg(not(test))] use subtle::Choice;"),
        ("wire", "#[cfg(test)] mod tests {} use proptest::prelude::*;"),
        ("time", "use heapless::Vec;"),
        ("forward", "use aes::Aes128;"),
        ("forward", "fn f() { md5::Md5::new() }"),
        ("ipsec", "use hmac::{Hmac};"),
        // What looks like the begin of a comment, string or character is none.
        ("wire", "const A: char = '\"'; use crate::crypto::Icv; const B: char = '\"';"),
        ("wire", "const A: &[u8] = b\"//\"; use crate::crypto::Icv;"),
        ("wire", "const A: &str = r#\"\\\"#; use crate::crypto::Icv; // \""),
        ("wire", "const A: char = '\\''; use crate::crypto::Icv; const B: char = '\\'';"),
        ("wire", "/* /* */ */ use crate::crypto::Icv;"),
        ("wire", "fn f<'a>(x: &'a u8) {} use crate::crypto::Icv; fn g<'a>() {}"),
    ] {
        assert_eq!(count(module, source), 1, "in `{module}`: {source}");
    }
    assert_eq!(count("wire", "use crate::{ipsec::{Spi, Sad}, crypto};"), 3);
}

#[test]
fn lets_pass_what_it_may() {
    for (module, source) in [
        ("", "pub mod wire; pub use wire::ah; pub use crate::ipsec::{Sad, Spi}; pub use crypto::Icv;"),
        ("", "mod tests { use super::*; use crate::stack::Router; }"),
        ("wire", "use crate::wire::ah; use self::esp::Esp; mod esp;"),
        ("wire::esp", "use super::{ah, checksum::Checksum}; pub(in crate::wire) fn f() {} pub(super) fn g() {}"),
        ("wire::esp", "mod tests { use super::*; use super::super::ah; use crate::wire::xcast6; }"),
        ("wire::esp", "use core::fmt; use zerocopy::{FromBytes, byteorder::{U16, U32}}; use heapless::Vec;"),
        ("wire::esp", "#[cfg(test)] mod tests { extern crate std; use proptest::prelude::*; use std::vec::Vec; }"),
        ("wire::esp", "#[cfg(all(test, feature = \"rust-crypto\"))] mod tests { use proptest::prelude::*; }"),
        ("wire::esp", "#[cfg(test)] use proptest::prelude::*;"),
        ("wire::esp::tests", "use proptest::prelude::*; use super::*;"),
        ("ipsec::sad", "use crate::{crypto::{Icv, KeyError}, time::Instant, wire::esp}; use subtle::Choice;"),
        ("group", "use crate::{crypto, ipsec, time, wire};"),
        ("forward", "use crate::{time::Instant, wire::{self, ah}};"),
        ("stack", "use crate::{crypto, forward, group, ipsec, time, wire};"),
        ("crypto::rust_crypto", "use aes::Aes128; use hmac::Hmac; use super::Icv;"),
        ("guide", "#![doc = include_str!(\"guide.md\")]"),
        // Comments, documentation and literals.
        (
            "wire",
            "// use crate::ipsec::Spi;\n/// [`crate::ipsec::Spi`]\n//! crate::ipsec\n/* crate::crypto /* x */ crate::crypto */",
        ),
        ("wire", "const A: &str = \"crate::ipsec \\\" crate::ipsec\"; const B: &str = r#\"\" crate::ipsec::x\"#;"),
        ("wire", "const A: u8 = b'\\''; const B: char = 'a'; fn f<'crate_>(x: &'crate_ u8) {}"),
        // Names that only look alike.
        ("wire", "fn f(x: X) { x.subtle; x.core::<u8>(); X::<u8>::std(); <X>::alloc(); ipsec::f(); }"),
        ("wire", "fn f<'a>(x: &'a u8) -> impl Sized + use<'a> { x }"),
        ("wire", "pub(crate) struct X; fn f() { self.x() }"),
    ] {
        assert_eq!(count(module, source), 0, "in `{module}`: {source}");
    }
}

#[test]
fn names_the_line_and_the_rule() {
    let externals = external_crates("");
    let found = violations(
        &["wire".to_owned()],
        "//! Docs\n\nuse core::fmt;\nuse crate::{\n    crypto::Icv,\n};\n",
        &externals,
    );
    assert_eq!(found, ["5: `crate::crypto::Icv` in `wire`: `wire` may not import `crypto`"]);
}

#[test]
fn reads_the_dependencies_of_a_manifest() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\nrand_core = { version = \"1\" }\n[target.'cfg(unix)'.dev-dependencies]\n\
                    criterion = \"1\"\n[dependencies.one-more]\nversion = \"1\"\n";
    let names = external_crates(manifest);
    for name in ["rand_core", "criterion", "one_more", "std", "md5"] {
        assert!(names.contains(name), "{name}");
    }
    assert!(!names.contains("name") && !names.contains("version"));
}
