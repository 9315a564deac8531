//! The items of a text.

use core::iter::FusedIterator;
use core::net::IpAddr;

use super::association;
use super::error::{Expected, ManualError, ManualErrorKind};
use super::statement::{Keys, Keyword, Statement, Statements, keys};
use super::values::{DSCP, SENDER_ID, dscp, number, sender_id, unicast};
use crate::group::gdoi::MAX_ASSOCIATIONS;
use crate::group::{GroupSa, Rollover};
use crate::ipsec::SenderId;
use crate::wire::{Dscp, Family, MAX_DESTINATIONS};

const SECONDS: Expected = Expected::Kind("a number of seconds from 0 to 65535");

static GROUP_KEYS: Keys<3> = keys! {
    "epoch": Expected::Kind("a number from 0 to 4294967295"),
    "activation-delay": SECONDS,
    "deactivation-delay": SECONDS,
};
static MEMBER_KEYS: Keys<2> = keys! {
    "port": Expected::Kind("a port from 1 to 65535"),
    "dscp": DSCP,
};
static SENDER_KEYS: Keys<1> = keys! {
    "id": SENDER_ID,
};

/// The group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Group {
    /// All_Xcast_Routers, the destination of every association.
    pub address: IpAddr,
    /// Which of the group's successive keys the associations are.
    pub epoch: u32,
    /// How the group goes over to them.
    pub rollover: Rollover,
}

/// A member, who receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Member {
    /// Its address.
    pub address: IpAddr,
    /// The port it is delivered to (RFC 5058 §8.1), for all members or for none.
    pub port: Option<u16>,
    /// Its DSCP (RFC 5058 §8.2).
    pub dscp: Option<Dscp>,
}

/// A member that may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sender {
    /// Its address.
    pub address: IpAddr,
    /// Its identifier where senders share the key of a counter mode (RFC 6054).
    pub id: Option<SenderId>,
}

/// What a statement says.
#[derive(Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "there is no heap to put the keys on")]
pub enum Item {
    /// The group. Always the first item, and the only one of its kind.
    Group(Group),
    /// A member.
    Member(Member),
    /// A sender.
    Sender(Sender),
    /// An association, with its keys.
    Association(GroupSa),
}

/// The items of a text, one after the other. Whoever wants nothing of a faulty text reads it to the end before using
/// any.
///
/// After an error there are no more. `Debug` shows nothing of the text.
pub struct Config<'a> {
    text: &'a str,
    statements: Statements<'a>,
    group: Option<Group>,
    ended: bool,
}

impl<'a> Config<'a> {
    /// Of a text, which is read as items are asked for.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text, statements: Statements::new(text), group: None, ended: false }
    }

    fn read(&mut self) -> Result<Option<Item>, ManualError> {
        let Some(statement) = self.statements.next() else {
            let no_group = self.statements.error(ManualErrorKind::NoGroup);
            return if self.group.is_some() { Ok(None) } else { Err(no_group) };
        };
        let statement = statement?;
        let Some(group) = self.group else {
            if statement.keyword != Keyword::Group {
                return Err(statement.head.error(ManualErrorKind::GroupFirst));
            }
            return Ok(Some(Item::Group(*self.group.insert(read_group(&statement)?))));
        };
        Ok(Some(match statement.keyword {
            Keyword::Group => return Err(statement.head.error(ManualErrorKind::SecondGroup)),
            Keyword::Member => Item::Member(self.member(&statement, &group)?),
            Keyword::Sender => Item::Sender(self.sender(&statement, &group)?),
            Keyword::Association => {
                let association = association::read(&statement, &group)?;
                let own = association.terms().spi;
                for earlier in self.earlier(&statement, MAX_ASSOCIATIONS)? {
                    if association::spi(&earlier) == Ok(own) {
                        return Err(duplicate(&statement, &earlier));
                    }
                }
                Item::Association(association)
            }
        }))
    }

    /// The statements in front of one with the same keyword, all of which were read before; an error if there are `max`
    /// of them already. They are read anew, so that no table of them has to be kept.
    fn earlier(
        &self,
        statement: &Statement<'a>,
        max: usize,
    ) -> Result<impl Iterator<Item = Statement<'a>> + Clone, ManualError> {
        let keyword = statement.keyword;
        let before = self.text.get(..statement.head.offset).unwrap_or_default();
        let earlier = Statements::new(before).flatten().filter(move |earlier| earlier.keyword == keyword);
        if earlier.clone().count() >= max {
            return Err(statement.head.error(ManualErrorKind::TooMany { max }));
        }
        Ok(earlier)
    }

    fn member(&self, statement: &Statement<'a>, group: &Group) -> Result<Member, ManualError> {
        let own = read_member(statement, group)?;
        for statement_before in self.earlier(statement, MAX_DESTINATIONS)? {
            let earlier = read_member(&statement_before, group)?;
            if earlier.port.is_some() != own.port.is_some() {
                return Err(statement.head.error(ManualErrorKind::Ports { line: statement_before.head.line }));
            }
            if (earlier.address, earlier.port) == (own.address, own.port) {
                return Err(duplicate(statement, &statement_before));
            }
        }
        Ok(own)
    }

    fn sender(&self, statement: &Statement<'a>, group: &Group) -> Result<Sender, ManualError> {
        let (own, id_word) = read_sender(statement, group)?;
        for statement_before in self.earlier(statement, MAX_DESTINATIONS)? {
            let (earlier, _) = read_sender(&statement_before, group)?;
            let line = statement_before.head.line;
            if earlier.address == own.address {
                return Err(duplicate(statement, &statement_before));
            }
            if let (Some(id), Some(before)) = (own.id, earlier.id) {
                let at = id_word.unwrap_or(statement.head);
                if id.bits() != before.bits() {
                    return Err(at.error(ManualErrorKind::SenderIdSize { line }));
                }
                if id == before {
                    return Err(at.error(ManualErrorKind::DuplicateSenderId { line }));
                }
            }
        }
        Ok(own)
    }
}

fn duplicate(statement: &Statement<'_>, earlier: &Statement<'_>) -> ManualError {
    statement.head.error(ManualErrorKind::Duplicate { line: earlier.head.line })
}

fn read_group(statement: &Statement<'_>) -> Result<Group, ManualError> {
    let address = statement.subject.text.parse().ok().filter(IpAddr::is_multicast).ok_or(statement.bad_subject())?;
    let pairs = statement.pairs(&GROUP_KEYS)?;
    let rollover = Rollover {
        activation_delay: pairs.value("activation-delay", number)?.unwrap_or_default(),
        deactivation_delay: pairs.value("deactivation-delay", number)?.unwrap_or_default(),
    };
    Ok(Group { address, epoch: pairs.value("epoch", number)?.unwrap_or_default(), rollover })
}

/// The subject of a member or sender: an address of the group's family.
fn address_of(statement: &Statement<'_>, group: &Group) -> Result<IpAddr, ManualError> {
    let address = unicast(statement.subject.text).ok_or(statement.bad_subject())?;
    if Family::of(&address) == Family::of(&group.address) {
        Ok(address)
    } else {
        Err(statement.subject.error(ManualErrorKind::Family))
    }
}

fn read_member(statement: &Statement<'_>, group: &Group) -> Result<Member, ManualError> {
    let address = address_of(statement, group)?;
    let pairs = statement.pairs(&MEMBER_KEYS)?;
    let port = pairs.value("port", |text| number(text).filter(|&port| port != 0))?;
    Ok(Member { address, port, dscp: pairs.value("dscp", dscp)? })
}

/// The sender, and where its identifier stands.
fn read_sender<'a>(
    statement: &Statement<'a>,
    group: &Group,
) -> Result<(Sender, Option<super::words::Word<'a>>), ManualError> {
    let address = address_of(statement, group)?;
    let pairs = statement.pairs(&SENDER_KEYS)?;
    Ok((Sender { address, id: pairs.value("id", sender_id)? }, pairs.word("id")))
}

impl Iterator for Config<'_> {
    type Item = Result<Item, ManualError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

impl FusedIterator for Config<'_> {}

impl core::fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config").field("group", &self.group).field("ended", &self.ended).finish_non_exhaustive()
    }
}
