//! A session as its sender keeps it: who is in it, and who is served at the moment.

use core::net::IpAddr;

use super::limits::Limits;
use super::member::Slot;
use super::packets::{NothingFits, Packets};
use super::{Member, MemberId, Origin};
use crate::wire::{BitmapPlace, Family, is_routable_unicast};

/// What holds for all packets of a session. Start from [`SessionConfig::new`] and change fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SessionConfig {
    /// Sender and channel.
    pub origin: Origin,
    /// TTL or Hop Limit. Default: 64.
    pub hop_limit: u8,
    /// A: members are not told of each other; routers erase addresses served elsewhere, and the sender those that are disabled
    /// (RFC 5058 §9.2.2, draft §2.1.2). Not with a separated bitmap. Default: no.
    pub anonymous: bool,
    /// X: routers must not make unicast packets. Set on the wire in any case under AH and ESP. Default: no.
    pub no_x2u: bool,
    /// Where the bitmap goes: [`BitmapPlace::Option`] if AH is to cover the Xcast header (draft §3.2). Default: the header.
    pub bitmap: BitmapPlace,
    /// The unicast address of a router that packets go to instead of All_Xcast_Routers, where only few routers know Xcast
    /// (RFC 5058 §11.5). AH and ESP have no place in such packets. Default: none.
    pub router: Option<IpAddr>,
}

impl SessionConfig {
    /// From `origin`, with the defaults.
    #[must_use]
    pub const fn new(origin: Origin) -> Self {
        Self { origin, hop_limit: 64, anonymous: false, no_x2u: false, bitmap: BitmapPlace::Header, router: None }
    }
}

/// Why a session cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionError {
    /// A sender that no packet can be routed from (multicast, unspecified, loopback, limited broadcast, link-local).
    UnusableSource,
    /// Anonymity together with a separated bitmap: routers would have to change an immutable header.
    AnonymousWithSeparatedBitmap,
    /// A router's address that is of the other family than the sender's, or that no packet can be routed to.
    UnusableRouter,
}

impl core::fmt::Display for SessionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::UnusableSource => "the source cannot be routed from",
            Self::AnonymousWithSeparatedBitmap => "anonymity and a separated bitmap exclude each other",
            Self::UnusableRouter => "the router's address cannot be used",
        })
    }
}

impl core::error::Error for SessionError {}

/// Why a member was not added. The session is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemberError {
    /// Of the other family than the session.
    Family,
    /// An address that no packet can be routed to (multicast, unspecified, loopback, limited broadcast, link-local).
    UnusableAddress,
    /// Port 0, which nobody listens on, and which stands in the transport header for "see the list" (RFC 5058 §8.1).
    PortZero,
    /// No port, where the others have one. There is one transport header for all: without a port in the list its destination
    /// port would have to be this member's, and with a list it is 0 (RFC 5058 §8.1).
    PortMissing,
    /// A port, where the others have none.
    PortUnexpected,
    /// The same address and port as another member's.
    Duplicate(MemberId),
    /// There is no room.
    Full,
}

impl core::fmt::Display for MemberError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Family => "of the other family than the session",
            Self::UnusableAddress => "the address cannot be routed to",
            Self::PortZero => "port 0",
            Self::PortMissing => "no port, where the other members have one",
            Self::PortUnexpected => "a port, where the other members have none",
            Self::Duplicate(_) => "another member has this address and port",
            Self::Full => "no room for another member",
        })
    }
}

impl core::error::Error for MemberError {}

/// A multicast session in the sense of RFC 5058 §2, as its sender keeps it: up to `N` members, at most 65536, each with a bit
/// that says whether it is served. There may be more than one header takes: [`packets`](Self::packets) splits the list.
///
/// ```
/// use core::net::IpAddr;
/// use xcast_sec::stack::{Limits, Member, Origin, Session, SessionConfig};
///
/// let source: IpAddr = "2001:db8::a".parse()?;
/// let mut session = Session::<200>::new(SessionConfig::new(Origin::without_channel(source)))?;
/// for member in 1..=150 {
///     session.add(Member::new([0x2001, 0xdb8, 1, 0, 0, 0, 0, member].into()))?;
/// }
/// let id = session.find("2001:db8:1::7".parse()?, None).ok_or("not a member")?;
/// session.disable(id);
///
/// // 160 octets of payload behind a UDP header, in the clear: 78 addresses fit in 1500 octets.
/// let packets = session.packets(&Limits::new(1500, 168))?;
/// let (listed, served): (Vec<_>, Vec<_>) = packets.map(|packet| (packet.len(), packet.bits().len())).unzip();
/// assert_eq!(listed, [78, 72]);
/// assert_eq!(served, [77, 72]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Session<const N: usize> {
    config: SessionConfig,
    /// A member stays at its place, so that it is found at once and headers prepared for it stay right.
    slots: [Option<Slot>; N],
    len: usize,
    /// How many have a DSCP.
    with_dscp: usize,
    next_serial: u32,
    revision: u64,
}

impl<const N: usize> Session<N> {
    /// A session without members.
    ///
    /// # Errors
    ///
    /// - [`SessionError`].
    pub fn new(config: SessionConfig) -> Result<Self, SessionError> {
        const { assert!(N <= 1 << 16, "a session has at most 65536 members") };
        if !is_routable_unicast(config.origin.source()) {
            return Err(SessionError::UnusableSource);
        }
        if config.anonymous && config.bitmap == BitmapPlace::Option {
            return Err(SessionError::AnonymousWithSeparatedBitmap);
        }
        let is_usable = |router| Family::of(&router) == config.origin.family() && is_routable_unicast(router);
        if !config.router.is_none_or(is_usable) {
            return Err(SessionError::UnusableRouter);
        }
        Ok(Self { config, slots: [None; N], len: 0, with_dscp: 0, next_serial: 0, revision: 0 })
    }

    /// What holds for all its packets.
    #[must_use]
    pub const fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.config.origin.family()
    }

    /// Adds a member, enabled. It takes the first free place, which is its place in the list of destinations.
    ///
    /// An address with two ports is two members. Where a router's rule splits their DSCPs, it gets one packet twice, and refuses
    /// the second as a replay under AH and ESP.
    ///
    /// # Errors
    ///
    /// - [`MemberError`].
    pub fn add(&mut self, member: Member) -> Result<MemberId, MemberError> {
        if Family::of(&member.address) != self.family() {
            return Err(MemberError::Family);
        }
        if !is_routable_unicast(member.address) {
            return Err(MemberError::UnusableAddress);
        }
        if member.port == Some(0) {
            return Err(MemberError::PortZero);
        }
        match (self.is_empty() || self.has_ports(), member.port) {
            (true, None) if !self.is_empty() => return Err(MemberError::PortMissing),
            (false, Some(_)) => return Err(MemberError::PortUnexpected),
            _ => {}
        }
        if let Some(present) = self.find(member.address, member.port) {
            return Err(MemberError::Duplicate(present));
        }
        let free = self.slots.iter_mut().enumerate().find(|(_, slot)| slot.is_none());
        let Some((place, slot)) = free else { return Err(MemberError::Full) };
        let id = MemberId { place: u16::try_from(place).map_err(|_| MemberError::Full)?, serial: self.next_serial };
        *slot = Some(Slot { id, member, enabled: true });
        self.next_serial = self.next_serial.wrapping_add(1);
        self.len = self.len.saturating_add(1);
        self.with_dscp = self.with_dscp.saturating_add(usize::from(member.dscp.is_some()));
        self.revision = self.revision.wrapping_add(1);
        Ok(id)
    }

    /// Removes a member and returns it. No header prepared before serves it any more.
    pub fn remove(&mut self, id: MemberId) -> Option<Member> {
        let Slot { member, .. } = *self.slot(id)?;
        if let Some(slot) = self.slots.get_mut(usize::from(id.place)) {
            *slot = None;
        }
        self.len = self.len.saturating_sub(1);
        self.with_dscp = self.with_dscp.saturating_sub(usize::from(member.dscp.is_some()));
        self.revision = self.revision.wrapping_add(1);
        Some(member)
    }

    /// Serves a member again. Returns whether it is there. Nothing is rebuilt: its bit changes.
    pub fn enable(&mut self, id: MemberId) -> bool {
        self.set_enabled(id, true)
    }

    /// Serves a member no more, and keeps it in the list. Returns whether it is there. Nothing is rebuilt: its bit changes.
    pub fn disable(&mut self, id: MemberId) -> bool {
        self.set_enabled(id, false)
    }

    /// Serves a member or not. Returns whether it is there.
    pub fn set_enabled(&mut self, id: MemberId, enabled: bool) -> bool {
        let slot = self.slots.get_mut(usize::from(id.place)).and_then(Option::as_mut).filter(|slot| slot.id == id);
        match slot {
            Some(slot) => {
                slot.enabled = enabled;
                true
            }
            None => false,
        }
    }

    /// Whether a member is there and served.
    #[must_use]
    pub fn is_enabled(&self, id: MemberId) -> bool {
        self.slot(id).is_some_and(|slot| slot.enabled)
    }

    /// The member of this name, if it is still there.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.slot(id).map(|slot| &slot.member)
    }

    /// The member at this address and port.
    #[must_use]
    pub fn find(&self, address: IpAddr, port: Option<u16>) -> Option<MemberId> {
        let found = |slot: &&Slot| slot.member.address == address && slot.member.port == port;
        self.slots.iter().flatten().find(found).map(|slot| slot.id)
    }

    /// The members, in the order of their places.
    pub fn members(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.slots.iter().flatten().map(|slot| (slot.id, &slot.member))
    }

    /// Members, served or not.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no member.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is a list of ports: all members have one.
    #[must_use]
    pub fn has_ports(&self) -> bool {
        self.slots.iter().flatten().next().is_some_and(|slot| slot.member.port.is_some())
    }

    /// Whether there is a list of DSCPs: some member has one. Those without get the default (project-defined: it is what
    /// their packets have without a list).
    #[must_use]
    pub const fn has_dscps(&self) -> bool {
        self.with_dscp > 0
    }

    /// Changes whenever a member is added or removed, and with it what [`packets`](Self::packets) gives: the time to prepare
    /// headers anew. Enabling and disabling does not change it.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The packets it takes to reach all members within `limits`, in order: each member, whether it is served or not, is in
    /// exactly one, so that what a member is in does not depend on who is enabled.
    ///
    /// A member goes into the first packet that has room and with whose members its DSCP merges, as a router would group them
    /// (RFC 5058 §8.2; first fit in the order of the list is project-defined). A packet that serves nobody at the moment is
    /// among them, so that its headers can be prepared; it is not to be sent (see [`SessionPacket::is_idle`]).
    ///
    /// [`SessionPacket::is_idle`]: super::SessionPacket::is_idle
    ///
    /// # Errors
    ///
    /// - [`NothingFits`]: not even one destination fits.
    pub fn packets(&self, limits: &Limits) -> Result<Packets<'_, N>, NothingFits> {
        Packets::new(self, limits)
    }

    pub(super) const fn slots(&self) -> &[Option<Slot>; N] {
        &self.slots
    }

    fn slot(&self, id: MemberId) -> Option<&Slot> {
        self.slots.get(usize::from(id.place))?.as_ref().filter(|slot| slot.id == id)
    }
}
