//! Random interleavings of everything that can happen, against a model that is as plain as can be.
//!
//! The model does not know when in its range a ping is sent: it holds the table to the range. Everything else it knows exactly.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use xcast_sec::forward::neighbour::{Capability, Neighbours, PingConfig, Received};
use xcast_sec::time::Instant;
use xcast_sec::wire::Family;

use crate::kit::{FAMILIES, Peer, Rng, code_points, config, octets, own};

const ROOM: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    Wait(Duration),
    /// Sleep until something is due.
    Sleep,
    Poll,
    /// A packet on its way arrives; a copy of it may still be on its way.
    Arrive {
        which: Index,
        stays: bool,
        from: Option<u8>,
    },
    Lose(Index),
    /// A packet that came from nobody.
    Forge(Index),
    Insert(u8, Family),
    Remove(u8, Family),
}

fn op() -> impl Strategy<Value = Op> {
    let family = || prop_oneof![Just(Family::V4), Just(Family::V6)];
    prop_oneof![
        3 => (0..2_000_000_u64).prop_map(|micros| Op::Wait(Duration::from_micros(micros))),
        1 => (0..1_000_u64).prop_map(|secs| Op::Wait(Duration::from_secs(secs))),
        6 => Just(Op::Sleep),
        6 => Just(Op::Poll),
        8 => (any::<Index>(), prop::bool::weighted(0.2), prop::option::of(0..3_u8))
            .prop_map(|(which, stays, from)| Op::Arrive { which, stays, from }),
        8 => any::<Index>().prop_map(|which| Op::Arrive { which, stays: false, from: None }),
        2 => any::<Index>().prop_map(Op::Lose),
        1 => any::<Index>().prop_map(Op::Forge),
        2 => (0..3_u8, family()).prop_map(|(name, family)| Op::Insert(name, family)),
        1 => (0..3_u8, family()).prop_map(|(name, family)| Op::Remove(name, family)),
    ]
}

#[derive(Debug)]
struct Neighbour {
    name: u8,
    family: Family,
    capability: Capability,
    /// All that was answered (`true`) and lost, in order.
    history: Vec<bool>,
    /// How many pings in a row were lost since it is not capable, the one that made it so included.
    silent: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Asked not before the one and not after the other.
    Waiting(Instant, Instant),
    Asked {
        token: Vec<u8>,
        deadline: Instant,
    },
}

impl Neighbour {
    fn in_a_row(&self, what: bool) -> usize {
        self.history.iter().rev().take_while(|&&one| one == what).count()
    }

    fn ends(&mut self, answered: bool, at: Instant, config: &PingConfig) {
        self.history.push(answered);
        if self.in_a_row(true) >= usize::from(config.answers) {
            self.capability = Capability::Capable;
            self.silent = 0;
        }
        if self.in_a_row(false) >= usize::from(config.losses) {
            self.capability = Capability::NotCapable;
        }
        let wait = match (self.capability, answered) {
            (Capability::Capable, true) => config.interval,
            (Capability::NotCapable, false) => {
                self.silent += 1;
                (0..self.silent - 1).fold(config.interval, |wait, _| (wait * 2).min(config.max_interval))
            }
            _ => config.retry,
        };
        self.state = State::Waiting(at.after(wait * 3 / 4), at.after(wait));
    }

    fn expire(&mut self, now: Instant, config: &PingConfig) -> bool {
        match self.state {
            State::Asked { deadline, .. } if now >= deadline => {
                self.ends(false, deadline, config);
                true
            }
            _ => false,
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    sent: u64,
    answered: u64,
    timed_out: u64,
    abandoned: u64,
    stray: u64,
    misdirected: u64,
}

struct World {
    table: Neighbours<u8, ROOM>,
    rng: Rng,
    now: Instant,
    model: Vec<Neighbour>,
    counts: Counts,
    /// Packets on their way: octets, family, whether it is as a router returned it.
    flying: Vec<(Vec<u8>, Family)>,
    routers: [Peer; 2],
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            table: Neighbours::new(code_points(), config()).unwrap(),
            rng: Rng::new(seed),
            now: Instant::from_secs(10),
            model: Vec::new(),
            counts: Counts::default(),
            flying: Vec::new(),
            routers: [Peer::router(true), Peer::router(false)],
        }
    }

    fn expire(&mut self) {
        for neighbour in &mut self.model {
            self.counts.timed_out += u64::from(neighbour.expire(self.now, &config()));
        }
    }

    fn poll(&mut self) {
        self.expire();
        let mut probes = 0;
        while let Some(probe) = self.table.poll(self.now, &mut self.rng).unwrap() {
            probes += 1;
            assert!(probes <= ROOM);
            let (ping, family) = (octets(&probe), Family::of(&probe.own_address()));
            let is = |neighbour: &&mut Neighbour| (neighbour.name, neighbour.family) == (probe.neighbour(), family);
            let neighbour = self.model.iter_mut().find(is).expect("one that was added");
            let State::Waiting(earliest, _) = neighbour.state else { panic!("asked twice: {neighbour:?}") };
            assert!(self.now >= earliest, "{neighbour:?} asked at {:?}", self.now);
            let token = ping[ping.len() - 16..].to_vec();
            neighbour.state = State::Asked { token, deadline: self.now.after(config().timeout) };
            self.counts.sent += 1;
            let router = &mut self.routers[usize::from(probe.neighbour()) % 2];
            self.flying.push((router.answer(&ping).unwrap(), family));
        }
        for neighbour in &self.model {
            assert!(
                !matches!(neighbour.state, State::Waiting(_, latest) if latest <= self.now),
                "{neighbour:?} is due"
            );
        }
    }

    fn arrive(&mut self, packet: &[u8], family: Family, from: Option<u8>) {
        let received = self.table.receive(self.now, packet, from);
        if !self.model.iter().any(|neighbour| neighbour.family == family) {
            assert_eq!(received, Received::NotOurs);
            return;
        }
        self.expire();
        let token = &packet[packet.len() - 16..];
        let is =
            |neighbour: &&mut Neighbour| matches!(&neighbour.state, State::Asked { token: sent, .. } if sent == token);
        let Some(neighbour) = self.model.iter_mut().find(is) else {
            self.counts.stray += 1;
            assert_eq!(received, Received::Stray);
            return;
        };
        if from.is_some_and(|from| from != neighbour.name) {
            self.counts.misdirected += 1;
            assert_eq!(received, Received::Stray);
            return;
        }
        neighbour.ends(true, self.now, &config());
        self.counts.answered += 1;
        let capability = neighbour.capability;
        assert_eq!(received, Received::Answer { neighbour: neighbour.name, family, capability });
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Wait(duration) => self.now = self.now.after(duration),
            Op::Sleep => self.now = self.table.next_timeout().unwrap_or(self.now).max(self.now),
            Op::Poll => self.poll(),
            Op::Arrive { which, stays, from } if !self.flying.is_empty() => {
                let index = which.index(self.flying.len());
                let (packet, family) = self.flying[index].clone();
                if !stays {
                    self.flying.remove(index);
                }
                self.arrive(&packet, family, from);
            }
            Op::Lose(which) if !self.flying.is_empty() => drop(self.flying.remove(which.index(self.flying.len()))),
            Op::Forge(which) if !self.flying.is_empty() => {
                // A token nobody drew, over a UDP checksum that stays right: two words change by opposite amounts.
                let (mut packet, family) = self.flying[which.index(self.flying.len())].clone();
                let at = packet.len() - 16;
                let token = packet[at..].to_vec();
                packet[at..].copy_from_slice(&[&token[2..], &token[..2]].concat());
                if packet[at..] != token {
                    self.arrive(&packet, family, None);
                }
            }
            Op::Insert(name, family) => {
                let present = self.model.iter().any(|one| (one.name, one.family) == (name, family));
                let fits = !present && self.model.len() < ROOM;
                assert_eq!(self.table.insert(self.now, name, own(family)).is_ok(), fits);
                if fits {
                    let state = State::Waiting(self.now, self.now.after(config().retry));
                    let (capability, history) = (Capability::Unknown, Vec::new());
                    self.model.push(Neighbour { name, family, capability, history, silent: 0, state });
                }
            }
            Op::Remove(name, family) => {
                let index = self.model.iter().position(|one| (one.name, one.family) == (name, family));
                let removed = index.map(|index| self.model.remove(index));
                let capability = removed.as_ref().map(|one| one.capability);
                assert_eq!(self.table.remove(name, family), capability);
                let outstanding = removed.is_some_and(|one| matches!(one.state, State::Asked { .. }));
                self.counts.abandoned += u64::from(outstanding);
            }
            Op::Arrive { .. } | Op::Lose(_) | Op::Forge(_) => {}
        }
        self.compare();
    }

    fn compare(&self) {
        for (name, family) in (0..4).flat_map(|name| FAMILIES.map(|family| (name, family))) {
            let expected = self.model.iter().find(|one| (one.name, one.family) == (name, family));
            assert_eq!(self.table.capability(name, family), expected.map(|one| one.capability));
        }
        assert_eq!(self.table.iter().count(), self.model.len());
        let range = |neighbour: &Neighbour| match neighbour.state {
            State::Waiting(earliest, latest) => (earliest, latest),
            State::Asked { deadline, .. } => (deadline, deadline),
        };
        let earliest = self.model.iter().map(|one| range(one).0).min();
        let latest = self.model.iter().map(|one| range(one).1).min();
        let next = self.table.next_timeout();
        assert!(earliest <= next && next <= latest, "{earliest:?} {next:?} {latest:?}");

        let (real, counts) = (self.table.counters(), &self.counts);
        assert_eq!((real.sent, real.answered, real.timed_out), (counts.sent, counts.answered, counts.timed_out));
        let others = (counts.abandoned, counts.stray, counts.misdirected);
        assert_eq!((real.abandoned, real.stray, real.misdirected), others);
        let outstanding = self.model.iter().filter(|one| matches!(one.state, State::Asked { .. })).count();
        let ended = real.answered + real.timed_out + real.abandoned;
        assert_eq!(real.sent, ended + u64::try_from(outstanding).unwrap(), "every ping ends once");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_happens_in_whatever_order(seed: u64, ops in vec(op(), 1..250)) {
        let mut world = World::new(seed);
        // Most of the time there is somebody to ask.
        world.step(Op::Insert(0, Family::V4));
        world.step(Op::Insert(1, Family::V6));
        for op in ops {
            world.step(op);
        }
    }
}
