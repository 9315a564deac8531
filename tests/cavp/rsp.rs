//! Reads the format of NIST's response files, and of files written like them.
//!
//! Nothing is passed over: a line that is none of those known is an error.

use std::collections::BTreeMap;

use crate::seam::hex;

/// A vector, that is lines without an empty one among them.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    /// The file, and the line that it starts at.
    pub(crate) origin: String,
    /// What the lines in brackets before it say: `[Keylen = 128]` under that name, `[ENCRYPT]` under `direction`.
    pub(crate) group: BTreeMap<String, String>,
    /// By name in lower case, as writers differ. A line without a value, like `FAIL`, has an empty one.
    pub(crate) fields: BTreeMap<String, String>,
}

impl PartialEq for Vector {
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group && self.fields == other.fields
    }
}

impl Vector {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Every field must be among `names`, in lower case: one that a check does not know may mean that it expects too much.
    pub(crate) fn expect_only(&self, names: &[&str]) {
        let unknown = self.fields.keys().find(|name| !names.contains(&name.as_str()));
        assert_eq!(unknown, None, "{}: field not known", self.origin);
    }

    /// The field that has one of `names`.
    pub(crate) fn text(&self, names: &[&str]) -> &str {
        let mut found = names.iter().filter_map(|&name| self.fields.get(name));
        let text = found.next().unwrap_or_else(|| panic!("{}: none of {names:?}", self.origin));
        assert!(found.next().is_none(), "{}: more than one of {names:?}", self.origin);
        text
    }

    /// The same, of hexadecimal digits or a string in quotation marks.
    pub(crate) fn octets(&self, names: &[&str]) -> Vec<u8> {
        let text = self.text(names);
        match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(text) => text.as_bytes().to_vec(),
            None => hex(text),
        }
    }

    pub(crate) fn number(&self, name: &str) -> usize {
        let text = self.text(&[name]);
        text.parse().unwrap_or_else(|_| panic!("{}: {name} is no number: {text}", self.origin))
    }
}

/// The vectors of the file called `file`, in order.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Vector>, String> {
    let mut vectors = Vec::new();
    let mut group = BTreeMap::new();
    let mut current: Option<Vector> = None;
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        let origin = format!("{file}, line {number}");
        if line.is_empty() {
            vectors.extend(current.take());
        } else if let Some(text) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            vectors.extend(current.take());
            let (name, value) = text.split_once('=').unwrap_or(("direction", text));
            group.insert(name.trim().to_lowercase(), value.trim().to_owned());
        } else if !line.starts_with('#') {
            let vector = current.get_or_insert_with(|| Vector {
                origin: origin.clone(),
                group: group.clone(),
                fields: BTreeMap::new(),
            });
            let (name, value) = field(line).ok_or_else(|| format!("{origin}: not understood: {line}"))?;
            if vector.fields.insert(name, value).is_some() {
                return Err(format!("{origin}: a second time: {line}"));
            }
        }
    }
    vectors.extend(current);
    Ok(vectors)
}

fn field(line: &str) -> Option<(String, String)> {
    if line == "FAIL" {
        return Some(("fail".to_owned(), String::new()));
    }
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end().to_lowercase();
    name.bytes().all(|octet| octet.is_ascii_alphabetic()).then(|| (name, value.trim().to_owned()))
}
