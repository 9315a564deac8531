//! What the bookkeeping knows of a packet: how it was made, and what was done to it.

use crate::world::{Lane, MEMBERS};

/// Members, one bit each.
pub(crate) type Members = u16;

pub(crate) fn each(members: Members) -> impl Iterator<Item = usize> {
    (0..MEMBERS).filter(move |index| members >> index & 1 != 0)
}

/// What a packet looks like on its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Xcast,
    /// In an outer header for R4.
    Tunnelled,
    /// X2U, for its one member.
    Unicast,
    /// An ESP tunnel to H, whatever is inside.
    EspTunnel,
}

/// Why the first router does not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed,
    Version,
    Checksum,
    NotForUs,
    Source,
    Destination,
    ReversePath,
    NothingToDo,
}

/// What hosts find wrong with it, if they get to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// The ICV does not verify.
    Icv,
    /// Nobody has such an SPI.
    Spi,
    UdpChecksum,
    NoPort,
    PortBesideList,
    Echo,
    /// RFC 4303 §2.6.
    Dummy,
    /// What a host finds on its link and no router ever saw.
    Cut,
    Fragment,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Parcel {
    /// Which one of the senders' segments is in it.
    pub(crate) number: u64,
    pub(crate) lane: Lane,
    pub(crate) generation: u32,
    /// Whether AH and whether ESP stands in it.
    pub(crate) layers: [bool; 2],
    /// Their sequence numbers, in full.
    pub(crate) sequence: [u64; 2],
    pub(crate) form: Form,
    /// The list of destinations, and how many of it count.
    pub(crate) list: [u8; MEMBERS],
    pub(crate) listed: usize,
    /// Those to be served.
    pub(crate) members: Members,
    /// One that repeats an earlier one.
    pub(crate) repeated: Members,
    pub(crate) hop_limit: u8,
    /// X=0, and what is inside can be made unicast.
    pub(crate) x2u: bool,
    pub(crate) ports: bool,
    pub(crate) anonymous: bool,
    pub(crate) segment_len: usize,
    /// Octets of it, as it left its sender.
    pub(crate) len: usize,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) flaw: Flaw,
}

impl Parcel {
    pub(crate) fn list(&self) -> &[u8] {
        &self.list[..self.listed]
    }

    /// The members at these places of the list.
    pub(crate) fn members_at(&self, places: impl Iterator<Item = usize>) -> Members {
        places.fold(0, |members, place| members | 1 << self.list[place])
    }

    /// Whether a member's address is in the list: A=1 takes out those that other copies are for.
    pub(crate) fn lists(&self, member: usize) -> bool {
        let served = self.members & 1 << member != 0;
        self.list().contains(&(member as u8)) && (served || !self.anonymous)
    }

    /// What the transport header holds of the sender's: the same in every copy.
    pub(crate) fn payload_len(&self) -> usize {
        self.segment_len - 8
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.layers == self.lane.layers()
    }
}

/// Octet `index` of the payload of segment `number`.
pub(crate) fn payload_octet(number: u64, index: usize) -> u8 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(index as u32 % 64);
    (mixed >> 56) as u8 ^ index as u8
}
