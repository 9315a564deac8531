//! Random numbers that repeat, neighbours that forward or do not, and a host that runs the loop.

use std::net::IpAddr;
use std::time::Duration;

use xcast_sec::forward::neighbour::{Capability, MAX_PING_LEN, Neighbours, PingConfig, Probe, Received};
use xcast_sec::forward::{FnEgress, PacketCopy, Prefix, Route, RouteTable, Router, RouterPolicy};
use xcast_sec::time::Instant;
use xcast_sec::wire::{CodePoints, EmitError, Family};

use crate::common;

pub(crate) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
pub(crate) const SOURCE_PORT: u16 = 49_200;
pub(crate) const DESTINATION_PORT: u16 = 49_201;

pub(crate) fn code_points() -> CodePoints {
    CodePoints::rfc4727_experiment()
}

pub(crate) fn config() -> PingConfig {
    PingConfig::new(SOURCE_PORT, DESTINATION_PORT)
}

pub(crate) fn table<const N: usize>() -> Neighbours<u8, N> {
    Neighbours::new(code_points(), config()).unwrap()
}

/// The address that pings are sent from.
pub(crate) fn own(family: Family) -> IpAddr {
    common::source(family)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

// --- Random numbers -------------------------------------------------------------------------------------------------------

/// Splitmix64. Not for use, but different for every seed and the same each time.
#[derive(Clone)]
pub(crate) struct Rng {
    state: u64,
    /// How many more times it answers.
    pub(crate) left: usize,
}

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, left: usize::MAX }
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Dry;

impl std::fmt::Display for Dry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no more random numbers")
    }
}

impl std::error::Error for Dry {}

impl rand_core::TryRng for Rng {
    type Error = Dry;

    fn try_next_u32(&mut self) -> Result<u32, Dry> {
        Ok(self.try_next_u64()? as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Dry> {
        self.left = self.left.checked_sub(1).ok_or(Dry)?;
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(z ^ (z >> 31))
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Dry> {
        for chunk in octets.chunks_mut(8) {
            chunk.copy_from_slice(&self.try_next_u64()?.to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Rng {}

// --- Neighbours -----------------------------------------------------------------------------------------------------------

/// What stands at the other end of a link.
pub(crate) enum Peer {
    /// A router that understands Xcast.
    Router(Box<(Router, RouteTable<u8, 4>)>),
    /// One that drops what it does not know.
    Legacy,
}

impl Peer {
    /// A router that turns a ping into a unicast packet, or leaves it Xcast, with a route back to the own addresses.
    pub(crate) fn router(x2u: bool) -> Self {
        let mut policy = RouterPolicy::default();
        policy.x2u = x2u;
        let mut routes = RouteTable::new();
        for family in FAMILIES {
            let back = Route { next_hop: 0, xcast_capable: true, mtu: 1500 };
            routes.insert_route(Prefix::host(own(family)), back).unwrap();
        }
        Self::Router(Box::new((Router::new(code_points(), policy), routes)))
    }

    /// What it sends back for a ping.
    pub(crate) fn answer(&mut self, ping: &[u8]) -> Option<Vec<u8>> {
        let Self::Router(router) = self else { return None };
        let (router, routes) = &mut **router;
        let mut sent = Vec::new();
        let mut egress = FnEgress(|next_hop: u8, copy: &PacketCopy<'_>| {
            assert_eq!(next_hop, 0, "back to where it came from");
            let mut octets = vec![0; copy.len()];
            copy.emit(&mut octets)?;
            sent.push(octets);
            Ok::<(), EmitError>(())
        });
        assert!(router.forward(xcast_sec::time::Instant::START, None, ping, routes, &mut egress).is_ok());
        assert_eq!(sent.len(), 1);
        sent.pop()
    }
}

// --- The host -------------------------------------------------------------------------------------------------------------

pub(crate) fn octets(probe: &Probe<u8>) -> Vec<u8> {
    let mut buffer = [0xff; MAX_PING_LEN];
    let len = probe.emit(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

/// A table with its clock, its random numbers, and the neighbours 0, 1, 2, … at the other ends.
pub(crate) struct Host<const N: usize> {
    pub(crate) table: Neighbours<u8, N>,
    pub(crate) rng: Rng,
    pub(crate) now: Instant,
    pub(crate) peers: Vec<Peer>,
    /// When which neighbour was asked.
    pub(crate) asked: Vec<(Instant, u8)>,
    /// Answers on their way.
    arriving: Vec<(Instant, u8, Vec<u8>)>,
}

/// How long a ping is on its way, there and back.
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(3);

impl<const N: usize> Host<N> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            table: table(),
            rng: Rng::new(seed),
            now: Instant::from_secs(1_000),
            peers: Vec::new(),
            asked: Vec::new(),
            arriving: Vec::new(),
        }
    }

    /// Adds a neighbour; its name is its number.
    pub(crate) fn join(&mut self, peer: Peer, family: Family) -> u8 {
        let name = u8::try_from(self.peers.len()).unwrap();
        self.peers.push(peer);
        self.table.insert(self.now, name, own(family)).unwrap();
        name
    }

    /// All pings that are due.
    pub(crate) fn pings(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut pings = Vec::new();
        while let Some(probe) = self.table.poll(self.now, &mut self.rng).unwrap() {
            self.asked.push((self.now, probe.neighbour()));
            pings.push((probe.neighbour(), octets(&probe)));
            assert!(pings.len() <= N, "one for each neighbour, no more");
        }
        pings
    }

    /// Sleeps until something is due, and returns the one ping that is then; none if a ping timed out without another.
    pub(crate) fn next_ping(&mut self) -> (u8, Vec<u8>) {
        for _ in 0..2 * N {
            let next = self.table.next_timeout().expect("there are neighbours");
            assert!(next >= self.now, "nothing is due that was not done");
            self.now = next;
            if let Some(ping) = self.pings().pop() {
                return ping;
            }
        }
        panic!("nothing is asked, but something is always due");
    }

    pub(crate) fn receive(&mut self, packet: &[u8], from: u8) -> Received<u8> {
        self.table.receive(self.now, packet, Some(from))
    }

    /// Runs the loop of the module's documentation for `duration`; every answer takes [`ROUND_TRIP`].
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        loop {
            for (name, ping) in self.pings() {
                if let Some(answer) = self.peers[usize::from(name)].answer(&ping) {
                    self.arriving.push((self.now.after(ROUND_TRIP), name, answer));
                }
            }
            let arrival = self.arriving.first().map(|(at, ..)| *at);
            let next = self.table.next_timeout().into_iter().chain(arrival).min().unwrap_or(end);
            if next > end {
                self.now = end;
                return;
            }
            assert!(next > self.now || arrival == Some(next), "the loop makes progress");
            self.now = next;
            if arrival == Some(next) {
                let (_, name, answer) = self.arriving.remove(0);
                let received = self.receive(&answer, name);
                assert!(matches!(received, Received::Answer { neighbour, .. } if neighbour == name));
            }
        }
    }

    pub(crate) fn capability(&self, name: u8) -> Option<Capability> {
        // Which of them a neighbour is asked in, tests with one family per neighbour need not say.
        FAMILIES.iter().find_map(|&family| self.table.capability(name, family))
    }
}
