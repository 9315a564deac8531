//! Members as they are listed in messages.

use core::net::IpAddr;

use crate::group::membership::Incarnation;
use crate::group::membership::octets::{Reader, Writer};

/// What a member does in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "a packet is sent or received")]
pub struct Roles {
    /// It may send to the group, and is told who belongs to it.
    pub sender: bool,
    /// It is among the destinations.
    pub receiver: bool,
}

impl Roles {
    /// Receives and does not send.
    pub const RECEIVER: Self = Self { sender: false, receiver: true };
    /// Sends and does not receive.
    pub const SENDER: Self = Self { sender: true, receiver: false };
    /// Does both.
    pub const BOTH: Self = Self { sender: true, receiver: true };

    pub(crate) const fn bits(self) -> u8 {
        (self.sender as u8) | ((self.receiver as u8) << 1)
    }

    /// `None` for other bits, and for a member that does neither.
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            1..=3 => Some(Self { sender: bits & 1 != 0, receiver: bits & 2 != 0 }),
            _ => None,
        }
    }
}

/// A member of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Entry {
    /// Its address, by which the channel to it authenticates it.
    pub address: IpAddr,
    /// What it does.
    pub roles: Roles,
    /// Its present stay.
    pub incarnation: Incarnation,
}

impl Entry {
    /// An entry.
    #[must_use]
    pub const fn new(address: IpAddr, roles: Roles, incarnation: Incarnation) -> Self {
        Self { address, roles, incarnation }
    }
}

/// What happened to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It came in.
    Joined,
    /// It left.
    Left,
    /// It was expelled.
    Expelled,
}

/// A change of the membership: makes one [`Version`](crate::group::membership::Version) the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// To whom.
    pub entry: Entry,
}

const IPV6: u8 = 0x04;
const KIND: u8 = 0x30;
const LEFT: u8 = 0x10;
const EXPELLED: u8 = 0x20;

impl Change {
    pub(crate) const fn joined(entry: Entry) -> Self {
        Self { kind: ChangeKind::Joined, entry }
    }

    pub(in crate::group::membership) fn emit(&self, out: &mut Writer<'_>) {
        let kind = match self.kind {
            ChangeKind::Joined => 0,
            ChangeKind::Left => LEFT,
            ChangeKind::Expelled => EXPELLED,
        };
        let family = if self.entry.address.is_ipv6() { IPV6 } else { 0 };
        out.u8(kind | family | self.entry.roles.bits());
        out.u64(self.entry.incarnation.value());
        match self.entry.address {
            IpAddr::V4(address) => out.put(&address.octets()),
            IpAddr::V6(address) => out.put(&address.octets()),
        }
    }

    pub(in crate::group::membership) fn parse(octets: &mut Reader<'_>) -> Option<Self> {
        let flags = octets.u8()?;
        let kind = match flags & KIND {
            0 => ChangeKind::Joined,
            LEFT => ChangeKind::Left,
            EXPELLED => ChangeKind::Expelled,
            _ => return None,
        };
        let roles = Roles::from_bits(flags & !(KIND | IPV6))?;
        let incarnation = Incarnation::new(octets.u64()?);
        let address =
            if flags & IPV6 == 0 { IpAddr::from(octets.array::<4>()?) } else { IpAddr::from(octets.array::<16>()?) };
        let usable = is_usable(address) && incarnation > Incarnation::NONE;
        usable.then_some(Self { kind, entry: Entry { address, roles, incarnation } })
    }
}

/// Whether a member can have the address: one host's, written in one way only.
pub(crate) fn is_usable(address: IpAddr) -> bool {
    let mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    !(mapped || address.is_multicast() || address.is_unspecified())
}

/// A list of changes, read where it lies; checked when the message was parsed.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    octets: &'a [u8],
    count: usize,
}

impl<'a> Changes<'a> {
    /// Reads `count` entries that fill `octets`, none for the same member's same stay twice.
    ///
    /// # Errors
    ///
    /// The index of the first entry that is wrong; `count` if octets are left over.
    pub(super) fn new(octets: &'a [u8], count: usize, only_joined: bool) -> Result<Self, usize> {
        let list = Self { octets, count };
        let mut reader = Reader::new(octets);
        for index in 0..count {
            let change = Change::parse(&mut reader).ok_or(index)?;
            let one = |other: &Change| other.entry.address == change.entry.address;
            // In a list of members each stands once; among changes one may come and go.
            let again = list.iter().take(index).any(|other| one(&other) && (only_joined || other == change));
            if again || (only_joined && change.kind != ChangeKind::Joined) {
                return Err(index);
            }
        }
        if reader.rest().is_empty() { Ok(list) } else { Err(count) }
    }

    /// The changes, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Change> + Clone + use<'a> {
        let mut reader = Reader::new(self.octets);
        (0..self.count).map_while(move |_| Change::parse(&mut reader))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}
