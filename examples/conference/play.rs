//! One run of the conference, from A's packet to what everybody made of it.

use std::error::Error;

use super::network::{Network, Passage};
use super::random::PublicRandom;
use super::receiver::{Delivery, Receiver, Refused};
use super::run::Run;
use super::sender::{Sender, unicast};
use super::session::Session;
use super::topology::Topology;
use super::trials::{Stage, Trial};

/// What A says: as much as 20 ms of telephone voice.
pub(crate) const FRAME: &[u8; 160] =
    b"xcast-sec conference: this frame takes the place of twenty milliseconds of voice. \
A says it once, routers copy it where ways part, and all the members hear it. ";

/// All that happened in a run.
pub(crate) struct Outcome {
    pub(crate) session: Session,
    pub(crate) passage: Passage,
    /// Per member, what it made of each packet that arrived.
    pub(crate) received: Vec<Vec<Result<Delivery, Refused>>>,
    pub(crate) trials: Vec<Trial>,
    pub(crate) unicast: Unicasts,
}

/// What one packet to each member would have cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unicasts {
    /// Packets on all links.
    pub(crate) crossings: usize,
    /// Octets on all links.
    pub(crate) octets: usize,
}

impl Outcome {
    /// What went otherwise than it must, in words.
    pub(crate) fn faults(&self, topology: &Topology) -> Vec<String> {
        let mut faults = Vec::new();
        for (node, reason) in &self.passage.dropped {
            faults.push(format!("{} dropped a packet: {reason}", topology.name(*node)));
        }
        for (&member, received) in topology.members().iter().zip(&self.received) {
            let sound = |delivery: &Delivery| delivery.source == self.session.sender && delivery.frame == FRAME;
            if !matches!(&received[..], [Ok(delivery)] if sound(delivery)) {
                faults.push(format!("{} did not get the frame exactly once", topology.name(member)));
            }
        }
        for trial in self.trials.iter().filter(|trial| !trial.as_expected()) {
            faults.push(format!("{}: {}", trial.what, trial.fate));
        }
        faults
    }
}

/// Plays a run whose first packet is sent at `clock` microseconds.
pub(crate) fn play(topology: &Topology, run: Run, clock: u64) -> Result<Outcome, Box<dyn Error>> {
    let mut key_server = PublicRandom::new(1);
    let session = Session::new(run, topology.members().len(), &mut key_server);
    let mut sender = Sender::new(&session, PublicRandom::new(2))?;
    let mut receivers = Vec::new();
    for &address in &session.members {
        receivers.push(Receiver::new(&session, address)?);
    }

    let mut network = Network::new(topology, run, session.code_points, clock)?;
    let passage = network.carry(sender.send(FRAME)?);
    let received = topology
        .members()
        .iter()
        .zip(&mut receivers)
        .map(|(&member, receiver)| passage.arrivals(member).map(|packet| receiver.receive(packet)).collect())
        .collect();

    let unicast = unicasts(topology, &session)?;
    let trials = match (receivers.into_iter().next(), passage.arrivals(topology.members()[0]).next()) {
        (Some(victim), Some(seen)) => {
            let seen = seen.to_vec();
            Stage { topology, session: &session, network, sender, victim, seen, frame: FRAME }.run_trials()?
        }
        // Nothing arrived, which is a fault by itself.
        _ => Vec::new(),
    };
    Ok(Outcome { session, passage, received, trials, unicast })
}

/// Builds and seals the packets that would have to be sent one by one.
fn unicasts(topology: &Topology, session: &Session) -> Result<Unicasts, Box<dyn Error>> {
    let mut sum = Unicasts { crossings: 0, octets: 0 };
    for (index, &member) in session.members.iter().enumerate() {
        let packet = unicast(session, member, FRAME, PublicRandom::new(3))?;
        let links = topology.links_to(index);
        sum.crossings += links;
        sum.octets += links * packet.len();
    }
    Ok(sum)
}
