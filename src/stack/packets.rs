//! A list of members in packets that fit.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::limits::Limits;
use super::member::Slot;
use super::{Member, MemberId, Origin, Session, SessionConfig};
use crate::wire::{
    CodePoints, DestinationSet, Destinations, Dscp, DscpSet, EmitError, MAX_DESTINATIONS, StandardMerge, XcastRepr,
    headers_len,
};

/// Not even one destination fits in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NothingFits {
    /// Octets of a packet to one destination, without what AH or a tunnel puts around it.
    pub needed: usize,
    /// Octets there are for it.
    pub mtu: usize,
}

impl core::fmt::Display for NothingFits {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { needed, mtu } = self;
        write!(f, "a packet to one destination needs {needed} octets, there are {mtu}")
    }
}

impl core::error::Error for NothingFits {}

/// The packets of a session, in order: see [`Session::packets`].
#[derive(Clone, Debug)]
pub struct Packets<'s, const N: usize> {
    session: &'s Session<N>,
    /// Destinations that a packet takes.
    capacity: usize,
    /// Whose place was in a packet before.
    taken: [bool; N],
}

impl<'s, const N: usize> Packets<'s, N> {
    pub(super) fn new(session: &'s Session<N>, limits: &Limits) -> Result<Self, NothingFits> {
        Ok(Self { session, capacity: capacity(session, limits)?, taken: [false; N] })
    }
}

/// The destinations that a packet of `session` takes.
pub(super) fn capacity<const N: usize>(session: &Session<N>, limits: &Limits) -> Result<usize, NothingFits> {
    let (family, dscps, ports) = (session.family(), session.has_dscps(), session.has_ports());
    let place = session.config().bitmap;
    match limits.destinations(family, dscps, ports, place) {
        0 => {
            let needed = headers_len(family, 1, dscps, ports, place).saturating_add(limits.behind_len());
            Err(NothingFits { needed, mtu: limits.mtu().min(family.max_packet_len()) })
        }
        capacity => Ok(capacity),
    }
}

impl<'s, const N: usize> Iterator for Packets<'s, N> {
    type Item = SessionPacket<'s>;

    fn next(&mut self) -> Option<SessionPacket<'s>> {
        let mut packet = SessionPacket::empty(self.session);
        let mut dscps = DscpSet::EMPTY;
        for (slot, taken) in self.session.slots().iter().zip(&mut self.taken) {
            let Some(slot) = slot else { continue };
            if *taken || packet.len() >= self.capacity {
                continue;
            }
            let dscp = slot.member.dscp.unwrap_or_default();
            if dscps.takes(&StandardMerge, dscp) && packet.ids.push(slot.id).is_ok() {
                dscps.insert(dscp);
                *taken = true;
            }
        }
        if packet.is_empty() { None } else { Some(packet) }
    }
}

/// Members of a session that share a packet.
#[derive(Clone, Debug)]
pub struct SessionPacket<'s> {
    config: &'s SessionConfig,
    slots: &'s [Option<Slot>],
    has_dscps: bool,
    has_ports: bool,
    /// In the order of the list of destinations.
    ids: heapless::Vec<MemberId, MAX_DESTINATIONS>,
}

impl<'s> SessionPacket<'s> {
    fn empty<const N: usize>(session: &'s Session<N>) -> Self {
        Self {
            config: session.config(),
            slots: session.slots(),
            has_dscps: session.has_dscps(),
            has_ports: session.has_ports(),
            ids: heapless::Vec::new(),
        }
    }

    /// To the first member of a session alone.
    pub(super) fn to_first<const N: usize>(session: &'s Session<N>) -> Option<Self> {
        let mut packet = Self::empty(session);
        let (id, _) = session.members().next()?;
        packet.ids.push(id).ok()?;
        Some(packet)
    }

    /// Its members, served or not, in the order of the list of destinations.
    #[must_use]
    pub fn ids(&self) -> &[MemberId] {
        &self.ids
    }

    /// Its members, served or not, in the order of the list of destinations.
    pub fn members(&self) -> impl Iterator<Item = &'s Member> {
        self.slots_listed().map(|slot| &slot.member)
    }

    /// Destinations listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it lists nobody; [`Session::packets`] gives none of that kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether it serves nobody, as all its members are disabled: such a packet is not sent (project-defined; a router has
    /// nothing to do with it).
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.bits().is_empty()
    }

    /// Its bitmap: the members that are enabled.
    #[must_use]
    pub fn bits(&self) -> DestinationSet {
        self.slots_listed().enumerate().filter(|(_, slot)| slot.enabled).map(|(index, _)| index).collect()
    }

    /// Octets of all headers, from the IP header to the last Xcast header.
    #[must_use]
    pub fn header_len(&self) -> usize {
        headers_len(self.config.origin.family(), self.len(), self.has_dscps, self.has_ports, self.config.bitmap)
    }

    /// Writes all headers for `payload_len` octets of `next_protocol`, and returns the part of `buffer` that those go to. With
    /// A=1 the addresses of disabled members are left out: they are zero.
    ///
    /// # Errors
    ///
    /// - Those of [`XcastRepr::emit`]; `buffer` is unchanged.
    pub fn emit<'b>(
        &self,
        code_points: &CodePoints,
        next_protocol: u8,
        payload_len: usize,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], EmitError> {
        self.with_repr(self.bits(), next_protocol, |repr| self.emit_repr(repr, code_points, payload_len, buffer))
    }

    /// Writes `repr` to All_Xcast_Routers or the session's router.
    pub(super) fn emit_repr<'b>(
        &self,
        repr: &XcastRepr<'_>,
        code_points: &CodePoints,
        payload_len: usize,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], EmitError> {
        match self.config.router {
            None => repr.emit(code_points, payload_len, buffer),
            Some(router) => repr.emit_to(router, code_points, payload_len, buffer),
        }
    }

    /// Hands what is to be built to `f`, serving `bits`.
    pub(super) fn with_repr<T>(
        &self,
        bits: DestinationSet,
        next_protocol: u8,
        f: impl FnOnce(&XcastRepr<'_>) -> T,
    ) -> T {
        match self.config.origin {
            Origin::V4 { source, channel } => self.with_v4((source, channel), bits, next_protocol, f),
            Origin::V6 { source, channel } => self.with_v6((source, channel), bits, next_protocol, f),
        }
    }

    // Not inlined: only the list that there is takes up stack, 508 or 2032 octets of it. Nor collected: the list would be
    // made in one place and moved to another.
    #[inline(never)]
    fn with_v4<T>(
        &self,
        (source, channel): (Ipv4Addr, [u8; 4]),
        bits: DestinationSet,
        next_protocol: u8,
        f: impl FnOnce(&XcastRepr<'_>) -> T,
    ) -> T {
        let mut addresses: heapless::Vec<Ipv4Addr, MAX_DESTINATIONS> = heapless::Vec::new();
        for address in self.shown(bits) {
            let address = if let Some(IpAddr::V4(address)) = address { address } else { Ipv4Addr::UNSPECIFIED };
            // There is room for all.
            let _ = addresses.push(address);
        }
        self.with_lists(Destinations::V4 { source, channel, addresses: &addresses }, bits, next_protocol, f)
    }

    #[inline(never)]
    fn with_v6<T>(
        &self,
        (source, channel): (Ipv6Addr, [u8; 16]),
        bits: DestinationSet,
        next_protocol: u8,
        f: impl FnOnce(&XcastRepr<'_>) -> T,
    ) -> T {
        let mut addresses: heapless::Vec<Ipv6Addr, MAX_DESTINATIONS> = heapless::Vec::new();
        for address in self.shown(bits) {
            let address = if let Some(IpAddr::V6(address)) = address { address } else { Ipv6Addr::UNSPECIFIED };
            // There is room for all.
            let _ = addresses.push(address);
        }
        self.with_lists(Destinations::V6 { source, channel, addresses: &addresses }, bits, next_protocol, f)
    }

    /// The addresses of its members; of those that `bits` does not serve none with A=1.
    fn shown(&self, bits: DestinationSet) -> impl Iterator<Item = Option<IpAddr>> {
        let anonymous = self.config.anonymous;
        let members = self.members().enumerate();
        members.map(move |(index, member)| (!anonymous || bits.contains(index)).then_some(member.address))
    }

    fn with_lists<T>(
        &self,
        destinations: Destinations<'_>,
        bits: DestinationSet,
        next_protocol: u8,
        f: impl FnOnce(&XcastRepr<'_>) -> T,
    ) -> T {
        let mut dscps: heapless::Vec<Dscp, MAX_DESTINATIONS> = heapless::Vec::new();
        let mut ports: heapless::Vec<u16, MAX_DESTINATIONS> = heapless::Vec::new();
        for member in self.members() {
            // There is room for all.
            let _ = dscps.push(member.dscp.unwrap_or_default());
            if let Some(port) = member.port {
                let _ = ports.push(port);
            }
        }
        f(&XcastRepr {
            destinations,
            bits,
            dscps: self.has_dscps.then_some(&dscps),
            ports: self.has_ports.then_some(&ports),
            anonymous: self.config.anonymous,
            no_x2u: self.config.no_x2u,
            bitmap: self.config.bitmap,
            hop_limit: self.config.hop_limit,
            next_protocol,
        })
    }

    fn slots_listed(&self) -> impl Iterator<Item = &'s Slot> {
        // The session is borrowed, so that nobody has left it.
        self.ids.iter().filter_map(|id| self.slots.get(usize::from(id.place))?.as_ref())
    }

    pub(super) const fn config(&self) -> &'s SessionConfig {
        self.config
    }

    /// Whether there is a DSCP, and a port, per destination.
    pub(super) const fn lists(&self) -> (bool, bool) {
        (self.has_dscps, self.has_ports)
    }
}
