//! What is wrong with a text, and where.

use crate::group::TermsError;

/// What would have been right in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Something of this kind.
    Kind(&'static str),
}

impl core::fmt::Display for Expected {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let words = match self {
            Self::Kind(kind) => return f.write_str(kind),
            Self::OneOf(words) => words,
        };
        for (index, word) in words.iter().enumerate() {
            let separator = match (index, words.len().saturating_sub(index)) {
                (0, _) => "",
                (_, 1) => " or ",
                _ => ", ",
            };
            write!(f, "{separator}{word}")?;
        }
        Ok(())
    }
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ManualErrorKind {
    /// Another word stands there, or another value.
    Unexpected {
        /// What should stand there.
        expected: Expected,
    },
    /// The statement ends there.
    Ends {
        /// What should follow.
        expected: Expected,
    },
    /// The line begins with a blank, and there is no statement that it could continue.
    NothingToContinue,
    /// The key stands in the same statement before.
    DuplicateKey {
        /// Its name.
        key: &'static str,
    },
    /// The statement lacks a key.
    MissingKey {
        /// Its name.
        key: &'static str,
    },
    /// The key has no meaning beside what else the statement says.
    UselessKey {
        /// Its name.
        key: &'static str,
        /// What it does not go with.
        with: &'static str,
    },
    /// A character that is no hexadecimal digit.
    HexDigit,
    /// An odd number of hexadecimal digits.
    OddHexDigits,
    /// A key of a length that its algorithm does not take.
    KeyLength {
        /// The lengths it takes, in octets.
        accepted: &'static [usize],
        /// The length given, in octets.
        actual: usize,
    },
    /// AES-CTR, AES-GCM and ChaCha20-Poly1305 MUST NOT have keys set by hand (RFC 8221 §3), and the association does
    /// not say that its sequence numbers are saved.
    CounterMode,
    /// The first statement is not the group.
    GroupFirst,
    /// A second group.
    SecondGroup,
    /// The text ends without a group.
    NoGroup,
    /// An address of another family than the group's.
    Family,
    /// A member, sender or association that there is already, by address and port, address, or SPI.
    Duplicate {
        /// The line of the first one.
        line: u32,
    },
    /// The identifier of another sender.
    DuplicateSenderId {
        /// The line of that one.
        line: u32,
    },
    /// An identifier of another size than an earlier sender's: all of a group are of one size (RFC 6054 §2).
    SenderIdSize {
        /// The line of the earlier one.
        line: u32,
    },
    /// A member with a port among members without, or the other way round: a packet has ports for all or for none.
    Ports {
        /// The line of the first member.
        line: u32,
    },
    /// More members, senders or associations than there can be.
    TooMany {
        /// How many there can be.
        max: usize,
    },
    /// The terms of an association are not sound.
    Terms(TermsError),
}

/// What is wrong with a text, and where. Nothing of the text is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ManualError {
    kind: ManualErrorKind,
    line: u32,
    column: u32,
}

impl ManualError {
    pub(super) const fn new(kind: ManualErrorKind, line: u32, column: u32) -> Self {
        Self { kind, line, column }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(self) -> ManualErrorKind {
        self.kind
    }

    /// The line, counted from 1.
    #[must_use]
    pub const fn line(self) -> u32 {
        self.line
    }

    /// The column, counted in characters (Unicode scalar values) from 1.
    #[must_use]
    pub const fn column(self) -> u32 {
        self.column
    }
}

impl core::fmt::Display for ManualError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        use ManualErrorKind as K;
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        match self.kind {
            K::Unexpected { expected } => write!(f, "expected {expected}"),
            K::Ends { expected } => write!(f, "the statement ends where {expected} is expected"),
            K::NothingToContinue => f.write_str("begins with a blank, and there is no statement to continue"),
            K::DuplicateKey { key } => write!(f, "{key} stands here a second time"),
            K::MissingKey { key } => write!(f, "{key} is missing"),
            K::UselessKey { key, with } => write!(f, "{key} does not go with {with}"),
            K::HexDigit => f.write_str("expected a hexadecimal digit"),
            K::OddHexDigits => f.write_str("expected two hexadecimal digits for each octet"),
            K::KeyLength { accepted, actual } => {
                f.write_str("expected a key of ")?;
                for (index, len) in accepted.iter().enumerate() {
                    write!(f, "{}{len}", if index == 0 { "" } else { " or " })?;
                }
                write!(f, " octets, not of {actual}")
            }
            K::CounterMode => f.write_str(
                "RFC 8221 forbids counter modes with keys set by hand, unless sequence-numbers are said to be saved",
            ),
            K::GroupFirst => f.write_str("the group comes first"),
            K::SecondGroup => f.write_str("a second group"),
            K::NoGroup => f.write_str("the text ends without a group"),
            K::Family => f.write_str("an address of another family than the group's"),
            K::Duplicate { line } => write!(f, "the same as in line {line}"),
            K::DuplicateSenderId { line } => write!(f, "the identifier of the sender in line {line}"),
            K::SenderIdSize { line } => write!(f, "an identifier of another size than in line {line}"),
            K::Ports { line } => write!(f, "either all members have a port or none, unlike the one in line {line}"),
            K::TooMany { max } => write!(f, "more than {max} of these"),
            K::Terms(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ManualError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.kind {
            ManualErrorKind::Terms(error) => Some(error),
            _ => None,
        }
    }
}
