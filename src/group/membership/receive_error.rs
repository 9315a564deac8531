//! Why a message was not taken.

use super::message::MessageError;

/// Why a message was not taken. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceiveError {
    /// It cannot be read.
    Message(MessageError),
    /// It is about another group.
    OtherGroup,
    /// Its type is not for this end.
    Unexpected,
    /// Who sent it may not send this: neither a member, nor the controller, nor a key server listened to.
    NotAuthorised,
    /// It is about something that is over, or answers what was not asked: late, repeated or made up.
    Stale,
    /// The list in it has more members than there is room for.
    TooManyMembers,
}

impl From<MessageError> for ReceiveError {
    fn from(error: MessageError) -> Self {
        Self::Message(error)
    }
}

impl core::fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Message(error) => error.fmt(f),
            Self::OtherGroup => f.write_str("about another group"),
            Self::Unexpected => f.write_str("type that is not for this end"),
            Self::NotAuthorised => f.write_str("sent by who may not send it"),
            Self::Stale => f.write_str("about something that is over"),
            Self::TooManyMembers => f.write_str("more members than there is room for"),
        }
    }
}

impl core::error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Message(error) => Some(error),
            _ => None,
        }
    }
}
