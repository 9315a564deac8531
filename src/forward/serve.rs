//! What every packet goes through between being read and being sent, whatever its format (WIRE.md §9 steps 1, 2 and 8).

use core::net::IpAddr;

use super::counters::{add, add_all};
use super::{Counters, Outcome, ReversePath, RouteLookup};
use crate::wire::{DestinationSet, Dscp, MAX_DESTINATIONS, is_routable_unicast, spread};

/// A packet to be served, in any format.
pub(super) trait Arrived {
    /// The destinations still to be served.
    fn bits(&self) -> DestinationSet;
    /// The address of one.
    fn destination(&self, index: usize) -> Option<IpAddr>;
    /// Whether there are ports.
    fn has_ports(&self) -> bool;
    /// The port of one, if there are ports.
    fn port(&self, index: usize) -> Option<u16>;
    /// Its DSCP, if there are DSCPs.
    fn dscp(&self, index: usize) -> Option<Dscp>;
    /// Whether it holds an ICMP echo request of somebody else's.
    fn is_echo_request(&self) -> bool;
    /// The hop limit that is left when it goes on; 0 if it does not.
    fn hop_limit_left(&self) -> u8;
}

/// The destinations that copies are for. The others are counted; `outcome` says which of them are the router itself.
pub(super) fn remote<A: Arrived, R: RouteLookup + ?Sized>(
    arrived: &A,
    allow_echo: bool,
    routes: &R,
    counters: &mut Counters,
    outcome: &mut Outcome,
) -> DestinationSet {
    if !allow_echo && arrived.is_echo_request() {
        add(&mut counters.echo_requests, 1);
        return DestinationSet::EMPTY;
    }
    let bits = arrived.bits();
    if bits.is_empty() {
        add(&mut counters.nothing_to_do, 1);
        return DestinationSet::EMPTY;
    }
    add(&mut counters.destinations, bits.len());
    let duplicates = duplicates(arrived);
    add_all(&mut counters.duplicate, duplicates);
    let distinct = bits.difference(duplicates);

    let is_local = |&index: &usize| arrived.destination(index).is_some_and(|address| routes.is_local(address));
    outcome.local_destinations = distinct.iter().filter(is_local).collect();
    outcome.local = !outcome.local_destinations.is_empty();
    add_all(&mut counters.local, outcome.local_destinations);
    let remote = distinct.difference(outcome.local_destinations);
    if arrived.hop_limit_left() == 0 {
        add(&mut counters.hop_limit, remote.len());
        return DestinationSet::EMPTY;
    }
    remote
}

/// The destinations to be served that repeat an earlier one: address, and port if there are ports (WIRE.md §5).
fn duplicates<A: Arrived>(arrived: &A) -> DestinationSet {
    if arrived.bits().is_single() {
        return DestinationSet::EMPTY;
    }
    duplicates_by_hash(arrived).unwrap_or_else(|| duplicates_by_order(arrived))
}

/// More looks into the table than this show that the sender chose its destinations to make it slow; 127 at random take 160.
const MAX_LOOKS: u32 = 512;

/// In a table that is never more than half full. `None` if the destinations do not spread over it.
fn duplicates_by_hash<A: Arrived>(arrived: &A) -> Option<DestinationSet> {
    // An index increased by one, or 0 where there is none.
    let mut table = [0_u8; 256];
    let mut looks = 0_u32;
    let mut repeated = DestinationSet::EMPTY;
    for index in arrived.bits().iter() {
        let wanted = target(arrived, index);
        let mut at = hash(wanted);
        loop {
            looks = looks.saturating_add(1);
            if looks > MAX_LOOKS {
                return None;
            }
            let place = table.get_mut(usize::from(at))?;
            match place.checked_sub(1) {
                None => {
                    *place = u8::try_from(index).ok()?.checked_add(1)?;
                    break;
                }
                Some(earlier) if target(arrived, usize::from(earlier)) == wanted => {
                    repeated.insert(index);
                    break;
                }
                Some(_) => at = at.wrapping_add(1),
            }
        }
    }
    Some(repeated)
}

/// Sorted rather than compared pair by pair, as a sender chooses how many there are.
fn duplicates_by_order<A: Arrived>(arrived: &A) -> DestinationSet {
    let mut order: heapless::Vec<usize, MAX_DESTINATIONS> = heapless::Vec::new();
    for index in arrived.bits().iter() {
        // There is room for all.
        let _ = order.push(index);
    }
    order.sort_unstable_by_key(|&index| (target(arrived, index), index));
    let pairs = order.iter().zip(order.iter().skip(1));
    pairs
        .filter(|&(&earlier, &later)| target(arrived, earlier) == target(arrived, later))
        .map(|(_, &later)| later)
        .collect()
}

type Target = (Option<IpAddr>, Option<u16>);

fn target<A: Arrived>(arrived: &A, index: usize) -> Target {
    (arrived.destination(index), if arrived.has_ports() { arrived.port(index) } else { None })
}

fn hash((address, port): Target) -> u8 {
    address.map_or(0, |address| (spread(0, address, port.unwrap_or(0).into()) >> 24) as u8)
}

/// The first of `addresses` that packets are not routed to, whether its bit is set or not: a bit may have been cleared on the
/// way here. Zero stands for an address erased.
pub(super) fn first_unusable(
    mut addresses: impl Iterator<Item = IpAddr>,
    anonymous: bool,
    bits: DestinationSet,
) -> Option<usize> {
    let mut index = 0_usize;
    addresses.position(|address| {
        let erased = anonymous && address.is_unspecified() && !bits.contains(index);
        index = index.saturating_add(1);
        !erased && !is_routable_unicast(address)
    })
}

/// Whether the way back to `source` is as policy asks, for a packet that came from the neighbour `from`.
pub(super) fn reverse_path_ok<R: RouteLookup + ?Sized>(
    policy: ReversePath,
    source: IpAddr,
    from: Option<R::NextHop>,
    routes: &R,
) -> bool {
    match policy {
        ReversePath::Unchecked => true,
        ReversePath::Loose => routes.route(source).is_some(),
        ReversePath::Strict => from.is_some_and(|from| routes.is_reverse_path(source, from)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Destinations and their ports, all of them to be served.
    struct List(std::vec::Vec<(IpAddr, Option<u16>)>);

    impl Arrived for List {
        fn bits(&self) -> DestinationSet {
            DestinationSet::first_n(self.0.len())
        }
        fn destination(&self, index: usize) -> Option<IpAddr> {
            self.0.get(index).map(|target| target.0)
        }
        fn has_ports(&self) -> bool {
            true
        }

        fn port(&self, index: usize) -> Option<u16> {
            self.0.get(index).and_then(|target| target.1)
        }
        fn dscp(&self, _: usize) -> Option<Dscp> {
            None
        }
        fn is_echo_request(&self) -> bool {
            false
        }
        fn hop_limit_left(&self) -> u8 {
            1
        }
    }

    /// By the definition.
    fn expected(list: &List) -> DestinationSet {
        let all = &list.0;
        (0..all.len()).filter(|&index| all[..index].contains(&all[index])).collect()
    }

    proptest! {
        #[test]
        fn both_ways_find_what_repeats(
            choices in proptest::collection::vec((0_u16..200, 0_u16..3), 0..=127),
            v6: bool,
            ports: bool,
        ) {
            let address = |number: u16| match v6 {
                true => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, number]),
                false => IpAddr::from([10, 0, 0, number as u8]),
            };
            let list = List(choices.iter().map(|&(host, port)| (address(host), ports.then_some(port))).collect());
            prop_assert_eq!(duplicates_by_order(&list), expected(&list));
            prop_assert_eq!(duplicates(&list), expected(&list));
        }
    }

    /// 127 destinations of one hash would take thousands of looks.
    #[test]
    fn destinations_of_one_hash_are_sorted_instead() {
        let of_one_hash = (0..=u32::MAX).map(|bits| IpAddr::from(bits.to_be_bytes()));
        let mut all: std::vec::Vec<_> = of_one_hash
            .filter(|&address| hash((Some(address), None)) == 7)
            .map(|address| (address, None))
            .take(126)
            .collect();
        all.push(all[3]);
        let list = List(all);
        assert_eq!(duplicates_by_hash(&list), None);
        assert_eq!(duplicates(&list), DestinationSet::single(126));
        let few = List(list.0[..20].to_vec());
        assert_eq!(duplicates_by_hash(&few), Some(DestinationSet::EMPTY));
    }
}
