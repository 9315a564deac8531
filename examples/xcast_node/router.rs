//! The role `router`: forwards Xcast packets by the kernel's routes, and asks neighbours whether they understand Xcast.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::os::fd::RawFd;
use std::time::Duration;

use xcast_sec::forward::neighbour::{MAX_PING_LEN, Neighbours, Received, WithCapabilities};
use xcast_sec::forward::{CopyKind, Egress, ForwardError, PacketCopy, Router};
use xcast_sec::time::Instant;
use xcast_sec::wire::{CodePoints, DestinationSet, Family, IpHeader, ParseErrorKind};

use super::config::RouterConfig;
use super::host::KernelRandom;
use super::link::FRAME_LEN;
use super::log::{self, Log};
use super::network::{Network, NextHop, Routes};
use super::node::{AT_ONCE, Node, TICK};

/// Neighbours that can be asked.
const MAX_ASKED: usize = 32;

pub(crate) struct RouterNode {
    config: RouterConfig,
    /// Lent to the routes, to be asked, and to the way out, to send.
    network: RefCell<Network>,
    router: Router,
    /// Neighbours that are known to understand Xcast.
    capable: Vec<IpAddr>,
    asked: Option<Neighbours<NextHop, MAX_ASKED>>,
    random: KernelRandom,
    log: RefCell<Log>,
    buffer: Vec<u8>,
}

impl RouterNode {
    /// The error is a sentence for the user.
    pub(crate) fn new(config: RouterConfig, code_points: CodePoints, now: Instant) -> Result<Self, String> {
        let network = Network::with_tunnels(&config.interfaces, &code_points)?;
        let mut asked = config
            .ping
            .map(|ping| Neighbours::new(code_points, ping))
            .transpose()
            .map_err(|error| error.to_string())?;
        for neighbour in &config.neighbours {
            let address = neighbour.address;
            let (hop, _) = network.next_hop(address).ok_or_else(|| format!("neighbour {address}: no route to it"))?;
            if hop.address != address {
                return Err(format!("neighbour {address}: not on a link, but behind {}", hop.address));
            }
            if let (Some(own), Some(asked)) = (neighbour.ask_from, &mut asked) {
                if !network.is_local(own) {
                    return Err(format!("neighbour {address}: {own} is no address of this host"));
                }
                asked.insert(now, hop, own).map_err(|error| format!("neighbour {address}: {error}"))?;
            }
        }
        let known = config.neighbours.iter().filter(|neighbour| neighbour.ask_from.is_none());
        Ok(Self {
            capable: known.map(|neighbour| neighbour.address).collect(),
            network: RefCell::new(network),
            router: Router::new(code_points, config.policy),
            asked,
            config,
            random: KernelRandom::open().map_err(|error| format!("/dev/urandom: {error}"))?,
            log: RefCell::new(Log::new()),
            buffer: vec![0; FRAME_LEN],
        })
    }

    fn packet(&mut self, now: Instant, from: Option<NextHop>, packet: &[u8]) {
        self.network.borrow().forget_routes();
        if let Some(asked) = &mut self.asked {
            let before = from.and_then(|hop| asked.capability(hop, Family::of(&hop.address)));
            match asked.receive(now, packet, from) {
                Received::NotOurs => {}
                Received::Answer { neighbour, capability, .. } => {
                    if before != Some(capability) {
                        log::say(format_args!("neighbour {}: {capability:?}", neighbour.address));
                    }
                    return;
                }
                _ => return,
            }
        }
        let routes = Routes { network: &self.network, capable: &self.capable, tunnels: &self.config.tunnels };
        let mut out = Out { network: &self.network, log: &self.log, now };
        let forwarded = match &self.asked {
            Some(asked) => self.router.forward(now, from, packet, &WithCapabilities::new(routes, asked), &mut out),
            None => self.router.forward(now, from, packet, &routes, &mut out),
        };
        match forwarded {
            Ok(outcome) if outcome.local => {
                self.log.get_mut().packet(now, "a packet for this router itself, which is no receiver");
            }
            // All that is none of an Xcast router's business, the kernel's own traffic above all.
            Ok(_) | Err(ForwardError::NotForUs) => {}
            Err(ForwardError::Parse(error)) if error.kind() == ParseErrorKind::NotXcast => {}
            Err(error) => {
                let source = IpHeader::split(packet).map_or_else(|_| "?".into(), |(ip, _)| ip.source().to_string());
                self.log.get_mut().packet(now, format_args!("not forwarded, from {source}: {error}"));
            }
        }
    }

    /// Sends the pings that are due.
    fn ask(&mut self, now: Instant) {
        let Some(asked) = &mut self.asked else { return };
        let before: Vec<_> = asked.iter().collect();
        loop {
            match asked.poll(now, &mut self.random) {
                Ok(None) => break,
                Ok(Some(probe)) => {
                    let mut ping = [0; MAX_PING_LEN];
                    let sent = probe.emit(&mut ping).map_err(io::Error::other).and_then(|len| {
                        let ping = ping.get(..len).unwrap_or(&[]);
                        self.network.get_mut().send_to_neighbour(probe.neighbour(), ping)
                    });
                    // It counts as unanswered.
                    if let Err(error) = sent {
                        self.log.get_mut().packet(now, format_args!("ping not sent: {error}"));
                    }
                }
                Err(error) => {
                    self.log.get_mut().packet(now, format_args!("ping not made: {error}"));
                    break;
                }
            }
        }
        for (hop, own, capability) in before {
            let after = asked.capability(hop, Family::of(&own));
            if let Some(after) = after.filter(|after| *after != capability) {
                log::say(format_args!("neighbour {}: {after:?}", hop.address));
            }
        }
    }
}

impl Node for RouterNode {
    fn files(&self) -> Vec<RawFd> {
        self.network.borrow().files()
    }

    fn ready(&mut self, now: Instant, index: usize) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..AT_ONCE {
            let network = self.network.get_mut();
            let Some(interface) = network.interfaces.get_mut(index) else { break };
            let link = interface.index;
            match interface.receive(&mut buffer) {
                Ok(Some(frame)) => {
                    let like = IpHeader::split(frame.packet).map(|(ip, _)| ip.source());
                    let from = like.ok().and_then(|like| network.neighbour_of(link, frame.from, like));
                    self.packet(now, from, frame.packet);
                }
                Ok(None) => break,
                Err(error) => {
                    let line = format!("interface {}: {error}", interface.name);
                    self.log.get_mut().packet(now, line);
                    break;
                }
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    fn tick(&mut self, now: Instant) -> io::Result<()> {
        let network = self.network.get_mut();
        network.forget_routes();
        network.refresh()?;
        for neighbour in &self.config.neighbours {
            if let Some((hop, _)) = network.next_hop(neighbour.address) {
                network.keep_resolved(hop);
            }
        }
        self.ask(now);
        Ok(())
    }

    fn timeout(&self, now: Instant) -> Duration {
        let ping = self.asked.as_ref().and_then(Neighbours::next_timeout);
        ping.map_or(TICK, |at| at.since(now).min(TICK))
    }

    fn timer(&mut self, now: Instant) {
        self.ask(now);
    }

    fn tell(&self) {
        log::counters("router", &self.router.counters);
        if let Some(asked) = &self.asked {
            log::counters("pings", asked.counters());
        }
    }
}

/// The way out of a router's copies.
struct Out<'a> {
    network: &'a RefCell<Network>,
    log: &'a RefCell<Log>,
    now: Instant,
}

impl Egress<NextHop> for Out<'_> {
    type Error = io::Error;

    fn transmit(&mut self, next_hop: NextHop, copy: &PacketCopy<'_>) -> io::Result<()> {
        let mut packet = vec![0; copy.len()];
        copy.emit(&mut packet).map_err(io::Error::other)?;
        let mut network = self.network.borrow_mut();
        let sent = match copy.kind() {
            CopyKind::Xcast => network.send_to_neighbour(next_hop, &packet),
            // To a unicast address: the kernel knows the way, it is where the next hop came from.
            _ => network.send_by_kernel(&packet),
        };
        if let Err(error) = &sent {
            let line = format_args!("copy to {} not sent: {error}", next_hop.address);
            self.log.borrow_mut().packet(self.now, line);
        }
        sent
    }

    fn too_big(&mut self, next_hop: NextHop, mtu: usize, destinations: DestinationSet) {
        let line = format_args!(
            "too big for the way to {}: {} destinations not served, {mtu} octets fit",
            next_hop.address,
            destinations.len()
        );
        self.log.borrow_mut().packet(self.now, line);
    }
}
