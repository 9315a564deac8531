//! The messages between controllers, key servers and members (project-defined: the draft asks for "some simple protocol",
//! §2.1.1.1, §4.2.2).
//!
//! They travel over a channel of the host's that authenticates both ends and keeps the content secret. Whatever comes out of
//! it is read as if its sender were hostile: a member may be.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      'X'      |      'M'      |  Version = 1  |     Type      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      Length of the body       |       Reserved, zero          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                      Group (64 bits)                          |
//! |               Membership version (64 bits)                    |
//! |                      Epoch (64 bits)                          |
//! |                   Incarnation (64 bits)                       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Body ...                              |
//! ```
//!
//! | type | from, to | body | octets, header included |
//! |---|---|---|---|
//! | 1 join | member → controller | roles, 3 zero | 44 |
//! | 2 invite | controller → candidate | | 40 |
//! | 3 accept | controller → member | roles, 3 zero | 44 |
//! | 4 refuse | both ways | reason (16 bits), 2 zero | 44 |
//! | 5 push | key server → member | times, flags, sender's number, association | 56 + the association |
//! | 6 activate | key server → sender | | 40 |
//! | 7 acknowledge | both ways | type acknowledged, 3 zero | 44 |
//! | 8 reject | member → key server | reason (16 bits), 2 zero | 44 |
//! | 9 delete | key server → member | | 40 |
//! | 10 leave | member → controller | | 40 |
//! | 11 expelled | controller → member | reason (16 bits), 2 zero | 44 |
//! | 12 update | controller → sender | base version (64 bits), count, 3 zero, entries | 52 + 13 or 25 for each |
//! | 13 query | member → controller | | 40 |
//! | 14 answer | controller → member | count, 3 zero, entries | 44 + 13 or 25 for each |
//!
//! An entry is an octet of roles (1 sender, 2 receiver), family (4 IPv6) and kind (16 left, 32 expelled), the incarnation, and
//! the address. The body of a push:
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        Activate in (ATD that is left, milliseconds)           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |    Deactivate older in (DTD that is left, milliseconds)       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |0 0 0 0 0 0 S C|   Reserved    |       Sender's number         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Length of the association    |       Reserved, zero          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                      Association ...                          |
//! ```
//!
//! C: nothing is sent under older epochs any more. S: the member may send, as the sender with this number (RFC 6054).
//!
//! The largest update, 127 members with IPv6 addresses, has 3227 octets. Up to 49 of them (94 with IPv4) fit into 1280: a
//! group beyond that needs a channel that fragments, or changes told one by one, as a sender that keeps up gets them.

mod codec;
pub(super) mod entry;
mod error;
mod reason;

pub use entry::{Change, ChangeKind, Changes, Entry, Roles};
pub use error::{BufferTooSmall, MessageError};
pub use reason::{ExpelReason, RefuseReason, RejectReason};

pub(super) use codec::emit_list;

use super::{Epoch, GroupId, Incarnation, Version};

/// Octets of the header that every message starts with.
pub const MESSAGE_HEADER_LEN: usize = 40;
/// Octets of a push in front of the association it carries.
pub const PUSH_OVERHEAD: usize = MESSAGE_HEADER_LEN + 16;
/// Octets of the longest message other than a push: an update about 127 members with IPv6 addresses.
pub const MAX_LIST_MESSAGE_LEN: usize = MESSAGE_HEADER_LEN + 12 + 127 * 25;
/// The most members a group can have: so many destinations fit into an Xcast packet (RFC 5058 §9.2.2).
pub const MAX_MEMBERS: usize = 127;

/// What is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Acknowledged {
    /// That it was accepted; the incarnation says when.
    Accept,
    /// A push; the epoch says which.
    Push,
    /// An activation; the epoch says which.
    Activate,
    /// A deletion.
    Delete,
    /// That a member leaves.
    Leave,
    /// That it was expelled.
    Expelled,
    /// An update; the membership version is the one the sender now has, whatever the update was.
    Update,
}

impl Acknowledged {
    const fn code(self) -> u8 {
        match self {
            Self::Accept => 3,
            Self::Push => 5,
            Self::Activate => 6,
            Self::Delete => 9,
            Self::Leave => 10,
            Self::Expelled => 11,
            Self::Update => 12,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            3 => Self::Accept,
            5 => Self::Push,
            6 => Self::Activate,
            9 => Self::Delete,
            10 => Self::Leave,
            11 => Self::Expelled,
            12 => Self::Update,
            _ => return None,
        })
    }
}

/// What is common to all messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "the format has these")]
pub struct Header {
    /// Which group it is about.
    pub group: GroupId,
    /// The membership as the message's sender knows it.
    pub version: Version,
    /// The generation of keys it is about, or none.
    pub epoch: Epoch,
    /// The stay of the member that it is from or for; in an invitation and its refusal the invitation's number.
    pub incarnation: Incarnation,
}

/// What a push says of an association.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the format has these")]
pub struct Push<'a> {
    /// Milliseconds until it is sent under: what is left of the ATD (RFC 5374 §4.2.1).
    pub activate_in: u32,
    /// Milliseconds until older ones end: what is left of the DTD (RFC 5374 §4.2.1).
    pub deactivate_in: u32,
    /// Nothing is sent under older ones any more.
    pub cut: bool,
    /// The member may send under it, as the sender with this number.
    pub sender: Option<u16>,
    /// The association, opaque here. It holds keys.
    pub association: &'a [u8],
}

impl core::fmt::Debug for Push<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Push")
            .field("activate_in", &self.activate_in)
            .field("deactivate_in", &self.deactivate_in)
            .field("cut", &self.cut)
            .field("sender", &self.sender)
            .field("len", &self.association.len())
            .finish_non_exhaustive()
    }
}

/// What a message says.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Body<'a> {
    /// Asks to be let in.
    Join {
        /// What it wants to do.
        roles: Roles,
    },
    /// Invites.
    Invite,
    /// Lets in.
    Accept {
        /// What it may do.
        roles: Roles,
    },
    /// Does not let in, does not answer, does not come, or does not belong to the group.
    Refuse(RefuseReason),
    /// Hands out an association.
    Push(Push<'a>),
    /// Everybody has the epoch: it may be sent under.
    Activate,
    /// Something arrived and was carried out.
    Acknowledge(Acknowledged),
    /// An association was not taken.
    Reject(RejectReason),
    /// This epoch and all older ones are to be deleted.
    Delete,
    /// Leaves.
    Leave,
    /// Was expelled.
    Expelled(ExpelReason),
    /// Changes since a version; the header has the version that they lead to.
    Update {
        /// The version they start from; [`Version::NONE`] if the list is complete.
        base: Version,
        /// The changes, one for each version in between, or the members.
        changes: Changes<'a>,
    },
    /// Asks who belongs to the group.
    Query,
    /// Says who.
    Answer {
        /// The members.
        members: Changes<'a>,
    },
}

/// A message.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "the format has these")]
pub struct Message<'a> {
    /// What is common to all.
    pub header: Header,
    /// What it says.
    pub body: Body<'a>,
}
