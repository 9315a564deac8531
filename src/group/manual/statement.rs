//! Statements: a keyword, what it is about, and keys with values.

use super::error::{Expected, ManualError, ManualErrorKind};
use super::words::{Word, Words};

/// What a statement is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Group,
    Member,
    Sender,
    Association,
}

impl Keyword {
    const NAMES: &'static [&'static str] = &["group", "member", "sender", "association"];

    const fn subject(self) -> Expected {
        match self {
            Self::Group => Expected::Kind("the multicast address of the group"),
            Self::Member | Self::Sender => UNICAST,
            Self::Association => Expected::OneOf(&["esp", "ah"]),
        }
    }
}

pub(super) const UNICAST: Expected = Expected::Kind("a unicast address that can be routed");

/// A statement whose keys are not read yet.
#[derive(Clone, Copy)]
pub(super) struct Statement<'a> {
    pub(super) keyword: Keyword,
    pub(super) head: Word<'a>,
    pub(super) subject: Word<'a>,
    body: Words<'a>,
}

impl<'a> Statement<'a> {
    /// That its subject is not what its keyword asks for.
    pub(super) const fn bad_subject(&self) -> ManualError {
        self.subject.error(ManualErrorKind::Unexpected { expected: self.keyword.subject() })
    }

    /// Its keys, each of which is one of `keys` and stands there once.
    pub(super) fn pairs<const N: usize>(&self, keys: &'static Keys<N>) -> Result<Pairs<'a, N>, ManualError> {
        let mut values = [None; N];
        let mut words = self.body.take_while(|word| !word.begins_statement());
        while let Some(name) = words.next() {
            let mut places = keys.names.iter().zip(&keys.values).zip(&mut values);
            let Some(((&key, &expected), place)) = places.find(|((key, _), _)| **key == name.text) else {
                let expected = Expected::OneOf(&keys.names);
                return Err(name.error(ManualErrorKind::Unexpected { expected }));
            };
            if place.is_some() {
                return Err(name.error(ManualErrorKind::DuplicateKey { key }));
            }
            let ends = ManualErrorKind::Ends { expected };
            *place = Some((name, words.next().ok_or(name.error_behind(ends))?));
        }
        Ok(Pairs { keys, values, head: self.head })
    }
}

/// The statements of a text; after an error there are no more.
#[derive(Clone)]
pub(super) struct Statements<'a> {
    words: Words<'a>,
    ended: bool,
}

impl<'a> Statements<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { words: Words::new(text), ended: false }
    }

    /// An error about the end of what was read.
    pub(super) const fn error(&self, kind: ManualErrorKind) -> ManualError {
        self.words.error(kind)
    }

    fn read(&mut self) -> Option<Result<Statement<'a>, ManualError>> {
        let head = self.words.next()?;
        Some(self.read_behind(head))
    }

    fn read_behind(&mut self, head: Word<'a>) -> Result<Statement<'a>, ManualError> {
        if !head.begins_statement() {
            return Err(head.error(ManualErrorKind::NothingToContinue));
        }
        let keyword = match head.text {
            "group" => Keyword::Group,
            "member" => Keyword::Member,
            "sender" => Keyword::Sender,
            "association" => Keyword::Association,
            _ => {
                let expected = Expected::OneOf(Keyword::NAMES);
                return Err(head.error(ManualErrorKind::Unexpected { expected }));
            }
        };
        let ends = head.error_behind(ManualErrorKind::Ends { expected: keyword.subject() });
        let subject = self.words.next().filter(|word| !word.begins_statement()).ok_or(ends)?;
        let body = self.words;
        let mut ahead = self.words;
        while ahead.next().is_some_and(|word| !word.begins_statement()) {
            self.words = ahead;
        }
        Ok(Statement { keyword, head, subject, body })
    }
}

impl<'a> Iterator for Statements<'a> {
    type Item = Result<Statement<'a>, ManualError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

/// The keys that a statement may have, and what their values are.
pub(super) struct Keys<const N: usize> {
    pub(super) names: [&'static str; N],
    pub(super) values: [Expected; N],
}

/// Keys, each with what its value is.
macro_rules! keys {
    ($($name:literal: $value:expr,)*) => {
        $crate::group::manual::statement::Keys { names: [$($name),*], values: [$($value),*] }
    };
}
pub(super) use keys;

/// The keys of a statement: name and value.
pub(super) struct Pairs<'a, const N: usize> {
    keys: &'static Keys<N>,
    values: [Option<(Word<'a>, Word<'a>)>; N],
    head: Word<'a>,
}

impl<'a, const N: usize> Pairs<'a, N> {
    /// What the value of a key is, its name as it stands there, and its value.
    fn pair(&self, key: &str) -> Option<(Expected, Word<'a>, Word<'a>)> {
        let mut pairs = self.keys.names.iter().zip(&self.keys.values).zip(&self.values);
        let ((_, expected), pair) = pairs.find(|((name, _), _)| **name == key)?;
        pair.map(|(name, value)| (*expected, name, value))
    }

    /// The word of a value.
    pub(super) fn word(&self, name: &str) -> Option<Word<'a>> {
        self.pair(name).map(|(_, _, value)| value)
    }

    /// A value as `read` has it, which says `None` of what the key cannot have.
    pub(super) fn value<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, ManualError> {
        let Some((expected, _, value)) = self.pair(name) else { return Ok(None) };
        let wrong = value.error(ManualErrorKind::Unexpected { expected });
        read(value.text).ok_or(wrong).map(Some)
    }

    /// A value that has to be there, likewise.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ManualError> {
        self.value(key, read)?.ok_or(self.missing(key))
    }

    pub(super) const fn missing(&self, key: &'static str) -> ManualError {
        self.head.error(ManualErrorKind::MissingKey { key })
    }

    /// Refuses keys that have no meaning beside `with`.
    pub(super) fn refuse(&self, keys: &[&'static str], with: &'static str) -> Result<(), ManualError> {
        for &key in keys {
            if let Some((_, name, _)) = self.pair(key) {
                return Err(name.error(ManualErrorKind::UselessKey { key, with }));
            }
        }
        Ok(())
    }
}
