//! Words, with their lines and columns.

use super::error::{ManualError, ManualErrorKind};

/// A word of a text. It may be a key, and has no `Debug` therefore.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) line: u32,
    pub(super) column: u32,
    /// Where it begins in the text, in octets.
    pub(super) offset: usize,
}

impl Word<'_> {
    /// Whether a statement begins with it.
    pub(super) const fn begins_statement(&self) -> bool {
        self.column == 1
    }

    /// An error about the word.
    pub(super) const fn error(&self, kind: ManualErrorKind) -> ManualError {
        ManualError::new(kind, self.line, self.column)
    }

    /// An error about its character number `index`, or the place behind it.
    pub(super) fn error_at(&self, index: usize, kind: ManualErrorKind) -> ManualError {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        ManualError::new(kind, self.line, self.column.saturating_add(index))
    }

    /// An error about what should follow it.
    pub(super) fn error_behind(&self, kind: ManualErrorKind) -> ManualError {
        self.error_at(self.text.chars().count(), kind)
    }
}

/// The words of a text: what stands between blanks, ends of lines and comments.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
    column: u32,
}

impl<'a> Words<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1, column: 1 }
    }

    /// An error about the place where it stands.
    pub(super) const fn error(&self, kind: ManualErrorKind) -> ManualError {
        ManualError::new(kind, self.line, self.column)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn step(&mut self, character: char) {
        self.offset = self.offset.saturating_add(character.len_utf8());
        if character == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
    }

    /// Steps over characters as long as `skip` says so.
    fn step_while(&mut self, skip: impl Fn(char) -> bool) {
        for character in self.rest().chars() {
            if !skip(character) {
                break;
            }
            self.step(character);
        }
    }
}

/// Other kinds of blank are parts of words, where they will be found to be wrong.
const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        loop {
            self.step_while(is_blank);
            if !self.rest().starts_with('#') {
                break;
            }
            self.step_while(|character| character != '\n');
        }
        let Self { offset, line, column, .. } = *self;
        self.step_while(|character| !is_blank(character));
        let text = self.text.get(offset..self.offset)?;
        if text.is_empty() { None } else { Some(Word { text, line, column, offset }) }
    }
}
