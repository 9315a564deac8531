//! Lines of a configuration file, their words, and what can be wrong with those.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::super::keys::{At, Word, words};

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    pub(crate) what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for ConfigError {}

/// A directive and its arguments.
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: usize,
    pub(super) name: Word<'a>,
    arguments: Vec<Word<'a>>,
    /// The next argument.
    at: usize,
    end: usize,
}

impl<'a> Line<'a> {
    /// The lines of a file that hold anything.
    pub(super) fn all(text: &'a str) -> impl Iterator<Item = Self> {
        text.lines().enumerate().filter_map(|(index, line)| {
            let mut words = words(line.split('#').next().unwrap_or(""));
            let name = words.next()?;
            let arguments: Vec<Word<'_>> = words.collect();
            let last = arguments.last().copied().unwrap_or(name);
            let end = last.column + last.text.chars().count();
            Some(Self { number: index + 1, name, arguments, at: 0, end })
        })
    }

    pub(super) fn error(&self, (column, what): At) -> ConfigError {
        ConfigError { line: self.number, column, what }
    }

    /// The next argument, if there is one.
    pub(super) fn optional(&mut self) -> Option<Word<'a>> {
        let word = self.arguments.get(self.at).copied();
        self.at += usize::from(word.is_some());
        word
    }

    pub(super) fn next(&mut self, wanted: &str) -> Result<Word<'a>, At> {
        self.optional().ok_or_else(|| (self.end, format!("{wanted} is missing")))
    }

    /// The next argument, of a type that is read from text.
    pub(super) fn value<T: FromStr>(&mut self, wanted: &str) -> Result<T, At> {
        value(self.next(wanted)?, wanted)
    }

    pub(super) fn address(&mut self, wanted: &str) -> Result<IpAddr, At> {
        self.value(wanted)
    }

    /// What is left must be `NAME=VALUE`, of names that `read` knows; false if it does not. None may stand twice.
    pub(super) fn named(&mut self, mut read: impl FnMut(&str, Word<'a>) -> Result<bool, At>) -> Result<(), At> {
        let mut seen = Vec::new();
        while let Some(word) = self.optional() {
            let Some((name, text)) = word.text.split_once('=') else { return word.wrong("expected NAME=VALUE") };
            let known = read(name, Word { text, column: word.column + name.chars().count() + 1 })?;
            if !known {
                return word.wrong(format!("{} knows no {name}=", self.name.text));
            }
            if seen.contains(&name) {
                return word.wrong(format!("{name}= stands here for the second time"));
            }
            seen.push(name);
        }
        Ok(())
    }

    /// Nothing may be left.
    pub(super) fn end(&mut self) -> Result<(), At> {
        match self.optional() {
            Some(word) => word.wrong(format!("{} takes nothing more", self.name.text)),
            None => Ok(()),
        }
    }
}

/// A word as a type that is read from text.
pub(super) fn value<T: FromStr>(word: Word<'_>, wanted: &str) -> Result<T, At> {
    word.text.parse().or_else(|_| word.wrong(format!("expected {wanted}")))
}

/// `ADDRESS` or `ADDRESS/LENGTH`, taken apart; without a length, that of one address.
pub(super) fn prefix(word: Word<'_>) -> Result<(IpAddr, u8), At> {
    const WANTED: &str = "an address, or ADDRESS/LENGTH";
    let (address, len) = match word.text.split_once('/') {
        Some((address, len)) => (address, Some(Word { text: len, column: word.column + address.chars().count() + 1 })),
        None => (word.text, None),
    };
    let address: IpAddr = value(Word { text: address, ..word }, WANTED)?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    match len {
        None => Ok((address, max)),
        Some(len) => match len.text.parse() {
            Ok(bits) if bits <= max => Ok((address, bits)),
            _ => len.wrong(format!("expected a length up to {max}")),
        },
    }
}
