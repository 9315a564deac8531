//! Everything that is printed.

use std::fmt::{self, Write};
use std::net::IpAddr;

use super::args::{Detail, Options};
use super::describe::Description;
use super::network::Crossing;
use super::play::Outcome;
use super::session::Session;
use super::topology::Topology;

/// Names listed in full; of more only the first and the number are shown.
const NAMES_SHOWN: usize = 6;

/// What is about to be played.
pub(crate) fn introduction(out: &mut String, options: &Options, topology: &Topology) -> fmt::Result {
    let (shape, members, routers) = (options.shape.name(), topology.members().len(), topology.routers().count());
    writeln!(out, "Topology {shape}: A sends to {members} member(s) over {routers} router(s).")?;
    writeln!(out, "AH: HMAC-SHA2-256-128. ESP: AES-CBC-256 with HMAC-SHA2-256-128. Keys are fixed, to be reproducible.")
}

/// One run.
pub(crate) fn run(out: &mut String, detail: Detail, topology: &Topology, outcome: &Outcome) -> fmt::Result {
    let session = &outcome.session;
    writeln!(out, "\n== {} ==\n   {}", session.run, session.run.explanation())?;
    if detail != Detail::Quiet {
        writeln!(out, "\n   link           octets  headers, and whom the packet is still for")?;
        for crossing in &outcome.passage.crossings {
            link(out, detail, topology, session, crossing)?;
        }
    }
    deliveries(out, topology, outcome)?;
    let victim = topology.members().first().map_or("nobody", |&member| topology.name(member));
    writeln!(out, "\n   An attacker on the first link; what {victim} makes of it:")?;
    for trial in &outcome.trials {
        writeln!(out, "     {:<44} {}", trial.what, trial.fate)?;
    }
    Ok(())
}

fn link(out: &mut String, detail: Detail, topology: &Topology, session: &Session, crossing: &Crossing) -> fmt::Result {
    let Crossing { from, to, packet, .. } = crossing;
    let (from, to) = (topology.name(*from), topology.name(*to));
    write!(out, "   {from:<4} -> {to:<4}   {:>7}  ", packet.len())?;
    match Description::of(packet, &session.code_points) {
        Ok(description) => {
            let names = names(topology, session, &description.destinations);
            writeln!(out, "{description}  for {names}")?;
        }
        Err(error) => writeln!(out, "unreadable: {error}")?,
    }
    if detail == Detail::Verbose {
        for (row, octets) in packet.chunks(16).enumerate() {
            write!(out, "       {:04x} ", row * 16)?;
            for octet in octets {
                write!(out, " {octet:02x}")?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

fn deliveries(out: &mut String, topology: &Topology, outcome: &Outcome) -> fmt::Result {
    writeln!(out, "\n   Delivered:")?;
    for ((&member, address), received) in topology.members().iter().zip(&outcome.session.members).zip(&outcome.received)
    {
        write!(out, "     {:<4} {address:<16}", topology.name(member))?;
        if received.is_empty() {
            write!(out, " nothing")?;
        }
        for result in received {
            match result {
                Ok(delivery) => {
                    let start = String::from_utf8_lossy(&delivery.frame[..delivery.frame.len().min(20)]);
                    let (len, source) = (delivery.frame.len(), name(topology, &outcome.session, delivery.source));
                    write!(out, " {len} octets from {source}: \"{start}…\"")?;
                }
                Err(reason) => write!(out, " refused: {reason}")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Xcast against one packet to each member.
pub(crate) fn comparison(out: &mut String, topology: &Topology, outcomes: &[Outcome]) -> fmt::Result {
    let members = topology.members().len();
    writeln!(out, "\n== On all links, one frame of A's ==\n")?;
    writeln!(out, "                        Xcast            {members} unicast(s)")?;
    writeln!(out, "   run                  packets  octets  packets  octets  ratio")?;
    for outcome in outcomes {
        let (packets, octets) = (outcome.passage.crossings.len(), outcome.passage.octets());
        let unicast = outcome.unicast;
        let ratio = octets as f64 / unicast.octets as f64;
        writeln!(
            out,
            "   {:<20} {packets:>7} {octets:>7}  {:>7} {:>7}  {ratio:>5.2}",
            outcome.session.run.to_string(),
            unicast.crossings,
            unicast.octets,
        )?;
    }
    Ok(())
}

/// Who has this address.
fn name<'t>(topology: &'t Topology, session: &Session, address: IpAddr) -> &'t str {
    if address == session.sender {
        return topology.name(topology.sender());
    }
    match session.members.iter().position(|&member| member == address) {
        Some(index) => topology.name(topology.members()[index]),
        None => "somebody else",
    }
}

fn names(topology: &Topology, session: &Session, addresses: &[IpAddr]) -> String {
    let shown: Vec<_> = addresses.iter().take(NAMES_SHOWN).map(|&address| name(topology, session, address)).collect();
    match addresses.len().saturating_sub(NAMES_SHOWN) {
        0 => shown.join(" "),
        more => format!("{} and {more} more", shown.join(" ")),
    }
}
