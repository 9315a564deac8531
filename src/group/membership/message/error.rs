//! Why octets are no message, or a message did not fit.

/// Why octets are no message. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageError {
    /// There are fewer octets than a header has.
    TooShort {
        /// How many there are.
        actual: usize,
    },
    /// It does not start with the octets `XM`.
    Magic,
    /// A format this version does not know.
    UnsupportedVersion(u8),
    /// A type this version does not know.
    UnknownType(u8),
    /// The header states another length of the body than there is.
    Length {
        /// As stated, in octets.
        stated: usize,
        /// As there are.
        actual: usize,
    },
    /// The body has a length that its type cannot have.
    BodyLength {
        /// Its length in octets.
        actual: usize,
    },
    /// An octet that must be zero is not.
    Reserved,
    /// A number that must be given is 0.
    MissingNumber,
    /// Roles that no member can have.
    Roles,
    /// An acknowledgement of what is not acknowledged.
    Acknowledged(u8),
    /// Flags that a push cannot have, or a sender's number for who may not send.
    Flags,
    /// The old epochs would end before the new one begins.
    Times,
    /// There is no association in it.
    NoAssociation,
    /// An entry of a list is wrong, stands there twice, or octets are left behind the last.
    Entry {
        /// Its index, from 0.
        index: usize,
    },
}

impl core::fmt::Display for MessageError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooShort { actual } => write!(f, "{actual} octets are too few for a header"),
            Self::Magic => f.write_str("not a membership message"),
            Self::UnsupportedVersion(version) => write!(f, "unknown format version {version}"),
            Self::UnknownType(kind) => write!(f, "unknown message type {kind}"),
            Self::Length { stated, actual } => write!(f, "body of {actual} octets, stated are {stated}"),
            Self::BodyLength { actual } => write!(f, "body of {actual} octets does not fit its type"),
            Self::Reserved => f.write_str("reserved octet not zero"),
            Self::MissingNumber => f.write_str("a number that must be given is zero"),
            Self::Roles => f.write_str("impossible roles"),
            Self::Acknowledged(kind) => write!(f, "message type {kind} is not acknowledged"),
            Self::Flags => f.write_str("impossible flags"),
            Self::Times => f.write_str("deactivation before activation"),
            Self::NoAssociation => f.write_str("no association in the push"),
            Self::Entry { index } => write!(f, "entry {index} of the list is wrong"),
        }
    }
}

impl core::error::Error for MessageError {}

/// The buffer is too small for a message. Nothing was written of it that counts, and nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BufferTooSmall {
    /// Octets needed.
    pub needed: usize,
}

impl core::fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} octets needed", self.needed)
    }
}

impl core::error::Error for BufferTooSmall {}
