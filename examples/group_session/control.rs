//! The control network: loses, repeats and reorders messages.
//!
//! It stands for a channel that authenticates both ends and keeps what it carries secret, such as unicast ESP.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use xcast_sec::group::membership::message::{Acknowledged, Body, Message};
use xcast_sec::time::Instant;

use super::draw::Draw;
use super::log::Log;
use super::terms;

/// Percent of the messages that arrive twice.
const REPEATED: u64 = 10;
/// Milliseconds that a message takes at most: one may overtake another.
const SLOWEST: u64 = 80;

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    arrives: Instant,
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) octets: Vec<u8>,
}

/// What the network did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: usize,
    /// Of those, messages that said what had been said before.
    pub(crate) again: usize,
    pub(crate) lost: usize,
    pub(crate) repeated: usize,
    /// Messages that arrived before one that had been sent earlier between the same two.
    pub(crate) overtook: usize,
}

/// A network without anything on the way.
#[derive(Debug)]
pub(crate) struct Control {
    loss: u64,
    draw: Draw,
    flights: Vec<Flight>,
    /// How often each thing was said.
    said: BTreeMap<(IpAddr, IpAddr, &'static str, u64, u64), usize>,
    pub(crate) counts: Counts,
}

impl Control {
    pub(crate) fn new(loss: u64, draw: Draw) -> Self {
        Self { loss, draw, flights: Vec::new(), said: BTreeMap::new(), counts: Counts::default() }
    }

    /// Puts a message on the network.
    pub(crate) fn send(&mut self, now: Instant, from: IpAddr, to: IpAddr, octets: &[u8], log: &mut Log) {
        let message = Message::parse(octets).expect("what the library wrote it can read");
        let (what, header) = (describe(&message.body), message.header);
        let times = self.said.entry((from, to, what, header.epoch.value(), header.incarnation.value())).or_default();
        *times += 1;
        let again = if *times > 1 { format!(", time {times}") } else { String::new() };
        self.counts.sent += 1;
        self.counts.again += usize::from(*times > 1);
        let copies = if self.draw.percent(self.loss) { 0 } else { 1 + usize::from(self.draw.percent(REPEATED)) };
        let fate = match copies {
            0 => "  -- lost",
            1 => "",
            _ => "  -- arrives twice",
        };
        self.counts.lost += usize::from(copies == 0);
        self.counts.repeated += usize::from(copies == 2);
        log.add(now, &format!("  {} > {}  {what}{again}{fate}", terms::name(from), terms::name(to)));
        for _ in 0..copies {
            let arrives = now.after(Duration::from_millis(1 + self.draw.below(SLOWEST)));
            self.flights.push(Flight { arrives, from, to, octets: octets.to_vec() });
        }
    }

    /// When the next message arrives.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.flights.iter().map(|flight| flight.arrives).min()
    }

    /// A message that has arrived.
    pub(crate) fn arrival(&mut self, now: Instant) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.arrives <= now)?;
        // In the order of sending: what is in front is older.
        let flight = self.flights.remove(at);
        let older = |other: &Flight| (other.from, other.to) == (flight.from, flight.to);
        self.counts.overtook += usize::from(self.flights[..at].iter().any(older));
        Some(flight)
    }
}

fn describe(body: &Body<'_>) -> &'static str {
    match body {
        Body::Join { .. } => "let me in",
        Body::Invite => "you are invited",
        Body::Accept { .. } => "you are in",
        Body::Refuse(_) => "refused",
        Body::Push(_) => "new keys",
        Body::Activate => "use them now",
        Body::Acknowledge(Acknowledged::Push) => "keys taken",
        Body::Acknowledge(Acknowledged::Expelled) => "understood, I am out",
        Body::Acknowledge(Acknowledged::Delete) => "keys deleted",
        Body::Acknowledge(_) => "understood",
        Body::Reject(_) => "keys not taken",
        Body::Delete => "delete your keys",
        Body::Leave => "I leave",
        Body::Expelled(_) => "you are expelled",
        Body::Update { .. } => "members changed",
        Body::Query => "who is in?",
        Body::Answer { .. } => "these are in",
        _ => "something newer",
    }
}
