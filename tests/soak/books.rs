//! The bookkeeping: what every counter of every node must say. It knows the world and what was done to each packet, and asks the
//! library nothing.

use xcast_sec::forward::{CopyKind, Counters};
use xcast_sec::ipsec::{InboundCounters, OutboundCounters};
use xcast_sec::stack::{ReceiverCounters, SenderCounters};
use xcast_sec::wire::Family;

use crate::parcel::{Flaw, Form, Members, Parcel, Refusal, each};
use crate::world::{C, ESN_START, HOSTS, LANES, Lane, MEMBERS, OWN, R2_COPIES, ROUTERS, Shield};
use crate::world::{is_tunnelled, route};

pub(crate) const WINDOW: u64 = 64;

/// The numbers seen of one sender, the plain way: a list of the last ones.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    highest: u64,
    last: [u64; WINDOW as usize],
}

impl Seen {
    pub(crate) fn is_old(&self, number: u64) -> bool {
        number + WINDOW <= self.highest
    }

    pub(crate) fn has(&self, number: u64) -> bool {
        self.is_old(number) || self.last[(number % WINDOW) as usize] == number
    }

    pub(crate) fn add(&mut self, number: u64) {
        self.highest = self.highest.max(number);
        self.last[(number % WINDOW) as usize] = number;
    }
}

/// A copy that a router owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) next_hop: u8,
    pub(crate) kind: CopyKind,
    pub(crate) members: Members,
}

/// The copies that a router owes of one packet.
pub(crate) struct Dues {
    pub(crate) list: [Option<Due>; MEMBERS],
    pub(crate) count: usize,
    /// And what it must say of copies that are too big: to whom.
    pub(crate) too_big: Members,
}

pub(crate) struct Books {
    pub(crate) routers: [Counters; ROUTERS],
    pub(crate) receivers: [ReceiverCounters; HOSTS],
    pub(crate) inbound: [InboundCounters; HOSTS],
    /// Of IPv4, of IPv6, and of the forger.
    pub(crate) senders: [SenderCounters; 3],
    pub(crate) outbound: [OutboundCounters; 3],
    windows: Vec<[Seen; 2]>,
    /// The generations of `Cbc` that are in use, per family: from, to.
    pub(crate) generations: [(u32, u32); 2],
    pub(crate) short_is_over: bool,
}

impl Books {
    pub(crate) fn new() -> Self {
        let seen = |number| Seen { highest: number, last: [0; WINDOW as usize] };
        let start = |lane: Lane| if lane.shield() == Shield::GcmEsn { ESN_START } else { 0 };
        let windows = (0..HOSTS).flat_map(|_| Lane::all()).flat_map(|lane| {
            // A generation and the next one.
            [[seen(start(lane)); 2]; 2]
        });
        Self {
            routers: Default::default(),
            receivers: Default::default(),
            inbound: Default::default(),
            senders: Default::default(),
            outbound: Default::default(),
            windows: windows.collect(),
            generations: [(0, 0); 2],
            short_is_over: false,
        }
    }

    pub(crate) fn window(&mut self, host: usize, parcel: &Parcel, layer: usize) -> &mut Seen {
        let place = (host * LANES + parcel.lane.0) * 2 + parcel.generation as usize % 2;
        &mut self.windows[place][layer]
    }

    /// A new generation of a lane starts, at every host.
    pub(crate) fn start_generation(&mut self, lane: Lane, generation: u32) {
        self.generations[lane.0 % 2].1 = generation;
        for host in 0..HOSTS {
            let place = (host * LANES + lane.0) * 2 + generation as usize % 2;
            self.windows[place] = [Seen { highest: 0, last: [0; WINDOW as usize] }; 2];
        }
    }

    // --- Routers ------------------------------------------------------------------------------------------------------

    /// What router `at` owes of a packet that it is offered.
    pub(crate) fn at_router(&mut self, at: usize, parcel: &Parcel, failing: Option<u8>) -> Dues {
        let counters = &mut self.routers[at];
        let mut dues = Dues { list: [None; MEMBERS], count: 0, too_big: 0 };
        counters.packets += 1;
        if let Some(refusal) = parcel.refusal {
            *match refusal {
                Refusal::Malformed => &mut counters.malformed,
                Refusal::Version => &mut counters.unsupported,
                Refusal::Checksum => &mut counters.checksum,
                Refusal::NotForUs => &mut counters.not_for_us,
                Refusal::Source => &mut counters.unusable_source,
                Refusal::Destination => &mut counters.unusable_destination,
                Refusal::ReversePath => &mut counters.reverse_path,
                Refusal::NothingToDo => &mut counters.nothing_to_do,
            } += 1;
            return dues;
        }
        if matches!(parcel.form, Form::Unicast | Form::EspTunnel) {
            counters.not_xcast += 1;
            return dues;
        }
        if parcel.flaw == Flaw::Echo && !parcel.layers[1] {
            counters.echo_requests += 1;
            return dues;
        }
        let all = u64::from(parcel.members.count_ones());
        counters.destinations += all;
        let repeated = parcel.repeated & parcel.members;
        counters.duplicate += u64::from(repeated.count_ones());
        let own = if at == 0 { parcel.members & !repeated & 1 << OWN } else { 0 };
        counters.local += u64::from(own.count_ones());
        let remote = parcel.members & !repeated & !own;
        if parcel.hop_limit <= 1 {
            counters.hop_limit += u64::from(remote.count_ones());
            return dues;
        }
        let routed = each(remote).filter(|&index| route(at, index).is_some()).fold(0, |set, index| set | 1 << index);
        counters.no_route += u64::from((remote & !routed).count_ones());

        let mut left: Members = routed;
        // In the order of the list.
        for &first in parcel.list() {
            let first = usize::from(first);
            if left >> first & 1 == 0 {
                continue;
            }
            let way = route(at, first).unwrap();
            let same_way = |index: &usize| route(at, *index).is_some_and(|other| other.next_hop == way.next_hop);
            let branch = each(left).filter(same_way).fold(0, |set, index| set | 1 << index);
            left &= !branch;
            self.branch(at, parcel, branch, first, failing, &mut dues);
        }
        dues
    }

    fn branch(
        &mut self,
        at: usize,
        parcel: &Parcel,
        branch: Members,
        first: usize,
        failing: Option<u8>,
        dues: &mut Dues,
    ) {
        let counters = &mut self.routers[at];
        let way = route(at, first).unwrap();
        let count = u64::from(branch.count_ones());
        let ip_len = if parcel.lane.family() == Family::V4 { 20 } else { 40 };
        let unicast = parcel.x2u && (count == 1 || !way.xcast_capable);
        if unicast && ip_len + parcel.segment_len > way.mtu || !unicast && parcel.len > way.mtu {
            counters.too_big += count;
            counters.reports += u64::from(at == 2);
            dues.too_big |= branch;
            return;
        }
        let mut owe = |kind, members: Members| {
            if at == 1 && dues.count == R2_COPIES {
                counters.over_copy_limit += u64::from(members.count_ones());
                return;
            }
            dues.list[dues.count] = Some(Due { next_hop: way.next_hop, kind, members });
            dues.count += 1;
            let served = u64::from(members.count_ones());
            if failing == Some(way.next_hop) {
                counters.egress_failed += served;
                return;
            }
            match kind {
                CopyKind::Unicast => counters.unicast += served,
                CopyKind::Tunnelled => {
                    (counters.tunnelled, counters.tunnel_copies) =
                        (counters.tunnelled + served, counters.tunnel_copies + 1)
                }
                _ => {
                    (counters.forwarded, counters.xcast_copies) =
                        (counters.forwarded + served, counters.xcast_copies + 1)
                }
            }
        };
        if unicast {
            // In the order of the list, too.
            let mut left = branch;
            for member in parcel.list().iter().map(|&member| 1 << member) {
                if left & member != 0 {
                    owe(CopyKind::Unicast, member);
                    left &= !member;
                }
            }
        } else if way.xcast_capable {
            owe(CopyKind::Xcast, branch);
        } else if is_tunnelled(at, first) {
            owe(CopyKind::Tunnelled, branch);
        } else {
            assert_eq!((at, first), (1, C));
            counters.not_capable += count;
        }
    }
}
