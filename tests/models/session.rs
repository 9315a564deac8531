//! A session's membership as a list, and how it is split into packets, written from RFC 5058 §2, §8 and §9 alone. Its user includes
//! `dscps.rs` beside it, as `dscps_model`.

use xcast_sec::stack::{Member, MemberError, MemberId};
use xcast_sec::wire::Dscp;

use super::dscps_model::merge;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) id: MemberId,
    pub(crate) member: Member,
    pub(crate) enabled: bool,
}

/// The places of a session, and everybody who ever had one.
pub(crate) struct Model {
    pub(crate) places: Vec<Option<Entry>>,
    pub(crate) ever: Vec<MemberId>,
}

impl Model {
    pub(crate) fn new(places: usize) -> Self {
        Self { places: vec![None; places], ever: Vec::new() }
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Entry> {
        self.places.iter().flatten()
    }

    pub(crate) fn get(&mut self, id: MemberId) -> Option<&mut Entry> {
        self.places.iter_mut().flatten().find(|entry| entry.id == id)
    }

    /// The place of a new member, or why there is none.
    pub(crate) fn place_for(&self, member: Member, v6: bool) -> Result<usize, MemberError> {
        if member.address.is_ipv6() != v6 {
            return Err(MemberError::Family);
        }
        if member.address.is_multicast() || member.address.is_unspecified() {
            return Err(MemberError::UnusableAddress);
        }
        if member.port == Some(0) {
            return Err(MemberError::PortZero);
        }
        if let Some(other) = self.members().next() {
            match (other.member.port, member.port) {
                (Some(_), None) => return Err(MemberError::PortMissing),
                (None, Some(_)) => return Err(MemberError::PortUnexpected),
                _ => {}
            }
        }
        let target = (member.address, member.port);
        if let Some(same) = self.members().find(|entry| (entry.member.address, entry.member.port) == target) {
            return Err(MemberError::Duplicate(same.id));
        }
        self.places.iter().position(Option::is_none).ok_or(MemberError::Full)
    }

    pub(crate) fn remove(&mut self, id: MemberId) -> Option<Member> {
        let place = self.places.iter_mut().find(|place| place.is_some_and(|entry| entry.id == id))?;
        place.take().map(|entry| entry.member)
    }

    pub(crate) fn lists(&self) -> Lists {
        let any = |wanted: fn(&Member) -> bool| self.members().any(|entry| wanted(&entry.member));
        Lists { dscps: any(|member| member.dscp.is_some()), ports: any(|member| member.port.is_some()) }
    }

    /// Each member, in the order of the places, into the first packet that has room and with all of whom its DSCP merges.
    pub(crate) fn packets(&self, capacity: usize) -> Vec<Vec<Entry>> {
        let mut packets: Vec<Vec<Entry>> = Vec::new();
        for entry in self.members() {
            let merges = |other: &Entry| merge(dscp(other), dscp(entry)).is_some();
            let takes = |packet: &&mut Vec<Entry>| packet.len() < capacity && packet.iter().all(merges);
            match packets.iter_mut().find(takes) {
                Some(packet) => packet.push(*entry),
                None => packets.push(vec![*entry]),
            }
        }
        packets
    }
}

pub(crate) fn dscp(entry: &Entry) -> u8 {
    entry.member.dscp.map_or(0, Dscp::value)
}

/// What there is for each destination beside its address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lists {
    pub(crate) dscps: bool,
    pub(crate) ports: bool,
}

impl Lists {
    /// Octets of all headers of a packet to `count` destinations; `None` if there is no such packet.
    pub(crate) fn headers_len(self, v6: bool, separated: bool, count: usize) -> Option<usize> {
        let unit = if v6 { 8 } else { 4 };
        let padded = |len: usize| len.next_multiple_of(unit);
        let when = |there: bool, len: usize| if there { len } else { 0 };
        let bitmap = padded(count.div_ceil(8));
        let xcast = when(!separated, bitmap) + when(self.dscps, padded(count));
        let option = if v6 { padded(2 + 2 + bitmap) } else { padded(2 + bitmap) };
        let ports = if v6 { padded(2 + 2 + 2 * count) } else { padded(2 * count) };
        let len = if v6 { 24 + 16 * count + xcast } else { 12 + 4 * count + xcast + when(self.ports, ports) };
        // The header's length is one octet, the count 7 bits.
        let longest = if v6 { 256 * 8 } else { 255 * 4 };
        let all = if v6 { 40 + len + when(self.ports, ports) } else { 20 + len } + when(separated, option);
        (count <= 127 && len <= longest).then_some(all)
    }

    /// The most destinations of a packet that has `behind` octets more and `mtu` at most.
    pub(crate) fn capacity(self, v6: bool, separated: bool, behind: usize, mtu: usize) -> usize {
        let fits = |count: &usize| self.headers_len(v6, separated, *count).is_some_and(|len| len + behind <= mtu);
        (1..=127).filter(fits).max().unwrap_or(0)
    }
}
