//! Remembers what went by as Xcast, to recognise the unicast packets that routers made of it.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use xcast_sec::wire::protocol;

/// Segments that are remembered; of more, the oldest are forgotten.
const REMEMBERED: usize = 4096;
/// Members that are remembered of one segment, give or take a packet's.
const MEMBERS: usize = 256;

/// A segment without what X2U changes in it: whence, of what protocol, and its octets, hashed.
type Segment = (IpAddr, u8, u64);

#[derive(Debug, Default)]
pub(crate) struct Made {
    /// The number of the packet, and whom it was for.
    seen: HashMap<Segment, (u64, Vec<IpAddr>)>,
    /// The keys of `seen`, oldest first.
    order: VecDeque<Segment>,
}

impl Made {
    /// An Xcast packet with X=0 went by as packet `number`.
    pub(crate) fn remember(&mut self, number: u64, source: IpAddr, kind: u8, segment: &[u8], to: Vec<IpAddr>) {
        let key = key(source, kind, segment);
        if let Some((_, known)) = self.seen.get_mut(&key) {
            // Another branch of the same packet, or the next of a sender that says the same again.
            if known.len() < MEMBERS {
                known.extend(to);
                known.sort_unstable();
                known.dedup();
            }
            return;
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen.insert(key, (number, to));
        self.order.push_back(key);
    }

    /// The Xcast packet that a unicast packet may have been made of.
    pub(crate) fn origin(&self, source: IpAddr, destination: IpAddr, kind: u8, segment: &[u8]) -> Option<u64> {
        let (number, to) = self.seen.get(&key(source, kind, segment))?;
        to.contains(&destination).then_some(*number)
    }
}

fn key(source: IpAddr, kind: u8, segment: &[u8]) -> Segment {
    // Where X2U leaves the octets alone: not the destination port and the checksum; of ICMPv6 not the checksum.
    let same: [(usize, usize); 3] = match kind {
        protocol::UDP | protocol::UDP_LITE => [(0, 2), (4, 6), (8, usize::MAX)],
        protocol::TCP => [(0, 2), (4, 16), (18, usize::MAX)],
        protocol::ICMPV6 => [(0, 2), (4, usize::MAX), (0, 0)],
        _ => [(0, usize::MAX), (0, 0), (0, 0)],
    };
    let mut hasher = DefaultHasher::new();
    for (from, to) in same {
        segment.get(from..to.min(segment.len())).unwrap_or(&[]).hash(&mut hasher);
    }
    (source, kind, hasher.finish())
}
