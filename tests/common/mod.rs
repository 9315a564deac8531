//! Generators that several tests share.
#![allow(dead_code, reason = "each test uses some of it")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use xcast_sec::wire::{
    BitmapPlace, CodePoints, DestinationSet, Destinations, Dscp, EmitError, Family, XcastPacket, XcastRepr,
    max_destinations, protocol,
};

/// An Xcast packet to be built, that owns its lists.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    pub(crate) source: IpAddr,
    pub(crate) channel: [u8; 16],
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) bits: DestinationSet,
    pub(crate) dscps: Option<Vec<Dscp>>,
    pub(crate) ports: Option<Vec<u16>>,
    pub(crate) anonymous: bool,
    pub(crate) no_x2u: bool,
    pub(crate) place: BitmapPlace,
    pub(crate) hop_limit: u8,
    pub(crate) next_protocol: u8,
    pub(crate) payload: Vec<u8>,
}

impl Packet {
    /// A packet to `count` destinations, all of them still to be served, with one octet different in each address.
    pub(crate) fn plain(family: Family, count: usize) -> Self {
        Self {
            source: source(family),
            channel: [0x5c; 16],
            addresses: (0..count).map(|index| destination(family, index)).collect(),
            bits: DestinationSet::first_n(count),
            dscps: None,
            ports: None,
            anonymous: false,
            no_x2u: false,
            place: BitmapPlace::Header,
            hop_limit: 64,
            next_protocol: protocol::UDP,
            payload: vec![0xda; 12],
        }
    }

    /// The same with a DSCP and a port per destination, where asked for.
    pub(crate) fn with_lists(mut self, dscps: bool, ports: bool) -> Self {
        let count = self.addresses.len();
        self.dscps = dscps.then(|| (0..count).map(|index| class_selector(index % 8)).collect());
        self.ports = ports.then(|| (0..count).map(|index| 0x8001 + u16::try_from(index).unwrap()).collect());
        self
    }

    pub(crate) fn family(&self) -> Family {
        Family::of(&self.source)
    }

    /// Hands the packet's [`XcastRepr`] to `f`.
    pub(crate) fn with_repr<T>(&self, f: impl FnOnce(&XcastRepr<'_>) -> T) -> T {
        let v4: Vec<Ipv4Addr>;
        let v6: Vec<Ipv6Addr>;
        let destinations = match self.source {
            IpAddr::V4(source) => {
                v4 =
                    self.addresses.iter().filter_map(|a| if let IpAddr::V4(a) = a { Some(*a) } else { None }).collect();
                Destinations::V4 { source, channel: *self.channel.first_chunk().unwrap(), addresses: &v4 }
            }
            IpAddr::V6(source) => {
                v6 =
                    self.addresses.iter().filter_map(|a| if let IpAddr::V6(a) = a { Some(*a) } else { None }).collect();
                Destinations::V6 { source, channel: self.channel, addresses: &v6 }
            }
        };
        f(&XcastRepr {
            destinations,
            bits: self.bits,
            dscps: self.dscps.as_deref(),
            ports: self.ports.as_deref(),
            anonymous: self.anonymous,
            no_x2u: self.no_x2u,
            bitmap: self.place,
            hop_limit: self.hop_limit,
            next_protocol: self.next_protocol,
        })
    }

    /// Writes the packet, payload included, into `buffer`; returns its length.
    pub(crate) fn emit(&self, code_points: &CodePoints, buffer: &mut [u8]) -> Result<usize, EmitError> {
        self.with_repr(|repr| {
            repr.emit(code_points, self.payload.len(), buffer)?.copy_from_slice(&self.payload);
            Ok(repr.encoded_len(self.payload.len()))
        })
    }

    pub(crate) fn encoded_len(&self) -> usize {
        self.with_repr(|repr| repr.encoded_len(self.payload.len()))
    }

    /// The packet's octets, with the code points of the RFC 4727 experiment.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut octets = vec![0; self.encoded_len()];
        self.emit(&CodePoints::rfc4727_experiment(), &mut octets).unwrap();
        octets
    }

    /// The addresses that are in the packet: with A=1, zeros instead of those that are not to be served (RFC 5058 §9.2.2).
    pub(crate) fn addresses_on_the_wire(&self) -> impl Iterator<Item = IpAddr> {
        let zero = match self.family() {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        let shown = |index: usize| !self.anonymous || self.bits.contains(index);
        self.addresses.iter().enumerate().map(move |(index, &address)| if shown(index) { address } else { zero })
    }

    /// The DSCP that the IP header must have: what every destination to be served merges to.
    pub(crate) fn merged_dscp(&self) -> Dscp {
        let dscps = self.dscps.as_deref().unwrap_or(&[]);
        let set = self.bits.iter().filter_map(|index| dscps.get(index).copied());
        set.reduce(|a, b| a.merge(b).expect("they merge")).unwrap_or_default()
    }
}

pub(crate) fn source(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, 1).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    }
}

/// A usable destination, another one for every index up to 255.
pub(crate) fn destination(family: Family, index: usize) -> IpAddr {
    let index = u8::try_from(index).unwrap();
    match family {
        Family::V4 => Ipv4Addr::new(198, 51, 100, index).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 0x600 | u16::from(index)).into(),
    }
}

pub(crate) fn class_selector(class: usize) -> Dscp {
    Dscp::new(u8::try_from(class * 8).unwrap()).unwrap()
}

/// One's complement sum of 16-bit words, the plain way: 0xffff where the octets hold their own right checksum.
pub(crate) fn ones_complement_sum(octets: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

/// Asks a packet everything it can be asked.
pub(crate) fn ask_everything(packet: &XcastPacket<'_>) {
    let header = packet.header();
    assert!((1..=127).contains(&header.destination_count()));
    assert!(packet.bits().is_subset(DestinationSet::first_n(header.destination_count())));
    assert_eq!(header.destinations().count(), header.destination_count());
    for index in 0..=128 {
        let inside = index < header.destination_count();
        assert_eq!(packet.destination(index).is_some(), inside);
        assert_eq!(packet.dscp(index).is_some(), inside && header.has_dscps());
        assert_eq!(packet.port(index).is_some(), inside && packet.has_ports());
    }
    let _ = (header.version(), header.anonymous(), header.no_x2u(), header.checksum_ok(), header.channel());
    let _ = (packet.ip().source(), packet.ip().destination(), packet.ip().dscp(), packet.next_protocol());
    assert!(packet.payload().len() < packet.ip().packet_len());
    assert_eq!(packet.as_octets().len(), packet.ip().packet_len());
}

// --- Strategies -------------------------------------------------------------------------------------------------------

pub(crate) fn family() -> impl Strategy<Value = Family> {
    select(vec![Family::V4, Family::V6])
}

pub(crate) fn place() -> impl Strategy<Value = BitmapPlace> {
    select(vec![BitmapPlace::Header, BitmapPlace::Option])
}

/// Any set of the first `count` destinations, empty and full ones more often than chance has it.
pub(crate) fn subset(count: usize) -> impl Strategy<Value = DestinationSet> {
    prop_oneof![
        6 => vec(any::<bool>(), count)
            .prop_map(|bits| bits.iter().enumerate().filter(|(_, bit)| **bit).map(|(index, _)| index).collect()),
        1 => Just(DestinationSet::EMPTY),
        1 => Just(DestinationSet::first_n(count)),
    ]
}

/// An address that an Xcast packet can be routed to.
pub(crate) fn usable_address(family: Family) -> BoxedStrategy<IpAddr> {
    let any_address = match family {
        Family::V4 => any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())).boxed(),
        Family::V6 => any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())).boxed(),
    };
    any_address.prop_filter("usable", |address| xcast_sec::wire::is_routable_unicast(*address)).boxed()
}

/// Code points of which any number merge.
fn dscps(count: usize) -> impl Strategy<Value = Vec<Dscp>> {
    let palettes: [&[u8]; 5] = [&[0, 8, 16, 24, 32, 40, 48, 56], &[0, 10, 12, 14], &[26, 28, 30], &[46, 1], &[63]];
    select(palettes.to_vec())
        .prop_flat_map(move |palette| vec(select(palette.to_vec()).prop_map(|value| Dscp::new(value).unwrap()), count))
}

/// A packet of any kind that may be built, with 1 to the most destinations there can be.
pub(crate) fn packet() -> impl Strategy<Value = Packet> {
    (family(), any::<(bool, bool)>(), place())
        .prop_flat_map(|(family, (with_dscps, with_ports), place)| {
            let max = max_destinations(family, with_dscps, with_ports, place);
            // Small ones mostly, and the edges of the bitmap's words.
            let count = prop_oneof![4 => 1..=6_usize, 2 => 1..=max, 1 => select(vec![32, 33, 64, 65, max])];
            (Just((family, with_dscps, with_ports, place)), count)
        })
        .prop_flat_map(|((family, with_dscps, with_ports, place), count)| {
            let addresses = vec(usable_address(family), count).prop_filter("no duplicates", |list| {
                let mut sorted = list.clone();
                sorted.sort();
                sorted.dedup();
                sorted.len() == list.len()
            });
            let lists = (proptest::option::of(dscps(count)), vec(any::<u16>(), count));
            let header = (usable_address(family), any::<[u8; 16]>(), any::<(bool, bool, u8)>());
            let payload = (next_protocol(family), vec(any::<u8>(), 0..40));
            (Just((with_dscps, with_ports, place)), addresses, subset(count), lists, header, payload).prop_map(
                move |((with_dscps, with_ports, place), addresses, bits, (dscps, ports), header, payload)| {
                    let (source, channel, (anonymous, no_x2u, hop_limit)) = header;
                    Packet {
                        source,
                        channel,
                        addresses,
                        bits,
                        dscps: with_dscps.then_some(dscps).flatten(),
                        ports: with_ports.then_some(ports),
                        anonymous: anonymous && place == BitmapPlace::Header,
                        no_x2u,
                        place,
                        hop_limit,
                        next_protocol: payload.0,
                        payload: payload.1,
                    }
                },
            )
        })
}

/// Anything but what a reader would take for a further header in front of the payload, or refuse.
fn next_protocol(family: Family) -> impl Strategy<Value = u8> {
    any::<u8>().prop_map(move |next| match (family, next) {
        (Family::V4, protocol::AH) | (Family::V6, protocol::DESTINATION_OPTIONS) => protocol::UDP,
        _ => next,
    })
}
