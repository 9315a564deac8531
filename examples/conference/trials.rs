//! What an attacker on the first link can make the first member believe.

use std::error::Error;
use std::fmt;

use super::addresses;
use super::forge;
use super::network::Network;
use super::receiver::{Delivery, Receiver, Refused};
use super::run::Protection;
use super::sender::Sender;
use super::session::Session;
use super::topology::Topology;

/// Something tried, and what came of it.
pub(crate) struct Trial {
    pub(crate) what: String,
    pub(crate) fate: Fate,
    /// Whether the packet had to be accepted.
    pub(crate) expect_accepted: bool,
}

/// What became of the packet.
#[derive(Debug)]
pub(crate) enum Fate {
    Accepted(Delivery),
    Refused(Refused),
    /// It did not reach the member.
    Lost,
}

impl Trial {
    /// Whether it ended as it must.
    pub(crate) fn as_expected(&self) -> bool {
        match self.fate {
            Fate::Accepted(_) => self.expect_accepted,
            Fate::Refused(_) => !self.expect_accepted,
            // Then nothing was shown.
            Fate::Lost => false,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(delivery) => write!(f, "accepted, as sent by {}", delivery.source),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Lost => f.write_str("never arrived"),
        }
    }
}

/// What the trials are made with.
pub(crate) struct Stage<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) session: &'a Session,
    pub(crate) network: Network<'a>,
    pub(crate) sender: Sender<'a>,
    /// The first member, who has received a packet already.
    pub(crate) victim: Receiver,
    /// That packet, as it arrived.
    pub(crate) seen: Vec<u8>,
    pub(crate) frame: &'a [u8],
}

impl Stage<'_> {
    /// Replays, changes and forges. Without protection everything is believed; that is why there is protection.
    pub(crate) fn run_trials(&mut self) -> Result<Vec<Trial>, Box<dyn Error>> {
        let session = self.session;
        let code_points = &session.code_points;
        let protection = session.run.protection;
        let unprotected = protection == Protection::None;
        let said = if protection.has_esp() { "ciphertext" } else { "payload" };
        // Whoever has the address after the last member's.
        let stranger = addresses::member(session.run.family, session.members.len());

        let seen = self.seen.clone();
        let mut trials = vec![
            Trial { what: "the same packet once more".into(), fate: self.judge(&seen), expect_accepted: unprotected },
            Trial {
                what: format!("a bit of the {said} flipped"),
                fate: self.tamper(|packet| forge::flip_bit(packet, code_points))?,
                expect_accepted: unprotected,
            },
            Trial {
                what: format!("a forged sender, {stranger}"),
                fate: self.tamper(|packet| forge::replace_source(packet, stranger, code_points))?,
                expect_accepted: unprotected,
            },
        ];
        // What concerns another destination needs another destination.
        if let [_, .., last] = self.topology.members() {
            let (index, name) = (self.topology.members().len() - 1, self.topology.name(*last));
            trials.push(Trial {
                what: format!("the address of {name} replaced in the list"),
                fate: self.tamper(|packet| forge::replace_destination(packet, index, stranger, code_points))?,
                // ESP covers nothing in front of itself, the Xcast header included.
                expect_accepted: !protection.has_ah(),
            });
            trials.push(Trial {
                what: format!("the bit of {name} cleared, as a router may"),
                fate: self.tamper(|packet| forge::clear_bit(packet, index, code_points))?,
                // The bitmap changes on the way, so that nothing covers it.
                expect_accepted: true,
            });
        }
        Ok(trials)
    }

    /// Sends a new packet, changes it on the first link, and lets the network carry it on.
    ///
    /// Each trial takes a packet of its own: one that the member has seen would be refused as a replay.
    fn tamper(&mut self, change: impl FnOnce(&mut [u8]) -> Result<(), Box<dyn Error>>) -> Result<Fate, Box<dyn Error>> {
        let mut packet = self.sender.send(self.frame)?;
        change(&mut packet)?;
        let passage = self.network.carry(packet);
        let arrived = passage.arrivals(self.topology.members()[0]).next();
        Ok(arrived.map_or(Fate::Lost, |packet| self.judge(packet)))
    }

    fn judge(&mut self, packet: &[u8]) -> Fate {
        match self.victim.receive(packet) {
            Ok(delivery) => Fate::Accepted(delivery),
            Err(reason) => Fate::Refused(reason),
        }
    }
}
